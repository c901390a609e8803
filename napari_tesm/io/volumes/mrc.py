"""MRC and CCP4 maps: a header of 1024 bytes, then the numbers as they are.

The format: Cheng et al. 2015, *MRC2014: Extensions to the MRC format header for electron cryo-microscopy and
tomography*, J. Struct. Biol. 192, 146.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import numpy as np

from napari_tesm.io.content import ContentError, disk_content
from napari_tesm.io.volumes.stored import StoredVolume

_TYPES: Final = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_HEADER: Final = 1024
_ANGSTROM: Final = 1e-10


def is_mrc(path: Path, head: bytes) -> bool:
    """Return whether a file begins as an MRC map: by its mark, which all since the year 2000 have."""
    return len(head) >= _HEADER and head[208:211] == b"MAP"


def volume_from_mrc(path: Path) -> StoredVolume:
    """Return the volume of an MRC map.

    Raises
    ------
    ContentError
        If it is cut, holds complex numbers, or contradicts itself.
    """
    disk = disk_content(path)
    head = disk[:_HEADER]
    order = _byte_order(head, path)
    nx, ny, nz, mode = struct.unpack_from(f"{order}4i", head, 0)
    intervals = struct.unpack_from(f"{order}3i", head, 28)
    cell = struct.unpack_from(f"{order}3f", head, 40)
    along = struct.unpack_from(f"{order}3i", head, 64)
    (extended,) = struct.unpack_from(f"{order}i", head, 92)
    if mode not in _TYPES:
        raise ContentError(f"{path} holds numbers of the MRC mode {mode}, which are no grey values.")
    if min(nx, ny, nz) < 1 or extended < 0:
        raise ContentError(f"{path} is damaged: its header claims {nz} slices of {ny} × {nx}.")
    dtype = np.dtype(order + _TYPES[mode])
    start, n_bytes = _HEADER + extended, nx * ny * nz * dtype.itemsize
    if start + n_bytes > disk.n_bytes:
        raise ContentError(
            f"{path} was cut: {nz} slices of {ny} × {nx} end {start + n_bytes - disk.n_bytes:.4g} bytes behind its end."
        )
    # Columns, rows and slices may lie along any axes of the cell; 0 stands for nothing said.
    axes = along if sorted(along) == [1, 2, 3] else (1, 2, 3)
    edges = [
        cell[axis - 1] / intervals[axis - 1] * _ANGSTROM
        if intervals[axis - 1] > 0 and cell[axis - 1] > 0
        else None
        for axis in axes
    ]
    array = disk.array((nz, ny, nx), dtype, start)
    return StoredVolume("MRC", array, (edges[2], edges[1], edges[0]))


def _byte_order(head: bytes, path: Path) -> str:
    """Return the order of bytes in which the header makes sense; its own mark is often wrong."""
    for order in "<>":
        mode, *along = (
            *struct.unpack_from(f"{order}i", head, 12),
            *struct.unpack_from(f"{order}3i", head, 64),
        )
        if 0 <= mode < 256 and all(0 <= axis <= 3 for axis in along):
            return order
    raise ContentError(f"{path} is damaged: its MRC header makes no sense in either order of bytes.")
