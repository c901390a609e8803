"""The correlation of the noise of a map, from what its fits have left over.

All pixels of a map share their sample times, so the noise of all has one correlation matrix up to a scale of each.
It is taken for a mixture of known processes, with weights that are not negative and fit the mean product of residuals
best. What a fit takes out of the noise is taken out of the model of it, too, and what the kernel misses is taken out of
the residuals before: for all pixels of one relaxation time that is the same curve.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.noise.errors import factors_of_shapes
from napari_tesm.noise.level import NoiseLevel
from napari_tesm.noise.processes import Process

Array = NDArray[np.float64]

_MOST_SAMPLES: Final = 256
"""Of a window, whose products are compared: fewer say nothing of the slow parts, more cost time."""
_FEWEST_TRACES: Final = 24
"""With fewer nothing can be said of the noise but that it is as white as it is taken for."""
_SIGNIFICANT: Final = 4.0
"""Standard deviations by which a process must show beside white noise; 20 are tried, of which many are alike."""
_SMALL: Final = 1e-4
_ALIKE: Final = 1e-9
"""Added to every eigenvalue of a Gram matrix, in parts of its diagonal: below, processes are not told apart."""
_NO_DIMENSION: Final = 1e-8
"""Directions that reach no farther than this part of the farthest are rounding."""
_ROUNDS: Final = 2
"""So many times residuals are judged in the noise that they have shown."""
_OUTLYING: Final = 20.0
"""Times the median square, beyond which something else than noise is left over."""


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """Noise of variance 1: a mixture of processes.

    Parameters
    ----------
    weights : mapping of Process to float
        Parts of the variance; they add up to 1.
    traces : int
        How many traces it was measured from; 0 where it was not.
    level : NoiseLevel
        How strong it is.
    """

    weights: Mapping[Process, float] = field(default_factory=lambda: {Process("white"): 1.0})
    traces: int = 0
    level: NoiseLevel = field(default_factory=NoiseLevel)

    @property
    def is_white(self) -> bool:
        """Whether no sample knows of another."""
        return all(process.kind == "white" for process in self.weights)

    @property
    def shares(self) -> dict[str, float]:
        """Parts of the variance by kind, the largest first."""
        kinds: dict[str, float] = {}
        for process, weight in self.weights.items():
            kinds[process.kind] = kinds.get(process.kind, 0.0) + weight
        return dict(sorted(kinds.items(), key=lambda item: -item[1]))

    def without(self, kind: str) -> "NoiseModel":
        """Return the same noise less the processes of a kind; its variance is smaller then."""
        return NoiseModel({p: w for p, w in self.weights.items() if p.kind != kind}, self.traces, self.level)

    def covariance(self, time: Array) -> Array:
        """Return the covariance of samples at times in s, shape (time, time)."""
        return sum(
            (weight * process.covariance(time) for process, weight in self.weights.items()),
            np.zeros((time.size, time.size)),
        )


@dataclass(frozen=True, eq=False)
class Residuals:
    """What the fits of one window have left over.

    Parameters
    ----------
    time : ndarray, shape (time,)
        Of the samples that were fitted, in s.
    values : ndarray, shape (n, time)
        Data less fit; rows that are not finite are left out.
    group : ndarray of int, shape (n,)
        Traces of one group have curves that are nearly the same; −1 for traces that have none.
    tangents : sequence of ndarray, shape (time, p)
        For each group what a fit takes out of the noise: the columns.
    """

    time: Array
    values: Array
    group: NDArray[np.intp]
    tangents: Sequence[Array]


def noise_from_residuals(
    windows: Sequence[Residuals],
    processes: Sequence[Process],
    *,
    judged_in: Callable[[NoiseModel], Sequence[Residuals]] | None = None,
) -> NoiseModel:
    """Return the mixture that fits the mean product of residuals best; white where nothing else is significant.

    Parameters
    ----------
    judged_in : callable, optional
        Returns the same windows with residuals that follow from a model of the noise, in the same order; where there is
        correlated noise they are asked for twice.
    """
    rows = [counted_rows(window) for window in windows]
    places = [place for place, part in enumerate(rows) if part.size >= _FEWEST_TRACES]
    counted = [(windows[place], rows[place]) for place in places]
    if not counted:
        return NoiseModel()
    traces = max(part.size for _, part in counted)
    expected = [_Expected.of(window, part, processes) for window, part in counted]
    model = NoiseModel(traces=traces)
    for number in range(1 if judged_in is None else 1 + _ROUNDS):
        if number > 0 and judged_in is not None:
            judged = judged_in(model)
            again = [judged[place] for place in places]
            if all(
                window.values is before.values for window, (before, _) in zip(again, counted, strict=True)
            ):
                break
            counted = [(window, counted_rows(window)) for window in again]
        moments = _moments(counted, expected)
        if not any(term.significance(processes) > _SIGNIFICANT for term in moments):
            return NoiseModel(traces=traces)
        model = _mixture(moments, processes, traces)
    return replace(model, level=_level_of_pixels(counted, model))


def _mixture(moments: Sequence["_Moments"], processes: Sequence[Process], traces: int) -> NoiseModel:
    """Return the mixture without a negative weight that is nearest to what was observed."""
    gram = sum((term.gram for term in moments), np.zeros((len(processes),) * 2))
    weights = nonnegative_weights(gram, sum((term.right for term in moments), np.zeros(len(processes))))
    total = weights.sum()
    return NoiseModel(
        {p: float(w / total) for p, w in zip(processes, weights, strict=True) if w > _SMALL * total}, traces
    )


def nonnegative_weights(gram: Array, products: Array) -> Array:
    """Return the weights w ≥ 0, shape (n,), with the least wᵀGw − 2wᵀb.

    Parameters
    ----------
    gram : ndarray, shape (n, n)
        G, products of the processes with each other. It is made of differences, and where processes are alike rounding
        can leave it not quite positive: eigenvalues below zero count as zero.
    products : ndarray, shape (n,)
        b, products of the processes with what is observed.
    """
    from scipy.optimize import nnls

    scale = np.sqrt(np.diag(gram))
    values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    roots = np.sqrt(np.maximum(values, 0) + _ALIKE)
    return np.asarray(nnls(roots[:, None] * vectors.T, vectors.T @ (products / scale) / roots)[0] / scale)


def _level_of_pixels(counted: Sequence[tuple[Residuals, NDArray[np.intp]]], model: NoiseModel) -> NoiseLevel:
    """Return how strong the noise is, from the variances that single traces show in each window."""
    variances, freedom = [], []
    for window, rows in counted:
        covariance = model.covariance(window.time)
        of_groups = factors_of_shapes(window.tangents, covariance)
        for group in np.unique(window.group[rows]):
            factors = of_groups[group]
            left = (window.time.size - window.tangents[group].shape[1]) / factors.variance
            values = window.values[rows[window.group[rows] == group]]
            variances.append(np.vecdot(values, values) / left)
            freedom.append(np.full(len(values), factors.freedom))
    return NoiseLevel.of_pixels(np.concatenate(variances), np.concatenate(freedom))


@dataclass(frozen=True, eq=False)
class _Moments:
    """Products of what was observed and of what each process makes of it, for one window."""

    gram: Array
    right: Array
    independent: float
    """So many traces of one size would scatter as much."""

    def significance(self, processes: Sequence[Process]) -> float:
        """Return by how many standard deviations the clearest process shows beside white noise."""
        white = next(number for number, process in enumerate(processes) if process.kind == "white")
        level = self.right[white] / self.gram[white, white]
        # Each expected matrix less its part along that of white noise; the mean of n products of white noise
        # lies along a symmetric matrix of length 1 with a standard deviation of √(2/n).
        beside = self.right - level * self.gram[white]
        lengths = np.sqrt(
            np.maximum(np.diag(self.gram) - self.gram[white] ** 2 / self.gram[white, white], 1e-12)
        )
        return float(
            (beside / lengths).max(initial=0.0, where=lengths > 1e-3) / np.sqrt(2 / self.independent) / level
        )


def counted_rows(window: Residuals) -> NDArray[np.intp]:
    """Return the rows that show the noise: finite, of a fit, and none that outweighs all others."""
    square = np.vecdot(window.values, window.values)
    good = np.isfinite(square) & (square > 0) & (window.group >= 0)
    if good.any():
        good &= square < _OUTLYING * np.median(square[good])
    return np.flatnonzero(good)


def _moments(
    counted: Sequence[tuple[Residuals, NDArray[np.intp]]], expected: Sequence["_Expected"]
) -> list[_Moments]:
    """Return the products of residuals of each window, all in units of one mean square.

    Not each row by its own size: that follows its few independent samples, and slow processes would shrink.
    """
    squares = [np.vecdot(part := window.values[rows], part) for window, rows in counted]
    level = sum(float(part.sum()) for part in squares)
    level /= max(sum(window.time.size * rows.size for window, rows in counted), 1)
    moments = []
    for (window, rows), square, of_processes in zip(counted, squares, expected, strict=True):
        compared = window.values[rows][:, _compared(window.time.size)] / np.sqrt(level)
        observed = compared.T @ compared / rows.size
        independent = float(square.sum() ** 2 / np.square(square).sum())
        moments.append(_Moments(of_processes.gram, of_processes.products(observed), independent))
    return moments


@dataclass(frozen=True, eq=False)
class _TakenOut:
    """What fits of groups of traces take out of noise, each group its orthonormal columns Q.

    The columns of all groups are smooth curves and span few dimensions: in a basis B of these, Q = BC, the mean of
    QQᵀP + PQQᵀ − QQᵀPQQᵀ costs two products with B for each process P, however many groups there are.

    Parameters
    ----------
    basis : ndarray, shape (time, dimensions)
        B.
    projectors : ndarray, shape (groups, dimensions, dimensions)
        CCᵀ of each group.
    shares : ndarray, shape (groups,)
        Parts of the traces.
    """

    basis: Array
    projectors: Array
    shares: Array

    @classmethod
    def of(cls, columns: Sequence[Array], shares: Array) -> "_TakenOut":
        """Return what is taken out by columns, of each group of shape (time, p)."""
        bases = [np.linalg.qr(part)[0] for part in columns]
        left, sizes, _ = np.linalg.svd(np.concatenate(bases, axis=1), full_matrices=False)
        basis = left[:, sizes > _NO_DIMENSION * sizes[0]]
        coordinates = [basis.T @ part for part in bases]
        return cls(basis, np.stack([part @ part.T for part in coordinates]), shares)

    def side(self, covariance: Array) -> Array:
        """Return A, shape (time, dimensions): of a covariance V remains V − ABᵀ − BAᵀ, mean over the groups."""
        moved = covariance @ self.basis
        inner = self.basis.T @ moved
        once = np.tensordot(self.shares, self.projectors, 1)
        twice = np.tensordot(self.shares, self.projectors @ inner @ self.projectors, 1)
        return np.asarray(moved @ once - self.basis @ (twice / 2))


@dataclass(frozen=True, eq=False)
class _Expected:
    """What fits leave of the covariances V of processes, at the samples that are compared: V − ABᵀ − BAᵀ of each.

    Their products with each other and with what is observed are made of V, A and B; the matrices themselves, large as
    they are, are never needed.

    Parameters
    ----------
    covariances : ndarray, shape (processes, samples²)
    sides : ndarray, shape (processes, samples, dimensions)
        A of each.
    basis : ndarray, shape (samples, dimensions)
    gram : ndarray, shape (processes, processes)
        Sums of products of the elements of each two.
    """

    covariances: Array
    sides: Array
    basis: Array
    gram: Array

    @classmethod
    def of(cls, window: Residuals, rows: NDArray[np.intp], processes: Sequence[Process]) -> "_Expected":
        """Return what fits of some rows of a window leave of processes."""
        chosen = _compared(window.time.size)
        groups, counts = np.unique(window.group[rows], return_counts=True)
        taken_out = _TakenOut.of([window.tangents[group] for group in groups], counts / rows.size)
        basis = taken_out.basis[chosen]
        covariances, gram = _covariances(np.ascontiguousarray(window.time).tobytes(), tuple(processes))
        sides = np.empty((len(processes), *basis.shape))
        for covariance, side, process in zip(covariances, sides, processes, strict=True):
            all_compared = chosen.size == window.time.size
            side[...] = taken_out.side(covariance if all_compared else process.covariance(window.time))[
                chosen
            ]
        flat, flat_sides = (part.reshape(len(processes), -1) for part in (covariances, sides))
        across = flat_sides @ (covariances @ basis).reshape(len(processes), -1).T
        along = sides @ (basis.T @ basis)
        turned = np.swapaxes(sides, 1, 2) @ basis
        gram = gram - 2 * (across + across.T)
        gram += 2 * flat_sides @ along.reshape(len(processes), -1).T
        gram += (
            2 * turned.reshape(len(processes), -1) @ np.swapaxes(turned, 1, 2).reshape(len(processes), -1).T
        )
        return cls(flat, sides, basis, gram)

    def products(self, observed: Array) -> Array:
        """Return the sum of products with a symmetric matrix, shape (samples, samples), of each process."""
        seen = (observed @ self.basis).ravel()
        return np.asarray(
            self.covariances @ observed.ravel() - 2 * self.sides.reshape(len(self.sides), -1) @ seen
        )


@lru_cache(maxsize=3)
def _covariances(time: bytes, processes: tuple[Process, ...]) -> tuple[Array, Array]:
    """Return the covariances of processes at the samples that are compared, and sums of products of each two.

    Those of the windows of one scan are kept for the next: some 15 MB, and a third of what it takes to measure noise.
    """
    times = np.frombuffer(time)
    chosen = _compared(times.size)
    covariances = np.empty((len(processes), chosen.size, chosen.size))
    for covariance, process in zip(covariances, processes, strict=True):
        whole = process.covariance(times)
        covariance[...] = whole if chosen.size == times.size else whole[np.ix_(chosen, chosen)]
    flat = covariances.reshape(len(processes), -1)
    return covariances, flat @ flat.T


def _compared(samples: int) -> NDArray[np.intp]:
    """Return which samples are compared: all, or a stretch of neighbours for short lags and a comb for long ones."""
    if samples <= _MOST_SAMPLES:
        return np.arange(samples)
    half = _MOST_SAMPLES // 2
    comb = np.linspace(0, samples - 1, half).round().astype(np.intp)
    start = (samples - half) // 2
    return np.union1d(comb, np.arange(start, start + half))
