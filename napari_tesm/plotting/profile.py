"""Quantities along a line across a step, one below the other; and a quantity against the distance from a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from napari_tesm.plotting.axes import (
    axes_size_in_points,
    finite_range,
    label_axis,
    label_log_axis,
    label_with_unit,
    place_axes,
    scale_for,
    size_in_points,
    sticky_limits,
)
from napari_tesm.plotting.lines import band_outlines, finite_or_nan, has_lone_samples
from napari_tesm.plotting.theme import DARK, PlotTheme, style_axes
from napari_tesm.units import text_with_error

Array = NDArray[np.float64]

_CHARACTER = 0.58


@dataclass(frozen=True, eq=False)
class ProfileCurve:
    """One line of a panel.

    Parameters
    ----------
    values : ndarray, shape (position,)
        In the panel's unit; what is not finite is left out.
    spread : ndarray, shape (position,), optional
        Standard deviation over the width of the line.
    colour : str
        Empty takes the theme's colours in turn.
    label : str
        Named in the panel's corner where there are several.
    points : bool
        Draw points instead of a line.
    """

    values: ArrayLike
    spread: ArrayLike | None = None
    colour: str = ""
    label: str = ""
    points: bool = False


@dataclass(frozen=True, eq=False)
class ProfilePanel:
    """Axes of one quantity.

    Parameters
    ----------
    name, unit : str
    curves : tuple of ProfileCurve
    log : bool
        Logarithmic axis; what is not positive is left out.
    """

    name: str
    unit: str
    curves: tuple[ProfileCurve, ...]
    log: bool = False


class ProfilePlot:
    """Panels that share the position along a line, or one panel against the distance from a step.

    Parameters
    ----------
    figure : Figure
        On any canvas that draws with Agg; the plot has it for itself.
    theme : PlotTheme
    """

    def __init__(self, figure: Figure, *, theme: PlotTheme = DARK) -> None:
        self.figure = figure
        self.theme = theme
        self.axes: list[Axes] = []
        self._again: Callable[[], None] = self.clear
        self._edges: tuple[float, float] | None = None
        self._artists: list[_PanelArtists] = []
        self._resizing: int | None = figure.canvas.mpl_connect("resize_event", self._after_resize)
        self.clear()

    def set_theme(self, theme: PlotTheme) -> None:
        """Draw in other colours, or type of another size."""
        if theme != self.theme:
            self.theme = theme
            again, self._artists = self._again, []
            again()

    def show(
        self,
        position: ArrayLike,
        panels: Sequence[ProfilePanel],
        *,
        unit: str = "m",
        edges: tuple[float, float] | None = None,
        width: float | None = None,
        width_error: float = np.nan,
        width_name: str = "FWHM",
    ) -> None:
        """Show quantities along a line.

        Parameters
        ----------
        position : array, shape (position,)
            Along the line, in `unit`.
        panels : sequence of ProfilePanel
            From the top down.
        edges : tuple of float, optional
            Where the step begins and ends, in `unit`.
        width, width_error : float, optional
            Thickness of the step, written above; by default the distance of the edges.

        Raises
        ------
        ValueError
            If a curve has another number of values than there are positions.
        """
        words = ""
        if edges is not None:
            size = abs(edges[1] - edges[0]) if width is None else width
            words = f"{width_name} {text_with_error(size, width_error, unit)}"
        self._again = lambda: self._draw(
            np.asarray(position, dtype=np.float64), tuple(panels), unit, "position", edges, words, None
        )
        self._again()

    def show_distance(
        self,
        distance: ArrayLike,
        panel: ProfilePanel,
        *,
        centres: ArrayLike,
        medians: ArrayLike,
        quartiles: tuple[ArrayLike, ArrayLike] | None = None,
        unit: str = "m",
    ) -> None:
        """Show a quantity of each pixel against its distance from a step, and its running median.

        Parameters
        ----------
        distance : array, shape (pixel,)
            Signed, in `unit`.
        panel : ProfilePanel
            Its curves hold a value for each pixel; they are drawn as points.
        centres, medians : array, shape (bin,)
            Middle of each bin of distance, and the median in it; NaN where a bin is empty.
        quartiles : tuple of array, optional
            Lower and upper quartile of each bin.
        """
        middle = np.asarray(centres, dtype=np.float64)
        line = np.asarray(medians, dtype=np.float64)
        if middle.shape != line.shape:
            raise ValueError("there must be one median for each bin of distance")
        band = None
        if quartiles is not None:
            band = (np.asarray(quartiles[0], dtype=np.float64), np.asarray(quartiles[1], dtype=np.float64))
        points = tuple(
            ProfileCurve(curve.values, None, curve.colour, curve.label, points=True) for curve in panel.curves
        )
        dotted = ProfilePanel(panel.name, panel.unit, points, log=panel.log)
        self._again = lambda: self._draw(
            np.asarray(distance, dtype=np.float64), (dotted,), unit, "distance from the step", None, "",
            (middle, line, band),
        )  # fmt: skip
        self._again()

    def clear(self, message: str = "") -> None:
        """Show nothing but, perhaps, a few words that say why."""
        self._again = lambda: self.clear(message)
        self.figure.clear()
        self.figure.set_layout_engine("none")
        self.figure.set_facecolor(self.theme.background)
        self.axes, self._artists = [], []
        self.figure.text(
            0.5, 0.5, message, ha="center", va="center", fontsize=self.theme.font_size, color=self.theme.muted
        )
        self.figure.canvas.draw_idle()

    def close(self) -> None:
        """Leave the canvas alone from now on."""
        if self._resizing is not None:
            self.figure.canvas.mpl_disconnect(self._resizing)
            self._resizing = None

    def _draw(
        self,
        position: Array,
        panels: tuple[ProfilePanel, ...],
        unit: str,
        along: str,
        edges: tuple[float, float] | None,
        words: str,
        median: tuple[Array, Array, tuple[Array, Array] | None] | None,
    ) -> None:
        for panel in panels:
            for curve in panel.curves:
                if np.shape(curve.values) != position.shape:
                    raise ValueError(
                        f"'{panel.name}' does not have one value for each of {position.size} positions"
                    )
        if not panels or position.size == 0:
            self.clear("nothing to draw along this line")
            return
        wanted = tuple((panel.log, len(panel.curves)) for panel in panels)
        if not self._artists or wanted != tuple(artists.kind for artists in self._artists):
            self._build(panels)
        reach = finite_range([position]) or (0.0, 1.0)
        factor, shown_unit = scale_for(reach, unit)
        room = 0.01 * (reach[1] - reach[0]) or 0.5 * factor
        shown_edges = None if edges is None else (edges[0] / factor, edges[1] / factor)
        for artists, panel in zip(self._artists, panels, strict=True):
            artists.axes.set_xlim((reach[0] - room) / factor, (reach[1] + room) / factor)
            artists.show(panel, position / factor, shown_edges)
            scaled = None
            if median is not None:
                scaled = (median[0] / factor, median[1], median[2])
            artists.show_median(scaled)
        self._x_label.set_text(label_with_unit(along, shown_unit))
        self._width_label.set_text(words)
        self._edges = shown_edges
        self._place()
        self.figure.canvas.draw_idle()

    def _build(self, panels: tuple[ProfilePanel, ...]) -> None:
        figure, theme = self.figure, self.theme
        figure.clear()
        figure.set_layout_engine("none")
        figure.set_facecolor(theme.background)
        self._artists = [_PanelArtists(figure, theme, panel) for panel in panels]
        self.axes = [artists.axes for artists in self._artists]
        text: dict[str, Any] = {"ha": "center", "va": "center"}
        self._x_label = figure.text(0, 0, "", fontsize=theme.font_size, color=theme.foreground, **text)
        self._width_label = figure.text(0, 0, "", fontsize=theme.font_size, color=theme.accent, **text)

    def _place(self) -> None:
        if not self._artists:
            return
        size = self.theme.font_size
        width, height = size_in_points(self.figure)
        left, right = 4.6 * size, 1.4 * size
        top = (1.9 if self._width_label.get_text() else 0.8) * size
        place_axes(
            self.figure,
            self.axes,
            [None] * len(self.axes),
            margins=(left, top, right, 3.2 * size),
            gap=0.8 * size,
        )
        for artists in self._artists:
            artists.label(size, last=artists is self._artists[-1])
        box = self.axes[-1].get_position()
        self._x_label.set_position(((box.x0 + box.x1) / 2, 0.8 * size / height))
        if self._edges is not None:
            middle = self.axes[0].transData.transform((sum(self._edges) / 2, 0))[0] / self.figure.bbox.width
            half = self._width_label.get_window_extent().width / 2 / self.figure.bbox.width
            x = float(np.clip(middle, left / width + half, 1 - half)) if half < 0.4 else 0.5
            self._width_label.set_position((x, 1 - size / height))

    def _after_resize(self, _: object) -> None:
        self._place()


class _PanelArtists:
    """Axes of one quantity with their artists, which are filled anew for every profile."""

    def __init__(self, figure: Figure, theme: PlotTheme, panel: ProfilePanel) -> None:
        self.theme = theme
        self.kind = (panel.log, len(panel.curves))
        self.axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        style_axes(self.axes, theme)
        if panel.log:
            self.axes.set_yscale("log")
        self._limits: list[tuple[float, float]] | None = None
        self._span = Rectangle((0, 0), 1, 1, transform=self.axes.get_xaxis_transform(), lw=0, alpha=0.1)
        self._span.set(color=theme.accent, linewidth=0, zorder=0.5)
        self.axes.add_artist(self._span)
        self._edges = [
            self.axes.axvline(0, color=theme.accent, lw=0.8, ls=(0, (4, 2)), zorder=2) for _ in range(2)
        ]
        self._bands = [PolyCollection([], linewidths=0, alpha=0.22, zorder=2.5) for _ in panel.curves]
        for band in self._bands:
            self.axes.add_collection(band, autolim=False)
        self._lines = [self.axes.plot([], [], lw=1.2, zorder=3)[0] for _ in panel.curves]
        self._median = self.axes.plot([], [], lw=1.8, color=theme.foreground, zorder=5)[0]
        self._quartiles = PolyCollection([], linewidths=0, alpha=0.3, zorder=4, facecolors=theme.foreground)
        self.axes.add_collection(self._quartiles, autolim=False)
        self._name = self.axes.text(0, 0, "", fontsize=theme.font_size, color=theme.foreground, va="top")
        self._name.set_bbox({"facecolor": theme.background, "alpha": 0.75, "lw": 0, "pad": 1.0})
        self._name.set(transform=self.axes.transAxes, zorder=6)
        self._labels = [
            self.axes.text(1, 1, "", fontsize=theme.font_size, va="top", ha="right", zorder=6)
            for _ in panel.curves
        ]
        for label in self._labels:
            label.set_transform(self.axes.transAxes)
            label.set_bbox({"facecolor": theme.background, "alpha": 0.75, "lw": 0, "pad": 1.0})

    def show(self, panel: ProfilePanel, position: Array, edges: tuple[float, float] | None) -> None:
        """Show a panel's curves; limits and unit follow them, the limits reluctantly."""
        arrays = [finite_or_nan(curve.values) for curve in panel.curves]
        spreads = [None if curve.spread is None else finite_or_nan(curve.spread) for curve in panel.curves]
        pairs = list(zip(arrays, spreads, strict=True))
        around = [*arrays, *(values + spread for values, spread in pairs if spread is not None)]
        if not panel.log:  # a lower end near zero would stretch a logarithmic axis for nothing
            around += [values - spread for values, spread in pairs if spread is not None]
        if panel.log:
            with np.errstate(invalid="ignore", divide="ignore"):
                logs = [np.log10(np.where(values > 0, values, np.nan)) for values in around]
            low, high = sticky_limits(self._limits, [finite_range(logs)])[0]
            if high - low < 0.3:
                low, high = low - 0.15, high + 0.15
            self._limits = [(low, high)]
            low, high = 10.0**low, 10.0**high
            self._factor, unit = scale_for(np.sqrt(low * high), panel.unit)
        else:
            self._limits = sticky_limits(self._limits, [finite_range(around)])
            low, high = self._limits[0]
            self._factor, unit = scale_for([low, high], panel.unit)
        self.axes.set_ylim(low / self._factor, high / self._factor)
        for index, (curve, values, spread) in enumerate(zip(panel.curves, arrays, spreads, strict=True)):
            colour = curve.colour or (
                self.theme.data if len(arrays) == 1 else self.theme.colour_of_window(index + 1)
            )
            shown = (
                np.where(np.isfinite(values) & ((values > 0) | (not panel.log)), values, np.nan)
                / self._factor
            )
            line = self._lines[index]
            line.set_data(position, shown)
            line.set(
                color=colour,
                ls="" if curve.points else "-",
                marker="." if curve.points or has_lone_samples(shown) else "",
            )
            line.set(markersize=3, alpha=0.45 if curve.points else 1.0, markeredgewidth=0)
            self._labels[index].set(text=curve.label, color=colour)
            self._fill(self._bands[index], position, values, spread, low, colour)
        visible = edges is not None
        self._span.set_visible(visible)
        for line in self._edges:
            line.set_visible(visible)
        if edges is not None:
            self._span.set(x=edges[0], width=edges[1] - edges[0])
            for line, edge in zip(self._edges, edges, strict=True):
                line.set_xdata([edge, edge])
        name = label_with_unit(panel.name, unit)
        if finite_range(arrays) is None:
            name += ": no value along this line"
        self._name.set_text(name)

    def show_median(self, median: tuple[Array, Array, tuple[Array, Array] | None] | None) -> None:
        """Show a median line, its values in the panel's SI unit, or none."""
        self._median.set_visible(median is not None)
        self._quartiles.set_visible(median is not None and median[2] is not None)
        if median is None:
            return
        centres, values, band = median
        self._median.set_data(centres, values / self._factor)
        if band is not None:
            low, high = (np.asarray(end) / self._factor for end in band)
            self._quartiles.set_verts(band_outlines(centres, low, high))

    def label(self, size: float, *, last: bool) -> None:
        """Put ticks on the axes and the name in their corner, as there is room."""
        across, up = axes_size_in_points(self.axes)
        self.axes.tick_params(labelbottom=last)
        label_axis(self.axes.xaxis, *self.axes.get_xlim(), most=max(3, int(across / (5 * size))))
        most = max(2, int(up / (2.2 * size)))
        low, high = self.axes.get_ylim()
        if self.kind[0]:
            label_log_axis(self.axes.yaxis, low, high, most=most)
        else:
            label_axis(self.axes.yaxis, low, high, most=max(3, most) if up > 3.6 * size else 2)
        level = 1 - 0.15 * size / up
        self._name.set_position((0.4 * size / across, level))
        x = 1.0
        for label in reversed(self._labels):
            label.set_position((x, level))
            x -= (len(label.get_text()) * _CHARACTER + 0.8) * size / across

    def _fill(
        self,
        band: PolyCollection,
        position: Array,
        values: Array,
        spread: Array | None,
        low: float,
        colour: str,
    ) -> None:
        band.set_visible(spread is not None)
        if spread is not None:
            lower, upper = values - spread, values + spread
            if self.kind[0]:
                lower = np.where(lower > 0, lower, low)  # the band reaches below zero: down to the axis
            band.set_verts(band_outlines(position, lower / self._factor, upper / self._factor))
            band.set_facecolor(colour)
