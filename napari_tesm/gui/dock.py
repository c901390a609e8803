"""The docks of the plugin in a viewer that is there: one of each, whoever opens it."""

from typing import Any, Final

from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import IMPORT, role_of

WORKSPACE: Final = "t-ESM workspace"
WIDTH: Final = 450
"""Width of the workspace when it opens, in pixels."""
_IN_MENU: Final = "{} (t-ESM)"
"""What napari calls a dock that its menu opens; it looks for one that is there by this name."""


def open_workspace(viewer: Any) -> Any:
    """Show the workspace dock of a viewer, at a width that leaves room for the image, and return its widget."""
    from qtpy.QtCore import Qt

    from napari_tesm.gui.panels.widgets import single_shot
    from napari_tesm.gui.panels.workspace import Workspace

    viewer = Session.of(viewer).viewer
    dock, widget = _dock_with(viewer, WORKSPACE, Workspace)
    prepare_canvas(viewer)
    _select_a_map(viewer)
    window = dock.window()
    if hasattr(window, "resizeDocks"):
        window.resizeDocks([dock], [WIDTH], Qt.Orientation.Horizontal)
    # The canvas takes its new size when Qt gets to it; only then is it known what fits.
    single_shot(widget, 50, viewer.reset_view).start()
    return widget


def open_import(viewer: Any) -> Any:
    """Show the dock that asks what is what in a recording, and return its widget."""
    from napari_tesm.gui.panels.importing import ImportPanel

    return _dock_with(Session.of(viewer).viewer, IMPORT, ImportPanel)[1]


def _dock_with(viewer: Any, title: str, make: Any) -> tuple[Any, Any]:
    """Return a dock and its widget, shown before those that share its place; it is made where there is none."""
    name = _IN_MENU.format(title)
    widget = viewer.window.dock_widgets.get(name)
    if widget is None:
        widget = make(viewer)
        dock = viewer.window.add_dock_widget(widget, name=name)
    else:
        dock = widget.parentWidget()
    dock.show()
    dock.raise_()
    return dock, widget


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
