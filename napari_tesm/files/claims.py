"""Claims: who works on what, among programs on one machine or on several that share a folder.

A claim is a small file that only one program can make, with the name of its maker in it. Its maker touches it now and
then; one that nobody has touched for a minute, or whose maker's process is gone from this machine, is given up. Times
are those of the drive: clocks of machines need not agree.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PATIENCE: Final = 60.0
"""Seconds without a touch after which a claim is given up."""
_TOUCHED: Final = 10.0
"""Seconds between two touches."""
_WAIT: Final = 0.05


@dataclass
class Claim:
    """What this program may work on alone, until it releases it.

    Parameters
    ----------
    path : Path
        The file that says so.
    mark : str
        What stands in it, of no other claim.
    """

    path: Path
    mark: str
    touched: float = 0.0

    @classmethod
    def of(cls, path: Path) -> Claim | None:
        """Return the claim of a name, None where somebody else has it.

        Raises
        ------
        OSError
            If its folder cannot be written.
        """
        mark = json.dumps([socket.gethostname(), os.getpid(), secrets.token_hex(8)])
        for _ in range(2):
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            except FileExistsError:
                if not _given_up(path):
                    return None
                continue
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(mark)
            return cls(path, mark, time.monotonic())
        return None

    @classmethod
    def awaited(cls, path: Path, patience: float) -> Claim | None:
        """Return the claim of a name as soon as it is free, None where it is not within so many seconds."""
        until = time.monotonic() + patience
        while (claim := cls.of(path)) is None and time.monotonic() < until:
            time.sleep(_WAIT)
        return claim

    def touch(self) -> None:
        """Say that the work goes on; costs nothing when it was said a moment ago."""
        if time.monotonic() - self.touched >= _TOUCHED:
            self.touched = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(self.path)

    def release(self) -> None:
        """Let others have it."""
        with contextlib.suppress(OSError):
            if self.path.read_text("utf-8") == self.mark:
                self.path.unlink()


def _given_up(path: Path) -> bool:
    """Remove a claim that nobody works on any more; return whether it is gone."""
    try:
        mark = path.read_text("utf-8")
        if not (_is_of_a_dead_process(mark) or _age(path) > _PATIENCE):
            return False
        # Of several that see it only one can move it; what it has moved may be the new claim of another.
        aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        path.rename(aside)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    with contextlib.suppress(OSError):
        if aside.read_text("utf-8") != mark:
            os.link(aside, path)
    with contextlib.suppress(OSError):
        aside.unlink()
    return not path.exists()


def _is_of_a_dead_process(mark: str) -> bool:
    try:
        host, process, _ = json.loads(mark)
    except ValueError:  # being written, or cut by a power failure: its age decides
        return False
    if host != socket.gethostname() or os.name == "nt":
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _age(path: Path) -> float:
    """Return for how many seconds nobody has touched a file, by the clock of its drive."""
    probe = path.with_name(f".{secrets.token_hex(6)}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)
