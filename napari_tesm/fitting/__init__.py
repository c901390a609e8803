"""The batch engine: fits one-parameter kernels to many traces at once. Plain arrays, no units, no files."""

from napari_tesm.fitting.blas import single_threaded_blas
from napari_tesm.fitting.fit import ShapeResult, fit_shapes, fit_traces
from napari_tesm.fitting.profile import TauIntervals, profile_intervals
from napari_tesm.fitting.result import FitResult
from napari_tesm.fitting.special import FEWEST_SAMPLES

__all__ = [
    "FEWEST_SAMPLES", "FitResult", "ShapeResult", "TauIntervals", "fit_shapes", "fit_traces", "profile_intervals",
    "single_threaded_blas",
]  # fmt: skip
