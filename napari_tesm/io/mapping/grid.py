"""The pixels that traces and images lie on: how the arrays of a file list them, and where they are."""

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.io.content import Axis, Source, si_from_unit
from napari_tesm.io.cut_arrays import padded_array
from napari_tesm.io.mapping.entries import Mapping, MappingError, ScanEntry
from napari_tesm.quantities.text import factor_from_unit, text_from_quantity

_SAME_SIZE: Final = 1e-3
"""Part of a size by which mapping and file may differ: what people round."""
Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Positions:
    """Where the pixels lie along one axis: centres and their distance, in `unit`; no unit where they are counted."""

    centres: Array
    spacing: float
    unit: str


@dataclass(frozen=True, eq=False)
class PixelGrid:
    """The pixels of a scan, and how the file lists them.

    Parameters
    ----------
    x, y : Positions
    columns : int, optional
        Pixels of a line, where the file lists all pixels in one row.
    flipped : tuple of str
        Axes that run backwards in the file.
    order : ("y", "x") or ("x", "y")
        Which of the two comes first in the file.
    serpentine : bool
        Every second line of a row of pixels was scanned backwards.
    listed : int, optional
        Pixels that the file holds, where the scan was not finished.
    """

    x: Positions
    y: Positions
    columns: int | None = None
    flipped: tuple[str, ...] = ()
    order: tuple[str, str] = ("y", "x")
    serpentine: bool = False
    listed: int | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Lines and pixels in a line."""
        return self.y.centres.size, self.x.centres.size

    def image_from(self, values: Array, roles: Sequence[str]) -> Array | None:
        """Return an array of the file that says nothing of places as an image (y, x); None where it is none of these.

        Parameters
        ----------
        values : ndarray
            Without axes of length one.
        roles : sequence of str
            What its axes are by their names, "y", "x", "pixel", or empty.
        """
        lines, columns = self.shape
        if values.size == self.listed and (values.ndim == 1 or values.shape[-1] == columns):
            values = np.append(values.ravel(), np.full(lines * columns - values.size, np.nan))
            values = values if self.columns is not None else values.reshape(self.shape)
        if values.ndim == 1 and values.size == lines * columns and min(self.shape) > 1:
            image = values.reshape(self.shape).copy()
            if self.serpentine:
                image[1::2] = image[1::2, ::-1]
        elif values.ndim == 2:
            orders = [tuple(roles)] if set(roles) == {"y", "x"} else [self.order, self.order[::-1]]
            sizes = {"y": lines, "x": columns}
            fitting = [order for order in orders if values.shape == (sizes[order[0]], sizes[order[1]])]
            if not fitting:
                return None
            image = values if fitting[0] == ("y", "x") else values.T
        else:
            return None
        for number, axis in enumerate(("y", "x")):
            image = np.flip(image, number) if axis in self.flipped else image
        return image


def grid_from_axes(
    named: Dictionary[str, Axis], mapping: Mapping, name: str, lateral_unit: str | None, notes: list[str]
) -> PixelGrid:
    """Return the pixels of an array of traces, by its axes and what the mapping says of the scan.

    Parameters
    ----------
    named : mapping of Axis
        Its axes by what they are: y, x, or pixel.
    mapping : Mapping
    name : str
        What the array is called in sentences.
    lateral_unit : str, optional
        Unit of places that have none in the file.
    notes : list of str
        Takes up where the size of the scan is not that of the file; the mapping's holds.

    Raises
    ------
    MappingError
        If the two contradict each other, or too little is known.
    """
    scan = mapping.scan
    sizes = {axis: named[axis].size if axis in named else 1 for axis in ("y", "x")}
    columns = None
    if "pixel" in named:
        count = named["pixel"].size
        columns = scan.pixels or (count // scan.lines if scan.lines and count % scan.lines == 0 else None)
        if columns is None:
            raise MappingError(
                f"'{name}' has {count} pixels in a row: say how many make a line, scan: {{pixels: 64, lines: 48}}"
            )
        if count % columns:
            raise MappingError(f"the {count} pixels of '{name}' do not make whole lines of {columns}")
        sizes = {"y": count // columns, "x": columns}
    for axis, wanted in (("x", scan.pixels), ("y", scan.lines)):
        if wanted is not None and wanted != sizes[axis]:
            what = "pixels in a line" if axis == "x" else "lines"
            raise MappingError(f"'{name}' has {sizes[axis]} {what}, 'scan' says {wanted}")
    lateral: dict[str, Positions] = {}
    flipped = []
    for axis, size in (("x", scan.width), ("y", scan.height)):
        if axis in named:
            lateral[axis], backwards = lateral_axis(named[axis], lateral_unit)
            flipped += [axis] if backwards else []
        if size is None:
            continue
        own = lateral.get(axis)
        extent = own.spacing * sizes[axis] if own is not None and own.unit else None
        if extent is not None and abs(extent - size) <= _SAME_SIZE * size:
            continue  # and the scan keeps its place
        if extent is not None:
            told, was = (text_from_quantity(value, "m", digits=4) for value in (size, extent))
            what = "width" if axis == "x" else "height"
            notes.append(f"'{name}' gets the {what} of the mapping, {told}, where the file says {was}")
        lateral[axis] = _spread(size, sizes[axis])
    for axis, other in (("x", "y"), ("y", "x")):
        if axis not in lateral:  # counted, or a single line or pixel: in the unit of the other axis
            beside = lateral.get(other, Positions(np.empty(0), 1.0, ""))
            centres = (np.arange(sizes[axis]) + 0.5) * beside.spacing
            lateral[axis] = Positions(centres, beside.spacing, beside.unit if sizes[axis] == 1 else "")
    if lateral["x"].unit != lateral["y"].unit:
        raise MappingError(
            f"one axis of '{name}' has a size in m and the other has none: give both in 'scan'"
        )
    order = (
        ("x", "y") if "pixel" not in named and [a for a in named if a in "xy"] == ["x", "y"] else ("y", "x")
    )
    return PixelGrid(lateral["x"], lateral["y"], columns, tuple(flipped), order, mapping.scan.serpentine)


def lines_completed(
    source: Source, axes: Sequence[str], scan: ScanEntry, notes: list[str]
) -> tuple[Source, int | None]:
    """Return an array with as many pixels or lines as the scan has, and how many pixels it holds where it has fewer.

    Parameters
    ----------
    source : Source
    axes : sequence of str
        What its axes are.
    scan : ScanEntry
    notes : list of str
        Takes up how much is missing.
    """
    for axis, what, wanted in (
        ("pixel", "pixels", scan.pixels * scan.lines if scan.pixels and scan.lines else None),
        ("y", "lines", scan.lines),
    ):
        if axis not in axes or wanted is None:
            continue
        number = list(axes).index(axis)
        own = source.axes[number]
        if own.size >= wanted or own.values is not None:
            continue
        share = f"{100 * (wanted - own.size) / wanted:.3g} %"
        notes.append(
            f"'{source.name}' holds {own.size} of the scan's {wanted} {what}: {share} of it are missing"
        )
        array = padded_array(source.array, number, wanted)
        completed = [replace(a, size=wanted) if n == number else a for n, a in enumerate(source.axes)]
        columns = 1 if axis == "pixel" else source.axes[list(axes).index("x")].size if "x" in axes else 1
        return replace(source, array=array, axes=completed), own.size * columns
    return source, None


def grid_from_scan(scan: ScanEntry, shape: tuple[int, int] | None = None) -> PixelGrid | None:
    """Return the pixels that a mapping describes; None where it does not say their number, or their size.

    Parameters
    ----------
    scan : ScanEntry
    shape : (int, int), optional
        Lines and pixels in a line, where the scan does not say it.
    """
    lines, pixels = shape or (None, None)
    lines, pixels = scan.lines or lines, scan.pixels or pixels
    if lines is None or pixels is None or scan.width is None or scan.height is None:
        return None
    return PixelGrid(_spread(scan.width, pixels), _spread(scan.height, lines), serpentine=scan.serpentine)


def _spread(size: float, count: int) -> Positions:
    step = size / count
    return Positions((np.arange(count) + 0.5) * step, step, "m")


def lateral_axis(axis: Axis, lateral_unit: str | None) -> tuple[Positions, bool]:
    """Return where the pixels lie along an axis of the file, and whether it runs backwards there.

    Raises
    ------
    MappingError
        If the places do not increase, or `lateral_unit` contradicts the file.
    """
    written = axis.unit or (lateral_unit or "")
    factor, unit = si_from_unit(written)
    if not axis.known or unit != "m":
        return Positions(np.arange(axis.size) + 0.5, 1.0, ""), False
    if lateral_unit is not None and axis.unit and factor_from_unit(lateral_unit, "m") != factor:
        raise MappingError(
            f"the axis '{axis.name}' is in {axis.unit}: {lateral_unit} would contradict the file"
        )
    centres = axis.positions() * factor
    flipped = centres.size > 1 and centres[-1] < centres[0]
    centres = centres[::-1] if flipped else centres
    if not np.isfinite(centres).all() or (np.diff(centres) <= 0).any():
        raise MappingError(f"the positions of the axis '{axis.name}' do not increase")
    spacing = float(np.ptp(centres) / (centres.size - 1)) if centres.size > 1 else abs(axis.step) * factor
    return Positions(centres, spacing or 1.0, "m"), bool(flipped)
