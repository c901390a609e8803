"""What the scans of a series differ in: the voltage of their pulses, else a cycle, a temperature or anything else."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Abscissa:
    """A quantity that a series goes by.

    Parameters
    ----------
    name : str
        As it stands within a sentence.
    unit : str
        As it is written behind a number; empty for a number alone.
    """

    name: str = "voltage"
    unit: str = "V"

    @property
    def is_voltage(self) -> bool:
        """Whether it is that of the pulses."""
        return self == VOLTAGE

    @property
    def title(self) -> str:
        """What stands on an axis, without the unit."""
        return "pulse voltage" if self.is_voltage else self.name

    def text(self, value: float) -> str:
        """Return a value as it is typeset.

        Examples
        --------
        >>> Abscissa().text(-5.0), Abscissa("cycle", "").text(3.0), Abscissa("temperature", "°C").text(-10.0)
        ('−5 V', 'cycle 3', '−10 °C')
        """
        if self.is_voltage:
            return voltage_text(value)
        number = f"{value:g}".replace("-", "−")
        return f"{number} {self.unit}" if self.unit else f"{self.name} {number}"

    def ordered(self, values: Array) -> Array:
        """Return values each once: voltages by increasing size, others by increasing value."""
        return np.array(sorted(set(values.tolist()), key=abs if self.is_voltage else float))

    def offset(self, values: Array) -> float:
        """Return what is added for tests that ask for values of one sign; they stand on differences alone."""
        return 0.0 if self.is_voltage or not values.size else 1.0 - float(values.min())


VOLTAGE = Abscissa()


def voltage_text(volts: float) -> str:
    """Return a voltage as it is typeset.

    Examples
    --------
    >>> voltage_text(-5.0), voltage_text(3.5)
    ('−5 V', '+3.5 V')
    """
    return f"{volts:+g} V".replace("-", "−")
