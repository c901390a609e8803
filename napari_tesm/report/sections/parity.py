"""The part of the response that turns round with the voltage, and the part that does not, where both were recorded."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import FITS, MAP_KINDS, labels_from_maps, map_name, map_of, map_title
from napari_tesm.data.parity import COORDINATE, ODD, pairs_of_settings
from napari_tesm.evaluation.parity import PairMade, Parts
from napari_tesm.evaluation.pipeline import run
from napari_tesm.files.sentences import Sentence
from napari_tesm.findings.parity import even_in_words, even_summary, parts_in_words, parts_summary
from napari_tesm.findings.table import Table
from napari_tesm.plotting.maps import draw_map, logarithmic_norm, row_size, signed_norm
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section
from napari_tesm.statistics.description import quartiles

_APART: Final = 0.1
"""Relative difference of D from which on a single voltage is warned of."""


def section_from_data(data: ReportData) -> Section | None:
    """Return both parts of the main scan and D of the odd one; None without two opposite voltages."""
    scan = data.main
    odd = _odd_maps(scan)
    if odd is None:
        return None
    section = Section("parity", "What turns round with the voltage, and what does not")
    section.paragraphs += list(parts_in_words(odd))
    for pulse, label in enumerate(labels_from_maps(odd)):
        even = even_summary(odd.isel(pulse=pulse))
        if even is not None:
            section.paragraphs.append(even_in_words(even, scan.unit))
            section.figures.append(_figure(scan, odd, pulse, label))
    rows = [] if odd is scan.maps or scan.maps is None else list(_rows(odd, scan.maps))
    if rows:
        section.tables.append(_table(rows))
        section.warnings += _warnings(rows)
    section.numbers |= {
        "scan": scan.name, "parts": parts_summary(odd),
        "even": [even_summary(odd.isel(pulse=pulse)) for pulse in range(odd.sizes["pulse"])],
    }  # fmt: skip
    return section


def _odd_maps(scan: ReportScan) -> xr.Dataset | None:
    """Return the maps of the odd part: those of the scan where it is one, else fitted as the scan was."""
    maps = scan.maps
    if maps is None:
        return None
    if COORDINATE in maps.coords:
        return maps if str(maps[COORDINATE].values[0]) == ODD else None
    if scan.evaluation is None or not pairs_of_settings(scan.voltages, _directions(maps)):
        return None
    # The voltages may be the recipe's, and are in the traces by now.
    recipe = replace(scan.evaluation.recipe, parity=ODD)
    return run(scan.evaluation.updated(recipe))


def _directions(maps: xr.Dataset) -> list[str]:
    return [str(way) for way in maps["direction"].values]


def _figure(scan: ReportScan, odd: xr.Dataset, pulse: int, label: str) -> ReportFigure:
    here = {name: map_of(odd, name, pulse) for name in odd.data_vars if name in MAP_KINDS}
    drawn = [name for name in (map_name(of, n) for of in ("D", "tau") for n in FITS) if name in here]
    drawn = [name for name in drawn if name[0] == drawn[0][0]]

    def draw(*axes: Any) -> None:
        scale = signed_norm([here["H"].values, here["even"].values])
        for axis, name in zip(axes, ("H", "even"), strict=False):
            draw_map(axis, here[name], map_title(name, label), cmap="RdBu_r", norm=scale)
        shared = logarithmic_norm([here[name].values for name in drawn])
        for axis, name in zip(axes[2:], drawn, strict=True):
            draw_map(axis, here[name], map_title(name, label), cmap="viridis", norm=shared)

    panels = 2 + len(drawn)
    return ReportFigure(
        f"parity_{pulse + 1}",
        f"{scan.name}: H of the odd part, the height of the even one while the voltage is on, in one scale of colours, "
        f"and {' and '.join(drawn)} of the odd part; n = {here['H'].size} pixels.",
        draw,
        row_size(here["H"], panels),
        panels,
    )


def _rows(odd: xr.Dataset, recorded: xr.Dataset) -> Iterator[list[Any]]:
    """Yield D of the odd part, and of each setting that it was made of, with the ratio pixel by pixel."""
    parts = Parts.from_attributes(odd.attrs)
    assert parts is not None
    labels = labels_from_maps(recorded)
    for pulse, pair in enumerate(parts.pairs):
        for number in FITS:
            name = map_name("D", number) if map_name("D", number) in odd else map_name("tau", number)
            if name not in odd or name not in recorded:
                continue
            of_odd = odd[name].isel(pulse=pulse).values
            settings = _settings_of(pair, recorded)
            yield [labels_from_maps(odd)[pulse], name, *_described(of_odd), None]
            for setting in settings:
                of_setting = recorded[name].isel(pulse=setting).values
                with np.errstate(invalid="ignore", divide="ignore"):
                    ratio = quartiles(of_setting / of_odd)[1]
                yield [labels[setting], name, *_described(of_setting), ratio]


def _settings_of(pair: PairMade, recorded: xr.Dataset) -> list[int]:
    volts = recorded["voltage"].values
    return [int(np.flatnonzero(volts == voltage)[0]) for voltage in pair.voltages if voltage in volts]


def _described(values: NDArray[np.floating]) -> list[float]:
    low, median, high = quartiles(values)
    return [int(np.isfinite(values).sum()), median, low, high]


def _table(rows: list[list[Any]]) -> Table:
    return Table(
        "parity",
        "D (without a radius tau) of the odd part and of the two settings it was made of; the ratio is the median over "
        "the pixels that have both.",
        [
            "part or pulse",
            "quantity",
            "pixels",
            "median",
            "quartile 1",
            "quartile 3",
            "over that of the odd part",
        ],
        [[row[0].strip("()"), *row[1:]] for row in rows],
    )


def _warnings(rows: list[list[Any]]) -> Iterator[str]:
    for label, name, *_, ratio in rows:
        if ratio is not None and np.isfinite(ratio) and abs(np.log(ratio)) > _APART:
            yield Sentence(
                "{name} {label} is {ratio} times that of the odd part: what is even in the voltage, an electrostatic "
                "step or a drift, is in it; {parity:odd} leaves it out.",
                name=name,
                label=label,
                ratio=f"{ratio:.3g}",
            )
