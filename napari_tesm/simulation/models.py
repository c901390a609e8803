"""What the traces of a drawn surface are made of: one exponential for each pixel, or diffusion in earnest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.physics.diffusion import tau_from_diffusion
from napari_tesm.simulation.level1 import PULSE, traces_from_diffusion
from napari_tesm.simulation.level2 import TipModel
from napari_tesm.simulation.positions import SECONDS_PER_TRACE, map_diffusion, traces_at
from napari_tesm.simulation.scene import Scene

Array = NDArray[np.float64]

MODELS: Final = {
    "exponential": "level 0: each pixel relaxes as the t-ESM paper's fit assumes",
    "flux-pulse": "level 1: diffusion in each pixel by itself, a constant flux during the pulse",
    "clamped": "level 1: diffusion in each pixel by itself, the concentration under the tip held",
    "lateral": "level 2: a constant flux, and ions that diffuse across the pixels around the tip",
}
"""The models of `napari_tesm.simulation.simulate`, by name."""
TIP_RADIUS: Final = 25e-9
_REFERENCE: Final = 4e-13
"""D, in m²/s, at which the trace's largest value is the preset's displacement."""


@dataclass(frozen=True)
class Work:
    """How the traces that take long are computed; see `napari_tesm.simulation.traces_at`."""

    jobs: int = 1
    known: Mapping[int, Array] | None = None
    store: Callable[[int, Array], None] | None = None
    progress: Callable[[float, str], None] | None = None


def seconds_from_size(size: tuple[int, int]) -> float:
    """Return what the traces of the lateral model take of one core, in s."""
    return SECONDS_PER_TRACE * size[0] * size[1]


def unit_traces(model: str, scene: Scene, time: Array, work: Work | None = None) -> Callable[[int], Array]:
    """Return a function that gives the traces of a row, shape (time, x), largest near 1.

    With one exponential per window D1 and D2 differ; diffusion knows one D, and takes the scene's D2.
    """
    if model == "exponential":
        driven, free = np.clip(time, 0, PULSE)[:, None], np.clip(time - PULSE, 0, None)[:, None]
        tau1, tau2 = (tau_from_diffusion(diffusion, TIP_RADIUS) for diffusion in (scene.d1, scene.d2))
        return lambda row: np.asarray(-np.expm1(-driven / tau1[row]) * np.exp(-free / tau2[row]))
    boundary = "clamped" if model == "clamped" else "flux"

    def traces(D: Array, at: Array) -> Array:
        return traces_from_diffusion(D, time=at, pulse=PULSE, tip_radius=TIP_RADIUS, boundary=boundary)

    scale = float(traces(np.array([_REFERENCE]), np.array([PULSE]))[0, 0])
    if model != "lateral":
        return lambda row: np.asarray(traces(scene.d2[row], time).T / scale)
    tip = TipModel(map_diffusion(scene.x, scene.y, scene.d2), time=time, pulse=PULSE, tip_radius=TIP_RADIUS)
    across, down = np.meshgrid(scene.x, scene.y)
    cube = traces_at(tip, np.column_stack([across.ravel(), down.ravel()]), **vars(work or Work()))
    cube = cube.reshape(*scene.d2.shape, time.size) / scale
    return lambda row: np.asarray(cube[row].T)
