"""Fits of kernels with a time and a shape, on families of tables."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.fitting.blas import single_threaded_blas
from napari_tesm.fitting.chunks import FitChunk, fit_in_chunks
from napari_tesm.fitting.inputs import (
    check_error_limit,
    checked_times,
    checked_traces,
    origin_from_start,
    range_of_tau,
    window_from_times,
)
from napari_tesm.fitting.result import FitResult
from napari_tesm.fitting.shape_parameters import ProjectedTraces, store_parameters
from napari_tesm.fitting.shape_search import Place, search
from napari_tesm.fitting.shape_table import ShapeTable, shape_table, spanned_curves
from napari_tesm.kernels.two_parameters import SHAPE_KERNELS, ShapeKernel

Array = NDArray[np.float64]

SHAPE_CHUNK: Final = 8192
"""Traces fitted at once."""
_IN_CACHE: Final = 1 << 17
"""Numbers that stay in cache while a few passes go over them."""
_ROUNDING: Final = 1e-15
"""A trace that varies by less than this part of its mean is constant."""
_FILLINGS: Final = 200
_FILLED: Final = 1e-5
"""Missing samples are filled from the fit until its p moves less than this."""


@dataclass(frozen=True)
class ShapeResult:
    """Parameters of a kernel with a shape for each trace, all of the traces' shape without time.

    Parameters
    ----------
    tau, shape : ndarray
        As the kernel defines them; the shape is named by
        `napari_tesm.kernels.two_parameters.ShapeKernel.second_name`.
    log_tau_stderr, log_shape_stderr : ndarray
        Standard errors of their logarithms, linearised.
    a, c : ndarray
        Amplitude (the sum of two) and final value.
    share : ndarray
        Part of the amplitude that decays with `tau`; 1 for a single curve.
    rms, r2, status, samples : ndarray
        As in `FitResult`.
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

    The same fit as `fit_traces` makes with this kernel, with both parameters by one name for every kernel.

    Parameters
    ----------
    traces : array-like, shape (..., time)
        Samples that are not finite are left out.
    time : array-like, shape (time,)
        Increasing sample times; the kernel begins at the first.
    kernel : str
        A name of `napari_tesm.kernels.two_parameters.SHAPE_KERNELS`.
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
    if kernel not in SHAPE_KERNELS:
        raise ValueError(
            f"unknown kernel '{kernel}' of two parameters: choose one of {', '.join(SHAPE_KERNELS)}"
        )
    known = SHAPE_KERNELS[kernel]
    if times.size < known.fewest_samples:
        raise ValueError(
            f"the kernel '{kernel}' needs {known.fewest_samples} samples, there are {times.size}: choose another"
        )
    found = FitResult.empty(int(np.prod(values.shape[:-1])), extra=known.quantities)
    with single_threaded_blas():
        fit_chunk = shape_chunk_fitter(times, known, None, None, max_log_tau_error)
        fit_in_chunks(fit_chunk, values, found, size=SHAPE_CHUNK, jobs=1, progress=None)
    found = found.reshaped(values.shape[:-1])
    shape = found.extra[known.second_name]
    share = found.extra.get("share", np.where(np.isnan(found.tau), np.nan, 1.0))
    return ShapeResult(
        found.tau, shape, found.log_tau_stderr, found.extra[f"{known.second_name}_stderr"] / shape, found.a, found.c,
        share, found.rms, found.r2, found.status, found.samples,
    )  # fmt: skip


def shape_chunk_fitter(
    times: Array,
    kernel: ShapeKernel,
    start: float | None,
    bounds: tuple[float, float] | None,
    max_log_tau_error: float,
) -> FitChunk:
    """Return what fits traces, shape (pixels, time), into views of a result; the options are those of `fit_traces`."""
    window = window_from_times(times)
    low, high = range_of_tau(kernel.first, window, bounds)
    check_error_limit(max_log_tau_error)
    since = np.ascontiguousarray(times - origin_from_start(start, times))
    with np.errstate(all="ignore"):
        table = shape_table(since.tobytes(), low, high, kernel)

    def fit_chunk(traces: NDArray[np.generic], out: FitResult) -> None:
        data, place = _projected(traces.astype(np.float64), table)
        store_parameters(out, data, place, table, window, max_log_tau_error)

    return fit_chunk


def _projected(y: Array, table: ShapeTable) -> tuple[ProjectedTraces, Place]:
    """Return what is known of traces, and their best place; `y` is used up."""
    rows, samples = y.shape
    count = np.full(rows, samples)
    start, mean, square = (np.empty(rows) for _ in range(3))
    z = np.empty((rows, table.basis.shape[1]))
    missing: list[tuple[NDArray[np.intp], NDArray[np.bool_]]] = []
    height = max(16, _IN_CACHE // samples)
    for first in range(0, rows, height):
        part = slice(first, first + height)
        gappy = _level(y[part], start[part], count[part])
        if gappy is not None:
            missing.append((first + gappy[0], gappy[1]))
        y_part = y[part]
        y_part.mean(axis=1, out=mean[part])
        np.vecdot(y_part, y_part, out=square[part])
        np.matmul(y_part, table.basis, out=z[part])
    place, h = search(z, table)
    # Gaps hold the mean until they are filled, and add nothing to the sum about it.
    total = square - samples * mean**2
    total[total <= samples * (_ROUNDING * start) ** 2] = 0.0
    for rows_, present in missing:
        kept = count[rows_] >= table.kernel.fewest_samples
        if not kept.any():
            continue
        gaps = rows_[kept]
        h[:, gaps] = _fill_gaps(y, present[kept], gaps, place, table)
        filled = y[gaps]
        mean[gaps], square[gaps] = filled.mean(axis=1), np.vecdot(filled, filled)
    return ProjectedTraces(h, start, mean, total, square - samples * mean**2, count), place


def _level(
    y: Array, start: Array, count: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]] | None:
    """Take the offset out of traces, in place; return which have gaps, and which of their samples are there."""
    y.mean(axis=1, out=start)
    broken = np.flatnonzero(~np.isfinite(start))
    present = None
    if broken.size:
        present = np.isfinite(y[broken])
        count[broken] = present.sum(axis=1)
        start[broken] = np.where(present, y[broken], 0.0).sum(axis=1) / np.maximum(count[broken], 1)
        y[broken] = np.where(present, y[broken], start[broken, None])
    y -= start[:, None]
    return None if present is None else (broken, present)


def _fill_gaps(
    y: Array, present: NDArray[np.bool_], rows: NDArray[np.intp], place: Place, table: ShapeTable
) -> Array:
    """Fill missing samples from the fit, and fit again, until nothing moves; return h, shape (curves, rows).

    This is least squares of what is there.

    The fitted curve itself has no residual where it fills a gap, so the optimum is that of the other samples
    (Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). J. R. Stat. Soc. B 39, 1-38).
    """
    going, own = rows, np.arange(rows.size)
    found_h = np.empty((table.kernel.curves, rows.size))
    for _ in range(_FILLINGS):
        here = Place(place.node[:, going], place.s[:, going])
        spanned = spanned_curves(table.kernel, table.time, here.p(table))
        h = np.vecdot(spanned.vectors, y[going][:, None, :])
        curve = (h[:, :, None] * spanned.vectors).sum(axis=1) + y[going].mean(axis=1)[:, None]
        y[going] = np.where(present[own], y[going], curve)
        found, found_h[:, own] = search(y[going] @ table.basis, table)
        moved = np.abs((found.node + found.s) - (here.node + here.s)).max(axis=0)
        place.node[:, going], place.s[:, going] = found.node, found.s
        still = moved > _FILLED
        going, own = going[still], own[still]
        if going.size == 0:
            break
    return found_h
