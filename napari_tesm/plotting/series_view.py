"""The figures of a voltage series on a screen: one at a time, in the colours of the window."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tesm.plotting.series import Trend, draw_distribution_trend, draw_series_histograms
from napari_tesm.plotting.theme import DARK, PlotTheme, apply_theme
from napari_tesm.series import Distributions

_IN_A_ROW: Final = 6
_LOW: Final = 2.6
"""Height in inches below which axes stand beside each other, not below."""


class SeriesPlot:
    """A figure that is drawn by a function anew whenever it is shown, restyled or enlarged.

    Parameters
    ----------
    figure : Figure
        The plot has it for itself.
    theme : PlotTheme
    """

    def __init__(self, figure: Figure, *, theme: PlotTheme = DARK) -> None:
        self.figure = figure
        self.theme = theme
        self._draw: Callable[[Figure], None] | None = None
        self._message = ""
        self._redraw()

    def set_theme(self, theme: PlotTheme) -> None:
        """Draw in other colours, or type of another size."""
        if theme != self.theme:
            self.theme = theme
            self._redraw()

    def show(self, draw: Callable[[Figure], None]) -> None:
        """Show what a function draws on the empty figure."""
        self._draw = draw
        self._redraw()

    def clear(self, message: str = "") -> None:
        """Show nothing but, perhaps, a few words that say why."""
        self._draw, self._message = None, message
        self._redraw()

    def _redraw(self) -> None:
        figure, theme = self.figure, self.theme
        figure.clear()
        figure.set_facecolor(theme.background)
        if self._draw is None:
            figure.text(
                0.5, 0.5, self._message, ha="center", va="center", wrap=True, color=theme.muted,
                fontsize=theme.font_size,
            )  # fmt: skip
        else:
            figure.set_layout_engine("constrained")
            self._draw(figure)
            apply_theme(figure, theme)
            for text in (text for legend in figure.legends for text in legend.get_texts()):
                text.set(color=theme.foreground, fontsize=theme.font_size)
            for axes in figure.axes:
                if axes.images:
                    axes.grid(False)
        figure.canvas.draw_idle()


def draw_distributions(figure: Figure, distributions: Distributions, *, colour: str) -> None:
    """Draw the histograms of all voltages, and mode and width against the voltage below or beside them.

    Parameters
    ----------
    figure : Figure
        Empty.
    colour : str
        Of what is drawn against the voltage.
    """
    low = is_low(figure)
    trends: tuple[Trend, ...] = ("mode", "width") if low else ("mode", "width", "peak")
    rows: list[Any] = [["all", "all", *trends]] if low else [["all"] * len(trends), list(trends)]
    axes = figure.subplot_mosaic(rows, height_ratios=[1] if low else [1.6, 1.0])
    draw_series_histograms(axes["all"], distributions)
    for trend in trends:
        draw_distribution_trend(axes[trend], distributions, trend, colour=colour, short=low)
    if low:
        legend_above(figure, [text.partition(",")[0] for text in _labels(axes["all"])])


def legend_above(figure: Figure, texts: Sequence[str]) -> None:
    """Put the legend of the first axes above all, in one row, where it covers no data."""
    axes = figure.axes[0]
    handles, _ = axes.get_legend_handles_labels()
    if (legend := axes.get_legend()) is not None:
        legend.remove()
    figure.legend(
        handles,
        texts,
        loc="outside upper center",
        ncols=min(len(texts), _IN_A_ROW),
        frameon=False,
        handlelength=1.2,
        columnspacing=1.0,
    )


def is_low(figure: Figure) -> bool:
    """Whether a figure is that of a panel, with room for one row of axes."""
    return bool(figure.get_size_inches()[1] < _LOW)


def _labels(axes: Axes) -> list[str]:
    return list(axes.get_legend_handles_labels()[1])
