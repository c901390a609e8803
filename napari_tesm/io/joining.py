"""The traces of a recorder and the images of the microscope's own file, joined into one dataset."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from napari_tesm.data.dataset import slug_from_title
from napari_tesm.data.maps import values_of
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.channels import channels_from_container
from napari_tesm.io.images import channels_on_grid
from napari_tesm.io.mapping.entries import AfmEntry
from napari_tesm.io.registry import is_gwy, open_file
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.registration.placement import (
    Placement,
    corner_of,
    have_same_size,
    placed_image,
    registration_between,
    size_of,
)

_DIGITS: Final = 4


def images_from_file(path: str | PathLike[str]) -> list[xr.DataArray]:
    """Return the images of a file of any format, results of this program left out.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or holds none.
    """
    path = Path(path)
    channels = channels_from_container(read_container(path)) if is_gwy(path) else open_file(path).channels
    images = [channel for channel in channels if channel.dtype != bool]
    if not images:
        raise ValueError(f"{path.name} holds no images")
    return images


def dataset_with_scan(
    dataset: xr.Dataset, path: str | PathLike[str], entry: AfmEntry | None = None
) -> tuple[xr.Dataset, list[str]]:
    """Return a dataset with the images of the microscope's file, and what was done, in sentences.

    A scan whose size is not known takes that of the image. Images of the scan's size get its place, as both count from
    a corner of their own; images of another size keep theirs. What lies on the pixels of the traces becomes a channel
    of the dataset, what has a grid of its own comes along beside it.

    Parameters
    ----------
    dataset : Dataset
        Of the recorder.
    path : path-like
        Of the microscope.
    entry : AfmEntry, optional
        Flips, turns, offset, and the channel to register on.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read or does not go with the recording.
    """
    entry = entry or AfmEntry()
    path = Path(path)
    images = [
        placed_image(image, Placement(entry.flip_x, entry.flip_y, entry.rotate // 90))
        for image in images_from_file(path)
    ]
    said: list[str] = []
    leading = images[0] if not entry.register else _called(images, entry.register, path)
    if not dataset["x"].attrs.get("units"):
        dataset = _with_size_of(dataset, leading)
        said.append(f"The scan's size, {_size_in_words(leading)}, is that of {path.name}.")
    images = [_over_scan(image, dataset, entry, path, said) for image in images]
    if entry.register:
        images = _registered(images, dataset, entry.register, path, said)
    return _joined(dataset, images), list(dict.fromkeys(said))


def _with_size_of(dataset: xr.Dataset, image: xr.DataArray) -> xr.Dataset:
    corner, size = corner_of(image), size_of(image)
    coords = {}
    for number, name in enumerate(("y", "x")):
        count = dataset.sizes[name]
        step = size[number] / count
        attributes = dataset[name].attrs | {"units": image[name].attrs.get("units", ""), "spacing": step}
        coords[name] = (name, corner[number] + (np.arange(count) + 0.5) * step, attributes)
    encoding = dataset.encoding
    dataset = dataset.assign_coords(coords)
    dataset.encoding = encoding
    return dataset


def _over_scan(
    image: xr.DataArray, dataset: xr.Dataset, entry: AfmEntry, path: Path, said: list[str]
) -> xr.DataArray:
    """Return an image at its place over the scan: its corner on the scan's where both have one size, moved as told."""
    unit = str(image["x"].attrs.get("units", ""))
    if unit != str(dataset["x"].attrs.get("units", "")):
        said.append(f"The images of {path.name} have no size in m: they stay where they are.")
        return image
    dy, dx = entry.offset_y or 0.0, entry.offset_x or 0.0
    if have_same_size(size_of(image), size_of(dataset)):
        (y, x), (own_y, own_x) = corner_of(dataset), corner_of(image)
        dy, dx = dy + y - own_y, dx + x - own_x
    elif entry.offset_x is None and entry.offset_y is None:
        said.append(
            f"The images of {path.name} are {_size_in_words(image)}, the scan is {_size_in_words(dataset)}: "
            "they keep their place; an offset in the mapping moves them."
        )
    return placed_image(image, Placement(dx=dx, dy=dy)) if dx or dy else image


def _registered(
    images: Sequence[xr.DataArray], dataset: xr.Dataset, channel: str, path: Path, said: list[str]
) -> list[xr.DataArray]:
    image = _called(images, channel, path)
    maps = displacement_maps(Evaluation.of(dataset))
    seen = np.mean([np.abs(values_of(maps, "H", pulse)) for pulse in range(maps.sizes["pulse"])], axis=0)
    fixed = xr.DataArray(seen, dims=("y", "x"), coords={name: dataset[name] for name in ("y", "x")})
    shift = registration_between(fixed, image)
    unit = str(dataset["x"].attrs.get("units", ""))
    right, down = (text_from_quantity(move, unit, digits=3) for move in (shift.dx, shift.dy))
    said.append(
        f"Registered on '{image.attrs.get('long_name', image.name)}' against |H|: moved by {right} to the right and "
        f"{down} down; residual {shift.residual:.2f} px, correlation {shift.correlation:.2f}."
    )
    return [placed_image(other, Placement(dx=shift.dx, dy=shift.dy)) for other in images]


def _called(images: Sequence[xr.DataArray], title: str, path: Path) -> xr.DataArray:
    for image in images:
        if title in (str(image.attrs.get("long_name", "")), str(image.name)):
            return image
    titles = ", ".join(f"'{image.attrs.get('long_name', image.name)}'" for image in images)
    raise ValueError(f"there is no image '{title}' in {path.name}; it holds {titles}")


def _joined(dataset: xr.Dataset, images: Sequence[xr.DataArray]) -> xr.Dataset:
    encoding = dict(dataset.encoding)
    spacing = tuple(
        size / dataset.sizes[name] for size, name in zip(size_of(dataset), ("y", "x"), strict=True)
    )
    own = channels_on_grid(
        images, dataset["y"].values, dataset["x"].values, (spacing[0], spacing[1]),
        str(dataset["x"].attrs.get("units", "")),
    )  # fmt: skip
    others = list(encoding.get("other_channels", []))
    names = [str(name) for name in dataset.data_vars]
    for image in images:
        name = slug_from_title(str(image.attrs.get("long_name", image.name)), names)
        names.append(name)
        if any(image is channel for channel in own):
            dataset = dataset.assign({name: (("y", "x"), image.values, dict(image.attrs))})
        else:
            others.append(image.rename(name))
    dataset.encoding = encoding | {"other_channels": others}
    return dataset


def _size_in_words(array: xr.DataArray | xr.Dataset) -> str:
    height, width = size_of(array)
    unit = str(array["x"].attrs.get("units", ""))
    if not unit:
        return f"{width:g} × {height:g} pixels"
    texts = (text_from_quantity(size, unit, digits=_DIGITS) for size in (width, height))
    return " × ".join(texts)
