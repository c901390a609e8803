"""The front door of the engine: traces of any kind in, parameters, errors and a status per trace out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

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
from napari_tesm.fitting.nuisances import NuisanceColumns
from napari_tesm.fitting.result import FitResult
from napari_tesm.fitting.search import (
    CHUNK,
    Parameters,
    optimum_from_traces,
    parameters_from_optimum,
)
from napari_tesm.fitting.shapes import SHAPE_CHUNK, shape_chunk_fitter
from napari_tesm.fitting.special import needs_care, special_fits
from napari_tesm.fitting.table import SPACING, FitTable, table_from_times
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.kernels.one_parameter import Kernel
from napari_tesm.kernels.two_parameters import SHAPE_KERNELS, ShapeKernel
from napari_tesm.quantities.status import INVALID, UNRESOLVED_FAST, UNRESOLVED_SLOW

Array = NDArray[np.float64]


def fit_traces(
    traces: ArrayLike,
    time: ArrayLike,
    *,
    kernel: str | Kernel | ShapeKernel = "exponential",
    pulse: float | None = None,
    low_pass: LowPass | None = None,
    start: float | None = None,
    bounds: tuple[float, float] | None = None,
    max_log_tau_error: float = 0.5,
    nuisances: NuisanceColumns | None = None,
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
    kernel : str, Kernel or ShapeKernel
        From `napari_tesm.kernels.named`, by name or as it is. Those of two parameters fill `FitResult.extra`.
    pulse : float, optional
        Length of the pulse, in the unit of `time`, for the joint kernels: they describe the whole record, with the
        pulse from `start` on.
    low_pass : LowPass, optional
        The lock-in's filter that the traces have passed; the kernel's curves pass it, too, from `start` on.
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
    nuisances : NuisanceColumns, optional
        Fitted beside the curve, for kernels of one parameter, with their numbers in `FitResult.extra`; `r2` is of what
        they leave, and c holds for columns without mean.
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
    Only tau is searched for: a and c are its functions (variable projection, [1]_). What the times alone say of the
    kernel is kept for the next call.

    Memory beyond traces and result, measured with 250 to 2500 samples: 29 MB for each thread, up to 63 MB with gaps.

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
    chosen = kernel_from_name(kernel, pulse=pulse) if isinstance(kernel, str) else kernel
    if low_pass is not None:
        chosen = replace(chosen, low_pass=low_pass)
    further = nuisances.names if nuisances else ()
    if further and isinstance(chosen, ShapeKernel):
        raise ValueError(f"the kernel '{chosen.name}' has two parameters: nuisances go with one only")
    result = FitResult.empty(int(np.prod(traces.shape[:-1])), extra=(*chosen.quantities, *further))
    if result.tau.size and times.size < chosen.fewest_samples:
        result.samples[:] = np.isfinite(traces).sum(axis=-1).ravel()
    elif result.tau.size:
        with single_threaded_blas():
            if isinstance(chosen, ShapeKernel):
                fit_chunk = shape_chunk_fitter(times, chosen, start, bounds, max_log_tau_error)
            else:
                fit_chunk = _chunk_fitter(times, chosen, start, bounds, max_log_tau_error, nuisances)
            size = SHAPE_CHUNK if isinstance(chosen, ShapeKernel) else CHUNK
            fit_in_chunks(fit_chunk, traces, result, size=size, jobs=jobs, progress=progress)
    return result.reshaped(traces.shape[:-1])


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
    if kernel not in SHAPE_KERNELS:
        raise ValueError(
            f"unknown kernel '{kernel}' of two parameters: choose one of {', '.join(SHAPE_KERNELS)}"
        )
    chosen = SHAPE_KERNELS[kernel]
    if times.size < chosen.fewest_samples:
        raise ValueError(
            f"the kernel '{kernel}' needs {chosen.fewest_samples} samples, there are {times.size}: choose another"
        )
    fitted = fit_traces(traces, times, kernel=chosen, max_log_tau_error=max_log_tau_error)
    shape = fitted.extra[chosen.second_name]
    share = fitted.extra.get("share", np.where(np.isnan(fitted.tau), np.nan, 1.0))
    return ShapeResult(
        fitted.tau, shape, fitted.log_tau_stderr, fitted.extra[f"{chosen.second_name}_stderr"] / shape, fitted.a,
        fitted.c, share, fitted.rms, fitted.r2, fitted.status, fitted.samples,
    )  # fmt: skip


def checked_kernel(kernel: str | Kernel, pulse: float | None) -> Kernel:
    """Return a kernel that knows all it needs, or raise a ValueError."""
    chosen = kernel_from_name(kernel, pulse=pulse) if isinstance(kernel, str) else kernel
    if isinstance(chosen, ShapeKernel):
        raise ValueError(f"the kernel '{chosen.name}' has two parameters: give one of a single parameter")
    if chosen.joint and chosen.pulse is None:
        raise ValueError(
            f"the kernel '{chosen.name}' fits pulse and relaxation together: say how long the pulse is"
        )
    return chosen


def _chunk_fitter(
    times: Array,
    kernel: Kernel,
    start: float | None,
    bounds: tuple[float, float] | None,
    max_log_tau_error: float,
    nuisances: NuisanceColumns | None,
) -> FitChunk:
    """Return what fits up to `CHUNK` traces, shape (pixels, time), into views of the result."""
    kernel = checked_kernel(kernel, None)
    window = window_from_times(times)
    low, high = range_of_tau(kernel.search, window, bounds)
    check_error_limit(max_log_tau_error)
    origin = origin_from_start(start, times)
    if kernel.low_pass is not None and bounds is None:
        low = _lowest_left(
            kernel, np.ascontiguousarray(times - origin, dtype=np.float64).tobytes(), low, high
        )
    since = times - origin
    table = table_from_times(
        since, low, high, kernel if nuisances is None else nuisances.kernel(kernel, since)
    )
    along = None if nuisances is None else nuisances.along(kernel, since, table.low, table.high)
    shortest = 0.0 if kernel.joint else float(times[1] - times[0])

    def fit_chunk(traces: NDArray[np.generic], out: FitResult) -> None:
        optimum = optimum_from_traces(traces, table)
        if nuisances is not None:
            coordinates = nuisances.coordinates(traces)
            optimum = replace(optimum, total=optimum.total - np.vecdot(coordinates, coordinates))
        parameters = parameters_from_optimum(optimum, table)
        _store(out, slice(None), optimum.u, parameters)
        out.samples[:] = table.time.size
        special = np.flatnonzero(needs_care(parameters, optimum.mean_square))
        if special.size:
            rows, places = traces, special
            if nuisances is not None:
                rows = traces[special].astype(np.float64) - coordinates[special] @ nuisances.basis.T
                places = np.arange(special.size)
            for pixels, u, own, samples in special_fits(rows, places, table):
                there = pixels if nuisances is None else special[pixels]
                _store(out, there, u, own)
                out.samples[there] = samples
        if nuisances is not None and along is not None:
            nuisances.store(out, coordinates, *along(np.log(out.tau)), kernel.parameters)
        out.status[:] = _status(out, table, window, shortest, max_log_tau_error)

    return fit_chunk


@lru_cache(maxsize=16)
def _lowest_left(kernel: Kernel, time_bytes: bytes, low: float, high: float) -> float:
    """Return the shortest tau from `low` on of which enough is left at the first sample; the last 16 are kept."""
    time = np.frombuffer(time_bytes)
    tau = np.geomspace(low, high, 64)
    # A little beyond the bound, as far as tables reach.
    left = np.ptp(kernel.curves(time, np.log(tau) - SPACING)[0], axis=1) > kernel.least_left
    return float(tau[left.argmax()])


def _store(out: FitResult, pixels: slice | NDArray[np.intp], u: Array, fitted: Parameters) -> None:
    tau = np.exp(u)
    out.tau[pixels], out.tau_stderr[pixels] = tau, tau * fitted.u_error
    out.a[pixels], out.a_stderr[pixels] = fitted.a, fitted.a_error
    out.c[pixels], out.c_stderr[pixels] = fitted.c, fitted.c_error
    out.log_tau_stderr[pixels], out.rms[pixels], out.r2[pixels] = fitted.u_error, fitted.rms, fitted.r2


def _status(
    fit: FitResult, table: FitTable, window: float, shortest: float, limit: float
) -> NDArray[np.int8]:
    """Return what a fit can claim: the first that holds of invalid, slow, fast, ok."""
    lowest, highest = np.exp([table.low + 1e-9, table.high - 1e-9])
    uncertain = ~(fit.log_tau_stderr <= limit)
    late = fit.tau > window / 2
    slow = (fit.tau >= highest) | (uncertain & late)
    fast = (fit.tau <= lowest) | (fit.tau < shortest) | uncertain
    status = np.zeros(fit.tau.shape, dtype=np.int8)
    status[fast] = UNRESOLVED_FAST
    status[slow] = UNRESOLVED_SLOW
    status[np.isnan(fit.tau)] = INVALID
    return status
