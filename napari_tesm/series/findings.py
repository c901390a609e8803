"""What a series comes to, computed when it is asked for and once: report and window show the same numbers."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import xarray as xr

from napari_tesm.regions.shapes import PinnedPoint, Region
from napari_tesm.series.alignment import AlignedSeries
from napari_tesm.series.distributions import Distributions, distributions_of_series
from napari_tesm.series.members import QUANTITIES
from napari_tesm.series.points import PointCurve, point_curves
from napari_tesm.series.region_curves import RegionCurve, region_curves
from napari_tesm.series.repeats import Repeat, repeats_of_series
from napari_tesm.series.verdict_maps import noise_of_series, verdict_map
from napari_tesm.series.verdicts import Noise


class SeriesFindings:
    """A series on one grid and everything that is found in it.

    Parameters
    ----------
    aligned : AlignedSeries
    """

    def __init__(self, aligned: AlignedSeries) -> None:
        self.aligned = aligned
        self._noise: dict[str, Noise] = {}

    def noise(self, name: str = "H") -> Noise:
        """Return how much a map scatters from pixel to pixel."""
        if name not in self._noise:
            self._noise[name] = noise_of_series(self.aligned, name=name)
        return self._noise[name]

    @cached_property
    def verdicts(self) -> xr.Dataset:
        """The verdict of every pixel on H."""
        return verdict_map(self.aligned, noise=self.noise())

    @cached_property
    def distributions(self) -> Distributions:
        """Histograms of H for each voltage."""
        return distributions_of_series(self.aligned.series)

    @cached_property
    def repeats(self) -> list[Repeat]:
        """Voltages that were scanned twice."""
        return repeats_of_series(self.aligned)

    @cached_property
    def quantities(self) -> list[str]:
        """Maps that two scans or more have a value of."""
        members = self.aligned.series.members
        return [
            name
            for name in QUANTITIES
            if sum(bool(np.isfinite(member.values(name)).any()) for member in members) > 1
        ]

    def points(self, points: Sequence[PinnedPoint], name: str = "H") -> list[PointCurve]:
        """Return points of the reference against the voltage."""
        return point_curves(self.aligned, points, name=name, noise=self.noise(name))

    def regions(self, regions: Sequence[Region], name: str = "H") -> list[RegionCurve]:
        """Return regions of the reference against the voltage."""
        return region_curves(self.aligned, regions, name=name)
