"""TIFF stacks, ImageJ's and OME's among them, and folders of TIFF slices."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.disk import DiskBytes, DiskFile
from napari_tesm.files.lazy import LazyArray
from napari_tesm.files.optional import optional_module
from napari_tesm.io.content import ContentError, damage_told, disk_content
from napari_tesm.io.volumes.slices import WholeSlices
from napari_tesm.io.volumes.stored import StoredVolume, check_claim, metres_from
from napari_tesm.quantities.numbers import counted

_MARKS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_SLICES: Final = 100_000
_LARGEST_SLICE: Final = 1 << 30
_XRESOLUTION, _YRESOLUTION = 282, 283
_PIXELS: Final = re.compile(r"<(?:\w+:)?Pixels\b([^>]{0,4000})>")
_NUMBERS: Final = re.compile(r"(\d+)")


def is_tiff(path: Path, head: bytes) -> bool:
    """Return whether a file is a TIFF."""
    return head[:4] in _MARKS


def slices_in_folder(path: Path) -> list[Path]:
    """Return the TIFF files of a folder in the order of the numbers in their names; hidden files are none."""
    found = []
    for file in path.iterdir():
        if not file.name.startswith(".") and file.suffix.lower() in (".tif", ".tiff") and file.is_file():
            found.append(file)
            if len(found) > _MOST_SLICES:
                raise ContentError(f"{path} holds more than {_MOST_SLICES} slices.")
    return sorted(found, key=lambda file: [int(part) if part.isdecimal() else part for part in _parts(file)])


def _parts(file: Path) -> list[str]:
    # Texts and numbers take turns, so that none is compared with the other.
    return _NUMBERS.split(file.name.lower())


def _check_numbers(files: list[Path], path: Path) -> None:
    """Raise ContentError where the numbers of slices skip some: all above would lie too low."""
    parts = [_parts(file) for file in files]
    if len({len(of_file) for of_file in parts}) > 1:
        return
    counting = [n for n in range(len(parts[0])) if len({of_file[n] for of_file in parts}) > 1]
    if len(counting) != 1 or not all(of_file[counting[0]].isdecimal() for of_file in parts):
        return  # names of another kind
    steps = np.diff([int(of_file[counting[0]]) for of_file in parts])
    usual = int(np.median(steps))
    skipped = np.flatnonzero(steps > usual)
    if 0 < skipped.size <= len(steps) / 3:
        low, high = (files[skipped[0] + n].name for n in (0, 1))
        more = f", and in {counted(skipped.size - 1, 'more place')}" if skipped.size > 1 else ""
        raise ContentError(
            f"{path} lacks a slice between {low} and {high}{more}: put it back, or give the slices new numbers if none "
            "is missing."
        )


def volume_from_tiff(path: Path, *, single: bool = False) -> StoredVolume:
    """Return the stack of a TIFF file.

    Parameters
    ----------
    path : Path
    single : bool
        Take one image, too, as a stack of one.

    Raises
    ------
    ContentError
        If it is no stack of grey values, or damaged.
    """
    disk = disk_content(path)
    with _read_quietly(path):
        tiff = _opened(disk, path)
        series = tiff.series[0]
        shape, dtype = tuple(series.shape), np.dtype(series.dtype)
        colours = dict(zip(series.axes, shape, strict=False)).get("S", 1)
        if colours > 1 or series.keyframe.photometric == 3:
            raise ContentError(f"{path} holds colours, no grey values: save it as a grey stack.")
        kept = tuple(size for size in shape if size > 1)
        if single and len(kept) == 2:
            kept = (1, *kept)
        if len(kept) < 3:
            raise ContentError(
                f"{path} holds {' × '.join(map(str, shape))} values, one image and no stack, or was cut: give the "
                "folder with all slices, or a whole stack."
            )
        if len(kept) > 3:
            several = ", ".join(
                f"{size} along {axis}" for axis, size in zip(series.axes, shape, strict=True) if size > 1
            )
            raise ContentError(f"{path} holds more than one volume ({several}): save one of them.")
        check_claim(path, kept, dtype.itemsize, disk.n_bytes)
        if np.prod(kept[1:], dtype=object) * dtype.itemsize > _LARGEST_SLICE:
            raise ContentError(f"{path} has slices of more than 1 GiB: convert it to OME-Zarr first.")
        array = _array(tiff, series, disk, kept, dtype)
        kind, voxel = _voxel(tiff)
    return StoredVolume(kind, array, voxel)


def _array(tiff: Any, series: Any, disk: DiskFile, shape: tuple[int, ...], dtype: np.dtype[Any]) -> LazyArray:
    if series.dataoffset is not None and dtype.kind != "b":
        if series.dataoffset + int(np.prod(shape, dtype=object)) * dtype.itemsize > disk.n_bytes:
            raise ContentError(f"{disk.path} was cut: its slices end behind the end of the file.")
        # The numbers lie one behind the other, in the file's own order of bytes.
        return disk.array(shape, dtype.newbyteorder(tiff.byteorder), series.dataoffset)
    pages = series.pages
    if len(pages) == shape[0]:
        return LazyArray(
            shape,
            dtype,
            WholeSlices(shape, dtype, lambda k: pages[k].asarray(), disk.path, _read_quietly),
            check=disk.check,
        )
    if len(pages) == 1:
        whole = series.asarray().reshape(shape)
        return LazyArray(shape, dtype, whole.__getitem__, check=disk.check)
    raise ContentError(
        f"{disk.path} has {len(pages)} pages for {shape[0]} slices: save it anew as a plain stack."
    )


def volume_from_tiff_folder(path: Path) -> StoredVolume:
    """Return the stack of a folder of slices, each a TIFF of the same size.

    Raises
    ------
    ContentError
        If one is damaged, or not like the first: it is named when the stack is opened, or when it is read.
    """
    files = slices_in_folder(path)
    if len(files) < 2:
        raise ContentError(f"{path} holds {len(files)} TIFF files, no stack of slices.")
    _check_numbers(files, path)
    first = files[0]
    disk = disk_content(first)
    with _read_quietly(first):
        tiff = _opened(disk, first)
        page = tiff.pages[0]
        if len(tiff.pages) > 1 or len(page.shape) != 2:
            raise ContentError(f"{first} is no single slice of grey values, so {path} is no stack of slices.")
        shape, dtype = tuple(page.shape), np.dtype(page.dtype)
        check_claim(first, shape, dtype.itemsize, disk.n_bytes)
        _, voxel = _voxel(tiff)

    def read(number: int) -> NDArray[Any]:
        here = files[number]
        its_disk = disk_content(here)
        with _read_quietly(here):
            its_page = _opened(its_disk, here).pages[0]
            if tuple(its_page.shape) != shape or np.dtype(its_page.dtype) != dtype:
                raise ContentError(
                    f"{here} is {its_page.shape} of {its_page.dtype}, the first slice {shape} of {dtype}: put slices "
                    "of one size into a folder of their own."
                )
            return np.asarray(its_page.asarray())

    whole = (len(files), *shape)
    return StoredVolume(
        f"folder of {len(files)} TIFF slices",
        LazyArray(whole, dtype, WholeSlices(whole, dtype, read, path, _read_quietly)),
        voxel,
    )


@contextmanager
def _read_quietly(path: Path) -> Iterator[None]:
    """Say what is wrong with a file in one sentence of ours, not in the lines of the library's log."""
    log = logging.getLogger("tifffile")
    before, log.disabled = log.disabled, True
    try:
        with damage_told(path, "is no sound TIFF"):
            yield
    finally:
        log.disabled = before


def _opened(disk: DiskFile, path: Path) -> Any:
    tifffile = optional_module("tifffile", path, "a TIFF", extra="volumes")
    # By its bytes: files that it names are never opened.
    return tifffile.TiffFile(DiskBytes(disk), name=path.name, _multifile=False)


Edges = tuple[float | None, float | None, float | None]


def _voxel(tiff: Any) -> tuple[str, Edges]:
    """Return what kind of TIFF it is, and the voxel's edges as far as it says them.

    The plain tags of a resolution are left alone: most programs write 72 or 96 dots per inch of a screen there.
    """
    if tiff.is_ome and (match := _PIXELS.search(tiff.ome_metadata or "")):
        said = dict(re.findall(r'(\w+)\s*=\s*"([^"]{0,100})"', match[1]))
        edges = [
            metres_from(said.get(f"PhysicalSize{a}"), said.get(f"PhysicalSize{a}Unit", "µm")) for a in "ZYX"
        ]
        return "OME-TIFF", (edges[0], edges[1], edges[2])
    if tiff.is_imagej:
        said = tiff.imagej_metadata or {}
        unit = str(said.get("unit", ""))
        z = metres_from(said.get("spacing"), unit)
        return "TIFF, ImageJ", (z, _edge(tiff, _YRESOLUTION, unit), _edge(tiff, _XRESOLUTION, unit))
    if tiff.is_fei:
        scan = (tiff.fei_metadata or {}).get("Scan", {})
        return "TIFF, FEI", (
            None,
            metres_from(scan.get("PixelHeight"), "m"),
            metres_from(scan.get("PixelWidth"), "m"),
        )
    return "TIFF", (None, None, None)


def _edge(tiff: Any, tag: int, unit: str) -> float | None:
    """Return the edge of a pixel in m from ImageJ's pixels per unit, a fraction."""
    entry = tiff.pages[0].tags.get(tag)
    value = None if entry is None else entry.value
    if not isinstance(value, tuple) or len(value) != 2 or not value[0]:
        return None
    return metres_from(value[1] / value[0], unit)
