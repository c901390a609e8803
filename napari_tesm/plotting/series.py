"""A voltage series: maps on one scale, named points and histograms against the voltage (Fig. 6), and verdicts."""

import math
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.plotting.maps import MapFrame, draw_points, draw_scale_bar, logarithmic_norm, map_extent
from napari_tesm.plotting.theme import colour_of_point
from napari_tesm.quantities.text import prefix_for
from napari_tesm.regions.shapes import PinnedPoint
from napari_tesm.series import (
    VERDICT_MEANINGS,
    VOLTAGE,
    Abscissa,
    AlignedSeries,
    Distributions,
    PointCurve,
    counts_of_verdicts,
)

PAPER_COLOURS: Final = {1: "#d62728", 2: "#000000", 3: "#1f77b4"}
"""Points 1, 2 and 3 are red, black and blue in the paper's Fig. 6."""
VERDICT_COLOURS: Final = ("#1b9e77", "#e6ab02", "#7570b3", "#d95f02", "#d9d9d9", "#888888", "#ffffff")
"""One for each of `VERDICT_MEANINGS`: rising, saturating, peaked, falling, flat, undecided, untested."""
_MARKERS: Final = "osD^vPX<>*hp"

Trend = Literal["mode", "width", "peak"]


def draw_series_maps(
    figure: Figure,
    aligned: AlignedSeries,
    points: Sequence[PinnedPoint] = (),
    *,
    name: str = "H",
    most: int = 12,
) -> None:
    """Draw one map of each scan of a series side by side, on one colour scale and one grid, with the points.

    Each map is moved onto the reference by parts of a pixel; where a scan does not reach it is grey.

    Parameters
    ----------
    figure : Figure
        Empty.
    name : str
        H, or tau or D, which have a logarithmic scale.
    most : int
        Scans that are drawn at the most, those with the smallest voltages.
    """
    series = aligned.series
    shown = members_with_values(aligned, name)[:most]
    columns = map_columns(len(shown))
    rows = math.ceil(len(shown) / columns) or 1
    figure.set_layout_engine("constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    if name == "H":
        low, high = aligned.colour_limits()
        factor, unit = prefix_for(max(abs(low), abs(high)), series.unit())
        norm = Normalize(low / factor, high / factor)
    else:
        factor, unit = 1.0, series.unit(name)
        norm = logarithmic_norm([series.members[index].values(name) for index in shown])
    extent, lateral = map_extent(aligned.grid)
    frame = MapFrame.of(aligned.grid)
    image = None
    for axes, index in zip(grid.flat, shown, strict=False):
        axes.set_facecolor("0.85")
        image = axes.imshow(
            aligned.moved(index, name) / factor,
            extent=extent,
            cmap="viridis",
            norm=norm,
            interpolation="nearest",
        )
        axes.set_title(series.labels[index], fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        draw_points(axes, frame, points)
    for axes in list(grid.flat)[len(shown) :]:
        axes.set_axis_off()
    if image is not None:
        taken = frame.shown(np.array([[point.x, point.y] for point in points]).reshape(-1, 2))
        draw_scale_bar(grid.flat[0], extent, lateral, taken)
        bar = figure.colorbar(image, ax=list(grid.flat), fraction=0.04, pad=0.02)
        bar.set_label(label_with_unit(name, unit))


def members_with_values(aligned: AlignedSeries, name: str = "H") -> list[int]:
    """Return which scans of a series have values of a map to draw."""
    members = aligned.series.members
    return [index for index, member in enumerate(members) if np.isfinite(member.values(name)).any()]


def map_columns(count: int) -> int:
    """Return in how many columns so many maps are drawn: at most four, in full rows as far as possible."""
    return math.ceil(count / math.ceil(count / 4)) if count else 1


def draw_point_values(axes: Axes, curves: Sequence[PointCurve], *, verdicts: bool = True) -> None:
    """Draw the mean of the pixels of each point or region against the voltage, with their standard deviation.

    A point without a colour of its own has that of the paper, red, black, blue, and from the fourth on one that
    everybody can tell apart; markers differ, too. With `verdicts` the legend says them.
    """
    factor, shown = _scale_of_curves(curves, curves[0].unit if curves else "")
    for number, curve in enumerate(curves):
        colour = curve.colour or PAPER_COLOURS.get(curve.number, colour_of_point(curve.number))
        label = f"{curve.label}: {curve.verdict}" if verdicts else curve.label
        if verdicts and np.isfinite(curve.voltage):
            label += (
                f", {'from' if curve.verdict == 'saturating' else 'at'} {curve.abscissa.text(curve.voltage)}"
            )
        axes.errorbar(
            curve.voltages, curve.means / factor, curve.stds / factor, color=colour, label=label,
            marker=_MARKERS[number % len(_MARKERS)], ms=5, lw=1.2, elinewidth=1.0, capsize=3,
        )  # fmt: skip
    quantity = curves[0].quantity if curves else "H"
    axes.set_ylabel(label_with_unit(quantity, shown))
    there = np.concatenate([curve.voltages for curve in curves]) if curves else np.zeros(0)
    _label_abscissa(axes, there, curves[0].abscissa if curves else VOLTAGE)
    if curves:
        axes.legend(frameon=False, fontsize=8)


def draw_series_histograms(axes: Axes, distributions: Distributions) -> None:
    """Draw the histograms of all image points for each voltage over the same bins, with the modes below them."""
    factor, unit = prefix_for(distributions.histograms.edges, distributions.unit)
    edges = distributions.histograms.edges / factor
    filled = [sample for sample in distributions.each if sample.n]
    for sample, colour in zip(filled, _colours(len(filled)), strict=True):
        counts = distributions.histograms.counts[sample.label]
        axes.stairs(counts, edges, color=colour, lw=1.4, label=f"{sample.label}, n = {sample.n}")
        axes.stairs(counts, edges, color=colour, fill=True, alpha=0.08)
        if np.isfinite(sample.mode.value):
            axes.plot(
                sample.mode.value / factor, 0, marker="|", ms=14, mew=2, color=colour, clip_on=False, zorder=4
            )
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(label_with_unit("H", unit))
    axes.set_ylabel("pixels")
    if filled:
        axes.legend(frameon=False, fontsize=8)


def draw_distribution_trend(
    axes: Axes, distributions: Distributions, trend: Trend, *, colour: str = "#333333", short: bool = False
) -> None:
    """Draw mode, full width at half maximum or height of the distributions against the voltage, with 95 % intervals.

    With `short` words on axes that are small.
    """
    estimates = [getattr(sample, trend) for sample in distributions.each]
    volts = np.array([sample.voltage for sample in distributions.each])
    values, low, high = (
        np.array([getattr(estimate, part) for estimate in estimates]) for part in ("value", "low", "high")
    )
    finite = np.abs(values[np.isfinite(values)])
    factor, unit = (
        (1.0, "") if trend == "peak" else prefix_for(float(finite.max(initial=0.0)), distributions.unit)
    )
    errors = np.stack([values - low, high - values]) / factor
    axes.errorbar(
        volts, values / factor, np.nan_to_num(errors), color=colour, marker="o", ms=4, lw=1.2, capsize=3
    )
    names = {"mode": "mode of H", "width": "width (FWHM) of H", "peak": "peak"}
    if short:
        names = {"mode": "mode", "width": "FWHM", "peak": "peak"}
    axes.set_ylabel(label_with_unit(names[trend], unit if trend != "peak" else "pixels"))
    abscissa = distributions.abscissa
    _label_abscissa(axes, volts, abscissa)
    if short:
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.set_xlabel(abscissa.unit or abscissa.name)


def draw_polarities(axes: Axes, negative: Sequence[PointCurve], positive: Sequence[PointCurve]) -> None:
    """Draw points or regions against the size of the voltage, those of positive voltages beside those of negative ones.

    Full symbols are of negative voltages, open ones of positive; H is drawn by its size.
    """
    groups = [("-", negative), ("--", positive)]
    curves = [curve for _, group in groups for curve in group]
    unit = curves[0].unit if curves else ""
    factor, shown = _scale_of_curves(curves, unit)
    for line, group in groups:
        for number, curve in enumerate(group):
            colour = curve.colour or colour_of_point(curve.number)
            axes.errorbar(
                np.abs(curve.voltages), np.abs(curve.means) / factor, curve.stds / factor, color=colour, ls=line,
                marker=_MARKERS[number % len(_MARKERS)], mfc=colour if line == "-" else "none", ms=5, lw=1.2,
                elinewidth=1.0, capsize=3, label=f"{curve.label} {'−V' if line == '-' else '+V'}",
            )  # fmt: skip
    quantity = curves[0].quantity if curves else "H"
    axes.set_ylabel(label_with_unit(f"|{quantity}|" if quantity == "H" else quantity, shown))
    axes.set_xlabel("size of the pulse voltage (V)")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    if curves:
        axes.legend(frameon=False, fontsize=8, ncols=2)


def draw_shifts(axes: Axes, aligned: AlignedSeries) -> None:
    """Draw by how many pixels each scan was moved, with standard errors, and what is left in one of its halves."""
    place = np.arange(len(aligned.alignments))
    right, down = (np.array([alignment.pixels[axis] for alignment in aligned.alignments]) for axis in (1, 0))
    shifts = [alignment.shift for alignment in aligned.alignments]
    errors = [
        np.nan_to_num([0.0 if shift is None else shift.dx_error for shift in shifts]),
        np.nan_to_num([0.0 if shift is None else shift.dy_error for shift in shifts]),
    ]
    axes.axhline(0, color="0.7", lw=0.8)
    axes.errorbar(
        place - 0.08, right, errors[0], fmt="o", ms=5, color="#1f77b4", capsize=3, label="to the right"
    )
    axes.errorbar(place + 0.08, down, errors[1], fmt="s", ms=5, color="#d95f02", capsize=3, label="down")
    left = np.array([alignment.left for alignment in aligned.alignments])
    axes.plot(place, left, "_", ms=12, mew=2, color="#333333", label="left in the halves")
    failed = [index for index, alignment in enumerate(aligned.alignments) if alignment.note]
    if failed:
        axes.plot(failed, np.zeros(len(failed)), "x", ms=8, mew=2, color="#c00000", label="not measured")
    axes.set_xticks(place, aligned.series.labels)
    axes.set_xlim(-0.5, len(place) - 0.5)
    axes.set_ylabel("shift (pixels)")
    axes.legend(frameon=False, fontsize=8)


def draw_verdicts(axes: Axes, verdicts: xr.Dataset, points: Sequence[PinnedPoint] = ()) -> None:
    """Draw a map of verdicts, each kind in its colour, with the part of the pixels that has it."""
    kinds = verdicts["verdict"]
    extent, unit = map_extent(kinds)
    count = len(VERDICT_MEANINGS)
    axes.imshow(
        kinds.values, extent=extent, interpolation="nearest", cmap=ListedColormap(VERDICT_COLOURS),
        norm=BoundaryNorm((np.arange(count + 1) - 0.5).tolist(), count),
    )  # fmt: skip
    axes.set_xlabel(label_with_unit("x", unit))
    axes.set_ylabel(label_with_unit("y", unit))
    counts = counts_of_verdicts(verdicts)
    total = max(sum(counts.values()), 1)
    handles = [
        Patch(facecolor=colour, edgecolor="0.5", label=f"{name} {100 * counts[name] / total:.0f} %")
        for name, colour in zip(VERDICT_MEANINGS, VERDICT_COLOURS, strict=True)
        if counts[name]
    ]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False, fontsize=8)
    draw_points(axes, MapFrame.of(kinds), points)


def _scale_of_curves(curves: Sequence[PointCurve], unit: str) -> tuple[float, str]:
    """Return the factor of the axis for the largest mean, and the unit with it."""
    sizes = [abs(value) for curve in curves for value in curve.means if np.isfinite(value)]
    if unit == "m²/s" and sizes:
        power = math.floor(math.log10(max(sizes)))
        return 10.0**power, f"10$^{{{power}}}$ m²/s"
    return prefix_for(max(sizes, default=0.0), unit)


def _label_abscissa(axes: Axes, volts: np.ndarray, abscissa: Abscissa) -> None:
    axes.set_xlabel(label_with_unit(abscissa.title, abscissa.unit))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    # The size of the voltage grows to the right, as in the paper.
    if abscissa.is_voltage and volts.size and (volts < 0).all() and not axes.xaxis_inverted():
        axes.invert_xaxis()


def _colours(count: int) -> list[str]:
    return [to_hex(colormaps["plasma"](place)) for place in np.linspace(0.88, 0.05, max(count, 1))][:count]
