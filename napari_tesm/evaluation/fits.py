"""Fits of traces and what they come to: numbers by the names of maps, gates, D. For a map as for one trace."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.displacement import gated_status
from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.consistency import mark_contradictions
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import Instrument
from napari_tesm.evaluation.recipe import OF_NOISE, Recipe
from napari_tesm.evaluation.settings import Settings
from napari_tesm.evaluation.traces import FITTED, LIMITS, maps_from_traces
from napari_tesm.fitting.limits import limits_of_tau
from napari_tesm.kernels.one_parameter import Kernel
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.quantities.status import OK

Array = NDArray[np.float64]
Maps = dict[str, NDArray[Any]]

_LIMITS_OF_D: Final = ("D_upper", "D_lower")


def add_limits(traces: NDArray[np.floating], maps: Maps, evaluation: Evaluation) -> None:
    """Put the limits of tau into maps, in place, after the gates: nothing is worth the search where none responds.

    Parameters
    ----------
    traces : ndarray, shape (n, time)
    maps : dict of str to ndarray, shape (n,)
        From `maps_from_traces` and through `gate_status`.
    """
    settings, recipe, time = evaluation.settings, evaluation.recipe, evaluation.time
    if not recipe.intervals:
        return
    assert isinstance(settings.kernel, Kernel)
    for number in settings.windows:
        inside = settings.samples(number, time)
        tau, error, status, inflation = (
            maps[map_name(name, number)] for name in ("tau", "tau_stderr", "status", "inflation")
        )
        limits = limits_of_tau(
            traces[:, inside], time[inside], tau, error / tau, status, kernel=settings.kernel,
            start=settings.start(number, time[inside]), bounds=recipe.tau_bounds, inflation=inflation,
            nuisances=settings.nuisance_columns(number, time[inside]),
        )  # fmt: skip
        for name, values in zip(LIMITS, limits, strict=True):
            maps[map_name(name, number)][...] = values


def add_mains(maps: Maps, settings: Settings) -> None:
    """Add the amplitude of the mains, of any phase, where sine and cosine were fitted."""
    for number in settings.windows:
        if map_name("mains_sin", number) not in maps:
            continue
        sine, cosine, of_sine, of_cosine = (
            maps[map_name(name, number)]
            for name in ("mains_sin", "mains_cos", "mains_sin_stderr", "mains_cos_stderr")
        )
        amplitude = np.hypot(sine, cosine)
        maps[map_name("mains", number)] = amplitude
        with np.errstate(invalid="ignore", divide="ignore"):
            maps[map_name("mains_stderr", number)] = np.hypot(sine * of_sine, cosine * of_cosine) / amplitude


def gate_status(maps: Maps, thresholds: Array | float, settings: Settings, recipe: Recipe) -> None:
    """Overrule the statuses of the fits by the gates, in place.

    Parameters
    ----------
    maps : dict of str to ndarray, shape (...)
        From `maps_from_traces`.
    thresholds : float or ndarray
        Smallest ``|H|`` that counts, of a shape that goes with that of the maps.
    """
    for number in settings.windows:
        fitted, probability = (maps[map_name(name, number)] for name in ("status", "p"))
        maps[map_name("status", number)][...] = gated_status(
            fitted, probability, maps.get("H"), thresholds, response_level=recipe.response_level
        )


def blank_rejected(maps: Maps, settings: Settings, recipe: Recipe) -> None:
    """Put NaN where a status says that there is no number, and for mean times that are not known."""
    for number in settings.windows:
        rejected = maps[map_name("status", number)] != OK
        stems = ("tau", *settings.kernel.quantities)
        for quantity in (name for stem in stems for name in (stem, f"{stem}_stderr")):
            maps[map_name(quantity, number)][rejected] = np.nan
        time, error = _time_of_diffusion(maps, number, settings, recipe)
        error[np.isnan(time)] = np.nan
        maps[map_name(settings.kernel.time_of_diffusion, number)] = time


def add_diffusion(maps: Maps, settings: Settings, recipe: Recipe) -> None:
    """Add D and 1/tau with their errors, and the limits of D."""
    for number in settings.windows:
        tau, error = _time_of_diffusion(maps, number, settings, recipe)
        relative = error / tau
        if settings.kernel.time_of_diffusion == "tau":
            maps[map_name("b", number)], maps[map_name("b_stderr", number)] = 1 / tau, relative / tau
        diffusion = settings.diffusion(tau)
        if diffusion is None:
            continue
        maps[map_name("D", number)] = diffusion
        maps[map_name("D_stderr", number)] = relative * diffusion
        # The slowest time belongs to the lowest D.
        for of_tau, of_diffusion in zip(LIMITS if recipe.intervals else (), _LIMITS_OF_D, strict=False):
            limit = settings.diffusion(maps[map_name(of_tau, number)])
            assert limit is not None
            maps[map_name(of_diffusion, number)] = limit


def _time_of_diffusion(maps: Maps, number: int, settings: Settings, recipe: Recipe) -> tuple[Array, Array]:
    """Return the time that D is taken from, and its error; a mean time NaN where it is not known as a tau must be."""
    quantity = settings.kernel.time_of_diffusion
    time, error = (maps[map_name(name, number)] for name in (quantity, f"{quantity}_stderr"))
    if quantity == "tau":
        return time, error
    # Written so that a mean that is not there does not pass.
    resolved = (maps[map_name("status", number)] == OK) & (error <= recipe.max_log_tau_error * time)
    return np.where(resolved, time, np.nan), error


def curves_from_maps(maps: xr.Dataset, settings: Settings, time: Array) -> dict[int, tuple[Array, Array]]:
    """Return times and values of the curve of each window that has a result, from the maps of one pixel."""
    curves = {}
    for number in settings.windows:
        names = {
            quantity: map_name(quantity, number)
            for quantity in ("tau", "a", "c", *settings.kernel.quantities, *settings.nuisances.names)
        }
        numbers = {
            quantity: np.atleast_1d(maps[name].values if name in maps else np.nan)
            for quantity, name in names.items()
        }
        inside, (curve,) = settings.fitted_curves(number, time, numbers)
        if np.isfinite(curve).all():
            curves[number] = (inside, curve)
    return curves


@dataclass(frozen=True, eq=False)
class FittedWindow:
    """The fit of one window of one trace.

    Parameters
    ----------
    number : int
        1 for the pulse, 2 for the relaxation, `napari_tesm.data.maps.JOINT` for both together.
    time, curve, residuals : ndarray, shape (n,)
        Times of the samples that were fitted, in s, the fitted values there, and data minus fit.
    status : int
        As in the status maps.
    values : dict of str to float
        ``tau``, ``b`` (1/tau), ``a``, ``c``, ``D`` and what else the kernel has, with their ``…_stderr``, ``r2``,
        ``rms`` and, where the recipe asks for them, ``tau_lower`` and so on; NaN where unknown.
    """

    number: int
    time: Array
    curve: Array
    residuals: Array
    status: int
    values: dict[str, float]

    @property
    def ok(self) -> bool:
        """Whether tau and D are resolved."""
        return self.status == OK


@dataclass(frozen=True, eq=False)
class FittedTrace:
    """What a trace comes to; `height` is H, NaN without a pulse window."""

    height: float
    windows: dict[int, FittedWindow]


def fits_of_traces(
    traces: Array,
    evaluation: Evaluation,
    *,
    thresholds: Array | float = 0.0,
    instrument: Instrument | None = None,
    pulses: Sequence[int] | None = None,
) -> list[FittedTrace]:
    """Return the fits of a few traces, shape (n, time), with their curves, whatever the status.

    The numbers are those of a whole run: the same engine, windows and gates.

    Parameters
    ----------
    thresholds : float or ndarray, shape (n,)
        Smallest ``|H|`` that counts, which takes a whole map to know.
    instrument : Instrument, optional
        Which takes a whole map to know, too; without it noise is taken for white.
    pulses : sequence of int, optional
        The pulse setting of each trace; by default one after the other.
    """
    evaluation = evaluation if instrument is None else instrument.evaluation
    settings, recipe, time = evaluation.settings, evaluation.recipe, evaluation.time
    maps = maps_from_traces(traces, evaluation)
    rows = list(enumerate(range(len(traces)) if pulses is None else pulses))
    if instrument is None:
        instrument = Instrument(
            evaluation, (NoiseModel(),) * (1 + max((pulse for _, pulse in rows), default=0))
        )
    for row, pulse in rows:
        instrument.apply({name: values[row : row + 1] for name, values in maps.items()}, pulse)
    height_errors = np.full(len(traces), np.nan)
    for row, pulse in rows if "H" in maps else ():
        here = {name: values[row : row + 1] for name, values in maps.items()}
        height_errors[row : row + 1] = instrument.error_of_displacement(here, pulse)
    if recipe.threshold_of == OF_NOISE:
        thresholds = recipe.threshold * height_errors
    gate_status(maps, thresholds, settings, recipe)
    mark_contradictions(maps, evaluation, height_errors)
    add_limits(traces, maps, evaluation)
    add_diffusion(maps, settings, recipe)
    heights = maps.pop("H", np.full(len(traces), np.nan))
    fits = [FittedTrace(float(height), {}) for height in heights]
    for number in settings.windows:
        further = (name for stem in settings.kernel.quantities for name in (stem, f"{stem}_stderr"))
        names = (
            *FITTED,
            *further,
            *settings.nuisances.names,
            "b",
            "b_stderr",
            "D",
            "D_stderr",
            *LIMITS,
            *_LIMITS_OF_D,
        )
        values = {name: maps[mapped] for name in names if (mapped := map_name(name, number)) in maps}
        times, curves = settings.fitted_curves(number, time, values)
        inside = settings.samples(number, time)
        for row, fit in enumerate(fits):
            fit.windows[number] = FittedWindow(
                number, times, curves[row], traces[row, inside] - curves[row],
                int(maps[map_name("status", number)][row]),
                {"D": np.nan, "D_stderr": np.nan} | {name: float(array[row]) for name, array in values.items()},
            )  # fmt: skip
    return fits
