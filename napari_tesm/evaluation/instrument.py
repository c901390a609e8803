"""What the instrument adds to the traces of a scan: its noise, and drift, step and mains where they are there.

Measured once from a sample of traces, before all are evaluated. What was found holds for every pixel.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.delay import Delay, delay_of_pulse
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.height_error import HeightNoise
from napari_tesm.evaluation.leftovers import Leftovers, leftovers_of_fits
from napari_tesm.evaluation.mains import mains_frequency, refined_frequency, windows_with_mains
from napari_tesm.evaluation.nuisance_tests import NuisanceTest, tests_of_nuisances
from napari_tesm.evaluation.recipe import AUTO, Recipe
from napari_tesm.evaluation.rivals import is_chosen_by_noise, rival_of_kernel
from napari_tesm.evaluation.traces import Maps, fits_from_traces
from napari_tesm.evaluation.window_noise import DRAWS, WindowNoise
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.level import NoiseLevel
from napari_tesm.noise.processes import Process
from napari_tesm.quantities.limits import LARGEST
from napari_tesm.quantities.status import OK

Array = NDArray[np.float64]
TRACES: Final = 1024
"""Of each pulse setting, in whole rows evenly over the image, that are looked at."""
_LEAST_MAINS: Final = 0.01
"""Part of the variance of the noise from which on mains are looked at by themselves."""
_TIMED: Final = 512
"""Of these, that tell the frequency of mains."""
_PRICED: Final = 256
"""Of these, whose errors are compared with and without nuisances: a median needs no more."""
_FEWER_DRAWS: Final = 1024
"""Of noise, for a first look with what was measured before."""


@dataclass(frozen=True, eq=False)
class Instrument:
    """What was measured.

    Parameters
    ----------
    evaluation : Evaluation
        With the nuisances resolved.
    noises : tuple of NoiseModel
        For each pulse setting.
    tests : tuple of NuisanceTest
        Of what was tried; empty where the recipe asked for no test.
    price : float, optional
        Factor by which the nuisances that were found make the standard error of ln tau larger.
    delay : Delay, optional
        By which the pulse seems to start later than stated; it is not applied.
    kept : bool
        Whether it was measured with other windows than those of the evaluation (`instrument_kept`).
    """

    evaluation: Evaluation
    noises: tuple[NoiseModel, ...]
    tests: tuple[NuisanceTest, ...] = ()
    price: float | None = None
    delay: Delay | None = None
    kept: bool = False
    windows: dict[tuple[int, int], WindowNoise] = field(default_factory=dict)
    heights: dict[int, HeightNoise] = field(default_factory=dict)

    def apply(self, maps: Maps, pulse: int) -> None:
        """Put the noise of a pulse setting into errors, statuses and the gate's p, in place; white noise is in them."""
        if self.noises[pulse].is_white:
            return
        for number in self.evaluation.settings.windows:
            key = (pulse, number)
            if key not in self.windows:
                self.windows[key] = WindowNoise.of(
                    self.noises[pulse], self.evaluation, number, count=_FEWER_DRAWS if self.kept else DRAWS
                )
            with np.errstate(all="ignore"):
                self.windows[key].apply(maps, self.evaluation.recipe.max_log_tau_error)

    def error_of_displacement(self, maps: Maps, pulse: int) -> Array:
        """Return the standard error of H of pixels of a pulse setting, in the unit of H."""
        return self._noise_of_height(pulse).error(maps)

    def error_of_sum(self, maps: Maps, pulse: int, weights: Array) -> Array:
        """Return the standard error of a sum of the samples of pixels, by its weights, shape (time,)."""
        return self._noise_of_height(pulse).error_of_sum(maps, weights)

    def _noise_of_height(self, pulse: int) -> HeightNoise:
        if pulse not in self.heights:
            self.heights[pulse] = HeightNoise.of(self.evaluation, self.noises[pulse])
        return self.heights[pulse]

    def to_text(self, maps: Maps) -> str:
        """Return what was measured, as JSON (`napari_tesm.findings.instrument.instrument_summary`).

        Parameters
        ----------
        maps : dict of str to ndarray, shape (pulse, ...)
            After `apply`.
        """
        recipe = self.evaluation.recipe
        noises = []
        for pulse, noise in enumerate(self.noises):
            windows = {
                number: [
                    int(maps[map_name("samples", number)][pulse].max(initial=0)),
                    self._effective(maps, number, pulse),
                ]
                for number in self.evaluation.settings.windows
            }
            parts = [[p.kind, p.time, p.order, w] for p, w in noise.weights.items()]
            shares = {kind: round(share, 6) for kind, share in noise.shares.items()}
            noises.append(
                {
                    "asked": recipe.noise,
                    "traces": noise.traces,
                    "shares": shares,
                    "parts": parts,
                    "windows": windows,
                    "variance": None if np.isnan(noise.level.variance) else noise.level.variance,
                    "scatter": noise.level.scatter,
                }
            )
        tests = [{**asdict(test), "unclear": test.unclear} for test in self.tests]
        return json.dumps(
            {
                "noise": noises,
                "nuisances": tests,
                "fitted": ",".join(self.evaluation.settings.nuisances.texts) or "none",
                "price": self.price,
                "delay": None if self.delay is None else asdict(self.delay),
                **({"kept": True} if self.kept else {}),
            }
        )

    @staticmethod
    def _effective(maps: Maps, number: int, pulse: int) -> float | None:
        """Return as how many independent samples those of a window count: as many as would give the same error."""
        resolved = maps[map_name("status", number)][pulse] == OK
        if not resolved.any():
            return None
        inflation, samples = (
            maps[map_name(name, number)][pulse][resolved] for name in ("inflation", "samples")
        )
        return round(float(np.median(samples / np.square(inflation))), 1)


def instrument_from_maps(maps: xr.Dataset, evaluation: Evaluation) -> Instrument | None:
    """Return the instrument that maps were made with, for another evaluation of the same scan; None if they do not say.

    Parameters
    ----------
    maps : Dataset
        From `napari_tesm.evaluation.pipeline.run`.
    """
    try:
        noises = json.loads(maps.attrs["instrument"])["noise"]
        models = tuple(
            NoiseModel(
                {Process(kind, time, order): share for kind, time, order, share in noise["parts"]},
                noise["traces"],
                NoiseLevel(noise["variance"] or np.nan, noise["scatter"])
                if "variance" in noise
                else NoiseLevel(),
            )
            for noise in noises
        )
    except (KeyError, TypeError, ValueError):
        return None
    fitted = evaluation.recipe.nuisance
    if fitted == AUTO:
        fitted = str(Recipe.from_json(str(maps.attrs["recipe"])).nuisance)
    resolved = replace(evaluation, recipe=replace(evaluation.recipe, nuisance=fitted))
    return Instrument(resolved, models) if len(models) == maps.sizes["pulse"] else None


_DEPENDING: Final = (
    "kernel", "tau_bounds", "window1", "window2", "skip_after_edge", "lock_in_time_constant", "lock_in_order",
    "pulse_start", "pulse_duration", "noise", "nuisance",
)  # fmt: skip
"""What of a recipe the instrument depends on, beside the dataset."""
_WINDOWS: Final = ("window1", "window2", "skip_after_edge", "pulse_start", "pulse_duration")
"""Of these, which samples are fitted: what the noise is made of hardly depends on them."""


def _key(evaluation: Evaluation) -> tuple[object, ...]:
    return ("instrument", *(getattr(evaluation.recipe, name) for name in _DEPENDING))


def instrument_of(evaluation: Evaluation) -> Instrument:
    """Return the instrument, measured once for all evaluations of the dataset with the same fits."""
    key = _key(evaluation)
    if key not in evaluation.memory:
        with np.errstate(all="ignore"):  # hostile numbers end in a status
            # Which tau is resolved well enough to be shown is no matter of the instrument.
            recipe = replace(evaluation.recipe, max_log_tau_error=Recipe().max_log_tau_error)
            evaluation.memory[key] = _measured(replace(evaluation, recipe=recipe))
    measured: Instrument = evaluation.memory[key]
    resolved = replace(
        evaluation, recipe=replace(evaluation.recipe, nuisance=measured.evaluation.recipe.nuisance)
    )
    return replace(measured, evaluation=resolved)


def instrument_kept(last: Evaluation, evaluation: Evaluation) -> Instrument | None:
    """Return what was measured with other windows, for a first look at an evaluation of the same traces.

    Its noise and nuisances are those of the last measurement, so that errors and statuses are near those of a fit, not
    the same. None where it has to be measured, as more than windows differ, or is measured already.

    Parameters
    ----------
    last : Evaluation
        Of the same traces and pulse settings, measured by `instrument_of`.
    """
    measured: Instrument | None = last.memory.get(_key(last))
    if measured is None or _key(evaluation) in evaluation.memory:
        return None
    before, now = (
        [getattr(recipe, name) for name in _DEPENDING if name not in _WINDOWS]
        for recipe in (last.recipe, evaluation.recipe)
    )
    nuisance = measured.evaluation.recipe.nuisance
    resolved = replace(evaluation, recipe=replace(evaluation.recipe, nuisance=nuisance))
    if before != now or last.settings.windows.keys() != evaluation.settings.windows.keys():
        return None
    return replace(measured, evaluation=resolved, kept=True, windows={}, heights={})


def _measured(evaluation: Evaluation) -> Instrument:
    recipe = evaluation.recipe
    pulses = evaluation.dataset.sizes["pulse"]
    white = recipe.noise == "white"
    if white and recipe.nuisance != AUTO:
        return Instrument(evaluation, (NoiseModel(),) * pulses)
    samples = [sample_of_traces(evaluation, pulse) for pulse in range(pulses)]
    tests: tuple[NuisanceTest, ...] = ()
    price, delay = None, None
    measured: list[tuple[Leftovers, NoiseModel]] | None = None
    if recipe.nuisance == AUTO:
        plain = _with_nuisances(evaluation, [])
        possible = evaluation.settings.testable_nuisances
        if evaluation.settings.kernel.joint:
            tests = _tests(plain, possible, samples)
        elif possible and not white:
            measured = _with_noise(samples, plain)
            tests = _tests_of_mains(plain, measured, samples)
        chosen = [test.text for test in tests if test.counts and not test.unclear]
        # Where there is nothing the recipe goes on asking.
        evaluation = _with_nuisances(evaluation, chosen) if chosen else evaluation
        if chosen:
            price = _median_error(samples, evaluation) / _median_error(samples, plain)
            measured = None
        if evaluation.settings.kernel.joint:
            if not (chosen or white):
                measured = _with_noise(samples, plain)
            fitted = measured[0][0] if measured and pulses == 1 else None
            delay = delay_of_pulse(np.concatenate(samples), plain, evaluation, fitted=fitted)
    if white:
        return Instrument(evaluation, (NoiseModel(),) * pulses, tests, price, delay)
    noises = [noise for _, noise in measured or _with_noise(samples, evaluation)]
    return Instrument(evaluation, tuple(noises), tests, price, delay)


def _with_noise(samples: Sequence[Array], evaluation: Evaluation) -> list[tuple[Leftovers, NoiseModel]]:
    """Return what fits of traces of each pulse setting leave over, and the noise in it."""
    leftovers = [leftovers_of_fits(traces, evaluation) for traces in samples]
    return [(left, left.noise(evaluation)) for left in leftovers]


def _tests_of_mains(
    plain: Evaluation, measured: Sequence[tuple[Leftovers, NoiseModel]], samples: Sequence[Array]
) -> tuple[NuisanceTest, ...]:
    """Return the test of mains in windows that are fitted by themselves, where they are part of the noise."""
    if max(noise.shares.get("mains", 0.0) for _, noise in measured) < _LEAST_MAINS:
        return ()
    frequency = mains_frequency([left for left, _ in measured])
    if frequency is None:
        return ()
    tried = _with_nuisances(plain, [f"mains:{frequency:g}Hz"])
    leftovers = [leftovers_of_fits(traces, tried) for traces in samples]
    finer = refined_frequency(leftovers, tried)
    if finer != frequency:
        tried = _with_nuisances(plain, [f"mains:{finer:g}Hz"])
        leftovers = [leftovers_of_fits(traces, tried) for traces in samples]
    beside = [(left, left.noise(tried)) for left in leftovers]
    windows = windows_with_mains(measured, beside)
    tests = tests_of_nuisances([left for left, _ in beside], [noise for _, noise in beside], tried)
    if not windows:
        return ()
    only = "" if len(windows) == len(plain.settings.windows) else str(windows[0])
    return tuple(replace(test, text=test.text.replace("mains", f"mains{only}")) for test in tests)


def _tests(plain: Evaluation, possible: Sequence[str], samples: Sequence[Array]) -> tuple[NuisanceTest, ...]:
    """Return the tests of nuisances, all fitted at once."""
    texts = [name for name in possible if name != "mains"]
    without_mains = _with_nuisances(plain, texts)
    # A frequency takes fewer traces than the test; where they show none all are fitted without.
    frequency = mains_frequency(
        [leftovers_of_fits(traces[:: max(1, len(traces) // _TIMED)], without_mains) for traces in samples]
    )
    tried = without_mains
    if frequency is not None:
        tried = _with_nuisances(plain, [*texts, f"mains:{frequency:g}Hz"])
    leftovers = [leftovers_of_fits(traces, tried) for traces in samples]
    noises, tests = _noises_and_tests(leftovers, tried)
    # Fits once more with the frequency refined are for mains that are there.
    if any(test.counts for test in tests if test.text.startswith("mains")):
        finer = refined_frequency(leftovers, tried)
        if finer != frequency:
            tried = _with_nuisances(plain, [*texts, f"mains:{finer:g}Hz"])
            leftovers = [leftovers_of_fits(traces, tried) for traces in samples]
            noises, tests = _noises_and_tests(leftovers, tried)
    asked = [test.counts and not test.unclear and not test.text.startswith("mains") for test in tests]
    if any(asked) and is_chosen_by_noise(samples, leftovers, noises, tried):
        nothing = [NuisanceTest(test.text, 0.0, 0.0, 0.0) for test in tests]
        tests = tuple(none if yes else test for test, none, yes in zip(tests, nothing, asked, strict=True))
        asked = [False] * len(tests)
    rival = rival_of_kernel(samples, leftovers, noises, tried) if any(asked) else ""
    tests = tuple(replace(test, rival=rival) if yes else test for test, yes in zip(tests, asked, strict=True))
    # They were looked for, too, where nothing has a frequency of theirs.
    return tests if frequency is not None else (*tests, NuisanceTest("mains", 0.0, 0.0, 0.0))


def _noises_and_tests(
    leftovers: Sequence[Leftovers], tried: Evaluation
) -> tuple[list[NoiseModel], tuple[NuisanceTest, ...]]:
    """Return the noise in what fits with nuisances leave over, and the tests of these."""
    white = tried.recipe.noise == "white"
    noises = [NoiseModel() if white else left.noise(tried) for left in leftovers]
    return noises, tests_of_nuisances(leftovers, noises, tried)


def _with_nuisances(evaluation: Evaluation, chosen: Sequence[str]) -> Evaluation:
    return replace(evaluation, recipe=replace(evaluation.recipe, nuisance=",".join(chosen) or "none"))


def sample_of_traces(evaluation: Evaluation, pulse: int, *, most: int = TRACES) -> Array:
    """Return traces of whole rows, evenly over the image, shape (n, time); NaN for what is no displacement."""
    displacement = evaluation.dataset["displacement"]
    rows, every = _sampled(displacement.sizes["y"], displacement.sizes["x"], most)
    chosen = displacement.isel(pulse=pulse, y=rows)
    values = np.array(chosen.values, dtype=np.float64).reshape(-1, displacement.sizes["time"])
    values[~(np.abs(values) <= LARGEST)] = np.nan
    return values[::every]


def sampled_pixels(shape: tuple[int, int], *, most: int = TRACES) -> NDArray[np.bool_]:
    """Return which pixels of an image, shape (y, x), `sample_of_traces` takes."""
    rows, every = _sampled(*shape, most)
    taken = np.zeros(shape, dtype=bool)
    numbers = np.arange(taken.size).reshape(shape)[rows].ravel()[::every]
    taken.ravel()[numbers] = True
    return taken


def _sampled(height: int, width: int, most: int) -> tuple[slice, int]:
    """Return the rows of a sample, and which of their traces: a single row may be longer than need be."""
    step = max(1, int(height * width / most))
    rows = slice(step // 2, None, step) if step < height else slice(height // 2, height // 2 + 1)
    count = len(range(*rows.indices(height))) * width
    return rows, max(1, count // most)


def _median_error(samples: Sequence[Array], evaluation: Evaluation) -> float:
    """Return the median standard error of ln tau, in parts of the root mean square of what is left over."""
    relative = []
    for traces in samples:
        maps = fits_from_traces(traces[:: max(1, len(traces) // _PRICED)], evaluation)
        for number in evaluation.settings.windows:
            tau, error, rms, status = (
                maps[map_name(name, number)] for name in ("tau", "tau_stderr", "rms", "status")
            )
            relative.append((error / tau / rms)[status == OK])
    values = np.concatenate(relative)
    return float(np.median(values)) if values.size else np.nan
