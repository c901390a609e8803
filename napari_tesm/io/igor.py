"""Igor waves of three or four dimensions: stacks of images without names, which are the samples of traces.

Header of version 5 (WaveMetrics, Technical Note PTN003): a BinHeader5 of 64 bytes and a WaveHeader5 of 320, then the
numbers, the first dimension the fastest. Waves whose layers have names, as Asylum's images, are the converter's.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np

from napari_tesm.files.disk import DiskFile
from napari_tesm.io.content import (
    Axis,
    Collection,
    ContentError,
    FileContent,
    disk_content,
    one_line,
    si_from_unit,
)
from napari_tesm.io.text.layout import stated_values

_HEADER: Final = 384
_KINDS: Final = {2: "f4", 4: "f8", 8: "i1", 16: "i2", 32: "i4", 72: "u1", 80: "u2", 96: "u4"}
"""NumPy's code of each of Igor's number types; complex numbers and texts have others."""
_LEAST_LAYERS: Final = 8
"""Fewer images are those of several channels."""
_FORMULA, _NOTE, _LABELS = 8, 12, 36
_TYPE, _NAME, _SIZES, _STEPS, _STARTS, _UNIT, _UNITS = 80, 92, 132, 148, 180, 212, 216
_LONGEST_NOTE: Final = 1 << 20


@dataclass(frozen=True)
class _Wave:
    """What the header of a wave says; sizes, steps, starts and units by dimension, the fastest first."""

    order: str
    kind: str
    name: str
    unit: str
    sizes: tuple[int, ...]
    steps: tuple[float, ...]
    starts: tuple[float, ...]
    units: tuple[str, ...]


def is_igor_stack(path: str | PathLike[str], head: bytes) -> bool:
    """Return whether a file starting with the bytes `head` is a wave of images that have no names of their own."""
    return _wave(head) is not None


def content_from_igor(path: str | PathLike[str]) -> FileContent:
    """Return the images of a wave as one array whose numbers stay in the file, with the axes layer, y and x.

    Layers are samples in time, at the moments that the wave's scaling says where its unit is one of time, else at
    moments that have to be said. Lines run downwards, as Gwyddion shows the images of such files.

    Raises
    ------
    ContentError
        If the file is no such wave, or was cut within its first images.
    OSError
        If it cannot be opened.
    """
    path = Path(path)
    disk = disk_content(path)
    wave = _wave(disk[: min(_HEADER, disk.n_bytes)])
    if wave is None:
        raise ContentError(f"{path} is no Igor wave of images without names.")
    collected = Collection()
    kind = np.dtype(wave.order + wave.kind)
    sizes = wave.sizes[::-1]
    of_layer = int(np.prod(sizes[1:], dtype=object)) * kind.itemsize
    whole = min((disk.n_bytes - _HEADER) // of_layer, sizes[0])
    if whole < 1:
        raise ContentError(f"{path} was cut: not one of its {sizes[0]} images is whole.")
    if whole < sizes[0]:
        collected.note(f"The file was cut: {sizes[0] - whole} of its {sizes[0]} images are missing.")
    axes = [_axis(wave, dimension) for dimension in reversed(range(len(sizes)))]
    axes[0] = axes[0].cropped(whole)
    array = disk.array((whole, *sizes[1:]), kind, _HEADER)
    names = [axis.name for axis in axes]
    collected.note("The lines of the images run downwards, as Gwyddion shows them; Igor's run upwards.")
    collected.attributes |= stated_values(re.split("[\r\n]+", _note(disk, wave, of_layer * sizes[0])))
    collected.add(wave.name, array.flipped(names.index("y")), axes, wave.unit)
    return collected.content(path, "Igor wave", disk.check)


def _axis(wave: _Wave, dimension: int) -> Axis:
    size, unit = wave.sizes[dimension], wave.units[dimension]
    step, start = wave.steps[dimension], wave.starts[dimension]
    name = _names(wave)[dimension]
    # Without a unit, a step of 1 is what waves have when nobody sets it.
    if (not unit and step == 1.0) or not np.isfinite([step, start]).all() or step == 0:
        return Axis(size, name, unit, known=False)
    if name in ("x", "y"):
        return Axis(size, name, unit, start + step / 2, step)
    return Axis(size, name, unit, start, step)


def _names(wave: _Wave) -> list[str]:
    """Return what the dimensions are: time by its unit, else the third; of the others the first is x, the second y."""
    dimensions = range(len(wave.sizes))
    time = next((n for n in dimensions if si_from_unit(wave.units[n])[1] == "s"), 2)
    names = ["" for _ in dimensions]
    names[time] = "time" if si_from_unit(wave.units[time])[1] in ("s", "") else ""
    for name, n in zip("xy", (n for n in dimensions if n != time), strict=False):
        names[n] = name
    return names


def _wave(head: bytes) -> _Wave | None:
    if len(head) < _HEADER:
        return None
    for order in "<>":
        (version,) = struct.unpack_from(f"{order}h", head)
        if version != 5 or sum(struct.unpack_from(f"{order}192h", head)) & 0xFFFF:
            continue
        (code,) = struct.unpack_from(f"{order}h", head, _TYPE)
        all_sizes = struct.unpack_from(f"{order}4i", head, _SIZES)
        sizes = all_sizes[: all_sizes.index(0)] if 0 in all_sizes else all_sizes
        labels = struct.unpack_from(f"{order}4i", head, _LABELS)
        if code not in _KINDS or len(sizes) < 3 or min(sizes) < 1 or any(labels):
            return None
        count = len(sizes)
        wave = _Wave(
            order, _KINDS[code], _text(head[_NAME : _NAME + 32]) or "wave", _text(head[_UNIT : _UNIT + 4]), sizes,
            struct.unpack_from(f"{order}4d", head, _STEPS)[:count],
            struct.unpack_from(f"{order}4d", head, _STARTS)[:count],
            tuple(_text(head[_UNITS + 4 * n : _UNITS + 4 * n + 4]) for n in range(count)),
        )  # fmt: skip
        names = _names(wave)
        layers = sizes[names.index("time")] if "time" in names else sizes[2]
        return wave if layers >= _LEAST_LAYERS else None
    return None


def _text(raw: bytes) -> str:
    return one_line(raw.split(b"\0")[0].decode("latin-1")).strip()


def _note(disk: DiskFile, wave: _Wave, n_bytes: int) -> str:
    """Return the note that people and programs write into a wave; empty where it was cut off."""
    formula, note = struct.unpack_from(f"{wave.order}2i", disk[:_HEADER], _FORMULA)
    start = _HEADER + n_bytes + max(formula, 0)
    if not 0 < note <= _LONGEST_NOTE or start + note > disk.n_bytes:
        return ""
    return disk[start : start + note].decode("latin-1")
