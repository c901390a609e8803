"""What a step of the cursor costs in the trace plot, beside drawing the whole figure.

Two curves under the cursor and five pinned points with two curves each, 250 samples, fits in two windows. The two are
measured in turns in one process and the fastest of many counts. Exits with 1 if an update costs more than a tenth.

    python benchmarks/trace_drawing.py
    xvfb-run -a python benchmarks/trace_drawing.py --qt
"""

import argparse
import sys
import time as clock
from collections.abc import Callable

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_tesm.data.protocol import Window
from napari_tesm.plotting.theme import colour_of_point
from napari_tesm.plotting.trace import FitCurve, TraceCurve, TracePlot

SIZES = ((600, 350), (450, 320))
SAMPLES, PINNED, REPEATS = 250, 5, 60
TIME = np.arange(SAMPLES) * 1e-4
WINDOWS = {1: Window(0.0, 10e-3), 2: Window(10e-3)}
PULSES = ((0, "(+3 V)", 3.0, -0.1), (1, "(-3 V)", -3.0, 0.1))


def curves_at(seed: int, number: int | None = None) -> list[TraceCurve]:
    """Return both polarities of one place."""
    rng = np.random.default_rng(seed)
    tau = 2e-3 * rng.uniform(0.5, 2)
    curves = []
    for pulse, label, voltage, amplitude in PULSES:
        rise = 1 - np.exp(-np.clip(TIME, 0, 10e-3) / tau)
        clean = amplitude * rng.uniform(0.8, 1) * rise * np.exp(-np.clip(TIME - 10e-3, 0, None) / tau)
        fits = tuple(
            FitCurve(n, TIME[window.samples(TIME)], clean[window.samples(TIME)])
            for n, window in WINDOWS.items()
        )
        curves.append(
            TraceCurve(
                label, clean + 0.005 * rng.standard_normal(SAMPLES), fits=fits, voltage=voltage, pulse=pulse,
                colour="" if number is None else colour_of_point(number), number=number,
                role="probe" if number is None else "pinned",
            )
        )  # fmt: skip
    return curves


def plot_on(figure: Figure) -> tuple[TracePlot, list[list[TraceCurve]]]:
    """Return a plot that shows something, and what it is to show as the cursor moves."""
    plot = TracePlot(figure)
    plot.set_axes(
        TIME, windows=WINDOWS, pulse=WINDOWS[1], unit="V", labels=[label for _, label, _, _ in PULSES]
    )
    plot.set_marker(4e-3)
    pinned = [curve for number in range(1, PINNED + 1) for curve in curves_at(number, number)]
    scenes = [curves_at(100 + seed) + pinned for seed in range(8)]
    for scene in scenes:
        plot.show(scene)
    figure.canvas.draw()
    return plot, scenes


def seconds(action: Callable[[], object]) -> float:
    start = clock.perf_counter()
    action()
    return clock.perf_counter() - start


def measure(name: str, figure: Figure, settle: Callable[[], object]) -> float:
    """Print what an update and a full redraw cost, and return their ratio."""
    plot, scenes = plot_on(figure)
    settle()
    updates, redraws, markers = [], [], []
    for turn in range(REPEATS):
        before = plot.full_draws
        for step in range(4):  # a cursor that moves comes by several times
            scene = scenes[(turn + step) % len(scenes)]
            updates.append(seconds(lambda scene=scene: (plot.show(scene), settle())))
        markers.append(seconds(lambda turn=turn: (plot.set_marker(turn * 1e-4), settle())))
        if plot.full_draws != before:
            sys.exit("an update was a full redraw: nothing was measured")
        redraws.append(seconds(lambda: (figure.canvas.draw(), settle())))
    ratio = min(updates) / min(redraws)
    print(
        f"{name}: cursor {1e3 * min(updates):.2f} ms, slider {1e3 * min(markers):.2f} ms, "
        f"full redraw {1e3 * min(redraws):.1f} ms, ratio {ratio:.3f}"
    )
    plot.close()
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qt", action="store_true", help="on a Qt canvas in a window, too")
    options = parser.parse_args()
    ratios = []
    for width, height in SIZES:
        figure = Figure(figsize=(width / 100, height / 100), dpi=100)
        FigureCanvasAgg(figure)
        ratios.append(measure(f"Agg {width}×{height}", figure, lambda: None))
    if options.qt:
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        from qtpy.QtWidgets import QApplication

        application = QApplication.instance() or QApplication([])
        for width, height in SIZES:
            canvas = FigureCanvasQTAgg(Figure(dpi=100))
            canvas.resize(width, height)
            canvas.show()
            application.processEvents()
            ratios.append(measure(f"Qt {width}×{height}", canvas.figure, application.processEvents))
            canvas.close()
    sys.exit(max(ratios) > 0.1)


if __name__ == "__main__":
    main()
