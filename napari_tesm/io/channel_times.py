"""Times that a file keeps beside each of its channels: ``t_X`` and ``t_dc``, ``X.time``, ``dc_t0``.

Formats without axes of their own, NumPy's and MATLAB's above all, hold them as arrays or numbers that are called after
the channel. They belong on its axis: else channels that began at different times are taken together, sample by sample.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from napari_tesm.io.content import Axis, FileContent, Source, axis_from_positions, si_from_unit
from napari_tesm.io.text.names import name_and_unit
from napari_tesm.io.waveforms import TIME_BASE, axes_with_waveform

TIMES_OF: Final = "times of"
"""Attribute of an array that holds the times of another one: the other's name."""
_LONGEST: Final = 10_000_000
_TIME: Final = re.compile(
    r"\b(t|times?|time ?axis|time ?base|time ?stamps?|time ?vector|zeit(achse)?|temps)\b"
)
_DATA: Final = re.compile(r"\b(data|values?|samples|signals?|ch|channels?)\b")


def content_with_times_of_channels(content: FileContent) -> FileContent:
    """Return the content of a file with the times of each channel on its axis, where they are called after it.

    An array counts that ascends, is as long as the channel and has its name but for a word for time. Attributes of the
    file count that are called as the channel's own would be: ``X_dt``, ``dc.t0``. Axes that the format gives stay.
    """
    rows: dict[str, list[Source]] = {}
    for source in content.sources:
        if (called := _called_after(source)) and _is_row(source):
            rows.setdefault(called, []).append(source)
    stated = _stated(content.attributes)
    if not rows and not stated:
        return content
    taken: dict[str, str] = {}
    for number, source in enumerate(content.sources):
        if source in rows.get(_called_after(source), ()):
            continue
        names = _names_of(source)
        own = [row for name in names for row in rows.get(name, ()) if row is not source]
        axes = _with_listed_times(source, own, content.notes, taken)
        for name in names:
            if axes is None and name in stated:
                axes = axes_with_waveform(
                    list(source.axes), stated[name], partial(_note, content.notes, source)
                )
        if axes is not None:
            content.sources[number] = replace(source, axes=axes)
    if taken:
        used = {row: name for name, row in taken.items()}
        for number, source in enumerate(content.sources):
            if source.name in used:
                marked = {**source.attributes, TIMES_OF: used[source.name]}
                content.sources[number] = replace(source, attributes=marked)
        pairs = [f"those of '{name}' are in '{row}'" for name, row in list(taken.items())[:8]]
        content.notes.append(
            f"Channels have times of their own: {', '.join(pairs)}{' …' * (len(taken) > 8)}."
        )
    return content


def _note(notes: list[str], source: Source, said: str) -> None:
    notes.append(f"'{source.name}': {said}")


def _with_listed_times(
    source: Source, rows: Sequence[Source], notes: list[str], taken: dict[str, str]
) -> list[Axis] | None:
    """Return the axes of a channel with the times that an array lists; None where none fits."""
    fitting: list[tuple[list[Axis], str]] = []
    for row in rows:
        if not any(not axis.known for axis in source.axes) or source.array.dtype.kind not in "fiub":
            continue
        axes = axes_with_times(source, row)
        if isinstance(axes, str):
            notes.append(f"'{row.name}' {axes}: it does not hold the times of '{source.name}'.")
        else:
            fitting.append((axes, row.name))
    if not fitting:
        return None
    axes, name = fitting[0]
    for others, other in fitting[1:]:
        if not same_axes(axes, others):
            notes.append(f"'{name}' and '{other}' could both hold the times of '{source.name}', and differ.")
            return None
    taken[source.name] = name
    return axes


def axes_with_times(source: Source, row: Source) -> list[Axis] | str:
    """Return the axes of an array with the times that a row of numbers lists; what is wrong with them in words."""
    size = max(row.shape)
    free = [n for n, axis in enumerate(source.axes) if not axis.known and axis.size == size > 1]
    if len(free) != 1:
        return f"has {size} numbers"
    values = np.asarray(row.array[(slice(None),) * len(row.shape)]).reshape(-1)
    positions = values if values.dtype == np.float32 else values.astype(np.float64)
    if not np.isfinite(positions).all() or (np.diff(positions) <= 0).any():
        return "does not go forwards"
    unit = row.unit or _name_and_unit(row)[1]
    place = free[0]
    axis = replace(axis_from_positions(positions, "time", unit), origin=source.axes[place].origin)
    return [*source.axes[:place], axis, *source.axes[place + 1 :]]


def same_axes(axes: list[Axis] | str, others: list[Axis] | str) -> bool:
    """Return whether two rows of numbers list the same times."""
    if isinstance(axes, str) or isinstance(others, str):
        return axes == others
    return all(
        a.unit == b.unit and np.array_equal(a.positions(), b.positions())
        for a, b in zip(axes, others, strict=True)
    )


def _stated(attributes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return attributes of the file that say when a channel was sampled, by the channel they are called after."""
    stated: dict[str, dict[str, Any]] = {}
    for key, value in attributes.items():
        words = _words(key)
        for name in TIME_BASE:
            own = _words(name)
            rest = (
                words.removesuffix(f" {own}") if words.endswith(f" {own}") else words.removeprefix(f"{own} ")
            )
            if rest != words:
                stated.setdefault(_without_data(rest), {}).setdefault(name, value)
    return stated


def _is_row(source: Source) -> bool:
    long = [size for size in source.shape if size > 1]
    return (
        len(long) == 1
        and long[0] <= _LONGEST
        and source.array.dtype.kind in "fiu"
        and si_from_unit(source.unit)[1] in ("s", "")
    )


def _called_after(source: Source) -> str:
    """Return what an array is called but for a word for time; empty where there is no such word, or nothing else."""
    words = _words(_name_and_unit(source)[0])
    rest = _TIME.sub(" ", words, count=1)
    return "" if rest == words else _without_data(rest)


def _names_of(source: Source) -> list[str]:
    """Return what a channel may be called in the names of its times: without words for data, with and without unit."""
    plain = re.sub(r"\s*[(\[][^()\[\]]*[)\]]$", "", source.name)
    names = [_without_data(_words(name)) for name in (plain, name_and_unit(source.name)[0])]
    return [name for name in dict.fromkeys(names) if name]


def _name_and_unit(row: Source) -> tuple[str, str]:
    name, unit = name_and_unit(row.name)
    return (name, unit) if si_from_unit(unit)[1] == "s" else (row.name, "")


def _words(name: str) -> str:
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)", " ", name)
    return " ".join(re.sub(r"[\s_/.\-{}]+", " ", parted).lower().split())


def _without_data(words: str) -> str:
    return " ".join(_DATA.sub(" ", words).split())
