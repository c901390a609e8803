"""From an evaluation to result maps: read rows, measure H, fit the windows, gate, take D.

Knows neither files nor screens. Rows are read block by block and the blocks depend on the data alone, so the
numbers do not depend on the number of threads.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import Block, blocks_of_rows
from napari_tesm.data.displacement import threshold_from_displacement
from napari_tesm.data.maps import JOINT, MAP_KINDS, map_name
from napari_tesm.data.parity import EVEN_TRACES, coordinates_of_pulses
from napari_tesm.data.protocol import length_from_attributes
from napari_tesm.evaluation.consistency import mark_contradictions, mark_reversed
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.fits import add_diffusion, add_limits, add_mains, blank_rejected, gate_status
from napari_tesm.evaluation.instrument import Instrument, instrument_of
from napari_tesm.evaluation.parity import (
    ATTRIBUTE,
    Parts,
    even_height,
    weights_of_even_height,
    with_asymmetry,
)
from napari_tesm.evaluation.recipe import OF_NOISE, Recipe
from napari_tesm.evaluation.settings import Settings
from napari_tesm.evaluation.traces import LIMITS, Maps, maps_from_traces
from napari_tesm.files.journal import Pieces
from napari_tesm.fitting import single_threaded_blas
from napari_tesm.fitting.chunks import run_in_threads
from napari_tesm.physics.diffusion import systematic_error
from napari_tesm.quantities.status import STATUS_MEANINGS

Progress = Callable[[float, str], None]
Array = NDArray[np.float64]


_MOST_JOBS: Final = 8


def default_jobs() -> int:
    """Return how many threads a fit takes by itself: one for each core, eight at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST_JOBS)


def progress_of_stage(progress: Progress | None, start: float, stop: float) -> Progress | None:
    """Return the progress of a stage, from one part of the whole to another; None where nobody wants to know."""
    if progress is None:
        return None
    return lambda fraction, text: progress(start + (stop - start) * fraction, text)


class Cancelled(Exception):  # noqa: N818 - it is no error
    """Raise it from a progress callback to end a run."""


def run(
    evaluation: Evaluation,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
    journal: Pieces | None = None,
    instrument: Instrument | None = None,
) -> xr.Dataset:
    """Evaluate every pixel of a dataset.

    Parameters
    ----------
    evaluation : Evaluation
        Its traces are read block by block.
    jobs : int
        Threads; the numbers are the same for any number.
    progress : callable, optional
        Called from this thread with the fraction done and a few words. What it raises (`Cancelled`) ends the
        run between two blocks.
    journal : Pieces, optional
        Holds blocks that an earlier run has finished, and gets those that this one finishes.
    instrument : Instrument, optional
        What is taken for measured (`napari_tesm.evaluation.instrument.instrument_kept`); by default it is measured.

    Returns
    -------
    Dataset
        Maps of dims (pulse, y, x) named as in `napari_tesm.data.maps`, tau and D NaN wherever the status is not ok;
        the recipe as JSON in the attributes.

    Raises
    ------
    ValueError
        If the recipe has no windows in the record (`Evaluation.settings`), or no sample is finite.

    Notes
    -----
    Memory: the maps, and for each thread about 100 MB.
    """
    if instrument is None:
        instrument = instrument_of(evaluation)
    evaluation = instrument.evaluation
    dataset, recipe, settings = evaluation.dataset, evaluation.recipe, evaluation.settings
    samples = dataset.sizes["time"]
    shape = tuple(dataset.sizes[name] for name in ("pulse", "y", "x"))
    # Of no traces come empty maps, each of its type.
    of_nothing = maps_from_traces(np.empty((0, samples)), evaluation)
    maps = {name: np.empty(shape, values.dtype) for name, values in of_nothing.items()}
    weights = weights_of_even_height(settings, evaluation.time) if EVEN_TRACES in dataset else None
    if weights is not None:
        maps["even"] = np.empty(shape)

    def fitted(traces: xr.DataArray, block: Block) -> Maps:
        own = maps_from_traces(traces.values.reshape(-1, samples), evaluation)
        if weights is not None:
            even = dataset[EVEN_TRACES].isel(dict(zip(("pulse", "y", "x"), block, strict=True))).values
            own["even"] = even_height(even, weights, settings, evaluation.time)
        return own

    def evaluate(traces: xr.DataArray, block: Block) -> None:
        for name, values in _journalled(journal, "fit", block, lambda: fitted(traces, block)).items():
            maps[name][block] = values.reshape(traces.shape[:-1])

    limits = [map_name(name, number) for number in settings.windows for name in LIMITS]

    def limited(traces: xr.DataArray, block: Block) -> Maps:
        rows = np.require(traces.values.reshape(-1, samples), np.float64, ["C", "A"])
        own = {name: values[block].reshape(-1) for name, values in maps.items()}
        add_limits(rows, own, evaluation)
        return {name: own[name] for name in limits}

    def limit(traces: xr.DataArray, block: Block) -> None:
        for name, values in _journalled(journal, "limits", block, lambda: limited(traces, block)).items():
            maps[name][block] = values.reshape(traces.shape[:-1])

    stages = (0.0, 0.5 if recipe.intervals else 1.0, 1.0)
    evaluate_blocks(evaluate, dataset, jobs=jobs, progress=progress_of_stage(progress, *stages[:2]))
    if not any(maps[map_name("samples", number)].any() for number in settings.windows):
        raise ValueError("the traces hold no finite value")
    for pulse in range(shape[0]):
        instrument.apply({name: values[pulse] for name, values in maps.items()}, pulse)
    add_mains(maps, settings)
    thresholds = _gate(maps, instrument)
    if recipe.intervals:
        evaluate_blocks(limit, dataset, jobs=jobs, progress=progress_of_stage(progress, *stages[1:]))
    blank_rejected(maps, settings, recipe)
    add_diffusion(maps, settings, recipe)
    if weights is not None:
        dataset = dataset.assign_attrs(_add_even(maps, instrument, weights, thresholds))
    result = dataset_from_maps(dataset, maps, thresholds, settings, recipe)
    result.attrs["instrument"] = instrument.to_text(maps)
    return result


def _journalled(journal: Pieces | None, stage: str, block: Block, make: Callable[[], Maps]) -> Maps:
    """Return the maps of a block: those that an earlier run has finished, else those that are made now, and kept."""
    pulse, rows, columns = block
    name = f"{stage} {pulse} {rows.start}:{rows.stop} {columns.start}:{columns.stop}"
    known = None if journal is None else journal.taken(name)
    if known is not None:
        return known
    made = make()
    if journal is not None:
        journal.keep(name, made)
    return made


def _gate(maps: Maps, instrument: Instrument) -> Array | None:
    """Put the statuses of all pixels into maps, in place; return the threshold of each pulse setting.

    A threshold in units of the noise is another one in each pixel, and its median is returned.
    """
    evaluation = instrument.evaluation
    recipe, settings = evaluation.recipe, evaluation.settings
    if "H" not in maps:
        gate_status(maps, 0.0, settings, recipe)
        return None
    thresholds = []
    for pulse, height in enumerate(maps["H"]):
        of_pulse = {name: values[pulse] for name, values in maps.items()}
        error = instrument.error_of_displacement(of_pulse, pulse)
        if recipe.threshold_of == OF_NOISE:
            threshold = recipe.threshold * error
        else:
            threshold = np.array(
                threshold_from_displacement(height, recipe.threshold, of=recipe.threshold_of)
            )
        gate_status(of_pulse, threshold, settings, recipe)
        mark_contradictions(of_pulse, evaluation, error)
        mark_reversed(of_pulse, evaluation, error)
        finite = threshold[np.isfinite(threshold)]
        thresholds.append(float(np.median(finite)) if finite.size else 0.0)
    return np.array(thresholds)


def _add_even(maps: Maps, instrument: Instrument, weights: Array, thresholds: Array | None) -> dict[str, str]:
    """Put the error of the even part and its share of the odd one into maps; return how the parts were made.

    A part has the noise of both settings, and the fit of the odd one tells how much that is. Below the threshold of the
    odd part there is no share.
    """
    evaluation = instrument.evaluation
    settings, dataset = evaluation.settings, evaluation.dataset
    parts = Parts.from_attributes(dataset.attrs)
    assert parts is not None
    assert settings.pulse is not None
    assert thresholds is not None
    for name in ("even_stderr", "even_share"):
        maps[name] = np.full_like(maps["H"], np.nan)
    for pulse, pair in enumerate(parts.pairs):
        height = maps["H"][pulse]
        of_pulse = {name: values[pulse] for name, values in maps.items()}
        maps["even_stderr"][pulse] = pair.even_noise * instrument.error_of_sum(of_pulse, pulse, weights)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = maps["even"][pulse] / height
            maps["even_share"][pulse] = np.where(np.abs(height) >= thresholds[pulse], share, np.nan)
    made = with_asymmetry(parts, dataset, settings.pulse, settings.kernel.low_pass)
    return {ATTRIBUTE: made.to_text()}


def evaluate_blocks(
    evaluate: Callable[[xr.DataArray, Block], None],
    dataset: xr.Dataset,
    *,
    samples: int | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    words: str = "fitting",
) -> None:
    """Call a function for every block, in threads; what `progress` raises ends it between two blocks.

    It is given traces that nobody has read yet, of which it holds so many `samples` (by default all), and their place.
    """
    shape = tuple(dataset.sizes[name] for name in ("pulse", "y", "x"))
    blocks = list(blocks_of_rows(shape, samples or dataset.sizes["time"]))

    def evaluate_block(block: Block) -> None:
        pulse, rows, columns = block
        evaluate(dataset["displacement"].isel(pulse=pulse, y=rows, x=columns), block)

    def report(done: int) -> None:
        if progress is not None:
            progress(done / len(blocks), words)

    report(0)
    with single_threaded_blas():
        run_in_threads(evaluate_block, blocks, jobs, report)


def systematic_from_attributes(attributes: Mapping[str, Any]) -> dict[str, float]:
    """Return the relative error that every D of a map shares, under its name; nothing where nobody knows it."""
    length = length_from_attributes(attributes)
    error = None if length is None else systematic_error(length.value, length.error)
    return {} if error is None else {"systematic": error}


def dataset_from_maps(
    dataset: xr.Dataset,
    maps: Mapping[str, NDArray[np.generic]],
    thresholds: Array | None,
    settings: Settings,
    recipe: Recipe,
) -> xr.Dataset:
    """Return maps of dims (pulse, y, x) with units, the axes of what they were made from, and all that made them."""
    from napari_tesm.version import __version__

    unit = str(dataset["displacement"].attrs["units"])
    variables = {}
    for name, kind in MAP_KINDS.items():
        if name not in maps:
            continue
        attributes: dict[str, object] = {
            "units": unit if kind.unit == "displacement" else kind.unit,
            "long_name": kind.title,
        }
        if name.startswith("status"):
            attributes["flag_values"] = np.arange(len(STATUS_MEANINGS), dtype=np.int8)
            attributes["flag_meanings"] = " ".join(STATUS_MEANINGS)
        variables[name] = (("pulse", "y", "x"), maps[name], attributes)
    coordinates = {name: dataset[name].variable for name in ("x", "y")} | coordinates_of_pulses(dataset)
    if thresholds is not None:
        coordinates["threshold"] = xr.Variable("pulse", thresholds, {"units": unit})
    attributes = {"recipe": recipe.to_json(), "version": __version__, **settings.protocol.to_attributes()}
    for number, window in settings.windows.items():
        attributes["record" if number == JOINT else f"window{number}"] = str(window)
    attributes |= systematic_from_attributes(attributes)
    if ATTRIBUTE in dataset.attrs:
        attributes[ATTRIBUTE] = dataset.attrs[ATTRIBUTE]
    result = xr.Dataset(variables, coords=coordinates, attrs=attributes)
    if "source" in dataset.encoding:
        result.encoding["source"] = dataset.encoding["source"]
    return result
