"""
Electrode volumes
=================

How thick is the electrode, how lithiated at which depth, and where has it come off its collector? X-ray nano-tomograms say it.
"""

# %%
# A volume
# --------
# A simulated electrode of silicon nanoparticles after 2000 cycles, with voxels of 60 nm. TIFF stacks, HDF5, OME-Zarr, MRC, NRRD, Amira and
# Zeiss files are opened in the same way; a voxel size that a file does not say is never guessed.

from napari_tesm.volumes.simulation import simulate_volume

volume, truth = simulate_volume("np-si-2000", shape=(210, 120, 140), seed=2)
volume

# %%
# Surfaces and thickness
# ----------------------

from napari_tesm.volumes.levels import levels_of
from napari_tesm.volumes.surfaces import surfaces_of
from napari_tesm.volumes.thickness import thickness_of_electrode

levels = levels_of(volume)
surfaces = surfaces_of(volume, levels)
thickness = thickness_of_electrode(surfaces)
print(
    f"{thickness.mean * 1e6:.2f} µm ± {thickness.sd * 1e6:.2f} µm over the field, "
    f"standard error of the mean {thickness.mean_error * 1e6:.2f} µm"
)
print(f"true: {float(truth['thickness'].mean()) * 1e6:.2f} µm")

# %%
# A section across, with both surfaces:

import matplotlib.pyplot as plt

from napari_tesm.plotting.volumes import attenuation_colours

row = 60
section = levels.normalised(volume["intensity"][:, row].values)
x, z = (volume[axis].values * 1e6 for axis in ("x", "z"))
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
shown = axes.imshow(
    section, origin="lower", extent=(x[0], x[-1], z[0], z[-1]), cmap=attenuation_colours(), vmin=0, vmax=0.3
)
for name in ("collector_surface", "electrode_surface"):
    axes.plot(x, surfaces[name][row] * 1e6, color="white", lw=1)
axes.set(xlabel="x (µm)", ylabel="z (µm)")
figure.colorbar(shown, label="attenuation")

# %%
# Attenuation against the distance from the collector
# ---------------------------------------------------
# The distance is Euclidean, from the collector's rough surface.

from napari_tesm.volumes.profile import profile_of

profile = profile_of(volume, levels, surfaces)
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
axes.axvspan(0, profile.mixed_below * 1e6, color="0.9", label="mixed with the collector")
axes.errorbar(profile.distance * 1e6, profile.attenuation, profile.mean_error, label="all voxels")
axes.set(xlabel="distance from the collector (µm)", ylabel="attenuation")
axes.legend(frameon=False)

# %%
# Several states side by side, gaps, agglomerates and segmentation are commands: ``tesm volume compare``, ``bodies``, ``segment``. See
# :doc:`/volumes`.
