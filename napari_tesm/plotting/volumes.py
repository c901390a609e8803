"""Figures of electrode volumes: sections with their surfaces, thickness, attenuation against distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from napari_tesm.plotting.maps import draw_map, map_extent
from napari_tesm.plotting.theme import LIGHT, POINT_COLOURS, PlotTheme
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.quantities.text import factor_from_unit
from napari_tesm.volumes.contents import Contents
from napari_tesm.volumes.counting import Counts, Course
from napari_tesm.volumes.profile import Profile

_MICROMETRE: Final = 1e-6
_ALARM: Final = 0.001
"""Probability below which a particle is drawn as uneven."""
_EMPTY: Final = "#f0f0f0"
_COLOURS: Final = 20
"""Colours of agglomerates, which come again from there on."""
_DECADES: Final = 5
"""Largest over smallest D from which on its axis is logarithmic."""
_EVEN, _UNEVEN = "#0072b2", "#d55e00"


def draw_profiles(axes: Axes, profiles: Mapping[str, Profile], *, theme: PlotTheme = LIGHT) -> None:
    """Draw attenuation against the distance from the collector, of one state with its spread, or of several.

    Parameters
    ----------
    axes : Axes
    profiles : mapping of str to Profile
        By the names of states.
    theme : PlotTheme
    """
    mixed = max((profile.mixed_below for profile in profiles.values()), default=0.0) / _MICROMETRE
    axes.axvspan(0, mixed, color=theme.muted, alpha=0.25, lw=0, label="mixed with the collector")
    highest = 0.0
    for number, (name, profile) in enumerate(profiles.items()):
        colour = POINT_COLOURS[number % len(POINT_COLOURS)]
        distance = profile.distance / _MICROMETRE
        label = name if len(profiles) > 1 else "all voxels"
        if len(profiles) == 1:
            band = profile.attenuation + np.multiply.outer((-1, 1), profile.sd)
            axes.fill_between(distance, *band, color=colour, alpha=0.25, lw=0, label="± standard deviation")
            axes.plot(
                distance,
                profile.within,
                "--",
                color=theme.foreground,
                lw=1,
                label="below the electrode's surface",
            )
        axes.plot(distance, profile.attenuation, color=colour, lw=1.4, label=label)
        axes.fill_between(
            distance, profile.attenuation - profile.mean_error, profile.attenuation + profile.mean_error,
            color=colour, alpha=0.5, lw=0,
        )  # fmt: skip
        beyond = profile.distance > profile.mixed_below
        reached = (profile.attenuation + (profile.sd if len(profiles) == 1 else 0))[beyond]
        highest = max(
            highest,
            float(np.nanmax(reached, initial=0.0)),
            float(np.nanmax(profile.within[beyond], initial=0.0)),
        )
    ends = [profile.distance[-1] for profile in profiles.values()]
    axes.set(xlabel="Distance from the collector (µm)", ylabel="Attenuation (collector 1)")
    if ends:
        # Beside the collector values rise to 1: the electrode is what is looked at.
        axes.set(xlim=(0, max(ends) / _MICROMETRE), ylim=(-0.25 * highest, 1.25 * highest or 1))
        axes.legend(frameon=False, fontsize=theme.font_size, loc="upper right")


def draw_upright(axes: Axes, section: xr.DataArray, surfaces: xr.Dataset, *, largest: float) -> AxesImage:
    """Draw an upright section, z upward, with the surfaces of collector (white) and electrode.

    Parameters
    ----------
    axes : Axes
    section : DataArray, dims (z, x) or (z, y)
        Attenuation, air 0 and collector 1.
    surfaces : Dataset
        On that section, in m; both surfaces are one where there is no electrode.
    largest : float
        Attenuation at the end of the colours; what is brighter is grey.
    """
    along = str(section.dims[1])
    across, upward = (section[name].values / _MICROMETRE for name in (along, "z"))
    steps = [axis_spacing(section[name]) / _MICROMETRE for name in (along, "z")]
    extent = (
        across[0] - steps[0] / 2, across[-1] + steps[0] / 2, upward[0] - steps[1] / 2, upward[-1] + steps[1] / 2,
    )  # fmt: skip
    image = axes.imshow(
        section.values, origin="lower", extent=extent, cmap=attenuation_colours(), vmin=0, vmax=largest,
        interpolation="nearest",
    )  # fmt: skip
    for name, colour in (("collector_surface", "white"), ("electrode_surface", "#ff4fd8")):
        axes.plot(across, surfaces[name].values / _MICROMETRE, color=colour, lw=1)
    axes.set(xlabel=f"{along} (µm)", ylabel="z (µm)", xlim=extent[:2], ylim=extent[2:])
    return image


def draw_attenuation(axes: Axes, section: xr.DataArray, *, largest: float) -> AxesImage:
    """Draw a section from above, rows downward.

    Parameters
    ----------
    axes : Axes
    section : DataArray, dims (y, x)
        Attenuation, air 0 and collector 1.
    largest : float
    """
    (left, right, bottom, top), unit = map_extent(section)
    image = axes.imshow(
        section.values, extent=(left, right, bottom, top), cmap=attenuation_colours(), vmin=0, vmax=largest,
        interpolation="nearest",
    )  # fmt: skip
    axes.set(xlabel=f"x ({unit})", ylabel=f"y ({unit})")
    return image


def draw_thickness_histogram(axes: Axes, thickness: xr.DataArray, *, bins: int = 60) -> None:
    """Draw how thick the columns of an electrode are, with their mean and standard deviation.

    Parameters
    ----------
    axes : Axes
    thickness : DataArray, dims (y, x), in m
    bins : int
    """
    values = thickness.values[np.isfinite(thickness.values)] / _MICROMETRE
    mean, sd = float(values.mean()), float(values.std())
    axes.hist(
        values, bins, weights=np.full(values.size, 100 / values.size), color=POINT_COLOURS[0], alpha=0.75
    )
    axes.axvline(mean, color="#333333", lw=1.5, label=f"mean {mean:.2f} µm")
    axes.axvspan(mean - sd, mean + sd, color="#333333", alpha=0.12, lw=0, label=f"± sd {sd:.2f} µm")
    axes.set(xlabel="Thickness (µm)", ylabel="Columns (%)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def attenuation_colours() -> Colormap:
    """Return turbo from low (blue, lithiated) to high (red), and the collector grey."""
    return ListedColormap(colormaps["turbo"](np.linspace(0.05, 0.95, 256))).with_extremes(over="#8a8a8a")


def draw_counts(figure: Figure, counts: Counts) -> None:
    """Draw the mean of each particle, and the course of counts below surfaces and beside cracks."""
    figure.set_layout_engine("constrained")
    left, middle, right = figure.subplots(1, 3)
    _draw_means(left, counts)
    _draw_course(middle, counts.from_rim, "Depth below the surface (µm)")
    _draw_course(right, counts.from_crack, "Distance from a crack (µm)")


def _draw_means(axes: Axes, counts: Counts) -> None:
    known = [particle for particle in counts.particles if np.isfinite(particle.mean)]
    for colour, label, chosen in (
        (_EVEN, "even", [p for p in known if not p.p < _ALARM]),
        (_UNEVEN, f"uneven, p < {_ALARM:g}", [p for p in known if p.p < _ALARM]),
    ):
        if chosen:
            means = np.array([p.mean for p in chosen])
            limits = np.abs(np.array([p.interval for p in chosen]).T - means)
            places = [p.number for p in chosen]
            axes.errorbar(places, means, limits, fmt="o", ms=4, capsize=2, color=colour, label=label)
    axes.set(xlabel="Particle", ylabel="Counts in a voxel")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if known:
        axes.legend(frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_course(axes: Axes, course: Course | None, label: str) -> None:
    axes.set(xlabel=label, ylabel="Counts over the particle's mean")
    axes.spines[["top", "right"]].set_visible(False)
    if course is None:
        axes.text(0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes)
        return
    distance = course.distance * 1e6
    axes.fill_between(distance, course.low, course.high, color=_EVEN, alpha=0.25, lw=0)
    axes.plot(distance, course.mean, "o-", ms=3, color=_EVEN, label="counted")
    axes.plot(distance, course.uniform, "--", color="#555555", label="if it were uniform")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize="small")


def draw_contents(figure: Figure, contents: Contents) -> None:
    """Draw the height of the gap, and the agglomerates with their numbers, from above."""
    figure.set_layout_engine("constrained")
    left, right = figure.subplots(1, 2)
    draw_map(left, contents.gap.map, "", cmap="viridis", quantity="height of the gap")
    numbers = contents.bodies.map
    (x0, x1, y0, y1), unit = map_extent(numbers)
    shown = np.where(numbers.values > 0, (numbers.values - 1) % _COLOURS + 1, numbers.values)
    colours = ListedColormap([_EMPTY, *colormaps["tab20"].colors]).with_extremes(bad="#bbbbbb")  # type: ignore[attr-defined]
    right.imshow(
        shown, extent=(x0, x1, y0, y1), cmap=colours, vmin=-0.5, vmax=_COLOURS + 0.5, interpolation="nearest"
    )
    factor = factor_from_unit(unit, "m")
    for number, body in enumerate(contents.bodies.agglomerates, start=1):
        y, x = (place / factor for place in body.centroid[1:])
        right.text(x, y, str(number), ha="center", va="center", fontsize=8, clip_on=True)
    right.set(xlabel=f"x ({unit})", ylabel=f"y ({unit})")
    right.set_title("agglomerates" if contents.bodies.agglomerates else "no agglomerates", fontsize=10)


class Quartiles(NamedTuple):
    """A map in classes of another: middle of each class, pixels in it, and the three quartiles of the map there."""

    middle: Sequence[float]
    n: Sequence[int]
    low: Sequence[float]
    median: Sequence[float]
    high: Sequence[float]


def draw_joined(axes: Axes, course: Quartiles | None, label: str, title: str, *, factor: float = 1.0) -> None:
    """Draw D in m²/s against what a volume shows on the same pixels: medians, with quartiles as whiskers.

    Parameters
    ----------
    axes : Axes
    course : Quartiles or None
        None where no class has enough pixels.
    label, title : str
        Of the axis across, and of the map.
    factor : float
        SI value of one on that axis.
    """
    axes.set(xlabel=label, ylabel=f"{title} (m²/s)")
    axes.spines[["top", "right"]].set_visible(False)
    if course is None:
        axes.text(0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes)
        return
    median = np.array(course.median)
    whiskers = np.abs(np.array([course.low, course.high]) - median)
    axes.errorbar(
        np.array(course.middle) / factor, median, whiskers, fmt="o-", ms=4, lw=1, capsize=2, color=_EVEN
    )
    if max(course.high) > _DECADES * min(course.low):
        axes.set_yscale("log")
