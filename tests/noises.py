"""Noise of instruments, made without the package: white noise through a filter, 1/f, mains, drift; variance 1 each."""

import numpy as np
from scipy.signal import lfilter

STEP = 5e-5
PULSE = 10e-3
TIME = np.arange(500) * STEP
RADIUS = 25e-9


def behind_lock_in(rng, count, time_constant, order, *, samples=TIME.size, step=STEP):
    """Return white noise behind so many RC stages, sampled every `step`, shape (count, samples)."""
    finer = max(2, int(np.ceil(10 * step / time_constant)))
    warm = int(np.ceil((order + 15) * time_constant / step))
    memory = np.exp(-step / finer / time_constant)
    noise = rng.standard_normal((count, (samples + warm) * finer))
    for _ in range(order):
        noise = lfilter([1 - memory], [1, -memory], noise, axis=-1)
    noise = noise[:, warm * finer :: finer][:, :samples]
    return noise / noise.std()


def pink(rng, count, *, samples=TIME.size):
    """Return 1/f noise, shape (count, samples), of mean square 1 about the mean of each trace."""
    length = 8 * samples
    frequency = np.fft.rfftfreq(length)
    frequency[0] = frequency[1]
    spectrum = rng.standard_normal((count, frequency.size)) + 1j * rng.standard_normal(
        (count, frequency.size)
    )
    noise = np.fft.irfft(spectrum / np.sqrt(frequency), length, axis=-1)[:, 3 * samples : 4 * samples]
    return noise / np.sqrt(np.mean((noise - noise.mean(axis=1, keepdims=True)) ** 2))


def mains(rng, count, *, frequency=50.0, time=TIME):
    """Return an oscillation of another phase in every trace, shape (count, time)."""
    return np.sqrt(2) * np.sin(2 * np.pi * frequency * time + rng.uniform(0, 2 * np.pi, (count, 1)))


def flux_displacement(diffusion, *, time=TIME, pulse=PULSE, radius=RADIUS):
    """Return the surface over a source exp(−r²/R²) that is fed for the pulse, shape (n, time), 1 at the pulse's end.

    The response of a thin source, 1 − √(t/(t + R²/4D)), summed by the trapezoidal rule over √t.
    """
    root = np.linspace(0, np.sqrt(time[-1]), 20001)
    curves = []
    for tau in radius**2 / 4 / np.atleast_1d(diffusion):
        slope = (1 - root / np.sqrt(root**2 + tau)) * 2 * root
        whole = np.concatenate([[0], np.cumsum((slope[1:] + slope[:-1]) / 2) * root[1]])
        fed, ended = (np.interp(np.sqrt(np.maximum(time - start, 0)), root, whole) for start in (0, pulse))
        end = np.interp(np.sqrt(pulse), root, whole)
        curves.append((fed - ended) / end)
    return np.array(curves)


def exponential_displacement(tau, *, time=TIME, pulse=PULSE):
    """Return traces that rise and relax with one time, shape (n, time), 1 at the end of the pulse."""
    tau = np.atleast_1d(tau)[:, None]
    rise = (1 - np.exp(-time / tau)) / (1 - np.exp(-pulse / tau))
    return np.where(time < pulse - 1e-12, rise, np.exp(-(time - pulse) / tau))
