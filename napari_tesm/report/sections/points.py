"""Curves at marked points, those on a step beside those away from it, on one scale (the paper's Fig. 5)."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import FITS, map_name
from napari_tesm.findings.table import Column, Table
from napari_tesm.plotting.maps import draw_height, row_size
from napari_tesm.plotting.point_curves import draw_point_curves
from napari_tesm.plotting.positions import PositionCurve
from napari_tesm.plotting.theme import colour_of_point
from napari_tesm.quantities.text import text_with_error
from napari_tesm.regions.shapes import PinnedPoint, mask_from_region
from napari_tesm.report.choices import with_points_on_step
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section

Array = NDArray[np.float64]

_MOST: Final = 12
"""Points that are shown; more curves cannot be told apart by their colours."""


def section_from_data(data: ReportData) -> Section | None:
    """Return the curves of the points of the main pulse."""
    section = Section("points", "Curves at marked points")
    scan = next((scan for scan in (data.main, *data.scans) if scan.dataset is not None), None)
    if scan is None or scan.dataset is None:
        return section.lacking("There are no traces in the file: curves at points cannot be shown.")
    if not scan.points:
        return section.lacking("No point is pinned, and none could be chosen.")
    pulse = scan.main_pulse
    points, added = with_points_on_step(scan, scan.points[:_MOST])
    if len(scan.points) > _MOST:
        section.missing.append(f"Of {len(scan.points)} points the first {_MOST} are shown.")
    groups = _groups(scan, points)
    label = scan.labels[pulse]
    section.title = f"Curves at marked points {label}".rstrip()
    time = scan.time
    curves = {title: [_curve(scan, pulse, point) for point in members] for title, members in groups.items()}
    sizes = sorted({point.size for point in points})
    mean = "" if sizes == [1] else f", each the mean of {' or '.join(f'{n} × {n}' for n in sizes)} pixels"
    chosen = (
        " The program chose the points: on the most prominent step and moving away from its middle."
        if scan.points_chosen and scan.steps
        else " The program chose the points: where the surface moved most, and where it moved as much as the median."
        if scan.points_chosen
        else f" No point was pinned on a step: the program chose {_listed(added)} on the most prominent one."
        if added
        else ""
    )
    section.figures += [
        *_figure_of_map(scan, pulse, points),
        _figure_of_curves(
            scan, time, curves, f"{scan.name} {label}: displacement against time{mean}; ", chosen
        ),
    ]
    section.tables += [
        *_tables_of_points(scan, pulse, groups),
        _table_of_curves(time, [curve for members in curves.values() for curve in members], scan.unit),
    ]
    section.numbers |= {
        "scan": scan.name,
        "pulse": label,
        "chosen_by_program": scan.points_chosen,
        "chosen_on_step": added,
        "groups": {title: [point.number for point in members] for title, members in groups.items()},
    }
    return section


def _listed(numbers: Sequence[int]) -> str:
    *rest, last = map(str, numbers)
    return f"{', '.join(rest)} and {last}" if rest else last


def _groups(scan: ReportScan, points: Sequence[PinnedPoint]) -> dict[str, list[PinnedPoint]]:
    """Return the points on a step and the others; one group where no step is known."""
    if scan.points_chosen and not scan.steps:
        strong = [point for point in points if point.number in scan.points_on_step]
        rest = [point for point in points if point.number not in scan.points_on_step]
        return {"largest displacement": strong, "median displacement": rest}
    steps = scan.steps
    if not steps:
        return {"points": list(points)}
    inside = np.logical_or.reduce(
        [mask_from_region(step, scan.x, scan.y, spacing=scan.spacing) for step in steps]
    )
    on = [point for point in points if inside[scan.pixel_at(point.x, point.y)]]
    return {"on a step": on, "away from steps": [point for point in points if point not in on]}


def _curve(scan: ReportScan, pulse: int, point: PinnedPoint) -> PositionCurve:
    row, column = scan.pixel_at(point.x, point.y)
    values = scan.trace_at(pulse, row, column, size=point.size)
    colour = point.colour or colour_of_point(point.number)
    fit = None if point.size == 1 else scan.fit_at(pulse, row, column, size=point.size)
    fits = (
        scan.fitted_curves(pulse, row, column)
        if point.size == 1
        else [(window.time, window.curve) for window in fit.windows.values() if window.ok]
        if fit is not None
        else []
    )
    return PositionCurve(f"point {point.number}", colour, values, fits)


def _figure_of_map(scan: ReportScan, pulse: int, points: Sequence[PinnedPoint]) -> list[ReportFigure]:
    if scan.maps is None or "H" not in scan.maps:
        return []
    height = scan.maps["H"].isel(pulse=pulse)

    return [
        ReportFigure(
            "points_map",
            f"{scan.name}: where the points lie, on H {scan.labels[pulse]}".rstrip() + ".",
            lambda axes: draw_height(axes, height, scan.labels[pulse], points),
            row_size(height, 1),
            1,
        )
    ]


def _figure_of_curves(
    scan: ReportScan, time: Array, curves: dict[str, list[PositionCurve]], caption: str, chosen: str
) -> ReportFigure:
    pulse = None if scan.settings is None else scan.settings.pulse
    edges = None if pulse is None else (pulse.start, float(time[-1]) if pulse.stop is None else pulse.stop)

    shown = "; ".join(f"{title} (n = {len(members)})" for title, members in curves.items() if members)
    dashed = (
        " Dashed: the fits." if any(curve.fits for members in curves.values() for curve in members) else ""
    )
    panels = sum(bool(members) for members in curves.values())
    return ReportFigure(
        "points_curves",
        f"{caption}{shown}, on one scale, each curve in the colour of its point. The pulse is shaded.{dashed}{chosen}",
        lambda figure: draw_point_curves(figure, time, curves, unit=scan.unit, pulse=edges),
        (10.0 if panels > 1 else 6.0, 4.0),
    )


def _tables_of_points(scan: ReportScan, pulse: int, groups: dict[str, list[PinnedPoint]]) -> list[Table]:
    """Return the points' numbers with their errors for the page, and all of them in SI units."""
    fitted = {
        name: unit
        for number in FITS
        for quantity, unit in (("tau", "s"), ("D", "m²/s"), ("r2", ""))
        if scan.maps is not None and (name := map_name(quantity, number)) in scan.maps
    }
    errors = {
        _error_of(name): unit
        for name, unit in fitted.items()
        if scan.maps is not None and _error_of(name) in scan.maps
    }
    head: list[Column | str] = [
        "point",
        "group",
        "row",
        "column",
        *(Column(axis, scan.lateral_unit, 4) for axis in "xy"),
    ]
    head.append(Column("H", scan.unit))
    shown, in_si = [], []
    for title, members in groups.items():
        for point in members:
            place = scan.pixel_at(point.x, point.y)
            values = _values(scan, pulse, place, point.size, ("H", *fitted, *errors))
            fixed = [point.number, title, *place, point.x, point.y, values["H"]]
            in_words = [
                _in_words(values, name, unit) if unit else values[name] for name, unit in fitted.items()
            ]
            shown.append([*fixed, *in_words])
            in_si.append([*fixed, *list(values.values())[1:]])
    for rows in (shown, in_si):
        rows.sort(key=lambda row: float(str(row[0])))
    words = [_title(scan, name) for name in fitted]
    columns = [Column(_title(scan, name), unit) for name, unit in (fitted | errors).items()]
    return [
        Table(
            "points",
            "The points: the numbers of each curve, of the pixel or of the mean of its pixels.",
            [*head, *words],
            shown,
        ),
        Table("points_si", "The same in SI units.", [*head, *columns], in_si, on_page=False),
    ]


def _values(
    scan: ReportScan, pulse: int, place: tuple[int, int], size: int, names: Sequence[str]
) -> dict[str, float]:
    """Return the numbers of a point: of the maps for a single pixel, else of the fit of the mean that is drawn."""
    fit = None if size == 1 else scan.fit_at(pulse, *place, size=size)
    if fit is None:
        return {name: scan.value_at(name, pulse, *place) for name in names}
    values = {"H": fit.height}
    for number, window in fit.windows.items():
        for quantity, value in window.values.items():
            if window.ok or quantity == "r2":
                values[map_name(quantity, number)] = value
    return {name: values.get(name, float("nan")) for name in names}


def _error_of(name: str) -> str:
    return f"{name}_stderr"


def _title(scan: ReportScan, name: str) -> str:
    assert scan.maps is not None
    return str(scan.maps[name].attrs.get("long_name", name))


def _in_words(values: dict[str, float], name: str, unit: str) -> str:
    value = values[name]
    return (
        text_with_error(value, values.get(_error_of(name), float("nan")), unit) if np.isfinite(value) else "–"
    )


def _table_of_curves(time: Array, curves: list[PositionCurve], unit: str) -> Table:
    columns = [Column("time", "s"), *(Column(curve.label, unit) for curve in curves)]
    rows = np.column_stack([time, *(curve.values for curve in curves)]).tolist()
    return Table("points_curves", "The curves.", columns, rows, on_page=False)
