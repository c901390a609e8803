"""Channels, masks, volumes and metadata: plain dataclasses to and from the objects of the file.

Each class has ``to_object()``, which gives what Gwyddion reads without complaint, and ``from_object()``,
which takes what Gwyddion would take and refuses the rest. Numbers and units are SI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from gwyfile.objects import GwyContainer, GwyDataField, GwyObject

from napari_tesm.files.disk import DiskArray
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.gwy.parts import (
    Doubles,
    Stored,
    doubles_in_shape,
    geometry,
    list_of,
    positive_int,
    stored_doubles,
)
from napari_tesm.gwy.values import LazyArray


@dataclass(frozen=True, eq=False)
class Field(Stored):
    """Image: a channel, a mask, a presentation or a preview.

    Parameters
    ----------
    values : numpy.ndarray
        Shape ``(y, x)``, in `unit_z`.
    x_real, y_real : float
        Width and height in `unit_xy`.
    x_offset, y_offset : float
        Position of the top left corner in `unit_xy`.
    unit_xy, unit_z : str
        Unprefixed SI units such as ``"m"``, ``"m^2/s"``; empty for none.
    """

    TYPE = "GwyDataField"
    COMPONENTS = geometry("x", "y", units="xy z")

    values: Doubles
    x_real: float = 1.0
    y_real: float = 1.0
    x_offset: float = 0.0
    y_offset: float = 0.0
    unit_xy: str = ""
    unit_z: str = ""

    def to_object(self) -> GwyDataField:
        """Return the object of the file, as `Stored.to_object`."""
        result = super().to_object()
        field: GwyDataField = GwyDataField(result, typecodes=result.typecodes)
        return field

    def _described(self) -> dict[str, tuple[str, Any]]:
        values = np.asarray(self.values)
        if values.ndim != 2 or values.size == 0:
            raise ValueError(
                f"An image has two dimensions and at least one pixel, not the shape {values.shape}."
            )
        if not np.isfinite(values).all():
            raise ValueError(
                "The image holds values that are not finite, which Gwyddion shows as black: "
                "fill them and mark them in the mask."
            )
        sizes = {"xres": ("i", values.shape[1]), "yres": ("i", values.shape[0])}
        return {**sizes, **self._simple(), "data": ("D", np.ascontiguousarray(values, "<f8").reshape(-1))}

    @classmethod
    def _arrays(cls, obj: GwyObject, key: str) -> dict[str, Any]:
        columns, rows = positive_int(obj, "xres", key), positive_int(obj, "yres", key)
        return {"values": doubles_in_shape(obj, "data", (rows, columns), key)}


def mask_field(marked: npt.ArrayLike, like: Field) -> GwyDataField:
    """Return a mask over a field: 1 where `marked`, 0 elsewhere.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    values = np.asarray(marked, dtype=bool)
    if values.shape != like.values.shape:
        raise ValueError(
            f"A mask of shape {values.shape} does not fit an image of shape {like.values.shape}."
        )
    return replace(like, values=values.astype(float), unit_z="").to_object()


@dataclass(frozen=True, eq=False)
class DataLine(Stored):
    """Regularly sampled curve, or the z-calibration of a brick.

    Parameters
    ----------
    values : numpy.ndarray
        Shape ``(samples,)``, in `unit_y`.
    real, offset : float
        Length and start of the abscissa in `unit_x`; sample k belongs to ``offset + k * real / samples``.
    unit_x, unit_y : str
        Unprefixed SI units.
    """

    TYPE = "GwyDataLine"
    COMPONENTS = geometry("", units="x y")

    values: Doubles
    real: float = 1.0
    offset: float = 0.0
    unit_x: str = ""
    unit_y: str = ""

    def _described(self) -> dict[str, tuple[str, Any]]:
        values = np.asarray(self.values, "<f8")
        if values.ndim != 1 or values.size == 0:
            raise ValueError(
                f"A line has one dimension and at least one sample, not the shape {values.shape}."
            )
        return {"res": ("i", values.size), **self._simple(), "data": ("D", values)}

    @classmethod
    def _arrays(cls, obj: GwyObject, key: str) -> dict[str, Any]:
        return {"values": doubles_in_shape(obj, "data", (positive_int(obj, "res", key),), key)}


@dataclass(frozen=True, eq=False)
class Brick(Stored):
    """Volume: one trace along z for every pixel.

    Parameters
    ----------
    values : numpy.ndarray, DiskArray or LazyArray
        Shape ``(z, y, x)``, in `unit_w`. An array of any memory layout, or a source in this order.
    x_real, y_real, z_real : float
        Extents in `unit_x`, `unit_y`, `unit_z`.
    x_offset, y_offset, z_offset : float
        Starts of the axes; plane k lies at ``z_offset + k * z_real / planes``.
    unit_x, unit_y, unit_z, unit_w : str
        Unprefixed SI units.
    calibration : numpy.ndarray, optional
        z of every plane where the sampling is not uniform, in `calibration_unit` (`unit_z` if that is empty).
    """

    TYPE = "GwyBrick"
    COMPONENTS = geometry("x", "y", "z", units="x y z w")

    values: Doubles | DiskArray | LazyArray
    x_real: float = 1.0
    y_real: float = 1.0
    z_real: float = 1.0
    x_offset: float = 0.0
    y_offset: float = 0.0
    z_offset: float = 0.0
    unit_x: str = ""
    unit_y: str = ""
    unit_z: str = ""
    unit_w: str = ""
    calibration: Doubles | None = None
    calibration_unit: str = ""

    @property
    def z(self) -> Doubles:
        """Abscissa of every plane, from the calibration where there is one, shape ``(z,)``."""
        if self.calibration is not None:
            return self.calibration
        planes = self.values.shape[0]
        return self.z_offset + np.arange(planes, dtype=np.float64) * (self.z_real / planes)

    @property
    def z_unit(self) -> str:
        """Unit of `z`."""
        return (self.calibration_unit if self.calibration is not None else "") or self.unit_z

    def _described(self) -> dict[str, tuple[str, Any]]:
        shape = self.values.shape
        if len(shape) != 3 or 0 in shape:
            raise ValueError(f"A volume has three dimensions and at least one voxel, not the shape {shape}.")
        sizes = {f"{axis}res": ("i", size) for axis, size in zip("xyz", reversed(shape), strict=True)}
        parts = {**sizes, **self._simple(), "data": ("D", self.values)}
        if self.calibration is not None:
            calibration = np.asarray(self.calibration, "<f8")
            if calibration.shape != shape[:1] or not np.isfinite(calibration).all():
                raise ValueError(f"The z-calibration must be {shape[0]} finite values, one per plane.")
            unit = self.calibration_unit or self.unit_z
            line = DataLine(calibration, self.z_real, unit_x=self.unit_z, unit_y=unit)
            parts["calibration"] = ("O", [line.to_object()])
        return parts

    @classmethod
    def _arrays(cls, obj: GwyObject, key: str) -> dict[str, Any]:
        planes, rows, columns = (positive_int(obj, f"{axis}res", key) for axis in "zyx")
        lines = list_of(obj, "calibration", key)
        line = DataLine.from_object(lines[0], f"{key}/calibration") if lines else None
        if line is not None and line.values.shape != (planes,):
            raise GwyFormatError(
                f"The calibration of {key or 'a brick'} has {line.values.size} values for {planes} planes; "
                "set it anew in Gwyddion."
            )
        return {
            "values": stored_doubles(obj, "data", (planes, rows, columns), key),
            "calibration": None if line is None else line.values,
            "calibration_unit": "" if line is None else line.unit_y,
        }


def metadata_container(entries: Mapping[str, Any]) -> GwyContainer:
    """Return the container for Gwyddion's metadata browser: everything as text."""
    texts = {name: str(value) for name, value in entries.items()}
    return GwyContainer(texts, dict.fromkeys(texts, "s"))


def metadata_entries(obj: GwyObject | None) -> dict[str, str]:
    """Return the texts of a metadata container; other things in it are left out."""
    if not isinstance(obj, GwyObject):
        return {}
    return {name: value for name, value in obj.items() if isinstance(value, str)}
