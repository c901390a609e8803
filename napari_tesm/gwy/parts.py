"""Parts of objects: making them with their type codes, and taking them from files that may hold anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from gwyfile.objects import GwyObject

from napari_tesm.files.disk import DiskArray
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.gwy.si_units import si_unit, unit_text

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Component:
    """A component of an object of the file that is one attribute of ours.

    Parameters
    ----------
    name : str
        In the file.
    attribute : str
    kind : {"extent", "start", "unit", "text"}
        A positive number, a finite one, an SI unit or a text.
    """

    name: str
    attribute: str
    kind: Literal["extent", "start", "unit", "text"]

    def written(self, item: Any) -> tuple[str, Any]:
        """Return type code and value; raises ValueError for what cannot be stored."""
        value = getattr(item, self.attribute)
        if self.kind == "unit":
            return "o", si_unit(value)
        if self.kind == "text":
            return "s", value
        number = float(value)
        if self.kind == "extent" and not (math.isfinite(number) and number > 0):
            raise ValueError(f"The extent {self.attribute} must be a positive number, not {number}.")
        if not math.isfinite(number):
            raise ValueError(f"The start {self.attribute} must be a finite number, not {number}.")
        return "d", number

    def taken(self, obj: GwyObject, key: str) -> Any:
        """Return the attribute's value; raises GwyFormatError for a unit that is none."""
        if self.kind == "unit":
            return unit_text(obj.get(self.name), key)
        return {"text": text_of, "extent": extent, "start": finite_number}[self.kind](obj, self.name)


def geometry(*axes: str, units: str) -> tuple[Component, ...]:
    """Return the components of axes: all extents, all starts, then all units (one word each)."""
    return (
        *(Component(f"{axis}real", f"{axis}_real".lstrip("_"), "extent") for axis in axes),
        *(Component(f"{axis}off", f"{axis}_offset".lstrip("_"), "start") for axis in axes),
        *(Component(f"si_unit_{axis}", f"unit_{axis}", "unit") for axis in units.split()),
    )


class Stored:
    """What has an object of its own in the file; which attribute is which component is said once for both ways."""

    TYPE: ClassVar[str]
    COMPONENTS: ClassVar[tuple[Component, ...]]

    def to_object(self) -> GwyObject:
        """Return the object of the file; large arrays are neither copied nor read.

        Raises
        ------
        ValueError
            If sizes contradict each other, there are no values where some are needed, what must be is not finite or not
            positive, or a unit cannot be stored.
        """
        return new_object(self.TYPE, **self._described())

    @classmethod
    def from_object(cls, obj: GwyObject, key: str = "") -> Self:
        """Take it from a file; large arrays are views that are read when they are indexed.

        An extent that is missing or no number is taken as 1, as Gwyddion takes 0; a negative one loses its sign.

        Raises
        ------
        GwyFormatError
            If the object is of another type or its parts contradict each other. `key` says where it was found.
        """
        expect_type(obj, cls.TYPE, key)
        return cls(
            **cls._arrays(obj, key),
            **{part.attribute: part.taken(obj, key) for part in cls.COMPONENTS},
        )

    def _described(self) -> dict[str, tuple[str, Any]]:
        """Return all components in the order of the file, each as type code and value."""
        raise NotImplementedError

    def _simple(self) -> dict[str, tuple[str, Any]]:
        return {part.name: part.written(self) for part in self.COMPONENTS}

    @classmethod
    def _arrays(cls, obj: GwyObject, key: str) -> dict[str, Any]:
        """Return the attributes that take more than one component."""
        raise NotImplementedError


def new_object(name: str, **components: tuple[str, Any]) -> GwyObject:
    """Return an object of a type gwyfile has no class for; each component is ``(type code, value)``."""
    result = GwyObject(name)
    for key, (typecode, value) in components.items():
        put(result, key, value, typecode)
    return result


def put(obj: GwyObject, key: str, value: Any, typecode: str) -> None:
    """Set a component of a container or another object together with its type code."""
    obj[key] = value
    obj.typecodes[key] = typecode


def drop(obj: GwyObject, key: str) -> None:
    """Remove a component with its type code, where it is there."""
    obj.pop(key, None)
    obj.typecodes.pop(key, None)


def expect_type(obj: Any, name: str, key: str) -> None:
    """See that `obj` is of the named type; raises GwyFormatError."""
    if not isinstance(obj, GwyObject) or obj.name != name:
        kind = obj.name if isinstance(obj, GwyObject) else type(obj).__name__
        raise GwyFormatError(
            f"{key or 'An object'} should be a {name} and is a {kind}: save it anew in Gwyddion."
        )


def positive_int(obj: GwyObject, component: str, key: str) -> int:
    """Return a positive number of items; raises GwyFormatError."""
    value = obj.get(component)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        shown = "an array" if np.ndim(value) else repr(value)[:60]
        raise GwyFormatError(
            f"{key or obj.name} has {component} = {shown}, where a positive number is needed."
        )
    return value


def text_of(obj: GwyObject, component: str) -> str:
    """Return a text, empty in place of anything else."""
    value = obj.get(component, "")
    return value if isinstance(value, str) else ""


def list_of(obj: GwyObject, component: str, key: str) -> list[Any]:
    """Return a list, empty where there is none; raises GwyFormatError."""
    value = obj.get(component, [])
    if not isinstance(value, list):
        raise GwyFormatError(
            f"{key or obj.name} should hold a list under {component!r}: save it anew in Gwyddion."
        )
    return value


def finite_number(obj: GwyObject, component: str) -> float:
    """Return a finite number, 0 in place of anything else."""
    value = obj.get(component, 0.0)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0.0


def extent(obj: GwyObject, component: str) -> float:
    """Return a positive extent, 1 in place of nothing, zero or what is no number."""
    return abs(finite_number(obj, component)) or 1.0


def doubles_in_shape(obj: GwyObject, component: str, shape: tuple[int, ...], key: str) -> Doubles:
    """Return an array in its shape, read from the file; raises GwyFormatError if its size is another."""
    return np.asarray(stored_doubles(obj, component, shape, key))


def stored_doubles(obj: GwyObject, component: str, shape: tuple[int, ...], key: str) -> Doubles | DiskArray:
    """Return an array in its shape, still in the file where it is large; raises GwyFormatError as above."""
    value = obj.get(component)
    needed = math.prod(shape)
    if isinstance(value, np.ndarray | DiskArray) and value.dtype == np.float64:
        if value.size == needed:
            return value.reshape(shape)
        content = f"{value.size} values"
    else:
        content = "no array of doubles"
    raise GwyFormatError(
        f"{key or obj.name} has {content} under {component!r} where its dimensions {shape} need {needed}."
    )
