"""The samples of a TDMS channel in its unit, read and scaled when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.disk import DiskFile
from napari_tesm.files.lazy import LazyArray, Part
from napari_tesm.io.tdms.pieces import Pieces

_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class RawSamples:
    """Samples as nptdms' scalings take them."""

    data: NDArray[Any] | None
    scaler_data: dict[int, NDArray[Any]]


def sample_array(
    disk: DiskFile,
    streams: Mapping[int | None, Pieces],
    convert: Callable[[RawSamples], NDArray[Any]] | None = None,
) -> LazyArray:
    """Return the samples of one channel, shape (samples,).

    Parameters
    ----------
    disk : DiskFile
    streams : mapping of Pieces
        By the number of the device's scaler, or under None.
    convert : callable, optional
        Makes the channel's values of `RawSamples`.

    Raises
    ------
    Exception
        What `convert` raises on a sample.
    """
    size = min(len(stream) for stream in streams.values())
    read = _Samples(disk, streams, convert)
    # Only values tell the type: a scaling may be a table, a sum of others ...
    return LazyArray((size,), read.between(0, min(size, 2)).dtype, read, check=disk.check)


@dataclass(frozen=True)
class _Samples:
    """Reads samples and makes the channel's values of them."""

    disk: DiskFile
    streams: Mapping[int | None, Pieces]
    convert: Callable[[RawSamples], NDArray[Any]] | None

    def between(self, first: int, stop: int) -> NDArray[Any]:
        samples = {number: stream.read(self.disk, first, stop) for number, stream in self.streams.items()}
        if self.convert is None:
            return samples[None]
        scalers = {number: data for number, data in samples.items() if number is not None}
        # Samples outside a table or a formula become NaN or infinite, which is what they are.
        with np.errstate(all="ignore"):
            return np.asarray(self.convert(RawSamples(samples.get(None), scalers)))

    def __call__(self, part: Part) -> NDArray[Any]:
        (along,) = part
        if along.step == 1:
            return self.between(along.start, along.stop)
        # Every n-th sample, without holding those between.
        chosen = range(along.start, along.stop, along.step)
        at_once = max(_BLOCK // along.step, 1)
        blocks = [chosen[done : done + at_once] for done in range(0, len(chosen), at_once)]
        parts = [self.between(block[0], block[-1] + 1)[:: along.step].copy() for block in blocks]
        return np.concatenate(parts) if parts else self.between(0, 0)
