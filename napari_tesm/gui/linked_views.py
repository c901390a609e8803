"""Side by side: chosen layers next to each other with one zoom and one cursor, and everything back afterwards."""

from typing import Any

import numpy as np

from napari_tesm.gui.layers import point_size
from napari_tesm.gui.scan import Scan
from napari_tesm.gui.session import Session


class SideBySide:
    """Puts layers into napari's grid, where all cells share one camera, each with a cross at the probe.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._before: dict[str, Any] | None = None
        self._crosses: list[Any] = []
        self._scan: Scan | None = None

    @property
    def active(self) -> bool:
        """Whether layers lie side by side."""
        return self._before is not None

    def show(self, scan: Scan, layers: list[Any]) -> None:
        """Show these layers, one in each cell, from left to right."""
        from napari.layers import Points

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
        for layer in viewer.layers:
            layer.visible = False
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
        grid.enabled = True
        scan.probe_changed.connect(self._move_crosses)
        self._move_crosses()
        viewer.reset_view()

    def restore(self) -> None:
        """Show everything as it was before."""
        if self._before is None or self._scan is None:
            return
        viewer, before = self._session.viewer, self._before
        self._scan.probe_changed.disconnect(self._move_crosses)
        self._before, self._scan = None, None
        grid = viewer.canvas.grid
        grid.enabled, grid.stride, grid.shape = before["grid"]
        for cross in self._crosses:
            if cross in viewer.layers:
                viewer.layers.remove(cross)
        self._crosses = []
        for place, layer in enumerate([known for known in before["order"] if known in viewer.layers]):
            if viewer.layers.index(layer) != place:
                viewer.layers.move(viewer.layers.index(layer), place)
        for layer in viewer.layers:
            layer.visible = before["visible"].get(id(layer), layer.visible)
        if before["active"] in viewer.layers:
            viewer.layers.selection.active = before["active"]
        viewer.reset_view()

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


def _largest_cells(count: int, extent: tuple[float, float], canvas: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns in which images of this height and width come out largest on the canvas."""

    def scale(rows: int) -> float:
        columns = -(-count // rows)
        return min(canvas[0] / (rows * extent[0]), canvas[1] / (columns * extent[1]))

    rows = max(range(1, count + 1), key=scale)
    return rows, -(-count // rows)
