"""Proposals: crests of several scales weighed against each other, given a width and made regions.

The boundary tensor answers alike to terrace edges and to raised or lowered strips, at a scale; its crests above the
image's own texture are followed into paths. How wide a step is comes from the mean profile across its path.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.regions.shapes import Region
from napari_tesm.regions.step_crests import (
    crests_from_strength,
    levelled,
    squared,
    strength_from_images,
)
from napari_tesm.regions.step_tracing import (
    cut_from_border,
    extended_to_border,
    is_ring,
    length,
    paths_from_crests,
    simplified,
    smoothed,
    span,
)
from napari_tesm.regions.widths import integral_of_erf
from napari_tesm.statistics.images import filled

Array = NDArray[np.float64]

_SCALES: Final = (1.5, 3.0, 6.0)
"""Standard deviations of the Gaussians that steps are looked for with, in pixels."""
_FEWEST_PIXELS: Final = 12
_EVERYWHERE: Final = 1.8
_SOMEWHERE: Final = 3.4
_MOSTLY: Final = 2.7
"""Strength that a step reaches at every pixel, at one, and at half of them. White noise comes to 2.5 in the last (30
images of 64 × 64 pixels), rough surfaces of most kinds to 3.2."""
_EXPLAINED: Final = 0.8
"""Part of the variance across a path that an edge or strip has to explain."""
_FWHM_OF_SIGMA: Final = 2.3548


@dataclass(frozen=True)
class _Fit:
    """What is best seen across a path: width and place of an edge or strip, in pixels, and how much it explains."""

    width: float
    shift: float
    explained: float
    is_strip: bool


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A path in pixels (row, column), with what the images say about it."""

    path: Array
    strength: float
    sigma: float
    fit: _Fit


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

    Proposals, to be looked at: edges of terraces and raised or lowered strips alike. Left out are particles, what
    keeps to a scan line without crossing the image (the feedback's shadow), and all images of fewer than 12 × 12 pixels
    or with values at less than half of them.

    Parameters
    ----------
    topography, deflection_error : array-like of shape (y, x), optional
        In any unit; with both, both are used. Pixels without a value are no step.
    x, y : array-like
        Increasing pixel centres, in m.
    spacing : (float, float), optional
        Pixel size (dy, dx); needed where there is a single row or column.
    scale : float, optional
        Full width of the steps to look for, in m; by default widths from one pixel to some twenty.
    shortest : float, optional
        Extent below which nothing is a step, in m; by default a tenth of the image's diagonal.
    contrast : float
        How strong a step must be, as part of the strongest.
    most : int
        Largest number of steps; the longest and strongest are kept.

    Returns
    -------
    list of Region
        Kind "path", class "step", named "step 1", "step 2" … from the most prominent down.

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
                f"an image of shape {image.shape} does not lie on a grid of {rows.size} lines of {columns.size} "
                "pixels: steps are found on the image's own grid"
            )
    usable = [image for image in given if _has_structure(image)]
    if not usable:
        return []
    dy, dx = (axis_spacing(rows), axis_spacing(columns)) if spacing is None else spacing
    pixel = min(dy, dx)
    images = [squared(levelled(image), dy / pixel, dx / pixel) for image in usable]
    height, width = images[0].shape
    sigmas = [sigma for sigma in _SCALES if sigma <= min(height, width) / 12]
    if scale is not None:
        sigmas = [max(scale / pixel / _FWHM_OF_SIGMA, 1.0)]
    least = 0.1 * float(np.hypot(height, width)) if shortest is None else shortest / pixel
    candidates = chain.from_iterable(_candidates(images, sigma, least, contrast) for sigma in sigmas)
    steps = sorted(_best_of(candidates), key=lambda step: -step.strength * np.sqrt(length(step.path)))
    origin = np.array([columns[0], rows[0]])
    return [
        Region.from_xy(
            "path",
            origin + simplified(step.path, 0.4)[:, ::-1] * pixel,
            name=f"step {number}",
            region_class="step",
            width=float(f"{max(step.fit.width, 1.0) * pixel:.3g}"),
        )
        for number, step in enumerate(steps[:most], start=1)
    ]


def _has_structure(image: Array) -> bool:
    good = np.isfinite(image)
    return min(image.shape) >= _FEWEST_PIXELS and good.mean() > 0.5 and float(np.ptp(image[good])) > 0


def _candidates(images: Sequence[Array], sigma: float, least: float, contrast: float) -> Iterable[_Candidate]:
    """Yield what may be steps at one scale."""
    from scipy.ndimage import map_coordinates

    missing = np.logical_or.reduce([~np.isfinite(image) for image in images])
    whole = [filled(image) for image in images]
    strength, normal = strength_from_images(whole, sigma, missing)
    crests = crests_from_strength(strength, normal)
    everywhere = _EVERYWHERE
    for _ in range(2):
        paths = paths_from_crests(
            crests, strength, everywhere=everywhere, somewhere=_SOMEWHERE, gap=3 * sigma
        )
        paths = [path for path in paths if span(path) >= max(least, 4 * sigma)]
        if not paths:
            return
        along = [map_coordinates(strength, path.T, order=1, mode="nearest") for path in paths]
        medians = np.array([float(np.median(values)) for values in along])
        strongest = _weighted_quantile(medians, np.array([length(path) for path in paths]), 0.9)
        # What is weak beside the strongest step would link it to others: known now, it is cut away before the rest.
        everywhere = max(_EVERYWHERE, 0.6 * contrast * strongest)
    for path, median in zip(paths, medians, strict=True):
        if median < max(_MOSTLY, contrast * strongest) or _keeps_to_a_line(path, whole[0].shape):
            continue
        smooth = smoothed(path, sigma)
        fit, image = max(
            ((_fit_across(surface, smooth, sigma), surface) for surface in whole),
            key=lambda pair: pair[0].explained,
        )
        if fit.explained < _EXPLAINED:
            continue
        # One shift for all of it: place by place it would follow the noise.
        moved = smooth + fit.shift * _normals(smooth)
        inner = cut_from_border(moved, image.shape, 2 * sigma)
        if span(inner) >= least:
            whole_way = extended_to_border(inner, image.shape, 4 * sigma)
            yield _Candidate(whole_way, float(median), sigma, fit)


def _weighted_quantile(values: Array, weights: Array, part: float) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(total, part * total[-1])), order.size - 1)])


def _keeps_to_a_line(path: Array, shape: tuple[int, ...]) -> bool:
    """Whether a path keeps to a scan line and ends within the image, as does the feedback's shadow of a particle."""
    flat = np.abs(path[:, 0] - np.median(path[:, 0])) <= 1.0
    return bool(flat.mean() > 0.5) and float(np.ptp(path[:, 1])) < 0.9 * shape[1]


def _normals(path: Array) -> Array:
    tangent = np.gradient(path, axis=0)
    if is_ring(path):
        tangent[[0, -1]] = (path[1] - path[-2]) / 2
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-12)[:, None]
    return np.column_stack([-tangent[:, 1], tangent[:, 0]])


def _values_across(image: Array, path: Array, half: float) -> tuple[Array, Array]:
    """Return offsets across a path, and an image's values there, shape (point, offset); NaN outside the image."""
    from scipy.ndimage import map_coordinates

    offsets = np.linspace(-half, half, 2 * int(2 * half) + 1)
    places = path[:, None, :] + offsets[None, :, None] * _normals(path)[:, None, :]
    inside = (places >= -0.5).all(axis=-1) & (places <= np.array(image.shape) - 0.5).all(axis=-1)
    across = map_coordinates(image, np.moveaxis(places, -1, 0), order=1, mode="nearest")
    return offsets, np.where(inside, across - across[:, offsets.size // 2, None], np.nan)


def _fit_across(image: Array, path: Array, sigma: float) -> _Fit:
    """Return the step in the mean profile across a path.

    The profile is described by an edge and a strip of the same width on a slope, for two shapes and a ladder of widths
    and places; the best one is taken.
    """
    offsets, across = _values_across(image, path, 5 * sigma)
    seen = np.isfinite(across).sum(axis=0) >= max(3, 0.3 * len(path))
    if seen.sum() < 7:
        return _Fit(2 * sigma, 0.0, 0.0, False)
    profile, u = np.nanmedian(across[:, seen], axis=0), offsets[seen]
    widths, shifts = np.geomspace(0.7, 4.5 * sigma, 20), np.linspace(-2 * sigma, 2 * sigma, 17)
    fits = [_fit_of_shape(profile, u, widths, shifts, sigma, box) for box in (0.0, 0.9)]
    return max(fits, key=lambda fit: fit.explained)


def _shapes(u: Array, widths: Array, shifts: Array, box: float) -> Array:
    """Return level, slope, edge and strip at offsets u, for every width and place: (width, shift, u, function).

    Of the width, `box` is a box (or a ramp), and the rest its soft sides.
    """
    from scipy.special import erf

    # A pixel, and the interpolation between two, have together the spread of half a pixel.
    soft = np.sqrt(2) * np.hypot((1 - box) * widths / _FWHM_OF_SIGMA, 0.5)[:, None, None]
    half = box * widths[:, None, None] / 2
    left, right = ((u - shifts[:, None] + sign * half) / soft for sign in (1, -1))
    if box:
        strip = (erf(left) - erf(right)) / 2
        edge = soft * (integral_of_erf(left) - integral_of_erf(right)) / (2 * half)
    else:
        strip, edge = np.exp(-(left**2)), erf(left)
    return np.stack([np.ones(strip.shape), np.broadcast_to(u, strip.shape), edge, strip], axis=-1)


def _fit_of_shape(profile: Array, u: Array, widths: Array, shifts: Array, sigma: float, box: float) -> _Fit:
    basis = _shapes(u, widths, shifts, box)
    total = float(_left(basis[0, 0, :, :2], profile))
    if total <= 0:
        return _Fit(2 * sigma, 0.0, 0.0, False)
    # The crest is in the middle already, unless it is one of the two of a broad strip.
    table = _left(basis, profile) * (1 + 0.1 * (shifts / sigma) ** 2)
    best, place = np.unravel_index(int(np.argmin(table)), table.shape)
    # The ladder is coarse; the lowest point of a parabola through three rungs is between them.
    a, b, c = table.min(axis=1)[np.clip([best - 1, best, best + 1], 0, widths.size - 1)]
    rung = 0.5 * (a - c) / (a - 2 * b + c) if 0 < best < widths.size - 1 and a - 2 * b + c > 0 else 0.0
    width = float(widths[best] * (widths[1] / widths[0]) ** rung)
    heights = np.abs(np.linalg.lstsq(basis[best, place], profile, rcond=None)[0][2:])
    # From −1 to 1, an edge is twice as high as its function.
    return _Fit(
        width,
        float(shifts[place]),
        1 - float(table[best, place]) / total,
        bool(heights[1] > 2 * heights[0]),
    )


def _left(basis: Array, values: Array) -> Array:
    """Return the sum of squares that least squares leave, for bases of shape (…, value, function)."""
    orthonormal = np.linalg.qr(basis).Q
    covered = (np.swapaxes(orthonormal, -1, -2) @ values) ** 2
    return np.asarray(np.maximum((values**2).sum() - covered.sum(axis=-1), 0.0))


def _merit(candidate: _Candidate) -> float:
    # The two sides of a strip are steps of their own to a finer scale, and as well explained.
    return (
        candidate.fit.explained
        * float(np.sqrt(length(candidate.path)))
        * (1.2 if candidate.fit.is_strip else 1.0)
    )


def _best_of(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """Return those candidates that do not lie on a better one of another scale."""
    from scipy.spatial import cKDTree

    kept: list[tuple[_Candidate, cKDTree]] = []
    for candidate in sorted(candidates, key=_merit, reverse=True):
        covered = np.zeros(len(candidate.path), dtype=bool)
        for other, places in kept:
            # Two crests of one broad strip are nearer than its width.
            reach = max(1.5 * candidate.sigma, 1.5 * other.sigma, 0.75 * other.fit.width)
            covered |= places.query(candidate.path, distance_upper_bound=reach)[0] <= reach
        if covered.mean() < 0.4:
            kept.append((candidate, cKDTree(candidate.path)))
    return [candidate for candidate, _ in kept]
