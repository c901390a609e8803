"""Two scans of one area: how far they are shifted, how alike they are, and whether the surface shines through.

Only maps are moved, never traces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.statistics.independence import independent_samples
from napari_tesm.statistics.ranks import ranks_of

Array = NDArray[np.float64]

_CROSS_TALK: Final = 0.3
"""A correlation of |H| with the surface's slope from which cross-talk is worth a warning."""
_ALIKE: Final = 0.5


def moved_map(values: NDArray[np.floating], dy: float, dx: float, *, flip: bool = False) -> Array:
    """Return a map shifted down by `dy` and right by `dx` pixels, NaN where nothing came.

    Parameters
    ----------
    flip : bool
        Mirror left and right first, as a recorder that stores the way back in the order of time leaves it.
    """
    image: Array = np.asarray(values, dtype=np.float64)
    if flip:
        image = image[:, ::-1]
    rows = np.arange(image.shape[0], dtype=np.float64) - dy
    columns = np.arange(image.shape[1], dtype=np.float64) - dx
    return map_at(image, rows, columns)


def map_at(values: NDArray[np.floating], rows: Array, columns: Array) -> Array:
    """Return a map at fractional rows and columns, shape (row, column), linear in between, NaN outside."""
    image: Array = np.asarray(values, dtype=np.float64)
    return _interpolated(_interpolated(image, rows, 0), columns, 1)


@dataclass(frozen=True)
class Correlation:
    """How alike two maps are.

    Parameters
    ----------
    pearson, spearman : float
        NaN where one of the maps does not vary.
    low, high : float
        95 % interval of Pearson's (Fisher's z), for independent pixels as they are estimated.
    n : int
        Pixels that both have.
    """

    pearson: float
    spearman: float
    low: float
    high: float
    n: int

    @property
    def certain(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


def correlation_between(a: NDArray[np.floating], b: NDArray[np.floating]) -> Correlation:
    """Return the correlation of two maps over the pixels that both have."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    good = np.isfinite(first) & np.isfinite(second)
    n = int(good.sum())
    if n < 3 or np.ptp(first[good]) == 0 or np.ptp(second[good]) == 0:
        return Correlation(*(float("nan"),) * 4, n)
    pearson = float(np.corrcoef(first[good], second[good])[0, 1])
    spearman = float(np.corrcoef(ranks_of(first[good]), ranks_of(second[good]))[0, 1])
    if first.ndim == 2:
        # Two smooth maps are alike by chance more often than two of as many independent pixels.
        n_first, n_second = (
            independent_samples(np.where(good, image, np.nan), good)[0] for image in (first, second)
        )
        effective = min(float(n), max(n_first, n_second))
    else:
        effective = float(n)
    spread = 1.96 / np.sqrt(max(effective - 3, 1.0))
    z = np.arctanh(np.clip(pearson, -1 + 1e-12, 1 - 1e-12))
    return Correlation(pearson, spearman, float(np.tanh(z - spread)), float(np.tanh(z + spread)), n)


def slope_of(image: NDArray[np.floating], *, spacing: tuple[float, float] = (1.0, 1.0)) -> Array:
    """Return the magnitude of an image's gradient, per unit of `spacing` (dy, dx); 0 along an axis of one pixel."""
    values = np.asarray(image, dtype=np.float64)
    parts = [
        np.gradient(values, step, axis=axis) if values.shape[axis] > 1 else np.zeros(values.shape)
        for axis, step in enumerate(spacing)
    ]
    return np.asarray(np.hypot(*parts))


@dataclass(frozen=True)
class CrossTalk:
    """What the comparison of two scan directions says of the measurement.

    Parameters
    ----------
    between : Correlation
        Of |H| one way with |H| the other way.
    with_surface : dict of str to Correlation
        Of the mean |H| with topography, its slope, the deflection error.
    difference : ndarray
        |H| the second way minus |H| the first way, in the unit of H.
    warnings : list of str
    """

    between: Correlation
    with_surface: dict[str, Correlation]
    difference: Array
    warnings: list[str] = field(default_factory=list)


def cross_talk_from_maps(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    surface: Mapping[str, NDArray[np.floating]],
    *,
    spacing: tuple[float, float] = (1.0, 1.0),
) -> CrossTalk:
    """Compare |H| of two scan directions, and both with the surface.

    Parameters
    ----------
    first, second : ndarray, shape (y, x)
        H, aligned.
    surface : mapping of str to ndarray
        Images such as "topography" and "deflection error"; of a topography the slope is looked at, too.
    spacing : (float, float)
        Pixel size (dy, dx).
    """
    a, b = np.abs(np.asarray(first, dtype=np.float64)), np.abs(np.asarray(second, dtype=np.float64))
    between = correlation_between(a, b)
    mean = (a + b) / 2
    with_surface: dict[str, Correlation] = {}
    for name, image in surface.items():
        with_surface[name] = correlation_between(mean, image)
        if "topograph" in name.lower() or "height" in name.lower():
            with_surface[f"slope of {name}"] = correlation_between(mean, slope_of(image, spacing=spacing))
    return CrossTalk(between, with_surface, b - a, _warnings(between, with_surface))


def _warnings(between: Correlation, with_surface: Mapping[str, Correlation]) -> list[str]:
    warnings = []
    if np.isfinite(between.pearson) and between.pearson < _ALIKE:
        warnings.append(
            f"The two ways are little alike (r = {between.pearson:.2f}): what one way shows and the other does not "
            "is no property of the surface. Measure the shift, or try the flip."
        )
    for name, alike in with_surface.items():
        if np.isfinite(alike.pearson) and abs(alike.pearson) >= _CROSS_TALK and alike.certain:
            warnings.append(
                f"|H| follows the {name} (r = {alike.pearson:.2f}): part of it may be cross-talk, or ions may indeed "
                "move where the surface is like this. Look whether it stays with the other polarity and scan direction."
            )
    return warnings


def _interpolated(image: Array, at: Array, axis: int) -> Array:
    """Return an image at fractional places along one axis, NaN outside."""
    size = image.shape[axis]
    low = np.clip(np.floor(at).astype(np.int64), 0, max(size - 2, 0))
    share = np.expand_dims(at - low, 1 - axis)
    first, second = np.take(image, low, axis), np.take(image, np.minimum(low + 1, size - 1), axis)
    # Written so that a missing neighbour with no weight spoils nothing.
    mixed = np.where(share == 0, first, np.where(share == 1, second, first * (1 - share) + second * share))
    outside = np.expand_dims((at < 0) | (at > size - 1), 1 - axis)
    return np.where(outside, np.nan, mixed)
