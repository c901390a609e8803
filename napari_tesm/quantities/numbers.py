"""Numbers as people read them and as JSON holds them: spelled here for the terminal, the page and the screen alike."""

import math
from typing import Any, Final

import numpy as np

MISSING: Final = "–"
"""What stands where there is no number."""
_SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def text_from_number(value: float | None, *, digits: int = 3, decimals: int | None = None) -> str:
    """Return a number as it stands in a table, a dash where there is none.

    Parameters
    ----------
    digits : int
        Significant digits. Counts, and numbers that are longer than that before the point, are written out.
    decimals : int, optional
        Digits after the point instead, for a column in which all have the same.

    Examples
    --------
    >>> (
    ...     text_from_number(1.5623),
    ...     text_from_number(1234.5),
    ...     text_from_number(12288),
    ...     text_from_number(math.nan),
    ... )
    ('1.56', '1234', '12288', '–')
    >>> text_from_number(1.5e-13, digits=2), text_from_number(7.25, decimals=1)
    ('1.5e-13', '7.2')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if decimals is not None and not isinstance(value, int):
        return f"{round(value, decimals) + 0.0:.{decimals}f}"  # no minus before a zero
    if isinstance(value, int) or value == 0:
        return f"{value:.0f}"
    text = f"{value:#.{digits}g}".removesuffix(".").replace(".e", "e")
    return f"{value:.0f}" if "e+" in text and abs(value) < 1e6 else text


def power_of_ten(power: int) -> str:
    """Return a power of ten with superscript digits, such as ``10⁻⁶``."""
    return f"10{str(power).translate(_SUPERSCRIPTS)}"


def counted(count: int, noun: str) -> str:
    """Return how many there are of what has a regular plural.

    Examples
    --------
    >>> counted(1, "pixel"), counted(12, "pixel")
    ('1 pixel', '12 pixels')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def plain_value(value: Any) -> Any:
    """Return what JSON can hold: numpy's numbers and arrays as Python's, and None for what is no number.

    Raises
    ------
    TypeError
        If JSON cannot hold it.

    Examples
    --------
    >>> plain_value({"D": np.array([1e-13, np.nan]), 2: (True, "ok")})
    {'D': [1e-13, None], '2': [True, 'ok']}
    """
    if isinstance(value, dict):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain_value(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"JSON cannot hold a {type(value).__name__}")
