"""Grey values of air and collector, to which everything else in a volume is relative, and that of the electrode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.files.sentences import Sentence
from napari_tesm.volumes.dataset import INTENSITY
from napari_tesm.volumes.tiles import filled_and_missing

_SLAB_BYTES: Final = 96 << 20
_THINNEST: Final = 4
_THICKEST: Final = 16
"""Slices that are enough to know a grey value by, however high the volume is: a thin collector has not more."""
_BINS: Final = 200
_LEAST_CONTRAST: Final = 5.0
"""Widths of the smoothed grey values of either by which collector and air differ at least."""
_SMOOTHING: Final = 1.5
_BRIGHT: Final = 2.5
"""Widths of smoothed noise above air from which on a voxel counts as electrode, where its level is looked for."""
_NEAREST: Final = 3
"""Voxels above the collector that its blur reaches."""
_FILLED: Final = 0.2
"""Part of the voxels at a height that is brighter than air where there is an electrode."""
_SUBSTRATE: Final = 0.6


@dataclass(frozen=True)
class Levels:
    """Grey values, in the volume's own unit.

    Parameters
    ----------
    air, collector : float
    """

    air: float
    collector: float

    @property
    def contrast(self) -> float:
        """Grey values between air and collector."""
        return self.collector - self.air

    def normalised(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return attenuation with air 0 and collector 1."""
        return np.asarray((values - np.float32(self.air)) / np.float32(self.contrast))


def levels_of(volume: xr.Dataset, *, air: float | None = None, collector: float | None = None) -> Levels:
    """Return the grey values of air and collector: what is most frequent in the highest and in the lowest slices.

    Parameters
    ----------
    volume : xarray.Dataset
    air, collector : float, optional
        In place of what is found.

    Raises
    ------
    ValueError
        If the lowest slices are not brighter than the highest ones: the volume is upside down, or one is missing; if
        they are nearer to air than to a collector that is given; or if they hold no number.
    """
    thickness = _thickness_of_slabs(volume)
    found_collector, width = _found(volume, "lowest", slice(0, thickness), collector)
    planes = volume[INTENSITY].shape[0]
    found_air, other_width = _found(volume, "highest", slice(planes - thickness, planes), air)
    levels = Levels(found_air if air is None else air, found_collector if collector is None else collector)
    if collector is not None and levels.air < found_collector < 0.5 * (levels.air + collector):
        raise ValueError(
            Sentence(
                "the collector is said to be {said:.4g}, and the lowest slices ({found:.4g}) are nearer to air "
                "({air_grey:.4g}): give another {collector}, or leave it out",
                said=collector, found=found_collector, air_grey=levels.air,
            )
        )  # fmt: skip
    noise = max(width, other_width)
    if levels.contrast < -_LEAST_CONTRAST * noise:
        raise ValueError(
            Sentence(
                "the lowest slices are darker ({collector_grey:.4g}) than the highest ({air_grey:.4g}): say which way "
                "leads from the collector to air with {up:-z}, or y, -y, x, -x",
                collector_grey=levels.collector, air_grey=levels.air,
            )
        )  # fmt: skip
    if not levels.contrast > _LEAST_CONTRAST * noise:
        raise ValueError(
            Sentence(
                "the lowest slices ({collector_grey:.4g}) and the highest ones ({air_grey:.4g}) are equally bright, so "
                "they are not collector and air: give {up:y}, or their grey values with {air} and {collector}",
                collector_grey=levels.collector, air_grey=levels.air,
            )
        )  # fmt: skip
    return levels


def bright_above(
    values: NDArray[np.float32], levels: Levels, surface: NDArray[np.floating]
) -> list[NDArray[np.float32]]:
    """Return the smoothed grey values above the collector, for each height in voxels; see `electrode_level`.

    Parameters
    ----------
    values : ndarray, shape (z, y, x)
    levels : Levels
    surface : ndarray, shape (y, x)
        The collector's, in voxels from the lowest face.
    """
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(values, _SMOOTHING)
    first: NDArray[np.intp] = np.ceil(surface).astype(np.intp) + np.intp(_NEAREST)
    heights = []
    for height in range(values.shape[0]):
        y, x = np.nonzero(first < values.shape[0] - height)
        if y.size < surface.size / 2:
            break
        heights.append(smooth[first[y, x] + height, y, x])
    return heights


def electrode_level(heights: list[list[NDArray[np.float32]]], levels: Levels) -> float | None:
    """Return the typical grey value of the electrode, None where nothing lies on the collector.

    The median of what is brighter than air by two and a half widths of its noise, up to the height at which less than a
    fifth of the voxels is: farther up noise would outnumber the electrode. What is nearly as bright as the collector is
    left out.

    Parameters
    ----------
    heights : list of list of ndarray
        What `bright_above` returned for each part of the volume that was looked at.
    levels : Levels
    """
    count = min((len(part) for part in heights), default=0)
    together = [np.concatenate([part[height] for part in heights]) for height in range(count)]
    if not together:
        return None
    # The lower half of what lies highest is air, whatever else is there.
    highest = together[-1]
    below = levels.air - highest[highest < levels.air]
    noise = 1.4826 * float(np.median(below)) if below.size else 0.0
    limit, substrate = levels.air + _BRIGHT * noise, levels.air + _SUBSTRATE * levels.contrast
    found: list[NDArray[np.float32]] = []
    seen = 0
    for values in together:
        chosen = values[(values > limit) & (values < substrate)]
        if chosen.size < _FILLED * values.size:
            # A gap is dark as well: the electrode may begin above it.
            if found and seen > 1:
                break
            continue
        seen += 1
        found.append(chosen)
    return float(np.median(np.concatenate(found))) if seen > 1 else None


def _thickness_of_slabs(volume: xr.Dataset) -> int:
    planes, rows, columns = volume[INTENSITY].shape
    wanted = max(_THINNEST, min(planes // 20, _THICKEST, _SLAB_BYTES // (4 * rows * columns)))
    return int(min(wanted, planes // 2))


def _found(volume: xr.Dataset, place: str, planes: slice, given: float | None) -> tuple[float, float]:
    """Return the most frequent grey value of slices and its width; without any number what is given, and 0."""
    values, missing = filled_and_missing(volume, (planes, slice(None), slice(None)))
    if missing is None or not missing.all():
        return _mode(values)
    if given is None:
        raise ValueError(
            f"the {planes.stop - planes.start} {place} slices hold no number: cut the volume to what was reconstructed"
        )
    return given, 0.0


def _mode(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the most frequent grey value after smoothing, and the width of what is around it."""
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    smooth = gaussian_filter(values, 1.0)
    low, high = (float(edge) for edge in np.percentile(smooth[:, ::2, ::2], [0.5, 99.5]))
    if not high > low:
        return low, 0.0
    counts, edges = np.histogram(smooth, bins=_BINS, range=(low, high))
    counts = gaussian_filter1d(counts.astype(np.float64), 3)
    peak = int(counts.argmax())
    middle = 0.5 * (edges[peak] + edges[peak + 1])
    half = np.flatnonzero(counts < counts[peak] / 2)
    beyond = half[half > peak]
    before = half[half < peak]
    right = edges[beyond[0]] - middle if beyond.size else high - middle
    left = middle - edges[before[-1] + 1] if before.size else middle - low
    # The narrower half belongs to the peak alone; the other may hold what is nearly as bright.
    width = max(min(right, left), edges[1] - edges[0]) / 1.1774
    for _ in range(8):  # settles on the peak's own mean
        middle = float(smooth[np.abs(smooth - middle) < 1.5 * width].mean(dtype=np.float64))
    return middle, float(width)
