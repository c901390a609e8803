"""What comes back of a narrow fast step once lateral diffusion is taken out: figure and table of docs/theory.md.

Run: python benchmarks/narrow_step.py; some two minutes of a core. Writes docs/images/narrow_step.png and the table.
Traces from `map_traces`, which shares nothing with the inversion; noise from a fixed seed.
"""

import json
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from page_tables import DOCS, table_from_rows, write_table

from napari_tesm import lateral
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.maps import map_of
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.plotting.maps import draw_pixels, logarithmic_norm
from napari_tesm.plotting.theme import apply_theme, theme_from_colours
from napari_tesm.simulation import band_diffusion, map_traces

INSIDE, OUTSIDE, STEP, PULSE = 1e-12, 4e-13, 12e-9, 10e-3
RADIUS, PIXEL, ACROSS, ROWS, SAMPLES = 25e-9, 5e-9, 50, 12, 125
NOISES = {"1/100": 100.0, "1/20": 20.0}
"""White noise of a sample, of the largest displacement of a trace."""
AMPLITUDES = 0.25
"""Standard deviation of the logarithm of a pixel's amplitude, which no D has made."""
KERNELS = {"flux": "flux-pulse", "clamped": "clamped"}
SHOWN = np.array([0, 5, 10, 15, 20, 30, 40, 55, 75, 100, 150]) * 1e-9
TICKS = (3, 4, 6, 8, 10)
THEME = theme_from_colours("white", "#222222", font_size=8.5)
ALONE, JOINT = THEME.muted, THEME.fits[1]


@dataclass(frozen=True, eq=False)
class Found:
    """Maps of a scan across the step, and D in m²/s by the distance from its middle: medians along the step."""

    maps: xr.Dataset
    x: np.ndarray
    resolution: float

    def profile(self, name: str) -> np.ndarray:
        """Return the median of a map along the step, shape (x,)."""
        return np.asarray(np.nanmedian(self.maps[name].values[0], axis=0))

    def at(self, name: str, distance: float) -> float:
        """Return the mean of both sides at a distance from the middle of the step."""
        near = np.isclose(np.abs(self.x), distance, rtol=0, atol=1e-12)
        return float(self.profile(name)[near].mean())


def scan_across_step(boundary: str, snr: float) -> tuple[np.ndarray, xr.Dataset]:
    """Return the distances of the columns from the middle of the step, and a noisy scan across it."""
    x = np.arange(-ACROSS, ACROSS + 1) * PIXEL
    time = (np.arange(SAMPLES) + 0.5) * 25e-3 / SAMPLES
    band = band_diffusion(INSIDE, OUTSIDE, STEP)
    line = map_traces(band, x, [0.0], time=time, pulse=PULSE, tip_radius=RADIUS, boundary=boundary, jobs=2)
    rng = np.random.default_rng(5)
    sizes = np.exp(AMPLITUDES * rng.standard_normal((ROWS, x.size, 1)))
    traces = sizes * line / np.abs(line).max() + rng.standard_normal((ROWS, x.size, SAMPLES)) / snr
    protocol = PulseProtocol(pulse_start=0.0, pulse_duration=PULSE, tip_radius=RADIUS)
    dataset = dataset_from_traces(
        [traces], time=time, x=x, y=np.arange(ROWS) * PIXEL, voltage=[-3.0], direction=[""], unit="a.u.",
        protocol=protocol,
    )  # fmt: skip
    return x, dataset


def find(boundary: str, snr: float) -> Found:
    """Return what the inversion of a scan across the step gives."""
    x, dataset = scan_across_step(boundary, snr)
    maps = lateral(dataset, kernel=KERNELS[boundary], noise="white", nuisance="none", jobs=2)
    return Found(maps, x, float(json.loads(maps.attrs["lateral"])[0]["resolution"]))


def draw_strip(axes: Axes, found: Found, name: str, title: str) -> None:
    """Draw a map of the scan in the colours that both maps share."""
    norm = logarithmic_norm([found.maps[each].values for each in ("D", "D_lateral")])
    here = map_of(found.maps, name, 0)
    draw_pixels(axes, here, here.values, title, cmap="viridis", norm=norm)
    axes.title.set_fontsize(9.5)
    axes.grid(visible=False)
    axes.set_yticks([0, 50])


def draw_profile(axes: Axes, boundary: str, found: dict[str, Found]) -> None:
    """Draw D across the step: true, each pixel by itself, and with lateral diffusion taken out."""
    edges = np.array([-250.0, -STEP * 5e8, -STEP * 5e8, STEP * 5e8, STEP * 5e8, 250.0])
    D = np.array([OUTSIDE, OUTSIDE, INSIDE, INSIDE, OUTSIDE, OUTSIDE]) * 1e13
    axes.plot(edges, D, color=THEME.foreground, linewidth=0.9, label="true")
    first = found["1/100"]
    axes.plot(
        first.x * 1e9, first.profile("D") * 1e13, color=ALONE, linewidth=1.4, label="each pixel by itself"
    )
    for (noise, each), line in zip(found.items(), ("-", "--"), strict=True):
        axes.plot(each.x * 1e9, each.profile("D_lateral") * 1e13, line, color=JOINT, linewidth=1.4,
                  label=f"lateral, noise {noise}")  # fmt: skip
    axes.set(xlim=(-160, 160), ylim=(2.5, 14), yscale="log", title=f"{boundary}: across the step")
    axes.set(xlabel="distance from the middle of the step (nm)", ylabel="D (1e-13 m²/s)")
    axes.yaxis.set_major_locator(FixedLocator(TICKS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda D, _: f"{D:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.title.set_fontsize(9.5)
    axes.legend(loc="upper right", fontsize=8)


def table(found: dict[str, dict[str, Found]]) -> str:
    """Return D at some distances: true, each pixel by itself, and lateral at both noises."""
    header, rows = ["distance (nm)", "true"], []
    for boundary in found:
        header += [f"{boundary}, by itself", *(f"{boundary}, lateral, {noise}" for noise in NOISES)]
    for distance in SHOWN:
        row = [f"{distance * 1e9:.0f}", "10" if distance < STEP / 2 else "4"]
        for of_noise in found.values():
            row.append(f"{of_noise['1/100'].at('D', distance) * 1e13:.2f}")
            row += [f"{each.at('D_lateral', distance) * 1e13:.2f}" for each in of_noise.values()]
        rows.append(row)
    lengths = "; ".join(
        f"{boundary}, noise {noise}: {each.resolution * 1e9:.0f} nm"
        for boundary, of_noise in found.items()
        for noise, each in of_noise.items()
    )
    return f"{table_from_rows(header, rows)}\n\nHalf of a contrast comes back at half a period of: {lengths}."


def main() -> None:
    """Compute everything, draw it and write the table."""
    found = {boundary: {noise: find(boundary, snr) for noise, snr in NOISES.items()} for boundary in KERNELS}
    figure = Figure(figsize=(9.6, 5.2), layout="constrained", dpi=130)
    axes = figure.subplots(2, 2, height_ratios=(1.0, 3.2))
    apply_theme(figure, THEME)
    strip = found["flux"]["1/100"]
    draw_strip(axes[0, 0], strip, "D", "flux, noise 1/100: each pixel by itself")
    draw_strip(axes[0, 1], strip, "D_lateral", "lateral diffusion taken out")
    bar = figure.colorbar(
        axes[0, 1].images[0], ax=list(axes[0]), fraction=0.03, pad=0.01, aspect=6, shrink=0.9
    )
    bar.set_label("D (m²/s)", fontsize=8.5)
    bar.ax.tick_params(which="both", labelsize=8.5)
    for panel, boundary in zip(axes[1], KERNELS, strict=True):
        draw_profile(panel, boundary, found[boundary])
    figure.savefig(DOCS / "images" / "narrow_step.png", metadata={"Software": None})
    text = table(found)
    print(text)
    write_table("theory.md", "step inverted", text)


if __name__ == "__main__":
    main()
