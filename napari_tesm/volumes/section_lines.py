"""Both surfaces on one upright section, quickly: for somebody who moves it and looks."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import INTENSITY, voxel_of
from napari_tesm.volumes.headroom import cut_columns
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.surfaces import (
    HOLES,
    LATERAL,
    TOP_LATERAL,
    WIDEST,
    collector_surface,
    electrode_surface,
)
from napari_tesm.volumes.tiles import columns_and_holes

_AROUND: Final = int(WIDEST * TOP_LATERAL + 0.5)
"""Sections on either side that are averaged with it."""


def surfaces_on_section(
    volume: xr.Dataset, levels: Levels, electrode: float | None, axis: str, index: int
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the surfaces of collector and electrode on an upright section, in m from the volume's lowest face.

    What `surfaces_of` smooths across the section is averaged beforehand, with the same weights, so that one section is
    left of each: some 20 ms. The coarse surface of the electrode is that of the section alone, so lines may lie
    elsewhere than the surfaces where those of neighbouring sections differ, at cracks and at the edges of gaps.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    electrode : float or None
        Its typical grey value; None where nothing lies on the collector.
    axis : {"y", "x"}
        Along which the section is one of many.
    index : int
        Which.

    Returns
    -------
    tuple of ndarray, shape (columns,)
        NaN in columns of which too much is missing, and of the second where the electrode reaches the top. The second
        is None where there is no electrode.

    Raises
    ------
    ValueError
        If there is no such section.
    """
    along = {"y": 0, "x": 1}[axis]
    count = volume[INTENSITY].shape[1 + along]
    if not 0 <= index < count:
        raise ValueError(f"there is no section {index} along {axis}: the volume has {count}")
    low, high = max(index - _AROUND, 0), min(index + _AROUND + 1, count)
    area = [slice(None), slice(None)]
    area[along] = slice(low, high)
    values, holes = columns_and_holes(volume, (area[0], area[1]))
    known = np.take(holes, index - low, axis=along) <= HOLES
    height = voxel_of(volume)[0]
    fine = _averaged(values, 1 + along, index - low, LATERAL)
    bottom = collector_surface(fine, levels)
    if electrode is None:
        return _in_metres(bottom, height, known), None
    broad = _averaged(values, 1 + along, index - low, TOP_LATERAL)
    top = electrode_surface(broad, levels, electrode, bottom)
    ends = known & ~cut_columns(top, len(values)).ravel()
    return _in_metres(bottom, height, known), _in_metres(top, height, ends)


def _averaged(values: NDArray[np.float32], axis: int, index: int, width: float) -> NDArray[np.float32]:
    """Return a section as what is Gaussian about it makes it, with the axis kept at length one."""
    reach = int(WIDEST * width + 0.5)
    count = values.shape[axis]
    distance = np.arange(-reach, reach + 1)
    # Beyond the border the volume is its mirror image, as it is where all of it is smoothed.
    place = np.pad(np.arange(count), reach, mode="symmetric")[index : index + distance.size]
    weights = np.bincount(place, np.exp(-0.5 * (distance / width) ** 2), count)
    mean = np.tensordot(values, (weights / weights.sum()).astype(np.float32), axes=(axis, 0))
    return np.expand_dims(mean, axis)


def _in_metres(surface: NDArray[np.float32], height: float, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(known, surface.ravel().astype(np.float64) * height, np.nan)
