"""What a kernel misses of the curve of another one, on a record that need not have been made yet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.evaluation.tangents import parameter_names
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.named import ALL_KERNELS, AnyKernel, fitted_curves, kernel_from_name
from napari_tesm.model_choice.decorrelation import Decorrelation
from napari_tesm.noise.correlation import NoiseModel

Array = NDArray[np.float64]

_MOST_SAMPLES: Final = 1000
"""Of a record; of longer ones means of neighbouring samples are looked at."""
_STARTS: Final = tuple(np.linspace(-5.0, 5.0, 11))
"""Logarithms by which the times of a rival may lie beside those of the fitted kernel where the search begins."""
_WIDEST: Final = 12.0


@dataclass(frozen=True)
class Setting:
    """A pulse, and how long is recorded after it, in s."""

    pulse: float
    after: float

    @property
    def duration(self) -> float:
        """Length of the record from the start of the pulse on, in s."""
        return self.pulse + self.after


@dataclass(frozen=True, eq=False)
class Sample:
    """What was measured of a sample.

    Parameters
    ----------
    kernel : str
        That its traces support.
    shapes : tuple of dict of str to float
        The parameters of its curve but a and c: of the record, or of pulse and relaxation.
    amplitudes : tuple of float
        a of each, in standard deviations of a sample of the noise.
    setting : Setting
        As it was recorded.
    step : float
        Time between two samples, in s.
    skip : float
        Left out after both edges of a pulse, in s.
    noise : NoiseModel
    low_pass : LowPass, optional
        The lock-in's filter.
    """

    kernel: str
    shapes: tuple[dict[str, float], ...]
    amplitudes: tuple[float, ...]
    setting: Setting
    step: float
    noise: NoiseModel
    skip: float = 0.0
    low_pass: LowPass | None = None


@dataclass(frozen=True, eq=False)
class Recorded:
    """One pulse setting on the samples that it would have, with the curve of the fitted kernel, decorrelated."""

    setting: Setting
    windows: tuple[NDArray[np.intp], NDArray[np.intp]]
    time: Array
    decorrelation: Decorrelation
    spread: float
    low_pass: LowPass | None

    @classmethod
    def of(cls, sample: Sample, setting: Setting) -> "Recorded":
        """Return a setting on samples as far apart as those of a sample."""
        count = max(2, round(setting.duration / sample.step))
        every = math.ceil(count / _MOST_SAMPLES)
        time: Array = np.asarray(np.arange(0, count, every) * sample.step, dtype=np.float64)
        # The sample at the end of the pulse belongs to the relaxation.
        since = np.where(time < setting.pulse - 1e-6 * sample.step, time, time - setting.pulse)
        time = np.asarray(time[since >= sample.skip - 1e-6 * sample.step], dtype=np.float64)
        rises = time < setting.pulse - 1e-6 * sample.step
        # A mean over neighbours has less white noise, and as much of what is slow. A drift grows with the record.
        white = sample.noise.shares.get("white", 0.0) / every
        covariance = sample.noise.without("white").covariance(time) + white * np.eye(time.size)
        spread = float(np.sqrt(np.trace(covariance) / time.size))
        windows = np.flatnonzero(rises), np.flatnonzero(~rises)
        return cls(setting, windows, time, Decorrelation.of_covariance(covariance), spread, sample.low_pass)

    def columns(self, name: str, shapes: Sequence[dict[str, float]]) -> Array:
        """Return the linear columns of a kernel, decorrelated, shape (samples, columns)."""
        kernel = self._kernel(name)
        if kernel.joint:
            raw = np.column_stack([_curve(kernel, self.time, shapes[0]), np.ones(self.time.size)])
        else:
            raw = np.zeros((self.time.size, 4))
            for place, (samples, start) in enumerate(
                zip(self.windows, (0.0, self.setting.pulse), strict=True)
            ):
                raw[samples, 2 * place] = _curve(
                    kernel, np.maximum(self.time[samples] - start, 0.0), shapes[place]
                )
                raw[samples, 2 * place + 1] = 1.0
        return np.ascontiguousarray(self.decorrelation.white(raw.T).T)

    def truth(self, sample: Sample) -> Array:
        """Return the curve of the fitted kernel, decorrelated, shape (samples,)."""
        kernel = self._kernel(sample.kernel)
        length, present = self.setting.pulse, sample.setting.pulse
        if kernel.joint:
            # The curves of a flux are those of one dose: twice the pulse brings twice as much.
            dose = length / present if sample.kernel == "flux-pulse" else 1.0
            raw = sample.amplitudes[0] * dose * _curve(kernel, self.time, sample.shapes[0])
        else:
            ends = _curve(kernel, np.array([0.0, length, present]), sample.shapes[0])
            reached = (ends[0] - ends[1]) / (ends[0] - ends[2])
            raw = np.zeros(self.time.size)
            for samples, start, amplitude, shape in zip(
                self.windows,
                (0.0, length),
                (sample.amplitudes[0], sample.amplitudes[1] * reached),
                sample.shapes,
                strict=True,
            ):
                raw[samples] = amplitude * _curve(kernel, np.maximum(self.time[samples] - start, 0.0), shape)
        return np.asarray(self.decorrelation.white(raw[None])[0] / self.spread)

    def _kernel(self, name: str) -> AnyKernel:
        return kernel_from_name(name, pulse=self.setting.pulse, low_pass=self.low_pass)


@dataclass(frozen=True, eq=False)
class Rival:
    """A kernel fitted to curves of another one: its times are those of all settings, its amplitudes each one's own."""

    name: str
    recorded: Sequence[Recorded]
    curves: Sequence[Array]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Parameters of a shape."""
        return parameter_names(ALL_KERNELS[self.name])[:-2]

    @property
    def shapes(self) -> int:
        """How many shapes it has: of the record, or of pulse and relaxation."""
        return 1 if ALL_KERNELS[self.name].joint else 2

    def left_over(self, places: Array) -> Array:
        """Return what the best amplitudes leave over, for logarithms of the parameters of the shapes."""
        values = np.reshape(places, (self.shapes, len(self.names)))
        shapes = [
            {
                name: _share(x) if name == "share" else float(np.exp(x))
                for name, x in zip(self.names, row, strict=True)
            }
            for row in values
        ]
        left = []
        for record, curve in zip(self.recorded, self.curves, strict=True):
            columns = record.columns(self.name, shapes)
            lengths = np.linalg.norm(columns, axis=0)
            basis = np.linalg.qr(columns / np.where(lengths > 0, lengths, 1.0))[0]
            left.append(curve - basis @ (basis.T @ curve))
        return np.concatenate(left)

    def noncentrality(self, log_time: float) -> float:
        """Return δ, searched from several times on about one, in the logarithm of s."""
        from scipy.optimize import least_squares

        low, high = log_time - _WIDEST, log_time + _WIDEST
        starts = []
        for beside in _STARTS:
            place = [0.0 if name != "tau" else log_time + beside for name in self.names] * self.shapes
            starts.append((float(np.square(self.left_over(np.array(place))).sum()), place))
        bounds = tuple(
            np.array([edge if name == "tau" else other for name in self.names] * self.shapes)
            for edge, other in ((low, -3.0), (high, 3.0))
        )
        best = np.inf
        for _, place in sorted(starts)[:2]:
            found = least_squares(self.left_over, place, bounds=bounds, diff_step=1e-4, max_nfev=60)
            best = min(best, 2 * float(found.cost))
        return best


def _curve(kernel: AnyKernel, time: Array, shape: dict[str, float]) -> Array:
    values = {name: np.array([value]) for name, value in {**shape, "a": 1.0, "c": 0.0}.items()}
    return np.asarray(fitted_curves(kernel, time, values)[0])


def _share(place: float) -> float:
    """Return a share between 0 and 1 from a number without limits."""
    return float(1 / (1 + np.exp(-place)))
