"""Samples that are not equally apart: counted on an even clock to place pulses, and the times of records cut of them.

A recorder that stops between pixels, that samples the begin of the relaxation more densely, or that is read whenever
a computer finds the time, writes the time of every sample. Records are cut by samples still: nothing is interpolated.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.time_base import TimeBase
from napari_tesm.quantities.numbers import counted
from napari_tesm.quantities.text import text_from_quantity

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_EVEN: Final = 1e-3
"""Part of the mean interval by which intervals may differ and still be one: what follows is counted in samples."""
_OFF: Final = 0.5
"""Part of the distance to the next sample by which the time of a sample may differ from pixel to pixel."""
_SAID: Final = 0.05
"""Part of it from which a difference is worth a word."""
_LOOKED_AT: Final = 101
"""Records from which the times are taken."""
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, eq=False)
class Clock:
    """When the samples of a stream were taken.

    Parameters
    ----------
    base : TimeBase
        Of the stream; its interval, or its times, are known.
    interval : float
        Between two samples, in s; the median one where they are not equally apart.
    is_even : bool
    """

    base: TimeBase
    interval: float
    is_even: bool

    @classmethod
    def of(cls, base: TimeBase) -> "Clock":
        """Return the clock of a time base."""
        if base.interval is not None:
            return cls(base, base.interval, is_even=True)
        steps = np.diff(base.positions())
        if steps.size and np.ptp(steps) <= _EVEN * steps.mean():
            return cls(base, float(steps.mean()), is_even=True)
        return cls(base, base.spacing, is_even=False)

    def ticks(self, sample: Indices) -> Indices:
        """Return samples by number as they would be counted if they were equally apart."""
        if self.is_even:
            return sample
        elapsed = self.base.at(sample) - float(self.base.at(0))
        return np.asarray(np.round(elapsed / self.interval), dtype=np.int64)

    def seconds(self, first: Indices, stop: Indices) -> Array:
        """Return the time between two samples by number."""
        if self.is_even:
            return np.asarray((stop - first) / (1.0 / self.interval), dtype=np.float64)
        return np.asarray(self.base.at(stop) - self.base.at(first), dtype=np.float64)

    def later(self, sample: Indices, seconds: float) -> Indices:
        """Return the first samples that were taken a time after others."""
        if self.is_even:
            return sample + round(seconds / self.interval)
        return self._first_from(self.base.at(sample) + seconds)

    def samples_before(self, sample: Indices, seconds: float) -> int:
        """Return how many samples were usually taken in a time before others."""
        if self.is_even:
            return round(seconds * (1.0 / self.interval))
        some = sample[:: max(1, sample.size // _LOOKED_AT)]
        return int(np.median(some - self._first_from(self.base.at(some) - seconds)))

    def samples_after(self, sample: Indices, seconds: float) -> int:
        """Return how many samples were usually taken in a time from others on."""
        if self.is_even:
            return round(seconds * (1.0 / self.interval))
        some = sample[:: max(1, sample.size // _LOOKED_AT)]
        return int(np.median(self._first_from(self.base.at(some) + seconds) - some))

    def _first_from(self, time: Array) -> Indices:
        assert self.base.times is not None
        return np.asarray(np.searchsorted(self.base.times, time - _EVEN * self.interval), dtype=np.int64)


def times_of_records(
    clock: Clock, start: Indices, samples: tuple[int, int], name: str
) -> tuple[Array, Indices, list[str]]:
    """Return the times of records from the start of the pulse on, and the pixels that have them.

    Parameters
    ----------
    clock : Clock
    start : ndarray of int, shape (…)
        Sample at which the pulse of each pixel starts; negative where it has none.
    samples : (int, int)
        Of a record before the start and from it on.
    name : str
        Of the stream, in sentences.

    Returns
    -------
    times : ndarray, shape (time,)
        The median ones of all pixels where samples are not equally apart.
    start : ndarray of int
        Negative in pixels, too, whose samples were taken at other times.
    notes : list of str

    Raises
    ------
    ValueError
        If most pixels have times of their own.
    """
    before, after = samples
    offsets = np.arange(-before, after)
    if clock.is_even:
        return np.asarray(offsets / (1.0 / clock.interval), dtype=np.float64), start, []
    whole = (start >= before) & (start <= clock.base.size - after)
    held = start[whole]
    if not held.size:
        return np.asarray(offsets * clock.interval, dtype=np.float64), start, []
    at: Any = clock.base.times
    some = held[:: max(1, held.size // _LOOKED_AT)]
    some = some[: some.size - 1 + some.size % 2]  # the middle one of an odd number is one that was measured
    times = np.median(at[some[:, None] + offsets] - at[some][:, None], axis=0)
    steps = np.concatenate([[np.inf], np.diff(times), [np.inf]])
    room = np.minimum(steps[:-1], steps[1:])
    away = np.empty(held.size)
    for first in range(0, held.size, block := max(1, _BLOCK // offsets.size)):
        part = held[first : first + block]
        own = at[part[:, None] + offsets] - at[part][:, None]
        away[first : first + block] = (np.abs(own - times) / room).max(axis=1)
    others = int(np.count_nonzero(away > _OFF))
    if 2 * others > held.size:
        raise ValueError(
            f"the samples of '{name}' are not equally apart, and lie otherwise in every pixel: its pulses cannot be cut"
        )
    notes = [f"The samples of '{name}' are not equally apart: the times of a record are those of the file."]
    worst = float(away[away <= _OFF].max())
    if worst > _SAID:
        apart = text_from_quantity(worst * clock.interval, "s", digits=2)
        notes.append(f"They differ by up to {apart} from pixel to pixel; those in the middle are taken.")
    if others:
        notes.append(f"{counted(others, 'pixel')} left empty: the samples there were taken at other times.")
    kept = start.copy()
    kept[whole] = np.where(away > _OFF, -1, held)
    return np.asarray(times, dtype=np.float64), kept, notes
