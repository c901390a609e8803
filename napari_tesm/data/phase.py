r"""The phase of the lock-in: how far the response lies off X, and traces turned so that X holds it.

A lock-in gives :math:`X = R\cos\varphi` and :math:`Y = R\sin\varphi`. The t-ESM paper evaluates X and says that it is
nearly R (Fig. S4); cables, the photodiode and the drive's own phase can turn it away. Turned by θ,

.. math:: X' = X\cos\theta + Y\sin\theta, \quad Y' = Y\cos\theta - X\sin\theta.

The θ that puts most of the response's energy into X' is the principal axis of (X, Y).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing

from napari_tesm.data.dataset import SIGNALS, TRACE_DIMS, TraceStack, blocks_of_rows
from napari_tesm.data.displacement import (
    displacement_from_samples,
    noise_from_traces,
    samples_for_displacement,
    supported_maximum,
)
from napari_tesm.data.protocol import Window

Array = NDArray[np.float64]

ATTRIBUTE: Final = "phase_rotation"
"""Attribute of a dataset: by how much its traces are turned already, in degrees."""
_DECIMALS: Final = 4
_THRESHOLD: Final = 0.15
_CLEAR: Final = 4.0
"""A response this many times its noise is one: noise alone gets there in one of 3000 pixels."""
_LEAST_SHARE: Final = 0.005
_HOT: Final = 20.0


def has_quadrature(dataset: xr.Dataset) -> bool:
    """Return whether both parts of the lock-in's output are known: Y beside X, or amplitude and phase."""
    return SIGNALS["Y"] in dataset or (SIGNALS["R"] in dataset and SIGNALS["phase"] in dataset)


def in_phase_and_quadrature(dataset: xr.Dataset, **indexers: Any) -> tuple[Array, Array]:
    """Return X and Y of a part of the traces, as doubles.

    Y is that of the dataset, else R·sin(phase).

    Parameters
    ----------
    **indexers
        As for `xarray.Dataset.isel`.

    Raises
    ------
    ValueError
        If neither is recorded.
    """
    in_phase = np.asarray(dataset[SIGNALS["X"]].isel(indexers).values, dtype=np.float64)
    if SIGNALS["Y"] in dataset:
        return in_phase, np.asarray(dataset[SIGNALS["Y"]].isel(indexers).values, dtype=np.float64)
    if not has_quadrature(dataset):
        raise ValueError(
            "the file holds lock-in X alone: how the response is shared with Y needs Y, or amplitude and phase"
        )
    amplitude, angle = (
        np.asarray(dataset[SIGNALS[name]].isel(indexers).values, dtype=np.float64) for name in ("R", "phase")
    )
    return in_phase, amplitude * np.sin(angle * _radians_of(dataset))


def rotated_dataset(dataset: xr.Dataset, degrees: float) -> xr.Dataset:
    """Return the dataset with its traces turned, computed where they are read.

    Parameters
    ----------
    degrees : float
        The whole angle: a dataset that is turned by it already is returned as it is.

    Raises
    ------
    ValueError
        If Y is not known, and the angle is no half turn, which takes the sign of X round and needs no Y.
    """
    turned = float(dataset.attrs.get(ATTRIBUTE, 0.0))
    if degrees == turned:
        return dataset
    both = has_quadrature(dataset)
    if not both and (degrees - turned) % 180:
        raise ValueError(
            "the phase cannot be turned by this angle: the file holds lock-in X alone, Y (or amplitude and phase) is "
            "needed for all but 180, which turns the sign of X round"
        )
    angle = np.deg2rad(degrees - turned)
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    variables = {}
    turns = {SIGNALS["X"]: (cosine, sine), SIGNALS["Y"]: (-sine, cosine)}
    for name, factors in list(turns.items())[: 1 + both]:
        parts = [_Turned(dataset, pulse, *factors) for pulse in range(dataset.sizes["pulse"])]
        stack = indexing.LazilyIndexedArray(TraceStack(parts))
        variables[name] = xr.Variable(TRACE_DIMS, stack, dict(dataset[SIGNALS["X"]].attrs))
    if both:
        variables[SIGNALS["Y"]].attrs["long_name"] = "Traces, lock-in Y"
    # The recorded phase is that of the traces as they were.
    rest = dataset.drop_vars(SIGNALS["phase"], errors="ignore")
    return rest.assign(variables).assign_attrs({ATTRIBUTE: float(degrees)})


class _Turned:
    """The turned traces of one pulse setting, computed for what is asked for."""

    def __init__(self, dataset: xr.Dataset, pulse: int, of_x: float, of_y: float) -> None:
        self._dataset, self._pulse = dataset, pulse
        self._factors = (of_x, of_y)
        self.shape = tuple(dataset.sizes[name] for name in TRACE_DIMS[1:])
        self.dtype = np.dtype(np.float64)

    def outer(self, key: tuple[Any, ...]) -> Array:
        """Return the traces at an index of each axis."""
        where = dict(zip(TRACE_DIMS[1:], key, strict=True))
        if not has_quadrature(self._dataset):
            in_phase = self._dataset[SIGNALS["X"]].isel(pulse=self._pulse, **where).values
            return self._factors[0] * np.asarray(in_phase, dtype=np.float64)
        first, second = in_phase_and_quadrature(self._dataset, pulse=self._pulse, **where)
        return self._factors[0] * first + self._factors[1] * second


@dataclass(frozen=True, eq=False)
class ComplexDisplacement:
    """H of X and of Y.

    Parameters
    ----------
    in_phase, quadrature : ndarray, shape (pulse, y, x)
        In the unit of the traces.
    noise : float
        Standard deviation of either that the noise of the samples causes; NaN where it cannot be told.
    """

    in_phase: Array
    quadrature: Array
    noise: float

    @property
    def size(self) -> Array:
        """Return the size of the response, whatever its phase."""
        return np.hypot(self.in_phase, self.quadrature)

    def responding(self) -> NDArray[np.bool_]:
        """Return which pixels respond clearly: neither noise nor hot, and 15 % or more of the pulse's maximum."""
        chosen = np.zeros(self.size.shape, dtype=bool)
        for pulse, size in enumerate(self.size):
            most = supported_maximum(size)
            least = max(_THRESHOLD * most, _CLEAR * self.noise if np.isfinite(self.noise) else 0.0)
            clear = (size >= least) & (size <= most) & (size > 0)
            if clear.sum() >= _LEAST_SHARE * size.size:
                chosen[pulse] = clear
        return chosen


def complex_displacement(dataset: xr.Dataset, pulse: Window) -> ComplexDisplacement:
    """Return H of X and Y for every pixel; of the traces only the samples that H is made of are read.

    Raises
    ------
    ValueError
        If Y is not known, or no sample lies inside the pulse.
    """
    time = dataset["time"].values
    before, at_end = samples_for_displacement(time, pulse)
    shape = tuple(dataset.sizes[name] for name in TRACE_DIMS[:-1])
    heights = [np.full(shape, np.nan) for _ in range(2)]
    variances: list[Array] = []
    counts = [part.stop - part.start for part in (before, at_end)]
    for block in blocks_of_rows(shape, sum(counts)):
        where = dict(zip(TRACE_DIMS, block, strict=False))
        parts = [in_phase_and_quadrature(dataset, time=part, **where) for part in (before, at_end)]
        for height, low, high in zip(heights, *parts, strict=True):
            height[block] = displacement_from_samples(low, high)
            if high.shape[-1] > 1:
                variances.append(noise_from_traces(high).ravel() ** 2)
    noise = float("nan")
    squares = np.concatenate([np.zeros(0), *variances])
    squares = squares[np.isfinite(squares)]
    if squares.size:
        # Hot pixels aside, the mean: the median of one or two differences is far below it.
        squares = squares[squares <= _HOT * np.median(squares)]
        noise = float(np.sqrt(squares.mean() * sum(1 / count for count in counts)))
    return ComplexDisplacement(heights[0], heights[1], noise)


def response_axis(height: ComplexDisplacement) -> float:
    """Return the angle in degrees that puts most of the response into X, from -90 to 90.

    Raises
    ------
    ValueError
        If nothing responds clearly enough to have a phase.
    """
    chosen = height.responding()
    if not chosen.any():
        raise ValueError("no pixel responds clearly in X or Y: there is no phase to turn by")
    x, y = height.in_phase[chosen], height.quadrature[chosen]
    angle = 0.5 * np.arctan2(2 * float(x @ y), float(x @ x) - float(y @ y))
    # Written with few digits, so that the recipe says it in full.
    return round(float(np.rad2deg(angle)), _DECIMALS)


def _radians_of(dataset: xr.Dataset) -> float:
    unit = str(dataset[SIGNALS["phase"]].attrs.get("units", "deg"))
    return 1.0 if unit == "rad" else np.pi / 180
