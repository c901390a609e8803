"""Displacement against time at marked points, in groups on one scale: the paper's Fig. 5."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.plotting.positions import PositionCurve
from napari_tesm.quantities.text import prefix_for

Array = NDArray[np.float64]

_PULSE: Final = "#e9edf2"
_FIT: Final = "#1d2126"


def draw_point_curves(
    figure: Figure,
    time: Array,
    groups: Mapping[str, Sequence[PositionCurve]],
    *,
    unit: str,
    pulse: tuple[float, float] | None = None,
    most: int = 4,
) -> None:
    """Draw groups of curves side by side, time and displacement on one scale, each in its point's colour.

    Parameters
    ----------
    figure : Figure
    time : ndarray
        In s.
    groups : mapping of str to sequence of PositionCurve
        By their titles; empty ones are left out.
    unit : str
        Of displacement.
    pulse : (float, float), optional
        To shade, in s.
    most : int
        Groups in a row at the most.
    """
    figure.set_layout_engine("constrained")
    shown = {title: curves for title, curves in groups.items() if curves}
    rows = -(-len(shown) // most)
    columns = -(-len(shown) // rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes = grid.ravel()[: len(shown)]
    for empty in grid.ravel()[len(shown) :]:
        empty.set_axis_off()
    factor, time_unit = prefix_for(time, "s")
    everything = np.concatenate([curve.values for curves in shown.values() for curve in curves])
    value_factor, value_unit = prefix_for(everything, unit)
    for axis, (title, curves) in zip(axes, shown.items(), strict=True):
        if pulse is not None:
            axis.axvspan(pulse[0] / factor, pulse[1] / factor, color=_PULSE, zorder=0, lw=0)
        axis.axhline(0.0, color="0.75", lw=0.7, zorder=1)
        for curve in curves:
            at = time if curve.time is None else curve.time
            axis.plot(at / factor, curve.values / value_factor, color=curve.colour, lw=1.0, label=curve.label)
            for at, fitted in curve.fits:
                axis.plot(at / factor, fitted / value_factor, color=_FIT, lw=0.9, alpha=0.8, ls="--")
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_title(title, fontsize=11)
        axis.legend(frameon=False, fontsize=9)
    for place, axis in enumerate(axes):
        if place + columns >= len(shown):
            axis.set_xlabel(f"time ({time_unit})")
            axis.tick_params(labelbottom=True)
    for first in grid[:, 0]:
        first.set_ylabel(label_with_unit("displacement", value_unit))
    axes[0].set_xlim(time[0] / factor, time[-1] / factor)
