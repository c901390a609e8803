"""What maps come to in the parts of an image: regions, classes, masks, and the rest; one part against another.

Pure functions of masks and maps; where regions and masks come from is not known here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import MAP_KINDS, labels_from_maps, limited_values
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.regions.shapes import LINE_KINDS, Region, mask_from_region
from napari_tesm.statistics.description import (
    Description,
    description_from_values,
    sentence_about_limits,
    values_on_scale,
)
from napari_tesm.statistics.independence import independent_samples
from napari_tesm.statistics.ranks import Comparison, comparison_from_values

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Progress = Callable[[float, str], None]

PartKind = Literal["region", "class", "masked", "unmasked", "outside", "image"]

QUANTITIES: Final = ("H", "tau1", "D1", "tau2", "D2", "tau", "D", "D_lateral")
"""Maps that are measured in regions, in this order."""
_PLURALS: Final = {"step": "all steps", "grain": "all grains", "other": "all others"}
_OUTSIDE_IMAGE: Final = "lies outside the image"
_NO_PIXEL: Final = "holds no pixel"


@dataclass(frozen=True, eq=False)
class Part:
    """Some pixels of an image.

    Parameters
    ----------
    part : {"region", "class", "masked", "unmasked", "outside", "image"}
        A region, all regions of a class, the pixels under a mask and the others, the pixels in no region and under no
        mask, or all of them.
    name : str
    region_class, shape : str
        Class and kind of a region (line, polygon …); the class of a class; else empty.
    mask : ndarray of bool, shape (y, x)
    members : int
        Regions of a class; 1 for anything else.
    note : str
        Why there is nothing to measure, after the name: ``"lies outside the image"``. Empty where there is.
    """

    part: PartKind
    name: str
    mask: Mask
    region_class: str = ""
    shape: str = ""
    members: int = 1
    note: str = ""

    @property
    def pixels(self) -> int:
        """How many pixels there are."""
        return int(self.mask.sum())


@dataclass(frozen=True)
class Measured:
    """A quantity of one pulse setting.

    Parameters
    ----------
    quantity : str
        ``"D2"``, or the title of a channel.
    label : str
        What tells the pulse settings apart, ``"(-3 V)"``; empty for a channel.
    unit : str
        SI unit.
    pulse : int or None
        Index of the pulse setting; None for a channel.
    """

    quantity: str
    label: str
    unit: str
    pulse: int | None

    @property
    def title(self) -> str:
        """What is measured, ``D2 (-3 V)``."""
        kind = MAP_KINDS.get(self.quantity)
        return f"{self.quantity if kind is None else kind.title} {self.label}".rstrip()


@dataclass(frozen=True)
class Measure(Measured):
    """A quantity measured in the parts of an image.

    Parameters
    ----------
    values : tuple of Description
        One for each part.
    comparisons : tuple of Comparison
    problems : tuple of str
        In a sentence each: what could not be compared.
    """

    values: tuple[Description, ...]
    comparisons: tuple[Comparison, ...]
    problems: tuple[str, ...]


def parts_of_image(
    regions: Sequence[Region],
    masks: Mapping[str, tuple[Mask, Mask]],
    x: Array,
    y: Array,
    *,
    spacing: tuple[float, float] | None = None,
) -> list[Part]:
    """Return the parts of an image: each region, each class, each mask and its complement, and the rest.

    Without a region and mask the whole image is the only part.

    Parameters
    ----------
    regions : sequence of Region
    masks : mapping of str to (ndarray, ndarray) of bool, each of shape (y, x)
        For each name the pixels under the mask, and those that are not.
    x, y : ndarray
        Pixel centres, in the unit of the regions' vertices.
    spacing : (float, float), optional
        Pixel size (dy, dx); needed where there is a single row or column.
    """
    shape = (y.size, x.size)
    steps = spacing or (axis_spacing(y), axis_spacing(x))
    parts = []
    for number, region in enumerate(regions, start=1):
        inside = mask_from_region(region, x, y, spacing=steps)
        name = region.name or f"region {number}"
        note = "" if inside.any() else _reason_for_no_pixel(region, x, y, steps)
        parts.append(Part("region", name, inside, region.region_class, region.kind, note=note))
    for name in dict.fromkeys(region.region_class for region in regions if region.region_class):
        members = [part.mask for part in parts if part.part == "region" and part.region_class == name]
        union = np.logical_or.reduce(members)
        title = title_of_class(name, len(members))
        parts.append(Part("class", title, union, name, members=len(members), note=_note_of(union)))
    for name, (under, beside) in masks.items():
        parts.append(Part("masked", f"under {name}", under, note=_note_of(under)))
        parts.append(Part("unmasked", f"not under {name}", beside, note=_note_of(beside)))
    taken = np.zeros(shape, dtype=bool)
    for part in parts:
        if part.part in ("region", "masked"):
            taken |= part.mask
    if not parts:
        return [Part("image", "whole image", np.ones(shape, dtype=bool))]
    if regions or len(masks) != 1:  # the pixels beside a single mask are there already
        parts.append(Part("outside", "outside of all", ~taken, note=_note_of(~taken)))
    return parts


def title_of_class(name: str, count: int) -> str:
    """Return what all regions of a class are called.

    Examples
    --------
    >>> title_of_class("step", 2)
    'all steps (2)'
    """
    return f"{_PLURALS.get(name, f'all {name}')} ({count})"


def measures_from_maps(
    maps: xr.Dataset, parts: Sequence[Part], *, progress: Progress | None = None
) -> list[Measure]:
    """Return what every known quantity of every pulse setting comes to in the parts of an image.

    Parameters
    ----------
    maps : Dataset
        From `napari_tesm.evaluation.pipeline.run`, or read from a file.
    parts : sequence of Part
        From `parts_of_image`, of the maps' grid.
    progress : callable, optional
        Called with the fraction done and a few words.

    Raises
    ------
    ValueError
        If a part and the maps differ in size.
    """
    names = [name for name in QUANTITIES if name in maps]
    labels = labels_from_maps(maps)
    steps = [(pulse, name) for pulse in range(len(labels)) for name in names]
    measures = []
    for done, (pulse, name) in enumerate(steps):
        if progress is not None:
            progress(done / len(steps), "comparing")
        unit = str(maps[name].attrs.get("units", ""))
        measures.append(
            measure_from_map(
                limited_values(maps, name, pulse),
                parts,
                name,
                unit,
                labels[pulse],
                pulse,
                many_decades=name != "H",
            )
        )
    return measures


def measure_from_map(
    values: Array,
    parts: Sequence[Part],
    quantity: str,
    unit: str,
    label: str = "",
    pulse: int | None = None,
    *,
    many_decades: bool = False,
) -> Measure:
    """Return what one map, of shape (y, x), comes to in the parts of its image.

    Steps are compared with grains, or all regions with what is outside; what is under a mask with what is not.
    """
    if any(part.mask.shape != values.shape for part in parts):
        raise ValueError("the regions and the map differ in size")
    comparisons: list[Comparison] = []
    problems: list[str] = []
    # A damaged file may hold numbers whose squares are none; what comes of them is no number either.
    with np.errstate(over="ignore", invalid="ignore"):
        described = tuple(description_from_values(values[part.mask]) for part in parts)
        problems += [
            f"{part.name}: {sentence}"
            for part, sample in zip(parts, described, strict=True)
            if (sentence := sentence_about_limits(sample))
        ]
        for first, second, names in _pairs(parts):
            try:
                comparisons.append(
                    comparison_of_masks(values, first, second, names, many_decades=many_decades)
                )
            except ValueError as error:
                problems.append(f"{' and '.join(names)} cannot be compared: {error}")
    return Measure(quantity, label, unit, pulse, described, tuple(comparisons), tuple(problems))


def comparison_of_steps(values: Array, masks: Mapping[str, Mask], *, many_decades: bool) -> Comparison:
    """Compare steps with grains, or with all the rest of the image where there is no grain.

    Parameters
    ----------
    values : ndarray, shape (y, x)
    masks : mapping of str to ndarray
        Pixels of each class of regions; there must be ``"step"``.
    many_decades : bool
        Whether it is on a logarithmic scale that the values are symmetric.

    Raises
    ------
    ValueError
        If one side has fewer than two values.
    """
    first, second, names = _steps_and_others(masks)
    return comparison_of_masks(values, first, second, names, many_decades=many_decades)


def comparison_of_masks(
    values: Array,
    first: Mask,
    second: Mask,
    names: tuple[str, str],
    *,
    many_decades: bool,
    apart: bool = True,
) -> Comparison:
    """Compare a map's values under one mask with those under another; raises as `comparison_of_steps`.

    Whether patches of a mask stand `apart` is said in `napari_tesm.statistics.independence.independent_samples`.
    """
    # The test goes by ranks; how alike neighbours are is told better on the scale on which they are symmetric.
    scaled = values_on_scale(values, "log" if many_decades else "linear")
    n_first, n_second = independent_samples(scaled, first, second, apart=apart)
    return comparison_from_values(values[first], values[second], names=names, independent=(n_first, n_second))


def _steps_and_others(masks: Mapping[str, Mask]) -> tuple[Mask, Mask, tuple[str, str]]:
    steps = masks["step"]
    if "grain" in masks:
        return steps, masks["grain"] & ~steps, ("step", "grain")
    return steps, ~steps, ("step", "the rest of the image")


def _pairs(parts: Sequence[Part]) -> list[tuple[Mask, Mask, tuple[str, str]]]:
    """Return which pixels are held against which others, and what the two are called."""
    pairs = []
    classes = {part.region_class: part.mask for part in parts if part.part == "class"}
    if "step" in classes:
        pairs.append(_steps_and_others(classes))
    # A line that nobody has classed was drawn for its profile.
    elif regions := [
        part
        for part in parts
        if part.part == "region" and (part.region_class or part.shape not in LINE_KINDS)
    ]:
        inside = np.logical_or.reduce([part.mask for part in regions])
        name = regions[0].name if len(regions) == 1 else "the regions"
        pairs.append((inside, ~inside, (name, "the rest of the image")))
    for under, beside in pairwise(parts):
        if under.part == "masked":
            pairs.append((under.mask, beside.mask, (under.name, beside.name)))
    return pairs


def _note_of(mask: Mask) -> str:
    return "" if mask.any() else _NO_PIXEL


def _reason_for_no_pixel(region: Region, x: Array, y: Array, spacing: tuple[float, float]) -> str:
    dy, dx = spacing
    low, high = region.xy().min(axis=0) - region.width / 2, region.xy().max(axis=0) + region.width / 2
    beside = high[0] < x[0] - dx / 2 or low[0] > x[-1] + dx / 2
    if beside or high[1] < y[0] - dy / 2 or low[1] > y[-1] + dy / 2:
        return _OUTSIDE_IMAGE
    return _NO_PIXEL
