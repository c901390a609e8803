"""Particles of a cathode in an electron image or in labels: which voxel is of which, and where they are cracked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.volumes.agglomerates import labelled_bodies
from napari_tesm.volumes.dataset import Voxel, voxel_of
from napari_tesm.volumes.tiles import as_stored

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int32]

LEAST: Final = 1e-6
"""Diameter in m of the smallest particle that is looked for in an image."""
WIDEST: Final = 0.6e-6
"""Width in m of the widest crack."""
_ALIKE: Final = 0.8
"""Part of neighbours that have one number in a volume of labels; noise makes them differ in an image."""
_MOST_LABELS: Final = 20_000
_SMOOTHING: Final = 0.6
"""Standard deviation of the smoothing of an image, in the largest edge of a voxel."""
_DARKEST: Final = 0.05
"""Part of the voxels in cracks that is as dark as a crack that is wide enough."""
_FEWEST: Final = 27
"""Voxels of a particle."""


@dataclass(frozen=True, eq=False)
class Particles:
    """Particles and their cracks.

    Parameters
    ----------
    numbers : ndarray of int, shape (z, y, x)
        Of the particle, cracks and voids in it among it; 0 outside.
    solid : ndarray of bool, shape (z, y, x)
        What of them is neither crack nor void.
    voxel : tuple of float
        In m.
    """

    numbers: Numbers
    solid: Mask
    voxel: Voxel

    @property
    def cracks(self) -> Mask:
        """Where cracks and voids are."""
        return (self.numbers > 0) & ~self.solid


def particles_of(
    volume: xr.Dataset, *, dark: bool = False, least: float = LEAST, widest: float = WIDEST
) -> Particles:
    """Return the particles of a volume of labels, or of an image in which they are brighter than what is around.

    Parameters
    ----------
    volume : xarray.Dataset
        Labels are whole numbers: 0 outside, those of particles, or one number for all of them.
    dark : bool
        Particles are darker than what is around.
    least : float
        Diameter of the smallest particle in m.
    widest : float
        Width in m of the widest crack.

    Raises
    ------
    ValueError
        If there is no particle.

    Notes
    -----
    In an image slices are given one brightness, noise is smoothed, and a threshold parts particles from the rest
    (Otsu 1979). Cracks are what a closing by half their width fills, and holes.
    """
    values, voxel = as_stored(volume, (slice(None),) * 3), voxel_of(volume)
    if _are_labels(values):
        labels = _separate(values, voxel, least) if len(np.unique(values)) == 2 else values.astype(np.int32)
        particles = _with_cracks(labels, labels > 0, voxel, widest)
    else:
        image, cut, level = _levelled(values, voxel, dark)
        bright = image > cut
        filled = _closed(bright, voxel, widest)
        solid = filled & (image > _grey_of_cracks(image, filled, cut, level))
        labels = labelled_bodies(filled, voxel, least)
        # Rims that the opening took away belong to the particle beside them.
        particles = _with_cracks(np.where(solid, _grown(labels, filled), 0), solid, voxel, widest)
    if not particles.numbers.any():
        raise ValueError("no particle is found: give a volume of labels, 0 outside of particles")
    return particles


def _are_labels(values: NDArray[Any]) -> bool:
    if values.dtype.kind not in "biu":
        return False
    alike = np.mean([np.mean(np.take(values, range(1, n), axis) == np.take(values, range(n - 1), axis))
                     for axis, n in enumerate(values.shape)])  # fmt: skip
    return bool(alike >= _ALIKE and values.min() >= 0 and int(values.max()) <= _MOST_LABELS)


def _separate(values: NDArray[Any], voxel: Voxel, least: float) -> Numbers:
    """Return numbers for particles that all have one label: parts that touch are told apart where they are round."""
    inside = np.asarray(values > 0)
    closed = _closed(inside, voxel, WIDEST)
    return np.where(inside, _grown(labelled_bodies(closed, voxel, least), closed), 0).astype(np.int32)


def _grown(labels: Numbers, within: Mask) -> Numbers:
    from skimage.segmentation import watershed

    flat = np.zeros(labels.shape, np.uint8)
    return np.asarray(watershed(flat, labels, mask=within), np.int32)  # type: ignore[no-untyped-call]


def _levelled(values: NDArray[Any], voxel: Voxel, dark: bool) -> tuple[NDArray[np.float32], float, float]:
    """Return a smooth image of slices of one brightness, the grey value that parts particles, and their own."""
    from scipy.ndimage import gaussian_filter, median_filter
    from skimage.filters import threshold_otsu

    image = values.astype(np.float32)
    levels = np.median(image, axis=(1, 2), keepdims=True)
    # The brightness of a slice, not what is in it: only what is quicker than the structure.
    image -= levels - median_filter(levels, (9, 1, 1))
    image = gaussian_filter(image, [_SMOOTHING * max(voxel) / edge for edge in voxel])
    if dark:
        image = -image
    some = image[::2, ::2, ::2]
    some = np.clip(some, *np.quantile(some, [0.005, 0.995]))
    cut = float(threshold_otsu(some))  # type: ignore[no-untyped-call]
    around, level = float(np.median(some[some <= cut])), float(np.median(some[some > cut]))
    return image, 0.5 * (around + level), level


def _grey_of_cracks(image: NDArray[np.float32], filled: Mask, cut: float, level: float) -> float:
    """Return the grey value half-way between particles and their cracks, which may be darker than what is around."""
    open_ = image[filled & (image <= cut)]
    return min(cut, 0.5 * (level + float(np.quantile(open_, _DARKEST)))) if open_.size else cut


def _with_cracks(labels: Numbers, solid: Mask, voxel: Voxel, widest: float) -> Particles:
    """Return particles with what lies in their cracks and holes added to each."""
    from scipy.ndimage import binary_fill_holes, find_objects

    numbers = labels.astype(np.int32, copy=True)
    reach = [int(np.ceil(0.5 * widest / edge)) + 1 for edge in voxel]
    for number, box in enumerate(find_objects(labels), start=1):
        if box is None or (labels[box] == number).sum() < _FEWEST:
            numbers[numbers == number] = 0
            continue
        wide = tuple(
            slice(max(part.start - more, 0), min(part.stop + more, size))
            for part, more, size in zip(box, reach, labels.shape, strict=True)
        )
        own = labels[wide] == number
        filled = binary_fill_holes(_closed(own, voxel, widest))
        numbers[wide][filled & (labels[wide] == 0)] = number
    return Particles(numbers, solid & (numbers > 0), voxel)


def _closed(mask: Mask, voxel: Voxel, widest: float) -> Mask:
    """Return a mask closed by a ball, as if nothing lay beyond the array: a border is no other side of a crack."""
    from scipy.ndimage import distance_transform_edt

    radius = 0.5 * widest
    if not mask.any():
        return mask
    room = [int(np.ceil(radius / edge)) + 1 for edge in voxel]
    padded = np.pad(mask, [(more, more) for more in room])
    near = distance_transform_edt(~padded, sampling=voxel) <= radius
    inner = tuple(slice(more, -more) for more in room)
    return np.asarray((distance_transform_edt(near, sampling=voxel) > radius)[inner] | mask)
