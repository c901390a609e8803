"""A stack of slices put right: missing slices, brightness, curtains and jitter, each measured, stored and told.

What goes on slowly from slice to slice is not touched: nobody can tell a slow drift or a slow change of brightness from
structures that lie askew or grow denser. Shifts of neighbours that are added up would straighten such structures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray, Part
from napari_tesm.volumes.dataset import INTENSITY, volume_from_array, voxel_of
from napari_tesm.volumes.tiles import as_stored

Array = NDArray[np.float64]
Progress = Callable[[float, str], None]

KINDS: Final = ("missing", "brightness", "curtains", "drift")
_TREND: Final = 15
"""Slices over which a trend is followed: what is slower stays."""
_CURTAIN: Final = 6.0
"""Standard deviation in columns of what is no curtain."""
_FINE: Final = 1.0
_COARSE: Final = 8.0
"""Standard deviations in pixels between which structures are compared for a shift."""
_FARTHEST: Final = 0.25
"""Part of an edge beyond which a shift of two neighbours is not believed."""
_ROUNDS: Final = 2
_BEYOND: Final = 5.0
"""Times what quarters of the slices disagree by, from which jitter is believed: structures alone came to 3.4."""
_FEWEST: Final = 5


@dataclass(frozen=True)
class Repair:
    """What is wrong with each slice of a stack.

    Parameters
    ----------
    missing : ndarray of bool, shape (z,)
        Slices without numbers, of one grey value, or the same as the one before.
    gain : ndarray, shape (z,)
        By which each slice is brighter than the trend of its neighbours.
    curtains : ndarray, shape (z, x)
        Grey value of each column of a slice beside its neighbours.
    drift : ndarray, shape (z, 2)
        Jitter along y and x in m, beside the trend.
    trend : ndarray, shape (z, 2)
        What the shifts of neighbours add up to, in m, without the jitter: told, and left as it is.
    """

    missing: NDArray[np.bool_]
    gain: Array
    curtains: Array
    drift: Array
    trend: Array


def repair_of(
    volume: xr.Dataset, *, without: tuple[str, ...] = (), progress: Progress | None = None
) -> Repair:
    """Return what is wrong with each slice of a stack; a slice is read at a time.

    Parameters
    ----------
    volume : xarray.Dataset
        Slices along z; curtains run along y.
    without : tuple of str
        Which of `KINDS` are not looked for.
    progress : callable, optional

    Raises
    ------
    ValueError
        If fewer than five slices hold anything.
    """
    count, _, columns = volume[INTENSITY].shape
    edges = np.array(voxel_of(volume)[1:])
    missing = np.zeros(count, bool)
    steps, errors, ratios = np.zeros((count, 2)), np.zeros((count, 2)), np.ones(count)
    curtains = np.zeros((count, columns))
    last: NDArray[np.float64] | None = None
    before = 0
    for k in range(count):
        if progress is not None:
            progress(k / count, "looking at the slices")
        now = _slice(volume, k)
        known = np.isfinite(now)
        same = last is not None and np.array_equal(now, last)
        if not known.any() or np.ptp(now[known]) == 0 or same:
            missing[k] = True
            continue
        if "curtains" not in without:
            curtains[k] = curtains_of(now)
        if last is not None:
            steps[k], errors[k] = _shift(last - curtains[before], now - curtains[k])
            ratios[k] = _ratio(last, now, steps[k])
        last, before = now, k
    if (~missing).sum() < _FEWEST:
        raise ValueError(
            f"of {count} slices only {(~missing).sum()} hold anything: there is nothing to go by"
        )
    known_slices = np.flatnonzero(~missing)
    gain, drift, trend = np.ones(count), np.zeros((count, 2)), np.zeros((count, 2))
    if "brightness" not in without:
        logarithm = np.cumsum(np.log(ratios[known_slices]))
        gain[known_slices] = np.exp(logarithm - trend_of(logarithm))
    path = np.cumsum(steps[known_slices], axis=0)
    slow = np.stack([trend_of(along) for along in path.T], 1)
    trend[known_slices] = (slow - slow[0]) * edges
    if "drift" not in without:
        jitter = path - slow
        noise = jitter_by_chance(errors[known_slices])
        # What structures that come and go do to shifts is no jitter.
        drift[known_slices] = jitter * (np.sqrt(np.mean(jitter**2, axis=0)) > _BEYOND * noise) * edges
    if "missing" in without:
        missing[:] = False
    return Repair(missing, gain, curtains, drift, trend)


def repaired_volume(volume: xr.Dataset, repair: Repair) -> xr.Dataset:
    """Return a stack with what is wrong put right, slice by slice as it is read; missing slices lie between two others.

    Notes
    -----
    Grey values are interpolated along straight lines where a slice has moved; what came from beyond the border is
    missing (NaN). What was done stands in the attribute ``repair``.
    """
    values = volume[INTENSITY]
    edges = np.array(voxel_of(volume)[1:])
    there = np.flatnonzero(~repair.missing)

    def mended(k: int) -> NDArray[np.float64]:
        from scipy.ndimage import shift

        now = (_slice(volume, k) - repair.curtains[k]) / repair.gain[k]
        away = -repair.drift[k] / edges
        return np.asarray(shift(now, away, order=1, cval=np.nan)) if away.any() else now

    def whole(k: int) -> NDArray[np.float64]:
        if not repair.missing[k]:
            return mended(k)
        below, above = there[there < k], there[there > k]
        if not below.size or not above.size:
            return mended(int((above if above.size else below[::-1])[0]))
        low, high = int(below[-1]), int(above[0])
        part = (k - low) / (high - low)
        return np.asarray((1 - part) * mended(low) + part * mended(high))

    def read(part: Part) -> NDArray[np.float32]:
        planes = range(part[0].start, part[0].stop, part[0].step or 1)
        return np.stack([whole(k)[part[1], part[2]] for k in planes]).astype(np.float32)

    about = {key: value for key, value in volume.attrs.items() if key != "voxel"}
    about["repair"] = record_of(repair)
    return volume_from_array(
        LazyArray(values.shape, np.dtype(np.float32), read), voxel_of(volume), attributes=about
    )


def record_of(repair: Repair) -> dict[str, list[object]]:
    """Return every correction as plain lists, for the metadata of what was repaired."""
    return {
        "missing": np.flatnonzero(repair.missing).tolist(),
        "gain": np.round(repair.gain, 6).tolist(),
        "drift": np.round(repair.drift, 12).tolist(),
        "trend left": np.round(repair.trend, 12).tolist(),
        "curtains": [[float(f"{value:.4g}") for value in row] for row in repair.curtains],
    }


def trend_of(values: Array) -> Array:
    """Return what goes on slowly: straight lines through `_TREND` neighbours each (Savitzky and Golay 1964)."""
    from scipy.signal import savgol_filter

    window = min(_TREND, len(values) - 1 + len(values) % 2)
    return np.asarray(savgol_filter(values, window, 1))


def jitter_by_chance(errors: Array) -> Array:
    """Return the jitter that errors of shifts alone come to, along y and x in pixels, root mean square.

    Parameters
    ----------
    errors : ndarray, shape (slices, 2)
        Standard errors of the shift of each slice from the one before.
    """
    count = len(errors)
    sums = np.tril(np.ones((count, count)))
    beside = sums - np.stack([trend_of(column) for column in sums.T], 1)
    return np.asarray(np.sqrt(beside**2 @ errors**2).mean(axis=0))


def curtains_of(values: NDArray[np.floating]) -> Array:
    """Return the grey value of each column beside its neighbours: the median of what is finer than structures."""
    from scipy.ndimage import gaussian_filter1d

    filled = np.where(np.isfinite(values), values, np.nanmedian(values))
    fine = filled - gaussian_filter1d(filled, _CURTAIN, axis=1)
    halves = [np.median(part, axis=0) for part in np.array_split(fine, 2)]
    # Structures and noise differ in both halves of a slice: what is common is taken (Spearman and Brown 1910).
    spread = float(np.std(halves[0]) * np.std(halves[1]))
    alike = float(np.mean(halves[0] * halves[1])) / spread if spread > 0 else 0.0
    share = 2 * alike / (1 + alike) if alike > 0 else 0.0
    return np.asarray(share * np.median(fine, axis=0))


def _slice(volume: xr.Dataset, k: int) -> NDArray[np.float64]:
    return np.asarray(as_stored(volume, (slice(k, k + 1), slice(None), slice(None)))[0], np.float64)


def _ratio(one: Array, other: Array, moved: Array) -> float:
    """Return by how much a slice is brighter than another, after its shift to the nearest pixel."""
    aside = np.roll(other, tuple(-np.round(moved).astype(int)), (0, 1))
    good = np.isfinite(one) & np.isfinite(aside) & (one > 0) & (aside > 0)
    return float(np.exp(np.median(np.log(aside[good] / one[good])))) if good.any() else 1.0


def _shift(one: Array, other: Array) -> tuple[Array, Array]:
    """Return how far (y, x in pixels) a slice lies from another by Lucas and Kanade 1981, and the standard error."""
    from scipy.ndimage import gaussian_filter, shift

    def structures(values: Array) -> Array:
        filled = np.where(np.isfinite(values), values, np.nanmedian(values))
        return np.asarray(gaussian_filter(filled, _FINE) - gaussian_filter(filled, _COARSE))

    first, second = structures(one), structures(other)
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in first.shape))
    cross = np.fft.rfft2(second * window) * np.conj(np.fft.rfft2(first * window))
    surface = np.fft.irfft2(cross, first.shape)
    place = np.unravel_index(int(surface.argmax()), surface.shape)
    moved = np.array([k - n if k > n // 2 else k for k, n in zip(place, surface.shape, strict=True)], float)
    if (np.abs(moved) > _FARTHEST * np.array(first.shape)).any():
        return np.zeros(2), np.zeros(2)
    slopes = np.array([np.gradient(first, axis=axis) for axis in range(2)])
    normal = np.einsum("kyx,lyx,yx->kl", slopes, slopes, window)
    for _ in range(_ROUNDS):
        apart = shift(second, -moved, order=1, mode="nearest") - first
        pull = np.einsum("kyx,yx,yx->k", slopes, apart, window)
        moved = moved - np.linalg.lstsq(normal, pull, rcond=None)[0]
    half = [n // 2 for n in first.shape]
    apart = shift(second, -moved, order=1, mode="nearest") - first
    steps = []
    for part in np.ndindex(2, 2):
        box = tuple(slice(half[k]) if part[k] == 0 else slice(half[k], None) for k in range(2))
        slopes_here, weight = slopes[:, *box], window[box]
        normal = np.einsum("kyx,lyx,yx->kl", slopes_here, slopes_here, weight)
        pull = np.einsum("kyx,yx,yx->k", slopes_here, apart[box], weight)
        steps.append(np.linalg.lstsq(normal, pull, rcond=None)[0])
    return np.asarray(moved, np.float64), np.std(steps, axis=0, ddof=1) / 2
