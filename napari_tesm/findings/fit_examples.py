"""Fits one can look at: data, fitted curve and what is left over, of pixels chosen by their quality (Fig. S5)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import FITS, labels_from_maps, map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.fits import FittedWindow, fits_of_traces
from napari_tesm.evaluation.instrument import instrument_from_maps
from napari_tesm.quantities.status import OK

Array = NDArray[np.float64]

QUANTILES: Final = (0.05, 0.5, 0.95)


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
    evaluation = evaluation.updated(replace(evaluation.recipe, intervals=False))
    instrument = instrument_from_maps(maps, evaluation)
    settings, time = evaluation.settings, evaluation.time
    label = labels_from_maps(maps)[pulse]
    examples = []
    for name, row, column in pixels:
        block = evaluation.dataset["displacement"].isel(pulse=pulse, y=row, x=column)
        trace = np.asarray(block.values, dtype=np.float64)
        here = maps.isel(pulse=pulse, y=row, x=column)
        (fitted,) = fits_of_traces(trace[None], evaluation, instrument=instrument, pulses=[pulse])
        windows = tuple(_as_in_maps(window, here) for window in fitted.windows.values())
        examples.append(FitExample(name, label, row, column, time, trace, settings.pulse_edges, windows))
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
    fitted = [
        number for number in FITS if map_name("r2", number) in maps and map_name("status", number) in maps
    ]
    if not fitted:
        return []
    number = max(fitted)
    name = map_name("r2", number)
    r2, status = (maps[key].values[pulse] for key in (name, map_name("status", number)))
    accepted = np.flatnonzero((status == OK) & np.isfinite(r2))
    if accepted.size == 0:
        return []
    order = accepted[np.argsort(r2.ravel()[accepted], kind="stable")]
    chosen: dict[int, float] = {}
    for quantile in quantiles:
        chosen.setdefault(int(order[round(quantile * (order.size - 1))]), quantile)
    words = "" if len(fitted) == 1 else f" {number}"
    return [
        (f"quantile {quantile:g} of R2{words}", *(int(i) for i in np.unravel_index(pixel, r2.shape)))  # type: ignore[misc]
        for pixel, quantile in chosen.items()
    ]


def _as_in_maps(window: FittedWindow, here: xr.Dataset) -> FittedWindow:
    """Return a fit with the status of the maps, whose threshold takes all pixels to know."""
    name = map_name("status", window.number)
    return replace(window, status=int(here[name])) if name in here else window
