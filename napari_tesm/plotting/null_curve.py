"""What pure diffusion shows: curves of the apparent D against the true one, and marks beside what was measured."""

from collections.abc import Mapping
from typing import Any, Final

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from napari_tesm.data.maps import WINDOWS
from napari_tesm.model_choice.null_bands import NullBands, number_in_words
from napari_tesm.model_choice.null_curve import SOURCES

Range = tuple[float, float]

SOURCE_STYLES: Final[dict[str, Any]] = {"flux-pulse": "-", "clamped": (0, (3, 1.5))}
"""Line style of each source: marks beside data have no colour of their own."""
BRACKET_ROW: Final = 1.7
"""Height of a bracket with its name, in sizes of the type."""
_LONG_BRACKET: Final = 0.6
"""Share of the axes that takes a name in its middle."""
_SOURCE_COLOURS: Final = {"flux-pulse": "#1b6ca8", "clamped": "#b3261e"}
_MUTED: Final = "#6b6b6b"
_WINDOW_STYLES: Final[dict[int, Any]] = {1: "-", 2: (0, (4, 2))}


def null_figure(bands: NullBands, title: str = "") -> Figure:
    """Return a figure of the null curves: apparent D, D2/D1, and the way back, against the true D.

    Parameters
    ----------
    bands : NullBands
    title : str
        The protocol, in words.
    """
    figure = Figure(figsize=(12.5, 4.6), layout="constrained", dpi=110)
    draw_null_page(figure, bands)
    if title:
        figure.suptitle(f"Pure diffusion, one exponential for each window: {title}", fontsize=10)
    return figure


def draw_null_page(figure: Figure, bands: NullBands) -> None:
    """Draw apparent D, D2/D1 and the way back beside each other on an empty figure."""
    left, middle, right = figure.subplots(1, 3)
    draw_apparent(left, bands)
    draw_null_ratio(middle, bands)
    draw_correction(right, bands)


def draw_apparent(axes: Axes, bands: NullBands) -> None:
    """Draw apparent D1 and D2 of every source against the true D, beside the line on which they would be equal."""
    for name, curve in bands.curves.items():
        for number, values in curve.apparent.items():
            axes.plot(
                curve.diffusion, values, color=_SOURCE_COLOURS[name], ls=_WINDOW_STYLES[number], lw=1.6,
                label=f"D{number}, {SOURCES[name]}",
            )  # fmt: skip
    low, high = bands.true_range
    axes.plot([low, high], [low, high], color=_MUTED, lw=0.8)
    shown = bands.apparent_ranges(*WINDOWS)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    if shown:
        axes.set_ylim(
            min(lowest for lowest, _ in shown.values()) / 2, 2 * max(highest for _, highest in shown.values())
        )
    _label(axes, "true D (m²/s)", "apparent D (m²/s)", "what the recipe returns (grey: the true D)")
    axes.legend(frameon=False, fontsize=8)


def draw_null_ratio(axes: Axes, bands: NullBands) -> None:
    """Draw D2/D1 of pure diffusion against the true D, with its band."""
    for name, curve in bands.curves.items():
        axes.plot(curve.diffusion, curve.ratio, color=_SOURCE_COLOURS[name], lw=1.6, label=SOURCES[name])
        if curve.band is not None:
            axes.axhspan(*curve.band, color=_SOURCE_COLOURS[name], alpha=0.08, lw=0)
    axes.axhline(1.0, color=_MUTED, lw=0.8)
    axes.set_xscale("log")
    axes.set_xlim(*bands.true_range)
    words = f"D2/D1 (noise {100 * bands.noise:.2g} % of H)"
    _label(axes, "true D (m²/s)", "D2/D1", words)
    axes.legend(frameon=False, fontsize=8)


def draw_correction(axes: Axes, bands: NullBands) -> None:
    """Draw the true D against the apparent one where one determines the other."""
    for name, curve in bands.curves.items():
        for number in curve.apparent:
            table = curve.correction(number)
            label = f"from D{number}, {SOURCES[name]}"
            axes.plot(
                table.apparent, table.diffusion, color=_SOURCE_COLOURS[name], ls=_WINDOW_STYLES[number], lw=1.6,
                label=label,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    _label(axes, "apparent D (m²/s)", "true D (m²/s)", "the way back, where there is one")
    axes.legend(frameon=False, fontsize=8)


def draw_null_brackets(
    axes: Axes,
    ranges: Mapping[str, Range],
    *,
    colour: str = _MUTED,
    font_size: float = 8.0,
    numbers: bool = False,
) -> list[Artist]:
    """Draw at the top of a histogram what pure diffusion can show: a bracket for each source, with its name.

    The limits of the axes stay; an end that lies beyond them is left open. A row needs
    `BRACKET_ROW` times the size of the type.

    Parameters
    ----------
    ranges : mapping of str to (float, float)
        From `NullBands.apparent_ranges` or `NullBands.ratios`, in the unit of the axis.
    numbers : bool
        Write the ends, too.

    Returns
    -------
    list of Artist
        What was drawn.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    drawn: list[Artist] = []
    low, high = axes.get_xlim()
    for row, (name, (first, last)) in enumerate(ranges.items()):
        down = (0.8 + BRACKET_ROW * row) * font_size / 72
        lowered = ScaledTranslation(0, -down, figure.dpi_scale_trans)
        across = axes.get_xaxis_transform() + lowered
        label = f"pure diffusion, {SOURCES[name]}"
        if numbers:
            label += f": {number_in_words(first)} to {number_in_words(last)}"
        ends = max(first, low), min(last, high)
        if ends[0] >= ends[1]:
            label = f"{label} →" if first >= high else f"← {label}"
            place, side = (0.98, "right") if first >= high else (0.02, "left")
        else:
            drawn += axes.plot(
                ends, [1, 1], transform=across, color=colour, lw=1.0, ls=SOURCE_STYLES[name], zorder=5
            )
            inside = [end for end in (first, last) if low <= end <= high]
            drawn += axes.plot(
                inside, [1] * len(inside), transform=across, color=colour, ls="none", marker="|", ms=0.6 * font_size,
                mew=1.0, zorder=5,
            )  # fmt: skip
            places = axes.transAxes.inverted().transform(axes.transData.transform([(end, 0) for end in ends]))
            place, side = _beside(float(places[0, 0]), float(places[1, 0]))
        drawn.append(
            axes.text(
                place, 1, label, transform=axes.transAxes + lowered, ha=side,
                va="center", color=colour, fontsize=font_size, zorder=6,
                bbox={"facecolor": axes.get_facecolor(), "edgecolor": "none", "pad": 1.0},
            )
        )  # fmt: skip
    axes.set_xlim(low, high)
    return drawn


def _beside(first: float, last: float) -> tuple[float, str]:
    """Return where the name of a bracket stands, in shares of the axes: on a long one, beside a short one."""
    if last - first > _LONG_BRACKET:
        return (first + last) / 2, "center"
    return (last + 0.02, "left") if first + last < 1 else (first - 0.02, "right")


def draw_null_band(axes: Axes, ratios: Mapping[str, Range]) -> None:
    """Shade on a histogram of D2/D1 what pure diffusion shows, with its numbers in the legend.

    The limits of the axis stay.

    Parameters
    ----------
    ratios : mapping of str to (float, float)
        From `NullBands.ratios`.
    """
    limits = axes.get_xlim()
    for name, (low, high) in ratios.items():
        axes.axvspan(low, high, color=_MUTED, alpha=0.16, lw=0, zorder=0.5)
        label = f"pure diffusion, {SOURCES[name]}: {number_in_words(low)} to {number_in_words(high)}"
        for end, words in ((low, label), (high, None)):
            axes.axvline(end, color=_MUTED, lw=0.9, ls=SOURCE_STYLES[name], zorder=0.6, label=words)
    axes.set_xlim(limits)


def _label(axes: Axes, across: str, up: str, title: str) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.set_title(title, fontsize=9)
