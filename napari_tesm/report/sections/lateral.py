"""D with lateral diffusion taken out, beside that of each pixel by itself: maps, resolution, what changed at steps."""

from typing import Any, Final

import xarray as xr
from matplotlib.axes import Axes

from napari_tesm.data.maps import labels_from_maps
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.sentences import Field, Sentence
from napari_tesm.findings.comparison import comparison_entry
from napari_tesm.findings.instrument import instrument_summary
from napari_tesm.findings.lateral import (
    lateral_left_out,
    lateral_sentences,
    lateral_summary,
    lateral_warnings,
)
from napari_tesm.findings.lateral_changes import LateralChange, lateral_change
from napari_tesm.findings.table import Column, Table
from napari_tesm.plotting.lateral import (
    draw_both,
    draw_factor,
    draw_misfit,
    draw_resolution,
    draw_resolved,
    draw_standard_error,
)
from napari_tesm.plotting.maps import MapFrame, draw_regions, row_size
from napari_tesm.regions.measures import parts_of_image
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section

_OF_THE_KERNEL: Final = ("kernel", "geometry", "nuisance", "traces")
"""Parameters that differ where another kernel is fitted."""


def section_from_data(data: ReportData) -> Section | None:
    """Return the maps of the main scan and the numbers of all; None where no scan holds an inversion."""
    scans = [scan for scan in data.scans if scan.lateral is not None]
    if not scans:
        return None
    shown = data.main if data.main in scans else scans[0]
    section = Section("lateral", "D with lateral diffusion taken out")
    section.paragraphs.append(
        "Ions diffuse farther than from pixel to pixel during a pulse, and D of each pixel by itself is an average "
        "over all of that. Here all traces of a map are explained by one D(x, y) (docs/lateral.md)."
    )
    rows: list[tuple[str, LateralChange]] = []
    entries: list[dict[str, Any]] = []
    for scan in scans:
        maps = scan.lateral
        assert maps is not None
        _say_how_made(section, scan, maps)
        parts = parts_of_image(scan.regions, {}, scan.x, scan.y, spacing=scan.spacing)
        for pulse, label in enumerate(labels_from_maps(maps)):
            summary = lateral_summary(maps.isel(pulse=pulse), pulse)
            _say_what_was_found(section, f"{scan.name} {label}".rstrip(), summary, maps)
            change = lateral_change(maps, pulse, [part for part in parts if not part.note])
            rows.append((scan.name, change))
            entries.append({"scan": scan.name, "pulse": label, **summary, **_numbers(change)})
            if scan is shown and pulse == _shown_pulse(scan, maps):
                section.paragraphs += [ratio.sentence() for ratio in change.ratios]
    if bool(_shown_values(shown).notnull().any()):
        section.figures += _figures(shown)
    else:
        section.missing.append(f"{shown.name}: no pixel has a D lateral, so there is no map of it.")
    section.tables.append(_table_of_parts(rows))
    if any(change.ratios for _, change in rows):
        section.tables.append(_table_of_ratios(rows))
    if not shown.regions:
        section.missing.append(
            f"{shown.name}: no region is drawn and no step stands out: what changes is said of the whole image."
        )
    section.numbers["pulses"] = entries
    return section


def _shown_pulse(scan: ReportScan, maps: xr.Dataset) -> int:
    """Return the pulse setting of an inversion that figures show: the scan's own, where both have it."""
    labels, wanted = labels_from_maps(maps), scan.labels[scan.main_pulse]
    return labels.index(wanted) if wanted in labels else 0


def _say_how_made(section: Section, scan: ReportScan, maps: xr.Dataset) -> None:
    """Say with which kernel an inversion was made, and warn where it was made with more that differs."""
    recipe = _recipe_of(maps)
    if recipe is None:
        return
    section.numbers.setdefault("recipes", {})[scan.name] = recipe.to_dict()
    words = f"{scan.name}: the kernel is '{recipe.kernel}'"
    used = None if scan.maps is None else _recipe_of(scan.maps)
    if maps is scan.maps or used is None:
        section.paragraphs.append(f"{words}, as in the maps above.")
        return
    if used.kernel != recipe.kernel:
        words += f", in the maps above '{used.kernel}'"
    section.paragraphs.append(f"{words}; D of each pixel by itself is that of the same kernel here.")
    own, others = recipe.to_dict(), used.to_dict()
    different = [name for name in own if own[name] != others[name] and name not in _OF_THE_KERNEL]
    if different:
        listed = ", ".join(f"{{field{number}}}" for number in range(len(different)))
        section.warnings.append(
            Sentence(
                "{scan}: D with lateral diffusion taken out was made earlier, with another " + listed
                + " than the rest of this report.",
                scan=scan.name, **{f"field{number}": Field(name) for number, name in enumerate(different)},
            )
        )  # fmt: skip


def _recipe_of(maps: xr.Dataset) -> Recipe | None:
    """Return the recipe that made maps; None where they do not say one that this version knows."""
    try:
        return Recipe.from_json(str(maps.attrs.get("recipe", "")))
    except ValueError:
        return None


def _say_what_was_found(section: Section, where: str, summary: dict[str, Any], maps: xr.Dataset) -> None:
    by_pixels = (instrument_summary(maps) or {}).get("fitted", "none")
    found = [*lateral_sentences(summary, by_pixels), *lateral_left_out(summary)]
    section.paragraphs.append(f"{where}: D lateral {'; '.join(found)}.")
    section.warnings += [f"{where}: {sentence}." for sentence in lateral_warnings(summary["lateral"])]


def _shown_values(scan: ReportScan) -> xr.DataArray:
    """Return the map of D lateral that figures show."""
    assert scan.lateral is not None
    return scan.lateral["D_lateral"].isel(pulse=_shown_pulse(scan, scan.lateral))


def _figures(scan: ReportScan) -> list[ReportFigure]:
    maps = scan.lateral
    assert maps is not None
    pulse = _shown_pulse(scan, maps)
    values, label = _shown_values(scan), labels_from_maps(maps)[pulse]
    where = f"{scan.name} {label}".rstrip()
    kept, pixels = int(values.notnull().sum()), values.size

    def draw_maps(*axes: Axes) -> None:
        draw_both(axes[0], axes[1], maps, pulse)
        draw_resolved(axes[1], maps, pulse)
        draw_factor(axes[2], maps, pulse)
        draw_regions(axes[2], MapFrame.of(values), scan.regions)

    def draw_quality(*axes: Axes) -> None:
        draw_standard_error(axes[0], maps, pulse)
        draw_misfit(axes[1], maps, pulse)
        draw_resolution(axes[2], maps, pulse)

    lines = " Lines: the regions." if scan.regions else ""
    size = row_size(values, 3, width=12.6)
    return [
        ReportFigure(
            "lateral_maps",
            f"{where}: D of each pixel by itself and D with lateral diffusion taken out on one logarithmic scale, "
            "first to 99th percentile, and how many times as large the second is. The bar named resolution is the half "
            f"period at which half of a contrast comes back.{lines} {kept} of {pixels} pixels have a D lateral; those "
            "without a value are grey.",
            draw_maps,
            size,
            3,
        ),
        ReportFigure(
            "lateral_quality",
            f"{where}: standard error of ln D lateral; chi-square per degree of freedom, about 1 where the traces hold "
            "nothing that the model has not; which part of a contrast of ln D comes back, by half its period.",
            draw_quality,
            size,
            3,
        ),
    ]


def _table_of_parts(rows: list[tuple[str, LateralChange]]) -> Table:
    columns: list[Column | str] = ["scan", "pulse", "part", "class", "pixels", "n"]
    for key in ("alone", "lateral"):
        columns.append(Column(f"D {key}", "m²/s", key=key, scale="alone"))
        columns += [
            Column(f"D {key} {end}", "m²/s", key=f"{key}_ci", scale="alone") for end in ("from", "to")
        ]
    columns.append(Column("lateral over alone", key="factor"))
    return Table(
        "lateral_regions",
        "Median of D in the parts of the image with its 95 % interval, each pixel by itself (alone) and with lateral "
        "diffusion taken out; n counts the pixels that have a D of both kinds, and both medians are theirs.",
        columns,
        [
            [
                name, change.label.strip("()"), each.part.name, each.part.region_class, each.part.pixels, each.n,
                *(each.alone.value, each.alone.low, each.alone.high),
                *(each.lateral.value, each.lateral.low, each.lateral.high), each.factor,
            ]
            for name, change in rows
            for each in change.parts
        ],
    )  # fmt: skip


def _table_of_ratios(rows: list[tuple[str, LateralChange]]) -> Table:
    columns: list[Column | str] = ["scan", "pulse", "first", "second", "n first", "n second"]
    for words in ("alone", "lateral"):
        columns += [f"ratio {words}", f"{words} from", f"{words} to"]
    cells = []
    for name, change in rows:
        for ratio in change.ratios:
            pairs = (ratio.alone, ratio.lateral)
            numbers = [number for pair in pairs for number in (pair.ratio, pair.ratio_low, pair.ratio_high)]
            cells.append([name, change.label.strip("()"), *ratio.alone.names, *ratio.alone.n, *numbers])
    return Table(
        "lateral_ratios",
        "Ratio of the medians of D of two parts, each pixel by itself (alone) and with lateral diffusion taken out, "
        "with its 95 % interval; none where a part is alike as far as it reaches.",
        columns,
        cells,
    )


def _numbers(change: LateralChange) -> dict[str, Any]:
    """Return the change of one pulse setting as JSON holds it, in SI."""
    return {
        "left_out": change.left_out,
        "parts": {
            each.part.name: {
                "n": each.n, "factor": each.factor,
                "alone": [each.alone.value, each.alone.low, each.alone.high],
                "lateral": [each.lateral.value, each.lateral.low, each.lateral.high],
            }
            for each in change.parts
        },
        "ratios": [
            {"alone": comparison_entry(ratio.alone), "lateral": comparison_entry(ratio.lateral)}
            for ratio in change.ratios
        ],
    }  # fmt: skip
