"""Where the electrode has come off its collector: air that begins at the collector, with electrode above it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import INTENSITY, voxel_of
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.sections import values_at
from napari_tesm.volumes.surfaces import known_surfaces
from napari_tesm.volumes.tiles import columns_of, side_of_tiles, tiles

Map = NDArray[np.float32]

_FIRST: Final = 1.5
"""Voxels above the collector's surface from which on its blur is gone."""
_LONGEST: Final = 2e-6
"""Height in m up to which air on the collector is followed."""
_LATERAL: Final = 1.2
_REGULAR: Final = 1.5
_SIGMAS: Final = 4.0
"""Widths of what noise alone gives by which a gap has to show."""
_BESIDE: Final = 1.0
"""Widths that are enough for columns next to those: at the border of a gap smoothing leaves half of it."""
_LEAST: Final = 2.5
"""Voxels of the lowest gap that is told from the collector's blur."""
_ABOVE: Final = 4.0
"""Voxels of electrode that lie on a gap at least; else the collector is bare."""
_HALO: Final = 14
_COPIES: Final = 10
_MIDDLE: Final = 0.4
"""Where in the electrode the control begins, in parts of its height."""
BAND: Final = 0.1
"""By which part of the contrast thresholds are moved for the band."""


@dataclass(frozen=True)
class Gap:
    """Air between collector and electrode.

    Parameters
    ----------
    map : DataArray, dims (y, x)
        Height of the gap in m, 0 where there is none, NaN where it is not known.
    area_fraction, height : float
        Part of the field that has one, and its mean height there in m, cracks left out; NaN where there is none.
    area_band, height_band : tuple of float
        The same with the threshold between air and electrode moved down and up by a tenth of their contrast.
    control : float
        Part of the field in which the same search, begun in the middle of the electrode, finds air: pores and noise.
    """

    map: xr.DataArray
    area_fraction: float
    height: float
    area_band: tuple[float, float]
    height_band: tuple[float, float]
    control: float


def gap_of(
    volume: xr.Dataset,
    levels: Levels,
    surfaces: xr.Dataset,
    *,
    side: int | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Gap:
    """Return where the electrode has come off its collector: nowhere, where there is none.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    surfaces : xarray.Dataset
        As `surfaces_of` gives them.
    side : int, optional
        Columns along a side of the tiles that are held in memory.
    progress : callable, optional

    Notes
    -----
    The likelihood of the surfaces once more: of air that begins at the collector and ends above voxel k, the sum of
    what lies below the middle between air and electrode up to k. It is looked at along the collector's own surface, so
    that its slopes mix nothing in, and smoothed there. A gap counts where the sum exceeds four widths of what the noise
    of air gives in a gap of the least height, and beside such places where it exceeds one: at the border of a gap the
    smoothing leaves half of the sum.
    """
    level = surfaces.attrs["electrode_level"]
    surfaces, known = known_surfaces(surfaces)
    if level is None:
        return _gap(surfaces, known, np.zeros((4, *surfaces["thickness"].shape), np.float32))
    edge = voxel_of(volume)[0]
    planes, rows, columns = volume[INTENSITY].shape
    heights = np.arange(_FIRST, max(_LONGEST / edge, _FIRST + 6), dtype=np.float32)
    electrode = float(levels.normalised(np.float32(level)))  # type: ignore[arg-type]
    noise = _noise_of_air(volume, levels)
    middles = [electrode * (0.5 + shift) for shift in (0.0, -BAND, BAND)]
    found = np.zeros((len(middles) + 1, rows, columns), np.float32)
    span = min(
        planes, math.ceil(float(np.ptp(surfaces["collector_surface"].values)) / edge) + 2 * heights.size
    )
    side = side_of_tiles(span, _HALO, _COPIES) if side is None else side
    every = list(tiles((rows, columns), side, _HALO))
    for number, tile in enumerate(every):
        bottom, top = (
            surfaces[f"{name}_surface"].values[tile.outer].astype(np.float32) / np.float32(edge)
            for name in ("collector", "electrode")
        )
        starts = [bottom] * len(middles) + [bottom + np.maximum(_MIDDLE * (top - bottom), 4)]
        for place, (start, middle) in enumerate(zip(starts, [*middles, middles[0]], strict=True)):
            if place == 0 or start is not bottom:
                along = _above(volume, levels, tile.outer, start, heights)
            lengths = gap_lengths(along, heights, middle, electrode, noise)
            lengths[top - start - lengths < _ABOVE] = 0
            found[place][tile.target] = lengths[tile.inner]
        if progress is not None:
            progress((number + 1) / len(every), "looking for gaps")
    return _gap(surfaces, known, found * edge)


def gap_lengths(along: Map, heights: Map, middle: float, electrode: float, noise: float) -> Map:
    """Return the height of the air above a surface in voxels, 0 where the electrode touches it.

    Parameters
    ----------
    along : ndarray, shape (heights, y, x)
        Attenuation above the surface, smoothed along it.
    heights : ndarray
        Of its planes, a voxel apart.
    middle, electrode, noise : float
        Attenuation between air and electrode that parts them, of the electrode, and width of the noise in `along`.
    """
    from scipy.ndimage import binary_propagation, gaussian_filter, median_filter

    excess = np.clip(np.float32(middle) - along, np.float32(middle - electrode), np.float32(middle))
    likelihood = gaussian_filter(np.cumsum(excess, axis=0), (0, _REGULAR, _REGULAR))
    last = likelihood.argmax(axis=0)
    clear = likelihood.max(axis=0) / (noise * math.sqrt(_LEAST))
    lengths = median_filter(np.where(clear > _BESIDE, heights[last] + np.float32(0.5), np.float32(0)), 5)
    lengths[lengths < _LEAST] = 0
    return np.where(binary_propagation((clear > _SIGMAS) & (lengths > 0), mask=lengths > 0), lengths, 0)


def _above(volume: xr.Dataset, levels: Levels, area: tuple[slice, slice], start: Map, heights: Map) -> Map:
    """Return the attenuation above a surface, smoothed along it."""
    from scipy.ndimage import gaussian_filter

    planes = volume[INTENSITY].shape[0]
    low = int(np.clip(math.floor(float(start.min())) - 1, 0, planes - 2))
    high = int(np.clip(math.ceil(float(start.max()) + float(heights[-1])) + 2, low + 2, planes))
    slab = levels.normalised(columns_of(volume, area, slice(low, high)))
    places = start[None] + heights[:, None, None] - np.float32(0.5 + low)
    return np.asarray(gaussian_filter(values_at(slab, places), (0, _LATERAL, _LATERAL)))


def _noise_of_air(volume: xr.Dataset, levels: Levels) -> float:
    """Return the width of the noise of the highest planes, smoothed as the air of a gap is."""
    from scipy.ndimage import gaussian_filter

    planes, rows, columns = volume[INTENSITY].shape
    slab = slice(max(planes - 12, 0), planes)
    area = (slice(0, min(rows, 512)), slice(0, min(columns, 512)))
    width = math.hypot(_LATERAL, _REGULAR)
    smooth = gaussian_filter(levels.normalised(columns_of(volume, area, slab)), (0, width, width))
    return 1.4826 * float(np.median(np.abs(smooth - np.median(smooth))))


def _gap(surfaces: xr.Dataset, known: NDArray[np.bool_], found: NDArray[np.float32]) -> Gap:
    shares = [float((lengths[known] > 0).mean()) for lengths in found]
    heights = [_height(lengths[known & (lengths > 0)]) for lengths in found]
    lengths = xr.DataArray(
        np.where(known, found[0], np.nan).astype(np.float64),
        {axis: surfaces[axis] for axis in ("y", "x")},
        ("y", "x"),
        name="gap",
        attrs={"units": "m", "long_name": "Gap"},
    )
    return Gap(lengths, shares[0], heights[0], (shares[1], shares[2]), (heights[1], heights[2]), shares[3])


def _height(lengths: NDArray[np.float32]) -> float:
    """Return the mean height; a crack through the electrode, far higher than what it opens into, is no part of it."""
    return float(lengths[lengths < 2 * np.median(lengths)].mean()) if lengths.size else math.nan
