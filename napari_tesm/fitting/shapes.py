"""Fits of kernels with a time and a shape: the search in two parameters on families of tables."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.fitting.blas import single_threaded_blas
from napari_tesm.fitting.fit import (
    INVALID,
    OK,
    UNRESOLVED_FAST,
    UNRESOLVED_SLOW,
    checked_times,
    checked_traces,
)
from napari_tesm.fitting.shape_table import REACH, TERMS, ShapeTable, shape_table, spanned_curves
from napari_tesm.shape_kernels import shape_kernel_from_name

Array = NDArray[np.float64]

FEWEST_SHAPE_SAMPLES: Final = 8
"""A trace with fewer finite samples is invalid: there are up to five parameters."""
_CHUNK: Final = 4096
_ROUNDS: Final = 60
_SETTLED: Final = 3e-5
"""A step shorter than this, in node distances, is the last: the next would be of the order of its square."""
_LOOKED_AT: Final = 16
"""Samples that give the amplitudes."""
_IN_CACHE: Final = 1 << 18
"""Numbers that stay in cache while a few passes go over them."""
_FILLINGS: Final = 200
_FILLED: Final = 1e-5
"""Missing samples are filled from the fit until its p moves less than this."""


@dataclass(frozen=True)
class ShapeResult:
    """Parameters of a kernel with a shape for each trace, all of the traces' shape without time.

    Parameters
    ----------
    tau, shape : ndarray
        As the kernel defines them (`napari_tesm.shape_kernels.ShapeKernel.shape`).
    log_tau_stderr, log_shape_stderr : ndarray
        Standard errors of their logarithms, linearised.
    a, c : ndarray
        Amplitude (the sum of two) and final value.
    share : ndarray
        Part of the amplitude that decays with `tau`; 1 for a single curve.
    rms, r2 : ndarray
        Of the residuals; explained fraction of the variance.
    status : ndarray of int8
        0 ok, 3 unresolved slow, 4 unresolved fast, 5 invalid. A time or shape at the edge of its range, or a standard
        error of ln tau above the limit, is unresolved.
    samples : ndarray of int32
    """

    tau: Array
    shape: Array
    log_tau_stderr: Array
    log_shape_stderr: Array
    a: Array
    c: Array
    share: Array
    rms: Array
    r2: Array
    status: NDArray[np.int8]
    samples: NDArray[np.int32]


def fit_shapes(
    traces: ArrayLike, time: ArrayLike, *, kernel: str = "stretched", max_log_tau_error: float = 0.5
) -> ShapeResult:
    """Fit a kernel with a time and a shape to every trace by least squares.

    Parameters
    ----------
    traces : array-like, shape (..., time)
        Samples that are not finite are left out.
    time : array-like, shape (time,)
        Increasing sample times; the kernel begins at the first.
    kernel : str
        A name of `napari_tesm.shape_kernels.SHAPE_KERNELS`.
    max_log_tau_error : float
        A larger standard error of ln tau means unresolved.

    Raises
    ------
    ValueError
        If the times do not increase, the shapes do not match, or there are too few samples.

    Examples
    --------
    >>> time = np.arange(300) * 5e-5
    >>> result = fit_shapes(2.0 * np.exp(-((time / 1.5e-3) ** 0.6)) + 1.0, time, kernel="stretched")
    >>> float(result.tau.round(7)), float(result.shape.round(4)), int(result.status)
    (0.0015, 0.6, 0)
    """
    times = checked_times(time)
    values = checked_traces(traces, times)
    known = shape_kernel_from_name(kernel)
    if times.size < FEWEST_SHAPE_SAMPLES:
        raise ValueError(
            f"the kernel '{kernel}' needs {FEWEST_SHAPE_SAMPLES} samples, there are {times.size}: choose another"
        )
    if not max_log_tau_error > 0:
        raise ValueError(f"the largest error of ln tau must be positive, not {max_log_tau_error:g}")
    window = float((times[-1] - times[0]) * (times.size / (times.size - 1)))
    flat = values.reshape(-1, times.size)
    parts = []
    with single_threaded_blas(), np.errstate(all="ignore"):
        table = shape_table(np.ascontiguousarray(times - times[0]).tobytes(), window, known)
        for first in range(0, max(len(flat), 1), _CHUNK):
            y = flat[first : first + _CHUNK].astype(np.float64)
            parts.append(_fit_chunk(y, table, window, max_log_tau_error))
    joined = (np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(ShapeResult))
    return ShapeResult(*(one.reshape(values.shape[:-1]) for one in joined))


def _fit_chunk(y: Array, table: ShapeTable, window: float, max_log_tau_error: float) -> ShapeResult:
    rows, samples = y.shape
    count = np.full(rows, samples)
    start, scale, mean, square = (np.empty(rows) for _ in range(4))
    z = np.empty((rows, table.basis.shape[1]))
    missing: list[tuple[NDArray[np.intp], NDArray[np.bool_]]] = []
    height = max(16, _IN_CACHE // samples)
    for first in range(0, rows, height):
        part = slice(first, first + height)
        gappy = _level(y[part], start[part], scale[part], count[part])
        if gappy is not None:
            missing.append((first + gappy[0], gappy[1]))
        y_part = y[part]
        y_part.mean(axis=1, out=mean[part])
        np.vecdot(y_part, y_part, out=square[part])
        np.matmul(y_part, table.basis, out=z[part])
    place = _search(z, table)
    # Gaps hold the mean until they are filled, and add nothing to the sum about it.
    total = square - samples * mean**2
    for rows_, present in missing:
        kept = count[rows_] >= FEWEST_SHAPE_SAMPLES
        if not kept.any():
            continue
        gaps = rows_[kept]
        _fill_gaps(y, present[kept], gaps, place, table)
        filled = y[gaps]
        mean[gaps], z[gaps], square[gaps] = (
            filled.mean(axis=1),
            filled @ table.basis,
            np.vecdot(filled, filled),
        )
    free = square - samples * mean**2
    return _result(free, count, total, start, scale, mean, z, place, table, window, max_log_tau_error)


def _level(
    y: Array, start: Array, scale: Array, count: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]] | None:
    """Take offset and size out of traces, in place; return which have gaps, and which of their samples are there."""
    y.mean(axis=1, out=start)
    broken = np.flatnonzero(~np.isfinite(start))
    present = None
    if broken.size:
        present = np.isfinite(y[broken])
        count[broken] = present.sum(axis=1)
        start[broken] = np.where(present, y[broken], 0.0).sum(axis=1) / np.maximum(count[broken], 1)
        y[broken] = np.where(present, y[broken], start[broken, None])
    y -= start[:, None]
    np.maximum(y.max(axis=1), -y.min(axis=1), out=scale)
    scale[~(scale > 0)] = 1.0
    y /= scale[:, None]
    return None if present is None else (broken, present)


@dataclass
class _Place:
    """Where the search stands: node numbers along both axes and the distance from the node, in node distances."""

    node: NDArray[np.intp]
    s: Array

    def p(self, table: ShapeTable) -> Array:
        return np.asarray(table.low + table.step * (self.node + self.s))

    def cell(self, table: ShapeTable) -> NDArray[np.intp]:
        return np.asarray(self.node[:, 0] * table.nodes[1] + self.node[:, 1])


def _search(z: Array, table: ShapeTable) -> _Place:
    """Return where Σ h² is largest, climbing from the best node."""
    scores = (z @ table.at_nodes).reshape(len(z), -1, table.kernel.curves)
    best = np.vecdot(scores, scores).argmax(axis=1)
    place = _Place(np.stack(np.divmod(best, table.nodes[1]), axis=1), np.zeros((len(z), 2)))
    _climb(z, place, table)
    return place


def _polynomials(z: Array, cell: NDArray[np.intp], table: ShapeTable) -> Array:
    """Return the coefficients of h about the nodes, shape (n, curves, TERMS, TERMS)."""
    curves = table.kernel.curves
    out = np.empty((len(z), curves * TERMS * TERMS))
    order = np.argsort(cell, kind="stable")
    numbers, starts = np.unique(cell[order], return_index=True)
    flat = table.vectors.transpose(0, 2, 1, 3, 4).reshape(len(table.vectors), z.shape[1], -1)
    for number, rows in zip(numbers, np.split(order, starts[1:]), strict=True):
        out[rows] = z[rows] @ flat[number]
    return out.reshape(-1, curves, TERMS, TERMS)


def _powers(s: Array) -> Array:
    """Return s^k and its first and second derivatives, shape (n, 3, TERMS)."""
    # Terms first: every step is one plain operation on long rows.
    powers = np.empty((3, TERMS, s.size))
    powers[0, 0], powers[1, 0], powers[2, :2] = 1.0, 0.0, 0.0
    for k in range(1, TERMS):
        np.multiply(powers[0, k - 1], s, out=powers[0, k])
        np.multiply(powers[0, k - 1], k, out=powers[1, k])
        if k > 1:
            np.multiply(powers[0, k - 2], k * (k - 1), out=powers[2, k])
    return np.ascontiguousarray(powers.transpose(2, 0, 1))


def _mixed(polynomials: Array, s: Array) -> Array:
    """Return all derivatives up to the second of h, shape (n, curves, 3, 3)."""
    left, right = _powers(s[:, 0]), _powers(s[:, 1])
    return np.asarray(left[:, None] @ polynomials @ right.transpose(0, 2, 1)[:, None])


def _climb(z: Array, place: _Place, table: ShapeTable) -> None:
    """Move `place` to the top of its hill by damped Newton steps from cell to cell."""
    last = np.array(table.nodes) - 1
    polynomials = _polynomials(z, place.cell(table), table)
    at = _mixed(polynomials, place.s)
    damping = np.full(len(z), 1e-6)
    active = np.arange(len(z))
    for _ in range(_ROUNDS):
        if active.size == 0:
            break
        here, s, node = at[active], place.s[active], place.node[active]
        step = _newton_step(here, s, node, last, damping[active])
        wanted = np.clip(s + step, -REACH, REACH)
        wanted = np.where(node == 0, np.maximum(wanted, 0.0), wanted)
        wanted = np.where(node == last, np.minimum(wanted, 0.0), wanted)
        there = _mixed(polynomials[active], wanted)
        before, after = (np.square(one[:, :, 0, 0]).sum(axis=1) for one in (here, there))
        better = after >= before * (1 - 1e-9)
        damping[active] = np.where(better, damping[active] / 5, damping[active] * 8)
        moved = active[better]
        place.s[moved], at[moved] = wanted[better], there[better]
        settled = (np.abs(wanted - s).max(axis=1) < _SETTLED) | (damping[active] > 1e12)
        crossing = np.where(place.s[moved] > 0.5, 1, np.where(place.s[moved] < -0.5, -1, 0))
        crossing = np.clip(place.node[moved] + crossing, 0, last) - place.node[moved]
        over = moved[crossing.any(axis=1)]
        if over.size:
            place.node[moved] += crossing
            place.s[moved] -= crossing
            polynomials[over] = _polynomials(
                z[over], _Place(place.node[over], place.s[over]).cell(table), table
            )
            at[over] = _mixed(polynomials[over], place.s[over])
        active = active[~settled]


def _newton_step(
    at: Array, s: Array, node: NDArray[np.intp], last: NDArray[np.intp], damping: Array
) -> Array:
    """Return the damped Newton step of Σ h²/2, with components that push against a bound held."""
    h = at[:, :, 0, 0]
    slopes = at[:, :, 1, 0], at[:, :, 0, 1]
    gradient = np.stack([(h * one).sum(axis=1) for one in slopes], axis=1)
    bend = [
        (slopes[i] * slopes[j] + h * at[:, :, i_, j_]).sum(axis=1)
        for i, j, i_, j_ in ((0, 0, 2, 0), (0, 1, 1, 1), (1, 1, 0, 2))
    ]
    at_bound = ((node == 0) & (s <= 0) & (gradient < 0)) | ((node == last) & (s >= 0) & (gradient > 0))
    gradient = np.where(at_bound, 0.0, gradient)
    cross = np.where(at_bound.any(axis=1), 0.0, -bend[1])
    first = np.where(at_bound[:, 0], 1.0, -bend[0])
    second = np.where(at_bound[:, 1], 1.0, -bend[2])
    # A saddle is turned into a hill: the smaller eigenvalue must be positive.
    middle, half = (first + second) / 2, np.hypot((first - second) / 2, cross)
    size = np.maximum(np.abs(middle) + half, 1e-300)
    shift = np.maximum(0.0, -(middle - half) * 1.5) + damping * size
    first, second = first + shift, second + shift
    determinant = first * second - cross * cross
    step = np.stack(
        [
            (second * gradient[:, 0] - cross * gradient[:, 1]) / determinant,
            (first * gradient[:, 1] - cross * gradient[:, 0]) / determinant,
        ],
        axis=1,
    )
    return np.asarray(np.nan_to_num(step, nan=0.0, posinf=0.0, neginf=0.0))


def _fill_gaps(
    y: Array, present: NDArray[np.bool_], rows: NDArray[np.intp], place: _Place, table: ShapeTable
) -> None:
    """Fill missing samples from the fit, and fit again, until nothing moves: least squares of what is there.

    The fitted curve itself has no residual where it fills a gap, so the optimum is that of the other samples
    (Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). J. R. Stat. Soc. B 39, 1-38).
    """
    going, own = rows, np.arange(rows.size)
    for _ in range(_FILLINGS):
        here = _Place(place.node[going], place.s[going])
        spanned = spanned_curves(table.kernel, table.time, here.p(table))
        h = np.vecdot(spanned.vectors, y[going][:, None, :])
        curve = (h[:, :, None] * spanned.vectors).sum(axis=1) + y[going].mean(axis=1)[:, None]
        y[going] = np.where(present[own], y[going], curve)
        found = _search(y[going] @ table.basis, table)
        moved = np.abs((found.node + found.s) - (here.node + here.s)).max(axis=1)
        place.node[going], place.s[going] = found.node, found.s
        still = moved > _FILLED
        going, own = going[still], own[still]
        if going.size == 0:
            break


def _result(
    free: Array, count: NDArray[np.intp], total: Array, start: Array, scale: Array, mean: Array, z: Array,
    place: _Place, table: ShapeTable, window: float, max_log_tau_error: float,
) -> ShapeResult:  # fmt: skip
    kernel = table.kernel
    p = place.p(table)
    rank, curves = z.shape[1], kernel.curves
    coordinates = np.empty((3, len(z), curves, rank))
    order = np.argsort(cell := place.cell(table), kind="stable")
    numbers, starts = np.unique(cell[order], return_index=True)
    for number, rows in zip(numbers, np.split(order, starts[1:]), strict=True):
        left, right = _powers(place.s[rows, 0]), _powers(place.s[rows, 1])
        pairs = ((0, 0), (1, 0), (0, 1))
        monomials = np.stack([left[:, i, :, None] * right[:, j, None, :] for i, j in pairs])
        polynomial = table.vectors[number].reshape(curves * rank, -1)
        values = monomials.reshape(3, len(rows), -1) @ polynomial.T
        coordinates[:, rows] = values.reshape(3, len(rows), curves, rank)
    vectors = coordinates[0]
    h = np.vecdot(vectors, z[:, None, :])
    # What moves with p and the amplitudes cannot mimic.
    tangents = [(h[:, :, None] * coordinates[i]).sum(axis=1) / table.step[i - 1] for i in (1, 2)]
    for one in tangents:
        for curve in range(curves):
            one -= np.vecdot(vectors[:, curve], one)[:, None] * vectors[:, curve]
    information = np.array([[np.vecdot(one, other) for other in tangents] for one in tangents]).transpose(
        2, 0, 1
    )
    amplitudes, c = _linear_part(table, p, vectors, h, mean)
    # Where gaps are filled from the fit their residuals are zero: what is left belongs to the samples that are there.
    rss = np.maximum(free - np.vecdot(h, h), 0.0)
    variance = rss / np.maximum(count - 3 - curves, 1)
    natural = np.array(kernel.natural, dtype=np.float64)
    determinant = information[:, 0, 0] * information[:, 1, 1] - information[:, 0, 1] ** 2
    inverse = (
        np.stack(
            [information[:, 1, 1], -information[:, 0, 1], -information[:, 0, 1], information[:, 0, 0]], axis=1
        ).reshape(-1, 2, 2)
        / np.where(determinant > 0, determinant, np.nan)[:, None, None]
    )
    # Samples that are filled in tell nothing: the information is that of the share that is there.
    covariance = inverse * (variance * (table.time.size / np.maximum(count, 1)))[:, None, None]
    errors = np.sqrt(np.einsum("ki,nij,kj->nk", natural, covariance, natural))
    logs = p @ natural.T
    numbers_ = {
        "tau": np.exp(logs[:, 0]),
        "shape": np.exp(logs[:, 1]),
        "log_tau_stderr": errors[:, 0],
        "log_shape_stderr": errors[:, 1],
        "a": scale * amplitudes.sum(axis=1),
        "c": start + scale * c,
        "share": amplitudes[:, 0] / amplitudes.sum(axis=1),
        "rms": scale * np.sqrt(rss / np.maximum(count, 1)),
        "r2": np.clip(1 - rss / np.where(total > 0, total, np.nan), 0, 1),
    }
    invalid = (count < FEWEST_SHAPE_SAMPLES) | ~(total > 0)
    status = _status(numbers_["tau"], errors[:, 0], place, table, window, max_log_tau_error)
    status[invalid] = INVALID
    for values in numbers_.values():
        values[invalid] = np.nan
    return ShapeResult(**numbers_, status=status, samples=count.astype(np.int32))


def _linear_part(table: ShapeTable, p: Array, vectors: Array, h: Array, mean: Array) -> tuple[Array, Array]:
    """Return the amplitudes, shape (n, curves), and the final value.

    The fitted curve is Σ h·vector, and also Σ a·g less its mean; all g begin with one. So a few samples, less the
    first, give the amplitudes: the curves need not be made anew on the whole grid.
    """
    samples = np.unique(np.geomspace(1, table.time.size - 1, _LOOKED_AT).astype(np.intp))
    weighted = (h[:, :, None] * vectors).sum(axis=1)
    fitted = weighted @ table.basis[samples].T
    first = weighted @ table.basis[0]
    fitted -= first[:, None]
    # The formula counts from the first sample, where every g − constant is zero.
    curves = table.kernel.formula(table.time[samples], p)[0]
    products = np.vecdot(curves, fitted[:, None, :])
    if curves.shape[1] == 1:
        amplitudes = products / np.vecdot(curves, curves)
    else:
        one, other, both = (np.vecdot(curves[:, i], curves[:, j]) for i, j in ((0, 0), (1, 1), (0, 1)))
        determinant = one * other - both**2
        amplitudes = np.stack(
            [other * products[:, 0] - both * products[:, 1], one * products[:, 1] - both * products[:, 0]],
            axis=1,
        )
        amplitudes /= determinant[:, None]
    return amplitudes, mean + first - amplitudes.sum(axis=1)


def _status(
    tau: Array, error: Array, place: _Place, table: ShapeTable, window: float, limit: float
) -> NDArray[np.int8]:
    at_node = place.node + place.s
    edge = ((at_node <= 1e-6) | (at_node >= np.array(table.nodes) - 1 - 1e-6)).any(axis=1)
    lost = edge | ~(error <= limit) | (tau < table.time[1])
    slow = tau > window / 2
    return np.where(lost, np.where(slow, UNRESOLVED_SLOW, UNRESOLVED_FAST), OK).astype(np.int8)
