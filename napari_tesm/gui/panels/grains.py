"""The Grains tab: find grains, edit them with napari's brushes, and see what boundaries do to H, tau and D."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QHBoxLayout, QLabel, QTabWidget, QVBoxLayout, QWidget

from napari_tesm.data.maps import MAP_KINDS
from napari_tesm.files.sentences import Sentence
from napari_tesm.grains import Grains
from napari_tesm.gui.layers.grain_layer import remove_preview, show_grains, show_preview, take_painted_labels
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.grains import NO_GRAINS, NO_SCAN, ArrayWithName, GrainModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.canvas import theme_of
from napari_tesm.gui.panels.grain_form import GrainForm
from napari_tesm.gui.panels.grain_plots import GrainPlots
from napari_tesm.gui.panels.grain_table_view import GrainTableView
from napari_tesm.gui.panels.panel import Connection, Panel
from napari_tesm.gui.panels.widgets import (
    Words,
    button,
    check_box,
    choice_box,
    fill_box,
    fill_pulses,
    give_way,
    laid_out,
    path_to_open,
    save_text,
    single_shot,
    spin_box,
)
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.plotting.theme import PlotTheme

if TYPE_CHECKING:
    import napari

_EDITED_AFTER: Final = 60
"""ms after the last stroke of a brush until the numbers follow."""
_PREVIEW_AFTER: Final = 250
_EDITS: Final = ("paint", "data", "labels_update", "set_data")
"""What napari's layer says when it was painted on, filled, undone or replaced."""


class GrainPanel(Panel):
    """Grains of the scan that is looked at.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    EXPORTED = ("Save the table of grains", "grains.csv")

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self.worker = Worker(self)
        self._wanted = ""
        self._found: tuple[Any, Grains] | None = None
        self.form = GrainForm()
        self.width_spin = spin_box("Full width of the band at boundaries", 10000.0, 1, 1.0)
        self.width_spin.setSpecialValueText("auto")
        self.width_spin.valueChanged.connect(self._width_entered)
        self.preview_box = check_box("Preview", "Show the outlines at once while a parameter changes")
        self.preview_box.setChecked(True)
        self.preview_box.toggled.connect(self._preview_toggled)
        self.segment_button = button(
            "Segment", "Find grains; Ctrl+Z on the layer brings the labels before back", self.segment
        )
        self.labels_button = button(
            "Labels…", "Take the labels of a file: .npy, .tif, .png or .gwy", self._ask_for_labels
        )
        self.layer_button = button(
            "Layer", "Take the labels of the selected napari layer", self.take_selected_layer
        )
        self.defects_button = button(
            "Defects?", "Propose: draw particles and holes as regions of class defect", self._propose_defects
        )
        self.quantity_box = choice_box("What is compared", self._quantity_chosen)
        self.pulse_box = choice_box("Pulse setting", self._quantity_chosen)
        self.export_button = button("CSV…", "Save the table of grains, in SI units", self.ask_and_export)
        self.canvas = GrainPlots()
        self.table = GrainTableView()
        self.views = QTabWidget()
        self.views.setDocumentMode(True)
        # Who looks for grains needs the parameters, who has them the plots: there is no room for both at once.
        self.search = QWidget()
        self.views.addTab(self.search, "Search")
        self.plots = QWidget()
        laid_out(QVBoxLayout(self.plots), self.canvas, spacing=0, margin=0)
        self.views.addTab(self.plots, "Plots")
        self.views.addTab(self.table, "Grains")
        self.words = Words()
        self._edit_timer = single_shot(self, _EDITED_AFTER, self._take_edits)
        self._preview_timer = single_shot(self, _PREVIEW_AFTER, self._start_preview)
        self.form.changed.connect(self._chosen)
        self.table.class_wanted.connect(self._class_wanted)
        self.table.chosen.connect(self._select_label)
        self.views.currentChanged.connect(self.refresh_soon)
        self._lay_out()
        self.add_plot_menu(self.canvas, self._restyle, "Grains")

    @property
    def model(self) -> GrainModel | None:
        """The model of the scan that is looked at."""
        return None if self.scan is None else GrainModel.of(self.scan)

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Listen to results, regions and what is painted."""
        self._found = None
        if scan is not None and scan.grains is not None and self.views.currentWidget() is self.search:
            self.views.setCurrentWidget(self.plots)
        connections: list[Connection] = [
            (self.viewer.events.theme, self.refresh_soon),
            (self.session.layers_changed, self._layers_changed),
        ]
        if scan is not None:
            connections += [
                (scan.results_changed, self.refresh_soon),
                (scan.dataset_changed, self.refresh_soon),
                (scan.regions_changed, self.refresh_soon),
                (scan.grains_changed, self.refresh_soon),
                (GrainModel.of(scan).changed, self.refresh_soon),
            ]
            for layer in self.session.layers_of(scan, "grains"):
                connections += [(getattr(layer.events, name), self._painted) for name in _EDITS]
                self._edit_timer.start()  # somebody may have painted while nobody listened
        return connections

    def refresh(self) -> None:
        """Show grains, plots and table as they are now."""
        model, scan = self.model, self.scan
        for widget in (
            self.form, self.width_spin, self.segment_button, self.labels_button,
            self.layer_button, self.defects_button, self.quantity_box,
        ):  # fmt: skip
            widget.setEnabled(model is not None)
        self.export_button.setEnabled(scan is not None and scan.grains is not None)
        if model is None or scan is None:
            self.words.setText(NO_SCAN)
            self._draw(None)
            return
        quantities = [(MAP_KINDS[name].title, name) for name in model.quantities()]
        fill_box(self.quantity_box, quantities, model.chosen())
        fill_pulses(self.pulse_box, scan, model.pulse)
        factor, unit = model.length
        with QSignalBlocker(self.width_spin):
            self.width_spin.setSuffix(f" {unit}")
            self.width_spin.setValue((scan.band_width or 0.0) / factor)
        self.form.show_model(model)
        self._draw(model)

    def segment(self) -> None:
        """Find grains with the present parameters and make them the scan's."""
        self._wanted = "segment"
        self._start()

    def take_selected_layer(self) -> None:
        """Take the grains of the labels layer that is selected in napari."""
        from napari.layers import Labels

        layer = self.viewer.layers.selection.active
        if not isinstance(layer, Labels):
            self.words.setText("Select a labels layer in napari's list first.")
            return
        self.take_labels((str(layer.name), layer.data))

    def export_to(self, path: Path) -> None:
        """Write the table of grains as CSV."""
        if self.model is not None:
            self.words.setText(sentence_for_forms(save_text(path, self.model.csv_text)[1]))

    def leave(self) -> None:
        """Take over what was painted last; the preview goes."""
        self._take_edits()
        self._edit_timer.stop()
        self._preview_timer.stop()
        self.worker.cancel()
        if self.scan is not None:
            remove_preview(self.session, self.scan)

    def _lay_out(self) -> None:
        give_way(self.quantity_box, self.pulse_box)
        search = laid_out(QVBoxLayout(self.search), self.form, None)
        search.setContentsMargins(0, 3, 0, 0)
        sources = (self.labels_button, self.layer_button, self.defects_button)
        buttons = laid_out(QHBoxLayout(), self.segment_button, self.preview_box, *sources, None, spacing=3)
        boxes = ((self.quantity_box, 2), (self.pulse_box, 2))
        choices = laid_out(
            QHBoxLayout(), *boxes, QLabel("band"), self.width_spin, self.export_button, spacing=3
        )
        laid_out(QVBoxLayout(self), buttons, choices, (self.views, 1), self.words, spacing=3, margin=4)

    def _draw(self, model: GrainModel | None) -> None:
        measure = None if model is None else model.measure()
        if model is not None:
            if self.views.currentWidget() is self.table:
                self.table.show_model(model)
            self.words.setText(self._sentence(model, "" if measure is None else measure.verdict))
            grains = model.scan.grains
            self.words.setToolTip("" if grains is None else "\n".join(grains.words))
        self._restyle(theme_of(self.viewer))

    def _restyle(self, theme: PlotTheme) -> None:
        model = self.model
        self.canvas.show_model(None if model is None or model.measure() is None else model, theme)

    def _sentence(self, model: GrainModel, verdict: str) -> str:
        grains = model.scan.grains
        if grains is None:
            return model.message or NO_GRAINS
        count = f"{grains.count} {'grain' if grains.count == 1 else 'grains'}."
        if grains.count == 1 and grains.words:
            count = grains.words[0]
        return " ".join(part for part in (count, verdict, model.message) if part)

    def _chosen(self, *_: Any) -> None:
        model = self.model
        if model is None:
            return
        try:
            model.choose(**self.form.values(model))
        except ValueError as error:
            self.words.setText(sentence_for_forms(error))
            return
        if self.preview_box.isChecked():
            self._preview_timer.start()

    def _quantity_chosen(self, *_: Any) -> None:
        if self.model is not None:
            self.model.choose(
                quantity=self.quantity_box.currentData() or "", pulse=max(0, self.pulse_box.currentIndex())
            )

    def _width_entered(self, value: float) -> None:
        if self.model is not None:
            self.model.scan.set_band_width(value * self.model.length[0] or None)

    def _preview_toggled(self, wanted: bool) -> None:
        if wanted:
            self._preview_timer.start()
        elif self.scan is not None:
            self._preview_timer.stop()
            remove_preview(self.session, self.scan)

    def _start_preview(self) -> None:
        self._wanted = self._wanted or "preview"
        self._start()

    def _start(self) -> None:
        """Find grains beside the window; what is wanted then is asked for anew if it has changed in the meantime."""
        model = self.model
        if model is None or self.worker.running:
            return
        asked = model.asked
        if self._found is not None and self._found[0] == asked:
            self._show_found(model, self._found[1])
            return
        self.words.setText("Looking for grains…")
        self.worker.start(
            model.segmented,
            done=lambda grains: self._done(model, asked, grains),
            failed=self._failed,
        )

    def _done(self, model: GrainModel, asked: tuple[Any, ...], grains: Grains) -> None:
        if model is not self.model:
            self._wanted = ""
            return
        if model.asked != asked:
            self._start()
            return
        self._found = (asked, grains)
        self._show_found(model, grains)

    def _show_found(self, model: GrainModel, grains: Grains) -> None:
        wanted, self._wanted = self._wanted, ""
        if wanted == "segment":
            self._take(model, grains)
        elif wanted == "preview" and self._listening and self.preview_box.isChecked():
            show_preview(self.session, model.scan, grains)
            count = "1 grain" if grains.count == 1 else f"{grains.count} grains"
            model.message = f"Preview: {count}. Segment takes them over."
            self.refresh_soon()

    def _failed(self, error: BaseException) -> None:
        self._wanted = ""
        if self._listening and isinstance(error, (ValueError, OSError)):
            self.words.setText(sentence_for_forms(error))
        elif self._listening and isinstance(error, MemoryError):
            self.words.setText("There is not enough memory to look for grains in this image.")

    def _take(self, model: GrainModel, grains: Grains) -> None:
        """Make grains the scan's and show them."""
        model.message = ""
        remove_preview(self.session, model.scan)
        model.scan.set_grains(grains)
        show_grains(self.session, model.scan, grains)
        if self.views.currentWidget() is self.search:
            self.views.setCurrentWidget(self.plots)

    def take_labels(self, source: Path | ArrayWithName) -> None:
        """Take the grains of a label image: a file, or a pair of name and array."""
        model = self.model
        if model is None:
            return
        try:
            grains = model.labels_from(source)
        except (OSError, ValueError) as error:
            self.words.setText(sentence_for_forms(Sentence("Not taken: {error}", error=error)))
            return
        self._take(model, grains)

    def _layers_changed(self, *_: Any) -> None:
        """Listen to a layer of grains that came, or no more to one that went."""
        if self._listening:
            last, self._found = self._found, None
            self._follow(self.scan)
            self._found = last

    def _painted(self, *_: Any) -> None:
        self._edit_timer.start()

    def _take_edits(self) -> None:
        scan = self.scan
        layer = self.session.layer_of(scan, "grains")
        if scan is not None and layer is not None:
            take_painted_labels(scan, layer.data)

    def _class_wanted(self, number: int, name: str) -> None:
        if self.model is not None:
            self.model.set_class(number, name)

    def _select_label(self, number: int) -> None:
        for layer in self.session.layers_of(self.scan, "grains"):
            layer.selected_label = number

    def _propose_defects(self) -> None:
        if self.model is not None:
            self.model.propose_defects()

    def _ask_for_labels(self) -> None:
        kinds = "Label images (*.npy *.tif *.tiff *.png *.gwy)"
        if path := path_to_open(self, "Labels of grains", kinds):
            self.take_labels(path)
