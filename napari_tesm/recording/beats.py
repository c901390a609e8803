"""The pulses of a recording as beats of one clock: each with the time of its pixel, grouped into passes over lines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.recording.lines import passes_from_times
from napari_tesm.recording.order import ScanOrder
from napari_tesm.recording.passes import Pass
from napari_tesm.recording.rhythm import Rhythm, in_step, rhythm_from_times

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_TOGETHER = 0.25
"""Largest distance, in pixel periods, of the pulses of one pixel once their delays are taken off."""


@dataclass(frozen=True, eq=False)
class Beats:
    """Pulses grouped into passages.

    Parameters
    ----------
    rhythm : Rhythm
    z : ndarray, shape (pulse,)
        Time of each pulse's pixel, in pixel periods: the delay of the pulse within its pixel is taken off.
    label : ndarray of int
        Which of a pixel's pulses each one is, where its voltage tells; else 0.
    per_pixel : int
        Beats in a pixel: more than one where time alone tells the pulses of a pixel apart.
    passes : list of Pass
        Their `events` are numbers of beats.
    ascending, bounds : ndarray of int
        The pulses in the order of `z`; beat k is made up of those from ``bounds[k]`` to ``bounds[k + 1]``.
    slots : int
        Beats of a line.
    """

    rhythm: Rhythm
    z: Array
    label: Indices
    per_pixel: int
    passes: list[Pass]
    ascending: Indices
    bounds: Indices
    slots: int
    notes: list[str]
    triggered: int | None = None
    """Where every second passage has a line trigger: 0 or 1, the first one that has."""

    def members(self, passage: Pass) -> Indices:
        """Return the pulses of a passage."""
        sizes = self.bounds[passage.events + 1] - self.bounds[passage.events]
        # Counted on from the first pulse of each beat.
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.asarray(self.ascending[np.repeat(self.bounds[passage.events], sizes) + within])

    def member_slots(self, passage: Pass) -> Indices:
        """Return the beat of the line that each of `members` belongs to."""
        return np.repeat(passage.slots, self.bounds[passage.events + 1] - self.bounds[passage.events])

    def strays_in_passes(self) -> tuple[Indices, Indices, int]:
        """Return the passage and the pixel at which each pulse came that has no pixel, and how many came between lines.

        Those of a passage that could not be placed are left out.
        """
        unplaced = np.ones(self.z.size, np.bool_)
        for passage in self.passes:
            unplaced[self.members(passage)] = False
        z = self.z[unplaced]
        starts = np.array([passage.start for passage in self.passes])
        number = np.searchsorted(starts, z + 0.5, side="right") - 1
        slot = np.floor(z - starts[np.maximum(number, 0)] + 1e-9).astype(np.int64)
        inside = (number >= 0) & (slot < self.slots)
        placed = np.array([not passage.problem for passage in self.passes])[number[inside]]
        pixel = np.maximum(slot[inside], 0) // self.per_pixel
        return number[inside][placed], pixel[placed], int((~inside).sum())


def beats_from_starts(
    starts: Indices, order: ScanOrder, volts: Array | None, line_triggers: ArrayLike | None
) -> Beats:
    """Group pulses into passages over lines.

    Parameters
    ----------
    starts : ndarray of int, shape (pulse,)
        Samples.
    volts : ndarray, optional
        Measured voltage of each pulse.
    line_triggers : array-like, optional
        Samples.

    Raises
    ------
    ValueError
        If the pulses have other voltages than the order says, come at no regular interval, or show no lines.
    """
    if volts is not None and order.voltages:
        check_voltages(volts, order.voltages)
    count = order.pulses_per_pixel
    told_apart = volts is not None and count > 1 and len(set(order.voltages)) == count
    if told_apart and volts is not None:
        label = np.argmin(np.abs(volts[:, None] - np.array(order.voltages)), axis=1)
        rhythm, delay = _rhythm_within_pixels(starts.astype(np.float64), label, count)
        z, per_pixel = (starts - delay[label]) / rhythm.period, 1
    else:
        # Nothing but time tells the pulses of a pixel apart: they must be evenly spaced.
        label, per_pixel = np.zeros(starts.size, np.int64), count
        rhythm = rhythm_from_times(starts.astype(np.float64))
        z = starts / rhythm.period
    ascending = np.argsort(z, kind="stable")
    begins = np.ones(z.size, np.bool_)
    if told_apart:
        begins[1:] = np.diff(z[ascending]) > _TOGETHER
    bounds = np.append(np.flatnonzero(begins), z.size)
    times = np.add.reduceat(z[ascending], bounds[:-1]) / np.diff(bounds)
    triggers = None if line_triggers is None else np.asarray(line_triggers, dtype=np.float64) / rhythm.period
    slots = order.columns * per_pixel
    passes, notes = _passes(times, order, slots, rhythm, triggers)
    return Beats(
        rhythm, z, label, per_pixel, passes, ascending, bounds, slots, notes, _triggered(passes, triggers)
    )


def _triggered(passes: list[Pass], triggers: Array | None) -> int | None:
    """Return whether the even or the odd passages have a line trigger, None where that is not clear."""
    if triggers is None or len(passes) < 4:
        return None
    starts = np.array([passage.start for passage in passes])
    own = np.searchsorted(triggers, starts[1:] + 0.4) > np.searchsorted(triggers, starts[:-1] + 0.4)
    odd, even = float(own[::2].mean()), float(own[1::2].mean())
    if max(odd, even) < 0.6 or min(odd, even) > 0.3:
        return None
    return int(odd > even)


def check_voltages(volts: Array, expected: tuple[float, ...]) -> None:
    """Raise a ValueError where most pulses have none of the voltages they should have."""
    levels = np.unique([0.0, *expected])
    reach = 0.4 * float(np.diff(levels).min())
    nominal = np.unique(expected)
    fits = np.abs(volts[:, None] - nominal).min(axis=1) <= reach
    if np.mean(fits) < 0.5:
        expected_levels, measured = (
            ", ".join(text_from_quantity(float(value), "V", digits=3) for value in values)
            for values in (nominal, np.unique(np.quantile(volts, [0.05, 0.95])))
        )
        raise ValueError(
            f"the dc channel has pulses of {measured}, not of {expected_levels}: check its scaling and the voltages"
        )


def _rhythm_within_pixels(starts: Array, label: Indices, count: int) -> tuple[Rhythm, Array]:
    """Return the pixel period, and the delay of each of a pixel's pulses after the first, in samples."""
    rhythms = [
        rhythm_from_times(starts[label == k]) for k in range(count) if np.count_nonzero(label == k) > 1
    ]
    if not rhythms:
        raise ValueError(
            "every voltage occurs once: at least two pulses of one voltage are needed to place pixels"
        )
    rhythm = min(rhythms, key=lambda rhythm: rhythm.jitter)
    delay = np.zeros(count)
    first = starts[label == 0]
    for k in range(1, count):
        mine = starts[label == k]
        at = np.searchsorted(first, mine) - 1
        after = (mine - first[np.maximum(at, 0)])[at >= 0] if first.size else np.empty(0)
        after = after[after < rhythm.period * (1 + rhythm.tolerance)]
        delay[k] = np.median(after) if after.size else k * rhythm.period / count
    return rhythm, delay


def _passes(
    times: Array, order: ScanOrder, slots: int, rhythm: Rhythm, triggers: Array | None
) -> tuple[list[Pass], list[str]]:
    """Return the passages, and sentences about them."""
    expected = order.passes - order.first_line * len(order.ways)
    one_pixel = slots == 1
    good = in_step(times, expected if one_pixel else slots, rhythm.tolerance)
    if np.count_nonzero(good) < 2:
        raise ValueError(
            "the pulses come at no regular interval: hardly any two are whole pixel periods apart"
        )
    if one_pixel:  # lines of one pixel are the pixels of one long line
        passes, notes = passes_from_times(times, good, expected, 1, 1, tolerance=rhythm.tolerance)
        whole = passes[0]
        passes = []
        for number in range(expected):
            here = whole.slots == number
            events = whole.events[here]
            passes.append(Pass(number, whole.start + number, events, np.zeros(events.size, np.int64)))
        return passes, notes
    kinds = 2 if order.serpentine else len(order.ways)
    return passes_from_times(
        times, good, slots, kinds, expected, tolerance=rhythm.tolerance, triggers=triggers
    )
