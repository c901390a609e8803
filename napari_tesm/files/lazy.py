"""Arrays whose numbers are read when they are asked for."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_NUMBERS: Final = "biufc"
Part = tuple[slice, ...]
"""One slice for each dimension, with start, stop and a positive step."""
Read = Callable[[Part], NDArray[Any]]


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
        read: Read,
        *,
        check: Callable[[], None] | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.check = check
        self.read = read

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
        return self.read(tuple(part))[tuple(after)]

    def outer(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """Return what all combinations of the indices of each axis give: a slice, an integer or a list of integers.

        Of the first axis with a list only what is in the list is read.
        """
        lists = [axis for axis, index in enumerate(key) if not isinstance(index, slice | int | np.integer)]
        if not lists:
            return np.asarray(self[key])
        along = lists[0]
        wanted = np.asarray(key[along], dtype=np.intp)
        wanted = np.where(wanted < 0, wanted + self.shape[along], wanted)
        n_dropped = sum(not isinstance(index, slice) for index in key[:along])
        others = lists[1:]
        spans, within = list(key), []
        for axis in others:
            index = np.asarray(key[axis], dtype=np.intp)
            index = np.where(index < 0, index + self.shape[axis], index)
            low, high = (int(index.min()), int(index.max()) + 1) if index.size else (0, 0)
            spans[axis] = slice(low, high)
            within.append(index - low)
        parts = []
        for run in _runs(wanted):
            spans[along] = run
            values = self[tuple(spans)]
            for axis, index in zip(others, within, strict=True):
                place = axis - sum(not isinstance(other, slice) for other in spans[:axis])
                values = np.take(values, index, axis=place)
            parts.append(values)
        return np.concatenate(parts, axis=along - n_dropped)

    def transposed(self, order: tuple[int, ...] | None = None) -> LazyArray:
        """Return the array with its dimensions in another order, by default the opposite one."""
        order = tuple(range(self.ndim))[::-1] if order is None else order
        return LazyArray(
            tuple(self.shape[axis] for axis in order),
            self.dtype,
            _Transposed(self.read, order),
            check=self.check,
        )

    def at(self, axis: int, index: int) -> LazyArray:
        """Return the array at one place along an axis, without that."""
        shape = self.shape[:axis] + self.shape[axis + 1 :]
        return LazyArray(shape, self.dtype, _At(self.read, axis, index), check=self.check)

    def flipped(self, axis: int) -> LazyArray:
        """Return the array with one dimension in the opposite order."""
        return LazyArray(
            self.shape, self.dtype, _Flipped(self.read, axis, self.shape[axis]), check=self.check
        )

    def converted(self, convert: Callable[[NDArray[Any]], NDArray[Any]]) -> LazyArray:
        """Return the array with a function of its values, which keeps their shape."""
        dtype = convert(np.zeros((1,) * self.ndim, self.dtype)).dtype
        return LazyArray(self.shape, dtype, _Converted(self.read, convert), check=self.check)

    def regrouped(self, rows: tuple[int, ...], columns: tuple[int, ...]) -> LazyArray:
        """Return an array of two dimensions with each of them made several, the last of each the fastest.

        Parameters
        ----------
        rows, columns : tuple of int
            Their products are the two sizes.
        """
        if self.shape != (int(np.prod(rows)), int(np.prod(columns))):
            raise ValueError(f"{self.shape} cannot be made {rows} and {columns}")
        read = _Regrouped(self.read, rows, columns, self.dtype)
        return LazyArray(rows + columns, self.dtype, read, check=self.check)


# What reads is an object that can be pickled, not a function within another: a dataset goes to other processes.


@dataclass(frozen=True)
class _Transposed:
    read: Read
    order: tuple[int, ...]

    def __call__(self, part: Part) -> NDArray[Any]:
        inside = [part[0]] * len(part)
        for axis, along in zip(self.order, part, strict=True):
            inside[axis] = along
        return self.read(tuple(inside)).transpose(self.order)


@dataclass(frozen=True)
class _At:
    read: Read
    axis: int
    index: int

    def __call__(self, part: Part) -> NDArray[Any]:
        here = slice(self.index, self.index + 1, 1)
        values = self.read((*part[: self.axis], here, *part[self.axis :]))
        return values[(slice(None),) * self.axis + (0,)]


@dataclass(frozen=True)
class _Flipped:
    read: Read
    axis: int
    size: int

    def __call__(self, part: Part) -> NDArray[Any]:
        along = part[self.axis]
        chosen = range(along.start, along.stop, along.step)
        inside = slice(0, 0, 1)
        if chosen:
            inside = slice(self.size - 1 - chosen[-1], self.size - chosen[0], along.step)
        values = self.read((*part[: self.axis], inside, *part[self.axis + 1 :]))
        return np.flip(values, self.axis)


@dataclass(frozen=True)
class _Converted:
    read: Read
    convert: Callable[[NDArray[Any]], NDArray[Any]]

    def __call__(self, part: Part) -> NDArray[Any]:
        return self.convert(self.read(part))


@dataclass(frozen=True)
class _Regrouped:
    read: Read
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    dtype: np.dtype[Any]

    def __call__(self, part: Part) -> NDArray[Any]:
        of_rows, of_columns = part[: len(self.rows)], part[len(self.rows) :]
        wanted = _flat_positions(of_columns, self.columns)
        sizes = [len(range(along.start, along.stop, along.step)) for along in part]
        out = np.empty((int(np.prod(sizes[: len(self.rows)])), wanted.size), self.dtype)
        if out.size:
            low, high = int(wanted.min()), int(wanted.max()) + 1
            done = 0
            for run in _flat_runs(of_rows, self.rows):
                values = self.read((run, slice(low, high, 1)))
                out[done : done + len(values)] = values[:, wanted - low]
                done += len(values)
        return out.reshape(sizes)


class UnpackedOnce:
    """Reads parts of an array that is unpacked as a whole when the first is asked for, and then kept.

    Parameters
    ----------
    unpack : callable
        Returns the whole.
    """

    def __init__(self, unpack: Callable[[], NDArray[Any]]) -> None:
        self.unpack = unpack
        self._whole: NDArray[Any] | None = None

    def __call__(self, part: Part) -> NDArray[Any]:
        """Return a part of the whole."""
        if self._whole is None:
            self._whole = self.unpack()
        return np.array(self._whole[part])

    def __reduce__(self) -> tuple[Any, ...]:
        return UnpackedOnce, (self.unpack,)


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
            yield from numbers_of(array.converted(partial(_field, field)), f"{name}/{field}")
    elif dtype.kind == "c":
        yield f"{name}/real", array.converted(np.real)
        yield f"{name}/imag", array.converted(np.imag)
    elif dtype.kind in _NUMBERS:
        yield name, array
    else:
        raise UnusableArrayError(f"it holds {'text' if dtype.kind in 'OSU' else 'no numbers'}.")


def _field(name: str, records: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(records[name])


def _runs(wanted: NDArray[np.intp]) -> list[slice]:
    """Return slices that give indices in their order; one empty slice for none."""
    if not wanted.size:
        return [slice(0, 0)]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(wanted) != 1) + 1, [wanted.size]])
    return [slice(int(wanted[first]), int(wanted[stop - 1]) + 1) for first, stop in pairwise(starts)]


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
