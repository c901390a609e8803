"""Work beside the window: a thread that computes, and a timer in the window that asks whether it is done.

No Qt object is touched by the thread. When the window closes, the timer goes with it, the thread sees that nobody
wants its result any more, and ends between two blocks.
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari_tesm.evaluation.pipeline import Progress

_INTERVAL = 15
"""Milliseconds between two questions; shorter than a frame."""


class _Wish:
    """Whether anybody still wants what is computed; a thread that computes keeps it alive."""

    def __init__(self) -> None:
        self.ended = Event()

    def end(self, *_: object) -> None:
        """Say that nobody does."""
        self.ended.set()


class Worker(QObject):
    """Runs one function at a time.

    Parameters
    ----------
    parent : QObject
        With it the worker ends.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL)
        self._timer.timeout.connect(self._ask)
        self._queue: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._slots: dict[str, Callable[..., None]] = {}
        self._thread: Thread | None = None
        # One connection for the life of the worker, to no method of an object that is going. Not to a function that is
        # made here either: where the collector ends the parent, it may have emptied that before, and to call it
        # ends the process. Qt's binding holds what a method belongs to weakly, and calls none of what is collected.
        self._wish = _Wish()
        parent.destroyed.connect(self._wish.end)

    @property
    def running(self) -> bool:
        """Whether a function is being run, or its result waits to be handed over."""
        return self._thread is not None

    def start(
        self,
        function: Callable[["Progress"], Any],
        *,
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None],
        progress: Callable[[float, str], None] = lambda *_: None,
    ) -> None:
        """Run a function in a thread; it is given a progress callback that ends it where it was cancelled.

        Raises
        ------
        RuntimeError
            If one is running.
        """
        if self.running:
            raise RuntimeError("a worker runs one function at a time")
        self._queue = SimpleQueue()
        queue = self._queue
        wish = self._wish
        wish.ended = stop = Event()
        self._slots = {"done": done, "failed": failed, "progress": progress}

        def report(fraction: float, words: str) -> None:
            if stop.is_set():
                raise _cancelled()
            queue.put(("progress", (fraction, words)))

        def work(wish: _Wish = wish) -> None:  # which lives as long as the thread
            try:
                queue.put(("done", function(report)))
            except BaseException as error:
                queue.put(("failed", error))

        self._thread = Thread(target=work, daemon=True, name="t-ESM worker")
        self._thread.start()
        self._timer.start()

    def cancel(self) -> None:
        """Ask the function to end at its next report of progress; a result that is ready by then is dropped."""
        self._wish.end()

    def _ask(self) -> None:
        latest = None
        while True:
            try:
                kind, content = self._queue.get_nowait()
            except Empty:
                break
            if kind == "progress":
                latest = content
                continue
            self._timer.stop()
            self._thread = None
            if kind == "done" and self._wish.ended.is_set():
                kind, content = "failed", _cancelled()
            self._slots[kind](content)
            return
        if latest is not None:
            self._slots["progress"](*latest)


def _cancelled() -> Exception:
    # Loaded when it is needed: files are opened by a worker before anything is that computes.
    from napari_tesm.evaluation.pipeline import Cancelled

    return Cancelled()
