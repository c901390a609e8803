"""USID: arrays of positions by spectroscopic values, with tables that tell where in a grid each row and column is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.disk import DiskFile
from napari_tesm.files.lazy import UnusableArrayError
from napari_tesm.io.content import Axis, axis_from_positions
from napari_tesm.io.hdf5.datasets import attributes_of, small_array

TABLES: Final = ("Position_Indices", "Position_Values", "Spectroscopic_Indices", "Spectroscopic_Values")
_MOST_DIMENSIONS: Final = 32


@dataclass(frozen=True)
class Grid:
    """The dimensions that stand behind the rows, or the columns, of a USID array: slowest first."""

    axes: tuple[Axis, ...]
    complete: bool
    """Each combination of the dimensions is there once, in order."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of positions along each axis."""
        return tuple(axis.size for axis in self.axes)


def tables_of(dataset: Any) -> dict[str, Any] | None:
    """Return the four tables a USID main dataset refers to by name; None where it is no such.

    Parameters
    ----------
    dataset : h5py.Dataset
    """
    import h5py

    if dataset.shape is None or len(dataset.shape) != 2 or not all(name in dataset.attrs for name in TABLES):
        return None
    tables = {}
    for name in TABLES:
        reference = dataset.attrs[name]
        if not isinstance(reference, h5py.Reference) or not reference:
            return None
        table = dataset.file[reference]
        if not isinstance(table, h5py.Dataset):
            return None
        tables[name] = table
    return tables


def grids_from_tables(tables: dict[str, Any], shape: tuple[int, int], disk: DiskFile) -> tuple[Grid, Grid]:
    """Return what the rows and the columns of a USID array are.

    Raises
    ------
    UnusableArrayError
        If the tables do not fit the array.
    """
    grids = []
    for kind, size, along in (("Position", shape[0], 0), ("Spectroscopic", shape[1], 1)):
        indices, values = tables[f"{kind}_Indices"], tables[f"{kind}_Values"]
        arrays = []
        for table in (indices, values):
            if table.shape is None or len(table.shape) != 2 or table.shape[along] != size:
                raise UnusableArrayError(f"its {kind.lower()} tables do not fit its shape {shape}.")
            if table.dtype.kind not in "iuf" or not 0 < table.shape[1 - along] <= _MOST_DIMENSIONS:
                raise UnusableArrayError(f"its {kind.lower()} tables make no sense.")
            numbers = small_array(table, disk, size * _MOST_DIMENSIONS)
            arrays.append(numbers if along == 0 else numbers.T)
        attributes = attributes_of(values) | attributes_of(indices)
        labels, units = (_texts(attributes.get(name), arrays[0].shape[1]) for name in ("labels", "units"))
        grids.append(grid_from_tables(arrays[0], arrays[1], labels, units))
    return grids[0], grids[1]


def grid_from_tables(
    indices: NDArray[Any], values: NDArray[Any], labels: list[str], units: list[str]
) -> Grid:
    """Return the grid that index tables describe; one dimension of rows where they describe none.

    Parameters
    ----------
    indices, values : ndarray, shape (row, dimension)
    labels, units : list of str
        One for each dimension.
    """
    n_rows, n_dimensions = indices.shape
    places = [np.unique(indices[:, number], return_inverse=True) for number in range(n_dimensions)]
    sizes = [levels.size for levels, _ in places]
    # The slower a dimension runs, the less often its index changes from one row to the next.
    changes = [int(np.count_nonzero(np.diff(place))) for _, place in places]
    order = sorted(range(n_dimensions), key=lambda number: (changes[number], sizes[number] > 1))
    expected = np.indices([sizes[number] for number in order]).reshape(n_dimensions, -1)
    complete = expected.shape[1] == n_rows and all(
        np.array_equal(places[number][1], expected[rank]) for rank, number in enumerate(order)
    )
    if not complete:
        return Grid((Axis(n_rows, ", ".join(filter(None, labels)), known=False),), complete=False)
    axes = []
    for number in order:
        place = places[number][1]
        positions = values[np.unique(place, return_index=True)[1], number]
        # Positions that differ from line to line, as those of a real scanner do, are no axis.
        if np.array_equal(positions[place], values[:, number]):
            axes.append(axis_from_positions(positions, labels[number], units[number]))
        else:
            axes.append(Axis(positions.size, labels[number], units[number], known=False))
    return Grid(tuple(axes), complete=True)


def _texts(value: Any, size: int) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    return [str(text) if isinstance(text, str) else "" for text in (texts + [""] * size)[:size]]
