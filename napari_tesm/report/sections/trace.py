"""One pixel on one time axis: applied voltage, displacement for either polarity, the pulse, H (the paper's Fig. 1b)."""

import numpy as np
from matplotlib.figure import Figure

from napari_tesm.data.displacement import samples_for_displacement
from napari_tesm.data.protocol import Window
from napari_tesm.evaluation.levels import has_samples_before, height_from_traces
from napari_tesm.files.sentences import Sentence
from napari_tesm.plotting.pulse_response import Response, draw_pulse_responses
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section


def section_from_data(data: ReportData) -> Section | None:
    """Return the traces of one pixel, the first point, for both polarities where there are both."""
    section = Section("trace", "One pixel: applied voltage and displacement")
    scan = next((scan for scan in data.scans if scan.dataset is not None and scan.settings is not None), None)
    if scan is None or scan.dataset is None or scan.settings is None:
        return section.lacking(
            "There are no traces that could be shown: only maps or images are in the file."
        )
    edges = scan.pulse_edges
    if edges is None:
        return section.lacking(
            Sentence(
                "It is not known when the pulse was on: give {pulse_start} and {pulse_duration} to have H marked."
            )
        )
    pair = scan.polarity_pair
    pulses = [pair[1], pair[0]] if pair else [scan.main_pulse]
    if pair is None:
        section.missing.append(_sentence_about_other_polarity(scan))
    row, column, size = _place(scan)
    time, window = scan.time, Window(*edges)
    before, at_end = samples_for_displacement(time, window)
    fitted = not has_samples_before(time, window)
    traces = {index: scan.trace_at(index, row, column, size=size) for index in pulses}
    low_pass = scan.settings.protocol.low_pass
    sizes = {
        index: float(height_from_traces(trace, time, window, low_pass=low_pass))
        for index, trace in traces.items()
    }
    responses = [
        Response(
            scan.labels[index],
            float(scan.voltages[index]),
            trace,
            slice(before.start, before.start) if fitted else before,
            at_end,
            sizes[index],
        )
        for index, trace in traces.items()
    ]
    heights = {response.label: response.height for response in responses}
    protocol = scan.settings.protocol

    def draw(figure: Figure) -> None:
        draw_pulse_responses(
            figure, time, edges, responses, unit=scan.unit, ac_amplitude=protocol.ac_amplitude,
            ac_frequency=protocol.ac_frequency,
        )  # fmt: skip

    mean = "" if size == 1 else f", mean of {size} × {size} pixels"
    told = "; ".join(
        f"H {label} = {text_from_quantity(value, scan.unit, digits=3)}".replace("  ", " ")
        for label, value in heights.items()
    )
    n_end = at_end.stop - at_end.start
    n_before = 0 if fitted else before.stop - before.start
    level = (
        "the level that the pulse starts from, of a fit as the file begins with the pulse"
        if fitted
        else f"that of {n_before} {'sample' if n_before == 1 else 'samples'} before it"
    )
    section.figures.append(
        ReportFigure(
            "trace",
            f"{scan.name}, pixel (row {row}, column {column}){mean}. Top: applied voltage, size of the dc "
            "pulse with the ac drive as a band. Below: displacement; the pulse "
            f"({text_from_quantity(edges[1] - edges[0], 's', digits=3)}) is shaded. H is the mean of the last "
            f"{n_end} samples of the pulse less {level} (red): {told}.",
            draw,
            (8.0, 2.0 + 2.3 * len(responses)),
        )
    )
    section.numbers |= {
        "scan": scan.name, "row": row, "column": column, "size": size, "samples_before": n_before,
        "samples_at_end": n_end, "H": heights,
    }  # fmt: skip
    return section


def _place(scan: ReportScan) -> tuple[int, int, int]:
    """Return row, column and size of the first point; without points the middle of the image."""
    if scan.points:
        first = scan.points[0]
        return *scan.pixel_at(first.x, first.y), first.size
    return scan.y.size // 2, scan.x.size // 2, 1


def _sentence_about_other_polarity(scan: ReportScan) -> str:
    voltages = [text_from_quantity(float(volts), "V") for volts in scan.voltages if np.isfinite(volts)]
    if not voltages:
        return Sentence(
            "The voltage of the pulses is not known ({voltage}), so that the two polarities cannot be told apart."
        )
    return (
        f"{scan.name} holds pulses of {', '.join(dict.fromkeys(voltages))}: no positive and negative pulse of one "
        "size can be shown side by side."
    )
