"""What fits of a sample of traces leave over, and the noise in it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.tangents import CELL, Cells, parameter_names, tangents_of_curves
from napari_tesm.evaluation.traces import Maps, fits_from_traces
from napari_tesm.noise.correlation import NoiseModel, Residuals, noise_from_residuals
from napari_tesm.noise.errors import factors_of_shapes
from napari_tesm.noise.misfit import without_misfit
from napari_tesm.noise.processes import processes_from_times
from napari_tesm.quantities.status import OK

Array = NDArray[np.float64]

_SILENT: Final = 0.01
"""Traces with a larger probability of being a constant in white noise are taken for one."""
_REACH: Final = 6.0
"""In standard errors of ln tau: over less, traces of one tau as it was found have their noise in common."""
_FOLLOWED: Final = 0.1
"""Mean square, in standard errors, of the errors of ln tau that traces of one ln tau as it was found have in common;
1 where tau is the same all over the map."""
_CLEAR_MISFIT: Final = 0.15
"""Where a kernel misses more for all traces of a map, what traces of one tau have in common is that, too."""
_FINEST: Final = 1e-3
"""In ln tau: so near each other no two values are told apart."""
_COARSE: Final = 4
"""So many cells of shapes are one where the noise is measured."""


@dataclass(frozen=True, eq=False)
class WindowLeftovers:
    """What the fits of one window leave over.

    Parameters
    ----------
    number : int
        Of the window.
    times : ndarray, shape (time,)
        That were fitted, in s.
    residuals : ndarray, shape (n, time)
        Data less fit, NaN where there is none.
    height : ndarray, shape (n,)
        Of the fitted curves (root of the sum of squares about the mean) with the sign of the amplitude: what the
        kernel misses grows with it.
    alike : Cells
        Of shapes, fine; what is taken for a constant is no member.
    cells : Cells
        Of shapes, coarse.
    tangents : list of ndarray, shape (time, p)
        What a fit takes out, for each cell, the derivative by ln tau first.
    log_tau, errors : ndarray, shape (n,)
        ln tau and its standard errors in white noise, NaN where tau is not resolved.
    """

    number: int
    times: Array
    residuals: Array
    height: Array
    alike: Cells
    cells: Cells
    tangents: list[Array]
    log_tau: Array
    errors: Array

    @property
    def misfit(self) -> float:
        """Share of the squares that the kernel misses, of what traces of one tau have in common."""
        return self._of_each_tau[1]

    def without_misfit(self, *, of_each_tau: bool) -> Residuals:
        """Return what the noise is measured from at first: without what all or those of one tau have in common.

        What all have in common is what a kernel misses. Of what differs with tau noise that moved tau may be the
        reason, and nobody knows yet how far it does.
        """
        return self._as_noise((self._of_each_tau if of_each_tau or self._is_clear else self._of_all)[0])

    def judged_in(self, model: NoiseModel) -> Residuals:
        """Return what the noise is measured from, with what the kernel misses taken out as this noise allows."""
        error = None if self._is_clear else self._error_that_groups(model)
        if error is None:
            return self._as_noise(self._of_each_tau[0])
        places = np.log([shape["tau"] for shape in self.alike.shapes])
        return self._as_noise(self._without(self.alike.members, places=places, reach=_REACH * error)[0])

    @cached_property
    def _of_each_tau(self) -> tuple[Array, float]:
        """Residuals without what traces of one tau have in common, and its share."""
        return self._without(self.alike.members)

    @cached_property
    def _of_all(self) -> tuple[Array, float]:
        """Residuals without what all traces have in common, and its share."""
        return self._without(np.minimum(self.alike.members, 0))

    @property
    def _is_clear(self) -> bool:
        """Whether a misfit is clear, or nobody can tell: along two parameters there is no telling what is near."""
        return not self.alike.shapes or len(self.alike.shapes[0]) > 1 or bool(self._of_all[1] > _CLEAR_MISFIT)

    def _without(self, group: NDArray[np.intp], **reach: Any) -> tuple[Array, float]:
        left, misfit = _without_misfit(self.residuals, self.height, group, **reach)
        silent = self.alike.members < 0
        left[silent] = self.residuals[silent]
        return left, misfit

    def _as_noise(self, rows: Array) -> Residuals:
        return Residuals(self.times, rows, self.cells.members, self.tangents)

    def _error_that_groups(self, model: NoiseModel) -> float | None:
        """Return the standard error of ln tau where errors have sorted the traces by tau; None where tau itself has."""
        resolved = np.isfinite(self.errors) & (self.alike.members >= 0)
        if not resolved.any():
            return None
        covariance = model.covariance(self.times)
        factors = np.array([part.errors[0] for part in factors_of_shapes(self.tangents, covariance)])
        errors = self.errors[resolved] * factors[self.cells.members[resolved]]
        error = float(np.median(errors))
        # In steps that are fine beside the errors, lest what lies within a cell of shapes be taken for spread.
        steps = np.rint(self.log_tau[resolved] / max(error / 4, _FINEST))
        places, members, counts = np.unique(steps, return_inverse=True, return_counts=True)
        of_place = np.bincount(members, errors) / counts
        followed = _mean_errors(places * max(error / 4, _FINEST), counts, of_place)
        return error if np.mean(np.square(followed[members])) >= _FOLLOWED else None


def _without_misfit(
    residuals: Array, height: Array, group: NDArray[np.intp], **reach: Any
) -> tuple[Array, float]:
    """Return `without_misfit` of traces that count by what they know: a loud one would leave its noise in all."""
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.sqrt(np.vecdot(residuals, residuals))
        left, misfit = without_misfit(residuals / size[:, None], height / size, group, **reach)
    return left * size[:, None], misfit


def _mean_errors(places: Array, counts: NDArray[np.intp], errors: Array) -> Array:
    """Return the mean error of ln tau, in standard errors, of traces whose ln tau was found at a place.

    For errors of one size that is −s·f'/f, with the density f of what was found (Tweedie's formula: Efron, B. (2011).
    J. Am. Stat. Assoc. 106, 1602-1614).
    """
    width = np.maximum(errors / 2, _FINEST)
    apart = (places - places[:, None]) / width[:, None]
    weights = counts * np.exp(-np.square(apart) / 2)
    total = weights.sum(axis=1)
    # Where no trace lies, and none near, nobody asks.
    means = np.divide(np.vecdot(weights, apart), total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(-errors / width * means)


@dataclass(frozen=True, eq=False)
class Leftovers:
    """What the fits of traces of one pulse setting leave over.

    Parameters
    ----------
    maps : dict of str to ndarray, shape (n,)
        From `napari_tesm.evaluation.traces.fits_from_traces`.
    windows : tuple of WindowLeftovers
    """

    maps: Maps
    windows: tuple[WindowLeftovers, ...]

    def noise(self, evaluation: Evaluation) -> NoiseModel:
        """Return the noise, without what the evaluation fits as nuisances."""
        settings = evaluation.settings
        # What is fitted in some of the windows only is noise in the others.
        fitted = set.intersection(
            *(
                {name.split("_")[0] for name in columns.names} if columns is not None else set()
                for number in settings.windows
                for columns in [
                    settings.nuisance_columns(
                        number, evaluation.time[settings.samples(number, evaluation.time)]
                    )
                ]
            )
        )
        processes = [
            process
            for process in processes_from_times(evaluation.time, settings.kernel.low_pass)
            if process.kind not in fitted
        ]
        # Where a drift and mains are columns of the fit little is left that moves tau, and a kernel's error would pass
        # for it: errors of tau are large beside them.
        return noise_from_residuals(
            [window.without_misfit(of_each_tau=bool(fitted)) for window in self.windows],
            processes,
            judged_in=lambda model: [window.judged_in(model) for window in self.windows],
        )


def leftovers_of_fits(traces: Array, evaluation: Evaluation) -> Leftovers:
    """Return what the fits of traces, shape (n, time), leave over."""
    settings, time = evaluation.settings, evaluation.time
    maps = fits_from_traces(traces, evaluation)
    windows = []
    for number in settings.windows:
        inside = settings.samples(number, time)
        times = time[inside]
        nuisances = settings.nuisance_columns(number, times)
        names = (*parameter_names(settings.kernel), "r2", "rms", *(nuisances.names if nuisances else ()))
        values = {name: maps[map_name(name, number)] for name in names}
        residuals = traces[:, inside] - settings.fitted_curves(number, time, values, nearly=True)[1]
        cells = Cells.of(settings.kernel, values, width=_COARSE * CELL)
        since = times - settings.start(number, times)
        tangents = list(tangents_of_curves(settings.kernel, since, cells.shapes))
        if nuisances is not None:
            tangents = [np.column_stack([part, nuisances.columns]) for part in tangents]
        nowhere = [cell for cell, part in enumerate(tangents) if not np.isfinite(part).all()]
        cells.members[np.isin(cells.members, nowhere)] = -1
        # Where nothing responds the fit has followed slow noise: what is left over of a constant shows it.
        silent = maps[map_name("p", number)] > _SILENT
        inside_traces = traces[silent][:, inside]
        residuals[silent] = inside_traces - inside_traces.mean(axis=1, keepdims=True)
        cells.members[silent] = len(tangents)
        tangents.append(np.ones((times.size, 1)))
        if nuisances is not None and silent.any():
            basis = nuisances.basis
            residuals[silent] -= (residuals[silent] @ basis) @ basis.T
            tangents[-1] = np.column_stack([tangents[-1], nuisances.columns])
        with np.errstate(invalid="ignore", divide="ignore"):
            height = values["rms"] * np.sqrt(times.size * values["r2"] / (1 - values["r2"]))
        height = np.copysign(height, values["a"])
        alike = Cells.of(settings.kernel, values)
        alike.members[silent] = -1
        resolved = maps[map_name("status", number)] == OK
        with np.errstate(invalid="ignore", divide="ignore"):
            errors = np.where(resolved, maps[map_name("tau_stderr", number)] / values["tau"], np.nan)
            log_tau = np.where(resolved, np.log(values["tau"]), np.nan)
        windows.append(
            WindowLeftovers(number, times, residuals, height, alike, cells, tangents, log_tau, errors)
        )
    return Leftovers(maps, tuple(windows))
