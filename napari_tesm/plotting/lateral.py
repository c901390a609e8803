"""One page that shows D with lateral diffusion taken out: beside that of pixels by themselves, error, resolution."""

import json
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from napari_tesm.data.maps import JOINT, labels_from_maps, map_name
from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.plotting.maps import (
    draw_map,
    logarithmic_norm,
    map_extent,
    map_proportion,
)
from napari_tesm.quantities.text import prefix_for, text_from_quantity

_MOST_PULSES: Final = 4
_COLOUR: Final = "#2166ac"


def lateral_figure(maps: xr.Dataset) -> Figure:
    """Return a figure of an inversion: D of pixels by themselves, lateral D, its error and the resolution.

    Parameters
    ----------
    maps : Dataset
        From `napari_tesm.inversion.lateral.lateral_maps`.

    Notes
    -----
    At most four pulse settings are drawn, a row for each; both maps of D share their colours.
    """
    pulses = min(maps.sizes["pulse"], _MOST_PULSES)
    found = json.loads(str(maps.attrs["lateral"]))
    own = map_name("D", JOINT)
    row_height = float(np.clip(2.6 * map_proportion(map_extent(maps["D_lateral"])[0]) + 0.9, 2.3, 4.5))
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure(figsize=(15, row_height * pulses), layout=layout, dpi=110)
    axes = figure.subplots(pulses, 4, squeeze=False)
    for pulse, label in enumerate(labels_from_maps(maps)[:pulses]):
        here = maps.isel(pulse=pulse)
        norm = logarithmic_norm([here[name].values for name in (own, "D_lateral")])
        titles = {own: f"D {label}, each pixel by itself", "D_lateral": f"D lateral {label}"}
        for axis, (name, title) in zip(axes[pulse], titles.items(), strict=False):
            draw_map(axis, here[name], title, cmap="viridis", norm=norm)
        draw_map(
            axes[pulse, 2], here["log_D_lateral_stderr"], f"standard error of ln D {label}", cmap="magma"
        )
        _draw_resolution(axes[pulse, 3], found[pulse])
    return figure


def _draw_resolution(axes: Axes, found: dict[str, Any]) -> None:
    """Draw how much of a contrast comes back by half its period."""
    curve = found.get("curve")
    if not curve:
        axes.set_axis_off()
        return
    lengths = np.array(curve["half_period"])
    factor, unit = prefix_for(lengths, "m")
    axes.semilogx(lengths / factor, curve["contrast"], color=_COLOUR, lw=1.8)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda length, _: f"{length:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axhline(0.5, color="0.6", lw=0.8)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(label_with_unit("half a period", unit))
    axes.set_ylabel("part of a contrast of ln D")
    resolution = found.get("resolution")
    if resolution is not None:
        axes.axvline(resolution / factor, color="0.6", lw=0.8)
        axes.set_title(f"half comes back at {text_from_quantity(resolution, 'm', digits=2)}", fontsize=9)
