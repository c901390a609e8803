"""What the recipe of a result shows for pure diffusion, for a flux and for a clamped tip, beside what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import WINDOWS, map_name
from napari_tesm.data.protocol import PulseProtocol, Window, length_from_attributes
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.settings import sentence_about_missing_pulse
from napari_tesm.files.sentences import Sentence
from napari_tesm.model_choice.drift import DriftFinding
from napari_tesm.model_choice.null_curve import SOURCES, NullCurve, null_curve
from napari_tesm.quantities.status import OK, UNRESOLVED_FAST, UNRESOLVED_SLOW

Array = NDArray[np.float64]
Range = tuple[float, float]

USUAL_NOISE: Final = 0.1
"""Noise of a sample in the t-ESM paper, as a fraction of H; taken where a measurement does not say its own."""
MANY_UNRESOLVED: Final = 0.05
"""Share of unresolved pixels above which the others are a selection: of clamped traces at D = 1e-12 m²/s and SNR 10
some 10 % are unresolved, and the median ratio of the others is 0.92 instead of 0.98."""
_TOLERANCE: Final = 0.03
"""By so much a ratio may miss its band: on clamped traces at 4e-13 m²/s noise of 10 % of H moves the median D2/D1 from
0.984 to 1.002 (mean of 6 maps of 576 pixels), on traces of a flux by less than 0.003."""
_OBSERVED: Final = (5.0, 95.0)
"""Percentiles of the apparent D of a map between which it is taken to lie."""
DIFFUSION_RANGE: Final = (1e-16, 1e-10)
"""True D that are looked at, in m²/s."""
_MANY: Final = 24
_FEW: Final = 8
_FINER: Final = 10
_LONG: Final = 4000
"""True D for each decade, and the samples above which there are fewer of them, for the sake of time."""


@dataclass(frozen=True, eq=False)
class NullBands:
    """Null curves of one protocol, and what follows from them.

    Parameters
    ----------
    curves : dict of str to NullCurve
        By the name of the kernel, in the order of `napari_tesm.model_choice.null_curve.SOURCES`.
    noise : float
        Of a sample, as a fraction of H: what would be rejected at this noise is not in the curves.
    noise_is_known : bool
        Whether it was measured, or is only the usual one.
    of_such : bool
        Whether they are only those of D like some that were found.
    """

    curves: dict[str, NullCurve]
    noise: float
    noise_is_known: bool = True
    of_such: bool = False

    @property
    def ratios(self) -> dict[str, Range]:
        """Smallest and largest D2/D1 of pure diffusion, for each source that shows both."""
        return {name: curve.band for name, curve in self.curves.items() if curve.band is not None}

    @property
    def true_range(self) -> Range:
        """Smallest and largest true D that was looked at, in m²/s."""
        diffusion = next(iter(self.curves.values())).diffusion
        return float(diffusion[0]), float(diffusion[-1])

    def apparent_ranges(self, *windows: int) -> dict[str, Range]:
        """Return the range of apparent D, in m²/s, that diffusion shows in any of these windows, for each source."""
        by_source = {}
        for name, curve in self.curves.items():
            ranges = [ends for number in windows if (ends := curve.apparent_range(number)) is not None]
            if ranges:
                by_source[name] = (min(low for low, _ in ranges), max(high for _, high in ranges))
        return by_source

    def among(self, observed: Mapping[int, NDArray[np.floating]]) -> "NullBands":
        """Return the part with true D that would show such apparent ones in one of the windows.

        A source that shows none of them has nothing left, and no ratio.

        Parameters
        ----------
        observed : mapping of int to ndarray
            Apparent D of the pixels in each window, in m²/s; what counts are the middle 90 % of them.
        """
        part = {name: _part_among(curve, observed) for name, curve in self.curves.items()}
        return replace(self, curves=part, of_such=True)

    def corrected(self, maps: xr.Dataset, source: str) -> xr.Dataset:
        """Return what the true D would be, were it pure diffusion from one of the sources and nothing else.

        Parameters
        ----------
        maps : Dataset
            With the maps D1, D2 and their standard errors, as `napari_tesm.fit` returns them.
        source : {"flux-pulse", "clamped"}

        Returns
        -------
        Dataset
            Maps of the same names, NaN where the apparent D lies outside the range in which it follows the true one.

        Raises
        ------
        ValueError
            If there is no such source, or no map of D1 or D2.
        """
        if source not in self.curves:
            raise ValueError(f"unknown source '{source}': choose one of {', '.join(self.curves)}")
        corrected = {}
        for number in WINDOWS:
            name, error = map_name("D", number), map_name("D_stderr", number)
            if name not in maps or number not in self.curves[source].apparent:
                continue
            correction = self.curves[source].correction(number)
            stderr = maps[error].values if error in maps else None
            true, true_error = correction.apply(maps[name].values, stderr)
            words = f"D{number} corrected for {SOURCES[source]}"
            corrected[name] = maps[name].copy(data=true).assign_attrs(long_name=words)
            if error in maps:
                corrected[error] = (
                    maps[error].copy(data=true_error).assign_attrs(long_name=f"{words}, standard error")
                )
        if not corrected:
            raise ValueError(
                "there is neither D1 nor D2 to correct: fit with the exponential kernel and a tip radius"
            )
        return xr.Dataset(corrected, attrs=dict(maps.attrs))

    def sentence(self) -> str:
        """Return what the recipe shows for pure diffusion."""
        noise = f"noise {100 * self.noise:.2g} % of H" + ("" if self.noise_is_known else ", assumed")
        ratios = self.ratios
        shown = [
            f"between {number_in_words(low)} and {number_in_words(high)} with {SOURCES[name]}"
            for name, (low, high) in ratios.items()
        ]
        none = [f"nothing like it with {SOURCES[name]}" for name in self.curves if name not in ratios]
        parts = (["D2/D1 " + ", ".join(shown)] if shown else []) + none
        such = " of such D" if self.of_such else ""
        return f"What this recipe shows for pure diffusion{such}: {', '.join(parts)} ({noise})."

    def short_words(self) -> str:
        """Return D2/D1 of pure diffusion in a few words; empty where there is none."""
        parts = [
            f"{number_in_words(low)}…{number_in_words(high)} ({SOURCES[name].split(maxsplit=1)[1]})"
            for name, (low, high) in self.ratios.items()
        ]
        return f"Pure diffusion: D2/D1 {', '.join(parts)}" if parts else ""

    def place(self, low: float, high: float) -> str:
        """Return in a word where the interval of an observed D2/D1 lies; empty where there is nothing to compare."""
        if not low <= high:
            return ""
        places = {_place(low, high, band) for band in self.ratios.values()}
        if "within" in places:
            return "within"
        return "between" if len(places) > 1 else places.pop() if places else ""

    def needs_drift(self, low: float, high: float, *, unresolved: float = 0.0) -> bool:
        """Whether `verdict` depends on a drift: outside of what diffusion shows, in pixels that are no selection."""
        if not low <= high or self.place(low, high) == "within":
            return False
        return not self.ratios or unresolved <= MANY_UNRESOLVED

    def verdict(
        self, low: float, high: float, *, unresolved: float = 0.0, drift: DriftFinding | None = None
    ) -> str:
        """Return where an observed D2/D1 lies, as the end of a sentence.

        Parameters
        ----------
        low, high : float
            Interval of its median; NaN where the map is one independent region.
        unresolved : float
            Share of the pixels that were too slow or too fast for a window (`unresolved_share`): those that are left
            over are a selection then, and their ratio is biased.
        drift : DriftFinding, optional
            From `napari_tesm.model_choice.drift.drift_beside_diffusion`; None where it was not tested.
        """
        if not low <= high:
            return "in a map that is alike as far as it reaches: as one independent region it says nothing of diffusion"
        ratios = self.ratios
        places = {name: _place(low, high, band) for name, band in ratios.items()}
        inside = [SOURCES[name] for name, place in places.items() if place == "within"]
        if inside:
            return f"within what {' and '.join(inside)} {'shows' if len(inside) == 1 else 'show'}: no sign of migration"
        if places and unresolved > MANY_UNRESOLVED:
            return (
                f"outside what they show, but {100 * unresolved:.0f} % of the pixels were unresolved in a window: "
                "those left are a selection, and nothing follows from their ratio"
            )
        return f"{_where(places)}{_beyond(drift)}"


def _where(places: Mapping[str, str]) -> str:
    if not places:
        return "beside D that neither tip shows"
    if len(places) == 1:
        ((name, place),) = places.items()
        return f"{place} what {SOURCES[name]} shows"
    different = set(places.values())
    return f"{different.pop()} both" if len(different) == 1 else "between the two"


def _beyond(drift: DriftFinding | None) -> str:
    """Return what follows from a ratio outside of what diffusion shows."""
    beyond = ": diffusion with one D from these two tips does not explain it"
    if drift is None:
        return f"{beyond}, unless the traces drift, which was not tested"
    if not drift.source:
        return beyond
    return (
        f", but the traces drift by {100 * drift.size:.2g} % of H beside diffusion from {SOURCES[drift.source]}: "
        f"nothing follows from the ratio. The kernel '{drift.source}' takes the drift out"
    )


def null_bands(
    time: Array,
    protocol: PulseProtocol,
    length: float,
    *,
    windows: Mapping[int, Window] | None = None,
    noise: float | None = None,
    diffusion: Range = DIFFUSION_RANGE,
    **ways: Any,
) -> NullBands:
    """Return the null curves of every source for a protocol; asked for again, they are at hand.

    Parameters
    ----------
    time, protocol, length, windows, **ways
        As in `napari_tesm.model_choice.null_curve.null_curve`.
    noise : float, optional
        Of a sample, as a fraction of H; None takes the usual one.
    diffusion : (float, float)
        Range of the true D, in m²/s.

    Raises
    ------
    ValueError
        If a radius, noise, range or window makes no sense, or nobody says when the pulse was.
    """
    if not 0 < diffusion[0] < diffusion[1] < np.inf:
        raise ValueError(
            f"the true D must run from a positive number to a larger one, not from {diffusion[0]:g} to "
            f"{diffusion[1]:g} m²/s"
        )
    level = USUAL_NOISE if noise is None else noise
    times = np.ascontiguousarray(time, dtype=np.float64)
    fitted = None if windows is None else tuple(sorted(windows.items()))
    curves = _curves(times.tobytes(), protocol, float(length), fitted, level, diffusion, **ways)
    return NullBands(dict(curves), level, noise is not None)


@lru_cache(maxsize=32)
def _curves(
    time: bytes, protocol: PulseProtocol, length: float, windows: tuple[tuple[int, Window], ...] | None,
    noise: float, diffusion: Range, **ways: Any,
) -> tuple[tuple[str, NullCurve], ...]:  # fmt: skip
    times = np.frombuffer(time)
    decades = float(np.log10(diffusion[1] / diffusion[0]))
    count = max(2, round(decades * (_FEW if times.size > _LONG else _MANY)) + 1)
    curves = []
    for name in SOURCES:
        curve = null_curve(
            times, protocol, length, kernel=name, windows=None if windows is None else dict(windows),
            diffusion=np.geomspace(*diffusion, count), noise=noise, **ways,
        )  # fmt: skip
        for values in (curve.diffusion, *curve.apparent.values()):
            values.flags.writeable = False  # whoever asks next gets the same arrays
        curves.append((name, curve))
    return tuple(curves)


def null_bands_from_result(dataset: xr.Dataset, maps: xr.Dataset) -> NullBands:
    """Return what the recipe of a result shows for pure diffusion.

    Parameters
    ----------
    dataset : Dataset
        What was fitted: its times alone are looked at.
    maps : Dataset
        From `napari_tesm.evaluation.pipeline.run`; the noise is taken from their residuals.

    Raises
    ------
    ValueError
        If the recipe is not one exponential for each window, neither contact nor tip radius is known, or nobody says
        when the pulse was.
    """
    length = length_from_attributes(maps.attrs)
    return null_bands_from_evaluation(
        Evaluation.of_maps(dataset, maps),
        length=None if length is None else length.value,
        noise=noise_from_maps(maps),
    )


def null_bands_from_evaluation(
    evaluation: Evaluation,
    *,
    length: float | None = None,
    noise: float | None = None,
    diffusion: Range = DIFFUSION_RANGE,
) -> NullBands:
    """Return what a recipe shows for pure diffusion.

    Parameters
    ----------
    evaluation : Evaluation
        Of its dataset the times alone are looked at.
    length : float, optional
        Radius of the source and length l of D in m; by default that of the recipe or the file.
    noise, diffusion
        As in `null_bands`.

    Raises
    ------
    ValueError
        As `null_bands_from_result`.
    """
    settings, recipe = evaluation.settings, evaluation.recipe
    if settings.kernel.name != "exponential":
        raise ValueError(
            f"a null curve is that of the exponential kernel; the kernel '{settings.kernel.name}' gives D otherwise"
        )
    if length is None and settings.length is None:
        raise ValueError(Sentence("a null curve needs the tip radius: give it with {tip_radius}"))
    radius = settings.length.value if length is None and settings.length is not None else length
    assert radius is not None
    protocol = settings.protocol
    if protocol.pulse_start is None or protocol.pulse_duration is None:
        raise ValueError(sentence_about_missing_pulse(protocol))
    return null_bands(
        evaluation.time, PulseProtocol(0.0, protocol.pulse_duration), radius, windows=settings.windows,
        geometry=settings.geometry, skip=settings.skip, bounds=recipe.tau_bounds, noise=noise,
        max_log_tau_error=recipe.max_log_tau_error, response_level=recipe.response_level, diffusion=diffusion,
    )  # fmt: skip


def noise_from_maps(maps: xr.Dataset) -> float | None:
    """Return the noise of a sample as a fraction of H, to two digits; None where the maps do not hold it.

    The median over the accepted pixels of the residuals' root mean square over ``|H|``.
    """
    ratios = []
    for number in WINDOWS:
        rms, status = map_name("rms", number), map_name("status", number)
        if rms in maps and status in maps and "H" in maps:
            height = np.abs(maps["H"].values)
            good = (maps[status].values == OK) & (height > 0)
            ratios.append(maps[rms].values[good] / height[good])
    together = np.concatenate([*ratios, np.zeros(0)])
    together = together[np.isfinite(together)]
    return float(f"{np.median(together):.2g}") if together.size else None


def unresolved_share(status: NDArray[np.integer]) -> float:
    """Return the share of pixels with a response that were too slow or too fast for their window."""
    lost = int(np.isin(status, (UNRESOLVED_SLOW, UNRESOLVED_FAST)).sum())
    kept = int((status == OK).sum())
    return lost / (lost + kept) if lost + kept else 0.0


def _part_among(curve: NullCurve, observed: Mapping[int, NDArray[np.floating]]) -> NullCurve:
    fine = _refined(curve)
    kept = np.zeros(fine.diffusion.shape, dtype=bool)
    for number, values in observed.items():
        finite = values[np.isfinite(values)]
        if number in fine.apparent and finite.size:
            low, high = np.percentile(finite, _OBSERVED)
            shown = fine.apparent[number]
            # A map without noise has a range narrower than any step: what counts is which steps it meets.
            with np.errstate(invalid="ignore"):
                met = (np.fmax(shown[1:], shown[:-1]) >= low) & (np.fmin(shown[1:], shown[:-1]) <= high)
            kept[1:] |= met
            kept[:-1] |= met
    apparent = {number: values[kept] for number, values in fine.apparent.items()}
    return replace(fine, diffusion=fine.diffusion[kept], apparent=apparent)


def _refined(curve: NullCurve) -> NullCurve:
    """Return the same curve with more points, straight lines in logarithms between those there are."""
    count = curve.diffusion.size
    places = np.arange(count)
    place = np.linspace(0, count - 1, (count - 1) * _FINER + 1)

    def between(values: Array) -> Array:
        return np.asarray(np.exp(np.interp(place, places, np.log(values))))

    apparent = {number: between(values) for number, values in curve.apparent.items()}
    return replace(curve, diffusion=between(curve.diffusion), apparent=apparent)


def _place(low: float, high: float, band: Range) -> str:
    if low > band[1] * (1 + _TOLERANCE):
        return "above"
    return "below" if high < band[0] / (1 + _TOLERANCE) else "within"


def number_in_words(value: float) -> str:
    """Return a ratio with two decimals, or three digits where it is large."""
    return f"{value:.2f}" if value < 9.995 else f"{value:.3g}"
