"""Several recordings of one area joined into one dataset with many pulse settings."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import SIGNALS, TRACE_DIMS, dataset_from_traces, slug_from_title
from napari_tesm.data.protocol import EDGE_TOLERANCE, PulseProtocol, sampling_interval
from napari_tesm.io.mapping.entries import Mapping
from napari_tesm.io.registry import open_dataset
from napari_tesm.recording import REPORT

_SAME_PLACE = 0.01
"""Part of a pixel by which the grids of two files may differ."""


class _Pulse:
    """The traces of one pulse setting of a dataset, read when they are sliced."""

    def __init__(self, traces: xr.DataArray, pulse: int) -> None:
        self._traces = traces.isel(pulse=pulse)
        self.shape, self.dtype = self._traces.shape, self._traces.dtype

    def __getitem__(self, key: tuple[slice, ...]) -> NDArray[Any]:
        return np.asarray(self._traces[key].values)


def open_series(
    paths: Sequence[str | PathLike[str]],
    *,
    traces: Sequence[str] | str | None = None,
    time_unit: str | None = None,
    lateral_unit: str | None = None,
    mapping: Mapping | str | PathLike[str] | None = None,
) -> xr.Dataset:
    """Open files of one area as one dataset: their pulse settings follow one another in the order of the files.

    The files need the same pixels and the same sampling; traces are never interpolated. Images of the first file
    keep their names, those of the others get the name of their file.

    Parameters
    ----------
    paths : sequence of path-like
    traces, time_unit, lateral_unit, mapping
        As in `napari_tesm.open_dataset`, for every file.

    Raises
    ------
    OSError
        If a file cannot be opened.
    ValueError
        If one cannot be read, or does not go with the first: it is named, with what differs.
    """
    if not paths:
        raise ValueError("a series needs at least one file")
    options: dict[str, Any] = {
        "traces": traces, "time_unit": time_unit, "lateral_unit": lateral_unit, "mapping": mapping,
    }  # fmt: skip
    opened = [(Path(path), open_dataset(path, **options)) for path in paths]
    return series_from_datasets(opened)


def series_from_datasets(opened: Sequence[tuple[Path, xr.Dataset]]) -> xr.Dataset:
    """Return datasets of one area as one; see `open_series`.

    Parameters
    ----------
    opened : sequence of (Path, Dataset)
        The name of each for messages and titles.
    """
    (first_path, first), *others = opened
    if not others:
        return first
    for path, dataset in others:
        difference = _difference(first, dataset)
        if difference:
            raise ValueError(f"{path.name} does not go with {first_path.name}: {difference}")
    datasets = [dataset for _, dataset in opened]
    shared = [name for name in SIGNALS.values() if all(name in dataset for dataset in datasets)]
    signals = {signal: name for signal, name in SIGNALS.items() if name in shared}
    series = dataset_from_traces(
        {
            signal: [
                _Pulse(dataset[name], pulse)
                for dataset in datasets
                for pulse in range(dataset.sizes["pulse"])
            ]
            for signal, name in signals.items()
        },
        time=first["time"].values,
        x=first["x"].values,
        y=first["y"].values,
        voltage=np.concatenate([dataset["voltage"].values for dataset in datasets]),
        direction=[str(way) for dataset in datasets for way in dataset["direction"].values],
        unit=str(first["displacement"].attrs["units"]),
        lateral_unit=str(first["x"].attrs.get("units", "")),
        protocol=PulseProtocol.from_attributes(first.attrs),
    )
    for axis in ("x", "y"):
        series[axis].attrs.update(first[axis].attrs)
    for name in ("time_origin", "sampling_rate", "mapping"):
        if name in first.attrs:
            series.attrs[name] = first.attrs[name]
    reports = [(path, str(dataset.attrs[REPORT])) for path, dataset in opened if dataset.attrs.get(REPORT)]
    if reports:
        series.attrs[REPORT] = "\n".join(f"{path.name}: {report}" for path, report in reports)
    series.attrs["traces"] = [
        f"{path.stem}: {title}"
        for path, dataset in opened
        for title in dataset.attrs.get("traces", [""] * dataset.sizes["pulse"])
    ]
    others_images: list[xr.DataArray] = []
    names = [str(name) for name in series.data_vars]
    for number, (path, dataset) in enumerate(opened):
        own = [array for array in dataset.data_vars.values() if array.dims == ("y", "x")]
        for array in [*own, *dataset.encoding.get("other_channels", [])]:
            title = str(array.attrs.get("long_name", array.name))
            title = title if number == 0 else f"{title} ({path.stem})"
            name = slug_from_title(title, names)
            names.append(name)
            image = array.assign_attrs(long_name=title).rename(name)
            if any(array is channel for channel in own):
                series[name] = (("y", "x"), image.values, image.attrs)
            else:
                others_images.append(image)
    series.encoding["origin"] = str(first_path.absolute())
    if others_images:
        series.encoding["other_channels"] = others_images
    return series


def _difference(a: xr.Dataset, b: xr.Dataset) -> str:
    """Return what keeps two datasets from being of one series, in words; empty where nothing does."""
    if any(a.sizes[name] != b.sizes[name] for name in ("y", "x")):
        return f"it has {b.sizes['x']} × {b.sizes['y']} pixels, not {a.sizes['x']} × {a.sizes['y']}"
    if a["x"].attrs.get("units") != b["x"].attrs.get("units"):
        return "its image has another unit"
    for name in ("x", "y"):
        step = float(np.diff(a[name].values).mean()) if a.sizes[name] > 1 else 1.0
        if not np.allclose(a[name].values, b[name].values, rtol=0, atol=_SAME_PLACE * abs(step)):
            return "its pixels lie at other places"
    if a.sizes["time"] != b.sizes["time"]:
        return f"its traces have {b.sizes['time']} samples, not {a.sizes['time']}"
    slack = max(EDGE_TOLERANCE, 1e-6) * sampling_interval(a["time"].values)
    if not np.allclose(a["time"].values, b["time"].values, rtol=0, atol=slack):
        return "its samples were taken at other times"
    if a["displacement"].attrs.get("units") != b["displacement"].attrs.get("units"):
        return (
            f"its traces are in {b['displacement'].attrs.get('units')}, not "
            f"{a['displacement'].attrs.get('units')}"
        )
    if a["displacement"].dims != TRACE_DIMS or b["displacement"].dims != TRACE_DIMS:
        return "it is no t-ESM dataset"
    before, after = PulseProtocol.from_attributes(a.attrs), PulseProtocol.from_attributes(b.attrs)
    if before.pulse_duration != after.pulse_duration:
        return "its pulse has another duration"
    return ""
