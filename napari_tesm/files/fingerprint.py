"""By what a file or folder is known to be as it was: size and time, without reading it."""

import os
from pathlib import Path


def state_of_path(path: str | os.PathLike[str]) -> list[int] | None:
    """Return size and time of a file, of a folder number, size and latest time of all in it; None where there is none.

    Examples
    --------
    >>> state_of_path("/no/such/file") is None
    True
    """
    path = Path(path)
    try:
        status = path.stat()
    except OSError:
        return None
    if not path.is_dir():
        return [status.st_size, status.st_mtime_ns]
    count, size, latest = 0, 0, status.st_mtime_ns
    for inside, _, names in os.walk(path):
        for name in names:
            try:
                status = os.stat(os.path.join(inside, name))  # noqa: PTH116, PTH118 - a store has a million
            except OSError:
                continue
            count, size, latest = count + 1, size + status.st_size, max(latest, status.st_mtime_ns)
    return [count, size, latest]
