"""The dock that imports a recording: one page, from the recorder's file to layers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDockWidget,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_tesm.files.atomic import atomic_output
from napari_tesm.gui.models.form_words import FORMS, sentence_for_forms
from napari_tesm.gui.models.importing import CHANNELS, WAYS, ImportModel
from napari_tesm.gui.panels.panel import say
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.io.mapping.text import text_from_mapping
from napari_tesm.recording import REPORT

if TYPE_CHECKING:
    import napari

_FILES = ";;".join(
    (
        "Recordings (*.tdms *.h5 *.hdf5 *.mat *.npy *.npz)",
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
        self.file_button = _button(
            "Recording…", "The recorder's file: TDMS, HDF5, MATLAB, NumPy, Zarr", self._choose
        )
        self.file_label = QLabel()
        self.scan_button = _button(
            "AFM file…", "Topography and deflection error of the same scan", self._choose_scan
        )
        self.scan_label = QLabel("none")
        self.found = QLabel(_HINT)
        self.found.setWordWrap(True)
        self.found.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.found.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.ways_box = QComboBox()
        self.ways_box.addItems(list(WAYS))
        self.serpentine_box = QCheckBox("every other line back")
        self.per_way_box = QCheckBox("one for each way")
        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setVerticalSpacing(2)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.load_button = _button("Load mapping…", "Take what a mapping file says", self._choose_mapping)
        self.save_button = _button(
            "Save mapping…", "Keep this form as a file, for the next scan", self._save_mapping
        )
        self.import_button = _button("Import", "Cut the traces and show them", self.start)
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.hide()
        self._lay_out()
        self._build()

    def _lay_out(self) -> None:
        files = QFormLayout()
        files.addRow(self.file_button, self.file_label)
        files.addRow(self.scan_button, self.scan_label)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(4, 4, 4, 4)
        column.addLayout(files)
        column.addWidget(self.found)
        column.addLayout(self.form)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        buttons = QHBoxLayout()
        for button in (self.load_button, self.save_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.import_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.addWidget(area, 1)
        layout.addWidget(self.message)
        layout.addWidget(self.progress)
        layout.addLayout(buttons)
        self.setMinimumWidth(380)

    def open_file(self, path: Path) -> bool:
        """Look into a recorder's file and show what has to be said; return whether it could be read."""
        try:
            self.model.open(path)
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
        from napari_tesm.gui.reader import share_unit_of_viewer

        self._show_running(False)
        share_unit_of_viewer(scans)
        for scan in scans:
            for layer in layers_from_scan(scan):
                add_layer(self.viewer, layer)
        open_workspace(self.viewer)
        found = [line for scan in scans if scan.dataset is not None for line in report_of(scan.dataset)]
        self._say(" ".join([f"Imported {', '.join(scan.name for scan in scans)}.", *found]))
        # The form has done its work; what was found is said where the eye is now.
        say(self.viewer, self.message.text())
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
        while self.form.rowCount():
            self.form.removeRow(0)
        self.fields, self.boxes = {}, {}
        self.file_label.setText("" if model.path is None else model.path.name)
        self.import_button.setEnabled(model.content is not None)
        self.save_button.setEnabled(model.content is not None)
        if model.content is None:
            return
        lines = model.lines()
        shown = lines[:8] + ([f"… and {len(lines) - 8} more"] if len(lines) > 8 else [])
        self.found.setText("\n".join([f"{model.content.format}:", *shown, *model.content.notes]))
        if model.is_recording:
            for role, title in CHANNELS.items():
                box = QComboBox()
                box.addItem("", "")
                for name in model.arrays:
                    box.addItem(name, name)
                box.setCurrentIndex(max(0, box.findData(model.channels[role])))
                box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
                box.setMinimumContentsLength(8)
                self.boxes[role] = box
                self.form.addRow(title, box)
        for entry in model.entries:
            field = QLineEdit(model.texts[entry.name])
            field.setMinimumWidth(60)
            field.setPlaceholderText(f"for example {entry.example}")
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
        self.message.setText(sentence_for_forms(message) if message else "")
        self.message.setVisible(bool(message))

    # Files

    def _choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a recording", "", _FILES)
        if name:
            self.open_file(Path(name))

    def _choose_scan(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open the AFM's file", "", "All files (*)")
        self.model.scan_path = Path(name) if name else None
        self.scan_label.setText(Path(name).name if name else "none")

    def _choose_mapping(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Load a mapping", "", "Mappings (*.yaml *.yml)")
        if name:
            self.load_mapping(Path(name))

    def load_mapping(self, path: Path) -> bool:
        """Fill the form from a mapping file; return whether it could be understood."""
        try:
            self.model.load_mapping(path)
        except (OSError, ValueError) as error:
            self._say(error)
            return False
        self._say("")
        self._build()
        return True

    def _save_mapping(self) -> None:
        self._collect()
        try:
            text = text_from_mapping(self.model.mapping())
        except ValueError as error:
            self._say(error)
            return
        path = self.model.path
        suggested = "" if path is None else str(path.with_suffix(".yaml"))
        name, _ = QFileDialog.getSaveFileName(self, "Save the mapping", suggested, "Mappings (*.yaml)")
        if name:
            self.save_mapping(Path(name), text)

    def save_mapping(self, path: Path, text: str) -> bool:
        """Write a mapping to a path that the user has agreed to; return whether it worked."""
        try:
            with atomic_output(path, overwrite=True) as file:
                file.write(text.encode())
        except (OSError, ValueError) as error:
            self._say(f"Not saved: {FORMS(error)}")
            return False
        say(self.viewer, f"Saved {path.name}")
        return True


def report_of(dataset: Any) -> list[str]:
    """Return what was found in a recording, in sentences."""
    return str(dataset.attrs.get(REPORT, "")).splitlines()


def _button(text: str, tip: str, action: Any) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(action)
    return button
