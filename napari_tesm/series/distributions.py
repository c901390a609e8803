"""Histograms of all image points for each voltage, as Fig. 6c of the t-ESM paper has them, and what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.series.abscissa import VOLTAGE, Abscissa
from napari_tesm.series.members import Series
from napari_tesm.statistics.description import (
    Estimate,
    Histograms,
    histograms_from_values,
    quartiles,
    smoothed_counts,
)
from napari_tesm.statistics.long_range import independent_in_map

Array = NDArray[np.float64]

_FINE_BINS: Final = 512
_REPLICATES: Final = 300
_FEWEST: Final = 10
_FARTHEST: Final = 6.0
"""Bins reach this many times the distance of the quartiles beyond them: hot pixels are counted, not drawn."""


_NOTHING: Final = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, eq=False)
class Distribution:
    """All pixels of one scan.

    Parameters
    ----------
    label : str
    voltage : float
        In V.
    n : int
        Pixels with a value.
    independent : float
        As how many independent ones they count, on which the intervals stand.
    outside : int
        Pixels beyond the bins.
    mode, width, peak : Estimate
        Most frequent value of the smoothed distribution, its full width at half maximum, and its height as pixels in a
        bin of the histogram.
    median, q25, q75 : float
    """

    label: str
    voltage: float
    n: int
    independent: float
    outside: int
    mode: Estimate
    width: Estimate
    peak: Estimate
    median: float
    q25: float
    q75: float

    @property
    def iqr(self) -> float:
        """Distance of the quartiles."""
        return self.q75 - self.q25


@dataclass(frozen=True, eq=False)
class Distributions:
    """The distributions of a series over the same bins.

    Parameters
    ----------
    unit : str
    histograms : Histograms
        Counts by the labels of the scans; H with the sign of the series, so that it grows with the response.
    each : tuple of Distribution
        By increasing size of the voltage.
    abscissa : Abscissa
    """

    unit: str
    histograms: Histograms
    each: tuple[Distribution, ...]
    abscissa: Abscissa = VOLTAGE

    @property
    def sentences(self) -> list[str]:
        """What becomes of the distribution with increasing voltage, in words; empty for fewer than two voltages."""
        filled = [sample for sample in self.each if sample.n >= _FEWEST]
        if len({sample.voltage for sample in filled}) < 2:
            return []
        return [
            _trend("The distribution", "width", ("broadens", "narrows", "keeps its width"), filled),
            _trend("Its peak", "peak", ("rises", "falls", "keeps its height"), filled),
            _trend(
                "The most frequent value",
                "mode",
                ("moves to larger values", "moves to smaller values", "stays where it is"),
                filled,
            ),
        ]


def distributions_of_series(series: Series, *, seed: int = 0) -> Distributions:
    """Return the distributions of H for each scan, over the same bins: the rule of Freedman and Diaconis for all.

    Parameters
    ----------
    series : Series
    seed : int
        Of the intervals: bootstrap of as many values as there are independent pixels.
    """
    maps = [series.answer(index) for index in range(len(series.members))]
    finite = [image[np.isfinite(image)] for image in maps]
    together = np.concatenate(finite) if finite else np.zeros(0)
    low, high = _limits(together)
    samples = {
        label: part[(part >= low) & (part <= high)] for label, part in zip(series.labels, finite, strict=True)
    }
    histograms = histograms_from_values(samples, scale="linear")
    distributions = []
    for member, values, part in zip(series.members, maps, finite, strict=True):
        inside = samples[member.label]
        rng = np.random.default_rng(seed)
        q25, median, q75 = quartiles(part)
        independent = independent_in_map(values) if part.size else 0.0
        mode, width, peak = _shape(inside, independent, float(np.diff(histograms.edges[:2])[0]), rng)
        distributions.append(
            Distribution(
                member.label, member.at, int(part.size), independent, int(part.size - inside.size), mode, width,
                peak, median, q25, q75,
            )
        )  # fmt: skip
    return Distributions(series.unit(), histograms, tuple(distributions), series.abscissa)


def _limits(values: Array) -> tuple[float, float]:
    if values.size == 0:
        return 0.0, 1.0
    q25, q75 = np.percentile(values, [25, 75])
    reach = _FARTHEST * (q75 - q25)
    return float(q25 - reach), float(q75 + reach)


def _shape(
    values: Array, independent: float, bin_width: float, rng: np.random.Generator
) -> tuple[Estimate, Estimate, Estimate]:
    """Return mode, full width at half maximum and height of a sample's density, with bootstrap intervals."""
    if values.size < _FEWEST or np.ptp(values) == 0:
        return _NOTHING, _NOTHING, _NOTHING
    spread = min(float(values.std()), float(np.subtract(*np.percentile(values, [75, 25]))) / 1.34)
    kernel = 1.06 * (spread or float(values.std())) * min(values.size, max(independent, 2.0)) ** -0.2
    counts, edges = np.histogram(
        values, bins=_FINE_BINS, range=(values.min() - 3 * kernel, values.max() + 3 * kernel)
    )
    step = float(edges[1] - edges[0])
    drawn_of = max(round(independent), 2)
    drawn = rng.multinomial(drawn_of, counts / counts.sum(), size=_REPLICATES) * (counts.sum() / drawn_of)
    density = smoothed_counts(np.vstack([counts, drawn]).astype(np.float64), kernel / step)
    centres = (edges[1:] + edges[:-1]) / 2
    top = density.argmax(axis=1)
    height = density.max(axis=1)
    widths = np.array([_width_at_half(row, at) for row, at in zip(density, top, strict=True)]) * step
    parts = (centres[top], widths, height / step * bin_width)
    return tuple(_estimate(part) for part in parts)  # type: ignore[return-value]


def _estimate(values: Array) -> Estimate:
    """Return the first value and 1.96 standard deviations of the others to both sides.

    The others themselves lie beside it: what is drawn from a smooth density and smoothed once more is a little wider.
    """
    first, spread = float(values[0]), 1.96 * float(values[1:].std(ddof=1))
    return Estimate(first, first - spread, first + spread)


def _width_at_half(density: Array, top: int) -> float:
    """Return the full width at half maximum about the highest bin, in bins."""
    half = density[top] / 2
    below = density < half
    right = np.flatnonzero(below[top:])
    left = np.flatnonzero(below[: top + 1])
    stop = float(density.size - 1) if right.size == 0 else _crossing(density, top + int(right[0]) - 1, half)
    start = 0.0 if left.size == 0 else _crossing(density, int(left[-1]), half)
    return stop - start


def _crossing(density: Array, index: int, level: float) -> float:
    """Return where a density passes a level between a bin and the next."""
    a, b = float(density[index]), float(density[index + 1])
    return index + (level - a) / (b - a) if b != a else float(index)


def _trend(what: str, key: str, words: tuple[str, str, str], distributions: Sequence[Distribution]) -> str:
    """Return whether an estimate grows from the smallest voltage to the largest, and in how many steps."""
    values: list[Estimate] = [getattr(sample, key) for sample in distributions]
    first, last = values[0], values[-1]
    changed = last.low > first.high or last.high < first.low
    word = words[2] if not changed else words[0] if last.value > first.value else words[1]
    ends = f"from {distributions[0].label} to {distributions[-1].label}"
    if not changed:
        return f"{what} {word} {ends}, as far as the intervals tell."
    steps = np.sign(np.diff([estimate.value for estimate in values])) == np.sign(last.value - first.value)
    share = "at every step" if steps.all() else f"in {int(steps.sum())} of {steps.size} steps"
    ratio = last.value / first.value if first.value > 0 else float("nan")
    times = f", to {ratio:.2g} times" if np.isfinite(ratio) and ratio > 0 else ""
    return f"{what} {word} {ends}{times} ({share})."
