"""A simulated electrode volume with known surfaces: what X-ray nano-tomography would show of an electrode made up here.

A rough, tilted collector; on it a porous electrode with particles, agglomerates, cracks, and where the preset says so a
gap to the collector; the blur of the optics, rings of the reconstruction about the axis of rotation, and noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.files.sentences import Field, Sentence
from napari_tesm.volumes.dataset import Voxel, volume_from_array

Array = NDArray[np.float64]

_OFFSET, _SCALE = 120.0, 850.0
"""Grey values of air, and of the collector above it: arbitrary, as a reconstruction's are."""
_MOST_VOXELS: Final = 300_000_000
_LEAST: Final = 32
_BASE: Final = 1.2e-6
"""Mean height of the collector's surface."""


@dataclass(frozen=True)
class Electrode:
    """What is simulated; lengths in m, attenuation relative to air (0) and collector (1).

    Parameters
    ----------
    thickness, thickness_sd : float
    matrix, particle : float
        Attenuation of binder, carbon and fine particles, and of coarse ones.
    particles, agglomerates : float
        Number in each cubic micrometre of electrode; of agglomerates in each square micrometre of collector.
    gap, gap_fraction : float
        Height of the gap, and the part of the area it has.
    cracks : int
        Sheets through the electrode.
    """

    thickness: float
    thickness_sd: float
    matrix: float
    particle: float
    particles: float = 1.0
    agglomerates: float = 0.0
    gap: float = 0.0
    gap_fraction: float = 0.0
    cracks: int = 0


PRESETS: Final = {
    "np-si-pristine": Electrode(2.0e-6, 0.5e-6, 0.18, 0.28, particles=2.0),
    "np-si-lithiated": Electrode(4.0e-6, 0.6e-6, 0.06, 0.12),
    "np-si-2000": Electrode(
        6.2e-6, 1.2e-6, 0.06, 0.2, 0.5, agglomerates=0.12, gap=0.4e-6, gap_fraction=0.25, cracks=2
    ),
    "collector": Electrode(0.0, 0.0, 0.0, 0.0, particles=0.0),
    "np-si-500": Electrode(16.8e-6, 2.0e-6, 0.045, 0.1, particles=0.2, cracks=1),
    "np-si-1556": Electrode(6.0e-6, 1.2e-6, 0.06, 0.11, particles=0.5),
    "np-si-2000-100": Electrode(4.6e-6, 1.0e-6, 0.06, 0.12, particles=0.5),
    "np-si-2000-460": Electrode(1.1e-6, 0.25e-6, 0.1, 0.16),
}
"""Nano-porous silicon as in document 003: before cycling, lithiated the second time to 1000 mAh/g and the first time to
2000 mAh/g; a collector alone, the control; after 500 and 1556 cycles of 1000 mAh/g, 100 and 460 of 2000 mAh/g."""


def simulate_volume(
    preset: str = "np-si-pristine",
    *,
    shape: tuple[int, int, int] = (160, 200, 220),
    voxel: Voxel = (60e-9, 60e-9, 60e-9),
    noise: float = 0.05,
    seed: int = 0,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return a simulated volume and its truth.

    Parameters
    ----------
    preset : str
        One of `PRESETS`.
    shape : tuple of int
        Voxels along z, y, x.
    voxel : tuple of float
        Its size in m.
    noise : float
        Standard deviation of a voxel, in parts of the contrast between collector and air.
    seed : int

    Returns
    -------
    volume : xarray.Dataset
        ``attrs["simulated"]`` is True.
    truth : xarray.Dataset
        `collector_surface`, `electrode_surface` and `thickness` (y, x) in m.

    Raises
    ------
    ValueError
        If there is no such preset, or the volume is too small for it or too large.
    """
    electrode = _checked(preset, shape, voxel, noise)
    rng = np.random.default_rng([seed, list(PRESETS).index(preset)])
    dz, dy, dx = voxel
    area = shape[1:]
    tilt = np.tan(np.radians(1.5)) * (np.arange(area[1]) - area[1] / 2) * dx
    bottom = _BASE + tilt[None, :] + 0.2e-6 * _field(area, (1.8e-6 / dy, 1.8e-6 / dx), rng)
    bottom += max(5 * dz - bottom.min(), 0)
    gap = np.zeros(area)
    if electrode.gap:
        where = _field(area, (3e-6 / dy, 3e-6 / dx), rng)
        gap[where > np.quantile(where, 1 - electrode.gap_fraction)] = electrode.gap
    height = np.zeros(area)
    if electrode.thickness:
        height = electrode.thickness + electrode.thickness_sd * _field(area, (1.2e-6 / dy, 1.2e-6 / dx), rng)
    top = bottom + np.where(height > 0, gap, 0) + np.maximum(height, 0)
    attenuation = _attenuation(electrode, (bottom, bottom + gap, top), shape, voxel, rng)
    grey = _recorded(attenuation, noise, rng)
    about = {"simulated": True, "preset": preset, "seed": seed}
    return volume_from_array(grey, voxel, attributes=about), _truth(bottom, top, voxel, about)


def _checked(preset: str, shape: tuple[int, int, int], voxel: Voxel, noise: float) -> Electrode:
    if preset not in PRESETS:
        raise ValueError(
            Sentence(
                "there is no {name} '{preset}': {known}",
                name=Field("preset"),
                preset=preset,
                known=", ".join(PRESETS),
            )
        )
    if min(shape) < _LEAST or int(np.prod(shape, dtype=object)) > _MOST_VOXELS:
        raise ValueError(
            f"a simulated volume has at least {_LEAST} voxels along each axis and {_MOST_VOXELS:.0e} altogether, not "
            f"{' × '.join(map(str, shape))}"
        )
    if not 0 <= noise <= 1:
        raise ValueError(f"the noise is a part of the contrast, between 0 and 1, not {noise:g}")
    electrode = PRESETS[preset]
    needed = _BASE + electrode.gap + electrode.thickness + 3 * electrode.thickness_sd + 1e-6
    if shape[0] * voxel[0] < needed:
        raise ValueError(
            f"{shape[0]} slices of {voxel[0] * 1e9:g} nm are {shape[0] * voxel[0] * 1e6:.1f} µm, and '{preset}' needs "
            f"{needed * 1e6:.1f} µm: take more slices"
        )
    return electrode


def _attenuation(
    electrode: Electrode,
    surfaces: tuple[Array, Array, Array],
    shape: tuple[int, int, int],
    voxel: Voxel,
    rng: Any,
) -> NDArray[np.float32]:
    """Return what is there before anything is recorded; at the surfaces voxels hold parts of both sides."""
    bottom, start, top = surfaces
    planes = np.arange(shape[0], dtype=np.float32)[:, None, None] * np.float32(voxel[0])

    def below(surface: Array) -> NDArray[np.float32]:
        return np.clip((surface.astype(np.float32)[None] - planes) / np.float32(voxel[0]), 0, 1)

    share = below(top) - below(start)
    inside = np.full(shape, electrode.matrix, np.float32)
    volume = float((top - start).sum()) * voxel[1] * voxel[2]
    size = np.multiply(shape, voxel)
    for _ in range(int(electrode.particles * volume * 1e18)):
        _draw_ball(
            inside,
            _place_within(start, top, size, rng),
            rng.uniform(120e-9, 300e-9),
            electrode.particle,
            voxel,
        )
    for _ in range(int(electrode.agglomerates * size[1] * size[2] * 1e12)):
        _draw_ball(
            inside,
            _place_within(start, top, size, rng),
            rng.uniform(0.6e-6, 1.2e-6),
            electrode.particle,
            voxel,
        )
    rows, columns = (np.arange(count) * edge for count, edge in zip(shape[1:], voxel[1:], strict=True))
    for _ in range(electrode.cracks):
        angle = rng.uniform(0, np.pi)
        middle = rng.uniform(0, size[1]), rng.uniform(0, size[2])
        across = (rows[:, None] - middle[0]) * np.cos(angle) + (columns[None, :] - middle[1]) * np.sin(angle)
        bent = across + 0.4e-6 * _field(shape[1:], (0.8e-6 / voxel[1], 0.8e-6 / voxel[2]), rng)
        inside[:, np.abs(bent) < 100e-9] = 0
    attenuation: NDArray[np.float32] = below(bottom) + share * inside
    return attenuation


def _place_within(start: Array, top: Array, size: NDArray[Any], rng: Any) -> tuple[float, float, float]:
    rows, columns = start.shape
    y, x = rng.random(), rng.random()
    row, column = int(y * rows), int(x * columns)
    low, high = start[row, column], top[row, column]
    return rng.uniform(low, max(high, low)), y * size[1], x * size[2]


def _draw_ball(
    inside: NDArray[np.float32], middle: tuple[float, float, float], radius: float, value: float, voxel: Voxel
) -> None:
    window, distances = [], []
    for axis, (place, edge, count) in enumerate(zip(middle, voxel, inside.shape, strict=True)):
        first = max(int((place - radius) / edge), 0)
        last = min(int((place + radius) / edge) + 2, count)
        if first >= last:
            return
        window.append(slice(first, last))
        along = ((np.arange(first, last) + 0.5) * edge - place) ** 2
        distances.append(along.reshape([-1 if axis == other else 1 for other in range(3)]))
    inside[tuple(window)][sum(distances) < radius**2] = value


def _recorded(attenuation: NDArray[np.float32], noise: float, rng: Any) -> NDArray[np.float32]:
    """Return grey values: blurred by the optics, with rings about the axis of rotation (along y) and noise."""
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    image: NDArray[np.float32] = gaussian_filter(attenuation, 0.6)
    planes, rows, columns = image.shape
    radius = np.hypot(
        np.arange(planes)[:, None] - planes / 2, np.arange(columns)[None, :] - columns / 2
    ).astype(np.intp)
    strength = gaussian_filter1d(rng.standard_normal((rows, int(radius.max()) + 1)), 1.5, axis=0) * noise
    for row in range(rows):
        image[:, row] += strength[row][radius].astype(np.float32)
        grain = rng.standard_normal((planes, columns), dtype=np.float32)
        image[:, row] += np.float32(noise) * grain
    image *= np.float32(_SCALE)
    image += np.float32(_OFFSET)
    return image


def _field(shape: tuple[int, ...], lengths: tuple[float, ...], rng: Any) -> Array:
    """Return a random field of mean 0 and standard deviation 1 that is alike over these lengths, in pixels."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(rng.standard_normal(shape), lengths, mode="wrap")
    return np.asarray((field - field.mean()) / field.std())


def _truth(bottom: Array, top: Array, voxel: Voxel, about: dict[str, Any]) -> xr.Dataset:
    maps = {"collector_surface": bottom, "electrode_surface": top, "thickness": top - bottom}
    axes = {
        axis: (axis, (np.arange(count) + 0.5) * edge, {"units": "m"})
        for axis, count, edge in zip("yx", bottom.shape, voxel[1:], strict=True)
    }
    return xr.Dataset(
        {
            name: (
                ("y", "x"),
                values,
                {"units": "m", "long_name": f"{name.replace('_', ' ').capitalize()} (true)"},
            )
            for name, values in maps.items()
        },
        axes,
        about,
    )
