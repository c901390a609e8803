"""Numbers that a file holds packed as one stream, unpacked at once and never beyond what they are said to be."""

from __future__ import annotations

import zlib
from typing import Final

from napari_tesm.files.disk import DiskFile
from napari_tesm.io.content import ContentError

LARGEST_UNPACKED: Final = 2 << 30
_BLOCK: Final = 1 << 20
GZIP: Final = 31
ZLIB: Final = 15
"""What zlib calls the kinds of its streams."""


def inflated(disk: DiskFile, start: int, stop: int, n_bytes: int, *, kind: int, skip: int = 0) -> bytes:
    """Return what a stream of zlib or gzip unpacks to.

    Parameters
    ----------
    disk : DiskFile
    start, stop : int
        Bytes of the file that the stream is in.
    n_bytes, skip : int
        Bytes that are wanted, and that are unpacked before them.
    kind : int
        `GZIP` or `ZLIB`.

    Raises
    ------
    ContentError
        If it is damaged or cut, or too large to be unpacked at once.
    """
    check_unpacked(disk, skip + n_bytes)
    unpacker = zlib.decompressobj(wbits=kind)
    out = bytearray()
    try:
        while len(out) < skip + n_bytes and start < stop and not unpacker.eof:
            packed = unpacker.unconsumed_tail or disk[start : min(start + _BLOCK, stop)]
            start += 0 if unpacker.unconsumed_tail else len(packed)
            out += unpacker.decompress(packed, skip + n_bytes - len(out))
        out += unpacker.decompress(unpacker.unconsumed_tail, max(skip + n_bytes - len(out), 1))
    except zlib.error:
        raise ContentError(f"{disk.path} is damaged: its packed numbers cannot be unpacked.") from None
    return _whole(disk, out, skip + n_bytes)[skip:]


def runs_unpacked(disk: DiskFile, start: int, stop: int, n_bytes: int) -> bytes:
    """Return the bytes that Amira's runs stand for: a count and the byte that it repeats, or bytes as they are.

    Counts from 128 on say how many bytes follow as they are, less 128.

    Raises
    ------
    ContentError
        As `inflated`.
    """
    check_unpacked(disk, n_bytes)
    packed = disk[start:stop]
    out = bytearray()
    place = 0
    while place + 1 < len(packed) and len(out) < n_bytes:
        count = packed[place]
        if count < 128:
            out += packed[place + 1 : place + 2] * count
            place += 2
        else:
            out += packed[place + 1 : place + count - 127]
            place += count - 127
    return _whole(disk, out, n_bytes)


def check_unpacked(disk: DiskFile, n_bytes: int) -> None:
    """Refuse what is too large to be unpacked at once.

    Raises
    ------
    ContentError
        If it is.
    """
    if n_bytes > LARGEST_UNPACKED:
        raise ContentError(f"{disk.path} holds more than 2 GiB packed as one stream: save it unpacked first.")


def _whole(disk: DiskFile, out: bytearray, n_bytes: int) -> bytes:
    if len(out) < n_bytes:
        raise ContentError(f"{disk.path} was cut: {n_bytes - len(out)} bytes of grey values are missing.")
    return bytes(out[:n_bytes])
