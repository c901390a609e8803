"""Writing a scan as .gwy: what its file held, the results, and all the work that was done on it."""

from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.files.atomic import atomic_output, refuse_same_file
from napari_tesm.files.checksum import sha256_of_file
from napari_tesm.grains import Boundaries, Grains, boundaries_from_grains, overrides_from_regions
from napari_tesm.gwy import contents
from napari_tesm.gwy.objects import Field
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.reading import read_container
from napari_tesm.gwy.writing import write_container_to
from napari_tesm.io.gwy.annotations import (
    Annotations,
    add_annotations,
    annotations_from_container,
    annotations_on_results,
    remove_annotations,
)
from napari_tesm.io.gwy.channels import channels_from_container
from napari_tesm.io.gwy.edits import is_edited, opened_dataset
from napari_tesm.io.gwy.entered import add_entered
from napari_tesm.io.gwy.grains import add_grains, grains_from_container, remove_grains
from napari_tesm.io.gwy.kernel_channels import add_kernel_channels, remove_kernel_channels
from napari_tesm.io.gwy.point_graphs import add_point_graphs
from napari_tesm.io.gwy.region_sources import axes_of_field
from napari_tesm.io.gwy.results import add_results, remove_results
from napari_tesm.io.gwy.saving import add_images, container_from_dataset, container_from_images
from napari_tesm.io.registry import is_gwy
from napari_tesm.model_choice.maps import KernelChoice
from napari_tesm.regions.shapes import Region
from napari_tesm.scan.opening import by_grid
from napari_tesm.scan.scan import MADE_FROM, Scan


def save_scan(scan: Scan, path: str | PathLike[str], *, overwrite: bool = False, **ways: Any) -> None:
    """Write a scan as .gwy.

    Parameters
    ----------
    path : path-like
    overwrite : bool
        Replace a file that is there; the file the scan came from is never replaced.
    **ways
        As of `container_from_scan`.

    Raises
    ------
    OSError, ValueError
        If it cannot be written; nothing is left behind then.
    """
    if scan.unfinished is not None:
        raise ValueError("the unit of the time axis is not known: enter it first, then save")
    origin: str | Path | None = scan.path
    recording = scan.recording
    if recording is not None:
        origin = recording.encoding.get("source") or recording.encoding.get("origin")
    if origin is not None:
        refuse_same_file(path, origin)
    edited = _is_edited(scan)
    sha256 = "" if origin is None or edited else sha256_of_file(origin)
    container = container_from_scan(scan, sha256=sha256, edited=edited, **ways)
    with atomic_output(path, overwrite=overwrite) as file:
        write_container_to(file, container, path)


def container_from_scan(
    scan: Scan,
    *,
    maps_only: bool = False,
    with_entered: bool = True,
    kept: Collection[str] = (),
    boundaries: Boundaries | None = None,
    sha256: str = "",
    edited: bool | None = None,
) -> GwyContainer:
    """Return what to write: what the scan's file holds, bit-equal, with earlier results replaced by its own.

    Parameters
    ----------
    scan : Scan
        Where it came from a .gwy file, that file's content is carried over; else its traces or images are written.
        Without `choice`, or without `grains`, those of the file are carried over.
    maps_only : bool
        Leave out everything but the results, regions, points and grains.
    with_entered : bool
        Write protocol, voltages and units of the traces into the file's where they differ.
    kept : collection of str
        Of "maps", "regions", "points", "grains": what is carried over as it stands in the file, whatever the scan says.
    boundaries : Boundaries, optional
        Of the grains; by default as they follow from grains, regions and width.
    sha256 : str
        Of the file that the maps were made from.
    edited : bool, optional
        Whether the traces are other ones than the file's, where that was asked already: they are read for the answer.

    Raises
    ------
    ValueError
        If there is no image that regions and points could be saved with.
    """
    dataset, maps, choice = scan.dataset, None if "maps" in kept else scan.maps, scan.choice
    source, container = None, GwyContainer()
    if not maps_only:
        source = _source_of(scan, edited=_is_edited(scan) if edited is None else edited)
        container = _content_of(scan, source)
        if source is not None or scan.recording is not None:
            add_images(container, [image for image in scan.channels if MADE_FROM in image.attrs])
    grid = _grid_axes(scan, container)
    regions, points = (None if name in kept else getattr(scan, name) for name in ("regions", "points"))
    if grid is None:
        if regions or points:
            raise ValueError("there is no image that regions and points could be saved with")
        return _with_choice(container, choice, sha256)
    grains: tuple[Grains, Boundaries] | None = None
    if scan.grains is not None and "grains" not in kept:
        band = boundaries or scan.grain_boundaries()
        assert band is not None
        grains = scan.grains, band
    # A file of images alone may hold results that nobody can fit anew.
    refitted = source is not None and not (dataset is None and maps is None)
    refitted &= maps is not None or choice is None
    rescaled = (
        with_entered and dataset is not None and "lateral_unit" in dataset.encoding.get("entered_units", {})
    )
    before = Annotations()
    if not maps_only:
        before = _annotations_before(scan, container if source is not None else None, grid)
    rewritten = not (regions is None and points is None and (source is not None or before == Annotations()))
    if not rewritten:
        # What nobody changed stays bit-equal, unless what it stands on goes or is measured anew.
        gone = refitted and annotations_on_results(container, *grid)
        rewritten = gone or (rescaled and bool(before.regions or before.points))
    regions = before.regions if regions is None else regions
    points = before.points if points is None else points
    if rewritten:
        remove_annotations(container, *grid, graphs_of=points if dataset is None else ())
    if grains is None and refitted:
        grains = _saved_grains(container, regions, *grid)
    if grains is not None:
        remove_grains(container, *grid)
    if refitted:
        remove_results(container)
    if with_entered and source is not None and dataset is not None:
        add_entered(container, dataset)
    if maps is not None:
        add_results(container, maps, sha256=sha256)
    _with_choice(container, choice, sha256)
    if rewritten:
        add_annotations(container, regions, points, *grid)
        if dataset is not None and points:
            _put_last_graph_at_end(container)
            same_pulses = maps is not None and maps.sizes["pulse"] == dataset.sizes["pulse"]
            add_point_graphs(container, dataset, maps if same_pulses else None, points)
    if grains is not None and grains[0].count:
        add_grains(container, *grains, *grid, maps=maps)
    return container


def container_of(scan: Scan) -> GwyContainer:
    """Return what the .gwy file of a scan holds, read anew; of other files the traces and images as such objects."""
    return _content_of(scan, _source_of(scan, edited=_is_edited(scan)))


def _content_of(scan: Scan, source: str | Path | None) -> GwyContainer:
    if source is not None:
        return read_container(source)
    recording = scan.recording
    return container_from_images(scan.channels) if recording is None else container_from_dataset(recording)


def _is_edited(scan: Scan) -> bool:
    """Whether the traces of a scan are other ones than those of its file; they are compared, so ask once."""
    return scan.recording is not None and is_edited(scan.recording)


def _source_of(scan: Scan, *, edited: bool) -> str | Path | None:
    """Return the .gwy file whose content is carried over: that of the traces where there are some, as they are there.

    Traces that were edited in memory are written with what is in memory beside them; of the file regions and points
    alone come along.
    """
    recording = scan.recording
    if recording is not None:
        source: str | None = recording.encoding.get("source")
        return None if edited else source
    return scan.path if scan.path is not None and is_gwy(scan.path) else None


def _annotations_before(
    scan: Scan, container: GwyContainer | None, grid: tuple[xr.DataArray, xr.DataArray]
) -> Annotations:
    """Return regions and points of the file; of one whose traces were edited since, those of the traces it holds."""
    if container is not None:
        return annotations_from_container(container, *grid)
    recording = scan.recording
    opened = None if recording is None else opened_dataset(recording)
    if recording is None or opened is None:
        return Annotations()
    return annotations_from_container(read_container(recording.encoding["source"]), opened["y"], opened["x"])


def _with_choice(container: GwyContainer, choice: KernelChoice | None, sha256: str) -> GwyContainer:
    if choice is not None:
        remove_kernel_channels(container)
        add_kernel_channels(container, choice, sha256=sha256)
    return container


def _saved_grains(
    container: GwyContainer, regions: Sequence[Region], y: xr.DataArray, x: xr.DataArray
) -> tuple[Grains, Boundaries] | None:
    """Return the grains of the file with their boundaries, as they were asked for when they were saved."""
    saved = grains_from_container(container, y, x)
    if saved is None or not saved[1] > 0:
        return None
    grains, width = saved
    drawn = overrides_from_regions(regions, x.values, y.values, spacing=grains.spacing)
    return grains, boundaries_from_grains(grains, width, overrides=drawn)


def _grid_axes(scan: Scan, container: GwyContainer) -> tuple[xr.DataArray, xr.DataArray] | None:
    """Return the axes (y, x) that regions are drawn on: of the traces, the maps, most of the images, or any image."""
    held = scan.pulsed
    if held is not None:
        return held["y"], held["x"]
    if images := by_grid(channels_from_container(container)):
        return images[0]["y"], images[0]["x"]
    for number in contents.ids(container, contents.CHANNEL):
        key = contents.object_key(contents.CHANNEL, number)
        return axes_of_field(Field.from_object(container[key], key))
    return None


def _put_last_graph_at_end(container: GwyContainer) -> None:
    """Move what the file remembers of its graphs before those that follow, so that their order is always the same."""
    last = contents.next_id(container, contents.GRAPH) - 1
    container.pop("/0/graph/lastid", None)
    if last >= 0:
        put(container, "/0/graph/lastid", last, "i")
