"""Progress on stderr: a bar for people, lines for programs."""

import sys
from collections.abc import Callable

_WIDTH = 30


def progress_for(style: str | None) -> Callable[[float, str], None] | None:
    """Return the callback for a style; by default a bar where stderr is a terminal."""
    if style == "lines":
        return _print_line
    if style == "bar" or (style is None and sys.stderr.isatty()):
        return _Bar()
    return None


def _print_line(fraction: float, text: str) -> None:
    print(f"PROGRESS {fraction:.2f} {text}", file=sys.stderr, flush=True)


class _Bar:
    def __init__(self) -> None:
        self._shown = ""

    def __call__(self, fraction: float, text: str) -> None:
        filled = round(_WIDTH * fraction)
        bar = f"\r{text} [{'#' * filled}{'.' * (_WIDTH - filled)}] {100 * fraction:3.0f} %"
        if bar != self._shown:
            # The finished bar is wiped: what follows on stderr is a message of its own.
            end = "\r" + " " * len(bar) + "\r" if fraction >= 1 else ""
            print(bar + end, end="", file=sys.stderr, flush=True)
            self._shown = bar
