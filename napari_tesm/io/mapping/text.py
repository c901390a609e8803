"""Mappings as YAML: a few lines that a person can write, checked in sentences and kept with the data.

::

    format: t-ESM mapping 1
    traces:                       # arrays with one trace per pixel
    - source: scan/displacement
      axes: [y, x, time]
      signal: X
      voltage: -3 V
    images:
    - {source: scan/height, title: Topography, unit: nm}
    scan: {pixels: 64, lines: 48, width: 384 nm, height: 288 nm, ways: [trace, retrace], voltages: [+3 V, -3 V]}
    time: {interval: 0.1 ms}      # or {source: scan/time}: the times stand in another array
    protocol: {pulse start: 0 s, pulse duration: 10 ms, tip radius: 25 nm}

What stands in the file need not be written out: ``width: {source: scan/size, unit: nm}``, likewise other entries of
`scan`, `time` and `protocol`. Instead of `traces`, a mapping may name the channels of one continuous recording, to be
cut at the pulses::

    recording: {X: Untitled/ai0, dc: Untitled/ai1, pixel trigger: Untitled/port0, before: 1 ms, length: 26 ms}

Where raw deflection was recorded and not what a lock-in makes of it, it takes the place of X::

    raw: {deflection: Untitled/ai0, drive frequency: 25 kHz}
    recording: {dc: Untitled/ai1, pixel trigger: Untitled/port0}
"""

from dataclasses import asdict, fields
from os import PathLike
from pathlib import Path
from typing import Any, Final

import yaml

from napari_tesm.data.dataset import DIRECTIONS, SIGNALS
from napari_tesm.data.protocol import RADII, UNITS, PulseProtocol, text_from_radius
from napari_tesm.io.content import si_from_unit
from napari_tesm.io.mapping.entries import (
    AXES,
    AfmEntry,
    FileValue,
    ImageEntry,
    Mapping,
    MappingError,
    RawEntry,
    RecordingEntry,
    ScanEntry,
    TimeEntry,
    TraceEntry,
)
from napari_tesm.io.mapping.reader import PROTOCOL, EntryReader, unit_of_entry
from napari_tesm.io.mapping.signals import signal_by_name
from napari_tesm.io.mapping.yaml import entries_from_yaml, shown
from napari_tesm.kernels.low_pass import order_from_text
from napari_tesm.quantities.text import quantity_and_error_from_text, text_from_quantity

FORMAT: Final = "t-ESM mapping 1"
_LARGEST: Final = 1 << 20
_NO_DISPLACEMENT: Final = ("Y", "phase")
"""Signals of a lock-in that are none without X."""
_FROM_FILE: Final = {
    "scan": ("pixels", "lines", "width", "height", "voltages"),
    "time": ("interval", "start"),
    "protocol": tuple(PROTOCOL),
}
"""Entries whose value may stand in the file, as ``{source: NAME, unit: nm}``."""


def mapping_from_text(text: str) -> Mapping:
    """Return the mapping that a YAML text holds.

    Raises
    ------
    MappingError
        Naming the entry that cannot be understood.
    """
    return mapping_from_entries(entries_from_yaml(text))


def mapping_from_entries(entries: Any) -> Mapping:
    """Return the mapping that nested entries make, as a YAML text holds them; see `mapping_from_text`."""
    if not isinstance(entries, dict):
        raise MappingError("a mapping is made of entries like 'traces:' and 'scan:'")
    entries, lookups = _without_lookups(entries)
    reader = EntryReader(entries, "the mapping")
    if reader.text("format", FORMAT) != FORMAT:
        raise MappingError(
            f"the mapping says format: {shown(entries['format'])}, this program knows '{FORMAT}'"
        )
    raw = _raw(reader.part("raw")) if "raw" in entries else None
    mapping = Mapping(
        traces=tuple(map(_trace, reader.parts("traces"))),
        images=tuple(map(_image, reader.parts("images"))),
        recording=_recording(reader.part("recording"), raw) if "recording" in entries else None,
        raw=raw,
        scan=_scan(reader.part("scan")),
        afm=_afm(reader.part("afm")),
        time=_time(reader.part("time"), with_channels=True),
        protocol=protocol_from_entries(reader.part("protocol")),
        lookups=lookups,
    )
    reader.done()
    if mapping.recording is not None and mapping.traces:
        raise MappingError("a mapping has either 'traces' or a 'recording', not both")
    if mapping.raw is not None and mapping.recording is None:
        raise MappingError(
            "'raw' needs a 'recording', which says where the dc voltage is, or the pixel trigger"
        )
    if not (mapping.traces or mapping.recording or mapping.images):
        raise MappingError("the mapping names no traces, no recording and no image")
    return mapping


def mapping_from_file(path: str | PathLike[str]) -> Mapping:
    """Return the mapping of a YAML file; errors are those of `mapping_from_text`, and OSError."""
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a mapping")
    if path.exists() and not path.is_file():
        raise MappingError(f"{path} is a device or a pipe, not a mapping")
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise MappingError(f"{path.name} is no mapping: it is larger than 1 MB")
    try:
        return mapping_from_text(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise MappingError(f"{path.name} is no mapping: it is not text") from None
    except MappingError as error:
        raise MappingError(f"{path.name}: {error}") from None


def text_from_mapping(mapping: Mapping) -> str:
    """Return the mapping as YAML, as `mapping_from_text` reads it."""
    entries: dict[str, Any] = {"format": FORMAT}
    parts: dict[str, Any] = {
        "traces": [_entries(entry) for entry in mapping.traces],
        "images": [_entries(entry) for entry in mapping.images],
        "recording": {} if mapping.recording is None else _entries(mapping.recording),
        "raw": {} if mapping.raw is None else _entries(mapping.raw),
        "scan": _entries(mapping.scan),
        "afm": _entries(mapping.afm),
        "time": _entries(mapping.time),
        "protocol": _protocol_entries(mapping.protocol),
    }
    for place, value in mapping.lookups.items():
        part, _, name = place.partition(".")
        parts[part][name] = {key: text for key, text in asdict(value).items() if text}
    entries |= {name: part for name, part in parts.items() if part}
    return str(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=110))


# Reading


def _without_lookups(entries: dict[Any, Any]) -> tuple[dict[Any, Any], dict[str, FileValue]]:
    """Return the entries without those whose value stands in the file, and these."""
    kept, lookups = dict(entries), {}
    for part, names in _FROM_FILE.items():
        if not isinstance(entries.get(part), dict):
            continue
        kept[part] = dict(entries[part])
        for name, value in entries[part].items():
            if name in names and isinstance(value, dict):
                reader = EntryReader(value, f"'{name}' of '{part}'")
                lookups[f"{part}.{name}"] = FileValue(_needed(reader, "source"), reader.text("unit"))
                reader.done()
                del kept[part][name]
    return kept, lookups


def _trace(reader: EntryReader) -> TraceEntry:
    axes = tuple(reader.list_of("axes"))
    unknown = [axis for axis in axes if axis not in (*AXES, "skip")]
    if unknown:
        raise MappingError(
            f"the axes of {reader.where} are from {', '.join(AXES)}, skip; not {shown(unknown[0])}"
        )
    if axes and (
        axes.count("time") != 1 or len(set(axes) - {"skip"}) != len([a for a in axes if a != "skip"])
    ):
        raise MappingError(f"the axes of {reader.where} must name time once, and no other axis twice")
    source, signal = _needed(reader, "source"), reader.choice("signal", (*SIGNALS, ""), "")
    if not signal and (named := signal_by_name(source)) in _NO_DISPLACEMENT:
        raise MappingError(
            f"{reader.where}: '{source}' is by its name the lock-in's {named}, no displacement: say signal: X where it "
            f"is that, or signal: {named} and name X beside it"
        )
    entry = TraceEntry(
        source=source,
        axes=axes,
        signal=signal or "X",
        voltage=reader.quantity("voltage"),
        direction=reader.choice("direction", DIRECTIONS, ""),
        unit=reader.text("unit"),
    )
    reader.done()
    return entry


def _image(reader: EntryReader) -> ImageEntry:
    entry = ImageEntry(_needed(reader, "source"), reader.text("title"), reader.text("unit"))
    reader.done()
    return entry


def _raw(reader: EntryReader) -> RawEntry:
    entry = RawEntry(
        deflection=_needed(reader, "deflection"),
        drive_frequency=reader.quantities("drive frequency"),
        reference=reader.text("reference"),
        periods=reader.count("periods") or 1,
        time_constant=reader.positive("time constant"),
        order=_order(reader, "order") or 1,
        images=reader.yes("images"),
    )
    reader.done()
    if not (entry.drive_frequency or entry.reference):
        raise MappingError(
            "'raw' must say the 'drive frequency', or which channel is the 'reference' of the drive"
        )
    return entry


def _order(reader: EntryReader, name: str) -> int | None:
    """Return the stages of a filter, None where they are not said."""
    text = reader.text(name)
    try:
        return order_from_text(text) if text else None
    except ValueError as problem:
        raise MappingError(f"'{name}' of {reader.where}: {problem}") from None


def _recording(reader: EntryReader, raw: RawEntry | None) -> RecordingEntry:
    signals = {signal: name for signal in SIGNALS if (name := reader.text(signal))}
    if raw is not None and signals:
        raise MappingError(
            "'recording' names a lock-in's signal, which 'raw' stands in for: name one of the two"
        )
    if "X" not in signals and raw is None:
        raise MappingError("'recording' must say which channel is X: the displacement")
    entry = RecordingEntry(
        signals=signals,
        dc=reader.text("dc"),
        pixel_trigger=reader.text("pixel trigger"),
        line_trigger=reader.text("line trigger"),
        before=reader.not_negative("before"),
        length=reader.not_negative("length"),
        pulse_delay=reader.not_negative("pulse delay"),
    )
    reader.done()
    if not (entry.dc or entry.pixel_trigger):
        raise MappingError("'recording' must say which channel is the dc voltage, or a 'pixel trigger'")
    return entry


def _scan(reader: EntryReader) -> ScanEntry:
    ways = tuple(reader.list_of("ways")) or ("trace",)
    if any(way not in ("trace", "retrace") for way in ways) or len(set(ways)) != len(ways):
        raise MappingError("'ways' of 'scan' is [trace], [retrace] or [trace, retrace]")
    entry = ScanEntry(
        pixels=reader.count("pixels"),
        lines=reader.count("lines"),
        width=reader.positive("width"),
        height=reader.positive("height"),
        ways=ways,
        serpentine=reader.yes("serpentine"),
        voltages=tuple(reader.quantity_of("voltage", value) for value in reader.list_of("voltages")),
        voltages_per=reader.choice("voltages per", ("pixel", "way"), "pixel"),
        upward=reader.yes("upward"),
        first_line=reader.count("first line", least=0) or 0,
    )
    reader.done()
    return entry


def _time(reader: EntryReader, *, with_channels: bool) -> TimeEntry:
    channels = reader.part("channels") if with_channels else None
    own = {}
    if channels is not None:
        roles = (*SIGNALS, "dc", "pixel trigger", "line trigger")
        own = {
            role: _time(channels.part(role), with_channels=False)
            for role in roles
            if role in channels.entries
        }
        channels.done()
    entry = TimeEntry(
        interval=reader.positive("interval"),
        start=reader.quantity("start"),
        unit=reader.text("unit"),
        source=reader.text("source"),
        override=reader.yes("override"),
        channels=own,
    )
    reader.done()
    if entry.unit and si_from_unit(entry.unit)[1] != "s":
        raise MappingError(f"'unit' of {reader.where} is a unit of time, not {shown(entry.unit)}")
    if entry.source and entry.interval is not None:
        raise MappingError(f"{reader.where} has both a 'source' of the times and an 'interval': give one")
    return entry


def _afm(reader: EntryReader) -> AfmEntry:
    rotate = reader.count("rotate", least=0) or 0
    if rotate not in (0, 90, 180, 270):
        raise MappingError(f"'rotate' of 'afm' is 0, 90, 180 or 270, not {rotate}")
    entry = AfmEntry(
        flip_x=reader.yes("flip x"),
        flip_y=reader.yes("flip y"),
        rotate=rotate,
        offset_x=reader.quantity("offset x"),
        offset_y=reader.quantity("offset y"),
        register=reader.text("register"),
    )
    reader.done()
    return entry


def protocol_from_entries(reader: EntryReader) -> PulseProtocol:
    """Return the protocol that entries named as its fields make."""
    values: dict[str, float | None] = {}
    for name, field in PROTOCOL.items():
        if field not in (*RADII, "lock_in_order"):
            values[field] = reader.quantity(name)
            continue
        text = reader.text(name)
        try:
            if text and field in RADII:
                values[field], values[f"{field}_error"] = quantity_and_error_from_text(text, "m")
            elif text:
                values["lock_in_order"] = order_from_text(text)
        except ValueError as problem:
            raise MappingError(f"'{name}' of {reader.where}: {problem}") from None
    reader.done()
    try:
        return PulseProtocol(**values)
    except ValueError as problem:
        raise MappingError(f"{reader.where}: {problem}") from None


def _needed(reader: EntryReader, name: str) -> str:
    text = reader.text(name)
    if not text:
        raise MappingError(f"{reader.where} must say its '{name}'")
    return text


# Writing


def _entries(
    entry: TraceEntry | ImageEntry | RecordingEntry | RawEntry | ScanEntry | AfmEntry | TimeEntry,
) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for item in fields(entry):
        name, value = item.name.replace("_", " "), getattr(entry, item.name)
        if name == "signals":
            written |= value
        elif name == "channels":
            written |= {name: {role: _entries(own) for role, own in value.items()}} if value else {}
        elif name == "signal" and signal_by_name(str(getattr(entry, "source", ""))) in _NO_DISPLACEMENT:
            written[name] = value
        elif value != item.default and value not in (None, "", ()):
            written[name] = _written(name, value)
    return written


def _written(name: str, value: Any) -> Any:
    if name == "voltages":
        return [text_from_quantity(voltage, "V") for voltage in value]
    if name == "drive frequency":
        # Ten digits: the frequencies of two carriers may be close.
        texts = [text_from_quantity(frequency, "Hz", digits=12) for frequency in value]
        return texts if len(texts) > 1 else texts[0]
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float):
        return text_from_quantity(value, unit_of_entry(name))
    return value


def _protocol_entries(protocol: PulseProtocol) -> dict[str, str]:
    written = {}
    for name, field in PROTOCOL.items():
        value = getattr(protocol, field)
        if value is not None:
            error = getattr(protocol, f"{field}_error") if field in RADII else None
            written[name] = text_from_quantity(value, UNITS[field])
            if error is not None:
                written[name] = text_from_radius(value, error)
    return written
