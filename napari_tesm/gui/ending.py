"""How `tesm view` ends at `kill`, logout, `timeout` and Ctrl+C: at once, and with what was not saved in a file."""

import signal
import sys
from pathlib import Path
from tempfile import gettempdir
from types import FrameType
from typing import Any, Final

from napari_tesm.gui.layers.drawing import take_up_drawing
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.form_words import FORMS
from napari_tesm.gui.models.scan import Scan

_SIGNALS: Final = ("SIGTERM", "SIGINT", "SIGHUP")
_LISTEN_EVERY: Final = 200
"""ms; Python hears of a signal only when it runs, which it does not while Qt waits for a hand."""


def run_until_ended(viewer: Any) -> None:
    """Run napari until its window is closed or a signal ends it; then hand the signal to who listened before.

    Work that is not saved is written beside the file of its scan when a signal comes: nobody can be asked.
    """
    import napari
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    arrived: list[int] = []
    previous: dict[int, Any] = {}

    def end(number: int, frame: FrameType | None) -> None:
        arrived.append(number)
        if len(arrived) > 1:
            _restore(previous)  # whoever is impatient gets what a second signal did before
            signal.raise_signal(number)
        QApplication.exit(0)  # not quit: that asks the windows

    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
            previous[number] = signal.signal(number, end)
    listening = QTimer()
    listening.timeout.connect(lambda: None)
    listening.start(_LISTEN_EVERY)
    try:
        napari.run()
        if arrived:
            for sentence in keep_unsaved_work(viewer):
                sys.stderr.write(f"tesm: {sentence}\n")
            viewer.close()
    finally:
        listening.stop()
        _restore(previous)
    if arrived:
        signal.raise_signal(arrived[0])


def _restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
    handlers.clear()


def keep_unsaved_work(viewer: Any) -> list[str]:
    """Write what is not saved of the scans of a viewer, each to a new file; return in sentences what became of it."""
    session = Session.of(viewer)
    take_up_drawing(session)
    sentences = []
    for scan in session.scans:
        if not (work := scan.unsaved()):
            continue
        try:
            outcome = f"kept in {_saved_beside(scan)}"
        except (OSError, ValueError) as error:
            outcome = f"not saved: {FORMS(error)}"
        sentences.append(f"{scan.name}: {', '.join(work)} {outcome}")
    return sentences


def _saved_beside(scan: Scan) -> Path:
    """Save a scan under a new name beside its file, else where files may always be written."""
    beside = scan.path_beside("_unsaved.gwy")
    refusal: Exception | None = None
    for folder in (beside.parent, Path(gettempdir())):
        for number in range(1, 1000):
            path = folder / (beside.name if number == 1 else f"{beside.stem}_{number}.gwy")
            try:
                return scan.save(path)
            except FileExistsError:
                continue
            except OSError as error:
                refusal = error
                break
    raise refusal or OSError("there is no name left for a file")
