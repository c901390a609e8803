"""A folder of text files: one for each pixel or each line of a scan, put together by the numbers in their names."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.io.content import Axis, Collection, ContentError, FileContent, Source
from napari_tesm.io.text.content import axes_of, content_from_text, is_text
from napari_tesm.io.text.names import Arrangement, arrangement_of, stem_of

_HEAD: Final = 4096
_MOST_FILES: Final = 1_000_000
_AGREE: Final = 0.01
"""Part of a sampling interval by which the times of two files may differ."""


def is_text_folder(path: str | PathLike[str], *, of_pixels: bool = False) -> bool:
    """Return whether a folder holds text files that are pieces of one scan: their names differ by numbers.

    Parameters
    ----------
    path : path-like
    of_pixels : bool
        Only where the names have a row and a column: those of many scans differ by one number, too.
    """
    members = _members(Path(path))
    if of_pixels:
        lying = arrangement_of([member.stem for member in members])
        if lying is None or len(lying.axes) != 2:
            return False
    return len(members) > 1 and _is_table(members[0]) and _is_table(members[-1])


def content_from_text_folder(path: str | PathLike[str]) -> FileContent:
    """Return the arrays of a folder of text files, each put together of all files.

    Files are pixels, or lines where each holds several pixels. Names with a row and a column make a grid; files that
    are missing in it are pixels without a trace. A file that is shorter than the first is completed by missing samples.

    Raises
    ------
    ContentError
        If a file is no table, or has other columns or times than the first; the sentence names it.
    OSError
        If one cannot be read.
    """
    path = Path(path)
    members = _members(path)
    if len(members) < 2:
        raise ContentError(f"{path} holds no two text files whose names differ by a number.")
    lying = arrangement_of([member.stem for member in members])
    if lying is None:
        raise ContentError(f"{path}: the numbers in the names of its files tell no order.")
    collected = Collection()
    stacks: dict[str, _Stack] = {}
    for member, place in zip(members, lying.places.tolist(), strict=True):
        content = content_from_text(member)
        if not stacks:
            collected.attributes |= content.attributes
            for note in content.notes:
                collected.note(f"{member.name}: {note}")
            size = int(np.prod(lying.shape))
            stacks = {source.name: _Stack.of(source, size, member.name) for source in content.sources}
        for name, stack in stacks.items():
            stack.put(place, content.source(name), member, collected)
    own = set(members)
    others = sorted(other.name for other in path.iterdir() if other not in own)
    if others:
        collected.note(f"Not of this scan, and left out: '{others[0]}'{_and_more(len(others) - 1)}.")
    outer = axes_of(lying, [member.stem for member in members], collected)
    for name, stack in stacks.items():
        outer_axes = _outer_axes(outer, stack.axes)
        array = stack.values.reshape(*lying.shape, *stack.values.shape[1:])
        collected.add(name, array, [*outer_axes, *stack.axes], stack.unit, stack.title)
    return collected.content(path, f"folder of {len(members)} text files", noted="notes")


def _outer_axes(outer: Sequence[Axis], inner: Sequence[Axis]) -> list[Axis]:
    """Return what the files are: lines, where each holds pixels in a row, else pixels."""
    in_row = [axis.name for axis in inner if axis.name in ("pixel", "x")]
    if len(outer) == 1 and in_row:
        return [replace(outer[0], name="y")]
    return list(outer)


@dataclass(eq=False)
class _Stack:
    """An array that is put together of the files."""

    values: NDArray[np.float64]
    axes: list[Axis]
    unit: str
    title: str
    first: str
    along: int

    @classmethod
    def of(cls, source: Source, count: int, first: str) -> "_Stack":
        values = np.full((count, *source.shape), np.nan)
        names = [axis.name for axis in source.axes]
        along = names.index("time") if "time" in names else int(np.argmax(source.shape))
        # Within a line, pixels are its columns.
        axes = [replace(axis, name="x") if axis.name == "pixel" else axis for axis in source.axes]
        return cls(values, axes, source.unit, source.title, first, along)

    def put(self, place: int, source: Source, member: Path, collected: Collection) -> None:
        """Put the array of a file in its place."""
        if source.unit != self.unit:
            raise ContentError(
                f"{member} has '{source.name}' in '{source.unit}', {self.first} in '{self.unit}'."
            )
        own, shape = list(source.shape), list(self.values.shape[1:])
        common = min(own[self.along], shape[self.along]) if len(own) == len(shape) else 0
        own[self.along : self.along + 1] = shape[self.along : self.along + 1] = [common]
        if own != shape or not common:
            raise ContentError(
                f"{member} holds {_size(source.shape)} of '{source.name}', {self.first} {_size(self.values.shape[1:])}."
            )
        _refuse_other_times(source.axes[self.along], self.axes[self.along], common, member, self.first)
        if source.shape[self.along] != self.values.shape[1 + self.along]:
            shorter = source.shape[self.along] < self.values.shape[1 + self.along]
            collected.note(
                f"'{member.name}' has {source.shape[self.along]} samples where {self.first} has "
                f"{self.values.shape[1 + self.along]}: "
                + ("the others are missing." if shorter else "those beyond are left out.")
            )
        part = tuple(slice(common) if n == self.along else slice(None) for n in range(len(own)))
        self.values[place][part] = np.asarray(source.array)[part]


def _refuse_other_times(own: Axis, first: Axis, common: int, member: Path, named: str) -> None:
    if own.unit != first.unit or own.known != first.known:
        raise ContentError(f"{member} says its times in another way than {named}.")
    if not own.known or common < 2:
        return
    ours, theirs = own.positions()[:common], first.positions()[:common]
    if (np.abs(ours - theirs) > _AGREE * np.median(np.diff(theirs))).any():
        raise ContentError(
            f"{member} has other times than {named}: its pixels cannot be laid on one time axis."
        )


def _and_more(count: int) -> str:
    return f" and {count} more files" if count > 1 else " and another file" if count else ""


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _members(path: Path) -> list[Path]:
    """Return the files of the most frequent kind of name, in the order of the numbers in it."""
    kinds: dict[tuple[str, str], list[Path]] = {}
    with os.scandir(path) as entries:
        for count, entry in enumerate(entries):
            if count > _MOST_FILES:
                raise ContentError(f"{path} holds more than {_MOST_FILES} files.")
            name = Path(entry.name)
            if (
                not name.name.startswith(".")
                and any(sign.isdecimal() for sign in name.stem)
                and entry.is_file()
            ):
                kinds.setdefault((stem_of(name.stem), name.suffix.lower()), []).append(path / name)
    if not kinds:
        return []
    kind = max(kinds, key=lambda kind: len(kinds[kind]))
    members = sorted(kinds[kind], key=lambda member: member.name)
    lying = arrangement_of([member.stem for member in members])
    return members if lying is None else _by_place(members, lying)


def _by_place(members: Sequence[Path], lying: Arrangement) -> list[Path]:
    return [members[n] for n in np.argsort(lying.places).tolist()]


def _is_table(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_text(path, file.read(_HEAD))
    except OSError:
        return False
