"""The fits of one place's traces, with the recipe of the moment: what the trace panel draws and says.

The numbers are those of a whole run: the same engine, windows and gates. The threshold of ``|H|`` needs the whole map;
it is taken from the last results where there are any.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_tesm.evaluation.fits import FittedWindow, fits_of_traces
from napari_tesm.evaluation.settings import Settings
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.scan import Scan, TraceSample

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PulseFit:
    """What the trace of one pulse setting at one place comes to; `height` is H, NaN without a pulse window."""

    pulse: int
    label: str
    height: float
    windows: dict[int, FittedWindow] = field(default_factory=dict)


class TraceFitter:
    """Fits traces of a scan as its evaluation of the moment says.

    Parameters
    ----------
    scan : Scan
    """

    def __init__(self, scan: Scan) -> None:
        self.scan = scan

    @property
    def problem(self) -> str:
        """Why nothing can be fitted, in a sentence; empty where it can."""
        try:
            _ = self.scan.evaluation.settings
        except ValueError as error:
            return sentence_for_forms(error)
        return ""

    @property
    def settings(self) -> Settings | None:
        """Windows and tip radius that hold now; None where `problem` says why there are none."""
        try:
            return self.scan.evaluation.settings
        except ValueError:
            return None

    @property
    def time(self) -> Array:
        """Sample times in s from the start of the pulse, as the recipe has it."""
        evaluated = self.scan.evaluated
        return np.zeros(0) if evaluated is None else np.asarray(evaluated["time"].values, dtype=np.float64)

    def fits_of(self, sample: TraceSample) -> list[PulseFit]:
        """Return the fits of a sample's mean traces, one for each pulse setting."""
        labels = self.scan.labels
        if self.settings is None:
            return [PulseFit(pulse, label, np.nan) for pulse, label in enumerate(labels)]
        thresholds = np.array([self._threshold(pulse) for pulse in range(len(labels))])
        fitted = fits_of_traces(sample.mean, self.scan.evaluation, thresholds=thresholds)
        return [
            PulseFit(pulse, label, trace.height, trace.windows)
            for pulse, (label, trace) in enumerate(zip(labels, fitted, strict=True))
        ]

    def _threshold(self, pulse: int) -> float:
        maps = self.scan.maps
        if maps is None or "threshold" not in maps.coords or pulse >= maps.sizes["pulse"]:
            return 0.0
        value = float(maps["threshold"].values[pulse])
        return value if np.isfinite(value) else 0.0
