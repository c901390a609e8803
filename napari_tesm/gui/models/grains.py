"""Grains of a scan, without widgets: where they are looked for and how, and what maps come to at their boundaries."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from psygnal import Signal

from napari_tesm.data.maps import labels_from_maps, values_of
from napari_tesm.evaluation.recipe import digest_of_maps
from napari_tesm.findings.table import Table
from napari_tesm.grains import (
    Boundaries,
    DistanceBins,
    GrainMeasure,
    GrainRow,
    Grains,
    GrainSettings,
    curve_from_boundary,
    defect_candidates,
    grains_from_image,
    grains_from_labels,
    table_of_grains,
)
from napari_tesm.grains.measures import default_bin_width, measure_at_boundaries
from napari_tesm.gui.models.companion import ScanModel
from napari_tesm.gui.models.display import LENGTHS
from napari_tesm.gui.models.region_quantities import QuantityBook
from napari_tesm.gui.models.regions import free_name
from napari_tesm.gui.models.scan import Scan
from napari_tesm.io.label_images import labels_from_file
from napari_tesm.regions.measures import QUANTITIES
from napari_tesm.scan.scan import WORDS_OF_SURFACE
from napari_tesm.scan.tables import table_of_grain_rows, table_of_grain_values

Array = NDArray[np.float64]
ArrayWithName = tuple[str, NDArray[Any]]

NO_SCAN = "Open a scan to look for grains."
NO_GRAINS = "Choose an image and press Segment; the labels can then be edited with napari's own tools."


class GrainModel(ScanModel):
    """Grains of one scan.

    Parameters
    ----------
    scan : Scan
    """

    changed = Signal()

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan)
        self.settings = GrainSettings()
        self.source = min(scan.images, key=_rank, default="")
        self.quantity = ""
        self.pulse = 0
        self.message = ""
        self._boundaries: tuple[tuple[Any, ...], Boundaries | None] | None = None

    @property
    def length(self) -> tuple[float, str]:
        """Factor and name of the unit that lengths are entered in: nm where the scan is in m."""
        display = self.scan.display
        return (1e-9, "nm") if display.unit in LENGTHS else (display.factor, display.unit)

    @property
    def area(self) -> float:
        """Area of the scan, in the square of the dataset's unit."""
        rows, columns = self.scan.display.shape
        return abs(rows * self.scan.spacing[0] * columns * self.scan.spacing[1])

    def choose(self, **values: Any) -> None:
        """Change what is asked for: `source`, `quantity`, `pulse`, or fields of the settings.

        Raises
        ------
        ValueError
            If a setting makes no sense.
        """
        own = {name: values.pop(name) for name in ("source", "quantity", "pulse") if name in values}
        settings = replace(self.settings, **values)
        self.settings = settings
        for name, value in own.items():
            setattr(self, name, value)
        self.changed.emit()

    @property
    def asked(self) -> tuple[Any, ...]:
        """What the grains are looked for in, and how: equal as long as the same ones would be found."""
        return self.source, self.settings, id(self.scan), id(self.scan.dataset)

    def segmented(self, *_: Any) -> Grains:
        """Return the grains of the chosen image; slow, and touches nothing: a thread may run it.

        Raises
        ------
        ValueError
            If there is no image, or none can be found in it.
        """
        images = self.scan.images
        if self.source not in images:
            raise ValueError("there is no image on the grid of the traces: load labels instead")
        image = images[self.source]
        return grains_from_image(
            image.values,
            self.scan.spacing,
            self.settings,
            source=self.source,
            unit=str(image.attrs.get("units", "")),
            lateral_unit=self.scan.lateral_unit,
        )

    def labels_from(self, source: Path | ArrayWithName) -> Grains:
        """Return the grains of a label image: a file, or a pair of name and array."""
        shape = (self.scan.grid.sizes["y"], self.scan.grid.sizes["x"])
        if isinstance(source, tuple):
            name, values = source
        else:
            name, values = source.name, labels_from_file(source, shape)
        if values.shape != shape:
            raise ValueError(f"'{name}' and the scan differ in size")
        return grains_from_labels(values, self.scan.spacing, source=name)

    def maps(self) -> xr.Dataset | None:
        """Return the results of the scan, or H of its traces."""
        return QuantityBook.of(self.scan).maps()

    def quantities(self) -> list[str]:
        """Return the quantities that can be measured: D before tau, as it is what one asks for."""
        maps = self.maps()
        order = ("D_lateral", "D2", "D", "D1", "H", "tau2", "tau", "tau1")
        return [] if maps is None else [name for name in order if name in maps and name in QUANTITIES]

    def chosen(self) -> str:
        """Return the quantity that is looked at; empty where there is none."""
        names = self.quantities()
        return self.quantity if self.quantity in names else next(iter(names), "")

    def chosen_pulse(self) -> int:
        """Return the pulse setting that is looked at."""
        maps = self.maps()
        return 0 if maps is None else min(self.pulse, maps.sizes["pulse"] - 1)

    def boundaries(self) -> Boundaries | None:
        """Return the boundaries of the present grains."""
        scan = self.scan
        state = (scan.grains, scan.band_width, tuple(scan.regions), scan.maps)
        if self._boundaries is None or any(
            a is not b and not (isinstance(a, (tuple, float)) and a == b)
            for a, b in zip(self._boundaries[0], state, strict=True)
        ):
            self._boundaries = (state, scan.grain_boundaries())
        return self._boundaries[1]

    def measure(self) -> GrainMeasure | None:
        """Return what the chosen quantity comes to at boundaries and inside."""
        maps, boundaries, name = self.maps(), self.boundaries(), self.chosen()
        if maps is None or boundaries is None or not name:
            return None
        pulse = self.chosen_pulse()
        unit = str(maps[name].attrs.get("units", ""))
        label = labels_from_maps(maps)[pulse]
        return measure_at_boundaries(
            values_of(maps, name, pulse), boundaries, name, unit, label, pulse, logarithmic=name != "H"
        )

    def values(self) -> Array | None:
        """Return the map that is looked at, shape (y, x)."""
        maps, name = self.maps(), self.chosen()
        return None if maps is None or not name else values_of(maps, name, self.chosen_pulse())

    def curve(self) -> DistanceBins | None:
        """Return the chosen quantity against the distance from the nearest boundary."""
        values, boundaries = self.values(), self.boundaries()
        if values is None or boundaries is None:
            return None
        width = default_bin_width(self.scan.spacing)
        return curve_from_boundary(values, boundaries, bin_width=width, logarithmic=self.chosen() != "H")

    def rows(self) -> list[GrainRow]:
        """Return the table of grains."""
        boundaries = self.boundaries()
        if self.scan.grains is None or boundaries is None:
            return []
        return table_of_grains(self.scan.grains, boundaries, self.maps(), topography=self.topography())

    def topography(self) -> Array | None:
        """Return the topography of the scan's grid."""
        image = self.scan.surface("topography")
        return None if image is None else np.asarray(image.values, dtype=np.float64)

    def set_class(self, number: int, name: str) -> None:
        """Call a label a grain, a cluster or a defect."""
        if self.scan.grains is not None:
            self.scan.set_grains(self.scan.grains.with_class(number, name))

    def propose_defects(self) -> int:
        """Draw particles and holes that nobody has drawn yet as regions of class defect, and return how many."""
        topography = self.topography()
        if topography is None:
            self.message = "Defects are told by their height: there is no topography on this grid."
            self.changed.emit()
            return 0
        scan = self.scan
        candidates = defect_candidates(topography, scan.x, scan.y, spacing=scan.spacing)
        boundaries = self.boundaries()
        taken = np.zeros(topography.shape, dtype=bool) if boundaries is None else boundaries.mask("defect")
        new = [candidate for candidate in candidates if not taken[candidate.mask].any()]
        regions = list(self.scan.regions)
        for candidate in new:
            name = free_name(candidate.kind, {region.name for region in regions})
            regions.append(replace(candidate.region, name=name))
        words = "particle or hole stands" if len(new) == 1 else "particles and holes stand"
        self.message = f"{len(new) or 'No'} {words} out of the surface" + (
            ": regions of class defect, delete those that are none." if new else "."
        )
        self.scan.set_regions(regions)
        self.changed.emit()
        return len(new)

    def table(self) -> Table:
        """Return the table of grains with all quantities of all pulse settings, as it is shown and saved.

        The keys of a quantity are made by `value_key`.
        """
        maps, rows = self.maps(), self.rows()
        table = table_of_grain_rows(rows, lateral_unit=self.scan.lateral_unit, height_unit="m")
        values = []
        for pulse in range(0 if maps is None else maps.sizes["pulse"]):
            for name in (name for name in QUANTITIES if maps is not None and name in maps):
                unit = "" if maps is None else str(maps[name].attrs.get("units", ""))
                key = self.value_key("{}", name, pulse)
                values.append(table_of_grain_values(rows, name, pulse, unit, key=key))
        return table.beside(*values)

    def value_key(self, key: str, quantity: str, pulse: int) -> str:
        """Return the key of a column of the table, such as ``"D2 (-3 V) median"``."""
        maps = self.maps()
        return f"{quantity} {'' if maps is None else labels_from_maps(maps)[pulse]} {key}"

    def csv_text(self) -> str:
        """Return the table of grains as CSV, in SI units."""
        table = self.table()
        left_out = ("pixels", "x", "y")
        keys = [key for key in table.keys if key not in left_out and not key.endswith(" iqr")]
        return table.select(keys).with_recipe(digest_of_maps(self.scan.maps)).csv(for_programs=True)


def _rank(title: str) -> int:
    """Return where an image of this title stands where grains are looked for: topography, deflection error, others."""
    kinds = [any(word in title.lower() for word in words) for words in WORDS_OF_SURFACE.values()]
    return [*kinds, True].index(True)
