"""What a TDMS file holds: every channel with its unit and its time base."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.optional import optional_module
from napari_tesm.io.content import (
    Axis,
    Collection,
    FileContent,
    disk_content,
    one_line,
    si_from_unit,
)
from napari_tesm.io.tdms.samples import RawSamples, sample_array
from napari_tesm.io.tdms.segments import Channel, TdmsIndex, TimeStamp, tdms_index
from napari_tesm.io.unit_attributes import unit_from_attributes
from napari_tesm.io.waveforms import axis_from_waveform
from napari_tesm.quantities.text import text_from_quantity

_FRACTION: Final = 2.0**-64
# A scaling is a handful of steps; a number of them that fills the memory is a lie.
_MOST_SCALINGS: Final = 200
_RAW_INPUT: Final = 0xFFFFFFFF
_INPUTS: Final = ("input_source", "left_input_source", "right_input_source")
_PAUSE: Final = 5.0
"""Samples from which the time stamps of two parts of a channel tell of a pause."""
_NAMES_IN_A_NOTE: Final = 5


def is_tdms(path: str | PathLike[str], head: bytes) -> bool:
    """Return whether a file starting with the bytes `head` is TDMS."""
    return head[:4] == b"TDSm"


def content_from_tdms(path: str | PathLike[str]) -> FileContent:
    """Return the channels of a TDMS file, whose samples stay in the file.

    Every channel is an array of one dimension named ``group/channel``, with NI's scaling applied. Time stamps are in s
    since the channel's first one (attribute ``first_time``); complex channels are two, ``…/real`` and ``…/imag``. A
    waveform of several records is one array, its attribute ``wf_samples`` the samples of a record.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ContentError
        If the file is not sound.
    OSError
        If it cannot be opened.
    ValueError
        If nptdms, which knows NI's scalings, is not installed.
    """
    path = Path(path)
    scaling_module = optional_module("nptdms.scaling", path, "a TDMS file")
    index = tdms_index(disk_content(path))
    collected = _Channels()
    for channel in index.channels:
        _add_channel(collected, channel, index, scaling_module)
    notes = []
    if index.open_end:
        notes.append("The recorder did not close this file; what it wrote is all there is.")
    if index.missing:
        notes.append(
            f"The file was cut: it ends {index.missing} bytes before its last segment does; what was whole is used."
        )
    if index.incomplete:
        notes.append("A segment ends within a chunk; of this incomplete one, every channel has its share.")
    notes += collected.notes_together()
    return FileContent(path, "NI TDMS", collected.sources, _file_attributes(index), notes, index.disk.check)


class _Channels(Collection):
    """Collects the channels; what is noted of several of them is said once."""

    def __init__(self) -> None:
        super().__init__()
        self._noted: dict[str, list[str]] = {}

    def note_of(self, channel: str, what: str) -> None:
        self._noted.setdefault(one_line(what), []).append(channel)

    def notes_together(self) -> list[str]:
        together = []
        for what, channels in self._noted.items():
            shown = ", ".join(f"'{name}'" for name in channels[:_NAMES_IN_A_NOTE])
            more = f" and {len(channels) - _NAMES_IN_A_NOTE} more" if len(channels) > _NAMES_IN_A_NOTE else ""
            together.append(f"{shown}{more}: {what}")
        return together


def _add_channel(collected: _Channels, channel: Channel, index: TdmsIndex, scalings: Any) -> None:
    name = one_line(f"{channel.group}/{channel.name}")
    if channel.is_text:
        collected.note_of(name, "left out: text.")
        return
    n_samples = min((len(stream) for stream in channel.streams.values()), default=0)
    if n_samples == 0:
        collected.note_of(name, "left out: without samples.")
        return
    properties = {key: _attribute(value) for key, value in channel.properties.items()}
    axis = _time_axis(channel.properties, n_samples, name, collected)
    _note_pauses(channel, axis, name, collected)
    code = channel.streams[None].code if None in channel.streams else ""
    if code == "time":
        first = channel.streams[None].read(index.disk, 0, 1)
        array = sample_array(index.disk, channel.streams, partial(_seconds_since, first))
        first_time = str(TimeStamp(*(int(part) for part in first[0])))
        collected.add(name, array, [axis], "s", channel.name, {**properties, "first_time": first_time})
        return
    unit = unit_from_attributes(channel.properties)
    if code.startswith("c"):
        for part in ("real", "imag"):
            array = sample_array(index.disk, channel.streams).converted(
                np.real if part == "real" else np.imag
            )
            collected.add(f"{name}/{part}", array, [axis], unit, f"{channel.name} {part}", properties)
        return
    try:
        array = sample_array(index.disk, channel.streams, _scaling(channel, index, scalings))
    # A scaling is made of whatever the properties say; what goes wrong in its arithmetic can be anything.
    except Exception as error:
        collected.note_of(name, f"left out: the scaling cannot be applied ({_reason(error)}).")
        return
    if array.dtype.kind not in "biuf":
        collected.note_of(name, f"left out: the scaling gives {array.dtype} and no real numbers.")
        return
    collected.add(name, array, [axis], unit, channel.name, properties)


def _scaling(
    channel: Channel, index: TdmsIndex, scalings: Any
) -> Callable[[RawSamples], NDArray[Any]] | None:
    """Return what makes values in the channel's unit of its samples; None where they are such already."""
    places = (channel.properties, index.groups.get(channel.group, {}), index.properties)
    for properties in places:
        number = properties.get("NI_Number_Of_Scales")
        if number is not None and not (isinstance(number, int) and 0 <= number <= _MOST_SCALINGS):
            raise ValueError(f"{number} scalings are announced")
    # Its log writes to the screen what becomes a note here.
    log = logging.getLogger(scalings.__name__)
    was, log.disabled = log.disabled, True
    try:
        scaling = scalings.get_scaling(*places)
    finally:
        log.disabled = was
    if scaling is not None:
        _refuse_endless(scaling.scalings)
        scale: Callable[[RawSamples], NDArray[Any]] = scaling.scale
        return scale
    announced = [properties for properties in places if _is_unscaled(properties)]
    if announced or None not in channel.streams:
        steps = (step for properties in announced for step in properties.items())
        kinds = {str(value) for key, value in steps if key.endswith("_Scale_Type")}
        raise ValueError(f"of the type {', '.join(sorted(kinds))}" if kinds else "the file does not give it")
    return None


def _refuse_endless(steps: list[Any]) -> None:
    """Refuse scalings whose steps take each other as input over and over.

    nptdms computes the inputs of a step each time it is used: 64 sums of the one before with itself never end.
    """
    costs: dict[int, int] = {}

    def cost(number: int, depth: int) -> int:
        if number == _RAW_INPUT:
            return 1
        if number not in costs:
            if depth > len(steps):
                raise RecursionError
            step = steps[number]
            inputs = [getattr(step, name) for name in _INPUTS if hasattr(step, name)]
            costs[number] = 1 + sum(cost(other, depth + 1) for other in inputs)
        return costs[number]

    if cost(len(steps) - 1, 0) > _MOST_SCALINGS:
        raise ValueError(f"it takes more than {_MOST_SCALINGS} steps")


def _is_unscaled(properties: dict[str, Any]) -> bool:
    status = properties.get("NI_Scaling_Status", "unscaled")
    steps = any(key.startswith("NI_Scale[") and key.endswith("_Scale_Type") for key in properties)
    return status != "scaled" and (steps or bool(properties.get("NI_Number_Of_Scales")))


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the property {one_line(str(error))} is missing"
    if isinstance(error, RecursionError):
        return "it refers to itself"
    return one_line(str(error)) or type(error).__name__


def _time_axis(properties: dict[str, Any], n_samples: int, name: str, collected: _Channels) -> Axis:
    """Return the axis of the samples; a time base that nobody set is noted and not believed."""
    exact = {
        key: value.moment if isinstance(value, TimeStamp) else value for key, value in properties.items()
    }
    axis = axis_from_waveform(exact, n_samples, lambda said: collected.note_of(name, said))
    if not axis.known and "wf_increment" not in properties:
        collected.note_of(name, "without a time base (no wf_increment): give the sampling rate.")
    return axis


def _note_pauses(channel: Channel, axis: Axis, name: str, collected: _Channels) -> None:
    """Note where parts of a channel did not follow one another without a pause, by the time stamp of each."""
    if not axis.known or axis.origin is None or si_from_unit(axis.unit) != (1.0, "s"):
        return
    pauses, late = [], 0.0
    for before, stamp in channel.restarts:
        away = float(stamp.moment - axis.origin) - before * axis.step - late
        if abs(away) > _PAUSE * axis.step:
            pauses.append(before)
            late += away
    if pauses:
        first, whole = (text_from_quantity(time, "s", digits=4) for time in (pauses[0] * axis.step, late))
        collected.note_of(
            name,
            f"recorded with {len(pauses)} pauses, the first after {first} and {whole} in all, "
            "by the time stamps of its segments: its samples are counted without them.",
        )


def _seconds_since(first: NDArray[Any], raw: RawSamples) -> NDArray[Any]:
    assert raw.data is not None
    # Differences of the whole seconds are exact; only then the parts come in, so that no digit is lost.
    whole = raw.data["seconds"] - first["seconds"]
    parts = raw.data["fractions"].astype(np.float64) - first["fractions"].astype(np.float64)
    return np.asarray(whole + parts * _FRACTION)


def _attribute(value: Any) -> Any:
    return str(value) if isinstance(value, TimeStamp) else value


def _file_attributes(index: TdmsIndex) -> dict[str, Any]:
    """Return the properties of the file, and those of its groups under ``group/property``."""
    attributes = {key: _attribute(value) for key, value in index.properties.items()}
    for group, properties in index.groups.items():
        attributes |= {f"{group}/{key}": _attribute(value) for key, value in properties.items()}
    return attributes
