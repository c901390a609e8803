"""The t-ESM paper's Fig. 8: D1 and D2 over the same bins, their ratio, and what pure diffusion would have shown."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tesm.data.maps import JOINT
from napari_tesm.model_choice.histograms import RATIO, HistogramComparison
from napari_tesm.plotting.axes import label_axis, label_log_axis
from napari_tesm.plotting.null_curve import draw_null_band, draw_null_brackets
from napari_tesm.quantities.scaling import scaling_of
from napari_tesm.statistics.description import Scale

WINDOW_COLOURS: Final = {1: "#b35806", 2: "#5e3c99", JOINT: "#1b7837"}
_RATIO_COLOUR: Final = "#3b5b73"
_FILL: Final = 0.35
_BAND: Final = 0.09
"""How much of the paper bars and the bands of intervals cover: the counts come first."""
_HEADROOM: Final = 1.45
"""Empty share of the axes above the highest bar, for the brackets and the legend."""


def draw_histogram_comparison(axes: Axes, compared: HistogramComparison, *, scale: Scale = "log") -> None:
    """Draw the distributions of both windows over the same bins, each with its mode and the mode's 95 % interval.

    What pure diffusion can show at all stands above as brackets.

    Parameters
    ----------
    axes : Axes
        Empty, on white.
    scale : {"linear", "log"}
    """
    histograms = compared.histograms[scale]
    if not any(counts.any() for counts in histograms.counts.values()):
        _say(axes, "no pixel accepted")
        return
    scaling = scaling_of([float(np.median(histograms.edges))], compared.unit)
    edges = histograms.edges / scaling.factor
    highest = 0
    for number, window in compared.windows.items():
        counts = histograms.counts[window.name]
        highest = max(highest, int(counts.max()))
        colour = WINDOW_COLOURS[number]
        axes.stairs(counts, edges, fill=True, alpha=_FILL, color=colour)
        mode = window.modes[scale]
        label = f"{window.name}: n = {window.description.n}"
        if mode is not None:
            axes.axvline(mode.value / scaling.factor, color=colour, lw=1.1, ls=(0, (4, 2)))
            label += f", mode {scaling.text(mode.value)}"
            if mode.has_interval:
                low, high = mode.low / scaling.factor, mode.high / scaling.factor
                axes.axvspan(low, high, color=colour, alpha=_BAND, lw=0, zorder=0.3)
                label += f" ({scaling.text(mode.low)} to {scaling.text(mode.high)})"
        axes.stairs(counts, edges, color=colour, lw=1.3, label=label)
    _finish(
        axes,
        edges,
        highest,
        scale,
        f"{compared.quantity} ({scaling.unit})" if scaling.unit else compared.quantity,
    )
    if compared.bands is not None and compared.quantity == "D":
        ranges = compared.bands.apparent_ranges(*compared.windows)
        ends = {name: (low / scaling.factor, high / scaling.factor) for name, (low, high) in ranges.items()}
        draw_null_brackets(axes, ends)
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1)


def draw_ratio_comparison(axes: Axes, compared: HistogramComparison) -> None:
    """Draw the distribution of D2/D1 over the pixels, its median with the 95 % interval, and the null band.

    The band is what pure diffusion shows that has D1 or D2 like these.
    """
    if compared.ratio is None or compared.ratio_histogram is None:
        _say(axes, "no pixel accepted in both windows")
        return
    histogram, ratio = compared.ratio_histogram, compared.ratio
    edges, counts = histogram.edges, histogram.counts[RATIO]
    # A few far pixels leave no room for the others.
    low, high = np.nanpercentile(compared.ratios, [0.5, 99.5])
    bands = {} if compared.alike is None else compared.alike.ratios
    ends = [low, high, 1.0, *(end for band in bands.values() for end in band)]
    axes.stairs(counts, edges, fill=True, alpha=_FILL, color=_RATIO_COLOUR)
    label = f"n = {ratio.n}, median {ratio.median:.2f}"
    if ratio.has_interval:
        label += f" ({ratio.low:.2f} to {ratio.high:.2f})"
        axes.axvspan(ratio.low, ratio.high, color=_RATIO_COLOUR, alpha=_BAND, lw=0, zorder=0.3)
    axes.stairs(counts, edges, color=_RATIO_COLOUR, lw=1.3, label=label)
    axes.axvline(ratio.median, color=_RATIO_COLOUR, lw=1.1, ls=(0, (4, 2)))
    shown = np.array([min(ends) / 1.06, max(ends) * 1.06])
    _finish(axes, shown, int(counts.max()), "log", compared.ratio_words)
    axes.axvline(1.0, color="0.6", lw=0.8, zorder=0.4)
    draw_null_band(axes, bands)
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def fill_histogram_figure(figure: Figure, compared: HistogramComparison, *, scale: Scale = "log") -> None:
    """Draw Fig. 8 on an empty figure; without two windows there is no ratio."""
    if len(compared.windows) == 1:
        draw_histogram_comparison(figure.subplots(), compared, scale=scale)
        return
    left, right = figure.subplots(1, 2)
    draw_histogram_comparison(left, compared, scale=scale)
    draw_ratio_comparison(right, compared)


def _finish(axes: Axes, edges: np.ndarray, highest: int, scale: Scale, across: str) -> None:
    axes.set_xscale("log" if scale == "log" else "linear")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, _HEADROOM * max(highest, 1) * 0.9)
    label = label_log_axis if scale == "log" else label_axis
    label(axes.xaxis, float(edges[0]), float(edges[-1]), most=6)
    axes.set_xlabel(across)
    axes.set_ylabel("pixels")


def _say(axes: Axes, words: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=10)
