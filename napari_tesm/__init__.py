"""Diffusion-coefficient maps from time-domain electrochemical strain microscopy (t-ESM).

>>> from napari_tesm import open_dataset, fit, save, simulate_dataset
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_tesm.version import __version__

if TYPE_CHECKING:
    from napari_tesm.interface import compare_histograms, fit, kernel_choice, lateral, pure_diffusion, save
    from napari_tesm.io.registry import open_dataset, open_datasets
    from napari_tesm.io.series import open_series
    from napari_tesm.simulation import simulate_dataset

__all__ = [
    "__version__", "compare_histograms", "fit", "kernel_choice", "lateral", "open_dataset", "open_datasets",
    "open_series", "pure_diffusion", "save", "simulate_dataset",
]  # fmt: skip

# Loaded when first asked for: `import napari_tesm` itself costs nothing.
_HOMES = {
    "compare_histograms": "napari_tesm.interface",
    "fit": "napari_tesm.interface",
    "kernel_choice": "napari_tesm.interface",
    "lateral": "napari_tesm.interface",
    "pure_diffusion": "napari_tesm.interface",
    "save": "napari_tesm.interface",
    "open_dataset": "napari_tesm.io.registry",
    "open_datasets": "napari_tesm.io.registry",
    "open_series": "napari_tesm.io.series",
    "simulate_dataset": "napari_tesm.simulation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'napari_tesm' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
