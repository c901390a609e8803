"""What the colours on the canvas mean: one colour bar, and above it the name and the unit of the map it belongs to."""

from typing import Any, Final

from napari_tesm.data.maps import LOGARITHMS
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan, role_of

_OVERLAY: Final = "tesm_map"
_UNITS: Final = dict.fromkeys(LOGARITHMS, "D in m²/s")


def show_map_legend(session: Session, scan: Scan | None) -> None:
    """Show a colour bar for the topmost map that is visible, with its name and unit, and none for any other layer.

    Side by side, in napari's grid, every map has its own.
    """
    viewer = session.viewer
    grid = viewer.canvas.grid.enabled
    top = None
    for layer in reversed(viewer.layers):
        role = role_of(layer.metadata)
        is_map = layer.visible and role.get("kind") in ("map", "preview")
        if role.get("kind") not in ("map", "preview", "channel", "traces"):
            continue
        top = layer if top is None and is_map and role.get("scan") is scan else top
        wanted = (is_map and grid) or layer is top
        if grid and not layer.visible:
            # Its bar is out of the scene: switched off now, it could not be switched on again afterwards.
            continue
        if hasattr(layer, "colorbar") and layer.colorbar.visible != wanted:
            layer.colorbar.visible = wanted
        if hasattr(layer, "name_overlay") and layer.name_overlay.visible != (wanted and grid):
            layer.name_overlay.visible = wanted and grid
    _write_title(viewer, "" if grid or top is None else _title_of(top))


def _title_of(layer: Any) -> str:
    role = layer.metadata["tesm"]
    unit = _UNITS.get(role["map"], str(role.get("unit", "")))
    return f"{layer.name}   {unit}".rstrip()


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
