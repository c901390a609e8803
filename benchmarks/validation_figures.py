"""Figures of the validation page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from validation_fits import NO_D, Recovered

from napari_tesm.plotting.axes import label_log_axis
from napari_tesm.plotting.theme import apply_theme, colour_of_point, mixed, theme_from_colours

Array = np.ndarray
Found = Mapping[tuple[Any, float, float], Recovered]

THEME = theme_from_colours("white", "#222222", font_size=8.5)
STATUS_COLOURS = {
    "ok": "#009e73", NO_D: "#a3d9c8", "no_response": "#56b4e9", "unresolved_slow": "#e69f00",
    "unresolved_fast": "#d55e00", "inconsistent": "#0072b2",
}  # fmt: skip
"""Those of the status maps in napari; accepted without a D is a lighter ok."""


def colours_of(count: int) -> list[str]:
    """Return shades from light to dark of the house's violet: more signal, darker."""
    return [mixed("#ffffff", THEME.fits[1], share) for share in np.linspace(0.35, 1.0, count)]


def panels(count: int, columns: int, *, height: float = 2.5) -> tuple[Figure, list[Axes]]:
    """Return a figure with as many axes as asked for."""
    rows = -(-count // columns)
    figure = Figure(figsize=(12.5, height * rows), layout="constrained", dpi=110)
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for spare in axes[count:]:
        spare.remove()
    apply_theme(figure, THEME)
    return figure, axes[:count]


def label_diffusion(axes: Axes, all_d: Array) -> None:
    """Give the axis of true D its decades."""
    low, high = all_d[0] / 1.8, all_d[-1] * 1.8
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    label_log_axis(axes.xaxis, low, high, most=5)
    axes.set_xlabel("D put in (m²/s)")


def draw_recovery(
    found: Found, kernels: Sequence[str], all_d: Array, snrs: Sequence[float], path: Path
) -> None:
    """Draw the median of D found over D put in, with the middle 68 %; hollow where less than half is ok."""
    figure, axes = panels(len(kernels), 4)
    for one, kernel in zip(axes, kernels, strict=True):
        for place, (snr, colour) in enumerate(zip(snrs, colours_of(len(snrs)), strict=True)):
            cells = [found[kernel, D, snr] for D in all_d]
            shown = np.array([cell.ok >= 0.05 for cell in cells])
            middle = np.array([cell.median for cell in cells])
            factor = np.exp([cell.spread for cell in cells])
            # Side by side, so that bars do not hide one another.
            where = all_d * 1.12 ** (place - 1.5)
            bars = np.array([middle - middle / factor, middle * factor - middle])
            one.errorbar(
                where[shown], middle[shown], bars[:, shown], fmt="none", ecolor=colour, elinewidth=1.1
            )
            half = np.array([cell.ok >= 0.5 for cell in cells])
            for kept, face in ((shown & half, colour), (shown & ~half, THEME.background)):
                one.plot(where[kept], middle[kept], "o", markersize=4, color=colour, markerfacecolor=face)
            one.plot([], [], "o", markersize=4, color=colour, label=f"SNR {snr:g}")
        one.axhline(1, color=THEME.foreground, linewidth=0.8)
        label_diffusion(one, all_d)
        one.set_yscale("log")
        one.set_ylim(0.2, 8)
        label_log_axis(one.yaxis, 0.2, 8, most=6)
        one.set_title(kernel, fontsize=9.5)
    for first in axes[::4]:
        first.set_ylabel("D found / D put in")
    # Where there are no points.
    axes[kernels.index("power")].legend(fontsize=7.5, ncols=2, loc="upper left")
    figure.savefig(path, metadata={"Software": None})


def draw_pulls(found: Found, kernels: Sequence[str], all_d: Array, snrs: Sequence[float], path: Path) -> None:
    """Draw how large the errors are against what the fit states."""
    figure, axes = panels(len(kernels), 4)
    for one, kernel in zip(axes, kernels, strict=True):
        one.axhspan(0.85, 1.15, color=THEME.grid, linewidth=0)
        for snr, colour in zip(snrs, colours_of(len(snrs)), strict=True):
            sizes = [found[kernel, D, snr].pull if found[kernel, D, snr].ok >= 0.5 else np.nan for D in all_d]
            one.plot(all_d, sizes, "o-", markersize=4, linewidth=1.1, color=colour, label=f"SNR {snr:g}")
        label_diffusion(one, all_d)
        one.set_ylim(0.4, 1.6)
        one.set_title(kernel, fontsize=9.5)
    for first in axes[::4]:
        first.set_ylabel("error / stated error")
    axes[0].legend(fontsize=7.5, ncols=2, loc="lower left")
    figure.savefig(path, metadata={"Software": None})


def draw_status(
    found: Found, kernels: Sequence[str], all_d: Array, snrs: Sequence[float], path: Path
) -> None:
    """Draw the shares of the statuses, stacked; SNR down, kernels across."""
    figure = Figure(figsize=(12.5, 5.2), layout="constrained", dpi=110)
    grid = figure.subplots(len(snrs), len(kernels), sharex=True, sharey=True)
    apply_theme(figure, THEME)
    places = np.arange(all_d.size)
    for row, snr in zip(grid, snrs, strict=True):
        for one, kernel in zip(row, kernels, strict=True):
            bottom = np.zeros(all_d.size)
            for name, colour in STATUS_COLOURS.items():
                part = 100 * np.array([found[kernel, D, snr].shares[name] for D in all_d])
                one.bar(places, part, bottom=bottom, width=1.0, color=colour, label=name.replace("_", " "))
                bottom += part
            one.grid(False)
            one.set_ylim(0, 100)
        row[0].set_ylabel(f"SNR {snr:g}\nshare (%)")
    for one, kernel in zip(grid[0], kernels, strict=True):
        one.set_title(kernel, fontsize=9)
    for one in grid[-1]:
        # Every second decade: five labels do not fit below one another.
        ticks = [place for place in places if place % 4 == 0]
        one.set_xticks(ticks, [f"{all_d[place]:.0e}" for place in ticks])
        one.set_xlabel("D put in (m²/s)", fontsize=8)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8.5, frameon=False)
    figure.savefig(path, metadata={"Software": None})


def draw_misfits(found: Found, cases: Sequence[tuple[str, str]], all_d: Array, path: Path) -> None:
    """Draw D of wrong kernels over the true one at SNR 100; hollow where less than half is ok."""
    groups = (
        ("exponential, one for each window", [n for n, (_, kernel) in enumerate(cases) if kernel == "exponential"]),
        ("other kernels of the relaxation",
         [n for n, (_, kernel) in enumerate(cases) if kernel in ("stretched", "gaussian-source", "erfc")]),
        ("joint kernels", [n for n, (_, kernel) in enumerate(cases) if kernel in ("flux-pulse", "clamped")]),
    )  # fmt: skip
    figure, axes = panels(3, 3, height=4.4)
    for one, (title, numbers) in zip(axes, groups, strict=True):
        for place, number in enumerate(numbers):
            words, kernel = cases[number]
            cells = [found[number, D, 100] for D in all_d]
            ratio = np.array([cell.median if cell.ok >= 0.05 else np.nan for cell in cells])
            half = np.array([cell.ok >= 0.5 for cell in cells])
            colour = colour_of_point(place + 1)
            label = words if title.startswith("exponential") else f"{words} → {kernel}"
            one.plot(all_d, ratio, "-", color=colour, linewidth=1.2, label=label)
            for kept, face in ((half, colour), (~half, THEME.background)):
                one.plot(all_d[kept], ratio[kept], "o", markersize=4, color=colour, markerfacecolor=face)
        one.axhline(1, color=THEME.foreground, linewidth=0.8)
        label_diffusion(one, all_d)
        one.set_yscale("log")
        one.set_ylim(3e-3, 3e3)
        label_log_axis(one.yaxis, 3e-3, 3e3, most=7)
        one.set_title(title, fontsize=9.5)
        one.legend(fontsize=7.5, loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False)
    axes[0].set_ylabel("D found / true D")
    figure.savefig(path, metadata={"Software": None})
