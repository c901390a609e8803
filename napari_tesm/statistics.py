"""Numbers that describe a map: quantiles, and the mode of a distribution with its confidence interval.

Pure functions of plain arrays. Everything random is seeded: the same data give the same numbers.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_BINS: Final = 512
_REPLICATES: Final = 500
_FEWEST_VALUES: Final = 10
_FARTHEST: Final = 40
"""Values are looked at to this distance from the median, in units of the spread."""


@dataclass(frozen=True)
class Mode:
    """Most frequent value of a distribution and the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float


def quartiles(values: NDArray[np.floating]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile of the finite values; NaN without any."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return (np.nan, np.nan, np.nan)
    low, middle, high = np.percentile(finite, [25, 50, 75])
    return float(low), float(middle), float(high)


def mode_from_values(values: NDArray[np.floating], *, seed: int = 0) -> Mode | None:
    """Return the mode of a sample with its 95 % bootstrap interval, or None for fewer than ten finite values.

    The mode is the maximum of the density estimated with a Gaussian kernel of Silverman's width (Silverman
    1986, eq. 3.31). The bootstrap draws the counts of 512 fine bins anew, which is the same as drawing the
    values anew and rounding them to a bin, and costs nothing that grows with the number of pixels.

    Parameters
    ----------
    values : ndarray
        For a diffusion coefficient its decimal logarithm: the mode depends on the scale it is looked for on.
    seed : int
        Seed of the bootstrap.
    """
    finite = np.sort(values[np.isfinite(values)].ravel())
    if finite.size < _FEWEST_VALUES:
        return None
    lower, median, upper = quartiles(finite)
    spread = (upper - lower) / 1.34
    if spread == 0:  # half of the values are one and the same
        return Mode(median, median, median)
    # In units of the spread no bin is too narrow for its numbers; the few far outliers are left to one side, so
    # that the bins stay finer than the kernel.
    scaled = (finite - median) / spread
    scaled = scaled[np.abs(scaled) <= _FARTHEST]
    width = 0.9 * min(float(scaled.std()), 1.0) * finite.size**-0.2
    counts, edges = np.histogram(scaled, bins=_BINS, range=(scaled[0] - 3 * width, scaled[-1] + 3 * width))
    centres = (edges[1:] + edges[:-1]) / 2
    rng = np.random.default_rng(seed)
    total = int(counts.sum())
    drawn = rng.multinomial(total, counts / total, size=_REPLICATES)
    modes = median + spread * _peaks_of_density(np.vstack([counts, drawn]), centres, width)
    low, high = np.percentile(modes[1:], [2.5, 97.5])
    return Mode(float(modes[0]), min(float(low), float(modes[0])), max(float(high), float(modes[0])))


def _peaks_of_density(
    counts: NDArray[np.integer], centres: NDArray[np.float64], width: float
) -> NDArray[np.float64]:
    """Return where the smoothed histogram of each row of `counts` is highest, to a fraction of a bin."""
    step = centres[1] - centres[0]
    # The transform of a Gaussian is known, so the smoothing is one multiplication; zeros pad the far end.
    frequency = np.fft.rfftfreq(2 * centres.size, d=step)
    transfer = np.exp(-2 * (np.pi * frequency * width) ** 2)
    density = np.fft.irfft(np.fft.rfft(counts, n=2 * centres.size, axis=1) * transfer, axis=1)[
        :, : centres.size
    ]
    peak = np.clip(density.argmax(axis=1), 1, centres.size - 2)
    rows = np.arange(len(peak))
    left, top, right = (density[rows, peak + shift] for shift in (-1, 0, 1))
    bend = left - 2 * top + right
    shift = np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    return np.asarray(centres[peak] + np.clip(shift, -0.5, 0.5) * step)
