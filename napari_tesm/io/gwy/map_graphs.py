"""Graphs that go with the maps of one file: histograms of D1 and D2, and the curves at its points."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer

from napari_tesm.data.maps import FITS, MAP_KINDS, labels_from_maps, map_name
from napari_tesm.gwy import contents
from napari_tesm.gwy.graphs import Graph, stairs
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.si_units import stored_unit
from napari_tesm.io.gwy.point_graphs import add_point_graphs
from napari_tesm.regions.shapes import PinnedPoint
from napari_tesm.statistics.description import histograms_from_values

_MOST_SHOWN: Final = 4
"""More graphs of points than these are there, but hidden: nobody wants a screen full of windows."""


def add_map_graphs(
    container: GwyContainer, dataset: xr.Dataset, maps: xr.Dataset, points: Sequence[PinnedPoint]
) -> None:
    """Add histograms for every pulse setting, and a graph for every point.

    Parameters
    ----------
    dataset : Dataset
        The traces.
    maps : Dataset
        Their results. Histograms are of D, or of tau where there is no tip radius, in bins that both windows have
        in common; a window without a single value is left out.
    """
    for number, graph in enumerate(_histograms(maps)):
        contents.add_graph(container, graph, visible=number == 0)
    before = set(contents.ids(container, contents.GRAPH))
    add_point_graphs(container, dataset, maps, points)
    for number in contents.ids(container, contents.GRAPH):
        if number not in before:
            visible = len(points) <= _MOST_SHOWN
            put(container, f"{contents.object_key(contents.GRAPH, number)}/visible", visible, "b")


def _histograms(maps: xr.Dataset) -> list[Graph]:
    graphs = []
    for pulse, label in enumerate(labels_from_maps(maps)):
        quantity = "D" if any(map_name("D", number) in maps for number in FITS) else "tau"
        names = [name for number in FITS if (name := map_name(quantity, number)) in maps]
        values = {name: maps[name].values[pulse].astype(np.float64) for name in names}
        unit = MAP_KINDS[names[0]].unit if names else ""
        graph = histogram_graph(list(values.items()), quantity, unit, f"t-ESM histogram {label}".rstrip())
        graphs += [] if graph is None else [graph]
    return graphs


def histogram_graph(
    values: Sequence[tuple[str, np.ndarray]], quantity: str, unit: str, title: str, *, log: bool = True
) -> Graph | None:
    """Return histograms of values, each under its name, in bins that all have in common; None without a value."""
    samples = {str(number): of_name for number, (_, of_name) in enumerate(values)}
    bins = histograms_from_values(samples, scale="log" if log else "linear")
    edges = np.log10(bins.edges) if log else bins.edges
    curves = [
        stairs(edges, counts / counts.sum(), f"{name}, {counts.sum()} px")
        for (name, _), counts in zip(values, bins.counts.values(), strict=True)
        if counts.sum()
    ]
    if not curves:
        return None
    # A logarithm has no unit; Gwyddion would show 1e-13 m²/s with an odd prefix.
    label = f"log10 {quantity} ({unit})" if log else quantity
    x_unit = "" if log else stored_unit(unit)[0]
    return Graph(curves, title=title, x_label=label, y_label="share of pixels", x_unit=x_unit)
