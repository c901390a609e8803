"""Processor time of napari's live preview of 128 × 128 × 250 samples, while an entry moves and when it rests.

Prints for each kernel, noise of the traces and way to take it the median over changes of each entry, in ms. See
README.md in this folder.

    python benchmarks/preview.py [--changes 20]
"""

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import validation_noises
import validation_traces
import xarray as xr

from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.simulation.instrument_noise import InstrumentNoise

SIZE = 128
TIMES = np.arange(250) * 1e-4
MADE = 2048
"""Traces that are simulated; the map repeats them, which costs a fit as much as others would."""
SNR = 20
WHITE = {"noise": "white", "nuisance": "none"}


def dataset_of(kernel: str, noise: InstrumentNoise) -> xr.Dataset:
    """Return a scan whose curves come from a forward model of their own."""
    rng = np.random.default_rng(0)
    fine, curves = validation_noises.curves_of(kernel)
    times = noise.times(TIMES)
    ideal = np.stack([np.interp(times, fine, curve, left=0.0) for curve in curves.T], axis=1)
    chosen = ideal[:, rng.integers(0, ideal.shape[1], MADE)]
    traces = noise.recording(chosen, rng.standard_normal((TIMES.size, MADE)), TIMES, 1 / SNR, rng).T
    values = np.tile(traces, (SIZE * SIZE // MADE, 1)).reshape(SIZE, SIZE, TIMES.size).astype(np.float32)
    filtered = noise.time_constant or None
    protocol = PulseProtocol(
        0.0, validation_traces.PULSE, tip_radius=validation_traces.RADIUS,
        lock_in_time_constant=filtered, lock_in_order=noise.order if filtered else None,
    )  # fmt: skip
    return dataset_from_traces(
        [values], time=TIMES, x=np.arange(SIZE) * 20e-9, y=np.arange(SIZE) * 30e-9,
        voltage=[validation_traces.VOLTAGE], direction=["retrace"], unit="V", protocol=protocol,
    )  # fmt: skip


def changes_of(entry: str, count: int) -> Iterator[dict[str, str]]:
    """Yield values of an entry as a hand goes through them."""
    for step in range(count):
        yield {
            "threshold": {"threshold": f"{10 + step} %"},
            "tip radius": {"tip_radius": f"{20 + step} nm"},
            "window 2": {"window2": f"10 ms:{20 + 0.2 * step:.1f} ms"},
            "skip": {"skip_after_edge": f"{0.2 + 0.1 * step:.1f} ms"},
            "pulse duration": {"pulse_duration": f"{8 + 0.1 * step:.1f} ms"},
        }[entry]


def cost(model: FitModel, entry: str, count: int, **options: Any) -> float:
    """Return the median processor time of a preview after a change, in ms."""
    costs = []
    for values in changes_of(entry, count):
        if not model.set(**values):
            raise ValueError(model.message)
        start = time.process_time()
        model.preview(**options)
        costs.append(time.process_time() - start)
    model.set(**dict.fromkeys(values))
    model.preview()
    return 1e3 * float(np.median(costs))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=20)
    count = parser.parse_args().changes
    entries = ("threshold", "tip radius", "window 2", "skip", "pulse duration")
    print(
        "| kernel | noise | taken | " + " | ".join(f"{entry}, moving / rest (ms)" for entry in entries) + " |"
    )
    for kernel in ("exponential", "flux-pulse"):
        for name, noise in (
            ("white", InstrumentNoise()),
            ("lock-in 0.1 ms × 4", InstrumentNoise.from_text("lock-in:0.1ms:4")),
        ):
            dataset = dataset_of(kernel, noise)
            for taken, options in (("as measured", {}), ("for white", WHITE)):
                model = FitModel(Scan("preview", dataset, [], recipe=Recipe(kernel=kernel, **options)))
                model.preview()
                cells = []
                for entry in entries:
                    if entry == "window 2" and kernel == "flux-pulse":
                        cells.append("–")  # it has one window
                        continue
                    # At rest the tables of these times are there from the moving preview, as in the window.
                    moving, rest = (cost(model, entry, count, moving=way) for way in (True, False))
                    cells.append(f"{moving:.0f} / {rest:.0f}")
                print(f"| `{kernel}` | {name} | {taken} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
