"""Candidates for defects: particles and holes, told by a height that does not belong to the surface around."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.grains.surface import levelled_surface, smoothed
from napari_tesm.regions.shapes import Region
from napari_tesm.statistics.images import filled

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SURE: Final = 5.0
_BESIDE: Final = 3.0
"""A candidate has a pixel five times the spread of the surface away; around it belongs what is three times away."""
_LARGEST: Final = 0.05
"""Of the image; what is larger is no defect of a surface but a part of it."""
_FEWEST: Final = 4


@dataclass(frozen=True, eq=False)
class DefectCandidate:
    """A place whose height is out of line.

    Parameters
    ----------
    kind : {"particle", "hole"}
    mask : ndarray of bool, shape (y, x)
    height : float
        Of its most outlying place over the middle of the surface, in the unit of the image; negative for a hole.
    area : float
        In m².
    region : Region
        An ellipse around it, of class "defect": drawn over the image it takes the place out of the statistics.
    """

    kind: str
    mask: Mask
    height: float
    area: float
    region: Region


def defect_candidates(
    topography: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    spacing: tuple[float, float],
) -> list[DefectCandidate]:
    """Return particles and holes as proposals, the most outlying first; nothing is left out because of them.

    The levelled and slightly smoothed height is held against its median, in units of its spread (median absolute
    deviation): particles tower above a surface of grains, whose own heights are of the size of the spread.

    Parameters
    ----------
    topography : array-like, shape (y, x)
    x, y : array-like
        Pixel centres, in m.
    spacing : (float, float)
        Pixel size (dy, dx), in m.
    """
    from scipy.ndimage import label

    image = np.asarray(topography, dtype=np.float64)
    good = np.isfinite(image)
    if image.ndim != 2 or min(image.shape) < 8 or good.mean() < 0.5:
        return []
    sigma = max(spacing)
    flat = smoothed(levelled_surface(filled(image), spacing, sigma), spacing, sigma)
    flat = flat - np.median(flat[good])
    spread = 1.4826 * float(np.median(np.abs(flat[good])))
    if spread == 0:
        return []
    candidates = []
    for sign, kind in ((1.0, "particle"), (-1.0, "hole")):
        out = sign * flat / spread
        parts, count = label((out > _BESIDE) & good)
        for number in range(1, count + 1):
            mask = parts == number
            pixels = int(mask.sum())
            if pixels < _FEWEST or pixels > _LARGEST * image.size or out[mask].max() < _SURE:
                continue
            height = sign * float((sign * flat)[mask].max())
            area = pixels * spacing[0] * spacing[1]
            candidates.append(DefectCandidate(kind, mask, height, area, _ellipse(mask, x, y, spacing, kind)))
    candidates.sort(key=lambda candidate: -abs(candidate.height))
    return candidates


def _ellipse(mask: Mask, x: ArrayLike, y: ArrayLike, spacing: tuple[float, float], kind: str) -> Region:
    """Return an ellipse that covers a place, upright, with a pixel to spare."""
    rows, columns = np.nonzero(mask)
    across, down = np.asarray(x, dtype=np.float64)[columns], np.asarray(y, dtype=np.float64)[rows]
    # The ellipse through the corners of its box would be √2 as large; that around most of a round spot is the box's.
    left, right = across.min() - spacing[1], across.max() + spacing[1]
    top, bottom = down.min() - spacing[0], down.max() + spacing[0]
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return Region("ellipse", corners, name=kind, region_class="defect")
