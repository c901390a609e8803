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
    known = np.concatenate([[False], np.isfinite(values), [False]])
    return bool((known[1:-1] & ~known[:-2] & ~known[2:]).any())


def band_outlines(x: Array, low: Array, high: Array) -> list[Array]:
    """Return the outline of a band as polygons of shape (vertex, 2), one for each run of known values."""
    known = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
    change = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    runs = zip(change[::2], change[1::2], strict=True)
    return [
        np.column_stack([np.append(x[a:b], x[a:b][::-1]), np.append(high[a:b], low[a:b][::-1])])
        for a, b in runs
    ]
