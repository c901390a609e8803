"""The surfaces by the recipe of document 003: sections smoothed and cut at two grey values, topmost voxels taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import xarray as xr

from napari_tesm.volumes.dataset import INTENSITY
from napari_tesm.volumes.headroom import is_air_above
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.surfaces import HOLES, surfaces_from_maps
from napari_tesm.volumes.tiles import columns_and_holes, side_of_tiles, tiles

_SMOOTHING: Final = 1.5
"""Width of the smoothing within a section in voxels."""
_COPIES: Final = 4


def surfaces_by_thresholds(
    volume: xr.Dataset,
    levels: Levels,
    thresholds: tuple[float, float],
    *,
    progress: Callable[[float, str], None] | None = None,
) -> xr.Dataset:
    """Return the surfaces of collector and electrode at the topmost voxels above two thresholds.

    Upright sections are smoothed each by itself, as document 003 does, so that noise across sections stays; nothing is
    looked at within the voxel, and a single bright voxel of noise above the electrode counts. It is offered to be
    compared with: on simulated volumes it puts the collector up to 60 nm too low and, where the electrode is faint, the
    surface of the electrode micrometres too high.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    thresholds : tuple of float
        Attenuation from which on a voxel is of the electrode, and of the collector.
    progress : callable, optional

    Returns
    -------
    xarray.Dataset
        As of `surfaces_of`; the electrode's level is taken to be twice its threshold.

    Raises
    ------
    ValueError
        If the thresholds do not rise from air to collector.
    """
    from scipy.ndimage import gaussian_filter

    electrode, collector = thresholds
    if not 0 < electrode < collector < 1:
        raise ValueError(
            f"the thresholds of electrode and collector rise between air (0) and collector (1), and {electrode:g} and "
            f"{collector:g} do not"
        )
    planes, rows, columns = volume[INTENSITY].shape
    bottom, top = np.zeros((2, rows, columns), np.float32)
    halo = int(4 * _SMOOTHING + 0.5)
    every = list(tiles((rows, columns), side_of_tiles(planes, halo, _COPIES), halo))
    for number, tile in enumerate(every):
        grey, holes = columns_and_holes(volume, tile.outer)
        values, missing = levels.normalised(grey), holes[tile.inner] > HOLES
        smooth = gaussian_filter(values, (_SMOOTHING, 0, _SMOOTHING))[(slice(None), *tile.inner)]
        for surface, threshold in ((bottom, collector), (top, electrode)):
            above = smooth >= threshold
            highest = planes - above[::-1].argmax(axis=0)
            surface[tile.target] = np.where(missing, np.nan, np.where(above.any(axis=0), highest, 0))
        if progress is not None:
            progress((number + 1) / len(every), "finding the surfaces")
    level = levels.air + 2 * electrode * levels.contrast
    top = np.maximum(top, bottom)
    return surfaces_from_maps(volume, bottom, top, level, air=is_air_above(volume, top))
