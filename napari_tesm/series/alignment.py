"""The scans of a series on one grid: by how much each has drifted, and its maps moved onto the others.

Maps are moved, never traces. What is drawn is moved by parts of a pixel; what is tested are measured values, those of
the nearest pixels: a value between two pixels is their mean, which would have less noise than the test thinks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.quantities.text import prefix_for
from napari_tesm.registration.maps import map_at, moved_map
from napari_tesm.registration.shifts import Shift, pearson, shift_between
from napari_tesm.series.members import Member, Series
from napari_tesm.statistics.images import smoothed_over_gaps

Array = NDArray[np.float64]

_WITHOUT_SURFACE: Final = "|H|"
_FARTHEST: Final = 0.25
"""Farthest drift looked for, as a fraction of the size."""
_TELLING: Final = 0.15
"""A half of a scan whose shift is known worse than this, in pixels, tells nothing of drift within the scan."""
_GAIN: Final = 0.02
"""By how much the correlation of a half has to grow for a large shift of its own."""
_WORTH_SAYING: Final = 0.5
"""A residual, in pixels, that is worth a warning: half of a point's pixels are then others."""
BY_HAND: Final = "hand"
"""What an alignment was found by that somebody has entered."""


@dataclass(frozen=True)
class Alignment:
    """Where a member of a series lies against the reference.

    Parameters
    ----------
    label : str
        Of the member.
    channel : str
        By which image it was found; empty where none could be: the member is left where it is.
    shift : Shift, optional
        In pixels of the reference; None for the reference itself, and where nothing could be measured.
    residual : tuple of (float, float)
        What is left (dy, dx) in the upper and in the lower half, in pixels of the reference, when both are measured by
        themselves after the shift: drift within a scan shows here. NaN where a half tells nothing.
    spacing : (float, float)
        Pixel size (dy, dx) of the reference, in `unit`.
    unit : str
    overlap : float
        Part of the reference that the member covers.
    note : str
        Why nothing could be measured.
    """

    label: str
    channel: str
    shift: Shift | None
    residual: tuple[tuple[float, float], ...]
    spacing: tuple[float, float]
    unit: str
    overlap: float
    note: str = ""

    @property
    def pixels(self) -> tuple[float, float]:
        """The shift (dy, dx) in pixels, zero where there is none."""
        return (0.0, 0.0) if self.shift is None else (self.shift.dy, self.shift.dx)

    @property
    def length(self) -> tuple[float, float]:
        """The shift (dy, dx) in the lateral unit."""
        return self.pixels[0] * self.spacing[0], self.pixels[1] * self.spacing[1]

    @property
    def left(self) -> float:
        """The larger of the two residuals, in pixels; NaN where there is none."""
        sizes = [float(np.hypot(*part)) for part in self.residual]
        finite = [size for size in sizes if np.isfinite(size)]
        return max(finite) if finite else float("nan")

    @property
    def sentence(self) -> str:
        """The shift in words."""
        if self.shift is None:
            if not self.note:
                return f"{self.label} is the reference."
            return f"{self.label} was left where it is: {self.note}."
        dy, dx = self.pixels
        factor, unit = prefix_for(max(abs(part) for part in (*self.length, *self.spacing)), self.unit)
        down, right = (part / factor for part in self.length)
        moved = f"{self.label}: ({dx:+.2f}, {dy:+.2f}) pixels right and down, ({right:+.3g}, {down:+.3g}) {unit}, "
        if self.channel == BY_HAND:
            return f"{moved}entered by hand."
        words = (
            f"{moved}± {self.shift.error:.1g} pixels, by {self.channel}; correlation {self.shift.before:.2f} before, "
            f"{self.shift.after:.2f} after"
        )
        if np.isfinite(self.left):
            words += f"; upper and lower half, measured by themselves, are within {self.left:.2f} pixels"
        return words + "."

    @property
    def warning(self) -> str:
        """What could mislead, in a sentence; empty where nothing does."""
        if self.shift is None:
            return "" if not self.note else f"{self.label} could not be registered: {self.note}."
        if np.isfinite(self.left) and self.left > _WORTH_SAYING:
            return (
                f"{self.label}: after the shift {self.left:.1f} pixels are left in one half of the scan. The sample "
                "drifted while it was scanned; points of its upper and lower part are not the same places."
            )
        if self.shift.alternatives:
            other = min(self.shift.alternatives, key=lambda pixels: float(np.hypot(*pixels)))
            return (
                f"{self.label}: the surface repeats itself, a shift of ({other[1]:+.0f}, {other[0]:+.0f}) pixels "
                "fits as well. The smallest one was taken."
            )
        return ""


@dataclass(frozen=True, eq=False)
class AlignedSeries:
    """A series on the grid of one of its members.

    Parameters
    ----------
    series : Series
    reference : int
        Index of the member whose grid is used.
    alignments : tuple of Alignment
        One for each member.
    """

    series: Series
    reference: int
    alignments: tuple[Alignment, ...]

    @property
    def grid(self) -> xr.DataArray:
        """A map of the reference: its x and y are those of all moved maps."""
        return self.series.members[self.reference].maps["H"]

    @property
    def spacing(self) -> tuple[float, float]:
        """Pixel size (dy, dx) of the grid."""
        return axis_spacing(self.grid["y"]), axis_spacing(self.grid["x"])

    def moved(self, index: int, name: str = "H") -> Array:
        """Return a member's map on the common grid, moved by parts of a pixel, NaN outside of it: to be looked at."""
        rows, columns = self.places(index)
        return map_at(self.series.members[index].values(name), rows, columns)

    def measured(self, index: int, name: str = "H") -> Array:
        """Return a member's map on the common grid, in each pixel the value of the nearest one: to be tested.

        H has the sign of the series, so that it grows with the response.
        """
        return nearest_values(self.series.answer(index, name), *self.places(index))

    def places(self, index: int) -> tuple[Array, Array]:
        """Return where the rows and columns of the common grid lie in a member, in its pixels."""
        dy, dx = self.alignments[index].pixels
        rows, columns = _places(self.grid, self.series.members[index].maps["H"])
        (step_y, step_x), own = self.spacing, self.series.members[index].maps["H"]
        return rows - dy * step_y / axis_spacing(own["y"]), columns - dx * step_x / axis_spacing(own["x"])

    def kept(self, indices: Sequence[int]) -> "AlignedSeries":
        """Return the series with some of its members, the reference among them."""
        members = tuple(self.series.members[index] for index in indices)
        return AlignedSeries(
            replace(self.series, members=members),
            list(indices).index(self.reference),
            tuple(self.alignments[index] for index in indices),
        )

    def moved_by_hand(self, index: int, dy: float, dx: float) -> "AlignedSeries":
        """Return the series with one member moved by (dy, dx) pixels of the reference instead of what was measured."""
        unknown = float("nan")
        entered = replace(
            self.alignments[index],
            channel=BY_HAND,
            shift=Shift(dy, dx, unknown, unknown, unknown, unknown),
            residual=((unknown, unknown), (unknown, unknown)),
            note="",
        )
        alignments = [*self.alignments[:index], entered, *self.alignments[index + 1 :]]
        return replace(self, alignments=tuple(alignments))

    def colour_limits(self, name: str = "H") -> tuple[float, float]:
        """Return limits of one colour scale for all voltages: those of 98 % of all values, H with its sign."""
        parts = [member.values(name) for member in self.series.members]
        values = np.concatenate([part[np.isfinite(part)] for part in parts])
        if values.size == 0:
            return 0.0, 1.0
        low, high = (float(edge) for edge in np.percentile(values, [1, 99]))
        return (low, high) if high > low else (low - 0.5 * abs(low or 1.0), high + 0.5 * abs(high or 1.0))


def aligned_series(series: Series, *, reference: int | None = None) -> AlignedSeries:
    """Measure how far each member of a series has drifted against one of them.

    By the deflection error or the topography, whichever promises the smaller error, where each member has its own;
    else by ``|H|``.

    Parameters
    ----------
    series : Series
    reference : int, optional
        Index of the member the others are laid on; by default the first one that has values.

    Raises
    ------
    ValueError
        If the series has no such member.
    """
    if reference is None:
        with_values = (i for i, member in enumerate(series.members) if np.isfinite(member.values("H")).any())
        reference = next(with_values, 0)
    if not 0 <= reference < len(series.members):
        raise ValueError(f"the series has {len(series.members)} scans and none of number {reference}")
    fixed = series.members[reference]
    alignments = [
        _alignment_of(member, fixed, is_reference=index == reference)
        for index, member in enumerate(series.members)
    ]
    return AlignedSeries(series, reference, tuple(alignments))


def nearest_values(values: Array, rows: Array, columns: Array) -> Array:
    """Return the values of the pixels nearest to fractional rows and columns, NaN outside of the map."""
    down, right = (np.floor(places + 0.5).astype(np.int64) for places in (rows, columns))
    inside = [(part >= 0) & (part < size) for part, size in zip((down, right), values.shape, strict=True)]
    chosen = values[np.clip(down, 0, values.shape[0] - 1)][:, np.clip(right, 0, values.shape[1] - 1)]
    return np.where(inside[0][:, None] & inside[1][None, :], chosen, np.nan)


def _places(grid: xr.DataArray, own: xr.DataArray) -> tuple[Array, Array]:
    """Return where the rows and columns of a grid lie in a map by their coordinates alone, in pixels of the map.

    Where the two are in different units, pixels are taken for pixels.
    """
    places = []
    for axis in ("y", "x"):
        wanted, there = (np.asarray(array[axis].values, dtype=np.float64) for array in (grid, own))
        if grid[axis].attrs.get("units") == own[axis].attrs.get("units"):
            places.append((wanted - there[0]) / axis_spacing(own[axis]))
        else:
            places.append(np.arange(wanted.size, dtype=np.float64))
    return places[0], places[1]


def _alignment_of(member: Member, fixed: Member, *, is_reference: bool) -> Alignment:
    grid = fixed.maps["H"]
    spacing = (axis_spacing(grid["y"]), axis_spacing(grid["x"]))
    unit = str(grid["x"].attrs.get("units", ""))
    rows, columns = _places(grid, member.maps["H"])
    covered = [
        float(((part > -0.5) & (part < size - 0.5)).mean())
        for part, size in zip((rows, columns), member.shape, strict=True)
    ]
    overlap = covered[0] * covered[1]
    nothing = ((float("nan"),) * 2,) * 2
    if is_reference:
        return Alignment(member.label, "", None, ((0.0, 0.0), (0.0, 0.0)), spacing, unit, 1.0)
    if overlap == 0:
        note = "by its coordinates it lies beside the reference and shares no pixel with it"
        return Alignment(member.label, "", None, nothing, spacing, unit, 0.0, note)
    best: tuple[Shift, str, Array, Array] | None = None
    reason = "the two scans have too few values"
    # |H|, which the voltage changes, only where there is no surface.
    for channel in [name for name in fixed.surfaces if name in member.surfaces] or [_WITHOUT_SURFACE]:
        images = []
        for scan in (fixed, member):
            image = scan.maps["H"] if channel == _WITHOUT_SURFACE else scan.surfaces[channel]
            values = np.asarray(image.values, dtype=np.float64)
            values = np.abs(values) if channel == _WITHOUT_SURFACE else values
            images.append(
                values if scan is fixed else map_at(_as_coarse(values, grid, image), *_places(grid, image))
            )
        try:
            shift = shift_between(images[0], images[1], largest=_FARTHEST)
        except ValueError as error:
            reason = str(error).split(":")[0]
            continue
        if best is None or shift.error < best[0].error:
            best = (shift, channel, images[0], images[1])
    if best is None:
        return Alignment(member.label, "", None, nothing, spacing, unit, overlap, reason)
    shift, channel, first, second = best
    return Alignment(member.label, channel, shift, _residuals(first, second, shift), spacing, unit, overlap)


def _as_coarse(values: Array, grid: xr.DataArray, own: xr.DataArray) -> Array:
    """Return a map of finer pixels than the grid's smoothed to them, so that none is skipped."""
    ratios = [
        axis_spacing(grid[axis]) / axis_spacing(own[axis])
        if grid[axis].attrs.get("units") == own[axis].attrs.get("units")
        else 1.0
        for axis in ("y", "x")
    ]
    if max(ratios) < 1.5:
        return values
    widths = [0.4 * ratio if ratio >= 1.5 else 0.0 for ratio in ratios]
    smooth, seen = smoothed_over_gaps(values, widths, beyond="reflect", fewest=0.0)
    return np.where(seen, smooth, np.nan)


def _residuals(fixed: Array, moving: Array, shift: Shift) -> tuple[tuple[float, float], ...]:
    """Return by how much the upper and the lower half are still apart when each is measured by itself."""
    left = []
    middle = fixed.shape[0] // 2
    for rows in (slice(0, middle), slice(middle, None)):
        half = np.full(fixed.shape, np.nan)
        half[rows] = fixed[rows]
        try:
            own = shift_between(half, moving, start=(shift.dy, shift.dx))
        except ValueError:
            left.append((float("nan"), float("nan")))
            continue
        apart = (own.dy - shift.dy, own.dx - shift.dx)
        # A half with nothing but a straight step in it fits as well anywhere along the step.
        gained = own.after - pearson(half, moved_map(moving, shift.dy, shift.dx))
        tells = own.error < _TELLING and (np.hypot(*apart) < _WORTH_SAYING or gained > _GAIN)
        left.append(apart if tells else (float("nan"), float("nan")))
    return tuple(left)
