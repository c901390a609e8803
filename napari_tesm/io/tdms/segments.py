"""Where the samples of a TDMS file lie, from its segments' headers.

A segment describes its channels, or says that they are as before, and carries their samples: chunk after chunk, each
channel in one block of a chunk, or interleaved. Every length is checked before it is used.

nptdms knows the format as well, but reads a whole chunk to give a part of it, and chunks may be as large as the file.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np

from napari_tesm.files.disk import DiskFile
from napari_tesm.io.content import ContentError, one_line
from napari_tesm.io.tdms.layout import Layout, Place, Samples, Scaler, itemsize
from napari_tesm.io.tdms.pieces import Pieces

_LEAD_IN: Final = 28
_METADATA, _NEW_LIST, _RAW_DATA, _INTERLEAVED, _BIG_ENDIAN = 1 << 1, 1 << 2, 1 << 3, 1 << 5, 1 << 6
_NO_DATA, _AS_BEFORE, _SCALERS, _DIGITAL_LINES = 0xFFFFFFFF, 0, 0x1269, 0x126A
_OPEN_END: Final = 0xFFFFFFFFFFFFFFFF
_STRING, _TIMESTAMP, _DAQMX = 0x20, 0x44, 0xFFFFFFFF
# Codes of sample types, in numpy's words; a time stamp is two integers whose order is the byte order's.
_TYPES: Final = {
    0x01: "i1", 0x02: "i2", 0x03: "i4", 0x04: "i8", 0x05: "u1", 0x06: "u2", 0x07: "u4", 0x08: "u8",
    0x09: "f4", 0x0A: "f8", 0x19: "f4", 0x1A: "f8", 0x21: "b1", 0x44: "time", 0x08000C: "c8", 0x10000D: "c16",
}  # fmt: skip
_PROPERTY_FORMS: Final = {
    "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q",
    "f4": "f", "f8": "d", "b1": "?",
}  # fmt: skip
_BEGIN: Final = "wf_start_time"
_MOST_RESTARTS: Final = 10_000
_QUOTED: Final = r"/'((?:[^']|'')*)'"
"""A name of a path, in which a quote is doubled."""
_SCALER_TYPES: Final = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
# Each change of the list of channels costs the time to go through it. Real files change it a few times; one that
# changes a long list in each of its segments would take hours.
_MOST_LISTED: Final = 5_000_000


@dataclass(frozen=True)
class TimeStamp:
    """Seconds since 1904-01-01 UTC, and 2^-64 parts of one."""

    seconds: int
    fractions: int

    @property
    def moment(self) -> Fraction:
        """Seconds since 1904, exactly."""
        return self.seconds + Fraction(self.fractions, 1 << 64)

    def __str__(self) -> str:
        if not -60_000_000_000 < self.seconds < 250_000_000_000:
            return f"{self.seconds} s after 1904"
        whole = np.datetime64("1904-01-01", "s") + np.timedelta64(self.seconds, "s")
        return f"{whole}.{self.fractions * 10**6 >> 64:06d}"


@dataclass
class Channel:
    """Samples and properties of one channel of the whole file."""

    group: str
    name: str
    properties: dict[str, Any] = field(default_factory=dict)
    streams: dict[int | None, Pieces] = field(default_factory=dict)
    """Where its samples are; of a DAQ device's raw data by scaler, else under None."""
    is_text: bool = False
    restarts: list[tuple[int, TimeStamp]] = field(default_factory=list)
    """Samples before a later part, and when that began by its own time stamp."""


@dataclass
class TdmsIndex:
    """What a TDMS file says of its channels, and where their samples are."""

    disk: DiskFile
    properties: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    channels: list[Channel] = field(default_factory=list)
    open_end: bool = False
    """The recorder did not close the last segment."""
    incomplete: bool = False
    """A segment is closed, but its last chunk is shorter than the others."""
    missing: int = 0
    """Bytes by which the file ends too early."""


def tdms_index(disk: DiskFile) -> TdmsIndex:
    """Return what the segments of a TDMS file say.

    Raises
    ------
    ContentError
        If they contradict the file or each other.
    """
    return _Reader(disk).index()


_Listed = dict[str, tuple[Samples | None, bool]]
"""Channels of a segment by path, in order: their samples as last described, and whether this segment has some."""


@dataclass
class _Run:
    """Segments of one chunk each, at equal distances: what a recorder writes that writes often."""

    layout: Layout
    order: str
    start: int
    last: int
    count: int = 1
    distance: int = 0

    def goes_on(self, start: int) -> bool:
        return self.count == 1 or start - self.last == self.distance


class _Reader:
    def __init__(self, disk: DiskFile) -> None:
        self.disk = disk
        self.result = TdmsIndex(disk)
        self.channels: dict[str, Channel] = {}
        self.described: dict[str, Samples | None] = {}
        self.listed_so_far = 0
        self.run: _Run | None = None
        self.last_layout: tuple[_Listed, bool, Layout] | None = None
        self.order = "<"

    def error(self, what: str, pos: int) -> ContentError:
        return ContentError(f"{self.disk.path} is not a sound TDMS file: {one_line(what)} at byte {pos}.")

    def take(self, form: str, pos: int, end: int) -> tuple[Any, ...]:
        size = struct.calcsize("=" + form)
        if size > end - pos:
            raise self.error(f"{size} bytes are needed where {max(end - pos, 0)} are left", pos)
        return self.disk.unpacked(self.order + form, pos)

    def text(self, pos: int, end: int) -> tuple[str, int]:
        (size,) = self.take("I", pos, end)
        pos += 4
        if size > end - pos:
            raise self.error(f"a text of {size} bytes does not fit", pos)
        return self.disk[pos : pos + size].decode("utf-8", "replace"), pos + size

    def index(self) -> TdmsIndex:
        pos, end = 0, self.disk.n_bytes
        listed: _Listed | None = None
        while pos < end:
            if self.disk[pos : pos + 4] != b"TDSm"[: end - pos]:
                raise self.error("no segment starts", pos)
            if pos and end - pos < _LEAD_IN:
                self.result.missing = _LEAD_IN - (end - pos)
                break
            self.order = "<"
            (flags,) = self.take("I", pos + 4, end)
            self.order = ">" if flags & _BIG_ENDIAN else "<"
            version, n_following, n_metadata = self.take("IQQ", pos + 8, end)
            if version not in (4712, 4713):
                raise self.error(f"the version {version} is not known", pos + 8)
            start = pos + _LEAD_IN
            is_open = n_following == _OPEN_END
            cut = is_open or n_following > end - start
            stop = end if cut else start + n_following
            self.result.open_end |= is_open
            if cut and not is_open:
                self.result.missing = start + n_following - end
            if cut and n_metadata > end - start and (is_open or pos):
                # The recorder stopped in the middle of a header: nothing of this segment can be told.
                break
            if n_metadata > stop - start:
                raise self.error("the header of a segment is longer than the segment", pos)
            if flags & _METADATA:
                listed = self.metadata(start, start + n_metadata, listed, new=bool(flags & _NEW_LIST))
            elif listed is None:
                raise self.error("the first segment describes no channel", pos)
            self.segment(listed, flags, start + n_metadata, stop, cut)
            pos = stop
        self.end_run()
        self.result.channels = list(self.channels.values())
        return self.result

    def metadata(self, pos: int, end: int, before: _Listed | None, *, new: bool) -> _Listed:
        """Return the channels of a segment as its header says; `before` itself where it says nothing new."""
        (n_objects,) = self.take("I", pos, end)
        pos += 4
        listed: _Listed = {} if new or before is None else before
        self.listed_so_far += n_objects
        seen = set()
        for _ in range(n_objects):
            if self.listed_so_far > _MOST_LISTED:
                raise self.error("the list of channels changes too often", pos)
            path, pos = self.text(pos, end)
            (header,) = self.take("I", pos, end)
            pos += 4
            if header == _NO_DATA:
                said = self.described.get(path), False
            elif header == _AS_BEFORE:
                if self.described.get(path) is None:
                    raise self.error(f"'{path}' is said to be as before, but was not there", pos)
                said = self.described[path], True
            else:
                samples, pos = self.samples(header, pos, end)
                self.described[path] = samples
                said = samples, True
            if listed.get(path) != said or path not in listed:
                if listed is before:
                    listed = dict(before)
                    self.listed_so_far += len(before)
                listed[path] = said
            if path in seen:
                raise self.error(f"'{path[:80]}' is described twice", pos)
            seen.add(path)
            properties = self.properties_of(path, pos)
            (n_properties,) = self.take("I", pos, end)
            pos += 4
            for _ in range(n_properties):
                name, pos = self.text(pos, end)
                value, pos = self.property_value(pos, end)
                if name == _BEGIN and properties.get(name, value) != value:
                    self.begins_again(path, value)
                else:
                    properties[name] = value
        # The order of channels is the order of their samples.
        if new and before is not None and list(before.items()) == list(listed.items()):
            return before
        return listed

    def begins_again(self, path: str, value: Any) -> None:
        """Take up when a later part of a channel began; the channel itself began when it first said so."""
        channel = self.channels.get(path)
        if channel is None:
            return
        self.end_run()
        size = min((len(stream) for stream in channel.streams.values()), default=0)
        if not size:
            channel.properties[_BEGIN] = value
        elif isinstance(value, TimeStamp) and len(channel.restarts) < _MOST_RESTARTS:
            channel.restarts.append((size, value))

    def properties_of(self, path: str, pos: int) -> dict[str, Any]:
        names = _names_from_path(path)
        if names is None or len(names) > 2:
            raise self.error(f"'{path[:80]}' is not the path of a group or channel", pos)
        if not names:
            return self.result.properties
        if len(names) == 1:
            return self.result.groups.setdefault(names[0], {})
        if path not in self.channels:
            self.channels[path] = Channel(names[0], names[1])
        return self.channels[path].properties

    def property_value(self, pos: int, end: int) -> tuple[Any, int]:
        (code,) = self.take("I", pos, end)
        pos += 4
        if code == _STRING:
            return self.text(pos, end)
        if code == _TIMESTAMP:
            parts = self.take("qQ" if self.order == ">" else "Qq", pos, end)
            return TimeStamp(*(parts if self.order == ">" else parts[::-1])), pos + 16
        form = _PROPERTY_FORMS.get(_TYPES.get(code, ""))
        if form is None:
            raise self.error(f"a property is of the unknown type {code:#x}", pos)
        (value,) = self.take(form, pos, end)
        return value, pos + struct.calcsize("=" + form)

    def samples(self, header: int, pos: int, end: int) -> tuple[Samples, int]:
        code, dimension, count = self.take("IIQ", pos, end)
        pos += 16
        if dimension != 1:
            raise self.error(f"samples have {dimension} dimensions", pos)
        if header in (_SCALERS, _DIGITAL_LINES):
            return self.scalers(header, code, count, pos, end)
        if code == _STRING:
            (n_bytes,) = self.take("Q", pos, end)
            return Samples("text", count, n_bytes), pos + 8
        if code == 0 and count == 0:
            return Samples("u1", 0), pos
        if code not in _TYPES:
            raise self.error(f"samples are of the unknown type {code:#x}", pos)
        return Samples(_TYPES[code], count, count * itemsize(_TYPES[code])), pos

    def scalers(self, header: int, code: int, count: int, pos: int, end: int) -> tuple[Samples, int]:
        (n_scalers,) = self.take("I", pos, end)
        pos += 4
        scalers = []
        for _ in range(n_scalers):
            form = "IIIBI" if header == _DIGITAL_LINES else "IIIII"
            kind, buffer, offset, _, number = self.take(form, pos, end)
            pos += struct.calcsize("=" + form)
            if kind >= len(_SCALER_TYPES):
                raise self.error(f"a scaler is of the unknown type {kind:#x}", pos)
            bit = offset % 8 if header == _DIGITAL_LINES else None
            start = offset // 8 if header == _DIGITAL_LINES else offset
            scalers.append(Scaler(number, _SCALER_TYPES[kind], buffer, start, bit))
        (n_widths,) = self.take("I", pos, end)
        widths = self.take(f"{n_widths}I", pos + 4, end)
        for scaler in scalers:
            if scaler.buffer >= n_widths or scaler.offset + itemsize(scaler.code) > widths[scaler.buffer]:
                raise self.error("a scaler lies outside its row", pos)
        if not scalers or (code != _DAQMX and len(scalers) > 1):
            raise self.error(f"a channel has {len(scalers)} scalers", pos)
        return Samples(
            "daqmx", count, scalers=tuple(scalers), widths=widths, one_scaler=code != _DAQMX
        ), pos + 4 + 4 * n_widths

    def segment(self, listed: _Listed, flags: int, start: int, stop: int, cut: bool) -> None:
        """Put the samples of one segment to their channels."""
        n_bytes = stop - start
        layout = self.layout(listed, bool(flags & _INTERLEAVED), start)
        if not n_bytes:
            return
        if not layout.pitch:
            raise self.error(f"{n_bytes} bytes belong to no channel", start)
        if not flags & _RAW_DATA:
            raise self.error(f"{n_bytes} bytes are there where none are announced", start)
        self.result.incomplete |= bool(n_bytes % layout.pitch) and not cut
        run = self.run
        if n_bytes != layout.pitch:
            self.end_run()
            self.place(self.order, start, layout.places(n_bytes, cut=cut), layout.pitch)
        elif run and run.layout is layout and run.order == self.order and run.goes_on(start):
            run.distance = start - run.last
            run.last = start
            run.count += 1
        else:
            self.end_run()
            self.run = _Run(layout, self.order, start, start)

    def end_run(self) -> None:
        """Put the samples of segments in a row to their channels."""
        run, self.run = self.run, None
        if run is not None:
            whole = run.layout.places(run.layout.pitch, cut=False)
            places = (replace(place, chunks=run.count) for place in whole)
            self.place(run.order, run.start, places, run.distance)

    def place(self, order: str, start: int, places: Iterable[Place], pitch: int) -> None:
        for place in places:
            if not place.count or not place.chunks:
                continue
            channel = self.channels.get(place.path)
            if channel is None:
                raise self.error(f"'{place.path[:80]}' holds samples but is no channel", start)
            if place.code == "text":
                channel.is_text = True
                continue
            stream = channel.streams.setdefault(place.scaler, Pieces(place.code, place.bit))
            # The length of a chunk that is there but in part may be any number.
            distance = pitch if place.chunks > 1 else 0
            first = start + place.offset
            try:
                stream.add(order, place.code, first, place.step, place.count, place.chunks, distance)
            except ValueError as error:
                raise self.error(f"'{place.path[:80]}': {error}", start) from None

    def layout(self, listed: _Listed, interleaved: bool, start: int) -> Layout:
        # Most segments have the channels of the one before, described in the same words.
        if (
            self.last_layout is None
            or self.last_layout[0] is not listed
            or self.last_layout[1] != interleaved
        ):
            present = {path: samples for path, (samples, has_data) in listed.items() if has_data and samples}
            try:
                self.last_layout = listed, interleaved, Layout(present, interleaved=interleaved)
            except ValueError as error:
                raise self.error(str(error), start) from None
        return self.last_layout[2]


def _names_from_path(path: str) -> list[str] | None:
    """Return the names in ``/'group'/'channel'``, None where it is no such path."""
    if path == "/":
        return []
    if not re.fullmatch(f"(?:{_QUOTED})*", path):
        return None
    return [name.replace("''", "'") for name in re.findall(_QUOTED, path)]
