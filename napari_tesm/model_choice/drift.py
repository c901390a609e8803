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
from napari_tesm.evaluation.nuisance_tests import NuisanceTest, tests_of_nuisances
from napari_tesm.evaluation.recipe import DEFAULT_GEOMETRY
from napari_tesm.model_choice.null_curve import SOURCES
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.errors import factors_from_tangents

Array = NDArray[np.float64]

_TRACES: Final = 512
"""That are asked."""
_FEWEST: Final = 24
_CLEARLY: Final = 3.0
"""Standard errors by which the noise must be larger for a kernel not to describe the traces. On traces of a flux or a
clamped tip at SNR 5 and 20 it is smaller, by more than 10 of them; on traces of two exponentials larger by more than 40
(576 traces, drift from −10 to 30 % of H)."""
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
    described: list[tuple[float, DriftFinding]] = []
    asked = False
    for source, whole in joint.items():
        for text in _BESIDE:
            beside = whole.updated(replace(whole.recipe, nuisance=text))
            left = leftovers_of_fits(traces, beside)
            noise = NoiseModel() if evaluation.recipe.noise == "white" else left.noise(beside)
            more, level = _comparison(_variances(left, noise), _variances(own, noise))
            if not np.isfinite(more):
                continue
            asked = True
            if more <= _CLEARLY:
                test = tests_of_nuisances([left], [noise], beside)[0]
                described.append((level, DriftFinding(source, _size(left, test), test.significance)))
                break
    if not asked:
        return None
    finding = min(described, key=lambda pair: pair[0])[1] if described else NO_DRIFT
    return finding if finding.significance > _SIGNIFICANT else NO_DRIFT


def _size(left: Leftovers, test: NuisanceTest) -> float:
    """Return the median in parts of H where most drift alike, else the root mean square in parts of the curve."""
    drift, height = left.maps[map_name("drift", JOINT)], left.maps["H"]
    with np.errstate(invalid="ignore", divide="ignore"):
        common = abs(float(np.nanmedian(drift / height)))
    return common if common > test.size / 2 else test.size


def _with_source(evaluation: Evaluation, source: str) -> Evaluation:
    recipe = replace(
        evaluation.recipe, kernel=source, geometry=DEFAULT_GEOMETRY, tau_bounds=None, nuisance=_BESIDE[0]
    )
    whole = evaluation.updated(recipe)
    _ = whole.settings
    return whole


def _variances(left: Leftovers, noise: NoiseModel) -> Array:
    """Return the variance of a sample of each trace, which the fits leave over in all windows, shape (n,)."""
    squares, degrees = np.zeros(()), np.zeros(())
    for window in left.windows:
        covariance = noise.covariance(window.times)
        remaining = np.full(len(window.residuals), np.nan)
        for cell, tangents in enumerate(window.tangents):
            factor = factors_from_tangents(tangents, covariance).variance
            remaining[window.cells.members == cell] = (len(tangents) - tangents.shape[1]) / factor
        squares = squares + np.vecdot(window.residuals, window.residuals)
        degrees = degrees + remaining
    return np.asarray(squares / degrees)


def _comparison(of_whole: Array, of_windows: Array) -> tuple[float, float]:
    """Return by how many standard errors fits of the whole record leave more over, and by what part."""
    with np.errstate(invalid="ignore"):
        more = of_whole / np.nanmedian(of_windows) - of_windows / np.nanmedian(of_windows)
    ordered = np.sort(more[np.isfinite(more)])
    if ordered.size < _FEWEST:
        return float("nan"), float("nan")
    cut = ordered.size // 20
    kept = ordered[cut : ordered.size - cut]
    mean, error = float(kept.mean()), float(kept.std(ddof=1) / np.sqrt(kept.size))
    return mean / error if error > 0 else float(np.sign(mean) * np.inf), mean
