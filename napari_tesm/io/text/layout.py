"""How a text file is laid out: what separates its fields, where its table begins, and what stands above it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import numpy as np

from napari_tesm.io.content import one_line
from napari_tesm.io.text.names import is_unit, name_and_unit
from napari_tesm.io.text.numbers import COMMENTS, MISSING, Spelling, is_comment
from napari_tesm.io.waveforms import moment_from_text

_SEPARATORS: Final = ("\t", ";", ",", "")
_LEAST_OF_TABLE: Final = 0.5
"""Part of the lines below its first that must be rows for a text to be a table."""
_ENOUGH: Final = 100_000
"""Characters that tell how a text is laid out, where they are at least so many lines:"""
_LEAST_ROWS: Final = 12
_MOST_ABOVE: Final = 200
_STATED: Final = re.compile(r"([^:=\t]{1,60}?)\s*[:=\t]\s*(.{1,200})")
_FRACTION: Final = re.compile(r"0\d+|\d{4,}")
"""What stands behind a decimal comma and is no whole number of its own."""


@dataclass(frozen=True)
class Layout:
    """What is told from the beginning of a file.

    Parameters
    ----------
    spelling : Spelling
    width : int
        Fields of a row.
    first : int
        Number of the line where the table begins, counted from 0.
    names, units : list of str
        One for each column; empty where the file does not say it.
    attributes : dict of str
        What is stated above the table, ``Scan size: 1 µm``, by words in small letters joined by underlines.
    notes : list of str
    """

    spelling: Spelling
    width: int
    first: int
    names: list[str]
    units: list[str]
    attributes: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Reading:
    """What a spelling makes of a text.

    Parameters
    ----------
    rows, width : int
        Lines that are rows, and fields of each.
    first : int
        Line of the first row.
    spelling : Spelling
    trailing : bool
        All rows end with a separator.
    """

    rows: int
    width: int
    first: int
    spelling: Spelling
    trailing: bool


def layout_of(lines: Sequence[str], *, whole: bool = True) -> Layout | None:
    """Return how a text is laid out; None where it is no table of numbers.

    Parameters
    ----------
    lines : sequence of str
        The first lines of the file.
    whole : bool
        The last of them is whole.
    """
    sample = [(n, line) for n, line in enumerate(lines) if not is_comment(line)]
    sample = sample if whole or len(sample) < 2 else sample[:-1]
    enough = np.searchsorted(np.cumsum([len(line) for _, line in sample]), _ENOUGH)
    sample = sample[: max(int(enough), _LEAST_ROWS)]
    # Commas both between fields and in numbers need quotation marks.
    quoted = any('"' in line for _, line in sample[:20])
    readings = [
        reading
        for separator in _SEPARATORS
        for decimal in ".,"
        if quoted or not separator == decimal == ","
        if (reading := _reading(sample, Spelling(separator, decimal))) is not None
    ]
    if not readings:
        return None
    # The most rows decide, then the most columns: "1 2" is two numbers, not none.
    best = max(readings, key=lambda reading: (reading.rows, reading.width))
    notes: list[str] = []
    alone = next((own for own in readings if own.spelling == Spelling("", ",") and own.width == 1), None)
    below = [line for number, line in sample if number >= best.first]
    if (
        best.spelling == Spelling(",", ".")
        and best.width == 2
        and alone is not None
        and _are_fractions(below)
    ):
        best = alone
        notes.append("Its commas are taken for decimal ones, in one column of numbers.")
    if (
        _are_counts(best.spelling.fields(lines[best.first])) and best.rows > 1
    ):  # as pandas heads a frame without names
        best = replace(best, first=next(number for number, _ in sample if number > best.first))
    names, units, attributes = _above(lines[: best.first], best)
    spelling = best.spelling
    for column, field_of in enumerate(spelling.fields(lines[best.first])):
        moment = moment_from_text(field_of.strip('"'))
        if moment is not None:
            spelling, units[column] = replace(spelling, origin=moment), "s"
    return Layout(spelling, best.width, best.first, names, units, attributes, notes)


def _reading(sample: Sequence[tuple[int, str]], spelling: Spelling) -> _Reading | None:
    fields = [spelling.fields(line) for _, line in sample]
    widths = [len(own) if spelling.numbers(own) is not None else 0 for own in fields]
    most = max(set(widths) - {0}, key=lambda width: (widths.count(width), width), default=0)
    if not most or (spelling.decimal == "," and not _has_comma(sample, spelling)):
        return None
    start = _start(widths, most)
    behind = widths[start:]
    count = behind.count(most)
    if count < _LEAST_OF_TABLE * len(behind) or (count < 2 and most < 2):
        return None
    rows = [own for own, width in zip(fields, widths, strict=True) if width == most]
    return _Reading(count, most, sample[start][0], spelling, most > 1 and not any(own[-1] for own in rows))


def _start(widths: Sequence[int], width: int) -> int:
    """Return where rows of a width begin: at the first that another row, or the end, follows."""
    for n, (own, following) in enumerate(pairwise([*widths, width])):
        if own == width == following:
            return n
    return widths.index(width)


def _has_comma(sample: Sequence[tuple[int, str]], spelling: Spelling) -> bool:
    """Whether a decimal comma stands in a number anywhere; without one, a point does as well."""
    return any(
        "," in field
        for _, line in sample
        for field in spelling.fields(line)
        if spelling.number(field) is not None
    )


def _are_fractions(lines: Sequence[str]) -> bool:
    """Whether what stands behind the only comma of each line can be no column of whole numbers."""
    behind = [line.partition(",")[2].strip() for line in lines if line.count(",") == 1]
    return any(_FRACTION.fullmatch(part) for part in behind) and all(part.isdecimal() for part in behind)


def _above(lines: Sequence[str], reading: _Reading) -> tuple[list[str], list[str], dict[str, str]]:
    """Return names and units of columns, and what else is stated above the table."""
    width = reading.width
    texts = [line.strip("\x1a\x00\r\n").lstrip("".join({mark[0] for mark in COMMENTS})) for line in lines]
    texts = [text for text in texts if text.strip()][-_MOST_ABOVE:]
    units = [""] * width
    last = _fields(texts[-1], reading) if texts else None
    if last is not None and _are_units(last):
        units = [text.strip("()[] ") for text in last]
        texts = texts[:-1]
    names = _fields(texts[-1], reading) if texts else None
    if names is None:
        names = [""] * width
    else:
        texts = texts[:-1]
        parted = [name_and_unit(name) for name in names]
        names = [one_line(name, 80) for name, _ in parted]
        units = [own or beside for own, (_, beside) in zip(units, parted, strict=True)]
    return names, units, stated_values(texts)


def stated_values(lines: Sequence[str]) -> dict[str, str]:
    """Return what lines state, by words in small letters joined by underlines.

    Examples
    --------
    >>> stated_values(["Pulse duration: 10 ms", "a remark", "dt = 0.1 ms"])
    {'pulse_duration': '10 ms', 'dt': '0.1 ms'}
    """
    values: dict[str, str] = {}
    for line in lines:
        parts = _STATED.fullmatch(line.strip())
        if parts:
            key = re.sub(r"\W+", "_", parts[1].strip().lower()).strip("_")
            values.setdefault(key, one_line(parts[2].strip().strip('"')))
    return values


def _fields(text: str, reading: _Reading) -> list[str] | None:
    """Return the fields of a heading, where it has one for each column."""
    spelling, width = reading.spelling, reading.width
    ways = [spelling.fields(text.strip(" "))]
    if spelling.separator != "\t":
        ways.append([field.strip() for field in text.strip().split("\t")])
    if not spelling.separator:
        ways += [re.split(r"\s{2,}", text.strip()), [part.strip() for part in text.split(",")]]
        # A unit is often a word of its own: "Time (ms)  X (nm)".
        ways.append(re.sub(r"\s+([(\[])", r"\1", text).split())
    for fields in ways:
        if len(fields) == width - 1 > 1:  # R leaves out the heading of the numbers of the rows
            fields = [*fields, ""] if reading.trailing else ["", *fields]
        fields = fields[:-1] if len(fields) == width + 1 and not fields[-1] else fields
        if len(fields) == width and any(fields):
            return fields
    return None


def _are_counts(fields: Sequence[str]) -> bool:
    """Whether a line is no row of numbers but counts the columns behind one without a heading: ``,0,1,2``."""
    numbers = [int(text) if text.isdecimal() else -1 for text in (text.strip('"') for text in fields[1:])]
    return (
        len(numbers) > 1 and not fields[0] and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    )


def _are_units(fields: Sequence[str]) -> bool:
    some = [text.strip("()[] ") for text in fields if text.strip().lower() not in MISSING]
    return bool(some) and all(is_unit(text) for text in some)
