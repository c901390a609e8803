"""Fits of whole traces, for the few that the table cannot serve: missing samples, or hardly any noise.

Every trace here may miss samples of its own, so nothing can be projected beforehand: all sums run over the trace.
It costs some fifty times more than the table and is exact to rounding.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.search import Parameters
from napari_tesm.kernels import Kernel

Array = NDArray[np.float64]

_STEP: Final = 1e-4
"""Step of the derivatives in u: their error, of order 1e-9, is far below any standard error."""
_SCAN_SPACING: Final = 0.1
_ROWS: Final = 512
"""Rows handled at once, which bounds the memory."""


@dataclass(frozen=True)
class ExactFit:
    """Optimum and parameters of each row, shapes (rows,)."""

    u: Array
    parameters: Parameters
    total: Array
    samples: NDArray[np.intp]


def exact_fit(
    traces: Array, present: NDArray[np.bool_], kernel: Kernel, time: Array, low: float, high: float
) -> ExactFit:
    """Fit traces with missing samples by variable projection on whole traces.

    Parameters
    ----------
    traces : ndarray, shape (rows, time)
        Scaled to moderate numbers, offset removed; 0 where a sample is missing.
    present : ndarray of bool, shape (rows, time)
        Where there is a sample; at least four in each row.
    low, high : float
        Bounds of u = ln tau.
    """
    parts = [
        _exact_fit(traces[i : i + _ROWS], present[i : i + _ROWS].astype(np.float64), kernel, time, low, high)
        for i in range(0, len(traces), _ROWS)
    ]
    names = ("a", "c", "u_error", "a_error", "c_error", "rss")
    parameters = Parameters(*(np.concatenate([getattr(p.parameters, name) for p in parts]) for name in names))
    return ExactFit(
        np.concatenate([part.u for part in parts]),
        parameters,
        np.concatenate([part.total for part in parts]),
        np.concatenate([part.samples for part in parts]),
    )


def _exact_fit(y: Array, weight: Array, kernel: Kernel, time: Array, low: float, high: float) -> ExactFit:
    count = weight.sum(axis=1)
    mean = y.sum(axis=1) / count
    y = (y - mean[:, None]) * weight
    total = np.vecdot(y, y)
    u = _best_of_scan(y, weight, count, kernel, time, low, high)
    left, right = np.maximum(u - _SCAN_SPACING, low), np.minimum(u + _SCAN_SPACING, high)

    def score(at: Array) -> Array:
        return np.vecdot(_unit_rows(kernel, time, at, weight, count)[0], y)

    for _ in range(60):
        behind, here, ahead = (score(u + shift) ** 2 for shift in (-_STEP, 0.0, _STEP))
        slope, bend = (ahead - behind) / (2 * _STEP), (ahead - 2 * here + behind) / _STEP**2
        left, right = np.where(slope > 0, u, left), np.where(slope > 0, right, u)
        newton = u - slope / np.where(bend < 0, bend, -np.inf)
        inside = (bend < 0) & (newton > left) & (newton < right)
        moved = np.where(inside, newton, np.where(slope == 0, u, (left + right) / 2))
        change = np.abs(moved - u).max(initial=0)
        u = moved
        if change < 1e-9:
            break
    # A bisection that ran into a bound ends a hair beside it.
    u = np.where(u - low < 1e-7, low, np.where(high - u < 1e-7, high, u))

    unit, norm, level = _unit_rows(kernel, time, u, weight, count)
    ahead, norm_ahead, level_ahead = _unit_rows(kernel, time, u + _STEP, weight, count)
    behind, norm_behind, level_behind = _unit_rows(kernel, time, u - _STEP, weight, count)
    h = np.vecdot(unit, y)
    residual = y - h[:, None] * unit
    rss = np.vecdot(residual, residual)
    noise = np.sqrt(rss / np.maximum(count - 3, 1))
    tangent = (ahead - behind) / (2 * _STEP)
    w = 1 / np.vecdot(tangent, tangent)
    log_slope = np.log(norm_ahead / norm_behind) / (2 * _STEP)
    level_slope = (level_ahead - level_behind) / (2 * _STEP)
    a = h / norm
    parameters = Parameters(
        a=a,
        c=mean - a * level,
        u_error=noise * np.sqrt(w) / np.abs(h),
        a_error=noise * np.sqrt(1 + log_slope**2 * w) / norm,
        c_error=noise
        * np.sqrt(1 / count + (level / norm) ** 2 + (level_slope - level * log_slope) ** 2 * w / norm**2),
        rss=rss,
    )
    return ExactFit(u, parameters, total, count.astype(np.intp))


def _best_of_scan(
    y: Array, weight: Array, count: Array, kernel: Kernel, time: Array, low: float, high: float
) -> Array:
    """Return the best u of a dense scan; three products give the scores of all rows at all u."""
    u = np.linspace(low, high, max(2, int(np.ceil((high - low) / _SCAN_SPACING)) + 1))
    curves = kernel.curves(time, u[:, None])
    curves = curves - curves.mean(axis=1, keepdims=True)
    curves /= np.sqrt(np.vecdot(curves, curves))[:, None]
    squares = weight @ (curves * curves).T - (weight @ curves.T) ** 2 / count[:, None]
    # A curve that is flat on the samples that are left has no direction: rounding must not make it the best.
    usable = squares > 1e-9
    scores = np.where(usable, (y @ curves.T) ** 2 / np.where(usable, squares, 1.0), -1.0)
    return np.asarray(u[scores.argmax(axis=1)])


def _unit_rows(
    kernel: Kernel, time: Array, u: Array, weight: Array, count: Array
) -> tuple[Array, Array, Array]:
    """Return the unit curve of each row at its own u on its own samples, its norm, and the mean of g."""
    curves = kernel.curves(time, u[:, None]) * weight
    level = curves.sum(axis=1) / count
    curves = (curves - level[:, None]) * weight
    norm = np.sqrt(np.vecdot(curves, curves))
    return curves / norm[:, None], norm, level + kernel.constant
