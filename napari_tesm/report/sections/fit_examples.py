"""Examples of fits with what is left over, of poor, middling and good pixels and of the points (Fig. S5)."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from napari_tesm.data.maps import words_of_fit
from napari_tesm.findings.fit_examples import FitExample, fit_examples, pixels_by_quality
from napari_tesm.findings.table import Column, Table
from napari_tesm.plotting.fit_examples import draw_fit_examples
from napari_tesm.quantities.status import STATUS_MEANINGS
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section

_MOST_POINTS: Final = 4


def section_from_data(data: ReportData) -> Section | None:
    """Return fits of the main pulse at quantiles of their quality, and at the points."""
    section = Section("fit_examples", "Examples of fits")
    scan = next(
        (scan for scan in (data.main, *data.scans) if scan.dataset is not None and scan.maps is not None),
        None,
    )
    if scan is None or scan.dataset is None or scan.maps is None or scan.settings is None:
        return section.lacking("There are no traces with a fit: examples of fits cannot be shown.")
    pulse = scan.main_pulse
    chosen = {
        "quality": pixels_by_quality(scan.maps, pulse),
        "points": [
            (f"point {point.number}", *scan.pixel_at(point.x, point.y))
            for point in scan.points[:_MOST_POINTS]
        ],
    }
    if not chosen["quality"]:
        section.missing.append(
            f"{scan.name} {scan.labels[pulse]}: no pixel was accepted, there is no fit to judge."
        )
    examples = {
        name: fit_examples(scan.dataset, scan.maps, pulse, pixels)
        for name, pixels in chosen.items()
        if pixels
    }
    for name, of_name in examples.items():
        section.figures.append(_figure(scan, name, of_name))
    everything = [example for of_name in examples.values() for example in of_name]
    if everything:
        section.tables += [_table(everything, scan.unit), _table_of_curves(everything, scan.unit)]
    section.numbers |= {
        "scan": scan.name,
        "pulse": scan.labels[pulse],
        "examples": [
            {
                "name": example.name,
                "row": example.row,
                "column": example.column,
                "fits": {
                    words_of_fit(fit.number): fit.values | {"status": STATUS_MEANINGS[fit.status]}
                    for fit in example.windows
                },
            }
            for example in everything
        ],
    }
    return section


def _figure(scan: ReportScan, name: str, examples: Sequence[FitExample]) -> ReportFigure:
    which = (
        "accepted pixels at quantiles of R² of the last window, from a poor fit to a good one"
        if name == "quality"
        else "the pixels of the points"
    )

    return ReportFigure(
        f"fit_examples_{name}",
        f"{scan.name} {examples[0].label}: data (grey) and fitted curves of {which}; below, data minus fit, with its "
        "root mean square as a band. The pulse is shaded; numbers with the standard error of their last digits.",
        lambda figure: draw_fit_examples(figure, examples, unit=scan.unit),
        (3.4 * len(examples) + 0.6, 4.4),
    )


def _table(examples: Sequence[FitExample], unit: str) -> Table:
    units = {"a": unit, "b": "1/s", "c": unit, "tau": "s", "D": "m²/s"}
    columns: list[Column | str] = ["example", "row", "column", "fit", "status"]
    columns += [Column(title, own) for name, own in units.items() for title in (name, f"{name}, error")]
    names = [*(part for name in units for part in (name, f"{name}_stderr")), "rms", "r2"]
    rows = [
        [
            example.name, example.row, example.column, words_of_fit(fit.number),
            STATUS_MEANINGS[fit.status].replace("_", " "), *(fit.values.get(name) for name in names),
        ]
        for example in examples
        for fit in example.windows
    ]  # fmt: skip
    return Table(
        "fit_examples",
        "The examples: a·exp(−b·t) + c, or what the kernel has in place of the exponential, with standard errors; "
        "sigma is the root mean square of data minus fit. Where the status is not ok the numbers stand for nothing.",
        [*columns, Column("sigma", unit), Column("R²", digits=4)],
        rows,
    )


def _table_of_curves(examples: Sequence[FitExample], unit: str) -> Table:
    time = examples[0].time
    columns = [Column("time", "s")]
    parts = [time]
    for example in examples:
        fitted = np.full(time.shape, np.nan)
        for fit in example.windows:
            fitted[np.searchsorted(time, fit.time)] = fit.curve
        parts += [example.trace, fitted, example.trace - fitted]
        where = f"{example.name} (row {example.row}, column {example.column})"
        columns += [Column(f"{where}, {part}", unit) for part in ("data", "fit", "data minus fit")]
    return Table(
        "fit_examples_curves", "The curves.", columns, np.column_stack(parts).tolist(), on_page=False
    )
