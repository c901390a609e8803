"""The per-pixel optimum: project the traces, look for the node with the best score, climb to the top of its hill.

Arrays of scores and polynomials are kept node-major, (nodes, pixels), so that every step is a plain operation on
long contiguous rows.
"""

import threading
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.table import DEGREES, FINE, REACH, FitTable

Array = NDArray[np.float64]

CHUNK: Final = 16384
"""Pixels fitted at once."""
RIVAL: Final = 0.95
"""Another hill of h² is climbed, too, when its best node comes this close to the best of all.

0.98 missed 1 % of the global optima on flat noise, 0.95 none of 20 000 (nodes 0.32 apart)."""
_CACHE_BYTES: Final = 1 << 21
"""Rows this large stay in cache between the sum of squares and the products that follow it."""
_SMALL_PRODUCT: Final = 1_000_000
"""Products with fewer multiplications than this are not packed by OpenBLAS, which makes them a third faster."""


@dataclass
class Workspace:
    """Arrays that one thread uses again for every chunk: 20 to 25 MB in all at 23 nodes and 4 or 5 blocks."""

    shape: tuple[int, int, int]

    coordinates: Array
    sorted_coordinates: Array
    scores: Array
    squares: Array
    flags: NDArray[np.bool_]
    node_numbers: NDArray[np.uint8]
    polynomials: Array
    sums: Array
    rows: Array
    planes: Array

    @classmethod
    def for_table(cls, table: FitTable) -> "Workspace":
        """Return this thread's arrays for chunks of up to `CHUNK` pixels, those of its last fit where they suit.

        Fresh memory costs page faults, a tenth of the time of a fit of one chunk.
        """
        nodes, coordinates, samples = shape = table.nodes, table.coordinates, table.time.size
        last: Workspace | None = getattr(_of_thread, "workspace", None)
        if last is not None and last.shape == shape:
            return last
        _of_thread.workspace = None  # the old arrays go before the new ones come
        tall = cached_rows(table)
        _of_thread.workspace = work = cls(
            shape=shape,
            coordinates=np.empty((CHUNK, coordinates)),
            sorted_coordinates=np.empty((CHUNK, coordinates)),
            scores=np.empty((nodes + 1, CHUNK)),
            squares=np.empty((nodes, CHUNK)),
            flags=np.empty((3, nodes, CHUNK), dtype=np.bool_),
            node_numbers=np.empty((nodes, CHUNK), dtype=np.uint8),
            polynomials=np.empty((2 * DEGREES - 1, CHUNK)),
            sums=np.empty(CHUNK),
            rows=np.empty((tall, samples)),
            # The padding keeps the planes of a tile from falling into the same few sets of the cache.
            planes=np.empty((samples, tall + 8))[:, :tall],
        )
        return work


_of_thread = threading.local()


@dataclass(frozen=True)
class Optimum:
    """Where h² is largest for each pixel of a chunk, and the sums that go with it.

    `u` is ln tau and `score` is h there; `mean`, `mean_square` and `total` (the sum of squares about the mean)
    belong to the trace.
    """

    u: Array
    score: Array
    mean: Array
    mean_square: Array
    total: Array


def cached_rows(table: FitTable) -> int:
    """Return how many traces stay in cache."""
    return int(np.clip(2 ** int(np.log2(_CACHE_BYTES / (8 * table.time.size))), 128, 2048))


def optimum_from_traces(traces: NDArray[np.generic], table: FitTable) -> Optimum:
    """Return the least-squares optimum of each trace.

    Parameters
    ----------
    traces : ndarray, shape (pixels, time)
        At most `CHUNK` pixels, any real type. Rows that are not finite give meaningless numbers.
    """
    count, work = len(traces), Workspace.for_table(table)
    coordinates, sums = work.coordinates[:count], work.sums[:count]
    scores = work.scores[:, :count]
    _project(traces, table, coordinates, scores, sums, work)
    mean = scores[-1].copy()
    total = sums - table.time.size * mean * mean

    node, rival_node, rival_pixel = _best_nodes(scores[:-1], work)
    s, score, hard = _climb(coordinates, node, table, work)
    # Hard pixels and rivals are few: one careful search for both, in which the better hill wins.
    hard = hard[np.isfinite(total[hard])]
    real = np.isfinite(total[rival_pixel])
    rival_node, rival_pixel = rival_node[real], rival_pixel[real]
    pixels = np.concatenate([hard, rival_pixel])
    if pixels.size:
        score[hard] = 0.0
        starts = np.concatenate([node[hard], rival_node])
        found_node, found_s, found_score = _climb_carefully(coordinates[pixels], starts, table)
        better = np.flatnonzero(found_score**2 > score[pixels] ** 2)
        better = better[np.argsort(found_score[better] ** 2, kind="stable")]  # the best is written last
        node[pixels[better]] = found_node[better]
        s[pixels[better]], score[pixels[better]] = found_s[better], found_score[better]
    u = table.low + table.spacing * (node + s)
    return Optimum(u, score, mean, sums / table.time.size, total)


def _project(
    traces: NDArray[np.generic],
    table: FitTable,
    coordinates: Array,
    scores: Array,
    sums: Array,
    work: Workspace,
) -> None:
    """Fill coordinates (pixels, …), scores (nodes + 1, pixels) and sums of squares (pixels,)."""
    count, samples = traces.shape
    tall = max(len(basis) for _, basis in table.blocks)
    group = int(np.clip(2 ** int(np.log2(_SMALL_PRODUCT / (8 * tall))), 16, 128))
    width = table.coordinates
    start = 0
    while start < count:
        size = group if count - start >= group else count - start
        stop = min(start + len(work.rows), count - (count - start) % size)
        x = _plain_rows(traces[start:stop], work)
        # The sum of squares comes first: that pass brings the rows into cache.
        np.vecdot(x, x, out=sums[start:stop])
        stacked = x.reshape(-1, size, samples)
        projected = coordinates[start:stop].reshape(-1, size, width)
        for index, (block, basis) in enumerate(table.blocks):
            np.matmul(stacked[:, :, block], basis, out=projected[:, :, 8 * index : 8 * index + 8])
        by_group = scores[:, start:stop].reshape(len(scores), -1, size).transpose(1, 0, 2)
        np.matmul(table.scores, projected.transpose(0, 2, 1), out=by_group)
        start = stop


def _plain_rows(traces: NDArray[np.generic], work: Workspace) -> Array:
    """Return traces, (pixels, time), as native doubles with neighbouring samples side by side.

    Every memory order and type goes through the same products then, and gives the same numbers.
    """
    plain = traces.dtype == np.float64 and traces.dtype.isnative and traces.flags.aligned
    if plain and traces.strides[1] == traces.itemsize and traces.strides[0] > 0:
        return cast(Array, traces)
    rows = work.rows[: len(traces)]
    if abs(traces.strides[0]) < abs(traces.strides[1]):
        # Time first: planes are read along their pixels, and turned in cache (4 times faster than one copy).
        planes = work.planes[:, : len(traces)]
        np.copyto(planes, traces.T, casting="unsafe")
        traces = planes.T
    np.copyto(rows, traces, casting="unsafe")
    return rows


def _best_nodes(
    scores: Array, work: Workspace
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.intp]]:
    """Return the best node of each pixel, and the nodes and pixels of rival hills."""
    nodes, count = scores.shape
    squares = np.multiply(scores, scores, out=work.squares[:, :count])
    is_best, is_peak, rising = work.flags[:, :, :count]
    best = squares.max(axis=0)
    np.equal(squares, best, out=is_best)
    # argmax along the first axis is slow; the largest of "node number where best" is the same and is not.
    numbers = work.node_numbers[:, :count]
    np.multiply(is_best.view(np.uint8), np.arange(nodes, dtype=np.uint8)[:, None], out=numbers)
    node = numbers.max(axis=0)

    np.greater(squares[1:], squares[:-1], out=rising[1:])
    np.logical_not(rising[1], out=is_peak[0])
    is_peak[-1] = rising[-1]
    np.greater(rising[1:-1], rising[2:], out=is_peak[1:-1])
    np.greater(is_peak, is_best, out=is_peak)  # peaks that are not the best
    rival, pixel = np.divmod(np.flatnonzero(is_peak), count)
    near = squares[rival, pixel] > RIVAL * best[pixel]
    return node, rival[near].astype(np.uint8), pixel[near]


def _climb(
    coordinates: Array, node: NDArray[np.uint8], table: FitTable, work: Workspace
) -> tuple[Array, Array, NDArray[np.intp]]:
    """Solve h'(s) = 0 by Newton's method in the cell of each pixel's best node.

    Returns
    -------
    s, score : ndarray, shape (pixels,)
        Distance from the node in node spacings, and h there.
    hard : ndarray of int
        Pixels for which three steps did not settle inside the cell.
    """
    count, last = len(node), table.nodes - 1
    order = np.argsort(node, kind="stable")  # a radix sort for bytes
    gathered = np.take(coordinates, order, axis=0, out=work.sorted_coordinates[:count], mode="clip")
    sizes = np.bincount(node, minlength=table.nodes).tolist()
    h, slope = work.polynomials[:DEGREES, :count], work.polynomials[DEGREES:, :count]
    start = 0
    for polynomial, size in zip(table.polynomials, sizes, strict=True):
        if size:
            stop = start + size
            np.matmul(polynomial.T, gathered[start:stop].T, out=h[:, start:stop])
            start = stop
    np.multiply(h[1:], np.arange(1.0, DEGREES)[:, None], out=slope)

    s = np.clip(-slope[0] / slope[1], -0.7, 0.7)
    step = np.empty(count)
    bend = np.empty(count)
    for terms in (4, DEGREES - 1, DEGREES - 1):  # the first step needs no high terms
        np.multiply(slope[terms - 1], s, out=step)
        step += slope[terms - 2]
        np.copyto(bend, slope[terms - 1])
        for k in range(terms - 3, -1, -1):  # Horner's scheme for h' and h'' at once
            bend *= s
            bend += step
            step *= s
            step += slope[k]
        step /= bend
        s -= step
    # The first and last node are the bounds: a hill that falls inwards from there has its top at the bound.
    lowest, highest = slice(0, sizes[0]), slice(count - sizes[last], count)
    s[lowest][h[0, lowest] * slope[0, lowest] <= 0] = 0
    s[highest][h[0, highest] * slope[0, highest] >= 0] = 0
    score = _polynomial(h, s)
    settled = (np.abs(step) < 3e-5) & (np.abs(s) < REACH) & (bend * score < 0)
    settled[lowest] &= s[lowest] > 0
    settled[highest] &= s[highest] < 0
    settled |= s == 0
    settled &= np.isfinite(score)
    back_s, back_score = np.empty(count), np.empty(count)
    back_s[order], back_score[order] = s, score
    return back_s, back_score, order[~settled]


def _climb_carefully(
    coordinates: Array, node: NDArray[np.uint8], table: FitTable
) -> tuple[NDArray[np.intp], Array, Array]:
    """Climb from nodes that are peaks, by Newton steps kept inside a bracket. For few pixels."""
    last = table.nodes - 1
    at = node.astype(np.intp)

    def polynomials() -> Array:
        around_nodes: Array = np.einsum("pc,pck->kp", coordinates, table.polynomials[at])
        return around_nodes

    h = polynomials()
    # The top of the hill may lie in the next cell.
    climbs = [
        _polynomial(h, np.full(at.size, edge)) * _polynomial(_derivative(h), np.full(at.size, edge))
        for edge in (-0.5, 0.5)
    ]
    right = (climbs[1] > 0) & (at < last)
    left = (climbs[0] < 0) & (at > 0) & ~right
    at = at + right - left
    h = polynomials()
    slope = _derivative(h) * np.where(h[0] < 0, -1.0, 1.0)
    bend = _derivative(slope)
    # The first and last node are the bounds: a hill that rises outwards there has its top at the bound.
    at_bound = ((at == 0) & (slope[0] <= 0)) | ((at == last) & (slope[0] >= 0))
    low = np.where(at_bound | (at == 0), 0.0, -REACH)
    high = np.where(at_bound | (at == last), 0.0, REACH)
    s = (low + high) / 2
    for _ in range(60):
        value, curvature = _polynomial(slope, s), _polynomial(bend, s)
        low, high = np.where(value > 0, s, low), np.where(value > 0, high, s)
        newton = s - value / np.where(curvature < 0, curvature, -np.inf)
        inside = (curvature < 0) & (newton >= low) & (newton <= high)
        moved = np.where(inside, newton, (low + high) / 2)
        done = np.abs(moved - s).max() < 1e-11
        s = moved
        if done:
            break
    return at, s, _polynomial(h, s)


def _polynomial(coefficients: Array, s: Array) -> Array:
    """Return the value of one polynomial per pixel, coefficients (terms, pixels), lowest power first."""
    value: Array = coefficients[-1] * s
    for coefficient in coefficients[-2:0:-1]:
        value += coefficient
        value *= s
    value += coefficients[0]
    return value


def _derivative(coefficients: Array) -> Array:
    derivative: Array = coefficients[1:] * np.arange(1.0, len(coefficients))[:, None]
    return derivative


@dataclass(frozen=True)
class Parameters:
    """What follows from u and the trace: the linear part, all standard errors, and how good the fit is."""

    a: Array
    c: Array
    u_error: Array
    a_error: Array
    c_error: Array
    rms: Array
    r2: Array


def parameters_from_optimum(optimum: Optimum, table: FitTable) -> Parameters:
    """Return the linear part and the errors from one-dimensional tables of u."""
    samples = table.time.size
    x = (optimum.u - table.low) * (FINE / (table.high - table.low))
    place = np.rint(x)
    x -= place
    index = place.astype(np.intp)

    def look_up(taylor: Array) -> Array:
        value = np.take(taylor[-1], index, mode="clip")
        for row in taylor[-2::-1]:
            value *= x
            value += np.take(row, index, mode="clip")
        return value

    h = optimum.score
    rss = np.maximum(optimum.total - h * h, 0)
    rms = np.sqrt(rss / samples)
    noise = rms * np.sqrt(samples / (samples - 3))
    per_norm = np.exp(-look_up(table.fine_log_norm))
    return Parameters(
        a=h * per_norm,
        c=optimum.mean - h * look_up(table.fine_mean),
        u_error=look_up(table.fine_u_error) * noise / np.abs(h),
        a_error=look_up(table.fine_a_error) * noise * per_norm,
        c_error=look_up(table.fine_c_error) * noise,
        rms=rms,
        r2=np.minimum(h * h / optimum.total, 1),
    )
