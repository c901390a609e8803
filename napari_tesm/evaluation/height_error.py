"""The standard error of H: of the difference of two means, under the noise as it is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.displacement import samples_for_displacement
from napari_tesm.data.maps import map_name
from napari_tesm.data.protocol import Window
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.errors import factors_from_tangents

Array = NDArray[np.float64]
Maps = dict[str, NDArray[Any]]


def weights_of_displacement(time: Array, pulse: Window) -> Array:
    """Return by what the samples of a trace are multiplied to give H, shape (time,)."""
    weights = np.zeros(time.size)
    before, at_end = samples_for_displacement(time, pulse)
    weights[at_end] = 1 / (at_end.stop - at_end.start)
    weights[before] -= 1 / (before.stop - before.start)
    return weights


def factor_of_displacement(evaluation: Evaluation, noise: NoiseModel) -> float:
    r"""Return the standard error of H, in parts of the standard deviation that the residuals of a fit show.

    With the weights w of `weights_of_displacement`, the correlation R of the noise and the variance σ² of a sample the
    error is :math:`\sigma\sqrt{w^TRw}`. Of slow noise a fit leaves less than of white noise, and σ² is larger than the
    residuals say (`napari_tesm.noise.errors`).

    Parameters
    ----------
    noise : NoiseModel
        Of one pulse setting.
    """
    settings, time = evaluation.settings, evaluation.time
    assert settings.pulse is not None
    weights = weights_of_displacement(time, settings.pulse)
    used = np.flatnonzero(weights)
    if noise.is_white:
        return float(np.linalg.norm(weights))
    number = min(settings.windows)
    times = time[settings.samples(number, time)]
    # What a smooth curve of so many parameters takes out, whichever it is: a polynomial's share.
    smooth = np.vander(np.linspace(-1, 1, times.size), settings.kernel.parameters)
    nuisances = settings.nuisance_columns(number, times)
    if nuisances is not None:
        smooth = np.column_stack([smooth, nuisances.columns])
    growth = factors_from_tangents(smooth, noise.covariance(times)).variance
    return float(np.sqrt(growth * (weights[used] @ noise.covariance(time[used]) @ weights[used])))


def error_of_displacement(maps: Maps, evaluation: Evaluation, factor: float) -> Array:
    """Return the standard error of H of pixels of one pulse setting, in the unit of H; NaN where there is no fit.

    Parameters
    ----------
    maps : dict of str to ndarray, shape (...)
        From `napari_tesm.evaluation.traces.maps_from_traces`.
    factor : float
        From `factor_of_displacement`.
    """
    settings = evaluation.settings
    number = min(settings.windows)
    rms, samples = (maps[map_name(name, number)] for name in ("rms", "samples"))
    nuisances = settings.nuisance_columns(number, evaluation.time[settings.samples(number, evaluation.time)])
    parameters = settings.kernel.parameters + (0 if nuisances is None else len(nuisances.names))
    with np.errstate(invalid="ignore"):
        return np.asarray(rms * np.sqrt(samples / np.maximum(samples - parameters, 1)) * factor)
