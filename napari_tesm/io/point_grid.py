"""Points of a list that are a full grid: its lines, its columns, and which of the list is where."""

import numpy as np
from numpy.typing import NDArray


def grid_of_points(
    positions: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]] | None:
    """Return the lines and columns on which points lie, and the curves at each; None where they are no full grid.

    Parameters
    ----------
    positions : ndarray, shape (curve, 2)
        x and y.

    Returns
    -------
    y, x : ndarray
    order : ndarray, shape (y, x, curve)
        Numbers of the curves at each point, in the order of the file.
    """
    if not np.isfinite(positions).all():
        return None
    (x, column), (y, line) = (_levels(positions[:, axis]) for axis in (0, 1))
    place = line * x.size + column
    counts = np.bincount(place, minlength=x.size * y.size)
    if counts.size != x.size * y.size or x.size * y.size < 2 or (counts != counts[0]).any():
        return None
    order = np.argsort(place, kind="stable").reshape(y.size, x.size, counts[0])
    return y, x, order


def _levels(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the different values, and which of them each is; those that differ by rounding are one."""
    span = float(np.ptp(values))
    order = np.argsort(values, kind="stable")
    new = np.diff(values[order]) > max(1e-6 * span, 1e-9 * float(np.abs(values).max()))
    number = np.empty(values.size, np.intp)
    number[order] = np.concatenate([[0], np.cumsum(new)])
    sums = np.bincount(number, weights=values)
    return sums / np.bincount(number), number
