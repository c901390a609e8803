"""Simulated grains with known truth: Voronoi cells as domes between grooves, or as terraces of different height."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from examples import CORNER
from scipy.spatial import cKDTree


@dataclass
class SimulatedGrains:
    """Truth (labels from 1, shape (y, x)) and the topography made of it, in m."""

    labels: np.ndarray
    topography: np.ndarray
    spacing: tuple[float, float]
    gap: np.ndarray
    """About twice the distance from the nearest boundary, in m."""


def simulated_grains(
    kind="domes", *, shape=(120, 77), spacing=(4e-9, 6.25e-9), count=18, seed=0, noise=0.3e-9, tilt=0.0, lines=0.0,
    groove=30e-9,
):  # fmt: skip
    """Return grains on pixels of `spacing` (dy, dx); domes fall off over `groove`, in m."""
    rng = np.random.default_rng(seed)
    extent = np.multiply(shape, spacing)
    points = []
    while len(points) < count:  # grains of like size: no seed comes closer to another than this
        place = rng.uniform(0, 1, 2) * extent
        if all(np.hypot(*(place - other)) > 0.7 * np.sqrt(extent.prod() / count) for other in points):
            points.append(place)
    down, across = np.meshgrid(
        *((np.arange(n) + 0.5) * d for n, d in zip(shape, spacing, strict=True)), indexing="ij"
    )
    distance, nearest = cKDTree(points).query(np.stack([down, across], -1), k=2)
    gap, labels = distance[..., 1] - distance[..., 0], nearest[..., 0] + 1
    surface = np.zeros(shape)
    if kind == "domes":
        surface = 8e-9 * (1 - np.exp(-gap / groove)) + 1e-9 * rng.standard_normal(count)[labels - 1]
    elif kind == "terraces":
        surface = 6e-9 * rng.permutation(count)[labels - 1]
    surface = surface + tilt * (across + 0.5 * down) + noise * rng.standard_normal(shape)
    surface = surface + lines * rng.standard_normal((shape[0], 1))
    return SimulatedGrains(labels, surface, spacing, gap)


def maps_of_grains(truth, *, ratio=1.8, seed=1, scatter=0.15):
    """Return maps of H and D2 of one pulse; D2 is `ratio` times as large where the gap is below 25 nm."""
    rng = np.random.default_rng(seed)
    grain = 0.1 * rng.standard_normal(truth.labels.max() + 1)[truth.labels]
    log = np.log(4e-13) + grain + scatter * rng.standard_normal(truth.labels.shape)
    log = log + np.log(ratio) * (truth.gap < 25e-9)
    height = 0.1 + 0.01 * rng.standard_normal(truth.labels.shape)
    axes = {
        name: (name, corner + (np.arange(n) + 0.5) * d, {"units": "m", "spacing": d})
        for name, corner, n, d in zip(("y", "x"), CORNER, truth.labels.shape, truth.spacing, strict=True)
    }
    return xr.Dataset(
        {
            "H": (("pulse", "y", "x"), height[None], {"units": "V"}),
            "D2": (("pulse", "y", "x"), np.exp(log)[None], {"units": "m²/s"}),
        },
        coords={**axes, "voltage": ("pulse", [-3.0]), "direction": ("pulse", ["retrace"])},
    )
