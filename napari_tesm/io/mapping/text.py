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
    time: {interval: 0.1 ms}
    protocol: {pulse start: 0 s, pulse duration: 10 ms, tip radius: 25 nm}

Instead of `traces`, a mapping may name the channels of one continuous recording, to be cut at the pulses::

    recording: {X: Untitled/ai0, dc: Untitled/ai1, pixel trigger: Untitled/port0, before: 1 ms, length: 26 ms}
"""

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any, Final

import yaml

from napari_tesm.data.dataset import DIRECTIONS, SIGNALS
from napari_tesm.data.protocol import RADII, UNITS, PulseProtocol, text_from_radius
from napari_tesm.io.content import FileContent
from napari_tesm.io.mapping.entries import (
    AXES,
    AfmEntry,
    ImageEntry,
    Mapping,
    MappingError,
    RecordingEntry,
    ScanEntry,
    TraceEntry,
)
from napari_tesm.io.mapping.yaml import entries_from_yaml, shown
from napari_tesm.kernels.low_pass import order_from_text
from napari_tesm.quantities.text import quantity_and_error_from_text, quantity_from_text, text_from_quantity

FORMAT: Final = "t-ESM mapping 1"
_LARGEST: Final = 1 << 20
_DIMENSIONS: Final = {
    "voltage": "V", "width": "m", "height": "m", "interval": "s", "start": "s", "offset x": "m", "offset y": "m",
    "before": "s", "length": "s", "pulse delay": "s",
}  # fmt: skip
_PROTOCOL: Final = {
    field.replace("lock_in", "lock-in").replace("_", " "): field
    for field in UNITS
    if not field.endswith("_radius_error")
}
"""What the fields of the protocol are called in a mapping."""


def mapping_from_text(text: str) -> Mapping:
    """Return the mapping that a YAML text holds.

    Raises
    ------
    MappingError
        Naming the entry that cannot be understood.
    """
    entries = entries_from_yaml(text)
    if not isinstance(entries, dict):
        raise MappingError("a mapping is made of entries like 'traces:' and 'scan:'")
    reader = _Reader(entries, "the mapping")
    if reader.text("format", FORMAT) != FORMAT:
        raise MappingError(
            f"the mapping says format: {shown(entries['format'])}, this program knows '{FORMAT}'"
        )
    time = reader.part("time")
    mapping = Mapping(
        traces=tuple(map(_trace, reader.parts("traces"))),
        images=tuple(map(_image, reader.parts("images"))),
        recording=_recording(reader.part("recording")) if "recording" in entries else None,
        scan=_scan(reader.part("scan")),
        afm=_afm(reader.part("afm")),
        interval=time.positive("interval"),
        start=time.quantity("start"),
        protocol=_protocol(reader.part("protocol")),
    )
    time.done()
    reader.done()
    if mapping.recording is not None and mapping.traces:
        raise MappingError("a mapping has either 'traces' or a 'recording', not both")
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


def mapping_as_stated(mapping: Mapping, content: FileContent) -> Mapping:
    """Return a mapping, completed by what its file states in attributes named as the protocol is: ``pulse_duration``.

    Only texts with their unit count: a number in somebody's file could be in any. Raises a MappingError naming file and
    attribute where one cannot be understood.
    """
    said = {name: getattr(mapping.protocol, field) for name, field in _PROTOCOL.items()}
    voltages = [entry.voltage for entry in mapping.traces]
    said["voltage"] = mapping.scan.voltages or None not in voltages or None
    stated = {}
    for name, entry in said.items():
        value = content.attributes.get(_PROTOCOL.get(name, name), content.attributes.get(name))
        if entry is None and isinstance(value, str) and value.strip():
            stated[name] = value
    reader = _Reader(stated, f"the attributes of {content.path.name}")
    voltage = reader.quantity("voltage")
    traces = [
        replace(entry, voltage=voltage if entry.voltage is None else entry.voltage)
        for entry in mapping.traces
    ]
    protocol = _protocol(reader).updated(**asdict(mapping.protocol))
    return replace(mapping, traces=tuple(traces), protocol=protocol)


def text_from_mapping(mapping: Mapping) -> str:
    """Return the mapping as YAML, as `mapping_from_text` reads it."""
    entries: dict[str, Any] = {"format": FORMAT}
    time = {name: _written(name, getattr(mapping, name)) for name in ("interval", "start")}
    parts = {
        "traces": [_entries(entry) for entry in mapping.traces],
        "images": [_entries(entry) for entry in mapping.images],
        "recording": {} if mapping.recording is None else _entries(mapping.recording),
        "scan": _entries(mapping.scan),
        "afm": _entries(mapping.afm),
        "time": {name: text for name, text in time.items() if text is not None},
        "protocol": _protocol_entries(mapping.protocol),
    }
    entries |= {name: part for name, part in parts.items() if part}
    return str(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=110))


# Reading


class _Reader:
    """Takes entries out of a dictionary one by one, so that what nobody took can be named."""

    def __init__(self, entries: Any, where: str) -> None:
        if not isinstance(entries, dict):
            raise MappingError(f"{where} must be made of entries like 'name: value'")
        self.entries = {str(name): value for name, value in entries.items()}
        self.where = where

    def _take(
        self, name: str, default: Any = None, needed: str = "", fits: Callable[[Any], bool] = bool
    ) -> Any:
        """Return an entry; raises a MappingError that says what is `needed` where it does not fit."""
        value = self.entries.pop(name, None)
        if value is None:
            return default
        if needed and not fits(value):
            raise MappingError(f"'{name}' of {self.where} must be {needed.format(shown(value))}")
        return value

    def done(self) -> None:
        if self.entries:
            raise MappingError(f"{self.where} has an entry nobody knows: {shown(next(iter(self.entries)))}")

    def text(self, name: str, default: str = "") -> str:
        return str(self._take(name, default, "a text", _is_text)).strip()

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        text = self.text(name, default)
        if text not in choices:
            listed = ", ".join(f"'{choice}'" for choice in choices if choice)
            raise MappingError(f"'{name}' of {self.where} is {shown(text)}, not one of {listed}")
        return text

    def count(self, name: str, *, least: int = 1) -> int | None:
        needed = f"a whole number from {least}, not {{}}"
        count: int | None = self._take(
            name, None, needed, lambda value: type(value) is int and least <= value <= 1_000_000
        )
        return count

    def quantity(self, name: str) -> float | None:
        value = self._take(name)
        return None if value is None else self.quantity_of(name, value)

    def quantity_of(self, name: str, value: Any) -> float:
        if isinstance(value, bool | list | dict | set):
            raise MappingError(f"'{name}' of {self.where} must be one quantity, not {shown(value)}")
        try:
            unit = UNITS[_PROTOCOL[name]] if name in _PROTOCOL else _DIMENSIONS[name]
            return quantity_from_text(str(value), unit)
        except ValueError as error:
            raise MappingError(f"'{name}' of {self.where}: {error}") from None

    def not_negative(self, name: str) -> float | None:
        value = self.quantity(name)
        if value is not None and value < 0:
            raise MappingError(f"'{name}' of {self.where} must not be negative")
        return value

    def positive(self, name: str) -> float | None:
        value = self.quantity(name)
        if value is not None and not value > 0:
            raise MappingError(f"'{name}' of {self.where} must be larger than zero")
        return value

    def yes(self, name: str) -> bool:
        said: bool = self._take(name, False, "yes or no, not {}", lambda value: isinstance(value, bool))
        return said

    def list_of(self, name: str) -> list[Any]:
        values: list[Any] = self._take(name, [], "a list: [a, b]", lambda value: isinstance(value, list))
        return values

    def part(self, name: str) -> "_Reader":
        return _Reader(self._take(name, {}), f"'{name}'")

    def parts(self, name: str) -> list["_Reader"]:
        return [_Reader(entry, f"number {n} of '{name}'") for n, entry in enumerate(self.list_of(name), 1)]


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _trace(reader: _Reader) -> TraceEntry:
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
    entry = TraceEntry(
        source=_needed(reader, "source"),
        axes=axes,
        signal=reader.choice("signal", tuple(SIGNALS), "X"),
        voltage=reader.quantity("voltage"),
        direction=reader.choice("direction", DIRECTIONS, ""),
        unit=reader.text("unit"),
    )
    reader.done()
    return entry


def _image(reader: _Reader) -> ImageEntry:
    entry = ImageEntry(_needed(reader, "source"), reader.text("title"), reader.text("unit"))
    reader.done()
    return entry


def _recording(reader: _Reader) -> RecordingEntry:
    signals = {signal: name for signal in SIGNALS if (name := reader.text(signal))}
    if "X" not in signals:
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


def _scan(reader: _Reader) -> ScanEntry:
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


def _afm(reader: _Reader) -> AfmEntry:
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


def _protocol(reader: _Reader) -> PulseProtocol:
    values: dict[str, float | None] = {}
    for name, field in _PROTOCOL.items():
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


def _needed(reader: _Reader, name: str) -> str:
    text = reader.text(name)
    if not text:
        raise MappingError(f"{reader.where} must say its '{name}'")
    return text


# Writing


def _entries(entry: TraceEntry | ImageEntry | RecordingEntry | ScanEntry | AfmEntry) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for item in fields(entry):
        name, value = item.name.replace("_", " "), getattr(entry, item.name)
        if name == "signals":
            written |= value
        elif value != item.default and value not in (None, "", ()):
            written[name] = _written(name, value)
    return written


def _written(name: str, value: Any) -> Any:
    if name == "voltages":
        return [text_from_quantity(voltage, "V") for voltage in value]
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float):
        return text_from_quantity(value, _DIMENSIONS[name])
    return value


def _protocol_entries(protocol: PulseProtocol) -> dict[str, str]:
    written = {}
    for name, field in _PROTOCOL.items():
        value = getattr(protocol, field)
        if value is not None:
            error = getattr(protocol, f"{field}_error") if field in RADII else None
            written[name] = text_from_quantity(value, UNITS[field])
            if error is not None:
                written[name] = text_from_radius(value, error)
    return written
