"""The page of a batch: what failed and why, small maps and medians of all others; one file, no script, no request."""

import base64
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import groupby
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from napari_tesm.batch.records import Record
from napari_tesm.batch.small_maps import SmallMap
from napari_tesm.batch.table import counts_of_states
from napari_tesm.data.maps import MAP_KINDS
from napari_tesm.quantities.numbers import counted
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.report.html import html_from_text, page_from_body

_WIDTH: Final = 132
"""Of a small map on the page, in pixels of CSS."""
_HIGHEST: Final = 200
_SIGNED: Final = "RdBu_r"
_SIZED: Final = "viridis"
_OUTER: Final = (2.0, 98.0)
"""Percentiles of all maps of a quantity between which its colours lie."""
_TITLE: Final = "Batch"


def page_from_records(records: Sequence[Record]) -> str:
    """Return the page."""
    style = files("napari_tesm.batch").joinpath("page.css").read_text(encoding="utf-8")
    maps = {record.file: [SmallMap.from_dict(entries) for entries in record.maps] for record in records}
    spans = _spans([small for smalls in maps.values() for small in smalls])
    body = [f"<h1>{_TITLE}</h1>", _counts(records), *_without_result(records)]
    fitted = [record for record in records if record.state == "ok"]
    if fitted:
        body += ['<section id="fitted">', "<h2>Fitted</h2>", *_legend(spans)]
        body += [_file(record, maps[record.file], spans) for record in fitted]
        body.append("</section>")
    return page_from_body(_TITLE, body, style)


def _counts(records: Sequence[Record]) -> str:
    counts = counts_of_states(records)
    words = [
        f"{counted(sum(counts.values()), 'file')}: {counts['ok']} fitted",
        *([f"{counts['failed']} failed"] if counts["failed"] else []),
        *([f"{counts['skipped']} not done yet"] if counts["skipped"] else []),
    ]
    return (
        f"<p>{', '.join(words)}. All numbers are in <a href='batch.csv'>batch.csv</a> and "
        "<a href='batch.json'>batch.json</a>.</p>"
    )


def _without_result(records: Sequence[Record]) -> Iterator[str]:
    failed = [record for record in records if record.state == "failed"]
    if failed:
        yield '<section id="failed" class="alerts">\n<h2>What failed</h2>\n<ul>'
        for record in failed:
            yield f"<li><b>{html_from_text(record.file)}</b><br>{html_from_text(record.reason)}</li>"
        yield "</ul>\n</section>"
    skipped = [record for record in records if record.state == "skipped"]
    for reason, group in groupby(sorted(skipped, key=lambda record: record.reason), lambda each: each.reason):
        names = ", ".join(record.file for record in group)
        yield f'<p class="note">Not done, {html_from_text(reason)}: {html_from_text(names)}.</p>'


def _spans(maps: Sequence[SmallMap]) -> dict[str, tuple[float, float]]:
    """Return what the colours of D and of tau span, the same on all maps, in decades."""
    spans = {}
    for quantity in ("D", "tau"):
        values = [small.values.ravel() for small in maps if small.name.startswith(quantity)]
        known = np.concatenate(values) if values else np.zeros(0)
        known = known[np.isfinite(known)]
        if known.size:
            low, high = np.percentile(known, _OUTER)
            # A map of one value has a colour, too.
            spans[quantity] = (float(low), float(max(high, low + 0.1)))
    return spans


def _legend(spans: dict[str, tuple[float, float]]) -> Iterator[str]:
    gradient = np.linspace(0.0, 1.0, 128)[None, :]
    units = {"D": "m²/s", "tau": "s"}
    parts = []
    for quantity, span in spans.items():
        ends = [html_from_text(text_from_quantity(10**end, units[quantity], digits=2)) for end in span]
        parts.append(
            f"<span>{quantity} {ends[0]} {_picture(gradient, (0, 1), _SIZED, 160, 12)} {ends[1]}</span>"
        )
    yield (
        f"<p class='legend'>{''.join(parts)}<span>H is blue below zero and red above, "
        "up to the most of its own map</span></p>"
    )


def _file(record: Record, maps: Sequence[SmallMap], spans: dict[str, tuple[float, float]]) -> str:
    name = html_from_text(record.file)
    parts = [
        '<article class="file">',
        f"<h3><a href='{html_from_text(quote(record.result))}'>{name}</a></h3>",
    ]
    for note in record.lines:
        parts.append(f'<p class="note">{html_from_text(note)}</p>')
    parts.append('<div class="pulses">')
    for pulse, entry in enumerate(record.pulses):
        own = [small for small in maps if small.pulse == pulse]
        parts.append(f"<div><h4>{html_from_text(_words_of_pulse(pulse, entry))}</h4>")
        parts.append('<div class="maps">')
        parts += [_map(small, entry.get(small.name, {}), spans) for small in own]
        parts.append("</div></div>")
    return "\n".join([*parts, "</div>", "</article>"])


def _words_of_pulse(pulse: int, entry: dict[str, Any]) -> str:
    volts = entry["voltage"]
    words = [f"Pulse {pulse + 1}" if volts is None else text_from_quantity(volts, "V")]
    if entry["direction"]:
        words.append(entry["direction"])
    return f"{' '.join(words)}, {counted(entry['n_pixels'], 'pixel')}"


def _map(small: SmallMap, entry: dict[str, Any], spans: dict[str, tuple[float, float]]) -> str:
    signed = small.name == "H"
    span = (small.low, small.high) if signed else spans.get(small.name.rstrip("012"), (small.low, small.high))
    width, height = _WIDTH, round(_WIDTH * small.aspect)
    if height > _HIGHEST:
        width, height = max(8, round(_HIGHEST / small.aspect)), _HIGHEST
    picture = _picture(small.values, span, _SIGNED if signed else _SIZED, width, max(8, height))
    median = entry.get("median")
    words = (
        "no median" if median is None else html_from_text(text_from_quantity(median, small.unit, digits=3))
    )
    if "n_ok" in entry:
        words += f"<br>{counted(entry['n_ok'], 'pixel')}"
    title = MAP_KINDS[small.name].title
    return f"<figure>{picture}<figcaption><b>{title}</b> {words}</figcaption></figure>"


def _picture(values: Any, span: tuple[float, float], colours: str, width: int, height: int) -> str:
    from napari_tesm.plotting.small_maps import png_from_values  # with matplotlib, which no fit needs

    data = base64.b64encode(png_from_values(values, *span, colours)).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" width="{width}" height="{height}" alt="">'
