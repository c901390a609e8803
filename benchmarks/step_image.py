"""What a fast step looks like in a map of D, and how wide it must be to show its own D: docs/images/step_image.png.

Run: python benchmarks/step_image.py [OUTPUT.png]; some minutes on two cores.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from napari_tesm.simulation import BoxGrid, TipModel, apparent_diffusion, band_diffusion, traces_at

GRID = BoxGrid(0.16, 1.16, 0.03, 1.16)
INSIDE, OUTSIDE, STEP, PULSE = 1e-12, 4e-13, 12e-9, 10e-3
WIDTHS = np.array([6, 12, 25, 50, 100, 200, 400, 800, 1600]) * 1e-9


def profile(boundary):
    """Return distances, apparent D and H relative to those far away."""
    model = TipModel(band_diffusion(INSIDE, OUTSIDE, STEP), boundary=boundary, grid=GRID)
    x = np.array([0, 5, 10, 15, 20, 30, 40, 55, 75, 100, 150, 220, 400]) * 1e-9
    traces = traces_at(model, np.column_stack([x, 0 * x]), jobs=2)
    H = traces[:, np.searchsorted(model.times, PULSE - 1e-9)]
    return x, apparent_diffusion(traces, model, expected=6e-13), H / H[-1]


def on_bands(boundary, factor):
    """Return the apparent D in the middle of bands, inside and outside slower by a factor."""
    found = []
    for width in WIDTHS:
        model = TipModel(
            band_diffusion(INSIDE * factor, OUTSIDE * factor, width), boundary=boundary, grid=GRID
        )
        found.append(apparent_diffusion(model.trace_at(0, 0), model, expected=6e-13 * factor))
    return np.array(found) / factor


def main():
    """Compute everything, print the numbers and draw them."""
    figure = Figure(figsize=(12, 3.8), layout="constrained", dpi=110)
    left, middle, right = figure.subplots(1, 3)
    truth = [-400, -6, -6, 6, 6, 400], [OUTSIDE, OUTSIDE, INSIDE, INSIDE, OUTSIDE, OUTSIDE]
    left.plot(*truth, color="black", linewidth=0.8, label="true")
    for boundary, colour in (("flux", "#b2182b"), ("clamped", "#2166ac")):
        x, D, H = profile(boundary)
        both = np.concatenate([-x[:0:-1], x]) * 1e9
        left.plot(both, np.concatenate([D[:0:-1], D]), ".-", color=colour, label=boundary)
        middle.plot(both, np.concatenate([H[:0:-1], H]), ".-", color=colour, label=boundary)
        print(boundary, "profile (nm, D, H):")
        print(np.column_stack([x * 1e9, D, H]).round(16))
        for factor, style in ((1.0, "-"), (0.1, "--")):
            values = on_bands(boundary, factor)
            length = np.sqrt(4 * OUTSIDE * factor * PULSE)
            label = f"{boundary}, √(4DT) = {length * 1e9:.0f} nm"
            right.semilogx(WIDTHS * 1e9, values / INSIDE, f".{style}", color=colour, label=label)
            print(label, np.column_stack([WIDTHS * 1e9, values / INSIDE]).round(3).tolist())
    left.set(xlim=(-220, 220), yscale="log", xlabel="distance from the step (nm)", ylabel="apparent D (m²/s)")
    left.set_title("12 nm step, D 1e-12 in 4e-13", fontsize=10)
    middle.set(xlim=(-220, 220), xlabel="distance from the step (nm)", ylabel="H / H far away")
    middle.set_title("displacement at the end of the pulse", fontsize=10)
    right.axhline(1, color="black", linewidth=0.8)
    right.axhline(OUTSIDE / INSIDE, color="black", linewidth=0.8, linestyle=":")
    right.set(xlabel="width of the band (nm)", ylabel="apparent D in its middle / true D")
    right.set_title("how wide a band must be (dotted: D outside)", fontsize=10)
    for axes in (left, right):
        axes.legend(fontsize=7)
    output = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/step_image.png")
    figure.savefig(output, metadata={"Software": None})
    print("Written:", output)


if __name__ == "__main__":
    main()
