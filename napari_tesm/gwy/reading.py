"""Reading ``.gwy`` bytes: every length is checked before use, every large array stays in the file."""

from __future__ import annotations

import os
import struct
from collections import OrderedDict
from typing import Any, Final

import numpy as np
from gwyfile.objects import GwyContainer, GwyObject

from napari_tesm.files.disk import DiskFile
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.gwy.copies import allow_copies
from napari_tesm.gwy.forms import GWYDDION_2, GWYDDION_3, MAGICS, OLD_MAGIC, Form
from napari_tesm.gwy.gwyddion3 import container_of_2, empty_object, object_of_2
from napari_tesm.gwy.values import ARRAYS, MAX_DEPTH, SCALARS

# Gwyddion 1.x wrote the items of the outermost container as (GType, key, value) instead of (key, type code,
# value); everything below that container is as in GWYP. Found by feeding such files to Gwyddion 2.62.
_GTYPES = {16: "c", 20: "b", 24: "i", 40: "q", 60: "d", 64: "s", 80: "o"}

# What may be too much to be read before somebody asks for it: the component "data" of these, beyond so many bytes.
_LARGE = ("GwyBrick", "GwyLawn", "GwyDataField", "GwyField")
_LARGE_BYTES = 1 << 20

# The least an item of an array can take: a string its NUL, an object an empty name, its NUL and a size.
_LEAST_BYTES = {"S": 1, "O": 5}

# Types of number that Gwyddion 3 has beside those of Gwyddion 2, and what holds each of their values.
_NARROW = {"h": struct.Struct("<h"), "f": struct.Struct("<f")}
_NARROW_ARRAYS: dict[str, np.dtype[Any]] = {"H": np.dtype("<i2"), "F": np.dtype("<f4")}
_HELD_AS = {"h": "i", "f": "d", "H": "I", "F": "D"}

allow_copies()

_LONGEST_SHOWN: Final = 78
"""Letters of a name of the file that a sentence shows."""


def read_container(path: str | os.PathLike[str]) -> GwyContainer:
    """Return the objects of a ``.gwy`` file, large arrays left in the file.

    Arrays are read-only, flat and little-endian. The samples of volumes, curve maps and large images stay in the file
    as `DiskArray`, so that opening takes neither time nor memory for them. The file is the ``disk_file`` attribute of
    the container and found from any such array by `disk_file_of`.

    Parameters
    ----------
    path : path-like
        A file of Gwyddion 2 (GWYP), Gwyddion 3 (GWYQ) or Gwyddion 1 (GWYO).

    Returns
    -------
    gwyfile.objects.GwyContainer
        With the keys and types of Gwyddion 2, and exact ``typecodes`` on every object. Bytes that are not UTF-8
        become surrogate escapes and are written back as they were; ``c`` is an int, ``C`` an array of bytes; of items
        with the same key the last counts. Bytes after the container are ignored, as Gwyddion does.

    Raises
    ------
    GwyFormatError
        If the file is not a sound .gwy file.
    OSError
        If it cannot be opened.
    """
    disk = DiskFile(path)
    magic = disk[:4]
    if magic not in MAGICS:
        begin = _shown(magic.decode("latin-1"))
        raise GwyFormatError(f"{path} is not a Gwyddion file: it starts with {begin} instead of 'GWYP'.")
    form = GWYDDION_3 if magic == GWYDDION_3.magic else GWYDDION_2
    reader = _Reader(disk, str(path), form)
    container, _ = reader.object(4, disk.n_bytes, "", 0, old_style=magic == OLD_MAGIC)
    if container.name != form.top:
        raise GwyFormatError(
            f"{path} holds a single {_shown(container.name)} instead of a container: "
            "open it in Gwyddion and save it anew."
        )
    if form is GWYDDION_3:
        container = container_of_2(container)
    container.disk_file = disk
    return container


class _Reader:
    """One pass over a file; positions count from its start, `end` is where the parent object ends."""

    def __init__(self, disk: DiskFile, name: str, form: Form) -> None:
        self.disk = disk
        self.name = name
        self.count = form.count
        self.is_of_3 = form is GWYDDION_3

    def error(self, what: str, pos: int, key: str) -> GwyFormatError:
        under = f", under {_shown(key)}" if key else ""
        return GwyFormatError(
            f"{self.name} is damaged or incomplete: {what} at byte {pos}{under}. "
            "Copy it again from where it was made."
        )

    def take(self, size: int, pos: int, end: int, key: str, what: str) -> int:
        """Return the position after `size` bytes, once it is sure that they are there."""
        if size > end - pos:
            raise self.error(f"{what} needs {size} bytes where {end - pos} are left", pos, key)
        return pos + size

    def string(self, pos: int, end: int, key: str, what: str) -> tuple[str, int]:
        stop = self.disk.find(b"\0", pos, end)
        if stop < 0:
            raise self.error(f"{what} has no end", pos, key)
        return self.disk[pos:stop].decode("utf-8", "surrogateescape"), stop + 1

    def object(
        self, pos: int, end: int, key: str, depth: int, *, old_style: bool = False
    ) -> tuple[GwyObject, int]:
        if depth > MAX_DEPTH:
            raise self.error(f"objects are nested deeper than {MAX_DEPTH} levels", pos, key)
        name, pos = self.string(pos, end, key, "the name of an object")
        body = self.take(self.count.size, pos, end, key, "the size of an object")
        (size,) = self.disk.unpacked(self.count, pos)
        stop = self.take(size, body, end, key, f"the object {_shown(name)}")
        values: OrderedDict[str, Any] = OrderedDict()
        typecodes: dict[str, str] = {}
        pos = body
        while pos < stop:
            if old_style:
                item, typecode, pos = self.old_item(pos, stop, key)
            else:
                item, pos = self.string(pos, stop, key, "the name of a component")
                after = self.take(1, pos, stop, key, "a type code")
                typecode, pos = self.disk[pos:after].decode("latin-1"), after
            within = item if depth == 0 else f"{key}/{item}"
            may_stay = item == "data" and name in _LARGE
            values[item], pos = self.value(typecode, pos, stop, within, depth, may_stay=may_stay)
            typecodes[item] = _HELD_AS.get(typecode, typecode)
        result = empty_object(name)
        result.update(values)
        result.typecodes = typecodes
        return (object_of_2(result) if self.is_of_3 else result), stop

    def old_item(self, pos: int, end: int, key: str) -> tuple[str, str, int]:
        after = self.take(4, pos, end, key, "a type number")
        (gtype,) = self.disk.unpacked(GWYDDION_2.count, pos)
        if gtype not in _GTYPES:
            raise self.error(f"unknown type number {gtype}", pos, key)
        item, after = self.string(after, end, key, "the name of a component")
        return item, _GTYPES[gtype], after

    def value(
        self, typecode: str, pos: int, end: int, key: str, depth: int, *, may_stay: bool = False
    ) -> tuple[Any, int]:
        if typecode == "o" or (typecode == "r" and self.is_of_3):
            return self.object(pos, end, key, depth + 1)
        if typecode == "s":
            return self.string(pos, end, key, "a string")
        if typecode in ("b", "c"):
            after = self.take(1, pos, end, key, "a value")
            byte = self.disk[pos:after][0]
            return (byte != 0 if typecode == "b" else byte), after
        if typecode in SCALARS or (typecode in _NARROW and self.is_of_3):
            scalar = SCALARS.get(typecode) or _NARROW[typecode]
            after = self.take(scalar.size, pos, end, key, "a number")
            return self.disk.unpacked(scalar, pos)[0], after
        is_narrow = typecode in _NARROW_ARRAYS and self.is_of_3
        if typecode not in ARRAYS and typecode not in _LEAST_BYTES and not is_narrow:
            raise self.error(f"unknown type code {_shown(typecode)}", pos - 1, key)

        start = self.take(self.count.size, pos, end, key, "the length of an array")
        (count,) = self.disk.unpacked(self.count, pos)
        if is_narrow:
            dtype = _NARROW_ARRAYS[typecode]
            after = self.take(count * dtype.itemsize, start, end, key, f"an array of {count} values")
            return np.frombuffer(self.disk[start:after], dtype).astype(ARRAYS[_HELD_AS[typecode]]), after
        if typecode in ARRAYS:
            dtype = ARRAYS[typecode]
            after = self.take(count * dtype.itemsize, start, end, key, f"an array of {count} values")
            if may_stay and after - start > _LARGE_BYTES:
                return self.disk.array((count,), dtype, start), after
            return np.frombuffer(self.disk[start:after], dtype), after
        self.take(count * _LEAST_BYTES[typecode], start, end, key, f"an array of {count} items")
        items: list[Any] = []
        for number in range(count):
            if typecode == "S":
                item, start = self.string(start, end, key, "a string")
            else:
                item, start = self.object(start, end, f"{key}/{number}", depth + 1)
            items.append(item)
        return items, start


def _shown(text: str) -> str:
    """Text in quotes, with a dot for what is no letter: a person is to read it, and not too much of it."""
    shown = "".join(letter if letter.isprintable() else "·" for letter in text[: _LONGEST_SHOWN + 1])
    return f"'{shown}'" if len(shown) <= _LONGEST_SHOWN else f"'{shown[: _LONGEST_SHOWN - 1]}…'"
