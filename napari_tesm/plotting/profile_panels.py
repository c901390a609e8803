"""The panels of a profile plot: what they are given, and the artists that show it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
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
    scale_for,
    sticky_limits,
)
from napari_tesm.plotting.lines import band_outlines, finite_or_nan, has_lone_samples
from napari_tesm.plotting.theme import PlotTheme, style_axes

Array = NDArray[np.float64]
Median = tuple[Array, Array]
"""Centres of bins, and the medians in them."""

_CHARACTER: Final = 0.58
"""Width of a character of DejaVu Sans, in units of the type's size."""


@dataclass(frozen=True, eq=False)
class ProfileCurve:
    """One line of a panel.

    Parameters
    ----------
    values : ndarray, shape (position,)
        In the panel's unit; what is not finite is left out.
    spread : ndarray, shape (position,), optional
        Standard deviation over the width of the line: a band from the values less it to the values with it.
    factor : ndarray, shape (position,), optional
        In place of a spread, for what is known to a factor: a band from the values over it to the values times it.
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
    factor: ArrayLike | None = None

    def band(self) -> tuple[Array, Array] | None:
        """Return lower and upper edge of what lies about the values; None where nothing is known."""
        values = finite_or_nan(self.values)
        if self.factor is not None:
            factor = finite_or_nan(self.factor)
            return values / factor, values * factor
        if self.spread is not None:
            spread = finite_or_nan(self.spread)
            return values - spread, values + spread
        return None


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


class PanelArtists:
    """Axes of one quantity with their artists, which are filled anew for every profile."""

    def __init__(self, figure: Figure, theme: PlotTheme, panel: ProfilePanel) -> None:
        self.theme = theme
        self.kind = (panel.log, len(panel.curves))
        self.axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        style_axes(self.axes, theme)
        if panel.log:
            self.axes.set_yscale("log")
        self._limits: list[tuple[float, float]] | None = None
        self._shown = ("", "")
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
        if (panel.name, panel.unit) != self._shown:
            self._shown, self._limits = (panel.name, panel.unit), None
        arrays = [finite_or_nan(curve.values) for curve in panel.curves]
        bands = [curve.band() for curve in panel.curves]
        around = [*arrays, *(band[1] for band in bands if band is not None)]
        for curve, band in zip(panel.curves, bands, strict=True):
            # A lower end near zero would stretch a logarithmic axis for nothing.
            if band is not None and (curve.factor is not None or not panel.log):
                around.append(band[0])
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
        for index, (curve, values, edges_of_band) in enumerate(zip(panel.curves, arrays, bands, strict=True)):
            colour = curve.colour or (
                self.theme.foreground if len(arrays) == 1 else self.theme.colour_of_window(index + 1)
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
            self._fill(self._bands[index], position, edges_of_band, low, colour)
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

    def show_median(self, median: Median | None) -> None:
        """Show a median line, its values in the panel's SI unit, or none."""
        self._median.set_visible(median is not None)
        if median is not None:
            centres, values = median
            self._median.set_data(centres, values / self._factor)

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
        edges: tuple[Array, Array] | None,
        low: float,
        colour: str,
    ) -> None:
        band.set_visible(edges is not None)
        if edges is not None:
            lower, upper = edges
            if self.kind[0]:
                lower = np.where(lower > 0, lower, low)  # the band reaches below zero: down to the axis
            band.set_verts(band_outlines(position, lower / self._factor, upper / self._factor))
            band.set_facecolor(colour)
