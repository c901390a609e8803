"""How a quantity goes away from a step: is it highest on the step, where is it lowest, does it rise again.

The t-ESM paper describes D2 so: largest on the step, a minimum beside it, then a slight rise. Here each of these is
said with a rank test that counts independent pixels, and how thick the step is.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.quantities.text import text_from_quantity, text_with_error
from napari_tesm.regions.measures import comparison_of_masks
from napari_tesm.regions.profile import Profile, profile_along
from napari_tesm.regions.shapes import (
    DistanceCurve,
    Region,
    curve_from_distance,
    distance_from_path,
    mask_from_region,
)
from napari_tesm.regions.widths import StepWidth, width_from_profile
from napari_tesm.statistics.ranks import Comparison

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_FEWEST: Final = 12
"""Pixels that a zone, or a bin that may be the peak, must have."""
_ZONES: Final = ("near", "middle", "far")
_LEVEL: Final = 0.05
_LARGEST_ERROR: Final = 0.5
"""A width that is not known to this part of itself is none."""
_KINDS: Final[tuple[Literal["auto", "ridge", "edge"], ...]] = ("auto", "ridge", "edge")


@dataclass(frozen=True)
class Zone:
    """Pixels between two distances from the step, on one side of it.

    Parameters
    ----------
    name : {"near", "middle", "far"}
    start, stop : float
        Distances, in the lateral unit, positive on either side.
    median : float
    n : int
    """

    name: str
    start: float
    stop: float
    median: float
    n: int


@dataclass(frozen=True)
class SideCourse:
    """How a quantity goes on one side of a step.

    Parameters
    ----------
    side : {-1, 1}
        1 for positive distances.
    zones : tuple of Zone
        Thirds of the way out, those with too few pixels left out.
    lowest : int
        Index of the zone with the lowest median.
    fall : Comparison
        The step against the lowest zone.
    rise : Comparison, optional
        The farthest zone against the lowest one; None where the farthest is the lowest.
    """

    side: int
    zones: tuple[Zone, ...]
    lowest: int
    fall: Comparison
    rise: Comparison | None

    @property
    def p_of_fall(self) -> float:
        """Of the rank test, multiplied by the number of zones that the lowest was chosen from (Bonferroni)."""
        return min(1.0, self.fall.p_value * len(self.zones))

    @property
    def p_of_rise(self) -> float:
        """Of the rank test, multiplied likewise; 1 where there is no rise to test."""
        return 1.0 if self.rise is None else min(1.0, self.rise.p_value * max(len(self.zones) - 1, 1))

    @property
    def falls(self) -> bool:
        """Whether the quantity is lower beside the step, at the level of 5 %."""
        return self.fall.ratio > 1 and self.p_of_fall < _LEVEL

    @property
    def rises_again(self) -> bool:
        """Whether it is higher in the farthest zone than in the lowest one, at the level of 5 %."""
        return self.rise is not None and self.rise.ratio > 1 and self.p_of_rise < _LEVEL


@dataclass(frozen=True)
class StepCourse:
    """How a quantity goes across a step.

    Parameters
    ----------
    curve : DistanceCurve
        Median and more in bins of the signed distance.
    half_width : float
        Pixels nearer than this are the step.
    median : float
        On the step.
    n : int
        Pixels on the step.
    peak : float
        Distance of the bin with the highest median, signed.
    sides : tuple of SideCourse
    """

    curve: DistanceCurve
    half_width: float
    median: float
    n: int
    peak: float
    sides: tuple[SideCourse, ...]

    @property
    def peaks_on_step(self) -> bool:
        """Whether the highest bin lies on the step, to one bin."""
        width = (
            float(self.curve.distance[1] - self.curve.distance[0]) if self.curve.distance.size > 1 else 0.0
        )
        return abs(self.peak) <= self.half_width + width

    def sentences_about(self, quantity: str, unit: str, lateral_unit: str) -> Iterator[str]:
        """Yield what is found, in words and numbers."""

        def length(value: float) -> str:
            return text_from_quantity(value, lateral_unit, digits=3)

        def size(value: float) -> str:
            return text_with_error(float(f"{value:.3g}"), math.nan, unit)

        where = (
            "on the step" if self.peaks_on_step else f"not on the step but {length(abs(self.peak))} from it"
        )
        yield (
            f"{quantity} is highest {where}, where its median is {size(self.median)} (n = {self.n} pixels within "
            f"{length(self.half_width)})."
        )
        for course in self.sides:
            lowest = course.zones[course.lowest]
            side = "positive" if course.side > 0 else "negative"
            verdict = "falls to" if course.falls else "does not fall significantly: its lowest is"
            text = (
                f"On the side of {side} distances it {verdict} {size(lowest.median)} between "
                f"{length(lowest.start)} and {length(lowest.stop)} (n = {lowest.n}; step over this "
                f"{course.fall.ratio:.2f}, rank test {_p_in_words(course.p_of_fall)})"
            )
            if course.rise is None:
                yield f"{text}; it does not rise again within the image."
                continue
            far = course.zones[-1]
            again = (
                "rises again to" if course.rises_again else "does not rise again significantly: it comes to"
            )
            yield (
                f"{text} and {again} {size(far.median)} beyond {length(far.start)} (n = {far.n}; ratio "
                f"{course.rise.ratio:.2f}, {_p_in_words(course.p_of_rise)})."
            )


def course_across_step(
    values: Array,
    step: Region,
    x: Array,
    y: Array,
    *,
    others: Sequence[Region] = (),
    spacing: tuple[float, float] | None = None,
) -> StepCourse | None:
    """Return how a positive quantity goes with the signed distance from a step.

    Parameters
    ----------
    values : ndarray, shape (y, x)
        NaN where there is no value.
    step : Region
        A line or path with its width; of an area its long axis and its short one.
    x, y : ndarray
        Pixel centres, in the unit of the step's vertices.
    others : sequence of Region
        Other steps: pixels that are nearer to one of them, or on it, are left out.
    spacing : (float, float), optional
        Pixel size (dy, dx).

    Returns
    -------
    StepCourse or None
        None where the step, or what is beside it, has fewer than twelve values.

    Notes
    -----
    Each side is cut into thirds of the distance that 95 % of its pixels keep to. The lowest third is chosen by its
    median; p-values are multiplied by the number of thirds it was chosen from (Bonferroni).
    """
    numbers = np.array(values, dtype=np.float64)
    line, width = centre_line(step)
    dy, dx = spacing or (axis_spacing(y), axis_spacing(x))
    half = max(width / 2, max(dx, dy) / 2)
    distance, _ = distance_from_path(line, x, y)
    numbers[~pixels_of_step(step, others, x, y, spacing=(dy, dx))] = np.nan
    present = np.isfinite(numbers)
    on_step = np.abs(distance) <= half * (1 + 1e-9)
    if (on_step & present).sum() < _FEWEST or (~on_step & present).sum() < _FEWEST:
        return None
    curve = curve_from_distance(numbers, distance, max(dx, dy))
    enough = np.where(curve.n >= _FEWEST, curve.median, -np.inf)
    sides = tuple(
        course
        for side in (-1, 1)
        if (course := _side_course(numbers, distance * side, on_step, half, side)) is not None
    )
    inside = numbers[on_step & present]
    return StepCourse(
        curve,
        half,
        float(np.median(inside)),
        int(inside.size),
        float(curve.distance[int(np.argmax(enough))]),
        sides,
    )


def pixels_of_step(
    step: Region, others: Sequence[Region], x: Array, y: Array, *, spacing: tuple[float, float]
) -> Mask:
    """Return which pixels are nearer to a step than to any other one and on no other one, shape (y, x)."""
    line, _ = centre_line(step)
    distance = np.abs(distance_from_path(line, x, y)[0])
    own = np.ones(distance.shape, dtype=bool)
    for other in others:
        own &= distance <= np.abs(distance_from_path(centre_line(other)[0], x, y)[0])
        own &= ~mask_from_region(other, x, y, spacing=spacing)
    return own


def _side_course(numbers: Array, distance: Array, on_step: Mask, half: float, side: int) -> SideCourse | None:
    there = (distance > half) & np.isfinite(numbers) & ~on_step
    if there.sum() < _FEWEST * len(_ZONES):
        return None
    reach = float(np.percentile(distance[there], 95))
    edges = np.linspace(half, reach, len(_ZONES) + 1)
    zones: list[tuple[Zone, Mask]] = []
    for name, (start, stop) in zip(_ZONES, pairwise(edges), strict=True):
        mask = there & (distance > start) & (distance <= stop)
        if mask.sum() >= _FEWEST:
            median = float(np.median(numbers[mask]))
            zones.append((Zone(name, float(start), float(stop), median, int(mask.sum())), mask))
    if not zones:
        return None
    lowest = int(np.argmin([zone.median for zone, _ in zones]))
    names = ("the step", "beside it")
    fall = comparison_of_masks(numbers, on_step, zones[lowest][1], names, many_decades=True)
    rise = None
    if lowest < len(zones) - 1:
        rise = comparison_of_masks(
            numbers, zones[-1][1], zones[lowest][1], ("far away", "beside the step"), many_decades=True
        )
    return SideCourse(side, tuple(zone for zone, _ in zones), lowest, fall, rise)


def centre_line(step: Region) -> tuple[Array, float]:
    """Return the line along a step, shape (vertex, 2), and its full width; of an area its long axis and short one."""
    vertices = step.xy()
    if step.is_line:
        return vertices, step.width
    centre = vertices.mean(axis=0)
    _, _, axes = np.linalg.svd(vertices - centre)
    along, across = ((vertices - centre) @ axis for axis in axes)
    return np.array([centre + along.min() * axes[0], centre + along.max() * axes[0]]), float(np.ptp(across))


def line_across_step(step: Region, reach: float) -> tuple[Array, float]:
    """Return a line at a right angle through the middle of a step, shape (2, 2), and the width to average over.

    Parameters
    ----------
    step : Region
    reach : float
        How far it goes to either side.
    """
    vertices, _ = centre_line(step)
    lengths = np.hypot(*np.diff(vertices, axis=0).T)
    travelled = np.concatenate([[0.0], np.cumsum(lengths)])
    total = float(travelled[-1])

    def place(at: float) -> Array:
        return np.array([np.interp(at, travelled, vertices[:, axis]) for axis in (0, 1)])

    ahead = place(0.6 * total) - place(0.4 * total)
    normal = np.array([-ahead[1], ahead[0]]) / (float(np.hypot(*ahead)) or 1.0)
    middle = place(0.5 * total)
    return np.array([middle - reach * normal, middle + reach * normal]), 0.2 * total


def thickness_of_step(
    values: Array,
    step: Region,
    x: Array,
    y: Array,
    *,
    others: Sequence[Region] = (),
    spacing: tuple[float, float],
) -> tuple[Profile, StepWidth | None]:
    """Return the mean profile of a map across the middle of a step, and the width of the step in it.

    Parameters
    ----------
    values : ndarray, shape (y, x)
    step : Region
    x, y : ndarray
    others : sequence of Region
        Other steps: the profile stops half-way to the next one, and before it.
    spacing : (float, float)
        Pixel size (dy, dx).

    Returns
    -------
    profile : Profile
        Thrice the width and six pixels to either side at most.
    width : StepWidth or None
        None where nothing stands out with its middle on the step, or its error is as large as half of it.

    Raises
    ------
    ValueError
        If the step has no length.
    """
    _, width = centre_line(step)
    reach = 3 * width + 6 * max(spacing)
    middle = line_across_step(step, reach)[0].mean(axis=0)
    for other in others:
        line, thickness = centre_line(other)
        away = float(np.abs(distance_from_path(line, middle[:1], middle[1:])[0]).item())
        reach = min(reach, max(away / 2, away - thickness, width / 2 + 3 * max(spacing)))
    across, along = line_across_step(step, reach)
    profile = profile_along(values, across, x, y, width=along, spacing=spacing)
    for kind in _KINDS:
        step_width = width_from_profile(profile, kind=kind)
        if step_width is None:
            continue
        # What lies beside the step is not the step, however well it stands out, and however wide it is.
        away = abs(step_width.centre - reach)
        if away <= max(width / 2, step_width.fwhm / 4) + max(spacing):
            if step_width.error < _LARGEST_ERROR * step_width.fwhm:
                return profile, step_width
        elif step_width.kind == "ridge" and away <= step_width.fwhm:
            # The step is a side of that strip: an edge, which is looked at without the strip's other side.
            nearer, along = line_across_step(step, away)
            side = profile_along(values, nearer, x, y, width=along, spacing=spacing)
            edge = width_from_profile(side, kind="edge")
            if edge is not None and abs(edge.centre - away) <= max(width / 2, edge.fwhm / 4) + max(spacing):
                return (side, edge) if edge.error < _LARGEST_ERROR * edge.fwhm else (profile, None)
    return profile, None


def _p_in_words(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
