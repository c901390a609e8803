"""Displacement over the surface: does it go with what is seen there (the paper's Fig. 3, for any single pulse)."""

from dataclasses import asdict

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from napari_tesm.data.maps import hot_in_words, map_of
from napari_tesm.findings.table import Table
from napari_tesm.plotting.maps import (
    MapFrame,
    draw_height,
    draw_overlay,
    draw_regions,
    draw_surface,
    row_size,
)
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.registration.information import SHARED, SharedInformation, shared_information
from napari_tesm.registration.maps import Correlation, correlation_between, slope_of
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section


def section_from_data(data: ReportData) -> Section | None:
    """Return H of the main pulse over the surface; None where two polarities are compared instead."""
    scan = data.main
    if scan.polarity_pair is not None:
        return None
    section = Section("displacement", "Displacement and the surface")
    if scan.maps is None or "H" not in scan.maps:
        return section.lacking(
            "H, the displacement by the pulse, is not known: the start and the length of the pulse are."
        )
    pulse = scan.main_pulse
    label = scan.labels[pulse]
    height = map_of(scan.maps, "H", pulse)
    size = np.abs(height.values)
    surfaces = scan.surfaces()
    section.title = f"Displacement {label} and the surface".replace("  ", " ")
    section.figures.append(_figure(scan, label, height, surfaces))
    correlations = _correlations(size, surfaces, scan.spacing)
    shared = {
        name: shared_information(size, np.asarray(image.values, dtype=np.float64))
        for name, image in surfaces.items()
    }
    for name, corr in correlations.items():
        section.paragraphs.append(
            f"|H| against the {name}: r = {corr.pearson:.2f} ({corr.low:.2f} to {corr.high:.2f}), rank correlation "
            f"{corr.spearman:.2f}, n = {corr.n} pixels"
            f"{'' if corr.certain else '; not to be told from zero with as many independent pixels as there are'}."
        )
        if corr.certain and abs(corr.pearson) >= 0.3:
            section.warnings.append(
                f"|H| follows the {name} (r = {corr.pearson:.2f}): part of it may be cross-talk. With a pulse of "
                "one polarity alone that cannot be told from ions that move where the surface is like this."
            )
    if not surfaces:
        section.missing.append(
            "Neither topography nor deflection error is in the file: displacement cannot be held against the surface."
        )
    if correlations:
        section.tables.append(
            Table(
                "displacement",
                "Correlation of |H| with the surface, hot pixels left out; the 95 % interval counts independent "
                f"pixels. {SHARED}",
                ["surface", "Pearson r", "from", "to", "Spearman", "pixels", "shared bits", "p, shared"],
                [
                    [name, corr.pearson, corr.low, corr.high, corr.spearman, corr.n, *_bits(shared.get(name))]
                    for name, corr in correlations.items()
                ],
            )
        )
    section.numbers |= {
        "scan": scan.name, "pulse": label, "with_surface": {name: asdict(corr) for name, corr in correlations.items()},
        "shared_information": {name: asdict(each) for name, each in shared.items()},
    }  # fmt: skip
    return section


def _figure(
    scan: ReportScan, label: str, height: xr.DataArray, surfaces: dict[str, xr.DataArray]
) -> ReportFigure:
    name = next((kind for kind in ("deflection error", "topography") if kind in surfaces), None)

    def draw(*axes: Axes) -> None:
        if name is not None:
            draw_surface(axes[0], surfaces[name], name)
            draw_regions(axes[0], MapFrame.of(surfaces[name]), scan.regions)
            draw_overlay(axes[2], surfaces[name], height, f"|H| over the {name}")
        draw_height(axes[0 if name is None else 1], height, label, scan.points)

    finite = height.values[np.isfinite(height.values)]
    middle = text_from_quantity(float(np.median(finite)), scan.unit, digits=3) if finite.size else "not known"
    surface = "" if name is None else f"{name}; "
    counted = f"n = {finite.size} pixels{hot_in_words(height)}"
    overlay = "" if name is None else f"; |H| over the {name}, opaque where it is large"
    return ReportFigure(
        "displacement",
        f"{scan.name}: {surface}H {label}, signed, median {middle}, {counted}{overlay}.".replace("  ", " "),
        draw,
        row_size(height, 1 if name is None else 3),
        1 if name is None else 3,
    )


def _bits(shared: SharedInformation | None) -> tuple[float | None, float | None]:
    return (None, None) if shared is None else (shared.bits, shared.p_value)


def _correlations(
    size: NDArray[np.float64], surfaces: dict[str, xr.DataArray], spacing: tuple[float, float]
) -> dict[str, Correlation]:
    correlations = {}
    for name, image in surfaces.items():
        values = np.asarray(image.values, dtype=np.float64)
        correlations[name] = correlation_between(size, values)
        if name == "topography":
            correlations["slope of the topography"] = correlation_between(
                size, slope_of(values, spacing=spacing)
            )
    return {name: corr for name, corr in correlations.items() if np.isfinite(corr.pearson)}
