"""From an instrument's file and a mapping to what everything else consumes: datasets of traces, and images."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from napari_tesm.data.dataset import SIGNALS, dataset_from_traces
from napari_tesm.gwy.si_units import stored_unit
from napari_tesm.io.content import Axis, FileContent, Source, one_line, si_from_unit
from napari_tesm.io.images import (
    channels_on_grid,
    images_from_content,
    roles_of_axes,
    size_in_words,
)
from napari_tesm.io.mapping.arranged import ArrangedTraces
from napari_tesm.io.mapping.entries import Mapping, MappingError, TraceEntry
from napari_tesm.io.mapping.grid import PixelGrid, grid_from_axes, grid_from_scan, lines_completed
from napari_tesm.io.mapping.pieces import is_pattern, stacked_source
from napari_tesm.io.mapping.stated import mapping_as_stated, voltage_contradictions
from napari_tesm.io.mapping.times import refusal_of_missing_time, time_base_of
from napari_tesm.quantities.text import text_from_quantity


@dataclass
class OpenedContent:
    """What a file gives once it is known what is what.

    Parameters
    ----------
    datasets : list of Dataset
        One for each group of traces.
    channels : list of DataArray with dims (y, x)
        Every image, each on its own grid.
    notes : list of str
        Sentences about what is odd.
    """

    datasets: list[xr.Dataset] = field(default_factory=list)
    channels: list[xr.DataArray] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def opened_from_content(
    content: FileContent, mapping: Mapping, *, time_unit: str | None = None, lateral_unit: str | None = None
) -> OpenedContent:
    """Return traces and images of a file as a mapping says, and its attributes where the mapping is silent.

    Parameters
    ----------
    time_unit, lateral_unit : str, optional
        Units of axes that have none in the file.

    Raises
    ------
    MappingError
        If the mapping does not fit the file; the sentence names the entry.
    """
    try:
        opened = OpenedContent(notes=list(content.notes))
        mapping = mapping_as_stated(mapping, content, opened.notes)
        groups = _groups(content, mapping, time_unit, lateral_unit, opened.notes) if mapping.traces else []
        of_scan = grid_from_scan(mapping.scan) if mapping.recording else None
        grids = [group[0].grid for group in groups] if of_scan is None else [of_scan]
        opened.channels = channels = images_from_content(
            content, mapping.images, lateral_unit=lateral_unit, grids=grids, scan=mapping.scan
        )
        opened.datasets = [_dataset(group, content, mapping, channels) for group in groups]
        if mapping.recording is not None:
            from napari_tesm.io.mapping.recording import dataset_from_streams

            opened.datasets = [
                dataset_from_streams(content, mapping, channels, opened.notes, time_unit=time_unit)
            ]
    except ValueError as error:
        if isinstance(error, MappingError):
            raise
        raise MappingError(f"{content.path.name}: {error}") from None
    return opened


@dataclass(frozen=True, eq=False)
class _Stack:
    """One pulse setting of one signal, arranged."""

    entry: TraceEntry
    voltage: float
    direction: str
    traces: ArrangedTraces
    time: np.ndarray
    grid: PixelGrid
    unit: str

    def key(self) -> tuple[Any, ...]:
        return (
            self.traces.shape, self.time.tobytes(), self.unit, self.grid.x.centres.tobytes(),
            self.grid.y.centres.tobytes(), self.grid.x.unit,
        )  # fmt: skip


def _groups(
    content: FileContent, mapping: Mapping, time_unit: str | None, lateral_unit: str | None, notes: list[str]
) -> list[list[_Stack]]:
    """Return the stacks by time base, grid and unit; phases go with what has their size."""
    stacks = [
        stack
        for entry in mapping.traces
        for stack in _stacks(content, mapping, entry, time_unit, lateral_unit, notes)
    ]
    groups: dict[tuple[Any, ...], list[_Stack]] = {}
    for stack in sorted(stacks, key=lambda stack: stack.entry.signal == "phase"):
        same = (
            next((key for key in groups if key[:2] == stack.key()[:2]), stack.key())
            if stack.entry.signal == "phase"
            else stack.key()
        )
        groups.setdefault(same, []).append(stack)
    return list(groups.values())


def _stacks(
    content: FileContent,
    mapping: Mapping,
    entry: TraceEntry,
    time_unit: str | None,
    lateral_unit: str | None,
    notes: list[str],
) -> list[_Stack]:
    if is_pattern(entry.source, content):
        source = stacked_source(content, entry.source, notes)
    else:
        source = content.source(entry.source)
    if source.array.dtype.kind not in "fiu":
        raise MappingError(f"'{entry.source}' does not hold real numbers")
    axes = list(entry.axes) or roles_of_axes(source.axes)
    if len(axes) != len(source.axes):
        raise MappingError(
            f"'{entry.source}' has {len(source.axes)} axes ({size_in_words(source)}), the mapping names {len(axes)}"
        )
    if "" in axes or "time" not in axes:
        raise MappingError(
            f"the axes of '{entry.source}' ({size_in_words(source)}) are not known: say them, axes: [y, x, time]"
        )
    for axis, own in zip(axes, source.axes, strict=True):
        if axis == "skip" and own.size > 1:
            raise MappingError(f"an axis of '{entry.source}' with {own.size} samples cannot be skipped")
    source, listed = lines_completed(source, axes, mapping.scan, notes)
    named = dict(zip(axes, source.axes, strict=True))
    if "pixel" in named and {"x", "y"} & set(named):
        raise MappingError(f"'{entry.source}' cannot have both a pixel axis and x or y")
    factor, unit = si_from_unit(entry.unit or source.unit)
    if unit not in ("", "a.u.") and stored_unit(unit)[1]:
        notes.append(
            f"'{entry.source}' is in '{one_line(unit)}', which is no unit of physics: its numbers stay as they are"
        )
    if entry.unit and source.unit and si_from_unit(source.unit) != (factor, unit):
        notes.append(
            f"'{entry.source}' is in {entry.unit}, as the mapping says, where the file says {source.unit}"
        )
    time = _time(source, named["time"], mapping, content, time_unit, notes)
    grid = replace(grid_from_axes(named, mapping, entry.source, lateral_unit, notes), listed=listed)
    voltages = _voltages(entry, mapping, named, notes)
    if "pulse" not in named:
        notes += voltage_contradictions(source, voltages, content)
    return [
        _Stack(
            entry, voltage, entry.direction,
            ArrangedTraces(
                source.array, axes, columns=grid.columns, flipped=grid.flipped, serpentine=grid.serpentine,
                factor=factor, pulse=number,
            ),
            time, grid, unit,
        )
        for number, voltage in enumerate(voltages)
    ]  # fmt: skip


def _voltages(entry: TraceEntry, mapping: Mapping, named: dict[str, Axis], notes: list[str]) -> list[float]:
    if "pulse" not in named:
        if entry.voltage is not None:
            return [entry.voltage]
        return [mapping.scan.voltages[0]] if len(mapping.scan.voltages) == 1 else [np.nan]
    count = named["pulse"].size
    voltages = list(mapping.scan.voltages)
    factor, unit = si_from_unit(named["pulse"].unit)
    if unit == "V" and named["pulse"].known:
        own = list(named["pulse"].positions() * factor)
        if voltages and len(voltages) == count and not np.allclose(voltages, own, rtol=1e-3, atol=1e-3):
            told, was = (
                ", ".join(text_from_quantity(v, "V", digits=4) for v in vs) for vs in (voltages, own)
            )
            notes.append(
                f"'{entry.source}' has the voltages of the mapping, {told}, where the file says {was}"
            )
        voltages = voltages or own
    if voltages and len(voltages) != count:
        raise MappingError(
            f"'{entry.source}' has {count} pulse settings, 'voltages' of 'scan' names {len(voltages)}"
        )
    return voltages or [np.nan] * count


def _time(
    source: Source,
    axis: Axis,
    mapping: Mapping,
    content: FileContent,
    time_unit: str | None,
    notes: list[str],
) -> np.ndarray:
    """Return sample times in s, as on the file's axis."""
    base = time_base_of(source, axis, mapping.time, content, time_unit=time_unit, notes=notes)
    if not base.is_known:
        raise refusal_of_missing_time(source, axis, content)
    return base.positions()


def _dataset(
    stacks: list[_Stack], content: FileContent, mapping: Mapping, channels: Sequence[xr.DataArray]
) -> xr.Dataset:
    first = next((stack for signal in ("X", "R") for stack in stacks if stack.entry.signal == signal), None)
    if first is None:  # maps of these would pass for maps of the response
        entry = stacks[0].entry
        raise MappingError(
            f"'{entry.source}' is the lock-in's {entry.signal}, which is no displacement without X: name X beside it, "
            "or say signal: X where it is that"
        )
    y, x = first.grid.y, first.grid.x
    origin = mapping.protocol.pulse_start
    origin = float(first.time[0]) if origin is None else origin
    main = [stack for stack in stacks if stack.entry.signal == first.entry.signal]
    by_signal: dict[str, list[Any]] = {"X": [stack.traces for stack in main]}
    for signal in SIGNALS:
        partners = [
            next(
                (
                    other.traces
                    for other in stacks
                    if other.entry.signal == signal and _same_pulse(other, stack)
                ),
                None,
            )
            for stack in main
        ]
        if signal not in ("X", first.entry.signal) and None not in partners:
            by_signal[signal] = partners
    dataset = dataset_from_traces(
        by_signal,
        time=first.time - origin,
        x=x.centres,
        y=y.centres,
        voltage=[stack.voltage for stack in main],
        direction=[stack.direction for stack in main],
        unit=first.unit,
        lateral_unit=x.unit,
        protocol=mapping.protocol,
        channels=channels_on_grid(channels, y.centres, x.centres, (y.spacing, x.spacing), x.unit),
        check=content.check,
    )
    dataset["x"].attrs["spacing"], dataset["y"].attrs["spacing"] = x.spacing, y.spacing
    dataset.attrs["time_origin"] = origin
    dataset.attrs["traces"] = [stack.entry.source for stack in main]
    return dataset


def _same_pulse(a: _Stack, b: _Stack) -> bool:
    same_voltage = a.voltage == b.voltage or np.isnan([a.voltage, b.voltage]).all()
    return bool(same_voltage and a.direction == b.direction)
