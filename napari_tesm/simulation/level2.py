r"""Level 2: traces where D depends on the place, by finite volumes in three dimensions.

``∂c/∂t = ∇·(D(x, y) ∇c)`` in a half-space under a tip at any place, driven as in level 1. D does not depend on the
depth, so the modes of the layers do not mix: each is a problem in the plane, ``∂c/∂t = ∇·(D∇c) − λDc``, with a sparse
matrix of its own. The grid is finest under the tip and goes with it; elastically the sample is homogeneous.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.limits import check_diffusion, check_times
from napari_tesm.simulation.half_space import RingGrid, modes_from_conductances
from napari_tesm.simulation.level1 import POISSON_RATIO, PULSE, check_drive, record_times

Array = NDArray[np.float64]
DiffusionMap = Callable[[Array, Array], Array]
"""D in m²/s at points x and y, in m, of one shape."""

_GAMMA: Final = float(1 - 1 / np.sqrt(2))
_PER_LEVEL: Final = 8
_LEVELS: Final = 9
"""Steps of one length, and lengths, each twice the one before: 1/4088 of the record is the shortest."""
_POINTS: Final = (-0.4, -0.2, 0.0, 0.2, 0.4)
"""Where in a cell D is looked up, in cells from its centre."""
_REACH: Final = 4.0
_FARTHEST_REACH: Final = 100.0
_FARTHEST: Final = 1.0


@dataclass(frozen=True)
class BoxGrid:
    """Boxes under the tip, lengths in tip radii: the same spacing to both sides along x and y.

    Parameters
    ----------
    finest, growth : float
        Size of the cells next to the axis of the tip, and the factor by which each next one is larger.
    finest_z, growth_z : float
        The same for the layers.

    Raises
    ------
    ValueError
        If the grid is too coarse or too steep.
    """

    finest: float = 0.12
    growth: float = 1.12
    finest_z: float = 0.02
    growth_z: float = 1.12

    def __post_init__(self) -> None:
        # The checks are those of the rings: the same contact has to be resolved.
        self.layers(10.0)

    def layers(self, extent: float) -> RingGrid:
        """Return rings with the layers of this grid to a depth, in tip radii."""
        return RingGrid(self.finest, self.finest_z, self.growth, self.growth_z, max(extent, 10.0))

    def faces(self, extent: float) -> Array:
        """Return the faces along x or y, in tip radii from the axis."""
        half = self.layers(extent).r_faces
        return np.concatenate([-half[:0:-1], half])


@dataclass(frozen=True)
class TipModel:
    """How a tip probes a sample whose D depends on the place.

    Parameters
    ----------
    diffusion : callable
        D in m²/s for arrays x and y in m.
    time : ndarray, shape (time,), optional
        In s from the start of the pulse; `record_times` by default.
    pulse, tip_radius, boundary, drive, vegard, poisson_ratio
        As in `napari_tesm.simulation.traces_from_diffusion`.
    grid : BoxGrid

    Raises
    ------
    ValueError
        If a parameter makes no sense.
    """

    diffusion: DiffusionMap
    time: Array | None = None
    pulse: float = PULSE
    tip_radius: float = 25e-9
    boundary: str = "flux"
    drive: float = 1.0
    vegard: float = 1.0
    poisson_ratio: float = POISSON_RATIO
    grid: BoxGrid = BoxGrid()

    def __post_init__(self) -> None:
        check_drive(self.pulse, self.tip_radius, self.boundary, self.drive, self.vegard, self.poisson_ratio)
        check_times(self.times)

    @cached_property
    def times(self) -> Array:
        """Times of the samples, in s."""
        return record_times(self.pulse) if self.time is None else np.asarray(self.time, dtype=np.float64)

    def trace_at(self, x: float, y: float) -> Array:
        """Return the displacement, in m, shape (time,), with the tip at a place, in m.

        Raises
        ------
        ValueError
            If D is not positive somewhere, or hardly anything moves.
        """
        return self.solution_at(x, y)[0]

    def solution_at(self, x: float, y: float) -> tuple[Array, float]:
        """Return the trace, and the ions gained or lost at the end as a part of those that crossed the surface.

        The end is that of the record under a drive that stays on.
        """
        from scipy.interpolate import CubicHermiteSpline

        check_place(x, y)
        end = max(float(self.times.max()), self.pulse)
        unit, plane = self._plane_at(x, y, end)
        rate = unit / self.tip_radius**2
        steps, strain, slopes, mass = plane.step_response(end * rate, self.boundary)
        return self.traces_of_response(CubicHermiteSpline(steps, strain, slopes), unit), mass

    def traces_of_response(self, response: Callable[[Array], Array], unit: float) -> Array:
        """Return displacements, in m, shape (..., time), made of strain integrals after the drive was switched on.

        Parameters
        ----------
        response : callable
            Takes durations, shape (time,), in R0²/D of the unit; returns integrals as `step_response` does, shape
            (..., time).
        unit : float
            D in m²/s.
        """
        rate = unit / self.tip_radius**2
        after = self.times - self.pulse
        on = np.where(self.times > 0, response(np.maximum(self.times, 0) * rate), 0.0)
        off = np.where(after > 0, response(np.maximum(after, 0) * rate), 0.0)
        scale = (1 + self.poisson_ratio) / np.pi * self.vegard * self.drive * self.tip_radius
        if self.boundary == "flux":
            scale *= self.tip_radius / unit
        return np.asarray(scale * (on - off))

    def _plane_at(self, x: float, y: float, end: float) -> tuple[float, "_Plane"]:
        """Return the D that serves as unit, that under the tip, and the cells around it."""
        # A first look decides how far the ions go; the grid grows with it by little.
        under = float(np.asarray(self.diffusion(np.array([x]), np.array([y])), dtype=np.float64)[0])
        check_diffusion(np.asarray(under))
        reach = 0.0
        for _ in range(3):
            angles = np.arange(16) * np.pi / 8
            spread = np.sqrt(under * end) if reach == 0 else reach
            ring = np.outer(np.linspace(0, 1, 9), np.ones(16)) * spread
            seen = np.asarray(self.diffusion(x + ring * np.cos(angles), y + ring * np.sin(angles)))
            check_diffusion(seen)
            reach = float(np.sqrt(seen.max() * end))
        self._check_spread(under, reach)
        faces = self.grid.faces(_REACH * reach / self.tip_radius)
        layers = self.grid.layers(_REACH * reach / self.tip_radius)
        widths, centres = np.diff(faces), (faces[1:] + faces[:-1]) / 2
        points = (centres[:, None] + widths[:, None] * np.array(_POINTS)).ravel() * self.tip_radius
        across, down = np.meshgrid(x + points, y + points)
        values = np.asarray(self.diffusion(across, down), dtype=np.float64)
        check_diffusion(values)
        parts = len(_POINTS)
        values = values.reshape(centres.size, parts, centres.size, parts) / under
        return under, _Plane(faces, layers, values)

    def _check_spread(self, under: float, reach: float) -> None:
        spread = np.sqrt(under * self.pulse) / self.tip_radius
        if spread < self.grid.finest_z:
            raise ValueError(
                f"D is too small for this tip and pulse: the ions spread by {spread:.2g} tip radii during the pulse, "
                f"and the grid is too coarse to follow that: its first layer is {self.grid.finest_z:g} thick"
            )
        check_reach(reach / self.tip_radius)


def check_place(x: float, y: float) -> None:
    """Raise a ValueError unless a place of the tip, in m, is within a metre of zero."""
    if not (abs(x) <= _FARTHEST and abs(y) <= _FARTHEST):
        raise ValueError("the place of the tip is x and y in m, and within a metre of zero")


def check_reach(reach: float) -> None:
    """Raise a ValueError if ions spread over more tip radii than a plane around the tip can have."""
    if reach > _FARTHEST_REACH:
        raise ValueError(
            f"D is too large for this tip and record: the ions spread over {reach:.3g} tip radii, and a grid for more "
            f"than {_FARTHEST_REACH:g} would be too large"
        )


class _Plane:
    """Cells around a tip with D given at points in each, shape (y, point, x, point), in units of that under the tip."""

    def __init__(self, faces: Array, layers: RingGrid, values: Array) -> None:
        widths = np.diff(faces)
        self.faces, self.layers = faces, layers
        self.areas = np.outer(widths, widths)
        self.mean = values.mean(axis=(1, 3))
        # Along a direction resistances add up, beside it conductances do: a fast step narrower than a cell
        # conducts along itself and not across.
        along_x = 1 / (1 / values).mean(axis=3).swapaxes(1, 2)
        along_y = 1 / (1 / values).mean(axis=1)
        resistance_x = widths / (2 * along_x.mean(axis=2)) / widths[:, None]
        resistance_y = widths[:, None] / (2 * along_y.mean(axis=2)) / widths
        self.conductances_x = 1 / (resistance_x[:, 1:] + resistance_x[:, :-1])
        self.conductances_y = 1 / (resistance_y[1:] + resistance_y[:-1])

    @cached_property
    def gaussian(self) -> Array:
        """Mean of exp(−r²) over each cell of the surface."""
        from scipy.special import erf

        part = np.sqrt(np.pi) / 2 * np.diff(erf(self.faces)) / np.diff(self.faces)
        return np.outer(part, part)

    @cached_property
    def strain_weights(self) -> Array:
        """Integral of z/(r² + z²)^(3/2) over each box, shape (z, y, x)."""
        x, y, z = self.faces, self.faces[:, None], self.layers.z_faces[:, None, None]
        radius = np.sqrt(x**2 + y**2 + z**2)
        # Σ over the corners of the integral of 1/√(r² + z²); asinh keeps its digits on the negative side.
        with np.errstate(divide="ignore", invalid="ignore"):
            by_x = np.where(np.hypot(y, z) > 0, x * np.arcsinh(y / np.hypot(x, z)), 0.0)
            by_y = np.where(np.hypot(x, z) > 0, y * np.arcsinh(x / np.hypot(y, z)), 0.0)
            angle = np.where(z > 0, z * np.arctan2(x * y, z * radius), 0.0)
        corner = np.nan_to_num(by_x) + np.nan_to_num(by_y) - angle
        return np.asarray(-np.diff(np.diff(np.diff(corner, axis=0), axis=1), axis=2))

    def step_response(self, end: float, boundary: str) -> tuple[Array, Array, Array, float]:
        """Return times, strain integral, its slope, and the mass at the end over what crossed the surface, less 1."""
        clamped = boundary == "clamped"
        surface = self.layers.surface_conductance if clamped else 0.0
        depths = self.layers.depths
        rates, modes = modes_from_conductances(depths, self.layers.conductances_z, surface)
        into = modes[0] * ((surface if clamped else 1.0) / np.sqrt(depths[0]))
        weights = np.tensordot(modes / np.sqrt(depths)[:, None], self.strain_weights, axes=(0, 0))
        supply = (self.gaussian * self.areas * (self.mean if clamped else 1.0)).ravel()
        spans = np.repeat(end * 2.0 ** np.arange(_LEVELS), _PER_LEVEL) / (_PER_LEVEL * (2.0**_LEVELS - 1))
        times = np.concatenate([[0.0], np.cumsum(spans)])
        strain, slopes = np.zeros(times.size), np.zeros(times.size)
        mass, crossed = 0.0, (surface if clamped else 1.0) * float(supply.sum()) * end
        shares, first_layer = modes.T @ np.sqrt(depths), modes[0] / np.sqrt(depths[0])
        for rate, push, weight, share, in_first in zip(
            rates, into, weights, shares, first_layer, strict=True
        ):
            part, slope, last, left = self._mode_response(
                rate, push * supply, weight.ravel() / self.areas.ravel(), spans
            )
            strain += part
            slopes += slope
            mass += share * float(last.sum())
            # What the first layer lacks of the surface's concentration; a blocked surface has no such conductance.
            crossed -= surface * float(in_first) * left
        return times, strain, slopes, mass / crossed - 1

    def _mode_response(
        self, rate: float, source: Array, weight: Array, spans: Array
    ) -> tuple[Array, Array, Array, float]:
        """Return what one mode does.

        Strain and its slope at the ends of the steps, the last content of each cell, and ∫ Σ D · content dt, which
        leaves through a surface it touches.
        """
        from scipy.sparse import diags
        from scipy.sparse.linalg import splu

        area = self.areas.ravel()
        matrix = (self._plane_matrix + diags(rate * (self.mean * self.areas).ravel())).tocsc()
        capacity = diags(area)
        content, gain = np.zeros(area.size), source
        strain, slopes = [0.0], [float(weight @ source)]
        factors: Any = None
        length = left = 0.0
        mean = self.mean.ravel()
        for span in spans:
            if span != length:
                factors, length = splu((capacity + _GAMMA * span * matrix).tocsc()), span
            # Two stages of the L-stable method of second order; contents are concentration times area.
            first = area * factors.solve(gain)
            second = area * factors.solve(source - matrix @ ((content + (1 - _GAMMA) * span * first) / area))
            early = content + _GAMMA * span * first
            late = content + span * ((1 - _GAMMA) * first + _GAMMA * second)
            left += span * float(mean @ ((1 - _GAMMA) * early + _GAMMA * late))
            content = late
            strain.append(float(weight @ content))
            gain = source - matrix @ (content / area)
            slopes.append(float(weight @ gain))
        return np.array(strain), np.array(slopes), content, left

    @cached_property
    def _plane_matrix(self) -> Any:
        from scipy.sparse import coo_matrix

        number = np.arange(self.areas.size).reshape(self.areas.shape)
        inner = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
        outer = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
        g = np.concatenate([self.conductances_x.ravel(), self.conductances_y.ravel()])
        rows = np.concatenate([inner, outer, inner, outer])
        columns = np.concatenate([inner, outer, outer, inner])
        size = self.areas.size
        return coo_matrix((np.concatenate([g, g, -g, -g]), (rows, columns)), (size, size)).tocsc()
