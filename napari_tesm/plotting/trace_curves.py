"""One measured trace with its fits: what a trace plot is given, and the artists that show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from napari_tesm.plotting.lines import band_outlines, finite_or_nan, has_lone_samples, thinned
from napari_tesm.plotting.theme import PlotTheme

Array = NDArray[np.float64]

LINE_STYLES: Final = ("-", (0, (3.0, 1.2)), (0, (1.0, 1.0)), (0, (5.0, 1.2, 1.0, 1.2)))
"""Line styles of the data, by pulse setting."""
THEORY_COLOUR: Final = "#2fae66"
"""On light and on dark; windows, polarities and the first points have other colours."""


@dataclass(frozen=True, eq=False)
class FitCurve:
    """The curve fitted in one window.

    Parameters
    ----------
    window_number : int
        1 for the pulse, 2 for the relaxation.
    time, values : ndarray, shape (n,)
        In s and in the unit of the trace; `time` holds samples of the record.
    """

    window_number: int
    time: Array
    values: Array


@dataclass(frozen=True, eq=False)
class TraceCurve:
    """A trace at one place for one pulse setting.

    Parameters
    ----------
    label : str
        The pulse setting, such as ``"(-3 V)"``.
    values : ndarray, shape (time,)
        In the unit of the plot; what is not finite is left out.
    colour : str
        Empty takes the theme's colour of data, or the pinned point's own.
    spread : ndarray, shape (time,), optional
        Standard deviation over the neighbourhood that `values` is the mean of.
    fits : tuple of FitCurve
    theory : FitCurve, optional
        What a model of the whole record gives.
    voltage : float
        In V; NaN where unknown.
    role : {"probe", "pinned"}
        Under the cursor, or kept.
    number : int, optional
        Of the pinned point.
    pulse : int
        Which of the plot's pulse settings it belongs to; decides line style and axes.
    """

    label: str
    values: Array
    colour: str = ""
    spread: Array | None = None
    fits: tuple[FitCurve, ...] = ()
    theory: FitCurve | None = None
    voltage: float = np.nan
    role: Literal["probe", "pinned"] = "probe"
    number: int | None = None
    pulse: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", finite_or_nan(self.values))
        if self.spread is not None:
            object.__setattr__(self, "spread", finite_or_nan(self.spread))

    def residuals(self, time: Array) -> Array:
        """Return data minus fit at the samples of the record, NaN outside the fitted windows."""
        left = np.full(time.shape, np.nan)
        for fit in self.fits:
            if fit.time.size:
                inside = slice(*np.searchsorted(time, [fit.time[0], fit.time[-1]]) + np.array([0, 1]))
                left[inside] = self.values[inside] - np.interp(time[inside], fit.time, fit.values)
        return left

    def looks_like(self, other: "TraceCurve") -> bool:
        """Return whether it need not be drawn again where the other one is drawn."""
        if self is other:
            return True
        plain = ("label", "colour", "role", "number", "pulse")
        if any(getattr(self, name) != getattr(other, name) for name in plain):
            return False
        pairs = [(self.values, other.values), (self.spread, other.spread)]
        if [fit.window_number for fit in self.fits] != [fit.window_number for fit in other.fits]:
            return False
        if (self.theory is None) != (other.theory is None):
            return False
        if self.theory is not None and other.theory is not None:
            pairs += [(self.theory.time, other.theory.time), (self.theory.values, other.theory.values)]
        for ours, theirs in zip(self.fits, other.fits, strict=True):
            pairs += [(ours.time, theirs.time), (ours.values, theirs.values)]
        return all(_same(*pair) for pair in pairs)

    def extremes(self) -> list[Array]:
        """Return the arrays whose range the axis should hold."""
        if self.spread is None:
            return [self.values]
        return [self.values - self.spread, self.values + self.spread, self.values]


class CurveArtists:
    """Artists of one curve, made once and filled with one curve after the other.

    Parameters
    ----------
    panel : Axes
        Where the displacement is drawn.
    residuals : Axes, optional
    windows : sequence of int
        Numbers of the windows that may hold a fit.
    pinned : bool
        Pinned curves are drawn in one colour, fits and all.
    """

    def __init__(
        self, panel: Axes, residuals: Axes | None, windows: Sequence[int], theme: PlotTheme, *, pinned: bool
    ) -> None:
        self.panel = panel
        self._theme = theme
        self._pinned = pinned
        level = 3.0 if pinned else 4.0
        self.band = PolyCollection([], linewidths=0, alpha=0.22, zorder=level)
        panel.add_collection(self.band, autolim=False)
        self.data = self._line(panel, level + 0.1, 0.6 if pinned else 0.8)
        self.theory = self._line(panel, level + 0.3, 1.4)
        # A dark edge under a fit would cost as much again as the fit; width alone sets it off.
        self.fits = {
            number: self._line(panel, level + 0.2, 1.1 if pinned else 1.9)
            for number in (windows[:1] if pinned else windows)
        }
        self.residuals = None if residuals is None else self._line(residuals, level, 0.7)
        self.curve: TraceCurve | None = None
        self.hide()

    @property
    def artists(self) -> list[Artist]:
        """All artists, from the back to the front."""
        rest = [] if self.residuals is None else [self.residuals]
        return [self.band, self.data, *self.fits.values(), self.theory, *rest]

    def hide(self) -> None:
        """Show nothing."""
        self.curve = None
        for artist in self.artists:
            artist.set_visible(False)

    def show(
        self,
        curve: TraceCurve,
        time: Array,
        *,
        time_factor: float,
        factor: float,
        residuals: bool,
    ) -> None:
        """Show a curve, its times and values divided by the factors of their readable units."""
        self.curve = curve
        colour = self._theme.readable(curve.colour) if curve.colour else self._theme.foreground
        shown = time / time_factor
        values = curve.values / factor
        self.data.set_data(*thinned(shown, values))
        self.data.set(
            color=colour, visible=True, alpha=0.5 if self._pinned else 0.85,
            linestyle=LINE_STYLES[curve.pulse % len(LINE_STYLES)],
            # A single sample, or samples between gaps, would be invisible as a line.
            marker="." if has_lone_samples(values) else "", markersize=3.0,
        )  # fmt: skip
        self._show_band(curve, shown, factor, colour)
        self._show_fits(curve, time_factor, factor, colour)
        self.theory.set_visible(curve.theory is not None)
        if curve.theory is not None:
            times, heights = thinned(curve.theory.time, curve.theory.values)
            self.theory.set_data(times / time_factor, heights / factor)
            self.theory.set(color=THEORY_COLOUR, linestyle=self.data.get_linestyle())
        if self.residuals is not None:
            self.residuals.set_visible(residuals and bool(curve.fits))
            if self.residuals.get_visible():
                self.residuals.set_data(*thinned(shown, curve.residuals(time) / factor))
                self.residuals.set(color=colour, alpha=0.85, linestyle=self.data.get_linestyle())

    def _show_band(self, curve: TraceCurve, shown: Array, factor: float, colour: str) -> None:
        self.band.set_visible(curve.spread is not None)
        if curve.spread is not None:
            low, high = (curve.values - curve.spread) / factor, (curve.values + curve.spread) / factor
            (x, low), (_, high) = thinned(shown, low), thinned(shown, high)
            self.band.set_verts(band_outlines(x, low, high))
            self.band.set_facecolor(colour)

    def _show_fits(self, curve: TraceCurve, time_factor: float, factor: float, colour: str) -> None:
        parts: dict[int, list[FitCurve]] = {number: [] for number in self.fits}
        for fit in curve.fits:
            line = next(iter(parts), None) if self._pinned else fit.window_number
            if line in parts:
                parts[line].append(fit)
        for number, fits in parts.items():
            line_artist = self.fits[number]
            line_artist.set_visible(bool(fits))
            if fits:
                # One line for all of them, with a gap between two windows.
                lines = [thinned(fit.time, fit.values) for fit in fits]
                pieces = [(np.append(x, np.nan), np.append(y, np.nan)) for x, y in lines]
                times, values = (np.concatenate(piece) for piece in zip(*pieces, strict=True))
                line_artist.set_data(times / time_factor, values / factor)
                line_artist.set_color(colour if self._pinned else self._theme.colour_of_window(number))

    @staticmethod
    def _line(axes: Axes, level: float, width: float) -> Line2D:
        line = Line2D([], [], linewidth=width, zorder=level, solid_capstyle="round", solid_joinstyle="round")
        axes.add_line(line)
        return line


def _same(first: Array | None, second: Array | None) -> bool:
    if first is second or first is None or second is None:
        return first is second
    return np.array_equal(first, second, equal_nan=True)
