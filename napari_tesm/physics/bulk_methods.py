r"""Bulk methods that measure D of a film, beside the tip that measures it at one place.

A film of thickness L on a blocking substrate, ions entering through its free face; what each method records follows
from the diffusion equation without approximation, and D is taken from it by the formula the method is known for:

- PITT, a step of potential: :math:`D = -\frac{4L^2}{\pi^2}\frac{d\ln I}{dt}` from the late current;
- GITT, a pulse of current of length τ ≪ L²/D: :math:`D = \frac{4L^2}{\pi\tau}(\Delta E_s/\Delta E_t)^2`;
- EIS, an impedance: :math:`D = \frac{1}{2}(\frac{L}{\sigma C})^2` from the Warburg coefficient σ and the capacity C.

References: Weppner, W. and Huggins, R. A. (1977). J. Electrochem. Soc. 124, 1569; Ho, C., Raistrick, I. D. and Huggins,
R. A. (1980). J. Electrochem. Soc. 127, 343; Wen, C. J. et al. (1979). J. Electrochem. Soc. 126, 2258.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.physics.tip import (
    Estimate,
    TipContact,
    check_frequency_range,
    diffusion_from_response,
    error_of_logarithm,
    response_from_frequency,
    response_from_time,
)
from napari_tesm.quantities.limits import (
    check_count,
    check_diffusion,
    check_duration,
    check_factor,
    check_within,
)

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

FARADAY: Final = 96485.33212
_MEDIAN: Final = 1.2533
"""Standard error of a median over that of a mean, √(π/2)."""
_TERMS: Final = 20
_FLAT: Final = 0.02
_LATE: Final = 0.65
_THICKNESSES: Final = (1e-12, 1.0)
_AREAS: Final = (1e-24, 1e6)
GITT_PULSE: Final = 0.05
"""Length of the current pulse of `compared_methods`, in L²/D: short of what the substrate answers."""


@dataclass(frozen=True)
class Film:
    """A film electrode of a material, in SI units.

    Parameters
    ----------
    diffusion : float
        D in m²/s.
    thickness : float
        L in m.
    area : float
        In m².
    potential_slope : float
        dE/dc in V m³/mol.

    Raises
    ------
    ValueError
        If a value makes no sense.
    """

    diffusion: float
    thickness: float = 1e-6
    area: float = 1e-4
    potential_slope: float = -2e-5

    def __post_init__(self) -> None:
        check_diffusion(self.diffusion)
        _check_thickness(self.thickness)
        check_within(self.area, "area of the film", _AREAS, "m²")
        if self.potential_slope == 0:
            raise ValueError("the potential must depend on the concentration: its slope cannot be zero")
        check_factor(self.potential_slope, "slope of the potential")

    @property
    def diffusion_time(self) -> float:
        """L²/D in s."""
        return self.thickness**2 / self.diffusion


def titration_current(time: ArrayLike, film: Film, *, potential_step: float = -10e-3) -> Array:
    r"""Return the PITT current, in A, at times after a step of potential, in s and V; positive where ions enter.

    :math:`I = \frac{2FAD\Delta c}{L}\sum_n e^{-(n+1/2)^2\pi^2Dt/L^2}`.

    Raises
    ------
    ValueError
        If a time is not positive: the current begins infinite.
    """
    check_factor(potential_step, "step of the potential")
    x = np.atleast_1d(_reduced_times(time, film))
    if not (x > 0).all():
        raise ValueError("the current begins infinite: the times must be larger than zero")
    change = potential_step / film.potential_slope
    # Before anything comes back from the substrate the series is Cottrell's law, to e^−50.
    sums = 1 / (2 * np.sqrt(np.pi * x))
    late = x > _FLAT
    rates = (np.arange(_TERMS) + 0.5) ** 2 * np.pi**2
    sums[late] = np.exp(-np.multiply.outer(x[late], rates)).sum(axis=-1)
    current = 2 * FARADAY * film.area * film.diffusion * change / film.thickness * sums
    return np.asarray(current.reshape(np.shape(time)))


def diffusion_from_titration_current(time: ArrayLike, current: ArrayLike, thickness: float) -> Estimate:
    """Return D from the late PITT current: an exponential from where 65 % of the record's charge has passed.

    With its standard error, from what the exponential leaves over. By then the next term of the series is below 0.2 %.
    The charge finds the place, not the current: noise cancels in it.

    Raises
    ------
    ValueError
        If there are too few samples, their times do not increase from zero, or the late current does not decay.
    """
    from scipy.optimize import minimize_scalar

    _check_thickness(thickness)
    t, i = _pair(time, current)
    charge = np.concatenate([[0.0], np.cumsum((i[1:] + i[:-1]) / 2 * np.diff(t))]) + 2 * i[0] * t[0]
    late = charge / charge[-1] > _LATE
    t, i = t[late] - t[late.argmax()], i[late]
    if t.size < 5:
        raise ValueError("the current has too few samples late in its decay: the record must be longer")

    def misfit(log_rate: float) -> float:
        curve = np.exp(-np.exp(log_rate) * t)
        return float(i @ i - (curve @ i) ** 2 / (curve @ curve))

    low, high = np.log(0.01 / t[-1]), np.log(100 / t[-1])
    best = minimize_scalar(misfit, bounds=(low, high), method="bounded", options={"xatol": 1e-8})
    if not low + 0.1 < best.x < high - 0.1:
        raise ValueError("the late current does not decay as PITT has it: no D")
    curve = np.exp(-np.exp(best.x) * t)
    relative = error_of_logarithm(i, curve, -np.exp(best.x) * t * curve)
    return _positive(4 * thickness**2 / np.pi**2 * float(np.exp(best.x)), relative, "PITT")


def pulse_potential(time: ArrayLike, film: Film, *, pulse: float, current: float = 1e-3) -> Array:
    """Return the GITT potential against that before the pulse, in V, at times in s, without the ohmic drop.

    A constant current in A until `pulse`, in s, then rest.
    """
    values = np.asarray(time, dtype=np.float64)
    check_duration(pulse, "pulse")
    check_factor(current, "current")
    flux = current / (FARADAY * film.area)
    x = _reduced_times(np.maximum(values, 0), film)
    after = _reduced_times(np.maximum(values - pulse, 0), film)
    rise = _surface_concentration(x) - _surface_concentration(after)
    return np.asarray(film.potential_slope * flux * film.thickness / film.diffusion * rise)


def diffusion_from_pulse_potential(
    time: ArrayLike, potential: ArrayLike, thickness: float, *, pulse: float
) -> Estimate:
    """Return D from a GITT pulse: ΔE_t from E against √t in the pulse, ΔE_s from the last tenth of the rest.

    With its standard error, from the scatter about the line in the pulse and about the mean of the rest.

    Raises
    ------
    ValueError
        If there are too few samples in the pulse or in the rest.
    """
    from scipy.stats import linregress

    _check_thickness(thickness)
    check_duration(pulse, "pulse")
    t, e = _pair(time, potential)
    inside, late = (t > 0.05 * pulse) & (t <= pulse), t >= t.max() - 0.1 * (t.max() - pulse)
    if inside.sum() < 3 or not late.any() or t.max() <= pulse:
        raise ValueError("GITT needs samples during the pulse and a rest after it")
    line = linregress(np.sqrt(t[inside]), e[inside])
    rest = float(e[late].mean())
    ratio = rest / (line.slope * np.sqrt(pulse))
    of_rest = float(e[late].std(ddof=1)) / np.sqrt(late.sum()) if late.sum() > 1 else 0.0
    relative = 2 * float(np.hypot(line.stderr / line.slope, of_rest / rest))
    return _positive(4 / (np.pi * pulse) * (thickness * ratio) ** 2, relative, "GITT")


def impedance(frequency: ArrayLike, film: Film) -> Complex:
    r"""Return the finite-space Warburg impedance, in Ω, for frequencies in Hz.

    :math:`Z = R_D\coth(\sqrt{j\omega L^2/D})/\sqrt{j\omega L^2/D}`, :math:`R_D = |dE/dc|\,L/(FAD)`.
    """
    values = np.asarray(frequency, dtype=np.float64)
    if not ((values > 0) & np.isfinite(values)).all():
        raise ValueError("frequencies must be larger than zero")
    resistance = abs(film.potential_slope) * film.thickness / (FARADAY * film.area * film.diffusion)
    root = np.sqrt(2j * np.pi * values * film.diffusion_time)
    return np.asarray(resistance / (root * np.tanh(root)))


def diffusion_from_impedance(frequency: ArrayLike, impedances: ArrayLike, thickness: float) -> Estimate:
    """Return D from the Warburg line where the phase is within 3° of −45°, and the capacity at low frequencies.

    With its standard error, from the scatter of both about their medians.

    Raises
    ------
    ValueError
        If one of the two regimes is not in the spectrum.
    """
    _check_thickness(thickness)
    f, z = np.asarray(frequency, dtype=np.float64), np.asarray(impedances, dtype=np.complex128)
    if f.shape != z.shape or f.ndim != 1:
        raise ValueError("the spectrum needs one frequency for each impedance")
    if not (f > 0).all() or not np.isfinite(f).all() or not np.isfinite(z).all():
        raise ValueError("the spectrum must be finite, its frequencies larger than zero")
    phase = np.angle(z, deg=True)
    warburg, capacitive = np.abs(phase + 45) < 3, phase < -80
    if warburg.sum() < 3 or not capacitive.any():
        raise ValueError("the spectrum must reach from Warburg's line down to where the film is a capacity")
    omega = 2 * np.pi * f
    coefficients, capacities = (
        np.abs(z[warburg]) * np.sqrt(omega[warburg] / 2),
        -1 / (omega * z.imag)[capacitive],
    )
    coefficient, capacity = float(np.median(coefficients)), float(np.median(capacities))
    # One noise in both: a single frequency in one of them has no scatter of its own.
    left = np.concatenate([coefficients / coefficient, capacities / capacity]) - 1
    scatter = float(np.sqrt(left @ left / (left.size - 2)))
    relative = 2 * _MEDIAN * scatter * float(np.sqrt(1 / coefficients.size + 1 / capacities.size))
    return _positive(0.5 * (thickness / (coefficient * capacity)) ** 2, relative, "EIS")


@dataclass(frozen=True)
class MethodResult:
    """What one method records of a material, and the D taken from it.

    Parameters
    ----------
    name : str
    where, signal : ndarray
        Times in s or frequencies in Hz, and the record with its noise.
    diffusion, error : float
        D in m²/s, and its standard error.
    seconds : float
        How long the measurement lasts: the record, or one period of the lowest frequency.
    length : float
        The length over which ions move in it, in m.
    """

    name: str
    where: Array
    signal: NDArray[np.generic]
    diffusion: float
    error: float
    seconds: float
    length: float


def compared_methods(
    film: Film,
    contact: TipContact,
    *,
    pulse: float = 10e-3,
    noise: float = 0.01,
    seed: int = 0,
    frequencies: tuple[float, float] | None = None,
) -> list[MethodResult]:
    """Return ESM in time and frequency, PITT, GITT and EIS of one material, each with noise.

    Parameters
    ----------
    film, contact : Film, TipContact
        With the same D.
    pulse : float
        Of ESM, in s; its relaxation is recorded half as long again.
    noise : float
        Standard deviation, as a part of the largest value of a record in time, of each value of one in frequency.
    seed : int
    frequencies : (float, float), optional
        From where to where the tip is driven, in Hz; by default about the reciprocal of R0²/D.

    Raises
    ------
    ValueError
        If the two have not the same D, or a method cannot tell it from its record.
    """
    if film.diffusion != contact.diffusion:
        raise ValueError("film and contact are to be of the same material: their D differ")
    if not 0 <= noise < 1:
        raise ValueError(f"the noise is a part of the signal, 0 to 1, not {noise:g}")
    check_duration(pulse, "pulse")
    check_count(seed, "seed", fewest=0, most=2**63)
    rng = np.random.default_rng(int(seed))

    def real(signal: Array) -> Array:
        return np.asarray(signal + noise * np.abs(signal).max() * rng.standard_normal(signal.size))

    def each(signal: Complex) -> Complex:
        spread = rng.standard_normal(signal.size) + 1j * rng.standard_normal(signal.size)
        return np.asarray(signal * (1 + noise * spread / np.sqrt(2)))

    # The fits begin elsewhere than at the truth.
    start = replace(contact, diffusion=3 * contact.diffusion)
    slow, span = film.diffusion_time, 1 / (2 * np.pi * contact.diffusion_time)
    out = []
    time = np.asarray(np.arange(1, 251) * (pulse / 100), dtype=np.float64)
    trace = real(response_from_time(time, contact, pulse=pulse))
    diffusion = diffusion_from_response(time, trace, start, pulse=pulse)
    out.append(MethodResult("ESM, time", time, trace, *diffusion, 2.5 * pulse, contact.tip_radius))
    low, high = frequencies or (span / 100, span * 1000)
    check_frequency_range(low, high)
    # Eight to a decade; a narrow range has as many as the usual one.
    where = np.geomspace(low, high, max(41, 1 + round(8 * np.log10(high / low))))
    spectrum = each(response_from_frequency(where, contact))
    diffusion = diffusion_from_response(where, spectrum, start)
    out.append(MethodResult("ESM, frequency", where, spectrum, *diffusion, 1 / where[0], contact.tip_radius))
    time = np.linspace(0, 1.5 * slow, 1501)[1:]
    current = real(titration_current(time, film))
    diffusion = diffusion_from_titration_current(time, current, film.thickness)
    out.append(MethodResult("PITT", time, current, *diffusion, 1.5 * slow, film.thickness))
    gitt_pulse = GITT_PULSE * slow
    time = np.linspace(0, 2 * slow, 4001)[1:]
    potential = real(pulse_potential(time, film, pulse=gitt_pulse))
    diffusion = diffusion_from_pulse_potential(time, potential, film.thickness, pulse=gitt_pulse)
    out.append(MethodResult("GITT", time, potential, *diffusion, 2 * slow, film.thickness))
    where = np.geomspace(0.02 / slow, 200 / slow, 41)
    z = each(impedance(where, film))
    diffusion = diffusion_from_impedance(where, z, film.thickness)
    out.append(MethodResult("EIS", where, z, *diffusion, 1 / where[0], film.thickness))
    return out


def _reduced_times(time: ArrayLike, film: Film) -> Array:
    values = np.asarray(time, dtype=np.float64)
    if not ((values >= 0) & np.isfinite(values)).all():
        raise ValueError("the times must be zero or later")
    return np.asarray(values / film.diffusion_time)


def _surface_concentration(x: Array) -> Array:
    """Return x + 1/3 − (2/π²) Σ exp(−n²π²x)/n², the surface under a unit flux."""
    out = 2 * np.sqrt(x / np.pi)
    late = x > 1e-3
    # Before anything comes back from the substrate the film is a half-space.
    n = np.arange(1, 75)
    series = (np.exp(-np.multiply.outer(x[late], n**2 * np.pi**2)) / n**2).sum(axis=-1)
    out[late] = x[late] + 1 / 3 - 2 / np.pi**2 * series
    return np.asarray(out)


def _pair(where: ArrayLike, values: ArrayLike) -> tuple[Array, Array]:
    places, signal = (np.asarray(part, dtype=np.float64) for part in (where, values))
    if places.shape != signal.shape or places.ndim != 1 or places.size < 5:
        raise ValueError("five samples at least are needed, each with its time")
    if not (
        np.isfinite(places).all()
        and np.isfinite(signal).all()
        and places[0] >= 0
        and (np.diff(places) > 0).all()
    ):
        raise ValueError("the samples must be finite, and their times increase from zero or later")
    return places, signal


def _check_thickness(thickness: float) -> None:
    if not _THICKNESSES[0] <= thickness <= _THICKNESSES[1]:
        raise ValueError(f"the thickness of the film lies between 1 pm and 1 m, not at {thickness:g} m")


def _positive(value: float, relative: float, method: str) -> Estimate:
    if not 0 < value < np.inf:
        raise ValueError(f"{method} does not tell D from this record")
    return Estimate(float(value), abs(float(value * relative)))
