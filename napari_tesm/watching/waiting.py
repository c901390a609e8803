"""When a growing file is looked at, and when its scan has ended."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from napari_tesm.files.fingerprint import state_of_path
from napari_tesm.quantities.numbers import counted
from napari_tesm.watching.growing import GrowingScan, Look, Progress, without_frames

POLL: Final = 0.5
"""Seconds between two questions for size and time of a file."""
SETTLED: Final = 5.0
"""Seconds for which a file in which every line is whole must have stayed as it is."""
IDLE: Final = 60.0
"""Seconds without a change after which a scan has ended, and at least `_PAUSES` times the longest one so far."""
_PAUSES: Final = 3.0
_SELDOM: Final = 5.0
"""Seconds after which a file is looked at that seems unchanged: an open one may get no new date, and may have its whole
size from the start."""
_BUSY: Final = 20.0
"""Times as long as such a look took to wait for it, at least."""
_TRIES: Final = 5
"""Looks that may fail, one soon after the other, at a file that does not change: its writer was in the middle of it."""
_GREW: Final = 2
"""Looks at which lines were added to an image of one size, so that its height is that of the scan."""


@dataclass
class Watch:
    """Asks one file again and again, and looks at it where it has changed.

    Parameters
    ----------
    scan : GrowingScan
    idle : float, optional
        Seconds without a change after which the scan has ended; by default `IDLE`, and longer where lines take longer.
    clock : callable
        Returns seconds.
    """

    scan: GrowingScan
    idle: float | None = None
    clock: Callable[[], float] = time.monotonic
    reason: Exception | None = None
    """Why the last look has shown nothing."""
    last: Look | None = None
    _state: list[int] | None = None
    _changed: float = -np.inf
    _asked: float = -np.inf
    _looked: float = -np.inf
    _was_resized: bool = False
    _longest_pause: float = 0.0
    _next: float = 0.0
    _seldom: float = 0.0
    _failed: int = 0
    _shape: tuple[int, ...] = ()
    _grew: int = 0

    def step(self, *, jobs: int = 1, progress: Progress | None = None) -> Look | None:
        """Return what is new in the file; None where nothing is, or it is too early to look again.

        Parameters
        ----------
        jobs, progress
            As of `GrowingScan.look`.
        """
        now = self.clock()
        if now < self._next:
            return None
        self._next = now + POLL
        state = state_of_path(self.scan.path)
        changed = state != self._state
        self._state, self._asked = state, now
        if changed:
            self._failed = 0
            self._note_change(now)
        # What seems to have ended is looked at once more: its date may have stood still while it grew.
        last_look = now - self._changed >= self._patience > self._looked - self._changed
        if state is None or not (changed or last_look or now >= self._seldom):
            return None
        self._looked = now
        look: Look | None = None
        try:
            look = self.scan.look(jobs=jobs, progress=progress)
            self.reason = look.refusal
        except (OSError, ValueError) as error:  # half written, or not to be read at this moment
            self.reason = without_frames(error)
        after = self.clock()
        self._failed = 0 if look is not None else self._failed + 1
        # No more than half of the time is spent on what changes all the time, and a twentieth on what does not.
        self._next = after + max(POLL, after - now)
        self._seldom = after + max(_SELDOM, _BUSY * (after - now))
        if 0 < self._failed <= _TRIES:
            self._seldom = self._next
        if look is None or look is self.last:
            return None
        self._note_lines(look)
        self.last = look
        return look

    @property
    def has_ended(self) -> bool:
        """Whether the recorder has finished, or written nothing for so long that it will not."""
        if self._state is None:
            return False
        if self.last is not None and self.last.is_all and self._grew >= _GREW:
            return self._asked - self._changed >= SETTLED
        return self._looked - self._changed >= self._patience

    @property
    def words(self) -> str:
        """How far the scan is; of an image that grows by lines nobody knows how many there will be."""
        if self.last is None:
            return ""
        done = int(self.last.done.sum())
        return counted(done, "line") if self._was_resized else f"{done} of {self.last.whole.size} lines"

    @property
    def fraction(self) -> float:
        """Of which part of the lines nothing more is to come, 0 where nobody knows."""
        return 0.0 if self.last is None or self._was_resized else float(self.last.done.mean())

    @property
    def _patience(self) -> float:
        return self.idle if self.idle is not None else max(IDLE, _PAUSES * self._longest_pause)

    def _note_change(self, now: float) -> None:
        if np.isfinite(self._changed):
            self._longest_pause = max(self._longest_pause, now - self._changed)
        self._changed = now

    def _note_lines(self, look: Look) -> None:
        """See whether lines come into an image of one size: an image that grows by lines never lacks one."""
        before = 0 if self.last is None else int(self.last.done.sum())
        if look.whole.shape != self._shape:
            self._was_resized = bool(self._shape)
            self._shape, self._grew = look.whole.shape, 0
        elif int(look.done.sum()) > before:
            self._grew += 1
        if int(look.done.sum()) != before:
            self._note_change(self.clock())
