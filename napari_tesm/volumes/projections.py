"""Raw projections of a sample that turns: counts of a detector made line integrals of attenuation, without rings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray

_DARKEST: Final = 1e-5
"""Transmission that is told from none: noise below it would be an attenuation without bound."""
_RING_PART: Final = 100
_LEAST_RING: Final = 5
_ROUNDS: Final = 3


@dataclass(frozen=True, eq=False)
class Projections:
    """What a detector saw of a sample that turned about an axis along the detector's columns.

    Parameters
    ----------
    counts : LazyArray, shape (frame, row, column)
    angles : ndarray, shape (projection,)
        Of each projection, in rad.
    white, dark : ndarray, shape (row, column), or None
        Counts without a sample, and without a beam. Without `white` the counts are line integrals already.
    frames : ndarray of int, shape (projection,), or None
        Which frames are projections; None stands for all.
    pixel : tuple of float or None
        Distance of rows and of columns at the sample in m; None where it is not known.
    notes : tuple of str
        What is odd and was not refused.
    """

    counts: LazyArray
    angles: NDArray[np.float64]
    white: NDArray[np.float32] | None = None
    dark: NDArray[np.float32] | None = None
    frames: NDArray[np.intp] | None = None
    pixel: tuple[float | None, float | None] = (None, None)
    notes: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Rows of the detector: slices of the volume."""
        return self.counts.shape[1]

    @property
    def columns(self) -> int:
        """Columns of the detector: rows and columns of the volume."""
        return self.counts.shape[2]

    def line_integrals(self, rows: slice) -> NDArray[np.float32]:
        """Return −ln of the transmission in some rows, shape (projection, row, column); the attenuation along each ray.

        Pixels that saw no beam at all take the value of the nearest of their row.
        """
        frames = slice(None) if self.frames is None else self.frames
        values = np.asarray(self.counts[:, rows][frames], np.float32)
        if self.white is None:
            return _without_gaps(values, np.asarray(np.isfinite(values).all(axis=0)))
        dark = np.float32(0) if self.dark is None else self.dark[rows]
        beam = self.white[rows] - dark
        lit: NDArray[np.bool_] = np.isfinite(beam) & (beam > 0)
        values -= dark
        values /= np.where(lit, beam, 1)
        np.maximum(values, _DARKEST, out=values)
        np.log(values, out=values)
        np.negative(values, out=values)
        seen: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=0))
        return _without_gaps(values, lit & seen)


def _without_gaps(values: NDArray[np.float32], there: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return projections in which dead pixels have what lies between their neighbours in the row; changed in place."""
    columns = np.arange(there.shape[1])
    for row in np.flatnonzero(~there.all(axis=1)):
        good, bad = columns[there[row]], columns[~there[row]]
        if not good.size:
            values[:, row] = 0
            continue
        after = np.clip(np.searchsorted(good, bad), 0, good.size - 1)
        before = np.clip(after - 1, 0, good.size - 1)
        left, right = good[before], good[after]
        share = np.clip((bad - left) / np.maximum(right - left, 1), 0, 1).astype(np.float32)
        values[:, row, bad] = (1 - share) * values[:, row, left] + share * values[:, row, right]
    return values


def ring_width(columns: int) -> int:
    """Return the width of the median against rings for a detector of so many columns: one per cent, at least five."""
    return max(_LEAST_RING, columns // _RING_PART | 1)


def without_rings(sinogram: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Return a sinogram without the stripes that pixels of another sensitivity leave, which would become rings.

    A pixel of another sensitivity adds the same to the line integral at every angle. The mean over the angles of a
    sample that turns is smooth from pixel to pixel: what a pixel has of its own there, against the median of its
    neighbours, is taken off. The median, and not the moving average of the source, so that one bad pixel does not draw
    its neighbours along.

    Parameters
    ----------
    sinogram : ndarray, shape (projection, column)
    width : int
        Columns of the median; stripes up to half as wide go. 0 leaves the sinogram as it is.

    References
    ----------
    Boin and Haibel 2006, *Compensation of ring artefacts in synchrotron tomographic images*, Opt. Express 14, 12071.
    """
    if not width:
        return sinogram
    from scipy.ndimage import gaussian_filter1d, median_filter

    mean = sinogram.mean(axis=0, dtype=np.float64)
    own = mean
    for _ in range(_ROUNDS):
        # On a slope the median beside a bad pixel is its neighbour's: so the slope is taken off first.
        own = own - gaussian_filter1d(median_filter(own, width, mode="nearest"), width / 4, mode="nearest")
    own = own - median_filter(own, width, mode="nearest")
    return np.asarray(sinogram - own, np.float32)
