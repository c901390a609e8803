"""When the samples of an array were taken: what its file says, what a mapping adds, and where the two contradict."""

from dataclasses import replace

import numpy as np

from napari_tesm.data.time_base import SAME, TimeBase, even_step, time_base_from_times
from napari_tesm.files.sentences import Sentence
from napari_tesm.io.content import Axis, FileContent, Source, one_line, si_from_unit, unit_is_known
from napari_tesm.io.mapping.companions import UNIT_OF_TIMES, companions_of, unit_in_name
from napari_tesm.io.mapping.entries import MappingError, TimeEntry
from napari_tesm.io.mapping.stated import array_in_file
from napari_tesm.quantities.text import text_from_quantity


def time_base_of(
    source: Source,
    axis: Axis,
    entry: TimeEntry,
    content: FileContent,
    *,
    time_unit: str | None,
    notes: list[str],
) -> TimeBase:
    """Return the time base of an array; its interval may stay unknown.

    What a mapping says replaces no more than that: an interval leaves the file's start, a unit its numbers. An interval
    that contradicts the file is refused unless it is said to override; a start is taken, and noted.

    Parameters
    ----------
    source : Source
    axis : Axis
        Its time axis.
    entry : TimeEntry
        What the mapping says.
    content : FileContent
        Where the entry's `source` is looked up.
    time_unit : str, optional
        Unit of times that have none in the file, as an option gives it.
    notes : list of str
        Takes up where mapping and file differ.

    Raises
    ------
    MappingError
        If they contradict each other, or the times make no sense; the sentence names the entry to change.
    """
    given_unit = entry.unit or time_unit or ""
    listed = _listed_times(axis, entry, given_unit, content, source.name)
    own = _own_base(source, axis, given_unit, may_lack_unit=listed is not None or entry.interval is not None)
    base = own
    if listed is not None:
        if own.is_known and not entry.override and not _agree(own, listed):
            raise MappingError(
                f"the times of '{source.name}' in the file are not those in '{entry.source}': leave out 'source' of "
                f"'time', or say that it holds, time: {{source: {entry.source}, override: yes}}"
            )
        base = replace(listed, origin=own.origin)
    elif entry.interval is not None:
        base = _with_interval(own, axis, entry, source.name, notes)
    if entry.start is None:
        return base
    if base.is_known and own.is_known and abs(own.start - entry.start) > 0.01 * base.spacing:
        told, was = (text_from_quantity(value, "s") for value in (entry.start, own.start))
        notes.append(f"'{source.name}' begins at {told}, as the mapping says, where the file says {was}")
    return base.restarted(entry.start)


def missing_time(source: Source, axis: Axis) -> str:
    """Return what is to be said of an array's times, as a noun with an example; empty where the file says it all."""
    unit = si_from_unit(axis.unit)[1]
    if axis.known and unit == "s":
        return ""
    if axis.known and not unit_is_known(axis.unit) and axis.size > 1:
        positions = axis.positions()
        unknown = f" ('{unit}' is none that is known)" if unit else ""
        return (
            f"{UNIT_OF_TIMES} of '{source.name}', {positions[0]:.6g} to {positions[-1]:.6g}{unknown}, as "
            "time: {unit: ms}"
        )
    return f"the time between two samples of '{source.name}', as time: {{interval: 0.1 ms}}"


def refusal_of_missing_time(source: Source, axis: Axis, content: FileContent) -> MappingError:
    """Return the refusal of an array whose times are not known, which asks for what is missing and no more."""
    beside = companions_of(source, content)
    if beside is not None and beside.time.source and not axis.known:
        unit = "" if not beside.questions else ", unit: ms"
        return MappingError(
            f"nothing says that the times of '{source.name}' are those in '{beside.time.source}': say it in a mapping, "
            f"time: {{source: {beside.time.source}{unit}}}"
        )
    if axis.known and not unit_is_known(axis.unit):
        positions = axis.positions()
        lack = (
            f"are in '{one_line(axis.unit)}', which is no unit that is known" if axis.unit else "have no unit"
        )
        return MappingError(
            Sentence(
                "the times of '{name}', {first:.6g} to {last:.6g}, {lack}: give it by {time_unit:ms}, or in a "
                "mapping as time: {entry}",
                name=source.name, first=positions[0], last=positions[-1], lack=lack, entry="{unit: ms}",
            )
        )  # fmt: skip
    return MappingError(
        f"the times of '{source.name}' are not in the file: say them in a mapping, time: {{interval: 0.1 ms}}"
    )


def _own_base(source: Source, axis: Axis, given_unit: str, *, may_lack_unit: bool) -> TimeBase:
    """Return what the file says; not known where the unit of its times is not, or they are no times."""
    # A unit that nobody knows contradicts nothing that is said.
    stated = axis.unit if unit_is_known(axis.unit) else ""
    factor, unit = si_from_unit(stated or given_unit)
    if unit != "s":
        return TimeBase(axis.size, origin=axis.origin)
    given = si_from_unit(given_unit)
    if stated and given_unit and given != (factor, unit) and axis.known:
        raise MappingError(
            f"the times of '{source.name}' are in {axis.unit}: {given_unit} would contradict the file"
        )
    base = axis.time_base(factor)
    positions = base.positions() if base.is_known else np.zeros(0)
    if not np.isfinite(positions).all() or (np.diff(positions) <= 0).any():
        if may_lack_unit:
            return TimeBase(axis.size, origin=axis.origin)
        raise MappingError(f"the times of '{source.name}' run backwards or are not finite")
    return base


def _listed_times(
    axis: Axis, entry: TimeEntry, given_unit: str, content: FileContent, name: str
) -> TimeBase | None:
    """Return the time base of the array that a mapping names as the times."""
    if not entry.source:
        return None
    values, stated = array_in_file(content, entry.source)
    if values.size != axis.size:
        raise MappingError(f"'{entry.source}' has {values.size} times where '{name}' has {axis.size} samples")
    if stated and given_unit and si_from_unit(stated) != si_from_unit(given_unit):
        raise MappingError(f"'{entry.source}' is in {stated}: {given_unit} would contradict the file")
    factor, unit = si_from_unit(stated or given_unit or unit_in_name(entry.source, "s"))
    if not unit:
        raise MappingError(
            f"'{entry.source}' has no unit in the file: say it, time: {{source: {entry.source}, unit: ms}}"
        )
    if unit != "s":
        raise MappingError(f"'{entry.source}' is in {stated or given_unit}, which is no time")
    try:
        return time_base_from_times(
            values * factor, digits=np.float32 if values.dtype == np.float32 else np.float64
        )
    except ValueError as error:
        raise MappingError(f"'{entry.source}' holds no times: {error}") from None


def _agree(a: TimeBase, b: TimeBase) -> bool:
    return a.size == b.size and bool((np.abs(a.positions() - b.positions()) <= 0.01 * b.spacing).all())


def _with_interval(own: TimeBase, axis: Axis, entry: TimeEntry, name: str, notes: list[str]) -> TimeBase:
    """Return a time base with the interval of a mapping and all else as the file says."""
    interval = entry.interval
    assert interval is not None
    if not own.is_known or entry.override:
        start = own.start
        if not own.is_known and axis.known and not unit_is_known(axis.unit):
            # Times without a unit: the interval says what their step is, and so where they begin.
            step = even_step(axis.positions())
            if step is None and axis.size > 1:
                raise MappingError(
                    f"the times of '{name}' are not equally apart in the file: say their unit, time: {{unit: ms}}, and "
                    "no interval"
                )
            start = axis.start / step * interval if step else 0.0
            if start:
                begins = text_from_quantity(start, "s", digits=6)
                notes.append(
                    f"'{name}' begins at {begins}: its times have no unit in the file, and the mapping's interval says "
                    "what their step is"
                )
        return TimeBase(own.size, start, interval, origin=own.origin)
    if own.interval is None or abs(own.interval - interval) > SAME * interval:
        told = text_from_quantity(interval, "s")
        has = "uneven times" if own.interval is None else text_from_quantity(own.interval, "s", digits=6)
        raise MappingError(
            f"the mapping says a time between two samples of {told}, the file {has} for '{name}': leave 'interval' "
            f"out, or say that the file is wrong, time: {{interval: {told}, override: yes}}"
        )
    return own
