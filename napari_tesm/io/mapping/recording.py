"""Channels of a file, as a mapping names them, made into the streams of a recording and cut at its pulses."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.time_base import TimeBase
from napari_tesm.io.channel_times import TIMES_OF, axes_with_times, same_axes
from napari_tesm.io.content import Axis, FileContent, Source, si_from_unit, unit_is_known
from napari_tesm.io.images import channels_on_grid, size_in_words
from napari_tesm.io.mapping.companions import times_among
from napari_tesm.io.mapping.entries import Mapping, MappingError, TimeEntry
from napari_tesm.io.mapping.pieces import is_pattern, joined_channels
from napari_tesm.io.mapping.proposal import UNKNOWN
from napari_tesm.io.mapping.stated import voltage_contradictions
from napari_tesm.io.mapping.times import refusal_of_missing_time, time_base_of
from napari_tesm.recording import RawSignal, ScanOrder, dataset_from_recording

_ENTRIES: Final = {"trigger": "pixel trigger", "line": "line trigger"}
"""What streams are called in a mapping, where that is another name."""


class Stream:
    """A channel of a file as a stream of SI values, read when it is sliced.

    Parameters
    ----------
    source : Source
        With one axis that is longer than one.
    factor : float
        Turns its values into SI units.
    """

    def __init__(self, source: Source, factor: float) -> None:
        long = [number for number, size in enumerate(source.shape) if size > 1]
        if len(long) > 1 or source.array.dtype.kind not in "fiub":
            raise MappingError(
                f"'{source.name}' is no channel of a recording: its size is {size_in_words(source)}"
            )
        self._array, self._factor = source.array, factor
        self._axis = long[0] if long else 0
        self.shape = (source.shape[self._axis],)
        kind = np.dtype(source.array.dtype)
        plain = factor == 1.0 and kind.kind in "fiu"
        self.dtype: np.dtype[Any] = kind.newbyteorder("=") if plain else np.dtype(np.float64)

    def __getitem__(self, key: slice) -> NDArray[Any]:
        whole = tuple(key if n == self._axis else slice(None) for n in range(len(self._array.shape)))
        values = np.asarray(self._array[whole]).reshape(-1)
        return values.astype(self.dtype, copy=False) if self._factor == 1.0 else values * self._factor


def dataset_from_streams(
    content: FileContent,
    mapping: Mapping,
    channels: Sequence[xr.DataArray],
    notes: list[str],
    *,
    time_unit: str | None = None,
) -> xr.Dataset:
    """Return the traces of a continuous recording, each in its pixel.

    Parameters
    ----------
    channels : sequence of DataArray
        Images of the file; those of the traces' grid join them.
    notes : list of str
        Takes up what is odd, in sentences.
    time_unit : str, optional
        Unit of times that have none in the file.

    Raises
    ------
    ValueError
        If channels are missing or do not go together, or the pulses cannot be found or placed.
    """
    entry, scan = mapping.recording, mapping.scan
    assert entry is not None
    if scan.pixels is None or scan.lines is None:
        missing = "pixels" if scan.pixels is None else "lines"
        raise MappingError(f"the number of {missing} is not known: say it, scan: {{pixels: 64, lines: 48}}")
    raw, taken = _raw_signal(mapping)
    names = entry.signals | {
        role: name
        for role, name in (
            *taken.items(), ("dc", entry.dc), ("trigger", entry.pixel_trigger), ("line", entry.line_trigger)
        )
        if name
    }  # fmt: skip
    unknown = [role for role, name in names.items() if name == UNKNOWN]
    if unknown:
        listed = ", ".join(f"'{source.name}'" for source in content.sources[:12])
        raise MappingError(f"which channel is {unknown[0]}? The file holds {listed}")
    for role, name in names.items():
        if twin := next((other for other in names if names[other] == name and other != role), None):
            raise MappingError(
                f"'{name}' cannot be both {_ENTRIES.get(role, role)} and {_ENTRIES.get(twin, twin)}"
            )
    sources, begins = _sources(content, names, notes)
    if not (mapping.time.source or mapping.time.channels):
        sources = _with_shared_times(sources, content)
    unit = si_from_unit(sources["X"].unit)[1]
    streams = {
        role: Stream(source, 1.0 if role in ("trigger", "line") else si_from_unit(source.unit)[0])
        for role, source in sources.items()
    }
    for signal in ("Y", "R"):
        if signal in sources and si_from_unit(sources[signal].unit)[1] != unit:
            notes.append(f"'{sources[signal].name}' is in another unit than X and is left out")
            del streams[signal]
    bases = _bases({role: sources[role] for role in streams}, mapping, content, notes, time_unit)
    order = ScanOrder(
        scan.pixels, scan.lines, ways=scan.ways, serpentine=scan.serpentine, voltages=scan.voltages,
        voltages_per="way" if scan.voltages_per == "way" else "pixel", upward=scan.upward,
        first_line=scan.first_line,
    )  # fmt: skip
    notes += voltage_contradictions(sources["X"], scan.voltages, content)
    size = None if scan.width is None or scan.height is None else (scan.width, scan.height)
    if (scan.width is None) != (scan.height is None):
        raise MappingError("'scan' gives one of width and height: give both, or none")
    after = None
    if entry.length is not None:
        if entry.before is None:
            raise MappingError("'length' of 'recording' needs 'before', the time before the pulse")
        after = entry.length - entry.before
        if after <= 0:
            raise MappingError("'length' of 'recording' must be longer than 'before'")
    dataset = dataset_from_recording(
        streams, bases, order, names={role: source.name for role, source in sources.items()}, begins=begins,
        scan_size=size,
        before=entry.before, after=after, unit=unit or "V",
        protocol=mapping.protocol, pulse_delay=entry.pulse_delay, check=content.check, raw=raw,
    )  # fmt: skip
    if not unit:
        notes.append(f"'{sources['X'].name}' has no unit in the file: it is taken as V")
    if size is None:
        for axis in ("x", "y"):  # as everywhere: counted in pixels where the size is not known
            dataset[axis].attrs["units"] = ""
    for axis, length, count in (("x", scan.width, scan.pixels), ("y", scan.height, scan.lines)):
        dataset[axis].attrs["spacing"] = 1.0 if length is None else length / count
    spacing = (dataset["y"].attrs["spacing"], dataset["x"].attrs["spacing"])
    own = channels_on_grid(
        channels, dataset["y"].values, dataset["x"].values, spacing, dataset["x"].attrs["units"]
    )
    for channel in own:
        dataset[str(channel.name)] = channel.variable
    dataset.attrs["traces"] = [sources["X"].name] * dataset.sizes["pulse"]
    return dataset


def _raw_signal(mapping: Mapping) -> tuple[RawSignal | None, dict[str, str]]:
    """Return how X is made of raw deflection, None where it was recorded, and the channels that it takes."""
    entry = mapping.raw
    if entry is None:
        return None, {}
    raw = RawSignal(entry.drive_frequency, entry.periods, entry.time_constant, entry.order, entry.images)
    return raw, {"X": entry.deflection, "reference": entry.reference}


def _sources(
    content: FileContent, names: dict[str, str], notes: list[str]
) -> tuple[dict[str, Source], Sequence[int]]:
    """Return the channels by role, and where the pieces begin that they were joined of, if they were."""
    in_pieces = {role: name for role, name in names.items() if is_pattern(name, content)}
    if not in_pieces:
        return {role: content.source(name) for role, name in names.items()}, ()
    if whole := [name for role, name in names.items() if role not in in_pieces]:
        raise MappingError(
            f"'{whole[0]}' is one array where other channels are in pieces: name it with a '*', too"
        )
    joined = joined_channels(content, names)
    notes += joined.notes
    return joined.sources, joined.begins


def _with_shared_times(sources: dict[str, Source], content: FileContent) -> dict[str, Source]:
    """Return the channels, those without a time axis with the times of the file where it holds one row of them.

    Raises
    ------
    MappingError
        If it holds several that differ: nobody says which channel each belongs to.
    """
    named = {source.name for source in sources.values()}
    sizes = {source.shape for source in sources.values() if not any(axis.known for axis in source.axes)}
    rows = times_among(
        [
            row
            for row in content.sources
            if row.name not in named and row.shape in sizes and TIMES_OF not in row.attributes
        ]
    )
    timed: dict[str, Source] = {}
    for role, source in sources.items():
        own = [row for row in rows if row.shape == source.shape]
        axes = [axes_with_times(source, row) for row in own]
        for row, other in zip(own[1:], axes[1:], strict=True):
            if not same_axes(axes[0], other):
                raise MappingError(
                    f"'{own[0].name}' and '{row.name}' are times and differ, and nothing says which channel each "
                    f"belongs to: say it, time: {{source: {own[0].name}, channels: {{dc: {{source: {row.name}}}}}}}"
                )
        timed[role] = source
        if axes and not isinstance(axes[0], str):
            timed[role] = replace(source, axes=axes[0])
    return timed


def _bases(
    sources: dict[str, Source],
    mapping: Mapping,
    content: FileContent,
    notes: list[str],
    time_unit: str | None,
) -> dict[str, TimeBase]:
    """Return the time base of each stream: the file's, and what the mapping adds.

    The mapping's interval is the signal's. It stands in for those of other channels where the file knows none, and
    leaves them alone where it does. Times without a unit are in the signal's, which its interval may tell.
    """
    bases: dict[str, TimeBase] = {}
    without_unit = []
    for role, source in sorted(sources.items(), key=lambda item: item[0] != "X"):
        axis = next((axis for axis in source.axes if axis.size > 1), source.axes[0])
        knows = axis.known and si_from_unit(axis.unit)[1] == "s"
        lacks_unit = axis.known and not unit_is_known(axis.unit) and not _only_counts(axis)
        given_unit = mapping.time.unit or time_unit or ""
        entry = mapping.time.channels.get(_ENTRIES.get(role, role))
        if entry is None:
            # Time counts from the pulses; a start would move X against the channels that know theirs.
            entry = replace(mapping.time, start=None)
            if role != "X" and (
                (knows and not entry.override)
                or lacks_unit
                or (entry.source and axis.size != sources["X"].shape[0])
            ):
                entry = TimeEntry(unit="" if knows else given_unit)
        elif entry.interval is None and not entry.source:  # only its start, or unit, is another
            entry = replace(entry, interval=None if lacks_unit else mapping.time.interval)
        if lacks_unit and role != "X" and not (entry.unit or given_unit or entry.interval or entry.source):
            bases[role] = axis.time_base(_unit_of(sources["X"], bases["X"], source))
            bases[role] = bases[role] if entry.start is None else bases[role].restarted(entry.start)
            without_unit.append(f"'{source.name}'")
            continue
        unit = None if knows and role != "X" else time_unit
        bases[role] = time_base_of(source, axis, entry, content, time_unit=unit, notes=notes)
        if role == "X" and not bases["X"].is_known:
            if lacks_unit:
                raise refusal_of_missing_time(source, axis, content)
            raise MappingError(
                f"the sampling rate of '{source.name}' is not in the file: say it, time: {{interval: 0.1 ms}}"
            )
    if without_unit:
        listed = " and ".join(without_unit)
        notes.append(
            f"the times of {listed} have no unit in the file: that of '{sources['X'].name}' is taken"
        )
    said = {
        role
        for role in bases
        if (own := mapping.time.channels.get(_ENTRIES.get(role, role))) and own.start is not None
    }
    return {
        role: replace(base, interval=bases["X"].spacing, origin=bases["X"].origin)
        if role in said and not base.is_known
        else base
        for role, base in bases.items()
    }


def _only_counts(axis: Axis) -> bool:
    """Return whether the positions along an axis are the numbers of its samples, which say nothing."""
    return axis.values is None and axis.step == 1.0 and axis.start == 0.0


def _unit_of(x: Source, base: TimeBase, source: Source) -> float:
    """Return what turns times of a channel without a unit into s, as it does the signal's."""
    axis = next((axis for axis in x.axes if axis.size > 1), x.axes[0])
    if not axis.known or unit_is_known(axis.unit):
        raise MappingError(
            f"the times of '{source.name}' have no unit in the file: say it, time: {{channels: {{dc: {{unit: ms}}}}}}"
        )
    return base.spacing / axis.time_base().spacing
