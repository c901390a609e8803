"""Exit codes and messages of ``tesm``; each command lives in a file of its own.

Exit codes: 0 done, 1 could not be done (one line says why), 2 bad usage, 130 interrupted, 143 terminated.
"""

import contextlib
import os
import re
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, Final

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.parser import COMMANDS, parser_for_tesm
from napari_tesm.cli.spelling import spelled
from napari_tesm.cli.terminal import prepare_process, sentence_from_error, shortened
from napari_tesm.files.leftovers import kept, still_there
from napari_tesm.files.sentences import Sentence, sentence_begun
from napari_tesm.files.texts import printable

_PATIENCE: Final = 3
"""Signals after which clearing up is given up."""


class _Terminated(BaseException):
    """SIGTERM, as an exception, so that temporary files are removed on the way out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``tesm`` and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if arguments is None:
        prepare_process(debug=debug)
    previous = _listen()
    try:
        return _run(words)
    except UsageError as error:
        _say(words, error)
        return 2
    except KeyboardInterrupt:
        _say(words, f"interrupted; {_what_is_left()}")
        return 130
    except _Terminated:
        _say(words, f"terminated; {_what_is_left()}")
        return 143
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; Python must not complain about it at exit.
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        if debug:
            raise
        _say(words, Sentence("there is not enough memory: use fewer {jobs}, or fewer traces at a time"))
        return 1
    except (OSError, ValueError, TypeError, ImportError) as error:
        if debug:
            raise
        _say(words, error)
        return 1
    except Exception as error:
        if debug:
            raise
        template = "unexpected {kind}: {error} (please report it, with what {debug} prints)"
        _say(words, Sentence(template, kind=type(error).__name__, error=error))
        return 1
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _run(words: list[str]) -> int:
    parser = parser_for_tesm()
    try:
        options = parser.parse_args(_with_joined_values(words))
    except SystemExit as stop:  # --help and --version
        return int(stop.code or 0)
    if not options.command:
        raise UsageError(
            f"a command is needed: {', '.join(COMMANDS[:-1])} or {COMMANDS[-1]}\nTry '{parser.prog} --help'."
        )
    # `import` is a word of Python's own: no module can be called that and be imported by name.
    module = {"import": "importing"}.get(options.command, options.command)
    command = import_module(f"napari_tesm.cli.{module}")
    code: int = command.run_command(options)
    if sys.stdout is not None:  # it is None where the caller has closed it
        sys.stdout.flush()
    return code


def _with_joined_values(words: list[str]) -> list[str]:
    """Join options with values that begin with a minus: argparse takes ``-3V``, and the axis ``-z``, for an option."""
    joined: list[str] = []
    for word in words:
        if joined and re.fullmatch(r"--[a-z0-9-]+", joined[-1]) and re.match(r"-([0-9.]|[xyz]$)", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _listen() -> dict[int, Any]:
    """Let the first SIGINT or SIGTERM end the command and the next ones not disturb it at clearing up.

    Returns
    -------
    dict
        What was done at these signals before.
    """
    arrived = 0

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal arrived
        arrived += 1
        if arrived == 1:
            raise KeyboardInterrupt if number == signal.SIGINT else _Terminated
        if arrived < _PATIENCE:
            _write_error("tesm: clearing up; once more stops it at once\n")
        else:
            _write_error(f"tesm: stopped at once; {_what_is_left()}\n")
            os._exit(128 + number)

    previous: dict[int, Any] = {}
    # Elsewhere than in the main thread no handler can be set, and none is called; what ignores Ctrl+C, as in the
    # background of a shell script, goes on ignoring it.
    with contextlib.suppress(ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                previous[number] = signal.signal(number, stop)
    return previous


def _write_error(text: str) -> None:
    """Write to standard error from a signal handler, which may have come while Python was writing there itself."""
    with contextlib.suppress(OSError):
        os.write(2, text.encode(errors="replace"))


def _what_is_left() -> str:
    """Return what became of the outputs that were being made, in true words."""
    left = still_there()
    if not left:
        files = ", ".join(printable(path.name) for path in kept())
        more = f"; what was finished is kept in {files}, and the same command goes on there" if files else ""
        return f"no half-written output is left{more}"
    names = ", ".join(printable(path.name) for path in left)
    return f"{names} could not be removed, and the next command that writes there will do it"


def _say(words: Sequence[str], message: object) -> None:
    text = sentence_from_error(message) if isinstance(message, BaseException) else spelled(message)
    lines = [printable(line.strip()) for line in text.splitlines() if line.strip()] or ["failed"]
    text = "\n".join(lines[:3]) if isinstance(message, UsageError) else " ".join(lines)
    # A sentence may begin with the name of a file, which keeps its capital.
    given = (name for word in words for name in (word, Path(word).name) if name)
    named = text.startswith(tuple(map(printable, given)))
    print(f"tesm: {shortened(text if named else sentence_begun(text, capital=False))}", file=sys.stderr)
