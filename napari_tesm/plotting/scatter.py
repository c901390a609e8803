"""One map against another, pixel by pixel, as a density that is drawn in no time however many pixels there are."""

from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_tesm.plotting.theme import DARK, PlotTheme, apply_theme, style_axes
from napari_tesm.quantities.text import prefix_for

_BINS: Final = 64


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
            np.zeros((_BINS, _BINS)),
            origin="lower",
            extent=(0, 1, 0, 1),
            aspect="auto",
            interpolation="nearest",
        )
        (self._equal,) = self.axes.plot([0, 1], [0, 1], lw=0.8, ls="--")
        self.set_theme(theme)

    def set_theme(self, theme: PlotTheme) -> None:
        """Draw in other colours."""
        self.theme = theme
        style_axes(self.axes, theme)
        apply_theme(self.figure, theme)
        self.axes.grid(False)
        self._equal.set_color(theme.accent)
        # Empty bins have the colour of the paper.
        from matplotlib.colors import LinearSegmentedColormap

        self._image.set_cmap(
            LinearSegmentedColormap.from_list("density", [theme.background, theme.foreground])
        )

    def show(
        self, first: NDArray[np.floating], second: NDArray[np.floating], *, names: tuple[str, str], unit: str
    ) -> None:
        """Show the pixels that both maps have, in the unit people read."""
        a, b = np.asarray(first, dtype=np.float64).ravel(), np.asarray(second, dtype=np.float64).ravel()
        good = np.isfinite(a) & np.isfinite(b)
        a, b = a[good], b[good]
        # Hot pixels do not rule the axes.
        high = max((float(np.percentile(part, 99.5)) for part in (a, b) if part.size), default=1.0) or 1.0
        factor, shown = prefix_for(high, unit)
        high = 1.08 * high / factor
        counts, *_ = np.histogram2d(b / factor, a / factor, bins=_BINS, range=((0, high), (0, high)))
        self._image.set_data(np.sqrt(counts))
        self._image.set_clim(0, max(float(np.sqrt(counts.max())), 1.0))
        self._image.set_extent((0, high, 0, high))
        self._equal.set_data([0, high], [0, high])
        self.axes.set(xlim=(0, high), ylim=(0, high))
        self.axes.set_xlabel(
            f"|H| {names[0]} ({shown})" if shown else f"|H| {names[0]}", fontsize=self.theme.font_size
        )
        self.axes.set_ylabel(
            f"|H| {names[1]} ({shown})" if shown else f"|H| {names[1]}", fontsize=self.theme.font_size
        )
        self.axes.locator_params(nbins=3)
        width, height = self.figure.get_size_inches() * 72
        left, bottom = min(0.4, 38 / width), min(0.45, 30 / height)
        self.axes.set_position((left, bottom, 0.97 - left, 0.96 - bottom))
        self.figure.canvas.draw_idle()
