"""H of a scan whose traces nobody has fitted yet: it needs a part of the samples only."""

from collections.abc import Sequence
from typing import Final

import xarray as xr

from napari_tesm.data.parity import coordinates_of_pulses
from napari_tesm.data.protocol import PulseProtocol, windows_from_protocol
from napari_tesm.evaluation.displacement_maps import displacement_of_pulses, samples_to_read
from napari_tesm.scan import Scan

_LARGEST_READ: Final = 1 << 28
"""More than 256 MB are not read just to open a file; H then comes with the fit."""


def displacement_maps(scan: Scan) -> xr.Dataset | None:
    """Return H of every pulse setting, None where the pulse is not known or the samples cannot be read, or not soon.

    Only the samples that H is made of are read: a few planes of a brick, or those of the pulse where the record begins
    with it.
    """
    dataset = scan.dataset
    if dataset is None:
        return None
    pulse_window, _ = windows_from_protocol(PulseProtocol.from_attributes(dataset.attrs))
    if pulse_window is None:
        return None
    try:
        parts = samples_to_read(dataset["time"].values, pulse_window)
    except ValueError:  # no sample lies inside the pulse: the fit panel says so
        return None
    traces = dataset["displacement"]
    try:
        if _bytes_to_read(traces, parts) > _LARGEST_READ:
            return None
        heights = displacement_of_pulses(dataset, pulse_window)
    except OSError:  # the file is gone or another one: the trace panel says so
        return None
    attributes = {"units": scan.unit, "long_name": "H"}
    settings = coordinates_of_pulses(dataset) | {axis: dataset[axis] for axis in ("y", "x")}
    return xr.Dataset({"H": (("pulse", "y", "x"), heights, attributes)}, settings)


def _bytes_to_read(traces: xr.DataArray, parts: Sequence[slice]) -> int:
    """Return how much of a file the samples of H cost: single planes where time is the slow axis, else all."""
    corner = traces.isel(pulse=0, y=slice(0, 1), x=slice(0, 2)).values
    planes = sum(part.stop - part.start for part in parts)
    time_is_slow = corner.ndim == 3 and corner.strides[-1] > corner.itemsize
    samples = planes if time_is_slow else traces.sizes["time"]
    pixels = traces.sizes["pulse"] * traces.sizes["y"] * traces.sizes["x"]
    return int(pixels * samples * traces.dtype.itemsize)
