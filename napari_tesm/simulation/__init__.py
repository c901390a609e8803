"""Forward models that make datasets with known diffusion coefficients, and recordings of them."""

from napari_tesm.simulation.acquisition import Acquisition, simulate_acquisition
from napari_tesm.simulation.level0 import PRESETS, Simulation, simulate, simulate_dataset
from napari_tesm.simulation.timing import Timing

__all__ = [
    "PRESETS",
    "Acquisition",
    "Simulation",
    "Timing",
    "simulate",
    "simulate_acquisition",
    "simulate_dataset",
]
