"""Series: one area scanned with pulses of several voltages (Fig. 6 of the t-ESM paper), or in several states."""

from napari_tesm.series.abscissa import VOLTAGE, Abscissa, voltage_text
from napari_tesm.series.alignment import AlignedSeries, Alignment, aligned_series
from napari_tesm.series.distributions import Distribution, Distributions, distributions_of_series
from napari_tesm.series.equality import Equality, equality_of_points
from napari_tesm.series.findings import SeriesFindings
from napari_tesm.series.members import Member, Series, images_of_pulses, series_from_results
from napari_tesm.series.points import PointCurve, point_curves
from napari_tesm.series.region_curves import RegionCurve, region_curves
from napari_tesm.series.repeats import Repeat, repeats_of_series
from napari_tesm.series.verdict_maps import counts_of_verdicts, noise_of_series, verdict_map
from napari_tesm.series.verdicts import VERDICT_MEANINGS, Noise, Verdicts, verdicts_from_values

__all__ = [
    "VERDICT_MEANINGS",
    "VOLTAGE",
    "Abscissa",
    "AlignedSeries",
    "Alignment",
    "Distribution",
    "Distributions",
    "Equality",
    "Member",
    "Noise",
    "PointCurve",
    "RegionCurve",
    "Repeat",
    "Series",
    "SeriesFindings",
    "Verdicts",
    "aligned_series",
    "counts_of_verdicts",
    "distributions_of_series",
    "equality_of_points",
    "images_of_pulses",
    "noise_of_series",
    "point_curves",
    "region_curves",
    "repeats_of_series",
    "series_from_results",
    "verdict_map",
    "verdicts_from_values",
    "voltage_text",
]
