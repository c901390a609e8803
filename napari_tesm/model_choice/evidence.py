r"""Which kernel the data support: information criterion, evidence and whiteness of the residuals, pixel by pixel.

All kernels are judged on the same samples, from the start of the pulse on. Kernels of one window describe pulse and
relaxation with parameters of their own and pay for them in the criterion,

.. math:: \mathrm{AICc} = n \ln(\mathrm{RSS}/n) + 2k + \frac{2k(k+1)}{n-k-1}

(Hurvich, C. M. and Tsai, C.-L. (1989). Biometrika 76, 297-307), k counting the noise, too. The criterion only ranks:
whether the best kernel describes the data at all is said by its residuals, which must be white (Ljung, G. M. and Box,
G. E. P. (1978). Biometrika 65, 297-303).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.data.protocol import Window
from napari_tesm.fitting import FEWEST_SAMPLES, fit_traces
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.named import ALL_KERNELS, AnyKernel, fitted_curves, kernel_from_name
from napari_tesm.model_choice.votes import KernelVotes

Array = NDArray[np.float64]

COMPARED: Final = ("exponential", "stretched", "flux-pulse", "clamped")
"""The paper's kernel, its empirical widening, and the two conditions under the tip."""
LAGS: Final = 10
"""Lags of the test for white residuals."""
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
    """

    kernels: tuple[str, ...]
    parameters: tuple[int, ...]
    aicc: Array
    weight: Array
    whiteness: Array
    best: NDArray[np.intp]

    @property
    def evidence(self) -> Array:
        """AICc of the second best kernel less that of the best, shape (...): beyond 10 the choice is clear."""
        ordered = np.sort(self.aicc, axis=0)
        return np.asarray(ordered[1] - ordered[0])

    @property
    def white(self) -> Array:
        """Whiteness of the best kernel's residuals, shape (...); NaN where there is none."""
        chosen = np.take_along_axis(self.whiteness, np.maximum(self.best, 0)[None], axis=0)[0]
        return np.asarray(np.where(self.best >= 0, chosen, np.nan))

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

    Raises
    ------
    ValueError
        If a kernel is not known or named twice, there are fewer than two, or pulse or relaxation hold too few samples.
    """
    names = checked_kernels(kernels)
    if pulse.stop is None:
        raise ValueError("it is not known when the pulse ends: give its length")
    times = np.asarray(time, dtype=np.float64)
    values = np.asarray(traces)
    record = Window(pulse.start, stop).samples(times)
    since = times[record]
    windows = (pulse, Window(pulse.stop, stop))
    parts = [
        _Part(since, window.start, window.samples(since, skip=skip), title)
        for window, title in zip(windows, ("the pulse", "the relaxation"), strict=True)
    ]
    shape = values.shape[:-1]
    flat = values.reshape(-1, times.size)[:, record]
    aicc, whiteness = np.full((2, len(names), len(flat)), np.nan)
    length = pulse.stop - pulse.start
    by_name = {name: kernel_from_name(name, pulse=length, low_pass=low_pass) for name in names}
    parameters = tuple(_parameters(name) for name in names)
    for start in range(0, len(flat), _CHUNK):
        rows = slice(start, start + _CHUNK)
        y = flat[rows].astype(np.float64)
        y[~np.isfinite(y)] = np.nan
        for number, name in enumerate(names):
            residuals = _residuals(y, since, by_name[name], pulse, parts)
            aicc[number, rows] = _aicc(residuals, parameters[number])
            whiteness[number, rows] = whiteness_of_residuals(residuals)
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
    )


def checked_kernels(kernels: Sequence[str]) -> tuple[str, ...]:
    """Return kernels that can be compared, or raise a ValueError."""
    names = tuple(kernels)
    for name in names:
        kernel_from_name(name)
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError("a choice needs at least two kernels, none of them twice")
    return names


class _Part:
    """One of the two windows: which samples of the record it has, and when its kernel begins."""

    def __init__(self, record: Array, start: float, samples: slice, title: str) -> None:
        fewest = FEWEST_SAMPLES + 2
        if samples.stop - samples.start < fewest:
            raise ValueError(
                f"{title} holds {samples.stop - samples.start} samples where {fewest} are needed"
            )
        self.samples = samples
        self.time = record[samples]
        self.start = min(start, float(self.time[0]))


def _parameters(name: str) -> int:
    """Return how many numbers describe the record with a kernel: time, amplitude, final value …, and the noise."""
    kernel = ALL_KERNELS[name]
    return kernel.parameters * (1 if kernel.joint else 2) + 1


def _residuals(y: Array, time: Array, kernel: AnyKernel, pulse: Window, parts: list[_Part]) -> Array:
    """Return data less fit, NaN where a sample is missing or left out, or nothing could be fitted."""
    residuals = np.full(y.shape, np.nan)
    if kernel.joint:
        kept = np.concatenate([np.arange(part.samples.start, part.samples.stop) for part in parts])
        start = min(pulse.start, float(time[kept[0]]))
        residuals[:, kept] = _residuals_of_fit(y[:, kept], time[kept], kernel, start)
        return residuals
    for part in parts:
        data = y[:, part.samples]
        residuals[:, part.samples] = _residuals_of_fit(data, part.time, kernel, part.start)
    return residuals


def _residuals_of_fit(data: Array, time: Array, kernel: AnyKernel, start: float) -> Array:
    fitted = fit_traces(data, time, kernel=kernel, start=start)
    numbers = {"tau": fitted.tau, "a": fitted.a, "c": fitted.c, **fitted.extra}
    return np.asarray(data - fitted_curves(kernel, time - start, numbers))


def _aicc(residuals: Array, parameters: int) -> Array:
    present = np.isfinite(residuals)
    n = present.sum(axis=1)
    rss = np.square(np.where(present, residuals, 0.0)).sum(axis=1)
    usable = (n > parameters + 1) & (rss > 0)
    k, n = parameters, np.where(usable, n, parameters + 2)
    value = n * np.log(np.where(usable, rss, 1.0) / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    return np.asarray(np.where(usable, value, np.nan))


def whiteness_of_residuals(residuals: NDArray[np.floating]) -> Array:
    """Return the probability that white noise is at least as correlated, shape (...); the test of Ljung and Box.

    Parameters
    ----------
    residuals : ndarray, shape (..., time)
        NaN where a sample is missing.
    """
    from scipy.special import gammaincc

    present = np.isfinite(residuals)
    n = present.sum(axis=-1)
    mean = np.where(present, residuals, 0.0).sum(axis=-1) / np.maximum(n, 1)
    free = np.where(present, residuals - mean[..., None], 0.0)
    square = np.square(free).sum(axis=-1)
    statistic = np.zeros(n.shape)
    for lag in range(1, LAGS + 1):
        together = (free[..., lag:] * free[..., :-lag]).sum(axis=-1) / np.where(square > 0, square, np.nan)
        statistic += together**2 / np.maximum(n - lag, 1)
    statistic *= n * (n + 2.0)
    return np.asarray(np.where(n > LAGS + 1, gammaincc(LAGS / 2, statistic / 2), np.nan))
