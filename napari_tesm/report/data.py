"""What the sections of a report draw on: scans, what the report found in them by itself, and what was asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import JOINT, map_name, values_of
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.fits import FittedTrace, curves_from_maps, fits_of_traces
from napari_tesm.evaluation.instrument import Instrument, instrument_from_maps
from napari_tesm.evaluation.places import traces_at
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.settings import Settings
from napari_tesm.regions.shapes import Region
from napari_tesm.scan import Scan
from napari_tesm.series import (
    VOLTAGE,
    Abscissa,
    AlignedSeries,
    Series,
    aligned_series,
    images_of_pulses,
    series_from_results,
)

Array = NDArray[np.float64]
LATERAL: Final = frozenset({map_name("D", JOINT), "D_lateral", "log_D_lateral_stderr", "misfit_lateral"})
"""Maps without which nothing is shown of an inversion."""
PAPER_VOLTAGE: Final = -3.0
"""Of the pulse on the way back, in V: the setting that the paper's maps are of."""


@dataclass(frozen=True)
class InputFile:
    """A file that a report was made from.

    Parameters
    ----------
    name : str
        Without its folder.
    sha256 : str
        Of its content; empty where there is no file.
    role : str
        "scan", "control" or "cycling".
    """

    name: str
    sha256: str
    role: str = "scan"


@dataclass(eq=False, repr=False, kw_only=True)
class ReportScan(Scan):
    """A scan of a report, its traces with time 0 at the start of the pulse; `name` is what it is called there.

    Parameters
    ----------
    file : InputFile
    regions_proposed, points_chosen : bool
        Whether the report found them by itself; texts have to say so.
    points_on_step : tuple of int
        Numbers of those points that were chosen on the step, the others beside it; empty where somebody else pinned
        them.
    maps_from_file : bool
        Whether the maps are those of an earlier fit, taken as they are.
    inverted : Dataset, optional
        Maps of an inversion with lateral diffusion that are not those of `maps`: made with another kernel, or earlier.
    regions_of : str
        Name of the scan whose regions these are, moved by the drift between the two; empty where they are its own.
    """

    file: InputFile
    regions_proposed: bool = False
    points_chosen: bool = False
    points_on_step: tuple[int, ...] = ()
    maps_from_file: bool = False
    inverted: xr.Dataset | None = None
    regions_of: str = ""

    @property
    def pulsed(self) -> xr.Dataset | None:
        """What has the dimension `pulse`: the maps, which know voltages that the recipe has put in, else the traces."""
        return self.dataset if self.maps is None else self.maps

    @property
    def main_pulse(self) -> int:
        """Index of the pulse that figures of a single pulse show: the paper's -3 V, else the nearest to it."""
        away = np.abs(self.voltages - PAPER_VOLTAGE)
        return int(np.nanargmin(away)) if np.isfinite(away).any() else 0

    @property
    def polarity_pair(self) -> tuple[int, int] | None:
        """Indices of a positive and a negative pulse of one size, the ones nearest to 3 V; None where there is none."""
        volts = self.voltages
        pairs = [
            (abs(first - abs(PAPER_VOLTAGE)), index, other)
            for index, first in enumerate(volts)
            for other, second in enumerate(volts)
            if first > 0 and np.isclose(first, -second, rtol=1e-3)
        ]
        return min(pairs)[1:] if pairs else None

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """The evaluation of the traces; None where they cannot be fitted."""
        if self.dataset is None:
            return None
        try:
            # Neither matters for them: the traces are turned already, or could not be.
            recipe = replace(self.recipe, phase_rotation=None, voltage=None)
            evaluation = Evaluation.of(self.dataset, recipe)
            _ = evaluation.settings
        except ValueError:
            return None
        return evaluation

    @property
    def settings(self) -> Settings | None:
        """Windows, kernel and length l of D of the traces; None where they cannot be fitted."""
        return None if self.evaluation is None else self.evaluation.settings

    @cached_property
    def instrument(self) -> Instrument | None:
        """The noise and the nuisances that the maps were made with; None where they or the traces do not say."""
        if self.maps is None or self.evaluation is None:
            return None
        return instrument_from_maps(self.maps, self.evaluation)

    @property
    def time(self) -> Array:
        """Times of the samples, in s; none without traces."""
        return (
            np.zeros(0) if self.dataset is None else np.asarray(self.dataset["time"].values, dtype=np.float64)
        )

    @property
    def pulse_edges(self) -> tuple[float, float] | None:
        """When the voltage was on, in s; None where its start or its end is not known."""
        return None if self.settings is None else self.settings.pulse_edges

    @property
    def titles_of_traces(self) -> list[str]:
        """What the traces of each pulse setting are called in the file; none without traces."""
        return [] if self.dataset is None else [str(title) for title in self.dataset.attrs.get("traces", [])]

    @property
    def steps(self) -> list[Region]:
        """Regions of the class "step"."""
        return [region for region in self.regions if region.region_class == "step"]

    @property
    def lateral(self) -> xr.Dataset | None:
        """Maps that hold D with lateral diffusion taken out, beside those of each pixel by itself; None without any."""
        held = (maps for maps in (self.maps, self.inverted) if maps is not None)
        return next((maps for maps in held if set(maps) >= LATERAL), None)

    def forget_maps(self) -> None:
        """Let go of maps that are to be made anew, all but D with lateral diffusion taken out."""
        self.inverted, self.maps = self.lateral, None

    def surfaces(self) -> dict[str, xr.DataArray]:
        """Return topography and deflection error by their plain names, as far as they are there."""
        surfaces = {
            "topography": self.surface("topography"),
            "deflection error": self.surface("deflection_error"),
        }
        return {name: image for name, image in surfaces.items() if image is not None}

    def map(self, name: str, pulse: int) -> Array | None:
        """Return a map of one pulse setting as `napari_tesm.data.maps.values_of` does; None where it is not there."""
        if self.maps is None or name not in self.maps:
            return None
        return values_of(self.maps, name, pulse)

    def pixel_at(self, x: float, y: float) -> tuple[int, int]:
        """Return row and column of the pixel nearest to a position."""
        return int(np.abs(self.y - y).argmin()), int(np.abs(self.x - x).argmin())

    def covers(self, x: float, y: float) -> bool:
        """Whether a position lies on one of the scan's pixels."""
        dy, dx = self.spacing
        sides = ((self.x, x, dx), (self.y, y, dy))
        return all(axis.min() - step / 2 <= at <= axis.max() + step / 2 for axis, at, step in sides)

    def trace_at(self, pulse: int, row: int, column: int, *, size: int = 1) -> Array:
        """Return the mean trace of the valid of `size` × `size` pixels, shape (time,)."""
        assert self.dataset is not None
        mean = traces_at(self.dataset, (row, column), size=size, maps=self.maps).mean
        return np.asarray(mean[pulse])

    def fit_at(self, pulse: int, row: int, column: int, *, size: int) -> FittedTrace | None:
        """Return the fit of the mean trace of a neighbourhood, as a run would make it; None without a recipe."""
        if self.dataset is None or self.evaluation is None:
            return None
        threshold = 0.0
        if self.maps is not None and "threshold" in self.maps.coords:
            threshold = float(np.nan_to_num(self.maps["threshold"].values[pulse]))
        trace = self.trace_at(pulse, row, column, size=size)[None]
        return fits_of_traces(
            trace, self.evaluation, thresholds=threshold, instrument=self.instrument, pulses=[pulse]
        )[0]

    def fitted_curves(self, pulse: int, row: int, column: int) -> list[tuple[Array, Array]]:
        """Return time and values of the curves fitted to the trace of one pixel, one for each window with a result."""
        if self.dataset is None or self.settings is None or self.maps is None:
            return []
        here = self.maps.isel(pulse=pulse, y=row, x=column)
        return list(curves_from_maps(here, self.settings, self.time).values())

    def value_at(self, name: str, pulse: int, row: int, column: int) -> float:
        """Return a map's value in one pixel, hot or not; NaN where there is none."""
        if self.maps is None or name not in self.maps:
            return float("nan")
        return float(self.maps[name].isel(pulse=pulse, y=row, x=column))


@dataclass(eq=False)
class ReportData:
    """Everything a report is made from.

    Parameters
    ----------
    scans : sequence of ReportScan
        What the report is about, in the order in which it was given: one scan, or the files of a series.
    controls : sequence of ReportScan
        Where no or little response is expected.
    cycling : sequence of path
        CSV files of capacity against voltage.
    recipe : Recipe
        The one recipe of all fits.
    title : str
    files : sequence of InputFile
        Of all of these, once each.
    notes : list of str
        Sentences about the files as such.
    origins : dict of str to str, optional
        Where the recipe's fields come from, from `napari_tesm.findings.parameters.origins_from_recipes`.
    abscissa : Abscissa
        What series go by.
    values : mapping of str to float
        Of another abscissa than the voltage, by the names of the scans.
    """

    scans: Sequence[ReportScan]
    controls: Sequence[ReportScan] = ()
    cycling: Sequence[Path] = ()
    recipe: Recipe = field(default_factory=Recipe)
    title: str = "t-ESM report"
    files: Sequence[InputFile] = ()
    notes: list[str] = field(default_factory=list)
    origins: dict[str, str] | None = None
    abscissa: Abscissa = VOLTAGE
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def main(self) -> ReportScan:
        """The scan that figures of a single scan show: of those with maps the one with the pulse nearest to -3 V."""
        fitted = [scan for scan in self.scans if scan.maps is not None]
        return min(fitted, key=_away_from_paper) if fitted else self.scans[0]

    @cached_property
    def series(self) -> list[Series]:
        """The scans with an H by polarity and scan direction, also where there is one voltage only."""
        scans = [scan for scan in self.scans if scan.maps is not None and "H" in scan.maps]
        return series_from_results(
            [scan.maps for scan in scans if scan.maps is not None],
            images=[images_of_pulses(scan.images, scan.titles_of_traces, scan.pulses) for scan in scans],
            names=[scan.name for scan in scans],
            abscissa=self.abscissa,
            values=[self.values.get(scan.name, float("nan")) for scan in scans],
        )

    @cached_property
    def aligned(self) -> list[AlignedSeries]:
        """The series of two or more voltages, each laid on the main scan where that belongs to it."""
        made = []
        for series in self.series:
            if series.levels.size < 2:
                continue
            with_values = [i for i, m in enumerate(series.members) if np.isfinite(m.values("H")).any()]
            of_main = [i for i in with_values if series.members[i].source == self.main.name]
            made.append(aligned_series(series, reference=(of_main or with_values or [0])[0]))
        return made

    def scan_named(self, name: str) -> ReportScan | None:
        """Return the first scan of a name."""
        return next((scan for scan in self.scans if scan.name == name), None)

    @property
    def settings_of_series(self) -> list[tuple[ReportScan, int]]:
        """Every pulse setting of every scan with maps, as (scan, index of the pulse), in order."""
        return [(scan, pulse) for scan in self.scans if scan.maps is not None for pulse in range(scan.pulses)]


def _away_from_paper(scan: ReportScan) -> float:
    away = np.abs(scan.voltages - PAPER_VOLTAGE)
    distances = away[np.isfinite(away)]
    return float(distances.min()) if distances.size else float("inf")
