"""Profiles across steps: values along a drawn line, averaged over its width, and the width of the step in them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Kind = Literal["ridge", "edge"]

_FEWEST_POINTS = 7


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
        If the line has no length.
    """
    image, vertices = np.asarray(values, dtype=np.float64), np.asarray(xy, dtype=np.float64)
    columns, rows = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    dy, dx = (_spacing(rows), _spacing(columns)) if spacing is None else spacing
    lengths = np.hypot(*np.diff(vertices, axis=0).T)
    total = float(lengths.sum())
    if not total > 0:
        raise ValueError("the line has no length: draw it from one side of the step to the other")
    pixel = min(dx, dy)
    spaced = pixel / 2 if step is None else step
    position = np.arange(0.0, total * (1 + 1e-12), spaced)
    places, normals = _places_on_path(vertices, lengths, position)
    across = max(1, int(np.ceil(width / (pixel / 2))))
    # The middle of each of `across` strips of equal width; a single one lies on the line.
    offsets = ((np.arange(across) + 0.5) / across - 0.5) * width
    sampled = places[:, None, :] + offsets[None, :, None] * normals[:, None, :]
    found = _interpolated(image, (sampled[..., 1] - rows[0]) / dy, (sampled[..., 0] - columns[0]) / dx)
    good = np.isfinite(found)
    n = good.sum(axis=1)
    filled = np.where(good, found, 0.0)
    mean = np.divide(filled.sum(axis=1), n, out=np.full(n.shape, np.nan), where=n > 0)
    squares = np.where(good, (found - np.where(n > 0, mean, 0.0)[:, None]) ** 2, 0.0).sum(axis=1)
    std = np.sqrt(np.divide(squares, n - 1, out=np.full(n.shape, np.nan), where=n > 1))
    direction = np.abs(np.diff(vertices[[0, -1]], axis=0)[0])
    direction = direction / (np.hypot(*direction) or 1.0)
    # A square pixel and the linear interpolation between two have together the variance of a quarter of a pixel².
    smear = float(np.hypot(direction[0] * dx, direction[1] * dy))
    return Profile(position, mean, std, n.astype(np.int64), smear)


def profiles_along(
    images: Mapping[str, ArrayLike], xy: ArrayLike, x: ArrayLike, y: ArrayLike, *, width: float = 0.0,
    step: float | None = None,
) -> dict[str, Profile]:  # fmt: skip
    """Return the profiles of several maps of one grid along the same line."""
    return {name: profile_along(values, xy, x, y, width=width, step=step) for name, values in images.items()}


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


@dataclass(frozen=True)
class StepWidth:
    """Width of the feature in a profile.

    Parameters
    ----------
    kind : {"ridge", "edge"}
        A raised or lowered strip, or a terrace edge.
    fwhm, error : float
        Full width at half maximum of the strip, or of the slope of the edge, in m, the map's own pixels taken off; and
        its standard error.
    centre : float
        Position along the line, in m.
    height : float
        Of strip or edge, signed, in the unit of the map.
    baseline : float
        Value beside the strip; before the edge.
    """

    kind: Kind
    fwhm: float
    error: float
    centre: float
    height: float
    baseline: float

    @property
    def left(self) -> float:
        """Position of the half height before the centre, in m."""
        return self.centre - self.fwhm / 2

    @property
    def right(self) -> float:
        """Position of the half height after the centre, in m."""
        return self.centre + self.fwhm / 2


def width_from_profile(profile: Profile, *, kind: Kind | Literal["auto"] = "auto") -> StepWidth | None:
    """Return the width of the step that a profile crosses, or None where there is none above the noise.

    A strip is described as a box blurred by a Gaussian on a sloping baseline, an edge as the running sum of the same.
    Both shapes know that every value is smeared over a pixel and by the interpolation between two, so that the width is
    that of the surface as the tip saw it, not of the sampling. Least squares, from several starts; of two kinds the one
    that leaves less is taken.

    Parameters
    ----------
    kind : {"auto", "ridge", "edge"}
    """
    good = np.isfinite(profile.mean)
    position, values = profile.position[good], profile.mean[good]
    if position.size < _FEWEST_POINTS or np.ptp(values) <= 1e-9 * np.abs(values).max():
        return None
    kinds: tuple[Kind, ...] = ("ridge", "edge") if kind == "auto" else (kind,)
    found = [_fitted(position, values, profile.sample_width, one) for one in kinds]
    fits = [fit for fit in found if fit is not None]
    return min(fits, key=lambda fit: fit[1])[0] if fits else None


def _fitted(position: Array, values: Array, pixel: float, kind: Kind) -> tuple[StepWidth, float] | None:
    from scipy.optimize import least_squares

    length, scale = float(np.ptp(position)), float(np.ptp(values))
    spacing = length / (position.size - 1)
    sampling = pixel / np.sqrt(4.0)
    centred = (position - position[0]) / length
    data = values / scale
    shape = _ridge if kind == "ridge" else _edge

    def residuals(p: Array) -> Array:
        return _least_squares(
            shape(centred, p[0], np.exp(p[1]), np.exp(p[2]), sampling / length), centred, data
        )[1]

    low, high = np.log(0.5 * spacing / length), np.log(0.7)
    # A coarse look finds the hills, least squares climbs the two highest: this runs while a line is dragged.
    starts = [
        np.array([place, size, size - 1.2])
        for place in np.linspace(0.04, 0.96, 16)
        for size in np.linspace(low + 0.1, high - 0.1, 7)
    ]
    costs = [float((residuals(start) ** 2).sum()) for start in starts]
    bounds = ([0.0, low, low - 3], [1.0, high, high - 0.5])
    fits = [
        least_squares(residuals, starts[index], bounds=bounds, x_scale=[0.05, 0.5, 0.5])
        for index in np.argsort(costs)[:2]
    ]
    best = min(fits, key=lambda fit: float(fit.cost))
    return _described(best, centred, data, length, scale, float(position[0]), sampling, kind, shape)


def _least_squares(curve: Array, centred: Array, data: Array) -> tuple[Array, Array]:
    """Return height, baseline and slope, which are linear, and what they leave."""
    basis = np.column_stack([curve, np.ones_like(centred), centred - 0.5])
    solution, *_ = np.linalg.lstsq(basis, data, rcond=None)
    return np.asarray(solution, dtype=np.float64), np.asarray(basis @ solution - data)


def _described(
    fit: Any, centred: Array, data: Array, length: float, scale: float, origin: float, sampling: float,
    kind: Kind, shape: Callable[..., Array],
) -> tuple[StepWidth, float] | None:  # fmt: skip
    p, jacobian = fit.x, fit.jac
    curve = shape(centred, p[0], np.exp(p[1]), np.exp(p[2]), sampling / length)
    solution, left = _least_squares(curve, centred, data)
    # Neighbouring samples share pixels: about one sample in two is new.
    degrees = max(data.size / 2 - 6, 1.0)
    noise = float((left**2).sum()) * 0.5 / degrees
    flat = np.column_stack([np.ones_like(centred), centred - 0.5])
    flat_solution, *_ = np.linalg.lstsq(flat, data, rcond=None)
    without = float(((data - flat @ flat_solution) ** 2).sum()) * 0.5
    gain = (without - float((left**2).sum()) * 0.5) / 4
    # An F value of 6 for four parameters: noise alone gets there in less than one profile of a hundred.
    if noise > 0 and gain < 6 * noise:
        return None
    width = float(_fwhm(np.exp(p[1]), np.exp(p[2])))
    steps = 1e-4
    slopes = np.array(
        [
            (_fwhm(np.exp(p[1] + steps), np.exp(p[2])) - width) / steps,
            (_fwhm(np.exp(p[1]), np.exp(p[2] + steps)) - width) / steps,
        ]
    )
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * 2 * noise
    error = float(np.sqrt(max(slopes @ covariance[1:, 1:] @ slopes, 0.0)))
    baseline = float(solution[1] + solution[2] * (p[0] - 0.5))
    if kind == "edge":
        baseline -= float(solution[0]) / 2
    step = StepWidth(
        kind,
        width * length,
        error * length,
        origin + float(p[0]) * length,
        float(solution[0]) * scale,
        baseline * scale,
    )
    return step, float((left**2).sum())


def _ridge(t: Array, centre: float, box: float, sigma: float, sampling: float) -> Array:
    """Return a box of a width, blurred by a Gaussian and by the sampling; 1 on a wide plateau."""
    from scipy.special import erf

    blur = np.sqrt(2.0) * np.hypot(sigma, sampling)
    return np.asarray(0.5 * (erf((t - centre + box / 2) / blur) - erf((t - centre - box / 2) / blur)))


def _edge(t: Array, centre: float, box: float, sigma: float, sampling: float) -> Array:
    """Return the running sum of a blurred box, from −1/2 to 1/2: a ramp with rounded ends."""
    from scipy.special import erf

    blur = np.sqrt(2.0) * np.hypot(sigma, sampling)

    def integral(u: Array) -> Array:
        return np.asarray(u * erf(u / blur) + blur / np.sqrt(np.pi) * np.exp(-((u / blur) ** 2)))

    return (integral(t - centre + box / 2) - integral(t - centre - box / 2)) / (2 * box)


def _fwhm(box: float, sigma: float) -> float:
    """Return the full width at half maximum of a box of a width blurred by a Gaussian, by Newton's method."""
    from scipy.special import erf

    def curve(u: float) -> float:
        scaled = np.sqrt(2.0) * sigma
        return float(0.5 * (erf((u + box / 2) / scaled) - erf((u - box / 2) / scaled)))

    top = curve(0.0)
    low, high = 0.0, box / 2 + 6 * sigma
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if curve(middle) > top / 2 else (low, middle)
    return low + high


def _spacing(axis: Array) -> float:
    return float((axis[-1] - axis[0]) / (axis.size - 1)) if axis.size > 1 else 1.0
