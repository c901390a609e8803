"""A report on electrode volumes: thickness, sections across and along the collector, attenuation, state by state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from napari_tesm.findings.table import Column, Table
from napari_tesm.plotting.maps import draw_map, map_extent, map_proportion
from napari_tesm.plotting.style import SCREEN, FigureStyle
from napari_tesm.plotting.volume_states import Bar, draw_states
from napari_tesm.plotting.volumes import (
    draw_attenuation,
    draw_profiles,
    draw_thickness_histogram,
    draw_upright,
)
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.report.assembling import Report, drawn_figure
from napari_tesm.report.data import InputFile
from napari_tesm.report.methods import versions
from napari_tesm.report.section import ReportFigure, Section
from napari_tesm.report.volumes.bodies import section_from_contents
from napari_tesm.volumes.bodies import LEAST
from napari_tesm.volumes.contents import Contents, contents_of
from napari_tesm.volumes.dataset import INTENSITY, shape_in_words, voxel_in_words, voxel_of
from napari_tesm.volumes.levels import Levels, levels_of
from napari_tesm.volumes.profile import COLUMNS, Profile, profile_of
from napari_tesm.volumes.sections import section_at
from napari_tesm.volumes.surfaces import notes_of, nothing_lies_on, surfaces_of
from napari_tesm.volumes.thickness import Thickness, thickness_of_electrode

Progress = Callable[[float, str], None]
_LARGEST: Final = 0.3
"""Attenuation at the end of the colours, the same for all states."""
_THIN: Final = 4
"""Voxels of mean thickness below which the blur of the collector makes up the electrode."""


@dataclass(frozen=True, eq=False)
class ReportedState:
    """What a report shows of one volume; nothing of it is as large as the volume.

    Parameters
    ----------
    name : str
    shape : tuple of int
    voxel : tuple of float, in m
    levels : Levels
    surfaces : Dataset
    thickness : Thickness
    profile : Profile or None
        None where nothing lies on the collector, or all of it reaches the top of the volume.
    upright, parallel : DataArray
        Attenuation on the upright section through the middle, and at a height above the collector.
    simulated : bool
    notes : tuple of str
    contents : Contents or None
        None where nobody asked for them, or the top of the volume cuts the electrode off.
    with_contents : bool
        Whether they were asked for.
    """

    name: str
    shape: tuple[int, ...]
    voxel: tuple[float, float, float]
    levels: Levels
    surfaces: xr.Dataset
    thickness: Thickness
    profile: Profile | None
    upright: xr.DataArray
    parallel: xr.DataArray
    simulated: bool = False
    notes: tuple[str, ...] = field(default=())
    contents: Contents | None = None
    with_contents: bool = False

    @property
    def electrode(self) -> float | None:
        """Grey value of the electrode, None where nothing lies on the collector or nobody can tell."""
        level: float | None = self.surfaces.attrs["electrode_level"] if self.surfaces.attrs["air"] else None
        return level

    @property
    def has_thickness(self) -> bool:
        """Whether there is an electrode whose thickness is known."""
        return self.electrode is not None and self.thickness.known


def reported_state(
    name: str,
    volume: xr.Dataset,
    *,
    height: float,
    bodies: bool = False,
    least: float = LEAST,
    tortuosity: bool = False,
    progress: Progress | None = None,
) -> ReportedState:
    """Measure what a report shows of a volume.

    Parameters
    ----------
    name : str
        What the state is called.
    volume : Dataset
    height : float
        Of the section that follows the collector, in m.
    bodies : bool
        Look for gaps, agglomerates, particles and pores, too.
    least : float
        Diameter of the smallest agglomerate, in m.
    tortuosity : bool
        With the bodies, solve the diffusion through pores and solid.
    progress : callable, optional

    Raises
    ------
    ValueError
        If there are no air and no collector in it, the section lies outside, or agglomerates of that size cannot be
        told in the volume.
    """
    levels = levels_of(volume)
    end = 0.6 if bodies else 1.0
    surfaces = surfaces_of(volume, levels, progress=_part(progress, 0, 0.6 * end))
    found = surfaces["thickness"].notnull().any() and not nothing_lies_on(surfaces)
    profile = (
        profile_of(volume, levels, surfaces, progress=_part(progress, 0.6 * end, end)) if found else None
    )
    contents = None
    if bodies and surfaces["thickness"].notnull().any():
        part = _part(progress, end, 1)
        contents = contents_of(volume, levels, surfaces, least=least, tortuosity=tortuosity, progress=part)
    middle = volume[INTENSITY].shape[1] // 2
    cut = volume[INTENSITY][:, middle]
    upright = xr.DataArray(
        levels.normalised(cut.values.astype(np.float32)),
        {axis: volume[axis] for axis in ("z", "x")},
        ("z", "x"),
    )
    return ReportedState(
        name, volume[INTENSITY].shape, voxel_of(volume), levels, surfaces, thickness_of_electrode(surfaces),
        profile, upright, section_at(volume, levels, surfaces, height), bool(volume.attrs.get("simulated", False)),
        tuple(notes_of(volume, surfaces)), contents, bodies,
    )  # fmt: skip


def report_from_states(
    states: Sequence[ReportedState],
    *,
    height: float,
    title: str,
    more: Sequence[Section] = (),
    digest: str = "",
    files: Sequence[InputFile] = (),
    style: FigureStyle = SCREEN,
) -> Report:
    """Return the report on some states, or on what other sections hold, its figures drawn.

    Parameters
    ----------
    states : sequence of ReportedState
    height : float
        Of the sections that follow the collector, in m.
    title : str
        Heading of the page.
    more : sequence of Section
        What stands below the states: ions in particles, a scan on a section.
    digest : str
        Of the recipe that made the maps of such a scan.
    files : sequence of InputFile
    style : FigureStyle
    """
    sections = [_thickness(states), _sections(states, height), _attenuation(states)] if states else []
    contents = {state.name: state.contents for state in states if state.with_contents}
    if contents:
        sections.append(section_from_contents(contents))
    sections += more
    drawn = {figure.name: drawn_figure(figure, style) for section in sections for figure in section.figures}
    warnings = [("", f"{state.name} is a simulated volume.") for state in states if state.simulated]
    warnings += [("", f"{state.name}: {note}") for state in states for note in state.notes]
    warnings += [(section.slug, sentence) for section in sections for sentence in section.warnings]
    missing = [(section.slug, sentence) for section in sections for sentence in section.missing]
    return Report(
        title,
        sections,
        drawn,
        warnings,
        missing,
        _methods(states),
        files,
        {},
        versions=versions(),
        digest=digest,
    )


def _thickness(states: Sequence[ReportedState]) -> Section:
    section = Section("electrode_thickness", "Thickness")
    section.paragraphs.append(
        "Mean and standard deviation over the field of view. The standard deviation is the electrode's own "
        "heterogeneity; the error of the mean counts as many independent columns as the map has, and says "
        "nothing of how "
        "samples differ."
    )
    bars = [
        Bar(state.name, "", state.thickness.mean, state.thickness.sd, state.thickness.mean_error)
        for state in states
        if state.has_thickness
    ]
    if len(bars) > 1:
        caption = f"Mean thickness of {len(bars)} states, one field of view each."
        section.figures.append(
            ReportFigure("thickness_of_states", caption, lambda figure: draw_states(figure, bars), (6.0, 3.6))
        )
    for number, state in enumerate(states):
        if nothing_lies_on(state.surfaces):
            section.missing.append(f"{state.name}: nothing lies on the collector, there is no thickness.")
            continue
        if not state.has_thickness:
            section.missing.append(
                f"{state.name}: the top of the volume cuts the electrode off, there is no thickness."
            )
            continue
        if state.thickness.mean < _THIN * state.voxel[0]:
            section.warnings.append(
                f"{state.name}: the electrode is thinner than {_THIN} voxels, which is the collector's blur rather "
                "than a layer."
            )
        section.figures.append(_thickness_figure(number, state))
    columns = (
        "state", Column("mean", "m", 4), Column("± sd", "m", key="sd"),
        Column("error of the mean", "m", key="mean_error"), Column("independent columns", key="independent"),
        Column("air", digits=5), Column("collector", digits=5), Column("electrode", digits=5),
    )  # fmt: skip
    rows = [
        [
            state.name,
            *(asdict(state.thickness).values() if state.has_thickness else [None] * 4),
            state.levels.air, state.levels.collector, state.electrode,
        ]
        for state in states
    ]  # fmt: skip
    section.tables.append(
        Table("electrode_thickness", "Thickness, and the grey values that it was found by.", columns, rows)
    )
    section.numbers["states"] = [_numbers(state) for state in states]
    return section


def _thickness_figure(number: int, state: ReportedState) -> ReportFigure:
    thickness = state.surfaces["thickness"]

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("constrained")
        left, right = figure.subplots(1, 2)
        draw_map(left, thickness, "", cmap="viridis")
        draw_thickness_histogram(right, thickness)

    mean, sd, error = (
        text_from_quantity(value, "m", digits=3)
        for value in (state.thickness.mean, state.thickness.sd, state.thickness.mean_error)
    )
    count = int(thickness.count())
    caption = (
        f"{state.name}: thickness in {count} columns, {mean} ± {sd} (standard deviation over the field; error of the "
        f"mean {error})."
    )
    return ReportFigure(f"thickness_{number + 1}", caption, draw, (9.0, _height(thickness, 2)))


def _sections(states: Sequence[ReportedState], height: float) -> Section:
    section = Section("electrode_sections", "Sections")
    words = text_from_quantity(height, "m")
    section.paragraphs.append(
        f"Attenuation, air 0 and collector 1, in colours that end at {_LARGEST:g} for all states: low (blue) "
        "where lithium "
        f"is. The sections from above follow the collector's surface at {words}, column by column."
    )
    for number, state in enumerate(states):

        def draw(figure: Figure, state: ReportedState = state) -> None:
            figure.set_layout_engine("constrained", wspace=0.08)
            left, right = figure.subplots(1, 2)
            middle = state.shape[1] // 2
            draw_upright(left, state.upright, state.surfaces.isel(y=middle), largest=_LARGEST)
            left.set_title("across the collector", fontsize=10)
            image = draw_attenuation(right, state.parallel, largest=_LARGEST)
            right.set_title(f"{words} above it", fontsize=10)
            figure.colorbar(image, ax=[left, right], label="Attenuation", extend="max", fraction=0.03)

        place = text_from_quantity(float(state.surfaces["y"].values[state.shape[1] // 2]), "m", digits=4)
        out = int(np.isnan(state.parallel.values).sum())
        caption = (
            f"{state.name}: upright section at y = {place} with the surfaces of collector (white) and electrode, "
            "and the "
            f"section {words} above the collector."
        )
        if out:
            caption += (
                f" In {out} of {state.parallel.size} columns it leaves the volume or what is known of it."
            )
        section.figures.append(
            ReportFigure(f"sections_{number + 1}", caption, draw, (9.0, _height(state.parallel, 2)))
        )
    return section


def _attenuation(states: Sequence[ReportedState]) -> Section:
    section = Section("electrode_attenuation", "Attenuation against the distance from the collector")
    profiles = {state.name: state.profile for state in states if state.profile is not None}
    if not profiles:
        return section.lacking(
            "There is no electrode between air and collector in any state: there is no profile."
        )
    section.paragraphs.append(
        "The distance is Euclidean, from the collector's rough surface. In the nearest voxels its blur is mixed "
        "in: that "
        "zone is grey."
    )
    band = (
        "the bands are the errors of the means"
        if len(profiles) > 1
        else "with the standard deviation of voxels"
    )
    caption = f"Mean attenuation of all voxels at a distance from the collector, {band}."
    section.figures.append(
        ReportFigure("attenuation", caption, lambda axes: draw_profiles(axes, profiles), (7.0, 4.0), panels=1)
    )
    columns: list[Column | str] = ["state", Column("distance", "m"), *(Column(name) for name in COLUMNS[1:])]
    rows = [
        [name, *(float(getattr(profile, column)[place]) for column in COLUMNS)]
        for name, profile in profiles.items()
        for place in range(profile.distance.size)
    ]
    caption = (
        "Attenuation against distance; within: below the electrode's surface alone; share: the part that is."
    )
    section.tables.append(Table("electrode_attenuation", caption, columns, rows, on_page=False))
    section.numbers["profiles"] = {
        name: {column: getattr(profile, column).tolist() for column in COLUMNS}
        | {"mixed_below": profile.mixed_below}
        for name, profile in profiles.items()
    }
    return section


def _methods(states: Sequence[ReportedState]) -> list[str]:
    volumes = "; ".join(
        f"{state.name}: {shape_in_words(state.shape)} voxels of {voxel_in_words(state.voxel)}"
        for state in states
    )
    listed = ", ".join(f"{name} {version}" for name, version in versions().items())
    if not states:
        return [f"Made with {listed}."]
    return [
        f"Volumes (slices, rows, columns): {volumes}.",
        "Grey values of air and collector are what is most frequent in the highest and the lowest slices. In "
        "each column "
        "the collector ends where the likelihood of a change from one to the other is largest, within the voxel "
        "where the "
        "area under the edge says; the electrode where the same likelihood, between electrode and air, is "
        "largest near a "
        "smooth first surface. Thickness is the height between both.",
        f"Made with {listed}.",
    ]


def _numbers(state: ReportedState) -> dict[str, Any]:
    return {
        "name": state.name,
        "shape": list(state.shape),
        "voxel": list(state.voxel),
        "levels": {
            "air": state.levels.air,
            "collector": state.levels.collector,
            "electrode": state.electrode,
        },
        "thickness": asdict(state.thickness) if state.has_thickness else None,
        "simulated": state.simulated,
    }


def _height(values: xr.DataArray, panels: int) -> float:
    """Return the height in inches of a row of maps on a page of nine."""
    return float(np.clip((9.0 / panels - 1.3) * map_proportion(map_extent(values)[0]) + 0.9, 2.2, 7.0))


def _part(progress: Progress | None, start: float, stop: float) -> Progress | None:
    if progress is None:
        return None
    return lambda fraction, words: progress(start + (stop - start) * fraction, words)
