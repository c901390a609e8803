"""Slices that a file has packed, or that have to be made of what it has: each as a whole, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.errors import FileChangedError
from napari_tesm.files.lazy import Part
from napari_tesm.io.content import ContentError, one_line
from napari_tesm.volumes.unpacked import UnpackedSlices


class WholeSlices:
    """Reads parts of slices that are unpacked as a whole; where parts of them are asked for, once for all.

    Parameters
    ----------
    shape : tuple of int
        Slices, rows, columns.
    dtype : dtype
    read : callable
        Gives a slice by its number.
    path : Path
        The file, for messages.
    quietly : callable
        Gives what surrounds a reading.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        read: Callable[[int], NDArray[Any]],
        path: Path,
        quietly: Callable[[Path], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.shape, self.dtype, self.read, self.path, self.quietly = shape, dtype, read, path, quietly
        self._unpacked: UnpackedSlices | None = None

    def __call__(self, part: Part) -> NDArray[Any]:
        """Return a part of the volume."""
        chosen = range(part[0].start, part[0].stop, part[0].step)
        sizes = [len(range(along.start, along.stop, along.step)) for along in part]
        out = np.empty(sizes, self.dtype)
        if self._unpacked is None and any(
            along.stop - along.start < size for along, size in zip(part[1:], self.shape[1:], strict=True)
        ):
            self._unpacked = UnpackedSlices(self.shape, self.dtype)
        for place, number in enumerate(chosen):
            if self._unpacked is not None and (kept := self._unpacked.rows_of(number, part[1])) is not None:
                out[place] = kept[:: part[1].step, part[2]]
                continue
            try:
                with self.quietly(self.path):
                    whole = np.asarray(self.read(number)).reshape(self.shape[1:])
                    out[place] = whole[part[1:]]
                if self._unpacked is not None:
                    self._unpacked.keep(number, whole)
            except (FileChangedError, ContentError, MemoryError):
                raise
            # Each way of packing has errors of its own for damaged bytes.
            except Exception as error:
                raise OSError(
                    f"{self.path}: slice {number} cannot be read ({one_line(str(error)) or type(error).__name__})."
                ) from None
        return out
