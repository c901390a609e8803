"""Whether a volume has air above its electrode: where it has none, nobody can tell how thick the electrode is."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import INTENSITY
from napari_tesm.volumes.tiles import columns_of

_LEAST: Final = 1.0
"""Voxels of air above the electrode from which on its end is one: an end in the highest slice is the volume's own."""
_SLICES: Final = 8
_APART: Final = 4
"""Voxels above the electrode's surface that its blur and its roughness reach."""
_SMOOTHING: Final = 1.5
_FEWEST: Final = 0.02
"""Part of the columns that has to end below the highest slices, so that air can be looked at."""
_FAR: Final = 3.0
_STRAY: Final = 0.02
"""Part of the voxels that lies farther than three widths from the rest: in simulated air, rings and all, below 0.004;
in electrode that was taken for air from 0.012 on, mostly above 0.05."""
_LOPSIDED: Final = 1.4
"""Ratio of the hundredth parts at both ends: 0.9 to 1.1 in simulated air, often above 1.5 or below 0.6 in electrode."""


def cut_columns(top: NDArray[np.floating], planes: int) -> NDArray[np.bool_]:
    """Return in which columns the electrode reaches the top of the volume, shape (y, x).

    Parameters
    ----------
    top : ndarray, shape (y, x)
        The electrode's surface in voxels from the lowest face.
    planes : int
        Slices of the volume.
    """
    return np.asarray(top > planes - _LEAST)


def is_air_above(volume: xr.Dataset, top: NDArray[np.floating]) -> bool:
    """Return whether the highest slices look like air where no electrode was found in them.

    Air has one grey value: its smoothed noise strays to both sides alike. Where most columns are full of electrode, its
    grey value is the most frequent one up there and is taken for air; grains, pores and what is left of the air give
    that away. What the question cannot be put to, as no column ends below the highest slices, counts as air.

    Parameters
    ----------
    volume : xarray.Dataset
    top : ndarray, shape (y, x)
        What was found as the electrode's surface, or the collector's where nothing lies on it; NaN where unknown.
    """
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    planes = volume[INTENSITY].shape[0]
    slices = min(_SLICES, planes // 2)
    free = top < planes - slices - _APART
    if free.mean() < _FEWEST:
        return True
    whole = (slice(None), slice(None))
    highest = columns_of(volume, whole, slice(planes - slices, planes))
    values = gaussian_filter(highest, _SMOOTHING)[:, free]
    low, high = (float(edge) for edge in np.percentile(values, [0.5, 99.5]))
    if not high > low:
        return True
    counts, edges = np.histogram(values, bins=200, range=(low, high))
    peak = int(gaussian_filter1d(counts.astype(np.float64), 3).argmax())
    values -= np.float32(0.5 * (edges[peak] + edges[peak + 1]))
    width = 1.4826 * float(np.median(np.abs(values)))
    stray = max(float((values < -_FAR * width).mean()), float((values > _FAR * width).mean()))
    darkest, brightest = (abs(float(edge)) for edge in np.percentile(values, [1, 99]))
    return stray <= _STRAY and max(darkest, brightest) <= _LOPSIDED * min(darkest, brightest)
