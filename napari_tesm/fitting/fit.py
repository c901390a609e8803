"""The front door of the engine: traces of any kind in, parameters, errors and a status per trace out."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import ThreadpoolController

from napari_tesm.fitting.exact import exact_fit
from napari_tesm.fitting.search import CHUNK, Workspace, optimum_from_traces, parameters_from_optimum
from napari_tesm.fitting.table import FitTable, table_from_times

Array = NDArray[np.float64]

OK: Final = 0
UNRESOLVED_SLOW: Final = 3
UNRESOLVED_FAST: Final = 4
INVALID: Final = 5

FEWEST_SAMPLES: Final = 6
_OFFSET_LIMIT: Final = 1e6
"""A trace whose mean square is this much larger than its variance is fitted again without its offset."""
_NOISE_FREE: Final = 1e-8
"""Below this part of unexplained variance the projection's own loss would show; such traces are fitted whole."""
_SMALLEST_SQUARE: Final = 1e-200
_COMMON_GAPS: Final = 256
"""Missing samples that this many traces of a chunk share are worth a table of their own."""


@dataclass(frozen=True)
class FitResult:
    """Parameters of ``a·g(t − start; tau) + c`` for each trace, all of the traces' shape without time.

    Parameters
    ----------
    tau, tau_stderr : ndarray
        Relaxation time and its standard error, in the unit of the times.
    a, a_stderr, c, c_stderr : ndarray
        Amplitude (the displacement that relaxes, counted from the start of the window) and final value.
    log_tau_stderr : ndarray
        Standard error of ln tau.
    rms : ndarray
        Root mean square of the residuals.
    r2 : ndarray
        Fraction of the variance that the relaxation explains.
    status : ndarray of int8
        0 ok, 3 unresolved slow, 4 unresolved fast, 5 invalid. Numbers are NaN where invalid; where
        unresolved they are what the fit ended at.
    samples : ndarray of int
        Finite samples of each trace.
    """

    tau: Array
    a: Array
    c: Array
    tau_stderr: Array
    a_stderr: Array
    c_stderr: Array
    log_tau_stderr: Array
    rms: Array
    r2: Array
    status: NDArray[np.int8]
    samples: NDArray[np.int32]

    @classmethod
    def empty(cls, count: int) -> "FitResult":
        """Return a result that says invalid for each of `count` traces."""
        numbers = [np.full(count, np.nan) for _ in range(9)]
        return cls(*numbers, np.full(count, INVALID, dtype=np.int8), np.zeros(count, dtype=np.int32))

    def reshaped(self, shape: tuple[int, ...]) -> "FitResult":
        """Return the same with every array in another shape."""
        return FitResult(*(getattr(self, field.name).reshape(shape) for field in fields(self)))


@dataclass(frozen=True)
class _Job:
    """What every chunk needs to know."""

    time: Array
    table: FitTable
    max_log_tau_error: float
    bounds: tuple[float, float]
    window: float
    interval: float


def fit_traces(
    traces: ArrayLike,
    time: ArrayLike,
    *,
    kernel: str = "exponential",
    start: float | None = None,
    bounds: tuple[float, float] | None = None,
    max_log_tau_error: float = 0.5,
    jobs: int = 1,
    progress: Callable[[float], None] | None = None,
) -> FitResult:
    """Fit ``a·g(t − start; tau) + c`` to every trace by least squares.

    Parameters
    ----------
    traces : array-like, shape (..., time)
        Any real type and memory order; a transposed view of a (time, ...) array is taken as it is. Samples that
        are not finite are left out.
    time : array-like, shape (time,)
        Increasing sample times, at any spacing.
    kernel : str
        A name of `napari_tesm.kernels.KERNELS`.
    start : float, optional
        Time at which g begins, by default the first sample. It sets what `a` refers to; tau and c do not depend
        on it for an exponential.
    bounds : (float, float), optional
        Range of tau to search; by default a hundredth of the window to ten windows. The window is the time
        from the first to the last sample plus one mean sampling interval.
    max_log_tau_error : float
        A standard error of ln tau above this means unresolved: slow where tau is above half the window, fast
        otherwise. So do tau at a bound and tau below the first sampling interval.
    jobs : int
        Threads. The result is the same, bit for bit, for any number.
    progress : callable, optional
        Called with the fraction done, from this thread, after each chunk of 16384 traces. What it raises ends
        the fit.

    Returns
    -------
    FitResult

    Raises
    ------
    ValueError
        If the times do not increase, the shapes do not match, or an option makes no sense.

    Notes
    -----
    Memory beyond the traces and the result: about 20 MB for each thread.

    References
    ----------
    Golub, G. H. and Pereyra, V. (1973), SIAM J. Numer. Anal. 10, 413: variable projection.

    Examples
    --------
    >>> time = np.arange(200) * 5e-5
    >>> result = fit_traces(2.0 * np.exp(-time / 1.5e-3) + 1.0, time)
    >>> float(result.tau.round(9)), float(result.a.round(6)), int(result.status)
    (0.0015, 2.0, 0)
    """
    traces = np.asarray(traces)
    times = _checked_times(time)
    if traces.ndim == 0 or traces.shape[-1] != times.size:
        raise ValueError(
            f"the traces' last axis must be time: {traces.shape} does not end in {times.size} samples"
        )
    if traces.dtype.kind not in "fiub":
        raise ValueError(f"traces must be real numbers, not {traces.dtype}")
    shape = traces.shape[:-1]
    rows = _rows_from_traces(traces)
    result = FitResult.empty(len(rows))
    if times.size >= FEWEST_SAMPLES and len(rows):
        job = _job_from_times(times, kernel, start, bounds, max_log_tau_error)
        _fit_chunks(rows, job, result, jobs, progress)
    return result.reshaped(shape)


def _checked_times(time: ArrayLike) -> Array:
    times = np.asarray(time, dtype=np.float64)
    if times.ndim != 1:
        raise ValueError(f"time must have one dimension, not {times.ndim}")
    if not np.isfinite(times).all():
        raise ValueError("the times hold values that are not finite")
    if (np.diff(times) <= 0).any():
        where = int(np.flatnonzero(np.diff(times) <= 0)[0]) + 1
        raise ValueError(f"the times do not increase at sample {where}: sort the samples by time first")
    return times


def _rows_from_traces(traces: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the traces as (pixels, time), without a copy for either memory order."""
    if traces.ndim == 2:
        return traces
    samples = traces.shape[-1]
    time_first = np.moveaxis(traces, -1, 0)
    for view, transpose in ((traces, False), (time_first, True)):
        shape = (samples, traces.size // samples) if transpose else (-1, samples)
        try:
            flat = view.reshape(shape, copy=False)
        except ValueError:
            continue
        return flat.T if transpose else flat
    return traces.reshape(-1, samples)


def _job_from_times(
    times: Array,
    kernel: str,
    start: float | None,
    bounds: tuple[float, float] | None,
    max_log_tau_error: float,
) -> _Job:
    window = float((times[-1] - times[0]) * times.size / (times.size - 1))
    low, high = bounds or (window / 100, 10 * window)
    if not 0 < low < high < np.inf:
        raise ValueError(f"the bounds of tau must be positive and in order, not {low:g} to {high:g}")
    if not max_log_tau_error > 0:
        raise ValueError(f"the largest error of ln tau must be positive, not {max_log_tau_error:g}")
    origin = float(times[0]) if start is None else float(start)
    if origin > times[0]:
        raise ValueError("the kernel cannot start later than the first sample")
    table = table_from_times(times - origin, low, high, kernel)
    interval = float(times[1] - times[0])
    return _Job(times - origin, table, max_log_tau_error, (low, high), window, interval)


def _fit_chunks(
    rows: NDArray[np.generic],
    job: _Job,
    result: FitResult,
    jobs: int,
    progress: Callable[[float], None] | None,
) -> None:
    starts = range(0, len(rows), CHUNK)
    local = threading.local()

    def fit_one(first: int) -> None:
        work = getattr(local, "work", None)
        if work is None:
            work = local.work = Workspace.for_table(job.table)
        part = slice(first, first + CHUNK)
        with np.errstate(all="ignore"):
            _fit_chunk(rows[part], job, work, _part_of_result(result, part))

    with single_threaded_blas():
        if jobs <= 1 or len(starts) == 1:
            for done, first in enumerate(starts, start=1):
                fit_one(first)
                if progress is not None:
                    progress(done / len(starts))
            return
        executor = ThreadPoolExecutor(jobs)
        try:
            futures = [executor.submit(fit_one, first) for first in starts]
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                if progress is not None:
                    progress(done / len(starts))
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _part_of_result(result: FitResult, part: slice) -> FitResult:
    return FitResult(*(getattr(result, field.name)[part] for field in fields(result)))


def _fit_chunk(rows: NDArray[np.generic], job: _Job, work: Workspace, out: FitResult) -> None:
    """Fit up to `CHUNK` traces into views of the result."""
    optimum = optimum_from_traces(rows, job.table, work)
    parameters = parameters_from_optimum(optimum, job.table)
    samples = job.time.size
    total, rss = optimum.total, parameters.rss
    np.exp(optimum.u, out=out.tau)
    out.a[:], out.c[:] = parameters.a, parameters.c
    out.log_tau_stderr[:], out.a_stderr[:] = parameters.u_error, parameters.a_error
    out.c_stderr[:] = parameters.c_error
    np.sqrt(rss / samples, out=out.rms)
    np.subtract(1, rss / total, out=out.r2)
    out.samples[:] = samples
    _set_status(out, job, optimum.bound)

    # Offsets, missing samples, hardly any noise, numbers whose squares leave the range of a double.
    level = samples * optimum.mean**2
    ordinary = (level < _OFFSET_LIMIT * total) & (rss > _NOISE_FREE * total)
    ordinary &= (optimum.squares > _SMALLEST_SQUARE) & np.isfinite(total)
    special = np.flatnonzero(~ordinary)
    if special.size:
        _fit_special(rows[special].astype(np.float64), special, job, work, out)
    np.multiply(out.tau, out.log_tau_stderr, out=out.tau_stderr)


def _set_status(
    out: FitResult, job: _Job, bound: NDArray[np.int8], pixels: NDArray[np.intp] | None = None
) -> None:
    where = slice(None) if pixels is None else pixels
    tau, error = out.tau[where], out.log_tau_stderr[where]
    status = np.zeros(tau.shape, dtype=np.int8)
    uncertain = ~(error <= job.max_log_tau_error)
    late = tau > job.window / 2
    status[(bound < 0) | (tau < job.interval) | (uncertain & ~late)] = UNRESOLVED_FAST
    status[(bound > 0) | (uncertain & late)] = UNRESOLVED_SLOW
    out.status[where] = status


def _fit_special(y: Array, pixels: NDArray[np.intp], job: _Job, work: Workspace, out: FitResult) -> None:
    """Fit traces that need more than a projection: offset removed, scaled, gaps respected, polished."""
    for name in ("tau", "a", "c", "log_tau_stderr", "a_stderr", "c_stderr", "rms", "r2"):
        getattr(out, name)[pixels] = np.nan
    present = np.isfinite(y)
    count = present.sum(axis=1)
    out.status[pixels], out.samples[pixels] = INVALID, count
    first = present.argmax(axis=1)
    offset = np.where(count > 0, y[np.arange(len(y)), first], 0.0)
    # Halved before subtracting: the difference of two huge numbers may not be a number any more.
    y = np.where(present, y / 2 - offset[:, None] / 2, 0.0)
    largest = np.abs(y).max(axis=1)
    usable = (count >= FEWEST_SAMPLES) & (largest > 0)
    pixels, y, present, offset, largest = (values[usable] for values in (pixels, y, present, offset, largest))
    y /= largest[:, None]
    scale = 2 * largest

    for rows, same_gaps in _groups_of_gaps(present):
        table_u = None
        if same_gaps is not None and rows.size:
            kept = np.flatnonzero(same_gaps)
            table = table_from_times(job.time[kept], *job.bounds, job.table.kernel.name)
            own = work if table is job.table else Workspace.for_table(table)
            optimum = optimum_from_traces(y[rows][:, kept], table, own)
            parameters = parameters_from_optimum(optimum, table)
            table_u = optimum.u
            noisy = parameters.rss > _NOISE_FREE * optimum.total
            _store_special(
                out,
                job,
                pixels[rows],
                table_u,
                parameters,
                optimum.total,
                kept.size,
                offset[rows],
                scale[rows],
            )
            rows = rows[~noisy]
        if rows.size:
            exact = exact_fit(
                y[rows], present[rows], job.table.kernel, job.time, job.table.low, job.table.high
            )
            _store_special(
                out, job, pixels[rows], exact.u, exact.parameters, exact.total, exact.samples,
                offset[rows], scale[rows],
            )  # fmt: skip


def _groups_of_gaps(
    present: NDArray[np.bool_],
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_] | None]]:
    """Yield rows that miss the same samples, with what they have; rare patterns come together, with None."""
    complete = present.all(axis=1)
    yield np.flatnonzero(complete), np.ones(present.shape[1], dtype=np.bool_)
    rest = np.flatnonzero(~complete)
    if rest.size == 0:
        return
    packed = np.packbits(present[rest], axis=1)
    _, inverse, sizes = np.unique(packed, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.ravel()
    for pattern in np.flatnonzero(sizes >= _COMMON_GAPS):
        rows = rest[inverse == pattern]
        yield rows, present[rows[0]]
    yield rest[sizes[inverse] < _COMMON_GAPS], None


def _store_special(out, job, pixels, u, parameters, total, samples, offset, scale):  # type: ignore[no-untyped-def]
    """Write the numbers of special rows, back on the scale and offset of the data."""
    out.tau[pixels] = np.exp(u)
    out.a[pixels], out.a_stderr[pixels] = scale * parameters.a, scale * parameters.a_error
    out.c[pixels], out.c_stderr[pixels] = offset + scale * parameters.c, scale * parameters.c_error
    out.log_tau_stderr[pixels] = parameters.u_error
    out.rms[pixels] = scale * np.sqrt(parameters.rss / samples)
    out.r2[pixels] = 1 - parameters.rss / total
    reach = 1e-9 * (job.table.high - job.table.low)
    bound = np.where(u <= job.table.low + reach, -1, np.where(u >= job.table.high - reach, 1, 0))
    _set_status(out, job, bound.astype(np.int8), pixels)


_blas_lock = threading.Lock()
_blas_users: list[object] = []


@lru_cache(maxsize=1)
def _blas_controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold BLAS to one thread: chunks run in threads of their own, and two pools would fight.

    The setting is global to the process, so concurrent fits share it: the first one in sets it, the last one
    out puts back what was.
    """
    global _blas_limit
    with _blas_lock:
        if not _blas_users:
            _blas_limit = _blas_controller().limit(limits=1, user_api="blas")
        _blas_users.append(None)
    try:
        yield
    finally:
        with _blas_lock:
            _blas_users.pop()
            if not _blas_users:
                _blas_limit.restore_original_limits()


_blas_limit = None
