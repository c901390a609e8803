"""A second opinion on the joint kernels: diffusion below a tip in finite volumes, nothing shared with the product.

Everything is linear and without scale: lengths in R0, times in tau_d = R0²/(4D). One run from a step gives the response
to any rectangular pulse.
"""

from functools import cache

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu

FARTHEST = 90.0
"""Half-width of the box: more than six diffusion lengths √(Dt) = √x/2 at x = 600."""
EARLIEST, LATEST = 1e-5, 600.0
_STEPS_PER_OCTAVE = 12


def _edges(cells, first, last):
    """Return cell edges from 0 to `last`, the first cell `first` wide, growing by one factor."""
    low, high = 1.0 + 1e-9, 2.0
    for _ in range(80):
        growth = (low + high) / 2
        reached = first * (growth**cells - 1) / (growth - 1)
        low, high = (growth, high) if reached < last else (low, growth)
    return np.concatenate([[0.0], np.cumsum(first * growth ** np.arange(cells))])


@cache
def step_response(source):
    """Return the displacement at the centre for a drive switched on at x = 0: a function of x = t/tau_d.

    Parameters
    ----------
    source : {"flux", "clamped"}
        A constant flux exp(−r²), or the concentration held at exp(−r²), at the surface z = 0.
    """
    r, z = _edges(84, 0.045, FARTHEST), _edges(100, 1e-3, FARTHEST)
    dr, dz = np.diff(r), np.diff(z)
    rings = np.pi * np.diff(r**2)
    volume = rings[:, None] * dz
    number = np.arange(volume.size).reshape(volume.shape)
    # Fluxes between neighbours, D = 1/4 in these units.
    radial = 0.25 * 2 * np.pi * r[1:-1, None] * dz / ((dr[1:] + dr[:-1]) / 2)[:, None]
    axial = 0.25 * rings[:, None] / ((dz[1:] + dz[:-1]) / 2)
    first = np.concatenate([number[:-1].ravel(), number[:, :-1].ravel()])
    second = np.concatenate([number[1:].ravel(), number[:, 1:].ravel()])
    conductance = np.concatenate([radial.ravel(), axial.ravel()])
    exchange = coo_matrix((conductance, (first, second)), shape=(volume.size,) * 2)
    exchange = (exchange + exchange.T).tocsc()
    rate = exchange - diags(np.asarray(exchange.sum(axis=1)).ravel())
    drive = np.zeros(volume.shape)
    gaussian = np.pi * (np.exp(-(r[:-1] ** 2)) - np.exp(-(r[1:] ** 2)))
    if source == "flux":
        drive[:, 0] = gaussian
    else:
        to_surface = np.zeros(volume.shape)
        to_surface[:, 0] = 0.25 * rings / (dz[0] / 2)
        rate = rate - diags(to_surface.ravel())
        drive[:, 0] = to_surface[:, 0] * gaussian / rings
    # Displacement at the centre of the surface: z/(r² + z²)^(3/2) integrated over each cell.
    distance = np.sqrt(r[:, None] ** 2 + z**2)
    weight = 2 * np.pi * np.diff(distance[:-1] - distance[1:], axis=1)
    return CubicSpline(*_integrated(rate, volume.ravel(), drive.ravel(), weight.ravel()))


def _integrated(rate, volume, drive, weight):
    """Return √x and the displacement, by a second-order L-stable two-stage Runge-Kutta method whose steps double."""
    gamma = 1 - np.sqrt(0.5)
    content, x, h = np.zeros(volume.size), 0.0, EARLIEST / 4
    roots, values = [0.0], [0.0]
    while x < LATEST:
        inverse = splu((diags(volume) - gamma * h * rate).tocsc())
        for _ in range(_STEPS_PER_OCTAVE):
            slope1 = inverse.solve(rate @ content + drive)
            slope2 = inverse.solve(rate @ (content + (1 - gamma) * h * slope1) + drive)
            content = content + h * ((1 - gamma) * slope1 + gamma * slope2)
            x += h
            roots.append(np.sqrt(x))
            values.append(weight @ content)
        h *= 2
    return np.array(roots), np.array(values)


def simulated_trace(source, time, diffusion, *, radius=25e-9, pulse=10e-3):
    """Return the displacement at `time` (s) for D in m²/s, scaled to a maximum of one."""
    response, rate = step_response(source), 4 * diffusion / radius**2
    trace = response(np.sqrt(rate * time))
    after = time > pulse
    trace[after] -= response(np.sqrt(rate * (time[after] - pulse)))
    return trace / np.abs(trace).max()
