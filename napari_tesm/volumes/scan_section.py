"""A scan on a section through a volume: where it lies, and what the volume shows on its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import Voxel
from napari_tesm.volumes.transforms import Matrix, Points, moved_points

Array = NDArray[np.float64]

_LEVELS: Final = (6.0, 3.0, 1.5, 0.8)
_LARGEST_ERROR: Final = 1.5
"""Error in the largest voxel beyond which the image of the scan does not say where it lies."""
_LEAST_CORRELATION: Final = 0.2
_BLOCKS: Final = 5
"""Blocks along each edge of the scan, of which each is left out once for the error of a correlation."""
_FEWEST: Final = 12
_FEWEST_BLOCKS: Final = 6
_AROUND: Final = 1.0
"""Standard deviation, in the ions' largest voxel, of the surroundings over which counts are averaged."""
_STARTS: Final = 9
"""Places about the landmarks' one from which the search is begun: the image repeats itself."""
_CONFIDENCE: Final = 0.95


def pixels_in_volume(shape: tuple[int, int], pixel: tuple[float, float], matrix: Matrix) -> Points:
    """Return where the middles of pixels lie in a volume, shape (y, x, 3) in m."""
    y, x = ((np.arange(size) + 0.5) * edge for size, edge in zip(shape, pixel, strict=True))
    flat = np.stack([np.zeros(shape), *np.broadcast_arrays(y[:, None], x[None, :])], -1)
    return moved_points(matrix, flat)


def values_on_section(values: NDArray[Any], voxel: Voxel, places: Points, *, nearest: bool = False) -> Array:
    """Return what a volume shows at places, NaN outside of it.

    Parameters
    ----------
    values : ndarray, shape (z, y, x)
    voxel : tuple of float
    places : ndarray, shape (..., 3)
        In m.
    nearest : bool
        Take the voxel as it was counted, not the straight line between two.
    """
    from scipy.ndimage import map_coordinates

    at = np.moveaxis(places / np.asarray(voxel) - 0.5, -1, 0)
    edges = np.array(values.shape).reshape(3, *([1] * (at.ndim - 1)))
    there = ((at >= -0.5) & (at <= edges - 0.5)).all(axis=0)
    found = map_coordinates(
        np.asarray(values, np.float32), at, order=0 if nearest else 1, mode="nearest", output=np.float64
    )
    return np.where(there, found, np.nan)


@dataclass(frozen=True)
class IonCorrelation:
    """How a map of the scan goes with the counts of ions below its pixels.

    Parameters
    ----------
    pearson, low, high : float
        Of the map and the concentration, with its 95 % interval.
    of_counts : float
        Of the map and the counts as they are: counting noise makes it smaller.
    n : int
        Voxels of ions that the scan cuts.
    """

    pearson: float
    low: float
    high: float
    of_counts: float
    n: int


def ion_correlation(
    values: NDArray[np.floating],
    counts: NDArray[Any],
    voxel: Voxel,
    places: Points,
    inside: NDArray[np.bool_],
) -> IonCorrelation | None:
    """Return the correlation of a map with the concentration of ions on the same places.

    Parameters
    ----------
    values : ndarray, shape (y, x)
        Of a map, such as log10 D; NaN is left out.
    counts : ndarray of int, shape (z, y, x)
    voxel : tuple of float
        Of the ions.
    places : ndarray, shape (y, x, 3)
        Of the pixels in the volume of the ions, in m.
    inside : ndarray of bool, shape (z, y, x)
        Voxels of ions that count, such as those in the solid of particles.

    Returns
    -------
    IonCorrelation or None
        None where there are too few voxels, or one of both does not vary beyond its noise.

    Notes
    -----
    Pixels in one voxel of ions have one count between them: their mean goes with it, and their scatter is part of the
    map's variance, so that the correlation is that of single pixels. The counts are the mean of the voxels around, in
    the scan's plane and across it, so that counting is a small part of their variance; that part, which is known, is
    taken off. The interval is of a jackknife over 25 blocks of the scan (Tukey 1958).
    """
    from scipy.stats import t

    index = np.floor(places / np.asarray(voxel)).astype(np.int64)
    there = np.isfinite(values) & ((index >= 0) & (index < counts.shape)).all(axis=-1)
    there[there] = inside[tuple(index[there].T)]
    if not there.any():
        return None
    flat = np.ravel_multi_index(tuple(index[there].T), counts.shape)
    rows, columns = np.nonzero(there)
    block = (rows * _BLOCKS // values.shape[0]) * _BLOCKS + columns * _BLOCKS // values.shape[1]
    which, first, place, n = np.unique(flat, return_index=True, return_inverse=True, return_counts=True)
    if len(which) < _FEWEST:
        return None
    concentration, noise = _around(counts, voxel, inside)
    # A voxel belongs to the block of its first pixel.
    of = block[first]
    table = np.stack(
        [
            np.bincount(place, values[there]) / n,
            np.bincount(place, values[there] ** 2) / n,
            concentration.ravel()[which],
            noise.ravel()[which],
            n,
        ]
    )
    true, seen = _correlations(*table)
    parts = [number for number in np.unique(of) if (of != number).sum() >= _FEWEST]
    left = np.array([_correlations(*table[:, of != number])[0] for number in parts])
    k = len(left)
    if k < _FEWEST_BLOCKS or not (np.isfinite(true) and np.isfinite(left).all()):
        return None
    error = float(np.sqrt((k - 1) / k * np.sum((left - left.mean()) ** 2)))
    reach = float(t.ppf(0.5 + _CONFIDENCE / 2, k - 1)) * error
    pearson, low, high = (float(np.clip(value, -1, 1)) for value in (true, true - reach, true + reach))
    return IonCorrelation(pearson, low, high, seen, len(which))


def _around(counts: NDArray[Any], voxel: Voxel, inside: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return the mean of the counts around each voxel, weighted by a normal curve, and its variance by counting."""
    from scipy.ndimage import gaussian_filter

    widths = np.maximum(_AROUND * max(voxel) / np.asarray(voxel), _AROUND)
    known = np.where(inside, counts, 0).astype(np.float64)
    weight = np.maximum(gaussian_filter(inside.astype(np.float64), widths), 1e-12)
    mean = gaussian_filter(known, widths) / weight
    # The square of a normal curve is another one, narrower by the root of two.
    height = float(np.prod(1 / (2 * np.sqrt(np.pi) * widths)))
    variance = height * gaussian_filter(known, widths / np.sqrt(2)) / weight**2
    return mean, variance


def _correlations(
    values: Array, squares: Array, counts: Array, noise: Array, n: Array
) -> tuple[float, float]:
    """Return the correlation with the concentration, and that with the counts; NaN where it is hidden."""
    share = n / n.sum()
    middle, level = float(share @ values), float(share @ counts)
    together = float(share @ ((values - middle) * (counts - level)))
    spread = float(share @ (squares - values**2 + (values - middle) ** 2))
    whole = float(share @ (counts - level) ** 2)
    if not (spread > 0 and whole > 0):
        return float("nan"), float("nan")
    seen = together / np.sqrt(spread * whole)
    beyond = whole - float(share @ noise)
    if beyond <= 0:
        return float("nan"), float(seen)
    return float(together / np.sqrt(spread * beyond)), float(seen)
