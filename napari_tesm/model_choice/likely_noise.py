r"""The noise that the kernels of a choice are judged by: that of the kernel which explains the traces best.

Every kernel leaves a noise of its own, a wrong one its misfit among it; residuals alone do not say which is noise.
All are judged by one, lest a kernel be forgiven what its own noise holds: by that under which its kernel makes the
traces likeliest,

.. math:: -2 \ln L = n \ln(\mathrm{RSS}/n) + \ln\det R + 2k.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.model_choice.decorrelation import Decorrelation, FittedPart
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.processes import Process

Array = NDArray[np.float64]

_STEPS: Final = 4
"""Of the scoring: the weights have settled to some per cent by then."""
_STANDING: Final = 24
"""Traces whose tangents stand for all where it is asked what a fit takes out of a process."""
_SMALL: Final = 1e-5
_ALWAYS: Final = ("lock-in", "mains", "drift")
"""Processes that are always possible; of the others those that some kernel leaves."""


@dataclass(frozen=True, eq=False)
class Explained:
    """Traces that a kernel is fitted to.

    Parameters
    ----------
    residuals : ndarray, shape (n, time)
        Data less fit, NaN where a sample is missing.
    parts : sequence of FittedPart
        The fits.
    time : ndarray, shape (time,)
        In s.
    parameters : int
        Of each trace, with the noise.
    """

    residuals: Array
    parts: Sequence[FittedPart]
    time: Array
    parameters: int

    @cached_property
    def kept(self) -> NDArray[np.intp]:
        """The samples that most traces have."""
        return np.flatnonzero(np.isfinite(self.residuals).mean(axis=0) > 0.5)

    def white(self, decorrelation: Decorrelation) -> tuple[Array, Array]:
        """Return what is left over, decorrelated, of traces without gaps, and the columns that were taken out."""
        rows = np.flatnonzero(np.isfinite(self.residuals[:, self.kept]).all(axis=1))
        parts = [part.of(rows) for part in self.parts]
        return decorrelation.residuals(self.residuals[np.ix_(rows, self.kept)], parts, self.kept)

    def unlikelihood(self, noise: NoiseModel) -> float:
        """Return −2 ln L of a trace on average, with the price of its parameters."""
        decorrelation = Decorrelation.of(noise, self.time[self.kept])
        white = self.white(decorrelation)[0]
        square = np.vecdot(white, white)
        if not square.size:
            return np.inf
        determinant = 2 * np.log(np.diag(decorrelation.root)).sum()
        samples = self.kept.size
        return float(samples * np.log(square / samples).mean() + determinant + 2 * self.parameters)


def likely_noise(
    explained: Sequence[Explained], noises: Sequence[NoiseModel], processes: Sequence[Process]
) -> NoiseModel:
    """Return the noise under which its kernel makes the traces likeliest.

    Parameters
    ----------
    explained : sequence of Explained
        The same traces, one for each kernel.
    noises : sequence of NoiseModel
        What each kernel leaves, from products of residuals; what is white there stays white.
    processes : sequence of Process
        What the noise may be made of.
    """
    if all(noise.is_white for noise in noises):
        return noises[0]
    white = next(process for process in processes if process.kind == "white")
    seen = {white, *(process for noise in noises for process in noise.weights)}
    possible = [process for process in processes if process in seen or process.kind in _ALWAYS]
    found: list[tuple[float, NoiseModel]] = []
    for by_kernel, start in zip(explained, noises, strict=True):
        # Which one is likely shows only after the refinement: all are refined.
        noise = start if start.is_white else refined_noise(start, possible, by_kernel)
        found.append((by_kernel.unlikelihood(noise), noise))
    return min(found, key=lambda pair: pair[0])[1]


def refined_noise(noise: NoiseModel, processes: Sequence[Process], explained: Explained) -> NoiseModel:
    r"""Return noise with the weights of maximum likelihood, given traces that a kernel explains.

    Products of residuals as they are say little of the weak parts of the noise: all weigh alike. Those of decorrelated
    residuals give, iterated, the maximum of the restricted likelihood (Fisher scoring; Harville, D. A. (1977). J. Am.
    Stat. Assoc. 72, 320-338), here with weights that are not negative.
    """
    from scipy.optimize import nnls

    time = explained.time[explained.kept]
    for _ in range(_STEPS):
        decorrelation = Decorrelation.of(noise, time)
        white, bases = explained.white(decorrelation)
        if not len(white):
            return noise
        white *= np.sqrt(time.size / np.vecdot(white, white))[:, None]
        observed = white.T @ white / len(white)
        made = np.stack([decorrelation.both(process.covariance(time)) for process in processes])
        gram = _gram(made, bases[:: max(1, len(bases) // _STANDING)])
        right = made.reshape(len(made), -1) @ observed.ravel()
        scale = np.sqrt(np.diag(gram))
        root = np.linalg.cholesky(gram / np.outer(scale, scale) + 1e-9 * np.eye(scale.size))
        weights = nnls(root.T, np.linalg.solve(root, right / scale))[0] / scale
        total = weights.sum()
        kept = zip(processes, weights, strict=True)
        noise = NoiseModel({p: float(w / total) for p, w in kept if w > _SMALL * total}, noise.traces)
    return noise


def _gram(made: Array, bases: Array) -> Array:
    """Return the products of covariances where a fit has taken orthonormal columns out, mean over several fits.

    Parameters
    ----------
    made : ndarray, shape (processes, time, time)
    bases : ndarray, shape (fits, time, columns)
    """
    count = len(made)
    flat = made.reshape(count, -1)
    gram = flat @ flat.T
    for basis in bases:
        moved = made @ basis
        inner = np.swapaxes(moved, 1, 2) @ basis
        flat, small = moved.reshape(count, -1), inner.reshape(count, -1)
        gram += (small @ small.T - 2 * flat @ flat.T) / len(bases)
    return np.asarray(gram)
