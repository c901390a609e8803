"""From a dataset and a recipe to result maps: read rows, measure H, fit the windows, gate, take D.

Knows neither files nor screens. Rows are read block by block and the blocks depend on the data alone, so the
numbers do not depend on the number of threads.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.dataset import check_dataset, with_protocol
from napari_tesm.diffusion import diffusion_from_tau, systematic_error
from napari_tesm.displacement import (
    INVALID,
    OK,
    STATUS_MEANINGS,
    displacement_from_traces,
    gated_status,
    response_probability,
    threshold_from_displacement,
)
from napari_tesm.fitting import FitResult, fit_traces, single_threaded_blas
from napari_tesm.fitting.fit import FEWEST_SAMPLES
from napari_tesm.maps import MAP_KINDS, WINDOWS
from napari_tesm.protocol import PulseProtocol, Window, windows_from_protocol
from napari_tesm.recipe import NO_WINDOW, Recipe
from napari_tesm.units import text_from_quantity

Progress = Callable[[float, str], None]
Array = NDArray[np.float64]

BLOCK_BYTES: Final = 1 << 25
"""Traces read at once by one thread, as doubles; 32 MB are some 16 000 pixels of 250 samples."""


@dataclass(frozen=True)
class Settings:
    """What a recipe comes to for one dataset: everything resolved, nothing left open.

    Parameters
    ----------
    pulse : Window, optional
        Where H is measured; None where the pulse is not known.
    windows : dict of int to Window
        The windows to fit, by their number.
    """

    protocol: PulseProtocol
    pulse: Window | None
    windows: dict[int, Window]
    tip_radius: float | None
    tip_radius_error: float | None


class Cancelled(Exception):  # noqa: N818 - it is no error
    """Raise it from a progress callback to end a run."""


def settings_from_recipe(dataset: xr.Dataset, recipe: Recipe) -> Settings:
    """Return what the recipe means for a dataset in which its protocol is already put.

    Raises
    ------
    ValueError
        If the timing of the pulse is missing, or a window lies outside the record.
    """
    protocol = PulseProtocol.from_attributes(dataset.attrs)
    first, second = windows_from_protocol(protocol)
    chosen = {
        number: given if isinstance(given, Window) else default
        for number, given, default in ((1, recipe.window1, first), (2, recipe.window2, second))
        if given != NO_WINDOW
    }
    windows = {number: window for number, window in chosen.items() if window is not None}
    if not windows:
        raise ValueError(
            f"{sentence_about_missing_pulse(protocol)}, or the windows to fit (--window1, --window2)"
        )
    time = dataset["time"].values
    for number, window in windows.items():
        inside = window.samples(time, skip=recipe.skip_after_edge)
        if inside.stop - inside.start < FEWEST_SAMPLES:
            raise ValueError(
                f"window {number}, {window}, holds {inside.stop - inside.start} samples where {FEWEST_SAMPLES} "
                f"are needed: the record runs from {text_from_quantity(time[0], 's', digits=4)} to "
                f"{text_from_quantity(time[-1], 's', digits=4)} with {time.size} samples"
            )
    # The recipe's radius is taken with its own error only: the file's belongs to the file's radius.
    from_recipe = recipe.tip_radius is not None
    return Settings(
        protocol,
        pulse_from_recipe(protocol, recipe),
        windows,
        recipe.tip_radius if from_recipe else protocol.tip_radius,
        recipe.tip_radius_error if from_recipe else protocol.tip_radius_error,
    )


def pulse_from_recipe(protocol: PulseProtocol, recipe: Recipe) -> Window | None:
    """Return when the pulse was on: as the protocol says, else window 1 of the recipe, None where neither is known."""
    pulse, _ = windows_from_protocol(protocol)
    if pulse is None and isinstance(recipe.window1, Window):
        return recipe.window1
    return pulse


def sentence_about_missing_pulse(protocol: PulseProtocol) -> str:
    """Return what to give where it is not known when the pulse was on."""
    missing = [
        option
        for option, value in (
            ("--pulse-start", protocol.pulse_start),
            ("--pulse-duration", protocol.pulse_duration),
        )
        if value is None
    ]
    return f"the file does not say when the pulse was on: give {' and '.join(missing)}"


def prepared_dataset(dataset: xr.Dataset, recipe: Recipe) -> xr.Dataset:
    """Return the dataset with the recipe's protocol put in for what the file says or lacks.

    Raises
    ------
    ValueError
        If one voltage is given for pulse settings of different ones: their maps would trade names.
    """
    known = np.unique(dataset["voltage"].values[np.isfinite(dataset["voltage"].values)])
    if recipe.voltage is not None and known.size > 1:
        voltages = ", ".join(text_from_quantity(float(value), "V") for value in known)
        raise ValueError(
            f"the file holds pulses of {voltages}: choose one with --traces before giving it another --voltage"
        )
    return with_protocol(
        dataset,
        voltage=recipe.voltage,
        pulse_start=recipe.pulse_start,
        pulse_duration=recipe.pulse_duration,
    )


def run(
    dataset: xr.Dataset, recipe: Recipe, *, jobs: int = 1, progress: Progress | None = None
) -> xr.Dataset:
    """Evaluate every pixel of a dataset.

    Parameters
    ----------
    dataset : Dataset
        As `napari_tesm.dataset` describes; traces are read block by block.
    recipe : Recipe
    jobs : int
        Threads; the numbers are the same for any number.
    progress : callable, optional
        Called from this thread with the fraction done and a few words. What it raises (`Cancelled`) ends the
        run between two blocks.

    Returns
    -------
    Dataset
        Maps of dims (pulse, y, x) named as in `napari_tesm.maps`, tau and D NaN wherever the status is not ok;
        the recipe as JSON in the attributes.

    Raises
    ------
    ValueError
        If the dataset breaks the schema, the recipe does not fit it, or no sample is finite.

    Notes
    -----
    Memory: the maps, and for each thread about 100 MB.
    """
    check_dataset(dataset)
    dataset = prepared_dataset(dataset, recipe)
    settings = settings_from_recipe(dataset, recipe)
    time = dataset["time"].values
    shape = tuple(dataset.sizes[name] for name in ("pulse", "y", "x"))
    maps = _empty_maps(shape, settings)
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
        for number, window in settings.windows.items():
            inside = window.samples(time, skip=recipe.skip_after_edge)
            fitted = fit_traces(
                traces[:, inside],
                time[inside],
                kernel=recipe.kernel,
                start=min(window.start, float(time[inside.start])),
                bounds=recipe.tau_bounds,
                max_log_tau_error=recipe.max_log_tau_error,
            )
            _store(fitted, number, maps, target)
            samples[number][target] = _as_block(fitted.samples, samples[number][target])

    _evaluate_blocks(evaluate, list(blocks_of_rows(shape, time.size)), jobs, progress)
    if not any(counts.any() for counts in samples.values()):
        raise ValueError("the traces hold no finite value")
    thresholds = _gate(maps, samples, settings, recipe)
    _add_diffusion(maps, settings, recipe)
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


def _evaluate_blocks(
    evaluate: Callable[[int, slice, slice], None],
    blocks: list[tuple[int, slice, slice]],
    jobs: int,
    progress: Progress | None,
) -> None:
    def report(done: int) -> None:
        if progress is not None:
            progress(done / len(blocks), "fitting")

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


def _empty_maps(shape: tuple[int, ...], settings: Settings) -> dict[str, NDArray[np.generic]]:
    names = [] if settings.pulse is None else ["H"]
    for number in settings.windows:
        for name in ("tau{}", "tau{}_stderr", "a{}", "a{}_stderr", "c{}", "c{}_stderr", "r2_{}", "rms_{}"):
            names.append(name.format(number))
    maps: dict[str, NDArray[np.generic]] = {name: np.full(shape, np.nan) for name in names}
    for number in settings.windows:
        maps[f"status{number}"] = np.full(shape, INVALID, dtype=np.int8)
    return maps


def _store(
    fitted: FitResult, number: int, maps: dict[str, NDArray[np.generic]], target: tuple[int, slice, slice]
) -> None:
    for name, values in (
        (f"tau{number}", fitted.tau),
        (f"tau{number}_stderr", fitted.tau_stderr),
        (f"a{number}", fitted.a),
        (f"a{number}_stderr", fitted.a_stderr),
        (f"c{number}", fitted.c),
        (f"c{number}_stderr", fitted.c_stderr),
        (f"r2_{number}", fitted.r2),
        (f"rms_{number}", fitted.rms),
        (f"status{number}", fitted.status),
    ):
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
        probability = response_probability(np.asarray(maps[f"r2_{number}"], np.float64), samples[number])
        for pulse in range(len(probability)):
            maps[f"status{number}"][pulse] = gated_status(
                maps[f"status{number}"][pulse],
                probability[pulse],
                None if height is None else height[pulse],
                0.0 if thresholds is None else float(thresholds[pulse]),
                response_level=recipe.response_level,
            )
        rejected = maps[f"status{number}"] != OK
        for name in (f"tau{number}", f"tau{number}_stderr"):
            maps[name][rejected] = np.nan
    return thresholds


def _add_diffusion(maps: dict[str, NDArray[np.generic]], settings: Settings, recipe: Recipe) -> None:
    for number in settings.windows:
        tau = np.asarray(maps[f"tau{number}"], dtype=np.float64)
        relative = np.asarray(maps[f"tau{number}_stderr"], dtype=np.float64) / tau
        maps[f"b{number}"] = 1 / tau
        maps[f"b{number}_stderr"] = relative / tau
        if settings.tip_radius is not None:
            diffusion = diffusion_from_tau(tau, settings.tip_radius, geometry=recipe.geometry)
            maps[f"D{number}"] = diffusion
            maps[f"D{number}_stderr"] = relative * diffusion


def dataset_from_maps(
    dataset: xr.Dataset,
    maps: Mapping[str, NDArray[np.generic]],
    thresholds: Array | None,
    settings: Settings,
    recipe: Recipe,
) -> xr.Dataset:
    """Return maps of dims (pulse, y, x) with units, the axes of what they were made from, and all that made them."""
    from napari_tesm import __version__

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
    for number in WINDOWS:
        if number in settings.windows:
            attributes[f"window{number}"] = str(settings.windows[number])
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
