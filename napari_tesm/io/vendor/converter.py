"""Gwyddion's converter, started for one file with a limit on everything."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
from os import PathLike
from pathlib import Path
from typing import Final

from napari_tesm.files.optional import MissingPackageError
from napari_tesm.io import patience
from napari_tesm.io.content import ContentError, one_line

# Of processor time.
_SECONDS: Final = 60.0
_BYTES_PER_SECOND: Final = 2e6
_MEMORY: Final = 8 << 30
_LARGEST_OUTPUT: Final = 2 << 30
_UNKNOWN: Final = "No module can load"
_PREFIX: Final = re.compile(r"^.*?cannot load '.*?': ", re.DOTALL)
_LOG: Final = re.compile(r"^.*\b(?:CRITICAL|WARNING|ERROR|Message) ?(?:\*\*)?: .*$\n?", re.MULTILINE)
"""Lines that GLib writes for programmers: ``(gwyconvert:12): GwyModule-CRITICAL **: 10:00:00.000: …``."""
KNOWN_FORMATS: Final = ".gwy, TDMS, HDF5, MATLAB, NumPy, Zarr, text and microscopes' own files can be opened"


def convert(path: Path, output: Path) -> str:
    """Convert a microscope's file to a .gwy file.

    Parameters
    ----------
    path : Path
        The file.
    output : Path
        The .gwy file to write, in a folder of its own.

    Returns
    -------
    str
        What Gwyddion calls the format, such as ``"nanoscope"``.

    Raises
    ------
    ContentError
        If the file is of no known format or damaged, or the converter computes without end, does not finish in time or
        takes too much memory.
    MissingPackageError
        If there is no converter.
    """
    allowed = _SECONDS + path.stat().st_size / _BYTES_PER_SECOND
    command = _limited([_converter(path), str(path.absolute()), str(output)], allowed)
    # A new session: what the converter may start ends with it.
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=output.parent,
        env=_environment(),
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    try:
        stdout, stderr = process.communicate(timeout=patience.PATIENCE * allowed)
    except subprocess.TimeoutExpired:
        raise patience.late(path, "converted", patience.PATIENCE * allowed) from None
    finally:
        _end(process)
    if patience.time_was_up(process.returncode):
        raise patience.endless(path, "converting", allowed)
    if process.returncode == 0 and output.is_file():
        module = re.search(rb'"module": *"([^"]*)"', stdout)
        return one_line(module[1].decode("utf-8", "replace")) if module else ""
    raise ContentError(_reason(path, process.returncode, stderr.decode("utf-8", "replace")))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


def _reason(path: Path, code: int, message: str) -> str:
    message = _LOG.sub("", message)
    if code != 1 or not message.strip():
        return f"{path} is damaged: the converter of microscopes' files fails on it (exit {code})."
    if _UNKNOWN in message:
        return f"{path} is of no format that is known: {KNOWN_FORMATS}."
    reason = one_line(" ".join(_PREFIX.sub("", message.strip()).split())).rstrip(".")
    return f"{path} cannot be read as a microscope's file: {reason}."


def _converter(path: str | PathLike[str]) -> str:
    """Return the converter's path: as gwyddionpy finds it, without ever fetching one."""
    named = os.environ.get("GWYDDIONPY_CONVERT")
    if named:
        if not Path(named).is_file():
            raise MissingPackageError(f"GWYDDIONPY_CONVERT names '{named}', which is no file.")
        return named
    on_path = shutil.which("gwyconvert")
    if on_path:
        return on_path
    try:
        from gwyddionpy_converter import binary_path

        return str(binary_path())
    except (ImportError, FileNotFoundError):
        raise MissingPackageError(
            f"{path} is of no format that can be read without gwyddionpy-converter, which knows microscopes' own "
            "files: pip install 'napari-tesm[instruments]'."
        ) from None


def _environment() -> dict[str, str]:
    """Return the environment: numbers in metadata have a point in every country."""
    environment = {name: value for name, value in os.environ.items() if name != "LC_ALL"}
    return environment | {"LC_NUMERIC": "C", "GTK_MODULES": "", "GDK_PIXBUF_MODULE_FILE": os.devnull}


def _limited(command: list[str], seconds: float) -> list[str]:
    """Return the command with limits on processor time, memory and what it writes, where the system has such."""
    shell = "/bin/sh"
    if os.name != "posix" or not Path(shell).exists():
        return command
    limits = (
        # The soft limit alone: at the hard one a process is killed, and nobody can tell by what.
        f"ulimit -S -t {math.ceil(seconds)}; ulimit -v {_MEMORY >> 10} 2>/dev/null; "
        f"ulimit -f {_LARGEST_OUTPUT >> 9} 2>/dev/null; ulimit -c 0"
    )
    return [shell, "-c", f'{limits}; exec "$@"', shell, *command]
