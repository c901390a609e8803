"""Fits of kernels with a time and a shape, on families of tables."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.chunks import FitChunk
from napari_tesm.fitting.inputs import (
    check_error_limit,
    origin_from_start,
    range_of_tau,
    window_from_times,
)
from napari_tesm.fitting.result import FitResult
from napari_tesm.fitting.shape_parameters import ProjectedTraces, store_parameters
from napari_tesm.fitting.shape_search import Place, search
from napari_tesm.fitting.shape_table import ShapeTable, shape_table, spanned_curves
from napari_tesm.kernels.two_parameters import ShapeKernel

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]

SHAPE_CHUNK: Final = 8192
"""Traces fitted at once."""
_IN_CACHE: Final = 1 << 17
"""Numbers that stay in cache while a few passes go over them."""
_ROUNDING: Final = 1e-15
"""A trace that varies by less than this part of its mean is constant."""
_FILLINGS: Final = 200
_FILLED: Final = 1e-5
"""Missing samples are filled from the fit until its p moves less than this."""


def shape_chunk_fitter(
    times: Array,
    kernel: ShapeKernel,
    start: float | None,
    bounds: tuple[float, float] | None,
    max_log_tau_error: float,
) -> FitChunk:
    """Return what fits traces, shape (pixels, time), into views of a result; the options are those of `fit_traces`."""
    window = window_from_times(times)
    low, high = range_of_tau(kernel.first, window, bounds)
    check_error_limit(max_log_tau_error)
    since = np.ascontiguousarray(times - origin_from_start(start, times))
    with np.errstate(all="ignore"):
        table = shape_table(since.tobytes(), low, high, kernel)

    def fit_chunk(traces: NDArray[np.generic], out: FitResult) -> None:
        # Neighbouring samples side by side, so that sums of any memory order end in the same digits.
        data, place = _projected(np.array(traces, np.float64, order="C"), table)
        store_parameters(out, data, place, table, window, max_log_tau_error)

    return fit_chunk


def _projected(y: Array, table: ShapeTable) -> tuple[ProjectedTraces, Place]:
    """Return what is known of traces, and their best place; `y` is used up."""
    rows, samples = y.shape
    count = np.full(rows, samples)
    start, mean, square = (np.empty(rows) for _ in range(3))
    z = np.empty((rows, table.basis.shape[1]))
    missing: list[tuple[Rows, Mask]] = []
    height = max(16, _IN_CACHE // samples)
    for first in range(0, rows, height):
        part = slice(first, first + height)
        gappy = _level(y[part], start[part], count[part])
        if gappy is not None:
            missing.append((first + gappy[0], gappy[1]))
        y_part = y[part]
        y_part.mean(axis=1, out=mean[part])
        np.vecdot(y_part, y_part, out=square[part])
        np.matmul(y_part, table.basis, out=z[part])
    place, h = search(z, table)
    # Gaps hold the mean until they are filled, and add nothing to the sum about it.
    total = square - samples * mean**2
    total[total <= samples * (_ROUNDING * start) ** 2] = 0.0
    for rows_, present in missing:
        kept = count[rows_] >= table.kernel.fewest_samples
        if not kept.any():
            continue
        gaps = rows_[kept]
        h[:, gaps] = _fill_gaps(y, present[kept], gaps, place, table)
        filled = y[gaps]
        mean[gaps], square[gaps] = filled.mean(axis=1), np.vecdot(filled, filled)
    return ProjectedTraces(h, start, mean, total, square - samples * mean**2, count), place


def _level(y: Array, start: Array, count: Rows) -> tuple[Rows, Mask] | None:
    """Take the offset out of traces, in place; return which have gaps, and which of their samples are there."""
    y.mean(axis=1, out=start)
    broken = np.flatnonzero(~np.isfinite(start))
    present = None
    if broken.size:
        present = np.isfinite(y[broken])
        count[broken] = present.sum(axis=1)
        start[broken] = np.where(present, y[broken], 0.0).sum(axis=1) / np.maximum(count[broken], 1)
        y[broken] = np.where(present, y[broken], start[broken, None])
    y -= start[:, None]
    return None if present is None else (broken, present)


def _fill_gaps(y: Array, present: Mask, rows: Rows, place: Place, table: ShapeTable) -> Array:
    """Fill missing samples from the fit, and fit again, until nothing moves; return h, shape (curves, rows).

    This is least squares of what is there.

    The fitted curve itself has no residual where it fills a gap, so the optimum is that of the other samples
    (Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). J. R. Stat. Soc. B 39, 1-38).
    """
    going, own = rows, np.arange(rows.size)
    found_h = np.empty((table.kernel.curves, rows.size))
    for _ in range(_FILLINGS):
        here = Place(place.node[:, going], place.s[:, going])
        spanned = spanned_curves(table.kernel, table.time, here.p(table))
        h = np.vecdot(spanned.vectors, y[going][:, None, :])
        curve = (h[:, :, None] * spanned.vectors).sum(axis=1) + y[going].mean(axis=1)[:, None]
        y[going] = np.where(present[own], y[going], curve)
        moved_to, found_h[:, own] = search(y[going] @ table.basis, table)
        moved = np.abs((moved_to.node + moved_to.s) - (here.node + here.s)).max(axis=0)
        place.node[:, going], place.s[:, going] = moved_to.node, moved_to.s
        still = moved > _FILLED
        going, own = going[still], own[still]
        if going.size == 0:
            break
    return found_h
