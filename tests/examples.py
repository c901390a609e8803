"""Small datasets with known truth, for tests."""

import numpy as np
import xarray as xr

from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol

TIP_RADIUS = 25e-9
PROTOCOL = PulseProtocol(
    pulse_start=0.0, pulse_duration=10e-3, ac_amplitude=2.0, ac_frequency=25e3, tip_radius=TIP_RADIUS,
    tip_radius_error=5e-9,
)  # fmt: skip


def exponential_traces(time, tau1, tau2, amplitude, *, duration=10e-3):
    """Return pulse and relaxation without noise, shape (..., time)."""
    tau1, tau2, amplitude = (np.asarray(values, dtype=float)[..., None] for values in (tau1, tau2, amplitude))
    rise = 1 - np.exp(-np.clip(time, 0, duration) / tau1)
    return amplitude * rise * np.exp(-np.clip(time - duration, 0, None) / tau2)


def example_dataset(
    *, shape=(6, 9), samples=250, noise=0.004, seed=0, protocol=PROTOCOL, unit="V", voltage=(3.0, -3.0),
    direction=("trace", "retrace"), time_first=True,
) -> xr.Dataset:  # fmt: skip
    """Return a dataset of two polarities; the right half relaxes four times faster."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) * (25e-3 / samples)
    fast = np.arange(shape[1]) >= shape[1] // 2
    tau2 = np.broadcast_to(np.where(fast, 0.8e-3, 3.2e-3), shape)
    stacks = []
    for volts in voltage:
        traces = exponential_traces(time, 1.25 * tau2, tau2, np.full(shape, -0.1 if volts > 0 else 0.1))
        traces = traces + noise * rng.standard_normal(traces.shape)
        stacks.append(
            np.ascontiguousarray(traces.transpose(2, 0, 1)).transpose(1, 2, 0) if time_first else traces
        )
    height, width = shape
    y, x = (np.arange(count) + 0.5 for count in shape)
    topography = xr.DataArray(
        1e-9 * rng.standard_normal(shape),
        dims=("y", "x"),
        coords={"y": y * 8e-9, "x": x * 10e-9},
        name="topography",
        attrs={"units": "m", "long_name": "Topography"},
    )
    dataset = dataset_from_traces(
        stacks, time=time, x=x * 10e-9, y=y * 8e-9, voltage=list(voltage), direction=list(direction), unit=unit,
        protocol=protocol, channels=[topography],
    )  # fmt: skip
    assert dataset.sizes["y"] == height
    assert dataset.sizes["x"] == width
    return dataset
