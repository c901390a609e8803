"""Traces of several positions in one axes, as the paper shows its controls (Figs. 2, 3c, 5, S2, S3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.plotting.lines import finite_or_nan, thinned
from napari_tesm.quantities.text import prefix_for

Array = NDArray[np.float64]

_PULSE: Final = "#e9edf2"
_MARGIN: Final = 0.06


@dataclass(frozen=True, eq=False)
class PositionCurve:
    """A trace at a position.

    Parameters
    ----------
    label : str
    colour : str
    values : ndarray, shape (time,)
    fits : sequence of (time, values)
        Fitted curves in their windows.
    time : ndarray, optional
        Of its samples in s, where they are not those of the other curves.
    """

    label: str
    colour: str
    values: Array
    fits: Sequence[tuple[Array, Array]] = ()
    time: Array | None = None


def draw_positions(
    axes: Axes,
    time: Array,
    curves: Sequence[PositionCurve],
    *,
    unit: str,
    pulse: tuple[float, float] | None = None,
    limits: tuple[float, float] | None = None,
    title: str = "",
) -> None:
    """Draw traces over each other, the pulse shaded.

    Parameters
    ----------
    time : ndarray, shape (time,)
        In s.
    unit : str
        SI unit of the traces.
    pulse : (float, float), optional
        In s.
    limits : (float, float), optional
        Of the traces, in their unit: what two plots share that are to be compared.
    """
    values = [finite_or_nan(curve.values) for curve in curves]
    t_factor, t_unit = prefix_for(time, "s")
    everything = np.concatenate(values) if values else np.zeros(1)
    factor, shown = prefix_for(everything if limits is None else np.array(limits), unit)
    if pulse is not None:
        axes.axvspan(pulse[0] / t_factor, pulse[1] / t_factor, color=_PULSE, zorder=0, lw=0)
    for curve, trace in zip(curves, values, strict=True):
        x, y = thinned(time / t_factor, trace / factor)
        axes.plot(x, y, color=curve.colour, lw=0.8, alpha=0.9, label=curve.label)
    if not curves:
        axes.text(0.5, 0.5, "no trace", transform=axes.transAxes, ha="center", va="center")
    elif any(curve.label for curve in curves):
        axes.legend(frameon=False, fontsize=8, loc="upper right", ncols=2 if len(curves) > 3 else 1)
    if limits is not None:
        axes.set_ylim(limits[0] / factor, limits[1] / factor)
    axes.set_xlim(time[0] / t_factor, time[-1] / t_factor)
    axes.set_xlabel(f"time ({t_unit})")
    axes.set_ylabel(label_with_unit("displacement", shown))
    axes.spines[["top", "right"]].set_visible(False)
    if title:
        axes.set_title(title, fontsize=10)


def common_limits(traces: Sequence[NDArray[np.floating]]) -> tuple[float, float] | None:
    """Return limits that hold all finite values of some traces; None where there are none."""
    finite = [values[np.isfinite(values)] for values in traces]
    filled = [values for values in finite if values.size]
    if not filled:
        return None
    low, high = min(float(v.min()) for v in filled), max(float(v.max()) for v in filled)
    room = _MARGIN * ((high - low) or abs(high) or 1.0)
    return low - room, high + room
