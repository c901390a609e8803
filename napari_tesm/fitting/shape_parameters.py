"""From the best time and shape of each trace to all parameters, their standard errors and a status.

With the curves' vectors v and the tangents T = Σ h ∂v/∂p, what the data say of p is the part of T that the vectors
cannot mimic. Everything else is a function of p, of h with p held, and of the mean, which are independent. Standard
errors are those of the linearised fit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.result import INVALID, OK, UNRESOLVED_FAST, UNRESOLVED_SLOW, FitResult
from napari_tesm.fitting.shape_search import Place, groups_of_cells
from napari_tesm.fitting.shape_table import TERMS, ShapeTable

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ProjectedTraces:
    """What the search and the parameters need of some traces, each array of shape (n,) but for `z`.

    Parameters
    ----------
    z : ndarray, shape (n, r)
        Coordinates.
    origin, mean : ndarray
        What was taken from the samples, and the mean of the rest.
    total, free : ndarray
        Sum of squares about the mean of the samples that are there, and with the gaps filled.
    count : ndarray of int
        Samples that are there.
    """

    z: Array
    origin: Array
    mean: Array
    total: Array
    free: Array
    count: NDArray[np.intp]


@dataclass(frozen=True)
class _Gradient:
    """How a quantity follows p with the data held, shape (n, 2), h with p held, (n, curves), and the mean."""

    by_p: Array
    by_h: Array
    by_mean: float = 0.0


def store_parameters(
    out: FitResult,
    data: ProjectedTraces,
    place: Place,
    table: ShapeTable,
    window: float,
    max_log_tau_error: float,
) -> None:
    """Put parameters, errors and status of projected traces into a result."""
    kernel, p = table.kernel, place.p(table)
    vectors, linear = _at_place(place, table)
    h = np.vecdot(vectors[0], data.z[:, None, :])
    tangents = np.stack([(h[:, :, None] * one).sum(axis=1) for one in vectors[1:]], axis=1)
    mimicked = tangents @ vectors[0].transpose(0, 2, 1)
    tangents -= mimicked @ vectors[0]
    spread = _inverse(tangents @ tangents.transpose(0, 2, 1))
    amplitudes, mixing, by_p = _amplitudes(h, linear)
    by_p -= mixing @ mimicked.transpose(0, 2, 1)
    # Where gaps are filled from the fit their residuals are zero: what is left belongs to the samples that are there.
    rss = np.maximum(data.free - np.vecdot(h, h), 0.0)
    # Samples that are filled in tell nothing: the information is that of the share that is there.
    samples, count = table.time.size, np.maximum(data.count, 1)
    variance = rss / np.maximum(data.count - kernel.parameters, 1) * (samples / count)

    def error(of: _Gradient) -> Array:
        size = np.square(of.by_h).sum(axis=1) + of.by_mean**2 / samples
        size += (of.by_p[:, None] @ spread @ of.by_p[:, :, None])[:, 0, 0]
        return np.asarray(np.sqrt(size * variance))

    natural = np.array(kernel.natural, dtype=np.float64)
    logs = p @ natural.T
    nothing = np.zeros_like(h)
    log_errors = [error(_Gradient(np.broadcast_to(row, p.shape), nothing)) for row in natural]
    out.tau[:], second = np.exp(logs).T
    out.log_tau_stderr[:], out.tau_stderr[:] = log_errors[0], log_errors[0] * out.tau
    out.extra[kernel.second_name][:] = second
    out.extra[f"{kernel.second_name}_stderr"][:] = log_errors[1] * second

    whole = _Gradient(by_p.sum(axis=1), mixing.sum(axis=1))
    a = amplitudes.sum(axis=1)
    out.a[:], out.a_stderr[:] = a, error(whole)
    means = linear[0][:, -kernel.curves :]
    unscaled, slopes = _means(linear, means)
    out.c[:] = data.origin + data.mean - np.vecdot(unscaled, amplitudes)
    by_p_of_c = -(unscaled[:, None] @ by_p)[:, 0] - (amplitudes[:, None] @ slopes)[:, 0]
    out.c_stderr[:] = error(_Gradient(by_p_of_c, -(unscaled[:, None] @ mixing)[:, 0], 1.0))

    share = amplitudes[:, 0] / a
    of_share = _Gradient(
        (by_p[:, 0] - share[:, None] * whole.by_p) / a[:, None],
        (mixing[:, 0] - share[:, None] * whole.by_h) / a[:, None],
    )
    if kernel.curves == 2:
        out.extra["share"][:], out.extra["share_stderr"][:] = share, error(of_share)
    mean_time, by_p_of_mean, by_share = kernel.mean_time(p, share)
    out.extra["tau_mean"][:] = mean_time
    out.extra["tau_mean_stderr"][:] = error(
        _Gradient(
            by_p_of_mean + by_share[:, None] * of_share.by_p,
            by_share[:, None] * of_share.by_h if kernel.curves == 2 else nothing,
        )
    )
    out.rms[:] = np.sqrt(rss / count)
    out.r2[:] = np.clip(1 - rss / np.where(data.total > 0, data.total, np.nan), 0, 1)
    out.samples[:] = data.count
    out.status[:] = _status(out, place, table, window, max_log_tau_error)
    _blank(out, (data.count < kernel.fewest_samples) | ~(data.total > 0))


def _at_place(place: Place, table: ShapeTable) -> tuple[Array, Array]:
    """Return the vectors' coordinates, (3, n, curves, r), and what leads to amplitudes, (3, n, quantities).

    The first axis holds the values and the derivatives by both p.
    """
    left, right = (_powers(s) for s in place.s)
    monomials = np.stack(
        [
            (left[i][:, :, None] * right[j][:, None, :]).reshape(-1, TERMS**2)
            for i, j in ((0, 0), (1, 0), (0, 1))
        ]
    )
    monomials[1:] /= table.step[:, None, None]
    found = np.empty((3, place.s.shape[1], table.vectors.shape[2]))
    for number, rows in groups_of_cells(place.cell(table)):
        found[:, rows] = monomials[:, rows] @ table.vectors[number]
    curves, rank = table.kernel.curves, table.basis.shape[1]
    return found[:, :, : curves * rank].reshape(3, -1, curves, rank), found[:, :, curves * rank :]


def _powers(s: Array) -> tuple[Array, Array]:
    """Return s^k and its derivative, shape (n, TERMS)."""
    powers = np.empty((TERMS, s.size))
    powers[0] = 1.0
    for k in range(1, TERMS):
        np.multiply(powers[k - 1], s, out=powers[k])
    slopes = np.zeros_like(powers)
    slopes[1:] = powers[:-1] * np.arange(1, TERMS)[:, None]
    return powers.T, slopes.T


def _inverse(information: Array) -> Array:
    """Return the inverses of symmetric 2 × 2 matrices, NaN where there is none."""
    one, both, other = information[:, 0, 0], information[:, 0, 1], information[:, 1, 1]
    determinant = one * other - both**2
    inverse = np.stack([other, -both, -both, one], axis=1).reshape(-1, 2, 2)
    return np.asarray(inverse / np.where(determinant > 0, determinant, np.nan)[:, None, None])


def _amplitudes(h: Array, linear: Array) -> tuple[Array, Array, Array]:
    """Return the amplitudes, (n, curves), how they follow h, (n, curves, curves), and p with h held, (n, curves, 2)."""
    curves = h.shape[1]
    norm = np.exp(-linear[0][:, :curves])
    if curves == 1:
        amplitudes = h * norm
        return amplitudes, norm[:, :, None], -amplitudes[:, :, None] * linear[1:, :, 0].T[:, None, :]
    lengths = np.exp(-linear[0][:, 2:4])
    signs = np.array([[1.0, 1.0], [1.0, -1.0]])
    mixing = signs * lengths[:, None, :] * norm[:, :, None]
    amplitudes = (mixing @ h[:, :, None])[:, :, 0]
    by_p = np.empty((*amplitudes.shape, 2))
    for axis in (0, 1):
        slopes = linear[1 + axis]
        by_p[:, :, axis] = -amplitudes * slopes[:, :2] - (mixing @ (h * slopes[:, 2:4])[:, :, None])[:, :, 0]
    return amplitudes, mixing, by_p


def _means(linear: Array, means: Array) -> tuple[Array, Array]:
    """Return the mean of each curve, (n, curves), and how it follows p, (n, curves, 2), from means in lengths."""
    curves = means.shape[1]
    norm = np.exp(linear[0][:, :curves])
    slopes = linear[1:, :, -curves:] + means * linear[1:, :, :curves]
    return means * norm, (slopes * norm).transpose(1, 2, 0)


def _status(out: FitResult, place: Place, table: ShapeTable, window: float, limit: float) -> NDArray[np.int8]:
    at_node = place.node + place.s
    edge = ((at_node <= 1e-6) | (at_node >= np.array(table.nodes)[:, None] - 1 - 1e-6)).any(axis=0)
    interval = table.time[1] - table.time[0]
    lost = edge | ~(out.log_tau_stderr <= limit) | (out.tau < interval)
    slow = out.tau > window / 2
    return np.where(lost, np.where(slow, UNRESOLVED_SLOW, UNRESOLVED_FAST), OK).astype(np.int8)


def _blank(out: FitResult, invalid: NDArray[np.bool_]) -> None:
    out.status[invalid] = INVALID
    numbers = (
        out.tau,
        out.a,
        out.c,
        out.tau_stderr,
        out.a_stderr,
        out.c_stderr,
        out.log_tau_stderr,
        out.rms,
        out.r2,
    )
    for values in (*numbers, *out.extra.values()):
        values[invalid] = np.nan
