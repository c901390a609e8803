"""How much one map tells of another, whatever the course: mutual information beyond what chance gives."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.statistics.ranks import ranks_of

Array = NDArray[np.float64]

SHARED: Final = (
    "Shared bits: mutual information of a pixel, in eighths of either map, beyond the mean of 39 shifts of one map; p "
    "is the share of those that have as much."
)
_BINS: Final = 8
_SHIFTS: Final = 39
"""So many maps that belong together by chance alone make 1/40 the smallest p."""
_FEWEST: Final = 64
_NEAREST: Final = 0.2
"""A map is moved by this part of its size at the least, round its border."""


@dataclass(frozen=True)
class SharedInformation:
    """What two maps have in common.

    Parameters
    ----------
    bits : float
        Mutual information of a pixel, less the mean of what moved maps have; NaN where there are too few pixels.
    p_value : float
        Share of the moved maps that have as much.
    n : int
        Pixels that both have.
    """

    bits: float
    p_value: float
    n: int


def shared_information(a: NDArray[np.floating], b: NDArray[np.floating]) -> SharedInformation:
    """Return the mutual information of two maps over the pixels that both have.

    Parameters
    ----------
    a, b : ndarray, shape (y, x)

    Notes
    -----
    Both are cut into eight parts of as many pixels each. Maps that are alike from pixel to pixel share information by
    chance: the second one is moved round its border by 39 distances for comparison, which leaves it as smooth as it is.
    The same maps give the same numbers.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    good = np.isfinite(first) & np.isfinite(second)
    n = int(good.sum())
    if n < _FEWEST or np.ptp(first[good]) == 0 or np.ptp(second[good]) == 0:
        return SharedInformation(float("nan"), float("nan"), n)
    parts, other = _parts(first), _parts(second)
    shared = _bits(parts, other)
    rng = np.random.default_rng(0)
    moved = []
    for _ in range(_SHIFTS):
        shift = [int(size * rng.uniform(_NEAREST, 1 - _NEAREST)) if size > 2 else 0 for size in first.shape]
        moved.append(_bits(parts, np.roll(other, shift, axis=(0, 1))))
    p = (1 + sum(value >= shared for value in moved)) / (1 + _SHIFTS)
    return SharedInformation(shared - float(np.mean(moved)), float(p), n)


def _parts(image: Array) -> NDArray[np.int64]:
    """Return which eighth by rank each pixel belongs to, -1 without a value."""
    parts = np.full(image.shape, -1, dtype=np.int64)
    good = np.isfinite(image)
    ranks = ranks_of(image[good])
    parts[good] = np.minimum((ranks - 0.5) * _BINS / ranks.size, _BINS - 1).astype(np.int64)
    return parts


def _bits(parts: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    good = (parts >= 0) & (other >= 0)
    counts = np.bincount(parts[good] * _BINS + other[good], minlength=_BINS**2).reshape(_BINS, _BINS)
    joint = counts / max(int(counts.sum()), 1)
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    there = joint > 0
    return float((joint[there] * np.log2(joint[there] / apart[there])).sum())
