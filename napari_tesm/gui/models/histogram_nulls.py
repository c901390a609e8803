"""What pure diffusion would have shown, for the histograms of a scan, without a screen."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import xarray as xr

from napari_tesm.data.maps import WINDOWS, map_name
from napari_tesm.gui.models.companion import ScanModel
from napari_tesm.gui.models.form_words import FORMS, sentence_for_forms
from napari_tesm.gui.models.scan import Scan
from napari_tesm.model_choice.drift import DriftFinding, drift_beside_diffusion
from napari_tesm.model_choice.histograms import RATIO, ratios_of_maps
from napari_tesm.model_choice.null_bands import (
    MANY_UNRESOLVED,
    NullBands,
    null_bands_from_result,
    unresolved_share,
)
from napari_tesm.statistics.modes import patchwork_from_map
from napari_tesm.statistics.ratios import interval_of_median

_Ratio = tuple[NullBands, float, float, float, float]
"""Bands of maps of D like these, the median of D2/D1 with its interval, and the share of unresolved pixels."""
_FEWEST: Final = 6
LONG_RECORD: Final = 1000
"""Samples above which the curves, some 0.1 s then, are not made in the window's own thread."""


NullOutcome = NullBands | DriftFinding | str | None


@dataclass(frozen=True)
class NullMarks:
    """What is drawn and said beside a histogram.

    Parameters
    ----------
    ranges : dict of str to (float, float)
        By source, in the SI unit of the axis; empty where there is nothing to mark.
    shaded : bool
        Whether they are ranges of D2/D1.
    words : str
        A short sentence.
    explanation : str
        All of it, in sentences; or why there is nothing.
    """

    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    shaded: bool = False
    words: str = ""
    explanation: str = ""


@dataclass(frozen=True, eq=False)
class NullWork:
    """A result whose null bands are wanted, or whether the traces of a pulse setting drift.

    Parameters
    ----------
    dataset, maps : Dataset
    drift_of : int, optional
        Number of the pulse setting; None for the bands.
    """

    dataset: xr.Dataset
    maps: xr.Dataset
    drift_of: int | None = None

    def compute(self) -> NullOutcome:
        """Return the bands, or why there are none; or the drift. Touches nothing of the window."""
        try:
            if self.drift_of is not None:
                return drift_beside_diffusion(self.dataset, self.maps, self.drift_of)
            return null_bands_from_result(self.dataset, self.maps)
        except (ValueError, KeyError) as error:
            return sentence_for_forms(f"No comparison with pure diffusion: {FORMS(error)}")


class ScanNulls(ScanModel):
    """Null bands of a scan's last fit; made once for each fit and pulse setting."""

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan)
        self._maps: xr.Dataset | None = None
        self._bands: NullBands | str = ""
        self._ratios: dict[int, _Ratio | None] = {}
        self._drifts: dict[int, DriftFinding | None] = {}
        self._asked: int | None = None
        """Pulse setting whose drift is asked for."""

    def marks(self, keys: list[str], pulse: int) -> NullMarks:
        """Return what to draw beside the histograms of these maps, D1, D2 or D2/D1; nothing for others."""
        windows = [n for n in WINDOWS if map_name("D", n) in keys]
        is_ratio = keys == [RATIO]
        if not windows and not is_ratio:
            return NullMarks()
        bands = self._known_bands()
        if isinstance(bands, str):
            return NullMarks(explanation=bands)
        ratio = self._ratio(bands, pulse)
        if ratio is None:
            return (
                NullMarks(explanation="No pixel has both D1 and D2.")
                if is_ratio
                else NullMarks(bands.apparent_ranges(*windows), explanation=bands.sentence())
            )
        alike, median, low, high, unresolved = ratio
        words = alike.short_words()
        if place := alike.place(low, high):
            words += f"; found {median:.2f}, {place}"
            if place != "within" and unresolved > MANY_UNRESOLVED:
                words += f", but {100 * unresolved:.0f} % of the pixels are unresolved"
        if pulse not in self._drifts and alike.needs_drift(low, high, unresolved=unresolved):
            self._asked = pulse
            meaning = f"The ratio of {median:.2f} is none of pure diffusion; whether the traces drift is being tested."
        else:
            drift = self._drifts.get(pulse)
            verdict = alike.verdict(low, high, unresolved=unresolved, drift=drift)
            meaning = f"The ratio of {median:.2f} lies {verdict}."
            if drift is not None and drift.source:
                words += f", but the traces drift by {100 * drift.size:.2g} % of H"
        explanation = f"{alike.sentence()} {meaning}"
        ranges = alike.ratios if is_ratio else bands.apparent_ranges(*windows)
        return NullMarks(ranges, is_ratio, f"{words}." if words else "", explanation)

    def waiting(self) -> NullWork | None:
        """Return what takes too long for the window's own thread and is not done yet; None where there is nothing."""
        scan = self.scan
        if scan.maps is None or scan.dataset is None:
            return None
        if scan.maps is self._maps:
            return None if self._asked is None else NullWork(scan.dataset, scan.maps, self._asked)
        return NullWork(scan.dataset, scan.maps) if scan.dataset.sizes["time"] > LONG_RECORD else None

    def take(self, work: NullWork, outcome: NullOutcome) -> None:
        """Take over what was computed elsewhere."""
        if work.drift_of is None:
            self._maps, self._ratios, self._drifts, self._asked = work.maps, {}, {}, None
            self._bands = outcome if isinstance(outcome, NullBands | str) else ""
        elif work.maps is self._maps:
            self._drifts[work.drift_of] = outcome if isinstance(outcome, DriftFinding) else None
            self._asked = None

    def _known_bands(self) -> NullBands | str:
        scan = self.scan
        if scan.maps is None or scan.dataset is None:
            return ""
        if scan.maps is not self._maps and self.waiting() is not None:
            return "What pure diffusion shows is being computed."
        if scan.maps is not self._maps:
            work = NullWork(scan.dataset, scan.maps)
            self.take(work, work.compute())
        return self._bands

    def _ratio(self, bands: NullBands, pulse: int) -> _Ratio | None:
        assert self._maps is not None
        if pulse not in self._ratios:
            last = self._maps.sizes["pulse"] - 1
            self._ratios[pulse] = _ratio_of_maps(bands, self._maps.isel(pulse=min(pulse, last)))
        return self._ratios[pulse]


def _ratio_of_maps(bands: NullBands, maps: xr.Dataset) -> _Ratio | None:
    names = [map_name("D", n) for n in WINDOWS]
    if any(name not in maps for name in names):
        return None
    first, second = (np.asarray(maps[name].transpose("y", "x").values, dtype=np.float64) for name in names)
    ratios = ratios_of_maps(second, first)
    finite = ratios[np.isfinite(ratios)]
    if finite.size < _FEWEST:
        return None
    independent = max(1.0, finite.size / patchwork_from_map(ratios).area)
    low, high = np.exp(interval_of_median(np.log(finite), independent))
    unresolved = max(unresolved_share(maps[map_name("status", n)].values) for n in WINDOWS)
    alike = bands.among(dict(zip(WINDOWS, (first, second), strict=True)))
    return alike, float(np.median(finite)), float(low), float(high), unresolved
