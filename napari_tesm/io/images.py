"""Images of an instrument's file, and what the axes of its arrays are."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr

from napari_tesm.data.dataset import slug_from_title
from napari_tesm.io.content import Axis, FileContent, Source, si_from_unit
from napari_tesm.io.mapping.entries import ImageEntry, MappingError, ScanEntry
from napari_tesm.io.mapping.grid import PixelGrid, Positions, grid_from_scan, lateral_axis

_LARGEST_IMAGE: Final = 1 << 28
"""Values of the largest image that is opened, 2 GiB of doubles."""
_NAMES: Final = {
    "time": "time", "t": "time", "samples": "time", "sample": "time",
    "x": "x", "width": "x", "column": "x", "columns": "x", "x position": "x", "fast axis": "x",
    "y": "y", "height": "y", "row": "y", "rows": "y", "line": "y", "y position": "y", "slow axis": "y",
    "pixel": "pixel", "position": "pixel", "positions": "pixel",
}  # fmt: skip


def images_from_content(
    content: FileContent,
    entries: Sequence[ImageEntry],
    *,
    lateral_unit: str | None = None,
    grids: Sequence[PixelGrid] = (),
    scan: ScanEntry | None = None,
) -> list[xr.DataArray]:
    """Return the images that are named, each with its axes in m where the file says so.

    Parameters
    ----------
    content : FileContent
    entries : sequence of ImageEntry
    lateral_unit : str, optional
        Unit of places that have none in the file.
    grids : sequence of PixelGrid
        Pixels of the traces: an array of their number that says nothing of places lies on them.
    scan : ScanEntry, optional
        Gives images their size where there are no traces.

    Raises
    ------
    MappingError
        If one is no image.
    """
    images: list[xr.DataArray] = []
    for entry in entries:
        source = content.source(entry.source)
        roles = roles_of_axes(source.axes)
        if source.array.dtype.kind not in "fiub" or sum(axis.size > 1 for axis in source.axes) > 2:
            raise MappingError(f"'{entry.source}' is no image: its size is {size_in_words(source)}")
        if np.prod(source.shape) > _LARGEST_IMAGE:
            raise MappingError(f"the image '{entry.source}' is too large: {size_in_words(source)}")
        values = np.asarray(source.array[tuple(slice(None) for _ in source.axes)], dtype=np.float64)
        placed = _on_grid(source, values, roles, grids, scan, lateral_unit)
        image, y, x = placed or _by_its_axes(source, values, roles, lateral_unit)
        factor, unit = si_from_unit(entry.unit or source.unit)
        coords = {
            name: (name, along.centres, {"units": along.unit, "spacing": along.spacing})
            for name, along in (("y", y), ("x", x))
        }
        title = entry.title or source.title
        name = slug_from_title(title, [str(image.name) for image in images])
        attributes = {"units": unit, "long_name": title}
        images.append(
            xr.DataArray(image * factor, dims=("y", "x"), coords=coords, name=name, attrs=attributes)
        )
    return images


def _on_grid(
    source: Source,
    values: np.ndarray,
    roles: Sequence[str],
    grids: Sequence[PixelGrid],
    scan: ScanEntry | None,
    lateral_unit: str | None,
) -> tuple[np.ndarray, Positions, Positions] | None:
    """Return an image without places of its own on the pixels that have its number; None where there are none."""
    long = [number for number, axis in enumerate(source.axes) if axis.size > 1]
    if any(lateral_axis(source.axes[number], lateral_unit)[0].unit for number in long):
        return None
    bare = values.reshape([source.axes[number].size for number in long])
    grids = list(grids)
    if scan is not None and not grids and bare.ndim == 2:
        own = grid_from_scan(scan, (bare.shape[0], bare.shape[1]))
        grids = [own] if own is not None else []
    for grid in grids:
        image = grid.image_from(bare, [roles[number] for number in long])
        if image is not None:
            return image, grid.y, grid.x
    return None


def _by_its_axes(
    source: Source, values: np.ndarray, roles: Sequence[str], lateral_unit: str | None
) -> tuple[np.ndarray, Positions, Positions]:
    """Return an image as its own axes have it."""
    order = _image_axes(source, roles)
    values = np.transpose(values, [*[n for n in range(values.ndim) if n not in order], *order])
    values = values.reshape(values.shape[-2:])
    places = []
    for along, number in enumerate(order):
        positions, flipped = lateral_axis(source.axes[number], lateral_unit)
        values = np.flip(values, along) if flipped else values
        places.append(positions)
    return values, places[0], places[1]


def is_image(source: Source) -> bool:
    """Whether an array can only be an image: two axes, none of them time, of real numbers."""
    sizes = [axis.size for axis in source.axes if axis.size > 1]
    roles = roles_of_axes(source.axes)
    units = {si_from_unit(axis.unit)[1] for axis in source.axes if axis.size > 1}
    # No axis may be something else than a place: a voltage, a frequency.
    spatial = units <= {"m", "", "px", "pixel", "pixels"}
    return len(sizes) == 2 and "time" not in roles and source.array.dtype.kind in "fiub" and spatial


def _image_axes(source: Source, roles: Sequence[str]) -> list[int]:
    """Return which axes are y and x; (y, x) where the file does not say."""
    if roles.count("x") == 1 and roles.count("y") == 1:
        return [roles.index("y"), roles.index("x")]
    long = [number for number, axis in enumerate(source.axes) if axis.size > 1]
    short = [number for number in range(len(source.axes)) if number not in long]
    if len(source.axes) < 2:
        raise MappingError(f"'{source.name}' is no image: its size is {size_in_words(source)}")
    # Of a single line or pixel, the axes of length one are y and x.
    return sorted([*long, *short[: 2 - len(long)]])


def roles_of_axes(axes: Sequence[Axis]) -> list[str]:
    """Return what axes are: "y", "x", "time", "pixel", "skip" (length one), or "" where that cannot be told.

    A name tells, and so does a unit of time; two axes in m without a known name are y and x.
    """
    roles = []
    for axis in axes:
        role = _NAMES.get(axis.name.strip().lower(), "")
        if si_from_unit(axis.unit)[1] == "s":
            role = "time"
        roles.append("skip" if not role and axis.size == 1 and len(axes) > 1 else role)
    for number, role in enumerate(roles):
        if role and role != "skip" and roles.count(role) > 1:
            roles[number] = ""
    lateral = [n for n, role in enumerate(roles) if not role and si_from_unit(axes[n].unit)[1] == "m"]
    if len(lateral) == 2 and not {"x", "y"} & set(roles):
        roles[lateral[0]], roles[lateral[1]] = "y", "x"
    return roles


def size_in_words(source: Source) -> str:
    """Return the size of an array, ``64 × 48 × 250``."""
    return " × ".join(str(axis.size) for axis in source.axes)


def channels_on_grid(
    channels: Sequence[xr.DataArray],
    y: np.ndarray,
    x: np.ndarray,
    spacing: tuple[float, float],
    unit: str,
) -> list[xr.DataArray]:
    """Return the images whose pixels lie where those of the traces do, to a hundredth of a pixel."""
    return [
        channel
        for channel in channels
        if channel.shape == (y.size, x.size)
        and str(channel["x"].attrs.get("units", "")) == unit
        and np.allclose(channel["y"].values, y, rtol=0, atol=0.01 * spacing[0])
        and np.allclose(channel["x"].values, x, rtol=0, atol=0.01 * spacing[1])
    ]
