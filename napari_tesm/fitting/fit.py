"""The front door of the engine: traces of any kind in, parameters, errors and a status per trace out."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.fitting.blas import single_threaded_blas
from napari_tesm.fitting.search import (
    CHUNK,
    Parameters,
    Workspace,
    optimum_from_traces,
    parameters_from_optimum,
)
from napari_tesm.fitting.special import FEWEST_SAMPLES, needs_care, special_fits
from napari_tesm.fitting.table import FitTable, table_from_times
from napari_tesm.kernels import Kernel, kernel_from_name

__all__ = ["FEWEST_SAMPLES", "INVALID", "OK", "UNRESOLVED_FAST", "UNRESOLVED_SLOW", "FitResult", "fit_traces"]

Array = NDArray[np.float64]

OK: Final = 0
UNRESOLVED_SLOW: Final = 3
UNRESOLVED_FAST: Final = 4
INVALID: Final = 5


@dataclass(frozen=True)
class FitResult:
    """Parameters of ``a·g(t − start; tau) + c`` for each trace, all of the traces' shape without time.

    Parameters
    ----------
    tau, tau_stderr : ndarray
        Relaxation time and its standard error, in the unit of the times.
    a, a_stderr, c, c_stderr : ndarray
        Amplitude and final value, in the unit of the traces: the curve is a + c at `start` and goes to c.
    log_tau_stderr : ndarray
        Standard error of ln tau. Like all errors here it is the linearised one, good up to about 0.3; beyond, the
        true interval is longer on the slow side.
    rms : ndarray
        Root mean square of the residuals, in the unit of the traces.
    r2 : ndarray
        Fraction of the variance that the relaxation explains, 0 to 1.
    status : ndarray of int8
        0 ok, 3 unresolved slow, 4 unresolved fast, 5 invalid. Numbers are NaN where invalid; where
        unresolved they are what the fit ended at.
    samples : ndarray of int32
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
        numbers = {field.name: np.full(count, np.nan) for field in fields(cls)[:9]}
        status, samples = np.full(count, INVALID, dtype=np.int8), np.zeros(count, dtype=np.int32)
        return cls(**numbers, status=status, samples=samples)

    def reshaped(self, shape: tuple[int, ...]) -> "FitResult":
        """Return the same with every array in another shape."""
        return FitResult(*(getattr(self, field.name).reshape(shape) for field in fields(self)))


@dataclass(frozen=True)
class _Problem:
    """What every chunk needs to know."""

    table: FitTable
    window: float
    shortest: float
    max_log_tau_error: float


def fit_traces(
    traces: ArrayLike,
    time: ArrayLike,
    *,
    kernel: str | Kernel = "exponential",
    pulse: float | None = None,
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
        Any real type and memory order; a transposed view of a (time, ...) array is taken as it is, at about twice the
        time. Samples that are not finite are left out.
    time : array-like, shape (time,)
        Increasing sample times, at any spacing.
    kernel : str or Kernel
        A name of `napari_tesm.kernels.KERNELS`, or what `napari_tesm.kernels.kernel_from_name` makes of one.
    pulse : float, optional
        Length of the pulse, in the unit of `time`, for the joint kernels: they describe the whole record, with the
        pulse from `start` on.
    start : float, optional
        Time at which g begins, the first sample or earlier; by default the first sample. It sets what `a` refers to:
        for an exponential, tau and c do not depend on it.
    bounds : (float, float), optional
        Range of tau to search; by default a hundredth of the window to ten windows, for joint kernels a ten
        thousandth to a hundred. The window is the time from the first to the last sample plus one mean sampling
        interval.
    max_log_tau_error : float
        A standard error of ln tau above this means unresolved: slow where tau is above half the window, fast
        otherwise. So do tau at a bound and, window by window, tau below the first sampling interval: what joint
        kernels say at longer times depends on tau, too.
    jobs : int
        Threads. The result is the same, bit for bit, for any number.
    progress : callable, optional
        Called with the fraction done, from this thread, after each chunk of 16384 traces. What it raises ends
        the fit once the chunks under way are done, and is raised from here.

    Returns
    -------
    FitResult
        A trace is invalid if it has fewer than 6 finite samples or is constant.

    Raises
    ------
    ValueError
        If the times do not increase, the shapes do not match, or an option makes no sense.

    Notes
    -----
    Only tau is searched for: a and c are its functions (variable projection, [1]_). What can be known of the
    kernel on these times without the traces is kept for the next call with the same times, kernel and bounds.

    Memory beyond the traces and the result, measured by tracemalloc with 250 to 2500 samples: 29 MB for each thread
    with ordinary traces, which is kept for its next fit, and up to 63 MB where many traces have gaps.

    References
    ----------
    .. [1] Golub, G. H. and Pereyra, V. (1973). SIAM J. Numer. Anal. 10, 413-432.

    Examples
    --------
    >>> time = np.arange(200) * 5e-5
    >>> result = fit_traces(2.0 * np.exp(-time / 1.5e-3) + 1.0, time)
    >>> float(result.tau.round(9)), float(result.a.round(6)), int(result.status)
    (0.0015, 2.0, 0)
    """
    times = checked_times(time)
    traces = checked_traces(traces, times)
    if jobs < 1:
        raise ValueError(f"a fit needs at least one job, not {jobs}")
    shape = traces.shape[:-1]
    result = FitResult.empty(int(np.prod(shape)))
    if result.tau.size and times.size < FEWEST_SAMPLES:
        result.samples[:] = np.isfinite(traces).sum(axis=-1).ravel()
    elif result.tau.size:
        with single_threaded_blas():
            problem = _problem_from_times(
                times, checked_kernel(kernel, pulse), start, bounds, max_log_tau_error
            )
            _fit_chunks(traces, problem, result, jobs, progress)
    return result.reshaped(shape)


def checked_kernel(kernel: str | Kernel, pulse: float | None) -> Kernel:
    """Return a kernel that knows all it needs, or raise a ValueError."""
    found = kernel_from_name(kernel, pulse=pulse) if isinstance(kernel, str) else kernel
    if found.joint and found.pulse is None:
        raise ValueError(
            f"the kernel '{found.name}' fits pulse and relaxation together: say how long the pulse is"
        )
    return found


def checked_times(time: ArrayLike) -> Array:
    """Return sample times as doubles, or raise a ValueError that says what is wrong with them."""
    times = np.asarray(time, dtype=np.float64)
    if times.ndim != 1:
        raise ValueError(f"time must have one dimension, not {times.ndim}")
    if not np.isfinite(times).all():
        raise ValueError("the times hold values that are not finite: give the time of every sample")
    if (np.diff(times) <= 0).any():
        where = int(np.flatnonzero(np.diff(times) <= 0)[0]) + 1
        raise ValueError(
            f"the times do not increase at sample {where}: sort the samples by time and drop repeated ones"
        )
    return times


def checked_traces(traces: ArrayLike, times: Array) -> NDArray[np.generic]:
    """Return traces as an array of real numbers whose last axis is time, or raise a ValueError."""
    if isinstance(traces, np.ma.MaskedArray):
        traces = np.ma.filled(traces.astype(np.float64), np.nan)
    traces = np.asarray(traces)
    if traces.ndim == 0 or traces.shape[-1] != times.size:
        raise ValueError(
            f"the traces' last axis must be time: the shape {traces.shape} does not end in {times.size} samples"
        )
    if traces.dtype.kind not in "fiub":
        raise ValueError(
            f"the traces must be real numbers, not {traces.dtype}: take one part or the amplitude"
        )
    return traces


def _problem_from_times(
    times: Array,
    kernel: Kernel,
    start: float | None,
    bounds: tuple[float, float] | None,
    max_log_tau_error: float,
) -> _Problem:
    window = float((times[-1] - times[0]) * (times.size / (times.size - 1)))
    low, high = bounds or (kernel.search[0] * window, kernel.search[1] * window)
    if not 0 < low < high < np.inf:
        raise ValueError(f"the bounds of tau must be positive and in order, not {low:g} to {high:g}")
    if not max_log_tau_error > 0:
        raise ValueError(f"the largest error of ln tau must be positive, not {max_log_tau_error:g}")
    origin = float(times[0]) if start is None else float(start)
    if not -np.inf < origin <= times[0]:
        raise ValueError(f"the kernel must start at the first sample or earlier, not at {origin:g}")
    table = table_from_times(times - origin, float(low), float(high), kernel)
    shortest = 0.0 if kernel.joint else float(times[1] - times[0])
    return _Problem(table, window, shortest, max_log_tau_error)


def _fit_chunks(
    traces: NDArray[np.generic],
    problem: _Problem,
    result: FitResult,
    jobs: int,
    progress: Callable[[float], None] | None,
) -> None:
    """Fit chunk by chunk; their edges do not depend on the number of jobs, and so neither does the result."""
    chunks = [slice(first, first + CHUNK) for first in range(0, result.tau.size, CHUNK)]

    def report(done: int) -> None:
        if progress is not None:
            progress(done / len(chunks))

    def fit_one(pixels: slice) -> None:
        with np.errstate(all="ignore"):
            _fit_chunk(_rows_from_traces(traces, pixels), problem, _part_of_result(result, pixels))

    if jobs == 1 or len(chunks) == 1:
        for done, pixels in enumerate(chunks, start=1):
            fit_one(pixels)
            report(done)
        return
    executor = ThreadPoolExecutor(min(jobs, len(chunks)))
    try:
        futures = [executor.submit(fit_one, pixels) for pixels in chunks]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            report(done)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _rows_from_traces(traces: NDArray[np.generic], pixels: slice) -> NDArray[np.generic]:
    """Return some of the traces as (pixels, time): a view where the memory order has one, else a copy of them."""
    *shape, samples = traces.shape
    steps = [(size, step) for size, step in zip(shape, traces.strides, strict=False) if size > 1]
    if all(step == size * next_ for (_, step), (size, next_) in pairwise(steps)):
        return traces.reshape(-1, samples)[pixels]
    count = int(np.prod(shape))
    return traces[np.unravel_index(np.arange(*pixels.indices(count)), shape)]


def _part_of_result(result: FitResult, part: slice) -> FitResult:
    return FitResult(*(getattr(result, field.name)[part] for field in fields(result)))


def _fit_chunk(traces: NDArray[np.generic], problem: _Problem, out: FitResult) -> None:
    """Fit up to `CHUNK` traces, shape (pixels, time), into views of the result."""
    table = problem.table
    optimum = optimum_from_traces(traces, table, Workspace.for_table(table))
    parameters = parameters_from_optimum(optimum, table)
    _store(out, slice(None), optimum.u, parameters)
    out.samples[:] = table.time.size
    special = np.flatnonzero(needs_care(parameters, optimum.mean_square))
    if special.size:
        for pixels, u, parameters, samples in special_fits(traces, special, table):
            _store(out, pixels, u, parameters)
            out.samples[pixels] = samples
    out.status[:] = _status(out, problem)


def _store(out: FitResult, pixels: slice | NDArray[np.intp], u: Array, found: Parameters) -> None:
    tau = np.exp(u)
    out.tau[pixels], out.tau_stderr[pixels] = tau, tau * found.u_error
    out.a[pixels], out.a_stderr[pixels] = found.a, found.a_error
    out.c[pixels], out.c_stderr[pixels] = found.c, found.c_error
    out.log_tau_stderr[pixels], out.rms[pixels], out.r2[pixels] = found.u_error, found.rms, found.r2


def _status(fit: FitResult, problem: _Problem) -> NDArray[np.int8]:
    """Return what a fit can claim: the first that holds of invalid, slow, fast, ok."""
    lowest, highest = np.exp([problem.table.low + 1e-9, problem.table.high - 1e-9])
    uncertain = ~(fit.log_tau_stderr <= problem.max_log_tau_error)
    late = fit.tau > problem.window / 2
    slow = (fit.tau >= highest) | (uncertain & late)
    fast = (fit.tau <= lowest) | (fit.tau < problem.shortest) | uncertain
    status = np.zeros(fit.tau.shape, dtype=np.int8)
    status[fast] = UNRESOLVED_FAST
    status[slow] = UNRESOLVED_SLOW
    status[np.isnan(fit.tau)] = INVALID
    return status
