"""What kernels miss on a map: the share of what they leave over that all traces of one shape have in common."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.evaluation.tangents import Cells
from napari_tesm.model_choice.likely_noise import Explained
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.misfit import share_by_chance, without_misfit

Array = NDArray[np.float64]

LEAST: Final = 0.05
"""A kernel describes a map where it misses no more than this share."""
_BY_CHANCE: Final = 5.0
"""Standard deviations of the share in noise that are forgiven."""


@dataclass(frozen=True)
class Misfits:
    """What the kernels of a choice miss.

    Parameters
    ----------
    shares : tuple of float
        For each kernel, less what noise makes of it by chance; NaN where it cannot be told.
    limit : float
        Up to which a kernel describes the map.
    """

    shares: tuple[float, ...]
    limit: float = LEAST


def misfit_share(explained: Explained, curves: Array, noise: NoiseModel) -> float:
    """Return the share of what a kernel leaves over that is the same curve for all traces of one shape.

    Parameters
    ----------
    curves : ndarray, shape (n, time)
        As they were fitted.
    noise : NoiseModel
        Mains and drifts in it are left out of what is compared: a fit follows them, so that traces of one relaxation
        time as it was found have their phase in common.
    """
    total, common = 0.0, 0.0
    for part in explained.parts:
        there = np.isin(part.samples, explained.kept)
        samples = part.samples[there]
        residuals = explained.residuals[:, samples]
        wandering = _wandering(noise, explained.time[samples])
        residuals = residuals - (residuals @ wandering) @ wandering.T
        height = curves[:, samples].std(axis=1)
        share = without_misfit(residuals, height, Cells.of(part.kernel, part.values).members)[1]
        if np.isfinite(share):
            square = float(np.nansum(np.square(residuals)))
            total, common = total + square, common + share * square
    return common / total if total else float("nan")


def misfit_limit(noise: NoiseModel, explained: Explained) -> float:
    """Return the largest share that a kernel may miss and describe the traces."""
    covariance = noise.covariance(explained.time[explained.kept])
    return max(LEAST, _BY_CHANCE * share_by_chance(covariance, len(explained.residuals)))


def _wandering(noise: NoiseModel, time: Array) -> Array:
    """Return mains and drifts of the noise as orthonormal columns, shape (time, columns)."""
    columns = np.zeros((time.size, 0))
    for process in noise.weights:
        if process.kind == "mains":
            angle = 2 * np.pi * process.time * time
            columns = np.column_stack([columns, np.sin(angle), np.cos(angle)])
        elif process.kind == "drift":
            columns = np.column_stack([columns, time - time.mean()])
    return np.linalg.qr(columns)[0]
