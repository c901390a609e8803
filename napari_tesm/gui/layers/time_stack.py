"""The traces of a scan as stacks of images over time, read plane by plane as the slider moves."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import labels_from_maps
from napari_tesm.files.sentences import Sentence
from napari_tesm.gui.models.layer_looks import colour_limits
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.saying import say
from napari_tesm.quantities.text import prefix_for

LayerTuple = tuple[Any, dict[str, Any], str]


class TimeStack:
    """The traces of one pulse setting as images, dims (time, y, x), read when they are looked at.

    Parameters
    ----------
    traces : DataArray of dims (y, x, time)
    factor : float
        Values are divided by it.
    """

    def __init__(self, traces: xr.DataArray, factor: float) -> None:
        self._traces = traces
        self._factor = factor
        self._failed = False
        rows, columns, samples = traces.shape
        self.shape = (samples, rows, columns)
        self.ndim = 3
        self.dtype = np.dtype(np.float32)

    def __deepcopy__(self, memo: Any) -> "TimeStack":
        # What is only read need not be copied, least of all from a file larger than memory.
        return self

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        given = key if isinstance(key, tuple) else (key,)
        parts: list[Any] = [part for part in given if part is not Ellipsis]
        parts += [slice(None)] * (3 - len(parts))
        time, rows, columns = parts
        # Indexed before it is transposed: xarray would read everything of a transposed lazy array.
        try:
            values = self._traces[rows, columns, time].values
        except OSError as error:
            values = self._nothing(error)[time, rows, columns]
            return np.asarray(values, dtype=np.float32)
        if not isinstance(time, int | np.integer):
            values = np.moveaxis(values, -1, 0)
        return np.asarray(values / self._factor, dtype=np.float32)

    def _nothing(self, error: OSError) -> NDArray[np.float32]:
        """Return an empty picture and say why, once: napari would show a traceback at every step of the slider."""
        if not self._failed:
            self._failed = True
            say(Sentence("Not shown: {error}", error=error), warning=True)
        return np.broadcast_to(np.float32(np.nan), self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)


def traces_layers(scan: Scan) -> list[LayerTuple]:
    """Return a (time, y, x) layer for every pulse setting."""
    dataset = scan.dataset if scan.dataset is not None else scan.unfinished
    return [] if dataset is None else [_traces_layer(scan, dataset, i) for i in range(dataset.sizes["pulse"])]


def _traces_layer(scan: Scan, dataset: xr.Dataset, pulse: int) -> LayerTuple:
    traces = dataset["displacement"].isel(pulse=pulse)
    time = dataset["time"].values
    sample = _sampled(traces)
    limits = colour_limits(sample, signed=True, percent=4.0)  # one dead pixel of the few must not rule
    factor, unit = prefix_for(limits, str(traces.attrs["units"]))
    display = scan.display
    labels = labels_from_maps(dataset)
    interval = float((time[-1] - time[0]) / (time.size - 1)) if time.size > 1 else 1e-3
    time_factor, time_unit = prefix_for(float(np.abs(time).max()) or interval, "s")
    if scan.dataset is None:  # the unit of the time axis is not known: count samples
        interval, time_factor, time_unit = 1.0, 1.0, "pixel"
        time = np.arange(time.size, dtype=np.float64)
    options = {
        "name": f"Traces {labels[pulse]}".strip(),
        "scale": (interval / time_factor, *display.spacing),
        "translate": (float(time[0]) / time_factor, *display.origin),
        "units": (time_unit, display.unit, display.unit),
        "axis_labels": ("time", "y", "x"),
        "contrast_limits": (limits[0] / factor, limits[1] / factor),
        "colormap": "RdBu_r",
        "visible": False,
        "metadata": {
            "tesm": {
                "scan": scan, "kind": "traces", "pulse": pulse, "unit": unit, "factor": factor,
                "time_factor": time_factor,
            }
        },
    }  # fmt: skip
    return TimeStack(traces, factor), options, "image"


def _sampled(traces: xr.DataArray) -> NDArray[np.float64]:
    """Return samples of some 64 pixels, whatever the size of the whole, to find a contrast."""
    # Slices with steps are views of a file on disk; lists of indices would copy whole planes first.
    steps = {axis: max(1, traces.sizes[axis] // count) for axis, count in (("y", 8), ("x", 8), ("time", 24))}
    parts = {axis: slice(step // 2, None, step) for axis, step in steps.items()}
    return np.asarray(traces.isel(parts).values, dtype=np.float64)
