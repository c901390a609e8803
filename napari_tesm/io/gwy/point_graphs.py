"""A graph for each pinned point: the traces of its neighbourhood and the curves fitted there."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer
from numpy.typing import NDArray

from napari_tesm.data.dataset import pulse_labels
from napari_tesm.data.maps import FITS, JOINT, map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.places import traces_at
from napari_tesm.fitting import fit_traces
from napari_tesm.gwy import contents
from napari_tesm.gwy.graphs import LINE, POINTS, Curve, Graph
from napari_tesm.gwy.si_units import stored_unit
from napari_tesm.io.gwy.region_sources import pixels_at
from napari_tesm.kernels.named import AnyKernel, curves_of_fit
from napari_tesm.kernels.two_parameters import ShapeKernel
from napari_tesm.quantities.status import OK
from napari_tesm.regions.shapes import PinnedPoint

Array = NDArray[np.float64]


def add_point_graphs(
    container: GwyContainer, dataset: xr.Dataset, maps: xr.Dataset | None, points: Sequence[PinnedPoint]
) -> None:
    """Add a graph for every point that lies on the image.

    Parameters
    ----------
    maps : Dataset, optional
        Results of the dataset, new or read from a file. A single pixel gets the curves of its tau; the mean of a
        neighbourhood, which the maps do not hold, is fitted with their recipe, and drawn where its tau is resolved.
    """
    evaluation = None if maps is None else _evaluation_of_fit(dataset, maps)
    for point in points:
        row, column = int(pixels_at(dataset["y"], point.y)), int(pixels_at(dataset["x"], point.x))
        if min(row, column) < 0:
            continue
        curves = _curves(dataset, maps, evaluation, (row, column), point)
        title = f"t-ESM point {point.number} (row {row}, column {column})"
        contents.add_graph(container, trace_graph(curves, title, dataset))


def trace_graph(curves: Sequence[Curve], title: str, dataset: xr.Dataset) -> Graph:
    """Return curves of the displacement of a dataset, or of means of it, over time."""
    unit, _ = stored_unit(str(dataset["displacement"].attrs.get("units", "")))
    return Graph(curves, title=title, x_label="time", y_label="displacement", x_unit="s", y_unit=unit)


def curves_of_finite(time: Array, values: Array, *options: Any) -> list[Curve]:
    """Return a `Curve` of the finite samples, none without one: Gwyddion cannot hold missing ones in a curve."""
    finite = np.isfinite(values)
    return [Curve(time[finite], values[finite], *options)] if finite.any() else []


def _evaluation_of_fit(dataset: xr.Dataset, maps: xr.Dataset) -> Evaluation | None:
    """Return what the results came from; None where they do not fit the dataset."""
    if any(maps.sizes.get(name) != dataset.sizes[name] for name in ("pulse", "y", "x")):
        return None
    if not any(map_name("tau", number) in maps for number in FITS):
        return None  # H alone: nothing was fitted
    try:
        evaluation = Evaluation.of_maps(dataset, maps)
        _ = evaluation.settings
    except ValueError:
        return None  # results of another recording: its curves would not be those of these traces
    return evaluation


def _curves(
    dataset: xr.Dataset,
    maps: xr.Dataset | None,
    evaluation: Evaluation | None,
    pixel: tuple[int, int],
    point: PinnedPoint,
) -> list[Curve]:
    if evaluation is not None:
        # The recipe may know better than the file when the pulse began, and turn X.
        dataset = evaluation.dataset
    sample = traces_at(dataset, pixel, size=point.size, maps=maps)
    time = dataset["time"].values
    labels = pulse_labels(dataset["voltage"].values, [str(way) for way in dataset["direction"].values])
    colour = _rgb(point.colour)
    curves = []
    for pulse, label in enumerate(labels):
        mean = sample.mean[pulse]
        curves += curves_of_finite(time, mean, f"data {label}".strip(), POINTS, colour)
        if maps is None or evaluation is None:
            continue
        settings = evaluation.settings
        for number in settings.windows:
            inside = settings.samples(number, time)
            options = settings.fit_options(number, time[inside], evaluation.recipe)
            data = np.ascontiguousarray(mean[inside])
            kernel = settings.kernel
            names = ("tau", kernel.second_name) if isinstance(kernel, ShapeKernel) else ("tau",)
            if sample.pixels > 1:
                fitted = fit_traces(data[None], time[inside], **options)
                resolved = fitted.status[0] == OK
                numbers = {name: float(fitted.values(name)[0]) if resolved else np.nan for name in names}
            else:
                place = (pulse, *pixel)
                map_names = {quantity: map_name(quantity, number) for quantity in names}
                numbers = {q: maps[m].values[place] if m in maps else np.nan for q, m in map_names.items()}
            curve = _curve_of_numbers(data, time[inside] - options["start"], numbers, kernel)
            if curve is not None:
                words = f"fit {label}" if number == JOINT else f"fit {number} {label}"
                curves.append(Curve(time[inside], curve, words.strip(), LINE))
    return curves


def _curve_of_numbers(
    data: Array, time: Array, numbers: Mapping[str, float], kernel: AnyKernel
) -> Array | None:
    """Return ``a·g(t; tau) + c`` with the a and c of least squares, at every time; None without a tau.

    Files hold tau and not a and c: so the curve is the same for results just made and for those read back.
    """
    finite = np.isfinite(data)
    if not all(np.isfinite(value) and value > 0 for value in numbers.values()):
        return None
    shapes = curves_of_fit(kernel, time, {name: np.array([value]) for name, value in numbers.items()})[0][0]
    if finite.sum() <= len(shapes):
        return None
    centred = shapes[:, finite] - shapes[:, finite].mean(axis=1, keepdims=True)
    norm = np.sqrt(np.vecdot(centred, centred))
    if not ((norm > 0) & np.isfinite(norm)).all():
        return None
    mean = data[finite].mean()
    unit = np.linalg.lstsq((centred / norm[:, None]).T, data[finite] - mean)[0]
    offset = shapes[:, finite].mean(axis=1, keepdims=True)
    return np.asarray((unit / norm) @ (shapes - offset) + mean)


def _rgb(colour: str) -> tuple[float, float, float] | None:
    if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
        return None
    red, green, blue = (part / 255 for part in bytes.fromhex(colour[1:]))
    return red, green, blue
