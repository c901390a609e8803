"""
First D map
===========

From a scan to maps of the diffusion coefficient with errors, in Python and on the command line.
"""

# %%
# A scan
# ------
# A t-ESM scan holds a time trace in every pixel: a pulse of dc voltage of 10 ms, then relaxation. The package can simulate one: a
# Si/C electrode with two fast steps across its grains.

import tempfile
from pathlib import Path

from napari_tesm import fit, save, simulate_dataset

folder = Path(tempfile.mkdtemp())  # for the files of this tutorial
dataset = simulate_dataset("si-c-step", size=(48, 36), samples=120, seed=1)
save(folder / "scan.gwy", dataset)
dataset

# %%
# A scan of your own is opened in the same way; its traces stay in the file until they are needed:
#
# .. code-block:: python
#
#     from napari_tesm import open_dataset
#     dataset = open_dataset("scan.gwy")
#
# One pixel looks like this:

import matplotlib.pyplot as plt

trace = dataset["displacement"].isel(pulse=0, y=14, x=20)
fig, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(1e3 * trace["time"], 1e3 * trace)
axes.axvspan(0, 10, color="0.9", label="pulse")
axes.set(xlabel="time (ms)", ylabel="displacement (mV)")
axes.legend(frameon=False)

# %%
# The fit
# -------
# Each pixel is fitted twice: while the pulse drives (tau1, D1) and while it relaxes (tau2, D2). D = l²/tau needs a length: the radius of
# the tip. Pixels that do not deserve a number get none, and a status says why.

maps = fit(dataset, tip_radius="25 nm", threshold=0.15)
maps

# %%
# Maps
# ----
# A map is an array like any other; `nan` where there is no number.

import numpy as np

figure, panels = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for panel, name in zip(panels, ("D1", "D2")):
    shown = panel.imshow(np.log10(maps[name].isel(pulse=0)))
    panel.set(title=f"log10 {name} (m²/s)", xticks=[], yticks=[])
    figure.colorbar(shown, ax=panel)

# %%
# How many pixels were accepted, and how fast do ions move in half of them?

accepted = maps["D2"].isel(pulse=0).values
print(f"{np.isfinite(accepted).mean():.0%} of the pixels have a D2")
print(f"median D2: {np.nanmedian(accepted):.2g} m²/s")
ln_error = np.nanmedian((maps["D2_stderr"] / maps["D2"]).isel(pulse=0))
print(f"median standard error: {ln_error:.0%}")

# %%
# Saved beside what the scan held, with the recipe in it; Gwyddion and napari open the file.

save(folder / "scan_D.gwy", dataset, maps)

# %%
# The same without Python
# -----------------------
#
# .. code-block:: sh
#
#     tesm fit scan.gwy -o scan_D.gwy --tip-radius 25nm --figure scan_D.png
#     tesm view scan_D.gwy
#
# gives the same numbers to the last bit. What a D means, and what it does not, is in :doc:`/kernels`.
