r"""What is known of a kernel on one time grid before any trace is seen.

Only u = ln tau is nonlinear. With the mean removed and the length made one, the curves of a kernel,

.. math:: q(u) = (g - \bar g) / n(u), \qquad n(u) = \lVert g - \bar g \rVert,

lie in a space of few dimensions, so a trace y is projected once and everything else happens on a handful of
coordinates. The best amplitude for a given u is a = h/n with the score h(u) = q(u)·y, and the residual sum of squares
is TSS − h², TSS being the sum of squares about the mean: the least-squares optimum is where h² is largest
(variable projection: Golub, G. H. and Pereyra, V. (1973). SIAM J. Numer. Anal. 10, 413-432).
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.kernels.one_parameter import Kernel

Array = NDArray[np.float64]

WIDTH: Final = 8
"""Coordinates of one block of samples; OpenBLAS has a fast path for products this narrow."""
DEGREES: Final = 8
"""Coefficients of the polynomial that stands for h(u) around a node."""
REACH: Final = 0.56
"""The polynomials hold to this distance from their node, in node spacings; a cell needs 0.5."""
SPACING: Final = 0.28
"""Largest distance of two nodes in u: with eight coefficients u is right to 1e-8 without noise."""
TOLERANCE: Final = 2e-6
"""Largest part of a unit curve, or of its unit tangent, that the projection may lose.

A lost part of the tangent is the error of u in standard errors."""
FINE: Final = 1024
"""Intervals of the tables that give a, c and the errors from u."""
_TANGENT_STEP: Final = 1e-3
_SHORTEST_TANGENT: Final = 1e-6
"""A unit tangent shorter than this has too few digits for a basis; nothing can be resolved there anyway."""
_ROUNDING: Final = 1e-12
"""Length of a tangent that is rounding noise only."""


@dataclass(frozen=True)
class Curves:
    """Unit curves of a kernel at some u: the curves (n, time), their lengths before scaling, and mean(g)/length."""

    unit: Array
    norm: Array
    mean: Array


@dataclass(frozen=True)
class FitTable:
    """A kernel on a time grid, prepared for fitting; made by `table_from_times`.

    Parameters
    ----------
    time : ndarray, shape (time,)
        Times counted from the start of the window.
    low, high : float
        Bounds of u = ln tau.
    blocks : tuple of (slice, ndarray of shape (samples, 8))
        Stretches of samples and the orthonormal basis of each.
    scores : ndarray, shape (nodes + 1, coordinates)
        Turns coordinates into the score at each node and, in the last row, the mean of the trace.
    polynomials : ndarray, shape (nodes, coordinates, 8)
        Turns coordinates into h(s) about a node, s being the distance in node spacings.
    fine_... : ndarray, shape (2 or 3, FINE + 1)
        Value, slope and half the curvature on the fine grid of u, see `_linear_tables`.
    """

    kernel: Kernel
    time: Array
    low: float
    high: float
    blocks: tuple[tuple[slice, Array], ...]
    scores: Array
    polynomials: Array
    fine_log_norm: Array
    fine_mean: Array
    fine_u_error: Array
    fine_a_error: Array
    fine_c_error: Array

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.polynomials)

    @property
    def spacing(self) -> float:
        """Distance of two nodes in u."""
        return (self.high - self.low) / (self.nodes - 1)

    @property
    def coordinates(self) -> int:
        """Number of coordinates a trace is projected to."""
        return WIDTH * len(self.blocks)


def unit_curves(kernel: Kernel, time: Array, u: Array) -> Curves:
    """Return the mean-free unit curves at `u`, shape (n,), on a time grid."""
    return unit_from_curves(*kernel.curves(time, u))


def unit_from_curves(curves: Array, constants: Array) -> Curves:
    """Return curves, shape (..., time), without mean and of length one; they are changed in place."""
    mean = curves.mean(axis=-1)
    curves -= mean[..., None]
    # Scaled before squaring: what is left of a fast curve long after the start may be very small.
    largest = np.abs(curves).max(axis=-1)
    curves /= largest[..., None]
    length = np.sqrt(np.vecdot(curves, curves))
    curves /= length[..., None]
    norm = largest * length
    return Curves(curves, norm, (mean + constants) / norm)


def table_from_times(time: Array, low: float, high: float, kernel: Kernel) -> FitTable:
    """Return the table for a time grid, from a cache of the last 16 where it was made before.

    Parameters
    ----------
    time : ndarray, shape (time,)
        Increasing times counted from the start of the window.
    low, high : float
        Bounds of tau, in the unit of `time`.

    Raises
    ------
    ValueError
        If the bounds are too wide, or so low that nothing is left of the fastest curve at the first sample.
    """
    return _cached_table(np.ascontiguousarray(time, dtype=np.float64).tobytes(), low, high, kernel)


@lru_cache(maxsize=16)
def _cached_table(time_bytes: bytes, tau_low: float, tau_high: float, kernel: Kernel) -> FitTable:
    time = np.frombuffer(time_bytes)
    low, high = float(np.log(tau_low)), float(np.log(tau_high))
    nodes = max(2, int(np.ceil((high - low) / SPACING)) + 1)
    if nodes > np.iinfo(np.uint8).max:
        raise ValueError(f"tau cannot be searched from {tau_low:g} to {tau_high:g}: narrow the bounds")
    if not np.ptp(kernel.curves(time, np.array([low - SPACING]))[0]) > kernel.least_left:
        raise ValueError(
            f"nothing is left of tau = {tau_low:g} at the first sample, {time[0]:g} after the start: "
            "raise the lower bound of tau"
        )
    spacing = (high - low) / (nodes - 1)
    blocks = _blocks_from_curves(_curves_and_tangents(kernel, time, low, high, 2 * nodes))

    def coordinates(rows: Array) -> Array:
        return np.hstack([rows[:, samples] @ basis for samples, basis in blocks])

    at_nodes = np.linspace(low, high, nodes)
    mean_row = coordinates(np.full((1, time.size), 1 / time.size))
    scores = np.vstack([coordinates(unit_curves(kernel, time, at_nodes).unit), mean_row])

    # Least squares on Chebyshev points gives the polynomial that is nearly best everywhere in reach.
    points = REACH * np.cos(np.pi * (np.arange(DEGREES + 4) + 0.5) / (DEGREES + 4))
    fitted = np.linalg.pinv(np.vander(points, DEGREES, increasing=True))
    around = [coordinates(unit_curves(kernel, time, at_nodes + spacing * point).unit) for point in points]
    polynomials = np.einsum("kp,pnc->nck", fitted, np.stack(around))
    # Unit curves have no mean: what rounding leaves of one would let a large offset into h.
    constant = mean_row[0] / np.linalg.norm(mean_row)
    polynomials -= constant[:, None] * (constant @ polynomials)[:, None, :]
    return FitTable(
        kernel, time, low, high, blocks, np.asfortranarray(scores), np.ascontiguousarray(polynomials),
        *_linear_tables(kernel, time, low, high),
    )  # fmt: skip


def _tangents(kernel: Kernel, time: Array, u: Array) -> tuple[Array, Array]:
    """Return dq/du at `u` and its length."""
    ahead, behind = (unit_curves(kernel, time, u + step).unit for step in (_TANGENT_STEP, -_TANGENT_STEP))
    tangents = (ahead - behind) / (2 * _TANGENT_STEP)
    return tangents, np.sqrt(np.vecdot(tangents, tangents))


def _curves_and_tangents(kernel: Kernel, time: Array, low: float, high: float, count: int) -> Array:
    """Return unit curves and unit tangents, a little beyond the bounds: both must survive the projection."""
    u = np.linspace(low - 0.05, high + 0.05, count)
    tangents, lengths = _tangents(kernel, time, u)
    return np.vstack(
        [unit_curves(kernel, time, u).unit, tangents / np.maximum(lengths, _SHORTEST_TANGENT)[:, None]]
    )


def _blocks_from_curves(curves: Array) -> tuple[tuple[slice, Array], ...]:
    """Cut the time axis into the fewest blocks in which eight basis vectors describe all `curves`.

    A whole window needs 16 to 20 vectors; three or four blocks of 8 are cheaper, as each sample then meets
    8 vectors only.
    """
    samples = curves.shape[1]
    # Some thirty of the curves' principal components stand for all of them in what follows.
    mixing, sizes, shapes = np.linalg.svd(curves, full_matrices=False)
    kept = sizes > 1e-4 * TOLERANCE
    mixing, components = mixing[:, kept], sizes[kept, None] * shapes[kept]

    @cache
    def basis_and_loss(start: int, stop: int) -> tuple[Array, float]:
        return _basis(components[:, start:stop], mixing)

    def edges_from_tolerance(tolerance: float) -> list[int]:
        edges, grain = [0], max(1, samples // 128)
        while edges[-1] < samples:
            start = edges[-1]
            good, refused = min(start + WIDTH, samples), samples + 1
            if basis_and_loss(start, samples)[1] <= tolerance:
                good = samples
            while good < samples and refused - good > grain:
                middle = (good + refused) // 2
                if basis_and_loss(start, middle)[1] <= tolerance:
                    good = middle
                else:
                    refused = middle
            edges.append(good)
        return edges

    # The last block of a greedy division is better than it need be: a smaller tolerance may do with as many.
    edges, possible, asked = edges_from_tolerance(TOLERANCE), TOLERANCE, TOLERANCE / 100
    for _ in range(5):
        tolerance = float(np.sqrt(possible * asked))
        candidate = edges_from_tolerance(tolerance)
        if len(candidate) <= len(edges):
            edges, possible = candidate, tolerance
        else:
            asked = tolerance
    return tuple((slice(a, b), basis_and_loss(a, b)[0]) for a, b in pairwise(edges))


def _basis(components: Array, mixing: Array) -> tuple[Array, float]:
    """Return the best eight orthonormal columns for a block, the constant first, and the largest loss of a curve.

    The curves on the block are ``mixing @ components``; mixing has orthonormal columns.
    """
    samples = components.shape[1]
    vectors = min(samples, WIDTH) - 1
    free = components - components.mean(axis=1, keepdims=True)
    left, sizes, shapes = np.linalg.svd(free, full_matrices=False)
    lost = mixing @ (left[:, vectors:] * sizes[vectors:])
    shapes = shapes[:vectors].T
    columns = np.hstack([np.ones((samples, 1)), shapes - shapes.mean(axis=0)])
    basis = np.zeros((samples, WIDTH))
    basis[:, : columns.shape[1]] = np.linalg.qr(columns)[0]
    return basis, float(np.sqrt(np.vecdot(lost, lost).max()))


def _linear_tables(kernel: Kernel, time: Array, low: float, high: float) -> tuple[Array, ...]:
    r"""Return ln n and mean(g)/n, and the factors of the standard errors, on the fine grid of u.

    With the noise v = RSS/(T − 3), w = 1/\|q'\|², m = mean(g) and primes for d/du:
    Var(u) = v w/h², Var(a) = v (1 + (ln n)'² w)/n², and
    Var(c) = v [1/T + (m/n)² + ((m/n)')² w], as m' − m (ln n)' = n (m/n)'.
    The first two tables also hold first and second derivatives, the error factors the first, in grid steps.
    """
    du = (high - low) / FINE
    # Differentiating twice takes four points at either end.
    u = np.linspace(low - 4 * du, high + 4 * du, FINE + 9)
    norms, means, tangents = (np.empty(u.size) for _ in range(3))
    for part in np.array_split(np.arange(u.size), max(1, u.size * time.size // 100_000)):
        here = unit_curves(kernel, time, u[part])
        norms[part], means[part] = here.norm, here.mean
        tangents[part] = np.maximum(_tangents(kernel, time, u[part])[1], _ROUNDING)
    log_norms, means = _taylor(np.log(norms)), _taylor(means)
    u_factor = 1 / tangents[2:-2]
    a_factor = np.hypot(1, log_norms[1] / du * u_factor)  # times 1/n
    c_factor = np.sqrt(1 / time.size + means[0] ** 2 + (means[1] / du * u_factor) ** 2)
    factors = [_taylor(values)[:2] for values in (u_factor, a_factor, c_factor)]
    return log_norms[:, 2:-2], means[:, 2:-2], *factors


def _taylor(f: Array) -> Array:
    """Return value, slope and half the curvature at the inner points, in grid steps, to fourth order."""
    slope = (8 * (f[3:-1] - f[1:-3]) - (f[4:] - f[:-4])) / 12
    curvature = (16 * (f[3:-1] + f[1:-3]) - (f[4:] + f[:-4]) - 30 * f[2:-2]) / 24
    return np.stack([f[2:-2], slope, curvature])
