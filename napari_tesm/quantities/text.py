"""Quantities as people write them, and the SI numbers the code computes with.

Prefixes exist at the edges only: a user writes ``25 nm`` or ``25nm±5nm``, a file or a screen shows
``2.5 µm``, everything in between is a float in SI base units.
"""

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import numpy as np

from napari_tesm.quantities.numbers import power_of_ten

PREFIXES: Final[dict[str, float]] = {
    "a": 1e-18,
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "µ": 1e-6,
    "m": 1e-3,
    "c": 1e-2,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
}
_DISPLAY_PREFIXES: Final = tuple(prefix for prefix in PREFIXES if prefix != "c")

_QUANTITY_NAMES: Final = {
    "m": ("length", "25 nm"),
    "s": ("time", "10 ms"),
    "V": ("voltage", "-3 V"),
    "Hz": ("frequency", "25 kHz"),
    "N/m": ("spring constant", "2.8 N/m"),
    "m²/s": ("diffusion coefficient", "2e-13 m²/s"),
}

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_MEASURE = re.compile(rf"({_NUMBER})\s*(\S.*)?")
_LONGEST_EXPONENT: Final = 20
_PLUS_MINUS = re.compile(r"±|\+/-|\+-")
_SPELLINGS: Final = str.maketrans(
    {
        "\u03bc": "µ",  # Greek mu, as Gwyddion's unit strings have it; µ itself is the micro sign
        "\u2212": "-",  # the minus sign of typeset text
        "\u2013": "-",
        "\u212b": "Å",
        "\u00a0": " ",
        "\u2009": " ",
        "\u202f": " ",
        "\u2005": " ",
    }
)


def plain_text(text: str) -> str:
    """Return `text` with one spelling for each of µ, minus, Å and the space."""
    return text.translate(_SPELLINGS).strip()


def factor_from_unit(text: str, unit: str) -> float:
    """Return the factor that turns a number written in unit `text` into SI base unit `unit`.

    Parameters
    ----------
    text : str
        A unit with or without a prefix, such as ``"nm"``, ``"um"``, ``"ms"``, ``"m^2/s"``.
    unit : str
        The SI base unit wanted, such as ``"m"``, ``"s"``, ``"V"``, ``"Hz"``, ``"m²/s"``.

    Raises
    ------
    ValueError
        If `text` is not a unit of the same quantity.

    Examples
    --------
    >>> factor_from_unit("µm", "m")
    1e-06
    >>> factor_from_unit("nm²/ms", "m²/s")
    1e-15
    """
    written = _one_spelling(text)
    head, *denominators = _one_spelling(unit).split("/")
    parts = written.split("/")
    if len(parts) != 1 + len(denominators):
        raise ValueError(_unit_message(text, unit))
    # Powers of ten are put together as integers: 1e-9 squared by floats is not 1e-18.
    exponent = _exponent_from_factor(parts[0], head, text, unit)
    for part, wanted in zip(parts[1:], denominators, strict=True):
        exponent -= _exponent_from_factor(part, wanted, text, unit)
    return float(f"1e{exponent}")


def quantity_from_text(text: str, unit: str) -> float:
    """Return the SI value of a quantity written with its unit.

    Parameters
    ----------
    text : str
        For example ``"25 nm"``, ``"-3V"``, ``"10 ms"``.
    unit : str
        The SI base unit the value is wanted in.

    Raises
    ------
    ValueError
        If `text` is not a number followed by a unit of that quantity. A bare number is an error, too.

    Examples
    --------
    >>> quantity_from_text("25 nm", "m")
    2.5e-08
    """
    number, written = _number_and_unit(text, unit)
    if not written:
        name, example = _QUANTITY_NAMES.get(unit, ("quantity", f"1 {unit}"))
        raise ValueError(f"'{text}' has no unit: write a {name} with its unit, for example '{example}'")
    return _scaled(number, written, unit)


def quantity_and_error_from_text(text: str, unit: str) -> tuple[float, float | None]:
    """Return the SI value of a quantity and its error, None where none is written.

    Understands ``25 nm``, ``25nm±5nm``, ``25 ± 5 nm``, ``(25 +/- 5) nm`` and a relative error,
    ``25 nm ± 20 %``.

    Raises
    ------
    ValueError
        If the text is none of these, or the error is negative.

    Examples
    --------
    >>> quantity_and_error_from_text("25 ± 5 nm", "m")
    (2.5e-08, 5e-09)
    """
    parts = [part.strip() for part in _PLUS_MINUS.split(plain_text(text))]
    if len(parts) == 1:
        return quantity_from_text(text, unit), None
    if len(parts) != 2:
        raise ValueError(f"'{text}' has more than one ±")
    value_text, error_text = parts
    if value_text.startswith("(") and ")" in error_text:
        value_text, error_text = value_text[1:], error_text.replace(")", " ", 1)
    _, value_unit = _number_and_unit(value_text, unit)
    error_number, error_unit = _number_and_unit(error_text, unit)
    if not value_unit:
        if error_unit in ("", "%"):
            raise ValueError(f"'{text}' has no unit: write for example '25 nm ± 5 nm'")
        value_text = f"{value_text} {error_unit}"
    value = quantity_from_text(value_text, unit)
    if error_unit == "%":
        error = abs(value) * fraction_from_text(error_text)
    elif not error_unit:
        raise ValueError(f"the error in '{text}' has no unit: write for example '25 nm ± 5 nm'")
    else:
        error = _scaled(error_number, error_unit, unit)
    if error < 0:
        raise ValueError(f"the error in '{text}' is negative")
    return value, error


def fraction_from_text(text: str) -> float:
    """Return the fraction a percentage stands for.

    Raises
    ------
    ValueError
        If the text is not a number followed by ``%``.

    Examples
    --------
    >>> fraction_from_text("15 %")
    0.15
    """
    number, written = _number_and_unit(text, "%")
    if written != "%":
        raise ValueError(f"'{text}' is not a percentage: write for example '15%'")
    return float(f"{number}e-2") if "e" not in number.lower() else float(number) / 100


def multiple_from_text(text: str) -> float | None:
    """Return how many standard errors a text such as ``5sigma`` or ``5 σ`` says; None if it speaks of none.

    Raises
    ------
    ValueError
        If no number stands before it.

    Examples
    --------
    >>> multiple_from_text("5sigma"), multiple_from_text("3.5 σ"), multiple_from_text("15 %")
    (5.0, 3.5, None)
    """
    word = next((word for word in ("sigma", "σ") if text.strip().lower().endswith(word)), None)
    if word is None:
        return None
    try:
        return float(text.strip()[: -len(word)])
    except ValueError:
        raise ValueError(f"'{text}' says no number of standard errors: write for example '5sigma'") from None


def angle_from_text(text: str) -> float:
    """Return an angle in degrees, written with or without its unit.

    Raises
    ------
    ValueError
        If the text is no angle.

    Examples
    --------
    >>> angle_from_text("-12.5°"), angle_from_text("30 deg"), angle_from_text("8")
    (-12.5, 30.0, 8.0)
    """
    match = _MEASURE.fullmatch(plain_text(text))
    if match is None or (match[2] or "°") not in ("°", "deg", "degrees"):
        raise ValueError(f"'{text}' is not an angle: write degrees, for example '-12.5' or '30 deg'")
    return float(match[1])


def prefix_for(values: float | Iterable[float], unit: str) -> tuple[float, str]:
    """Return the factor and the prefixed unit in which `values` are comfortable to read.

    The SI value divided by the factor is the number to show.

    Parameters
    ----------
    values : float or iterable of float
        Numbers in `unit`; the largest magnitude decides. Non-finite ones are left out.
    unit : str
        An SI unit. Units that are not a plain symbol (powers, quotients, none) keep their base form.

    Examples
    --------
    >>> prefix_for(2.5e-8, "m")
    (1e-09, 'nm')
    """
    array = np.abs(np.atleast_1d(np.asarray(values, dtype=float)))
    finite = array[np.isfinite(array)]
    largest = float(finite.max()) if finite.size else 0.0
    if not unit.isalpha() or largest == 0.0:
        return 1.0, unit
    # A hair of tolerance keeps 1 µm, stored as 9.999999999999999e-07, from being shown as 1000 nm.
    fitting = [prefix for prefix in _DISPLAY_PREFIXES if PREFIXES[prefix] <= largest * (1 + 1e-9)]
    prefix = fitting[-1] if fitting else _DISPLAY_PREFIXES[0]
    return PREFIXES[prefix], prefix + unit


def text_from_quantity(value: float, unit: str, *, digits: int | None = None) -> str:
    """Return `value`, in SI `unit`, as people write it.

    Parameters
    ----------
    digits : int, optional
        Significant digits; by default as many as are needed to read the same value back.

    Examples
    --------
    >>> text_from_quantity(2.5e-8, "m")
    '25 nm'
    >>> text_from_quantity(-3, "V"), text_from_quantity(2.04e-7, "s", digits=2)
    ('-3 V', '200 ns')
    """
    if not math.isfinite(value):
        return "unknown"
    value += 0.0  # no minus before a zero
    factor, shown = prefix_for(value, unit)
    number = f"{value / factor:.{digits}g}" if digits else _shortest_number(value, factor)
    if "e+" in number and abs(value / factor) < 1e4:
        number = f"{float(number):.0f}"  # 200, not 2e+02
    return f"{number} {shown}".rstrip()


def text_with_error(value: float, error: float, unit: str = "") -> str:
    """Return a value with its standard error in the last digits, as physicists write it.

    Examples
    --------
    >>> text_with_error(4.412e-13, 2.1e-14, "m²/s")
    '4.41(21)×10⁻¹³ m²/s'
    >>> text_with_error(1.4234e-3, 6e-5, "s")
    '1.42(6) ms'
    """
    if not math.isfinite(value):
        return "not determined"
    # The larger of the two decides: zero with an error has a size, too.
    size = max(abs(value), error if math.isfinite(error) else 0.0)
    factor, shown = prefix_for(size, unit)
    power = 0
    if factor == 1.0 and size != 0 and not 1e-2 <= size < 1e4:
        power = math.floor(math.log10(size))
        factor = float(f"1e{power}")
    number = _number_with_error(value / factor, error / factor)
    times = f"×{power_of_ten(power)}" if power else ""
    return f"{number}{times} {shown}".rstrip()


def _number_with_error(value: float, error: float) -> str:
    if not math.isfinite(error) or error <= 0:
        return f"{value:.4g}"
    decimals = -math.floor(math.log10(error))
    # After a first digit of 1 or 2 a second one is kept: rounding then never moves the error by over 20 %.
    if round(error * 10.0**decimals) < 3:
        decimals += 1
    if decimals <= 0:
        step = 10.0**-decimals
        return f"{round(value / step) * step:.0f}({round(error / step) * step:.0f})"
    return f"{value:.{decimals}f}({round(error * 10.0**decimals):d})"


_MOST_ZEROS: Final = 21
"""Numbers beyond the prefixes are written with an exponent, not with hundreds of zeros."""


def _shortest_number(value: float, factor: float) -> str:
    """Return the shortest decimal that, times the factor, reads back as exactly `value`."""
    if factor == 1.0 and value != 0 and not 1e-4 <= abs(value) < 1e6:
        return repr(value)
    # Moving the decimal point of the shortest text is exact; dividing by 1e-9 is not.
    number = Decimal(repr(value)).scaleb(-round(math.log10(factor)))
    if not -_MOST_ZEROS < number.adjusted() < _MOST_ZEROS:
        return f"{number.normalize():e}".lower()
    moved = format(number, "f")
    return moved.rstrip("0").rstrip(".") if "." in moved else moved


def _number_and_unit(text: str, unit: str) -> tuple[str, str]:
    written = plain_text(text)
    match = _MEASURE.fullmatch(written)
    if match is None or "," in written:
        name, example = _QUANTITY_NAMES.get(unit, ("quantity", "15%" if unit == "%" else f"1 {unit}"))
        hint = " with a decimal point" if "," in written else ""
        raise ValueError(f"'{text}' is not a {name}: write it{hint} like '{example}'")
    return match[1], (match[2] or "").strip()


def _scaled(number: str, written: str, unit: str) -> float:
    factor = factor_from_unit(written, unit)
    mantissa, _, exponent = number.lower().partition("e")
    if len(exponent) > _LONGEST_EXPONENT:
        raise ValueError(f"'{number} {written}' has too many digits in its exponent")
    power = round(math.log10(factor)) + int(exponent or 0)
    # "25 nm" must be the float 25e-9 that a programmer would write; 25 * 1e-9 is not.
    value = float(f"{mantissa}e{power}")
    if not math.isfinite(value):
        raise ValueError(f"'{number} {written}' is too large a number")
    return value


def _one_spelling(text: str) -> str:
    return plain_text(text).replace("²", "2").replace("^", "").replace(" ", "")


def _exponent_from_factor(part: str, wanted: str, text: str, unit: str) -> int:
    """Return the power of ten of one factor of a unit, ``nm2`` against ``m2`` being -18."""
    symbol = wanted.rstrip("0123456789")
    power = int(wanted[len(symbol) :] or 1)
    if part == wanted:
        return 0
    if symbol == "m" and part == "Å":
        return -10
    if part.endswith(wanted):
        prefix = part[: -len(wanted)].replace("u", "µ")
        if prefix in PREFIXES:
            return power * round(math.log10(PREFIXES[prefix]))
    raise ValueError(_unit_message(text, unit))


def _unit_message(text: str, unit: str) -> str:
    name, example = _QUANTITY_NAMES.get(unit, ("quantity", f"1 {unit}"))
    return f"'{text}' is not a unit of {name}: write for example '{example}'"
