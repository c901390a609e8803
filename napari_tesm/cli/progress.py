"""Progress on stderr: a bar for people, lines for programs, and how long it will still take."""

import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Final

_WIDTH = 30
_LOOKED_BACK: Final = 60.0
"""Seconds over which the speed is taken: what was there already, and what goes faster or slower later, misleads."""
_SILENT: Final = 5.0
"""Seconds before a time is said: whatever is over by then needs none."""
_LEAST: Final = 0.01
"""Part of the whole that must have been done meanwhile."""
_MINUTE: Final = 60
_HOUR: Final = 3600


def progress_for(style: str | None, *, silent: float = _SILENT) -> Callable[[float, str], None] | None:
    """Return the callback for a style; by default a bar where stderr is a terminal.

    Parameters
    ----------
    silent : float
        Seconds of work before a time to go is said.
    """
    if style == "lines":
        return _Lines(silent)
    if style == "bar" or (style is None and sys.stderr.isatty()):
        return _Bar(silent)
    return None


class TimeToGo:
    """How long it will still take, by what was done of late.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    silent : float
        Seconds of work before a time is said.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, silent: float = _SILENT) -> None:
        self._clock, self._silent = clock, silent
        self._seen: deque[tuple[float, float]] = deque()

    def words(self, fraction: float) -> str:
        """Return it in words that follow others, empty where nobody can tell yet."""
        now = self._clock()
        if self._seen and fraction < self._seen[-1][1]:  # another stage begins
            self._seen.clear()
        if len(self._seen) == 1 and self._seen[0][1] == fraction:  # nothing has been done: it only starts
            self._seen.clear()
        self._seen.append((now, fraction))
        while len(self._seen) > 2 and now - self._seen[1][0] > _LOOKED_BACK:
            self._seen.popleft()
        start, done = self._seen[0]
        if fraction >= 1 or now - start < self._silent or fraction - done < _LEAST:
            return ""
        return f", {_duration((1 - fraction) * (now - start) / (fraction - done))} to go"


def _duration(seconds: float) -> str:
    """Return a time as people say it, never one that is over before it is read."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    hours, minutes = divmod(round(seconds / _MINUTE), 60)
    return f"{hours} h {minutes} min"


class _Lines:
    def __init__(self, silent: float) -> None:
        self._time = TimeToGo(silent=silent)

    def __call__(self, fraction: float, text: str) -> None:
        words = self._time.words(fraction)
        print(f"PROGRESS {fraction:.2f} {text}{words}", file=sys.stderr, flush=True)


class _Bar:
    def __init__(self, silent: float) -> None:
        self._shown = ""
        self._time = TimeToGo(silent=silent)

    def __call__(self, fraction: float, text: str) -> None:
        filled = round(_WIDTH * fraction)
        words = self._time.words(fraction)
        bar = f"\r{text} [{'#' * filled}{'.' * (_WIDTH - filled)}] {100 * fraction:3.0f} %{words}"
        if bar != self._shown:
            # The end of a longer bar is wiped, and the finished bar: what follows on stderr is a message of its own.
            rest = " " * (len(self._shown) - len(bar))
            end = "\r" + " " * max(len(bar), len(self._shown)) + "\r" if fraction >= 1 else ""
            print(bar + rest + end, end="", file=sys.stderr, flush=True)
            self._shown = bar
