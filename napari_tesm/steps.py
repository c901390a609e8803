"""Steps found in topography and deflection error: proposals of regions, to be looked at, moved and deleted.

The boundary tensor answers alike to terrace edges and to raised or lowered strips, at a scale; its crests above the
image's own texture are followed into paths. How wide a step is comes from the mean profile across its path.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.regions import Region

Array = NDArray[np.float64]

_SCALES: Final = (1.5, 3.0, 6.0)
"""Standard deviations of the Gaussians that edges are looked for with, in pixels."""
_FWHM_OF_SIGMA: Final = 2.3548
_CERTAIN: Final = 5.0
_POSSIBLE: Final = 2.2
"""Strength, in units of the image's texture, that a step reaches somewhere, and everywhere."""
_QUIET: Final = (0.1, 0.56)
"""The quantile of the strength that steps do not reach even where they fill the image, and its size in plain noise,
in medians (white and smooth, 512 × 512 pixels)."""
_EXPLAINED: Final = 0.5
"""Part of the variance across a path that an edge or strip has to explain."""
_TURN: Final = np.cos(np.deg2rad(40))


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A path in pixels (row, column), with what the images say about it."""

    path: Array
    strength: float
    sigma: float
    width: float
    explained: float

    @property
    def length(self) -> float:
        return _length(self.path)


def steps_from_images(
    topography: ArrayLike | None = None,
    deflection_error: ArrayLike | None = None,
    *,
    x: ArrayLike,
    y: ArrayLike,
    spacing: tuple[float, float] | None = None,
    scale: float | None = None,
    shortest: float | None = None,
    contrast: float = 0.33,
    most: int = 30,
) -> list[Region]:
    """Return the steps that stand out in topography and deflection error, as paths with a width, in m.

    Parameters
    ----------
    topography, deflection_error : array-like of shape (y, x), optional
        In any unit; with both, both are used. Pixels without a value are no step.
    x, y : array-like
        Increasing pixel centres, in m.
    spacing : (float, float), optional
        Pixel size (dy, dx); needed where there is a single row or column.
    scale : float, optional
        Full width of the steps to look for, in m; by default widths from one pixel to twenty.
    shortest : float, optional
        Length below which nothing is a step, in m; by default a tenth of the image's diagonal.
    contrast : float
        How strong a step must be, as part of the strongest.
    most : int
        Largest number of steps; the longest and strongest are kept.

    Returns
    -------
    list of Region
        Kind "path", class "step", named "step 1", … from the most to the least prominent.

    Raises
    ------
    ValueError
        If there is no image, or its shape is not that of the axes.

    References
    ----------
    U. Köthe, "Integrated edge and junction detection with the boundary tensor", ICCV 2003.
    """
    columns, rows = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    given = [
        np.asarray(image, dtype=np.float64) for image in (topography, deflection_error) if image is not None
    ]
    if not given:
        raise ValueError("steps are looked for in topography or deflection error: give at least one of them")
    for image in given:
        if image.shape != (rows.size, columns.size):
            raise ValueError(
                f"an image of {image.shape} pixels does not lie on a grid of {rows.size} × {columns.size}: "
                "steps are found on the image's own grid"
            )
    dy, dx = (_spacing(rows), _spacing(columns)) if spacing is None else spacing
    pixel = min(dy, dx)
    images = [_squared(_levelled(image), dy / pixel, dx / pixel) for image in given if _is_worth_it(image)]
    if not images:
        return []
    height, width = images[0].shape
    least = 0.1 * float(np.hypot(height, width)) if shortest is None else shortest / pixel
    sigmas = _SCALES if scale is None else (max(scale / pixel / _FWHM_OF_SIGMA, 1.0),)
    found = [
        candidate
        for sigma in sigmas
        if scale is not None or sigma <= min(height, width) / 12
        for candidate in _candidates(images, sigma, max(least, 4 * sigma), contrast)
    ]
    kept = sorted(_best_of(found), key=lambda one: -one.strength * np.sqrt(one.length))[:most]
    origin = np.array([columns[0], rows[0]])
    # The first pixel's centre stays where it is; resampling only fills the space between centres.
    return [
        Region.from_xy(
            "path",
            origin + _simplified(one.path)[:, ::-1] * pixel,
            name=f"step {number}",
            region_class="step",
            width=float(np.format_float_positional(max(one.width, 1.0) * pixel, 3, fractional=False)),
        )
        for number, one in enumerate(kept, start=1)
    ]


def _spacing(axis: Array) -> float:
    return float((axis[-1] - axis[0]) / (axis.size - 1)) if axis.size > 1 else 1.0


def _is_worth_it(image: Array) -> bool:
    good = np.isfinite(image)
    return min(image.shape) >= 12 and bool(good.mean() > 0.5) and float(np.ptp(image[good])) > 0


def _levelled(image: Array) -> Array:
    """Return an image without the slope of its terraces and without jitter of its lines; NaN where it has none."""
    rows, columns = np.indices(image.shape)
    # Medians of the differences are the slope beside the steps; a plane fitted through terraces would tilt them.
    flat = image - columns * _median(np.diff(image, axis=1))
    downs = np.diff(flat, axis=0)
    flat = flat - rows * _median(downs)
    # Medians of the differences between neighbouring lines give each line's level, and a step that lies across the
    # lines does not move them. Of the levels only the jitter is taken off: a shift that lasts may be a step.
    levels = np.cumsum([0.0, *(_median(down) for down in np.diff(flat, axis=0))])
    jitter = levels - _running_median(levels, 5)
    # A median of noise moves a little by itself; taken off, it would draw lines where there are none.
    chance = 2 * _median(np.abs(downs - _median(downs))) / np.sqrt(image.shape[1])
    return np.asarray(flat - np.where(np.abs(jitter) > 5 * chance, jitter, 0.0)[:, None])


def _median(values: Array) -> float:
    good = values[np.isfinite(values)]
    return float(np.median(good)) if good.size else 0.0


def _running_median(values: Array, count: int) -> Array:
    padded = np.pad(values, count // 2, mode="reflect", reflect_type="odd")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, count), axis=1))


def _squared(image: Array, rows: float, columns: float) -> Array:
    """Return an image on square pixels, the coarser direction interpolated."""
    if abs(rows - 1) < 1e-3 and abs(columns - 1) < 1e-3:
        return image
    for axis, factor in enumerate((rows, columns)):
        count = image.shape[axis]
        at = np.arange(0, count - 1 + 1e-9, 1 / factor)
        low = np.minimum(at.astype(np.int64), max(count - 2, 0))
        part = np.expand_dims(at - low, 1 - axis)
        image = (
            np.take(image, low, axis) * (1 - part)
            + np.take(image, np.minimum(low + 1, count - 1), axis) * part
        )
    return image


def _candidates(images: Sequence[Array], sigma: float, least: float, contrast: float) -> Iterable[_Candidate]:
    """Yield what may be steps at one scale."""
    from scipy.ndimage import distance_transform_edt, map_coordinates

    missing = np.logical_or.reduce([~np.isfinite(image) for image in images])
    full = []
    for image in images:
        nearest = distance_transform_edt(~np.isfinite(image), return_distances=False, return_indices=True)
        full.append(image[tuple(nearest)])
    strength, normal = _strength(full, sigma, missing)
    crest = _crests(strength, normal)
    lowest = _POSSIBLE
    for _ in range(2):
        # What is weak beside the strongest step is cut away, else it would bridge them; but first they must be known.
        paths = _paths(crest, strength, lowest, sigma, least)
        if not paths:
            return
        values = [map_coordinates(strength, path.T, order=1, mode="nearest") for path in paths]
        medians = np.array([float(np.median(value)) for value in values])
        strongest = _weighted_quantile(medians, np.array([_length(path) for path in paths]), 0.9)
        lowest = max(_POSSIBLE, 0.6 * contrast * strongest)
    for path, middle in zip(paths, medians, strict=True):
        if middle >= contrast * strongest and not _follows_a_line(path, full[0].shape):
            smooth = _smoothed(path, sigma)
            fits = [_width_across(image, smooth, sigma) for image in full]
            width, explained = max(fits, key=lambda fit: fit[1])
            if explained >= _EXPLAINED:
                yield _Candidate(smooth, float(middle), sigma, width, explained)


def _paths(
    crest: NDArray[np.bool_], strength: Array, lowest: float, sigma: float, least: float
) -> list[Array]:
    """Return the crests that are everywhere above a strength and somewhere certain, as long paths."""
    from skimage.filters import apply_hysteresis_threshold
    from skimage.morphology import skeletonize

    held = apply_hysteresis_threshold(np.where(crest, strength, 0.0), lowest, max(_CERTAIN, lowest))
    paths = _joined(_chains(np.asarray(skeletonize(held), dtype=bool)), 3 * sigma)
    return [path for path in paths if _span(path) >= least]


def _weighted_quantile(values: Array, weights: Array, part: float) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(total, part * total[-1])), order.size - 1)])


def _follows_a_line(path: Array, shape: tuple[int, ...]) -> bool:
    """Whether a path keeps to a scan line and ends within the image: the feedback's shadow beside a particle."""
    flat = float(np.ptp(path[:, 0])) <= 2 + 0.02 * float(np.ptp(path[:, 1]))
    return flat and float(np.ptp(path[:, 1])) < 0.9 * shape[1]


def _strength(images: Sequence[Array], sigma: float, missing: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return how strongly every pixel lies on a step, in units of the texture, and the direction across it (row, column).

    With g the gradient and H the Hessian at the scale, the tensor is 2 g gᵀ + σ² H Hᵀ: these weights give a single
    crest in the middle of an edge, and also in the middle of a line.
    """
    from scipy.ndimage import gaussian_filter

    tensor = np.zeros((3, *images[0].shape))
    for image in images:
        gr, gc, hrr, hrc, hcc = (
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
        texture = float(np.quantile((own[0] + own[2])[~missing], _QUIET[0]))
        if texture > 0:
            tensor += own / texture
    difference = np.hypot(tensor[0] - tensor[2], 2 * tensor[1])
    strength = np.sqrt(difference)
    texture = float(np.quantile(strength[~missing], _QUIET[0])) / _QUIET[1]
    strength = strength / texture if texture > 0 else strength
    strength[missing] = 0.0
    angle = 0.5 * np.arctan2(2 * tensor[1], tensor[0] - tensor[2])
    return strength, np.stack([np.cos(angle), np.sin(angle)])


def _crests(strength: Array, normal: Array) -> NDArray[np.bool_]:
    """Return where the strength is largest across the step."""
    from scipy.ndimage import map_coordinates

    places = np.indices(strength.shape)
    beside = [map_coordinates(strength, places + sign * normal, order=1, mode="nearest") for sign in (1, -1)]
    return np.asarray((strength >= beside[0]) & (strength >= beside[1]) & (strength > 0))


def _chains(skeleton: NDArray[np.bool_]) -> list[Array]:
    """Return the branches of a skeleton as rows of (row, column), cut where they meet."""
    from scipy.ndimage import convolve

    count = convolve(skeleton.astype(np.int64), np.ones((3, 3), dtype=np.int64), mode="constant") - 1
    free = {(int(r), int(c)) for r, c in np.argwhere(skeleton & (count <= 2))}

    def neighbours(place: tuple[int, int]) -> list[tuple[int, int]]:
        r, c = place
        # Straight neighbours first, so that a corner is not cut and left behind.
        around = (
            (r, c + 1),
            (r, c - 1),
            (r + 1, c),
            (r - 1, c),
            (r + 1, c + 1),
            (r + 1, c - 1),
            (r - 1, c + 1),
            (r - 1, c - 1),
        )
        return [other for other in around if other in free]

    chains = []
    ends = [place for place in sorted(free) if len(neighbours(place)) < 2]
    for start in (*ends, *sorted(free)):  # what has no end is a ring and starts anywhere
        if start not in free:
            continue
        chain = [start]
        free.discard(start)
        while further := neighbours(chain[-1]):
            chain.append(further[0])
            free.discard(further[0])
        if len(chain) > 6 and max(abs(chain[0][0] - chain[-1][0]), abs(chain[0][1] - chain[-1][1])) == 1:
            chain.append(chain[0])
        chains.append(np.array(chain, dtype=np.float64))
    return chains


def _joined(chains: list[Array], gap: float) -> list[Array]:
    """Return chains joined end to end where one continues another without a sharp turn."""
    reach = max(2, round(gap))
    parts: dict[int, Array] = {number: chain for number, chain in enumerate(chains) if len(chain) > 2}

    def ends(chain: Array) -> list[tuple[Array, Array]]:
        """Return the two ends, each with the direction in which it leaves the chain."""
        out = []
        for side in (chain, chain[::-1]):
            step = side[0] - side[min(2 * reach, len(side) - 1)]
            length = float(np.hypot(*step))
            out.append((side[0], step / length if length else step))
        return out

    while True:
        tips = [
            (number, side, *end) for number, chain in parts.items() for side, end in enumerate(ends(chain))
        ]
        if len(tips) < 4:
            return list(parts.values())
        place = np.array([tip[2] for tip in tips])
        heading = np.array([tip[3] for tip in tips])
        owner = np.array([tip[0] for tip in tips])
        between = place[None, :] - place[:, None]
        distance = np.hypot(between[..., 0], between[..., 1])
        ahead = (between * heading[:, None, :]).sum(axis=-1)
        straight = -(heading @ heading.T)
        fits = (distance <= gap) & (owner[:, None] != owner[None, :]) & (straight > _TURN)
        fits &= (ahead >= 0.7 * distance) & (ahead.T >= 0.7 * distance)
        if not fits.any():
            return list(parts.values())
        cost = np.where(fits, distance + gap * (1 - straight), np.inf)
        taken: set[int] = set()
        for flat in np.argsort(cost, axis=None):
            a, b = divmod(int(flat), len(tips))
            if not np.isfinite(cost[a, b]):
                break
            first, second = tips[a][0], tips[b][0]
            if first in taken or second in taken:
                continue
            taken |= {first, second}
            one = parts.pop(first)
            other = parts.pop(second)
            parts[first] = np.vstack(
                [one[::-1] if tips[a][1] == 0 else one, other if tips[b][1] == 0 else other[::-1]]
            )


def _length(path: Array) -> float:
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def _span(path: Array) -> float:
    """Return the largest distance from the path's middle, twice: small for a ring however long its way round."""
    return float(2 * np.hypot(*(path - path.mean(axis=0)).T).max())


def _smoothed(path: Array, sigma: float) -> Array:
    """Return a path without the stairs of the pixels, its points one pixel apart, its ends in place."""
    from scipy.ndimage import gaussian_filter1d

    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0, way[-1], max(2, round(float(way[-1])) + 1))
    even = np.column_stack([np.interp(at, way, path[:, 0]), np.interp(at, way, path[:, 1])])
    count = min(int(4 * sigma) + 1, len(even) - 1)
    # Mirrored through the ends, a straight line stays straight up to them.
    before, after = 2 * even[0] - even[count:0:-1], 2 * even[-1] - even[-2 : -count - 2 : -1]
    if np.array_equal(path[0], path[-1]):
        before, after = even[-count - 1 : -1], even[1 : count + 1]
    long = gaussian_filter1d(np.vstack([before, even, after]), sigma, axis=0, mode="nearest")
    return np.asarray(long[count : count + len(even)])


def _width_across(image: Array, path: Array, sigma: float) -> tuple[float, float]:
    """Return the width of the step along a path, in pixels, and the part of the variance across it that it explains.

    The mean profile across the path is described by an edge and a strip of the same width on a slope, for a ladder of
    widths and places; the best one is taken.
    """
    from scipy.ndimage import map_coordinates
    from scipy.special import erf

    tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-12)[:, None]
    half = 5 * sigma
    offsets = np.linspace(-half, half, 2 * int(2 * half) + 1)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    places = path[:, None, :] + offsets[None, :, None] * normal[:, None, :]
    inside = (places >= -0.5).all(axis=-1) & (places <= np.array(image.shape) - 0.5).all(axis=-1)
    across = map_coordinates(image, np.moveaxis(places, -1, 0), order=1, mode="nearest")
    across = np.where(inside, across - across[:, len(offsets) // 2, None], np.nan)
    seen = inside.sum(axis=0) >= max(3, 0.3 * len(path))
    if seen.sum() < 7:
        return 2 * sigma, 0.0
    profile = np.nanmedian(across[:, seen], axis=0)
    u = offsets[seen]
    flat = np.column_stack([np.ones_like(u), u])
    background = profile - flat @ np.linalg.lstsq(flat, profile, rcond=None)[0]
    total = float((background**2).sum())
    if total == 0:
        return 2 * sigma, 0.0
    best = (np.inf, 2 * sigma)
    # A pixel, and the interpolation between two, have together the spread of half a pixel.
    for width in np.geomspace(0.7, 5 * sigma, 20):
        blur = np.sqrt(2) * np.hypot(width / _FWHM_OF_SIGMA, 0.5)
        for centre in np.linspace(-sigma, sigma, 9):
            t = u - centre
            edge, strip = erf(t / blur), np.exp(-((t / blur) ** 2))
            basis = np.column_stack([flat, edge, strip])
            solution = np.linalg.lstsq(basis, profile, rcond=None)[0]
            left = float(((profile - basis @ solution) ** 2).sum())
            best = min(best, (left, float(width)))
    return best[1], 1 - best[0] / total


def _best_of(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """Return those candidates that do not lie on a better one of another scale."""
    kept: list[_Candidate] = []
    for one in sorted(candidates, key=lambda one: -one.explained * np.sqrt(one.length)):
        near = np.zeros(len(one.path), dtype=bool)
        for other in kept:
            reach = max(one.sigma, other.sigma, other.width / 2) * 1.5
            apart = np.hypot(*(one.path[:, None, :] - other.path[None, :, :]).transpose(2, 0, 1))
            near |= apart.min(axis=1) <= reach
        if near.mean() < 0.4:
            kept.append(one)
    return kept


def _simplified(path: Array) -> Array:
    from skimage.measure import approximate_polygon

    return np.asarray(approximate_polygon(path, 0.4), dtype=np.float64)
