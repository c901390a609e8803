"""Writing ``.gwy`` bytes for Gwyddion 2 or 3: sizes first, then one streaming pass in the order of the keys."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from gwyfile.objects import GwyObject

from napari_tesm.files.atomic import atomic_output, refuse_same_file
from napari_tesm.files.disk import DiskArray, DiskFile, disk_file_of
from napari_tesm.files.errors import GwySizeError
from napari_tesm.gwy.forms import GWYDDION_2, GWYDDION_3, Form, form_asked_for
from napari_tesm.gwy.gwyddion3 import file_of_3, is_of_3_alone
from napari_tesm.gwy.values import (
    ARRAYS,
    MAX_DEPTH,
    LazyArray,
    array_blocks,
    encoded,
    flat_array,
    scalar_bytes,
    typecode_of,
)

LARGEST_BODY = GWYDDION_2.largest
"""Where files of Gwyddion 2 end. Gwyddion itself writes a wrapped size without a word, and the file is lost."""

# A piece of the file: bytes, or a large array with its type code and key, streamed when its turn comes.
_Array = tuple[npt.NDArray[Any] | DiskArray | LazyArray, str, str]
_Piece = bytes | _Array


def size_of(container: GwyObject) -> int:
    """Return the size of the file of Gwyddion 2 the container would make, in bytes; no large array is touched.

    Parameters
    ----------
    container : gwyfile.objects.GwyObject
        May hold `LazyArray` sources in place of arrays.

    Raises
    ------
    TypeError
        If something in it cannot be written.
    """
    return _size_of_file(_pieces(container, GWYDDION_2))


def write_container(path: str | os.PathLike[str], container: GwyObject, *, overwrite: bool = False) -> None:
    """Write a ``.gwy`` file whole or not at all.

    The same container gives the same bytes, in the order of its keys. Type codes are taken from ``typecodes``
    where present and inferred otherwise. Large arrays are streamed, whether they lie in memory, in a disk
    file or in a `LazyArray`.

    Parameters
    ----------
    path : path-like
        The file; written under another name in the same folder first. One that ends in ``.gwy3`` has the form of
        Gwyddion 3, and so has one in ``.gwy`` that passes 4 GiB; one in ``.gwy2`` is refused then.
    container : gwyfile.objects.GwyContainer
        What to write.
    overwrite : bool
        Replace an existing file. A file that the container takes data from is never replaced.

    Raises
    ------
    GwySizeError
        If the file would pass 4 GiB and its name asks for Gwyddion 2; nothing is written then.
    TypeError, ValueError
        If something in the container cannot be written.
    FileExistsError
        If the file exists, unless `overwrite`.
    FileChangedError
        If a file the data come from changed in the meantime.
    OSError
        If the folder cannot be written to or the disk is full.
    """
    pieces, form = _pieces_to_write(container, form_asked_for(path))
    sources = _disk_files(container, pieces)
    refuse_same_file(path, *(disk.path for disk in sources))
    with atomic_output(path, overwrite=overwrite) as file:
        _stream(file, form, pieces, sources)


def write_container_to(file: BinaryIO, container: GwyObject, path: str | os.PathLike[str] = "") -> None:
    """Write the bytes of a ``.gwy`` file to an open file, e.g. one of `AtomicOutputs`, in the form its name asks for.

    Raises
    ------
    GwySizeError, TypeError, ValueError, FileChangedError, OSError
        As `write_container`; that the file is not one the data come from is for the caller to see to.
    """
    pieces, form = _pieces_to_write(container, form_asked_for(path))
    _stream(file, form, pieces, _disk_files(container, pieces))


def _stream(file: BinaryIO, form: Form, pieces: list[_Piece], sources: list[DiskFile]) -> None:
    file.write(form.magic)
    for piece in pieces:
        if isinstance(piece, bytes):
            file.write(piece)
            continue
        # Between two blocks a file may become another one of the same length; asking costs microseconds per 8 MB.
        _check(sources)
        for block in array_blocks(*piece):
            file.write(block.data)
            _check(sources)


def _check(sources: list[DiskFile]) -> None:
    for disk in sources:
        disk.check()


def _pieces_to_write(container: GwyObject, form: Form | None) -> tuple[list[_Piece], Form]:
    """Return the pieces of the file and its form, once it is sure that this can hold them."""
    if form is not GWYDDION_3:
        pieces = list(_pieces(container, GWYDDION_2))
        # The outermost body is the largest size of the file; its own header is the first piece.
        if sum(map(_size, pieces[1:])) <= LARGEST_BODY:
            return pieces, GWYDDION_2
        if form is not None:
            raise GwySizeError(
                f"The file would take {_size_of_file(pieces) / 2**30:.2f} GiB, and files of Gwyddion 2 end at 4 GiB: "
                "leave out the large volumes, or end its name in .gwy3."
            )
    return list(_pieces(container, GWYDDION_3)), GWYDDION_3


def _pieces(container: GwyObject, form: Form) -> Iterator[_Piece]:
    return _object_pieces(file_of_3(container) if form is GWYDDION_3 else container, "", 0, form)


def _size_of_file(pieces: Iterable[_Piece]) -> int:
    return len(GWYDDION_2.magic) + sum(map(_size, pieces))


def _size(piece: _Piece) -> int:
    if isinstance(piece, bytes):
        return len(piece)
    array, typecode, _ = piece
    return array.size * ARRAYS[typecode].itemsize


def _disk_files(container: GwyObject, pieces: Iterable[_Piece]) -> list[DiskFile]:
    """Return the files that a container was read from and takes its numbers from."""
    read_from = disk_file_of(container)
    files = {} if read_from is None else {id(read_from): read_from}
    for piece in pieces:
        if not isinstance(piece, bytes) and (disk := disk_file_of(piece[0])) is not None:
            files[id(disk)] = disk
    return list(files.values())


def _object_pieces(obj: GwyObject, key: str, depth: int, form: Form) -> Iterator[_Piece]:
    """Header first, so that the size of everything within is found before anything of it is written."""
    if not isinstance(obj, GwyObject):
        raise TypeError(f"A {type(obj).__name__} stands under {key!r} where a Gwyddion object is needed.")
    if depth > MAX_DEPTH:
        raise ValueError(
            f"Objects are nested deeper than {MAX_DEPTH} levels under {key[:60]!r}: is one in itself?"
        )
    within: list[_Piece] = []
    for item, value in obj.items():
        path = item if depth == 0 else f"{key}/{item}"
        typecode = obj.typecodes.get(item) or typecode_of(value, path)
        if form is GWYDDION_2 and is_of_3_alone(value, typecode):
            continue
        within.append(encoded(item, path) + typecode.encode("ascii"))
        within.extend(_value_pieces(value, typecode, path, depth, form))
    size = sum(map(_size, within))
    # A size beyond 32 bits is refused by `_pieces_to_write`; here it only must not fail, for `size_of`.
    yield encoded(obj.name, key) + form.count.pack(min(size, form.largest))
    yield from within


def _value_pieces(value: Any, typecode: str, key: str, depth: int, form: Form) -> Iterator[_Piece]:
    if typecode in ("o", "r"):
        yield from _object_pieces(value, key, depth + 1, form)
    elif typecode == "s":
        yield _string(value, key)
    elif typecode in ("b", "c", "i", "q", "d"):
        yield scalar_bytes(value, typecode, key)
    elif typecode in ARRAYS:
        array = flat_array(value, typecode, key)
        yield form.count.pack(min(array.size, form.largest))
        yield (array, typecode, key)
    elif typecode == "S":
        yield form.count.pack(len(value)) + b"".join(_string(item, key) for item in value)
    elif typecode == "O":
        yield form.count.pack(len(value))
        for number, item in enumerate(value):
            yield from _object_pieces(item, f"{key}/{number}", depth + 1, form)
    else:
        raise TypeError(f"{typecode!r}, declared for {key!r}, is no type code of the format.")


def _string(value: Any, key: str) -> bytes:
    if not isinstance(value, (str, os.PathLike, np.str_)):
        raise TypeError(f"{value!r} under {key!r} is no text.")
    return encoded(value if isinstance(value, str) else Path(value), key)
