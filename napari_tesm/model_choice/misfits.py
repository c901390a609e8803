"""What kernels miss on a map: the share of what they leave over that all traces of one shape have in common.

The common curve of traces of one shape is the regression of their residuals on the height of their curves. How much of
a trace's residual lies along it is asked of the curve of the others alone: what noise makes of that is zero on average,
so that nothing has to be subtracted, neither for a map nor for a pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.evaluation.tangents import Cells, logarithms_of_parameters
from napari_tesm.kernels.named import AnyKernel
from napari_tesm.model_choice.decorrelation import FittedPart
from napari_tesm.model_choice.likely_noise import Explained
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.misfit import groups_with_company, share_by_chance

Array = NDArray[np.float64]

LEAST: Final = 0.05
"""A kernel describes a map where it misses no more than this share."""
_BY_CHANCE: Final = 5.0
"""Standard deviations of the share in noise that are forgiven."""
_NEAR: Final = 0.7
"""Largest distance of a shape from one of the sample, in logarithms, to be taken for the same."""
POOLED: Final = 3
"""Pixels, across and along, whose shares are taken together: a single one says little in noise that is not white."""


@dataclass(frozen=True, eq=False)
class CommonPart:
    """What a kernel misses in one stretch of the record.

    Parameters
    ----------
    samples : ndarray of int
        Of the record.
    wandering : ndarray, shape (samples, columns)
        Mains and drifts, orthonormal: fits follow them, so that traces of one relaxation time as it was found have
        their phase in common.
    places : ndarray, shape (parameters, shapes)
        Logarithms of the parameters of the shapes of the sample.
    groups : ndarray of int, shape (shapes,)
        Which common curve is that of a shape; −1 for none.
    sums : ndarray, shape (groups, samples)
        Sum of height times residual.
    squares : ndarray, shape (groups,)
        Sum of the squares of the heights.
    """

    kernel: AnyKernel
    samples: NDArray[np.intp]
    wandering: Array
    places: Array
    groups: NDArray[np.intp]
    sums: Array
    squares: Array

    def along(self, residuals: Array, part: FittedPart, own: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Return the square of each residual along the common curve of the others, and its whole square, shape (n,)."""
        rows, height = _without_wandering(residuals, part, self.wandering), part.height
        group = self._group_of(part)
        there = (group >= 0) & np.isfinite(rows).all(axis=1) & np.isfinite(height)
        along, power = np.full((2, len(rows)), np.nan)
        group, rows, height = group[there], rows[there], height[there]
        # A trace that the curve was made of, too, is no witness of its own.
        mine = np.where(own[there], height, 0.0)
        square = np.vecdot(rows, rows)
        others = np.maximum(self.squares[group] - mine**2, np.finfo(float).tiny)
        along[there] = height * (np.vecdot(self.sums[group], rows) - mine * square) / others
        power[there] = square
        return along, power

    def _group_of(self, part: FittedPart) -> NDArray[np.intp]:
        asked = logarithms_of_parameters(self.kernel, part.values)
        group = np.full(asked.shape[1], -1, dtype=np.intp)
        good = np.isfinite(asked).all(axis=0)
        if self.places.shape[1] == 0 or not good.any():
            return group
        distance = np.zeros((int(good.sum()), self.places.shape[1]))
        for mine, theirs in zip(asked, self.places, strict=True):
            np.maximum(distance, np.abs(mine[good, None] - theirs), out=distance)
        nearest = distance.argmin(axis=1)
        near = distance[np.arange(len(nearest)), nearest] <= _NEAR
        group[good] = np.where(near, self.groups[nearest], -1)
        return group


@dataclass(frozen=True, eq=False)
class CommonCurves:
    """What a kernel misses, as a sample of traces shows it; its parts are those of the fits."""

    parts: tuple[CommonPart, ...]

    @classmethod
    def of(cls, explained: Explained, noise: NoiseModel) -> "CommonCurves":
        """Return what a kernel misses of traces that stand for a map."""
        return cls(tuple(_common_part(explained, part, noise) for part in explained.parts))

    def along(
        self, residuals: Array, parts: Sequence[FittedPart], own: NDArray[np.bool_]
    ) -> tuple[Array, Array]:
        """Return how much of what fits leave over lies along what is common, and all of it, in squares, shape (n,).

        Parameters
        ----------
        residuals : ndarray, shape (n, time)
            Data less fit.
        parts : sequence of FittedPart
            The fits.
        own : ndarray of bool, shape (n,)
            Whether a trace was in the sample.
        """
        pairs = [common.along(residuals, part, own) for common, part in zip(self.parts, parts, strict=True)]
        along, power = np.array(pairs).swapaxes(0, 1)
        asked = np.isfinite(power).any(axis=0)
        return np.where(asked, np.nansum(along, axis=0), np.nan), np.where(
            asked, np.nansum(power, axis=0), np.nan
        )


@dataclass(frozen=True)
class Misfits:
    """What the kernels of a choice miss.

    Parameters
    ----------
    shares : tuple of float
        For each kernel; zero on average where nothing but noise is left over, NaN where it cannot be told.
    limit : float
        Up to which a kernel describes the map.
    common : tuple of CommonCurves
        For each kernel.
    """

    shares: tuple[float, ...]
    limit: float = LEAST
    common: tuple[CommonCurves, ...] = ()

    @classmethod
    def of(cls, explained: Sequence[Explained], noise: NoiseModel) -> "Misfits":
        """Return what kernels miss of the same traces."""
        common = tuple(CommonCurves.of(by_kernel, noise) for by_kernel in explained)
        shares = []
        for curves, by_kernel in zip(common, explained, strict=True):
            own = np.ones(len(by_kernel.residuals), dtype=bool)
            along, power = curves.along(by_kernel.residuals, by_kernel.parts, own)
            total = float(np.nansum(power))
            shares.append(float(np.nansum(along)) / total if total > 0 else float("nan"))
        return cls(tuple(shares), misfit_limit(noise, explained[0]), common)


def pooled_share(along: Array, power: Array, asked: NDArray[np.bool_]) -> Array:
    """Return the share of each pixel that is asked, shape (y, x), with its neighbours; NaN where none has one."""
    from scipy.ndimage import uniform_filter

    sums = [uniform_filter(np.nan_to_num(values), POOLED, mode="constant") for values in (along, power)]
    there = asked & (sums[1] > 0)
    return np.asarray(np.where(there, sums[0] / np.where(there, sums[1], 1.0), np.nan))


def misfit_limit(noise: NoiseModel, explained: Explained) -> float:
    """Return the largest share that a kernel may miss and describe the traces."""
    covariance = noise.covariance(explained.time[explained.kept])
    return max(LEAST, _BY_CHANCE * share_by_chance(covariance, len(explained.residuals)))


def _common_part(explained: Explained, part: FittedPart, noise: NoiseModel) -> CommonPart:
    wandering = _wandering(noise, explained.time[part.samples])
    rows, height = _without_wandering(explained.residuals, part, wandering), part.height
    cells = part.cells
    usable = (cells.members >= 0) & np.isfinite(rows).all(axis=1) & np.isfinite(height)
    joined = groups_with_company(cells.members, usable)
    groups = np.full(len(cells.shapes), -1, dtype=np.intp)
    count = 0 if joined is None else int(joined.max(initial=-1)) + 1
    sums, squares = np.zeros((count, part.samples.size)), np.zeros(count)
    if joined is not None:
        chosen = usable & (joined >= 0)
        groups[cells.members[chosen]] = joined[chosen]
        np.add.at(sums, joined[chosen], height[chosen, None] * rows[chosen])
        np.add.at(squares, joined[chosen], height[chosen] ** 2)
    return CommonPart(
        part.kernel, part.samples, wandering, _places(part.kernel, cells), groups, sums, squares
    )


def _places(kernel: AnyKernel, cells: Cells) -> Array:
    names = list(cells.shapes[0]) if cells.shapes else []
    values = {name: np.array([shape[name] for shape in cells.shapes]) for name in names}
    return logarithms_of_parameters(kernel, values) if values else np.zeros((1, 0))


def _without_wandering(residuals: Array, part: FittedPart, wandering: Array) -> Array:
    """Return what is left over in a stretch of the record, without what wanders."""
    rows = residuals[:, part.samples]
    return np.asarray(rows - (rows @ wandering) @ wandering.T)


def _wandering(noise: NoiseModel, time: Array) -> Array:
    """Return mains and drifts of the noise as orthonormal columns, shape (time, columns)."""
    wandering = [columns for process in noise.weights if (columns := process.columns(time)) is not None]
    together = np.column_stack([np.zeros((time.size, 0)), *wandering])
    return np.linalg.qr(together - together.mean(axis=0))[0]
