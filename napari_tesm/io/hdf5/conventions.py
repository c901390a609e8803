"""Axes of HDF5 datasets without dimension scales: arrays named in attributes (NeXus, xarray), groups of hyperspy."""

from __future__ import annotations

import re
from typing import Any, Final

from napari_tesm.files.disk import DiskFile
from napari_tesm.files.lazy import UnusableArrayError
from napari_tesm.io.content import Axis, axis_from_positions
from napari_tesm.io.hdf5.datasets import attributes_of, small_array, text_of
from napari_tesm.io.unit_attributes import unit_from_attributes

_LISTS: Final = ("axes", "dims", "dimensions", "_ARRAY_DIMENSIONS", "DIMENSION_LABELS")
"""Attributes in which files list their axes."""


def named_scales(dataset: Any) -> list[Any | None]:
    """Return the arrays that the names of a dataset's axes point to, one for each dimension; None where there is none.

    The names are those that NeXus lists in its group (``signal``, ``axes``) or with the signal (``axes`` "y:x:time"),
    those of other lists of names, and the labels of the dimensions. An array counts that lies beside the dataset and
    has the length of the dimension.

    Parameters
    ----------
    dataset : h5py.Dataset
    """
    shape = dataset.shape or ()
    for names in (*_lists_of_names(dataset), _numbered(dataset)):
        if len(names) == len(shape) and any(names):
            scales = [
                _beside(dataset, name, size) if name else None
                for name, size in zip(names, shape, strict=True)
            ]
            if any(scale is not None for scale in scales):
                return scales
    return [None] * len(shape)


def axes_by_convention(axes: list[Axis], dataset: Any, disk: DiskFile) -> list[Axis]:
    """Return axes, with those that are not known as the conventions of NeXus, xarray and hyperspy have them.

    Parameters
    ----------
    axes : list of Axis
        From dimension scales; those that are known stay.
    dataset : h5py.Dataset
    disk : DiskFile
    """
    if all(axis.known for axis in axes):
        return axes
    completed = list(axes)
    for number, (axis, scale) in enumerate(zip(axes, named_scales(dataset), strict=True)):
        if axis.known or scale is None:
            continue
        attributes = attributes_of(scale)
        name = axis.name or text_of(attributes, "name") or scale.name.rsplit("/", 1)[-1]
        completed[number] = _axis_of(scale, name, unit_from_attributes(attributes), axis.size, disk) or axis
    hyperspy = _hyperspy_axes(dataset, disk)
    return [own if own.known else other or own for own, other in zip(completed, hyperspy, strict=True)]


def _axis_of(scale: Any, name: str, unit: str, size: int, disk: DiskFile) -> Axis | None:
    try:
        axis = axis_from_positions(small_array(scale, disk, size), name, unit)
    except UnusableArrayError:
        return None
    return axis if axis.known else None


def _lists_of_names(dataset: Any) -> list[list[str]]:
    """Return the lists of names that a dataset and its group hold for the dataset's axes."""
    own = attributes_of(dataset)
    lists = [_names(own.get(name)) for name in _LISTS]
    group = attributes_of(dataset.parent)
    called = (dataset.name or "").rsplit("/", 1)[-1]
    if called in [text_of(group, "signal"), *_names(group.get("auxiliary_signals"))]:
        lists.append(_names(group.get("axes")))
    lists.append([str(dimension.label) for dimension in dataset.dims])
    # The Berkeley microscopists' EMD: dim1, dim2 … beside the data.
    lists.append([f"dim{number}" for number in range(1, len(dataset.shape or ()) + 1)])
    return lists


def _names(value: Any) -> list[str]:
    """Return names that are listed as texts, or in one text: ``[y, x, time]``, ``y:x:time``; a dot stands for none."""
    if isinstance(value, str):
        value = re.split(r"[\s,:;]+", value.strip().strip("[]()"))
    if not isinstance(value, list):
        return []
    return ["" if name == "." else str(name).strip("'\" ") for name in value]


def _numbered(dataset: Any) -> list[str]:
    """Return the arrays that say themselves which axis they are, by NeXus' oldest convention, ``axis`` 1 and on."""
    if "signal" not in dataset.attrs:
        return []
    names = [""] * len(dataset.shape or ())
    for key in dataset.parent:
        item = _inside(dataset.parent, key)
        number = None if item is None else attributes_of(item).get("axis")
        number = int(number) if isinstance(number, str) and number.isdecimal() else number
        if isinstance(number, int) and 0 < number <= len(names):
            names[number - 1] = str(key)
    return names


def _beside(dataset: Any, name: str, size: int) -> Any | None:
    """Return an array of a dataset's group; None where there is none of that name and length."""
    import h5py

    item = None if "/" in name else _inside(dataset.parent, name)
    fits = isinstance(item, h5py.Dataset) and item.shape == (size,) and item.dtype.kind in "iuf"
    return item if fits and item != dataset else None


def _inside(group: Any, name: str) -> Any | None:
    """Return what a group holds under a name; nothing that lies in another file."""
    import h5py

    return group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None


def _hyperspy_axes(dataset: Any, disk: DiskFile) -> list[Axis | None]:
    """Return the axes that hyperspy's groups ``axis-0``, ``axis-1`` … beside a dataset describe."""
    import h5py

    shape = dataset.shape or ()
    axes: list[Axis | None] = []
    for number, size in enumerate(shape):
        group = _inside(dataset.parent, f"axis-{number}")
        if not isinstance(group, h5py.Group):
            return [None] * len(shape)
        attributes = attributes_of(group)
        name, unit = text_of(attributes, "name"), unit_from_attributes(attributes)
        unit = "" if unit.startswith("<") else unit
        listed, scale, offset = _inside(group, "axis"), attributes.get("scale"), attributes.get("offset", 0.0)
        if attributes.get("size", size) != size:
            return [None] * len(shape)
        if isinstance(listed, h5py.Dataset) and listed.shape == (size,):
            axes.append(_axis_of(listed, name, unit, size, disk))
        elif isinstance(scale, int | float) and isinstance(offset, int | float) and scale:
            axes.append(Axis(size, name, unit, float(offset), float(scale)))
        else:
            axes.append(None)
    return axes
