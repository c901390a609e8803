"""What traces come to as they stand: H and the fits of every window, before any gate."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.displacement import (
    displacement_from_samples,
    noise_from_traces,
    response_probability,
    samples_for_displacement,
)
from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.levels import has_samples_before, height_above_levels, levels_of_traces
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.settings import Settings
from napari_tesm.fitting import FitResult, fit_traces
from napari_tesm.fitting.inputs import rows_of_traces

Array = NDArray[np.float64]
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
        Beside the maps of numbers ``status`` as the fit has it, the number of ``samples``, and what the error of an H
        depends on whose level was fitted (`napari_tesm.evaluation.levels.Levels`).
    """
    settings, time = evaluation.settings, evaluation.time
    if settings.pulse is None:
        return _fits(traces, evaluation)[0]
    if has_samples_before(time, settings.pulse):
        samples = (rows_of_traces(traces[:, some]) for some in samples_for_displacement(time, settings.pulse))
        return {"H": displacement_from_samples(*samples)} | _fits(traces, evaluation)[0]
    # What was recorded in the pulse is looked at more than once; the fits turn and convert the rest in the cache.
    rows = rows_of_traces(traces[:, settings.pulse.samples(time)])
    maps, of_pulse = _fits(traces, evaluation, rows)
    return _heights_above_levels(rows, settings, time, of_pulse) | maps


def fits_from_traces(traces: NDArray[np.floating], evaluation: Evaluation) -> Maps:
    """Return the same without H and what belongs to it, which take as long as the fits where a level is fitted."""
    return _fits(traces, evaluation)[0]


def _fits(
    traces: NDArray[np.floating], evaluation: Evaluation, in_pulse: Array | None = None
) -> tuple[Maps, FitResult | None]:
    """Return maps of the fits of every window, and that one which the level of H is taken from.

    Parameters
    ----------
    in_pulse : ndarray, optional
        What `rows_of_traces` makes of the samples in the pulse, where that is done.
    """
    settings, recipe, time = evaluation.settings, evaluation.recipe, evaluation.time
    maps: Maps = {}
    of_pulse: FitResult | None = None
    for number in settings.windows:
        inside = settings.samples(number, time)
        data, times = traces[:, inside], time[inside]
        # Without the transients after two edges samples are listed one by one, and are more than those in the pulse.
        if in_pulse is not None and settings.pulse is not None and isinstance(inside, slice):
            data = in_pulse if inside == settings.pulse.samples(time) else data
        fitted = fit_traces(data, times, **settings.fit_options(number, times, recipe))
        if _is_exponential_of_pulse(settings, number, recipe):
            of_pulse = fitted
        for quantity in (*FITTED, *fitted.extra, "status", "samples"):
            maps[map_name(quantity, number)] = fitted.values(quantity)
        nuisances = settings.nuisance_columns(number, times)
        free = fitted.samples - (0 if nuisances is None else len(nuisances.names))
        maps[map_name("p", number)] = response_probability(
            fitted.r2, free, parameters=settings.kernel.parameters
        )
        maps[map_name("inflation", number)] = np.ones(len(traces))
        if recipe.all_parameters:
            maps[map_name("chi2", number)] = _reduced_chi_square(
                rows_of_traces(data), fitted, number, evaluation
            )
        if recipe.intervals:
            maps |= {map_name(name, number): np.full(len(traces), np.nan) for name in LIMITS}
    return maps, of_pulse


def _reduced_chi_square(
    data: NDArray[np.floating], fitted: FitResult, number: int, evaluation: Evaluation
) -> Array:
    """Return the sum of squares that fits leave over per degree of freedom and variance of white noise.

    The variance is that of the differences of what is left over from sample to sample
    (`napari_tesm.data.displacement.noise_from_traces`), which sees nothing slow, as what a kernel misses is. Where
    noise is not white, what was measured takes its place (`napari_tesm.evaluation.window_noise`).
    """
    settings, time = evaluation.settings, evaluation.time
    nuisances = settings.nuisance_columns(number, time[settings.samples(number, time)])
    known = {"tau": fitted.tau, "a": fitted.a, "c": fitted.c, **fitted.extra}
    residuals = data - settings.fitted_curves(number, time, known)[1]
    free = fitted.samples - settings.kernel.parameters - (0 if nuisances is None else len(nuisances.names))
    with np.errstate(invalid="ignore", divide="ignore"):
        chi2 = np.square(fitted.rms) * fitted.samples / free / np.square(noise_from_traces(residuals))
    return np.asarray(np.where((free > 0) & np.isfinite(chi2), chi2, np.nan))


def _heights_above_levels(rows: Array, settings: Settings, time: Array, fitted: FitResult | None) -> Maps:
    """Return H over levels that are fitted, and what its error depends on, from the samples in the pulse."""
    assert settings.pulse is not None
    times = time[settings.pulse.samples(time)]
    levels = levels_of_traces(rows, times, settings.pulse, low_pass=settings.kernel.low_pass, fitted=fitted)
    return {
        "H": height_above_levels(rows, times, settings.pulse, levels),
        "level_node": levels.node,
        "level_weight": levels.weight,
        "level_gap": levels.gap,
        "level_change": levels.change,
    }


def _is_exponential_of_pulse(settings: Settings, number: int, recipe: Recipe) -> bool:
    """Whether the fit of a window is the one that the level of H is taken from."""
    return (
        number == 1
        and settings.kernel.name == "exponential"
        and settings.windows[number] == settings.pulse
        and settings.skip == 0
        and recipe.tau_bounds is None
        and not settings.nuisances.names
    )
