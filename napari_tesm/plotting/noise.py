"""The autocorrelation of the noise, drawn."""

from typing import Final

from matplotlib.axes import Axes

from napari_tesm.noise.autocorrelation import Autocorrelation
from napari_tesm.plotting.axes import label_log_axis
from napari_tesm.quantities.text import prefix_for

_ROOM: Final = 1.1
_TICKS: Final = 5


def draw_autocorrelation(axis: Axes, noise: Autocorrelation, title: str = "") -> None:
    """Draw the correlation of two samples over their distance in time: as measured, and as the model has it."""
    factor, unit = prefix_for(noise.lags, "s")
    axis.axhline(0.0, color="0.8", lw=0.8)
    axis.plot(noise.lags / factor, noise.measured, ".", ms=4, color="0.45", label="residuals")
    axis.plot(noise.lags / factor, noise.modelled, lw=1.6, color="#d55e00", label="noise as taken")
    axis.set_xscale("log")
    low, high = float(noise.lags.min()) / factor, float(noise.lags.max()) / factor
    if 0 < low < high:
        axis.set_xlim(low / _ROOM, high * _ROOM)
        label_log_axis(axis.xaxis, low / _ROOM, high * _ROOM, most=_TICKS)
    axis.set_ylim(min(-0.3, 1.1 * float(noise.measured.min())), 1.05)
    axis.set_xlabel(f"time between two samples ({unit})")
    axis.set_ylabel("correlation")
    axis.legend(frameon=False, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    if title:
        axis.set_title(title, fontsize=9)
