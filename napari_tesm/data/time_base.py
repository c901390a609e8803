"""When the samples of an array were taken: one type for every format, and the one place that compares and crops them.

A reader gives each channel a start, an interval (or the times themselves) and, where the recorder wrote it, the moment
of its clock from which the start counts. `aligned` says which part of the time all channels of a recording have, and
what was done about it in one sentence; it refuses what cannot be laid side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.text import text_from_quantity

Array = NDArray[np.float64]

SAME: Final = 1e-4
"""Part of an interval by which two intervals, or the samples of an even axis, may differ."""
_WHOLE: Final = 1e-3
"""Part of a sample by which a time may miss the sample it belongs to, and still be that sample's."""
_TOGETHER: Final = 0.05
"""Part of a sample by which two samples that were taken together may differ in time."""
_SAMPLED_ALIKE: Final = 1.5
"""Ratio of lengths from which channels without a time base of their own are not taken for channels of one rate."""


@dataclass(frozen=True, eq=False)
class TimeBase:
    """Times of the samples of an array, in s.

    Parameters
    ----------
    size : int
        Number of samples.
    start : float
        Time of the first one, after `origin`.
    interval : float, optional
        Time between two samples; None where nobody says it, or where `times` are given.
    times : ndarray, shape (size,), optional
        Times that are not equally spaced, ascending, after `origin`.
    origin : Fraction, optional
        Moment from which the times count, by a clock that all arrays of a file share; None where nobody says it. Exact:
        a double holds a date to half a microsecond only.
    """

    size: int
    start: float = 0.0
    interval: float | None = None
    times: Array | None = None
    origin: Fraction | None = None

    @property
    def is_known(self) -> bool:
        """Whether the samples can be told apart in time."""
        return self.interval is not None or self.times is not None

    @property
    def spacing(self) -> float:
        """Time between two samples, the median one where they are not equally spaced."""
        if self.interval is not None:
            return self.interval
        if self.times is None:
            raise ValueError("the time between two samples is not known")
        return float(np.median(np.diff(self.times))) if self.size > 1 else 1.0

    def at(self, index: ArrayLike) -> Array:
        """Return the times of samples by their number; between two samples, and beyond the ends, in proportion."""
        number = np.asarray(index, dtype=np.float64)
        if self.times is None:
            if self.interval is None:
                raise ValueError("the time between two samples is not known")
            return np.asarray(self.start + self.interval * number, dtype=np.float64)
        inside = np.interp(number, np.arange(self.size), self.times)
        beyond = number - np.clip(number, 0, self.size - 1)
        return np.asarray(inside + beyond * self.spacing, dtype=np.float64)

    def positions(self) -> Array:
        """Return the time of every sample."""
        return self.at(np.arange(self.size))

    def number_at(self, time: ArrayLike) -> Array:
        """Return which sample is taken at a time, as a number with a fraction; `at` turned round."""
        wanted = np.asarray(time, dtype=np.float64)
        if self.times is None:
            return np.asarray((wanted - self.start) / self.spacing, dtype=np.float64)
        inside = np.interp(wanted, self.times, np.arange(self.size))
        beyond = wanted - np.clip(wanted, self.times[0], self.times[-1])
        return np.asarray(inside + beyond / self.spacing, dtype=np.float64)

    def after(self, origin: Fraction | None) -> "TimeBase":
        """Return the same times counted from another moment of the clock."""
        if origin is None or self.origin is None or origin == self.origin:
            return replace(self, origin=origin)
        by = float(self.origin - origin)
        times = None if self.times is None else self.times + by
        return replace(self, start=self.start + by, times=times, origin=origin)

    def restarted(self, start: float) -> "TimeBase":
        """Return the same samples with the first at a given time."""
        times = None if self.times is None else self.times - self.times[0] + start
        return replace(self, start=start, times=times)

    def cropped(self, first: int, stop: int) -> "TimeBase":
        """Return the times of a stretch of the samples."""
        if self.times is None:
            start = self.start if self.interval is None else self.start + first * self.interval
            return replace(self, size=stop - first, start=start)
        return replace(self, size=stop - first, start=float(self.times[first]), times=self.times[first:stop])


def time_base_from_times(times: ArrayLike, *, digits: type[np.floating[Any]] = np.float64) -> TimeBase:
    """Return a time base of listed times in s: with an interval where they are equally spaced.

    They count as such to a ten-thousandth of the interval, or to the digits of single precision that many files have.

    Parameters
    ----------
    times : array-like, shape (sample,)
    digits : numpy.float32 or numpy.float64
        What the times were kept in.

    Raises
    ------
    ValueError
        If they are no finite, ascending series.
    """
    values = np.asarray(times, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError("they are not finite numbers in one row")
    if (np.diff(values) <= 0).any():
        raise ValueError("they do not go forwards")
    interval = even_step(values, digits=digits)
    if interval is not None:
        return TimeBase(values.size, float(values[0]), interval)
    return TimeBase(values.size, float(values[0]), times=values)


def even_step(
    values: Array, *, digits: type[np.floating[Any]] = np.float64, rounded: float = 0.0
) -> float | None:
    """Return the step of equally spaced positions, None where they are not equally spaced or only one.

    Parameters
    ----------
    values : ndarray, shape (size,)
    digits : numpy.float32 or numpy.float64
        What they were kept in: single precision rounds more.
    rounded : float
        By how much they may be off because they were written with few digits.
    """
    if values.size < 2:
        return None
    step = float(values[-1] - values[0]) / (values.size - 1)
    even = values[0] + step * np.arange(values.size)
    if digits is np.float32:
        rounded = 4 * float(np.finfo(digits).eps) * float(np.abs(values).max())
    allowed = max(SAME * abs(step), min(rounded, 0.1 * abs(step)))
    return step if step != 0 and float(np.abs(values - even).max()) <= allowed else None


def last_digit(values: Array) -> float:
    """Return the last decimal that numbers were written with, as far as it can be seen of them.

    Of rounded numbers in a straight line none lies farther off the one through the first and the last of them.

    Examples
    --------
    >>> last_digit(np.array([0.0, 0.033, 0.067]))
    0.001
    """
    some = values[:1000]
    for decimals in range(12):
        if (np.abs(some - np.round(some, decimals)) <= 1e-6 * 10.0**-decimals).all():
            return float(10.0**-decimals)
    return 0.0


@dataclass(frozen=True, eq=False)
class Alignment:
    """Channels of one recording side by side.

    Parameters
    ----------
    bases : dict of TimeBase
        Of each channel's common part, all counted from one moment.
    spans : dict of (int, int)
        First sample of each channel in the time that all have, and the one after the last.
    lead : str
        The channel whose samples the others are counted in.
    sentence : str
        What was done; empty where all channels were taken together from the first sample to the last.
    """

    bases: dict[str, TimeBase]
    spans: dict[str, tuple[int, int]]
    lead: str
    sentence: str = ""

    def in_lead(self, name: str, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first samples of the leading channel that were taken with samples of another, or after them.

        Both count from the begin of the common part. As an edge lies before the first sample that shows it, the sample
        of the leading channel does not lie before the edge either.
        """
        if self.bases[name] is self.bases[self.lead]:
            return index
        number = self.bases[self.lead].number_at(self.bases[name].at(index))
        return np.asarray(np.ceil(number - _TOGETHER), dtype=np.int64)

    def is_sampled_alike(self, name: str) -> bool:
        """Return whether a channel has the leading one's samples, to a tenth of one everywhere."""
        own, lead = self.bases[name], self.bases[self.lead]
        if own is lead:
            return True
        number = lead.number_at(own.at([0, own.size - 1]))
        away = number - np.array([0, own.size - 1])
        return bool(np.ptp(away) < 0.1 and own.size > 1)


def aligned(bases: Mapping[str, TimeBase], lead: str, names: Mapping[str, str] | None = None) -> Alignment:
    """Lay the channels of a recording side by side, by the time base of each.

    Channels without one are taken together with the leading channel, sample by sample, unless their number of samples
    speaks against it.

    Parameters
    ----------
    bases : mapping of TimeBase
    lead : str
        The channel whose samples the others are counted in.
    names : mapping of str, optional
        What the channels are called in sentences.

    Raises
    ------
    ValueError
        If they have no time in common, or it cannot be known how they lie; in one sentence.
    """
    called = {name: f"'{(names or {}).get(name, name)}'" for name in bases}
    leading = bases[lead]
    if not leading.is_known:
        raise ValueError(f"the sampling rate of {called[lead]} is not known")
    # Those that do not say when they began are taken to begin with the others.
    clock = next((base.origin for base in (leading, *bases.values()) if base.origin is not None), None)
    on_lead: dict[str, TimeBase] = {}
    assumed = []
    for name, base in bases.items():
        if not base.is_known:
            _refuse_other_length(base, leading, called[name], called[lead])
            assumed += [name] if base.size != leading.size else []
            base = TimeBase(base.size, leading.start, leading.spacing, origin=leading.origin)
        on_lead[name] = base.after(clock)
    first_time = max(float(base.at(0)) for base in on_lead.values())
    last_time = min(_end(base, leading) for base in on_lead.values())
    spans = {}
    for name, base in on_lead.items():
        first = int(np.ceil(float(base.number_at(first_time)) - _WHOLE))
        stop = int(np.floor(float(base.number_at(last_time)) + _WHOLE)) + 1
        spans[name] = max(first, 0), min(stop, base.size)
    if any(stop - first < 1 for first, stop in spans.values()):
        raise ValueError(_nothing_in_common(on_lead, called))
    unclocked = [name for name, base in bases.items() if base.origin is None]
    unclocked = unclocked if len(unclocked) < len(bases) else []
    whole = all(span == (0, on_lead[name].size) for name, span in spans.items())
    same = all(_is_same(base, on_lead[lead]) for base in on_lead.values())
    if whole and same:
        said = ""
        if unclocked:
            names_of = _listed([called[name] for name in unclocked])
            said = f"The file does not say when {names_of} began: taken together with the other channels."
        return Alignment(dict.fromkeys(on_lead, on_lead[lead]), spans, lead, said)
    cropped = {name: base.cropped(*spans[name]) for name, base in on_lead.items()}
    return Alignment(
        cropped, spans, lead, _what_was_done(on_lead, spans, lead, called, [*assumed, *unclocked])
    )


def _end(base: TimeBase, leading: TimeBase) -> float:
    """Return when the last sample was taken; of a slow channel, when the next one would be due, a sample before."""
    return float(base.at(base.size - 1)) + max(base.spacing - leading.spacing, 0.0) * (base.size > 1)


def _is_same(a: TimeBase, b: TimeBase) -> bool:
    even = a.times is None and b.times is None
    some = np.array([0, a.size - 1]) if even else np.arange(a.size)
    return a.size == b.size and bool((np.abs(a.at(some) - b.at(some)) <= 0.01 * b.spacing).all())


def _refuse_other_length(base: TimeBase, leading: TimeBase, name: str, lead: str) -> None:
    ratio = max(base.size, leading.size) / max(1, min(base.size, leading.size))
    if ratio > _SAMPLED_ALIKE:
        raise ValueError(
            f"{name} has {base.size} samples and {lead} {leading.size}, and the file does not say when those of {name} "
            "were taken"
        )


def _nothing_in_common(bases: Mapping[str, TimeBase], called: Mapping[str, str]) -> str:
    begin = max(bases, key=lambda name: float(bases[name].at(0)))
    end = min(bases, key=lambda name: float(bases[name].at(bases[name].size - 1)))
    late, early = float(bases[begin].at(0)), float(bases[end].at(bases[end].size - 1))
    apart = text_from_quantity(late - early, "s", digits=4)
    return (
        f"the channels have no time in common: {called[begin]} begins {apart} after the end of {called[end]}"
    )


def _what_was_done(
    bases: Mapping[str, TimeBase],
    spans: Mapping[str, tuple[int, int]],
    lead: str,
    called: Mapping[str, str],
    assumed: Sequence[str],
) -> str:
    """Return one sentence on how the channels lie and what is left out of the leading one."""
    leading = bases[lead]
    parts = _moves(bases, lead, called)
    slower: dict[str, list[str]] = {}
    for name, base in bases.items():
        if abs(base.spacing - leading.spacing) > SAME * leading.spacing:
            words = text_from_quantity(base.spacing, "s", digits=4)
            slower.setdefault(words, []).append(called[name])
    for words, others in slower.items():
        every = text_from_quantity(leading.spacing, "s", digits=4)
        have = "has" if len(others) == 1 else "have"
        parts.append(f"{_listed(others)} {have} a sample every {words} and {called[lead]} every {every}")
    if assumed:
        names = _listed([called[name] for name in assumed])
        parts.append(f"when {names} began the file does not say")
    first, stop = spans[lead]
    common = text_from_quantity((stop - first) * leading.spacing, "s", digits=4)
    left = leading.size - (stop - first)
    share = f"{100 * left / leading.size:.3g} %"
    lost = f", {left} of its {leading.size} samples ({share}) are left out" if left else ""
    how = "by the time base of each" if not assumed else "as if they began together"
    begun = "; ".join(parts) or "the channels do not cover the same time"
    return f"{begun}: laid side by side {how}, {common} of {called[lead]} are used{lost}."


def _moves(bases: Mapping[str, TimeBase], lead: str, called: Mapping[str, str]) -> list[str]:
    """Return which channels begin or end before or after the leading one, in words."""
    leading = bases[lead]
    ends: dict[tuple[str, str], list[str]] = {}
    for name, base in bases.items():
        if name == lead:
            continue
        words = []
        for by in (float(base.at(0)) - float(leading.at(0)), _end(base, leading) - _end(leading, leading)):
            early = "after" if by > 0 else "before"
            apart = abs(by) >= 0.5 * leading.spacing
            words.append(f"{text_from_quantity(abs(by), 's', digits=4)} {early}" if apart else "")
        ends.setdefault((words[0], words[1]), []).append(called[name])
    parts = []
    for (begin, end), names in ends.items():
        s = "s" if len(names) == 1 else ""
        said = [f"begin{s} and end{s} {begin}"] if begin == end and begin else []
        said = said or [f"{verb}{s} {words}" for verb, words in (("begin", begin), ("end", end)) if words]
        if said:
            parts.append(f"{_listed(names)} {' and '.join(said)} {called[lead]}")
    return parts


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
