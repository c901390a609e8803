"""Fits one can look at: data, fitted curve and what is left over, of pixels chosen by their quality (Fig. S5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.displacement import OK, STATUS_MEANINGS
from napari_tesm.data.maps import FITS, labels_from_maps, map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.settings import Settings
from napari_tesm.fitting import fit_traces
from napari_tesm.kernels.named import fitted_curves

Array = NDArray[np.float64]

QUANTILES: Final = (0.05, 0.5, 0.95)
_PARAMETERS: Final = ("tau", "tau_stderr", "a", "a_stderr", "c", "c_stderr", "r2", "rms")


@dataclass(frozen=True, eq=False)
class FittedWindow:
    """The fit of one window of one trace.

    Parameters
    ----------
    number : int
        Of the window, or `napari_tesm.data.maps.JOINT`.
    time, fitted, residuals : ndarray, shape (n,)
        In s and in the unit of the trace; the residuals are data minus fit.
    values : dict of str to float
        ``tau``, ``b`` (1/tau), ``a``, ``c``, ``D`` and what else the kernel has, with their ``…_stderr``, ``r2`` and
        ``rms``; NaN where unknown.
    status : str
        One of `napari_tesm.data.displacement.STATUS_MEANINGS`.
    """

    number: int
    time: Array
    fitted: Array
    residuals: Array
    values: dict[str, float]
    status: str


@dataclass(frozen=True, eq=False)
class FitExample:
    """A trace with its fits.

    Parameters
    ----------
    name : str
        Why it was chosen: "point 2", "quantile 0.05 of R2".
    label : str
        The pulse setting.
    row, column : int
    time, trace : ndarray, shape (time,)
    pulse : (float, float), optional
        When the voltage was on, in s.
    windows : tuple of FittedWindow
    """

    name: str
    label: str
    row: int
    column: int
    time: Array
    trace: Array
    pulse: tuple[float, float] | None
    windows: tuple[FittedWindow, ...]


def fit_examples(
    dataset: xr.Dataset, maps: xr.Dataset, pulse: int, pixels: Sequence[tuple[str, int, int]]
) -> list[FitExample]:
    """Return the fits of some pixels, made with the recipe of the maps.

    Parameters
    ----------
    dataset : Dataset
        What was fitted.
    maps : Dataset
        From `napari_tesm.evaluation.pipeline.run`, or read from a file.
    pulse : int
    pixels : sequence of (str, int, int)
        Name, row and column.

    Raises
    ------
    ValueError
        If the maps have no recipe, or it does not go with the dataset.
    """
    evaluation = Evaluation.of_maps(dataset, maps)
    settings, time = evaluation.settings, evaluation.time
    label = labels_from_maps(maps)[pulse]
    known = None if settings.pulse is None else (settings.pulse.start, settings.pulse.stop)
    edges = None if known is None or known[1] is None else (known[0], known[1])
    examples = []
    for name, row, column in pixels:
        block = evaluation.dataset["displacement"].isel(pulse=pulse, y=row, x=column)
        trace = np.asarray(block.values, dtype=np.float64)
        here = maps.isel(pulse=pulse, y=row, x=column)
        windows = tuple(
            _fitted_window(trace, time, number, settings, evaluation.recipe, here)
            for number in settings.windows
        )
        examples.append(FitExample(name, label, row, column, time, trace, edges, windows))
    return examples


def pixels_by_quality(
    maps: xr.Dataset, pulse: int, *, quantiles: Sequence[float] = QUANTILES
) -> list[tuple[str, int, int]]:
    """Return accepted pixels at quantiles of R², the last window's; none where no pixel was accepted.

    Returns
    -------
    list of (str, int, int)
        Name, row and column, each pixel once.
    """
    found = [
        number for number in FITS if map_name("r2", number) in maps and map_name("status", number) in maps
    ]
    if not found:
        return []
    number = max(found)
    name = map_name("r2", number)
    r2, status = (maps[key].values[pulse] for key in (name, map_name("status", number)))
    accepted = np.flatnonzero((status == OK) & np.isfinite(r2))
    if accepted.size == 0:
        return []
    order = accepted[np.argsort(r2.ravel()[accepted], kind="stable")]
    chosen: dict[int, float] = {}
    for quantile in quantiles:
        chosen.setdefault(int(order[round(quantile * (order.size - 1))]), quantile)
    words = "" if len(found) == 1 else f" {number}"
    return [
        (f"quantile {quantile:g} of R2{words}", *(int(i) for i in np.unravel_index(pixel, r2.shape)))  # type: ignore[misc]
        for pixel, quantile in chosen.items()
    ]


def _fitted_window(
    trace: Array, time: Array, number: int, settings: Settings, recipe: Recipe, here: xr.Dataset
) -> FittedWindow:
    inside = settings.samples(number, time)
    times, data = time[inside], np.ascontiguousarray(trace[inside])
    options = settings.fit_options(number, times, recipe)
    result = fit_traces(data[None], times, **options)
    further = (part for stem in settings.kernel.quantities for part in (stem, f"{stem}_stderr"))
    numbers = {name: np.asarray(result.values(name), dtype=np.float64) for name in (*_PARAMETERS, *further)}
    values = {name: float(found[0]) for name, found in numbers.items()}
    timed = settings.kernel.time_of_diffusion
    tau, relative = values[timed], values[f"{timed}_stderr"] / values[timed]
    if timed == "tau":
        values["b"], values["b_stderr"] = 1 / tau, relative / tau
    d = settings.diffusion(np.array([tau]))
    values["D"] = float("nan") if d is None else float(d[0])
    values["D_stderr"] = relative * values["D"]
    fitted = fitted_curves(settings.kernel, times - options["start"], numbers)[0]
    name = map_name("status", number)
    status = int(here[name]) if name in here else int(np.ravel(result.status)[0])
    return FittedWindow(number, times, fitted, data - fitted, values, STATUS_MEANINGS[status])
