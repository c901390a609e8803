"""Figures of electrode volumes: attenuation against the distance from the collector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from napari_tesm.plotting.theme import LIGHT, POINT_COLOURS, PlotTheme
from napari_tesm.volumes.profile import Profile

_MICROMETRE: Final = 1e-6


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
