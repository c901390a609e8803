"""The workspace's dock in a viewer that is there."""

from typing import Any

from napari_tesm.gui.models.scan import role_of

WORKSPACE = "t-ESM workspace"
WIDTH = 450
"""Width of the workspace when it opens, in pixels."""


def open_workspace(viewer: Any) -> Any:
    """Show the workspace dock of a viewer, at a width that leaves room for the image, and return its widget."""
    from qtpy.QtCore import Qt

    from napari_tesm.gui.panels.widgets import single_shot

    dock, widget = viewer.window.add_plugin_dock_widget("napari-tesm", WORKSPACE)
    dock.show()
    dock.raise_()
    prepare_canvas(viewer)
    _select_a_map(viewer)
    window = dock.window()
    if hasattr(window, "resizeDocks"):
        window.resizeDocks([dock], [WIDTH], Qt.Orientation.Horizontal)
    # The canvas takes its new size when Qt gets to it; only then is it known what fits.
    single_shot(widget, 50, viewer.reset_view).start()
    return widget


def _select_a_map(viewer: Any) -> None:
    """Make the topmost map on screen the active layer: napari then says its value under the cursor."""
    active = viewer.layers.selection.active
    if active is not None and role_of(active.metadata).get("kind") not in ("points", "regions"):
        return
    for layer in reversed(viewer.layers):
        if layer.visible and role_of(layer.metadata).get("kind") in ("map", "preview", "channel", "traces"):
            viewer.layers.selection.active = layer
            return


def prepare_canvas(viewer: Any) -> None:
    """Switch on what a measured image needs: a scale bar."""
    viewer.canvas.overlays.scale_bar.visible = True
