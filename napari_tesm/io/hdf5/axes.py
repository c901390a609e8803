"""Axes of HDF5 datasets, from dimension scales or from the positions a file lists."""

from __future__ import annotations

from typing import Any

from napari_tesm.files.disk import DiskFile
from napari_tesm.files.lazy import UnusableArrayError
from napari_tesm.io.content import Axis, axis_from_positions, one_line
from napari_tesm.io.hdf5.datasets import attributes_of, small_array, text_of
from napari_tesm.io.unit_attributes import unit_from_attributes


def axes_from_scales(dataset: Any, disk: DiskFile) -> tuple[list[Axis], list[str], list[str]]:
    """Return the axes of a dataset, what kinds of dimensions they are, and what is wrong with them.

    Parameters
    ----------
    dataset : h5py.Dataset
    disk : DiskFile

    Returns
    -------
    axes : list of Axis
        Those without a usable scale are not `known`.
    kinds : list of str
        NSID's ``dimension_type``, such as "SPATIAL"; empty where there is none.
    notes : list of str
    """
    axes, kinds, notes = [], [], []
    for number, size in enumerate(dataset.shape):
        dimension = dataset.dims[number]
        label = str(dimension.label)
        axis, kind = Axis(size, label, known=False), ""
        if len(dimension):
            scale = dimension[0]
            attributes = attributes_of(scale)
            name = text_of(attributes, "name") or label or (scale.name or "").rsplit("/", 1)[-1]
            unit = unit_from_attributes(attributes)
            kind = text_of(attributes, "dimension_type")
            axis = Axis(size, name, unit, known=False)
            try:
                if scale.shape != (size,) or scale.dtype.kind not in "iuf":
                    raise UnusableArrayError(f"its scale {number + 1} has not {size} numbers.")
                scaled = axis_from_positions(small_array(scale, disk, size), name, unit)
                if not scaled.known:
                    raise UnusableArrayError(f"its scale {number + 1} is not finite.")
                axis = scaled
            except UnusableArrayError as error:
                shown = one_line((dataset.name or "").strip("/"))
                notes.append(f"'{shown}' has no positions along '{one_line(name)}': {error}")
        axes.append(axis)
        kinds.append(kind)
    return axes, kinds, notes
