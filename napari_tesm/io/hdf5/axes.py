"""Axes of HDF5 datasets, from dimension scales or from the positions a file lists."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.lazy import UnusableArrayError
from napari_tesm.files.mapped import MappedFile
from napari_tesm.io.content import Axis, one_line
from napari_tesm.io.hdf5.datasets import attributes_of, small_array, text_of

_UNEQUAL: Final = 1e-4


def axis_from_positions(positions: NDArray[Any], name: str, unit: str) -> Axis:
    """Return an axis with start and step where the positions are equally spaced.

    They count as such to a ten-thousandth of a step, or to the digits of single precision that many files have.

    Parameters
    ----------
    positions : ndarray, shape (size,)
    """
    values = np.asarray(positions, dtype=np.float64)
    size = values.size
    if not np.isfinite(values).all():
        return Axis(size, name, unit, known=False)
    if size == 1:
        return Axis(1, name, unit, float(values[0]), 1.0)
    step = float(values[-1] - values[0]) / (size - 1)
    even = values[0] + step * np.arange(size)
    digits = 4 * np.finfo(np.float32).eps * np.abs(values).max() if positions.dtype == np.float32 else 0.0
    if step != 0 and np.abs(values - even).max() <= max(_UNEQUAL * abs(step), min(digits, 0.1 * abs(step))):
        return Axis(size, name, unit, float(values[0]), step)
    return Axis(size, name, unit, values=values)


def axes_from_scales(dataset: Any, mapped: MappedFile) -> tuple[list[Axis], list[str], list[str]]:
    """Return the axes of a dataset, what kinds of dimensions they are, and what is wrong with them.

    Parameters
    ----------
    dataset : h5py.Dataset
    mapped : MappedFile

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
            unit = text_of(attributes, "units", "unit")
            kind = text_of(attributes, "dimension_type")
            axis = Axis(size, name, unit, known=False)
            try:
                if scale.shape != (size,) or scale.dtype.kind not in "iuf":
                    raise UnusableArrayError(f"its scale {number + 1} has not {size} numbers.")
                scaled = axis_from_positions(small_array(scale, mapped, size), name, unit)
                if not scaled.known:
                    raise UnusableArrayError(f"its scale {number + 1} is not finite.")
                axis = scaled
            except UnusableArrayError as error:
                shown = one_line((dataset.name or "").strip("/"))
                notes.append(f"'{shown}' has no positions along '{one_line(name)}': {error}")
        axes.append(axis)
        kinds.append(kind)
    return axes, kinds, notes
