"""What a component of a ``.gwy`` object can hold: type codes, their bytes, and arrays supplied piecemeal."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
from gwyfile.objects import GwyObject

from napari_tesm.files.disk import DiskArray

MAX_DEPTH = 100
"""Objects within objects deeper than this are refused; real files have about five levels."""

SCALARS = {"i": struct.Struct("<i"), "q": struct.Struct("<q"), "d": struct.Struct("<d")}
ARRAYS: dict[str, np.dtype[Any]] = {
    "C": np.dtype("u1"),
    "I": np.dtype("<i4"),
    "Q": np.dtype("<i8"),
    "D": np.dtype("<f8"),
}

_BLOCK_BYTES = 8 << 20


@dataclass(frozen=True, eq=False)
class LazyArray:
    """A large array that is produced block by block at the moment it is written.

    Parameters
    ----------
    shape : tuple of int
        Shape of the whole, which settles its size in the file beforehand.
    blocks : callable
        Called without arguments for each writing; returns the blocks in C order, of any shapes that add up.
    typecode : {"D", "I", "Q", "C"}
        Doubles, 32-bit integers, 64-bit integers or bytes.
    """

    shape: tuple[int, ...]
    blocks: Callable[[], Iterable[npt.ArrayLike]]
    typecode: str = "D"

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


def encoded(text: str | PurePath, key: str) -> bytes:
    """Return the bytes of a string and its closing NUL; what was no UTF-8 on reading comes back as it was.

    Raises
    ------
    ValueError
        If the text holds a NUL or characters no file can hold.
    """
    text = str(text)
    if "\0" in text:
        raise ValueError(f"The text under {key!r} holds a NUL character, which .gwy files cannot store.")
    try:
        return text.encode("utf-8", "surrogateescape") + b"\0"
    except UnicodeEncodeError:
        raise ValueError(f"The text under {key!r} is not valid Unicode: {text!r}.") from None


def typecode_of(value: Any, key: str) -> str:
    """Return the type code that a value without a declared one is written as.

    Raises
    ------
    TypeError
        If no type of the format fits.
    """
    # An if-chain in order of what .gwy files hold most; bool before int, for it is one in Python.
    if isinstance(value, GwyObject):
        return "o"
    if isinstance(value, (str, PurePath)):
        return "s"
    if isinstance(value, (bool, np.bool_)):
        return "b"
    if isinstance(value, (int, np.integer)):
        return "i" if -(2**31) <= value < 2**31 else "q"
    if isinstance(value, (float, np.floating)):
        return "d"
    if isinstance(value, LazyArray):
        return value.typecode
    if isinstance(value, (bytes, bytearray)):
        return "C"
    if isinstance(value, (np.ndarray, DiskArray)):
        return _array_typecode(value, key)
    if isinstance(value, (list, tuple)) and value:
        if all(isinstance(item, str) for item in value):
            return "S"
        if all(isinstance(item, GwyObject) for item in value):
            return "O"
        if all(isinstance(item, (int, float, np.integer, np.floating)) for item in value):
            return _array_typecode(np.asarray(value), key)
    what = "an empty list (declare its type code)" if value in ([], ()) else f"a {type(value).__name__}"
    raise TypeError(f".gwy files cannot hold {what}, as found under {key!r}.")


def _array_typecode(array: npt.NDArray[Any] | DiskArray, key: str) -> str:
    kind, size = array.dtype.kind, array.dtype.itemsize
    if array.ndim == 0:
        return typecode_of(array[()], key)
    if kind == "f" and size <= 8:
        return "D"
    if kind == "u" and size == 1:
        return "C"
    if (kind == "i" and size <= 4) or (kind == "u" and size <= 2):
        return "I"
    if (kind == "i" and size == 8) or (kind == "u" and size == 4):
        return "Q"
    raise TypeError(f".gwy files cannot hold an array of {array.dtype}, as found under {key!r}.")


def scalar_bytes(value: Any, typecode: str, key: str) -> bytes:
    """Return the bytes of a single value of type ``b``, ``c``, ``i``, ``q`` or ``d``.

    Raises
    ------
    TypeError
        If the value is not of that type or does not fit in it.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    try:
        if typecode == "b":
            return b"\1" if value else b"\0"
        if typecode == "c":
            return _character(value)
        if typecode in "iq" and not isinstance(value, (int, np.integer, np.bool_)):
            raise TypeError
        if typecode == "d" and isinstance(value, str):
            raise TypeError
        return SCALARS[typecode].pack(float(value) if typecode == "d" else int(value))
    except (TypeError, ValueError, OverflowError, struct.error):
        raise TypeError(f"{value!r} under {key!r} cannot be written as type {typecode!r}.") from None


def _character(value: Any) -> bytes:
    if isinstance(value, str):
        value = value.encode("latin-1")
    if isinstance(value, bytes):
        (value,) = value
    return bytes([value])


def flat_array(value: Any, typecode: str, key: str) -> npt.NDArray[Any] | DiskArray | LazyArray:
    """Return the array checked to be exactly representable as the given array type; not copied.

    Raises
    ------
    TypeError
        If values would be lost.
    """
    if isinstance(value, LazyArray):
        if value.typecode != typecode:
            raise TypeError(f"The array under {key!r} is of type {value.typecode!r}, not {typecode!r}.")
        return value
    if isinstance(value, DiskArray):
        if value.dtype != ARRAYS[typecode]:
            raise TypeError(f"The {value.dtype} array under {key!r} is not of type {typecode!r}.")
        return value
    array = np.frombuffer(value, "u1") if isinstance(value, (bytes, bytearray)) else np.asarray(value)
    target = ARRAYS[typecode]
    if array.size == 0:
        return np.empty(0, target)
    if array.dtype == target:
        return array
    # 64-bit integers are what Python lists become, and harmless as long as each value fits.
    if array.dtype.kind in "iu":
        same = array.astype(target)
        if np.array_equal(same.astype(array.dtype), array):
            return same
    elif np.can_cast(array.dtype, target, "safe"):
        return array
    raise TypeError(
        f"The {array.dtype} array under {key!r} cannot be written as type {typecode!r} without loss."
    )


def array_blocks(
    array: npt.NDArray[Any] | DiskArray | LazyArray, typecode: str, key: str
) -> Iterator[npt.NDArray[Any]]:
    """Yield C-contiguous blocks of the array in file order, a few MB at a time whatever its size and layout.

    Raises
    ------
    ValueError
        If a `LazyArray` supplies another number of values than it announced.
    """
    target = ARRAYS[typecode]
    if isinstance(array, LazyArray):
        supplied = 0
        for block in array.blocks():
            part = np.asarray(block)
            supplied += part.size
            if supplied > array.size:
                break
            yield from array_blocks(flat_array(part, typecode, key), typecode, key)
        if supplied != array.size:
            count = f"more than {array.size}" if supplied > array.size else f"{supplied} of {array.size}"
            raise ValueError(f"The source of the array under {key!r} supplied {count} announced values.")
        return
    if isinstance(array, DiskArray) or array.flags.c_contiguous:
        array = array.reshape(-1)
        rows = _BLOCK_BYTES // target.itemsize
    else:
        rows = max(1, _BLOCK_BYTES // (target.itemsize * max(1, math.prod(array.shape[1:]))))
    for start in range(0, len(array), rows):
        yield np.ascontiguousarray(array[start : start + rows], target)
