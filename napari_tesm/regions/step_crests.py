"""Crests: how strongly every pixel of an image lies on a step, at a scale, and where that is largest."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_QUIET: Final = (0.1, 0.56)
"""The quantile of the strength that steps do not reach even where they fill the image, and its size in plain noise,
in medians (white and smooth, 512 × 512 pixels)."""


def levelled(image: Array) -> Array:
    """Return an image without the slope of its terraces and without jitter of its lines; NaN where it has none."""
    rows, columns = np.indices(image.shape)
    # Medians of the differences are the slope beside the steps; a plane fitted through terraces would tilt them.
    flat = image - columns * _median(np.diff(image, axis=1))
    downs = np.diff(flat, axis=0)
    slope = _median(downs)
    flat, downs = flat - rows * slope, downs - slope
    # Medians of the differences between neighbouring lines give each line's level, and a step that lies across the
    # lines does not move them. Of the levels only the jitter is taken off: a shift that lasts may be a step.
    middles = np.array([_median(down) for down in downs])
    levels = np.cumsum([0.0, *middles])
    # A median of noise moves a little by itself; taken off, it would draw lines where there are none.
    chance = 10 * _median(np.abs(downs - middles[:, None])) / np.sqrt(image.shape[1])
    jitter = levels - _running_median(levels, 5)
    if np.median(np.abs(jitter)) > chance:  # not a line here and there, but all of them
        jitter = levels - _running_median(levels, 31)
    return np.asarray(flat - np.where(np.abs(jitter) > chance, jitter, 0.0)[:, None])


def squared(image: Array, rows: float, columns: float) -> Array:
    """Return an image on square pixels: `rows` and `columns` times as many, interpolated linearly."""
    for axis, factor in enumerate((rows, columns)):
        count = image.shape[axis]
        if abs(factor - 1) < 1e-3:
            continue
        at = np.arange(0, count - 1 + 1e-9, 1 / factor)
        low = np.minimum(at.astype(np.int64), count - 2)
        part = np.expand_dims(at - low, 1 - axis)
        image = np.take(image, low, axis) * (1 - part) + np.take(image, low + 1, axis) * part
    return image


def strength_from_images(
    images: Sequence[Array], sigma: float, missing: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Return how strongly every pixel lies on a step, and the direction across it, (row, column).

    The unit of the strength is the texture of the image itself: about the median where there are few steps. With g
    the gradient and H the Hessian at the scale, the tensor is 2 g gᵀ + σ² H Hᵀ: these weights give a single crest in
    the middle of an edge, and also in the middle of a line.

    Parameters
    ----------
    images : sequence of ndarray, each of shape (y, x)
    sigma : float
        The scale: standard deviation of the Gaussian, in pixels.
    missing : ndarray of bool, shape (y, x)
        Pixels without a value; there the strength is 0.

    Returns
    -------
    strength : ndarray, shape (y, x)
    normal : ndarray, shape (2, y, x)
    """
    from scipy.ndimage import gaussian_filter

    tensor = np.zeros((3, *images[0].shape))
    for image in images:
        gr, gc, hrr, hrc, hcc = (
            # Mirrored, the border has the noise of any other place; repeated, it would have more.
            gaussian_filter(image, sigma, order=order, mode="reflect")
            for order in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
        )
        own = np.stack(
            [
                2 * gr**2 + sigma**2 * (hrr**2 + hrc**2),
                2 * gr * gc + sigma**2 * hrc * (hrr + hcc),
                2 * gc**2 + sigma**2 * (hcc**2 + hrc**2),
            ]
        )
        own = gaussian_filter(own, (0, sigma, sigma), mode="reflect")
        tensor += own / _texture((own[0] + own[2])[~missing])
    # What has no direction, a particle or noise, has two like eigenvalues.
    strength = np.sqrt(np.hypot(tensor[0] - tensor[2], 2 * tensor[1]))
    strength = np.where(missing, 0.0, strength / _texture(strength[~missing]))
    angle = 0.5 * np.arctan2(2 * tensor[1], tensor[0] - tensor[2])
    return strength, np.stack([np.cos(angle), np.sin(angle)])


def crests_from_strength(strength: Array, normal: Array) -> NDArray[np.bool_]:
    """Return where the strength is largest across the step."""
    from scipy.ndimage import map_coordinates

    places = np.indices(strength.shape)
    beside = [map_coordinates(strength, places + sign * normal, order=1, mode="nearest") for sign in (1, -1)]
    return np.asarray((strength >= beside[0]) & (strength >= beside[1]) & (strength > 0))


def _texture(values: Array) -> float:
    """Return the size of what is no step; of an image that is flat but for steps, of what there is."""
    quiet = float(np.quantile(values, _QUIET[0])) / _QUIET[1]
    largest = float(values.max())
    return max(quiet, 1e-9 * largest) or 1.0


def _median(values: Array) -> float:
    good = values[np.isfinite(values)]
    return float(np.median(good)) if good.size else 0.0


def _running_median(values: Array, count: int) -> Array:
    count = min(count, values.size - 1 + values.size % 2)
    padded = np.pad(values, count // 2, mode="reflect", reflect_type="odd")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, count), axis=1))
