"""What the traces of a drawn surface are made of: one exponential for each pixel, or diffusion in earnest."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.physics.diffusion import tau_from_diffusion
from napari_tesm.simulation.level1 import PULSE, traces_from_diffusion
from napari_tesm.simulation.level2 import DiffusionMap
from napari_tesm.simulation.scene import PIXEL_SIZE, Scene
from napari_tesm.simulation.whole_map import count_of_tiles, map_traces

Array = NDArray[np.float64]

MODELS: Final = {
    "exponential": "level 0: each pixel relaxes as the t-ESM paper's fit assumes",
    "flux-pulse": "level 1: diffusion in each pixel by itself, a constant flux during the pulse",
    "clamped": "level 1: diffusion in each pixel by itself, the concentration under the tip held",
    "lateral": "level 2: a constant flux, and ions that diffuse across the pixels around the tip",
    "lateral-clamped": "level 2: the concentration under the tip held, and ions that diffuse across the pixels",
}
"""The models of `napari_tesm.simulation.simulate`, by name."""
LATERAL: Final = tuple(name for name in MODELS if name.startswith("lateral"))
"""Those in which pixels know of each other."""
TIP_RADIUS: Final = 25e-9
SECONDS_PER_TILE: Final = 6.2
"""What up to 5 × 5 tip radii of a map take of a core, in s: 64 × 48 pixels of the drawn surface, 12 tiles, took 75 s of
processor time on two cores that ten other processes used, too."""
_REFERENCE: Final = 4e-13
"""D, in m²/s, at which the trace's largest value is the preset's displacement."""


@dataclass(frozen=True)
class Work:
    """How the traces that take long are computed; see `napari_tesm.simulation.map_traces`."""

    jobs: int = 1
    progress: Callable[[float, str], None] | None = None


def seconds_from_size(size: tuple[int, int]) -> float:
    """Return what the traces of a lateral model take of one core, in s."""
    x, y = (np.asarray(np.arange(pixels) * PIXEL_SIZE, dtype=np.float64) for pixels in size)
    return SECONDS_PER_TILE * count_of_tiles(x, y, TIP_RADIUS)


def unit_traces(
    model: str, scene: Scene, time: Array, work: Work | None = None, *, diffusion: DiffusionMap | None = None
) -> Callable[[int], Array]:
    """Return a function that gives the traces of a row, shape (time, x), largest near 1.

    With one exponential per window D1 and D2 differ; diffusion knows one D, and takes the scene's D2. The lateral
    models take it between and beyond the pixels from `diffusion`, else from the nearest pixel.
    """
    if model == "exponential":
        driven, free = np.clip(time, 0, PULSE)[:, None], np.clip(time - PULSE, 0, None)[:, None]
        tau1, tau2 = (tau_from_diffusion(values, TIP_RADIUS) for values in (scene.d1, scene.d2))
        return lambda row: np.asarray(-np.expm1(-driven / tau1[row]) * np.exp(-free / tau2[row]))
    boundary = "clamped" if model.endswith("clamped") else "flux"

    def traces(D: Array, at: Array) -> Array:
        return traces_from_diffusion(D, time=at, pulse=PULSE, tip_radius=TIP_RADIUS, boundary=boundary)

    scale = float(traces(np.array([_REFERENCE]), np.array([PULSE]))[0, 0])
    if model not in LATERAL:
        return lambda row: np.asarray(traces(scene.d2[row], time).T / scale)
    cube = map_traces(
        diffusion or scene.d2, scene.x, scene.y,
        time=time, pulse=PULSE, tip_radius=TIP_RADIUS, boundary=boundary, **vars(work or Work()),
    )  # fmt: skip
    return lambda row: np.asarray(cube[row].T / scale)
