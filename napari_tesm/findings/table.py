"""One table for all doors: the terminal, files, the clipboard, the page of a report and the screen say the same.

Cells are SI numbers, texts and truth values. In what unit a column is comfortable to read, how its numbers are spelled
and what stands where there is none is decided here, once.
"""

import csv
import io
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any, Final

from napari_tesm.files.texts import cell_from_text
from napari_tesm.quantities.numbers import MISSING, plain_value
from napari_tesm.quantities.scaling import Scaling, scaling_of

LINE_WIDTH: Final = 100
"""Columns of the terminal that are used."""
DIGITS_COPIED: Final = 9
"""Significant digits of what is copied or saved from the screen."""
AS_IT_IS: Final = "as it is"
"""Scale of a column that spans decades: SI, with a power of ten at every number."""
_LONGEST_TEXT: Final = 26
_SCANS: Final = ("file", "scan", "control")
"""Keys of columns that say of which scan a row is."""
_NAME: Final = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    title : str
        As people read it.
    unit : str
        SI unit of its numbers; they are shown with a prefix, and written to files as they are.
    digits : int
        Significant digits that are shown.
    key : str
        By what programs know it: in JSON, where columns of one key make a list, and in files for programs. The title
        where it is empty.
    decimals : int, optional
        Digits after the point that are shown, instead of `digits`.
    scale : str or float
        Key of the column whose numbers decide on the prefix, by default its own; a number that does; or `AS_IT_IS`.
    """

    title: str
    unit: str = ""
    digits: int = 3
    key: str = ""
    decimals: int | None = None
    scale: str | float = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.key or self.title)


@dataclass(frozen=True)
class Joined:
    """Columns that are shown as one, ``18/20`` or ``4.1 … 4.6``.

    Parameters
    ----------
    title : str
    keys : tuple of str
        Of the columns; numbers with a unit should share its prefix.
    form : str or callable
        With ``{}`` for the text of each of them; or what makes a text of the first column's scaling and the values.
    is_text : bool
        Whether it stands at the left, as texts do.
    """

    title: str
    keys: tuple[str, ...]
    form: str | Callable[..., str] = "{}"
    is_text: bool = False


@dataclass(frozen=True)
class ShownColumn:
    """A column as it is read: title, unit with its prefix, a text for each row, and the key of what it is sorted by."""

    title: str
    unit: str
    texts: list[str]
    key: str
    is_text: bool

    @property
    def head(self) -> str:
        """Title and unit on one line."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True, eq=False)
class Table:
    """A table.

    Parameters
    ----------
    name : str
        Name of its file in a report, as that of a figure; may be empty elsewhere.
    caption : str
    columns : sequence of Column or str
        A title alone is a column of texts or numbers without a unit.
    rows : sequence of sequence
        Texts, numbers in SI, truth values; None or NaN where there is no value.
    on_page : bool
        Whether the page shows it; long ones, such as curves, are for the CSV alone.

    Raises
    ------
    ValueError
        If a row has another length than there are columns, or the name is no name.
    """

    name: str
    caption: str
    columns: Sequence[Column | str]
    rows: Sequence[Sequence[Any]]
    on_page: bool = True

    def __post_init__(self) -> None:
        if self.name:
            check_name(self.name)
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"the table '{self.name}' has {len(self.columns)} columns and a row of {len(row)} cells"
                )

    @property
    def heads(self) -> list[Column]:
        """The columns."""
        return [Column(column) if isinstance(column, str) else column for column in self.columns]

    @property
    def keys(self) -> list[str]:
        """The key of each column."""
        return [column.key for column in self.heads]

    def values(self, key: str) -> list[Any]:
        """Return the cells of a column, the first of this key."""
        place = self.keys.index(key)
        return [row[place] for row in self.rows]

    def select(
        self, keys: Iterable[str], name: str = "", caption: str = "", *, on_page: bool = True
    ) -> "Table":
        """Return some of the columns, in this order; columns of one key go together."""
        places = [n for key in keys for n, own in enumerate(self.keys) if own == key]
        rows = [[row[n] for n in places] for row in self.rows]
        return Table(name, caption, [self.columns[n] for n in places], rows, on_page)

    def kept(self, flags: Iterable[object]) -> "Table":
        """Return the rows whose flag is true."""
        return replace(self, rows=[row for row, flag in zip(self.rows, flags, strict=True) if flag])

    def beside(self, *others: "Table") -> "Table":
        """Return the columns of this table and of others with as many rows."""
        tables = (self, *others)
        rows = [list(chain(*parts)) for parts in zip(*(table.rows for table in tables), strict=True)]
        return replace(self, columns=list(chain(*(table.columns for table in tables))), rows=rows)

    def with_recipe(self, digest: str, of_scans: Mapping[str, str] | None = None) -> "Table":
        """Return the table with the digest of the recipe that made its numbers in every row, as last column.

        Parameters
        ----------
        digest : str
        of_scans : mapping of str to str, optional
            Those of scans by their names, for rows that say of which scan they are.
        """
        named = next((key for key in _SCANS if key in self.keys), None)
        names = [None] * len(self.rows) if named is None else self.values(named)
        digests = [(of_scans or {}).get(str(name), digest) for name in names]
        return self.beside(Table("", "", ["recipe"], [[each] for each in digests]))

    def with_texts(self, spelled: Callable[[str], str]) -> "Table":
        """Return the table with all its texts and titles changed."""
        columns = [replace(column, title=spelled(column.title)) for column in self.heads]
        rows = [[spelled(cell) if isinstance(cell, str) else cell for cell in row] for row in self.rows]
        return replace(self, columns=columns, rows=rows)

    def csv(self, *, for_programs: bool = False, separator: str = ",", digits: int | None = None) -> str:
        """Return the table as CSV, numbers in SI; empty where there is none. Texts are harmless in a spreadsheet.

        Parameters
        ----------
        for_programs : bool
            Heads are the keys, and truth values 0 and 1; by default titles with units, and words.
        digits : int, optional
            Significant digits; all by default.
        """

        def cell(value: Any) -> Any:
            plain = plain_value(value)
            if isinstance(plain, bool):
                return int(plain) if for_programs else _word(plain)
            if isinstance(plain, str):
                return cell_from_text(plain)
            return f"{plain:.{digits}g}" if digits and isinstance(plain, float) else plain

        text = io.StringIO()
        writer = csv.writer(text, delimiter=separator, lineterminator="\n")
        titles = [f"{column.title} ({column.unit})" if column.unit else column.title for column in self.heads]
        writer.writerow(map(cell_from_text, self.keys if for_programs else titles))
        writer.writerows([cell(value) for value in row] for row in self.rows)
        return text.getvalue().encode("utf-8", "replace").decode("utf-8")

    def entries(self) -> list[dict[str, Any]]:
        """Return a dictionary for each row, as JSON can hold it; a list of missing numbers alone is None."""
        keys = self.keys
        made = []
        for row in self.rows:
            cells: dict[str, list[Any]] = {key: [] for key in keys}
            for key, value in zip(keys, row, strict=True):
                cells[key].append(plain_value(value))
            made.append({key: _one_or_all(values) for key, values in cells.items()})
        return made

    def shown(self, parts: Sequence[str | Joined] = ()) -> list[ShownColumn]:
        """Return columns as they are read: those of these keys, and some shown as one; by default all."""
        scalings = [self._scaling(head) for head in self.heads]
        columns = [
            ShownColumn(
                head.title, scaling.unit, [_text(row[n], head, scaling) for row in self.rows], head.key,
                any(isinstance(row[n], str) for row in self.rows),
            )
            for n, (head, scaling) in enumerate(zip(self.heads, scalings, strict=True))
        ]  # fmt: skip
        return [self._part(part, columns, scalings) for part in parts] if parts else columns

    def lines(
        self,
        parts: Sequence[str | Joined] = (),
        *,
        title: str = "",
        remarks: Sequence[str] = (),
        least: Sequence[int] = (),
    ) -> Iterator[str]:
        """Yield the table for a terminal: texts at the left of their columns, numbers at the right.

        Units stand beside the titles, or below them where the lines would be too long.

        Parameters
        ----------
        parts : sequence of str or Joined
            As for `shown`.
        title : str
            Of the first column; it says the unit, too, where there is but one.
        remarks : sequence of str
            For each row what takes the place of its numbers; empty where nothing does.
        least : sequence of int
            Least widths of the first columns.
        """
        columns = [replace(c, texts=list(map(_cut, c.texts))) if c.is_text else c for c in self.shown(parts)]
        units = {column.unit for column in columns if column.unit}
        if title and len(units) == 1:
            title = f"{title} in {units.pop()}"
            columns = [replace(column, unit="") for column in columns]
        if title and _width(title) > max(_LONGEST_TEXT, *map(_width, columns[0].texts)):
            yield from textwrap.wrap(title, LINE_WIDTH)
            title = ""
        columns[0] = replace(columns[0], title=title or columns[0].title)
        cells = [[column.head, *column.texts] for column in columns]
        if sum(max(map(_width, column)) + 2 for column in cells) > LINE_WIDTH + 2:
            cells = [[column.title, column.unit, *column.texts] for column in columns]
        widths = [max(map(_width, column)) for column in cells]
        widths = list(map(max, zip_longest(widths, least[: len(widths)], fillvalue=0)))
        notes = [*[""] * (len(cells[0]) - len(self.rows)), *(remarks or [""] * len(self.rows))]
        for row, note in zip(zip(*cells, strict=True), notes, strict=True):
            line = [
                text + blank if column.is_text else blank + text
                for text, width, column in zip(row, widths, columns, strict=True)
                for blank in (" " * (width - _width(text)),)
                if column.is_text or not note
            ]
            yield "  ".join([*line, note]).rstrip()

    def _part(self, part: str | Joined, columns: list[ShownColumn], scalings: list[Scaling]) -> ShownColumn:
        places = [self.keys.index(key) for key in ((part,) if isinstance(part, str) else part.keys)]
        first = columns[places[0]]
        if isinstance(part, str):
            return first
        if callable(part.form):
            texts = [part.form(scalings[places[0]], *(row[n] for n in places)) for row in self.rows]
        else:
            words = zip(*(columns[n].texts for n in places), strict=True)
            texts = [MISSING if set(each) == {MISSING} else part.form.format(*each) for each in words]
        return ShownColumn(part.title, first.unit, texts, first.key, part.is_text)

    def _scaling(self, column: Column) -> Scaling:
        """Return the common unit of a column, which it may share with others."""
        if not column.unit or column.scale == AS_IT_IS:
            return Scaling(1.0, column.unit)
        scale = column.scale or column.key
        numbers = self.values(scale) if isinstance(scale, str) else [scale]
        return scaling_of([value for value in numbers if isinstance(value, int | float)], column.unit)


def joined(tables: Sequence[Table]) -> Table:
    """Return the rows of several tables of the same columns, one below the other."""
    return replace(tables[0], rows=[row for table in tables for row in table.rows])


def check_name(name: str) -> None:
    """Raise a ValueError for what cannot name a part of a report and its files."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"'{name}' cannot name a part of a report: small letters, digits and single underscores, please"
        )


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else None if set(values) == {None} else values


def _word(value: bool) -> str:
    return "yes" if value else "no"


def _text(value: Any, column: Column, scaling: Scaling) -> str:
    if isinstance(value, str | bool):
        return value if isinstance(value, str) else _word(value)
    return scaling.text(value, digits=column.digits, decimals=column.decimals)


def _cut(text: str) -> str:
    """Return a text that is at most so wide on the terminal, with an ellipsis where it was longer."""
    if _width(text) <= _LONGEST_TEXT:
        return text
    shown = text[: 4 * _LONGEST_TEXT]
    while _width(shown) > _LONGEST_TEXT - 1:
        shown = shown[:-1]
    return f"{shown}…"


def _width(text: str) -> int:
    """Return how many columns of the terminal a text takes."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
