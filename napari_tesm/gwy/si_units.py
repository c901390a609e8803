"""Units as Gwyddion understands them: products of powers of unprefixed symbols.

Gwyddion 2.62 drops a prefix in a file without rescaling the numbers (``nm`` becomes ``m``), takes ``kg`` for
``g`` and ``min`` for milli-``in``, and drops ``a.u.`` and ``%`` altogether. So only symbols that it reads
back as they were written are ever written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gwyfile.objects import GwyObject, GwySIUnit

from napari_tesm.files.errors import GwyFormatError
from napari_tesm.files.texts import printable

UNIT_KEY: Final = "Unit"
"""Metadata key of a unit that is none of physics, such as a.u. or counts."""
_LONGEST_UNIT: Final = 200
_SYMBOLS = frozenset(
    re.findall(r"\S+", "m g s A K mol cd rad sr Hz N Pa J W C V F Ω S Wb T H lm lx Bq Gy Sv eV deg")
)
_PREFIXES = frozenset(re.findall(r"\S+", "y z a f p n µ m c d da h k M G T P E Z Y"))
_ALIASES = {"Ohm": "Ω", "ohm": "Ω", "°": "deg", "Å": "m", "Angstrom": "m"}

# GREEK MU, LATIN-1 BYTE (as surrogate escape), "u"; OHM SIGN; ANGSTROM SIGN; MINUS SIGN
_SAME = str.maketrans({"μ": "µ", "\udcb5": "µ", "\u2126": "Ω", "\u212b": "Å", "\u2212": "-"})
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_FACTOR = re.compile(r"([^\W\d_]+|°)(?:\^?([+-]?\d+))?")


def si_unit(text: str) -> GwySIUnit:
    """Return the unit object for text in unprefixed SI units such as ``"m^2/s"``; empty for none.

    Raises
    ------
    ValueError
        If Gwyddion would read something else than what was meant.

    Examples
    --------
    >>> si_unit("m²/s")["unitstr"]
    'm^2/s'
    """
    return GwySIUnit(unitstr=checked_unit(text))


def stored_unit(text: str) -> tuple[str, dict[str, str]]:
    """Return the unit that a .gwy file gets, and metadata that say what it cannot hold as one.

    Examples
    --------
    >>> stored_unit("m²/s"), stored_unit("Vrms")
    (('m^2/s', {}), ('', {'Unit': 'Vrms'}))
    """
    try:
        return checked_unit(text), {}
    except ValueError:
        return "", {UNIT_KEY: printable(text)[:_LONGEST_UNIT]}


def unit_from_stored(unit: str, metadata: Mapping[str, str]) -> str:
    """Return the unit of an object, or else that of its metadata, where no file could hold it as one.

    Any other text there would contradict the file: somebody has taken the unit away.
    """
    text = metadata.get(UNIT_KEY, "").strip()
    return unit or (text if stored_unit(text)[1] else "")


def checked_unit(text: str) -> str:
    """Return unit text in the form Gwyddion gives it, if it can be written.

    Raises
    ------
    ValueError
        If it has a prefix or a symbol that Gwyddion does not keep.

    Examples
    --------
    >>> checked_unit("V s^-1 m^-1")
    'V s^-1 m^-1'
    >>> checked_unit("nm")
    Traceback (most recent call last):
    ...
    ValueError: The unit 'nm' has a prefix, which Gwyddion drops without rescaling: write values in 'm'.
    """
    factors = _factors(text)
    if factors is None:
        raise ValueError(
            f"The unit {text!r} cannot be stored in a .gwy file, where Gwyddion understands products of "
            "SI units such as 'm^2/s': leave it empty and keep the text in the metadata."
        )
    for symbol, _ in factors:
        if symbol not in _SYMBOLS:
            base = _without_prefix(symbol)
            if base is None:
                raise ValueError(
                    f"The unit {text!r} contains {symbol!r}, which is no SI unit and Gwyddion may misread: "
                    "leave it empty and keep the text in the metadata."
                )
            good = _composed([(_without_prefix(name) or name, power) for name, power in factors])
            raise ValueError(
                f"The unit {text!r} has a prefix, which Gwyddion drops without rescaling: "
                f"write values in {good!r}."
            )
    return _composed(factors)


def unit_text(unit: GwyObject | None, key: str = "") -> str:
    """Return the unit that the numbers beside a unit object are in, as Gwyddion takes them.

    A prefix is dropped as Gwyddion drops it (files of Gwyddion 1 say ``nm`` about numbers in m). What is no
    product of known units, such as ``a.u.``, is returned as it stands.

    Parameters
    ----------
    unit : GwySIUnit or None
        Nothing where there is none.
    key : str
        Where it was found, for messages.

    Raises
    ------
    GwyFormatError
        If the object is not a unit.
    """
    if unit is None:
        return ""
    text: Any = unit.get("unitstr", "") if isinstance(unit, GwyObject) and unit.name == "GwySIUnit" else None
    if not isinstance(text, str):
        raise GwyFormatError(
            f"{key or 'An object'} should be a unit and is not: save the file anew with Gwyddion."
        )
    factors = _factors(text)
    if factors is None:
        return text.translate(_SAME).strip()
    bare = [(symbol if symbol in _SYMBOLS else _without_prefix(symbol), power) for symbol, power in factors]
    if any(symbol is None for symbol, _ in bare):
        return text.translate(_SAME).strip()
    return _composed([(symbol or "", power) for symbol, power in bare])


def is_empty_for_gwyddion(text: str) -> bool:
    """Whether Gwyddion takes the unit for none at all (``""``, ``"a.u."``, ``"%"``, formulas)."""
    return _factors(text) in (None, [])


def _factors(text: str) -> list[tuple[str, int]] | None:
    """Return symbols and powers in order of appearance, or None where the text is no product of powers."""
    text = text.translate(_SAME)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+", lambda raised: "^" + raised[0].translate(_RAISED), text)
    text = re.sub(r"\s*/\s*", " / ", re.sub("[·*]", " ", text)).strip()
    if text in ("", "1"):
        return []
    powers: dict[str, int] = {}
    sign = 1
    after_slash = False
    for word in text.split():
        if word == "/":
            if after_slash:
                return None
            # Everything after the first slash divides, as in Gwyddion: "m/s/K" is "m/(s K)".
            sign, after_slash = -1, True
            continue
        after_slash = False
        if word == "1" and not powers and sign == 1:
            continue
        match = _FACTOR.fullmatch(word)
        if match is None:
            return None
        symbol = _ALIASES.get(match[1], match[1])
        powers[symbol] = powers.get(symbol, 0) + sign * int(match[2] or 1)
    if after_slash:
        return None
    return [(symbol, power) for symbol, power in powers.items() if power]


def _without_prefix(symbol: str) -> str | None:
    if symbol.startswith("u"):
        symbol = "µ" + symbol[1:]
    for length in (2, 1):
        prefix, base = symbol[:length], _ALIASES.get(symbol[length:], symbol[length:])
        if prefix in _PREFIXES and base in _SYMBOLS:
            return base
    return None


def _composed(factors: list[tuple[str, int]]) -> str:
    """Return text in Gwyddion's own form: a single divisor after a slash, several as negative powers."""
    # Positive powers first, as Gwyddion prints them.
    factors = sorted(factors, key=lambda factor: factor[1] < 0)
    if len(factors) > 1 and sum(power < 0 for _, power in factors) == 1:
        *above, (symbol, power) = factors
        return " ".join(map(_power, above)) + "/" + _power((symbol, -power))
    return " ".join(map(_power, factors))


def _power(factor: tuple[str, int]) -> str:
    symbol, power = factor
    return symbol if power == 1 else f"{symbol}^{power}"
