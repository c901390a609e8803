"""Draws `docs/images/grains.png`: simulated grains, their boundaries, and what a simulated D2 does there."""

import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_tesm.grains import (
    boundaries_from_grains,
    curve_from_boundary,
    defect_candidates,
    grains_from_image,
    overrides_from_regions,
)
from napari_tesm.plotting.grains import draw_against_distance, draw_classes, draw_grains

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from simulated_grains import maps_of_grains, simulated_grains


def main() -> None:
    """Draw the picture."""
    truth = simulated_grains(
        "domes", shape=(128, 128), count=30, noise=0.6e-9, tilt=0.05, lines=0.4e-9, seed=3
    )
    image = truth.topography
    rows, columns = np.indices(image.shape)
    image += 40e-9 * np.exp(-((rows - 40) ** 2 + (columns - 90) ** 2) / 12)
    x = y = (np.arange(128) + 0.5) * 5e-9
    grains = grains_from_image(image, truth.spacing, source="Topography", unit="m")
    particles = [one.region for one in defect_candidates(image, x, y, spacing=truth.spacing)]
    overrides = overrides_from_regions(particles, x, y, spacing=truth.spacing)
    boundaries = boundaries_from_grains(grains, 25e-9, overrides=overrides)
    values = maps_of_grains(truth, ratio=1.8)["D2"].values[0]
    figure = Figure(figsize=(11, 3.6))
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3)
    draw_grains(axes[0], image, grains, title="Topography, simulated", unit="m", boundaries=boundaries)
    draw_classes(axes[1], values, boundaries, name="D2", unit="m²/s", log=True)
    curve = curve_from_boundary(values, boundaries, bin_width=5e-9, logarithmic=True)
    draw_against_distance(axes[2], {"D2": curve}, name="D2", unit="m²/s", width=25e-9, log=True)
    figure.subplots_adjust(left=0.05, right=0.99, bottom=0.15, top=0.92, wspace=0.28)
    figure.savefig(HERE / "images" / "grains.png", dpi=90, metadata={"Software": None})


if __name__ == "__main__":
    main()
