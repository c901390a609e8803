"""The docks of the plugin in a viewer that is there: one of each, whoever opens it."""

import importlib
import sys
import threading
from collections.abc import Generator
from typing import Any, Final

from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import role_of

_WORKSPACE: Final = "napari-tesm.workspace"
_IMPORT: Final = "napari-tesm.import"
_LATER: Final = "scipy.stats"
WIDTH: Final = 450
"""Width of the workspace when it opens, in pixels."""


def open_workspace(viewer: Any) -> Any:
    """Show the workspace dock of a viewer, at a width that leaves room for the image, and return its widget."""
    return _whole(workspace_in_steps(viewer))


def workspace_in_steps(viewer: Any) -> Generator[None, None, Any]:
    """Do as `open_workspace`, in steps that are short enough for one turn of the event loop each."""
    from qtpy.QtCore import Qt

    from napari_tesm.gui.panels.widgets import single_shot

    viewer = Session.of(viewer).viewer
    dock, widget = yield from _dock_in_steps(viewer, _WORKSPACE)
    yield
    _load_beside()
    prepare_canvas(viewer)
    _select_a_map(viewer)
    window = dock.window()
    if hasattr(window, "resizeDocks"):
        window.resizeDocks([dock], [WIDTH], Qt.Orientation.Horizontal)
    # The canvas takes its new size when Qt gets to it; only then is it known what fits.
    single_shot(widget, 50, viewer.reset_view).start()
    return widget


def _load_beside() -> None:
    """Load what the first preview needs, a third of a second of it, in a thread: the window goes on meanwhile."""
    if _LATER in sys.modules or any(thread.name == _LATER for thread in threading.enumerate()):
        return
    threading.Thread(target=lambda: importlib.import_module(_LATER), daemon=True, name=_LATER).start()


def open_import(viewer: Any) -> Any:
    """Show the dock that asks what is what in a recording, and return its widget."""
    return _whole(_dock_in_steps(Session.of(viewer).viewer, _IMPORT))[1]


def _whole(steps: Generator[None, None, Any]) -> Any:
    """Take all steps at once and return what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _dock_in_steps(viewer: Any, command: str) -> Generator[None, None, tuple[Any, Any]]:
    """Return the dock of a widget of the manifest, and the widget, shown before those that share its place.

    napari's menu looks for a dock by its name, and add_plugin_dock_widget would give it another.
    """
    from npe2 import PluginManager

    manager = PluginManager.instance()
    manifest = manager.get_manifest(command)
    titles = {widget.command: widget.display_name for widget in manifest.contributions.widgets or ()}
    name = f"{titles[command]} ({manifest.display_name})"
    widget = viewer.window.dock_widgets.get(name)
    if widget is None:
        made = manager.commands.get(command)(viewer)
        yield
        widget = viewer.window.dock_widgets.get(name)  # the menu may have been quicker
        if widget is None:
            widget = made
            share_place(viewer.window.add_dock_widget(widget, name=name))
            yield
        else:
            made.deleteLater()
    dock = widget.parentWidget()
    dock.show()
    dock.raise_()
    return dock, widget


def share_place(dock: Any) -> None:
    """Put a dock behind or before others of this plugin: two below each other are higher than most screens."""
    from qtpy.QtWidgets import QDockWidget

    window = dock.window()
    for other in window.findChildren(QDockWidget):
        ours = any(str(other.windowTitle()).endswith(f"({name})") for name in ("t-ESM", "napari-tesm"))
        if ours and other is not dock and other.isVisible() and hasattr(window, "tabifyDockWidget"):
            window.tabifyDockWidget(other, dock)
            dock.raise_()


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
