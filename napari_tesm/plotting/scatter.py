"""One map against another, pixel by pixel, as a density that is drawn in no time however many pixels there are."""

from collections.abc import Callable

import numpy as np
from matplotlib.backend_bases import MouseEvent
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.widgets import RectangleSelector
from numpy.typing import NDArray

from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.plotting.maps import density_of_maps
from napari_tesm.plotting.theme import DARK, PlotTheme, apply_theme, style_axes
from napari_tesm.quantities.text import factor_from_unit


class ScatterPlot:
    """Two-dimensional histogram of two maps with the line of equality.

    Parameters
    ----------
    figure : Figure
        The plot has it for itself.
    theme : PlotTheme
    """

    def __init__(self, figure: Figure, *, theme: PlotTheme = DARK) -> None:
        self.figure = figure
        self.theme = theme
        self.axes = figure.add_axes((0.3, 0.3, 0.65, 0.65))
        self._image = self.axes.imshow(
            np.zeros((1, 1)),
            origin="lower",
            extent=(0, 1, 0, 1),
            aspect="auto",
            interpolation="nearest",
        )
        (self._equal,) = self.axes.plot([0, 1], [0, 1], lw=0.8, ls="--")
        self._factor = 1.0
        self.on_selected: Callable[[tuple[float, float], tuple[float, float]], None] | None = None
        """Called with the ends of a rectangle that was dragged over, across and up; equal for a click."""
        self._selector = RectangleSelector(self.axes, self._dragged, button=1)  # type: ignore[arg-type]
        figure.canvas.mpl_connect("resize_event", self._place)
        self.set_theme(theme)

    def set_theme(self, theme: PlotTheme) -> None:
        """Draw in other colours."""
        self.theme = theme
        style_axes(self.axes, theme)
        apply_theme(self.figure, theme)
        self.axes.grid(False)
        self._equal.set_color(theme.accent)
        # Empty bins have the colour of the paper.
        self._image.set_cmap(
            LinearSegmentedColormap.from_list("density", [theme.background, theme.foreground])
        )

    def show(
        self, first: NDArray[np.floating], second: NDArray[np.floating], *, names: tuple[str, str], unit: str
    ) -> None:
        """Show the pixels that both maps have, in the unit people read."""
        density, high, shown = density_of_maps(np.asarray(first), np.asarray(second), unit)
        self._factor = 1.0 if shown == unit else factor_from_unit(shown, unit)
        self._image.set_data(density)
        self._image.set_clim(0, max(float(density.max()), 1.0))
        self._image.set_extent((0, high, 0, high))
        self._equal.set_data([0, high], [0, high])
        self.axes.set(xlim=(0, high), ylim=(0, high))
        size = self.theme.font_size
        self.axes.set_xlabel(label_with_unit(f"|H| {names[0]}", shown), fontsize=size)
        self.axes.set_ylabel(label_with_unit(f"|H| {names[1]}", shown), fontsize=size)
        self.axes.locator_params(nbins=3)
        self._place()
        self.figure.canvas.draw_idle()

    def _dragged(self, press: MouseEvent, release: MouseEvent) -> None:
        ends = []
        for first, last in ((press.xdata, release.xdata), (press.ydata, release.ydata)):
            low, high = sorted((first or 0.0, last or 0.0))
            ends.append((low * self._factor, high * self._factor))
        self._selector.set_visible(False)
        if self.on_selected is not None:
            self.on_selected(ends[0], ends[1])

    def _place(self, _: object = None) -> None:
        """Leave room for what stands beside the axes, which does not shrink with the figure."""
        width, height = self.figure.get_size_inches() * 72
        left, bottom = min(0.4, 38 / width), min(0.45, 30 / height)
        self.axes.set_position((left, bottom, 0.97 - left, 0.96 - bottom))
