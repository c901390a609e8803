"""Place one volume in another: quarter turns and flips, a shift by correlation, an affine, its error, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray, Part
from napari_tesm.files.sentences import Sentence
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.volumes.dataset import INTENSITY, volume_from_array, voxel_of
from napari_tesm.volumes.landmarks import Landmarks
from napari_tesm.volumes.matching import LEVELS, Image, Match, matched
from napari_tesm.volumes.tiles import as_stored
from napari_tesm.volumes.transforms import (
    Matrix,
    inverse_of,
    moved_points,
    resampled,
    turn_in_words,
    turns_of_axes,
)

Progress = Callable[[float, str], None]

_MOST_VOXELS: Final = 8_000_000
"""A larger volume is taken in blocks of voxels."""
_COARSE: Final = 28
"""Voxels along the longest edge on which turns are told apart."""
_FINER: Final = 2.0
_SEEN: Final = 5.0
"""Standard deviations of correlations at other shifts by which the one that is found must exceed their mean."""
_OTHERS: Final = 40
_AWAY: Final = 2.5
"""Largest voxels by which the search is started beside what was found, to see whether it comes back."""
_BACK: Final = 0.5
"""Largest voxels within which it must."""
_LARGEST_ERROR: Final = 1.0


@dataclass(frozen=True)
class Placement:
    """Where a volume lies in another.

    Parameters
    ----------
    matrix : ndarray, shape (4, 4)
        From (z, y, x, 1) in m of the moving volume to those of the fixed one; both from the corner of the volume.
    error : float
        Expected distance in m of a place from where it belongs.
    turn : str
        Which axes of the moving volume lie along z, y, x of the fixed one, to the nearest quarter turn.
    correlation : float
        Of what both show.
    landmarks : Landmarks or None
    """

    matrix: Matrix
    error: float
    turn: str
    correlation: float
    landmarks: Landmarks | None = None


def placement_of(
    moving: xr.Dataset,
    fixed: xr.Dataset,
    *,
    landmarks: Landmarks | None = None,
    turns: bool = True,
    progress: Progress | None = None,
) -> Placement:
    """Return where a volume lies in another, by what both show.

    Parameters
    ----------
    moving, fixed : xarray.Dataset
        Volumes of one region, such as lithium counts and an electron image; contrasts may be opposite.
    landmarks : Landmarks, optional
        Where the search begins.
    turns : bool
        Look for quarter turns and mirror images, too, where there are no landmarks.
    progress : callable, optional

    Raises
    ------
    ValueError
        If what both show does not determine the placement.
    """
    tell = progress or (lambda fraction, words: None)
    largest = max(*voxel_of(moving), *voxel_of(fixed))
    tell(0.0, "reading both volumes")
    images = [image_of(volume, largest / _FINER) for volume in (moving, fixed)]
    # Slopes are taken of the quieter one.
    noisy = int(_noise_of(images[1]) > _noise_of(images[0]))
    data, template = images[noisy], images[1 - noisy]
    if landmarks is not None:
        starts = [landmarks.matrix if noisy == 0 else inverse_of(landmarks.matrix)]
    else:
        tell(0.1, "looking for quarter turns")
        starts = _starts(data, template, turns=turns)
    tell(0.2, "laying one on the other")
    found = matched(data, template, _best_of(data, template, starts))
    tell(0.7, "seeing whether it is determined")
    _check_determined(data, template, found)
    matrix = found.matrix if noisy == 0 else inverse_of(found.matrix)
    # Lengths of the other volume are nearly the same; the error is that of a place in the fixed one.
    scale = 1.0 if noisy == 0 else abs(float(np.linalg.det(matrix[:3, :3]))) ** (1 / 3)
    tell(1.0, "placed")
    return Placement(
        matrix, found.error * scale, turn_in_words(_nearest_turn(matrix)), found.correlation, landmarks
    )


def image_of(volume: xr.Dataset, finest: float) -> Image:
    """Return a volume in memory, in blocks where its voxels are finer than needed or too many.

    Parameters
    ----------
    volume : xarray.Dataset
    finest : float
        Length in m of an edge that is fine enough.
    """
    voxel, shape = voxel_of(volume), volume[INTENSITY].shape
    by = [max(1, int(finest / edge + 1e-6)) for edge in voxel]
    while np.prod([size // step for size, step in zip(shape, by, strict=True)], dtype=float) > _MOST_VOXELS:
        edges = np.multiply(by, voxel)
        by[int(edges.argmin())] += 1
    sizes = [size // step for size, step in zip(shape, by, strict=True)]
    values = np.empty(sizes, np.float32)
    for plane in range(sizes[0]):
        part = (
            slice(plane * by[0], (plane + 1) * by[0]),
            *(slice(0, n * b) for n, b in zip(sizes[1:], by[1:], strict=True)),
        )
        slab = as_stored(volume, part).astype(np.float32)
        blocks = slab.reshape(by[0], sizes[1], by[1], sizes[2], by[2])
        values[plane] = blocks.mean(axis=(0, 2, 4))
    missing = ~np.isfinite(values)
    if missing.any():
        values[missing] = np.nanmedian(values) if not missing.all() else 0
    edges = (by[0] * voxel[0], by[1] * voxel[1], by[2] * voxel[2])
    return Image(values, edges)


def _best_of(data: Image, template: Image, starts: list[Matrix]) -> Matrix:
    """Return the start from which the coarsest search makes both most alike, moved on by it."""
    found: list[Match] = []
    for start in starts:
        try:
            found.append(matched(data, template, start, levels=LEVELS[:1]))
        except ValueError:
            continue
    if not found:
        raise ValueError(Sentence("the volumes show nothing that both share: give {landmarks}"))
    return max(found, key=lambda match: abs(match.correlation)).matrix


def _noise_of(image: Image) -> float:
    """Return which part of the variance neighbours do not share."""
    values = image.values
    apart = np.median([np.var(np.diff(values, axis=axis)) for axis in range(3)]) / 2
    return float(apart / max(float(values.var()), np.finfo(np.float32).tiny))


def _starts(data: Image, template: Image, *, turns: bool) -> list[Matrix]:
    """Return the turns and shifts under which both are most alike, the best first."""
    edge = float(max(data.size.max(), template.size.max())) / _COARSE
    fixed = _coarse(template, np.eye(4), template.size, edge)
    scored = []
    for turn in turns_of_axes(data.values.shape, data.voxel, mirrored=True) if turns else [np.eye(4)]:
        size = np.abs(turn[:3, :3]) @ data.size
        score, shift = _best_shift(fixed, _coarse(data, inverse_of(turn), size, edge))
        moved = np.eye(4)
        moved[:3, 3] = np.multiply(shift, edge)
        scored.append((score, moved @ turn))
    best = sorted(range(len(scored)), key=lambda place: -scored[place][0])
    # The volume as it is goes along: both were mostly recorded the same way round.
    chosen = list(dict.fromkeys([0, *best[:2]]))
    return [scored[place][1] for place in chosen]


def _coarse(image: Image, matrix: Matrix, size: NDArray[np.float64], edge: float) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(image.values, [0.5 * edge / own for own in image.voxel])
    shape = tuple(np.maximum(np.round(size / edge), 2).astype(int))
    return resampled(smooth, image.voxel, matrix, shape, (edge,) * 3, outside=float(np.median(smooth)))


def _best_shift(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> tuple[float, tuple[float, ...]]:
    """Return how alike both are at the best shift (in voxels, of `moving`), by the correlation of whitened images."""
    shape = [one + other for one, other in zip(fixed.shape, moving.shape, strict=True)]
    one, other = (np.fft.rfftn(values - values.mean(), shape, axes=(0, 1, 2)) for values in (fixed, moving))
    cross = one * np.conj(other)
    # Half whitened: a peak that is sharp, and not that of the noise.
    cross /= np.sqrt(np.abs(cross)) + 1e-12
    surface = np.fft.irfftn(cross, shape, axes=(0, 1, 2))
    strength = np.abs(surface)
    place = np.unravel_index(int(strength.argmax()), shape)
    shift = tuple(float(k - n if k > n // 2 else k) for k, n in zip(place, shape, strict=True))
    return float(strength.max() / surface.std()), shift


def _nearest_turn(matrix: Matrix) -> Matrix:
    left = np.abs(matrix[:3, :3]).copy()
    turn = np.eye(4)
    turn[:3, :3] = 0
    for _ in range(3):
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        turn[row, column] = np.sign(matrix[row, column])
        left[row], left[:, column] = -1, -1
    return turn


def _check_determined(data: Image, template: Image, found: Match) -> None:
    """Raise ValueError where another placement would do as well."""
    largest = max(*data.voxel, *template.voxel)
    refusal = "what both volumes show does not determine how they lie"
    if found.error > _LARGEST_ERROR * largest:
        words = text_from_quantity(found.error, "m", digits=2)
        raise ValueError(Sentence("{refusal} (to {words}): give {landmarks}", refusal=refusal, words=words))
    alike = _deviations(data, template, found.matrix)
    if alike < _SEEN:
        raise ValueError(
            Sentence(
                "{refusal}: they are no more alike than at other shifts ({alike:.1f} standard deviations): give "
                "{landmarks}",
                refusal=refusal, alike=alike,
            )
        )  # fmt: skip
    corner = data.size[None, :] * np.array(
        [[0.2, 0.2, 0.2], [0.8, 0.5, 0.2], [0.5, 0.8, 0.8], [0.2, 0.5, 0.8]]
    )
    for direction in (np.array([1.0, -1.0, 1.0]), np.array([-1.0, 1.0, 1.0])):
        beside = found.matrix.copy()
        beside[:3, 3] += _AWAY * largest * direction / np.sqrt(3)
        again = matched(data, template, beside).matrix
        apart = np.linalg.norm(
            moved_points(again, corner) - moved_points(found.matrix, corner), axis=1
        ).mean()
        if apart > max(_BACK * largest, 2 * found.error):
            raise ValueError(
                Sentence(
                    "{refusal}: begun {start} beside it, the search ends {apart} away: give {landmarks}",
                    refusal=refusal, start=text_from_quantity(_AWAY * largest, "m", digits=2),
                    apart=text_from_quantity(float(apart), "m", digits=2),
                )
            )  # fmt: skip


def _deviations(data: Image, template: Image, matrix: Matrix) -> float:
    """Return by how many standard deviations both are more alike than where one is moved far away round its border."""
    from scipy.ndimage import gaussian_filter

    largest = max(*data.voxel, *template.voxel)
    shown = resampled(template.values, template.voxel, matrix, data.values.shape, data.voxel, outside=np.nan)
    smooth = gaussian_filter(data.values, [largest / edge for edge in data.voxel])
    there = np.isfinite(shown)
    spans = [np.flatnonzero(there.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    one, other = np.where(there, shown, np.nanmean(shown))[box], smooth[box]
    one, other = one - one.mean(), other - other.mean()
    scale = float(one.std() * other.std() * one.size) or 1.0
    # All shifts round the border at once.
    cross = np.conj(np.fft.rfftn(one)) * np.fft.rfftn(other)
    surface = np.fft.irfftn(cross, one.shape, axes=(0, 1, 2)) / scale
    rng = np.random.default_rng(0)
    away = [
        surface[tuple(int(size * rng.uniform(0.2, 0.8)) for size in surface.shape)] for _ in range(_OTHERS)
    ]
    return float((abs(surface[0, 0, 0]) - np.mean(np.abs(away))) / max(float(np.std(away)), 1e-12))


def placed_volume(moving: xr.Dataset, matrix: Matrix, fixed: xr.Dataset) -> xr.Dataset:
    """Return a volume on the voxels of another, made when they are asked for; what was not seen is missing (NaN).

    Parameters
    ----------
    moving : xarray.Dataset
    matrix : ndarray, shape (4, 4)
        From places of `moving` to places of `fixed`.
    fixed : xarray.Dataset

    Notes
    -----
    Values are interpolated along straight lines: counts are no whole numbers any more, and neighbours share them.
    """
    values = as_stored(moving, (slice(None),) * 3).astype(np.float32)
    voxel, grid, back = voxel_of(moving), voxel_of(fixed), inverse_of(matrix)

    def read(part: Part) -> NDArray[np.float32]:
        first = np.eye(4)
        first[:3, 3] = [along.start * edge for along, edge in zip(part, grid, strict=True)]
        shape = tuple(along.stop - along.start for along in part)
        found = resampled(values, voxel, back @ first, shape, grid, outside=np.nan)
        return found[tuple(slice(None, None, along.step) for along in part)]

    about = {key: moving.attrs[key] for key in ("simulated", "peak") if key in moving.attrs}
    array = LazyArray(fixed[INTENSITY].shape, np.float32, read)
    return volume_from_array(array, grid, attributes=about | {"notes": []})


def placement_from_landmarks(landmarks: Landmarks) -> Placement:
    """Return the placement that landmarks say; its error is that of a pair that is left out."""
    turn = turn_in_words(_nearest_turn(landmarks.matrix))
    return Placement(landmarks.matrix, landmarks.error, turn, float("nan"), landmarks)
