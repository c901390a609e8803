"""A report as one page of HTML that needs nothing beside it: figures inside, own style, no script, no request."""

import base64
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from typing import Any, Final

from napari_tesm.findings.table import Table
from napari_tesm.report.assembling import DrawnFigure, Report
from napari_tesm.report.section import Section

_MOST_ROWS: Final = 60
"""Rows of a table on the page; the CSV has all of them."""
_SHORT: Final = 24
"""Characters up to which a text in a table stays on one line."""


def page_from_report(report: Report) -> str:
    """Return the page."""
    body = [
        f"<h1>{html_from_text(report.title)}</h1>",
        _contents(report),
        _alerts(report),
        *(_section(section, report.drawn) for section in report.sections),
        _methods(report),
    ]
    return page_from_body(report.title, body)


def page_from_body(title: str, body: Iterable[str], more_style: str = "") -> str:
    """Return a page of HTML in the style of reports.

    Parameters
    ----------
    title : str
        For the window, as plain text.
    body : iterable of str
        HTML.
    more_style : str
        CSS that stands after that of reports.
    """
    style = files("napari_tesm.report").joinpath("page.css").read_text(encoding="utf-8") + more_style
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
            f"<title>{html_from_text(title)}</title>",
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
    items = "\n".join(f'<li><a href="#{slug}">{html_from_text(title)}</a></li>' for slug, title in links)
    return f'<nav aria-label="Contents">\n<ul>\n{items}\n</ul>\n</nav>'


def _alerts(report: Report) -> str:
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
                where = f' <a href="#{slug}">{html_from_text(titles[slug])}</a>' if slug else ""
                parts.append(f"<li>{html_from_text(sentence)}{where}</li>")
            parts.append("</ul>")
    parts.append("</section>")
    return "\n".join(parts)


def _section(section: Section, drawn: dict[str, DrawnFigure]) -> str:
    parts = [f'<section id="{section.slug}">', f"<h2>{html_from_text(section.title)}</h2>"]
    parts += [f"<p>{html_from_text(paragraph)}</p>" for paragraph in section.paragraphs]
    parts += [f'<p class="note">{html_from_text(sentence)}</p>' for sentence in section.missing]
    parts += [_figure(drawn[figure.name]) for figure in section.figures]
    parts += [_table(table) for table in section.tables if table.on_page]
    hidden = [f"tables/{table.name}.csv" for table in section.tables if not table.on_page]
    if hidden:
        parts.append(
            f'<p class="note">More numbers beside this page: {html_from_text(", ".join(hidden))}.</p>'
        )
    parts.append("</section>")
    return "\n".join(parts)


def _figure(figure: DrawnFigure) -> str:
    data = base64.b64encode(figure.files["png"]).decode("ascii")
    return (
        f'<figure id="figure-{figure.name}">\n<img src="data:image/png;base64,{data}" width="{figure.width}" '
        f'height="{figure.height}" alt="{html_from_text(figure.caption)}">\n'
        f"<figcaption>{html_from_text(figure.caption)}</figcaption>\n</figure>"
    )


def _table(table: Table) -> str:
    columns = table.shown()
    heads = "".join(f'<th scope="col">{html_from_text(column.head)}</th>' for column in columns)
    rows = []
    for row, texts in zip(
        table.rows[:_MOST_ROWS], zip(*(column.texts for column in columns), strict=True), strict=False
    ):
        cells = "".join(_cell(value, text) for value, text in zip(row, texts, strict=True))
        rows.append(f"<tr>{cells}</tr>")
    caption = table.caption
    if len(table.rows) > _MOST_ROWS:
        caption += f" The first {_MOST_ROWS} of {len(table.rows)} rows; all are in tables/{table.name}.csv."
    return "\n".join(
        [
            '<div class="table" tabindex="0">',
            f'<table id="table-{table.name}">',
            f"<caption>{html_from_text(caption)}</caption>",
            f"<thead><tr>{heads}</tr></thead>",
            "<tbody>",
            *rows,
            "</tbody>",
            "</table>",
            "</div>",
        ]
    )


def _cell(value: Any, text: str) -> str:
    if not isinstance(value, str):
        return f'<td class="number">{html_from_text(text.replace("-", "−"))}</td>'
    kind = ' class="short"' if len(value) <= _SHORT else "" if " " in value else ' class="hash"'
    return f"<td{kind}>{html_from_text(text)}</td>"


def _methods(report: Report) -> str:
    parts = ['<section id="methods">', "<h2>Methods</h2>"]
    parts += [f"<p>{html_from_text(paragraph)}</p>" for paragraph in report.methods]
    files = [(file.role, file.name, file.sha256) for file in report.files]
    caption = "Input files and the SHA-256 of their content."
    parts += [
        _table(Table("inputs", caption, ("used as", "file", "SHA-256"), files)),
        *map(_table, _tables_of_parameters(report)),
        "</section>",
    ]
    return "\n".join(parts)


def _tables_of_parameters(report: Report) -> list[Table]:
    """Return every parameter with its value and where it came from, for scans that differ in one a table each."""
    groups: dict[tuple[tuple[str, str, str], ...], list[str]] = {}
    for name, parameters in report.parameters.items():
        rows = tuple((each.name, _value(each.value), each.origin) for each in parameters)
        groups.setdefault(rows, []).append(name)
    return [
        Table(
            "recipe" if number == 1 else f"recipe_{number}",
            f"What the numbers of {', '.join(names)} were made with, in SI units, and where that comes from.",
            ("parameter", "value", "from"),
            [list(row) for row in rows],
        )
        for number, (rows, names) in enumerate(groups.items(), start=1)
    ]


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def html_from_text(text: str) -> str:
    """Return plain text as HTML; what is no character in HTML is shown as such."""
    shown = "".join(
        letter if letter.isprintable() or letter == " " else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    return escape(shown.encode("utf-8", "replace").decode("utf-8"), quote=True)
