"""What a fit says, in words: numbers as physicists write them, or why there are none."""

import math

import numpy as np

from napari_tesm.data.maps import MAP_KINDS, map_name, words_of_fit
from napari_tesm.data.protocol import sampling_interval
from napari_tesm.evaluation.fits import FittedWindow
from napari_tesm.fitting import FEWEST_SAMPLES
from napari_tesm.kernels.two_parameters import SHAPE_KERNELS
from napari_tesm.quantities.status import (
    BELOW_THRESHOLD,
    INCONSISTENT,
    INVALID,
    NO_RESPONSE,
    OK,
    UNRESOLVED_FAST,
    UNRESOLVED_SLOW,
)
from napari_tesm.quantities.text import text_from_quantity, text_with_error

_OF_SHAPES = ("beta", "tau_slow", "exponent", "share", "tau_mean")
_SMALL_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def sentence_from_fit(fit: FittedWindow) -> str:
    """Return the numbers of one window's fit as a short sentence, or what can be said instead of them.

    What a record cannot tell is given as a bound where the fit has a tau and a D to take it from: their product does
    not depend on either.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> fit = SimpleNamespace(
    ...     number=1,
    ...     time=np.arange(100) * 1e-4,
    ...     values={"tau": 1.42e-3, "tau_stderr": 6e-5, "D": 4.4e-13, "D_stderr": 2e-14},
    ...     status=0,
    ... )
    >>> sentence_from_fit(fit)
    'τ1 1.42(6) ms, D1 4.40(20)×10⁻¹³ m²/s'
    """
    n, values = fit.number, fit.values
    where = words_of_fit(n)
    shape = [name for name in _OF_SHAPES if name in values]
    if fit.status == OK:
        words = f"{_tau(n)} {text_with_error(values['tau'], values['tau_stderr'], 's')}"
        for name in shape:
            kind = MAP_KINDS[map_name(name, n)]
            number = text_with_error(values[name], values[f"{name}_stderr"], kind.unit)
            words += f", {kind.title.replace('tau', 'τ')} {number}"
        if not math.isfinite(values["D"]):
            return words
        return f"{words}, {map_name('D', n)} {text_with_error(values['D'], values['D_stderr'], 'm²/s')}"
    if fit.status == INVALID:
        fewest = SHAPE_KERNELS["stretched"].fewest_samples if shape else FEWEST_SAMPLES
        return f"{where}: fewer than {_SMALL_NUMBERS[fewest]} samples, or all of them alike"
    if fit.status == NO_RESPONSE:
        return f"{where}: no response, a constant describes it as well"
    if fit.status == BELOW_THRESHOLD:
        return f"{where}: |H| below the threshold"
    if fit.status == INCONSISTENT:
        return f"{where}: its sign contradicts H, the other window or the map"
    tau = values["tau"]
    if fit.status == UNRESOLVED_SLOW:
        # Beyond two windows a time constant is lost even without much noise.
        longest = 2 * float(np.ptp(fit.time)) if fit.time.size else math.nan
        near = "too slow for this window and this noise" if tau < longest else ""
        return _words_of_unresolved(fit, near, "> 2 windows", "below", longest)
    if fit.status == UNRESOLVED_FAST:
        interval = (
            sampling_interval(np.asarray(fit.time, dtype=np.float64)) if fit.time.size > 1 else math.nan
        )
        near = "uncertain by more than half" if tau > 2 * interval else ""
        return _words_of_unresolved(fit, near, "faster than the sampling", "above", interval)
    raise ValueError(f"{fit.status} is no status of a fit")


def words_of_limits(low: float, high: float, unit: str = "") -> str:
    """Return an interval with two digits, the unit once where both ends have the same.

    Examples
    --------
    >>> words_of_limits(3.91e-13, 5.04e-13)
    '3.9×10⁻¹³ … 5×10⁻¹³'
    """
    below, above = (text_with_error(float(f"{limit:.1e}"), math.nan, unit) for limit in (low, high))
    number, _, shown = below.rpartition(" ")
    return f"{number if number and above.endswith(f' {shown}') else below} … {above}"


def sentence_from_limits(name: str, low: float, high: float, unit: str) -> str:
    """Return the limits that hold a quantity with 95 %, as a few words; empty where the data set none.

    Examples
    --------
    >>> sentence_from_limits("D1", 3.91e-13, 5.04e-13, "m²/s")
    'D1 3.9×10⁻¹³ … 5×10⁻¹³ m²/s (95 %)'
    >>> sentence_from_limits("D1", math.nan, 2.13e-14, "m²/s")
    'D1 below 2.1×10⁻¹⁴ m²/s (95 %)'
    """
    if math.isfinite(low) and math.isfinite(high):
        return f"{name} {words_of_limits(low, high, unit)} (95 %)"
    where, limit = ("below", high) if math.isfinite(high) else ("above", low)
    if not math.isfinite(limit):
        return ""
    return f"{name} {where} {text_with_error(float(f'{limit:.1e}'), math.nan, unit)} (95 %)"


def sentence_from_limits_of_fit(fit: FittedWindow) -> str:
    """Return what the data say with 95 %, of D where the radius is known; empty where nobody asked or they do not."""
    for quantity, unit in (("D", "m²/s"), ("tau", "s")):
        limits = [fit.values.get(f"{quantity}_{side}", math.nan) for side in ("lower", "upper")]
        if np.isfinite(limits).any():
            name = map_name(quantity, fit.number).replace("tau", "τ")
            return sentence_from_limits(name, limits[0], limits[1], unit)
    return ""


def _tau(number: int) -> str:
    return map_name("tau", number).replace("tau", "τ")


def _words_of_unresolved(fit: FittedWindow, near: str, beyond: str, side: str, limit: float) -> str:
    """Say what is lost: a value where the fit is near one, else all D on one side of that of the limiting tau."""
    what = map_name("D", fit.number)
    if near:
        words = f"near {text_from_quantity(fit.values['tau'], 's', digits=2)}, {near}"
        what = what if math.isfinite(fit.values["D"]) else "its value"
    else:
        words, bound = beyond, _diffusion_at(fit, limit)
        what = "it" if bound is None else f"{what} {side} {bound}"
    return f"{_tau(fit.number)} {words}: {what} cannot be told from this record"


def _diffusion_at(fit: FittedWindow, tau: float) -> str | None:
    """Return D, to one digit, that the fit would have with another tau; None where the length is not known."""
    value = fit.values["D"] * fit.values["tau"] / tau if tau > 0 else math.nan
    return text_with_error(float(f"{value:.0e}"), math.nan, "m²/s") if math.isfinite(value) else None
