"""Graphs that hold one part of an image against another: mean traces, and histograms of what was fitted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer
from numpy.typing import NDArray

from napari_tesm.data.dataset import Block
from napari_tesm.data.maps import labels_from_maps, values_of
from napari_tesm.evaluation.pipeline import evaluate_blocks
from napari_tesm.evaluation.places import hot_traces
from napari_tesm.gwy import contents
from napari_tesm.gwy.graphs import Graph
from napari_tesm.io.gwy.annotations import storable_text
from napari_tesm.io.gwy.map_graphs import histogram_graph
from napari_tesm.io.gwy.point_graphs import curves_of_finite, trace_graph
from napari_tesm.regions.measures import Part
from napari_tesm.regions.shapes import LINE_KINDS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Progress = Callable[[float, str], None]

_LONGEST_NAME: Final = 60


def container_of_region_graphs(
    parts: Sequence[Part],
    maps: xr.Dataset | None,
    dataset: xr.Dataset | None,
    *,
    progress: Progress | None = None,
) -> GwyContainer:
    """Return graphs of the classes of regions, and of each mask, against the pixels outside.

    Parameters
    ----------
    parts : sequence of Part
        From `napari_tesm.regions.measures.parts_of_image`.
    maps : Dataset, optional
        Histograms of D1 and D2, or of tau where there is no tip radius, or of H where nothing was fitted: shares of
        the pixels with a value, in bins that all parts have in common.
    dataset : Dataset, optional
        Mean traces, at the times since the start of the pulse, without hot pixels: a single one may outweigh hundreds.
    progress : callable, optional
        Called with the fraction done and a few words while traces are read.

    Raises
    ------
    ValueError
        If there is nothing to draw.
    """
    container = GwyContainer()
    sets = [members for members in _parts_side_by_side(parts) if members]
    if dataset is not None:
        hot = None if maps is None else hot_traces(maps, dataset)
        for members, graphs in zip(sets, _trace_graphs(sets, dataset, hot, progress), strict=True):
            for pulse, graph in enumerate(graphs):
                _add(container, graph, members, visible=pulse == 0 and members is sets[0])
    if maps is not None:
        for members in sets:
            for pulse, graph in _histogram_graphs(members, maps):
                _add(container, graph, members, visible=pulse == 0 and members is sets[0])
    if not container:
        raise ValueError("there is nothing to draw: no part of the image holds a trace or a fitted value")
    return container


def _parts_side_by_side(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Yield the parts that are drawn in one graph: classes (or a lone region) and the rest, a mask and the rest."""
    lone = [part for part in parts if part.part == "region"]
    classes = [part for part in parts if part.part == "class"]
    unclassed = [part for part in lone if not part.region_class and part.shape not in LINE_KINDS]
    outside = [part for part in parts if part.part in ("outside", "image")]
    if classes or unclassed:
        inside = [
            next(region for region in lone if region.region_class == part.region_class)
            if part.members == 1
            else part
            for part in classes
        ]
        yield [part for part in (*inside, *unclassed, *outside) if part.pixels]
    elif outside and outside[0].part == "image":
        yield outside
    for under, beside in pairwise(parts):
        if under.part == "masked":
            yield [part for part in (under, beside) if part.pixels]


def _trace_graphs(
    sets: Sequence[Sequence[Part]], dataset: xr.Dataset, hot: Mask | None, progress: Progress | None
) -> list[list[Graph]]:
    every = list({id(part): part for members in sets for part in members}.values())
    means = mean_traces(dataset, [part.mask for part in every], left_out=hot, progress=progress)
    row = {id(part): number for number, part in enumerate(every)}
    time = dataset["time"].values
    graphs_of_sets = []
    for members in sets:
        graphs = []
        for pulse, label in enumerate(labels_from_maps(dataset)):
            curves = []
            for part in members:
                mean = means[pulse, row[id(part)]]
                count = 0 if hot is None else int((part.mask & hot[pulse]).sum())
                left_out = f" ({count} hot left out)" if count else ""
                name = f"{_name(part)}, {part.pixels - count} px{left_out}"
                curves += curves_of_finite(time, mean, name)
            if curves:
                graphs.append(trace_graph(curves, f"t-ESM mean trace {label}".rstrip(), dataset))
        graphs_of_sets.append(graphs)
    return graphs_of_sets


def mean_traces(
    dataset: xr.Dataset,
    masks: Sequence[Mask],
    *,
    left_out: Mask | None = None,
    progress: Progress | None = None,
) -> Array:
    """Return the mean of the finite samples under each mask, shape (pulse, mask, time); NaN where there is none.

    Traces are read once, block by block.

    Parameters
    ----------
    dataset : Dataset
        As `napari_tesm.data.dataset` describes.
    masks : sequence of ndarray of bool, shape (y, x)
    left_out : ndarray of bool, shape (pulse, y, x), optional
        Pixels that do not count.
    """
    shape = (dataset.sizes["pulse"], len(masks), dataset.sizes["time"])
    total, count = (np.zeros(shape) for _ in range(2))

    def add(unread: xr.DataArray, block: Block) -> None:
        traces, (pulse, rows, columns) = unread.values, block
        for number, mask in enumerate(masks):
            counted = mask[rows, columns]
            if left_out is not None:
                counted = counted & ~left_out[block]
            inside = np.asarray(traces[counted], dtype=np.float64)
            finite = np.isfinite(inside)
            with np.errstate(over="ignore"):
                total[pulse, number] += np.where(finite, inside, 0.0).sum(axis=0)
            count[pulse, number] += finite.sum(axis=0)

    evaluate_blocks(add, dataset, progress=progress, words="averaging traces")
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _histogram_graphs(members: Sequence[Part], maps: xr.Dataset) -> Iterator[tuple[int, Graph]]:
    choices = (("D1", "D2", "D"), ("tau1", "tau2", "tau"), ("H",))
    names = next(filter(None, ([name for name in choice if name in maps] for choice in choices)), [])
    for pulse, label in enumerate(labels_from_maps(maps)):
        for name in names:
            values = values_of(maps, name, pulse)
            unit = str(maps[name].attrs.get("units", ""))
            samples = [(_name(part), values[part.mask]) for part in members]
            title = f"t-ESM histogram {name} {label}".rstrip()
            graph = histogram_graph(samples, name, unit, title, log=name != "H")
            if graph is not None:
                yield pulse, graph


def _add(container: GwyContainer, graph: Graph, members: Sequence[Part], *, visible: bool) -> None:
    """Add a graph; of one pulse setting they have windows, the others wait in Gwyddion's data browser."""
    names = ", ".join(_name(part) for part in members)
    contents.add_graph(container, replace(graph, title=f"{graph.title}: {names}"), visible=visible)


def _name(part: Part) -> str:
    """Return what a part is called in a key: a name from a file may hold anything."""
    text = " ".join(storable_text(part.name).split())
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
