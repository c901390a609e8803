"""The pulse protocol of a t-ESM measurement, and the time windows that follow from it.

Times inside a dataset count from the start of the pulse. What is not known stays None; nothing is guessed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.kernels.low_pass import LowPass, check_order
from napari_tesm.quantities.limits import check_radius
from napari_tesm.quantities.text import quantity_from_text, text_from_quantity

UNITS: Final = {
    "pulse_start": "s", "pulse_duration": "s", "ac_amplitude": "V", "ac_frequency": "Hz", "lock_in_time_constant": "s",
    "lock_in_order": "", "tip_radius": "m", "tip_radius_error": "m", "contact_radius": "m", "contact_radius_error": "m",
}  # fmt: skip
"""Units of the values of a protocol, in the order in which people are told them."""
RADII: Final = ("tip_radius", "contact_radius")
"""Fields of the radii; the standard error of each is the field of the same name with ``_error``."""
EDGE_TOLERANCE: Final = 1e-6
"""Window edges compare with this tolerance, in sampling intervals."""


@dataclass(frozen=True)
class Length:
    """The length l that D follows from with tau, and where it comes from.

    Parameters
    ----------
    field : str
        "contact_radius" or "tip_radius".
    value, error : float
        The length and its standard error, in m; the error is None where nobody knows it.
    """

    field: str
    value: float
    error: float | None = None

    @property
    def name(self) -> str:
        """What the length is, in words."""
        return self.field.replace("_", " ")

    def __str__(self) -> str:
        return text_from_radius(self.value, self.error)


def text_from_radius(radius: float, error: float | None, *, digits: int | None = None) -> str:
    """Return a radius in m as people write it, with its standard error where it is known: ``25 nm ± 5 nm``."""
    text = text_from_quantity(radius, "m", digits=digits)
    return text if error is None else f"{text} ± {text_from_quantity(error, 'm', digits=digits)}"


def length_from_attributes(attributes: Mapping[Any, Any]) -> Length | None:
    """Return the length l of D by the radii that a dataset, or maps, know; None where they know neither."""
    for field in reversed(RADII):
        if field in attributes:
            error = attributes.get(f"{field}_error")
            return Length(field, float(attributes[field]), None if error is None else float(error))
    return None


@dataclass(frozen=True)
class PulseProtocol:
    """How the pulses were applied and recorded; every value in SI units, None where unknown.

    Parameters
    ----------
    pulse_start : float, optional
        Start of the pulse on the time axis **of the file**, in s. The dataset's own time is 0 there.
    pulse_duration : float, optional
        Length of the dc pulse, in s.
    ac_amplitude, ac_frequency : float, optional
        The ac drive, in V and Hz.
    lock_in_time_constant : float, optional
        Time constant of each stage of the lock-in's low-pass filter, in s; 0 for none.
    lock_in_order : float, optional
        Number of its stages, 1 where only the time constant is known.
    tip_radius, tip_radius_error : float, optional
        The characteristic length of the paper and its standard error, in m.
    contact_radius, contact_radius_error : float, optional
        Radius of the area in which tip and sample touch, and its standard error, in m: the characteristic length where
        it is known.

    Raises
    ------
    ValueError
        If a value is not finite, or negative where that makes no sense.
    """

    pulse_start: float | None = None
    pulse_duration: float | None = None
    ac_amplitude: float | None = None
    ac_frequency: float | None = None
    lock_in_time_constant: float | None = None
    tip_radius: float | None = None
    tip_radius_error: float | None = None
    lock_in_order: float | None = None
    contact_radius: float | None = None
    contact_radius_error: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            words = field.name.replace("_", " ")
            if not np.isfinite(value):
                raise ValueError(f"the {words} is not a finite number")
            if field.name in ("pulse_duration", *RADII) and value <= 0:
                raise ValueError(f"the {words} must be larger than zero, not {value:g}")
            if field.name not in ("pulse_start", "ac_amplitude") and value < 0:
                raise ValueError(f"the {words} must not be negative, not {value:g}")
        for name in RADII:
            radius = getattr(self, name)
            if radius is not None:
                check_radius(radius, name.replace("_", " "))
        if self.lock_in_order is not None:
            check_order(self.lock_in_order)

    @property
    def length(self) -> Length | None:
        """The length l of D: the contact radius, else the tip radius; None where neither is known."""
        return length_from_attributes(self.to_attributes())

    @property
    def low_pass(self) -> LowPass | None:
        """The lock-in's filter; None where its time constant is not known, or zero."""
        if not self.lock_in_time_constant:
            return None
        return LowPass(self.lock_in_time_constant, int(self.lock_in_order or 1))

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> "PulseProtocol":
        """Return the protocol kept in a dataset's attributes."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: float(attributes[name]) for name in names if name in attributes})

    def to_attributes(self) -> dict[str, float]:
        """Return what is known, as attributes of a dataset."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def updated(self, **values: float | None) -> "PulseProtocol":
        """Return a copy in which every value given (not None) stands in for the present one."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    def without_radii(self) -> "PulseProtocol":
        """Return a copy for what does not depend on a radius."""
        return replace(self, **{f"{name}{ending}": None for name in RADII for ending in ("", "_error")})


@dataclass(frozen=True)
class Window:
    """A half-open stretch of time, in s from the start of the pulse; an open end includes the last sample.

    Raises
    ------
    ValueError
        If the end is not later than the start.
    """

    start: float
    stop: float | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.start) or (self.stop is not None and not np.isfinite(self.stop)):
            raise ValueError("the edges of a window must be finite")
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(f"the window {self} ends before it starts")

    def __str__(self) -> str:
        stop = "" if self.stop is None else text_from_quantity(self.stop, "s")
        return f"{text_from_quantity(self.start, 's')}:{stop}"

    @property
    def in_words(self) -> str:
        """The window within a sentence, where a colon with nothing behind it would puzzle."""
        return f"from {text_from_quantity(self.start, 's')} on" if self.stop is None else str(self)

    @classmethod
    def from_text(cls, text: str) -> "Window":
        """Return the window written as ``10ms:25ms``; ``10ms:`` is open to the end of the record.

        Raises
        ------
        ValueError
            If the text is not two times with their units, joined by a colon.
        """
        parts = text.split(":")
        if len(parts) != 2 or not parts[0].strip():
            raise ValueError(f"'{text}' is not a window: write its two edges like '10ms:25ms' or '10ms:'")
        start = quantity_from_text(parts[0], "s")
        stop = quantity_from_text(parts[1], "s") if parts[1].strip() else None
        return cls(start, stop)

    def samples(self, time: NDArray[np.float64], *, skip: float = 0.0) -> slice:
        """Return the samples inside the window, as a slice of the time axis.

        Parameters
        ----------
        time : ndarray, shape (time,)
            Increasing sample times, in s.
        skip : float
            Samples within this time after the window's start are left out (the lock-in's transient), in s.

        Examples
        --------
        >>> Window(0.0, 0.003).samples(np.arange(5) * 1e-3)
        slice(0, 3, None)
        """
        slack = EDGE_TOLERANCE * sampling_interval(time)
        first = int(np.searchsorted(time, self.start + skip - slack))
        last = time.size if self.stop is None else int(np.searchsorted(time, self.stop - slack))
        return slice(first, max(first, last))


def sampling_interval(time: NDArray[np.float64]) -> float:
    """Return the shortest interval between two samples, in the unit of `time`; 0 for a single sample."""
    return float(np.diff(time).min()) if time.size > 1 else 0.0


def windows_from_protocol(protocol: PulseProtocol) -> tuple[Window, Window] | tuple[None, None]:
    """Return the pulse window and the relaxation window, which runs to the end of the record.

    Both are None where the protocol does not say when the pulse starts and how long it lasts.
    """
    if protocol.pulse_start is None or protocol.pulse_duration is None:
        return None, None
    return Window(0.0, protocol.pulse_duration), Window(protocol.pulse_duration)
