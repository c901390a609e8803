"""Reading a file in another process first, where a library may not survive it.

HDF5 2.0 crashed on about one in three thousand files with a few changed bytes, and ran for ever on as many. What it
does to a process that holds a user's work must not depend on a file: another process opens the file first, and only
what it survives is opened here.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import subprocess
import sys
import time
from os import PathLike
from pathlib import Path
from typing import Final

from napari_tesm.files.disk import growing_files
from napari_tesm.io import patience
from napari_tesm.io.content import ContentError, FileContent, one_line

# Of processor time.
_SECONDS: Final = 15.0
_BYTES_PER_SECOND: Final = 20e6
# What opening may take beside the file on disk; arrays stay in it.
_MEMORY: Final = 4 << 30
_survived: set[tuple[str, int, int]] = set()
_rehearsing = False


def rehearse(path: str | PathLike[str], module: str, reader: str) -> None:
    """See that a file can be read, by reading the first and the last number of its arrays in another process.

    Parameters
    ----------
    path : path-like
    module, reader : str
        What opens it, given the path alone, and returns its `FileContent`.

    Raises
    ------
    ContentError
        If that process crashed, computed without end, could not finish in time, needed too much memory, or raised an
        error of its own.

    Notes
    -----
    Nothing is done in that process, where there is no Python to start (a frozen application), and for a file that was
    just opened.
    """
    status = Path(path).stat()
    key = (str(Path(path).absolute()), status.st_size, status.st_mtime_ns)
    if _rehearsing or key in _survived or not sys.executable or getattr(sys, "frozen", False):
        return
    root = str(Path(__file__).parents[2])
    code = (
        f"import sys; sys.path.insert(0, {root!r}); from {__name__} import _perform; _perform(*sys.argv[1:])"
    )
    allowed = _SECONDS + status.st_size / _BYTES_PER_SECOND
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, module, reader, key[0], str(allowed)],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=patience.PATIENCE * allowed,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        raise patience.late(path, "read", patience.PATIENCE * allowed) from None
    if patience.time_was_up(done.returncode):
        raise patience.endless(path, "reading", allowed)
    try:
        verdict = json.loads(done.stdout)
    except ValueError:
        raise ContentError(f"{path} is damaged: the library that reads its format crashes on it.") from None
    if verdict is not None:
        raise ContentError(verdict)
    _survived.add(key)


def _perform(module: str, reader: str, path: str, seconds: str) -> None:
    """Read the file and print ``null``, or the sentence that says why not."""
    global _rehearsing
    _rehearsing = True
    _limit(_MEMORY + Path(path).stat().st_size, time.process_time() + float(seconds))
    verdict = None
    try:
        # Whether it changes meanwhile is seen by who opens it after this.
        with growing_files():
            _touch(getattr(importlib.import_module(module), reader)(path))
    except (OSError, ValueError) as error:
        verdict = str(error)
    except MemoryError:
        verdict = f"{path} is damaged: it claims more memory than there is."
    except Exception as error:
        verdict = f"{path} is damaged: {one_line(str(error)) or type(error).__name__}."
    sys.stdout.write(json.dumps(verdict))


def _touch(content: FileContent) -> None:
    while content.sources:
        source = content.sources.pop()  # what it keeps of the file goes with it
        for corner in (0, -1):
            # Said when it is read; only what a process does not survive matters here.
            with contextlib.suppress(OSError):
                source.array[(corner,) * len(source.axes)]


def _limit(memory: int, seconds: float) -> None:
    """End this process when it takes more memory (bytes) or processor time (s) than that."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; the clock on the wall holds there, too
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), resource.RLIM_INFINITY))
    # A crash is expected here and needs no core file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
