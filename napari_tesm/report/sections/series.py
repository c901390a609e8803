"""A voltage series: maps on one scale, points and histograms against the voltage, verdicts (the paper's Fig. 6)."""

from dataclasses import asdict, replace
from typing import Any, Final

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tesm.data.maps import FITS, map_name
from napari_tesm.files.sentences import sentence_begun
from napari_tesm.findings.table import Table
from napari_tesm.plotting.maps import row_size
from napari_tesm.plotting.series import (
    draw_distribution_trend,
    draw_point_values,
    draw_series_histograms,
    draw_series_maps,
    draw_shifts,
    draw_verdicts,
    map_columns,
    members_with_values,
)
from napari_tesm.plotting.theme import colour_of_point
from napari_tesm.regions.shapes import PinnedPoint
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section
from napari_tesm.report.series_tables import (
    table_of_curves,
    table_of_distributions,
    table_of_registration,
    table_of_verdicts,
)
from napari_tesm.series import (
    AlignedSeries,
    Distributions,
    PointCurve,
    RegionCurve,
    SeriesFindings,
    counts_of_verdicts,
    equality_of_points,
)

_MOST_POINTS: Final = 12
_MOST_MAPS: Final = 12


def section_from_data(data: ReportData) -> Section | None:
    """Return the series of each polarity and scan direction; what is missing where there is none."""
    section = Section("series", "Voltage series")
    if not data.aligned:
        section.missing.append(
            "There is no voltage series: that takes scans of one area with pulses of two or more voltages of one sign. "
            "Give the files of all voltages."
        )
        if len(data.scans) > 1:
            section.missing += list(
                dict.fromkeys(sentence for series in data.series for sentence in series.missing)
            )
        return section
    for number, aligned in enumerate(data.aligned):
        _add_series(section, aligned, data.main, "series" if number == 0 else f"series{number + 1}")
    alone = [series.name for series in data.series if series.levels.size == 1]
    if alone:
        section.missing.append(f"There is one voltage only of these: {'; '.join(alone)}.")
    return section


def _add_series(section: Section, aligned: AlignedSeries, main: ReportScan, stem: str) -> None:
    series = aligned.series
    findings = SeriesFindings(aligned)
    noise = findings.noise()
    points = [
        replace(point, colour=point.colour or colour_of_point(point.number))
        for point in main.points[:_MOST_POINTS]
    ]
    curves = findings.points(points)
    verdicts, distributions = findings.verdicts, findings.distributions
    others = {name: findings.points(points, name) for name in _names_of_maps(aligned)}
    parts = findings.regions(main.regions)
    more: dict[str, Any] = {}
    counts = counts_of_verdicts(verdicts)
    total = sum(counts.values())
    named = ", ".join(f"{100 * count / total:.0f} % {name}" for name, count in counts.items() if count)
    section.paragraphs.append(
        f"{sentence_begun(series.name)}: {', '.join(series.labels)}. "
        + " ".join(scan.sentence for scan in aligned.alignments)
    )
    if curves:
        section.paragraphs.append(" ".join(curve.sentence for curve in curves))
        section.paragraphs.append(" ".join(filter(None, (curve.first_step for curve in curves))))
        equality = equality_of_points(curves)
        if equality is not None:
            section.paragraphs.append(equality.sentence)
            more["equality"] = asdict(equality)
    section.paragraphs.append(
        f"Of all {total} pixels, each judged with its two neighbours along the fast axis: {named}. Of pixels whose H "
        "does not depend on the voltage 5 % are called something else by chance. "
        + " ".join(distributions.sentences)
    )
    section.figures += _figures(aligned, points, curves, others, verdicts, distributions, stem)
    section.tables += [
        table_of_registration(aligned, f"{stem}_registration"),
        *(_tables_of(curves, others, f"{stem}_points", f"{stem}_verdicts") if curves else []),
        table_of_distributions(distributions, f"{stem}_histograms"),
    ]
    if parts:
        _add_regions(section, findings, main, parts, stem)
    section.missing += [sentence for sentence in series.missing if sentence not in section.missing]
    if not points:
        section.missing.append("No point is pinned, and none could be chosen: H is not followed at points.")
    section.warnings += [scan.warning for scan in aligned.alignments if scan.warning]
    repeats = findings.repeats
    section.paragraphs += [repeat.sentence for repeat in repeats]
    section.warnings += [repeat.warning for repeat in repeats if repeat.warning]
    if noise.line > 1.5:
        section.warnings.append(
            f"Voltage series: neighbouring pixels of a line share part of their noise; errors of points are taken "
            f"{noise.line:.1f} times larger than their own scatter says."
        )
    section.numbers.setdefault("series", []).append(
        _numbers(
            aligned,
            curves,
            others,
            counts,
            distributions,
            {"noise": asdict(noise), "repeats": [asdict(repeat) for repeat in repeats], **more},
        )
    )


def _tables_of(
    curves: list[PointCurve], others: dict[str, list[PointCurve]], values: str, verdicts: str
) -> list[Table]:
    return [
        table_of_curves({curves[0].quantity: curves, **others}, values),
        table_of_verdicts(curves, verdicts),
    ]


def _add_regions(
    section: Section, findings: SeriesFindings, main: ReportScan, curves: list[RegionCurve], stem: str
) -> None:
    """Add the regions of the main scan against the voltage."""
    series = findings.aligned.series
    section.paragraphs.append(" ".join(curve.sentence for curve in curves))
    others = {name: findings.regions(main.regions, name) for name in _names_of_maps(findings.aligned)}
    section.tables += _tables_of(
        [*curves],
        {name: [*group] for name, group in others.items()},
        f"{stem}_regions",
        f"{stem}_region_verdicts",
    )
    groups = [curves, *others.values()]

    def draw_values(*panels: Axes) -> None:
        for axes, group in zip(panels, groups, strict=True):
            draw_point_values(axes, group)

    section.figures.append(
        ReportFigure(
            f"{stem}_regions",
            f"{', '.join(('H', *others))} in the regions against the voltage, {series.name}: mean of all pixels, error "
            "bars their standard deviation. The tests go by means of strips of each region.",
            draw_values,
            (min(4.5 * len(groups) + 0.5, 10.0), 3.8),
            len(groups),
        )
    )


def _figures(
    aligned: AlignedSeries,
    points: list[PinnedPoint],
    curves: list[PointCurve],
    others: dict[str, list[PointCurve]],
    verdicts: xr.Dataset,
    distributions: Distributions,
    stem: str,
) -> list[ReportFigure]:
    series = aligned.series
    filled = members_with_values(aligned)
    shown = min(len(filled), _MOST_MAPS)
    columns = map_columns(shown)
    rows = -(-shown // columns)
    width, height = row_size(aligned.grid, columns)
    limits = aligned.colour_limits()
    cut = f" The first {_MOST_MAPS} of {len(filled)} scans." if len(filled) > _MOST_MAPS else ""
    empty = [label for index, label in enumerate(series.labels) if index not in filled]
    if empty:
        cut += f" Left out, for no pixel has an H: {', '.join(empty)}."

    def draw_histograms(figure: Figure) -> None:
        figure.set_layout_engine("constrained")
        axes = figure.subplot_mosaic(
            [["all", "all", "all"], ["mode", "width", "peak"]], height_ratios=[1.6, 1.0]
        )
        draw_series_histograms(axes["all"], distributions)
        draw_distribution_trend(axes["mode"], distributions, "mode")
        draw_distribution_trend(axes["width"], distributions, "width")
        draw_distribution_trend(axes["peak"], distributions, "peak")

    def draw_values(*panels: Axes) -> None:
        for axes, group in zip(panels, (curves, *others.values()), strict=True):
            draw_point_values(axes, group)

    figures = [
        ReportFigure(
            f"{stem}_maps",
            f"H of the same area, {series.name}, on one colour scale from {limits[0]:.3g} to {limits[1]:.3g} "
            f"{series.unit()}, moved onto {series.labels[aligned.reference]}.{cut}",
            lambda figure: draw_series_maps(figure, aligned, points, most=_MOST_MAPS),
            (max(width, 5.0), min(rows * height + 0.3, 9.0)),
        ),
        *(_figure_of_maps(aligned, points, name, stem) for name in _names_of_maps(aligned)),
    ]
    if curves:
        figures.append(
            ReportFigure(
                f"{stem}_points",
                f"{', '.join(('H', *others))} at the points against the voltage, {series.name}: mean of three adjacent "
                "pixels along the fast axis, error bars their standard deviation (n = 3, not the error of the mean).",
                draw_values,
                (min(4.5 * (1 + len(others)) + 0.5, 10.0), 3.8),
                1 + len(others),
            )
        )
    figures += [
        ReportFigure(
            f"{stem}_histograms",
            f"Histograms of H of all image points for each voltage, {series.name}, {distributions.histograms.rule}; "
            "below, mode, full width at half maximum and height of the smoothed distributions with 95 % intervals, for "
            "as many independent pixels as there are.",
            draw_histograms,
            (10.0, 5.6),
        ),
        ReportFigure(
            f"{stem}_verdicts",
            f"What H does with the voltage, pixel by pixel, {series.name}: Tukey's test of all pairs of voltages at "
            "5 % for each pixel with its two neighbours; a plateau has a slope of less than a third of that before it "
            "(two one-sided tests).",
            lambda axes: draw_verdicts(axes, verdicts, points),
            (7.5, 4.2),
            1,
        ),
        ReportFigure(
            f"{stem}_drift",
            f"Drift of the scans against {series.labels[aligned.reference]}, {series.name}, with standard errors, and "
            "what is left when the upper and the lower half are measured by themselves.",
            lambda axes: draw_shifts(axes, aligned),
            (7.5, 3.2),
            1,
        ),
    ]
    return figures


def _names_of_maps(aligned: AlignedSeries) -> list[str]:
    """Return the maps of D, of tau where there is none, that two scans have."""
    for stem in ("D", "tau"):
        names = [map_name(stem, number) for number in FITS]
        shown = [name for name in names if len(members_with_values(aligned, name)) > 1]
        if shown:
            return shown
    return []


def _figure_of_maps(aligned: AlignedSeries, points: list[PinnedPoint], name: str, stem: str) -> ReportFigure:
    shown = min(len(members_with_values(aligned, name)), _MOST_MAPS)
    columns = map_columns(shown)
    width, height = row_size(aligned.grid, columns)
    return ReportFigure(
        f"{stem}_maps_{name.lower()}",
        f"{name} of the same area, {aligned.series.name}, on one logarithmic scale, first to 99th percentile, moved "
        f"onto {aligned.series.labels[aligned.reference]}; pixels without a value are grey.",
        lambda figure: draw_series_maps(figure, aligned, points, name=name, most=_MOST_MAPS),
        (max(width, 5.0), min(-(-shown // columns) * height + 0.3, 9.0)),
    )


def _numbers(
    aligned: AlignedSeries,
    curves: list[PointCurve],
    others: dict[str, list[PointCurve]],
    counts: dict[str, int],
    distributions: Distributions,
    more: dict[str, Any],
) -> dict[str, Any]:
    return {
        "name": aligned.series.name,
        "voltages": aligned.series.voltages,
        "reference": aligned.series.labels[aligned.reference],
        "colour_limits": list(aligned.colour_limits()),
        "registration": [
            {
                "scan": scan.label,
                "by": scan.channel,
                "down_right_pixels": list(scan.pixels),
                "down_right": list(scan.length),
                "left_pixels": scan.left,
                "overlap": scan.overlap,
                "shift": None if scan.shift is None else asdict(scan.shift),
                "note": scan.note,
            }
            for scan in aligned.alignments
        ],
        "points": {
            name: [
                {
                    "number": curve.number, "x": curve.x, "y": curve.y, "mean": curve.means,
                    "standard_deviation": curve.stds, "n": curve.counts, "verdict": curve.verdict,
                    "voltage": curve.voltage, "t": curve.statistic, "p": curve.p_value, "p_plateau": curve.p_plateau,
                    "degrees": curve.degrees, "steps": [asdict(step) for step in curve.steps],
                    "linear_to": curve.linear_to, "p_linear": curve.p_linear,
                }
                for curve in group
            ]
            for name, group in {"H": curves, **others}.items()
        },
        "verdicts": counts,
        "distributions": [asdict(sample) for sample in distributions.each],
        **more,
    }  # fmt: skip
