"""The lock-in's signals: X, Y, R and the phase of a pixel, and X beside R over the surface (the paper's Fig. S4)."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_tesm.data.displacement import hot_pixels
from napari_tesm.data.phase import ComplexDisplacement
from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.plotting.lines import thinned
from napari_tesm.plotting.maps import draw_map, signed_norm
from napari_tesm.quantities.text import prefix_for

Array = NDArray[np.float64]

_PULSE: Final = "#e9edf2"
_COLOURS: Final = {"R": "#1a1a1a", "X": "#b2182b", "Y": "#2166ac"}
_PHASE: Final = "#5e3c99"
_LEAST_TURN: Final = 5.0
"""Degrees to both sides that the colours of a phase map span at the least."""


def draw_signals(
    figure: Figure,
    time: Array,
    places: Mapping[str, Mapping[str, Array]],
    *,
    unit: str,
    clear: float,
    pulse: tuple[float, float] | None = None,
) -> None:
    """Draw X, Y and R of some pixels above, the phase where R is clear of the noise below.

    Parameters
    ----------
    time : ndarray, shape (time,)
        In s.
    places : mapping of str to mapping of str to ndarray
        For each title the traces of "X", "Y" and "R" in the unit, and of "phase" in degrees.
    unit : str
    clear : float
        Least R whose phase is shown.
    pulse : (float, float), optional
        In s.
    """
    figure.set_layout_engine("constrained")
    axes = figure.subplots(2, len(places), sharex=True, sharey="row", height_ratios=[2.0, 1.0], squeeze=False)
    t_factor, t_unit = prefix_for(time, "s")
    everything = np.concatenate([signals["R"] for signals in places.values()])
    factor, shown = prefix_for(everything[np.isfinite(everything)], unit)
    for above, below, (title, signals) in zip(*axes, places.items(), strict=True):
        for panel in (above, below):
            if pulse is not None:
                panel.axvspan(pulse[0] / t_factor, pulse[1] / t_factor, color=_PULSE, zorder=0, lw=0)
            panel.spines[["top", "right"]].set_visible(False)
        for name, colour in _COLOURS.items():
            above.plot(
                *thinned(time / t_factor, signals[name] / factor), color=colour, lw=0.9, label=name,
                ls="--" if name == "R" else "-",
            )  # fmt: skip
        above.set_title(title, fontsize=9)
        seen = signals["R"] >= clear
        below.plot(time[seen] / t_factor, signals["phase"][seen], ".", ms=2.5, color=_PHASE)
        below.set_xlabel(f"time ({t_unit})")
        below.set_ylim(-190, 190)
        below.set_yticks([-180, -90, 0, 90, 180])
    axes[0, 0].legend(frameon=False, fontsize=8, ncols=3)
    axes[0, 0].set_ylabel(label_with_unit("displacement", shown))
    axes[1, 0].set_ylabel("phase (°)")


def draw_signal_maps(
    figure: Figure, like: xr.DataArray, height: ComplexDisplacement, pulse: int, *, label: str
) -> None:
    """Draw H of X, the size of the response, its phase where it is clear, and one against the other; no hot pixels.

    Parameters
    ----------
    like : DataArray with dims (y, x)
        Gives axes and unit.
    """
    figure.set_layout_engine("constrained")
    axes = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1])
    hot = hot_pixels(height.in_phase[pulse]) | hot_pixels(height.size[pulse])
    x, size = (np.where(hot, np.nan, part[pulse]) for part in (height.in_phase, height.size))
    chosen = height.responding()[pulse] & ~hot
    norm = signed_norm([size])
    draw_map(
        axes[0], like.copy(data=x), f"H of X {label}".rstrip(), cmap="RdBu_r", norm=norm, quantity="H of X"
    )
    largest = float(norm.vmax or 1.0)
    draw_map(
        axes[1],
        like.copy(data=size),
        "H of R",
        cmap="inferno",
        norm=Normalize(0.0, largest),
        quantity="H of R",
    )
    angle = np.rad2deg(
        np.arctan(np.divide(height.quadrature[pulse], x, out=np.full(x.shape, np.nan), where=x != 0))
    )
    phase = like.copy(data=np.where(chosen, angle, np.nan))
    phase.attrs["units"] = "°"
    draw_map(axes[2], phase, "phase of H", cmap="PuOr", norm=_phase_norm(phase.values), quantity="phase")
    factor, shown = prefix_for(largest, str(like.attrs.get("units", "")))
    axes[3].plot(size[chosen] / factor, np.abs(x[chosen]) / factor, ".", ms=2, color=_COLOURS["X"], alpha=0.4)
    end = 1.08 * largest / factor
    axes[3].plot([0, end], [0, end], color="0.3", lw=0.8, ls="--")
    axes[3].set(xlim=(0, end), ylim=(0, end), box_aspect=1)
    axes[3].set_xlabel(label_with_unit("|H| of R", shown))
    axes[3].set_ylabel(label_with_unit("|H| of X", shown))
    axes[3].spines[["top", "right"]].set_visible(False)


def _phase_norm(angles: Array) -> Normalize:
    """Return a scale that shows how the phase differs over the map, hot pixels left out, and no more than its noise."""
    finite = angles[np.isfinite(angles)]
    if not finite.size:
        return Normalize(-90.0, 90.0)
    low, middle, high = np.percentile(finite, [1, 50, 99])
    half = max(float(high - middle), float(middle - low), _LEAST_TURN)
    return Normalize(max(float(middle) - half, -90.0), min(float(middle) + half, 90.0))
