"""A drawn electrode surface: grains, two steps, a spot without response, and what they do to D and amplitude.

Shapes follow the t-ESM paper's Figs. 4 and 7: a diagonal step of 12 nm with D2 near 1e-12 m²/s, a second one of
35 nm, 6e-13 beside the step rising slightly further away at one side, 4e-13 at the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PIXEL_SIZE: Final = 6e-9
STEP_DIFFUSION: Final = 1e-12
"""D2 on the steps, in m²/s."""
STEP_WIDTH: Final = 12e-9
SECOND_STEP_WIDTH: Final = 35e-9

GRAIN, STEP, NO_RESPONSE, DEAD_LINE, HOT_PIXEL = range(5)
CLASSES: Final = ("grain", "step", "no_response", "dead_line", "hot_pixel")
"""Names of the pixel classes, by their number."""

STEP_ANGLE: Final = np.deg2rad(55)
FEEDBACK_LAG: Final = 8e-3
"""Deflection error, in V, for a slope of one."""
SECOND_STEP_DISTANCE: Final = 110e-9
_GRAIN_SIZE: Final = 70e-9


@dataclass(frozen=True)
class Scene:
    """Maps of shape (y, x): diffusion coefficients in m²/s, relative amplitude, channels in SI units.

    Parameters
    ----------
    classes : ndarray of int
        Index into `CLASSES`.
    distance : ndarray
        Signed distance from the middle of the first step, in m.
    """

    x: Array
    y: Array
    d1: Array
    d2: Array
    amplitude: Array
    topography: Array
    deflection_error: Array
    classes: NDArray[np.int8]
    distance: Array


def drawn_scene(
    width: int, height: int, rng: np.random.Generator, *, drift: tuple[float, float] = (0.0, 0.0)
) -> Scene:
    """Return a surface of `width` × `height` pixels of 6 nm.

    Parameters
    ----------
    rng : Generator
        In the same state it draws the same surface, whatever the drift.
    drift : (float, float)
        By how much the surface lies further to the right and down than without, in m.
    """
    x = np.asarray((np.arange(width) + 0.5) * PIXEL_SIZE, dtype=np.float64)
    y = np.asarray((np.arange(height) + 0.5) * PIXEL_SIZE, dtype=np.float64)
    across, down = np.meshgrid(x - drift[0], y - drift[1])
    distance = distance_from_step(across, down, width, height)
    step = _step_share(distance)

    grain, tilt = _Grains.drawn(width, height, rng).at(across, down)
    d2 = _diffusion_from(distance, grain)
    amplitude = (0.55 + 0.05 * grain) * (1 - step) + step

    classes = np.where(step > 0.5, STEP, GRAIN).astype(np.int8)
    spot = ((across - 0.85 * width * PIXEL_SIZE) / 45e-9) ** 2 + (
        (down - 0.2 * height * PIXEL_SIZE) / 30e-9
    ) ** 2
    classes[spot < 1] = NO_RESPONSE
    amplitude[spot < 1] = 0.0

    # Terraces of different height on the two sides of each step, on softly tilted grains.
    topography = 12e-9 * _rise(distance, STEP_WIDTH) + 20e-9 * _rise(
        distance - SECOND_STEP_DISTANCE, SECOND_STEP_WIDTH
    )
    topography = topography + 3e-9 * tilt
    # The deflection error follows the slope along the fast axis, as the feedback lags behind.
    slope = np.gradient(topography, PIXEL_SIZE, axis=1) if width > 1 else np.zeros_like(topography)
    return Scene(
        x, y, d2 / 2, d2, amplitude, topography, FEEDBACK_LAG * slope, classes, distance
    )  # fmt: skip


def diffusion_of_scene(width: int, height: int, rng: np.random.Generator) -> Callable[[Array, Array], Array]:
    """Return D2, in m²/s, of a drawn surface as a function of x and y, in m: between the pixels and beyond them, too.

    Steps go on, and so do the grains at the edge.

    Parameters
    ----------
    rng : Generator
        In the state in which `drawn_scene` was given it.
    """
    grains = _Grains.drawn(width, height, rng)
    return lambda x, y: _diffusion_from(distance_from_step(x, y, width, height), grains.at(x, y)[0])


def distance_from_step(across: Array, down: Array, width: int, height: int) -> Array:
    """Return the signed distance from the middle of the first step, in m: positive to its lower right.

    It runs through a point left of the middle of a surface of `width` × `height` pixels, the second step
    `SECOND_STEP_DISTANCE` beside it.
    """
    dx, dy = across - 0.4 * width * PIXEL_SIZE, down - 0.5 * height * PIXEL_SIZE
    return np.asarray(dx * np.sin(STEP_ANGLE) + dy * np.cos(STEP_ANGLE))


def band(distance: Array, width: float) -> Array:
    """Return 1 inside a band and 0 outside, soft over a fraction of its width; one half at ± width / 2."""
    return np.asarray(1 / (1 + (2 * distance / width) ** 8))


def _rise(distance: Array, width: float) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(2 * distance / width)))


def _step_share(distance: Array) -> Array:
    """Return how much of a place is step, 0 … 1."""
    first = band(distance, STEP_WIDTH)
    return np.maximum(first, band(distance - SECOND_STEP_DISTANCE, SECOND_STEP_WIDTH))


def _diffusion_from(distance: Array, grain: Array) -> Array:
    """Return D2, in m²/s, at a distance from the first step, in m, in grains of a number."""
    beyond = np.clip(-distance / 200e-9, 0, 1)
    in_grains = np.where(distance < 0, 6e-13 * (1 + 0.15 * beyond), 4e-13) * np.exp(0.08 * grain)
    step = _step_share(distance)
    return np.asarray(np.exp(np.log(in_grains) * (1 - step) + np.log(STEP_DIFFUSION) * step))


@dataclass(frozen=True)
class _Grains:
    """Grains: what is nearest to each centre, shape (grain, 2), in m, with a number and the direction of its tilt."""

    centres: Array
    numbers: Array
    angles: Array

    @classmethod
    def drawn(cls, width: int, height: int, rng: np.random.Generator) -> "_Grains":
        extent = (np.array([width, height]) + 0.5) * PIXEL_SIZE
        count = max(2, int(extent.prod() / _GRAIN_SIZE**2))
        centres = rng.uniform(0, 1, (count, 2)) * extent
        return cls(centres, np.clip(rng.standard_normal(count), -2, 2), rng.uniform(0, 2 * np.pi, count))

    def at(self, across: Array, down: Array) -> tuple[Array, Array]:
        """Return the number of the grain at each place, and a height that is tilted within each grain."""
        from scipy.spatial import cKDTree  # slow to load, and needed here alone

        # By a tree: a table of every distance would take 60 GB for a million pixels.
        nearest = cKDTree(self.centres).query(np.stack([across, down], axis=-1))[1]
        angles = self.angles[nearest]
        from_centre = (across - self.centres[nearest, 0]) * np.cos(angles)
        from_centre += (down - self.centres[nearest, 1]) * np.sin(angles)
        return self.numbers[nearest], from_centre / _GRAIN_SIZE
