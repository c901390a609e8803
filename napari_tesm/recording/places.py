"""Pulses put into their pixels, and a report by line of what was missing, doubled or left out."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.numbers import counted
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.recording.beats import Beats, beats_from_starts
from napari_tesm.recording.order import ScanOrder
from napari_tesm.recording.report import LineReport

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

MISSING: Final = -1
_OTHER_LENGTH: Final = 0.05
"""Difference in length from which a pulse is another one, as a part of the usual length; at least two samples."""
OTHER_VOLTAGE: Final = 0.2
"""Difference in voltage from which a pulse does not belong to its setting, as a part of it."""


_NO_JITTER: Final = 1e-9
"""Of the time from pixel to pixel."""


@dataclass(frozen=True, eq=False)
class Places:
    """Which pulse belongs to which pixel.

    Parameters
    ----------
    event : ndarray of int, shape (pulse, y, x)
        Index of the pulse of each setting and pixel, -1 where there is none.
    order : ScanOrder
    lines : list of LineReport
        One for each passage found in the recording.
    pixel_period : float
        In s.
    jitter : float
        Root mean square of the distance of the pulses from an even pace along their lines, in s.
    notes : list of str
        What holds for the recording as a whole.
    """

    event: Indices
    order: ScanOrder
    lines: list[LineReport]
    pixel_period: float
    jitter: float
    notes: list[str] = field(default_factory=list)

    def report(self) -> list[str]:
        """Return what was found, as lines of text."""

        def total(of_line: Callable[[LineReport], int]) -> int:
            return sum(map(of_line, self.lines))

        # What arithmetic leaves over is none.
        measured = self.jitter > _NO_JITTER * self.pixel_period
        jitter = text_from_quantity(self.jitter, "s", digits=2) if measured else "none"
        text = [
            f"{self.order}; a pixel every {text_from_quantity(self.pixel_period, 's', digits=5)}, "
            f"jitter {jitter}.",
            f"{counted(total(lambda line: line.found), 'pulse')} placed in {len(self.lines)} of {self.order.passes} "
            f"passes over lines; {total(lambda line: len(line.dropped))} missing, "
            f"{total(lambda line: len(line.doubled))} doubled, "
            f"{counted(total(lambda line: len(line.spoiled)), 'pixel')} left out because of a disturbed pulse, "
            f"{counted(total(lambda line: bool(line.problem)), 'line')} left out.",
            *self.notes,
        ]
        flawed = [str(line) for line in self.lines if not line.flawless]
        if flawed:
            text.append("Lines that are not whole (rows and columns of the image, counted from 0):")
        return text + flawed


@dataclass
class _Entries:
    """Pulses that have a pixel, one entry each: the pulse, the passage (in the scan), the pixel and the pulse in it."""

    event: Indices
    number: Indices
    pixel: Indices
    part: Indices
    residual: Array
    """Distance from an even pace along the line, in pixel periods."""

    def chosen(self, which: NDArray[Any]) -> "_Entries":
        return _Entries(*(getattr(self, column.name)[which] for column in fields(self)))


def places_from_events(
    start: ArrayLike,
    order: ScanOrder,
    rate: float,
    *,
    voltage: ArrayLike | None = None,
    length: ArrayLike | None = None,
    length_error: float = 0.0,
    line_triggers: ArrayLike | None = None,
    record: tuple[int, int] | None = None,
) -> Places:
    """Assign pulses to pixels by the time at which they come.

    Parameters
    ----------
    start : array-like of int, shape (pulse,)
        Samples at which the pulses, or their triggers, begin; ascending.
    order : ScanOrder
    rate : float
        Samples per second.
    voltage : array-like, shape (pulse,), optional
        Measured voltages, in V.
    length : array-like, shape (pulse,), optional
        Lengths in samples: a pulse of another length than the others was disturbed, and its pixel is left out.
    length_error : float
        By how many samples lengths may differ because they were measured so coarsely.
    line_triggers : array-like, optional
        Samples at which lines begin.
    record : (int, int), optional
        Samples before and after the start that will be cut; a pixel whose record holds the start of another pulse is
        left out. Not for triggers, which may bounce without a second pulse.

    Raises
    ------
    ValueError
        If the pulses do not come as the order says; the sentence says in which way.
    """
    starts = np.asarray(start, dtype=np.int64)
    if starts.size > 1 and (np.diff(starts) <= 0).any():
        raise ValueError("the pulses must be given in the order of time")
    if starts.size < 2:
        pulses = "one pulse" if starts.size else "no pulse"
        raise ValueError(
            f"{pulses} was found: that cannot be placed in a scan of {order.columns}×{order.lines} pixels"
        )
    volts = None if voltage is None else np.asarray(voltage, dtype=np.float64)
    beats = beats_from_starts(starts, order, volts, line_triggers)
    first, notes = _first_pass(beats, order, volts)
    if first + len(beats.passes) > order.passes:
        begun = f" when it starts in pass {first}" if first else ""
        raise ValueError(
            f"the recording holds {len(beats.passes)} passes over lines of {order.columns} pixels, more than the "
            f"{order.passes} of a scan with {order.lines} lines ({' and '.join(order.ways)}){begun}: check the number "
            "of lines and the ways"
        )
    entries = _entries(beats, first)
    near = _on_pace(entries, beats.rhythm.period)
    kept = near & ~_doubles(entries, near, beats.rhythm.jitter)
    entries, extra = entries.chosen(kept), entries.chosen(~kept)
    disturbed = _disturbed(starts, length, length_error, record)
    problems = {first + passage.number: passage.problem for passage in beats.passes if passage.problem}
    if volts is not None:
        disturbed |= _other_voltages(entries, volts, order, problems)
    return _places(beats, first, order, rate, entries, extra, disturbed, problems, [*beats.notes, *notes])


def _first_pass(beats: Beats, order: ScanOrder, volts: Array | None) -> tuple[int, list[str]]:
    """Return the passage of the scan in which the recording starts, and sentences about it."""
    ways = len(order.ways)
    first, notes = order.first_line * ways, []
    if ways > 1 and volts is not None and order.voltages_per == "way" and len(set(order.voltages)) > 1:
        nominal = np.array(order.voltages)
        middle = [
            (passage.number, np.median(volts[beats.members(passage)]))
            for passage in beats.passes
            if passage.events.size
        ]
        nearest = [(number, int(np.argmin(np.abs(nominal - value)))) for number, value in middle]
        agree = [sum((number + shift) % ways == way for number, way in nearest) for shift in range(ways)]
        shift = int(np.argmax(agree))
        if shift:
            notes.append(f"The recording starts with a {order.ways[shift]}, as its voltage shows.")
        first += shift
    elif ways > 1 and beats.triggered:
        notes.append(f"The recording starts with a {order.ways[1]}, as the line triggers show.")
        first += 1
    if first + len(beats.passes) < order.passes:
        line, way = order.line_and_way(first)
        notes.append(
            f"The recording holds {len(beats.passes)} of {order.passes} passes over lines; the first of them is "
            f"taken as the {way} of line {line}, counted from 0 in the order of time."
        )
    return first, notes


def _entries(beats: Beats, first: int) -> _Entries:
    """Return one entry for each pulse in step, with its distance from an even pace."""
    columns: list[tuple[NDArray[np.generic], ...]] = []
    for passage in beats.passes:
        if passage.events.size == 0 or passage.problem:
            continue
        event, slot = beats.members(passage), beats.member_slots(passage)
        z = beats.z[event]
        pace = (
            np.polynomial.Polynomial.fit(slot, z, 1)(slot)
            if np.ptp(slot) > 0
            else np.full(z.size, np.median(z))
        )
        pixel, part = np.divmod(slot, beats.per_pixel) if beats.per_pixel > 1 else (slot, beats.label[event])
        columns.append((event, np.full(event.size, first + passage.number), pixel, part, z - pace))
    if not columns:
        nothing = np.empty(0, np.int64)
        return _Entries(nothing, nothing, nothing, nothing, np.empty(0))
    return _Entries(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _on_pace(entries: _Entries, period: float) -> Mask:
    """Return which entries are not much farther from the even pace than the others: those are strays."""
    scale = 1.4826 * float(np.median(np.abs(entries.residual))) if entries.event.size else 0.0
    return np.abs(entries.residual) <= max(6 * scale, 2.5 / period)


def _doubles(entries: _Entries, near: Mask, jitter: float) -> Mask:
    """Return which of the pulses on pace have the place of another.

    Of two the first is meant, as a bounce comes after it; unless the jitter cannot explain where it lies, and the other
    is nearer to the pace.
    """
    order = np.flatnonzero(near)
    parts = (entries.number, entries.pixel, entries.part)
    order = order[np.lexsort((entries.event[order], *(part[order] for part in reversed(parts))))]
    double = np.zeros(near.size, np.bool_)
    far = max(3 * jitter, 0.02)
    same = np.logical_and.reduce([np.diff(part[order]) == 0 for part in parts])
    holder = -1
    for index in np.flatnonzero(same):
        first, second = order[index], order[index + 1]
        if double[first]:  # of three in one place, the one that was kept so far
            first = holder
        away = np.abs(entries.residual)
        better = away[first] > far and away[second] < away[first]
        holder, lost = (second, first) if better else (first, second)
        double[lost] = True
    return double


def _disturbed(
    starts: Indices, length: ArrayLike | None, length_error: float, record: tuple[int, int] | None
) -> Mask:
    """Return which pulses have another length than the others, or another pulse within their record."""
    disturbed = np.zeros(starts.size, np.bool_)
    if length is not None:
        lengths = np.asarray(length, dtype=np.float64)
        usual = float(np.median(lengths))
        disturbed |= np.abs(lengths - usual) > max(2.0, 1.01 * length_error, _OTHER_LENGTH * usual)
    if record is not None:
        before, after = record
        apart = np.diff(starts)
        disturbed[:-1] |= apart < after
        # A pulse that was not over when the baseline begins is another's disturbance, too.
        ends = starts if length is None else starts + np.asarray(length, dtype=np.int64)
        disturbed[1:] |= starts[1:] - before < ends[:-1]
    return disturbed


def _other_voltages(entries: _Entries, volts: Array, order: ScanOrder, problems: dict[int, str]) -> Mask:
    """Return which pulses have a voltage that does not belong to their setting; passes full of them are a problem."""
    other = np.zeros(volts.size, np.bool_)
    ways, settings = len(order.ways), order.settings
    setting = (entries.number % ways) * order.pulses_per_pixel + entries.part
    for index, (_, nominal) in enumerate(settings):
        mine = setting == index
        if not mine.any():
            continue
        measured = volts[entries.event[mine]]
        expected = float(np.median(measured)) if np.isnan(nominal) else nominal
        unlike = np.abs(measured - expected) > OTHER_VOLTAGE * abs(expected)
        other[entries.event[mine]] = unlike
        for number in np.unique(entries.number[mine][unlike]):
            here = entries.number[mine] == number
            if np.mean(unlike[here]) > 0.5:
                has, wants = (
                    text_from_quantity(v, "V", digits=3) for v in (np.median(measured[here]), expected)
                )
                problems[int(number)] = f"its pulses have {has} where {wants} belongs"
    return other


def _places(
    beats: Beats, first: int, order: ScanOrder, rate: float, entries: _Entries, extra: _Entries, disturbed: Mask,
    problems: dict[int, str], notes: list[str],
) -> Places:  # fmt: skip
    settings, per_way, ways = order.settings, order.pulses_per_pixel, len(order.ways)
    event = np.full((len(settings), order.lines, order.columns), MISSING, np.int64)
    bounds = np.searchsorted(entries.number, np.arange(first, first + len(beats.passes) + 1))
    stray_number, stray_pixel, outside = beats.strays_in_passes()
    if outside:
        notes = [*notes, f"{counted(outside, 'pulse')} came between the lines, of no pixel."]
    reports, squares = [], []
    for passage in beats.passes:
        number = first + passage.number
        row, columns = order.row_of(number), order.columns_of(number)
        mine = slice(bounds[passage.number], bounds[passage.number + 1])
        problem = problems.get(number, "")
        present = np.zeros((order.columns, per_way), np.bool_)
        spoiled: tuple[int, ...] = ()
        jitter = float("nan")
        if not problem:
            which, pixel, part = entries.event[mine], entries.pixel[mine], entries.part[mine]
            good = ~disturbed[which]
            event[(number % ways) * per_way + part[good], row, columns[pixel[good]]] = which[good]
            present[pixel, part] = True
            spoiled = tuple(sorted({int(column) for column in columns[pixel[~good]]}))
            squares.append(entries.residual[mine] ** 2)
            if which.size > 2:
                jitter = float(np.sqrt(np.mean(entries.residual[mine] ** 2))) * beats.rhythm.period / rate
        doubled = [*extra.pixel[extra.number == number], *stray_pixel[stray_number == passage.number]]
        of_way = event[(number % ways) * per_way : (number % ways + 1) * per_way, row]
        reports.append(
            LineReport(
                row, order.line_and_way(number)[1], int((of_way != MISSING).sum()), order.columns * per_way,
                dropped=tuple(sorted(int(column) for column in columns[~present.all(axis=1)])) if not problem else (),
                doubled=tuple(sorted(int(columns[pixel]) for pixel in doubled)),
                spoiled=spoiled, jitter=jitter, problem=problem,
            )
        )  # fmt: skip
    if not (event != MISSING).any():
        raise ValueError(
            "no pulse could be placed: " + "; ".join(sorted(set(problems.values())) or ["all are disturbed"])
        )
    for (way, voltage), placed in zip(settings, event, strict=True):
        if not (placed != MISSING).any():
            setting = f"{way} at {voltage:+g} V" if np.isfinite(voltage) else way
            notes = [
                *notes,
                f"No pulse of the {setting} could be placed: check 'voltages', 'voltages per' and 'ways'.",
            ]
    spread = np.concatenate(squares)
    return Places(
        event, order, reports, beats.rhythm.period / rate,
        float(np.sqrt(spread.mean())) * beats.rhythm.period / rate, notes,
    )  # fmt: skip
