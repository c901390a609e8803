"""The samples of a TDMS channel in its unit, read and scaled when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.io.gwy.mapping import MappedFile
from napari_tesm.io.tdms.pieces import Pieces

_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class RawSamples:
    """Samples as nptdms' scalings take them."""

    data: NDArray[Any] | None
    scaler_data: dict[int, NDArray[Any]]


class SampleArray:
    """Samples of one channel, shape (samples,).

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

    def __init__(
        self,
        mapped: MappedFile,
        streams: Mapping[int | None, Pieces],
        convert: Callable[[RawSamples], NDArray[Any]] | None = None,
    ) -> None:
        self._mapped = mapped
        self._streams = dict(streams)
        self._convert = convert
        self.shape = (min(len(stream) for stream in self._streams.values()),)
        # Only values tell the type: a scaling may be a table, a sum of others ...
        self.dtype = np.dtype(self._read(0, min(self.shape[0], 2)).dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        (part,) = key if isinstance(key, tuple) else (key,)
        self._mapped.check()
        if isinstance(part, slice):
            chosen = range(self.shape[0])[part]
            if abs(chosen.step) == 1:
                low, high = sorted((chosen.start, chosen[-1])) if chosen else (0, -1)
                return self._read(low, high + 1)[:: chosen.step]
            return self._spaced(chosen)
        index = range(self.shape[0])[part]
        return self._read(index, index + 1)[0]

    def _spaced(self, chosen: range) -> NDArray[Any]:
        """Read every n-th sample without holding those between."""
        forward = chosen if chosen.step > 0 else chosen[::-1]
        out = np.empty(len(chosen), self.dtype)
        at_once = max(_BLOCK // forward.step, 1)
        for done in range(0, len(forward), at_once):
            part = forward[done : done + at_once]
            out[done : done + len(part)] = self._read(part[0], part[-1] + 1)[:: forward.step]
        return out if chosen.step > 0 else out[::-1]

    def _read(self, first: int, stop: int) -> NDArray[Any]:
        read = {number: stream.read(self._mapped, first, stop) for number, stream in self._streams.items()}
        if self._convert is None:
            return read[None]
        scalers = {number: data for number, data in read.items() if number is not None}
        # Samples outside a table or a formula become NaN or infinite, which is what they are.
        with np.errstate(all="ignore"):
            return np.asarray(self._convert(RawSamples(read.get(None), scalers)))
