"""Finished pieces of a long computation, kept beside its output until that is there.

A process that is killed at any moment leaves all pieces that it had finished, and the same call takes them from there.
What they are pieces of stands at the beginning, and nothing else is ever made of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.leftovers import lock_of, note_kept
from napari_tesm.files.sentences import Sentence

PARTIAL: Final = ".partial"
WORTH_KEEPING: Final = 10.0
"""Seconds of work that somebody who interrupts it would miss; a kill leaves what there is."""
_LONGEST_LINE: Final = 1 << 20
Arrays = Mapping[str, NDArray[Any]]


class Pieces(Protocol):
    """Where finished pieces are kept, and taken from by whoever needs them again."""

    def taken(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return a piece, None where it is not there."""

    def keep(self, name: str, arrays: Arrays) -> None:
        """Keep a piece."""


class Journal:
    """Pieces by their names, from `journal_of`.

    Parameters
    ----------
    path : Path
    content : dict of str to str
        What the pieces are of, by what is said where it is another.
    """

    def __init__(self, path: Path, content: Mapping[str, str]) -> None:
        self.path, self._content = path, dict(content)
        self._file: BinaryIO | None = None
        self._lock_held: int | None = None
        self._places: dict[str, _Piece] = {}
        self._writing = threading.Lock()
        self._closed = False

    def __len__(self) -> int:
        return len(self._places)

    def open(self, *, anew: bool) -> bool:
        """Take what an earlier process has left; return whether this one may keep pieces, which none beside it does.

        Parameters
        ----------
        anew : bool
            Begin anew where there are pieces of something else.

        Raises
        ------
        ValueError
            If there are pieces of something else, unless `anew`.
        """
        with contextlib.suppress(FileNotFoundError):
            self._open("r+b")
            if self._file is not None and self._lock_held is not None:
                self._read(anew=anew)
        return self._file is None or self._lock_held is not None

    def taken(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return a piece, None where it is not there or not whole."""
        piece = self._places.get(name)
        if piece is None or self._file is None:
            return None
        with self._writing:
            self._file.seek(piece.start)
            data = self._file.read(piece.size)
        if len(data) != piece.size:
            return None
        stored, start = {}, 0
        for label, kind, _, size in piece.arrays:
            stored[label] = np.frombuffer(data, np.dtype(kind), size, start)
            start += stored[label].nbytes
        if _checksum(stored) != piece.checksum:
            return None
        shapes = {label: shape for label, _, shape, _ in piece.arrays}
        return {
            label: np.broadcast_to(values, shapes[label])
            if values.size < np.prod(shapes[label])
            else values.reshape(shapes[label])
            for label, values in stored.items()
        }

    def keep(self, name: str, arrays: Arrays) -> None:
        """Keep a piece; where the disk has no room for it the computation goes on without."""
        stored = {label: _stored(values) for label, values in arrays.items()}
        checksum = _checksum(stored)
        described = [
            [label, values.dtype.str, list(arrays[label].shape), values.size]
            for label, values in stored.items()
        ]
        line = {"name": name, "arrays": described, "checksum": checksum}
        with self._writing, contextlib.suppress(OSError):
            if self._closed:  # a thread that nobody waits for has gone on
                return
            if self._file is None:
                self._open("x+b")
                self._write({"content": self._content})
            assert self._file is not None
            self._file.seek(0, os.SEEK_END)
            self._write(line)
            piece = _Piece(self._file.tell(), checksum, described)
            for values in stored.values():
                self._file.write(values.data)
            self._file.flush()
            self._places[name] = piece

    def close(self, *, remove: bool) -> None:
        """Let go of the file for good, and remove it when its pieces are of no more use."""
        with self._writing:
            self._closed = True
        if self._file is not None and self._lock_held is not None and remove:
            with contextlib.suppress(OSError):
                self.path.unlink()
        if self._file is not None:
            self._file.close()
        if self._lock_held is not None:
            os.close(self._lock_held)
        self._file = self._lock_held = None

    def _open(self, mode: str) -> None:
        file = cast("BinaryIO", self.path.open(mode))
        self._file, self._lock_held = file, lock_of(file.fileno())

    def _write(self, line: Mapping[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(line).encode() + b"\n")

    def _read(self, *, anew: bool) -> None:
        """See which pieces are there; what a kill has cut off at the end goes."""
        assert self._file is not None
        content = _entries(self._file.readline(_LONGEST_LINE)).get("content")
        if content != self._content:
            if isinstance(content, dict) and not anew:
                self.close(remove=False)
                raise ValueError(self._refusal(content))
            self._file.seek(0)
            self._file.truncate()
            self._write({"content": self._content})
            return
        end = self._file.tell()
        length = os.fstat(self._file.fileno()).st_size
        while line := self._file.readline(_LONGEST_LINE):
            entries = _entries(line)
            if not {"name", "arrays", "checksum"} <= entries.keys():
                break
            piece = _Piece(self._file.tell(), entries["checksum"], entries["arrays"])
            if piece.start + piece.size > length:
                break
            self._places[entries["name"]] = piece
            end = self._file.seek(piece.start + piece.size)
        self._file.seek(end)
        self._file.truncate()

    def _refusal(self, content: Mapping[str, str]) -> Sentence:
        other = next(
            (name for name in self._content if content.get(name) != self._content[name]), "something else"
        )
        return Sentence(
            "{path} holds the beginning of a fit with another {other}, which that command would go on with: remove "
            "it, or allow overwriting ({overwrite}) to begin anew",
            path=self.path,
            other=other,
        )


@dataclass(frozen=True)
class _Piece:
    start: int
    checksum: int
    arrays: list[Any] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(np.dtype(kind).itemsize * size for _, kind, _, size in self.arrays)


def _stored(values: NDArray[Any]) -> NDArray[Any]:
    """Return the numbers of an array in one row, a single one where they are all the same."""
    row = np.ascontiguousarray(values).reshape(-1)
    # Most arrays differ at their ends, and no more is looked at.
    alike = row.size > 1 and row[0] == row[-1] and bool((row == row[0]).all())
    # Zeros of both signs are equal and not the same.
    return row[:1] if alike and row[0] != 0 else row


def _checksum(arrays: Arrays) -> int:
    """Return the CRC-32 of the sums of arrays: a disk loses whole stretches, and a CRC of all takes too long."""
    checksum = 0
    for values in arrays.values():
        raw = values.view(np.uint8)
        words = raw.size // 8 * 8
        checksum = zlib.crc32(raw[:words].view(np.uint64).sum(dtype=np.uint64).tobytes(), checksum)
        checksum = zlib.crc32(raw[words:].tobytes(), checksum)
    return checksum


def _entries(line: bytes) -> dict[str, Any]:
    try:
        entries = json.loads(line)
    except ValueError:
        return {}
    return entries if line.endswith(b"\n") and isinstance(entries, dict) else {}


@contextlib.contextmanager
def journal_of(
    output: str | os.PathLike[str], content: Mapping[str, str], *, anew: bool
) -> Iterator[Journal | None]:
    """Yield a journal beside an output; it is gone when the block ends, and stays where that is killed or interrupted.

    Parameters
    ----------
    output : path-like
        ``scan_D.gwy``, whose pieces are in ``scan_D.gwy.partial``.
    content : mapping of str to str
        What decides the result, by what is said where it is another: ``{"recipe": …, "input": …}``.
    anew : bool
        Begin anew where there are pieces of something else.

    Yields
    ------
    Journal or None
        None where another process keeps one, or none can be kept.

    Raises
    ------
    ValueError
        If there are pieces of something else, unless `anew`.
    """
    start = time.monotonic()
    target = Path(output).resolve()
    if not target.name:  # the root, which the output's refusal is about
        yield None
        return
    journal = Journal(target.with_name(target.name + PARTIAL), content)
    try:
        usable = journal.open(anew=anew)
    except OSError:  # the folder is not to be read or written: the output's refusal says so
        usable = False
    if not usable:
        journal.close(remove=False)
        yield None
        return
    try:
        yield journal
    except (ValueError, TypeError):  # the same call would end in the same way
        journal.close(remove=True)
        raise
    except BaseException:
        if worth_keeping := time.monotonic() - start >= WORTH_KEEPING and len(journal) > 0:
            note_kept(journal.path)
        journal.close(remove=not worth_keeping)
        raise
    journal.close(remove=True)
