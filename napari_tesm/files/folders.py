"""Folders written whole or not at all, in place of the one that is there or as a new one.

Everything is made in a folder beside the target and reaches the disk, files first and then the folders. Where the
system can, one step swaps it with the one to be replaced; elsewhere that one stands aside for a moment, and `put_right`
brings it back if the process was killed just then. So the old folder or the new one is there, whole, whatever happens.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from napari_tesm.files.atomic import exists_already, sync_folder
from napari_tesm.files.interrupts import interrupts_held
from napari_tesm.files.leftovers import announce, clear_away, lock_of, names_beside, put_right

_HERE: Final = -100
"""AT_FDCWD of Linux: paths count from the working folder."""
_SWAP: Final = 2
"""RENAME_EXCHANGE of renameat2(2) and RENAME_SWAP of renamex_np(2), by chance the same."""
_UNABLE: Final = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM)


@contextlib.contextmanager
def folder_output(path: str | os.PathLike[str], *, check: Callable[[], None] | None = None) -> Iterator[Path]:
    """Yield an empty folder that takes the name `path` when the block ends without an exception.

    Parameters
    ----------
    path : path-like
        The folder to make or to replace; the one it is in must exist.
    check : callable, optional
        Raises where what is there must not be replaced. Called at the start and once more before the replacement; a
        folder that is there and passes is replaced.

    Raises
    ------
    OSError
        If it cannot be written: one sentence saying why. The folder is then as it was.
    """
    asked = Path(path)
    target = asked.resolve()
    put_right(target)
    check = check or (lambda: None)
    check()
    unfinished, previous = names_beside(target)
    announce(unfinished, previous)
    lock: int | None = None
    try:
        unfinished.mkdir()
        lock = _locked(unfinished)
        yield unfinished
        _sync_tree(unfinished)
        check()
        with interrupts_held():
            _publish(unfinished, target, previous, asked)
            sync_folder(target.parent)
            # Only now may what was there go.
            clear_away(unfinished, previous)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno is None:  # explained already
            raise
        reason = error.strerror or str(error)
        raise type(error)(f"{asked} cannot be written: {reason}; nothing was written.") from error
    finally:
        with interrupts_held():
            if previous.exists() and not target.exists():
                previous.rename(target)
            clear_away(unfinished, previous)
            if lock is not None:
                os.close(lock)


def swapped(one: Path, other: Path) -> bool:
    """Swap the names of two files or folders in one step; return False where the system or the drive cannot.

    Raises
    ------
    OSError
        If it can, and one of them is not there or may not be renamed.
    """
    call = _swapping_call()
    if call is None:
        return False
    if call(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNABLE:
        return False
    raise OSError(number, os.strerror(number), str(other))


@cache
def _swapping_call() -> Callable[[bytes, bytes], int] | None:
    """Return what swaps two names, 0 if it did: renameat2 of Linux, renamex_np of macOS, nothing elsewhere."""
    try:
        library: Any = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            rename = library.renamex_np
            rename.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint)
            return lambda one, other: int(rename(one, other, _SWAP))
        rename = library.renameat2
        rename.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
        return lambda one, other: int(rename(_HERE, one, _HERE, other, _SWAP))
    except (OSError, TypeError, AttributeError):  # Windows, and C libraries without it
        return None


def _publish(unfinished: Path, target: Path, previous: Path, asked: Path) -> None:
    """Give the new folder its name; the old one is then under one of the other two."""
    if not os.path.lexists(target):
        try:
            unfinished.rename(target)
        except OSError as error:
            if os.path.lexists(target):  # made by another program just now
                raise exists_already(asked) from error
            raise
    elif not swapped(unfinished, target):
        target.rename(previous)
        unfinished.rename(target)


def _locked(folder: Path) -> int | None:
    """Return a descriptor that holds a lock on a folder, None where there are no such locks."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return None
    try:
        return lock_of(descriptor)
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    """Bring every file of a folder to the disk, and then the folders, so that a new name never stands for less."""
    for inside, _, names in os.walk(folder, topdown=False):
        for name in names:
            descriptor = os.open(Path(inside) / name, os.O_RDWR)
            # Some network file systems cannot; the files themselves are safe.
            with contextlib.suppress(OSError):
                os.fsync(descriptor)
            os.close(descriptor)
        sync_folder(Path(inside))
