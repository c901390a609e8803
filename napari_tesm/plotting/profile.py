"""Quantities along a line across a step, one below the other; and a quantity against the distance from a step."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from napari_tesm.plotting.axes import finite_range, label_with_unit, place_axes, scale_for, size_in_points
from napari_tesm.plotting.profile_panels import Median, PanelArtists, ProfileCurve, ProfilePanel
from napari_tesm.plotting.theme import DARK, PlotTheme
from napari_tesm.quantities.text import text_with_error

__all__ = ["ProfileCurve", "ProfilePanel", "ProfilePlot"]

Array = NDArray[np.float64]


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
        self._artists: list[PanelArtists] = []
        self._resizing = figure.canvas.mpl_connect("resize_event", self._after_resize)
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
            words = f"FWHM {text_with_error(size, width_error, unit)}"
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
        """
        middle = np.asarray(centres, dtype=np.float64)
        line = np.asarray(medians, dtype=np.float64)
        if middle.shape != line.shape:
            raise ValueError("there must be one median for each bin of distance")
        points = tuple(
            ProfileCurve(curve.values, None, curve.colour, curve.label, points=True) for curve in panel.curves
        )
        dotted = ProfilePanel(panel.name, panel.unit, points, log=panel.log)
        self._again = lambda: self._draw(
            np.asarray(distance, dtype=np.float64), (dotted,), unit, "distance from the step", None, "",
            (middle, line),
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
        self.figure.canvas.mpl_disconnect(self._resizing)

    def _draw(
        self,
        position: Array,
        panels: tuple[ProfilePanel, ...],
        unit: str,
        along: str,
        edges: tuple[float, float] | None,
        words: str,
        median: Median | None,
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
            artists.show_median(None if median is None else (median[0] / factor, median[1]))
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
        self._artists = [PanelArtists(figure, theme, panel) for panel in panels]
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
