"""Which reader a file is for: told by its content, by its name only where the content cannot tell."""

from collections.abc import Callable
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Final

from napari_tesm.io.content import ContentError, FileContent

MAYBE: Final = "microscope"
"""Format of what is none of the others: only the converter knows whether a microscope wrote it."""
_HEAD: Final = 4096
_READERS: Final = (
    ("NI TDMS", "tdms", "is_tdms", "content_from_tdms"),
    ("MATLAB", "matlab", "is_matlab", "content_from_matlab"),
    ("HDF5", "hdf5", "is_hdf5", "content_from_hdf5"),
    ("NumPy", "numpy_files", "is_numpy", "content_from_numpy"),
    (MAYBE, "vendor", "is_vendor", "content_from_vendor"),
)
"""Format, module, test and reader, in the order in which they are asked: MATLAB's newer files are HDF5, too."""


def format_of_file(path: str | PathLike[str]) -> str:
    """Return the format of an instrument's file or folder, empty where it is of none that is known.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    found = _reader(Path(path))
    return "" if found is None else found[0]


def content_from_file(path: str | PathLike[str]) -> FileContent:
    """Return what an instrument's file holds; .gwy files have a reader of their own.

    Raises
    ------
    ContentError
        If it is of no known format, or not sound.
    OSError
        If it cannot be read.
    ImportError
        If a package that reads it is not installed; the sentence says how to get it.
    """
    path = Path(path)
    found = _reader(path)
    if found is None:
        what = "a folder that is no Zarr store" if path.is_dir() else "of no format that is known"
        raise ContentError(
            f"{path.name} is {what}: .gwy, TDMS, HDF5, MATLAB, NumPy, Zarr and microscopes' own files can be opened"
        )
    return found[1](path)


def _reader(path: Path) -> tuple[str, Callable[[Path], FileContent]] | None:
    if path.is_dir():
        from napari_tesm.io.zarr_store import content_from_zarr, is_zarr

        return ("Zarr", content_from_zarr) if is_zarr(path) else None
    if path.exists() and not path.is_file():
        raise OSError(f"{path.name} is a device or a pipe; only ordinary files can be read.")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        return None
    for name, module, test, reader in _READERS:
        found = import_module(f"napari_tesm.io.{module}")
        if getattr(found, test)(path, head):
            return name, getattr(found, reader)
    return None
