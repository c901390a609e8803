"""Boundaries of grains: how far every pixel is from the nearest one, and which pixels are boundary, which interior."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.grains.labels import OWN_CLASSES, Grains
from napari_tesm.regions.shapes import Region, mask_from_region

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

NONE, INTERIOR, BOUNDARY, CLUSTER, DEFECT = range(5)
PIXEL_CLASSES: Final = ("none", "interior", "boundary", "cluster", "defect")
"""Names of the classes of pixels, by their number."""
_PIXELS_OF_BAND: Final = 4


@dataclass(frozen=True, eq=False)
class Boundaries:
    """Boundaries of grains on an image.

    Parameters
    ----------
    distance : ndarray, shape (y, x)
        From the centre of each pixel to the nearest boundary, in m; infinite where there is no boundary at all.
    classes : ndarray of int8, shape (y, x)
        Index into `PIXEL_CLASSES`.
    width : float
        Full width of the band that counts as boundary, in m.
    length : float
        Length of all boundaries, in m, as the sides of pixels.
    notes : tuple of str
        What was not taken as asked for, in sentences.
    """

    distance: Array
    classes: NDArray[np.int8]
    width: float
    length: float
    notes: tuple[str, ...] = ()

    def mask(self, name: str) -> Mask:
        """Return the pixels of a class by its name, shape (y, x)."""
        return np.asarray(self.classes == PIXEL_CLASSES.index(name))


def boundaries_from_grains(
    grains: Grains, width: float, *, overrides: Mapping[str, ArrayLike] | None = None
) -> Boundaries:
    """Return the boundaries of grains: the band around them, and the distance of every pixel.

    A boundary runs between the pixels of two labels. One side of a defect is no grain: what lies between a defect and
    a grain is no boundary, nor is the edge of the image or of pixels without a label. Clusters and defects, be they
    labels or drawn over the image, are neither boundary nor interior.

    Parameters
    ----------
    grains : Grains
    width : float
        Full width of the band, in m: pixels belong to it whose centre is at most half of it away.
    overrides : mapping of str to array of bool, shape (y, x), optional
        Pixels that are ``"cluster"`` or ``"defect"`` whatever their label.

    Raises
    ------
    ValueError
        If the width is not positive, or a mask has another shape.
    """
    if not (np.isfinite(width) and width > 0):
        raise ValueError("the band along boundaries must be wider than zero: give its width, such as 30 nm")
    labels, spacing = grains.labels, grains.spacing
    defect = grains.mask_of_class("defect")
    distance, length = _distance_and_length(np.where(defect, 0, labels), spacing)
    notes = []
    least = float(np.hypot(*spacing))
    if width < least:
        notes.append("the band is narrower than a pixel: it takes the pixels at both sides of a boundary")
    # Half a pixel's longer side reaches the centres beside any boundary.
    band = distance <= max(width / 2, max(spacing) / 2) * (1 + 1e-9)
    classes = np.where(labels > 0, np.where(band, BOUNDARY, INTERIOR), NONE).astype(np.int8)
    for number, name in ((CLUSTER, "cluster"), (DEFECT, "defect")):
        drawn = np.asarray((overrides or {}).get(name, np.zeros(labels.shape, dtype=bool)), dtype=bool)
        if drawn.shape != labels.shape:
            raise ValueError(f"the pixels drawn as {name} and the grains differ in size")
        classes[grains.mask_of_class(name) | drawn] = number
    if not np.isfinite(distance).any():
        notes.append("there is no boundary: fewer than two grains touch each other")
    return Boundaries(distance, classes, float(width), length, tuple(notes))


def default_band_width(tip_radius: float | None, spacing: tuple[float, float]) -> tuple[float, str]:
    """Return how wide the band is where nobody has said it, in m, and why: what the tip covers, or four pixels.

    Parameters
    ----------
    tip_radius : float, optional
        In m.
    spacing : (float, float)
        Pixel size (dy, dx), in m.
    """
    if tip_radius is not None and np.isfinite(tip_radius) and tip_radius > 0:
        return 2 * float(tip_radius), "twice the tip radius: finer the tip does not see"
    return _PIXELS_OF_BAND * max(spacing), f"{_PIXELS_OF_BAND} pixels, as no tip radius is known"


def overrides_from_regions(
    regions: Iterable[Region], x: ArrayLike, y: ArrayLike, *, spacing: tuple[float, float] | None = None
) -> dict[str, Mask]:
    """Return the pixels that somebody has drawn as clusters and defects: by a region's class, or else its name.

    Parameters
    ----------
    regions : iterable of Region
        Those of class (or named) "cluster", "defect", also "defect 2" or "Clusters" count; others are left out.
    x, y : array-like
        Pixel centres, in m.
    """
    masks: dict[str, Mask] = {}
    for region in regions:
        words = f"{region.region_class} {region.name if region.region_class in ('', 'other') else ''}".lower()
        name = next((own for own in OWN_CLASSES if own in words), None)
        if name is not None:
            mask = mask_from_region(region, x, y, spacing=spacing)
            masks[name] = masks[name] | mask if name in masks else mask
    return masks


def _distance_and_length(labels: NDArray[np.integer], spacing: tuple[float, float]) -> tuple[Array, float]:
    """Return the distance of pixel centres from the sides between two labels, and the length of those sides."""
    from scipy.ndimage import distance_transform_edt

    height, width = labels.shape
    # Twice as fine, a boundary between two pixels has a place of its own, and so has a corner of it.
    free = np.ones((2 * height - 1, 2 * width - 1), dtype=bool)
    sides = ((labels[:-1], labels[1:]), (labels[:, :-1], labels[:, 1:]))
    down, right = ((a != b) & (a > 0) & (b > 0) for a, b in sides)
    free[1::2, ::2] = ~down
    free[::2, 1::2] = ~right
    corner = down[:, :-1] | down[:, 1:] | right[:-1] | right[1:]
    free[1::2, 1::2] = ~corner
    length = float(down.sum() * spacing[1] + right.sum() * spacing[0])
    if free.all():
        return np.full(labels.shape, np.inf), 0.0
    distance = distance_transform_edt(free, sampling=(spacing[0] / 2, spacing[1] / 2))[::2, ::2]
    return np.asarray(distance, dtype=np.float64), length
