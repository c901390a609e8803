"""MATLAB's .mat format of version 5, read piece by piece: nothing is believed, nothing unpacked before it is used.

Numbers that are not packed stay in the file. Packed ones are SciPy's to unpack, which ends the process at a number
type that it does not know: what stands in the header of a variable is checked first; what does not, the type of the
imaginary parts, is tried in another process.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.disk import DiskBytes, DiskFile
from napari_tesm.files.lazy import LazyArray, UnpackedOnce, UnusableArrayError
from napari_tesm.io.content import ContentError, one_line
from napari_tesm.io.cut_arrays import LARGEST_UNPACKED, Held, UnpackedBytes, cut_array, missing_share
from napari_tesm.io.matlab.variables import Variables, element_names
from napari_tesm.io.rehearsal import rehearse

_HEADER: Final = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS: Final = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS: Final = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE = 1, 2, 3, 4, 5
_CLASSES: Final = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_OTHERS: Final = {_SPARSE: "a sparse matrix", 16: "a function", 17: "an object"}
_COMPLEX, _LOGICAL = 0x08, 0x02
_DEEPEST: Final = 32
_MOST_DIMENSIONS: Final = 32
_LONGEST_LENGTH: Final = 8
_LARGEST: Final = 1 << 31
"""MATLAB's own limit for a variable of this version, in bytes."""
_LARGEST_STRUCT: Final = 1 << 28
"""Structs must be unpacked to see what is in them."""
_BEST_COMPRESSION: Final = 1032
_PREFIX: Final = 1 << 14


def read_version_5(variables: Variables) -> None:
    """Put the variables of the file on disk into `variables`.

    Raises
    ------
    ContentError
        If the file is damaged.
    """
    disk = variables.disk
    if disk.n_bytes < _HEADER:
        raise ContentError(f"{disk.path} is cut: it ends within its header.")
    order = "<" if disk[126:128] == b"IM" else ">"
    text = disk[:116].decode("latin-1").rstrip("\0 ")
    variables.attributes["header"] = one_line(text)
    pos = _HEADER
    while pos < disk.n_bytes:
        block = _Block(disk, order, disk, 0, disk.n_bytes)
        try:
            element = block.element(pos)
        except ContentError:
            if _read_cut(variables, block, pos):
                break
            if not variables.sources:
                raise
            variables.note(
                "The file was cut within a variable, or holds none there: those before it are used."
            )
            break
        if element.kind == _COMPRESSED:
            _read_compressed(variables, block, element)
        elif element.kind == _MATRIX:
            _Reader(variables, block).matrix(element, None, 0)
        # Anything else at this level is no variable; MATLAB skips it, too.
        pos = element.after if element.kind != _COMPRESSED else element.stop


@dataclass(frozen=True)
class _Element:
    """A piece of the file: its type and where its bytes are."""

    kind: int
    start: int
    stop: int
    after: int
    """Where the next one starts: multiples of eight bytes."""

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class _Block:
    """Bytes with elements in them: the file, or an unpacked variable."""

    disk: DiskFile
    order: str
    bytes: Any
    base: int
    """Where in the file the block is, for messages."""
    end: int
    """Where they end; of an unpacked variable the first bytes are enough for its head."""

    def error(self, what: str, pos: int) -> ContentError:
        at = self.base or pos
        return ContentError(f"{self.disk.path} is not a sound MATLAB file: {one_line(what)} at byte {at}.")

    def element(self, pos: int, end: int | None = None) -> _Element:
        end = self.end if end is None else end
        if min(end, len(self.bytes)) - pos < 8:
            raise self.error("a part has no end", pos)
        kind, size = struct.unpack(self.order + "II", self.bytes[pos : pos + 8])
        if kind >> 16:
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise self.error(f"a small part has {size} bytes", pos)
            return _Element(kind, pos + 4, pos + 4 + size, pos + 8)
        start = pos + 8
        if size > end - start:
            raise self.error(f"a part needs {size} bytes where {end - start} are left", pos)
        # The last part of a block may go without the bytes that fill it up to eight.
        return _Element(kind, start, start + size, min(start + size + -size % 8, end))

    def numbers(self, element: _Element) -> NDArray[Any]:
        """Return the numbers of an element that describes another."""
        return np.frombuffer(self.bytes[element.start : element.stop], self.type_of_numbers(element))

    def stored_numbers(self, element: _Element, shape: tuple[int, ...]) -> LazyArray:
        """Return the numbers of an element, in MATLAB's order, as they are stored and where they are."""
        dtype = self.type_of_numbers(element)
        if isinstance(self.bytes, DiskFile):
            return self.bytes.array(shape, dtype, element.start, by_columns=True)
        unpacked = np.frombuffer(self.bytes[element.start : element.stop], dtype).reshape(shape, order="F")
        return LazyArray(shape, dtype, unpacked.__getitem__)

    def type_of_numbers(self, element: _Element) -> np.dtype[Any]:
        code = _NUMBERS.get(element.kind)
        if code is None or element.size % np.dtype(code).itemsize:
            raise self.error("a part should hold numbers and does not", element.start)
        return np.dtype(self.order + code)

    def check_count(self, head: _Head, element: _Element) -> None:
        """Raise a ContentError where an element does not hold as many numbers as the shape of its variable says."""
        count = element.size // self.type_of_numbers(element).itemsize
        if count != math.prod(head.shape):
            raise self.error(
                f"'{head.name}' has {count} numbers where its shape is {head.shape}", element.start
            )

    def text(self, element: _Element) -> str:
        return bytes(self.bytes[element.start : element.stop]).rstrip(b"\0").decode("utf-8", "replace")


@dataclass(frozen=True)
class _Head:
    """What a variable says of itself."""

    kind: int
    flags: int
    shape: tuple[int, ...]
    name: str
    body: int
    """Where its contents start."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its numbers in MATLAB, however they are stored."""
        stored = np.dtype(_CLASSES[self.kind])
        if self.flags & _COMPLEX:
            return np.result_type(stored, np.complex64)
        return np.dtype(bool) if self.flags & _LOGICAL else stored


def _head(block: _Block, element: _Element) -> _Head:
    flags = block.element(element.start, element.stop)
    dimensions = block.element(flags.after, element.stop)
    name = block.element(dimensions.after, element.stop)
    if (
        flags.size != 8
        or flags.kind not in (5, 6)
        or dimensions.kind not in (5, 6)
        or dimensions.size > 4 * _MOST_DIMENSIONS
    ):
        raise block.error("a variable has no proper header", element.start)
    (word,) = struct.unpack(block.order + "I", block.bytes[flags.start : flags.start + 4])
    shape = tuple(int(size) for size in block.numbers(dimensions).astype(np.int64))
    if len(shape) < 2 or min(shape) < 0:
        raise block.error(f"a variable has the shape {shape}", element.start)
    return _Head(word & 0xFF, word >> 8 & 0xFF, shape, block.text(name), name.after)


def _read_compressed(variables: Variables, outside: _Block, packed: _Element) -> None:
    disk, order = outside.disk, outside.order
    prefix = _unpacked(outside, packed, _PREFIX)
    if len(prefix) < 8:
        raise outside.error("a packed variable is empty", packed.start)
    kind, size = struct.unpack_from(order + "II", prefix, 0)
    if kind != _MATRIX or size > _BEST_COMPRESSION * packed.size:
        raise outside.error(f"a packed variable claims {size} bytes", packed.start)
    if len(prefix) < min(size + 8, _PREFIX):
        raise outside.error(f"a packed variable is not the {size} bytes it says", packed.start)
    block = _Block(disk, order, prefix, packed.start, size + 8)
    element = block.element(0)
    head = _head(block, element)
    if not head.name:
        return  # what functions and objects of the file need; MATLAB does not show it either
    if head.kind in _CLASSES:
        if size > _LARGEST:
            variables.leave_out(head.name, f"it claims {size} bytes unpacked.")
            return
        if 0 not in head.shape:
            block.check_count(head, block.element(head.body, element.stop))
        _add_packed_numbers(variables, head, packed)
    elif head.kind in _OTHERS:
        variables.leave_out(head.name, f"it is {_OTHERS[head.kind]}.")
    elif size > _LARGEST_STRUCT:
        variables.leave_out(head.name, f"it claims {size} bytes unpacked; save it with -v7.3.")
    else:
        whole = _unpacked(outside, packed, size + 8, all_of_it=True)
        block = _Block(disk, order, whole, packed.start, len(whole))
        _Reader(variables, block).matrix(block.element(0), None, 0)


def _read_cut(variables: Variables, outside: _Block, pos: int) -> bool:
    """Put the whole part of the variable in which the file ends to the others; return whether there is such a part."""
    disk = outside.disk
    if disk.n_bytes - pos < 8:
        return False
    kind, size = disk.unpacked(outside.order + "II", pos)
    block, start = outside, pos + 8
    held: Held = disk
    try:
        if kind == _COMPRESSED:
            # All there is, though it may be less than what is asked for.
            packed = _Element(kind, start, disk.n_bytes, disk.n_bytes)
            unpacked = _unpacked(outside, packed, LARGEST_UNPACKED)
            block = _Block(disk, outside.order, unpacked, pos, len(unpacked))
            held, start = UnpackedBytes(unpacked, disk.check), 8
            kind, size = struct.unpack(outside.order + "II", unpacked[:8].ljust(8, b"\0"))
        if kind != _MATRIX:
            return False
        element = _Element(kind, start, start + size, start + size)
        head = _head(block, element)
        if head.kind not in _CLASSES or head.flags & _COMPLEX or not head.name:
            return False
        stored = block.element(head.body, element.stop)
        block.check_count(head, stored)
        dtype = block.type_of_numbers(stored)
        array = cut_array(held, head.shape, dtype, stored.start, by_columns=True)
    except (ContentError, UnusableArrayError):
        return False
    variables.add_array(head.name, array)
    missing = missing_share(head.shape, dtype, stored.start, held.n_bytes)
    variables.note(f"The file was cut: {missing} of '{head.name}' are missing; what was whole is used.")
    return True


def _unpacked(outside: _Block, packed: _Element, size: int, *, all_of_it: bool = False) -> bytes:
    """Return the first `size` bytes of a packed part, which may be fewer unless they must be all of it."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(outside.bytes[packed.start : packed.stop], size)
        if all_of_it and not unpacker.eof:
            # The checksum behind the last byte comes into sight when one more is asked for.
            unpacked += unpacker.decompress(unpacker.unconsumed_tail, 1)
    except zlib.error as error:
        raise outside.error(f"a packed variable is damaged ({error})", packed.start) from None
    if all_of_it and (len(unpacked) != size or not unpacker.eof):
        raise outside.error(f"a packed variable is not the {size} bytes it says", packed.start)
    return unpacked


def _add_packed_numbers(variables: Variables, head: _Head, packed: _Element) -> None:
    """Add numbers that are unpacked when the first of them is asked for, and then kept."""
    variables.visit()
    read = UnpackedOnce(partial(_unpacked_numbers, variables.disk, head, packed))
    variables.add_array(head.name, LazyArray(head.shape, head.dtype, read, check=variables.disk.check))


def _unpacked_numbers(disk: DiskFile, head: _Head, packed: _Element) -> NDArray[Any]:
    """Return the numbers of a packed variable, as SciPy unpacks them; raises OSError."""
    from scipy.io import loadmat

    alone = DiskBytes(disk, [slice(0, _HEADER), slice(packed.start - 8, packed.stop)])
    try:
        if head.dtype.kind == "c":
            rehearse(disk.path, "napari_tesm.io.matlab", "content_from_matlab")
        (values,) = (value for value in loadmat(alone).values() if isinstance(value, np.ndarray))
        with np.errstate(all="ignore"):
            return values.reshape(head.shape).astype(head.dtype, copy=False)
    # SciPy raises half a dozen kinds of errors at damage; all of them mean the same.
    except Exception as error:
        disk.check()
        raise OSError(
            f"'{one_line(head.name)}' cannot be read, packed at byte {packed.start} of {disk.path}: "
            f"{one_line(str(error)) or type(error).__name__}"
        ) from None


@dataclass(frozen=True)
class _Numbers:
    """Reads the numbers of a variable in its own type, however they are stored."""

    real: LazyArray
    imaginary: LazyArray | None
    dtype: np.dtype[Any]

    def __call__(self, part: tuple[slice, ...]) -> NDArray[Any]:
        # A wider type than the variable's own, which no writer uses, may hold what that cannot.
        with np.errstate(all="ignore"):
            values = self.real[part].astype(self.dtype)
            if self.imaginary is not None:
                values.imag = self.imaginary[part]
        return np.asarray(values)


class _Reader:
    def __init__(self, variables: Variables, block: _Block) -> None:
        self.variables = variables
        self.block = block

    def matrix(self, element: _Element, name: str | None, depth: int) -> None:
        """Put a variable and what is in it to the others; `name` is that of a field or cell."""
        block, variables = self.block, self.variables
        if depth > _DEEPEST:
            raise block.error(f"variables are nested deeper than {_DEEPEST} levels", element.start)
        if element.kind != _MATRIX:
            raise block.error("a part should be a variable and is not", element.start)
        if element.size == 0 and name is not None:
            return
        head = _head(block, element)
        name = head.name if name is None else name
        if not name:
            return
        variables.visit()
        if head.kind in _CLASSES:
            variables.add_array(name, self.numbers(head, element))
        elif head.kind == _CHAR:
            variables.attributes[name] = self.characters(head, element)
        elif head.kind == _CELL:
            name_of = element_names(name, head.shape, "{{{}}}")
            self.elements(element, head.body, name_of, head.shape, [""], depth)
        elif head.kind in (_STRUCT, _OBJECT):
            self.struct(head, element, name, depth)
        else:
            reason = _OTHERS.get(head.kind, f"of the unknown class {head.kind}")
            variables.leave_out(name, f"it is {reason}.")

    def struct(self, head: _Head, element: _Element, name: str, depth: int) -> None:
        block = self.block
        pos = head.body
        if head.kind == _OBJECT:
            pos = block.element(pos, element.stop).after
        length_element = block.element(pos, element.stop)
        lengths = block.numbers(length_element) if length_element.size <= _LONGEST_LENGTH else np.empty(0)
        names = block.element(length_element.after, element.stop)
        length = int(lengths[0]) if lengths.size == 1 else 0
        if length <= 0 or names.size % length:
            raise block.error("a struct has no proper field names", element.start)
        raw = bytes(block.bytes[names.start : names.stop])
        fields = [
            "." + raw[at : at + length].split(b"\0")[0].decode("utf-8", "replace")
            for at in range(0, len(raw), length)
        ]
        self.elements(
            element, names.after, element_names(name, head.shape, "({})"), head.shape, fields, depth
        )

    def elements(
        self,
        element: _Element,
        pos: int,
        name_of: Callable[[int], str],
        shape: tuple[int, ...],
        fields: list[str],
        depth: int,
    ) -> None:
        for index in range(math.prod(shape) if fields else 0):
            for field in fields:
                inside = self.block.element(pos, element.stop)
                self.matrix(inside, f"{name_of(index)}{field}", depth + 1)
                pos = inside.after

    def numbers(self, head: _Head, element: _Element) -> LazyArray:
        """Return the numbers of a variable in its own type, however they are stored."""
        block, dtype = self.block, head.dtype
        if 0 in head.shape:
            return LazyArray(head.shape, float, np.zeros(head.shape).__getitem__)
        stored = block.element(head.body, element.stop)
        real = self.part(head, stored)
        imaginary = self.part(head, block.element(stored.after, element.stop)) if dtype.kind == "c" else None

        return LazyArray(head.shape, dtype, _Numbers(real, imaginary, dtype), check=block.disk.check)

    def part(self, head: _Head, element: _Element) -> LazyArray:
        self.block.check_count(head, element)
        return self.block.stored_numbers(element, head.shape)

    def characters(self, head: _Head, element: _Element) -> str:
        block = self.block
        if 0 in head.shape:
            return ""
        letters = block.element(head.body, element.stop)
        encoding = _TEXTS.get(letters.kind)
        if encoding is None:
            raise block.error(f"'{head.name}' should be text and is not", element.start)
        if encoding in ("utf-16", "utf-32"):
            encoding += "-le" if block.order == "<" else "-be"
        text = bytes(block.bytes[letters.start : letters.stop]).decode(encoding, "replace")
        rows = head.shape[0]
        # Letters go down the columns; one row is the usual case.
        return "\n".join(text[row::rows].rstrip("\0 ") for row in range(rows)) if rows < len(text) else text
