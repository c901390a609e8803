"""What `tesm grains` found, as tables on the terminal, as JSON and as CSV."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_tesm.cli.grain_scan import GrainScan
from napari_tesm.cli.outputs import wrapped
from napari_tesm.cli.spelling import spelled
from napari_tesm.data.maps import labels_from_maps
from napari_tesm.evaluation.recipe import digest_of_maps
from napari_tesm.files.checksum import sha256_of_file
from napari_tesm.files.texts import printable
from napari_tesm.findings.comparison import NUMBERS, comparison_entry
from napari_tesm.findings.table import Joined, Table, joined
from napari_tesm.grains import DistanceBins, GrainMeasure
from napari_tesm.grains.measures import shares_of_classes
from napari_tesm.quantities.numbers import plain_value
from napari_tesm.quantities.scaling import Scaling, scaling_of
from napari_tesm.regions.measures import QUANTITIES
from napari_tesm.scan.tables import (
    CLASSES_SHOWN,
    remarks_of,
    table_of_classes,
    table_of_distances,
    table_of_grain_rows,
    table_of_grain_values,
)
from napari_tesm.version import __version__

_SHOWN: Final = ("H", "D1", "D2", "D", "D_lateral")
_MOST_SHOWN: Final = 3
"""More quantities do not fit beside a grain on the terminal."""
_WIDTHS: Final = (26, 9, 6, 15, 17)


def lines_of_grains(scan: GrainScan, *, name: str) -> Iterator[str]:
    """Yield what was found, no line wider than 100 columns."""
    height, width = scan.grains.labels.shape
    count = scan.grains.count
    yield printable(f"{name}: {width} × {height} px, {count} {'grain' if count == 1 else 'grains'}")
    for words in scan.grains.words:
        yield from wrapped(words)
    shares = ", ".join(
        f"{key} {100 * part:.1f} %" for key, part in shares_of_classes(scan.boundaries).items() if part
    )
    yield from wrapped(f"Band at boundaries: {scan.width_words}. Of the image: {shares}.")
    for note in scan.notes:
        yield from wrapped(f"Note: {spelled(note)}")
    if scan.candidates:
        places = "; ".join(_candidate(scan, candidate) for candidate in scan.candidates[:5])
        more = f" and {len(scan.candidates) - 5} more" if len(scan.candidates) > 5 else ""
        yield from wrapped(
            f"Proposed as defects, by their height: {places}{more}. They are counted like the rest unless a region of "
            "class defect is drawn over them."
        )
    for measure, curve in zip(scan.measures, scan.curves, strict=True):
        yield ""
        yield from _lines_of_measure(measure)
        yield from _lines_of_curve(measure, curve, scan)
    if scan.rows:
        yield ""
        yield from _lines_of_table(scan)


def _candidate(scan: GrainScan, candidate: Any) -> str:
    place = np.mean(candidate.region.xy(), axis=0)
    lateral = scaling_of([float(abs(place).max())], scan.lateral_unit)
    tall = scaling_of([candidate.height], scan.topography_unit)
    at = f"x {lateral.text(float(place[0]))}, y {lateral.text(float(place[1]))} {lateral.unit}"
    return f"a {candidate.kind} of {tall.text(candidate.height)} {tall.unit} at {at}"


def _lines_of_measure(measure: GrainMeasure) -> Iterator[str]:
    table = table_of_classes([measure], unit=measure.unit)
    mean = Joined("mean ± sd", ("mean", "std"), Scaling.text_with_spread)
    if measure.logarithmic:
        mean = Joined("geom. mean ×/÷ sd", ("mean", "std"), "{} ×/÷ {}")
    table = table.kept(table.values("pixels"))
    yield from table.lines(
        (*CLASSES_SHOWN, mean), title=printable(measure.title), remarks=remarks_of(table), least=_WIDTHS
    )
    yield from wrapped(measure.verdict, "  ")


def _lines_of_curve(measure: GrainMeasure, curve: DistanceBins, scan: GrainScan) -> Iterator[str]:
    filled = np.flatnonzero(curve.n > 0)
    if filled.size < 2:
        return
    away = scaling_of([float(curve.distance[filled].max())], scan.lateral_unit)
    scaling = scaling_of([float(value) for value in curve.median[filled]], measure.unit)
    cells = []
    for index in filled:
        interval = ""
        if math.isfinite(curve.low[index]):
            interval = f" [{scaling.text(float(curve.low[index]))}, {scaling.text(float(curve.high[index]))}]"
        cells.append(
            f"{away.text(float(curve.distance[index]))}: {scaling.text(float(curve.median[index]))}{interval}"
        )
    head = f"Median against distance from the nearest boundary ({away.unit}: {scaling.unit}): "
    yield from wrapped(head + "; ".join(cells) + ".", "  ")


def _table(scan: GrainScan) -> Table:
    return table_of_grain_rows(scan.rows, lateral_unit=scan.lateral_unit, height_unit=scan.topography_unit)


def _values(scan: GrainScan, name: str, pulse: int, key: str = "{}") -> Table:
    unit = "" if scan.maps is None else str(scan.maps[name].attrs.get("units", ""))
    return table_of_grain_values(scan.rows, name, pulse, unit, key=key)


def _lines_of_table(scan: GrainScan) -> Iterator[str]:
    for pulse, label in enumerate([""] if scan.maps is None else labels_from_maps(scan.maps)):
        shown = [name for name in _SHOWN if (name, pulse) in scan.rows[0].values][:_MOST_SHOWN]
        values = [_values(scan, name, pulse, f"{name} {{}}") for name in shown]
        parts = [Joined("height", ("mean_height",))]
        if shown:
            parts += [Joined("n", (f"{shown[-1]} n",))]
            parts += [Joined(name, (f"{name} median",)) for name in shown]
            parts += [Joined(f"{shown[-1]} b/i", (f"{shown[-1]} boundary_ratio",))]
        grain = Joined("", ("id", "class", "touches_edge"), _name_of_grain, is_text=True)
        yield from (
            _table(scan)
            .beside(*values)
            .lines((grain, "area", "diameter", *parts), title=f"Grains {label}".rstrip(), least=(18,))
        )


def _name_of_grain(_: Scaling, number: int, grain_class: str, at_edge: bool) -> str:
    return f"{number} {grain_class}{' (edge)' if at_edge else ''}"


def report_of_grains(scan: GrainScan, file: str) -> dict[str, Any]:
    """Return all numbers as JSON knows them: SI units, None where there is no number."""
    report: dict[str, Any] = plain_value(
        {
            "version": __version__,
            "input": {"name": Path(file).name, "sha256": sha256_of_file(file)},
            "pulses": scan.pulse_settings(),
            "found": {
                "count": scan.grains.count,
                "source": scan.grains.source,
                "words": scan.grains.words,
                "parameters": dict(scan.grains.parameters),
            },
            "boundaries": {
                "width": scan.boundaries.width,
                "length": scan.boundaries.length,
                "shares": shares_of_classes(scan.boundaries),
            },
            "defect_candidates": [
                {"kind": candidate.kind, "height": candidate.height, "area": candidate.area}
                | dict(zip("xy", np.mean(candidate.region.xy(), axis=0), strict=True))
                for candidate in scan.candidates
            ],
            "quantities": [
                _measure(measure, curve) for measure, curve in zip(scan.measures, scan.curves, strict=True)
            ],
            "grains": _entries_of_grains(scan),
            "notes": [spelled(note) for note in scan.notes],
        }
    )
    return report


def _measure(measure: GrainMeasure, curve: DistanceBins) -> dict[str, Any]:
    classes, course = table_of_classes([measure]), table_of_distances([measure], [curve])
    numbers = classes.select(["n", "pixels", *NUMBERS[1:]]).entries()
    return {
        "quantity": measure.quantity,
        "unit": measure.unit,
        "pulse": None if measure.pulse is None else measure.pulse + 1,
        "logarithmic": measure.logarithmic,
        "classes": dict(zip(classes.values("class"), numbers, strict=True)),
        "boundary_against_interior": None
        if measure.comparison is None
        else comparison_entry(measure.comparison),
        "verdict": measure.verdict,
        "distance": {"bin_width": curve.bin_width} | {key: course.values(key) for key in course.keys[5:]},
    }


def _entries_of_grains(scan: GrainScan) -> list[dict[str, Any]]:
    entries = _table(scan).entries()
    for entry in entries:
        entry["height"] = entry.pop("mean_height")
        entry["values"] = []
    for name, pulse in scan.rows[0].values if scan.rows else ():
        values = _values(scan, name, pulse or 0).entries()
        for entry, value in zip(entries, values, strict=True):
            entry["values"].append({"quantity": name, "pulse": (pulse or 0) + 1, **value})
    return entries


def csv_of_grains(scan: GrainScan) -> str:
    """Return a row for each grain and pulse setting, in SI units; empty where there is no number."""
    names = [name for name in QUANTITIES if scan.maps is not None and name in scan.maps]
    fixed = ("id", "class", "pixels", "area", "diameter", "mean_height", "touches_edge")
    grains = _table(scan).select(fixed)
    settings = scan.pulse_settings() or [{"voltage": None, "direction": None}]
    tables = []
    for pulse, setting in enumerate(settings):
        cells = [pulse + 1 if names else None, *setting.values()]
        values = [_values(scan, name, pulse, f"{name}_{{}}") for name in names]
        tables.append(grains.beside(Table("", "", ("pulse", *setting), [cells] * len(grains.rows)), *values))
    return joined(tables).with_recipe(digest_of_maps(scan.maps)).csv(for_programs=True)


def csv_of_classes(scan: GrainScan) -> str:
    """Return a row for each quantity, pulse setting and class of pixels."""
    keys = ("quantity", "unit", "pulse", "logarithmic", "class", "n", "pixels", *NUMBERS[1:], "verdict")
    table = table_of_classes(scan.measures).select(keys)
    return table.with_recipe(digest_of_maps(scan.maps)).csv(for_programs=True)


def csv_of_distances(scan: GrainScan) -> str:
    """Return a row for each quantity, pulse setting and bin of distance from the nearest boundary."""
    table = table_of_distances(scan.measures, scan.curves)
    return table.select(table.keys[1:]).with_recipe(digest_of_maps(scan.maps)).csv(for_programs=True)
