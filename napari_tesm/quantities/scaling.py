"""Numbers of a column in one unit that is comfortable to read, on the screen and in the terminal."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from napari_tesm.quantities.text import prefix_for

_SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Scaling:
    """The unit in which a column is comfortable to read.

    Parameters
    ----------
    factor : float
        SI value divided by this is the number shown.
    unit : str
        ``"ms"``, or with a power of ten, ``"10⁻¹³ m²/s"``.
    """

    factor: float
    unit: str

    def text(self, value: float, *, decimals: int | None = None) -> str:
        """Return a value as it stands in the table: three digits, or as many decimals as are given."""
        if not math.isfinite(value):
            return ""
        number = value / self.factor
        if decimals is not None:
            return f"{number:.{decimals}f}"
        plain = number == 0 or 1e-3 <= abs(number) < 1e5
        if not plain:
            return f"{number:.2e}"
        return f"{number:.{max(0, 2 - _power(number))}f}" if number else "0"

    def text_with_spread(self, value: float, spread: float) -> str:
        """Return ``mean ± sd``, both to the second digit of the spread."""
        if not math.isfinite(value):
            return ""
        if not math.isfinite(spread) or spread <= 0 or not 1e-6 < spread / self.factor < 1e6:
            return self.text(value)
        decimals = max(0, 1 - _power(spread / self.factor))
        return f"{self.text(value, decimals=decimals)} ± {self.text(spread, decimals=decimals)}"


def scaling_of(values: Iterable[float], unit: str) -> Scaling:
    """Return the common unit, or power of ten, of a column of SI values."""
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    if not sizes:
        return Scaling(1.0, unit)
    typical = float(np.median(sizes))
    if unit.isalpha() and unit not in ("deg", "rad"):
        return Scaling(*prefix_for(typical, unit))
    if 1e-2 <= typical < 1e4:
        return Scaling(1.0, unit)
    power = _power(typical)
    return Scaling(float(f"1e{power}"), f"10{str(power).translate(_SUPERSCRIPTS)} {unit}".rstrip())


def _power(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0
