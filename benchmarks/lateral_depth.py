"""What the inversion of lateral diffusion makes of a D that depends on the depth: the table of docs/lateral.md.

Run: python benchmarks/lateral_depth.py; some five minutes of one core. The traces share nothing with the inversion:
finite volumes in x and z, waves along y, and the time from Laplace's transform on a hyperbola (Weideman, J. A. C. and
Trefethen, L. N. (2007). Math. Comp. 76, 1341-1356). Lengths in tip radii, times in R0²/D0.
"""

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, diags
from scipy.sparse.linalg import splu
from scipy.special import k1

from napari_tesm import lateral

Array = NDArray[np.float64]
Diffusion = Callable[[Array, Array], Array]

RADIUS, D0, PULSE, RECORD, SAMPLES = 25e-9, 4e-13, 10e-3, 25e-3, 125
PIXEL, HALF, ROWS = 0.2, 10.0, 16
REACH, NODES, SPAN = 26.0, 12, 30.0


def edges(first: float, growth: float, *, even: float = 0.0) -> Array:
    """Return edges of cells from 0 to beyond the reach, wider and wider from some place on."""
    places, width = [0.0], first
    while places[-1] < REACH:
        places.append(places[-1] + width)
        if places[-1] > even:
            width *= growth
    return np.array(places)


def hyperbola(last: float) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return points and steps of a path that is good from `last`/SPAN to `last`."""
    angles = np.linspace(0.8, 1.5, 400)
    argument = ((np.pi - 2 * angles) * SPAN + 4 * angles - np.pi) / ((4 * angles - np.pi) * np.sin(angles))
    with np.errstate(invalid="ignore"):
        width = np.arccosh(argument)
        best = int(np.nanargmax((np.pi**2 - 2 * np.pi * angles) / width))
    angle, width = angles[best], width[best]
    size = (4 * np.pi * angle - np.pi**2) / width * NODES / last
    u = 1j * (np.arange(NODES) + 0.5) * width / NODES - angle
    return size * (1 + np.sin(u)), size * 1j * np.cos(u) * width / NODES


def step_responses(diffusion: Diffusion, tips: Array, times: Array) -> Array:
    """Return the responses of tips at x to a flux that stays on, shape (tips, times)."""
    right = edges(PIXEL, 1.18, even=HALF + 1.2)
    x_edges, z_edges = np.concatenate([-right[:0:-1], right]), edges(0.05, 1.14)
    dx, dz = np.diff(x_edges)[:, None], np.diff(z_edges)
    parts = (np.arange(6) + 0.5) / 6
    inside = [(x_edges[:-1, None] + a * dx, z_edges[:-1] + b * dz) for a in parts for b in parts]
    cells = np.mean([diffusion(x, z) for x, z in inside], axis=0)
    number = np.arange(cells.size).reshape(cells.shape)
    resists = dx / 2 / cells, dz / 2 / cells
    faces = [
        (number[:-1], number[1:], dz / (resists[0][:-1] + resists[0][1:])),
        (number[:, :-1], number[:, 1:], dx / (resists[1][:, :-1] + resists[1][:, 1:])),
    ]
    exchange = csc_matrix((cells.size, cells.size))
    for here, there, flow in faces:
        i, j, g = here.ravel(), there.ravel(), np.broadcast_to(flow, here.shape).ravel()
        rows, columns = np.concatenate([i, j, i, j]), np.concatenate([i, j, j, i])
        exchange += csc_matrix((np.concatenate([g, g, -g, -g]), (rows, columns)), exchange.shape)
    volume = (dx * dz).ravel()
    places, shares = np.polynomial.legendre.leggauss(9)
    waves, shares = 0.72 * (1 + places) / (1 - places), 0.72 * 2 * shares / (1 - places) ** 2
    responses = np.zeros((tips.size, times.size))
    for wave, share in zip(waves[waves < 9], shares[waves < 9], strict=True):
        source = np.zeros((*cells.shape, tips.size))
        felt = np.zeros_like(source)
        for x, z in inside:
            apart = x - tips
            source[:, 0] += np.exp(-(apart**2)) * dx / len(inside)
            distance = np.hypot(apart[:, None], z[:, None])
            felt += 2 * z[:, None] * wave * k1(wave * distance) / distance / len(inside)
        source *= np.sqrt(np.pi) * np.exp(-(wave**2) / 4)
        sources = source.reshape(cells.size, -1)
        weights = felt.reshape(cells.size, -1) * volume[:, None]
        decays = exchange + diags(cells.ravel() * volume * wave**2)
        last = float(times.max()) * (1 + 1e-9)
        while last > times[times > 0].min():
            there = (times > last / SPAN) & (times <= last)
            for rate, step in zip(*hyperbola(last), strict=True):
                found = splu((decays + diags(volume * rate)).tocsc().astype(complex)).solve(
                    sources.astype(complex)
                )
                term = np.vecdot(weights.T, found.T)[:, None] / rate * step * np.exp(rate * times[there])
                responses[:, there] += share / np.pi**2 * term.imag
            last /= SPAN
    return responses


def scan_of(diffusion: Diffusion, snr: float) -> tuple[Array, xr.Dataset]:
    """Return x in R0, and a scan across a sample that is even in x, rows alike, amplitudes of every pixel its own."""
    time = (np.arange(SAMPLES) + 0.5) * RECORD / SAMPLES
    since = np.concatenate([time, time - PULSE]) * D0 / RADIUS**2
    tips = np.arange(0, HALF + PIXEL / 2, PIXEL)
    steps = step_responses(diffusion, tips, since)
    half = steps[:, :SAMPLES] - steps[:, SAMPLES:]
    x, traces = np.concatenate([-tips[:0:-1], tips]), np.concatenate([half[:0:-1], half])
    rng = np.random.default_rng(0)
    values = np.exp(0.25 * rng.standard_normal((ROWS, x.size, 1))) * traces / np.abs(traces).max()
    values += rng.standard_normal(values.shape) / snr
    dataset = xr.Dataset(
        {"displacement": (("pulse", "y", "x", "time"), values[None].astype("f4") * 1e-10, {"units": "m"})},
        coords={
            "x": ("x", x * RADIUS, {"units": "m"}),
            "y": ("y", np.arange(ROWS) * PIXEL * RADIUS, {"units": "m"}),
            "time": ("time", time, {"units": "s"}),
            "voltage": ("pulse", [-3.0], {"units": "V"}),
            "direction": ("pulse", [""]),
        },
        attrs={"pulse_start": 0.0, "pulse_duration": PULSE, "tip_radius": RADIUS},
    )
    return x, dataset


def band(width: float, depth: float) -> Diffusion:
    """Return a band of 2.5 D0, its width and depth in m."""
    return lambda x, z: np.where((np.abs(x) < width / 2 / RADIUS) & (z < depth / RADIUS), 2.5, 1.0)


def falling(length: float, width: float) -> Diffusion:
    """Return a D that falls to 0.3 of its value at the surface, in a band of 2.5 and beside it."""
    return lambda x, z: (
        (0.3 + 0.7 * np.exp(-z * RADIUS / length)) * np.where(np.abs(x) < width / 2 / RADIUS, 2.5, 1.0)
    )


CASES = {
    **{
        f"band {width * 1e9:.0f} nm wide, {depth * 1e9:.0f} nm deep": band(width, depth)
        for width in (35e-9, 100e-9)
        for depth in (1.0, 100e-9, 50e-9, 25e-9, 12e-9)
    },
    **{
        f"band {width * 1e9:.0f} nm wide, D falls to 0.3 over {length * 1e9:.0f} nm": falling(length, width)
        for length in (100e-9, 30e-9)
        for width in (0.0, 35e-9)
    },
}

if __name__ == "__main__":
    print("| case | noise | middle | beside | misfit | found beside |\n|---|---|---|---|---|---|")
    for name, diffusion in CASES.items():
        for snr in (100, 30):
            x, scan = scan_of(diffusion, snr)
            maps = lateral(scan, kernel="flux-pulse")
            values = np.nanmedian(maps["D_lateral"].values[0], axis=0) / D0
            misfit = float(np.nanmean(maps["misfit_lateral"].values))
            fitted = maps.attrs["lateral"].split('"nuisance": "')[1].split('"')[0]
            print(
                f"| {name} | 1/{snr} | {values[np.abs(x) < 0.32].mean():.2f} | "
                f"{np.median(values[np.abs(x) > 4.4]):.2f} | {misfit:.2f} | {fitted} |",
                flush=True,
            )
