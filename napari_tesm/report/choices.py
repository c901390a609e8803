"""What a report picks by itself where nobody drew or pinned anything: steps, and points on them and beside them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.plotting.theme import colour_of_point
from napari_tesm.regions.shapes import PinnedPoint, Region, distance_from_path, mask_from_region
from napari_tesm.regions.step_proposals import steps_from_images
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.series import Alignment

Array = NDArray[np.float64]

_OF_A_GROUP: Final = 3
_SIZE: Final = 3
"""Pixels across that the curve of a point is the mean of."""
_APART: Final = 1 / 8
"""Least distance of two chosen points, as a part of the image's diagonal."""


def choose_examples(scan: ReportScan) -> None:
    """Put steps and points into a scan that has none, and mark them as such."""
    if scan.is_empty:
        return
    if not scan.regions:
        scan.regions = proposed_steps(scan)
        scan.regions_proposed = bool(scan.regions)
    if not scan.points and scan.dataset is not None:
        on_step, beside = chosen_pixels(scan)
        pixels = [*on_step, *beside]
        scan.points = [
            PinnedPoint(n, float(scan.x[column]), float(scan.y[row]), _SIZE, colour_of_point(n))
            for n, (row, column) in enumerate(pixels, start=1)
        ]
        scan.points_chosen = bool(pixels)
        scan.points_on_step = tuple(range(1, len(on_step) + 1))


def choose_marks(data: ReportData) -> None:
    """Put steps and points into all scans that have none: in a series those of the main scan, moved by the drift."""
    choose_examples(data.main)
    for aligned in data.aligned:
        members = aligned.series.members
        if members[aligned.reference].source != data.main.name:
            continue
        for member, alignment in zip(members, aligned.alignments, strict=True):
            scan = data.scan_named(member.source)
            if scan is not None and scan is not data.main and alignment.shift is not None:
                _lend_marks(data.main, scan, alignment)
    for scan in (*data.scans, *data.controls):
        choose_examples(scan)


def _lend_marks(main: ReportScan, scan: ReportScan, alignment: Alignment) -> None:
    if scan.lateral_unit != main.lateral_unit:
        return
    down, right = alignment.length
    if not scan.regions and main.regions:
        scan.regions = [region.moved(-right, -down) for region in main.regions]
        scan.regions_proposed, scan.regions_of = main.regions_proposed, main.name
    if not scan.points:
        scan.points = points_elsewhere(main.points, scan, alignment)
        scan.points_chosen, scan.points_on_step = main.points_chosen, main.points_on_step


def points_elsewhere(
    points: Sequence[PinnedPoint], scan: ReportScan, alignment: Alignment
) -> list[PinnedPoint]:
    """Return points of the reference of a series where they lie in one of its scans; those beside it are left out."""
    down, right = alignment.length
    moved = [replace(point, x=point.x - right, y=point.y - down) for point in points]
    return [point for point in moved if scan.covers(point.x, point.y)]


def with_points_on_step(scan: ReportScan, points: list[PinnedPoint]) -> tuple[list[PinnedPoint], list[int]]:
    """Return points and, where they were pinned and none of them lies on a step, more on the most prominent one.

    Returns
    -------
    points : list of PinnedPoint
        The given ones first; the others carry on their numbers.
    chosen : list of int
        Numbers of those that were chosen.
    """
    steps = scan.steps
    if scan.points_chosen or not steps or not points:
        return points, []
    inside = np.logical_or.reduce(
        [mask_from_region(step, scan.x, scan.y, spacing=scan.spacing) for step in steps]
    )
    if any(inside[scan.pixel_at(point.x, point.y)] for point in points):
        return points, []
    on_step, _ = chosen_pixels(scan)
    first = max(point.number for point in points) + 1
    more = [
        PinnedPoint(n, float(scan.x[column]), float(scan.y[row]), _SIZE, colour_of_point(n))
        for n, (row, column) in enumerate(on_step, start=first)
    ]
    return [*points, *more], [point.number for point in more]


def proposed_steps(scan: ReportScan) -> list[Region]:
    """Return the steps that stand out in topography and deflection error; none where both are missing."""
    topography, error = scan.surface("topography"), scan.surface("deflection_error")
    images = [
        None if image is None else np.asarray(image.values, dtype=np.float64) for image in (topography, error)
    ]
    if all(image is None for image in images):
        return []
    return steps_from_images(*images, x=scan.x, y=scan.y, spacing=scan.spacing)


def chosen_pixels(scan: ReportScan) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return pixels (row, column) on the most prominent step and away from it.

    Without a step they are those that moved most, and those that moved as much as the middle one.
    """
    steps = scan.steps
    if steps:
        return _pixels_on_and_beside(scan, steps)
    height = next((h for pulse in range(scan.pulses) if (h := scan.map("H", pulse)) is not None), None)
    if height is None or not np.isfinite(height).any():
        middle = (scan.y.size // 2, scan.x.size // 2)
        return [], [middle]
    size = np.where(np.isfinite(height), _median_of_neighbours(np.abs(height)), np.nan)
    typical = float(np.nanmedian(size))
    strong = _apart(-size, [], _OF_A_GROUP)
    return strong, _apart(np.abs(size - typical), strong, _OF_A_GROUP)


def _pixels_on_and_beside(
    scan: ReportScan, steps: list[Region]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    first = steps[0]
    inside = np.logical_or.reduce(
        [mask_from_region(step, scan.x, scan.y, spacing=scan.spacing) for step in steps]
    )
    valid = _valid_pixels(scan)
    distance, along = distance_from_path(_line_of(first), scan.x, scan.y)
    on_step = []
    for part in (0.25, 0.5, 0.75):
        target = part * float(along.max())
        on_step.append(_smallest(np.where(valid, np.hypot(distance, along - target), np.inf)))
    # Away from the middle of the step, to the side where there is more room.
    near_middle = np.abs(along - 0.5 * float(along.max())) <= 0.15 * max(float(along.max()), scan.spacing[1])
    free = near_middle & ~inside
    side = 1.0 if (distance[free].max(initial=0.0) >= -distance[free].min(initial=0.0)) else -1.0
    room = float((side * distance[free]).max(initial=0.0))
    beside: list[tuple[int, int]] = []
    for part in (0.3, 0.6, 0.9):
        cost = np.hypot(side * distance - part * room, along - 0.5 * float(along.max()))
        pixel = _smallest(np.where(valid & ~inside, cost, np.inf))
        if valid[pixel] and not inside[pixel] and pixel not in beside:
            beside.append(pixel)
    return list(dict.fromkeys(on_step)), beside


def _valid_pixels(scan: ReportScan) -> NDArray[np.bool_]:
    """Return the pixels that have an H in every pulse setting, neither dead nor hot; all where that leaves none."""
    heights = [height for pulse in range(scan.pulses) if (height := scan.map("H", pulse)) is not None]
    valid = (
        np.isfinite(heights).all(axis=0) if heights else np.ones((scan.y.size, scan.x.size), dtype=np.bool_)
    )
    return np.asarray(valid if valid.any() else np.ones_like(valid))


def _line_of(step: Region) -> Array:
    """Return the line along a step; of an area, that between the middles of its shorter sides."""
    vertices = step.xy()
    if step.is_line:
        return vertices
    centre = vertices.mean(axis=0)
    _, _, axes = np.linalg.svd(vertices - centre)
    along = (vertices - centre) @ axes[0]
    return np.array([centre + along.min() * axes[0], centre + along.max() * axes[0]])


def _median_of_neighbours(image: Array) -> Array:
    """Return the median of each 3×3 block: one hot pixel is no place worth showing."""
    padded = np.pad(image, 1, mode="edge")
    blocks = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(*image.shape, 9)
    has_value = np.isfinite(blocks).any(axis=-1)
    medians = np.full(image.shape, np.nan)
    medians[has_value] = np.nanmedian(blocks[has_value], axis=-1)
    return medians


def _apart(cost: Array, taken: list[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    """Return the cheapest pixels that keep a distance from each other and from those taken."""
    left = np.where(np.isfinite(cost), cost, np.inf)
    rows, columns = np.indices(cost.shape)
    least = _APART * float(np.hypot(*cost.shape))

    def keep_off(pixel: tuple[int, int]) -> None:
        left[np.hypot(rows - pixel[0], columns - pixel[1]) < least] = np.inf

    for pixel in taken:
        keep_off(pixel)
    chosen: list[tuple[int, int]] = []
    while len(chosen) < count and np.isfinite(left).any():
        chosen.append(_smallest(left))
        keep_off(chosen[-1])
    return chosen


def _smallest(cost: Array) -> tuple[int, int]:
    row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
    return int(row), int(column)
