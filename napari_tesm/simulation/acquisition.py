"""A scan as a recorder stores it: continuous streams of dc voltage, lock-in output and triggers, with known defects.

The traces of a dataset are strung together in the order of the scan, with pauses between the records and turnarounds
between the lines. Nothing of it is kept in memory: any stretch of any stream is computed when it is asked for, the same
numbers whatever the stretch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import SIGNALS
from napari_tesm.data.protocol import PulseProtocol, sampling_interval
from napari_tesm.recording.order import ScanOrder
from napari_tesm.simulation.timing import Timing, clipped_plan, order_from_dataset, plan_from_order

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

TRIGGER_LEVEL: Final = 5.0
_TRIGGER_WIDTH: Final = 3
_LINE_WIDTH: Final = 10
_NOISE_BLOCK: Final = 1 << 15


@dataclass(frozen=True, eq=False)
class Acquisition:
    """A simulated recording and the truth behind it.

    Parameters
    ----------
    streams : dict of str to stream
        ``"dc"``, ``"trigger"``, ``"line"`` and the lock-in's signals: indexed with slices, computed when asked for.
    rate : float
        Samples per second.
    order : ScanOrder
        Its `first_line` is that of the recording.
    record : (int, int)
        Samples of the dataset's records before the pulse and from its start on.
    truth : Dataset
        One entry for each pulse of the scan along ``event``: ``start`` (sample of the recording), ``pulse``, ``row``,
        ``column``, ``number`` (of the pass), ``dropped``, ``doubled``, and ``survives`` (whether its record is in the
        recording, whole and undisturbed).
    """

    streams: dict[str, "SimulatedStream"]
    rate: float
    order: ScanOrder
    record: tuple[int, int]
    truth: xr.Dataset

    @property
    def size(self) -> int:
        """Samples of the recording."""
        return next(iter(self.streams.values())).shape[0]

    def blocks(self, size: int = 1 << 20) -> Iterator[dict[str, Array]]:
        """Yield the streams, stretch by stretch."""
        for first in range(0, self.size, size):
            yield {name: stream[first : first + size] for name, stream in self.streams.items()}


@dataclass(frozen=True, eq=False)
class SimulatedStream:
    """One channel of a simulated recording: indexed with a slice, it computes the samples asked for.

    Parameters
    ----------
    shape : (int,)
    marks : ndarray of int, shape (mark,)
        Ascending samples at which something begins.
    span : int
        Samples that it lasts.
    values : callable
        Returns what to put there, shape (span,), for the index of a mark.
    added : bool
        Whether that is added to the noise or replaces it.
    noise : float
    seed : int
    """

    shape: tuple[int]
    marks: Indices
    span: int
    values: Any
    added: bool
    noise: float
    seed: int
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))

    def __getitem__(self, key: slice) -> Array:
        start, stop, step = key.indices(self.shape[0])
        if step < 1:
            raise IndexError("a simulated stream is read forwards")
        out = self._noise(start, stop)
        low, high = np.searchsorted(self.marks, [start - self.span + 1, stop])
        for index in range(int(low), int(high)):
            begin = int(self.marks[index])
            piece = self.values(index)[max(start - begin, 0) : max(stop - begin, 0)]
            at = slice(max(begin - start, 0), max(begin - start, 0) + piece.size)
            if self.added:
                out[at] += piece
            else:
                out[at] = piece
        return out[::step]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _noise(self, start: int, stop: int) -> Array:
        if self.noise == 0 or stop <= start:
            return np.zeros(max(stop - start, 0))
        # By blocks with a generator each: any stretch can be made without what comes before it.
        first, last = start // _NOISE_BLOCK, (stop - 1) // _NOISE_BLOCK
        blocks = [
            np.random.default_rng([self.seed, block]).standard_normal(_NOISE_BLOCK)
            for block in range(first, last + 1)
        ]
        return self.noise * np.concatenate(blocks)[start - first * _NOISE_BLOCK : stop - first * _NOISE_BLOCK]


def simulate_acquisition(
    dataset: xr.Dataset,
    *,
    ways: tuple[str, ...] | None = None,
    serpentine: bool = False,
    upward: bool = False,
    timing: Timing | None = None,
    seed: int = 0,
) -> Acquisition:
    """Return the recording from which a dataset's traces could have been cut.

    Parameters
    ----------
    dataset : Dataset
        Uniformly sampled, with known pulse timing and voltages. Its pulse settings are those of the ways in turn: with
        two ways the first half belongs to the first one.
    ways : tuple of str, optional
        By default those of the dataset's `direction`, in turn; ``("trace",)`` puts all its settings into each pixel.
    serpentine, upward : bool
        As in `ScanOrder`.
    timing : Timing, optional
    seed : int
        The same seed gives the same numbers.

    Raises
    ------
    ValueError
        If the dataset cannot be a recording's, or the timing leaves no room for the records.
    """
    timing = timing or Timing()
    order = order_from_dataset(dataset, ways=ways, serpentine=serpentine, upward=upward)
    rate, before, pulse = _sampling(dataset)
    samples = dataset.sizes["time"]
    rng = np.random.default_rng(seed)
    plan = plan_from_order(order, samples, timing, rng)
    first, size, order = clipped_plan(plan, order, timing)
    start = plan.start - first + before
    lost = rng.random(start.size) < timing.dropped
    doubled = (rng.random(start.size) < timing.doubled) & ~lost
    delay = _second_delays(samples, before, pulse, timing, rng, start.size)
    whole = (start - before >= 0) & (start - before + samples <= size)
    survives = whole & ~lost & ~(doubled & timing.second_pulse)
    truth = xr.Dataset(
        {
            name: ("event", values)
            for name, values in {
                "start": start, "pulse": plan.pulse, "row": plan.row, "column": plan.column, "number": plan.number,
                "dropped": lost, "doubled": doubled, "survives": survives,
                "second": np.where(doubled, start + delay, -1),
            }.items()
        }
    )  # fmt: skip
    made = _Maker(dataset, truth, order, timing, size, seed, before, pulse)
    streams = {"dc": made.dc(), "trigger": made.trigger()}
    if timing.line_trigger:
        streams["line"] = made.line(plan.pass_start - first + before, rng)
    for number, (signal, name) in enumerate(SIGNALS.items()):
        if name in dataset:
            streams[signal] = made.signal(name, number)
    return Acquisition(streams, rate, order, (before, samples - before), truth)


def _second_delays(
    samples: int, before: int, pulse: int, timing: Timing, rng: np.random.Generator, count: int
) -> Indices:
    """Return by how much a doubled trigger comes later, in samples."""
    if not timing.second_pulse:
        return rng.integers(_TRIGGER_WIDTH + 2, samples - _TRIGGER_WIDTH - 2, count)
    low, high = pulse + 2, samples - before - pulse - 2
    if high <= low:
        raise ValueError("the record is too short for a second pulse in it")
    return rng.integers(low, high, count)


def _sampling(dataset: xr.Dataset) -> tuple[float, int, int]:
    """Return the rate of a dataset's records, the samples before the pulse and those of the pulse."""
    time = dataset["time"].values
    interval = sampling_interval(time)
    protocol = PulseProtocol.from_attributes(dataset.attrs)
    if time.size < 2 or not np.allclose(np.diff(time), interval, rtol=1e-6):
        raise ValueError("a recording is sampled at equal intervals; the dataset is not")
    if protocol.pulse_start is None or protocol.pulse_duration is None:
        raise ValueError("a recording needs the start and the duration of the pulse")
    rate = float(f"{(time.size - 1) / (time[-1] - time[0]):.12g}")
    before = round(-time[0] * rate)
    if before < 0 or before >= time.size:
        raise ValueError("the pulse starts outside of the records")
    return rate, before, max(1, round(protocol.pulse_duration * rate))


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes the streams of an acquisition."""

    dataset: xr.Dataset
    truth: xr.Dataset
    order: ScanOrder
    timing: Timing
    size: int
    seed: int
    before: int
    pulse: int

    def dc(self) -> SimulatedStream:
        start, pulse, kept = (self.truth[name].values for name in ("start", "pulse", "dropped"))
        start, pulse, second = start[~kept], pulse[~kept], self.truth["second"].values[~kept]
        voltages = self.dataset["voltage"].values[pulse]
        if self.timing.second_pulse:
            again = second >= 0
            start, voltages = (
                np.concatenate([start, second[again]]),
                np.concatenate([voltages, voltages[again]]),
            )
        order = np.argsort(start, kind="stable")
        start, voltages = start[order], voltages[order]
        shapes = {value: np.full(self.pulse, value) for value in set(voltages.tolist())}
        return self._stream(
            start, self.pulse, lambda index: shapes[voltages[index]], True, self.timing.dc_noise, 1
        )

    def trigger(self) -> SimulatedStream:
        kept = ~self.truth["dropped"].values
        second = self.truth["second"].values
        start = np.sort(np.concatenate([self.truth["start"].values[kept], second[second >= 0]]))
        high = np.full(_TRIGGER_WIDTH, TRIGGER_LEVEL)
        return self._stream(start, _TRIGGER_WIDTH, lambda index: high, False, 0.0, 2)

    def line(self, pass_start: Indices, rng: np.random.Generator) -> SimulatedStream:
        step = len(self.order.ways) if self.timing.line_trigger == "line" else 1
        start = pass_start[::step]
        start = start[rng.random(start.size) >= self.timing.dropped_lines]
        again = start[rng.random(start.size) < self.timing.doubled_lines]
        start = np.sort(
            np.concatenate([start, again + rng.integers(2 * _LINE_WIDTH, 100 * _LINE_WIDTH, again.size)])
        )
        high = np.full(_LINE_WIDTH, TRIGGER_LEVEL)
        return self._stream(start, _LINE_WIDTH, lambda index: high, False, 0.0, 3)

    def signal(self, name: str, number: int) -> SimulatedStream:
        kept = np.flatnonzero(~self.truth["dropped"].values)
        start, pulse, row, column, second = (
            self.truth[key].values[kept] for key in ("start", "pulse", "row", "column", "second")
        )

        @lru_cache(maxsize=8)
        def line_of(setting: int, line: int) -> Array:
            return np.asarray(self.dataset[name].isel(pulse=setting, y=line).values, dtype=np.float64)

        def record(index: int) -> Array:
            trace: Array = line_of(int(pulse[index]), int(row[index]))[column[index]]
            if second[index] >= 0 and self.timing.second_pulse:
                trace = trace.copy()
                later = int(second[index] - start[index])
                trace[self.before + later :] += trace[self.before : trace.size - later]
            return trace

        samples = self.dataset.sizes["time"]
        return self._stream(start - self.before, samples, record, False, self.timing.idle_noise, 4 + number)

    def _stream(
        self, marks: Indices, span: int, values: Any, added: bool, noise: float, channel: int
    ) -> SimulatedStream:
        return SimulatedStream((self.size,), marks, span, values, added, noise, 1000 * self.seed + channel)
