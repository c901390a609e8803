"""Borders between the basins of a watershed: how far each stands out, and basins joined across the weakest.

A watershed makes a basin of every dip of the noise. How far a border stands out is a quantile of its height along
all of its length over the shallower of the two floors beside it: unlike the height of the lowest pass, which a single
pixel decides (dynamics, Grimaud 1992), neither a gap in a boundary nor a stretch of another boundary at its end moves
it much. Basins are joined one by one, the weakest border first, and what is left is measured anew after each.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int32]


class BasinGraph:
    """Basins of a relief and the borders between them.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        Basins from 1; 0 belongs to none.
    relief : ndarray, shape (y, x)
        What was flooded.
    level : float
        Which quantile of a border's height counts: the median where a boundary is as high all along; a low one where
        a border may run down a slope, as between two pieces of one flank.
    floor_weight : float
        How often the floor is taken off the border. Where 0 is the bottom of any relief, as of a gradient, 2 joins the
        dips along the crest of a boundary, which lie high, to what is beside it.
    """

    def __init__(
        self, labels: Labels, relief: Array, *, level: float = 0.5, floor_weight: float = 1.0
    ) -> None:
        self._labels = labels
        self._level, self._floor_weight = level, floor_weight
        count = int(labels.max(initial=0)) + 1
        self._floor = np.full(count, np.inf)
        np.minimum.at(self._floor, labels.ravel(), relief.ravel())
        self._area = np.bincount(labels.ravel(), minlength=count).astype(np.float64)
        self._area[0] = 0.0
        self._parent = np.arange(count)
        # For each basin its neighbours, with the relief along the border in rising order.
        self._borders: dict[int, dict[int, list[float]]] = {n: {} for n in range(1, count) if self._area[n]}
        for a, b, heights in _borders_of(labels, relief):
            self._borders[a][b] = self._borders[b][a] = heights

    @property
    def count(self) -> int:
        """How many basins are left."""
        return len(self._borders)

    def join_below(self, floor: float) -> float:
        """Join basins whose border stands out less than `floor`, and return the largest height that was given up."""
        queue = [(self._height(a, b), a, b) for a, row in self._borders.items() for b in row if a < b]
        heapify(queue)
        highest = 0.0
        while queue and queue[0][0] < floor:
            height, a, b = heappop(queue)
            if b not in self._borders.get(a, ()):
                continue
            now = self._height(a, b)
            if now > height:  # it was joined with others since: its turn comes later
                heappush(queue, (now, a, b))
                continue
            highest = max(highest, height)
            kept = self._join(a, b)
            for other in self._borders[kept]:
                heappush(queue, (self._height(kept, other), min(kept, other), max(kept, other)))
        return highest

    def join_small(self, fewest: int) -> None:
        """Join basins of fewer pixels with the neighbour behind the weakest border; one without neighbours stays."""
        queue = [(self._area[n], n) for n in self._borders if self._area[n] < fewest]
        heapify(queue)
        while queue:
            area, number = heappop(queue)
            row = self._borders.get(number)
            if not row or self._area[number] != area:
                continue
            # Sorted by number first, so that equal borders are decided the same way always.
            kept = self._join(number, min(sorted(row), key=lambda other: self._height(number, other)))
            if self._area[kept] < fewest:
                heappush(queue, (self._area[kept], kept))

    def usual(self) -> float:
        """Return how far the borders stand out, their median by length; 0 without any."""
        borders = [
            (self._height(a, b), len(self._borders[a][b]))
            for a, row in self._borders.items()
            for b in row
            if a < b
        ]
        if not borders:
            return 0.0
        heights, lengths = np.array(sorted(borders)).T
        along = np.cumsum(lengths)
        return float(heights[np.searchsorted(along, 0.5 * along[-1])])

    def labels(self) -> Labels:
        """Return the basins as they are joined now, shape (y, x)."""
        parent = self._parent
        while not np.array_equal(parent, parent[parent]):
            parent = parent[parent]
        return np.asarray(parent[self._labels], dtype=np.int32)

    def _height(self, a: int, b: int) -> float:
        along = self._borders[a][b]
        return float(
            along[int(self._level * (len(along) - 1))]
            - self._floor_weight * max(self._floor[a], self._floor[b])
        )

    def _join(self, a: int, b: int) -> int:
        """Join two basins and return the number of what they are now: the one with more neighbours keeps its own."""
        borders = self._borders
        if len(borders[a]) < len(borders[b]):
            a, b = b, a
        for other, heights in borders.pop(b).items():
            del borders[other][b]
            if other == a:
                continue
            together = borders[a].get(other)
            if together is None:
                borders[a][other] = borders[other][a] = heights
            else:
                together += heights
                together.sort()  # two sorted runs: the sort only joins them
        self._floor[a] = min(self._floor[a], self._floor[b])
        self._area[a] += self._area[b]
        self._parent[b] = a
        return a


def _borders_of(labels: Labels, relief: Array) -> Iterator[tuple[int, int, list[float]]]:
    """Yield each pair of neighbours with the relief between their pixels, in rising order."""
    pairs, heights = [], []
    for axis in (0, 1):
        first, second = (np.moveaxis(labels, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        a, b = (np.moveaxis(relief, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        border = (first != second) & (first > 0) & (second > 0)
        pairs.append(np.sort(np.stack([first[border], second[border]], axis=1), axis=1))
        heights.append(((a + b) / 2)[border])
    together, between = np.concatenate(pairs).astype(np.int64), np.concatenate(heights)
    if not together.size:
        return
    keys = together[:, 0] << 32 | together[:, 1]
    order = np.lexsort((between, keys))
    numbers, first_of = np.unique(keys[order], return_index=True)
    for key, part in zip(numbers, np.split(between[order], first_of[1:]), strict=True):
        yield int(key >> 32), int(key & 0xFFFFFFFF), part.tolist()
