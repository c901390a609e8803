r"""What electrochemical strain microscopy measures in theory: response in time and frequency, and resolution.

After Morozovska, A. N., Eliseev, E. A., Balke, N. and Kalinin, S. V. (2010). Local probing of ionic diffusion by
electrochemical strain microscopy: spatial resolution and signal formation mechanisms. J. Appl. Phys. 108, 053712; the
formulas are derived for the model below, not copied.

The tip holds the surface of a half-space in balance with a concentration :math:`c_0 e^{-r^2/R_0^2}` and exchanges ions
with it at the rate :math:`k_s(c_{tip} - c)`. For a lateral wave number k the Vegard displacement is

.. math:: u(k, p) = \frac{2(1+\nu)\beta\,c_0(k)}{(1 + D q/k_s)(k + q)},\qquad q = \sqrt{k^2 + p/D},

with p = iω, or p the variable of Laplace for a step. With x = kR0, Q = qR0 and λ = D/(k_s R0) the one under the tip is
:math:`(1+\nu)\beta c_0 R_0\int_0^\infty x e^{-x^2/4}/[(1+\lambda Q)(x+Q)]\,dx`: constant at low frequencies, as
:math:`\omega^{-1/2}` at 45° where diffusion limits it, as 1/ω at 90° where the reaction does.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.limits import (
    check_diffusion,
    check_duration,
    check_factor,
    check_poisson_ratio,
    check_radius,
    check_times,
)

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

_TALBOT: Final = 18
_WAVES: Final = 128
_WAVES_OF_SPREAD: Final = 200
_WIDEST: Final = 13.0
"""Wave numbers beyond this many over the tip radius carry less than e^−42 of a Gaussian contact."""
_FINEST: Final = 1e-7
_HALF: Final = 0.5
_DECADES: Final = 3.0
_AT_ONCE: Final = 4096
_SLOWEST_REACTION: Final = 1e-30
_FASTEST: Final = 1e18
_FEWEST_POINTS: Final = 3
_STEP_OF_SLOPE: Final = 0.02
"""Of the logarithm, for differences."""
_ALIKE: Final = 0.05
"""How near a slope comes to the exponent of a regime that is taken to have begun."""
_WIDE: Final = 3.0
"""A regime reaches over more than this factor of the frequency."""


class Estimate(NamedTuple):
    """A number that was taken from a record, and its standard error by what the record leaves over."""

    value: float
    error: float


class Regime(NamedTuple):
    """A stretch of frequencies over which the amplitude goes as one power of the frequency.

    Parameters
    ----------
    exponent : float
        0 where ions follow, −1/2 where diffusion limits them, −1 where the reaction does.
    start, stop : float
        In Hz; within what was asked for.
    """

    exponent: float
    start: float
    stop: float


@dataclass(frozen=True)
class TipContact:
    """A tip on a material that ions diffuse in, in SI units.

    Parameters
    ----------
    diffusion : float
        D in m²/s.
    tip_radius : float
        R0 of the contact exp(−r²/R0²), in m.
    surface_rate : float
        k_s of the reaction at the surface, in m/s; infinite where it is always in balance.
    poisson_ratio : float
    vegard, concentration : float
        β in m³/mol and c0 in mol/m³; 1 and 1 leave the response on a relative scale.

    Raises
    ------
    ValueError
        If a value makes no sense.
    """

    diffusion: float
    tip_radius: float = 25e-9
    surface_rate: float = np.inf
    poisson_ratio: float = 0.25
    vegard: float = 1.0
    concentration: float = 1.0

    def __post_init__(self) -> None:
        check_radius(self.tip_radius)
        check_diffusion(self.diffusion)
        if not self.surface_rate >= _SLOWEST_REACTION:
            raise ValueError(
                f"the surface rate must be larger than {_SLOWEST_REACTION:g} m/s, not {self.surface_rate:g} m/s"
            )
        check_poisson_ratio(self.poisson_ratio)
        check_factor(self.vegard, "Vegard coefficient")
        check_factor(self.concentration, "concentration")

    @property
    def diffusion_time(self) -> float:
        """R0²/D, in s."""
        return self.tip_radius**2 / self.diffusion

    @property
    def kinetic_length(self) -> float:
        """λ = D/(k_s R0): below 1 diffusion is the slower one, above 1 the reaction is."""
        return self.diffusion / (self.surface_rate * self.tip_radius)

    @property
    def scale(self) -> float:
        """(1+ν)βc0R0, in m."""
        return (1 + self.poisson_ratio) * self.vegard * self.concentration * self.tip_radius


def response_from_frequency(frequency: ArrayLike, contact: TipContact) -> Complex:
    """Return the complex displacement amplitude under the tip, in m, for frequencies in Hz.

    Its phase is that against the concentration the tip asks for: 0 where the ions follow, towards −45° where
    diffusion limits them, towards −90° where the reaction does.

    Raises
    ------
    ValueError
        If a frequency is negative, or beyond those of light.

    Examples
    --------
    >>> contact = TipContact(4e-13)
    >>> u = response_from_frequency([0.0, 1e6], contact)
    >>> print(f"{abs(u[0]) / contact.scale:.4f} {np.angle(u[1], deg=True):.0f}")
    0.8862 -44
    """
    values = np.asarray(frequency, dtype=np.float64)
    _check_frequencies(values)
    laplace = np.asarray(2j * np.pi * values * contact.diffusion_time, dtype=np.complex128)
    return np.asarray(contact.scale * _integral(laplace, contact.kinetic_length))


def regimes_of_response(start: float, stop: float, contact: TipContact) -> list[Regime]:
    """Return where between two frequencies, in Hz, the amplitude is constant, goes as f^(−1/2), and as 1/f.

    Raises
    ------
    ValueError
        If the frequencies are not positive and increasing.

    Examples
    --------
    >>> [regime.exponent for regime in regimes_of_response(1e-2, 1e6, TipContact(4e-13))]
    [0.0, -0.5]
    """
    check_frequency_range(start, stop)
    frequencies = np.geomspace(start, stop, 400)
    step = np.exp(_STEP_OF_SLOPE / 2)
    ends = [np.log(np.abs(response_from_frequency(frequencies * f, contact))) for f in (1 / step, step)]
    slope = (ends[1] - ends[0]) / _STEP_OF_SLOPE
    regimes = []
    for exponent in (0.0, -0.5, -1.0):
        inside = frequencies[np.abs(slope - exponent) < _ALIKE]
        # What only passes through a slope on its way to another keeps to it for less.
        if inside.size and inside[-1] > _WIDE * inside[0]:
            regimes.append(Regime(exponent, float(inside[0]), float(inside[-1])))
    return regimes


def check_frequency_range(start: float, stop: float) -> None:
    """Refuse a range of frequencies, in Hz, that does not go from a positive one to a larger one.

    Raises
    ------
    ValueError
        If it does not, or one is beyond those of light.
    """
    _check_frequencies(np.array([start, stop], dtype=np.float64))
    if not 0 < start < stop:
        raise ValueError(
            f"frequencies go from one above zero to a larger one, not from {start:g} to {stop:g} Hz"
        )


def response_from_time(time: ArrayLike, contact: TipContact, *, pulse: float = np.inf) -> Array:
    """Return the displacement under the tip, in m, at times in s, for a step of the tip's concentration.

    Parameters
    ----------
    time : array_like
        From the step on; zero displacement before it.
    pulse : float
        After this time, in s, the tip's concentration goes back to zero.

    Notes
    -----
    By inverting the Laplace transform on a contour (Abate, J. and Valkó, P. P. (2004). Int. J. Numer. Methods Eng.
    60, 979); for k_s → ∞ it is the kernel ``clamped`` within 1e-6.

    Raises
    ------
    ValueError
        If a time is not finite or the pulse not positive.
    """
    values = np.asarray(time, dtype=np.float64)
    check_times(np.atleast_1d(values).ravel())
    if not np.isinf(pulse) or pulse < 0:
        check_duration(pulse, "pulse")
    response = _step(values / contact.diffusion_time, contact.kinetic_length)
    if np.isfinite(pulse):
        response = response - _step((values - pulse) / contact.diffusion_time, contact.kinetic_length)
    return np.asarray(contact.scale * response)


def resolution_from_frequency(frequency: float, contact: TipContact) -> float:
    """Return the half-period, in m, of the finest pattern of reactivity that shows with half its contrast.

    The tip's concentration takes a factor 1 + ε cos(Kx); the image is its effect on the amplitude |u|, against that
    of K = 0. It is the transform of the point-spread function, exp(−r²/R0²) times the displacement that an
    ion's entry at r causes in the area where the tip feels it, exp(−r²/R0²).

    Parameters
    ----------
    frequency : float
        In Hz.

    Raises
    ------
    ValueError
        If the frequency is negative, or beyond those of light.
    """
    from scipy.optimize import brentq

    r, spread = _spread(frequency, contact)
    half = brentq(lambda wave: float(_contrast(np.asarray(wave), r, spread)) - _HALF, 1e-2, 30.0, xtol=1e-9)
    return float(np.pi * contact.tip_radius / half)


def diffusion_from_response(
    where: ArrayLike, response: ArrayLike, contact: TipContact, *, pulse: float = np.inf
) -> Estimate:
    """Return D, in m²/s, from a response up to a real scale, with its standard error.

    Parameters
    ----------
    where : array_like, shape (n,)
        Frequencies in Hz, for a complex response; times in s, for a real one.
    response : array_like, shape (n,)
    contact : TipContact
        What else is known; its D is where the search begins, three decades to both sides.
    pulse : float
        As in `response_from_time`.

    Raises
    ------
    ValueError
        If the best D lies at the end of the search: the response does not tell it.
    """
    from scipy.optimize import minimize_scalar

    values, points = np.asarray(response), np.asarray(where, dtype=np.float64)
    if values.shape != points.shape or values.ndim != 1 or values.size < _FEWEST_POINTS:
        raise ValueError("the response needs three points at least, each with its frequency or time")
    if not np.isfinite(values).all() or not np.abs(values).max() > 0:
        raise ValueError("the response must be finite, and not zero throughout")
    if np.iscomplexobj(values):
        _check_frequencies(points)
        if not np.abs(values).min() > 0:
            raise ValueError("no amplitude of the response may be zero: leave such frequencies out")
    # Amplitudes fall by decades over the frequencies: each point counts by its own size there.
    weight = 1 / np.abs(values) if np.iscomplexobj(values) else np.ones(values.size)

    data = values * weight

    def curve_of(log_d: float) -> NDArray[np.inexact]:
        model = replace(contact, diffusion=contact.diffusion * float(np.exp(log_d)))
        if np.iscomplexobj(values):
            return np.asarray(response_from_frequency(points, model) * weight)
        return np.asarray(response_from_time(points, model, pulse=pulse) * weight)

    def misfit(log_d: float) -> float:
        curve = curve_of(log_d)
        size = float((curve.conj() @ curve).real)
        likeness = float((curve.conj() @ data).real)
        return float((data.conj() @ data).real) - (likeness**2 / size if size > 0 and likeness > 0 else 0.0)

    width = _DECADES * np.log(10)
    grid = np.linspace(-width, width, 19)
    best = int(np.argmin([misfit(log_d) for log_d in grid]))
    if best in (0, grid.size - 1):
        raise ValueError("the response does not tell D: the best one lies at the end of the search")
    minimum = minimize_scalar(misfit, bounds=(grid[best - 1], grid[best + 1]), method="bounded",
                            options={"xatol": _FINEST})  # fmt: skip
    diffusion = float(contact.diffusion * np.exp(minimum.x))
    ends = [curve_of(float(minimum.x) + sign * _STEP_OF_SLOPE / 2) for sign in (1, -1)]
    relative = error_of_logarithm(data, curve_of(float(minimum.x)), (ends[0] - ends[1]) / _STEP_OF_SLOPE)
    return Estimate(diffusion, relative * diffusion)


def error_of_logarithm(
    data: NDArray[np.inexact], curve: NDArray[np.inexact], slope: NDArray[np.inexact]
) -> float:
    """Return the standard error of the logarithm of the one parameter that gives a curve its shape.

    The curve's real scale is free beside it; how loud the noise is, is taken from what the fit leaves over.

    Parameters
    ----------
    data, curve, slope : ndarray, shape (n,)
        The record, the curve up to its scale, and how it changes with the logarithm.
    """
    # Real and imaginary parts are numbers of their own.
    record, shape, change = (
        np.concatenate([np.real(part), np.imag(part)]) if np.iscomplexobj(data) else np.asarray(part)
        for part in (data, curve, slope)
    )
    size = float(shape @ shape)
    scale = float(shape @ record) / size
    apart = scale * (change - shape * float(shape @ change) / size)
    left = record - scale * shape
    return float(np.sqrt(left @ left / (record.size - 2) / (apart @ apart)))


def _check_frequencies(values: Array) -> None:
    if not ((values >= 0) & (values <= _FASTEST)).all():
        raise ValueError(f"frequencies must be zero or larger, and {_FASTEST:g} Hz at most")


def _spread(frequency: float, contact: TipContact) -> tuple[Array, Complex]:
    """Return radii in tip radii, and the point-spread function there times r dr."""
    from scipy.special import j0

    _check_frequencies(np.asarray(frequency, dtype=np.float64))
    x, weights = _waves(_WAVES_OF_SPREAD)
    q = np.sqrt(x**2 + 2j * np.pi * frequency * contact.diffusion_time)
    green = x * np.exp(-(x**2) / 4) * weights / ((1 + contact.kinetic_length * q) * (x + q))
    r, steps = np.polynomial.legendre.leggauss(200)
    r, steps = 3.0 * (r + 1), 3.0 * steps
    return r, np.asarray(np.exp(-(r**2)) * (j0(np.outer(r, x)) @ green) * r * steps)


def _contrast(waves: Array, r: Array, spread: Complex) -> Array:
    """Return how strongly waves of reactivity show, 1 for a slow one, by their wave number over the tip radius."""
    from scipy.special import j0

    # What is in phase with the mean response changes its amplitude.
    return np.asarray((j0(np.multiply.outer(waves, r)) @ spread / spread.sum()).real)


@lru_cache(maxsize=4)
def _waves(count: int = _WAVES) -> tuple[Array, Array]:
    """Return nodes and weights for integrals over x from 0, finer towards 0, where slow times reach."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    # x goes with s⁴: a wave number as small as 1e-7 has its share of points.
    s = (nodes + 1) / 2
    return _WIDEST * s**4, _WIDEST * 4 * s**3 * weights / 2


def _integral(laplace: Complex, kinetic: float) -> Complex:
    """Return ∫ x e^{−x²/4}/[(1 + λQ)(x + Q)] dx for p R0²/D of any shape."""
    x, weights = _waves()
    numerator = x * np.exp(-(x**2) / 4) * weights
    flat = np.asarray(laplace, dtype=np.complex128).ravel()
    out = np.empty_like(flat)
    for first in range(0, flat.size, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        q = np.sqrt(x**2 + flat[part, None])
        out[part] = (numerator / ((1 + kinetic * q) * (x + q))).sum(axis=1)
    return out.reshape(np.shape(laplace))


def _step(time: Array, kinetic: float) -> Array:
    """Return the response to a unit step at times in R0²/D, zero before."""
    out = np.zeros(time.shape)
    on = time > 0
    # Talbot's contour in the form of Abate and Valkó.
    k = np.arange(1, _TALBOT)
    angle = k * np.pi / _TALBOT
    cot = 1 / np.tan(angle)
    contour = np.concatenate([[2 * _TALBOT / 5 + 0j], 2 * k * np.pi / 5 * (cot + 1j)])
    factors = np.concatenate(
        [[0.5 * np.exp(contour[0])], (1 + 1j * angle * (1 + cot**2) - 1j * cot) * np.exp(contour[1:])]
    )
    p = np.asarray(contour / time[on][:, None], dtype=np.complex128)
    out[on] = 2 / 5 * ((_integral(p, kinetic) / p * factors).real.sum(axis=1)) / time[on]
    return out
