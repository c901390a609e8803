r"""Level 1, linear: traces of pure diffusion under a tip, by finite volumes in space and exactly in time.

``∂c/∂t = D ∇²c`` in a uniform half-space, driven through its surface while the pulse lasts, by

- ``flux``: a constant flux :math:`J_0 e^{-r^2/R_0^2}`; the surface is blocked otherwise and afterwards;
- ``clamped``: the concentration of the surface held at :math:`c_0 e^{-r^2/R_0^2}`, and at zero afterwards.

The equations of the cells are linear, so their solution is a sum of decaying modes and no step of time is needed.
In tip radii R0 and times R0²/D it is one function for every tip and D, tabulated once. Nothing in here knows the
closed forms of `napari_tesm.kernels.one_parameter`: each can check the other.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.limits import (
    check_count,
    check_diffusion,
    check_duration,
    check_factor,
    check_poisson_ratio,
    check_radius,
    check_times,
)
from napari_tesm.simulation.half_space import RingGrid, check_resolved, modes_from_conductances

Array = NDArray[np.float64]

BOUNDARIES: Final = ("flux", "clamped")
"""What the tip does to the surface."""
PULSE: Final = 10e-3
RELAXATION: Final = 15e-3
SAMPLES: Final = 625
"""The record of the t-ESM paper, 10 + 15 ms; 375 samples in the relaxation."""
POISSON_RATIO: Final = 0.25
MOST_SAMPLES: Final = 1_000_000
_SHORTEST, _LONGEST = 1e-6, 1e4
"""Times D t/R0² that the table of responses covers; the grid reaches 6√(D t) at the longest."""
_PER_DECADE: Final = 24
_LEAST_SPREAD: Final = 1e-5


def record_times(pulse: float = PULSE, relaxation: float = RELAXATION, samples: int = SAMPLES) -> Array:
    """Return the times of a record that starts with the pulse, in s, shape (samples,).

    Parameters
    ----------
    pulse, relaxation : float
        How long they last, in s.
    samples : int

    Raises
    ------
    ValueError
        If a length is not positive, or the samples are fewer than two, too many, or no whole number.
    """
    check_duration(pulse, "pulse")
    check_duration(relaxation, "relaxation")
    check_count(samples, "number of samples", fewest=2, most=MOST_SAMPLES)
    return np.asarray(np.arange(samples) * ((pulse + relaxation) / samples), dtype=np.float64)


def traces_from_diffusion(
    D: Sequence[float] | Array | float,
    *,
    time: Array | None = None,
    pulse: float = PULSE,
    tip_radius: float = 25e-9,
    boundary: str = "flux",
    drive: float = 1.0,
    vegard: float = 1.0,
    poisson_ratio: float = POISSON_RATIO,
) -> Array:
    r"""Return the displacement of the surface under the tip for many D, in m, shape (..., time).

    Parameters
    ----------
    D : float or array
        Diffusion coefficients in m²/s.
    time : ndarray, shape (time,)
        In s from the start of the pulse, in any order; zero displacement before it. `record_times` by default.
    pulse : float
        Length of the pulse in s.
    tip_radius : float
        R0 in m, of the flux or concentration exp(−r²/R0²).
    boundary : str
        ``"flux"`` or ``"clamped"``.
    drive : float
        J0 in mol/(m² s), or c0 in mol/m³. With 1 here and for `vegard` the traces are on a relative scale.
    vegard : float
        β in m³/mol: linear strain per concentration.
    poisson_ratio : float

    Raises
    ------
    ValueError
        If a parameter makes no sense, or D t/R0² lies where the grid says nothing.

    Notes
    -----
    Within 0.2 % of the closed forms, sample by sample, for D = 1e-15 … 1e-11 m²/s with the default pulse and tip.

    Examples
    --------
    >>> traces = traces_from_diffusion([1e-13, 4e-13], time=np.array([0.0, 5e-3, 10e-3, 20e-3]))
    >>> (traces / traces[:, 2:3]).round(3)
    array([[0.   , 0.747, 1.   , 0.272],
           [0.   , 0.818, 1.   , 0.186]])
    """
    diffusion = np.asarray(D, dtype=np.float64)
    check_diffusion(diffusion)
    check_drive(pulse, tip_radius, boundary, drive, vegard, poisson_ratio)
    times = record_times(pulse) if time is None else np.asarray(time, dtype=np.float64)
    check_times(times)
    rate = diffusion[..., None] / tip_radius**2
    check_resolved(float((rate * pulse).min(initial=np.inf)), _LEAST_SPREAD)
    if (rate * max(float(times.max(initial=0.0)), pulse)).max(initial=0.0) > _LONGEST:
        raise ValueError(
            "D is too large for this tip and record: the ions spread over more than "
            f"{np.sqrt(_LONGEST):.0f} tip radii, and the grid ends at {6 * np.sqrt(_LONGEST):.0f}"
        )
    traces = _response(rate * times, boundary) - _response(rate * (times - pulse), boundary)
    # A flux fills more in R0²/D the slower the ions are; a concentration is what it is.
    scale = (1 + poisson_ratio) / np.pi * vegard * drive * tip_radius
    return np.asarray(traces * (scale * tip_radius / diffusion[..., None] if boundary == "flux" else scale))


def step_response(
    duration: Array, boundary: str, *, grid: RingGrid | None = None
) -> tuple[Array, Array, Array]:
    """Return strain integral, mass and mass that crossed the surface, some time after the drive was switched on.

    Parameters
    ----------
    duration : ndarray, shape (n,)
        D t/R0².
    boundary : str
        ``"flux"`` or ``"clamped"``, of unit height.
    grid : RingGrid, optional

    Returns
    -------
    strain, mass, inflow : ndarray, shape (n,)
        ``∫ c z/(r² + z²)^(3/2) dV``, ``∫ c dV`` and what came in through the surface, lengths in tip radii.

    Raises
    ------
    ValueError
        If a duration is negative or not finite, or so long that the ions come to the end of the grid.
    """
    grid = grid or RingGrid()
    _check_boundary(boundary)
    if not ((duration >= 0) & np.isfinite(duration)).all():
        raise ValueError("the durations must be zero or larger, and finite")
    grid.check_reach(float(duration.max(initial=0.0)))
    clamped = boundary == "clamped"
    surface = grid.surface_conductance if clamped else 0.0
    rates_r, modes_r = modes_from_conductances(grid.areas, grid.conductances_r)
    rates_z, modes_z = modes_from_conductances(grid.depths, grid.conductances_z, surface)
    # What a unit drive puts into each mode per time; only the first layer touches the surface.
    into_r = modes_r.T @ (grid.gaussian * np.sqrt(grid.areas))
    into_z = modes_z[0] * ((surface if clamped else 1.0) / np.sqrt(grid.depths[0]))
    source = np.outer(into_z, into_r)
    roots = np.sqrt(grid.volumes)
    strain_of = modes_z.T @ (grid.strain_weights / roots) @ modes_r * source
    mass_of = np.outer(modes_z.T @ np.sqrt(grid.depths), modes_r.T @ np.sqrt(grid.areas)) * source
    rates = rates_z[:, None] + rates_r
    strain, mass, filled = (np.empty(duration.size) for _ in range(3))
    supply = float(grid.gaussian @ grid.areas)
    # How much of the lack at the surface each mode makes up for in the end: together all of it, since then nothing
    # crosses the surface of a closed box any more. So what crossed is a sum over the modes, and not the small
    # difference of what the clamp drives in and what comes back.
    final_of = np.outer(modes_z[0] / np.sqrt(grid.depths[0]), modes_r.T @ np.sqrt(grid.areas)) * source
    if clamped:
        final_of /= rates
    for index, span in enumerate(duration):
        charge = _charge(rates * span)
        strain[index] = span * np.vdot(strain_of, charge)
        mass[index] = span * np.vdot(mass_of, charge)
        filled[index] = supply * span
        if clamped:
            filled[index] = surface * span * np.vdot(final_of, charge)
    return strain, mass, filled


def _charge(decay: Array) -> Array:
    """Return (1 − e^−y)/y, what a mode with the decay y has reached under a drive switched on."""
    return np.asarray(-np.expm1(-decay) / np.maximum(decay, 1e-300) + (decay == 0))


@lru_cache(maxsize=len(BOUNDARIES))
def _table(boundary: str) -> Any:
    """Return a spline of ln strain against ln(D t/R0²)."""
    from scipy.interpolate import CubicSpline  # slow to load, and needed here alone

    count = round(np.log10(_LONGEST / _SHORTEST)) * _PER_DECADE + 1
    logs = np.linspace(np.log(_SHORTEST), np.log(_LONGEST), count)
    return CubicSpline(logs, np.log(step_response(np.exp(logs), boundary)[0]))


def _response(duration: Array, boundary: str) -> Array:
    """Return the strain integral of a unit drive switched on at 0; zero before."""
    table = _table(boundary)
    out = np.zeros(duration.shape)
    on = duration > 0
    logs = np.log(duration[on])
    shortest = np.log(_SHORTEST)
    # Below the table flat diffusion holds: as t under a flux, as √t under a clamp.
    slope = 1.0 if boundary == "flux" else 0.5
    out[on] = np.exp(table(np.maximum(logs, shortest)) + slope * np.minimum(logs - shortest, 0.0))
    return out


def check_drive(
    pulse: float, tip_radius: float, boundary: str, drive: float, vegard: float, poisson_ratio: float
) -> None:
    """Raise a ValueError for what a tip cannot do to a sample; the arguments are those of `traces_from_diffusion`."""
    check_duration(pulse, "pulse")
    check_radius(tip_radius)
    check_poisson_ratio(poisson_ratio)
    check_factor(drive, "drive")
    check_factor(vegard, "Vegard coefficient")
    _check_boundary(boundary)


def _check_boundary(boundary: str) -> None:
    if boundary not in BOUNDARIES:
        raise ValueError(f"unknown boundary '{boundary}': choose one of {', '.join(BOUNDARIES)}")
