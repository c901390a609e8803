"""Grains and their boundaries: what H, tau and D come to at boundaries, in interiors, and on the way between."""

from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from napari_tesm.data.maps import values_of
from napari_tesm.findings.comparison import comparison_entry
from napari_tesm.findings.table import Table
from napari_tesm.grains import (
    Boundaries,
    DistanceBins,
    GrainMeasure,
    Grains,
    grains_from_image,
    measures_at_boundaries,
    table_of_grains,
)
from napari_tesm.grains.measures import curves_of_measures, default_bin_width, shares_of_classes
from napari_tesm.plotting.grains import draw_against_distance, draw_classes, draw_grains
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section
from napari_tesm.scan.tables import (
    table_of_classes,
    table_of_distances,
    table_of_grain_rows,
    table_of_grain_values,
)

_DRAWN: Final = ("D2", "D1", "D", "H")
_IN_TABLE: Final = ("H", "D1", "D2", "D", "D_lateral")
_MOST_BOUNDARY: Final = 0.75
"""Where more of the image than this is boundary, roughness was cut up, not grains."""


def section_from_data(data: ReportData) -> Section | None:
    """Return the statistics of grain boundaries of the first scan; None where there is no image to find grains in."""
    scan = data.main
    if scan.is_empty:
        return None
    section = Section("grains", "Grains and their boundaries")
    segmented = _grains(scan, section)
    if segmented is None:
        return section if section.missing else None
    grains, image_title = segmented
    section.paragraphs.append(" ".join(grains.words))
    boundaries, why = scan.boundaries_of(grains, scan.band_width)
    why = why or "as it was saved with the grains"
    shares = shares_of_classes(boundaries)
    parts = ", ".join(f"{name} {100 * part:.1f} %" for name, part in shares.items() if part)
    section.paragraphs.append(
        f"Band at boundaries: {_length(boundaries.width, scan)} wide ({why}). Of the image: {parts}."
    )
    section.numbers |= {
        "count": grains.count,
        "parameters": dict(grains.parameters),
        "boundary_width": boundaries.width,
        "boundary_length": boundaries.length,
        "shares": shares,
    }
    if grains.count < 2:
        return section.lacking(
            f"{scan.name}: no grain boundary stands out. Segment grains in napari's Grains tab, or give labels to "
            "'tesm grains'."
        )
    if scan.grains is None and shares.get("boundary", 0.0) > _MOST_BOUNDARY:
        return section.lacking(
            f"{scan.name}: what was found in {image_title} is hardly larger than the band at its boundaries, which "
            f"covers {100 * shares['boundary']:.0f} % of the image: these are no grains to compare with their "
            "boundaries. Segment them in napari's Grains tab, or give labels to 'tesm grains'."
        )
    if scan.grains is None:
        section.warnings.append(
            "The grains were found automatically: look at their outlines before you use the numbers."
        )
    if scan.maps is None:
        return section.lacking(f"{scan.name}: there are no maps to measure at grain boundaries.")
    measures = measures_at_boundaries(scan.maps, boundaries)
    curves = curves_of_measures(measures, scan.maps, boundaries, bin_width=default_bin_width(scan.spacing))
    section.paragraphs += [
        measure.verdict
        for measure in measures
        if measure.pulse == scan.main_pulse and measure.quantity in _DRAWN
    ]
    section.figures.append(_figure(scan, grains, boundaries, image_title, measures, curves))
    section.tables += [
        _table_of_classes(measures),
        _table_of_grains(scan, grains, boundaries),
        _course(measures, curves),
    ]
    section.numbers["measures"] = [_numbers(measure) for measure in measures]
    return section


def _grains(scan: ReportScan, section: Section) -> tuple[Grains, str] | None:
    """Return the grains of the file, or those found in topography, else in the deflection error; and the image."""
    surfaces = {
        name: image for name, image in scan.surfaces().items() if image.shape == (scan.y.size, scan.x.size)
    }
    name = next(iter(surfaces), "")
    if scan.grains is not None and scan.grains.labels.shape == (scan.y.size, scan.x.size):
        return scan.grains, name
    if not surfaces:
        return None
    image = surfaces[name]
    title = str(image.attrs.get("long_name", name))
    try:
        grains = grains_from_image(
            np.asarray(image.values, dtype=np.float64), scan.spacing, source=title,
            unit=str(image.attrs.get("units", "")), lateral_unit=scan.lateral_unit,
        )  # fmt: skip
    except ValueError as error:
        section.missing.append(f"{scan.name}: grains cannot be found in {title}: {error}.")
        return None
    return grains, name


def _figure(
    scan: ReportScan,
    grains: Grains,
    boundaries: Boundaries,
    image_title: str,
    measures: list[GrainMeasure],
    curves: list[DistanceBins],
) -> ReportFigure:
    of_pulse = {
        measure.quantity: (measure, curve)
        for measure, curve in zip(measures, curves, strict=True)
        if measure.pulse == scan.main_pulse
    }
    measure, curve = next(of_pulse[name] for name in (*_DRAWN, *of_pulse) if name in of_pulse)
    assert scan.maps is not None
    values = values_of(scan.maps, measure.quantity, scan.main_pulse)
    image = scan.surfaces().get(image_title)
    background = values if image is None else np.asarray(image.values, dtype=np.float64)
    title = measure.quantity if image is None else str(image.attrs.get("long_name", image_title))
    unit = measure.unit if image is None else str(image.attrs.get("units", ""))

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("constrained")
        axes = figure.subplots(1, 3)
        draw_grains(
            axes[0],
            background,
            grains,
            title=title,
            unit=unit,
            lateral_unit=scan.lateral_unit,
            origin=(scan.y[0] - grains.spacing[0] / 2, scan.x[0] - grains.spacing[1] / 2),
            boundaries=boundaries,
        )
        draw_classes(
            axes[1], values, boundaries, name=measure.quantity, unit=measure.unit, log=measure.logarithmic
        )
        draw_against_distance(
            axes[2], {measure.quantity: curve}, name=measure.quantity, unit=measure.unit, log=measure.logarithmic,
            lateral_unit=scan.lateral_unit, width=boundaries.width,
        )  # fmt: skip

    inside, at = (measure.values[name].n for name in ("interior", "boundary"))
    caption = (
        f"Left: outlines of {grains.count} grains and the band at their boundaries over {title.lower()}. Middle: "
        f"{measure.title} in interiors (n = {inside}) and at boundaries (n = {at}); "
        "bars are quartiles, points medians. Right: median against the distance from the nearest boundary with its "
        f"95 % interval, in bins of {_length(curve.bin_width, scan)}."
    )
    return ReportFigure("grains", caption, draw, (10.0, 3.4))


def _length(value: float, scan: ReportScan) -> str:
    return text_from_quantity(value, scan.lateral_unit, digits=3) if scan.lateral_unit else f"{value:.3g}"


def _table_of_classes(measures: list[GrainMeasure]) -> Table:
    table = table_of_classes(measures)
    keys = ("title", "unit", "class", "n", "pixels", "median", "q25", "q75", "mean")
    caption = "H, tau and D by class of pixels, in SI units; means of tau and D are geometric."
    return table.kept(table.values("pixels")).select(keys, "grain_classes", caption)


def _table_of_grains(scan: ReportScan, grains: Grains, boundaries: Boundaries) -> Table:
    assert scan.maps is not None
    surface = scan.surface("topography")
    heights = None
    if surface is not None and surface.shape == grains.labels.shape:
        heights = np.asarray(surface.values, dtype=np.float64)
    rows = table_of_grains(grains, boundaries, scan.maps, topography=heights)
    shown = [name for name in _IN_TABLE if name in scan.maps]
    values = [
        table_of_grain_values(
            rows, name, scan.main_pulse, str(scan.maps[name].attrs.get("units", "")), key=f"{name} {{}}"
        )
        for name in shown
    ]
    keys = [f"{name} {key}" for name in shown for key in ("n", "median", "iqr", "boundary_ratio")]
    label = scan.labels[scan.main_pulse] if scan.labels else ""
    caption = f"Grain by grain {label}".rstrip() + "; IQR is the distance of the quartiles."
    table = table_of_grain_rows(rows, lateral_unit=scan.lateral_unit, height_unit="m").beside(*values)
    fixed = ("id", "class", "area", "diameter", "mean_height", "touches_edge")
    return table.select([*fixed, *keys], "grain_table", caption, on_page=len(rows) <= 30)


def _course(measures: list[GrainMeasure], curves: list[DistanceBins]) -> Table:
    table = table_of_distances(measures, curves)
    keys = ("title", "unit", "distance", "n", "independent", "median", "low", "high")
    caption = (
        "Median and its 95 % interval against the distance from the nearest grain boundary, in SI units."
    )
    return table.kept(table.values("n")).select(keys, "grain_distances", caption, on_page=False)


def _numbers(measure: GrainMeasure) -> dict[str, Any]:
    return {
        "quantity": measure.quantity,
        "pulse": measure.label,
        "verdict": measure.verdict,
        "boundary_against_interior": None
        if measure.comparison is None
        else comparison_entry(measure.comparison),
    }
