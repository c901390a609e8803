"""The numbers under the trace plot: a row for each place and pulse setting, units in the headings."""

from typing import Any, Final

from qtpy.QtCore import QEvent, QModelIndex, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView

from napari_tesm.data.maps import map_name
from napari_tesm.findings.table import Joined, Table
from napari_tesm.gui.models.trace import PlaceTraces, TraceModel
from napari_tesm.gui.panels.table_view import TableModel, TableView
from napari_tesm.plotting.theme import PlotTheme
from napari_tesm.plotting.words import sentence_from_fit, sentence_from_limits_of_fit
from napari_tesm.quantities.scaling import Scaling

_ROWS_SHOWN: Final = 4


class TraceTableModel(TableModel):
    """H, tau and D of places, each row in the colour of its place."""

    units_below = False

    def __init__(self) -> None:
        super().__init__()
        self.colours: list[str] = []
        self.tips: list[dict[str, str]] = []
        """What is said of the fit of each row, by the key of the column."""

    def look(self, row: int, key: str, role: int) -> Any:
        """Give the first cell its colour, and say what a fit comes to."""
        if role == Qt.ItemDataRole.ForegroundRole and key == "point":
            return QColor(self.colours[row])
        return self.tips[row].get(key) if role == Qt.ItemDataRole.ToolTipRole else None


class TraceTable(TableView):
    """H, tau and D with their errors, of the probe and of every pinned point."""

    shown: TraceTableModel
    place_chosen = Signal(object)
    """The number of a pinned point, or None for the probe."""

    def __init__(self) -> None:
        self._shrinking = True
        super().__init__(TraceTableModel())
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.clicked.connect(self._clicked)
        # Room for its arrow would cost every column a third of its width; a click on a title sorts all the same.
        self.horizontalHeader().setSortIndicatorShown(False)
        self._shrink_type()

    def fill(self, model: TraceModel, places: list[PlaceTraces], theme: PlotTheme) -> None:
        """Show the numbers of these places."""
        table = model.table(places)
        fits = [(place, place.fits[pulse]) for place in places for pulse in model.pulses]
        self.shown.colours = [
            theme.foreground if p.point is None else theme.readable(p.point.colour, text=True)
            for p, _ in fits
        ]
        self.shown.tips = [
            {
                map_name(name, number): "\n".join(
                    filter(None, [sentence_from_fit(fit), sentence_from_limits_of_fit(fit)])
                )
                for number, fit in pulse_fit.windows.items()
                for name in ("tau", "D")
            }
            for _, pulse_fit in fits
        ]
        several = len(model.pulses) > 1

        def place(_: Scaling, number: int | None, label: str) -> str:
            return " ".join(["●", *([] if number is None else [str(number)]), *([label] if several else [])])

        with_error = Scaling.text_with_error
        measured = [key for key in table.keys[5:] if not key.endswith("standard error")]
        parts: list[str | Joined] = [
            Joined("", ("point", "pulse"), place, is_text=True), "H",
            *(Joined(key.replace("tau", "τ"), (key, f"{key} standard error"), with_error) for key in measured),
        ]  # fmt: skip
        self.shown.show_table(table, parts)
        chosen = [row for row, number in enumerate(table.values("point")) if number == model.selected]
        if model.selected is None or not chosen:
            self.clearSelection()
        else:
            self.selectRow(self.shown.order.index(chosen[0]))
        self.fit_height()

    def clear(self) -> None:
        """Show nothing."""
        self.shown.show_table(Table("", "", (), ()))
        self.fit_height()

    def fit_height(self) -> None:
        """Be as high as the rows, up to four of them."""
        header = self.horizontalHeader().sizeHint().height()
        rows = min(max(self.shown.rowCount(), 1), _ROWS_SHOWN)
        self.setFixedHeight(header + rows * self.verticalHeader().defaultSectionSize() + 4)

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the size of the type."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.FontChange and not self._shrinking:
            self._shrink_type()
            self.fit_height()

    def _shrink_type(self) -> None:
        """Use slightly smaller type: six columns of numbers with errors have to lie beside an image."""
        self._shrinking = True
        parent = self.parentWidget()
        font = self.font() if parent is None else parent.font()
        font.setPointSizeF(0.86 * font.pointSizeF())
        self.setFont(font)
        self.horizontalHeader().setFont(font)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 5)
        self._shrinking = False

    def _clicked(self, index: QModelIndex) -> None:
        self.place_chosen.emit(self.shown.table.values("point")[self.shown.order[index.row()]])
