"""Panels on a journal's width: so many beside each other as stay readable, the others below them."""

import math
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, GridSpecBase

from napari_tesm.plotting.maps import BAR_OF_ONE_MAP

_NARROWEST: Final = {"image": 3.0, "curves": 2.2, "shared": 1.6}
"""A panel with its labels is at least so many inches wide: with a colour bar, without, and with labels in common."""
_BESIDE: Final = {True: (1.4, 0.9), False: (0.9, 0.6)}
"""Inches of a panel's width that labels take on a screen and in print, with a colour bar and without."""
_ABOVE: Final = (0.65, 0.5)
_LINE: Final = 0.14
_BETWEEN: Final = 0.1
"""Inches that the layout keeps free between two rows."""
_GAP_OF_BAR: Final = 0.06
"""Inches between a map and its colour bar."""
_LOWEST: Final = 0.45
_HIGHEST: Final = 240 / 25.4
"""Inches of a page that a figure may take, its legend excepted: with a caption below it, it fits A4."""
_LEAST_SHRUNK: Final = 0.25
"""To which part of their height images are made smaller, rather than leave the page."""
_LEAST_WITHOUT_LABELS: Final = 1.5
"""Inches of panels that stand closer than is pleasant, rather than on a second page."""
_STEEPEST: Final = 0.75
"""Curves are at most so high for their width."""

_ROUNDS_ON_PAGE: Final = 3
_WORTH_MOVING: Final = 1e-3
_EDGE: Final = 4e-3
"""Of the page, between its edge and what was moved back onto it."""

_SIDES: Final = ("center", "left", "right")
"""Where a panel may have its title."""

Box = tuple[int, int, int, int]


def rearrange(figure: Figure, width: float) -> None:
    """Give a figure a width, its panels in as many columns as that has room for, their proportions kept.

    Parameters
    ----------
    figure : Figure
        Drawn, in constrained layout; empty panels are taken off.
    width : float
        In inches.
    """
    for axes in list(figure.axes):
        if axes.get_subplotspec() is not None and _is_empty(axes):
            axes.remove()
    panels = [axes for axes in figure.axes if axes.get_subplotspec() is not None]
    grids = {id(grid): grid for axes in panels if (grid := _grid_of(axes)) is not None}
    old_width, old_height = figure.get_size_inches()
    if len(grids) != 1:
        figure.set_size_inches(width, old_height * width / old_width)
        return
    grid = next(iter(grids.values()))
    boxes = {axes: _box(axes) for axes in panels}
    used = sorted({column for axes in panels for column in range(*boxes[axes][2:])})
    columns = _columns(len(used), width / _NARROWEST[_kind(panels, boxes)])
    while True:
        placed, rows = _places(boxes, grid.nrows, grid.ncols, columns, used)
        heights = _row_heights(
            grid, float(old_height), float(old_width), panels, placed, rows, width / columns
        )
        labels = sum(_room_for_labels(placed, row) for row in range(len(rows)))
        crowded = columns >= len(used) or width / (columns + 1) < _LEAST_WITHOUT_LABELS
        if crowded or sum(heights) + labels <= _HIGHEST or any(_own_bars(axes) for axes in panels):
            break
        columns += 1
    # Higher than needed, so that legends and titles of any size leave the axes some room: `tighten` takes the rest off.
    figure.set_size_inches(width, 2.0 * (sum(heights) + labels))
    ratios = _ratios(grid.get_width_ratios(), columns) if columns == grid.ncols else None
    new = GridSpec(len(rows), columns, figure=figure, height_ratios=heights, width_ratios=ratios)
    for axes, (top, bottom, left, right) in placed.items():
        axes.set_subplotspec(new[top:bottom, left:right])
        _take_colour_bars_along(axes)
    _label_first_columns(boxes, placed)
    _label_last_rows(placed)


def tighten(figure: Figure) -> None:
    """Give rows of images the height that goes with their width, so that no colour bar is taller; after the layout."""
    panels = [axes for axes in figure.axes if axes.get_subplotspec() is not None]
    grids = {id(grid): grid for axes in panels if (grid := _grid_of(axes)) is not None}
    if len(grids) != 1:
        return
    grid = next(iter(grids.values()))
    width = float(figure.get_size_inches()[0])
    # As `rearrange` gave them, in inches.
    wanted = _ratios(grid.get_height_ratios(), grid.nrows)
    heights, labels = [], 0.0
    for row in range(grid.nrows):
        here = [axes for axes in panels if _box(axes)[0] == row]
        needed = [
            width * axes.get_position(original=True).width * _proportion(axes) for axes in here if axes.images
        ]
        heights.append(max(*needed, _LOWEST) if needed else wanted[row])
        # Labels of an image that does not fill its place lie inside of that, where the layout has no need of room.
        labels += max((_labels_above_and_below(axes) for axes in here), default=0.0) + _BETWEEN
    # What is too high for a page has narrower images.
    heights = [
        height * min(1.0, max(_HIGHEST - labels, _LEAST_SHRUNK * sum(heights)) / sum(heights))
        for height in heights
    ]
    # In constrained layout ratios are those of the axes, without their labels.
    grid.set_height_ratios(heights)
    figure.set_size_inches(width, sum(heights) + labels + _legends_above(figure))


def align_colour_bars(figure: Figure) -> None:
    """Give colour bars of single maps the height of their map, and put them beside it; after the last layout."""
    for axes in figure.axes:
        for bar in _own_bars(axes):
            axes.apply_aspect()
            bar.ax.apply_aspect()
            place, thick = axes.get_position(), bar.ax.get_position().width
            bar.ax.set_box_aspect(None)
            gap = _GAP_OF_BAR / float(figure.get_size_inches()[0])
            bar.ax.set_position((place.x1 + gap, place.y0, thick, place.height))


def keep_on_page(figure: Figure) -> None:
    """Move what juts out of the page back onto it, all panels together; after the last layout.

    A layout knows how far labels jut out of panels as they were before it: where an image is as high as its row allows,
    and no longer as wide as its place, that is less than they do afterwards.
    """
    for _ in range(_ROUNDS_ON_PAGE):
        boxes = [
            box for axes in figure.axes if axes.get_visible() and (box := axes.get_tightbbox()) is not None
        ]
        whole = figure.bbox
        if not boxes:
            return
        out = [
            max(whole.x0 - min(box.x0 for box in boxes), 0) / whole.width,
            max(max(box.x1 for box in boxes) - whole.x1, 0) / whole.width,
            max(whole.y0 - min(box.y0 for box in boxes), 0) / whole.height,
            max(max(box.y1 for box in boxes) - whole.y1, 0) / whole.height,
        ]
        if max(out) < _WORTH_MOVING:
            return
        left, right, below, above = (part + _EDGE if part else 0.0 for part in out)
        for axes in figure.axes:
            place = axes.get_position(original=True)
            axes.set_position((
                left + place.x0 * (1 - left - right), below + place.y0 * (1 - below - above),
                place.width * (1 - left - right), place.height * (1 - below - above),
            ))  # fmt: skip


def _own_bars(axes: Axes) -> list[Colorbar]:
    """Return the upright colour bars that belong to these axes alone."""
    bars = [image.colorbar for image in axes.images if image.colorbar is not None]
    return [bar for bar in bars if bar.ax.get_label() == BAR_OF_ONE_MAP and bar.orientation == "vertical"]


def _take_colour_bars_along(axes: Axes) -> None:
    """Put colour bars beside axes that came to another place: the layout takes one far off for a part of its map."""
    place = axes.get_position(original=True)
    for bar in _own_bars(axes):
        before = bar.ax.get_position(original=True)
        bar.ax.set_position((before.x0, place.y0, before.width, place.height))
        bar.ax.set_in_layout(True)  # what is put somewhere by hand is left out of it


def _labels_above_and_below(axes: Axes) -> float:
    """Return how much higher some axes are with their labels, in inches."""
    figure = axes.get_figure(root=True)
    whole = axes.get_tightbbox(for_layout_only=True)
    assert figure is not None
    return 0.0 if whole is None else float(whole.height - axes.get_window_extent().height) / figure.dpi


def _legends_above(figure: Figure) -> float:
    """Return the height of legends that belong to all panels, in inches."""
    return sum(float(legend.get_window_extent().height) / figure.dpi + _BETWEEN for legend in figure.legends)


def _ratios(given: Any, count: int) -> list[float]:
    return [1.0] * count if given is None else [float(ratio) for ratio in given]


def _is_empty(axes: Axes) -> bool:
    return not axes.axison and not (
        axes.texts or axes.lines or axes.images or axes.patches or axes.collections
    )


def _grid_of(axes: Axes) -> GridSpecBase | None:
    place = axes.get_subplotspec()
    return None if place is None else place.get_gridspec()


def _box(axes: Axes) -> Box:
    place = axes.get_subplotspec()
    assert place is not None
    return place.rowspan.start, place.rowspan.stop, place.colspan.start, place.colspan.stop


def _room_for_labels(placed: dict[Axes, Box], row: int) -> float:
    """Return the inches that labels take of a row: titles of several lines will have more when they are broken."""
    lines = [axes.get_title().count("\n") for axes, box in placed.items() if box[0] == row]
    return _ABOVE[1] + 2 * _LINE * max(lines, default=0)


def _kind(panels: list[Axes], boxes: dict[Axes, Box]) -> str:
    if any(axes.images for axes in panels):
        return "image"
    leaders = {box[0]: axes for axes, box in boxes.items() if box[2] == 0}
    shared = all(
        (leader := leaders.get(boxes[axes][0])) is not None and axes.get_shared_y_axes().joined(axes, leader)
        for axes in panels
    )
    return "shared" if shared else "curves"


def _columns(count: int, room: float) -> int:
    """Return in how many columns panels stand that there is room for so many of, in rows as full as can be."""
    most = max(1, int(room))
    return math.ceil(count / math.ceil(count / most))


def _places(
    boxes: dict[Axes, Box], nrows: int, ncols: int, columns: int, used: list[int]
) -> tuple[dict[Axes, Box], list[int]]:
    """Return where panels stand in the new grid, and the old row that each new one comes from."""
    spanning = any(box[3] - box[2] > 1 for box in boxes.values())
    number = {column: place for place, column in enumerate(used)}
    placed: dict[Axes, Box] = {}
    if not spanning and all(any(axes.get_title(loc) for loc in _SIDES) for axes in boxes):
        # Each panel is whole by itself: they go on as words do.
        in_order = sorted(boxes, key=lambda axes: (boxes[axes][0], boxes[axes][2]))
        for place, axes in enumerate(in_order):
            row, column = divmod(place, columns)
            placed[axes] = (row, row + 1, column, column + 1)
    elif not spanning:
        # What stands below one another, a trace and its residuals, stays together.
        for axes, (top, _, left, _) in boxes.items():
            block, column = divmod(number[left], columns)
            placed[axes] = (block * nrows + top, block * nrows + top + 1, column, column + 1)
    else:
        first = 0
        for row in range(nrows):
            here = {axes: box for axes, box in boxes.items() if box[0] == row}
            deep = 1
            for axes, (_, _, left, right) in here.items():
                if right - left == ncols:
                    placed[axes] = (first, first + 1, 0, columns)
                    continue
                block, column = divmod(left, columns)
                placed[axes] = (first + block, first + block + 1, column, min(column + right - left, columns))
                deep = max(deep, block + 1)
            first += deep
    taken = sorted({box[0] for box in placed.values()})
    order = {row: place for place, row in enumerate(taken)}
    placed = {
        axes: (order[top], order[top] + 1, left, right) for axes, (top, _, left, right) in placed.items()
    }
    origin = {box[0]: boxes[axes][0] for axes, box in placed.items()}
    return placed, [origin[row] for row in range(len(taken))]


def _row_heights(
    grid: GridSpecBase,
    height: float,
    width: float,
    panels: list[Axes],
    placed: dict[Axes, Box],
    rows: list[int],
    cell: float,
) -> list[float]:
    """Return the heights of the new rows in inches, labels left out: what is inside them keeps its proportions."""
    given = np.array(_ratios(grid.get_height_ratios(), grid.nrows))
    old = height * given / given.sum()
    heights = []
    for row, origin in enumerate(rows):
        here = [axes for axes in panels if placed[axes][0] == row]
        images = [axes for axes in here if axes.images]
        beside = _BESIDE[bool(images)]
        inner_width = cell - beside[1]
        inner = max(old[origin] - _ABOVE[0], 0.3 * old[origin]) * inner_width
        inner /= max(width / grid.ncols - beside[0], 0.4)
        if images:
            inner = max(inner_width * _proportion(axes) for axes in images)
        else:
            inner = min(inner, _STEEPEST * inner_width)
        heights.append(float(max(inner, _LOWEST)))
    return heights


def _proportion(axes: Axes) -> float:
    """Return height over width of an image on its axes, within what fits on a page."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    if axes.get_aspect() == "auto":
        return _STEEPEST
    return float(np.clip(abs(top - bottom) / max(abs(right - left), 1e-300), 0.1, 2.5))


def _label_first_columns(boxes: dict[Axes, Box], placed: dict[Axes, Box]) -> None:
    """Give panels that came to stand first in their row the labels of the scale they share."""
    leaders = {box[0]: axes for axes, box in boxes.items() if box[2] == 0}
    for axes, (_, _, left, _) in placed.items():
        leader = leaders.get(boxes[axes][0])
        if left or leader is None or leader is axes or axes.yaxis.get_ticks_position() == "right":
            continue
        if axes.get_shared_y_axes().joined(axes, leader):
            axes.tick_params(axis="y", labelleft=True)
            axes.set_ylabel(axes.get_ylabel() or leader.get_ylabel())
    first = {box[0]: axes for axes, box in placed.items() if box[2] == 0}
    for axes, (top, _, left, _) in placed.items():
        before = first.get(top)
        if left and before is not None and axes.get_shared_y_axes().joined(axes, before):
            axes.tick_params(axis="y", labelleft=False)
            axes.set_ylabel("")


def _label_last_rows(placed: dict[Axes, Box]) -> None:
    """Have the scale that panels share along x named below the last one of each column alone."""
    for axes, (_, bottom, left, right) in placed.items():
        alike = [other for other in placed if other.get_shared_x_axes().joined(axes, other)]
        labelled = [other.get_xlabel() for other in alike if other.get_xlabel()]
        if len(alike) < 2 or not labelled:
            continue
        is_last = not any(
            placed[other][0] >= bottom and placed[other][2] < right and placed[other][3] > left
            for other in alike
        )
        axes.tick_params(axis="x", labelbottom=is_last)
        axes.xaxis.label.set_visible(is_last)
        if is_last:
            axes.set_xlabel(labelled[0])
