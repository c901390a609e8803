"""What is done with the surface of a scan: levelled images, and a part of the scan as a scan of its own."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.parity import EACH
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.regions.levelling import without_line_levels, without_plane
from napari_tesm.regions.shapes import Region, mask_from_region
from napari_tesm.scan.scan import MADE_FROM, images_by_title

WAYS: Final[dict[str, tuple[str, Callable[[Any], NDArray[np.float64]]]]] = {
    "plane": ("plane levelled", without_plane),
    "rows": ("rows levelled", without_line_levels),
}
"""What is added to the title, and what levels, by how it is done."""
_FEWEST: Final = 2
"""Rows and columns of a part: with one there is no pixel size."""


def levelled_image(scan: Scan, title: str, way: str) -> xr.DataArray:
    """Return an image of a scan levelled, and keep it with the scan: a save writes it beside the image.

    Parameters
    ----------
    title : str
        Of an image of the scan.
    way : str
        Of `WAYS`.

    Raises
    ------
    ValueError
        If there is no such image, or nothing to level.
    """
    image = images_by_title(scan.channels).get(title)
    if image is None:
        raise ValueError("there is no topography: choose the image to be levelled in the list of layers")
    words, level = WAYS[way]
    made = image.copy(data=level(image.values)).rename(_free_name(f"{image.name}_{way}", scan.channels))
    made.attrs |= {"long_name": f"{title} ({words})", MADE_FROM: title}
    scan.channels = [
        channel for channel in scan.channels if channel.attrs.get("long_name") != made.attrs["long_name"]
    ] + [made]
    return made


def area_to_crop(scan: Scan) -> Region:
    """Return the region that a scan is cropped to: the one that is selected, else the rectangle drawn last.

    Raises
    ------
    ValueError
        If there is none.
    """
    model = RegionModel.of(scan)
    chosen = [model.regions[index] for index in sorted(model.selection)]
    rectangles = [region for region in reversed(model.regions) if region.kind == "rectangle"]
    for region in (*chosen, *rectangles):
        if not region.is_line:
            return region
    raise ValueError("draw a rectangle in the tab Regions, or select an area there: it is what remains")


def cropped_scan(scan: Scan, area: Region) -> Scan:
    """Return the part of a scan that lies around an area: its traces, images, points and regions, nothing fitted.

    Traces stay in the file until they are read. The part has no file of its own before it is saved.

    Raises
    ------
    ValueError
        If the area leaves fewer than two rows or columns.
    """
    low, high = area.xy().min(axis=0), area.xy().max(axis=0)
    recording = scan.recording
    parts = [_inside(channel, low, high) for channel in scan.channels]
    dataset = None
    if recording is not None:
        dataset = _inside(recording, low, high)
        if dataset is None:
            raise ValueError(f"{area.name} leaves fewer than {_FEWEST} rows or columns of pixels")
        origin = recording.encoding.get("source") or recording.encoding.get("origin")
        # No longer what the file holds; that file is still read, and never written over.
        dataset.encoding = {} if origin is None else {"origin": origin}
    channels = [part for part in parts if part is not None]
    if not channels and dataset is None:
        raise ValueError(f"{area.name} leaves fewer than {_FEWEST} rows or columns of pixels")
    made = Scan(f"{scan.name} crop", dataset, channels, recipe=scan.recipe, world_unit=scan.world_unit)
    if dataset is not None and scan.recipe.parity != EACH:
        made.take_parts(scan.recipe)
    made.points = [point for point in scan.points if made.pixel_of(point.x, point.y) is not None]
    made.regions = [
        replace(region)
        for region in scan.regions
        if region is not area and mask_from_region(region, made.x, made.y, spacing=made.spacing).any()
    ]
    return made


def _inside(held: Any, low: NDArray[np.float64], high: NDArray[np.float64]) -> Any:
    """Return the pixels of an image or a dataset whose centres lie in a box; None where too few do."""
    where = {}
    for axis, least, most in (("x", low[0], high[0]), ("y", low[1], high[1])):
        inside = np.flatnonzero((held[axis].values >= least) & (held[axis].values <= most))
        if inside.size < _FEWEST:
            return None
        where[axis] = slice(int(inside[0]), int(inside[-1]) + 1)
    return held.isel(where)


def _free_name(name: str, channels: Iterable[xr.DataArray]) -> str:
    taken = {str(channel.name) for channel in channels}
    return (
        name
        if name not in taken
        else next(f"{name}_{n}" for n in range(2, 10_000) if f"{name}_{n}" not in taken)
    )
