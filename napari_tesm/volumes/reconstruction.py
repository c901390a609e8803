"""Slices of a volume from projections: filtered back-projection, and the axis about which the sample turned.

The filter is the ramp of a band-limited signal, in space and not in frequency, so that means are right: Kak and Slaney
1988, *Principles of Computerized Tomographic Imaging*, equation 61 of chapter 3. The axis is where the sum of absolute
values is least: Donath, Beckmann and Schreyer 2006, *Automated determination of the center of rotation in tomography
data*, J. Opt. Soc. Am. A 23, 1048.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray, Part
from napari_tesm.files.sentences import Sentence
from napari_tesm.volumes.dataset import INTENSITY, Voxel, volume_from_array, voxel_in_words
from napari_tesm.volumes.projections import Projections, ring_width, without_rings
from napari_tesm.volumes.unpacked import UnpackedSlices

_FINE: Final = 4
"""Samples of a filtered projection for each pixel, so that the nearest one will do: an eighth of a pixel at most."""
_TOGETHER: Final = 8
"""Slices that are back-projected at the same time; where a ray hits is the same in all."""
_POINTS: Final = 1 << 15
"""Points of a slice that are worked on at the same time, so that they stay in the processor's cache."""
_BLOCK_BYTES: Final = 192 << 20
_WIDEST: Final = 8192
_LARGEST_SINOGRAM: Final = 1 << 30
_LEAST_ANGLES: Final = 8
_WIDE_GAP: Final = 10.0
_SAME: Final = 1e-6
_SAMPLED_POINTS: Final = 30_000
_ROWS_LOOKED_AT: Final = 24
_ROWS_TRIED: Final = 4
_SMOOTHED: Final = 2.0
_OPPOSITE: Final = math.radians(3)


def check_size(projections: Projections) -> None:
    """Refuse projections that are too few, or too large for memory.

    Raises
    ------
    ValueError
        If they are.
    """
    count, columns = len(projections.angles), projections.columns
    if count < _LEAST_ANGLES:
        raise ValueError(f"{count} projections make no volume: at least {_LEAST_ANGLES} are needed")
    if columns > _WIDEST or 4 * count * columns > _LARGEST_SINOGRAM:
        raise ValueError(
            f"{count} projections of {columns} columns are too many for one slice at a time: bin them first"
        )


def reconstructed(
    projections: Projections,
    voxel: Voxel,
    centre: float,
    *,
    rings: int | None = None,
    up: str = "z",
) -> xr.Dataset:
    """Return the volume of projections; a slice is reconstructed when it is asked for.

    Parameters
    ----------
    projections : Projections
    voxel : tuple of float
        Distance of slices (rows of the detector), and of rows and columns (columns of the detector), in m.
    centre : float
        Column of the detector on which the axis falls, 0 in the middle of the first pixel.
    rings : int, optional
        As the width in `without_rings`; by default what `ring_width` says.
    up : {"z", "-z", "y", "-y", "x", "-x"}
        Which axis of the slices leads away from the collector; z is the detector's rows.

    Returns
    -------
    xarray.Dataset
        As of `volume_from_array`: the linear attenuation coefficient in 1/m. What was not seen under every angle is
        NaN. The axis lies in the middle of every slice.

    Raises
    ------
    ValueError
        If rows and columns of a slice have not the same size, the axis is beside the detector, or there are too many
        projections.
    """
    check_size(projections)
    if abs(voxel[1] - voxel[2]) > _SAME * voxel[1]:
        raise ValueError(
            Sentence(
                "voxels of {said} are impossible, rows and columns of a slice are both columns of the detector: give "
                "{voxel:60nm}",
                said=voxel_in_words(voxel),
            )
        )
    if not 0 < centre < projections.columns - 1:
        raise ValueError(
            Sentence(
                "an axis in column {place:.5g} is not on the detector, which has {columns}: give another {centre}",
                place=centre, columns=projections.columns,
            )
        )  # fmt: skip
    width = ring_width(projections.columns) if rings is None else rings
    slices = _Slices(projections, centre, width, 1 / voxel[2])
    shape = (projections.rows, projections.columns, projections.columns)
    array = LazyArray(shape, np.dtype(np.float32), slices, check=projections.counts.check)
    volume = volume_from_array(array, voxel, up=up)
    volume[INTENSITY].attrs["units"] = "1/m"
    return volume


class _Slices:
    """Reads slices by reconstructing them; where parts of them are asked for, once for all."""

    def __init__(self, projections: Projections, centre: float, rings: int, scale: float) -> None:
        self.projections, self.centre, self.rings, self.scale = projections, centre, rings, scale
        self.side = projections.columns
        self.points, self.inside = _points_of_slice(self.side, centre)
        self._kept: UnpackedSlices | None = None
        self._rows: tuple[int, NDArray[np.float32]] | None = None

    def __call__(self, part: Part) -> NDArray[Any]:
        numbers = range(part[0].start, part[0].stop, part[0].step)
        sizes = [len(range(along.start, along.stop, along.step)) for along in part]
        if self._kept is None and any(along.stop - along.start < self.side for along in part[1:]):
            self._kept = UnpackedSlices((self.projections.rows, self.side, self.side), np.dtype(np.float32))
        out = np.empty(sizes, np.float32)
        for start in range(0, len(numbers), _TOGETHER):
            group = numbers[start : start + _TOGETHER]
            wanted = []
            for place, number in enumerate(group, start):
                kept = None if self._kept is None else self._kept.rows_of(number, part[1])
                if kept is None:
                    wanted.append((place, number))
                else:
                    out[place] = kept[:: part[1].step, part[2]]
            if wanted:
                made = self._made([number for _, number in wanted])
                for (place, number), values in zip(wanted, made, strict=True):
                    out[place] = values[part[1:]]
                    if self._kept is not None:
                        self._kept.keep(number, values)
        return out

    def _made(self, numbers: list[int]) -> NDArray[np.float32]:
        sinograms = np.stack([self._sinogram(number) for number in numbers], axis=1)
        values = back_projected(sinograms, self.projections.angles, self.centre, self.points)
        whole = np.full((len(numbers), self.side * self.side), np.nan, np.float32)
        whole[:, self.inside] = values.T * np.float32(self.scale)
        return whole.reshape(len(numbers), self.side, self.side)

    def _sinogram(self, row: int) -> NDArray[np.float32]:
        """Return the line integrals of a row without rings; rows are read many at a time, for they lie far apart."""
        if self._rows is None or not self._rows[0] <= row < self._rows[0] + self._rows[1].shape[1]:
            self._rows = None  # before the next are read
            count = max(_BLOCK_BYTES // (4 * self.projections.counts.shape[0] * self.side), 1)
            start = row // count * count
            stop = min(start + count, self.projections.rows)
            self._rows = start, self.projections.line_integrals(slice(start, stop))
        return without_rings(self._rows[1][:, row - self._rows[0]], self.rings)


def back_projected(
    sinograms: NDArray[np.float32],
    angles: NDArray[np.float64],
    centre: float,
    points: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return slices at some points by filtered back-projection.

    Parameters
    ----------
    sinograms : ndarray, shape (projection, slice, column)
        Line integrals: attenuation times length.
    angles : ndarray, shape (projection,)
        In rad; a point (y, x) is seen in the column ``centre + x cos(angle) + y sin(angle)``.
    centre : float
    points : ndarray, shape (2, point)
        y and x in pixels from the axis.

    Returns
    -------
    ndarray, shape (point, slice)
        Attenuation for each pixel of length.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    columns, weights = sinograms.shape[2], weights_of_angles(angles)
    length = next_fast_len(2 * columns, real=True)
    before = (length - columns) // 2
    response = (rfft(_ramp(length)).real * _FINE).astype(np.float32)
    out = np.zeros((points.shape[1], sinograms.shape[1]), np.float32)
    last = (columns - 1) * _FINE
    for number, (angle, weight) in enumerate(zip(angles, weights, strict=True)):
        # Beyond the detector the sample goes on as at its border, where it does: else there is air.
        wide = np.pad(sinograms[number], ((0, 0), (before, length - columns - before)), mode="edge")
        spectrum = rfft(wide, axis=-1)
        spectrum *= response
        if length % 2 == 0:
            spectrum[..., -1] /= 2  # the last frequency of the signal is one of two of the finer one
        fine = irfft(spectrum, _FINE * length, axis=-1)[:, _FINE * before : _FINE * before + last + 1]
        seen = np.ascontiguousarray(fine.T) * np.float32(weight)
        cos, sin = np.float32(math.cos(angle) * _FINE), np.float32(math.sin(angle) * _FINE)
        for start in range(0, points.shape[1], _POINTS):
            y, x = points[:, start : start + _POINTS]
            place = x * cos + y * sin + np.float32(centre * _FINE + 0.5)
            out[start : start + _POINTS] += seen.take(place.astype(np.int32), axis=0, mode="clip")
    return out


def weights_of_angles(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of the half circle each projection stands for, in rad: half the gap to either neighbour.

    A gap far wider than the others counts as one of these: nothing was seen there.
    """
    order = np.argsort(angles % np.pi, kind="stable")
    gaps = _gaps_between(angles)
    wide = _wide(gaps)
    gaps = np.where(wide, gaps[~wide].mean(), gaps)
    weights = np.empty(len(angles))
    weights[order] = (gaps + np.roll(gaps, 1)) / 2
    return weights


def missing_wedge(angles: NDArray[np.float64]) -> float:
    """Return the widest gap between projections in rad, 0 where it is like the others."""
    gaps = _gaps_between(angles)
    return float(gaps.max()) if _wide(gaps).any() else 0.0


def _wide(gaps: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which gaps are far wider than chance makes some of uneven steps."""
    return np.asarray(gaps > _WIDE_GAP * np.pi / len(gaps))


def _gaps_between(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    around = np.sort(angles % np.pi)
    return np.diff(around, append=around[0] + np.pi)


def _ramp(length: int) -> NDArray[np.float64]:
    """Return the ramp in space, for pixels of length 1."""
    place = np.arange(length)
    place = np.minimum(place, length - place)
    ramp = np.zeros(length)
    odd = place % 2 == 1
    ramp[odd] = -1 / (np.pi * place[odd]) ** 2
    ramp[0] = 0.25
    return ramp


def _points_of_slice(side: int, centre: float) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return the points of a slice that were seen under every angle, and their places in it."""
    reach = min(centre, side - 1 - centre)
    across = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    inside = np.flatnonzero((across[:, None] ** 2 + across**2 <= reach**2).ravel())
    y, x = np.divmod(inside, side)
    return np.stack([across[y], across[x]]), inside


def centre_of(projections: Projections, *, progress: Callable[[float, str], None] | None = None) -> float:
    """Return the column on which the axis falls, to about a tenth of a pixel.

    The first guess is the shift between a projection and the mirrored one from the other side. Then the axis is moved
    until the sum of absolute values in a few slices is least: about a wrong axis, edges are doubled and swing below
    zero. Half a turn serves for that; over a whole one they would only be blurred.

    Raises
    ------
    ValueError
        If the sample does not show in the projections, or no two of them lie half a turn apart.
    """
    from scipy.ndimage import gaussian_filter1d

    check_size(projections)
    sinograms = _telling_sinograms(projections)
    best = _centre_from_opposite(sinograms, projections.angles)
    if best is None:
        raise ValueError(
            Sentence(
                "no two projections lie half a turn apart and match, so that the axis of rotation cannot be found: "
                "give {centre}, the column on which it falls"
            )
        )
    columns, reach, step = projections.columns, 3.0, 0.5
    half = np.abs(projections.angles - projections.angles[0]) <= np.pi + _SAME
    # Noise swings below zero about any axis: edges are told from it by what is wider than a pixel.
    sinograms = gaussian_filter1d(sinograms[half], _SMOOTHED, axis=2, mode="nearest")
    angles = projections.angles[half]
    while True:
        count = round(reach / step)
        tried = best + step * np.arange(-count, count + 1)
        tried = tried[(tried > columns / 4) & (tried < columns * 3 / 4)]
        sums = []
        for number, centre in enumerate(tried):
            points = _sampled_points(columns, float(tried.min()), float(tried.max()))
            values = back_projected(sinograms, angles, float(centre), points)
            sums.append(float(np.abs(values, dtype=np.float64).sum()))
            if progress is not None:
                progress((number + 1) / len(tried), "finding the axis of rotation")
        place = int(np.argmin(sums))
        best = float(tried[place])
        if step <= 0.25:
            return _vertex(tried, sums, best)
        reach, step = 2 * step, step / 2


def _vertex(places: NDArray[np.floating[Any]], values: list[float], least: float) -> float:
    """Return where the parabola through all values is least, or the place of the least value if that is not near it."""
    bend, slope, _ = np.polyfit(places - least, values, 2)
    off = float(-slope / (2 * bend)) if bend > 0 else 0.0
    return least + off if abs(off) < places[1] - places[0] else least


def _sampled_points(columns: int, lowest: float, highest: float) -> NDArray[np.float32]:
    """Return points spread over what is seen under every angle about each of the axes that are tried."""
    points, _ = _points_of_slice(columns, min(lowest, columns - 1 - highest))
    if points.shape[1] <= _SAMPLED_POINTS:
        return points
    chosen = np.random.default_rng(0).choice(points.shape[1], _SAMPLED_POINTS, replace=False)
    return points[:, np.sort(chosen)]


def _telling_sinograms(projections: Projections) -> NDArray[np.float32]:
    """Return the sinograms of a few rows in which the sample changes most across the detector."""
    looked_at = np.unique(np.linspace(0, projections.rows - 1, _ROWS_LOOKED_AT).round().astype(int))
    rows = [
        projections.line_integrals(slice(row, row + 1))[:, 0]
        for row in looked_at[:: max(len(looked_at) // 8, 1)]
    ]
    change = [float(np.abs(np.diff(row.mean(axis=0))).sum() + row.std()) for row in rows]
    if max(float(np.ptp(row)) for row in rows) <= 0:
        raise ValueError("the projections show no sample: they are the same everywhere")
    chosen = np.sort(np.argsort(change)[::-1][:_ROWS_TRIED])
    width = ring_width(projections.columns)
    return np.stack([without_rings(rows[number], width) for number in chosen], axis=1)


def _centre_from_opposite(sinograms: NDArray[np.float32], angles: NDArray[np.float64]) -> float | None:
    """Return the axis from the two projections nearest to half a turn apart, None where there are none."""
    apart = np.abs(angles - angles[0])
    off = np.abs((apart + np.pi) % (2 * np.pi))
    off = np.minimum(off, 2 * np.pi - off)
    other = int(np.argmin(off))
    if off[other] > _OPPOSITE:
        return None
    columns = sinograms.shape[2]
    # Changes from pixel to pixel alone: a slope of the beam is not to be matched.
    first = np.diff(sinograms[0].astype(np.float64), axis=1)
    mirrored = np.diff(sinograms[other, :, ::-1].astype(np.float64), axis=1)
    length = 2 * columns
    product = np.fft.rfft(first, length) * np.conj(np.fft.rfft(mirrored, length))
    match = np.fft.irfft(product.sum(axis=0), length)
    # The mirrored projection at column j is the first one at j + shift, with shift = 2 centre − (columns − 1).
    shift = int(np.argmax(match))
    shift = shift - length if shift > columns else shift
    centre = (columns - 1 + shift) / 2
    return centre if columns / 4 < centre < columns * 3 / 4 else None
