"""What a file holds for `tesm regions`: maps, the traces they came from, and the parts of the image."""

import argparse
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.pipeline import Progress
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.errors import FileChangedError
from napari_tesm.files.sentences import Sentence
from napari_tesm.gwy import contents
from napari_tesm.gwy.objects import Field, metadata_entries
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.annotations import channels_on_grid
from napari_tesm.io.gwy.region_sources import (
    axes_of_field,
    maps_beside_mask,
    number_of_channel,
    regions_from_container,
    regions_of_channel,
)
from napari_tesm.io.gwy.results import axis_spacing, is_result
from napari_tesm.io.registry import open_dataset, open_datasets
from napari_tesm.regions.measures import Part, parts_of_image


@dataclass
class RegionScan:
    """Maps, traces and parts of the image of a file.

    Parameters
    ----------
    container : GwyContainer
    channel : int, optional
        The channel that was chosen.
    maps : Dataset, optional
        Results in the file, or H of its traces.
    dataset : Dataset, optional
        The traces of the maps, time 0 at the start of the pulse.
    notes : list of str
        Sentences about what was left out.
    """

    container: GwyContainer
    channel: int | None = None
    maps: xr.Dataset | None = None
    dataset: xr.Dataset | None = None
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def axes(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Return y and x of the maps; those of the traces have not lost a digit on the way through Gwyddion."""
        like = self.maps if self.dataset is None else self.dataset
        if like is not None:
            return like["y"], like["x"]
        assert self.channel is not None
        return axes_of_field(image_of(self.container, self.channel))

    def channel_values(self) -> tuple[str, str, np.ndarray] | None:
        """Return title, unit and values of the chosen channel where it is an ordinary one on the grid of the maps."""
        if self.channel is None or self.channel not in channels_on_grid(self.container, *self.axes()):
            return None
        texts = metadata_entries(self.container.get(contents.metadata_key(contents.CHANNEL, self.channel)))
        if is_result(texts):
            return None
        image = image_of(self.container, self.channel)
        title = contents.title(self.container, contents.CHANNEL, self.channel).strip()
        values = np.array(image.values, dtype=np.float64)
        return title or f"Channel {self.channel}", image.unit_z or texts.get("Unit", ""), values

    def pulses(self) -> list[dict[str, Any]]:
        """Return voltage and direction of each pulse setting."""
        if self.maps is None:
            return []
        pairs = zip(self.maps["voltage"].values, self.maps["direction"].values, strict=True)
        return [{"voltage": float(volts), "direction": str(way)} for volts, way in pairs]


def image_of(container: GwyContainer, number: int) -> Field:
    """Return a channel of a container; raises GwyFormatError where it is none."""
    key = contents.object_key(contents.CHANNEL, number)
    return Field.from_object(container[key], key)


def region_scan(options: argparse.Namespace, progress: Progress | None) -> RegionScan:
    """Return what the file of the options holds.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, the chosen channel or traces are not there, or there is nothing to measure.
    """
    container = read_container(options.file)
    scan = RegionScan(container)
    if options.channel is not None:
        scan.channel = number_of_channel(container, options.channel)
    scan.maps = maps_beside_mask(container, scan.channel, notes=scan.notes)
    recipe = recipe_from_options(options, _recipe_of(scan.maps))
    if scan.maps is not None:
        scan.dataset = _traces_of_maps(options, scan, recipe)
    else:
        measure_height(options, scan, recipe, progress)
    y, x = scan.axes()
    if scan.channel is None:
        found = regions_from_container(container, y, x)
    else:
        found = regions_of_channel(container, scan.channel, y, x)
    scan.notes += found.notes
    if not found.regions and not found.masks:
        scan.notes.append(_sentence_about_no_region(scan, y, x))
    scan.parts = parts_of_image(
        found.regions,
        found.masks,
        np.asarray(x.values, dtype=np.float64),
        np.asarray(y.values, dtype=np.float64),
        spacing=(axis_spacing(y), axis_spacing(x)),
    )
    return scan


def _recipe_of(maps: xr.Dataset | None) -> Recipe | None:
    """Return the recipe that made the results of a file: it knows which traces, and units that those may lack."""
    try:
        return None if maps is None else Recipe.from_json(str(maps.attrs.get("recipe", "")))
    except ValueError:  # somebody has edited it; the numbers of the maps stand for themselves
        return None


def _traces_of_maps(options: argparse.Namespace, scan: RegionScan, recipe: Recipe) -> xr.Dataset | None:
    """Return the traces that the maps were made from, None with a note where they are not there."""
    assert scan.maps is not None
    try:
        groups = open_datasets(
            options.file, traces=recipe.traces, time_unit=recipe.time_unit, lateral_unit=recipe.lateral_unit
        )
    except FileChangedError:
        raise
    except ValueError:
        if options.traces:
            raise
        return None
    fitting = [
        group for group in groups if all(group.sizes[axis] == scan.maps.sizes[axis] for axis in ("y", "x"))
    ]
    # Some of the traces will do where somebody has chosen them.
    if not options.traces:
        fitting = [group for group in fitting if group.sizes["pulse"] == scan.maps.sizes["pulse"]]
    if len(fitting) != 1:
        which = "several trace stacks" if fitting else "no traces"
        advice = ": choose one with {traces}" if fitting else ""
        template = f"the file holds {which} of the size of its maps{advice}; mean traces are left out"
        scan.notes.append(Sentence(template))
        return None
    try:
        return Evaluation.of(fitting[0], recipe).dataset
    except ValueError as error:
        scan.notes.append(Sentence("{error}", error=error))
        return None


def measure_height(
    options: argparse.Namespace, scan: RegionScan, recipe: Recipe, progress: Progress | None
) -> None:
    """Put in the traces and their H where the file holds no results; a channel alone will do, too."""
    try:
        dataset = open_dataset(
            options.file, traces=recipe.traces, time_unit=recipe.time_unit, lateral_unit=recipe.lateral_unit
        )
        evaluation = Evaluation.of(dataset, recipe)
        scan.maps = displacement_maps(evaluation, progress=progress)
        scan.dataset = evaluation.dataset
    except FileChangedError:
        raise
    except ValueError as error:
        if scan.channel is None or options.traces:
            template = "there are no result maps, run 'tesm fit' first; H alone cannot be measured: {error}"
            raise ValueError(Sentence(template, error=error)) from None
        scan.notes.append("there are no result maps: run 'tesm fit' first to get tau and D in the regions")
    else:
        scan.notes.append("only H is known, measured from the traces: run 'tesm fit' first to get tau and D")


def _sentence_about_no_region(scan: RegionScan, y: xr.DataArray, x: xr.DataArray) -> str:
    whole = "the numbers are those of the whole image"
    if scan.channel is not None:
        title = contents.title(scan.container, contents.CHANNEL, scan.channel)
        return f"nothing is drawn on '{title}', no region, selection or mask: {whole}"
    here = channels_on_grid(scan.container, y, x)
    others = [
        contents.title(scan.container, contents.CHANNEL, number)
        for number in contents.ids(scan.container, contents.CHANNEL)
        if number not in here
        and (contents.selections(scan.container, number) or f"/{number}/mask" in scan.container)
    ]
    if others:
        names = ", ".join(f"'{title}'" for title in others)
        template = (
            "no region is drawn on the grid of the maps: {whole}; choose what is drawn on another grid with "
        )
        return Sentence(template + "{channel} ({names})", whole=whole, names=names)
    return f"the file holds no region: {whole}; draw one in napari, or make a selection or a mask in Gwyddion"
