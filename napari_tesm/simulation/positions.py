"""Level 2 at any places, in parallel, what D is there, and what the traces look like as D."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.limits import check_count, check_diffusion
from napari_tesm.simulation.level1 import traces_from_diffusion
from napari_tesm.simulation.level2 import DiffusionMap, TipModel

Array = NDArray[np.float64]

_TABLE: Final = 241
_TABLE_DECADES: Final = 1.5


def band_diffusion(inside: float, outside: float, width: float, *, centre: float = 0.0) -> DiffusionMap:
    """Return a step: D is `inside` in a band of a width across x, in m, and `outside` elsewhere, in m²/s.

    Parameters
    ----------
    inside, outside : float
        In m²/s.
    width, centre : float
        Of the band along x, in m.

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
    xs, ys, values = np.asarray(x), np.asarray(y), np.asarray(D, dtype=np.float64)
    if xs.ndim != 1 or ys.ndim != 1 or values.shape != (ys.size, xs.size) or not values.size:
        raise ValueError(f"the map of D has the shape {values.shape}, its axes say ({ys.size}, {xs.size})")
    xs, ys = check_centres(xs, "x"), check_centres(ys, "y")
    check_diffusion(values)

    def nearest(points: Array, axis: Array) -> NDArray[np.intp]:
        return np.searchsorted((axis[1:] + axis[:-1]) / 2, points)

    return lambda px, py: values[nearest(py, ys), nearest(px, xs)]


def check_centres(centres: ArrayLike, name: str) -> Array:
    """Return the centres of columns or rows, in m, shape (n,), or raise a ValueError if they cannot be that."""
    values = np.asarray(centres, dtype=np.float64)
    if (
        values.ndim != 1
        or not values.size
        or not np.isfinite(values).all()
        or not (np.diff(values) > 0).all()
    ):
        raise ValueError(f"the centres along {name} must be finite and increase")
    return values


def traces_at(
    model: TipModel,
    places: ArrayLike,
    *,
    jobs: int = 1,
    progress: Callable[[float, str], None] | None = None,
) -> Array:
    """Return the trace of each place of the tip, in m, shape (place, time).

    Parameters
    ----------
    places : array_like, shape (place, 2)
        x and y in m.
    jobs : int
        Threads; the numbers do not depend on it.
    progress : callable, optional
        Called with the fraction done and a text; what it raises stops the work.

    Raises
    ------
    ValueError
        If the places are not pairs.
    """
    points = np.asarray(places, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError("the places of the tip are pairs of x and y, in m")
    out = np.empty((len(points), model.times.size))
    tasks = [partial(model.trace_at, *place) for place in points]
    for number, trace in finished_in_threads(tasks, jobs=jobs, progress=progress, words="tip position"):
        out[number] = trace
    return out


def finished_in_threads(
    tasks: Sequence[Callable[[], Array]],
    *,
    jobs: int,
    progress: Callable[[float, str], None] | None,
    words: str,
) -> Iterator[tuple[int, Array]]:
    """Yield the number and the result of each task as it is done.

    Parameters
    ----------
    jobs : int
        Threads.
    progress : callable, optional
        Called with the fraction done and a text that begins with the words; what it raises stops the work.

    Raises
    ------
    ValueError
        If the number of threads makes no sense.
    """
    check_count(jobs, "number of threads", fewest=1, most=256)
    done = 0
    with ThreadPoolExecutor(jobs) as executor:
        running = {executor.submit(task): number for number, task in enumerate(tasks)}
        try:
            while running:
                if progress:
                    progress(done / len(tasks), f"{words} {done} of {len(tasks)}")
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
                    done += 1
        finally:
            for future in running:
                future.cancel()
    if progress:
        progress(1.0, "done")


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
