r"""The plane under a tip in smooth functions: cubic splines, finest where tips stand and wider with the distance.

Concentrations under a tip are smooth however sharply D changes. A Galerkin method with splines a third of a tip radius
wide gives their integrals to a few parts in a thousand, where finite volumes need cells of a tenth of a radius; and
its matrices hold D as finely as it is sampled. Lengths are in tip radii R0 here. What is integrated against the
splines are sums of Gaussians, as each of these is a function of x times one of y.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_DEGREE: Final = 3
_POINTS: Final = 4
"""Points of Gauss's rule in each part of an interval between knots."""
_PART: Final = 0.48
"""The widest such part: D is looked up some 0.12 tip radii apart."""
_NARROW: Final = 0.5
"""Gaussians exp(−x²/s²) of a smaller s are integrated by a rule of their own."""
_RATIO: Final = 0.8
"""Steps of ln s² in sums of Gaussians; the sums are right to 1e-5."""
_NARROWEST: Final = 1e-4


@dataclass(frozen=True)
class SplineAxis:
    """Orthonormal combinations of cubic splines along x or y.

    Parameters
    ----------
    knots : ndarray, shape (knot,)
        In tip radii, increasing. Nothing is thought of beyond the first and the last.
    """

    knots: Array

    @classmethod
    def around(
        cls, first: float, last: float, *, reach: float, spacing: float, growth: float
    ) -> "SplineAxis":
        """Return evenly spaced knots from a place to another, wider and wider ones beyond.

        Parameters
        ----------
        first, last : float
            In tip radii.
        reach : float
            How far the knots go on to both sides, at least.
        spacing, growth : float
            The widest step between the even knots, and the factor from one to the next beyond.
        """
        even = np.linspace(first, last, max(1, int(np.ceil((last - first) / spacing))) + 1)
        step = spacing * growth
        count = int(np.ceil(np.log1p(reach * (growth - 1) / step) / np.log(growth)))
        beyond = step * np.expm1(np.arange(1, count + 1) * np.log(growth)) / (growth - 1)
        return cls(np.concatenate([first - beyond[::-1], even, last + beyond]))

    @cached_property
    def rule(self) -> tuple[Array, Array]:
        """Points and weights that integrate over the axis, both of shape (point,)."""
        parts = np.maximum(1, np.ceil(np.diff(self.knots) / _PART)).astype(int)
        pairs = zip(self.knots[:-1], self.knots[1:], parts, strict=True)
        edges = [np.linspace(low, high, count + 1)[:-1] for low, high, count in pairs]
        faces = np.concatenate([*edges, self.knots[-1:]])
        nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
        half, middle = np.diff(faces)[:, None] / 2, (faces[1:] + faces[:-1])[:, None] / 2
        return (middle + half * nodes).ravel(), (half * weights).ravel()

    @cached_property
    def _splines(self) -> tuple[Callable[[Array], Array], Callable[[Array], Array], Array]:
        """Return the splines, their derivatives, and what makes them orthonormal, shape (spline, function)."""
        from scipy.interpolate import BSpline

        ends = [np.full(_DEGREE, self.knots[end]) for end in (0, -1)]
        count = self.knots.size + _DEGREE - 1
        splines = BSpline(np.concatenate([ends[0], self.knots, ends[1]]), np.eye(count), _DEGREE)
        points, weights = self.rule
        values = splines(points)
        sizes, vectors = np.linalg.eigh((values.T * weights) @ values)
        return splines, splines.derivative(), (vectors / np.sqrt(sizes)) @ vectors.T

    def functions(self, points: Array) -> Array:
        """Return the functions at points, shape (point, function)."""
        splines, _, combination = self._splines
        return np.asarray(splines(points) @ combination)

    @cached_property
    def values(self) -> Array:
        """The functions at the points of the rule, shape (point, function)."""
        return self.functions(self.rule[0])

    @cached_property
    def derivatives(self) -> Array:
        """Their derivatives there."""
        _, derivatives, combination = self._splines
        return np.asarray(derivatives(self.rule[0]) @ combination)

    def in_series(self, diffusion: Array) -> Array:
        """Return D at the points of the rule, the last axis, with its harmonic mean over each part of the rule."""
        parts = diffusion.reshape(*diffusion.shape[:-1], -1, _POINTS)
        weights = self.rule[1].reshape(-1, _POINTS)
        means = weights.sum(axis=-1) / (weights / parts).sum(axis=-1)
        return np.repeat(means, _POINTS, axis=-1)

    def of_gaussian(self, centres: Array, width: float) -> Array:
        """Return the integrals of the functions over exp(−(x − centre)²/width²), shape (function, centre)."""
        points, weights = self.rule
        if width < _NARROW:
            nodes, shares = np.polynomial.hermite.hermgauss(7)
            inside = np.clip(centres[:, None] + width * nodes, points[0], points[-1])
            values = self.functions(inside.ravel()).reshape(*inside.shape, -1)
            return np.asarray(width * np.einsum("k,ckf->fc", shares, values))
        return np.asarray((self.values.T * weights) @ np.exp(-(((points[:, None] - centres) / width) ** 2)))


@dataclass(frozen=True)
class SplinePlane:
    """Products of the functions of two axes, those of x counted first."""

    x: SplineAxis
    y: SplineAxis

    def forms_of(self, diffusion: Array) -> tuple[Array, Array]:
        r"""Return :math:`\int D \nabla v_i \cdot \nabla v_j` and :math:`\int D v_i v_j`, both of shape (n, n).

        Parameters
        ----------
        diffusion : ndarray, shape (point of y, point of x)
            D at the points of the rules of both axes.
        """
        areas = self.y.rule[1][:, None] * self.x.rule[1]

        def form(values: Array, of_x: Array, of_y: Array) -> Array:
            pairs_x = (of_x[:, :, None] * of_x[:, None, :]).reshape(len(of_x), -1)
            pairs_y = (of_y[:, :, None] * of_y[:, None, :]).reshape(len(of_y), -1)
            shape = 2 * (of_y.shape[1],) + 2 * (of_x.shape[1],)
            whole = (pairs_y.T @ ((values * areas) @ pairs_x)).reshape(shape).swapaxes(1, 2)
            return np.asarray(whole.reshape(shape[0] * shape[2], -1))

        # Splines cannot bend where D jumps: along a gradient it is resistances that add up in their stead. On pixels of
        # 6 nm whose D differs sixfold this takes the error under a flux from 1.8 to 0.9 % of the largest value.
        gradients = form(self.x.in_series(diffusion), self.x.derivatives, self.y.values)
        gradients += form(self.y.in_series(diffusion.T).T, self.x.values, self.y.derivatives)
        return gradients, form(diffusion, self.x.values, self.y.values)

    def of_gaussians(self, x: Array, y: Array, sizes: Array, widths: Array) -> Array:
        """Return the integrals over Σ size · exp(−r²/width²) about every place, shape (n, y · x).

        Parameters
        ----------
        x, y : ndarray
            Of the places, in tip radii.
        sizes, widths : ndarray, shape (gaussian,)
        """
        along = np.stack([self.x.of_gaussian(x, width) for width in widths])
        across = np.stack([self.y.of_gaussian(y, width) for width in widths]) * sizes[:, None, None]
        count = len(widths)
        whole = across.reshape(count, -1).T @ along.reshape(count, -1)
        shape = (across.shape[1], y.size, along.shape[1], x.size)
        return np.asarray(whole.reshape(shape).swapaxes(1, 2).reshape(shape[0] * shape[2], -1))


def strain_gaussians(depth_number: float, boundary: str, extent: float) -> tuple[Array, Array]:
    r"""Return sizes and widths of Gaussians that sum up to the strain's weight at a wave number of the depth.

    The weight z/(r² + z²)^(3/2) has the transform :math:`2\pi e^{-Kz}` in the plane. Its cosine transform in z is
    :math:`2\pi K/(K^2 + p^2)`, its sine transform times p, what a clamped tip needs, :math:`2\pi p^2/(K^2 + p^2)`.
    Both are Laplace transforms in K², of :math:`1/\sqrt{\pi s} - (2p/\sqrt\pi) F(p\sqrt s)` with Dawson's integral F,
    and of :math:`p^2 e^{-p^2 s}`, times 2π; and :math:`e^{-K^2 s}` is the transform of :math:`e^{-r^2/4s}/(4\pi s)`.

    Parameters
    ----------
    depth_number : float
        p, over tip radii.
    boundary : str
        ``"flux"`` takes the cosine, ``"clamped"`` the sine.
    extent : float
        The largest distance at which the sum is wanted, in tip radii.
    """
    from scipy.special import dawsn

    p = depth_number
    least = _NARROWEST / max(p, 1.0) ** 2
    s = least * np.exp(_RATIO * np.arange(int(np.ceil(np.log(extent**2 / least) / _RATIO)) + 1))
    if boundary == "flux":
        inverse, power = 1 / np.sqrt(np.pi * s) - 2 * p / np.sqrt(np.pi) * dawsn(p * np.sqrt(s)), 0.5
    else:
        inverse, power = p**2 * np.exp(-(p**2) * s), 1.0
    shares = _RATIO * s * inverse
    # What lies below the first step goes on as a power of s there: a geometric series.
    shares[0] /= -np.expm1(-power * _RATIO)
    return shares / (2 * s), 2 * np.sqrt(s)
