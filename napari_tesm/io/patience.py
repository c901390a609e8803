"""How long another process may work on a file: by its own processor time, and by the clock only with much patience.

By the clock on the wall a sound file takes as long as other programs let it; processor time it takes alone.
"""

from __future__ import annotations

import signal
import sys
from os import PathLike
from typing import Final

from napari_tesm.io.content import ContentError

PATIENCE: Final = 10.0
"""How much longer by the clock on the wall, which also ends what waits and never works."""


def time_was_up(code: int) -> bool:
    """Whether a process that ended with this code had used up its processor time."""
    return sys.platform != "win32" and code in (-signal.SIGXCPU, 128 + signal.SIGXCPU)


def endless(path: str | PathLike[str], work: str, seconds: float) -> ContentError:
    """Return the refusal of a file on which work goes on for more than so many seconds of processor time."""
    return ContentError(
        f"{path} is damaged: {work} it does not come to an end (stopped after {seconds:.0f} s of processor time)."
    )


def late(path: str | PathLike[str], work: str, seconds: float) -> ContentError:
    """Return the refusal of a file on which nothing was finished in so many seconds: that need not be the file."""
    return ContentError(
        f"{path} could not be {work} in time (stopped after {seconds:.0f} s): try again when the machine and the disk "
        "are less busy."
    )
