"""Cycling of the cells that samples come from: curves laid over each other, and a table of the cycles (Fig. S1)."""

from collections.abc import Sequence
from dataclasses import asdict

from napari_tesm.findings.cycling import Cycling, cycles_from_cycling, read_cycling
from napari_tesm.findings.table import Column, Table
from napari_tesm.plotting.cycling import draw_cycling, shown_cycles
from napari_tesm.report.data import ReportData
from napari_tesm.report.section import ReportFigure, Section


def section_from_data(data: ReportData) -> Section | None:
    """Return the cycling of all cells; None where none is given."""
    if not data.cycling:
        return None
    section = Section("cycling", "Cycling of the cells")
    records: list[Cycling] = []
    for path in data.cycling:
        try:
            records.append(read_cycling(path))
        except (OSError, ValueError) as error:
            section.missing.append(f"A cycling record is left out: {str(error).rstrip('.')}.")
    by_unit: dict[str, list[Cycling]] = {}
    for record in records:
        by_unit.setdefault(record.unit, []).append(record)
    for number, members in enumerate(by_unit.values(), start=1):
        section.figures.append(_figure(number, members))
    if records:
        section.tables.append(_table(records))
        section.paragraphs.append(
            "Charge is where the voltage of the cell rises. The coulombic efficiency is the capacity of the second "
            "half of a cycle over that of the first half, the retention that of the second half over the first cycle's."
        )
    section.numbers["cells"] = [
        {
            "name": record.name,
            "unit": record.unit,
            "cycles": [asdict(cycle) for cycle in cycles_from_cycling(record)],
        }
        for record in records
    ]
    return section


def _figure(number: int, records: Sequence[Cycling]) -> ReportFigure:
    parts = []
    for record in records:
        cycles = [half.cycle for half in record.halves]
        shown = ", ".join(str(cycle) for cycle in shown_cycles(cycles))
        parts.append(f"{record.name} (cycles {shown} of {len(set(cycles))})")
    return ReportFigure(
        "cycling" if number == 1 else f"cycling_{number}",
        f"Voltage against capacity of {' and '.join(parts)}, paler for later cycles, discharges dashed; beside it the "
        "capacities of all cycles (filled: charge) and their coulombic efficiency (triangles).",
        lambda figure: draw_cycling(figure, records),
        (10.0, 4.0),
    )


def _table(records: Sequence[Cycling]) -> Table:
    return Table(
        "cycling",
        "Capacities, coulombic efficiency and retention of each cycle.",
        [
            # Capacities are not SI: their unit stands beside them as it is.
            "cell", "cycle", Column("charge", digits=4), Column("discharge", digits=4), "unit",
            Column("coulombic efficiency", digits=4), Column("retention", digits=4),
        ],
        [
            [record.name, cycle.cycle, cycle.charge, cycle.discharge, record.unit, cycle.efficiency, cycle.retention]
            for record in records
            for cycle in cycles_from_cycling(record)
        ],
    )  # fmt: skip
