"""Are named points equally high at the smallest voltage, as the t-ESM paper says of its Fig. 6b at -3 V."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.series.abscissa import voltage_text
from napari_tesm.series.points import PointCurve
from napari_tesm.series.ranges import family_probability
from napari_tesm.series.verdicts import LEVEL
from napari_tesm.statistics.ranks import p_in_words


@dataclass(frozen=True)
class Equality:
    """Whether points differ at one voltage, by the scatter of their adjacent pixels.

    Parameters
    ----------
    voltage : float
        In V.
    points : tuple of int
        Numbers of the points with two pixels or more there.
    most_apart : tuple of int
        The two that differ most.
    difference : float
        Of those two, in the unit of the quantity.
    p_value : float
        Tukey's, for all pairs of points at once.
    degrees : float
        Degrees of freedom of the pooled scatter.
    sentence : str
    """

    voltage: float
    points: tuple[int, ...]
    most_apart: tuple[int, int]
    difference: float
    p_value: float
    degrees: float
    sentence: str


def equality_of_points(curves: Sequence[PointCurve]) -> Equality | None:
    """Return whether points differ at the smallest voltage at which two of them can be compared.

    Parameters
    ----------
    curves : sequence of PointCurve
        Of one quantity.

    Returns
    -------
    Equality or None
        None where no voltage has two points with two pixels each, or nothing scatters.

    Notes
    -----
    Pairs by Tukey's range, unequal numbers of pixels as Kramer (1956) has it; the variance is pooled over the points.
    """
    if not curves:
        return None
    for scan in np.argsort(np.abs(curves[0].voltages), kind="stable"):
        there = [curve for curve in curves if curve.counts[scan] >= 2]
        if len(there) < 2:
            continue
        counts, means = (
            np.array([getattr(curve, key)[scan] for curve in there]) for key in ("counts", "means")
        )
        stds = np.array([curve.stds[scan] for curve in there])
        degrees = float((counts - 1).sum())
        variance = float(((counts - 1) * stds**2).sum() / degrees)
        if not variance > 0:
            continue
        t = np.abs(means[:, None] - means) / np.sqrt(variance * (1 / counts[:, None] + 1 / counts))
        first, second = np.unravel_index(int(t.argmax()), t.shape)
        p = float(family_probability(t.max(), len(there), degrees))
        pair = (there[int(first)].number, there[int(second)].number)
        difference = float(abs(means[first] - means[second]))
        numbers = [str(curve.number) for curve in there]
        named = f"{', '.join(numbers[:-1])} and {numbers[-1]}"
        size = text_from_quantity(difference, curves[0].unit, digits=2)
        verdict = "are not equal" if p < LEVEL else "are equal within their scatter"
        voltage = float(curves[0].voltages[scan])
        sentence = (
            f"At {voltage_text(voltage)} points {named} {verdict}: {pair[0]} and {pair[1]}, which differ most, are "
            f"{size} apart ({p_in_words(p)}, Tukey's test of all pairs)."
        )
        return Equality(
            voltage, tuple(curve.number for curve in there), pair, difference, p, degrees, sentence
        )
    return None
