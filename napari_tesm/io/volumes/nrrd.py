"""NRRD volumes: a header of lines, then the numbers, as they are or packed by gzip, in the same file or beside it.

The format: G. Kindlmann, *Definition of NRRD file format*, teem.sourceforge.net/nrrd/format.html.
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
from napari_tesm.io.volumes.packed import GZIP, inflated
from napari_tesm.io.volumes.stored import StoredVolume, check_claim, metres_from

_MARK: Final = b"NRRD000"
_LONGEST_HEADER: Final = 1 << 16
_TYPES: Final = {
    "i1": ("signed char", "int8", "int8_t"), "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"), "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "uint64", "uint64_t"),
    "f4": ("float",), "f8": ("double",),
}  # fmt: skip


def is_nrrd(path: Path, head: bytes) -> bool:
    """Return whether a file begins as an NRRD header."""
    return head.startswith(_MARK)


def volume_from_nrrd(path: Path) -> StoredVolume:
    """Return the volume of an NRRD file, or of the file that a header of its own names beside it.

    Raises
    ------
    ContentError
        If it is cut, holds no three dimensions, contradicts itself, or is packed in a way that is not read.
    """
    disk = disk_content(path)
    fields, start = _header(disk)
    try:
        shape = tuple(int(size) for size in fields["sizes"].split())[::-1]
        dtype = np.dtype(next(kind for kind, names in _TYPES.items() if fields["type"].lower() in names))
        skip, lines = int(fields.get("byte skip", "0")), int(fields.get("line skip", "0"))
    except (KeyError, ValueError, StopIteration):
        raise ContentError(
            f"{path} is damaged: its NRRD header does not say what numbers it holds."
        ) from None
    if len(shape) != 3 or min(shape) < 1:
        raise ContentError(f"{path} holds no volume: its NRRD sizes are {one_line(fields['sizes'])}.")
    if "data file" in fields or "datafile" in fields:
        disk, start = disk_content(_beside(path, fields.get("data file", fields.get("datafile", "")))), 0
    if lines or skip < -1:
        raise ContentError(f"{path} skips lines before its numbers, which is not read: save it anew without.")
    dtype = dtype.newbyteorder(">" if fields.get("endian", "little").lower() == "big" else "<")
    check_claim(path, shape, dtype.itemsize, disk.n_bytes)
    encoding = fields.get("encoding", "raw").lower()
    n_bytes = math.prod(shape) * dtype.itemsize
    if encoding == "raw":
        start = disk.n_bytes - n_bytes if skip == -1 else start + skip
        if start < 0 or start + n_bytes > disk.n_bytes:
            raise ContentError(f"{disk.path} was cut: {n_bytes} bytes of grey values do not fit into it.")
        array = disk.array(shape, dtype, start)
    elif encoding in ("gzip", "gz"):
        whole = np.frombuffer(
            inflated(disk, start, disk.n_bytes, n_bytes, kind=GZIP, skip=max(skip, 0)), dtype
        ).reshape(shape)
        array = LazyArray(shape, dtype, whole.__getitem__, check=disk.check)
    else:
        raise ContentError(f"{path} is packed as '{one_line(encoding)}': save it raw, or packed by gzip.")
    return StoredVolume("NRRD", array, _voxel(fields))


def _header(disk: DiskFile) -> tuple[dict[str, str], int]:
    """Return the fields of a header, and the byte after it."""
    head = disk[: min(_LONGEST_HEADER, disk.n_bytes)]
    end = re.search(rb"\r?\n\r?\n", head)
    if end is None and disk.n_bytes > _LONGEST_HEADER:
        raise ContentError(f"{disk.path} is damaged: its NRRD header has no end.")
    lines = head[: end.start() if end else len(head)].decode("utf-8", errors="replace").splitlines()[1:]
    fields = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if colon and not line.startswith("#"):
            fields[name.strip().lower()] = value.strip()
    return fields, end.end() if end else len(head)


def _beside(path: Path, name: str) -> Path:
    """Return the file of the numbers, which lies beside its header and nowhere else."""
    if (
        not name
        or name.startswith("LIST")
        or "%" in name
        or "/" in name
        or "\\" in name
        or name in (".", "..")
    ):
        raise ContentError(
            f"{path} names '{one_line(name)}' for its numbers: only a single file in the same folder is read."
        )
    return path.parent / name


def _voxel(fields: dict[str, str]) -> tuple[float | None, float | None, float | None]:
    """Return the distance of slices, rows and columns in m where lengths and their unit are said."""
    units = re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", "")))
    vectors = re.findall(r"\(([^)]*)\)", fields.get("space directions", ""))
    try:
        if len(vectors) == 3:
            steps = [math.hypot(*(float(number) for number in vector.split(","))) for vector in vectors]
        else:
            steps = [float(number) for number in fields.get("spacings", "").split()]
    except ValueError:
        return None, None, None
    if len(units) != 3 or len(steps) != 3:
        return None, None, None
    x, y, z = (metres_from(step, unit) for step, unit in zip(steps, units, strict=True))
    return z, y, x
