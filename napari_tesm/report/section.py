"""What a section of a report holds: words, figures, tables and numbers; nothing here knows a file or a page."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from napari_tesm.findings.table import Table, check_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
        Draws on an empty figure of the given size, on white; no pyplot. With `panels`, on that many axes side by side.
    size : (float, float)
        Width and height in inches; 10 fills the page.
    panels : int

    Raises
    ------
    ValueError
        If the name is no such name.
    """

    name: str
    caption: str
    draw: Callable[..., None]
    size: tuple[float, float] = (10.0, 4.0)
    panels: int = 0

    def __post_init__(self) -> None:
        check_name(self.name)

    def fill(self, figure: "Figure") -> None:
        """Draw on an empty figure."""
        if not self.panels:
            self.draw(figure)
            return
        figure.set_layout_engine("constrained")
        self.draw(*figure.subplots(1, self.panels, squeeze=False)[0])


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
        check_name(self.slug)

    def lacking(self, sentence: str) -> Self:
        """Return the section with one more sentence about what is missing."""
        self.missing.append(sentence)
        return self
