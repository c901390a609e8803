"""Mains in traces: of what frequency they are, and in which windows they are better fitted than taken for noise."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.evaluation.leftovers import Leftovers, WindowLeftovers
from napari_tesm.kernels.nuisances import Nuisances
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.errors import factors_of_shapes

Array = NDArray[np.float64]

_FREQUENCIES: Final = np.arange(44.0, 67.0)
"""Where mains are looked for, in Hz."""

_AS_WELL: Final = 1.1
"""Errors beside mains may be so much larger: what is left is normal noise, where that of an oscillation is not, and its
95 % intervals hold 98 %."""


def mains_frequency(leftovers: Sequence[Leftovers]) -> float | None:
    """Return the frequency between 45 and 65 Hz that takes most out of what is left over, beside what the fits took.

    One phase holds for all windows of a trace: a single one is too short to tell. None where the most lies outside:
    whatever that is, it is no mains.
    """
    taken = sum((_taken(left) for left in leftovers), np.zeros(_FREQUENCIES.size))
    best = int(taken.argmax())
    return float(_FREQUENCIES[best]) if 0 < best < _FREQUENCIES.size - 1 else None


def _taken(left: Leftovers) -> Array:
    """Return the sum of squares that mains of each frequency take out of traces."""
    count = len(left.windows[0].residuals)
    along, squares = np.zeros((count, _FREQUENCIES.size, 2)), np.zeros((count, _FREQUENCIES.size, 2, 2))
    asked = np.ones(count, dtype=bool)
    for window in left.windows:
        waves = np.stack([Nuisances(mains=f).columns(window.times, None, None) for f in _FREQUENCIES])
        asked &= np.isfinite(window.residuals).all(axis=1) & (window.cells.members >= 0)
        for cell, tangents in enumerate(window.tangents):
            rows = np.flatnonzero(asked & (window.cells.members == cell))
            if not rows.size:
                continue
            fitted = np.linalg.qr(tangents)[0]
            seen = waves - fitted @ (fitted.T @ waves)
            flat = np.moveaxis(seen, 1, 0).reshape(window.times.size, -1)
            along[rows] += (window.residuals[rows] @ flat).reshape(rows.size, _FREQUENCIES.size, 2)
            squares[rows] += np.swapaxes(seen, 1, 2) @ seen
    along, squares = along[asked], squares[asked]
    numbers = np.linalg.solve(squares, along[..., None])[..., 0] if len(along) else along
    return np.asarray(np.vecdot(along, numbers).sum(axis=0))


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
