"""The maps of a scan that is still recorded, quick to draw: it is drawn anew with each line."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from napari_tesm.data.maps import FITS, labels_from_maps, map_name
from napari_tesm.plotting.maps import logarithmic_norm, map_extent, map_proportion
from napari_tesm.plotting.overview import draw_map_of_pulse, quantity_of_maps

_MOST_PULSES: Final = 4


def growing_maps_figure(maps: xr.Dataset, title: str) -> Figure:
    """Return a figure with H and D, or tau where there is no D, of each pulse setting; at most four are drawn.

    Parameters
    ----------
    maps : Dataset
        From `napari_tesm.watching.growing.GrowingScan.look`, on the pixels of the whole scan.
    title : str
        How far the scan is.
    """
    pulses = min(maps.sizes["pulse"], _MOST_PULSES)
    quantity, numbers = quantity_of_maps(maps)
    names = [*(["H"] if "H" in maps else []), *(map_name(quantity, number) for number in numbers)]
    status = maps[next(name for n in FITS if (name := map_name("status", n)) in maps)]
    height = float(np.clip(2.6 * map_proportion(map_extent(status)[0]) + 0.9, 2.3, 4.5))
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure(figsize=(3.75 * len(names), height * pulses + 0.4), layout=layout, dpi=110)
    figure.suptitle(title)
    norm = logarithmic_norm([maps[map_name(quantity, number)].values for number in numbers])
    rows = figure.subplots(pulses, len(names), squeeze=False)
    for pulse, label in enumerate(labels_from_maps(maps)[:pulses]):
        for axis, name in zip(rows[pulse], names, strict=True):
            draw_map_of_pulse(axis, maps, name, pulse, label, norm)
    return figure
