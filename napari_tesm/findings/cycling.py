"""Cycling of cells: capacity against voltage as exported by a cycler, and what each cycle comes to (Fig. S1).

Charge is where the voltage rises, as of the cell: for silicon against lithium that takes lithium out of the silicon.
"""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.text import plain_text

Array = NDArray[np.float64]
Kind = Literal["charge", "discharge"]

_LARGEST: Final = 1 << 28
_COLUMNS: Final = {
    "cycle": r"\bcycle\b(?!.*\bhalf\b)|zyklus",
    "kind": r"\b(state|step type|mode|half[ -]?cycle|ox/red|direction|charge/discharge)\b",
    "current": r"\b(current|i|<i>|strom)\b",
    "voltage": r"\b(voltage|potential|ewe|ecell|spannung|u|e)\b",
    "capacity": r"\b(capacity|cap|kapazität|q)\b",
}
"""How the columns are called, in the order in which they are looked for."""
_PER: Final = {"": "mAh", "g": "mAh/g", "cm2": "mAh/cm²"}
_PREFIXES: Final = {"": 1e3, "m": 1.0, "µ": 1e-3, "u": 1e-3}
_OF_MASS: Final = {"g": 1.0, "mg": 1e3, "kg": 1e-3}
_BACK_TO_START: Final = 0.5
"""A capacity that falls by this part of the largest one has begun anew."""


@dataclass(frozen=True, eq=False)
class HalfCycle:
    """A charge or a discharge.

    Parameters
    ----------
    cycle : int
    kind : {"charge", "discharge"}
    capacity : ndarray, shape (n,)
        From zero, in the unit of the record.
    voltage : ndarray, shape (n,)
        In V.
    """

    cycle: int
    kind: Kind
    capacity: Array
    voltage: Array


@dataclass(frozen=True, eq=False)
class Cycling:
    """What a cycler recorded of one cell.

    Parameters
    ----------
    name : str
    unit : str
        Of the capacities: "mAh", "mAh/g" or "mAh/cm²".
    halves : tuple of HalfCycle
        In the order of the file.
    """

    name: str
    unit: str
    halves: tuple[HalfCycle, ...]


@dataclass(frozen=True)
class Cycle:
    """One cycle in numbers; NaN where a half of it is missing.

    Parameters
    ----------
    cycle : int
    charge, discharge : float
        Capacities, in the unit of the record.
    efficiency : float
        Coulombic efficiency: the second half's capacity over the first half's, what came back of what was put in.
    retention : float
        The second half's capacity over that of the first cycle.
    """

    cycle: int
    charge: float
    discharge: float
    efficiency: float
    retention: float


def read_cycling(path: str | PathLike[str]) -> Cycling:
    """Return the record in a CSV file; see `cycling_from_text`.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it holds no such record: the file is named, with the reason.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a CSV file")
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path.name} is larger than 256 MB: export fewer points")
    content = path.read_bytes()
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    try:
        return cycling_from_text(text, name=path.stem)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def cycling_from_text(text: str, *, name: str = "") -> Cycling:
    r"""Return the record written as a table of capacity and voltage.

    The columns are found by their names in the first line that has both, with their units: ``Voltage (V)``,
    ``Capacity [mAh/g]``, ``Ewe/V``; separated by tabs, semicolons or commas, with decimal points or commas. What is
    charge and what discharge is said by a column of its own (``State``), by the sign of the current (positive for a
    charge), by which of two columns of capacity grows (``Charge capacity``, ``Discharge capacity``), or by the voltage,
    which rises in a charge; a column ``Cycle`` numbers the cycles, else they are counted.

    Raises
    ------
    ValueError
        If a column or a unit is missing, a number cannot be read, or it cannot be told what is charge.

    Examples
    --------
    >>> text = "Capacity (mAh/g);Voltage (V)\n0;0,8\n900;0,1\n0;0,2\n800;1,5\n"
    >>> [cycle.efficiency for cycle in cycles_from_cycling(cycling_from_text(text))]
    [0.8888888888888888]
    """
    lines = text.splitlines()
    start, separator, columns = _header(lines)
    header = next(csv.reader([lines[start]], delimiter=separator))
    voltage_factor = _voltage_factor(header[columns["voltage"]])
    capacity_factor, unit = _capacity_factor(header[columns["capacity"]])
    if "discharged" in columns and _capacity_factor(header[columns["discharged"]]) != (capacity_factor, unit):
        raise ValueError("the capacities of charge and discharge have different units: export them in one")
    wanted = ("cycle", "current", "voltage", "capacity", "discharged")
    numbers = [number for number in wanted if number in columns]
    rows: dict[str, list[Any]] = {number: [] for number in columns}
    for line, cells in _rows(lines, start + 1, separator):
        if len(cells) <= max(columns[number] for number in ("voltage", "capacity")):
            raise ValueError(f"line {line} ends before the column '{header[columns['capacity']].strip()}'")
        values = {key: _number(_cell(cells, columns[key]), line, separator) for key in numbers}
        if math.isnan(values["voltage"]) or math.isnan(values["capacity"]):
            continue
        for key, value in values.items():
            rows[key].append(value)
        if "kind" in columns:
            rows["kind"].append(_kind_from_word(_cell(cells, columns["kind"])))
    if len(rows["voltage"]) < 2:
        raise ValueError("there are no rows with a voltage and a capacity below the names of the columns")
    if "discharged" in rows:
        _join_capacities(rows)
    return Cycling(name, unit, tuple(_halves(rows, voltage_factor, capacity_factor)))


def cycles_from_cycling(record: Cycling) -> list[Cycle]:
    """Return what each cycle comes to, in the order of the record."""
    capacities: dict[int, dict[Kind, float]] = {}
    for half in record.halves:
        parts = capacities.setdefault(half.cycle, {})
        parts[half.kind] = parts.get(half.kind, 0.0) + float(half.capacity.max())
    nothing = float("nan")
    kinds = [half.kind for half in record.halves]
    second: Kind = "charge" if kinds[0] == "discharge" else "discharge"
    reference = next((parts[second] for parts in capacities.values() if second in parts), nothing)
    cycles = []
    for number, parts in capacities.items():
        charge, discharge = (parts.get(kind, nothing) for kind in ("charge", "discharge"))
        put_in, came_back = (discharge, charge) if second == "charge" else (charge, discharge)
        cycles.append(
            Cycle(
                number,
                charge,
                discharge,
                came_back / put_in if put_in > 0 else nothing,
                came_back / reference if reference > 0 else nothing,
            )
        )
    return cycles


def _header(lines: Sequence[str]) -> tuple[int, str, dict[str, int]]:
    """Return the line with the names of the columns, what separates them, and where each stands."""
    for number, line in enumerate(lines[:200]):
        for separator in ("\t", ";", ","):
            if separator not in line:
                continue
            columns = _columns(next(csv.reader([line], delimiter=separator)))
            if {"voltage", "capacity"} <= set(columns):
                return number, separator, columns
    raise ValueError(
        "no line names a column of voltage and one of capacity: write for example 'Cycle,Capacity (mAh/g),Voltage (V)'"
    )


def _columns(names: Sequence[str]) -> dict[str, int]:
    columns: dict[str, int] = {}
    for key, pattern in _COLUMNS.items():
        for index, name in enumerate(names):
            if index not in columns.values() and re.search(pattern, _words(name)):
                columns[key] = index
                break
    capacities = [index for index, name in enumerate(names) if re.search(_COLUMNS["capacity"], _words(name))]
    discharged = [index for index in capacities if re.search(r"dis|dchg", _words(names[index]))]
    charged = [index for index in capacities if index not in discharged]
    if discharged and charged:
        columns["capacity"], columns["discharged"] = charged[0], discharged[0]
    return columns


def _words(name: str) -> str:
    """Return the name of a column in small letters, without its unit."""
    plain = plain_text(name).strip("\"' ").lower().replace("_", " ")
    return plain if plain in ("ox/red", "charge/discharge") else re.split(r"[(\[/]", plain)[0]


def _unit(name: str) -> str:
    match = re.search(r"[(\[](.*)[)\]]", name) or re.search(r"/\s*(.*)", name)
    return re.sub(r"[ ·.*]", "", plain_text(match[1] if match else ""))


def _voltage_factor(name: str) -> float:
    factor = {"V": 1.0, "mV": 1e-3}.get(re.sub(r"(vs|against).*", "", _unit(name)))
    if factor is None:
        raise ValueError(f"the column '{name.strip()}' has no unit of voltage: write 'Voltage (V)'")
    return factor


def _capacity_factor(name: str) -> tuple[float, str]:
    unit = _unit(name).replace("²", "2").replace("^", "").replace("g-1", "/g").replace("cm-2", "/cm2")
    match = re.fullmatch(r"([mµu]?)Ah(?:/(g|mg|kg|cm2))?", unit)
    if match is None:
        raise ValueError(f"the column '{name.strip()}' has no unit of capacity: write 'Capacity (mAh/g)'")
    per = match[2] or ""
    return _PREFIXES[match[1]] * _OF_MASS.get(per, 1.0), _PER["g" if per in _OF_MASS else per]


def _rows(lines: Sequence[str], start: int, separator: str) -> Iterator[tuple[int, list[str]]]:
    for number in range(start, len(lines)):
        if lines[number].strip(f" {separator}"):
            yield number + 1, next(csv.reader([lines[number]], delimiter=separator))


def _cell(cells: Sequence[str], index: int) -> str:
    return cells[index].strip() if index < len(cells) else ""


def _number(text: str, line: int, separator: str) -> float:
    """Return a number with a decimal point, or with a decimal comma where commas do not separate the columns."""
    if not text or text.lower() in ("nan", "-", "--"):
        return float("nan")
    written = plain_text(text)
    if separator != "," and written.count(",") == 1 and "." not in written:
        written = written.replace(",", ".")
    try:
        value = float(written)
    except ValueError:
        raise ValueError(f"'{text}' in line {line} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"'{text}' in line {line} is no finite number")
    return value


def _kind_from_word(word: str) -> Kind | None:
    """Return what a word for the state of a cell means; None for a rest."""
    plain = word.lower()
    if re.search(r"dis|dchg|red|entlad|\bd\b", plain) or plain == "0":
        return "discharge"
    if re.search(r"ch(ar)?g|ox|lad|\bc\b", plain) or plain == "1":
        return "charge"
    return None


def _halves(rows: dict[str, list[Any]], voltage_factor: float, capacity_factor: float) -> Iterator[HalfCycle]:
    voltage = np.array(rows["voltage"]) * voltage_factor
    capacity = np.array(rows["capacity"]) * capacity_factor
    size = voltage.size
    kinds: list[Kind | None] = [None] * size
    told = True
    if "kind" in rows:
        kinds = rows["kind"]
    elif "current" in rows and np.nanmin(rows["current"]) < 0 < np.nanmax(rows["current"]):
        kinds = [None if not value else "charge" if value > 0 else "discharge" for value in rows["current"]]
    else:
        told = False
    borders = [0, *(i for i in range(1, size) if _begins(i, rows, kinds, capacity, told)), size]
    counted, first = 0, None
    for start, stop in pairwise(borders):
        part = slice(start, stop)
        kind = (kinds[start] if told else _kind_from_voltage(voltage[part])) if stop - start > 1 else None
        if kind is None:
            continue
        first = first or kind
        counted += kind == first
        number = rows["cycle"][start] if "cycle" in rows else counted
        if not math.isfinite(number):
            raise ValueError("the column of cycles has a gap: number every row")
        begin = capacity[part][0]
        yield HalfCycle(round(number), kind, np.abs(capacity[part] - begin), voltage[part])
    if first is None:
        raise ValueError("no row is a charge or a discharge")


def _join_capacities(rows: dict[str, list[Any]]) -> None:
    """Make one column of those of charge and discharge, and say for each row which of the two it is."""
    charged, discharged = np.array(rows["capacity"]), np.nan_to_num(rows.pop("discharged"))
    grows = np.sign(np.diff(charged).clip(0) - np.diff(discharged).clip(0))
    kinds: list[Kind | None] = [
        None if not growth else "charge" if growth > 0 else "discharge" for growth in grows
    ]
    # A stretch begins with the row before the first that grows: there the other column has just ended.
    kinds = [kinds[0], *kinds]
    kinds = [b if a is None else a for a, b in zip(kinds, [*kinds[1:], None], strict=True)]
    rows["kind"] = rows.get("kind") or kinds
    rows["capacity"] = [
        charge if kind != "discharge" else two
        for charge, two, kind in zip(charged.tolist(), discharged.tolist(), rows["kind"], strict=True)
    ]


def _begins(
    index: int, rows: dict[str, list[Any]], kinds: Sequence[Kind | None], capacity: Array, told: bool
) -> bool:
    """Return whether another stretch begins at a row: another cycle or kind, or a capacity that starts anew."""
    if "cycle" in rows and rows["cycle"][index] != rows["cycle"][index - 1]:
        return True
    if told:
        return kinds[index] != kinds[index - 1]
    return bool(capacity[index - 1] - capacity[index] > _BACK_TO_START * np.abs(capacity[:index]).max())


def _kind_from_voltage(voltage: Array) -> Kind | None:
    """Return whether a stretch is a charge or a discharge, by the way its voltage goes."""
    rise = voltage[-1] - voltage[0]
    moved = float(np.ptp(voltage))
    # Up and down again, with a capacity that goes on: both halves are in it.
    if moved > 0 and abs(rise) < 0.5 * moved and voltage.size > 4:
        raise ValueError(
            "the voltage rises and falls within one stretch of capacity: add a column that says 'charge' or 'discharge'"
        )
    return "charge" if rise > 0 else "discharge" if rise < 0 else None
