"""Bare numbers, described by a mapping: a YAML file with one entry, ``volume``.

volume:
  shape: [160, 200, 220]        # slices, rows, columns
  type: float32                 # int8 … uint64, float16, float32, float64
  byte order: little            # or big
  offset: 0                     # bytes before the first number
  voxel: [60 nm, 60 nm, 60 nm]  # slices, rows, columns; may be left out
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_tesm.io.content import ContentError, disk_content
from napari_tesm.io.mapping.entries import MappingError
from napari_tesm.io.mapping.yaml import entries_from_yaml, shown
from napari_tesm.io.volumes.stored import StoredVolume
from napari_tesm.volumes.dataset import voxel_from_text

_ENTRIES: Final = {"shape", "type", "byte order", "offset", "voxel"}
_TYPES: Final = (
    "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64",
)  # fmt: skip
_ORDERS: Final = {"little": "<", "big": ">"}
_LARGEST: Final = 1 << 20


def volume_from_raw(path: Path, mapping: str | Path) -> StoredVolume:
    """Return the volume of a file of bare numbers.

    Parameters
    ----------
    path : Path
    mapping : path-like
        What the numbers are, as this module's text shows it.

    Raises
    ------
    MappingError
        If an entry is missing or wrong.
    ContentError
        If the file has fewer bytes than that, or more.
    """
    entries = _entries_of(Path(mapping))
    name = Path(mapping).name
    shape = entries.get("shape")
    if not (
        isinstance(shape, list) and len(shape) == 3 and all(type(size) is int and size > 0 for size in shape)
    ):
        raise MappingError(
            f"{name}: 'shape' is three whole numbers, slices, rows and columns, like [160, 200, 220]"
        )
    kind = entries.get("type")
    if kind not in _TYPES:
        raise MappingError(f"{name}: 'type' is one of {', '.join(_TYPES)}, not {shown(kind)}")
    order, offset = entries.get("byte order", "little"), entries.get("offset", 0)
    if order not in _ORDERS:
        raise MappingError(f"{name}: 'byte order' is little or big, not {shown(order)}")
    if type(offset) is not int or offset < 0:
        raise MappingError(f"{name}: 'offset' is a number of bytes, not {shown(offset)}")
    voxel = entries.get("voxel")
    edges: tuple[float | None, float | None, float | None] = (None, None, None)
    if voxel is not None:
        text = ",".join(map(str, voxel)) if isinstance(voxel, list) else str(voxel)
        try:
            edges = voxel_from_text(text)
        except ValueError as error:
            raise MappingError(f"{name}: 'voxel': {error}") from None
    disk = disk_content(path)
    dtype = np.dtype(kind).newbyteorder(_ORDERS[order])
    n_bytes = shape[0] * shape[1] * shape[2] * dtype.itemsize
    if offset + n_bytes != disk.n_bytes:
        raise ContentError(
            f"{path} has {disk.n_bytes} bytes, and {name} describes {offset} + {n_bytes}: correct its shape, type or "
            "offset."
        )
    return StoredVolume(f"bare numbers, {kind}", disk.array(tuple(shape), dtype, offset), edges)


def _entries_of(path: Path) -> dict[str, Any]:
    if path.exists() and not path.is_file():
        raise MappingError(f"{path} is no file, so no mapping")
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    try:
        if len(content) > _LARGEST:
            raise MappingError("it is larger than 1 MB")
        entries = entries_from_yaml(content.decode("utf-8-sig"))
    except (MappingError, UnicodeDecodeError) as error:
        reason = error if isinstance(error, MappingError) else "it is not text"
        raise MappingError(f"{path.name} is no mapping: {reason}") from None
    volume = entries.get("volume") if isinstance(entries, dict) else None
    if not isinstance(volume, dict):
        raise MappingError(f"{path.name} describes no volume: it needs an entry 'volume' with shape and type")
    if unknown := [str(key) for key in volume if key not in _ENTRIES]:
        raise MappingError(
            f"{path.name}: {shown(unknown[0])} is no entry of a volume: {', '.join(sorted(_ENTRIES))}"
        )
    return volume
