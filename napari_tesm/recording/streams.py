"""A recorded channel read block by block: all that the search for pulses asks of it.

A stream is anything with `shape`, `dtype` and slices: a plain array, a file on disk, a channel of a TDMS or HDF5 file.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

BLOCK: Final = 1 << 20
"""Samples read at once: 8 MB of doubles, far more than the cost of one reading, far less than memory."""


def length_of(stream: Any, name: str) -> int:
    """Return the number of samples of a stream.

    Raises
    ------
    ValueError
        If it is empty, has more than one dimension, or does not hold real numbers; the sentence uses `name`.
    """
    shape, dtype = tuple(stream.shape), np.dtype(stream.dtype)
    if len(shape) != 1:
        raise ValueError(f"{name} must be one series of samples, not an array of shape {shape}")
    if dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, not {dtype}")
    if shape[0] == 0:
        raise ValueError(f"{name} holds no samples")
    return int(shape[0])


def native_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the floating-point type that holds every value of `dtype`, in this machine's byte order."""
    given: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    if given.kind == "f" and given.itemsize >= 4:
        return given
    return np.dtype(np.float32 if given.itemsize <= 2 else np.float64)


def blocks_of(stream: Any, block: int = BLOCK) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the first index and the samples of one block after another, as floating-point numbers."""
    size, dtype = int(stream.shape[0]), native_dtype(stream.dtype)
    for first in range(0, size, block):
        yield first, np.asarray(stream[first : min(first + block, size)]).astype(dtype, copy=False)
