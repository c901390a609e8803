"""As how many independent values the pixels of a map count, from how alike neighbours are."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SMALLEST_PATCH: Final = 50
"""Pixels of a patch that has a middle of its own."""
_MOST_PATCHES: Final = 12
_NOISE: Final = 0.05
"""A correlation below this is noise of its estimate."""


def independent_samples(values: NDArray[np.floating], *masks: Mask, apart: bool = False) -> tuple[float, ...]:
    """Return as how many independent pixels each region counts for the mean of a quantity.

    The variance of a region's mean is ``σ²/n² Σ ρ(distance of two pixels)`` over all its pairs; n² over that sum is the
    number of independent pixels that would have the same (Bayley and Hammersley 1946, in two dimensions). The
    correlation ρ is that of what remains of the map when each region's own middle is taken off, in all regions
    together. Taking the middle off takes the variance of the middle off ρ at every
    distance, which is put back. ρ is cut where it falls below 0.05, as its tail is noise: in all directions alike, and
    along lines and columns by themselves, which the noise of scan lines makes alike far beyond their neighbours.

    Parameters
    ----------
    values : ndarray, shape (y, x)
        On the scale on which they are symmetric: logarithms of a diffusion coefficient.
    *masks : ndarray of bool, shape (y, x)
    apart : bool
        Patches of a mask that do not touch have each a middle of their own: of regions that somebody drew, which are
        all there are of their class, that they differ does not make the pixels within them alike. Grains of which
        there are more than those in the map stand for others, and what they have in common counts.

    Raises
    ------
    ValueError
        If a mask has another shape than the map.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if any(mask.shape != numbers.shape for mask in masks):
        raise ValueError("a region's mask and the map differ in size: draw the region on this map")
    finite = np.isfinite(numbers)
    used = [mask & finite for mask in masks]
    shared = [pairs_by_shift(mask) for mask in used]
    patches = [patch & finite for mask in masks for patch in (_patches(mask) if apart else [mask])]
    whole = len(patches) == len(used)
    correlation = _correlation_by_distance(
        numbers, patches, shared if whole else [pairs_by_shift(patch) for patch in patches]
    )
    counted = [int(mask.sum()) for mask in used]
    return tuple(_independent(n, pairs, correlation) for n, pairs in zip(counted, shared, strict=True))


def clipped_about_median(values: Array) -> Array:
    """Return values less their median, no farther from it than three standard deviations of a normal distribution.

    Ranks are what the tests work on; clipping does for the correlation what ranks do.
    """
    middle = values - np.median(values)
    limit = 3 * 1.4826 * np.median(np.abs(middle))
    return np.asarray(np.clip(middle, -limit, limit) if limit > 0 else np.sign(middle))


def pairs_by_shift(mask: Mask) -> Array:
    """Return how many pairs of pixels of a mask lie each shift apart, shape (2 y, 2 x), negative shifts at the end."""
    return _autocorrelation(mask.astype(np.float64))


def _patches(mask: Mask) -> list[Mask]:
    """Return the parts of a mask that do not touch, those too small for a middle of their own in one."""
    from scipy.ndimage import label

    numbers, count = label(mask, structure=np.ones((3, 3)))
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    sizes[0] = 0
    large = np.argsort(-sizes, kind="stable")[: min(_MOST_PATCHES, int((sizes >= _SMALLEST_PATCH).sum()))]
    if not large.size:
        return [mask]
    rest = mask & ~np.isin(numbers, large)
    return [*(numbers == number for number in large), *([rest] if rest.any() else [])]


def _correlation_by_distance(numbers: Array, used: list[Mask], shared: list[Array]) -> Array:
    """Return the correlation of two pixels for every distance of theirs, 0 beyond where it is noise."""
    residual, anywhere = np.zeros(numbers.shape), np.zeros(numbers.shape, dtype=bool)
    for mask in used:
        if mask.any():
            clipped = clipped_about_median(numbers[mask])
            # A skewed quantity has its mean beside its median; what is left would be alike everywhere.
            residual[mask] = clipped - clipped.mean()
            anywhere |= mask
    scale = float(np.abs(residual).max(initial=0.0))
    pairs = shared[0] if len(used) == 1 else pairs_by_shift(anywhere)
    alone = np.zeros(pairs.shape)
    alone[0, 0] = 1.0
    if scale == 0:
        return alone
    counted = pairs > 0.5
    products = _autocorrelation(residual / scale)
    covariance = np.divide(products, pairs, out=np.zeros(pairs.shape), where=counted)
    rings, taken_off = _rings(pairs.shape), 0.0
    sizes = np.array([mask.sum() for mask in used], dtype=np.float64)
    correlation = alone
    for _ in range(3):  # settles to a few per cent
        total = covariance[0, 0] + taken_off
        correlation = _core(np.where(counted, (covariance + taken_off) / total, 0.0), *rings)
        independent = np.array(
            [_independent(int(n), part, correlation) for n, part in zip(sizes, shared, strict=True)]
        )
        variances = sizes / np.maximum(independent - 1, 1.0)
        taken_off = float(covariance[0, 0] * variances.sum() / sizes.sum())
    return correlation


def _independent(n: int, pairs: Array, correlation: Array) -> float:
    shared = float(np.vdot(pairs, correlation))
    return float(n) if n == 0 or shared <= 0 else min(float(n), max(1.0, n * n / shared))


def _autocorrelation(image: Array) -> Array:
    shape = tuple(2 * size for size in image.shape)  # so that no pixel meets another around the edge
    transform = np.fft.rfft2(image, s=shape)
    return np.asarray(np.fft.irfft2(transform.real**2 + transform.imag**2, s=shape))


def _rings(shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the distances down and to the right and the distance in whole pixels, for every shift of a map."""
    down, right = (np.minimum(np.arange(size), size - np.arange(size)) for size in shape)
    return down, right, np.round(np.hypot(down[:, None], right[None, :])).astype(np.int64)


def _core(
    correlation: Array, down: NDArray[np.int64], right: NDArray[np.int64], ring: NDArray[np.int64]
) -> Array:
    """Return the correlation to where it becomes noise, and 0 beyond."""
    mean = np.bincount(ring.ravel(), correlation.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
    low = np.flatnonzero(mean < _NOISE)
    near = ring < (int(low[0]) if low.size else mean.size)
    reaches = [_reach(correlation[: down.size // 2, 0]), _reach(correlation[0, : right.size // 2])]
    near |= (down[:, None] / reaches[0]) ** 2 + (right[None, :] / reaches[1]) ** 2 < 1
    return np.where(near, correlation, 0.0)


def _reach(profile: Array) -> int:
    """Return at which distance a correlation and the two after it are noise, at least 1."""
    following = np.concatenate([profile[1:], np.zeros(3)])
    low = np.flatnonzero((following[:-2] + following[1:-1] + following[2:]) / 3 < _NOISE)
    return int(low[0]) + 1
