"""The Compare tab: trace against retrace, aligned, side by side, with a warning where the surface shines through."""

from typing import Any, Final

import numpy as np
from qtpy.compat import isalive
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from napari_tesm.gui.layers.label_layers import LayerTuple
from napari_tesm.gui.layers.linked_views import SideBySide
from napari_tesm.gui.layers.result_layers import add_below_drawings
from napari_tesm.gui.layers.scan_layers import map_layer
from napari_tesm.gui.models.compare import Alignment, CompareModel
from napari_tesm.gui.models.scan import Scan, plain_label
from napari_tesm.gui.panels.canvas import PlotCanvas, theme_of
from napari_tesm.gui.panels.panel import Connection, Panel, button_with_tip, say
from napari_tesm.plotting.scatter import ScatterPlot
from napari_tesm.registration.maps import Correlation

_HEADINGS: Final = ("|H| with", "r", "95 %")


class ComparePanel(Panel):
    """Two pulse settings of one area, compared.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.model: CompareModel | None = None
        self.views = SideBySide(self.session)
        self.first_box, self.second_box = QComboBox(), QComboBox()
        self.first_box.setToolTip("The map that stays as it is")
        self.second_box.setToolTip("The map that is laid on it")
        self.flip_box = QCheckBox("Flip")
        self.flip_box.setToolTip(
            "Mirror left and right: for recorders that store the way back in the order of time"
        )
        self.spins = {name: QDoubleSpinBox() for name in ("dx", "dy")}
        for name, spin in self.spins.items():
            spin.setRange(-999.0, 999.0)
            spin.setDecimals(2)
            spin.setSingleStep(0.1)
            spin.setSuffix(" px")
            spin.setToolTip("Shift to the right" if name == "dx" else "Shift down")
            spin.valueChanged.connect(self._moved)
        self.measure_button = button_with_tip("Measure shift", "Find the shift by cross-correlation")
        self.measure_button.clicked.connect(self._measure)
        self.side_button = button_with_tip(
            "Side by side", "Deflection error and both maps with one zoom and one cursor"
        )
        self.side_button.setCheckable(True)
        self.side_button.toggled.connect(self._side_by_side)
        # After all that happens to the layers at once, such as the maps of a fit.
        self._end_timer = QTimer(self)
        self._end_timer.setSingleShot(True)
        self._end_timer.setInterval(0)
        self._end_timer.timeout.connect(lambda: self.side_button.setChecked(False))
        self.views.disturbed.connect(self._views_disturbed)
        self.difference_button = button_with_tip(
            "Add difference", "A new layer: |H| of the second less that of the first"
        )
        self.difference_button.clicked.connect(self.add_difference)
        self.aligned_button = button_with_tip(
            "Add aligned map", "A new layer: the second map laid on the first"
        )
        self.aligned_button.clicked.connect(self.add_aligned)
        self.table = QTableWidget(0, len(_HEADINGS))
        self.table.setHorizontalHeaderLabels(_HEADINGS)
        self.table.verticalHeader().setVisible(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.setShowGrid(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 4)
        self.canvas = PlotCanvas(height=110)
        self.canvas.setMinimumWidth(110)
        self.plot = ScatterPlot(self.canvas.figure)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        for box in (self.first_box, self.second_box):
            box.activated.connect(self._chosen)
        self.flip_box.toggled.connect(self._moved)
        self._lay_out()

    def _lay_out(self) -> None:
        top, tools, middle = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        for widget in (self.first_box, QLabel("and"), self.second_box, self.side_button):
            top.addWidget(widget)
        top.addStretch(1)
        for widget in (self.flip_box, self.spins["dx"], self.spins["dy"], self.measure_button):
            tools.addWidget(widget)
        tools.addStretch(1)
        middle.addWidget(self.table, 5)
        middle.addWidget(self.canvas, 3)
        buttons = QHBoxLayout()
        buttons.addWidget(self.difference_button)
        buttons.addWidget(self.aligned_button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(4)
        for part in (top, tools):
            layout.addLayout(part)
        layout.addLayout(middle, 1)
        layout.addWidget(self.sentence)
        layout.addLayout(buttons)

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Follow the scan's H and the theme."""
        if self.model is None or self.model.scan is not scan:
            self.views.restore()
            self.side_button.setChecked(False)
            self.model = None if scan is None else CompareModel(scan)
        found: list[Connection] = [(self.viewer.events.theme, self.refresh_soon)]
        if scan is not None and self.model is not None:
            found += [
                (scan.dataset_changed, self._recording_changed),
                (scan.results_changed, self.refresh_soon),
                (self.model.changed, self.refresh_soon),
            ]
        return found

    def refresh(self) -> None:
        """Show correlations and warnings of the present alignment."""
        model = self.model
        problem = "No scan is open." if model is None else model.problem
        usable = not problem
        for widget in (
            self.first_box, self.second_box, self.flip_box, *self.spins.values(), self.measure_button,
            self.side_button, self.difference_button, self.aligned_button,
        ):  # fmt: skip
            widget.setEnabled(usable)
        self.canvas.setVisible(usable)
        self.table.setVisible(usable)
        if model is None or not usable:
            self.sentence.setText(problem)
            return
        self._fill_boxes(model)
        result, second = model.result(), model.aligned()
        heights = model.heights()
        if result is None or second is None or heights is None:
            return
        rows = {"the other way": result.between, **result.with_surface}
        self._fill_table(
            rows, {name for name in rows if any(f"the {name} " in text for text in result.warnings)}
        )
        self.plot.set_theme(theme_of(self.viewer))
        names = [plain_label(model.scan.labels[index]) for index in (model.first, model.second)]
        self.plot.show(
            np.abs(heights[model.first]), np.abs(second), names=(names[0], names[1]), unit=model.scan.unit
        )
        words = [model.message] if model.message else [f"{names[1]} is {model.shift_in_words()}."]
        self.sentence.setText(" ".join([*words, *(f"⚠ {text}" for text in result.warnings)]))

    def add_difference(self) -> None:
        """Add the difference of the two maps as a layer."""
        if self.model is not None:
            self._add(self.model.difference(), "Difference of |H|")

    def add_aligned(self) -> None:
        """Add the aligned second map as a layer."""
        if self.model is not None:
            label = self.model.scan.labels[self.model.second]
            self._add(self.model.aligned(), f"H {label} aligned".replace("  ", " "))

    def _add(self, values: Any, title: str) -> None:
        model = self.model
        if model is None or values is None:
            say(self.viewer, "There is no map to add yet", warning=True)
            return
        layer: LayerTuple = map_layer(model.scan, values, "H", title, model.scan.unit, model.second)
        # What was done to a map belongs to it: nobody shall take it for the raw one.
        layer[1]["metadata"]["tesm"] |= {"kind": "derived", "done": str(model.alignment)}
        layer[1]["visible"] = True
        add_below_drawings(self.session, model.scan, layer)

    def _fill_boxes(self, model: CompareModel) -> None:
        labels = [plain_label(label) or f"pulse {index + 1}" for index, label in enumerate(model.scan.labels)]
        for box, index in ((self.first_box, model.first), (self.second_box, model.second)):
            if [box.itemText(i) for i in range(box.count())] != labels:
                box.clear()
                box.addItems(labels)
            box.setCurrentIndex(index)
        alignment = model.alignment
        for widget, value in ((self.spins["dx"], alignment.dx), (self.spins["dy"], alignment.dy)):
            widget.blockSignals(True)
            widget.setValue(value)
            widget.blockSignals(False)
        self.flip_box.blockSignals(True)
        self.flip_box.setChecked(alignment.flip)
        self.flip_box.blockSignals(False)

    def _fill_table(self, rows: dict[str, Correlation], warned: set[str]) -> None:
        self.table.setRowCount(len(rows))
        for index, (name, one) in enumerate(rows.items()):
            known = np.isfinite(one.pearson)
            texts = [
                f"⚠ {name}" if name in warned else name,
                f"{one.pearson:.2f}" if known else "–",
                f"{one.low:.2f} … {one.high:.2f}" if known else "–",
            ]
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                tip = f"{name}: n = {one.n}, Spearman {one.spearman:.2f}"
                item.setToolTip(tip if known else f"{name}: one of the two does not vary")
                self.table.setItem(index, column, item)

    def _recording_changed(self) -> None:
        if self.model is not None:
            self.model = CompareModel(self.model.scan)
        self.refresh_soon()

    def _chosen(self, _: int) -> None:
        if self.model is not None:
            self.model.choose(self.first_box.currentIndex(), self.second_box.currentIndex())

    def _moved(self, _: Any = None) -> None:
        if self.model is not None:
            self.model.align(
                Alignment(self.flip_box.isChecked(), self.spins["dy"].value(), self.spins["dx"].value())
            )

    def _measure(self) -> None:
        if self.model is not None:
            self.model.measure()

    def _views_disturbed(self) -> None:
        if isalive(self._end_timer):
            self._end_timer.start()

    def _side_by_side(self, wanted: bool) -> None:
        if not wanted:
            self.views.restore()
            return
        model = self.model
        layers = [] if model is None else self._layers_to_show(model)
        if model is None or len(layers) < 2:
            say(self.viewer, "There are no two maps to show side by side", warning=True)
            self.side_button.setChecked(False)
            return
        self.views.show(model.scan, layers)

    def _layers_to_show(self, model: CompareModel) -> list[Any]:
        channels = self.session.layers_of(model.scan, "channel")
        ground = [layer for layer in channels if "deflection" in layer.metadata["tesm"].get("channel", "")]
        maps = self.session.layers_of(model.scan, "map")
        heights = {
            layer.metadata["tesm"]["pulse"]: layer
            for layer in maps
            if layer.metadata["tesm"].get("map") == "H"
        }
        return ground[:1] + [heights[index] for index in (model.first, model.second) if index in heights]
