"""Profiles along the line that is drawn across a step, the step's width, and D against the distance from it."""

import math
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.evaluation.recipe import digest_of_maps
from napari_tesm.files.sentences import sentence_begun
from napari_tesm.findings.table import DIGITS_COPIED, Column, Table
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.region_quantities import Field, Quantity, QuantityModel
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.quantities.text import text_from_quantity, text_with_error
from napari_tesm.regions.profile import Profile, measure_of_line, profile_along
from napari_tesm.regions.shapes import DistanceCurve, Region, curve_from_distance, distance_from_region
from napari_tesm.regions.widths import StepWidth, width_from_profile

Array = NDArray[np.float64]

VIEWS: Final = {"line": "Profile", "distance": "Distance"}
_WIDTH_FROM: Final = ("H", "D_lateral", "D2", "D1", "D")
"""What the width of a step is taken from, where nobody has chosen: the first of these that is known.

H is known at every pixel, and where terraces differ in D their difference does not tilt it."""
_MOST_PANELS: Final = 4
_MOST_SAMPLES: Final = 1500
_MOST_POINTS: Final = 4000
"""Points drawn of a scatter; the medians take all of them."""
_MOST_SAMPLES_LIVE: Final = 400
"""Beyond this, the search for the width takes longer than a frame of a drag, and waits for its end."""
_OF_DISTANCE: Final = ("distance", "median", "mean", "std", "n")
_DRAW_A_LINE: Final = "Draw a line across a step: its profile is shown here and follows the line."


@dataclass(frozen=True)
class Curve:
    """One quantity along the line.

    Parameters
    ----------
    quantity : Quantity
    title : str
        With the pulse setting.
    profile : Profile
        In SI units; of what spreads over decades the geometric mean, without a spread.
    log_error : ndarray, shape (position,), optional
        Standard error of the natural logarithm, where one is known: the mean over the width of the line, as pixels
        beside each other share their error.
    """

    quantity: Quantity
    title: str
    profile: Profile
    log_error: Array | None = None


@dataclass(frozen=True)
class LineView:
    """Profiles along a line, one below the other.

    Parameters
    ----------
    unit : str
        Of the positions.
    curves : list of list of Curve
        The curves of each pair of axes.
    width : StepWidth, optional
    message : str
        Why there is nothing, in a sentence.
    """

    unit: str = "m"
    curves: list[list[Curve]] = field(default_factory=list)
    width: StepWidth | None = None
    words: str = ""
    message: str = ""


@dataclass(frozen=True)
class DistanceView:
    """A quantity against the distance from a step.

    Parameters
    ----------
    distance, values : ndarray
        Of the pixels with a value, at most some thousand of them.
    curve : DistanceCurve, optional
        Medians in bins of distance, over all pixels.
    """

    title: str = ""
    quantity: Quantity | None = None
    unit: str = "m"
    distance: Array = field(default_factory=lambda: np.zeros(0))
    values: Array = field(default_factory=lambda: np.zeros(0))
    curve: DistanceCurve | None = None
    words: str = ""
    message: str = ""


class ProfileModel(QuantityModel):
    """What is looked at along the lines of a scan.

    Parameters
    ----------
    scan : Scan
    """

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan)
        self.regions = RegionModel.of(scan)
        self.view = "line"
        self.shown: list[str] | None = None
        """Keys of the quantities that are drawn; None takes what belongs to a step."""
        self.width_key: str | None = None
        """The quantity whose width is measured; None takes the best there is."""
        self.distance_key: str | None = None
        """The quantity that is drawn against the distance; None takes the best there is."""
        self._last_width: tuple[object, StepWidth | None] | None = None

    def drawn(self) -> list[Quantity]:
        """Return the quantities that are drawn: topography, deflection error, H and D, or as chosen."""
        quantities = self.book.quantities()
        if self.shown is not None:
            return [quantity for quantity in quantities if quantity.key in self.shown]
        ground = [*filter(None, (self.book.topography(), self.book.deflection_error()))]
        maps = [
            quantity for quantity in quantities if quantity.by_pulse and not quantity.key.startswith("tau")
        ]
        others = [quantity for quantity in quantities if not quantity.by_pulse and quantity not in ground]
        return ground + maps if maps else (ground + others)[:_MOST_PANELS]

    def width_quantity(self) -> Quantity | None:
        """Return the quantity whose width is measured."""
        by_key = {quantity.key: quantity for quantity in self.book.quantities()}
        ground = filter(None, (self.book.deflection_error(), self.book.topography()))
        wanted = (self.width_key or "", *_WIDTH_FROM, *(channel.key for channel in ground), *by_key)
        return next((by_key[key] for key in wanted if key in by_key), None)

    def distance_quantity(self) -> Quantity | None:
        """Return the quantity that is drawn against the distance from the step."""
        return self.book.quantity(self.distance_key)

    def line_view(self) -> LineView:
        """Return the profiles along the selected line, or the one drawn last."""
        line = self.regions.line_of_interest
        if line is None:
            return LineView(message=_DRAW_A_LINE)
        drawn, measured = self.drawn(), self.width_quantity()
        wanted = drawn + ([measured] if measured is not None and measured not in drawn else [])
        fields = {quantity.key: self.book.field(quantity, self.pulse) for quantity in wanted}
        if not fields:
            return LineView(message="There is no image to take a profile of.")
        step = self._step(line, list(fields.values()))
        try:
            profiles = {
                quantity.key: _profile(line, quantity, fields[quantity.key], step) for quantity in wanted
            }
        except ValueError as error:
            return LineView(message=sentence_for_forms(error))
        curves = [
            Curve(
                quantity,
                self.title_of(quantity),
                profiles[quantity.key],
                self._log_error(line, quantity, step),
            )
            for quantity in drawn
        ]
        if not any(np.isfinite(profile.mean).any() for profile in profiles.values()):
            return LineView(message="The line lies outside the image: move it across a step.")
        measure = self._measure_in_words(line)
        if measured is None:
            return LineView(self.scan.lateral_unit, _grouped(curves), words=measure)
        if self.regions.is_live and profiles[measured.key].position.size > _MOST_SAMPLES_LIVE:
            return LineView(self.scan.lateral_unit, _grouped(curves), words=measure)
        width = self._width(profiles[measured.key], measured)
        words = f"{measure} {self._width_in_words(width, measured, line)}"
        if width is not None and not width.error < width.fwhm:
            width = None
        return LineView(self.scan.lateral_unit, _grouped(curves), width, words)

    def distance_view(self) -> DistanceView:
        """Return a quantity against the distance from the selected region, or from all steps."""
        quantity, regions = self.distance_quantity(), self._steps()
        if quantity is None:
            return DistanceView(message="There is no image to measure: open a scan.")
        if not regions:
            return DistanceView(
                message="Draw a region of class step, or select a region: distances count from there."
            )
        grid = self.book.field(quantity, self.pulse)
        distance = _nearest(
            [distance_from_region(region, grid.x, grid.y, spacing=grid.spacing) for region in regions]
        )
        good = np.isfinite(grid.values) & np.isfinite(distance)
        if quantity.many_decades:
            good &= np.where(np.isfinite(grid.values), grid.values, 0.0) > 0
        away, values = distance[good], grid.values[good]
        title, from_what = self.title_of(quantity), self._name_of(regions)
        if away.size == 0:
            return DistanceView(title, quantity, message=f"No pixel has a value of {title}.")
        bins = max(*grid.spacing, float(np.ptp(away)) / 200)
        curve = curve_from_distance(values, away, bins)
        kept = slice(None, None, math.ceil(away.size / _MOST_POINTS))
        words = f"{title} of {away.size} pixels against the distance from {from_what}; medians every "
        words += f"{self._length(bins)}."
        return DistanceView(
            title,
            quantity,
            self.scan.lateral_unit,
            away[kept],
            values[kept],
            curve,
            f"{words} {self._peak(curve, quantity)}",
        )

    def csv_text(self) -> str:
        """Return what is shown as CSV, in SI units."""
        lateral = self.scan.lateral_unit or "pixel"
        if self.view == "distance":
            view = self.distance_view()
            unit = "" if view.quantity is None else view.quantity.unit
            parts = [] if view.curve is None else [getattr(view.curve, name) for name in _OF_DISTANCE]
            titles = [Column(f"{view.title} {word}", unit) for word in ("median", "mean", "sd")]
            columns: list[Column | str] = [Column("distance", lateral), *titles, "n"]
            comment = ""
        else:
            shown = self.line_view()
            curves = [curve for group in shown.curves for curve in group]
            comment = shown.words
            columns = [Column("position", lateral)]
            parts = [curves[0].profile.position] if curves else []
            for curve in curves:
                columns += [Column(f"{curve.title}{word}", curve.quantity.unit) for word in ("", " sd")]
                parts += [curve.profile.mean, curve.profile.std]
                if curve.log_error is not None:
                    columns.append(f"ln {curve.title} standard error")
                    parts.append(curve.log_error)
        rows = list(zip(*(part.tolist() for part in parts), strict=True))
        head = Table("", "", [f"# {comment}"], []).csv() if comment else ""
        table = Table("", "", columns, rows).with_recipe(digest_of_maps(self.scan.maps))
        return head + table.csv(digits=DIGITS_COPIED)

    def _steps(self) -> list[Region]:
        """Return the regions that distances are counted from: the selected ones, else all steps, else the last line."""
        model = self.regions
        chosen = [model.regions[index] for index in sorted(model.selection)]
        steps = [region for region in model.regions if region.region_class == "step"]
        line = model.line_of_interest
        return chosen or steps or ([line] if line is not None else [])

    def _name_of(self, regions: list[Region]) -> str:
        return regions[0].name if len(regions) == 1 else f"the nearest of {len(regions)} regions"

    def _step(self, line: Region, fields: list[Field]) -> float:
        """Return one distance of samples for all quantities: half a pixel of the finest grid."""
        length = float(np.hypot(*np.diff(line.xy(), axis=0).T).sum())
        finest = min(min(grid.spacing) for grid in fields)
        return max(finest / 2, length / _MOST_SAMPLES)

    def _log_error(self, line: Region, quantity: Quantity, step: float) -> Array | None:
        """Return the standard error of the logarithm along a line, None where there is no map of it."""
        grid = self.book.error_of_log(quantity, self.pulse)
        if grid is None:
            return None
        along = profile_along(
            grid.values, line.xy(), grid.x, grid.y, width=line.width, step=step, spacing=grid.spacing
        )
        return along.mean

    def _width(self, profile: Profile, quantity: Quantity) -> StepWidth | None:
        """Return the width of the step; the same profile is not searched twice."""
        key = (quantity.key, profile.mean.tobytes(), profile.sample_width)
        if self._last_width is None or self._last_width[0] != key:
            self._last_width = (key, width_from_profile(profile))
        return self._last_width[1]

    def _width_in_words(self, width: StepWidth | None, quantity: Quantity, line: Region) -> str:
        title = self.title_of(quantity)
        if width is None:
            return f"No step stands out of the noise in {title} along {line.name}."
        shape = "strip" if width.kind == "ridge" else "edge"
        if not width.error < width.fwhm:
            return f"There is a {shape} in {title} along {line.name}, too blurred by noise to tell its width."
        size = text_with_error(width.fwhm, width.error, self.scan.lateral_unit or "px")
        averaged = f", averaged over {self._length(line.width)}" if line.width else ""
        return f"{shape.capitalize()} in {title}: FWHM {size} along {line.name}{averaged}."

    def _measure_in_words(self, line: Region) -> str:
        """Return how long a line is, its angle to the horizontal, and how far it goes up."""
        surface = self.book.topography()
        heights = np.zeros(0)
        if surface is not None:
            # A step as long as the line: both ends, and nothing between them.
            grid, length = self.book.field(surface, self.pulse), measure_of_line(line.xy()).length
            heights = _profile(line, surface, grid, length).mean
        found = measure_of_line(line.xy(), heights)
        words = (
            f"{sentence_begun(line.name)}: {self._length(found.length)}, {found.angle:.1f}° to the horizontal"
        )
        if surface is None or not np.isfinite(found.rise):
            return f"{words}."
        rise = text_from_quantity(found.rise, surface.unit, digits=3)
        if surface.unit == self.scan.lateral_unit:
            rise += f", a slope of {math.degrees(math.atan2(found.rise, found.length)):.2g}°"
        return f"{words}; {surface.title} {'+' if found.rise > 0 else ''}{rise}."

    def _length(self, value: float) -> str:
        return text_from_quantity(value, self.scan.lateral_unit or "px", digits=3)

    def _peak(self, curve: DistanceCurve, quantity: Quantity) -> str:
        good = np.isfinite(curve.median) & (curve.n >= 3)
        if not good.any():
            return ""
        top = int(np.flatnonzero(good)[np.argmax(curve.median[good])])
        value = text_with_error(float(curve.median[top]), math.nan, quantity.unit)
        return f"Highest median {value} at {self._length(float(curve.distance[top]))}."


def _profile(line: Region, quantity: Quantity, grid: Field, step: float) -> Profile:
    values = grid.values
    if quantity.many_decades:
        # The mean of logarithms: one fast pixel does not make the whole width fast.
        values = np.log10(values, out=np.full(values.shape, np.nan), where=values > 0)
    profile = profile_along(
        values, line.xy(), grid.x, grid.y, width=line.width, step=step, spacing=grid.spacing
    )
    if not quantity.many_decades:
        return profile
    return replace(profile, mean=10.0**profile.mean, std=np.full(profile.std.shape, np.nan))


def _grouped(curves: list[Curve]) -> list[list[Curve]]:
    """Put D1 and D2, tau1 and tau2, D and D lateral on one pair of axes: they are compared."""
    groups: dict[str, list[Curve]] = {}
    for curve in curves:
        name = curve.quantity.key
        stem = name.removesuffix("_lateral").rstrip("12") if curve.quantity.many_decades else name
        groups.setdefault(stem, []).append(curve)
    return list(groups.values())


def _nearest(distances: list[Array]) -> Array:
    """Return the distance of each pixel from the region that is nearest to it, with its sign."""
    stack = np.stack(distances)
    return np.asarray(np.take_along_axis(stack, np.abs(stack).argmin(axis=0)[None], axis=0)[0])
