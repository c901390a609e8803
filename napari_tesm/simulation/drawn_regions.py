"""Regions on a drawn surface: its two steps, lines across them, and the grains beside them."""

import numpy as np
from numpy.typing import NDArray

from napari_tesm.regions.shapes import Region
from napari_tesm.simulation.scene import (
    PIXEL_SIZE,
    SECOND_STEP_DISTANCE,
    SECOND_STEP_WIDTH,
    STEP_ANGLE,
    STEP_WIDTH,
    distance_from_step,
)

Array = NDArray[np.float64]

_ACROSS, _ALONG = 84e-9, 90e-9
"""Length of a line across a step, and along how much of the step it is averaged, in m."""


def regions_of_steps(width: int, height: int) -> tuple[Region, ...]:
    """Return both steps, lines across them, and three grains of a surface of `width` × `height` pixels."""
    second = SECOND_STEP_DISTANCE
    size = (width, height)
    return (
        _line_along("step of 12 nm", 0.0, STEP_WIDTH, size),
        _line_along("step of 35 nm", second, SECOND_STEP_WIDTH, size),
        _line_across("across the step of 12 nm", 0.0, size),
        _line_across("across the step of 35 nm", second, size),
        _strip("grain beside the step", -60e-9, -15e-9, size),
        _strip("grain between the steps", 20e-9, second - 35e-9, size),
        _strip("grain beyond the steps", second + 35e-9, np.inf, size),
    )


def _strip(name: str, low: float, high: float, size: tuple[int, int]) -> Region:
    """Return what lies between two distances from the first step, in m, as a grain."""
    corners = _frame(size)
    for sign, limit in ((1.0, low), (-1.0, high)):
        if np.isfinite(limit):
            corners = _cut(corners, sign * (_distance(corners, size) - limit))
    return Region.from_xy("polygon", corners, name=name, region_class="grain")


def _line_along(name: str, distance: float, width: float, size: tuple[int, int]) -> Region:
    """Return the line at a distance from the first step, from one border of the frame to the other."""
    corners = _cut(_frame(size), _distance(_frame(size), size) - distance)
    ends = corners[np.argsort(np.abs(_distance(corners, size) - distance), kind="stable")[:2]]
    # Those who walk along it have the distances that grow at their right.
    along = np.array([np.cos(STEP_ANGLE), -np.sin(STEP_ANGLE)])
    return Region.from_xy("line", ends[np.argsort(ends @ along)], name=name, region_class="step", width=width)


def _line_across(name: str, distance: float, size: tuple[int, int]) -> Region:
    """Return a line across a step in the middle of its part in the frame."""
    middle = _line_along("", distance, 0.0, size).xy().mean(axis=0)
    normal = np.array([np.sin(STEP_ANGLE), np.cos(STEP_ANGLE)])
    ends = np.stack([middle - _ACROSS / 2 * normal, middle + _ACROSS / 2 * normal])
    return Region.from_xy("line", ends, name=name, width=_ALONG)


def _frame(size: tuple[int, int]) -> Array:
    width, height = (PIXEL_SIZE * count for count in size)
    return np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]])


def _distance(places: Array, size: tuple[int, int]) -> Array:
    return distance_from_step(places[:, 0], places[:, 1], *size)


def _cut(corners: Array, side: Array) -> Array:
    """Return the part of a convex polygon, shape (vertex, 2), where a linear function given at its corners is ≥ 0."""
    kept = []
    for a, b, f, g in zip(corners, np.roll(corners, -1, axis=0), side, np.roll(side, -1), strict=True):
        if f >= 0:
            kept.append(a)
        if f * g < 0:
            kept.append(a + (b - a) * (f / (f - g)))
    return np.array(kept)
