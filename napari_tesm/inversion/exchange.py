"""What the instrument adds, measured from traces that the exchange with their surroundings is taken out of.

A fit of each pixel by itself misses what comes from beside it. That is slow, alike in many pixels, and passes for a
drift, a step or slow noise. With ln D(x, y) at hand it can be taken out: what remains are traces of uniform samples,
each with the D of its pixel, and they are looked at as those of any scan are.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import JOINT
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import Instrument, instrument_of, sampled_pixels
from napari_tesm.evaluation.recipe import AUTO
from napari_tesm.inversion.recordings import Recorded, covariance_of
from napari_tesm.inversion.solver import Solution
from napari_tesm.physics.lateral_response import uniform_response

Array = NDArray[np.float64]

_ALIKE: Final = 0.02
"""Difference of correlations of samples, up to which two noises are one."""


def instrument_beside_exchange(
    evaluation: Evaluation,
    recorded: Recorded,
    solutions: Sequence[Solution | None],
    groups: Sequence[Sequence[int]],
) -> Instrument:
    """Return the instrument, measured beside lateral diffusion; what the recipe states is not measured.

    Parameters
    ----------
    evaluation : Evaluation
        As it was asked for.
    recorded : Recorded
        What was solved.
    solutions, groups : sequence
        Each with the pulse settings it is of.
    """
    if evaluation.recipe.noise == "white" and evaluation.recipe.nuisance != AUTO:
        return recorded.instrument
    dataset = evaluation.dataset
    rows = np.flatnonzero(sampled_pixels((dataset.sizes["y"], dataset.sizes["x"])).any(axis=1))
    displacement = dataset["displacement"].isel(y=rows)
    values = np.array(displacement.values, dtype=np.float64)
    inside = np.flatnonzero(_inside(evaluation))
    for solution, group in zip(solutions, groups, strict=True):
        if solution is not None:
            for place, pulse in enumerate(group):
                exchange = _exchange(solution, recorded, place, rows)
                values[pulse][..., inside] -= exchange
    sample = dataset.isel(y=rows).assign(
        displacement=xr.DataArray(values, displacement.coords, attrs=displacement.attrs)
    )
    measured = instrument_of(replace(evaluation, dataset=sample, memory={}))
    recipe = replace(evaluation.recipe, nuisance=measured.evaluation.recipe.nuisance)
    return replace(measured, evaluation=replace(evaluation, recipe=recipe))


def is_alike(one: Instrument, other: Instrument) -> bool:
    """Whether two instruments of one dataset fit the same nuisances, and their noises are the same to a few percent."""
    if one.evaluation.settings.nuisances.texts != other.evaluation.settings.nuisances.texts:
        return False
    times = one.evaluation.time[_inside(one.evaluation)]
    for pair in zip(one.noises, other.noises, strict=True):
        covariances = [covariance_of(noise, times) for noise in pair]
        first, second = (np.eye(times.size) if matrix is None else matrix for matrix in covariances)
        if np.abs(first - second).max() > _ALIKE:
            return False
    return True


def _inside(evaluation: Evaluation) -> NDArray[np.bool_]:
    """Return which samples are fitted."""
    inside = np.zeros(evaluation.time.size, dtype=bool)
    inside[evaluation.settings.samples(JOINT, evaluation.time)] = True
    return inside


def _exchange(solution: Solution, recorded: Recorded, place: int, rows: NDArray[np.intp]) -> Array:
    """Return by how much traces differ from those of uniform samples with the D of their pixels.

    Parameters
    ----------
    place : int
        Of the pulse setting among those of the solution.

    Returns
    -------
    ndarray, shape (rows, x, time)
        At the samples that are fitted; 0 for traces that do not count.
    """
    height, width = solution.plane.shape
    pixels = np.arange(height * width).reshape(height, width)[rows].ravel()
    amplitude = solution.linear.amplitudes[place][pixels]
    amplitude = np.where(solution.linear.trusted[pixels] < 1, 0.0, amplitude)
    log_ratio = solution.plane.on_map(solution.log_ratio).ravel()[pixels]
    around = solution.averages.responses(solution.mixed[pixels])[0]
    alone = uniform_response(solution.averages.times, log_ratio[:, None], solution.averages.boundary)[0]
    curves = (amplitude[:, None] * (around - alone)) @ recorded.of_nodes
    return curves.reshape(rows.size, width, -1)
