"""Sampling: values of a map along a drawn line, averaged over its width."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.statistics.description import finite_mean_and_std

Array = NDArray[np.float64]

_MOST_SAMPLES: Final = 2**24
"""Values along and across a line; one across the whole of an image of 2000 × 2000 pixels takes fewer."""


@dataclass(frozen=True)
class Profile:
    """Values along a line.

    Parameters
    ----------
    position : ndarray
        Along the line from its start, in m.
    mean, std : ndarray
        Over the line's width; NaN outside the image and where the map has no value.
    n : ndarray of int
        Samples across the width that had a value.
    sample_width : float
        Distance over which each value is smeared by the map's pixels, along the line, in m.
    """

    position: Array
    mean: Array
    std: Array
    n: NDArray[np.int64]
    sample_width: float


@dataclass(frozen=True)
class LineMeasure:
    """How long a line is and where it goes.

    Parameters
    ----------
    length : float
        Along all its parts, in the unit of its vertices.
    angle : float
        Of the way from its first to its last vertex to the horizontal, in degrees from -180 to 180: counterclockwise as
        the image is seen, with its first row at the top.
    rise : float
        Of the heights along it, from the first to the last that has a value, in their unit; NaN without heights.
    """

    length: float
    angle: float
    rise: float


def measure_of_line(xy: ArrayLike, heights: ArrayLike = ()) -> LineMeasure:
    """Return length, angle and rise of a line.

    Parameters
    ----------
    xy : array-like, shape (vertex, 2)
        The line, x to the right before y downward.
    heights : array-like, shape (position,), optional
        Along it.

    Examples
    --------
    >>> measure_of_line([[0, 4], [3, 0]], [1.0, 2.0, 1.5])
    LineMeasure(length=5.0, angle=53.13010235415598, rise=0.5)
    """
    vertices = np.asarray(xy, dtype=np.float64)
    across, down = vertices[-1] - vertices[0]
    known = np.asarray(heights, dtype=np.float64)
    known = known[np.isfinite(known)]
    return LineMeasure(
        float(np.hypot(*np.diff(vertices, axis=0).T).sum()),
        float(np.degrees(np.arctan2(0.0 - down, across))),  # no minus before a zero
        float(known[-1] - known[0]) if known.size else float("nan"),
    )


def profile_along(
    values: ArrayLike,
    xy: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    width: float = 0.0,
    step: float | None = None,
    spacing: tuple[float, float] | None = None,
) -> Profile:
    """Return the profile of a map along a line or path, averaged over a width perpendicular to it.

    Values between pixel centres are interpolated linearly; where a pixel without a value takes part with more than half
    the weight there is none.

    Parameters
    ----------
    values : array-like, shape (y, x)
    xy : array-like, shape (vertex, 2)
        The line, x before y, in m.
    x, y : array-like
        Pixel centres, in m.
    width : float
        In m; 0 takes the line alone.
    step : float, optional
        Distance of the samples, in m; half a pixel by default.
    spacing : (float, float), optional
        Pixel size (dy, dx); needed where there is a single row or column.

    Raises
    ------
    ValueError
        If the line has no length, or is so long or wide that it can only have been meant for a larger image.
    """
    image, vertices = np.asarray(values, dtype=np.float64), np.asarray(xy, dtype=np.float64)
    columns, rows = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    dy, dx = (axis_spacing(rows), axis_spacing(columns)) if spacing is None else spacing
    lengths = np.hypot(*np.diff(vertices, axis=0).T)
    total = float(lengths.sum())
    if not total > 0:
        raise ValueError("the line has no length: draw it from one side of the step to the other")
    pixel = min(dx, dy)
    spaced = pixel / 2 if step is None else step
    across = max(1, int(np.ceil(width / (pixel / 2))))
    if total / spaced * across > _MOST_SAMPLES:
        raise ValueError("the line is far longer or wider than the image: draw it on the image")
    position = np.arange(0.0, total * (1 + 1e-12), spaced)
    places, normals = _places_on_path(vertices, lengths, position)
    # The middle of each of `across` strips of equal width; a single one lies on the line.
    offsets = ((np.arange(across) + 0.5) / across - 0.5) * width
    sampled = places[:, None, :] + offsets[None, :, None] * normals[:, None, :]
    rows_there, columns_there = (sampled[..., 1] - rows[0]) / dy, (sampled[..., 0] - columns[0]) / dx
    mean, std, n = finite_mean_and_std(_interpolated(image, rows_there, columns_there), axis=1)
    direction = np.abs(np.diff(vertices[[0, -1]], axis=0)[0])
    direction = direction / (np.hypot(*direction) or 1.0)
    # A square pixel and the linear interpolation between two have together the variance of a quarter of a pixel².
    smear = float(np.hypot(direction[0] * dx, direction[1] * dy))
    return Profile(position, mean, std, n, smear)


def _places_on_path(vertices: Array, lengths: Array, position: Array) -> tuple[Array, Array]:
    """Return places and unit normals at distances along a path."""
    ends = np.concatenate([[0.0], np.cumsum(lengths)])
    piece = np.clip(np.searchsorted(ends, position, side="right") - 1, 0, lengths.size - 1)
    while (lengths[piece] == 0).any():
        piece = np.where(lengths[piece] == 0, np.maximum(piece - 1, 0), piece)
    units = np.array([(b - a) / (np.hypot(*(b - a)) or 1.0) for a, b in pairwise(vertices)])
    places = vertices[piece] + (position - ends[piece])[:, None] * units[piece]
    return places, np.column_stack([-units[piece, 1], units[piece, 0]])


def _interpolated(image: Array, row: Array, column: Array) -> Array:
    """Return bilinear values at fractional pixels; half a pixel beyond the outer centres still belongs to the image."""
    height, width = image.shape
    slack = 1e-9
    outside = (row < -0.5 - slack) | (row > height - 0.5 + slack)
    outside |= (column < -0.5 - slack) | (column > width - 0.5 + slack)
    r, c = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
    r0 = np.minimum(np.floor(r).astype(np.int64), max(height - 2, 0))
    c0 = np.minimum(np.floor(c).astype(np.int64), max(width - 2, 0))
    fr, fc = r - r0, c - c0
    total, weight = np.zeros(row.shape), np.zeros(row.shape)
    for down in (0, 1):
        for right in (0, 1):
            part = (fr if down else 1 - fr) * (fc if right else 1 - fc)
            value = image[np.minimum(r0 + down, height - 1), np.minimum(c0 + right, width - 1)]
            good = np.isfinite(value)
            total += np.where(good, part * np.where(good, value, 0.0), 0.0)
            weight += np.where(good, part, 0.0)
    valid = (weight >= 0.5) & ~outside
    return np.where(valid, total / np.where(valid, weight, 1.0), np.nan)
