"""Fits of whole traces, for the few that a table cannot serve: gaps of their own, or hardly any noise.

Nothing can be projected beforehand when every trace may miss other samples, so all sums run over the trace. It
is the same variable projection (`napari_tesm.fitting.table`), right to 1e-9 in tau, at some forty times the cost.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.search import Parameters
from napari_tesm.fitting.table import unit_curves
from napari_tesm.kernels.one_parameter import Kernel

Array = NDArray[np.float64]

_STEP: Final = 1e-4
"""Step of the derivatives of the curves in u: their relative error of 2e-9 is one of u in standard errors."""
_SETTLED: Final = 1e-5
"""A Newton step shorter than this is the last: the next would be of the order of its square."""
_SCAN_SPACING: Final = 0.1
"""Spacing in u of the scan that finds the hill to climb."""
_CACHE_BYTES: Final = 1 << 18
"""Size of one array of the rows handled at once; a few of them fit into the second-level cache."""
_FLAT: Final = 1e-12
"""A unit curve with a smaller square left on a row's samples says nothing about the row but rounding errors."""
_ROUNDING: Final = 1e-24
"""Square of the change of a unit curve with u that is rounding noise only."""


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


@dataclass(frozen=True)
class _Tangent:
    """The model at some u and how it moves with u, for each row on its own samples.

    `mean` and `square` belong to the curve g, the latter about the mean; `slope` is (g − mean)·g'/square, `across` the
    square of the part of g' that a and c cannot mimic, `pull` and `bend` are g'·r and g''·r with the residual r.
    """

    a: Array
    mean: Array
    square: Array
    mean_slope: Array
    slope: Array
    across: Array
    pull: Array
    bend: Array
    rss: Array


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
        usable = squares > _FLAT
        scores = np.where(usable, (self.traces @ curves.T) ** 2 / np.where(usable, squares, 1.0), -1.0)
        # The parabola through the best three.
        row, best = np.arange(len(scores)), scores.argmax(axis=1)
        middle = np.clip(best, 1, u.size - 2)
        left, top, right = (scores[row, middle + shift] for shift in (-1, 0, 1))
        bend = left - 2 * top + right
        shift = np.where(bend < 0, (left - right) / (2 * np.where(bend < 0, bend, 1.0)), best - middle)
        shift = np.clip(shift, best - middle - 1, best - middle + 1)
        return np.asarray(np.clip(u[middle] + (u[1] - u[0]) * shift, low, high))

    def _climb(self, u: Array, low: float, high: float) -> Array:
        """Return the least-squares optimum next to `u`, by Newton steps kept inside a bracket.

        The residual sum of squares F has F'/2 = −a g'·r and, where that is small, F''/2 = a² across − a g''·r.
        """
        left, right = np.maximum(u - _SCAN_SPACING, low), np.minimum(u + _SCAN_SPACING, high)
        climbing = np.arange(u.size)
        for _ in range(50):
            here = u[climbing]
            at = self._tangent(here, climbing)
            downhill, curvature = at.a * at.pull, at.a**2 * at.across - at.a * at.bend
            left[climbing] = np.where(downhill > 0, here, left[climbing])
            right[climbing] = np.where(downhill < 0, here, right[climbing])
            newton = here + downhill / np.where(curvature > 0, curvature, np.inf)
            inside = (curvature > 0) & (newton >= left[climbing]) & (newton <= right[climbing])
            moved = np.where(inside, newton, (left[climbing] + right[climbing]) / 2)
            u[climbing] = moved = np.where(downhill == 0, here, moved)
            climbing = climbing[np.abs(moved - here) > np.where(inside, _SETTLED, 1e-10)]
            if climbing.size == 0:
                break
        # A bisection towards a bound ends a hair beside it.
        return np.where(u - low < 1e-8, low, np.where(high - u < 1e-8, high, u))

    def _tangent(self, u: Array, rows: NDArray[np.intp]) -> _Tangent:
        everything = rows.size == len(self.traces)
        traces, weight, count = (
            values if everything else values[rows] for values in (self.traces, self.weight, self.count)
        )
        curve, constant = self.kernel.curves(self.time, u)
        ahead, behind = (self.kernel.curves(self.time, u + step) for step in (_STEP, -_STEP))
        constant_slope = (ahead[1] - behind[1]) / (2 * _STEP)
        bend = ahead[0] + behind[0]
        bend -= curve
        bend -= curve
        bend /= _STEP**2
        tangent = np.subtract(ahead[0], behind[0], out=ahead[0])
        tangent /= 2 * _STEP
        tangent *= weight

        mean = np.vecdot(curve, weight) / count
        curve -= mean[:, None]
        curve *= weight
        square = np.maximum(np.vecdot(curve, curve), np.finfo(float).tiny)
        a = np.vecdot(curve, traces) / square
        mean_slope = tangent.sum(axis=1) / count
        tangent -= mean_slope[:, None]
        tangent *= weight
        slope = np.vecdot(tangent, curve) / square
        residual = np.subtract(traces, a[:, None] * curve, out=behind[0])
        tangent -= slope[:, None] * curve
        return _Tangent(
            a=a,
            mean=mean + constant,
            square=square,
            mean_slope=mean_slope + constant_slope,
            slope=slope,
            across=np.vecdot(tangent, tangent),
            pull=np.vecdot(tangent, residual),
            bend=np.vecdot(bend, residual),
            rss=np.vecdot(residual, residual),
        )

    def _parameters(self, u: Array) -> Parameters:
        """Return the linear part and all errors, by the formulas of `napari_tesm.fitting.table`."""
        at = self._tangent(u, np.arange(u.size))
        norm = np.sqrt(at.square)
        noise = np.sqrt(at.rss / (self.count - 3))
        u_factor = norm / np.sqrt(np.maximum(at.across, _ROUNDING * at.square))
        ratio_slope = (at.mean_slope - at.mean * at.slope) / norm
        return Parameters(
            a=at.a,
            c=self.mean - at.a * at.mean,
            u_error=noise * u_factor / (norm * np.abs(at.a)),
            a_error=noise * np.hypot(1, at.slope * u_factor) / norm,
            c_error=noise * np.sqrt(1 / self.count + at.mean**2 / at.square + (ratio_slope * u_factor) ** 2),
            rms=np.sqrt(at.rss / self.count),
            r2=np.clip(1 - at.rss / np.vecdot(self.traces, self.traces), 0, 1),
        )
