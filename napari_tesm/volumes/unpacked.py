"""Slices that take work to have, kept on disk: tiles, which need a part of each, do not have all of them made anew."""

from __future__ import annotations

import shutil
import tempfile
from threading import Lock
from typing import IO, Any, Final
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

_SPARE: Final = 2
"""How many times as much as they take must be free for slices to be kept."""


class UnpackedSlices:
    """Slices in a temporary file that goes with this object; nothing is kept where disk is short.

    Parameters
    ----------
    shape : tuple of int
        Slices, rows, columns.
    dtype : dtype
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._shape, self._dtype = shape, dtype
        self._size = int(np.prod(shape[1:], dtype=object)) * dtype.itemsize
        self._there: set[int] = set()
        self._lock = Lock()
        self._file: IO[bytes] | None = None
        try:
            if shutil.disk_usage(tempfile.gettempdir()).free > _SPARE * shape[0] * self._size:
                self._file = tempfile.TemporaryFile(prefix="tesm-", buffering=0)  # noqa: SIM115
                finalize(self, self._file.close)
        except OSError:
            pass

    def keep(self, number: int, values: NDArray[Any]) -> None:
        """Keep a slice."""
        with self._lock:
            if self._file is None or number in self._there:
                return
            try:
                self._file.seek(number * self._size)
                content = np.ascontiguousarray(values, self._dtype).reshape(-1).view(np.uint8)
                while content.size:
                    content = content[self._file.write(content.data) :]
            except OSError:
                # Disk has become short: what is there already is enough to go on with.
                return
            self._there.add(number)

    def rows_of(self, number: int, rows: slice) -> NDArray[Any] | None:
        """Return the rows of a slice from start to stop, None where it is not kept."""
        line = self._shape[2] * self._dtype.itemsize
        with self._lock:
            if self._file is None or number not in self._there:
                return None
            self._file.seek(number * self._size + rows.start * line)
            values = np.empty((rows.stop - rows.start, self._shape[2]), self._dtype)
            left = values.reshape(-1).view(np.uint8)
            while left.size:
                count = self._file.readinto(left.data)  # type: ignore[attr-defined]
                if not count:
                    return None
                left = left[count:]
        return values
