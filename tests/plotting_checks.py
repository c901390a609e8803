"""What every plot must keep to: nothing cut off, no two labels on top of each other."""

import itertools

import numpy as np
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
            if axes.axison:
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
