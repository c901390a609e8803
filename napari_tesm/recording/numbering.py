"""Lines that are seen whole, numbered by the time between them.

Between trace and retrace, and between retrace and trace, the tip may turn around for different times: the periods of as
many kinds of passage as there are follow each other in turn.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_OFF: Final = 0.5
"""Distance, in pixels, from which a line is not where the pace of the others has it."""


@dataclass(frozen=True, eq=False)
class Numbering:
    """Numbers of the lines that are seen whole, and the pace of the passages.

    Parameters
    ----------
    numbers : ndarray of int, shape (line,)
        Of the passage that each one is, counted from the first.
    residual : ndarray, shape (line - 1,)
        How much later than by the pace each one follows the one before it, in pixels.
    steps : ndarray, shape (kind,)
        From the begin of a passage to that of the next one, in pixels, for each kind; NaN where it is not known.
    scatter : float
        Of `residual`; infinite where the lines are too few, or too many are off, to tell.
    """

    numbers: Indices
    residual: Array
    steps: Array
    scatter: float

    @property
    def uneven(self) -> float:
        """Part of the lines that are not where the pace of the others has them."""
        return float(np.mean(np.abs(self.residual) > _OFF)) if self.residual.size else 0.0

    def time_between(self, a: int, b: int) -> float:
        """Return the time from the begin of passage `a` to that of passage `b`."""
        if b < a:
            return -self.time_between(b, a)
        kinds = self.steps.size
        turns, rest = divmod(b - a, kinds)
        return float(turns * self.steps.sum() + sum(self.steps[(a + k) % kinds] for k in range(rest)))


def numbering_from_starts(start: Array, kinds: int, mean: float) -> Numbering:
    """Return the numbers of lines, and the periods that they teach.

    Parameters
    ----------
    start : ndarray, shape (line,)
        When the lines begin, in pixels.
    kinds : int
        How many periods follow each other in turn.
    mean : float
        About how long they are, on average.
    """
    apart = np.diff(start)
    residual, steps = np.zeros(apart.size), np.full(kinds, np.nan)
    if apart.size == 0:
        return Numbering(np.zeros(start.size, np.int64), residual, steps, np.inf)
    count = np.maximum(1, np.rint(apart / mean).astype(np.int64))
    for _ in range(4):  # what the numbers teach of the periods may correct the numbers
        parity = np.concatenate([[0], np.cumsum(count)])[:-1] % kinds
        for kind in range(kinds):
            single = apart[(count == 1) & (parity == kind)]
            steps[kind] = _commonest(single) if single.size else mean
        before, count = count, count.copy()
        # Time of no passage, one, two … from each kind on.
        sums = [[0.0, *np.cumsum(np.roll(steps, -kind)).tolist()] for kind in range(kinds)]
        number = 0
        for index, distance in enumerate(apart.tolist()):
            best, kind = np.inf, number % kinds
            for option in range(max(1, int(before[index]) - 1), int(before[index]) + 2):
                turns, rest = divmod(option, kinds)
                left = distance - turns * sums[0][kinds] - sums[kind][rest]
                if abs(left) < abs(best):
                    best, count[index] = left, option
            residual[index] = best
            number += int(count[index])
        if (count == before).all():
            break
    # Few lines say nothing of how even their pace is; nor do they where many are off.
    enough = apart.size - kinds >= 2 and np.mean(np.abs(residual) > _OFF) < 0.2
    scatter = 1.4826 * float(np.median(np.abs(residual))) if enough else np.inf
    return Numbering(np.concatenate([[0], np.cumsum(count)]), residual, steps, scatter)


def likely_distances(start: Array, kinds: int) -> list[float]:
    """Return what the distance of two passages may be, on average over the kinds, the longest first."""
    likely: list[float] = []
    for apart in range(1, kinds + 1):
        distances = np.sort(start[apart:] - start[:-apart]) / apart
        if distances.size:
            parts = np.split(distances, np.flatnonzero(np.diff(distances) > 0.3) + 1)
            parts.sort(key=len, reverse=True)
            likely += [float(np.median(part)) for part in parts[:6]]
            likely.append(float(np.median(distances)))
    likely.sort(reverse=True)
    longer = [np.inf, *likely]
    apart_enough = [
        distance for distance, above in zip(likely, longer, strict=False) if above - distance > 0.05
    ]
    return apart_enough or [0.0]


def _commonest(values: Array) -> float:
    """Return the value about which most others lie, the smallest of several that are as common."""
    ordered = np.sort(values)
    width = max(0.6, 0.02 * float(np.median(ordered)))
    crowd = np.searchsorted(ordered, ordered + width, side="right") - np.arange(ordered.size)
    best = int(np.flatnonzero(crowd >= 0.8 * crowd.max())[0])
    return float(np.median(ordered[best : best + int(crowd[best])]))
