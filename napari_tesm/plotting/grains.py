"""Grains on given axes: their outlines over an image, boundaries beside interiors, a quantity against the distance."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.transforms import blended_transform_factory
from numpy.typing import NDArray

from napari_tesm.grains import Boundaries, DistanceBins, Grains
from napari_tesm.plotting.axes import label_axis, label_log_axis, label_with_unit, scale_for
from napari_tesm.plotting.theme import LIGHT, PlotTheme, style_axes
from napari_tesm.statistics.description import quartiles

Array = NDArray[np.float64]

CLASS_COLOURS: Final = {
    "interior": "#0072b2",
    "boundary": "#d55e00",
    "cluster": "#cc79a7",
    "defect": "#777777",
}
"""Okabe and Ito's, which colour-blind readers tell apart."""


def outline_segments(grains: Grains) -> Array:
    """Return the sides of pixels between two labels, shape (side, 2, 2), x before y, in m from the corner."""
    labels, (dy, dx) = grains.labels, grains.spacing
    rows, columns = np.nonzero(labels[:-1] != labels[1:])
    across = np.stack([columns * dx, (rows + 1) * dy, (columns + 1) * dx, (rows + 1) * dy], axis=1)
    rows, columns = np.nonzero(labels[:, :-1] != labels[:, 1:])
    down = np.stack([(columns + 1) * dx, rows * dy, (columns + 1) * dx, (rows + 1) * dy], axis=1)
    return np.concatenate([across, down]).reshape(-1, 2, 2)


def draw_grains(
    axes: Axes,
    image: Array,
    grains: Grains,
    *,
    title: str = "",
    unit: str = "",
    lateral_unit: str = "m",
    origin: tuple[float, float] = (0.0, 0.0),
    boundaries: Boundaries | None = None,
    theme: PlotTheme = LIGHT,
) -> Any:
    """Draw an image with the outlines of grains, and with the band at boundaries where it is given.

    Parameters
    ----------
    axes : Axes
    image : ndarray, shape (y, x)
    grains : Grains
        On the grid of the image.
    title, unit : str
        Name and unit of the image; the unit stands in the title.
    origin : (float, float)
        Upper and left edge of the scan, in the lateral unit.
    boundaries : Boundaries, optional
        Their classes are laid over the image.

    Returns
    -------
    AxesImage
        Of the image, for a colour bar; its values are in `unit` with the prefix that the title says.
    """
    height, width = image.shape
    extent = (width * grains.spacing[1], height * grains.spacing[0])
    lateral, lateral_shown = scale_for([max(extent)], lateral_unit)
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, [0.5, 99.5]) if finite.size else (0.0, 1.0)
    factor, shown = scale_for([low, high], unit)
    top, left = (edge / lateral for edge in origin)
    box = (left, left + extent[0] / lateral, top + extent[1] / lateral, top)
    drawn = axes.imshow(
        image / factor,
        cmap="gray",
        vmin=low / factor,
        vmax=high / factor,
        extent=box,
        interpolation="nearest",
    )
    if boundaries is not None:
        colours = np.zeros((len(CLASS_COLOURS) + 1, 4))
        for number, name in enumerate(CLASS_COLOURS, start=1):
            colours[number] = to_rgba(CLASS_COLOURS[name], 0.0 if name == "interior" else 0.4)
        axes.imshow(colours[boundaries.classes], extent=box, interpolation="nearest")
    lines = LineCollection(
        list(outline_segments(grains) / lateral + np.array([left, top])),
        colors=CLASS_COLOURS["boundary"],
        linewidths=0.9,
    )
    axes.add_collection(lines)
    style_axes(axes, theme)
    axes.grid(False)
    axes.set_title(label_with_unit(title, shown), fontsize=theme.font_size, color=theme.foreground)
    axes.set_xlabel(label_with_unit("x", lateral_shown), fontsize=theme.font_size)
    axes.set_ylabel(label_with_unit("y", lateral_shown), fontsize=theme.font_size)
    return drawn


def draw_classes(
    axes: Axes,
    values: Array,
    boundaries: Boundaries,
    *,
    name: str,
    unit: str,
    log: bool = False,
    theme: PlotTheme = LIGHT,
) -> None:
    """Draw the distribution of a map in interiors and at boundaries: violins with quartiles and median, n below.

    Clusters and defects come beside them where there are any.

    Parameters
    ----------
    values : ndarray, shape (y, x)
    name, unit : str
        Of the quantity.
    log : bool
        On a logarithmic scale: values that are not positive are left out.
    """
    good = np.isfinite(values) & ((values > 0) if log else True)
    samples = {kind: values[boundaries.mask(kind) & good] for kind in CLASS_COLOURS}
    shown = {
        kind: sample
        for kind, sample in samples.items()
        if sample.size >= 2 or kind in ("interior", "boundary")
    }
    together = np.concatenate([*shown.values(), np.zeros(0)])
    factor, unit_shown = scale_for([quartiles(together)[1]] if together.size else [], unit)
    axes.clear()
    style_axes(axes, theme)
    for place, (kind, sample) in enumerate(shown.items()):
        if sample.size:
            _draw_violin(axes, place, sample / factor, CLASS_COLOURS[kind], log=log, theme=theme)
    ticks = [f"{kind}\nn = {sample.size}" for kind, sample in shown.items()]
    axes.set_xticks(range(len(ticks)), ticks, fontsize=theme.font_size)
    axes.set_xlim(-0.6, len(ticks) - 0.4)
    axes.grid(False, axis="x")
    _finish_values(axes, together / factor, label_with_unit(name, unit_shown), log=log, theme=theme)


def draw_against_distance(
    axes: Axes,
    curves: Mapping[str, DistanceBins],
    *,
    unit: str,
    name: str = "",
    lateral_unit: str = "m",
    width: float | None = None,
    log: bool = False,
    theme: PlotTheme = LIGHT,
) -> None:
    """Draw the median of a quantity against the distance from the nearest boundary, with its 95 % interval.

    Parameters
    ----------
    curves : mapping of str to DistanceBins
        By the names that the legend gives them; one alone has no legend.
    unit, name : str
        Of the quantity.
    width : float, optional
        Of the band at boundaries, in the lateral unit: the half of it is shaded.
    """
    axes.clear()
    style_axes(axes, theme)
    medians = np.concatenate(
        [np.zeros(0), *(curve.median[np.isfinite(curve.median)] for curve in curves.values())]
    )
    reach = max((float(curve.distance[-1]) for curve in curves.values() if curve.n.size), default=1.0)
    factor, shown = scale_for([float(np.median(medians))] if medians.size else [], unit)
    lateral, lateral_shown = scale_for([reach], lateral_unit)
    if width is not None:
        axes.axvspan(0, width / 2 / lateral, color=CLASS_COLOURS["boundary"], alpha=0.15, lw=0)
        across = blended_transform_factory(axes.transData, axes.transAxes)
        axes.text(
            width / 4 / lateral, 1.01, "boundary", transform=across, ha="center", va="bottom",
            color=CLASS_COLOURS["boundary"], fontsize=theme.font_size,
        )  # fmt: skip
    edges = []
    for number, (label, curve) in enumerate(curves.items()):
        colour = theme.accent if len(curves) == 1 else theme.colour_of_window(number + 1)
        filled = curve.n > 0
        x, y = curve.distance[filled] / lateral, curve.median[filled] / factor
        low, high = curve.low[filled] / factor, curve.high[filled] / factor
        axes.fill_between(x, low, high, color=colour, alpha=0.25, lw=0)
        axes.plot(x, y, "o-", color=colour, ms=3, lw=1.2, label=label)
        edges += [y, low, high]
    axes.set_xlabel(label_with_unit("distance from boundary", lateral_shown), fontsize=theme.font_size)
    axes.set_xlim(0, 1.02 * reach / lateral)
    together = np.concatenate(edges) if edges else np.zeros(0)
    _finish_values(axes, together, label_with_unit(name, shown), log=log, theme=theme, percent=0.0)
    if len(curves) > 1:
        axes.legend(frameon=False, fontsize=theme.font_size, labelcolor=theme.foreground)


def _draw_violin(axes: Axes, place: int, sample: Array, colour: str, *, log: bool, theme: PlotTheme) -> None:
    """Draw one distribution: a density of the counts of bins, which costs nothing however many pixels there are."""
    scaled = np.log10(sample) if log else sample
    low, high = np.percentile(scaled, [0.5, 99.5])
    if high > low:
        counts, edges = np.histogram(scaled, bins=80, range=(low, high))
        width = 0.9 * (scaled.std() or 1.0) * scaled.size**-0.2 / (edges[1] - edges[0])
        reach = np.arange(-39, 40)
        kernel = np.exp(-0.5 * (reach / max(width, 1.0)) ** 2)
        density = np.convolve(counts, kernel / kernel.sum(), mode="same")
        half = 0.38 * density / density.max()
        middle = (edges[1:] + edges[:-1]) / 2
        middle = 10.0**middle if log else middle
        axes.fill_betweenx(middle, place - half, place + half, color=colour, alpha=0.35, lw=0)
    q25, median, q75 = quartiles(sample)
    axes.plot([place, place], [q25, q75], color=colour, lw=4, solid_capstyle="butt")
    axes.plot([place], [median], "o", ms=5, mfc=theme.background, mec=colour, mew=1.4, zorder=5)


def _finish_values(
    axes: Axes, values: Array, label: str, *, log: bool, theme: PlotTheme, percent: float = 0.5
) -> None:
    """Give the axis of values its scale, limits that hot pixels do not stretch, and readable ticks."""
    axes.set_ylabel(label, fontsize=theme.font_size, color=theme.foreground)
    good = values[np.isfinite(values) & ((values > 0) if log else True)]
    if good.size == 0:
        axes.text(
            0.5,
            0.5,
            "no values",
            transform=axes.transAxes,
            ha="center",
            color=theme.muted,
            fontsize=theme.font_size,
        )
        return
    low, high = (float(edge) for edge in np.percentile(good, [percent, 100 - percent]))
    if log:
        low, high = low / 1.1, high * 1.1
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        label_log_axis(axes.yaxis, low, high, most=5)
    else:
        margin = 0.08 * (high - low) or abs(high) or 1.0
        axes.set_ylim(low - margin, high + margin)
        label_axis(axes.yaxis, low - margin, high + margin, most=5)
