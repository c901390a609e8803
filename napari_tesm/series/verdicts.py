"""Does the displacement rise with the voltage, saturate, or peak: verdicts of points or pixels, with their tests.

A point is a few adjacent pixels, each measured at every voltage. The layout has two ways, pixel and voltage: what is
left of the values when the mean of each pixel and of each voltage is taken off is their error, with
``n (M − 1) − (m − 1)`` degrees of freedom for n pixels, M scans and m voltages. A map of such variances tells how alike
they are from place to place; that strength is lent to each of them (Smyth 2004).

All pairs of voltages are compared at once, at a level that holds for the whole family of a point (Tukey 1953, Kramer
1956): a point whose displacement does not depend on the voltage is called anything but flat in 5 % of cases at most.

==============  ======================================================================================================
rising          no voltage is followed by a significant drop, and the last step up is significant
saturating      a significant rise to a plateau: from V_s to the end the slope is shown to be less than a third of the
                mean slope up to V_s, either way (two one-sided tests, Schuirmann 1987, at the level divided by the
                number of voltages that V_s could be), and no pair of it rises significantly by more; the smallest V_s
peaked          a significant rise to the maximum, and a significant drop after it
falling         a significant drop after the maximum, and no rise before it
flat            no pair of voltages differs
undecided       it rises and whether it saturates cannot be told at this noise, or it goes up and down more than once
untested        fewer than two voltages have a value, or there is no spread to test against
==============  ======================================================================================================

The error knows the scatter within the scans. A tip, a laser spot or a gain that changed from one scan to the next looks
like a change of the sample; a voltage that was scanned twice shows it.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.series.ranges import family_probability, range_critical

Array = NDArray[np.float64]

RISING, SATURATING, PEAKED, FALLING, FLAT, UNDECIDED, MISSING = range(7)
VERDICT_MEANINGS: Final = ("rising", "saturating", "peaked", "falling", "flat", "undecided", "untested")
"""Meaning of each verdict, by its number (the CF attribute ``flag_meanings``)."""

LEVEL: Final = 0.05
"""Of the family of all comparisons of a point."""
SLOPE: Final = 1 / 3
"""A plateau's slope is less than this part of the slope up to it."""


@dataclass(frozen=True)
class Noise:
    """What the variances of all pixels of a series say of a single one.

    Parameters
    ----------
    variance : float
        Typical variance of a pixel, in the unit of the map squared.
    degrees : float
        As how many degrees of freedom it counts; 0 lends nothing.
    line : float
        By how much larger the error of a mean of adjacent pixels is than their own scatter says, as they share the
        noise of their line; 1 or more.
    """

    variance: float = float("nan")
    degrees: float = 0.0
    line: float = 1.0


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Verdicts of many points.

    Parameters
    ----------
    levels : ndarray, shape (voltage,)
        The voltages, in V, by increasing size.
    kind : ndarray of int, shape (point,)
        Index into `VERDICT_MEANINGS`.
    voltage : ndarray, shape (point,)
        From which voltage it saturates, or at which it peaks; NaN otherwise.
    means, errors : ndarray, shape (point, voltage)
        Mean of the pixels, NaN where there is none, and its standard error for the tests.
    statistic, p_value : ndarray, shape (point,)
        ``|t|`` of the difference that the verdict stands on, and its p for the whole family: the last step up (rising),
        the rise to the plateau (saturating), the smaller of rise and drop (peaked), the drop (falling), the largest of
        all differences (flat, undecided).
    p_plateau : ndarray, shape (point,)
        p of the tests that the plateau is one, times the number of voltages it could begin at; NaN where there is none.
    degrees : ndarray, shape (point,)
        Degrees of freedom of the errors.
    """

    levels: Array
    kind: NDArray[np.int8]
    voltage: Array
    means: Array
    errors: Array
    statistic: Array
    p_value: Array
    p_plateau: Array
    degrees: Array


class _Answer(NamedTuple):
    """The verdicts of points that have values at the same voltages."""

    kind: NDArray[np.int8]
    at: NDArray[np.int64]
    statistic: Array
    p_plateau: Array


def verdicts_from_values(values: ArrayLike, voltages: ArrayLike, *, noise: Noise | None = None) -> Verdicts:
    """Return the verdict of each point.

    Parameters
    ----------
    values : array-like, shape (point, scan, pixel)
        Displacement that grows with the response. A scan counts for a point if all of its pixels have a value.
    voltages : array-like, shape (scan,)
        In V, of one sign, in any order; repeated ones are scans of one voltage.
    noise : Noise, optional
        From `noise_from_values`; without it each point stands on its own scatter alone.

    Raises
    ------
    ValueError
        If the shapes do not go together, or voltages are unknown or of both signs.
    """
    numbers = np.asarray(values, dtype=np.float64)
    volts = np.asarray(voltages, dtype=np.float64)
    if numbers.ndim != 3 or volts.shape != numbers.shape[1:2]:
        raise ValueError(
            f"a series of {volts.size} voltages needs values of shape (point, voltage, pixel), not {numbers.shape}"
        )
    if not np.isfinite(volts).all() or (volts.size and not (np.all(volts > 0) or np.all(volts < 0))):
        raise ValueError("the voltages of a series must be known and of one sign")
    levels = np.array(sorted(set(volts.tolist()), key=abs))
    size = numbers.shape[0]
    complete = np.isfinite(numbers).all(axis=2)
    per_point, per_voltage = (size,), (size, levels.size)
    verdicts = Verdicts(
        levels=levels,
        kind=np.full(per_point, MISSING, np.int8),
        voltage=np.full(per_point, np.nan),
        means=np.full(per_voltage, np.nan),
        errors=np.full(per_voltage, np.nan),
        statistic=np.full(per_point, np.nan),
        p_value=np.full(per_point, np.nan),
        p_plateau=np.full(per_point, np.nan),
        degrees=np.full(per_point, np.nan),
    )
    patterns, which = np.unique(complete, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        points = np.flatnonzero(which.ravel() == number)
        if pattern.any():
            chosen = numbers[np.ix_(points, np.flatnonzero(pattern))]
            _judge(verdicts, points, chosen, volts[pattern], noise or Noise())
    return verdicts


def residual_variances(values: ArrayLike, voltages: ArrayLike) -> tuple[Array, float]:
    """Return the variance of each point's values about its pixels' and voltages' means, and its degrees of freedom.

    Parameters
    ----------
    values : array-like, shape (point, scan, pixel)
        NaN in a point makes its variance NaN.
    voltages : array-like, shape (scan,)
    """
    numbers, volts = np.asarray(values, dtype=np.float64), np.asarray(voltages, dtype=np.float64)
    levels = sorted(set(volts.tolist()), key=abs)
    _, scans, pixels = numbers.shape
    degrees = pixels * (scans - 1) - (len(levels) - 1)
    residual = numbers - (numbers.mean(axis=1, keepdims=True) - numbers.mean(axis=(1, 2), keepdims=True))
    for volt in levels:
        chosen = np.flatnonzero(volts == volt)
        residual[:, chosen] -= numbers[:, chosen].mean(axis=(1, 2), keepdims=True)
    squares = (residual**2).sum(axis=(1, 2))
    return (squares / degrees if degrees > 0 else np.full(squares.shape, np.nan)), float(max(degrees, 0))


def _judge(verdicts: Verdicts, points: NDArray[np.intp], values: Array, volts: Array, noise: Noise) -> None:
    levels = np.array(sorted(set(volts.tolist()), key=abs))
    places = np.searchsorted(np.abs(verdicts.levels), np.abs(levels))
    counted = np.array([np.sum(volts == volt) * values.shape[2] for volt in levels], dtype=np.float64)
    means = np.stack([values[:, volts == volt].mean(axis=(1, 2)) for volt in levels], axis=1)
    verdicts.means[np.ix_(points, places)] = means
    variances, own = residual_variances(values, volts)
    lent = noise.degrees if np.isfinite(noise.variance) else 0.0
    degrees = own + lent
    if levels.size < 2 or degrees <= 0:
        return
    total = (own * np.nan_to_num(variances) + lent * np.nan_to_num(noise.variance)) / degrees * noise.line**2
    verdicts.errors[np.ix_(points, places)] = np.sqrt(total[:, None] / counted)
    verdicts.degrees[points] = degrees
    answer = _answer(means, total, counted, np.abs(levels), degrees)
    verdicts.kind[points] = answer.kind
    verdicts.voltage[points] = np.where(answer.at >= 0, levels[answer.at], np.nan)
    verdicts.statistic[points] = answer.statistic
    verdicts.p_value[points] = family_p(answer.statistic, levels.size, degrees)
    verdicts.p_plateau[points] = answer.p_plateau


def family_p(statistic: Array, groups: int, degrees: float) -> Array:
    """Return p for the whole family of |t|; of many by a table, to a few parts in a thousand."""
    if statistic.size < 500:
        return family_probability(np.nan_to_num(statistic), groups, degrees)
    grid, table = _table_of_p(groups, degrees)
    return np.exp(np.interp(np.minimum(np.nan_to_num(statistic), 1e4), grid, table))


@lru_cache(maxsize=64)
def _table_of_p(groups: int, degrees: float) -> tuple[Array, Array]:
    """Return ln p over |t|."""
    grid = np.concatenate([np.linspace(0, 12, 241), np.geomspace(12.5, 1e4, 60)])
    return grid, np.log(np.maximum(family_probability(grid, groups, degrees), 1e-300))


def _answer(means: Array, variance: Array, counted: Array, volts: Array, degrees: float) -> _Answer:
    n, m = means.shape
    weights = 1 / counted[:, None] + 1 / counted[None, :]
    change = means[:, None, :] - means[:, :, None]  # from the first voltage to the second
    errors = np.sqrt(variance[:, None, None] * weights)
    t = np.divide(change, errors, out=np.sign(change) * 1e4, where=errors > 0)
    later = np.triu(np.ones((m, m), dtype=bool), 1)
    t = np.where(later, t, 0.0)
    critical = range_critical(LEVEL, m, degrees)
    up, down = t > critical, t < -critical
    top = means.argmax(axis=1)
    rows, number = np.arange(n), np.arange(m)
    before, after = number[None, :] <= top[:, None], number[None, :] >= top[:, None]
    rise, drop = t[rows, :, top].max(axis=1), -t[rows, top, :].min(axis=1)
    rises, drops = rise > critical, drop > critical
    # Down before the maximum, or up again after it: more than one turn.
    turns = (down & (before[:, :, None] & before[:, None, :])).any(axis=(1, 2))
    turns |= (up & (after[:, :, None] & after[:, None, :])).any(axis=(1, 2))
    last = t[:, m - 2, m - 1]
    start, p_plateau = _plateaus(means, variance, counted, t, volts, degrees, critical)
    flat_from = np.where(start < m, start, m - 1)
    to_plateau = np.where(later[None, :, :], t, -np.inf)
    to_plateau = np.where(number[None, None, :] >= flat_from[:, None, None], to_plateau, -np.inf)
    to_plateau = np.where(number[None, :, None] < flat_from[:, None, None], to_plateau, -np.inf).max(
        axis=(1, 2)
    )

    kind = np.full(n, UNDECIDED, np.int8)
    none = ~up.any(axis=(1, 2)) & ~down.any(axis=(1, 2))
    saturates = ~drops & (to_plateau > critical) & (start < m)
    kind[~drops & ~saturates & (last > critical)] = RISING
    kind[saturates] = SATURATING
    kind[drops & ~rises] = FALLING
    kind[drops & rises] = PEAKED
    kind[turns] = UNDECIDED
    kind[none] = FLAT
    at = np.full(n, -1)
    at[kind == SATURATING] = start[kind == SATURATING]
    at[kind == PEAKED] = top[kind == PEAKED]
    statistic = np.abs(t).max(axis=(1, 2))
    for which, of in (
        (RISING, last),
        (SATURATING, to_plateau),
        (PEAKED, np.minimum(rise, drop)),
        (FALLING, drop),
    ):
        statistic = np.where(kind == which, of, statistic)
    return _Answer(kind, at, statistic, np.where(kind == SATURATING, p_plateau, np.nan))


def _plateaus(
    means: Array, variance: Array, counted: Array, t: Array, volts: Array, degrees: float, critical: float
) -> tuple[NDArray[np.int64], Array]:
    """Return from which voltage on the curve is shown to be flat, m where it is nowhere, and the p of that."""
    from scipy.special import stdtr

    n, m = means.shape
    start, p_start = np.full(n, m), np.full(n, np.nan)
    candidates = range(m - 2, 0, -1)
    for first in candidates:
        number = m - first
        centred = volts[first:] - volts[first:].mean()
        after, before = np.zeros(m), np.zeros(m)
        after[first:] = centred / (centred**2).sum()
        before[first:], before[0] = 1 / number, -1.0
        before /= volts[first] - volts[0]
        p = np.zeros(n)
        for sign in (1.0, -1.0):
            contrast = SLOPE * before - sign * after
            error = np.sqrt(variance * (contrast**2 / counted).sum())
            margin = means @ contrast
            ratio = np.divide(margin, error, out=np.sign(margin) * 1e4, where=error > 0)
            p = np.maximum(p, stdtr(degrees, -ratio))
        allowed = SLOPE * (means @ before)[:, None, None] * (volts[None, :] - volts[:, None])
        inside = np.ix_(np.arange(n), np.arange(first, m), np.arange(first, m))
        rises = (t > critical) & (means[:, None, :] - means[:, :, None] > allowed)
        good = (p < LEVEL / len(candidates)) & ~rises[inside].any(axis=(1, 2))
        start = np.where(good, first, start)
        p_start = np.where(good, p, p_start)
    return start, np.minimum(1.0, p_start * len(candidates))
