"""One page that shows maps of H: where the surface moved, how much, and which samples say so."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from napari_tesm.data.displacement import samples_for_displacement, supported_maximum
from napari_tesm.data.maps import labels_from_maps, map_of
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.levels import has_samples_before
from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.plotting.maps import draw_map, map_extent, map_proportion, signed_norm
from napari_tesm.plotting.overview import draw_trace
from napari_tesm.quantities.text import prefix_for

_MOST_PULSES: Final = 4
_COLOUR: Final = "#2166ac"


def displacement_figure(dataset: xr.Dataset, maps: xr.Dataset) -> Figure:
    """Return a figure of H: map, histogram and the trace that moved most, a row for each pulse setting.

    Parameters
    ----------
    dataset : Dataset
        What was measured; supplies a trace for each row.
    maps : Dataset
        From `napari_tesm.evaluation.displacement_maps.displacement_maps`.

    Notes
    -----
    At most four pulse settings are drawn.
    """
    evaluation = Evaluation.of_maps(dataset, maps)
    pulses = min(maps.sizes["pulse"], _MOST_PULSES)
    row_height = float(np.clip(3.2 * map_proportion(map_extent(maps["H"])[0]) + 0.9, 2.3, 4.5))
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure(figsize=(13, row_height * pulses), layout=layout, dpi=110)
    axes = figure.subplots(pulses, 3, squeeze=False)
    for pulse, label in enumerate(labels_from_maps(maps)[:pulses]):
        height = map_of(maps, "H", pulse)
        draw_map(axes[pulse, 0], height, f"H {label}", cmap="RdBu_r", norm=signed_norm([height.values]))
        if np.isfinite(height.values).any():
            _draw_histogram(axes[pulse, 1], height)
            _draw_strongest_trace(axes[pulse, 2], evaluation, height, pulse)
        else:
            axes[pulse, 1].set_axis_off()
            axes[pulse, 2].set_axis_off()
    return figure


def _draw_histogram(axes: Axes, height: xr.DataArray) -> None:
    values = height.values[np.isfinite(height.values)]
    factor, unit = prefix_for(values, str(height.attrs.get("units", "")))
    low, high = np.percentile(values, [0.5, 99.5])
    margin = 0.05 * (high - low) or abs(low) * 1e-3 or 0.5
    edges = np.linspace(low - margin, high + margin, 61) / factor
    if (np.diff(edges) > 0).all():
        axes.hist(values / factor, bins=edges.tolist(), histtype="stepfilled", color=_COLOUR, alpha=0.5)
    axes.axvline(0, color="0.6", lw=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel(label_with_unit("H", unit))
    axes.set_ylabel("pixels")


def _draw_strongest_trace(axes: Axes, evaluation: Evaluation, height: xr.DataArray, pulse: int) -> None:
    """Draw the trace of a pixel that moved most, with the pulse and what H is the difference of."""
    # Of the strongest that neighbours support: a hot pixel would show nothing but its jump.
    distance = np.abs(np.abs(height.values) - supported_maximum(height.values))
    row, column = np.unravel_index(int(np.nanargmin(distance)), height.shape)
    window = evaluation.pulse
    t_factor, factor = draw_trace(axes, evaluation, pulse, int(row), int(column), window)
    time = evaluation.time
    trace = evaluation.dataset["displacement"].isel(pulse=pulse, y=int(row), x=int(column))
    before, at_end = samples_for_displacement(time, window)
    if has_samples_before(time, window):
        axes.plot(time[before] / t_factor, trace.values[before] / factor, ".", ms=4, color=_COLOUR)
    else:
        level = float(np.nanmean(trace.values[at_end])) - float(height.values[row, column])
        axes.plot(time[before] / t_factor, [level / factor], "_", ms=12, mew=2, color=_COLOUR)
    axes.plot(time[at_end] / t_factor, trace.values[at_end] / factor, ".", ms=4, color=_COLOUR)
    axes.set_title(f"pixel ({row}, {column}), H from what is blue", fontsize=9)
