"""How much longer than straight the way through a phase is: steady diffusion through it, solved on the voxels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import INTENSITY, Voxel
from napari_tesm.volumes.gaps import BAND, Gap
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.phases import FROM_SURFACES, Grid, Phases, blocks_of

Mask = NDArray[np.bool_]

_TOLERANCE: Final = 1e-3
"""Part of the flux by which what flows in and what flows out may differ."""
_MOST_STEPS: Final = 4000
_MOST_BLOCKS: Final = 1_500_000
_LEAST_HEIGHT: Final = 8
_OUTSIDE: Final = 0.05
"""Part of the columns whose surfaces reach into the box, at either end."""


@dataclass(frozen=True)
class Way:
    """The way through a phase, from the electrode's surface towards the collector.

    Parameters
    ----------
    share : float
        Of the phase in the box that was looked at.
    tortuosity : float
        Its tortuosity factor, ``share · D / D_effective``; infinite where no way leads through.
    band : tuple of float
        The same with the threshold a tenth of the contrast lower and higher.
    """

    share: float
    tortuosity: float
    band: tuple[float, float]


def ways_through(
    volume: xr.Dataset,
    levels: Levels,
    surfaces: xr.Dataset,
    gap: Gap,
    phases: Phases,
    grid: Grid,
    *,
    progress: Callable[[float, str], None] | None = None,
) -> dict[str, Way] | None:
    """Return the ways through `pores` and `solid` in a box in the middle of the electrode.

    None where noise hides the pores, or the electrode is too thin and uneven for a box of eight blocks' height.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    surfaces : xarray.Dataset
    gap : Gap
    phases : Phases
    grid : Grid
        The blocks on which phases are told apart.
    progress : callable, optional
    """
    shifted = [phases.pore_threshold(shift) for shift in (0.0, -BAND, BAND)]
    thresholds = [threshold for threshold in shifted if threshold is not None]
    edge = grid.edges[0]
    start = surfaces["collector_surface"].values + gap.map.values
    low = math.ceil(float(np.nanquantile(start, 1 - _OUTSIDE)) / edge) + FROM_SURFACES
    high = (
        math.floor(float(np.nanquantile(surfaces["electrode_surface"].values, _OUTSIDE)) / edge)
        - FROM_SURFACES
    )
    if high - low < _LEAST_HEIGHT or not thresholds:
        return None
    area = _middle(volume[INTENSITY].shape, grid, high - low)
    blocks = blocks_of(volume, levels, area, slice(low * grid.factors[0], high * grid.factors[0]), grid)
    ways = {}
    for number, name in enumerate(("pores", "solid")):
        found = []
        share = 0.0
        for place, threshold in enumerate(thresholds):
            open_ = (blocks < threshold) ^ (name == "solid")
            found.append(tortuosity_factor(open_, grid.edges))
            if progress is not None:
                progress((3 * number + place + 1) / 6, "solving the diffusion")
            if place == 0:
                share = float(open_.mean())
        ways[name] = Way(share, found[0], (found[1], found[2]))
    return ways


def tortuosity_factor(phase: Mask, edges: Voxel) -> float:
    """Return the tortuosity factor of a phase along z; infinite where no way leads from one end to the other.

    Parameters
    ----------
    phase : ndarray of bool, shape (z, y, x)
    edges : tuple of float
        Size of a voxel along z, y, x.

    Raises
    ------
    RuntimeError
        If the solution does not settle.

    Notes
    -----
    Laplace's equation in the phase between concentrations 1 and 0 at the two end faces, nothing through its walls or
    the sides: fluxes between neighbouring voxels, conjugate gradients scaled by the diagonal. τ = ε D / D_eff, which is
    1 for straight channels (Epstein 1989).
    """
    from scipy.ndimage import label

    numbers, _ = label(phase)
    through = np.intersect1d(numbers[0][numbers[0] > 0], numbers[-1])
    if not through.size:
        return math.inf
    open_ = np.isin(numbers, through)
    flux: float = _flux(open_, edges)
    along: float = phase.shape[0] * edges[0] / (phase.shape[1] * edges[1] * phase.shape[2] * edges[2])
    return float(phase.mean() / (flux * along))


def _flux(open_: Mask, edges: Voxel) -> float:
    """Return what flows through, for unit diffusivity and a unit difference between the ends."""
    volume = math.prod(edges)
    links = []
    diagonal = np.zeros(open_.shape)
    for axis, edge in enumerate(edges):
        lower, upper = _sides(axis)
        link = np.where(open_[lower] & open_[upper], volume / edge**2, 0.0)
        diagonal[lower] += link
        diagonal[upper] += link
        links.append((lower, upper, link))
    # From the middle of the outermost voxels half an edge leads to the face.
    ends = 2 * volume / edges[0] ** 2
    diagonal[0] += ends * open_[0]
    diagonal[-1] += ends * open_[-1]
    diagonal[~open_] = 1
    source = np.zeros(open_.shape)
    source[0] = ends * open_[0]
    planes = open_.shape[0]
    value = np.where(open_, 1 - (np.arange(planes) + 0.5)[:, None, None] / planes, 0)
    residual = source - _applied(value, diagonal, links)
    scaled = residual / diagonal
    direction = scaled.copy()
    size = float(np.vdot(residual, scaled))
    for step in range(_MOST_STEPS):
        into, out = (float((ends * part).sum()) for part in ((1 - value[0])[open_[0]], value[-1][open_[-1]]))
        if step % 10 == 0 and abs(into - out) < _TOLERANCE * out and size < 1e-8 * ends * out:
            return 0.5 * (into + out)
        moved = _applied(direction, diagonal, links)
        length = size / float(np.vdot(direction, moved))
        value += length * direction
        residual -= length * moved
        scaled = residual / diagonal
        before, size = size, float(np.vdot(residual, scaled))
        direction = scaled + (size / before) * direction
    raise RuntimeError(f"the diffusion through the phase did not settle within {_MOST_STEPS} steps")


Slices = tuple[slice, ...]
Links = list[tuple[Slices, Slices, NDArray[np.float64]]]


def _applied(value: NDArray[np.float64], diagonal: NDArray[np.float64], links: Links) -> NDArray[np.float64]:
    result = diagonal * value
    for lower, upper, link in links:
        result[lower] -= link * value[upper]
        result[upper] -= link * value[lower]
    return result


def _sides(axis: int) -> tuple[Slices, Slices]:
    return tuple(
        tuple(part if number == axis else slice(None) for number in range(3))
        for part in (slice(None, -1), slice(1, None))
    )  # type: ignore[return-value]


def _middle(shape: tuple[int, ...], grid: Grid, height: int) -> tuple[slice, slice]:
    """Return rows and columns of a box in the middle, as large as is solved in a moment."""
    side = int(math.sqrt(_MOST_BLOCKS / height))
    parts = []
    for size, factor in zip(shape[1:], grid.factors[1:], strict=True):
        count = min(size // factor, side)
        first = (size // factor - count) // 2
        parts.append(slice(first * factor, (first + count) * factor))
    return parts[0], parts[1]
