"""Numbered discs in the colours of the pinned points, one below the other at the right of a trace plot."""

from collections.abc import Mapping

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from napari_tesm.plotting.axes import size_in_points
from napari_tesm.plotting.theme import PlotTheme, text_colour_on


class PointBadges:
    """The badges of a figure, made as they are needed and kept.

    Parameters
    ----------
    figure : Figure
    theme : PlotTheme
    """

    def __init__(self, figure: Figure, theme: PlotTheme) -> None:
        self._figure = figure
        self._theme = theme
        self._badges: list[tuple[Line2D, Text]] = []

    def show(self, colours: Mapping[int, str]) -> list[Artist]:
        """Show these numbers in these colours; return the artists that had to be made."""
        made: list[Artist] = []
        while len(self._badges) < len(colours):
            disc = Line2D([0], [0], marker="o", ls="", markeredgewidth=0, transform=self._figure.transFigure)
            self._figure.add_artist(disc)
            text = self._figure.text(0, 0, "", ha="center", va="center_baseline")
            self._badges.append((disc, text))
            made += [disc, text]
        for (disc, text), (number, colour) in zip(self._badges, sorted(colours.items()), strict=False):
            disc.set(color=colour, visible=True)
            text.set(text=str(number), color=text_colour_on(colour), visible=True)
        for disc, text in self._badges[len(colours) :]:
            disc.set_visible(False)
            text.set_visible(False)
        return made

    def place(self, top: float, bottom: float) -> None:
        """Stack the badges between two heights, given as shares of the figure's, as large as there is room."""
        width, height = size_in_points(self._figure)
        size = self._theme.font_size
        shown = [pair for pair in self._badges if pair[0].get_visible()]
        highest, lowest = top * height - 0.75 * size, bottom * height + 0.75 * size
        step = min(1.75 * size, max(highest - lowest, size) / max(len(shown) - 1, 1))
        for index, (disc, text) in enumerate(shown):
            x, y = 1 - 1.05 * size / width, (highest - index * step) / height
            disc.set_data([x], [y])
            disc.set_markersize(min(1.5 * size, 0.95 * step))
            text.set_position((x, y))
            text.set_fontsize(min(0.9 * size, 0.6 * step))

    def positions(self) -> list[tuple[int, float, float]]:
        """Return the number and the centre, in pixels, of each badge that is shown."""
        positions = []
        for disc, text in self._badges:
            if disc.get_visible():
                x, y = self._figure.transFigure.transform(text.get_position())
                positions.append((int(text.get_text()), float(x), float(y)))
        return positions
