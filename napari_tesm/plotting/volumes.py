"""Figures of electrode volumes: sections with their surfaces, attenuation against distance, thickness of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from napari_tesm.plotting.theme import LIGHT, POINT_COLOURS, PlotTheme
from napari_tesm.volumes.profile import Profile
from napari_tesm.volumes.thickness import Thickness

_MICROMETRE: Final = 1e-6
_LABELLED: Final = 8
"""Bars whose names are written upright at most."""


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


def draw_thickness_bars(
    axes: Axes, names: Sequence[str], thicknesses: Sequence[Thickness | None], *, theme: PlotTheme = LIGHT
) -> None:
    """Draw the mean thickness of states as bars: wide whiskers are heterogeneity, the thick part the mean's error.

    Parameters
    ----------
    axes : Axes
    names : sequence of str
    thicknesses : sequence of Thickness or None
        None where it is not known.
    theme : PlotTheme
    """
    for place, thickness in enumerate(thicknesses):
        if thickness is None:
            axes.text(place, 0, "?", ha="center", va="bottom", color=theme.muted, fontsize=theme.font_size)
            continue
        mean, sd, error = (
            value / _MICROMETRE for value in (thickness.mean, thickness.sd, thickness.mean_error)
        )
        axes.bar(place, mean, 0.6, color=POINT_COLOURS[place % len(POINT_COLOURS)], alpha=0.8)
        axes.errorbar(place, mean, sd, color=theme.foreground, capsize=5, lw=1)
        axes.errorbar(place, mean, error, color=theme.foreground, lw=3.5)
    turned = len(names) > _LABELLED or max(map(len, names), default=0) * len(names) > 48
    axes.set_xticks(
        range(len(names)), names, rotation=25 if turned else 0, ha="right" if turned else "center"
    )
    axes.set(ylabel="Thickness (µm)", xlim=(-0.6, max(len(names), 2) - 0.4))
    axes.set_ylim(bottom=0)
