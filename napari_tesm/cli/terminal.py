"""What may be shown on a terminal: text from files must not steer it."""

import io
import sys
import unicodedata
import warnings

from napari_tesm.cli.spelling import spelled

_LONGEST_MESSAGE = 2000
_ESCAPED = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories that move the cursor, break the line, turn the text or cannot be encoded."""


def printable(text: str) -> str:
    r"""Return `text` on one line, with everything that would steer the terminal written as an escape.

    Examples
    --------
    >>> printable("Topography\x1b[31m\n2")
    'Topography\\x1b[31m\\n2'
    """
    if text.isprintable():
        return text
    return "".join(_escape(letter) if unicodedata.category(letter) in _ESCAPED else letter for letter in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def shortened(text: str) -> str:
    """Return a message without its middle where a file or an option made it endless."""
    if len(text) <= _LONGEST_MESSAGE:
        return text
    half = _LONGEST_MESSAGE // 2
    return f"{text[:half]} … {text[-half:]}"


def sentence_from_error(error: BaseException) -> str:
    """Return what an exception says, in the words of a person also where the system made it."""
    if isinstance(error, OSError) and error.strerror and str(error).startswith("[Errno"):
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return spelled(error).strip() or type(error).__name__


def prepare_process(*, debug: bool) -> None:
    """Set up stdout, stderr and warnings of a process that runs the command line and nothing else."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that knows no µ or … must not turn a finished fit into a failure.
            stream.reconfigure(errors="replace")
    if not debug and not sys.warnoptions:
        warnings.simplefilter("ignore")
