"""Traces for which a projection as they stand is not good enough; see `special_fits`."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.exact import exact_fit
from napari_tesm.fitting.search import Parameters, optimum_from_traces, parameters_from_optimum
from napari_tesm.fitting.table import FitTable, table_from_times

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]

FEWEST_SAMPLES: Final = 6
"""A trace with fewer finite samples is invalid."""
NOISE_FREE: Final = 1e-5
"""Below this part of unexplained variance (amplitude/noise above some 1500) the table's own error of 5e-9 in u would
pass 3e-5 standard errors; such traces are fitted whole."""
ROUNDED_AWAY: Final = 1e-7
"""Residuals with a mean square below this part of the trace's own have lost half their digits."""
SMALLEST_SQUARE: Final = 1e-200
LARGEST_SQUARE: Final = 1e200
"""Mean squares outside this range come near the limits of a double."""
_MODERATE_EXPONENT: Final = 300
"""Traces up to two to this power, and down to its inverse, have squares well within the range of a double."""
_SAME_GAPS: Final = 1024
"""A table costs what this many whole-trace fits do (500 samples: 40 ms against 35 µs each): gaps that more traces of a
chunk share get a table of their own."""
_BATCH_BYTES: Final = 1 << 22
"""Traces handled at once, which bounds the memory."""


def needs_care(parameters: Parameters, mean_square: Array) -> Mask:
    """Return which rows of a fit from the table `special_fits` must do again."""
    ordinary = (mean_square > SMALLEST_SQUARE) & (mean_square < LARGEST_SQUARE)  # neither NaN nor infinite
    ordinary &= parameters.rms**2 > ROUNDED_AWAY * mean_square
    ordinary &= parameters.r2 < 1 - NOISE_FREE
    return ~ordinary


def special_fits(
    traces: NDArray[np.generic], pixels: Rows, table: FitTable
) -> Iterator[tuple[Rows, Array, Parameters, NDArray[np.intp]]]:
    """Fit traces with missing samples, large offsets, hardly any noise, or very large or small numbers.

    Parameters
    ----------
    traces : ndarray, shape (n, time)
        Traces of any real type.
    pixels : ndarray of int
        Which of them to fit.
    table : FitTable
        The table for traces without gaps.

    Yields
    ------
    pixels : ndarray of int, shape (m,)
        Some of the pixels.
    u : ndarray, shape (m,)
        ln tau; NaN where the trace is constant or has fewer than 6 finite samples.
    parameters : Parameters
        On the scale of the traces; NaN likewise.
    samples : ndarray of int, shape (m,)
        Finite samples.
    """

    def batches(of: Rows) -> Iterator[Rows]:
        size = int(np.clip(_BATCH_BYTES // (8 * table.time.size), 128, 2048))
        return (of[first : first + size] for first in range(0, of.size, size))

    patterns = np.concatenate([np.packbits(np.isfinite(traces[rows]), axis=1) for rows in batches(pixels)])
    for group, kept in _same_gaps(patterns, table.time.size):
        if kept is not None and FEWEST_SAMPLES <= kept.sum() < kept.size:
            bounds = float(np.exp(table.low)), float(np.exp(table.high))
            own = table_from_times(table.time[kept], *bounds, table.kernel)
        else:
            own = table
        for rows in batches(pixels[group]):
            y = traces[rows].astype(np.float64)
            # Traces without one sample are as long as the others: what is done with a trace asks for its largest.
            yield rows, *_fit_batch(y if kept is None or kept.all() or not kept.any() else y[:, kept], own)


def _same_gaps(patterns: NDArray[np.uint8], samples: int) -> Iterator[tuple[Rows, Mask | None]]:
    """Yield the rows that have the same samples, if many do or if they have all, and which; the others with None."""
    _, first, number, sizes = np.unique(
        patterns.view(np.dtype((np.void, patterns.shape[1]))).ravel(),
        return_index=True, return_inverse=True, return_counts=True,
    )  # fmt: skip
    kept = np.unpackbits(patterns[first], axis=1, count=samples).astype(np.bool_)
    together = (sizes >= _SAME_GAPS) | kept.all(axis=1)
    for pattern in np.flatnonzero(together):
        yield np.flatnonzero(number == pattern), kept[pattern]
    yield np.flatnonzero(~together[number]), None


def _fit_batch(y: Array, table: FitTable) -> tuple[Array, Parameters, NDArray[np.intp]]:
    """Fit traces with gaps of their own, or without any on the table's grid; `y` is overwritten."""
    present = np.isfinite(y)
    samples = present.sum(axis=1)
    offset, exponent = _normalise(y, present)
    u = np.full(len(y), np.nan)
    together = Parameters(*(np.full(len(y), np.nan) for _ in fields(Parameters)))

    def keep(rows: Rows, fitted_u: Array, fitted: Parameters) -> None:
        u[rows] = fitted_u
        for field in fields(Parameters):
            getattr(together, field.name)[rows] = getattr(fitted, field.name)

    rows = np.flatnonzero(y.any(axis=1) & (samples >= FEWEST_SAMPLES))
    if rows.size and present.all():
        whole = y if rows.size == len(y) else y[rows]
        optimum = optimum_from_traces(whole, table)
        fitted = parameters_from_optimum(optimum, table)
        keep(rows, optimum.u, fitted)
        rows = rows[needs_care(fitted, optimum.mean_square)]
    if rows.size:
        keep(rows, *exact_fit(y[rows], present[rows], table.kernel, table.time, table.low, table.high))
    scaled = replace(
        together,
        a=np.ldexp(together.a, exponent),
        c=np.ldexp(together.c + offset, exponent),
        a_error=np.ldexp(together.a_error, exponent),
        c_error=np.ldexp(together.c_error, exponent),
        rms=np.ldexp(together.rms, exponent),
    )
    return u, scaled, samples


def take_exponent_out(y: Array) -> NDArray[np.intc]:
    """Divide very large or small finite traces by a power of two, in place and without rounding; return the powers."""
    exponent: NDArray[np.intc] = np.frexp(np.maximum(y.max(axis=1), -y.min(axis=1)))[1]
    exponent[np.abs(exponent) < _MODERATE_EXPONENT] = 0
    if exponent.any():
        np.ldexp(y, -exponent[:, None], out=y)
    return exponent


def _normalise(y: Array, present: Mask) -> tuple[Array, NDArray[np.intc]]:
    """Take the offset out of traces, in place, and the exponent out of very large or small ones; return both.

    The first sample is subtracted before the mean because that
    difference is exact where the offset is large. Missing samples become 0.
    """
    y[~present] = 0.0
    exponent = take_exponent_out(y)
    first = y[np.arange(len(y)), present.argmax(axis=1)]
    y -= first[:, None]
    y *= present
    mean = y.sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    mean[~y.any(axis=1)] = 0.0
    y -= mean[:, None]
    y *= present
    return first + mean, exponent
