"""Samples that lie in a file in many pieces, read as if they were one array."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.disk import DiskFile, read_strided

_COLUMNS: Final = 5
_SAMPLES_AT_ONCE: Final = 1 << 17
# 40 bytes each; a file of 2 GB in pieces of 100 samples has this many.
_MOST_PIECES: Final = 5_000_000
_TIME: Final = {
    "<": np.dtype([("fractions", "<u8"), ("seconds", "<i8")]),
    ">": np.dtype([("seconds", ">i8"), ("fractions", ">u8")]),
}


class Pieces:
    """Where the samples of one stream are.

    Parameters
    ----------
    code : str
        Type of a sample: numpy's letter and size, ``"time"`` for a TDMS time stamp.
    bit : int, optional
        The sample is this bit alone.

    Notes
    -----
    A piece is a row of equally spaced blocks (chunks) of equally spaced samples. LabVIEW writes one piece of many
    chunks; other writers write a piece for each call, mostly equally spaced as well, and those are put together here.
    """

    def __init__(self, code: str, bit: int | None = None) -> None:
        self.code = code
        self.bit = bit
        # A byte that is neither 0 nor 1 must not become a broken bool.
        self._written = "u1" if code == "b1" else code
        self._rows = array("q")
        self._orders = bytearray()
        self._ends: NDArray[np.int64] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of what `read` gives."""
        if self.code == "time":
            return np.dtype([("seconds", "i8"), ("fractions", "u8")])
        return np.dtype(self.code)

    def add(self, order: str, code: str, start: int, step: int, count: int, chunks: int, pitch: int) -> None:
        """Append a piece.

        Parameters
        ----------
        order : {"<", ">"}
            Byte order.
        start : int
            Byte of the first sample.
        step, count : int
            Bytes from sample to sample of a chunk, and how many there are.
        chunks, pitch : int
            How many chunks, and the bytes from one to the next.

        Raises
        ------
        ValueError
            If the samples are of another type than those before, or there are too many pieces.
        """
        if code != self.code:
            raise ValueError(f"its samples change from {self.code} to {code}")
        self._ends = None
        rows = self._rows
        if rows and self._orders[-1] == ord(order) and rows[-4] == step and rows[-3] == count:
            distance = start - (rows[-5] + rows[-1] * (rows[-2] - 1))
            if (rows[-2] == 1 or rows[-1] == distance) and (chunks == 1 or pitch == distance):
                rows[-2] += chunks
                rows[-1] = distance
                return
        if len(self._orders) >= _MOST_PIECES:
            raise ValueError(f"its samples lie in more than {_MOST_PIECES} pieces")
        rows.extend((start, step, count, chunks, pitch))
        self._orders.append(ord(order))

    def __len__(self) -> int:
        ends = self._finished()
        return int(ends[-1]) if ends.size else 0

    @property
    def n_pieces(self) -> int:
        """Number of pieces it is kept as."""
        return len(self._orders)

    def _finished(self) -> NDArray[np.int64]:
        if self._ends is None:
            table = np.frombuffer(self._rows, np.int64).reshape(-1, _COLUMNS)
            self._ends = np.cumsum(table[:, 2] * table[:, 3])
        return self._ends

    def read(self, disk: DiskFile, first: int, stop: int) -> NDArray[Any]:
        """Return the samples from `first` to `stop` as they are written, in the machine's byte order."""
        ends = self._finished()
        out = np.empty(max(stop - first, 0), self.dtype)
        done = 0
        number = int(np.searchsorted(ends, first, side="right"))
        while done < out.size:
            start, step, count, chunks, pitch = self._rows[number * _COLUMNS : (number + 1) * _COLUMNS]
            before = int(ends[number]) - count * chunks
            low, high = first + done - before, min(stop - before, count * chunks)
            order = chr(self._orders[number])
            dtype = _TIME[order] if self.code == "time" else np.dtype(order + self._written)
            done = _copy_run(_Blocks(disk, dtype, start, step, count, pitch), low, high, out, done)
            number += 1
        if self.bit is not None:
            out = out >> self.bit & 1
        return out


@dataclass(frozen=True)
class _Blocks:
    """Equally spaced blocks of `count` equally spaced samples."""

    disk: DiskFile
    dtype: np.dtype[Any]
    start: int
    step: int
    count: int
    pitch: int

    def read(self, block: int, within: int, shape: tuple[int, int]) -> NDArray[Any]:
        """Return samples of some blocks, from a block and a sample within it on."""
        part = np.empty(shape, self.dtype)
        start = self.start + block * self.pitch + within * self.step
        read_strided(self.disk, start, (self.pitch, self.step), part)
        return part


def _copy_run(blocks: _Blocks, low: int, high: int, out: NDArray[Any], done: int) -> int:
    """Copy samples `low` to `high`, counted through all blocks, to `out` from `done` on; return where that ends."""
    count = blocks.count
    most = max(_SAMPLES_AT_ONCE // count, 1)
    while low < high:
        block, within = divmod(low, count)
        if within or high - low < count or count > _SAMPLES_AT_ONCE:
            part = blocks.read(block, within, (1, min(count - within, high - low, _SAMPLES_AT_ONCE)))
        else:
            part = blocks.read(block, 0, (min(high // count - block, most), count))
        target = out[done : done + part.size].reshape(part.shape)
        if target.dtype.names:
            for name in target.dtype.names:
                target[name] = part[name]
        else:
            target[...] = part
        done += part.size
        low += part.size
    return done
