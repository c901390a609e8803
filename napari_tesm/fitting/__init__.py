"""The batch engine: fits one-parameter kernels to many traces at once. Plain arrays, no units, no files."""

from napari_tesm.fitting.blas import single_threaded_blas
from napari_tesm.fitting.fit import FitResult, fit_traces

__all__ = ["FitResult", "fit_traces", "single_threaded_blas"]
