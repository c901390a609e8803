"""How much of an electrode is there: its attenuation added up along each column, whatever pores have opened in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import xarray as xr

from napari_tesm.volumes.dataset import INTENSITY, voxel_of
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.surfaces import known_surfaces
from napari_tesm.volumes.tiles import columns_of, side_of_tiles, tiles

_BLUR: Final = 2.0
"""Voxels above the collector in which its blur would count as electrode; the mean of the column stands for them."""
_COPIES: Final = 4


def material_of(
    volume: xr.Dataset,
    levels: Levels,
    surfaces: xr.Dataset,
    *,
    side: int | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> xr.DataArray:
    """Return the attenuation of the electrode times its height, column by column.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    surfaces : xarray.Dataset
        As `surfaces_of` gives them.
    side : int, optional
        Columns along a side of the tiles that are held in memory.
    progress : callable, optional

    Returns
    -------
    xarray.DataArray, dims (y, x)
        In m: how thick a layer of collector would attenuate as much.
    """
    edge = voxel_of(volume)[0]
    surfaces, known = known_surfaces(surfaces)
    planes, rows, columns = volume[INTENSITY].shape
    total = np.zeros((rows, columns))
    side = side_of_tiles(planes, 0, _COPIES) if side is None else side
    every = list(tiles((rows, columns), side, 0))
    heights = (np.arange(planes, dtype=np.float32) + 0.5)[:, None, None]
    for number, tile in enumerate(every):
        bottom, top = (
            surfaces[f"{name}_surface"].values[tile.target] / edge for name in ("collector", "electrode")
        )
        values = levels.normalised(columns_of(volume, tile.target))
        values[(heights < bottom + _BLUR) | (heights > top)] = 0
        high = top - bottom
        whole = high / np.maximum(high - _BLUR, 1)
        total[tile.target] = np.where(high > _BLUR, values.sum(axis=0, dtype=np.float64) * whole * edge, 0)
        if progress is not None:
            progress((number + 1) / len(every), "adding up the attenuation")
    return xr.DataArray(
        np.where(known, total, np.nan),
        {axis: surfaces[axis] for axis in ("y", "x")},
        ("y", "x"),
        name="material",
        attrs={"units": "m", "long_name": "Material"},
    )
