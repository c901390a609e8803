"""The standard error of H: of the difference of two levels, under the noise as it is."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.displacement import samples_for_displacement
from napari_tesm.data.maps import JOINT, map_name
from napari_tesm.data.protocol import Window
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.levels import LevelTable, has_samples_before, level_table
from napari_tesm.evaluation.settings import Settings
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.errors import factors_from_tangents

Array = NDArray[np.float64]
Maps = dict[str, NDArray[Any]]

_MOST: Final = 1.5
"""Errors of the first sample: no level had more, right kernel or wrong (docs/instrument.md)."""


def weights_of_displacement(time: Array, pulse: Window) -> Array:
    """Return by what the samples of a trace are multiplied to give H, shape (time,).

    Without samples before the pulse the first one stands for the level, as it does in a trace without noise.
    """
    weights = np.zeros(time.size)
    before, at_end = samples_for_displacement(time, pulse)
    weights[at_end] = 1 / (at_end.stop - at_end.start)
    weights[before] -= 1 / (before.stop - before.start)
    return weights


@dataclass(frozen=True, eq=False)
class HeightNoise:
    r"""What the noise of one pulse setting comes to in H.

    With the weights w that make H of the samples, the correlation R of the noise and the variance σ² of a sample the
    error is :math:`\sigma\sqrt{w^TRw}`. Of slow noise a fit leaves less than of white noise, and σ² is larger than the
    residuals say (`napari_tesm.noise.errors`).

    A level that was fitted is the mean of two fits by their weights p and 1 − p: its variance is the mean of theirs and
    :math:`p(1-p)` times the square of their difference (Burnham, K. P. and Anderson, D. R. (2004). Sociol. Methods Res.
    33, 261-304); what the first samples changed counts in full. A misfit counts that way, too, but ends in a level near
    the first sample: the error is not more than half as large again as that of the first sample alone.
    """

    evaluation: Evaluation
    noise: NoiseModel
    growth: float
    factor: float
    table: LevelTable | None
    factors: dict[int, Array] = field(default_factory=dict, repr=False)
    """Of the two fits, shape (2,), by the place in the table: those that were asked for."""

    @classmethod
    def of(cls, evaluation: Evaluation, noise: NoiseModel) -> "HeightNoise":
        """Return what noise comes to in the H of an evaluation with a pulse."""
        settings, time = evaluation.settings, evaluation.time
        assert settings.pulse is not None
        table = None
        if not has_samples_before(time, settings.pulse):
            table = level_table(time, settings.pulse, settings.kernel.low_pass)
        growth = 1.0 if noise.is_white else _growth(settings, time, noise)
        weights = weights_of_displacement(time, settings.pulse)
        factor = _factor(weights, time, noise, growth)
        return cls(evaluation, noise, growth, factor, table)

    def error(self, maps: Maps) -> Array:
        """Return the standard error of H of pixels, in the unit of H; NaN where there is no fit.

        Parameters
        ----------
        maps : dict of str to ndarray, shape (...)
            From `napari_tesm.evaluation.traces.maps_from_traces`, of one pulse setting.
        """
        sample = self._error_of_sample(maps)
        if self.table is None:
            return np.hypot(sample * self.factor, self._moved_by_mains(maps))
        with np.errstate(invalid="ignore"):
            return np.hypot(self._beside_level(maps, sample), self._moved_by_mains(maps))

    def error_of_sum(self, maps: Maps, weights: Array) -> Array:
        """Return the standard error of another sum of the samples of pixels, by its weights, shape (time,)."""
        factor = _factor(weights, self.evaluation.time, self.noise, self.growth)
        return np.asarray(self._error_of_sample(maps) * factor)

    def _moved_by_mains(self, maps: Maps) -> Array | float:
        """Return by how much mains that are fitted in the first window, and so no part of the noise, move H."""
        settings, time = self.evaluation.settings, self.evaluation.time
        number = min(settings.windows)
        mains = replace(settings.nuisances.of_window(number), drift=False)
        if number == JOINT or not mains.names:
            return 0.0  # of the whole record they are taken out of H
        assert settings.pulse is not None
        moved = weights_of_displacement(time, settings.pulse) @ settings.columns_of([mains], time)
        numbers = np.stack([np.nan_to_num(maps[map_name(name, number)]) for name in mains.names])
        return np.asarray(np.tensordot(moved, numbers, axes=1))

    def _error_of_sample(self, maps: Maps) -> Array:
        """Return the standard deviation of a sample of pixels, as the residuals of their first fit show it."""
        settings = self.evaluation.settings
        number = min(settings.windows)
        rms, samples = (maps[map_name(name, number)] for name in ("rms", "samples"))
        nuisances = settings.nuisance_columns(
            number, self.evaluation.time[settings.samples(number, self.evaluation.time)]
        )
        parameters = settings.kernel.parameters + (0 if nuisances is None else len(nuisances.names))
        with np.errstate(invalid="ignore"):
            return np.asarray(rms * np.sqrt(samples / np.maximum(samples - parameters, 1)))

    def _beside_level(self, maps: Maps, sample: Array) -> Array:
        """Return the error of H over a level that was fitted, given the standard deviation of a sample."""
        node, weight, gap, change = (maps[f"level_{name}"] for name in ("node", "weight", "gap", "change"))
        nodes, members = np.unique(node, return_inverse=True)
        plain, shaped = self._factors_at(nodes)
        members = members.reshape(node.shape)
        first = sample * np.sqrt((1 - weight) * plain[members] ** 2 + weight * shaped[members] ** 2)
        error = np.hypot(np.hypot(first, np.sqrt(weight * (1 - weight)) * gap), change)
        return np.asarray(np.minimum(error, _MOST * self.factor * sample))

    def _factors_at(self, nodes: NDArray[np.integer]) -> Array:
        """Return the errors of H over the levels of the two fits, in those of a sample, shape (2, nodes)."""
        time, pulse, table = self.evaluation.time, self.evaluation.settings.pulse, self.table
        assert pulse is not None
        assert table is not None
        new = np.array([node for node in nodes if node >= 0 and node not in self.factors], dtype=np.intp)
        if new.size:
            inside = pulse.samples(time)
            end = np.maximum(weights_of_displacement(time, pulse), 0)[inside]
            factors = _factors(end - table.weights(new), time[inside], self.noise, self.growth)
            self.factors.update(zip(new.tolist(), factors.T, strict=True))
        without = np.array([self.factor, self.factor])
        return np.array([self.factors.get(int(node), without) for node in nodes]).reshape(-1, 2).T


def _factor(weights: Array, time: Array, noise: NoiseModel, growth: float) -> float:
    """Return the standard error of a sum of samples, in parts of the standard deviation that residuals show."""
    used = np.flatnonzero(weights)
    return float(_factors(weights[used], time[used], noise, growth))


def _factors(weights: Array, time: Array, noise: NoiseModel, growth: float) -> Array:
    """Return the same for sums by many weights, shape (..., time)."""
    if noise.is_white:
        return np.asarray(np.linalg.norm(weights, axis=-1))
    return np.asarray(np.sqrt(growth * np.vecdot(weights @ noise.covariance(time), weights)))


def _growth(settings: Settings, time: Array, noise: NoiseModel) -> float:
    """Return by what the variance of a sample is larger than residuals say."""
    number = min(settings.windows)
    times = time[settings.samples(number, time)]
    # What a smooth curve of so many parameters takes out, whichever it is: a polynomial's share.
    smooth = np.vander(np.linspace(-1, 1, times.size), settings.kernel.parameters)
    nuisances = settings.nuisance_columns(number, times)
    if nuisances is not None:
        smooth = np.column_stack([smooth, nuisances.columns])
    return float(factors_from_tangents(smooth, noise.covariance(times)).variance)
