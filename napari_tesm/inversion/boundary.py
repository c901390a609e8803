"""Whether the other condition at the surface describes the traces better: D found with the wrong one is far off."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.inversion.plane import Plane
from napari_tesm.inversion.solver import Recording, Solution, solve
from napari_tesm.physics.lateral_response import BOUNDARIES

Array = NDArray[np.float64]

_BLOCK: Final = 48
"""Pixels along each side of the part of a map that both are tried on: it decides clearly, whatever the map costs."""
_FEWEST: Final = 64
_CLEARLY: Final = 4.0
"""Standard errors by which chi-square must differ."""
_WORTH: Final = 0.003
"""Per degree of freedom; what a right model misses beyond first order is less."""


@dataclass(frozen=True)
class OtherBoundary:
    """What the other boundary makes of the traces of a part of the map.

    Parameters
    ----------
    kernel : str
        Its name.
    diffusion : float
        Median D with it, in R0² per unit of time.
    misfit, own_misfit : float
        Chi-square per degree of freedom with it, and with the boundary that was asked for.
    clear : bool
        Whether it is better by more than noise explains.
    """

    kernel: str
    diffusion: float
    misfit: float
    own_misfit: float
    clear: bool


def other_boundary(
    solution: Solution,
    recordings: Sequence[Recording],
    times: Array,
    last: float,
    *,
    image: Array | None = None,
    **options: Any,
) -> OtherBoundary | None:
    """Return what the other boundary makes of the traces; None where too few count.

    Parameters
    ----------
    solution : Solution
        With the boundary that was asked for.
    recordings : sequence of Recording
        That it is of.
    times : ndarray, shape (nodes,)
        Of the step responses.
    last : float
        The last of the record, in the same unit.
    image : ndarray, shape (y, x) of the map, optional
        At whose edges D may change.
    options
        Prior and progress, for `napari_tesm.inversion.solver.solve`.
    """
    own = solution.averages.boundary
    other = next(name for name in BOUNDARIES if name != own)
    counts = np.all([recording.weight > 0 for recording in recordings], axis=0).reshape(solution.plane.shape)
    rows, columns = (_block(counts, axis) for axis in (0, 1))
    if counts[rows, columns].sum() < _FEWEST:
        return None
    part = [_part(recording, solution.plane.shape, rows, columns) for recording in recordings]
    shape = counts[rows, columns].shape
    plane_of = partial(Plane.around, shape, solution.plane.spacing, last)
    whole = shape == counts.shape
    part_of_image = None if image is None else image[rows, columns]
    tried = [
        solution
        if name == own and whole
        else solve(part, times, plane_of, name, image=part_of_image, **options)
        for name in (own, other)
    ]
    there = counts[rows, columns].ravel()
    squares = [found.linear.chi_square[there] / found.freedom for found in tried]
    clear, (own_misfit, misfit) = is_clear(*squares)
    ratio = tried[1].plane.on_map(tried[1].log_ratio)
    return OtherBoundary(
        other,
        tried[1].background * float(np.exp(np.median(ratio))),
        misfit,
        own_misfit,
        clear,
    )


def is_clear(own: Array, other: Array) -> tuple[bool, tuple[float, float]]:
    """Return whether another model describes traces clearly better, and the means of chi-square with both.

    Parameters
    ----------
    own, other : ndarray, shape (pixels,)
        Chi-square per degree of freedom.
    """
    # Traces that neither describes decide nothing.
    usual = [np.minimum(squares, 3 * np.median(squares)) for squares in (own, other)]
    better = usual[0] - usual[1]
    error = float(better.std() / np.sqrt(better.size))
    means = float(usual[0].mean()), float(usual[1].mean())
    return float(better.mean()) > max(_CLEARLY * error, _WORTH), means


def _block(counts: NDArray[np.bool_], axis: int) -> slice:
    """Return the stretch of an axis of at most a block that holds most of what counts."""
    along = counts.sum(axis=1 - axis)
    if along.size <= _BLOCK:
        return slice(0, along.size)
    inside = np.convolve(along, np.ones(_BLOCK, dtype=np.intp), mode="valid")
    first = int(np.argmax(inside))
    return slice(first, first + _BLOCK)


def _part(recording: Recording, shape: tuple[int, int], rows: slice, columns: slice) -> Recording:
    """Return a recording of a part of the pixels."""
    pixels = np.arange(shape[0] * shape[1]).reshape(shape)[rows, columns].ravel()
    return Recording(recording.response, recording.numbers[pixels], recording.variance[pixels])
