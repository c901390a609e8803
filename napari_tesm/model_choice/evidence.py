r"""Which kernel the data support: information criterion, evidence and whiteness of the residuals, pixel by pixel.

All kernels are judged on the same samples, from the start of the pulse on. Kernels of one window describe pulse and
relaxation with parameters of their own and pay for them in the criterion,

.. math:: \mathrm{AICc} = n \ln(\mathrm{RSS}/n) + 2k + \frac{2k(k+1)}{n-k-1}

(Hurvich, C. M. and Tsai, C.-L. (1989). Biometrika 76, 297-307), k counting the noise, too. The criterion only ranks:
whether the best kernel describes the data at all is said by its residuals: traces of one shape must have nothing in
common (`napari_tesm.model_choice.misfits`), and where they are too few to tell, each must be white (Ljung, G. M. and
Box, G. E. P. (1978). Biometrika 65, 297-303). Where the noise is not white, residuals are decorrelated before, and n is
the number of independent samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.data.protocol import Window
from napari_tesm.evaluation.tangents import logarithms_of_parameters, parameter_names
from napari_tesm.fitting import FEWEST_SAMPLES, fit_traces
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.named import ALL_KERNELS, AnyKernel, fitted_curves, kernel_from_name
from napari_tesm.model_choice.decorrelation import FittedPart, decorrelated
from napari_tesm.model_choice.likely_noise import Explained, likely_noise
from napari_tesm.model_choice.misfits import CommonCurves, Misfits
from napari_tesm.model_choice.rivals import Sample, Setting
from napari_tesm.model_choice.votes import KernelVotes
from napari_tesm.model_choice.whiteness import whiteness_of_residuals
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.processes import processes_from_times
from napari_tesm.quantities.limits import LARGEST

Array = NDArray[np.float64]

COMPARED: Final = ("exponential", "stretched", "flux-pulse", "clamped")
"""The paper's kernel, its empirical widening, and the two conditions under the tip."""
WHITE_LEVEL: Final = 0.01
"""Residuals are white where noise would look less so with at least this probability."""
_CHUNK: Final = 4096


@dataclass(frozen=True, eq=False)
class ModelChoice:
    """What the data of each trace say about each kernel; the first axis is that of the kernels.

    Parameters
    ----------
    kernels : tuple of str
    parameters : tuple of int
        Of each kernel, with the noise.
    aicc : ndarray, shape (kernels, ...)
        NaN where a trace cannot be judged.
    weight : ndarray, shape (kernels, ...)
        Akaike weights: the evidence for each kernel among those compared, summing to one.
    whiteness : ndarray, shape (kernels, ...)
        Probability of residuals at least as correlated as these, if they were white.
    best : ndarray of int, shape (...)
        Number of the kernel with the smallest AICc; −1 where a trace cannot be judged.
    along, power : ndarray, shape (kernels, ...)
        Squares of what a kernel leaves over, along what traces of one shape have in common and in all; NaN where that
        was not asked or a trace has no company.
    """

    kernels: tuple[str, ...]
    parameters: tuple[int, ...]
    aicc: Array
    weight: Array
    whiteness: Array
    best: NDArray[np.intp]
    along: Array
    power: Array

    @property
    def evidence(self) -> Array:
        """AICc of the second best kernel less that of the best, shape (...): beyond 10 the choice is clear."""
        ordered = np.sort(self.aicc, axis=0)
        return np.asarray(ordered[1] - ordered[0])

    def votes(self, *, left_out: int = 0) -> KernelVotes:
        """Return what all traces say together.

        Parameters
        ----------
        left_out : int
            Traces that were not even asked.
        """
        judged = self.best >= 0
        return KernelVotes(
            self.kernels,
            self.parameters,
            int(judged.sum()),
            tuple(np.bincount(self.best[judged], minlength=len(self.kernels)).tolist()),
            tuple((self.whiteness[:, judged] >= WHITE_LEVEL).sum(axis=1).tolist()),
            tuple(self.aicc[:, judged].sum(axis=1).tolist()),
            int((~judged).sum()) + left_out,
        )


def model_choice(
    traces: ArrayLike,
    time: ArrayLike,
    pulse: Window,
    *,
    kernels: Sequence[str] = COMPARED,
    stop: float | None = None,
    skip: float = 0.0,
    low_pass: LowPass | None = None,
    noise: NoiseModel | None = None,
    common: Sequence[CommonCurves] = (),
    own: NDArray[np.bool_] | None = None,
) -> ModelChoice:
    """Return what traces say about several kernels.

    Parameters
    ----------
    traces : array-like, shape (..., time)
    time : array-like, shape (time,)
        Increasing sample times, in s.
    pulse : Window
        When the pulse was on.
    kernels : sequence of str
        At least two, of one or two parameters.
    stop : float, optional
        Samples from this time on are left out, in s.
    skip : float
        So are samples within this time, in s, after the start and the end of the pulse.
    low_pass : LowPass, optional
        The lock-in's filter that all kernels pass.
    noise : NoiseModel, optional
        Of the traces; white by default.
    common : sequence of CommonCurves, optional
        What each kernel misses (`noise_and_misfits`).
    own : ndarray of bool, shape (...), optional
        Whether a trace was among those that show what kernels miss; none was by default.

    Raises
    ------
    ValueError
        If a kernel is not known or named twice, there are fewer than two, or pulse or relaxation hold too few samples.
    """
    question = _Question.of(time, pulse, kernels, stop, skip, low_pass)
    names, parameters = question.names, question.parameters
    values = np.asarray(traces)
    shape = values.shape[:-1]
    flat = values.reshape(-1, values.shape[-1])[:, question.record]
    aicc, whiteness, along, power = np.full((4, len(names), len(flat)), np.nan)
    in_sample = np.zeros(len(flat), dtype=bool) if own is None else own.ravel()
    for start in range(0, len(flat), _CHUNK):
        rows = slice(start, start + _CHUNK)
        y = finite_or_nan(flat[rows])
        for number, name in enumerate(names):
            residuals, fits = question.fitted(y, name)
            if common:
                along[number, rows], power[number, rows] = common[number].along(
                    residuals, fits, in_sample[rows]
                )
            if noise is None or noise.is_white:
                aicc[number, rows] = _aicc(residuals, parameters[number])
                whiteness[number, rows] = whiteness_of_residuals(residuals)
            else:
                left, count, whiteness[number, rows] = decorrelated(residuals, fits, question.since, noise)
                aicc[number, rows] = _aicc(left, parameters[number], count)
    judged = np.isfinite(aicc).all(axis=0)
    aicc[:, ~judged] = np.nan
    whiteness[:, ~judged] = np.nan
    best = np.where(judged, np.where(judged, aicc, np.inf).argmin(axis=0), -1)
    with np.errstate(invalid="ignore"):
        weight = np.exp(-(aicc - np.where(judged, np.where(judged, aicc, 0).min(axis=0), np.nan)) / 2)
    weight /= weight.sum(axis=0)
    by_kernel = (len(names), *shape)
    return ModelChoice(
        kernels=names,
        parameters=parameters,
        aicc=aicc.reshape(by_kernel),
        weight=weight.reshape(by_kernel),
        whiteness=whiteness.reshape(by_kernel),
        best=best.reshape(shape),
        along=along.reshape(by_kernel),
        power=power.reshape(by_kernel),
    )


def checked_kernels(kernels: Sequence[str]) -> tuple[str, ...]:
    """Return kernels that can be compared, or raise a ValueError."""
    names = tuple(kernels)
    for name in names:
        kernel_from_name(name)
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError("a choice needs at least two kernels, none of them twice")
    return names


def noise_and_misfits(
    traces: ArrayLike,
    time: ArrayLike,
    pulse: Window,
    noises: Sequence[NoiseModel] | None,
    *,
    kernels: Sequence[str] = COMPARED,
    stop: float | None = None,
    skip: float = 0.0,
    low_pass: LowPass | None = None,
) -> tuple[NoiseModel, Misfits]:
    """Return the noise that all kernels are judged by (`napari_tesm.model_choice.likely_noise`), and what they miss.

    Parameters
    ----------
    traces : array-like, shape (n, time)
        With a response.
    noises : sequence of NoiseModel, optional
        What each kernel leaves over; None takes all noise for white.
    time, pulse, kernels, stop, skip, low_pass
        As for `model_choice`.
    """
    question = _Question.of(time, pulse, kernels, stop, skip, low_pass)
    y = finite_or_nan(np.asarray(traces)[:, question.record])
    if not len(y):
        return NoiseModel(), Misfits((np.nan,) * len(question.names))
    explained = [
        Explained(*question.fitted(y, name), question.since, parameters)
        for name, parameters in zip(question.names, question.parameters, strict=True)
    ]
    noise = NoiseModel()
    if noises is not None:
        noise = likely_noise(explained, noises, processes_from_times(question.since, low_pass))
    return noise, Misfits.of(explained, noise)


def sample_from_traces(
    traces: ArrayLike,
    time: ArrayLike,
    pulse: Window,
    kernel: str,
    noise: NoiseModel,
    *,
    kernels: Sequence[str] = COMPARED,
    stop: float | None = None,
    skip: float = 0.0,
    low_pass: LowPass | None = None,
) -> Sample | None:
    """Return what traces are, for the design of other records: medians of the fits of one of the kernels.

    Parameters
    ----------
    kernel : str
        That the traces support, one of `kernels`.
    noise : NoiseModel
        Of the traces.
    traces, time, pulse, kernels, stop, skip, low_pass
        As for `model_choice`.

    Returns
    -------
    Sample or None
        None where no trace has a fit.
    """
    question = _Question.of(time, pulse, kernels, stop, skip, low_pass)
    y = finite_or_nan(np.asarray(traces)[:, question.record])
    residuals, parts = question.fitted(y, kernel)
    left, count, _ = decorrelated(residuals, parts, question.since, noise)
    free = np.maximum(count - question.parameters[question.names.index(kernel)], 1.0)
    spread = np.sqrt(np.nansum(np.square(left), axis=1) / free)
    shapes, amplitudes = [], []
    good = np.isfinite(left).any(axis=1) & (spread > 0)
    for part in parts:
        good &= np.isfinite(list(part.values.values())).all(axis=0)
    if not good.any():
        return None
    for part in parts:
        names = parameter_names(part.kernel)[:-2]
        places = np.median(logarithms_of_parameters(part.kernel, part.values)[:, good], axis=1)
        shapes.append(
            {n: float(x if n == "share" else np.exp(x)) for n, x in zip(names, places, strict=True)}
        )
        amplitudes.append(float(np.median(part.values["a"][good] / spread[good])))
    step = float(np.median(np.diff(question.since)))
    assert pulse.stop is not None
    length = pulse.stop - pulse.start
    setting = Setting(length, float(question.since[-1]) + step - pulse.stop)
    return Sample(kernel, tuple(shapes), tuple(amplitudes), setting, step, noise, skip, low_pass)


def finite_or_nan(traces: NDArray[Any]) -> Array:
    """Return traces with NaN for what is not finite, or so large that it is no displacement."""
    values = traces.astype(np.float64)
    values[~(np.abs(values) <= LARGEST)] = np.nan
    return values


@dataclass(frozen=True, eq=False)
class _Question:
    """Which kernels are compared, and on which samples.

    Parameters
    ----------
    names : tuple of str
    kernels : dict of str to Kernel or ShapeKernel
    record : slice
        Samples from the start of the pulse on.
    since : ndarray
        Their times, in s.
    """

    names: tuple[str, ...]
    kernels: dict[str, AnyKernel]
    pulse: Window
    record: slice
    since: Array
    parts: list["_Part"]

    @classmethod
    def of(
        cls,
        time: ArrayLike,
        pulse: Window,
        kernels: Sequence[str],
        stop: float | None,
        skip: float,
        low_pass: LowPass | None,
    ) -> Self:
        names = checked_kernels(kernels)
        if pulse.stop is None:
            raise ValueError("it is not known when the pulse ends: give its length")
        times = np.asarray(time, dtype=np.float64)
        record = Window(pulse.start, stop).samples(times)
        since = times[record]
        windows = (pulse, Window(pulse.stop, stop))
        parts = [
            _Part(since, window.start, window.samples(since, skip=skip), title)
            for window, title in zip(windows, ("the pulse", "the relaxation"), strict=True)
        ]
        length = pulse.stop - pulse.start
        by_name = {name: kernel_from_name(name, pulse=length, low_pass=low_pass) for name in names}
        return cls(names, by_name, pulse, record, since, parts)

    @property
    def parameters(self) -> tuple[int, ...]:
        """How many numbers describe the record: time, amplitude, final value …, and the noise."""
        return tuple(_parameters(name) for name in self.names)

    def fitted(self, y: Array, name: str) -> tuple[Array, list[FittedPart]]:
        """Return data less fit, NaN where a sample is missing or left out or nothing could be fitted, and the fits."""
        kernel, residuals = self.kernels[name], np.full(y.shape, np.nan)
        ranges = [(np.arange(part.samples.start, part.samples.stop), part.start) for part in self.parts]
        if kernel.joint:
            kept = np.concatenate([samples for samples, _ in ranges])
            ranges = [(kept, min(self.pulse.start, float(self.since[kept[0]])))]
        fits = []
        for samples, start in ranges:
            times = self.since[samples]
            fitted = fit_traces(y[:, samples], times, kernel=kernel, start=start)
            numbers = {"tau": fitted.tau, "a": fitted.a, "c": fitted.c, **fitted.extra}
            curves = fitted_curves(kernel, times - start, numbers)
            residuals[:, samples] = y[:, samples] - curves
            # Domains of either sign miss curves of either sign.
            height = np.copysign(curves.std(axis=1), fitted.a)
            fits.append(FittedPart(kernel, samples, times - start, numbers, height))
        return residuals, fits


class _Part:
    """One of the two windows: which samples of the record it has, and when its kernel begins."""

    def __init__(self, record: Array, start: float, samples: slice, title: str) -> None:
        fewest = FEWEST_SAMPLES + 2
        if samples.stop - samples.start < fewest:
            raise ValueError(
                f"{title} holds {samples.stop - samples.start} samples where {fewest} are needed"
            )
        self.samples = samples
        self.start = min(start, float(record[samples][0]))


def _parameters(name: str) -> int:
    kernel = ALL_KERNELS[name]
    return kernel.parameters * (1 if kernel.joint else 2) + 1


def _aicc(residuals: Array, parameters: int, count: Array | None = None) -> Array:
    """Return AICc; of `count` independent samples where there are fewer than residuals."""
    present = np.isfinite(residuals)
    n = present.sum(axis=1) if count is None else count
    rss = np.square(np.where(present, residuals, 0.0)).sum(axis=1)
    usable = (n > parameters + 1) & (rss > 0)
    k, n = parameters, np.where(usable, n, parameters + 2)
    value = n * np.log(np.where(usable, rss, 1.0) / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    return np.asarray(np.where(usable, value, np.nan))
