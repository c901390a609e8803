"""Distributions over the same bins, one over the other, each with its mode."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from matplotlib.widgets import SpanSelector
from numpy.typing import ArrayLike, NDArray

from napari_tesm.plotting.axes import (
    axes_size_in_points,
    label_axis,
    label_log_axis,
    label_with_unit,
    place_axes,
    scale_for,
    size_in_points,
)
from napari_tesm.plotting.null_curve import BRACKET_ROW, draw_null_brackets
from napari_tesm.plotting.theme import DARK, PlotTheme, style_axes

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Distribution:
    """Counts of one quantity in the bins of the plot.

    Parameters
    ----------
    label : str
    counts : ndarray, shape (bin,)
    colour : str
        Empty takes the theme's colour of the first window, the second …
    n : int, optional
        How many values were counted; by default those in the bins.
    mode : float, optional
        Most frequent value, in the unit of the bins.
    mode_interval : tuple of float, optional
        Its confidence interval.
    """

    label: str
    counts: ArrayLike
    colour: str = ""
    n: int | None = None
    mode: float | None = None
    mode_interval: tuple[float, float] | None = None


class HistogramPlot:
    """Histograms as outlines over shared bins, on a linear or logarithmic axis.

    The legend stands above the axes, where it covers nothing, with the number of values and the mode.

    Parameters
    ----------
    figure : Figure
        On any canvas that draws with Agg; the plot has it for itself.
    theme : PlotTheme
    """

    def __init__(self, figure: Figure, *, theme: PlotTheme = DARK) -> None:
        self.figure = figure
        self.theme = theme
        self.axes: Axes | None = None
        self._edges: Array = np.zeros(0)
        self._factor = 1.0
        self._distributions: tuple[Distribution, ...] = ()
        self._name, self._unit, self._log = "", "", False
        self._artists: list[_DistributionArtists] = []
        self._ranges: dict[str, tuple[float, float]] = {}
        self._shaded = False
        self._marks: list[Artist] = []
        self._message = ""
        self.on_selected: Callable[[float, float], None] | None = None
        """Called with the ends of a range that was dragged over, in the unit of the bins; equal for a click."""
        self._span: SpanSelector | None = None
        self._selected: tuple[float, float] | None = None
        self._band: Artist | None = None
        self._resizing = figure.canvas.mpl_connect("resize_event", self._after_resize)
        self._build()

    def set_theme(self, theme: PlotTheme) -> None:
        """Draw in other colours, or type of another size."""
        if theme != self.theme:
            self.theme = theme
            self._build()
            self._draw()

    def show(
        self,
        edges: ArrayLike,
        distributions: Sequence[Distribution],
        *,
        name: str = "",
        unit: str = "",
        log: bool = False,
        ranges: Mapping[str, tuple[float, float]] | None = None,
        shaded: bool = False,
    ) -> None:
        """Show these distributions and no others.

        Parameters
        ----------
        edges : array, shape (bin + 1,)
            Increasing edges of the bins, in `unit`; positive where the axis is logarithmic.
        distributions : sequence of Distribution
        name, unit : str
            What is counted by its size: "D" and "m²/s", "tau" and "s" …
        ranges : mapping of str to (float, float), optional
            What pure diffusion shows, in `unit`, by its source: brackets above the histograms.
        shaded : bool
            Shade the ranges, too.

        Raises
        ------
        ValueError
            If the bins do not increase, are not positive on a logarithmic axis, or their number is not that of the
            counts.
        """
        borders = np.asarray(edges, dtype=np.float64)
        if borders.ndim != 1 or borders.size < 2 or not (np.diff(borders) > 0).all():
            raise ValueError("the edges of a histogram's bins must be at least two increasing numbers")
        if log and borders[0] <= 0:
            raise ValueError("bins on a logarithmic axis must be positive: choose a linear axis")
        for sample in distributions:
            if np.shape(sample.counts) != (borders.size - 1,):
                raise ValueError(
                    f"'{sample.label}' does not have one count for each of the {borders.size - 1} bins"
                )
        self._edges, self._distributions = borders, tuple(distributions)
        self._name, self._unit, self._log = name, unit, log
        self._ranges, self._shaded = dict(ranges or {}), shaded
        self._message = "" if distributions else "nothing to count"
        self._draw()

    def clear(self, message: str = "") -> None:
        """Show nothing but, perhaps, a few words that say why."""
        self._distributions, self._message = (), message
        self._draw()

    def show_selected(self, ends: tuple[float, float] | None) -> None:
        """Shade a range, in the unit of the bins, or none."""
        self._selected = ends
        self._shade_selected()
        self.figure.canvas.draw_idle()

    def close(self) -> None:
        """Leave the canvas alone from now on."""
        self.figure.canvas.mpl_disconnect(self._resizing)

    def _build(self) -> None:
        figure, theme = self.figure, self.theme
        figure.clear()
        figure.set_layout_engine("none")
        figure.set_facecolor(theme.background)
        self.axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        style_axes(self.axes, theme)
        self._artists, self._marks = [], []
        self._band = None
        self._span = SpanSelector(
            self.axes, self._dragged, "horizontal", props={"facecolor": theme.accent, "alpha": 0.25}
        )
        self.axes.dataLim.set_points(Bbox.null().get_points())  # the tool is no data
        size = theme.font_size
        self._x_label = figure.text(0, 0, "", ha="center", va="center", fontsize=size, color=theme.foreground)
        self._y_label = figure.text(
            0, 0, "", ha="center", va="center", rotation=90, fontsize=size, color=theme.foreground
        )
        self._remark = figure.text(0.5, 0.5, "", ha="center", va="center", fontsize=size, color=theme.muted)

    def _draw(self) -> None:
        axes = self.axes
        assert axes is not None
        shown = self._distributions
        axes.set_visible(bool(shown))
        self._remark.set_text(self._message)
        while len(self._artists) < len(shown):
            self._artists.append(_DistributionArtists(axes, self.theme))
        for artists in self._artists[len(shown) :]:
            artists.hide()
        self._x_label.set_text("")
        self._y_label.set_text("")
        if shown:
            self._fill(axes)
        self._place()
        self.figure.canvas.draw_idle()

    def _fill(self, axes: Axes) -> None:
        self._factor, unit = _scale_of_bins(self._edges, self._unit, log=self._log)
        edges = self._edges / self._factor
        axes.set_xscale("log" if self._log else "linear")
        axes.set_xlim(*self._limits(edges))
        for index, (artists, sample) in enumerate(zip(self._artists, self._distributions, strict=False)):
            artists.show(
                sample,
                edges,
                self._factor,
                self._unit,
                sample.colour or self.theme.colour_of_window(index + 1),
            )
        self._shade_selected()
        self._x_label.set_text(label_with_unit(self._name, unit))
        self._y_label.set_text("pixels")

    def _dragged(self, low: float, high: float) -> None:
        if self.on_selected is not None and self._distributions:
            self.on_selected(low * self._factor, high * self._factor)

    def _shade_selected(self) -> None:
        if self._band is not None:
            self._band.remove()
        self._band = None
        if self._selected is not None and self.axes is not None and self._distributions:
            ends = [end / self._factor for end in self._selected]
            low, high = np.clip(ends, *self.axes.get_xlim())
            across = self.axes.get_xaxis_transform()
            self._band = Rectangle(
                (low, 0), high - low, 1, transform=across, color=self.theme.accent, alpha=0.25, lw=0, zorder=1
            )
            self.axes.add_artist(self._band)

    def _place(self) -> None:
        axes = self.axes
        if axes is None or not self._distributions:
            return
        size = self.theme.font_size
        width, height = size_in_points(self.figure)
        left, right = 4.6 * size, 1.6 * size
        rows = self._place_entries(left, width - right, height)
        place_axes(
            self.figure, [axes], [None], margins=(left, (0.9 + 1.55 * rows) * size, right, 3.2 * size), gap=0
        )  # fmt: skip
        across, up = axes_size_in_points(axes)
        low, high = axes.get_xlim()
        if self._log:
            label_log_axis(axes.xaxis, low, high, most=max(3, int(across / (4.2 * size))))
        else:
            label_axis(axes.xaxis, low, high, most=max(3, int(across / (5 * size))))
        self._leave_room(axes, up)
        label_axis(axes.yaxis, *axes.get_ylim(), most=max(3, int(up / (2.4 * size))))
        box = axes.get_position()
        self._x_label.set_position(((box.x0 + box.x1) / 2, 0.8 * size / height))
        self._y_label.set_position((0.85 * size / width, (box.y0 + box.y1) / 2))

    def _limits(self, edges: Array) -> tuple[float, float]:
        """Return the ends of the axis: those of the bins, wide enough for what is shaded."""
        low, high = float(edges[0]), float(edges[-1])
        if self._shaded and self._ranges:
            marks = np.ravel(list(self._ranges.values())) / self._factor
            # Ratios are positive, on either scale.
            low, high = min(low, float(marks.min()) / 1.03), max(high, 1.03 * float(marks.max()))
        return low, high

    def _leave_room(self, axes: Axes, up: float) -> None:
        """Lower the histograms by as much as the brackets above them need, and draw these."""
        for artist in self._marks:
            artist.remove()
        self._marks = []
        highest = max(float(np.nanmax(sample.counts, initial=0.0)) for sample in self._distributions) or 1.0
        rows = BRACKET_ROW * self.theme.font_size * len(self._ranges)
        axes.set_ylim(0, 1.06 * highest / max(0.4, 1 - rows / up))
        if not self._ranges:
            return
        ranges = {
            name: (low / self._factor, high / self._factor) for name, (low, high) in self._ranges.items()
        }
        if self._shaded:
            limits = axes.get_xlim()
            self._marks += [
                axes.axvspan(*ends, color=self.theme.muted, alpha=0.16, lw=0, zorder=0.5)
                for ends in ranges.values()
            ]
            axes.set_xlim(limits)
        self._marks += draw_null_brackets(
            axes, ranges, colour=self.theme.muted, font_size=0.9 * self.theme.font_size, numbers=self._shaded
        )

    def _place_entries(self, left: float, right: float, height: float) -> int:
        """Write the legend from the left to the right, row by row; return the number of rows.

        The longest texts that fit and leave the histogram three quarters of the figure are taken.
        """
        size = self.theme.font_size
        width, _ = size_in_points(self.figure)
        shown = self._artists[: len(self._distributions)]
        most_rows = max(2, int(0.25 * height / (1.55 * size)))
        rows = columns = 1
        entry = 0.0
        for which in range(len(shown[0].texts)):
            widths = []
            for artists in shown:
                artists.entry.set_text(artists.texts[which])
                widths.append(72 / self.figure.dpi * artists.entry.get_window_extent().width)
            entry = max(widths) + 3.2 * size
            columns = max(1, int((right - left + 1.6 * size) / entry))
            rows = math.ceil(len(shown) / columns)
            if max(widths) + 1.6 * size <= right - left and rows <= most_rows:
                break
        for index, artists in enumerate(shown):
            row, column = divmod(index, columns)
            x, y = (left + column * entry) / width, 1 - (1.2 + 1.5 * row) * size / height
            artists.swatch.set_data([x, x + 1.2 * size / width], [y, y])
            artists.entry.set_position((x + 1.6 * size / width, y))
        return rows

    def _after_resize(self, _: object) -> None:
        self._place()


class _DistributionArtists:
    def __init__(self, axes: Axes, theme: PlotTheme) -> None:
        figure = axes.get_figure(root=True)
        assert figure is not None
        self.texts: tuple[str, ...] = ("",)
        self._fill = StepPatch([0], [0, 1], fill=True, alpha=0.16, lw=0, zorder=2)
        self._outline = StepPatch([0], [0, 1], fill=False, lw=1.2, zorder=3)
        across = axes.get_xaxis_transform()
        self._band = Rectangle((0, 0), 1, 1, transform=across, lw=0, alpha=0.25, zorder=1.5)
        self._mode = Line2D([0, 0], [0, 1], transform=across, lw=1.0, ls=(0, (4, 2)), zorder=4)
        for patch in (self._fill, self._outline, self._band):
            axes.add_artist(patch)
        axes.add_artist(self._mode)
        self.swatch = Line2D([0, 0], [0, 0], lw=1.8, solid_capstyle="butt", transform=figure.transFigure)
        figure.add_artist(self.swatch)
        self.entry: Text = figure.text(
            0, 0, "", va="center_baseline", fontsize=theme.font_size, color=theme.foreground
        )

    def hide(self) -> None:
        for artist in (self._fill, self._outline, self._band, self._mode, self.swatch, self.entry):
            artist.set_visible(False)

    def show(self, sample: Distribution, edges: Array, factor: float, unit: str, colour: str) -> None:
        counts = np.nan_to_num(np.asarray(sample.counts, dtype=np.float64))
        for patch in (self._fill, self._outline):
            patch.set_data(counts, edges)
            patch.set(color=colour, visible=True)
        self._fill.set_linewidth(0)
        for artist in (self.swatch, self.entry):
            artist.set_visible(True)
        self.swatch.set_color(colour)
        mode = None if sample.mode is None or not math.isfinite(sample.mode) else sample.mode / factor
        self._mode.set_visible(mode is not None)
        interval = None if mode is None or sample.mode_interval is None else sample.mode_interval
        self._band.set_visible(interval is not None)
        if mode is not None:
            self._mode.set_xdata([mode, mode])
            self._mode.set_color(colour)
        if interval is not None:
            low, high = (float(np.clip(end / factor, edges[0], edges[-1])) for end in interval)
            self._band.set(x=low, width=high - low, color=colour)
            self._band.set_linewidth(0)
        self.texts = _entries(sample, int(counts.sum()) if sample.n is None else sample.n, unit)


def _entries(sample: Distribution, n: int, unit: str) -> tuple[str, str, str, str]:
    """Return what the legend says of a distribution, the longest text first."""
    counted = f"{sample.label}: n = {n}" if sample.label else f"n = {n}"
    short = sample.label or f"{n}"
    if sample.mode is None or not math.isfinite(sample.mode):
        return counted, counted, counted, short
    # In a scale of its own: the axis may have another, or none.
    scale, shown = scale_for(sample.mode, unit)
    shown = f"×{shown}" if shown.startswith("10") else f" {shown}".rstrip()
    mode = f"{counted}, mode {sample.mode / scale:.3g}"
    if sample.mode_interval is None:
        return mode + shown, mode + shown, counted, short
    ends = "–".join(f"{end / scale:.3g}" for end in sample.mode_interval)
    return f"{mode} ({ends}){shown}", mode + shown, counted, short


def _scale_of_bins(edges: Array, unit: str, *, log: bool) -> tuple[float, str]:
    """Return factor and unit for the axis; a logarithmic one is measured by its middle, as nothing lies at zero."""
    if not log:
        return scale_for(edges, unit)
    if edges[-1] / edges[0] > 1e4:
        return 1.0, unit
    return scale_for(math.sqrt(edges[0]) * math.sqrt(edges[-1]), unit)
