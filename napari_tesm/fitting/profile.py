"""Intervals of tau from the profile of the likelihood, where the standard error is a poor guide.

The linearised error takes the residual sum of squares for a parabola in ln tau. For tau beyond two or three windows it
is none: it flattens on the slow side, and the interval may have no upper end at all.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.fitting.fit import checked_kernel
from napari_tesm.fitting.inputs import (
    checked_times,
    checked_traces,
    origin_from_start,
    range_of_tau,
    window_from_times,
)
from napari_tesm.fitting.nuisances import NuisanceColumns
from napari_tesm.fitting.special import FEWEST_SAMPLES, take_exponent_out
from napari_tesm.fitting.table import unit_curves
from napari_tesm.kernels.one_parameter import Kernel
from napari_tesm.quantities.limits import check_level

Array = NDArray[np.float64]

_SPACING: Final = 0.01
"""Of the scan in ln tau; edges between its points follow from a straight line."""
_NARROW: Final = 4.0
"""Intervals that reach less than this many points to either side are those of the parabola at the bottom."""
_CHUNK: Final = 2048


@dataclass(frozen=True, eq=False)
class TauIntervals:
    """Intervals of tau, of the traces' shape without time, in the unit of the times.

    Parameters
    ----------
    low, high : ndarray
        Zero and infinity where the data set no limit on that side within the range that was searched; NaN where a trace
        has a gap too many or is constant.
    """

    low: Array
    high: Array

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """Whether a side has no limit, shape (...)."""
        return np.asarray((self.low == 0) | np.isinf(self.high))


def profile_intervals(
    traces: ArrayLike,
    time: ArrayLike,
    *,
    kernel: str | Kernel = "exponential",
    pulse: float | None = None,
    start: float | None = None,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
    inflation: NDArray[np.floating] | None = None,
    nuisances: NuisanceColumns | None = None,
) -> TauIntervals:
    """Return the intervals that hold tau with a probability, from the likelihood with all else at its best.

    Parameters
    ----------
    traces : array-like, shape (..., time)
        Samples that are not finite are left out.
    time : array-like, shape (time,)
        Increasing.
    kernel, pulse, start
        As for `napari_tesm.fitting.fit_traces`.
    level : float
        Probability.
    bounds : (float, float), optional
        Range of tau; by default the kernel's, ten times as far on either side.
    inflation : ndarray of float, shape (...), optional
        By what the noise makes the standard error larger than white noise would.
    nuisances : NuisanceColumns, optional
        What was fitted beside the curve.

    Raises
    ------
    ValueError
        If the level is no probability, the bounds make no sense, or times and traces do not fit together.

    Notes
    -----
    All tau with ``RSS(tau) ≤ RSS_min [1 + F/(n − 3)]``, F being the quantile of F(1, n − 3) (Bates, D. M. and Watts, D.
    G. (1988). Nonlinear Regression Analysis and Its Applications, section 6.1); each nuisance counts as one parameter
    more. Where the profile has several valleys the interval reaches from the first to the last.

    Examples
    --------
    A relaxation of twenty windows, with noise: faster than about one window is excluded, slower is not.

    >>> time = np.arange(400) * 2.5e-5
    >>> trace = np.exp(-time / 0.2) + 5e-3 * np.random.default_rng(1).standard_normal(400)
    >>> limits = profile_intervals(trace, time)
    >>> bool(limits.low > 1e-2), bool(np.isinf(limits.high))
    (True, True)
    """
    from scipy.special import fdtri

    check_level(level)
    times = checked_times(time)
    values = checked_traces(traces, times)
    checked = checked_kernel(kernel, pulse)
    window = window_from_times(times)
    wide = (checked.search[0] * window / 10, checked.search[1] * window * 10)
    low, high = range_of_tau(checked.search, window, bounds or wide)
    u = np.linspace(np.log(low), np.log(high), int(np.ceil(np.log(high / low) / _SPACING)) + 1)
    flat = values.reshape(-1, times.size)
    flattened = np.ones(len(flat)) if inflation is None else np.square(inflation, dtype=np.float64).ravel()
    ends = np.full((2, len(flat)), np.nan)
    if times.size < FEWEST_SAMPLES:
        return TauIntervals(*ends.reshape(2, *values.shape[:-1]))
    since = times - origin_from_start(start, times)
    columns = 0 if nuisances is None else len(nuisances.names)
    shape = checked if nuisances is None else nuisances.kernel(checked, since)
    curves = _curves_of_scan(shape, since.tobytes(), u.tobytes())
    for first in range(0, len(flat), _CHUNK):
        part = slice(first, first + _CHUNK)
        y = flat[part].astype(np.float64)
        if nuisances is not None:
            y -= nuisances.coordinates(y) @ nuisances.basis.T
        rss, count = _profile(y, curves, None if nuisances is None else nuisances.basis)
        free = np.maximum(count - 3 - columns, 1)
        limit = fdtri(1, free, level) / free * flattened[part]
        ends[:, part] = _ends(rss, limit, u)
    return TauIntervals(*ends.reshape(2, *values.shape[:-1]))


@lru_cache(maxsize=8)
def _curves_of_scan(kernel: Kernel, time: bytes, u: bytes) -> Array:
    """Return the unit curves of a scan; the same for every block of a map, and for every place that is looked at."""
    with np.errstate(invalid="ignore", divide="ignore"):
        curves = unit_curves(kernel, np.frombuffer(time), np.frombuffer(u)).unit
    # A kernel that is over before the first sample has no curve: it describes as much as a constant.
    curves[~np.isfinite(curves).all(axis=1)] = 0.0
    curves.flags.writeable = False
    return curves


def _profile(y: Array, curves: Array, basis: Array | None) -> tuple[Array, NDArray[np.intp]]:
    """Return the residual sum of squares at every tau, shape (rows, n), and the samples there are.

    With `basis`, shape (time, columns), neither traces nor curves have a part along it, but for what gaps make of that.
    """
    present = np.isfinite(y)
    whole = np.asarray(present.all(axis=1))
    count = present.sum(axis=1)
    y = np.where(present, y, 0.0)
    take_exponent_out(y)
    y = np.where(present, y - (y.sum(axis=1) / np.maximum(count, 1))[:, None], 0.0)
    products = y @ curves.T
    squares = np.ones_like(products)
    columns = 0 if basis is None else basis.shape[1]
    if not whole.all():
        weight = present[~whole].astype(np.float64)
        lengths = (
            weight @ (curves * curves).T - (weight @ curves.T) ** 2 / np.maximum(count[~whole], 1)[:, None]
        )
        for along in _left_by_gaps(weight, basis) if basis is not None else ():
            lengths -= (along @ curves.T) ** 2
        squares[~whole] = np.maximum(lengths, 1e-12)
    total = np.vecdot(y, y)
    rss = np.maximum(total[:, None] - products**2 / squares, 1e-14 * total[:, None])
    rss[(count < FEWEST_SAMPLES + columns) | ~(total > 0)] = np.nan
    return rss, count


def _left_by_gaps(weight: Array, basis: Array) -> Array:
    """Return the basis on the samples there are, orthonormal and without mean again, shape (columns, rows, time)."""
    there = weight[:, :, None] * basis
    count = np.maximum(weight.sum(axis=1), 1)[:, None]
    there -= weight[:, :, None] * (there.sum(axis=1) / count)[:, None, :]
    return np.moveaxis(np.linalg.qr(there)[0], 2, 0)


def _ends(rss: Array, limit: Array, u: Array) -> Array:
    """Return the outermost tau where the sum of squares exceeds its minimum by no more than `limit` of it."""
    ends = np.full((2, len(rss)), np.nan)
    rows = np.flatnonzero(np.isfinite(rss).all(axis=1))
    rss, limit, row = rss[rows], limit[rows], np.arange(rows.size)
    step = u[1] - u[0]
    # The parabola through the best three points: the bottom of the valley lies between them.
    best = rss.argmin(axis=1)
    middle = np.clip(best, 1, u.size - 2)
    left, centre, right = (rss[row, middle + shift] for shift in (-1, 0, 1))
    bend = left - 2 * centre + right
    curved = (bend > 0) & (best == middle)
    shift = np.where(curved, (left - right) / (2 * np.where(curved, bend, 1.0)), best - middle)
    smallest = np.where(curved, centre - bend * shift**2 / 2, rss[row, best])
    allowed = smallest * (1 + limit)
    with np.errstate(invalid="ignore"):
        half = np.sqrt(2 * (allowed - smallest) / np.where(curved, bend, np.nan))
    narrow = half < _NARROW
    inside = rss <= allowed[:, None]
    inside[row, best] = True
    for side, (edge, outward, open_end) in enumerate(((0, -1, 0.0), (u.size - 1, 1, np.inf))):
        here = inside.argmax(axis=1) if side == 0 else u.size - 1 - inside[:, ::-1].argmax(axis=1)
        is_open = here == edge
        beside = np.clip(here + outward, 0, u.size - 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            fraction = (allowed - rss[row, here]) / (rss[row, beside] - rss[row, here])
        end = u[here] + np.where(is_open, 0.0, np.clip(fraction, 0.0, 1.0)) * outward * step
        end = np.where(narrow, u[middle] + (shift + outward * half) * step, end)
        ends[side, rows] = np.where(is_open & ~narrow, open_end, np.exp(end))
    return ends
