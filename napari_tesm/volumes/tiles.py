"""Columns of a volume taken tile by tile, so that memory is set by the tile and not by the volume."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import INTENSITY

_BUDGET: Final = 480 << 20
"""Bytes of a tile with everything that is made of it."""
_STRETCH: Final = 1.5
_COPIES: Final = 8
"""Arrays of single precision that are held of a tile at the same time."""
_LEAST: Final = 24
"""Columns along a side of a tile without its halo."""

Area = tuple[slice, slice]


@dataclass(frozen=True)
class Tile:
    """Columns that are worked on together.

    Parameters
    ----------
    outer : tuple of slice
        Rows and columns that are read: the tile with its halo.
    inner : tuple of slice
        The tile within these.
    target : tuple of slice
        The tile within the whole volume.
    """

    outer: Area
    inner: Area
    target: Area


def tiles(shape: tuple[int, int], side: int, halo: int) -> Iterator[Tile]:
    """Yield tiles that cover rows and columns once, each with a halo that ends at the borders of the volume.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    side, halo : int
        Columns along a side of a tile, and around it.
    """
    for y in range(0, shape[0], side):
        for x in range(0, shape[1], side):
            target = tuple(
                slice(start, min(start + side, size)) for start, size in zip((y, x), shape, strict=True)
            )
            outer = tuple(
                slice(max(part.start - halo, 0), min(part.stop + halo, size))
                for part, size in zip(target, shape, strict=True)
            )
            inner = tuple(
                slice(part.start - around.start, part.stop - around.start)
                for part, around in zip(target, outer, strict=True)
            )
            yield Tile((outer[0], outer[1]), (inner[0], inner[1]), (target[0], target[1]))


def side_of_tiles(
    planes: int, halo: int, copies: int = _COPIES, *, within: tuple[int, int] | None = None
) -> int:
    """Return the side of tiles that keep within memory, for columns of so many voxels held so many times.

    Parameters
    ----------
    within : tuple of int, optional
        Rows and columns of the volume: one that takes little more than a tile may is worked on as a whole, where tiles
        with wide halos would each be nearly all of it.
    """
    columns = _BUDGET / (4 * copies * planes)
    if within is not None and within[0] * within[1] <= _STRETCH * columns:
        return max(within)
    return max(int(math.sqrt(columns)) - 2 * halo, _LEAST)


def columns_of(volume: xr.Dataset, area: Area, planes: slice = slice(None)) -> NDArray[np.float32]:
    """Return the grey values of an area, shape (z, y, x), in single precision; see `columns_and_holes`."""
    return columns_and_holes(volume, area, planes)[0]


def columns_and_holes(
    volume: xr.Dataset, area: Area, planes: slice = slice(None)
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the grey values of an area, and what part of each column is missing.

    Where there is no number, as outside of what was reconstructed, the nearest of the column stands, and for a whole
    column the nearest one: statistics go on as if nothing was missing, and who knows the holes leaves them out.

    Returns
    -------
    values : ndarray, shape (z, y, x)
    holes : ndarray, shape (y, x)
    """
    values, missing = filled_and_missing(volume, (planes, *area))
    if missing is None:
        return values, np.zeros(values.shape[1:], np.float32)
    return values, missing.mean(axis=0, dtype=np.float32)


def filled_and_missing(
    volume: xr.Dataset, part: tuple[slice, ...]
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Return the grey values of a part, missing ones filled as `columns_and_holes` does, and which voxels are missing.

    Returns
    -------
    values : ndarray, shape (z, y, x)
        Zeros where no number is there at all.
    missing : ndarray of bool, shape (z, y, x), or None
        None where every voxel has a number.
    """
    values = as_stored(volume, part).astype(np.float32, copy=False)
    missing = ~np.isfinite(values)
    if not missing.any():
        return values, None
    if missing.all():
        return np.zeros_like(values), missing
    from scipy.ndimage import distance_transform_edt

    # Along a column everything is nearer than the next column.
    far = 2.0 * values.shape[0]
    nearest = distance_transform_edt(missing, (1, far, far), return_distances=False, return_indices=True)
    return values[tuple(nearest)], missing


def as_stored(volume: xr.Dataset, part: tuple[slice, ...]) -> NDArray[Any]:
    """Return the numbers of a part of a volume as they are stored."""
    return np.asarray(volume[INTENSITY][part].values)
