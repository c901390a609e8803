"""Text that comes from files, made harmless for where it goes: a terminal, a spreadsheet, a shell."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Sequence
from typing import Final

_ESCAPED: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories that move the cursor, break the line, turn the text or cannot be encoded."""
_FORMULA: Final = ("=", "+", "-", "@")
"""Signs by which a spreadsheet takes a cell for a formula, which may call programs."""
_QUANTITY: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?( [^\W\d]+){0,2}")
"""A number, with a unit and a word at most: ``-3 V trace`` computes nothing."""


def printable(text: str) -> str:
    r"""Return `text` on one line, with everything that would steer the terminal written as an escape.

    Examples
    --------
    >>> printable("Topography\x1b[31m\n2")
    'Topography\\x1b[31m\\n2'
    """
    if text.isprintable():
        return text
    return "".join(_escape(letter) if unicodedata.category(letter) in _ESCAPED else letter for letter in text)


def cell_from_text(text: str) -> str:
    r"""Return a text as a spreadsheet shows it and does not compute it.

    Examples
    --------
    >>> cell_from_text("=HYPERLINK(A1)"), cell_from_text("-3 V trace"), cell_from_text("\x1b[2Ja\n")
    ("'=HYPERLINK(A1)", '-3 V trace', '\\x1b[2Ja\\n')
    """
    shown = printable(text)
    formula = shown.lstrip().startswith(_FORMULA) and not _QUANTITY.fullmatch(shown)
    return f"'{shown}" if formula else shown


def line_from_words(words: Sequence[str]) -> str:
    r"""Return words as a line for a shell; one that would steer the terminal is written with escapes.

    Examples
    --------
    >>> print(line_from_words(["tesm", "fit", "my scan.gwy", "a\nb'"]))
    tesm fit 'my scan.gwy' $'a\nb\''
    """
    return " ".join(shlex.quote(word) if word.isprintable() else _escaped_word(word) for word in words)


def _escaped_word(word: str) -> str:
    """Return a word in ANSI-C quotes, which the shells of Linux and macOS read, byte by byte where it must be."""
    signs = []
    for letter in word:
        if letter in "\\'":
            signs.append(f"\\{letter}")
        elif letter.isprintable() or letter == " ":
            signs.append(letter)
        elif letter == "\n":
            signs.append("\\n")
        else:
            signs.append("".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape")))
    return f"$'{''.join(signs)}'"


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
