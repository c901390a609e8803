"""A simulated pair of volumes with known placement: an electron image and lithium counts of one cathode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import Voxel, volume_from_array
from napari_tesm.volumes.transforms import Matrix, middles_of_voxels, moved_points, resampled

PAIRS: Final = {"cathode": 0.2, "cathode-uniform": 0.0}
"""By preset, the standard deviation of the lithium in each particle over its mean."""
_VOXEL: Final = 60e-9
_SHAPE: Final = (80, 110, 120)
_IONS: Final[Voxel] = (60e-9, 120e-9, 120e-9)
_COUNTS: Final = 3.0
_GREYS: Final = (80.0, 150.0, 25.0)
"""Of binder, particles and cracks."""


@dataclass(frozen=True)
class Pair:
    """A simulated pair.

    Parameters
    ----------
    electrons, ions : xarray.Dataset
    matrix : ndarray, shape (4, 4)
        From places of the ions to places of the electrons.
    """

    electrons: xr.Dataset
    ions: xr.Dataset
    matrix: Matrix


def simulate_pair(preset: str = "cathode", *, seed: int = 0) -> Pair:
    """Return an electron image and lithium counts of particles with cracks.

    Parameters
    ----------
    preset : str
        One of `PAIRS`.
    seed : int
    """
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng([seed, list(PAIRS).index(preset), 4])
    edges: Voxel = (_VOXEL,) * 3
    size = np.multiply(_SHAPE, _VOXEL)
    lithium, grey = np.full(_SHAPE, 0.03), np.full(_SHAPE, _GREYS[0])
    points = middles_of_voxels(_SHAPE, edges)
    placed: list[tuple[NDArray[Any], float]] = []
    for _ in range(400):
        radius, middle = rng.uniform(0.8e-6, 1.4e-6), rng.uniform(0.1, 0.9, 3) * size
        if any(np.linalg.norm(middle - other) < radius + others for other, others in placed):
            continue
        placed.append((middle, radius))
        from_middle = points - middle
        inside = (from_middle**2 / (radius * rng.uniform(0.85, 1.0, 3)) ** 2).sum(axis=-1) < 1
        normal = rng.normal(size=3)
        crack = inside & (np.abs(from_middle @ (normal / np.linalg.norm(normal))) < 80e-9)
        uneven = gaussian_filter(rng.standard_normal(_SHAPE), 6.0)
        rate = rng.uniform(0.6, 1.0) * np.clip(1 + PAIRS[preset] * uneven / uneven.std(), 0, None)
        lithium[inside], grey[inside] = rate[inside], _GREYS[1]
        lithium[crack], grey[crack] = 0, _GREYS[2]
    image = gaussian_filter(grey, 0.6) * (1 + 0.03 * rng.standard_normal(_SHAPE[0]))[:, None, None]
    image += 6 * rng.standard_normal(_SHAPE)
    matrix = _small_motion(rng, size)
    shape = tuple(int(edge) for edge in size / _IONS)
    seen = resampled(gaussian_filter(lithium, 1.2), edges, matrix, shape, _IONS)
    counts = rng.poisson(np.clip(seen, 0, None) * _COUNTS).astype(np.uint16)
    about = {"simulated": True, "preset": preset, "seed": seed}
    return Pair(
        volume_from_array(image.astype(np.float32), edges, attributes=about),
        volume_from_array(counts, _IONS, attributes=about | {"peak": "7Li+"}),
        matrix,
    )


def _small_motion(rng: np.random.Generator, size: NDArray[Any]) -> Matrix:
    """Return a turn of some degrees with a stretch of some per cent about the middle, and a shift."""
    matrix = np.eye(4)
    a, b, c = np.radians(rng.uniform(-4, 4, 3))
    skew = np.array([[0, -a, b], [a, 0, -c], [-b, c, 0]])
    # Cayley's form of a turn.
    matrix[:3, :3] = np.linalg.solve(np.eye(3) - skew / 2, np.eye(3) + skew / 2) * rng.uniform(0.97, 1.03, 3)
    middle = size / 2
    matrix[:3, 3] = middle + rng.uniform(-0.4e-6, 0.4e-6, 3) - (moved_points(matrix, middle) - matrix[:3, 3])
    return matrix
