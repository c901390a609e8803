"""What a table of text holds: traces of pixels in columns or in rows, a list of samples with places, or channels."""

import re
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.time_base import last_digit
from napari_tesm.io.content import (
    Axis,
    Collection,
    ContentError,
    FileContent,
    axis_from_positions,
    disk_content,
    si_from_unit,
)
from napari_tesm.io.point_grid import grid_of_points
from napari_tesm.io.text.names import Arrangement, are_pixels, arrangement_of, stem_of
from napari_tesm.io.text.numbers import Spelling
from napari_tesm.io.text.table import Table, layout_of_file, table_from_file
from napari_tesm.io.waveforms import axis_from_waveform

_CALLED: Final = {
    "time": r"(t|times?|time ?axis|time ?base|x ?values?|zeit|temps|elapsed( time)?)",
    "x": r"(x|x ?pos(ition)?|x ?coordinates?)",
    "y": r"(y|y ?pos(ition)?|y ?coordinates?)",
    "column": r"(col|columns?|spalte|ix|x ?index|i ?x)",
    "row": r"(row|rows|lines?|zeile|iy|y ?index|i ?y)",
    "pixel": r"(pixels?|px|pix|points?|pixel ?(no|nr|number|index)\.?)",
    "count": r"(index|sample|samples|no|nr|n|i|#|sample ?(no|nr|number|index)\.?)",
}
_PLACES: Final = (("y", "x"), ("row", "column"), ("pixel",))
_LAYERS: Final = "axis-0"
"""A column of the tables in which napari keeps points and shapes, which it reads itself."""
_AGREE: Final = 0.01
"""Part of a sampling interval by which the times of two pixels may differ."""


def is_text(path: str | PathLike[str], head: bytes) -> bool:
    """Return whether a file starting with the bytes `head` is text that holds a table of numbers."""
    from napari_tesm.io.text.lvm import is_lvm

    if is_lvm(head):
        return True
    layout = layout_of_file(Path(path), head)[1]
    return layout is not None and _LAYERS not in layout.names


def content_from_text(path: str | PathLike[str]) -> FileContent:
    """Return the arrays of a text file: CSV, TSV, columns with blanks, or LabVIEW's .lvm.

    Columns that are called alike but for a number are one array with an axis of pixels, or of y and x where their names
    say it (``row 3 col 7``); rows are pixels where the heading is a row of times; a list with places (x, y, time and
    value) becomes an image of traces. Other columns are channels. Times are those of a column called so, or stated
    above the table (``dt: 0.1 ms``). The numbers are read at once, and kept in a temporary file where they are many.

    Raises
    ------
    ContentError
        If the file is no table; the sentence names the line.
    OSError
        If it cannot be read.
    """
    from napari_tesm.io.text.lvm import collect_lvm, is_lvm

    path = Path(path)
    disk = disk_content(path)
    head = disk[: min(4096, disk.n_bytes)]
    collected = Collection()
    kind = "text table"
    if is_lvm(head):
        kind = "LabVIEW measurement"
        collect_lvm(path, head, collected)
    else:
        collect_table(table_from_file(path, head), path, collected)
    return collected.content(path, kind, disk.check, noted="notes")


def collect_table(table: Table, path: Path, collected: Collection) -> None:
    """Take up what a table holds, by what its columns are called."""
    collected.attributes |= table.attributes
    for note in table.notes:
        collected.note(note)
    roles = _roles(table)
    columns = [n for n in range(len(table.names)) if n not in roles.values()]
    times = None if "time" in roles else _times_in_names(table, columns)
    both = {"x", "y"} <= roles.keys()
    if times is None and not (both and _are_places(table, roles["x"], roles["y"])):
        roles = {role: n for role, n in roles.items() if role not in ("x", "y")}  # those are the lock-in's
        columns = [n for n in range(len(table.names)) if n not in roles.values()]
    places = next((names for names in _PLACES if all(name in roles for name in names)), ())
    if not (columns or len(roles) > len(places) + ("time" in roles)):
        raise ContentError(f"{path} holds times or places and no values.")
    if times is not None:
        _collect_rows(table, columns, times, {name: roles[name] for name in places}, collected)
    elif places and "time" in roles:
        _collect_list(table, columns, roles, places, path, collected)
    else:
        columns += [roles[name] for name in roles if name not in ("time", "count")]
        _collect_columns(table, sorted(columns), roles.get("time"), collected)


def _roles(table: Table) -> dict[str, int]:
    """Return which column is the time, a place, or a count of the samples."""
    roles: dict[str, int] = {}
    units = [si_from_unit(unit)[1] for unit in table.units]
    if "s" in units and units.count("s") == 1:
        roles["time"] = units.index("s")
    for role, words in _CALLED.items():
        wanted = {"time": ("s", ""), "x": ("m",), "y": ("m",)}.get(role, ("",))
        fitting = [
            n
            for n, name in enumerate(table.names)
            if n not in roles.values()
            and units[n] in wanted
            and re.fullmatch(words, re.sub(r"[_\s]+", " ", name).strip(), re.IGNORECASE)
        ]
        if role in ("x", "y") and len(fitting) > 1:  # the lock-in's are called so, too
            fitting = [min(fitting, key=lambda n: np.unique(table.values[:, n]).size)]
        if len(fitting) == 1 and role not in roles:
            roles[role] = fitting[0]
    unnamed = [n for n, name in enumerate(table.names) if not name]
    if unnamed == [0] and len(table.names) > 1 and (np.diff(table.values[:, 0]) == 1).all():
        roles["count"] = 0
    if not any(table.names) and len(table.names) > 1 and len(table.values) > 2:
        # Without a heading: a first column that goes forwards evenly is the time, in a unit that has to be said.
        first = np.asarray(table.values[:, 0])
        forwards = np.diff(first)
        if np.isfinite(first).all() and (forwards > 0).all() and np.ptp(forwards) < 0.1 * forwards.mean():
            roles["time"] = 0
    return roles


def _are_places(table: Table, x: int, y: int) -> bool:
    """Whether two columns are places on a grid, of which there are few: signals have a value for each sample."""
    few = [np.unique(table.values[:, n]).size for n in (x, y)]
    return few[0] * few[1] <= max(2 * len(table.values), 1) and few[0] * few[1] > 1


def _times_in_names(table: Table, columns: Sequence[int]) -> Axis | None:
    """Return the axis that the heading of the values is: a row of ascending numbers, with a unit or without."""
    if len(columns) < 3:
        return None
    spelling = Spelling("\t", "," if any("," in table.names[n] for n in columns) else ".")
    parted = [_number_and_unit(table.names[n], table.units[n]) for n in columns]
    numbers = [spelling.number(number) for number, _ in parted]
    units = {unit for _, unit in parted}
    values = np.array([np.nan if number is None else number for number in numbers])
    if len(units) != 1 or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        return None
    unit = units.pop()
    if not unit and (values == np.arange(values.size) + values[0]).all():
        return None  # a count, of samples or of pixels
    if unit and si_from_unit(unit)[1] != "s":
        return None
    return axis_from_positions(values, "time", unit, rounded=last_digit(values))


def _number_and_unit(name: str, unit: str) -> tuple[str, str]:
    """Return the number that a heading begins with and its unit, ``0.1 ms``, ``t=0.1ms`` or ``0.1`` with a unit."""
    parts = re.fullmatch(r"(?:[^\W\d]+\s*[=:_ ]\s*)?([+-]?[\d.,]+(?:[eE][+-]?\d+)?)\s*([^\W\d]*)", name)
    if parts is None:
        return name, unit
    return parts[1], unit or parts[2]


def _collect_rows(
    table: Table, columns: Sequence[int], times: Axis, places: dict[str, int], collected: Collection
) -> None:
    """Take up a table of which each row is the trace of a pixel."""
    values = np.asarray(table.values)[:, columns]
    unit = table.attributes.get("unit", table.attributes.get("units", ""))
    axes, values = _placed(values, table, places, collected)
    collected.add("traces", values, [*axes, times], str(unit))


def _placed(
    values: NDArray[np.float64], table: Table, places: dict[str, int], collected: Collection
) -> tuple[list[Axis], NDArray[np.float64]]:
    """Return traces, shape (pixel, time), on the grid that their places are: axes y and x, or pixel."""
    listed = [Axis(len(values), "pixel", known=False)]
    if len(places) < 2:
        if places:
            order = np.argsort(table.values[: len(values), next(iter(places.values()))], kind="stable")
            return listed, values[order]
        return listed, values
    named = dict(zip(("y", "x"), places.values(), strict=True))
    positions = np.stack([table.values[:, named["x"]], table.values[:, named["y"]]], axis=1)
    return _on_grid(values, positions, table.units[named["x"]], next(iter(places)) == "row", collected)


def _on_grid(
    values: NDArray[np.float64],
    positions: NDArray[np.float64],
    unit: str,
    counted: bool,
    collected: Collection,
) -> tuple[list[Axis], NDArray[np.float64]]:
    grid = grid_of_points(positions)
    if grid is None or grid[2].shape[2] != 1:
        collected.note("The places of the pixels are no full grid: they are taken in the order of the file.")
        return [Axis(len(values), "pixel", known=False)], values
    y, x, order = grid
    axes = [
        Axis(centres.size, name, known=False) if counted else axis_from_positions(centres, name, unit)
        for name, centres in (("y", y), ("x", x))
    ]
    return axes, values[order[:, :, 0]]


def _collect_list(
    table: Table,
    columns: Sequence[int],
    roles: dict[str, int],
    places: tuple[str, ...],
    path: Path,
    collected: Collection,
) -> None:
    """Take up a table with a row for each sample of each pixel; the samples of a pixel need not follow each other."""
    values = np.asarray(table.values)
    at = values[:, [roles[name] for name in places]]
    different, pixel = np.unique(at, axis=0, return_inverse=True)
    pixel = pixel.reshape(-1)
    order = np.lexsort((values[:, roles["time"]], pixel))
    counts = np.bincount(pixel)
    if not np.isfinite(at).all() or (counts != counts[0]).any():
        raise ContentError(
            f"{path}: its pixels have {counts.min()} to {counts.max()} samples; only one number makes a map."
        )
    cut = values[order].reshape(len(different), counts[0], -1)
    times = cut[:, :, roles["time"]]
    interval = float(np.median(np.diff(times[0]))) if counts[0] > 1 else 1.0
    if not (np.abs(times - times[0]) <= _AGREE * abs(interval)).all():
        raise ContentError(f"{path}: the times of its pixels are not the same.")
    along = axis_from_positions(times[0], "time", table.units[roles["time"]], rounded=last_digit(times[0]))
    for n in columns:
        traces = cut[:, :, n]
        axes = [Axis(len(different), "pixel", known=False)]
        if len(places) == 2:
            unit = table.units[roles[places[1]]]
            axes, traces = _on_grid(traces, different[:, ::-1], unit, places[0] == "row", collected)
        collected.add(table.names[n] or "traces", traces, [*axes, along], table.units[n])


def _collect_columns(table: Table, columns: Sequence[int], time: int | None, collected: Collection) -> None:
    """Take up channels, and pixels in columns; where the times begin anew for each pixel, these are cut there."""
    values = np.asarray(table.values)
    size, blocks = len(values), 1
    if time is None:
        along = axis_from_waveform(table.attributes, size, collected.note)
    else:
        along, blocks = _time_axis(values[:, time], table, time, collected)
        size = along.size
    groups: dict[tuple[str, str], list[int]] = {}
    for n in columns:
        groups.setdefault((stem_of(table.names[n]), table.units[n]), []).append(n)
    for (_, unit), members in groups.items():
        names = [table.names[n] for n in members]
        lying = arrangement_of(names) if blocks == 1 else None
        counted = time is None and not any(name.strip("0123456789") for name in names)
        if lying is not None and not counted and are_pixels(names, lying):
            traces = arranged_columns(values, members, lying)
            stacked = replace(along, name=along.name or "time")
            collected.add(lying.stem or "traces", traces, [stacked, *axes_of(lying, names, collected)], unit)
        elif not any(names) and len(members) > 2 and time is not None:
            collected.add(
                "traces", values[:, members], [along, Axis(len(members), "pixel", known=False)], unit
            )
        elif counted and len(members) > 2:
            collected.add("table", values[:, members])  # nobody says whether rows or columns are pixels
        else:
            for n in members:
                channel = values[: blocks * size, n]
                shown = table.names[n] or f"column {n + 1}"
                if blocks > 1:
                    axes = [Axis(blocks, "pixel", known=False), along]
                    collected.add(shown, channel.reshape(blocks, size), axes, unit)
                else:
                    collected.add(shown, channel, [along], unit)


def _time_axis(
    times: NDArray[np.float64], table: Table, column: int, collected: Collection
) -> tuple[Axis, int]:
    """Return the axis that a column of times is, and how often it is gone through: once for each pixel."""
    name, unit = table.names[column] or "time", table.units[column]
    backwards = np.flatnonzero(np.diff(times) <= 0) + 1
    size, blocks = times.size, 1
    if backwards.size and np.isfinite(times).all() and backwards[0] > 1:
        size = int(backwards[0])
        whole, rest = divmod(times.size, size)
        cut = times[: whole * size].reshape(whole, size)
        same = (np.abs(cut - cut[0]) <= _AGREE * np.median(np.diff(cut[0]))).all()
        if same and whole > 1:
            blocks = whole
            if rest:
                collected.note(f"The last {rest} samples are no whole pixel and are left out.")
        else:
            size = times.size
    if si_from_unit(unit)[1] == "s" or not unit:
        name = "time"
    along = axis_from_positions(np.asarray(times[:size]), name, unit, rounded=last_digit(times[:size]))
    if not along.known:
        collected.note(f"'{table.names[column]}' is not finite everywhere: these are no times.")
    return along, blocks


def arranged_columns(
    values: NDArray[np.float64], members: Sequence[int], lying: Arrangement
) -> NDArray[np.float64]:
    """Return columns of a table as their names arrange them, shape (row, …); NaN where there is none."""
    if lying.missing == 0:
        order = np.empty(len(members), np.intp)
        order[lying.places] = members
        # Columns in their order are taken as they are: of a table in a file nothing is copied.
        in_order = bool((np.diff(order) == 1).all())
        chosen = values[:, order[0] : order[-1] + 1] if in_order else values[:, order]
        return chosen.reshape(len(values), *lying.shape)
    traces = np.full((len(values), int(np.prod(lying.shape))), np.nan)
    traces[:, lying.places] = values[:, members]
    return traces.reshape(len(values), *lying.shape)


def axes_of(lying: Arrangement, names: Sequence[str], collected: Collection) -> list[Axis]:
    """Return the axes of pixels that names arrange, without positions; what the names do not say is noted."""
    if lying.missing:
        collected.note(
            f"{lying.missing} of {lying.shape[0]} × {lying.shape[1]} pixels are missing in the file."
        )
    if lying.axes == ("", ""):
        collected.note(
            f"Names like '{names[0]}' do not say which number is the row: the first is taken for it "
            "(otherwise say it in a mapping, axes: …)."
        )
    return [Axis(size, name, known=False) for size, name in zip(lying.shape, lying.axes, strict=True)]
