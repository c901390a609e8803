"""Lines of both surfaces on the upright section that is on screen, while its slider moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_tesm.gui.volumes.layers import UNIT_IN_METRES, lines_layer
from napari_tesm.gui.volumes.scene import UPRIGHT, VolumeScene
from napari_tesm.gui.volumes.state import VolumeState
from napari_tesm.gui.volumes.tasks import Latest
from napari_tesm.volumes.dataset import AXES
from napari_tesm.volumes.section_lines import surfaces_on_section

_COLOURS: Final = ("white", "#ff4fd8")
"""Of collector and electrode."""
_WIDTH: Final = 1 / 200
"""Of a line, in parts of the width of a volume."""
Surfaces = tuple[NDArray[np.float64], NDArray[np.float64] | None]


@dataclass(frozen=True, eq=False)
class ShownSection:
    """An upright section that is on screen.

    Parameters
    ----------
    state : VolumeState
    axis : {1, 2}
        That of the slider, of z, y, x.
    index : int
        Which section along it.
    """

    state: VolumeState
    axis: int
    index: int

    def surfaces(self) -> Surfaces:
        """Return the surfaces on it in m: those that were found, else those of this section alone."""
        state, axis = self.state, AXES[self.axis]
        if state.surfaces is not None:
            cut = state.surfaces.isel({axis: self.index})
            electrode = None if state.no_electrode else cut["electrode_surface"].values
            return cut["collector_surface"].values, electrode
        assert state.greys is not None
        return surfaces_on_section(state.volume, state.greys.levels, state.greys.electrode, axis, self.index)


class SectionLines(QObject):
    """Draws the surfaces on what is shown of a scene.

    Parameters
    ----------
    parent : QObject
    scene : VolumeScene
    """

    def __init__(self, parent: QObject, scene: VolumeScene) -> None:
        super().__init__(parent)
        self._scene = scene
        self._latest = Latest(parent)

    @property
    def running(self) -> bool:
        """Whether lines are being found."""
        return self._latest.running

    def follow(self) -> None:
        """Draw what is known at once, and find what is not."""
        sections = shown_sections(self._scene)
        if all(section.state.surfaces is not None for section in sections):
            self._draw([(section, section.surfaces()) for section in sections])
            return
        self._latest.ask(
            lambda: [(section, section.surfaces()) for section in sections],
            self._draw,
            lambda _: self._draw([]),
        )

    def _draw(self, found: list[tuple[ShownSection, Surfaces]]) -> None:
        scene = self._scene
        layer = scene.layer_of(None, "lines")
        # The slider may be elsewhere, and a state gone, since they were asked for.
        here = {(s.state, s.axis, s.index) for s in shown_sections(scene)}
        found = [(s, surfaces) for s, surfaces in found if (s.state, s.axis, s.index) in here]
        if layer is None and (not found or "lines" in scene.unwanted):
            return
        if not found:
            layer.data = []
            return
        voxel = np.asarray(found[0][0].state.voxel) / UNIT_IN_METRES
        if layer is None or not np.array_equal(layer.scale, voxel):
            layer = scene.put(None, "lines", lines_layer(voxel))
        lines = [
            (path / UNIT_IN_METRES / voxel - 0.5, colour)
            for section, surfaces in found
            for surface, colour in zip(surfaces, _COLOURS, strict=True)
            if surface is not None
            for path in whole_parts(self._path(section, surface))
        ]
        widest = max(max(section.state.size) for section, _ in found) / UNIT_IN_METRES
        layer.data = []
        if not lines:
            return
        layer.add_paths(
            [path for path, _ in lines],
            edge_color=[colour for _, colour in lines],
            edge_width=_WIDTH * widest / voxel[-1],
        )

    def _path(self, section: ShownSection, surface: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a line along the middles of voxels, z, y, x in m."""
        scene, along = self._scene, 3 - section.axis
        path = np.empty((surface.size, 3))
        path[:, 0] = surface
        path[:, section.axis] = scene.slider_place(section.axis)
        path[:, along] = (np.arange(surface.size) + 0.5) * section.state.voxel[along]
        if along == scene.offset_axis:
            path[:, along] += scene.offsets.get(section.state, 0.0)
        return path


def shown_sections(scene: VolumeScene) -> list[ShownSection]:
    """Return the upright sections on screen of states whose grey values are known."""
    dims = scene.viewer.dims
    if dims.ndim < 3 or dims.ndisplay != 2 or scene.view not in UPRIGHT:
        return []
    axis = dims.order[-3] - (dims.ndim - 3)
    if axis not in (1, 2):
        return []
    place = scene.slider_place(axis)
    found = []
    for state in scene.shown:
        index = int(np.floor(place / state.voxel[axis] + 1e-6))
        if state.greys is not None and 0 <= index < state.shape[axis]:
            found.append(ShownSection(state, axis, index))
    return found


def whole_parts(path: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the parts of a line in which every point is known, of two points at least.

    Examples
    --------
    >>> [part.ravel().tolist() for part in whole_parts(np.array([[1.0], [2.0], [np.nan], [4.0], [5.0]]))]
    [[1.0, 2.0], [4.0, 5.0]]
    """
    known = np.isfinite(path).all(axis=1)
    parts = np.split(path, np.flatnonzero(np.diff(known)) + 1)
    return [part for part in parts if len(part) > 1 and np.isfinite(part[0]).all()]
