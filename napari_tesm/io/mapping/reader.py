"""Entries of a mapping taken one by one, each checked in a sentence that names it."""

from collections.abc import Callable
from typing import Any, Final

from napari_tesm.data.protocol import UNITS
from napari_tesm.io.mapping.entries import MappingError
from napari_tesm.io.mapping.yaml import shown
from napari_tesm.quantities.text import quantity_from_text

DIMENSIONS: Final = {
    "voltage": "V", "voltages": "V", "width": "m", "height": "m", "interval": "s", "start": "s", "offset x": "m",
    "offset y": "m", "before": "s", "length": "s", "pulse delay": "s", "drive frequency": "Hz", "time constant": "s",
}  # fmt: skip
"""Units of the quantities of a mapping that are none of the protocol."""
PROTOCOL: Final = {
    field.replace("lock_in", "lock-in").replace("_", " "): field
    for field in UNITS
    if not field.endswith("_radius_error")
}
"""What the fields of the protocol are called in a mapping."""


class EntryReader:
    """Takes entries out of a dictionary one by one, so that what nobody took can be named."""

    def __init__(self, entries: Any, where: str) -> None:
        if not isinstance(entries, dict):
            raise MappingError(f"{where} must be made of entries like 'name: value'")
        self.entries = {str(name): value for name, value in entries.items()}
        self.where = where

    def _take(
        self, name: str, default: Any = None, needed: str = "", fits: Callable[[Any], bool] = bool
    ) -> Any:
        """Return an entry; raises a MappingError that says what is `needed` where it does not fit."""
        value = self.entries.pop(name, None)
        if value is None:
            return default
        if needed and not fits(value):
            raise MappingError(f"'{name}' of {self.where} must be {needed.format(shown(value))}")
        return value

    def done(self) -> None:
        """Raise a MappingError that names an entry nobody took, if there is one."""
        if self.entries:
            raise MappingError(f"{self.where} has an entry nobody knows: {shown(next(iter(self.entries)))}")

    def text(self, name: str, default: str = "") -> str:
        """Return a text, without blanks around it."""
        return str(self._take(name, default, "a text", _is_text)).strip()

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """Return a text that is one of some."""
        text = self.text(name, default)
        if text not in choices:
            listed = ", ".join(f"'{choice}'" for choice in choices if choice)
            raise MappingError(f"'{name}' of {self.where} is {shown(text)}, not one of {listed}")
        return text

    def count(self, name: str, *, least: int = 1) -> int | None:
        """Return a whole number, None where it is not said."""
        needed = f"a whole number from {least}, not {{}}"
        count: int | None = self._take(
            name, None, needed, lambda value: type(value) is int and least <= value <= 1_000_000
        )
        return count

    def quantity(self, name: str) -> float | None:
        """Return a quantity in SI units, None where it is not said."""
        value = self._take(name)
        return None if value is None else self.quantity_of(name, value)

    def quantity_of(self, name: str, value: Any) -> float:
        """Return the quantity that a value of an entry stands for."""
        if isinstance(value, bool | list | dict | set):
            raise MappingError(f"'{name}' of {self.where} must be one quantity, not {shown(value)}")
        try:
            return quantity_from_text(str(value), unit_of_entry(name))
        except ValueError as error:
            raise MappingError(f"'{name}' of {self.where}: {error}") from None

    def not_negative(self, name: str) -> float | None:
        """Return a quantity from zero on."""
        value = self.quantity(name)
        if value is not None and value < 0:
            raise MappingError(f"'{name}' of {self.where} must not be negative")
        return value

    def positive(self, name: str) -> float | None:
        """Return a quantity larger than zero."""
        value = self.quantity(name)
        if value is not None and not value > 0:
            raise MappingError(f"'{name}' of {self.where} must be larger than zero")
        return value

    def yes(self, name: str) -> bool:
        """Return whether an entry says yes."""
        said: bool = self._take(name, False, "yes or no, not {}", lambda value: isinstance(value, bool))
        return said

    def list_of(self, name: str) -> list[Any]:
        """Return a list; an empty one where it is not said."""
        values: list[Any] = self._take(name, [], "a list: [a, b]", lambda value: isinstance(value, list))
        return values

    def quantities(self, name: str) -> tuple[float, ...]:
        """Return one quantity or a list of them, each larger than zero; none where it is not said."""
        value = self._take(name)
        if value is None:
            return ()
        quantities = tuple(
            self.quantity_of(name, each) for each in (value if isinstance(value, list) else [value])
        )
        if not all(each > 0 for each in quantities):
            raise MappingError(f"'{name}' of {self.where} must be larger than zero")
        return quantities

    def part(self, name: str) -> "EntryReader":
        """Return the entries below one, none where it is not said."""
        return EntryReader(self._take(name, {}), f"'{name}'")

    def parts(self, name: str) -> list["EntryReader"]:
        """Return the entries of each element of a list."""
        return [
            EntryReader(entry, f"number {n} of '{name}'") for n, entry in enumerate(self.list_of(name), 1)
        ]


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def unit_of_entry(name: str) -> str:
    """Return the SI unit of a quantity of a mapping."""
    return UNITS[PROTOCOL[name]] if name in PROTOCOL else DIMENSIONS[name]
