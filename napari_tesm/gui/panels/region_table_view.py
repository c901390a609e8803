"""The table of regions on the screen: names and classes can be edited in it, numbers follow."""

from typing import Any, Final

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor, QFont
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QStyledItemDelegate, QTableView, QWidget

from napari_tesm.gui.models.region_table import RegionRow, RegionTable
from napari_tesm.quantities.scaling import Scaling
from napari_tesm.regions.shapes import REGION_CLASSES

NAME, CLASS, COUNT, MEDIAN, MEAN = range(5)
_TOOLTIPS: Final = (
    "Name of the region; double-click to change it",
    "Class of the region: step, grain, other, or a word of your own",
    "Pixels with a value (accepted by the fit) of all pixels inside",
    "Median, and the quartiles between which half of the values lie",
    "Mean and standard deviation of the values",
)
_NO_PIXELS: Final = "no pixels"


class RegionTableModel(QAbstractTableModel):
    """What a `RegionTable` says, for a table view."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table: RegionTable | None = None
        self.rows: list[RegionRow] = []
        self.scaling = Scaling(1.0, "")

    def show_table(self, table: RegionTable | None) -> None:
        """Take over the present numbers; an editor that is open stays open while no row comes or goes."""
        rows = [] if table is None else table.rows()
        same = table is self.table and [row.index for row in rows] == [row.index for row in self.rows]
        if not same:
            self.beginResetModel()
        self.table, self.rows = table, rows
        self.scaling = Scaling(1.0, "") if table is None else table.scaling(rows)
        if not same:
            self.endResetModel()
        elif rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, MEAN))
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, MEAN)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return MEAN + 1

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:  # noqa: D102
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            unit = f"\n{self.scaling.unit}" if self.scaling.unit else ""
            names = ("Name", "Class", "ok / px", f"Median (quartiles){unit}", f"Mean ± SD{unit}")
            return names[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TOOLTIPS[section]
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:  # noqa: D102
        row, column = self.rows[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self._text(row, column)
        if role == Qt.ItemDataRole.DecorationRole and column == NAME:
            return QColor(row.colour)
        if role == Qt.ItemDataRole.TextAlignmentRole and column >= COUNT:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.FontRole and row.index < 0:
            font = QFont()
            font.setItalic(True)
            return font
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.name} ({row.kind or row.region_class}): {_TOOLTIPS[column]}"
        return None

    def flags(self, index: QModelIndex) -> Any:  # noqa: D102
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if self.rows[index.row()].index >= 0 and index.column() in (NAME, CLASS):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def setData(self, index: QModelIndex, value: Any, role: int = 2) -> bool:  # noqa: D102
        row = self.rows[index.row()]
        if self.table is None or row.index < 0 or index.column() not in (NAME, CLASS):
            return False
        if index.column() == NAME:
            self.table.model.rename(row.index, str(value))
        else:
            self.table.model.set_class([row.index], str(value))
        return True

    def _text(self, row: RegionRow, column: int) -> str:
        values = row.values
        if column in (NAME, CLASS):
            return row.name if column == NAME else row.region_class
        if values is None:
            return ""
        if column == COUNT:
            return f"{values.n}/{row.pixels}"
        show = self.scaling
        if column == MEDIAN:
            if row.pixels == 0:
                return _NO_PIXELS
            quartiles = f" ({show.text(values.q25)}…{show.text(values.q75)})" if values.n else "no value"
            return show.text(values.median) + quartiles
        return show.text_with_spread(values.mean, values.std)


class ClassDelegate(QStyledItemDelegate):
    """Offers the classes when a cell of their column is edited; another word can be typed."""

    def createEditor(self, parent: QWidget | None, option: Any, index: QModelIndex) -> QWidget:  # noqa: D102
        editor = QComboBox(parent)
        editor.setEditable(True)
        editor.addItems(REGION_CLASSES)
        editor.setFrame(False)
        editor.textActivated.connect(lambda: self._finish(editor))
        return editor

    def setEditorData(self, editor: QWidget | None, index: QModelIndex) -> None:  # noqa: D102
        if isinstance(editor, QComboBox):
            editor.setCurrentText(str(index.data()))

    def setModelData(self, editor: QWidget | None, model: Any, index: QModelIndex) -> None:  # noqa: D102
        if isinstance(editor, QComboBox):
            model.setData(index, editor.currentText())

    def _finish(self, editor: QComboBox) -> None:
        self.commitData.emit(editor)
        self.closeEditor.emit(editor)


class RegionTableView(QTableView):
    """The table, compact enough for a dock of 400 pixels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown = RegionTableModel(self)
        self.setModel(self.shown)
        self.setItemDelegateForColumn(CLASS, ClassDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        # Names give way: the numbers are what the table is for, and the tooltip has the whole name.
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setStyleSheet("QHeaderView::section { padding: 1px 3px; font-weight: normal; }")
        self.setStyleSheet("QTableView::item { padding: 0px 2px; }")

    def select_rows(self, indices: frozenset[int]) -> None:
        """Select the lines of these regions."""
        from qtpy.QtCore import QItemSelection, QItemSelectionModel

        chosen = QItemSelection()
        for number, row in enumerate(self.shown.rows):
            if row.index in indices:
                chosen.select(self.shown.index(number, 0), self.shown.index(number, MEAN))
        self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def selected_regions(self) -> list[int]:
        """Return which regions are selected; the line of a class stands for all of it."""
        found: set[int] = set()
        for index in self.selectionModel().selectedRows():
            row = self.shown.rows[index.row()]
            if row.index >= 0:
                found.add(row.index)
            else:
                same = (other for other in self.shown.rows if other.region_class == row.region_class)
                found |= {other.index for other in same if other.index >= 0}
        return sorted(found)
