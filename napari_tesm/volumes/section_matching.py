"""How a flat image lies in a volume by what both show: a rigid motion, pulled by landmarks, with an error from parts.

Least squares from coarse to fine, as in `matching`. Image and section are smoothed within the plane alone: a volume
that is smoothed across it, too, shows a curved surface elsewhere than it is, and the image would come to lie too deep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.volumes.matching import Image
from napari_tesm.volumes.transforms import Matrix, Points, moved_points

Array = NDArray[np.float64]

BLOCKS: Final = 5
"""Blocks along each edge of the image, of which each is left out once."""
_BEFORE: Final = 0.35
"""Standard deviation, in the largest voxel, of what the volume is smoothed by beforehand, along all axes."""
_SMOOTHING: Final = 0.6
_SAMPLING: Final = 0.3
"""Standard deviation of the smoothing and distance of places that are compared, in the width."""
_NEIGHBOURHOOD: Final = 3.3
"""Standard deviation, in the largest voxel, of the surroundings that have a brightness of their own."""
_SEEN: Final = 0.75
"""Weight of the smoothing that has to lie in the volume."""
_FEWEST: Final = 60
_ITERATIONS: Final = 20
_DAMPING: Final = 1e-3
_MOST_DAMPING: Final = 1e2
_BORDERS: Final = 0.2
"""Error, in the largest voxel, of a border in the volume, the same over a block of the image."""
_SETTLED: Final = 0.02
"""Largest change, in the largest voxel, that ends the search in half an image."""
_TINY: Final = 1e-12


@dataclass(frozen=True)
class Pull:
    """Pairs of places that somebody picked, each with an error of one unknown size along each axis.

    Parameters
    ----------
    first, second : ndarray, shape (pairs, 3)
        Places in the image (0, y, x), and where they were seen in the volume, in m.
    least : float
        Error in m along an axis that no picking falls below.

    Notes
    -----
    What is minimised is twice the negative logarithm of the likelihood with the size of the error at its best value:
    pairs that fit each other by chance say no more than others, and one that is far off does not rule.
    """

    first: Points
    second: Points
    least: float

    def scatter(self, matrix: Matrix) -> float:
        """Return the sum of squared distances in m² of the pairs, never below what picking leaves."""
        apart = self.second - moved_points(matrix, self.first)
        return float(np.sum(apart**2)) + apart.size * self.least**2

    def cost(self, matrix: Matrix) -> float:
        """Return what the pairs have against a matrix."""
        return self.first.size * float(np.log(self.scatter(matrix)))


@dataclass(frozen=True)
class Equations:
    """What a matrix comes to: one row for each place of the image that lies in the volume.

    Parameters
    ----------
    design : ndarray, shape (places, 6)
        How what is shown changes with three turns about the middle, in units of the length, and three shifts.
    residual : ndarray, shape (places,)
    edges : ndarray, shape (places,)
        Steepness of what is shown within the image: what a border that is moved by 1 m makes of it.
    there : ndarray of bool, shape (all places,)
    correlation : float
    """

    design: Array
    residual: Array
    edges: Array
    there: NDArray[np.bool_]
    correlation: float

    @property
    def cost(self) -> float:
        """Mean square of what remains."""
        return float(np.mean(self.residual**2))


class Section:
    """An image and a volume at one width of smoothing.

    Parameters
    ----------
    image : Image
        Of a single slice, at z = 0.
    volume : Image
    slopes : list of ndarray
        The volume and its slopes, of `slopes_of`.
    width : float
        In m.
    pull : Pull
    local : bool
        Let each neighbourhood have a brightness of its own: a slice or a curtain may be brighter.
    """

    def __init__(
        self, image: Image, volume: Image, slopes: list[Array], width: float, pull: Pull, *, local: bool
    ) -> None:
        from scipy.ndimage import gaussian_filter

        self.volume, self.shown, self.pull = volume, slopes, pull
        pixel = np.asarray(image.voxel[1:])
        by = np.maximum(1, (_SAMPLING * width / pixel).astype(int))
        self.apart = by * pixel
        sigma = max(_SMOOTHING * width, _BEFORE * max(*volume.voxel, *pixel))
        smooth = gaussian_filter(image.values[0].astype(np.float64), sigma / pixel)[:: by[0], :: by[1]]
        self.shape, self.observed = smooth.shape, smooth.ravel()
        y, x = ((np.arange(n) * b + 0.5) * p for n, b, p in zip(smooth.shape, by, pixel, strict=True))
        grid = np.broadcast_arrays(0.0, y[:, None], x[None, :])
        self.points = np.stack(grid, -1).reshape(-1, 3)
        self.size = image.size
        self.length, self.middle = float(self.size[1:].max()), np.array([0, *self.size[1:] / 2])
        largest = max(*volume.voxel, *pixel)
        self.largest = largest
        # Which places count; `split` takes some away for a while.
        self.taken = np.ones(len(self.points), bool)
        self.sigma = np.sqrt(max(sigma**2 - (_BEFORE * largest) ** 2, 0)) / self.apart
        self.window = _NEIGHBOURHOOD * largest / self.apart if local else None
        # Places in one piece as large as the smoothing have one error between them.
        self.independent = min(1.0, float(np.prod(self.apart)) / (4 * np.pi * sigma**2))

    def settled(self, matrix: Matrix, least: float) -> Matrix:
        """Return the matrix from which no step of more than `least` m leads further down (Levenberg 1944)."""
        damping = _DAMPING
        at = self.equations(matrix)
        cost = self.cost(at, matrix)
        for _ in range(_ITERATIONS):
            normal, force = self.normal(at, matrix)
            damped = normal + damping * np.diag(np.diag(normal))
            step = np.asarray(np.linalg.solve(damped, force), np.float64)
            tried = self.changed(matrix, step)
            there = self.equations(tried)
            costs = self.cost(there, tried)
            if costs <= cost:
                matrix, at, cost, damping = tried, there, costs, damping / 3
            else:
                damping *= 10
            if float(np.abs(step).max()) < least or damping > _MOST_DAMPING:
                break
        return matrix

    def cost(self, at: Equations, matrix: Matrix) -> float:
        """Return twice the negative logarithm of the likelihood of image and landmarks."""
        return float(self.independent * len(at.residual) * np.log(at.cost)) + self.pull.cost(matrix)

    def changed(self, matrix: Matrix, step: Array) -> Matrix:
        """Return a matrix that is turned about the middle of the image and moved."""
        from scipy.spatial.transform import Rotation

        out = matrix.copy()
        middle = moved_points(matrix, self.middle)
        out[:3, :3] = Rotation.from_rotvec(step[:3] / self.length).as_matrix() @ matrix[:3, :3]
        out[:3, 3] = middle + step[3:] - out[:3, :3] @ self.middle
        return out

    def motions(self, matrix: Matrix, points: Points) -> Array:
        """Return how places move with each of the six numbers of a step, shape (places, 3, 6)."""
        arm = (points - self.middle) @ matrix[:3, :3].T / self.length
        turns = np.stack([np.cross(axis, arm) for axis in np.eye(3)], -1)
        return np.concatenate([turns, np.broadcast_to(np.eye(3), (len(points), 3, 3))], -1)

    def equations(self, matrix: Matrix) -> Equations:
        """Return the equations of a matrix; ValueError where the image hardly lies in the volume."""
        from scipy.ndimage import map_coordinates

        places = moved_points(matrix, self.points) / self.volume.voxel - 0.5
        held = np.asarray(((places >= 0) & (places <= np.array(self.shown[0].shape) - 1)).all(axis=1))
        weight = self.smooth(held.astype(np.float64))
        there = held & (weight > _SEEN) & self.taken
        if there.sum() < _FEWEST:
            raise ValueError("the image hardly lies in the volume")
        at = np.where(held[:, None], places, 0).T
        values, *slopes = (map_coordinates(part, at, order=1) * held for part in self.shown)
        motion = np.einsum("kn,nkp->np", np.stack(slopes), self.motions(matrix, self.points))
        seen = (self.smooth(values) / np.maximum(weight, _TINY))[there]
        moved = np.stack([self.smooth(column) for column in motion.T], -1)[there] / weight[there, None]
        observed = self.observed[there]
        if not (np.ptp(seen) > 0 and np.ptp(observed) > 0):
            raise ValueError("image and section are the same everywhere")
        correlation = float(np.corrcoef(seen, observed)[0, 1])
        # The tilt of a topography is told with all else: alone, it would follow what the section shows.
        flat = np.column_stack([seen, np.ones_like(seen), self.points[there][:, 1:] - self.middle[1:]])
        line = np.linalg.lstsq(flat, observed, rcond=None)[0]
        gain = float(line[0])
        residual = observed - flat @ line
        if self.window is not None:
            observed = self.levelled(observed - flat[:, 1:] @ line[1:], there)
            flat = self.levelled(seen, there)[:, None]
            gain = float(flat[:, 0] @ observed / (flat[:, 0] @ flat[:, 0]))
            residual = observed - gain * flat[:, 0]
        design = gain * (moved - flat @ np.linalg.lstsq(flat, moved, rcond=None)[0])
        shown = (self.smooth(values) / np.maximum(weight, _TINY)).reshape(self.shape)
        edges = gain * np.hypot(*np.gradient(shown, *self.apart)).ravel()[there]
        return Equations(design, residual, edges, there, correlation)

    def smooth(self, values: Array, sigma: Array | None = None) -> Array:
        """Return values of all places, 0 outside of the volume, smoothed within the image."""
        from scipy.ndimage import gaussian_filter

        wide = self.sigma if sigma is None else sigma
        return np.asarray(gaussian_filter(values.reshape(self.shape), wide, mode="nearest").ravel())

    def levelled(self, values: Array, there: NDArray[np.bool_]) -> Array:
        """Return values without the mean of each place's surroundings: a slice or a curtain may be brighter."""
        whole = np.zeros(there.size)
        whole[there] = values
        part = self.smooth(there.astype(np.float64), self.window)[there]
        return np.asarray(values - self.smooth(whole, self.window)[there] / part)

    def normal(self, at: Equations, matrix: Matrix) -> tuple[Array, Array]:
        """Return the normal equations of a step, in squares of what the image shows."""
        rows, apart = self.pulled(at, matrix)
        return at.design.T @ at.design + rows.T @ rows, at.design.T @ at.residual + rows.T @ apart

    def pulled(self, at: Equations, matrix: Matrix) -> tuple[Array, Array]:
        """Return the equations of the landmarks, in the unit of what the image shows."""
        pull = self.pull
        rows = self.motions(matrix, pull.first).reshape(-1, 6)
        apart = (pull.second - moved_points(matrix, pull.first)).ravel()
        weight = np.sqrt(at.cost / self.independent * pull.first.size / pull.scatter(matrix))
        return weight * rows, weight * apart

    def blocks(self, at: Equations) -> NDArray[np.int64]:
        """Return the number of the block in which each place lies."""
        part = np.minimum(
            (self.points[at.there][:, 1:] / self.size[1:] * BLOCKS).astype(np.int64), BLOCKS - 1
        )
        return np.asarray(part[:, 0] * BLOCKS + part[:, 1])

    def independent_at(self, matrix: Matrix) -> float:
        """Return which part of the places are independent, by how much the pulls of blocks differ.

        Notes
        -----
        Were all places independent, the sum of the squared pulls were the normal matrix times the variance; the ratio
        is what likelihoods of places that are not are divided by (Varin, Reid and Firth 2011).
        """
        at = self.equations(matrix)
        block = self.blocks(at)
        pulls = np.stack([np.bincount(block, column * at.residual) for column in at.design.T], 1)
        inverse = np.linalg.pinv(at.design.T @ at.design)
        ratio = float(np.einsum("bi,ij,bj->", pulls, inverse, pulls)) / (6 * at.cost)
        return min(1.0, 1 / max(ratio, _TINY))

    def information(self, matrix: Matrix) -> Array:
        """Return what the image says of the six numbers of a step: the inverse of their covariance.

        Notes
        -----
        Godambe's information: how steep the squares are, over how much the pulls of blocks scatter. Beside what
        remains, a border may lie `_BORDERS` of a voxel off in each block, as slices that are far apart show it; where
        it hardly says how deep the image lies, that error is large.
        """
        at = self.equations(matrix)
        block = self.blocks(at)
        edge = _BORDERS * self.largest
        pulls, borders = (
            np.stack([np.bincount(block, column * values) for column in at.design.T], 1)
            for values in (at.residual, edge * at.edges)
        )
        steep = at.design.T @ at.design
        return np.asarray(steep @ np.linalg.pinv(pulls.T @ pulls + borders.T @ borders) @ steep)

    def joined(self, matrix: Matrix) -> tuple[Matrix, float]:
        """Return where the image lies by itself and by the landmarks, each as much as it says, and its error in m.

        The error is the expected distance of a place from where it belongs: by the information, or by `split` where
        that is larger.
        """
        pull = self.pull
        rows = self.motions(matrix, pull.first).reshape(-1, 6)
        apart = (pull.second - moved_points(matrix, pull.first)).ravel()
        nearest = np.linalg.lstsq(rows, apart, rcond=None)[0]
        freedom = max(apart.size - 6, 1)
        variance = float(np.sum((apart - rows @ nearest) ** 2)) / freedom + pull.least**2
        whole = self.information(matrix) + rows.T @ rows / variance
        step = np.asarray(np.linalg.solve(whole, rows.T @ apart / variance), np.float64)
        motion = self.motions(matrix, self.points)
        squares = np.einsum("nki,ij,nkj->n", motion, np.linalg.inv(whole), motion)
        # Of three normal errors of one size, the mean length is 0.92 of its root mean square.
        own = float(0.92 * np.sqrt(squares).mean())
        found = self.changed(matrix, step)
        return found, max(own, self.split(found))

    def split(self, matrix: Matrix) -> float:
        """Return the error in m that three ways of halving the image say: half the distance that the halves lie apart.

        A crack and the rim of a particle that do not agree show here, and hardly in equations near one place.
        """
        beyond = self.points[:, 1:] > self.size[1:] / 2
        parts = (0.15, 0.5, 0.85)
        grid = np.array([[0.0, y, x] for y in parts for x in parts]) * self.size
        whole, found = self.taken, []
        for half in (beyond[:, 0], beyond[:, 1], beyond[:, 0] ^ beyond[:, 1]):
            ends = []
            for side in (half, ~half):
                self.taken = side
                try:
                    ends.append(moved_points(self.settled(matrix, _SETTLED * self.largest), grid))
                except ValueError:
                    # This half shows nothing: all is in the other.
                    break
            else:
                found.append(0.25 * np.mean(np.sum((ends[1] - ends[0]) ** 2, axis=1)))
        self.taken = whole
        return float(np.sqrt(np.mean(found))) if found else 0.0


def slopes_of(volume: Image, largest: float) -> list[Array]:
    """Return a volume, smoothed a little, and its slopes along z, y, x."""
    from scipy.ndimage import gaussian_filter

    shown = gaussian_filter(volume.values, [_BEFORE * largest / edge for edge in volume.voxel])
    return [shown, *(np.gradient(shown, edge, axis=axis) for axis, edge in enumerate(volume.voxel))]
