"""Which reader a file is for: told by its content, by its name only where the content cannot tell."""

import stat
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Final

from napari_tesm.gwy.forms import MAGICS
from napari_tesm.io.channel_times import content_with_times_of_channels
from napari_tesm.io.content import Axis, ContentError, FileContent, damage_told
from napari_tesm.io.text.names import name_and_unit

_HEAD: Final = 4096
_READERS: Final = (
    ("NI TDMS", "tdms", "is_tdms", "content_from_tdms"),
    ("MATLAB", "matlab", "is_matlab", "content_from_matlab"),
    ("HDF5", "hdf5", "is_hdf5", "content_from_hdf5"),
    ("NumPy", "numpy_files", "is_numpy", "content_from_numpy"),
    ("Igor", "igor", "is_igor_stack", "content_from_igor"),
    ("microscope", "vendor", "is_marked", "content_from_vendor"),
    ("text", "text", "is_text", "content_from_text"),
)
"""Format, module, test and reader, in the order in which they are asked: MATLAB's newer files are HDF5, too."""


def format_of_file(path: str | PathLike[str]) -> str:
    """Return the format of an instrument's file or folder, empty where it is of none that can be told by its beginning.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    path = Path(path)
    reader = _reader(path, beginning_of_file(path))
    return "" if reader is None else reader[0]


def content_from_file(path: str | PathLike[str]) -> FileContent:
    """Return what an instrument's file holds; .gwy files have a reader of their own.

    A file that does not say what it is goes to the converter of microscopes' files, which knows some 170 formats.

    Raises
    ------
    ContentError
        If it is of no known format, or not sound.
    OSError
        If it cannot be read.
    MissingPackageError
        If a package that reads it is not installed; the sentence says how to get it.
    """
    from napari_tesm.io.vendor import content_from_vendor, is_vendor
    from napari_tesm.io.vendor.converter import KNOWN_FORMATS

    path = Path(path)
    head = beginning_of_file(path)
    if head.startswith(MAGICS):
        raise ContentError(
            f"{path} is a file of Gwyddion's own, which says itself what is what: open it as such."
        )
    if not head and not path.is_dir():
        raise ContentError(f"{path} is empty (0 bytes): copy it again from where it was made.")
    if head.lstrip(b"\xef\xbb\xbf").startswith(b"format: t-ESM mapping"):
        raise ContentError(
            f"{path} is a mapping, which says what is what in another file: name that file, too."
        )
    reader = _reader(path, head)
    # A reader's library may raise anything at a file that is not what it seems.
    with damage_told(path, "cannot be read"):
        if reader is not None:
            return content_with_times_of_channels(_with_units_of_names(reader[1](path)))
        if is_vendor(path, head):
            return content_with_times_of_channels(_with_units_of_names(content_from_vendor(path)))
    what = "a folder that is neither a Zarr store nor one of numbered text files"
    what = what if path.is_dir() else "of no format that is known"
    raise ContentError(f"{path} is {what}: {KNOWN_FORMATS}.")


def _with_units_of_names(content: FileContent) -> FileContent:
    """Put the units that stand in the names of axes, ``time [ms]``, where the file states none."""
    for number, source in enumerate(content.sources):
        axes = [axis if axis.unit else _with_unit_of_name(axis) for axis in source.axes]
        content.sources[number] = replace(source, axes=axes)
    return content


def _with_unit_of_name(axis: Axis) -> Axis:
    name, unit = name_and_unit(axis.name)
    return replace(axis, name=name, unit=unit) if unit else axis


def beginning_of_file(path: Path) -> bytes:
    """Return the first bytes of a file, none of a folder.

    Raises
    ------
    OSError
        If there is nothing of that name, or nothing that can be read: one sentence saying why.
    """
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            return b""
        # A pipe would wait for somebody to write.
        if not stat.S_ISREG(kind):
            raise OSError(f"{path} is a device or a pipe; only ordinary files can be read.")
        with path.open("rb") as file:
            return file.read(_HEAD)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist.") from None
    except OSError as error:
        if error.errno is None:  # explained already
            raise
        raise type(error)(f"{path} cannot be opened: {error.strerror}.") from None


def _reader(path: Path, head: bytes) -> tuple[str, Callable[[Path], FileContent]] | None:
    if path.is_dir():
        from napari_tesm.io.text import content_from_text_folder, is_text_folder
        from napari_tesm.io.zarr_store import content_from_zarr, is_zarr

        if is_zarr(path):
            return "Zarr", content_from_zarr
        return ("text", content_from_text_folder) if is_text_folder(path) else None
    if not head:
        return None
    for name, module_name, test, reader in _READERS:
        module = import_module(f"napari_tesm.io.{module_name}")
        if getattr(module, test)(path, head):
            return name, getattr(module, reader)
    return None
