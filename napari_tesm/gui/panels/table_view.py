"""A `Table` on the screen: sorted by a click on a title, copied with Ctrl+C, edited where that makes sense."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QStyledItemDelegate, QTableView, QWidget

from napari_tesm.findings.table import DIGITS_COPIED, Joined, ShownColumn, Table

_NAME: Final = 110
"""Pixels of a stretched column that are seen in any case, as far as it is written in."""
_RIGHT: Final = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class TableModel(QAbstractTableModel):
    """What a `Table` says, for a table view."""

    edited = Signal(int, str, str)
    """A cell was edited: the row of the table, the key of the column, the text."""
    editable: Mapping[str, Sequence[str]] = {}
    """Columns whose cells can be edited, by their keys, each with the words that it may take; empty for any."""
    units_below = True
    """Whether units stand below the titles, else beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table("", "", (), ())
        self.columns: list[ShownColumn] = []
        self.order: list[int] = []
        """The row of the table in each line."""
        self._tips: Sequence[str] = ()
        self._sorted_by = (-1, Qt.SortOrder.AscendingOrder)

    def show_table(self, table: Table, parts: Sequence[str | Joined] = (), tips: Sequence[str] = ()) -> None:
        """Take over a table; an editor that is open stays open while no row or column comes or goes.

        Parameters
        ----------
        parts : sequence of str or Joined
            As for `Table.shown`.
        tips : sequence of str
            What is said of each column.
        """
        columns = table.shown(parts)
        last = (len(table.rows) - 1, len(columns) - 1)
        same = last == (len(self.order) - 1, len(self.columns) - 1)
        if not same:
            self.beginResetModel()
            self.order = list(range(len(table.rows)))
        self.table, self.columns, self._tips = table, columns, tips
        if not same:
            self.endResetModel()
        elif min(last) >= 0:
            self.dataChanged.emit(self.index(0, 0), self.index(*last))
        if self._sorted_by[0] >= 0:
            self.sort(*self._sorted_by)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, max(0, last[1]))

    def look(self, row: int, key: str, role: int) -> Any:
        """Return what is special about a cell, such as its colour; None takes the ordinary."""
        return None

    def may_edit(self, row: int, key: str) -> bool:
        """Return whether a cell can be edited."""
        return key in self.editable

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self.order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return len(self.columns)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:  # noqa: D102
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return dict(enumerate(self._tips)).get(section)
        if orientation != Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        column = self.columns[section]
        return f"{column.title}\n{column.unit}" if column.unit and self.units_below else column.head

    def data(self, index: QModelIndex, role: int = 0) -> Any:  # noqa: D102
        row, column = self.order[index.row()], self.columns[index.column()]
        special = self.look(row, column.key, role)
        if special is not None:
            return special
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return column.texts[row]
        if role == Qt.ItemDataRole.TextAlignmentRole and not column.is_text:
            return _RIGHT
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.headerData(index.column(), Qt.Orientation.Horizontal, role)
        return None

    def flags(self, index: QModelIndex) -> Any:  # noqa: D102
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        may = self.may_edit(self.order[index.row()], self.columns[index.column()].key)
        return flags | Qt.ItemFlag.ItemIsEditable if may else flags

    def setData(self, index: QModelIndex, value: Any, role: int = 2) -> bool:  # noqa: D102
        row, key = self.order[index.row()], self.columns[index.column()].key
        if not self.may_edit(row, key) or value not in (self.editable[key] or [value]):
            return False
        if value != index.data():
            self.edited.emit(row, key, str(value))
        return True

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Put the lines into the order of a column, missing values last; into that of the table for -1."""
        self._sorted_by = (column, order)
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        rows = [self.order[index.row()] for index in before]
        self.order.sort()
        if 0 <= column < len(self.columns):
            cells = self.table.values(self.columns[column].key)
            there = {
                row: cells[row] for row in self.order if cells[row] is not None and cells[row] == cells[row]
            }
            ranked = sorted(there, key=there.__getitem__, reverse=order == Qt.SortOrder.DescendingOrder)
            self.order = [*ranked, *(row for row in self.order if row not in there)]
        after = [self.index(self.order.index(row), i.column()) for row, i in zip(rows, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()


class TableView(QTableView):
    """A table view, compact enough for a dock of 400 pixels.

    Parameters
    ----------
    shown : TableModel
    stretched : int
        Column that takes the room that is left; -1 for the last.
    """

    def __init__(self, shown: TableModel, parent: QWidget | None = None, *, stretched: int = -1) -> None:
        super().__init__(parent)
        self.shown, self._stretched = shown, stretched
        self.setModel(shown)
        # After the header's own slot: a mode belongs to a section that is there.
        shown.modelReset.connect(self._stretch)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        # A fixed height: measuring every line of some hundred grains would stop the brush.
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 4)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(stretched < 0)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        header.setStyleSheet("QHeaderView::section { padding: 1px 3px; font-weight: normal; }")
        self.setStyleSheet("QTableView::item { padding: 0px 2px; }")

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Give the stretched column what the others leave."""
        super().resizeEvent(event)
        self._stretch()

    def _stretch(self) -> None:
        """Let a column take the room that is left; where there is none it shows its words, and all scroll."""
        column, header = self._stretched, self.horizontalHeader()
        if not 0 <= column < self.shown.columnCount():
            return
        others = sum(header.sectionSize(n) for n in range(self.shown.columnCount()) if n != column)
        wanted = min(self.sizeHintForColumn(column), _NAME)
        if self.viewport().width() - others >= wanted:
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        else:
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, wanted)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Copy the selected lines, or all of them, with Ctrl+C; all numbers in SI units."""
        clipboard = QGuiApplication.clipboard()
        if event is None or clipboard is None or not event.matches(QKeySequence.StandardKey.Copy):
            super().keyPressEvent(event)
            return
        table, chosen = self.shown.table, self.selected_rows() or self.shown.order
        rows = table.kept(row in chosen for row in range(len(table.rows)))
        clipboard.setText(rows.csv(separator="\t", digits=DIGITS_COPIED))

    def selected_rows(self) -> list[int]:
        """Return which rows of the table are selected."""
        return [self.shown.order[index.row()] for index in self.selectionModel().selectedRows()]


class ChoiceDelegate(QStyledItemDelegate):
    """Offers words when a cell of its column is edited; with `open_ended` another one can be typed."""

    def __init__(self, words: Sequence[str], parent: QWidget, *, open_ended: bool = False) -> None:
        super().__init__(parent)
        self._words, self._open_ended = words, open_ended

    def createEditor(self, parent: QWidget | None, option: Any, index: QModelIndex) -> QWidget:  # noqa: D102
        editor = QComboBox(parent)
        editor.setEditable(self._open_ended)
        editor.addItems(self._words)
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
