"""Parts of objects: making them with their type codes, and taking them from files that may hold anything."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from gwyfile.objects import GwyObject

from napari_tesm.files.errors import GwyFormatError

Doubles = npt.NDArray[np.float64]


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


def expect_type(obj: Any, name: str, key: str) -> None:
    """See that `obj` is of the named type; raises GwyFormatError."""
    if not isinstance(obj, GwyObject) or obj.name != name:
        found = obj.name if isinstance(obj, GwyObject) else type(obj).__name__
        raise GwyFormatError(
            f"{key or 'An object'} should be a {name} and is a {found}: save it anew in Gwyddion."
        )


def positive_int(obj: GwyObject, component: str, key: str) -> int:
    """Return a positive number of items; raises GwyFormatError."""
    value = obj.get(component)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise GwyFormatError(
            f"{key or obj.name} has {component} = {value!r}, where a positive number is needed."
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
    """Return an array in its shape without copying; raises GwyFormatError if its size is another."""
    value = obj.get(component)
    needed = math.prod(shape)
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        if value.size == needed:
            return value.reshape(shape)
        found = f"{value.size} values"
    else:
        found = "no array of doubles"
    raise GwyFormatError(
        f"{key or obj.name} has {found} under {component!r} where its dimensions {shape} need {needed}."
    )
