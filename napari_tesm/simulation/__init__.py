"""Forward models that make datasets with known diffusion coefficients."""

from napari_tesm.simulation.level0 import PRESETS, Simulation, simulate, simulate_dataset

__all__ = ["PRESETS", "Simulation", "simulate", "simulate_dataset"]
