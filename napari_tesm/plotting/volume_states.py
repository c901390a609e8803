"""Thickness of the states of an electrode against cycles, a group of bars for each capacity."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tesm.findings.cycling import Cycling
from napari_tesm.plotting.cycling import check_units, draw_curves
from napari_tesm.plotting.theme import colour_of_point

_MICROMETRE: Final = 1e-6
_WIDTH: Final = 0.62
_INK: Final = "#333333"
_APART: Final = 0.5
"""Room between groups, in bars."""


@dataclass(frozen=True)
class Bar:
    """A state; lengths in m.

    Parameters
    ----------
    label : str
        Number of cycles, or a name.
    group : str
        Heading of the bars that stand together.
    mean, sd, error : float
    expected : tuple of float, optional
        Least and largest thickness that the capacity predicts.
    """

    label: str
    group: str
    mean: float
    sd: float
    error: float
    expected: tuple[float, float] | None = None


def draw_states(figure: Figure, bars: Sequence[Bar], records: Sequence[Cycling] = ()) -> None:
    """Draw the thickness of states, and beside it the cycling curves where there are any.

    Raises
    ------
    ValueError
        If the capacities of the curves have different units.
    """
    check_units(records)
    figure.set_layout_engine("constrained")
    if records:
        left, right = figure.subplots(1, 2, width_ratios=[1.5, 1.0])
        draw_curves(right, records)
    else:
        left = figure.subplots()
    draw_thickness(left, bars)


def draw_thickness(axes: Axes, bars: Sequence[Bar], *, ink: str = _INK) -> None:
    """Draw a bar for each state: thin whiskers are the heterogeneity of the field, thick ones the error of the mean.

    Parameters
    ----------
    axes : Axes
    bars : sequence of Bar
    ink : str
        Colour of the whiskers, which have to stand out of bars and background.
    """
    place, places, middles = 0.0, [], []
    first = _once()
    for number, (group, members) in enumerate(groupby(bars, key=lambda bar: bar.group)):
        start = place
        for bar in members:
            _draw_bar(axes, place, bar, (colour_of_point(number + 1), ink), first)
            places.append(place)
            place += 1
        middles.append(((start + place - 1) / 2, group))
        place += _APART
    axes.set_xticks(places, [bar.label for bar in bars])
    if any(group for _, group in middles):
        for middle, group in middles:
            axes.annotate(
                group, (middle, 0), (0, -24), xycoords=("data", "axes fraction"), textcoords="offset points",
                ha="center", va="top",
            )  # fmt: skip
        axes.set_xlabel("cycles", labelpad=18)
    else:
        axes.set_xlabel("state")
    axes.set_ylabel("thickness (µm)")
    highest = max((bar.mean + bar.sd for bar in bars), default=0) / _MICROMETRE
    axes.set_ylim(0, 1.28 * highest or 1)
    axes.spines[["top", "right"]].set_visible(False)
    if bars:
        axes.legend(frameon=False, fontsize=8, loc="upper right")


def _draw_bar(
    axes: Axes, place: float, bar: Bar, colours: tuple[str, str], first: Callable[[str], str | None]
) -> None:
    colour, ink = colours
    mean, sd, error = (value / _MICROMETRE for value in (bar.mean, bar.sd, bar.error))
    axes.bar(place, mean, _WIDTH, color=colour, alpha=0.75)
    axes.errorbar(
        place, mean, sd, color=ink, lw=1, capsize=4, label=first("± standard deviation over the field")
    )
    axes.errorbar(place, mean, error, color=ink, lw=3.5, label=first("standard error of the mean"))
    if bar.expected is not None:
        low, high = (value / _MICROMETRE for value in bar.expected)
        edges = (place - 0.46, place + 0.46)
        axes.fill_between(
            edges, low, high, color="#888888", alpha=0.25, lw=0, label=first("what the capacity predicts")
        )
        axes.hlines((low, high), *edges, color="#555555", lw=1, ls=(0, (3, 2)))


def _once() -> Callable[[str], str | None]:
    """Return a function that gives a label the first time it is asked for it."""
    seen: set[str] = set()

    def label(text: str) -> str | None:
        if text in seen:
            return None
        seen.add(text)
        return text

    return label
