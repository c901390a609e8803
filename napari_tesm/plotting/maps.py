"""Maps on their physical scale, and what was drawn on them: steps, regions, points, the part shown larger elsewhere."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.image import AxesImage
from matplotlib.patches import Polygon, Rectangle
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter
from numpy.typing import NDArray

from napari_tesm.data.maps import HOT, MAP_KINDS
from napari_tesm.plotting.axes import label_with_unit
from napari_tesm.plotting.theme import colour_of_point, text_colour_on
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.quantities.text import prefix_for
from napari_tesm.regions.shapes import PinnedPoint, Region

Array = NDArray[np.float64]

_LINE: Final = "#111111"
_HALO: Final = "#ffffff"
_ZOOM: Final = "#e3120b"
EMPTY: Final = "#d9d9d9"
"""Colour of pixels without a value: neither end of any colour map in use."""
BAR_OF_ONE_MAP: Final = "colour bar of one map"
"""What the axes of a colour bar are called that belongs to no other map."""
_STEEPEST: Final = 1000.0
_BINS: Final = 64
_FREE: Final = 0.15
"""Of the map's width, between its scale bar and what is drawn on it."""
_BAR_PART: Final = 0.3
"""A scale bar is at most this part of the image's width."""


@dataclass(frozen=True)
class MapFrame:
    """From positions in the lateral unit to those on drawn axes, which are the scan's own.

    Parameters
    ----------
    factor : float
        Lateral units in one unit of the axes.
    """

    factor: float

    @classmethod
    def of(cls, values: xr.DataArray) -> "MapFrame":
        """Return the frame in which `draw_map` draws a map."""
        return cls(_lateral_scale(values)[0])

    def shown(self, xy: Array) -> Array:
        """Return positions (…, 2), x before y, on the axes."""
        return np.asarray(xy) / self.factor


def map_extent(values: xr.DataArray) -> tuple[tuple[float, float, float, float], str]:
    """Return the edges of the image, y downwards as the file has it, and their unit."""
    factor, unit = _lateral_scale(values)
    left, right, top, bottom = (edge / factor for edge in _edges(values))
    return (left, right, bottom, top), unit


def _edges(values: xr.DataArray) -> tuple[float, float, float, float]:
    edges = []
    for axis in ("x", "y"):
        centres, step = values[axis].values, axis_spacing(values[axis])
        edges += [float(centres[0] - step / 2), float(centres[-1] + step / 2)]
    left, right, top, bottom = edges
    return left, right, top, bottom


def _lateral_scale(values: xr.DataArray) -> tuple[float, str]:
    left, right, top, bottom = _edges(values)
    return prefix_for([right - left, bottom - top], str(values["x"].attrs.get("units", "")))


def map_proportion(extent: tuple[float, float, float, float]) -> float:
    """Return height over width of an image, within a thousand either way."""
    with np.errstate(all="ignore"):
        return float(
            np.clip(
                np.nan_to_num(np.divide(abs(extent[2] - extent[3]), abs(extent[1] - extent[0])), nan=1.0),
                1 / _STEEPEST,
                _STEEPEST,
            )
        )


def row_size(values: xr.DataArray, panels: int, *, width: float = 10.0) -> tuple[float, float]:
    """Return the size in inches of a figure with a row of maps, so that no colour bar is taller than its map."""
    across = min(width / panels, 5.0)
    # Ticks, labels and the bar take some 1.4 inches of the width; title and labels 0.65 of the height.
    height = max(across - 1.4, 0.5) * map_proportion(map_extent(values)[0]) + 0.65
    return across * panels, float(np.clip(height, 1.7, 7.0))


def signed_norm(maps: Iterable[Array]) -> Normalize:
    """Return one scale for signed maps, zero in the middle; hot pixels do not rule it."""
    sizes = np.concatenate([np.abs(image[np.isfinite(image)]).ravel() for image in maps] or [np.zeros(0)])
    limit = float(np.percentile(sizes, 99.5)) if sizes.size else 1.0
    return Normalize(-(limit or 1.0), limit or 1.0)


def logarithmic_norm(maps: Iterable[Array]) -> LogNorm:
    """Return one logarithmic scale for maps of positive quantities, from the first to the 99th percentile."""
    values = np.concatenate(
        [image[np.isfinite(image) & (image > 0)].ravel() for image in maps] or [np.zeros(0)]
    )
    if not values.size:
        return LogNorm(1e-14, 1e-12)
    low, high = np.percentile(values, [1, 99])
    return LogNorm(low / 1.05, high * 1.05)


def surface_norm(image: Array) -> Normalize:
    """Return the scale of an image of the surface, its extremes cut."""
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, [0.5, 99.5]) if finite.size else (0.0, 1.0)
    return Normalize(float(low), float(high) if high > low else float(low) + 1.0)


def draw_map(
    axis: Axes,
    values: xr.DataArray,
    title: str,
    *,
    cmap: str,
    norm: Normalize | None = None,
    quantity: str | None = None,
    taken: Array | None = None,
) -> None:
    """Draw a map on its physical scale, with a scale bar and a colour bar; pixels without a value are grey.

    Parameters
    ----------
    quantity : str, optional
        What stands at the colour bar with the unit, by default the map's name.
    taken : ndarray, shape (points, 2), optional
        What else is drawn on the axes, which the scale bar keeps away from.
    """
    numbers = np.asarray(values.values, dtype=np.float64)
    unit = str(values.attrs.get("units", ""))
    factor, shown = (1.0, unit) if isinstance(norm, LogNorm) else prefix_for(numbers, unit)
    scaled = norm
    if norm is not None and not isinstance(norm, LogNorm) and norm.vmin is not None and norm.vmax is not None:
        scaled = Normalize(norm.vmin / factor, norm.vmax / factor)
    image = draw_pixels(axis, values, numbers / factor, title, cmap=cmap, norm=scaled)
    bar = axis.figure.colorbar(image, ax=axis, fraction=0.05, pad=0.03)
    bar.ax.set_label(BAR_OF_ONE_MAP)
    named = quantity or str(values.attrs.get("long_name") or values.name or "")
    bar.set_label(label_with_unit(named, shown))
    extent, lateral = map_extent(values)
    draw_scale_bar(axis, extent, lateral, taken)
    if isinstance(norm, LogNorm):
        _label_ones_twos_and_fives(bar.ax.yaxis)
    if not np.isfinite(numbers).any():
        axis.text(
            0.5, 0.5, "no pixel accepted", transform=axis.transAxes, ha="center", va="center", fontsize=10
        )


def draw_pixels(
    axis: Axes, like: xr.DataArray, values: Array, title: str, *, cmap: str | Colormap, norm: Normalize | None
) -> AxesImage:
    """Draw values on the physical scale of a map, without a colour bar; pixels without a value are grey.

    Raises
    ------
    TypeError
        If it is a result map that was not made by `napari_tesm.data.maps.map_of`: what is drawn is what is counted.
    """
    if like.name in MAP_KINDS and HOT not in like.attrs:
        raise TypeError(f"the map '{like.name}' is drawn raw: take it from napari_tesm.data.maps.map_of")
    extent, lateral = map_extent(like)
    axis.set_facecolor(EMPTY)
    image = axis.imshow(
        np.ma.masked_invalid(values),
        cmap=cmap,
        norm=norm,
        extent=extent,
        interpolation="nearest",
        # A file may claim a pixel as long as a galaxy; no axes can be drawn in that proportion.
        aspect="equal" if 1 / _STEEPEST < map_proportion(extent) < _STEEPEST else "auto",
    )
    axis.set_title(title, fontsize=11)
    axis.set_xlabel(label_with_unit("x", lateral))
    axis.set_ylabel(label_with_unit("y", lateral))
    return image


def draw_scale_bar(
    axes: Axes, extent: tuple[float, float, float, float], unit: str, taken: Array | None = None
) -> None:
    """Draw a scale bar in a corner, a lower one where nothing else lies there.

    Parameters
    ----------
    extent : tuple of float
        From `map_extent`; nothing is drawn for an image without a size.
    taken : ndarray, shape (points, 2), optional
        On the axes, x before y.
    """
    left, right, bottom, top = extent
    width, height = right - left, bottom - top
    if not (np.isfinite(width) and np.isfinite(height) and width > 0):
        return
    power = 10.0 ** math.floor(math.log10(_BAR_PART * width))
    length = max((digit * power for digit in (1, 2, 5) if digit * power <= _BAR_PART * width), default=power)
    across = (left + 0.05 * width, right - 0.05 * width - length)
    corners = [(start, level) for level in (bottom - 0.07 * height, top + 0.16 * height) for start in across]
    # Above the bar stands its length.
    free = [
        min(
            (
                math.hypot(max(abs(x - start - length / 2) - length / 2, 0.0), y - level + 0.05 * height)
                for x, y in (() if taken is None else taken)
            ),
            default=math.inf,
        )
        for start, level in corners
    ]
    enough = next((number for number, room in enumerate(free) if room > _FREE * width), free.index(max(free)))
    draw_length(axes, extent, corners[enough], length, f"{length:g} {unit}".rstrip())


def draw_length(
    axes: Axes,
    extent: tuple[float, float, float, float],
    place: tuple[float, float],
    length: float,
    words: str,
) -> None:
    """Draw a length as a bar on a map, with words above it on a ground of their own.

    Parameters
    ----------
    extent : tuple of float
        From `map_extent`.
    place : (float, float)
        Left end of the bar, on the axes.
    """
    start, level = place
    height = extent[2] - extent[3]
    for colour, thick in (("#ffffff", 3.5), ("#111111", 2.0)):
        axes.plot(
            [start, start + length], [level, level], color=colour, lw=thick, solid_capstyle="butt", zorder=4,
            scalex=False, scaley=False,
        )  # fmt: skip
    text = axes.text(
        start + length / 2, level - 0.03 * height, words, ha="center", va="bottom", fontsize=8, zorder=4
    )
    text.set_bbox({"facecolor": "#ffffff", "alpha": 0.6, "edgecolor": "none", "pad": 1.0})


def draw_surface(axes: Axes, image: xr.DataArray, title: str) -> None:
    """Draw topography or deflection error in grey."""
    norm = surface_norm(np.asarray(image.values, dtype=np.float64))
    draw_map(axes, image, title, cmap="gray", norm=norm)


def draw_regions(axes: Axes, frame: MapFrame, regions: Sequence[Region]) -> None:
    """Draw the outlines of regions, and lines with their names."""
    for region in regions:
        corners = frame.shown(region.xy())
        if region.is_line:
            axes.plot(*corners.T, color=_HALO, lw=2.4, alpha=0.8)
            axes.plot(*corners.T, color=_LINE, lw=1.0)
        else:
            axes.add_patch(Polygon(corners, closed=True, fill=False, edgecolor=_HALO, lw=2.4, alpha=0.8))
            axes.add_patch(Polygon(corners, closed=True, fill=False, edgecolor=_LINE, lw=1.0))


def draw_points(axes: Axes, frame: MapFrame, points: Sequence[PinnedPoint]) -> None:
    """Draw points as numbered discs in their colours."""
    for point in points:
        colour = point.colour or colour_of_point(point.number)
        x, y = frame.shown(np.array([point.x, point.y])).tolist()
        axes.plot(x, y, "o", ms=11, color=colour, markeredgecolor=_HALO, markeredgewidth=1.2, zorder=5)
        axes.text(
            x, y, str(point.number), ha="center", va="center_baseline", fontsize=7.5, zorder=6,
            color=text_colour_on(colour), fontweight="bold",
        )  # fmt: skip


def draw_height(
    axes: Axes,
    height: xr.DataArray,
    label: str,
    points: Sequence[PinnedPoint],
    *,
    norm: Normalize | None = None,
) -> None:
    """Draw a map of H of one pulse setting, zero in the middle of its colours, with points on it."""
    own = norm or signed_norm([np.asarray(height.values, dtype=np.float64)])
    frame = MapFrame.of(height)
    taken = frame.shown(np.array([[point.x, point.y] for point in points]).reshape(-1, 2))
    draw_map(axes, height, f"H {label}".rstrip(), cmap="RdBu_r", norm=own, taken=taken)
    draw_points(axes, frame, points)


def draw_zoom_frame(axes: Axes, frame: MapFrame, box: tuple[float, float, float, float]) -> None:
    """Draw the red square around the part that is shown larger: left, top, right, bottom in the lateral unit."""
    (left, top), (right, bottom) = frame.shown(np.array([[box[0], box[1]], [box[2], box[3]]]))
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=_ZOOM, lw=1.6))


def draw_overlay(axes: Axes, surface: xr.DataArray, values: xr.DataArray, title: str) -> None:
    """Draw a map of H over the surface: the more a pixel moved, the less of the surface is seen."""
    size = np.abs(np.asarray(values.values, dtype=np.float64))
    finite = size[np.isfinite(size)]
    high = float(np.percentile(finite, 99.5)) if finite.size else 1.0
    norm = Normalize(0.0, high or 1.0)
    draw_map(axes, values.copy(data=size), title, cmap="inferno", norm=norm, quantity="|H|")
    image = axes.images[0]
    alpha = np.clip(np.nan_to_num(size) / (high or 1.0), 0.0, 1.0)
    image.set_alpha(0.15 + 0.75 * alpha)
    image.set_zorder(2)
    grey = np.asarray(surface.values, dtype=np.float64)
    axes.imshow(
        grey, cmap="gray", norm=surface_norm(grey), extent=image.get_extent(), interpolation="nearest", zorder=1,
        aspect=axes.get_aspect(),
    )  # fmt: skip


def density_of_maps(first: Array, second: Array, unit: str) -> tuple[Array, float, str]:
    """Return how many pixels, as the root, have which |H| in two maps; where the bins end, and the unit of that."""
    good = np.isfinite(first) & np.isfinite(second)
    a, b = np.abs(first[good]), np.abs(second[good])
    # Hot pixels do not rule the axes.
    high = max((float(np.percentile(part, 99.5)) for part in (a, b) if part.size), default=1.0) or 1.0
    factor, shown = prefix_for(high, unit)
    edge = 1.08 * high / factor
    counts, *_ = np.histogram2d(b / factor, a / factor, bins=_BINS, range=((0, edge), (0, edge)))
    return np.sqrt(counts), edge, shown


def draw_density(axes: Axes, first: Array, second: Array, *, names: tuple[str, str], unit: str) -> None:
    """Draw one map against another, pixel by pixel, as a density with the line of equality."""
    density, edge, shown = density_of_maps(first, second, unit)
    axes.imshow(density, origin="lower", extent=(0, edge, 0, edge), cmap="Greys", interpolation="nearest")
    axes.plot([0, edge], [0, edge], ls="--", lw=1.0, color=_ZOOM)
    axes.set_xlabel(label_with_unit(f"|H| {names[0]}", shown))
    axes.set_ylabel(label_with_unit(f"|H| {names[1]}", shown))


def _label_ones_twos_and_fives(axis: Axis) -> None:
    """Keep the labels of a logarithmic axis apart where it spans about a decade."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))
    axis.set_minor_formatter(NullFormatter())
