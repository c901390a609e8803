r"""A half-space under a tip, cut into rings: the finite volumes of the axisymmetric models.

Lengths are in tip radii R0 and times in R0²/D here, which leaves one problem for every tip and every D. Cells grow
geometrically away from the contact, where concentrations are steep, to a far field that nothing crosses.

The displacement at the axis is the Vegard strain of an isotropic half-space with a stress-free surface,
:math:`u = \frac{1+\nu}{\pi}\beta\int\delta c\,\frac{z}{(r^2+z^2)^{3/2}}\,dV`, outward positive (the form of
Morozovska, A. N. et al. (2010). J. Appl. Phys. 108, 053712). Its integral over a cell is exact, so that the error is
that of the concentrations alone.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.limits import check_count

Array = NDArray[np.float64]

COARSEST: Final = 0.25
"""Cells larger than this part of the tip radius under the tip do not resolve a contact."""
_STEEPEST_GROWTH: Final = 1.3
_SMALLEST_EXTENT: Final = 10.0
_LARGEST_EXTENT: Final = 1e6
_MOST_CELLS: Final = 2000


@dataclass(frozen=True)
class RingGrid:
    """Rings of a half-space: faces at r_i and z_j, lengths in tip radii.

    Parameters
    ----------
    finest_r, finest_z : float
        Size of the first cell along r and z.
    growth_r, growth_z : float
        Each cell is larger than the one before by this factor.
    extent : float
        Where the far field begins; the last faces lie there or just beyond.
    refinement : int
        Into how many each of these cells is cut, along the same smooth spacing: what a convergence test varies.

    Raises
    ------
    ValueError
        If the grid is too coarse, too steep or too small for a tip of radius 1, or has too many cells.
    """

    finest_r: float = 0.05
    finest_z: float = 4e-4
    growth_r: float = 1.05
    growth_z: float = 1.055
    extent: float = 600.0
    refinement: int = 1

    def __post_init__(self) -> None:
        for name, size in (("r", self.finest_r), ("z", self.finest_z)):
            if not 0 < size <= COARSEST:
                raise ValueError(
                    f"the grid is too coarse along {name}: its first cell must be larger than 0 and at most a "
                    f"quarter of the tip radius, not {size:g} of it"
                )
        for name, growth in (("r", self.growth_r), ("z", self.growth_z)):
            if not 1 < growth <= _STEEPEST_GROWTH:
                raise ValueError(
                    f"the cells along {name} must grow by a factor between 1 and {_STEEPEST_GROWTH:g}, "
                    f"not {growth:g}: the grid is too coarse otherwise"
                )
        if not _SMALLEST_EXTENT <= self.extent <= _LARGEST_EXTENT:
            raise ValueError(
                f"the grid must reach {_SMALLEST_EXTENT:g} tip radii at least and {_LARGEST_EXTENT:g} at most, "
                f"not {self.extent:g}"
            )
        check_count(self.refinement, "refinement of the grid", fewest=1, most=_MOST_CELLS)
        if self.refinement * max(self._counts) > _MOST_CELLS:
            raise ValueError(f"the grid has more than {_MOST_CELLS} cells along one direction")

    @property
    def _counts(self) -> tuple[int, int]:
        return tuple(  # type: ignore[return-value]
            int(np.ceil(np.log1p(self.extent * (growth - 1) / finest) / np.log(growth)))
            for finest, growth in ((self.finest_r, self.growth_r), (self.finest_z, self.growth_z))
        )

    def check_reach(self, spread: float) -> None:
        """Raise a ValueError if ions that diffuse for a time, in R0²/D, come to the end of the grid."""
        if 3 * np.sqrt(spread) > self.extent:
            raise ValueError(
                f"the ions spread over {np.sqrt(spread):.3g} tip radii, the grid reaches {self.extent:g}: "
                "take a larger one"
            )

    @cached_property
    def r_faces(self) -> Array:
        """Radii of the faces, shape (cells along r + 1,), from 0."""
        return self._faces(self.finest_r, self.growth_r, self._counts[0])

    @cached_property
    def z_faces(self) -> Array:
        """Depths of the faces, shape (cells along z + 1,), from 0, the surface."""
        return self._faces(self.finest_z, self.growth_z, self._counts[1])

    def _faces(self, finest: float, growth: float, count: int) -> Array:
        # A smooth map of equal steps: second order survives the grading, and a refinement is nested.
        steps = np.arange(count * self.refinement + 1) / self.refinement
        return np.asarray(finest * np.expm1(steps * np.log(growth)) / (growth - 1))

    @cached_property
    def areas(self) -> Array:
        """Areas of the rings, shape (cells along r,)."""
        return np.asarray(np.pi * np.diff(self.r_faces**2))

    @cached_property
    def depths(self) -> Array:
        """Thicknesses of the layers, shape (cells along z,)."""
        return np.diff(self.z_faces)

    @cached_property
    def volumes(self) -> Array:
        """Volumes of the cells, shape (z, r)."""
        return np.outer(self.depths, self.areas)

    @cached_property
    def conductances_r(self) -> Array:
        """Face area per height over centre distance, shape (cells along r − 1,)."""
        centres = (self.r_faces[1:] + self.r_faces[:-1]) / 2
        return np.asarray(2 * np.pi * self.r_faces[1:-1] / np.diff(centres))

    @cached_property
    def conductances_z(self) -> Array:
        """One over the distance of the centres, shape (cells along z − 1,)."""
        centres = (self.z_faces[1:] + self.z_faces[:-1]) / 2
        return np.asarray(1 / np.diff(centres))

    @property
    def surface_conductance(self) -> float:
        """One over the distance from the surface to the first centre."""
        return float(2 / self.depths[0])

    @cached_property
    def strain_weights(self) -> Array:
        """Integral of z/(r² + z²)^(3/2) over each cell, shape (z, r)."""
        radii = np.hypot(self.r_faces, self.z_faces[:, None])
        # √(r² + z2²) − √(r² + z1²) without its cancellation.
        rise = np.diff(self.z_faces**2)[:, None] / np.maximum(radii[1:] + radii[:-1], 1e-300)
        return np.asarray(-2 * np.pi * np.diff(rise, axis=1))

    @cached_property
    def gaussian(self) -> Array:
        """Mean of exp(−r²) over each ring, shape (cells along r,)."""
        return np.asarray(-np.pi * np.diff(np.exp(-(self.r_faces**2))) / self.areas)


def check_resolved(spread: float, least: float) -> None:
    """Raise a ValueError if ions that diffuse for a time, in R0²/D, move less than a grid can follow."""
    if spread < least:
        raise ValueError(
            "D is too small for this tip and pulse: the ions spread by less than "
            f"{np.sqrt(least):.1g} tip radii during the pulse, and the grid is too coarse to follow that"
        )


def modes_from_conductances(
    capacities: Array, conductances: Array, surface: float = 0.0
) -> tuple[Array, Array]:
    """Return decay rates, ascending, shape (n,), and orthonormal modes, shape (n, n), of a chain of cells.

    The modes belong to √capacity · concentration. With a surface conductance the first cell touches a surface held
    at zero; without, the lowest rate is zero.

    The rates are squares of singular values of the scaled gradient: eigenvalues of the matrix itself would be
    off by 1e-16 of the fastest rate, which is more than the slowest one.
    """
    n = capacities.size
    gradient = np.zeros((n, n))
    inner = np.arange(n - 1)
    gradient[0, 0] = np.sqrt(surface)
    gradient[inner + 1, inner] = -np.sqrt(conductances)
    gradient[inner + 1, inner + 1] = np.sqrt(conductances)
    if surface == 0.0:
        gradient = gradient[1:]
    _, values, vectors = np.linalg.svd(gradient / np.sqrt(capacities), full_matrices=True)
    rates = np.zeros(n)
    rates[: values.size] = values**2
    return rates[::-1].copy(), vectors[::-1].T.copy()
