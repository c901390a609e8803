"""Files written whole or not at all, one or several together.

Everything is written under another name in the target's folder first and reaches the disk before it is
renamed. A process that is killed leaves at most a file named ``.NAME.….unfinished``, never a part of one, and the next
one that writes there removes it. Folders: `napari_tesm.files.folders`.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TextIO

from napari_tesm.files.interrupts import interrupts_held
from napari_tesm.files.leftovers import announce, clear_away, lock_of, names_beside, put_right
from napari_tesm.files.sentences import Sentence

# Errors that only writing can cause, whatever else is done while a file is being written.
_NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EFBIG: "the file would be larger than allowed here",
    getattr(errno, "EDQUOT", -1): "the disk quota is used up",
}


@contextlib.contextmanager
def atomic_output(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Binary file that takes its name when the block ends without an exception.

    Parameters
    ----------
    path : path-like
        The file to write; its folder must exist. A symbolic link is followed.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists, unless `overwrite`; also when it appeared while writing.
    OSError
        If it cannot be written: one sentence saying why.
    """
    with AtomicOutputs(overwrite=overwrite) as outputs:
        yield outputs.open(path)


def refuse_same_file(output: str | os.PathLike[str], *inputs: str | os.PathLike[str]) -> None:
    """See that an output is none of the inputs, also by way of links.

    Raises
    ------
    ValueError
        If it is one of them.
    """
    for path in inputs:
        with contextlib.suppress(OSError):
            if Path(output).samefile(path):
                raise ValueError(f"{output} is the input file itself: give the output another name.")


@dataclass
class _Output:
    asked: Path
    """As the caller wrote it, for messages."""
    target: Path
    temporary: Path
    previous: Path
    """Where the file to be replaced stays until all are in place."""
    file: BinaryIO | None = None
    text: TextIO | None = None
    identity: tuple[int, int] | None = None
    """Device and inode, by which a target is known to be ours."""
    new: bool = True
    lock: int | None = None
    """Descriptor that says to other processes that this one lives and works on it."""


@dataclass
class AtomicOutputs:
    """Several files of which all appear, or none.

    Parameters
    ----------
    overwrite : bool
        Replace existing files.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with AtomicOutputs() as outputs:
    ...     _ = outputs.open(folder / "maps.gwy").write(b"GWYP")
    ...     _ = outputs.open_text(folder / "summary.json").write("{}")
    >>> sorted(path.name for path in folder.iterdir())
    ['maps.gwy', 'summary.json']

    Notes
    -----
    Leaving the ``with`` block normally commits: every file is brought to the disk under its temporary name,
    the targets are checked once more, and only then all are renamed, which no signal cuts in two. If one
    fails those done are undone. Only a process killed between two renames leaves some new files beside others that
    are still the old ones, each of them whole.
    """

    overwrite: bool = False
    _outputs: list[_Output] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._commit()
            elif isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise self._explained(error) from error
        except OSError as failure:
            if failure.errno is None:  # explained already
                raise
            raise self._explained(failure) from failure
        finally:
            self._discard()

    def open(self, path: str | os.PathLike[str]) -> BinaryIO:
        """Return a new binary file that will become `path`.

        Raises
        ------
        FileExistsError
            If it exists already, unless `overwrite`.
        OSError
            If its folder is missing or not writable, or it is a folder or a device itself.
        ValueError
            If it was asked for already.
        """
        asked = Path(path)
        target = asked.resolve()
        if any(output.target == target for output in self._outputs):
            raise ValueError(f"{asked} is asked for twice: give each output a name of its own.")
        put_right(target)
        output = _Output(asked, target, *names_beside(target))
        mode = self._check_target(output)
        # Registered before it exists: an interrupt in between must not leave it behind.
        self._outputs.append(output)
        announce(output.temporary, output.previous)
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            output.file = os.fdopen(os.open(output.temporary, flags, 0o666), "w+b", buffering=1 << 20)
            output.lock = lock_of(output.file.fileno())
            output.identity = _identity(os.fstat(output.file.fileno()))
            if mode is not None:
                output.temporary.chmod(mode)
        except OSError as error:
            raise self._explained(error, output) from error
        return output.file

    def open_text(self, path: str | os.PathLike[str], *, newline: str | None = "\n") -> TextIO:
        """Return a new UTF-8 text file that will become `path`; raises as `open`."""
        binary = self.open(path)
        text = io.TextIOWrapper(binary, encoding="utf-8", newline=newline)
        self._outputs[-1].text = text
        return text

    def _check_target(self, output: _Output) -> int | None:
        """Return the permissions of the file to be replaced, or None."""
        folder = output.target.parent
        if not folder.is_dir():
            raise FileNotFoundError(f"{output.asked} cannot be written: the folder {folder} does not exist.")
        try:
            status = output.target.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._explained(error, output) from error
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(f"{output.asked} is a folder: give a file name within it.")
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{output.asked} is a device or a pipe; only ordinary files can be written.")
        if not self.overwrite:
            raise exists_already(output.asked)
        output.new = False
        return stat.S_IMODE(status.st_mode)

    def _commit(self) -> None:
        for output in self._outputs:
            if output.file is None:
                continue
            if output.text is not None and not output.text.closed:
                output.text.flush()
            # Closing a file to hand it back is natural; its bytes must reach the disk all the same.
            if output.file.closed:
                with output.temporary.open("rb+") as file:
                    os.fsync(file.fileno())
            else:
                output.file.flush()
                os.fsync(output.file.fileno())
                (output.text or output.file).close()
        for output in self._outputs:
            output.new = True
            self._check_target(output)
        with interrupts_held():
            try:
                for output in self._outputs:
                    self._publish(output)
            except BaseException:
                self._undo()
                raise
            for folder in {output.target.parent for output in self._outputs}:
                sync_folder(folder)
            self._discard()

    def _publish(self, output: _Output) -> None:
        if output.new:
            _rename_to_new(output)
        else:
            # One file alone is replaced in a single step; among several the old one may have to come back.
            if len(self._outputs) > 1:
                _keep(output.target, output.previous)
            output.temporary.replace(output.target)

    def _undo(self) -> None:
        for output in self._outputs:
            with contextlib.suppress(OSError):
                if output.previous.exists():
                    output.previous.replace(output.target)
                elif output.new and _identity(output.target.stat()) == output.identity:
                    output.target.unlink()

    def _discard(self) -> None:
        with interrupts_held():
            for output in self._outputs:
                for file in (output.text, output.file):
                    # What is still buffered may not fit on the disk either; the file goes away anyway.
                    with contextlib.suppress(OSError, ValueError):
                        if file is not None:
                            file.close()
                clear_away(output.temporary, output.previous)
                if output.lock is not None:
                    os.close(output.lock)
            self._outputs.clear()

    def _explained(self, error: OSError, output: _Output | None = None) -> OSError:
        """Return the same kind of error, as one sentence."""
        if error.errno is None:
            return error
        names = str(output.asked) if output else ", ".join(str(output.asked) for output in self._outputs)
        reason = _NO_ROOM.get(error.errno, error.strerror or str(error))
        return type(error)(f"{names or 'The output'} cannot be written: {reason}; nothing was written.")


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def exists_already(path: str | PathLike[str]) -> FileExistsError:
    """Return the refusal to replace a file or folder."""
    return FileExistsError(
        Sentence("{path} exists already: choose another name or allow overwriting ({overwrite}).", path=path)
    )


def _rename_to_new(output: _Output) -> None:
    """Rename without replacing a file that another program made in the meantime."""
    try:
        os.link(output.temporary, output.target)
    except FileExistsError:
        raise exists_already(output.asked) from None
    except OSError:
        # No hard links on this file system (FAT, some network drives): checked a moment ago, so rename.
        output.temporary.rename(output.target)
    else:
        output.temporary.unlink()


def _keep(target: Path, previous: Path) -> None:
    try:
        os.link(target, previous)
    except OSError:
        target.rename(previous)


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder last through a power cut, where the system knows how."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems cannot; the files themselves are safe
        pass
    finally:
        os.close(descriptor)
