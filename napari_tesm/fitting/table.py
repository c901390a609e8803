r"""What is known of a kernel on one time grid before any trace is seen.

Only u = ln tau is nonlinear. With the mean removed and the length made one, the curves of a kernel,

.. math:: q(u) = (g - \bar g) / n(u), \qquad n(u) = \lVert g - \bar g \rVert,

lie in a space of few dimensions, so a trace y is projected once and everything else happens on a handful of
coordinates. The best amplitude for a given u is a = h/n with the score h(u) = q(u)·y, and the residual sum of squares
is TSS − h²: the least-squares optimum is where h² is largest (variable projection, Golub & Pereyra 1973).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.kernels import Kernel, kernel_from_name

Array = NDArray[np.float64]

WIDTH: Final = 8
"""Coordinates of one block of samples; OpenBLAS has a fast path for products this narrow."""
DEGREES: Final = 8
"""Coefficients of the polynomial that stands for h(u) around a node."""
REACH: Final = 0.64
"""The polynomials hold to this distance from their node, in node spacings; a cell needs 0.5."""
SPACING: Final = 0.32
"""Largest distance of two nodes in u."""
TOLERANCE: Final = 2e-6
"""Largest part of a unit curve, or of its unit tangent, that the projection loses.

It is the error of u in standard errors: 3.6e-6 at most was seen against fits of whole traces."""
FINE: Final = 2048
"""Intervals of the tables that give a, c and the errors from u."""


@dataclass(frozen=True)
class Curves:
    """Unit curves of a kernel at some u: the curves, their norms before scaling, and the means of g."""

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
    fine_... : ndarray
        Values and derivatives on the fine grid of u, see `_linear_tables`.
    """

    kernel: Kernel
    time: Array
    low: float
    high: float
    blocks: tuple[tuple[slice, Array], ...]
    scores: Array
    polynomials: Array
    fine_amplitude: Array
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
    curves = kernel.curves(time, u[:, None])
    mean = curves.mean(axis=1)
    curves = curves - mean[:, None]
    norm = np.sqrt(np.vecdot(curves, curves))
    return Curves(curves / norm[:, None], norm, mean + kernel.constant)


def table_from_times(time: Array, low: float, high: float, kernel: str = "exponential") -> FitTable:
    """Return the table for a time grid, from a small cache where it was made before.

    Parameters
    ----------
    time : ndarray, shape (time,)
        Increasing times counted from the start of the window.
    low, high : float
        Bounds of tau, in the unit of `time`.
    """
    return _cached_table(np.ascontiguousarray(time, dtype=np.float64).tobytes(), low, high, kernel)


@lru_cache(maxsize=16)
def _cached_table(time_bytes: bytes, tau_low: float, tau_high: float, kernel_name: str) -> FitTable:
    kernel, time = kernel_from_name(kernel_name), np.frombuffer(time_bytes)
    low, high = float(np.log(tau_low)), float(np.log(tau_high))
    nodes = max(2, int(np.ceil((high - low) / SPACING)) + 1)
    if nodes > np.iinfo(np.uint8).max:
        raise ValueError(f"tau cannot be searched from {tau_low:g} to {tau_high:g}: narrow the bounds")
    spacing = (high - low) / (nodes - 1)
    blocks = _blocks_from_curves(_curves_and_tangents(kernel, time, low, high, 2 * nodes))

    def coordinates(rows: Array) -> Array:
        return np.hstack([rows[:, samples] @ basis for samples, basis in blocks])

    at_nodes = low + spacing * np.arange(nodes)
    mean_row = coordinates(np.full((1, time.size), 1 / time.size))
    scores = np.vstack([coordinates(unit_curves(kernel, time, at_nodes).unit), mean_row])

    # Least squares on Chebyshev points gives the polynomial that is nearly best everywhere in reach.
    points = REACH * np.cos(np.pi * (np.arange(DEGREES + 4) + 0.5) / (DEGREES + 4))
    fitted = np.linalg.pinv(np.vander(points, DEGREES, increasing=True))
    around = [coordinates(unit_curves(kernel, time, at_nodes + spacing * point).unit) for point in points]
    polynomials = np.einsum("kp,pnc->nck", fitted, np.stack(around))
    return FitTable(
        kernel, time, low, high, blocks, np.asfortranarray(scores), np.ascontiguousarray(polynomials),
        *_linear_tables(kernel, time, low, high),
    )  # fmt: skip


def _curves_and_tangents(kernel: Kernel, time: Array, low: float, high: float, count: int) -> Array:
    """Return unit curves and unit tangents, a little beyond the bounds: both must survive the projection."""
    u, step = np.linspace(low - 0.05, high + 0.05, count), 1e-3
    ahead, behind = (unit_curves(kernel, time, u + shift).unit for shift in (step, -step))
    tangents = ahead - behind
    return np.vstack(
        [unit_curves(kernel, time, u).unit, tangents / np.linalg.norm(tangents, axis=1)[:, None]]
    )


def _blocks_from_curves(curves: Array) -> tuple[tuple[slice, Array], ...]:
    """Cut the time axis into the fewest blocks in which eight basis vectors describe all `curves`.

    A whole window needs 16 to 20 vectors; three or four blocks of 8 are cheaper, as each sample then meets
    8 vectors only.
    """
    total, start, blocks = curves.shape[1], 0, []
    while start < total:
        # The longest block that still meets the tolerance, by bisection.
        stop, refused = min(start + WIDTH, total), total + 1
        while refused - stop > max(1, total // 128):
            middle = (stop + refused) // 2
            if _basis(curves[:, start:middle])[1] <= TOLERANCE:
                stop = middle
            else:
                refused = middle
        if _basis(curves[:, start:])[1] <= TOLERANCE:
            stop = total
        samples = slice(start, stop)
        basis = _basis(curves[:, samples])[0]
        padded = np.zeros((stop - start, WIDTH))
        padded[:, : basis.shape[1]] = basis
        blocks.append((samples, padded))
        start = stop
    return tuple(blocks)


def _basis(curves: Array) -> tuple[Array, float]:
    """Return the best orthonormal columns for a block, the constant first, and the largest loss of a curve."""
    samples = curves.shape[1]
    free = curves - curves.mean(axis=1, keepdims=True)
    constant = np.full((samples, 1), samples**-0.5)
    vectors = min(samples, WIDTH) - 1
    if vectors == 0:
        return constant, 0.0
    # Right singular vectors from the smaller of the two Gram matrices.
    if samples < len(free):
        shapes = np.linalg.eigh(free.T @ free)[1][:, ::-1][:, :vectors]
    else:
        shapes = free.T @ np.linalg.eigh(free @ free.T)[1][:, ::-1][:, :vectors]
    shapes = np.linalg.qr(np.hstack([constant, shapes - shapes.mean(axis=0)]))[0][:, 1:]
    lost = free - (free @ shapes) @ shapes.T
    return np.hstack([constant, shapes]), float(np.sqrt(np.vecdot(lost, lost).max()))


def _linear_tables(kernel: Kernel, time: Array, low: float, high: float) -> tuple[Array, ...]:
    r"""Return 1/n and the mean of g, and the factors of the standard errors, on the fine grid of u.

    With v = RSS/(T − 3), w = 1/\|q'\|² and primes for d/du:
    Var(u) = v w/h², Var(a) = v (1 + (ln n)'² w)/n², and
    Var(c) = v [1/T + m²/n² + (m' − m (ln n)')² w/n²].
    The first two tables also hold first and second derivatives, the error factors the first, in grid steps.
    """
    du = (high - low) / FINE
    u, step = low + du * np.arange(-2, FINE + 3), 1e-3
    norms, means, tangents2 = (np.empty(u.size) for _ in range(3))
    for part in np.array_split(np.arange(u.size), max(1, u.size * time.size // 100_000)):
        here, ahead, behind = (unit_curves(kernel, time, u[part] + shift) for shift in (0.0, step, -step))
        norms[part], means[part] = here.norm, here.mean
        tangent = (ahead.unit - behind.unit) / (2 * step)
        tangents2[part] = np.vecdot(tangent, tangent)
    w, log_slope, mean_slope = 1 / tangents2, np.gradient(np.log(norms), du), np.gradient(means, du)
    a_factor = np.sqrt(1 + log_slope**2 * w) / norms
    c_factor = np.sqrt(
        1 / time.size + (means / norms) ** 2 + (mean_slope - means * log_slope) ** 2 * w / norms**2
    )
    with_slopes = [_taylor(values)[:2] for values in (np.sqrt(w), a_factor, c_factor)]
    return _taylor(1 / norms), _taylor(means), *with_slopes


def _taylor(f: Array) -> Array:
    """Return value, slope and half the curvature at the inner points, in grid steps, to fourth order."""
    slope = (8 * (f[3:-1] - f[1:-3]) - (f[4:] - f[:-4])) / 12
    curvature = (16 * (f[3:-1] + f[1:-3]) - (f[4:] + f[:-4]) - 30 * f[2:-2]) / 24
    return np.stack([f[2:-2], slope, curvature])
