"""What was applied and what the surface did, one below the other: the paper's Fig. 1b, for any pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.quantities.text import prefix_for, text_from_quantity

Array = NDArray[np.float64]

_PULSE: Final = "#e9edf2"
_DATA: Final = "#5f6b7a"
_HEIGHT: Final = "#b2182b"
_APPLIED: Final = "#2166ac"


@dataclass(frozen=True, eq=False)
class Response:
    """A trace, and the samples that H is the difference of.

    Parameters
    ----------
    label : str
        The pulse setting, ``"(-3 V)"``.
    voltage : float
        In V; NaN where unknown.
    values : ndarray, shape (time,)
    before, at_end : slice
        Of the samples, from `napari_tesm.data.displacement.samples_for_displacement`; none before a pulse whose level
        was fitted.
    height : float
        H, in the unit of the trace.
    """

    label: str
    voltage: float
    values: Array
    before: slice
    at_end: slice
    height: float


def draw_pulse_responses(
    figure: Figure,
    time: Array,
    pulse: tuple[float, float],
    responses: Sequence[Response],
    *,
    unit: str,
    ac_amplitude: float | None = None,
    ac_frequency: float | None = None,
) -> None:
    """Draw the applied voltage and the traces on one time axis, the pulse shaded and H marked.

    Parameters
    ----------
    figure : Figure
    time : ndarray, shape (time,)
        In s.
    pulse : (float, float)
        Start and end, in s.
    responses : sequence of Response
        From the top down.
    unit : str
        Of the traces.
    ac_amplitude, ac_frequency : float, optional
        Of the drive, in V and Hz; drawn as a band, for its periods cannot be told apart on this axis.
    """
    figure.set_layout_engine("constrained")
    count = 1 + len(responses)
    axes = figure.subplots(count, 1, sharex=True, height_ratios=[1.0, *[1.6] * len(responses)], squeeze=False)
    factor, time_unit = prefix_for(time, "s")
    start, stop = (edge / factor for edge in pulse)
    for panel in axes[:, 0]:
        panel.axvspan(start, stop, color=_PULSE, zorder=0, lw=0)
        panel.spines[["top", "right"]].set_visible(False)
    _draw_applied(axes[0, 0], time / factor, (start, stop), responses, ac_amplitude, ac_frequency)
    everything = np.concatenate([response.values for response in responses]) if responses else np.zeros(1)
    value_factor, value_unit = prefix_for(everything, unit)
    for below, response in zip(axes[1:, 0], responses, strict=True):
        _draw_response(below, time / factor, response, value_factor, unit)
        below.set_ylabel(label_with_unit("u", value_unit))
        below.set_title(f"displacement {response.label}".rstrip(), fontsize=10, loc="left")
    axes[-1, 0].set_xlabel(f"time ({time_unit})")
    axes[-1, 0].set_xlim(time[0] / factor, time[-1] / factor)


def _draw_applied(
    axes: Axes,
    time: Array,
    pulse: tuple[float, float],
    responses: Sequence[Response],
    amplitude: float | None,
    frequency: float | None,
) -> None:
    sizes = {abs(response.voltage) for response in responses if np.isfinite(response.voltage)}
    axes.set_title("applied voltage, |dc| with ac", fontsize=10, loc="left")
    axes.set_ylabel("|U| (V)")
    if len(sizes) != 1:
        axes.text(0.5, 0.5, "voltage not known", transform=axes.transAxes, ha="center", va="center")
        axes.set_yticks([])
        return
    size = sizes.pop()
    corners = [time[0], pulse[0], pulse[0], pulse[1], pulse[1], time[-1]]
    levels = np.array([0.0, 0.0, size, size, 0.0, 0.0])
    if amplitude:
        words = f"ac {text_from_quantity(amplitude, 'V')}"
        if frequency:
            words += f" at {text_from_quantity(frequency, 'Hz')}"
        low, high = levels - amplitude, levels + amplitude
        axes.fill_between(corners, low, high, color=_APPLIED, alpha=0.22, lw=0, label=words)
    axes.plot(corners, levels, color=_APPLIED, lw=1.5, label=f"dc {text_from_quantity(size, 'V')}")
    axes.legend(frameon=False, fontsize=9, loc="upper right", ncols=2)


def _draw_response(axes: Axes, time: Array, response: Response, factor: float, unit: str) -> None:
    values = response.values / factor
    axes.plot(time, values, color=_DATA, lw=0.8)
    high = float(np.nanmean(values[response.at_end]))
    low = high - response.height / factor
    for part in (response.before, response.at_end):
        axes.plot(time[part], values[part], ".", color=_HEIGHT, ms=4)
    at = float(np.mean(time[response.at_end]))
    axes.plot([time[response.before.start], at], [low, low], color=_HEIGHT, lw=0.9, ls="--")
    if low != high:
        arrow = {"arrowstyle": "<->", "color": _HEIGHT, "lw": 1.3, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (at, high), (at, low), arrowprops=arrow)
    size = text_from_quantity((high - low) * factor, unit, digits=3).replace("-", "\N{MINUS SIGN}")
    axes.annotate(
        f"H = {size}", (at, (low + high) / 2), (-6, 0), textcoords="offset points", ha="right", va="center",
        color=_HEIGHT, fontsize=10, bbox={"facecolor": _PULSE, "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )  # fmt: skip
