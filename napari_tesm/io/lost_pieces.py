"""Arrays kept in pieces of which some are not there: the recorder died, or they were lost on the way.

Zarr and HDF5 give the fill value for a piece that was never written, mostly zero, which would pass for a measurement.
Zarr also leaves out pieces that hold nothing else, and there the zeros are right: a trigger has many, a lock-in none.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray, Part, Read, UnusableArrayError
from napari_tesm.quantities.numbers import text_from_number

Place = tuple[int, ...]

_COMMON: Final = 0.1
"""Part of the values there are, from which a piece that is not there is taken to be full of the fill value."""
_LOOKED_AT: Final = 7
"""Pieces in which the fill value is looked for."""


@dataclass(frozen=True)
class Pieces:
    """How an array is cut into pieces, and which of them are not there.

    Parameters
    ----------
    size : tuple of int
        Of a piece.
    counts : tuple of int
        Of pieces along each axis.
    missing : frozenset of tuple of int
        Places of those that are not there, counted in pieces.
    """

    size: tuple[int, ...]
    counts: tuple[int, ...]
    missing: frozenset[Place] = field(default_factory=frozenset)

    def within(self, part: Part) -> Iterator[Place]:
        """Yield the places of missing pieces that a part of the array touches."""
        spans = [
            range(along.start // size, -(-along.stop // size)) if along.stop > along.start else range(0)
            for along, size in zip(part, self.size, strict=True)
        ]
        if math.prod(map(len, spans)) <= len(self.missing):
            yield from (place for place in product(*spans) if place in self.missing)
        else:
            yield from (
                place
                for place in self.missing
                if all(at in span for at, span in zip(place, spans, strict=True))
            )


def counts_of_pieces(shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many pieces of a size an array is cut into along each axis."""
    return tuple(-(-whole // part) for whole, part in zip(shape, size, strict=True))


def with_pieces_missing(
    array: LazyArray, pieces: Pieces, fill: Any, note: Callable[[str], None]
) -> LazyArray:
    """Return an array in which what was lost is NaN; of a row of numbers, the part before what is missing at its end.

    A missing piece counts as full of the fill value where that is common in those that are there.

    Parameters
    ----------
    array : LazyArray
        Which gives the fill value for pieces that are not there.
    pieces : Pieces
    fill : number, optional
        What stands for a piece that is not there; None where the file says none.
    note : callable
        Takes what was done, in the words that follow the array's name.

    Raises
    ------
    UnusableArrayError
        If no piece is there.
    """
    n_missing, n_pieces = len(pieces.missing), math.prod(pieces.counts)
    if not n_missing or array.dtype.kind not in "biufc":
        return array
    if n_missing >= n_pieces:
        if array.ndim < 2 and n_pieces == 1:  # a zero, or some, which Zarr need not write
            return array
        raise UnusableArrayError(f"none of its {n_pieces} pieces is there.")
    of_all = f"{n_missing} of its {n_pieces} pieces are not there"
    if fill is not None and np.isfinite(fill) and _is_common(array, pieces, fill):
        note(
            f"{of_all} and count as full of {text_from_number(float(np.real(fill)))}, the fill value of the file."
        )
        return array
    held, long = array, [axis for axis, size in enumerate(array.shape) if size > 1]
    last = max(place for place in product(*map(range, pieces.counts)) if place not in pieces.missing)
    if len(long) == 1 and (whole := (last[long[0]] + 1) * pieces.size[long[0]]) < array.size:
        note(f"{of_all}; it is used up to the last that is, {whole} of {array.size} samples.")
        held = LazyArray(
            tuple(min(size, whole) for size in array.shape), array.dtype, array.read, check=array.check
        )
    else:
        note(f"{of_all}; what they would hold is left empty.")
    kind = array.dtype.newbyteorder("=") if array.dtype.kind in "fc" else np.dtype(np.float64)
    return LazyArray(held.shape, kind, _WithHoles(held.read, pieces, kind), check=held.check)


def _is_common(array: LazyArray, pieces: Pieces, fill: Any) -> bool:
    """Whether the fill value is common in the pieces that are there: in most of some of them, one may be unfinished."""
    there = [place for place in product(*map(range, pieces.counts)) if place not in pieces.missing]
    some = {there[n] for n in np.linspace(0, len(there) - 1, _LOOKED_AT).round().astype(int)}
    shares = [np.mean(np.asarray(array[_extent(place, pieces, array.shape)]) == fill) for place in some]
    return float(np.median(shares)) >= _COMMON


def _extent(place: Place, pieces: Pieces, shape: tuple[int, ...]) -> Part:
    return tuple(
        slice(at * size, min((at + 1) * size, whole))
        for at, size, whole in zip(place, pieces.size, shape, strict=True)
    )


@dataclass(frozen=True)
class _WithHoles:
    """Reads an array with NaN in the pieces that are missing; an object that can be pickled."""

    read: Read
    pieces: Pieces
    kind: np.dtype[Any]

    def __call__(self, part: Part) -> NDArray[Any]:
        values = np.array(self.read(part), dtype=self.kind)
        for place in self.pieces.within(part):
            holes = tuple(
                _overlap(along, at * size, (at + 1) * size)
                for along, at, size in zip(part, place, self.pieces.size, strict=True)
            )
            values[holes] = complex(np.nan, np.nan) if self.kind.kind == "c" else np.nan
        return values


def _overlap(along: slice, first: int, stop: int) -> slice:
    """Return which of the indices of a slice lie in a span, as a slice of what it gives."""
    begin = max(-(-(first - along.start) // along.step), 0)
    end = max(-(-(min(stop, along.stop) - along.start) // along.step), 0)
    return slice(begin, end)
