"""What a user has said of a recording and its file did not, put into the metadata and axes of what is written."""

from typing import Any

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer, GwyObject

from napari_tesm.io.gwy import contents
from napari_tesm.io.gwy.objects import metadata_container, metadata_entries
from napari_tesm.io.gwy.parts import put
from napari_tesm.io.gwy.si_units import si_unit, unit_text
from napari_tesm.io.gwy.traces import TraceStackInfo, metadata_from_protocol, trace_stacks
from napari_tesm.protocol import PulseProtocol
from napari_tesm.units import factor_from_unit


def add_entered(container: GwyContainer, dataset: xr.Dataset) -> None:
    """Write protocol, voltages and units that differ from what the traces in the container say; nothing else changes.

    Parameters
    ----------
    dataset : Dataset
        Opened from the container's file; `encoding["stacks"]` tells which traces are its.

    Raises
    ------
    ValueError
        If a unit cannot be written: the time of a curve map in another unit than s.
    """
    stacks = {(stack.kind, stack.number): stack for stack in trace_stacks(container)}
    protocol = PulseProtocol.from_attributes(dataset.attrs)
    for kind, number, pulse in dataset.encoding.get("stacks", []):
        stack = stacks.get((kind, number))
        if stack is None:
            continue
        voltage = float(dataset["voltage"].values[pulse])
        direction = str(dataset["direction"].values[pulse])
        known = (stack.protocol(), stack.direction)
        same_voltage = voltage == stack.voltage or np.isnan([voltage, stack.voltage]).all()
        if known != (protocol, direction) or not same_voltage:
            _write_protocol(container, stack, protocol, voltage, direction)
    units = dataset.encoding.get("entered_units", {})
    if units:
        _write_units(container, dataset, units)


def _write_protocol(
    container: GwyContainer, stack: TraceStackInfo, protocol: PulseProtocol, voltage: float, direction: str
) -> None:
    said = metadata_from_protocol(
        protocol, voltage=voltage, direction=direction, signal=stack.signal, unit=""
    )
    before = metadata_from_protocol(
        stack.protocol(), voltage=stack.voltage, direction=stack.direction, signal=stack.signal, unit=""
    )
    # What the file says in its own words stays as it is written.
    changed = {key: text for key, text in said.items() if before.get(key) != text}
    key = contents.metadata_key(stack.kind, stack.number)
    put(container, key, metadata_container(metadata_entries(container.get(key)) | changed), "o")


def _write_units(container: GwyContainer, dataset: xr.Dataset, units: dict[str, str]) -> None:
    for kind, number in {(kind, number) for kind, number, _ in dataset.encoding.get("stacks", [])}:
        obj = container[contents.object_key(kind, number)]
        if "lateral_unit" in units:
            factor = factor_from_unit(units["lateral_unit"], "m")
            names = ("si_unit_x", "si_unit_y") if kind == contents.BRICK else ("si_unit_xy",)
            _scale(obj, ("xreal", "yreal", "xoff", "yoff"), factor)
            for name in names:
                put(obj, name, si_unit("m"), "o")
        if "time_unit" in units:
            factor = factor_from_unit(units["time_unit"], "s")
            if kind == contents.BRICK:
                _scale(obj, ("zreal", "zoff"), factor)
                put(obj, "si_unit_z", si_unit("s"), "o")
                _scale_calibration(obj, factor)
            else:
                _name_time_of_lawn(obj, factor)
    if "lateral_unit" in units:
        _scale_channels(container, factor_from_unit(units["lateral_unit"], "m"))


def _scale(obj: GwyObject, names: tuple[str, ...], factor: float) -> None:
    for name in names:
        if name in obj:
            put(obj, name, float(obj[name]) * factor, "d")


def _scale_calibration(obj: GwyObject, factor: float) -> None:
    lines: Any = obj.get("calibration")
    for line in [] if lines is None else lines:
        put(line, "data", np.asarray(line["data"], dtype="<f8") * factor, "D")
        put(line, "si_unit_y", si_unit("s"), "o")


def _name_time_of_lawn(obj: GwyObject, factor: float) -> None:
    if factor != 1.0:
        raise ValueError(
            "the time of a curve map can be saved in s only: correct the unit where the file was made"
        )
    units = list(obj.get("si_units_curves", []))
    labels = [str(label) for label in obj.get("curve_labels", [])]
    for index, label in enumerate(labels):
        if label.strip().lower().startswith("time") and index < len(units) and not unit_text(units[index]):
            units[index] = si_unit("s")
    put(obj, "si_units_curves", units, "O")


def _scale_channels(container: GwyContainer, factor: float) -> None:
    """Give images without a lateral unit the one that was entered for the traces: they were scanned together."""
    for number in contents.ids(container, contents.CHANNEL):
        image = container[contents.object_key(contents.CHANNEL, number)]
        if not unit_text(image.get("si_unit_xy")):
            _scale(image, ("xreal", "yreal", "xoff", "yoff"), factor)
            put(image, "si_unit_xy", si_unit("m"), "o")
