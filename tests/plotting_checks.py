"""What every plot must keep to: nothing cut off, no two labels on top of each other."""

import itertools

import numpy as np
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

SIZES = ((600, 350), (450, 320), (420, 300), (400, 190), (300, 220))


def agg_figure(size=(420, 300)) -> Figure:
    figure = Figure(figsize=(size[0] / 100, size[1] / 100), dpi=100)
    FigureCanvasAgg(figure)
    return figure


def pixels(figure: Figure) -> np.ndarray:
    return np.asarray(figure.canvas.buffer_rgba()).copy()


def visible_texts(figure: Figure) -> list[Text]:
    figure.canvas.draw()
    texts = []
    for axes in figure.axes:
        if not axes.get_visible():
            continue
        for axis in (axes.xaxis, axes.yaxis):
            if axes.axison and axis.get_visible():
                texts += [tick.label1 for tick in axis._update_ticks() if tick.label1.get_visible()]
        texts += [*axes.texts, *([] if axes.get_legend() is None else axes.get_legend().get_texts())]
    texts += figure.texts
    return [text for text in texts if text.get_visible() and text.get_text()]


def assert_legible(figure: Figure) -> None:
    boxes = [(text.get_text(), text.get_window_extent()) for text in visible_texts(figure)]
    assert boxes
    for name, box in boxes:
        assert box.x0 >= -1, f"'{name}' is cut off"
        assert box.y0 >= -1, f"'{name}' is cut off"
        assert box.x1 <= figure.bbox.width + 1, f"'{name}' is cut off"
        assert box.y1 <= figure.bbox.height + 1, f"'{name}' is cut off"
    for (first, a), (second, b) in itertools.combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        up = min(a.y1, b.y1) - max(a.y0, b.y0)
        # Boxes hold the room for accents, so they may touch.
        assert across <= 0 or up <= 2.5, f"'{first}' lies on '{second}'"


SMALLEST_TYPE = 6.0
"""In points, what a printed page asks for."""
_ROOM = 2.5
"""Dots that two boxes of text may share: they hold the room for accents."""


def drawn_texts(figure: Figure) -> list[Text]:
    """Return every text that is seen: also titles, labels of axes, legends and offsets of ticks; after a draw."""
    texts = [*visible_texts(figure)]
    for axes in figure.axes:
        if not axes.get_visible():
            continue
        titles = [child for child in axes.get_children() if isinstance(child, Text)]
        texts += [text for text in titles if text not in axes.texts]
        if axes.axison:
            for axis in filter(Axis.get_visible, (axes.xaxis, axes.yaxis)):
                texts += [axis.label, axis.get_offset_text()]
                texts += [tick.label2 for tick in axis._update_ticks() if tick.label2.get_visible()]
        if axes.get_legend() is not None:
            texts.append(axes.get_legend().get_title())
    seen = {id(text): text for text in texts if text.get_visible() and text.get_text().strip()}
    return list(seen.values())


def faults_of_print(figure: Figure) -> list[str]:
    """Return what is wrong with the type of a finished figure: too small, cut off, on other type, on curves or bars.

    Type on the pixels of a map (a scale bar's length, the number of a point) belongs there; what lies beneath is told
    by drawing the figure without its type, not by what the drawing code knows of it.
    """
    figure.canvas.draw()
    # What is taken off for a look must not move what stays.
    figure.set_layout_engine("none")
    texts = [(text, text.get_window_extent()) for text in drawn_texts(figure)]
    faults = [
        f"'{text.get_text()}' has {text.get_fontsize():.1f} points"
        for text, _ in texts
        if text.get_fontsize() < SMALLEST_TYPE
    ]
    width, height = figure.bbox.width, figure.bbox.height
    faults += [
        f"'{text.get_text()}' is cut off"
        for text, box in texts
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]
    for (first, a), (second, b) in itertools.combinations(texts, 2):
        across, up = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if across > 1 and up > _ROOM:
            faults.append(f"'{first.get_text()}' lies on '{second.get_text()}'")
    ink = _ink_of_data(figure)
    for text, box in texts:
        if text.get_bbox_patch() is not None:
            continue  # on a ground of its own
        rows = slice(max(int(height - box.y1) + 2, 0), max(int(height - box.y0) - 1, 0))
        columns = slice(max(int(box.x0) + 1, 0), max(int(box.x1) - 1, 0))
        if ink[rows, columns].any():
            faults.append(f"'{text.get_text()}' lies on curves or bars")
    return faults


def _ink_of_data(figure: Figure) -> np.ndarray:
    """Return where a figure is dark or coloured once type, frames, ticks and maps are taken off it."""
    hidden = [*figure.findobj(Text), *(legend for axes in figure.axes if (legend := axes.get_legend()))]
    for axes in figure.axes:
        hidden += [axes.xaxis, axes.yaxis, *axes.spines.values(), axes.patch]
        # A map's own points, outlines and scale bar lie on it on purpose.
        hidden += [child for child in axes.get_children() if axes.images or not axes.get_subplotspec()]
    states = [(artist, artist.get_visible()) for artist in hidden]
    for artist in hidden:
        artist.set_visible(False)
    try:
        figure.canvas.draw()
        colours = pixels(figure)[..., :3].astype(float)
    finally:
        for artist, state in states:
            artist.set_visible(state)
    # Shaded pulses and bands of intervals are pale; a curve or a bar is not.
    return colours.min(axis=-1) < 170
