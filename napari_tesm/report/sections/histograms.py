"""Distributions of D1 and D2 over the same bins, their modes and their ratio, beside pure diffusion (Fig. 8)."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from napari_tesm.files.sentences import Sentence
from napari_tesm.findings.table import Column, Table
from napari_tesm.model_choice.histograms import RATIO, SCALES, HistogramComparison, histogram_comparison
from napari_tesm.model_choice.null_curve import SOURCES
from napari_tesm.plotting.histogram_comparison import fill_histogram_figure
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section
from napari_tesm.statistics.description import Scale

_WORDS: dict[Scale, str] = {"log": "logarithmic", "linear": "linear"}


def section_from_data(data: ReportData) -> Section | None:
    """Return the histograms of the main pulse, and the numbers of every pulse setting."""
    section = Section("histograms", "Histograms of D1 and D2")
    pairs = [
        (scan, histogram_comparison(scan.maps, scan.dataset, pulse=pulse))
        for scan, pulse in data.settings_of_series
        if scan.maps is not None and _has_values(scan, pulse)
    ]
    if not pairs:
        return section.lacking("No pixel was accepted: there is nothing to count.")
    scan, main = _shown(data, pairs)
    if main.quantity == "tau":
        section.missing.append(
            Sentence("No tip radius is known, so that tau takes the place of D ({tip_radius}).")
        )
    section.title = (
        f"Histograms of {' and '.join(window.name for window in main.windows.values())} {main.label}".rstrip()
    )
    section.paragraphs += main.sentences()
    section.figures += [_figure(scan, main, scale) for scale in SCALES]
    section.tables.append(_table_of_windows(pairs))
    if any(compared.ratio is not None for _, compared in pairs):
        section.tables.append(_table_of_ratios(pairs))
    section.numbers["settings"] = [
        {"scan": one_scan.name, **compared.to_dict()} for one_scan, compared in pairs
    ]
    section.warnings += [warning for one_scan, compared in pairs if (warning := _warning(one_scan, compared))]
    return section


def _has_values(scan: ReportScan, pulse: int) -> bool:
    names = ("D1", "D2", "D", "tau1", "tau2", "tau")
    maps = (scan.map(name, pulse) for name in names)
    return any(values is not None and bool(np.isfinite(values).any()) for values in maps)


def _shown(
    data: ReportData, pairs: list[tuple[ReportScan, HistogramComparison]]
) -> tuple[ReportScan, HistogramComparison]:
    """Return the comparison that is drawn: that of the main scan's main pulse, if it has values."""
    main = data.main
    label = main.labels[main.main_pulse]
    of_main = [pair for pair in pairs if pair[0] is main]
    return next((pair for pair in of_main if pair[1].label == label), (of_main or pairs)[0])


def _figure(scan: ReportScan, compared: HistogramComparison, scale: Scale) -> ReportFigure:
    def draw(figure: Figure) -> None:
        figure.set_layout_engine("constrained")
        fill_histogram_figure(figure, compared, scale=scale)

    names = " and ".join(f"{each.name} (n = {each.description.n})" for each in compared.windows.values())
    caption = (
        f"{scan.name} {compared.label}: {names} of all accepted pixels in the same "
        f"{compared.histograms[scale].rule}. Dashed: the mode of a density over a {_WORDS[scale]} scale; shaded: its "
        "95 % interval, neighbouring pixels counted as far as they are independent."
    )
    if compared.bands is not None:
        caption += (
            " Brackets: all that pure diffusion can show with this recipe at the noise of this measurement."
        )
    if compared.ratio is not None:
        caption += (
            f" Right: {compared.ratio_words} in the {compared.ratio.n} pixels accepted in both windows, with the "
            "median and its 95 % interval"
        )
        caption += "; grey: pure diffusion of such D." if compared.alike is not None else "."
    return ReportFigure(f"histograms_{scale}", caption, draw, (10.0, 4.4))


def _table_of_windows(pairs: list[tuple[ReportScan, HistogramComparison]]) -> Table:
    rows: list[list[Any]] = []
    for scan, comparison in pairs:
        for window in comparison.windows.values():
            sample = window.description
            row: list[Any] = [
                scan.name,
                comparison.label.strip("()"),
                window.name,
                sample.n,
                window.independent,
            ]
            row += [sample.q25, sample.median, sample.q75]
            for scale in SCALES:
                mode, ends = window.modes[scale], window.half_maxima[scale]
                row += [None] * 3 if mode is None else [mode.value, mode.low, mode.high]
                row.append(None if ends is None else ends[1] - ends[0])
            rows.append(row)
    unit = pairs[0][1].unit
    columns: list[Column | str] = ["scan", "pulse", "map", "pixels", "independent"]
    columns += [Column(title, unit) for title in ("quartile 1", "median", "quartile 3")]
    for scale in SCALES:
        short = "log" if scale == "log" else "lin"
        columns += [Column(f"{words} ({short})", unit) for words in ("mode", "from", "to", "FWHM")]
    return Table(
        "histograms_modes",
        "Modes of densities over a logarithmic and a linear scale with their 95 % intervals, and the full width at "
        "half maximum.",
        columns,
        rows,
    )


def _table_of_ratios(pairs: list[tuple[ReportScan, HistogramComparison]]) -> Table:
    rows: list[list[Any]] = []
    for scan, comparison in pairs:
        ratio = comparison.ratio
        if ratio is None:
            continue
        row: list[Any] = [scan.name, comparison.label.strip("()"), ratio.n, ratio.independent]
        row += [ratio.median, ratio.low, ratio.high, ratio.q25, ratio.q75, ratio.p_value]
        for name in SOURCES:
            band = None if comparison.alike is None else comparison.alike.ratios.get(name)
            row += [None, None] if band is None else list(band)
        rows.append(row)
    columns = [
        "scan",
        "pulse",
        "pixels",
        "independent",
        "median",
        "from",
        "to",
        "quartile 1",
        "quartile 3",
        "p",
    ]
    for words in SOURCES.values():
        columns += [f"{words}, from", f"{words}, to"]
    return Table(
        "histograms_ratio",
        f"{RATIO} pixel by pixel: median with its 95 % interval, quartiles, p of the signed-rank test against 1; at "
        "the right what pure diffusion of such D shows, with a flux and with a clamped tip.",
        columns,
        rows,
    )


def _warning(scan: ReportScan, compared: HistogramComparison) -> str:
    """Return what the ratio must not be taken for; empty where it lies outside of what diffusion shows."""
    if compared.ratio is None or compared.alike is None:
        return ""
    if (
        compared.alike.place(compared.ratio.low, compared.ratio.high) != "within"
        or compared.ratio.p_value >= 0.05
    ):
        return ""
    where = f"{scan.name} {compared.label}"
    return f"{where}: {RATIO} differs from 1, but no more than pure diffusion does. {compared.verdict()}"
