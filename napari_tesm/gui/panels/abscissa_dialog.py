"""The dialog that asks what the scans of a series differ in, and its value for each of them."""

from collections.abc import Sequence
from typing import Final

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.series import SeriesModel, number_entered, value_in_file
from napari_tesm.gui.panels.widgets import Words, laid_out
from napari_tesm.series import VOLTAGE, Abscissa

_KNOWN: Final = {VOLTAGE.name: VOLTAGE.unit, "cycle": "", "temperature": "°C"}
"""What is offered, with the usual unit."""


class AbscissaDialog(QDialog):
    """Asks for a name, a unit and a value for each scan.

    Parameters
    ----------
    parent : QWidget
    model : SeriesModel
    scans : sequence of Scan
    """

    def __init__(self, parent: QWidget, model: SeriesModel, scans: Sequence[Scan]) -> None:
        super().__init__(parent)
        self.setWindowTitle("t-ESM: the series against")
        self._model, self._scans = model, list(scans)
        self.name_box = QComboBox()
        self.name_box.setEditable(True)
        self.name_box.addItems(list(_KNOWN))
        self.name_box.setCurrentText(model.abscissa.name)
        self.unit_entry = QLineEdit(model.abscissa.unit)
        self.unit_entry.setToolTip("As it is to be written behind a number; empty for a number alone")
        self.table = QTableWidget(len(self._scans), 2)
        self.table.setHorizontalHeaderLabels(["Scan", "Value"])
        for row, scan in enumerate(self._scans):
            name = QTableWidgetItem(scan.name)
            name.setFlags(name.flags() & ~Qt.ItemFlag.ItemIsEditable)
            self.table.setItem(row, 0, name)
            self.table.setItem(row, 1, QTableWidgetItem(""))
        if (columns := self.table.horizontalHeader()) is not None:
            columns.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        if (rows := self.table.verticalHeader()) is not None:
            rows.hide()
        self.words = Words()
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Ok | buttons.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        head = laid_out(QHBoxLayout(), QLabel("Against"), (self.name_box, 1), QLabel("unit"), self.unit_entry)
        laid_out(QVBoxLayout(self), head, self.table, self.words, self.buttons)
        self.name_box.currentTextChanged.connect(self._name_chosen)
        self._fill()

    @property
    def abscissa(self) -> Abscissa:
        """What was entered."""
        name = self.name_box.currentText().strip()
        return VOLTAGE if name == VOLTAGE.name else Abscissa(name, self.unit_entry.text().strip())

    @property
    def values(self) -> dict[Scan, float]:
        """The values that are numbers, by their scans."""
        numbers = {scan: number_entered(text) for scan, text in zip(self._scans, self._texts(), strict=True)}
        return {scan: number for scan, number in numbers.items() if number is not None}

    def accept(self) -> None:
        """Take what was entered, unless it is no number, or there is no name."""
        wrong = [text for text in self._texts() if text and number_entered(text) is None]
        if not self.abscissa.name:
            self.words.setText("Say what the scans differ in: the voltage, a cycle, a temperature …")
        elif wrong and not self.abscissa.is_voltage:
            self.words.setText(f"'{wrong[0]}' is not a number.")
        else:
            super().accept()

    def _texts(self) -> list[str]:
        items = (self.table.item(row, 1) for row in range(self.table.rowCount()))
        return ["" if item is None else item.text().strip() for item in items]

    def _name_chosen(self, name: str) -> None:
        if name in _KNOWN:
            self.unit_entry.setText(_KNOWN[name])
        self._fill()

    def _fill(self) -> None:
        """Show what is entered already, else what the files say; nothing is guessed."""
        abscissa = self.abscissa
        same = abscissa.name == self._model.abscissa.name
        self.unit_entry.setEnabled(not abscissa.is_voltage)
        self.table.setEnabled(not abscissa.is_voltage)
        self.words.setText(
            "Each pulse has its voltage." if abscissa.is_voltage else "A scan without a value is left out."
        )
        for row, scan in enumerate(self._scans):
            value = self._model.values.get(scan) if same else value_in_file(scan, abscissa.name)
            if (item := self.table.item(row, 1)) is not None:
                item.setText("" if value is None or abscissa.is_voltage else f"{value:g}")
