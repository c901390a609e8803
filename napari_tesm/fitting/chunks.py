"""Chunk by chunk through many traces, by one thread or several."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_tesm.fitting.result import FitResult

Part = TypeVar("Part")
FitChunk = Callable[[NDArray[np.generic], FitResult], None]


def fit_in_chunks(
    fit_chunk: FitChunk,
    traces: NDArray[np.generic],
    result: FitResult,
    *,
    size: int,
    jobs: int,
    progress: Callable[[float], None] | None,
) -> None:
    """Fit chunk by chunk; their edges do not depend on the number of jobs, and so neither does the result.

    Parameters
    ----------
    fit_chunk : callable
        Takes traces, shape (pixels, time), and the part of the result to put their parameters into.
    size : int
        Pixels of a chunk.
    """
    chunks = [slice(first, first + size) for first in range(0, result.tau.size, size)]

    def report(done: int) -> None:
        if progress is not None:
            progress(done / len(chunks))

    def fit_pixels(pixels: slice) -> None:
        with np.errstate(all="ignore"):
            fit_chunk(_rows_from_traces(traces, pixels), result.part(pixels))

    run_in_threads(fit_pixels, chunks, jobs, report)


def run_in_threads(
    task: Callable[[Part], None], parts: Sequence[Part], jobs: int, report: Callable[[int], None]
) -> None:
    """Call a function for every part; how many are done is reported from this thread, and what that raises ends it."""
    if jobs <= 1 or len(parts) <= 1:
        for done, part in enumerate(parts, start=1):
            task(part)
            report(done)
        return
    executor = ThreadPoolExecutor(min(jobs, len(parts)))
    try:
        futures = [executor.submit(task, part) for part in parts]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            report(done)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _rows_from_traces(traces: NDArray[np.generic], pixels: slice) -> NDArray[np.generic]:
    """Return some of the traces as (pixels, time): a view where the memory order has one, else a copy of them."""
    *shape, samples = traces.shape
    steps = [(size, step) for size, step in zip(shape, traces.strides, strict=False) if size > 1]
    if all(step == size * next_ for (_, step), (size, next_) in pairwise(steps)):
        return traces.reshape(-1, samples)[pixels]
    count = int(np.prod(shape))
    return traces[np.unravel_index(np.arange(*pixels.indices(count)), shape)]
