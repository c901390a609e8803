"""How much of the response is in X, the lock-in's in-phase part that is evaluated (the t-ESM paper's Fig. S4).

R is never smaller than |X|, and noise alone makes it positive: R² of a sample holds the noise of X and Y on top of the
signal's, so that R is too large by half of Y's noise squared over R. That part is taken off where R is compared with X.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import pulse_labels
from napari_tesm.data.phase import (
    ComplexDisplacement,
    complex_displacement,
    in_phase_and_quadrature,
    response_axis,
)
from napari_tesm.data.protocol import Window
from napari_tesm.files.sentences import Sentence
from napari_tesm.findings.detectability import noise_of_samples

Array = NDArray[np.float64]

CLEAR: Final = 5.0
"""Samples with an R above so many times the noise are compared: below, noise decides what R is."""
_LEAST_IN_X: Final = 0.9
_MOST_SPREAD: Final = 10.0
_ROWS: Final = 1 << 22


@dataclass(frozen=True)
class PulseSignals:
    """X beside R for one pulse setting; NaN where nothing responds or no sample stands clear of the noise.

    Parameters
    ----------
    label : str
        The pulse setting.
    pixels : int
        Those that respond clearly.
    samples : int
        Of these pixels, with an R above 5 times the noise.
    correlation : float
        Pearson's, of |X| with R over these samples.
    slope : float
        Of |X| against R through the origin.
    difference : float
        Mean of ||X| − R| / R.
    in_x : float
        Part of the energy of the response H that is in X, noise taken off.
    axis : float
        Phase of the response, in degrees, from -90 to 90.
    spread : float
        Standard deviation of that phase over the pixels, beyond what noise makes, in degrees.
    """

    label: str
    pixels: int
    samples: int
    correlation: float
    slope: float
    difference: float
    in_x: float
    axis: float
    spread: float


@dataclass(frozen=True, eq=False)
class SignalCheck:
    """How the response is shared between X and Y.

    Parameters
    ----------
    pulses : tuple of PulseSignals
    noise : (float, float)
        Standard deviation of a sample of X and of Y.
    height : ComplexDisplacement
    rotation : float, optional
        The angle, in degrees, that puts most of the response into X; None where nothing responds.
    in_x, in_x_turned : float
        Part of the energy of the response that is in X, of all pulse settings: as recorded, and turned by that angle.
    warnings : list of str
    """

    pulses: tuple[PulseSignals, ...]
    noise: tuple[float, float]
    height: ComplexDisplacement
    rotation: float | None
    in_x: float
    in_x_turned: float
    warnings: list[str] = field(default_factory=list)


def check_signals(dataset: xr.Dataset, pulse: Window) -> SignalCheck:
    """Compare X with R in every pixel that responds, and say how much of the response X holds.

    Parameters
    ----------
    dataset : Dataset
        With X and Y, or X, R and phase.
    pulse : Window
        When the voltage was on.

    Raises
    ------
    ValueError
        If Y is not known, or no sample lies inside the pulse.
    """
    height = complex_displacement(dataset, pulse)
    chosen = height.responding()
    noise = _noise(dataset, pulse)
    ways = [str(way) for way in dataset["direction"].values]
    labels = pulse_labels(dataset["voltage"].values, ways)
    pulses = tuple(
        _pulse_signals(dataset, index, label, height, chosen[index], noise)
        for index, label in enumerate(labels)
    )
    rotation: float | None = None
    in_x = turned = float("nan")
    if chosen.any():
        rotation = response_axis(height)
        x, y = height.in_phase[chosen], height.quadrature[chosen]
        in_x = _share_in_x(x, y, 0.0, height.noise)
        turned = _share_in_x(x, y, rotation, height.noise)
    check = SignalCheck(pulses, noise, height, rotation, in_x, turned)
    check.warnings.extend(_warnings(check))
    return check


def corrected_amplitude(x: NDArray[np.floating], y: NDArray[np.floating], noise_of_y: float) -> Array:
    """Return R without what the noise of Y adds to it, zero where nothing is left."""
    squared = np.asarray(x, dtype=np.float64) ** 2 + np.asarray(y, dtype=np.float64) ** 2
    return np.sqrt(np.maximum(squared - (noise_of_y**2 if np.isfinite(noise_of_y) else 0.0), 0.0))


def _noise(dataset: xr.Dataset, pulse: Window) -> tuple[float, float]:
    step = max(1, dataset.sizes["y"] * dataset.sizes["x"] * dataset.sizes["time"] // _ROWS)
    x, y = in_phase_and_quadrature(dataset, pulse=-1, y=slice(None, None, step))
    time = dataset["time"].values
    return noise_of_samples(x, time, pulse), noise_of_samples(y, time, pulse)


def _pulse_signals(
    dataset: xr.Dataset,
    pulse: int,
    label: str,
    height: ComplexDisplacement,
    chosen: NDArray[np.bool_],
    noise: tuple[float, float],
) -> PulseSignals:
    nothing = float("nan")
    pixels = int(chosen.sum())
    if pixels == 0:
        return PulseSignals(label, 0, 0, nothing, nothing, nothing, nothing, nothing, nothing)
    x, y = height.in_phase[pulse][chosen], height.quadrature[pulse][chosen]
    axis = 0.5 * np.rad2deg(np.arctan2(2 * float(x @ y), float(x @ x) - float(y @ y)))
    samples, correlation, slope, difference = _sums_over_samples(dataset, pulse, chosen, noise)
    return PulseSignals(
        label, pixels, samples, correlation, slope, difference,
        _share_in_x(x, y, 0.0, height.noise), float(axis), _spread(x, y, height.noise),
    )  # fmt: skip


def _sums_over_samples(
    dataset: xr.Dataset, pulse: int, chosen: NDArray[np.bool_], noise: tuple[float, float]
) -> tuple[int, float, float, float]:
    """Return the number of clear samples, and correlation, slope and relative difference of |X| and R over them."""
    least = CLEAR * max(noise) if np.isfinite(noise).all() else 0.0
    rows = max(1, _ROWS // max(dataset.sizes["x"] * dataset.sizes["time"], 1))
    sums = np.zeros(6)
    difference = 0.0
    for first in range(0, dataset.sizes["y"], rows):
        part = slice(first, first + rows)
        if not chosen[part].any():
            continue
        x, y = (values[chosen[part]] for values in in_phase_and_quadrature(dataset, pulse=pulse, y=part))
        amplitude = corrected_amplitude(x, y, noise[1])
        clear = (amplitude > least) & (amplitude > 0)
        a, r = np.abs(x[clear]), amplitude[clear]
        sums += [a.size, a.sum(), r.sum(), a @ a, r @ r, a @ r]
        difference += float((np.abs(a - r) / r).sum())
    n, a_sum, r_sum, aa, rr, ar = sums.tolist()
    if n < 2:
        return int(n), float("nan"), float("nan"), float("nan")
    variances = (aa - a_sum * a_sum / n) * (rr - r_sum * r_sum / n)
    correlation = (ar - a_sum * r_sum / n) / np.sqrt(variances) if variances > 0 else float("nan")
    return int(n), float(correlation), float(ar / rr), difference / n


def _share_in_x(x: Array, y: Array, degrees: float, noise: float) -> float:
    """Return the part of the energy of a response that is in X, turned by an angle; noise taken off."""
    angle = np.deg2rad(degrees)
    turned = x * np.cos(angle) + y * np.sin(angle)
    off = x.size * noise**2 if np.isfinite(noise) else 0.0
    whole = float(x @ x + y @ y) - 2 * off
    return float(np.clip((float(turned @ turned) - off) / whole, 0, 1)) if whole > 0 else float("nan")


def _spread(x: Array, y: Array, noise: float) -> float:
    """Return the standard deviation of the phase in degrees; half a turn makes no difference to it."""
    size = np.hypot(x, y)
    resultant = abs(((x + 1j * y) ** 2 / size**2).mean())
    variance = max(-2 * np.log(max(resultant, 1e-12)), 0.0) / 4
    of_noise = float((noise**2 / size**2).mean()) if np.isfinite(noise) else 0.0
    return float(np.rad2deg(np.sqrt(max(variance - of_noise, 0.0))))


def _warnings(check: SignalCheck) -> list[str]:
    if check.rotation is None:
        return [
            "No pixel responds clearly in X or Y: how the response is shared between them cannot be told."
        ]
    warnings: list[str] = []
    if check.in_x < _LEAST_IN_X:
        warnings.append(
            Sentence(
                "X holds only {share:.0f} % of the energy of the response, which lies {off:.0f}° off: evaluate with "
                "{phase_rotation:auto}, where it holds {turned:.0f} %.",
                share=100 * check.in_x,
                off=check.rotation,
                turned=100 * check.in_x_turned,
            )
        )
    responding = [pulse for pulse in check.pulses if pulse.pixels]
    for pulse in responding:
        if pulse.spread > _MOST_SPREAD:
            warnings.append(
                f"The phase of the response {pulse.label} varies over the surface by ±{pulse.spread:.0f}° more than "
                "noise makes it: no single angle turns all of it into X."
            )
    axes = [pulse.axis for pulse in responding]
    apart = max((abs((a - b + 90) % 180 - 90) for a in axes for b in axes), default=0.0)
    if apart > _MOST_SPREAD:
        told = ", ".join(f"{pulse.axis:.0f}° {pulse.label}" for pulse in responding)
        warnings.append(
            f"The response lies at another phase for each pulse setting ({told}): one angle does not suit all of them."
        )
    return warnings


def traces_of_signals(
    dataset: xr.Dataset, pulse: int, row: int, column: int, *, noise_of_y: float = float("nan")
) -> dict[str, Array]:
    """Return the traces of one pixel by lock-in signal: X, Y and R in their unit, the phase in degrees.

    R is without what the noise of Y adds; the phase is from -180 to 180.
    """
    x, y = in_phase_and_quadrature(dataset, pulse=pulse, y=row, x=column)
    return {
        "X": x,
        "Y": y,
        "R": corrected_amplitude(x, y, noise_of_y),
        "phase": np.rad2deg(np.arctan2(y, x)),
    }
