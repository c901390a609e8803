"""What is said of the map on the canvas: a colour bar, its name and unit, and how long the shortest it resolves is."""

from typing import Any, Final

from napari_tesm.data.maps import LOGARITHMS
from napari_tesm.gui.layers.scan_views import title_of
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan, role_of

_MAPS: Final = ("map", "preview", "series")
_OVERLAY: Final = "tesm_map"
_BAR: Final = "tesm_resolution"
_WORD_AT_BAR: Final = "tesm_resolution_word"
_UNITS: Final = dict.fromkeys(LOGARITHMS, "D in m²/s")


def show_map_legend(session: Session, scan: Scan | None) -> None:
    """Show a colour bar for the topmost visible map or image, with its name and unit, and none for any other layer.

    A map with lateral diffusion taken out has its resolution beside it, as a bar of that length. Side by side, in
    napari's grid, every map has its own colour bar, and nothing else is shown.
    """
    viewer = session.viewer
    grid = viewer.canvas.grid.enabled
    top = None
    for layer in reversed(viewer.layers):
        role = role_of(layer.metadata)
        is_map = layer.visible and role.get("kind") in _MAPS
        if role.get("kind") not in (*_MAPS, "channel", "traces"):
            continue
        is_image = layer.visible and role["kind"] == "channel" and hasattr(layer, "colorbar")
        top = layer if top is None and (is_map or is_image) and role.get("scan") is scan else top
        wanted = is_map if grid else layer is top
        if grid and not layer.visible:
            # Its bar is out of the scene: switched off now, it could not be switched on again afterwards.
            continue
        # All maps of a series have the scale that stands beside those in the tab.
        bar = wanted and not (grid and role["kind"] == "series")
        if hasattr(layer, "colorbar") and layer.colorbar.visible != bar:
            layer.colorbar.visible = bar
        if hasattr(layer, "name_overlay") and layer.name_overlay.visible != (wanted and grid):
            layer.name_overlay.visible = wanted and grid
    alone = None if grid else top
    _write_title(viewer, "" if alone is None else _title_of(alone))
    _show_resolution(session, alone)


def _title_of(layer: Any) -> str:
    role = layer.metadata["tesm"]
    unit = _UNITS.get(role.get("map", ""), str(role.get("unit", "")))
    # Words stand below: beside the name they would run into the colour bar of a narrow canvas.
    return f"{title_of(layer)}\n{unit}" if " " in unit else f"{title_of(layer)}   {unit}".rstrip()


def _write_title(viewer: Any, text: str) -> None:
    from napari.components._viewer_constants import CanvasPosition
    from napari.components.overlays import TextOverlay

    overlays = viewer.canvas.overlays
    if _OVERLAY not in overlays:
        if not text:
            return
        overlays[_OVERLAY] = TextOverlay(position=CanvasPosition.TOP_LEFT)
    overlay = overlays[_OVERLAY]
    if overlay.text != text:
        overlay.text = text
    if overlay.visible != bool(text):
        overlay.visible = bool(text)


def _show_resolution(session: Session, layer: Any) -> None:
    """Draw a bar as long as what a map resolves; none for a map that is of each pixel by itself.

    Bar and word stand above napari's scale bar: one below the other they have room on a narrow canvas, too.
    """
    from napari.components._viewer_constants import CanvasPosition
    from napari.components.overlays import ScaleBarOverlay, TextOverlay

    overlays = session.viewer.canvas.overlays
    resolution = _resolution_in_world(session, layer)
    if resolution is None:
        for name in (_BAR, _WORD_AT_BAR):
            if name in overlays:
                overlays[name].visible = False
        return
    length, words = resolution
    if _BAR not in overlays:
        place = {"position": CanvasPosition.BOTTOM_RIGHT}
        overlays[_BAR] = ScaleBarOverlay(**place)
        overlays[_WORD_AT_BAR] = TextOverlay(text=words, **place)
    if overlays[_BAR].length != length:
        overlays[_BAR].length = length
    if overlays[_WORD_AT_BAR].text != words:
        overlays[_WORD_AT_BAR].text = words
    for name in (_BAR, _WORD_AT_BAR):
        if not overlays[name].visible:
            overlays[name].visible = True


def _resolution_in_world(session: Session, layer: Any) -> tuple[float, str] | None:
    """Return the length of the bar, to two digits, in the unit of napari's world, and the words beside it."""
    role = {} if layer is None else role_of(layer.metadata)
    if role.get("resolution") is None:
        return None
    length, words = role["resolution"]
    display = role["scan"].display
    shown = length / display.factor / session.world_step(-1, display.unit)
    return float(f"{shown:.2g}"), words
