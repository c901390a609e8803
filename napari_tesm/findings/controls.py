"""What a control says: that nothing responds, and how sure that is, or how weakly something does.

The t-ESM paper's controls are a silicon wafer, PEEK and a fresh electrode, of which it says "only noise", and graphite
and carbon black, which respond a few times less than the electrode (Figs. 2, 3, S2, S3).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import words_of_fit
from napari_tesm.quantities.numbers import counted
from napari_tesm.quantities.status import OK
from napari_tesm.quantities.text import prefix_for, text_from_quantity
from napari_tesm.statistics.independence import independent_samples
from napari_tesm.statistics.ratios import AS_ONE_REGION, SignalRatio, signal_ratio

Verdict = Literal["no response", "shift", "response"]

CONFIDENCE: Final = 0.95
_UNLIKELY: Final = 0.01
_LEVEL_HOLDS: Final = 3.0
"""Factor within which the gate holds its level in noise that is measured: of pure noise behind a lock-in 0.05 to 0.29 %
pass at 0.1 % (15 maps of 4096 pixels, 0.1 and 0.3 ms, one and four stages), most of them unresolved."""
_HOT: Final = 20.0
_SPREAD_OF_MEDIAN: Final = 1.4826
_MEDIAN_OF_NOISE: Final = 0.6744897501960817
"""Median of the size of a normal deviate."""


@dataclass(frozen=True)
class AcceptedShare:
    """How many pixels passed all gates of a fit.

    Parameters
    ----------
    fit : int
        Number of the window, or `napari_tesm.data.maps.JOINT`.
    accepted, pixels : int
    low, high : float
        Limits of the share, of 95 % each on its side (Clopper and Pearson 1934).
    chance : float
        Probability that as many or more pass where nothing responds.
    """

    fit: int
    accepted: int
    pixels: int
    low: float
    high: float
    chance: float

    @property
    def share(self) -> float:
        """Accepted of all pixels; NaN where there are none."""
        return self.accepted / self.pixels if self.pixels else float("nan")


@dataclass(frozen=True)
class ControlResponse:
    """What one pulse setting of a control comes to.

    Parameters
    ----------
    pixels : int
        With an H.
    mean, low, high : float
        Of H, in its unit, with the 95 % interval that counts independent pixels; NaN where there are too few.
    independent : float
    shares : tuple of AcceptedShare
        One for each fit.
    hot : int
        Pixels further than 20 spreads from the median, which are left out of the mean.
    """

    pixels: int
    mean: float
    low: float
    high: float
    independent: float
    shares: tuple[AcceptedShare, ...]
    hot: int = 0

    @property
    def verdict(self) -> Verdict:
        """Whether more pixels passed than chance lets pass, else whether all of them together moved."""
        if any(share.chance < _UNLIKELY for share in self.shares):
            return "response"
        return "shift" if self.low > 0 or self.high < 0 else "no response"

    @property
    def masked(self) -> bool:
        """Whether not one pixel has a D."""
        return all(share.accepted == 0 for share in self.shares)


def response_of_control(
    displacement: NDArray[np.floating],
    status: Mapping[int, NDArray[np.integer]],
    *,
    response_level: float = 0.001,
) -> ControlResponse:
    """Return whether a control responds, and to what level that is known.

    Parameters
    ----------
    displacement : ndarray, shape (y, x)
        H.
    status : mapping of int to ndarray of shape (y, x)
        Status of each fit by its number, as `napari_tesm.evaluation.pipeline.run` gives it.
    response_level : float
        Of the recipe: the share of the pixels that noise alone may let pass.

    Raises
    ------
    ValueError
        If the maps differ in size, or there is no H.
    """
    from scipy.stats import t

    height = np.asarray(displacement, dtype=np.float64)
    if any(np.shape(values) != height.shape for values in status.values()):
        raise ValueError("the maps of the control differ in size")
    good = np.isfinite(height)
    if not good.any():
        raise ValueError("no pixel of the control has an H: there is nothing to judge")
    away = np.abs(height - np.median(height[good]))
    spread = _SPREAD_OF_MEDIAN * float(np.median(away[good]))
    hot = good & (away > _HOT * spread) if spread > 0 else np.zeros_like(good)
    good &= ~hot
    n = int(good.sum())
    independent = independent_samples(np.where(good, height, np.nan), good)[0]
    mean = float(height[good].mean())
    reach = float("nan")
    if n > 1 and independent > 1:
        error = float(height[good].std(ddof=1)) / np.sqrt(independent)
        reach = float(t.ppf((1 + CONFIDENCE) / 2, independent - 1)) * error
    shares = tuple(
        accepted_share(number, int((values == OK).sum()), values.size, response_level=response_level)
        for number, values in status.items()
    )
    return ControlResponse(n, mean, mean - reach, mean + reach, independent, shares, int(hot.sum()))


def accepted_share(fit: int, accepted: int, pixels: int, *, response_level: float = 0.001) -> AcceptedShare:
    """Return the share of accepted pixels with its limits.

    Examples
    --------
    >>> round(accepted_share(1, 0, 4096).high, 5)
    0.00073

    Raises
    ------
    ValueError
        If more pixels are accepted than there are.
    """
    from scipy.stats import beta, binom

    if not 0 <= accepted <= pixels:
        raise ValueError(f"{accepted} of {pixels} pixels cannot have been accepted")
    low = float(beta.ppf(1 - CONFIDENCE, accepted, pixels - accepted + 1)) if accepted else 0.0
    high = float(beta.ppf(CONFIDENCE, accepted + 1, pixels - accepted)) if accepted < pixels else 1.0
    chance = float(binom.sf(accepted - 1, pixels, response_level)) if pixels else 1.0
    return AcceptedShare(fit, accepted, pixels, low, high, chance)


@dataclass(frozen=True)
class WeakResponse:
    """A measurement beside a control.

    Parameters
    ----------
    ratio : SignalRatio
        Median |H| of the measurement over that of the control.
    of_noise : float
        Part of the control's median |H| that noise alone would give.
    """

    ratio: SignalRatio
    of_noise: float

    @property
    def at_least(self) -> bool:
        """Whether the control's |H| is noise for the most part, so that the true ratio can only be larger."""
        return self.of_noise > 0.5


def sentence_about_chance(counts: Mapping[str, int], response_level: float) -> str:
    """Return that no more pixels respond than noise lets pass; empty where more do, or none was judged.

    Parameters
    ----------
    counts : mapping of str to int
        Pixels by the meaning of their status. All that passed the gate above the threshold respond, resolved or not.

    Examples
    --------
    >>> sentence_about_chance({"ok": 2, "no_response": 4000, "below_threshold": 94}, 0.001)
    'No response: 2 of 4096 pixels passed, no more than noise alone lets pass'
    """
    pixels = sum(count for meaning, count in counts.items() if meaning != "invalid")
    silent = sum(counts.get(meaning, 0) for meaning in ("no_response", "below_threshold"))
    passed = pixels - silent
    for count, level in ((counts["ok"], response_level), (passed, min(_LEVEL_HOLDS * response_level, 1.0))):
        if not pixels or accepted_share(0, count, pixels, response_level=level).chance < _UNLIKELY:
            return ""
    return f"No response: {passed} of {counted(pixels, 'pixel')} passed, no more than noise alone lets pass"


def compare_with_control(
    measured: NDArray[np.floating], control: NDArray[np.floating], *, noise: float
) -> WeakResponse:
    """Return how many times stronger a measurement responds than a control.

    Parameters
    ----------
    measured, control : ndarray, shape (y, x)
        H, in the same unit.
    noise : float
        Standard deviation of the control's H by the noise of its samples, from `noise_of_displacement`.

    Raises
    ------
    ValueError
        As `napari_tesm.statistics.ratios.signal_ratio`.
    """
    ratio = signal_ratio(measured, control)
    return WeakResponse(ratio, _MEDIAN_OF_NOISE * noise / ratio.medians[1])


def sentences_from_control(response: ControlResponse, *, unit: str, label: str = "") -> list[str]:
    """Return what a control's pulse setting says, in words.

    Parameters
    ----------
    unit : str
        SI unit of H.
    label : str
        The pulse setting, ``"(-3 V)"``.
    """
    where = f" {label}" if label else ""
    first = {
        "no response": f"No response{where}: the mean H of {counted(response.pixels, 'pixel')} is "
        f"{_with_interval(response, unit)}, consistent with zero.",
        "shift": f"No pixel by itself responds{where}, but the mean H of all {response.pixels} is "
        f"{_with_interval(response, unit)}, which is not zero.",
        "response": f"A response{where}: more pixels were accepted than noise lets pass. The mean H of "
        f"{response.pixels} pixels is {_with_interval(response, unit)}.",
    }[response.verdict]
    sentences = [first]
    for share in response.shares:
        rest = f"at most {_percent(share.high)}"
        if share.accepted:
            rest = f"{_percent(share.share)}; {_percent(share.low)} to {_percent(share.high)}"
        sentences.append(
            f"Accepted in {words_of_fit(share.fit)}: {share.accepted} of {share.pixels} pixels ({rest}, 95 % on either "
            "side)."
        )
    if response.hot:
        sentences.append(f"Left out of the mean as hot: {counted(response.hot, 'pixel')}.")
    if response.masked and response.shares:
        sentences.append("The maps of tau and D are wholly masked.")
    return sentences


def sentence_from_comparison(weak: WeakResponse, *, names: tuple[str, str]) -> str:
    """Return the ratio of a measurement and a control in words.

    Parameters
    ----------
    names : (str, str)
        Of the measurement and of the control.
    """
    ratio = weak.ratio
    known = np.isfinite(ratio.low)
    if weak.at_least:
        least = (
            f"at least {ratio.low:.3g}" if known else f"some {ratio.ratio:.3g} (a map counts {AS_ONE_REGION})"
        )
        return (
            f"{names[0]} responds {least} times as strongly as {names[1]}, where |H| is noise: "
            f"{100 * min(weak.of_noise, 1.0):.0f} % of its median is what noise alone gives."
        )
    interval = f"95 %: {ratio.low:.3g} to {ratio.high:.3g}" if known else f"a map counts {AS_ONE_REGION}"
    return (
        f"{names[0]} responds {ratio.ratio:.3g} times as strongly as {names[1]} ({interval}; "
        f"medians of |H| over {ratio.n[0]} and {ratio.n[1]} pixels that count as "
        f"{ratio.independent[0]:.0f} and {ratio.independent[1]:.0f} independent ones). Another tip, laser spot or "
        "lock-in range is not in the interval."
    )


def _with_interval(response: ControlResponse, unit: str) -> str:
    if not np.isfinite(response.low):
        return text_from_quantity(response.mean, unit, digits=2)
    factor, shown = prefix_for([response.low, response.high], unit)
    mean, low, high = (f"{value / factor:.3g}" for value in (response.mean, response.low, response.high))
    return f"{mean} {shown} (95 %: {low} to {high} {shown})".replace(" )", ")")


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
