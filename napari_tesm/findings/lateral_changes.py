"""What taking lateral diffusion out changes in the parts of an image: D before and after, over the same pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import JOINT, labels_from_maps, limited_values, map_name
from napari_tesm.regions.measures import Part, measure_from_map
from napari_tesm.statistics.description import Estimate, quartiles
from napari_tesm.statistics.independence import independent_samples
from napari_tesm.statistics.ranks import Comparison
from napari_tesm.statistics.ratios import interval_of_median

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_LIMIT: Final = 1.96
"""Standard errors from a value to the ends of its 95 % interval."""


@dataclass(frozen=True)
class PartChange:
    """D of one part of an image, in m²/s.

    Parameters
    ----------
    part : Part
    n : int
        Pixels that have a D of either kind: both medians are theirs.
    alone, lateral : Estimate
        Median of D, each pixel by itself and with lateral diffusion taken out, with the interval that holds it with
        95 %; NaN where nothing is known.
    """

    part: Part
    n: int
    alone: Estimate
    lateral: Estimate

    @property
    def factor(self) -> float:
        """How many times as large the median is once lateral diffusion is taken out."""
        return self.lateral.value / self.alone.value


@dataclass(frozen=True)
class RatioChange:
    """The ratio of D of two parts of an image: before, with each pixel by itself, and after."""

    alone: Comparison
    lateral: Comparison

    def sentence(self) -> str:
        """Return both ratios in a sentence."""
        first, second = self.alone.names
        return (
            f"D in {first} is {_ratio_in_words(self.alone)} that in {second} with each pixel by itself, and "
            f"{_ratio_in_words(self.lateral)} with lateral diffusion taken out (n = {self.alone.n[0]} and "
            f"{self.alone.n[1]} pixels)."
        )


@dataclass(frozen=True, eq=False)
class LateralChange:
    """What changes in a map of one pulse setting.

    Parameters
    ----------
    label : str
        What tells the pulse setting apart, ``"(-3 V)"``.
    parts : tuple of PartChange
    ratios : tuple of RatioChange
        Steps against grains or against the rest, or regions against the rest.
    left_out : int
        Pixels that have a D of one kind only.
    """

    label: str
    parts: tuple[PartChange, ...]
    ratios: tuple[RatioChange, ...]
    left_out: int


def lateral_change(maps: xr.Dataset, pulse: int, parts: Sequence[Part]) -> LateralChange:
    """Return what taking lateral diffusion out changes in the parts of an image.

    A pixel counts where it has a D of both kinds: a median over other pixels would change by itself. The interval of a
    median is that of the scatter of its pixels, as many as are independent; that of the D of an inversion, which is
    as smooth as it was taken to be, is no narrower than the standard error of the pixels, as if they shared it.

    Parameters
    ----------
    maps : Dataset
        From `napari_tesm.inversion.lateral.lateral_maps`.
    pulse : int
    parts : sequence of Part
        From `napari_tesm.regions.measures.parts_of_image`, of the maps' grid.

    Raises
    ------
    ValueError
        If a part and the maps differ in size.
    """
    name, label = map_name("D", JOINT), labels_from_maps(maps)[pulse]
    alone, lateral = limited_values(maps, name, pulse), limited_values(maps, "D_lateral", pulse)
    known = [~np.isnan(values) for values in (alone, lateral)]
    both = known[0] & known[1]
    alone, lateral = np.where(both, alone, np.nan), np.where(both, lateral, np.nan)
    errors = np.where(both, limited_values(maps, "log_D_lateral_stderr", pulse), np.nan)
    measures = [
        measure_from_map(values, parts, quantity, "m²/s", label, pulse, many_decades=True)
        for values, quantity in ((alone, name), (lateral, "D_lateral"))
    ]
    changes = []
    for part in parts:
        there = part.mask & both
        changes.append(
            PartChange(
                part,
                int(there.sum()),
                _median_with_interval(alone, there),
                _no_narrower(_median_with_interval(lateral, there), errors[there]),
            )
        )
    before, after = ({pair.names: pair for pair in measure.comparisons} for measure in measures)
    ratios = tuple(RatioChange(before[names], after[names]) for names in before if names in after)
    return LateralChange(label, tuple(changes), ratios, int((known[0] ^ known[1]).sum()))


def _median_with_interval(values: Array, mask: Mask) -> Estimate:
    """Return the median of D under a mask; limits count, and leave no interval where the median is one."""
    _, median, _ = quartiles(values[mask])
    if not np.isfinite(median):
        return Estimate(median, np.nan, np.nan)
    logs = np.log(np.where(np.isfinite(values), values, np.nan))
    (independent,) = independent_samples(logs, mask, apart=True)
    low, high = interval_of_median(logs[mask & np.isfinite(logs)], independent)
    return Estimate(median, float(np.exp(low)), float(np.exp(high)))


def _no_narrower(median: Estimate, errors: Array) -> Estimate:
    """Return an interval widened to what the standard errors of ln D leave open, shape (n,)."""
    known = errors[np.isfinite(errors)]
    if not known.size or not np.isfinite(median.value):
        return median
    factor = float(np.exp(_LIMIT * np.median(known)))
    ends = np.fmin(median.low, median.value / factor), np.fmax(median.high, median.value * factor)
    return Estimate(median.value, float(ends[0]), float(ends[1]))


def _ratio_in_words(pair: Comparison) -> str:
    if not np.isfinite(pair.ratio):
        return "not known as a multiple of"
    if not np.isfinite(pair.ratio_low):
        return f"{pair.ratio:.3g} times"
    return f"{pair.ratio:.3g} times ({pair.ratio_low:.3g} to {pair.ratio_high:.3g})"
