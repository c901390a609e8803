"""Text files as lines: which encoding they are in, told by their bytes, and their lines read piece by piece."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from napari_tesm.io.content import ContentError

_PIECE: Final = 1 << 20
_LONGEST_LINE: Final = 1 << 25
"""Characters of a line beyond which a file is none of lines: three million numbers."""
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY: Final = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
"""Signs that no text has; 0x1a ended the files of DOS."""
_LEAST_UTF16: Final = 16


def encoding_of(head: bytes) -> str:
    """Return in which encoding a file that begins with `head` is text; empty where it is none.

    UTF-8 and UTF-16 are told with and without a mark at the beginning. What is neither is taken for Windows-1252, in
    which the signs of Latin-1 (µ, °, ±) are the same.
    """
    if not head:
        return ""
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if not encoding and len(head) >= _LEAST_UTF16:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        # Digits and Latin letters have a zero as every second byte.
        if odd > 0.4 * len(head) and not even:
            encoding = "utf-16-le"
        elif even > 0.4 * len(head) and not odd:
            encoding = "utf-16-be"
    for name in [encoding] if encoding else ["utf-8", "cp1252", "latin-1"]:
        try:
            text = codecs.getincrementaldecoder(name)().decode(head)
        except UnicodeDecodeError:
            continue
        return "" if _BINARY.search(text) else name
    return ""


def lines_of_file(path: Path, encoding: str) -> Iterator[tuple[int, list[str], bool]]:
    """Yield the lines of a file in lists, with the number of the first, from 1, and whether all of them have an end.

    Bytes that are not of the encoding become the sign that stands for such. What stands behind the last line break is
    a line without an end: a file that was cut ends so, and others do, too.

    Raises
    ------
    ContentError
        If a line does not end: then it is no text of lines.
    OSError
        If the file cannot be read.
    """
    number, rest = 1, ""
    with path.open(encoding=encoding, errors="replace") as file:
        while piece := file.read(_PIECE):
            *lines, rest = (rest + piece).split("\n")
            if len(rest) > _LONGEST_LINE:
                raise ContentError(
                    f"{path}, line {number + len(lines)} has no end: it is no table of numbers."
                )
            if lines:
                yield number, lines, True
            number += len(lines)
    if rest.strip("\x1a\x00 \t"):
        yield number, [rest], False
