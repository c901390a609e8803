"""Pulses in a recorded dc channel and edges in a trigger line, found block by block.

A pulse begins at the first sample halfway to its level and ends after the last one. It is found by the smallest pulse
level of its sign, and may fall back as far as three tenths of that one (noise, ringing) without ending. Where the
blocks begin and end changes nothing.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.time_base import Alignment
from napari_tesm.recording.cutting import CutTraces
from napari_tesm.recording.levels import Levels, levels_from_stream, low_and_high
from napari_tesm.recording.streams import BLOCK, blocks_of, length_of

Indices = NDArray[np.int64]
Array = NDArray[np.float64]

_HALF: Final = 0.5
_BACK: Final = 0.3
"""Part of the level below which a pulse is over."""
_UP, _DOWN, _IDLE = 1, 2, 4
_TALLER: Final = 1.2
"""Height, as a part of the smallest, from which the edges of a pulse are looked at anew."""
_LONGEST_EDGE: Final = 64
_SHORTEST_PERIOD: Final = 5
_TOO_MANY: Final = 100_000
"""Pulses beyond one in five samples from which a channel is none of pulses."""
_WHOLE_SAMPLE: Final = 1.01
_FEWEST_OF_A_SLOW_PULSE: Final = 8
"""Samples in a pulse below which a dc channel that is slower than the signal makes tau wrong by more than 5 %."""
_SHORTEST: Final = 0.25
"""Pulses shorter than this part of the usual length are spikes."""
_HOLE: Final = 0.05
"""Interruptions shorter than this part of the usual length do not end a pulse."""


@dataclass(frozen=True, eq=False)
class Pulses:
    """Pulses of a recording in the order of time; arrays of shape (pulse,).

    Parameters
    ----------
    start, stop : ndarray of int
        First sample of the pulse and first sample after it.
    voltage : ndarray of float
        Mean over the pulse, in the unit of the channel.
    levels : Levels
    spikes : int
        Excursions too short for a pulse, left out.
    clipped : int
        Pulses the recording begins or ends in, left out.
    edge_error : float
        Samples within which a pulse begins and ends before the one that says so.
    """

    start: Indices
    stop: Indices
    voltage: Array
    levels: Levels
    spikes: int = 0
    clipped: int = 0
    edge_error: float = 1.0


def find_pulses(stream: Any, *, idle: float | None = None, block: int = BLOCK) -> Pulses:
    """Find the pulses in a dc channel.

    Parameters
    ----------
    stream : array-like, shape (sample,)
        The recorded voltage; read in slices of `block` samples, twice.
    idle : float, optional
        Level between the pulses; read from the data by default.
    block : int
        Samples read at once.

    Raises
    ------
    ValueError
        If the channel is constant, or noise alone, or no pulse stands out.
    """
    size = length_of(stream, "the dc channel")
    levels = levels_from_stream(stream, idle=idle, block=block)
    runs = _runs_beyond(
        stream, block,
        up=(levels.idle + _HALF * levels.smallest_rise, levels.idle + _BACK * levels.smallest_rise),
        down=(levels.idle - _HALF * levels.smallest_fall, levels.idle - _BACK * levels.smallest_fall),
    )  # fmt: skip
    # A pulse that the recording begins in has no start; one that it ends in has no stop.
    whole = ~runs.from_start & (runs.last < size - 1)
    clipped = int(np.count_nonzero(~whole))
    runs = runs.chosen(whole).without_holes()
    lengths = runs.last - runs.first + 1
    long = lengths >= _SHORTEST * _usual_length(lengths)
    spikes = int(np.count_nonzero(~long))
    runs = runs.chosen(long)
    if runs.first.size == 0:
        raise ValueError("the dc channel holds no whole pulse")
    runs = _halfway_to_their_own(stream, runs, levels)
    voltage = runs.total / (runs.last - runs.first + 1)
    return Pulses(runs.first, runs.last + 1, voltage, levels, spikes=spikes, clipped=clipped)


def pulses_in_lead(pulses: Pulses, alignment: Alignment) -> Pulses:
    """Return pulses of the dc channel counted in the samples of the leading channel.

    Raises
    ------
    ValueError
        If the dc channel is so slow that their edges are not known well enough for a fit.
    """
    start, stop = (alignment.in_lead("dc", numbers) for numbers in (pulses.start, pulses.stop))
    coarse = alignment.bases["dc"].spacing / alignment.bases[alignment.lead].spacing
    own = float(np.median(pulses.stop - pulses.start))
    if coarse > _WHOLE_SAMPLE and own < _FEWEST_OF_A_SLOW_PULSE:
        raise ValueError(
            f"the dc channel is too slow: it has {own:.0f} samples in a pulse, and when that begins and ends is not "
            "known well enough"
        )
    return replace(pulses, start=start, stop=np.maximum(stop, start + 1), edge_error=max(coarse, 1.0))


def find_edges(
    stream: Any,
    *,
    polarity: Literal["rising", "falling"] = "rising",
    levels: tuple[float, float] | None = None,
    name: str = "the trigger line",
    block: int = BLOCK,
) -> Indices:
    """Return the samples at which a trigger line switches.

    Parameters
    ----------
    stream : array-like, shape (sample,)
        A digital line, or the voltage of one.
    polarity : "rising" or "falling"
        Which edges count. The index is that of the first sample beyond halfway; the line must have gone back by
        another fifth of the step before the next edge counts.
    levels : (float, float), optional
        Low and high level; read from the data by default.
    name : str
        For the sentences of errors.

    Raises
    ------
    ValueError
        If the line is constant or no digital line.
    """
    if polarity not in ("rising", "falling"):
        raise ValueError(f"the polarity must be 'rising' or 'falling', not '{polarity}'")
    length_of(stream, name)
    low, high = low_and_high(stream, name=name, block=block) if levels is None else levels
    half, step = (low + high) / 2, high - low
    if polarity == "rising":
        runs = _runs_beyond(stream, block, up=(half, half - 0.2 * step), down=(-np.inf, -np.inf), name=name)
    else:
        runs = _runs_beyond(stream, block, up=(np.inf, np.inf), down=(half, half + 0.2 * step), name=name)
    return runs.first[~runs.from_start]


def _halfway_to_their_own(stream: Any, runs: "_Runs", levels: Levels) -> "_Runs":
    """Return pulses that begin and end at half their own height, which may be more than the smallest.

    Slow edges pass the half of -3 V before that of -6 V: time zero would depend on the voltage.
    """
    first, last, total = runs.first.copy(), runs.last.copy(), runs.total.copy()
    smallest = np.where(runs.sign == _UP, levels.smallest_rise, levels.smallest_fall)
    height = total / (last - first + 1) - levels.idle
    # The mean holds the edges, too; the level does not.
    heights = np.array(levels.pulses) - levels.idle
    nearest = heights[np.argmin(np.abs(height[:, None] - heights), axis=1)]
    height = np.where(np.abs(nearest - height) < 0.2 * np.abs(height), nearest, height)
    taller = np.flatnonzero(np.abs(height) > _TALLER * smallest)
    reach = int(np.clip(np.median(last - first + 1) // 4, 1, _LONGEST_EDGE))
    for some in np.array_split(taller, -(-taller.size // 4096)) if taller.size else []:
        half = height[some] / 2
        for edge, sign in ((first, 1), (last, -1)):
            # From the sample outside of the pulse inwards.
            begin = edge[some] - 1 if sign == 1 else edge[some] + 1 - reach
            near = CutTraces(stream, begin[None], 0, reach + 1)[:][0].astype(np.float64)[:, ::sign]
            inside = (near[:, 1:] - levels.idle) / half[:, None] >= 1
            away = np.where(inside.any(axis=1), np.argmax(inside, axis=1), 0)
            edge[some] += sign * away
            total[some] -= np.where(np.arange(reach) < away[:, None], near[:, 1:], 0.0).sum(axis=1)
    return replace(runs, first=first, last=last, total=total)


@dataclass(frozen=True, eq=False)
class _Runs:
    """Stretches beyond a threshold, arrays of shape (run,): first and last sample, sign, sum of the values."""

    first: Indices
    last: Indices
    sign: NDArray[np.uint8]
    total: Array
    from_start: NDArray[np.bool_]
    """Whether the recording begins inside it."""

    def chosen(self, which: NDArray[Any]) -> "_Runs":
        return _Runs(*(getattr(self, part.name)[which] for part in fields(self)))

    def without_holes(self) -> "_Runs":
        """Return the runs with those put together that a spike towards the idle level has parted."""
        if self.first.size < 2:
            return self
        hole = max(1.0, _HOLE * _usual_length(self.last - self.first + 1))
        begins = np.ones(self.first.size, np.bool_)
        begins[1:] = (self.first[1:] - self.last[:-1] - 1 > hole) | (self.sign[1:] != self.sign[:-1])
        at = np.flatnonzero(begins)
        ends = np.append(at[1:], begins.size) - 1
        # The mean is one over the samples of the pulse: what the holes lack is put in at the pulse's own level.
        counted = np.add.reduceat(self.last - self.first + 1, at)
        total = np.add.reduceat(self.total, at) * (self.last[ends] - self.first[at] + 1) / counted
        return replace(self.chosen(at), last=self.last[ends], total=total)


_COLUMNS: Final = ("i8", "i8", "u1", "f8", "?", "?")
"""Types of what `_Runs` holds, and of whether a run goes on from the block before."""


def _usual_length(lengths: Indices) -> float:
    """Return the length of the runs in which half of all the time is spent: spikes, however many, weigh nothing."""
    ordered = np.sort(lengths)
    return float(ordered[np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)]) if ordered.size else 0.0


def _runs_beyond(
    stream: Any,
    block: int,
    *,
    up: tuple[float, float],
    down: tuple[float, float],
    name: str = "the dc channel",
) -> _Runs:
    """Return the stretches at or beyond ``up[0]`` or ``down[0]``; each lasts until ``up[1]``, ``down[1]`` is passed."""
    parts: list[tuple[NDArray[Any], ...]] = [tuple(np.empty(0, code) for code in _COLUMNS)]
    state, last_sure, count = 0, -1, 0
    for offset, values in blocks_of(stream, block):
        code = _codes(values, up, down)
        sure = slice(None) if code.all() else np.flatnonzero(code)
        codes = code[sure]
        if codes.size:
            change = np.flatnonzero(codes[1:] != codes[:-1]) + 1
            begins = np.concatenate([[0], change])
            ends = np.append(change, codes.size) - 1
            begins_at, ends_at = (begins, ends) if isinstance(sure, slice) else (sure[begins], sure[ends])
            kinds = codes[begins]
            beyond = kinds != _IDLE
            first, last, kind = begins_at[beyond], ends_at[beyond], kinds[beyond]
            total = _sums(values, first, last)
            # What went on in the block before goes on here, be it beyond the threshold or not.
            goes_on = np.zeros(first.size, np.bool_)
            if first.size and beyond[0] and state == kind[0]:
                goes_on[0] = True
                # Samples in between, at the end of the block before, belong to it now.
                total[0] += _between(stream, last_sure + 1, offset + int(first[0]))
            unknown = np.zeros(first.size, np.bool_)
            if first.size and beyond[0] and state == 0:
                unknown[0] = True
            parts.append((first + offset, last + offset, kind, total, unknown, goes_on))
            state, last_sure = int(codes[-1]), offset + int(ends_at[-1])
            count += first.size
        if count > _TOO_MANY + (offset + values.size) / _SHORTEST_PERIOD:
            # Noise of two values: endless runs would fill the memory, and no scan comes of them.
            raise ValueError(
                f"{name} switches every few samples, as no series of pulses does: check which channel it is"
            )
    return _joined(parts)


def _codes(values: NDArray[Any], up: tuple[float, float], down: tuple[float, float]) -> NDArray[np.uint8]:
    """Return the state each sample is sure to be in; 0 where it keeps the one before."""
    # Sums of whole bytes: three times as fast as assigning through masks.
    code = np.zeros(values.size, np.uint8)
    quiet = None
    if np.isfinite(up[0]):
        code += (values >= up[0]).view(np.uint8)
        quiet = values < up[1]
    if np.isfinite(down[0]):
        code += (values <= down[0]).view(np.uint8) * np.uint8(_DOWN)
        quiet = values > down[1] if quiet is None else quiet & (values > down[1])
    if quiet is not None:
        code += quiet.view(np.uint8) * np.uint8(_IDLE)
    return code


def _sums(values: NDArray[Any], first: Indices, last: Indices) -> Array:
    if first.size == 0:
        return np.empty(0)
    edges = np.column_stack([first, last + 1]).ravel()
    inside = edges[edges < values.size]
    total = np.asarray(np.add.reduceat(values, inside, dtype=np.float64)[::2])
    for index in np.flatnonzero(np.isnan(total)):  # lost samples count as the mean of the others
        total[index] = np.nanmean(values[first[index] : last[index] + 1]) * (last[index] + 1 - first[index])
    return total


def _between(stream: Any, start: int, stop: int) -> float:
    if stop <= start:
        return 0.0
    values = np.asarray(stream[start:stop], dtype=np.float64)
    return float(np.nanmean(values)) * values.size if not np.isnan(values).all() else 0.0


def _joined(parts: list[tuple[NDArray[Any], ...]]) -> _Runs:
    """Return the runs of all blocks, those that go on across the edge of a block as one."""
    *columns, goes_on = (np.concatenate(column) for column in zip(*parts, strict=True))
    runs = _Runs(*columns)
    at = np.flatnonzero(~goes_on)
    if at.size == 0:
        return runs
    ends = np.append(at[1:], goes_on.size) - 1
    return replace(runs.chosen(at), last=runs.last[ends], total=np.add.reduceat(runs.total, at))
