"""What the blocks of bodies come to, tile by tile, and which bodies of two tiles are one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_tesm.volumes.agglomerates import Joined
from napari_tesm.volumes.phases import Blocks, Grid

COUNT, Z, Y, X, HEIGHT, VALUE, UNDER, BRIGHT, CUT, LOWEST, N = range(11)
"""Columns of the rows: blocks; sums over them of places, heights and attenuation; blocks under the body and the bright
ones of these; blocks at the border of the field; how high the lowest lies."""


@dataclass
class BodySums:
    """What blocks of the bodies of one threshold come to, by the number of the body."""

    joined: Joined = field(default_factory=lambda: Joined(1))
    rows: list[NDArray[np.float64]] = field(default_factory=lambda: [np.zeros((1, N))])
    cuts: dict[tuple[int, int, int], tuple[int, NDArray[np.int64]]] = field(default_factory=dict)


def sums_of_bodies(
    labels: NDArray[np.int64],
    first: int,
    count: int,
    blocks: Blocks,
    bright: NDArray[np.bool_],
    within: NDArray[np.bool_],
    bottom: Blocks,
    origin: tuple[int, int, int],
    shape: tuple[int, ...],
    grid: Grid,
) -> NDArray[np.float64]:
    """Return what the bodies of a tile come to in it, a row for each."""
    rows = np.zeros((count, N))
    rows[:, LOWEST] = math.inf
    z, y, x = np.nonzero(labels)
    if not z.size:
        return rows
    body = labels[z, y, x] - first
    heights = (z + origin[0] + 0.5) * grid.edges[0] - bottom[y, x]
    places = (z + origin[0], y + origin[1], x + origin[2])
    border = np.zeros(z.size, dtype=bool)
    for place, size in zip(places[1:], shape, strict=True):
        border |= (place == 0) | (place == size - 1)
    parts = (None, *places, heights, blocks[z, y, x], None, None, border)
    for column, weights in enumerate(parts):
        if column not in (UNDER, BRIGHT):
            rows[:, column] = np.bincount(body, weights, count)
    np.minimum.at(rows[:, LOWEST], body, heights - 0.5 * grid.edges[0])
    # Under the lowest body of each column, its rim left out.
    held = (labels > 0).any(axis=0)
    lowest = (labels > 0).argmax(axis=0)
    y, x = np.nonzero(held)
    under = np.maximum(lowest[y, x] - 2, 0)
    owner = labels[lowest[y, x], y, x] - first
    for column, mask in ((UNDER, within), (BRIGHT, bright)):
        sums = np.concatenate([np.zeros((1, *held.shape)), mask.cumsum(axis=0)])
        rows[:, column] = np.bincount(owner, sums[under, y, x], count)
    return rows


def rows_of_bodies(sums: BodySums) -> dict[int, NDArray[np.float64]]:
    """Return the rows of bodies that are seen at all, those that tiles share added up."""
    roots = sums.joined.roots()
    table: dict[int, NDArray[np.float64]] = {}
    for root, row in zip(roots.tolist(), np.concatenate(sums.rows), strict=True):
        if not row[COUNT]:
            continue
        if root in table:
            lowest = min(table[root][LOWEST], row[LOWEST])
            table[root] = table[root] + row
            table[root][LOWEST] = lowest
        else:
            table[root] = row.copy()
    return table
