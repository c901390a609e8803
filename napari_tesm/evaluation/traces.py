"""What traces come to as they stand: H and the fits of every window, before any gate."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.displacement import displacement_from_traces, response_probability
from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.fitting import fit_traces

Maps = dict[str, NDArray[Any]]

FITTED: Final = ("tau", "tau_stderr", "a", "a_stderr", "c", "c_stderr", "r2", "rms")
"""What a fit gives that becomes maps."""
LIMITS: Final = ("tau_lower", "tau_upper")


def maps_from_traces(traces: NDArray[np.floating], evaluation: Evaluation) -> Maps:
    """Return H and the fits of every window, by the names of maps, before any gate.

    Parameters
    ----------
    traces : ndarray, shape (n, time)

    Returns
    -------
    dict of str to ndarray, shape (n,)
        Beside the maps of numbers ``status`` as the fit has it, and the number of ``samples``.
    """
    settings, recipe, time = evaluation.settings, evaluation.recipe, evaluation.time
    maps: Maps = {}
    if settings.pulse is not None:
        maps["H"] = displacement_from_traces(traces, time, settings.pulse)
    for number in settings.windows:
        inside = settings.samples(number, time)
        data, times = traces[:, inside], time[inside]
        fitted = fit_traces(data, times, **settings.fit_options(number, times, recipe))
        for quantity in (*FITTED, *fitted.extra, "status", "samples"):
            maps[map_name(quantity, number)] = fitted.values(quantity)
        nuisances = settings.nuisance_columns(number, times)
        free = fitted.samples - (0 if nuisances is None else len(nuisances.names))
        maps[map_name("p", number)] = response_probability(
            fitted.r2, free, parameters=settings.kernel.parameters
        )
        maps[map_name("inflation", number)] = np.ones(len(traces))
        if recipe.intervals:
            maps |= {map_name(name, number): np.full(len(traces), np.nan) for name in LIMITS}
    return maps
