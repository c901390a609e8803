"""What the instrument adds to the traces of a scan: its noise, and drift, step and mains where they are there.

Measured once from a sample of traces, before all are evaluated. What was found holds for every pixel.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.leftovers import leftovers_of_fits
from napari_tesm.evaluation.nuisance_tests import NuisanceTest, tests_of_nuisances
from napari_tesm.evaluation.recipe import AUTO
from napari_tesm.evaluation.window_noise import WindowNoise
from napari_tesm.noise.correlation import NoiseModel

Array = NDArray[np.float64]
Maps = dict[str, NDArray[Any]]

TRACES: Final = 1024
"""Of each pulse setting, in whole rows evenly over the image, that are looked at."""


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
    """

    evaluation: Evaluation
    noises: tuple[NoiseModel, ...]
    tests: tuple[NuisanceTest, ...] = ()
    windows: dict[tuple[int, int], WindowNoise] = field(default_factory=dict)

    def apply(self, maps: Maps, pulse: int) -> None:
        """Put the noise of a pulse setting into errors, statuses and the gate's p, in place; white noise is in them."""
        if self.noises[pulse].is_white:
            return
        for number in self.evaluation.settings.windows:
            key = (pulse, number)
            if key not in self.windows:
                self.windows[key] = WindowNoise.of(self.noises[pulse], self.evaluation, number)
            self.windows[key].apply(maps)

    def to_text(self) -> str:
        """Return what was measured, as JSON."""
        noises = [
            {
                "traces": noise.traces,
                "parts": [[p.kind, p.time, p.order, round(w, 6)] for p, w in noise.weights.items()],
            }
            for noise in self.noises
        ]
        return json.dumps({"noise": noises, "nuisances": [asdict(test) for test in self.tests]})


_DEPENDING: Final = (
    "kernel", "tau_bounds", "window1", "window2", "skip_after_edge", "lock_in_time_constant", "lock_in_order",
    "pulse_start", "pulse_duration", "max_log_tau_error", "noise", "nuisances",
)  # fmt: skip
"""What of a recipe the instrument depends on, beside the dataset."""


def instrument_of(evaluation: Evaluation) -> Instrument:
    """Return the instrument, measured once for all evaluations of the dataset with the same fits."""
    key = ("instrument", *(getattr(evaluation.recipe, name) for name in _DEPENDING))
    if key not in evaluation.memory:
        evaluation.memory[key] = _measured(evaluation)
    measured: Instrument = evaluation.memory[key]
    resolved = replace(
        evaluation, recipe=replace(evaluation.recipe, nuisances=measured.evaluation.recipe.nuisances)
    )
    return replace(measured, evaluation=resolved)


def _measured(evaluation: Evaluation) -> Instrument:
    recipe = evaluation.recipe
    pulses = evaluation.dataset.sizes["pulse"]
    white = recipe.noise == "white"
    if white and recipe.nuisances != AUTO:
        return Instrument(evaluation, (NoiseModel(),) * pulses)
    asked, evaluation = evaluation, _with_nuisances(evaluation, ())
    samples = [_sample(evaluation, pulse) for pulse in range(pulses)]
    leftovers = [leftovers_of_fits(traces, evaluation) for traces in samples]
    noises = [NoiseModel() if white else part.noise(evaluation) for part in leftovers]
    tests: tuple[NuisanceTest, ...] = ()
    if asked.recipe.nuisances == AUTO:
        tests = tests_of_nuisances(leftovers, noises, evaluation)
        chosen = [test.text for test in tests if test.counts]
        if chosen:
            evaluation = _with_nuisances(evaluation, chosen)
            if not white:
                noises = [leftovers_of_fits(traces, evaluation).noise(evaluation) for traces in samples]
    return Instrument(evaluation, tuple(noises), tests)


def _with_nuisances(evaluation: Evaluation, chosen: Sequence[str]) -> Evaluation:
    if evaluation.recipe.nuisances != AUTO and not chosen:
        return evaluation
    return replace(evaluation, recipe=replace(evaluation.recipe, nuisances=",".join(chosen) or "none"))


def _sample(evaluation: Evaluation, pulse: int) -> Array:
    """Return traces of whole rows, evenly over the image, shape (n, time)."""
    displacement = evaluation.dataset["displacement"]
    height, width = displacement.sizes["y"], displacement.sizes["x"]
    step = max(1, int(height * width / TRACES))
    rows = displacement.isel(pulse=pulse, y=slice(step // 2, None, step) if step < height else [height // 2])
    values = np.asarray(rows.values, dtype=np.float64).reshape(-1, displacement.sizes["time"])
    # A single row may be longer than need be.
    return values[:: max(1, len(values) // TRACES)]
