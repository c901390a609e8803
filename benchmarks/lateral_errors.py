"""Whether standard errors of lateral D are right, of all of ln D and of what is resolved: a table of docs/lateral.md.

Run: python benchmarks/lateral_errors.py; some two minutes of one core. Errors alone are looked at: the traces are those
of the inversion's own model, which the other tables compare with exact ones. A wave is resolved where at least half of
its contrast comes back; five pixels along the edges are left out.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_tesm.inversion.averages import Averages
from napari_tesm.inversion.compression import Compression, Nodes
from napari_tesm.inversion.errors import coverage, resolution_of, standard_error
from napari_tesm.inversion.plane import Plane
from napari_tesm.inversion.solver import Recording, Solution, centred, solve
from napari_tesm.physics.lateral_response import BOUNDARIES

Array = NDArray[np.float64]
Truth = Callable[[Plane, np.random.Generator], Array]

UNIT = 25e-9**2 / 4e-13
"""R0²/D0 in s."""
SHAPE, PIXEL, SPREAD, EDGE, SEEDS = (44, 44), 0.24, 0.5, 5, 2


def field(power: Callable[[Array], Array]) -> Truth:
    """Return a Gaussian ln D, its power by the wave number in 1/R0."""

    def drawn(plane: Plane, rng: np.random.Generator) -> Array:
        waves = plane.transform(rng.standard_normal(plane.grid)) * np.sqrt(power(plane.wave_numbers))
        values = plane.inverse(waves)
        return SPREAD * values / values.std()

    return drawn


def band(width: float) -> Truth:
    """Return a slanting band of 2.5 D0, its width in R0."""

    def drawn(plane: Plane, _: np.random.Generator) -> Array:
        y, x = np.indices(plane.grid) * PIXEL
        return np.where(np.abs(x - 0.3 * y - 3.5) < width / 2, np.log(2.5), 0.0)

    return drawn


TRUTHS = {
    "Gaussian, rough": field(lambda q: 1 / (1 + 4 * q**2)),
    "Gaussian, 30 nm": field(lambda q: np.exp(-((1.2 * q) ** 2) / 2)),
    "band of 12 nm": band(0.5),
    "band of 50 nm": band(2.0),
    "even": lambda plane, _: np.zeros(plane.grid),
}


def resolved_error(solution: Solution, resolved: Array) -> Array:
    """Return the standard error of the resolved waves of ln D, shape (y, x), found as that of all is."""
    plane, stiffness = solution.plane, solution.stiffness
    weights = plane.on_map(stiffness.weights)
    tabled = np.geomspace(weights.min() * 0.99, weights.max() * 1.01, 40)
    variances = [
        (plane.shares * resolved / (solution.information + stiff * plane.roughness + stiffness.mean)).sum()
        for stiff in tabled
    ]
    return np.exp(np.interp(np.log(weights), np.log(tabled), np.log(variances)) / 2)


def pulls(truth: Truth, boundary: str, snr: float, seed: int) -> tuple[float, float]:
    """Return the mean squares of (found − true)/error, of ln D and of its resolved waves."""
    time, rng = (np.arange(125) + 0.5) * 2e-4, np.random.default_rng(seed)
    nodes = Nodes(25e-3)
    of_nodes = nodes.of_pulse(time, 10e-3)
    plane_of = partial(Plane.around, SHAPE, (PIXEL, PIXEL), nodes.last)
    plane = plane_of(1 / UNIT)
    averages = Averages.of(boundary, nodes.times / UNIT, float(plane.wave_numbers.max()))
    log_ratio = truth(plane, rng)
    kernels = averages.on_waves(plane.wave_numbers)
    mixed = plane.on_map(plane.inverse(kernels * plane.transform(log_ratio))).reshape(len(kernels), -1).T
    traces = averages.responses(mixed)[0] @ of_nodes
    traces = traces / np.abs(traces).max() + rng.standard_normal(traces.shape) / snr
    compression = Compression.of(of_nodes, None, None)
    numbers, _ = compression.compress(traces)
    recording = Recording(compression.response, numbers, np.full(len(numbers), 1 / snr**2))
    solution = centred(solve([recording], nodes.times, plane_of, boundary))
    found = np.log(solution.background * UNIT) + solution.plane.on_map(solution.log_ratio)
    off = found - plane.on_map(log_ratio)
    half_periods = np.pi / np.maximum(solution.plane.wave_numbers, 1e-9)
    resolved = (half_periods >= resolution_of(solution).half).astype(float)
    waves = solution.plane.transform(solution.plane.from_map(off))
    seen = solution.plane.on_map(solution.plane.inverse(waves * resolved))
    all_of_it = off / standard_error(solution, coverage(solution, [recording]))
    inside = (slice(EDGE, -EDGE),) * 2
    part = seen / resolved_error(solution, resolved)
    return float(np.square(all_of_it[inside]).mean()), float(np.square(part[inside]).mean())


if __name__ == "__main__":
    print("| ln D | kernel | noise | pull | of resolved waves |\n| --- | --- | --- | --- | --- |")
    for name, truth in TRUTHS.items():
        for boundary in BOUNDARIES:
            for snr in (100, 20):
                squares = [pulls(truth, boundary, snr, seed) for seed in range(SEEDS)]
                whole, resolved = np.sqrt(np.mean(squares, axis=0))
                print(f"| {name} | {boundary} | 1/{snr} | {whole:.2f} | {resolved:.2f} |", flush=True)
