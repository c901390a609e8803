"""Draw docs/images/volumes.png: a simulated electrode volume, its surfaces, thickness, a section and the profile."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from napari_tesm.plotting.volumes import attenuation_colours
from napari_tesm.volumes.dataset import INTENSITY
from napari_tesm.volumes.levels import levels_of
from napari_tesm.volumes.profile import profile_of
from napari_tesm.volumes.sections import section_at
from napari_tesm.volumes.simulation import simulate_volume
from napari_tesm.volumes.surfaces import surfaces_of

MICROMETRE = 1e-6


def draw(figure: Figure) -> None:
    """Draw the four panels."""
    volume, _ = simulate_volume("np-si-2000", shape=(210, 160, 190), seed=2)
    levels = levels_of(volume)
    surfaces = surfaces_of(volume, levels)
    profile = profile_of(volume, levels, surfaces, reach=8e-6)
    section = section_at(volume, levels, surfaces, 972e-9)
    x, y = (volume[axis].values / MICROMETRE for axis in ("x", "y"))
    height = volume["z"].values[-1] / MICROMETRE
    colours = attenuation_colours()
    (cut_axes, map_axes), (section_axes, profile_axes) = figure.subplots(2, 2)
    row = len(y) // 2
    cut = levels.normalised(volume[INTENSITY][:, row].values)
    shown = cut_axes.imshow(cut, origin="lower", extent=(0, x[-1], 0, height), cmap=colours, vmin=0, vmax=0.3)
    for name, colour in (("collector_surface", "white"), ("electrode_surface", "#ff4fd8")):
        cut_axes.plot(x, surfaces[name].values[row] / MICROMETRE, color=colour, lw=1.2)
    cut_axes.set(title="Upright section, both surfaces", xlabel="x (µm)", ylabel="z (µm)")
    figure.colorbar(shown, ax=cut_axes, label="Attenuation", extend="max")
    extent = (0, x[-1], y[-1], 0)
    shown = map_axes.imshow(surfaces["thickness"].values / MICROMETRE, extent=extent)
    map_axes.set(title="Thickness", xlabel="x (µm)", ylabel="y (µm)")
    figure.colorbar(shown, ax=map_axes, label="µm")
    shown = section_axes.imshow(section.values, extent=extent, cmap=colours, vmin=0, vmax=0.3)
    section_axes.set(title="Section 972 nm above the collector", xlabel="x (µm)", ylabel="y (µm)")
    figure.colorbar(shown, ax=section_axes, label="Attenuation", extend="max")
    distance = profile.distance / MICROMETRE
    profile_axes.axvspan(
        0, profile.mixed_below / MICROMETRE, color="#d8d8d8", label="mixed with the collector"
    )
    band = profile.attenuation + np.multiply.outer((-1, 1), profile.sd)
    profile_axes.fill_between(distance, *band, alpha=0.25, lw=0, label="± standard deviation")
    profile_axes.plot(distance, profile.attenuation, label="all voxels")
    profile_axes.plot(distance, profile.within, "--", label="below the electrode's surface")
    profile_axes.set(title="Profile", xlabel="distance from the collector (µm)", ylabel="Attenuation",
                     xlim=(0, distance[-1]), ylim=(-0.07, 0.32))  # fmt: skip
    profile_axes.legend(fontsize=8, frameon=False)


if __name__ == "__main__":
    page = Figure(figsize=(9.6, 7.2), dpi=100, facecolor="white", layout="compressed")
    draw(page)
    page.savefig(Path(__file__).parent / "images" / "volumes.png")
