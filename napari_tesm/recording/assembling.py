"""A continuous recording made into a dataset: pulses found, put in their pixels, traces cut."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.dataset import SIGNALS, dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.data.time_base import Alignment, TimeBase, aligned
from napari_tesm.files.lazy import LazyArray
from napari_tesm.quantities.numbers import counted
from napari_tesm.quantities.text import text_from_quantity
from napari_tesm.recording.clock import Clock, times_of_records
from napari_tesm.recording.cutting import CutTraces
from napari_tesm.recording.order import ScanOrder
from napari_tesm.recording.places import MISSING, OTHER_VOLTAGE, Places, places_from_events
from napari_tesm.recording.pulses import Pulses, find_edges, find_pulses, pulses_in_lead
from napari_tesm.recording.raw import RawSignal, RawTraces, traces_from_raw
from napari_tesm.recording.response_images import add_response_images
from napari_tesm.recording.rhythm import rhythm_from_times
from napari_tesm.recording.streams import length_of

STREAMS: Final = (*SIGNALS, "dc", "trigger", "line", "reference")
"""Names of the streams of a recording: the lock-in's signals, the dc voltage, the pixel and the line trigger; with raw
deflection as X the reference of the drive."""
REPORT: Final = "recording_report"
"""Attribute of the dataset that holds what was found, as lines of text."""

_BASELINE: Final = 0.02
"""Part of the record that lies before the pulse, where nobody says: as many samples as H takes from the pulse's end,
and few enough to stay clear of the pixel before."""

_STRAY: Final = 0.02
"""Part of the pulses up to which those of a voltage are strays."""
_MOST: Final = 2 / 3
"""Part of the records from which their length is wrong, not a few pulses: of two pulses in each pixel half may do."""


def dataset_from_recording(
    streams: Mapping[str, Any],
    sampling: float | Mapping[str, TimeBase],
    order: ScanOrder,
    *,
    names: Mapping[str, str] | None = None,
    begins: Sequence[int] = (),
    scan_size: tuple[float, float] | None = None,
    before: float | None = None,
    after: float | None = None,
    unit: str = "V",
    protocol: PulseProtocol | None = None,
    pulse_delay: float | None = None,
    channels: Sequence[xr.DataArray] = (),
    check: Callable[[], None] | None = None,
    raw: RawSignal | None = None,
) -> xr.Dataset:
    """Build a dataset over the streams of a continuous recording; traces are read when they are asked for.

    Parameters
    ----------
    streams : mapping of str to array-like, each of shape (sample,)
        By the names in `STREAMS`. ``"X"`` is needed, and ``"dc"`` or ``"trigger"``; where both are there, the dc
        voltage says when a pulse begins.
    sampling : float, or mapping of TimeBase
        Samples per second where all streams were sampled together, else the time base of each. They are laid side by
        side, and what not all of them have is left out; the report says so.
    order : ScanOrder
    names : mapping of str, optional
        What the streams are called in sentences.
    begins : sequence of int
        Samples of X at which pieces of the recording begin. No record reaches from one into the next; where there are
        as many as passes over lines and no line trigger, each is one.
    scan_size : (float, float), optional
        Width and height of the scan, in m; pixel numbers stand in for positions where it is unknown.
    before, after : float, optional
        Record before and after the start of the pulse, in s. By default the record lasts as long as the pulses are
        apart, and a fiftieth of it lies before the pulse.
    unit : str
        Of the lock-in's X, Y and R.
    protocol : PulseProtocol, optional
        What is known; the pulse duration is read from the dc voltage where it is not.
    pulse_delay : float, optional
        Without a dc voltage: time from the pixel trigger to the start of the pulse, in s. Time counts from the trigger,
        and the start of the pulse stays unknown, where it is not given.
    channels : sequence of DataArray
        Images of the same grid.
    check : callable, optional
        Called before each reading.
    raw : RawSignal, optional
        X is raw deflection, out of which the response at the drive's frequency is taken.

    Raises
    ------
    ValueError
        If a stream is missing or unlike the others, or pulses cannot be found or placed; in one sentence.
    """
    _check_streams(streams)
    alignment = _aligned(streams, sampling, names)
    streams = {name: _part(stream, alignment.spans[name]) for name, stream in streams.items()}
    clock, name_of_x = Clock.of(alignment.bases["X"]), (names or {}).get("X", "X")
    rate = 1.0 / clock.interval
    pulses, starts, lines = _events(streams, alignment, clock, pulse_delay or 0.0)
    order, held = _order_of_voltages_held(order, pulses)
    pieces = np.asarray(begins, dtype=np.int64) - alignment.spans["X"][0]
    room = _room_in_pieces(starts, pieces, alignment.bases["X"].size)
    samples = _record(starts, pulses, clock, before, after, room)
    if lines is None and len(pieces) == order.passes > 1:
        lines = pieces
    places = places_from_events(
        clock.ticks(starts), order, rate, line_triggers=None if lines is None else clock.ticks(lines),
        voltage=None if pulses is None else pulses.voltage,
        length=None if pulses is None else clock.ticks(pulses.stop) - clock.ticks(pulses.start),
        length_error=0.0 if pulses is None else pulses.edge_error,
        record=None if pulses is None else _record_in_ticks(clock, starts, samples),
    )  # fmt: skip
    time, start_of_pixels, said_of_times = times_of_records(
        clock, _starts_of_pixels(places, starts, samples, pieces), samples, name_of_x
    )
    traces, unlike = _cut(streams, alignment, start_of_pixels, samples, names or {})
    known = protocol or PulseProtocol()
    if raw is not None:
        made = _traces_from_raw(streams, alignment, start_of_pixels, samples, pulses, clock, known, raw)
        traces, time, known = made.traces, made.time, made.protocol(known, raw)
        said_of_times += made.notes
    x, y, lateral = _positions(order, scan_size)
    pulse_known = pulses is not None or pulse_delay is not None
    origin = float(-time[0])
    filled = _protocol(known, pulses, clock, origin if pulse_known else None)
    dataset = dataset_from_traces(
        traces, time=time, x=x, y=y, voltage=_voltages(places, pulses), direction=[way for way, _ in order.settings],
        unit=unit, lateral_unit=lateral, protocol=filled, channels=channels, check=check,
    )  # fmt: skip
    if raw is not None and raw.images:
        add_response_images(dataset, made.traces["X"], made.carrier)
    dataset.attrs |= {"time_origin": origin, "sampling_rate": float(rate if raw is None else made.rate)}
    said = [sentence for sentence in (alignment.sentence, held, *said_of_times) if sentence]
    said += [*unlike, *_pulse_notes(pulses, rate), *_not_whole(traces["X"], places)]
    dataset.attrs[REPORT] = "\n".join([*places.report(), *said])
    return dataset


def _aligned(
    streams: Mapping[str, Any], sampling: float | Mapping[str, TimeBase], names: Mapping[str, str] | None
) -> Alignment:
    sizes = {name: length_of(stream, f"'{name}'") for name, stream in streams.items()}
    if isinstance(sampling, Mapping):
        bases = {name: sampling[name] for name in streams}
    else:
        if not (np.isfinite(sampling) and sampling > 0):
            raise ValueError(f"the sampling rate must be a number larger than zero, not {sampling}")
        bases = {name: TimeBase(size, interval=1.0 / sampling) for name, size in sizes.items()}
    return aligned(bases, "X", names)


def _events(
    streams: Mapping[str, Any], alignment: Alignment, clock: Clock, delay: float
) -> tuple[Pulses | None, NDArray[np.int64], NDArray[np.int64] | None]:
    """Return the pulses of the dc voltage, when each pixel's pulse starts, and when lines begin, in samples of X."""
    lines = None
    if "line" in streams:
        lines = alignment.in_lead("line", find_edges(streams["line"], name="the line trigger"))
    if "dc" in streams:
        pulses = pulses_in_lead(find_pulses(streams["dc"]), alignment)
        return pulses, pulses.start, lines
    edges = alignment.in_lead("trigger", find_edges(streams["trigger"], name="the pixel trigger"))
    return None, clock.later(edges, delay), lines


def _order_of_voltages_held(order: ScanOrder, pulses: Pulses | None) -> tuple[ScanOrder, str]:
    """Return the order with the voltages that the recording holds, and a sentence where it lacks some.

    One mapping does for a series: it names the voltages of all its recordings, each of which may hold one.
    """
    named = np.array(order.voltages)
    if pulses is None or order.voltages_per != "pixel" or named.size < 2 or not np.isfinite(named).all():
        return order, ""
    away = np.abs(pulses.voltage[:, None] - named)
    nearest = named[np.argmin(away, axis=1)]
    alike = away.min(axis=1) <= OTHER_VOLTAGE * np.abs(nearest)
    share = {value: float(np.mean(alike & (nearest == value))) for value in named.tolist()}
    held = tuple(value for value in order.voltages if share[value] > _STRAY)
    if not held or len(held) == named.size:
        return order, ""
    listed, own = (
        ", ".join(text_from_quantity(value, "V") for value in values) for values in (order.voltages, held)
    )
    return replace(order, voltages=held), f"Of the voltages {listed} the recording holds {own} alone."


def _part(stream: Any, span: tuple[int, int]) -> Any:
    """Return a stretch of a stream, read when it is sliced; the stream itself where that is all of it."""
    first, stop = span
    if (first, stop) == (0, int(stream.shape[0])):
        return stream
    return LazyArray((stop - first,), stream.dtype, lambda part: _stretch(stream, part[0], first))


def _stretch(stream: Any, part: slice, first: int) -> NDArray[Any]:
    return np.asarray(stream[part.start + first : part.stop + first])[:: part.step]


def _starts_of_pixels(
    places: Places, starts: NDArray[np.int64], samples: tuple[int, int], pieces: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return when the pulse of each pixel starts; negative where it has none, or its record reaches over two pieces."""
    start = np.where(places.event == MISSING, -1, starts[places.event])
    first, last = start - samples[0], start + samples[1] - 1
    across = np.searchsorted(pieces, first, side="right") != np.searchsorted(pieces, last, side="right")
    return np.where(across, -1, start)


def _cut(
    streams: Mapping[str, Any],
    alignment: Alignment,
    starts: NDArray[np.int64],
    samples: tuple[int, int],
    names: Mapping[str, str],
) -> tuple[dict[str, list[Any]], list[str]]:
    """Return the traces of each signal and pulse setting, and a sentence about each that was not sampled with X."""
    traces: dict[str, list[Any]] = {}
    said = []
    for signal in (signal for signal in SIGNALS if signal in streams):
        if alignment.is_sampled_alike(signal):
            traces[signal] = [CutTraces(streams[signal], of_setting, *samples) for of_setting in starts]
        else:
            said.append(f"'{names.get(signal, signal)}' was not sampled with X and is left out.")
    return traces, said


def _traces_from_raw(
    streams: Mapping[str, Any],
    alignment: Alignment,
    starts: NDArray[np.int64],
    samples: tuple[int, int],
    pulses: Pulses | None,
    clock: Clock,
    known: PulseProtocol,
    raw: RawSignal,
) -> RawTraces:
    if not clock.is_even:
        raise ValueError("raw deflection must be sampled evenly: its samples are not equally apart")
    if "reference" in streams and not alignment.is_sampled_alike("reference"):
        raise ValueError("the reference was not sampled with the deflection: their phases cannot be compared")
    rate = 1.0 / clock.interval
    pulse = 0.0 if pulses is None else float(np.median(pulses.stop - pulses.start))
    if known.pulse_duration is not None:
        pulse = known.pulse_duration * rate
    return traces_from_raw(dict(streams), starts, samples, round(pulse), rate, raw)


def _not_whole(traces: Sequence[CutTraces], places: Places) -> list[str]:
    """Return a sentence about pixels whose pulse is there and whose record the recording does not hold whole."""
    cut = sum(
        int(np.count_nonzero((event != MISSING) & (of_setting.start < 0)))
        for event, of_setting in zip(places.event, traces, strict=True)
    )
    if not cut:
        return []
    have = "pixel has its" if cut == 1 else "pixels have their"
    return [f"{cut} {have} pulse within the recording, but not the whole record: left empty."]


def _check_streams(streams: Mapping[str, Any]) -> None:
    unknown = sorted(set(streams) - set(STREAMS))
    if unknown:
        raise ValueError(f"unknown streams {unknown}: a recording has {', '.join(STREAMS)}")
    if "X" not in streams:
        raise ValueError("the recording has no lock-in X: say which of its channels that is")
    if "dc" not in streams and "trigger" not in streams:
        raise ValueError(
            "the recording has neither a dc voltage nor a pixel trigger: its pixels cannot be told apart"
        )


def _room_in_pieces(starts: NDArray[np.int64], pieces: NDArray[np.int64], size: int) -> tuple[float, float]:
    """Return how many samples a piece usually has before its first pulse, and from the start of its last one."""
    number = np.searchsorted(pieces, starts, side="right") - 1
    if pieces.size < 2 or not (number >= 0).any():
        return np.inf, np.inf
    held, first = np.unique(number, return_index=True)
    last = np.searchsorted(number, held, side="right") - 1
    ends = np.append(pieces[1:], size)
    inside = held >= 0
    before = (starts[first] - pieces[held])[inside]
    return float(np.median(before)), float(np.median((ends[held] - starts[last])[inside]))


def _record(
    starts: NDArray[np.int64],
    pulses: Pulses | None,
    clock: Clock,
    before: float | None,
    after: float | None,
    room: tuple[float, float],
) -> tuple[int, int]:
    """Return the samples of a record before and from the start of the pulse.

    Where nobody says it, a record is as long as the pulses are apart, and has room in the pieces of the recording.
    """
    for name, value in (("before", before), ("after", after)):
        if value is not None and not (np.isfinite(value) and value >= 0):
            raise ValueError(f"the record {name} the pulse must be a time from zero, not {value}")
    pulse = 0 if pulses is None else int(np.median(pulses.stop - pulses.start))
    if before is None or after is None:
        rhythm = rhythm_from_times(starts.astype(np.float64))
        whole = int(rhythm.period * (1 - min(4 * rhythm.jitter, 0.5)))
        usual = max(1, min(round(_BASELINE * whole), (whole - pulse) // 4))
    first = int(min(usual, room[0])) if before is None else clock.samples_before(starts, before)
    last = int(min(max(1, whole - first), room[1])) if after is None else clock.samples_after(starts, after)
    if last < 1:
        raise ValueError(
            f"the record after the start of the pulse is shorter than a sample of {clock.interval:g} s"
        )
    _refuse_records_that_hold_others(starts, pulse, 1.0 / clock.interval, first, last)
    return first, last


def _record_in_ticks(clock: Clock, starts: NDArray[np.int64], samples: tuple[int, int]) -> tuple[int, int]:
    """Return how long a record lasts before the start of the pulse and from it on, as an even clock counts."""
    if clock.is_even:
        return samples
    some = starts[:: max(1, starts.size // 100)]
    before = clock.ticks(some) - clock.ticks(np.maximum(some - samples[0], 0))
    after = clock.ticks(some + samples[1] - 1) - clock.ticks(some)
    return int(np.median(before)), int(np.median(after)) + 1


def _refuse_records_that_hold_others(
    start: NDArray[np.int64], pulse: int, rate: float, before: int, after: int
) -> None:
    """See that most records end before the next pulse begins, and begin after the one before has ended."""
    apart = np.diff(start)
    if apart.size and max(np.mean(apart < after), np.mean(apart - pulse < before)) > _MOST:
        long, period = (
            text_from_quantity(n / rate, "s", digits=4) for n in (before + after, np.median(apart))
        )
        raise ValueError(
            f"a record of {long} reaches into the pulses of other pixels, which come every {period}: check 'before', "
            "'length' and the sampling interval"
        )


def _positions(
    order: ScanOrder, size: tuple[float, float] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    if size is None:
        return np.arange(order.columns, dtype=np.float64), np.arange(order.lines, dtype=np.float64), "px"
    if not (np.isfinite(size).all() and min(size) > 0):
        raise ValueError(f"the scan size must be larger than zero, not {size[0]:g} × {size[1]:g}")
    x, y = (
        np.asarray((np.arange(count) + 0.5) * (length / count), dtype=np.float64)
        for length, count in zip(size, (order.columns, order.lines), strict=True)
    )
    return x, y, "m"


def _voltages(places: Places, pulses: Pulses | None) -> list[float]:
    """Return the voltage of each pulse setting: as it was said, else as it was measured, to three digits."""
    voltages = []
    for index, (_, nominal) in enumerate(places.order.settings):
        event = places.event[index]
        if np.isnan(nominal) and pulses is not None and (event != MISSING).any():
            nominal = float(f"{np.median(pulses.voltage[event[event != MISSING]]):.3g}")
        voltages.append(nominal)
    return voltages


def _protocol(
    given: PulseProtocol, pulses: Pulses | None, clock: Clock, start: float | None
) -> PulseProtocol:
    protocol = given
    if pulses is not None and protocol.pulse_duration is None:
        duration = float(np.median(clock.seconds(pulses.start, pulses.stop)))
        protocol = protocol.updated(pulse_duration=duration)
    return protocol.updated(pulse_start=start)


def _pulse_notes(pulses: Pulses | None, rate: float) -> list[str]:
    if pulses is None:
        return []
    notes = []
    if pulses.clipped:
        notes.append(f"{counted(pulses.clipped, 'pulse')} cut by the begin or the end of the recording.")
    if pulses.spikes:
        notes.append(f"{counted(pulses.spikes, 'spike')} of the dc voltage too short for a pulse.")
    if pulses.edge_error > 1:
        known = text_from_quantity(pulses.edge_error / rate, "s", digits=3)
        notes.append(
            f"When a pulse begins and ends is known to {known} only, the time between two samples of the dc voltage."
        )
    return notes
