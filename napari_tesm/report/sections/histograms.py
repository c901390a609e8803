"""Distributions of D1 and D2 over the same bins, their modes and their ratio, beside pure diffusion (Fig. 8)."""

from typing import Any

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
    found = [
        (scan, histogram_comparison(scan.maps, scan.dataset, pulse=pulse))
        for scan, pulse in data.settings_of_series
        if scan.maps is not None and _has_values(scan, pulse)
    ]
    if not found:
        section.missing.append("No pixel was accepted: there is nothing to count.")
        return section
    shown = _shown(data, found)
    scan, main = shown
    if main.quantity == "tau":
        section.missing.append(
            Sentence("No tip radius is known, so that tau takes the place of D ({tip_radius}).")
        )
    section.title = (
        f"Histograms of {' and '.join(one.name for one in main.windows.values())} {main.label}".rstrip()
    )
    section.paragraphs += main.sentences()
    section.figures += [_figure(scan, main, scale) for scale in SCALES]
    section.tables.append(_table_of_windows(found))
    if any(one.ratio is not None for _, one in found):
        section.tables.append(_table_of_ratios(found))
    section.numbers["settings"] = [{"scan": one_scan.name, **one.to_dict()} for one_scan, one in found]
    section.warnings += [warning for one_scan, one in found if (warning := _warning(one_scan, one))]
    return section


def _has_values(scan: ReportScan, pulse: int) -> bool:
    names = [
        name
        for name in ("D1", "D2", "D", "tau1", "tau2", "tau")
        if scan.maps is not None and name in scan.maps
    ]
    return any(
        bool((values == values).any()) for name in names if (values := scan.map(name, pulse)) is not None
    )


def _shown(
    data: ReportData, found: list[tuple[ReportScan, HistogramComparison]]
) -> tuple[ReportScan, HistogramComparison]:
    """Return the comparison that is drawn: that of the main scan's main pulse, if it has values."""
    main = data.main
    label = main.labels[main.main_pulse]
    of_main = [one for one in found if one[0] is main]
    return next((one for one in of_main if one[1].label == label), (of_main or found)[0])


def _figure(scan: ReportScan, found: HistogramComparison, scale: Scale) -> ReportFigure:
    def draw(figure: Figure) -> None:
        figure.set_layout_engine("constrained")
        fill_histogram_figure(figure, found, scale=scale)

    names = " and ".join(f"{one.name} (n = {one.description.n})" for one in found.windows.values())
    caption = (
        f"{scan.name} {found.label}: {names} of all accepted pixels in the same "
        f"{found.histograms[scale].rule}. Dashed: the mode of a density over a {_WORDS[scale]} scale; shaded: its "
        "95 % interval, neighbouring pixels counted as far as they are independent."
    )
    if found.bands is not None:
        caption += (
            " Brackets: all that pure diffusion can show with this recipe at the noise of this measurement."
        )
    if found.ratio is not None:
        caption += (
            f" Right: {found.ratio_words} in the {found.ratio.n} pixels accepted in both windows, with the median and "
            "its 95 % interval"
        )
        caption += "; grey: pure diffusion of such D." if found.alike is not None else "."
    return ReportFigure(f"histograms_{scale}", caption, draw, (10.0, 4.4))


def _table_of_windows(found: list[tuple[ReportScan, HistogramComparison]]) -> Table:
    rows: list[list[Any]] = []
    for scan, comparison in found:
        for one in comparison.windows.values():
            row: list[Any] = [
                scan.name,
                comparison.label.strip("()"),
                one.name,
                one.description.n,
                one.independent,
            ]
            row += [one.description.q25, one.description.median, one.description.q75]
            for scale in SCALES:
                mode, ends = one.modes[scale], one.half_maxima[scale]
                row += [None] * 3 if mode is None else [mode.value, mode.low, mode.high]
                row.append(None if ends is None else ends[1] - ends[0])
            rows.append(row)
    unit = found[0][1].unit
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


def _table_of_ratios(found: list[tuple[ReportScan, HistogramComparison]]) -> Table:
    rows: list[list[Any]] = []
    for scan, comparison in found:
        one = comparison.ratio
        if one is None:
            continue
        row: list[Any] = [scan.name, comparison.label.strip("()"), one.n, one.independent]
        row += [one.median, one.low, one.high, one.q25, one.q75, one.p_value]
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


def _warning(scan: ReportScan, found: HistogramComparison) -> str:
    """Return what the ratio must not be taken for; empty where it lies outside of what diffusion shows."""
    if found.ratio is None or found.alike is None:
        return ""
    if found.alike.place(found.ratio.low, found.ratio.high) != "within" or found.ratio.p_value >= 0.05:
        return ""
    where = f"{scan.name} {found.label}"
    return f"{where}: {RATIO} differs from 1, but no more than pure diffusion does. {found.verdict()}"
