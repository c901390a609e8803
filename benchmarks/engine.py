"""The engine beside a pass of `sum` over the same array, and beside `scipy.optimize.curve_fit`.

Every figure is a ratio of times taken in turns on the same data, from the fastest of several repetitions: what the
machine does besides falls on all of them alike. See README.md in this folder.

    python benchmarks/engine.py [--quick]
"""

import argparse
import contextlib
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from napari_tesm.fitting import fit_traces, single_threaded_blas

WINDOW = 10e-3
BOUNDS = (1e-4, 0.1)


def measured_like(pixels: int, samples: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return times and noisy traces: tau log-uniform 0.3-60 ms, |a|/noise log-uniform 3-100."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) * (WINDOW / samples)
    tau = np.exp(rng.uniform(np.log(0.3e-3), np.log(60e-3), pixels))
    noise = np.exp(-rng.uniform(np.log(3), np.log(100), pixels))
    traces = np.exp(-t / tau[:, None])
    traces *= rng.choice([-1.0, 1.0], pixels)[:, None]
    for start in range(0, pixels, 4096):
        rows = traces[start : start + 4096]
        rows += noise[start : start + 4096, None] * rng.standard_normal(rows.shape)
    traces += 1.0
    return t, traces


def fastest(actions: Sequence[Callable[[], object]], repetitions: int) -> list[float]:
    """Return the shortest time of each action; they take turns, after one turn that does not count."""
    times = np.full((repetitions + 1, len(actions)), np.inf)
    for turn in range(repetitions + 1):
        for number, action in enumerate(actions):
            start = time.perf_counter()
            action()
            times[turn, number] = time.perf_counter() - start
    return times[1:].min(axis=0).tolist()


def decay(t, a, log_tau, c):
    return a * np.exp(-t * np.exp(-log_tau)) + c


def decay_jacobian(t, a, log_tau, c):
    x = t * np.exp(-log_tau)
    g = np.exp(-x)
    return np.stack([g, a * x * g, np.ones_like(t)], axis=1)


def plain_curve_fit_of_each(t: np.ndarray, traces: np.ndarray) -> None:
    """Fit pixel by pixel as most people do: the paper's eq. 4, rough starts, no Jacobian."""

    def model(t, a, b, c):
        return a * np.exp(-b * t) + c

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        for y in traces:
            last = y[-25:].mean()
            with contextlib.suppress(RuntimeError):
                curve_fit(model, t, y, (y[:5].mean() - last, 3 / t[-1], last))


def curve_fit_of_each(t: np.ndarray, traces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit pixel by pixel as a competent user would: starts from the data, ln tau, and an analytic Jacobian.

    Unbounded Levenberg-Marquardt (MINPACK), the fastest method scipy has for it. Returns ln tau and the residual sum
    of squares, NaN where it gave up.
    """
    found = np.full((2, len(traces)), np.nan)
    edge = max(3, t.size // 20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        for pixel, y in enumerate(traces):
            first, last = y[:edge].mean(), y[-edge:].mean()
            drop = first - last
            # Where the trace has lost 1 - 1/e of its drop, to begin with.
            passed = np.flatnonzero((y - last) * np.sign(drop) < abs(drop) / np.e)
            tau = t[passed[0]] if passed.size and passed[0] > 0 else t[-1] / 3
            try:
                best, _ = curve_fit(
                    decay, t, y, (drop, np.log(tau), last), jac=decay_jacobian, method="lm", maxfev=200
                )
            except RuntimeError:
                continue
            found[:, pixel] = best[1], np.sum((decay(t, *best) - y) ** 2)
    return found[0], found[1]


def beside_curve_fit(quick: bool) -> None:
    t, traces = measured_like(65536, 500)
    some = slice(0, 200 if quick else 1000)

    def engine():
        return fit_traces(traces, t, bounds=BOUNDS)

    one_pass, whole = fastest([traces.sum, engine], 3 if quick else 9)
    with single_threaded_blas():
        tuned, plain = fastest(
            [lambda: curve_fit_of_each(t, traces[some]), lambda: plain_curve_fit_of_each(t, traces[some])],
            1 if quick else 3,
        )
    in_some = whole * (some.stop - some.start) / len(traces)
    print("65536 traces of 500 samples, one thread")
    print(f"  engine / one pass of sum  {whole / one_pass:8.1f}")
    print(f"  plain curve_fit / engine  {plain / in_some:8.0f}")
    print(f"  tuned curve_fit / engine  {tuned / in_some:8.0f}")

    result = engine()
    u, rss = curve_fit_of_each(t, traces[some])
    ok = result.status[some] == 0
    near = ok & (np.abs(np.log(result.tau[some]) - u) < 1)
    off = np.abs(np.log(result.tau[some]) - u)[near] / result.log_tau_stderr[some][near]
    excess = result.rms[some] ** 2 * t.size / rss - 1
    half, most = np.percentile(off, [50, 99])
    print(
        f"  accuracy: ln tau is within {half:.0e} standard errors of curve_fit's in half of {ok.sum()} resolved"
    )
    print(
        f"  pixels and within {most:.0e} in 99 %; curve_fit failed or ended on another hill in {(ok & ~near).sum()}"
    )
    print(f"  and found a sum of squares smaller by 1e-6 or more in {(ok & (excess > 1e-6)).sum()}")


def scaling(quick: bool) -> None:
    def table(title: str, cases: list[tuple[int, int]]) -> None:
        print(f"\n{title}\n{'pixels':>9} {'samples':>8} {'/ sum':>7} {'per sample, relative':>21}")
        reference = None
        for pixels, samples in cases:
            t, traces = measured_like(pixels, samples)
            one_pass, fit = fastest(
                [traces.sum, lambda y=traces, t=t: fit_traces(y, t, bounds=BOUNDS)], 3 if quick else 7
            )
            cost = fit / traces.size
            reference = reference or cost
            print(f"{pixels:9d} {samples:8d} {fit / one_pass:7.1f} {cost / reference:21.2f}")

    widest = 4 if quick else 16
    table("More pixels", [(4096 * factor, 500) for factor in (1, 2, 4, 8, 16) if factor <= widest])
    table(
        "Longer traces",
        [(16384, samples) for samples in (60, 125, 250, 500, 1000, 2000)[: 4 if quick else 6]],
    )


def storage(quick: bool) -> None:
    t, traces = measured_like(16384, 500)
    gaps = traces.copy()
    gaps[np.random.default_rng(1).random(traces.shape) < 0.01] = np.nan
    block = traces[:8192, :250].copy()
    forms = {
        "float64, time last": traces,
        "float32": traces.astype(np.float32),
        "float64, time first": np.ascontiguousarray(traces.T).T,
        "offset 1e9 noises": traces + 1e9,
        "1 % of samples missing": gaps,
    }
    names, arrays = list(forms), list(forms.values())
    fits = [lambda y=y: fit_traces(y, t, bounds=BOUNDS) for y in arrays]
    one_pass, *times = fastest([traces.sum, *fits], 2 if quick else 5)
    print("\n16384 traces of 500 samples by kind, in passes of sum over the float64 array")
    for name, seconds in zip(names, times, strict=True):
        print(f"  {name:24s}{seconds / one_pass:8.1f}")
    short = t[:250]
    one_pass, small, handful = fastest(
        [
            block.sum,
            lambda: fit_traces(block, short, bounds=BOUNDS),
            lambda: fit_traces(block[:8], short, bounds=BOUNDS),
        ],
        5 if quick else 25,
    )
    print(
        f"one call with a block of 8192 x 250: {small / one_pass:.1f} passes of sum; "
        f"with 8 traces: {handful / small:.0%} of that"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer pixels and repetitions: some seconds")
    quick = parser.parse_args().quick
    beside_curve_fit(quick)
    scaling(quick)
    storage(quick)


if __name__ == "__main__":
    main()
