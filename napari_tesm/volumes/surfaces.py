"""Where the collector ends and the electrode ends, for every column: sub-voxel, by likelihood, not by a threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import INTENSITY, voxel_of
from napari_tesm.volumes.headroom import cut_columns, is_air_above
from napari_tesm.volumes.levels import Levels, bright_above, electrode_level
from napari_tesm.volumes.tiles import columns_and_holes, side_of_tiles, tiles

Map = NDArray[np.float32]
Progress = Callable[[float, str], None]

_ABOVE: Final = 0.12
"""Part of the contrast that lies on the collector: any between air and particles moves the split by little."""
LATERAL: Final = 1.0
_WINDOW: Final = 6
"""Voxels on both sides of an edge whose area gives its place within a voxel."""
TOP_LATERAL: Final = 3.0
_TOP_COARSE: Final = 12.0
_TOP_ALONG: Final = 0.7
_STRIDE: Final = 3
"""Every so many voxels along z are enough for the coarse surface, which takes most of the time."""
_REACH: Final = 18
"""Voxels that the electrode's surface may leave the coarse one: a crack or a ring tears it no farther down."""
_TENT: Final = 3
WIDEST: Final = 2.0
"""Standard deviations to which smoothing reaches."""
HALO: Final = int(WIDEST * TOP_LATERAL + 0.5) + int(WIDEST * _TOP_COARSE + 0.5) + 4 + 2
"""Columns around a tile that its own depend on: smoothing, the coarse surface's median of nine, the last of five."""
_PLACES: Final = ((0.5, 0.5), (0, 0), (0, 1), (1, 0), (1, 1))
"""Where the electrode's grey value is looked for: the middle and the corners, in parts of rows and columns."""
_SAMPLE_SIDE: Final = 72
HOLES: Final = 0.1
"""Part of a column that may be missing: what is left would hardly tell where its surfaces are."""
MOST_CUT: Final = 0.5
"""Part of the columns that may be cut off by the top of the volume: of more the mean of the others says nothing."""
NO_TOP: Final = (
    "the electrode reaches the top of the volume in most or all columns: its thickness cannot be told"
)


def surfaces_of(
    volume: xr.Dataset,
    levels: Levels,
    *,
    electrode: float | None = None,
    side: int | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return the surfaces of collector and electrode.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    electrode : float, optional
        Its typical grey value, in place of what `level_of_electrode` finds.
    side : int, optional
        Columns along a side of the tiles that are held in memory; by default some 480 MB of them.
    progress : callable, optional

    Returns
    -------
    xarray.Dataset
        `collector_surface`, `electrode_surface` and `thickness` (y, x) in m, surfaces from the volume's lowest face.
        NaN in columns of which a tenth or more is missing; the electrode's surface and the thickness are NaN where the
        electrode reaches the top of the volume, too.
        ``attrs["electrode_level"]`` is the electrode's grey value, None where nothing lies on the collector: both
        surfaces are one then. ``attrs["cut"]`` is the part of the known columns in which the electrode reaches the
        top, ``attrs["air"]`` False where electrode was taken for air: the thickness is known nowhere then.

    Notes
    -----
    For two known grey values and white noise the likelihood that a column changes from one to the other above voxel k
    is, up to constants, the sum of what exceeds their middle up to k: the collector ends where that sum is largest.
    Where it ends within the voxel follows from the area under the edge (Gibbs' dividing surface), which blur does not
    move.
    """
    planes, rows, columns = volume[INTENSITY].shape
    side = side_of_tiles(planes, HALO) if side is None else side
    level = level_of_electrode(volume, levels) if electrode is None else electrode
    bottom, top = np.empty((2, rows, columns), np.float32)
    every = list(tiles((rows, columns), side, HALO))
    for number, tile in enumerate(every):
        values, holes = columns_and_holes(volume, tile.outer)
        lower = collector_surface(values, levels)
        upper = lower if level is None else electrode_surface(values, levels, level, lower)
        missing = holes[tile.inner] > HOLES
        for surface, found in ((bottom, lower), (top, upper)):
            surface[tile.target] = np.where(missing, np.nan, found[tile.inner])
        if progress is not None:
            progress((number + 1) / len(every), "finding the surfaces")
    return surfaces_from_maps(volume, bottom, top, level, air=is_air_above(volume, top))


def collector_surface(values: NDArray[np.float32], levels: Levels) -> Map:
    """Return the height of the collector's surface in voxels from the lowest face.

    Parameters
    ----------
    values : ndarray, shape (z, y, x)
    levels : Levels

    Returns
    -------
    ndarray, shape (y, x)
    """
    smooth = _smoothed(values, (0.0, LATERAL, LATERAL))
    middle = levels.air + 0.5 * (1 + _ABOVE) * levels.contrast
    last = np.cumsum(smooth - np.float32(middle), axis=0, dtype=np.float32).argmax(axis=0)
    around = last + np.arange(-_WINDOW, _WINDOW + 1)[:, None, None]
    window = np.take_along_axis(smooth, np.clip(around, 0, values.shape[0] - 1), axis=0)
    below = np.median(window[: _WINDOW - 2], axis=0)
    above = np.median(window[_WINDOW + 4 :], axis=0)
    contrast = np.maximum(below - above, np.float32(0.3 * levels.contrast))
    filled = np.clip((window - above) / contrast, -0.2, 1.2).sum(axis=0)
    return np.asarray(np.clip(last - _WINDOW + filled, 0, values.shape[0]), dtype=np.float32)


def electrode_surface(values: NDArray[np.float32], levels: Levels, electrode: float, bottom: Map) -> Map:
    """Return the height of the electrode's surface in voxels from the lowest face, nowhere below the collector's.

    First a coarse surface, then the finest within reach of it. Bright particles count as electrode and no more, so that
    they do not outvote the air above pores.

    Parameters
    ----------
    values : ndarray, shape (z, y, x)
    levels : Levels
    electrode : float
        Its typical grey value.
    bottom : ndarray, shape (y, x)
        The collector's surface in voxels.
    """
    from scipy.ndimage import median_filter

    half = np.float32(0.5 * (electrode - levels.air))
    heights = np.arange(values.shape[0], dtype=np.float32)[:, None, None]
    excess = _smoothed(values, (_TOP_ALONG, TOP_LATERAL, TOP_LATERAL))
    excess -= np.float32(levels.air) + half
    np.clip(excess, -half, half, out=excess)
    excess[heights < bottom] = 0
    likelihood = np.cumsum(excess, axis=0, out=excess)
    rough = _smoothed(likelihood[::_STRIDE], (0.0, _TOP_COARSE, _TOP_COARSE)).argmax(axis=0)
    rough = median_filter(_STRIDE * rough, 9)
    within = np.abs(heights - rough) <= _REACH
    last = np.where(within, likelihood, -np.inf).argmax(axis=0)
    # A sharp end makes the sum a tent whose ridge lies between two voxels.
    ends = [
        np.take_along_axis(likelihood, np.clip(last + step, 0, values.shape[0] - 1)[None], axis=0)[0]
        for step in (-_TENT, _TENT)
    ]
    shift = np.clip((ends[1] - ends[0]) / (2 * half), -1, 1)
    return np.asarray(np.maximum(median_filter(last + 1 + shift, 5), bottom), dtype=np.float32)


def known_surfaces(surfaces: xr.Dataset) -> tuple[xr.Dataset, NDArray[np.bool_]]:
    """Return surfaces that are continued into columns where they are not known, and where they are, shape (y, x).

    Raises
    ------
    ValueError
        If they are known nowhere.
    """
    known: NDArray[np.bool_] = np.isfinite(surfaces["thickness"].values)
    if known.all():
        return surfaces, known
    bottom = known_collector(surfaces)[0]
    if not known.any():
        raise ValueError(NO_TOP)
    # Where the electrode is cut its collector is known: what is continued is the height above it.
    high = _continued(surfaces["thickness"].values)
    maps = {"collector_surface": bottom, "electrode_surface": bottom + high, "thickness": high}
    return surfaces.assign(
        {name: (("y", "x"), values, surfaces[name].attrs) for name, values in maps.items()}
    ), known


def known_collector(surfaces: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the collector's surface in m, continued into columns where it is not known, and where it is.

    Raises
    ------
    ValueError
        If it is known nowhere.
    """
    bottom = surfaces["collector_surface"].values
    known: NDArray[np.bool_] = np.isfinite(bottom)
    if not known.any():
        raise ValueError("in every column of the volume too many numbers are missing")
    return _continued(bottom), known


def _continued(values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import distance_transform_edt

    missing = np.isnan(values)
    if not missing.any():
        return values
    nearest = tuple(distance_transform_edt(missing, return_distances=False, return_indices=True))
    return np.asarray(values[nearest])


def nothing_lies_on(surfaces: xr.Dataset) -> bool:
    """Return whether the collector is bare."""
    return surfaces.attrs["electrode_level"] is None and surfaces.attrs["air"]


def notes_of(volume: xr.Dataset, surfaces: xr.Dataset) -> list[str]:
    """Return what somebody has to know of a volume and its surfaces before their numbers are believed, in sentences."""
    notes = [str(note) for note in volume.attrs.get("notes", ())]
    missing = float(np.isnan(surfaces["collector_surface"].values).mean())
    if missing:
        notes.append(
            f"in {100 * missing:.3g} % of the columns too many numbers are missing: they are left out"
        )
    cut = surfaces.attrs["cut"]
    if not surfaces.attrs["air"]:
        notes.append(NO_TOP)
    elif cut > MOST_CUT:
        notes.append(
            f"the electrode reaches the top of the volume in {100 * cut:.3g} % of the columns: its thickness cannot be "
            "told"
        )
    elif cut:
        notes.append(
            f"the electrode reaches the top of the volume in {100 * cut:.3g} % of the columns: they are left out, and "
            "the mean thickness of the others is too small"
        )
    return notes


def level_of_electrode(volume: xr.Dataset, levels: Levels) -> float | None:
    """Return the electrode's typical grey value from a few places, the corners and the middle.

    None where nothing lies on the collector; see `electrode_level`.

    Parameters
    ----------
    volume : xarray.Dataset
    levels : Levels
    """
    rows, columns = volume[INTENSITY].shape[1:]
    heights = []
    for y, x in _PLACES:
        starts = [int(part * max(size - _SAMPLE_SIDE, 0)) for part, size in ((y, rows), (x, columns))]
        area = (slice(starts[0], starts[0] + _SAMPLE_SIDE), slice(starts[1], starts[1] + _SAMPLE_SIDE))
        values, holes = columns_and_holes(volume, area)
        if (holes > HOLES).mean() < 0.5:
            heights.append(bright_above(values, levels, collector_surface(values, levels)))
    return electrode_level(heights, levels)


def _smoothed(values: NDArray[np.float32], widths: tuple[float, float, float]) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter1d

    for axis, width in enumerate(widths):
        if width:
            values = gaussian_filter1d(values, width, axis=axis, truncate=WIDEST)
    return values


def surfaces_from_maps(
    volume: xr.Dataset, bottom: Map, top: Map, level: float | None, *, air: bool = True
) -> xr.Dataset:
    """Return both surfaces, in voxels from the lowest face, as `surfaces_of` does."""
    height = voxel_of(volume)[0]
    cut = cut_columns(top, volume[INTENSITY].shape[0])
    known = int(np.isfinite(bottom).sum())
    top = np.where(cut | (not air), np.float32(np.nan), top)
    maps = {"collector_surface": bottom, "electrode_surface": top, "thickness": top - bottom}
    names = {"collector_surface": "Collector surface", "electrode_surface": "Electrode surface"}
    attributes: dict[str, Any] = {
        "electrode_level": level, "cut": float(cut.sum()) / known if known else 0.0, "air": air
    }  # fmt: skip
    return xr.Dataset(
        {
            name: (
                ("y", "x"),
                values.astype(np.float64) * height,
                {"units": "m", "long_name": names.get(name, "Thickness")},
            )
            for name, values in maps.items()
        },
        {axis: volume[axis] for axis in ("y", "x")},
        attributes,
    )
