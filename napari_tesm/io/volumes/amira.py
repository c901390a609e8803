"""Amira and Avizo meshes of grey values or labels on a uniform lattice: a header of text, then the numbers.

The format: *Amira reference guide*, "AmiraMesh file format". Numbers are as they are, in runs (HxByteRLE), or packed by
zlib (HxZip).
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

import numpy as np

from napari_tesm.files.disk import DiskFile
from napari_tesm.files.lazy import LazyArray
from napari_tesm.io.content import ContentError, disk_content, one_line
from napari_tesm.io.volumes.packed import ZLIB, inflated, runs_unpacked
from napari_tesm.io.volumes.stored import StoredVolume, check_claim, metres_from

_MARK: Final = re.compile(rb"#\s*(AmiraMesh|Avizo|HyperMesh)\b[^\r\n]*")
_LONGEST_HEADER: Final = 1 << 20
_TYPES: Final = {"byte": "u1", "short": "i2", "ushort": "u2", "int": "i4", "float": "f4", "double": "f8"}
_LATTICE: Final = re.compile(r"define\s+Lattice\s+(\d+)\s+(\d+)\s+(\d+)")
_DATA: Final = re.compile(
    r"^\s*Lattice\s*\{\s*(\w+)(\[\d+\])?\s+[^}]*\}\s*=?\s*@(\d+)(?:\((\w+),(\d+)\))?", re.MULTILINE
)
_BOX: Final = re.compile(r"BoundingBox\s+((?:[-+.\deE]+\s+){5}[-+.\deE]+)")
_UNIT: Final = re.compile(r"\bCoordinates\s+\"([^\"]*)\"")
_PLACES: Final = re.compile(r"CoordType\s+\"(\w+)\"")


def is_amira(path: Path, head: bytes) -> bool:
    """Return whether a file begins as an Amira mesh."""
    return _MARK.match(head) is not None


def volume_from_amira(path: Path) -> StoredVolume:
    """Return the volume of an Amira mesh.

    Raises
    ------
    ContentError
        If it is cut, holds no uniform lattice, contradicts itself, or is written or packed in a way that is not read.
    """
    disk = disk_content(path)
    head = disk[: min(_LONGEST_HEADER, disk.n_bytes)]
    order = _byte_order(path, head)
    # Sections of numbers begin with the mark that the header calls them by, on a line of its own.
    begun = re.search(rb"\n@\d+[ \t]*\r?\n", head)
    if begun is None:
        raise ContentError(f"{path} was cut, or is damaged: its Amira header is not followed by numbers.")
    text = head[: begun.start() + 1].decode("utf-8", errors="replace")
    lattice, data = _LATTICE.search(text), _DATA.search(text)
    if lattice is None or data is None:
        raise ContentError(f"{path} is an Amira mesh without a lattice: it holds no volume.")
    shape = tuple(int(size) for size in lattice.groups()[::-1])
    kind, components, section, codec, packed = data.groups()
    if kind not in _TYPES or components not in (None, "[1]"):
        raise ContentError(f"{path} holds '{one_line(kind)}{components or ''}', no grey values.")
    if min(shape) < 1:
        raise ContentError(f"{path} holds no volume: its lattice has {' × '.join(map(str, shape))} voxels.")
    if (places := _PLACES.search(text)) and places[1] != "uniform":
        raise ContentError(
            f"{path} has '{one_line(places[1])}' coordinates: resample it on a uniform lattice first."
        )
    dtype = np.dtype(order + _TYPES[kind])
    check_claim(path, shape, dtype.itemsize, disk.n_bytes)
    start = _start_of_section(disk, head, int(section))
    return StoredVolume("Amira", _array(disk, start, shape, dtype, codec, packed), _voxel(text, shape))


def _byte_order(path: Path, head: bytes) -> str:
    mark = _MARK.match(head)
    words = mark.group().upper() if mark else b""
    if b"ASCII" in words:
        raise ContentError(f"{path} is an Amira mesh written as text: save it as binary.")
    # Before there was a word for it, binary was big-endian.
    return "<" if b"LITTLE-ENDIAN" in words else ">"


def _start_of_section(disk: DiskFile, head: bytes, number: int) -> int:
    found = re.search(rb"\n@%d[ \t]*\r?\n" % number, head)
    if found is None:
        raise ContentError(f"{disk.path} holds other numbers before its grey values: save them alone.")
    return found.end()


def _array(
    disk: DiskFile, start: int, shape: tuple[int, ...], dtype: np.dtype, codec: str | None, packed: str | None
) -> LazyArray:
    n_bytes = math.prod(shape) * dtype.itemsize
    if codec is None:
        if start + n_bytes > disk.n_bytes:
            raise ContentError(f"{disk.path} was cut: {n_bytes} bytes of grey values do not fit into it.")
        return disk.array(shape, dtype, start)
    stop = start + int(packed or 0)
    if stop > disk.n_bytes:
        raise ContentError(f"{disk.path} was cut: {stop - disk.n_bytes} bytes of packed numbers are missing.")
    if codec == "HxByteRLE" and dtype.itemsize == 1:
        unpacked = runs_unpacked(disk, start, stop, n_bytes)
    elif codec == "HxZip":
        unpacked = inflated(disk, start, stop, n_bytes, kind=ZLIB)
    else:
        raise ContentError(
            f"{disk.path} is packed as '{one_line(codec)}' of {dtype}: save it raw, or as HxZip."
        )
    whole = np.frombuffer(unpacked, dtype).reshape(shape)
    return LazyArray(shape, dtype, whole.__getitem__, check=disk.check)


def _voxel(text: str, shape: tuple[int, ...]) -> tuple[float | None, float | None, float | None]:
    """Return the distance of voxels in m where the file says its unit: the box runs from first to last middle."""
    box, unit = _BOX.search(text), _UNIT.search(text)
    if box is None or unit is None:
        return None, None, None
    try:
        edges = [float(number) for number in box[1].split()]
    except ValueError:
        return None, None, None
    x, y, z = (
        metres_from((high - low) / (count - 1), unit[1]) if count > 1 else None
        for low, high, count in zip(edges[::2], edges[1::2], shape[::-1], strict=True)
    )
    return z, y, x
