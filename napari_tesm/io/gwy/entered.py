"""What a user has said of a recording and its file did not, put into the metadata and axes of what is written."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer, GwyObject
from numpy.typing import NDArray

from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.gwy import contents
from napari_tesm.gwy.lawns import Lawn
from napari_tesm.gwy.objects import metadata_container
from napari_tesm.gwy.parts import finite_number, put
from napari_tesm.gwy.si_units import is_empty_for_gwyddion, si_unit, unit_text
from napari_tesm.gwy.values import LazyArray
from napari_tesm.io.gwy.traces import TraceStackInfo, metadata_from_protocol, trace_stacks
from napari_tesm.quantities.text import factor_from_unit

_SIZES: Final = ("xreal", "yreal", "xoff", "yoff")
_ROWS_BYTES: Final = 8 << 20


def add_entered(container: GwyContainer, dataset: xr.Dataset) -> None:
    """Write protocol, voltages and units that differ from what the traces in the container say; nothing else changes.

    Parameters
    ----------
    dataset : Dataset
        Opened from the container's file; `encoding["stacks"]` tells which traces are its. Of one that has lost pulse
        settings since, the voltages are not written: nobody can say whose they are.

    Notes
    -----
    A lateral unit goes to the images of the traces' place and size, too, with their masks and selections. The time of a
    curve map gets its unit where the other curves have one; a map with some units and some not is broken by Gwyddion
    when it saves it.
    """
    stack_by_key = {(stack.kind, stack.number): stack for stack in trace_stacks(container)}
    entries = [entry for entry in dataset.encoding.get("stacks", []) if entry[:2] in stack_by_key]
    protocol = PulseProtocol.from_attributes(dataset.attrs)
    whole = dataset.sizes["pulse"] == max((pulse + 1 for *_, pulse in entries), default=0)
    for kind, number, pulse in entries:
        stack = stack_by_key[kind, number]
        voltage, direction = stack.voltage, stack.direction
        if whole:
            voltage = float(dataset["voltage"].values[pulse])
            direction = str(dataset["direction"].values[pulse])
        _write_protocol(container, stack, protocol, voltage, direction)
    units = dataset.encoding.get("entered_units", {})
    stacks = [stack_by_key[key] for key in dict.fromkeys((kind, number) for kind, number, _ in entries)]
    if "time_unit" in units:
        for stack in stacks:
            _write_time_unit(container, stack, factor_from_unit(units["time_unit"], "s"))
    if "lateral_unit" in units:
        _write_lateral_unit(container, stacks, factor_from_unit(units["lateral_unit"], "m"))


def _write_protocol(
    container: GwyContainer, stack: TraceStackInfo, protocol: PulseProtocol, voltage: float, direction: str
) -> None:
    said = metadata_from_protocol(protocol, voltage, direction, stack.signal)
    before = metadata_from_protocol(stack.protocol(), stack.voltage, stack.direction, stack.signal)
    # What the file says in its own words stays as it is written.
    changed = {key: text for key, text in said.items() if before.get(key) != text}
    if not changed:
        return
    key = contents.metadata_key(stack.kind, stack.number)
    if not isinstance(container.get(key), GwyObject):
        put(container, key, metadata_container({}), "o")
    for name, text in changed.items():
        put(container[key], name, text, "s")


def _write_time_unit(container: GwyContainer, stack: TraceStackInfo, factor: float) -> None:
    obj = container[contents.object_key(stack.kind, stack.number)]
    if stack.time_unit:
        return
    if stack.kind == contents.LAWN:
        _write_time_of_lawn(obj, factor)
        return
    _scale(obj, ("zreal", "zoff"), factor)
    put(obj, "si_unit_z", si_unit("s"), "o")
    lines: Any = obj.get("calibration")
    for line in [] if lines is None else lines:
        put(line, "data", np.asarray(line["data"], dtype="<f8") * factor, "D")
        put(line, "si_unit_y", si_unit("s"), "o")


def _write_time_of_lawn(obj: GwyObject, factor: float) -> None:
    lawn = Lawn.from_object(obj)
    curves = enumerate(zip(lawn.units, lawn.labels, strict=True))
    time = next(
        (n for n, (unit, label) in curves if not unit and label.strip().lower().startswith("time")), None
    )
    if time is None or any(is_empty_for_gwyddion(unit) for n, unit in enumerate(lawn.units) if n != time):
        return
    if factor != 1.0:
        put(obj, "data", _lawn_with_time_scaled(lawn, time, factor), "D")
    old = list(obj.get("si_units_curves", []))
    put(obj, "si_units_curves", [*old[:time], si_unit("s"), *old[time + 1 :]], "O")


def _lawn_with_time_scaled(lawn: Lawn, time: int, factor: float) -> LazyArray:
    """Return the samples of a curve map, read while they are written, with one of its curves in another unit."""
    lengths = lawn.lengths.reshape(-1).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths) * lawn.n_curves])
    most = int(lengths.max(initial=1)) * lawn.n_curves
    data: Any = lawn.data
    step = max(1, _ROWS_BYTES // (8 * max(1, most)))

    def blocks() -> Iterator[NDArray[np.float64]]:
        for first in range(0, lengths.size, step):
            last = min(first + step, lengths.size)
            block = np.array(data[starts[first] : starts[last]], dtype=np.float64)
            for pixel in range(first, last):
                begin = starts[pixel] - starts[first] + time * lengths[pixel]
                block[begin : begin + lengths[pixel]] *= factor
            yield block

    return LazyArray((int(data.size),), blocks)


def _write_lateral_unit(container: GwyContainer, stacks: Sequence[TraceStackInfo], factor: float) -> None:
    places = [stack.extents for stack in stacks if not stack.lateral_unit]
    for stack in stacks:
        if stack.lateral_unit:
            continue
        obj = container[contents.object_key(stack.kind, stack.number)]
        _scale(obj, _SIZES, factor)
        for name in ("si_unit_x", "si_unit_y") if stack.kind == contents.BRICK else ("si_unit_xy",):
            put(obj, name, si_unit("m"), "o")
        preview = container.get(f"{contents.object_key(stack.kind, stack.number)}/preview")
        _scale_field(preview, factor)
    for number in contents.ids(container, contents.CHANNEL):
        image = container[contents.object_key(contents.CHANNEL, number)]
        if unit_text(image.get("si_unit_xy")) or not any(_lies_at(image, place) for place in places):
            continue
        for part in ("data", "mask", "show"):
            _scale_field(container.get(f"/{number}/{part}"), factor)
        start = f"/{number}/select/"
        for key, selection in container.items():
            data = (
                selection.get("data") if key.startswith(start) and isinstance(selection, GwyObject) else None
            )
            if isinstance(data, np.ndarray) and data.dtype == np.float64:
                put(selection, "data", data * factor, "D")


def _lies_at(image: GwyObject, place: tuple[float, float, float, float]) -> bool:
    """Whether an image lies where the traces do (x offset and width, y offset and height), to 1 % of its size."""
    own = [finite_number(image, name) for name in ("xoff", "xreal", "yoff", "yreal")]
    slack = [0.01 * size for size in (place[1], place[1], place[3], place[3])]
    return all(abs(a - b) <= s for a, b, s in zip(own, place, slack, strict=True))


def _scale_field(field: Any, factor: float) -> None:
    if isinstance(field, GwyObject) and not unit_text(field.get("si_unit_xy")):
        _scale(field, _SIZES, factor)
        put(field, "si_unit_xy", si_unit("m"), "o")


def _scale(obj: GwyObject, names: tuple[str, ...], factor: float) -> None:
    for name in names:
        if name in obj:
            put(obj, name, float(obj[name]) * factor, "d")
