"""Drawing only what changed: the rest of the figure comes back from a picture of it.

A full redraw of a figure is mostly ticks, labels and text, which stay as they are while curves follow the cursor.
"""

from collections.abc import Callable, Iterable
from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.transforms import BboxBase


class LayeredBlitting:
    """Artists in layers over a figure: changing a layer redraws that one and those above it, nothing below.

    The canvas may be any that draws with Agg. When a figure is saved, everything is drawn as usual.

    Parameters
    ----------
    figure : Figure
    layers : int
        Number of layers, from the back to the front.
    area : callable, optional
        Returns the part of the figure, in pixels, that all artists of the layers stay in; by default all of it.
    """

    def __init__(
        self, figure: Figure, *, layers: int = 1, area: Callable[[], BboxBase] | None = None
    ) -> None:
        self._figure = figure
        self._find_area = area
        self._area: BboxBase = figure.bbox
        self._layers: list[list[Artist]] = [[] for _ in range(layers)]
        self._below: list[Any] = []
        self._size: tuple[float, float] = (0.0, 0.0)
        self._stale = True
        self.full_draws = 0
        """How many times the whole figure was drawn."""
        canvas = figure.canvas
        self._connections = [
            canvas.mpl_connect("draw_event", self._after_full_draw),
            canvas.mpl_connect("resize_event", self._after_resize),
        ]

    def add(self, layer: int, artists: Iterable[Artist]) -> None:
        """Put artists, which belong to axes or to the figure already, into a layer."""
        for artist in artists:
            artist.set_animated(True)
            self._layers[layer].append(artist)
            self._stale = True

    def forget(self) -> None:
        """Empty all layers; the artists themselves are the caller's."""
        for layer in self._layers:
            layer.clear()
        self._stale = True

    def redraw(self) -> None:
        """Ask for a full redraw, because something changed that is in no layer."""
        self._stale = True
        self._figure.canvas.draw_idle()

    def update(self, layer: int = 0) -> bool:
        """Show what changed in a layer and those above it; False where that took (or awaits) a full redraw."""
        if self._stale or self._size != self._canvas_size():
            self.redraw()
            return False
        self._canvas.restore_region(self._below[layer])
        self._draw_layers(layer)
        self._canvas.blit(self._area)
        return True

    def close(self) -> None:
        """Leave the canvas alone from now on."""
        for connection in self._connections:
            self._figure.canvas.mpl_disconnect(connection)
        self._connections = []
        self.forget()
        self._below = []

    @property
    def _canvas(self) -> Any:
        return self._figure.canvas

    def _canvas_size(self) -> tuple[float, float]:
        return float(self._figure.bbox.width), float(self._figure.bbox.height)

    def _draw_layers(self, first: int) -> None:
        for number in range(first, len(self._layers)):
            if number > first:
                self._keep_picture(number)
            for artist in self._layers[number]:
                # Small plots have axes without room, which a full draw leaves out with all that is in them.
                if artist.get_visible() and (artist.axes is None or artist.axes.get_visible()):
                    self._figure.draw_artist(artist)

    def _keep_picture(self, number: int) -> None:
        del self._below[number:]
        self._below.append(self._canvas.copy_from_bbox(self._area))

    def _after_full_draw(self, _: object) -> None:
        if (
            self._canvas.is_saving()
        ):  # of another size perhaps, with all artists drawn, and over what the screen shows
            self._stale = True
            return
        self.full_draws += 1
        self._size = self._canvas_size()
        self._stale = False
        self._area = self._figure.bbox if self._find_area is None else self._find_area()
        self._keep_picture(0)
        self._draw_layers(0)

    def _after_resize(self, _: object) -> None:
        self._stale = True
