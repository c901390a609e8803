r"""Whether exponentials describe the traces better: then nothing in them says that ions diffuse between pixels.

Each pixel by itself, with the times of the t-ESM paper: :math:`A(1-e^{-t/\tau_1})` during the pulse, and from what was
reached by its end :math:`e^{-(t-T)/\tau_2}`. They are judged by the same numbers as the inversion
(`napari_tesm.inversion.compression`), beside the same noise and nuisances.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.inversion.boundary import is_clear
from napari_tesm.inversion.recordings import Recorded
from napari_tesm.inversion.solver import Solution

Array = NDArray[np.float64]

_MOST_PIXELS: Final = 400
"""Evenly over the map: they decide clearly."""
_FEWEST: Final = 64
_TRIED: Final = 16
"""Times along each of both axes, from which rounds begin."""
_SEARCHED: Final = (0.03, 10.0)
"""In pulses and in records."""
_ROUNDS: Final = 6
_LONGEST_STEP: Final = 0.5
_SMALL: Final = 1e-3
"""Change of ln tau for differences."""
_DESCRIBED: Final = 1.3
"""Chi-square per degree of freedom up to which exponentials describe the traces."""
_MORE: Final = 2
"""Numbers of a pixel beyond its amplitude."""


@dataclass(frozen=True)
class Exponentials:
    """What exponentials make of the traces.

    Parameters
    ----------
    misfit, own_misfit : float
        Chi-square per degree of freedom with them, and with the inversion.
    clear : bool
        Whether they describe the traces, and better than the inversion by more than noise and their times explain.
    """

    misfit: float
    own_misfit: float
    clear: bool


def exponentials_beside(solution: Solution, recorded: Recorded, group: Sequence[int]) -> Exponentials | None:
    """Return what exponentials make of the traces that a solution is of; None where too few count.

    Parameters
    ----------
    group : sequence of int
        Pulse settings of the solution.
    """
    weights = [recorded.recordings[pulse].weight for pulse in group]
    counted = np.flatnonzero(np.all([weight > 0 for weight in weights], axis=0))
    if counted.size < _FEWEST:
        return None
    some = counted[:: -(-counted.size // _MOST_PIXELS)]
    with_them = np.zeros(some.size)
    for pulse, weight in zip(group, weights, strict=True):
        with_them += _left_over(recorded, pulse, some) * weight[some]
    squares = [solution.linear.chi_square[some] / solution.freedom, with_them / solution.freedom]
    more = _MORE * len(group) / solution.freedom
    better, means = is_clear(squares[0], squares[1] + more)
    # A time that a trace tells costs a degree of freedom.
    misfit = (means[1] - more) / max(1 - more, 0.1)
    return Exponentials(misfit, means[0], better and misfit < _DESCRIBED)


def _left_over(recorded: Recorded, pulse: int, pixels: NDArray[np.intp]) -> Array:
    """Return the squares that the best exponentials leave of the numbers of pixels, shape (pixels,)."""
    numbers = recorded.recordings[pulse].numbers[pixels]
    length = recorded.pulse_length
    tried = np.log(np.geomspace(_SEARCHED[0] * length, _SEARCHED[1] * recorded.nodes.last, _TRIED))
    grid = np.stack(np.meshgrid(tried, tried, indexing="ij"), axis=-1).reshape(-1, 2)
    units = _numbers_of(recorded, pulse, grid)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    log_tau = grid[np.argmax(np.square(numbers @ units.T), axis=1)]
    least = np.full(pixels.size, np.inf)
    for _ in range(_ROUNDS):
        curve = _numbers_of(recorded, pulse, log_tau)
        amplitude = np.vecdot(curve, numbers) / np.vecdot(curve, curve)
        left = numbers - amplitude[:, None] * curve
        least = np.minimum(least, np.vecdot(left, left))
        by_each = [
            (_numbers_of(recorded, pulse, log_tau + _SMALL * along) - curve) / _SMALL for along in np.eye(2)
        ]
        columns = np.stack([curve, *by_each], axis=-1)
        # The pseudo-inverse: a time beyond the record hardly moves a curve.
        found = (np.linalg.pinv(columns, rcond=1e-4) @ numbers[:, :, None])[..., 0]
        with np.errstate(all="ignore"):
            step = np.nan_to_num(found[:, 1:] / found[:, :1], posinf=0.0, neginf=0.0)
        log_tau = np.clip(log_tau + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP), tried[0], tried[-1])
    return least


def _numbers_of(recorded: Recorded, pulse: int, log_tau: Array) -> Array:
    """Return the numbers of exponentials of amplitude 1, shape (n, numbers), for ln tau1 and ln tau2, shape (n, 2)."""
    rates, length = np.exp(-log_tau), recorded.pulse_length
    low_pass = recorded.instrument.evaluation.settings.kernel.low_pass
    reached = -np.expm1(-rates[:, :1] * length)

    def rises(since: Array) -> Array:
        return np.asarray(-np.expm1(-rates[:, :1] * since))

    def falls(since: Array) -> Array:
        return np.asarray(rises(since + length) - reached * np.exp(-rates[:, 1:] * since))

    def seen(part: Callable[[Array], Array], since: Array) -> Array:
        inside = np.maximum(since, 0.0)
        return (part(inside) if low_pass is None else low_pass.filtered(part, inside)) * (since > 0)

    curves = seen(rises, recorded.since_start) - seen(falls, recorded.since_start - length)
    return np.asarray(curves @ recorded.compressions[pulse].traces.T)
