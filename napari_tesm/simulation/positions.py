"""Level 2 at many places: a line across a step or a whole map, in parallel, and what its traces look like as D."""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.limits import check_count, check_diffusion
from napari_tesm.simulation.level1 import traces_from_diffusion
from napari_tesm.simulation.level2 import DiffusionMap, TipModel

Array = NDArray[np.float64]

SECONDS_PER_TRACE: Final = 4.5
"""What one place takes of a core, in s: 64 places across the steps of a drawn surface, with the default grid and tip,
took 285 s of processor time on two busy cores. It grows with D, 3 s at 4e-13 m²/s and 7 s at 3e-12."""
_TABLE: Final = 241
_TABLE_DECADES: Final = 1.5


def band_diffusion(inside: float, outside: float, width: float, *, centre: float = 0.0) -> DiffusionMap:
    """Return a step: D is `inside` in a band of a width across x, in m, and `outside` elsewhere, in m²/s.

    Raises
    ------
    ValueError
        If a D or the width is not positive.
    """
    check_diffusion(np.array([inside, outside]))
    if not 0 < width <= 1:
        raise ValueError(f"the step must be wider than nothing and narrower than a metre, not {width:g} m")
    if not abs(centre) <= 1:
        raise ValueError(f"the middle of the step must lie within a metre of zero, not at {centre:g} m")
    return lambda x, y: np.where(np.abs(x - centre) <= width / 2, inside, outside)


def map_diffusion(x: ArrayLike, y: ArrayLike, D: ArrayLike) -> DiffusionMap:
    """Return the function that looks D up in a map, pixel by pixel; its edges go on outside of it.

    Parameters
    ----------
    x, y : array_like
        Centres of the columns and rows, in m, increasing evenly.
    D : array_like, shape (y, x)
        In m²/s.

    Raises
    ------
    ValueError
        If the shapes do not fit, the centres do not increase, or a D is not positive.
    """
    xs, ys, values = (np.asarray(part, dtype=np.float64) for part in (x, y, D))
    if xs.ndim != 1 or ys.ndim != 1 or values.shape != (ys.size, xs.size) or not values.size:
        raise ValueError(f"the map of D has the shape {values.shape}, its axes say ({ys.size}, {xs.size})")
    for axis, name in ((xs, "x"), (ys, "y")):
        if not np.isfinite(axis).all() or not (np.diff(axis) > 0).all():
            raise ValueError(f"the centres along {name} must be finite and increase")
    check_diffusion(values)

    def nearest(points: Array, axis: Array) -> NDArray[np.intp]:
        return np.searchsorted((axis[1:] + axis[:-1]) / 2, points)

    return lambda px, py: values[nearest(py, ys), nearest(px, xs)]


def traces_at(
    model: TipModel,
    places: ArrayLike,
    *,
    jobs: int = 1,
    known: Mapping[int, Array] | None = None,
    store: Callable[[int, Array], None] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Array:
    """Return the trace of each place of the tip, in m, shape (place, time).

    Parameters
    ----------
    places : array_like, shape (place, 2)
        x and y in m.
    jobs : int
        Threads; the numbers do not depend on it.
    known : mapping of int to ndarray, optional
        Traces of an earlier run, by the number of their place: they are not computed again.
    store : callable, optional
        Called with the number of a place and its trace as soon as it is there, in the caller's thread.
    progress : callable, optional
        Called with the fraction done and a text; what it raises stops the work.

    Raises
    ------
    ValueError
        If the places are not pairs, or a trace of an earlier run has another length.
    """
    points = np.asarray(places, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError("the places of the tip are pairs of x and y, in m")
    check_count(jobs, "number of threads", fewest=1, most=256)
    out = np.full((len(points), model.times.size), np.nan)
    for number, trace in (known or {}).items():
        if not 0 <= number < len(points) or np.shape(trace) != out.shape[1:]:
            raise ValueError("the traces of the earlier run are those of other places or times")
        out[number] = trace
    missing = [number for number in range(len(points)) if number not in (known or {})]
    done = len(points) - len(missing)
    with ThreadPoolExecutor(jobs) as executor:
        running = {executor.submit(model.trace_at, *points[number]): number for number in missing}
        try:
            while running:
                if progress:
                    progress(done / len(points), f"tip position {done} of {len(points)}")
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    number = running.pop(future)
                    out[number] = future.result()
                    if store:
                        store(number, out[number])
                    done += 1
        finally:
            for future in running:
                future.cancel()
    if progress:
        progress(1.0, "done")
    return out


def apparent_diffusion(traces: ArrayLike, model: TipModel, *, expected: float) -> Array:
    """Return the D in m²/s that a uniform sample would need for the same traces, up to a scale and an offset.

    The traces of level 1 take the place of a kernel: no closed form enters.

    Parameters
    ----------
    traces : array_like, shape (..., time)
    model : TipModel
        Gives times, pulse, tip and boundary.
    expected : float
        D in m²/s around which it is searched, by a factor of 30 to both sides.

    Returns
    -------
    ndarray, shape (...)
        NaN where the best D lies at the end of the search, or a sample is not finite.

    Raises
    ------
    ValueError
        If the traces have another length than the model's, or D makes no sense.
    """
    from scipy.interpolate import CubicSpline

    check_diffusion(expected)
    values = np.asarray(traces, dtype=np.float64)
    if values.ndim < 1 or values.shape[-1] != model.times.size:
        raise ValueError(
            f"the traces' last axis must be time: the shape {values.shape} does not end in {model.times.size} samples"
        )
    logs = np.log(expected) + np.linspace(-1, 1, _TABLE) * _TABLE_DECADES * np.log(10)
    curves = traces_from_diffusion(
        np.exp(logs),
        time=model.times,
        pulse=model.pulse,
        tip_radius=model.tip_radius,
        boundary=model.boundary,
    )
    curves -= curves.mean(axis=1, keepdims=True)
    curves /= np.linalg.norm(curves, axis=1, keepdims=True)
    flat = values.reshape(-1, values.shape[-1])
    # A row with a gap has no best D, as one of zeros has none.
    flat = np.where(np.isfinite(flat).all(axis=1, keepdims=True), flat, 0.0)
    # Only the shape counts: a size near the largest number would overflow as a square.
    flat = flat / np.maximum(np.abs(flat).max(axis=1, keepdims=True), 1e-300)
    flat = flat - flat.mean(axis=1, keepdims=True)
    likeness = flat @ curves.T
    # The misfit of the best scale, as a smooth function of ln D, and where its slope vanishes.
    log_diffusion = np.full(len(flat), np.nan)
    for index, row in enumerate(likeness**2):
        best = int(row.argmax())
        if 2 <= best < _TABLE - 2:
            near = slice(best - 2, best + 3)
            peaks = CubicSpline(logs[near], row[near]).derivative().roots(extrapolate=False)
            if peaks.size:
                log_diffusion[index] = peaks[np.argmin(np.abs(peaks - logs[best]))]
    return np.asarray(np.exp(log_diffusion).reshape(values.shape[:-1]))
