"""How many threads to use."""

import os
from typing import Final

from napari_tesm.cli.arguments import UsageError

_MOST_JOBS: Final = 8


def jobs_from_text(text: str | None) -> int:
    """Return the number of threads asked for; by default one for each core, eight at most."""
    if text is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(cores, _MOST_JOBS)
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise UsageError(f"--jobs takes a number of threads from 1 to 256, not '{text}'")
    return int(text)
