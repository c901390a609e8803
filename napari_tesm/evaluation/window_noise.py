"""What the noise of an instrument comes to for the fits of one window: errors, statuses, the gate."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.tangents import Cells, parameter_names, tangents_of_curve
from napari_tesm.fitting import fit_traces
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.errors import factors_from_tangents
from napari_tesm.noise.gate import NullDistribution
from napari_tesm.quantities.status import OK, UNRESOLVED_FAST, UNRESOLVED_SLOW

Array = NDArray[np.float64]
Maps = dict[str, NDArray[Any]]

_DRAWS: Final = 8192
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
    """

    evaluation: Evaluation
    number: int
    times: Array
    covariance: Array
    null: NullDistribution
    factors: dict[tuple[float, ...], Array] = field(default_factory=dict, repr=False)
    """By which errors grow, by the shape of the curve: those that were asked for, kept for the next map."""

    @classmethod
    def of(cls, model: NoiseModel, evaluation: Evaluation, number: int) -> "WindowNoise":
        """Return the noise of a window, with draws of it sent through the same search as the traces."""
        settings, time = evaluation.settings, evaluation.time
        times = time[settings.samples(number, time)]
        covariance = model.covariance(times)
        covariance *= times.size / np.trace(covariance)
        draws = _draws(covariance, _DRAWS)
        fitted = fit_traces(draws, times, **settings.fit_options(number, times, evaluation.recipe))
        return cls(evaluation, number, times, covariance, NullDistribution.of_draws(fitted.r2))

    def draws(self, count: int) -> Array:
        """Return draws of the noise, of variance 1, shape (count, time); the same ones for the same noise."""
        return _draws(self.covariance, count)

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
        of_shapes = np.ones((len(names), len(cells.shapes) + 1))
        for cell, shape in enumerate(cells.shapes):
            key = tuple(shape.values())
            if key not in self.factors:
                tangents = tangents_of_curve(kernel, since, shape)
                if nuisances is not None:
                    tangents = np.column_stack([tangents, nuisances.columns])
                finite = bool(np.isfinite(tangents).all())
                self.factors[key] = (
                    factors_from_tangents(tangents, self.covariance).errors if finite else np.ones(len(names))
                )
            of_shapes[:, cell] = self.factors[key]
        # The last column is for fits without a shape.
        factors = of_shapes[:, cells.members].reshape(-1, *tau.shape)
        for name, factor in zip(names, factors, strict=True):
            maps[map_name(f"{name}_stderr", number)] *= factor
        maps[map_name("inflation", number)] *= factors[0]
        if kernel.time_of_diffusion != "tau":
            maps[map_name(f"{kernel.time_of_diffusion}_stderr", number)] *= factors[0]
        status, error = maps[map_name("status", number)], maps[map_name("tau_stderr", number)]
        uncertain = (status == OK) & ~(error <= max_log_tau_error * tau)
        window = np.ptp(self.times) * self.times.size / (self.times.size - 1)
        status[uncertain] = np.where(tau > window / 2, UNRESOLVED_SLOW, UNRESOLVED_FAST)[uncertain]
        maps[map_name("p", number)][...] = self.null.probability(maps[map_name("r2", number)])


def _draws(covariance: Array, count: int) -> Array:
    root = np.linalg.cholesky(covariance + _ROUNDING * np.eye(len(covariance)))
    return np.asarray(np.random.default_rng(0).standard_normal((count, len(root))) @ root.T)
