"""The table of regions: what a quantity comes to in each region and each class, and steps against grains."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.evaluation.recipe import digest_of_maps
from napari_tesm.findings.comparison import NUMBERS, description_cells, description_columns
from napari_tesm.findings.table import DIGITS_COPIED, Column, Table
from napari_tesm.gui.layers.scan_layers import REGION_COLOURS
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.region_quantities import Field, Quantity, QuantityModel
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.regions.measures import comparison_of_steps, title_of_class
from napari_tesm.regions.shapes import Region, mask_from_region
from napari_tesm.regions.step_proposals import steps_from_images
from napari_tesm.statistics.description import Description, description_from_values

Mask = NDArray[np.bool_]

_SHOWN: Final = tuple(key for key in NUMBERS if key not in ("n_below", "n_above"))
"""The tab is narrow: what is lower or higher than can be told is a sentence of the histogram."""


@dataclass(frozen=True)
class RegionRow:
    """One line of the table.

    Parameters
    ----------
    index : int
        Place of the region in the list; -1 for the line of a whole class.
    name, region_class, kind : str
    width : float
        Of a line, in the lateral unit of the dataset.
    pixels : int
        How many pixels lie inside; none where the region is outside the image.
    values : Description or None
        Of the quantity, in its SI unit; None without a quantity.
    """

    index: int
    name: str
    region_class: str
    kind: str
    width: float
    pixels: int
    values: Description | None

    @property
    def colour(self) -> str:
        """Colour of the class, ``"#rrggbb"``."""
        return REGION_COLOURS.get(self.region_class, REGION_COLOURS["other"])


class RegionTable(QuantityModel):
    """What the regions of a scan come to.

    Parameters
    ----------
    scan : Scan
    """

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan)
        self.model = RegionModel.of(scan)
        self.key: str | None = None
        """The quantity that was chosen; None takes the best there is."""
        self._masks: dict[tuple[object, ...], Mask] = {}
        self._used: set[tuple[object, ...]] = set()

    @property
    def quantity(self) -> Quantity | None:
        """The quantity that is looked at."""
        return self.book.quantity(self.key)

    def field(self) -> Field | None:
        """Return the values of the quantity, None without one."""
        quantity = self.quantity
        return None if quantity is None else self.book.field(quantity, self.pulse)

    def mask(self, region: Region, field: Field) -> Mask:
        """Return which pixels of a field lie in a region, shape (y, x)."""
        key = (field.grid, region.kind, region.vertices, region.width)
        self._used.add(key)
        if key not in self._masks:
            self._masks[key] = mask_from_region(region, field.x, field.y, spacing=field.spacing)
        return self._masks[key]

    def mask_of(self, indices: Iterable[int], field: Field) -> Mask:
        """Return which pixels lie in any of these regions; a pixel in two of them counts once."""
        inside = np.zeros(field.values.shape, dtype=bool)
        for index in indices:
            inside |= self.mask(self.model.regions[index], field)
        return inside

    def mask_of_class(self, region_class: str, field: Field) -> Mask:
        """Return which pixels lie in any region of a class."""
        regions = self.model.regions
        return self.mask_of(
            (i for i, region in enumerate(regions) if region.region_class == region_class), field
        )

    def rows(self) -> list[RegionRow]:
        """Return a line for each region, in the order drawn, and one for each class that has several."""
        field = self.field()
        self._used = set()
        rows = []
        for index, region in enumerate(self.model.regions):
            inside = None if field is None else self.mask(region, field)
            place = (index, region.name, region.region_class, region.kind, region.width)
            rows.append(RegionRow(*place, *_measured(inside, field)))
        for name in self.model.classes:
            count = sum(region.region_class == name for region in self.model.regions)
            if count < 2:
                continue  # the line would only say again what the region's own says
            inside = None if field is None else self.mask_of_class(name, field)
            place = (-1, title_of_class(name, count), name, "", 0.0)
            rows.append(RegionRow(*place, *_measured(inside, field)))
        # Masks of shapes as they were before a drag are of no use any more.
        self._masks = {key: mask for key, mask in self._masks.items() if key in self._used}
        return rows

    def comparison(self) -> str:
        """Return steps against grains in a sentence, or against all the rest where no grain is drawn; empty without."""
        quantity, field = self.quantity, self.field()
        if quantity is None or field is None or "step" not in self.model.classes:
            return ""
        masks = {name: self.mask_of_class(name, field) for name in self.model.classes}
        try:
            comparison = comparison_of_steps(field.limited, masks, many_decades=quantity.many_decades)
        except ValueError as error:
            return sentence_for_forms(error)
        return comparison.sentence_about(self.title_of(quantity))

    def propose_steps(self) -> str:
        """Find steps, add them as regions, and return in a sentence what was found.

        Raises
        ------
        ValueError
            If there is no image in which steps could be found.
        """
        book = self.book
        heights, errors = book.topography(), book.deflection_error()
        first = heights or errors
        if first is None:
            raise ValueError("steps are found in topography or deflection error, and this scan has neither")
        ground = book.field(first)
        topography = None if heights is None else ground.values
        deflection = None
        if errors is not None:
            other = book.field(errors)
            # An error signal on another grid says nothing about the pixels of this one.
            deflection = other.values if other.grid == ground.grid else None
        used = [
            channel.title
            for channel, image in ((heights, topography), (errors, deflection))
            if channel and image is not None
        ]
        steps = steps_from_images(topography, deflection, x=ground.x, y=ground.y, spacing=ground.spacing)
        source = " and ".join(used)
        if not steps:
            return f"no step stands out in {source}: draw it by hand"
        self.model.add(steps)
        count = "one step" if len(steps) == 1 else f"{len(steps)} steps"
        return f"{count} found in {source}; Ctrl+Z takes them back"

    def table(self, rows: Sequence[RegionRow]) -> Table:
        """Return rows as the table that is shown, copied and saved."""
        quantity = self.quantity
        unit, title = ("", "") if quantity is None else (quantity.unit, f"{self.title_of(quantity)} ")
        lateral = self.scan.lateral_unit or "pixel"
        count, *measured = [column for column in description_columns(unit) if column.key in _SHOWN]
        columns: list[Column | str] = [
            "name", "class", "kind", Column("width", lateral), "pixels",
            replace(count, title="n ok"),
            *(replace(c, title=f"{title}{'sd' if c.key == 'std' else c.key}") for c in measured),
        ]  # fmt: skip
        return Table("", "", columns, [_cells(row) for row in rows])

    def csv_text(self) -> str:
        """Return the table for a file, in SI units, with the recipe that its maps were made with in every row."""
        recipe = digest_of_maps(self.scan.maps)
        return self.table(self.rows()).with_recipe(recipe).csv(digits=DIGITS_COPIED)

    def separated_text(self, separator: str = "\t") -> str:
        """Return the table as text that a spreadsheet takes, all numbers in SI units."""
        return self.table(self.rows()).csv(separator=separator, digits=DIGITS_COPIED)


def _cells(row: RegionRow) -> list[Any]:
    numbers = [None] * len(_SHOWN) if row.values is None else description_cells(row.values)[: len(_SHOWN)]
    width = row.width if row.kind else None
    return [row.name, row.region_class, row.kind or "class", width, row.pixels, *numbers]


def _measured(inside: Mask | None, field: Field | None) -> tuple[int, Description | None]:
    if inside is None or field is None:
        return 0, None
    return int(inside.sum()), description_from_values(field.limited[inside])
