"""The distribution of the largest difference of several means, and of variances that neighbours lend strength to."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_NODES: Final = 96
_MANY: Final = 1e6
"""Degrees of freedom from which the variance is as good as known."""


def range_probability(distance: ArrayLike, groups: int, degrees: float) -> Array:
    """Return the probability that the means of equal groups differ as much somewhere (Tukey 1953).

    Parameters
    ----------
    distance : array-like
        Largest difference of two means over the standard error of a difference: |t| of the pair.
    groups : int
        How many means; all pairs are looked at.
    degrees : float
        Of freedom, of the variance.

    Examples
    --------
    >>> round(float(range_probability(3.0, 2, 10.0)), 4)  # two groups: Student's t
    0.0133
    """
    from scipy.special import gammaln, ndtr

    q = np.sqrt(2.0) * np.abs(np.asarray(distance, dtype=np.float64))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    z, wz = 8.0 * nodes, 8.0 * weights
    density = wz * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

    def within(widths: Array) -> Array:
        """Probability that the range of `groups` standard normal numbers is below each width."""
        below = ndtr(z) - ndtr(z - widths[:, None])
        return np.asarray(groups * (below ** (groups - 1)) @ density)

    flat = np.atleast_1d(q).ravel()
    if degrees >= _MANY:
        inside = within(flat)
    else:
        # Over the distribution of s/σ, chi over the root of its degrees of freedom, in the logarithm of s.
        spread = 7.0 / np.sqrt(2 * degrees)
        low, high = -spread * (1 + 2 / np.sqrt(degrees)), spread
        u = (high + low) / 2 + (high - low) / 2 * nodes
        log_density = (
            np.log(2)
            + degrees / 2 * np.log(degrees / 2)
            - gammaln(degrees / 2)
            + degrees * u
            - degrees / 2 * np.exp(2 * u)
        )
        share = (high - low) / 2 * weights * np.exp(log_density)
        inside = (within(np.outer(flat, np.exp(u)).ravel()).reshape(flat.size, -1) @ share) / share.sum()
    return np.clip(1.0 - inside, 0.0, 1.0).reshape(np.shape(q))


@lru_cache(maxsize=256)
def range_critical(level: float, groups: int, degrees: float) -> float:
    """Return the |t| of a pair that the largest of all pairs of equal means passes with the given probability."""
    grid = np.linspace(0.0, 12.0, 241)
    while range_probability(grid[-1], groups, degrees) > level and grid[-1] < 1e4:
        grid = grid * 3
    for _ in range(3):
        above = range_probability(grid, groups, degrees) > level
        last = int(np.flatnonzero(above)[-1])
        if last + 1 >= grid.size:
            return float(grid[-1])
        grid = np.linspace(grid[last], grid[last + 1], 33)
    return float(grid[len(grid) // 2])


def family_probability(t: ArrayLike, groups: int, degrees: float) -> Array:
    """Return p of a pair's t, allowing for all pairs that could have been chosen.

    Tukey's, and in its far tail, where the integral has lost its digits, that of Bonferroni, which is a little larger.
    """
    from scipy.special import stdtr

    values = np.abs(np.asarray(t, dtype=np.float64))
    pairs = groups * (groups - 1) / 2
    bonferroni = np.minimum(1.0, pairs * 2 * stdtr(min(degrees, _MANY), -values))
    exact = range_probability(values, groups, degrees)
    return np.asarray(np.where(bonferroni < 1e-6, bonferroni, np.minimum(exact, bonferroni)))


def moderation(variances: ArrayLike, degrees: float) -> tuple[float, float]:
    """Return the typical variance of many samples and how many degrees of freedom it is worth (Smyth 2004).

    The variances are taken to be scattered around ``s0²`` as those of normal samples with the given degrees of freedom,
    and in truth as s0² over chi² with `d0`: what exceeds the scatter of the estimates tells d0.

    Returns
    -------
    (float, float)
        ``s0²`` and ``d0``; d0 is 0 where there are fewer than ten variances, and at most 1000.
    """
    from scipy.special import polygamma

    values = np.asarray(variances, dtype=np.float64).ravel()
    values = values[np.isfinite(values) & (values > 0)]
    if values.size < 10 or degrees <= 0:
        return (float(np.median(values)) if values.size else float("nan")), 0.0
    logs = np.log(values)
    # Edges and hot pixels are the tail of the variances: the quartiles stand for the rest.
    q25, middle, q75 = np.percentile(logs, [25, 50, 75])
    expected = _quartile_spread(degrees)
    excess = ((q75 - q25) / expected) ** 2 * float(polygamma(1, degrees / 2)) - float(
        polygamma(1, degrees / 2)
    )
    d0 = 1000.0 if excess <= 0 else float(np.clip(2 * _inverse_trigamma(excess), 0.1, 1000.0))
    # The median of the logarithms of F(d, d0), close to the difference of those of two chi².
    shift = _median_of_log_chi2(degrees) - _median_of_log_chi2(d0)
    return float(np.exp(middle - shift)), d0


def _median_of_log_chi2(degrees: float) -> float:
    from scipy.special import chdtri

    return float(np.log(chdtri(degrees, 0.5) / degrees))


def _quartile_spread(degrees: float) -> float:
    """Return the distance of the quartiles of ln chi²."""
    from scipy.special import chdtri

    return float(np.log(chdtri(degrees, 0.25)) - np.log(chdtri(degrees, 0.75)))


def _inverse_trigamma(value: float) -> float:
    from scipy.special import polygamma

    x = 0.5 + 1 / value
    for _ in range(50):
        slope = float(polygamma(1, x))
        step = slope * (1 - slope / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-9 * x:
            break
    return x
