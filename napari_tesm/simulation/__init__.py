"""Forward models that make datasets with known diffusion coefficients, and recordings of them."""

from napari_tesm.simulation.acquisition import Acquisition, simulate_acquisition
from napari_tesm.simulation.drift import DriftTrace, Host, drift_trace, voltage_series
from napari_tesm.simulation.half_space import RingGrid
from napari_tesm.simulation.instrument_noise import InstrumentNoise
from napari_tesm.simulation.level0 import PRESETS, Simulation, check_simulation, simulate, simulate_dataset
from napari_tesm.simulation.level1 import record_times, step_response, traces_from_diffusion
from napari_tesm.simulation.level2 import BoxGrid, TipModel
from napari_tesm.simulation.models import LATERAL, MODELS, Work, seconds_from_size
from napari_tesm.simulation.positions import apparent_diffusion, band_diffusion, map_diffusion, traces_at
from napari_tesm.simulation.timing import Timing
from napari_tesm.simulation.voltage_scans import SERIES_PRESET, SimulatedSeries, simulate_series
from napari_tesm.simulation.whole_map import map_traces

__all__ = [
    "LATERAL",
    "MODELS",
    "PRESETS",
    "SERIES_PRESET",
    "Acquisition",
    "BoxGrid",
    "DriftTrace",
    "Host",
    "InstrumentNoise",
    "RingGrid",
    "SimulatedSeries",
    "Simulation",
    "Timing",
    "TipModel",
    "Work",
    "apparent_diffusion",
    "band_diffusion",
    "check_simulation",
    "drift_trace",
    "map_diffusion",
    "map_traces",
    "record_times",
    "seconds_from_size",
    "simulate",
    "simulate_acquisition",
    "simulate_dataset",
    "simulate_series",
    "step_response",
    "traces_at",
    "traces_from_diffusion",
    "voltage_series",
]
