"""Fits of the validation page: D, its error and the status of many noisy copies of one trace, by any kernel."""

from dataclasses import dataclass
from math import gamma

import numpy as np
from validation_traces import IN_PULSE, PULSE, RADIUS, TIME

from napari_tesm.diffusion import diffusion_from_tau
from napari_tesm.displacement import OK, STATUS_MEANINGS, gated_status, response_probability
from napari_tesm.fitting import fit_shapes, fit_traces
from napari_tesm.kernels import KERNELS
from napari_tesm.model_choice import ModelChoice, model_choice
from napari_tesm.protocol import Window

LEVEL = 0.001
"""Of the F-test for a response, as the recipe has it."""


@dataclass(frozen=True)
class Recovered:
    """Of noisy copies of one trace: ln(D found/D) where *ok*, the pulls there, and the shares of each status.

    Pulls are those of ln tau; for the kernels of one parameter that is ln D, too.
    """

    log_ratio: np.ndarray
    pulls: np.ndarray
    shares: dict[str, float]

    @property
    def ok(self) -> float:
        """Share that is *ok*."""
        return self.shares["ok"]

    @property
    def median(self) -> float:
        """Median of D found over D."""
        return float(np.exp(np.median(self.log_ratio))) if self.log_ratio.size else np.nan

    @property
    def spread(self) -> float:
        """Half width of the middle 68 % of ln D."""
        if not self.log_ratio.size:
            return np.nan
        low, high = np.percentile(self.log_ratio, [16, 84])
        return float(high - low) / 2

    @property
    def pull(self) -> float:
        """Half width of the middle 68 % of the pulls."""
        if self.pulls.size < 2:
            return np.nan
        low, high = np.percentile(self.pulls, [16, 84])
        return float(high - low) / 2


def noisy(trace: np.ndarray, snr: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return copies of a trace with white noise, shape (count, time)."""
    return trace + rng.standard_normal((count, trace.size)) / snr


def times_of(trace: np.ndarray) -> np.ndarray:
    """Return the times that belong to a trace of the pulse, of the relaxation, or of both."""
    if trace.shape[-1] == TIME.size:
        return TIME
    return TIME[IN_PULSE] if trace.shape[-1] == IN_PULSE.sum() else TIME[~IN_PULSE]


def recovered(traces: np.ndarray, kernel: str, D: float, *, tau: float | None = None) -> Recovered:
    """Fit and compare.

    Parameters
    ----------
    tau : float, optional
        The kernel's own time, where D comes from a mean time.
    """
    time = times_of(traces)
    if kernel in KERNELS:
        known = KERNELS[kernel]
        fitted = fit_traces(traces, time, kernel=kernel, pulse=PULSE if known.joint else None)
        found = diffusion_from_tau(fitted.tau, RADIUS, geometry=known.geometry or "l2/tau")
        log_time = np.log(D / found)
    else:
        fitted = fit_shapes(traces, time, kernel=kernel)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = RADIUS**2 / mean_time(kernel, fitted.tau, fitted.shape, fitted.share)
        log_time = np.log(fitted.tau / tau) if tau else np.full(fitted.tau.shape, np.nan)
    probability = response_probability(fitted.r2, fitted.samples)
    status = gated_status(fitted.status, probability, None, 0.0, response_level=LEVEL)
    ok = status == OK
    counts = np.bincount(status, minlength=len(STATUS_MEANINGS)) / status.size
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log(found[ok] / D)
    return Recovered(
        ratio[np.isfinite(ratio)],
        (log_time / fitted.log_tau_stderr)[ok],
        dict(zip(STATUS_MEANINGS, counts.tolist(), strict=True)),
    )


def mean_time(kernel: str, tau: np.ndarray, shape: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the mean relaxation time of a kernel of two parameters; infinite where there is none."""
    if kernel == "stretched":
        return tau / shape * np.vectorize(gamma)(1 / np.where(np.isfinite(shape), shape, 1.0))
    if kernel == "biexponential":
        return share * tau + (1 - share) * shape
    return np.where(shape > 1, tau / (shape - 1), np.inf)


def choice(traces: np.ndarray, kernels: tuple[str, ...]) -> ModelChoice:
    """Return what whole records say about kernels."""
    return model_choice(traces, TIME, Window(0.0, PULSE), kernels=kernels)
