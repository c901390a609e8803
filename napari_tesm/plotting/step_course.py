"""A quantity against the distance from a step, and profiles across it with the step's thickness."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_tesm.plotting.axes import label_with_unit, scale_for
from napari_tesm.quantities.text import prefix_for, text_with_error
from napari_tesm.regions.profile import Profile
from napari_tesm.regions.widths import StepWidth

Array = NDArray[np.float64]

_STEP: Final = "#f3d9c4"
_PIXELS: Final = "#9aa5b1"
_MEDIAN: Final = "#b2182b"
_FEWEST: Final = 5
_MOST_PIXELS: Final = 6000


@dataclass(frozen=True, eq=False)
class AcrossStep:
    """A profile across a step.

    Parameters
    ----------
    title, unit : str
    profile : Profile
    width : StepWidth, optional
    """

    title: str
    unit: str
    profile: Profile
    width: StepWidth | None


def draw_course(
    axes: Axes,
    distance: Array,
    values: Array,
    *,
    bins: Array,
    medians: Array,
    counts: NDArray[np.int64],
    half_width: float,
    name: str,
    unit: str,
    lateral_unit: str,
) -> None:
    """Draw each pixel's value against its distance from a step, and the median in each bin, logarithmically.

    Parameters
    ----------
    axes : Axes
    distance, values : ndarray of one shape
        Of the pixels; at most 6000 of them, evenly chosen, are drawn as points.
    bins, medians, counts : ndarray
        Middle, median and number of pixels of each bin of distance.
    half_width : float
        Of the step, which is shaded.
    """
    factor, shown = prefix_for(distance, lateral_unit)
    good = np.isfinite(values) & (values > 0)
    x, y = distance[good], values[good]
    thin = slice(None, None, max(1, -(-x.size // _MOST_PIXELS)))
    axes.axvspan(-half_width / factor, half_width / factor, color=_STEP, lw=0, zorder=0)
    axes.plot(x[thin] / factor, y[thin], ".", ms=2, color=_PIXELS, alpha=0.35, zorder=1, rasterized=True)
    enough = counts >= _FEWEST
    axes.plot(bins[enough] / factor, medians[enough], "-", color=_MEDIAN, lw=1.8, zorder=3, label="median")
    axes.set_yscale("log")
    if y.size:
        low, high = np.percentile(y, [0.5, 99.5])
        axes.set_ylim(low / 1.2, high * 1.2)
    axes.set_xlabel(label_with_unit("signed distance from the step", shown))
    axes.set_ylabel(label_with_unit(name, unit))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)


def draw_across_step(figure: Figure, quantities: Sequence[AcrossStep], *, lateral_unit: str) -> None:
    """Draw profiles across a step one below the other, the thickness found in each shaded and written."""
    figure.set_layout_engine("constrained")
    axes = figure.subplots(len(quantities), 1, sharex=True, squeeze=False)[:, 0]
    reach = float(quantities[0].profile.position[-1])
    factor, shown = prefix_for(reach, lateral_unit)
    for axis, quantity in zip(axes, quantities, strict=True):
        position = (quantity.profile.position - reach / 2) / factor
        value_factor, value_unit = scale_for(quantity.profile.mean, quantity.unit)
        mean, std = quantity.profile.mean / value_factor, quantity.profile.std / value_factor
        axis.fill_between(position, mean - std, mean + std, color="#2166ac", alpha=0.15, lw=0)
        axis.plot(position, mean, color="#2166ac", lw=1.5)
        words = "no width above the noise"
        if quantity.width is not None:
            left, right = (
                (edge - reach / 2) / factor for edge in (quantity.width.left, quantity.width.right)
            )
            axis.axvspan(left, right, color=_STEP, lw=0, zorder=0)
            what = "strip" if quantity.width.kind == "ridge" else "edge"
            words = f"{what}, FWHM {text_with_error(quantity.width.fwhm, quantity.width.error, lateral_unit)}"
        axis.set_title(f"{quantity.title}: {words}", fontsize=10, loc="left")
        axis.set_ylabel(label_with_unit(quantity.title, value_unit))
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel(label_with_unit("position across the step", shown))
