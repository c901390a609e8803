"""
Your own recording
==================

A recorder writes one long stream, or arrays without units. A *mapping*, a short text file, says what is what; nothing is guessed.
"""

# %%
# A recording
# -----------
# A simulated recorder of NI has written lock-in X, dc voltage and both triggers over a whole scan, line by line, into a TDMS file. Commands
# are called from Python here; in a terminal the same words follow ``tesm``.

import contextlib
import shlex
import tempfile
from pathlib import Path

from napari_tesm.cli import main

folder = Path(tempfile.mkdtemp())  # for the files of this tutorial


def tesm(words):
    """Run a command as in a terminal."""
    with contextlib.chdir(folder):
        main(shlex.split(words))


tesm("simulate -o electrode.tdms --size 16x12 --progress none")
(folder / "electrode.yaml").unlink()  # the mapping that comes along: a recorder writes none

# %%
# What is in the file, and what is missing?

tesm("info electrode.tdms")

# %%
# A mapping
# ---------
# ``tesm info --mapping electrode.tdms`` proposes one from the names of the channels; the size of the scan has to be added by somebody who
# knows it.

(folder / "electrode.yaml").write_text("""\
format: t-ESM mapping 1
recording:
  X: Recording/Lock-in X
  dc: Recording/dc voltage
  pixel trigger: Recording/Pixel trigger
  line trigger: Recording/Line trigger
scan: {pixels: 16, lines: 12, ways: [trace, retrace], voltages: [+3 V, -3 V], voltages per: way}
protocol: {tip radius: 25 nm ± 5 nm}
""")

tesm("info --mapping electrode.yaml electrode.tdms")

# %%
# Import
# ------
# Pulses are placed by when they came. A dropped or doubled trigger costs its own pixel and moves no other; the report says what became of
# every pulse. Images of the microscope come along.

tesm("import electrode.tdms --scan electrode_afm.gwy -o electrode.gwy --progress none")

# %%
# Fit
# ---

tesm("fit electrode.gwy -o electrode_D.gwy --progress none")

# %%
# From Python the recording is opened directly, the mapping beside it is found:

import matplotlib.pyplot as plt
import numpy as np

from napari_tesm import fit, open_dataset

dataset = open_dataset(folder / "electrode.tdms")
maps = fit(dataset)
figure, panels = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for panel, pulse in zip(panels, range(2)):
    shown = panel.imshow(np.log10(maps["D2"].isel(pulse=pulse)))
    panel.set(title=f"log10 D2 (m²/s), {float(maps['voltage'][pulse]):+g} V", xticks=[], yticks=[])
    figure.colorbar(shown, ax=panel)

# %%
# In napari, *Import a t-ESM recording* asks for the same entries in a form. All entries of a mapping are in :doc:`/from_the_instrument`.
