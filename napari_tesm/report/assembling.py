"""From data to a finished report: the sections are asked, their figures drawn, their failures turned into sentences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from napari_tesm.evaluation.pipeline import Cancelled, Progress
from napari_tesm.evaluation.recipe import digest_of_maps
from napari_tesm.files.sentences import KEYWORDS
from napari_tesm.findings.parameters import Parameter, parameters_from_maps
from napari_tesm.plotting.style import SCREEN, FigureStyle, drawn_bytes
from napari_tesm.report.data import InputFile, ReportData
from napari_tesm.report.methods import methods_from_data, versions, warnings_about
from napari_tesm.report.section import ReportFigure, Section
from napari_tesm.report.sections import SectionFromData, section_functions

_ON_THE_PAGE: Final = {False: 120, True: 96}
"""Pixels of the page to an inch of a figure, for a screen and for print, where a page's inch has 96."""


@dataclass(frozen=True)
class DrawnFigure:
    """A figure as the bytes of its files.

    Parameters
    ----------
    files : dict of str to bytes
        By the endings of their names, the PNG among them.
    width, height : int
        On the page, in its pixels.
    """

    name: str
    caption: str
    files: dict[str, bytes]
    width: int
    height: int


@dataclass(eq=False)
class Report:
    """A report, ready to be written.

    Parameters
    ----------
    sections : list of Section
    drawn : dict of str to DrawnFigure
        By the names of the figures.
    warnings, missing : list of (str, str)
        Slug of the section (empty for the report as a whole) and sentence.
    methods : list of str
        Paragraphs.
    files : sequence of InputFile
    recipe : dict
    parameters : dict of str to list of Parameter
        Of each scan with maps, by its name.
    versions : dict of str to str
    digest : str
        Of the recipe that made the maps of the main scan; empty where they do not say one.
    digests : dict of str to str
        The same of each scan with maps, by its name.
    """

    title: str
    sections: list[Section]
    drawn: dict[str, DrawnFigure]
    warnings: list[tuple[str, str]]
    missing: list[tuple[str, str]]
    methods: list[str]
    files: Sequence[InputFile]
    recipe: dict[str, Any]
    parameters: dict[str, list[Parameter]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    digest: str = ""
    digests: dict[str, str] = field(default_factory=dict)


def report_from_data(
    data: ReportData,
    *,
    sections: Mapping[str, SectionFromData] | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    spelling: Callable[[object], str] = KEYWORDS,
    style: FigureStyle = SCREEN,
) -> Report:
    """Return the report on some data, its figures drawn.

    Parameters
    ----------
    data : ReportData
    sections : mapping of str to callable, optional
        The functions of the sections by their subjects; by default all there are.
    strict : bool
        Let an error in a section or a figure through; by default it becomes a warning and the report goes on.
    progress : callable, optional
        What it raises (`Cancelled`) ends the work.
    spelling : callable
        Returns a sentence with its fields as they are called where the report is asked for; by default Python's.
    style : FigureStyle
        What the figures are made for.
    """
    wanted = section_functions() if sections is None else sections
    tell = progress or (lambda fraction, text: None)
    made: list[Section] = []
    warnings = [("", spelling(sentence)) for sentence in warnings_about(data)]
    for number, (subject, make) in enumerate(wanted.items()):
        tell(0.3 * number / max(len(wanted), 1), subject.replace("_", " "))
        try:
            section = make(data)
        except Cancelled:
            raise
        except Exception as error:
            if strict:
                raise
            warnings.append(
                ("", f"The section '{subject.replace('_', ' ')}' is left out: {_reason(error, spelling)}")
            )
            continue
        if section is not None:
            made.append(section)
    _check_names(made)
    drawn: dict[str, DrawnFigure] = {}
    count = sum(len(section.figures) for section in made)
    for section in made:
        for figure in list(section.figures):
            tell(0.3 + 0.7 * len(drawn) / max(count, 1), f"drawing {section.title}")
            try:
                drawn[figure.name] = drawn_figure(figure, style)
            except Cancelled:
                raise
            except Exception as error:
                if strict:
                    raise
                section.figures.remove(figure)
                section.warnings.append(
                    f"The figure '{figure.name}' could not be drawn: {_reason(error, spelling)}"
                )
    for section in made:
        for sentences in (section.paragraphs, section.warnings, section.missing):
            sentences[:] = map(spelling, sentences)
    warnings += [(section.slug, sentence) for section in made for sentence in section.warnings]
    missing = [("", spelling(note)) for note in data.notes]
    missing += [(section.slug, sentence) for section in made for sentence in section.missing]
    return Report(
        data.title, made, drawn, warnings, missing, methods_from_data(data), data.files,
        data.recipe.to_dict(), _parameters(data), versions(), digest_of_maps(data.main.maps),
        {scan.name: digest_of_maps(scan.maps) for scan in (*data.scans, *data.controls) if scan.maps is not None},
    )  # fmt: skip


def drawn_figure(figure: ReportFigure, style: FigureStyle = SCREEN) -> DrawnFigure:
    """Draw a figure in the formats of a style; the same bytes for the same data."""
    files, (width, height) = drawn_bytes(figure.fill, figure.size, style)
    scale = _ON_THE_PAGE[style.for_print]
    return DrawnFigure(figure.name, figure.caption, files, round(scale * width), round(scale * height))


def _parameters(data: ReportData) -> dict[str, list[Parameter]]:
    scans = (*data.scans, *data.controls)
    return {
        scan.name: parameters_from_maps(scan.maps, data.origins)
        for scan in scans
        if scan.maps is not None and "recipe" in scan.maps.attrs
    }


def _check_names(sections: Sequence[Section]) -> None:
    slugs = [section.slug for section in sections]
    names = [part.name for section in sections for part in section.figures]
    tables = [part.name for section in sections for part in section.tables]
    for kind, all_names in (("sections", slugs), ("figures", names), ("tables", tables)):
        twice = sorted({name for name in all_names if all_names.count(name) > 1})
        if twice:
            raise ValueError(f"two {kind} of the report are called '{twice[0]}'")


def _reason(error: Exception, spelling: Callable[[object], str]) -> str:
    text = " ".join(spelling(error).split()).rstrip(".")
    if isinstance(error, ValueError | OSError) and text:
        return f"{text}."
    return f"unexpected {type(error).__name__}: {text} (please report it)."
