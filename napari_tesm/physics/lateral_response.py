r"""How a trace follows ln D at the places around the tip: the first-order response in a half-space.

Lengths are in tip radii R0, times in R0²/D0, and D = D0·exp(ε(x, y)) does not depend on the depth. The tip at the
origin drives the surface with exp(−r²/R0²), by a flux through it ("flux-pulse") or a concentration held there
("clamped"), from t = 0 on, and the displacement is :math:`u = \int W c\,dV` with W = z/(r² + z²)^{3/2}. With c0 the
concentration in the uniform sample and ψ the adjoint one, that is W diffusing backwards in time,

.. math:: \delta u(t) = -\int_0^t dt' \int \varepsilon(x, y)\,\nabla c_0(t')\cdot\nabla\psi(t - t')\,dV

(Green's identity for :math:`\partial_t c = \nabla\cdot(D\nabla c)`; the method of adjoints, Marchuk, G. I. (1995).
Adjoint Equations and Analysis of Complex Systems, chapter 1). For ε = cos(q·x) both are plane waves in x and y, with
the wave vectors k and q − k, and cosines (nothing crosses the surface) or sines (nothing changes at it) in z. The time
integral is elementary, and what remains are integrals over k and over the depth's wave number p. In elliptic
coordinates about k = 0 and k = q the integrand is smooth, and Gauss's rule right to 1e-6 of the response.

For q → 0 the response is that of a uniform sample to its ln D: `uniform_response` says the same from a closed form.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.kernels.one_parameter import clamped_response, flux_response

Array = NDArray[np.float64]

FLUX: Final = "flux-pulse"
CLAMPED: Final = "clamped"
BOUNDARIES: Final = (FLUX, CLAMPED)
"""What holds at the surface, by the names of the kernels."""

_RADII, _ANGLES, _DEPTHS = 44, 18, 52
"""Points along each of the three integrals; with them the response is right to 1e-6 up to q = 15."""
_SCALES: Final = {FLUX: 2 / np.pi, CLAMPED: 2 / np.pi**1.5}
"""Unit of `uniform_response` in that of ∫ W c dV."""


def transfer_function(wave_number: float, time: Array, boundary: str) -> Array:
    """Return the response to ε = cos(q·x), the tip on a crest, in the unit of `uniform_response`.

    Parameters
    ----------
    wave_number : float
        q in 1/R0, larger than zero.
    time : ndarray, shape (time,)
        Since the drive was switched on, in R0²/D0.
    boundary : {"flux-pulse", "clamped"}

    Returns
    -------
    ndarray, shape (time,)

    Examples
    --------
    A slow wave is as good as a uniform sample.

    >>> time = np.array([0.1, 1.0, 10.0])
    >>> slope = uniform_response(time, np.zeros(3), "clamped")[1]
    >>> bool(np.allclose(transfer_function(1e-6, time, "clamped"), slope, rtol=1e-5))
    True
    """
    k, beside, dot, weight = _wave_vectors(wave_number)
    p, shares = _half_line(_DEPTHS, 1.0 if boundary == FLUX else 1.5)
    source = weight * np.exp(-(k**2) / 4) / (2 * np.pi) * _SCALES[boundary]
    slow, fast = k[:, None] ** 2 + p**2, beside[:, None] ** 2 + p**2
    # With λ = k² + p² and μ = |q − k|² + p² the time integrals hold (1 − e^{−μt})/μ and (e^{−λt} − e^{−μt})/(μ − λ),
    # in which the depth's p is a factor: sums over it are products of matrices.
    decay = np.exp(-np.outer(p**2, time))
    alone, both = np.exp(-np.outer(beside**2, time)), _two_decays(k**2, beside**2, time)
    if boundary == FLUX:
        either = shares * 2 * np.pi * beside[:, None] * (dot[:, None] + p**2) / (slow * fast)
        first, second = either / fast, either
    else:
        common = shares * 2 * np.pi * p**2 / (slow * fast)
        first, second = common * (dot - k**2)[:, None] / fast, common * (dot[:, None] + p**2)
    summed = first.sum(axis=1)[:, None] - alone * (first @ decay) - both * (second @ decay)
    return np.asarray(-(source @ summed))


def uniform_response(time: Array, log_ratio: Array, boundary: str) -> tuple[Array, Array]:
    """Return the response of a sample with D = D0·exp(m) everywhere, and its derivative by m.

    Parameters
    ----------
    time : ndarray, shape (time,)
        Since the drive was switched on, in R0²/D0.
    log_ratio : ndarray, shape (..., time)
        m: for each time another sample.
    boundary : {"flux-pulse", "clamped"}
        A flux stays the same for any D; of a clamped contact the concentration does.

    Returns
    -------
    tuple of ndarray, shape (..., time)
    """
    x = 4 * time * np.exp(log_ratio)
    root = np.sqrt(x)
    if boundary == FLUX:
        spread = np.exp(-log_ratio)
        response = flux_response(x) * spread
        return response, x * (1 - root / np.sqrt(1 + x)) * spread - response
    # x·arccot √x runs to √x: the difference keeps its digits through arctan of what is left.
    with np.errstate(divide="ignore"):
        inverse = np.divide(1.0, root, out=np.full(x.shape, np.inf), where=root > 0)
    late = inverse < _SERIES_BELOW
    slope = np.where(late, inverse / 3, root - x * np.arctan(inverse)) * (2 / np.pi)
    return clamped_response(x), slope


_SERIES_BELOW: Final = 1e-3


def _wave_vectors(wave_number: float) -> tuple[Array, Array, Array, Array]:
    """Return |k|, |q − k|, −k·(q − k) and the weights of an integral over the plane of k, each of shape (points,)."""
    rho, across = _half_line(_RADII, 1.5)
    nodes, along = _gauss_points(_ANGLES)
    angle, along = (nodes + 1) * np.pi / 2, along * np.pi / 2
    half = wave_number / 2
    mean, apart = np.hypot(half, rho)[:, None], half * np.cos(angle)
    k, beside = (mean + apart).ravel(), (mean - apart).ravel()
    weight = (across[:, None] * 2 * along * (mean**2 - apart**2) / mean).ravel()
    return k, beside, (k**2 + beside**2 - wave_number**2) / 2, weight / np.pi


def _two_decays(slow: Array, fast: Array, time: Array) -> Array:
    """Return (e^{−λt} − e^{−μt})/(μ − λ), shape (points, time), also where the rates are equal."""
    apart = np.outer(np.abs(fast - slow), time)
    small = apart < 1e-8
    ratio = np.where(small, 1 - apart / 2, -np.expm1(-apart) / np.where(small, 1.0, apart))
    return np.asarray(time * np.exp(-np.outer(np.minimum(slow, fast), time)) * ratio)


@cache
def _gauss_points(count: int) -> tuple[Array, Array]:
    """Return Gauss's points on (-1, 1) and their weights; found once, as each of a thousand integrals asks."""
    return np.polynomial.legendre.leggauss(count)


def _half_line(count: int, scale: float) -> tuple[Array, Array]:
    """Return Gauss's points on (0, ∞), half of them below a scale, and their weights."""
    nodes, weights = _gauss_points(count)
    x, shares = (nodes + 1) / 2, weights / 2
    return scale * x / (1 - x), scale * shares / (1 - x) ** 2
