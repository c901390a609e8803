r"""Whether the pulse starts when the file says, from all pixels of a map.

A late pulse moves the whole curve: the trace is a·g(t − δ) where a·g(t) was fitted, and what is left over has a part
along −a·g′, which the other parameters cannot mimic. The number of it that fits all pixels best is δ; its error follows
from how the pixels disagree, whatever their noise is made of. The fits are then made again for a pulse that starts so
much later, until nothing is left.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import JOINT, map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.leftovers import Leftovers, leftovers_of_fits
from napari_tesm.kernels.named import fitted_curves
from napari_tesm.quantities.status import OK

Array = NDArray[np.float64]

_SIGNIFICANT: Final = 5.0
"""Standard errors that make a delay worth a word."""
_FEWEST: Final = 24
_ROUNDS: Final = 5
_STEP: Final = 1e-2
"""Of the sampling interval, for the derivative of a curve by time."""
_SETTLED: Final = 0.1
"""Of the sampling interval: a smaller step is the last, and a smaller delay is no matter of the trigger."""
_MOST_MISSED: Final = 0.03
"""Share of what is left over that a kernel may miss when the pulse starts later: else something else is wrong."""
_AS_WELL: Final = 0.01
"""By so much more may it miss than beside the drift, step and mains that were found instead."""


@dataclass(frozen=True)
class Delay:
    """By how much the pulse seems to start later than stated, in s.

    Parameters
    ----------
    seconds, error : float
        Negative where it starts earlier; one standard error.
    start : float
        When it seems to start, on the time axis of the file.
    filter_unknown : bool
        Whether the file tells of no lock-in filter, which would delay the response alike.
    """

    seconds: float
    error: float
    start: float
    filter_unknown: bool


def delay_of_pulse(
    traces: Array, evaluation: Evaluation, beside: Evaluation, *, fitted: Leftovers | None = None
) -> Delay | None:
    """Return by how much the pulse starts later than stated; None where there is no sign of it, or it cannot be told.

    Parameters
    ----------
    traces : ndarray, shape (n, time)
        Of a sample of pixels.
    evaluation : Evaluation
        With a kernel of the whole record and without nuisances.
    beside : Evaluation
        The same with the nuisances that were found. A step or a drift looks a little like a delay; what describes the
        traces as well with no more than a delay is one.
    fitted : Leftovers, optional
        What the fits of the evaluation leave of the traces, where they were made already.
    """
    stated = evaluation.protocol.pulse_start or 0.0
    interval = float(np.diff(evaluation.time).min())
    start, error, moved = stated, np.nan, evaluation
    for number in range(_ROUNDS):
        try:
            moved = evaluation.updated(replace(evaluation.recipe, pulse_start=start)) if number else moved
            left = fitted if fitted is not None and not number else leftovers_of_fits(traces, moved)
        except ValueError:
            return None  # no samples where the pulse would be
        step, error = _step_of_delay(left, moved)
        if not np.isfinite(step) or (number == 0 and abs(step) < _SIGNIFICANT * error):
            return None
        start += step
        if abs(step) < _SETTLED * interval:
            break
    else:
        return None
    missed = left.windows[0].misfit
    instead = leftovers_of_fits(traces, beside).windows[0].misfit
    delay = start - stated
    small = abs(delay) < max(_SIGNIFICANT * error, _SETTLED * interval)
    if small or not missed < min(_MOST_MISSED, instead + _AS_WELL):
        return None
    return Delay(delay, error, start, evaluation.settings.kernel.low_pass is None)


def _step_of_delay(left: Leftovers, evaluation: Evaluation) -> tuple[float, float]:
    """Return by how much later curves should start, and the standard error, in s; NaN where nothing can be said."""
    settings = evaluation.settings
    (window,) = left.windows
    amplitude, status = (left.maps[map_name(name, JOINT)] for name in ("a", "status"))
    start = settings.start(JOINT, window.times)
    shift = _STEP * float(np.diff(window.times).min())
    good = (status == OK) & np.isfinite(window.residuals).all(axis=1)
    scores, weights = [], []
    for cell, tangents in enumerate(window.tangents):
        rows = np.flatnonzero(good & (window.cells.members == cell))
        if not rows.size or cell >= len(window.cells.shapes):
            continue
        shape = {name: np.array([value]) for name, value in window.cells.shapes[cell].items()}
        unit = {**shape, "a": np.ones(1), "c": np.zeros(1)}
        ahead, here = (
            fitted_curves(settings.kernel, window.times - start + moved, unit)[0] for moved in (shift, 0.0)
        )
        column = (here - ahead) / shift
        basis = np.linalg.qr(tangents)[0]
        column -= basis @ (basis.T @ column)
        scores.append(amplitude[rows] * (window.residuals[rows] @ column))
        weights.append(np.square(amplitude[rows]) * (column @ column))
    if not scores:
        return np.nan, np.nan
    score, weight = np.concatenate(scores), np.concatenate(weights)
    if score.size < _FEWEST:
        return np.nan, np.nan
    delay = float(score.sum() / weight.sum())
    return delay, float(np.sqrt(np.square(score - delay * weight).sum()) / weight.sum())
