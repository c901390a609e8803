"""D with lateral diffusion taken out: beside that of pixels by themselves, their ratio, error, misfit, resolution."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from napari_tesm.data.maps import JOINT, labels_from_maps, map_name, map_of
from napari_tesm.findings.lateral import lateral_summary, resolution_of_maps
from napari_tesm.plotting.axes import label_log_axis, label_with_unit
from napari_tesm.plotting.maps import (
    draw_length,
    draw_map,
    logarithmic_norm,
    map_extent,
    map_proportion,
)
from napari_tesm.quantities.text import prefix_for, quantity_from_text, text_from_quantity

_MOST_PULSES: Final = 4
_COLOUR: Final = "#2166ac"
_LONGEST_BAR: Final = 0.4
_WORDS_PART: Final = 0.45
"""Parts of a map's width that the bar of the resolution has at most, and that its words are given."""
_LEAST_FACTOR: Final = 1.2
"""To which colours of a ratio reach at least: less would show noise as structure."""


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
    row_height = float(np.clip(2.6 * map_proportion(map_extent(maps["D_lateral"])[0]) + 0.9, 2.3, 4.5))
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure(figsize=(15, row_height * pulses), layout=layout, dpi=110)
    axes = figure.subplots(pulses, 4, squeeze=False)
    for pulse in range(pulses):
        draw_both(axes[pulse, 0], axes[pulse, 1], maps, pulse)
        draw_standard_error(axes[pulse, 2], maps, pulse)
        draw_resolution(axes[pulse, 3], maps, pulse)
    return figure


def draw_both(left: Axes, right: Axes, maps: xr.Dataset, pulse: int) -> None:
    """Draw D of each pixel by itself and D with lateral diffusion taken out on two axes, in one scale of colours."""
    here, label = maps.isel(pulse=pulse), labels_from_maps(maps)[pulse]
    own = map_name("D", JOINT)
    norm = logarithmic_norm([here[name].values for name in (own, "D_lateral")])
    titles = {own: f"D {label}, each pixel by itself", "D_lateral": f"D lateral {label}"}
    for axis, (name, title) in zip((left, right), titles.items(), strict=True):
        # Axes that share a norm would update each other.
        shared = LogNorm(norm.vmin, norm.vmax)
        draw_map(axis, map_of(maps, name, pulse), _tidy(title), cmap="viridis", norm=shared, quantity="D")


def draw_resolved(axes: Axes, maps: xr.Dataset, pulse: int) -> None:
    """Draw on a map how long half a period is at which half of a contrast comes back, in the corner without a scale."""
    values = maps["D_lateral"].isel(pulse=pulse)
    resolution = resolution_of_maps(maps, pulse)
    extent, unit = map_extent(values)
    left, right, bottom, top = extent
    if resolution is None or unit == "":
        return
    length = resolution / quantity_from_text(f"1 {unit}", "m")
    if length > _LONGEST_BAR * (right - left):
        return
    # Its words are longer than the bar, which stands in the middle below them.
    start = right - max(_WORDS_PART * (right - left), length + 0.05 * (right - left))
    start += (right - start - length) / 2 - 0.02 * (right - left)
    words = f"resolution {text_from_quantity(resolution, 'm', digits=2)}"
    draw_length(axes, extent, (start, bottom - 0.07 * (bottom - top)), length, words)


def draw_factor(axes: Axes, maps: xr.Dataset, pulse: int) -> None:
    """Draw how many times as large D is once lateral diffusion is taken out, one in the middle of its colours."""
    here, label = maps.isel(pulse=pulse), labels_from_maps(maps)[pulse]
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = here["D_lateral"].values / here[map_name("D", JOINT)].values
    values = map_of(maps, "D_lateral", pulse).copy(data=factor).assign_attrs(units="", long_name="factor")
    sizes = np.abs(np.log(factor[np.isfinite(factor)]))
    limit = float(np.exp(np.percentile(sizes, 99))) if sizes.size else 1.0
    norm = LogNorm(1 / max(limit, _LEAST_FACTOR), max(limit, _LEAST_FACTOR))
    draw_map(axes, values, _tidy(f"D lateral over D {label}"), cmap="RdBu_r", norm=norm)
    bar = axes.images[0].colorbar
    assert bar is not None
    assert norm.vmin is not None
    assert norm.vmax is not None
    label_log_axis(bar.ax.yaxis, norm.vmin, norm.vmax, most=6)


def draw_standard_error(axes: Axes, maps: xr.Dataset, pulse: int) -> None:
    """Draw the standard error of ln D."""
    title = _tidy(f"standard error of ln D {labels_from_maps(maps)[pulse]}")
    draw_map(axes, map_of(maps, "log_D_lateral_stderr", pulse), title, cmap="magma", quantity="error")


def draw_misfit(axes: Axes, maps: xr.Dataset, pulse: int) -> None:
    """Draw chi-square per degree of freedom, which is 1 where the traces hold nothing that the model has not."""
    values, label = map_of(maps, "misfit_lateral", pulse), labels_from_maps(maps)[pulse]
    finite = values.values[np.isfinite(values.values)]
    # A few pixels that are described far worse than the others do not rule the scale.
    norm = Normalize(0.0, max(float(np.percentile(finite, 99)) if finite.size else 1.0, 2.0))
    draw_map(axes, values, _tidy(f"misfit {label}"), cmap="magma", norm=norm, quantity="chi-square")


def _tidy(title: str) -> str:
    """Return a title without the gaps that a pulse setting without a name leaves."""
    return " ".join(title.replace(" ,", ",").split())


def draw_resolution(axes: Axes, maps: xr.Dataset, pulse: int) -> None:
    """Draw how much of a contrast comes back by half its period; nothing where no contrast does."""
    found = lateral_summary(maps.isel(pulse=pulse), pulse)["lateral"]
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
    axes.set_ylabel("part of a contrast")
    resolution = found.get("resolution")
    if resolution is not None:
        axes.axvline(resolution / factor, color="0.6", lw=0.8)
        words = f"half comes back at {text_from_quantity(resolution, 'm', digits=2)}"
        axes.set_title(_tidy(f"{words} {labels_from_maps(maps)[pulse]}"), fontsize=9)
