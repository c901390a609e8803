"""Images of an instrument's file, and what the axes of its arrays are."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr

from napari_tesm.data.dataset import slug_from_title
from napari_tesm.io.content import Axis, FileContent, Source, si_from_unit
from napari_tesm.io.mapping.entries import ImageEntry, MappingError
from napari_tesm.quantities.text import factor_from_unit

_LARGEST_IMAGE: Final = 1 << 28
"""Values of the largest image that is opened, 2 GiB of doubles."""
_NAMES: Final = {
    "time": "time", "t": "time", "samples": "time", "sample": "time",
    "x": "x", "width": "x", "column": "x", "columns": "x", "x position": "x", "fast axis": "x",
    "y": "y", "height": "y", "row": "y", "rows": "y", "line": "y", "y position": "y", "slow axis": "y",
    "pixel": "pixel", "position": "pixel", "positions": "pixel",
}  # fmt: skip


def images_from_content(
    content: FileContent, entries: Sequence[ImageEntry], *, lateral_unit: str | None = None
) -> list[xr.DataArray]:
    """Return the images that are named, each with its axes in m where the file says so."""
    images: list[xr.DataArray] = []
    for entry in entries:
        source = content.source(entry.source)
        roles = roles_of_axes(source.axes)
        long = [number for number, axis in enumerate(source.axes) if axis.size > 1]
        if len(long) > 2 or source.array.dtype.kind not in "fiub":
            raise MappingError(f"'{entry.source}' is no image: its size is {size_in_words(source)}")
        if np.prod(source.shape) > _LARGEST_IMAGE:
            raise MappingError(f"the image '{entry.source}' is too large: {size_in_words(source)}")
        order = _image_axes(source, roles)
        values = np.asarray(source.array[tuple(slice(None) for _ in source.axes)], dtype=np.float64)
        values = np.transpose(values, [*[n for n in range(values.ndim) if n not in order], *order])
        values = values.reshape(values.shape[-2:])
        factor, unit = si_from_unit(entry.unit or source.unit)
        axes = {}
        for number, name in zip(order, ("y", "x"), strict=True):
            positions, spacing, lateral, flipped = lateral_axis(source.axes[number], lateral_unit)
            values = np.flip(values, 0 if name == "y" else 1) if flipped else values
            axes[name] = (name, positions, {"units": lateral, "spacing": spacing})
        title = entry.title or source.title
        name = slug_from_title(title, [str(image.name) for image in images])
        attributes = {"units": unit, "long_name": title}
        images.append(
            xr.DataArray(values * factor, dims=("y", "x"), coords=axes, name=name, attrs=attributes)
        )
    return images


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


def lateral_axis(axis: Axis, lateral_unit: str | None) -> tuple[np.ndarray, float, str, bool]:
    """Return pixel centres, their distance, the unit, and whether the axis runs backwards in the file."""
    written = axis.unit or (lateral_unit or "")
    factor, unit = si_from_unit(written)
    if not axis.known or unit != "m":
        return np.arange(axis.size) + 0.5, 1.0, "", False
    if lateral_unit is not None and axis.unit and factor_from_unit(lateral_unit, "m") != factor:
        raise MappingError(
            f"the axis '{axis.name}' is in {axis.unit}: {lateral_unit} would contradict the file"
        )
    positions = axis.positions() * factor
    flipped = positions.size > 1 and positions[-1] < positions[0]
    positions = positions[::-1] if flipped else positions
    if not np.isfinite(positions).all() or (np.diff(positions) <= 0).any():
        raise MappingError(f"the positions of the axis '{axis.name}' do not increase")
    spacing = (
        float(np.ptp(positions) / (positions.size - 1)) if positions.size > 1 else abs(axis.step) * factor
    )
    return positions, spacing or 1.0, "m", bool(flipped)


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
