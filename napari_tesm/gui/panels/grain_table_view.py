"""The table of grains on the screen: classes can be changed in it, and a line chooses the label to paint with."""

import math
from collections.abc import Sequence
from typing import Any, Final

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QTableView, QWidget

from napari_tesm.grains import GrainRow
from napari_tesm.grains.labels import GRAIN, OWN_CLASSES
from napari_tesm.gui.panels.region_table_view import ClassDelegate
from napari_tesm.quantities.scaling import Scaling, scaling_of

NUMBER, CLASS, AREA, DIAMETER, HEIGHT, COUNT, MEDIAN, RATIO = range(8)
_TOOLTIPS: Final = (
    "Label of the grain; click a line to paint with it. * reaches the edge of the image",
    "Grain, cluster (several that cannot be told apart) or defect; double-click to change it",
    "Area",
    "Diameter of a disc of the same area",
    "Mean height",
    "Pixels with a value",
    "Median and quartiles of what is measured",
    "Median at the boundary over that of the interior",
)


class GrainTableModel(QAbstractTableModel):
    """Rows of `napari_tesm.grains.table_of_grains`, for a table view."""

    class_wanted = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[GrainRow] = []
        self._key: tuple[str, int] = ("", 0)
        self._lengths = self._values = self._heights = Scaling(1.0, "")

    def show_rows(
        self, rows: Sequence[GrainRow], quantity: str, pulse: int, *, unit: str, lateral_unit: str
    ) -> None:
        """Take over new rows and what of them is shown."""
        self.beginResetModel()
        self.rows, self._key = list(rows), (quantity, pulse)
        values = [row.values[self._key].median for row in rows if self._key in row.values]
        self._values = scaling_of(values, unit)
        self._lengths = scaling_of([row.diameter for row in rows], lateral_unit)
        self._heights = scaling_of([row.height for row in rows], "m")
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return RATIO + 1

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:  # noqa: D102
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TOOLTIPS[section]
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        unit, lateral = self._values.unit, self._lengths.unit
        value = f"{self._key[0]}\n{unit}" if unit else self._key[0]
        lengths = (f"Area\n{lateral}²", f"Ø\n{lateral}", f"Height\n{self._heights.unit}")
        return ("Id", "Class", *lengths, "n", value, "b/i")[section]

    def data(self, index: QModelIndex, role: int = 0) -> Any:  # noqa: D102
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self._text(self.rows[index.row()], index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() >= AREA:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TOOLTIPS[index.column()]
        return None

    def flags(self, index: QModelIndex) -> Any:  # noqa: D102
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == CLASS else flags

    def setData(self, index: QModelIndex, value: Any, role: int = 2) -> bool:  # noqa: D102
        if index.column() != CLASS or value not in (GRAIN, *OWN_CLASSES):
            return False
        row = self.rows[index.row()]
        if value != row.grain_class:
            self.class_wanted.emit(row.number, str(value))
        return True

    def _text(self, row: GrainRow, column: int) -> str:
        if column == NUMBER:
            return f"{row.number}{' *' if row.at_edge else ''}"
        if column == CLASS:
            return row.grain_class
        if column == AREA:
            return f"{row.area / self._lengths.factor**2:.0f}"
        if column == DIAMETER:
            return self._lengths.text(row.diameter)
        if column == HEIGHT:
            return self._heights.text(row.height) or "–"
        found = row.values.get(self._key)
        if found is None:
            return ""
        if column == COUNT:
            return str(found.n)
        if column == MEDIAN:
            if not found.n:
                return "no value"
            low, middle, high = (self._values.text(value) for value in (found.q25, found.median, found.q75))
            return f"{middle} ({low}…{high})"
        return f"{found.boundary_ratio:.2f}" if math.isfinite(found.boundary_ratio) else "–"


class _ClassDelegate(ClassDelegate):
    """Offers the three classes when a cell of their column is edited."""

    def createEditor(self, parent: QWidget | None, option: Any, index: QModelIndex) -> QWidget:
        editor = QComboBox(parent)
        editor.addItems([GRAIN, *OWN_CLASSES])
        editor.setFrame(False)
        editor.activated.connect(lambda _: self._finish(editor))
        return editor


class GrainTableView(QTableView):
    """The table, compact enough for a dock of 400 pixels."""

    chosen = Signal(int)
    """The label of the line that was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown = GrainTableModel(self)
        self.setModel(self.shown)
        self.setItemDelegateForColumn(CLASS, _ClassDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        # A fixed height: measuring every line of some hundred grains would stop the brush.
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 4)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(MEDIAN, QHeaderView.ResizeMode.Stretch)
        header.setStyleSheet("QHeaderView::section { padding: 1px 3px; font-weight: normal; }")
        self.setStyleSheet("QTableView::item { padding: 0px 2px; }")
        self.clicked.connect(lambda index: self.chosen.emit(self.shown.rows[index.row()].number))
