"""What the arrays of a file probably are, and what nobody but its owner can say: a mapping to start from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from napari_tesm.io.channel_times import TIMES_OF
from napari_tesm.io.content import Axis, FileContent, Source, si_from_unit, unit_is_known
from napari_tesm.io.images import is_image, roles_of_axes, size_in_words
from napari_tesm.io.mapping.companions import (
    UNIT_OF_TIMES,
    Companions,
    companions_of,
    times_among,
    unit_in_name,
)
from napari_tesm.io.mapping.entries import (
    FileValue,
    ImageEntry,
    Mapping,
    RecordingEntry,
    ScanEntry,
    TimeEntry,
    TraceEntry,
)
from napari_tesm.io.mapping.pieces import patterns_among
from napari_tesm.io.mapping.signals import ROLES, is_called
from napari_tesm.io.mapping.text import text_from_mapping
from napari_tesm.io.mapping.times import missing_time
from napari_tesm.quantities.text import prefix_for

UNKNOWN: Final = "?"
MICROSCOPE: Final = "microscope file"
"""How the formats of the vendors' reader begin."""
_SHORTEST_RECORDING: Final = 1000
_WITH_PREFIXES: Final = ("m", "s", "V", "A", "N", "Hz")


@dataclass(frozen=True)
class Proposal:
    """A mapping, and what has to be said before it can be used.

    Parameters
    ----------
    mapping : Mapping
        Channels that could not be told are named ``"?"``.
    questions : tuple of str
        What is not known, in sentences; empty where the mapping can be used as it is.
    """

    mapping: Mapping
    questions: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing has to be asked."""
        return not self.questions

    def to_text(self, content: FileContent) -> str:
        """Return it as YAML for its owner to complete, the questions and the arrays of the file as comments."""
        lines = [f"# A mapping proposed for {content.path.name}."]
        if self.questions:
            lines += [
                "# To be said before it can be used:",
                *(f"#   - {question}" for question in self.questions),
            ]
        lines += ["# The file holds:"]
        lines += [f"#   {line}" for line in lines_from_content(content)]
        text = text_from_mapping(self.mapping)
        in_lines = any("pixel" in entry.axes for entry in self.mapping.traces)
        if self.mapping.recording is not None or in_lines:
            given = self.mapping.scan
            hints = {
                "pixels": given.pixels, "lines": given.lines, "width": given.width, "height": given.height,
            }  # fmt: skip
            missing = [name for name, value in hints.items() if value is None]
            if missing:
                example = {"pixels": "64", "lines": "48", "width": "384 nm", "height": "288 nm"}
                entries = ", ".join(f"{name}: {example[name]}" for name in missing)
                text += f"# scan: {{{entries}, ways: [trace], voltages: [-3 V]}}   # an example: put in your own\n"
        return "\n".join(lines) + "\n" + text


def proposal_from_content(content: FileContent, *, time_unit: str | None = None) -> Proposal | None:
    """Return what the arrays of a file probably are; None where it holds nothing that could be traces or images.

    Arrays whose axes say what they are need no question. Channels of a continuous recording are told by their names,
    and never without a question where several could be meant.

    Parameters
    ----------
    content : FileContent
    time_unit : str, optional
        Unit of times that have none in the file: then it is not asked for.
    """
    images = tuple(ImageEntry(source.name) for source in content.sources if is_image(source))
    traces = [source for source in content.sources if _holds_traces(source)]
    timed = {source.name: beside for source, beside in _with_times_beside(content, traces, time_unit)}
    if timed:
        traces = [source for source in content.sources if source in traces or source.name in timed]
        images = tuple(entry for entry in images if entry.source not in timed)
    if traces:
        return _traces_proposed(traces, images, timed, time_unit)
    # A microscope's file of single curves is no recording of a scan, though they run along time.
    single = content.format.startswith(MICROSCOPE)
    streams = [] if single else _streams(content)
    unnamed = [source for source in content.sources if _may_hold_traces(source)]
    if unnamed and len(streams) < 2 and not single:
        return _axes_asked(unnamed, images)
    if streams:
        return _recording_proposed(streams, images)
    if images:
        return Proposal(Mapping(images=images))
    return None


def lines_from_content(content: FileContent) -> list[str]:
    """Return a line for every array of a file: name, size, axes, unit."""
    lines = []
    for source in content.sources:
        axes = ", ".join(filter(None, (_axis_in_words(axis) for axis in source.axes)))
        unit = f" in {source.unit}" if source.unit else ""
        lines.append(f"{source.name}: {size_in_words(source)}{unit}{f' ({axes})' if axes else ''}")
    return lines


def _axis_in_words(axis: Axis) -> str:
    if not axis.known:
        return f"{axis.name or 'axis'} without positions"
    if not axis.name and not axis.unit:
        return ""
    if not axis.size:
        return f"{axis.name} {axis.unit}".strip()
    positions = axis.positions()
    ends = [float(positions[0]), float(positions[-1])]
    # What is no symbol of a base unit is shown as the file has it.
    factor, unit = prefix_for(ends, axis.unit) if axis.unit in _WITH_PREFIXES else (1.0, axis.unit)
    return f"{axis.name} {ends[0] / factor:.5g} to {ends[1] / factor:.5g} {unit}".strip()


def _holds_traces(source: Source) -> bool:
    roles = roles_of_axes(source.axes)
    long = [axis.size for axis, role in zip(source.axes, roles, strict=True) if role not in ("time", "skip")]
    return (
        roles.count("time") == 1
        and source.array.dtype.kind in "fiu"
        and source.axes[roles.index("time")].size >= 2
        and len(source.axes) >= 2
        and int(np.prod(long)) >= 1
        and all(si_from_unit(axis.unit)[1] in ("m", "s", "", "V") for axis in source.axes)
    )


def _with_times_beside(
    content: FileContent, traces: Sequence[Source], time_unit: str | None
) -> Iterator[tuple[Source, Companions]]:
    """Yield the arrays of traces whose times stand in another array; those of two axes where there are no others."""
    some = False
    for least in (3, 2):
        for source in content.sources:
            long = sum(size > 1 for size in source.shape)
            if source.array.dtype.kind not in "fiu" or (long < 3 if least == 3 else long != 2):
                continue
            beside = companions_of(source, content, time_unit)
            if beside is not None:
                some = True
                yield source, beside
        if some or traces:
            return


def _may_hold_traces(source: Source) -> bool:
    """Whether an array has three axes of which nothing is known, as programs write them that keep no axes."""
    long = [axis for axis in source.axes if axis.size > 1]
    # Three or four small whole numbers for each pixel are the colours of a picture.
    colours = source.array.dtype == np.uint8 and min((axis.size for axis in long), default=0) <= 4
    return (
        len(long) == 3
        and source.array.dtype.kind in "fiu"
        and not colours
        and not any(roles_of_axes(long))
        and all(not si_from_unit(axis.unit)[1] for axis in long)
    )


def _axes_asked(sources: Sequence[Source], images: tuple[ImageEntry, ...]) -> Proposal:
    """Return the proposal for arrays of which only their owner knows which axis is time."""
    entries, questions = [], []
    for source in sources:
        entries.append(
            TraceEntry(source.name, tuple("skip" if a.size == 1 else UNKNOWN for a in source.axes))
        )
        questions.append(
            f"what the axes of '{source.name}' ({size_in_words(source)}) are, as axes: [y, x, time], if they are traces"
        )
    questions.append("the time between two samples, as time: {interval: 0.1 ms}")
    return Proposal(Mapping(traces=tuple(entries), images=images), tuple(questions))


def _traces_proposed(
    sources: Sequence[Source],
    images: tuple[ImageEntry, ...],
    timed: dict[str, Companions],
    time_unit: str | None,
) -> Proposal:
    entries, questions = [], []
    lookups: dict[str, FileValue] = {}
    for source in sources:
        beside = timed.get(source.name)
        roles = roles_of_axes(source.axes) if beside is None else list(beside.roles)
        unknown = [n for n, role in enumerate(roles) if not role]
        if len(unknown) == 1 and not {"x", "y", "pixel"} & set(roles):
            roles[unknown[0]] = "pixel"
        elif len(unknown) == 1 and {"x", "y"} <= set(roles):
            roles[unknown[0]] = "pulse"
        elif len(unknown) == 2 and not {"x", "y", "pixel"} & set(roles):
            roles[unknown[0]], roles[unknown[1]] = "y", "x"
        elif unknown:
            questions.append(f"what the axes of '{source.name}' ({size_in_words(source)}) are")
            roles = [role or UNKNOWN for role in roles]
        time = source.axes[roles.index("time")]
        if beside is not None:
            questions += beside.questions
            lookups |= beside.lookups
        elif (missing := missing_time(source, time)) and not (
            time.known and not unit_is_known(time.unit) and time_unit
        ):
            questions.append(missing)
        if "pixel" in roles:
            questions.append(f"how many of the {source.axes[roles.index('pixel')].size} pixels make a line")
        signal = next((name for name in ("Y", "R", "phase") if is_called(source.title, name)), "X")
        entries.append(TraceEntry(source.name, tuple(roles), signal))
    if not any(entry.signal in ("X", "R") for entry in entries):
        names = " and ".join(f"'{entry.source}' is {entry.signal}" for entry in entries[:3])
        questions.append(f"which array is X, the displacement, as signal: X (by name {names})")
    times = {beside.time.source: beside.time for beside in timed.values()}
    if len(times) > 1:
        questions.append(
            f"which array holds the times, as time: {{source: …}}: {', '.join(map(repr, times))}"
        )
    mapping = Mapping(
        traces=tuple(entries), images=images, lookups=lookups,
        time=next(iter(times.values())) if len(times) == 1 else TimeEntry(),
    )  # fmt: skip
    return Proposal(mapping, tuple(dict.fromkeys(questions)))


def _streams(content: FileContent) -> list[Source]:
    """Return the channels of one continuous recording: long, along time.

    Those without a time base have as many samples as the most have; others say themselves how they lie.
    """
    long = [
        source
        for source in content.sources
        if sum(axis.size > 1 for axis in source.axes) == 1
        and max(source.shape) >= _SHORTEST_RECORDING
        and source.array.dtype.kind in "fiub"
        # A force curve runs along a distance, a spectrum along a voltage.
        and all(si_from_unit(axis.unit)[1] in ("s", "") for axis in source.axes)
    ]
    sizes = [max(source.shape) for source in long]
    if not sizes:
        return []
    most = max(set(sizes), key=lambda size: (sizes.count(size), size))
    return [
        source
        for source, size in zip(long, sizes, strict=True)
        if size == most or any(axis.known and si_from_unit(axis.unit)[1] == "s" for axis in source.axes)
    ]


def _recording_proposed(streams: Sequence[Source], images: tuple[ImageEntry, ...]) -> Proposal | None:
    if len(streams) < 2:
        return Proposal(Mapping(images=images)) if images else None
    names: dict[str, str] = {}
    questions = []
    streams = [stream for stream in streams if TIMES_OF not in stream.attributes]
    times = times_among(streams)
    streams = [stream for stream in streams if stream not in times]
    patterns = patterns_among([stream.name for stream in streams])
    streams = _one_of_each(streams, patterns)
    for role in ROLES:
        taken = names.values()
        called = [stream for stream in streams if is_called(stream.title, role) and stream.name not in taken]
        if len(called) == 1:
            names[role] = called[0].name
        elif len(called) > 1 and role in ("dc", "X"):
            questions.append(f"which channel is {_in_words(role)}: {_listed(called)}")
    free = [stream for stream in streams if stream.name not in names.values()]
    for role in ("X", "dc"):
        asked = any(_in_words(role) in question for question in questions)
        if role not in names and not asked:
            questions.append(f"which channel is {_in_words(role)}: {_listed(free or streams)}")
    time = streams[0].axes[0]
    names = {role: patterns.get(name, name) for role, name in names.items()}
    listed = TimeEntry()
    if time.known and not unit_is_known(time.unit) and (lacking := missing_time(streams[0], time)):
        questions.append(lacking)
    elif not time.known or si_from_unit(time.unit)[1] != "s":
        unit = unit_in_name(times[0].title, "s") if times else ""
        if len(times) == 1 and (times[0].unit or unit):
            listed = TimeEntry(source=times[0].name, unit="" if times[0].unit else unit)
        elif len(times) == 1:
            listed = TimeEntry(source=times[0].name)
            questions.append(
                f"{UNIT_OF_TIMES} in '{times[0].name}', as time: {{source: {times[0].name}, unit: ms}}"
            )
        else:
            questions.append("the sampling rate, as time: {interval: 0.1 ms}")
    questions.append("the number of pixels and lines, and the size of the image, as scan: {…}")
    recording = RecordingEntry(
        signals={"X": names.get("X", UNKNOWN)}
        | {signal: names[signal] for signal in ("Y", "R", "phase") if signal in names},
        dc=names.get("dc", UNKNOWN),
        pixel_trigger=names.get("pixel trigger", ""),
        line_trigger=names.get("line trigger", ""),
    )
    mapping = Mapping(images=images, recording=recording, scan=ScanEntry(), time=listed)
    return Proposal(mapping, tuple(questions))


def _one_of_each(streams: Sequence[Source], patterns: dict[str, str]) -> list[Source]:
    """Return the channels, those in pieces by their first one."""
    seen: set[str] = set()
    chosen = []
    for stream in streams:
        pattern = patterns.get(stream.name, "")
        if pattern not in seen:
            chosen.append(stream)
        seen |= {pattern} - {""}
    return chosen


def _in_words(role: str) -> str:
    return {"X": "X, the displacement", "dc": "the dc voltage"}[role]


def _listed(sources: Sequence[Source]) -> str:
    names = ", ".join(f"'{source.name}'" for source in sources[:8])
    return names + (" …" if len(sources) > 8 else "")
