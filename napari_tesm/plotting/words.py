"""What a fit says, in words: numbers as physicists write them, or why there are none."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.displacement import (
    BELOW_THRESHOLD,
    INVALID,
    NO_RESPONSE,
    OK,
    UNRESOLVED_FAST,
    UNRESOLVED_SLOW,
)
from napari_tesm.data.maps import MAP_KINDS, map_name, words_of_fit
from napari_tesm.data.protocol import sampling_interval
from napari_tesm.fitting.fit import FEWEST_SAMPLES
from napari_tesm.kernels.two_parameters import SHAPE_KERNELS
from napari_tesm.quantities.text import text_from_quantity, text_with_error

_SMALL_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class FitNumbers(Protocol):
    """What a sentence needs to know of a fit; in s and m²/s, NaN where unknown.

    Attributes
    ----------
    number : int
        Of the window.
    time : ndarray
        The window's samples.
    """

    @property
    def number(self) -> int: ...  # noqa: D102
    @property
    def time(self) -> NDArray[Any]: ...  # noqa: D102
    @property
    def tau(self) -> float: ...  # noqa: D102
    @property
    def tau_error(self) -> float: ...  # noqa: D102
    @property
    def D(self) -> float: ...  # noqa: D102
    @property
    def D_error(self) -> float: ...  # noqa: D102
    @property
    def status(self) -> int: ...  # noqa: D102
    @property
    def extra(self) -> Mapping[str, tuple[float, float]]: ...  # noqa: D102


def sentence_from_fit(fit: FitNumbers) -> str:
    """Return the numbers of one window's fit as a short sentence, or what can be said instead of them.

    What a record cannot tell is given as a bound where the fit has a tau and a D to take it from: their product does
    not depend on either.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> fit = SimpleNamespace(
    ...     number=1,
    ...     time=np.arange(100) * 1e-4,
    ...     tau=1.42e-3,
    ...     tau_error=6e-5,
    ...     D=4.4e-13,
    ...     D_error=2e-14,
    ...     status=0,
    ...     extra={},
    ... )
    >>> sentence_from_fit(fit)
    'τ1 1.42(6) ms, D1 4.40(20)×10⁻¹³ m²/s'
    """
    n = fit.number
    where = words_of_fit(n)
    if fit.status == OK:
        words = f"{_tau(n)} {text_with_error(fit.tau, fit.tau_error, 's')}"
        for name, (value, error) in fit.extra.items():
            kind = MAP_KINDS[map_name(name, n)]
            words += f", {kind.title.replace('tau', 'τ')} {text_with_error(value, error, kind.unit)}"
        if not math.isfinite(fit.D):
            return words
        return f"{words}, {map_name('D', n)} {text_with_error(fit.D, fit.D_error, 'm²/s')}"
    if fit.status == INVALID:
        fewest = SHAPE_KERNELS["stretched"].fewest_samples if fit.extra else FEWEST_SAMPLES
        return f"{where}: fewer than {_SMALL_NUMBERS[fewest]} samples, or all of them alike"
    if fit.status == NO_RESPONSE:
        return f"{where}: no response, a constant describes it as well"
    if fit.status == BELOW_THRESHOLD:
        return f"{where}: |H| below the threshold"
    if fit.status == UNRESOLVED_SLOW:
        return _words_of_slow(fit)
    if fit.status == UNRESOLVED_FAST:
        return _words_of_fast(fit)
    raise ValueError(f"{fit.status} is no status of a fit")


def sentence_from_status(status: int, window: int) -> str:
    """Return what a status alone says of a window, for places where no fit is at hand.

    Examples
    --------
    >>> sentence_from_status(1, 2)
    'window 2: |H| below the threshold'
    """
    if status == OK:
        return f"{words_of_fit(window)}: fitted"
    unknown = math.nan
    return sentence_from_fit(_Numbers(window, np.zeros(0), unknown, unknown, unknown, unknown, status))


def words_of_limits(low: float, high: float, unit: str = "") -> str:
    """Return an interval with two digits, the unit once where both ends have the same.

    Examples
    --------
    >>> words_of_limits(3.91e-13, 5.04e-13)
    '3.9×10⁻¹³ … 5×10⁻¹³'
    """
    below, above = (text_with_error(float(f"{one:.1e}"), math.nan, unit) for one in (low, high))
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


class _Numbers:
    def __init__(
        self,
        number: int,
        time: NDArray[Any],
        tau: float,
        tau_error: float,
        D: float,
        D_error: float,
        status: int,
    ) -> None:
        self.number, self.time, self.status = number, time, status
        self.tau, self.tau_error, self.D, self.D_error = tau, tau_error, D, D_error
        self.extra: dict[str, tuple[float, float]] = {}


def _tau(number: int) -> str:
    return map_name("tau", number).replace("tau", "τ")


def _words_of_slow(fit: FitNumbers) -> str:
    """Say what slow means: beyond two windows a time constant is lost even without much noise."""
    n, length = fit.number, float(np.ptp(fit.time)) if fit.time.size else math.nan
    if math.isfinite(fit.tau) and math.isfinite(length) and fit.tau < 2 * length:
        return (
            f"{_tau(n)} near {text_from_quantity(fit.tau, 's', digits=2)}, too slow for this window and this noise: "
            f"{_lost(fit, 'its value')}"
        )
    bound = _diffusion_at(fit, 2 * length)
    what = "it" if bound is None else f"{map_name('D', n)} below {bound}"
    return f"{_tau(n)} > 2 windows: {what} cannot be told from this record"


def _words_of_fast(fit: FitNumbers) -> str:
    n = fit.number
    interval = sampling_interval(np.asarray(fit.time, dtype=np.float64)) if fit.time.size > 1 else math.nan
    if math.isfinite(fit.tau) and math.isfinite(interval) and fit.tau > 2 * interval:
        return (
            f"{_tau(n)} near {text_from_quantity(fit.tau, 's', digits=2)}, uncertain by more than half: "
            f"{_lost(fit, 'its value')}"
        )
    bound = _diffusion_at(fit, interval)
    what = "it" if bound is None else f"{map_name('D', n)} above {bound}"
    return f"{_tau(n)} faster than the sampling: {what} cannot be told from this record"


def _lost(fit: FitNumbers, otherwise: str) -> str:
    what = map_name("D", fit.number) if math.isfinite(fit.D) else otherwise
    return f"{what} cannot be told from this record"


def _diffusion_at(fit: FitNumbers, tau: float) -> str | None:
    """Return D, to one digit, that the fit would have with another tau; None where the length is not known."""
    value = fit.D * fit.tau / tau if tau > 0 else math.nan
    return text_with_error(float(f"{value:.0e}"), math.nan, "m²/s") if math.isfinite(value) else None
