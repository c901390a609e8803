"""What the maps come to in the regions, step against grain: n, mean, median, quartiles, effect size and test."""

from dataclasses import asdict
from typing import Any

from napari_tesm.findings.comparison import comparison_entry
from napari_tesm.findings.table import Table, joined
from napari_tesm.quantities.numbers import MISSING
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.regions.measures import Measure, Part, measures_from_maps, parts_of_image
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import Section
from napari_tesm.scan.tables import table_of_comparisons, table_of_parts


def section_from_data(data: ReportData) -> Section | None:
    """Return the statistics of the regions of every scan."""
    section = Section("regions", "Regions: steps against the rest")
    tables: list[Table] = []
    compared: list[Table] = []
    numbers: list[dict[str, Any]] = []
    with_maps = [scan for scan in data.scans if scan.maps is not None]
    if not with_maps:
        return section.lacking("There are no maps to measure in regions.")
    if bare := [scan.name for scan in with_maps if not scan.regions]:
        section.missing.append(
            f"{', '.join(bare)}: no region is drawn and no step stands out. Draw regions of the classes 'step' and "
            "'grain' in napari, or make selections in Gwyddion."
        )
    lent = [scan for scan in with_maps if scan.regions_of]
    if lent:
        names = ", ".join(scan.name for scan in lent)
        section.paragraphs.append(
            f"{names}: the regions are those of {lent[0].regions_of}, moved by the drift between the scans."
        )
    for scan in with_maps:
        if not scan.regions:
            continue
        parts = parts_of_image(scan.regions, {}, scan.x, scan.y, spacing=scan.spacing)
        section.missing += [
            f"{scan.name}: the region '{part.name}' {part.note}." for part in parts if part.note
        ]
        assert scan.maps is not None
        measures = measures_from_maps(scan.maps, parts)
        there = [not part.note for part in parts]
        tables += [_of_scan(scan, table_of_parts(parts, [measure]).kept(there)) for measure in measures]
        compared.append(_of_scan(scan, table_of_comparisons(measures)))
        for measure in measures:
            section.missing += [f"{scan.name}, {measure.title}: {problem}." for problem in measure.problems]
            numbers.append(_numbers(scan, parts, measure))
            if measure.pulse == scan.main_pulse and (scan is data.main):
                section.paragraphs += [pair.sentence_about(measure.title) for pair in measure.comparisons]
    if any(table.rows for table in tables):
        section.tables += [_table_of_comparisons(compared), *_tables_of_parts(tables)]
    section.numbers["measures"] = numbers
    return section


def _of_scan(scan: ReportScan, table: Table) -> Table:
    return Table("", "", ["scan"], [[scan.name]] * len(table.rows)).beside(table)


def _tables_of_parts(tables: list[Table]) -> list[Table]:
    """Return the numbers with their units, and in SI for the CSV: a column holds quantities of several units."""
    head, numbers = ("scan", "title", "name", "class", "n", "pixels"), ("mean", "std", "median", "q25", "q75")
    in_si = joined(tables).select(
        [*head, "unit", *numbers], "regions_si", "The same in SI units.", on_page=False
    )
    rows = [
        [
            *row[:6],
            *(text_from_quantity(value, unit, digits=3) if value == value else MISSING for value in row[7:]),
        ]
        for row in in_si.rows
        for unit in (str(row[6]),)
    ]
    caption = "The maps in the parts of the image; n counts the pixels that have a value."
    return [Table("regions", caption, in_si.select([*head, *numbers]).columns, rows), in_si]


def _table_of_comparisons(tables: list[Table]) -> Table:
    keys = "scan title names n independent ratio ratio_ci cliffs_delta effect hedges_g p_value"
    caption = (
        "One part against the other: ratio of the medians with its 95 % interval, effect sizes, and the two-sided rank "
        "test (Mann and Whitney) with as many independent pixels as the likeness of neighbours leaves."
    )
    return joined(tables).select(keys.split(), "regions_compared", caption)


def _numbers(scan: ReportScan, parts: list[Part], measure: Measure) -> dict[str, Any]:
    return {
        "scan": scan.name,
        "quantity": measure.quantity,
        "pulse": measure.label,
        "unit": measure.unit,
        "parts": {
            part.name: asdict(sample)
            for part, sample in zip(parts, measure.values, strict=True)
            if not part.note
        },
        "comparisons": [comparison_entry(pair) for pair in measure.comparisons],
    }
