"""Windows with what the report says beside the tabs: lock-in phase, controls, cycling curves, pure diffusion."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QKeySequence
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QShortcut,
    QVBoxLayout,
    QWidget,
)

from napari_tesm.evaluation.pipeline import Cancelled
from napari_tesm.findings.table import DIGITS_COPIED, Table
from napari_tesm.gui.models.findings import PAGES, FindingsModel
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.form_words import FORMS, sentence_for_forms
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.canvas import PlotCanvas
from napari_tesm.gui.panels.panel import Connection, Panel
from napari_tesm.gui.panels.plot_menu import PlotMenu
from napari_tesm.gui.panels.table_view import TableModel, TableView
from napari_tesm.gui.panels.widgets import Words, button, laid_out, path_to_save, save_text
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.gui.saying import say
from napari_tesm.plotting.series_view import SeriesPlot
from napari_tesm.plotting.theme import LIGHT
from napari_tesm.report.null_tables import USUAL_RANGE
from napari_tesm.report.section import ReportFigure, Section

_SIZE: Final = (1000, 760)
_ROWS: Final = 12
"""Lines of a table that are seen at once."""
_CSV: Final = "Records of a cycler (*.csv *.txt *.dat);;All files (*)"
_WAIT: Final = "Computing…"


class FindingsWindow(Panel):
    """A page of its own for one section, which follows the scan that is looked at while it is open.

    Parameters
    ----------
    viewer : napari.Viewer
    page : str
        Of `napari_tesm.gui.models.findings.PAGES`.
    parent : QWidget
        Whose window it lies above.
    """

    def __init__(self, viewer: Any, page: str, parent: QWidget) -> None:
        super().__init__(viewer, parent)
        self.setWindowFlag(Qt.WindowType.Window)
        self.setWindowTitle(f"t-ESM: {PAGES[page]}")
        self.resize(*_SIZE)
        self.page = page
        self.model = FindingsModel.of(self.session)
        self.section: Section | None = None
        self._worker = Worker(self)
        self._again = False
        self._menus: list[PlotMenu] = []
        self.words = Words()
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        entries = {
            "signal": self._phase,
            "controls": self._controls,
            "cycling": self._cycling,
            "null": self._null,
        }
        laid_out(
            QVBoxLayout(self), laid_out(QHBoxLayout(), *entries[page](), None), self.words, (self.area, 1)
        )
        QShortcut(QKeySequence(QKeySequence.StandardKey.Cancel), self, self.close)
        self.add_focus_ring()

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Follow the scan that is looked at, and what is asked for."""
        connections: list[Connection] = [
            (self.model.changed, self.refresh_soon),
            (self.session.layers_changed, self.refresh_soon),
        ]
        if scan is not None and self.page != "cycling":
            for signal in (scan.dataset_changed, scan.recipe_changed, scan.results_changed):
                connections.append((signal, self.refresh_soon))
        return connections

    def refresh(self) -> None:
        """Make the section anew; what is asked for meanwhile comes next."""
        self._again = self._worker.running
        if self._again:
            return
        self._show_asked()
        try:
            work = self.model.work(self.page, self.scan, self.session.scans)
        except ValueError as error:
            self._show(None, sentence_for_forms(error))
            return
        self.words.show_if_any(_WAIT)
        self._worker.start(work, done=self._show, failed=self._failed, progress=self._progress)

    def leave(self) -> None:
        """Compute no further: nobody looks."""
        self._worker.cancel()

    def _progress(self, fraction: float, _: str) -> None:
        self.words.show_if_any(f"{_WAIT[:-1]}, {100 * fraction:.0f} %")

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, Cancelled):
            self._show(None, sentence_for_forms(error))

    def _show(self, section: Section | None, words: str = "") -> None:
        """Show a section, or why there is none."""
        self.section = section
        inside = QWidget()
        parts: list[Any] = []
        self._menus = []
        if section is not None:
            said = [*section.warnings, *section.missing, *section.paragraphs]
            words = ""
            for text in said:
                parts.append(sentence := Words(sentence_for_forms(text)))
                sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            for figure in section.figures:
                parts += [self._canvas(figure), Words(FORMS(figure.caption))]
            for table in section.tables:
                parts += self._table(table)
        self.words.show_if_any(words)
        laid_out(QVBoxLayout(inside), *parts, None, margin=0)
        self.area.setWidget(inside)
        if self._again:
            self.refresh_soon()

    def _canvas(self, figure: ReportFigure) -> PlotCanvas:
        """Return a figure as it is on the page of a report, on white."""
        across, up = figure.size
        canvas = PlotCanvas(height=(height := round(min(1.0, up / across) * (_SIZE[0] - 60))))
        canvas.setMaximumHeight(height)
        plot = SeriesPlot(canvas.figure, theme=LIGHT)
        plot.show(_filler(figure))
        self._menus.append(PlotMenu(canvas, plot.set_theme, lambda: LIGHT, figure.name))
        return canvas

    def _table(self, table: Table) -> list[Any]:
        """Return a table with its caption and what saves it."""

        def save() -> None:
            if path := path_to_save(self, "Save the table", f"{table.name or self.page}.csv"):
                worked, said = save_text(path, lambda: table.csv(digits=DIGITS_COPIED))
                say(said, warning=not worked)

        caption = Words(FORMS(table.caption) or "All curves")
        head = laid_out(QHBoxLayout(), (caption, 1), button("CSV…", "Save this table, in SI units", save))
        if not table.on_page:
            return [head]
        shown = TableView(TableModel())
        shown.shown.show_table(table)
        height = shown.horizontalHeader().sizeHint().height()
        line = shown.verticalHeader().defaultSectionSize()
        shown.setFixedHeight(height + min(len(table.rows), _ROWS) * line + 20)
        return [head, shown]

    # What is entered on each page

    def _phase(self) -> list[QWidget]:
        self.angle = QLineEdit()
        self.angle.setToolTip(
            "Angle in degrees by which X and Y are turned before the fit; empty: as recorded"
        )
        self.angle.editingFinished.connect(lambda: self._turn(self.angle.text()))
        auto = button("Auto", "By what puts most of the response into X", lambda: self._turn("auto"))
        none = button("As recorded", "Turn nothing", lambda: self._turn(""))
        return [QLabel("Turn X and Y by"), self.angle, QLabel("°"), auto, none]

    def _turn(self, text: str) -> None:
        scan, wanted = self.scan, text.strip().removesuffix("°").replace(",", ".").replace("−", "-") or None
        if scan is None or wanted == _angle_in_form(scan):
            return
        model = FitModel(scan)
        if not model.set(phase_rotation=wanted):
            say(model.message, warning=True)

    def _controls(self) -> list[QWidget]:
        self.scans_button = QPushButton("Controls")
        self.scans_button.setToolTip("Which of the open scans are of a sample that should not respond")
        menu = QMenu(self.scans_button)
        menu.aboutToShow.connect(lambda: self._list_scans(menu))
        self.scans_button.setMenu(menu)
        return [self.scans_button]

    def _list_scans(self, menu: QMenu) -> None:
        menu.clear()
        for scan in self.session.scans:
            action = QAction(scan.name, menu)
            action.setCheckable(True)
            action.setChecked(scan in self.model.controls)
            action.toggled.connect(lambda taken, scan=scan: self.model.take_control(scan, taken))
            menu.addAction(action)

    def _cycling(self) -> list[QWidget]:
        opened = button(
            "Open…", "Open the CSV files of cells; their curves are laid over each other", self._open
        )
        return [opened, button("Close all", "Close the records", self.model.close_cycling)]

    def _open(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Records of a cycler", "", _CSV)
        if names:
            self.model.open_cycling([Path(name) for name in names])

    def _null(self) -> list[QWidget]:
        asked = {
            "noise": (
                "Noise",
                "10 %",
                "Standard deviation of a sample over H: what would be rejected is a dash",
            ),
            "diffusion": ("True D", USUAL_RANGE, "From and to, with units"),
            "apparent": (
                "Apparent D",
                "2e-13m2/s±3e-14m2/s",
                "What is the true D of this one, if it is diffusion?",
            ),
        }
        parts: list[QWidget] = []
        self.asked: dict[str, QLineEdit] = {}
        for name, (title, example, tip) in asked.items():
            self.asked[name] = entry = QLineEdit()
            entry.setPlaceholderText(example)
            entry.setMinimumWidth(150)
            entry.setToolTip(tip)
            entry.editingFinished.connect(lambda name=name: self.model.ask(name, self.asked[name].text()))
            parts += [QLabel(title), entry]
        return parts

    def _show_asked(self) -> None:
        if self.page == "signal" and not self.angle.hasFocus():
            self.angle.setText("" if self.scan is None else _angle_in_form(self.scan) or "")


def _filler(figure: ReportFigure) -> Callable[[Figure], None]:
    def fill(empty: Figure) -> None:
        figure.fill(empty)

    return fill


def _angle_in_form(scan: Scan) -> str | None:
    """Return the angle of a scan's recipe as it is entered; None where nothing is turned."""
    angle = scan.recipe.phase_rotation
    return None if angle is None else angle if isinstance(angle, str) else f"{angle:g}"
