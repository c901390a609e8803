"""Exact traces of a tip along a line across D(x), for tests: eigenmodes along x, waves along y and z; no perturbation.

It shares nothing with the inversion: neither its kernels nor its times. For a uniform D it agrees with the closed forms
to 5e-4 of the largest displacement. Lengths in R0, times in R0²/D0.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Array = NDArray[np.float64]


def step_responses(
    diffusion: Callable[[Array], Array], times: Array, *, length: float, count: int, clamped: bool
) -> tuple[Array, Array]:
    """Return places x, shape (count,), and responses to a drive that stays on, shape (count, time); periodic in x."""
    step = length / count
    x = (np.arange(count) - count // 2) * step
    parts = (np.arange(16) + 0.5) / 16 - 0.5
    cell = np.mean([diffusion(x + part * step) for part in parts], axis=0)
    # What lies one behind the other resists as a sum.
    face = 1 / np.mean([1 / diffusion(x + step / 2 + part * step) for part in parts], axis=0)
    here, there = np.arange(count), (np.arange(count) + 1) % count
    along = np.zeros((count, count))
    np.add.at(along, (here, here), face / step**2)
    np.add.at(along, (there, there), face / step**2)
    along[here, there] -= face / step**2
    along[there, here] -= face / step**2
    waves = 2 * np.pi * np.fft.fftfreq(count, step)
    apart = np.abs(x[:, None] - x)
    source = np.exp(-np.square(np.minimum(apart, length - apart)))
    shift = (np.arange(count)[:, None] - np.arange(count) + count // 2) % count
    nodes, shares = np.polynomial.legendre.leggauss(24)
    across, across_shares = 1.5 * (1 + nodes) / (1 - nodes), 1.5 * 2 * shares / (1 - nodes) ** 2
    angle_nodes, angle_shares = np.polynomial.legendre.leggauss(40)
    angles, angle_shares = (angle_nodes + 1) * np.pi / 4, angle_shares * np.pi / 4
    responses = np.zeros((count, times.size))
    for wave, share in zip(across, across_shares, strict=True):
        rates, modes = np.linalg.eigh(along + np.diag(cell * wave**2))
        seen = np.zeros((count, count))
        for angle, part in zip(angles, angle_shares, strict=True):
            along_y, depth = wave * np.cos(angle), wave * np.sin(angle)
            plane = np.hypot(waves, along_y)
            felt, driven = (depth, depth) if clamped else (plane, 1.0)
            weight = np.fft.fftshift(np.fft.ifft(2 * np.pi * felt / (plane**2 + depth**2)).real) / step
            size = part * driven * 2 * np.sqrt(np.pi) * np.exp(-(along_y**2) / 4)
            seen += size * (modes.T @ weight[shift])
        steps = np.stack([-np.expm1(-rates * max(t, 0.0)) / rates for t in times], axis=1)
        enters = cell[:, None] * source if clamped else source
        responses += share * wave / np.pi**2 * ((seen * (modes.T @ enters)).T @ steps) * step
    return x, responses


@cache
def band_traces(
    width: float,
    contrast: float,
    *,
    clamped: bool = False,
    times: int = 125,
    background: float = 4e-13,
    length: float = 40.0,
    count: int = 240,
) -> tuple[Array, Array, Array, Array]:
    """Return x in m, times in s, true D in m²/s and traces, largest 1, across a band of another D in its middle.

    A tip of 25 nm, a pulse of 10 ms in a record of 25 ms.
    """
    radius, pulse = 25e-9, 10e-3
    unit = radius**2 / background
    time = (np.arange(times) + 0.5) * 25e-3 / times

    def diffusion(x: Array) -> Array:
        return np.where(np.abs(x) < width / 2 / radius, contrast, 1.0)

    x, steps = step_responses(
        diffusion, np.concatenate([time, time - pulse]) / unit, length=length, count=count, clamped=clamped
    )
    traces = steps[:, :times] - steps[:, times:]
    return x * radius, time, background * diffusion(x), traces / np.abs(traces).max()


@cache
def band_recording(*, rows: int = 6, half: float = 110e-9, snr: float = 100.0) -> xr.Dataset:
    """Return a dataset of a band, 35 nm wide, of 2.5 times the D around it, in two voltages.

    Pixels are 4.2 nm across and 12 nm down, amplitudes differ, and the last 16 columns of -3 V hold nothing.
    Nobody changes it: all tests have the same.
    """
    rng = np.random.default_rng(7)
    x, time, _, traces = band_traces(35e-9, 2.5, times=60, length=24.0, count=144)
    near = np.abs(x) < half
    amplitudes = np.exp(0.2 * rng.standard_normal((rows, near.sum(), 1)))
    noise = rng.standard_normal((2, rows, near.sum(), time.size)) / snr
    values = 3e-4 * (amplitudes * traces[near] * np.array([1.0, -1.4])[:, None, None, None] + noise)
    values[1, :, -16:] = np.nan
    return xr.Dataset(
        {"displacement": (("pulse", "y", "x", "time"), values.astype("f4"), {"units": "V"})},
        coords={
            "x": ("x", 2e-7 + x[near] - x[near][0], {"units": "m"}),
            "y": ("y", 12e-9 * np.arange(rows), {"units": "m"}),
            "time": ("time", time, {"units": "s"}),
            "voltage": ("pulse", [3.0, -3.0], {"units": "V"}),
            "direction": ("pulse", ["", ""]),
        },
        attrs={"pulse_start": 0.0, "pulse_duration": 10e-3, "tip_radius": 25e-9},
    )


def dataset_of_traces(
    traces: Array,
    time: Array,
    pixel: tuple[float, float],
    *,
    unit: str = "V",
    radius: float = 25e-9,
    size: float = 3e-4,
) -> xr.Dataset:
    """Return a dataset of traces (y, x, time), largest 1; pixels (y, x) in m."""
    return xr.Dataset(
        {"displacement": (("pulse", "y", "x", "time"), (size * traces[None]).astype("f4"), {"units": unit})},
        coords={
            "x": ("x", 1e-6 + pixel[1] * np.arange(traces.shape[1]), {"units": "m"}),
            "y": ("y", pixel[0] * np.arange(traces.shape[0]), {"units": "m"}),
            "time": ("time", time, {"units": "s"}),
            "voltage": ("pulse", [-3.0], {"units": "V"}),
            "direction": ("pulse", [""]),
        },
        attrs={"pulse_start": 0.0, "pulse_duration": 10e-3, "tip_radius": radius},
    )


def banded_scan(
    width: float,
    contrast: float,
    boundary: str,
    *,
    rows: int = 8,
    snr: float = 100.0,
    half: float = 250e-9,
    seed: int = 3,
) -> tuple[Array, Array, xr.Dataset]:
    """Return x in m from the middle of a band, D in m²/s, and a noisy scan across it, its amplitudes uneven."""
    x, time, diffusion, traces = band_traces(width, contrast, clamped=boundary == "clamped")
    near = np.abs(x) < half
    x, diffusion, traces = x[near], diffusion[near], traces[near]
    rng = np.random.default_rng(seed)
    amplitude = np.exp(0.25 * rng.standard_normal((rows, x.size, 1)))
    noisy = amplitude * traces + rng.standard_normal((rows, *traces.shape)) / snr
    # Rows are farther apart than pixels.
    return x, diffusion, dataset_of_traces(noisy, time, (12e-9, float(x[1] - x[0])))


@cache
def gaussian_line(
    seed: int, boundary: str, *, deviation: float = 0.5, length: float = 2.0
) -> tuple[Array, Array, Array]:
    """Return ln(D/D0), times in s and traces, largest 1, of a line of pixels of 5 nm whose ln D is a Gaussian field.

    Its power falls as 1/(1 + (wave number · length)²), the length in R0.
    """
    count, pixel, unit = 120, 0.2, 25e-9**2 / 4e-13
    time = (np.arange(60) + 0.5) * 25e-3 / 60
    waves = np.arange(count) * 2 * np.pi / count
    power = 1 / (1 + np.square(2 * length / pixel * np.sin(waves / 2)))
    white = np.random.default_rng(seed).standard_normal(count)
    log_ratio = np.fft.ifft(np.fft.fft(white) * np.sqrt(power / power.mean())).real * deviation

    def diffusion(x: Array) -> Array:
        return np.exp(log_ratio[np.round(x / pixel).astype(int) % count - count // 2])

    _, steps = step_responses(
        diffusion,
        np.concatenate([time, time - 10e-3]) / unit,
        length=count * pixel,
        count=count,
        clamped=boundary == "clamped",
    )
    traces = steps[:, :60] - steps[:, 60:]
    return log_ratio, time, traces / np.abs(traces).max()
