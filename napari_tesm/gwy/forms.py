"""The forms a file of Gwyddion takes: that of Gwyddion 2, whose sizes have 32 bits, and that of Gwyddion 3."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final


@dataclass(frozen=True)
class Form:
    """How sizes and the outermost object are written.

    Parameters
    ----------
    magic : bytes
        What a file begins with.
    count : struct.Struct
        Sizes of objects, and numbers of items.
    top : str
        Type of the outermost object.
    program : str
        Which Gwyddion's it is.
    """

    magic: bytes
    count: struct.Struct
    top: str
    program: str

    @property
    def largest(self) -> int:
        """The largest size or number that can be written."""
        return int(2 ** (8 * self.count.size) - 1)


GWYDDION_2: Final = Form(b"GWYP", struct.Struct("<I"), "GwyContainer", "Gwyddion 2")
GWYDDION_3: Final = Form(b"GWYQ", struct.Struct("<Q"), "GwyFile", "Gwyddion 3")
OLD_MAGIC: Final = b"GWYO"
"""Of Gwyddion 1, whose files are read and never written."""
MAGICS: Final = (GWYDDION_2.magic, GWYDDION_3.magic, OLD_MAGIC)

ENDINGS: Final = (".gwy", ".gwy2", ".gwy3")
"""As Gwyddion 3 knows them: of either form, of that of Gwyddion 2, of its own."""
_ASKED: Final = {".gwy2": GWYDDION_2, ".gwy3": GWYDDION_3}


def form_asked_for(path: str | os.PathLike[str]) -> Form | None:
    """Return the form that the ending of a file's name asks for, None where that leaves it to the file's size.

    Examples
    --------
    >>> form_asked_for("scan_D.gwy3").program, form_asked_for("scan_D.gwy")
    ('Gwyddion 3', None)
    """
    return _ASKED.get(PurePath(path).suffix.lower())


def is_named_gwy(path: str | os.PathLike[str]) -> bool:
    """Whether a file has the name of one of Gwyddion's."""
    return PurePath(path).suffix.lower() in ENDINGS
