"""Section of a report on a scan on a section through a volume, from what ``tesm volume join`` wrote."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_tesm.data.maps import labels_from_maps, map_title, values_of
from napari_tesm.findings.table import AS_IT_IS, Column, Table
from napari_tesm.plotting.volumes import Quartiles, draw_joined
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.report.section import ReportFigure, Section
from napari_tesm.scan import Scan

_D: Final = ("D", "D1", "D2")
_CLASSES: Final = 10
_FEWEST: Final = 20
"""Pixels from which on a class has quartiles."""
_ALONG: Final = {"ions": "Counts of ions in the voxel", "crack": "Distance from a crack (µm)"}


def section_from_join(numbers: dict[str, Any], scan: Scan | None) -> Section:
    """Return the section on a scan that was joined with a volume.

    Parameters
    ----------
    numbers : dict
        The JSON of ``tesm volume join``.
    scan : Scan or None
        What it wrote as .gwy; there are no courses of D without it.

    Raises
    ------
    ValueError
        If something is missing, or the scan is not that of the numbers.
    """
    section = Section("joined_scan", "A scan on a section through the volume")
    try:
        error, share, marks = (numbers[key] for key in ("error", "covered", "landmarks"))
        by = "its landmarks alone" if numbers["correlation"] is None else "its image and landmarks"
        rows = [
            [row[key] for key in ("map", "pearson", "low", "high", "of_counts", "n")]
            for row in numbers["ions"]
        ]
        words = "unknown" if error is None else text_from_quantity(float(error), "m", digits=2)
        section.paragraphs.append(
            f"Placed by {by} ({marks['count']} of them), error {words}; {100 * share:.0f} % of the pixels lie in the "
            "volume. Correlations are of single pixels in the solid of particles, with the variance that counting has "
            "taken off; the 95 % interval leaves out each of 25 blocks of the scan once. Courses are medians of D "
            "with quartiles, over pixels in particles and outside of cracks: pixels within a voxel of ions are no "
            "independent values, and counting noise flattens what D shows against the counts of a single voxel."
        )
        section.warnings += list(numbers["notes"])
        if numbers["simulated"]:
            section.warnings.append("The scan was joined with a simulated volume.")
    except (KeyError, TypeError, ValueError) as fault:
        raise ValueError("the numbers of the joined scan are incomplete") from fault
    if rows:
        columns = ("map", Column("correlation", key="pearson"), "low", "high",
                   Column("with the counts as they are", key="of_counts"), Column("voxels", key="n"))  # fmt: skip
        caption = "Correlation of the maps with the concentration of ions, and its 95 % interval; empty where not told."
        section.tables.append(Table("joined_correlations", caption, columns, rows))
    else:
        section.missing.append("No ions were joined with the scan.")
    if scan is None:
        section.missing.append("Courses of D need the .gwy file of tesm volume join, too.")
    else:
        _add_courses(section, numbers, scan)
    section.numbers |= numbers
    return section


def _add_courses(section: Section, numbers: dict[str, Any], scan: Scan) -> None:
    images, maps = scan.images, scan.maps
    absent = [title for title in numbers["channels"] if title not in images]
    if absent:
        raise ValueError(
            f"the joined .gwy has no channel '{absent[0]}': it is not of the same run as the JSON"
        )
    ions = next((title for title in numbers["channels"] if title.startswith("Counts ")), "")
    titles = {"ions": ions, "crack": "Distance from a crack"}
    if maps is None or "Particle" not in images:
        section.missing.append("There are no maps of D on particles: fit the scan before it is joined.")
        return
    solid = images["Particle"].values > 0
    if titles["crack"] in images:
        solid &= images[titles["crack"]].values > 0
    found: dict[str, dict[str, Quartiles]] = {"ions": {}, "crack": {}}
    for key, title in titles.items():
        for name, values in _maps_of_d(maps).items() if title in images else ():
            course = quartiles_of(values, images[title].values, solid, whole=key == "ions")
            if course.n:
                found[key][name] = course
    rows = [
        [name, key, *cells]
        for key, courses in found.items()
        for name, course in courses.items()
        for cells in zip(*course, strict=True)
    ]
    if not rows:
        section.missing.append(
            f"No {_FEWEST} pixels with D lie in the solid of particles: there are no courses of D."
        )
        return

    names = list(dict.fromkeys(name for courses in found.values() for name in courses))

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("constrained")
        for line, name in zip(figure.subplots(len(names), 2, squeeze=False), names, strict=True):
            draw_joined(line[0], found["ions"].get(name), _ALONG["ions"], name)
            draw_joined(line[1], found["crack"].get(name), _ALONG["crack"], name, factor=1e-6)

    caption = f"D against the counts of ions, and against the distance from the nearest crack, in {int(solid.sum())} "
    caption += f"pixels of particles: medians and quartiles of classes of {_FEWEST} pixels and more."
    section.figures.append(ReportFigure("joined_courses", caption, draw, (9.0, 0.4 + 2.8 * len(names))))
    heads: list[Column | str] = ["map", "against", Column("middle", scale=AS_IT_IS), "n"]
    heads += [
        Column(f"D, {part}", "m²/s", scale=AS_IT_IS)
        for part in ("lower quartile", "median", "upper quartile")
    ]
    caption = "D in classes of the counts (whole numbers) and of the distance from a crack (m)."
    section.tables.append(Table("joined_courses", caption, heads, rows, on_page=False))


def _maps_of_d(maps: xr.Dataset) -> dict[str, NDArray[np.float64]]:
    return {
        map_title(name, label): values_of(maps, name, pulse)
        for pulse, label in enumerate(labels_from_maps(maps))
        for name in _D
        if name in maps
    }


def quartiles_of(
    values: NDArray[np.float64], against: NDArray[Any], chosen: NDArray[np.bool_], *, whole: bool
) -> Quartiles:
    """Return quartiles of a map in classes of another quantity.

    Parameters
    ----------
    values, against : ndarray, shape (y, x)
        NaN where there is none.
    chosen : ndarray of bool, shape (y, x)
        Pixels that count.
    whole : bool
        Classes are whole numbers, such as counts; else as many pixels lie in each.

    Returns
    -------
    Quartiles
        In classes of 20 pixels and more; the middle of a class is the median of its pixels.
    """
    use = chosen & np.isfinite(values) & np.isfinite(against) & (values > 0)
    across, up = against[use].astype(np.float64), values[use]
    if whole:
        classes = np.round(across)
    else:
        edges = (
            np.unique(np.quantile(across, np.linspace(0, 1, _CLASSES + 1)[1:-1])) if across.size else across
        )
        classes = np.searchsorted(edges, across, side="right").astype(np.float64)
    parts = [classes == each for each in np.unique(classes)]
    parts = [part for part in parts if part.sum() >= _FEWEST]
    quartiles = [np.quantile(up[part], (0.25, 0.5, 0.75)).tolist() for part in parts]
    low, median, high = zip(*quartiles, strict=True) if quartiles else ((), (), ())
    middles = [float(np.median(across[part])) for part in parts]
    return Quartiles(middles, [int(part.sum()) for part in parts], low, median, high)
