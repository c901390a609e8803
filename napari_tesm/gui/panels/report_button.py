"""The button that makes a report of the scan that is looked at, or of all, in the background, and opens it."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QMenu, QPushButton

from napari_tesm.evaluation.pipeline import Cancelled, Progress
from napari_tesm.gui.models.form_words import FORMS
from napari_tesm.gui.models.report_scans import gatherer_of
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.panel import Panel
from napari_tesm.gui.panels.widgets import path_to_save
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.gui.saying import say

if TYPE_CHECKING:
    from napari_tesm.report.data import ReportData

_FITTING: Final = 0.4
_IDLE: Final = "Report…"


class ReportButton(QPushButton):
    """Asks for a folder, makes the report, says where it lies; while it works, a click stops it.

    Parameters
    ----------
    panel : Panel
        Whose scan is reported on.
    before : callable
        Called before the scan is read: what was drawn and nobody noticed is taken up.
    """

    def __init__(self, panel: Panel, before: Callable[[], None]) -> None:
        super().__init__(_IDLE)
        self._panel, self._before = panel, before
        self.worker = Worker(self)
        self.setToolTip(
            "The paper's figures and tables of this scan, or of all that are open as a voltage series, as one HTML "
            "page with everything beside it"
        )
        self.choices = QMenu(self)
        self.clicked.connect(self.ask_or_stop)

    def ask_or_stop(self) -> None:
        """Ask for a folder and begin, or stop what is being made."""
        if self.worker.running:
            self.worker.cancel()
            return
        scan, scans = self._panel.scan, self._panel.session.scans
        if scan is None:
            return
        if len(scans) == 1:
            self._ask([scan])
            return
        self.choices.clear()
        for words, chosen in (
            (f"This scan: {scan.name}", [scan]),
            (f"All {len(scans)} open scans: a voltage series, or scans to compare", scans),
        ):
            action = self.choices.addAction(words)
            assert action is not None
            action.triggered.connect(lambda _=False, chosen=chosen: self._ask(chosen))
        self.choices.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def _ask(self, scans: Sequence[Scan]) -> None:
        if folder := path_to_save(self, "Folder for the report", suggested_folder(scans[0]), ""):
            self.make(folder, scans)

    def make(self, folder: Path, scans: Sequence[Scan] = ()) -> None:
        """Make a report of some scans, by default that which is looked at, in a folder that must not exist yet."""
        from napari_tesm.report.writing import check_folder

        scan = self._panel.scan
        if scan is None or self.worker.running:
            return
        self._before()
        try:
            check_folder(folder)
            gather = gatherer_of(scans or [scan])
        except (OSError, ValueError) as error:
            self._failed(error)
            return
        self._show(0.0, "")
        self.worker.start(
            lambda progress: _make(gather, folder, progress),
            done=self._done,
            failed=self._failed,
            progress=self._show,
        )

    def _show(self, fraction: float, _: str) -> None:
        self.setText(f"Stop report ({100 * fraction:.0f} %)")

    def _done(self, page: Path) -> None:
        self.setText(_IDLE)
        opened = QDesktopServices.openUrl(QUrl.fromLocalFile(str(page)))
        where = "" if opened else ": open it in a browser"
        say(f"The report is in {page}{where}")

    def _failed(self, error: BaseException) -> None:
        self.setText(_IDLE)
        if isinstance(error, Cancelled):
            say("The report was stopped; nothing was written")
        else:
            say(f"No report: {FORMS(error) or type(error).__name__}", warning=True)


def _make(gather: "Callable[[Progress], ReportData]", folder: Path, progress: Progress) -> Path:
    from napari_tesm.report.assembling import report_from_data
    from napari_tesm.report.writing import PAGE, write_report

    data = gather(lambda fraction, words: progress(_FITTING * fraction, words))
    report = report_from_data(
        data,
        progress=lambda fraction, words: progress(_FITTING + (0.99 - _FITTING) * fraction, words),
        spelling=FORMS,
    )
    progress(0.99, "writing")
    write_report(report, folder)
    return folder / PAGE


def suggested_folder(scan: Scan) -> Path:
    """Return a folder that does not exist yet, beside the file: ``scan.gwy`` gives ``scan_report``."""
    endings = itertools.chain(["_report"], (f"_report_{number}" for number in itertools.count(2)))
    return next(path for ending in endings if not (path := scan.path_beside(ending)).exists())
