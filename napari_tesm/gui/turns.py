"""What is too long for one turn of the event loop: files opened in a running window, a layer at each turn.

Nothing that reads files is loaded with this module: it is the first of the plugin that a dropped file needs.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from qtpy.QtCore import QObject, QThread, QTimer

from napari_tesm.gui.panels.worker import Worker

_PAUSE: Final = 10
"""Milliseconds between two steps: time to draw, and for a click."""


class Openings(QObject):
    """Opens files in one window, one after the other: each takes the unit of length of those before it.

    Parameters
    ----------
    viewer : napari.Viewer
        With its window everything ends.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer.window._qt_window)
        self._viewer = viewer
        self._waiting: deque[Sequence[Path]] = deque()
        self._steps: Iterator[None] | None = None
        self._worker = Worker(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self._step)

    def open(self, paths: Sequence[Path]) -> None:
        """Open files when those before them are there."""
        self._waiting.append(paths)
        if self._steps is None and not self._worker.running:
            self._read_next()

    def _read_next(self) -> None:
        self._viewer.status = ""
        self._steps = None
        if not self._waiting:
            return
        paths, present = self._waiting.popleft(), tuple(self._viewer.layers)
        self._viewer.status = f"Opening {', '.join(path.name for path in paths)} …"

        def read(_: Any) -> Any:
            from napari_tesm.gui.opening import read_scans

            return read_scans(paths, present)

        self._worker.start(read, done=self._show, failed=self._fail)

    def _show(self, read: Any) -> None:
        from napari_tesm.gui.opening import show_scans

        self._steps = show_scans(self._viewer, *read)
        self._timer.start()

    def _step(self) -> None:
        if self._steps is None:
            return
        try:
            next(self._steps)
        except StopIteration:
            self._read_next()
        except Exception:
            self._read_next()
            raise
        else:
            self._timer.start()

    def _fail(self, error: BaseException) -> None:
        from napari_tesm.gui.saying import say

        self._read_next()
        say(f"Not opened: unexpected {type(error).__name__}: {error} (please report it)", warning=True)


def is_window_running() -> bool:
    """Whether the event loop runs, so that whoever asks is a drop or a menu and not a program before it."""
    thread = QThread.currentThread()
    return thread is not None and thread.loopLevel() > 0


def open_in_turns(viewer: Any, paths: Sequence[Path]) -> None:
    """Open files while the window goes on: they are read in a thread, then shown step by step."""
    (viewer.window._qt_window.findChild(Openings) or Openings(viewer)).open(paths)
