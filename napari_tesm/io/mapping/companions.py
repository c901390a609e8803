"""Arrays that stand beside traces and say what their axes are: times, voltages, places of the pixels."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from napari_tesm.io.content import FileContent, Source, si_from_unit
from napari_tesm.io.images import roles_of_axes
from napari_tesm.io.mapping.entries import FileValue, TimeEntry
from napari_tesm.io.mapping.stated import numbers_of_row

UNIT_OF_TIMES: Final = "the unit of the times"
"""How the question begins that a unit alone answers."""
_LONGEST: Final = 10_000_000
_MOST_PULSES: Final = 64
_IN_NAME: Final = re.compile(r"[\s_]*[(\[]\s*([^()\[\]]+?)\s*[)\]]$|_(s|ms|us|µs|ns|min)$")
"""A unit at the end of a name: ``time (ms)``, ``Time [s]``, ``t_us``."""
_CALLED: Final = {
    "time": r"(t|times?|time ?axis|time ?base|time ?stamps?|zeit|temps)",
    "pulse": r"(v|voltages?|bias(es)?|pulse voltages?|amplitudes?)",
    "x": r"(x|xs|x ?pos(ition)?s?|x ?axis)",
    "y": r"(y|ys|y ?pos(ition)?s?|y ?axis)",
}
_DIMENSION: Final = {"time": "s", "pulse": "V", "x": "m", "y": "m"}


@dataclass(frozen=True)
class Companions:
    """What arrays beside one say of it.

    Parameters
    ----------
    roles : list of str
        What its axes are, as far as that is known now.
    time : TimeEntry
        Names the array of its times.
    lookups : dict of FileValue
        Scan size and voltages.
    questions : list of str
        What has to be said still of these arrays.
    """

    roles: list[str]
    time: TimeEntry
    lookups: dict[str, FileValue] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)


def companions_of(source: Source, content: FileContent, time_unit: str | None = None) -> Companions | None:
    """Return what arrays beside one say of its axes; None where none holds its times.

    An array counts that is a row of ascending numbers, has the length of one axis and of no other, and by unit or name
    is what the axis needs.

    Parameters
    ----------
    source : Source
    content : FileContent
    time_unit : str, optional
        Unit of times that have none in the file: then it is not asked for.
    """
    roles = roles_of_axes(source.axes)
    if roles.count("time") > 1 or any(
        axis.known and role == "time" for axis, role in zip(source.axes, roles, strict=True)
    ):
        return None
    rows = [other for other in content.sources if other is not source and _is_row(other)]
    times = list(_fitting(source, roles, rows, "time"))
    if len({number for number, _ in times}) != 1:
        return None
    number, row = times[0]
    roles[number] = "time"
    if len(times) > 1:
        listed = ", ".join(f"'{other.name}'" for _, other in times)
        return Companions(
            roles, TimeEntry(), questions=[f"which of {listed} holds the times, as time: {{source: …}}"]
        )
    unit = "" if si_from_unit(row.unit)[1] else unit_in_name(row.title, "s")
    time = TimeEntry(source=row.name, unit=unit)
    questions = []
    if not (row.unit or unit or time_unit):
        questions = [f"{UNIT_OF_TIMES} in '{row.name}', as time: {{source: {row.name}, unit: ms}}"]
    lookups: dict[str, FileValue] = {}
    for role, entry in (("pulse", "voltages"), ("x", "width"), ("y", "height")):
        fitting = list(_fitting(source, roles, rows, role))
        if len(fitting) == 1 and (si_from_unit(fitting[0][1].unit)[1] == _DIMENSION[role]):
            number, row = fitting[0]
            roles[number] = role
            lookups[f"scan.{entry}"] = FileValue(row.name)
    return Companions(roles, time, lookups, questions)


def times_among(sources: Sequence[Source]) -> list[Source]:
    """Return which of the channels of a recording are the times of the others: told by name or unit, and ascending."""
    return [source for source in sources if _is_for(source, "time") and _is_row(source) and _ascends(source)]


def unit_in_name(name: str, wanted: str) -> str:
    """Return the unit at the end of a name, where it is one of `wanted`; empty otherwise.

    Examples
    --------
    >>> unit_in_name("Time [ms]", "s"), unit_in_name("t_us", "s"), unit_in_name("height (top)", "m")
    ('ms', 'us', '')
    """
    parts = _IN_NAME.search(name)
    unit = (parts[1] or parts[2]) if parts else ""
    return unit if unit and si_from_unit(unit)[1] == wanted else ""


def _fitting(
    source: Source, roles: Sequence[str], rows: Sequence[Source], role: str
) -> Iterator[tuple[int, Source]]:
    """Yield the axes that have no other role, and the rows that are their positions."""
    free = [n for n, (axis, own) in enumerate(zip(source.axes, roles, strict=True)) if own in ("", role)]
    sizes = [source.axes[n].size for n in free]
    for row in rows:
        size = max(row.shape)
        if sizes.count(size) != 1 or not _is_for(row, role) or (role == "pulse" and size > _MOST_PULSES):
            continue
        if role == "pulse" or _ascends(row):
            yield free[sizes.index(size)], row


def _is_row(source: Source) -> bool:
    long = [size for size in source.shape if size > 1]
    return len(long) == 1 and long[0] <= _LONGEST and source.array.dtype.kind in "fiu"


def _is_for(row: Source, role: str) -> bool:
    """Return whether a row of numbers can be the positions along an axis: its unit fits, and its name where it must."""
    unit = si_from_unit(row.unit)[1]
    # What stands in a structure is called by its own name.
    own = _IN_NAME.sub("", row.title).rpartition(".")[2]
    words = re.sub(r"[_\s]+", " ", own).strip()
    called = re.fullmatch(_CALLED[role], words, re.IGNORECASE) is not None
    if role == "time":
        return unit == "s" or (called and not unit)
    return called and unit == _DIMENSION[role]


def _ascends(row: Source) -> bool:
    values = numbers_of_row(row)
    return bool(np.isfinite(values).all() and (np.diff(values.astype(np.float64)) > 0).all())
