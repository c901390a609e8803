"""What a kernel misses: the part of the residuals that is the same curve for all traces of one shape."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FEWEST: Final = 8
"""Traces of a group: with fewer the common curve is mostly their noise."""
_MOST_LEVERAGE: Final = 0.95
_COMPANY: Final = 0.75
"""Part of the traces that must have company."""
_DOUBLINGS: Final = 6
_CLEAR: Final = 4.0
"""Squares of a curve over those of the residuals from which on its sign counts: R² of 0.8."""


def groups_with_company(group: NDArray[np.intp], usable: NDArray[np.bool_]) -> NDArray[np.intp] | None:
    """Return groups that are large enough to have a curve in common; None where most traces have no company.

    Parameters
    ----------
    group : ndarray of int, shape (n,)
        Traces of one shape, from 0 in the order of the shapes. Neighbouring groups are joined until most traces have
        company.
    usable : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray of int, shape (n,), or None
        From 0; −1 where a trace is not usable or has no company.
    """
    if not usable.any():
        return None
    for width in (1, 2, 4, 8, 16, 32):
        joined = group // width
        counts = np.bincount(joined[usable])
        large = counts >= _FEWEST
        if counts[large].sum() >= _COMPANY * usable.sum():
            numbers = np.where(large, np.cumsum(large) - 1, -1)
            return np.where(usable, numbers[np.where(usable, joined, 0)], -1)
    return None


def without_misfit(
    residuals: Array,
    height: Array,
    group: NDArray[np.intp],
    *,
    places: Array | None = None,
    reach: float = 1.0,
) -> tuple[Array, float]:
    """Return residuals less what the kernel misses, and the share of their squares that it makes.

    Parameters
    ----------
    residuals : ndarray, shape (n, time)
    height : ndarray, shape (n,)
        Of the fitted curves, the root of the sum of squares about their mean, with the sign of their amplitude: what
        the kernel misses grows with it.
    group : ndarray of int, shape (n,)
        Traces of one shape, from 0 in the order of the shapes; −1 for none. Neighbouring groups are joined until most
        traces have company.
    places : ndarray, shape (groups,), optional
        ln tau of each group: groups are not joined but averaged, with the weights of a normal distribution around each.
    reach : float
        Its standard deviation, in ln tau. Correlated noise moves tau and leaves a part of itself behind, so that
        traces alike in the tau that was found have noise in common. Over several standard errors of ln tau it
        averages out, and what the kernel misses stays.

    Returns
    -------
    (ndarray, float)
        Residuals, NaN for traces without company (all as they were where nobody has any), and the share, less what
        noise makes of it by chance; NaN where it cannot be told.
    """
    usable = (group >= 0) & np.isfinite(height) & np.isfinite(residuals).all(axis=1)
    if not usable.any():
        return residuals, float("nan")
    if places is None:
        joined = groups_with_company(group, usable)
        if joined is None:
            return residuals, float("nan")
        group, usable = joined, joined >= 0
        together = np.eye(group.max() + 1)
    else:
        together = _neighbours(np.bincount(group[usable]), places, reach)
        usable &= (together @ np.bincount(group[usable]) >= _FEWEST)[np.where(usable, group, 0)]
    if not usable.any():
        return residuals, float("nan")
    # What noise leaves behind where it was taken for a response goes with the sign of that, and is no misfit. A clear
    # response has a sign of its own: domains of both in one map miss curves of opposite sign.
    clear = np.square(height) > _CLEAR * np.vecdot(residuals, residuals)
    amplitude = np.where(clear, height, np.abs(height))
    sums, squares = np.zeros((len(together), residuals.shape[1])), np.zeros(len(together))
    rows = np.flatnonzero(usable)
    rows = rows[np.argsort(group[rows], kind="stable")]
    ordered, own, of_group = residuals[rows], amplitude[rows], group[rows]
    numbers, starts = np.unique(of_group, return_index=True)
    for number, start, stop in zip(numbers, starts, [*starts[1:], rows.size], strict=True):
        sums[number], squares[number] = (
            own[start:stop] @ ordered[start:stop],
            own[start:stop] @ own[start:stop],
        )
    total, spread = together @ squares, np.square(together) @ squares
    total = np.where(total > 0, total, 1.0)
    missed = (together @ sums) / total[:, None]
    # How much of a trace's own noise is in the common curve.
    leverage = 2 * own**2 / total[of_group] - own**2 * spread[of_group] / total[of_group] ** 2
    leverage = np.minimum(leverage, _MOST_LEVERAGE)
    grown = 1 / np.sqrt(1 - leverage)
    before = np.vecdot(ordered, ordered).sum()
    remaining = missed[of_group]
    remaining *= (-own * grown)[:, None]
    ordered *= grown[:, None]
    remaining += ordered
    after = np.vecdot(remaining, remaining).sum()
    left = np.full(residuals.shape, np.nan)
    left[rows] = remaining
    return left, float(1 - after / before) if before > 0 else float("nan")


def _neighbours(counts: NDArray[np.intp], places: Array, reach: float) -> Array:
    """Return the weights of groups in the curve of each, shape (groups, groups): most traces have company."""
    places = places[: counts.size]
    together = np.ones((counts.size, counts.size))
    for doubling in range(_DOUBLINGS):
        together = np.exp(-np.square((places[:, None] - places) / (reach * 2**doubling)) / 2)
        if counts[together @ counts >= _FEWEST].sum() >= _COMPANY * counts.sum():
            break
    return together


def share_by_chance(covariance: Array, traces: int) -> float:
    """Return the standard deviation of the share that `without_misfit` gives of noise alone.

    A curve common to eight traces or more takes an eighth of their noise at the most, give or take what follows from
    the number of independent samples, tr(R)²/tr(R²).

    Parameters
    ----------
    covariance : ndarray, shape (time, time)
        Of the noise, in any unit.
    traces : int
    """
    independent = np.trace(covariance) ** 2 / np.square(covariance).sum()
    return float(1 / np.sqrt(4 * max(traces, 1) * independent))
