"""Traces for which a projection as they stand is not good enough; see `special_fit`."""

from dataclasses import fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.exact import exact_fit
from napari_tesm.fitting.search import Parameters, Workspace, optimum_from_traces, parameters_from_optimum
from napari_tesm.fitting.table import FitTable, table_from_times

Array = NDArray[np.float64]

FEWEST_SAMPLES: Final = 6
"""A trace with fewer finite samples is invalid."""
NOISE_FREE: Final = 1e-5
"""Below this part of unexplained variance (amplitude/noise above some 1000) the table's own error of 1e-8 in u would
come near 1e-5 standard errors; such traces are fitted whole."""
ROUNDED_AWAY: Final = 1e-7
"""Residuals with a mean square below this part of the trace's own have lost half their digits."""
SMALLEST_SQUARE: Final = 1e-200
LARGEST_SQUARE: Final = 1e200
"""Mean squares outside this range come near the limits of a double."""
_SAME_GAPS: Final = 1024
"""A table costs as much as this many whole-trace fits or less (500 samples: 45 ms against 45 µs each): gaps that more
traces share get a table of their own."""
ROWS: Final = 2048
"""Traces handled at once, which bounds the memory."""


def needs_care(parameters: Parameters, mean_square: Array) -> NDArray[np.bool_]:
    """Return which rows of a fit from the table `special_fit` must do again."""
    ordinary = (mean_square > SMALLEST_SQUARE) & (mean_square < LARGEST_SQUARE)  # neither NaN nor infinite
    ordinary &= parameters.rms**2 > ROUNDED_AWAY * mean_square
    ordinary &= parameters.r2 < 1 - NOISE_FREE
    return ~ordinary


def special_fit(traces: Array, table: FitTable) -> tuple[Array, Parameters, NDArray[np.intp]]:
    """Fit traces with missing samples, large offsets, hardly any noise, or very large or small numbers.

    Parameters
    ----------
    traces : ndarray, shape (rows, time)
        At most `ROWS` traces.
    table : FitTable
        The table for traces without gaps.

    Returns
    -------
    u : ndarray, shape (rows,)
        ln tau; NaN where the trace is constant or has fewer than 6 finite samples.
    parameters : Parameters
        On the scale of the traces; NaN likewise.
    samples : ndarray of int, shape (rows,)
        Finite samples.
    """
    present = np.isfinite(traces)
    samples = present.sum(axis=1)
    y, offset, exponent = _normalised(traces, present)
    u = np.full(len(y), np.nan)
    found = Parameters(*(np.full(len(y), np.nan) for _ in fields(Parameters)))

    def keep(rows: NDArray[np.intp], fitted_u: Array, fitted: Parameters) -> None:
        u[rows] = fitted_u
        for field in fields(Parameters):
            getattr(found, field.name)[rows] = getattr(fitted, field.name)

    usable = np.flatnonzero((samples >= FEWEST_SAMPLES) & y.any(axis=1))
    groups, alone = _same_gaps(present[usable])
    whole = [usable[alone]]
    for group in groups:
        rows = usable[group]
        kept = present[rows[0]]
        if kept.all():
            own, clean = table, y[rows]
        else:
            bounds = float(np.exp(table.low)), float(np.exp(table.high))
            own, clean = table_from_times(table.time[kept], *bounds, table.kernel.name), y[rows][:, kept]
        optimum = optimum_from_traces(clean, own, Workspace.for_table(own))
        fitted = parameters_from_optimum(optimum, own)
        keep(rows, optimum.u, fitted)
        whole.append(rows[needs_care(fitted, optimum.mean_square)])
    rows = np.concatenate(whole)
    if rows.size:
        keep(rows, *exact_fit(y[rows], present[rows], table.kernel, table.time, table.low, table.high))

    scaled = Parameters(
        a=np.ldexp(found.a, exponent),
        c=np.ldexp(found.c + offset, exponent),
        u_error=found.u_error,
        a_error=np.ldexp(found.a_error, exponent),
        c_error=np.ldexp(found.c_error, exponent),
        rms=np.ldexp(found.rms, exponent),
        r2=found.r2,
    )
    return u, scaled, samples


def _normalised(traces: Array, present: NDArray[np.bool_]) -> tuple[Array, Array, NDArray[np.intc]]:
    """Return traces of size one without their offset (0 where missing), the offset, and the exponent taken out.

    A power of two scales without rounding; the first sample is subtracted before the mean because that difference
    of neighbours is exact where the offset is large.
    """
    y = np.where(present, traces, 0.0)
    exponent = np.frexp(np.abs(y).max(axis=1))[1]
    y = np.ldexp(y, -exponent[:, None])
    first = y[np.arange(len(y)), present.argmax(axis=1)]
    y = np.where(present, y - first[:, None], 0.0)
    varies = y.any(axis=1)
    mean = y.sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    y = np.where(present & varies[:, None], y - mean[:, None], 0.0)
    return y, first + mean, exponent


def _same_gaps(
    present: NDArray[np.bool_],
) -> tuple[list[NDArray[np.intp]], NDArray[np.intp]]:
    """Return groups of rows that have the same samples, if all or if many do, and the rows left over."""
    complete = present.all(axis=1)
    groups, rest = [np.flatnonzero(complete)], np.flatnonzero(~complete)
    if rest.size < _SAME_GAPS:
        return [group for group in groups if group.size], rest
    packed = np.packbits(present[rest], axis=1)
    patterns = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, number, sizes = np.unique(patterns, return_inverse=True, return_counts=True)
    common = np.flatnonzero(sizes >= _SAME_GAPS)
    groups += [rest[number == pattern] for pattern in common]
    return [group for group in groups if group.size], rest[sizes[number] < _SAME_GAPS]
