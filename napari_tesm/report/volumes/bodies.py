"""Section of a report on what lies in electrodes: gaps, agglomerates, particles, pores, ways through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from napari_tesm.findings.table import AS_IT_IS, Column, Table
from napari_tesm.plotting.maps import map_extent, map_proportion
from napari_tesm.plotting.volumes import draw_contents
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.report.section import ReportFigure, Section
from napari_tesm.volumes.contents import Contents, numbers_from_contents

_ON_THE_PAGE: Final = 20
"""Agglomerates up to which each has its row on the page."""


def section_from_contents(asked: Mapping[str, Contents | None]) -> Section:
    """Return the section on what lies in the electrodes of some states.

    Its numbers are those of the JSON of ``tesm volume bodies``.

    Parameters
    ----------
    asked : mapping of str to Contents or None
        By the names of states; None where the top of the volume cuts the electrode off.
    """
    section = Section("electrode_bodies", "Gaps, agglomerates, particles")
    section.missing += [
        f"{name}: the top of the volume cuts the electrode off, what lies in it is not told."
        for name, each in asked.items()
        if each is None
    ]
    contents = {name: each for name, each in asked.items() if each is not None}
    if not contents:
        return section
    section.paragraphs.append(
        "Every number stands with its band: what it is when the threshold behind it lies a tenth of the contrast lower "
        "or higher. A number whose band is wide is a statement about the threshold. The control is what the search "
        "for a gap finds when it begins in the middle of the electrode: where it is not much smaller than the gap, "
        "what was found is pores."
    )
    for number, (name, each) in enumerate(contents.items()):
        if not (each.gap.area_fraction or each.bodies.agglomerates):
            section.paragraphs.append(f"{name}: neither a gap nor agglomerates were found.")
        else:
            section.figures.append(_figure(number, name, each))
        if not np.isfinite(each.bodies.particles[0]):
            finest = text_from_quantity(each.bodies.resolution, "m", digits=3)
            section.missing.append(
                f"{name}: no particles stand out; those finer than {finest} are below the resolution."
            )
        if not np.isfinite(each.bodies.pores[0]):
            section.missing.append(f"{name}: the noise hides the pores.")
        if each.with_ways and each.ways is None:
            section.missing.append(
                f"{name}: the tortuosity is not told; the noise hides the pores, or the electrode is too "
                "thin or uneven."
            )
    numbers = {name: numbers_from_contents(each) for name, each in contents.items()}
    section.tables += _tables(numbers)
    section.tables.append(_agglomerates(contents))
    ways = [
        [name, way, found["share"], found["tortuosity"], *found["tortuosity_band"]]
        for name, each in numbers.items()
        for way, found in (each.get("transport") or {}).items()
    ]
    if ways:
        columns: list[Column | str] = [
            "state",
            "through",
            "share of the box",
            *_banded("tortuosity", "factor"),
        ]
        caption = "Tortuosity factor along z in a box in the middle of the electrode; empty where no way leads through."
        section.tables.append(Table("electrode_tortuosity", caption, columns, ways))
    section.numbers["states"] = numbers
    return section


def _banded(key: str, title: str, unit: str = "") -> tuple[Column, ...]:
    return tuple(
        Column(f"{title}{words}", unit, key=f"{key}{end}", scale=key)
        for words, end in (("", ""), (", lower threshold", "_lower"), (", higher threshold", "_higher"))
    )


def _tables(numbers: Mapping[str, dict[str, Any]]) -> list[Table]:
    gaps, bodies, phases = [], [], []
    for name, each in numbers.items():
        gap, particles, pores, material = (each[key] for key in ("gap", "particles", "pores", "material"))
        gaps.append(
            [name, gap["area_fraction"], *gap["area_fraction_band"], gap["height"], *gap["height_band"], gap["control"]]
        )  # fmt: skip
        bodies.append(
            [name, each["count"], *map(int, each["count_band"]), each["diameter"], *each["diameter_band"]]
        )
        phases.append(
            [name, particles["share"], *particles["share_band"], particles["beside"], particles["resolution"],
             pores["share"], *pores["share_band"], *material.values()]
        )  # fmt: skip
    return [
        Table(
            "electrode_gaps", "Air between collector and electrode: part of the area, mean height, and the control.",
            ("state", *_banded("area", "part of the area"), *_banded("height", "height", "m"), "control"), gaps,
        ),
        Table(
            "electrode_bodies", "Agglomerates, and the mean diameter of those that no border cuts.",
            ("state", *_banded("count", "agglomerates"), *_banded("diameter", "mean diameter", "m")), bodies,
        ),
        Table(
            "electrode_phases",
            "Parts of the electrode that are particles and pores, both above the resolution; and its material, as a "
            "thickness of collector that attenuates as much.",
            ("state", *_banded("particles", "particles"), "particles beside agglomerates", Column("resolution", "m"),
             *_banded("pores", "pores"), Column("material", "m"), Column("± sd", "m", key="sd"),
             Column("error of the mean", "m", key="mean_error")),
            phases,
        ),
    ]  # fmt: skip


def _agglomerates(contents: Mapping[str, Contents]) -> Table:
    rows = []
    for name, each in contents.items():
        for number, body in enumerate(each.bodies.agglomerates, start=1):
            known = asdict(body) | dict(zip("zyx", body.centroid, strict=True))
            rows.append(
                [name, number, *(known[key] for key in ("diameter", "volume", "z", "y", "x", "height", "clearance",
                                                        "attenuation", "below", "cut"))]
            )  # fmt: skip
    columns = (
        "state", "number", Column("diameter", "m"), Column("volume", "m³", scale=AS_IT_IS), Column("z", "m"),
        Column("y", "m"), Column("x", "m"), Column("height", "m"), Column("clearance", "m"), "attenuation",
        Column("particles below", key="below"), Column("cut by the border", key="cut"),
    )  # fmt: skip
    caption = (
        "Each agglomerate: diameter of a ball of its volume, place of its centroid, heights of the centroid and of its "
        "lowest part above the collector, and the part of the electrode under it that is particles."
    )
    return Table("electrode_agglomerates", caption, columns, rows, on_page=0 < len(rows) <= _ON_THE_PAGE)


def _figure(number: int, name: str, contents: Contents) -> ReportFigure:
    def draw(figure: Figure) -> None:
        draw_contents(figure, contents)

    gap, count = contents.gap, len(contents.bodies.agglomerates)
    caption = f"{name}: height of the gap, {100 * gap.area_fraction:.2g} % of the area"
    caption += f", and the {count} agglomerates by their numbers." if count else "; no agglomerates."
    proportion = map_proportion(map_extent(gap.map)[0])
    height = float(np.clip((9.0 / 2 - 1.3) * proportion + 0.9, 2.2, 7.0))
    return ReportFigure(f"bodies_{number + 1}", caption, draw, (9.0, height))
