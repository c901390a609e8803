"""Traces with a known D for the validation page, from models that share no code with the fit where there are some.

Record of the t-ESM paper: a pulse of 10 ms and 15 ms of relaxation, a tip of 25 nm; 500 samples. All are scaled to a
displacement of 1 at the largest, which is what the signal-to-noise ratio refers to.
"""

from collections.abc import Callable
from math import gamma

import numpy as np
from scipy.special import erfc

from napari_tesm.simulation import Host, drift_trace, traces_from_diffusion

PULSE, RECORD, RADIUS, SAMPLES = 10e-3, 25e-3, 25e-9, 500
TIME = np.arange(SAMPLES) * (RECORD / SAMPLES)
IN_PULSE = TIME < PULSE - 1e-9
AFTER = TIME[~IN_PULSE] - PULSE
STRETCHED, FACTOR, SHARE, POWER = 0.6, 8.0, 0.6, 2.0
"""Exponent; ratio of the times and share of the faster one; exponent, of the traces of the two-parameter kernels."""
LOCK_IN = 0.3e-3
VOLTAGE = -3.0


def scaled(trace: np.ndarray) -> np.ndarray:
    """Return a trace with a largest magnitude of 1."""
    return trace / np.abs(trace).max()


def flux_trace(D: float, *, radius: float = RADIUS) -> np.ndarray:
    """Return pulse and relaxation under a constant flux, by finite volumes."""
    return scaled(traces_from_diffusion(D, time=TIME, pulse=PULSE, tip_radius=radius))


def clamped_trace(D: float) -> np.ndarray:
    """Return pulse and relaxation with the concentration held, by finite volumes."""
    return scaled(traces_from_diffusion(D, time=TIME, pulse=PULSE, tip_radius=RADIUS, boundary="clamped"))


def thin_source_trace(D: float) -> np.ndarray:
    """Return the relaxation of a thin Gaussian source, by finite volumes: a flux for an instant."""
    instant = 2e-5 * RADIUS**2 / D
    times = AFTER + instant / 2
    found = traces_from_diffusion(D, time=np.append(times, instant), pulse=instant, tip_radius=RADIUS)
    return np.where(AFTER > 0, found[:-1] / found[-1], 1.0)


def time_from_diffusion(D: float) -> float:
    """Return l²/D in s."""
    return RADIUS**2 / D


def stretched_trace(D: float) -> np.ndarray:
    """Return exp(−(t/τ)^n) whose mean time is l²/D."""
    tau = time_from_diffusion(D) * STRETCHED / gamma(1 / STRETCHED)
    return np.exp(-((AFTER / tau) ** STRETCHED))


def two_exponentials_trace(D: float) -> np.ndarray:
    """Return two exponentials whose mean time is l²/D."""
    fast = time_from_diffusion(D) / (SHARE + (1 - SHARE) * FACTOR)
    return SHARE * np.exp(-AFTER / fast) + (1 - SHARE) * np.exp(-AFTER / (fast * FACTOR))


def power_trace(D: float) -> np.ndarray:
    """Return 1/(1 + t/τ)^m whose mean time τ/(m − 1) is l²/D."""
    return (1 + AFTER / (time_from_diffusion(D) * (POWER - 1))) ** -POWER


def lock_in_trace(D: float) -> np.ndarray:
    """Return the flux trace behind a first-order low-pass."""
    fine = np.arange(20 * SAMPLES) * (TIME[1] / 20)
    clean = traces_from_diffusion(D, time=fine, pulse=PULSE, tip_radius=RADIUS)
    kept, out, level = np.exp(-fine[1] / LOCK_IN), np.empty(fine.size), clean[0]
    for index, value in enumerate(clean):
        level = kept * level + (1 - kept) * value
        out[index] = level
    return scaled(out[::20])


def point_charge_trace(D: float) -> np.ndarray:
    """Return pulse and relaxation under the flux that a point charge drives: ∫ x e^−x (…) dx over wave numbers x/R0."""
    nodes, weights = np.polynomial.laguerre.laggauss(120)

    def charged(times: np.ndarray) -> np.ndarray:
        # ∫ erfc(k√(Ds)) ds from 0 to t, for each wave number.
        y = nodes * np.sqrt(D * np.maximum(times, 0)[:, None]) / RADIUS
        inner = y**2 * erfc(y) + 0.5 - 0.5 * erfc(y) - y * np.exp(-(y**2)) / np.sqrt(np.pi)
        return (weights * inner / nodes).sum(axis=1)

    return scaled(charged(TIME) - charged(TIME - PULSE))


def drift_pulse_trace(D: float) -> np.ndarray:
    """Return pulse and relaxation of ions that drift in the field of the tip, −3 V, onto a limited number of sites."""
    return scaled(
        drift_trace(VOLTAGE, Host(diffusion=D), time=TIME, pulse=PULSE, tip_radius=RADIUS).displacement
    )


def relaxation_of(trace: Callable[[float], np.ndarray]) -> Callable[[float], np.ndarray]:
    """Return the relaxation alone."""
    return lambda D: trace(D)[~IN_PULSE]


def pulse_of(trace: Callable[[float], np.ndarray]) -> Callable[[float], np.ndarray]:
    """Return the pulse alone."""
    return lambda D: trace(D)[IN_PULSE]
