"""Families of tables: what is known of a two-parameter kernel on one time grid before any trace is seen.

As in `napari_tesm.fitting.table`, all unit curves lie in a space of few dimensions. The plane of the two parameters p
is cut into cells around nodes; in each cell a polynomial of two variables gives the coordinates of orthonormal vectors
that span the kernel's curves, less their means. The best amplitudes for given p leave TSS − Σ h², h being the products
of the trace with these vectors.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.shape_kernels import ShapeKernel

Array = NDArray[np.float64]

TERMS: Final = 7
"""Coefficients along each of the two parameters."""
REACH: Final = 0.56
_POINTS: Final = 9
_TOLERANCE: Final = 1e-5
"""Largest part of a unit curve that the projection may lose."""
_BATCH: Final = 4_000_000


@dataclass(frozen=True, eq=False)
class ShapeTable:
    """A two-parameter kernel on a time grid, prepared for fitting.

    Parameters
    ----------
    low, step : ndarray, shape (2,)
        First node and distance of nodes in p.
    nodes : (int, int)
    basis : ndarray, shape (time, r)
        Orthonormal, without mean.
    at_nodes : ndarray, shape (r, nodes · curves)
        The vectors at the nodes, those of one node side by side.
    vectors : ndarray, shape (nodes, curves, r, TERMS, TERMS)
        Polynomials in the distance from the node, in node distances.
    """

    kernel: ShapeKernel
    time: Array
    low: Array
    step: Array
    nodes: tuple[int, int]
    basis: Array
    at_nodes: Array
    vectors: Array


@dataclass(frozen=True, eq=False)
class SpannedCurves:
    """Vectors that span a kernel's curves at some p, and what leads from them to amplitudes.

    `vectors` has shape (n, curves, time); `mixing` (n, curves, curves) turns h into amplitudes of the kernel's curves,
    whose means are `mean`, shape (n, curves).
    """

    vectors: Array
    mixing: Array
    mean: Array


def spanned_curves(kernel: ShapeKernel, time: Array, p: Array) -> SpannedCurves:
    """Return orthonormal mean-free vectors at p, shape (n, 2), that span the curves and move smoothly with p."""
    curves, constants = kernel.formula(time, p)
    mean = curves.mean(axis=2)
    curves -= mean[:, :, None]
    norm = np.sqrt(np.vecdot(curves, curves))
    curves /= norm[:, :, None]
    mean += constants
    if kernel.curves == 1:
        return SpannedCurves(curves, (1 / norm)[:, :, None], mean)
    # Of two vectors of one length sum and difference are orthogonal, also where they nearly coincide.
    total, difference = curves[:, 0] + curves[:, 1], curves[:, 0] - curves[:, 1]
    lengths = [np.sqrt(np.vecdot(one, one)) for one in (total, difference)]
    vectors = np.stack([total / lengths[0][:, None], difference / lengths[1][:, None]], axis=1)
    plus, minus = 1 / lengths[0], 1 / lengths[1]
    mixing = np.stack([np.stack([plus, minus], axis=1), np.stack([plus, -minus], axis=1)], axis=1)
    return SpannedCurves(vectors, mixing / norm[:, :, None], mean)


@lru_cache(maxsize=8)
def shape_table(time_bytes: bytes, window: float, kernel: ShapeKernel) -> ShapeTable:
    """Return the table for times from the start of a window, given as bytes, and the length of the window."""
    time = np.frombuffer(time_bytes)
    low = np.log([kernel.first[0] * window, kernel.second[0]])
    high = np.log([kernel.first[1] * window, kernel.second[1]])
    counts = [
        max(3, int(np.ceil(width / most)) + 1) for width, most in zip(high - low, kernel.spacing, strict=True)
    ]
    step = (high - low) / (np.array(counts) - 1)
    grid = [np.linspace(low[axis], high[axis], counts[axis]) for axis in (0, 1)]
    at = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 2)
    basis = _basis(kernel, time, grid, step)

    points = REACH * np.cos(np.pi * (np.arange(_POINTS) + 0.5) / _POINTS)
    fitted = np.linalg.pinv(np.vander(points, TERMS, increasing=True))
    offsets = np.stack(np.meshgrid(points, points, indexing="ij"), axis=-1).reshape(-1, 2) * step
    rank, curves = basis.shape[1], kernel.curves
    vectors = np.empty((len(at), curves, rank, TERMS, TERMS))
    size = max(1, _BATCH // (time.size * len(offsets) * curves))
    for first in range(0, len(at), size):
        p = (at[first : first + size, None] + offsets).reshape(-1, 2)
        found = spanned_curves(kernel, time, p).vectors @ basis
        found = found.reshape(-1, _POINTS, _POINTS, curves, rank)
        vectors[first : first + size] = np.einsum("ai,bj,nijcr->ncrab", fitted, fitted, found, optimize=True)
    at_nodes = (spanned_curves(kernel, time, at).vectors @ basis).reshape(-1, rank).T
    return ShapeTable(
        kernel, time, low, step, (counts[0], counts[1]), basis, np.ascontiguousarray(at_nodes), vectors
    )


def _basis(kernel: ShapeKernel, time: Array, grid: list[Array], step: Array) -> Array:
    """Return the fewest orthonormal columns that describe the vectors on nodes and between."""
    finer = [
        np.linspace(grid[a][0] - step[a] / 2, grid[a][-1] + step[a] / 2, 2 * grid[a].size) for a in (0, 1)
    ]
    p = np.stack(np.meshgrid(*finer, indexing="ij"), axis=-1).reshape(-1, 2)
    vectors = spanned_curves(kernel, time, p).vectors.reshape(-1, time.size)
    # The eigenvectors of the small product: half as many digits as an SVD, and enough of them.
    shapes = np.linalg.eigh(vectors.T @ vectors)[1][:, ::-1]
    for rank in range(4, time.size + 1, 2):
        kept = shapes[:, :rank]
        lost = 1 - np.vecdot(vectors @ kept, vectors @ kept)
        if lost.max() < _TOLERANCE**2 or rank >= min(time.size - 1, 64):
            break
    kept = kept - kept.mean(axis=0)
    return np.ascontiguousarray(np.linalg.qr(kept)[0])
