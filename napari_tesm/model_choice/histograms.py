"""D1 beside D2 over one map: all numbers of the t-ESM paper's Fig. 8, and what pure diffusion would have shown.

Intervals and tests count neighbouring pixels as far as they are independent. Everything random is seeded.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import FITS, WINDOWS, labels_from_maps, limited_values, map_name
from napari_tesm.files.sentences import Sentence
from napari_tesm.model_choice.drift import DriftFinding, drift_beside_diffusion
from napari_tesm.model_choice.null_bands import NullBands, null_bands_from_result, unresolved_share
from napari_tesm.model_choice.null_curve import SOURCES
from napari_tesm.quantities.numbers import plain_value
from napari_tesm.quantities.scaling import scaling_of
from napari_tesm.statistics.description import (
    Description,
    Estimate,
    Histograms,
    Scale,
    description_from_values,
    half_maximum_from_values,
    histograms_from_values,
    sentence_about_limits,
    values_on_scale,
)
from napari_tesm.statistics.long_range import independent_in_map
from napari_tesm.statistics.modes import mode_from_map, patchwork_from_map
from napari_tesm.statistics.ranks import p_in_words
from napari_tesm.statistics.ratios import AS_ONE_REGION, PairedRatio, paired_ratio

Array = NDArray[np.float64]
SCALES: Final[tuple[Scale, ...]] = ("log", "linear")
RATIO: Final = "D2/D1"


@dataclass(frozen=True, eq=False)
class WindowHistogram:
    """What the pixels of one window come to.

    Parameters
    ----------
    name : str
        ``"D1"``.
    values : ndarray, shape (y, x)
        NaN where the window was not accepted.
    description : Description
        Number, quartiles, mean … of the accepted pixels.
    independent : float
        As how many independent pixels they count, for log D.
    modes : dict of scale to Estimate or None
        With the 95 % interval; the mode over log D is another than the one over D.
    half_maxima : dict of scale to (float, float) or None
        Where the density has fallen to a half; their distance is the FWHM.
    unresolved : float
        Share of the pixels with a response that were too slow or too fast for the window.
    """

    name: str
    values: Array
    description: Description
    independent: float
    modes: dict[Scale, Estimate | None]
    half_maxima: dict[Scale, tuple[float, float] | None]
    unresolved: float


@dataclass(frozen=True, eq=False)
class HistogramComparison:
    """All numbers of Fig. 8 for one pulse setting of a result.

    Parameters
    ----------
    label : str
        What tells the pulse setting apart, ``"(-3 V)"``.
    quantity, unit : str
        ``"D"`` in m²/s; ``"tau"`` in s where no tip radius is known.
    windows : dict of int to WindowHistogram
        By the number of the fit.
    histograms : dict of scale to Histograms
        With the same bins for all windows, and the rule that chose them.
    ratio : PairedRatio, optional
        D2/D1 (tau1/tau2, which is the same) in the pixels accepted in both windows, with its signed-rank test.
    ratios : ndarray, shape (y, x)
        D2/D1 of each pixel; NaN where one is missing.
    ratio_histogram : Histograms, optional
        Over logarithmic bins.
    bands : NullBands, optional
        What pure diffusion shows at all at the noise of this measurement.
    alike : NullBands, optional
        What pure diffusion shows that has D1 or D2 like these.
    without_bands : str
        Why there are none.
    drift : DriftFinding, optional
        Where the ratio is not one of diffusion: whether a drift is in the traces; None where it was not tested.
    """

    label: str
    quantity: str
    unit: str
    windows: dict[int, WindowHistogram]
    histograms: dict[Scale, Histograms]
    ratio: PairedRatio | None = None
    ratios: Array = field(default_factory=lambda: np.zeros((0, 0)))
    ratio_histogram: Histograms | None = None
    bands: NullBands | None = None
    alike: NullBands | None = None
    without_bands: str = ""
    drift: DriftFinding | None = None

    def sentences(self) -> list[str]:
        """Return the comparison in sentences: modes, bins, ratio, what diffusion would have shown, what that means."""
        limits = (
            (window.name, sentence_about_limits(window.description)) for window in self.windows.values()
        )
        lines = [f"{name}: {sentence}." for name, sentence in limits if sentence]
        lines += [_modes_in_words(self, scale) for scale in SCALES]
        lines.append(
            f"Bins: {self.histograms['log'].rule}, and {self.histograms['linear'].rule}; the same for all."
        )
        if self.ratio is None:
            return lines
        ratio = self.ratio
        lines.append(
            f"{self.ratio_words}, pixel by pixel: median {ratio.median:.2f} ({_interval_in_words(ratio)}), half of the "
            f"{ratio.n} pixels within {ratio.q25:.2f} to {ratio.q75:.2f}{_test_in_words(ratio)}."
        )
        if self.alike is not None:
            lines += [self.alike.sentence(), self.verdict()]
        elif self.without_bands:
            lines.append(Sentence("No comparison with pure diffusion: {why}.", why=self.without_bands))
        return lines

    @property
    def ratio_words(self) -> str:
        """What the ratio is called: tau1/tau2 is D2/D1."""
        return RATIO if self.quantity == "D" else f"{RATIO} = tau1/tau2"

    @property
    def unresolved(self) -> float:
        """Share of the pixels with a response that were too slow or too fast for a window."""
        return max(window.unresolved for window in self.windows.values())

    def verdict(self) -> str:
        """Return in a sentence whether the observed ratio is one of pure diffusion; empty without bands."""
        if self.ratio is None or self.alike is None:
            return ""
        place = self.alike.verdict(
            self.ratio.low, self.ratio.high, unresolved=self.unresolved, drift=self.drift
        )
        return f"The ratio of {self.ratio.median:.2f} lies {place}."

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as JSON can hold them, SI; None where there is nothing to state."""
        numbers: dict[str, Any] = plain_value(
            {
                "label": self.label,
                "quantity": self.quantity,
                "unit": self.unit,
                "bins": {
                    scale: {"rule": histograms.rule, "edges": histograms.edges}
                    for scale, histograms in self.histograms.items()
                },
                "windows": {window.name: self._window_numbers(window) for window in self.windows.values()},
                "ratio": None if self.ratio is None else asdict(self.ratio),
                "null": self._null_numbers(),
            }
        )
        return numbers

    def _window_numbers(self, window: WindowHistogram) -> dict[str, Any]:
        numbers = asdict(window.description) | {
            "independent": window.independent,
            "unresolved": window.unresolved,
        }
        for scale in SCALES:
            mode, ends = window.modes[scale], window.half_maxima[scale]
            numbers[f"mode_{scale}"] = None if mode is None else mode.value
            numbers[f"mode_{scale}_ci"] = None if mode is None else [mode.low, mode.high]
            numbers[f"half_maximum_{scale}"] = ends
            numbers[f"counts_{scale}"] = self.histograms[scale].counts[window.name]
        return numbers

    def _null_numbers(self) -> dict[str, Any] | None:
        if self.bands is None or self.alike is None:
            return None
        entry: dict[str, Any] = {"noise": self.bands.noise, "noise_is_known": self.bands.noise_is_known}
        for name in SOURCES:
            entry[name] = {
                "ratio": self.bands.ratios.get(name),
                "ratio_of_such_D": self.alike.ratios.get(name),
                **{f"D{n}": self.bands.apparent_ranges(n).get(name) for n in WINDOWS},
            }
        drift = None if self.drift is None else asdict(self.drift)
        return entry | {"drift": drift, "verdict": self.verdict()}


def histogram_comparison(
    maps: xr.Dataset,
    dataset: xr.Dataset | None = None,
    *,
    pulse: int = 0,
    bins: int | None = None,
) -> HistogramComparison:
    """Return all numbers of Fig. 8 for one pulse setting of a result.

    Parameters
    ----------
    maps : Dataset
        From `napari_tesm.evaluation.pipeline.run`.
    dataset : Dataset, optional
        What was fitted; without it nothing is said of pure diffusion, which needs its times.
    pulse : int
        Number of the pulse setting.
    bins : int, optional
        By default the rule of Freedman and Diaconis (1981) for all values together.

    Raises
    ------
    ValueError
        If there is no such pulse setting, or no map of D or tau.
    """
    if not 0 <= pulse < maps.sizes["pulse"]:
        raise ValueError(
            f"the result has {maps.sizes['pulse']} pulse settings: there is no number {pulse + 1}"
        )
    quantity = "D" if any(map_name("D", n) in maps for n in FITS) else "tau"
    numbers = [n for n in FITS if map_name(quantity, n) in maps]
    if not numbers:
        raise ValueError("the result holds neither D nor tau: fit the traces first")
    windows = {n: _window(maps, pulse, quantity, n) for n in numbers}
    samples = {window.name: window.values for window in windows.values()}
    histograms = {scale: histograms_from_values(samples, scale=scale, bins=bins) for scale in SCALES}
    compared = HistogramComparison(
        labels_from_maps(maps)[pulse], quantity, "m²/s" if quantity == "D" else "s", windows, histograms
    )
    if not all(n in windows for n in WINDOWS):
        return compared
    return _with_drift(_with_ratio(compared, maps, dataset), maps, dataset, pulse)


def _window(maps: xr.Dataset, pulse: int, quantity: str, number: int) -> WindowHistogram:
    name = map_name(quantity, number)
    limited = limited_values(maps, name, pulse)
    values = np.where(np.isfinite(limited), limited, np.nan)
    status = maps[map_name("status", number)].values[pulse]
    logs = values_on_scale(values, "log")
    return WindowHistogram(
        name,
        values,
        description_from_values(limited),
        independent_in_map(logs),
        {scale: _mode(limited, scale) for scale in SCALES},
        {scale: half_maximum_from_values(limited, scale=scale) for scale in SCALES},
        unresolved_share(status),
    )


def _mode(values: Array, scale: Scale) -> Estimate | None:
    return mode_from_map(values, scale=scale, patchwork=patchwork_from_map(values, scale=scale))


def _with_ratio(
    compared: HistogramComparison, maps: xr.Dataset, dataset: xr.Dataset | None
) -> HistogramComparison:
    first, second = (compared.windows[n].values for n in WINDOWS)
    above, below = (second, first) if compared.quantity == "D" else (first, second)
    ratios = ratios_of_maps(above, below)
    logs = values_on_scale(ratios, "log")
    ratio = paired_ratio(above, below, independent=independent_in_map(logs))
    histogram = histograms_from_values({RATIO: ratios}, scale="log") if ratio is not None else None
    bands, alike, why = None, None, ""
    if compared.quantity != "D":
        why = "no tip radius is known"
    elif dataset is None:
        why = "the times of the traces are not at hand"
    else:
        try:
            bands = null_bands_from_result(dataset, maps)
        except ValueError as error:
            why = Sentence("{error}", error=error)
        else:
            alike = bands.among({n: compared.windows[n].values for n in WINDOWS})
    return replace(
        compared,
        ratio=ratio,
        ratios=ratios,
        ratio_histogram=histogram,
        bands=bands,
        alike=alike,
        without_bands=why,
    )


def _with_drift(
    compared: HistogramComparison, maps: xr.Dataset, dataset: xr.Dataset | None, pulse: int
) -> HistogramComparison:
    """Look for a drift where the ratio is none of diffusion: that takes traces, and some time."""
    ratio, alike = compared.ratio, compared.alike
    if dataset is None or ratio is None or alike is None:
        return compared
    if not alike.needs_drift(ratio.low, ratio.high, unresolved=compared.unresolved):
        return compared
    return replace(compared, drift=drift_beside_diffusion(dataset, maps, pulse))


def ratios_of_maps(above: NDArray[np.floating], below: NDArray[np.floating]) -> Array:
    """Return the ratio of two maps in each pixel; NaN where one of them is not a positive number."""
    first, second = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    good = np.isfinite(first) & np.isfinite(second) & (first > 0) & (second > 0)
    return np.asarray(np.divide(first, second, out=np.full(first.shape, np.nan), where=good))


def _interval_in_words(ratio: PairedRatio) -> str:
    return f"95 % {ratio.low:.2f} to {ratio.high:.2f}" if ratio.has_interval else AS_ONE_REGION


def _test_in_words(ratio: PairedRatio) -> str:
    if not ratio.has_interval:
        return ""
    independent = f"as {ratio.independent:.0f} independent pixels"
    return f"; signed-rank test against 1 {p_in_words(ratio.p_value)}, {independent}"


def _modes_in_words(compared: HistogramComparison, scale: Scale) -> str:
    modes = [mode.value for window in compared.windows.values() if (mode := window.modes[scale]) is not None]
    scaling = scaling_of(modes, compared.unit)
    parts = []
    for window in compared.windows.values():
        mode, ends = window.modes[scale], window.half_maxima[scale]
        if mode is None or ends is None:
            limits = window.description.n_below + window.description.n_above
            why = (
                "none, as too many pixels are limits"
                if limits > window.description.n / 4
                else "too few values"
            )
            parts.append(f"{window.name} {why} (n = {window.description.n})")
            continue
        interval = f"95 % {scaling.text(mode.low)} to {scaling.text(mode.high)}"
        interval = interval if mode.has_interval else AS_ONE_REGION
        width = f"half maximum {scaling.text(ends[0])} to {scaling.text(ends[1])}"
        parts.append(
            f"{window.name} {scaling.text(mode.value)} ({interval}; {width}; n = {window.description.n})"
        )
    power = f" in {scaling.unit}" if scaling.unit else ""
    words = "logarithmic" if scale == "log" else "linear"
    return f"Mode over a {words} scale{power}: {', '.join(parts)}."
