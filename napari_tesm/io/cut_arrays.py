"""Arrays of which a file holds the beginning: its recorder died, or it was cut on its way. What is whole is used."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray, Part, UnusableArrayError

_LEAST_PART: Final = 1e-3
"""Part of an array below which a file does not hold its beginning but lies about its size."""


LARGEST_UNPACKED: Final = 1 << 30
"""Bytes to which packed arrays of a file that was cut are unpacked, at the most: they are held from its opening on."""


class Held(Protocol):
    """Bytes in which an array lies as it is: a `DiskFile`, or `UnpackedBytes`."""

    @property
    def n_bytes(self) -> int:
        """How many there are."""

    def array(self, shape: tuple[int, ...], dtype: Any, start: int, *, by_columns: bool = False) -> LazyArray:
        """Return numbers that lie in them one behind the other."""

    def check(self) -> None:
        """See that they are still those that were opened."""


@dataclass(frozen=True)
class UnpackedBytes:
    """What a packed array came to before the file ends, in memory.

    Parameters
    ----------
    held : bytes or bytearray
    check : callable
        Called before each reading.
    """

    held: bytes | bytearray
    check: Callable[[], None]

    @property
    def n_bytes(self) -> int:
        """How many bytes there are."""
        return len(self.held)

    def array(self, shape: tuple[int, ...], dtype: Any, start: int, *, by_columns: bool = False) -> LazyArray:
        """Return numbers that lie in the bytes one behind the other."""
        values = np.frombuffer(self.held, dtype, math.prod(shape), start)
        arranged = values.reshape(shape, order="F" if by_columns else "C")
        return LazyArray(shape, arranged.dtype, arranged.__getitem__, check=self.check)


def cut_array(
    disk: Held, shape: tuple[int, ...], dtype: Any, start: int, *, by_columns: bool = False
) -> LazyArray:
    """Return what a file holds of an array that lies in it as it is, to the last number or the end of the file.

    A row of numbers is as long as it is there. Of other arrays each trace counts that is whole, or what runs along the
    axis that is contiguous in the file; the others are NaN.

    Parameters
    ----------
    disk : DiskFile or UnpackedBytes
    shape, dtype
        As the file announces them.
    start : int
        Byte of the first number.
    by_columns : bool
        The first axis is contiguous, not the last.

    Raises
    ------
    UnusableArrayError
        If nothing of it is whole.
    """
    kind = np.dtype(dtype)
    there = max(disk.n_bytes - start, 0) // kind.itemsize
    if there < _LEAST_PART * math.prod(shape):
        raise UnusableArrayError(
            f"{there} of the {math.prod(shape)} numbers it claims are there: it was cut."
        )
    if max(shape) == math.prod(shape):  # MATLAB's rows of numbers have an axis of one
        size = min(there, max(shape))
        return disk.array(tuple(size if length == max(shape) else 1 for length in shape), kind, start)
    sizes = shape[::-1] if by_columns else shape
    traces = min(there // sizes[-1], math.prod(sizes[:-1]))
    if not traces:
        raise UnusableArrayError("not one row of it is whole: the file was cut.")
    slab = math.prod(sizes[1:-1])
    whole, rest = divmod(traces, slab)
    held = disk.array((whole, *sizes[1:]), kind, start)
    # The slab in which the file ends is completed by what is missing.
    last = np.full((1, *sizes[1:]), np.nan)
    if rest:
        begun = disk.array((rest, sizes[-1]), kind, start + whole * slab * sizes[-1] * kind.itemsize)
        last.reshape(slab, sizes[-1])[:rest] = begun[...]
    array = padded_array(_TwoParts(held, last, whole + 1 if rest else whole), 0, sizes[0], check=disk.check)
    return array.transposed() if by_columns else array


class _TwoParts:
    """Rows in a file, and one in memory behind them."""

    def __init__(self, held: LazyArray, last: NDArray[np.float64], size: int) -> None:
        self._held, self._last = held, last
        self.shape = (size, *held.shape[1:])
        self.dtype = held.dtype

    def __getitem__(self, part: Part) -> NDArray[Any]:
        along, *inner = part
        rows = np.asarray(
            self._held[(slice(along.start, min(along.stop, len(self._held)), along.step), *inner)]
        )
        ends = (along.start, along.step, along.stop)
        if len(self._held) not in range(ends[0], ends[2], ends[1]):
            return rows
        return np.concatenate([rows, self._last[(slice(None), *inner)]])


def padded_array(array: Any, axis: int, size: int, *, check: Callable[[], None] | None = None) -> LazyArray:
    """Return an array that is longer along one axis, with NaN where it holds nothing.

    Whole numbers become floating-point ones, which can be missing.

    Parameters
    ----------
    array : array-like
        Indexed with a slice for each axis.
    axis : int
    size : int
        Along that axis.
    check : callable, optional
        Called before each reading.
    """
    kind = np.dtype(array.dtype)
    kind = kind.newbyteorder("=") if kind.kind == "f" else np.dtype(np.float64)
    whole = int(array.shape[axis])

    read = _Padded(array, axis, whole, kind)
    return LazyArray((*array.shape[:axis], size, *array.shape[axis + 1 :]), kind, read, check=check)


@dataclass(frozen=True)
class _Padded:
    """Reads an array with NaN where it holds nothing; an object that can be pickled."""

    array: Any
    axis: int
    whole: int
    kind: np.dtype[Any]

    def __call__(self, part: Part) -> NDArray[Any]:
        along = part[self.axis]
        out = np.full([len(range(p.start, p.stop, p.step)) for p in part], np.nan, self.kind)
        inside = slice(along.start, min(along.stop, self.whole), along.step)
        count = len(range(inside.start, inside.stop, inside.step))
        if count:
            there = tuple(slice(count) if n == self.axis else slice(None) for n in range(out.ndim))
            out[there] = self.array[tuple(inside if n == self.axis else p for n, p in enumerate(part))]
        return out


def missing_share(shape: tuple[int, ...], dtype: Any, start: int, n_bytes: int) -> str:
    """Return how much of an array a file of some bytes lacks, in words."""
    total = math.prod(shape)
    there = max(n_bytes - start, 0) // np.dtype(dtype).itemsize
    return f"{total - there} of its {total} numbers ({100 * (total - there) / total:.3g} %)"
