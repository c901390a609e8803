"""What a file holds for `tesm grains`: the image that grains are found in, maps, regions, and the grains themselves."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer
from numpy.typing import NDArray

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.cli.region_scan import RegionScan, image_of, measure_height
from napari_tesm.evaluation.pipeline import Progress
from napari_tesm.files.errors import FileChangedError
from napari_tesm.files.sentences import Sentence
from napari_tesm.grains import (
    Boundaries,
    DefectCandidate,
    Grains,
    GrainSettings,
    boundaries_from_grains,
    default_band_width,
    defect_candidates,
    grains_from_image,
    grains_from_labels,
    overrides_from_regions,
)
from napari_tesm.gwy import contents
from napari_tesm.gwy.objects import metadata_entries
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.annotations import annotations_from_container, channels_on_grid, is_annotation
from napari_tesm.io.gwy.grains import grains_from_container, is_grain_channel
from napari_tesm.io.gwy.region_sources import axes_of_field
from napari_tesm.io.gwy.results import axis_spacing, is_result, maps_from_container
from napari_tesm.io.label_images import labels_from_channel, labels_from_file
from napari_tesm.quantities.text import quantity_from_text, text_from_quantity

Array = NDArray[np.float64]

_NAMES: Final = {"topography": ("topograph", "height"), "deflection_error": ("deflection",)}
"""What a title holds of a channel that is asked for by its kind."""


@dataclass
class GrainScan:
    """A file with its grains.

    Parameters
    ----------
    container : GwyContainer
    grains : Grains
    boundaries : Boundaries
    y, x : DataArray
        Axes of the grid.
    maps : Dataset, optional
        Results in the file, or H of its traces.
    topography : ndarray, optional
        Of the same grid.
    topography_unit : str
    candidates : list of DefectCandidate
    width_words : str
        How wide the band along boundaries is, and why.
    notes : list of str
        Sentences about what was left out.
    """

    container: GwyContainer
    grains: Grains
    boundaries: Boundaries
    y: xr.DataArray
    x: xr.DataArray
    maps: xr.Dataset | None = None
    topography: Array | None = None
    topography_unit: str = ""
    candidates: list[DefectCandidate] = field(default_factory=list)
    width_words: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def lateral_unit(self) -> str:
        """Unit of the axes."""
        return str(self.x.attrs.get("units", ""))

    def pulses(self) -> list[dict[str, Any]]:
        """Return voltage and direction of each pulse setting."""
        return RegionScan(self.container, maps=self.maps).pulses()


def grain_scan(options: argparse.Namespace, progress: Progress | None) -> GrainScan:
    """Return what the file of the options holds.

    Raises
    ------
    UsageError
        If an option makes no sense.
    OSError, ValueError
        If the file cannot be read, or there is nothing to find grains in.
    """
    settings, width = _settings(options), _quantity(options.width, "m", "--width")
    container = read_container(options.file)
    notes: list[str] = []
    maps = _maps(options, container, notes, progress)
    wanted = options.source
    if maps is None:
        first = _channel(container, wanted, _ordinary(container))
        y, x = axes_of_field(image_of(container, first))
    else:
        y, x = maps["y"], maps["x"]
    here = [number for number in channels_on_grid(container, y, x) if number in _ordinary(container)]
    spacing = (axis_spacing(y), axis_spacing(x))
    grains = _grains(options, container, here, settings, y, x)
    topography, unit = _topography(container, here)
    drawn = annotations_from_container(container, y, x)
    notes += drawn.notes
    overrides = overrides_from_regions(drawn.regions, x.values, y.values, spacing=spacing)
    lateral = str(x.attrs.get("units", ""))
    width_words = "as asked for"
    if width is None:
        radius = None if maps is None else maps.attrs.get("tip_radius")
        width, width_words = default_band_width(radius, spacing)
    boundaries = boundaries_from_grains(grains, width, overrides=overrides)
    notes += boundaries.notes
    shown = text_from_quantity(width, lateral, digits=3) if lateral else f"{width:.3g}"
    candidates = (
        [] if topography is None else defect_candidates(topography, x.values, y.values, spacing=spacing)
    )
    # What somebody has drawn already is no proposal any more.
    taken = boundaries.mask("defect")
    candidates = [one for one in candidates if not taken[one.mask].any()]
    return GrainScan(
        container,
        grains,
        boundaries,
        y,
        x,
        maps,
        topography,
        unit,
        candidates,
        f"{shown} wide, {width_words}",
        notes,
    )


def _settings(options: argparse.Namespace) -> GrainSettings:
    values: dict[str, Any] = {"method": options.method}
    for name, option, unit in (("smooth", "smooth", "m"), ("smallest_area", "min_area", "m²")):
        values[name] = _quantity(getattr(options, option), unit, f"--{option.replace('_', '-')}")
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


def _quantity(text: str | None, unit: str, option: str) -> float | None:
    if text is None:
        return None
    try:
        return quantity_from_text(text, unit)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _maps(
    options: argparse.Namespace, container: GwyContainer, notes: list[str], progress: Progress | None
) -> xr.Dataset | None:
    """Return the results of the file, or H of its traces; None with a note where there is neither."""
    maps = maps_from_container(container, notes=notes)
    if maps is not None:
        return maps
    scan = RegionScan(container)
    try:
        measure_height(options, scan, recipe_from_options(options), progress)
    except FileChangedError:
        raise
    except ValueError as error:
        if options.traces:
            raise
        notes.append(Sentence("there is no map to measure at the boundaries: {error}", error=error))
        return None
    notes += scan.notes
    return scan.maps


def _ordinary(container: GwyContainer) -> list[int]:
    """Return the channels that are neither results nor drawn by this program."""
    found = []
    for number in contents.ids(container, contents.CHANNEL):
        texts = metadata_entries(container.get(contents.metadata_key(contents.CHANNEL, number)))
        if not (is_result(texts) or is_annotation(texts) or is_grain_channel(texts)):
            found.append(number)
    return found


def _channel(container: GwyContainer, wanted: str | None, numbers: list[int]) -> int:
    """Return the channel that is asked for by title or kind; by default the topography, else the deflection error."""
    titles = {number: contents.title(container, contents.CHANNEL, number).strip() for number in numbers}
    for number, title in titles.items():
        if wanted is not None and title == wanted:
            return number
    for kind in _NAMES if wanted is None else [wanted.lower().replace(" ", "_")]:
        for number, title in titles.items():
            if any(part in title.lower() for part in _NAMES.get(kind, ())):
                return number
    known = ", ".join(f"'{title}'" for title in titles.values()) or "none"
    if wanted is None:
        raise ValueError(
            Sentence(
                "there is neither topography nor deflection error on the grid of the maps: name a channel with "
                "{source} (there are: {known}), or give {labels}",
                known=known,
            )
        )
    raise ValueError(f"there is no channel '{wanted}' on the grid of the maps; there are: {known}")


def _grains(
    options: argparse.Namespace,
    container: GwyContainer,
    here: list[int],
    settings: GrainSettings,
    y: xr.DataArray,
    x: xr.DataArray,
) -> Grains:
    """Return the grains of a label image, those saved in the file, or those found anew."""
    spacing, shape = (axis_spacing(y), axis_spacing(x)), (y.size, x.size)
    if options.labels is not None:
        titles = {contents.title(container, contents.CHANNEL, number) for number in here}
        if not Path(options.labels).exists() and options.labels in titles:
            labels = labels_from_channel(container, options.labels, shape)
        else:
            labels = labels_from_file(options.labels, shape)
        return grains_from_labels(labels, spacing, source=Path(options.labels).name)
    saved = grains_from_container(container, y, x)
    if saved is not None and options.source is None and settings == GrainSettings():
        return saved[0]
    number = _channel(container, options.source, here)
    image = image_of(container, number)
    title = contents.title(container, contents.CHANNEL, number).strip() or f"Channel {number}"
    values = np.array(image.values, dtype=np.float64)
    lateral = str(x.attrs.get("units", ""))
    return grains_from_image(values, spacing, settings, source=title, unit=image.unit_z, lateral_unit=lateral)


def _topography(container: GwyContainer, here: list[int]) -> tuple[Array | None, str]:
    for number in here:
        title = contents.title(container, contents.CHANNEL, number).lower()
        if any(part in title for part in _NAMES["topography"]):
            image = image_of(container, number)
            return np.array(image.values, dtype=np.float64), image.unit_z
    return None, ""
