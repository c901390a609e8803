r"""Residuals whose samples know nothing of each other, of fits that took the noise for white.

With the Cholesky factor L of the noise's covariance, :math:`L^{-1}r` is white where r is noise. Least squares on the
traces as they are is not least squares on these, so that what a step of Gauss and Newton would still take out is taken
out: the part along :math:`L^{-1}J`, J the derivatives of the fitted curve (Seber, G. A. F. and Wild, C. J. (1989).
Nonlinear Regression, section 2.1.4). A kernel of two windows has parameters in both, and one covariance over both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from napari_tesm.evaluation.tangents import Cells, tangents_of_curves
from napari_tesm.kernels.named import AnyKernel
from napari_tesm.model_choice.whiteness import correlation_of_residuals
from napari_tesm.noise.correlation import NoiseModel

Array = NDArray[np.float64]

_FLOOR: Final = 1e-3
"""White noise beside the noise, in parts of its variance: where a filter has left nothing there is nothing to say."""
_CHUNK: Final = 512
"""Traces whose tangents are held at once."""
_DRAWS: Final = 1000
"""Of noise, for how white residuals look where it is noise that is left."""


@dataclass(frozen=True, eq=False)
class FittedPart:
    """Fits of all traces in one stretch of the record.

    Parameters
    ----------
    kernel : Kernel or ShapeKernel
    samples : ndarray of int
        Of the record.
    time : ndarray
        Of these samples, from the start of the kernel, in s.
    values : dict of str to ndarray, shape (n,)
        The parameters.
    height : ndarray, shape (n,)
        Standard deviation of each fitted curve, with the sign of its amplitude.
    """

    kernel: AnyKernel
    samples: NDArray[np.intp]
    time: Array
    values: dict[str, Array]
    height: Array

    @cached_property
    def cells(self) -> Cells:
        """Shapes that stand for those of the fits."""
        return Cells.of(self.kernel, self.values)

    @cached_property
    def tangents(self) -> Array:
        """Derivatives of the curve of each cell, shape (cells, p, samples)."""
        columns = tangents_of_curves(self.kernel, self.time, self.cells.shapes)
        return np.ascontiguousarray(np.swapaxes(columns, 1, 2))

    def columns(self, kept: NDArray[np.intp]) -> Array:
        """Return derivatives of each cell at samples of the record, 0 outside of its part, shape (cells, p, kept)."""
        there = np.isin(self.samples, kept)
        columns = np.zeros((*self.tangents.shape[:2], kept.size))
        columns[..., np.searchsorted(kept, self.samples[there])] = self.tangents[..., there]
        return columns

    def of(self, rows: NDArray[np.intp]) -> "FittedPart":
        """Return the fits of some of the traces."""
        chosen = {name: numbers[rows] for name, numbers in self.values.items()}
        return FittedPart(self.kernel, self.samples, self.time, chosen, self.height[rows])


@dataclass(frozen=True, eq=False)
class Decorrelation:
    """Noise on some samples of a record.

    Parameters
    ----------
    root : ndarray, shape (samples, samples)
        Lower Cholesky factor of the covariance with the floor.
    covariance : ndarray, shape (samples, samples)
        Without the floor; its trace is the number of samples.
    """

    root: Array
    covariance: Array

    @classmethod
    def of(cls, noise: NoiseModel, time: Array) -> Self:
        """Return the noise of samples at times in s."""
        return cls.of_covariance(noise.covariance(time))

    @classmethod
    def of_covariance(cls, covariance: Array) -> Self:
        """Return noise with a covariance, of any variance."""
        covariance = covariance * (len(covariance) / np.trace(covariance))
        root = np.linalg.cholesky(covariance + _FLOOR * np.eye(len(covariance)))
        return cls(np.asarray(root, dtype=np.float64), covariance)

    @cached_property
    def effective(self) -> float:
        """As how many independent samples they count: those of which noise is left."""
        return float(np.trace(self.made))

    @cached_property
    def made(self) -> Array:
        """What the decorrelation makes of the covariance: the identity, but for what lies below the floor.

        With the root L of C + f·1, L⁻¹CL⁻ᵀ = 1 − f·L⁻¹L⁻ᵀ.
        """
        return np.asarray(np.eye(len(self.root)) - _FLOOR * (self.inverse @ self.inverse.T))

    @cached_property
    def _null(self) -> Array:
        """Correlation of draws of the noise, in order."""
        root = np.linalg.cholesky(self.made + 1e-9 * np.eye(len(self.made)))
        draws = np.random.default_rng(0).standard_normal((_DRAWS, len(root))) @ root.T
        return np.sort(correlation_of_residuals(draws))

    def whiteness(self, rows: Array) -> Array:
        """Return the probability that the noise is at least as correlated, for decorrelated rows, shape (n,)."""
        correlation = correlation_of_residuals(rows)
        below = np.searchsorted(self._null, correlation)
        return np.where(np.isfinite(correlation), (_DRAWS - below + 1) / (_DRAWS + 1), np.nan)

    def white(self, rows: Array) -> Array:
        """Return rows, shape (..., samples), with their samples made independent."""
        from scipy.linalg import solve_triangular

        flat = rows.reshape(-1, rows.shape[-1])
        return np.asarray(solve_triangular(self.root, flat.T, lower=True).T.reshape(rows.shape))

    @cached_property
    def inverse(self) -> Array:
        """L⁻¹."""
        return self.white(np.eye(len(self.root))).T

    def residuals(
        self, residuals: Array, parts: Sequence[FittedPart], kept: NDArray[np.intp]
    ) -> tuple[Array, Array]:
        """Return decorrelated residuals, shape (n, samples), and the orthonormal columns that were taken out.

        Residuals are NaN where a trace has no fit; columns, shape (m, samples, p), are those of the others.

        Parameters
        ----------
        residuals : ndarray, shape (n, samples)
            Data less fit.
        parts : sequence of FittedPart
            The fits they are left over from.
        kept : ndarray of int, shape (samples,)
            The samples of the record.
        """
        rows = self.white(residuals)
        columns = [self._tangents(part, kept) for part in parts]
        tangents = np.concatenate(columns, axis=1)
        good = np.isfinite(tangents).all(axis=(1, 2)) & np.isfinite(rows).all(axis=1)
        basis = np.linalg.qr(np.swapaxes(tangents[good], 1, 2))[0]
        along = np.einsum("ntp,nt->np", basis, rows[good])
        rows[good] -= np.einsum("ntp,np->nt", basis, along)
        rows[~good] = np.nan
        return rows, basis

    def _tangents(self, part: FittedPart, kept: NDArray[np.intp]) -> Array:
        """Return decorrelated tangents of unit length for each trace, shape (n, p, samples)."""
        raw = part.columns(kept)
        columns = self.white(np.concatenate([raw, np.zeros((1, *raw.shape[1:]))]))
        lengths = np.linalg.norm(columns, axis=-1, keepdims=True)
        columns /= np.where(lengths > 0, lengths, 1)
        columns[-1] = np.nan  # of traces without a fit
        return np.asarray(columns[part.cells.members])


def decorrelated(
    residuals: Array, parts: Sequence[FittedPart], time: Array, noise: NoiseModel
) -> tuple[Array, Array, Array]:
    """Return residuals decorrelated, as how many samples each trace counts, and how white it is.

    Parameters
    ----------
    residuals : ndarray, shape (n, time)
        Data less fit, NaN where a sample is missing.
    parts : sequence of FittedPart
        The fits they are left over from.
    time : ndarray, shape (time,)
        In s.

    Returns
    -------
    (ndarray of shape (n, time), ndarray of shape (n,), ndarray of shape (n,))
        The last the probability that the noise, sent the same way, is at least as correlated.
    """
    white = np.full(residuals.shape, np.nan)
    count, probability = np.zeros(len(residuals)), np.full(len(residuals), np.nan)
    patterns, members = np.unique(np.isfinite(residuals), axis=0, return_inverse=True)
    for number, present in enumerate(patterns):
        kept = np.flatnonzero(present)
        if kept.size == 0:
            continue
        alike = np.flatnonzero(members.ravel() == number)
        decorrelation = _decorrelation(noise, time[kept].tobytes())
        count[alike] = decorrelation.effective
        for start in range(0, alike.size, _CHUNK):
            rows = alike[start : start + _CHUNK]
            chosen = [part.of(rows) for part in parts]
            left = decorrelation.residuals(residuals[np.ix_(rows, kept)], chosen, kept)[0]
            white[np.ix_(rows, kept)] = left
            probability[rows] = decorrelation.whiteness(left)
    return white, count, probability


@lru_cache(maxsize=8)
def _decorrelation(noise: NoiseModel, time: bytes) -> Decorrelation:
    """Return the noise of samples: the same for all blocks and kernels of a map."""
    return Decorrelation.of(noise, np.frombuffer(time))
