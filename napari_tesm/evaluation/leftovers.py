"""What fits of a sample of traces leave over, and the noise in it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.tangents import CELL, Cells, parameter_names, tangents_of_curve
from napari_tesm.evaluation.traces import Maps, maps_from_traces
from napari_tesm.noise.correlation import NoiseModel, Residuals, noise_from_residuals
from napari_tesm.noise.misfit import without_misfit
from napari_tesm.noise.processes import processes_from_times

Array = NDArray[np.float64]

_SILENT: Final = 0.01
"""Traces with a larger probability of being a constant in white noise are taken for one."""
_COARSE: Final = 8
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
        Of the fitted curves (root mean square about the mean): what the kernel misses grows with it.
    alike : ndarray of int, shape (n,)
        Traces of nearly one shape, as `napari_tesm.noise.misfit.without_misfit` takes them.
    cells : Cells
        Of shapes, coarse.
    tangents : list of ndarray, shape (time, p)
        What a fit takes out, for each cell, the derivative by ln tau first.
    """

    number: int
    times: Array
    residuals: Array
    noise: Array
    misfit: float
    height: Array
    alike: NDArray[np.intp]
    cells: Cells
    tangents: list[Array]

    @property
    def without_misfit(self) -> Residuals:
        """What the noise is measured from."""
        return Residuals(self.times, self.noise, self.cells.members, self.tangents)


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
        return noise_from_residuals([window.without_misfit for window in self.windows], processes)


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
        fine = np.where(silent, -1, Cells.of(settings.kernel, values).members)
        noise, misfit = without_misfit(residuals, height, fine)
        noise[silent] = residuals[silent]
        windows.append(
            WindowLeftovers(number, times, residuals, noise, misfit, height, fine, cells, tangents)
        )
    return Leftovers(maps, tuple(windows))
