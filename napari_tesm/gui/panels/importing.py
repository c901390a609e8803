"""The dock that imports a recording: one page, from the recorder's file to layers."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDockWidget,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_tesm.gui.models.form_words import FORMS, sentence_for_forms
from napari_tesm.gui.models.importing import CHANNELS, WAYS, ImportModel
from napari_tesm.gui.panels.entry_guard import guard_entries
from napari_tesm.gui.panels.widgets import (
    Words,
    button,
    clear_form,
    fill_box,
    laid_out,
    line_edit,
    path_to_open,
    path_to_save,
    save_text,
)
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.gui.saying import say
from napari_tesm.io.mapping.text import text_from_mapping
from napari_tesm.recording import REPORT

if TYPE_CHECKING:
    import napari

_FILES = ";;".join(
    (
        "Recordings (*.tdms *.h5 *.hdf5 *.mat *.npy *.npz *.csv *.tsv *.txt *.dat *.asc *.lvm)",
        "AFM files (*.spm *.0?? *.ibw *.mdt *.nid)",
        "All files (*)",
    )
)
_HINT = "Choose the recorder's file; what it does not say is asked below. Nothing is guessed."


class ImportPanel(QWidget):
    """Form for what a recorder's file does not say.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__()
        self.viewer = viewer
        self.model = ImportModel()
        self._worker = Worker(self)
        self.fields: dict[str, QLineEdit] = {}
        self.boxes: dict[str, QComboBox] = {}
        self.file_button = button(
            "Recording…", "The recorder's file: TDMS, HDF5, MATLAB, NumPy, Zarr, text", self._choose
        )
        self.file_label = QLabel()
        self.scan_button = button(
            "AFM file…", "Topography and deflection error of the same scan", self._choose_scan
        )
        self.scan_label = QLabel("none")
        self.content = Words(_HINT, narrow=True)
        self.content.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.ways_box = QComboBox()
        self.ways_box.addItems(list(WAYS))
        self.serpentine_box = QCheckBox("every other line back")
        self.per_way_box = QCheckBox("one for each way")
        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setVerticalSpacing(2)
        self.message = Words()
        self.load_button = button("Load mapping…", "Take what a mapping file says", self._choose_mapping)
        self.save_button = button(
            "Save mapping…", "Keep this form as a file, for the next scan", self._save_mapping
        )
        self.import_button = button("Import", "Cut the traces and show them", self.start)
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.hide()
        self._lay_out()
        guard_entries(self)
        self._build()

    def _lay_out(self) -> None:
        files = QFormLayout()
        files.addRow(self.file_button, self.file_label)
        files.addRow(self.scan_button, self.scan_label)
        inner = QWidget()
        laid_out(QVBoxLayout(inner), files, self.content, self.form, None, margin=4)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        buttons = laid_out(QHBoxLayout(), self.load_button, self.save_button, None, self.import_button)
        laid_out(QVBoxLayout(self), (area, 1), self.message, self.progress, buttons, margin=2)
        self.setMinimumWidth(380)

    def open_file(self, path: Path) -> bool:
        """Look into a recorder's file and show what has to be said; return whether it could be read."""
        return self._taken(self.model.open, path)

    def load_mapping(self, path: Path) -> bool:
        """Fill the form from a mapping file; return whether it could be understood."""
        return self._taken(self.model.load_mapping, path)

    def _taken(self, take: Callable[[Path], None], path: Path) -> bool:
        try:
            take(path)
        except (OSError, ValueError, ImportError) as error:
            self._say(error)
            return False
        self._say("")
        self._build()
        return True

    def start(self) -> None:
        """Import in the background; the layers come when it is done."""
        self._collect()
        try:
            self.model.mapping()
        except ValueError as error:
            self._say(error)
            return
        if self._worker.running:
            return
        self._say("")
        self._show_running(True)
        model = self.model
        self._worker.start(lambda _: model.scans(), done=self._done, failed=self._failed)

    def _done(self, scans: Any) -> None:
        from napari_tesm.gui.dock import open_workspace
        from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
        from napari_tesm.gui.opening import share_unit_of_viewer

        self._show_running(False)
        share_unit_of_viewer(scans)
        for scan in scans:
            for layer in layers_from_scan(scan):
                add_layer(self.viewer, layer)
        open_workspace(self.viewer)
        # What was found in the recording, in sentences.
        reports = [scan.dataset.attrs.get(REPORT, "") for scan in scans if scan.dataset is not None]
        lines = [line for report in reports for line in str(report).splitlines()]
        self._say(" ".join([f"Imported {', '.join(scan.name for scan in scans)}.", *lines]))
        # The form has done its work; what was found is said where the eye is now.
        say(self.message.text())
        dock = self.parentWidget()
        if isinstance(dock, QDockWidget):
            dock.hide()

    def _failed(self, error: BaseException) -> None:
        self._show_running(False)
        self._say(error)

    # The form

    def _build(self) -> None:
        model = self.model
        for kept in (self.ways_box, self.serpentine_box, self.per_way_box):
            kept.setParent(None)
        clear_form(self.form)
        self.fields, self.boxes = {}, {}
        self.file_label.setText("" if model.path is None else model.path.name)
        self.import_button.setEnabled(model.content is not None)
        self.save_button.setEnabled(model.content is not None)
        if model.content is None:
            return
        lines = model.lines()
        shown = lines[:8] + ([f"… and {len(lines) - 8} more"] if len(lines) > 8 else [])
        self.content.setText(
            "\n".join([f"{model.content.format}:", *shown, *map(FORMS, model.content.notes)])
        )
        if model.is_recording:
            for role, title in CHANNELS.items():
                box = QComboBox()
                fill_box(box, [(name, name) for name in ("", *model.arrays)], model.channels[role])
                box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
                box.setMinimumContentsLength(8)
                self.boxes[role] = box
                self.form.addRow(title, box)
        for entry in model.entries:
            field = line_edit(model.texts[entry.name], entry.example)
            field.setMinimumWidth(60)
            self.fields[entry.name] = field
            self.form.addRow(entry.title, field)
        self.ways_box.setCurrentText(model.ways)
        self.serpentine_box.setChecked(model.serpentine)
        self.per_way_box.setChecked(model.per_way)
        if model.is_recording:
            self.form.addRow("Ways", self.ways_box)
            self.form.addRow("Voltages are", self.per_way_box)
        self.form.addRow("Serpentine", self.serpentine_box)

    def _collect(self) -> None:
        for name, field in self.fields.items():
            self.model.texts[name] = field.text()
        for role, box in self.boxes.items():
            self.model.channels[role] = box.currentData()
        self.model.ways = self.ways_box.currentText()
        self.model.serpentine = self.serpentine_box.isChecked()
        self.model.per_way = self.per_way_box.isChecked()

    def _show_running(self, running: bool) -> None:
        self.progress.setVisible(running)
        self.import_button.setEnabled(not running)

    def _say(self, message: object) -> None:
        self.message.show_if_any(sentence_for_forms(message) if message else "")

    # Files

    def _choose(self) -> None:
        if path := path_to_open(self, "Open a recording", _FILES):
            self.open_file(path)

    def _choose_scan(self) -> None:
        self.model.scan_path = path = path_to_open(self, "Open the AFM's file", "All files (*)")
        self.scan_label.setText("none" if path is None else path.name)

    def _choose_mapping(self) -> None:
        if path := path_to_open(self, "Load a mapping", "Mappings (*.yaml *.yml)"):
            self.load_mapping(path)

    def _save_mapping(self) -> None:
        self._collect()
        try:
            text = text_from_mapping(self.model.mapping())
        except ValueError as error:
            self._say(error)
            return
        suggested = "" if self.model.path is None else self.model.path.with_suffix(".yaml")
        if path := path_to_save(self, "Save the mapping", suggested, "Mappings (*.yaml)"):
            worked, words = save_text(path, lambda: text)
            (say if worked else self._say)(words)
