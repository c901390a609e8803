"""Where a scan lies in a volume: landmarks, and what the scan's image and a section through the volume both show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.sentences import Sentence
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.volumes.landmarks import Landmarks, landmarks_matched
from napari_tesm.volumes.matching import Image
from napari_tesm.volumes.section_matching import BLOCKS, Pull, Section, slopes_of
from napari_tesm.volumes.transforms import Matrix, Points, moved_points

Array = NDArray[np.float64]

_LEVELS: Final = (3.0, 1.5, 0.8)
"""Widths of smoothing, in the largest voxel of both."""
_STARTS: Final = 16
"""Places as likely as the landmarks' own from which the search begins: the image of a scan repeats itself."""
_KEPT: Final = (6, 3)
"""How many of them go on after the first and after the second width."""
_SAME: Final = 0.5
_NEARLY: Final = 0.1
"""Largest voxels between two places that are one, in the end and while the search goes on."""
_SETTLED: Final = 0.01
"""Largest change, in the largest voxel, that ends the search."""
_LINES: Final = 0.05
"""Error, in the largest voxel, that remains because what both show is no line of each other at any distance."""
_LARGEST_ERROR: Final = 1.5
"""Error in the largest voxel beyond which the image of the scan does not say where it lies."""
_LEAST_CORRELATION: Final = 0.2
_PICKING: Final = 0.25
"""Error in the largest voxel that picking a landmark leaves at the least."""


@dataclass(frozen=True)
class ScanPlace:
    """Where a scan lies in a volume.

    Parameters
    ----------
    matrix : ndarray, shape (4, 4)
        From (0, y, x, 1) in m of the scan, from the corner of its first pixel, to z, y, x of the volume.
    error : float
        Expected distance in m of a pixel from where it belongs; of landmarks alone that of a pair left out.
    correlation : float
        Of the scan's image and the section; NaN for landmarks alone.
    landmarks : Landmarks
    """

    matrix: Matrix
    error: float
    correlation: float
    landmarks: Landmarks


def scan_landmarks(scan: Points, volume: Points) -> Landmarks:
    """Return the rigid motion that leads places of a scan to places of a volume.

    Parameters
    ----------
    scan : ndarray, shape (pairs, 2)
        y, x in m.
    volume : ndarray, shape (pairs, 3)
        z, y, x in m.
    """
    flat = np.column_stack([np.zeros(len(scan)), scan])
    return landmarks_matched(flat, volume, kind="rigid")


def place_of_scan(
    image: NDArray[np.floating], pixel: tuple[float, float], volume: Image, landmarks: Landmarks
) -> ScanPlace:
    """Return where a scan lies, by landmarks and by what its image and the volume both show.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Of the scan: topography or deflection error, as it shows what the volume shows. NaN is filled up.
    pixel : tuple of float
        Distance of rows and columns in m.
    volume : Image
    landmarks : Landmarks
        Of `scan_landmarks`. They count throughout: where the image leaves a direction open, they say it.

    Raises
    ------
    ValueError
        If both show nothing alike where the landmarks lay them, or several places are as good.
    """
    data = _image_of(image, pixel)
    largest = max(*volume.voxel, *pixel)
    slopes = slopes_of(volume, largest)
    pull = Pull(landmarks.first, landmarks.second, _PICKING * largest)
    places = _starts(landmarks)
    for width, kept in zip(_LEVELS, (*_KEPT, None), strict=True):
        section = Section(data, volume, slopes, width * largest, pull, local=kept is None)
        places = _apart(_settled(section, places, _SETTLED * largest), data, _NEARLY * largest)
        if not places:
            raise ValueError("the scan hardly lies in the volume where the landmarks have it")
        section.independent = section.independent_at(places[0])
        places = _apart(_settled(section, places, _SETTLED * largest), data, _SAME * largest)[:kept]
    judge = Section(data, volume, slopes, _LEVELS[-1] * largest, pull, local=False)
    best, weights = _weighed(judge, places)
    found, own = section.joined(places[best])
    correlation = judge.equations(found).correlation
    away = np.array([_distance(place, places[best], data) for place in places])
    error = float(np.sqrt(own**2 + (_LINES * largest) ** 2 + weights @ away**2))
    if not error <= _LARGEST_ERROR * largest or abs(correlation) < _LEAST_CORRELATION:
        raise ValueError(
            Sentence(
                "the image of the scan does not say where it lies (to {error}, correlation {correlation:.2f}): give "
                "another {image}, or take the landmarks as they are",
                error=text_from_quantity(error, "m", digits=2), correlation=correlation,
            )
        )  # fmt: skip
    return ScanPlace(found, error, correlation, landmarks)


def _image_of(image: NDArray[np.floating], pixel: tuple[float, float]) -> Image:
    """Return the image of a scan as a volume of one slice, without its tilt, outliers and holes."""
    values = np.asarray(image, np.float64)
    known = np.isfinite(values)
    if not known.any():
        raise ValueError("the image of the scan holds no value")
    y, x = (np.linspace(-1, 1, size) for size in values.shape)
    plane = np.stack([np.ones(values.shape), *np.broadcast_arrays(y[:, None], x[None, :])], -1)
    # The tilt of a topography is none of the section.
    values = values - plane @ np.linalg.lstsq(plane[known], values[known], rcond=None)[0]
    values[~known] = 0
    low, high = np.quantile(values[known], [0.005, 0.995])
    return Image(np.clip(values, low, high)[None].astype(np.float32), (max(pixel), *pixel))


def _starts(landmarks: Landmarks) -> list[Matrix]:
    """Return where the landmarks have the scan, and where they would with errors like those that they show."""
    first, second = landmarks.first, landmarks.second
    freedom = max(3 * len(first) - 6, 1)
    spread = float(np.sqrt(np.sum(landmarks.residuals**2) / freedom))
    rng = np.random.default_rng(0)
    moved = (second + rng.normal(0, spread, second.shape) for _ in range(_STARTS - 1))
    return [landmarks.matrix, *(landmarks_matched(first, places, kind="rigid").matrix for places in moved)]


def _settled(section: Section, places: list[Matrix], least: float) -> list[Matrix]:
    """Return where the search ends from each place, the best first."""
    found = []
    for place in places:
        try:
            matrix = section.settled(place, least)
            found.append((section.cost(section.equations(matrix), matrix), matrix))
        except ValueError:
            # From there it left the volume.
            continue
    return [matrix for _, matrix in sorted(found, key=lambda pair: pair[0])]


def _apart(places: list[Matrix], data: Image, least: float) -> list[Matrix]:
    """Return the places that are no other one again."""
    kept: list[Matrix] = []
    for place in places:
        if all(_distance(place, other, data) > least for other in kept):
            kept.append(place)
    return kept


def _distance(one: Matrix, other: Matrix, data: Image) -> float:
    """Return the root mean square distance in m of the data's corners and middle at two places."""
    points = np.vstack([[0.0, y, x] for y in (0.15, 0.5, 0.85) for x in (0.15, 0.5, 0.85)]) * data.size
    apart = moved_points(one, points) - moved_points(other, points)
    return float(np.sqrt(np.mean(np.sum(apart**2, axis=1))))


def _weighed(section: Section, places: list[Matrix]) -> tuple[int, Array]:
    """Return which of several places is the most likely, and how likely each of them is.

    Notes
    -----
    The squares of what remains at two places are compared block by block of the scan: their difference, over the error
    of it that blocks show, is the evidence of the image (Vuong 1989), whatever is wrong with both in common. That of
    the landmarks is added.
    """
    count = len(places)
    costs = np.array([section.pull.cost(place) for place in places])
    squares = np.array([_squares(section, place) for place in places])
    evidence = np.zeros((count, count))
    for one in range(count):
        for other in range(count):
            both = np.isfinite(squares[one]) & np.isfinite(squares[other])
            apart = (squares[other] - squares[one])[both]
            error = float(np.sqrt(apart.size * apart.var(ddof=1))) if apart.size > 1 else 0.0
            shown = float(apart.sum()) / error if error > 0 else 0.0
            evidence[one, other] = np.sign(shown) * shown**2 + costs[other] - costs[one]
    best = int(np.argmax(evidence.min(axis=1)))
    likely = np.exp(-0.5 * np.clip(evidence[best], 0, None))
    return best, likely / likely.sum()


def _squares(section: Section, place: Matrix) -> Array:
    """Return the sum of squares in each block of the scan; NaN where none of it is in the volume."""
    at = section.equations(place)
    block = section.blocks(at)
    sums = np.bincount(block, at.residual**2, BLOCKS**2)
    return np.where(np.bincount(block, minlength=BLOCKS**2) > 0, sums, np.nan)
