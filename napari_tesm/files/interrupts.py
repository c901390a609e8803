"""Steps that no signal may cut in two: it waits until they are done."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_PATIENCE: Final = 3
"""Signals after which whoever sends them is obeyed at once: what is held may hang, on a drive that is gone, say."""


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Keep SIGINT and SIGTERM waiting until the block is left, then let them do what they would have done.

    The third of them ends the process at once. Outside the main thread, where no signal arrives, nothing is changed.

    Examples
    --------
    >>> done = []
    >>> try:
    ...     with interrupts_held():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("the whole step")
    ... except KeyboardInterrupt:
    ...     done.append("then the interrupt")
    >>> done
    ['the whole step', 'then the interrupt']
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append(number)
        if len(arrived) >= _PATIENCE:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    # What ignores a signal goes on ignoring it, and a handler that is not Python's cannot be put back.
    held = {
        number: handler
        for number, handler in before.items()
        if handler is not None and handler is not signal.SIG_IGN
    }
    try:
        for number in held:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])
