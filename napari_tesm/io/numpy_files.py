"""NumPy's own files: .npy stays in the file, .npz is unpacked member by member, pickled objects are never loaded."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from napari_tesm.files.disk import DiskFile
from napari_tesm.files.lazy import LazyArray, UnpackedOnce, UnusableArrayError, numbers_of
from napari_tesm.io.content import (
    Collection,
    ContentError,
    FileContent,
    damage_told,
    disk_content,
    distinct_name,
    one_line,
)
from napari_tesm.io.cut_arrays import LARGEST_UNPACKED, UnpackedBytes, cut_array, missing_share

_NPY: Final = b"\x93NUMPY"
_ZIP: Final = b"PK\x03\x04"
_EMPTY_ZIP: Final = b"PK\x05\x06"
_LONGEST_HEADER: Final = 1 << 16
_MOST_MEMBERS: Final = 20_000
_BEST_COMPRESSION: Final = 1032
# A packed member is unpacked as a whole; beyond this, the file should have been saved unpacked.
_LARGEST_PACKED: Final = 1 << 31
_PIECE: Final = 1 << 20


def is_numpy(path: str | PathLike[str], head: bytes) -> bool:
    """Return whether a file starting with the bytes `head` is .npy or .npz."""
    if head.startswith(_NPY):
        return True
    if head.startswith(_EMPTY_ZIP):
        return Path(path).suffix.lower() == ".npz"
    if not head.startswith(_ZIP) or len(head) < 30:
        return False
    (length,) = struct.unpack_from("<H", head, 26)
    return head[30 : 30 + length].endswith(b".npy")


def content_from_numpy(path: str | PathLike[str]) -> FileContent:
    """Return the arrays of a .npy or .npz file.

    A .npy array stays in the file, as do the members of an .npz that are not packed; packed ones are unpacked when
    their first number is asked for. Parts of complex numbers and fields of records are arrays of their own. A file
    beside it, ``NAME.yaml`` or ``NAME.npy.yaml``, is its attribute ``sidecar``: it says what the arrays are.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ContentError
        If the file is damaged, or holds a pickled object where an array should be.
    OSError
        If it cannot be opened.
    """
    path = Path(path)
    disk = disk_content(path)
    collected = Collection()
    if disk[:6] == _NPY:
        kind = "NumPy array"
        try:
            arrays = {path.stem: _array_on_disk(disk, 0, disk.n_bytes, collected)}
        except UnusableArrayError as error:
            raise ContentError(f"{path} cannot be read: {error}") from None
    else:
        kind = "NumPy archive"
        arrays = _members(disk, collected)
    for name, array in arrays.items():
        if array.size == 1 and array.dtype.kind in "US":
            if text := one_line(str(np.asarray(array[...]).astype("U").item()), 10_000):
                collected.attributes[name] = text
            continue
        try:
            for part, numbers in numbers_of(array, name):
                if numbers.size == 0:
                    raise UnusableArrayError("it is empty.")
                if numbers.ndim == 0:
                    collected.attributes[part] = numbers[()].item()
                else:
                    collected.add(part, numbers)
        except UnusableArrayError as error:
            collected.leave_out(name, error)
    if sidecar := _sidecar(path):
        collected.attributes["sidecar"] = str(sidecar)
    return collected.content(path, kind, disk.check, noted="members")


def _sidecar(path: Path) -> Path | None:
    candidates = (path.with_suffix(".yaml"), path.with_name(f"{path.name}.yaml"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _header(raw: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return shape, whether columns come first, dtype, and where the numbers start.

    Raises
    ------
    UnusableArrayError
        If there is no proper header, or the array holds objects.
    """
    try:
        version = npy_format.read_magic(raw)
        # Version 3 differs from 2 in the encoding of field names alone.
        first = version == (1, 0)
        read = npy_format.read_array_header_1_0 if first else npy_format.read_array_header_2_0
        shape, by_columns, dtype = read(raw, max_header_size=_LONGEST_HEADER)
    # NumPy reads the header as a Python literal; what can go wrong there has no common type.
    except Exception as error:
        raise UnusableArrayError(f"its header is damaged ({one_line(str(error))}).") from None
    if dtype.hasobject:
        raise UnusableArrayError("it holds pickled Python objects, which are never loaded.")
    if not all(isinstance(size, int) and size >= 0 for size in shape):
        raise UnusableArrayError(f"it has the shape {one_line(str(shape))}.")
    return tuple(shape), bool(by_columns), dtype, raw.tell()


def _array_on_disk(disk: DiskFile, start: int, stop: int, collected: Collection | None = None) -> LazyArray:
    """Return an array of a .npy file, or of a member that is not packed; what is whole of one that was cut.

    Parameters
    ----------
    collected : Collection, optional
        Takes up how much is missing; without it, an array that was cut is refused.
    """
    raw = io.BytesIO(disk[start : min(start + _LONGEST_HEADER + 16, stop)])
    shape, by_columns, dtype, offset = _header(raw)
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > stop - start - offset and collected is not None and dtype.kind in "iuf":
        array = cut_array(disk, shape, dtype, start + offset, by_columns=by_columns)
        missing = missing_share(shape, dtype, start + offset, disk.n_bytes)
        collected.note(f"The file was cut: {missing} are missing; what was whole is used.")
        return array
    if n_bytes > stop - start - offset:
        raise UnusableArrayError(f"it claims {n_bytes} bytes where {stop - start - offset} are: it was cut.")
    if not n_bytes:
        return LazyArray(shape, dtype, np.empty(shape, dtype).__getitem__)
    return disk.array(shape, dtype, start + offset, by_columns=by_columns)


def _members(disk: DiskFile, collected: Collection) -> dict[str, LazyArray]:
    """Return the arrays of an archive by name; what is none is noted."""
    headless = disk[: len(_ZIP)] == _ZIP and not zipfile.is_zipfile(disk.path)
    if headless and (arrays := _members_without_directory(disk, collected)):
        return arrays
    # zipfile tells of damage in half a dozen ways, NotImplementedError and struct.error among them.
    with damage_told(disk.path, "is not a sound NumPy archive"), zipfile.ZipFile(disk.path) as archive:
        infos = archive.infolist()
        if len(infos) > _MOST_MEMBERS:
            raise ContentError(f"{disk.path} has {len(infos)} members, more than {_MOST_MEMBERS}.")
        arrays = {}
        for info in infos:
            name = one_line(info.filename.removesuffix(".npy"))
            try:
                if not info.filename.endswith(".npy"):
                    raise UnusableArrayError("it is no array.")
                array = _member(disk, archive, info)
            except UnusableArrayError as error:
                collected.leave_out(name, error)
            else:
                arrays[distinct_name(name, arrays)] = array
    return arrays


def _members_without_directory(disk: DiskFile, collected: Collection) -> dict[str, LazyArray]:
    """Return the arrays of an archive that was cut: its list of members was at the end, each begins with a name.

    Each member says itself how long it is, packed or not, and the last one may be there in part.
    """
    arrays: dict[str, LazyArray] = {}
    start = 0
    while start >= 0 and len(arrays) < _MOST_MEMBERS and disk.n_bytes - start >= 30:
        of_name, of_extra = disk.unpacked("<HH", start + 26)
        (packed,) = disk.unpacked("<H", start + 8)
        first = start + 30 + of_name + of_extra
        name = one_line(bytes(disk[start + 30 : start + 30 + of_name]).decode("utf-8", "replace"))
        name = name.removesuffix(".npy")
        try:
            if packed not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UnusableArrayError(
                    "it is packed in a way that cannot be followed where a file was cut."
                )
            take = _packed_in_part if packed else _stored_in_part
            arrays[distinct_name(name, arrays)], after = take(disk, first, collected)
        except UnusableArrayError as error:
            collected.leave_out(name, error)
            break
        # Between two members there may be a checksum and sizes.
        near = bytes(disk[after : min(after + 64, disk.n_bytes)]) if after < disk.n_bytes else b""
        start = after + near.find(_ZIP) if _ZIP in near else -1
    if arrays and not any("was cut" in note for note in collected.notes):
        collected.note(
            "The file was cut between two arrays, or its list of them is damaged: those found are used."
        )
    return arrays


def _stored_in_part(disk: DiskFile, first: int, collected: Collection) -> tuple[LazyArray, int]:
    """Return a member that is not packed, as far as it goes, and where it would end."""
    array = _array_on_disk(disk, first, disk.n_bytes, collected)
    shape, _, dtype, offset = _header(io.BytesIO(disk[first : first + _LONGEST_HEADER + 16]))
    return array, first + offset + math.prod(shape) * dtype.itemsize


def _packed_in_part(disk: DiskFile, first: int, collected: Collection) -> tuple[LazyArray, int]:
    """Return a packed member as far as it can be unpacked, and where it ends: the end of the file where it was cut."""
    held, end = _inflated(disk, first)
    shape, by_columns, dtype, offset = _header(io.BytesIO(held[: _LONGEST_HEADER + 16]))
    if offset + math.prod(shape) * dtype.itemsize <= len(held):
        return LazyArray(shape, dtype, UnpackedOnce(partial(_array_inflated, disk, first))), end
    if dtype.kind not in "iuf":
        raise UnusableArrayError("it was cut.")
    array = cut_array(UnpackedBytes(held, disk.check), shape, dtype, offset, by_columns=by_columns)
    missing = missing_share(shape, dtype, offset, len(held))
    collected.note(f"The file was cut: {missing} are missing; what was whole is used.")
    return array, end


def _inflated(disk: DiskFile, first: int) -> tuple[bytearray, int]:
    """Return what a packed member comes to, as far as it is there, and where it ends.

    Raises
    ------
    UnusableArrayError
        If it is damaged before the file ends, or larger than what is unpacked as a whole.
    """
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    held, pos, pending = bytearray(), first, False
    while not unpacker.eof and (pos < disk.n_bytes or pending):
        taken = unpacker.unconsumed_tail
        if not taken and not pending:
            taken = disk[pos : min(pos + _PIECE, disk.n_bytes)]
            pos += len(taken)
        try:
            # In pieces: a megabyte of zeros comes to a gigabyte.
            piece = unpacker.decompress(taken, 16 * _PIECE)
        except zlib.error as error:
            raise UnusableArrayError(f"it is damaged ({one_line(str(error))}).") from None
        pending = len(piece) == 16 * _PIECE
        held += piece
        if len(held) > LARGEST_UNPACKED:
            raise UnusableArrayError(
                f"the file was cut, and it is larger than {LARGEST_UNPACKED} bytes unpacked."
            )
    return held, pos - len(unpacker.unused_data)


def _array_inflated(disk: DiskFile, first: int) -> NDArray[Any]:
    """Return a packed member of an archive without a list."""
    held, _ = _inflated(disk, first)
    return np.asarray(
        npy_format.read_array(io.BytesIO(held), allow_pickle=False, max_header_size=_LONGEST_HEADER)
    )


def _member(disk: DiskFile, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> LazyArray:
    if info.flag_bits & 1:
        raise UnusableArrayError("it is encrypted.")
    if info.compress_type == zipfile.ZIP_STORED:
        start = _start_of_member(disk, info)
        if info.file_size > disk.n_bytes - start:
            raise ContentError(f"{disk.path} is cut: '{one_line(info.filename)}' ends behind its end.")
        return _array_on_disk(disk, start, start + info.file_size)
    if info.file_size > min(_BEST_COMPRESSION * info.compress_size + _LONGEST_HEADER, _LARGEST_PACKED):
        raise UnusableArrayError(f"it claims {info.file_size} bytes unpacked.")
    with archive.open(info) as raw:
        shape, _, dtype, offset = _header(io.BytesIO(raw.read(_LONGEST_HEADER + 16)))
    if math.prod(shape) * dtype.itemsize > info.file_size - offset:
        raise UnusableArrayError(f"it claims the shape {shape} in {info.file_size} bytes.")
    return LazyArray(shape, dtype, UnpackedOnce(partial(_unpacked, disk.path, info)), check=disk.check)


def _start_of_member(disk: DiskFile, info: zipfile.ZipInfo) -> int:
    """Return where the bytes of a member start, behind its own header."""
    start = info.header_offset
    if start + 30 > disk.n_bytes or disk[start : start + 4] != _ZIP:
        raise ContentError(f"{disk.path} is damaged: '{one_line(info.filename)}' is not where it should be.")
    of_name, of_extra = disk.unpacked("<HH", start + 26)
    return int(start + 30 + of_name + of_extra)


def _unpacked(path: Path, info: zipfile.ZipInfo) -> NDArray[Any]:
    """Return a packed member; its checksum is checked at its end."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(info) as raw:
            values = npy_format.read_array(raw, allow_pickle=False, max_header_size=_LONGEST_HEADER)
            while raw.read(1 << 20):
                pass
            return np.asarray(values)
    # zlib, zipfile and struct each have an error of their own for damage.
    except Exception as error:
        name = one_line(info.filename)
        raise OSError(f"{path}: '{name}' cannot be read ({one_line(str(error))}).") from None
