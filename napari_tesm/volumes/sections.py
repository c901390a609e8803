"""Sections of a volume that follow the collector's surface at a height above it."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.files.sentences import Sentence
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.volumes.dataset import INTENSITY, voxel_of
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.surfaces import known_collector
from napari_tesm.volumes.tiles import columns_of, side_of_tiles, tiles


def section_at(volume: xr.Dataset, levels: Levels, surfaces: xr.Dataset, height: float) -> xr.DataArray:
    """Return the attenuation at a height above the collector's surface, column by column.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    surfaces : xarray.Dataset
        As `surfaces_of` gives them.
    height : float
        In m.

    Returns
    -------
    xarray.DataArray, dims (y, x)
        Air 0, collector 1; NaN where the section leaves the volume.

    Raises
    ------
    ValueError
        If all of it lies outside the volume.
    """
    edge = voxel_of(volume)[0]
    planes, rows, columns = volume[INTENSITY].shape
    # Voxel k has its middle at k + 1/2.
    bottom, known = known_collector(surfaces)
    places = (bottom + height) / edge - 0.5
    there = known & (places >= 0) & (places <= planes - 1)
    if not there.any():
        raise ValueError(
            Sentence(
                "a section at {text} lies outside the volume: give a {section}",
                text=text_from_quantity(height, "m"),
            )
        )
    values = np.full(places.shape, np.nan)
    span = min(planes, math.ceil(float(np.ptp(places))) + 2)
    for tile in tiles((rows, columns), side_of_tiles(span, 0), 0):
        here = np.clip(places[tile.target], 0, planes - 1)
        low, high = math.floor(here.min()), min(math.floor(here.max()) + 2, planes)
        slab = levels.normalised(columns_of(volume, tile.target, slice(low, high)))
        values[tile.target] = values_at(slab, here[None] - low)[0]
    values[~there] = np.nan
    title = f"Section {text_from_quantity(height, 'm')}"
    return xr.DataArray(
        values,
        {axis: volume[axis] for axis in ("y", "x")},
        ("y", "x"),
        name="section",
        attrs={"units": "", "long_name": title},
    )


def upright_section(volume: xr.Dataset, levels: Levels, axis: str, place: float) -> xr.DataArray:
    """Return the attenuation on a plane across the collector.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    axis : {"y", "x"}
        The axis that the plane cuts.
    place : float
        Where it cuts it, in m from the first row or column.

    Returns
    -------
    xarray.DataArray, dims (y, x)
        Air 0, collector 1; the other axis along x, and height along y, air in the first row.

    Raises
    ------
    ValueError
        If it lies outside the volume.
    """
    along = {"y": 1, "x": 2}[axis]
    voxel = voxel_of(volume)
    planes, *sizes = volume[INTENSITY].shape
    index = math.floor(place / voxel[along])
    if not 0 <= index < volume[INTENSITY].shape[along]:
        raise ValueError(
            Sentence(
                "a section at {axis} = {text} lies outside the volume, which is {length} wide: give another {upright}",
                axis=axis, text=text_from_quantity(place, "m"),
                length=text_from_quantity(sizes[along - 1] * voxel[along], "m", digits=4),
            )
        )  # fmt: skip
    area = [slice(0, sizes[0]), slice(0, sizes[1])]
    area[along - 1] = slice(index, index + 1)
    values = levels.normalised(columns_of(volume, (area[0], area[1])))
    other = "x" if axis == "y" else "y"
    heights = (np.arange(planes) + 0.5) * voxel[0]
    return xr.DataArray(
        np.squeeze(values, along)[::-1].astype(np.float64),
        {"y": ("y", heights, {"units": "m"}), "x": ("x", volume[other].values, {"units": "m"})},
        ("y", "x"),
        name="section",
        attrs={"units": "", "long_name": f"Section {axis} = {text_from_quantity(place, 'm')}"},
    )


def values_at(values: NDArray[np.float32], places: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return values between voxels of each column, by a straight line.

    Parameters
    ----------
    values : ndarray, shape (z, y, x)
    places : ndarray, shape (heights, y, x)
        In voxels from the middle of the lowest one; those beyond either end are taken to be at it.
    """
    last = values.shape[0] - 1
    inside = np.clip(places, 0, last)
    below = np.minimum(inside.astype(np.intp), max(last - 1, 0))
    part = (inside - below).astype(np.float32)
    lower, upper = (
        np.take_along_axis(values, np.minimum(index, last), axis=0) for index in (below, below + 1)
    )
    return np.asarray(lower + (upper - lower) * part)
