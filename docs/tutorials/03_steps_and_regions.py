"""
Steps and regions
=================

How much faster do ions move at a step than in the grains beside it? Regions say where, and a test says whether.
"""

# %%
# Regions are drawn in napari or in Gwyddion and saved with the maps; here they are made in Python.

import tempfile
from pathlib import Path

import numpy as np

from napari_tesm import fit, save, simulate_dataset
from napari_tesm.regions.shapes import Region

dataset = simulate_dataset("si-c-step", size=(64, 48), samples=120, seed=1)
maps = fit(dataset, tip_radius="25 nm")

import matplotlib.pyplot as plt

x, y = (1e9 * dataset[name].values for name in ("x", "y"))
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
shown = axes.imshow(np.log10(maps["D2"].isel(pulse=1)), extent=(x[0], x[-1], y[-1], y[0]))
figure.colorbar(shown, label="log10 D2 (m²/s)")
axes.set(xlabel="x (nm)", ylabel="y (nm)")

step = Region("line", ((88e-9, 240e-9), (216e-9, 66e-9)), name="step 1", region_class="step", width=18e-9)
grain = Region(
    "rectangle",
    ((20e-9, 90e-9), (90e-9, 90e-9), (90e-9, 190e-9), (20e-9, 190e-9)),
    name="grain 1",
    region_class="grain",
)
for region, colour in ((step, "tab:red"), (grain, "white")):
    corners = 1e9 * np.array([*region.vertices, region.vertices[0]])
    axes.plot(*corners.T, color=colour, label=region.name)
axes.legend()

# %%
# The table
# ---------
# Median and spread of H, tau and D in each region and class, and steps against grains: the ratio with its interval, the effect size, and a
# rank test that knows that neighbouring pixels are alike.

from napari_tesm.cli import main

path = Path(tempfile.mkdtemp()) / "scan_D.gwy"
save(path, dataset, maps, regions=[step, grain])
main(["regions", str(path)])

# %%
# In napari: the tab *Regions*; *Find steps* proposes outlines of steps from topography and deflection error. A line across a step is a
# *Profile* with the step's width. A step narrower than the distance ions diffuse during a pulse looks slower than it is:
# :doc:`05_lateral_diffusion`.
