"""What a file states itself, put into its mapping: attributes named as the protocol is, and values it is pointed to."""

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from napari_tesm.data.time_base import even_step
from napari_tesm.io.content import FileContent, Source, si_from_unit
from napari_tesm.io.mapping.entries import FileValue, Mapping, MappingError
from napari_tesm.io.mapping.reader import PROTOCOL, EntryReader, unit_of_entry
from napari_tesm.io.mapping.text import mapping_from_entries, protocol_from_entries, text_from_mapping
from napari_tesm.io.unit_attributes import unit_beside
from napari_tesm.quantities.text import quantity_from_text, text_from_quantity

_MOST_VALUES: Final = 100_000
_DIFFERENT: Final = 1e-4
"""Part of a value by which mapping and file may differ before that is said."""
_VOLTAGES: Final = ("voltage", "pulse_voltage", "dc_voltage", "bias", "bias_voltage", "tip_voltage")
_IN_NAME: Final = re.compile(
    r"(?<![\w.,])(?<!ac )(?<!drive )(?P<number>[+\u2212-]?\d+(?:[.,]\d+)?) ?(?P<milli>m?)V"
    r"(?![A-Za-z])(?! ?(?:ac|drive|rms|pp)\b)",
    re.IGNORECASE,
)


def mapping_as_stated(mapping: Mapping, content: FileContent, notes: list[str] | None = None) -> Mapping:
    """Return a mapping, completed by what its file states: values it points to, and attributes like ``pulse_duration``.

    Of attributes that the mapping does not point to only texts with their unit count: a number in somebody's file could
    be in any.

    Parameters
    ----------
    mapping : Mapping
    content : FileContent
    notes : list of str, optional
        Takes up where mapping and attributes contradict each other; the mapping holds.

    Raises
    ------
    MappingError
        Naming file and attribute where one cannot be understood.
    """
    mapping = _looked_up(mapping, content)
    if not (mapping.traces or mapping.recording):
        return mapping
    said = {name: getattr(mapping.protocol, field) for name, field in PROTOCOL.items()}
    voltages = [entry.voltage for entry in mapping.traces]
    said["voltage"] = mapping.scan.voltages or None not in voltages or None
    stated = {}
    for name, entry in said.items():
        value = content.attributes.get(PROTOCOL.get(name, name), content.attributes.get(name))
        if not isinstance(value, str) or not value.strip():
            continue
        if entry is None:
            stated[name] = value
        elif isinstance(entry, float) and notes is not None:
            notes += _contradictions(name, entry, value, content)
    reader = EntryReader(stated, f"the attributes of {content.path.name}")
    voltage = reader.quantity("voltage")
    traces = [
        replace(entry, voltage=voltage if entry.voltage is None else entry.voltage)
        for entry in mapping.traces
    ]
    protocol = protocol_from_entries(reader).updated(**asdict(mapping.protocol))
    return replace(mapping, traces=tuple(traces), protocol=protocol)


def array_in_file(content: FileContent, name: str) -> tuple[NDArray[Any], str]:
    """Return the numbers of an array in one row, and the unit the file gives them.

    Raises
    ------
    MappingError
        If there is no such array, or it is no row of numbers.
    """
    source = content.source(name)
    return numbers_of_row(source), source.unit


def numbers_of_row(source: Source) -> NDArray[Any]:
    """Return the numbers of an array that is longer than one along one axis at most."""
    if sum(size > 1 for size in source.shape) > 1 or source.array.dtype.kind not in "fiu":
        raise MappingError(f"'{source.name}' is no row of numbers")
    return np.asarray(source.array[(slice(None),) * len(source.shape)]).reshape(-1)


def _looked_up(mapping: Mapping, content: FileContent) -> Mapping:
    """Return a mapping with the values that stand in the file in the place of their names."""
    if not mapping.lookups:
        return mapping
    entries = yaml.safe_load(text_from_mapping(mapping))
    for place, value in mapping.lookups.items():
        part, _, name = place.partition(".")
        entries[part][name] = _value(content, value, name, part)
    return mapping_from_entries(entries)


def _value(content: FileContent, value: FileValue, name: str, part: str) -> str | int | list[str]:
    """Return what stands in the file as a mapping would say it."""
    held, unit = _held(content, value.source)
    if isinstance(held, str):
        return held
    numbers = np.atleast_1d(np.asarray(held, dtype=np.float64)).ravel()
    where = f"'{name}' of '{part}'"
    if not np.isfinite(numbers).all() or not 0 < numbers.size <= _MOST_VALUES:
        raise MappingError(f"{where}: '{value.source}' holds no finite numbers")
    if name in ("pixels", "lines"):
        count = float(numbers[0])
        if numbers.size > 1 or count != round(count):
            raise MappingError(f"{where}: '{value.source}' is no whole number")
        return int(count)
    factor = _factor(unit, value, name, where)
    if name == "voltages":
        return [text_from_quantity(number * factor, "V") for number in numbers.tolist()]
    if numbers.size > 1 and name in ("width", "height"):
        step = even_step(numbers)
        if step is None:
            raise MappingError(f"{where}: the positions in '{value.source}' are not equally apart")
        numbers = np.array([abs(step) * numbers.size])
    if numbers.size > 1:
        raise MappingError(f"{where}: '{value.source}' holds {numbers.size} values where one is needed")
    number = float(numbers[0])
    if name == "interval" and _is_rate(value.unit or unit):
        return text_from_quantity(1.0 / (number * factor), "s")
    return text_from_quantity(number * factor, unit_of_entry(name))


def _held(content: FileContent, name: str) -> tuple[Any, str]:
    """Return what the file holds under a name, an array or an attribute, and the unit it gives it."""
    if name in content.attributes:
        return content.attributes[name], unit_beside(name, content.attributes)
    array, _, attribute = name.rpartition("/")
    own = next((source for source in content.sources if source.name == array), None)
    if own is not None and attribute in own.attributes:
        return own.attributes[attribute], unit_beside(attribute, own.attributes)
    return array_in_file(content, name)


def _is_rate(unit: str) -> bool:
    return si_from_unit(unit)[1] == "Hz"


def _factor(stated: str, value: FileValue, name: str, where: str) -> float:
    """Return what turns numbers of the file into SI units; raises where their unit is not known, or contradicted."""
    wanted = unit_of_entry(name)
    unit = stated or value.unit
    if not wanted:
        return 1.0
    if not unit:
        example = {"m": "nm", "s": "ms"}.get(wanted, wanted)
        raise MappingError(
            f"{where}: '{value.source}' has no unit in the file: say it, "
            f"{name}: {{source: {value.source}, unit: {example}}}"
        )
    if stated and value.unit and si_from_unit(stated) != si_from_unit(value.unit):
        raise MappingError(
            f"{where}: '{value.source}' is in {stated}: {value.unit} would contradict the file"
        )
    if name == "interval" and _is_rate(unit):
        return si_from_unit(unit)[0]
    factor, si = si_from_unit(unit)
    if si != wanted:
        raise MappingError(f"{where}: '{value.source}' is in {unit}, not in {wanted}")
    return factor


def voltage_contradictions(source: Source, voltages: Sequence[float], content: FileContent) -> list[str]:
    """Return the sentence that says where a mapping's voltages are not what an array or its file states, if so.

    Its attributes state it with a unit, its name anywhere but for an ac voltage; a name without a sign states the
    amount. Of the file, attributes count where there is one such array.
    """
    given = [voltage for voltage in voltages if np.isfinite(voltage)]
    if not given:
        return []
    own = {str(key).lower().replace(" ", "_"): value for key, value in source.attributes.items()}
    whole = {str(key).lower().replace(" ", "_"): value for key, value in content.attributes.items()}
    for where, held in ((f"'{source.name}'", own), (content.path.name, whole)):
        for name in _VOLTAGES:
            stated = _voltage_of(held.get(name))
            if stated is not None and not any(_agree(stated, voltage) for voltage in given):
                return [_contradiction_in_words("its attribute states", where, stated, given)]
    in_name = _IN_NAME.search(re.sub(r"_", " ", source.name))
    if in_name is None:
        return []
    stated = float(in_name["number"].replace(",", ".").replace("\u2212", "-")) * (
        1e-3 if in_name["milli"] else 1.0
    )
    signed = in_name["number"][0] in "+-\u2212"
    if any(_agree(stated, voltage if signed else abs(voltage)) for voltage in given):
        return []
    return [_contradiction_in_words("its name says", f"'{source.name}'", stated, given)]


def _voltage_of(value: Any) -> float | None:
    try:
        return quantity_from_text(value, "V") if isinstance(value, str) else None
    except ValueError:
        return None


def _agree(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-3 * max(abs(a), abs(b))


def _contradiction_in_words(verb: str, where: str, stated: float, given: Sequence[float]) -> str:
    told = ", ".join(text_from_quantity(voltage, "V") for voltage in given)
    return f"the mapping says {told} for {where}, {verb} {text_from_quantity(stated, 'V')}: the mapping's is used"


def _contradictions(name: str, entry: float, value: str, content: FileContent) -> Sequence[str]:
    """Return the sentence that says where a mapping and an attribute of the file differ, if they do."""
    try:
        stated = getattr(protocol_from_entries(EntryReader({name: value}, content.path.name)), PROTOCOL[name])
    except (MappingError, KeyError):
        return ()
    if stated is None or abs(stated - entry) <= _DIFFERENT * max(abs(stated), abs(entry)):
        return ()
    unit = unit_of_entry(name)
    return (
        f"the mapping says {name}: {text_from_quantity(entry, unit)}, {content.path.name} says "
        f"{text_from_quantity(stated, unit)}: the mapping's is used",
    )
