"""Traces cut out of a continuous stream, read when they are asked for.

A trace is a copy of the samples around the start of its pulse: nothing is interpolated. The start is known to a sample;
what lies between two samples is part of the jitter that the report states.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.recording.streams import length_of, native_dtype

Indices = NDArray[np.int64]

_LONGEST: Final = 1 << 22
"""Samples read at once at most: 32 MB of doubles."""
_WORTH_SKIPPING: Final = 1 << 14
"""Samples between two records that are read through rather than skipped."""


class CutTraces:
    """Traces of shape (y, x, time) over a stream; NaN where a pixel has none.

    Indexed with slices, integers and lists along each axis by itself, it reads the records asked for, line by line in
    contiguous stretches, and holds none of them.

    Parameters
    ----------
    stream : array-like, shape (sample,)
        Indexed with slices.
    start : array-like of int, shape (y, x)
        Sample at which time is zero in each pixel; negative where the pixel has no trace.
    before, after : int
        Samples of the record before that one, and from it on. A record that the recording does not hold whole is
        missing.
    """

    def __init__(self, stream: Any, start: ArrayLike, before: int, after: int) -> None:
        size = length_of(stream, "the stream")
        if before < 0 or after < 1:
            raise ValueError(
                f"a record of {before} samples before and {after} after the pulse's start holds nothing"
            )
        starts = np.array(start, dtype=np.int64)
        if starts.ndim != 2:
            raise ValueError(f"the starts must form an image, not an array of shape {starts.shape}")
        starts[(starts < before) | (starts > size - after)] = -1
        self.stream, self.start, self.before = stream, starts, before
        self.shape = (*starts.shape, before + after)
        self.dtype = native_dtype(stream.dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return self.outer(key if isinstance(key, tuple) else (key,))

    def outer(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """Return traces by an index for each axis: slices, integers (their axis is dropped) or lists of integers."""
        keys = [*key, *[slice(None)] * (3 - len(key))]
        rows, columns, times = (
            np.atleast_1d(np.arange(size)[part]) for size, part in zip(self.shape, keys, strict=True)
        )
        out = np.empty((rows.size, columns.size, times.size), self.dtype)
        if out.size:
            for index, row in enumerate(rows):
                self._read_line(out[index], int(row), columns, times)
        dropped = tuple(axis for axis, part in enumerate(keys) if isinstance(part, int | np.integer))
        return np.squeeze(out, axis=dropped) if dropped else out

    def _read_line(self, out: NDArray[Any], row: int, columns: Indices, times: Indices) -> None:
        """Put the traces of some pixels of a row into `out`, of shape (x, time)."""
        starts = self.start[row, columns]
        order = np.argsort(starts, kind="stable")
        missing = int(np.searchsorted(starts[order], 0))
        out[order[:missing]] = np.nan
        order = order[missing:]
        first_time, span = int(times.min()), int(np.ptp(times)) + 1
        begin = starts[order] - self.before + first_time
        low = 0
        while low < order.size:
            high = low + 1
            while (
                high < order.size
                and begin[high] - begin[high - 1] <= span + _WORTH_SKIPPING
                and begin[high] + span - begin[low] <= _LONGEST
            ):
                high += 1
            stretch = np.asarray(self.stream[int(begin[low]) : int(begin[high - 1]) + span])
            records = np.lib.stride_tricks.sliding_window_view(stretch, span)
            at, pixels = begin[low:high] - begin[low], order[low:high]
            if span == times.size and (np.diff(times) == 1).all():
                out[pixels] = records[at]
            else:
                out[pixels] = records[at[:, None], (times - first_time)[None, :]]
            low = high
