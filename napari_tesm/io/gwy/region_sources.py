"""Which parts of an image a file names: regions, selections drawn in Gwyddion, and masks of channels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer
from numpy.typing import ArrayLike, NDArray

from napari_tesm.files.errors import GwyFormatError
from napari_tesm.gwy import contents
from napari_tesm.gwy.objects import Field
from napari_tesm.gwy.parts import put
from napari_tesm.io.gwy.annotations import annotations_from_container, channels_on_grid, is_annotation
from napari_tesm.io.gwy.digests import fill_of
from napari_tesm.io.gwy.grains import is_grain_channel
from napari_tesm.io.gwy.results import (
    axes_from_field,
    is_result,
)
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.regions.shapes import Region

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class RegionSources:
    """Regions and masks of a file.

    Parameters
    ----------
    regions : list of Region
        In the unit of the axes they were asked for.
    masks : dict of str to (ndarray, ndarray) of bool
        For each mask the pixels under it, and those of the same image that are not.
    notes : list of str
        In a sentence each: what could not be understood, or is no region.
    """

    regions: list[Region] = field(default_factory=list)
    masks: dict[str, tuple[Mask, Mask]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def number_of_channel(container: GwyContainer, name: str) -> int:
    """Return the id of a channel by its title, or by its id itself.

    Raises
    ------
    ValueError
        If there is none, or there are several of this title.
    """
    titles = {
        number: contents.title(container, contents.CHANNEL, number)
        for number in contents.ids(container, contents.CHANNEL)
    }
    titled = [number for number, title in titles.items() if title == name]
    if len(titled) > 1:
        numbers = ", ".join(map(str, titled))
        raise ValueError(
            f"there are {len(titled)} channels called '{name}': choose one by its number ({numbers})"
        )
    if titled:
        return titled[0]
    if name.isdecimal() and len(name) < 10 and int(name) in titles:
        return int(name)
    listed = ", ".join(f"{number} '{title}'" for number, title in titles.items()) or "none"
    raise ValueError(f"there is no channel called '{name}'; the file holds: {listed}")


def masks_from_container(
    container: GwyContainer, y: xr.DataArray, x: xr.DataArray, notes: list[str]
) -> dict[str, tuple[Mask, Mask]]:
    """Return for each mask of a channel on the grid with these axes the pixels under it, and the others.

    The mask of a result marks pixels without a value, and is no part of the image.
    """
    masks: dict[str, tuple[Mask, Mask]] = {}
    for number in channels_on_grid(container, y, x):
        texts = contents.texts_of_channel(container, number)
        if is_result(texts) or is_annotation(texts) or is_grain_channel(texts):
            continue
        mask = _mask_of(container, number, notes)
        if mask is not None:
            masks[_new_name(container, number, masks)] = (mask, ~mask)
    return masks


def regions_of_channel(
    container: GwyContainer, number: int, y: xr.DataArray, x: xr.DataArray
) -> RegionSources:
    """Return what is drawn on one channel alone: its regions, its selections and its mask.

    The channel may have other pixels than the grid: places count then, and pixels of the grid beside the channel are
    neither under its mask nor not.

    Raises
    ------
    GwyFormatError
        If the channel cannot be read.
    ValueError
        If it is no image of the same space.
    """
    image = contents.image(container, number)
    # The graphs that hang below channel 0 by convention do not matter.
    alone = _container_of(container, lambda key: key.startswith(f"/{number}/") and "/graph/" not in key)
    if number in channels_on_grid(container, y, x):
        own_y, own_x = y, x
    else:
        own_y, own_x = axes_of_field(image)
        unit = str(x.attrs.get("units", ""))
        if image.unit_xy != unit:
            title = contents.title(container, contents.CHANNEL, number)
            raise ValueError(
                f"the channel '{title}' is in {image.unit_xy or 'no unit'} and the maps are in {unit or 'no unit'}: "
                "what is drawn on it cannot be found on them"
            )
    annotations = annotations_from_container(alone, own_y, own_x)
    sources = RegionSources(regions=annotations.regions, notes=annotations.notes)
    mask = _mask_of(container, number, sources.notes)
    if mask is None:
        return sources
    name = _new_name(container, number, {})
    if _is_mask_of_missing(container, number, mask):
        sources.notes.append(f"{name} marks the pixels without a value: it is no region")
        return sources
    sources.masks[name] = _on_grid(mask, own_y, own_x, y, x)
    return sources


def axes_of_field(image: Field) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the axes (y, x) of an image."""
    axes = axes_from_field(image)
    y, x = (xr.DataArray(axes[name][1], dims=name, name=name, attrs=axes[name][2]) for name in ("y", "x"))
    return y, x


def _container_of(container: GwyContainer, wanted: Callable[[str], bool]) -> GwyContainer:
    """Return a container with some of the objects of another."""
    chosen = GwyContainer()
    for key in container:
        if wanted(key):
            put(chosen, key, container[key], container.typecodes[key])
    return chosen


def _mask_of(container: GwyContainer, number: int, notes: list[str]) -> Mask | None:
    try:
        marked = contents.mask(container, number)
        if marked is None or marked.shape == contents.image(container, number).values.shape:
            return marked
    except GwyFormatError as error:
        notes.append(str(error))
        return None
    title = contents.title(container, contents.CHANNEL, number)
    notes.append(f"the mask of '{title}' has another size than the channel: it is left out")
    return None


def _is_mask_of_missing(container: GwyContainer, number: int, mask: Mask) -> bool:
    """Whether the mask of a result is the one it was written with: what it covers has no value, or the median."""
    texts = contents.texts_of_channel(container, number)
    if not is_result(texts) or not mask.any():
        return False
    image = contents.image(container, number)
    missing = fill_of(image, texts)
    if missing is not None:
        return not (mask & ~missing).any()
    fill = 0.0 if mask.all() else float(np.median(image.values[~mask]))
    return bool(np.isclose(image.values[mask], fill, rtol=1e-12, atol=0).all())


def _new_name(container: GwyContainer, number: int, taken: Mapping[str, object]) -> str:
    title = contents.title(container, contents.CHANNEL, number).strip() or f"Channel {number}"
    name = f"the mask of {title}"
    return f"{name} (channel {number})" if name in taken else name


def _on_grid(
    mask: Mask, own_y: xr.DataArray, own_x: xr.DataArray, y: xr.DataArray, x: xr.DataArray
) -> tuple[Mask, Mask]:
    """Return which pixels of a grid lie under the mask of another image, and which beside it on that image."""
    rows, columns = (pixels_at(own, axis.values) for own, axis in ((own_y, y), (own_x, x)))
    there = (rows >= 0)[:, None] & (columns >= 0)[None, :]
    under = mask[np.ix_(np.maximum(rows, 0), np.maximum(columns, 0))]
    return under & there, ~under & there


def pixels_at(axis: xr.DataArray, places: ArrayLike) -> NDArray[np.int64]:
    """Return the index of the pixel each place along an axis lies in, -1 beside the image."""
    with np.errstate(invalid="ignore", over="ignore"):
        index = np.floor((np.asarray(places) - axis.values[0]) / axis_spacing(axis) + 0.5)
    beside = ~((index >= 0) & (index < axis.size))
    return np.where(beside, -1, np.where(beside, 0, index)).astype(np.int64)
