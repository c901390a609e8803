"""The search for the best time and shape: from the best node uphill, by damped Newton steps from cell to cell.

Everything has the traces on its last axis, so that each step is one plain operation on long rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.shape_table import REACH, TERMS, ShapeTable

Array = NDArray[np.float64]

_ROUNDS: Final = 60
_SETTLED: Final = 3e-4
"""A step shorter than this, in node distances, is the last: the next would be of the order of its square."""


@dataclass
class Place:
    """Where the search stands: node numbers along both axes and the distance from the node, both of shape (2, n)."""

    node: NDArray[np.intp]
    s: Array

    def p(self, table: ShapeTable) -> Array:
        """Return the parameters, shape (n, 2)."""
        return np.asarray(table.low + table.step * (self.node + self.s).T)

    def cell(self, table: ShapeTable) -> NDArray[np.intp]:
        """Return the number of each trace's cell."""
        return np.asarray(self.node[0] * table.nodes[1] + self.node[1])


def groups_of_cells(cell: NDArray[np.intp]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield every cell that occurs with the numbers of its traces."""
    order = np.argsort(cell, kind="stable")
    numbers, starts = np.unique(cell[order], return_index=True)
    yield from zip(numbers.tolist(), np.split(order, starts[1:]), strict=True)


def search(z: Array, table: ShapeTable) -> Place:
    """Return where Σ h² is largest for coordinates z, shape (n, r)."""
    scores = z @ table.at_nodes
    np.square(scores, out=scores)
    if table.kernel.curves == 2:
        half = scores.shape[1] // 2
        scores = scores[:, :half] + scores[:, half:]
    best = scores.argmax(axis=1)
    # Traces of one cell side by side: their polynomials are one product.
    order = np.argsort(best.astype(np.uint16), kind="stable")
    place = Place(np.stack(np.divmod(best[order], table.nodes[1])), np.zeros((2, len(z))))
    _climb(z[order], place, table)
    found = Place(np.empty_like(place.node), np.empty_like(place.s))
    found.node[:, order], found.s[:, order] = place.node, place.s
    return found


def _polynomials(z: Array, cell: NDArray[np.intp], table: ShapeTable) -> Array:
    """Return the coefficients of h about the nodes, shape (curves, TERMS, TERMS, n)."""
    out = np.empty((table.towards_h.shape[1], len(z)))
    for number, rows in groups_of_cells(cell):
        if rows[-1] - rows[0] == rows.size - 1:
            np.matmul(
                table.towards_h[number], z[rows[0] : rows[-1] + 1].T, out=out[:, rows[0] : rows[-1] + 1]
            )
        else:
            out[:, rows] = table.towards_h[number] @ z[rows].T
    return out.reshape(table.kernel.curves, TERMS, TERMS, -1)


def _evaluate(polynomials: Array, s: Array) -> Array:
    """Return h, its slopes along both axes, and half its curvatures with the mixed one between, (6, curves, n)."""
    value, slope, bend = (np.zeros(polynomials.shape[:2] + s.shape[1:]) for _ in range(3))
    for power in range(TERMS - 1, -1, -1):
        for upper, lower in ((bend, slope), (slope, value), (value, polynomials[:, :, power])):
            upper *= s[1]
            upper += lower
    out = np.zeros((6, polynomials.shape[0], s.shape[1]))
    h, along, across, along2, both, across2 = out
    for power in range(TERMS - 1, -1, -1):
        for upper, lower in ((along2, along), (along, h), (both, across)):
            upper *= s[0]
            upper += lower
        for target, source in ((h, value), (across, slope), (across2, bend)):
            target *= s[0]
            target += source[:, power]
    return out


def _climb(z: Array, place: Place, table: ShapeTable) -> None:
    """Move `place` to the top of its hill by damped Newton steps from cell to cell."""
    last = np.array(table.nodes)[:, None] - 1
    who = np.arange(len(z))
    node, s = place.node.copy(), place.s.copy()
    polynomials = _polynomials(z, place.cell(table), table)
    at = _evaluate(polynomials, s)
    damping = np.full(who.size, 1e-6)
    for _ in range(_ROUNDS):
        if who.size == 0:
            return
        step = _newton_step(at, s, node, last, damping)
        wanted = np.clip(s + step, -REACH, REACH)
        wanted = np.where(node == 0, np.maximum(wanted, 0.0), wanted)
        wanted = np.where(node == last, np.minimum(wanted, 0.0), wanted)
        there = _evaluate(polynomials, wanted)
        before, after = (np.square(one[0]).sum(axis=0) for one in (at, there))
        better = after >= before * (1 - 1e-9)
        damping = np.where(better, damping / 5, damping * 8)
        settled = (np.abs(wanted - s).max(axis=0) < _SETTLED) | (damping > 1e12)
        s, at = np.where(better, wanted, s), np.where(better, there, at)
        crossing = np.where(s > 0.5, 1, np.where(s < -0.5, -1, 0))
        crossing = np.clip(node + crossing, 0, last) - node
        node += crossing
        s -= crossing
        place.node[:, who], place.s[:, who] = node, s
        going = np.flatnonzero(~settled)
        if going.size < who.size:
            who, node, s, damping = who[going], node[:, going], s[:, going], damping[going]
            polynomials, at, crossing = polynomials[..., going], at[..., going], crossing[:, going]
        over = np.flatnonzero(crossing.any(axis=0))
        if over.size:
            beyond = Place(node[:, over], s[:, over])
            polynomials[..., over] = _polynomials(z[who[over]], beyond.cell(table), table)
            at[..., over] = _evaluate(polynomials[..., over], beyond.s)


def _newton_step(
    at: Array, s: Array, node: NDArray[np.intp], last: NDArray[np.intp], damping: Array
) -> Array:
    """Return the damped Newton step of Σ h²/2, shape (2, n), with components that push against a bound held."""
    h, along, across, along2, both, across2 = at
    gradient = np.stack([(h * along).sum(axis=0), (h * across).sum(axis=0)])
    bend = [
        (along * along + 2 * h * along2).sum(axis=0),
        (along * across + h * both).sum(axis=0),
        (across * across + 2 * h * across2).sum(axis=0),
    ]
    at_bound = ((node == 0) & (s <= 0) & (gradient < 0)) | ((node == last) & (s >= 0) & (gradient > 0))
    gradient = np.where(at_bound, 0.0, gradient)
    cross = np.where(at_bound.any(axis=0), 0.0, -bend[1])
    first = np.where(at_bound[0], 1.0, -bend[0])
    second = np.where(at_bound[1], 1.0, -bend[2])
    # A saddle is turned into a hill: the smaller eigenvalue must be positive.
    middle, half = (first + second) / 2, np.hypot((first - second) / 2, cross)
    size = np.maximum(np.abs(middle) + half, 1e-300)
    shift = np.maximum(0.0, -(middle - half) * 1.5) + damping * size
    first, second = first + shift, second + shift
    determinant = first * second - cross * cross
    step = np.stack([second * gradient[0] - cross * gradient[1], first * gradient[1] - cross * gradient[0]])
    step /= determinant
    return np.asarray(np.nan_to_num(step, nan=0.0, posinf=0.0, neginf=0.0))
