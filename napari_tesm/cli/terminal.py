"""What may be shown on a terminal: text from files must not steer it."""

import io
import sys
import warnings

from napari_tesm.cli.spelling import spelled

_LONGEST_MESSAGE = 2000


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
