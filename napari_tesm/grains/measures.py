"""What maps come to at grain boundaries and inside grains, against the distance from a boundary, and grain by grain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import labels_from_maps, limited_values
from napari_tesm.grains.boundaries import PIXEL_CLASSES, Boundaries
from napari_tesm.grains.labels import Grains, touches_edge
from napari_tesm.regions.measures import QUANTITIES, Measured, comparison_of_masks
from napari_tesm.statistics.description import (
    Description,
    description_from_values,
    quartiles,
    sentence_about_limits,
    values_on_scale,
)
from napari_tesm.statistics.independence import independent_samples
from napari_tesm.statistics.ranks import Comparison, p_in_words
from napari_tesm.statistics.ratios import interval_of_median

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MEASURED: Final = ("interior", "boundary", "cluster", "defect")
"""Classes of pixels that are measured, in this order."""
_FEWEST: Final = 5
"""Independent values a bin of distance needs for an interval."""


@dataclass(frozen=True)
class DistanceBins:
    """A quantity against the distance from the nearest boundary; NaN in bins without a value.

    Parameters
    ----------
    distance : ndarray
        Centres of the bins, in m.
    bin_width : float
        In m.
    median, low, high : ndarray
        Median and its 95 % interval, neighbouring pixels counted as far as they are independent.
    q25, q75 : ndarray
    n : ndarray of int
    independent : ndarray
        As how many independent pixels those of the bin count.
    """

    distance: Array
    bin_width: float
    median: Array
    low: Array
    high: Array
    q25: Array
    q75: Array
    n: NDArray[np.int64]
    independent: Array


@dataclass(frozen=True)
class GrainMeasure(Measured):
    """One map measured at boundaries and in grains.

    Parameters
    ----------
    logarithmic : bool
        Whether it is described on a logarithmic scale: means are geometric, standard deviations factors.
    values : mapping of str to Description
        For each class of pixels (`MEASURED`); of the logarithms (base 10) where it is logarithmic.
    comparison : Comparison or None
        Boundaries against interiors.
    problem : str
        Why there is none, in a sentence.
    """

    logarithmic: bool
    values: Mapping[str, Description]
    comparison: Comparison | None
    problem: str = ""

    @property
    def verdict(self) -> str:
        """Whether boundaries differ, by how much and in which direction, in a sentence."""
        limits = (f"{name}: {sentence_about_limits(part)}" for name, part in self.values.items())
        said = "".join(f" {self.title}, {sentence}." for sentence in limits if not sentence.endswith(": "))
        if self.comparison is None:
            return self.problem + said
        return verdict_from_comparison(self.comparison, self.title) + said


def verdict_from_comparison(comparison: Comparison, title: str) -> str:
    """Return in a sentence what boundaries are beside interiors: higher, lower, or not to be told apart.

    Of negative values, a contraction, it is the size that counts.
    """
    counts = f"n = {comparison.n[0]} and {comparison.n[1]}"
    counts += f", as {comparison.independent[0]:.0f} and {comparison.independent[1]:.0f} independent"
    p = p_in_words(comparison.p_value)
    tail = f"({p}, Cliff's delta {comparison.cliffs_delta:+.2f}, {comparison.size_in_words}; {counts})"
    has_ratio = np.isfinite(comparison.ratio)
    name = f"|{title}|" if has_ratio and comparison.medians[0] < 0 else title
    factor = f"{comparison.ratio:.3g} [{comparison.ratio_low:.3g}, {comparison.ratio_high:.3g}]"
    if not comparison.significant:
        ratio = f": ratio {factor}" if has_ratio else ""
        return f"{name} at boundaries cannot be told from that in interiors{ratio} {tail}."
    direction = "higher" if (comparison.ratio > 1 if has_ratio else comparison.cliffs_delta > 0) else "lower"
    size = f"by factor {factor}" if has_ratio else "than in interiors"
    return f"{name} is {direction} at boundaries {size} {tail}."


def measures_at_boundaries(maps: xr.Dataset, boundaries: Boundaries) -> list[GrainMeasure]:
    """Return what every known quantity of every pulse setting comes to at boundaries and in interiors.

    Parameters
    ----------
    maps : Dataset
        From `napari_tesm.evaluation.pipeline.run`, or read from a file.
    boundaries : Boundaries
        On the grid of the maps.

    Raises
    ------
    ValueError
        If the two differ in size.
    """
    return [
        measure_at_boundaries(
            limited_values(maps, name, pulse), boundaries, name, str(maps[name].attrs.get("units", "")), label, pulse,
            logarithmic=name != "H",
        )
        for pulse, label in enumerate(labels_from_maps(maps))
        for name in QUANTITIES
        if name in maps
    ]  # fmt: skip


def measure_at_boundaries(
    values: Array, boundaries: Boundaries, quantity: str, unit: str, label: str = "", pulse: int | None = None, *,
    logarithmic: bool = False,
) -> GrainMeasure:  # fmt: skip
    """Return what one map, of shape (y, x), comes to at boundaries and in interiors."""
    _check_size(values, boundaries.classes)
    scaled = values_on_scale(values, "log" if logarithmic else "linear")
    with np.errstate(over="ignore", invalid="ignore"):
        described = {name: description_from_values(scaled[boundaries.mask(name)]) for name in MEASURED}
        comparison, problem = None, ""
        try:
            comparison = comparison_of_masks(
                values, boundaries.mask("boundary"), boundaries.mask("interior"), ("boundaries", "interiors"),
                many_decades=logarithmic, apart=False,
            )  # fmt: skip
        except ValueError as error:
            title = f"{quantity} {label}".rstrip()
            problem = f"{title} of boundaries and interiors cannot be compared: {error}."
    return GrainMeasure(quantity, label, unit, pulse, logarithmic, described, comparison, problem)


def curve_from_boundary(
    values: Array, boundaries: Boundaries, *, bin_width: float, logarithmic: bool = False
) -> DistanceBins:
    """Return a map against the distance from the nearest boundary, with the interval of each bin's median.

    Clusters, defects and pixels without a label are left out. The interval is that of
    `napari_tesm.statistics.ratios` for a median: a bootstrap whose sample has as many values as the bin has
    independent ones (Maritz and Jarrett 1978).

    Parameters
    ----------
    values : ndarray, shape (y, x)
    boundaries : Boundaries
    bin_width : float
        In m; the first bin begins at the boundary.
    logarithmic : bool
        Whether it is on a logarithmic scale that the values are symmetric.

    Raises
    ------
    ValueError
        If the bins are not wider than zero, or the map has another size.
    """
    if not (np.isfinite(bin_width) and bin_width > 0):
        raise ValueError("the bins of a distance must be wider than zero")
    _check_size(values, boundaries.classes)
    used = boundaries.mask("boundary") | boundaries.mask("interior")
    scaled = values_on_scale(values, "log" if logarithmic else "linear")
    used &= np.isfinite(boundaries.distance) & ~np.isnan(scaled)
    if not used.any():
        nothing = np.zeros(0)
        return DistanceBins(nothing, bin_width, *(nothing,) * 5, np.zeros(0, dtype=np.int64), nothing)
    # Centres often lie on the border of two round bins, where the last bit of the pixel size must not decide.
    away = np.where(used, boundaries.distance, 0.0) / bin_width * (1 + 1e-9)
    index = np.where(used, np.floor(away), -1).astype(np.int64)
    count = int(index.max()) + 1
    masks = [index == number for number in range(count)]
    independent = np.array(independent_samples(scaled, *masks))
    columns: Array = np.full((5, count), np.nan)
    rng = np.random.default_rng(0)
    for number, mask in enumerate(masks):
        inside = scaled[mask]
        if inside.size == 0:
            continue
        q25, middle, q75 = quartiles(inside)
        columns[:3, number] = middle, q25, q75
        if np.isinf(inside).any():
            continue  # of medians among limits there is no interval
        n = min(independent[number], float(inside.size))
        if n >= _FEWEST:
            columns[3:, number] = interval_of_median(inside, n, seed=rng)
    columns[np.isinf(columns)] = np.nan
    median, low_quartile, high_quartile, low, high = (
        np.asarray(10.0**column if logarithmic else column) for column in columns
    )
    centres: Array = (np.arange(count, dtype=np.float64) + 0.5) * bin_width
    counts = np.array([int(mask.sum()) for mask in masks], dtype=np.int64)
    return DistanceBins(
        centres, float(bin_width), median, low, high, low_quartile, high_quartile, counts, independent
    )


def curves_of_measures(
    measures: Sequence[GrainMeasure], maps: xr.Dataset, boundaries: Boundaries, *, bin_width: float
) -> list[DistanceBins]:
    """Return what was measured at boundaries against the distance from them; see `curve_from_boundary`."""
    return [
        curve_from_boundary(
            limited_values(maps, measure.quantity, measure.pulse or 0),
            boundaries,
            bin_width=bin_width,
            logarithmic=measure.logarithmic,
        )
        for measure in measures
    ]


@dataclass(frozen=True)
class GrainValue:
    """A quantity in a grain: accepted pixels, median, quartiles, and the median of its boundary over its interior's."""

    n: int
    median: float
    q25: float
    q75: float
    boundary_ratio: float

    @property
    def iqr(self) -> float:
        """Distance of the quartiles."""
        return self.q75 - self.q25


@dataclass(frozen=True)
class GrainRow:
    """One line of the table of grains.

    Parameters
    ----------
    number : int
        The label.
    grain_class : str
        "grain", "cluster" or "defect".
    pixels : int
    area : float
        In m².
    diameter : float
        Of a disc of the same area, in m.
    height : float
        Mean of the topography, NaN without.
    x, y : float
        Centre of mass, in m from the image's upper left pixel.
    at_edge : bool
        Whether it reaches the edge of the image.
    values : mapping of (quantity, pulse) to GrainValue
    """

    number: int
    grain_class: str
    pixels: int
    area: float
    diameter: float
    height: float
    x: float
    y: float
    at_edge: bool
    values: Mapping[tuple[str, int], GrainValue]


def table_of_grains(
    grains: Grains,
    boundaries: Boundaries,
    maps: xr.Dataset | None = None,
    *,
    topography: Array | None = None,
) -> list[GrainRow]:
    """Return a line for each grain.

    Parameters
    ----------
    maps : Dataset, optional
        H, tau and D are taken from it, for every pulse setting.
    topography : ndarray, shape (y, x), optional
        For the mean height.
    """
    labels = grains.labels
    if not (labels > 0).any():
        return []
    sources: dict[tuple[str, int], Array] = {}
    if maps is not None:
        for pulse in range(maps.sizes["pulse"]):
            sources |= {
                (name, pulse): limited_values(maps, name, pulse) for name in QUANTITIES if name in maps
            }
    for image in (*sources.values(), *(() if topography is None else (topography,))):
        _check_size(image, labels)
    edge, flat = touches_edge(labels), labels.ravel()
    order = np.argsort(flat, kind="stable")
    starts = np.flatnonzero(np.diff(flat[order], prepend=-1))
    classes = boundaries.classes.ravel()
    rows = []
    for part in np.split(order, starts[1:]):
        number = int(flat[part[0]])
        if number <= 0:
            continue
        down, across = np.unravel_index(part, labels.shape)
        area = part.size * grains.pixel_area
        inside = {
            key: _value(image.ravel()[part], classes[part]) for key, image in sources.items()
        }  # fmt: skip
        heights = np.zeros(0) if topography is None else topography.ravel()[part]
        heights = heights[np.isfinite(heights)]
        rows.append(
            GrainRow(
                number, grains.class_of(number), part.size, area, 2 * float(np.sqrt(area / np.pi)),
                float(heights.mean()) if heights.size else float("nan"),
                float(across.mean()) * grains.spacing[1], float(down.mean()) * grains.spacing[0],
                number in edge, inside,
            )
        )  # fmt: skip
    return rows


def shares_of_classes(boundaries: Boundaries) -> dict[str, float]:
    """Return which part of the image each class of pixels takes."""
    counts = np.bincount(boundaries.classes.ravel(), minlength=len(PIXEL_CLASSES))
    return {
        name: float(count) / boundaries.classes.size
        for name, count in zip(PIXEL_CLASSES, counts, strict=True)
    }


def default_bin_width(spacing: tuple[float, float]) -> float:
    """Return a round width of bins of about two pixels, in the unit of the spacing."""
    wanted = 2 * max(spacing)
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(
        next((step * power for step in (1, 2, 2.5, 5, 10) if step * power >= wanted * (1 - 1e-9)), wanted)
    )


def _value(values: Array, classes: NDArray[np.int8]) -> GrainValue:
    good = ~np.isnan(values)
    q25, median, q75 = quartiles(values)
    ratio = float("nan")
    parts: Sequence[Array] = [
        values[good & (classes == PIXEL_CLASSES.index(name))] for name in ("boundary", "interior")
    ]
    if all(part.size for part in parts):
        at, inside = (float(np.median(part)) for part in parts)
        ratio = at / inside if np.isfinite([at, inside]).all() and at * inside > 0 else float("nan")
    return GrainValue(int(np.isfinite(values).sum()), median, q25, q75, ratio)


def _check_size(values: Array, like: NDArray[np.integer]) -> None:
    if values.shape != like.shape:
        raise ValueError(
            f"the grains ({like.shape[1]} × {like.shape[0]} pixels) and the map "
            f"({values.shape[1]} × {values.shape[0]}) differ in size: grains must be found on the grid of the maps"
        )
