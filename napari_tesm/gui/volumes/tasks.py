"""Work on volumes beside the window, one piece after the other."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QObject

from napari_tesm.evaluation.pipeline import Cancelled, Progress
from napari_tesm.gui.panels.worker import Worker


@dataclass(frozen=True, eq=False)
class Task:
    """A piece of work.

    Parameters
    ----------
    owner : object
        With whom it is given up.
    words : str
        What is done, for a person.
    work : callable
        Runs in a thread with a progress callback; returns what takes the result over, in the window.
    failed : callable
        Takes the exception.
    asked : bool
        Whether somebody asked for it, who may cancel it.
    """

    owner: Any
    words: str
    work: Callable[[Progress], Callable[[], None]]
    failed: Callable[[BaseException], None]
    asked: bool = True


class Tasks(QObject):
    """Runs tasks in their order.

    Parameters
    ----------
    parent : QObject
        With it all of them end.
    show : callable
        Told what is going on: the task or None, the part that is done, and what is done.
    """

    def __init__(self, parent: QObject, show: Callable[[Task | None, float, str], None]) -> None:
        super().__init__(parent)
        self._worker = Worker(parent)
        self._show = show
        self._waiting: deque[Task] = deque()
        self.task: Task | None = None
        """What is being done."""

    def add(self, task: Task) -> None:
        """Do something when what was asked for before is done."""
        self._waiting.append(task)
        self._next()

    @property
    def running(self) -> bool:
        """Whether something is being done or waits."""
        return self.task is not None

    def has(self, owner: Any, words: str) -> bool:
        """Whether that is being done for somebody, or waits."""
        tasks = [*self._waiting, *([self.task] if self.task else [])]
        return any(task.owner is owner and task.words == words for task in tasks)

    def cancel(self) -> None:
        """Give up what somebody asked for."""
        self._give_up(lambda task: task.asked)

    def drop(self, owner: Any) -> None:
        """Give up everything for somebody who is gone."""
        self._give_up(lambda task: task.owner is owner)

    def _give_up(self, chosen: Callable[[Task], bool]) -> None:
        self._waiting = deque(task for task in self._waiting if not chosen(task))
        if self.task is not None and chosen(self.task):
            self._worker.cancel()
            self._show(self.task, 0.0, "stopping")

    def _next(self) -> None:
        if self.task is not None:
            return
        if not self._waiting:
            self._show(None, 0.0, "")
            return
        self.task = task = self._waiting.popleft()
        self._show(task, 0.0, "")
        self._worker.start(
            task.work,
            done=lambda take: self._ended(take),
            failed=lambda error: self._ended(lambda: task.failed(error)),
            progress=lambda fraction, words: self._show(task, fraction, words),
        )

    def _ended(self, what: Callable[[], None]) -> None:
        self.task = None
        try:
            what()
        finally:
            self._next()


class Latest(QObject):
    """Runs the newest of many requests in a thread; those that came in between are left out.

    Parameters
    ----------
    parent : QObject
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._worker = Worker(parent)
        self._request: tuple[Callable[[], Any], Callable[[Any], None], Callable[[BaseException], None]] | None
        self._request = None

    def ask(
        self, work: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[BaseException], None]
    ) -> None:
        """Do something soon, unless another request comes before that."""
        self._request = (work, done, failed)
        if not self._worker.running:
            self._begin()

    @property
    def running(self) -> bool:
        """Whether something is being done."""
        return self._worker.running

    def forget(self) -> None:
        """Give up what is being done."""
        self._request = None
        self._worker.cancel()

    def _begin(self) -> None:
        assert self._request is not None
        work, done, failed = self._request
        self._request = None
        self._worker.start(
            lambda _: work(),
            done=lambda result: self._ended(lambda: done(result)),
            failed=lambda error: self._ended(lambda: None if isinstance(error, Cancelled) else failed(error)),
        )

    def _ended(self, what: Callable[[], None]) -> None:
        try:
            what()
        finally:
            if self._request is not None and not self._worker.running:
                self._begin()
