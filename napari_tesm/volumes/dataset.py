"""A volume as an xarray Dataset: `intensity` (z, y, x) in metres, z along the collector's normal, away from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray
from napari_tesm.files.sentences import Sentence
from napari_tesm.files.variables import stored_variable
from napari_tesm.quantities.text import quantity_from_text, text_from_quantity

INTENSITY: Final = "intensity"
AXES: Final = ("z", "y", "x")
UP: Final = ("z", "-z", "y", "-y", "x", "-x")
"""Directions away from the collector, by the axes of a file: its slices are z, its rows y, its columns x."""
_SMALLEST: Final = 1e-11
_LARGEST: Final = 1e-2
"""Voxels (m) of any microscope lie between: what is said in another unit is noticed."""
_LEAST_PLANES: Final = 2

Voxel = tuple[float, float, float]
"""Size of a voxel along z, y, x in m."""


def volume_from_array(
    values: LazyArray | NDArray[Any],
    voxel: Sequence[float | None],
    *,
    up: str = "z",
    attributes: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Return a volume with z away from the collector; numbers of a lazy array are read when they are asked for.

    Parameters
    ----------
    values : LazyArray or ndarray, shape (slices, rows, columns)
    voxel : sequence of float or None
        Distance of slices, rows and columns in m; None is refused: it is never guessed.
    up : {"z", "-z", "y", "-y", "x", "-x"}
        Which axis of the array leads away from the collector, and in which direction.
    attributes : mapping, optional
        Of the Dataset.

    Returns
    -------
    xarray.Dataset
        `intensity` with the dimensions z, y, x. Coordinates are the middles of voxels, counted from the lowest face,
        the first row and the first column.

    Raises
    ------
    ValueError
        If a size of the voxel is missing or impossible, there is no such direction, or the array is no volume.
    """
    if len(values.shape) != 3 or min(values.shape) < _LEAST_PLANES:
        raise ValueError(
            f"{shape_in_words(values.shape)} is no volume: at least two slices, rows and columns are needed"
        )
    if values.dtype.kind not in "biuf":
        raise ValueError(f"the volume holds {values.dtype}, no grey values")
    if up not in UP:
        raise ValueError(
            Sentence(
                "the direction away from the collector is one of {known}: give {up:z}", known=", ".join(UP)
            )
        )
    sizes = [_checked_size(size, axis, voxel) for size, axis in zip(voxel, AXES, strict=True)]
    array = values if isinstance(values, LazyArray) else _lazy_from_numbers(values)
    along = AXES.index(up[-1])
    if along:
        order = [0, 1, 2]
        order[0], order[along] = order[along], order[0]
        array, sizes = array.transposed(tuple(order)), [sizes[axis] for axis in order]
    if up.startswith("-"):
        array = array.flipped(0)
    coordinates = {
        axis: (axis, (np.arange(count) + 0.5) * size, {"units": "m"})
        for axis, count, size in zip(AXES, array.shape, sizes, strict=True)
    }
    dataset = xr.Dataset(
        {INTENSITY: stored_variable(AXES, array, {"long_name": "Intensity"})},
        coordinates,
        dict(attributes or {}),
    )
    # The middles of voxels give the size back to the last digit or two alone.
    dataset.attrs["voxel"] = tuple(sizes)
    return dataset


def voxel_of(volume: xr.Dataset) -> Voxel:
    """Return the size of a voxel along z, y and x in m.

    Raises
    ------
    ValueError
        If the Dataset is no volume.
    """
    if INTENSITY not in volume or volume[INTENSITY].dims != AXES or "voxel" not in volume.attrs:
        raise ValueError("the dataset is no volume: it needs 'intensity' with the dimensions z, y, x")
    z, y, x = volume.attrs["voxel"]
    return float(z), float(y), float(x)


def voxel_from_text(text: str) -> Voxel:
    """Return the size of a voxel from ``60nm``, or from its three sizes, ``100nm,50nm,50nm``.

    Raises
    ------
    ValueError
        If it is neither one length nor three.

    Examples
    --------
    >>> voxel_from_text("100nm,50nm,50nm")
    (1e-07, 5e-08, 5e-08)
    """
    parts = text.split(",")
    if len(parts) not in (1, 3):
        raise ValueError(
            f"'{text}' is no size of a voxel: write one length, like '60nm', or those of slices, rows and columns, "
            "like '100nm,50nm,50nm'"
        )
    sizes = [quantity_from_text(part, "m") for part in parts]
    z, y, x = sizes if len(sizes) == 3 else sizes * 3
    return z, y, x


def shape_in_words(shape: Sequence[int]) -> str:
    """Return the size of an array for a sentence."""
    return " × ".join(map(str, shape)) or "a single number"


def voxel_in_words(voxel: Sequence[float | None]) -> str:
    """Return a voxel's size for a person; an edge that is not known is a question mark."""
    known = ["?" if size is None else text_from_quantity(size, "m", digits=6) for size in voxel]
    return known[0] if len(set(known)) == 1 else " × ".join(known)


def _checked_size(size: float | None, axis: str, voxel: Sequence[float | None]) -> float:
    if size is None:
        known = any(edge is not None for edge in voxel)
        said = f"only {voxel_in_words(voxel)} of it (slices, rows, columns)" if known else "nothing of it"
        raise ValueError(
            Sentence("the size of a voxel is not known, the file says {said}: give {voxel:60nm}", said=said)
        )
    if not (math.isfinite(size) and _SMALLEST <= size <= _LARGEST):
        raise ValueError(
            Sentence(
                "a voxel of {size:.3g} m along {axis} is impossible: give {voxel:60nm}", size=size, axis=axis
            )
        )
    return float(size)


def _lazy_from_numbers(values: NDArray[Any]) -> LazyArray:
    return LazyArray(values.shape, values.dtype, values.__getitem__)
