"""What fits of a sample of traces leave over, and the noise in it."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.tangents import CELL, Cells, parameter_names, tangents_of_curve
from napari_tesm.evaluation.traces import Maps, maps_from_traces
from napari_tesm.noise.correlation import NoiseModel, Residuals, noise_from_residuals
from napari_tesm.noise.errors import factors_from_tangents
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
"""Where a kernel misses more, what traces of one tau have in common is that."""
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
    noise : ndarray, shape (n, time)
        The same without what the kernel misses.
    misfit : float
        Share of the squares that the kernel misses.
    height : ndarray, shape (n,)
        Of the fitted curves (root of the sum of squares about the mean) with the sign of the amplitude: what the
        kernel misses grows with it.
    alike : Cells
        Of shapes, fine; what is taken for a constant is no member.
    cells : Cells
        Of shapes, coarse.
    tangents : list of ndarray, shape (time, p)
        What a fit takes out, for each cell, the derivative by ln tau first.
    errors : ndarray, shape (n,)
        Standard errors of ln tau in white noise, NaN where tau is not resolved.
    """

    number: int
    times: Array
    residuals: Array
    noise: Array
    misfit: float
    height: Array
    alike: Cells
    cells: Cells
    tangents: list[Array]
    errors: Array

    @property
    def without_misfit(self) -> Residuals:
        """What the noise is measured from."""
        return Residuals(self.times, self.noise, self.cells.members, self.tangents)

    def judged_in(self, model: NoiseModel) -> "WindowLeftovers":
        """Return the same with what the kernel misses taken out as this noise allows."""
        if not self.alike.shapes or len(self.alike.shapes[0]) > 1 or self.misfit > _CLEAR_MISFIT:
            return self  # along two parameters there is no telling what is near
        covariance = model.covariance(self.times)
        factors = np.array([factors_from_tangents(part, covariance).errors[0] for part in self.tangents])
        resolved = np.isfinite(self.errors) & (self.alike.members >= 0)
        if not resolved.any():
            return self
        errors = self.errors * factors[self.cells.members]
        error = float(np.median(errors[resolved]))
        members, places = self.alike.members, np.log([shape["tau"] for shape in self.alike.shapes])
        of_place = [errors[resolved & (members == place)] for place in range(places.size)]
        followed = _mean_errors(
            places,
            np.bincount(members[members >= 0], minlength=places.size),
            np.array([np.median(part) if part.size else error for part in of_place]),
        )
        if np.mean(np.square(followed[members[members >= 0]])) < _FOLLOWED:
            return self
        left, misfit = _without_misfit(
            self.residuals, self.height, members, places=places, reach=_REACH * error
        )
        left[members < 0] = self.noise[members < 0]
        return replace(self, noise=left, misfit=misfit)


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
    width = np.maximum(errors / 2, CELL)
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
        From `napari_tesm.evaluation.traces.maps_from_traces`.
    windows : tuple of WindowLeftovers
    """

    maps: Maps
    windows: tuple[WindowLeftovers, ...]

    def noise(self, evaluation: Evaluation) -> NoiseModel:
        """Return the noise, without what the evaluation fits as nuisances."""
        settings = evaluation.settings
        fitted = {name.split("_")[0] for name in settings.nuisances.names}
        processes = [
            process
            for process in processes_from_times(evaluation.time, settings.kernel.low_pass)
            if process.kind not in fitted
        ]
        return noise_from_residuals(
            [window.without_misfit for window in self.windows],
            processes,
            judged_in=lambda model: [window.without_misfit for window in self.judged_in(model).windows],
        )

    def judged_in(self, model: NoiseModel) -> "Leftovers":
        """Return the same with what the kernel misses taken out as this noise allows."""
        return replace(self, windows=tuple(window.judged_in(model) for window in self.windows))


def leftovers_of_fits(traces: Array, evaluation: Evaluation) -> Leftovers:
    """Return what the fits of traces, shape (n, time), leave over."""
    settings, time = evaluation.settings, evaluation.time
    maps = maps_from_traces(traces, evaluation)
    windows = []
    for number in settings.windows:
        inside = settings.samples(number, time)
        times = time[inside]
        nuisances = settings.nuisance_columns(number, times)
        names = (*parameter_names(settings.kernel), "r2", "rms", *(nuisances.names if nuisances else ()))
        values = {name: maps[map_name(name, number)] for name in names}
        residuals = traces[:, inside] - settings.fitted_curves(number, time, values)[1]
        cells = Cells.of(settings.kernel, values, width=_COARSE * CELL)
        since = times - settings.start(number, times)
        tangents = [tangents_of_curve(settings.kernel, since, shape) for shape in cells.shapes]
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
        noise, misfit = _without_misfit(residuals, height, alike.members)
        noise[silent] = residuals[silent]
        resolved = maps[map_name("status", number)] == OK
        with np.errstate(invalid="ignore", divide="ignore"):
            errors = np.where(resolved, maps[map_name("tau_stderr", number)] / values["tau"], np.nan)
        windows.append(
            WindowLeftovers(number, times, residuals, noise, misfit, height, alike, cells, tangents, errors)
        )
    return Leftovers(maps, tuple(windows))
