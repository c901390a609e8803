"""How the samples of several channels share a chunk of a TDMS segment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np


@dataclass(frozen=True)
class Scaler:
    """One reading of a DAQ device's raw data: where in a row of which buffer; one bit of it for a digital line."""

    number: int
    code: str
    buffer: int
    offset: int
    bit: int | None


@dataclass(frozen=True)
class Samples:
    """What a segment says of one channel's samples in each chunk."""

    code: str
    """numpy's letter and size, or "time", "text", "daqmx"."""
    count: int
    n_bytes: int = 0
    scalers: tuple[Scaler, ...] = ()
    widths: tuple[int, ...] = ()
    one_scaler: bool = False
    """The only scaler gives the channel's own values, not an input of its scaling."""


@dataclass(frozen=True)
class Place:
    """Where samples of one stream are within a segment."""

    path: str
    code: str
    offset: int
    step: int
    count: int
    chunks: int
    scaler: int | None = None
    bit: int | None = None


class Layout:
    """The chunk of a segment.

    Parameters
    ----------
    present : mapping of str to Samples
        Channels with samples, in their order.
    interleaved : bool

    Raises
    ------
    ValueError
        If such channels cannot share a chunk.
    """

    def __init__(self, present: Mapping[str, Samples], *, interleaved: bool) -> None:
        self.present = present
        codes = [samples.code for samples in present.values()]
        self.is_daqmx = "daqmx" in codes
        if self.is_daqmx and set(codes) != {"daqmx"}:
            raise ValueError("raw data of a device are mixed with others")
        # A single channel of text is written one after another even where the flag says otherwise.
        self.interleaved = interleaved and codes != ["text"] and not self.is_daqmx
        if self.interleaved and ("text" in codes or len({samples.count for samples in present.values()}) > 1):
            raise ValueError("interleaved channels differ in length or hold text")
        self.rows, self.widths = self._buffers() if self.is_daqmx else ([], ())
        sizes = (samples.n_bytes for samples in present.values())
        self.pitch = sum(map(int.__mul__, self.rows, self.widths)) if self.is_daqmx else sum(sizes)

    def _buffers(self) -> tuple[list[int], tuple[int, ...]]:
        """Return how many rows each buffer of the device has in a chunk, and their widths in bytes."""
        widths = {samples.widths for samples in self.present.values()}
        if len(widths) > 1:
            raise ValueError("channels of one device differ in the width of its rows")
        rows = [0] * len(next(iter(widths)))
        for samples in self.present.values():
            for scaler in samples.scalers:
                if rows[scaler.buffer] not in (0, samples.count):
                    raise ValueError("channels of one device differ in length")
                rows[scaler.buffer] = samples.count
        return rows, next(iter(widths))

    def places(self, n_bytes: int, *, cut: bool) -> Iterator[Place]:
        """Yield where the samples are in a segment with so many bytes of them.

        Parameters
        ----------
        n_bytes : int
        cut : bool
            The recorder stopped in the middle: a last, incomplete chunk holds the first channels in full.
        """
        chunks, rest = divmod(n_bytes, self.pitch)
        yield from self._chunk(0, chunks, dict.fromkeys(self.present))
        if rest:
            yield from self._chunk(chunks * self.pitch, 1, self._counts_of_rest(rest, cut))

    def _chunk(self, start: int, chunks: int, counts: Mapping[str, int | None]) -> Iterator[Place]:
        """Yield the places of whole chunks (counts of None), or of one that is not."""
        width = sum(itemsize(samples.code) for samples in self.present.values()) if self.interleaved else 0
        offset = start
        buffers = list(accumulate(map(int.__mul__, self.rows, self.widths), initial=start))
        for path, samples in self.present.items():
            given = counts.get(path, 0)
            count = samples.count if given is None else given
            if self.is_daqmx:
                for scaler in samples.scalers:
                    yield Place(
                        path, scaler.code, buffers[scaler.buffer] + scaler.offset, self.widths[scaler.buffer],
                        count, chunks, None if samples.one_scaler else scaler.number, scaler.bit,
                    )  # fmt: skip
            elif samples.code == "text":
                yield Place(path, samples.code, offset, 0, count, chunks)
                offset += samples.n_bytes
            else:
                size = itemsize(samples.code)
                yield Place(path, samples.code, offset, width or size, count, chunks)
                offset += size if self.interleaved else size * count

    def _counts_of_rest(self, rest: int, cut: bool) -> dict[str, int]:
        """Return how many samples of each channel a last chunk of `rest` bytes holds."""
        counts = {}
        if self.is_daqmx:
            filled = []
            for rows, width in zip(self.rows, self.widths, strict=True):
                filled.append(min(rows, rest // width) if rows else 0)
                rest -= min(rest, rows * width)
            for path, samples in self.present.items():
                counts[path] = min(filled[scaler.buffer] for scaler in samples.scalers)
        elif any(samples.code == "text" for samples in self.present.values()):
            return {}
        elif self.interleaved or not cut:
            counts = {path: samples.count * rest // self.pitch for path, samples in self.present.items()}
        else:
            for path, samples in self.present.items():
                counts[path] = min(samples.count, rest // itemsize(samples.code))
                rest -= min(rest, samples.n_bytes)
        return counts


def itemsize(code: str) -> int:
    """Return the bytes of one sample."""
    return 16 if code == "time" else int(np.dtype(code).itemsize)
