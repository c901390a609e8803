"""Where the lines of a scan begin, seen from its pulses.

Times are counted in pixel periods. A line is a stretch of exactly as many pixels as it has, with a pause, a change of
phase, or a line trigger at both ends. A line that lacks its first or last pulse has no such ends; where it begins
follows from the lines beside it, or from its trigger.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.recording.passes import Pass, PassClock, Train

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_COMPANIONS: Final = 8
"""Stretches before and after one that are asked whether they lie at the distance of lines."""
_LIKE_A_GAP: Final = 2.2
"""Pause between lines, in pixels, up to which one or two missing pulses look the same."""
_FEW: Final = 4
_LEAST_WHOLE: Final = 0.3
"""Least part of the lines whose both ends must be seen."""


def passes_from_times(
    times: Array,
    good: NDArray[np.bool_],
    slots: int,
    kinds: int,
    expected: int,
    *,
    tolerance: float,
    triggers: Array | None = None,
) -> tuple[list[Pass], list[str]]:
    """Return the passages over lines in a series of pulses, without gaps in their numbers, and sentences about them.

    Parameters
    ----------
    times : ndarray, shape (pulse,)
        Ascending times, in pixel periods.
    good : ndarray of bool, shape (pulse,)
        Whether each pulse is in step with others.
    slots : int
        Pixels of a line.
    kinds : int
        How many pauses between passages there are, which follow each other in turn: 2 for trace and retrace.
    expected : int
        Passages of the whole scan.
    triggers : ndarray, optional
        Times of the line triggers, in pixel periods.

    Raises
    ------
    ValueError
        If no lines of so many pixels can be seen.
    """
    train = train_from_times(times, good, tolerance)
    bound = _bounds(train, triggers)
    first, last = _whole_lines(train, bound, slots)
    chosen = _believed(_weights(train.z[first], slots, triggers), train.z, first, last)
    first, last = first[chosen], last[chosen]
    if first.size == 0 or first.size < _LEAST_WHOLE * train.z.size / slots:
        if train.count[-1] == expected * slots - 1 and train.slips[-1] == 0:
            return _unbroken(train, slots, expected)
        raise ValueError(_no_lines_message(train, bound, slots))
    if first.size < _FEW and (triggers is None or not triggers.size) and _doubtful(train.z, first, last):
        raise ValueError(
            f"few lines of {slots} pixels lie in the recording, and the pauses between them are no longer than where a "
            "pulse is missing: record a line trigger"
        )
    clock = PassClock(train, first, last, kinds, slots, triggers)
    return clock.passes(expected), clock.notes


def train_from_times(times: Array, good: NDArray[np.bool_], tolerance: float) -> Train:
    """Return the pulses in step with their pixels counted."""
    z = times[good]
    step = np.diff(z)
    whole = np.rint(step)
    slip = np.abs(step - whole) > tolerance
    return Train(
        z,
        np.concatenate([[0], np.cumsum(whole.astype(np.int64))]),
        np.concatenate([[0], np.cumsum(slip)]),
        np.flatnonzero(good),
        times[~good],
        np.flatnonzero(~good),
    )


def _bounds(train: Train, triggers: Array | None) -> NDArray[np.bool_]:
    """Return whether a line may begin at each pulse, or end before it; one entry more than there are pulses."""
    bound = np.ones(train.z.size + 1, np.bool_)
    bound[1:-1] = (np.diff(train.slips) > 0) | (np.diff(train.count) >= 2)
    if triggers is not None and triggers.size:
        # A line trigger comes with the first pixel of its line, or before it.
        bound[np.searchsorted(train.z, triggers - 0.4)] = True
    return bound


def _whole_lines(train: Train, bound: NDArray[np.bool_], slots: int) -> tuple[Indices, Indices]:
    """Return the first and the last pulse of every stretch of exactly one line between two bounds."""
    first = np.flatnonzero(bound[:-1])
    target = train.count[first] + slots - 1
    last = np.searchsorted(train.count, target, side="right") - 1
    fits = (train.count[last] == target) & (train.slips[last] == train.slips[first]) & bound[last + 1]
    return first[fits], last[fits]


def _weights(start: Array, slots: int, triggers: Array | None) -> Array:
    """Return how much speaks for each stretch to be a line: others at the distance of lines, its trigger.

    Two missing pulses can bound a stretch of the right length that reaches from one line into the next; it has hardly
    any companions.
    """
    weight = np.ones(start.size)
    for apart in range(1, min(_COMPANIONS, start.size - 1) + 1):
        distance = start[apart:] - start[:-apart]
        # Distances shorter than a line are those of two stretches of which one is none.
        usual = _usual(distance, distance > slots - 0.5, start.size)
        weight[apart:] += usual
        weight[:-apart] += usual
    if triggers is not None and triggers.size:
        at = np.searchsorted(triggers, start + 0.4) - 1
        delay = start - triggers[np.maximum(at, 0)]
        weight += _COMPANIONS * _usual(delay, at >= 0, start.size)
    return weight


def _usual(values: Array, valid: NDArray[np.bool_], lines: int) -> NDArray[np.bool_]:
    """Return which values many others agree with; none where no value is frequent."""
    ordered = np.sort(values[valid])
    crowd = np.searchsorted(ordered, values + 0.3, side="right") - np.searchsorted(ordered, values - 0.3)
    most = int(crowd[valid].max()) if ordered.size else 0
    return valid & (crowd >= max(0.3 * most, 3)) & (most >= 0.1 * lines)


def _believed(weight: Array, z: Array, first: Indices, last: Indices) -> Indices:
    """Return the lines to believe: the ones with weight, and of the others those between pauses as long as theirs.

    What comes after a pause of its own has few companions at the distance of lines, though it is one.
    """
    lines = _not_overlapping(weight, first, last)
    if lines.size < 2:
        return lines
    pause = np.concatenate([[np.inf], np.diff(z), [np.inf]])
    shortest = np.minimum(pause[first[lines]], pause[last[lines] + 1])
    heavy = weight[lines] >= 0.4 * np.median(weight[lines])
    usual = float(np.median(shortest[heavy]))
    # A pulse or two that are missing make a pause of two or three pixels.
    return np.asarray(lines[heavy | (usual > _LIKE_A_GAP) & (shortest >= 0.8 * usual)])


def _doubtful(z: Array, first: Indices, last: Indices) -> bool:
    """Return whether a few lines may be none: pulses lie beside them, and missing ones may be what ends them."""
    if int((last - first + 1).sum()) == z.size:
        return False
    pause = np.concatenate([[np.inf], np.diff(z), [np.inf]])
    return bool(min(pause[first].min(), pause[last + 1].min()) < _LIKE_A_GAP + 1)


def _not_overlapping(weight: Array, first: Indices, last: Indices) -> Indices:
    """Return the lines with most weight in all that do not overlap."""
    if first.size < 2:
        return np.arange(first.size)
    order = np.argsort(last, kind="stable")
    before = np.searchsorted(last[order], first[order])  # how many end before this one begins
    best, taken = [0.0], []
    for index, line in enumerate(order):
        with_it = weight[line] + best[before[index]]
        taken.append(with_it > best[-1])
        best.append(max(best[-1], with_it))
    chosen, index = [], order.size
    while index > 0:
        if taken[index - 1]:
            chosen.append(int(order[index - 1]))
            index = int(before[index - 1])
        else:
            index -= 1
    return np.array(chosen[::-1], np.int64)


def _unbroken(train: Train, slots: int, expected: int) -> tuple[list[Pass], list[str]]:
    """Return the lines of a recording without pauses, in which exactly as many pixels lie as the scan has."""
    passes = []
    for number in range(expected):
        inside = np.flatnonzero(train.count // slots == number)
        slot = train.count[inside] - number * slots
        start = float(np.median(train.z[inside] - slot)) if inside.size else float(number * slots)
        passes.append(Pass(number, start, train.index[inside], slot))
    note = "The pulses come without pauses: the lines were told by counting pixels from the first pulse."
    return passes, [note] if expected > 1 else []


def _no_lines_message(train: Train, bound: NDArray[np.bool_], slots: int) -> str:
    bounds = np.flatnonzero(bound)
    lengths: list[int] = []
    for apart in range(1, min(9, bounds.size)):
        first, last = bounds[:-apart], bounds[apart:] - 1
        alike = train.slips[first] == train.slips[last]
        lengths += (train.count[last] - train.count[first] + 1)[alike].tolist()
    lengths_seen, times = np.unique(lengths or [0], return_counts=True)
    best = int(np.argmax(lengths_seen * times))
    length, often = lengths_seen[best], times[best]
    if often > 1 and length * often > 0.5 * train.z.size and length != slots:
        return (
            f"the lines of the recording have {length} pixels, not {slots}: "
            f"{often} stretches of {length} pulses lie between pauses"
        )
    return (
        f"no lines of {slots} pixels can be seen among {train.z.size} pulses: neither pauses nor line triggers show "
        "where they begin; check the number of columns, or record a line trigger"
    )
