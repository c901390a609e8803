"""How files of microscopes begin: those formats that say so at once, without a conversion."""

from __future__ import annotations

import struct
from os import PathLike
from pathlib import Path
from typing import Final

_STARTS: Final = (
    b"\\*File list", b"?*File list", b"\\*Force file list", b"?*Force file list", b"\\*EC File list",  # Bruker
    b"\x01\xb0\x93\xff",  # NT-MDT
    b":NANONIS_VERSION:", b"Experiment\t",  # Nanonis
    b"[DataSet]",  # Nanosurf
    b"[ParameDef]", b"[Paramco32]", b"[Paramet32]",  # Createc
    b"WSxM file copyright",  # WSxM
    b"STiMage", b"S\0T\0i\0M\0a\0g\0e\0",  # RHK
    b"ONTMATRX0101",  # Omicron
    b"WIT_PR06", b"WIT_PRCT", b"WIT^",  # WITec
    b"SPIZ000AFM", b"SPIZ000DFM",  # Seiko
    b"DIGITAL SURF", b"DSCOMPRESSED",  # MountainsMap
    b"fileformat = bcr", b"aBCR-", b"bBCR-", b"aISO-", b"bISO-",  # SPIP, ISO 25178
    b"\x01\x00Directory",  # Wyko
    b"# Daisy frame view snapshot",  # Attocube
    b"Gwyddion Simple Field", b"Gwyddion XYZ Field",
)  # fmt: skip
"""Microscopes' own marks at the beginning of a file, with who makes them."""
_SUFFIXES: Final = (
    ".ardf", ".asd", ".ezd", ".gsf", ".ibw", ".jpk", ".jpk-force-map", ".jpk-qi-data", ".jpk-qi-image",
    ".mdt", ".mul", ".nid", ".ps-ppt", ".sm2", ".sm3", ".sm4", ".spm", ".stp", ".sxm", ".xqd",
)  # fmt: skip
"""Names that only microscopes' files have."""
_IGOR_HEADERS: Final = {2: 126, 5: 384}


def is_marked(path: str | PathLike[str], head: bytes) -> bool:
    """Return whether a file is of a microscope's format by its first bytes, or by a name that nothing else has.

    Parameters
    ----------
    head : bytes
        The first 4 KiB.
    """
    if head.startswith(_STARTS) or head[2:18] == b"S\0T\0i\0M\0a\0g\0e\0" or head[8:12] == b"ARDF":
        return True
    if _is_igor(head):
        return True
    return Path(path).suffix.lower() in _SUFFIXES


def _is_igor(head: bytes) -> bool:
    """Return whether the 16-bit numbers of an Igor wave's header add up to zero, as they must."""
    for order in "<>":
        if len(head) < 384:
            return False
        (version,) = struct.unpack_from(f"{order}h", head)
        size = _IGOR_HEADERS.get(version)
        if size is not None and sum(struct.unpack_from(f"{order}{size // 2}h", head)) & 0xFFFF == 0:
            return True
    return False
