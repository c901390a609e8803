"""A dataset written to a Zarr folder, whole or not at all."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from itertools import product
from os import PathLike
from pathlib import Path
from threading import Event
from typing import Any, Final

import numpy as np
import xarray as xr

from napari_tesm.data.dataset import check_dataset
from napari_tesm.files.atomic import exists_already, refuse_same_file
from napari_tesm.files.folders import folder_output
from napari_tesm.files.interrupts import interrupts_held
from napari_tesm.files.optional import optional_module
from napari_tesm.io.zarr_store.arrays import MARK, OTHER_CHANNELS
from napari_tesm.io.zarr_store.reading import is_dataset_store

# Small enough that one trace costs little, large enough that a scan of 2 GB is a few hundred files.
_CHUNK: Final = 4 << 20
_RESERVED: Final = ("_ARRAY_DIMENSIONS", "coordinates", "tesm_format")


def save_zarr(path: str | PathLike[str], dataset: xr.Dataset, *, overwrite: bool = False) -> None:
    """Write a dataset to a Zarr folder that gives back every value, coordinate and attribute.

    Traces are read and written in blocks. The folder gets its name when all of it is on the disk.

    Parameters
    ----------
    path : path-like
        Folder to make, such as ``scan.zarr``; the one it is in must exist.
    dataset : xarray.Dataset
        Of the schema of `napari_tesm.data.dataset`.
    overwrite : bool
        Replace a dataset that is there; another folder is never replaced.

    Raises
    ------
    FileExistsError
        If the folder exists, unless `overwrite`.
    OSError
        If it cannot be written.
    ValueError
        If the dataset is not of the schema, holds what Zarr cannot, or comes from that very folder.
    MissingPackageError
        If zarr is not installed.
    """
    asked = Path(path)
    zarr = optional_module("zarr", path, "a Zarr folder")
    check_dataset(dataset)
    others = [
        image.to_dataset(name="image").assign_attrs(name=str(image.name))
        for image in dataset.encoding.get(OTHER_CHANNELS, ())
    ]
    for stored in (dataset, *others):
        _check_storable(stored)
    for origin in ("source", "origin"):
        if origin in dataset.encoding:
            refuse_same_file(asked, dataset.encoding[origin])
    with folder_output(
        asked, check=partial(refuse_existing, asked, overwrite, is_dataset_store, "t-ESM dataset")
    ) as folder:

        def write(stop: Event) -> None:
            # Readable by all that read Zarr, and with fixed-length texts, which format 3 has not settled yet.
            root = zarr.create_group(str(folder), zarr_format=2)
            _write(root, dataset, {"tesm_format": MARK}, stop)
            for number, image in enumerate(others):
                _write(root.require_group(f"{OTHER_CHANNELS}/{number}"), image, {}, stop)

        run_to_its_end(write)


def run_to_its_end(write: Callable[[Event], None]) -> None:
    """Run a function in a thread and do not leave before it has ended, interrupted or not.

    Zarr writes from a thread of its own: an interrupt would leave it writing, and making anew what is cleared away.
    """
    stop = Event()
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(write, stop)
        try:
            running.result()
        finally:
            stop.set()
            with interrupts_held():
                wait([running])


def refuse_existing(path: Path, overwrite: bool, is_ours: Callable[[Path], bool], what: str) -> None:
    """Refuse to write where the folder is missing, something is in the way, or it is not what we may replace.

    Parameters
    ----------
    is_ours : callable
        Returns whether a path is a store that was written here.
    what : str
        That it would be, as "t-ESM dataset".

    Raises
    ------
    OSError
        In a sentence.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: the folder {path.parent} does not exist.")
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise exists_already(path)
    # A folder of other things would be lost with everything in it.
    if not is_ours(path):
        raise FileExistsError(f"{path} exists and is no {what}, so it is not replaced: choose another name.")


def _check_storable(dataset: xr.Dataset) -> None:
    """Raise a ValueError for what would not come back as it was."""
    for name, variable in dataset.variables.items():
        if not str(name).strip(".") or "/" in str(name) or variable.dtype.kind not in "biufcU":
            raise ValueError(f"'{name}' ({variable.dtype}) cannot be stored in a Zarr folder")
        _attributes(f"'{name}'", variable.attrs)
    _attributes("the dataset", dataset.attrs)


def _write(group: Any, dataset: xr.Dataset, attributes: dict[str, Any], stop: Event) -> None:
    import numcodecs

    coordinates = " ".join(str(name) for name in dataset.coords if name not in dataset.dims)
    listed = {"coordinates": coordinates} if coordinates else {}
    group.attrs.update(_attributes("the dataset", dataset.attrs) | attributes | listed)
    for name, variable in dataset.variables.items():
        chunks = _chunks(variable.shape, variable.dtype.itemsize)
        array = group.create_array(
            str(name),
            shape=variable.shape,
            chunks=chunks,
            dtype=variable.dtype,
            # No value is a fill value, and every chunk is written: one that is missing is then known to be lost.
            fill_value=None,
            config={"write_empty_chunks": True},
            # Noise packs no better with anything slower. The checksum, which blosc has none of, is of the packed bytes:
            # a changed byte is no other number.
            filters=[numcodecs.Blosc("lz4", clevel=5, shuffle=numcodecs.Blosc.SHUFFLE)],
            compressors=numcodecs.CRC32(),
            attributes=_attributes(f"'{name}'", variable.attrs)
            | {"_ARRAY_DIMENSIONS": [str(dim) for dim in variable.dims]},
        )
        for part in _blocks(variable.shape, chunks):
            if stop.is_set():
                return
            array[part] = variable[part].values


def _chunks(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return a chunk shape of a few MB: whole along the last dimensions, in which traces are read."""
    chunks = [max(size, 1) for size in shape]
    for axis in range(len(shape)):
        excess = math.prod(chunks) * max(itemsize, 1) / _CHUNK
        if excess <= 1:
            break
        chunks[axis] = max(1, int(chunks[axis] / excess))
    return tuple(chunks)


def _blocks(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    starts = (range(0, size, chunk) for size, chunk in zip(shape, chunks, strict=True))
    for places in product(*starts):
        yield tuple(
            slice(start, min(start + chunk, size))
            for start, chunk, size in zip(places, chunks, shape, strict=True)
        )


def _attributes(name: Any, attributes: dict[Any, Any]) -> dict[str, Any]:
    stored = {}
    for key, value in attributes.items():
        if not isinstance(key, str) or key in _RESERVED:
            raise ValueError(f"the attribute {key!r} of {name} cannot be stored in a Zarr folder")
        stored[key] = _storable(value, f"the attribute '{key}' of {name}")
    return stored


def _storable(value: Any, what: str) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "biufU":
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_storable(item, what) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _storable(item, what) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{what} is a {type(value).__name__}, which cannot be stored in a Zarr folder")
