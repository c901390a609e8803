"""The t-ESM workspace: one dock with the trace on top and the tabs Fit, Regions, Profile and others below."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, WeakSet, ref

import numpy as np
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence, QResizeEvent
from qtpy.QtWidgets import QHBoxLayout, QShortcut, QSplitter, QToolButton, QVBoxLayout, QWidget

from napari_tesm.files.sentences import Sentence
from napari_tesm.gui.layers.drawing import take_up_drawing
from napari_tesm.gui.layers.layer_keeper import points_moved, rebuild_recording, show_points
from napari_tesm.gui.layers.map_legend import show_map_legend
from napari_tesm.gui.layers.result_layers import MapsApart
from napari_tesm.gui.layers.scan_views import ScanViews
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.agreement import sentence_about_maps
from napari_tesm.gui.models.busy import Busy
from napari_tesm.gui.models.entries import EntryModel
from napari_tesm.gui.models.scan import Scan, role_of
from napari_tesm.gui.panels.closing import guard_window
from napari_tesm.gui.panels.compare import ComparePanel
from napari_tesm.gui.panels.entry_guard import guard_entries
from napari_tesm.gui.panels.fit import FitPanel
from napari_tesm.gui.panels.fit_notice import FitNotice, ask_before_saving
from napari_tesm.gui.panels.grains import GrainPanel
from napari_tesm.gui.panels.help_window import open_help
from napari_tesm.gui.panels.histogram import HistogramPanel
from napari_tesm.gui.panels.more_button import MoreButton
from napari_tesm.gui.panels.panel import Connection, Panel
from napari_tesm.gui.panels.profile import ProfilePanel
from napari_tesm.gui.panels.protocol_form import ProtocolForm
from napari_tesm.gui.panels.regions import RegionPanel
from napari_tesm.gui.panels.report_button import ReportButton
from napari_tesm.gui.panels.scans import ScansPanel
from napari_tesm.gui.panels.series import SeriesPanel
from napari_tesm.gui.panels.trace import TracePanel
from napari_tesm.gui.panels.widgets import (
    PanelTabs,
    Words,
    button,
    choice_box,
    fill_box,
    laid_out,
    narrow,
    path_to_save,
    single_shot,
    take_style,
    undo_or_redo,
)
from napari_tesm.gui.saying import say
from napari_tesm.quantities.text import prefix_for

if TYPE_CHECKING:
    import napari

_TABS = (
    ("Scans", ScansPanel),
    ("Fit", FitPanel),
    ("Regions", RegionPanel),
    ("Profile", ProfilePanel),
    ("Histogram", HistogramPanel),
    ("Compare", ComparePanel),
    ("Grains", GrainPanel),
    ("Series", SeriesPanel),
)
_SHORTEST_NAME = 4
"""Wide letters of a scan's name that are seen; its list shows it whole."""
_KEYS = {"Control-Z": "undo", "Control-Shift-Z": "redo", "Control-Y": "redo"}
"""On the canvas: a click that pins leaves the focus there."""
_WITHIN = Qt.ShortcutContext.WindowShortcut
_LEAST_FORM = 120
_BETWEEN = 24
"""Pixels between trace and form: the handle, and a line that the sentence of the trace may grow by."""
_NOTHING = "Drop a .gwy file on napari, or choose File → Open Sample → t-ESM."


class Workspace(Panel):
    """Everything of a scan beside the canvas.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__(viewer)
        self.summary = Words(_NOTHING)
        self.scan_box = choice_box("The scan that the panels below look at", self._scan_chosen)
        narrow(self.scan_box, _SHORTEST_NAME)
        self.protocol_button = QToolButton()
        self.protocol_button.setText("Protocol")
        self.protocol_button.setToolTip("What is known of the pulses, and what the file does not say")
        self.protocol_button.setCheckable(True)
        self.protocol_button.toggled.connect(self._protocol_toggled)
        self.save_button = button(
            "Save .gwy…",
            "Save results, regions, points and what was entered as a new .gwy file",
            self.ask_and_save,
        )
        self.report_button = ReportButton(self, self.take_up_drawing)
        self.more_button = MoreButton(viewer, self, self.measure, self.tell)
        self.help_button = QToolButton()
        self.help_button.setText("?")
        self.help_button.setToolTip("Explain this tab (F1)")
        self.help_button.clicked.connect(self.explain)
        QShortcut(QKeySequence(Qt.Key.Key_F1), self, self.explain, context=_WITHIN)
        self.form = ProtocolForm()
        self.form.hide()
        self.trace = TracePanel(viewer)
        self.tabs = PanelTabs()
        self.panels: dict[str, Panel] = {}
        self.fit_panel = FitPanel(viewer)
        for title, make in _TABS:
            self.panels[title] = panel = self.fit_panel if make is FitPanel else make(viewer)
            self.tabs.add_page(panel, title, scrolls=panel is self.fit_panel)
        self.tabs.setCurrentWidget(self.fit_panel)
        self.panels["Scans"].work_with(self)
        self.panels["Profile"].profile_wanted.connect(self._raise_profile)
        self.notice = FitNotice()
        self.notice.fit_wanted.connect(self._fit_first)
        self.tabs.currentChanged.connect(self._show_notice)
        self._asked_about: WeakSet[Scan] = WeakSet()
        self._told: WeakSet[Scan] = WeakSet()
        self._shown: ReferenceType[Scan] | None = None
        self._keeping_points = Busy()
        self._maps_apart = MapsApart(self.session)
        self.views = ScanViews(self.session)
        self._legend_timer = single_shot(self, 0, self._show_legend)

        buttons = (self.protocol_button, self.save_button, self.report_button, self.more_button)
        top = laid_out(QHBoxLayout(), (self.summary, 1), self.scan_box, *buttons, self.help_button, spacing=2)
        self.splitter = splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.trace)
        below = QWidget()
        # Below the tabs: a sentence that comes and goes moves no form.
        laid_out(QVBoxLayout(below), (self.tabs, 1), self.notice, spacing=2, margin=0)
        splitter.addWidget(below)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        splitter.setChildrenCollapsible(False)
        # Said, not left to what the tallest tab would like: the trace is looked at beside every tab.
        splitter.setSizes([430, 280])
        laid_out(QVBoxLayout(self), top, self.form, (splitter, 1), spacing=4, margin=4)
        guard_entries(self)
        self.add_focus_ring()

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Listen to what changes layers or the head line."""
        if scan is not None:
            EntryModel.of(scan)  # from now on what is entered can be taken back
        connections: list[Connection] = [
            (self.session.layers_changed, self.views.name_layers),
            (self.session.layers_changed, self.fit_panel.let_go),
            (self.session.layers_changed, self.refresh_soon),
            (self.session.layers_changed, self._legend_soon),
            (self.session.visible_changed, self._legend_soon),
            (self.session.visible_changed, self._maps_apart.take_note),
        ]
        if scan is not None:
            connections += [
                (scan.dataset_changed, self._recording_changed),
                (scan.points_changed, self._points_changed),
                (scan.results_changed, self.refresh_soon),
                (scan.results_changed, self.views.name_layers),
                (scan.recipe_changed, self._show_notice),
                (scan.time_changed, self._show_time),
            ]
            for layer in self.session.layers_of(scan, "traces"):
                connections.append((layer.events.visible, self._show_time))
            for layer in self.session.layers_of(scan, "points"):
                connections.append((layer.events.data, self._points_layer_changed))
        return connections

    def refresh(self) -> None:
        """Show which scan is looked at and what is missing."""
        scan, scans = self.scan, self.session.scans
        self.scan_box.setVisible(len(scans) > 1)
        self.summary.setVisible(
            len(scans) <= 1
        )  # of several the tab of scans says it, and there is room for one
        fill_box(self.scan_box, [(other.name, number) for number, other in enumerate(scans)])
        if scan in scans:
            self.scan_box.setCurrentIndex(scans.index(scan))
        self.summary.setText(_NOTHING if scan is None else _unbroken(scan.summary()))
        self.protocol_button.setVisible(scan is not None)
        self.save_button.setEnabled(scan is not None)
        self.report_button.setEnabled(scan is not None or self.report_button.worker.running)
        self._tell_notes(scan)
        self._ask_about(scan)
        self.form.show_scan(scan)
        self.form.setVisible(scan is not None and self.protocol_button.isChecked())
        self._show_notice()

    def event(self, event: QEvent | None) -> bool:
        """Claim the keys for undo and redo while the focus is in here: elsewhere they are napari's."""
        if event is not None and event.type() == QEvent.Type.ShortcutOverride and undo_or_redo(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Undo an entry with Ctrl+Z, redo it with Ctrl+Shift+Z."""
        if wanted := undo_or_redo(event):
            self.fit_panel.recipe_button.step(wanted)
        else:
            super().keyPressEvent(event)

    def step(self, wanted: str) -> None:
        """Take back ("undo") or do again ("redo") what was done last, of regions while they are drawn."""
        regions = self.panels["Regions"]
        if _kind_of_active(self.session) != "regions":
            self.fit_panel.recipe_button.step(wanted)
        elif regions.isVisible():
            getattr(regions, wanted)()

    def measure(self) -> None:
        """Draw a line; the tab Profile says how long it is, its angle, and how far it goes up."""
        profile = self.panels["Profile"]
        self.tabs.setCurrentWidget(profile)
        profile.draw("add_line")

    def explain(self) -> None:
        """Open the page of the documentation about the tab that is seen."""
        open_help(self, self.tabs.tabText(self.tabs.currentIndex()))

    def _scan_changed(self, scan: Scan | None) -> None:
        super()._scan_changed(scan)
        self.views.show(scan)

    def come(self) -> None:
        """Watch over the window that the workspace is in, and be the only one there."""
        guard_window(self, self)
        if (dock := self.parentWidget()) is not None:
            # napari's own least size makes Qt keep the largest that was ever needed, beyond the screen.
            dock.setMinimumSize(0, 0)
        take_style(self)
        me = ref(self)
        for key, wanted in _KEYS.items():

            def take(_: Any, wanted: str = wanted) -> None:
                if (workspace := me()) is not None:
                    workspace.step(wanted)

            self.viewer.bind_key(key, take, overwrite=True)
        self.views.show(self.scan)
        self.views.name_layers()
        # A program can still open a second one by another name: two would act on the same layers.
        for other in self.window().findChildren(Workspace):
            if other is not self and other.isVisible() and (dock := other.parentWidget()) is not None:
                dock.hide()

    def leave(self) -> None:
        """Take plots back, close windows of their own, and leave the keys of the canvas to napari."""
        self.more_button.close_pages()
        for key in _KEYS:
            self.viewer.bind_key(key, None)
        for panel in (self.trace, *self.panels.values()):
            if panel.plot_menu is not None:
                panel.plot_menu.bring_back()

    def _show_notice(self, *_: Any) -> None:
        self.notice.show_scan(self.scan, beside_form=self.tabs.currentWidget() is self.fit_panel)
        self._share_room()

    def tell(self, sentence: object) -> None:
        """Show a sentence below the tabs until there is something else to be said."""
        self.notice.tell(sentence)
        self._share_room()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Share the height between the trace and what is below it."""
        super().resizeEvent(event)
        self._share_room()

    def _share_room(self) -> None:
        """Let what is in the tabs scroll rather than lie over the trace, or make the window higher than the screen."""
        notice = self.notice.minimumSizeHint().height() + 2 if self.notice.isVisible() else 0
        taken = self.trace.minimumSizeHint().height() + self.tabs.tabBar().sizeHint().height() + notice
        room = max(_LEAST_FORM, self.splitter.height() - taken - _BETWEEN)
        self.fit_panel.area.take_at_most(room)
        self.tabs.take_at_most(room)

    def _fit_first(self, then: Callable[[], None] | None = None) -> None:
        """Fit with what the form says, in its tab, and come back to the one that was shown."""
        tab = self.tabs.currentIndex()
        self.tabs.setCurrentWidget(self.fit_panel)

        def go_on() -> None:
            self.tabs.setCurrentIndex(tab)
            if then is not None:
                then()

        self.fit_panel.fit_all(after=go_on)

    def _ask_about(self, scan: Scan | None) -> None:
        """Open the form once for every scan that lacks something, and close it when one comes that lacks nothing."""
        another = scan is not None and (self._shown is None or self._shown() is not scan)
        self._shown = None if scan is None else ref(scan)
        if scan is not None and scan.missing():
            if scan not in self._asked_about:
                self._asked_about.add(scan)
                self.protocol_button.setChecked(True)
        elif another:
            self.protocol_button.setChecked(False)

    def _tell_notes(self, scan: Scan | None) -> None:
        """Say, once, what in the file was not understood: she may miss it otherwise only when it is gone."""
        if scan is None or scan in self._told:
            return
        self._told.add(scan)
        for note in scan.notes:
            say(Sentence("{name}: {note}", name=scan.name, note=note), warning=True)

    def ask_and_save(self) -> None:
        """Ask for a file name and save; a problem is said in a sentence."""
        scan = self.scan
        if scan is None:
            return
        if sentence := sentence_about_maps(scan):
            answer = ask_before_saving(self, sentence)
            if answer == "fit":
                self._fit_first(lambda: None if self.scan is not scan else self.ask_and_save())
            if answer != "save":
                return
        self.ask_and_save_scan(scan)

    def ask_and_save_scan(self, scan: Scan) -> bool:
        """Ask for a file name and save a scan as it is; return whether that was done."""
        path = path_to_save(self, "Save t-ESM results", scan.suggested_path(), "Gwyddion (*.gwy)")
        return path is not None and self.save_to(path, scan)

    def save_to(self, path: Path, scan: Scan | None = None) -> bool:
        """Save a scan, by default the one looked at, to a path that the user agreed to; return whether it worked."""
        scan = scan or self.scan
        if scan is None:
            return False
        self.take_up_drawing()
        try:
            written = scan.save(path, overwrite=True)
        except (OSError, ValueError) as error:
            say(Sentence("Not saved: {error}", error=error), warning=True)
            return False
        say(f"Saved {written.name}")
        return True

    def take_up_drawing(self) -> None:
        """Take up what somebody drew while none of the tabs that notice it was open."""
        take_up_drawing(self.session)

    def _scan_chosen(self, index: int) -> None:
        scans = self.session.scans
        if 0 <= index < len(scans):
            self.session.choose(scans[index])

    def _protocol_toggled(self, shown: bool) -> None:
        self.form.setVisible(shown and self.scan is not None)

    def _recording_changed(self) -> None:
        if self.scan is not None:
            try:
                rebuild_recording(self.session, self.scan)
            except OSError as error:  # the file is gone, or was changed by somebody else
                say(Sentence("The layers stay as they are: {error}", error=error), warning=True)
            if not self.scan.missing():
                self.protocol_button.setChecked(False)
        self.refresh_soon()

    def _legend_soon(self) -> None:
        # Here, not in a tab: behind any of them the colour bar belongs to what is seen.
        if self._listening:
            self._legend_timer.start()

    def _show_legend(self) -> None:
        if self._listening:
            show_map_legend(self.session, self.scan)
            self.fit_panel.follow_canvas()

    def _show_time(self, _: Any = None) -> None:
        """Write the time of the slice on the canvas while traces are shown; napari's own text lacks the unit."""
        scan, overlay = self.scan, self.viewer.canvas.overlays.text
        layers = [layer for layer in self.session.layers_of(scan, "traces") if layer.visible]
        overlay.visible = bool(layers) and scan is not None and scan.dataset is not None
        if scan is not None and overlay.visible:
            factor, unit = prefix_for(float(np.abs(scan.dataset["time"].values).max()), "s")  # type: ignore[index]
            overlay.text = f"t = {scan.time / factor:.2f} {unit}"

    def _points_changed(self) -> None:
        if self.scan is not None and not self._keeping_points:
            with self._keeping_points:
                show_points(self.session, self.scan)

    def _points_layer_changed(self, event: Any = None) -> None:
        # napari says "adding", "removing" … before and "added" … after; a drag ends with "changed".
        if self.scan is not None and not self._keeping_points and str(event.action) in ("removed", "changed"):
            with self._keeping_points:
                points_moved(self.session, self.scan)

    def _raise_profile(self) -> None:
        # Whoever draws lines in the tab of regions wants more of them, and the table.
        if self.tabs.currentWidget() is not self.panels["Regions"]:
            self.tabs.setCurrentWidget(self.panels["Profile"])


def _kind_of_active(session: Session) -> str:
    """Return what the layer is that napari's tools act on: "map", "regions" …; empty for one of somebody else."""
    active = session.viewer.layers.selection.active
    return "" if active is None else str(role_of(active.metadata).get("kind", ""))


def _unbroken(summary: str) -> str:
    """Return a summary whose lines are broken between its parts, never between a number and its unit."""
    parts = summary.split(" · ")
    return " · ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
