"""What a section of a report holds: words, figures, tables and numbers; nothing here knows a file or a page."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAME: Final = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")

Cell = str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class ReportFigure:
    """A figure that is drawn when the report is made.

    Parameters
    ----------
    name : str
        Name of its files, without an ending: small letters, digits and single underscores; unique in the report.
    caption : str
        What was measured: n, thresholds, units.
    draw : callable
        Draws on an empty figure of the given size, on white; no pyplot.
    size : (float, float)
        Width and height in inches; 10 fills the page.

    Raises
    ------
    ValueError
        If the name is no such name.
    """

    name: str
    caption: str
    draw: "Callable[[Figure], None]"
    size: tuple[float, float] = (10.0, 4.0)

    def __post_init__(self) -> None:
        _check_name(self.name)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
    unit : str
        SI unit of its numbers; the page writes them with a prefix, the CSV as they are.
    digits : int
        Significant digits on the page.
    """

    name: str
    unit: str = ""
    digits: int = 3


@dataclass(frozen=True, eq=False)
class Table:
    """A table of the report.

    Parameters
    ----------
    name : str
        Name of its CSV file, as that of a figure.
    caption : str
    columns : sequence of Column
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
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    on_page: bool = True

    def __post_init__(self) -> None:
        _check_name(self.name)
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"the table '{self.name}' has {len(self.columns)} columns and a row of {len(row)} cells"
                )


@dataclass(eq=False)
class Section:
    """A section of a report.

    Parameters
    ----------
    slug : str
        Anchor on the page and key of its numbers; as the name of a figure.
    title : str
    paragraphs : list of str
        Plain text, above the figures.
    figures, tables : list
    numbers : dict
        What JSON can hold (numpy's numbers and NaN are seen to), all of it SI.
    warnings : list of str
        Sentences for the top of the page: what could mislead.
    missing : list of str
        Sentences: what is not there, and how it could be supplied.
    """

    slug: str
    title: str
    paragraphs: list[str] = field(default_factory=list)
    figures: list[ReportFigure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _check_name(self.slug)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"'{name}' cannot name a part of a report: small letters, digits and single underscores, please"
        )
