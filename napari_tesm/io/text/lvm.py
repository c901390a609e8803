"""LabVIEW's measurement files (.lvm): a heading, then segments of samples, each with a heading of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.time_base import SAME, even_step, last_digit
from napari_tesm.io.content import Axis, Collection, ContentError, one_line
from napari_tesm.io.text.decoding import encoding_of, lines_of_file
from napari_tesm.io.text.numbers import Rows, Spelling
from napari_tesm.io.waveforms import axis_from_waveform, moment_from_text

_MARK: Final = "LabVIEW Measurement"
_END: Final = "***End_of_Header***"
_X: Final = "X_Value"
_COMMENT: Final = "Comment"
_PENDING: Final = 10_000
_MOST_SEGMENTS: Final = 1_000_000
_FOLLOWS: Final = 0.5
"""Part of a sample by which a segment may be late or early, and still go on where the one before it ended."""


def is_lvm(head: bytes) -> bool:
    """Return whether a file starting with the bytes `head` is a measurement file of LabVIEW."""
    encoding = encoding_of(head)
    return bool(encoding) and head.decode(encoding, "replace").lstrip("\ufeff").startswith(_MARK)


@dataclass(eq=False)
class _Segment:
    """Samples under one heading.

    Parameters
    ----------
    heading : dict of list of str
        What it says of each channel, by name.
    columns : list of str
        What stands above its numbers.
    rows : Rows
    """

    heading: dict[str, list[str]]
    columns: list[str]
    rows: Rows
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def channels(self) -> list[int]:
        """Columns that hold no X values."""
        first = 1 if self.columns and not self.columns[0] else 0
        return [n for n, name in enumerate(self.columns) if n >= first and name != _X]

    def listed(self, column: int, size: int) -> NDArray[np.float64] | None:
        """Return the X values beside the samples of a column: those of its own, or the ones that all share."""
        before = [n for n, name in enumerate(self.columns[:column]) if name == _X]
        values = self.values[:size, before[-1]] if before else np.empty(0)
        sound = values.size > 1 and np.isfinite(values).all() and (np.diff(values) > 0).all()
        return values if sound else None

    def stated(self, key: str, number: int) -> str:
        """Return what the heading says of a channel; channels with X values of their own have two columns each."""
        own = self.heading.get(key, [])
        if self.columns.count(_X) > 1 and len(own) > 1 and not any(own[1::2]):
            own = own[::2]
        return own[number] if number < len(own) else ""

    def attributes(self, number: int) -> dict[str, Any]:
        """Return the time base of a channel as LabVIEW's waveforms have it."""
        decimal = self.rows.spelling.decimal

        def of(key: str) -> str:
            return self.stated(key, number)

        def number_of(key: str) -> float | None:
            return self.rows.spelling.number(of(key)) if of(key) else None

        dimension = of("X_Dimension")
        unit = of("X_Unit_Label") or ("s" if dimension.lower() in ("", "time") else dimension)
        date = re.sub(r"[/.]", "-", of("Date"))
        moment = moment_from_text(f"{date}T{of('Time').replace(decimal, '.')}")
        stated = {
            "wf_increment": number_of("Delta_X"), "wf_start_offset": number_of("X0") or 0.0,
            "wf_start_time": moment, "wf_xunit_string": unit, "wf_xname": dimension,
        }  # fmt: skip
        return {key: value for key, value in stated.items() if value is not None}


class _Reader:
    """Takes up a file line by line."""

    def __init__(self, path: Path, separator: str) -> None:
        self.path, self.separator, self.decimal = path, separator, "."
        self.general: dict[str, str] = {}
        self.segments: list[_Segment] = []
        self._heading: dict[str, list[str]] = {}
        self._state = "general"
        self._pending: list[str] = []
        self._first = 0

    def take(self, number: int, line: str) -> None:
        """Take up a line of that number."""
        text = line.strip("\r\x1a\x00\ufeff")
        if self._state == "data" and not re.match(r"[*\s]*[A-Z*]", text):
            self._first = self._first if self._pending else number
            self._pending.append(text)
            if len(self._pending) >= _PENDING:
                self.flush()
            return
        if not text.strip(f"{self.separator} \t"):
            return
        key, *values = [part.strip() for part in text.split(self.separator)]
        if self._state == "data":
            self.flush()
            self._state, self._heading = "heading", {}
        if self._state == "general":
            self._general(key, values)
        elif self._state == "names":
            self._begin([key, *values], number)
        elif key.startswith(_END):
            self._state = "names"
        else:
            self._heading[key] = values

    def flush(self, *, ended: bool = True) -> None:
        """Hand the lines that wait over to the segment they are of; the last may have no end."""
        if self._pending:
            self.segments[-1].rows.take(self._first, self._pending, ended=ended)
        self._pending = []

    def _general(self, key: str, values: Sequence[str]) -> None:
        value = next(iter(values), "")
        if key.startswith(_END):
            self._state = "heading"
        elif key == "Decimal_Separator":
            self.decimal = "," if value.startswith(",") or (not value and self.separator == ",") else "."
        elif key == "Separator":
            self.separator = {"comma": ",", "tab": "\t"}.get(value.lower(), self.separator)
        elif value and not key.startswith((_MARK, "Writer_", "Reader_", "Multi_", "X_Columns")):
            self.general[key.lower()] = one_line(value)

    def _begin(self, columns: list[str], number: int) -> None:
        while columns and columns[-1] in ("", _COMMENT):
            columns.pop()
        if not columns:
            raise ContentError(f"{self.path}, line {number} should name the columns and does not.")
        if len(self.segments) >= _MOST_SEGMENTS:
            raise ContentError(f"{self.path} has more than {_MOST_SEGMENTS} segments.")
        rows = Rows(self.path, Spelling(self.separator, self.decimal), len(columns), spare=True)
        self.segments.append(_Segment(self._heading, columns, rows))
        self._state = "data"


def collect_lvm(path: Path, head: bytes, collected: Collection) -> None:
    """Take up the channels of a measurement file.

    A channel of several segments goes on where each follows the one before it in time, and is a trace for each pixel
    where all begin anew.

    Raises
    ------
    ContentError
        If it holds no samples, or is damaged; the sentence names the line.
    """
    encoding = encoding_of(head)
    first = head.decode(encoding, "replace").lstrip("\ufeff")[len(_MARK) :]
    reader = _Reader(path, "," if first.startswith(",") else "\t")
    ended = True
    for number, lines, all_ended in lines_of_file(path, encoding):
        for own, line in enumerate(lines, start=number):
            reader.take(own, line)
        ended = all_ended
    reader.flush(ended=ended)
    segments = []
    for segment in reader.segments:
        segment.values = segment.rows.whole()
        for note in segment.rows.notes:
            collected.note(note)
        segments += [segment] if segment.values.size else []
    if not segments:
        raise ContentError(f"{path} holds no samples.")
    collected.attributes |= reader.general
    alike = [segment for segment in segments if segment.columns == segments[0].columns]
    if len(alike) < len(segments):
        collected.note(f"{len(segments) - len(alike)} segments have other channels and are left out.")
    for number, column in enumerate(alike[0].channels):
        _collect_channel(alike, number, column, collected)


def _collect_channel(segments: Sequence[_Segment], number: int, column: int, collected: Collection) -> None:
    first = segments[0]
    name = first.columns[column] or f"channel {number + 1}"
    unit = first.stated("Y_Unit_Label", number)
    parts = [_samples(segment, number, column) for segment in segments]
    axes = [
        _axis(segment, number, column, part.size, collected)
        for segment, part in zip(segments, parts, strict=True)
    ]
    if not any(part.size for part in parts):
        collected.leave_out(name, "it holds no numbers.")
        return
    if len(parts) == 1 or _follow(axes):
        uneven = any(axis.values is not None for axis in axes)
        along = replace(
            axes[0], size=sum(part.size for part in parts),
            values=np.concatenate([axis.positions() + _late(axis, axes[0]) for axis in axes]) if uneven else None,
        )  # fmt: skip
        collected.add(name, np.concatenate(parts), [along], unit)
        return
    size = parts[0].size
    whole = [part for part in parts if part.size == size]
    if len(whole) < len(parts):
        collected.note(f"'{name}': {len(parts) - len(whole)} of {len(parts)} segments have not {size} samples and "
                       "are left out.")  # fmt: skip
    collected.add(name, np.stack(whole), [Axis(len(whole), "pixel", known=False), axes[0]], unit)


def _samples(segment: _Segment, number: int, column: int) -> NDArray[np.float64]:
    """Return the samples of a channel, of which a segment may have fewer than of others."""
    values = segment.values[:, column]
    count = segment.stated("Samples", number)
    stated = int(count) if count.isdecimal() else values.size
    known = np.flatnonzero(np.isfinite(values))
    end = int(known[-1]) + 1 if known.size else 0
    return values[: min(max(stated, end), values.size) if stated >= end else end]


def _axis(segment: _Segment, number: int, column: int, size: int, collected: Collection) -> Axis:
    """Return the axis of a channel: as its heading says, or its X values where they say otherwise."""
    attributes = segment.attributes(number)
    said: list[str] = []
    along = axis_from_waveform(attributes, size, said.append)
    listed = segment.listed(column, size)
    if listed is not None and listed.size == size and not _goes_with(along, listed):
        if along.known:
            name = segment.columns[column] or f"channel {number + 1}"
            said.insert(0, f"The X values of '{name}' are not {along.step:g} apart, as its heading says: they are "
                           "taken as they stand.")  # fmt: skip
        even = even_step(listed, rounded=last_digit(listed))
        step = float(np.median(np.diff(listed))) if even is None else even
        name, unit = along.name or "time", along.unit or "s"
        values = listed if even is None else None
        along = Axis(size, name, unit, float(listed[0]), step, values, origin=along.origin)
    if not collected.sources or listed is not None:
        for sentence in said[:1]:
            collected.note(sentence)
    return along


def _goes_with(along: Axis, listed: NDArray[np.float64]) -> bool:
    """Whether X values are as far apart as a heading says, to the digits they are written with."""
    if not along.known:
        return False
    expected = along.positions() - along.start + listed[0]
    return bool((np.abs(listed - expected) <= last_digit(listed) + SAME * along.step).all())


def _late(axis: Axis, first: Axis) -> float:
    """Return by how much the clock of a segment is behind that of another."""
    return float((axis.origin or 0) - (first.origin or 0))


def _follow(axes: Sequence[Axis]) -> bool:
    """Whether each segment begins where the one before it ended."""
    end: float | None = None
    for axis in axes:
        if not axis.known:
            return False
        at = axis.positions() + _late(axis, axes[0])
        if end is not None and abs(float(at[0]) - end) > _FOLLOWS * axis.step:
            return False
        end = float(at[-1]) + axis.step
    return True
