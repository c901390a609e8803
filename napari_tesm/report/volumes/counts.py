"""Section of a report on ions in particles, from the JSON of ``tesm volume counts``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from napari_tesm.findings.table import AS_IT_IS, Column, Table
from napari_tesm.plotting.volumes import draw_counts
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.report.section import ReportFigure, Section
from napari_tesm.volumes.counting import Counts, Course, ParticleCounts

_ON_THE_PAGE: Final = 40
_UNEVEN: Final = 0.001
"""Probability below which a particle is called uneven, as in the figure."""


def counts_from_numbers(numbers: Mapping[str, Any]) -> Counts:
    """Return counts of ions from their numbers in JSON, where None stands for what is not known.

    Raises
    ------
    ValueError
        If something is missing or no number.
    """
    try:
        particles = []
        for row in numbers["particles"]:
            known = {name: row[name] for name in ParticleCounts.__dataclass_fields__}
            for name, value in known.items():
                if name in ("centroid", "interval", "spread_interval"):
                    known[name] = tuple(map(_number, value))
                else:
                    known[name] = int(value) if name in ("number", "voxels", "counts") else _number(value)
            particles.append(ParticleCounts(**known))
        courses = {name: _course(numbers[name]) for name in ("from_rim", "from_crack")}
        return Counts(tuple(particles), float(numbers["blur"]), _number(numbers["background"]), **courses)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("counts of ions are incomplete in it") from error


def section_from_counts(numbers: Mapping[str, dict[str, Any]]) -> Section:
    """Return the section on ions in particles.

    Parameters
    ----------
    numbers : mapping of str to dict
        The JSON of ``tesm volume counts``, by names.

    Raises
    ------
    ValueError
        If one of them is no such content.
    """
    section = Section("ion_counts", "Ions in particles")
    section.paragraphs.append(
        "Mean of each particle without cracks, voids and rims that the blur reaches, with its exact Poisson interval "
        "(95 %; Garwood 1936). The dispersion, variance over mean, is 1 where the concentration is the same "
        f"everywhere and only counting scatters; p below {_UNEVEN:g} says that it is not, and the spread is what is "
        "left of the standard deviation without the counting. Courses are in parts of each particle's mean; dashed "
        "is what they would be were it the same everywhere: that much of a fall at a rim is blur."
    )
    rows, courses = [], []
    for place, (name, content) in enumerate(numbers.items()):
        try:
            counts = counts_from_numbers(content)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        section.figures.append(_figure(place, name, content.get("peak"), counts))
        section.warnings += [f"{name}: {note}" for note in content["notes"]]
        if content.get("simulated"):
            section.warnings.append(f"{name}: simulated volumes.")
        rows += [_row(name, particle) for particle in counts.particles]
        for along, course in (("depth", counts.from_rim), ("distance from a crack", counts.from_crack)):
            if course is None:
                section.missing.append(f"{name}: there is no course of counts against the {along}.")
                continue
            values = (getattr(course, key).tolist() for key in Course.__dataclass_fields__)
            courses += [[name, along, *cells] for cells in zip(*values, strict=True)]
    columns: list[Column | str] = [
        "counts", "number", Column("z", "m"), Column("y", "m"), Column("x", "m"),
        Column("volume", "m³", scale=AS_IT_IS), "cracks", "voxels", Column("ions", digits=8),
        Column("mean", digits=4), Column("low", digits=4), Column("high", digits=4), "dispersion", "p", "spread",
        Column("spread, low", key="spread_low"), Column("spread, high", key="spread_high"),
        Column("in cracks over solid", key="in_cracks"),
    ]  # fmt: skip
    caption = "Each particle: centroid, volume, the part of it that is cracks, and the ions in its solid."
    section.tables.append(Table("ion_counts", caption, columns, rows, on_page=len(rows) <= _ON_THE_PAGE))
    caption = "Counts in parts of each particle's mean, below the surface and beside cracks."
    heads: list[Column | str] = [
        "counts",
        "against",
        Column("distance", "m"),
        *list(Course.__dataclass_fields__)[1:],
    ]
    section.tables.append(Table("ion_courses", caption, heads, courses, on_page=False))
    section.numbers |= numbers
    return section


def _row(name: str, particle: ParticleCounts) -> list[Any]:
    return [
        name, particle.number, *particle.centroid, particle.volume, particle.cracks, particle.voxels, particle.counts,
        particle.mean, *particle.interval, particle.dispersion, particle.p, particle.spread,
        *particle.spread_interval, particle.in_cracks,
    ]  # fmt: skip


def _figure(place: int, name: str, peak: str | None, counts: Counts) -> ReportFigure:
    def draw(figure: Figure) -> None:
        draw_counts(figure, counts)

    uneven = sum(particle.p < _UNEVEN for particle in counts.particles)
    blur = text_from_quantity(counts.blur, "m", digits=2)
    caption = (
        f"{name}: counts{f' of {peak}' if peak else ''} in {len(counts.particles)} particles, {uneven} of them more "
        f"uneven than counting makes it; blur {blur} (standard deviation)."
    )
    return ReportFigure(f"ion_counts_{place + 1}", caption, draw, (10.0, 3.4))


def _course(numbers: Mapping[str, Any] | None) -> Course | None:
    if numbers is None:
        return None
    columns: dict[str, Any] = {
        name: np.array([_number(value) for value in numbers[name]], dtype=np.float64)
        for name in Course.__dataclass_fields__
    }
    if len({column.size for column in columns.values()}) != 1:
        raise ValueError("the columns of a course differ in length")
    whole = {name: columns[name].astype(np.int64) for name in ("voxels", "counts")}
    return Course(**(columns | whole))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
