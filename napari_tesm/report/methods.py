"""How the numbers of a report were made, in words: parameters, versions, input files; and what to beware of."""

import platform
from importlib import metadata
from typing import Final

import numpy as np

from napari_tesm.data.maps import JOINT, words_of_fit
from napari_tesm.data.protocol import Length
from napari_tesm.evaluation.recipe import OF_NOISE, Recipe
from napari_tesm.evaluation.settings import Settings
from napari_tesm.files.sentences import Sentence
from napari_tesm.physics.pulse_height import height_at_pulse_end
from napari_tesm.physics.tip_radius import systematic_intervals
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.version import __version__

_PACKAGES: Final = ("numpy", "scipy", "xarray", "matplotlib", "scikit-image", "gwyfile")
_SELECTED: Final = (1e-15, 1e-14, 1e-13, 1e-12, 1e-11)
"""Values of D in m²/s for which the height of a pulse is said."""
_MAXIMA: Final = {
    "robust": "the largest |H| that three neighbouring pixels reach and that is not confined to one scan line",
    "max": "the largest |H| of the map",
    "p99": "the 99th percentile of |H|",
}


def versions() -> dict[str, str]:
    """Return the versions of everything that has a say in the numbers."""
    return {
        "napari-tesm": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in _PACKAGES},
    }


def methods_from_data(data: ReportData) -> list[str]:
    """Return the methods in paragraphs of plain text, every parameter named."""
    paragraphs = [_about_scan(scan) for scan in (*data.scans, *data.controls)]
    fitted = next((scan for scan in (*data.scans, *data.controls) if scan.settings is not None), None)
    if fitted is not None:
        assert fitted.settings is not None
        paragraphs += [_about_height(data.recipe, fitted.settings), _about_fit(fitted.settings, data.recipe)]
    elif any(scan.maps_from_file for scan in data.scans):
        main = data.main
        paragraphs.append(f"The maps are those of an earlier fit; its recipe: {main.recipe.to_json()}")
    paragraphs.append(
        "Tests and intervals that hold pixels against each other count as many independent pixels as the likeness of "
        "neighbours leaves (Bayley and Hammersley 1946). Random draws start from fixed seeds."
    )
    listed = ", ".join(f"{name} {version}" for name, version in versions().items())
    paragraphs.append(f"Made with {listed}.")
    return paragraphs


def _factors(radius: float, error: float) -> str:
    """Return between what parts of itself D lies, for a normal error of the radius."""
    intervals = systematic_intervals(1.0, radius, error)
    return ", ".join(
        f"{low:.2f} to {high:.2f} of it with {level} %" for level, (low, high) in intervals.items()
    )


def _warning_about(length: Length) -> str:
    """Return what the length l of D leaves unknown of every D."""
    radius = text_from_quantity(length.value, "m", digits=3)
    if length.error is None:
        return (
            f"The {length.name}, {radius}, has no error: D is proportional to its square, so that "
            f"{text_from_quantity(0.2 * length.value, 'm', digits=2)} more or less would move every D by 40 %. That "
            "uncertainty is in none of the numbers below."
        )
    return (
        f"Every D shares the error of the {length.name}, {radius} ± "
        f"{text_from_quantity(length.error, 'm', digits=2)}: {_factors(length.value, length.error)}, common to all "
        "pixels. The errors given below come on top of it."
    )


def warnings_about(data: ReportData) -> list[str]:
    """Return what has to be known before any number of the report is read."""
    warnings: list[str] = []
    with_maps = [scan for scan in data.scans if scan.maps is not None]
    fitted = [scan for scan in with_maps if scan.settings is not None]
    lengths = {scan.settings.length for scan in fitted if scan.settings is not None}
    if None in lengths:
        warnings.append(
            Sentence(
                "No tip radius is known: there are maps of tau but none of D. Give it, for example "
                "{tip_radius:25nm±5nm}."
            )
        )
    known = sorted((length for length in lengths if length is not None), key=lambda length: length.value)
    warnings += [_warning_about(length) for length in known]
    if len(lengths) > 1:
        warnings.append("The scans were made with different radii: their D share no common error.")
    if any({"D1", "D2"} <= set(scan.maps or ()) for scan in with_maps):
        warnings.append(
            "D1 and D2 are what the paper's recipe makes of a trace: one exponential for each window. Pure diffusion "
            "with a single D gives D2 above D1, too, and squeezes the range of D; compare with the null curve before "
            "reading a difference between D1 and D2 as migration."
        )
    if any(scan.maps_from_file for scan in data.scans):
        warnings.append("Maps of an earlier fit were taken as they are: their traces are not in the file.")
    if proposed := [scan.name for scan in with_maps if scan.regions_proposed]:
        who = "" if len(proposed) == len(with_maps) else f"{', '.join(proposed)}: "
        warnings.append(
            f"{who}Nobody drew regions: the steps were proposed from topography and "
            "deflection error by the program. Look at them, and draw your own where they are wrong."
        )
    # Of a series, points are shown of the scan that the curves are of.
    if with_maps and data.main.points_chosen:
        warnings.append("Nobody pinned points: the positions of the curves were chosen by the program.")
    return warnings


def _about_scan(scan: ReportScan) -> str:
    if scan.is_empty:
        return f"{scan.name}: nothing in the file {scan.file.name} lies on a grid."
    height, width = scan.y.size, scan.x.size
    dy, dx = scan.spacing
    unit = scan.lateral_unit
    size = f"{text_from_quantity(width * dx, unit, digits=3)} × {text_from_quantity(height * dy, unit, digits=3)}"
    words = f"{scan.name} ({scan.file.name}): {width} × {height} pixels, {size}"
    voltages = [text_from_quantity(float(volts), "V") for volts in scan.voltages if np.isfinite(volts)]
    if voltages:
        words += f"; pulses of {', '.join(voltages)}"
    if scan.dataset is not None:
        time = scan.dataset["time"].values
        words += (
            f"; {time.size} samples from {text_from_quantity(float(time[0]), 's', digits=3)} to "
            f"{text_from_quantity(float(time[-1]), 's', digits=3)}, counted from the start of the pulse"
        )
    if scan.settings is not None:
        protocol = scan.settings.protocol
        for name, value, its_unit in (
            ("pulse duration", protocol.pulse_duration, "s"),
            ("ac amplitude", protocol.ac_amplitude, "V"),
            ("ac frequency", protocol.ac_frequency, "Hz"),
            ("lock-in time constant", protocol.lock_in_time_constant, "s"),
        ):
            words += f"; {name} {'not known' if value is None else text_from_quantity(value, its_unit)}"
    return f"{words}."


def _words_of_threshold(recipe: Recipe) -> str:
    if recipe.threshold_of == OF_NOISE:
        return f"{recipe.threshold:g} standard errors of the pixel's own H in the noise as it was measured"
    return f"{100 * recipe.threshold:g} % of the map's maximum, {_MAXIMA[recipe.threshold_of]}"


def _about_height(recipe: Recipe, settings: Settings) -> str:
    words = (
        "H, the displacement by the pulse, is the mean of the last 5 % of the pulse's samples less the mean of the "
        "samples before the pulse (the level of a fit to the pulse where there are none), with its sign. Pixels are "
        "fitted where |H| "
        f"is at least {_words_of_threshold(recipe)}, and where the window is described better than by a constant "
        f"(p < {recipe.response_level:g}: in white noise the F-test, else draws of the noise as it was measured)."
    )
    return words if recipe.threshold_of == OF_NOISE else f"{words} {_about_selection(settings)}"


def _about_selection(settings: Settings) -> str:
    """Return what a share of the maximum does to a map of D, for the length and the pulse of a scan."""
    words = "A share of the map's maximum selects by D, too"
    if settings.length is None or settings.protocol.pulse_duration is None:
        return f"{words}: how far a pixel gets in a pulse depends on its D (docs/kernels.md)."
    heights = {
        name: ", ".join(
            f"{height_at_pulse_end(name, value, settings.length.value, settings.protocol.pulse_duration):.2g}"
            for value in _SELECTED
        )
        for name in ("flux-pulse", "clamped")
    }
    return (
        f"{words}: where the pulse brings in as many ions everywhere, H at its end is {heights['flux-pulse']} of what "
        f"it would be without diffusion for D = 1e-15, 1e-14 … 1e-11 m²/s, and fast pixels are lost beside slow ones; "
        f"where it holds the concentration under the tip, H is {heights['clamped']} of its final value, and slow ones "
        "are. A threshold of some standard errors of H, 5sigma, goes by the noise alone."
    )


def _about_fit(settings: Settings, recipe: Recipe) -> str:
    windows = "; ".join(f"{words_of_fit(number)}: {window}" for number, window in settings.windows.items())
    how = (
        f"Pulse and relaxation were fitted together by the kernel '{recipe.kernel}'"
        if JOINT in settings.windows
        else f"Each window was fitted by itself by a·f(t/tau) + c with the kernel '{recipe.kernel}'"
    )
    words = f"{how} ({windows}), by least squares."
    if settings.protocol.lock_in_time_constant:
        constant = text_from_quantity(settings.protocol.lock_in_time_constant, "s")
        words += f" The kernel is convolved with the lock-in's low-pass filter (time constant {constant})."
    if settings.skip:
        words += f" Samples within {text_from_quantity(settings.skip, 's')} after an edge were left out."
    bounds = (
        "a hundredth of the window to ten windows"
        if recipe.tau_bounds is None
        else " to ".join(text_from_quantity(bound, "s", digits=3) for bound in recipe.tau_bounds)
    )
    words += (
        f" tau was searched from {bounds}; where it ran to a bound, or its logarithm has a standard error above "
        f"{recipe.max_log_tau_error:g}, the pixel is unresolved and left blank."
    )
    length = settings.length
    if length is None:
        return f"{words} Without a tip radius there is no D."
    error = "not known" if length.error is None else text_from_quantity(length.error, "m")
    words += (
        f" D = {settings.geometry}, the length l being the {length.name}, "
        f"{text_from_quantity(length.value, 'm')} (standard error {error})."
    )
    tip = settings.protocol.tip_radius
    if length.field == "contact_radius" and tip is not None:
        words += f" The tip radius, {text_from_quantity(tip, 'm')}, has no part in it."
    return words
