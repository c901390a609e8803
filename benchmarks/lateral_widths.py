"""How well the traces tell how wide a step is, even if all else about it is known: a table of docs/lateral.md.

Run: python benchmarks/lateral_widths.py; some two minutes of one core. The map with the diagonal step of
`lateral_map.py`, its exact traces, and the model of the inversion. The step is taken to be straight, even and as long
as it is, its place and the grain beside it to be known: for each width D in it is the only number that is fitted. No
inversion that has to find all this can tell the width better. Printed are chi-square, less the least, and D in it.
"""

from functools import partial

import numpy as np
from lateral_map import BOUNDARIES, D0, PIXEL, PULSE, RADIUS, STEPS, TIME, exact_traces, scan_of, topography
from numpy.typing import NDArray

from napari_tesm.inversion.averages import Averages
from napari_tesm.inversion.compression import Compression, Nodes
from napari_tesm.inversion.plane import Plane
from napari_tesm.inversion.solver import Recording, linearised

Array = NDArray[np.float64]

WIDTHS, PARTS, SNRS = (6.0, 9.0, 12.6, 16.0, 20.0, 26.0, 34.0), 5, (100, 20)
"""In nm along x; parts of a pixel that D is a mean of."""
CONTRASTS = np.array([0.5, 0.7, 0.85, 1.0, 1.15, 1.4])
"""ln D in the step, in what keeps its sum across the step."""


def log_ratio(plane: Plane, width: float, contrast: float) -> Array:
    """Return ln D/D0 of the plane with a step of another width and contrast; the step goes on beyond the map."""
    places = []
    for count, size in zip(plane.grid, plane.shape, strict=True):
        number = np.arange(count)
        places.append(np.where(number > (count + size) // 2, number - count, number) * PIXEL)
    within = (np.arange(PARTS) - (PARTS - 1) / 2) / PARTS * PIXEL
    parts = []
    for along_y in within:
        for along_x in within:
            y, x = (places[0] + along_y)[:, None], (places[1] + along_x)[None, :]
            slow = np.where((x > 168e-9) & (y > 144e-9), np.log(0.6), 0.0)
            parts.append(np.where(np.abs(x - y / 2 - 24e-9) < width / 2, contrast, slow))
    return np.mean(parts, axis=0)


def best(chi_square: Array, contrasts: Array) -> tuple[float, float]:
    """Return the least of a chi-square that is nearly a parabola, and where it is."""
    middle = int(np.clip(np.argmin(chi_square), 1, contrasts.size - 2))
    near = slice(middle - 1, middle + 2)
    curve = np.polyfit(contrasts[near], chi_square[near], 2)
    place = -curve[1] / (2 * curve[0])
    return float(np.polyval(curve, place)), float(place)


def row_of_table(traces: Array, kernel: str, snr: float) -> str:
    """Return a line: for each width chi-square above the least, and D in the step."""
    nodes, unit = Nodes(float(TIME[-1])), RADIUS**2 / D0
    noisy = scan_of(traces, snr, topography(STEPS["diagonal"]))["displacement"].values[0] * 1e10
    compression = Compression.of(nodes.of_pulse(TIME, PULSE), None, None)
    numbers, _ = compression.compress(noisy.reshape(-1, TIME.size).astype(np.float64))
    recording = Recording(compression.response, numbers, np.full(len(numbers), 1 / snr**2))
    spacing = PIXEL / RADIUS
    plane = partial(Plane.around, traces.shape[:2], (spacing, spacing), nodes.last)(1 / unit)
    averages = Averages.of(kernel, nodes.times / unit, float(plane.wave_numbers.max()))
    kernels = averages.on_waves(plane.wave_numbers)
    found = []
    for width in WIDTHS:
        contrasts = CONTRASTS * np.log(2.5) * 12.6 / width
        squares = []
        for contrast in contrasts:
            waves = kernels * plane.transform(log_ratio(plane, width * 1e-9, contrast))
            mixed = plane.on_map(plane.inverse(waves)).reshape(len(kernels), -1).T
            squares.append(linearised([recording], averages, mixed).chi_square.sum())
        found.append(best(np.array(squares), contrasts))
    least = min(square for square, _ in found)
    cells = (f"{square - least:.1f}, {np.exp(place):.2f}" for square, place in found)
    return f"| {kernel} | 1/{snr} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print("| kernel | noise | " + " | ".join(f"{width} nm" for width in WIDTHS) + " |")
    print("| --- " * (2 + len(WIDTHS)) + "|")
    for kernel in BOUNDARIES:
        exact = exact_traces(STEPS["diagonal"], kernel)
        for snr in SNRS:
            print(row_of_table(exact, kernel, snr), flush=True)
