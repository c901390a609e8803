"""One page that shows a whole result: maps, histograms and examples of fits."""

import textwrap
from itertools import zip_longest
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter
from numpy.typing import NDArray

from napari_tesm.data.maps import FITS, JOINT, WINDOWS, labels_from_maps, map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.model_choice.histograms import HistogramComparison, histogram_comparison
from napari_tesm.plotting.histogram_comparison import (
    WINDOW_COLOURS,
    draw_histogram_comparison,
    draw_ratio_comparison,
)
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.quantities.text import prefix_for, text_with_error

_EMPTY: Final = "#d9d9d9"
"""Colour of pixels without a value: neither end of any colour map in use."""
_COLUMNS: Final = 4
_MOST_PULSES: Final = 4
_STEEPEST: Final = 1000.0


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
    At most four pulse settings are drawn. Without a tip radius tau takes the place of D.
    """
    pulses = min(maps.sizes["pulse"], _MOST_PULSES)
    extent, _ = map_extent(maps[next(name for n in FITS if (name := map_name("status", n)) in maps)])
    # A map is some 2.6 inches wide; its row is as high as that leaves it, within reason.
    row_height = float(np.clip(2.6 * map_proportion(extent) + 0.9, 2.3, 4.5))
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure(figsize=(15, row_height * (pulses + 1)), layout=layout, dpi=110)
    quantity = "D" if any(map_name("D", number) in maps for number in FITS) else "tau"
    numbers = [number for number in FITS if map_name(quantity, number) in maps]
    # D2/D1 has a column of its own, beside the histograms.
    columns = _COLUMNS + int(all(number in numbers for number in WINDOWS))
    figure.set_size_inches(3.75 * columns, figure.get_figheight())
    axes = figure.subplots(pulses + 1, columns, squeeze=False)
    norm = _shared_norm([maps[map_name(quantity, number)].values for number in numbers])
    slots = numbers if numbers == [JOINT] else [1, 2]
    for pulse, label in enumerate(labels_from_maps(maps)[:pulses]):
        here = maps.isel(pulse=pulse)
        row = list(axes[pulse])
        if "H" in here:
            limit = (
                float(np.nanpercentile(np.abs(here["H"].values), 99.5))
                if np.isfinite(here["H"]).any()
                else 1.0
            )
            draw_map(row[0], here["H"], f"H {label}", cmap="RdBu_r", norm=Normalize(-limit, limit))
        else:
            row[0].set_axis_off()
        for axis, number in zip_longest(row[1:3], slots):
            name = "" if number is None else map_name(quantity, number)
            if name in here:
                draw_map(axis, here[name], f"{name} {label}", cmap="viridis", norm=norm)
            else:
                axis.set_axis_off()
        compared = histogram_comparison(maps, dataset, pulse=pulse)
        draw_histogram_comparison(row[3], compared)
        if len(row) > _COLUMNS:
            draw_ratio_comparison(row[4], compared)
    _draw_last_row(figure, list(axes[-1][:_COLUMNS]), dataset, maps)
    if axes.shape[1] > _COLUMNS:
        _write_sentences(axes[-1, -1], compared)
    return figure


def draw_map(
    axis: Axes, values: xr.DataArray, title: str, *, cmap: str, norm: Normalize | None = None
) -> None:
    """Draw a map on its physical scale, with a colour bar; pixels without a value are grey."""
    numbers = np.asarray(values.values, dtype=np.float64)
    unit = str(values.attrs.get("units", ""))
    factor, shown = (1.0, unit) if isinstance(norm, LogNorm) else prefix_for(numbers, unit)
    scaled = norm
    if norm is not None and not isinstance(norm, LogNorm) and norm.vmin is not None and norm.vmax is not None:
        scaled = Normalize(norm.vmin / factor, norm.vmax / factor)
    extent, lateral = map_extent(values)
    axis.set_facecolor(_EMPTY)
    image = axis.imshow(
        np.ma.masked_invalid(numbers / factor),
        cmap=cmap,
        norm=scaled,
        extent=extent,
        interpolation="nearest",
        # A file may claim a pixel as long as a galaxy; no axes can be drawn in that proportion.
        aspect="equal" if 1 / _STEEPEST < map_proportion(extent) < _STEEPEST else "auto",
    )
    axis.set_title(title, fontsize=11)
    axis.set_xlabel(f"x ({lateral})" if lateral else "x")
    axis.set_ylabel(f"y ({lateral})" if lateral else "y")
    bar = axis.figure.colorbar(image, ax=axis, fraction=0.05, pad=0.03)
    bar.set_label(shown)
    if isinstance(norm, LogNorm):
        _label_ones_twos_and_fives(bar.ax.yaxis)
    if not np.isfinite(numbers).any():
        axis.text(
            0.5, 0.5, "no pixel accepted", transform=axis.transAxes, ha="center", va="center", fontsize=10
        )


def draw_fit(axis: Axes, dataset: xr.Dataset, maps: xr.Dataset, pulse: int, row: int, column: int) -> None:
    """Draw the trace of one pixel and the curves fitted to it."""
    evaluation = Evaluation.of_maps(dataset, maps)
    settings, time = evaluation.settings, evaluation.time
    trace = evaluation.dataset["displacement"].isel(pulse=pulse, y=row, x=column)
    t_factor, t_unit = prefix_for(time, "s")
    factor, unit = prefix_for(trace.values, str(trace.attrs["units"]))
    axis.plot(time / t_factor, trace.values / factor, ".", ms=2.5, color="0.45")
    here = maps.isel(pulse=pulse, y=row, x=column)
    if settings.pulse is not None and settings.pulse.stop is not None:
        axis.axvspan(settings.pulse.start / t_factor, settings.pulse.stop / t_factor, color="0.92", zorder=0)
    words = []
    for number in settings.windows:
        numbers = {
            quantity: here[map_name(quantity, number)].values.reshape(1)
            for quantity in ("tau", "tau_stderr", "a", "c", *settings.kernel.quantities)
        }
        tau, error = (float(numbers[quantity][0]) for quantity in ("tau", "tau_stderr"))
        if not np.isfinite(tau):
            continue
        inside, (fitted,) = settings.fitted_curves(number, time, numbers)
        axis.plot(inside / t_factor, fitted / factor, color=WINDOW_COLOURS[number], lw=1.8)
        name = map_name("tau", number).replace("tau", "τ")
        words.append(f"{name} = {text_with_error(tau, error, 's')}")
    axis.set_xlabel(f"time ({t_unit})")
    axis.set_ylabel(f"displacement ({unit})" if unit else "displacement")
    label = labels_from_maps(maps)[pulse]
    axis.set_title(f"pixel ({row}, {column}) {label}\n" + ", ".join(words), fontsize=9)


def _draw_last_row(figure: Figure, axes: list[Axes], dataset: xr.Dataset, maps: xr.Dataset) -> None:
    """Channels at the left, two examples of fits at the right."""
    channels = [
        name
        for name in ("deflection_error", "topography", *dataset.data_vars)
        if name in dataset and dataset[name].dims == ("y", "x") and dataset[name].dtype.kind == "f"
    ]
    for axis, name in zip(axes[:2], [*list(dict.fromkeys(channels))[:2], None, None], strict=False):
        if name is None:
            axis.set_axis_off()
            continue
        channel = dataset[name]
        low, high = np.nanpercentile(channel.values, [0.5, 99.5])
        norm = Normalize(low, high if high > low else low + 1)
        draw_map(axis, channel, str(channel.attrs.get("long_name", name)), cmap="gray", norm=norm)
    for axis, fraction in zip(axes[2:], (0.9, 0.3), strict=True):
        pixel = _example_pixel(maps, fraction)
        if pixel is None:
            axis.set_axis_off()
        else:
            draw_fit(axis, dataset, maps, *pixel)


def _write_sentences(axis: Axes, compared: HistogramComparison) -> None:
    """Write what the recipe shows for pure diffusion, and where the ratio lies, for the last pulse setting."""
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


def _label_ones_twos_and_fives(axis: Axis) -> None:
    """Keep the labels of a logarithmic axis apart where it spans about a decade."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))
    axis.set_minor_formatter(NullFormatter())


def _shared_norm(maps: list[NDArray[Any]]) -> LogNorm | None:
    values = np.concatenate([_finite(values) for values in maps]) if maps else np.empty(0)
    if values.size == 0:
        return LogNorm(1e-14, 1e-12)
    low, high = np.percentile(values, [1, 99])
    return LogNorm(low / 1.05, high * 1.05)


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(values[np.isfinite(values)])


def map_proportion(extent: tuple[float, float, float, float]) -> float:
    """Return height over width of an image, within a thousand either way."""
    with np.errstate(all="ignore"):
        return float(
            np.clip(np.nan_to_num(np.divide(extent[2], extent[1]), nan=1.0), 1 / _STEEPEST, _STEEPEST)
        )


def map_extent(values: xr.DataArray) -> tuple[tuple[float, float, float, float], str]:
    """Return the edges of the image, y downwards as the file has it, and their unit."""
    edges = []
    for axis in ("x", "y"):
        centres = values[axis].values
        step = axis_spacing(values[axis])
        edges += [centres[0] - step / 2, centres[-1] + step / 2]
    left, right, top, bottom = edges
    factor, unit = prefix_for([right - left, bottom - top], str(values["x"].attrs.get("units", "")))
    return (0.0, (right - left) / factor, (bottom - top) / factor, 0.0), unit
