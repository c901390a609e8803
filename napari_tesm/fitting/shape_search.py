"""The search for the best time and shape: from the best node uphill, by damped Newton steps from cell to cell.

Everything has the traces on its last axis, so that each step is one plain operation on long rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.shape_table import DEGREE, POWERS, REACH, ShapeTable

Array = NDArray[np.float64]

_ROUNDS: Final = 60
_SETTLED: Final = 3e-3
"""A step shorter than this, in node distances, is the last: the next would be of the order of its square."""
_EARLY: Final = 1
"""So many steps are followed by an evaluation of fewer terms: the next step corrects what they lack."""
_FEWER: Final = 5
"""Degree of those."""
_ALIKE: Final = 1e-3
"""What fewer terms may make of h²."""
_SCORED: Final = 512
"""Traces whose scores at all nodes stay in cache."""


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


def groups_of_cells(cell: NDArray[np.intp]) -> Iterator[tuple[int, slice]]:
    """Yield every cell that occurs, and its traces, of cells in order."""
    edges = np.flatnonzero(np.diff(cell, prepend=-1, append=-1))
    for first, last in pairwise(edges.tolist()):
        yield int(cell[first]), slice(first, last)


def search(z: Array, table: ShapeTable) -> tuple[Place, Array]:
    """Return where Σ h² is largest for coordinates z, shape (n, r), and h there, shape (curves, n)."""
    best = np.empty(len(z), dtype=np.intp)
    for first in range(0, len(z), _SCORED):
        part = slice(first, first + _SCORED)
        # Single precision does for a start.
        scores = z[part].astype(np.float32) @ table.at_nodes
        np.square(scores, out=scores)
        if table.kernel.curves == 2:
            half = scores.shape[1] // 2
            scores = scores[:, :half] + scores[:, half:]
        scores.argmax(axis=1, out=best[part])
    # Traces of one cell side by side: their polynomials are one product.
    order = np.argsort(best.astype(np.uint16), kind="stable")
    place = Place(np.stack(np.divmod(best[order], table.nodes[1])), np.zeros((2, len(z))))
    h = _climb(z[order], place, table)
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    return Place(place.node[:, back], place.s[:, back]), h[:, back]


def _polynomials(z: Array, cell: NDArray[np.intp], table: ShapeTable) -> Array:
    """Return the coefficients of h about the nodes, shape (curves, terms, n), for cells in order."""
    out = np.empty((table.towards_h.shape[1], len(z)))
    for number, rows in groups_of_cells(cell):
        np.matmul(table.towards_h[number], z[rows].T, out=out[:, rows])
    return out.reshape(table.kernel.curves, len(POWERS), -1)


def _at_nodes(polynomials: Array) -> Array:
    """Return what `_evaluate` does at s = 0."""
    terms = [POWERS.index(powers) for powers in ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))]
    return np.ascontiguousarray(polynomials[:, terms].transpose(1, 0, 2))


def _evaluate(polynomials: Array, s: Array, degree: int = DEGREE) -> Array:
    """Return h, its slopes along both axes, and half its curvatures with the mixed one between, (6, curves, n)."""
    out = np.zeros((6, polynomials.shape[0], s.shape[1]))
    for target, of_curve in zip(out.swapaxes(0, 1), polynomials, strict=True):
        h, along, across, along2, both, across2 = target
        value, slope, bend = (np.empty(s.shape[1]) for _ in range(3))
        for i in range(degree, -1, -1):
            value[:], slope[:], bend[:] = 0.0, 0.0, 0.0
            for j in range(degree - i, -1, -1):
                if j < degree - i - 1:
                    bend *= s[1]
                    bend += slope
                if j < degree - i:
                    slope *= s[1]
                    slope += value
                value *= s[1]
                value += of_curve[_TERM[i, j]]
            for upper, lower in ((along2, along), (along, h), (both, across)):
                upper *= s[0]
                upper += lower
            for lower, source in ((h, value), (across, slope), (across2, bend)):
                lower *= s[0]
                lower += source
    return out


_TERM: Final = {power: term for term, power in enumerate(POWERS)}


def _climb(z: Array, place: Place, table: ShapeTable) -> Array:
    """Move `place` to the top of its hill by damped Newton steps from cell to cell; return h there, (curves, n)."""
    last = np.array(table.nodes)[:, None] - 1
    who = np.arange(len(z))
    node, s = place.node.copy(), place.s.copy()
    polynomials = _polynomials(z, place.cell(table), table)
    at = _at_nodes(polynomials)
    h: Array = at[0].copy()
    damping = np.full(who.size, 1e-6)
    for number in range(_ROUNDS):
        step = _newton_step(at, s, node, last, damping)
        # As far as the polynomials hold, and in the same direction: hills may be long ridges.
        room = (np.copysign(REACH, step) - s) / np.where(step == 0, np.inf, step)
        wanted = s + step * np.minimum(np.where(step == 0, 1.0, room).min(axis=0), 1.0)
        if (edge := node == 0).any():
            wanted[edge] = np.maximum(wanted[edge], 0.0)
        if (edge := node == last).any():
            wanted[edge] = np.minimum(wanted[edge], 0.0)
        step = wanted - s
        settled = (np.abs(step).max(axis=0) < _SETTLED) | (damping > 1e12)
        ending = np.flatnonzero(settled) if number > _EARLY else np.zeros(0, dtype=np.intp)
        if ending.size:
            # The last step is too short for anything but the parabola.
            taken = step[:, ending]
            place.node[:, who[ending]], place.s[:, who[ending]] = node[:, ending], wanted[:, ending]
            h[:, who[ending]] = _by_parabola(at[..., ending], taken)
            going = np.flatnonzero(~settled)
            if going.size == 0:
                return h
            who, node, s, wanted, damping = (
                who[going], node[:, going], s[:, going], wanted[:, going], damping[going],
            )  # fmt: skip
            polynomials, at = polynomials[..., going], at[..., going]
        there = _evaluate(polynomials, wanted, _FEWER if number < _EARLY else DEGREE)
        before, after = (np.square(values[0]).sum(axis=0) for values in (at, there))
        better = after >= before * (1 - (1e-9 if number > _EARLY else _ALIKE))
        if better.all():
            damping, s, at = damping / 5, wanted, there
        else:
            damping = np.where(better, damping / 5, damping * 8)
            s, at = np.where(better, wanted, s), np.where(better, there, at)
        over = np.flatnonzero((np.abs(s) > 0.5).any(axis=0))
        if over.size:
            crossing = np.rint(np.sign(s[:, over]) * (np.abs(s[:, over]) > 0.5)).astype(np.intp)
            crossing = np.clip(node[:, over] + crossing, 0, last) - node[:, over]
            node[:, over] += crossing
            s[:, over] -= crossing
            cells = Place(node[:, over], s[:, over]).cell(table)
            over = over[np.argsort(cells, kind="stable")]
            polynomials[..., over] = _polynomials(z[who[over]], np.sort(cells), table)
            at[..., over] = _evaluate(polynomials[..., over], s[:, over])
    place.node[:, who], place.s[:, who], h[:, who] = node, s, at[0]
    return h


def _by_parabola(at: Array, step: Array) -> Array:
    """Return h a short step from where it was evaluated."""
    h, along, across, along2, both, across2 = at
    down, right = step
    return np.asarray(h + down * (along + down * along2 + right * both) + right * (across + right * across2))


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
    first, cross, second = (-curvature for curvature in bend)
    at_bound = ((node == 0) & (s <= 0) & (gradient < 0)) | ((node == last) & (s >= 0) & (gradient > 0))
    if at_bound.any():
        gradient[at_bound] = 0.0
        cross[at_bound.any(axis=0)] = 0.0
        first[at_bound[0]] = 1.0
        second[at_bound[1]] = 1.0
    # A saddle is turned into a hill: the smaller eigenvalue must be positive.
    middle, half = (first + second) / 2, np.hypot((first - second) / 2, cross)
    size = np.maximum(np.abs(middle) + half, 1e-300)
    shift = np.maximum(0.0, -(middle - half) * 1.5) + damping * size
    first, second = first + shift, second + shift
    determinant = first * second - cross * cross
    step = np.stack([second * gradient[0] - cross * gradient[1], first * gradient[1] - cross * gradient[0]])
    step /= determinant
    return np.asarray(np.nan_to_num(step, nan=0.0, posinf=0.0, neginf=0.0))
