"""The lock-in's signals: how much of the response is in X, which is evaluated (Fig. S4)."""

from dataclasses import asdict
from typing import Final

import numpy as np

from napari_tesm.data.phase import ATTRIBUTE, has_quadrature
from napari_tesm.data.protocol import Window
from napari_tesm.findings.signal_check import CLEAR, SignalCheck, check_signals, traces_of_signals
from napari_tesm.findings.table import Column, Table
from napari_tesm.plotting.signals import draw_signal_maps, draw_signals
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section

_MOST_PLACES: Final = 3


def section_from_data(data: ReportData) -> Section | None:
    """Return X beside R for the first scan that has both parts of the lock-in's output."""
    section = Section("signal", "Signal check: X, Y, R and phase")
    scan = next(
        (scan for scan in data.scans if scan.dataset is not None and has_quadrature(scan.dataset)), None
    )
    if scan is None or scan.dataset is None:
        return section.lacking(
            "No file holds lock-in Y, or amplitude and phase: whether X is nearly the whole signal cannot be told. "
            "Record or export Y, too."
        )
    edges = scan.pulse_edges
    if edges is None:
        return section.lacking(
            "It is not known when the pulse was on: the response in X and Y cannot be measured."
        )
    check = check_signals(scan.dataset, Window(*edges))
    turned = scan.dataset.attrs.get(ATTRIBUTE)
    if turned is not None:
        section.paragraphs.append(
            f"X and Y are turned by {turned:g}°, as the recipe says; all below is after that."
        )
    if check.rotation is not None:
        section.paragraphs.append(_sentence(scan, check))
    section.warnings += check.warnings
    section.tables.append(_table(check))
    section.figures += [_figure_of_traces(scan, check, edges), _figure_of_maps(scan, check)]
    section.numbers |= {
        "scan": scan.name,
        "turned_by": turned,
        "rotation": check.rotation,
        "in_x": check.in_x,
        "in_x_turned": check.in_x_turned,
        "noise": {"X": check.noise[0], "Y": check.noise[1]},
        "pulses": [asdict(pulse) for pulse in check.pulses],
    }
    return section


def _sentence(scan: ReportScan, check: SignalCheck) -> str:
    text = (
        f"{scan.name}: X holds {100 * check.in_x:.1f} % of the energy of the response; the response lies at "
        f"{check.rotation:.1f}° to X, and turned by that X would hold {100 * check.in_x_turned:.1f} %."
    )
    for pulse in check.pulses:
        if pulse.samples:
            text += (
                f" {pulse.label}: over {pulse.samples} samples of {pulse.pixels} responding pixels with R above "
                f"{CLEAR:g} times the noise, |X| and R correlate with r = {pulse.correlation:.3f}, slope "
                f"{pulse.slope:.3f}, mean ||X| − R|/R = {100 * pulse.difference:.1f} %."
            )
    return text


def _table(check: SignalCheck) -> Table:
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
                pulse.label.strip("()"), pulse.pixels, pulse.samples, pulse.correlation, pulse.slope, pulse.difference,
                pulse.in_x, pulse.axis, pulse.spread,
            ]
            for pulse in check.pulses
        ],
    )  # fmt: skip


def _figure_of_traces(scan: ReportScan, check: SignalCheck, pulse: tuple[float, float]) -> ReportFigure:
    assert scan.dataset is not None
    setting = scan.main_pulse
    pixels = [scan.pixel_at(point.x, point.y) for point in scan.points[:_MOST_PLACES]]
    titles = [f"point {point.number}" for point in scan.points[:_MOST_PLACES]]
    if not pixels:
        strongest = int(
            np.nanargmax(np.where(check.height.responding()[setting], check.height.size[setting], -1.0))
        )
        row, column = np.unravel_index(strongest, check.height.size[setting].shape)
        pixels, titles = [(int(row), int(column))], ["strongest response"]
    places = {
        f"{title} (row {row}, column {column})": traces_of_signals(
            scan.dataset, setting, row, column, noise_of_y=check.noise[1]
        )
        for title, (row, column) in zip(titles, pixels, strict=True)
    }
    time = scan.time
    clear = 3 * float(np.hypot(*check.noise)) if np.isfinite(check.noise).all() else 0.0

    return ReportFigure(
        "signal_traces",
        f"{scan.name} {scan.labels[setting]}: X, Y and R of single pixels (R without what the noise of Y adds to it), "
        "and the phase of the samples with R above three times the noise. The pulse is shaded.",
        lambda figure: draw_signals(figure, time, places, unit=scan.unit, clear=clear, pulse=pulse),
        (3.6 * len(places) + 1.0, 4.2),
    )


def _figure_of_maps(scan: ReportScan, check: SignalCheck) -> ReportFigure:
    assert scan.dataset is not None
    setting = scan.main_pulse
    like = scan.dataset["displacement"].isel(pulse=setting, time=0, drop=True)
    like = like.copy(data=np.zeros(like.shape))

    n = int(check.height.responding()[setting].sum())
    return ReportFigure(
        "signal_maps",
        f"{scan.name} {scan.labels[setting]}: H of X, H of R (the size of the response in X and Y), its phase in the "
        f"{n} pixels that respond clearly, and one against the other with the line of equality.",
        lambda figure: draw_signal_maps(figure, like, check.height, setting, label=scan.labels[setting]),
        (14.0, 3.2),
    )
