"""Mains in traces: of what frequency they are, and in which windows they are better fitted than taken for noise."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.leftovers import Leftovers, WindowLeftovers
from napari_tesm.kernels.nuisances import Nuisances
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.errors import factors_of_shapes

Array = NDArray[np.float64]

_FREQUENCIES: Final = np.arange(44.0, 67.0)
"""Where mains are looked for, in Hz."""
_FARTHEST, _FARTHEST_OF_RECORD = 9.0, 1.0
"""In Hz, by which a frequency is off at most where fits had no mains beside them: a window is short, and of a whole
record it is off by more only where the kernel is wrong."""
_COLUMNS: Final = 2
"""Of mains, the last beside a curve: sine and cosine."""

_AS_WELL: Final = 1.1
"""Errors beside mains may be so much larger: what is left is normal noise, where that of an oscillation is not, and its
95 % intervals hold 98 %."""


def mains_frequency(leftovers: Sequence[Leftovers]) -> float | None:
    """Return the frequency between 45 and 65 Hz that takes most out of what is left over, beside what the fits took.

    To 1 Hz: the fits, which had no mains beside them, have taken part of them for the curve. One phase holds for all
    windows of a trace: a single one is too short to tell. None where the most lies outside: whatever that is, it is no
    mains.
    """
    taken = sum((_taken(left) for left in leftovers), np.zeros(_FREQUENCIES.size))
    best = int(taken.argmax())
    return float(_FREQUENCIES[best]) if 0 < best < _FREQUENCIES.size - 1 else None


def refined_frequency(leftovers: Sequence[Leftovers], evaluation: Evaluation) -> float:
    """Return the frequency of mains to a tenth of a Hz, from fits that have mains of nearly this frequency beside them.

    Their mains are put back, and the curves are free to move as far as they move in proportion to it.

    Parameters
    ----------
    leftovers : sequence of Leftovers
        Of each pulse setting.
    evaluation : Evaluation
        Of those fits.
    """
    frequency = evaluation.settings.nuisances.mains
    taken = sum((_taken(left, evaluation) for left in leftovers), np.zeros(_FREQUENCIES.size))
    best = int(taken.argmax())
    if not 0 < best < _FREQUENCIES.size - 1:
        return frequency
    before, there, after = taken[best - 1 : best + 2]
    # The top of the parabola through three points; a record of 25 ms tells frequencies apart by tens of Hz.
    finer = round(float(_FREQUENCIES[best]) + (before - after) / (2 * (before - 2 * there + after)), 1)
    farthest = _FARTHEST_OF_RECORD if evaluation.settings.kernel.joint else _FARTHEST
    return finer if abs(finer - frequency) <= farthest else frequency


def _taken(left: Leftovers, with_mains: Evaluation | None = None) -> Array:
    """Return the sum of squares that mains of each frequency take out of traces.

    Parameters
    ----------
    with_mains : Evaluation, optional
        Of the fits, where they have mains beside the curve: these are put back, where tau is resolved.
    """
    count = len(left.windows[0].residuals)
    along, squares = np.zeros((count, _FREQUENCIES.size, 2)), np.zeros((count, _FREQUENCIES.size, 2, 2))
    asked = np.ones(count, dtype=bool)
    for window in left.windows:
        waves = np.stack([Nuisances(mains=f).columns(window.times, None, None) for f in _FREQUENCIES])
        residuals, columns = window.residuals, slice(None)
        if with_mains is not None:
            residuals, columns = residuals + _fitted_mains(left, window, with_mains), slice(None, -_COLUMNS)
            asked &= np.isfinite(window.errors)
        asked &= np.isfinite(residuals).all(axis=1) & (window.cells.members >= 0)
        for cell, tangents in enumerate(window.tangents):
            rows = np.flatnonzero(asked & (window.cells.members == cell))
            if not rows.size:
                continue
            fitted = np.linalg.qr(tangents[:, columns])[0]
            seen = waves - fitted @ (fitted.T @ waves)
            flat = np.moveaxis(seen, 1, 0).reshape(window.times.size, -1)
            along[rows] += (residuals[rows] @ flat).reshape(rows.size, _FREQUENCIES.size, 2)
            squares[rows] += np.swapaxes(seen, 1, 2) @ seen
    along, squares = along[asked], squares[asked]
    numbers = np.linalg.solve(squares, along[..., None])[..., 0] if len(along) else along
    return np.asarray(np.vecdot(along, numbers).sum(axis=0))


def _fitted_mains(left: Leftovers, window: WindowLeftovers, evaluation: Evaluation) -> Array:
    """Return the mains that were fitted in a window, shape (n, time)."""
    nuisances = evaluation.settings.nuisance_columns(window.number, window.times)
    assert nuisances is not None
    columns = nuisances.columns[:, -_COLUMNS:]
    names = nuisances.names[-_COLUMNS:]
    numbers = np.stack([left.maps[map_name(name, window.number)] for name in names], axis=1)
    return np.asarray(numbers @ (columns - columns.mean(axis=0)).T)


def windows_with_mains(
    plain: Sequence[tuple[Leftovers, NoiseModel]], beside: Sequence[tuple[Leftovers, NoiseModel]]
) -> tuple[int, ...]:
    """Return the windows in which errors of ln tau are as small where mains are fitted as where they are noise.

    Within half a period of them they look like a slow relaxation, and columns of their own cost more than they save.

    Parameters
    ----------
    plain, beside : sequence of (Leftovers, NoiseModel)
        Of each pulse setting: fits without and with them, and the noise that either leaves.
    """
    chosen = []
    for place, window in enumerate(plain[0][0].windows):
        without, with_them = (
            float(np.median(np.concatenate([_errors(left.windows[place], noise) for left, noise in fits])))
            for fits in (plain, beside)
        )
        if with_them < _AS_WELL * without:
            chosen.append(window.number)
    return tuple(chosen)


def _errors(window: WindowLeftovers, noise: NoiseModel) -> Array:
    """Return standard errors of ln tau in a noise, infinite where tau is not resolved."""
    covariance = noise.covariance(window.times)
    factors = np.array([part.errors[0] for part in factors_of_shapes(window.tangents, covariance)])
    errors = window.errors * factors[window.cells.members]
    return np.where(np.isfinite(errors), errors, np.inf)
