"""Time bases and units that stand in attributes, in their usual spellings: National Instruments' and everybody's."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final, TypeGuard

from napari_tesm.io.content import Axis, si_from_unit
from napari_tesm.io.unit_attributes import unit_beside
from napari_tesm.quantities.text import quantity_from_text

_INTERVALS: Final = (
    "wf_increment",
    "dt",
    "sampling_interval",
    "sample_interval",
    "sampling_period",
    "time_step",
)
_RATES: Final = ("sampling_rate", "sample_rate", "sampling_frequency", "fs")
_STARTS: Final = ("wf_start_offset", "t0", "start_time", "start_offset", "time_offset", "start")
_CLOCKS: Final = ("wf_start_time", "start_time", "t0", "start", "timestamp")
TIME_BASE: Final = tuple(dict.fromkeys((*_INTERVALS, *_RATES, *_STARTS, *_CLOCKS)))
"""Names of attributes that say when the samples of a channel were taken."""
_EPOCH: Final = datetime(1904, 1, 1, tzinfo=UTC)
"""From which National Instruments count; another would do as well."""
_ISO: Final = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?")


def axis_from_waveform(attributes: Mapping[str, Any], size: int, note: Callable[[str], None]) -> Axis:
    """Return the axis of a channel whose attributes state its time base; not known where none does.

    ``wf_increment`` and ``wf_start_offset`` are numbers in their unit, as LabVIEW writes them; ``wf_start_time`` is a
    moment. Other spellings (``dt``, ``sampling_rate``, ``t0`` …) count as texts with a unit, or with a date; as numbers
    their unit stands beside them (``dt_unit``), or the times have none.

    Parameters
    ----------
    attributes : mapping
    size : int
        Number of samples.
    note : callable
        Takes what is odd: a time base that nobody set is not believed.
    """
    unit = str(attributes.get("wf_xunit_string") or "s")
    is_time = si_from_unit(unit)[1] == "s"
    name = "time" if is_time else str(attributes.get("wf_xname") or "")
    origin = _origin(attributes) if is_time else None
    step, start = attributes.get("wf_increment"), attributes.get("wf_start_offset", 0.0)
    if step is None:
        seconds = _stated_interval(attributes)
        if seconds is None:
            return _axis_from_numbers(attributes, size, origin, note)
        return Axis(size, "time", "s", _stated_start(attributes), seconds, origin=origin)
    if not _is_finite(step) or step <= 0 or not _is_finite(start):
        note(
            f"the time base makes no sense (wf_increment {step!r}, wf_start_offset {start!r}): give the sampling rate."
        )
        return Axis(size, name, unit, known=False)
    if is_time and step == 1.0:
        note("wf_increment is 1 s, LabVIEW's default, and is not believed: give the sampling rate.")
        return Axis(size, name, unit, float(start), known=False, origin=origin)
    record = attributes.get("wf_samples")
    if _is_finite(record) and 1 < record < size:
        note(
            f"written in records of {record:g} samples (wf_samples), {size / record:g} of them; "
            "that they follow each other without a pause the file does not say."
        )
    return Axis(size, name, unit, float(start), float(step), origin=origin)


def axes_with_waveform(
    axes: list[Axis], attributes: Mapping[str, Any], note: Callable[[str], None]
) -> list[Axis]:
    """Return the axes of an array; that of a channel without positions is as its attributes state."""
    if len(axes) != 1 or axes[0].known:
        return axes
    stated = axis_from_waveform(attributes, axes[0].size, note)
    # When it began counts where the interval is said elsewhere, too.
    return [stated] if stated.known or stated.origin is not None or stated.start else axes


def _axis_from_numbers(
    attributes: Mapping[str, Any], size: int, origin: Fraction | None, note: Callable[[str], None]
) -> Axis:
    """Return the axis of a channel whose attributes state no interval with a unit."""
    texts = _stated_start(attributes)
    numbers = {name: value for name, value in attributes.items() if _is_finite(value)}
    name = next((name for name in (*_INTERVALS[1:], *_RATES) if numbers.get(name, 0.0) > 0), "")
    first = next((name for name in _STARTS[1:] if name in numbers), "")
    value, start = numbers.get(name, 0.0), numbers.get(first, 0.0)
    if not name:
        if start and not texts:
            note(f"{first} is {start:g}, and the time between two samples is not stated: it is not used.")
        return Axis(size, "time", "s", texts, known=False, origin=origin)
    factor, unit = si_from_unit(unit_beside(name, attributes))
    if unit != ("Hz" if name in _RATES else "s"):
        step = 1.0 / value if name in _RATES else value
        return Axis(size, "time", "", start, step, origin=origin)
    step = 1.0 / (value * factor) if name in _RATES else value * factor
    of_start, its_unit = si_from_unit(unit_beside(first, attributes))
    begin = texts or start * (of_start if its_unit == "s" else 1.0 if name in _RATES else factor)
    return Axis(size, "time", "s", begin, step, origin=origin)


def moment_from_text(text: str) -> Fraction | None:
    """Return a date with its time as seconds after 1904, exactly; None where the text is none.

    A date without a zone is taken as UTC: it is compared with others of its file alone.

    Examples
    --------
    >>> moment_from_text("2026-01-01T08:00:00.002") - moment_from_text("2026-01-01 08:00:00")
    Fraction(1, 500)
    """
    parts = _ISO.fullmatch(text.strip())
    if parts is None:
        return None
    zone = (parts[3] or "Z").replace("Z", "+00:00")
    try:
        whole = datetime.fromisoformat(f"{parts[1].replace(' ', 'T')}{zone}")
    except ValueError:
        return None
    return Fraction(round((whole - _EPOCH).total_seconds())) + Fraction(f"0{parts[2]}" if parts[2] else 0)


def _origin(attributes: Mapping[str, Any]) -> Fraction | None:
    """Return the moment a channel began; none where it is the zero that stands where nobody set it."""
    for name in _CLOCKS:
        value = attributes.get(name)
        moment = value if isinstance(value, Fraction) else None
        if isinstance(value, str):
            moment = moment_from_text(value)
        if (
            moment is not None and abs(moment) > 86400
        ):  # the epoch itself, in any time zone, is nobody's moment
            return moment
    return None


def _stated_interval(attributes: Mapping[str, Any]) -> float | None:
    for names, unit in ((_INTERVALS, "s"), (_RATES, "Hz")):
        for name in names:
            value = _quantity(attributes.get(name), unit)
            if value is not None and value > 0:
                return value if unit == "s" else 1.0 / value
    return None


def _stated_start(attributes: Mapping[str, Any]) -> float:
    starts = (_quantity(attributes.get(name), "s") for name in _STARTS)
    return next((start for start in starts if start is not None), 0.0)


def _quantity(value: Any, unit: str) -> float | None:
    """Return a text with a unit as a number in SI; a number alone could be in any unit and says nothing."""
    if not isinstance(value, str):
        return None
    try:
        return quantity_from_text(value, unit)
    except ValueError:
        return None


def _is_finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
