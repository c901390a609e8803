"""The batch engine: fits one-parameter kernels to many traces at once. Plain arrays, no units, no files."""

from napari_tesm.fitting.blas import single_threaded_blas
from napari_tesm.fitting.fit import FEWEST_SAMPLES, FitResult, fit_traces

__all__ = ["FEWEST_SAMPLES", "FitResult", "fit_traces", "single_threaded_blas"]
