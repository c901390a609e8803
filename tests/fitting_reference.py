"""A second opinion on fits: whole traces, extended precision, nothing shared with the engine."""

from dataclasses import dataclass

import numpy as np

WINDOW = 10e-3
BOUNDS = (1e-4, 0.1)


@dataclass(frozen=True)
class Sample:
    """Traces with known truth."""

    time: np.ndarray
    traces: np.ndarray
    tau: np.ndarray
    a: np.ndarray
    c: np.ndarray
    noise: np.ndarray


def sample_traces(count, samples=500, *, tau=(0.3e-3, 60e-3), snr=(3, 100), seed=0, time=None) -> Sample:
    """Return exponentials with log-uniform tau and amplitude/noise, and either sign."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) * (WINDOW / samples) if time is None else time
    taus = np.exp(rng.uniform(*np.log(tau), count))
    a = rng.uniform(20, 200, count) * rng.choice([-1.0, 1.0], count)
    c = rng.normal(0, 50, count)
    noise = np.abs(a) / np.exp(rng.uniform(*np.log(snr), count))
    clean = a[:, None] * np.exp(-(time - time[0]) / taus[:, None]) + c[:, None]
    return Sample(time, clean + noise[:, None] * rng.standard_normal(clean.shape), taus, a, c, noise)


@dataclass(frozen=True)
class Reference:
    """Least squares of one trace: parameters and standard errors (ln tau, a, c), rms and R2."""

    log_tau: float
    a: float
    c: float
    errors: np.ndarray
    rms: float
    r2: float


def reference_fit(trace, time, log_tau) -> Reference:
    """Return the optimum next to `log_tau`, by the secant method on the derivative of the residual sum."""
    keep = np.isfinite(trace)
    y, t = trace[keep].astype(np.longdouble), (time[keep] - time[0]).astype(np.longdouble)

    def solve(u):
        g = np.exp(-t * np.exp(-u))
        free = g - g.mean()
        a = (free @ y) / (free @ free)
        c = y.mean() - a * g.mean()
        tangent = g * t * np.exp(-u)
        residual = y - a * g - c
        return a, c, g, tangent, residual

    def gradient(u):
        a, _, _, tangent, residual = solve(u)
        return a * (tangent @ residual) / (y @ y)

    u, step = np.longdouble(log_tau), np.longdouble(1e-4)
    f, before = gradient(u), gradient(u - step)
    for _ in range(40):
        if f == before or abs(step) < 1e-15:
            break
        step = -f * step / (f - before)
        u, before = u + step, f
        f = gradient(u)
    a, c, g, tangent, residual = solve(u)
    rss = float(residual @ residual)
    jacobian = np.stack([a * tangent, g, np.ones_like(g)], axis=1).astype(float)
    covariance = np.linalg.inv(jacobian.T @ jacobian) * rss / (len(y) - 3)
    free = y - y.mean()
    return Reference(
        float(u), float(a), float(c), np.sqrt(np.diag(covariance)), np.sqrt(rss / len(y)),
        1 - rss / float(free @ free),
    )  # fmt: skip


def smallest_rms(traces, time, bounds, count=400) -> np.ndarray:
    """Return the best rms of a brute-force scan over tau."""
    best = np.full(len(traces), np.inf)
    free = traces - traces.mean(axis=1, keepdims=True)
    for tau in np.geomspace(*bounds, count):
        g = np.expm1(-(time - time[0]) / tau)
        g = g - g.mean()
        rss = np.vecdot(free, free) - (free @ g) ** 2 / (g @ g)
        best = np.minimum(best, rss)
    return np.sqrt(best / time.size)
