"""The tab of a series: several voltages of one area, what H, tau and D do with them, and the maps on one scale."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QSlider, QToolButton, QVBoxLayout

from napari_tesm.findings.table import DIGITS_COPIED, Joined
from napari_tesm.gui.layers.series_layers import SeriesLayers
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.series import VIEWS, SeriesModel
from napari_tesm.gui.panels.abscissa_dialog import AbscissaDialog
from napari_tesm.gui.panels.canvas import PlotCanvas, theme_of
from napari_tesm.gui.panels.panel import Connection, Panel
from napari_tesm.gui.panels.table_view import TableModel, TableView
from napari_tesm.gui.panels.widgets import Words, button, choice_box, fill_box, give_way, laid_out, save_text
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.plotting.series import (
    draw_point_values,
    draw_polarities,
    draw_series_maps,
    draw_verdicts,
)
from napari_tesm.plotting.series_view import SeriesPlot, draw_distributions, is_low, legend_above
from napari_tesm.series import PointCurve, SeriesFindings

if TYPE_CHECKING:
    from pathlib import Path

    import napari

_COMPARING: Final = "Comparing {count} scans…"
_VERDICTS: Final = {"points": "point", "regions": "region"}
_SHIFT_COLUMNS: Final = (
    "scan",
    Joined("right\npixels", ("right, pixels",)),
    Joined("down\npixels", ("down, pixels",)),
    Joined("±", ("standard error, pixels",)),
    "by",
    Joined("left", ("left in the halves, pixels",)),
)
_SHIFT_TIP: Final = "A double click enters another shift"
_LEFT_TIP: Final = "What is left, in pixels, when the halves of the scan are measured by themselves"
_EDITED: Final = {"right, pixels": "right", "down, pixels": "down"}
_ROWS: Final = 3
"""Lines of the table of verdicts that are seen at once."""


class _Numbers(TableModel):
    def look(self, row: int, key: str, role: int) -> Any:
        """Say under the mouse with which tests a verdict stands."""
        if role == Qt.ItemDataRole.ToolTipRole and "in words" in self.table.keys:
            return self.table.rows[row][self.table.keys.index("in words")]
        return None


class SeriesPanel(Panel):
    """The scans of the viewer that are a series.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    EXPORTED = ("Save the numbers of the series", "series.csv")

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__(viewer)
        self.model = SeriesModel.of(self.session)
        self.layers = SeriesLayers(self.session)
        self._worker = Worker(self)
        self.view_box = choice_box(
            "What is shown", self._chosen, [(title, key) for key, title in VIEWS.items()]
        )
        self.quantity_box = choice_box("Which map is followed", self._chosen)
        self.series_box = choice_box("Polarity and scan direction", self._chosen)
        self.scans_button = QToolButton()
        self.scans_button.setText("Scans")
        self.scans_button.setToolTip("Which of the open scans take part, and what they are followed against")
        self.scans_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._scans_menu = QMenu(self.scans_button)
        self._scans_menu.setToolTipsVisible(True)
        self._scans_menu.aboutToShow.connect(self._list_scans)
        self.scans_button.setMenu(self._scans_menu)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip(
            "Show the map of this voltage on the canvas, moved onto the others, on one scale"
        )
        self.slider.setPageStep(1)
        self.slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.slider.valueChanged.connect(self._slid)
        self.slider.sliderPressed.connect(self._slid)
        self.voltage = QLabel()
        self.side_button = button("Side by side", "All voltages on the canvas, with one zoom and one cursor")
        self.side_button.toggled.connect(self._side_by_side)
        self.off_button = button("Off", "Take these maps off the canvas", self._leave_canvas)
        self.canvas = PlotCanvas(height=90)
        self.plot = SeriesPlot(self.canvas.figure)
        self.table = TableView(_Numbers(), stretched=1)
        self.table.shown.edited.connect(self._shift_entered)
        self.words = Words(whole=True)
        self.measured_button = button("Measured", "Go back to the shifts that were measured", self._forget)
        self.reference_box = choice_box("The scan that the others are laid on", self._reference_chosen)
        self.export_button = button("CSV…", "Save the numbers, in SI units", self.ask_and_export)
        boxes = (self.view_box, self.quantity_box, self.series_box, self.reference_box)
        give_way(*boxes)
        choices = (*zip(boxes, (2, 1, 2, 2), strict=True), self.scans_button, self.export_button)
        self._canvas_row = (self.voltage, self.slider, self.side_button, self.off_button)
        on_canvas = laid_out(
            QHBoxLayout(), self.voltage, (self.slider, 1), self.side_button, self.off_button, spacing=3
        )
        below = laid_out(QHBoxLayout(), (self.words, 1), self.measured_button, spacing=3)
        below.setAlignment(Qt.AlignmentFlag.AlignBottom)
        parts = (laid_out(QHBoxLayout(), *choices, spacing=3), (self.canvas, 1), self.table, on_canvas, below)
        laid_out(QVBoxLayout(self), *parts, spacing=3, margin=4)
        self.add_plot_menu(self.canvas, self.plot.set_theme, "Series")
        self.layers.side_by_side.disturbed.connect(self._disturbed)
        self._show_parts(None, problem=True)

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Follow what is open, what was fitted, and the points and regions of the scan that is looked at."""
        connections: list[Connection] = [
            (self.session.layers_changed, self.refresh_soon),
            (self.viewer.events.theme, self.refresh_soon),
            (self.model.changed, self.refresh_soon),
        ]
        for other in self.session.scans:
            connections += [
                (other.results_changed, self.refresh_soon),
                (other.dataset_changed, self.refresh_soon),
            ]
        if scan is not None:
            connections += [
                (scan.points_changed, self.refresh_soon),
                (scan.regions_changed, self.refresh_soon),
            ]
        return connections

    def leave(self) -> None:
        """Give the canvas back."""
        self._leave_canvas()

    def refresh(self) -> None:
        """Show what is known, and find out what is not."""
        model, scans = self.model, self.session.scans
        work = None if self._worker.running else model.waiting(scans)
        if work is not None:
            self._worker.start(work.compute, done=model.take, failed=self._failed)
        self.plot.set_theme(theme_of(self.viewer))
        self._fill_boxes()
        findings = model.findings
        waiting = self._worker.running and findings is None
        problem = _COMPARING.format(count=len(scans)) if waiting else model.problem(scans, self.scan)
        self._show_parts(findings, problem=bool(problem))
        if problem:
            self.plot.clear("" if findings is None else problem)
            self.words.show_if_any(problem if findings is None else model.words())
        elif findings is not None:
            self._draw(findings)
            self.words.show_if_any(model.words())

    def export_to(self, path: "Path") -> None:
        """Write the numbers behind what is seen as CSV, in SI units."""
        table = self.model.table(self.session.scans, self.scan)
        said = save_text(path, lambda: table.csv(digits=DIGITS_COPIED))[1]
        self.words.show_if_any(sentence_for_forms(said))

    def _fill_boxes(self) -> None:
        model = self.model
        self.view_box.setCurrentIndex(self.view_box.findData(model.view))
        quantities = model.quantities()
        fill_box(self.quantity_box, [(name, name) for name in quantities], model.chosen_quantity())
        self.quantity_box.setVisible(len(quantities) > 1)
        names = [(name, number) for number, name in enumerate(model.names)]
        fill_box(self.series_box, names, model.index if names else None)
        self.series_box.setVisible(len(names) > 1 and model.view != "polarities")

    def _show_parts(self, findings: SeriesFindings | None, *, problem: bool) -> None:
        view = self.model.view
        is_map = view == "maps" and findings is not None
        for widget in self._canvas_row:
            widget.setVisible(is_map)
        self.off_button.setVisible(is_map and self.layers.is_shown)
        self.table.setVisible(
            findings is not None and not problem and (view in _VERDICTS or view == "registration")
        )
        self.canvas.setVisible(findings is not None and view != "registration")
        self.reference_box.setVisible(view == "registration" and findings is not None)
        self.measured_button.setVisible(view == "registration" and self.model.is_moved_by_hand)
        self.export_button.setEnabled(findings is not None and not problem)
        if not is_map and (self.layers.is_shown or self.side_button.isChecked()):
            self._leave_canvas()

    def _draw(self, findings: SeriesFindings) -> None:
        model, scans = self.model, self.session.scans
        if model.view == "registration":
            self._show_shifts(findings)
        elif model.view in _VERDICTS:
            table = model.table_of_verdicts(scans, self.scan)
            self.table.shown.editable = {}
            columns = (_VERDICTS[model.view], "verdict", model.abscissa.name, "p, family of pairs")
            self.table.shown.show_table(table, columns)
            line = self.table.verticalHeader().defaultSectionSize()
            header = self.table.horizontalHeader().sizeHint().height()
            self.table.setMinimumHeight(header + line + 6)
            self.table.setMaximumHeight(header + min(len(table.rows), _ROWS) * line + 6)
        if model.view != "registration":
            self.plot.show(self._drawer(findings))
        self._fill_slider(findings)

    def _drawer(self, findings: SeriesFindings) -> Callable[[Figure], None]:
        model, scans, scan = self.model, self.session.scans, self.scan
        aligned, name = findings.aligned, model.chosen_quantity()
        points = model.marks_on_reference(findings, "points", scans, scan)
        if model.view == "maps":
            # On maps as small as in the panel a point would cover what lies around it.
            return lambda figure: draw_series_maps(
                figure, aligned, [] if is_low(figure) else points, name=name
            )
        if model.view == "verdicts":
            return lambda figure: draw_verdicts(figure.add_subplot(), findings.verdicts, points)
        if model.view == "histograms":
            return lambda figure: draw_distributions(
                figure, findings.distributions, colour=self.plot.theme.foreground
            )
        if model.view == "polarities":
            of_signs = model.polarities(scans, scan)
            return lambda figure: self._draw_polarities(figure, of_signs)
        curves = model.curves(scans, scan)
        return lambda figure: self._draw_curves(figure, curves)

    def _draw_curves(self, figure: Figure, curves: list[PointCurve]) -> None:
        """Draw points or regions; in the panel the table below says their verdicts."""
        axes = figure.add_subplot()
        beside_table = is_low(figure) and self.plot.theme == theme_of(self.viewer)
        draw_point_values(axes, self._seen(curves), verdicts=not beside_table)
        if beside_table:
            legend_above(figure, [curve.label for curve in curves])

    def _draw_polarities(self, figure: Figure, of_signs: tuple[list[PointCurve], list[PointCurve]]) -> None:
        negative, positive = map(self._seen, of_signs)
        draw_polarities(figure.add_subplot(), negative, positive)
        legend_above(
            figure, [f"{curve.label} −V" for curve in negative] + [f"{curve.label} +V" for curve in positive]
        )

    def _seen(self, curves: list[PointCurve]) -> list[PointCurve]:
        return [replace(curve, colour=self.plot.theme.readable(curve.colour)) for curve in curves]

    def _show_shifts(self, findings: SeriesFindings) -> None:
        self._fill_references(findings)
        table = self.model.table(self.session.scans, self.scan)
        self.table.shown.editable = dict.fromkeys(_EDITED, ())
        self.table.setMaximumHeight(16_777_215)
        self.table.shown.show_table(
            table, _SHIFT_COLUMNS, ["", *[_SHIFT_TIP] * 2, "Standard error, in pixels", "", _LEFT_TIP]
        )

    def _shift_entered(self, row: int, key: str, text: str) -> None:
        try:
            pixels = float(text.replace(",", ".").replace("−", "-"))
        except ValueError:
            self.words.show_if_any(f"'{text}' is no number of pixels")
            return
        if np.isfinite(pixels):
            self.model.enter_shift(row, **{_EDITED[key]: pixels})

    def _forget(self) -> None:
        self.model.forget_shifts()

    def _failed(self, error: BaseException) -> None:
        self.words.show_if_any(sentence_for_forms(error))

    def _list_scans(self) -> None:
        self._scans_menu.clear()
        against = self._scans_menu.addAction(f"Against: {self.model.abscissa.name}…")
        against.setToolTip("The voltage, a cycle, a temperature or anything else that the scans differ in")
        against.triggered.connect(self._ask_abscissa)
        self._scans_menu.addSeparator()
        for scan in self.session.scans:
            action = QAction(scan.name, self._scans_menu)
            action.setCheckable(True)
            action.setChecked(scan not in self.model.left_out)
            action.toggled.connect(lambda taken, scan=scan: self.model.take_part(scan, taken))
            self._scans_menu.addAction(action)

    def _ask_abscissa(self) -> None:
        asked = AbscissaDialog(self, self.model, self.session.scans)
        if asked.exec():
            self.model.go_by(asked.abscissa, asked.values)

    def _reference_chosen(self, *_: Any) -> None:
        if source := self.reference_box.currentData():
            self.model.lay_on(source)

    def _fill_references(self, findings: SeriesFindings) -> None:
        aligned = findings.aligned
        sources = dict.fromkeys(member.source for member in aligned.series.members)
        chosen = aligned.series.members[aligned.reference].source
        fill_box(self.reference_box, [(f"on {source}", source) for source in sources], chosen)

    def _chosen(self, *_: Any) -> None:
        index = self.series_box.currentData()
        self.model.choose(
            view=self.view_box.currentData(), quantity=self.quantity_box.currentData(), index=index
        )

    def _fill_slider(self, findings: SeriesFindings) -> None:
        labels = findings.aligned.series.labels
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, len(labels) - 1)
        self.voltage.setText(labels[self.slider.value()])
        self.voltage.setMinimumWidth(
            max(self.voltage.fontMetrics().horizontalAdvance(text) for text in labels)
        )
        if self.layers.is_shown and not self.side_button.isChecked():
            self._put_on_canvas()

    def _reference(self, findings: SeriesFindings) -> Scan | None:
        """Look at the scan whose grid the maps lie on: its points and regions are where they belong."""
        aligned = findings.aligned
        wanted = aligned.series.members[aligned.reference].source
        scan = next((scan for scan in self.session.scans if scan.name == wanted), None)
        if scan is not None:
            self.session.choose(scan)
        return scan

    def _slid(self, *_: Any) -> None:
        findings = self.model.findings
        if findings is not None:
            self.side_button.setChecked(False)
            self._put_on_canvas()
            self.voltage.setText(findings.aligned.series.labels[self.slider.value()])

    def _put_on_canvas(self) -> None:
        findings = self.model.findings
        if findings is None or (scan := self._reference(findings)) is None:
            return
        name = self.model.chosen_quantity()
        self.layers.show_one(scan, findings, name, min(self.slider.value(), self.slider.maximum()))
        self.off_button.setVisible(True)

    def _side_by_side(self, wanted: bool) -> None:
        findings = self.model.findings
        if not wanted:
            self.layers.clear()
        elif findings is not None and (scan := self._reference(findings)) is not None:
            self.layers.show_all(scan, findings, self.model.chosen_quantity())
        self.off_button.setVisible(self.layers.is_shown)

    def _disturbed(self) -> None:
        self.side_button.setChecked(False)

    def _leave_canvas(self, *_: Any) -> None:
        self.side_button.setChecked(False)
        self.layers.clear()
        self.off_button.hide()
