"""Which kernel the traces of a dataset support: maps of the best one, of the evidence for it, and the votes counted.

Only pixels with a response vote: those that pass the gates of a fit, |H| above the threshold and an exponential that
describes the pulse or the relaxation better than a constant. Noise alone supports any kernel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import Block
from napari_tesm.data.displacement import response_probability, threshold_from_displacement
from napari_tesm.data.maps import WINDOWS
from napari_tesm.data.parity import coordinates_of_pulses
from napari_tesm.data.protocol import Window
from napari_tesm.evaluation.displacement_maps import displacement_of_pulses
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import instrument_of, sample_of_traces, sampled_pixels
from napari_tesm.evaluation.levels import height_from_traces
from napari_tesm.evaluation.pipeline import Progress, evaluate_blocks
from napari_tesm.evaluation.recipe import OF_NOISE, Recipe
from napari_tesm.evaluation.settings import low_pass_from_protocol, pulse_from_recipe, record_from_recipe
from napari_tesm.evaluation.traces import maps_from_traces
from napari_tesm.fitting import fit_traces
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.model_choice.averages import AveragedDiffusion, averages_of_map
from napari_tesm.model_choice.design import Design, design_from_sample
from napari_tesm.model_choice.evidence import (
    COMPARED,
    ModelChoice,
    checked_kernels,
    model_choice,
    noise_and_misfits,
    sample_from_traces,
)
from napari_tesm.model_choice.misfits import CommonCurves, Misfits, pooled_share
from napari_tesm.model_choice.rivals import Sample
from napari_tesm.model_choice.votes import KernelVotes
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.quantities.status import BELOW_THRESHOLD, INVALID, NO_RESPONSE, OK, STATUS_MEANINGS

Array = NDArray[np.float64]

BEST: Final = "best_kernel"
EVIDENCE: Final = "evidence"
MISFIT: Final = "misfit"
VOTING: Final = "voting"
MAPS: Final = {
    BEST: "Best kernel",
    EVIDENCE: "Evidence",
    MISFIT: "Misfit",
}
"""Titles of the maps that every comparison gives, by their names."""
AVERAGE_MAPS: Final = {
    f"{quantity}_{number}": title.format(number=number)
    for number in WINDOWS
    for quantity, title in (
        ("D_kernels", "D{number} over kernels"),
        ("D_kernels_noise", "D{number} over kernels: error from noise"),
        ("D_kernels_spread", "D{number} over kernels: error between kernels"),
    )
}
"""Titles of those that need a tip radius; errors are those of ln D."""
_FINER: Final = 4
"""Blocks are smaller than those of a fit by this: a choice takes longer, and Cancel waits for the end of one."""


@dataclass(frozen=True, eq=False)
class KernelChoice:
    """What the traces of a dataset say about several kernels.

    Parameters
    ----------
    votes : tuple of KernelVotes
        One for each pulse setting.
    maps : Dataset
        Of dims (pulse, y, x): ``best_kernel``, the number of the kernel that describes a pixel best, −1 where it has no
        vote; ``evidence``, AICc of the second best less that of the best; ``misfit``, the share of what the kernel
        recommended for the pulse setting leaves over that all traces of one shape have in common, of a pixel with its
        neighbours, 0 on average where that is noise; ``voting``, 0 where a pixel votes, else why not, as status values.
        Evidence and misfit are NaN where a pixel has no vote. After `with_averages` those of `AVERAGE_MAPS`, too.
    weights : ndarray, shape (kernels, pulse, y, x)
        Evidence for each kernel among those compared; NaN where a pixel has no vote.
    noises : tuple of NoiseModel
        For each pulse setting that by which the kernels were judged.
    averages : tuple of tuple of AveragedDiffusion
        For each pulse setting D over the kernels (`with_averages`); empty where it was not asked for.
    """

    votes: tuple[KernelVotes, ...]
    maps: xr.Dataset
    weights: Array
    noises: tuple[NoiseModel, ...] = ()
    averages: tuple[tuple[AveragedDiffusion, ...], ...] = ()

    @property
    def kernels(self) -> tuple[str, ...]:
        """The kernels that were compared, in the order of the numbers in ``best_kernel``."""
        return self.votes[0].kernels

    @property
    def together(self) -> KernelVotes:
        """The votes of all pulse settings."""
        return KernelVotes.joined(self.votes)

    def recommended(self) -> str | None:
        """Return the kernel that all pulse settings together support; None where no pixel votes."""
        return self.together.recommended()

    def sentence(self) -> str:
        """Return what all pulse settings together support, in words."""
        return self.together.sentence()

    @property
    def titles(self) -> dict[str, str]:
        """Titles of the maps that are shown and written, by their names."""
        return MAPS | {name: title for name, title in AVERAGE_MAPS.items() if name in self.maps}

    def averages_of(self, pulse: int) -> tuple[AveragedDiffusion, ...]:
        """Return what D over the kernels comes to in a pulse setting; nothing where it was not asked for."""
        return self.averages[pulse] if self.averages else ()

    def left_out(self, pulse: int) -> dict[str, int]:
        """Return how many pixels of a pulse setting have no vote, by the reason."""
        counts = np.bincount(self.maps["voting"].values[pulse].ravel(), minlength=len(STATUS_MEANINGS))
        return {
            meaning: int(count)
            for number, (meaning, count) in enumerate(zip(STATUS_MEANINGS, counts, strict=True))
            if number != OK and count
        }


def choice_of_kernels(
    evaluation: Evaluation,
    *,
    kernels: Sequence[str] = COMPARED,
    jobs: int = 1,
    progress: Progress | None = None,
) -> KernelChoice:
    """Return which kernel the traces of each pulse setting support.

    Parameters
    ----------
    evaluation : Evaluation
        Of its recipe, protocol, threshold, response level and the time to skip after the edges count; its traces are
        read block by block.
    kernels : sequence of str
        At least two.
    jobs : int
        Threads; the numbers are the same for any number.
    progress : callable, optional
        Called with the fraction done and a few words; what it raises
        (`napari_tesm.evaluation.pipeline.Cancelled`) ends the run.

    Raises
    ------
    ValueError
        If a kernel is not known, it is not known when the pulse was on, windows of the recipe leave out a part of the
        record, or pulse or relaxation hold too few samples.
    """
    jury = _jury_from_evaluation(evaluation, checked_kernels(kernels))
    dataset, recipe = evaluation.dataset, evaluation.recipe
    shape = tuple(dataset.sizes[name] for name in ("pulse", "y", "x"))
    best = np.full(shape, -1, dtype=np.int16)
    evidence = np.full(shape, np.nan)
    along, power = np.full((2, len(jury.kernels), *shape), np.nan)
    sampled = sampled_pixels((shape[1], shape[2]))
    weights = np.full((len(jury.kernels), *shape), np.nan)
    voting = np.full(shape, INVALID, dtype=np.int8)
    height = displacement_of_pulses(dataset, jury.pulse)
    # In units of the noise every pixel has a threshold of its own.
    instrument = instrument_of(evaluation) if recipe.threshold_of == OF_NOISE else None
    limits = np.zeros(shape)
    if recipe.threshold_of != OF_NOISE:
        for limit, h in zip(limits, height, strict=True):
            limit[...] = threshold_from_displacement(h, recipe.threshold, of=recipe.threshold_of)
    votes: dict[tuple[int, int, int], KernelVotes] = {}

    def limits_of(traces: NDArray[np.floating], pulse: int) -> Array:
        if instrument is None:
            return np.full(len(traces), limits[pulse].flat[0])
        fitted = maps_from_traces(traces, instrument.evaluation)
        return np.asarray(recipe.threshold * instrument.error_of_displacement(fitted, pulse))

    measured = [jury.noise_and_misfits(pulse, limits_of) for pulse in range(shape[0])]

    def evaluate(unread: xr.DataArray, block: Block) -> None:
        traces, (pulse, rows, columns) = unread.values, block
        if instrument is not None:
            errors = limits_of(traces.reshape(-1, traces.shape[-1]), pulse)
            limits[block] = errors.reshape(height[block].shape)
        status = jury.status(traces, height[block], limits[block])
        asked = status == OK
        noise, misfits = measured[pulse]
        choice = jury.choice(traces[asked], noise, misfits.common, sampled[rows, columns][asked])
        status[asked] = np.where(choice.best >= 0, OK, INVALID)
        voting[block] = status
        for whole, part in ((best, choice.best), (evidence, choice.evidence)):
            whole[block][asked] = part
        for stack, parts in ((weights, choice.weight), (along, choice.along), (power, choice.power)):
            stack[(slice(None), *block)][:, asked] = parts
        votes[pulse, rows.start, columns.start] = choice.votes(left_out=int((~asked).sum()))

    held = _FINER * evaluation.time.size
    evaluate_blocks(evaluate, dataset, samples=held, jobs=jobs, progress=progress, words="comparing kernels")
    # In the order of the blocks, not of the threads: how a sum is rounded depends on it.
    in_order = [(place[0], votes[place]) for place in sorted(votes)]
    of_pulse = [
        replace(
            KernelVotes.joined([of_block for p, of_block in in_order if p == pulse]),
            misfit=misfits.shares,
            # Noise that is taken for white must look white, whatever traces have in common.
            misfit_limit=None if jury.takes_white else misfits.limit,
        )
        for pulse, (_, misfits) in enumerate(measured)
    ]
    misfit = np.full(shape, np.nan)
    for pulse, of_setting in enumerate(of_pulse):
        if (name := of_setting.recommended()) is not None:
            number = jury.kernels.index(name)
            misfit[pulse] = pooled_share(along[number, pulse], power[number, pulse], voting[pulse] == OK)
    maps = {BEST: best, EVIDENCE: evidence, MISFIT: misfit, VOTING: voting}
    made = _dataset_of_maps(jury, maps, np.nanmedian(limits, axis=(1, 2)))
    return KernelChoice(tuple(of_pulse), made, weights, tuple(noise for noise, _ in measured))


def with_averages(choice: KernelChoice, evaluation: Evaluation, *, jobs: int = 1) -> KernelChoice:
    """Return a choice with D over its kernels, for each pulse setting and pixel; as it is without a tip radius.

    Every kernel is fitted to the whole map.
    """
    if evaluation.settings.length is None or not choice.together.judged:
        return choice
    averages = averages_of_map(choice.kernels, choice.weights, evaluation, jobs=jobs)
    maps = choice.maps.copy()
    for place, number in enumerate(WINDOWS):
        of_pulses = [by_window[place][0] for by_window in averages]
        for quantity, unit, stack in (
            ("D_kernels", "m²/s", [of_pulse.diffusion for of_pulse in of_pulses]),
            ("D_kernels_noise", "", [of_pulse.noise_error for of_pulse in of_pulses]),
            ("D_kernels_spread", "", [of_pulse.kernel_error for of_pulse in of_pulses]),
        ):
            name = f"{quantity}_{number}"
            attributes = {"units": unit, "long_name": AVERAGE_MAPS[name]}
            maps[name] = (("pulse", "y", "x"), np.stack(stack), attributes)
    said = tuple(tuple(s for _, s in by_window if s is not None) for by_window in averages)
    return replace(choice, maps=maps, averages=said)


def designs_from_choice(choice: KernelChoice, evaluation: Evaluation) -> tuple[Design | None, ...]:
    """Return for each pulse setting which other records would tell its kernel from the others; None without votes.

    Parameters
    ----------
    choice : KernelChoice
        Of this evaluation.
    """
    jury = _jury_from_evaluation(evaluation, choice.kernels)
    sampled = sampled_pixels((evaluation.dataset.sizes["y"], evaluation.dataset.sizes["x"]))
    designs: list[Design | None] = []
    for pulse, votes in enumerate(choice.votes):
        kernel = votes.recommended()
        design = None
        if kernel is not None:
            asked = (choice.maps[VOTING].values[pulse] == OK)[sampled]
            traces = sample_of_traces(evaluation, pulse)[asked]
            sample = jury.sample(traces, kernel, choice.noises[pulse]) if len(traces) else None
            rivals = [name for name in choice.kernels if name != kernel]
            design = None if sample is None else design_from_sample(sample, rivals, pixels=votes.judged)
        designs.append(design)
    return tuple(designs)


def check_choice(evaluation: Evaluation, *, kernels: Sequence[str] = COMPARED) -> None:
    """See that kernels can be compared, without reading a trace; raises as `choice_of_kernels`."""
    _jury_from_evaluation(evaluation, checked_kernels(kernels))


@dataclass(frozen=True, eq=False)
class _Jury:
    """What is compared, and on which samples: pulse and relaxation are the record that all kernels describe."""

    evaluation: Evaluation
    kernels: tuple[str, ...]
    pulse: Window
    relaxation: Window
    low_pass: LowPass | None

    @property
    def takes_white(self) -> bool:
        """Whether all noise is taken for white."""
        return self.evaluation.recipe.noise == "white"

    def status(self, traces: NDArray[np.floating], height: Array, threshold: Array) -> NDArray[np.int8]:
        """Return 0 where a trace deserves a vote, else the status value that says why not, shape of `height`."""
        status = np.full(height.shape, BELOW_THRESHOLD, dtype=np.int8)
        status[~np.isfinite(height)] = INVALID
        high = np.abs(height) >= threshold
        status[high] = np.where(self._responds(traces[high]), OK, NO_RESPONSE)
        return status

    def _responds(self, traces: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether an exponential describes the pulse or the relaxation better than a constant, as a fit asks."""
        responding = np.zeros(len(traces), dtype=bool)
        time, recipe = self.evaluation.time, self.evaluation.recipe
        for window in (self.pulse, self.relaxation):
            inside = window.samples(time, skip=recipe.skip_after_edge)
            fitted = fit_traces(traces[:, inside], time[inside])
            responding |= response_probability(fitted.r2, fitted.samples) < recipe.response_level
        return responding

    def choice(
        self,
        traces: NDArray[np.floating],
        noise: NoiseModel | None = None,
        common: Sequence[CommonCurves] = (),
        own: NDArray[np.bool_] | None = None,
    ) -> ModelChoice:
        """Return what traces, shape (n, time), say; n may be 0."""
        return model_choice(
            traces, self.evaluation.time, self.pulse, noise=noise, common=common, own=own, **self._question
        )

    def sample(self, traces: Array, kernel: str, noise: NoiseModel) -> Sample | None:
        """Return what traces, shape (n, time), are for the design of other records."""
        return sample_from_traces(traces, self.evaluation.time, self.pulse, kernel, noise, **self._question)

    def noise_and_misfits(
        self, pulse: int, limits_of: Callable[[Array, int], Array]
    ) -> tuple[NoiseModel, Misfits]:
        """Return the noise of a pulse setting by which the kernels are judged, and what they miss.

        `limits_of` gives the smallest |H| that counts, of traces of a pulse setting.
        """
        noises = None
        if not self.takes_white:
            noises = [instrument_of(self._fit(name)).noises[pulse] for name in self.kernels]
        traces = sample_of_traces(self.evaluation, pulse)
        height = height_from_traces(traces, self.evaluation.time, self.pulse, low_pass=self.low_pass)
        asked = traces[self.status(traces, height, limits_of(traces, pulse)) == OK]
        return noise_and_misfits(asked, self.evaluation.time, self.pulse, noises, **self._question)

    def _fit(self, kernel: str) -> Evaluation:
        """Return the fit of a kernel to the record as it is."""
        recipe = replace(self.evaluation.recipe, kernel=kernel, geometry=Recipe().geometry, nuisance="none")
        return replace(self.evaluation, recipe=recipe)

    @property
    def _question(self) -> dict[str, Any]:
        return {
            "kernels": self.kernels,
            "stop": self.relaxation.stop,
            "skip": self.evaluation.recipe.skip_after_edge,
            "low_pass": self.low_pass,
        }


def _jury_from_evaluation(evaluation: Evaluation, kernels: tuple[str, ...]) -> _Jury:
    recipe, protocol = evaluation.recipe, evaluation.protocol
    pulse = pulse_from_recipe(protocol, recipe)
    record = record_from_recipe(protocol, pulse, recipe, who="a comparison of kernels takes")
    assert pulse is not None
    assert pulse.stop is not None
    relaxation = Window(pulse.stop, record.stop)
    jury = _Jury(evaluation, kernels, pulse, relaxation, low_pass_from_protocol(protocol, recipe))
    jury.choice(np.empty((0, evaluation.time.size)))  # nothing to judge yet, but what has to be refused is
    return jury


def _dataset_of_maps(jury: _Jury, maps: dict[str, NDArray[np.generic]], thresholds: Array) -> xr.Dataset:
    from napari_tesm.version import __version__

    flags = {
        BEST: (np.arange(len(jury.kernels), dtype=np.int16), jury.kernels),
        VOTING: (np.arange(len(STATUS_MEANINGS), dtype=np.int8), STATUS_MEANINGS),
    }
    variables = {}
    for name, values in maps.items():
        attributes: dict[str, object] = {"units": "", "long_name": MAPS.get(name, name)}
        if name in flags:
            attributes |= {"flag_values": flags[name][0], "flag_meanings": " ".join(flags[name][1])}
        variables[name] = (("pulse", "y", "x"), values, attributes)
    dataset = jury.evaluation.dataset
    coordinates = {name: dataset[name].variable for name in ("x", "y")} | coordinates_of_pulses(dataset)
    unit = str(dataset["displacement"].attrs["units"])
    coordinates["threshold"] = xr.Variable("pulse", thresholds, {"units": unit})
    record = Window(jury.pulse.start, jury.relaxation.stop)
    return xr.Dataset(
        variables,
        coords=coordinates,
        attrs={"recipe": jury.evaluation.recipe.to_json(), "version": __version__, "record": str(record)},
    )
