"""Numbers of a column in one unit that is comfortable to read, on the screen and in the terminal."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from napari_tesm.quantities.numbers import MISSING, power_of_ten, text_from_number
from napari_tesm.quantities.text import prefix_for, text_with_error


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

    def text(self, value: float | None, *, digits: int = 3, decimals: int | None = None) -> str:
        """Return a value as it stands in the table, without its unit; see `text_from_number`."""
        # A count stays whole.
        number = value if value is None or self.factor == 1.0 else value / self.factor
        return text_from_number(number, digits=digits, decimals=decimals)

    def text_with_spread(self, value: float, spread: float) -> str:
        """Return ``mean ± sd``, both to the second digit of the spread."""
        size = spread / self.factor
        if not (math.isfinite(value) and 1e-6 < size < 1e6):
            return self.text(value)
        decimals = max(0, 1 - _power(size))
        return f"{self.text(value, decimals=decimals)} ± {self.text(spread, decimals=decimals)}"

    def text_with_error(self, value: float | None, error: float | None) -> str:
        """Return a value with the error of its last digits, as ``1.42(6)``; a dash where there is none."""
        if value is None or error is None or not math.isfinite(value):
            return MISSING
        return text_with_error(value / self.factor, error / self.factor)


def scaling_of(values: Iterable[float], unit: str) -> Scaling:
    """Return the common unit, or power of ten, of a column of SI values; areas get the unit of their sides.

    Examples
    --------
    >>> scaling_of([1.6e-14], "m²")
    Scaling(factor=1e-18, unit='nm²')
    """
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    if not sizes:
        return Scaling(1.0, unit)
    typical = float(np.median(sizes))
    if unit.endswith("²") and unit[:-1].isalpha():
        side = scaling_of([math.sqrt(typical)], unit[:-1])
        return Scaling(side.factor**2, f"{side.unit}²")
    if unit.isalpha() and unit not in ("deg", "rad"):
        return Scaling(*prefix_for(typical, unit))
    if 1e-2 <= typical < 1e4:
        return Scaling(1.0, unit)
    power = _power(typical)
    return Scaling(float(f"1e{power}"), f"{power_of_ten(power)} {unit}".rstrip())


def _power(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0
