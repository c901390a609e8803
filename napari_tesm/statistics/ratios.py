"""Ratios with their intervals: of the medians of two samples, of two maps pixel by pixel, of two measurements."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.statistics.independence import independent_samples
from napari_tesm.statistics.long_range import independent_in_map

Array = NDArray[np.float64]

_DRAWS: Final = 2000
_FEWEST_PAIRS: Final = 6
ONE_REGION: Final = 1.25
"""A region that holds fewer independent values is one: nothing within it says how it differs from the next."""
AS_ONE_REGION: Final = "as one independent region, without an interval"
_LEAST_FREEDOM: Final = 0.05


def interval_of_ratio(
    a: Array, b: Array, independent: tuple[float, float], seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the ratio of two medians of values of one sign, NaN where a region is but one value.

    The median of a bootstrap sample of n values is the quantile at a Beta((n + 1)/2, (n + 1)/2) distributed level
    (Maritz and Jarrett 1978), which can be drawn directly, for a number n of independent values too.
    """
    rng = np.random.default_rng(seed)
    if min(independent) < ONE_REGION:
        return float("nan"), float("nan")
    drawn = [_drawn_medians(_log_size(part), n, rng) for part, n in zip((a, b), independent, strict=True)]
    low, high = np.exp(np.percentile(drawn[0] - drawn[1], [2.5, 97.5]))
    return float(low), float(high)


@dataclass(frozen=True)
class PairedRatio:
    """Ratio of two maps, pixel by pixel.

    Parameters
    ----------
    median, q25, q75 : float
    low, high : float
        95 % interval of the median; NaN where the map is one independent region.
    n : int
    p_value : float
        Of the signed-rank test (Wilcoxon 1945) on the logarithms, against a ratio of one; NaN as the interval.
    independent : float
        As how many independent pixels they count.
    """

    median: float
    q25: float
    q75: float
    low: float
    high: float
    n: int
    p_value: float
    independent: float

    @property
    def has_interval(self) -> bool:
        """Whether the map says how far the median of another would be from this one."""
        return bool(np.isfinite(self.low))


def paired_ratio(
    a: NDArray[np.floating], b: NDArray[np.floating], *, independent: float | None = None, seed: int = 0
) -> PairedRatio | None:
    """Return how a exceeds b in the pixels where both are positive, or None for fewer than six of them.

    Parameters
    ----------
    a, b : ndarray
        Of the same shape.
    independent : float, optional
        As how many independent values they count; all of them by default. The test's deviate shrinks with its root.
        With fewer than `ONE_REGION` there is neither interval nor test.
    seed : int
        Of the interval.

    Raises
    ------
    ValueError
        If the two differ in size.
    """
    from scipy.stats import t, wilcoxon

    logs = _log_ratio(a, b)
    logs = logs[np.isfinite(logs)]
    n = logs.size
    if n < _FEWEST_PAIRS:
        return None
    count = float(n) if independent is None else min(max(independent, 1.0), float(n))
    low, high = interval_of_median(logs, count, seed=seed)
    q25, median, q75 = np.percentile(logs, [25, 50, 75])
    p = 1.0 if count >= ONE_REGION else float("nan")
    if logs.any() and count >= ONE_REGION:
        deviate = abs(float(wilcoxon(logs, method="asymptotic").zstatistic)) * np.sqrt(max(count - 1, 0) / n)
        p = float(2 * t.sf(deviate, max(count - 1, 1.0)))
    ratio, lower, upper, least, most = (float(np.exp(value)) for value in (median, q25, q75, low, high))
    return PairedRatio(ratio, lower, upper, least, most, n, p, count)


def interval_of_median(
    values: NDArray[np.floating], independent: float, *, seed: int | np.random.Generator = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the median of values that count as so many independent ones, NaN if they are but one.

    Drawn as for `interval_of_ratio`.
    """
    if independent < ONE_REGION:
        return float("nan"), float("nan")
    drawn = _drawn_medians(values, independent, np.random.default_rng(seed))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _drawn_medians(values: NDArray[np.floating], independent: float, rng: np.random.Generator) -> Array:
    level = rng.beta((independent + 1) / 2, (independent + 1) / 2, _DRAWS)
    median = np.median(values)
    # Within a region that holds n independent values the variance is 1 − 1/n of that of the map.
    spread = np.sqrt(independent / max(independent - 1, _LEAST_FREEDOM))
    return np.asarray(median + spread * (np.quantile(values, level) - median))


def _log_size(values: Array) -> Array:
    # A pixel without any signal is far below the median, however far.
    return np.asarray(np.log(np.maximum(np.abs(values), np.finfo(float).tiny)))


def paired_ratio_from_maps(a: NDArray[np.floating], b: NDArray[np.floating]) -> PairedRatio | None:
    """Return how one map exceeds another, D2 against D1, with neighbours counted as far as they are independent.

    Without interval and test where the ratio is alike as far as the map reaches. At the level of 5 % the test rejects
    of maps without a difference, 80 of 48x64 pixels each: white noise 6 %, maps alike over 2 to 6 pixels none, 1/f-like
    ones (powers k^-1 to k^-3, k^-2 beside white noise) up to 4 %, of which 64 to 99 % are one independent region.

    Parameters
    ----------
    a, b : ndarray, shape (y, x)

    Raises
    ------
    ValueError
        If the maps differ in size.
    """
    logs = _log_ratio(a, b)
    if int(np.isfinite(logs).sum()) < _FEWEST_PAIRS:
        return None
    return paired_ratio(a, b, independent=independent_in_map(logs))


def _log_ratio(a: NDArray[np.floating], b: NDArray[np.floating]) -> Array:
    """Return ln(a/b), NaN where one of the two is not a positive number."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError("the two maps differ in size: a ratio by pixel needs maps of the same scan")
    good = (first > 0) & (second > 0) & np.isfinite(first) & np.isfinite(second)
    logs = np.full(first.shape, np.nan)
    logs[good] = np.log(first[good]) - np.log(second[good])
    return logs


@dataclass(frozen=True)
class SignalRatio:
    """How strong one measurement's signal is beside another's.

    Parameters
    ----------
    ratio, low, high : float
        Of the medians of |H|, and its 95 % interval. The interval knows the scatter of the pixels alone: another tip,
        laser spot or lock-in range is not in it.
    medians : (float, float)
    n : (int, int)
    independent : (float, float)
        As how many independent pixels they count.
    """

    ratio: float
    low: float
    high: float
    medians: tuple[float, float]
    n: tuple[int, int]
    independent: tuple[float, float]


def signal_ratio(a: NDArray[np.floating], b: NDArray[np.floating], *, seed: int = 0) -> SignalRatio:
    """Return the ratio of the medians of |H| of two measurements, as the t-ESM paper compares HOPG with Si/C.

    Noise alone has a median |H|, too: where a signal hardly leaves the noise the ratio is one of noises.

    Parameters
    ----------
    a, b : ndarray, shape (y, x)
        H, in the same unit; the maps may differ in size.
    seed : int
        Of the interval.

    Raises
    ------
    ValueError
        If one of the two has no value, or is zero almost everywhere.
    """
    samples, counts = [], []
    for name, values in (("first", a), ("second", b)):
        heights = np.abs(np.atleast_2d(np.asarray(values, dtype=np.float64)))
        good = np.isfinite(heights)
        if not good.any():
            raise ValueError(f"the {name} map has no H at all: there is nothing to compare")
        if np.median(heights[good]) == 0:
            raise ValueError(f"H of the {name} map is zero in most pixels: no ratio can be given")
        samples.append(heights[good])
        counts.append(independent_samples(heights, good)[0])
    independent = (counts[0], counts[1])
    low, high = interval_of_ratio(samples[0], samples[1], independent, seed)
    medians = (float(np.median(samples[0])), float(np.median(samples[1])))
    sizes = (samples[0].size, samples[1].size)
    return SignalRatio(medians[0] / medians[1], low, high, medians, sizes, independent)
