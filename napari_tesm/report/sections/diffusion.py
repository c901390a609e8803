"""Maps of D: the relaxation first, a zoom on the step, the pulse, and how D goes away from the step (Fig. 7)."""

from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from napari_tesm.data.maps import FITS, map_name, map_of, words_of_fit
from napari_tesm.evaluation.recipe import words_of_threshold
from napari_tesm.files.sentences import Sentence
from napari_tesm.findings.table import Column, Table
from napari_tesm.plotting.maps import (
    MapFrame,
    draw_map,
    draw_regions,
    draw_zoom_frame,
    logarithmic_norm,
    row_size,
)
from napari_tesm.plotting.step_course import AcrossStep, draw_across_step, draw_course
from napari_tesm.quantities.status import OK, STATUS_MEANINGS
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.regions.shapes import Region, distance_from_path
from napari_tesm.regions.step_course import (
    StepCourse,
    centre_line,
    course_across_step,
    pixels_of_step,
    thickness_of_step,
)
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section

Array = NDArray[np.float64]
Box = tuple[float, float, float, float]

_MOST_STEPS = 3
_ZOOM = 0.3
"""Part of the image's width and height that is shown larger."""


def section_from_data(data: ReportData) -> Section | None:
    """Return the maps of D (tau without a tip radius) of the main pulse."""
    scan = data.main
    section = Section("diffusion", "Maps of D")
    quantity, numbers = _quantity(scan)
    if scan.maps is None or not numbers:
        return section.lacking("There are no maps of tau or D: no trace was fitted.")
    pulse = scan.main_pulse
    label = scan.labels[pulse]
    section.title = f"Maps of {quantity} {label}".rstrip()
    if quantity == "tau":
        section.missing.append(
            Sentence("No tip radius is known, so that tau takes the place of D ({tip_radius}).")
        )
    first = 2 if 2 in numbers else numbers[0]
    names = [map_name(quantity, number) for number in sorted(numbers, key=lambda number: number != first)]
    box = _zoom_box(scan)
    section.figures.append(_figure_of_maps(scan, pulse, names, box))
    section.tables.append(_table_of_status(scan, pulse, numbers))
    section.paragraphs += [_sentence_about_kept(scan, pulse, number) for number in numbers]
    section.numbers |= {"scan": scan.name, "pulse": label, "kept": _kept(scan, pulse, numbers)}
    if not scan.steps:
        return section.lacking(
            "No region of the class 'step' is drawn and none stands out in topography or deflection error: D "
            "against the distance from a step, and the thickness of a step, are left out."
        )
    _add_course(section, scan, pulse, map_name(quantity, first))
    _add_thickness(section, scan, pulse, map_name(quantity, first))
    return section


def _quantity(scan: ReportScan) -> tuple[str, list[int]]:
    for quantity in ("D", "tau"):
        numbers = [n for n in FITS if scan.maps is not None and map_name(quantity, n) in scan.maps]
        if numbers:
            return quantity, numbers
    return "D", []


def _unit(scan: ReportScan, name: str) -> str:
    assert scan.maps is not None
    return str(scan.maps[name].attrs.get("units", ""))


def _zoom_box(scan: ReportScan) -> Box | None:
    """Return the part around the middle of the most prominent step that is shown larger."""
    if not scan.steps:
        return None
    line, _ = centre_line(scan.steps[0])
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    centre = [float(np.interp(lengths[-1] / 2, lengths, line[:, axis])) for axis in (0, 1)]
    dy, dx = scan.spacing
    sides = [(scan.x[0] - dx / 2, scan.x[-1] + dx / 2), (scan.y[0] - dy / 2, scan.y[-1] + dy / 2)]
    corners = []
    for at, (low, high) in zip(centre, sides, strict=True):
        half = _ZOOM / 2 * (high - low)
        middle = float(np.clip(at, low + half, high - half))
        corners.append((middle - half, middle + half))
    (left, right), (top, bottom) = corners
    return left, top, right, bottom


def _figure_of_maps(scan: ReportScan, pulse: int, names: list[str], box: Box | None) -> ReportFigure:
    assert scan.maps is not None
    maps = [map_of(scan.maps, name, pulse) for name in names]
    norm = logarithmic_norm([np.asarray(values.values, dtype=np.float64) for values in maps])
    zoomed = None if box is None else _part_of(maps[0], box)
    panels = len(maps) + (zoomed is not None)
    label = scan.labels[pulse]

    def draw(*axes: Axes) -> None:
        draw_map(axes[0], maps[0], f"{names[0]} {label}".rstrip(), cmap="viridis", norm=_copy(norm))
        if zoomed is not None and box is not None:
            draw_zoom_frame(axes[0], MapFrame.of(maps[0]), box)
            draw_map(axes[1], zoomed, f"{names[0]}, zoom on the step", cmap="viridis", norm=_copy(norm))
            for spine in axes[1].spines.values():
                spine.set(edgecolor="#e3120b", linewidth=1.6)
        if len(maps) > 1:
            draw_map(axes[-1], maps[1], f"{names[1]} {label}".rstrip(), cmap="viridis", norm=_copy(norm))
            draw_regions(axes[-1], MapFrame.of(maps[1]), scan.regions)

    kept = [int(np.isfinite(values.values).sum()) for values in maps]
    told = "; ".join(
        f"{name}: {count} of {values.size} pixels ({100 * count / values.size:.1f} %)"
        for name, values, count in zip(names, maps, kept, strict=True)
    )
    zoom = " The part in the red frame is shown larger beside it." if zoomed is not None else ""
    lines = " Lines: the regions." if scan.regions and len(maps) > 1 else ""
    return ReportFigure(
        "diffusion_maps",
        f"{scan.name} {label}: {' and '.join(names)} on one logarithmic scale, first to 99th percentile.{zoom}{lines} "
        f"{told}; pixels without a value are grey.",
        draw,
        row_size(maps[0], panels),
        panels,
    )


def _copy(norm: LogNorm) -> LogNorm:
    # Axes that share a norm would update each other.
    return LogNorm(norm.vmin, norm.vmax)


def _part_of(values: xr.DataArray, box: Box) -> xr.DataArray:
    x, y = values["x"].values, values["y"].values
    columns = np.flatnonzero((x >= box[0]) & (x <= box[2]))
    rows = np.flatnonzero((y >= box[1]) & (y <= box[3]))
    return values.isel(x=columns, y=rows) if columns.size > 1 and rows.size > 1 else values


def _kept(scan: ReportScan, pulse: int, numbers: list[int]) -> dict[str, Any]:
    kept = {}
    for number in numbers:
        status = scan.map(map_name("status", number), pulse)
        if status is not None:
            counts = np.bincount(status.astype(int).ravel(), minlength=len(STATUS_MEANINGS))
            kept[words_of_fit(number)] = dict(zip(STATUS_MEANINGS, counts.tolist(), strict=True))
    return kept


def _sentence_about_kept(scan: ReportScan, pulse: int, number: int) -> str:
    status = scan.map(map_name("status", number), pulse)
    if status is None:
        return f"How many pixels of {words_of_fit(number)} were fitted is not in the file."
    kept = int((status == OK).sum())
    share = 100 * kept / status.size
    words = f"{words_of_fit(number).capitalize()}: {kept} of {status.size} pixels ({share:.1f} %) kept"
    limits = None if scan.maps is None else scan.maps.coords.get("threshold")
    if limits is not None and np.isfinite(threshold := float(limits[pulse])):
        of = words_of_threshold(scan.recipe.threshold, scan.recipe.threshold_of)
        words += (
            f", those with |H| of at least {text_from_quantity(threshold, scan.unit, digits=3)} "
            f"({of}) whose time constant can be resolved"
        )
    return f"{words}."


def _table_of_status(scan: ReportScan, pulse: int, numbers: list[int]) -> Table:
    rows: list[list[Any]] = []
    for number in numbers:
        status = scan.map(map_name("status", number), pulse)
        if status is None:
            continue
        for value, meaning in enumerate(STATUS_MEANINGS):
            count = int((status == value).sum())
            if not count:
                continue
            rows.append([words_of_fit(number), meaning.replace("_", " "), count, 100 * count / status.size])
    return Table(
        "diffusion_status",
        "What became of the pixels.",
        ["fit", "status", "pixels", Column("share", "%")],
        rows,
    )


def _add_course(section: Section, scan: ReportScan, pulse: int, name: str) -> None:
    step, *others = scan.steps
    values = scan.map(name, pulse)
    assert values is not None
    course = course_across_step(values, step, scan.x, scan.y, others=others, spacing=scan.spacing)
    if course is None:
        section.missing.append(
            f"Too few pixels on or beside '{step.name}' have a {name}: how it goes away from the step is left out."
        )
        return
    unit = _unit(scan, name)
    section.paragraphs += course.sentences_about(name, unit, scan.lateral_unit)
    section.figures.append(_figure_of_course(scan, pulse, name, step, course, values))
    section.numbers["course"] = {
        "step": step.name,
        "quantity": name,
        "half_width": course.half_width,
        "median_on_step": course.median,
        "n_on_step": course.n,
        "peak_at": course.peak,
        "peaks_on_step": course.peaks_on_step,
        "sides": [
            asdict(side) | {"falls": side.falls, "rises_again": side.rises_again} for side in course.sides
        ],
    }
    curve = course.curve
    section.tables.append(
        Table(
            "diffusion_distance",
            f"{name} against the signed distance from {step.name}.",
            [
                Column("distance", scan.lateral_unit), "pixels",
                *(Column(title, unit) for title in ("median", "mean", "standard deviation")),
            ],
            list(
                zip(*(getattr(curve, key).tolist() for key in ("distance", "n", "median", "mean", "std")), strict=True)
            ),
            on_page=False,
        )
    )  # fmt: skip


def _figure_of_course(
    scan: ReportScan, pulse: int, name: str, step: Region, course: StepCourse, values: Array
) -> ReportFigure:
    line, _ = centre_line(step)
    distance, _ = distance_from_path(line, scan.x, scan.y)
    others = [other for other in scan.steps if other is not step]
    own = pixels_of_step(step, others, scan.x, scan.y, spacing=scan.spacing)

    def draw(axes: Axes) -> None:
        draw_course(
            axes, distance[own], values[own], bins=course.curve.distance, medians=course.curve.median,
            counts=course.curve.n, half_width=course.half_width, name=name, unit=_unit(scan, name),
            lateral_unit=scan.lateral_unit,
        )  # fmt: skip

    left_out = "; pixels nearer to another step are left out" if others else ""
    return ReportFigure(
        "diffusion_distance",
        f"{name} {scan.labels[pulse]} of each pixel against its signed distance from {step.name or 'the step'}, "
        f"and the median in bins of a pixel (n = {int(course.curve.n.sum())}{left_out}). The step is shaded.",
        draw,
        (8.0, 4.0),
        1,
    )


def _add_thickness(section: Section, scan: ReportScan, pulse: int, name: str) -> None:
    sources: dict[str, tuple[str, Array]] = {
        title: (str(image.attrs.get("units", "")), np.asarray(image.values, dtype=np.float64))
        for title, image in scan.surfaces().items()
    }
    for title in ("H", name):
        values = scan.map(title, pulse)
        if values is not None:
            sources[title] = (_unit(scan, title), values)
    rows: list[list[Any]] = []
    for number, step in enumerate(scan.steps[:_MOST_STEPS]):
        profiles = []
        for title, (unit, values) in sources.items():
            try:
                others = [other for other in scan.steps if other is not step]
                profile, width = thickness_of_step(
                    values, step, scan.x, scan.y, others=others, spacing=scan.spacing
                )
            except ValueError:  # a step without a length
                continue
            profiles.append(AcrossStep(title, unit, profile, width))
            if width is not None:
                rows.append(
                    [step.name, title, "strip" if width.kind == "ridge" else "edge", width.fwhm, width.error]
                )
        if profiles:
            section.figures.append(_figure_across(scan, pulse, step, profiles, number))
    table = Table(
        "diffusion_thickness",
        "Thickness of the steps: full width at half maximum of a strip, or of the slope of an edge, across the "
        "middle of the step; the pixel's own width is taken off.",
        [
            "step", Column("seen in", key="seen_in"), "shape", Column("thickness", scan.lateral_unit, key="fwhm"),
            Column("standard error", scan.lateral_unit, 2, key="error"),
        ],
        rows,
    )  # fmt: skip
    if rows:
        section.tables.append(table)
    section.numbers["thickness"] = table.entries()


def _figure_across(
    scan: ReportScan, pulse: int, step: Region, profiles: list[AcrossStep], number: int
) -> ReportFigure:
    return ReportFigure(
        "diffusion_thickness" if number == 0 else f"diffusion_thickness_{number + 1}",
        f"Mean profiles across the middle of {step.name or 'the step'}, {scan.labels[pulse]}, with the standard "
        "deviation along it. Shaded: the full width at half maximum.".replace(", ,", ","),
        lambda figure: draw_across_step(figure, profiles, lateral_unit=scan.lateral_unit),
        (7.0, 0.9 + 1.5 * len(profiles)),
    )
