"""Places of one volume in another: matrices (z, y, x, 1) in m, and volumes asked for their values there."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import Voxel

Matrix = NDArray[np.float64]
"""4 × 4, leads from (z, y, x, 1) in m of one volume to those of another; places are counted from a volume's corner."""
Points = NDArray[np.float64]
_PIECE: Final = 2_000_000
"""Voxels that are asked for at a time."""


def inverse_of(matrix: Matrix) -> Matrix:
    """Return the matrix that leads back."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def moved_points(matrix: Matrix, points: Points) -> Points:
    """Return where places (…, 3) in m come to."""
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def middles_of_voxels(shape: tuple[int, ...], voxel: Voxel, step: tuple[int, ...] = (1, 1, 1)) -> Points:
    """Return the middles of every so many voxels, shape (z, y, x, 3), in m from the volume's corner."""
    axes = [(np.arange(0, n, by) + 0.5) * edge for n, edge, by in zip(shape, voxel, step, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1)


def turns_of_axes(shape: tuple[int, ...], voxel: Voxel, *, mirrored: bool = False) -> list[Matrix]:
    """Return the 24 quarter turns of a volume about its middle, with their mirror images 48, the volume as it is first.

    Notes
    -----
    A place comes to a frame whose corner is that of the turned volume.
    """
    size = np.multiply(shape, voxel)
    found = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        turn = np.zeros((3, 3))
        turn[range(3), order] = signs
        if mirrored or np.linalg.det(turn) > 0:
            matrix = np.eye(4)
            matrix[:3, :3] = turn
            # What is turned to the other side of the corner comes back to it.
            matrix[:3, 3] = -np.minimum(turn @ size, 0)
            found.append(matrix)
    return sorted(found, key=lambda matrix: (np.linalg.det(matrix) < 0, 3 - np.trace(matrix[:3, :3])))


def turn_in_words(matrix: Matrix) -> str:
    """Return which axes of a volume a turn leads to z, y, x: ``z y x`` where it stays as it is, or ``-x y z``."""
    names = []
    for row in matrix[:3, :3]:
        axis = int(np.abs(row).argmax())
        names.append(("-" if row[axis] < 0 else "") + "zyx"[axis])
    return " ".join(names)


def resampled(
    values: NDArray[Any],
    voxel: Voxel,
    matrix: Matrix,
    shape: tuple[int, ...],
    grid: Voxel,
    *,
    order: int = 1,
    outside: float = 0.0,
) -> NDArray[np.float32]:
    """Return a volume on the grid of another.

    Parameters
    ----------
    values : ndarray, shape (z, y, x)
    voxel : tuple of float
        Of `values`, in m.
    matrix : ndarray, shape (4, 4)
        Leads from places of the grid to places of `values`.
    shape, grid : tuple
        Voxels of the grid and their size in m.
    order : int
        0 takes the nearest voxel, as labels need it, 1 interpolates along straight lines.
    outside : float
        What stands where `values` does not reach.
    """
    from scipy.ndimage import affine_transform

    scale = 1 / np.asarray(voxel)
    turn = scale[:, None] * matrix[:3, :3] * np.asarray(grid)[None, :]
    # Voxel k has its middle at k + 1/2, in both.
    first = scale * (matrix[:3, :3] @ (0.5 * np.asarray(grid)) + matrix[:3, 3]) - 0.5
    return np.asarray(
        affine_transform(
            np.asarray(values, np.float32),
            turn,
            first,
            tuple(shape),
            order=order,
            cval=outside,
            output=np.float32,
        )
    )
