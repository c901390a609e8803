"""Side by side: chosen layers next to each other with one zoom and one cursor, and everything back afterwards."""

from typing import Any, Final

import numpy as np
from psygnal import Signal

from napari_tesm.gui.layers.scan_layers import point_size
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan, role_of

_DRAWINGS: Final = ("regions", "points")


class SideBySide:
    """Puts layers into napari's grid, where all cells share one camera, each with a cross at the probe.

    Parameters
    ----------
    session : Session
    """

    disturbed = Signal()
    """Layers came or went while maps lay side by side: the cells no longer hold what they should."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._before: dict[str, Any] | None = None
        self._crosses: list[Any] = []
        self._scan: Scan | None = None

    def show(self, scan: Scan, layers: list[Any]) -> None:
        """Show these layers, one in each cell, from left to right."""
        self.restore()
        viewer = self._session.viewer
        grid = viewer.canvas.grid
        self._scan = scan
        self._before = {
            "grid": (grid.enabled, grid.stride, grid.shape),
            "visible": {id(layer): layer.visible for layer in viewer.layers},
            "order": list(viewer.layers),
            "active": viewer.layers.selection.active,
        }
        with viewer.layers.batched_update():
            self._arrange(scan, layers)
        self._session.layers_changed.connect(self._layers_changed)
        scan.probe_changed.connect(self._move_crosses)
        self._move_crosses()
        viewer.reset_view()

    def _arrange(self, scan: Scan, layers: list[Any]) -> None:
        from napari.layers import Points

        viewer = self._session.viewer
        grid = viewer.canvas.grid
        for layer in viewer.layers:
            layer.visible = False
        grid.enabled = True  # before two maps are visible, which would lie over each other
        options = scan.display.drawing_options()
        # The bottom of napari's list is the first cell; two layers make a cell: a map, and the cross on it.
        for number, layer in enumerate(layers):
            viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
            cross = viewer.add_layer(
                Points(
                    np.zeros((0, 2)), name=f"probe {number + 1}", symbol="cross", face_color="white",
                    border_color="black", border_width=0.15, size=1.6 * point_size(scan.display),
                    metadata={"tesm": {"scan": scan, "kind": "probe"}}, **options,
                )
            )  # fmt: skip
            self._crosses.append(cross)
            layer.visible = True
        # Groups of two are counted from the bottom of the list: an odd number below would tear the pairs apart.
        if (len(viewer.layers) - 2 * len(layers)) % 2:
            filler = viewer.add_layer(
                Points(
                    np.zeros((0, 2)), name="", visible=False, metadata={"tesm": {"kind": "probe"}}, **options
                )
            )
            viewer.layers.move(viewer.layers.index(filler), 0)
            self._crosses.append(filler)
        viewer.layers.selection.active = layers[0]
        grid.stride = 2
        grid.shape = _largest_cells(len(layers), scan.display.extent(), viewer.canvas.size)

    def _layers_changed(self) -> None:
        self.disturbed.emit()

    def restore(self) -> None:
        """Show everything as it was before."""
        if self._before is None or self._scan is None:
            return
        viewer, before = self._session.viewer, self._before
        self._scan.probe_changed.disconnect(self._move_crosses)
        self._before, self._scan = None, None
        self._session.layers_changed.disconnect(self._layers_changed)
        with viewer.layers.batched_update():
            self._put_back(before)
        viewer.reset_view()

    def _put_back(self, before: dict[str, Any]) -> None:
        viewer = self._session.viewer
        grid = viewer.canvas.grid
        grid.enabled, grid.stride, grid.shape = before["grid"]
        for cross in self._crosses:
            if cross in viewer.layers:
                viewer.layers.remove(cross)
        self._crosses = []
        for place, layer in enumerate(layer for layer in before["order"] if layer in viewer.layers):
            if viewer.layers.index(layer) != place:
                viewer.layers.move(viewer.layers.index(layer), place)
        # A map that came in the meantime is the one to be seen, below what is drawn.
        new = [layer for layer in viewer.layers if layer not in before["order"] and _is_map(layer)]
        drawings = [layer for layer in viewer.layers if role_of(layer.metadata).get("kind") in _DRAWINGS]
        if drawings:
            for layer in new:
                place = min(viewer.layers.index(drawing) for drawing in drawings)
                viewer.layers.move(viewer.layers.index(layer), place)
        came = any(layer.visible for layer in new)
        for layer in before["order"]:
            if layer in viewer.layers:
                layer.visible = before["visible"][id(layer)] and not (came and _is_map(layer))
        if before["active"] in viewer.layers:
            viewer.layers.selection.active = before["active"]

    def _move_crosses(self) -> None:
        scan = self._scan
        if scan is None:
            return
        place = np.zeros((0, 2))
        if scan.probe is not None:
            display = scan.display
            place = np.asarray([display.origin]) + np.asarray([scan.probe]) * display.spacing
        for cross in self._crosses:
            if cross.visible and cross in self._session.viewer.layers:
                cross.data = place


def _is_map(layer: Any) -> bool:
    return role_of(layer.metadata).get("kind") in ("map", "preview")


def _largest_cells(count: int, extent: tuple[float, float], canvas: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns in which images of this height and width come out largest on the canvas."""

    def scale(rows: int) -> float:
        columns = -(-count // rows)
        return min(canvas[0] / (rows * extent[0]), canvas[1] / (columns * extent[1]))

    rows = max(range(1, count + 1), key=scale)
    return rows, -(-count // rows)
