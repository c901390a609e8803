"""How much of a band of another D comes back: the first table of docs/lateral.md.

Run: python benchmarks/lateral_bands.py; some two minutes of one core. The traces are exact ones of the tests
(`tests/lateral_truth.py`: eigenmodes across the band, no perturbation theory), with simulated white noise.
"""

import sys
from pathlib import Path

import numpy as np

from napari_tesm import lateral

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lateral_truth import band_traces, dataset_of_traces

D0, SEEDS, ROWS = 4e-13, 3, (12, 44)
BANDS = ((12e-9, 2.5), (35e-9, 2.5), (100e-9, 2.5), (60e-9, 0.4))
AWAY = 60e-9


def row_of_table(kernel: str, width: float, contrast: float, snr: float, rows: int) -> str:
    """Return a line: medians over some draws of the noise; the worst of them for false structure."""
    x, time, diffusion, traces = band_traces(width, contrast, clamped=kernel == "clamped")
    near = np.abs(x) < 250e-9
    x, diffusion, traces = x[near], diffusion[near], traces[near]
    inside, away = np.abs(x) < max(width / 2, 3e-9), np.abs(x) > width / 2 + AWAY
    numbers = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        noisy = np.exp(0.25 * rng.standard_normal((rows, x.size, 1))) * traces
        noisy += rng.standard_normal(noisy.shape) / snr
        pixel = float(x[1] - x[0])
        maps = lateral(dataset_of_traces(noisy, time, (pixel, pixel)), kernel=kernel)
        found = maps["D_lateral"].values[0] / D0
        along = np.nanmedian(found, axis=0)
        beside = np.median(along[away])
        pulls = np.log(found * D0 / diffusion) / maps["log_D_lateral_stderr"].values[0]
        extreme = np.max if contrast > 1 else np.min
        numbers.append(
            (
                np.median(along[inside]),
                extreme(along[np.abs(x) < width / 2 + 30e-9]),
                beside,
                np.nanmax(np.abs(found[:, away] / beside - 1)),
                np.sqrt(np.nanmean(np.square(pulls))),
            )
        )
    middle, peak, beside, _, pull = np.median(numbers, axis=0)
    false = np.max(numbers, axis=0)[3]
    return (
        f"| {kernel} | {width * 1e9:.0f} nm, {contrast} | {rows} | 1/{snr} | {middle:.2f} | {peak:.2f} | "
        f"{beside:.2f} | {100 * false:.0f} % | {pull:.2f} |"
    )


if __name__ == "__main__":
    print("| kernel | band | rows | noise | in the band | peak | outside | largest false structure | pull |")
    print("| --- " * 9 + "|")
    for kernel in ("flux-pulse", "clamped"):
        for width, contrast in BANDS:
            for rows in ROWS:
                for snr in (100, 20):
                    print(row_of_table(kernel, width, contrast, snr, rows), flush=True)
