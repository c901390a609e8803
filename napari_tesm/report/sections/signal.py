"""The lock-in's signals: how much of the response is in X, which is evaluated (Fig. S4)."""

from dataclasses import asdict
from typing import Final

import numpy as np

from napari_tesm.data.phase import ATTRIBUTE, has_quadrature
from napari_tesm.findings.signal_check import CLEAR, SignalCheck, check_signals, traces_of_signals
from napari_tesm.findings.table import Column, Table
from napari_tesm.plotting.signals import draw_signal_maps, draw_signals
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section

_MOST_PLACES: Final = 3


def section_from_data(data: ReportData) -> Section | None:
    """Return X beside R for the first scan that has both parts of the lock-in's output."""
    section = Section("signal", "Signal check: X, Y, R and phase")
    scan = next((one for one in data.scans if one.dataset is not None and has_quadrature(one.dataset)), None)
    if scan is None or scan.dataset is None:
        section.missing.append(
            "No file holds lock-in Y, or amplitude and phase: whether X is nearly the whole signal cannot be told. "
            "Record or export Y, too."
        )
        return section
    settings = scan.settings
    if settings is None or settings.pulse is None or settings.pulse.stop is None:
        section.missing.append(
            "It is not known when the pulse was on: the response in X and Y cannot be measured."
        )
        return section
    found = check_signals(scan.dataset, settings.pulse)
    turned = scan.dataset.attrs.get(ATTRIBUTE)
    if turned is not None:
        section.paragraphs.append(
            f"X and Y are turned by {turned:g}°, as the recipe says; all below is after that."
        )
    if found.rotation is not None:
        section.paragraphs.append(_sentence(scan, found))
    section.warnings += found.warnings
    section.tables.append(_table(found))
    edges = (settings.pulse.start, settings.pulse.stop)
    section.figures += [_figure_of_traces(scan, found, edges), _figure_of_maps(scan, found)]
    section.numbers |= {
        "scan": scan.name,
        "turned_by": turned,
        "rotation": found.rotation,
        "in_x": found.in_x,
        "in_x_turned": found.in_x_turned,
        "noise": {"X": found.noise[0], "Y": found.noise[1]},
        "pulses": [asdict(one) for one in found.pulses],
    }
    return section


def _sentence(scan: ReportScan, found: SignalCheck) -> str:
    known = [one for one in found.pulses if one.pixels]
    text = (
        f"{scan.name}: X holds {100 * found.in_x:.1f} % of the energy of the response; the response lies at "
        f"{found.rotation:.1f}° to X, and turned by that X would hold {100 * found.in_x_turned:.1f} %."
    )
    for one in known:
        if one.samples:
            text += (
                f" {one.label}: over {one.samples} samples of {one.pixels} responding pixels with R above {CLEAR:g} "
                f"times the noise, |X| and R correlate with r = {one.correlation:.3f}, slope {one.slope:.3f}, mean "
                f"||X| − R|/R = {100 * one.difference:.1f} %."
            )
    return text


def _table(found: SignalCheck) -> Table:
    return Table(
        "signal",
        f"X beside R: samples of responding pixels with R above {CLEAR:g} times the noise, what the noise of Y adds to "
        "R taken off; energy and phase are those of H, the spread is beyond what noise makes.",
        [
            "pulse", "responding pixels", "samples", Column("correlation of |X| and R", digits=4),
            Column("slope", digits=4), "mean ||X| − R|/R", Column("energy in X", digits=4),
            Column("phase of the response", "deg"), Column("spread of the phase", "deg"),
        ],
        [
            [
                one.label.strip("()"), one.pixels, one.samples, one.correlation, one.slope, one.difference, one.in_x,
                one.axis, one.spread,
            ]
            for one in found.pulses
        ],
    )  # fmt: skip


def _figure_of_traces(scan: ReportScan, found: SignalCheck, pulse: tuple[float, float]) -> ReportFigure:
    assert scan.dataset is not None
    setting = scan.main_pulse
    pixels = [scan.pixel_at(point.x, point.y) for point in scan.points[:_MOST_PLACES]]
    titles = [f"point {point.number}" for point in scan.points[:_MOST_PLACES]]
    if not pixels:
        strongest = int(
            np.nanargmax(np.where(found.height.responding()[setting], found.height.size[setting], -1.0))
        )
        row, column = np.unravel_index(strongest, found.height.size[setting].shape)
        pixels, titles = [(int(row), int(column))], ["strongest response"]
    places = {
        f"{title} (row {row}, column {column})": traces_of_signals(
            scan.dataset, setting, row, column, noise_of_y=found.noise[1]
        )
        for title, (row, column) in zip(titles, pixels, strict=True)
    }
    time = np.asarray(scan.dataset["time"].values, dtype=np.float64)
    clear = 3 * float(np.hypot(*found.noise)) if np.isfinite(found.noise).all() else 0.0

    return ReportFigure(
        "signal_traces",
        f"{scan.name} {scan.labels[setting]}: X, Y and R of single pixels (R without what the noise of Y adds to it), "
        "and the phase of the samples with R above three times the noise. The pulse is shaded.",
        lambda figure: draw_signals(figure, time, places, unit=scan.unit, clear=clear, pulse=pulse),
        (3.6 * len(places) + 1.0, 4.2),
    )


def _figure_of_maps(scan: ReportScan, found: SignalCheck) -> ReportFigure:
    assert scan.dataset is not None
    setting = scan.main_pulse
    like = scan.dataset["displacement"].isel(pulse=setting, time=0, drop=True)
    like = like.copy(data=np.zeros(like.shape))

    n = int(found.height.responding()[setting].sum())
    return ReportFigure(
        "signal_maps",
        f"{scan.name} {scan.labels[setting]}: H of X, H of R (the size of the response in X and Y), its phase in the "
        f"{n} pixels that respond clearly, and one against the other with the line of equality.",
        lambda figure: draw_signal_maps(figure, like, found.height, setting, label=scan.labels[setting]),
        (14.0, 3.2),
    )
