"""The rhythm of a scan: its pixel period, and which pulses are in step with it.

Pixels are placed by time: a pulse lies as many pixels after another as the time between them holds periods, so that one
that is missing leaves its pixel empty, and one too many moves nothing.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NEIGHBOURS: Final = 6
"""Pulses on each side that a pulse must be in step with."""
_LEAST_REGULAR: Final = 0.3
"""Least part of the intervals that must be one pixel period."""


@dataclass(frozen=True)
class Rhythm:
    """Pixel period in samples, and the scatter of the intervals as a part of it."""

    period: float
    jitter: float

    @property
    def tolerance(self) -> float:
        """How far from the clock a pulse may lie, in pixel periods."""
        return float(np.clip(5 * self.jitter, 0.12, 0.3))


def rhythm_from_times(times: Array) -> Rhythm:
    """Return the pixel period of a series of pulses, in the unit of `times`.

    Raises
    ------
    ValueError
        If the pulses come at no regular interval.
    """
    steps = np.diff(times)
    steps = steps[steps > 0]
    if steps.size == 0:
        raise ValueError("one pulse alone has no rhythm: at least two are needed to place pixels in time")
    candidates = np.unique(np.quantile(steps, np.linspace(0.02, 0.98, 49)))
    regular = np.array([np.mean(np.abs(steps / period - 1) < 0.15) for period in candidates])
    # The pauses between lines of two pixels are as regular and as many as the pixels: the shorter one is meant.
    period = float(candidates[np.flatnonzero(regular >= 0.6 * regular.max())[0]])
    near = steps[np.abs(steps / period - 1) < 0.15]
    if near.size < _LEAST_REGULAR * steps.size:
        raise ValueError(
            f"the pulses come at no regular interval: only {near.size / steps.size:.0%} of the intervals are alike"
        )
    period = float(np.median(near))
    near = steps[np.abs(steps / period - 1) < 0.3]
    jitter = 1.4826 * float(np.median(np.abs(near / period - 1)))
    inner = near[np.abs(near / period - 1) <= max(4 * jitter, 1e-9)]
    return Rhythm(float(inner.mean()) if inner.size else period, jitter)


def in_step(z: Array, slots: int, tolerance: float) -> NDArray[np.bool_]:
    """Return which pulses are in step with most of those before them, or with most of those after them.

    Near ones weigh more: a stray pulse at the begin of a line may be in step with the line before.

    Parameters
    ----------
    z : ndarray, shape (pulse,)
        Ascending times in pixel periods.
    slots : int
        Pixels of a line.
    """
    reach = min(_NEIGHBOURS, max(slots - 1, 1), max(z.size - 1, 1))
    shares = []
    for side in (1, -1):
        agreed, asked, number = np.zeros(z.size), np.zeros(z.size), np.zeros(z.size)
        for offset in range(1, reach + 1):
            step = z[offset:] - z[:-offset]
            agrees = np.abs(step - np.rint(step)) <= tolerance
            at = slice(None, -offset) if side == 1 else slice(offset, None)
            weight = 1 / np.maximum(step, 1.0)
            agreed[at] += weight * agrees
            asked[at] += weight
            number[at] += 1
        # Near the ends of the recording fewer neighbours are asked; one alone says little.
        shares.append(np.where(number >= min(3, reach), agreed / np.maximum(asked, 1e-12), 0.0))
    return np.asarray(np.maximum(*shares) >= 0.5)


def straight_line(x: NDArray[Any], y: Array) -> tuple[float, float]:
    """Return slope and height at zero of the straight line of least squares; `x` must not be all alike."""
    middle, height = float(x.mean()), float(y.mean())
    away = x - middle
    slope = float(away @ (y - height)) / float(away @ away)
    return slope, height - slope * middle
