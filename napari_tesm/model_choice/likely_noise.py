r"""The noise that the kernels of a choice are judged by: that of the kernel which explains the traces best.

Every kernel leaves a noise of its own, a wrong one its misfit among it; residuals alone do not say which is noise.
All are judged by one, lest a kernel be forgiven what its own noise holds: by that under which its kernel makes the
traces likeliest,

.. math:: -2 \ln L = n \ln(\mathrm{RSS}/n) + \ln\det R + \ln\det Q^T R^{-1} Q + 2k.

Q is an orthonormal basis of what the fit takes out: noise along it costs and gains nothing, as the fit follows it,
whatever there is of it (Harville, D. A. (1977). J. Am. Stat. Assoc. 72, 320-338). Without that term a drift in R costs
more than a kernel of more numbers that follows it. Noise is white unless another one makes the traces clearly likelier,
whatever kernel it is of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.model_choice.decorrelation import Decorrelation, FittedPart
from napari_tesm.noise.correlation import NoiseModel, nonnegative_weights
from napari_tesm.noise.processes import Process

Array = NDArray[np.float64]

_STEPS: Final = 4
"""Of the scoring, at the most: the weights have settled to some per cent by then."""
_SETTLED: Final = 0.01
"""Change of a part of the variance below which a weight has settled."""
_STANDING: Final = 16
"""Traces whose tangents stand for all where it is asked what a fit takes out of a process."""
_SMALL: Final = 1e-5
_ALWAYS: Final = ("lock-in", "mains", "drift")
"""Processes that are always possible; of the others those that any kernel leaves."""
_CLEARLY: Final = 10.0
"""Of −2 ln L of all traces, beside 2 for each process more, by which noise must be likelier than white noise."""


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

    @cached_property
    def _complete(self) -> tuple[Array, list[FittedPart]]:
        """Residuals of the traces without gaps at the kept samples, and their fits."""
        rows = np.flatnonzero(np.isfinite(self.residuals[:, self.kept]).all(axis=1))
        return self.residuals[np.ix_(rows, self.kept)], [part.of(rows) for part in self.parts]

    def white(self, decorrelation: Decorrelation) -> tuple[Array, Array]:
        """Return what is left over, decorrelated, of traces without gaps, and the columns that were taken out."""
        white, bases = decorrelation.residuals(*self._complete, self.kept)
        return white[np.isfinite(white).all(axis=1)], bases

    @cached_property
    def _standing(self) -> Array:
        """What fits of some traces take out, orthonormal, shape (fits, time, columns)."""
        parts = self._complete[1]
        rows = np.flatnonzero(np.all([part.cells.members >= 0 for part in parts], axis=0))
        rows = rows[:: max(1, len(rows) // _STANDING)]
        columns = [part.columns(self.kept)[part.cells.members[rows]] for part in parts]
        together = np.concatenate(columns, axis=1)
        together = together[np.isfinite(together).all(axis=(1, 2))]
        lengths = np.linalg.norm(together, axis=-1, keepdims=True)
        return np.linalg.qr(np.swapaxes(together / np.where(lengths > 0, lengths, 1), 1, 2))[0]

    def unlikelihood(self, noise: NoiseModel) -> float:
        """Return −2 ln L of all traces, restricted, with the price of their parameters."""
        decorrelation = Decorrelation.of(noise, self.time[self.kept])
        white = self.white(decorrelation)[0]
        square = np.vecdot(white, white)
        if not square.size:
            return np.inf
        determinant = 2 * np.log(np.diag(decorrelation.root)).sum()
        samples = self.kept.size
        mean = samples * np.log(square / samples).mean() + determinant
        taken_out = decorrelation.white(np.swapaxes(self._standing, 1, 2))
        mean += np.linalg.slogdet(taken_out @ np.swapaxes(taken_out, 1, 2))[1].mean()
        mean += 2 * self.parameters
        return float(mean * len(square))


def likely_noise(
    explained: Sequence[Explained], noises: Sequence[NoiseModel], processes: Sequence[Process]
) -> NoiseModel:
    """Return the noise under which its kernel makes the traces likeliest; white where no other one clearly does.

    Parameters
    ----------
    explained : sequence of Explained
        The same traces, one for each kernel.
    noises : sequence of NoiseModel
        What each kernel leaves, from products of residuals.
    processes : sequence of Process
        What the noise may be made of.
    """
    white = next(process for process in processes if process.kind == "white")
    # The same for every kernel: what one leaves may be another's noise, which its own residuals hide.
    possible = {white, *(process for process in processes if process.kind in _ALWAYS)}
    possible = possible.union(*(noise.weights for noise in noises))
    plain = NoiseModel({white: 1.0}, max(noise.traces for noise in noises))
    likeliest = min(by_kernel.unlikelihood(plain) for by_kernel in explained) - _CLEARLY
    chosen, judge = plain, explained[0]
    made: dict[tuple[Process, bytes], _Part] = {}
    for by_kernel, start in zip(explained, noises, strict=True):
        # Which one is likely shows only after the refinement: all are refined.
        time = by_kernel.time[by_kernel.kept]
        parts = []
        for process in processes:
            if process in possible:
                key = (process, time.tobytes())
                if key not in made:
                    made[key] = _Part.of(process, time)
                parts.append(made[key])
        noise = _refined(start, parts, by_kernel)
        level = by_kernel.unlikelihood(noise) + 2 * len(noise.weights)
        if level < likeliest:
            likeliest, chosen, judge = level, noise, by_kernel
    return _simplest(chosen, judge, likeliest)


def _simplest(noise: NoiseModel, explained: Explained, level: float) -> NoiseModel:
    """Return noise without the kinds of processes that make the traces no likelier.

    Where a fit leaves little of a process the steps of the scoring overshoot: a drift of a third was found in windows
    behind a slow filter, where none was, and forgave other kernels what they miss.

    Parameters
    ----------
    level : float
        −2 ln L with 2 for each process.
    """
    for kind in [kind for kind in reversed(noise.shares) if len(noise.shares) > 1]:
        fewer = noise.without(kind)
        total = sum(fewer.weights.values())
        if not total > _SMALL:
            continue
        fewer = NoiseModel({process: w / total for process, w in fewer.weights.items()}, noise.traces)
        found = explained.unlikelihood(fewer) + 2 * len(fewer.weights)
        if found < level:
            noise, level = fewer, found
    return noise


def refined_noise(noise: NoiseModel, processes: Sequence[Process], explained: Explained) -> NoiseModel:
    r"""Return noise with the weights of maximum likelihood, given traces that a kernel explains.

    Products of residuals as they are say little of the weak parts of the noise: all weigh alike. Those of decorrelated
    residuals give, iterated, the maximum of the restricted likelihood (Fisher scoring; Harville, D. A. (1977). J. Am.
    Stat. Assoc. 72, 320-338), here with weights that are not negative.
    """
    time = explained.time[explained.kept]
    return _refined(noise, [_Part.of(process, time) for process in processes], explained)


@dataclass(frozen=True, eq=False)
class _Part:
    """A process at the kept samples, with what its covariance V is cheaply multiplied by.

    Parameters
    ----------
    covariance : ndarray, shape (time, time)
    columns : ndarray, shape (time, n), optional
        Where V is the product of few columns.
    """

    process: Process
    covariance: Array
    columns: Array | None

    @classmethod
    def of(cls, process: Process, time: Array) -> "_Part":
        return cls(process, process.covariance(time), process.columns(time))

    def times(self, vectors: Array) -> Array:
        """Return V with vectors in the columns of `vectors`."""
        if self.process.kind == "white":
            return vectors
        if self.columns is not None:
            return np.asarray(self.columns @ (self.columns.T @ vectors))
        return np.asarray(self.covariance @ vectors)


def _refined(noise: NoiseModel, parts: Sequence[_Part], explained: Explained) -> NoiseModel:
    weights = np.array([noise.weights.get(part.process, 0.0) for part in parts])
    for _ in range(_STEPS):
        there = zip(weights, parts, strict=True)
        covariance = np.sum([weight * part.covariance for weight, part in there if weight > 0], axis=0)
        decorrelation = Decorrelation.of_covariance(covariance)
        white, bases = explained.white(decorrelation)
        if not len(white):
            return noise
        white *= np.sqrt(white.shape[1] / np.vecdot(white, white))[:, None]
        back = decorrelation.inverse.T
        rows = back @ white.T
        right = np.array([np.vdot(rows, part.times(rows)) for part in parts]) / len(white)
        standing = bases[:: max(1, len(bases) // _STANDING)]
        gram = _gram(parts, back @ back.T, back @ standing)
        found = nonnegative_weights(gram, right)
        before, weights = weights, found / found.sum()
        if np.abs(weights - before).max() < _SETTLED:
            break
        # What has no weight now hardly gets one later, and costs as much as what has.
        kept = [n for n, part in enumerate(parts) if weights[n] > 0 or part.process.kind in _ALWAYS]
        parts, weights = [parts[n] for n in kept], weights[kept]
    weighed = {part.process: float(w) for part, w in zip(parts, weights, strict=True) if w > _SMALL}
    total = sum(weighed.values())
    return NoiseModel({process: weight / total for process, weight in weighed.items()}, noise.traces)


def _gram(parts: Sequence[_Part], inverse: Array, bases: Array) -> Array:
    r"""Return :math:`\mathrm{tr}(PV_iPV_j)`, mean over several fits, with :math:`P = R^{-1} - BB^T`.

    Parameters
    ----------
    inverse : ndarray, shape (time, time)
        R⁻¹.
    bases : ndarray, shape (fits, time, columns)
        B of each fit: what it takes out, decorrelated, orthonormal, and sent back.
    """
    fits, samples, columns = bases.shape
    together = np.moveaxis(bases, 1, 0).reshape(samples, -1)
    sent = [part.times(together) for part in parts]
    solved = [inverse @ vectors for vectors in sent]
    inner = [
        np.swapaxes(bases, 1, 2) @ np.moveaxis(vectors.reshape(samples, fits, columns), 0, 1)
        for vectors in sent
    ]
    few = [n for n, part in enumerate(parts) if part.columns is not None]
    full = [n for n, part in enumerate(parts) if part.columns is None]
    products = np.stack(
        [inverse if parts[n].process.kind == "white" else inverse @ parts[n].covariance for n in full]
    )
    turned = np.swapaxes(products, 1, 2).reshape(len(full), -1)
    gram = np.zeros((len(parts),) * 2)
    gram[np.ix_(full, full)] = products.reshape(len(full), -1) @ turned.T
    for i in few:
        columns_there = parts[i].columns
        assert columns_there is not None
        moved = inverse @ columns_there
        for n in full:
            gram[i, n] = gram[n, i] = np.vdot(moved, parts[n].times(moved))
        for j in few:
            of_other = parts[j].columns
            assert of_other is not None
            gram[i, j] = np.square(of_other.T @ moved).sum()
    for i in range(len(parts)):
        for j in range(len(parts)):
            less = 2 * np.vdot(sent[i], solved[j]) - np.vdot(inner[i], np.swapaxes(inner[j], 1, 2))
            gram[i, j] -= less / fits
    return gram
