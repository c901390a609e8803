"""Outputs in the making: how they are called, who works on them, and what becomes of those that a kill left behind.

An output is made beside its target as ``.NAME.….unfinished``, which its maker holds a lock on: the system drops it with
the process. What is to be replaced may stand aside as ``.NAME.….previous``, where one step cannot replace it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import secrets
import shutil
from pathlib import Path
from typing import Any, Final

_fcntl: Any = None
# Windows has no such locks: nothing tells there whether the maker still lives.
with contextlib.suppress(ImportError):
    _fcntl = importlib.import_module("fcntl")

UNFINISHED: Final = ".unfinished"
PREVIOUS: Final = ".previous"
_LONGEST: Final = 200
"""Bytes of a target's name that leave room for the additions in the 255 of a file name; of more there is a checksum."""
_in_the_making: set[Path] = set()
_kept: set[Path] = set()


def names_beside(target: Path) -> tuple[Path, Path]:
    """Return two new names in the folder of a target: of the output in the making, and of what it replaces.

    Raises
    ------
    IsADirectoryError
        If the target is the root.
    """
    if not target.name:
        raise IsADirectoryError(f"{target} is a folder: give a file name within it.")
    stem = f"{_beginning(target)}{secrets.token_hex(6)}"
    return target.with_name(f"{stem}{UNFINISHED}"), target.with_name(f"{stem}{PREVIOUS}")


def lock_of(descriptor: int) -> int | None:
    """Lock an open file or folder, and return a second descriptor that holds the lock until it is closed.

    Returns
    -------
    int or None
        None where the system or the file system knows no locks.
    """
    if _fcntl is None:
        return None
    try:
        _fcntl.flock(descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
        return os.dup(descriptor)
    except OSError:
        return None


def announce(*paths: Path) -> None:
    """Note that these will be there for a while."""
    _in_the_making.update(paths)


def clear_away(*paths: Path) -> None:
    """Remove files and folders that may be there; what cannot be removed now is left to the next start."""
    for path in paths:
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        if not os.path.lexists(path):
            _in_the_making.discard(path)


def still_there() -> list[Path]:
    """Return what this process began to make and has neither finished nor removed."""
    return sorted(path for path in _in_the_making if os.path.lexists(path))


def note_kept(path: Path) -> None:
    """Note that a file stays on purpose: what is in it makes the next call shorter."""
    _kept.add(path)


def kept() -> list[Path]:
    """Return what was left on purpose since this was asked last."""
    paths = sorted(path for path in _kept if path.exists())
    _kept.clear()
    return paths


def put_right(path: str | os.PathLike[str]) -> bool:
    """Put right what a killed process left beside a target; return whether the target was brought back.

    What stood aside takes its name again where there is nothing else of that name; what nobody works on any more is
    removed.

    Parameters
    ----------
    path : path-like
        The target, file or folder.
    """
    target = Path(path).resolve()
    restored = False
    with contextlib.suppress(OSError):
        beside = [each for each in target.parent.iterdir() if each.name.startswith(_beginning(target))]
        # The latest that stood aside is what was to be replaced last.
        aside = [each for each in beside if _is_of(each, target, PREVIOUS)]
        for previous in sorted(aside, key=lambda each: each.stat().st_mtime_ns, reverse=True):
            # Its maker holds what is to take the target's name, before it has it or after.
            if not (_is_abandoned(previous.with_suffix(UNFINISHED)) and _is_abandoned(target)):
                continue
            if os.path.lexists(target):
                clear_away(previous)
            else:
                previous.rename(target)
                restored = True
        for unfinished in beside:
            if _is_of(unfinished, target, UNFINISHED) and _is_abandoned(unfinished):
                clear_away(unfinished)
    return restored


def _beginning(target: Path) -> str:
    name = os.fsencode(target.name)
    if len(name) <= _LONGEST:
        return f".{target.name}."
    return f".{os.fsdecode(name[:_LONGEST])}~{hashlib.sha256(name).hexdigest()[:12]}."


def _is_of(path: Path, target: Path, suffix: str) -> bool:
    """Whether a name is one that `names_beside` gives, and not that of a target whose name is longer."""
    mark = path.name.removeprefix(_beginning(target)).removesuffix(suffix)
    return path.suffix == suffix and len(mark) == 12 and set(mark) <= set("0123456789abcdef")


def _is_abandoned(path: Path) -> bool:
    """Whether nobody holds the lock of a file or folder, which need not be there."""
    if _fcntl is None:
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        _fcntl.flock(descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
