"""Controls: that nothing responds, with the level, or how much weaker something does (Figs. 2, 3, S2 and S3)."""

from dataclasses import asdict
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes

from napari_tesm.data.maps import FITS, JOINT, map_name, map_of, words_of_fit
from napari_tesm.evaluation.window_noise import WindowNoise
from napari_tesm.files.sentences import Sentence
from napari_tesm.findings.comparison import comparison_entry
from napari_tesm.findings.controls import (
    WeakResponse,
    compare_with_control,
    response_of_control,
    sentence_from_comparison,
    sentences_from_control,
)
from napari_tesm.findings.detectability import (
    POWER,
    detectable_displacement,
    noise_of_displacement,
    noise_of_samples,
)
from napari_tesm.findings.table import Column, Table
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.plotting.maps import draw_height, draw_surface
from napari_tesm.plotting.positions import PositionCurve, common_limits, draw_positions
from napari_tesm.plotting.theme import colour_of_point
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section

_MOST_CURVES: Final = 6


def section_from_data(data: ReportData) -> Section | None:
    """Return what the controls say, beside the scans they are controls of."""
    section = Section("controls", "Controls")
    if not data.controls:
        return section.lacking(
            Sentence(
                "No control is given: a scan of a sample that should not respond ({controls:FILE}) shows what noise "
                "alone comes to."
            )
        )
    main = data.main
    entries: list[dict[str, Any]] = []
    for number, scan in enumerate(data.controls, start=1):
        if scan.maps is None or "H" not in scan.maps:
            section.missing.append(f"The control {scan.name} could not be evaluated: {_reason(scan)}.")
            continue
        for pulse in range(scan.pulses):
            entries.append(_entry(scan, pulse, main, section))
        if scan.dataset is not None:
            section.figures.append(_figure(number, scan, main))
    if entries:
        section.tables.append(_table(entries, data.controls[0].unit))
    section.numbers["controls"] = entries
    section.numbers["against"] = main.name
    return section


def _reason(scan: ReportScan) -> str:
    return scan.notes[-1].rstrip(".") if scan.notes else "it holds no displacement"


def _entry(scan: ReportScan, pulse: int, main: ReportScan, section: Section) -> dict[str, Any]:
    """Return the numbers of one pulse setting; its sentences go into the section."""
    assert scan.maps is not None
    label = scan.labels[pulse]
    height = scan.map("H", pulse)
    assert height is not None
    entry: dict[str, Any] = {"control": scan.name, "pulse": label}
    if not np.isfinite(height).any():
        section.missing.append(f"{scan.name} {label}: no pixel has an H.".replace(" :", ":"))
        return entry
    status = {
        number: np.asarray(scan.maps[map_name("status", number)].isel(pulse=pulse).transpose("y", "x").values)
        for number in FITS
        if map_name("status", number) in scan.maps
    }
    response = response_of_control(height, status, response_level=scan.recipe.response_level)
    sentences = sentences_from_control(response, unit=scan.unit, label=label)
    noise = _noise(scan, pulse)
    detectable = _detectable(scan, pulse, noise)
    if np.isfinite(detectable):
        sentences.append(
            f"At this noise an H of {text_from_quantity(detectable, scan.unit, digits=2)} would show as a response in "
            f"{100 * POWER:.0f} % of the pixels, whatever its relaxation time between a tenth and all of the window."
        )
    ratio = _comparison(scan, pulse, main, noise)
    if ratio is not None:
        sentences.append(sentence_from_comparison(ratio, names=(main.name, scan.name)))
    section.paragraphs.append(f"{scan.name}: {' '.join(sentences)}")
    if response.verdict == "shift":
        section.warnings.append(
            f"{scan.name} {label}: no pixel responds by itself, but the mean H is not zero. Something moves all of "
            "the surface alike, which is no property of a place: an offset, drift, or the electrostatic force."
        )
    entry |= {
        "verdict": response.verdict,
        "pixels": response.pixels,
        "hot": response.hot,
        "H_mean": response.mean,
        "H_interval": [response.low, response.high],
        "independent": response.independent,
        "accepted": {words_of_fit(share.fit): asdict(share) for share in response.shares},
        "detectable_H": detectable,
        "ratio": None
        if ratio is None
        else comparison_entry(ratio.ratio, (main.name, scan.name)) | {"at_least": ratio.at_least},
    }
    return entry


def _noise(scan: ReportScan, pulse: int) -> float:
    """Return the noise of a sample, of a few thousand pixels; NaN where it is not known when the pulse was on."""
    if scan.dataset is None or scan.settings is None or scan.settings.pulse is None:
        return float("nan")
    step = max(1, int(np.ceil(scan.dataset.sizes["y"] * scan.dataset.sizes["x"] / 4096)))
    block = scan.dataset["displacement"].isel(pulse=pulse, y=slice(None, None, step))
    return noise_of_samples(
        np.asarray(block.values, dtype=np.float64), scan.time, scan.settings.pulse, _model(scan, pulse)
    )


def _model(scan: ReportScan, pulse: int) -> NoiseModel | None:
    """Return the noise of a pulse setting as it was measured; None where it is taken for white."""
    model = None if scan.instrument is None else scan.instrument.noises[pulse]
    return None if model is None or model.is_white else model


def _in_window(scan: ReportScan, pulse: int, number: int) -> WindowNoise | None:
    model = _model(scan, pulse)
    if scan.instrument is None or model is None:
        return None
    return WindowNoise.of(model, scan.instrument.evaluation, number)


def _detectable(scan: ReportScan, pulse: int, noise: float) -> float:
    """Return the H that would be seen in nine of ten pixels in the window where it is easier to see; NaN if unknown."""
    settings, time = scan.settings, scan.time
    if settings is None or scan.pulse_edges is None or not np.isfinite(noise):
        return float("nan")
    detectable = []
    for number, window in settings.windows.items():
        if number == JOINT:
            continue
        stop = time[-1] if window.stop is None else window.stop
        taus = (stop - window.start) * np.geomspace(0.1, 1.0, 7)
        try:
            heights = detectable_displacement(
                noise,
                time,
                window,
                taus,
                rising=number == 1,
                response_level=scan.recipe.response_level,
                measured=_in_window(scan, pulse, number),
            )
        except ValueError:
            continue
        detectable.append(float(heights.max()))
    return min(detectable, default=float("nan"))


def _comparison(scan: ReportScan, pulse: int, main: ReportScan, noise: float) -> WeakResponse | None:
    """Return the ratio of the main scan's |H| to a control's at the same voltage; None where there is no such pulse."""
    settings, control = scan.settings, scan.map("H", pulse)
    if settings is None or settings.pulse is None or control is None or scan.unit != main.unit:
        return None
    same = [n for n, volts in enumerate(main.voltages) if np.isclose(volts, scan.voltages[pulse], rtol=1e-3)]
    measured = main.map("H", same[0]) if same else None
    if measured is None:
        return None
    try:
        return compare_with_control(
            measured,
            control,
            noise=noise_of_displacement(
                noise, scan.time, settings.pulse, _model(scan, pulse), low_pass=settings.kernel.low_pass
            ),
        )
    except ValueError:
        return None


def _figure(number: int, scan: ReportScan, main: ReportScan) -> ReportFigure:
    """Return surface, H and curves at several positions of a control, on the scale of the main scan's curves."""
    assert scan.maps is not None
    assert scan.dataset is not None
    pulse = scan.main_pulse
    height = map_of(scan.maps, "H", pulse)
    surface = scan.surface("deflection_error")
    points = scan.points[:_MOST_CURVES]
    time = scan.time
    curves = [
        PositionCurve(
            f"{point.number}", point.colour or colour_of_point(point.number),
            scan.trace_at(pulse, *scan.pixel_at(point.x, point.y)),
        )
        for point in points
    ]  # fmt: skip
    edges = scan.pulse_edges
    own = common_limits([curve.values for curve in curves])
    of_main = _limits_of(main) if main.unit == scan.unit else None
    both = None if own is None or of_main is None else (min(own[0], of_main[0]), max(own[1], of_main[1]))

    def draw(*axes: Axes) -> None:
        if surface is not None:
            draw_surface(axes[0], surface, "deflection error")
        draw_height(axes[-3], height, scan.labels[pulse], points)
        draw_positions(axes[-2], time, curves, unit=scan.unit, pulse=edges, title="own scale")
        title = f"scale of {main.name}" if both is not None else "own scale"
        draw_positions(axes[-1], time, curves, unit=scan.unit, pulse=edges, limits=both, title=title)

    name = "controls" if number == 1 else f"controls_{number}"
    return ReportFigure(
        name,
        f"{scan.name} {scan.labels[pulse]}: {'deflection error, ' if surface is not None else ''}H, and the "
        f"displacement of {len(curves)} single pixels against time, in the colours of their points; the pulse is "
        "shaded.",
        draw,
        (13.0 if surface is not None else 10.0, 3.2),
        4 if surface is not None else 3,
    )


def _limits_of(scan: ReportScan) -> tuple[float, float] | None:
    if scan.dataset is None or not scan.points:
        return None
    return common_limits(
        [
            scan.trace_at(scan.main_pulse, *scan.pixel_at(point.x, point.y))
            for point in scan.points[:_MOST_CURVES]
        ]
    )


def _table(entries: list[dict[str, Any]], unit: str) -> Table:
    fits = list(dict.fromkeys(fit for entry in entries for fit in entry.get("accepted", {})))
    columns: list[Column | str] = ["control", "pulse", "pixels", "verdict"]
    columns += [Column(title, unit) for title in ("H, mean", "from", "to")]
    for fit in fits:
        columns += [f"accepted, {fit}", f"share at most, {fit}"]
    columns += [Column("detectable H", unit), "ratio", "ratio from", "ratio to"]
    rows: list[list[Any]] = []
    for entry in entries:
        shares = [entry.get("accepted", {}).get(fit, {}) for fit in fits]
        ratio = entry.get("ratio") or {}
        rows.append(
            [
                entry["control"], entry["pulse"].strip("()"), entry.get("pixels"), entry.get("verdict"),
                entry.get("H_mean"), *entry.get("H_interval", [None, None]),
                *(cell for share in shares for cell in (share.get("accepted"), share.get("high"))),
                entry.get("detectable_H"), ratio.get("ratio"), *(ratio.get("ratio_ci") or [None, None]),
            ]
        )  # fmt: skip
    return Table(
        "controls",
        "Controls: mean H with its 95 % interval, which counts independent pixels; accepted pixels with the upper 95 % "
        "limit of their share; the H that 90 % of the pixels would show; median |H| of the scan over that of the "
        "control, with its 95 % interval.",
        columns,
        rows,
    )
