"""A whole result on a journal's page: what `overview_figure` shows on a screen, laid out for print."""

import math
from collections.abc import Callable
from functools import partial
from typing import Final

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from napari_tesm.data.maps import FITS, JOINT, WINDOWS, labels_from_maps, map_name
from napari_tesm.model_choice.histograms import HistogramComparison, histogram_comparison
from napari_tesm.plotting.histogram_comparison import draw_histogram_comparison, draw_ratio_comparison
from napari_tesm.plotting.maps import draw_surface, logarithmic_norm, map_extent, map_proportion
from napari_tesm.plotting.overview import (
    RANKS,
    draw_example,
    draw_map_of_pulse,
    quantity_of_maps,
    surfaces_of,
)

PAGE: Final = 0.24
"""A page has room for a figure so high, in m."""
_INCH: Final = 25.4e-3
_BESIDE_MAP: Final = 0.95
_ABOVE: Final = 0.6
"""Inches that labels take of a panel's width and height."""
MAPS: Final = "maps"
_HEIGHTS: Final = {"histograms": 2.0, "fits": 1.6}
"""Of rows without maps, in inches."""
_MOST_PULSES: Final = 4

Panel = Callable[[Axes], None]


def overview_page(dataset: xr.Dataset, maps: xr.Dataset, width: float) -> Figure:
    """Return an overview of a result as wide as a column or a page, and no higher than a page.

    Three maps stand beside each other, or two in a column, histograms below, then images and fits. What a page has no
    room for is left out: first the ratios D2/D1, then the last pulse settings.

    Parameters
    ----------
    dataset, maps : Dataset
        As of `napari_tesm.plotting.overview.overview_figure`.
    width : float
        In m.
    """
    across = 3 if width > 0.12 else 2
    inches = width / _INCH
    extent, _ = map_extent(maps[next(name for n in FITS if (name := map_name("status", n)) in maps)])
    map_height = (inches / across - _BESIDE_MAP) * min(map_proportion(extent), 2.5) + _ABOVE
    pulses = min(maps.sizes["pulse"], _MOST_PULSES)
    choices = [(count, ratios) for count in range(pulses, 0, -1) for ratios in (True, False)]
    laid = [_rows(dataset, maps, across, count, ratios=ratios) for count, ratios in choices]
    rows = next((rows for rows in laid if _height(rows, map_height) <= PAGE / _INCH), laid[-1])
    figure = Figure(
        figsize=(inches, _height(rows, map_height)),
        layout=ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.04),
        dpi=110,
    )
    heights = [_HEIGHTS.get(kind, map_height) for kind, _ in rows]
    grid = figure.add_gridspec(len(rows), 1, height_ratios=heights)
    # A grid for each row: panels of other rows have other widths.
    for number, (kind, panels) in enumerate(rows):
        row = grid[number].subgridspec(1, across if kind == MAPS else len(panels))
        for place, draw in enumerate(panels):
            axes = figure.add_subplot(row[0, place])
            draw(axes)
            if axes.images and across == 2:  # in a column the scale bar has the place of the labels beside it
                axes.tick_params(labelleft=False)
                axes.set_ylabel("")
                axes.locator_params(nbins=2)
    return figure


def _height(rows: list[tuple[str, list[Panel]]], map_height: float) -> float:
    return sum(_HEIGHTS.get(kind, map_height) for kind, _ in rows)


def _rows(
    dataset: xr.Dataset, maps: xr.Dataset, across: int, pulses: int, *, ratios: bool
) -> list[tuple[str, list[Panel]]]:
    """Return the rows of the page: what kind of panels, and what draws each."""
    quantity, numbers = quantity_of_maps(maps)
    norm = logarithmic_norm([maps[map_name(quantity, number)].values for number in numbers])
    names = [name for name in ("H", *(map_name(quantity, number) for number in numbers)) if name in maps]
    labels = labels_from_maps(maps)
    images: list[Panel] = [
        partial(draw_map_of_pulse, maps=maps, name=name, pulse=pulse, label=labels[pulse], norm=norm)
        for pulse in range(pulses)
        for name in names
    ]
    first = slice(0, pulses)
    surfaces = surfaces_of(dataset)[:1] if across == 3 else []
    tail: list[Panel] = [partial(_draw_surface, image=dataset[name]) for name in surfaces]
    # In a column one fit has the room of its words.
    ranks = RANKS if across == 3 else RANKS[:1]
    shown, fitted = dataset.isel(pulse=first), maps.isel(pulse=first)
    tail += [partial(draw_example, dataset=shown, maps=fitted, fraction=rank) for rank in ranks]
    compared = [histogram_comparison(maps, dataset, pulse=pulse) for pulse in range(pulses)]
    kinds: list[Callable[[Axes, HistogramComparison], None]] = [draw_histogram_comparison]
    if ratios and all(number in numbers for number in WINDOWS) and numbers != [JOINT]:
        kinds.append(draw_ratio_comparison)
    histograms: list[Panel] = [
        partial(_draw_of_pulse, draw=draw, compared=each) for draw in kinds for each in compared
    ]
    beside = 2 if across == 3 else 1
    rows = [(MAPS, part) for part in _parts(images, across)]
    rows += [("histograms", part) for part in _parts(histograms, beside)]
    rows.append((MAPS if across == 3 else "fits", tail))
    return rows


def _draw_surface(axes: Axes, image: xr.DataArray) -> None:
    draw_surface(axes, image, str(image.attrs.get("long_name", image.name)))


def _draw_of_pulse(
    axes: Axes, draw: Callable[[Axes, HistogramComparison], None], compared: HistogramComparison
) -> None:
    """Draw a histogram, with the pulse setting behind the quantity: above it stands the legend."""
    draw(axes, compared)
    axes.set_xlabel(" ".join(filter(None, (axes.get_xlabel(), compared.label))))


def _parts(panels: list[Panel], size: int) -> list[list[Panel]]:
    return [panels[size * n : size * (n + 1)] for n in range(math.ceil(len(panels) / size))]
