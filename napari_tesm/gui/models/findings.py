"""What the window shows beside its tabs, as the report and the command line have it: one section of them each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

from psygnal import Signal

from napari_tesm.evaluation.pipeline import Progress, progress_of_stage
from napari_tesm.gui.models.companion import Companion
from napari_tesm.gui.models.report_scans import scan_as_it_is
from napari_tesm.gui.models.scan import Scan
from napari_tesm.quantities.text import fraction_from_text
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.report.null_tables import (
    USUAL_RANGE,
    apparent_from_text,
    range_from_text,
    section_from_bands,
)
from napari_tesm.report.section import Section
from napari_tesm.scan import Scan as PlainScan

PAGES: Final = {
    "signal": "Lock-in phase",
    "controls": "Controls",
    "cycling": "Cycling",
    "null": "Pure diffusion",
}
"""Titles by what `FindingsModel.work` knows them by."""
Work = Callable[[Progress], Section]


@dataclass
class NullEntries:
    """What is asked of pure diffusion, as text with units; empty for the usual."""

    noise: str = ""
    diffusion: str = ""
    apparent: str = ""


class FindingsModel(Companion[Any]):
    """Which scans are controls, which records of cyclers are open, and what follows from them.

    Parameters
    ----------
    owner : object
        A session.
    """

    changed = Signal()
    """Something else is asked for."""

    def __init__(self, owner: Any) -> None:
        super().__init__(owner)
        self.controls: WeakSet[Scan] = WeakSet()
        self.cycling: list[Path] = []
        self.null = NullEntries()

    def take_control(self, scan: Scan, is_control: bool) -> None:
        """Take a scan for a control, or no longer."""
        if is_control:
            self.controls.add(scan)
        else:
            self.controls.discard(scan)
        self.changed.emit()

    def open_cycling(self, paths: Sequence[Path]) -> None:
        """Lay records of cyclers over those that are open."""
        self.cycling = list(dict.fromkeys([*self.cycling, *paths]))
        self.changed.emit()

    def close_cycling(self) -> None:
        """Close all records of cyclers."""
        self.cycling = []
        self.changed.emit()

    def ask(self, name: str, text: str) -> None:
        """Ask something else of pure diffusion: its noise, its range of D, or the true D of an apparent one."""
        if getattr(self.null, name) != text.strip():
            setattr(self.null, name, text.strip())
            self.changed.emit()

    def work(self, page: str, scan: Scan | None, scans: Sequence[Scan]) -> Work:
        """Return what makes a section; it can run while everything changes.

        Parameters
        ----------
        page : str
            Of `PAGES`.
        scan : Scan, optional
            The one that is looked at.
        scans : sequence of Scan
            All that are open.

        Raises
        ------
        ValueError
            If something is missing for it, in a sentence.
        """
        if page == "cycling":
            return self._cycling()
        if scan is None:
            raise ValueError("open a scan first")
        if page == "controls":
            return self._controls(scan, [other for other in scans if other in self.controls])
        return self._signal(scan) if page == "signal" else self._null(scan)

    def _signal(self, scan: Scan) -> Work:
        evaluated = scan.evaluated
        if evaluated is None:
            raise ValueError(scan.problem)
        frozen = PlainScan.of(scan, dataset=evaluated)

        def make(_: Progress) -> Section:
            from napari_tesm.report.sections.signal import section_from_data

            made = ReportScan.of(frozen, file=InputFile(frozen.name, ""))
            return _made(section_from_data(ReportData([made], recipe=made.recipe)))

        return make

    def _controls(self, scan: Scan, controls: Sequence[Scan]) -> Work:
        if not controls:
            raise ValueError("say which of the open scans are of a sample that should not respond")
        if scan in controls:
            raise ValueError(f"{scan.name} is a control itself: look at the scan that it is a control of")
        makers = [scan_as_it_is(each) for each in (scan, *controls)]

        def make(progress: Progress) -> Section:
            from napari_tesm.report.choices import choose_marks
            from napari_tesm.report.sections.controls import section_from_data

            main, *others = (
                maker(progress_of_stage(progress, number / len(makers), (number + 1) / len(makers)))
                for number, maker in enumerate(makers)
            )
            data = ReportData([main], controls=others, recipe=main.recipe)
            choose_marks(data)
            return _made(section_from_data(data))

        return make

    def _cycling(self) -> Work:
        paths = list(self.cycling)
        if not paths:
            raise ValueError("open what a cycler has written of the cells: capacity against voltage, as CSV")

        def make(_: Progress) -> Section:
            from napari_tesm.report.sections.cycling import section_from_data

            return _made(section_from_data(ReportData([], cycling=paths)))

        return make

    def _null(self, scan: Scan) -> Work:
        evaluation, asked = scan.evaluation, self.null
        noise = fraction_from_text(asked.noise) if asked.noise else None
        diffusion = range_from_text(asked.diffusion or USUAL_RANGE)
        apparent = apparent_from_text(asked.apparent) if asked.apparent else None

        def make(_: Progress) -> Section:
            from napari_tesm.model_choice.null_bands import USUAL_NOISE, null_bands_from_evaluation

            bands = null_bands_from_evaluation(
                evaluation, noise=USUAL_NOISE if noise is None else noise, diffusion=diffusion
            )
            return section_from_bands(evaluation, bands, apparent)

        return make


def _made(section: Section | None) -> Section:
    assert section is not None  # what it needs was asked for
    return section
