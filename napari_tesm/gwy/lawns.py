"""Curve maps (lawns): for every pixel several curves of one length that may differ from pixel to pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gwyfile.objects import GwyObject

from napari_tesm.files.disk import DiskArray
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.gwy.parts import (
    Doubles,
    Stored,
    geometry,
    list_of,
    positive_int,
    stored_doubles,
)
from napari_tesm.gwy.si_units import checked_unit, is_empty_for_gwyddion, si_unit, unit_text
from napari_tesm.gwy.values import LazyArray

Counts = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Lawn(Stored):
    """Curve map.

    Parameters
    ----------
    data : numpy.ndarray, DiskArray or LazyArray
        All samples, flat, in the order pixel (row by row), curve, sample.
    lengths : numpy.ndarray
        Samples of each curve of every pixel, shape ``(y, x)``.
    units, labels : sequence of str
        Unprefixed SI unit and label of every curve. Gwyddion 2.62 saves a corrupt file if some curves have a
        unit and others have none, so such a map is not written.
    x_real, y_real, x_offset, y_offset : float
        Extents of the map and position of its top left corner in `unit_xy`.
    unit_xy : str
        Lateral unit.
    segments : numpy.ndarray, optional
        First and one past the last sample of every segment, shape ``(y, x, segments, 2)``.
    segment_labels : sequence of str
        Labels of the segments.
    """

    TYPE = "GwyLawn"
    COMPONENTS = geometry("x", "y", units="xy")

    data: Doubles | DiskArray | LazyArray
    lengths: Counts
    units: Sequence[str]
    labels: Sequence[str]
    x_real: float = 1.0
    y_real: float = 1.0
    x_offset: float = 0.0
    y_offset: float = 0.0
    unit_xy: str = ""
    segments: Counts | None = None
    segment_labels: Sequence[str] = ()

    @property
    def n_curves(self) -> int:
        """Number of curves per pixel."""
        return len(self.units)

    def regular_curves(self) -> Doubles | DiskArray | None:
        """Return all curves as one array, shape ``(y, x, curve, sample)``, or None where lengths differ."""
        length = int(self.lengths.flat[0])
        if isinstance(self.data, LazyArray) or not (self.lengths == length).all():
            return None
        return self.data.reshape(*self.lengths.shape, self.n_curves, length)

    def _described(self) -> dict[str, tuple[str, Any]]:
        if self.lengths.ndim != 2 or self.lengths.size == 0 or (self.lengths < 0).any():
            raise ValueError(
                "A curve map needs the number of samples of every pixel as a two-dimensional array."
            )
        if len(self.labels) != self.n_curves or not self.n_curves:
            raise ValueError(
                f"A curve map with {self.n_curves} units and {len(self.labels)} labels is no map."
            )
        units = [checked_unit(unit) for unit in self.units]
        if len({is_empty_for_gwyddion(unit) for unit in units}) > 1:
            raise ValueError(
                f"Gwyddion cannot save a curve map where some curves have a unit and others none ({units}): "
                "give every curve a unit, or none."
            )
        n_samples = int(self.lengths.sum(dtype=np.int64)) * self.n_curves
        if n_samples == 0:
            raise ValueError(
                "A curve map without a single sample cannot be stored: Gwyddion takes no empty arrays."
            )
        if self.data.size != n_samples:
            raise ValueError(
                f"The curve lengths add up to {n_samples} samples, the data to {self.data.size}."
            )
        rows, columns = self.lengths.shape
        return {
            "xres": ("i", columns),
            "yres": ("i", rows),
            **self._simple(),
            "ncurves": ("i", self.n_curves),
            "curvelengths": ("I", self.lengths.reshape(-1)),
            "data": ("D", self.data),
            "si_units_curves": ("O", [si_unit(unit) for unit in units]),
            "curve_labels": ("S", list(self.labels)),
            **({} if self.segments is None else self._described_segments(self.segments)),
        }

    def _described_segments(self, segments: Counts) -> dict[str, tuple[str, Any]]:
        count = len(self.segment_labels)
        if segments.shape != (*self.lengths.shape, count, 2):
            raise ValueError(
                f"Segments of shape {segments.shape} do not fit {count} labels and "
                f"{self.lengths.shape} pixels."
            )
        first, last = segments[..., 0], segments[..., 1]
        if (first < 0).any() or (last < first).any() or (last > self.lengths[..., np.newaxis]).any():
            raise ValueError("A segment of the curve map begins or ends outside its curve.")
        return {
            "nsegments": ("i", count),
            "segments": ("I", segments.reshape(-1)),
            "segment_labels": ("S", list(self.segment_labels)),
        }

    @classmethod
    def _arrays(cls, obj: GwyObject, key: str) -> dict[str, Any]:
        columns, rows = positive_int(obj, "xres", key), positive_int(obj, "yres", key)
        n_curves = positive_int(obj, "ncurves", key)
        lengths = _counts(obj, "curvelengths", (rows, columns), key)
        if (lengths < 0).any():
            raise GwyFormatError(f"{key or 'A curve map'} has curves of negative length.")
        units = list_of(obj, "si_units_curves", key)
        segments, segment_labels = _segments(obj, (rows, columns), key)
        return {
            "data": stored_doubles(obj, "data", (int(lengths.sum(dtype=np.int64)) * n_curves,), key),
            "lengths": lengths,
            "units": _filled([unit_text(unit, key) for unit in units], n_curves),
            "labels": _filled(list_of(obj, "curve_labels", key), n_curves),
            "segments": segments,
            "segment_labels": segment_labels,
        }


def _segments(obj: GwyObject, shape: tuple[int, int], key: str) -> tuple[Counts | None, list[str]]:
    number_of_segments = obj.get("nsegments", 0)
    if not isinstance(number_of_segments, int) or number_of_segments < 1 or "segments" not in obj:
        return None, []
    segments = _counts(obj, "segments", (*shape, number_of_segments, 2), key)
    return segments, _filled(list_of(obj, "segment_labels", key), number_of_segments)


def _counts(obj: GwyObject, component: str, shape: tuple[int, ...], key: str) -> Counts:
    value = obj.get(component)
    if not isinstance(value, np.ndarray) or value.dtype != np.int32 or value.size != math.prod(shape):
        raise GwyFormatError(
            f"{key or obj.name} does not have {math.prod(shape)} integers under {component!r}."
        )
    return value.reshape(shape)


def _filled(texts: Sequence[str], n: int) -> list[str]:
    """Return exactly `n` texts: files may leave labels and units out."""
    given = [text if isinstance(text, str) else "" for text in texts[:n]]
    return given + [""] * (n - len(given))
