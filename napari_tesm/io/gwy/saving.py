"""Traces and images as the objects of a .gwy file, and whether results will fit beside what a file holds."""

from collections.abc import Collection, Iterator, Sequence
from os import PathLike
from typing import Any

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.data.dataset import SIGNALS, pulse_labels
from napari_tesm.data.maps import MAP_KINDS
from napari_tesm.data.protocol import PulseProtocol, sampling_interval
from napari_tesm.files.errors import GwySizeError
from napari_tesm.files.sentences import Sentence
from napari_tesm.gwy import contents
from napari_tesm.gwy.forms import GWYDDION_2, form_asked_for
from napari_tesm.gwy.objects import Brick, mask_field, metadata_container
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.reading import read_container
from napari_tesm.gwy.si_units import stored_unit
from napari_tesm.gwy.values import LazyArray
from napari_tesm.gwy.writing import LARGEST_BODY, size_of
from napari_tesm.io.gwy.edits import is_edited
from napari_tesm.io.gwy.results import field_on_grid, filled, remove_results
from napari_tesm.io.gwy.traces import ORIGIN_KEYS, metadata_from_protocol
from napari_tesm.quantities.axes import axis_spacing

_PLANES_BYTES = 8 << 20
_BAND_BYTES = 256 << 20
"""Planes gathered at a time from a file which holds trace after trace: for each band it is read from end to end."""


def carried_container(dataset: xr.Dataset) -> GwyContainer:
    """Return the content of the file a dataset came from without earlier results, or the dataset as objects."""
    source = None if is_edited(dataset) else dataset.encoding.get("source")
    if source is None:
        return container_from_dataset(dataset)
    container = read_container(source)
    remove_results(container)
    return container


def check_output_size(
    dataset: xr.Dataset,
    *,
    maps_only: bool,
    path: str | PathLike[str],
    names: Collection[str] | None = None,
) -> None:
    """See that the results will fit beside what is carried over, before anything is fitted.

    Parameters
    ----------
    path : path-like
        The output. Only one that ends in ``.gwy2`` has to end before 4 GiB: others become files of Gwyddion 3.
    names : collection of str, optional
        The maps there will be beside what the input holds; by default all that a fit makes.

    Raises
    ------
    GwySizeError
        If the file would pass the 4 GiB its form can hold.
    """
    if form_asked_for(path) is not GWYDDION_2:
        return
    exported = (
        sum(kind.exported or kind.on_demand for kind in MAP_KINDS.values()) if names is None else len(names)
    )
    pixels = dataset.sizes["y"] * dataset.sizes["x"]
    # Values and mask as doubles, and some room for titles and metadata.
    size = dataset.sizes["pulse"] * exported * (2 * 8 * pixels + 8192)
    if not maps_only:
        size += size_of(carried_container(dataset))
    if size > LARGEST_BODY:
        template = (
            "the output would take {gibibytes:.1f} GiB, files of Gwyddion 2 end at 4 GiB: "
            + (
                "choose fewer traces at a time with {traces}"
                if maps_only
                else "leave the traces out with {maps_only}"
            )
            + ", or end its name in .gwy3"
        )
        raise GwySizeError(Sentence(template, gibibytes=size / 2**30))


def container_from_dataset(dataset: xr.Dataset) -> GwyContainer:
    """Return channels and traces of a dataset as objects; the traces are read while they are written.

    Images of its file that lie on other grids come along, as `encoding["other_channels"]` tells.
    """
    own = [channel for channel in dataset.data_vars.values() if channel.dims == ("y", "x")]
    container = container_from_images([*own, *dataset.encoding.get("other_channels", [])])
    brick = 0
    for signal, name in SIGNALS.items():
        if name not in dataset:
            continue
        labels = pulse_labels(dataset["voltage"].values, [str(way) for way in dataset["direction"].values])
        for pulse, label in enumerate(labels):
            prefix = "Traces" if signal == "X" else f"Traces {signal}"
            _add_brick(container, brick, dataset, name, signal, pulse, f"{prefix} {label}".strip())
            brick += 1
    return container


def container_from_images(channels: Sequence[xr.DataArray]) -> GwyContainer:
    """Return images as channels, each on its own grid."""
    container = GwyContainer()
    add_images(container, channels)
    return container


def add_images(container: GwyContainer, channels: Sequence[xr.DataArray]) -> None:
    """Put images into a container as channels, in place, behind those that it holds."""
    first = contents.next_id(container, contents.CHANNEL)
    for number, channel in enumerate(channels, start=first):
        unit, metadata = stored_unit(str(channel.attrs.get("units", "")))
        if meanings := str(channel.attrs.get("flag_meanings", "")).split():
            flags = np.asarray(channel.attrs.get("flag_values", range(len(meanings)))).tolist()
            metadata["Values"] = ", ".join(
                f"{value} {name}" for value, name in zip(flags, meanings, strict=True)
            )
        numbers, missing = filled(channel.values)
        field = field_on_grid(numbers, channel, unit)
        put(container, f"/{number}/data", field.to_object(), "o")
        put(container, f"/{number}/data/title", str(channel.attrs.get("long_name", channel.name)), "s")
        if missing.any():
            put(container, f"/{number}/mask", mask_field(missing, field), "o")
        put(container, f"/{number}/data/visible", True, "b")
        if metadata:
            put(container, f"/{number}/meta", metadata_container(metadata), "o")


def _add_brick(
    container: GwyContainer, number: int, dataset: xr.Dataset, name: str, signal: str, pulse: int, title: str
) -> None:
    traces = dataset[name].isel(pulse=pulse)
    unit = str(traces.attrs.get("units", ""))
    time = dataset["time"].values + float(dataset.attrs.get("time_origin", 0.0))
    planes = time.size
    step = float((time[-1] - time[0]) / (planes - 1)) if planes > 1 else 1.0
    regular = time[0] + np.arange(planes) * step
    uniform = np.abs(regular - time).max() <= 1e-6 * sampling_interval(time) if planes > 1 else True
    spacing = {axis: axis_spacing(dataset[axis]) for axis in ("x", "y")}
    lateral = str(dataset["x"].attrs.get("units", ""))
    band = _BAND_BYTES if dataset.encoding.get("origin") else _PLANES_BYTES
    values = LazyArray((planes, dataset.sizes["y"], dataset.sizes["x"]), lambda: _planes(traces, band))
    brick = Brick(
        values,
        x_real=spacing["x"] * dataset.sizes["x"],
        y_real=spacing["y"] * dataset.sizes["y"],
        z_real=step * planes,
        x_offset=float(dataset["x"].values[0]) - spacing["x"] / 2,
        y_offset=float(dataset["y"].values[0]) - spacing["y"] / 2,
        z_offset=float(time[0]),
        unit_x=lateral,
        unit_y=lateral,
        unit_z="s",
        unit_w=stored_unit(unit)[0],
        calibration=None if uniform else time,
        calibration_unit="s",
    )
    metadata = metadata_from_protocol(
        PulseProtocol.from_attributes(dataset.attrs),
        float(dataset["voltage"].values[pulse]),
        str(dataset["direction"].values[pulse]),
        signal,
        unit=unit,
    )
    # How a recording became these traces, and what it lacked, stays with them.
    metadata |= {
        key: str(dataset.attrs[name]) for key, name in ORIGIN_KEYS.items() if dataset.attrs.get(name)
    }
    put(container, f"/brick/{number}", brick.to_object(), "o")
    put(container, f"/brick/{number}/title", title, "s")
    put(container, f"/brick/{number}/visible", True, "b")
    # Gwyddion shows a volume by its preview: the sample before the end of the pulse tells most.
    duration = dataset.attrs.get("pulse_duration")
    shown = (
        planes // 2
        if duration is None
        else max(0, int(np.searchsorted(dataset["time"].values, duration)) - 1)
    )
    preview = np.nan_to_num(traces.isel(time=shown).values.astype(np.float64))
    # A few hot pixels would leave the rest of a preview black.
    preview = np.clip(preview, *np.percentile(preview, [1, 99]))
    field = field_on_grid(preview, dataset[name], stored_unit(unit)[0])
    put(container, f"/brick/{number}/preview", field.to_object(), "o")
    put(container, f"/brick/{number}/meta", metadata_container(metadata), "o")


def _planes(traces: xr.DataArray, band: int) -> Iterator[Any]:
    """Yield the traces time-first in blocks of planes, each of about `band` bytes."""
    step = max(1, band // (8 * traces.sizes["y"] * traces.sizes["x"]))
    for start in range(0, traces.sizes["time"], step):
        yield np.ascontiguousarray(
            np.moveaxis(traces.isel(time=slice(start, start + step)).values, -1, 0), dtype=np.float64
        )
