"""Arrays of which a file holds the beginning: its recorder died, or it was cut on its way. What is whole is used."""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray, Part, UnusableArrayError
from napari_tesm.files.mapped import MappedFile

_LEAST_PART: Final = 1e-3
"""Part of an array below which a file does not hold its beginning but lies about its size."""


def cut_array(
    mapped: MappedFile, shape: tuple[int, ...], dtype: Any, start: int, *, by_columns: bool = False
) -> LazyArray:
    """Return what a file holds of an array that lies in it as it is, to the last number or the end of the file.

    A row of numbers is as long as it is there. Of other arrays each trace counts that is whole, or what runs along the
    axis that is contiguous in the file; the others are NaN.

    Parameters
    ----------
    mapped : MappedFile
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
    there = max(mapped.n_bytes - start, 0) // kind.itemsize
    if there < _LEAST_PART * math.prod(shape):
        raise UnusableArrayError(
            f"{there} of the {math.prod(shape)} numbers it claims are there: it was cut."
        )
    if len(shape) == 1:
        size = min(there, shape[0])
        row: NDArray[Any] = np.ndarray((size,), kind, mapped, start)
        return LazyArray((size,), kind, lambda part: row[part].copy(), check=mapped.check)
    sizes = shape[::-1] if by_columns else shape
    traces = min(there // sizes[-1], math.prod(sizes[:-1]))
    if not traces:
        raise UnusableArrayError("not one row of it is whole: the file was cut.")
    slab = math.prod(sizes[1:-1])
    whole, rest = divmod(traces, slab)
    held: NDArray[Any] = np.ndarray((whole, *sizes[1:]), kind, mapped, start)
    # The slab in which the file ends is completed by what is missing.
    last = np.full(sizes[1:], np.nan)
    if rest:
        begun: NDArray[Any] = np.ndarray(
            (rest, sizes[-1]), kind, mapped, start + whole * slab * sizes[-1] * kind.itemsize
        )
        last.reshape(slab, sizes[-1])[:rest] = begun
    array = with_missing_rows(held, last, sizes, kind, mapped)
    return array.transposed() if by_columns else array


def with_missing_rows(
    held: Any, next_row: NDArray[np.float64] | None, shape: tuple[int, ...], dtype: Any, mapped: MappedFile
) -> LazyArray:
    """Return an array whose first rows are there; one more may be given, the others are NaN.

    Parameters
    ----------
    held : array-like
        Indexed with slices; as many rows as are whole, or more.
    next_row : ndarray, optional
        The row after these.
    shape, dtype
        Of the whole array; whole numbers become floating-point ones, which can be missing.
    mapped : MappedFile
    """
    kind = np.dtype(dtype)
    kind = kind.newbyteorder("=") if kind.kind == "f" else np.dtype(np.float64)
    whole = int(held.shape[0])

    def read(part: Part) -> NDArray[Any]:
        along, *inner = part
        rows = np.arange(along.start, along.stop, along.step)
        out = np.full((rows.size, *(len(range(p.start, p.stop, p.step)) for p in inner)), np.nan, kind)
        count = int(np.searchsorted(rows, whole))
        if count:
            out[:count] = held[(slice(along.start, min(along.stop, whole), along.step), *inner)]
        if next_row is not None and whole in rows:
            out[int(np.searchsorted(rows, whole))] = next_row[tuple(inner)]
        return out

    return LazyArray(shape, kind, read, check=mapped.check)


def missing_share(shape: tuple[int, ...], dtype: Any, start: int, n_bytes: int) -> str:
    """Return how much of an array a file of some bytes lacks, in words."""
    total = math.prod(shape)
    there = max(n_bytes - start, 0) // np.dtype(dtype).itemsize
    return f"{total - there} of its {total} numbers ({100 * (total - there) / total:.3g} %)"
