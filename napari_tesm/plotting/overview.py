"""One page that shows a whole result: maps, histograms and examples of fits."""

import textwrap
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from napari_tesm.data.maps import FITS, JOINT, WINDOWS, labels_from_maps, map_name, map_of
from napari_tesm.data.protocol import Window
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.fits import curves_from_maps
from napari_tesm.model_choice.histograms import HistogramComparison, histogram_comparison
from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.plotting.histogram_comparison import (
    WINDOW_COLOURS,
    draw_histogram_comparison,
    draw_ratio_comparison,
)
from napari_tesm.plotting.maps import (
    draw_map,
    draw_surface,
    logarithmic_norm,
    map_extent,
    map_proportion,
    signed_norm,
)
from napari_tesm.plotting.trace_frame import edges_of_window
from napari_tesm.quantities.text import prefix_for, text_with_error

_COLUMNS: Final = 4
_MOST_PULSES: Final = 4
RANKS: Final = (0.9, 0.3)
"""Of the pixels whose fits are shown, among tau's values."""


def overview_figure(dataset: xr.Dataset, maps: xr.Dataset) -> Figure:
    """Return a figure of a result: a row of H, D1, D2, their histograms and their ratio for each pulse setting.

    Beside the histograms stands what pure diffusion would have shown (`napari_tesm.model_choice.null_bands`).

    Parameters
    ----------
    dataset : Dataset
        What was fitted; supplies channels and the traces of a few pixels.
    maps : Dataset
        From `napari_tesm.evaluation.pipeline.run`.

    Notes
    -----
    At most four pulse settings are drawn. Without a tip radius tau takes the place of D. For print see
    `napari_tesm.plotting.overview_page.overview_page`.
    """
    pulses = min(maps.sizes["pulse"], _MOST_PULSES)
    extent, _ = map_extent(maps[next(name for n in FITS if (name := map_name("status", n)) in maps)])
    # A map is some 2.6 inches wide; its row is as high as that leaves it, within reason.
    row_height = float(np.clip(2.6 * map_proportion(extent) + 0.9, 2.3, 4.5))
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    quantity, numbers = quantity_of_maps(maps)
    # D2/D1 has a column of its own, beside the histograms.
    columns = _COLUMNS + int(all(number in numbers for number in WINDOWS))
    figure = Figure(figsize=(3.75 * columns, row_height * (pulses + 1)), layout=layout, dpi=110)
    axes = figure.subplots(pulses + 1, columns, squeeze=False)
    norm = logarithmic_norm([maps[map_name(quantity, number)].values for number in numbers])
    slots = numbers if numbers == [JOINT] else [1, 2]
    for pulse, label in enumerate(labels_from_maps(maps)[:pulses]):
        here = maps.isel(pulse=pulse)
        row = list(axes[pulse])
        names = ["H", *("" if number is None else map_name(quantity, number) for number in slots)]
        for axis, name in zip(row[:3], [*names, ""], strict=False):
            if name in here:
                draw_map_of_pulse(axis, maps, name, pulse, label, norm)
            else:
                axis.set_axis_off()
        compared = histogram_comparison(maps, dataset, pulse=pulse)
        draw_histogram_comparison(row[3], compared)
        if len(row) > _COLUMNS:
            draw_ratio_comparison(row[4], compared)
    _draw_last_row(list(axes[-1][:_COLUMNS]), dataset, maps)
    if axes.shape[1] > _COLUMNS:
        _write_sentences(axes[-1, -1], compared)
    return figure


def quantity_of_maps(maps: xr.Dataset) -> tuple[str, list[int]]:
    """Return "D", or "tau" where there is no D, and the numbers of the fits that gave it."""
    quantity = "D" if any(map_name("D", number) in maps for number in FITS) else "tau"
    return quantity, [number for number in FITS if map_name(quantity, number) in maps]


def draw_map_of_pulse(
    axis: Axes, maps: xr.Dataset, name: str, pulse: int, label: str, norm: Normalize | None
) -> None:
    """Draw a map of one pulse setting: H on a scale of its own about zero, others on the one given."""
    values = map_of(maps, name, pulse)
    if name == "H":
        draw_map(axis, values, f"H {label}", cmap="RdBu_r", norm=signed_norm([values.values]))
    else:
        draw_map(axis, values, f"{name} {label}", cmap="viridis", norm=norm)


def draw_fit(axis: Axes, dataset: xr.Dataset, maps: xr.Dataset, pulse: int, row: int, column: int) -> None:
    """Draw the trace of one pixel and the curves fitted to it."""
    evaluation = Evaluation.of_maps(dataset, maps)
    settings = evaluation.settings
    window = None if settings.pulse_edges is None else settings.pulse
    t_factor, factor = draw_trace(axis, evaluation, pulse, row, column, window)
    here = maps.isel(pulse=pulse, y=row, x=column)
    words = []
    for number, (inside, fitted) in curves_from_maps(here, settings, evaluation.time).items():
        axis.plot(inside / t_factor, fitted / factor, color=WINDOW_COLOURS[number], lw=1.8)
        name = map_name("tau", number)
        tau, error = (float(here[key]) for key in (name, map_name("tau_stderr", number)))
        words.append(f"{name.replace('tau', 'τ')} = {text_with_error(tau, error, 's')}")
    label = labels_from_maps(maps)[pulse]
    axis.set_title(f"pixel ({row}, {column}) {label}\n" + ", ".join(words), fontsize=9)


def draw_trace(
    axis: Axes, evaluation: Evaluation, pulse: int, row: int, column: int, window: Window | None
) -> tuple[float, float]:
    """Draw the samples of a pixel and shade a window; return by what times and displacements are divided."""
    trace = evaluation.dataset["displacement"].isel(pulse=pulse, y=row, x=column)
    time = evaluation.time
    t_factor, t_unit = prefix_for(time, "s")
    factor, unit = prefix_for(trace.values, str(trace.attrs["units"]))
    if window is not None:
        start, stop = edges_of_window(window, time)
        axis.axvspan(start / t_factor, stop / t_factor, color="0.92", zorder=0)
    axis.plot(time / t_factor, trace.values / factor, ".", ms=2.5, color="0.45")
    axis.set_xlabel(f"time ({t_unit})")
    axis.set_ylabel(label_with_unit("displacement", unit))
    return t_factor, factor


def _draw_last_row(axes: list[Axes], dataset: xr.Dataset, maps: xr.Dataset) -> None:
    for axis, name in zip(axes[:2], [*surfaces_of(dataset)[:2], None, None], strict=False):
        if name is None:
            axis.set_axis_off()
        else:
            draw_surface(axis, dataset[name], str(dataset[name].attrs.get("long_name", name)))
    for axis, fraction in zip(axes[2:], RANKS, strict=True):
        draw_example(axis, dataset, maps, fraction)


def surfaces_of(dataset: xr.Dataset) -> list[str]:
    """Return the names of the images of a dataset, those first that show the surface."""
    names = [
        name
        for name in ("deflection_error", "topography", *dataset.data_vars)
        if name in dataset and dataset[name].dims == ("y", "x") and dataset[name].dtype.kind == "f"
    ]
    return [str(name) for name in dict.fromkeys(names)]


def draw_example(axis: Axes, dataset: xr.Dataset, maps: xr.Dataset, fraction: float) -> None:
    """Draw the fit of an accepted pixel at a given rank among tau's values; nothing where there is none."""
    pixel = _example_pixel(maps, fraction)
    if pixel is None:
        axis.set_axis_off()
    else:
        draw_fit(axis, dataset, maps, *pixel)


def _write_sentences(axis: Axes, compared: HistogramComparison) -> None:
    axis.set_axis_off()
    if compared.alike is not None and compared.ratio is not None:
        lines = [f"{compared.ratio_words} {compared.label}", compared.alike.sentence(), compared.verdict()]
        text = "\n\n".join(textwrap.fill(line, 40) for line in lines)
        axis.text(0.0, 0.95, text, transform=axis.transAxes, ha="left", va="top", fontsize=9)


def _example_pixel(maps: xr.Dataset, fraction: float) -> tuple[int, int, int] | None:
    """Return an accepted pixel of the last pulse setting: at a given rank among tau's values."""
    pulse = maps.sizes["pulse"] - 1
    tau = maps[next(name for name in ("tau2", "tau1", "tau") if name in maps)].values[pulse]
    accepted = np.flatnonzero(np.isfinite(tau))
    if accepted.size == 0:
        return None
    # Fast pixels (small tau) are the rare ones: they rank first.
    order = accepted[np.argsort(tau.ravel()[accepted], kind="stable")]
    row, column = np.unravel_index(order[int((1 - fraction) * (order.size - 1))], tau.shape)
    return pulse, int(row), int(column)
