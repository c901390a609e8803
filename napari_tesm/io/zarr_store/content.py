"""What a Zarr folder holds: every array of numbers, with the axes that arrays of the same name give it."""

from __future__ import annotations

from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_tesm.files.lazy import LazyArray, UnusableArrayError, numbers_of
from napari_tesm.io.content import (
    Axis,
    Collection,
    FileContent,
    axis_from_positions,
    damage_told,
    one_line,
)
from napari_tesm.io.hdf5.datasets import plain_value, with_cf_scaling
from napari_tesm.io.unit_attributes import unit_from_attributes
from napari_tesm.io.waveforms import axes_with_waveform
from napari_tesm.io.zarr_store.arrays import (
    dimension_names,
    lazy_array,
    members,
    opened_group,
    stored_bytes,
)

_LONGEST_LIST: Final = 64


def content_from_zarr(path: str | PathLike[str]) -> FileContent:
    """Return the arrays of a Zarr folder of format 2 or 3, whose numbers stay there.

    Axes are taken from arrays that are called like a dimension, as xarray and OME write them.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ContentError
        If the folder is no sound Zarr store.
    OSError
        If it is not there.
    MissingPackageError
        If zarr is not installed.
    """
    path = Path(path)
    with damage_told(path, "is no sound Zarr store"):
        return _content(path, opened_group(path))


def _content(path: Path, root: Any) -> FileContent:
    n_stored = stored_bytes(path)
    collected = Collection()
    attributes = collected.attributes
    arrays: dict[str, tuple[Any, LazyArray]] = {}
    for name, item in members(root, path):
        if hasattr(item, "members"):
            prefix = f"{name}/" if name else ""
            attributes |= {f"{prefix}{key}": value for key, value in _plain(dict(item.attrs)).items()}
            continue
        shown = name or path.stem
        try:
            lost = partial(collected.note_of, shown)
            arrays[shown] = item, lazy_array(item, shown, path, n_stored, lost=lost)
        except UnusableArrayError as error:
            collected.leave_out(shown, error)
    used: set[str] = set()
    for name, (array, _) in arrays.items():
        used |= {
            other for other in map(_beside(name), dimension_names(array)) if other in arrays and other != name
        }
    for name, (array, numbers) in arrays.items():
        if name in used:
            continue
        of_array = _plain(dict(array.attrs))
        try:
            axes = [
                _axis(size, called, arrays.get(_beside(name)(called)), whole)
                for size, whole, called in zip(
                    numbers.shape, array.shape, dimension_names(array), strict=True
                )
            ]
            if not numbers.size:
                raise UnusableArrayError("it is empty.")
            if not axes:
                value = plain_value(np.asarray(numbers[()])[()])
                if value is not None:
                    attributes[name] = value
                continue
            axes = axes_with_waveform(axes, of_array, partial(collected.note_of, name))
            unit = unit_from_attributes(of_array)
            title = str(of_array.get("long_name") or "")
            for part, real in numbers_of(numbers, name):
                called = f"{title}{part[len(name) :].replace('/', ' ')}" if title else ""
                collected.add(one_line(part), with_cf_scaling(real, of_array), axes, unit, called, of_array)
        except UnusableArrayError as error:
            collected.leave_out(name, error)
    return collected.content(path, "Zarr")


def _beside(name: str) -> Any:
    """Return what gives the name of an array in the same group, none for a dimension without a name."""
    group = name.rpartition("/")[0]
    return lambda other: f"{group}/{other}".strip("/") if other else ""


def _axis(size: int, name: str, scale: tuple[Any, LazyArray] | None, whole: int) -> Axis:
    """Return the axis along a dimension, of which an array may hold the first part alone."""
    if scale is None or scale[1].shape != (whole,) or scale[1].dtype.kind not in "iuf" or not size:
        return Axis(size, name, known=False)
    array, positions = scale
    axis = axis_from_positions(positions[...], name, unit_from_attributes(_plain(dict(array.attrs))))
    return axis.cropped(size)


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return what are texts, numbers, or short lists of them."""
    plain = {str(key): _plain_attribute(value) for key, value in attributes.items()}
    return {key: value for key, value in plain.items() if value is not None}


def _plain_attribute(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list):
        if all(isinstance(item, int | float) for item in value):
            return plain_value(np.asarray(value))
        if len(value) <= _LONGEST_LIST and all(isinstance(item, str) for item in value):
            return value
    return plain_value(value)
