"""Limits of tau that hold it with 95 %: from the standard error where that is a good guide, else from the likelihood.

The linearised interval tau·exp(±1.96 SE) was measured on simulated traces (60 000 for each kernel, tau log-uniform from
below the sampling interval to 20 windows, SNR from 3 to 100, those with status ok). For ``exponential`` it holds the
truth in 94 to 95 % while SE(ln tau) is below 0.15, in 93 % from 0.15 to 0.25, 90 % from 0.25 to 0.3 and 78 % from 0.4
to 0.5; for ``erfc`` and ``gaussian-source`` it leaves 93 to 97 % at 0.25, for the joint kernels not below 0.5.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.nuisances import NuisanceColumns
from napari_tesm.fitting.profile import profile_intervals
from napari_tesm.kernels.one_parameter import Kernel
from napari_tesm.quantities.status import OK, UNRESOLVED_FAST, UNRESOLVED_SLOW

Array = NDArray[np.float64]

LEVEL: Final = 0.95
LINEAR_UP_TO: Final = 0.15
"""Standard error of ln tau up to which the linearised interval is taken."""
KNOWN: Final = (OK, UNRESOLVED_SLOW, UNRESOLVED_FAST)
"""Statuses of pixels that have an interval: what is unresolved has a limit on one side at least, as a rule."""
_SIGMAS: Final = 1.959963984540054
_TENFOLD: Final = 10.0


def limits_of_tau(
    traces: NDArray[np.floating],
    time: Array,
    tau: Array,
    log_tau_stderr: Array,
    status: NDArray[np.integer],
    *,
    kernel: Kernel,
    start: float,
    bounds: tuple[float, float] | None = None,
    inflation: Array | None = None,
    nuisances: NuisanceColumns | None = None,
) -> tuple[Array, Array]:
    """Return the lower and the upper limit of tau for each trace, in the unit of the times.

    Parameters
    ----------
    traces : ndarray, shape (n, time)
        What was fitted.
    tau, log_tau_stderr, status : ndarray, shape (n,)
        Of their fits; limits are taken where the status is one of `KNOWN`.
    kernel, start, bounds, nuisances
        As they were for the fit.
    inflation : ndarray, shape (n,), optional
        By what the noise makes the standard error larger than white noise would; it is in `log_tau_stderr`. The
        likelihood of white noise is flattened by its square (Chandler, R. E. and Bate, S. (2007). Biometrika 94,
        167-183).

    Returns
    -------
    (ndarray, ndarray)
        NaN where the data set no limit on that side, or nothing was asked.
    """
    lower, upper = np.full((2, len(tau)), np.nan)
    wanted = np.isin(status, KNOWN) & np.isfinite(tau)
    linear = wanted & (status == OK) & (log_tau_stderr <= LINEAR_UP_TO)
    reach = np.exp(_SIGMAS * log_tau_stderr[linear])
    lower[linear], upper[linear] = tau[linear] / reach, tau[linear] * reach
    rows = np.flatnonzero(wanted & ~linear)
    if rows.size:
        searched = None
        if bounds is not None:
            # Bounds that keep the search away from nonsense are no knowledge of tau.
            window = float(np.ptp(time) * time.size / (time.size - 1))
            searched = (
                min(bounds[0], kernel.search[0] * window) / _TENFOLD,
                max(bounds[1], kernel.search[1] * window) * _TENFOLD,
            )
        intervals = profile_intervals(
            traces[rows],
            time,
            kernel=kernel,
            start=start,
            level=LEVEL,
            bounds=searched,
            inflation=None if inflation is None else inflation[rows],
            nuisances=nuisances,
        )
        lower[rows] = np.where(intervals.low > 0, intervals.low, np.nan)
        upper[rows] = np.where(np.isfinite(intervals.high), intervals.high, np.nan)
    return lower, upper
