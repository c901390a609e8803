"""The one data model: an `xarray.Dataset` of time traces over an image, with a documented schema.

========================== ======================= =================================================
name                       dims                    meaning
========================== ======================= =================================================
``x``, ``y``               ``x`` / ``y``           pixel centres
``time``                   ``time``                s, 0 at the start of the pulse (of the record where
                                                   the pulse is not known)
``voltage``, ``direction`` ``pulse``               V (NaN where unknown); "trace", "retrace" or ""
``displacement``           ``pulse, y, x, time``   the traces, lock-in X; ``displacement_quadrature``,
                                                   ``_amplitude``, ``_phase`` where recorded
``topography`` …           ``y, x``                ordinary channels, the title kept in ``long_name``
========================== ======================= =================================================

The pulse protocol lives in the attributes (see `napari_tesm.data.protocol.PulseProtocol`), and with it `time_origin`,
where the file's time axis has this one's zero (s; the start of the pulse where it is left out). Traces stay where
they are, in a file on disk or any other array, until rows of them are asked for.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.quantities.axes import axis_spacing

TRACE_DIMS: Final = ("pulse", "y", "x", "time")
SIGNALS: Final = {
    "X": "displacement",
    "Y": "displacement_quadrature",
    "R": "displacement_amplitude",
    "phase": "displacement_phase",
}
"""Variable for each lock-in signal."""
DIRECTIONS: Final = ("trace", "retrace", "")
Block = tuple[int, slice, slice]
"""A part of a map: a pulse setting, rows and columns."""
_VOLTAGE: Final = re.compile(r"\(([+−-]?\d+(?:[.,]\d+)?) ?V\b")
_SOME_VOLTAGE: Final = re.compile(r"(?<![\w.,])([+−-]?\d+(?:[.,]\d+)?) ?V(?![A-Za-z])")
BLOCK_BYTES: Final = 1 << 25
"""Traces read at once by one thread, as doubles; 32 MB are some 16 000 pixels of 250 samples."""


class TraceStack(BackendArray):
    """Traces of several pulse settings, each in an array of its own, read when asked for.

    Parameters
    ----------
    sources : sequence of array-like, each of shape (y, x, time)
        One array per pulse setting: a view of a file on disk, an HDF5 dataset, a plain array, in any memory
        order. One with a method `outer` is given the index of each axis, a slice, an integer or a list of integers,
        all at once; others are given slices alone.
    check : callable, optional
        Called before each reading; raises where the file behind the arrays is no longer what it was.
    """

    def __init__(self, sources: Sequence[Any], *, check: Callable[[], None] | None = None) -> None:
        shapes = {tuple(source.shape) for source in sources}
        if len(shapes) != 1:
            raise ValueError(f"traces of unequal size cannot be stacked: {sorted(shapes)}")
        self.sources = list(sources)
        self.check = check
        self.shape = (len(self.sources), *shapes.pop())
        dtypes = [np.dtype(source.dtype).newbyteorder("=") for source in sources]
        self.dtype = np.result_type(*dtypes)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[Any]:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)  # type: ignore[no-any-return]

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        if self.check is not None:
            self.check()
        pulse_key, *pixel_key = key
        if isinstance(pulse_key, int | np.integer):
            return self._read_one(self.sources[int(pulse_key)], pixel_key)
        chosen = np.arange(len(self.sources))[pulse_key]
        shape_of_none = self._read_one(np.broadcast_to(np.empty((), self.dtype), self.shape[1:]), pixel_key)
        out = np.empty((chosen.size, *shape_of_none.shape), self.dtype)
        for index, pulse in enumerate(chosen):
            out[index] = self._read_one(self.sources[pulse], pixel_key)
        return out

    @staticmethod
    def _read_one(source: Any, key: Sequence[Any]) -> NDArray[Any]:
        # What is no view of an array, but cut or computed when asked, takes lists of pixels itself.
        if hasattr(source, "outer"):
            return np.asarray(source.outer(tuple(key)))
        # Slices and single places first: they only narrow the view; lists of rows, columns or samples then copy little.
        single = [isinstance(part, int | np.integer) for part in key]
        narrow = [
            slice(part, part + 1 or None) if alone else part for part, alone in zip(key, single, strict=True)
        ]
        view = source[tuple(part if isinstance(part, slice) else slice(None) for part in narrow)]
        for axis, part in enumerate(narrow):
            if not isinstance(part, slice):
                # Not np.take, which first copies all of a view whose time lies first.
                view = view[(slice(None),) * axis + (part,)]
        view = view[tuple(0 if alone else slice(None) for alone in single)]
        return np.asarray(view)


def dataset_from_traces(
    traces: Mapping[str, Sequence[Any]] | Sequence[Any],
    *,
    time: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    voltage: ArrayLike | None = None,
    direction: Sequence[str] | None = None,
    unit: str = "m",
    lateral_unit: str = "m",
    protocol: PulseProtocol | None = None,
    channels: Sequence[xr.DataArray] = (),
    check: Callable[[], None] | None = None,
) -> xr.Dataset:
    """Build a dataset from traces that may stay on disk.

    Parameters
    ----------
    traces : sequence of array-like, each of shape (y, x, time), or mapping of such
        One array per pulse setting; a mapping gives them by lock-in signal, ``"X"``, ``"Y"``, ``"R"``,
        ``"phase"``.
    time : array-like, shape (time,)
        Sample times in s, 0 at the start of the pulse.
    x, y : array-like, shape (x,) and (y,)
        Pixel centres, in `lateral_unit`. A single row or column is taken to consist of square pixels.
    voltage : array-like, shape (pulse,), optional
        Pulse voltages in V; unknown ones are NaN.
    direction : sequence of str, optional
        "trace", "retrace" or "" for each pulse setting.
    unit : str
        Unit of the traces: "m", "V", or "a.u.".
    channels : sequence of DataArray with dims (y, x)
        Images of the same grid; their `name` becomes the variable.
    check : callable, optional
        Passed to `TraceStack`.

    Raises
    ------
    ValueError
        Naming every violation of the schema.
    """
    by_signal = traces if isinstance(traces, Mapping) else {"X": traces}
    n_pulses = len(next(iter(by_signal.values())))
    voltages = np.full(n_pulses, np.nan) if voltage is None else np.asarray(voltage, dtype=np.float64)
    directions = [""] * n_pulses if direction is None else list(direction)
    variables: dict[str, Any] = {}
    for signal, sources in by_signal.items():
        attributes = {"units": "deg" if signal == "phase" else unit, "long_name": f"Traces, lock-in {signal}"}
        stack = indexing.LazilyIndexedArray(TraceStack(sources, check=check))
        variables[SIGNALS[signal]] = xr.Variable(TRACE_DIMS, stack, attributes)
    for channel in channels:
        variables[str(channel.name)] = channel.variable
    dataset = xr.Dataset(
        variables,
        coords={
            "x": ("x", np.asarray(x, dtype=np.float64), {"units": lateral_unit, "long_name": "x"}),
            "y": ("y", np.asarray(y, dtype=np.float64), {"units": lateral_unit, "long_name": "y"}),
            "time": ("time", np.asarray(time, dtype=np.float64), {"units": "s", "long_name": "time"}),
            "voltage": ("pulse", voltages, {"units": "V", "long_name": "pulse voltage"}),
            "direction": ("pulse", np.asarray(directions, dtype=np.str_)),
        },
        attrs=(protocol or PulseProtocol()).to_attributes(),
    )
    check_dataset(dataset)
    _give_a_line_square_pixels(dataset)
    return dataset


def _give_a_line_square_pixels(dataset: xr.Dataset) -> None:
    """Note the width of pixels on an axis that has only one, as wide as they are along the line."""
    for axis, other in (("x", "y"), ("y", "x")):
        if dataset.sizes[axis] == 1 and dataset.sizes[other] > 1:
            dataset[axis].attrs["spacing"] = axis_spacing(dataset[other])


def check_dataset(dataset: xr.Dataset) -> None:
    """Raise a ValueError that names every violation of the schema, if there is any."""
    problems = violations(dataset)
    if problems:
        raise ValueError("not a t-ESM dataset: " + "; ".join(problems))


def violations(dataset: xr.Dataset) -> list[str]:
    """Return a sentence for every way in which `dataset` departs from the schema."""
    problems = [] if "displacement" in dataset else ["it has no variable 'displacement'"]
    for name in ("x", "y", "time"):
        problems += _axis_violations(dataset, name)
    for name in ("voltage", "direction"):
        if name not in dataset.coords:
            problems.append(f"it has no coordinate '{name}'")
        elif dataset[name].dims != ("pulse",):
            problems.append(f"'{name}' must have the dimension pulse, not {dataset[name].dims}")
    if "direction" in dataset.coords:
        unknown = sorted({str(value) for value in dataset["direction"].values.flat} - set(DIRECTIONS))
        if unknown:
            problems.append(f"the direction must be 'trace', 'retrace' or empty, not {unknown}")
    for name in SIGNALS.values():
        if name in dataset:
            problems += _trace_violations(dataset[name])
    try:
        PulseProtocol.from_attributes(dataset.attrs)
    except (TypeError, ValueError) as error:
        problems.append(str(error))
    return problems


def _axis_violations(dataset: xr.Dataset, name: str) -> list[str]:
    if name not in dataset.coords:
        return [f"it has no coordinate '{name}'"]
    axis = dataset[name]
    if axis.dims != (name,):
        return [f"'{name}' must have the dimension {name} alone, not {axis.dims}"]
    values = axis.values
    problems = []
    if values.size == 0:
        problems.append(f"'{name}' is empty")
    elif not np.isfinite(values).all():
        problems.append(f"'{name}' holds values that are not finite")
    elif (np.diff(values) <= 0).any():
        where = int(np.flatnonzero(np.diff(values) <= 0)[0]) + 1
        problem = "runs backwards" if name == "time" else "does not increase"
        problems.append(f"'{name}' {problem} at index {where}")
    if "units" not in axis.attrs:
        problems.append(f"'{name}' has no attribute 'units'")
    elif name == "time" and axis.attrs["units"] != "s":
        problems.append(f"'time' must be in s, not {axis.attrs['units']!r}")
    return problems


def _trace_violations(traces: xr.DataArray) -> list[str]:
    problems = []
    if traces.dims != TRACE_DIMS:
        problems.append(
            f"'{traces.name}' must have the dimensions {', '.join(TRACE_DIMS)}, not {traces.dims}"
        )
    if traces.dtype.kind not in "fiu":
        problems.append(f"'{traces.name}' must hold real numbers, not {traces.dtype}")
    if "units" not in traces.attrs:
        problems.append(f"'{traces.name}' has no attribute 'units'")
    return problems


def blocks_of_rows(shape: tuple[int, ...], samples: int) -> Iterator[Block]:
    """Yield blocks of whole rows, or of parts where one row alone is too large; `samples` of each trace are held."""
    pulses, height, width = shape
    pixels = max(1, BLOCK_BYTES // (8 * samples))
    rows, columns = max(1, pixels // width), min(width, pixels)
    for pulse in range(pulses):
        for y in range(0, height, rows):
            for x in range(0, width, columns):
                yield pulse, slice(y, min(y + rows, height)), slice(x, min(x + columns, width))


def thinned(dataset: xr.Dataset, step: int) -> xr.Dataset:
    """Return every `step`-th pixel of a dataset each way; a distance of pixels that is written grows with it."""
    rows, columns = (
        slice(step // 2 if dataset.sizes[axis] > step // 2 else 0, None, step) for axis in ("y", "x")
    )
    part = dataset.isel(y=rows, x=columns)
    for axis in ("y", "x"):
        if "spacing" in part[axis].attrs:
            part[axis].attrs["spacing"] = dataset[axis].attrs["spacing"] * step
    return part


def with_protocol(
    dataset: xr.Dataset,
    *,
    voltage: float | Sequence[float] | None = None,
    **protocol: float | None,
) -> xr.Dataset:
    """Return the dataset with what the caller knows of the protocol put in.

    A new `pulse_start` (s, on the time axis of the file) moves the time axis, so that time 0 is the start of
    the pulse again.

    Parameters
    ----------
    voltage : float or sequence of float, optional
        Pulse voltage in V, for every pulse setting, or for each one in turn.
    **protocol : float, optional
        Fields of `PulseProtocol`; None leaves what the dataset has.
    """
    before = PulseProtocol.from_attributes(dataset.attrs)
    after = before.updated(**protocol)
    attributes = {**dataset.attrs, **after.to_attributes()}
    changed = dataset.assign_attrs(attributes)
    if after.pulse_start is not None:
        origin = float(dataset.attrs.get("time_origin", before.pulse_start or 0.0))
        time = dataset["time"]
        changed = changed.assign_coords(time=time.copy(data=time.values + (origin - after.pulse_start)))
        changed.attrs["time_origin"] = after.pulse_start
    if voltage is not None:
        voltages = dataset["voltage"]
        changed = changed.assign_coords(voltage=voltages.copy(data=np.full(voltages.shape, voltage, float)))
    return changed


def pulse_labels(voltage: ArrayLike, direction: Sequence[str], *, always: bool = False) -> list[str]:
    """Return what tells the pulse settings apart in titles: ``(-3 V)``, ``(+3 V retrace)``, ``""``.

    Two settings with one voltage add the direction, and `` #2`` where that is still not unique; `always` adds it
    everywhere.

    Examples
    --------
    >>> pulse_labels([3.0, -3.0], ["trace", "retrace"])
    ['(+3 V)', '(-3 V)']
    >>> pulse_labels([-3.0, -3.0, -3.0], ["trace", "retrace", "retrace"])
    ['(-3 V trace)', '(-3 V retrace)', '(-3 V retrace) #2']
    """
    names = [_voltage_label(float(value)) for value in np.asarray(voltage, dtype=float)]
    parts = [
        [name] if names.count(name) == 1 and not always else [name, way]
        for name, way in zip(names, direction, strict=True)
    ]
    plain = [" ".join(filter(None, words)) for words in parts]
    labels = []
    for index, text in enumerate(plain):
        count = plain[: index + 1].count(text)
        wrapped = f"({text})" if text else ""
        labels.append(wrapped if count == 1 else f"{wrapped} #{count}".strip())
    return labels


def titles_of_traces(dataset: xr.Dataset) -> list[str]:
    """Return what the traces are called: as in their file, else ``Traces (-3 V)`` for each pulse setting."""
    titles = dataset.attrs.get("traces")
    if isinstance(titles, list | tuple) and titles:
        return [str(title) for title in titles]
    labels = pulse_labels(dataset["voltage"].values, [str(way) for way in dataset["direction"].values])
    return [f"Traces {label}".rstrip() for label in labels]


def voltage_in_title(title: str) -> float:
    """Return the voltage that a title says in parentheses, in V, as `pulse_labels` writes it; NaN where it says none.

    Examples
    --------
    >>> voltage_in_title("Traces Y (-3.5 V retrace) #2"), voltage_in_title("Traces (3)")
    (-3.5, nan)
    """
    return _voltage(_VOLTAGE.search(title))


def voltages_that_titles_tell_apart(titles: Sequence[str]) -> NDArray[np.float64]:
    """Return the voltages that titles say, in V: in parentheses, or anywhere where all say one and not all the same.

    Examples
    --------
    >>> voltages_that_titles_tell_apart(["forward +3V", "backward -3V"]).tolist()
    [3.0, -3.0]
    >>> voltages_that_titles_tell_apart(["1 V ac, trace", "1 V ac, retrace"]).tolist()
    [nan, nan]
    """
    said = np.array([voltage_in_title(title) for title in titles])
    anywhere = np.array([_voltage(_SOME_VOLTAGE.search(title)) for title in titles])
    if np.isnan(said).any() and np.isfinite(anywhere).all() and np.unique(anywhere).size > 1:
        return anywhere
    return said


def _voltage(said: re.Match[str] | None) -> float:
    return float(said[1].replace(",", ".").replace("−", "-")) if said else np.nan


def _voltage_label(voltage: float) -> str:
    if not np.isfinite(voltage):
        return ""
    return f"{voltage:+g} V" if voltage else "0 V"


def slug_from_title(title: str, taken: Sequence[str] = ()) -> str:
    """Return a variable name for a channel title, unlike those in `taken`.

    Examples
    --------
    >>> slug_from_title("Deflection Error (nm)", ["deflection_error_nm"])
    'deflection_error_nm_2'
    """
    slug = re.sub(r"[^0-9a-z]+", "_", title.lower()).strip("_") or "channel"
    if slug[0].isdigit():
        slug = f"channel_{slug}"
    reserved = {*taken, *SIGNALS.values(), "x", "y", "time", "pulse", "voltage", "direction"}
    name, count = slug, 1
    while name in reserved:
        count += 1
        name = f"{slug}_{count}"
    return name
