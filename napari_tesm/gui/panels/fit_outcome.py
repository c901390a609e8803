"""What came of a fit, in the panel: the map on top, how many pixels have a number, and why the others have none."""

import math
from html import escape
from typing import Final

import xarray as xr
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_tesm.data.maps import (
    DERIVED,
    FITS,
    LATERAL,
    LOGARITHMS,
    MAP_KINDS,
    labels_from_maps,
    limited_values,
    map_name,
    words_of_fit,
)
from napari_tesm.data.protocol import length_from_attributes
from napari_tesm.findings.controls import sentence_about_chance
from napari_tesm.findings.instrument import instrument_in_short, instrument_lines, instrument_summary
from napari_tesm.findings.lateral import lateral_in_words, lateral_summary, lateral_warnings
from napari_tesm.findings.parity import parts_in_short, parts_in_words
from napari_tesm.findings.summary import intervals_of_median
from napari_tesm.gui.layers.scan_layers import names_of_maps
from napari_tesm.gui.models.agreement import PREVIEW_STEP
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.fit_counts import FitCounts, counts_from_maps, grouped
from napari_tesm.gui.models.layer_looks import STATUS_COLOURS
from napari_tesm.gui.models.scan import plain_label
from napari_tesm.gui.panels.widgets import (
    Words,
    choice_box,
    fill_box,
    items_of_pulses,
    laid_out,
)
from napari_tesm.quantities.status import STATUS_MEANINGS
from napari_tesm.statistics.description import quartiles

_MOST_ROWS: Final = 3


class FitOutcome(QWidget):
    """Drop-downs for the map on top, and the counts of fitted pixels."""

    map_chosen = Signal(str, int)
    """The user wants to see another map: its name and pulse setting."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.map_box = choice_box("Which map lies on top", self._chosen)
        self.pulse_box = choice_box("Of which pulse setting", self._chosen)
        self.counts, self.reasons = QLabel(), Words(narrow=True)
        for label in (self.counts, self.reasons):
            label.setTextFormat(Qt.TextFormat.RichText)
        # Qt reckons with lines for a label of no width: room that would be taken from the trace above.
        self.reasons.setMinimumHeight(2 * self.fontMetrics().height())
        row = laid_out(QHBoxLayout(), QLabel("Show"), (self.map_box, 3), (self.pulse_box, 1), spacing=4)
        laid_out(QVBoxLayout(self), row, self.counts, self.reasons, spacing=3, margin=0)

    def show_model(self, model: FitModel | None) -> None:
        """Show maps and counts of a model; nothing where it has no maps."""
        maps = None if model is None else model.maps
        shown = None if model is None else model.shown
        counts = [] if maps is None else counts_from_maps(maps)
        # A file of H maps alone holds nothing that was fitted.
        self.setVisible(bool(counts))
        if maps is None or shown is None or not counts:
            return
        names = sorted(names_of_maps(maps), key=lambda name: name not in LOGARITHMS)
        fill_box(self.map_box, [(words_of_map(name), name) for name in names], shown[0])
        labels = labels_from_maps(maps)
        fill_box(self.pulse_box, items_of_pulses(labels), shown[1])
        self.pulse_box.setVisible(len(labels) > 1)
        self.counts.setText(_table(maps, counts, shown[1]))
        self.counts.setToolTip("\n".join(line.in_words() for line in counts))
        fit = MAP_KINDS[shown[0]].fit
        lines = (
            _no_response(counts, model, *shown),
            *(lateral_lines(maps, shown[1]) if shown[0] in LATERAL else [_reasons(counts, *shown)]),
            _radius_line(maps, *shown),
            instrument_in_short(maps, shown[1], counts[0].window if fit is None else fit),
            parts_in_short(maps, shown[1]),
        )
        self.reasons.show_if_any("<br>".join(filter(None, (*lines, *_notes(maps, model)))))
        self.reasons.keep_lines()
        self.reasons.setToolTip(
            "".join(
                f"<p>{escape(line)}</p>" for line in (*instrument_lines(maps, labels), *parts_in_words(maps))
            )
        )

    def _chosen(self, _: int) -> None:
        self.map_chosen.emit(self.map_box.currentData(), self.pulse_box.currentData())


def words_of_map(name: str) -> str:
    """Return what a map is called in the panel.

    Examples
    --------
    >>> words_of_map("tau1_stderr"), words_of_map("r2_2"), words_of_map("log10_D1")
    ('τ1 standard error', 'R² of window 2', 'log10 D1')
    """
    fit = MAP_KINDS[name].fit
    if fit is not None and name in (map_name("r2", fit), map_name("status", fit)):
        return f"{'R²' if name.startswith('r2') else 'status'} of {words_of_fit(fit)}"
    return MAP_KINDS[name].title.replace("tau", "τ")


def _table(maps: xr.Dataset, counts: list[FitCounts], shown_pulse: int) -> str:
    """Return the fitted pixels as rich text: a row for each pulse setting, a column for each window."""
    windows = [number for number in FITS if map_name("status", number) in maps]
    pulses = list(range(maps.sizes["pulse"]))
    if len(pulses) > _MOST_ROWS:
        pulses = [shown_pulse]
    head = "".join(f"<td>{words_of_fit(number)}</td>" for number in windows)
    rows = [f"<tr><td>Fitted of {grouped(counts[0].pixels)} pixels</td>{head}</tr>"]
    for pulse in pulses:
        of_pulse = {line.window: line for line in counts if line.pulse == pulse}
        label = plain_label(next(iter(of_pulse.values())).label)
        cells = "".join(f"<td>{of_pulse[number].share_in_words()}</td>" for number in windows)
        rows.append(f"<tr><td>{label}</td>{cells}</tr>")
    return f"<table cellspacing='0' cellpadding='0'>{''.join(rows).replace('<td>', _CELL)}</table>"


_CELL: Final = "<td style='padding-right: 14px'>"


def _counts_of(counts: list[FitCounts], name: str, pulse: int) -> FitCounts:
    window = MAP_KINDS[name].fit
    # H comes from no fit: the first one stands in.
    return next((line for line in counts if (line.window, line.pulse) == (window, pulse)), counts[0])


def _no_response(counts: list[FitCounts], model: FitModel | None, name: str, pulse: int) -> str:
    """Return that no more pixels respond than noise lets pass; empty where more do."""
    by_meaning = dict(zip(STATUS_MEANINGS, _counts_of(counts, name, pulse).by_status, strict=True))
    sentence = "" if model is None else sentence_about_chance(by_meaning, model.recipe.response_level)
    return f"{sentence}." if sentence else ""


def _reasons(counts: list[FitCounts], name: str, pulse: int) -> str:
    """Return why the other pixels of the map on top have no number, with the colours of the status map."""
    line = _counts_of(counts, name, pulse)
    of_status = name.startswith("status")
    parts = [*([("ok", line.fitted)] if of_status else []), *line.rejected()]
    if not parts:
        return ""
    return ("" if of_status else "Left out: ") + "&nbsp; ".join(_in_colour(*part) for part in parts)


def lateral_lines(maps: xr.Dataset, pulse: int) -> list[str]:
    """Return what an inversion found, in the words of the command line; as rich text, what speaks against it bold."""
    entry = lateral_summary(maps.isel(pulse=pulse), pulse)
    fitted_by_pixels = (instrument_summary(maps) or {}).get("fitted", "none")
    lines = [escape(line.strip()) for line in lateral_in_words(entry, fitted_by_pixels)]
    warnings = {escape(line) for line in lateral_warnings(entry["lateral"])}
    return [f"<b>{line}</b>" if line in warnings else line for line in lines]


def _radius_line(maps: xr.Dataset, name: str, pulse: int) -> str:
    """Return where the median of a map of D lies for what is known of its length l, shared by all pixels."""
    source = DERIVED.get(name, name)
    fit = MAP_KINDS[source].fit
    if fit is None or source != map_name("D", fit):
        return ""
    median = quartiles(limited_values(maps, source, pulse))[1]
    intervals = intervals_of_median(median, maps.attrs)
    length = length_from_attributes(maps.attrs)
    if length is None or intervals is None or not maps.attrs.get("systematic"):
        return ""
    power = math.floor(math.log10(median))
    low, high = (f"{limit / 10.0**power:.2g}" for limit in intervals["95"])
    times = f"×10<sup>{power}</sup>&nbsp;m²/s"
    return f"Median {source} {median / 10.0**power:.2f} (for the {length.name} {low} … {high}, 95 %){times}"


def _in_colour(meaning: str, count: int) -> str:
    words = f"{meaning} {grouped(count)}".replace("_", "&nbsp;").replace(" ", "&nbsp;")
    return f"<span style='color:{STATUS_COLOURS[meaning]}'>■</span>&nbsp;{words}"


def _notes(maps: xr.Dataset, model: FitModel | None) -> list[str]:
    """Return where the form contradicts the file, and in what a preview is less than the fit it stands for."""
    scan = None if model is None else model.scan
    against = [] if scan is None or scan.settings is None else scan.evaluation.contradictions()
    against = [f"{escape(sentence[0].upper() + sentence[1:])}." for sentence in against]
    if PREVIEW_STEP not in maps.attrs:
        return against
    step = int(maps.attrs[PREVIEW_STEP])
    lateral = model is not None and model.scan.inversion is not None
    return [
        *against,
        f"Preview of every {_ordinal(step)} pixel each way." if step > 1 else "",
        "Preview of each pixel by itself: Fit all takes lateral diffusion out." if lateral else "",
    ]


def _ordinal(number: int) -> str:
    """Return 2nd, 3rd, 4th … as it is spoken."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
    return f"{number}{ending}"
