"""What a fast step looks like in a map of D, and how wide it must be to show its own D: figure and tables of the docs.

Run: python benchmarks/step_image.py; some ten minutes on two cores. Writes docs/images/step_image.png and the tables of
docs/theory.md. Deterministic: finite volumes without noise.
"""

import time
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from page_tables import DOCS, table_from_rows, write_table

from napari_tesm.plotting.axes import label_log_axis
from napari_tesm.plotting.theme import apply_theme, theme_from_colours
from napari_tesm.simulation import TipModel, apparent_diffusion, band_diffusion, traces_at

INSIDE, OUTSIDE, STEP, PULSE = 1e-12, 4e-13, 12e-9, 10e-3
PLACES = np.array([0, 5, 10, 15, 20, 30, 40, 55, 75, 100, 150, 220, 400]) * 1e-9
WIDTHS = np.array([6, 12, 25, 50, 100, 200, 400, 800, 1600]) * 1e-9
FACTORS = {0.1: "--", 1.0: "-", 10.0: ":"}
"""Both D times these: three lengths of diffusion, and how they are drawn."""
MAP = 64
THEME = theme_from_colours("white", "#222222", font_size=8.5)
COLOURS = {"flux": THEME.fits[0], "clamped": THEME.fits[1]}
REACHED = (0.5, 0.9, 0.95)


@dataclass(frozen=True)
class Profile:
    """Apparent D in m²/s and H over H far away, at each of the places, and what one place took of a core, in s."""

    D: np.ndarray
    H: np.ndarray
    seconds: float


def profile_across_step(boundary: str) -> Profile:
    """Return what a line across the narrow step shows."""
    model = TipModel(band_diffusion(INSIDE, OUTSIDE, STEP), boundary=boundary)
    before = time.process_time()
    traces = traces_at(model, np.column_stack([PLACES, 0 * PLACES]), jobs=2)
    seconds = (time.process_time() - before) / PLACES.size
    H = traces[:, np.searchsorted(model.times, PULSE - 1e-9)]
    return Profile(apparent_diffusion(traces, model, expected=6e-13), H / H[-1], seconds)


def read_in_bands(boundary: str, factor: float) -> np.ndarray:
    """Return apparent over true D in the middle of bands of all widths; D as that of the step times a factor."""
    found = []
    for width in WIDTHS:
        band = band_diffusion(INSIDE * factor, OUTSIDE * factor, width)
        model = TipModel(band, boundary=boundary)
        found.append(apparent_diffusion(model.trace_at(0, 0), model, expected=6e-13 * factor))
    return np.array(found) / factor / INSIDE


def diffusion_length(factor: float) -> float:
    """Return √(4DT) of the band's own D and the pulse, in m."""
    return float(np.sqrt(4 * INSIDE * factor * PULSE))


def width_from_part(values: np.ndarray, part: float) -> float:
    """Return the width, in m, from which on the band shows this part of the way from the outer to its own D."""
    goal = OUTSIDE / INSIDE + part * (1 - OUTSIDE / INSIDE)
    # From the widest down: a narrow band may show anything.
    below = int(np.flatnonzero(values < goal)[-1])
    share = (goal - values[below]) / (values[below + 1] - values[below])
    return float(np.exp(np.log(WIDTHS[below]) + share * np.log(WIDTHS[below + 1] / WIDTHS[below])))


def draw_profiles(left: Axes, middle: Axes, profiles: dict[str, Profile]) -> None:
    """Draw apparent D and H across the narrow step."""
    edges = [-STEP / 2, -STEP / 2, STEP / 2, STEP / 2]
    truth = np.array([-PLACES[-1], *edges, PLACES[-1]]) * 1e9
    D = np.array([OUTSIDE, OUTSIDE, INSIDE, INSIDE, OUTSIDE, OUTSIDE]) * 1e13
    left.plot(truth, D, color=THEME.foreground, linewidth=0.9, label="true")
    both = np.concatenate([-PLACES[:0:-1], PLACES]) * 1e9
    for boundary, found in profiles.items():
        style = {"color": COLOURS[boundary], "marker": ".", "markersize": 4, "linewidth": 1.4}
        left.plot(both, np.concatenate([found.D[:0:-1], found.D]) * 1e13, label=boundary, **style)
        middle.plot(both, np.concatenate([found.H[:0:-1], found.H]), **style)
    left.set(xlim=(-220, 220), ylim=(3, 11), yscale="log")
    left.set(xlabel="distance from the middle of the step (nm)", ylabel="apparent D (1e-13 m²/s)")
    label_log_axis(left.yaxis, 3, 11, most=7)
    left.legend(loc="upper right", fontsize=8.5)
    left.set_title("a step of 12 nm, D = 1e-12 in 4e-13 m²/s", fontsize=9.5)
    middle.set(xlim=(-220, 220), xlabel="distance from the middle of the step (nm)", ylabel="H / H far away")
    middle.set_title("displacement at the end of the pulse", fontsize=9.5)


def draw_bands(right: Axes, bands: dict[tuple[str, float], np.ndarray]) -> None:
    """Draw what bands show of their D against their width."""
    low, high = WIDTHS[0] * 1e9 / 1.2, WIDTHS[-1] * 1e9 * 1.2
    for level in (1.0, OUTSIDE / INSIDE):
        right.axhline(level, color=THEME.muted, linewidth=0.8)
    right.annotate("D outside", (high, OUTSIDE / INSIDE), (-3, 3), textcoords="offset points", ha="right",
                   fontsize=8, color=THEME.muted)  # fmt: skip
    for (boundary, factor), values in bands.items():
        right.plot(WIDTHS * 1e9, values, FACTORS[factor], marker=".", markersize=4, linewidth=1.4,
                   color=COLOURS[boundary])  # fmt: skip
    for factor, style in FACTORS.items():
        right.plot([], [], style, color=THEME.foreground, label=f"{diffusion_length(factor) * 1e9:.0f} nm")
    right.set(xscale="log", xlim=(low, high), ylim=(0.15, 1.25))
    label_log_axis(right.xaxis, low, high, most=6)
    right.set(xlabel="width of the band (nm)", ylabel="apparent D in its middle / true D")
    right.legend(title="√(4DT) of the band", loc="upper left", ncols=3, fontsize=8.5, title_fontsize=8.5)
    right.set_title("how wide a band must be", fontsize=9.5)


def tables(profiles: dict[str, Profile], bands: dict[tuple[str, float], np.ndarray]) -> dict[str, str]:
    """Return the tables of the page by name."""
    seen = [
        [f"{x * 1e9:.0f}", *(f"{1e13 * p.D[i]:.2f}" for p in profiles.values()),
         *(f"{p.H[i]:.3f}" for p in profiles.values())]
        for i, x in enumerate(PLACES)
    ]  # fmt: skip
    header = ["distance (nm)", "D, flux", "D, clamped", "H, flux", "H, clamped"]
    needed = []
    for (boundary, factor), values in bands.items():
        length = diffusion_length(factor)
        widths = [width_from_part(values, part) for part in REACHED]
        needed.append([boundary, f"{INSIDE * factor:.0e} in {OUTSIDE * factor:.0e}", f"{length * 1e9:.0f} nm",
                       *(f"{one * 1e9:.0f} nm ({one / length:.1f})" for one in widths)])  # fmt: skip
    names = ["tip", "D in the band and outside", "√(4DT)", *(f"{100 * part:.0f} %" for part in REACHED)]
    seconds = float(np.mean([one.seconds for one in profiles.values()]))
    cost = (
        f"One place across this step took {seconds:.1f} s of a core (26 places, default grid): a line of {MAP} takes "
        f"{MAP * seconds / 60:.0f} min of a core, a map of {MAP}x{MAP} {MAP**2 * seconds / 3600:.1f} h of a core."
    )
    return {
        "step profile": table_from_rows(header, seen),
        "band widths": table_from_rows(names, needed),
        "step cost": cost,
    }


def main() -> None:
    """Compute everything, draw it and write the tables."""
    profiles = {boundary: profile_across_step(boundary) for boundary in COLOURS}
    bands = {}
    for boundary in COLOURS:
        for factor in FACTORS:
            bands[boundary, factor] = read_in_bands(boundary, factor)
            print(boundary, factor, bands[boundary, factor].round(3).tolist(), flush=True)
    figure = Figure(figsize=(12.5, 3.9), layout="constrained", dpi=110)
    left, middle, right = figure.subplots(1, 3)
    apply_theme(figure, THEME)
    draw_profiles(left, middle, profiles)
    draw_bands(right, bands)
    figure.savefig(DOCS / "images" / "step_image.png", metadata={"Software": None})
    for name, text in tables(profiles, bands).items():
        print(f"\n{name}\n{text}")
        write_table("theory.md", name, text)


if __name__ == "__main__":
    main()
