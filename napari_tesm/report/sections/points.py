"""Curves at marked points, those on a step beside those away from it, on one scale (the paper's Fig. 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import FITS, map_name, map_of
from napari_tesm.findings.table import Column, Table, joined
from napari_tesm.plotting.maps import draw_height, row_size
from napari_tesm.plotting.point_curves import draw_point_curves
from napari_tesm.plotting.positions import PositionCurve
from napari_tesm.plotting.theme import colour_of_point
from napari_tesm.quantities.text import text_with_error
from napari_tesm.regions.shapes import PinnedPoint, mask_from_region
from napari_tesm.report.choices import points_elsewhere, with_points_on_step
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section

Array = NDArray[np.float64]

_MOST: Final = 12
"""Points that are shown; more curves cannot be told apart by their colours."""
_IN_A_ROW: Final = 3
"""Scans of a series side by side."""


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
    _add_series(section, data, scan, points)
    section.numbers |= {
        "scan": scan.name,
        "pulse": label,
        "chosen_by_program": scan.points_chosen,
        "chosen_on_step": added,
        "groups": {title: [point.number for point in members] for title, members in groups.items()},
    }
    return section


@dataclass(frozen=True)
class _Recorded:
    """A pulse setting of a series, with the points where they lie in its scan."""

    label: str
    scan: ReportScan
    pulse: int
    points: list[PinnedPoint]

    def curves(self) -> list[PositionCurve]:
        made = [_curve(self.scan, self.pulse, point) for point in self.points]
        return [replace(curve, time=self.scan.time) for curve in made]


def _add_series(section: Section, data: ReportData, scan: ReportScan, points: list[PinnedPoint]) -> None:
    """Add the curves at the same places of the sample for every voltage of the series that the main pulse is of."""
    recorded = _recorded(data, scan, points)
    if len(recorded) < 2:
        return
    curves = {each.label: each.curves() for each in recorded}
    edges = _edges_of_pulse(scan)
    rows = -(-len(recorded) // _IN_A_ROW)
    section.figures.append(
        ReportFigure(
            "points_series",
            "Displacement against time at the same points of the sample for every voltage of the series, moved by the "
            f"drift of the scans, on one scale, each curve in the colour of its point (n = {len(points)}); "
            "dashed: the fits.",
            lambda figure: draw_point_curves(
                figure, scan.time, curves, unit=scan.unit, pulse=edges, most=_IN_A_ROW
            ),
            (10.0, 0.6 + 2.9 * rows),
        )
    )
    groups = _groups(scan, points)
    parts = [
        _in_series(each, _tables_of_points(each.scan, each.pulse, _of_groups(each.points, groups)))
        for each in recorded
    ]
    shown, in_si = (joined(tables) for tables in zip(*parts, strict=True))
    caption = "The same points in every scan of the series, where they lie in each."
    section.tables += [
        replace(shown, name="points_series", caption=caption),
        replace(in_si, name="points_series_si", caption="The same in SI units.", on_page=False),
        _table_of_series_curves(recorded, curves, [point.number for point in points], scan.unit),
    ]


def _recorded(data: ReportData, scan: ReportScan, points: list[PinnedPoint]) -> list[_Recorded]:
    """Return the pulse settings of the main pulse's series that have traces like its own; none without a series."""
    for aligned in data.aligned:
        members = aligned.series.members
        if not any((member.source, member.pulse) == (scan.name, scan.main_pulse) for member in members):
            continue
        found = []
        for member, alignment in zip(members, aligned.alignments, strict=True):
            other = data.scan_named(member.source)
            if other is None or other.dataset is None or (other.unit, other.lateral_unit) != (
                scan.unit, scan.lateral_unit
            ):  # fmt: skip
                continue
            here = points_elsewhere(points, other, alignment)
            if here:
                found.append(_Recorded(member.label, other, member.pulse, here))
        return found
    return []


def _of_groups(
    points: Sequence[PinnedPoint], groups: Mapping[str, Sequence[PinnedPoint]]
) -> dict[str, list[PinnedPoint]]:
    """Return moved points in the groups that they belong to in the main scan."""
    numbers = {title: [point.number for point in members] for title, members in groups.items()}
    return {title: [point for point in points if point.number in those] for title, those in numbers.items()}


def _in_series(each: _Recorded, tables: Sequence[Table]) -> list[Table]:
    count = len(tables[0].rows)
    head = Table("", "", ["scan", Column("pulse")], [[each.scan.name, each.label]] * count)
    return [head.beside(table) for table in tables]


def _table_of_series_curves(
    recorded: Sequence[_Recorded],
    curves: Mapping[str, Sequence[PositionCurve]],
    numbers: list[int],
    unit: str,
) -> Table:
    """Return the curves one below the other, as the scans may have samples of their own."""
    rows: list[list[Any]] = []
    for each in recorded:
        of_point = {point.number: curve for point, curve in zip(each.points, curves[each.label], strict=True)}
        for index, time in enumerate(each.scan.time.tolist()):
            values = [float(of_point[n].values[index]) if n in of_point else None for n in numbers]
            rows.append([each.scan.name, each.label, time, *values])
    columns: list[Column | str] = ["scan", "pulse", Column("time", "s")]
    columns += [Column(f"point {n}", unit) for n in numbers]
    return Table(
        "points_series_curves", "The curves of every scan of the series.", columns, rows, on_page=False
    )


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
    height = map_of(scan.maps, "H", pulse)

    return [
        ReportFigure(
            "points_map",
            f"{scan.name}: where the points lie, on H {scan.labels[pulse]}".rstrip() + ".",
            lambda axes: draw_height(axes, height, scan.labels[pulse], points),
            row_size(height, 1),
            1,
        )
    ]


def _edges_of_pulse(scan: ReportScan) -> tuple[float, float] | None:
    """Return when the pulse was on, in s, to be shaded; until the last sample where its end is not known."""
    pulse = None if scan.settings is None else scan.settings.pulse
    return (
        None if pulse is None else (pulse.start, float(scan.time[-1]) if pulse.stop is None else pulse.stop)
    )


def _figure_of_curves(
    scan: ReportScan, time: Array, curves: dict[str, list[PositionCurve]], caption: str, chosen: str
) -> ReportFigure:
    edges = _edges_of_pulse(scan)
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
