"""The superblock of an HDF5 file, put right where the program that wrote it died, or the file was cut on its way.

HDF5 refuses files whose end is not where their superblock says it is, and files that are marked as open for writing.
What is whole in them can be read all the same, once the superblock says what is true.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any, Final

from napari_tesm.files.disk import DiskBytes, DiskFile

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_BEFORE: Final = (0, 512, 1024, 2048)
"""Bytes of the user's before the superblock; MATLAB's header is 512."""
_MOST_MISSING: Final = 1000
"""Files that claim to have been so many times as long lie about it."""
_MASK: Final = 0xFFFFFFFF


class CompletedFile(DiskBytes):
    """The bytes of a file, with others in the place of its first ones and zeros where its end is missing.

    The zeros let HDF5 open what lies before them; nothing that would lie in them may be read.
    """

    def __init__(self, disk: DiskFile, head: bytes, missing: int) -> None:
        super().__init__(disk)
        self._head = head
        self._there = disk.n_bytes
        self._size = disk.n_bytes + max(missing, 0)
        self._at = 0

    def tell(self) -> int:  # noqa: D102
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:  # noqa: D102
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: D102
        if self._at >= self._there:
            count = min(len(buffer), max(self._size - self._at, 0))
            buffer[:count] = bytes(count)
        else:
            super().seek(self._at)
            count = super().readinto(buffer)
            part = self._head[self._at : self._at + count]
            buffer[: len(part)] = part
        self._at += count
        return count


def superblock_put_right(disk: DiskFile) -> tuple[bytes, int]:
    """Return the first bytes of a file as HDF5 takes them, and how many bytes are missing at its end.

    The bytes are empty where they are right as they are, or of a kind that is not known; the number is negative where
    the file is marked as open for writing: nobody closed it.

    Parameters
    ----------
    disk : DiskFile

    Notes
    -----
    HDF5 File Format Specification, II.A: versions 0 and 1 hold the end of the file behind the base address and the
    address of free space, versions 2 and 3 behind the base address and that of an extension, with a checksum.
    """
    head = bytearray(disk[: min(_BEFORE[-1] + 96, disk.n_bytes)])
    base = next((base for base in _BEFORE if head[base : base + 8] == _SIGNATURE), None)
    if base is None or len(head) < base + 96:
        return b"", 0
    version = head[base + 8]
    if version in (0, 1) and head[base + 13] == 8:
        at = base + (40 if version == 0 else 44)
        size = 0
    elif version in (2, 3) and head[base + 9] == 8:
        at, size = base + 28, 44
    else:
        return b"", 0
    (said,) = struct.unpack_from("<Q", head, at)
    is_open = size > 0 and head[base + 11] != 0
    missing = said - disk.n_bytes
    if missing > _MOST_MISSING * disk.n_bytes:
        return b"", 0
    if not is_open:
        return b"", max(missing, 0)
    struct.pack_into("<Q", head, at, disk.n_bytes)
    head[base + 11] = 0
    struct.pack_into("<I", head, base + size, lookup3(head[base : base + size]))
    return bytes(head[: base + size + 4]), -1


def cut_in_words(missing: int) -> str:
    """Return the sentence about a file that ends too early, or was not closed, as `superblock_put_right` tells it."""
    if missing < 0:
        return "The program that wrote this file did not close it; what it wrote is all there is."
    return f"The file was cut: it ends {missing} bytes too early; what was whole is used."


def lookup3(data: Sequence[int]) -> int:
    """Return the checksum HDF5 uses for its metadata: Bob Jenkins' lookup3, "hashlittle" with the initial value 0.

    Parameters
    ----------
    data : bytes

    Examples
    --------
    >>> hex(lookup3(b"Four score and seven years ago"))
    '0x17770551'
    """
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    padded = bytes(data) + bytes(-len(data) % 12)
    blocks = [struct.unpack_from("<3I", padded, at) for at in range(0, len(padded), 12)]
    for number, (x, y, z) in enumerate(blocks, 1):
        a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
        a, b, c = _mixed(a, b, c) if number < len(blocks) else _finished(a, b, c)
    return c


def _rotated(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & _MASK


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    for first, second, third in ((4, 6, 8), (16, 19, 4)):
        a = ((a - c) & _MASK) ^ _rotated(c, first)
        c = (c + b) & _MASK
        b = ((b - a) & _MASK) ^ _rotated(a, second)
        a = (a + c) & _MASK
        c = ((c - b) & _MASK) ^ _rotated(b, third)
        b = (b + a) & _MASK
    return a, b, c


def _finished(a: int, b: int, c: int) -> tuple[int, int, int]:
    for by in (14, 11, 25, 16, 4, 14, 24):
        # Each in turn takes up the one that was changed before it.
        c = ((c ^ b) - _rotated(b, by)) & _MASK
        a, b, c = b, c, a
    return c, a, b
