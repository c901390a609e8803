"""Fits of the validation page: D, its error and the status of many noisy copies of one trace, by any kernel."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from validation_traces import IN_PULSE, PULSE, RADIUS, TIME

from napari_tesm.data.displacement import gated_status, response_probability
from napari_tesm.data.protocol import Window
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.fitting import fit_traces
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.model_choice.evidence import ModelChoice, model_choice
from napari_tesm.physics.diffusion import diffusion_from_tau
from napari_tesm.quantities.status import OK, STATUS_MEANINGS

RECIPE: Final = Recipe()
"""Its gates and its geometry."""
NO_D: Final = "ok_without_D"
"""Accepted, but without a mean relaxation time, so without D."""


@dataclass(frozen=True)
class Recovered:
    """Of noisy copies of one trace: ln(D found/D) where there is a D, the pulls there, and shares of each status."""

    log_ratio: np.ndarray
    pulls: np.ndarray
    shares: dict[str, float]

    @property
    def ok(self) -> float:
        """Share that is *ok* and has a D."""
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


def recovered(traces: np.ndarray, kernel: str, D: float, *, low_pass: LowPass | None = None) -> Recovered:
    """Fit, gate and compare as the pipeline does; kernels of two parameters give D by their mean relaxation time."""
    time, known = times_of(traces), kernel_from_name(kernel)
    fitted = fit_traces(traces, time, kernel=kernel, pulse=PULSE if known.joint else None, low_pass=low_pass)
    tau, error = (fitted.values(f"{known.time_of_diffusion}{ending}") for ending in ("", "_stderr"))
    probability = response_probability(fitted.r2, fitted.samples, parameters=known.parameters)
    status = gated_status(fitted.status, probability, None, 0.0, response_level=RECIPE.response_level)
    shares = np.bincount(status, minlength=len(STATUS_MEANINGS)) / status.size
    ok = status == OK
    # Written so that a mean time that is not there does not pass.
    has_d = ok & (error <= RECIPE.max_log_tau_error * tau)
    named = dict(zip(STATUS_MEANINGS, shares.tolist(), strict=True))
    named[NO_D] = float((ok & ~has_d).mean())
    named["ok"] -= named[NO_D]
    found = diffusion_from_tau(tau[has_d], RADIUS, geometry=known.geometry or RECIPE.geometry)
    ratio = np.log(found / D)
    return Recovered(ratio, ratio / (error / tau)[has_d], named)


def choice(traces: np.ndarray, kernels: tuple[str, ...]) -> ModelChoice:
    """Return what whole records say about kernels."""
    return model_choice(traces, TIME, Window(0.0, PULSE), kernels=kernels)
