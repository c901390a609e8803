"""As how many independent values the pixels of a whole map count; one where they are alike as far as the map reaches.

The mean of a map that is compared with nothing of the same map, D2/D1 against 1, scatters by what is alike over the
whole map. Of that the map holds no more than a few waves, and a correlation cut where it falls to noise
(`napari_tesm.statistics.independence`) misses most of it in 1/f-like maps. Here the spectrum says how it goes on: white
noise and a part of the spectrum 1/(κ² + k²)^p (Matérn 1960) are compared with it for a table of κ and p.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.statistics.independence import (
    Mask,
    clipped_about_median,
    independent_samples,
    pairs_by_shift,
)

Array = NDArray[np.float64]

_CUT_OFFS: Final = np.array([0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 36])
"""κ, in units of the longest wave of the map. The lowest is a 1/f-like map of four times the length."""
_EXPONENTS: Final = np.array([0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5, 10])
_SHARES: Final = np.array(
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995, 0.999, 0.9999, 1]
)
"""Of the variance, that is not white."""
_WIDER: Final = 4
"""The models are those of a map so many times as long, of which this one is a part."""
_LONGEST_SIDE: Final = 64
"""Pixels of larger maps are put together: what matters is how the longest waves go on."""
_SMALLEST_SIDE: Final = 8
_RINGS: Final = 16
_MOST_WAVES: Final = 16
"""Of a ring that count: the many short waves would choose a model by how it fits them, not the longest."""
_GAIN: Final = 5.0
"""By so much the log-likelihood has to exceed that of white noise; that of 350 white maps of 48x64 pixels did by less
than 4, with a fifth of the pixels missing one of 60 by more."""
_LONG: Final = 0.75
"""A correlation with a lower κ, in units of the longest wave, reaches as far as the map."""
_LIKELY: Final = 0.4
"""Probability of that from which on a map is one independent region."""
_QUANTILE: Final = 0.84
"""Of the variance of the mean over the models, on the side of caution: what the map does not hold is not known."""
_FLOOR: Final = 1e-9


def independent_in_map(values: NDArray[np.floating]) -> float:
    """Return as how many independent pixels a whole map counts; 1 where its pixels are alike as far as the map reaches.

    The periodogram is compared with what each model gives for a map of this size with these pixels missing, edges and
    the mean that was taken off included (Guillaumin et al. 2022, "The debiased spatial Whittle likelihood", J. R. Stat.
    Soc. B 84, 1526). Each model has a likelihood and a variance of the map's mean. Never more than
    `napari_tesm.statistics.independence.independent_samples`.

    Parameters
    ----------
    values : ndarray, shape (y, x)
        On the scale on which they are symmetric: logarithms of a diffusion coefficient.
    """
    numbers = np.asarray(values, dtype=np.float64)
    inside = np.isfinite(numbers)
    counted = independent_samples(numbers, inside)[0]
    if min(numbers.shape) < _SMALLEST_SIDE or int(inside.sum()) < _SMALLEST_SIDE**2:
        return counted
    residual = np.zeros(numbers.shape)
    residual[inside] = clipped_about_median(numbers[inside])
    scale = float(np.abs(residual).max())
    if scale == 0:
        return counted
    within, coarse, mask = _put_together(residual / scale, inside)
    if min(coarse.shape) < _SMALLEST_SIDE // 2 or not np.ptp(coarse[mask]) > 0:
        return counted
    gain, reaches, total, mean_variance = _models_of(coarse, mask)
    if gain < _GAIN:
        return counted
    return 1.0 if reaches > _LIKELY else max(1.0, min(counted, (total + within) / mean_variance))


def _put_together(residual: Array, inside: Mask) -> tuple[float, Array, Mask]:
    """Return the variance within blocks of pixels, the blocks' means about their mean, and which have one."""
    side = -(-max(residual.shape) // _LONGEST_SIDE)
    if side == 1:
        return 0.0, np.where(inside, residual - residual[inside].mean(), 0.0), inside
    rows, columns = (size // side for size in residual.shape)
    cut = (slice(rows * side), slice(columns * side))
    blocks = (rows, side, columns, side)
    counts = inside[cut].reshape(blocks).sum(axis=(1, 3))
    means = residual[cut].reshape(blocks).sum(axis=(1, 3)) / np.maximum(counts, 1)
    mask = 2 * counts >= side * side
    if not mask.any():
        return 0.0, means, mask
    within = max(float(residual[inside].var() - means[mask].var()), 0.0)
    return within, np.where(mask, means - means[mask].mean(), 0.0), mask


def _models_of(values: Array, mask: Mask) -> tuple[float, float, float, float]:
    """Return what the models say of a map.

    The gain of log-likelihood over white noise, the probability of a long range, the variance of a pixel, and a high
    quantile of the variance of the mean.
    """
    curves, white, shared = _table_of(mask.shape, mask.tobytes())
    power, waves = _rings_of(np.abs(np.fft.fft2(values)) ** 2)
    waves = np.minimum(waves, _MOST_WAVES)
    shares = _SHARES[None, :, None]
    expected = (1 - shares) * white + shares * curves[:, None, :]
    total = (waves * power / expected).sum(axis=-1) / waves.sum()
    flat = float((waves * power / white).sum() / waves.sum())

    def log_likelihood(mean: Array) -> Array:
        return np.asarray(-(waves * (np.log(mean) + power / mean)).sum(axis=-1))

    likelihood = log_likelihood(total[..., None] * expected)
    weights = np.exp(likelihood - likelihood.max())
    weights /= weights.sum()
    gain = float(likelihood.max() - log_likelihood(flat * white))
    # A steep spectrum bends at κ√p.
    bend = (_CUT_OFFS / np.sqrt(np.maximum(_EXPONENTS, 1.0))[:, None]).ravel()
    reaches = float(weights[bend <= _LONG].sum())
    variance = total * ((1 - _SHARES) / mask.sum() + _SHARES * shared[:, None])
    order = np.argsort(variance, axis=None)
    place = int(np.searchsorted(np.cumsum(weights.ravel()[order]), _QUANTILE))
    chosen = order[min(place, order.size - 1)]
    return gain, reaches, float(total.ravel()[chosen]), float(variance.ravel()[chosen])


@lru_cache(maxsize=8)
def _table_of(shape: tuple[int, int], inside: bytes) -> tuple[Array, Array, Array]:
    """Return the periodogram by rings of every model of variance 1, that of white noise, and variances of the mean.

    Shapes (model, ring), (ring,), (model,).
    """
    mask = np.frombuffer(inside, dtype=bool).reshape(shape)
    pairs = pairs_by_shift(mask)
    white = np.zeros(pairs.shape)
    white[0, 0] = 1.0
    curves, shared = [], []
    for correlation in _correlations(shape):
        curves.append(_rings_of(_periodogram(correlation, mask, pairs))[0])
        shared.append(float(np.vdot(correlation, pairs)) / mask.sum() ** 2)
    return np.array(curves), _rings_of(_periodogram(white, mask, pairs))[0], np.array(shared)


@lru_cache(maxsize=2)
def _correlations(shape: tuple[int, int]) -> Array:
    """Return the correlation of every model at each shift, shape (model, 2 y, 2 x)."""
    rows, columns = shape
    far = (_WIDER * rows, _WIDER * columns)
    square = np.add.outer(np.fft.fftfreq(far[0]) ** 2, np.fft.rfftfreq(far[1]) ** 2) * max(shape) ** 2
    at = np.ix_(np.r_[:rows, far[0] - rows : far[0]], np.r_[:columns, far[1] - columns : far[1]])
    correlations = []
    for exponent in _EXPONENTS:
        for cut_off in _CUT_OFFS:
            wide = np.fft.irfft2((1 + square / cut_off**2) ** -exponent, s=far)
            correlations.append(wide[at] / wide[0, 0])
    return np.array(correlations)


def _periodogram(correlation: Array, mask: Mask, pairs: Array) -> Array:
    """Return the periodogram expected of the pixels of a mask, less their mean, of this correlation by shift."""
    rows, columns = mask.shape
    folded = correlation * pairs
    folded = folded[:rows] + folded[rows:]
    power = np.fft.fft2(folded[:, :columns] + folded[:, columns:]).real
    if not mask.all():
        n = mask.sum()
        shape = correlation.shape
        spread = np.fft.irfft2(np.fft.rfft2(correlation) * np.fft.rfft2(mask, s=shape), s=shape)
        with_mean = np.where(mask, spread[:rows, :columns], 0.0)
        window = np.fft.fft2(mask)
        power -= 2 * (window.conj() * np.fft.fft2(with_mean)).real / n
        power += np.abs(window) ** 2 * with_mean.sum() / n**2
    return np.asarray(np.maximum(power, _FLOOR * power.max()))


def _rings_of(power: Array) -> tuple[Array, Array]:
    """Return the mean of a periodogram over rings of wave numbers, and how many independent waves each holds."""
    ring = _ring_numbers(power.shape)
    counts = np.bincount(ring[ring >= 0])
    sums = np.bincount(ring[ring >= 0], power.ravel()[ring >= 0])
    kept = counts > 0
    return np.asarray(sums[kept] / counts[kept]), np.asarray(counts[kept] / 2)


@lru_cache(maxsize=8)
def _ring_numbers(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the ring of each wave number; that of the mean is none."""
    waves = np.hypot(*np.meshgrid(*(np.fft.fftfreq(size) * max(shape) for size in shape), indexing="ij"))
    edges = np.geomspace(1.2, 1.01 * waves.max(), _RINGS)
    numbers = np.digitize(waves, edges).ravel().astype(np.int64)
    numbers[0] = -1
    return numbers
