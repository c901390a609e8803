r"""The level that a pulse starts from where nothing was recorded before it: that of a fit, corrected by the samples.

One sample is a level with all its noise. An exponential through the pulse's samples knows the level three times as
well, but only if the pulse is an exponential: for diffusion from a source it may lie 0.3 H too high. So what the
exponential leaves over is looked at twice.

1. Along the shape in which a stretched exponential, of the exponent 0.7, differs from the exponential that fits it
   best. With the part t of the residual along it, in units of its noise, a fit that has this shape, too, gets the
   weight :math:`1/(1+e^{1-t^2/2})` of Akaike's criterion against the one that has not (Burnham, K. P. and Anderson, D.
   R. (2002). Model Selection and Multimodel Inference). Noise that is correlated counts its independent samples, by
   the noise of neighbours (von Neumann) against that of all.
2. In the means of the first twentieth of the pulse, its first half, and so on down to the first sample. Each says how
   far the level is from what the last one said, and counts as far as it is beyond noise:
   :math:`d\,(1 - 4s^2/d^2)` where |d| is more than twice its standard error s (Gao, H.-Y. (1998). J. Comput. Graph.
   Stat. 7, 469-488).

So the level of noisy traces is that of the fit, and that of traces without noise, to one percent of H, their first
sample.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.displacement import (
    END_FRACTION,
    displacement_from_samples,
    displacement_from_traces,
    noise_from_traces,
    samples_for_displacement,
)
from napari_tesm.data.protocol import Window
from napari_tesm.evaluation.tangents import tangents_of_curves
from napari_tesm.fitting import FitResult, fit_traces
from napari_tesm.fitting.inputs import range_of_tau, window_from_times
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.named import AnyKernel, fitted_curves, kernel_from_name
from napari_tesm.quantities.status import INVALID

Array = NDArray[np.float64]
Rows = slice | NDArray[np.intp]

FEWEST_SAMPLES: Final = 12
"""Of a pulse, from which a level can be fitted beside its noise."""
_EXPONENT: Final = 0.7
"""Of the stretched curve. Exponents of 0.45 to 0.8 give levels of the same error, within a third (docs/instrument.md);
those nearer to 1 follow less noise and take less of a misfit out."""
_SPACING: Final = 0.04
"""Of the times for which the misfit is tabulated, in their logarithm."""
_NEGLIGIBLE: Final = 1e-3
_PARAMETERS: Final = 4
_SURE: Final = 2.0
_QUIET: Final = 64
"""Samples at the end of the pulse that the noise of neighbours is taken from: nothing moves fast there."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels that a pulse starts from, each array of shape (n,).

    Parameters
    ----------
    value : ndarray
        In the unit of the traces; NaN for a trace without one finite sample in the pulse.
    node : ndarray of int16
        Place of the fit in the `LevelTable`; −1 where the first sample stands for the level.
    weight, gap : ndarray
        Of the fit that has the shape of the misfit, too: its weight, and how far its level is from the exponential's.
    change : ndarray
        What the first samples added.
    """

    value: Array
    node: NDArray[np.int16]
    weight: Array
    gap: Array
    change: Array


@dataclass(frozen=True, eq=False)
class LevelTable:
    """What exponentials of some relaxation times miss of stretched ones, for the samples of one pulse.

    Parameters
    ----------
    time : ndarray, shape (time,)
        From the start of the pulse.
    log_tau : ndarray, shape (nodes,)
    shapes : ndarray, shape (r, time)
        Of which everything missed is made, at right angles to one another and to a constant.
    misfit : ndarray, shape (nodes, r)
        What is missed, in these shapes: of unit length and at right angles to all that an exponential fit takes out.
    start : ndarray, shape (nodes, k)
        The same in the first twentieth of the samples, as it is missed: what is to be added to the fit there.
    """

    time: Array
    low_pass: LowPass | None
    log_tau: Array
    shapes: Array
    misfit: Array
    start: Array

    @property
    def halves(self) -> list[int]:
        """How many first samples are averaged: a twentieth, and half as many each time down to one."""
        count = self.start.shape[1]
        return [*dict.fromkeys(count >> power for power in range(count.bit_length()))]

    def weights(self, nodes: NDArray[np.intp]) -> Array:
        """Return by what the samples are multiplied to give the level of either fit, shape (2, n, time).

        Of the exponential, by its tangents, and of the fit that has the shape of the misfit, too.
        """
        kernel = kernel_from_name("exponential", low_pass=self.low_pass)
        basis = np.linalg.qr(_tangents(kernel, self.time, self.log_tau[nodes]))[0]
        plain = (basis @ basis[:, 0, :, None])[..., 0]
        shaped = plain + self.start[nodes, 0, None] * (self.misfit[nodes] @ self.shapes)
        return np.stack([plain, shaped])


def has_samples_before(time: Array, pulse: Window) -> bool:
    """Whether a record begins before its pulse."""
    return bool(pulse.samples(time).start > 0)


def height_from_traces(
    traces: NDArray[np.floating], time: Array, pulse: Window, *, low_pass: LowPass | None = None
) -> Array:
    """Return the displacement H caused by the pulse, signed, in the unit of the traces.

    H is the mean of the last 5 % of the pulse's samples minus the mean of the samples before the pulse, or minus the
    level that the pulse starts from (`levels_from_pulse`) where there are none.

    Parameters
    ----------
    traces : ndarray, shape (..., time)
    time : ndarray, shape (time,)
        Increasing sample times in s.
    pulse : Window
        The stretch of time in which the voltage was on.
    low_pass : LowPass, optional
        The lock-in's filter that the traces have passed.

    Raises
    ------
    ValueError
        If no sample lies inside the pulse.
    """
    if has_samples_before(time, pulse):
        return displacement_from_traces(traces, time, pulse)
    rows = np.asarray(traces, dtype=np.float64).reshape(-1, traces.shape[-1])
    levels = levels_of_traces(rows, time, pulse, low_pass=low_pass)
    return height_above_levels(rows, time, pulse, levels).reshape(traces.shape[:-1])


def level_table(time: Array, pulse: Window, low_pass: LowPass | None = None) -> LevelTable | None:
    """Return the table that the levels of a pulse are from; None where it has too few samples."""
    since = _since_start(time, pulse)
    return None if since.size < FEWEST_SAMPLES else _table_from_times(since.tobytes(), low_pass)


def levels_of_traces(
    traces: Array,
    time: Array,
    pulse: Window,
    *,
    low_pass: LowPass | None = None,
    fitted: FitResult | None = None,
) -> Levels:
    """Return the levels that the pulse starts from, of traces of shape (n, time) of which none begins before it.

    Parameters
    ----------
    fitted : FitResult, optional
        Of an exponential to the samples of the pulse, where there is one already.
    """
    inside = pulse.samples(time)
    return levels_from_pulse(traces[:, inside], _since_start(time, pulse), low_pass=low_pass, fitted=fitted)


def _since_start(time: Array, pulse: Window) -> Array:
    times = np.asarray(time[pulse.samples(time)], dtype=np.float64)
    return times - min(pulse.start, float(times[0]))


def height_above_levels(traces: Array, time: Array, pulse: Window, levels: Levels) -> Array:
    """Return H over given levels, shape (n,)."""
    _, at_end = samples_for_displacement(time, pulse)
    return displacement_from_samples(levels.value[:, None], traces[:, at_end])


def levels_from_pulse(
    samples: Array, time: Array, *, low_pass: LowPass | None = None, fitted: FitResult | None = None
) -> Levels:
    """Return the levels that traces of a pulse start from: at the first sample, without its noise.

    Parameters
    ----------
    samples : ndarray, shape (n, time)
        In the pulse. Samples that are not finite are left out.
    time : ndarray, shape (time,)
        From the start of the pulse.
    low_pass, fitted
        As for `levels_of_traces`.
    """
    count = len(samples)
    values = np.array(samples[:, 0], dtype=np.float64)
    first = np.zeros(count, dtype=np.intp)
    late = np.flatnonzero(~np.isfinite(values))
    if late.size:
        present = np.isfinite(samples[late])
        first[late] = present.argmax(axis=1)
        values[late] = np.where(present.any(axis=1), samples[late, first[late]], np.nan)
    levels = Levels(values, np.full(count, -1, dtype=np.int16), *np.zeros((3, count)))
    if time.size < FEWEST_SAMPLES or not count:
        return levels
    table = _table_from_times(time.tobytes(), low_pass)
    if fitted is None:
        fitted = fit_traces(samples, time, kernel="exponential", low_pass=low_pass, start=0.0)
    # Without a sample in the first twentieth there is nothing that could correct a fit.
    usable = (fitted.status != INVALID) & np.isfinite(fitted.tau) & (first < table.start.shape[1])
    rows = slice(None) if usable.all() else np.flatnonzero(usable)
    if usable.any():
        with np.errstate(all="ignore"):
            level, node, *further = _corrected(samples[rows], first[rows], table, fitted, rows)
        known = np.isfinite(level)
        levels.value[rows] = np.where(known, level, values[rows])
        levels.node[rows] = np.where(known, node, -1)
        for whole, part in zip((levels.weight, levels.gap, levels.change), further, strict=True):
            whole[rows] = np.where(known, part, 0.0)
    return levels


def _corrected(
    samples: Array, first: NDArray[np.intp], table: LevelTable, fitted: FitResult, rows: Rows
) -> tuple[Array, NDArray[np.int16], Array, Array, Array]:
    """Return the entries of `Levels` of traces with a fit, whose first finite sample lies in the first twentieth."""
    kernel = kernel_from_name("exponential", low_pass=table.low_pass)
    tau, a, c, rms = (values[rows] for values in (fitted.tau, fitted.a, fitted.c, fitted.rms))
    number = fitted.samples[rows].astype(np.float64)
    free = np.maximum(number - _PARAMETERS, 1)
    parameters = {"tau": tau, "a": a, "c": c}
    node = np.rint((np.log(tau) - table.log_tau[0]) / _SPACING).astype(np.int16)
    node = np.clip(node, 0, table.log_tau.size - 1)
    curve = fitted_curves(kernel, table.time[: table.start.shape[1]], parameters)
    along = np.vecdot(_filled(samples, number, parameters, table) @ table.shapes.T, table.misfit[node])
    share = np.clip(along / (rms * np.sqrt(number)), -1, 1)
    left = np.sqrt(np.maximum(1 - share**2, 0))
    residual = rms * left * np.sqrt(number / free)
    neighbours = noise_from_traces(samples[:, -_QUIET:]) / residual
    neighbours = np.where(np.isfinite(neighbours), np.minimum(neighbours, 1), 1)
    # Of noise with a memory, as of a first-order process, so many samples are one; a misfit remembers everything.
    memory = np.minimum(2 / np.maximum(neighbours**2, np.finfo(float).tiny) - 1, number)
    squared = np.nan_to_num(share**2 * free / left**2 / memory, nan=0.0, posinf=np.inf)
    weight = np.where(share != 0, 1 / (1 + np.exp(np.minimum(1 - squared / 2, 50))), 0)
    gap = along * table.start[node, 0]
    curve += (weight * along)[:, None] * table.start[node]
    change = _beyond_noise(samples[:, : curve.shape[1]] - curve, table.halves, neighbours * residual, memory)
    level = curve[np.arange(len(curve)), first] + change
    return level, node, weight, gap, change


def _filled(samples: Array, number: Array, parameters: dict[str, Array], table: LevelTable) -> Array:
    """Return samples with the fitted curve where they are missing: nothing is left over there."""
    gaps = np.flatnonzero(number < table.time.size)
    if not gaps.size:
        return samples
    kernel = kernel_from_name("exponential", low_pass=table.low_pass)
    curves = fitted_curves(kernel, table.time, {name: values[gaps] for name, values in parameters.items()})
    whole = samples.copy()
    whole[gaps] = np.where(np.isfinite(samples[gaps]), samples[gaps], curves)
    return whole


def _beyond_noise(residuals: Array, halves: list[int], neighbours: Array, memory: Array) -> Array:
    """Return how far the first samples lie off a fit, as far as that is more than noise.

    Parameters
    ----------
    residuals : ndarray, shape (n, k)
        Of the first samples.
    halves : list of int
        How many are averaged, from k down to 1.
    neighbours, memory : ndarray, shape (n,)
        Noise of a sample against the next; how many samples count as one.
    """
    present = np.isfinite(residuals)
    counts = present.cumsum(axis=1)
    sums = np.where(present, residuals, 0.0).cumsum(axis=1)
    change = np.zeros(len(residuals))
    last = np.zeros(len(residuals))
    variance = np.zeros(len(residuals))
    for number in halves:
        some = counts[:, number - 1] > 0
        count = np.maximum(counts[:, number - 1], 1)
        mean = np.where(some, sums[:, number - 1] / count, last)
        # Means of samples side by side differ by the noise of neighbours, however long its memory.
        error = neighbours * np.sqrt(
            memory / count if number == halves[0] else np.maximum(1 / count - variance, 0)
        )
        step = mean - last
        part = 1 - (_SURE * error / np.where(step != 0, step, 1.0)) ** 2
        change += step * np.maximum(part, 0)
        last, variance = mean, 1 / count
    return change


def _tangents(kernel: AnyKernel, time: Array, log_tau: Array) -> Array:
    """Return the directions that fits take out, of one length, shape (n, time, p): amplitude and time have units."""
    tangents = tangents_of_curves(kernel, time, [{"tau": float(tau)} for tau in np.exp(log_tau)])
    lengths = np.linalg.norm(tangents, axis=1, keepdims=True)
    return np.asarray(tangents / np.maximum(lengths, np.finfo(float).tiny))


@lru_cache(maxsize=8)
def _table_from_times(time_bytes: bytes, low_pass: LowPass | None) -> LevelTable:
    time = np.frombuffer(time_bytes)
    kernel = kernel_from_name("exponential", low_pass=low_pass)
    stretched = kernel_from_name("stretched", low_pass=low_pass)
    low, high = range_of_tau((0.01, 10.0), window_from_times(time), None)
    tau = np.exp(np.arange(np.log(low / 4), np.log(2 * high), _SPACING))
    whole = np.ones_like(tau)
    curves = fitted_curves(
        stretched, time, {"tau": tau, "beta": _EXPONENT * whole, "a": whole, "c": 0 * whole}
    )
    fitted = fit_traces(curves, time, kernel=kernel, start=0.0)
    missed = curves - fitted_curves(kernel, time, {"tau": fitted.tau, "a": fitted.a, "c": fitted.c})
    missed /= fitted.a[:, None]
    # In order and each once: many end at the shortest and the longest time.
    own = np.isfinite(missed).all(axis=1)
    own &= np.diff(np.nan_to_num(fitted.tau), prepend=0.0) > 1e-4 * np.nan_to_num(fitted.tau)
    log_tau = np.arange(np.log(low), np.log(high) + _SPACING, _SPACING)
    if not own.any():
        nothing = np.zeros((log_tau.size, _of_start(time)))
        return LevelTable(time, low_pass, log_tau, np.zeros((1, time.size)), nothing[:, :1], nothing)
    known = np.log(fitted.tau[own])
    missed = missed[own]
    place = np.clip(np.interp(log_tau, known, np.arange(known.size)), 0, known.size - 1)
    below = np.minimum(place.astype(np.intp), max(known.size - 2, 0))
    above = np.minimum(below + 1, known.size - 1)
    part = (place - below)[:, None]
    raw = (1 - part) * missed[below] + part * missed[above]
    bases = np.linalg.qr(_tangents(kernel, time, log_tau))[0]
    misfit = raw - (bases @ (bases.mT @ raw[:, :, None]))[..., 0]
    length = np.linalg.norm(misfit, axis=1)
    scale = np.divide(1, length, out=np.zeros_like(length), where=length > 1e-9)[:, None]
    _, sizes, shapes = np.linalg.svd(misfit * scale, full_matrices=False)
    shapes = shapes[sizes > _NEGLIGIBLE * sizes[0]]
    return LevelTable(
        time, low_pass, log_tau, shapes, misfit * scale @ shapes.T, raw[:, : _of_start(time)] * scale
    )


def _of_start(time: Array) -> int:
    return max(1, round(END_FRACTION * time.size))
