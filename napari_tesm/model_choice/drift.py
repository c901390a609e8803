"""Whether a drift is in the traces beside diffusion, before a ratio of D2 and D1 is held against it.

Within one window a slow relaxation looks like a drift, so that exponentials cannot tell. Kernels of the whole record
can, where they describe the traces: a wrong one takes a drift for what it misses. They are asked only if with a drift,
or with a drift and a step, they leave no more over than the exponentials do.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import JOINT, map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import sample_of_traces
from napari_tesm.evaluation.leftovers import Leftovers, leftovers_of_fits
from napari_tesm.evaluation.levels import height_from_traces
from napari_tesm.evaluation.nuisance_tests import NuisanceTest, tests_of_nuisances
from napari_tesm.evaluation.recipe import DEFAULT_GEOMETRY
from napari_tesm.evaluation.rivals import CLEARLY, excess_of_variances, variances_of_traces
from napari_tesm.model_choice.null_curve import SOURCES
from napari_tesm.noise.correlation import NoiseModel

Array = NDArray[np.float64]

_TRACES: Final = 512
"""That are asked."""
_SIGNIFICANT: Final = 5.0
"""Standard deviations by which a drift must show in the map as a whole."""
_BESIDE: Final = ("drift", "drift,step")


@dataclass(frozen=True)
class DriftFinding:
    """What came of looking for a drift.

    Parameters
    ----------
    source : str
        Kernel beside which it was found, a key of `napari_tesm.model_choice.null_curve.SOURCES`; empty where none was.
    size : float
        Change over the record in parts of H.
    significance : float
        In standard deviations, in the map as a whole.
    """

    source: str = ""
    size: float = 0.0
    significance: float = 0.0


NO_DRIFT: Final = DriftFinding()


def drift_beside_diffusion(dataset: xr.Dataset, maps: xr.Dataset, pulse: int = 0) -> DriftFinding | None:
    """Return whether a drift is in the traces of a pulse setting; None where that cannot be tested.

    Parameters
    ----------
    dataset : Dataset
        What was fitted.
    maps : Dataset
        From `napari_tesm.evaluation.pipeline.run`.
    """
    try:
        evaluation = Evaluation.of_maps(dataset.isel(pulse=[pulse]), maps)
        joint = {source: _with_source(evaluation, source) for source in SOURCES}
    except ValueError:
        return None  # windows of their own, or a pulse that nobody knows
    traces = sample_of_traces(evaluation, 0, most=_TRACES)
    own = leftovers_of_fits(traces, evaluation)
    low_pass = evaluation.settings.kernel.low_pass
    heights = height_from_traces(traces, evaluation.time, evaluation.pulse, low_pass=low_pass)
    described: list[tuple[float, DriftFinding]] = []
    asked = False
    for source, whole in joint.items():
        for text in _BESIDE:
            beside = whole.updated(replace(whole.recipe, nuisance=text))
            left = leftovers_of_fits(traces, beside)
            noise = NoiseModel() if evaluation.recipe.noise == "white" else left.noise(beside)
            more, level = excess_of_variances(
                variances_of_traces(left, noise), variances_of_traces(own, noise)
            )
            if not np.isfinite(more):
                continue
            asked = True
            if more <= CLEARLY:
                test = tests_of_nuisances([left], [noise], beside)[0]
                described.append((level, DriftFinding(source, _size(left, heights, test), test.significance)))
                break
    if not asked:
        return None
    finding = min(described, key=lambda pair: pair[0])[1] if described else NO_DRIFT
    return finding if finding.significance > _SIGNIFICANT else NO_DRIFT


def _size(left: Leftovers, heights: Array, test: NuisanceTest) -> float:
    """Return the median in parts of H where most drift alike, else the root mean square in parts of the curve."""
    with np.errstate(invalid="ignore", divide="ignore"):
        common = abs(float(np.nanmedian(left.maps[map_name("drift", JOINT)] / heights)))
    return common if common > test.size / 2 else test.size


def _with_source(evaluation: Evaluation, source: str) -> Evaluation:
    recipe = replace(
        evaluation.recipe, kernel=source, geometry=DEFAULT_GEOMETRY, tau_bounds=None, nuisance=_BESIDE[0]
    )
    whole = evaluation.updated(recipe)
    _ = whole.settings
    return whole
