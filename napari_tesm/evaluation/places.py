"""The traces of a place of a scan: those of its pixel, or the mean of the valid ones around it."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.displacement import are_dead, hot_pixels
from napari_tesm.statistics.description import finite_mean_and_std

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TraceSample:
    """Traces of one place: the mean over a neighbourhood, for every pulse setting.

    Parameters
    ----------
    row, column : int
        Pixel in the middle.
    x, y : float
        Its centre, in the dataset's lateral unit.
    mean, spread : ndarray, shape (pulse, time)
        Mean and standard deviation (n − 1); the spread is None for a single pixel.
    pixels : int
        How many pixels there are.
    """

    row: int
    column: int
    x: float
    y: float
    mean: Array
    spread: Array | None
    pixels: int


def neighbourhood(row: int, column: int, size: int) -> dict[str, slice]:
    """Return the slices of a square neighbourhood, cut at the image's upper and left border.

    Examples
    --------
    >>> neighbourhood(0, 5, 3)
    {'y': slice(0, 2, None), 'x': slice(4, 7, None)}
    """
    half = size // 2
    return {
        axis: slice(max(0, middle - half), middle + half + 1) for axis, middle in (("y", row), ("x", column))
    }


def traces_at(
    dataset: xr.Dataset, pixel: tuple[int, int], *, size: int = 1, maps: xr.Dataset | None = None
) -> TraceSample:
    """Return the traces of a pixel (row, column), or the mean of the `size` × `size` pixels around it that exist.

    Dead traces, which are constant or empty, and hot pixels of H do not count in a mean, unless there are no others.

    Parameters
    ----------
    maps : Dataset, optional
        Of the same scan; without H nothing is known to be hot.
    """
    row, column = pixel
    around = neighbourhood(row, column, size)
    block = np.asarray(dataset["displacement"].isel(around).values, dtype=np.float64)
    flat = block.reshape(block.shape[0], -1, block.shape[-1])
    mean, spread = flat[:, 0], None
    if flat.shape[1] > 1:
        left_out = are_dead(flat) | _hot(dataset, maps, around).reshape(flat.shape[:2])
        left_out[left_out.all(axis=1)] = False
        mean, spread, _ = finite_mean_and_std(np.where(left_out[..., None], np.nan, flat), axis=1)
    x, y = (float(dataset[axis].values[place]) for axis, place in (("x", column), ("y", row)))
    return TraceSample(row, column, x, y, mean, spread, flat.shape[1])


def hot_traces(maps: xr.Dataset, dataset: xr.Dataset) -> NDArray[np.bool_]:
    """Return the hot pixels of H for the pulse settings of a dataset, shape (pulse, y, x).

    There are none for those whose H is not known.
    """
    hot = np.zeros([dataset.sizes[name] for name in ("pulse", "y", "x")], dtype=bool)
    fitted = _settings(maps) if "H" in maps and _size(maps) == _size(dataset) else []
    for pulse, setting in enumerate(_settings(dataset)):
        if setting in fitted:
            height = maps["H"].isel(pulse=fitted.index(setting)).transpose("y", "x").values
            hot[pulse] = hot_pixels(height)
    return hot


def _settings(maps: xr.Dataset) -> list[tuple[str, str, int]]:
    """Return what tells pulse settings apart: voltage, direction, and the how-manieth of such it is."""
    pairs = [
        (f"{v:.9g}", str(d)) for v, d in zip(maps["voltage"].values, maps["direction"].values, strict=True)
    ]
    return [(*pair, pairs[:index].count(pair)) for index, pair in enumerate(pairs)]


def _size(dataset: xr.Dataset) -> tuple[int, int]:
    return dataset.sizes["y"], dataset.sizes["x"]


def _hot(dataset: xr.Dataset, maps: xr.Dataset | None, around: dict[str, slice]) -> NDArray[np.bool_]:
    shape = dataset["displacement"].isel(around).shape[:-1]
    return (
        np.zeros(shape, dtype=bool)
        if maps is None
        else hot_traces(maps, dataset)[:, around["y"], around["x"]]
    )
