"""What the noise of an instrument comes to for the fits of one window: errors, statuses, the gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.tangents import Cells, parameter_names, tangents_of_curves
from napari_tesm.fitting import fit_traces
from napari_tesm.fitting.nuisances import NuisanceColumns
from napari_tesm.kernels.named import AnyKernel
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.errors import ErrorFactors, factors_from_tangents
from napari_tesm.noise.gate import NullDistribution
from napari_tesm.noise.level import NoiseLevel
from napari_tesm.quantities.status import OK, UNRESOLVED_FAST, UNRESOLVED_SLOW

Array = NDArray[np.float64]
SingleArray = NDArray[np.float32]
Maps = dict[str, NDArray[Any]]

DRAWS: Final = 4096
"""Of noise, for the level of the gate."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, eq=False)
class WindowNoise:
    """The noise in one window, with what sends it through the same fit as the traces.

    Parameters
    ----------
    times : ndarray, shape (time,)
        That are fitted, in s.
    covariance : ndarray, shape (time, time)
        Its trace is the number of samples.
    null : NullDistribution
        How well noise alone is described.
    level : NoiseLevel
        How strong it is in the record.
    part : float
        Its variance in the window, in parts of that in the record.
    """

    evaluation: Evaluation
    number: int
    times: Array
    covariance: Array
    null: NullDistribution
    level: NoiseLevel = field(default_factory=NoiseLevel)
    part: float = 1.0
    factors: dict[tuple[float, ...], ErrorFactors] = field(default_factory=dict, repr=False)
    """By which errors grow, by the shape of the curve: those that were asked for, kept for the next map."""

    @classmethod
    def of(
        cls, model: NoiseModel, evaluation: Evaluation, number: int, *, count: int = DRAWS
    ) -> "WindowNoise":
        """Return the noise of a window, with `count` draws of it sent through the same search as the traces."""
        settings, time = evaluation.settings, evaluation.time
        times = time[settings.samples(number, time)]
        covariance = model.covariance(times)
        part = float(np.trace(covariance)) / times.size
        covariance /= part
        draws = _draws(covariance, count)
        fitted = fit_traces(draws, times, **settings.fit_options(number, times, evaluation.recipe))
        return cls(
            evaluation, number, times, covariance, NullDistribution.of_draws(fitted.r2), model.level, part
        )

    def draws(self, count: int) -> Array:
        """Return draws of the noise, of variance 1, shape (count, time); the same ones for the same noise."""
        return _draws(self.covariance, count).astype(np.float64)

    def apply(self, maps: Maps, max_log_tau_error: float) -> None:
        """Put the noise into the errors and statuses of the fits of this window, in place, and the gate's p.

        Parameters
        ----------
        maps : dict of str to ndarray, shape (...)
            From `napari_tesm.evaluation.fits.maps_from_traces`.
        max_log_tau_error : float
            A larger standard error of ln tau means unresolved.
        """
        settings, number = self.evaluation.settings, self.number
        kernel, nuisances = settings.kernel, settings.nuisance_columns(number, self.times)
        names = (*parameter_names(kernel), *(nuisances.names if nuisances else ()))
        tau = maps[map_name("tau", number)]
        cells = Cells.of(
            kernel, {name: maps[map_name(name, number)].ravel() for name in parameter_names(kernel)}
        )
        since = self.times - settings.start(number, self.times)
        # The last column is for fits without a shape.
        of_shapes = np.ones((len(names) + 2, len(cells.shapes) + 1))
        self._add_factors(kernel, since, cells.shapes, nuisances)
        for cell, shape in enumerate(cells.shapes):
            factors = self.factors.get(tuple(shape.values()))
            if factors is not None:
                of_shapes[:, cell] = [*factors.errors, factors.variance, factors.freedom]
        *of_names, variance, freedom = of_shapes[:, cells.members].reshape(-1, *tau.shape)
        rms, samples = maps[map_name("rms", number)], maps[map_name("samples", number)]
        shown = variance * np.square(rms) * samples / np.maximum(samples - len(names), 1)
        if (chi2 := map_name("chi2", number)) in maps:
            level = self.level.variance * self.part
            maps[chi2][...] = shown / level if level > 0 else np.nan
        # Of a pixel its few independent samples say little: what all say of its noise is put beside them.
        known = self.level.known(shown, freedom, part=self.part)
        steadier = np.sqrt(np.divide(known, shown, out=np.ones_like(shown), where=shown > 0))
        for name, factor in zip(names, of_names, strict=True):
            maps[map_name(f"{name}_stderr", number)] *= factor * steadier
        of_tau = of_names[0] * steadier
        maps[map_name("inflation", number)] *= of_tau
        if kernel.time_of_diffusion != "tau":
            maps[map_name(f"{kernel.time_of_diffusion}_stderr", number)] *= of_tau
        status, error = maps[map_name("status", number)], maps[map_name("tau_stderr", number)]
        uncertain = (status == OK) & ~(error <= max_log_tau_error * tau)
        window = np.ptp(self.times) * self.times.size / (self.times.size - 1)
        status[uncertain] = np.where(tau > window / 2, UNRESOLVED_SLOW, UNRESOLVED_FAST)[uncertain]
        maps[map_name("p", number)][...] = self.null.probability(maps[map_name("r2", number)])

    def _add_factors(
        self,
        kernel: AnyKernel,
        since: Array,
        shapes: Sequence[Mapping[str, float]],
        nuisances: NuisanceColumns | None,
    ) -> None:
        """Keep by what errors grow for shapes of the curve, but for those that are no curve."""
        new = [shape for shape in shapes if tuple(shape.values()) not in self.factors]
        tangents = tangents_of_curves(kernel, since, new)
        if nuisances is not None:
            columns = np.broadcast_to(nuisances.columns, (len(new), *nuisances.columns.shape))
            tangents = np.concatenate([tangents, columns], axis=2)
        good = np.flatnonzero(np.isfinite(tangents).all(axis=(1, 2)))
        if good.size:
            factors = factors_from_tangents(tangents[good], self.covariance)
            for row, place in enumerate(good):
                self.factors[tuple(new[place].values())] = ErrorFactors(
                    factors.errors[row], factors.variance[row], factors.freedom[row]
                )


def _draws(covariance: Array, count: int) -> SingleArray:
    root = np.linalg.cholesky(covariance + _ROUNDING * np.eye(len(covariance)))
    # In single precision: half the time, and what a draw says of the level is no better known.
    return np.asarray(_independent(count, len(root)) @ root.T.astype(np.float32))


@lru_cache(maxsize=2)
def _independent(count: int, samples: int) -> SingleArray:
    """Return normal numbers, the same ones every time; those of the two windows of one scan after another are kept."""
    return np.random.default_rng(0).standard_normal((count, samples)).astype(np.float32)
