"""BLAS held to one thread while traces are fitted."""

import threading
from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController


class _SharedLimit:
    """A limit that is set for the first of its users and taken back after the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._controller: ThreadpoolController | None = None
        self._limit: Any = None
        self._setter = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                # Looking for the libraries takes milliseconds. Once per process is enough: all products of the
                # fit are NumPy's, and a BLAS that SciPy may bring later has no part in them.
                self._controller = self._controller or ThreadpoolController()
                self._limit = self._controller.limit(limits=1, user_api="blas")
                self._setter = threading.get_ident()
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                # Newer threadpoolctl lets only the thread that set a limit change it, and ignores all others until
                # it lets go; the last user may be another thread than the first.
                release = getattr(OpenBLASController, "clear_controlling_thread", lambda **_: None)
                if threading.get_ident() != self._setter:
                    release(force=True)
                self._limit.restore_original_limits()
                release()


_limit = _SharedLimit()


def single_threaded_blas() -> AbstractContextManager[None]:
    """Hold BLAS to one thread; may be nested, and entered from several threads at once.

    The products of the fit are small and its chunks have threads of their own: two pools would fight for the
    cores. The setting is global to the process, so concurrent fits share it: the first one in sets it, the last
    one out puts back what was.
    """
    return _limit
