"""What a fit is given, checked: times, traces, the window they span and the range to search."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
_TILE: Final = 512
_PADDING: Final = 8
"""Keeps the planes of a tile from falling into the same few sets of the cache."""


def checked_times(time: ArrayLike) -> Array:
    """Return sample times as doubles, or raise a ValueError that says what is wrong with them."""
    times = np.asarray(time, dtype=np.float64)
    if times.ndim != 1:
        raise ValueError(f"time must have one dimension, not {times.ndim}")
    if not np.isfinite(times).all():
        raise ValueError("the times hold values that are not finite: give the time of every sample")
    if (np.diff(times) <= 0).any():
        where = int(np.flatnonzero(np.diff(times) <= 0)[0]) + 1
        raise ValueError(
            f"the times do not increase at sample {where}: sort the samples by time and drop repeated ones"
        )
    return times


def checked_traces(traces: ArrayLike, times: Array) -> NDArray[np.generic]:
    """Return traces as an array of real numbers whose last axis is time, or raise a ValueError."""
    if isinstance(traces, np.ma.MaskedArray):
        traces = np.ma.filled(traces.astype(np.float64), np.nan)
    traces = np.asarray(traces)
    if traces.ndim == 0 or traces.shape[-1] != times.size:
        raise ValueError(
            f"the traces' last axis must be time: the shape {traces.shape} does not end in {times.size} samples"
        )
    if traces.dtype.kind not in "fiub":
        raise ValueError(
            f"the traces must be real numbers, not {traces.dtype}: take one part or the amplitude"
        )
    return traces


def rows_of_traces(traces: NDArray[np.generic]) -> Array:
    """Return traces, shape (n, time), as doubles, neighbouring samples side by side: sums end in the same digits.

    Time-first stacks are turned tile by tile: one copy of a stack whose planes are a power of two apart takes twice
    as long.
    """
    if abs(traces.strides[0]) >= abs(traces.strides[1]) or traces.dtype != np.float64:
        return np.require(traces, np.float64, ["C", "A"])
    rows = np.empty(traces.shape)
    planes = np.empty((traces.shape[1], _TILE + _PADDING))
    for start in range(0, len(traces), _TILE):
        tile = traces[start : start + _TILE]
        plane = planes[:, : len(tile)]
        np.copyto(plane, tile.T)
        np.copyto(rows[start : start + _TILE], plane.T)
    return rows


def window_from_times(times: Array) -> float:
    """Return the length of the window: from the first to the last sample plus one mean sampling interval."""
    return float((times[-1] - times[0]) * (times.size / max(times.size - 1, 1)))


def range_of_tau(
    search: tuple[float, float], window: float, bounds: tuple[float, float] | None
) -> tuple[float, float]:
    """Return the range to search, in the unit of the times: as bounded, else the kernel's in windows."""
    low, high = bounds or (search[0] * window, search[1] * window)
    if not 0 < low < high < np.inf:
        raise ValueError(f"the bounds of tau must be positive and in order, not {low:g} to {high:g}")
    return float(low), float(high)


def check_error_limit(max_log_tau_error: float) -> None:
    """Raise a ValueError for a limit of the standard error of ln tau that makes no sense."""
    if not max_log_tau_error > 0:
        raise ValueError(f"the largest error of ln tau must be positive, not {max_log_tau_error:g}")


def origin_from_start(start: float | None, times: Array) -> float:
    """Return when the kernel begins, in the unit of the times, or raise a ValueError."""
    origin = float(times[0]) if start is None else float(start)
    if not -np.inf < origin <= times[0]:
        raise ValueError(f"the kernel must start at the first sample or earlier, not at {origin:g}")
    return origin
