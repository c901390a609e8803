"""A volume written as OME-Zarr with a pyramid, whole or not at all: the form in which large volumes are passed on."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from threading import Event
from typing import Any, Final

import numpy as np
import xarray as xr

from napari_tesm.files.atomic import refuse_same_file
from napari_tesm.files.folders import folder_output
from napari_tesm.files.optional import optional_module
from napari_tesm.io.volumes.ome_zarr import ABOUT, KEPT, MARK
from napari_tesm.io.zarr_store.saving import refuse_existing, run_to_its_end
from napari_tesm.volumes.dataset import AXES, INTENSITY, voxel_of
from napari_tesm.volumes.segmentation import LABELS
from napari_tesm.volumes.tiles import as_stored

_CHUNK: Final = (64, 128, 128)
_SMALLEST: Final = 64
"""Voxels along the longest axis of the coarsest level, at most twice as many."""
_MICROMETRE: Final = 1e-6
_BLOCK_BYTES: Final = 128 << 20


def save_volume(
    path: str | PathLike[str],
    volume: xr.Dataset,
    *,
    overwrite: bool = False,
    progress: Callable[[float, str], None] | None = None,
) -> None:
    """Write a volume as OME-Zarr 0.4 with levels of half the resolution; it is read and written in blocks.

    Parameters
    ----------
    path : path-like
        Folder to make, such as ``electrode.zarr``; the one it is in must exist.
    volume : xarray.Dataset
    overwrite : bool
        Replace a volume that was written here; another folder is never replaced.
    progress : callable, optional
        Takes the part that is done and what is being done.

    Raises
    ------
    FileExistsError
        If the folder exists, unless `overwrite`.
    OSError
        If it cannot be written; nothing is left behind then.
    ValueError
        If the Dataset is no volume, or comes from that very folder.
    MissingPackageError
        If zarr is not installed.
    """
    asked = Path(path)
    zarr = optional_module("zarr", path, "an OME-Zarr", extra="volumes")
    voxel = voxel_of(volume)
    if "origin" in volume.encoding:
        refuse_same_file(asked, volume.encoding["origin"])
    with folder_output(
        asked, check=partial(refuse_existing, asked, overwrite, _is_ours, "volume written here")
    ) as folder:

        def write(stop: Event) -> None:
            root = zarr.create_group(str(folder), zarr_format=2)
            counts = _write_levels(root, volume, stop, progress)
            root.attrs.update(_attributes(asked, voxel, counts, volume.attrs))

        run_to_its_end(write)


def _write_levels(
    root: Any, volume: xr.Dataset, stop: Event, progress: Callable[[float, str], None] | None
) -> int:
    """Write the volume and its coarser levels; return how many levels there are."""
    below: Any = None
    number = 0
    while True:
        shape = volume[INTENSITY].shape if below is None else tuple(size // 2 for size in below.shape)
        level = _level(root, number, shape, volume[INTENSITY].dtype)
        planes = _planes(shape, level.dtype.itemsize)
        for start in range(0, shape[0], planes):
            if stop.is_set():
                return number
            along = slice(start, min(start + planes, shape[0]))
            level[along] = (
                as_stored(volume, (along, slice(None), slice(None)))
                if below is None
                else _halved(below, along, labels=bool(volume.attrs.get(LABELS)))
            )
            if progress is not None and below is None:
                progress(along.stop / shape[0], "writing the volume")
        number, below = number + 1, level
        if max(shape) <= 2 * _SMALLEST or min(shape) < 4:
            return number


def _level(root: Any, number: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    import numcodecs

    return root.create_array(
        str(number),
        shape=shape,
        chunks=tuple(min(size, chunk) for size, chunk in zip(shape, _CHUNK, strict=True)),
        dtype=np.dtype("u1") if dtype.kind == "b" else dtype.newbyteorder("="),
        # No value is a fill value, and every chunk is written: one that is missing is then known to be lost.
        fill_value=None,
        config={"write_empty_chunks": True},
        # With a checksum, which blosc has none of: a changed byte is no other number.
        compressors=numcodecs.Zstd(level=1, checksum=True),
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )


def _planes(shape: tuple[int, ...], itemsize: int) -> int:
    """Return how many slices are held at a time: whole chunks, as far as memory is given."""
    wanted = int(_BLOCK_BYTES // (shape[1] * shape[2] * max(itemsize, 4)))
    return max(_CHUNK[0] if wanted >= _CHUNK[0] else wanted, 1)


def _halved(below: Any, along: slice, *, labels: bool) -> np.ndarray:
    """Return slices of a level, each voxel the mean of eight of the level below, or of labels one of them."""
    ny, nx = (size // 2 for size in below.shape[1:])
    fine = below[2 * along.start : 2 * along.stop, : 2 * ny, : 2 * nx]
    if labels:
        return np.asarray(fine[::2, ::2, ::2])
    blocks = fine.reshape(along.stop - along.start, 2, ny, 2, nx, 2)
    mean = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return np.asarray(np.rint(mean) if below.dtype.kind in "iu" else mean).astype(below.dtype)


def _attributes(
    path: Path, voxel: tuple[float, ...], count: int, attributes: dict[str, Any]
) -> dict[str, Any]:
    kept = {key: attributes[key] for key in KEPT if key in attributes}
    return {
        "multiscales": [
            {
                "version": "0.4",
                "name": path.stem,
                "axes": [{"name": axis, "type": "space", "unit": "micrometer"} for axis in AXES],
                "datasets": [
                    {"path": str(number), "coordinateTransformations": _transformations(voxel, number)}
                    for number in range(count)
                ],
            }
        ],
        "tesm_format": MARK,
        ABOUT: kept,
    }


def _transformations(voxel: tuple[float, ...], number: int) -> list[dict[str, Any]]:
    """Return scale and position of a level: the middle of its first voxel is that of the voxels it is the mean of."""
    # Fifteen digits give the micrometres that somebody would write, and read back as the same metres.
    sizes = [float(f"{edge / _MICROMETRE:.15g}") for edge in voxel]
    scale = [size * 2**number for size in sizes]
    shift = [size * (2**number - 1) / 2 for size in sizes]
    return [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]


def _is_ours(path: Path) -> bool:
    try:
        attributes = json.loads((path / ".zattrs").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(attributes, dict) and attributes.get("tesm_format") == MARK
