"""The button that makes a report of the scan that is looked at, or of all, in the background, and opens it."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QMenu, QPushButton

from napari_tesm.data.lateral import inversion_of_maps
from napari_tesm.evaluation.pipeline import Cancelled, Progress, default_jobs, progress_of_stage
from napari_tesm.files.sentences import Sentence
from napari_tesm.gui.models.form_words import FORMS
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.panel import Panel
from napari_tesm.gui.panels.widgets import path_to_save
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.gui.saying import say
from napari_tesm.scan import Scan as PlainScan

if TYPE_CHECKING:
    from napari_tesm.report.data import ReportData, ReportScan

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


def gatherer_of(scans: Sequence[Scan]) -> "Callable[[Progress], ReportData]":
    """Return what makes the data of a report of scans as they are now; it can run while they change.

    Raises
    ------
    ValueError
        If there is nothing to report on yet.
    """
    frozen = [_scan_as_it_is(scan) for scan in scans]
    names = [scan.name for scan in scans]
    recipes = {scan.recipe.to_json() for scan in scans}

    def gather(progress: Progress) -> "ReportData":
        from napari_tesm.report.choices import choose_marks
        from napari_tesm.report.data import ReportData

        made = []
        for number, make in enumerate(frozen):
            made.append(make(progress_of_stage(progress, number / len(frozen), (number + 1) / len(frozen))))
        said: list[str] = [
            Sentence("{name}: {note}", name=scan.name, note=note) for scan in made for note in scan.notes
        ]
        if len(recipes) > 1:
            said.append("The scans were fitted with different parameters; those of the first are listed.")
        if not any(scan.maps is not None or scan.images for scan in made):
            raise ValueError(said[-1] if said else "there is nothing to report on")
        data = ReportData(
            made,
            recipe=made[0].recipe,
            title=f"t-ESM report: {', '.join(names)}",
            files=list({scan.file.name: scan.file for scan in made}.values()),
            notes=said,
        )
        choose_marks(data)
        return data

    return gather


def _scan_as_it_is(scan: Scan) -> "Callable[[Progress | None], ReportScan]":
    """Return what makes a scan of the report; everything that may change is taken now."""
    if scan.unfinished is not None:
        raise ValueError(f"{scan.name}: the unit of the time axis is not known: enter it first")
    frozen = PlainScan.of(scan, dataset=scan.evaluated)
    wanted = scan.inversion
    with suppress(ValueError):  # there are no traces, or the report says why they cannot be fitted
        frozen.recipe = scan.evaluation.recipe

    def made_scan(progress: Progress | None) -> "ReportScan":
        from napari_tesm.files.checksum import sha256_of_file
        from napari_tesm.report.data import InputFile, ReportScan
        from napari_tesm.report.gathering import fit_scan

        path = frozen.path
        file = InputFile(
            frozen.name if path is None else path.name, "" if path is None else sha256_of_file(path)
        )
        made = ReportScan.of(frozen, file=file)
        if made.dataset is None:
            made.maps_from_file = made.maps is not None
            return made
        others = made.maps is None or made.maps.attrs.get("recipe") != made.recipe.to_json()
        if others or wanted not in (None, inversion_of_maps(made.maps)):
            made.forget_maps()
            fit_scan(made, lateral=wanted, jobs=default_jobs(), progress=progress)
        return made

    return made_scan


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
