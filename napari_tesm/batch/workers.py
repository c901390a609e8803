"""Warm processes that work on one task after the other; one that crashes or hangs takes its task with it, no other.

They are started anew and not forked, so that nothing of this process's threads or locks is in them, and end with it,
however it ends.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_TICK: Final = 1.0
"""Seconds after which the tasks that are worked on are looked at, whatever comes."""
_SAID: Final = 0.5
"""Seconds between two words of a worker about its progress."""
_START: Final = 300.0
"""Seconds more that a process may take until its first word: packages may lie on a drive that is far away."""
_GOODBYE: Final = 5.0
"""Seconds that a process may take to end."""
_PROGRESS: Final = "progress"
_DONE: Final = "done"
_CONTEXT: Final = multiprocessing.get_context("spawn")


@dataclass
class _Worker(Generic[Task]):
    process: Any
    pipe: "Connection[Any, Any]"
    task: Task | None = None
    fraction: float = 0.0
    heard: float = 0.0

    @property
    def busy(self) -> bool:
        return self.task is not None


class Workers(Generic[Task, Result]):
    """Some processes that call one function for many tasks.

    Parameters
    ----------
    call : callable
        Takes a task and a callable for progress (fraction, words), returns a result; found by its name in a process of
        its own, as are the tasks and results it is given and returns.
    lost : callable
        Returns the result of a task whose process was lost, from the task and a sentence that says why.
    jobs : int
        Processes at once; each is started when it is needed.
    patience : float
        Seconds without a sign of progress after which a task hangs, and its process is ended.

    Examples
    --------
    ::

        with Workers(fitted, failed, jobs=4, patience=600) as workers:
            workers.work(tasks.pop, results.append)
    """

    def __init__(
        self,
        call: Callable[[Task, Callable[[float, str], None]], Result],
        lost: Callable[[Task, str], Result],
        *,
        jobs: int,
        patience: float,
    ) -> None:
        self._call, self._lost = call, lost
        self._jobs, self._patience = jobs, patience
        self._workers: list[_Worker[Task]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self._workers:
            _end(worker, gently=error is None and not worker.busy)
        self._workers.clear()

    def work(
        self,
        next_task: Callable[[], Task | None],
        take: Callable[[Task, Result], None],
        tick: Callable[[dict[int, tuple[Task, float]]], None] = lambda _: None,
    ) -> None:
        """Work on tasks until there is none and all are done.

        Parameters
        ----------
        next_task : callable
            Returns a task, None where there is none now. It is asked again as long as any are worked on.
        take : callable
            Called with each task and its result as soon as it is there.
        tick : callable
            Called now and then with the tasks that are worked on and the part of each that is done.
        """
        while True:
            while self._has_room() and (task := next_task()) is not None:
                self._give(self._idle(), task, take)
            tick(
                {number: (w.task, w.fraction) for number, w in enumerate(self._workers) if w.task is not None}
            )
            if not any(worker.busy for worker in self._workers):
                return
            ready = wait([w.pipe for w in self._workers if w.busy], timeout=_TICK)
            for worker in [w for w in self._workers if w.busy]:
                if worker.pipe in ready:
                    self._hear(worker, take)
                elif time.monotonic() - worker.heard > self._patience:
                    minutes = _duration(self._patience)
                    self._lose(worker, f"nothing happened for {minutes}, and it was given up", take)

    def _has_room(self) -> bool:
        return sum(worker.busy for worker in self._workers) < self._jobs

    def _idle(self) -> _Worker[Task]:
        """Return a worker that has nothing to do, a new one where all have."""
        for worker in self._workers:
            if not worker.busy:
                return worker
        here, there = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_live, args=(there, self._call), daemon=True)
        process.start()
        there.close()  # only the process has its end: when that is gone, this end says so
        self._workers.append(_Worker(process, here, heard=time.monotonic() + _START))
        return self._workers[-1]

    def _give(self, worker: _Worker[Task], task: Task, take: Callable[[Task, Result], None]) -> None:
        worker.task, worker.fraction, worker.heard = task, 0.0, max(worker.heard, time.monotonic())
        try:
            worker.pipe.send(task)
        except OSError:
            self._lose(worker, _words_of_end(worker.process), take)

    def _hear(self, worker: _Worker[Task], take: Callable[[Task, Result], None]) -> None:
        try:
            kind, value = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(_GOODBYE)
            self._lose(worker, _words_of_end(worker.process), take)
            return
        worker.heard = time.monotonic()
        if kind == _PROGRESS:
            worker.fraction = value
            return
        task, worker.task = worker.task, None
        assert task is not None
        take(task, value)

    def _lose(self, worker: _Worker[Task], reason: str, take: Callable[[Task, Result], None]) -> None:
        """Give a worker up with its task; another takes its place when it is needed."""
        task = worker.task
        assert task is not None
        self._workers.remove(worker)
        _end(worker, gently=False)
        take(task, self._lost(task, reason))


def _end(worker: _Worker[Any], *, gently: bool) -> None:
    with contextlib.suppress(OSError):
        worker.pipe.close()
    if gently:  # it ends by itself when nobody is there to give it tasks
        worker.process.join(_GOODBYE)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join(_GOODBYE)


def _words_of_end(process: Any) -> str:
    code = process.exitcode
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        memory = "; the system does so where memory runs out" if name == "SIGKILL" else ""
        return f"the process that fitted it was ended by {name}{memory}"
    return f"the process that fitted it ended by itself, with code {code}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.3g} min" if seconds >= 60 else f"{seconds:.3g} s"


def _live(pipe: "Connection[Any, Any]", call: Callable[[Any, Callable[[float, str], None]], Any]) -> None:
    """Work in a process of its own until nobody is there to give tasks."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl+C reaches every process of a terminal; the first decides
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    said = time.monotonic()
    pipe.send((_PROGRESS, 0.0))

    def progress(fraction: float, _: str) -> None:
        nonlocal said
        if time.monotonic() - said >= _SAID:
            said = time.monotonic()
            pipe.send((_PROGRESS, fraction))

    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        result = call(task, progress)
        try:
            pipe.send((_DONE, result))
        except OSError:
            return


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
