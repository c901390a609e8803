"""How long kernels with a time and a shape take, against scipy's curve_fit on the same traces.

Run ``python benchmarks/shape_kernels.py``. Processor time of one thread is compared, BLAS held to one thread for all,
so that other work on the machine hardly counts; the fastest of several runs in turns. Against

- *plain curve_fit*, what most people write for one pixel: the formula with rough starting values and no Jacobian;
- *tuned curve_fit*, what a competent user writes: logarithms as parameters, starting values read off the trace, an
  analytic Jacobian, MINPACK's Levenberg-Marquardt.
"""

import sys
import time as clock
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from napari_tesm.fitting import FitResult, fit_traces, single_threaded_blas

Array = NDArray[np.float64]
Model = Callable[..., Array]

TIME = np.arange(300) * 5e-5
PIXELS, COMPARED, ROUNDS = 32768, 200, 5


def stretched(t: Array, a: float, c: float, tau: Array, n: Array) -> Array:
    """Return a stretched exponential."""
    return np.asarray(a * np.exp(-((t / tau) ** n)) + c)


def power(t: Array, a: float, c: float, t0: Array, m: Array) -> Array:
    """Return a power law."""
    return np.asarray(a * (1 + t / t0) ** -m + c)


def biexponential(t: Array, a: float, c: float, fast: Array, slow: Array, b: float = 1.0) -> Array:
    """Return two exponentials."""
    return np.asarray(a * np.exp(-t / fast) + b * np.exp(-t / slow) + c)


def stretched_jacobian(t: Array, a: float, c: float, log_tau: float, log_n: float) -> Array:
    """Return the derivatives of `stretched` by a, c, ln tau and ln n."""
    x = (t / np.exp(log_tau)) ** np.exp(log_n)
    decay = np.exp(-x)
    along = a * decay * x
    return np.stack(
        [decay, np.ones_like(t), along * np.exp(log_n), -along * np.log(np.where(x > 0, x, 1))], axis=1
    )


def power_jacobian(t: Array, a: float, c: float, log_t0: float, log_m: float) -> Array:
    """Return the derivatives of `power` by a, c, ln t0 and ln m."""
    x, m = t / np.exp(log_t0), np.exp(log_m)
    decay = (1 + x) ** -m
    return np.stack(
        [decay, np.ones_like(t), a * m * decay * x / (1 + x), -a * m * decay * np.log1p(x)], axis=1
    )


def biexponential_jacobian(t: Array, a: float, c: float, fast: float, slow: float, b: float) -> Array:
    """Return the derivatives of `biexponential` by a, c, ln of both times and b."""
    one, two = t / np.exp(fast), t / np.exp(slow)
    first, second = np.exp(-one), np.exp(-two)
    return np.stack([first, np.ones_like(t), a * first * one, b * second * two, second], axis=1)


JACOBIANS = {
    "stretched": stretched_jacobian,
    "power": power_jacobian,
    "biexponential": biexponential_jacobian,
}


def plain_fits(name: str, model: Model, traces: Array) -> None:
    """Fit pixel by pixel as most people do."""
    for y in traces:
        drop = y[0] - y[-1]
        start = [drop, y[-1], TIME[-1] / 5, 1.0]
        if name == "biexponential":
            start = [drop / 2, y[-1], TIME[-1] / 20, TIME[-1] / 3, drop / 2]
        try:
            curve_fit(model, TIME, y, p0=start)
        except RuntimeError:
            continue


def tuned_fits(name: str, model: Model, traces: Array) -> tuple[Array, Array]:
    """Fit pixel by pixel as a competent user does; return parameters and sums of squares, NaN where it gave up."""

    def by_logarithms(t: Array, a: float, c: float, first: float, second: float, *b: float) -> Array:
        return model(t, a, c, np.exp(first), np.exp(second), *b)

    count = 5 if name == "biexponential" else 4
    found, rss = np.full((len(traces), count), np.nan), np.full(len(traces), np.nan)
    for pixel, y in enumerate(traces):
        first, last = y[:6].mean(), y[-15:].mean()
        drop = first - last
        passed = np.flatnonzero((y - last) * np.sign(drop) < abs(drop) / np.e)
        tau = TIME[passed[0]] if passed.size and passed[0] > 0 else TIME[-1] / 3
        start = {
            "stretched": [drop, last, np.log(tau), np.log(0.8)],
            "power": [drop, last, np.log(2 * tau), np.log(1.5)],
            "biexponential": [drop / 2, last, np.log(tau / 3), np.log(3 * tau), drop / 2],
        }[name]
        try:
            best, _ = curve_fit(
                by_logarithms, TIME, y, p0=start, jac=JACOBIANS[name], method="lm", maxfev=400
            )
        except RuntimeError:
            continue
        found[pixel], rss[pixel] = best, np.sum((by_logarithms(TIME, *best) - y) ** 2)
    return found, rss


def fastest(calls: list[Callable[[], object]], rounds: int) -> list[float]:
    """Return the shortest processor time of each call, in s; they take turns."""
    times = np.full(len(calls), np.inf)
    for _ in range(rounds):
        for number, call in enumerate(calls):
            start = clock.thread_time()
            call()
            times[number] = min(times[number], clock.thread_time() - start)
    return [float(one) for one in times]


def accuracy(name: str, result: FitResult, found: Array, rss: Array) -> str:
    """Return how far ln tau is from tuned curve_fit's on the same hill, and who ended higher how often."""
    rows = slice(len(found))
    # Which of two times is the first is curve_fit's to choose.
    other = found[:, 2:4].min(axis=1) if name == "biexponential" else found[:, 2]
    off = np.abs(np.log(result.tau[rows]) - other) / result.log_tau_stderr[rows]
    excess = result.rms[rows] ** 2 * TIME.size / rss - 1
    same = np.abs(excess) < 1e-4
    worse = int((~(excess > -1e-4)).sum())
    return (
        f"ln tau within {np.median(off[same]):.0e} standard errors of it in half of the pixels; it failed or ended "
        f"higher in {worse} of {len(rss)}, the engine in {int((excess > 1e-4).sum())}"
    )


def main() -> None:
    """Measure and print."""
    rng = np.random.default_rng(0)
    cases: dict[str, tuple[Model, Array, Array]] = {
        "stretched": (stretched, rng.uniform(0.5e-3, 4e-3, PIXELS), rng.uniform(0.4, 1.2, PIXELS)),
        "power": (power, rng.uniform(0.3e-3, 3e-3, PIXELS), rng.uniform(0.5, 3, PIXELS)),
        "biexponential": (biexponential, rng.uniform(0.3e-3, 1e-3, PIXELS), rng.uniform(3e-3, 8e-3, PIXELS)),
    }
    for name, (model, first, second) in cases.items():
        clean = model(TIME, 1.0, 0.3, first[:, None], second[:, None])
        traces = clean + rng.standard_normal(clean.shape) / rng.uniform(20, 100, (PIXELS, 1))
        some = traces[:COMPARED]
        with single_threaded_blas(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit_traces(some, TIME, kernel=name)
            ours, plain, tuned = fastest(
                [
                    lambda name=name, traces=traces: fit_traces(traces, TIME, kernel=name),
                    lambda name=name, model=model, some=some: plain_fits(name, model, some),
                    lambda name=name, model=model, some=some: tuned_fits(name, model, some),
                ],
                ROUNDS,
            )
            result = fit_traces(some, TIME, kernel=name)
            words = accuracy(name, result, *tuned_fits(name, model, some))
        ours, plain, tuned = ours / PIXELS, plain / COMPARED, tuned / COMPARED
        print(
            f"{name:14} {1e6 * ours:5.1f} µs a trace; plain curve_fit {plain / ours:4.0f} times as long, tuned "
            f"{tuned / ours:4.0f} times\n{'':14} {words}"
        )


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        sys.exit(main())
