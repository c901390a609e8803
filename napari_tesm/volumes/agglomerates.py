"""Bodies of bright material: told from fine particles by a ball that fits into them, parted where they touch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import Voxel

Labels = NDArray[np.int32]

_BALL: Final = 0.8
"""Radius of the ball that fits into a body, in parts of that of the least one."""
_OPENED: Final = 0.4
"""Radius of the ball by which arms and fine particles that touch a body are taken off, in the same parts."""
_ONE: Final = 0.8
"""Two halves of a body are one where the neck between them is as wide as this part of the thinner one."""
_SAME: Final = 0.5
"""Part of the smaller of two cuts that the larger covers where both are one body, seen from two tiles."""


def labelled_bodies(bright: NDArray[np.bool_], edges: Voxel, least: float) -> Labels:
    """Return the numbers of bodies, 0 outside them.

    Parameters
    ----------
    bright : ndarray of bool, shape (z, y, x)
    edges : tuple of float
        Distance along z, y, x in m.
    least : float
        Diameter in m of the smallest body.

    Notes
    -----
    An opening by a ball, the distance from the border inside what is left, seeds at its maxima, and a watershed from
    those (Beucher and Lantuéjoul 1979); both Euclidean. Seeds between which there is no neck are one.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter, label, maximum_filter
    from skimage.segmentation import watershed

    radius = 0.5 * least
    # The transform counts from the middle of the next dark voxel, half a voxel beyond the border.
    beyond = 0.5 * min(edges)
    depth = distance_transform_edt(bright, sampling=edges).astype(np.float32)
    if not (depth > _BALL * radius + beyond).any():
        return np.zeros(bright.shape, np.int32)
    core = depth > _OPENED * radius + beyond
    opened = distance_transform_edt(~core, sampling=edges) <= _OPENED * radius + beyond
    opened &= bright
    smooth = gaussian_filter(np.where(opened, depth, 0), 0.7)
    size = [2 * max(round(_BALL * radius / edge), 1) + 1 for edge in edges]
    peaks = (maximum_filter(smooth, size) == smooth) & (depth > _BALL * radius + beyond)
    seeds, count = label(peaks, np.ones((3, 3, 3)))
    if not count:
        return np.zeros(bright.shape, np.int32)
    numbers: Labels = watershed(-smooth, seeds, mask=opened).astype(np.int32)  # type: ignore[no-untyped-call]
    return _without_necks(numbers, smooth, count)


def _without_necks(numbers: Labels, depth: NDArray[np.float32], count: int) -> Labels:
    """Return labels with those joined between which there is no neck."""
    if count < 2:
        return numbers
    widest: dict[tuple[int, int], float] = {}
    for axis in range(3):
        front, back = (np.moveaxis(array, axis, 0) for array in (numbers, depth))
        touch = (front[1:] != front[:-1]) & (front[1:] > 0) & (front[:-1] > 0)
        pairs = np.sort(np.stack([front[1:][touch], front[:-1][touch]]), axis=0)
        through = np.minimum(back[1:][touch], back[:-1][touch])
        for (one, other), width in zip(pairs.T.tolist(), through.tolist(), strict=True):
            widest[one, other] = max(widest.get((one, other), 0.0), width)
    deepest = np.zeros(count + 1)
    np.maximum.at(deepest, numbers.ravel(), depth.ravel())
    joined = Joined(count + 1)
    for (one, other), width in widest.items():
        if width > _ONE * min(deepest[one], deepest[other]):
            joined.join(one, other)
    return joined.roots()[numbers].astype(np.int32)


class Joined:
    """Numbers of which some are found to be one: a forest of them (Galler and Fischer 1964)."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def add(self, count: int) -> int:
        """Take in more numbers and return the first of them."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return first

    def root(self, number: int) -> int:
        """Return the least of the numbers that are one with this."""
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number

    def join(self, one: int, other: int) -> None:
        """Make two numbers one."""
        first, second = sorted((self.root(one), self.root(other)))
        self._parents[second] = first

    def roots(self) -> NDArray[np.intp]:
        """Return the root of every number."""
        return np.array([self.root(number) for number in range(len(self._parents))], dtype=np.intp)


def pairs_that_are_one(one: NDArray[Any], other: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Yield the numbers that two tiles have given to the same body, by a cut through it that both have seen.

    Parameters
    ----------
    one, other : ndarray of int, of one shape
        The cut with the numbers of either.
    """
    both = (one > 0) & (other > 0)
    pairs, counts = np.unique(np.stack([one[both], other[both]]), axis=1, return_counts=True)
    sizes = [dict(zip(*np.unique(cut, return_counts=True), strict=True)) for cut in (one, other)]
    for (first, second), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        if count >= _SAME * min(sizes[0][first], sizes[1][second]):
            yield first, second
