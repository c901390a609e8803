"""How the displacement saturates with the pulse voltage: figure and table of docs/theory.md.

Run: python benchmarks/voltage_saturation.py; some three minutes of a core. Finite volumes without noise.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from page_tables import DOCS, table_from_rows, write_table

from napari_tesm.plotting.theme import apply_theme, mixed, theme_from_colours
from napari_tesm.simulation import DriftTrace, Host, drift_trace
from napari_tesm.simulation.drift import DRIFT_GRID

VOLTAGES = np.array([-0.01, -0.5, -1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0])
COUPLINGS = (1.0, 0.1, 0.02)
HOST, PULSE, RADIUS = Host(), 10e-3, 25e-9
TIME = np.append(np.linspace(0, 25e-3, 251), PULSE)
THEME = theme_from_colours("white", "#222222", font_size=8.5)


def height(trace: DriftTrace) -> float:
    """Return the displacement at the end of the pulse, in m."""
    return float(trace.displacement[-1])


def draw_heights(axes: Axes, found: dict[float, list[DriftTrace]]) -> None:
    """Draw H against the voltage, each as a part of H at the highest, with the line it would follow without a limit."""
    for coupling, shade in zip(COUPLINGS, (1.0, 0.7, 0.45), strict=True):
        heights = np.array([height(one) for one in found[coupling]])
        colour = mixed("#ffffff", THEME.fits[1], shade)
        axes.plot(
            VOLTAGES,
            heights * 1e9,
            "o-",
            color=colour,
            markersize=4,
            linewidth=1.4,
            label=f"{100 * coupling:g} %",
        )
        slope = heights[0] / VOLTAGES[0]
        axes.plot(VOLTAGES, slope * VOLTAGES * 1e9, "--", color=colour, linewidth=0.9)
    axes.set(ylim=(0, 50), xlabel="pulse voltage (V)", ylabel="H (nm)")
    axes.invert_xaxis()
    axes.legend(
        title="voltage that the ions feel", loc="upper right", ncols=3, fontsize=8.5, title_fontsize=8.5
    )
    axes.set_title("dashed: the line of small voltages", fontsize=9.5)


def draw_sites(axes: Axes, traces: list[DriftTrace]) -> None:
    """Draw which part of the sites is occupied below the tip at the end of the pulse."""
    faces = DRIFT_GRID.z_faces * RADIUS * 1e9
    depth = (faces[1:] + faces[:-1]) / 2
    for voltage, shade in ((-0.5, 0.35), (-1.0, 0.55), (-3.0, 0.8), (-7.0, 1.0)):
        occupied = traces[int(np.argmin(np.abs(VOLTAGES - voltage)))].occupation[:, 0]
        axes.plot(
            depth,
            occupied,
            color=mixed("#ffffff", THEME.fits[0], shade),
            linewidth=1.5,
            label=f"{voltage:g} V",
        )
    axes.axhline(HOST.filling, color=THEME.muted, linewidth=0.8)
    axes.set(
        xlim=(0, 300), ylim=(0, 1.05), xlabel="depth below the tip (nm)", ylabel="occupied part of the sites"
    )
    axes.legend(fontsize=8.5)
    axes.set_title("at the end of the pulse, 100 %", fontsize=9.5)


def draw_traces(axes: Axes, traces: list[DriftTrace]) -> None:
    """Draw the traces, each as a part of its H."""
    for voltage, shade in ((-0.01, 0.35), (-1.0, 0.6), (-7.0, 1.0)):
        one = traces[int(np.argmin(np.abs(VOLTAGES - voltage)))]
        axes.plot(
            one.time[:-1] * 1e3,
            one.displacement[:-1] / height(one),
            color=mixed("#ffffff", THEME.fits[0], shade),
            linewidth=1.5,
            label=f"{voltage:g} V",
        )
    axes.set(xlabel="time (ms)", ylabel="displacement / H")
    axes.legend(fontsize=8.5)
    axes.set_title("traces, 100 %", fontsize=9.5)


def table(found: dict[float, list[DriftTrace]]) -> str:
    """Return H, and H per volt as a part of that of small voltages."""
    rows = []
    for index, voltage in enumerate(VOLTAGES):
        cells = []
        for coupling in COUPLINGS:
            value, small = height(found[coupling][index]), height(found[coupling][0])
            gain = value / voltage / (small / VOLTAGES[0])
            cells.append(f"{value * 1e9:.3g} nm ({100 * gain:.0f} %)")
        surface = found[1.0][index].occupation[0, 0]
        rows.append([f"{voltage:g} V", *cells, f"{100 * surface:.0f} %"])
    header = [
        "pulse",
        *(f"{100 * one:g} % felt" for one in COUPLINGS),
        "sites taken at the surface, 100 % felt",
    ]
    return table_from_rows(header, rows)


def main() -> None:
    """Compute, draw and write."""
    found: dict[float, list[DriftTrace]] = {}
    for coupling in COUPLINGS:
        found[coupling] = [
            drift_trace(float(voltage), HOST, time=TIME, pulse=PULSE, tip_radius=RADIUS, coupling=coupling)
            for voltage in VOLTAGES
        ]
        print("done:", coupling, flush=True)
    figure = Figure(figsize=(12.5, 3.9), layout="constrained", dpi=110)
    left, middle, right = figure.subplots(1, 3)
    apply_theme(figure, THEME)
    draw_heights(left, found)
    draw_sites(middle, found[1.0])
    draw_traces(right, found[1.0])
    figure.savefig(DOCS / "images" / "voltage_saturation.png", metadata={"Software": None})
    text = table(found)
    print(text)
    write_table("theory.md", "voltage series", text)


if __name__ == "__main__":
    main()
