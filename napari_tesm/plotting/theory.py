"""The figure of ``tesm theory``: what a tip and the bulk methods record of one material."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter
from numpy.typing import NDArray

from napari_tesm.physics.bulk_methods import Film, MethodResult, impedance, pulse_potential, titration_current
from napari_tesm.physics.tip import (
    TipContact,
    resolution_from_frequency,
    response_from_frequency,
    response_from_time,
)
from napari_tesm.quantities.text import prefix_for, text_from_quantity, text_with_error

Array = NDArray[np.float64]

_RECORD: Final[dict[str, Any]] = {"color": "#8c8c8c", "marker": ".", "markersize": 3, "linestyle": "none"}
_MODEL: Final[dict[str, Any]] = {"color": "#b2182b", "linewidth": 1.4}
_RADII: Final = (5e-9, 10e-9, 25e-9, 50e-9)


def theory_figure(
    results: list[MethodResult], film: Film, contact: TipContact, *, pulse: float, gitt_pulse: float
) -> Figure:
    """Return a figure with each method's record, the curve without noise, the D taken from it, and the resolution.

    Parameters
    ----------
    results : list of MethodResult
        From `napari_tesm.physics.bulk_methods.compared_methods`.
    film, contact : Film, TipContact
    pulse, gitt_pulse : float
        Of ESM and of GITT, in s.
    """
    figure = Figure(figsize=(12.5, 7), layout="constrained", dpi=110)
    axes = figure.subplots(2, 3).ravel()
    by_name = {result.name: result for result in results}
    result = by_name["ESM, time"]
    fine = np.linspace(0, result.where[-1], 400)
    _in_time(
        axes[0], result, fine, response_from_time(fine, contact, pulse=pulse) / contact.scale, contact.scale
    )
    axes[0].set_ylabel(r"displacement / $(1+\nu)\beta c_0 R_0$")
    _spectrum(axes[1], by_name["ESM, frequency"], contact)
    _resolution(axes[2], contact, by_name["ESM, frequency"].where)
    result = by_name["PITT"]
    unit = prefix_for(float(titration_current(result.where[len(result.where) // 100], film)), "A")
    _in_time(axes[3], result, result.where, titration_current(result.where, film) / unit[0], unit[0])
    axes[3].set_ylabel(f"current ({unit[1]})")
    axes[3].set_yscale("log")
    # Noise about zero has no place on such an axis; the curve has.
    axes[3].set_ylim(float(titration_current(result.where[-1:], film)[0]) / unit[0] / 3, None)
    result = by_name["GITT"]
    potential = pulse_potential(result.where, film, pulse=gitt_pulse)
    unit = prefix_for(potential, "V")
    _in_time(axes[4], result, result.where, potential / unit[0], unit[0])
    axes[4].set_ylabel(f"potential ({unit[1]})")
    _nyquist(axes[5], by_name["EIS"], film)
    return figure


def _title(axes: Axes, result: MethodResult) -> None:
    axes.set_title(
        f"{result.name}: D = {text_with_error(result.diffusion, result.error, 'm²/s')}", fontsize=10
    )


def _in_time(axes: Axes, result: MethodResult, time: Array, curve: Array, scale: float) -> None:
    factor, unit = prefix_for(result.where, "s")
    axes.plot(result.where / factor, np.real(result.signal) / scale, **_RECORD)
    axes.plot(time / factor, curve, **_MODEL)
    axes.set_xlabel(f"time ({unit})")
    _title(axes, result)


def _spectrum(axes: Axes, result: MethodResult, contact: TipContact) -> None:
    size = np.abs(result.signal) / contact.scale
    axes.loglog(result.where, size, **_RECORD)
    smooth = np.geomspace(result.where[0], result.where[-1], 200)
    response = response_from_frequency(smooth, contact)
    axes.loglog(smooth, np.abs(response) / contact.scale, **_MODEL)
    axes.set_xlabel("frequency (Hz)")
    axes.set_ylabel(r"amplitude / $(1+\nu)\beta c_0 R_0$")
    phases = axes.twinx()
    phases.plot(smooth, np.angle(response, deg=True), color="#2166ac", linewidth=1.2, linestyle="--")
    phases.set_ylim(-95, 5)
    phases.set_yticks([0, -45, -90])
    phases.set_ylabel("phase (°), dashed", color="#2166ac")
    _title(axes, result)


def _resolution(axes: Axes, contact: TipContact, frequencies: Array) -> None:
    where = np.geomspace(frequencies[0], frequencies[-1], 25)
    radii = sorted({*_RADII, contact.tip_radius})
    for number, radius in enumerate(radii):
        tip = replace(contact, tip_radius=radius)
        sizes = [resolution_from_frequency(float(frequency), tip) * 1e9 for frequency in where]
        mine = radius == contact.tip_radius
        colour = _MODEL["color"] if mine else str(0.65 - 0.5 * number / len(radii))
        axes.loglog(where, sizes, color=colour, linewidth=1.8 if mine else 1.0)
        label = rf"$R_0$ = {text_from_quantity(radius, 'm', digits=3)}"
        axes.annotate(
            label, (where[0], sizes[0]), (2, 3), textcoords="offset points", fontsize=8, color=colour
        )
    axes.axhline(10, color="black", linewidth=0.8, linestyle=":")
    axes.set_ylim(min(radii) * 1e9, max(radii) * 2.2e9)
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("frequency (Hz)")
    axes.set_ylabel("resolved half-period (nm)")
    axes.set_title("resolution of ESM (contrast 1/2)", fontsize=10)


def _nyquist(axes: Axes, result: MethodResult, film: Film) -> None:
    # What lies far up the capacitive branch would leave nothing of Warburg's line.
    seen = -np.imag(result.signal) < 2.5 * np.real(result.signal).max()
    factor, unit = prefix_for(np.abs(result.signal[seen]), "Ω")
    axes.plot(np.real(result.signal[seen]) / factor, -np.imag(result.signal[seen]) / factor, **_RECORD)
    smooth = impedance(np.geomspace(result.where[seen].min(), result.where[-1], 300), film)
    axes.plot(smooth.real / factor, -smooth.imag / factor, **_MODEL)
    axes.set_xlabel(f"Re Z ({unit})")
    axes.set_ylabel(f"−Im Z ({unit})")
    axes.set_xlim(0, None)
    axes.set_ylim(0, None)
    axes.set_aspect("equal")
    _title(axes, result)
