"""Grains from an image of the surface: a watershed, and what of its borders is no more than noise taken away again.

A grain shows as a dome between grooves, or as a terrace or facet between edges. For the first the image is flooded from
its tops down (watershed on inverted height), for the second on the steepness (watershed on the gradient); which of the
two it is can be told from the image: a smooth surface for each grain describes it better in the right one.
"""

from dataclasses import asdict, dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.grains.borders import BasinGraph
from napari_tesm.grains.labels import Grains, numbered_in_order
from napari_tesm.grains.surface import (
    Roughness,
    levelled_surface,
    line_jitter,
    smoothed,
    steepness,
    texture,
    white_noise,
)
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.statistics.images import filled

Array = NDArray[np.float64]
Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]
Method = Literal["auto", "edges", "domes"]

_SCALES: Final = (1.0, 1.4, 2.0, 2.8, 4.0, 5.6)
"""Standard deviations of the Gaussian that is tried, in the longer side of a pixel."""
_CLEAR: Final = 6.0
"""So many times the noise the steepest places (99 %) have to be before the image counts as smooth enough."""
_FEWEST_PIXELS: Final = 12
"""Grains smaller than a disc of so many pixels, or than five smoothing widths across, are no grains by default."""
_PRICE: Final = 4.6
"""Of a coefficient of a surface, in twice the logarithm of the likelihood. With Akaike's 2 domes are cut into tops and
flanks; with Schwarz's, 5 to 8, terraces of a few pixels are not worth their edges. So the choice is right for 56 of 60
simulated surfaces of 18 grains; the others are terraces of 100 pixels each."""
_LARGEST_GRASS: Final = 128
_FIELDS_OF_GRASS: Final = 4
_WORDS: Final = {
    "edges": "between steep edges (watershed on the gradient)",
    "domes": "around their tops (watershed on inverted height)",
}


@dataclass(frozen=True)
class GrainSettings:
    """How grains are looked for.

    Parameters
    ----------
    method : {"auto", "edges", "domes"}
        Watershed on the gradient, on inverted height, or the one that describes the image better.
    smooth : float, optional
        Standard deviation of the Gaussian that the image is smoothed with, in m; by default as little as the noise
        allows.
    smallest_area : float, optional
        Grains smaller than this belong to a neighbour, in m²; by default a disc of five smoothing widths.
    noise_factor : float
        A border counts that stands out so many times as much as the strongest border in pure noise.
    contrast : float
        A border counts that stands out at least this part of what borders usually do (their median): with texture in
        the grains this is what tells the two apart.
    """

    method: Method = "auto"
    smooth: float | None = None
    smallest_area: float | None = None
    noise_factor: float = 1.5
    contrast: float = 0.15

    def __post_init__(self) -> None:
        if self.method not in ("auto", "edges", "domes"):
            raise ValueError(f"grains are found by edges, domes or auto, not by '{self.method}'")
        for name, words in (("smooth", "smoothing width"), ("smallest_area", "smallest area of a grain")):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise ValueError(f"the {words} is zero or more, not {value:g}")
        if not (np.isfinite(self.noise_factor) and self.noise_factor >= 0):
            raise ValueError(f"the factor to the noise is zero or more, not {self.noise_factor:g}")
        if not 0 <= self.contrast < 1:
            raise ValueError(f"the contrast is a part between 0 and 1, not {self.contrast:g}")


def grains_from_image(
    image: ArrayLike,
    spacing: tuple[float, float],
    settings: GrainSettings | None = None,
    *,
    source: str = "",
    unit: str = "",
    lateral_unit: str = "m",
) -> Grains:
    """Return the grains of a topography or deflection error, with what was chosen automatically in words.

    Tilt and jitter of scan lines are taken off first (`napari_tesm.grains.surface`). Of a surface without a
    border above its noise the whole is one grain, and a sentence says so. Pixels without a value belong to no grain.

    Parameters
    ----------
    image : array-like of shape (y, x)
    spacing : (float, float)
        Pixel size (dy, dx), in m.
    settings : GrainSettings, optional
    source, unit, lateral_unit : str
        Title and unit of the image, and unit of its pixels' size, for the words.

    Raises
    ------
    ValueError
        If the image has fewer than 8 × 8 pixels, or values at less than half of them.

    References
    ----------
    F. Meyer, "Topographic distance and watershed lines", Signal Processing 38, 113 (1994).
    """
    chosen = settings or GrainSettings()
    values = np.asarray(image, dtype=np.float64)
    _check(values, spacing)
    missing, pixel = ~np.isfinite(values), (float(spacing[0]), float(spacing[1]))
    whole = filled(values)
    # A surface of pure arithmetic has no noise but that of its digits.
    noise = max(white_noise(whole), 1e-9 * float(np.ptp(whole)))
    rough = Roughness(noise, line_jitter(whole, noise))
    sigma, sigma_words = _smoothing(whole, spacing, rough, chosen, lateral_unit)
    flat = levelled_surface(whole, spacing, sigma)
    area = chosen.smallest_area
    automatic_area = np.pi / 4 * (5 * sigma) ** 2
    if area is None:
        area = max(automatic_area, _FEWEST_PIXELS * spacing[0] * spacing[1])
    fewest = max(1, round(area / (spacing[0] * spacing[1])))
    if not noise:
        flat_words = (f"{source or 'The image'} is perfectly flat: the whole image is one grain.",)
        labels = np.where(missing, 0, 1).astype(np.int32)
        return Grains(labels, pixel, source, flat_words, {}, {**asdict(chosen), "source": source})
    methods = ("edges", "domes") if chosen.method == "auto" else (chosen.method,)
    by_method = {
        method: _segmented(flat, missing, spacing, sigma, rough, fewest, method, chosen) for method in methods
    }
    method, choice = _better(by_method, flat, spacing, sigma)
    labels = numbered_in_order(by_method[method])
    count = int(labels.max())
    words = [sigma_words]
    if count == 1:
        words.insert(
            0, f"{source or 'The image'} shows no border above its noise: the whole image is one grain."
        )
    else:
        words.insert(0, f"{count} grains were found in {source or 'the image'} {_WORDS[method]}{choice}.")
    if unit:
        words.append(f"Noise of the image: {text_from_quantity(noise, unit, digits=2)}.")
    area_text = _area_text(area, lateral_unit)
    how = "five smoothing widths across" if chosen.smallest_area is None else "as asked for"
    words.append(f"Grains below {area_text} ({how}) belong to a neighbour.")
    parameters = {
        **asdict(chosen), "method": method, "smooth": sigma, "smallest_area": area, "source": source,
        "noise": noise,
    }  # fmt: skip
    return Grains(labels, pixel, source, tuple(words), {}, parameters)


def _check(values: Array, spacing: tuple[float, float]) -> None:
    if values.ndim != 2:
        raise ValueError(f"grains are looked for in an image, not in an array of shape {values.shape}")
    if min(values.shape) < 8:
        raise ValueError(
            f"an image of {values.shape[1]} × {values.shape[0]} pixels is too small for grains: 8 × 8 are needed"
        )
    if not (np.isfinite(spacing).all() and min(spacing) > 0):
        raise ValueError("the size of a pixel must be positive: say the lateral unit of the image")
    if np.isfinite(values).mean() < 0.5:
        raise ValueError("less than half of the image has a value: grains cannot be found in it")


def _smoothing(
    image: Array, spacing: tuple[float, float], rough: Roughness, settings: GrainSettings, unit: str
) -> tuple[float, str]:
    """Return the standard deviation of the smoothing, in m, and how it was chosen."""
    pixel = max(spacing)
    if settings.smooth is not None:
        least = 0.5 * pixel
        if settings.smooth < least:
            text = _length_text(least, unit)
            return (
                least,
                f"Smoothed with {text}, half a pixel: the width asked for is below what can be seen.",
            )
        return settings.smooth, f"Smoothed with {_length_text(settings.smooth, unit)}, as asked for."
    rng = np.random.default_rng(0)
    grass = levelled_surface(rough.drawn(_size_of_grass(image), rng), spacing, pixel)
    largest = min(n * s for n, s in zip(image.shape, spacing, strict=True)) / 24
    for scale in _SCALES:
        sigma = scale * pixel
        flat = levelled_surface(image, spacing, sigma)
        steep = float(np.quantile(steepness(flat, spacing, sigma), 0.99))
        if steep >= _CLEAR * float(np.median(steepness(grass, spacing, sigma))) or sigma >= largest:
            break
    text = _length_text(sigma, unit)
    pixels = "1 pixel" if scale == 1 else f"{scale:g} pixels"
    return sigma, f"Smoothed with {text} ({pixels}), chosen as the least that the noise allows."


def _segmented(
    flat: Array, missing: Mask, spacing: tuple[float, float], sigma: float, rough: Roughness, fewest: int, method: str,
    settings: GrainSettings,
) -> Labels:  # fmt: skip
    """Return labels by one method, without the borders that are noise; 0 where there is no value."""
    relief = _relief(flat, spacing, sigma, method)
    # The same way with nothing but noise says how much a border stands out by chance.
    by_chance = _height_by_chance(flat, spacing, sigma, rough, method)
    graph = _graph(relief, missing, method)
    graph.join_below(settings.noise_factor * by_chance)
    graph.join_below(settings.contrast * graph.usual())
    graph.join_small(fewest)
    return graph.labels()


def _height_by_chance(
    flat: Array, spacing: tuple[float, float], sigma: float, rough: Roughness, method: str
) -> float:
    """Return how far a border stands out in noise as strong as the image's: the most in several images of it."""
    rng = np.random.default_rng(1)
    highest = []
    for _ in range(_FIELDS_OF_GRASS):
        grass = levelled_surface(rough.drawn(_size_of_grass(flat), rng), spacing, sigma)
        relief = _relief(grass, spacing, sigma, method)
        highest.append(_graph(relief, None, method).join_below(np.inf))
    rougher = texture(flat, spacing, sigma) / (texture(grass, spacing, sigma) or 1.0)
    return max(highest) * max(1.0, rougher)


def _size_of_grass(image: Array) -> tuple[int, int]:
    return (min(image.shape[0], _LARGEST_GRASS), min(image.shape[1], _LARGEST_GRASS))


def _relief(flat: Array, spacing: tuple[float, float], sigma: float, method: str) -> Array:
    return steepness(flat, spacing, sigma) if method == "edges" else -smoothed(flat, spacing, sigma)


def _graph(relief: Array, missing: Mask | None, method: str) -> BasinGraph:
    from skimage.segmentation import watershed

    mask = None if missing is None or not missing.any() else ~missing
    basins = np.asarray(watershed(relief, mask=mask), dtype=np.int32)  # type: ignore[no-untyped-call]
    level, weight = (0.5, 2.0) if method == "edges" else (0.15, 1.0)
    return BasinGraph(basins, relief, level=level, floor_weight=weight)


def _better(
    by_method: dict[str, Labels], flat: Array, spacing: tuple[float, float], sigma: float
) -> tuple[str, str]:
    """Return the method whose grains are smooth surfaces, and the choice in words."""
    if len(by_method) == 1:
        return next(iter(by_method)), ", as asked for"
    image = smoothed(flat, spacing, sigma)
    left = {method: _left_by_surfaces(image, labels) for method, labels in by_method.items()}
    # Every coefficient has to pay for itself; pixels under one Gaussian are one value.
    independent = flat.size / max(1.0, 4 * np.pi * sigma**2 / (spacing[0] * spacing[1]))
    merit = {
        method: independent * np.log(max(left[method], 1e-12)) + _PRICE * 6 * len(np.unique(labels))
        for method, labels in by_method.items()
    }
    best = min(merit, key=lambda method: merit[method])
    other = next(method for method in by_method if method != best)
    counts = {method: len(np.unique(labels[labels > 0])) for method, labels in by_method.items()}
    return best, _words_of_choice(other, left[best], left[other], counts[best], counts[other])


def _words_of_choice(other: str, left: float, left_by_other: float, count: int, count_of_other: int) -> str:
    """Return why a method was chosen: it explains more, or nearly as much with fewer surfaces."""
    words = f": a smooth surface for each of {count} leaves {100 * left:.2g} % of the variance"
    there = f"{count_of_other} {_WORDS[other].split(' (')[0]}"
    if left <= left_by_other:
        return f"{words}, for each of {there} {100 * left_by_other:.2g} %"
    return (
        f"{words}; {there} would leave {100 * left_by_other:.2g} %, too small a gain for {count_of_other - count} "
        "more surfaces"
    )


def _left_by_surfaces(image: Array, labels: Labels) -> float:
    """Return the part of an image's variance that a surface of second order in every grain leaves unexplained."""
    inside = labels > 0
    values = image[inside] - image[inside].mean()
    total = float(values @ values)
    if total == 0:
        return 0.0
    numbers = labels[inside]
    down, across = np.nonzero(inside)
    rows, columns = down / max(image.shape), across / max(image.shape)
    order = np.argsort(numbers, kind="stable")
    cuts = np.flatnonzero(np.diff(numbers[order])) + 1
    left = 0.0
    for part in np.split(order, cuts):
        r, c, z = rows[part] - rows[part].mean(), columns[part] - columns[part].mean(), values[part]
        basis = np.stack([np.ones_like(r), r, c, r * r, r * c, c * c], axis=1)
        fitted = basis @ np.linalg.lstsq(basis, z, rcond=None)[0]
        left += float(((z - fitted) ** 2).sum())
    return left / total


def _length_text(value: float, unit: str) -> str:
    return text_from_quantity(value, unit, digits=2) if unit else f"{value:.2g}"


def _area_text(value: float, unit: str) -> str:
    if unit != "m":
        return f"{value:.3g} {unit}²".strip()
    return f"{value * 1e18:.0f} nm²" if value < 1e-12 else f"{value * 1e12:.3g} µm²"
