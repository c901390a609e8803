"""The tab of scans: which are open, which is looked at, and what is done with several at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from napari_tesm.evaluation.pipeline import Cancelled, default_jobs
from napari_tesm.gui.layers.scan_views import ScanViews, free_scan_name
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.scan_list import copy_entries, row_of_scan, save_into
from napari_tesm.gui.panels.closing import ask_before_closing, sentence_about_unsaved
from napari_tesm.gui.panels.panel import Connection, Panel
from napari_tesm.gui.panels.watch_button import WatchButton
from napari_tesm.gui.panels.widgets import Words, button, laid_out
from napari_tesm.gui.panels.worker import Worker

if TYPE_CHECKING:
    import napari

_COLUMNS: Final = ("Scan", "Size", "Voltage", "Fit", "Not saved")
_HINT: Final = "Choose a scan to look at it; a double click renames it, Delete closes it."
_WIDEST_NAME: Final = 150
"""Pixels of a scan's name."""
_COPIED: Final = ("form", "regions", "points")


class WorksOnScans(Protocol):
    """What the tab asks of the workspace."""

    @property
    def views(self) -> ScanViews:
        """What is seen of the scans."""

    def take_up_drawing(self) -> None:
        """Let the scan have what was drawn."""

    def ask_and_save_scan(self, scan: Scan) -> bool:
        """Ask for a file name and save; return whether that was done."""


class ScansPanel(Panel):
    """The scans of the viewer as rows of a table.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__(viewer)
        self._workspace: WorksOnScans | None = None
        self._shown: list[Scan] = []
        self._queue: list[Scan] = []
        self._count = 0
        self._said: list[str] = []
        self._worker = Worker(self)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.table.setWordWrap(False)
        if (rows := self.table.verticalHeader()) is not None:
            rows.hide()
            rows.setDefaultSectionSize(self.fontMetrics().height() + 6)
        if (columns := self.table.horizontalHeader()) is not None:
            columns.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            columns.setStretchLastSection(True)
            columns.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.table.currentCellChanged.connect(self._chosen)
        self.table.itemChanged.connect(self._renamed)
        self.fit_button = button(
            "Fit all scans", "Fit every scan with the form of the one that is looked at", self.fit_scans
        )
        self.cancel_button = button(
            "Cancel", "Stop; scans that are done keep their maps", self._worker.cancel
        )
        self.copy_button = QPushButton("Copy")
        self.copy_button.setToolTip("Give all other scans the form, the regions or the points of this one")
        menu = QMenu(self.copy_button)
        for what in _COPIED:
            menu.addAction(what.capitalize()).triggered.connect(lambda _=False, what=what: self.copy(what))
        self.copy_button.setMenu(menu)
        self.save_button = button(
            "Save all…", "Save every scan with unsaved work as a .gwy file in one folder", self._ask_and_save
        )
        self.watch_button = WatchButton(self, self.session, self._say)
        self.close_button = button("Close", "Close the scan that is looked at", self.close_scan)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.words = Words(_HINT)
        tools = (
            self.fit_button, self.cancel_button, self.copy_button, self.save_button, self.watch_button,
            self.close_button,
        )  # fmt: skip
        row = laid_out(QHBoxLayout(), *tools, None, spacing=3)
        parts = ((self.table, 1), row, self.progress, self.words)
        laid_out(QVBoxLayout(self), *parts, spacing=3, margin=4)
        self._show_running(False)

    def work_with(self, workspace: WorksOnScans) -> None:
        """Take the workspace that shows, saves and closes scans."""
        self._workspace = self.watch_button.workspace = workspace

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Follow what is open, and what is done with the scan that is looked at."""
        connections: list[Connection] = [(self.session.layers_changed, self.refresh_soon)]
        if scan is not None:
            for signal in (
                scan.dataset_changed, scan.recipe_changed, scan.results_changed, scan.regions_changed,
                scan.points_changed, scan.grains_changed,
            ):  # fmt: skip
                connections.append((signal, self.refresh_soon))
        return connections

    def refresh(self) -> None:
        """Show the scans as they are."""
        scans = self.session.scans
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(scans))
            for number, scan in enumerate(scans):
                row = row_of_scan(scan)
                texts = (row.name, row.size, row.voltage, row.state, row.unsaved)
                for column, text in enumerate(texts):
                    item = QTableWidgetItem(text)
                    item.setToolTip(str(scan.path or text) if column == 0 else text)
                    if column:
                        item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                    self.table.setItem(number, column, item)
            # A long name is cut, not the columns beside it; under the mouse it is whole.
            self.table.setColumnWidth(0, min(self.table.sizeHintForColumn(0) + 8, _WIDEST_NAME))
            if self.scan in scans:
                self.table.setCurrentCell(scans.index(self.scan), 0)
        self._shown = scans
        several, running = len(scans) > 1, self._worker.running
        self.fit_button.setEnabled(bool(scans) and not running)
        self.copy_button.setEnabled(several and not running)
        self.close_button.setEnabled(self.scan is not None and not running)
        self.save_button.setEnabled(any(scan.unsaved() for scan in scans))
        self.words.setText(" ".join(self._said) or (_HINT if scans else "No scan is open."))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Close the scan with Delete."""
        if event is not None and event.key() == Qt.Key.Key_Delete and self.close_button.isEnabled():
            self.close_scan()
        else:
            super().keyPressEvent(event)

    def close_scan(self, *_: Any) -> None:
        """Close the scan that is looked at; what is not saved is asked about."""
        scan, workspace = self.scan, self._workspace
        if scan is None or workspace is None:
            return
        workspace.take_up_drawing()
        if sentence := sentence_about_unsaved([scan]):
            answer = ask_before_closing(self, sentence, title="Close the scan")
            if not answer or (answer == "save" and not workspace.ask_and_save_scan(scan)):
                return
        self._said = []
        workspace.views.close(scan)

    def copy(self, what: str) -> None:
        """Give all other scans the form, the regions or the points of the one that is looked at."""
        if self.scan is not None:
            others = [scan for scan in self.session.scans if scan is not self.scan]
            self._say(copy_entries(self.scan, others, what))

    def fit_scans(self, *_: Any) -> None:
        """Fit all scans, one after the other, with the form of the one that is looked at."""
        scan = self.scan
        if scan is None or self._worker.running:
            return
        fitted = [other for other in self.session.scans if other.dataset is not None]
        copy_entries(scan, [other for other in fitted if other is not scan], "form")
        self._queue, self._count, self._said = fitted, len(fitted), []
        self._fit_next()

    def save_scans(self, folder: Path) -> None:
        """Save every scan with unsaved work as a file of its own in a folder."""
        if self._workspace is not None:
            self._workspace.take_up_drawing()
        self._say(save_into([scan for scan in self.session.scans if scan.unsaved()], folder))

    def _fit_next(self) -> None:
        open_scans = self.session.scans
        while self._queue and self._queue[0] not in open_scans:
            self._queue.pop(0)  # closed meanwhile
        self._show_running(bool(self._queue))
        if not self._queue:
            self.refresh()
            return
        scan = self._queue.pop(0)
        model, before = FitModel(scan), self._count - len(self._queue) - 1
        self.words.setText(f"Fitting {scan.name}, {before + 1} of {self._count}")
        if model.refusal:
            self._failed(scan, ValueError(model.refusal))
            return
        self._worker.start(
            lambda progress: model.fit(jobs=default_jobs(), progress=progress),
            done=lambda maps: self._fitted(scan, maps),
            failed=lambda error: self._failed(scan, error),
            progress=lambda part, _: self.progress.setValue(round(1000 * (before + part) / self._count)),
        )
        self._show_running(True)

    def _fitted(self, scan: Scan, maps: Any) -> None:
        if scan in self.session.scans and self._workspace is not None:
            scan.set_results(maps)
            self._workspace.views.take_results(scan)
        self._fit_next()

    def _failed(self, scan: Scan, error: BaseException) -> None:
        if isinstance(error, Cancelled):
            self._said.append(f"Stopped; {len(self._queue) + 1} of {self._count} are as they were.")
            self._queue = []
        else:
            self._said.append(f"{scan.name}: {sentence_for_forms(error)}")
        self._fit_next()

    def _show_running(self, running: bool) -> None:
        self.progress.setVisible(running)
        self.cancel_button.setVisible(running)
        self.fit_button.setVisible(not running)
        for widget in (self.copy_button, self.close_button):
            widget.setEnabled(not running)

    def _say(self, sentence: str) -> None:
        self._said = [sentence]
        self.refresh()

    def _chosen(self, row: int, *_: int) -> None:
        if 0 <= row < len(self._shown):
            self.session.choose(self._shown[row])

    def _renamed(self, item: QTableWidgetItem) -> None:
        """Take another name; a number is added to one that another scan has, and an empty one is none."""
        if item.column() == 0 and item.row() < len(self._shown):
            scan = self._shown[item.row()]
            if wanted := item.text().strip():
                others = {other.name for other in self._shown if other is not scan}
                scan.name = free_scan_name(wanted, others)
                self.session.layers_changed.emit()
            self.refresh_soon()

    def _ask_and_save(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Save all scans in a folder"):
            self.save_scans(Path(folder))
