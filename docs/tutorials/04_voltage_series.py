"""
A voltage series
================

Scans of one area with several voltages tell places that saturate from those that go on rising: Figure 6 of the t-ESM paper.
"""

# %%
# Six scans
# ---------
# The simulated series follows the paper's: pulses of -3 to -10 V over one area that drifts from scan to scan.

import tempfile
from pathlib import Path

from napari_tesm import fit, open_dataset
from napari_tesm.cli import main

folder = Path(tempfile.mkdtemp()) / "series"
main(["simulate", "--preset", "paper-series", "--samples", "100", "-o", str(folder), "--progress", "none"])
names = sorted(folder.glob("si_c_*.gwy"))

# %%
# One set of windows and one threshold for all:

datasets = [open_dataset(name) for name in names]
results = [fit(dataset, tip_radius="25 nm", threshold="5sigma") for dataset in datasets]

# %%
# Laid on each other
# ------------------
# The shift between scans is measured from their images, with an error. Maps are moved, traces never.

import matplotlib.pyplot as plt

from napari_tesm.plotting.series import draw_point_values, draw_series_maps, draw_shifts, draw_verdicts
from napari_tesm.series import (
    aligned_series,
    counts_of_verdicts,
    images_of_pulses,
    point_curves,
    series_from_results,
    verdict_map,
)

images = [
    images_of_pulses(
        {
            channel.attrs["long_name"]: channel
            for name, channel in dataset.data_vars.items()
            if set(channel.dims) == {"y", "x"}
        },
        dataset.attrs["traces"],
        dataset.sizes["pulse"],
    )
    for dataset in datasets
]
series, *_ = series_from_results(results, images=images, names=[name.stem for name in names])
aligned = aligned_series(series)
figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
draw_shifts(axes, aligned)

# %%
# H of all voltages on one colour scale:

figure = plt.figure(figsize=(8, 4.4), layout="constrained")
draw_series_maps(figure, aligned)

# %%
# Verdicts
# --------
# Each pixel, with its neighbours, either rises with the voltage, saturates, peaks, or does not respond. The test knows the noise and how
# many comparisons it makes.

verdicts = verdict_map(aligned)
print(counts_of_verdicts(verdicts))
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
draw_verdicts(axes, verdicts)

# %%
# Points
# ------
# Mean and standard deviation of three neighbouring pixels:

from napari_tesm.regions.shapes import PinnedPoint

x, y = (aligned.grid[name].values for name in ("x", "y"))
points = [
    PinnedPoint(number, float(x[column]), float(y[row]))
    for number, (column, row) in enumerate(((9, 16), (10, 38), (56, 36)), 1)
]
curves = point_curves(aligned, points)
figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
draw_point_values(axes, curves)
for curve in curves:
    print(f"point at ({curve.x * 1e9:.0f}, {curve.y * 1e9:.0f}) nm: {curve.verdict}")

# %%
# The same in one command, as an HTML page with figures and tables:
#
# .. code-block:: sh
#
#     tesm report series/*.gwy -o series_report --tip-radius 25nm
#
# and in napari in the tab *Series*.
