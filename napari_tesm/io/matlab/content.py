"""What a .mat file holds: its numeric variables, structs taken apart."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, Final

from napari_tesm.io.content import Axis, ContentError, FileContent, Source, distinct_name, one_line
from napari_tesm.io.gwy.errors import GwyFormatError
from napari_tesm.io.gwy.mapping import MappedFile
from napari_tesm.io.lazy import LazyArray

_MOST_VARIABLES: Final = 20_000
_MOST_NOTES: Final = 50


def is_matlab(path: str | PathLike[str], head: bytes) -> bool:
    """Return whether a file starting with the bytes `head` is a .mat file of version 5 or 7.3."""
    return is_version_5(head) or is_version_7_3(head)


def is_version_5(head: bytes) -> bool:
    """Return whether this is the version that is no HDF5."""
    # The text before it is anybody's; 1 and the letters in the writer's byte order are the format's.
    return head[:4] != b"\0\0\0\0" and head[124:128] in (b"\0\1IM", b"\1\0MI")


def is_version_7_3(head: bytes) -> bool:
    """Return whether this is HDF5 with MATLAB's header."""
    return head[124:128] in (b"\0\2IM", b"\2\0MI") and head[512:520] == b"\x89HDF\r\n\x1a\n"


def content_from_matlab(path: str | PathLike[str]) -> FileContent:
    """Return the numeric variables of a .mat file, in the shape they have in MATLAB.

    Vectors, 1×n or n×1 in MATLAB, have one dimension. Structs and cells are taken apart: ``scan.x``, ``scan(2).x``,
    ``traces{3}``. Single numbers and texts become attributes of the file.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ContentError
        If the file is damaged.
    OSError
        If it cannot be opened.
    MissingPackageError
        If it is of version 7.3 and h5py is not installed.
    """
    from napari_tesm.io.matlab.version5 import read_version_5
    from napari_tesm.io.matlab.version73 import read_version_7_3

    path = Path(path)
    try:
        mapped = MappedFile(path)
    except GwyFormatError as error:
        raise ContentError(str(error)) from None
    found = Variables(mapped)
    head = mapped[:4096]
    if is_version_7_3(head):
        version = "7.3"
        read_version_7_3(path, found)
    elif is_version_5(head):
        version = "5"
        read_version_5(found)
    else:
        raise ContentError(
            f"{path} is no MATLAB file of version 5 or 7.3: save it anew in MATLAB with -v7.3."
        )
    return FileContent(
        path=path,
        format=f"MATLAB {version}",
        sources=found.sources,
        attributes=found.attributes,
        notes=found.all_notes(),
        check=mapped.check,
    )


class Variables:
    """Collects what is found in a .mat file."""

    def __init__(self, mapped: MappedFile) -> None:
        self.mapped = mapped
        self.sources: list[Source] = []
        self.attributes: dict[str, Any] = {}
        self._names: set[str] = set()
        self._notes: list[str] = []
        self._n_visited = 0

    def visit(self) -> None:
        """Count a variable, field or element.

        Raises
        ------
        ContentError
            If there are too many.
        """
        self._n_visited += 1
        if self._n_visited > _MOST_VARIABLES:
            raise ContentError(
                f"{self.mapped.path} holds more than {_MOST_VARIABLES} variables, fields and cells."
            )

    def add_array(self, name: str, array: LazyArray) -> None:
        """Keep real numbers of a variable; a single one as an attribute."""
        if array.size == 0:
            self.leave_out(name, "it is empty.")
            return
        if array.size == 1:
            self.attributes[name] = array[(0,) * array.ndim].item()
            return
        vector = _as_vector(array)
        name = distinct_name(one_line(name), self._names)
        self._names.add(name)
        self.sources.append(Source(name, vector, [Axis(size, known=False) for size in vector.shape]))

    def add_text(self, name: str, text: str) -> None:
        """Keep a text as an attribute."""
        self.attributes[name] = text

    def leave_out(self, name: str, reason: str) -> None:
        """Note that a variable is left out."""
        self._notes.append(one_line(f"'{name}' is left out: {reason}", 400))

    def all_notes(self) -> list[str]:
        """Return the notes, not endlessly many."""
        if len(self._notes) <= _MOST_NOTES:
            return self._notes
        return [*self._notes[:_MOST_NOTES], f"{len(self._notes) - _MOST_NOTES} more variables are left out."]


def _as_vector(array: LazyArray) -> LazyArray:
    if array.ndim != 2 or 1 not in array.shape:
        return array
    long = int(array.shape[0] == 1)
    size = array.shape[long]

    def read(part: tuple[slice, ...]) -> Any:
        key: list[slice | int] = [0, 0]
        key[long] = part[0]
        return array[tuple(key)]

    return LazyArray((size,), array.dtype, read)


def element_names(name: str, shape: tuple[int, ...], form: str) -> Callable[[int], str]:
    """Return what gives the name of the n-th element of an array of structs or cells, in MATLAB's order.

    Parameters
    ----------
    form : str
        ``"({})"`` or ``"{{{}}}"``.
    """
    single = all(size == 1 for size in shape) and form == "({})"

    def name_of(index: int) -> str:
        if single:
            return name
        if sum(size > 1 for size in shape) <= 1:
            return name + form.format(index + 1)
        places = []
        for size in shape:
            index, place = divmod(index, size)
            places.append(str(place + 1))
        return name + form.format(",".join(places))

    return name_of
