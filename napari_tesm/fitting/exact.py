"""Fits of whole traces, for the few that a table cannot serve: gaps of their own, or hardly any noise.

Nothing can be projected beforehand when every trace may miss other samples, so all sums run over the trace. It
is the same variable projection (`napari_tesm.fitting.table`), right to 1e-9 in tau, at some forty times the cost.
"""

from dataclasses import fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.search import Parameters
from napari_tesm.fitting.table import unit_curves
from napari_tesm.kernels import Kernel

Array = NDArray[np.float64]

_STEP: Final = 1e-5
"""Step of the derivatives in u: truncation and rounding both leave an error of 1e-10 in u."""
_SCAN_SPACING: Final = 0.1
"""Spacing in u of the scan that finds the hill to climb."""
_SETTLED: Final = 1e-5
"""A Newton step shorter than this is the last: the next would be of the order of its square."""
_CACHE_BYTES: Final = 1 << 18
"""Size of one array of the rows handled at once; a few of them fit into the second-level cache."""
_SMALLEST_SQUARE: Final = 1e-12
"""A unit curve with less than this left on a row's samples says nothing about the row but rounding errors."""


def exact_fit(
    traces: Array, present: NDArray[np.bool_], kernel: Kernel, time: Array, low: float, high: float
) -> tuple[Array, Parameters]:
    """Fit traces with missing samples by variable projection on whole traces.

    Parameters
    ----------
    traces : ndarray, shape (rows, time)
        Scaled to moderate numbers, offset removed; 0 where a sample is missing.
    present : ndarray of bool, shape (rows, time)
        Where there is a sample; at least four in each row.
    low, high : float
        Bounds of u = ln tau.

    Returns
    -------
    u : ndarray, shape (rows,)
        The optimum, exactly at a bound if it lies there.
    parameters : Parameters
        The linear part and all errors.
    """
    size = max(16, _CACHE_BYTES // (8 * time.size))
    parts = [
        _MaskedRows(traces[i : i + size], present[i : i + size], kernel, time).fit(low, high)
        for i in range(0, len(traces), size)
    ]
    u, parameters = zip(*parts, strict=True)
    joined = (
        np.concatenate([getattr(part, field.name) for part in parameters]) for field in fields(Parameters)
    )
    return np.concatenate(u), Parameters(*joined)


class _MaskedRows:
    """Mean-free traces on the samples they have."""

    def __init__(self, traces: Array, present: NDArray[np.bool_], kernel: Kernel, time: Array) -> None:
        self.kernel, self.time = kernel, time
        self.weight = present.astype(np.float64)
        self.count = self.weight.sum(axis=1)
        self.mean = traces.sum(axis=1) / self.count
        self.traces = (traces - self.mean[:, None]) * self.weight

    def fit(self, low: float, high: float) -> tuple[Array, Parameters]:
        u = self._climb(self._best_of_scan(low, high), low, high)
        return u, self._parameters(u)

    def _best_of_scan(self, low: float, high: float) -> Array:
        """Return u near the top of the highest hill; three products give the scores of all rows at all u."""
        u = np.linspace(low, high, max(3, int(np.ceil((high - low) / _SCAN_SPACING)) + 1))
        curves = unit_curves(self.kernel, self.time, u).unit
        squares = self.weight @ (curves * curves).T - (self.weight @ curves.T) ** 2 / self.count[:, None]
        usable = squares > _SMALLEST_SQUARE
        scores = np.where(usable, (self.traces @ curves.T) ** 2 / np.where(usable, squares, 1.0), -1.0)
        # The parabola through the best three.
        row, best = np.arange(len(scores)), scores.argmax(axis=1)
        middle = np.clip(best, 1, u.size - 2)
        left, top, right = (scores[row, middle + shift] for shift in (-1, 0, 1))
        bend = left - 2 * top + right
        shift = np.where(bend < 0, (left - right) / (2 * np.where(bend < 0, bend, 1.0)), best - middle)
        return np.asarray(u[middle] + (u[1] - u[0]) * np.clip(shift, best - middle - 1, best - middle + 1))

    def _climb(self, u: Array, low: float, high: float) -> Array:
        """Return the top of h² next to `u`, by Newton steps kept inside a bracket."""
        u = np.clip(u, low, high)
        left, right = np.maximum(u - _SCAN_SPACING, low), np.minimum(u + _SCAN_SPACING, high)
        climbing = np.arange(u.size)
        traces, weight = self.traces, self.weight
        for _ in range(50):
            here = u[climbing]
            behind, height, ahead = (
                self._squared_score(here + shift, traces, weight) for shift in (-_STEP, 0.0, _STEP)
            )
            slope, bend = (ahead - behind) / (2 * _STEP), (ahead - 2 * height + behind) / _STEP**2
            left[climbing] = np.where(slope > 0, here, left[climbing])
            right[climbing] = np.where(slope < 0, here, right[climbing])
            newton = here - slope / np.where(bend < 0, bend, -np.inf)
            inside = (bend < 0) & (newton >= left[climbing]) & (newton <= right[climbing])
            moved = np.where(inside, newton, (left[climbing] + right[climbing]) / 2)
            moved = np.where(slope == 0, here, moved)
            u[climbing] = moved
            settled = np.abs(moved - here) < np.where(inside, _SETTLED, _SETTLED**2)
            if settled.all():
                break
            if settled.any():
                climbing = climbing[~settled]
                traces, weight = self.traces[climbing], self.weight[climbing]
        # A bisection towards a bound ends a hair beside it.
        return np.where(u - low < 1e-7, low, np.where(high - u < 1e-7, high, u))

    def _squared_score(self, u: Array, traces: Array, weight: Array) -> Array:
        """Return h² at each row's own u; as the traces are mean-free the curves need not be."""
        curves, _ = self.kernel.curves(self.time, u)
        product, total = np.vecdot(curves, traces), np.vecdot(curves, weight)
        curves *= curves
        square = np.vecdot(curves, weight)
        spread = square - total**2 / weight.sum(axis=1)
        return np.asarray(product**2 / np.maximum(spread, _SMALLEST_SQUARE * square))

    def _unit(self, u: Array) -> tuple[Array, Array, Array]:
        """Return each row's unit curve at its own u on its own samples, the norm, and mean(g)/norm."""
        curves, constant = self.kernel.curves(self.time, u)
        curves *= self.weight
        mean = curves.sum(axis=1) / self.count
        curves -= mean[:, None]
        curves *= self.weight
        norm = np.sqrt(np.maximum(np.vecdot(curves, curves), np.finfo(float).tiny))
        curves /= norm[:, None]
        return curves, norm, (mean + constant) / norm

    def _parameters(self, u: Array) -> Parameters:
        """Return the linear part and all errors, by the formulas of `napari_tesm.fitting.table`."""
        unit, norm, mean = self._unit(u)
        ahead, norm_ahead, mean_ahead = self._unit(u + _STEP)
        behind, norm_behind, mean_behind = self._unit(u - _STEP)
        h = np.vecdot(unit, self.traces)
        residual = (self.traces - h[:, None] * unit) * self.weight
        rss = np.vecdot(residual, residual)
        noise = np.sqrt(rss / (self.count - 3))
        tangent = (ahead - behind) / (2 * _STEP)
        u_factor = 1 / np.sqrt(np.maximum(np.vecdot(tangent, tangent), _SMALLEST_SQUARE))
        log_slope = np.log(norm_ahead / norm_behind) / (2 * _STEP)
        mean_slope = (mean_ahead - mean_behind) / (2 * _STEP)
        return Parameters(
            a=h / norm,
            c=self.mean - h * mean,
            u_error=noise * u_factor / np.abs(h),
            a_error=noise * np.hypot(1, log_slope * u_factor) / norm,
            c_error=noise * np.sqrt(1 / self.count + mean**2 + (mean_slope * u_factor) ** 2),
            rms=np.sqrt(rss / self.count),
            r2=np.clip(1 - rss / np.vecdot(self.traces, self.traces), 0, 1),
        )
