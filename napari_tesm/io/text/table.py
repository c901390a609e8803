"""A text file as a table: columns of numbers with names and units."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.io.content import ContentError
from napari_tesm.io.text.decoding import encoding_of, lines_of_file
from napari_tesm.io.text.layout import Layout, layout_of
from napari_tesm.io.text.numbers import Rows

_HEAD: Final = 1 << 20
_BLOCK: Final = 1 << 12
_LEAST_LINES: Final = 200
_LONGEST_HEAD: Final = 1 << 24


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of numbers.

    Parameters
    ----------
    names, units : list of str
        One for each column; empty where the file does not say it.
    values : ndarray, shape (row, column)
    attributes : dict
    notes : list of str
    """

    names: list[str]
    units: list[str]
    values: NDArray[np.float64]
    attributes: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def layout_of_file(path: Path, head: bytes) -> tuple[str, Layout | None]:
    """Return the encoding of a file, empty where it is no text, and its layout, None where it holds no table.

    Parameters
    ----------
    head : bytes
        Its first bytes.
    """
    if not encoding_of(head):
        return "", None
    size = _HEAD
    while True:
        with path.open("rb") as file:
            start = file.read(size)
        encoding = encoding_of(start)
        lines = re.split("\r\n|\r|\n", start.decode(encoding, "replace")) if encoding else []
        whole = len(start) < size
        layout = layout_of(lines[:_LEAST_LINES], whole=whole or len(lines) > _LEAST_LINES)
        # The names of some thousand pixels make a long line.
        if not encoding or layout is not None or whole or size >= _LONGEST_HEAD or len(lines) > _LEAST_LINES:
            return encoding, layout
        size *= 4


def table_from_file(path: Path, head: bytes) -> Table:
    """Return the table of a text file.

    Raises
    ------
    ContentError
        If it holds none, or a line is no row of it; the sentence names the line.
    OSError
        If it cannot be read.
    """
    encoding, layout = layout_of_file(path, head)
    if layout is None:
        raise ContentError(f"{path} holds no table of numbers.")
    rows = Rows(path, layout.spelling, layout.width)
    for number, lines, ended in lines_of_file(path, encoding):
        above = max(layout.first + 1 - number, 0)
        if above < len(lines):
            rows.take(number + above, lines[above:], ended=ended)
    values = rows.whole()
    some = np.zeros(layout.width, dtype=bool)
    for first in range(
        0, len(values), _BLOCK
    ):  # a table in a file is gone through once, from its begin to its end
        some |= ~np.isnan(values[first : first + _BLOCK]).all(axis=0)
    kept = np.flatnonzero(some).tolist()
    empty = [layout.names[n] for n in range(layout.width) if n not in kept and layout.names[n]]
    notes = [*layout.notes, *rows.notes]
    if empty:
        notes.append(f"Without a number, and left out: {', '.join(map(repr, empty[:5]))}.")
    return Table(
        [layout.names[n] for n in kept],
        [layout.units[n] for n in kept],
        values if len(kept) == layout.width else values[:, kept],
        dict(layout.attributes),
        notes,
    )
