"""What a file holds for `tesm regions`: a scan, and the parts of its image."""

import argparse
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.cli.opening import scan_to_measure
from napari_tesm.evaluation.pipeline import Progress
from napari_tesm.files.sentences import Sentence
from napari_tesm.gwy import contents
from napari_tesm.gwy.objects import Field
from napari_tesm.gwy.si_units import unit_from_stored
from napari_tesm.io.gwy.annotations import channels_on_grid
from napari_tesm.io.gwy.region_sources import (
    axes_of_field,
    masks_from_container,
    number_of_channel,
    regions_of_channel,
)
from napari_tesm.io.gwy.results import is_result
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.regions.measures import Part, parts_of_image
from napari_tesm.scan import Scan, container_of


@dataclass(eq=False, repr=False)
class RegionScan(Scan):
    """A scan whose maps are measured in the parts of its image.

    Parameters
    ----------
    parts : list of Part
    measured : (str, str, ndarray), optional
        Title, unit and values of the channel that was chosen, where it is an ordinary one on the grid of the maps.
    """

    parts: list[Part] = field(default_factory=list)
    measured: tuple[str, str, np.ndarray] | None = None


def region_scan(options: argparse.Namespace, progress: Progress | None) -> RegionScan:
    """Return what the file of the options holds.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, the chosen channel or traces are not there, or there is nothing to measure.
    """
    alone = None if options.channel is None else ""
    scan = RegionScan.of(scan_to_measure(options, progress, without_maps=alone))
    container = container_of(scan) if scan.container is None else scan.container
    regions, masks = scan.regions, {}
    channel = None if options.channel is None else number_of_channel(container, options.channel)
    image = None if channel is None else _image_of(container, channel)
    y, x = (
        axes_of_field(image) if scan.maps is None and image is not None else (scan.grid["y"], scan.grid["x"])
    )
    if channel is not None and image is not None:
        scan.measured = _values_of(container, channel, image, y, x)
    if scan.container is not None and channel is None:
        masks = masks_from_container(container, y, x, scan.notes)
    elif scan.container is not None and channel is not None:
        drawn = regions_of_channel(container, channel, y, x)
        regions, masks = drawn.regions, drawn.masks
        scan.notes = list(dict.fromkeys([*scan.notes, *drawn.notes]))
    if not regions and not masks:
        scan.notes.append(_sentence_about_no_region(container, channel, y, x))
    scan.parts = parts_of_image(
        regions,
        masks,
        np.asarray(x.values, dtype=np.float64),
        np.asarray(y.values, dtype=np.float64),
        spacing=(axis_spacing(y), axis_spacing(x)),
    )
    return scan


def _image_of(container: GwyContainer, number: int) -> Field:
    """Return a channel of a container; raises GwyFormatError where it is none."""
    key = contents.object_key(contents.CHANNEL, number)
    return Field.from_object(container[key], key)


def _values_of(
    container: GwyContainer, channel: int, image: Field, y: xr.DataArray, x: xr.DataArray
) -> tuple[str, str, np.ndarray] | None:
    texts = contents.texts_of_channel(container, channel)
    if is_result(texts) or channel not in channels_on_grid(container, y, x):
        return None
    title = contents.title(container, contents.CHANNEL, channel).strip() or f"Channel {channel}"
    return title, unit_from_stored(image.unit_z, texts), np.array(image.values, dtype=np.float64)


def _sentence_about_no_region(
    container: GwyContainer, channel: int | None, y: xr.DataArray, x: xr.DataArray
) -> str:
    whole = "the numbers are those of the whole image"
    if channel is not None:
        title = contents.title(container, contents.CHANNEL, channel)
        return f"nothing is drawn on '{title}', no region, selection or mask: {whole}"
    here = channels_on_grid(container, y, x)
    others = [
        contents.title(container, contents.CHANNEL, number)
        for number in contents.ids(container, contents.CHANNEL)
        if number not in here and (contents.selections(container, number) or f"/{number}/mask" in container)
    ]
    if others:
        names = ", ".join(f"'{title}'" for title in others)
        template = (
            "no region is drawn on the grid of the maps: {whole}; choose what is drawn on another grid with "
        )
        return Sentence(template + "{channel} ({names})", whole=whole, names=names)
    return f"the file holds no region: {whole}; draw one in napari, or make a selection or a mask in Gwyddion"
