"""Arrays whose numbers are read when they are asked for."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_NUMBERS: Final = "biufc"
Part = tuple[slice, ...]
"""One slice for each dimension, with start, stop and a positive step."""


class UnusableArrayError(ValueError):
    """Something in a file that cannot become an array of numbers. The text completes "left out: …"."""


class LazyArray:
    """An array that is indexed with integers and slices like any other, and read only then.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
    read : callable
        Gives the values of a part, a tuple of one slice with a positive step for each dimension.
    check : callable, optional
        Called before each reading; raises where the file is no longer what it was.

    Examples
    --------
    >>> squares = LazyArray((10,), np.dtype(int), lambda part: np.arange(10)[part] ** 2)
    >>> squares[-3:]
    array([49, 64, 81])
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: Any,
        read: Callable[[Part], NDArray[Any]],
        *,
        check: Callable[[], None] | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.check = check
        self._read = read

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=object))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("the values are in a file and cannot be had without copying them")
        return np.asarray(self[...], dtype or self.dtype)

    def __getitem__(self, key: Any) -> Any:
        keys = list(key) if isinstance(key, tuple) else [key]
        # Not `in`: arrays among the keys would be compared number by number.
        place = next((place for place, along in enumerate(keys) if along is Ellipsis), None)
        if place is not None:
            keys[place : place + 1] = [slice(None)] * (len(self.shape) - len(keys) + 1)
        keys += [slice(None)] * (len(self.shape) - len(keys))
        if len(keys) > len(self.shape):
            raise IndexError(f"{len(keys)} indices for an array of {len(self.shape)} dimensions")
        part: list[slice] = []
        after: list[slice | int] = []
        for along, size in zip(keys, self.shape, strict=True):
            if isinstance(along, slice):
                chosen = range(size)[along]
                forward = chosen if chosen.step > 0 else chosen[::-1]
                stop = forward[-1] + 1 if forward else forward.start
                part.append(slice(forward.start, stop, forward.step))
                after.append(slice(None, None, None if chosen.step > 0 else -1))
            else:
                index = range(size)[operator.index(along)]
                part.append(slice(index, index + 1, 1))
                after.append(0)
        if self.check is not None:
            self.check()
        return self._read(tuple(part))[tuple(after)]

    def transposed(self) -> LazyArray:
        """Return the array with its dimensions in the opposite order."""
        return LazyArray(
            self.shape[::-1], self.dtype, lambda part: self._read(part[::-1]).T, check=self.check
        )

    def converted(self, convert: Callable[[NDArray[Any]], NDArray[Any]]) -> LazyArray:
        """Return the array with a function of its values, which keeps their shape."""
        dtype = convert(np.zeros((1,) * self.ndim, self.dtype)).dtype
        return LazyArray(self.shape, dtype, lambda part: convert(self._read(part)), check=self.check)

    def regrouped(self, rows: tuple[int, ...], columns: tuple[int, ...]) -> LazyArray:
        """Return an array of two dimensions with each of them made several, the last of each the fastest.

        Parameters
        ----------
        rows, columns : tuple of int
            Their products are the two sizes.
        """
        if self.shape != (int(np.prod(rows)), int(np.prod(columns))):
            raise ValueError(f"{self.shape} cannot be made {rows} and {columns}")

        def read(part: Part) -> NDArray[Any]:
            of_rows, of_columns = part[: len(rows)], part[len(rows) :]
            wanted = _flat_positions(of_columns, columns)
            sizes = [len(range(along.start, along.stop, along.step)) for along in part]
            out = np.empty((int(np.prod(sizes[: len(rows)])), wanted.size), self.dtype)
            if out.size:
                low, high = int(wanted.min()), int(wanted.max()) + 1
                done = 0
                for run in _flat_runs(of_rows, rows):
                    values = self._read((run, slice(low, high, 1)))
                    out[done : done + len(values)] = values[:, wanted - low]
                    done += len(values)
            return out.reshape(sizes)

        return LazyArray(rows + columns, self.dtype, read, check=self.check)


def numbers_of(array: LazyArray, name: str) -> Iterator[tuple[str, LazyArray]]:
    """Yield the real arrays in an array, by name: parts of complex numbers and fields of records apart.

    Raises
    ------
    UnusableArrayError
        If there is no number in it.
    """
    dtype = array.dtype
    if dtype.names:
        fields = [field for field in dtype.names if dtype[field].kind in _NUMBERS]
        if not fields:
            raise UnusableArrayError("its records hold no numbers.")
        for field in fields:
            yield from numbers_of(array.converted(_field(field)), f"{name}/{field}")
    elif dtype.kind == "c":
        yield f"{name}/real", array.converted(np.real)
        yield f"{name}/imag", array.converted(np.imag)
    elif dtype.kind in _NUMBERS:
        yield name, array
    else:
        raise UnusableArrayError(f"it holds {'text' if dtype.kind in 'OSU' else 'no numbers'}.")


def _field(name: str) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return lambda records: np.ascontiguousarray(records[name])


def _flat_positions(part: Part, sizes: tuple[int, ...]) -> NDArray[np.intp]:
    flat = np.zeros(1, dtype=np.intp)
    for along, size in zip(part, sizes, strict=True):
        flat = (flat[:, None] * size + np.arange(along.start, along.stop, along.step)).ravel()
    return flat


def _flat_runs(part: Part, sizes: tuple[int, ...]) -> list[slice]:
    """Return slices of the flat array that give the part in order; one where the part is a whole stretch."""
    *outer, last = part
    whole = [
        (along.start, along.stop, along.step) == (0, size, 1) for along, size in zip(part, sizes, strict=True)
    ]
    if all(whole[1:]) and part[0].step == 1:
        inner = int(np.prod(sizes[1:]))
        return [slice(part[0].start * inner, part[0].stop * inner, 1)]
    starts = _flat_positions(tuple(outer), sizes[:-1]) * sizes[-1]
    return [slice(start + last.start, start + last.stop, last.step) for start in starts.tolist()]
