"""The samples of a TDMS channel in its unit, read and scaled when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray, Part
from napari_tesm.files.mapped import MappedFile
from napari_tesm.io.tdms.pieces import Pieces

_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class RawSamples:
    """Samples as nptdms' scalings take them."""

    data: NDArray[Any] | None
    scaler_data: dict[int, NDArray[Any]]


def sample_array(
    mapped: MappedFile,
    streams: Mapping[int | None, Pieces],
    convert: Callable[[RawSamples], NDArray[Any]] | None = None,
) -> LazyArray:
    """Return the samples of one channel, shape (samples,).

    Parameters
    ----------
    mapped : MappedFile
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

    def read(first: int, stop: int) -> NDArray[Any]:
        samples = {number: stream.read(mapped, first, stop) for number, stream in streams.items()}
        if convert is None:
            return samples[None]
        scalers = {number: data for number, data in samples.items() if number is not None}
        # Samples outside a table or a formula become NaN or infinite, which is what they are.
        with np.errstate(all="ignore"):
            return np.asarray(convert(RawSamples(samples.get(None), scalers)))

    # Only values tell the type: a scaling may be a table, a sum of others ...
    dtype = np.dtype(read(0, min(size, 2)).dtype)

    def read_part(part: Part) -> NDArray[Any]:
        (along,) = part
        if along.step == 1:
            return read(along.start, along.stop)
        # Every n-th sample, without holding those between.
        chosen = range(along.start, along.stop, along.step)
        out = np.empty(len(chosen), dtype)
        at_once = max(_BLOCK // along.step, 1)
        for done in range(0, len(chosen), at_once):
            block = chosen[done : done + at_once]
            out[done : done + len(block)] = read(block[0], block[-1] + 1)[:: along.step]
        return out

    return LazyArray((size,), dtype, read_part, check=mapped.check)
