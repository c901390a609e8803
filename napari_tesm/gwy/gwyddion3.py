"""What Gwyddion 3 calls by other names: its keys, types and components, to and from those of Gwyddion 2.

In memory there are the names of Gwyddion 2 alone. What only Gwyddion 3 has stays under its own names, and is left out
of files of Gwyddion 2, which lose all that follows an object of an unknown type. The names were found by having 3.12
make files of 3 of files of 2, and back.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from gwyfile.objects import GwyContainer, GwyDataField, GwyObject, GwySIUnit

from napari_tesm.files.disk import DiskArray
from napari_tesm.gwy.forms import GWYDDION_3
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.si_units import si_unit
from napari_tesm.gwy.values import LazyArray, array_blocks

_TYPES: Final = {
    "GwyContainer": "GwyDict", "GwyDataField": "GwyField", "GwyDataLine": "GwyLine", "GwySIUnit": "GwyUnit",
}  # fmt: skip
_TYPES_OF_2: Final = {new: old for old, new in _TYPES.items()}
_ONLY_IN_3: Final = ("GwyScatter", "GwyNield", "GwyRGBA")
_WITH_UNITS: Final = ("GwyDataField", "GwyDataLine", "GwyBrick", "GwyLawn", "GwySpectra")
"""Types whose units have names that begin with ``si_``."""
_CURVE: Final = {
    "type": ("mode", "i"), "point_type": ("point-type", "i"), "point_size": ("point-size", "d"),
    "line_style": ("line-style", "i"), "line_size": ("line-width", "d"),
}  # fmt: skip
"""Components of a curve of a graph; sizes are whole numbers in Gwyddion 2."""
_CURVE_OF_2: Final = {new: old for old, (new, _) in _CURVE.items()}
_COLOURS: Final = {"red": "r", "green": "g", "blue": "b", "alpha": "a"}
_MASK_COLOUR: Final = {"red": 1.0, "green": 0.0, "blue": 0.0, "alpha": 0.5}
"""Gwyddion's own, where a file leaves a part of it out."""

# What stands before an id and after it, in Gwyddion 2 and 3. "*" is whatever follows. The longest beginnings first.
_KEYS: Final = (
    ("/0/graph/graph/", "/graph/", {"": "", "/visible": "/visible"}),
    *(
        (f"/{old}/", f"/{new}/", {
            "": "", "/preview": "/show", "/preview/palette": "/palette", "/title": "/title", "/visible": "/visible",
            "/meta": "/meta", "/log": "/log",
        })
        for old, new in (("brick", "volume"), ("lawn", "cmap"), ("surface", "xyz"))
    ),
    ("/sps/", "/sps/", {"": "", "/log": "/log"}),
    ("/", "/image/", {
        "/data": "", "/data/title": "/title", "/data/visible": "/visible", "/data/realsquare": "/real-square",
        "/data/log": "/log", "/data/view/*": "/view/*", "/base/palette": "/palette",
        "/base/range-type": "/color-mapping", "/base/min": "/range/min", "/base/max": "/range/max",
        "/mask": "/mask", "/show": "/show", "/meta": "/meta", "/select/*": "/selection/*",
    }),
)  # fmt: skip
_AFTER_ID: Final = r"(0|[1-9][0-9]*)(/.*)?"
_MASK_3: Final = re.compile(r"/image/(0|[1-9][0-9]*)/mask-color")
_MASK_2: Final = re.compile(r"/(0|[1-9][0-9]*)/mask/(red|green|blue|alpha)")


def _key(key: str, *, to_3: bool) -> str | None:
    """Return a key as the other program has it, None where that has none."""
    for old, new, after in _KEYS:
        before, other = (old, new) if to_3 else (new, old)
        match = re.compile(re.escape(before) + _AFTER_ID, re.DOTALL).fullmatch(key)
        if match is None:
            continue
        rest = match[2] or ""
        for pair in after.items():
            ours, theirs = pair if to_3 else pair[::-1]
            if rest == ours:
                return other + match[1] + theirs
            if ours.endswith("*") and rest.startswith(ours[:-1]):
                return other + match[1] + theirs[:-1] + rest[len(ours) - 1 :]
        return None
    return None


def empty_object(name: str) -> GwyObject:
    """Return an object of a type without components, of gwyfile's own class where it has one."""
    if name == "GwyContainer":
        return GwyContainer()
    kind = {"GwyDataField": GwyDataField, "GwySIUnit": GwySIUnit}.get(name)
    made: GwyObject = GwyObject(name) if kind is None else kind(OrderedDict())
    # The constructors of gwyfile declare codes for components that may be absent or of another type here.
    made.typecodes = {}
    return made


def object_of_2(obj: GwyObject) -> GwyObject:
    """Return an object of a file of Gwyddion 3, whose parts were handled already, by the names of Gwyddion 2."""
    name = _TYPES_OF_2.get(obj.name, obj.name)
    if name == "GwyScatter":
        return _surface(obj)
    if name not in _WITH_UNITS and name != "GwyGraphCurveModel" and name == obj.name:
        return obj
    result = empty_object(name)
    for key, value in obj.items():
        code = obj.typecodes[key]
        if name in _WITH_UNITS and key.startswith(("unit_", "units_")):
            put(result, f"si_{key}", value, code)
        elif name == "GwyGraphCurveModel" and key in _CURVE_OF_2 and isinstance(value, int | float):
            whole = int(np.clip(np.nan_to_num(value), -(2**31), 2**31 - 1).round())
            put(result, _CURVE_OF_2[key], whole, "i")
        elif name == "GwyGraphCurveModel" and key == "color" and code == "r":
            for colour in ("red", "green", "blue"):
                put(result, f"color.{colour}", _number(value, _COLOURS[colour], 0.0), "d")
        else:
            put(result, key, value, code)
    return result


def _surface(scatter: GwyObject) -> GwyObject:
    """Return points with one value each as Gwyddion 2 has them; others stay, for it has none."""
    xy, values, units = scatter.get("xy"), scatter.get("data"), scatter.get("units_data", [])
    both = isinstance(xy, np.ndarray) and isinstance(values, np.ndarray) and xy.size == 2 * values.size
    if not both or scatter.get("nvalues", 1) != 1 or not isinstance(units, list) or len(units) > 1:
        return scatter
    surface = GwyObject("GwySurface")
    put(surface, "data", np.column_stack([xy.reshape(-1, 2), values]).reshape(-1), "D")
    for name, unit in (("si_unit_xy", scatter.get("unit_xy")), ("si_unit_z", units[0] if units else None)):
        if isinstance(unit, GwyObject):
            put(surface, name, unit, "o")
    return surface


def container_of_2(file: GwyObject) -> GwyContainer:
    """Return the content of a file of Gwyddion 3, whose objects were handled already, under the keys of Gwyddion 2."""
    container = GwyContainer()
    for key, value in file.items():
        if (match := _MASK_3.fullmatch(key)) and isinstance(value, GwyObject):
            for colour, default in _MASK_COLOUR.items():
                put(container, f"/{match[1]}/mask/{colour}", _number(value, _COLOURS[colour], default), "d")
            continue
        other = _key(key, to_3=False)
        # What Gwyddion 3 does not know must not stand where it has something that it knows.
        if other is not None or (_key(key, to_3=True) is None and key not in container):
            put(container, other or key, value, file.typecodes[key])
    for key, value in container.items():
        if isinstance(value, GwyObject) and value.name == "GwyNield" and key.endswith("/mask"):
            container[key] = _mask_of_2(value, container.get(key.removesuffix("mask") + "data"))
    return container


def _mask_of_2(nield: GwyObject, image: Any) -> GwyObject:
    """Return a mask, which in Gwyddion 3 holds numbers of grains and no extents, over its image."""
    data = nield.get("data")
    if not isinstance(data, np.ndarray) or data.dtype.kind != "i":
        return nield
    mask = empty_object("GwyDataField")
    for key in ("xres", "yres"):
        if key in nield:
            put(mask, key, nield[key], nield.typecodes[key])
    for key in ("xreal", "yreal", "xoff", "yoff", "si_unit_xy"):
        if isinstance(image, GwyObject) and key in image:
            put(mask, key, image[key], image.typecodes[key])
    put(mask, "si_unit_z", si_unit(""), "o")
    put(mask, "data", (data > 0).astype("<f8"), "D")
    return mask


def _number(obj: Any, key: str, default: float) -> float:
    value = obj.get(key) if isinstance(obj, GwyObject) else None
    return float(value) if isinstance(value, int | float) else default


def file_of_3(container: GwyObject) -> GwyObject:
    """Return the outermost object of a file of Gwyddion 3 for a container; large arrays are neither copied nor read."""
    file = GwyObject(GWYDDION_3.top)
    for key, value in container.items():
        code = container.typecodes.get(key)
        if (match := _MASK_2.fullmatch(key)) and isinstance(value, int | float):
            at = f"/image/{match[1]}/mask-color"
            if at not in file:
                put(file, at, _rgba(container, f"/{match[1]}/mask/", _MASK_COLOUR), "r")
            continue
        if key == "/0/graph/lastid":
            continue
        other = _key(key, to_3=True)
        if other is None and (_key(key, to_3=False) is not None or key in file):
            continue
        made = _nield(value) if (other or "").endswith("/mask") else _of_3(value)
        _put(file, other or key, made, code)
    return file


def _put(obj: GwyObject, key: str, value: Any, code: str | None) -> None:
    obj[key] = value
    if code is not None:
        obj.typecodes[key] = code


def _of_3(value: Any) -> Any:
    """Return a value with all objects in it by the names of Gwyddion 3."""
    if isinstance(value, list | tuple):
        return [_of_3(item) for item in value]
    if not isinstance(value, GwyObject):
        return value
    if value.name == "GwySurface":
        return _scatter(value)
    result = GwyObject(_TYPES.get(value.name, value.name))
    is_curve = value.name == "GwyGraphCurveModel"
    for key, item in value.items():
        code = value.typecodes.get(key)
        if value.name in _WITH_UNITS and key.startswith("si_unit"):
            _put(result, key.removeprefix("si_"), _of_3(item), code)
        elif is_curve and key in _CURVE and isinstance(item, int | float):
            name, code = _CURVE[key]
            put(result, name, float(item) if code == "d" else int(item), code)
        elif is_curve and key.startswith("color."):
            if "color" not in result:
                put(result, "color", _rgba(value, "color.", {"red": 0.0, "green": 0.0, "blue": 0.0}), "r")
        else:
            _put(result, key, _of_3(item), code)
    return result


def _rgba(obj: GwyObject, before: str, defaults: dict[str, float]) -> GwyObject:
    rgba = GwyObject("GwyRGBA")
    for colour, letter in _COLOURS.items():
        put(rgba, letter, _number(obj, before + colour, defaults.get(colour, 1.0)), "d")
    return rgba


def _scatter(surface: GwyObject) -> GwyObject:
    xyz = surface.get("data")
    scatter = GwyObject("GwyScatter")
    put(scatter, "nvalues", 1, "i")
    if isinstance(xyz, np.ndarray) and xyz.size and xyz.size % 3 == 0:
        points = xyz.reshape(-1, 3)
        put(scatter, "xy", points[:, :2].reshape(-1), "D")
        put(scatter, "data", points[:, 2].copy(), "D")
    if "si_unit_xy" in surface:
        put(scatter, "unit_xy", _of_3(surface["si_unit_xy"]), "o")
    if "si_unit_z" in surface:
        put(scatter, "units_data", [_of_3(surface["si_unit_z"])], "O")
    return scatter


def _nield(mask: Any) -> Any:
    """Return a mask as Gwyddion 3 has it: whole numbers, no extents."""
    data = mask.get("data") if isinstance(mask, GwyObject) and mask.name == "GwyDataField" else None
    if not isinstance(data, np.ndarray | DiskArray | LazyArray):
        return _of_3(mask)
    nield = GwyObject("GwyNield")
    for key in ("xres", "yres"):
        if key in mask:
            _put(nield, key, mask[key], mask.typecodes.get(key))
    put(nield, "data", LazyArray((data.size,), lambda: _marked(data), "I"), "I")
    return nield


def _marked(data: Any) -> Iterator[Any]:
    for block in array_blocks(data, "D", "mask"):
        yield (block > 0.5).astype("<i4")


def is_of_3_alone(value: Any, typecode: str) -> bool:
    """Whether Gwyddion 2 has no such object, and would lose what follows it in the file."""
    return typecode == "r" or (isinstance(value, GwyObject) and value.name in _ONLY_IN_3)
