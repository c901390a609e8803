"""
Narrow steps
============

A step narrower than the distance ions diffuse during a pulse is averaged with what is around it. Taking lateral diffusion out recovers it.
"""

# %%
# A fast band of 36 nm
# --------------------
# Exact traces in three dimensions: D inside the band is two and a half times that outside. The tip has a radius of 25 nm, and the pulse lasts
# as long as ions need for some tens of nm.

import numpy as np

from napari_tesm import lateral
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.simulation import map_traces, record_times

x, y = 6e-9 * np.arange(26), 6e-9 * np.arange(6)
true_d = np.where(np.abs(x - x.mean()) < 18e-9, 1e-12, 4e-13) * np.ones((6, 1))
traces = map_traces(true_d, x, y)
noise = np.random.default_rng(1).standard_normal(traces.shape) * traces.max() / 100
time = record_times()
dataset = dataset_from_traces(
    [traces + noise],
    time=time,
    x=x,
    y=y,
    voltage=[-3.0],
    protocol=PulseProtocol(0.0, 10e-3, tip_radius=25e-9),
)

# %%
# The inversion
# -------------
# All traces are explained by one map D(x, y); what each pixel by itself gives stands beside it.

maps = lateral(dataset, noise="white", nuisance="none").isel(pulse=0)

import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
axes.plot(1e9 * x, true_d[0], color="0.6", label="true")
axes.plot(1e9 * x, np.median(maps["D"], axis=0), "o", label="each pixel by itself")
axes.plot(1e9 * x, np.median(maps["D_lateral"], axis=0), "s", label="lateral diffusion taken out")
axes.set(xlabel="x (nm)", ylabel="D (m²/s)", yscale="log")
axes.legend(frameon=False, loc="upper left", fontsize=8)

# %%
# Resolution and prior are part of the answer:

import json

found = json.loads(maps.attrs["lateral"])[0]
print(f"half of a contrast is recovered at half a period of {found['resolution'] * 1e9:.0f} nm")

# %%
# On the command line: ``tesm lateral scan.gwy -o scan_L.gwy --tip-radius 25nm``. What it assumes and what it cannot do: :doc:`/lateral`.
