"""What a file holds for `tesm grains`: a scan with its grains, and what lies at their boundaries."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.opening import scan_to_measure
from napari_tesm.evaluation.pipeline import Progress
from napari_tesm.files.sentences import Sentence
from napari_tesm.grains import (
    Boundaries,
    DefectCandidate,
    DistanceBins,
    GrainMeasure,
    GrainRow,
    Grains,
    GrainSettings,
    defect_candidates,
    grains_from_image,
    grains_from_labels,
    measures_at_boundaries,
    table_of_grains,
)
from napari_tesm.grains.measures import curves_of_measures
from napari_tesm.io.label_images import labels_from_file
from napari_tesm.quantities.text import quantity_from_text, text_from_quantity
from napari_tesm.scan import Scan
from napari_tesm.scan.restoring import restore_drawings
from napari_tesm.scan.scan import WORDS_OF_SURFACE, images_by_title

Array = NDArray[np.float64]


@dataclass(eq=False, repr=False, kw_only=True)
class GrainScan(Scan):
    """A scan whose grains are measured.

    Parameters
    ----------
    boundaries : Boundaries
    topography : ndarray, optional
        Of the scan's grid.
    topography_unit : str
    candidates : list of DefectCandidate
    width_words : str
        How wide the band along boundaries is, and why.
    measures : list of GrainMeasure
    curves : list of DistanceBins
        One for each measure.
    rows : list of GrainRow
    """

    grains: Grains
    boundaries: Boundaries
    topography: Array | None = None
    topography_unit: str = ""
    candidates: list[DefectCandidate] = field(default_factory=list)
    width_words: str = ""
    measures: list[GrainMeasure] = field(default_factory=list)
    curves: list[DistanceBins] = field(default_factory=list)
    rows: list[GrainRow] = field(default_factory=list)

    def measure(self, bin_width: float) -> None:
        """Find out what the maps come to at boundaries, against the distance from them, and in each grain."""
        if self.maps is not None:
            self.measures = measures_at_boundaries(self.maps, self.boundaries)
            self.curves = curves_of_measures(self.measures, self.maps, self.boundaries, bin_width=bin_width)
        self.rows = table_of_grains(self.grains, self.boundaries, self.maps, topography=self.topography)


def grain_scan(options: argparse.Namespace, progress: Progress | None) -> GrainScan:
    """Return what the file of the options holds.

    Raises
    ------
    UsageError
        If an option makes no sense.
    OSError, ValueError
        If the file cannot be read, or there is nothing to find grains in.
    """
    settings, width = _settings(options), quantity_from_option(options.width, "m", "--width")
    scan = scan_to_measure(options, progress, without_maps="there is no map to measure at the boundaries: ")
    if scan.maps is None:
        # Any image will do; what counts is what is drawn on its grid.
        _, chosen = _image_of(images_by_title(scan.channels), options.source)
        moved = not scan.is_on_grid(chosen)
        scan.channels.sort(key=lambda channel: channel is not chosen)
        if moved:
            restore_drawings(scan)
    grains = _grains(options, scan, settings)
    boundaries, why = scan.boundaries_of(grains, width)
    unit = scan.lateral_unit
    shown = text_from_quantity(boundaries.width, unit, digits=3) if unit else f"{boundaries.width:.3g}"
    words = f"{shown} wide, {why or 'as asked for'}"
    measured = GrainScan.of(scan, grains=grains, boundaries=boundaries, width_words=words)
    measured.notes += boundaries.notes
    image = scan.surface("topography")
    if image is not None:
        measured.topography = np.array(image.values, dtype=np.float64)
        measured.topography_unit = str(image.attrs.get("units", ""))
        # What somebody has drawn already is no proposal any more.
        taken = boundaries.mask("defect")
        proposed = defect_candidates(measured.topography, scan.x, scan.y, spacing=scan.spacing)
        measured.candidates = [candidate for candidate in proposed if not taken[candidate.mask].any()]
    return measured


def _settings(options: argparse.Namespace) -> GrainSettings:
    values: dict[str, Any] = {"method": options.method}
    for name, option, unit in (("smooth", "smooth", "m"), ("smallest_area", "min_area", "m²")):
        values[name] = quantity_from_option(getattr(options, option), unit, f"--{option.replace('_', '-')}")
    for name in ("noise_factor", "contrast"):
        text = getattr(options, name)
        if text is None:
            continue
        try:
            values[name] = float(text)
        except ValueError:
            raise UsageError(f"--{name.replace('_', '-')} is a number, not '{text}'") from None
    try:
        return GrainSettings(**values)
    except ValueError as error:
        raise UsageError(error) from None


def quantity_from_option(text: str | None, unit: str, option: str) -> float | None:
    """Return the value of an option in an SI unit; None where it is not given."""
    if text is None:
        return None
    try:
        return quantity_from_text(text, unit)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _image_of(images: dict[str, xr.DataArray], wanted: str | None) -> tuple[str, xr.DataArray]:
    """Return the image asked for by title or kind; by default the topography, else the deflection error."""
    if wanted in images:
        return wanted, images[wanted]
    for kind, words in WORDS_OF_SURFACE.items():
        if wanted is None or wanted.lower().replace(" ", "_") == kind:
            for title, image in images.items():
                if any(word in title.lower() for word in words):
                    return title, image
    titles = ", ".join(f"'{title}'" for title in images) or "none"
    if wanted is None:
        raise ValueError(
            Sentence(
                "there is neither topography nor deflection error on the grid of the maps: name a channel with "
                "{source} (there are: {titles}), or give {labels}",
                titles=titles,
            )
        )
    raise ValueError(f"there is no channel '{wanted}' on the grid of the maps; there are: {titles}")


def _grains(options: argparse.Namespace, scan: Scan, settings: GrainSettings) -> Grains:
    """Return the grains of a label image, those saved in the file, or those found anew."""
    if options.labels is not None:
        if not Path(options.labels).exists() and options.labels in scan.images:
            labels = scan.images[options.labels].values
        else:
            labels = labels_from_file(options.labels, (scan.y.size, scan.x.size))
        return grains_from_labels(labels, scan.spacing, source=Path(options.labels).name)
    if scan.grains is not None and options.source is None and settings == GrainSettings():
        return scan.grains
    title, image = _image_of(scan.images, options.source)
    values, unit = np.array(image.values, dtype=np.float64), str(image.attrs.get("units", ""))
    return grains_from_image(
        values, scan.spacing, settings, source=title, unit=unit, lateral_unit=scan.lateral_unit
    )
