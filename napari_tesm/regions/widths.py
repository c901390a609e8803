"""Widths: the strip or edge that a profile crosses, as a model of the surface that knows how it was sampled."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain, product
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tesm.regions.profile import Profile

Array = NDArray[np.float64]
Kind = Literal["ridge", "edge"]

_FEWEST_POINTS: Final = 7
_CORRELATION: Final = 1.5
"""Length over which neighbouring samples tell the same, in pixels: the interpolation leaves 2/3 of the noise's variance
in each, and all of it in their sum."""
_CERTAIN: Final = 6.0
"""F value that a step has to reach; of 540 profiles of noise, 20 to 60 nm to either side, the highest came to 5.7."""
_SMALLER_FLANK: Final = 0.25
"""A strip's lower flank, as part of the higher one; what has less is an edge with a lip."""

_VARIANTS: Final[dict[Kind, tuple[tuple[str, ...], ...]]] = {
    "ridge": (("slope",), ("levels",), ("slope", "levels")),
    "edge": ((), ("slope",)),
}
"""What lies below the step, beside a constant."""


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
        Of the strip above the mean of its two sides, or of the edge; signed, in the unit of the map.
    """

    kind: Kind
    fwhm: float
    error: float
    centre: float
    height: float

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

    A strip is described as a box blurred by a Gaussian, an edge as the running sum of the same: on a constant, a slope,
    and the strip on two levels, as the profile asks for (Bayesian information criterion). All shapes know that every
    value is smeared over a pixel and by the interpolation between two, so that the width is that of the surface as the
    tip saw it, not of the sampling. It is the width along the line: draw the line at a right angle to the step.

    Parameters
    ----------
    profile : Profile
    kind : {"auto", "ridge", "edge"}
        What to look for; "auto" takes the more likely of the two. A strip must have both its flanks in the profile.
    """
    good = np.isfinite(profile.mean)
    position, values = profile.position[good], profile.mean[good]
    if position.size < _FEWEST_POINTS or np.ptp(values) <= 1e-9 * np.abs(values).max():
        return None
    data = _Data.of(position, values, profile.sample_width)
    kinds: tuple[Kind, ...] = ("ridge", "edge") if kind == "auto" else (kind,)
    fits = chain.from_iterable(_fits(data, candidate) for candidate in kinds)
    best = min(fits, key=lambda fit: fit.criterion, default=None)
    return None if best is None or not _stands_out(best, data) else _described(best, data)


@dataclass(frozen=True)
class _Data:
    """A profile in units of its own length and range."""

    t: Array
    values: Array
    origin: float
    length: float
    scale: float
    sampling: float
    independent: float

    @classmethod
    def of(cls, position: Array, values: Array, pixel: float) -> "_Data":
        length, scale = float(position[-1] - position[0]), float(np.ptp(values))
        # A pixel, and the interpolation between two, have together the variance of a quarter of a pixel².
        sampling = 0.5 * pixel / length
        told = min(float(values.size), length / (_CORRELATION * pixel)) if pixel > 0 else float(values.size)
        t = (position - position[0]) / length
        return cls(t, values / scale, float(position[0]), length, scale, sampling, told)


@dataclass(frozen=True)
class _Fit:
    """A described profile: centre, box and blur in units of its length, and what its linear part came to."""

    kind: Kind
    below: tuple[str, ...]
    shape: Array
    linear: Array
    left: float
    jacobian: Array
    criterion: float

    @property
    def parameters(self) -> int:
        return self.shape.size + self.linear.size

    @property
    def fwhm(self) -> float:
        return _fwhm(np.exp(self.shape[1]), np.exp(self.shape[2]))


def _fits(data: _Data, kind: Kind) -> list[_Fit]:
    """Return the descriptions of a profile as one kind of step, those left out that contradict the kind."""
    from scipy.optimize import least_squares

    finest = np.log(0.25 / (data.t.size - 1))
    longest = np.log(0.7)
    sizes = np.linspace(finest + 0.8, longest - 0.1, 7)
    # A coarse look finds the hills, least squares climbs the two highest: this runs while a line is dragged.
    starts = np.array(
        [(place, size, size - 1.2) for place, size in product(np.linspace(0.04, 0.96, 16), sizes)]
    )
    bounds = ([0.0, finest, finest - 2], [1.0, longest, longest - 0.5])
    starts = np.clip(starts, np.array(bounds[0]) + 1e-6, np.array(bounds[1]) - 1e-6)
    fits = []
    for below in _VARIANTS[kind]:
        remains = partial(_remains, data, kind, below)
        costs = (remains(starts) ** 2).sum(axis=-1)
        climbed = [
            least_squares(
                remains,
                starts[index],
                partial(_slopes, remains),
                bounds=bounds,
                x_scale=[0.05, 0.5, 0.5],
                ftol=1e-7,
                xtol=1e-6,
                max_nfev=40,
            )
            for index in np.argsort(costs)[:2]
        ]
        best = min(climbed, key=lambda fit: float(fit.cost))
        linear = np.asarray(np.linalg.lstsq(_basis(data, kind, below, best.x), data.values, rcond=None)[0])
        left = 2 * float(best.cost)
        criterion = _criterion(left, best.x.size + linear.size, data)
        fit = _Fit(kind, below, best.x, linear.astype(np.float64), left, best.jac, criterion)
        if kind == "edge" or _is_ridge(fit, data):
            fits.append(fit)
    return fits


def _remains(data: _Data, kind: Kind, below: tuple[str, ...], shapes: Array) -> Array:
    """Return what the best sum of functions leaves of a profile, for shapes of any number, their three last."""
    basis = _basis(data, kind, below, np.moveaxis(shapes, -1, 0)[..., None])
    orthonormal = np.linalg.qr(basis).Q
    covered = np.swapaxes(orthonormal, -1, -2) @ data.values
    return np.asarray((orthonormal @ covered[..., None])[..., 0] - data.values)


def _slopes(remains: Callable[[Array], Array], shape: Array) -> Array:
    """Return how what is left changes with the shape; all at once, which is quicker than one by one."""
    tiny = 1e-6
    there = remains(shape + tiny * np.vstack([np.eye(shape.size), -np.eye(shape.size)]))
    return np.asarray((there[: shape.size] - there[shape.size :]).T / (2 * tiny))


def _criterion(left: float, parameters: int, data: _Data) -> float:
    """Return the Bayesian information criterion of a description; perfect ones are told apart by their parameters."""
    floor = 1e-20 * float((data.values**2).sum())
    return data.independent * float(np.log(left + floor)) + parameters * float(np.log(data.independent))


def _is_ridge(fit: _Fit, data: _Data) -> bool:
    """Whether a strip has both flanks in the profile, and both up or both down."""
    half, room = fit.fwhm / 2, max(2 * data.sampling, 0.02)
    if not (room < fit.shape[0] - half and fit.shape[0] + half < 1 - room):
        return False
    height, change = abs(fit.linear[0]), 0.0
    if "levels" in fit.below:
        change = abs(fit.linear[-1]) / 2
    return bool(height - change >= _SMALLER_FLANK * (height + change))


def _stands_out(fit: _Fit, data: _Data) -> bool:
    """Whether a step explains more than chance would."""
    free = max(data.independent - fit.parameters, 1.0)
    slope = np.column_stack([np.ones_like(data.t), data.t])
    without = float(((data.values - slope @ np.linalg.lstsq(slope, data.values, rcond=None)[0]) ** 2).sum())
    gain = (without - fit.left) / (fit.parameters - 2)
    return gain > _CERTAIN * fit.left / free


def _described(fit: _Fit, data: _Data) -> StepWidth:
    """Return what a fit says, in the units of the profile."""
    free = max(data.independent - fit.parameters, 1.0)
    # Squares of n samples that are worth fewer: each counts less, and so do the slopes.
    covariance = np.linalg.pinv(fit.jacobian.T @ fit.jacobian) * (fit.left / free)
    box, sigma, tiny = fit.shape[1], fit.shape[2], 1e-4
    slopes = np.array(
        [
            _fwhm(np.exp(box + tiny), np.exp(sigma)) - _fwhm(np.exp(box - tiny), np.exp(sigma)),
            _fwhm(np.exp(box), np.exp(sigma + tiny)) - _fwhm(np.exp(box), np.exp(sigma - tiny)),
        ]
    ) / (2 * tiny)
    error = float(np.sqrt(max(float(slopes @ covariance[1:, 1:] @ slopes), 0.0)))
    return StepWidth(
        fit.kind,
        fit.fwhm * data.length,
        error * data.length,
        data.origin + float(fit.shape[0]) * data.length,
        float(fit.linear[0]) * data.scale,
    )


def _basis(data: _Data, kind: Kind, below: tuple[str, ...], shape: Array) -> Array:
    """Return the functions whose sum a profile is, on the last axis: the step, a constant, and what lies below.

    The shape's first axis is centre, log box, log blur.
    """
    from scipy.special import erf

    centre, box, sigma = shape[0], np.exp(shape[1]), np.exp(shape[2])
    blur = np.sqrt(2.0) * np.hypot(sigma, data.sampling)
    before, after = (data.t - centre + box / 2) / blur, (data.t - centre - box / 2) / blur
    if kind == "ridge":
        step = (erf(before) - erf(after)) / 2
    else:
        step = blur * (integral_of_erf(before) - integral_of_erf(after)) / (2 * box)
    functions = [step, np.ones_like(step)]
    if "slope" in below:
        functions.append(np.broadcast_to(data.t - 0.5, step.shape))
    if "levels" in below:
        functions.append((erf(before) + erf(after)) / 4)
    return np.stack(functions, axis=-1)


def integral_of_erf(t: Array) -> Array:
    """Return the integral of the error function: a box blurred by a Gaussian is a difference of two."""
    from scipy.special import erf

    return np.asarray(t * erf(t) + np.exp(-(t**2)) / np.sqrt(np.pi))


def _fwhm(box: float, sigma: float) -> float:
    """Return the full width at half maximum of a box of a width blurred by a Gaussian, by bisection."""
    from math import erf, sqrt

    scaled = sqrt(2.0) * sigma

    def height(u: float) -> float:
        return erf((u + box / 2) / scaled) - erf((u - box / 2) / scaled)

    half = height(0.0) / 2
    low, high = 0.0, box / 2 + 6 * sigma
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if height(middle) > half else (low, middle)
    return low + high
