"""OME-Zarr, versions 0.4 and 0.5: the finest level of an image, with the size of its voxels.

The format: Moore et al. 2023, *OME-Zarr: a cloud-optimized bioimaging file format*, and https://ngff.openmicroscopy.org.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

from napari_tesm.files.lazy import LazyArray, UnusableArrayError
from napari_tesm.io.content import ContentError, damage_told, one_line
from napari_tesm.io.volumes.stored import StoredVolume, metres_from
from napari_tesm.io.zarr_store import is_zarr
from napari_tesm.io.zarr_store.arrays import lazy_array, opened_group, stored_bytes

MARK: Final = "t-ESM volume 1"
"""Attribute ``tesm_format`` of a folder that `save_volume` wrote."""
ABOUT: Final = "tesm_volume"
"""Attribute of such a folder: what else is known of the volume."""
_SPACE: Final = ("z", "y", "x")
KEPT: Final = ("simulated", "preset", "seed", "reconstruction", "peak", "repair")
"""What is kept of a volume beside its numbers."""
_MOST_AXES: Final = 5


def is_ome_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr store at all; that it is an image is seen when it is opened."""
    return is_zarr(path)


def volume_from_ome_zarr(path: Path) -> StoredVolume:
    """Return the volume of an OME-Zarr folder, its finest level.

    Raises
    ------
    ContentError
        If it is damaged, no image of three dimensions, or several in one.
    """
    with damage_told(path, "is no sound OME-Zarr"):
        root = opened_group(path)
        attributes = dict(root.attrs)
        image = _image(attributes.get("ome", attributes), path)
        names, units = _axes(image, path)
        finest = image["datasets"][0]
        item = root[str(finest["path"])]
        if not hasattr(item, "chunks") or item.ndim != len(names):
            raise ContentError(
                f"{path} is damaged: its finest level does not have the axes {', '.join(names)}."
            )
        notes: list[str] = []
        try:
            array = lazy_array(
                item, str(finest["path"]), path, stored_bytes(path), lost=partial(_lost, notes)
            )
        except UnusableArrayError as error:
            raise ContentError(f"{path} cannot be read: {one_line(str(error))}") from None
        scales = [_scale(part, len(names)) for part in (finest, image)]
        steps = [one * other for one, other in zip(*scales, strict=True)]
        volume = _without_others(array, names, path)
        edges = {name: metres_from(step, unit) for name, step, unit in zip(names, steps, units, strict=True)}
        about = attributes.get(ABOUT)
    kept = {key: about[key] for key in KEPT if key in about} if isinstance(about, dict) else {}
    order = sorted((name for name in names if name in _SPACE), key=_SPACE.index)
    z, y, x = (edges[name] for name in order)
    return StoredVolume("OME-Zarr", volume, (z, y, x), tuple(notes), kept)


def _lost(notes: list[str], what: str) -> None:
    notes.append(f"The finest level {what}")


def _image(attributes: Any, path: Path) -> dict[str, Any]:
    images = attributes.get("multiscales") if isinstance(attributes, dict) else None
    if (
        not isinstance(images, list)
        or not images
        or not isinstance(images[0], dict)
        or not images[0].get("datasets")
    ):
        raise ContentError(
            f"{path} is a Zarr folder and no OME-Zarr image: it says nothing of 'multiscales'."
        )
    return images[0]


def _axes(image: dict[str, Any], path: Path) -> tuple[list[str], list[str]]:
    axes = image.get("axes")
    if not isinstance(axes, list) or not 3 <= len(axes) <= _MOST_AXES:
        raise ContentError(f"{path} is no OME-Zarr of version 0.4 or later: it does not name its axes.")
    entries = [axis if isinstance(axis, dict) else {"name": axis} for axis in axes]
    names = [str(axis.get("name", "")).lower() for axis in entries]
    if len(set(names)) != len(names) or not set(_SPACE) <= set(names):
        raise ContentError(
            f"{path} holds no volume: its axes are {one_line(', '.join(names))}, not z, y and x."
        )
    return names, [str(axis.get("unit") or "") for axis in entries]


def _scale(part: dict[str, Any], count: int) -> list[float]:
    """Return the scale among the transformations of a level, or of the whole image; 1 where there is none."""
    for step in part.get("coordinateTransformations") or ():
        scale = step.get("scale") if isinstance(step, dict) and step.get("type") == "scale" else None
        if isinstance(scale, list) and len(scale) == count:
            return [float(number) for number in scale]
    return [1.0] * count


def _without_others(array: LazyArray, names: list[str], path: Path) -> LazyArray:
    """Return the array with z, y, x alone, in this order."""
    left = list(names)
    for name in names:
        if name in _SPACE:
            continue
        axis = left.index(name)
        if array.shape[axis] != 1:
            raise ContentError(
                f"{path} holds {array.shape[axis]} volumes along '{one_line(name)}': save one of them."
            )
        array = array.at(axis, 0)
        left.remove(name)
    order = tuple(left.index(name) for name in _SPACE)
    return array if order == (0, 1, 2) else array.transposed(order)
