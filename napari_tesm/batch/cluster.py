"""The workers of a cluster under dask.distributed, in the place of processes of this machine.

A task is a file, so that what dask adds to each does not count. Files and folders have the same names on all machines.
"""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from napari_tesm.files.optional import MissingPackageError
from napari_tesm.version import __version__

Task = TypeVar("Task")
Result = TypeVar("Result")

_TICK: Final = 1.0
"""Seconds after which the tasks that are worked on are looked at, whatever comes."""
_CONNECTING: Final = 20.0
"""Seconds to reach a scheduler, and to wait for one that was lost."""


class ClusterWorkers(Generic[Task, Result]):
    """The workers of a scheduler, which call one function for many tasks; used as `napari_tesm.batch.workers.Workers`.

    A worker that dies takes nothing with it: dask gives its task to another one, and only a task that has ended several
    is lost.

    Parameters
    ----------
    call : callable
        Takes a task and returns a result; found by its name on every worker.
    lost : callable
        Returns the result of a task that cannot be had, from the task and a sentence that says why.
    address : str
        Of the scheduler, ``tcp://host:8786``.

    Raises
    ------
    OSError
        If there is no scheduler, or it has no workers.
    ValueError
        If a worker has another version of napari-tesm.
    MissingPackageError
        If distributed is not installed.
    """

    def __init__(
        self, call: Callable[[Task], Result], lost: Callable[[Task, str], Result], *, address: str
    ) -> None:
        try:
            self._dask: Any = importlib.import_module("distributed")
        except ImportError:
            raise MissingPackageError(
                f"{address} is a cluster, which dask.distributed works with: pip install 'napari-tesm[cluster]'."
            ) from None
        for name in ("distributed", "distributed.client"):  # what goes wrong is said in a sentence
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._call, self._lost, self._address = call, lost, address
        try:
            self._client = self._dask.Client(address, timeout=_CONNECTING)
        except (TimeoutError, OSError, ValueError) as error:
            raise OSError(f"there is no scheduler at {address}: {error}") from None
        try:
            self._check_workers()
        except BaseException:
            self._client.close()
            raise
        self._unreached: float | None = None

    def _check_workers(self) -> None:
        self._jobs = sum(self._client.nthreads().values())
        if not self._jobs:
            raise OSError(f"the scheduler at {self._address} has no workers")
        versions = set(self._client.run(version_of_worker).values())
        if versions != {__version__}:
            listed = ", ".join(sorted(versions))
            raise ValueError(
                f"the workers at {self._address} have napari-tesm {listed}, not {__version__} as this program: install "
                "the same on all of them"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close(timeout=_TICK)

    def work(
        self,
        next_task: Callable[[], Task | None],
        take: Callable[[Task, Result], None],
        tick: Callable[[dict[int, tuple[Task, float]]], None] = lambda _: None,
    ) -> None:
        """Work on tasks until there is none and all are done, as `napari_tesm.batch.workers.Workers.work`.

        Raises
        ------
        OSError
            If the scheduler is gone.
        """
        pending: dict[Any, Task] = {}
        while True:
            while len(pending) < self._jobs and (task := next_task()) is not None:
                pending[self._client.submit(self._call, task, pure=False)] = task
            tick({number: (task, 0.0) for number, task in enumerate(pending.values())})
            if not pending:
                return
            self._see_scheduler()
            for future in self._finished(list(pending)):
                task = pending.pop(future)
                take(task, self._result(future, task))

    def _finished(self, futures: list[Any]) -> list[Any]:
        try:
            return list(self._dask.wait(futures, timeout=_TICK, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return []
        except CancelledError:
            raise self._gone() from None

    def _result(self, future: Any, task: Task) -> Result:
        try:
            result: Result = future.result()
        except self._dask.KilledWorker:
            return self._lost(task, "several workers that fitted it were ended, perhaps for lack of memory")
        except CancelledError:
            raise self._gone() from None
        except Exception as error:  # a worker without the file's folder, or with other packages
            return self._lost(task, f"the worker that fitted it failed: {type(error).__name__}: {error}")
        return result

    def _see_scheduler(self) -> None:
        """Raise an OSError where the scheduler has not been there for a while."""
        if self._client.status == "running":
            self._unreached = None
        elif self._unreached is None:
            self._unreached = time.monotonic()
        elif time.monotonic() - self._unreached > _CONNECTING or self._client.status == "closed":
            raise self._gone()

    def _gone(self) -> OSError:
        return OSError(
            f"the scheduler at {self._address} is gone; what was fitted is kept, and the same call goes on"
        )


def version_of_worker() -> str:
    """Return the version of napari-tesm where this is called."""
    return __version__
