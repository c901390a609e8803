"""One region against another: ratio of medians, effect size, and a rank test that knows that neighbours are alike.

Pixels are no independent measurements: the tip is wider than a pixel, and a grain is one thing. A rank test that counts
every pixel finds differences everywhere. Here the number of pixels is replaced by the number of independent ones, as
estimated from how alike neighbours are.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_DRAWS: Final = 2000
_LEVEL: Final = 0.05


@dataclass(frozen=True)
class Comparison:
    """How two samples differ.

    Parameters
    ----------
    names : (str, str)
    n : (int, int)
        Finite values.
    independent : (float, float)
        As how many independent values they count.
    medians : (float, float)
    ratio, ratio_low, ratio_high : float
        First median over the second with its 95 % interval; NaN where a sign forbids a ratio.
    cliffs_delta : float
        Probability that a value of the first is larger than one of the second, less that of the reverse (Cliff 1993).
    hedges_g : float
        Difference of means of the logarithms (of the values where some are not positive) in units of the pooled
        standard deviation, with Hedges' correction (Hedges 1981).
    p_value : float
        Two-sided, of the rank-sum test (Mann and Whitney 1947) with independent numbers.
    """

    names: tuple[str, str]
    n: tuple[int, int]
    independent: tuple[float, float]
    medians: tuple[float, float]
    ratio: float
    ratio_low: float
    ratio_high: float
    cliffs_delta: float
    hedges_g: float
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether the rank test rejects equality at 5 %."""
        return self.p_value < _LEVEL

    @property
    def size_in_words(self) -> str:
        """Effect size in the words of Romano et al. (2006)."""
        size = abs(self.cliffs_delta)
        limits = ((0.147, "negligible"), (0.33, "small"), (0.474, "medium"))
        return next((word for limit, word in limits if size < limit), "large")

    def sentence_about(self, quantity: str) -> str:
        """Return the comparison in a sentence.

        Parameters
        ----------
        quantity : str
            What is compared, ``"D1"``.
        """
        first, second = (f"{name} (n = {count})" for name, count in zip(self.names, self.n, strict=True))
        effect = f"{self.size_in_words} effect (Cliff's delta {self.cliffs_delta:.2f})"
        verdict = f"rank test {_p_in_words(self.p_value)}, {effect}"
        if not self.significant:
            verdict += f"; as {self.independent[0]:.0f} and {self.independent[1]:.0f} independent pixels"
        if not np.isfinite(self.ratio):
            direction = "higher" if self.cliffs_delta > 0 else "lower"
            return f"{quantity} is {direction} in {first} than in {second}: {verdict}."
        times = f"{self.ratio:.3g} times ({self.ratio_low:.3g} to {self.ratio_high:.3g})"
        return f"{quantity} in {first} is {times} that in {second}; {verdict}."

    @property
    def sentence(self) -> str:
        """The comparison in a sentence that names no quantity."""
        return self.sentence_about("The value")


def comparison_from_values(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    names: tuple[str, str] = ("step", "grain"),
    independent: tuple[float, float] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare two samples.

    Parameters
    ----------
    a, b : ndarray
        Values that are not finite are left out.
    independent : (float, float), optional
        From `independent_samples`; without it every value counts as independent.
    seed : int
        Of the interval of the ratio.

    Raises
    ------
    ValueError
        If one of the two has fewer than two values.
    """
    samples = tuple(np.asarray(part, dtype=np.float64).ravel() for part in (a, b))
    first, second = (part[np.isfinite(part)] for part in samples)
    for name, part in zip(names, (first, second), strict=True):
        if part.size < 2:
            count = "no pixel" if part.size == 0 else "only one pixel"
            raise ValueError(f"{count} of {name} has a value: draw a larger region, or fit more pixels")
    counted = (float(first.size), float(second.size)) if independent is None else independent
    sizes = tuple(
        min(max(one, 1.0), float(part.size)) for one, part in zip(counted, (first, second), strict=True)
    )
    medians = (float(np.median(first)), float(np.median(second)))
    delta, p_value = _rank_test(first, second, (sizes[0], sizes[1]))
    ratio, low, high = _ratio_of_medians(first, second, (sizes[0], sizes[1]), seed)
    return Comparison(
        names, (first.size, second.size), (sizes[0], sizes[1]), medians, ratio, low, high, delta,
        _hedges_g(first, second), p_value,
    )  # fmt: skip


def independent_samples(values: NDArray[np.floating], *masks: Mask) -> tuple[float, ...]:
    """Return as how many independent pixels each region counts for the mean of a quantity.

    The variance of a region's mean is ``σ²/n² Σ ρ(distance of two pixels)`` over all its pairs; n² over that sum is the
    number of independent pixels that would have the same. The correlation ρ is that of what remains of the map when
    each region's own median is taken off, in all regions together; it is cut where it first falls below 0.05, as its
    tail is noise. (Bayley and Hammersley 1946, in two dimensions.)

    Parameters
    ----------
    values : ndarray, shape (y, x)
    *masks : ndarray of bool, shape (y, x)
    """
    numbers = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(numbers)
    used = [mask & finite for mask in masks]
    shape = tuple(2 * size for size in numbers.shape)
    residual, known = np.zeros(numbers.shape), np.zeros(numbers.shape, dtype=bool)
    for mask in used:
        if mask.any():
            # Ranks are what the test works on; clipping does for the correlation what ranks do.
            middle = numbers[mask] - np.median(numbers[mask])
            limit = 3 * 1.4826 * np.median(np.abs(middle))
            clipped = np.clip(middle, -limit, limit) if limit > 0 else np.sign(middle)
            # A skewed quantity has its mean beside its median; what is left would be alike everywhere.
            residual[mask] = clipped - clipped.mean()
            known |= mask
    pairs = _autocorrelation(known.astype(np.float64), shape)
    products = _autocorrelation(residual, shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.where(pairs > 0.5, products / pairs, 0.0)
    if correlation[0, 0] <= 0:
        return tuple(float(mask.sum()) for mask in used)
    correlation = _connected_core(correlation / correlation[0, 0])
    counts = []
    for mask in used:
        n = int(mask.sum())
        shared = float((_autocorrelation(mask.astype(np.float64), shape) * correlation).sum())
        counts.append(float(n) if n == 0 or shared <= 0 else min(float(n), max(1.0, n * n / shared)))
    return tuple(counts)


def _autocorrelation(image: Array, shape: tuple[int, ...]) -> Array:
    transform = np.fft.rfft2(image, s=shape)
    return np.asarray(np.fft.irfft2(np.abs(transform) ** 2, s=shape))


def _connected_core(correlation: Array) -> Array:
    """Return the correlation out to the ring where its mean falls below 0.05, and 0 beyond."""
    dy = np.minimum(np.arange(correlation.shape[0]), correlation.shape[0] - np.arange(correlation.shape[0]))
    dx = np.minimum(np.arange(correlation.shape[1]), correlation.shape[1] - np.arange(correlation.shape[1]))
    ring = np.round(np.hypot(dy[:, None], dx[None, :])).astype(np.int64)
    mean = np.bincount(ring.ravel(), correlation.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
    low = np.flatnonzero(mean < 0.05)
    reach = int(low[0]) if low.size else mean.size
    return np.where(ring < reach, correlation, 0.0)


def _rank_test(a: Array, b: Array, independent: tuple[float, float]) -> tuple[float, float]:
    """Return Cliff's delta and the two-sided p of the difference of mean ranks."""
    from scipy.stats import rankdata, t

    ranks = rankdata(np.concatenate([a, b]))
    mean_a, mean_b = float(ranks[: a.size].mean()), float(ranks[a.size :].mean())
    delta = 2 * (mean_a - mean_b) / ranks.size
    spread = float(ranks.var(ddof=1))
    variance = spread * (1 / independent[0] + 1 / independent[1])
    if variance == 0:
        return delta, 1.0
    degrees = max(independent[0] + independent[1] - 2, 1.0)
    return delta, float(2 * t.sf(abs(mean_a - mean_b) / np.sqrt(variance), degrees))


def _ratio_of_medians(
    a: Array, b: Array, independent: tuple[float, float], seed: int
) -> tuple[float, float, float]:
    """Return the ratio of the medians and its 95 % interval.

    The median of a bootstrap sample of n values is the quantile at a Beta((n + 1)/2, (n + 1)/2) distributed level
    (Maritz and Jarrett 1978), which can be drawn directly, for a number n of independent values too.
    """
    if not ((a > 0).all() and (b > 0).all()) and not ((a < 0).all() and (b < 0).all()):
        return (float("nan"),) * 3
    rng = np.random.default_rng(seed)
    medians = [
        np.quantile(part, rng.beta((n + 1) / 2, (n + 1) / 2, _DRAWS))
        for part, n in zip((a, b), independent, strict=True)
    ]
    low, high = np.percentile(medians[0] / medians[1], [2.5, 97.5])
    return float(np.median(a) / np.median(b)), float(low), float(high)


def _hedges_g(a: Array, b: Array) -> float:
    if (a > 0).all() and (b > 0).all():
        a, b = np.log(a), np.log(b)
    degrees = a.size + b.size - 2
    pooled = ((a.size - 1) * a.var(ddof=1) + (b.size - 1) * b.var(ddof=1)) / degrees
    if pooled == 0:
        return 0.0 if a.mean() == b.mean() else float(np.copysign(np.inf, a.mean() - b.mean()))
    return float((a.mean() - b.mean()) / np.sqrt(pooled) * (1 - 3 / (4 * degrees - 1)))


def _p_in_words(p: float) -> str:
    if p < 1e-6:
        return "p < 10⁻⁶"
    return f"p = {p:.2g}" if p < 0.995 else "p = 1"


@dataclass(frozen=True)
class PairedRatio:
    """Ratio of two maps, pixel by pixel.

    Parameters
    ----------
    median, q25, q75 : float
    low, high : float
        95 % interval of the median.
    n : int
    p_value : float
        Of the signed-rank test (Wilcoxon 1945) on the logarithms, against a ratio of one.
    """

    median: float
    q25: float
    q75: float
    low: float
    high: float
    n: int
    p_value: float


def paired_ratio(a: NDArray[np.floating], b: NDArray[np.floating], *, seed: int = 0) -> PairedRatio | None:
    """Return how a exceeds b in the pixels where both are positive, or None for fewer than six of them."""
    from scipy.stats import wilcoxon

    first, second = np.asarray(a, dtype=np.float64).ravel(), np.asarray(b, dtype=np.float64).ravel()
    with np.errstate(invalid="ignore"):
        good = (first > 0) & (second > 0) & np.isfinite(first) & np.isfinite(second)
    logs = np.log(first[good]) - np.log(second[good])
    if logs.size < 6:
        return None
    level = np.random.default_rng(seed).beta((logs.size + 1) / 2, (logs.size + 1) / 2, _DRAWS)
    low, high = np.percentile(np.quantile(logs, level), [2.5, 97.5])
    q25, median, q75 = np.percentile(logs, [25, 50, 75])
    p = 1.0 if not logs.any() else float(wilcoxon(logs, method="asymptotic").pvalue)
    ratio, lower, upper, least, most = (float(np.exp(value)) for value in (median, q25, q75, low, high))
    return PairedRatio(ratio, lower, upper, least, most, logs.size, p)
