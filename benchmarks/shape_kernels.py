"""How long kernels with a time and a shape take, against scipy's curve_fit on the same traces.

Run ``python benchmarks/shape_kernels.py``; prints one line for each kernel. curve_fit starts where a careful user
starts it: amplitude and final value from the trace, tau a fifth of the window. The best of five runs counts.
"""

import sys
import time as clock
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from napari_tesm.fitting import fit_shapes

Array = NDArray[np.float64]

TIME = np.arange(300) * 5e-5
PIXELS, COMPARED = 32768, 200


def stretched(t: Array, a: float, c: float, log_tau: Array, log_n: Array) -> Array:
    """Return a stretched exponential."""
    return np.asarray(a * np.exp(-((t / np.exp(log_tau)) ** np.exp(log_n))) + c)


def power(t: Array, a: float, c: float, log_t0: Array, log_m: Array) -> Array:
    """Return a power law."""
    return np.asarray(a * (1 + t / np.exp(log_t0)) ** -np.exp(log_m) + c)


def biexponential(t: Array, a: float, c: float, fast: Array, slow: Array, b: float = 1.0) -> Array:
    """Return two exponentials."""
    return np.asarray(a * np.exp(-t / np.exp(fast)) + b * np.exp(-t / np.exp(slow)) + c)


def best_time(call: Callable[[], object], repeats: int = 5) -> float:
    """Return the shortest of some runs, in s."""
    times = []
    for _ in range(repeats):
        start = clock.perf_counter()
        call()
        times.append(clock.perf_counter() - start)
    return min(times)


def main() -> None:
    """Measure and print."""
    rng = np.random.default_rng(0)
    cases = {
        "stretched": (stretched, rng.uniform(0.5e-3, 4e-3, PIXELS), rng.uniform(0.4, 1.2, PIXELS), ()),
        "power": (power, rng.uniform(0.3e-3, 3e-3, PIXELS), rng.uniform(0.5, 3, PIXELS), ()),
        "biexponential": (
            biexponential, rng.uniform(0.3e-3, 1e-3, PIXELS), rng.uniform(3e-3, 8e-3, PIXELS), (1.0,)
        ),
    }  # fmt: skip
    for name, (model, tau, shape, extra) in cases.items():
        clean = model(TIME, 1.0, 0.3, np.log(tau)[:, None], np.log(shape)[:, None], *extra)
        traces = clean + rng.standard_normal(clean.shape) / rng.uniform(20, 100, (PIXELS, 1))
        fit_shapes(traces[:64], TIME, kernel=name)
        ours = best_time(lambda name=name, traces=traces: fit_shapes(traces, TIME, kernel=name)) / PIXELS
        guess_shape = np.log(6e-3) if extra else 0.0

        def scipy_fits(model=model, traces=traces, extra=extra, guess=guess_shape) -> None:
            for y in traces[:COMPARED]:
                start = (y[0] - y[-1], y[-1], np.log(TIME[-1] / 5), guess, *(0.5 for _ in extra))
                try:
                    curve_fit(model, TIME, y, p0=start, maxfev=4000)
                except RuntimeError:
                    continue

        theirs = best_time(scipy_fits, 3) / COMPARED
        print(
            f"{name:14} {1e6 * ours:6.1f} µs/pixel, curve_fit {1e6 * theirs:6.0f} µs: {theirs / ours:.0f} times"
        )


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        sys.exit(main())
