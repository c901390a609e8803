"""Grains: found in an image or taken from labels, their boundaries, and what maps come to in both."""

from napari_tesm.grains.boundaries import (
    Boundaries,
    boundaries_from_grains,
    default_band_width,
    overrides_from_regions,
)
from napari_tesm.grains.defects import DefectCandidate, defect_candidates
from napari_tesm.grains.labels import Grains, grains_from_labels
from napari_tesm.grains.measures import (
    DistanceBins,
    GrainMeasure,
    GrainRow,
    curve_from_boundary,
    measures_at_boundaries,
    table_of_grains,
)
from napari_tesm.grains.segmentation import GrainSettings, grains_from_image

__all__ = [
    "Boundaries",
    "DefectCandidate",
    "DistanceBins",
    "GrainMeasure",
    "GrainRow",
    "GrainSettings",
    "Grains",
    "boundaries_from_grains",
    "curve_from_boundary",
    "default_band_width",
    "defect_candidates",
    "grains_from_image",
    "grains_from_labels",
    "measures_at_boundaries",
    "overrides_from_regions",
    "table_of_grains",
]
