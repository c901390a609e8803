"""From an evaluation to result maps: read rows, measure H, fit the windows, gate, take D.

Knows neither files nor screens. Rows are read block by block and the blocks depend on the data alone, so the
numbers do not depend on the number of threads.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.displacement import (
    INVALID,
    OK,
    STATUS_MEANINGS,
    displacement_from_traces,
    gated_status,
    response_probability,
    threshold_from_displacement,
)
from napari_tesm.data.maps import JOINT, MAP_KINDS, map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.settings import Settings
from napari_tesm.fitting import FitResult, fit_traces, single_threaded_blas
from napari_tesm.fitting.limits import KNOWN, limits_of_tau
from napari_tesm.kernels.one_parameter import Kernel
from napari_tesm.physics.diffusion import systematic_error

Progress = Callable[[float, str], None]
Array = NDArray[np.float64]

BLOCK_BYTES: Final = 1 << 25
"""Traces read at once by one thread, as doubles; 32 MB are some 16 000 pixels of 250 samples."""

_MOST_JOBS: Final = 8
_FITTED: Final = ("tau", "tau_stderr", "a", "a_stderr", "c", "c_stderr", "r2", "rms")
"""What a fit gives that becomes maps."""
_LIMITS: Final = ("tau_lower", "tau_upper")


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


def run(evaluation: Evaluation, *, jobs: int = 1, progress: Progress | None = None) -> xr.Dataset:
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
    dataset, recipe, settings = evaluation.dataset, evaluation.recipe, evaluation.settings
    time = dataset["time"].values
    shape = tuple(dataset.sizes[name] for name in ("pulse", "y", "x"))
    maps = _empty_maps(shape, settings, recipe)
    samples = {number: np.zeros(shape, dtype=np.int32) for number in settings.windows}

    def read(pulse: int, rows: slice, columns: slice) -> Array:
        block = dataset["displacement"].isel(pulse=pulse, y=rows, x=columns).values
        return np.require(block.reshape(-1, time.size), np.float64, ["C", "A"])

    def evaluate(pulse: int, rows: slice, columns: slice) -> None:
        traces = read(pulse, rows, columns)
        target = (pulse, rows, columns)
        if settings.pulse is not None:
            maps["H"][target] = _as_block(
                displacement_from_traces(traces, time, settings.pulse), maps["H"][target]
            )
        for number in settings.windows:
            inside = settings.samples(number, time)
            options = settings.fit_options(number, time[inside], recipe)
            fitted = fit_traces(traces[:, inside], time[inside], **options)
            _store(fitted, number, maps, target)
            if recipe.intervals:
                _store_limits(traces[:, inside], time[inside], fitted, number, maps, target, settings, recipe)
            samples[number][target] = _as_block(fitted.samples, samples[number][target])

    evaluate_blocks(evaluate, list(blocks_of_rows(shape, time.size)), jobs, progress)
    if not any(counts.any() for counts in samples.values()):
        raise ValueError("the traces hold no finite value")
    thresholds = _gate(maps, samples, settings, recipe)
    _add_diffusion(maps, settings)
    return dataset_from_maps(dataset, maps, thresholds, settings, recipe)


def blocks_of_rows(shape: tuple[int, ...], samples: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield blocks of whole rows, or of parts of rows where one row alone is too large."""
    pulses, height, width = shape
    pixels = max(1, BLOCK_BYTES // (8 * samples))
    rows, columns = max(1, pixels // width), min(width, pixels)
    for pulse in range(pulses):
        for y in range(0, height, rows):
            for x in range(0, width, columns):
                yield pulse, slice(y, min(y + rows, height)), slice(x, min(x + columns, width))


def evaluate_blocks(
    evaluate: Callable[[int, slice, slice], None],
    blocks: list[tuple[int, slice, slice]],
    jobs: int,
    progress: Progress | None,
    *,
    words: str = "fitting",
) -> None:
    """Call a function for every block, in threads; what `progress` raises ends it between two blocks."""

    def report(done: int) -> None:
        if progress is not None:
            progress(done / len(blocks), words)

    report(0)
    with single_threaded_blas():
        if jobs <= 1:
            for done, block in enumerate(blocks, start=1):
                evaluate(*block)
                report(done)
            return
        executor = ThreadPoolExecutor(jobs)
        try:
            futures = [executor.submit(evaluate, *block) for block in blocks]
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                report(done)
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _empty_maps(shape: tuple[int, ...], settings: Settings, recipe: Recipe) -> dict[str, NDArray[np.generic]]:
    names = [] if settings.pulse is None else ["H"]
    for number in settings.windows:
        names += [map_name(quantity, number) for quantity in _fitted_quantities(settings)]
        names += [map_name(quantity, number) for quantity in (_LIMITS if recipe.intervals else ())]
    maps: dict[str, NDArray[np.generic]] = {name: np.full(shape, np.nan) for name in names}
    for number in settings.windows:
        maps[map_name("status", number)] = np.full(shape, INVALID, dtype=np.int8)
    return maps


def _fitted_quantities(settings: Settings) -> list[str]:
    """Return what the fit of a window gives that becomes maps of numbers."""
    further = settings.kernel.quantities
    return [*_FITTED, *(name for stem in further for name in (stem, f"{stem}_stderr"))]


def _store(
    fitted: FitResult, number: int, maps: dict[str, NDArray[np.generic]], target: tuple[int, slice, slice]
) -> None:
    for quantity in (*_FITTED, *fitted.extra, "status"):
        name = map_name(quantity, number)
        maps[name][target] = _as_block(fitted.values(quantity), maps[name][target])


def _store_limits(
    traces: Array, time: Array, fitted: FitResult, number: int, maps: dict[str, NDArray[np.generic]],
    target: tuple[int, slice, slice], settings: Settings, recipe: Recipe,
) -> None:  # fmt: skip
    assert isinstance(settings.kernel, Kernel)
    # Noise is not worth the search; the threshold is known at the end only.
    responds = response_probability(fitted.r2, fitted.samples) < recipe.response_level
    limits = limits_of_tau(
        traces, time, fitted, kernel=settings.kernel, start=settings.start(number, time), bounds=recipe.tau_bounds,
        asked=responds,
    )  # fmt: skip
    for side, values in zip(("lower", "upper"), limits, strict=True):
        name = map_name(f"tau_{side}", number)
        maps[name][target] = _as_block(values, maps[name][target])


def _as_block(values: NDArray[np.generic], like: NDArray[np.generic]) -> NDArray[np.generic]:
    return values.reshape(like.shape)


def _gate(
    maps: dict[str, NDArray[np.generic]],
    samples: dict[int, NDArray[np.int32]],
    settings: Settings,
    recipe: Recipe,
) -> Array | None:
    """Overrule the fits' statuses by the gates and blank what is not ok; return the threshold of each pulse."""
    height = maps.get("H")
    thresholds = None
    if height is not None:
        thresholds = np.array(
            [threshold_from_displacement(h, recipe.threshold, of=recipe.threshold_of) for h in height]
        )
    for number in settings.windows:
        status, r2 = maps[map_name("status", number)], maps[map_name("r2", number)]
        probability = response_probability(
            np.asarray(r2, np.float64), samples[number], parameters=settings.kernel.parameters
        )
        for pulse in range(len(probability)):
            status[pulse] = gated_status(
                status[pulse],
                probability[pulse],
                None if height is None else height[pulse],
                0.0 if thresholds is None else float(thresholds[pulse]),
                response_level=recipe.response_level,
            )
        for quantity in _fitted_quantities(settings):
            name = map_name(quantity, number)
            if MAP_KINDS[name].gated:
                maps[name][status != OK] = np.nan
        for quantity in _LIMITS if recipe.intervals else ():
            maps[map_name(quantity, number)][~np.isin(status, KNOWN)] = np.nan
        if "tau_mean" in settings.kernel.quantities:
            _gate_mean_time(maps, number, recipe.max_log_tau_error)
    return thresholds


def _gate_mean_time(maps: dict[str, NDArray[np.generic]], number: int, limit: float) -> None:
    """Blank mean times, and with them D, that are not known as well as a tau must be."""
    mean, error = (maps[map_name(quantity, number)] for quantity in ("tau_mean", "tau_mean_stderr"))
    # Written so that a mean that is not there does not pass.
    lost = ~(np.asarray(error, np.float64) <= limit * np.asarray(mean, np.float64))
    mean[lost] = error[lost] = np.nan


def _add_diffusion(maps: dict[str, NDArray[np.generic]], settings: Settings) -> None:
    for number in settings.windows:
        quantity = settings.kernel.time_of_diffusion
        tau = np.asarray(maps[map_name(quantity, number)], dtype=np.float64)
        relative = np.asarray(maps[map_name(f"{quantity}_stderr", number)], dtype=np.float64) / tau
        if number != JOINT and quantity == "tau":
            maps[f"b{number}"] = 1 / tau
            maps[f"b{number}_stderr"] = relative / tau
        diffusion = settings.diffusion(tau)
        if diffusion is not None:
            maps[map_name("D", number)] = diffusion
            maps[map_name("D_stderr", number)] = relative * diffusion
        # The slowest time belongs to the lowest D.
        for side, other in (("lower", "upper"), ("upper", "lower")):
            limit = maps.get(map_name(f"tau_{side}", number))
            of_limit = None if limit is None else settings.diffusion(np.asarray(limit, dtype=np.float64))
            if of_limit is not None:
                maps[map_name(f"D_{other}", number)] = of_limit


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
    coordinates = {name: dataset[name].variable for name in ("x", "y", "voltage", "direction")}
    if thresholds is not None:
        coordinates["threshold"] = xr.Variable("pulse", thresholds, {"units": unit})
    attributes = {"recipe": recipe.to_json(), "version": __version__, **settings.protocol.to_attributes()}
    for number, window in settings.windows.items():
        attributes["record" if number == JOINT else f"window{number}"] = str(window)
    attributes.pop("tip_radius", None)
    attributes.pop("tip_radius_error", None)
    if settings.tip_radius is not None:
        attributes["tip_radius"] = settings.tip_radius
        if settings.tip_radius_error is not None:
            attributes["tip_radius_error"] = settings.tip_radius_error
            attributes["systematic"] = systematic_error(settings.tip_radius, settings.tip_radius_error)
    result = xr.Dataset(variables, coords=coordinates, attrs=attributes)
    if "source" in dataset.encoding:
        result.encoding["source"] = dataset.encoding["source"]
    return result
