"""A file whose bytes are read where they are asked for, and which notices when it changes underneath."""

from __future__ import annotations

import contextlib
import io
import math
import os
import stat
import struct
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.errors import FileChangedError, GwyFormatError
from napari_tesm.files.lazy import LazyArray, Part

_WINDOW: Final = 1 << 16
"""Bytes read at once where little is asked for: headers are taken word by word."""
_SEARCHED: Final = 1 << 20
_GAP: Final = 1 << 14
"""Bytes between two wanted ones that are read along: another call costs as much."""
_STRETCH: Final = 1 << 20
"""Bytes of such a stretch that are held at a time."""


_may_grow: ContextVar[bool] = ContextVar("_may_grow", default=False)


@contextlib.contextmanager
def growing_files() -> Iterator[None]:
    """Let files that are opened meanwhile go on growing in use: a recorder writes them.

    What they held when they were opened is read; whether that is whole is for its reader to see.
    """
    token = _may_grow.set(True)
    try:
        yield
    finally:
        _may_grow.reset(token)


class DiskFile:
    """A regular file, open for reading; arrays over it keep it open.

    It is pickled and copied as its path, and opened anew, where it must still be the same file.

    Parameters
    ----------
    path : path-like
        The file to open.

    Attributes
    ----------
    path : pathlib.Path
        The absolute path the file was opened by.
    n_bytes : int
        Size in bytes when it was opened.
    mtime_ns : int
        Time of its last change when it was opened, in ns.

    Raises
    ------
    OSError
        If the file is missing, a folder, a device or a pipe, or not readable.
    GwyFormatError
        If the file is empty: there is nothing in it.

    Notes
    -----
    The file is not mapped into memory: touching a page of a mapping beyond the file's present end kills the process
    (SIGBUS), with all unsaved work in it, and no check beforehand can rule that out. A read that comes back short is an
    exception. Reading is safe from several threads.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        path = Path(path)
        # A pipe would block in open() and a device has no size, so the kind is settled before opening.
        try:
            kind = path.stat().st_mode
        except FileNotFoundError:
            raise FileNotFoundError(f"{path} does not exist.") from None
        except OSError as error:
            raise _explained(path, error) from None
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(f"{path} is a folder, not a file.")
        if not stat.S_ISREG(kind):
            raise OSError(f"{path} is a device or a pipe; only ordinary files can be read.")
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            self._descriptor = os.open(path, flags)
        except OSError as error:
            raise _explained(path, error) from None
        self._close = weakref.finalize(self, os.close, self._descriptor)
        status = os.fstat(self._descriptor)
        if status.st_size == 0:
            raise GwyFormatError(f"{path} is empty (0 bytes): copy it again from where it was made.")
        self.path = path.absolute()
        self.n_bytes = status.st_size
        self.mtime_ns = status.st_mtime_ns
        self._identity = (status.st_dev, status.st_ino)
        self._may_grow = _may_grow.get()
        self._window = (0, b"")
        self._seeking = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self.path, self.n_bytes, self.mtime_ns)

    def __len__(self) -> int:
        return self.n_bytes

    def __getitem__(self, part: slice) -> bytes:
        """Return the bytes of a slice without a step."""
        start, stop, _ = part.indices(self.n_bytes)
        size = max(stop - start, 0)
        if size > _WINDOW:
            taken = bytearray(size)
            self.read_into(start, taken)
            return bytes(taken)
        # One tuple, replaced as a whole: another thread sees the old window or the new one.
        first, window = self._window
        if not first <= start <= stop <= first + len(window):
            taken = bytearray(min(_WINDOW, self.n_bytes - start))
            self.read_into(start, taken)
            first, window = self._window = start, bytes(taken)
        return window[start - first : start - first + size]

    def unpacked(self, form: struct.Struct | str, start: int) -> tuple[Any, ...]:
        """Return the values of a `struct` format that begins at a byte."""
        form = struct.Struct(form) if isinstance(form, str) else form
        return form.unpack(self[start : start + form.size])

    def find(self, wanted: bytes, start: int = 0, stop: int | None = None) -> int:
        """Return where bytes stand first between two places, -1 where they do not."""
        stop = self.n_bytes if stop is None else min(stop, self.n_bytes)
        size = _WINDOW
        while stop - start >= len(wanted):
            # What spans two pieces is in the second, too.
            at = self[start : min(start + size, stop)].find(wanted)
            if at >= 0:
                return start + at
            start += max(size - len(wanted) + 1, 1)
            size = max(_SEARCHED, 2 * len(wanted))
        return -1

    def read_into(self, start: int, buffer: Any) -> None:
        """Fill a buffer with the bytes from a place on.

        Raises
        ------
        FileChangedError
            If the file has become shorter.
        OSError
            If it cannot be read.
        """
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view):
            try:
                n_read = self._read_at(start + done, view[done:])
            except OSError as error:
                raise type(error)(
                    f"{self.path} cannot be read at byte {start + done}: {error.strerror or error}."
                ) from error
            if not n_read:
                self.check()
                raise FileChangedError(
                    f"{self.path} ends at byte {start + done} now: it was cut while in use."
                )
            done += n_read

    def _read_at(self, start: int, view: memoryview) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._descriptor, [view], start)
        with self._seeking:
            os.lseek(self._descriptor, start, os.SEEK_SET)
            taken = os.read(self._descriptor, min(len(view), 1 << 30))
        view[: len(taken)] = taken
        return len(taken)

    def array(self, shape: tuple[int, ...], dtype: Any, start: int, *, by_columns: bool = False) -> LazyArray:
        """Return numbers that lie in the file one behind the other, read when they are asked for.

        Parameters
        ----------
        shape : tuple of int
        dtype : dtype
            As they are stored.
        start : int
            Byte of the first.
        by_columns : bool
            The first index runs fastest, not the last.

        Returns
        -------
        LazyArray
            A `DiskArray`, unless `by_columns`.
        """
        layout = _Layout(self, shape[::-1] if by_columns else shape, np.dtype(dtype), start)
        array = DiskArray(layout)
        return array.transposed() if by_columns else array

    def check(self) -> None:
        """See that the file is still the one that was opened.

        Raises
        ------
        FileChangedError
            If it was changed, replaced or removed since.
        """
        try:
            status = self.path.stat()
        except OSError:
            raise FileChangedError(
                f"{self.path} is no longer there, although its data are in use: put it back or open it anew."
            ) from None
        if (status.st_dev, status.st_ino) != self._identity:
            raise FileChangedError(f"{self.path} was replaced by another file while in use: open it anew.")
        if self._may_grow and status.st_size >= self.n_bytes:
            return
        if status.st_size != self.n_bytes:
            raise FileChangedError(
                f"{self.path} changed from {self.n_bytes} to {status.st_size} bytes in use: open it anew."
            )
        if status.st_mtime_ns != self.mtime_ns:
            raise FileChangedError(f"{self.path} was written to while in use: open it anew.")


class DiskArray(LazyArray):
    """Numbers that lie in a file one behind the other, in C order, read when they are asked for."""

    def __init__(self, layout: _Layout) -> None:
        super().__init__(layout.shape, layout.dtype, layout, check=layout.disk.check)
        self._layout = layout

    @property
    def disk(self) -> DiskFile:
        """The file they are in."""
        return self._layout.disk

    def reshape(self, *shape: Any) -> DiskArray:
        """Return the same numbers in another shape, as `numpy.ndarray.reshape` does; one size may be -1."""
        sizes = list(shape[0] if isinstance(shape[0], tuple) else shape)
        if -1 in sizes:
            known = -math.prod(sizes)
            sizes[sizes.index(-1)] = self.size // known if known > 0 else 0
        if math.prod(sizes) != self.size or min(sizes, default=0) < 0:
            raise ValueError(f"{self.size} numbers cannot have the shape {shape}")
        return DiskArray(replace(self._layout, shape=tuple(sizes)))


@dataclass(frozen=True)
class _Layout:
    """Numbers in a file one behind the other, the last index the fastest; called with a part, it reads that."""

    disk: DiskFile
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int

    def __call__(self, part: Part) -> NDArray[Any]:
        sizes = tuple(len(range(along.start, along.stop, along.step)) for along in part)
        strides = [self.dtype.itemsize]
        for size in self.shape[:0:-1]:
            strides.insert(0, strides[0] * size)
        strides = strides[: len(part)]
        out = np.empty(sizes, self.dtype)
        if out.size:
            first = self.start + sum(
                along.start * stride for along, stride in zip(part, strides, strict=True)
            )
            steps = [along.step * stride for along, stride in zip(part, strides, strict=True)]
            read_strided(self.disk, first, tuple(steps), out)
            # What was changed in the meantime may be half old and half new.
            self.disk.check()
        return out


def read_strided(disk: DiskFile, start: int, strides: tuple[int, ...], out: NDArray[Any]) -> None:
    """Fill an array with numbers that lie in a file at equal distances.

    Parameters
    ----------
    start : int
        Byte of the first number.
    strides : tuple of int
        Bytes from one number to the next along each axis of `out`, not negative.
    out : ndarray
        Not empty, each of its parts in C order.

    Raises
    ------
    OSError
        As `DiskFile.read_into`.
    """
    inner = out.itemsize + sum(
        (size - 1) * stride for size, stride in zip(out.shape[1:], strides[1:], strict=True)
    )
    span = inner + (len(out) - 1) * strides[0] if out.ndim else inner
    if span == out.nbytes:
        disk.read_into(start, out.reshape(-1).view(np.uint8).data)
        return
    if out.ndim > 1 and strides[0] - inner > _GAP and inner == out.nbytes // len(out):
        # Planes of a brick, a stretch of each.
        for index, part in enumerate(out):
            disk.read_into(start + index * strides[0], part.reshape(-1).view(np.uint8).data)
        return
    if strides[0] - inner > _GAP or inner > max(2 * (out.nbytes // len(out)), _WINDOW) or len(out) == 1:
        for index in range(len(out)):
            inside = out[index : index + 1].reshape(out.shape[1:])
            read_strided(disk, start + index * strides[0], strides[1:], inside)
        return
    at_once = max(_STRETCH // strides[0], 1)
    for first in range(0, len(out), at_once):
        part = out[first : first + at_once]
        stretch = bytearray(inner + (len(part) - 1) * strides[0])
        disk.read_into(start + first * strides[0], stretch)
        taken: NDArray[Any] = np.ndarray(part.shape, part.dtype, stretch, 0, strides)
        # Field by field: NumPy copies records of another layout no other way.
        for name in out.dtype.names or ():
            part[name] = taken[name]
        if not out.dtype.names:
            part[...] = taken


class DiskBytes(io.RawIOBase):
    """A file as libraries take a file: all of its bytes, or those of some pieces, one behind the other."""

    def __init__(self, disk: DiskFile, pieces: Sequence[slice] | None = None) -> None:
        self._disk = disk
        self._pieces = [slice(0, disk.n_bytes)] if pieces is None else pieces
        self._position = 0

    def readable(self) -> bool:  # noqa: D102
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def tell(self) -> int:  # noqa: D102
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:  # noqa: D102
        end = sum(piece.stop - piece.start for piece in self._pieces)
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: end}[whence]
        self._position = max(start + offset, 0)
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: D102
        begin = self._position
        view = memoryview(buffer).cast("B")
        for piece in self._pieces:
            start = piece.start + begin
            if start < piece.stop:
                size = min(len(view), piece.stop - start)
                self._disk.read_into(start, view[:size])
                self._position += size
                return size
            begin -= piece.stop - piece.start
        return 0


def disk_file_of(data: Any) -> DiskFile | None:
    """Return the file that an array, or a container read from a file, takes its numbers from.

    Parameters
    ----------
    data : array or gwyfile.objects.GwyContainer
        An array of a container read by `read_container`, or that container.

    Returns
    -------
    DiskFile or None
        None for what is in memory.
    """
    if isinstance(data, DiskArray):
        return data.disk
    disk = getattr(data, "disk_file", None)
    return disk if isinstance(disk, DiskFile) else None


def _reopened(path: Path, n_bytes: int, mtime_ns: int) -> DiskFile:
    """Open a file again, elsewhere or later; raises FileChangedError where it is another one now."""
    with contextlib.suppress(GwyFormatError):
        disk = DiskFile(path)
        if (disk.n_bytes, disk.mtime_ns) == (n_bytes, mtime_ns):
            return disk
    raise FileChangedError(f"{path} was changed while in use: open it anew.")


def _explained(path: Path, error: OSError) -> OSError:
    """Return the same kind of error, as one sentence."""
    return type(error)(f"{path} cannot be opened: {error.strerror or error}.")
