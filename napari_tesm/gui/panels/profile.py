"""The tab of profiles: what lies along a line across a step, the step's width, and D against the distance from it."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from psygnal import SignalInstance
from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from napari_tesm.gui.models.profile import VIEWS, DistanceView, LineView, ProfileModel
from napari_tesm.gui.models.region_quantities import Quantity
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.canvas import theme_of
from napari_tesm.gui.panels.drawn_panel import PlotPanel
from napari_tesm.gui.panels.panel import Connection
from napari_tesm.gui.panels.widgets import choice_box, fill_box, fill_pulses
from napari_tesm.plotting.profile import ProfileCurve, ProfilePlot
from napari_tesm.plotting.profile import ProfilePanel as PanelOfPlot

if TYPE_CHECKING:
    import napari

_NO_SCAN: Final = "Open a scan to see profiles."


class ProfilePanel(PlotPanel):
    """Profiles along the selected line of the scan that is looked at, or the line drawn last.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    EXPORTED = ("Save the profile", "profile.csv")

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent, height=110, tip="Save what is shown, in SI units")
        self.draw_button = self._add_tool("add_line", "Line: drag across a step")
        self.view_box = choice_box(
            "Values along the line, or of all pixels against their distance from the step",
            self._chosen,
            [(title, key) for key, title in VIEWS.items()],
        )
        self.pulse_box = choice_box("Pulse setting", self._chosen)
        self.width_box = choice_box(
            "What the width of the step is taken from, and what is drawn against the distance", self._chosen
        )
        self.shown_button = QPushButton("Show")
        self.shown_button.setToolTip("What is drawn along the line")
        self.shown_menu = QMenu(self)
        self.shown_menu.aboutToShow.connect(self._fill_menu)
        self.shown_button.setMenu(self.shown_menu)
        self.plot = ProfilePlot(self.canvas.figure)
        boxes = {self.view_box: 13, self.pulse_box: 9, self.width_box: 12}
        self._lay_out({self.draw_button: 0, **boxes, self.shown_button: 0})
        self.add_plot_menu(self.canvas, self.plot.set_theme, "Profile")

    @property
    def profile_wanted(self) -> SignalInstance:
        """Signal that a line was drawn, whichever tab is open then: its profile is worth a look."""
        signal: SignalInstance = self.link.profile_wanted
        return signal

    @property
    def model(self) -> ProfileModel | None:
        """The model of the scan that is looked at."""
        return None if self.scan is None else ProfileModel.of(self.scan)

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Listen to the line, to results and to the layer."""
        own: list[Connection] = [
            (self.link.mode_changed, self._mode_changed),
            (self.viewer.events.theme, self._paint_icons),
        ]
        if scan is not None:
            own.append((ProfileModel.of(scan).changed, self.refresh_soon))
        return [*super().connections(scan), *own]

    def refresh(self) -> None:
        """Take the profile anew and draw it."""
        model = self.model
        if model is not None and model.view == "distance" and model.regions.is_live:
            return  # distances of all pixels are taken when the drag is over
        self.plot.set_theme(theme_of(self.viewer))
        self._mode_changed(self.link.mode)
        fill_pulses(self.pulse_box, self.scan, 0 if model is None else model.pulse)
        quantities = [] if model is None else model.book.quantities()
        fill_box(self.width_box, [(quantity.title, quantity.key) for quantity in quantities])
        for widget in (self.draw_button, self.view_box, self.width_box, self.shown_button):
            widget.setEnabled(model is not None)
        self.export_button.setEnabled(False)
        if model is None:
            self._say_only(_NO_SCAN)
            return
        measured = self._measured(model)
        self.view_box.setCurrentIndex(self.view_box.findData(model.view))
        self.width_box.setCurrentIndex(-1 if measured is None else self.width_box.findData(measured.key))
        self.shown_button.setEnabled(model.view == "line")
        if model.view == "distance":
            self._show_distance(model.distance_view())
        else:
            self._show_line(model.line_view())

    def csv_text(self) -> str:
        """Return what is shown, in SI units."""
        return "" if self.model is None else self.model.csv_text()

    def _show_line(self, view: LineView) -> None:
        if view.message:
            self._say_only(view.message)
            return
        panels = [
            PanelOfPlot(
                group[0].title if len(group) == 1 else group[0].quantity.key.rstrip("12"),
                group[0].quantity.unit,
                tuple(
                    ProfileCurve(
                        curve.profile.mean,
                        None if group[0].quantity.many_decades else curve.profile.std,
                        factor=None if curve.log_error is None else np.exp(curve.log_error),
                        label=curve.quantity.title if len(group) > 1 else "",
                    )
                    for curve in group
                ),
                log=group[0].quantity.many_decades,
            )
            for group in view.curves
        ]
        if not panels:
            self._say_only("Choose under Show what is to be drawn along the line.")
            return
        width = view.width
        self.plot.show(
            view.curves[0][0].profile.position,
            panels,
            unit=view.unit,
            edges=None if width is None else (width.left, width.right),
            width=None if width is None else width.fwhm,
            width_error=float("nan") if width is None else width.error,
        )
        self.words.setText(view.words)
        self.export_button.setEnabled(True)

    def _show_distance(self, view: DistanceView) -> None:
        if view.message or view.curve is None or view.quantity is None:
            self._say_only(view.message)
            return
        self.plot.show_distance(
            view.distance,
            PanelOfPlot(
                view.title,
                view.quantity.unit,
                (ProfileCurve(view.values, points=True),),
                log=view.quantity.many_decades,
            ),
            centres=view.curve.distance,
            medians=view.curve.median,
            unit=view.unit,
        )
        self.words.setText(view.words)
        self.export_button.setEnabled(True)

    def _say_only(self, sentence: str) -> None:
        self.plot.clear()
        self.words.setText(sentence)

    def _fill_menu(self) -> None:
        self.shown_menu.clear()
        model = self.model
        if model is None:
            return
        drawn = {quantity.key for quantity in model.drawn()}
        for quantity in model.book.quantities():
            action = self.shown_menu.addAction(quantity.title)
            action.setCheckable(True)
            action.setChecked(quantity.key in drawn)
            action.toggled.connect(lambda on, key=quantity.key: self._show_or_hide(key, on))

    def _show_or_hide(self, key: str, on: bool) -> None:
        if self.model is not None:
            drawn = {quantity.key for quantity in self.model.drawn()}
            drawn = drawn | {key} if on else drawn - {key}
            keys = [quantity.key for quantity in self.model.book.quantities()]
            self.model.choose(shown=[key for key in keys if key in drawn])

    def _measured(self, model: ProfileModel) -> Quantity | None:
        return model.distance_quantity() if model.view == "distance" else model.width_quantity()

    def _chosen(self, *_: Any) -> None:
        model = self.model
        if model is None:
            return
        measured, chosen = self._measured(model), self.width_box.currentData()
        if measured is not None and chosen != measured.key:
            # What was taken by itself stays free to become a better one after a fit.
            if model.view == "distance":
                model.choose(distance_key=chosen)
            else:
                model.choose(width_key=chosen)
        model.choose(view=self.view_box.currentData(), pulse=max(0, self.pulse_box.currentIndex()))
