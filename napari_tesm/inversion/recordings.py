"""From the traces of a dataset to what the inversion takes of them, in one pass: a few numbers and a variance each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import Block
from napari_tesm.data.maps import JOINT, map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import Instrument
from napari_tesm.evaluation.pipeline import Progress, evaluate_blocks
from napari_tesm.evaluation.tangents import parameter_names
from napari_tesm.inversion.compression import Compression, Nodes
from napari_tesm.inversion.solver import Recording
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.physics.lateral_response import uniform_response

Array = NDArray[np.float64]

_FEWEST_FREE: Final = 12
"""Degrees of freedom beside all responses, below which the noise of a pixel is that of its own fit."""
_MOST_MISSING: Final = 0.1
"""Of the samples of a trace, up to which its own fit stands in for them; with more the pixel does not count."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """The traces of a dataset as the inversion takes them.

    Parameters
    ----------
    instrument : Instrument
        Its noise, and what is fitted beside the response.
    nodes : Nodes
        At which step responses are known.
    of_nodes : ndarray, shape (nodes, time)
        What turns a step response into the response to the pulse, at the samples that are fitted.
    recordings : sequence of Recording
        For each pulse setting.
    compressions : sequence of Compression
        That made them.
    since_start : ndarray, shape (time,)
        Of the samples that are fitted, from the start of the pulse, in s.
    pulse_length : float
        In s.
    """

    instrument: Instrument
    nodes: Nodes
    of_nodes: Array
    recordings: Sequence[Recording]
    compressions: Sequence[Compression]
    since_start: Array
    pulse_length: float

    @classmethod
    def of(
        cls,
        instrument: Instrument,
        maps: xr.Dataset,
        fitted_by: Evaluation,
        counted: NDArray[np.bool_],
        *,
        jobs: int,
        progress: Progress | None,
    ) -> "Recorded":
        """Return the traces of an instrument's dataset.

        Parameters
        ----------
        maps : Dataset
            Of every pixel by itself.
        fitted_by : Evaluation
            That made them: it may fit other nuisances than the instrument's.
        counted : ndarray of bool, shape (pulse, y, x)
            Which traces count.
        """
        settings, dataset = instrument.evaluation.settings, instrument.evaluation.dataset
        inside = settings.samples(JOINT, instrument.evaluation.time)
        times = instrument.evaluation.time[inside]
        assert settings.pulse is not None
        assert settings.pulse.stop is not None
        since, length = times - settings.pulse.start, settings.pulse.stop - settings.pulse.start
        nodes = Nodes(float(since[-1]))
        of_nodes = nodes.of_pulse(since, length, settings.kernel.low_pass)
        nuisances = settings.nuisance_columns(JOINT, times)
        columns = None if nuisances is None else nuisances.columns
        pulses, pixels = dataset.sizes["pulse"], dataset.sizes["y"] * dataset.sizes["x"]
        compressions = [
            Compression.of(of_nodes, columns, covariance_of(noise, times)) for noise in instrument.noises
        ]
        numbers = [np.zeros((pixels, len(part.traces))) for part in compressions]
        variance = np.full((pulses, pixels), np.inf)
        beside = fitted_by.settings.nuisance_columns(JOINT, times)
        names = (*parameter_names(settings.kernel), "rms", *(beside.names if beside else ()))
        places = np.arange(pixels).reshape(dataset.sizes["y"], dataset.sizes["x"])

        def compress(traces: xr.DataArray, block: Block) -> None:
            number, rows, across = block
            values = np.array(traces.values, dtype=np.float64).reshape(-1, dataset.sizes["time"])[:, inside]
            there = places[rows, across].ravel()
            fitted = {name: maps[map_name(name, JOINT)].values[block].ravel() for name in names}
            made, missing = compressions[number], _fill_gaps(values, fitted, fitted_by)
            with np.errstate(all="ignore"):
                numbers[number][there], shown = made.compress(values)
                if made.freedom < _FEWEST_FREE:
                    shown = np.where(np.isfinite(fitted["rms"]), np.square(fitted["rms"]), np.inf)
                variance[number, there] = shown * times.size / (times.size - missing)

        evaluate_blocks(compress, dataset, jobs=jobs, progress=progress, words="reading")
        variance[~counted.reshape(pulses, -1)] = np.inf
        recordings = [
            Recording(part.response, number, of_pulse)
            for part, number, of_pulse in zip(compressions, numbers, variance, strict=True)
        ]
        return cls(instrument, nodes, of_nodes, recordings, compressions, since, length)

    def largest_response(self, background: float, boundary: str) -> float:
        """Return the largest displacement of a uniform sample of amplitude 1 and a D, in R0² per second."""
        steps = uniform_response(self.nodes.times * background, np.zeros(self.nodes.times.size), boundary)[0]
        return float(np.abs(steps @ self.of_nodes).max())


def covariance_of(noise: NoiseModel, times: Array) -> Array | None:
    """Return the covariance of samples, its trace their number; None for white noise."""
    if noise.is_white:
        return None
    covariance = noise.covariance(times)
    return np.asarray(covariance * (times.size / np.trace(covariance)))


def _fill_gaps(values: Array, fitted: dict[str, Array], evaluation: Evaluation) -> NDArray[np.intp]:
    """Put the curve of the pixel's own fit where a few samples are missing, in place; return how many are.

    Parameters
    ----------
    values : ndarray, shape (n, time)
        Of the samples that are fitted.
    """
    gaps = ~np.isfinite(values)
    missing = np.asarray(gaps.sum(axis=1))
    few = (missing > 0) & (missing <= _MOST_MISSING * values.shape[1])
    if few.any():
        of_gaps = {name: part[few] for name, part in fitted.items()}
        curves = evaluation.settings.fitted_curves(JOINT, evaluation.time, of_gaps)[1]
        values[few] = np.where(gaps[few], curves, values[few])
    return np.where(few, missing, 0)
