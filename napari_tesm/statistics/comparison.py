"""One region against another, and one map against another, where neighbouring pixels are no independent values."""

from napari_tesm.statistics.independence import correlation_area, independent_samples
from napari_tesm.statistics.modes import Patchwork, mode_from_map, patchwork_from_map
from napari_tesm.statistics.ranks import Comparison, comparison_from_values, p_in_words
from napari_tesm.statistics.ratios import (
    PairedRatio,
    SignalRatio,
    interval_of_median,
    paired_ratio,
    paired_ratio_from_maps,
    signal_ratio,
)

__all__ = [
    "Comparison",
    "PairedRatio",
    "Patchwork",
    "SignalRatio",
    "comparison_from_values",
    "correlation_area",
    "independent_samples",
    "interval_of_median",
    "mode_from_map",
    "p_in_words",
    "paired_ratio",
    "paired_ratio_from_maps",
    "patchwork_from_map",
    "signal_ratio",
]
