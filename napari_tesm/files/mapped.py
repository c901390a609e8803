"""A file mapped into memory that notices when it changes underneath."""

from __future__ import annotations

import io
import mmap
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from napari_tesm.files.errors import FileChangedError, GwyFormatError


class MappedFile(mmap.mmap):
    """Read-only mapping of a regular file; arrays over it keep it alive.

    Parameters
    ----------
    path : path-like
        The file to map.

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
        If the file is empty: there is nothing to map.

    Notes
    -----
    Touching a page of a mapping beyond the file's present end kills the process (SIGBUS). `check` notices a
    truncated file before that; a truncation between the check and the access cannot be caught by anyone, so
    callers check right before each larger read. On Windows the system itself refuses to change a mapped file.
    """

    path: Path
    n_bytes: int
    mtime_ns: int
    _identity: tuple[int, int]

    def __new__(cls, path: str | os.PathLike[str]) -> Self:  # noqa: D102
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
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_size == 0:
                    raise GwyFormatError(f"{path} is empty (0 bytes): copy it again from where it was made.")
                mapped = super().__new__(cls, file.fileno(), status.st_size, access=mmap.ACCESS_READ)
        except OSError as error:
            raise _explained(path, error) from None
        mapped.path = path.absolute()
        mapped.n_bytes = status.st_size
        mapped.mtime_ns = status.st_mtime_ns
        mapped._identity = (status.st_dev, status.st_ino)
        return mapped

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
        if status.st_size != self.n_bytes:
            raise FileChangedError(
                f"{self.path} changed from {self.n_bytes} to {status.st_size} bytes in use: open it anew."
            )
        if status.st_mtime_ns != self.mtime_ns:
            raise FileChangedError(f"{self.path} was written to while in use: open it anew.")


class MappedBytes(io.RawIOBase):
    """A mapped file as libraries take a file: all of its bytes, or those of some pieces, one behind the other."""

    def __init__(self, mapped: MappedFile, pieces: Sequence[slice] | None = None) -> None:
        self._mapped = mapped
        self._pieces = [slice(0, mapped.n_bytes)] if pieces is None else pieces
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
        for piece in self._pieces:
            start = piece.start + begin
            if start < piece.stop:
                part = self._mapped[start : min(start + len(buffer), piece.stop)]
                buffer[: len(part)] = part
                self._position += len(part)
                return len(part)
            begin -= piece.stop - piece.start
        return 0


def mapped_file_of(data: Any) -> MappedFile | None:
    """Return the mapping that an array, or a container read from a file, takes its numbers from.

    Parameters
    ----------
    data : numpy.ndarray or gwyfile.objects.GwyContainer
        An array of a container read by `read_container` or a view of one, or that container.

    Returns
    -------
    MappedFile or None
        None for what does not come from a mapped file (also after a copy).
    """
    data = getattr(data, "mapped_file", data)
    while data is not None and not isinstance(data, MappedFile):
        data = data.obj if isinstance(data, memoryview) else getattr(data, "base", None)
    return data


def _explained(path: Path, error: OSError) -> OSError:
    """Return the same kind of error, as one sentence."""
    return type(error)(f"{path} cannot be opened: {error.strerror or error}.")
