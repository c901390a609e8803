"""Channels of a file, as a mapping names them, made into the streams of a recording and cut at its pulses."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.time_base import TimeBase
from napari_tesm.io.content import FileContent, Source, si_from_unit
from napari_tesm.io.images import channels_on_grid, size_in_words
from napari_tesm.io.mapping.entries import Mapping, MappingError, TimeEntry
from napari_tesm.io.mapping.pieces import is_pattern, joined_channels
from napari_tesm.io.mapping.proposal import UNKNOWN
from napari_tesm.io.mapping.times import time_base_of
from napari_tesm.recording import ScanOrder, dataset_from_recording

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
    content: FileContent, mapping: Mapping, channels: Sequence[xr.DataArray], notes: list[str]
) -> xr.Dataset:
    """Return the traces of a continuous recording, each in its pixel.

    Parameters
    ----------
    channels : sequence of DataArray
        Images of the file; those of the traces' grid join them.
    notes : list of str
        Takes up what is odd, in sentences.

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
    names = entry.signals | {
        role: name
        for role, name in (("dc", entry.dc), ("trigger", entry.pixel_trigger), ("line", entry.line_trigger))
        if name
    }
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
    unit = si_from_unit(sources["X"].unit)[1]
    streams = {
        role: Stream(source, 1.0 if role in ("trigger", "line") else si_from_unit(source.unit)[0])
        for role, source in sources.items()
    }
    for signal in ("Y", "R"):
        if signal in sources and si_from_unit(sources[signal].unit)[1] != unit:
            notes.append(f"'{sources[signal].name}' is in another unit than X and is left out")
            del streams[signal]
    bases = _bases({role: sources[role] for role in streams}, mapping, content, notes)
    order = ScanOrder(
        scan.pixels, scan.lines, ways=scan.ways, serpentine=scan.serpentine, voltages=scan.voltages,
        voltages_per="way" if scan.voltages_per == "way" else "pixel", upward=scan.upward,
        first_line=scan.first_line,
    )  # fmt: skip
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
        protocol=mapping.protocol, pulse_delay=entry.pulse_delay, check=content.check,
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


def _bases(
    sources: dict[str, Source], mapping: Mapping, content: FileContent, notes: list[str]
) -> dict[str, TimeBase]:
    """Return the time base of each stream: the file's, and what the mapping adds.

    The mapping's interval is the signal's. It stands in for those of other channels where the file knows none, and
    leaves them alone where it does.
    """
    bases = {}
    for role, source in sources.items():
        axis = next((axis for axis in source.axes if axis.size > 1), source.axes[0])
        entry = mapping.time.channels.get(_ENTRIES.get(role, role))
        if entry is None:
            # Time counts from the pulses; a start would move X against the channels that know theirs.
            entry = replace(mapping.time, start=None)
            knows = axis.known and si_from_unit(axis.unit)[1] == "s"
            if role != "X" and (
                (knows and not entry.override) or (entry.source and axis.size != sources["X"].shape[0])
            ):
                entry = TimeEntry(unit=entry.unit)
        elif entry.interval is None and not entry.source:  # only its start, or unit, is another
            entry = replace(entry, interval=mapping.time.interval)
        bases[role] = time_base_of(source, axis, entry, content, time_unit=None, notes=notes)
    if not bases["X"].is_known:
        raise MappingError(
            f"the sampling rate of '{sources['X'].name}' is not in the file: say it, time: {{interval: 0.1 ms}}"
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
