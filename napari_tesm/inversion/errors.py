"""How well a lateral ln D is known: its standard error in each pixel, its resolution, and where it is the prior's."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.inversion.solver import Recording, Solution

Array = NDArray[np.float64]

_NEAR: Final = 1.0
"""Width in R0 over which a pixel's neighbours tell its ln D."""
_LEAST_COVERED: Final = 0.08
"""Part of what a pixel of the map is usually told, below which its ln D is the prior's; a corner is told a quarter."""
_TABLE: Final = 40
_PARTS: Final = 12


@dataclass(frozen=True, eq=False)
class Resolution:
    """How much of a wave of ln D comes back, by half its period.

    Parameters
    ----------
    half_periods : ndarray, shape (n,)
        Increasing, in R0.
    contrast : ndarray, shape (n,)
        From 0 to 1.
    """

    half_periods: Array
    contrast: Array

    @property
    def half(self) -> float:
        """Half a period, in R0, at which half of a contrast comes back; NaN where none does."""
        there = np.flatnonzero(self.contrast >= 0.5)
        if there.size == 0:
            return float("nan")
        last = int(there[0])
        if last == 0:
            return float(self.half_periods[0])
        pair = slice(last - 1, last + 1)
        return float(np.interp(0.5, self.contrast[pair], self.half_periods[pair]))


def resolution_of(solution: Solution) -> Resolution:
    """Return the resolution of a map: that of the Gaussian prior with the same mean square gradient.

    Where ln D steps the prior gives way and the map is sharper than this; within grains it is smoother.
    """
    plane, stiffness = solution.plane, solution.stiffness
    stiff = 1 / float(np.mean(1 / plane.on_map(stiffness.around)))
    resisted = stiff * plane.roughness + stiffness.mean
    contrast = solution.information / (solution.information + resisted)
    waves = plane.wave_numbers.ravel()
    order = np.argsort(waves)[::-1]
    order = order[waves[order] > 0]
    return Resolution(np.pi / waves[order], np.maximum.accumulate(contrast.ravel()[order]))


def coverage(solution: Solution, recordings: list[Recording]) -> Array:
    """Return how much a pixel's ln D is told, in parts of what it usually is, shape (y, x) of the map.

    1 within the map, half at its edges, nothing in a hole.
    """
    plane = solution.plane
    told = np.zeros(recordings[0].weight.shape)
    for amplitude, recording in zip(solution.linear.amplitudes, recordings, strict=True):
        told += np.square(amplitude) * recording.weight
    told *= solution.linear.trusted
    usual = float(np.median(told[told > 0])) if (told > 0).any() else 1.0
    field = plane.from_map(np.minimum(told / usual, 4.0).reshape(plane.shape))
    return np.maximum(plane.on_map(plane.smoothed(field, _NEAR)), 0.0)


def most_covered(sides: list[float]) -> float:
    """Return the `coverage` in the middle of a map all of whose pixels respond, its sides in R0."""
    return math.prod(math.erf(side / (2 * math.sqrt(2) * _NEAR)) for side in sides)


def standard_error(solution: Solution, covered: Array) -> Array:
    """Return the standard error of ln D, shape (y, x) of the map.

    The posterior one of a plane that is everywhere as it is at the pixel.
    """
    plane, stiffness = solution.plane, solution.stiffness
    weights = plane.on_map(stiffness.around)
    stiff = np.geomspace(weights.min() * 0.99, weights.max() * 1.01, _TABLE)
    parts = np.geomspace(1e-3, 8.0, _PARTS)
    table = np.array(
        [
            [
                float(
                    (
                        plane.shares / (part * solution.information + w * plane.roughness + stiffness.mean)
                    ).sum()
                )
                for part in parts
            ]
            for w in stiff
        ]
    )
    from scipy.interpolate import RegularGridInterpolator

    read = RegularGridInterpolator((np.log(stiff), np.log(parts)), np.log(table))
    places = np.stack([np.log(weights), np.log(np.clip(covered, parts[0], parts[-1]))], axis=-1)
    return np.asarray(np.exp(read(places) / 2))


def is_told(covered: Array) -> NDArray[np.bool_]:
    """Return where ln D is the data's, and not the prior's alone."""
    return np.asarray(covered >= _LEAST_COVERED)
