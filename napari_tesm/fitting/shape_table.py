"""Families of tables: what is known of a two-parameter kernel on one time grid before any trace is seen.

As in `napari_tesm.fitting.table`, all unit curves lie in a space of few dimensions. The plane of the two parameters p
is cut into cells around nodes; in each cell polynomials of two variables stand for the products h of a trace with
orthonormal vectors that span the kernel's curves, less their means. The best amplitudes for given p leave TSS − Σ h².
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.table import unit_from_curves
from napari_tesm.kernels.two_parameters import ShapeKernel

Array = NDArray[np.float64]

DEGREE: Final = 7
POWERS: Final = tuple((i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i))
"""Powers of the distances from the node, in node distances, that the terms of a polynomial have."""
REACH: Final = 0.56
"""The polynomials hold to this distance from their node; a cell needs 0.5."""
_POINTS: Final = 9
_TOLERANCE: Final = 3e-5
"""Largest part of a unit curve that the projection may lose."""
_BATCH: Final = 1_000_000
_MOST_NODES: Final = 100


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
    at_nodes : ndarray of float32, shape (r, curves · nodes)
        The vectors at the nodes, the first ones of all nodes before the second ones.
    towards_h : ndarray, shape (nodes, curves · terms, r)
        Turns coordinates into the coefficients of h.
    linear : ndarray, shape (nodes, quantities, terms)
        What leads from h to amplitudes (`SpannedCurves.linear`), and then the products of what moves with p, see
        `_products_of_tangents`.
    """

    kernel: ShapeKernel
    time: Array
    low: Array
    step: Array
    nodes: tuple[int, int]
    basis: Array
    at_nodes: NDArray[np.float32]
    towards_h: Array
    linear: Array


@dataclass(frozen=True, eq=False)
class SpannedCurves:
    """Vectors that span a kernel's curves at some p, and what leads from them to amplitudes.

    `vectors` has shape (n, curves, time). `linear` has shape (n, 2) for one curve, ln of its length and its mean in
    units of that length; for two (n, 6): ln of their lengths, ln of the lengths of the sum and the difference of the
    unit curves, and both means in units of the curves' lengths.
    """

    vectors: Array
    linear: Array


def spanned_curves(kernel: ShapeKernel, time: Array, p: Array) -> SpannedCurves:
    """Return orthonormal mean-free vectors at p, shape (n, 2), that span the curves and move smoothly with p."""
    spanned = unit_from_curves(*kernel.unit_curves(time, p))
    curves, norm, mean = spanned.unit, spanned.norm, spanned.mean
    if kernel.curves == 1:
        return SpannedCurves(curves, np.concatenate([np.log(norm), mean], axis=1))
    # Of two vectors of one length sum and difference are orthogonal, also where they nearly coincide.
    total, difference = curves[:, 0] + curves[:, 1], curves[:, 0] - curves[:, 1]
    lengths = np.stack([np.sqrt(np.vecdot(vector, vector)) for vector in (total, difference)], axis=1)
    vectors = np.stack([total, difference], axis=1) / lengths[:, :, None]
    return SpannedCurves(vectors, np.concatenate([np.log(norm), np.log(lengths), mean], axis=1))


@lru_cache(maxsize=8)
def shape_table(time_bytes: bytes, shortest: float, longest: float, kernel: ShapeKernel) -> ShapeTable:
    """Return the table for times from the start of a window, given as bytes, and the range of exp(p) of the first p.

    Raises
    ------
    ValueError
        If the range is too wide, or nothing of it is left at the first sample.
    """
    time = np.frombuffer(time_bytes)
    second = np.log(kernel.second)
    low = np.array([_lowest(kernel, time, np.log(shortest), second), second[0]])
    high = np.array([np.log(longest), second[1]])
    if not low[0] < high[0]:
        raise ValueError(
            f"nothing is left of times up to {longest:g} at the first sample, {time[0]:g} after the start of the "
            "window: leave out less after the edge, or raise the bounds of tau"
        )
    counts = [
        max(3, int(np.ceil(width / most)) + 1) for width, most in zip(high - low, kernel.spacing, strict=True)
    ]
    if counts[0] > _MOST_NODES:
        raise ValueError(f"tau cannot be searched from {shortest:g} to {longest:g}: narrow the bounds")
    step = (high - low) / (np.array(counts) - 1)
    grid = [np.linspace(low[axis], high[axis], counts[axis]) for axis in (0, 1)]
    at = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 2)
    basis = _basis(kernel, time, grid, step)

    line = REACH * np.cos(np.pi * (np.arange(_POINTS) + 0.5) / _POINTS)
    points = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    values, *slopes = monomials(points.T)
    fitted = np.linalg.pinv(values.T)
    rank, curves = basis.shape[1], kernel.curves
    parts = []
    size = max(1, _BATCH // (time.size * len(points) * curves))
    for first in range(0, len(at), size):
        p = (at[first : first + size, None] + points * step).reshape(-1, 2)
        spanned = spanned_curves(kernel, time, p)
        columns = np.concatenate([(spanned.vectors @ basis).reshape(len(p), -1), spanned.linear], axis=1)
        parts.append(fitted @ columns.reshape(-1, len(points), columns.shape[1]))
    terms = np.concatenate(parts)
    of_curves = terms[:, :, : curves * rank]
    around = [
        (term.T @ of_curves).reshape(len(at), len(points), curves, rank)
        for term in (values, slopes[0] / step[0], slopes[1] / step[1])
    ]
    products = fitted @ _products_of_tangents(*around)
    linear = np.concatenate([terms[:, :, curves * rank :], products], axis=2)
    towards_h = of_curves.reshape(len(at), -1, curves, rank).transpose(0, 2, 1, 3)
    at_nodes = (spanned_curves(kernel, time, at).vectors @ basis).transpose(2, 1, 0).reshape(rank, -1)
    return ShapeTable(
        kernel,
        time,
        low,
        step,
        (counts[0], counts[1]),
        basis,
        np.ascontiguousarray(at_nodes, dtype=np.float32),
        np.ascontiguousarray(towards_h).reshape(len(at), -1, rank),
        np.ascontiguousarray(linear.transpose(0, 2, 1)),
    )


def monomials(s: Array) -> tuple[Array, Array, Array]:
    """Return all terms of a polynomial and their derivatives along both axes, shape (terms, n), at s, (2, n)."""
    powers, slopes = np.ones((DEGREE + 1, *s.shape)), np.zeros((DEGREE + 1, *s.shape))
    for k in range(1, DEGREE + 1):
        np.multiply(powers[k - 1], s, out=powers[k])
        np.multiply(powers[k - 1], k, out=slopes[k])
    terms = np.empty((3, len(POWERS), s.shape[1]))
    for term, (i, j) in enumerate(POWERS):
        np.multiply(powers[i, 0], powers[j, 1], out=terms[0, term])
        np.multiply(slopes[i, 0], powers[j, 1], out=terms[1, term])
        np.multiply(powers[i, 0], slopes[j, 1], out=terms[2, term])
    return terms[0], terms[1], terms[2]


def _products_of_tangents(vectors: Array, *slopes: Array) -> Array:
    """Return what standard errors need of how the vectors move with p; all arguments (..., curves, r).

    The products of all pairs of tangents ∂v_a/∂p_k, less what the vectors themselves can mimic of them, the tangents
    ordered by a and then k; and, for two vectors, the products v_1·∂v_2/∂p_k. Shape (..., quantities).
    """
    mimicked = [slope @ np.swapaxes(vectors, -1, -2) for slope in slopes]
    free = [slope - share @ vectors for slope, share in zip(slopes, mimicked, strict=True)]
    tangents = np.stack(free, axis=-2).reshape(*vectors.shape[:-2], -1, vectors.shape[-1])
    products = tangents @ np.swapaxes(tangents, -1, -2)
    upper = np.triu_indices(tangents.shape[-2])
    quantities = [products[..., upper[0], upper[1]]]
    if vectors.shape[-2] == 2:
        quantities.append(np.stack([share[..., 1, 0] for share in mimicked], axis=-1))
    return np.concatenate(quantities, axis=-1)


def _lowest(kernel: ShapeKernel, time: Array, low: float, second: Array) -> float:
    """Return the first p from which on something is left of every curve at the first sample."""
    for p in np.arange(low, low + 50, 0.1):
        curves, _ = kernel.unit_curves(time, np.stack([np.full(2, p - 0.5), second], axis=1))
        if (np.ptp(curves, axis=2) > kernel.least_left).all():
            return float(p)
    return np.inf


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
