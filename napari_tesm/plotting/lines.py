"""Lines and bands of data with gaps."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def finite_or_nan(values: ArrayLike) -> Array:
    """Return the values as doubles, infinite ones as NaN."""
    numbers = np.asarray(values, dtype=np.float64)
    return np.where(np.isinf(numbers), np.nan, numbers) if np.isinf(numbers).any() else numbers


def has_lone_samples(values: Array) -> bool:
    """Return whether a known value stands between unknown ones, where a line alone would not show it."""
    finite = np.concatenate([[False], np.isfinite(values), [False]])
    return bool((finite[1:-1] & ~finite[:-2] & ~finite[2:]).any())


def thinned(x: Array, y: Array, most: int = 2000) -> tuple[Array, Array]:
    """Return a line of at most so many points that looks the same: lowest and highest value of each short stretch.

    Drawing a noisy line costs as much as it has points, also where thousands share a pixel.
    """
    if x.size <= most:
        return x, y
    starts = np.linspace(0, x.size, most // 2 + 1).astype(np.intp)[:-1]
    low, high = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    return np.repeat(x[starts], 2), np.column_stack([low, high]).ravel()


def band_outlines(x: Array, low: Array, high: Array) -> list[Array]:
    """Return the outline of a band as polygons of shape (vertex, 2), one for each run of known values."""
    finite = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
    change = np.flatnonzero(np.diff(np.concatenate([[False], finite, [False]]).astype(np.int8)))
    runs = zip(change[::2], change[1::2], strict=True)
    return [
        np.column_stack([np.append(x[a:b], x[a:b][::-1]), np.append(high[a:b], low[a:b][::-1])])
        for a, b in runs
    ]
