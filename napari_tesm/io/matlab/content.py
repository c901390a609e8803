"""What a .mat file holds: its numeric variables, structs taken apart."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from napari_tesm.io.content import ContentError, FileContent, disk_content
from napari_tesm.io.matlab.variables import Variables


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
    disk = disk_content(path)
    variables = Variables(disk)
    head = disk[:4096]
    if is_version_7_3(head):
        version = "7.3"
        read_version_7_3(path, variables)
    elif is_version_5(head):
        version = "5"
        read_version_5(variables)
    else:
        raise ContentError(
            f"{path} is no MATLAB file of version 5 or 7.3: save it anew in MATLAB with -v7.3."
        )
    return variables.content(path, f"MATLAB {version}", disk.check, noted="variables")
