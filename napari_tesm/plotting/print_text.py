"""Type on a finished figure: its size in print, labels broken and ticks thinned to the room, legends off the data."""

import itertools
import textwrap
from collections.abc import Iterator
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

TEXT_SIZE: Final = 7.0
TITLE_SIZE: Final = 8.0
"""In points, as journals ask for."""
_THINNER: Final = 0.7
"""Lines are drawn for a screen's page, half as wide again as paper."""
_THINNEST: Final = 0.5
_FRAME: Final = 0.6
_GAP: Final = 2.0
"""Least distance of two tick labels, in points."""
_MOST_COLUMNS: Final = 4
"""Of a legend above its axes."""
_FEWEST: Final = 8
"""Letters on a line, at the least."""
_IN_MATHS: Final = "\N{WORD JOINER}"
_UNBROKEN: Final[WeakKeyDictionary[Text, tuple[str, str]]] = WeakKeyDictionary()
"""Texts that were broken into lines: as they were, and as they are since."""


def set_type(figure: Figure) -> None:
    """Give all text the size of print, titles one of their own, and all lines the width that goes with it."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_fontsize(TEXT_SIZE)
    for axes in figure.axes:
        axes.tick_params(which="both", labelsize=TEXT_SIZE, width=_FRAME, length=2.5, pad=2)
        axes.tick_params(which="minor", length=1.5)
        for axis in (axes.xaxis, axes.yaxis):
            axis.labelpad = 2
        for title in _titles(axes):
            title.set_fontsize(TITLE_SIZE)
        for spine in axes.spines.values():
            spine.set_linewidth(_FRAME)
    heading = figure.get_suptitle()
    if heading:
        figure.suptitle(heading, fontsize=TITLE_SIZE)
    for artist in figure.findobj(lambda artist: isinstance(artist, Line2D | Patch | Collection)):
        _make_thinner(artist)


def fit_texts(figure: Figure) -> None:
    """Break what is longer than its place into lines, and leave out tick labels that touch; after the layout."""
    for axes in figure.axes:
        if not axes.get_visible():
            continue
        if axes.axison:
            for axis in (axes.xaxis, axes.yaxis):
                _part_tick_labels(axis)
        left, right = _cell(axes)
        frame = axes.get_window_extent()
        for text in (*_titles(axes), axes.xaxis.label):
            box = text.get_window_extent()
            middle = (box.x0 + box.x1) / 2
            is_centred = text.get_horizontalalignment() == "center"
            _wrap(text, box.width, 2 * min(middle - left, right - middle) if is_centred else right - box.x0)
        label = axes.yaxis.label
        _wrap(label, label.get_window_extent().height, frame.height)
        legend = axes.get_legend()
        if legend is not None:
            _narrow(legend, right - left)
        for text in axes.texts:
            box = text.get_window_extent()
            if text.get_visible() and (box.x0 < left or box.x1 > right):
                _wrap(text, box.width, min(0.95 * frame.width, right - left))
    width = figure.bbox.width
    for text in figure.texts:
        _wrap(text, text.get_window_extent().width, 0.97 * width)


def part_tick_labels(figure: Figure) -> None:
    """Leave tick labels out that touch; after the last change of axes."""
    for axes in figure.axes:
        if axes.get_visible() and axes.axison:
            for axis in (axes.xaxis, axes.yaxis):
                _part_tick_labels(axis)


def move_legends_off_data(figure: Figure, *, beside_too: bool = False) -> None:
    """Put legends that lie on the data above their axes, with the axes' title above them; after the layout.

    Parameters
    ----------
    beside_too : bool
        Also those at the right of their axes, which take from the width.
    """
    for axes in figure.axes:
        legend = axes.get_legend()
        if legend is None or not legend.get_visible():
            continue
        box = legend.get_window_extent()
        beside = beside_too and box.x0 >= axes.get_window_extent().x1 - 1
        if beside or any(_touches(artist, box) for artist in _data_of(axes)):
            put_legend_above(axes)


def share_legend(figure: Figure) -> None:
    """Put a legend that all panels have alike once above all of them; before the layout."""
    legends = [(axes, axes.get_legend()) for axes in figure.axes if axes.get_visible()]
    held = [(axes, legend) for axes, legend in legends if legend is not None and legend.get_visible()]
    panels = [axes for axes in figure.axes if axes.get_subplotspec() is not None]
    if len(held) < max(len(panels), 2) or len({_entries(legend) for _, legend in held}) > 1:
        return
    handles = [handle for handle in held[0][1].legend_handles if handle is not None]
    labels = [text.get_text() for text in held[0][1].get_texts()]
    for axes, legend in held:
        if title := legend.get_title().get_text():
            axes.set_title(title)
        legend.remove()
    for columns in range(min(len(labels), _MOST_COLUMNS), 0, -1):
        for legend in figure.legends:
            legend.remove()
        made = figure.legend(
            handles, labels, loc="outside upper center", ncols=columns, frameon=False, fontsize=TEXT_SIZE,
            borderaxespad=0.2,
        )  # fmt: skip
        if made.get_window_extent().width <= figure.bbox.width:
            break


def _entries(legend: Legend) -> tuple[tuple[Any, ...], ...]:
    """Return what tells legends apart: words with the look of what stands before them."""
    looks = [
        (str(handle.get_color()), handle.get_linestyle(), str(handle.get_marker()))
        if isinstance(handle, Line2D)
        else (str(getattr(handle, "get_facecolor", lambda: "")()), "", "")
        for handle in legend.legend_handles
    ]
    return tuple((text.get_text(), *look) for text, look in zip(legend.get_texts(), looks, strict=False))


def put_legend_above(axes: Axes) -> None:
    """Put the legend of axes above them, under their title, in as many columns as there is room for."""
    legend = axes.get_legend()
    assert legend is not None
    handles, labels = legend.legend_handles, [text.get_text() for text in legend.get_texts()]
    titles = [title for title in _titles(axes) if title.get_text()]
    size = legend.get_texts()[0].get_fontsize() if legend.get_texts() else TEXT_SIZE
    left, right = _cell(axes)
    words, title_size = "  ".join(title.get_text() for title in titles) or None, axes.title.get_fontsize()
    for columns in range(min(len(labels), _MOST_COLUMNS) or 1, 0, -1):
        made = axes.legend(
            handles=[handle for handle in handles if handle is not None], labels=labels, loc="lower center",
            bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize=size, ncols=columns, borderaxespad=0.2,
            title=words, title_fontsize=title_size,
        )  # fmt: skip
        middle = (axes.get_window_extent().x0 + axes.get_window_extent().x1) / 2
        if made.get_window_extent().width <= 2 * min(middle - left, right - middle):
            break
    made.set_zorder(5)
    for title in titles:
        title.set_text("")


def _titles(axes: Axes) -> tuple[Text, ...]:
    # The three titles are found through the axes' children: only the middle one has a public name.
    return tuple(
        child
        for child in axes.get_children()
        if isinstance(child, Text) and child.get_transform() == axes.title.get_transform()
    )


def _make_thinner(artist: Artist) -> None:
    if isinstance(artist, Line2D):
        artist.set_linewidth(max(_THINNER * artist.get_linewidth(), _THINNEST))
        artist.set_markersize(max(_THINNER * artist.get_markersize(), 1.0))
        artist.set_markeredgewidth(_THINNER * artist.get_markeredgewidth())
    elif isinstance(artist, Patch):
        artist.set_linewidth(_THINNER * artist.get_linewidth())
    elif isinstance(artist, Collection):
        artist.set_linewidth((_THINNER * np.atleast_1d(artist.get_linewidth())).tolist())


def _cell(axes: Axes) -> tuple[float, float]:
    """Return from where to where on the figure some axes have room: half-way to their neighbours, in dots."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    whole = figure.bbox
    place = axes.get_subplotspec()
    if place is None:  # a colour bar
        return whole.x0, whole.x1
    own = axes.get_window_extent()
    left, right = whole.x0, whole.x1
    for other in figure.axes:
        beside = other.get_subplotspec()
        if beside is None or beside.get_gridspec() is not place.get_gridspec():
            continue
        there = other.get_window_extent()
        if beside.colspan.start >= place.colspan.stop:
            right = min(right, (own.x1 + there.x0) / 2)
        elif beside.colspan.stop <= place.colspan.start:
            left = max(left, (own.x0 + there.x1) / 2)
    room = 0.025 * (right - left)
    return left + room, right - room


def _wrap(text: Text, extent: float, room: float) -> None:
    """Break a text into lines that are not longer than the room for them, in dots."""
    words, broken = _UNBROKEN.get(text, ("", ""))
    if text.get_text() != broken:
        words = broken = text.get_text()
    if not words.strip() or room <= 0 or extent <= 0:
        return
    # What was broken for less room than there is now is put together again.
    longest = max(len(_plain(line)) for line in broken.split("\n"))
    most = max(int(0.97 * longest * room / extent), _FEWEST)
    lines = words.split("\n")
    if (extent <= room and broken == words) or max(len(_plain(line)) for line in lines) <= most:
        text.set_text(words)
        return
    # A number is parted from its unit only where both together are too long for a line.
    lines = [
        " ".join(word.replace("\xa0", " ") if len(_plain(word)) > most else word for word in line.split(" "))
        for line in lines
    ]
    # A break inside a formula would end it.
    broken = "\n".join(_filled(_with_whole_formulas(line), most) for line in lines)
    broken = broken.replace(_IN_MATHS, " ")
    text.set_text(broken)
    _UNBROKEN[text] = (words, broken)


def _filled(line: str, most: int) -> str:
    """Return a line in lines of so many letters, broken behind commas where that is possible."""
    lines: list[str] = []
    for part in line.split(", "):
        if lines and len(_plain(lines[-1] + part)) + 2 <= most:
            lines[-1] += f", {part}"
            continue
        if lines:
            lines[-1] += ","
        lines += textwrap.wrap(part, most, break_long_words=False, break_on_hyphens=False) or [part]
    return "\n".join(lines)


def _with_whole_formulas(line: str) -> str:
    pieces = line.split("$")
    return "$".join(
        piece.replace(" ", _IN_MATHS) if number % 2 else piece for number, piece in enumerate(pieces)
    )


def _plain(line: str) -> str:
    return "".join(letter for letter in line if letter not in "$\\{}^_")


def _narrow(legend: Legend, room: float) -> None:
    width = legend.get_window_extent().width
    texts = legend.get_texts()
    if width <= room or not texts:
        return
    longest = max(text.get_window_extent().width for text in texts)
    # Handles and gaps stay as they are.
    rest = width - longest
    for text in texts:
        _wrap(text, text.get_window_extent().width, max(room - rest, 0.3 * room))
    title = legend.get_title()
    _wrap(title, title.get_window_extent().width, room)


def _part_tick_labels(axis: Axis) -> None:
    """Leave every other label out, or turn names, until none touches its neighbour."""
    figure = axis.get_figure(root=True)
    assert figure is not None
    axis.get_tightbbox()
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    ticks = [
        (float(place), label)
        for place, label in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=False)
        if label.get_text() and label.get_visible() and low - slack <= place <= high + slack
    ]
    if len(ticks) < 2:
        return
    boxes = [label.get_window_extent() for _, label in ticks]
    across = isinstance(axis, XAxis)
    gap = _GAP * figure.dpi / 72 if across else 0.0
    sides = sorted((box.x0, box.x1) if across else (box.y0, box.y1) for box in boxes)
    if all(after[0] - before[1] >= gap for before, after in itertools.pairwise(sides)):
        return
    if across and any(letter.isalpha() for _, label in ticks for letter in _plain_number(label.get_text())):
        axis.set_tick_params(labelrotation=90)
        return
    formatter: Any = axis.get_major_formatter()
    offset = formatter.get_offset()
    kept = ticks[::2] if len(ticks) > 2 else ticks[-1:]
    names = FixedFormatter([label.get_text() for _, label in kept])
    names.set_offset_string(offset)
    axis.set_major_locator(FixedLocator([place for place, _ in kept]))
    axis.set_major_formatter(names)


def _plain_number(text: str) -> str:
    return "" if "$" in text else text.replace("e", "")


def _data_of(axes: Axes) -> Iterator[Artist]:
    yield from axes.lines
    # Shaded stretches that reach over all of the axes are no data.
    yield from (patch for patch in axes.patches if patch.get_transform() == axes.transData)
    yield from axes.collections


def _touches(artist: Artist, box: Bbox) -> bool:
    if isinstance(artist, Line2D):
        if artist.axes is None or artist.get_transform() != artist.axes.transData:
            return False
        path = artist.get_transform().transform_path(artist.get_path())
        if artist.get_linestyle() == "None":
            return bool(_inside(np.asarray(path.vertices), box))
        return bool(path.intersects_bbox(box, filled=False))
    if isinstance(artist, Collection):
        return _touched_by_collection(artist, box)
    if isinstance(artist, Patch):
        path = artist.get_transform().transform_path(artist.get_path())
        return bool(path.intersects_bbox(box, filled=True))
    return False


def _touched_by_collection(artist: Collection, box: Bbox) -> bool:
    """Whether points, error bars or filled stretches of the data reach into a box."""
    axes = artist.axes
    if axes is None:
        return False
    if artist.get_offset_transform() == axes.transData:
        return _inside(axes.transData.transform(np.ma.filled(artist.get_offsets(), np.nan)), box)
    if artist.get_transform() != axes.transData:
        return False
    filled = bool(np.size(artist.get_facecolor()))
    return any(
        bool(axes.transData.transform_path(path).intersects_bbox(box, filled=filled))
        for path in artist.get_paths()
    )


def _inside(points: NDArray[np.float64], box: Bbox) -> bool:
    low, high = np.array([box.x0, box.y0]), np.array([box.x1, box.y1])
    return bool(((points >= low) & (points <= high)).all(axis=1).any())
