"""Numbers that describe a map or a region of it: moments, quantiles, histograms, modes with confidence intervals.

Pure functions of plain arrays. Everything random is seeded: the same data give the same numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BINS: Final = 512
_REPLICATES: Final = 500
_FEWEST_VALUES: Final = 10
_WORTH_SAYING: Final = 0.1
MOST_LIMITS: Final = 0.2
"""Part of the values that may be limits where the others are taken for all."""
_FARTHEST: Final = 40
"""Values are looked at to this distance from the median, in units of the spread."""


@dataclass(frozen=True)
class Estimate:
    """A number and the interval that holds it with 95 % confidence; NaN where nothing tells how wide that is."""

    value: float
    low: float
    high: float

    @property
    def has_interval(self) -> bool:
        """Whether the interval is known."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


def quartiles(values: NDArray[np.floating]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile of the values; NaN without any.

    Infinite values are limits, lower or higher than can be told: they count, and a quartile among them is infinite.
    """
    numbers = np.sort(values[~np.isnan(values)], axis=None)
    if not np.isfinite(numbers).any():
        return (np.nan, np.nan, np.nan)
    if np.isfinite(numbers[[0, -1]]).all():
        low, middle, high = np.percentile(numbers, [25, 50, 75])
        return float(low), float(middle), float(high)
    ends = []
    for part in (0.25, 0.5, 0.75):
        place = part * (numbers.size - 1)
        below, above = numbers[int(np.floor(place))], numbers[int(np.ceil(place))]
        known = np.isfinite(below) and np.isfinite(above)
        ends.append(below + (above - below) * (place % 1) if known else below if np.isinf(below) else above)
    return float(ends[0]), float(ends[1]), float(ends[2])


def share_of_limits(values: NDArray[np.floating]) -> float:
    """Return which part of the values, NaN left out, is lower or higher than can be told; 0 without any."""
    there = int((~np.isnan(values)).sum())
    return float(np.isinf(values).sum()) / there if there else 0.0


Scale = Literal["linear", "log"]


def finite_mean_and_std(values: Array, axis: int) -> tuple[Array, Array, NDArray[np.int64]]:
    """Return mean and standard deviation (n − 1) of the finite values along an axis, and how many there are.

    NaN where there are too few.
    """
    finite = np.isfinite(values)
    n = finite.sum(axis=axis)
    total = np.where(finite, values, 0.0).sum(axis=axis)
    mean = np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0)
    middle = np.expand_dims(np.where(n > 0, mean, 0.0), axis)
    squares = np.where(finite, (values - middle) ** 2, 0.0).sum(axis=axis)
    std = np.sqrt(np.divide(squares, n - 1, out=np.full(n.shape, np.nan), where=n > 1))
    return mean, std, n.astype(np.int64)


def values_on_scale(values: NDArray[np.floating], scale: Scale) -> Array:
    """Return the values, or their decimal logarithms, NaN where there is none; limits stay infinite."""
    numbers = np.asarray(values, dtype=np.float64)
    if scale == "linear":
        return numbers.copy()
    limits = np.isinf(numbers)
    logs = np.log10(np.where((numbers > 0) & ~limits, numbers, np.nan))
    return np.asarray(np.where(limits, numbers, logs))


def _back_from_scale(value: float, scale: Scale) -> float:
    return value if scale == "linear" else 10**value


def mode_from_values(
    values: NDArray[np.floating],
    *,
    scale: Scale = "linear",
    blocks: NDArray[np.integer] | None = None,
    independent: float | None = None,
    seed: int = 0,
) -> Estimate | None:
    """Return the mode of a sample with its 95 % bootstrap interval, or None for fewer than ten values.

    None, too, where more than a fifth of the values are limits: what is left has a mode of its own.

    The mode is the maximum of the density estimated with a Gaussian kernel of Silverman's width (Silverman
    1986, eq. 3.31). The bootstrap draws the counts of 512 fine bins anew, which is the same as drawing the
    values anew and rounding them to a bin, and costs nothing that grows with the number of pixels.

    Parameters
    ----------
    values : ndarray
    scale : {"linear", "log"}
        Of the density. One over ln D and one over D have their maxima at different places: say which was used.
    blocks : ndarray of int, optional
        Of the shape of `values`: which values belong together. They are drawn as wholes (Künsch 1989), as pixels of a
        map that are alike must be; `napari_tesm.statistics.modes.mode_from_map` says which.
    independent : float, optional
        As how many independent values they count; that many are drawn. Wider than blocks, for few of which it is meant.
    seed : int
        Seed of the bootstrap.
    """
    numbers = values_on_scale(values, scale)
    sample = None if share_of_limits(numbers) > MOST_LIMITS else _scaled_sample(numbers)
    if sample is None:
        return None
    if sample.spread == 0:  # half of the values are one and the same
        return Estimate(*(_back_from_scale(sample.median, scale),) * 3)
    rng = np.random.default_rng(seed)
    total = int(sample.counts.sum())
    if blocks is None:
        size = total if independent is None else int(np.clip(independent, 1, total))
        drawn: NDArray[Any] = rng.multinomial(size, sample.counts / total, size=_REPLICATES)
    else:
        finite = np.isfinite(numbers)
        drawn = _drawn_blocks(sample, numbers[finite], np.asarray(blocks)[finite], rng)
    density = _densities(np.vstack([sample.counts, drawn]), sample)
    modes = sample.median + sample.spread * _peaks_of_density(density, sample.centres)
    value, (low, high) = float(modes[0]), np.percentile(modes[1:], [2.5, 97.5])
    return Estimate(
        *(_back_from_scale(end, scale) for end in (value, min(float(low), value), max(float(high), value)))
    )


def half_maximum_from_values(
    values: NDArray[np.floating], *, scale: Scale = "linear"
) -> tuple[float, float] | None:
    """Return where the density left and right of the mode has fallen to a half, or None for fewer than ten values.

    Their distance is the full width at half maximum (FWHM). It is that of the density that `mode_from_values` looks at:
    for 1000 values of a normal distribution its kernel makes it 3 % wider than the distribution.
    """
    numbers = values_on_scale(values, scale)
    sample = None if share_of_limits(numbers) > MOST_LIMITS else _scaled_sample(numbers)
    if sample is None:
        return None
    if sample.spread == 0:
        middle = _back_from_scale(sample.median, scale)
        return middle, middle
    density = _densities(sample.counts[None, :], sample)[0]
    peak = int(density.argmax())
    above = density >= density[peak] / 2
    ends = []
    for step, stop in ((-1, -1), (1, density.size)):
        place = peak
        while place + step != stop and above[place + step]:
            place += step
        inner, outer = density[place], density[place + step] if place + step != stop else 0.0
        share = (inner - density[peak] / 2) / (inner - outer) if inner > outer else 0.0
        end = sample.centres[place] + step * share * (sample.centres[1] - sample.centres[0])
        ends.append(_back_from_scale(sample.median + sample.spread * float(end), scale))
    return ends[0], ends[1]


@dataclass(frozen=True, eq=False)
class _ScaledSample:
    """A sample in fine bins, in units of its spread from its median: there no bin is too narrow for its numbers."""

    median: float
    spread: float
    edges: Array
    counts: NDArray[np.int64]
    width: float

    @property
    def centres(self) -> Array:
        return np.asarray((self.edges[1:] + self.edges[:-1]) / 2)


def _scaled_sample(values: NDArray[np.floating]) -> _ScaledSample | None:
    finite = np.sort(values[np.isfinite(values)].ravel())
    if finite.size < _FEWEST_VALUES:
        return None
    lower, median, upper = quartiles(finite)
    spread = (upper - lower) / 1.34
    if spread == 0:
        return _ScaledSample(median, 0.0, np.zeros(2), np.zeros(1, dtype=np.int64), 0.0)
    # The few far outliers are left to one side, so that the bins stay finer than the kernel.
    scaled = (finite - median) / spread
    scaled = scaled[np.abs(scaled) <= _FARTHEST]
    width = 0.9 * min(float(scaled.std()), 1.0) * finite.size**-0.2
    counts, edges = np.histogram(scaled, bins=_BINS, range=(scaled[0] - 3 * width, scaled[-1] + 3 * width))
    return _ScaledSample(median, spread, edges, counts.astype(np.int64), width)


def _drawn_blocks(
    sample: _ScaledSample, values: NDArray[np.floating], blocks: NDArray[np.integer], rng: np.random.Generator
) -> Array:
    """Return the counts of the bins, shape (replicate, bin), when whole blocks are drawn."""
    _, number = np.unique(blocks, return_inverse=True)
    place = np.searchsorted(sample.edges, (values - sample.median) / sample.spread, side="right") - 1
    inside = (place >= 0) & (place < _BINS)
    many = int(number.max()) + 1
    flat = number.ravel()[inside] * _BINS + place[inside]
    by_block = np.bincount(flat, minlength=many * _BINS).reshape(many, _BINS).astype(np.float64)
    return np.asarray(rng.multinomial(many, np.full(many, 1 / many), size=_REPLICATES) @ by_block)


def _densities(counts: NDArray[Any], sample: _ScaledSample) -> Array:
    return smoothed_counts(counts, sample.width, sample.centres[1] - sample.centres[0])


def smoothed_counts(counts: NDArray[Any], width: float, bin_width: float = 1.0) -> Array:
    """Return each row of `counts` under a Gaussian of a standard deviation, in the unit of the bins' width."""
    bins = counts.shape[1]
    # The transform of a Gaussian is known, so the smoothing is one multiplication; zeros pad the far end.
    frequency = np.fft.rfftfreq(2 * bins, d=bin_width)
    transfer = np.exp(-2 * (np.pi * frequency * width) ** 2)
    smooth = np.fft.irfft(np.fft.rfft(counts, n=2 * bins, axis=1) * transfer, axis=1)
    return np.asarray(smooth[:, :bins])


def _peaks_of_density(density: Array, centres: Array) -> Array:
    """Return where each row is highest, to a fraction of a bin."""
    peak = np.clip(density.argmax(axis=1), 1, centres.size - 2)
    rows = np.arange(len(peak))
    left, top, right = (density[rows, peak + shift] for shift in (-1, 0, 1))
    bend = left - 2 * top + right
    shift = np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    return np.asarray(centres[peak] + np.clip(shift, -0.5, 0.5) * (centres[1] - centres[0]))


@dataclass(frozen=True)
class Description:
    """What a sample of pixels comes to; NaN where there are too few values.

    Parameters
    ----------
    n, n_total : int
        Finite values, and pixels.
    mean, std : float
        Mean and standard deviation, n − 1; NaN where more than a fifth of the values are limits.
    median, q25, q75 : float
        Infinite where they lie among the limits.
    n_below, n_above : int
        Values that are lower, and higher, than can be told.
    """

    n: int
    n_total: int
    mean: float
    std: float
    median: float
    q25: float
    q75: float
    minimum: float
    maximum: float
    n_below: int = 0
    n_above: int = 0


def description_from_values(values: NDArray[np.floating]) -> Description:
    """Return number, mean, standard deviation, quartiles and extremes of the values; infinite ones are limits."""
    numbers = np.asarray(values, dtype=np.float64).ravel()
    finite = numbers[np.isfinite(numbers)]
    limits = int((numbers == -np.inf).sum()), int((numbers == np.inf).sum())
    if finite.size == 0:
        return Description(0, numbers.size, *(float("nan"),) * 7, *limits)
    q25, median, q75 = quartiles(numbers)
    whole = share_of_limits(numbers) <= MOST_LIMITS
    return Description(
        n=finite.size,
        n_total=numbers.size,
        mean=float(finite.mean()) if whole else float("nan"),
        std=float(finite.std(ddof=1)) if finite.size > 1 and whole else float("nan"),
        median=median,
        q25=q25,
        q75=q75,
        minimum=float(finite.min()),
        maximum=float(finite.max()),
        n_below=limits[0],
        n_above=limits[1],
    )


def sentence_about_limits(sample: Description) -> str:
    """Return how many values are limits where that is more than a tenth of them; empty elsewhere."""
    total = sample.n + sample.n_below + sample.n_above
    if sample.n_below + sample.n_above <= _WORTH_SAYING * total:
        return ""
    sides = ((sample.n_below, "lower"), (sample.n_above, "higher"))
    words = " and ".join(f"{count} {side}" for count, side in sides if count)
    return f"of {total} pixels {words} than can be told; medians and ranks count them"


@dataclass(frozen=True)
class Histograms:
    """Histograms of several samples with the same bins.

    Parameters
    ----------
    edges : ndarray, shape (bin + 1,)
        In the unit of the values, also on a logarithmic scale.
    counts : dict of str to ndarray
    scale : {"linear", "log"}
    rule : str
        How the bins were chosen, in words.
    left_out : dict of str to int
        Values that are not finite, or not positive on a logarithmic scale.
    """

    edges: Array
    counts: dict[str, NDArray[np.int64]]
    scale: Scale
    rule: str
    left_out: dict[str, int]


_FEWEST_BINS: Final = 5
_MOST_BINS: Final = 200


def histograms_from_values(
    samples: Mapping[str, NDArray[np.floating]],
    *,
    scale: Scale = "log",
    bins: int | NDArray[np.floating] | None = None,
) -> Histograms:
    """Return histograms with common bins, as the t-ESM paper's Fig. 8 compares D1 and D2.

    Parameters
    ----------
    samples : mapping of str to ndarray
    scale : {"linear", "log"}
        Bins of equal width in the value or in its logarithm; the mode differs between the two.
    bins : int or array of edges, optional
        By default the rule of Freedman and Diaconis (1981) for all values together, between 5 and 200 bins.

    Raises
    ------
    ValueError
        If the number of bins is not positive or edges do not increase.
    """
    used, left_out = {}, {}
    for name, values in samples.items():
        numbers = values_on_scale(values, scale).ravel()
        used[name] = numbers[np.isfinite(numbers)]
        left_out[name] = numbers.size - used[name].size
    together = np.concatenate([*used.values(), np.zeros(0)])
    words = "logarithmic" if scale == "log" else "linear"
    if bins is not None and not isinstance(bins, int | np.integer):
        given = np.asarray(bins, dtype=np.float64)
        if given.size < 2 or not (np.diff(given) > 0).all() or (scale == "log" and given[0] <= 0):
            raise ValueError("the edges of bins must increase, and be positive on a logarithmic scale")
        edges = np.log10(given) if scale == "log" else given
        rule = f"{given.size - 1} {words} bins as given"
    else:
        edges, rule = _common_edges(together, None if bins is None else int(bins), words)
    counts = {name: np.histogram(numbers, edges)[0].astype(np.int64) for name, numbers in used.items()}
    return Histograms(10.0**edges if scale == "log" else edges, counts, scale, rule, left_out)


def _common_edges(values: Array, count: int | None, words: str) -> tuple[Array, str]:
    if count is not None and count < 1:
        raise ValueError(f"a histogram needs at least one bin, not {count}")
    if values.size == 0:
        return np.linspace(0.0, 1.0, (count or _FEWEST_BINS) + 1), "no values"
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        # All alike: one bin in the middle holds them.
        margin = abs(low) * 1e-3 or 0.5
        return np.linspace(low - margin, high + margin, (count or _FEWEST_BINS) + 1), "all values alike"
    if count is not None:
        return np.linspace(low, high, count + 1), f"{count} {words} bins as asked for"
    lower, _, upper = quartiles(values)
    width = 2 * (upper - lower) * values.size ** (-1 / 3)
    wanted = int(np.ceil((high - low) / width)) if width > 0 else _MOST_BINS
    bins = min(max(wanted, _FEWEST_BINS), _MOST_BINS)
    return np.linspace(low, high, bins + 1), f"{bins} {words} bins, Freedman and Diaconis"
