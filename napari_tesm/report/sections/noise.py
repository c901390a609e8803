"""What the noise is made of, as how many independent samples a window counts, and what was fitted beside the curve."""

from typing import Any, Final

from napari_tesm.data.maps import words_of_fit
from napari_tesm.evaluation.instrument import sample_of_traces
from napari_tesm.evaluation.leftovers import leftovers_of_fits
from napari_tesm.findings.instrument import (
    KINDS_IN_WORDS,
    few_samples_in_words,
    instrument_summary,
    noise_in_words,
    nuisances_in_words,
)
from napari_tesm.findings.table import Column, Table
from napari_tesm.noise.autocorrelation import Autocorrelation, autocorrelation_from_residuals
from napari_tesm.plotting.noise import draw_autocorrelation
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section

_TRACES: Final = 512
_MOST_SAMPLES: Final = 2000
"""Of a window whose autocorrelation is drawn: every pair of samples has a number."""


def section_from_data(data: ReportData) -> Section | None:
    """Return the parts of the noise of every pulse setting, and the nuisances; None where no maps say them."""
    section = Section("noise", "What the noise is made of")
    entries: list[dict[str, Any]] = []
    for scan in data.scans:
        summary = None if scan.maps is None else instrument_summary(scan.maps)
        if summary is None:
            continue
        for entry, label in zip(summary["noise"], scan.labels, strict=True):
            where = f"{scan.name} {label}".rstrip()
            section.paragraphs.append(f"{where}: {noise_in_words(entry)}.")
            if few := few_samples_in_words(entry):
                section.warnings.append(f"{where}: {few}.")
        section.paragraphs += [f"{scan.name}: {sentence}" for sentence in nuisances_in_words(summary)]
        entries.append({"scan": scan.name, "pulses": scan.labels, **summary})
    if not entries:
        return None
    section.tables.append(_table_of_parts(entries))
    if any(entry["nuisances"] for entry in entries):
        section.tables.append(_table_of_nuisances(entries))
    section.numbers["scans"] = entries
    figure = _figure(data.main)
    if figure is not None:
        section.figures.append(figure)
    return section


def _table_of_parts(entries: list[dict[str, Any]]) -> Table:
    noises = [noise for entry in entries for noise in entry["noise"]]
    kinds = [kind for kind in KINDS_IN_WORDS if any(kind in noise["shares"] for noise in noises)]
    windows = list(dict.fromkeys(number for noise in noises for number in noise["windows"]))
    columns: list[Column | str] = ["scan", "pulse", "traces measured"]
    columns += [Column(f"{KINDS_IN_WORDS[kind]} (%)", key=kind) for kind in kinds]
    for number in windows:
        where = words_of_fit(int(number))
        columns += [f"samples, {where}", f"count as, {where}"]
    rows: list[list[Any]] = []
    for entry in entries:
        for noise, label in zip(entry["noise"], entry["pulses"], strict=True):
            counted = [noise["windows"].get(number, [None, None]) for number in windows]
            rows.append(
                [
                    entry["scan"], label.strip("()"), noise["traces"],
                    *(100 * noise["shares"].get(kind, 0.0) for kind in kinds),
                    *(number for pair in counted for number in pair),
                ]
            )  # fmt: skip
    return Table(
        "noise_parts",
        "Parts of the variance of the noise, from what the fits leave over; for each window its samples, and as many "
        "independent ones as would give the same standard error of tau (median over the fitted pixels).",
        columns,
        rows,
    )


def _table_of_nuisances(entries: list[dict[str, Any]]) -> Table:
    rows = [
        [
            entry["scan"], test["text"].replace(":", " "), test["text"] in entry["fitted"].split(","),
            test.get("unclear", False), test["significance"], 100 * test["size"], test["bias"],
        ]
        for entry in entries
        for test in entry["nuisances"]
    ]  # fmt: skip
    return Table(
        "noise_nuisances",
        "What was tried beside the curve: whether it is fitted, or left out as a wrong kernel looks like this, too "
        "(unclear); how clearly it shows in the map as a whole, in standard deviations; its root "
        "mean square in % of the height of the curve; by how many standard errors ln tau moves where it is left out.",
        [
            "scan", "nuisance", "fitted", "unclear", Column("significance", digits=2),
            Column("size (%)", digits=2, key="size"), Column("bias", digits=2),
        ],
        rows,
    )  # fmt: skip


def _figure(scan: ReportScan) -> ReportFigure | None:
    """Return the autocorrelation of the noise in each window of the main pulse; None where there are no traces."""
    pulse = scan.main_pulse
    drawn = _autocorrelations(scan, pulse)
    if not drawn:
        return None

    def draw(*axes: Any) -> None:
        for axis, (number, noise) in zip(axes, drawn.items(), strict=True):
            draw_autocorrelation(axis, noise, words_of_fit(number))

    return ReportFigure(
        "noise_autocorrelation",
        f"{scan.name} {scan.labels[pulse]}: correlation of two samples of what the fits of up to {_TRACES} pixels "
        "leave over, and that of the noise it was taken for. A fit takes part of the noise out, which pushes both "
        "below zero at long times.",
        draw,
        (4.2 * len(drawn) + 0.6, 3.0),
        len(drawn),
    )


def _autocorrelations(scan: ReportScan, pulse: int) -> dict[int, Autocorrelation]:
    instrument = scan.instrument
    if instrument is None or not instrument.noises[pulse].traces:
        return {}
    evaluation, model = instrument.evaluation, instrument.noises[pulse]
    left = leftovers_of_fits(sample_of_traces(evaluation, pulse, most=_TRACES), evaluation)
    drawn = {}
    for window in left.windows:
        if window.times.size > _MOST_SAMPLES:
            continue
        noise = autocorrelation_from_residuals(window.judged_in(model), model)
        if noise is not None:
            drawn[window.number] = noise
    return drawn
