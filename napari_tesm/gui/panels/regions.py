"""The tab of regions: draw them, name and class them, and read off what moves faster where."""

import math
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QGuiApplication, QKeyEvent
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QVBoxLayout, QWidget

from napari_tesm.files.sentences import sentence_begun
from napari_tesm.gui.models.busy import Busy
from napari_tesm.gui.models.form_words import FORMS
from napari_tesm.gui.models.region_table import RegionTable
from napari_tesm.gui.models.regions import round_length
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.drawn_panel import DrawnPanel
from napari_tesm.gui.panels.panel import Connection
from napari_tesm.gui.panels.region_table_view import RegionTableView
from napari_tesm.gui.panels.widgets import (
    Words,
    button,
    choice_box,
    fill_box,
    fill_pulses,
    give_way,
    laid_out,
    undo_or_redo,
)
from napari_tesm.regions.shapes import REGION_CLASSES

if TYPE_CHECKING:
    import napari

_TOOLS: Final = (
    ("add_line", "Line: drag across a step to get its profile"),
    ("add_polyline", "Path: click along a step, double-click at its end"),
    ("add_rectangle", "Rectangle: drag"),
    ("add_ellipse", "Ellipse: drag"),
    ("add_polygon", "Polygon: click around an area, double-click to close it"),
    ("select", "Select, move and resize shapes"),
    ("direct", "Move the vertices of a shape"),
)
_WHAT_TO_DO: Final = "Draw around a step with the tools above, or let them be found."
_NO_SCAN: Final = "Open a scan to draw regions on it."


class RegionPanel(DrawnPanel):
    """Regions of the scan that is looked at.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    EXPORTED = ("Export the table", "regions.csv")

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        for mode, tip in _TOOLS:
            self._add_tool(mode, tip)
        self.undo_button = self._add_tool("undo", "Take the last change of regions back (Ctrl+Z)", self.undo)
        self.redo_button = self._add_tool("redo", "Do it again (Ctrl+Shift+Z)", self.redo)
        self.find_button = button(
            "Find steps",
            "Propose steps from topography and deflection error; they can be edited and undone",
            self.find_steps,
        )
        classes = [(name, None) for name in ("", *REGION_CLASSES)]
        self.class_box = choice_box(
            "Class of the selected shapes, else of the next drawing; without one a line is a line and no step",
            self._class_chosen,
            classes,
        )
        self.class_box.setEditable(True)
        self.class_box.lineEdit().setPlaceholderText("no class")
        self._shown_class = ""
        self.class_box.lineEdit().editingFinished.connect(self._class_chosen)
        self.width_box = QDoubleSpinBox()
        self.width_box.setRange(0.0, 1e6)
        self.width_box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.width_box.setSpecialValueText("thin")
        self.width_box.setToolTip(
            "Width over which a line is averaged, of the selected line and of the next ones"
        )
        self.width_box.valueChanged.connect(self._width_entered)
        self.quantity_box = choice_box("What the table tells of each region", self._quantity_chosen)
        self.pulse_box = choice_box("Pulse setting", self._quantity_chosen)
        self.view = RegionTableView()
        self.view.selectionModel().selectionChanged.connect(self._rows_selected)
        self.comparison, self.message = Words(), Words()
        for words in (self.comparison, self.message):
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.delete_button = button(
            "Delete", "Delete the selected regions (they can be taken back)", self.delete_selected
        )
        self.copy_button = button(
            "Copy table", "Copy the table for a spreadsheet, all numbers in SI units", self.copy_table
        )
        self.export_button = button(
            "Export CSV…", "Save the table, all numbers in SI units", self.ask_and_export
        )
        self._said = ""
        self._busy = Busy()
        self._lay_out()

    @property
    def table(self) -> RegionTable | None:
        """The table of the scan that is looked at."""
        return None if self.scan is None else RegionTable.of(self.scan)

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Listen to regions, results and the layer."""
        connections: list[Connection] = [
            (self.viewer.events.theme, self._paint_icons),
            (self.link.mode_changed, self._mode_changed),
            (self.link.layer_changed, self.refresh_soon),
        ]
        if scan is not None:
            table = RegionTable.of(scan)
            connections += [
                (scan.regions_changed, self.refresh_soon),
                (scan.results_changed, self.refresh_soon),
                (scan.dataset_changed, self.refresh_soon),
                (table.changed, self.refresh_soon),
                (table.model.selection_changed, self._regions_selected),
                (table.model.pen_changed, self.refresh_soon),
                (table.model.settled, self.refresh_soon),
            ]
        return connections

    def event(self, event: QEvent | None) -> bool:
        """Claim the keys for undo and redo while the focus is in here: elsewhere they are napari's."""
        if event is not None and event.type() == QEvent.Type.ShortcutOverride and undo_or_redo(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Undo with Ctrl+Z, redo with Ctrl+Shift+Z."""
        wanted = undo_or_redo(event)
        if wanted:
            (self.undo if wanted == "undo" else self.redo)()
        else:
            super().keyPressEvent(event)

    def refresh(self) -> None:
        """Show the numbers of all regions as they are now."""
        table = self.table
        with self._busy:
            self._show_choices(table)
            self.view.shown.show_regions(table)
            self._show_pen(table)
        regions = [] if table is None else table.model.regions
        for widget in (self.copy_button, self.export_button):
            widget.setEnabled(bool(regions))
        for widget in (*self.tool_buttons.values(), self.find_button, self.class_box, self.width_box):
            widget.setEnabled(table is not None)
        self.undo_button.setEnabled(table is not None and table.model.history.can_undo)
        self.redo_button.setEnabled(table is not None and table.model.history.can_redo)
        if table is None or not table.model.is_live:
            # Independent pixels take a Fourier transform of the map: not for every frame of a drag.
            self.comparison.show_if_any("" if table is None else table.comparison())
        self._show_message(table)
        self._regions_selected()
        self._mode_changed(self.link.mode)

    def draw(self, mode: str) -> None:
        """Start to draw, as `DrawnPanel` does; what was said before is over."""
        self._said = ""
        super().draw(mode)
        self.refresh_soon()

    def undo(self) -> None:
        """Take the last change of regions back."""
        if self.table is not None and not self.link.give_up_drawing() and not self.table.model.undo():
            self.tell("there is nothing to take back")

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.table is not None and not self.table.model.redo():
            self.tell("there is nothing to do again")

    def find_steps(self) -> None:
        """Propose steps, as regions that can be edited."""
        if self.table is None:
            return
        try:
            self.tell(self.table.propose_steps())
        except ValueError as error:
            self.tell(error)

    def delete_selected(self) -> None:
        """Delete the selected regions."""
        if self.table is not None:
            if self.table.model.selection:
                self.table.model.remove(self.table.model.selection)
            else:
                self.tell("select the regions to delete in the table or on the canvas first")

    def copy_table(self) -> None:
        """Put the table on the clipboard."""
        clipboard = QGuiApplication.clipboard()
        if self.table is not None and clipboard is not None:
            clipboard.setText(self.table.separated_text())
            self.tell("the table is on the clipboard, in SI units")

    def csv_text(self) -> str:
        """Return the table for a file, in SI units."""
        return "" if self.table is None else self.table.csv_text()

    def tell(self, sentence: object) -> None:
        """Show a sentence, or what an exception says, below the table."""
        self._said = sentence_begun(FORMS(sentence))
        self._show_message(self.table)

    def _show_message(self, table: RegionTable | None) -> None:
        if table is None:
            text = _NO_SCAN
        elif table.model.regions and self.link.layer is None:
            text = "The layer Regions was deleted; choose a tool to get it back with its regions."
        elif self._said:
            text = self._said
        else:
            text = "" if table.model.regions else _WHAT_TO_DO
        self.message.show_if_any(text)

    def _show_choices(self, table: RegionTable | None) -> None:
        quantities = [] if table is None else table.book.quantities()
        chosen = None if table is None else table.quantity
        fill_box(self.quantity_box, [(q.title, q.key) for q in quantities], chosen and chosen.key)
        fill_pulses(self.pulse_box, self.scan, 0 if table is None else table.pulse)
        self.pulse_box.setEnabled(chosen is not None and chosen.by_pulse)

    def _show_pen(self, table: RegionTable | None) -> None:
        if table is None:
            return
        model, display = table.model, table.model.scan.display
        lines = [model.regions[i] for i in sorted(model.selection) if model.regions[i].is_line]
        width = lines[0].width if lines else model.pen_width
        self.width_box.setSuffix(f" {display.unit}")
        self.width_box.setDecimals(max(0, 1 - math.floor(math.log10(min(display.spacing)))))
        self.width_box.setSingleStep(round_length(min(display.spacing)))
        self.width_box.setMaximum(2 * max(display.extent()))
        if abs(self.width_box.value() - width / display.factor) > 0.5 * 10.0 ** -self.width_box.decimals():
            self.width_box.setValue(width / display.factor)
        chosen = {model.regions[i].region_class for i in model.selection}
        shown = (chosen.pop() if len(chosen) == 1 else "") if chosen else model.pen_class
        if not self.class_box.lineEdit().hasFocus():
            self._shown_class = shown
            if self.class_box.currentText() != shown:
                self.class_box.setCurrentText(shown)

    def _class_chosen(self, *chosen: Any) -> None:
        """Class the selected shapes, or what is being drawn; to leave the entry as it is says nothing."""
        name = self.class_box.currentText().strip()
        if self._busy or self.table is None or (not chosen and name == self._shown_class):
            return
        model, self._shown_class = self.table.model, name
        if self.link.set_class_of_drawing(name) or not model.selection:
            model.set_pen(region_class=name)
        else:
            model.set_class(model.selection, name)

    def _width_entered(self, value: float) -> None:
        if self._busy or self.table is None:
            return
        model = self.table.model
        width = float(f"{value * model.scan.display.factor:.12g}")  # 30 nm, not 30.000000000000004 nm
        model.set_pen(width=width)
        model.set_width(model.selection, width)

    def _quantity_chosen(self, *_: Any) -> None:
        if self.table is not None:
            self._said = ""
            self.table.choose(
                key=self.quantity_box.currentData(), pulse=max(0, self.pulse_box.currentIndex())
            )

    def _rows_selected(self, *_: Any) -> None:
        if not self._busy and self.table is not None:
            self.table.model.select(self.view.selected_regions())

    def _regions_selected(self) -> None:
        table = self.table
        self.delete_button.setEnabled(table is not None and bool(table.model.selection))
        if table is None or self._busy:
            return
        with self._busy:
            if table.model.selection != frozenset(self.view.selected_regions()):
                self.view.select_rows(table.model.selection)
            self._show_pen(table)

    def _lay_out(self) -> None:
        tools = laid_out(QHBoxLayout(), *self.tool_buttons.values(), None, self.find_button, spacing=1)
        for first in (self.undo_button, self.tool_buttons["select"]):
            tools.insertSpacing(tools.indexOf(first), 6)
        shares = {self.class_box: 10, self.width_box: 11, self.quantity_box: 14, self.pulse_box: 9}
        give_way(*shares)
        choices = laid_out(QHBoxLayout(), *shares.items(), spacing=4)
        actions = laid_out(QHBoxLayout(), self.delete_button, None, self.copy_button, self.export_button)
        parts = (tools, choices, (self.view, 1), self.comparison, self.message, actions)
        laid_out(QVBoxLayout(self), *parts, spacing=3, margin=4)
