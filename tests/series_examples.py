"""Voltage series with known drift and known answer, for tests."""

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter, shift

from napari_tesm.regions.shapes import PinnedPoint
from napari_tesm.simulation.scene import drawn_scene

VOLTAGES = (-3.0, -5.0, -6.0, -7.0, -8.0)
CURVES = {
    "saturating": (0.30, 0.60, 0.60, 0.60, 0.60),
    "peaked late": (0.30, 0.60, 0.75, 0.71, 0.68),
    "peaked early": (0.30, 0.60, 0.52, 0.45, 0.38),
    "rising": (0.30, 0.60, 0.75, 0.90, 1.05),
    "flat": (0.30, 0.30, 0.30, 0.30, 0.30),
}
"""H in V at `VOLTAGES`: the three points of the paper's Fig. 6b, and what they are told apart from."""
NOISE = 0.008 * np.sqrt(2 / 5)
"""Of H in V: the simulator's noise of a sample, and H as the difference of two means of five samples."""
_MARGIN = 20
_STEP = (8e-9, 6e-9)
_CORNER = (-0.4e-6, 1.3e-6)
"""Size of a pixel, and where the area lies: both (y, x), in m."""


def scans(
    voltages=VOLTAGES,
    *,
    shape=(40, 48),
    drift=None,
    noise=NOISE,
    surface_snr=5.0,
    curves=None,
    seed=0,
    sign=1.0,
    smooth=0.0,
    surfaces=("deflection_error", "topography"),
):
    """Return for each voltage its maps, its images and the truth: a map of curves by their names.

    The area is split from left to right into as many bands as there are curves. Each scan is the same surface moved by
    its drift (dy, dx), in pixels: what it has to be moved by to lie on the first is the negative of that.
    """
    rng = np.random.default_rng(seed)
    names = list(curves or CURVES)
    height, width = (size + 2 * _MARGIN for size in shape)
    scene = drawn_scene(width, height, rng)
    drifts = np.zeros((len(voltages), 2)) if drift is None else np.asarray(drift, dtype=float)
    band = np.minimum((np.arange(width) - _MARGIN).clip(0) * len(names) // shape[1], len(names) - 1)
    truth = np.broadcast_to(band, (height, width))
    texture = 1 + 0.05 * gaussian_filter(rng.standard_normal((height, width)), 3) * 6
    cut = (slice(_MARGIN, -_MARGIN), slice(_MARGIN, -_MARGIN))
    results, images = [], []
    for number, volts in enumerate(voltages):
        known = min(range(len(VOLTAGES)), key=lambda i: abs(abs(VOLTAGES[i]) - abs(volts)))
        levels = np.array([CURVES[name][known] for name in names])
        height_map = levels[truth] * texture
        dy, dx = drifts[number]
        whole = (round(dy), round(dx)) if float(dy).is_integer() and float(dx).is_integer() else None
        moved = np.roll(height_map, whole, (0, 1)) if whole else shift(height_map, (dy, dx), order=1)
        H = sign * (gaussian_filter(moved, smooth)[cut] + noise * rng.standard_normal(shape))
        results.append(result(H[None], [volts]))
        taken = {}
        for name in surfaces:
            image = gaussian_filter(getattr(scene, name), 0.6)
            image = (image - image.mean()) / image.std()
            own = shift(image, (dy, dx), order=5)[cut] + rng.standard_normal(shape) / surface_snr
            title = name.replace("_", " ").capitalize()
            taken[title] = channel(own * rng.uniform(0.5, 2.0), title)
        images.append([taken])
    return results, images, np.array(names)[truth[cut]]


def axes(shape, *, step=_STEP, offset=(0.0, 0.0)):
    return {
        name: (name, corner + (np.arange(size) + 0.5) * width + start, {"units": "m"})
        for name, size, width, corner, start in zip(("y", "x"), shape, step, _CORNER, offset, strict=True)
    }


def result(H, voltages, *, direction=None, step=_STEP, offset=(0.0, 0.0), **maps):
    """Return result maps as a fit gives them; `H` and others of shape (pulse, y, x)."""
    H = np.asarray(H, dtype=float)
    dims = ("pulse", "y", "x")
    units = {"H": "V"}
    return xr.Dataset(
        {
            name: (dims, np.asarray(one, dtype=float), {"units": units.get(name, "m²/s")})
            for name, one in {"H": H, **maps}.items()
        },
        coords={
            **axes(H.shape[1:], step=step, offset=offset),
            "voltage": ("pulse", np.asarray(voltages, dtype=float)),
            "direction": ("pulse", np.asarray(direction or [""] * len(voltages), dtype=np.str_)),
        },
    )  # fmt: skip


def point(number, row, column, **properties):
    """Return a point pinned in the middle of a pixel, or as far beside the area as these say."""
    y, x = (
        corner + (n + 0.5) * width for corner, n, width in zip(_CORNER, (row, column), _STEP, strict=True)
    )
    return PinnedPoint(number, x, y, **properties)


def channel(values, title, **grid):
    coordinates = axes(values.shape, **grid)
    return xr.DataArray(values, dims=("y", "x"), coords=coordinates, attrs={"long_name": title, "units": "m"})
