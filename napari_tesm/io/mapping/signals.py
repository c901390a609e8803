"""What channels of recorders and arrays of lock-ins are called."""

import re
from typing import Final

_LIKELY: Final = {
    "dc": r"\b(dc|bias|pulse|tip ?voltage|v ?tip|drive)\b",
    "line trigger": r"\b(line|frame|eol|sol)\b",
    "pixel trigger": r"\b(trig\w*|pixel|px|ttl|clock|sync)\b",
    "Y": r"(\by\b|quadrature|out of phase|\bimag(inary)?\b)",
    "R": r"(\br\b|\bmag\w*|amplitude)",
    "phase": r"(\bphase\b|\btheta\b|\bphi\b)",
    "X": r"(\bx\b|in ?phase|displacement|lock ?in)",
}
"""In the order in which they are looked for."""
ROLES: Final = tuple(_LIKELY)


def is_called(title: str, role: str) -> bool:
    """Whether a title is one that is usual for a role of `ROLES`.

    Examples
    --------
    >>> is_called("LockIn_Y", "Y"), is_called("demod0.phase", "phase"), is_called("Yield", "Y")
    (True, True, False)
    """
    words = re.sub(r"[_\-./]+|(?<=[a-z])(?=[A-Z])", " ", title)
    return re.search(_LIKELY[role], words, re.IGNORECASE) is not None


def signal_by_name(name: str) -> str:
    """Return which signal of a lock-in an array is by its name; X, the displacement, where the name tells nothing.

    Examples
    --------
    >>> signal_by_name("scan/quadrature"), signal_by_name("Phase"), signal_by_name("y_scan/traces")
    ('Y', 'phase', 'X')
    """
    title = re.split(r"[./]", name.strip("./"))[-1]
    return next((signal for signal in ("Y", "R", "phase") if is_called(title, signal)), "X")
