"""What a kernel misses: the part of the residuals that is the same curve for all traces of one shape."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FEWEST: Final = 8
"""Traces of a group: with fewer the common curve is mostly their noise."""
_MOST_LEVERAGE: Final = 0.95


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
        if counts[large].sum() >= 0.75 * usable.sum():
            numbers = np.where(large, np.cumsum(large) - 1, -1)
            return np.where(usable, numbers[np.where(usable, joined, 0)], -1)
    return None


def without_misfit(residuals: Array, height: Array, group: NDArray[np.intp]) -> tuple[Array, float]:
    """Return residuals less what the kernel misses, and the share of their squares that it makes.

    Parameters
    ----------
    residuals : ndarray, shape (n, time)
    height : ndarray, shape (n,)
        Amplitude of each trace: what the kernel misses grows with it.
    group : ndarray of int, shape (n,)
        Traces of one shape, from 0 in the order of the shapes; −1 for none. Neighbouring groups are joined until most
        traces have company.

    Returns
    -------
    (ndarray, float)
        Residuals, NaN for traces without company (all as they were where nobody has any), and the share, less what
        noise makes of it by chance; NaN where it cannot be told.
    """
    usable = (group >= 0) & np.isfinite(height) & np.isfinite(residuals).all(axis=1)
    if not usable.any():
        return residuals, float("nan")
    joined = groups_with_company(group, usable)
    if joined is None:
        return residuals, float("nan")
    left = np.full(residuals.shape, np.nan)
    by_chance = 0.0
    for number in range(joined.max() + 1):
        rows = np.flatnonzero(joined == number)
        # Without its sign: what noise leaves behind where it was taken for a response comes with either sign, a
        # response with one.
        amplitude = np.abs(height[rows])
        total = amplitude @ amplitude
        if total == 0:
            left[rows] = residuals[rows]
            continue
        missed = amplitude @ residuals[rows] / total
        leverage = np.minimum(amplitude**2 / total, _MOST_LEVERAGE)
        left[rows] = (residuals[rows] - amplitude[:, None] * missed) / np.sqrt(1 - leverage)[:, None]
        by_chance += (leverage * np.vecdot(left[rows], left[rows])).sum()
    kept = np.isfinite(left).all(axis=1)
    before = np.vecdot(residuals[kept], residuals[kept]).sum()
    after = np.vecdot(left[kept], left[kept]).sum()
    return left, float(1 - after / before) if before > 0 else float("nan")


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
