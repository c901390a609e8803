"""A graph for each pinned point: the traces of its neighbourhood and the curves fitted there."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer
from numpy.typing import NDArray

from napari_tesm.dataset import pulse_labels
from napari_tesm.io.gwy import contents
from napari_tesm.io.gwy.graphs import LINE, POINTS, Curve, Graph
from napari_tesm.io.gwy.parts import put
from napari_tesm.kernels import kernel_from_name
from napari_tesm.maps import WINDOWS
from napari_tesm.pipeline import prepared_dataset, settings_from_recipe
from napari_tesm.recipe import Recipe
from napari_tesm.regions import PinnedPoint

Array = NDArray[np.float64]


def add_point_graphs(
    container: GwyContainer, dataset: xr.Dataset, maps: xr.Dataset | None, points: Sequence[PinnedPoint]
) -> None:
    """Add a graph for every point that lies on the image.

    Parameters
    ----------
    maps : Dataset, optional
        Where it holds the parameters of the fits, their curves are drawn, for points of a single pixel.
    """
    for point in points:
        pixel = _pixel_of(point, dataset)
        if pixel is None:
            continue
        curves = _curves(dataset, maps, pixel, point)
        unit = str(dataset["displacement"].attrs.get("units", ""))
        graph = Graph(
            curves,
            title=f"t-ESM point {point.number} (row {pixel[0]}, column {pixel[1]})",
            x_label="time",
            y_label="displacement",
            x_unit="s",
            y_unit="" if unit == "a.u." else unit,
        )
        number = contents.next_id(container, contents.GRAPH)
        put(container, contents.object_key(contents.GRAPH, number), graph.to_object(), "o")
        put(container, "/0/graph/lastid", number, "i")


def _pixel_of(point: PinnedPoint, dataset: xr.Dataset) -> tuple[int, int] | None:
    place = []
    for axis, value in (("y", point.y), ("x", point.x)):
        centres = dataset[axis].values
        spacing = float(dataset[axis].attrs.get("spacing", 0)) or (
            float((centres[-1] - centres[0]) / (centres.size - 1)) if centres.size > 1 else 1.0
        )
        index = int(np.floor((value - centres[0]) / spacing + 0.5))
        if not 0 <= index < centres.size:
            return None
        place.append(index)
    return place[0], place[1]


def _curves(
    dataset: xr.Dataset, maps: xr.Dataset | None, pixel: tuple[int, int], point: PinnedPoint
) -> list[Curve]:
    half = point.size // 2
    rows, columns = (slice(max(0, place - half), place + half + 1) for place in pixel)
    block = dataset["displacement"].isel(y=rows, x=columns).values.astype(np.float64)
    time = dataset["time"].values
    labels = pulse_labels(dataset["voltage"].values, [str(way) for way in dataset["direction"].values])
    colour = _rgb(point.colour)
    curves = []
    for pulse, label in enumerate(labels):
        traces = block[pulse].reshape(-1, time.size)
        finite = np.isfinite(traces)
        count = finite.sum(axis=0)
        # Gwyddion cannot hold missing samples in a curve: they are left out.
        known = count > 0
        if known.any():
            mean = np.where(finite, traces, 0.0).sum(axis=0)[known] / count[known]
            curves.append(Curve(time[known], mean, f"data {label}".strip(), POINTS, colour))
        if maps is not None and point.size == 1:
            curves += _fits(dataset, maps, pixel, pulse, label)
    return curves


def _fits(
    dataset: xr.Dataset, maps: xr.Dataset, pixel: tuple[int, int], pulse: int, label: str
) -> list[Curve]:
    recipe = Recipe.from_json(maps.attrs["recipe"])
    prepared = prepared_dataset(dataset, recipe)
    settings = settings_from_recipe(prepared, recipe)
    kernel = kernel_from_name(recipe.kernel)
    time = prepared["time"].values
    here = maps.isel(pulse=pulse, y=pixel[0], x=pixel[1])
    curves = []
    for number in WINDOWS:
        window = settings.windows.get(number)
        names = [f"tau{number}", f"a{number}", f"c{number}"]
        if window is None or not all(name in here for name in names):
            continue
        tau, a, c = (float(here[name]) for name in names)
        if not np.isfinite([tau, a, c]).all():
            continue
        inside = time[window.samples(time, skip=recipe.skip_after_edge)]
        start = min(window.start, float(inside[0]))
        shape, constant = kernel.curves(inside - start, np.log([tau]))
        curves.append(Curve(inside, a * (shape[0] + constant[0]) + c, f"fit {number} {label}".strip(), LINE))
    return curves


def _rgb(colour: str) -> tuple[float, float, float] | None:
    if len(colour) != 7 or not colour.startswith("#"):
        return None
    try:
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    except ValueError:
        return None
    return red, green, blue
