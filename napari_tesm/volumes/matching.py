"""How one volume lies in another by what both show: an affine from least squares, with an error from split data.

The method is that of Lucas and Kanade 1981 in three dimensions, from coarse to fine: the template is moved until a
straight line of what it shows is what the data show. Particles differ in lithium, so that one line for all of them
pulls the fit aside; in the end each neighbourhood has a line of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import Voxel
from napari_tesm.volumes.transforms import Matrix, Points, middles_of_voxels, moved_points

Values = NDArray[np.float32]
Array = NDArray[np.float64]

LEVELS: Final = (4.0, 2.0, 0.8)
"""Widths of smoothing, in the largest voxel of both."""
_SMOOTHING: Final = 0.6
_SAMPLING: Final = 0.7
"""Standard deviation of the smoothing and distance of places that are compared, in these widths."""
_NEIGHBOURHOOD: Final = 3.3
"""Standard deviation, in the largest voxel, of the surroundings that have a line of their own."""
_FLOOR: Final = 0.1
"""Part of the template's variance below which a neighbourhood shows nothing and goes by the common line."""
_ITERATIONS: Final = 20
_DAMPING: Final = 1e-3
_MOST_DAMPING: Final = 1e2
_SETTLED: Final = 0.01
"""Largest change, in the largest voxel, that ends the search."""
_BLOCKS: Final = 3
"""Blocks along each axis, of which each is left out once for the error."""
_LINES: Final = 0.05
"""Error, in the largest voxel, that remains because what both show is no line of each other at any distance."""
_PARAMETERS: Final = 12
_FEWEST: Final = 500
"""Places that both volumes must share."""


@dataclass(frozen=True)
class Image:
    """A volume to be matched.

    Parameters
    ----------
    values : ndarray, shape (z, y, x)
    voxel : tuple of float
        In m.
    """

    values: Values
    voxel: Voxel

    @property
    def size(self) -> Array:
        """Length of the edges in m."""
        return np.multiply(self.values.shape, self.voxel)


@dataclass(frozen=True)
class Match:
    """An affine and what is known of its error.

    Parameters
    ----------
    matrix : ndarray, shape (4, 4)
        From places of the data to places of the template.
    error : float
        Expected distance in m between where a place comes to and where it belongs, mean over what both share.
    correlation : float
        Of data and template in the end.
    covariance : ndarray, shape (12, 12)
        Of the rows of the matrix one after the other, for places from `middle` in units of `length`.
    middle : ndarray, shape (3,)
    length : float
    """

    matrix: Matrix
    error: float
    correlation: float
    covariance: Array
    middle: Array
    length: float


def matched(data: Image, template: Image, start: Matrix, *, levels: tuple[float, ...] = LEVELS) -> Match:
    """Return the affine that lays data on a template.

    Parameters
    ----------
    data : Image
        What is noisier of both.
    template : Image
        Its slopes say how places have to move.
    start : ndarray, shape (4, 4)
        From places of the data to places of the template, right to a few voxels.
    levels : tuple of float
        Widths of smoothing, in the largest voxel.

    Raises
    ------
    ValueError
        If both hardly overlap, or there is nothing to see in one of them.

    Notes
    -----
    The error is that of a jackknife over blocks of the data's volume (Tukey 1958; by one step of Newton each): it holds
    what differs from place to place, as the covariance of the fit does not. `_LINES` is added to it.
    """
    largest = max(*data.voxel, *template.voxel)
    matrix = start.copy()
    for level in levels:
        around = _NEIGHBOURHOOD * largest if level == levels[-1] else None
        step = _Step(data, template, level * largest, around)
        matrix = step.settled(matrix, _SETTLED * largest)
    return step.match(matrix, _LINES * largest)


@dataclass(frozen=True)
class _Equations:
    """What a matrix comes to: one row of the least squares for each place that both volumes share."""

    design: Array
    residual: Array
    there: NDArray[np.bool_]
    own: Array
    correlation: float

    @property
    def cost(self) -> float:
        """Mean square of what remains."""
        return float(np.mean(self.residual**2))


class _Step:
    """One width of smoothing: both volumes smoothed alike, and the places that are compared."""

    def __init__(self, data: Image, template: Image, width: float, neighbourhood: float | None) -> None:
        from scipy.ndimage import gaussian_filter

        self.template, self.size = template, data.size
        smooth = gaussian_filter(data.values, [_SMOOTHING * width / edge for edge in data.voxel])
        self.shown = gaussian_filter(template.values, [_SMOOTHING * width / edge for edge in template.voxel])
        self.slopes = [np.gradient(self.shown, edge, axis=axis) for axis, edge in enumerate(template.voxel)]
        apart = _SAMPLING * width
        by = tuple(max(1, round(apart / edge)) for edge in data.voxel)
        sampled = smooth[:: by[0], :: by[1], :: by[2]].astype(np.float64)
        self.shape, self.observed = sampled.shape, sampled.ravel()
        self.points = middles_of_voxels(data.values.shape, data.voxel, by).reshape(-1, 3)
        self.length, self.middle = float(data.size.max()), data.size / 2
        self.window = None
        if neighbourhood is not None:
            self.window = [neighbourhood / (edge * step) for edge, step in zip(data.voxel, by, strict=True)]

    def settled(self, matrix: Matrix, least: float) -> Matrix:
        """Return the matrix from which no step leads further down (Levenberg 1944)."""
        damping = _DAMPING
        at = self.equations(matrix)
        for _ in range(_ITERATIONS):
            normal = at.design.T @ at.design
            normal[np.diag_indices_from(normal)] *= 1 + damping
            solved = np.linalg.lstsq(normal, at.design.T @ at.residual, rcond=None)[0]
            change = np.asarray(solved[:-2], np.float64).reshape(3, 4)
            tried = self.changed(matrix, change)
            there = self.equations(tried)
            if there.cost <= at.cost:
                matrix, at, damping = tried, there, damping / 3
            else:
                damping *= 10
            if float(np.abs(change).max()) < least or damping > _MOST_DAMPING:
                break
        return matrix

    def changed(self, matrix: Matrix, change: Array) -> Matrix:
        """Return a matrix with its rows changed, about the middle of the data."""
        out = matrix.copy()
        out[:3, :3] += change[:, :3] / self.length
        out[:3, 3] += change[:, 3] - change[:, :3] @ self.middle / self.length
        return out

    def equations(self, matrix: Matrix) -> _Equations:
        """Return the equations of a matrix; ValueError where both hardly overlap or nothing is to be seen."""
        from scipy.ndimage import map_coordinates

        places = moved_points(matrix, self.points) / self.template.voxel - 0.5
        there = np.asarray(((places >= 0) & (places <= np.array(self.shown.shape) - 1)).all(axis=1))
        if there.sum() < _FEWEST:
            raise ValueError("the volumes hardly overlap where they are laid on each other")
        at = places[there].T
        seen = map_coordinates(self.shown, at, order=1).astype(np.float64)
        slopes = np.stack([map_coordinates(part, at, order=1) for part in self.slopes], 1)
        observed = self.observed[there]
        if not (np.ptp(seen) > 0 and np.ptp(observed) > 0):
            raise ValueError("one of the volumes is the same everywhere that both share")
        flat = np.column_stack([seen, np.ones_like(seen)])
        gain, offset = np.linalg.lstsq(flat, observed, rcond=None)[0]
        line = (np.full(seen.shape, gain), np.full(seen.shape, offset))
        if self.window is not None:
            line = self.lines(seen, observed, there, float(gain))
        own = self.own(there)
        motion = (slopes[:, :, None] * own[:, None, :]).reshape(-1, _PARAMETERS)
        design = np.column_stack([line[0][:, None] * motion, flat])
        correlation = float(np.corrcoef(seen, observed)[0, 1])
        return _Equations(design, observed - line[0] * seen - line[1], there, own, correlation)

    def lines(
        self, seen: Array, observed: Array, there: NDArray[np.bool_], gain: float
    ) -> tuple[Array, Array]:
        """Return slope and offset of the line of each place's surroundings."""
        from scipy.ndimage import gaussian_filter

        def around(values: Array) -> Array:
            whole = np.zeros(there.size)
            whole[there] = values
            smooth = gaussian_filter(whole.reshape(self.shape), self.window, mode="constant")
            return np.asarray(smooth.ravel()[there])

        count = around(np.ones(seen.size))
        mean, level = around(seen) / count, around(observed) / count
        variance = around(seen**2) / count - mean**2
        together = around(seen * observed) / count - mean * level
        floor = _FLOOR * float(seen.var())
        slope = (together + floor * gain) / (variance + floor)
        return slope, level - slope * mean

    def own(self, there: NDArray[np.bool_]) -> Array:
        """Return what the rows of a matrix are multiplied with at each place."""
        points: Points = self.points[there]
        return np.column_stack([(points - self.middle) / self.length, np.ones(len(points))])

    def match(self, matrix: Matrix, least: float) -> Match:
        """Return what a matrix is worth: its error from blocks that are left out, and another part on top."""
        at = self.equations(matrix)
        part = np.minimum((self.points[at.there] / self.size * _BLOCKS).astype(int), _BLOCKS - 1)
        block = (part[:, 0] * _BLOCKS + part[:, 1]) * _BLOCKS + part[:, 2]
        normal, pull = at.design.T @ at.design, at.design.T @ at.residual
        steps = []
        for number in np.unique(block):
            rows, left = at.design[block == number], at.residual[block == number]
            step = np.linalg.lstsq(normal - rows.T @ rows, pull - rows.T @ left, rcond=None)[0]
            steps.append(step[:-2])
        count = len(steps)
        apart = np.array(steps) - np.mean(steps, axis=0)
        covariance = (count - 1) / count * apart.T @ apart
        error = float(np.hypot(_mean_distance(covariance, at.own), least))
        return Match(matrix, error, at.correlation, covariance, self.middle, self.length)


def _mean_distance(covariance: Array, own: Array) -> float:
    """Return the mean length of the errors of places, for normal errors of the matrix."""
    parts = covariance.reshape(3, 4, 3, 4)
    variance = sum(
        (np.einsum("ni,ij,nj->n", own, parts[k, :, k, :], own) for k in range(3)), np.zeros(len(own))
    )
    # Of three normal errors of one size, the mean length is 0.92 of its root mean square.
    return float(0.92 * np.sqrt(np.maximum(variance, 0)).mean())
