"""The trace panel: what the cursor is over, what is pinned, and the windows to drag."""

from collections.abc import Generator
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_tesm.data.maps import JOINT
from napari_tesm.gui.models.entries import EntryModel
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.theory import TheoryCurve, theory_in_words
from napari_tesm.gui.models.trace import SIZES, PlaceTraces, TraceModel
from napari_tesm.gui.panels.canvas import PlotCanvas, theme_of
from napari_tesm.gui.panels.panel import Connection, Panel
from napari_tesm.gui.panels.trace_table import TraceTable
from napari_tesm.gui.panels.widgets import (
    Words,
    button,
    choice_box,
    fill_box,
    items_of_pulses,
    laid_out,
    narrow,
    save_text,
    single_shot,
)
from napari_tesm.gui.saying import say
from napari_tesm.plotting.trace import FitCurve, TraceCurve, TracePlot
from napari_tesm.plotting.words import sentence_from_fit, sentence_from_limits_of_fit

_LEAST_HEIGHT: Final = 90
"""Of the plot, in pixels: in a window of 800 the form of the fit is to be there beside it, too."""
_SHORTEST: Final = 2
"""Wide letters of a choice that are shown at least: with large type a dock of 400 pixels has room for no more."""
_NO_LIMIT: Final = 16_777_215
"""Qt's own largest height."""
_HINT: Final = "Move over the image to see traces; click pins a point, shift-click the mean of 3 × 3."


class TracePanel(Panel):
    """Traces, fits and residuals at the probe and at pinned points, with their numbers.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    EXPORTED = ("Save traces", "traces.csv")

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.model: TraceModel | None = None
        self.canvas = PlotCanvas(height=_LEAST_HEIGHT)
        self.plot = TracePlot(self.canvas.figure)
        self.plot.on_window_dragged = self._window_dragged
        self.plot.on_curve_clicked = self._select
        self.plot.on_time_clicked = self._time_clicked
        self._axes_for: tuple[Any, ...] | None = None
        self._spoken: PlaceTraces | None = None

        self.pulse_box = choice_box("Which pulse settings are drawn", self._pulses_chosen)
        self.layout_button = button("Stack", "One axis for each polarity, on one scale")
        self.layout_button.toggled.connect(self.refresh_soon)
        sizes = [(f"{size} × {size} px" if size > 1 else "1 px", size) for size in SIZES]
        self.size_box = choice_box(
            "Mean and standard deviation of the pixels around the cursor", self._size_chosen, sizes
        )
        for box in (self.pulse_box, self.size_box):
            narrow(box, _SHORTEST)
        self.theory_button = button(
            "Theory",
            "Lay over it, in green, what pure diffusion from a clamped tip shows with the D that comes nearest",
        )
        self.theory_button.toggled.connect(self._theory_toggled)
        self.pin_button = button("Pin", "Pin the pixel under the probe (space)", self._pin)
        self.remove_button = button("Unpin", "Remove the selected point (Delete)", self._remove)

        self.table = TraceTable()
        self.table.place_chosen.connect(self._select)
        self.sentence = Words(_HINT)
        self.sentence.setMinimumHeight(2 * self.fontMetrics().height())
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignTop)

        self.tools = QWidget()
        boxes = (self.pulse_box, self.layout_button, self.size_box, self.theory_button)
        buttons = (self.pin_button, self.remove_button)
        laid_out(QHBoxLayout(self.tools), *boxes, None, *buttons, spacing=3, margin=0)
        parts = ((self.canvas, 1), self.tools, self.table, self.sentence)
        laid_out(QVBoxLayout(self), *parts, spacing=2, margin=0)
        self.add_plot_menu(self.canvas, self.plot.set_theme, "Traces")

        # Hovering draws at most once per frame, and only the blitted part; numbers follow when the hand rests.
        self._hover_timer = single_shot(self, 15, self._draw_curves)

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Follow the probe, the points, the recipe, the slider and the theme."""
        connections: list[Connection] = [(self.viewer.events.theme, self.refresh_soon)]
        self.model = None if scan is None else TraceModel(scan)
        if self.model is not None:
            self.model.shows_theory = self.theory_button.isChecked()
        if scan is not None and self.model is not None:
            connections += [
                (scan.probe_changed, self._probe_changed),
                (scan.points_changed, self.refresh_soon),
                (scan.recipe_changed, self.refresh_soon),
                (scan.dataset_changed, self.refresh_soon),
                (scan.results_changed, self.refresh_soon),
                (scan.time_changed, self.plot.set_marker),
                (self.model.changed, self.refresh_soon),
            ]
        return connections

    def come(self) -> None:
        """Pin where the mouse is clicked."""
        self.viewer.mouse_drag_callbacks.append(self._mouse_pressed)

    def leave(self) -> None:
        """Do so no longer."""
        self.viewer.mouse_drag_callbacks.remove(self._mouse_pressed)

    def refresh(self) -> None:
        """Draw everything anew."""
        model = self.model
        self._fill_pulse_box()
        self.plot.set_theme(theme_of(self.viewer))
        if model is None or model.scan.dataset is None:
            self._axes_for = None
            self._show_tools(False)
            self.plot.clear()
            self.table.clear()
            self.sentence.setText(_HINT if model is None else model.scan.problem)
            return
        self._show_tools(True)
        self._lay_out_axes(model)
        self._draw_curves()

    def _show_tools(self, shown: bool) -> None:
        """Leave the room to the tabs where there are no traces."""
        for widget in (self.canvas, self.tools, self.table):
            widget.setVisible(shown)
        self.setMaximumHeight(_NO_LIMIT if shown else self.sentence.sizeHint().height() + 8)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Arrows move the selected point or the probe, space pins, digits jump, Delete removes."""
        if event is None or self.model is None or not self._act_on_key(event.key()):
            super().keyPressEvent(event)

    def _act_on_key(self, key: int) -> bool:
        moves = {
            Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1),
        }  # fmt: skip
        assert self.model is not None
        if key in moves:
            self.model.move(*moves[Qt.Key(key)])
        elif key == Qt.Key.Key_Space:
            self._pin()
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._remove()
        elif Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
            self._jump_to(key - Qt.Key.Key_0)
        else:
            return False
        return True

    def export_to(self, path: Path) -> None:
        """Write the curves shown to a CSV file."""
        if self.model is not None:
            worked, words = save_text(path, self.model.csv_text)
            say(words, warning=not worked)

    # What the model says, drawn

    def _lay_out_axes(self, model: TraceModel) -> None:
        settings, time = model.scan.settings, model.time
        windows = {} if settings is None else dict(settings.windows)
        pulse = None if settings is None else settings.pulse
        stacked = self.layout_button.isChecked() and len(model.pulses) > 1
        layout: Literal["overlay", "polarities"] = "polarities" if stacked else "overlay"
        wanted = (
            id(model.scan.dataset), time.tobytes(), str(windows), str(pulse), layout, tuple(model.pulses),
            tuple(model.scan.labels),
        )  # fmt: skip
        if wanted == self._axes_for:
            return
        same_but_windows = self._axes_for is not None and (*wanted[:2], *wanted[4:]) == (
            *self._axes_for[:2],
            *self._axes_for[4:],
        )
        self._axes_for = wanted
        if same_but_windows:
            self.plot.set_windows(windows, pulse)
        else:
            self.plot.set_axes(
                time,
                windows=windows,
                pulse=pulse,
                unit=model.scan.unit,
                layout=layout,
                labels=[model.scan.labels[pulse] for pulse in model.pulses],
            )
        self.plot.set_marker(model.scan.time)

    def _draw_curves(self) -> None:
        model = self.model
        if model is None or model.scan.dataset is None or self._axes_for is None:
            return
        try:
            places = model.places()
        except OSError as error:  # the file is gone, or was changed by somebody else
            self.plot.show([])
            self.table.clear()
            self.sentence.setText(sentence_for_forms(error))
            return
        theory, problem = self._theory(model, places)
        self.plot.show([curve for place in places for curve in self._curves(model, place, theory)])
        self.table.fill(model, places, theme_of(self.viewer))
        self._say_in_words(model, places, [problem, theory_in_words(list(theory.values()))])
        self._make_room()

    def _make_room(self) -> None:
        """Give table and sentence the room of all their lines now: drawing may come before Qt gets to the layout."""
        self.sentence.keep_lines(at_least=2)
        if (layout := self.layout()) is not None:
            layout.activate()

    def _theory(self, model: TraceModel, places: list[PlaceTraces]) -> tuple[dict[int, TheoryCurve], str]:
        """Return the theory for the place that is spoken of, or why there is none."""
        try:
            return (model.theory_of(self._spoken_of(model, places)) if places else {}), ""
        except ValueError as error:
            return {}, sentence_for_forms(error)

    def _curves(
        self, model: TraceModel, place: PlaceTraces, theory: dict[int, TheoryCurve]
    ) -> list[TraceCurve]:
        assert model.scan.dataset is not None
        here = theory if place is self._spoken else {}
        voltages = model.scan.dataset["voltage"].values
        point = place.point
        return [
            TraceCurve(
                label=place.fits[pulse].label,
                colour="" if point is None else point.colour,
                values=place.sample.mean[pulse],
                spread=None if place.sample.spread is None else place.sample.spread[pulse],
                fits=tuple(
                    FitCurve(number, fit.time, fit.curve) for number, fit in place.fits[pulse].windows.items()
                ),
                theory=FitCurve(JOINT, here[pulse].window.time, here[pulse].window.curve)
                if pulse in here
                else None,
                voltage=float(voltages[pulse]),
                role="probe" if point is None else "pinned",
                number=None if point is None else point.number,
                pulse=model.pulses.index(pulse),
            )
            for pulse in model.pulses
        ]

    def _spoken_of(self, model: TraceModel, places: list[PlaceTraces]) -> PlaceTraces:
        """Return the place that the sentence is about: the selected point, or what the cursor is over."""
        chosen = next((p for p in places if p.point is not None and p.point.number == model.selected), None)
        self._spoken = chosen if chosen is not None and model.scan.probe is None else places[0]
        return self._spoken

    def _say_in_words(self, model: TraceModel, places: list[PlaceTraces], theory: list[str]) -> None:
        if not places or model.scan.fit_problem:
            self.sentence.setText(model.scan.fit_problem or _HINT)
            return
        place = self._spoken_of(model, places)
        lines = []
        for pulse in model.pulses[-1:]:
            for window in place.fits[pulse].windows.values():
                if not window.ok:
                    lines.append(sentence_from_fit(window))
                lines += [words] if (words := sentence_from_limits_of_fit(window)) else []
        where = self._place_words(model, place)
        self.sentence.setText(" · ".join([where, *lines, *filter(None, theory)]))

    def _place_words(self, model: TraceModel, place: PlaceTraces) -> str:
        sample = place.sample
        display = model.scan.display
        y, x = display.world_from_xy((sample.x, sample.y))
        words = f"x {x:.4g}, y {y:.4g} {display.unit}" if display.unit != "pixel" else ""
        text = f"pixel ({sample.row}, {sample.column})"
        if sample.pixels > 1:
            text += f", mean of {sample.pixels}"
        return f"{text}, {words}" if words else text

    def _fill_pulse_box(self) -> None:
        labels = [] if self.model is None else self.model.scan.labels
        fill_box(self.pulse_box, [("All", None), *items_of_pulses(labels)])
        several = len(labels) > 1
        self.pulse_box.setVisible(several)
        self.layout_button.setVisible(several)

    # What the user does, handed to the model

    def _probe_changed(self) -> None:
        if not self._hover_timer.isActive():
            self._hover_timer.start()

    def _mouse_pressed(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        """Pin where the mouse is clicked: pressed and released without moving, while no tool is active."""
        start = np.asarray(event.pos if hasattr(event, "pos") else event.position, dtype=float)
        yield
        moved = False
        while event.type == "mouse_move":
            here = np.asarray(event.pos if hasattr(event, "pos") else event.position, dtype=float)
            moved = moved or bool(np.abs(here - start).max() > 3)
            yield
        active = viewer.layers.selection.active
        tool = str(getattr(active, "mode", "pan_zoom"))
        if moved or event.button != 1 or tool not in ("pan_zoom",) or self.model is None:
            return
        scan = self.model.scan
        pixel = self.session.pixel_under(event.position)
        modifiers = {name for name in ("Shift", "Control", "Alt", "Meta") if name in event.modifiers}
        if scan.dataset is None or pixel is None or modifiers - {"Shift"}:
            return
        scan.look_at(pixel)
        self.model.pin_probe(size=max(3, scan.probe_size) if "Shift" in modifiers else None)

    def _window_dragged(self, number: int, start: float, stop: float, final: bool) -> None:
        if self.model is not None:
            self.model.set_window(number, start, stop)
            if final:
                EntryModel.of(self.model.scan).part()

    def _time_clicked(self, time: float) -> None:
        """Move napari's slider to a time that was clicked in the plot."""
        scan = self.scan
        if scan is None or scan.dataset is None:
            return
        scan.set_time(time)
        layers = self.session.layers_of(scan, "traces")
        if layers and self.viewer.dims.ndim >= 3:
            factor = layers[0].metadata["tesm"]["time_factor"]
            step = self.session.world_step(-3, layers[0].units[0])
            self.viewer.dims.set_point(self.viewer.dims.ndim - 3, time / factor / step)

    def _pulses_chosen(self, index: int) -> None:
        if self.model is not None:
            self.model.show_pulses(set() if index == 0 else {index - 1})

    def _size_chosen(self, index: int) -> None:
        if self.scan is not None:
            self.scan.look_at(self.scan.probe, size=SIZES[index])

    def _theory_toggled(self, shown: bool) -> None:
        if self.model is not None:
            self.model.show_theory(shown)

    def _pin(self) -> None:
        if self.model is None or self.model.pin_probe() is None:
            say("There is no pixel to pin: move over the image first", warning=True)

    def _remove(self) -> None:
        if self.model is not None and self.model.selected is not None:
            self.model.remove(self.model.selected)

    def _jump_to(self, number: int) -> None:
        if self.model is None:
            return
        for point in self.model.scan.points:
            if point.number == number:
                self.model.select(number)
                self.model.scan.look_at(self.model.scan.pixel_of(point.x, point.y))

    def _select(self, number: int | None) -> None:
        if self.model is not None:
            self.model.select(number)
