"""The tab of histograms: D1 and D2 over the map, its regions or its classes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_tesm.gui.layers.region_layer import RegionLayerLink, region_link_of
from napari_tesm.gui.models.form_words import FORMS, sentence_for_forms
from napari_tesm.gui.models.histogram import SPLITS, HistogramModel, HistogramView, histogram_model_of
from napari_tesm.gui.models.regions import region_model_of
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.canvas import PlotCanvas, theme_of
from napari_tesm.gui.panels.panel import Connection, Panel
from napari_tesm.gui.panels.region_choices import fill_box, fill_pulses, write_text
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.model_choice.null_bands import NullBands
from napari_tesm.plotting.histogram import Distribution, HistogramPlot

if TYPE_CHECKING:
    import napari

_NO_SCAN: Final = "Open a scan to see distributions."
_REDRAW_EVERY: Final = 30
"""ms between two drawings while a region is dragged."""


class HistogramPanel(Panel):
    """Histograms of the scan that is looked at.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self.link: RegionLayerLink = region_link_of(self.session)
        self.quantity_box, self.pulse_box, self.split_box = QComboBox(), QComboBox(), QComboBox()
        self.quantity_box.setToolTip("What is counted")
        self.pulse_box.setToolTip("Pulse setting")
        self.split_box.setToolTip("Where it is counted; selected regions come alone")
        for key, title in SPLITS.items():
            self.split_box.addItem(title, key)
        self.log_box = QCheckBox("Log")
        self.log_box.setToolTip("Bins of equal ratio; the mode depends on it")
        self.null_box = QCheckBox("Null")
        self.null_box.setToolTip(
            "What the exponential recipe shows for pure diffusion, beside D1, D2 and D2/D1"
        )
        for box in (self.quantity_box, self.pulse_box, self.split_box):
            box.activated.connect(self._chosen)
        self.log_box.clicked.connect(self._scale_chosen)
        self.null_box.clicked.connect(self._nulls_chosen)
        self.export_button = QPushButton("CSV…")
        self.export_button.setToolTip("Save the bins and their counts, in SI units")
        self.export_button.clicked.connect(self._ask_and_export)
        self.canvas = PlotCanvas(height=150)
        self.plot = HistogramPlot(self.canvas.figure)
        self._worker = Worker(self)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self._refresh_timer.setInterval(_REDRAW_EVERY)
        row = QHBoxLayout()
        row.setSpacing(3)
        for box, share in ((self.quantity_box, 14), (self.pulse_box, 9), (self.split_box, 11)):
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            row.addWidget(box, share)
        row.addWidget(self.log_box)
        row.addWidget(self.null_box)
        below = QHBoxLayout()
        below.addWidget(self.words, 1)
        below.addWidget(self.export_button, 0, Qt.AlignmentFlag.AlignBottom)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self.canvas, 1)
        layout.addLayout(below)

    @property
    def model(self) -> HistogramModel | None:
        """The model of the scan that is looked at."""
        return None if self.scan is None else histogram_model_of(self.scan)

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Listen to results and regions."""
        found: list[Connection] = [(self.viewer.events.theme, self.refresh_soon)]
        if scan is not None:
            regions = region_model_of(scan)
            found += [
                (scan.results_changed, self.refresh_soon),
                (scan.dataset_changed, self.refresh_soon),
                (scan.regions_changed, self._regions_changed),
                (regions.selection_changed, self._regions_changed),
                (regions.settled, self._regions_changed),
                (histogram_model_of(scan).changed, self.refresh_soon),
            ]
        return found

    def showEvent(self, event: QShowEvent | None) -> None:
        """Take over what was drawn in the meantime."""
        was_listening = self._listening
        super().showEvent(event)
        if not was_listening:
            self.link.attach()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Leave the layer to itself."""
        if self._listening:
            self.link.detach()
        super().hideEvent(event)

    def refresh_soon(self, *_: Any) -> None:
        """Ask for a refresh; a drag does not put it off for ever, as starting the timer anew would."""
        if not self._refresh_timer.isActive():
            super().refresh_soon()

    def refresh(self) -> None:
        """Count anew and draw."""
        model = self.model
        self.plot.set_theme(theme_of(self.viewer))
        fill_box(self.quantity_box, [] if model is None else model.choices())
        fill_pulses(self.pulse_box, self.scan)
        self.export_button.setEnabled(False)
        if model is None:
            self.plot.clear(_NO_SCAN)
            self.words.clear()
            return
        self.quantity_box.setCurrentIndex(self.quantity_box.findData(model.chosen()))
        self.pulse_box.setCurrentIndex(model.pulse)
        self.pulse_box.setEnabled(any(quantity.by_pulse for quantity in model.quantities()))
        self.split_box.setCurrentIndex(self.split_box.findData(model.split))
        view = model.view()
        self.log_box.setChecked(view.scale == "log")
        self.null_box.setChecked(model.with_nulls)
        self.null_box.setVisible(model.has_nulls())
        self._draw(view)
        self._compute_nulls(model)

    def export_to(self, path: Path) -> None:
        """Write the bins as CSV, in SI units."""
        if self.model is not None:
            self.words.setText(write_text(path, self.model.csv_text()))

    def _draw(self, view: HistogramView) -> None:
        if not view.samples:
            self.plot.clear()
            self.words.setText(view.message)
            return
        self.export_button.setEnabled(True)
        shown = [
            Distribution(
                sample.label,
                counts,
                sample.colour,
                sample.values.size,
                None if mode is None else mode.value,
                None if mode is None else (mode.low, mode.high),
            )
            for sample, counts, mode in zip(view.samples, view.counts, view.modes, strict=True)
        ]
        self.plot.show(
            view.edges, shown, name=view.name, unit=view.unit, log=view.scale == "log", ranges=view.nulls.ranges,
            shaded=view.nulls.shaded,
        )  # fmt: skip
        self.words.setText(" ".join(part for part in (view.words(), view.nulls.words, view.message) if part))
        self.words.setToolTip("\n".join(part for part in (view.rule, view.nulls.explanation) if part))

    def _compute_nulls(self, model: HistogramModel) -> None:
        """Compute beside the window what pure diffusion shows, where the record is long."""
        work = model.waiting_nulls()
        if work is None or self._worker.running:
            return

        def take(bands: NullBands | str) -> None:
            model.take_nulls(work, bands)
            self.refresh_soon()  # by now another scan may be looked at, and wait

        self._worker.start(
            lambda _: work.compute(),
            done=take,
            failed=lambda error: take(
                sentence_for_forms(f"No comparison with pure diffusion: {FORMS(error)}")
            ),
        )

    def _regions_changed(self, *_: Any) -> None:
        if self.model is not None and self.model.split != "map":
            self.refresh_soon()

    def _chosen(self, *_: Any) -> None:
        if self.model is not None:
            self.model.choose(
                self.quantity_box.currentData(),
                split=self.split_box.currentData(),
                pulse=max(0, self.pulse_box.currentIndex()),
            )

    def _scale_chosen(self, log: bool) -> None:
        if self.model is not None:
            self.model.choose(scale="log" if log else "linear")

    def _nulls_chosen(self, shown: bool) -> None:
        if self.model is not None:
            self.model.choose(with_nulls=shown)

    def _ask_and_export(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the histograms", "histograms.csv", "CSV (*.csv)")
        if name:
            self.export_to(Path(name))
