"""Both polarities on one scale, how alike they are, and whether the surface shines through (the paper's Fig. 4)."""

from dataclasses import asdict
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_tesm.data.maps import hot_in_words, map_of
from napari_tesm.findings.table import Table
from napari_tesm.plotting.maps import (
    MapFrame,
    draw_density,
    draw_height,
    draw_map,
    draw_overlay,
    draw_regions,
    draw_surface,
    row_size,
    signed_norm,
)
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.registration import Shift, shift_between
from napari_tesm.registration.information import SHARED, SharedInformation, shared_information
from napari_tesm.registration.maps import (
    Correlation,
    CrossTalk,
    correlation_between,
    cross_talk_from_maps,
    moved_map,
)
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section

_NO_SHIFT: Final = 0.05
"""Pixels; a shift that is smaller is none: registration is good to a tenth of a pixel."""
_MIRRORED: Final = 0.2
"""By how much a mirrored map must be more alike before the way back is taken to be stored in the order of time."""


def section_from_data(data: ReportData) -> Section | None:
    """Return maps and similarity of the positive and the negative pulse; None where there is no such pair."""
    scan = data.main
    pair = scan.polarity_pair
    if pair is None or scan.maps is None or "H" not in scan.maps:
        return None
    labels = [scan.labels[pulse] for pulse in pair]
    told = " and ".join(label.strip("()") for label in labels)
    section = Section("similarity", f"Both polarities, {told}: displacement and its cross-talk")
    heights = [map_of(scan.maps, "H", pulse) for pulse in pair]
    section.figures.append(_figure_of_maps(scan, labels, heights))
    sizes = [np.abs(np.asarray(height.values)) for height in heights]
    before = correlation_between(*sizes).pearson
    shift, aligned = None, sizes[1]
    try:
        shift = shift_between(*sizes)
    except ValueError as error:
        if not np.isfinite(before):
            return section.lacking(f"The two maps of H cannot be compared: {error}.")
        section.warnings.append(f"The two maps of H are compared as they are in the file: {error}.")
    if shift is not None and shift.after > shift.before and np.hypot(shift.dy, shift.dx) >= _NO_SHIFT:
        aligned = moved_map(sizes[1], shift.dy, shift.dx)
    surfaces = {name: np.asarray(image.values, dtype=np.float64) for name, image in scan.surfaces().items()}
    talk = cross_talk_from_maps(sizes[0], aligned, surfaces, spacing=scan.spacing)
    _say_how_alike(section, scan, labels, shift, before, talk, sizes, aligned)
    mean = (sizes[0] + aligned) / 2
    shared = {name: shared_information(mean, image) for name, image in surfaces.items()}
    section.figures.append(_figure_of_difference(scan, labels, heights[0], sizes[0], aligned, talk))
    section.figures += _figures_of_overlay(scan, pair)
    section.tables.append(_table(labels, talk, shared))
    section.warnings += [f"{sentence}" for sentence in talk.warnings]
    if not surfaces:
        section.missing.append(
            "Neither topography nor deflection error is in the file: cross-talk with the surface cannot be looked for."
        )
    section.numbers |= {
        "scan": scan.name,
        "pulses": labels,
        "shift_pixels": None if shift is None else {"dy": shift.dy, "dx": shift.dx},
        "shift": None if shift is None else dict(zip(("dy", "dx"), _lengths(scan, shift), strict=True)),
        "correlation_before": before,
        "correlation_after": talk.between.pearson,
        "between": asdict(talk.between),
        "with_surface": {name: asdict(corr) for name, corr in talk.with_surface.items()},
        "shared_information": {name: asdict(each) for name, each in shared.items()},
    }
    return section


def _figure_of_maps(scan: ReportScan, labels: list[str], heights: list[xr.DataArray]) -> ReportFigure:
    surface = scan.surface("deflection_error")
    name = "deflection error"
    if surface is None:
        surface, name = scan.surface("topography"), "topography"
    norm = signed_norm([np.asarray(height.values, dtype=np.float64) for height in heights])
    panels = len(heights) + (surface is not None)

    def draw(*axes: Axes) -> None:
        if surface is not None:
            draw_surface(axes[0], surface, name)
            draw_regions(axes[0], MapFrame.of(surface), scan.regions)
        for axis, height, label in zip(axes[-2:], heights, labels, strict=True):
            draw_height(axis, height, label, scan.points if axis is axes[-1] else (), norm=norm)

    counted = [f"{np.isfinite(height.values).sum()} pixels{hot_in_words(height)}" for height in heights]
    first = f"{name} with {_words_of_regions(scan)}; " if surface is not None else ""
    directions = [str(height["direction"].values) for height in heights]
    ways = " and ".join(
        f"H {label}{f', {way}' if way else ''}" for label, way in zip(labels, directions, strict=True)
    )
    return ReportFigure(
        "similarity_maps",
        f"{scan.name}: {first}{ways}, signed, on one colour scale (n = {counted[0]} and {counted[1]}"
        f"{'; points as in the curves' if scan.points else ''}).",
        draw,
        row_size(heights[0], panels),
        panels,
    )


def _figures_of_overlay(scan: ReportScan, pair: tuple[int, int]) -> list[ReportFigure]:
    """Return |H| of the main pulse over each image of the surface there is, as in the paper's Fig. 3."""
    assert scan.maps is not None
    surfaces = scan.surfaces()
    if not surfaces:
        return []
    pulse = scan.main_pulse if scan.main_pulse in pair else pair[1]
    height, label = map_of(scan.maps, "H", pulse), scan.labels[pulse]

    def draw(*axes: Axes) -> None:
        for axis, (name, image) in zip(axes, surfaces.items(), strict=True):
            draw_overlay(axis, image, height, f"|H| over the {name}")

    over = " and ".join(f"the {name}" for name in surfaces)
    return [
        ReportFigure(
            "similarity_overlay",
            f"{scan.name}: |H| {label} over {over}, opaque where it is large.",
            draw,
            row_size(height, len(surfaces)),
            len(surfaces),
        )
    ]


def _words_of_regions(scan: ReportScan) -> str:
    if not scan.regions:
        return "no regions"
    count = f"{len(scan.regions)} region{'' if len(scan.regions) == 1 else 's'}"
    return f"{count} (steps proposed by the program)" if scan.regions_proposed else count


def _figure_of_difference(
    scan: ReportScan,
    labels: list[str],
    like: xr.DataArray,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    talk: CrossTalk,
) -> ReportFigure:
    difference = like.copy(data=talk.difference)

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.2, 1.0))
        draw_map(
            left,
            difference,
            f"|H| {labels[1]} − |H| {labels[0]}",
            cmap="PuOr_r",
            norm=signed_norm([talk.difference]),
        )
        draw_density(right, first, second, names=(labels[0], labels[1]), unit=scan.unit)
        right.set_title(f"r = {talk.between.pearson:.2f}", fontsize=11)

    return ReportFigure(
        "similarity_difference",
        f"Left: difference of |H|, {labels[1]} less {labels[0]}, after the shift. Right: one against the other, "
        f"pixel by pixel (n = {talk.between.n}; hot pixels beyond the 99.5th percentile are outside), grey as "
        "the root of the number of pixels, equality dashed.",
        draw,
        row_size(like, 2, width=9.0),
    )


def _say_how_alike(
    section: Section,
    scan: ReportScan,
    labels: list[str],
    shift: Shift | None,
    before: float,
    talk: CrossTalk,
    sizes: list[NDArray[np.float64]],
    aligned: NDArray[np.float64],
) -> None:
    between = talk.between
    if shift is None:
        where = "by no shift that could be measured"
    elif np.hypot(shift.dy, shift.dx) < _NO_SHIFT:
        where = f"without a shift, to {_NO_SHIFT:g} pixels"
    else:
        far = float(np.hypot(*_lengths(scan, shift)))
        where = (
            f"when it is shifted by {shift.dx:+.2f} pixels across and {shift.dy:+.2f} down "
            f"({text_from_quantity(far, scan.lateral_unit, digits=2)})"
        )
    hot = int(sum(np.isnan(size).sum() for size in sizes))
    section.paragraphs.append(
        f"|H| {labels[1]} lies on |H| {labels[0]} {where}; their correlation is r = {before:.2f} as they are in "
        f"the file and r = {between.pearson:.2f} ({between.low:.2f} to {between.high:.2f}) as they are compared below. "
        f"Spearman's rank correlation is {between.spearman:.2f}; n = {between.n} pixels; {hot} hot or missing "
        "pixels of the two maps are left out."
    )
    mirrored = correlation_between(sizes[0], sizes[1][:, ::-1]).pearson
    if np.isfinite(mirrored) and mirrored > between.pearson + _MIRRORED:
        section.warnings.append(
            f"|H| {labels[1]} is more like |H| {labels[0]} when it is mirrored (r = {mirrored:.2f} rather than "
            f"{between.pearson:.2f}): the recorder may have stored the way back in the order of time. Import it with "
            "the lines of the way back reversed."
        )
    medians = [float(np.nanmedian(size)) for size in (sizes[0], aligned)]
    if medians[0] > 0:
        section.paragraphs.append(
            f"The median of |H| is {text_from_quantity(medians[0], scan.unit, digits=3)} {labels[0]} and "
            f"{text_from_quantity(medians[1], scan.unit, digits=3)} {labels[1]}, a ratio of "
            f"{medians[1] / medians[0]:.2f}."
        )
    for name, corr in talk.with_surface.items():
        if np.isfinite(corr.pearson):
            section.paragraphs.append(_sentence_about_surface(name, corr))


def _lengths(scan: ReportScan, shift: Shift) -> tuple[float, float]:
    """Return a shift (dy, dx) in the lateral unit."""
    return shift.dy * scan.spacing[0], shift.dx * scan.spacing[1]


def _sentence_about_surface(name: str, corr: Correlation) -> str:
    verdict = "follows" if corr.certain and abs(corr.pearson) >= 0.3 else "hardly follows"
    if not corr.certain:
        verdict = "does not follow"
    return (
        f"|H| {verdict} the {name}: r = {corr.pearson:.2f} ({corr.low:.2f} to {corr.high:.2f}), rank correlation "
        f"{corr.spearman:.2f}, n = {corr.n}."
    )


def _table(labels: list[str], talk: CrossTalk, shared: dict[str, SharedInformation]) -> Table:
    rows: list[list[Any]] = []
    for name, corr in ((f"|H| {labels[0]} with |H| {labels[1]}", talk.between), *talk.with_surface.items()):
        shown = name if name.startswith("|H|") else f"mean |H| with {name}"
        bits, p = (shared[name].bits, shared[name].p_value) if name in shared else (None, None)
        rows.append([shown, corr.pearson, corr.low, corr.high, corr.spearman, corr.n, bits, p])
    return Table(
        "similarity",
        "Correlations of the maps, hot pixels left out; the 95 % interval of r (Fisher) counts independent pixels. "
        + SHARED,
        ["maps", "Pearson r", "from", "to", "Spearman", "pixels", "shared bits", "p, shared"],
        rows,
    )
