"""Distributions of a quantity over the whole map, its regions or its classes (Fig. 8), without a screen."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.evaluation.recipe import digest_of_maps
from napari_tesm.findings.table import DIGITS_COPIED, Column, Table
from napari_tesm.gui.layers.scan_layers import REGION_COLOURS
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.histogram_nulls import NullMarks, NullOutcome, NullWork, ScanNulls
from napari_tesm.gui.models.region_quantities import Field, Quantity, QuantityModel
from napari_tesm.gui.models.region_table import RegionTable
from napari_tesm.gui.models.scan import Scan
from napari_tesm.model_choice.histograms import RATIO, ratios_of_maps
from napari_tesm.plotting.theme import colour_of_point, mixed
from napari_tesm.quantities.scaling import scaling_of
from napari_tesm.statistics.description import (
    Estimate,
    Scale,
    description_from_values,
    histograms_from_values,
    sentence_about_limits,
)
from napari_tesm.statistics.modes import Patchwork, mode_from_map, patchwork_from_map
from napari_tesm.statistics.ratios import AS_ONE_REGION

Array = NDArray[np.float64]

PAIRS: Final = {"D1 and D2": ("D1", "D2"), "tau1 and tau2": ("tau1", "tau2")}
SPLITS: Final = {"map": "Map", "regions": "Regions", "classes": "Classes"}
_MOST: Final = 6
"""Distributions in one plot; more cannot be told apart."""
_MOST_PATCHWORKS: Final = 64


@dataclass(frozen=True)
class Sample:
    """Values of one place that are counted together.

    Parameters
    ----------
    label : str
    colour : str
        ``"#rrggbb"``; empty for the colours of the plot.
    values : ndarray
        Finite ones, in SI units.
    field : ndarray, shape (y, x)
        The map they come from.
    inside : ndarray of bool, shape (y, x)
        Where.
    key : str
        Of the map.
    """

    label: str
    colour: str
    values: Array
    field: Array
    inside: NDArray[np.bool_]
    key: str


@dataclass(frozen=True)
class HistogramView:
    """What a plot of histograms shows.

    Parameters
    ----------
    name, unit : str
        What the axis measures, in SI units.
    scale : {"linear", "log"}
    edges : ndarray, shape (bin + 1,)
    samples : list of Sample
    counts : list of ndarray
    modes : list of Estimate or None
    message : str
        Why there is nothing, or not all, in a sentence.
    nulls : NullMarks
        What pure diffusion would have shown.
    """

    name: str = ""
    unit: str = ""
    scale: Scale = "linear"
    edges: Array = field(default_factory=lambda: np.zeros(0))
    samples: list[Sample] = field(default_factory=list)
    counts: list[NDArray[np.int64]] = field(default_factory=list)
    modes: list[Estimate | None] = field(default_factory=list)
    rule: str = ""
    message: str = ""
    nulls: NullMarks = field(default_factory=NullMarks)

    def words(self) -> str:
        """Return the modes with their intervals in a sentence."""
        scaling = scaling_of([mode.value for mode in self.modes if mode is not None], self.unit)
        parts = []
        for sample, mode in zip(self.samples, self.modes, strict=True):
            if mode is None:
                parts.append(f"{sample.label} too few values")
            else:
                interval = f"{scaling.text(mode.low)}…{scaling.text(mode.high)}"
                interval = interval if mode.has_interval else AS_ONE_REGION
                parts.append(f"{sample.label} {scaling.text(mode.value)} ({interval})")
        bins = "logarithmic" if self.scale == "log" else "linear"
        unit = f" {scaling.unit}" if scaling.unit else ""
        times = " ×" if unit.startswith(" 10") else ""
        return f"Mode (95 %), {bins} scale: {', '.join(parts)}{times}{unit}."


class HistogramModel(QuantityModel):
    """Which distributions are looked at, and what they are.

    Parameters
    ----------
    scan : Scan
    """

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan)
        self.choice: str | None = None
        """A pair, ``"D1 and D2"``, or the key of a quantity; None takes the best there is."""
        self.split = "map"
        self.scale: Scale | None = None
        """None takes what suits the quantity."""
        self.with_nulls = True
        """Whether what pure diffusion shows stands beside D1, D2 and D2/D1."""
        self.selected: tuple[float, float] | None = None
        """Range of values that is looked at, in SI units."""
        self._nulls = ScanNulls.of(scan)
        self._patchworks: tuple[object, dict[tuple[str, int, Scale], Patchwork]] = (None, {})

    def choices(self) -> list[tuple[str, str]]:
        """Return title and key of everything whose distribution can be shown, pairs first."""
        quantities = self.book.quantities()
        keys = {quantity.key for quantity in quantities}
        pairs = [(title, title) for title, names in PAIRS.items() if keys.issuperset(names)]
        if keys.issuperset(("D1", "D2")):
            pairs.append((RATIO, RATIO))
        return pairs + [(quantity.title, quantity.key) for quantity in quantities]

    def chosen(self) -> str | None:
        """Return the key of what is looked at, None where nothing is known."""
        keys = [key for _, key in self.choices()]
        if self.choice in keys:
            return self.choice
        best = self.book.quantity(None)
        if keys and keys[0] in PAIRS:
            return keys[0]
        return None if best is None else best.key

    def choose(self, choice: str | None = None, **choices: Any) -> None:
        """Look at something else; what is None stays as it is. Another quantity gets the scale that suits it."""
        if choice in (None, self.chosen()):
            super().choose(**choices)
        else:
            self.scale = self.selected = None
            super().choose(choice=choice, **choices)

    def quantities(self) -> list[Quantity]:
        """Return the quantity that is looked at, or the two of a pair."""
        chosen = self.chosen()
        if chosen is None:
            return []
        if chosen == RATIO:
            return [Quantity(RATIO, RATIO, "", by_pulse=True, many_decades=True)]
        named = [self.book.quantity(name) for name in PAIRS.get(chosen, (chosen,))]
        return [quantity for quantity in named if quantity is not None]

    def present_scale(self) -> Scale:
        """Return the scale of the bins: as chosen, else logarithmic for what spreads over decades."""
        if self.scale is not None:
            return self.scale
        return "log" if any(quantity.many_decades for quantity in self.quantities()) else "linear"

    def view(self) -> HistogramView:
        """Return the histograms as they are now."""
        quantities, scale = self.quantities(), self.present_scale()
        if not quantities:
            return HistogramView(
                message="There is nothing to count: fit the traces, or open a scan with images."
            )
        samples, message = self._samples(quantities)
        used = [sample for sample in samples if sample.values.size]
        if scale == "log" and used and not any((sample.values > 0).any() for sample in used):
            scale, message = "linear", "No value is positive: the bins are linear."
        name, unit = _name_of(quantities), quantities[0].unit
        if not used:
            return HistogramView(name, unit, scale, message=message or self._why_nothing(quantities))
        try:
            histograms = histograms_from_values(
                {str(number): sample.values for number, sample in enumerate(used)}, scale=scale
            )
        except ValueError as error:
            return HistogramView(name, unit, scale, message=sentence_for_forms(error))
        left_out = sum(histograms.left_out.values())
        if left_out:
            message = (
                f"{left_out} values that are not positive are left out of logarithmic bins. {message}".strip()
            )
        return HistogramView(
            name,
            unit,
            scale,
            histograms.edges,
            used,
            [histograms.counts[str(number)] for number in range(len(used))],
            [self._mode(sample, scale) for sample in used],
            histograms.rule,
            message,
            self._nulls.marks([quantity.key for quantity in quantities], self.pulse)
            if self.with_nulls
            else NullMarks(),
        )

    def select(self, low: float, high: float) -> None:
        """Look at the pixels whose value lies in a range, in SI units; of no width: at none."""
        self.selected = (low, high) if high > low else None
        self.changed.emit()

    def selected_pixels(self) -> NDArray[np.bool_] | None:
        """Return which pixels have a value in the range, in the places that are counted; None without a range."""
        if self.selected is None:
            return None
        low, high = self.selected
        inside = [
            sample.inside & (sample.field >= low) & (sample.field <= high)
            for sample in self._samples(self.quantities())[0]
            if sample.field.shape == self.scan.display.shape
        ]
        return np.logical_or.reduce(inside) if inside else None

    def _mode(self, sample: Sample, scale: Scale) -> Estimate | None:
        """Return the mode of a sample; how alike neighbours are is found once for each map."""
        fitted, patchworks = self._patchworks
        if fitted is not self.scan.maps or len(patchworks) > _MOST_PATCHWORKS:
            patchworks = {}
            self._patchworks = (self.scan.maps, patchworks)
        key = (sample.key, self.pulse, scale)
        if key not in patchworks:
            patchworks[key] = patchwork_from_map(sample.field, scale=scale)
        return mode_from_map(sample.field, mask=sample.inside, scale=scale, patchwork=patchworks[key])

    def waiting_nulls(self) -> NullWork | None:
        """Return what has to be computed beside the window before pure diffusion can be shown; None if nothing has."""
        return self._nulls.waiting() if self.with_nulls and self.has_nulls() else None

    def take_nulls(self, work: NullWork, outcome: NullOutcome) -> None:
        """Take over what was computed beside the window."""
        self._nulls.take(work, outcome)
        self.changed.emit()

    def has_nulls(self) -> bool:
        """Whether what is looked at can be compared with pure diffusion: D1, D2 or their ratio."""
        return any(quantity.key in ("D1", "D2", RATIO) for quantity in self.quantities())

    def csv_text(self) -> str:
        """Return the bins as CSV, in SI units: a line of edges and counts for each bin."""
        view = self.view()
        comments = [
            [
                f"# {sample.label}", f"n = {sample.values.size}",
                "" if mode is None else f"mode {mode.value:.6g}"
                + (f", 95 % {mode.low:.6g} to {mode.high:.6g}" if mode.has_interval else f" {AS_ONE_REGION}")
                + f" ({view.unit})" * bool(view.unit),
            ]
            for sample, mode in zip(view.samples, view.modes, strict=True)
        ]  # fmt: skip
        edges = view.edges.tolist()
        rows = list(zip(edges[:-1], edges[1:], *(counts.tolist() for counts in view.counts), strict=True))
        columns: list[Column | str] = [
            Column("from", view.unit),
            Column("to", view.unit),
            *(sample.label for sample in view.samples),
        ]
        head = "".join(Table("", "", comment, []).csv() for comment in comments)
        table = Table("", "", columns, rows).with_recipe(digest_of_maps(self.scan.maps))
        return head + table.csv(digits=DIGITS_COPIED)

    def _samples(self, quantities: list[Quantity]) -> tuple[list[Sample], str]:
        places = self._places()
        if not places:
            what = "region" if self.split == "regions" else "class"
            return [], f"No {what} is drawn yet: draw some in the tab Regions."
        samples, said = [], []
        for label, colour, indices in places:
            for number, quantity in enumerate(quantities):
                grid = self._field(quantity)
                inside = ~np.isnan(grid.limited)
                if indices is None:
                    words = self.title_of(quantity)
                else:
                    inside &= RegionTable.of(self.scan).mask_of(indices, grid)
                    words = f"{quantity.title}, {label}" if len(quantities) > 1 else label
                shade = (
                    mixed(colour, "#808080", 0.6)
                    if colour and number == 0 and len(quantities) > 1
                    else colour
                )
                values = grid.values[inside & np.isfinite(grid.values)]
                samples.append(Sample(words, shade, values, grid.limited, inside, quantity.key))
                if limits := sentence_about_limits(description_from_values(grid.limited[inside])):
                    said.append(f"{words}: {limits}.")
        if len(samples) > _MOST:
            return samples[
                :_MOST
            ], f"The first {_MOST} of {len(samples)} are shown: select the regions to look at."
        return samples, " ".join(said)

    def _field(self, quantity: Quantity) -> Field:
        """Return the values of a quantity; of D2/D1 where both are known."""
        if quantity.key != RATIO:
            return self.book.field(quantity, self.pulse)
        first, second = (
            self.book.field(replace(quantity, key=name, title=name), self.pulse) for name in ("D1", "D2")
        )
        ratios = ratios_of_maps(second.values, first.values)
        return replace(first, values=ratios, limited=ratios)

    def _places(self) -> list[tuple[str, str, list[int] | None]]:
        """Return name, colour and regions of every place; None stands for the whole map."""
        model = RegionTable.of(self.scan).model
        regions = model.regions
        if self.split == "map":
            return [("", "", None)]
        if self.split == "classes":
            return [
                (
                    name,
                    REGION_COLOURS.get(name, REGION_COLOURS["other"]),
                    [index for index, region in enumerate(regions) if region.region_class == name],
                )
                for name in model.classes
            ]
        shown = sorted(model.selection) or range(len(regions))
        return [(regions[index].name, colour_of_point(index + 1), [index]) for index in shown]

    def _why_nothing(self, quantities: list[Quantity]) -> str:
        where = "there" if self.split != "map" else "in the map"
        return f"No pixel {where} has a value of {' or '.join(quantity.title for quantity in quantities)}."


def _name_of(quantities: list[Quantity]) -> str:
    titles = [quantity.title for quantity in quantities]
    return titles[0] if len(titles) == 1 else titles[0].rstrip("12")
