"""Parts of two pulse settings of opposite voltage: laid on each other, taken apart, and what the even part says.

`napari_tesm.data.parity` has the arithmetic. Whatever was done stands in the attribute `ATTRIBUTE` of dataset and maps.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import blocks_of_rows, thinned
from napari_tesm.data.displacement import (
    displacement_from_samples,
    displacement_from_traces,
    samples_for_displacement,
    without_hot_pixels,
)
from napari_tesm.data.parity import EVEN_TRACES, Pair, pairs_of_dataset, separated_dataset
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.evaluation.settings import Settings
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.nuisances import Nuisances
from napari_tesm.registration.shifts import Shift, shift_between

Array = NDArray[np.float64]

ATTRIBUTE: Final = "parts"
"""Attribute: how the parts were made, as JSON (`Parts`)."""
_GROUPS: Final = 16
"""Groups of pixels that are left out one after the other to see how well the asymmetry is known."""
_TRACES: Final = 1024
_FEWEST_TRACES: Final = 2 * _GROUPS
_FEWEST_SAMPLES: Final = 8


@dataclass(frozen=True)
class Asymmetry:
    """How much of the odd part the even one still holds where no voltage is on.

    Parameters
    ----------
    value, error : float
        Share of the odd part, and its standard error.
    """

    value: float
    error: float


@dataclass(frozen=True)
class PairMade:
    """How one pair was made.

    Parameters
    ----------
    voltages : (float, float)
        Of the positive and of the negative setting, in V.
    even_noise : float
        `napari_tesm.data.parity.Pair.even_noise`.
    shift : (float, float), optional
        By how many pixels (down, to the right) the setting recorded later has to be moved onto the other one; None
        where it could not be measured.
    shift_error : float, optional
        Its standard error, in pixels.
    moved : (int, int)
        By how many whole pixels it was.
    asymmetry : Asymmetry, optional
        None where it was not, or could not be, measured.
    """

    voltages: tuple[float, float]
    even_noise: float
    shift: tuple[float, float] | None = None
    shift_error: float | None = None
    moved: tuple[int, int] = (0, 0)
    asymmetry: Asymmetry | None = None

    @property
    def left(self) -> float:
        """How far apart the two still are, in pixels; 0 where no shift was measured."""
        if self.shift is None:
            return 0.0
        return float(np.hypot(self.shift[0] - self.moved[0], self.shift[1] - self.moved[1]))

    @property
    def is_equal(self) -> bool:
        """Whether both voltages are of one size, to a hundredth."""
        positive, negative = self.voltages
        return abs(positive + negative) <= 0.01 * positive


@dataclass(frozen=True)
class Parts:
    """How the parts of a dataset were made.

    Parameters
    ----------
    pairs : tuple of PairMade
        For each pulse setting of the parts.
    left_out : tuple of float
        Voltages of the settings without a partner, in V.
    """

    pairs: tuple[PairMade, ...]
    left_out: tuple[float, ...] = ()

    def to_text(self) -> str:
        """Return this as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_attributes(cls, attributes: Any) -> "Parts | None":
        """Return what the attributes of a dataset, or of maps, say; None where they say nothing that can be used."""
        try:
            entries = json.loads(attributes[ATTRIBUTE])
            pairs = []
            for entry in entries["pairs"]:
                share = entry["asymmetry"]
                pairs.append(
                    PairMade(
                        (float(entry["voltages"][0]), float(entry["voltages"][1])),
                        float(entry["even_noise"]),
                        None if entry["shift"] is None else (entry["shift"][0], entry["shift"][1]),
                        entry["shift_error"],
                        (int(entry["moved"][0]), int(entry["moved"][1])),
                        None if share is None else Asymmetry(float(share["value"]), float(share["error"])),
                    )
                )
            return cls(tuple(pairs), tuple(float(volts) for volts in entries["left_out"]))
        except (KeyError, TypeError, ValueError, IndexError):
            return None


def part_of_dataset(dataset: xr.Dataset, parity: str, pulse: Window | None) -> xr.Dataset:
    """Return the odd or the even part of every pair of pulse settings of a dataset; traces are read when asked for.

    Where the image of the second setting lies off that of the first, it is read so many whole pixels further.

    Parameters
    ----------
    dataset : Dataset
    parity : {"odd", "even"}
    pulse : Window, optional
        When the voltage was on: what it leaves shows how far the two lie apart. Without it they are taken as they lie.

    Raises
    ------
    ValueError
        If no two settings are of opposite voltage.
    """
    pairs = pairs_of_dataset(dataset)
    made = [_made(pair, None if pulse is None else _shift_of(dataset, pair, pulse)) for pair in pairs]
    shifts = [(-pair.moved[0], -pair.moved[1]) for pair in made]
    dead = None if pulse is None else _dead_traces(dataset, pulse)
    parts = separated_dataset(dataset, parity, pairs, shifts, dead)
    used = {number for pair in pairs for number in (pair.plus, pair.minus)}
    volts = np.asarray(dataset["voltage"].values, dtype=np.float64).tolist()
    left_out = tuple(value for number, value in enumerate(volts) if number not in used)
    return parts.assign_attrs({ATTRIBUTE: Parts(tuple(made), left_out).to_text()})


def _made(pair: Pair, shift: Shift | None) -> PairMade:
    voltages = (pair.positive, pair.negative)
    if shift is None:
        return PairMade(voltages, pair.even_noise)
    moved = (round(shift.dy), round(shift.dx))
    return PairMade(voltages, pair.even_noise, (shift.dy, shift.dx), shift.error, moved)


def _shift_of(dataset: xr.Dataset, pair: Pair, pulse: Window) -> Shift | None:
    """Return how far the setting recorded later lies off the other one; None where that cannot be told.

    What relaxes after the pulse tells, where no voltage is on and nothing electrostatic is in it; else H.
    """
    time = np.asarray(dataset["time"].values, dtype=np.float64)
    heights = [samples_for_displacement(time, pulse)]
    low_pass = PulseProtocol.from_attributes(dataset.attrs).low_pass
    # Most of a step is gone after (n + 1) time constants; to wait for the rest would cost fast relaxations.
    after = _first_after(
        time, pulse, 0.0 if low_pass is None else (low_pass.order + 1) * low_pass.time_constant
    )
    quarter = (time.size - after) // 4
    if quarter >= _FEWEST_SAMPLES // 2:
        heights.insert(0, (slice(time.size - quarter, time.size), slice(after, after + quarter)))
    for samples in heights:
        images = [np.abs(_height(dataset, number, *samples)) for number in sorted((pair.plus, pair.minus))]
        with suppress(ValueError):
            return shift_between(*(without_hot_pixels(image) for image in images))
    return None


def _dead_traces(dataset: xr.Dataset, pulse: Window) -> NDArray[np.bool_]:
    """Return which traces do not change between before the pulse and its end, shape (pulse, y, x)."""
    parts = samples_for_displacement(np.asarray(dataset["time"].values, dtype=np.float64), pulse)
    dead = np.zeros([dataset.sizes[name] for name in ("pulse", "y", "x")], dtype=np.bool_)
    traces = dataset["displacement"]
    for block in blocks_of_rows(dead.shape, sum(part.stop - part.start for part in parts)):
        where = dict(zip(("pulse", "y", "x"), block, strict=True))
        samples = np.concatenate([traces.isel(where | {"time": part}).values for part in parts], axis=-1)
        finite = np.isfinite(samples)
        low, high = (
            edge(np.where(finite, samples, other), axis=-1)
            for edge, other in ((np.min, np.inf), (np.max, -np.inf))
        )
        dead[block] = low == high
    return dead


def _first_after(time: Array, pulse: Window, wait: float) -> int:
    """Return the first sample so long after the pulse."""
    return time.size if pulse.stop is None else int(np.searchsorted(time, pulse.stop + wait))


def _height(dataset: xr.Dataset, number: int, base: slice, at: slice) -> Array:
    """Return by how much some samples of one pulse setting lie above others, shape (y, x); no others are read."""
    shape = (1, dataset.sizes["y"], dataset.sizes["x"])
    height: Array = np.empty(shape)
    traces = dataset["displacement"].isel(pulse=[number])
    for block in blocks_of_rows(shape, at.stop - at.start + base.stop - base.start):
        where = dict(zip(("pulse", "y", "x"), block, strict=True))
        samples = (
            np.asarray(traces.isel(where | {"time": part}).values, dtype=np.float64) for part in (base, at)
        )
        height[block] = displacement_from_samples(*samples)
    return np.asarray(height[0])


def weights_of_even_height(settings: Settings, time: Array) -> Array | None:
    """Return by what the samples of a trace are multiplied to give its height while the voltage is on, shape (time,).

    The height is that of a step with the voltage, behind the lock-in, beside a constant and a drift over the record, by
    least squares over all samples. None where the record does not tell the three apart: it needs samples with the
    voltage and without.
    """
    if settings.pulse_edges is None:
        return None
    beside = settings.columns_of([Nuisances(drift=True, step=True)], time)
    columns = np.column_stack([np.ones(time.size), beside])
    if np.linalg.matrix_rank(columns) < columns.shape[1]:
        return None
    weights: Array = np.linalg.pinv(columns)[-1]
    return weights


def even_height(traces: NDArray[np.floating], weights: Array, settings: Settings, time: Array) -> Array:
    """Return the height of traces of the even part while the voltage is on, shape (...), in the unit of the traces.

    Parameters
    ----------
    traces : ndarray, shape (..., time)
        Samples that are not finite are left out; NaN is returned where the rest does not tell the height.
    weights : ndarray, shape (time,)
        From `weights_of_even_height`.
    """
    values = np.asarray(traces, dtype=np.float64)
    finite = np.isfinite(values)
    height = np.array(np.where(finite, values, 0.0) @ weights)
    beside = settings.columns_of([Nuisances(drift=True, step=True)], time)
    columns = np.column_stack([np.ones(time.size), beside])
    height[~finite.any(axis=-1)] = np.nan
    for place in np.argwhere(~finite.all(axis=-1) & finite.any(axis=-1)):
        there = finite[tuple(place)]
        solution, _, rank, _ = np.linalg.lstsq(columns[there], values[tuple(place)][there], rcond=None)
        height[tuple(place)] = solution[-1] if rank == columns.shape[1] else np.nan
    return height


def with_asymmetry(parts: Parts, dataset: xr.Dataset, pulse: Window, low_pass: LowPass | None) -> Parts:
    """Return the parts with how much of the odd part their even ones still hold after the pulse.

    With the voltage off an electrostatic force is gone, and the even part is what the two settings do not have in
    common: a gain that differs, or a sample that does not answer to both polarities alike. A drift is fitted beside it.

    Parameters
    ----------
    dataset : Dataset
        Of the odd parts, with `EVEN_TRACES`.
    low_pass : LowPass, optional
        Of the lock-in: what it still remembers of the pulse does not count.
    """
    made = (
        replace(pair, asymmetry=_asymmetry_of(dataset, number, pulse, low_pass))
        for number, pair in enumerate(parts.pairs)
    )
    return Parts(tuple(made), parts.left_out)


def _asymmetry_of(
    dataset: xr.Dataset, number: int, pulse: Window, low_pass: LowPass | None
) -> Asymmetry | None:
    time = np.asarray(dataset["time"].values, dtype=np.float64)
    # (2n + 5) time constants leave a thousandth of a step behind n stages.
    wait = 0.0 if low_pass is None else (2 * low_pass.order + 5) * low_pass.time_constant
    after = slice(_first_after(time, pulse, wait), time.size)
    pixels = dataset.sizes["y"] * dataset.sizes["x"]
    few = thinned(dataset, max(1, int(np.sqrt(pixels / _TRACES)))).isel(pulse=number)
    odd, even = (
        np.asarray(few[name].values, dtype=np.float64).reshape(-1, time.size)
        for name in ("displacement", EVEN_TRACES)
    )
    height = without_hot_pixels(displacement_from_traces(odd, time, pulse)[:, None])[:, 0]
    usable = np.isfinite(height)
    if usable.sum() < _FEWEST_TRACES or time[after].size < _FEWEST_SAMPLES:
        return None
    # Summed with their heights as weights, the noise of the traces goes and what has both signs adds up.
    weights = height[usable][:, None]
    parts = [part[usable][:, after] for part in (odd, even)]
    there = np.isfinite(parts[0]) & np.isfinite(parts[1])
    terms = [np.where(there, weights * part, 0.0) for part in parts] + [np.where(there, weights**2, 0.0)]
    group = np.arange(len(weights)) % _GROUPS
    sums = np.stack([[term[group == number].sum(axis=0) for number in range(_GROUPS)] for term in terms])
    whole = sums.sum(axis=1)
    value = _share(whole, time[after])
    left = np.array([_share(whole - sums[:, number], time[after]) for number in range(_GROUPS)])
    error = float(np.sqrt((_GROUPS - 1) / _GROUPS * np.square(left - left.mean()).sum()))
    return Asymmetry(round(value, 6), round(error, 6)) if np.isfinite([value, error]).all() else None


def _share(sums: Array, time: Array) -> float:
    """Return by how much the even curve follows the odd one, beside a constant and a drift; NaN where it cannot.

    Parameters
    ----------
    sums : ndarray, shape (3, time)
        Of the odd traces, of the even ones, and of what divides both.
    """
    odd, even, weight = sums
    known = weight > 0
    if known.sum() < _FEWEST_SAMPLES:
        return np.nan
    odd, even, time = odd[known] / weight[known], even[known] / weight[known], time[known]
    if not np.ptp(odd) > 0:
        return np.nan
    columns = np.column_stack([odd, np.ones(time.size), (time - time[0]) / np.ptp(time)])
    return float(np.linalg.lstsq(columns, even, rcond=None)[0][0])
