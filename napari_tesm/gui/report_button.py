"""The button that makes a report of the scan that is looked at, in the background, and opens it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_tesm.gui.panel import Panel, say
from napari_tesm.gui.scan import Scan
from napari_tesm.gui.worker import Worker
from napari_tesm.pipeline import Cancelled, Progress

if TYPE_CHECKING:
    from napari_tesm.report.data import ReportData

_MOST_JOBS: Final = 8
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
            "The paper's figures and tables of this scan, as one HTML page with everything beside it"
        )
        self.clicked.connect(self.ask_or_stop)

    def ask_or_stop(self) -> None:
        """Ask for a folder and begin, or stop what is being made."""
        if self.worker.running:
            self.worker.cancel()
            return
        scan = self._panel.scan
        if scan is None:
            return
        name, _ = QFileDialog.getSaveFileName(self, "Folder for the report", str(suggested_folder(scan)))
        if name:
            self.make(Path(name))

    def make(self, folder: Path) -> None:
        """Make a report in a folder that must not exist yet."""
        from napari_tesm.report.writing import check_folder

        scan = self._panel.scan
        if scan is None or self.worker.running:
            return
        self._before()
        try:
            check_folder(folder)
            gather = gatherer_of(scan)
        except (OSError, ValueError) as error:
            self._say(f"No report: {error}", warning=True)
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
        self._say(f"The report is in {page}{where}")

    def _failed(self, error: BaseException) -> None:
        self.setText(_IDLE)
        if isinstance(error, Cancelled):
            self._say("The report was stopped; nothing was written")
        else:
            self._say(f"No report: {str(error) or type(error).__name__}", warning=True)

    def _say(self, text: str, *, warning: bool = False) -> None:
        say(self._panel.viewer, text, warning=warning)


def gatherer_of(scan: Scan) -> "Callable[[Progress], ReportData]":
    """Return what makes the data of a report of a scan as it is now; it can run while the scan changes.

    Raises
    ------
    ValueError
        If there is nothing to report on yet.
    """
    if scan.unfinished is not None:
        raise ValueError("the unit of the time axis is not known: enter it first")
    name, path, recipe = scan.name, scan.path, scan.recipe
    dataset, maps, channels = scan.dataset, scan.maps, list(scan.channels)
    regions, points, notes = tuple(scan.regions), tuple(scan.points), list(scan.notes)

    def gather(progress: Progress) -> "ReportData":
        from napari_tesm.interface import sha256_of_file
        from napari_tesm.report import data as report
        from napari_tesm.report.choices import choose_examples
        from napari_tesm.report.gathering import fit_scan, images_on_grid
        from napari_tesm.settings import prepared_dataset

        file = report.InputFile(
            name if path is None else path.name, "" if path is None else sha256_of_file(path)
        )
        made = report.Scan(
            name, file, traces=dataset, regions=regions, points=points, recipe=recipe, notes=list(notes)
        )
        if maps is not None and (dataset is None or maps.attrs.get("recipe") == recipe.to_json()):
            made.maps, made.maps_from_file = maps, dataset is None
            made.traces = None if dataset is None else prepared_dataset(dataset, recipe)
        else:
            fit_scan(made, jobs=_jobs(), progress=progress)
        made.images = images_on_grid(channels, made.grid)
        if made.maps is None and not made.images:
            raise ValueError(made.notes[-1] if made.notes else "there is nothing to report on")
        choose_examples(made)
        said = [f"{name}: {note}" for note in made.notes]
        return report.ReportData(
            [made], recipe=recipe, title=f"t-ESM report: {name}", files=[file], notes=said
        )

    return gather


def _make(gather: "Callable[[Progress], ReportData]", folder: Path, progress: Progress) -> Path:
    from napari_tesm.report.assembling import report_from_data
    from napari_tesm.report.writing import PAGE, write_report

    data = gather(lambda fraction, words: progress(_FITTING * fraction, words))
    report = report_from_data(
        data, progress=lambda fraction, words: progress(_FITTING + (0.99 - _FITTING) * fraction, words)
    )
    progress(0.99, "writing")
    write_report(report, folder)
    return folder / PAGE


def suggested_folder(scan: Scan) -> Path:
    """Return a folder that does not exist yet, beside the file: ``scan.gwy`` gives ``scan_report``."""
    if scan.path is None:
        first = Path(f"{scan.name.split(' (')[0].replace('/', '-').replace(' ', '_')}_report")
    else:
        first = scan.path.with_name(f"{scan.path.stem}_report")
    found, number = first, 1
    while found.exists():
        number += 1
        found = first.with_name(f"{first.name}_{number}")
    return found


def _jobs() -> int:
    cores: Any = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(int(cores), _MOST_JOBS)
