"""From the best time and shape of each trace to all parameters, their standard errors and a status.

With the curves' vectors v and the tangents T = Σ h ∂v/∂p, what the data say of p is the part of T that the vectors
cannot mimic. Everything else is a function of p, of h with p held, and of the mean, which are independent. Standard
errors are those of the linearised fit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.result import FitResult
from napari_tesm.fitting.shape_search import Place, groups_of_cells
from napari_tesm.fitting.shape_table import ShapeTable, monomials
from napari_tesm.quantities.status import OK, UNRESOLVED_FAST, UNRESOLVED_SLOW

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ProjectedTraces:
    """What the search and the parameters need of some traces, each array of shape (n,) but for `h`.

    Parameters
    ----------
    h : ndarray, shape (curves, n)
        Products with the vectors that span the curves, at the best place.
    origin, mean : ndarray
        What was taken from the samples, and the mean of the rest.
    total, free : ndarray
        Sum of squares about the mean of the samples that are there, and with the gaps filled.
    count : ndarray of int
        Samples that are there.
    """

    h: Array
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
    linear, products = _at_place(place, table)
    h = data.h.T
    information, mimicked = _movement(h, products)
    spread = _inverse(information)
    amplitudes, mixing, by_p = _amplitudes(h, linear)
    by_p -= mixing @ mimicked
    # Where gaps are filled from the fit their residuals are zero: what is left belongs to the samples that are there.
    rss = np.maximum(data.free - np.vecdot(h, h), 0.0)
    # Samples that are filled in tell nothing: the information is that of the share that is there.
    samples, count = table.time.size, np.maximum(data.count, 1)
    variance = rss / np.maximum(data.count - kernel.parameters, 1) * (samples / count)

    def error(of: _Gradient) -> Array:
        size = np.square(of.by_h).sum(axis=1) + of.by_mean**2 / samples
        along, across = of.by_p[:, 0], of.by_p[:, 1]
        size += along * (spread[0] * along + 2 * spread[1] * across) + spread[2] * across**2
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
    out.blank((data.count < kernel.fewest_samples) | ~(data.total > 0))


def _at_place(place: Place, table: ShapeTable) -> tuple[Array, Array]:
    """Return what leads to amplitudes, (3, n, quantities), and the products of tangents, (n, quantities).

    The first axis holds the values and the derivatives by both p.
    """
    cell = place.cell(table)
    order = np.argsort(cell.astype(np.uint16), kind="stable")
    terms = monomials(place.s[:, order])
    quantities = 2 if table.kernel.curves == 1 else 6
    values = np.empty((table.linear.shape[1], order.size))
    slopes = np.empty((2, quantities, order.size))
    for number, rows in groups_of_cells(cell[order]):
        np.matmul(table.linear[number], terms[0][:, rows], out=values[:, rows])
        for axis in (0, 1):
            np.matmul(table.linear[number, :quantities], terms[1 + axis][:, rows], out=slopes[axis][:, rows])
    slopes /= table.step[:, None, None]
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    values = values[:, back]
    linear = np.concatenate([values[None, :quantities], slopes[:, :, back]])
    return linear.transpose(0, 2, 1), values[quantities:].T


def _movement(h: Array, products: Array) -> tuple[Array, Array]:
    """Return the products of what only p does to the fitted curve, (3, n), and what h could do, (n, curves, 2).

    The products are those of the first p with itself, of both, and of the second with itself.
    From `napari_tesm.fitting.shape_table._products_of_tangents` and h, shape (n, curves).
    """
    count = 2 * h.shape[1]
    rows, columns = np.triu_indices(count)
    information = np.zeros((3, len(h)))
    for product, (i, j) in zip(products.T, zip(rows, columns, strict=True), strict=False):
        # Tangents are ordered by vector and then by p; those of one p are added with their h.
        # Two tangents of one p stand for both orders.
        factor = 2 if i != j and i % 2 == j % 2 else 1
        information[i % 2 + j % 2] += factor * h[:, i // 2] * h[:, j // 2] * product
    mimicked = np.zeros((len(h), h.shape[1], 2))
    if h.shape[1] == 2:
        turning = products[:, rows.size :]
        mimicked[:, 0], mimicked[:, 1] = h[:, 1:] * turning, -h[:, :1] * turning
    return information, mimicked


def _inverse(information: Array) -> Array:
    """Return the inverses of symmetric 2 × 2 matrices, both given by three elements, NaN where there is none."""
    first, both, second = information
    determinant = first * second - both**2
    return np.stack([second, -both, first]) / np.where(determinant > 0, determinant, np.nan)


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
