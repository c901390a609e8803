"""The Compare tab: trace against retrace, aligned, side by side, with a warning where the surface shines through."""

from typing import Any, Final

import numpy as np
from qtpy.compat import isalive
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QVBoxLayout

from napari_tesm.findings.table import Joined
from napari_tesm.gui.layers.label_layers import LayerTuple
from napari_tesm.gui.layers.linked_views import SideBySide
from napari_tesm.gui.layers.marks import show_marks
from napari_tesm.gui.layers.result_layers import add_below_drawings
from napari_tesm.gui.layers.scan_layers import map_layer
from napari_tesm.gui.models.compare import Alignment, CompareModel
from napari_tesm.gui.models.scan import Scan, plain_label
from napari_tesm.gui.panels.canvas import PlotCanvas, theme_of
from napari_tesm.gui.panels.panel import Connection, Panel
from napari_tesm.gui.panels.table_view import TableModel, TableView
from napari_tesm.gui.panels.widgets import (
    Words,
    button,
    check_box,
    choice_box,
    fill_box,
    items_of_pulses,
    laid_out,
    single_shot,
)
from napari_tesm.gui.saying import say
from napari_tesm.plotting.scatter import ScatterPlot
from napari_tesm.quantities.numbers import counted

_COLUMNS: Final = ("|H| with", "r", Joined("95 %", ("low", "high"), "{} … {}"))


class _Correlations(TableModel):
    def look(self, row: int, key: str, role: int) -> Any:
        """Say under the mouse what else is known of a correlation."""
        if role != Qt.ItemDataRole.ToolTipRole:
            return None
        name, r, spearman, _, _, n = self.table.rows[row]
        words = f"n = {n}, Spearman {spearman:.2f}" if np.isfinite(r) else "one of the two does not vary"
        return f"{name}: {words}"


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
        self.first_box = choice_box("The map that stays as it is", self._chosen)
        self.second_box = choice_box("The map that is laid on it", self._chosen)
        self.flip_box = check_box(
            "Flip", "Mirror left and right: for recorders that store the way back in the order of time"
        )
        self.flip_box.toggled.connect(self._moved)
        self.spins = {name: QDoubleSpinBox() for name in ("dx", "dy")}
        for name, spin in self.spins.items():
            spin.setRange(-999.0, 999.0)
            spin.setDecimals(2)
            spin.setSingleStep(0.1)
            spin.setSuffix(" px")
            spin.setToolTip("Shift to the right" if name == "dx" else "Shift down")
            spin.valueChanged.connect(self._moved)
        self.measure_button = button("Measure shift", "Find the shift by cross-correlation", self._measure)
        self.side_button = button(
            "Side by side", "Deflection error and both maps with one zoom and one cursor"
        )
        self.side_button.toggled.connect(self._side_by_side)
        # After all that happens to the layers at once, such as the maps of a fit.
        self._end_timer = single_shot(self, 0, lambda: self.side_button.setChecked(False))
        self.views.disturbed.connect(self._views_disturbed)
        self.difference_button = button(
            "Add difference", "A new layer: |H| of the second less that of the first", self.add_difference
        )
        self.aligned_button = button(
            "Add aligned map", "A new layer: the second map laid on the first", self.add_aligned
        )
        self.table = TableView(_Correlations(), stretched=0)
        self.canvas = PlotCanvas(height=90)
        self.canvas.setMinimumWidth(110)
        self.plot = ScatterPlot(self.canvas.figure)
        self.plot.on_selected = self._selected
        self.canvas.setToolTip("Drag over pixels to mark them on the map; a click marks none")
        self.sentence = Words(whole=True)
        pair = (self.first_box, QLabel("and"), self.second_box, self.side_button)
        top = laid_out(QHBoxLayout(), *pair, None)
        tools = laid_out(QHBoxLayout(), self.flip_box, *self.spins.values(), self.measure_button, None)
        middle = laid_out(QHBoxLayout(), (self.table, 5), (self.canvas, 3))
        buttons = laid_out(QHBoxLayout(), self.difference_button, self.aligned_button, None)
        parts = (top, tools, (middle, 1), self.sentence, buttons)
        laid_out(QVBoxLayout(self), *parts, spacing=4, margin=2)
        self.add_plot_menu(self.canvas, self.plot.set_theme, "Comparison", exported=False)

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Follow the scan's H and the theme."""
        if self.model is None or self.model.scan is not scan:
            self.views.restore()
            self.side_button.setChecked(False)
            self.model = None if scan is None else CompareModel(scan)
        connections: list[Connection] = [(self.viewer.events.theme, self.refresh_soon)]
        if scan is not None and self.model is not None:
            connections += [
                (scan.dataset_changed, self._recording_changed),
                (scan.results_changed, self.refresh_soon),
                (self.model.changed, self.refresh_soon),
            ]
        return connections

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
        self.table.shown.show_table(model.table(), _COLUMNS)
        self.plot.set_theme(theme_of(self.viewer))
        names = [plain_label(model.scan.labels[index]) for index in (model.first, model.second)]
        self.plot.show(
            np.abs(heights[model.first]), np.abs(second), names=(names[0], names[1]), unit=model.scan.unit
        )
        words = [model.message] if model.message else [f"{names[1]} is {model.shift_in_words()}."]
        self.sentence.setText(" ".join([*words, *(f"⚠ {text}" for text in result.warnings)]))

    def leave(self) -> None:
        """Take the marks off the map."""
        if self.scan is not None:
            show_marks(self.session, self.scan, None)

    def _selected(self, across: tuple[float, float], up: tuple[float, float]) -> None:
        """Mark the pixels whose |H| lie in a rectangle of the plot, and say how many they are."""
        model = self.model
        heights, second = (None, None) if model is None else (model.heights(), model.aligned())
        if model is None or heights is None or second is None:
            return
        inside = [
            (np.abs(values) >= low) & (np.abs(values) <= high)
            for values, (low, high) in zip((heights[model.first], second), (across, up), strict=True)
        ]
        pixels = inside[0] & inside[1] if across[1] > across[0] and up[1] > up[0] else None
        show_marks(self.session, model.scan, pixels)
        if pixels is not None:
            self.sentence.setText(f"{counted(int(pixels.sum()), 'pixel')} selected.")

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
            say("There is no map to add yet", warning=True)
            return
        layer: LayerTuple = map_layer(model.scan, values, "H", title, model.scan.unit, model.second)
        # What was done to a map belongs to it: nobody shall take it for the raw one.
        layer[1]["metadata"]["tesm"] |= {"kind": "derived", "done": str(model.alignment)}
        layer[1]["visible"] = True
        add_below_drawings(self.session, model.scan, layer)

    def _fill_boxes(self, model: CompareModel) -> None:
        for box, pulse in ((self.first_box, model.first), (self.second_box, model.second)):
            fill_box(box, items_of_pulses(model.scan.labels), pulse)
        for name, spin in self.spins.items():
            with QSignalBlocker(spin):
                spin.setValue(getattr(model.alignment, name))
        with QSignalBlocker(self.flip_box):
            self.flip_box.setChecked(model.alignment.flip)

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
            say("There are no two maps to show side by side", warning=True)
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
