"""What the inversion of lateral diffusion makes of maps: the tables of maps and of errors in docs/lateral.md.

Run: python benchmarks/lateral_map.py; some ten minutes of one core. The traces are those of
`napari_tesm.simulation.map_traces` (splines and eigenmodes of the plane; nothing of the inversion), with simulated
white noise, and amplitudes that differ by 25 % from patch to patch. Fields are Gaussian ones: smooth, or as the prior
`0.5:50nm` has them, rough down to the pixels.
"""

import json
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline

from napari_tesm import lateral
from napari_tesm.simulation import map_traces

Array = NDArray[np.float64]
Diffusion = Callable[[Array, Array], Array]

D0, RADIUS, PULSE = 4e-13, 25e-9, 10e-3
COUNT, PIXEL, PATCH, AMPLITUDE = 44, 6e-9, 9, 0.25
TIME = (np.arange(125) + 0.5) * 2e-4
PLACES = np.arange(COUNT) * PIXEL
SPREAD, LENGTH = 0.5, 50e-9
BOUNDARIES = {"flux-pulse": "flux", "clamped": "clamped"}
ACROSS = 48e-9


def diagonal(x: Array, y: Array) -> Array:
    """Return D with a diagonal step, 12.6 nm along x, and a slow grain."""
    slow = (x > 168e-9) & (y > 144e-9)
    step = np.abs(x - y / 2 - 24e-9) < 6.3e-9
    return D0 * np.where(step, 2.5, np.where(slow, 0.6, 1.0))


def rings(x: Array, y: Array) -> Array:
    """Return D with an arc of 15 nm, a line of 20 nm, and a round slow grain."""
    slow = np.hypot(x - 60e-9, y - 190e-9) < 45e-9
    arc = np.abs(np.hypot(x - 300e-9, y - 300e-9) - 160e-9) < 7.5e-9
    line = np.abs(y - 60e-9) < 10e-9
    return D0 * np.where(line, 1.8, np.where(arc, 2.2, np.where(slow, 0.5, 1.0)))


def field(power: Callable[[Array], Array], seed: int, step: float) -> Diffusion:
    """Return a D whose logarithm is Gaussian, its power by the square of the wave number as given."""
    count = 512
    waves = 2 * np.pi * np.fft.fftfreq(count, step)
    squares = waves[:, None] ** 2 + waves**2
    white = np.random.default_rng(seed).standard_normal((count, count))
    values = np.fft.ifft2(np.fft.fft2(white) * np.sqrt(power(squares))).real
    axis = (np.arange(count) - 190) * step
    spline = RectBivariateSpline(axis, axis, values * SPREAD / values.std())

    def diffusion(x: Array, y: Array) -> Array:
        along_x, along_y = np.broadcast_arrays(x, y)
        clipped = [np.clip(along, axis[0], axis[-1]) for along in (along_y, along_x)]
        return np.asarray(D0 * np.exp(spline.ev(*clipped)))

    return diffusion


def smooth(length: float, seed: int) -> Diffusion:
    """Return a field that changes over a length, in m."""
    return field(lambda squares: np.exp(-squares * length**2 / 2), seed, 4e-9)


STEPS = {"diagonal": diagonal, "rings": rings}
FIELDS = {
    "Gaussian, 30 nm": smooth(30e-9, 1),
    "Gaussian, 60 nm": smooth(60e-9, 2),
    "Gaussian as the prior 0.5:50nm": field(lambda squares: 1 / (1 + LENGTH**2 * squares), 4, PIXEL),
}


def exact_traces(diffusion: Diffusion, kernel: str) -> Array:
    """Return traces without noise, largest 1."""
    traces = map_traces(
        diffusion, PLACES, PLACES, time=TIME, pulse=PULSE, tip_radius=RADIUS, boundary=BOUNDARIES[kernel]
    )
    return traces / np.abs(traces).max()


def topography(diffusion: Diffusion) -> Array:
    """Return heights in which what is fast stands 20 nm high, on a slope; slow grains do not show."""
    fast = diffusion(PLACES[None, :], PLACES[:, None]) > 1.5 * D0
    noise = np.random.default_rng(1).standard_normal((COUNT, COUNT))
    return np.where(fast, 20e-9, 0.0) + 0.1 * PLACES + 1e-9 * noise


def scan_of(traces: Array, snr: float, heights: Array) -> xr.Dataset:
    """Return a noisy scan, its amplitudes in patches."""
    rng = np.random.default_rng(0)
    patches = rng.standard_normal((COUNT // PATCH + 1,) * 2)
    amplitude = np.kron(np.exp(AMPLITUDE * patches), np.ones((PATCH, PATCH)))[:COUNT, :COUNT, None]
    values = amplitude * traces + rng.standard_normal(traces.shape) / snr
    return xr.Dataset(
        {
            "displacement": (("pulse", "y", "x", "time"), values[None].astype("f4") * 1e-10, {"units": "m"}),
            "topography": (("y", "x"), heights, {"units": "m", "long_name": "Topography"}),
        },
        coords={
            "x": ("x", PLACES, {"units": "m"}),
            "y": ("y", PLACES, {"units": "m"}),
            "time": ("time", TIME, {"units": "s"}),
            "voltage": ("pulse", [-3.0], {"units": "V"}),
            "direction": ("pulse", [""]),
        },
        attrs={"pulse_start": 0.0, "pulse_duration": PULSE, "tip_radius": RADIUS},
    )


def row_of_table(name: str, diffusion: Diffusion, traces: Array, kernel: str, snr: float, prior: str) -> str:
    """Return a line: medians of the parts, correlations with the true ln D, and the pull."""
    true = np.log(diffusion(PLACES[None, :], PLACES[:, None]) / D0)
    maps = lateral(scan_of(traces, snr, topography(diffusion)), kernel=kernel, prior=prior).isel(pulse=0)
    found, alone = (np.log(maps[title].values / D0) for title in ("D_lateral", "D"))
    pull = np.sqrt(np.nanmean(np.square((found - true) / maps["log_D_lateral_stderr"].values)))
    told = json.loads(maps.attrs["lateral"])[0]
    both = np.isfinite(found) & np.isfinite(alone)
    correlations = [np.corrcoef(values[both], true[both])[0, 1] for values in (found, alone)]
    parts = [
        f"{np.exp(value):.1f}: {np.exp(np.median(found[true == value])):.2f}" for value in np.unique(true)[:6]
    ]
    words = ", ".join(parts) if name in STEPS else ""
    if name == "diagonal":
        # Along rows that the slow grain is far from.
        near = np.abs(PLACES[None, :] - PLACES[:20, None] / 2 - 24e-9) < ACROSS
        words += f" | {found[:20][near].sum() / true[:20][near].sum():.2f}"
    else:
        words += " | "
    return (
        f"| {name} | {kernel} | 1/{snr} | {prior} | {words} | {correlations[0]:.2f} | {correlations[1]:.2f} | "
        f"{pull:.2f} | {told['misfit']:.2f} | {1e9 * told['resolution']:.0f} nm |"
    )


if __name__ == "__main__":
    print("| map | kernel | noise | prior | parts | ln D across the step, of true | correlation | each pixel by itself "
          "| pull | misfit | resolution |\n" + "| --- " * 11 + "|")  # fmt: skip
    for name, diffusion in (STEPS | FIELDS).items():
        for kernel in BOUNDARIES:
            traces = exact_traces(diffusion, kernel)
            for snr in (100, 20):
                for prior in (
                    ("auto", "image:Topography", "0.5:75nm") if name in STEPS else ("auto", "0.5:50nm")
                ):
                    print(row_of_table(name, diffusion, traces, kernel, snr, prior), flush=True)
