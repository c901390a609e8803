"""The numbers under the trace plot: a row for each place and pulse setting, units in the headings."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_tesm.data.maps import JOINT
from napari_tesm.evaluation.fits import FittedWindow
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.trace import PlaceTraces, TraceModel
from napari_tesm.plotting.words import sentence_from_fit, sentence_from_limits_of_fit
from napari_tesm.quantities.text import prefix_for, text_with_error

_ROWS_SHOWN: Final = 4
_COLUMNS: Final = 6


class TraceTable(QTableWidget):
    """H, tau and D with their errors, of the probe and of every pinned point."""

    place_chosen = Signal(object)
    """The number of a pinned point, or None for the probe."""

    def __init__(self) -> None:
        super().__init__(0, _COLUMNS)
        self.verticalHeader().setVisible(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setShowGrid(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.cellClicked.connect(self._clicked)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(20)
        self._shrinking = False
        self._shrink_type()

    def fill(self, model: TraceModel, places: list[PlaceTraces], probe_colour: str) -> None:
        """Show the numbers of these places."""
        rows = [(place, pulse) for place in places for pulse in model.pulses]
        self.setRowCount(len(rows))
        several = len(model.pulses) > 1
        units = _Units.of(model.scan, places)
        headings = units.headings()
        self.setColumnCount(len(headings))
        self.setHorizontalHeaderLabels(headings)
        for index, (place, pulse) in enumerate(rows):
            fit, point = place.fits[pulse], place.point
            name = "●" if point is None else f"● {point.number}"
            words = [f"{name} {fit.label}" if several else name, units.height(fit.height)]
            shown = (JOINT,) if JOINT in fit.windows else (1, 2)
            for number in shown:
                window = fit.windows.get(number)
                words += ["", ""] if window is None else units.numbers(window)
            for column, text in enumerate(words):
                item = self._item(index, column)
                item.setText(text)
                window = fit.windows.get(shown[column // 2 - 1]) if column >= 2 else None
                tips = (
                    [] if window is None else [sentence_from_fit(window), sentence_from_limits_of_fit(window)]
                )
                item.setToolTip("\n".join(filter(None, tips)))
            first = self._item(index, 0)
            first.setForeground(QColor(probe_colour if point is None else point.colour))
            first.setData(Qt.ItemDataRole.UserRole, None if point is None else point.number)
            if point is not None and point.number == model.selected and pulse == model.pulses[0]:
                self.selectRow(index)
        if model.selected is None:
            self.clearSelection()
        self.fit_height()

    def fit_height(self) -> None:
        """Be as high as the rows, up to four of them."""
        header = self.horizontalHeader().sizeHint().height()
        rows = min(max(self.rowCount(), 1), _ROWS_SHOWN)
        self.setFixedHeight(header + rows * self.verticalHeader().defaultSectionSize() + 4)

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the size of the type."""
        super().changeEvent(event)
        if (
            event is not None
            and event.type() == QEvent.Type.FontChange
            and not getattr(self, "_shrinking", True)
        ):
            self._shrink_type()
            self.fit_height()

    def _item(self, row: int, column: int) -> Any:
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            self.setItem(row, column, item)
        return item

    def _shrink_type(self) -> None:
        """Use slightly smaller type: six columns of numbers with errors have to lie beside an image."""
        self._shrinking = True
        parent = self.parentWidget()
        font = self.font() if parent is None else parent.font()
        font.setPointSizeF(0.88 * font.pointSizeF())
        self.setFont(font)
        self.horizontalHeader().setFont(font)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 5)
        self._shrinking = False

    def _clicked(self, row: int, _: int) -> None:
        self.place_chosen.emit(self._item(row, 0).data(Qt.ItemDataRole.UserRole))


@dataclass(frozen=True)
class _Units:
    """Units of the table's columns, the same for all rows, so that numbers can be compared at a glance."""

    height_factor: float
    height_unit: str
    time_factor: float
    time_unit: str
    joint: bool

    @classmethod
    def of(cls, scan: Scan, places: list[PlaceTraces]) -> "_Units":
        fits = [fit for place in places for fit in place.fits]
        height = prefix_for([fit.height for fit in fits], scan.unit)
        lengths = [float(window.time[-1]) for fit in fits for window in fit.windows.values()]
        joint = any(JOINT in fit.windows for fit in fits)
        return cls(*height, *prefix_for(max(lengths, default=1e-3), "s"), joint)

    def headings(self) -> list[str]:
        height = f"H ({self.height_unit})" if self.height_unit else "H"
        numbers = ("",) if self.joint else ("1", "2")
        return ["", height, *(text for n in numbers for text in (f"τ{n} ({self.time_unit})", f"D{n} (m²/s)"))]

    def height(self, value: float) -> str:
        return f"{value / self.height_factor:.3g}" if np.isfinite(value) else "–"

    def numbers(self, window: FittedWindow) -> list[str]:
        """Return tau and D as text; a dash where the pixel does not deserve a number."""
        if not window.ok:
            return ["–", "–"]
        values = window.values
        diffusion = text_with_error(values["D"], values["D_stderr"]) if np.isfinite(values["D"]) else "–"
        return [
            text_with_error(values["tau"] / self.time_factor, values["tau_stderr"] / self.time_factor),
            diffusion,
        ]
