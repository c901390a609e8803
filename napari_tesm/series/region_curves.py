"""Regions against the voltage, judged as points are.

What is shown is the mean of all pixels of a region and their standard deviation. Neighbouring pixels are alike, and a
test that took each for a measurement of its own would find everything significant: a region is therefore cut across its
longer side into strips of equally many pixels, as many as the square root of the number of independent pixels that are
left when the mean of each pixel and of each voltage is taken off, and the means of the strips are judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.regions.shapes import Region, mask_from_region
from napari_tesm.series.alignment import AlignedSeries, nearest_values
from napari_tesm.series.points import PointCurve, judged
from napari_tesm.series.verdict_maps import tested_values
from napari_tesm.statistics.independence import independent_samples

Array = NDArray[np.float64]

_MOST_STRIPS: Final = 12
_FEWEST_STRIPS: Final = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class RegionCurve(PointCurve):
    """A region of the sample against the voltage; `number` counts the regions from 1, x and y are its middle.

    Parameters
    ----------
    name : str
    pixels : int
        Pixels of the common grid that lie in it.
    strips : int
        Into how many parts it was cut for the tests; 0 where it is too small or its pixels are all alike.
    """

    name: str
    pixels: int
    strips: int

    @property
    def label(self) -> str:
        """What it is called."""
        return self.name

    @property
    def subject(self) -> str:
        """What is judged, within a sentence."""
        return f"region '{self.name}'"

    def _why_missing(self) -> str:
        if not self.pixels:
            return "no pixel of the series lies in it"
        if not self.strips:
            return f"its {self.pixels} pixels are alike, or have no common values, and leave nothing to test against"
        return f"fewer than two {self.abscissa.name}s have values in it"


def region_curves(aligned: AlignedSeries, regions: Sequence[Region], *, name: str = "H") -> list[RegionCurve]:
    """Return regions against the voltage; lines without a class are profiles and are left out.

    Parameters
    ----------
    aligned : AlignedSeries
    regions : sequence of Region
        On the grid of the reference.
    name : str
        A map of the series. Diffusion coefficients and time constants are tested by their logarithms.
    """
    series = aligned.series
    maps = [
        nearest_values(member.values(name), *aligned.places(index))
        for index, member in enumerate(series.members)
    ]
    grid = aligned.grid
    x, y = (np.asarray(grid[axis].values, dtype=np.float64) for axis in ("x", "y"))
    curves = []
    for number, region in enumerate(regions, start=1):
        if region.is_a_line_alone:
            continue
        mask = mask_from_region(region, x, y, spacing=aligned.spacing)
        values = np.stack([image[mask] for image in maps])
        tested = tested_values(values, name, series.sign)
        strips = _means_of_strips(tested, mask)
        middle = region.xy().mean(axis=0)
        curves.append(
            RegionCurve(
                number=number,
                x=float(middle[0]),
                y=float(middle[1]),
                colour="",
                quantity=name,
                unit=series.unit(name),
                voltages=series.voltages,
                values=values if values.size else np.full((len(maps), 1), np.nan),
                name=region.name or str(number),
                pixels=int(mask.sum()),
                strips=strips.shape[1] if np.isfinite(strips).any() else 0,
                abscissa=series.abscissa,
                **judged(strips, series.voltages, name, None, series.abscissa),
            )
        )
    return curves


def _means_of_strips(tested: Array, mask: NDArray[np.bool_]) -> Array:
    """Return the means of the strips of a region, shape (scan, strip); one of NaN where nothing can be tested.

    Parameters
    ----------
    tested : ndarray, shape (scan, pixel)
        Of the pixels of the mask, in its order.
    mask : ndarray of bool, shape (y, x)
    """
    scans = np.isfinite(tested).any(axis=1)
    nothing = np.full((tested.shape[0], 1), np.nan)
    if scans.sum() < 2:
        return nothing
    common = np.isfinite(tested[scans]).all(axis=0)
    if common.sum() < _FEWEST_STRIPS:
        return nothing
    values = tested[np.ix_(scans, common)]
    left = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    rows, columns = (places[common] for places in np.nonzero(mask))
    image, independent = np.full(mask.shape, np.nan), []
    for one in left:
        image[rows, columns] = one
        independent.append(independent_samples(image, np.isfinite(image))[0])
    count = min(int(np.sqrt(np.median(independent))), _MOST_STRIPS)
    if count < _FEWEST_STRIPS:
        return nothing
    places = np.column_stack([rows, columns]).astype(np.float64)
    places -= places.mean(axis=0)
    along = places @ np.linalg.svd(places, full_matrices=False)[2][0]
    parts = np.array_split(np.argsort(along, kind="stable"), count)
    means = np.full((tested.shape[0], count), np.nan)
    means[scans] = np.column_stack([values[:, part].mean(axis=1) for part in parts])
    return means
