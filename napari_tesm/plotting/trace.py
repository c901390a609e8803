"""Traces, their fits and residuals, redrawn fast enough to follow the cursor."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox, BboxBase, blended_transform_factory
from numpy.typing import ArrayLike, NDArray

from napari_tesm.data.protocol import Window
from napari_tesm.plotting.axes import finite_range, scale_for, sticky_limits
from napari_tesm.plotting.blitting import LayeredBlitting
from napari_tesm.plotting.theme import DARK, PlotTheme, colour_of_point
from napari_tesm.plotting.trace_badges import PointBadges
from napari_tesm.plotting.trace_curves import CurveArtists, FitCurve, TraceCurve
from napari_tesm.plotting.trace_frame import TraceFrame
from napari_tesm.plotting.trace_mouse import TraceMouse

__all__ = ["FitCurve", "TraceCurve", "TracePlot"]

Array = NDArray[np.float64]
Layout = Literal["overlay", "polarities"]

_PINNED, _PROBE, _MARKER = 0, 1, 2


class TracePlot:
    """Plot of displacement against time, with the applied voltage above it and the residuals below.

    Parameters
    ----------
    figure : Figure
        On any canvas that draws with Agg; the plot has it for itself.
    theme : PlotTheme

    Attributes
    ----------
    on_window_dragged : callable, optional
        Called with the window's number, its new start and stop in s, and whether the button was released. A stop at
        the last sample's time stands for the end of the record.
    on_curve_clicked : callable, optional
        Called with the number of a pinned point whose curve or badge was clicked.
    on_time_clicked : callable, optional
        Called with the sample time, in s, that was clicked or dragged to.

    Notes
    -----
    Nothing is drawn before `set_axes`. Where only curves or the marker change, only they are drawn; limits that the
    data leave, windows, theme and size cost a full redraw.
    """

    def __init__(self, figure: Figure, *, theme: PlotTheme = DARK) -> None:
        self.figure = figure
        self.theme = theme
        self.on_window_dragged: Callable[[int, float, float, bool], Any] | None = None
        self.on_curve_clicked: Callable[[int], Any] | None = None
        self.on_time_clicked: Callable[[float], Any] | None = None
        self.time: Array = np.zeros(0)
        self.windows: dict[int, Window] = {}
        self.frame: TraceFrame | None = None
        self._pulse: Window | None = None
        self._unit, self._time_unit = "", "s"
        self._layout: Layout = "overlay"
        self._labels: tuple[str, ...] = ("",)
        self._curves: tuple[TraceCurve, ...] = ()
        self._marker_time: float | None = None
        self._factor = 1.0
        self._limits: list[tuple[float, float]] | None = None
        self._residual_limits: list[tuple[float, float]] | None = None
        self._pools: dict[tuple[int, int], list[CurveArtists]] = {}
        self._badges = PointBadges(figure, theme)
        self._drawing = LayeredBlitting(figure, layers=3, area=self._changing_area)
        self._mouse = TraceMouse(self)
        self._resizing = figure.canvas.mpl_connect("resize_event", self._after_resize)
        figure.set_facecolor(theme.background)

    @property
    def full_draws(self) -> int:
        """How many times everything was drawn."""
        return self._drawing.full_draws

    @property
    def limits(self) -> list[tuple[float, float]]:
        """The y limits of each panel of displacement, in the unit of the traces; none before there are data."""
        return [] if self._limits is None else list(self._limits)

    def set_theme(self, theme: PlotTheme) -> None:
        """Draw in other colours, or type of another size."""
        if theme != self.theme:
            self.theme = theme
            self.figure.set_facecolor(theme.background)
            self._rebuild()

    def set_axes(
        self,
        time: ArrayLike,
        *,
        windows: Mapping[int, Window] | None = None,
        pulse: Window | None = None,
        unit: str = "",
        layout: Layout = "overlay",
        labels: Sequence[str] = ("",),
        time_unit: str = "s",
    ) -> None:
        """Say what the curves to come have in common; curves shown before go.

        Parameters
        ----------
        time : array, shape (time,)
            Increasing sample times in s.
        windows : mapping of int to Window
            The windows that are fitted, by their number.
        pulse : Window, optional
            When the voltage was on; without it there is no voltage to draw.
        unit : str
            Of the displacement: "m", "V", "a.u." …
        layout : {"overlay", "polarities"}
            One axis for all, or one below the other for each pulse setting, on one scale.
        labels : sequence of str
            Of the pulse settings, in the order that `TraceCurve.pulse` counts in.

        Raises
        ------
        ValueError
            If there is no sample.
        """
        self.time = np.asarray(time, dtype=np.float64)
        if self.time.ndim != 1 or self.time.size == 0:
            raise ValueError("a trace plot needs at least one sample time")
        self.windows, self._pulse = dict(windows or {}), pulse
        self._unit, self._time_unit = unit, time_unit
        self._layout, self._labels = layout, tuple(labels) or ("",)
        self._curves = ()
        self._limits = self._residual_limits = None
        self._rebuild()

    def set_windows(self, windows: Mapping[int, Window], pulse: Window | None = None) -> None:
        """Move the windows, and the pulse where one is given."""
        if self.frame is None:
            return
        same_numbers = sorted(windows) == sorted(self.windows)
        same_pulse = pulse is None or pulse == self._pulse
        if same_numbers and same_pulse and dict(windows) == self.windows:
            return
        self.windows = dict(windows)
        self._pulse = self._pulse if pulse is None else pulse
        if same_numbers and same_pulse:
            self.frame.set_windows(self.windows)
            self._drawing.redraw()
        else:
            self._rebuild()

    def set_marker(self, time: float | None) -> None:
        """Mark a time, in s, in all axes: the slider's; None marks none."""
        self._marker_time = time
        if self.frame is not None:
            self._place_marker()
            self._drawing.update(_MARKER)

    def show(self, curves: Sequence[TraceCurve]) -> None:
        """Show these curves and no others.

        Raises
        ------
        ValueError
            If a curve has another number of samples than the time axis.
        """
        if self.frame is None:
            return
        for curve in curves:
            if curve.values.shape != self.time.shape:
                raise ValueError(
                    f"a trace of {curve.values.size} samples does not go with {self.time.size} sample times"
                )
        before, self._curves = self._curves, tuple(curves)
        pinned_before, pinned = _of_role(before, "pinned"), _of_role(self._curves, "pinned")
        same_pinned = len(pinned_before) == len(pinned) and all(
            ours.looks_like(theirs) for ours, theirs in zip(pinned, pinned_before, strict=True)
        )
        # Residuals are those of the probe, and of the pinned curves where there is none.
        same_pinned = same_pinned and bool(_of_role(before, "probe")) == bool(_of_role(self._curves, "probe"))
        frame_changed = self._update_frame()
        if frame_changed or not same_pinned:
            self._fill(_PINNED)
        self._fill(_PROBE)
        if frame_changed:
            self._drawing.redraw()
        else:
            self._drawing.update(_PROBE if same_pinned else _PINNED)

    @property
    def curves(self) -> tuple[TraceCurve, ...]:
        """The curves that are shown."""
        return self._curves

    def clear(self) -> None:
        """Show nothing, not even axes."""
        self._drawing.forget()
        self.figure.clear()
        self.figure.set_facecolor(self.theme.background)
        self.frame, self.time = None, np.zeros(0)
        self._curves, self._limits, self._residual_limits = (), None, None
        self._pools, self._badges = {}, PointBadges(self.figure, self.theme)
        self._drawing.redraw()

    def close(self) -> None:
        """Leave the canvas alone from now on."""
        self._mouse.close()
        self._drawing.close()
        self.figure.canvas.mpl_disconnect(self._resizing)

    def pinned_curves_on_screen(self) -> list[tuple[int, list[Line2D]]]:
        """Return number and lines of the pinned curves that can be clicked."""
        shown = [a for (role, _), pool in self._pools.items() if role == _PINNED for a in pool]
        return [
            (artists.curve.number, [artists.data, *artists.fits.values()])
            for artists in shown
            if artists.curve is not None and artists.curve.number is not None
        ]

    def badges_on_screen(self) -> list[tuple[int, float, float]]:
        """Return number and position, in pixels, of the badges of the pinned points."""
        return self._badges.positions()

    def _rebuild(self) -> None:
        self._drawing.forget()
        self._pools, self._badges = {}, PointBadges(self.figure, self.theme)
        if self.time.size == 0:
            return
        stacked = self._layout == "polarities"
        self.frame = TraceFrame(
            self.figure, self.theme, self.time, time_unit=self._time_unit,
            panels=len(self._labels) if stacked else 1,
            with_voltage=self._pulse is not None, with_residuals=bool(self.windows),
        )  # fmt: skip
        entries = list(enumerate(self._labels))
        self.frame.set_pulses([[entry] for entry in entries] if stacked else [entries])
        self.frame.set_windows(self.windows)
        self._marker = Line2D(
            [0, 0], [0, 1], color=self.theme.accent, lw=1.1, visible=False,
            transform=blended_transform_factory(self.frame.panels[0].transData, self.figure.transFigure),
        )  # fmt: skip
        self.figure.add_artist(self._marker)
        self._remark = self.frame.panels[0].text(
            0.5, 0.5, "no finite sample here", transform=self.frame.panels[0].transAxes, ha="center", va="center",
            color=self.theme.muted, fontsize=self.theme.font_size, visible=False,
        )  # fmt: skip
        self._drawing.add(_PROBE, [self._remark])
        self._drawing.add(_MARKER, [self._marker])
        self._limits = self._residual_limits = None
        self._update_frame()
        self._show_limits()
        self._fill(_PINNED)
        self._fill(_PROBE)
        self._place()
        self._drawing.redraw()

    def _update_frame(self) -> bool:
        """Fit limits and voltages to the curves; return whether something that is not blitted changed."""
        assert self.frame is not None
        frame = self.frame
        changed = frame.set_voltages([(c.pulse, c.voltage) for c in self._curves], self._pulse)
        ranges = [
            finite_range([a for c in self._curves if self._panel_of(c) == k for a in c.extremes()])
            for k in range(len(frame.panels))
        ]
        # Without data the limits stay as they are; those of empty axes say nothing about data to come.
        if any(ends is not None for ends in ranges):
            limits = sticky_limits(self._limits, ranges)
            changed = changed or limits != self._limits
            self._limits = limits
        left = finite_range([c.residuals(self.time) for c in self._curves if self._shows_residuals(c)])
        if left is not None:
            residual_limits = sticky_limits(self._residual_limits, [left], symmetric=True)
            changed = changed or residual_limits != self._residual_limits
            self._residual_limits = residual_limits
        if changed:
            self._show_limits()
            self._place()
        return changed

    def _show_limits(self) -> None:
        assert self.frame is not None
        limits = self._limits or [(-1.0, 1.0)] * len(self.frame.panels)
        self._factor, unit = scale_for(limits, self._unit)
        self.frame.set_limits([(low / self._factor, high / self._factor) for low, high in limits], unit)
        low, high = (self._residual_limits or limits)[0]
        self.frame.set_residual_limits((high - low) / 2 / self._factor)

    def _fill(self, role: int) -> None:
        """Put the curves of one role into artists, making more of these where they are too few."""
        assert self.frame is not None
        used = dict.fromkeys(self._pools, 0)
        for curve in _of_role(self._curves, "pinned" if role == _PINNED else "probe"):
            panel = self._panel_of(curve)
            pool = self._pools.setdefault((role, panel), [])
            index = used.get((role, panel), 0)
            used[role, panel] = index + 1
            if index == len(pool):
                made = CurveArtists(
                    self.frame.panels[panel], self.frame.residuals, sorted(self.windows), self.theme,
                    pinned=role == _PINNED,
                )  # fmt: skip
                pool.append(made)
                self._drawing.add(role, made.artists)
            pool[index].show(
                curve, self.time,
                time_factor=self.frame.time_factor, factor=self._factor, residuals=self._shows_residuals(curve),
            )  # fmt: skip
        for (kind, panel), pool in self._pools.items():
            if kind == role:
                for artists in pool[used.get((kind, panel), 0) :]:
                    artists.hide()
        if role == _PINNED:
            numbers = {
                c.number: c.colour or colour_of_point(c.number) for c in self._curves if c.number is not None
            }
            self._drawing.add(_PINNED, self._badges.show(numbers))
            self._place_badges()
        else:
            self._remark.set_visible(
                bool(self._curves) and finite_range([c.values for c in self._curves]) is None
            )

    def _place(self) -> None:
        assert self.frame is not None
        self.frame.place()
        self._place_badges()
        self._place_marker()

    def _place_badges(self) -> None:
        assert self.frame is not None
        self._badges.place(self.frame.panels[0].get_position().y1, self.frame.bottom.get_position().y0)

    def _place_marker(self) -> None:
        assert self.frame is not None
        time = self._marker_time
        low, high = self.frame.bottom.get_xlim()
        shown = None if time is None else time / self.frame.time_factor
        self._marker.set_visible(shown is not None and low <= shown <= high)
        if shown is not None:
            self._marker.set_data(
                [shown, shown],
                [self.frame.bottom.get_position().y0, self.frame.visible_axes[0].get_position().y1],
            )

    def _changing_area(self) -> BboxBase:
        """Return where curves, marker and badges are, in whole pixels; a line may stick out of its axes a little."""
        if self.frame is None:
            return self.figure.bbox
        boxes = [axes.get_window_extent() for axes in self.frame.visible_axes]
        left, bottom = (math.floor(min(edge) - 3) for edge in ([b.x0 for b in boxes], [b.y0 for b in boxes]))
        top = math.ceil(max(box.y1 for box in boxes) + 3)
        return Bbox.from_extents(
            max(left, 0), max(bottom, 0), self.figure.bbox.x1, min(top, self.figure.bbox.y1)
        )

    def _panel_of(self, curve: TraceCurve) -> int:
        assert self.frame is not None
        return min(max(curve.pulse, 0), len(self.frame.panels) - 1)

    def _shows_residuals(self, curve: TraceCurve) -> bool:
        return curve.role == "probe" or not _of_role(self._curves, "probe")

    def _after_resize(self, _: object) -> None:
        if self.frame is not None:
            self._place()

    def pixels(self, points: float) -> float:
        """Return a length in points as pixels of the canvas."""
        return points * self.figure.dpi / 72


def _of_role(curves: Sequence[TraceCurve], role: str) -> list[TraceCurve]:
    return [curve for curve in curves if curve.role == role]
