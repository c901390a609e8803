"""The surface that grains are looked for in: levelled, smoothed, its slope and its noise."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_AROUND: Final = 3
"""Lines above and below that a line is held against."""
_QUIET: Final = 0.25


def levelled_surface(image: Array, spacing: tuple[float, float], sigma: float) -> Array:
    """Return an image without jitter of its lines and without tilt; every pixel must have a value.

    The tilt is the median slope at a scale: grains with edges, grooves or facets between them do not move it, as they
    would a plane fitted through them, and it has less noise than the median of the differences of pixels.

    Parameters
    ----------
    image : ndarray, shape (y, x)
    spacing : (float, float)
        Pixel size (dy, dx), in m.
    sigma : float
        Scale, standard deviation of a Gaussian in m.
    """
    flat = _without_jitter(image)
    for _ in range(2):  # a median of what is left after a large tilt is finer
        slopes = [float(np.median(smoothed(flat, spacing, sigma, order))) for order in ((1, 0), (0, 1))]
        rows, columns = (np.arange(n) * step for n, step in zip(flat.shape, spacing, strict=True))
        flat = flat - slopes[0] * rows[:, None] - slopes[1] * columns[None, :]
    return np.asarray(flat - np.median(flat))


def smoothed(
    image: Array, spacing: tuple[float, float], sigma: float, order: tuple[int, int] = (0, 0)
) -> Array:
    """Return an image, or a derivative of it per m, under a Gaussian that is round in m, not in pixels."""
    from scipy.ndimage import gaussian_filter

    widths = [sigma / step for step in spacing]
    factor = spacing[0] ** order[0] * spacing[1] ** order[1]
    return np.asarray(gaussian_filter(image, widths, order=order, mode="reflect")) / factor


def steepness(image: Array, spacing: tuple[float, float], sigma: float) -> Array:
    """Return the gradient's size at a scale, in the image's unit per m."""
    return np.hypot(*(smoothed(image, spacing, sigma, order) for order in ((1, 0), (0, 1))))


def white_noise(image: Array) -> float:
    """Return the standard deviation of what differs from pixel to pixel along the lines."""
    bends = image[:, :-2] - 2 * image[:, 1:-1] + image[:, 2:]
    return float(1.4826 * np.median(np.abs(bends - np.median(bends))) / np.sqrt(6))


def texture(image: Array, spacing: tuple[float, float], sigma: float) -> float:
    """Return the size of what is little smaller than a scale, in the quiet quarter of an image.

    Noise of a feedback loop is alike over several pixels: from one pixel to the next there is little of it.
    """
    band = np.abs(smoothed(image, spacing, 0.6 * sigma) - smoothed(image, spacing, sigma))
    return float(np.quantile(band, _QUIET))


@dataclass(frozen=True)
class Roughness:
    """What an image would be if there were no grain in it.

    Parameters
    ----------
    noise : float
        Standard deviation from pixel to pixel.
    jitter : float
        Standard deviation of the level of whole lines.
    """

    noise: float
    jitter: float

    def drawn(self, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        """Return an image of it."""
        lines = self.jitter * rng.standard_normal((shape[0], 1))
        return np.asarray(self.noise * rng.standard_normal(shape) + lines)


def line_jitter(image: Array, noise: float) -> float:
    """Return the standard deviation of the level of lines, beyond what noise moves the median of a line."""
    # Against the next lines alone: grains change little from one line to the next.
    bends = np.median(image[1:-1] - (image[:-2] + image[2:]) / 2, axis=1)
    spread = 1.4826 * float(np.median(np.abs(bends - np.median(bends))))
    by_chance = np.pi / 2 * 1.5 * noise**2 / image.shape[1]
    # Where it is no more than chance makes of it, there is none.
    return float(np.sqrt((spread**2 - by_chance) / 1.5)) if spread**2 > 4 * by_chance else 0.0


def _without_jitter(image: Array) -> Array:
    """Return an image whose lines lie at the level of those around them; what crosses most of a line is taken off.

    A line that lies apart would draw a border from one side of the image to the other.
    """
    for _ in range(4):
        offset = np.median(image - _mean_around(image), axis=1)
        image = image - (offset - np.median(offset))[:, None]
    return image


def _mean_around(image: Array) -> Array:
    """Return for every line the mean of the lines above and below."""
    # Mirrored through the point, not the line: a tilt goes on.
    padded = np.pad(image, ((_AROUND, _AROUND), (0, 0)), mode="reflect", reflect_type="odd")
    total = np.zeros(image.shape)
    for shift in range(2 * _AROUND + 1):
        if shift != _AROUND:
            total += padded[shift : shift + image.shape[0]]
    return total / (2 * _AROUND)
