"""Blocks of voxels on which pores, matrix and particles of an electrode are told apart, and what parts them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import INTENSITY, Voxel
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.tiles import Area, columns_of

Blocks = NDArray[np.float32]

SMOOTHING: Final = 0.7
"""Width of the smoothing of blocks, in blocks."""
FROM_SURFACES: Final = 3
"""Blocks to the surfaces of collector and electrode within which the one and the air shine in."""
_SLAB: Final = 64
_PLACES: Final = ((0.5, 0.5), (0, 0), (0, 1), (1, 0), (1, 1))
_SAMPLE_SIDE: Final = 96
_BRIGHT: Final = 4.0
"""Widths of the noise above the matrix from which on a block may be of a particle."""
_CLEAR: Final = 6.0
"""Widths of the noise by which particles exceed the matrix, and the matrix air, where they are told apart."""
_RARE: Final = 2e-4
_CORES: Final = (5, 3)
"""Blocks along a side of what must be bright for its middle to be the core of a particle, and no rim."""
_BRIGHTEST: Final = 0.9
"""Quantile of what is brighter than the matrix that stands for particles that are too fine for a core."""
_SUBSTRATE: Final = 0.7


@dataclass(frozen=True)
class Grid:
    """Blocks of voxels.

    Parameters
    ----------
    factors : tuple of int
        Voxels of a block along z, y, x.
    edges : tuple of float
        Its size in m.
    """

    factors: tuple[int, int, int]
    edges: Voxel

    @classmethod
    def of(cls, voxel: Voxel, finest: float) -> Grid:
        """Return blocks whose edges are as near below a length in m as whole voxels allow."""
        z, y, x = (max(int(finest / edge + 1e-9), 1) for edge in voxel)
        return cls((z, y, x), (z * voxel[0], y * voxel[1], x * voxel[2]))


@dataclass(frozen=True)
class Phases:
    """Attenuation (air 0, collector 1) of what an electrode is made of.

    Parameters
    ----------
    matrix : float
        Of binder, carbon and all that is finer than a block.
    particle : float or None
        Of particles; None where none stand out of noise and matrix: they are below the resolution.
    noise : float
        Width of the noise of a smoothed block.
    """

    matrix: float
    particle: float | None
    noise: float

    def particle_threshold(self, shift: float = 0.0) -> float:
        """Return what parts particles from matrix, moved by a part of their contrast."""
        if self.particle is None:
            return math.inf
        return self.matrix + (0.5 + shift) * (self.particle - self.matrix)

    def pore_threshold(self, shift: float = 0.0) -> float | None:
        """Return what parts pores from matrix; None where noise hides them."""
        clear = self.matrix > _CLEAR * self.noise
        return (0.5 + shift) * self.matrix if clear else None


def blocks_of(volume: xr.Dataset, levels: Levels, area: Area, planes: slice, grid: Grid) -> Blocks:
    """Return the smoothed attenuation of blocks of voxels; the volume is read a few planes at a time.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    area : tuple of slice
        Rows and columns; what is left over at the far end is no whole block and is left out.
    planes : slice
        Of the volume, from a multiple of a block's height on.
    grid : Grid
    """
    from scipy.ndimage import gaussian_filter

    fz, fy, fx = grid.factors
    rows, columns = ((part.stop - part.start) // factor for part, factor in zip(area, (fy, fx), strict=True))
    count = (planes.stop - planes.start) // fz
    blocks = np.empty((count, rows, columns), np.float32)
    whole = (
        slice(area[0].start, area[0].start + rows * fy),
        slice(area[1].start, area[1].start + columns * fx),
    )
    step = max(_SLAB // fz, 1)
    for first in range(0, count, step):
        last = min(first + step, count)
        part = slice(planes.start + first * fz, planes.start + last * fz)
        values = columns_of(volume, whole, part).reshape(last - first, fz, rows, fy, columns, fx)
        blocks[first:last] = values.mean(axis=(1, 3, 5))
    return np.asarray(gaussian_filter(levels.normalised(blocks), SMOOTHING))


def map_in_blocks(values: NDArray[np.floating], area: Area, grid: Grid) -> Blocks:
    """Return the means of a map (y, x) over the blocks of an area."""
    _, fy, fx = grid.factors
    part = values[area]
    rows, columns = part.shape[0] // fy, part.shape[1] // fx
    whole = part[: rows * fy, : columns * fx].reshape(rows, fy, columns, fx)
    return np.asarray(whole.mean(axis=(1, 3)), dtype=np.float32)


def phases_of(volume: xr.Dataset, levels: Levels, surfaces: xr.Dataset, grid: Grid) -> Phases:
    """Return what parts pores, matrix and particles, found at a few places: the corners and the middle.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    surfaces : xarray.Dataset
        As `surfaces_of` gives them, with an electrode.
    grid : Grid
    """
    shape = volume[INTENSITY].shape
    from scipy.ndimage import minimum_filter

    inside, air = [], []
    cores: dict[int, list[Blocks]] = {size: [] for size in _CORES}
    apart = FROM_SURFACES * grid.edges[0]
    for place in _PLACES:
        area = _sample(place, (shape[1], shape[2]), grid)
        blocks = blocks_of(volume, levels, area, slice(0, shape[0]), grid)
        bottom, top = (
            map_in_blocks(surfaces[f"{name}_surface"].values, area, grid)
            for name in ("collector", "electrode")
        )
        heights = ((np.arange(blocks.shape[0]) + 0.5) * grid.edges[0])[:, None, None]
        within = (heights > bottom + apart) & (heights < top - apart)
        inside.append(blocks[within])
        for size, found in cores.items():
            found.append(np.stack([blocks[within], minimum_filter(blocks, size)[within]]))
        air.append(blocks[heights > top + apart])
    electrode, above = np.concatenate(inside), np.concatenate(air)
    matrix = float(levels.normalised(np.float32(surfaces.attrs["electrode_level"])))  # type: ignore[arg-type]
    noise = 1.4826 * float(np.median(np.abs(above))) if above.size > 100 else float(np.std(electrode))
    limit = matrix + _BRIGHT * noise
    bright = electrode[(electrode > limit) & (electrode < _SUBSTRATE)]
    if bright.size <= _RARE * electrode.size:
        return Phases(matrix, None, noise)
    particle = float(np.quantile(bright, _BRIGHTEST))
    for parts in cores.values():
        values, darkest = np.concatenate(parts, axis=1)
        core = values[(darkest > limit) & (values < _SUBSTRATE)]
        if core.size > _RARE * electrode.size:
            particle = float(np.median(core))
            break
    return Phases(matrix, particle if particle - matrix > _CLEAR * noise else None, noise)


def _sample(place: tuple[float, float], shape: tuple[int, int], grid: Grid) -> Area:
    parts = []
    for part, size, factor in zip(place, shape, grid.factors[1:], strict=True):
        start = int(part * max(size - _SAMPLE_SIDE, 0)) // factor * factor
        parts.append(slice(start, min(start + _SAMPLE_SIDE, size)))
    return parts[0], parts[1]
