"""Attenuation against the distance from the collector's surface, which is rough: not against height."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.files.sentences import Sentence
from napari_tesm.volumes.blur import blur_of
from napari_tesm.volumes.dataset import INTENSITY, voxel_of
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.surfaces import known_surfaces
from napari_tesm.volumes.tiles import Tile, columns_of, side_of_tiles, tiles

Array = NDArray[np.float64]

_MIXED: Final = 5.0
"""Widths of the collector's edge that its blur reaches: grey values there are no electrode's alone."""
_SHARPEST: Final = 2
"""Voxels that are mixed however sharp the edge is: distances are right to a part of one."""
_COPIES: Final = 14
"""Arrays of single precision that a tile and its distances come to."""
_BLOCKS: Final = 6
"""Blocks along each side of the field whose means tell the error."""
_COARSER: Final = (1, 2, 3)
"""Blocks along each side that are taken together, where neighbours may be alike: the largest error counts."""
_NEAR: Final = 16
"""Voxels above the highest point of the surface up to which distances are those of every voxel by itself."""
_BIN: Final = 2
_BEYOND: Final = 0.5e-6
_MOST_BINS: Final = 10_000
COLUMNS: Final = ("distance", "attenuation", "sd", "mean_error", "within", "share", "count", "control")
"""What a profile tells for each bin."""


@dataclass(frozen=True)
class Profile:
    """Attenuation, air 0 and collector 1, in bins of distance from the collector's surface.

    Parameters
    ----------
    distance : ndarray, shape (bins,), in m
        Middles of the bins.
    attenuation, sd : ndarray
        Mean and standard deviation over all voxels at this distance, pores and air above the electrode among them; the
        noise of a voxel is part of the latter.
    mean_error : ndarray
        Standard error of the mean, from the scatter of 6 × 6, 3 × 3 or 2 × 2 blocks of the field: the largest.
    within : ndarray
        Mean over the voxels below the electrode's surface alone; NaN where there are none.
    share : ndarray
        Part of the voxels that lies below it.
    count : ndarray
        Voxels.
    control : ndarray
        What the same measurement finds of this collector alone, blurred as it is and with nothing on it.
    mixed_below : float
        Distance in m up to which the collector's blur is mixed in.
    """

    distance: Array
    attenuation: Array
    sd: Array
    mean_error: Array
    within: Array
    share: Array
    count: Array
    control: Array
    mixed_below: float


def profile_of(
    volume: xr.Dataset,
    levels: Levels,
    surfaces: xr.Dataset,
    *,
    bin_width: float | None = None,
    reach: float | None = None,
    mixed_below: float | None = None,
    side: int | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Profile:
    """Return the attenuation against the Euclidean distance from the collector's surface.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    surfaces : xarray.Dataset
        As `surfaces_of` gives them.
    bin_width : float, optional
        In m; two voxels by default.
    reach : float, optional
        Largest distance in m; by default half a micrometre beyond nearly all of the electrode.
    mixed_below : float, optional
        Distance in m up to which the collector's blur counts as mixed in; by default five widths of its edge.
    side : int, optional
        Columns along a side of the tiles that are held in memory.
    progress : callable, optional

    Raises
    ------
    ValueError
        If the bins are narrower than a voxel, or none fits into the reach.
    """
    voxel = voxel_of(volume)
    surfaces, known = known_surfaces(surfaces)
    planes, rows, columns = volume[INTENSITY].shape
    width = _BIN * max(voxel) if bin_width is None else bin_width
    wanted = float(np.quantile(surfaces["thickness"], 0.99)) + _BEYOND if reach is None else reach
    count = math.ceil(wanted / width - 1e-9) if width > 0 and math.isfinite(wanted) else 0
    if not max(voxel) * (1 - 1e-9) <= width:
        raise ValueError(
            Sentence(
                "bins of distance are no narrower than a voxel: give {bin:{edge}}", edge=_text(max(voxel))
            )
        )
    if not 1 <= count <= _MOST_BINS:
        raise ValueError(
            Sentence(
                "a reach of {wanted:.3g} m makes {count} bins: give {reach:4um}", wanted=wanted, count=count
            )
        )
    halo = _columns_beside(surfaces, voxel, count * width)
    if side is None:
        needed = _planes_needed(surfaces, voxel[0], count * width, planes)
        side = _side(needed, halo, (rows, columns))
    blur = blur_of(volume, levels, surfaces)
    sums = np.zeros((3, _BLOCKS**2, count))
    alone = np.zeros(count)
    inside = np.zeros((2, count))
    every = list(tiles((rows, columns), side, halo))
    for number, tile in enumerate(every):
        _add_tile(volume, levels, surfaces, known, tile, width, sums, inside, alone, blur)
        if progress is not None:
            progress((number + 1) / len(every), "measuring the profile")
    if mixed_below is None:
        mixed_below = max(_MIXED * blur, _SHARPEST * max(voxel))
    return _profile(sums, inside, alone, width, mixed_below)


def _add_tile(
    volume: xr.Dataset,
    levels: Levels,
    surfaces: xr.Dataset,
    known: NDArray[np.bool_],
    tile: Tile,
    width: float,
    sums: Array,
    inside: Array,
    alone: Array,
    blur: float,
) -> None:
    """Add what a tile comes to: numbers, sums and squares by block and bin, those within, and of a bare collector."""
    voxel = voxel_of(volume)
    total, rows, columns = volume[INTENSITY].shape
    count = sums.shape[2]
    surface = surfaces["collector_surface"].values[tile.outer] / voxel[0]
    low = max(math.floor(surface.min()) - 1, 0)
    # Beside a hill voxels are nearer to it than to what lies below them: the halo's hills count.
    high = min(math.ceil(surface.max() + count * width / voxel[0]) + 1, total)
    distance = _distances(surface, slice(low, high), voxel, tile)
    values = levels.normalised(columns_of(volume, tile.target, slice(low, high)))
    near = known[tile.target] & (distance > 0) & (distance < count * width)
    bins = (distance[near] / np.float32(width)).astype(np.intp)
    bins = np.minimum(bins, count - 1)
    taken = values[near].astype(np.float64)
    blocks = [
        np.minimum(np.arange(part.start, part.stop) * _BLOCKS // size, _BLOCKS - 1)
        for part, size in zip(tile.target, (rows, columns), strict=True)
    ]
    block = np.broadcast_to(blocks[0][:, None] * _BLOCKS + blocks[1][None, :], near.shape)[near]
    place = block * count + bins
    for total_of, weights in zip(sums, (None, taken, taken**2), strict=True):
        total_of += np.bincount(place, weights, total_of.size).reshape(total_of.shape)
    top = surfaces["electrode_surface"].values[tile.target] / voxel[0]
    below = (np.arange(low, high)[:, None, None] + 0.5 < top)[near]
    # Where its blur has ended nothing of a collector alone is left.
    end = min(high, math.ceil(surface.max() + 8 * blur / voxel[0]) + 1)
    bare = _collector_alone(surface, slice(low, end), voxel, blur)[:, tile.inner[0], tile.inner[1]]
    close = near[: end - low]
    alone += np.bincount(bins[: close.sum()], bare[close], count)
    inside[0] += np.bincount(bins[below], minlength=count)
    inside[1] += np.bincount(bins[below], taken[below], count)


def _distances(
    surface: NDArray[np.floating], planes: slice, voxel: tuple[float, float, float], tile: Tile
) -> NDArray[np.float32]:
    """Return the distance from a surface within a tile: far above it from blocks of eight voxels, between them.

    What is far needs a wide halo, in which all of a tile's memory would lie; and there distances hardly bend.
    """
    inner = tile.inner
    middle = min(math.ceil(surface.max()) + _NEAR, planes.stop)
    if planes.stop - middle < _NEAR:
        return distance_from_surface(surface, planes, voxel)[:, inner[0], inner[1]]
    halo = _beside(float(np.ptp(surface)) * voxel[0], (middle - planes.start) * voxel[0], voxel)
    close = tuple(
        slice(max(part.start - halo, 0), min(part.stop + halo, size))
        for part, size in zip(inner, surface.shape, strict=True)
    )
    within = tuple(
        slice(part.start - around.start, part.stop - around.start)
        for part, around in zip(inner, close, strict=True)
    )
    near = distance_from_surface(surface[close], slice(planes.start, middle), voxel)[:, within[0], within[1]]
    padded = np.pad(surface, [(0, size % 2) for size in surface.shape], mode="edge")
    rows, columns = (size // 2 for size in padded.shape)
    coarse = padded.reshape(rows, 2, columns, 2).mean(axis=(1, 3)) / 2
    first = planes.start // 2
    far = distance_from_surface(
        coarse, slice(first, -(-planes.stop // 2) + 1), (2 * voxel[0], 2 * voxel[1], 2 * voxel[2])
    )
    starts = (
        np.arange(middle, planes.stop) - 2 * first,
        *(np.arange(part.start, part.stop) for part in inner),
    )
    for axis, places in enumerate(starts):
        far = _between(far, (places + 0.5) / 2 - 0.5, axis)
    return np.concatenate([near, far])


def _between(values: NDArray[np.float32], places: Array, axis: int) -> NDArray[np.float32]:
    """Return values along an axis at places between them, by a straight line."""
    inside = np.clip(places, 0, values.shape[axis] - 1)
    below = np.minimum(inside.astype(np.intp), max(values.shape[axis] - 2, 0))
    part = (inside - below).astype(np.float32).reshape([-1 if axis == other else 1 for other in range(3)])
    lower, upper = (
        np.take(values, np.minimum(index, values.shape[axis] - 1), axis=axis) for index in (below, below + 1)
    )
    return np.asarray(lower + (upper - lower) * part)


def distance_from_surface(
    surface: NDArray[np.floating], planes: slice, voxel: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Return the Euclidean distance of the middle of each voxel from a surface below it, in m; 0 below the surface.

    The nearest voxel below the surface is found (Maurer's exact transform); where it is the highest of its column, the
    surface within that voxel counts and not its middle.

    Parameters
    ----------
    surface : ndarray, shape (y, x)
        In voxels from the lowest face.
    planes : slice
        Of the volume, with start and stop; there must be voxels below the surface among them.
    voxel : tuple of float
        Size along z, y, x in m.

    Returns
    -------
    ndarray, shape (planes, y, x)
    """
    from scipy.ndimage import distance_transform_edt

    middles = np.arange(planes.start, planes.stop)[:, None, None] + 0.5
    above = middles >= surface
    if above.all():
        raise ValueError("the collector's surface lies below the volume: there is no distance from it")
    nearest = distance_transform_edt(above, sampling=voxel, return_distances=False, return_indices=True)
    z, y, x = nearest
    # Of the highest voxel below the surface the surface itself is taken, which lies up to a voxel from its middle.
    highest = np.ceil(surface - 0.5).astype(np.intp) - 1 - planes.start
    ends = np.where(z == highest[y, x], surface[y, x] - planes.start, z + 0.5).astype(np.float32)
    rows, columns = np.indices(surface.shape, dtype=np.float32)
    squares = ((middles.astype(np.float32) - planes.start - ends) * np.float32(voxel[0])) ** 2
    squares += ((rows - y.astype(np.float32)) * np.float32(voxel[1])) ** 2
    squares += ((columns - x.astype(np.float32)) * np.float32(voxel[2])) ** 2
    return np.asarray(np.where(above, np.sqrt(squares), 0), dtype=np.float32)


def _collector_alone(
    surface: NDArray[np.floating], planes: slice, voxel: tuple[float, float, float], blur: float
) -> NDArray[np.float32]:
    """Return the attenuation of a collector with nothing on it, blurred alike in all directions."""
    from scipy.ndimage import gaussian_filter

    # A voxel holds its part of the collector, which blurs along z by itself.
    alone = np.clip(surface[None] - np.arange(planes.start, planes.stop)[:, None, None], 0, 1).astype(
        np.float32
    )
    width = math.sqrt(max(blur**2 - voxel[0] ** 2 / 12, 0.0))
    return np.asarray(gaussian_filter(alone, [width / edge for edge in voxel]))


def _profile(sums: Array, inside: Array, alone: Array, width: float, mixed_below: float) -> Profile:
    counts, totals, squares = sums.sum(axis=1)
    there = np.maximum(counts, 1)
    mean = np.where(counts > 0, totals / there, np.nan)
    sd = np.sqrt(np.maximum(squares / there - mean**2, 0))
    error = np.max([_error_of_blocks(sums[:2], side, mean) for side in _COARSER], axis=0)
    within = np.where(inside[0] > 0, inside[1] / np.maximum(inside[0], 1), np.nan)
    distance = (np.arange(counts.size) + 0.5) * width
    share, control = inside[0] / there, alone / there
    return Profile(distance, mean, sd, error, within, share, counts, control, mixed_below)


def _error_of_blocks(sums: Array, side: int, mean: Array) -> Array:
    """Return the standard error of the mean from the scatter of blocks, so many along each side taken together."""
    count = _BLOCKS // side
    together = sums.reshape(2, count, side, count, side, -1).sum(axis=(2, 4)).reshape(2, count**2, -1)
    numbers, totals = together
    weights = numbers / np.maximum(numbers.sum(axis=0), 1)
    of_blocks = totals / np.maximum(numbers, 1)
    # Of blocks that weigh unequally: the variance of their weighted mean, with Bessel's correction.
    filled = np.maximum((numbers > 0).sum(axis=0), 2)
    variance = (weights**2 * (of_blocks - mean) ** 2).sum(axis=0) * filled / (filled - 1)
    return np.asarray(np.sqrt(variance))


def csv_from_profile(profile: Profile) -> str:
    """Return a profile as comma-separated text, a row for each distance; empty where there is no number."""
    rows = zip(*(getattr(profile, name) for name in COLUMNS), strict=True)
    lines = [",".join(COLUMNS)]
    lines += [",".join(repr(float(value)) if np.isfinite(value) else "" for value in row) for row in rows]
    return "\n".join(lines) + "\n"


def _columns_beside(surfaces: xr.Dataset, voxel: tuple[float, float, float], reach: float) -> int:
    """Return how many columns from its own the nearest point of the surface may lie, for distances within reach.

    A voxel at distance d is at least d above the surface of its own column, so at least d − R above any other, with the
    relief R: the nearest point is no farther aside than √(d² − (d − R)²).
    """
    return _beside(float(np.ptp(surfaces["collector_surface"].values)), reach, voxel)


def _beside(relief: float, reach: float, voxel: tuple[float, float, float]) -> int:
    most = min(relief + 2 * voxel[0], reach)
    return math.ceil(math.sqrt(reach**2 - (reach - most) ** 2) / min(voxel[1:])) + 2


def _side(planes: int, halo: int, shape: tuple[int, int]) -> int:
    """Return the side of tiles whose halo holds blocks of eight voxels only, as far as distances come from these."""
    whole = side_of_tiles(planes, 0, _COPIES, within=shape)
    if whole >= max(shape) or planes <= 3 * _NEAR:
        return side_of_tiles(planes, halo, _COPIES, within=shape)
    # The columns of the tile, and an eighth of them with the halo, take as much memory as is given.
    return (
        max(int((math.sqrt(72 * whole**2 - 32 * halo**2) - 2 * halo) / 9), 2 * _NEAR)
        if whole > halo
        else 2 * _NEAR
    )


def _planes_needed(surfaces: xr.Dataset, height: float, reach: float, most: int) -> int:
    span = float(np.ptp(surfaces["collector_surface"].values)) + reach
    return max(min(most, math.ceil(span / height) + 3), 1)


def _text(length: float) -> Any:
    return f"{length * 1e9:.6g}nm"
