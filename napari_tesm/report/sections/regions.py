"""What the maps come to in the regions, step against grain: n, mean, median, quartiles, effect size and test."""

from dataclasses import asdict
from typing import Any

import numpy as np

from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.regions.measures import Measure, Part, measures_from_maps, parts_of_image
from napari_tesm.report.data import ReportData, Scan
from napari_tesm.report.section import Cell, Column, Section, Table
from napari_tesm.statistics.comparison import Comparison


def section_from_data(data: ReportData) -> Section | None:
    """Return the statistics of the regions of every scan."""
    section = Section("regions", "Regions: steps against the rest")
    rows: list[list[Cell]] = []
    compared: list[list[Cell]] = []
    numbers: list[dict[str, Any]] = []
    with_maps = [scan for scan in data.scans if scan.maps is not None]
    if not with_maps:
        section.missing.append("There are no maps to measure in regions.")
        return section
    if bare := [scan.name for scan in with_maps if not scan.regions]:
        section.missing.append(
            f"{', '.join(bare)}: no region is drawn and no step stands out. Draw regions of the classes 'step' and "
            "'grain' in napari, or make selections in Gwyddion."
        )
    for scan in with_maps:
        if not scan.regions:
            continue
        parts = parts_of_image(scan.regions, {}, scan.x, scan.y, spacing=scan.spacing)
        section.missing += [
            f"{scan.name}: the region '{part.name}' {part.note}." for part in parts if part.note
        ]
        assert scan.maps is not None
        for measure in measures_from_maps(scan.maps, parts):
            rows += _rows(scan, parts, measure)
            compared += [_compared(scan, measure, one) for one in measure.comparisons]
            section.missing += [f"{scan.name}, {measure.title}: {problem}." for problem in measure.problems]
            numbers.append(_numbers(scan, parts, measure))
            if measure.pulse == scan.main_pulse and (scan is data.main):
                section.paragraphs += [one.sentence_about(measure.title) for one in measure.comparisons]
    if rows:
        section.tables += [_table_of_comparisons(compared), *_tables_of_parts(rows)]
    section.numbers["measures"] = numbers
    return section


def _rows(scan: Scan, parts: list[Part], measure: Measure) -> list[list[Cell]]:
    found: list[list[Cell]] = []
    for part, one in zip(parts, measure.values, strict=True):
        if part.note:
            continue
        values = (one.mean, one.std, one.median, one.q25, one.q75)
        row: list[Cell] = [
            scan.name, measure.title, part.name, part.region_class, one.n, one.n_total, measure.unit,
        ]  # fmt: skip
        row += [_text(value, measure.unit) for value in values]
        found.append([*row, *values])
    return found


def _text(value: float, unit: str) -> str:
    # A column holds quantities of several units: each number is written with its own.
    if not np.isfinite(value):
        return "–"
    return f"{value:.3g} {unit}" if unit == "m²/s" else text_from_quantity(value, unit, digits=3)


def _tables_of_parts(rows: list[list[Cell]]) -> list[Table]:
    head = [
        Column("scan"),
        Column("quantity"),
        Column("part"),
        Column("class"),
        Column("n"),
        Column("pixels"),
    ]
    values = [Column(name) for name in ("mean", "standard deviation", "median", "quartile 1", "quartile 3")]
    return [
        Table(
            "regions",
            "The maps in the parts of the image; n counts the pixels that have a value.",
            [*head, *values],
            [[*row[:6], *row[7:12]] for row in rows],
        ),
        Table(
            "regions_si",
            "The same in SI units.",
            [*head, Column("unit"), *values],
            [[*row[:7], *row[12:]] for row in rows],
            on_page=False,
        ),
    ]


def _compared(scan: Scan, measure: Measure, one: Comparison) -> list[Cell]:
    return [
        scan.name, measure.title, *one.names, one.n[0], one.n[1], one.independent[0], one.independent[1], one.ratio,
        one.ratio_low, one.ratio_high, one.cliffs_delta, one.size_in_words, one.hedges_g, one.p_value,
    ]  # fmt: skip


def _table_of_comparisons(rows: list[list[Cell]]) -> Table:
    names = (
        "scan", "quantity", "first", "second", "n first", "n second", "independent first", "independent second",
        "ratio of medians", "from", "to", "Cliff's delta", "effect", "Hedges' g", "p",
    )  # fmt: skip
    return Table(
        "regions_compared",
        "One part against the other: ratio of the medians with its 95 % interval, effect sizes, and the "
        "two-sided rank test (Mann and Whitney) with as many independent pixels as the likeness of neighbours leaves.",
        [Column(name) for name in names],
        rows,
    )


def _numbers(scan: Scan, parts: list[Part], measure: Measure) -> dict[str, Any]:
    return {
        "scan": scan.name,
        "quantity": measure.quantity,
        "pulse": measure.label,
        "unit": measure.unit,
        "parts": {
            part.name: asdict(one) for part, one in zip(parts, measure.values, strict=True) if not part.note
        },
        "comparisons": [
            asdict(one) | {"effect": one.size_in_words, "significant": one.significant}
            for one in measure.comparisons
        ],
    }
