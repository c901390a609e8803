"""Numbers as people and programs write them into text, and the rows of a table of them."""

import csv
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.io.content import ContentError, one_line
from napari_tesm.io.waveforms import moment_from_text

COMMENTS: Final = ("#", "%", "//", "!", "*")
"""How lines begin that are none of the table."""
MISSING: Final = frozenset(
    {"", "nan", "na", "n/a", "-", "--", "null", "none", "#n/v", "#n/a", "-nan", "nan(ind)"}
)
"""What stands, without capitals, where there is no number."""
_IN_MEMORY: Final = 1 << 29
_ALIKE: Final = 20
"""Lines whose last numbers have as many digits as each other, for a shorter one to be cut."""
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([ed][+-]?\d+)?", re.IGNORECASE)
_INFINITE: Final = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


@dataclass(frozen=True)
class Spelling:
    """How the numbers of a line are written.

    Parameters
    ----------
    separator : str
        Between two fields; empty for any number of blanks and tabs.
    decimal : "." or ","
    origin : Fraction, optional
        Moment from which dates with a time count, in s; each from itself where it is not given.
    """

    separator: str
    decimal: str = "."
    origin: Fraction | None = None

    def fields(self, line: str) -> list[str]:
        """Return the fields of a line; those in quotation marks may hold a separator."""
        if not self.separator:
            return line.split()
        if '"' in line:
            try:
                return [field.strip() for field in next(csv.reader([line], delimiter=self.separator))]
            except (csv.Error, StopIteration):
                pass
        return [field.strip() for field in line.split(self.separator)]

    def number(self, field: str) -> float | None:
        """Return the number in a field, NaN where one is missing; None where something else stands there."""
        text = field.strip().strip('"').strip().replace("\u2212", "-")
        if text.lower() in MISSING:
            return np.nan
        if self.decimal == "," and ":" not in text:
            if "." in text:
                return None
            text = text.replace(",", ".", 1)
        if _NUMBER.fullmatch(text):
            return float(re.sub("[dD]", "e", text))
        if _INFINITE.fullmatch(text):
            return float(text)
        moment = moment_from_text(text)
        return None if moment is None else float(moment - (self.origin or moment))

    def numbers(self, fields: Sequence[str]) -> list[float] | None:
        """Return the numbers of a line; None where a field is none, or all of them are missing."""
        values = []
        for field in fields:
            value = self.number(field)
            if value is None:
                return None
            values.append(value)
        return None if np.isnan(values).all() else values


def is_comment(line: str) -> bool:
    """Whether a line belongs to no table: blank, or marked as a comment."""
    text = line.strip("\x1a\x00 \t\r\f;,")
    return not text or text.startswith(COMMENTS)


class Rows:
    """Takes up the rows of a table as they are read, in memory or, where they are many, in a file without a name.

    Parameters
    ----------
    path : path-like
        Named in sentences.
    spelling : Spelling
    width : int
        Fields of a row.
    spare : bool
        One more field, or several, may hold a text: they are passed over.
    """

    def __init__(self, path: Any, spelling: Spelling, width: int, *, spare: bool = False) -> None:
        self.path, self.spelling, self.width, self.spare = path, spelling, width, spare
        self.notes: list[str] = []
        self._blocks: list[NDArray[np.float64]] = []
        self._held = 0
        self._file: Any = None
        self._doubtful: tuple[int, str] | None = None
        self._recent: list[str] = []

    def take(self, number: int, lines: Sequence[str], *, ended: bool = True) -> None:
        """Take up lines, of which the first has that number in its file; the last may have no end there.

        Raises
        ------
        ContentError
            If a line is no row of the table: it is named with its number.
        """
        values: list[float] = []
        separator, comma = self.spelling.separator or None, self.spelling.decimal == ","
        if not ended and self._is_cut(lines[-1], [*self._recent, *lines[:-1]][-_ALIKE:]):
            last = number + len(lines) - 1
            self.notes.append(
                f"The last number of line {last} is not whole: the file was cut, the line is left out."
            )
            lines = lines[:-1]
        self._recent = [*self._recent, *lines[-_ALIKE:]][-_ALIKE:]
        for own, line in enumerate(lines, start=number):
            if is_comment(line):
                continue
            if self._doubtful is not None:
                raise ContentError(self._doubtful[1])
            # Most lines hold numbers and nothing else; what `float` reads in its own way goes the long way.
            if not (comma and "." in line) and "_" not in line and '"' not in line:
                plain = line.replace(",", ".") if comma else line
                fields = plain.split(separator)
                if len(fields) == self.width:
                    before = len(values)
                    try:
                        values.extend(map(float, fields))
                        continue
                    except ValueError:
                        del values[before:]
            row = self._row(own, line)
            if row is not None:
                values.extend(row)
        if values:
            self._keep(np.array(values, dtype=np.float64).reshape(-1, self.width))

    def whole(self) -> NDArray[np.float64]:
        """Return the table, shape (row, column); a last line that was cut is left out, and noted."""
        if self._doubtful is not None:
            number, why = self._doubtful
            if not (self._blocks or self._file):
                raise ContentError(why)
            self.notes.append(f"The last line, {number}, is no whole row of the table and is left out.")
            self._doubtful = None
        if self._file is not None:
            self._file.flush()
            shape = (self._held // self.width, self.width)
            with self._file:  # what maps it keeps it
                return np.memmap(self._file, dtype=np.float64, mode="r", shape=shape)
        return np.concatenate(self._blocks) if self._blocks else np.empty((0, self.width))

    def _is_cut(self, line: str, before: Sequence[str]) -> bool:
        """Whether a line ends within its last number: where all before it have as many digits, and it has fewer."""
        lasts = [self.spelling.fields(own)[-1:] for own in (*before, line) if not is_comment(own)]
        digits = [len(own[0].partition(self.spelling.decimal)[2]) if own else 0 for own in lasts]
        return len(digits) > _ALIKE and len(set(digits[:-1])) == 1 and digits[-1] < digits[0]

    def _row(self, number: int, line: str) -> list[float] | None:
        """Return the numbers of a line; None where it is not whole, which the last line of a file may be."""
        fields = self.spelling.fields(line)
        trailing = fields[self.width :]
        if len(fields) > self.width and (self.spare or not any(trailing)):
            fields = fields[: self.width]
        if len(fields) != self.width:
            why = (
                f"{self.path}, line {number} has {len(fields)} fields where the others have {self.width}: "
                "it is no table."
            )
            if len(fields) > self.width:
                raise ContentError(why)
            self._doubtful = number, why
            return None
        values = [self.spelling.number(field) for field in fields]
        if None in values:
            column = values.index(None)
            why = f"{self.path}, line {number}: '{one_line(fields[column], 40)}' in column {column + 1} is no number."
            if column < self.width - 1:
                raise ContentError(why)
            self._doubtful = number, why
            return None
        return [value for value in values if value is not None]

    def _keep(self, block: NDArray[np.float64]) -> None:
        self._held += block.size
        if self._file is None and self._held * block.itemsize > _IN_MEMORY:
            self._file = tempfile.TemporaryFile(prefix="tesm-")  # noqa: SIM115 - the table keeps it open
            for earlier in self._blocks:
                self._file.write(earlier.tobytes())
            self._blocks = []
        if self._file is None:
            self._blocks.append(block)
        else:
            self._file.write(block.tobytes())
