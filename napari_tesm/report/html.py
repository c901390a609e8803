"""A report as one page of HTML that needs nothing beside it: figures inside, own style, no script, no request."""

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, Final

from napari_tesm.plotting.axes import scale_for
from napari_tesm.report.assembling import DrawnFigure, Report
from napari_tesm.report.section import Cell, Column, Section, Table

_MOST_ROWS: Final = 60
"""Rows of a table on the page; the CSV has all of them."""
_SHORT: Final = 24
"""Characters up to which a text in a table stays on one line."""


def page_from_report(report: Report) -> str:
    """Return the page."""
    style = files("napari_tesm.report").joinpath("page.css").read_text(encoding="utf-8")
    body = [
        f"<h1>{_text(report.title)}</h1>",
        _contents(report),
        _alerts(report),
        *(_section(section, report.drawn) for section in report.sections),
        _methods(report),
    ]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            # An empty icon: a browser would ask a server for one.
            '<link rel="icon" href="data:,">',
            f"<title>{_text(report.title)}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _contents(report: Report) -> str:
    links = [("warnings", "Before you read on")] if report.warnings or report.missing else []
    links += [(section.slug, section.title) for section in report.sections]
    links.append(("methods", "Methods"))
    items = "\n".join(f'<li><a href="#{slug}">{_text(title)}</a></li>' for slug, title in links)
    return f'<nav aria-label="Contents">\n<ul>\n{items}\n</ul>\n</nav>'


def _alerts(report: Report) -> str:
    """Return warnings and what is missing, each with a link to the section it is about."""
    if not report.warnings and not report.missing:
        return ""
    titles = {section.slug: section.title for section in report.sections}
    parts = ['<section id="warnings" class="alerts">', "<h2>Before you read on</h2>"]
    for name, heading, sentences in (
        ("warning", "What could mislead", report.warnings),
        ("missing", "What is missing", report.missing),
    ):
        if sentences:
            parts.append(f"<h3>{heading}</h3>")
            parts.append(f'<ul class="{name}">')
            for slug, sentence in sentences:
                where = f' <a href="#{slug}">{_text(titles[slug])}</a>' if slug else ""
                parts.append(f"<li>{_text(sentence)}{where}</li>")
            parts.append("</ul>")
    parts.append("</section>")
    return "\n".join(parts)


def _section(section: Section, drawn: dict[str, DrawnFigure]) -> str:
    parts = [f'<section id="{section.slug}">', f"<h2>{_text(section.title)}</h2>"]
    parts += [f"<p>{_text(paragraph)}</p>" for paragraph in section.paragraphs]
    parts += [f'<p class="note">{_text(sentence)}</p>' for sentence in section.missing]
    parts += [_figure(drawn[figure.name]) for figure in section.figures]
    parts += [_table(table) for table in section.tables if table.on_page]
    hidden = [f"tables/{table.name}.csv" for table in section.tables if not table.on_page]
    if hidden:
        parts.append(f'<p class="note">More numbers beside this page: {_text(", ".join(hidden))}.</p>')
    parts.append("</section>")
    return "\n".join(parts)


def _figure(figure: DrawnFigure) -> str:
    data = base64.b64encode(figure.png).decode("ascii")
    return (
        f'<figure id="figure-{figure.name}">\n<img src="data:image/png;base64,{data}" width="{figure.width}" '
        f'height="{figure.height}" alt="{_text(figure.caption)}">\n'
        f"<figcaption>{_text(figure.caption)}</figcaption>\n</figure>"
    )


def _table(table: Table) -> str:
    scales = [_scale(column, [row[n] for row in table.rows]) for n, column in enumerate(table.columns)]
    heads = "".join(
        f'<th scope="col">{_text(f"{column.name} ({unit})" if unit else column.name)}</th>'
        for column, (_, unit) in zip(table.columns, scales, strict=True)
    )
    rows = []
    for row in table.rows[:_MOST_ROWS]:
        cells = "".join(
            _cell(value, column, factor)
            for value, column, (factor, _) in zip(row, table.columns, scales, strict=True)
        )
        rows.append(f"<tr>{cells}</tr>")
    caption = table.caption
    if len(table.rows) > _MOST_ROWS:
        caption += f" The first {_MOST_ROWS} of {len(table.rows)} rows; all are in tables/{table.name}.csv."
    return "\n".join(
        [
            '<div class="table" tabindex="0">',
            f'<table id="table-{table.name}">',
            f"<caption>{_text(caption)}</caption>",
            f"<thead><tr>{heads}</tr></thead>",
            "<tbody>",
            *rows,
            "</tbody>",
            "</table>",
            "</div>",
        ]
    )


def _scale(column: Column, values: Sequence[Cell]) -> tuple[float, str]:
    """Return the factor and unit in which a column is short to read."""
    numbers = [
        float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    finite = [number for number in numbers if math.isfinite(number)]
    return scale_for(finite, column.unit) if finite and column.unit else (1.0, column.unit)


def _cell(value: Cell, column: Column, factor: float) -> str:
    if isinstance(value, str):
        short = ' class="short"' if len(value) <= _SHORT else ""
        return f"<td{short}>{_text(value)}</td>"
    return f'<td class="number">{_text(text_from_cell(value, column, factor))}</td>'


def text_from_cell(value: Cell, column: Column, factor: float = 1.0) -> str:
    """Return a cell as the page writes it.

    Examples
    --------
    >>> text_from_cell(1.5623e-3, Column("tau", "s"), 1e-3), text_from_cell(None, Column("tau"))
    ('1.56', '–')
    >>> text_from_cell(12288, Column("pixels")), text_from_cell(1234.5, Column("H"))
    ('12288', '1234')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    number = value / factor
    text = f"{number:#.{column.digits}g}".removesuffix(".")
    # Whole numbers longer than the digits asked for are written out rather than with a power of ten.
    return f"{number:.0f}" if "e+" in text and abs(number) < 1e6 else text.replace("-", "−")


def _methods(report: Report) -> str:
    parts = ['<section id="methods">', "<h2>Methods</h2>"]
    parts += [f"<p>{_text(paragraph)}</p>" for paragraph in report.methods]
    rows = [(file.role, file.name, file.sha256) for file in report.files]
    parts += [
        '<div class="table" tabindex="0">',
        '<table id="table-inputs">',
        "<caption>Input files and the SHA-256 of their content.</caption>",
        '<thead><tr><th scope="col">used as</th><th scope="col">file</th><th scope="col">SHA-256</th></tr></thead>',
        "<tbody>",
        *(
            f'<tr><td>{_text(role)}</td><td>{_text(name)}</td><td class="hash">{_text(sha256)}</td></tr>'
            for role, name, sha256 in rows
        ),
        "</tbody>",
        "</table>",
        "</div>",
        "<details>",
        "<summary>The recipe: every parameter</summary>",
        '<div class="table" tabindex="0">',
        '<table id="table-recipe">',
        "<tbody>",
        *(
            f'<tr><th scope="row">{_text(name)}</th><td>{_text(value)}</td></tr>'
            for name, value in _lines_of_recipe(report.recipe)
        ),
        "</tbody>",
        "</table>",
        "</div>",
        "</details>",
        "</section>",
    ]
    return "\n".join(parts)


def _lines_of_recipe(recipe: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, "from the file" if value is None else str(value)) for name, value in recipe.items()]


def _text(text: str) -> str:
    """Return plain text as HTML; what is no character in HTML is shown as such."""
    shown = "".join(
        letter if letter.isprintable() or letter == " " else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    return escape(shown.encode("utf-8", "replace").decode("utf-8"), quote=True)
