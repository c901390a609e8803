"""Whether a dataset still is what its file holds: what was edited in memory must not be saved as the file has it."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import blocks_of_rows

_AS_OPENED: Final = "as_opened"


def remember(dataset: xr.Dataset) -> None:
    """Keep what a dataset holds now, in place: traces as references to the file, images and positions as copies."""
    # Variables alone: to make a Dataset of them took a third of the opening of a small file (profiled), for nothing.
    kept = {name: held.copy(deep="time" not in held.dims) for name, held in dataset.variables.items()}
    dataset.encoding[_AS_OPENED] = kept, frozenset(dataset.coords)


def opened_dataset(dataset: xr.Dataset) -> xr.Dataset | None:
    """Return what a dataset was when it was opened; None where it came from no .gwy file."""
    if _AS_OPENED not in dataset.encoding:
        return None
    kept, coordinates = dataset.encoding[_AS_OPENED]
    return xr.Dataset(kept).set_coords(coordinates)


def is_edited(dataset: xr.Dataset) -> bool:
    """Whether traces, images or pixel positions differ from what was opened; traces are read if they are in memory.

    What is known of the recording may differ: the protocol, voltages, the start of the time axis.
    """
    opened = opened_dataset(dataset)
    if opened is None:
        return False
    if set(dataset.data_vars) != set(opened.data_vars) or dict(dataset.sizes) != dict(opened.sizes):
        return True
    steps, steps_opened = (np.diff(part["time"].values) for part in (dataset, opened))
    if not np.allclose(steps, steps_opened, rtol=1e-9, atol=0):
        return True
    return any(
        not np.array_equal(part, other, equal_nan=True)
        for name in (*dataset.data_vars, "y", "x")
        for part, other in _parts(dataset[name].variable, opened[name].variable)
    )


def _parts(variable: xr.Variable, opened: xr.Variable) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield the values of both, block by block; nothing where both are one array that nobody can write into."""
    if variable._data is opened._data and "time" in variable.dims:
        return
    if variable.dims != opened.dims or variable.ndim < 4:
        yield variable.values, opened.transpose(*variable.dims).values
        return
    for pulse, rows, columns in blocks_of_rows(variable.shape[:3], variable.shape[3]):
        place = dict(zip(variable.dims, (pulse, rows, columns), strict=False))
        yield variable.isel(place).values, opened.isel(place).values
