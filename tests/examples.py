"""Small datasets with known truth, for tests.

The scan is as scans are and never handy: pixels higher than wide differ from pixels wider than high, rows from columns,
the image lies somewhere on the sample and is some µm large, neighbouring samples of a lock-in share their noise, and
both polarities are there. What mistakes one of these for another shows in the numbers.
"""

import numpy as np
import xarray as xr
from scipy.signal import lfilter

from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.regions.shapes import PinnedPoint, Region

TIP_RADIUS = 25e-9
PROTOCOL = PulseProtocol(
    pulse_start=0.0, pulse_duration=10e-3, ac_amplitude=2.0, ac_frequency=25e3, tip_radius=TIP_RADIUS,
    tip_radius_error=5e-9,
)  # fmt: skip
SPACING = (0.25e-6, 0.4e-6)
"""Height and width of a pixel (dy, dx), in m."""
CORNER = (-2.3e-6, 3.7e-6)
"""Where the upper left corner of the image lies (y, x), in m."""
LOCK_IN = 2.0
"""Time constant of the noise, in samples."""


def axes_of(shape):
    """Return the pixel centres of the image (y, x), in m."""
    return tuple(
        corner + (np.arange(count) + 0.5) * step
        for corner, count, step in zip(CORNER, shape, SPACING, strict=True)
    )


def placed(*corners):
    """Return places in m, shape (n, 2), x first, of (column, row); (0, 0) is the corner of the image."""
    return np.asarray(corners, dtype=float) * SPACING[::-1] + CORNER[::-1]


def world(*places):
    """Return where napari shows (row, column), shape (n, 2), y first: in µm, as it shows an image of some µm."""
    return placed(*(place[::-1] for place in places))[:, ::-1] * 1e6


def drawn(kind, corners, *properties, **more):
    """Return a region with corners in pixels, (column, row), from the corner of the image."""
    return Region(kind, tuple(map(tuple, placed(*corners).tolist())), *properties, **more)


def pinned(number, place, *properties):
    """Return a point at a place in pixels, (column, row), from the corner of the image."""
    return PinnedPoint(number, *placed(place)[0].tolist(), *properties)


def exponential_traces(time, tau1, tau2, amplitude, *, duration=10e-3):
    """Return pulse and relaxation without noise, shape (..., time)."""
    tau1, tau2, amplitude = (np.asarray(values, dtype=float)[..., None] for values in (tau1, tau2, amplitude))
    rise = 1 - np.exp(-np.clip(time, 0, duration) / tau1)
    return amplitude * rise * np.exp(-np.clip(time - duration, 0, None) / tau2)


def lock_in_noise(rng, shape, *, samples=LOCK_IN):
    """Return noise of standard deviation 1 behind a low-pass of so many samples, along the last axis; 0 for white."""
    white = rng.standard_normal(shape)
    if samples == 0:
        return white
    memory = np.exp(-1 / samples)
    start = memory * rng.standard_normal((*shape[:-1], 1))  # the filter has run for ever
    return lfilter([np.sqrt(1 - memory**2)], [1, -memory], white, axis=-1, zi=start)[0]


def example_dataset(
    *, shape=(6, 9), samples=250, noise=0.004, lock_in=LOCK_IN, seed=0, protocol=PROTOCOL, unit="V",
    voltage=(3.0, -3.0), direction=("trace", "retrace"), time_first=True,
) -> xr.Dataset:  # fmt: skip
    """Return a dataset of two polarities; the right half relaxes four times faster."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) * (25e-3 / samples)
    fast = np.arange(shape[1]) >= shape[1] // 2
    tau2 = np.broadcast_to(np.where(fast, 0.8e-3, 3.2e-3), shape)
    stacks = []
    for volts in voltage:
        traces = exponential_traces(time, 1.25 * tau2, tau2, np.full(shape, -0.1 if volts > 0 else 0.1))
        traces = traces + noise * lock_in_noise(rng, traces.shape, samples=lock_in)
        stacks.append(
            np.ascontiguousarray(traces.transpose(2, 0, 1)).transpose(1, 2, 0) if time_first else traces
        )
    height, width = shape
    y, x = axes_of(shape)
    topography = xr.DataArray(
        1e-9 * rng.standard_normal(shape),
        dims=("y", "x"),
        coords={"y": y, "x": x},
        name="topography",
        attrs={"units": "m", "long_name": "Topography"},
    )
    dataset = dataset_from_traces(
        stacks, time=time, x=x, y=y, voltage=list(voltage), direction=list(direction), unit=unit,
        protocol=protocol, channels=[topography],
    )  # fmt: skip
    assert dataset.sizes["y"] == height
    assert dataset.sizes["x"] == width
    return dataset


def quartiles_with_limits(values, status):
    """Return the quartiles of D, where too slow (3) is lower and too fast (4) higher than all others."""
    known = np.sort(values[status == 0])
    slow, fast = (int((status == code).sum()) for code in (3, 4))
    places = np.array([0.25, 0.5, 0.75]) * (slow + known.size + fast - 1) - slow
    assert 0 <= places[0] <= places[-1] <= known.size - 1
    return np.interp(places, np.arange(known.size), known)
