"""What `tesm grains` found, as tables on the terminal, as JSON and as CSV."""

import csv
import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TextIO

import numpy as np

from napari_tesm.cli.grain_scan import GrainScan
from napari_tesm.cli.region_report import LINE_WIDTH
from napari_tesm.cli.spelling import spelled
from napari_tesm.cli.terminal import printable
from napari_tesm.data.maps import labels_from_maps
from napari_tesm.grains import DistanceBins, GrainMeasure, GrainRow, curve_from_boundary, table_of_grains
from napari_tesm.grains.measures import MEASURED, measures_at_boundaries, shares_of_classes, values_of
from napari_tesm.quantities.scaling import Scaling, scaling_of
from napari_tesm.statistics.description import Description

_SHARED: Final = ("H", "tau1", "D1", "tau2", "D2", "tau", "D")
_SHOWN: Final = ("H", "D1", "D2", "D")
_COLUMNS_OF_TABLE: Final = 4
"""More than three quantities do not fit beside a grain on the terminal."""


@dataclass(frozen=True)
class GrainNumbers:
    """All that is said of the grains of a file.

    Parameters
    ----------
    measures : list of GrainMeasure
    curves : list of DistanceBins
        One for each measure.
    rows : list of GrainRow
    """

    measures: list[GrainMeasure]
    curves: list[DistanceBins]
    rows: list[GrainRow]


def numbers_from_scan(scan: GrainScan, bin_width: float) -> GrainNumbers:
    """Return statistics, courses with the distance and the table of grains."""
    measures = [] if scan.maps is None else measures_at_boundaries(scan.maps, scan.boundaries)
    curves = []
    for one in measures:
        assert scan.maps is not None
        assert one.pulse is not None
        values = values_of(scan.maps, one.quantity, one.pulse)
        curves.append(
            curve_from_boundary(values, scan.boundaries, bin_width=bin_width, logarithmic=one.logarithmic)
        )
    rows = table_of_grains(scan.grains, scan.boundaries, scan.maps, topography=scan.topography)
    return GrainNumbers(measures, curves, rows)


def lines_of_grains(scan: GrainScan, numbers: GrainNumbers, *, name: str) -> Iterator[str]:
    """Yield what was found, no line wider than 100 columns."""
    height, width = scan.grains.labels.shape
    count = scan.grains.count
    yield printable(f"{name}: {width} × {height} px, {count} {'grain' if count == 1 else 'grains'}")
    for words in scan.grains.words:
        yield from _wrapped(words)
    shares = ", ".join(
        f"{key} {100 * part:.1f} %" for key, part in shares_of_classes(scan.boundaries).items() if part
    )
    yield from _wrapped(f"Band at boundaries: {scan.width_words}. Of the image: {shares}.")
    for note in scan.notes:
        yield from _wrapped(f"Note: {spelled(note)}")
    if scan.candidates:
        places = "; ".join(_candidate(scan, one) for one in scan.candidates[:5])
        more = f" and {len(scan.candidates) - 5} more" if len(scan.candidates) > 5 else ""
        yield from _wrapped(
            f"Proposed as defects, by their height: {places}{more}. They are counted like the rest unless a region of "
            "class defect is drawn over them."
        )
    for one, curve in zip(numbers.measures, numbers.curves, strict=True):
        yield ""
        yield from _lines_of_measure(one)
        yield from _lines_of_curve(one, curve, scan)
    if numbers.rows:
        yield ""
        yield from _lines_of_table(scan, numbers.rows)


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(printable(text), LINE_WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")


def _candidate(scan: GrainScan, one: Any) -> str:
    place = np.mean(one.region.xy(), axis=0)
    lateral = scaling_of([float(abs(place).max())], scan.lateral_unit)
    tall = scaling_of([one.height], scan.topography_unit)
    at = f"x {lateral.text(float(place[0]))}, y {lateral.text(float(place[1]))} {lateral.unit}"
    return f"a {one.kind} of {tall.text(one.height)} {tall.unit} at {at}"


def _lines_of_measure(one: GrainMeasure) -> Iterator[str]:
    described = {
        name: _in_unit(found, one.logarithmic) for name, found in one.values.items() if found.n_total
    }
    scaling = scaling_of([found["median"] for found in described.values()], one.unit)
    unit = f" in {scaling.unit}" if scaling.unit else ""
    mean = "geom. mean ×/÷ sd" if one.logarithmic else "mean ± sd"
    yield f"{printable(one.title) + unit:<30}  {'n/px':<13}  {'median':<8}  {'quartiles':<19}  {mean}"
    for name in MEASURED:
        found = one.values[name]
        if not found.n_total:
            continue
        numbers = described[name]
        cells = [f"  {name:<28}", f"{found.n}/{found.n_total:<13}"[:13].ljust(13)]
        if not found.n:
            yield "  ".join([*cells, "no value in these pixels"])
            continue
        cells += [scaling.text(numbers["median"]).ljust(8)]
        cells += [f"{scaling.text(numbers['q25'])} … {scaling.text(numbers['q75'])}".ljust(19)]
        if one.logarithmic:
            cells.append(f"{scaling.text(numbers['mean'])} ×/÷ {numbers['std']:.2f}")
        else:
            cells.append(scaling.text_with_spread(numbers["mean"], numbers["std"]))
        yield "  ".join(cells).rstrip()
    yield from _wrapped(one.verdict, "  ")


def _in_unit(found: Description, logarithmic: bool) -> dict[str, float]:
    """Return the numbers of a description in the unit of the quantity; of logarithms the spread is a factor."""
    names = ("median", "q25", "q75", "mean", "std")
    return {key: float(10.0 ** getattr(found, key) if logarithmic else getattr(found, key)) for key in names}


def _lines_of_curve(one: GrainMeasure, curve: DistanceBins, scan: GrainScan) -> Iterator[str]:
    known = np.flatnonzero(curve.n > 0)
    if known.size < 2:
        return
    away = scaling_of([float(curve.distance[known].max())], scan.lateral_unit)
    scaling = scaling_of([float(value) for value in curve.median[known]], one.unit)
    cells = []
    for index in known:
        interval = ""
        if math.isfinite(curve.low[index]):
            interval = f" [{scaling.text(float(curve.low[index]))}, {scaling.text(float(curve.high[index]))}]"
        cells.append(
            f"{away.text(float(curve.distance[index]))}: {scaling.text(float(curve.median[index]))}{interval}"
        )
    head = f"Median against distance from the nearest boundary ({away.unit}: {scaling.unit}): "
    yield from _wrapped(head + "; ".join(cells) + ".", "  ")


def _lines_of_table(scan: GrainScan, rows: Sequence[GrainRow]) -> Iterator[str]:
    lateral = scaling_of([row.diameter for row in rows], scan.lateral_unit)
    area = Scaling(lateral.factor**2, f"{lateral.unit}²")
    tall = scaling_of([row.height for row in rows], scan.topography_unit)
    for pulse, label in enumerate([""] if scan.maps is None else labels_from_maps(scan.maps)):
        shown = [name for name in _SHOWN if (name, pulse) in rows[0].values][: _COLUMNS_OF_TABLE - 1]
        scalings = {
            name: scaling_of(
                [row.values[name, pulse].median for row in rows], _unit(scan, name)
            )
            for name in shown
        }  # fmt: skip
        heads = [f"{name}/{scalings[name].unit}" if scalings[name].unit else name for name in shown]
        title = f"Grains {label}".rstrip()
        last = f"{shown[-1]} b/i" if shown else ""
        columns = "".join(f"{head:>13}" for head in heads)
        yield (
            f"{title:<20}{f'area/{area.unit}':>10}{f'diam/{lateral.unit}':>8}{f'height/{tall.unit or 1}':>10}"
            f"{'n':>5}{columns}{last:>8}"
        ).rstrip()
        for row in rows:
            values = [row.values[name, pulse] for name in shown]
            n = max((one.n for one in values), default=0) if not shown else values[-1].n
            cells = "".join(
                f"{scalings[name].text(one.median) or '–':>13}"
                for name, one in zip(shown, values, strict=True)
            )
            ratio = (
                f"{values[-1].boundary_ratio:.2f}"
                if values and math.isfinite(values[-1].boundary_ratio)
                else "–"
            )
            mark = f"{row.number} {row.grain_class}{' (edge)' if row.at_edge else ''}"
            yield (
                f"  {mark:<18}{area.text(row.area):>10}{lateral.text(row.diameter):>8}"
                f"{tall.text(row.height) or '–':>10}{n:>5}{cells}{ratio if shown else '':>8}"
            ).rstrip()


def _unit(scan: GrainScan, name: str) -> str:
    return "" if scan.maps is None else str(scan.maps[name].attrs.get("units", ""))


def report_of_grains(
    scan: GrainScan, numbers: GrainNumbers, *, version: str, name: str, sha256: str
) -> dict[str, Any]:
    """Return all numbers as JSON knows them: SI units, None where there is no number."""
    return {
        "version": version,
        "input": {"name": name, "sha256": sha256},
        "pulses": [{key: _number(value) for key, value in pulse.items()} for pulse in scan.pulse_settings()],
        "found": {
            "count": scan.grains.count,
            "source": scan.grains.source,
            "words": list(scan.grains.words),
            "parameters": {key: _number(value) for key, value in scan.grains.parameters.items()},
        },
        "boundaries": {
            "width": _number(scan.boundaries.width),
            "length": _number(scan.boundaries.length),
            "shares": shares_of_classes(scan.boundaries),
        },
        "defect_candidates": [
            {
                "kind": one.kind,
                "height": _number(one.height),
                "area": _number(one.area),
                "x": _number(float(np.mean(one.region.xy()[:, 0]))),
                "y": _number(float(np.mean(one.region.xy()[:, 1]))),
            }
            for one in scan.candidates
        ],
        "quantities": [
            _measure(one, curve) for one, curve in zip(numbers.measures, numbers.curves, strict=True)
        ],
        "grains": [_row(row) for row in numbers.rows],
        "notes": [spelled(note) for note in scan.notes],
    }


def _measure(one: GrainMeasure, curve: DistanceBins) -> dict[str, Any]:
    comparison = None
    if one.comparison is not None:
        found = one.comparison
        comparison = {
            "n": list(found.n),
            "independent": [_number(value) for value in found.independent],
            "ratio": _number(found.ratio),
            "ratio_ci": None
            if not math.isfinite(found.ratio)
            else [_number(found.ratio_low), _number(found.ratio_high)],
            "cliffs_delta": _number(found.cliffs_delta),
            "hedges_g": _number(found.hedges_g),
            "p_value": _number(found.p_value),
            "significant": found.significant,
        }
    return {
        "quantity": one.quantity,
        "unit": one.unit,
        "pulse": None if one.pulse is None else one.pulse + 1,
        "logarithmic": one.logarithmic,
        "classes": {
            name: {
                "n": found.n,
                "pixels": found.n_total,
                **{key: _number(value) for key, value in _in_unit(found, one.logarithmic).items()},
            }
            for name, found in one.values.items()
        },
        "boundary_against_interior": comparison,
        "verdict": one.verdict,
        "distance": {
            "bin_width": _number(curve.bin_width),
            **{
                key: [_number(float(value)) for value in getattr(curve, key)]
                for key in ("distance", "median", "low", "high", "q25", "q75", "n", "independent")
            },
        },
    }


def _row(row: GrainRow) -> dict[str, Any]:
    return {
        "id": row.number,
        "class": row.grain_class,
        **{key: _number(getattr(row, key)) for key in ("pixels", "area", "diameter", "height", "x", "y")},
        "touches_edge": row.at_edge,
        "values": [
            {
                "quantity": name,
                "pulse": None if pulse is None else pulse + 1,
                **{
                    key: _number(getattr(one, key))
                    for key in ("n", "median", "q25", "q75", "iqr", "boundary_ratio")
                },
            }
            for (name, pulse), one in row.values.items()
        ],
    }


def write_grains(file: TextIO, scan: GrainScan, numbers: GrainNumbers) -> None:
    """Write a row for each grain and pulse setting, in SI units; empty where there is no number."""
    names = [name for name in _SHARED if scan.maps is not None and name in scan.maps]
    fixed = [
        "id",
        "class",
        "pixels",
        "area",
        "diameter",
        "mean_height",
        "touches_edge",
        "pulse",
        "voltage",
        "direction",
    ]
    of_each = ("n", "median", "q25", "q75", "iqr", "boundary_ratio")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*fixed, *(f"{name}_{key}" for name in names for key in of_each)])
    for number, pulse in enumerate(scan.pulse_settings() or [{"voltage": "", "direction": ""}]):
        for row in numbers.rows:
            head = [
                row.number, row.grain_class, row.pixels, row.area, row.diameter, row.height, int(row.at_edge),
                number + 1 if names else "", pulse["voltage"], pulse["direction"],
            ]  # fmt: skip
            cells = [getattr(row.values[name, number], key) for name in names for key in of_each]
            writer.writerow([_cell(value) for value in (*head, *cells)])


def write_classes(file: TextIO, scan: GrainScan, numbers: GrainNumbers) -> None:
    """Write a row for each quantity, pulse setting and class of pixels."""
    writer = csv.writer(file, lineterminator="\n")
    keys = ("median", "q25", "q75", "mean", "std")
    writer.writerow(["quantity", "unit", "pulse", "logarithmic", "class", "n", "pixels", *keys, "verdict"])
    for one in numbers.measures:
        for name, found in one.values.items():
            row = [
                one.quantity,
                one.unit,
                (one.pulse or 0) + 1,
                int(one.logarithmic),
                name,
                found.n,
                found.n_total,
            ]
            row += [_in_unit(found, one.logarithmic)[key] for key in keys]
            writer.writerow([_cell(value) for value in (*row, one.verdict if name == "boundary" else "")])


def write_distances(file: TextIO, scan: GrainScan, numbers: GrainNumbers) -> None:
    """Write a row for each quantity, pulse setting and bin of distance from the nearest boundary."""
    writer = csv.writer(file, lineterminator="\n")
    keys = ("distance", "n", "independent", "median", "low", "high", "q25", "q75")
    writer.writerow(["quantity", "unit", "pulse", "bin_width", *keys])
    for one, curve in zip(numbers.measures, numbers.curves, strict=True):
        for index in range(curve.n.size):
            numbers_of_bin = [getattr(curve, key)[index].item() for key in keys]
            head = [one.quantity, one.unit, (one.pulse or 0) + 1, curve.bin_width]
            writer.writerow([_cell(value) for value in (*head, *numbers_of_bin)])


def _cell(value: Any) -> Any:
    return "" if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
