"""Named points against the voltage, as Fig. 6b of the t-ESM paper has them, and the verdict of every pixel.

A point's value is the mean of three adjacent pixels: the one nearest to it and its two neighbours along the fast scan
axis, which were measured within the same line; at the border of the scan the three nearest. The error bar is their
standard deviation, n − 1, not the error of the mean. Each scan is looked up where the point lies in it after
registration, and what is averaged are measured pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.sentences import sentence_begun
from napari_tesm.regions.shapes import PinnedPoint
from napari_tesm.series.abscissa import VOLTAGE, Abscissa
from napari_tesm.series.alignment import AlignedSeries
from napari_tesm.series.ranges import family_probability
from napari_tesm.series.verdict_maps import PIXELS, noise_of_series, tested_values
from napari_tesm.series.verdicts import (
    FALLING,
    FLAT,
    LEVEL,
    MISSING,
    PEAKED,
    RISING,
    SATURATING,
    VERDICT_MEANINGS,
    Noise,
    Verdicts,
    verdicts_from_values,
)
from napari_tesm.statistics.description import finite_mean_and_std
from napari_tesm.statistics.ranks import p_in_words

Array = NDArray[np.float64]

_FEWEST_OF_LINE = 3
"""Voltages: two lie on a line always."""


@dataclass(frozen=True)
class Step:
    """From one voltage to the next.

    Parameters
    ----------
    start, stop : float
        Voltages, in V.
    change, error : float
        Of the mean, and its standard error.
    p_value : float
        Of no change, for the whole family of pairs of voltages of this point.
    """

    start: float
    stop: float
    change: float
    error: float
    p_value: float


@dataclass(frozen=True, eq=False)
class PointCurve:
    """A point of the sample against the voltage.

    Parameters
    ----------
    number : int
    x, y : float
        In the lateral unit.
    colour : str
        As it was pinned; may be empty.
    quantity, unit : str
    voltages : ndarray, shape (scan,)
        In V, by increasing size.
    values : ndarray, shape (scan, pixel)
        Of the pixels of each scan, signed; NaN where there is none.
    verdict : str
        A word of `VERDICT_MEANINGS`.
    voltage : float
        From which voltage it saturates, or at which it peaks; NaN otherwise.
    statistic, p_value, p_plateau, degrees : float
        As in `Verdicts`.
    steps : tuple of Step
        Between the voltages that have a value, in the direction of the response.
    linear_to, p_linear : float
        Up to which voltage the rise was held against a straight line, and p of what the line leaves over, small where
        the rise is bent; NaN where it does not rise or has fewer than three voltages.
    abscissa : Abscissa
        What stands under `voltages`, and what the words speak of.
    """

    number: int
    x: float
    y: float
    colour: str
    quantity: str
    unit: str
    voltages: Array
    values: Array
    verdict: str
    voltage: float
    statistic: float
    p_value: float
    p_plateau: float
    degrees: float
    steps: tuple[Step, ...]
    linear_to: float = float("nan")
    p_linear: float = float("nan")
    abscissa: Abscissa = VOLTAGE

    @property
    def means(self) -> Array:
        """Mean of the pixels of each scan, NaN where none has a value."""
        return finite_mean_and_std(self.values, axis=1)[0]

    @property
    def stds(self) -> Array:
        """Standard deviation of the pixels of each scan, n − 1; NaN for fewer than two."""
        return finite_mean_and_std(self.values, axis=1)[1]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many pixels of each scan have a value."""
        return finite_mean_and_std(self.values, axis=1)[2]

    @property
    def label(self) -> str:
        """What it is called."""
        return str(self.number)

    @property
    def subject(self) -> str:
        """What is judged, within a sentence."""
        return f"point {self.number}"

    @property
    def sentence(self) -> str:
        """The verdict in words, with the tests it stands on."""
        return f"{sentence_begun(self.subject)} {self._what()}{self._how_straight()}."

    def _how_straight(self) -> str:
        if not np.isfinite(self.p_linear):
            return ""
        bent = self.p_linear < LEVEL
        words = "not linear" if bent else "linear"
        return f"; {words} up to {self.abscissa.text(self.linear_to)} ({p_in_words(self.p_linear)} for a straight line)"

    @property
    def first_step(self) -> str:
        """Whether the smallest voltage leaves room for more, in a sentence; empty where there is no other."""
        if not self.steps:
            return ""
        step = self.steps[0]
        low, high = self.abscissa.text(step.start), self.abscissa.text(step.stop)
        if step.change > 0 and step.p_value < LEVEL:
            return (
                f"{low} does not saturate {self.subject}: {self.quantity}({high}) > {self.quantity}({low}), "
                f"{p_in_words(step.p_value)}."
            )
        return (
            f"Whether {low} saturates {self.subject} is open: {self.quantity}({high}) is not significantly larger "
            f"than {self.quantity}({low}), {p_in_words(step.p_value)}."
        )

    def _what(self) -> str:
        kind = VERDICT_MEANINGS.index(self.verdict)
        if kind == MISSING:
            return f"cannot be judged: {self._why_missing()}"
        text = self.abscissa.text
        at = text(self.voltage) if np.isfinite(self.voltage) else ""
        first, last = (text(volt) for volt in (self.steps[0].start, self.steps[-1].stop))
        if kind == FLAT:
            flat = f"({first} → {last}: no pair differs, {p_in_words(self.p_value)})"
            return f"does not depend on the {self.abscissa.name} {flat}"
        if kind == RISING:
            end = self.steps[-1]
            return f"rises up to {last} (last step {text(end.start)} → {last}: {p_in_words(end.p_value)})" + (
                "" if len(self.steps) > 1 else f"; two {self.abscissa.name}s cannot show a saturation"
            )
        if kind == SATURATING:
            into = next(step for step in self.steps if step.stop == self.voltage)
            sure = into.change > 0 and into.p_value < LEVEL
            start = into.start if sure else self.steps[0].start
            p = into.p_value if sure else self.p_value
            return (
                f"saturates from {at}{'' if sure else ' at the latest'} (rise {text(start)} → {at}: "
                f"{p_in_words(p)}; from {at} to {last} flat: {p_in_words(self.p_plateau)})"
            )
        if kind == PEAKED:
            return (
                f"peaks at {at} (rise to it and drop after it both significant: {p_in_words(self.p_value)})"
            )
        if kind == FALLING:
            return (
                f"falls with the {self.abscissa.name} (drop: {p_in_words(self.p_value)}; no rise before it)"
            )
        rise = self.steps[0].change if len(self.steps) == 1 else sum(step.change for step in self.steps)
        if rise > 0 and not any(step.change < 0 and step.p_value < LEVEL for step in self.steps):
            return (
                f"rises from {first} to {last} ({p_in_words(self.p_value)}); whether it saturates cannot be told "
                "at this noise"
            )
        return f"goes up and down more than once ({p_in_words(self.p_value)}): no single verdict"

    def _why_missing(self) -> str:
        usable = int((self.counts >= 2).sum())
        return f"{usable} of {self.voltages.size} {self.abscissa.name}s have values in at least two of its pixels"


def point_curves(
    aligned: AlignedSeries,
    points: Sequence[PinnedPoint],
    *,
    name: str = "H",
    noise: Noise | None = None,
) -> list[PointCurve]:
    """Return points against the voltage.

    Parameters
    ----------
    aligned : AlignedSeries
    points : sequence of PinnedPoint
        On the grid of the reference. How large a neighbourhood they were pinned with does not count.
    name : str
        H, D1, D2 or D. A diffusion coefficient is tested by its logarithm, and shown as it is.
    noise : Noise, optional
        From `noise_of_series`; by default measured from the whole maps.
    """
    lent = noise if noise is not None else noise_of_series(aligned, name=name)
    return [_curve(aligned, point, name, lent) for point in points]


def _curve(aligned: AlignedSeries, point: PinnedPoint, name: str, noise: Noise) -> PointCurve:
    series = aligned.series
    grid = aligned.grid
    # Where the point lies between the centres of the reference does not count: it is one of its pixels.
    row, column = (
        int(np.abs(grid[axis].values - at).argmin()) for axis, at in (("y", point.y), ("x", point.x))
    )
    values = np.full((len(series.members), PIXELS), np.nan)
    if _inside(aligned, point):
        for index, member in enumerate(series.members):
            rows, columns = aligned.places(index)
            values[index] = adjacent_values(member.values(name), rows[row], columns[column])
    tested = tested_values(values, name, series.sign)
    return PointCurve(
        number=point.number,
        x=point.x,
        y=point.y,
        colour=point.colour,
        quantity=name,
        unit=series.unit(name),
        voltages=series.voltages,
        values=values,
        abscissa=series.abscissa,
        **judged(tested, series.voltages, name, noise, series.abscissa),
    )


def judged(
    tested: Array, voltages: Array, name: str, noise: Noise | None, abscissa: Abscissa = VOLTAGE
) -> dict[str, Any]:
    """Return the fields of a `PointCurve` that its verdict makes.

    Parameters
    ----------
    tested : ndarray, shape (scan, pixel)
        On the scale on which they are tested; NaN where there is none.
    voltages : ndarray, shape (scan,)
    name : str
        H is held against a straight line, too.
    noise : Noise, optional
    abscissa : Abscissa
        Of `voltages`.
    """
    offset = abscissa.offset(voltages)
    usable = np.isfinite(tested)
    # A pixel that fails at some voltage is left out of the test at all of them, unless that leaves no scatter.
    scans = usable.sum(axis=1) >= 2
    columns_used = usable[scans].all(axis=0) if scans.any() else np.zeros(tested.shape[1], dtype=bool)
    if columns_used.sum() < 2:
        scans, columns_used = usable.all(axis=1), np.ones(tested.shape[1], dtype=bool)
    chosen = np.where(scans[:, None], tested, np.nan)[:, columns_used]
    verdicts = verdicts_from_values(chosen[None], voltages + offset, noise=noise)
    straight = _straightness(verdicts) if name == "H" else {}
    if straight:
        straight["linear_to"] -= offset
    return {
        "verdict": VERDICT_MEANINGS[int(verdicts.kind[0])],
        "voltage": float(verdicts.voltage[0]) - offset,
        "statistic": float(verdicts.statistic[0]),
        "p_value": float(verdicts.p_value[0]),
        "p_plateau": float(verdicts.p_plateau[0]),
        "degrees": float(verdicts.degrees[0]),
        "steps": tuple(
            replace(step, start=step.start - offset, stop=step.stop - offset) for step in _steps(verdicts)
        ),
        **straight,
    }


def _straightness(verdicts: Verdicts) -> dict[str, float]:
    """Return up to which voltage the rise of a point was held against a straight line, and the p of that."""
    from scipy.stats import f

    kind, levels = int(verdicts.kind[0]), np.abs(verdicts.levels)
    means, errors, degrees = verdicts.means[0], verdicts.errors[0], float(verdicts.degrees[0])
    usable = np.isfinite(means) & (errors > 0)
    if kind not in (RISING, PEAKED) or not usable.any():
        return {}
    top = abs(float(verdicts.voltage[0])) if kind == PEAKED else float(levels[usable].max())
    usable &= levels <= top * (1 + 1e-9)
    if usable.sum() < _FEWEST_OF_LINE:
        return {}
    weighted = np.column_stack([np.ones(usable.sum()), levels[usable]]) / errors[usable, None]
    values = means[usable] / errors[usable]
    left = values - weighted @ np.linalg.lstsq(weighted, values, rcond=None)[0]
    free = int(usable.sum()) - 2
    last = float(verdicts.levels[np.flatnonzero(usable)[-1]])
    return {"linear_to": last, "p_linear": float(f.sf(left @ left / free, free, degrees))}


def _inside(aligned: AlignedSeries, point: PinnedPoint) -> bool:
    """Whether a point lies on the reference: one beside it is not its border pixel."""
    axes = zip(("y", "x"), (point.y, point.x), aligned.spacing, strict=True)
    return all(
        aligned.grid[axis].values.min() - step <= at <= aligned.grid[axis].values.max() + step
        for axis, at, step in axes
    )


def adjacent_values(values: Array, row: float, column: float) -> Array:
    """Return the values of the pixel nearest to a place and its neighbours in its line.

    At the border the nearest pixels that there are; NaN for those that a map has too few of, and outside of it.

    Examples
    --------
    >>> adjacent_values(np.arange(12.0).reshape(3, 4), 1.2, 3.4)
    array([5., 6., 7.])
    """
    adjacent = np.full(PIXELS, np.nan)
    line, place = (int(np.floor(at + 0.5)) for at in (row, column))
    height, width = values.shape
    if 0 <= line < height and 0 <= place < width:
        start = int(np.clip(place - PIXELS // 2, 0, max(width - PIXELS, 0)))
        part = values[line, start : start + PIXELS]
        adjacent[: part.size] = part
    return adjacent


def _steps(verdicts: Verdicts) -> tuple[Step, ...]:
    judged = np.flatnonzero(np.isfinite(verdicts.errors[0]))
    steps = []
    for a, b in pairwise(judged):
        change = float(verdicts.means[0, b] - verdicts.means[0, a])
        error = float(np.hypot(verdicts.errors[0, a], verdicts.errors[0, b]))
        ratio = change / error if error > 0 else np.sign(change) * 1e4
        p = float(family_probability(ratio, judged.size, float(verdicts.degrees[0])))
        steps.append(Step(float(verdicts.levels[a]), float(verdicts.levels[b]), change, error, p))
    return tuple(steps)
