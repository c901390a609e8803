"""The table of regions on the screen: names and classes can be edited in it, numbers follow."""

from typing import Any, Final

from qtpy.QtCore import QItemSelection, QItemSelectionModel, Qt
from qtpy.QtGui import QColor, QFont
from qtpy.QtWidgets import QAbstractItemView, QWidget

from napari_tesm.findings.table import Table
from napari_tesm.gui.models.region_table import RegionRow, RegionTable
from napari_tesm.gui.panels.table_view import ChoiceDelegate, TableModel, TableView
from napari_tesm.regions.shapes import REGION_CLASSES
from napari_tesm.scan.tables import PARTS_SHOWN

_TOOLTIPS: Final = (
    "Name of the region; double-click to change it",
    "Class of the region: step, grain, other, or a word of your own",
    "Pixels with a value (accepted by the fit) of all pixels inside",
    "Median of the values",
    "The quartiles, between which half of the values lie",
    "Mean and standard deviation of the values",
)


class RegionTableModel(TableModel):
    """What a `RegionTable` says, for a table view."""

    editable = {"name": (), "class": ()}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[RegionRow] = []
        self._regions: RegionTable | None = None
        self.edited.connect(self._change)

    def show_regions(self, regions: RegionTable | None) -> None:
        """Take over the present numbers."""
        self._regions, self.rows = regions, [] if regions is None else regions.rows()
        table = Table("", "", (), ()) if regions is None else regions.table(self.rows)
        self.show_table(table, () if regions is None else PARTS_SHOWN, _TOOLTIPS)

    def look(self, row: int, key: str, role: int) -> Any:
        """Give a region its colour, a class a slanted type, and say where there is no pixel."""
        region = self.rows[row]
        if role == Qt.ItemDataRole.DisplayRole and key == "median" and not region.pixels and region.values:
            return "no pixels"
        if role == Qt.ItemDataRole.DecorationRole and key == "name":
            return QColor(region.colour)
        if role == Qt.ItemDataRole.ToolTipRole and key == "name":
            return f"{region.name} ({region.kind or region.region_class}): {_TOOLTIPS[0]}"
        if role == Qt.ItemDataRole.FontRole and region.index < 0:
            font = QFont()
            font.setItalic(True)
            return font
        return None

    def may_edit(self, row: int, key: str) -> bool:
        """Return whether a cell can be edited: not in the line of a class."""
        return super().may_edit(row, key) and self.rows[row].index >= 0

    def _change(self, row: int, key: str, text: str) -> None:
        if self._regions is not None and key == "name":
            self._regions.model.rename(self.rows[row].index, text)
        elif self._regions is not None:
            self._regions.model.set_class([self.rows[row].index], text)


class RegionTableView(TableView):
    """The table of regions; names give way, as the numbers are what it is for."""

    shown: RegionTableModel

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(RegionTableModel(), parent, stretched=0)
        self.setItemDelegateForColumn(1, ChoiceDelegate(REGION_CLASSES, self, open_ended=True))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )

    def select_rows(self, indices: frozenset[int]) -> None:
        """Select the lines of these regions."""
        chosen, last = QItemSelection(), self.shown.columnCount() - 1
        for line, row in enumerate(self.shown.order):
            if self.shown.rows[row].index in indices:
                chosen.select(self.shown.index(line, 0), self.shown.index(line, last))
        self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def selected_regions(self) -> list[int]:
        """Return which regions are selected; the line of a class stands for all of it."""
        chosen: set[int] = set()
        for row in self.selected_rows():
            region = self.shown.rows[row]
            same = (other for other in self.shown.rows if other.region_class == region.region_class)
            chosen |= {other.index for other in ([region] if region.index >= 0 else same)} - {-1}
        return sorted(chosen)
