"""What stays while traces come and go: axes, windows, applied voltage, labels; each change of it is a full redraw."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import NDArray

from napari_tesm.data.maps import JOINT, words_of_fit
from napari_tesm.data.protocol import Window
from napari_tesm.plotting.axes import (
    axes_size_in_points,
    label_axis,
    label_symmetric_axis,
    label_with_unit,
    place_axes,
    size_in_points,
)
from napari_tesm.plotting.theme import PlotTheme, style_axes, text_colour_on
from napari_tesm.plotting.trace_curves import LINE_STYLES
from napari_tesm.quantities.text import prefix_for, text_from_quantity

Array = NDArray[np.float64]

_CHARACTER: Final = 0.58
"""Width of a character of DejaVu Sans, in units of the type's size."""


class TraceFrame:
    """The axes of a trace plot on an empty figure.

    From the top down: a strip with the windows, the applied voltage, one or more panels of displacement, residuals.

    Parameters
    ----------
    figure : Figure
        Is cleared.
    theme : PlotTheme
    time : ndarray, shape (time,)
        In s.
    time_unit : str
    panels : int
        Axes of displacement.
    with_voltage, with_residuals : bool
    """

    def __init__(
        self,
        figure: Figure,
        theme: PlotTheme,
        time: Array,
        *,
        time_unit: str = "s",
        panels: int = 1,
        with_voltage: bool = True,
        with_residuals: bool = True,
    ) -> None:
        figure.clear()
        figure.set_layout_engine("none")
        figure.set_facecolor(theme.background)
        self.figure = figure
        self.theme = theme
        self.time = time
        self.time_factor, self.time_unit = prefix_for(time, time_unit)
        self.unit = ""
        self.strip = self._axes()
        self.strip.set_axis_off()
        self.strip.set_ylim(0, 1)
        self.voltage = self._axes() if with_voltage else None
        self.panels = [self._axes() for _ in range(panels)]
        self.residuals = self._axes() if with_residuals else None
        self._window_artists: list[Artist] = []
        self._window_names: list[tuple[Text, float, Sequence[str]]] = []
        self._voltage_lines: list[Line2D] = []
        self._voltages: tuple[tuple[int, float], ...] = ()
        size: dict[str, Any] = {
            "fontsize": theme.font_size,
            "color": theme.foreground,
            "ha": "center",
            "va": "center",
        }
        self._side_labels = [
            (figure.text(0, 0, "", rotation=90, **size), axes, names)
            for axes, names in (
                ([] if self.voltage is None else [self.voltage], ("voltage (V)", "dc (V)", "V")),
                (self.panels, ()),
                ([] if self.residuals is None else [self.residuals], ("residuals", "resid.", "Δ")),
            )
            if axes
        ]
        self._time_label = figure.text(0, 0, label_with_unit("time", self.time_unit), **size)
        self._set_time_limits()

    @property
    def data_axes(self) -> list[Axes]:
        """All axes with a time axis, from the top down, without the strip."""
        return [axes for axes in (self.voltage, *self.panels, self.residuals) if axes is not None]

    @property
    def bottom(self) -> Axes:
        """The lowest visible axes: their time axis is labelled."""
        return self.visible_axes[-1]

    @property
    def visible_axes(self) -> list[Axes]:
        """Those axes with a time axis that the figure has room for."""
        return [axes for axes in self.data_axes if axes.get_visible()]

    def set_windows(self, windows: Mapping[int, Window]) -> None:
        """Shade the windows and name them in the strip; an open end is that of the record."""
        for artist in self._window_artists:
            artist.remove()
        self._window_artists, self._window_names = [], []
        for number, window in sorted(windows.items()):
            colour = self.theme.colour_of_window(number)
            start, stop = (edge / self.time_factor for edge in edges_of_window(window, self.time))
            for axes in self.data_axes:
                self._window_artists.append(
                    axes.axvspan(start, stop, color=colour, alpha=0.09, lw=0, zorder=0)
                )
                for edge in (start, stop):
                    self._window_artists.append(
                        axes.axvline(edge, color=colour, lw=0.8, alpha=0.8, zorder=0.5, ls=(0, (4, 2)))
                    )
            bar = self.strip.axvspan(start, stop, 0.0, 1.0, color=colour, lw=0)
            # A hairline between neighbours shows where one ends.
            bar.set(edgecolor=self.theme.background, linewidth=1.5)
            text = self.strip.text(
                (start + stop) / 2, 0.45, "", color=text_colour_on(colour), ha="center", va="center",
                fontsize=0.93 * self.theme.font_size,
            )  # fmt: skip
            self._window_artists += [bar, text]
            edges = f"{start:.4g}–{stop:.4g} {self.time_unit}".rstrip()
            short = "" if number == JOINT else str(number)
            names = (f"{words_of_fit(number)}:  {edges}", f"{short}:  {edges}".lstrip(": "), edges, short, "")
            self._window_names.append((text, stop - start, names))
        self._write_window_names()

    def set_voltages(self, voltages: Sequence[tuple[int, float]], pulse: Window | None) -> bool:
        """Draw the applied voltage of the pulse settings, given as (pulse, V); return whether that is a change."""
        wanted = tuple(sorted({(number, value) for number, value in voltages if np.isfinite(value)}))
        axes = self.voltage
        if axes is None or pulse is None or not wanted or wanted == self._voltages:
            return False
        self._voltages = wanted
        for line in self._voltage_lines:
            line.remove()
        begin, end = self.bottom.get_xlim()
        on, off = (edge / self.time_factor for edge in edges_of_window(pulse, self.time))
        colour = self.theme.foreground
        self._voltage_lines = [
            axes.plot(
                [min(begin, on), on, on, off, off, max(off, end)], [0, 0, volts, volts, 0, 0], color=colour, lw=1.0,
                ls=LINE_STYLES[number % len(LINE_STYLES)], scalex=False, scaley=False, zorder=3,
            )[0]
            for number, volts in wanted
        ]  # fmt: skip
        self._label_voltage()
        return True

    def set_pulses(self, labels: Sequence[Sequence[tuple[int, str]]]) -> None:
        """Write the legend of each panel: pulse settings given as (pulse, label)."""
        size = self.theme.font_size
        for axes, entries in zip(self.panels, labels, strict=True):
            legend = axes.get_legend()
            if legend is not None:
                legend.remove()
            handles = [
                Line2D(
                    [],
                    [],
                    color=self.theme.foreground,
                    lw=1.0,
                    ls=LINE_STYLES[n % len(LINE_STYLES)],
                    label=label,
                )
                for n, label in entries
                if label
            ]
            if handles:
                axes.legend(
                    handles=handles, loc="upper right", fontsize=size, labelcolor=self.theme.foreground,
                    facecolor=self.theme.background, edgecolor="none", framealpha=0.7, handlelength=2.2,
                    borderaxespad=0.2, borderpad=0.25, labelspacing=0.25, handletextpad=0.5,
                )  # fmt: skip

    def set_limits(self, limits: Sequence[tuple[float, float]], unit: str) -> None:
        """Set the y limits of the panels, in the shown unit."""
        self.unit = unit
        for axes, (low, high) in zip(self.panels, limits, strict=True):
            axes.set_ylim(low, high)
            legend = axes.get_legend()
            if legend is not None:  # where the relaxed curves are not
                legend.set_loc("lower right" if low + high < 0 and -low > 2 * high else "upper right")

    def set_residual_limits(self, limit: float) -> None:
        """Set the residuals' limits to minus and plus a number, in the shown unit."""
        if self.residuals is not None:
            self.residuals.set_ylim(-limit, limit)

    def place(self) -> None:
        """Put everything where it belongs on a figure of the present size; ticks follow the limits."""
        size = self.theme.font_size
        margins, gap = (5.9 * size, 0.5 * size, 2.2 * size, 3.1 * size), 0.7 * size
        _, height = size_in_points(self.figure)
        strip, voltage, residuals, panel = (factor * size for factor in (1.5, 4.2, 4.8, 7.0))
        room = height - margins[1] - margins[3] - gap * len(self.data_axes) - strip - panel * len(self.panels)
        # Where it gets tight, the small axes give way to half their height, then vanish: first the voltage.
        shown = [axes for axes in (self.residuals, self.voltage) if axes is not None]
        while len(shown) > 0 and room < 0.55 * (residuals + (voltage if len(shown) > 1 else 0)):
            shown.pop()
        for axes in (self.voltage, self.residuals):
            if axes is not None:
                axes.set_visible(axes in shown)
        share = min(1.0, max(0.55, room / (voltage + residuals)))
        stack = [self.strip, *self.visible_axes]
        heights = {
            id(self.strip): strip,
            id(self.voltage): share * voltage,
            id(self.residuals): share * residuals,
        }
        place_axes(self.figure, stack, [heights.get(id(axes)) for axes in stack], margins=margins, gap=gap)
        for axes in self.visible_axes:
            axes.tick_params(labelbottom=axes is self.visible_axes[-1])
        width, _ = axes_size_in_points(self.bottom)
        begin, end = self.bottom.get_xlim()
        for axes in self.data_axes:
            label_axis(axes.xaxis, begin, end, most=max(2, int(width / (5 * size))))
        for axes in self.panels:
            _, height = axes_size_in_points(axes)
            label_axis(axes.yaxis, *axes.get_ylim(), most=max(3, int(height / (2.2 * size))))
        if self.residuals is not None:
            _, height = axes_size_in_points(self.residuals)
            label_symmetric_axis(
                self.residuals.yaxis, self.residuals.get_ylim()[1], with_zero=height > 3.2 * size
            )
        self._label_voltage()
        self._write_side_labels()
        self._write_window_names()

    def _axes(self) -> Axes:
        axes = self.figure.add_axes((0.1, 0.1, 0.8, 0.8))
        style_axes(axes, self.theme)
        axes.tick_params(labelbottom=False)
        axes.axhline(0, color=self.theme.muted, lw=0.5, zorder=1, alpha=0.6)
        return axes

    def _set_time_limits(self) -> None:
        first, last = (float(edge) / self.time_factor for edge in (self.time[0], self.time[-1]))
        room = 0.01 * (last - first) if last > first else 0.5
        for axes in (self.strip, *self.data_axes):
            axes.set_xlim(first - room, last + room)

    def _label_voltage(self) -> None:
        if self.voltage is None:
            return
        values = sorted({0.0, *(volts for _, volts in self._voltages)})
        span = values[-1] - values[0] or 2.0
        room = 0.2 * span
        self.voltage.set_ylim(values[0] - room, values[-1] + room)
        _, height = axes_size_in_points(self.voltage)
        # The outermost first; between them as many as do not touch.
        apart = 1.25 * self.theme.font_size * 1.4 * span / max(height, 1.0)
        ticks = [values[0], values[-1]]
        ticks += [v for v in values[1:-1] if min(v - values[0], values[-1] - v) >= apart][:1]
        ticks = sorted(set(ticks))
        self.voltage.set_yticks(ticks, [text_from_quantity(v, "").replace("-", "\u2212") for v in ticks])

    def _write_side_labels(self) -> None:
        width, height = size_in_points(self.figure)
        size = self.theme.font_size
        for text, axes, names in self._side_labels:
            text.set_visible(axes[0].get_visible())
            top, bottom = axes[0].get_position().y1, axes[-1].get_position().y0
            candidates = names or (
                label_with_unit("displacement", self.unit),
                label_with_unit("u", self.unit),
            )
            text.set_position((0.85 * size / width, (top + bottom) / 2))
            text.set_text(_longest_that_fits(candidates, (top - bottom) * height + 0.2 * size, size))
        box = self.bottom.get_position()
        self._time_label.set_position(((box.x0 + box.x1) / 2, 0.75 * size / height))

    def _write_window_names(self) -> None:
        begin, end = self.strip.get_xlim()
        width, _ = axes_size_in_points(self.strip)
        for text, length, names in self._window_names:
            room = width * length / (end - begin)
            text.set_text(_longest_that_fits(names, room, 0.93 * self.theme.font_size))


def edges_of_window(window: Window, time: Array) -> tuple[float, float]:
    """Return where a window starts and ends, in s; an open end is the last sample's time."""
    return window.start, float(time[-1]) if window.stop is None else window.stop


def _longest_that_fits(texts: Sequence[str], room: float, font_size: float) -> str:
    """Return the first of some texts, the longest first, that fits into so many points; the last if none does."""
    return next((text for text in texts if len(text) * _CHARACTER * font_size <= room), texts[-1])
