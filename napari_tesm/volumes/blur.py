"""How sharp a volume is: the width of the collector's edge, by which it shines into what lies on it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import xarray as xr

from napari_tesm.volumes.dataset import INTENSITY, voxel_of
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.tiles import columns_of

_SIDE: Final = 128
_WITHIN: Final = 4.0
"""Voxels to both sides of the surface that belong to its edge."""
_BEYOND: Final = 7.0
"""Voxels up to which the levels on both sides are taken."""
_STEP: Final = 0.25
_LEAST: Final = 0.3


def blur_of(volume: xr.Dataset, levels: Levels, surfaces: xr.Dataset) -> float:
    """Return the standard deviation of the collector's edge along z in m, from the middle of the field.

    What blurs it is the resolution, the voxel, and how well the surface is known. At least 0.3 voxels.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    surfaces : xarray.Dataset
        As `surfaces_of` gives them.

    Notes
    -----
    The second moment of the slope of the edge about its middle, by parts: for p(u) from 1 to 0 it is
    ``2 ∫ u (p(u) - [u < 0]) du - (∫ (p(u) - [u < 0]) du)²``, which needs no derivative of noisy values.
    """
    edge = voxel_of(volume)[0]
    planes, rows, columns = volume[INTENSITY].shape
    starts = [max((size - _SIDE) // 2, 0) for size in (rows, columns)]
    area = (slice(starts[0], starts[0] + _SIDE), slice(starts[1], starts[1] + _SIDE))
    surface = surfaces["collector_surface"].values[area] / edge
    known = np.isfinite(surface)
    if not known.any():
        return _LEAST * edge
    low = max(math.floor(float(surface[known].min()) - _BEYOND), 0)
    high = min(math.ceil(float(surface[known].max()) + _BEYOND) + 1, planes)
    values = levels.normalised(columns_of(volume, area, slice(low, high)))
    apart = (np.arange(low, high)[:, None, None] + 0.5 - surface)[:, known]
    near = np.abs(apart) < _BEYOND
    bins = ((apart[near] + _BEYOND) / _STEP).astype(np.intp)
    count = math.ceil(2 * _BEYOND / _STEP)
    mean = np.bincount(bins, values[:, known][near], count) / np.maximum(
        np.bincount(bins, minlength=count), 1
    )
    middles = (np.arange(count) + 0.5) * _STEP - _BEYOND
    below, above = (float(mean[side * middles > _WITHIN].mean()) for side in (-1, 1))
    if not below - above > 0.2:
        return _LEAST * edge
    within = np.abs(middles) < _WITHIN
    excess = ((mean - above) / (below - above) - (middles < 0))[within]
    first, second = float(excess.sum() * _STEP), float(2 * (middles[within] * excess).sum() * _STEP)
    return max(math.sqrt(max(second - first**2, 0.0)), _LEAST) * edge
