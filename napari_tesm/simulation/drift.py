r"""Level 1 with drift: ions on a limited number of sites, driven by the potential of the tip.

:math:`\partial c/\partial t = \nabla\cdot[D\nabla c + \frac{zF}{RT} D c (1 - c/c_{max})\nabla\varphi]`, the surface
blocked, with the potential of a point charge one tip radius above it, :math:`\varphi = V R_0/\sqrt{r^2+(z+R_0)^2}`,
while the pulse lasts. It is given, not solved for: charges in the sample do not screen it, but for the `coupling`.

Written for the occupied part θ = c/cmax of the sites, the flux between two cells is that of particles which hop to
free sites,

.. math:: J_{ij} = g_{ij}\,[B(\Delta)\,\theta_i(1-\theta_j) - B(-\Delta)\,\theta_j(1-\theta_i)],
   \quad \Delta = \frac{zF}{RT}(\varphi_j-\varphi_i),\quad B(x) = \frac{x}{e^x-1},

which is Scharfetter and Gummel's where few sites are occupied (IEEE Trans. Electron Devices 16, 64 (1969)), keeps θ
between 0 and 1, and vanishes exactly in the equilibrium :math:`\theta/(1-\theta)\propto e^{-zF\varphi/RT}`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
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
    check_within,
)
from napari_tesm.simulation.half_space import RingGrid, check_resolved
from napari_tesm.simulation.level1 import PULSE, record_times

Array = NDArray[np.float64]

FARADAY_OVER_GAS: Final = 96485.33212 / 8.314462618
"""F/R in K/V."""
DRIFT_GRID: Final = RingGrid(finest_r=0.06, finest_z=0.01, growth_r=1.09, growth_z=1.1, extent=60.0)
_LARGEST_CHARGE: Final = 10
_VOLTAGES: Final = (-1e3, 1e3)
_TEMPERATURES: Final = (1.0, 1e4)
_MOST_REFINED: Final = 1000
_GAMMA: Final = float(1 - 1 / np.sqrt(2))
_LEAST_SPREAD: Final = 1e-6
"""Of D t/R0²: a tenth of the thinnest layer of the default grid."""
_NEWTON_STEPS: Final = 25
_NEWTON_TOLERANCE: Final = 1e-10
"""Of θ; the error left is the square of it."""
_FEWEST_STEPS: Final = 16
_STEP_GROWTH: Final = 1.3


@dataclass(frozen=True)
class Host:
    """A material that holds ions, in SI units.

    Parameters
    ----------
    diffusion : float
        D in m²/s.
    filling : float
        Part of the sites that is occupied far from the tip, between 0 and 1.
    site_concentration : float
        cmax in mol/m³.
    vegard : float
        β in m³/mol: linear strain per concentration, a third of the ions' partial molar volume.
    poisson_ratio, charge, temperature : float
        The charge in elementary charges, the temperature in K.

    Raises
    ------
    ValueError
        If a value makes no sense.
    """

    diffusion: float = 4e-13
    filling: float = 0.2
    site_concentration: float = 5e4
    vegard: float = 3e-6
    poisson_ratio: float = 0.25
    charge: float = 1.0
    temperature: float = 298.15

    def __post_init__(self) -> None:
        check_diffusion(np.asarray(self.diffusion))
        check_poisson_ratio(self.poisson_ratio)
        if not 0 < self.filling < 1:
            raise ValueError(f"the filling must lie between 0 and 1, not at {self.filling:g}")
        if not self.site_concentration > 0:
            raise ValueError(
                f"the site concentration must be larger than zero, not {self.site_concentration:g} mol/m³"
            )
        check_within(self.temperature, "temperature", _TEMPERATURES, "K")
        check_factor(self.site_concentration, "site concentration")
        check_factor(self.vegard, "Vegard coefficient")
        if not 0 < abs(self.charge) <= _LARGEST_CHARGE:
            raise ValueError(
                f"the charge of the ions must not be zero, and at most {_LARGEST_CHARGE} elementary charges, "
                f"not {self.charge:g}"
            )


@dataclass(frozen=True)
class DriftTrace:
    """What a pulse does to the surface and to the ions.

    Parameters
    ----------
    time, displacement : ndarray, shape (time,)
        In s and m, at the times asked for.
    steps, imbalance : ndarray, shape (step,)
        Times of the solver's own steps, in s, and the ions gained or lost until then, as a part of those that moved.
    occupation : ndarray, shape (z, r)
        θ at the end of the pulse.
    """

    time: Array
    displacement: Array
    steps: Array
    imbalance: Array
    occupation: Array


def drift_trace(
    voltage: float,
    host: Host | None = None,
    *,
    time: Array | None = None,
    pulse: float = PULSE,
    tip_radius: float = 25e-9,
    coupling: float = 1.0,
    grid: RingGrid = DRIFT_GRID,
    refinement: int = 1,
) -> DriftTrace:
    """Return the displacement under the tip during and after a dc pulse.

    Parameters
    ----------
    voltage : float
        Of the tip against the far field, in V. Negative attracts positive ions: the surface expands.
    host : Host, optional
    time : ndarray, shape (time,)
        In s from the start of the pulse; `record_times` by default.
    pulse, tip_radius : float
        In s and m.
    coupling : float
        Part of the voltage that the ions feel, 0 to 1; the rest is lost in contact and screening.
    grid : RingGrid
    refinement : int
        Steps of time are smaller by this factor.

    Raises
    ------
    ValueError
        If a parameter makes no sense, or the ions spread beyond the grid.
    RuntimeError
        If a step of time does not converge.
    """
    host = host or Host()
    times = record_times(pulse) if time is None else np.asarray(time, dtype=np.float64)
    check_duration(pulse, "pulse")
    check_radius(tip_radius)
    check_within(voltage, "voltage of a tip", _VOLTAGES, "V")
    if not 0 <= coupling <= 1:
        raise ValueError(f"the coupling is a part of the voltage, 0 to 1, not {coupling:g}")
    check_times(times)
    check_count(refinement, "refinement of the steps", fewest=1, most=_MOST_REFINED)
    rate = host.diffusion / tip_radius**2
    end = max(float(times.max()), pulse) * rate
    grid.check_reach(end)
    check_resolved(pulse * rate, _LEAST_SPREAD)
    energy = host.charge * FARADAY_OVER_GAS / host.temperature * voltage * coupling
    lattice = SiteLattice(grid, host.filling)
    start = np.zeros(grid.volumes.size)
    first = 1e-3 / (1 + abs(energy))
    steps = _step_times(0.0, pulse * rate, first, refinement)
    driven = _integrate(lattice, start, energy, steps)
    stretches = [driven]
    if times.max() > pulse:
        steps = _step_times(pulse * rate, end, first, refinement)
        stretches.append(_integrate(lattice, driven.final, 0.0, steps))
    strain = np.zeros(times.size)
    for stretch in stretches:
        inside = (times * rate > stretch.times[0]) & (times * rate <= stretch.times[-1] * (1 + 1e-12))
        strain[inside] = stretch.strain_at(times[inside] * rate)
    scale = (1 + host.poisson_ratio) / np.pi * host.vegard * host.site_concentration * tip_radius
    return DriftTrace(
        times,
        scale * strain,
        np.concatenate([stretch.times for stretch in stretches]) / rate,
        np.concatenate([stretch.imbalance for stretch in stretches]),
        (host.filling + driven.final).reshape(grid.volumes.shape),
    )


def voltage_series(
    voltages: Sequence[float],
    host: Host | None = None,
    *,
    progress: Callable[[float, str], None] | None = None,
    **options: Any,
) -> tuple[Array, Array]:
    """Return H in m, shape (voltage,), and the traces, shape (voltage, time), for pulses of several voltages.

    H is the displacement at the end of the pulse. It falls behind the voltage as the sites under the tip fill up, or
    empty: Fig. 6 of the t-ESM paper.

    Parameters
    ----------
    voltages : sequence of float
        In V.
    host : Host, optional
        The electrode under the tip.
    progress : callable, optional
        Takes the part that is done and what is being done.
    **options
        Those of `drift_trace`.
    """
    traces = []
    for index, voltage in enumerate(voltages):
        if progress:
            progress(index / len(voltages), f"pulse of {voltage:g} V")
        traces.append(drift_trace(voltage, host, **options))
    if progress:
        progress(1.0, "done")
    end = options.get("pulse", PULSE)
    return (
        np.array([np.interp(end, trace.time, trace.displacement) for trace in traces]),
        np.array([trace.displacement for trace in traces]),
    )


class SiteLattice:
    """Cells and faces of a grid as flat lists, and the rate at which they fill.

    What is followed is the change of θ, not θ: far away, where the cells are huge, hardly anything changes, and the
    last digit of θ would be more ions than are moved.
    """

    def __init__(self, grid: RingGrid, filling: float) -> None:
        self.filling = filling
        self.volumes = grid.volumes.ravel()
        self.weights = grid.strain_weights.ravel()
        number = np.arange(self.volumes.size).reshape(grid.volumes.shape)
        self.inner = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
        self.outer = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
        self.conductances = np.concatenate([
            np.outer(grid.depths, grid.conductances_r).ravel(),
            np.outer(grid.conductances_z, grid.areas).ravel(),
        ])  # fmt: skip
        r, z = ((faces[1:] + faces[:-1]) / 2 for faces in (grid.r_faces, grid.z_faces))
        potential = 1 / np.hypot(r, z[:, None] + 1).ravel()
        self.fall = potential[self.outer] - potential[self.inner]

    def drive(self, energy: float) -> tuple[Array, Array]:
        """Return the conductances outward and inward for a potential energy at the tip, in RT."""
        return self.conductances * _bernoulli(energy * self.fall), self.conductances * _bernoulli(
            -energy * self.fall
        )

    def filling_rate(self, change: Array, drive: tuple[Array, Array]) -> Array:
        """Return ∂θ/∂t in each cell."""
        inner, outer = self._sides(change)
        flux = drive[0] * inner * (1 - outer) - drive[1] * outer * (1 - inner)
        size = self.volumes.size
        gained = np.bincount(self.outer, flux, size) - np.bincount(self.inner, flux, size)
        return np.asarray(gained / self.volumes)

    def _sides(self, change: Array) -> tuple[Array, Array]:
        return self.filling + change[self.inner], self.filling + change[self.outer]

    def stage(self, base: Array, drive: tuple[Array, Array], span: float) -> Array:
        """Return the rate k with ``k = filling rate at base + span · k``, by Newton's method.

        Its steps solve equations that balance cell by cell: no ion is lost, however far they went.
        """
        change = base
        for _ in range(_NEWTON_STEPS):
            missed = base + span * self.filling_rate(change, drive) - change
            step = self._system(change, drive, span).solve(missed)
            change = change + step
            if np.abs(step).max() < _NEWTON_TOLERANCE:
                return np.asarray((change - base) / span)
        raise RuntimeError(
            "the drift of the ions could not be followed: take a finer refinement of the steps"
        )

    def _system(self, change: Array, drive: tuple[Array, Array], span: float) -> Any:
        """Return 1 − span · ∂(rate)/∂θ, factorised."""
        from scipy.sparse import coo_matrix, identity
        from scipy.sparse.linalg import splu

        inner, outer = self._sides(change)
        by_inner = drive[0] * (1 - outer) + drive[1] * outer
        by_outer = -(drive[0] * inner + drive[1] * (1 - inner))
        rows = np.concatenate([self.outer, self.outer, self.inner, self.inner])
        columns = np.concatenate([self.inner, self.outer, self.inner, self.outer])
        values = np.concatenate([by_inner, by_outer, -by_inner, -by_outer]) / self.volumes[rows]
        size = self.volumes.size
        slopes = coo_matrix((values, (rows, columns)), (size, size))
        return splu((identity(size) - span * slopes).tocsc(), permc_spec="MMD_AT_PLUS_A")


def _bernoulli(x: Array) -> Array:
    """Return x/(e^x − 1)."""
    small = np.abs(x) < 1e-5
    # Overflow would be 0 in the end, but not without a warning.
    safe = np.clip(np.where(small, 1.0, x), -700, 700)
    return np.where(small, 1 - x / 2, safe / np.expm1(safe))


@dataclass(frozen=True)
class _Stretch:
    """Solution over a time with a constant drive, at the ends of the steps; `slopes` are those of the strain."""

    times: Array
    strain: Array
    slopes: Array
    imbalance: Array
    final: Array

    def strain_at(self, times: Array) -> Array:
        return np.asarray(self._spline(times))

    @cached_property
    def _spline(self) -> Any:
        from scipy.interpolate import CubicHermiteSpline

        return CubicHermiteSpline(self.times, self.strain, self.slopes)


def _integrate(lattice: SiteLattice, change: Array, energy: float, times: Array) -> _Stretch:
    """Integrate by a two-stage L-stable method of second order (Alexander, R. (1977). SIAM J. Numer. Anal. 14, 1006).

    It damps at once what a sudden voltage excites, where that of Crank and Nicolson would ring.
    """
    drive = lattice.drive(energy)
    strain, slopes, imbalance = (np.zeros(times.size) for _ in range(3))
    for index, time in enumerate(times):
        if index:
            span = time - times[index - 1]
            early = lattice.stage(change, drive, _GAMMA * span)
            late = lattice.stage(change + (1 - _GAMMA) * span * early, drive, _GAMMA * span)
            change = change + span * ((1 - _GAMMA) * early + _GAMMA * late)
        strain[index] = change @ lattice.weights
        slopes[index] = lattice.filling_rate(change, drive) @ lattice.weights
        moved = np.abs(change) @ lattice.volumes
        imbalance[index] = change @ lattice.volumes / moved if moved > 0 else 0.0
    return _Stretch(times, strain, slopes, imbalance, change)


def _step_times(start: float, end: float, first: float, refinement: int) -> Array:
    """Return times that grow apart from a sudden change at the start, by up to a sixteenth of the stretch."""
    length = end - start
    spans, reached = [min(first, length / _FEWEST_STEPS)], 0.0
    while reached + spans[-1] < length:
        reached += spans[-1]
        spans.append(min(spans[-1] * _STEP_GROWTH, length / _FEWEST_STEPS))
    edges = np.concatenate([[0.0], np.cumsum(spans)])
    edges *= length / edges[-1]
    positions = np.arange((edges.size - 1) * refinement + 1) / refinement
    times = start + np.interp(positions, np.arange(edges.size), edges)
    times[-1] = end
    return np.asarray(times)
