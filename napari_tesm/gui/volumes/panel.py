"""The widget *Electrode volume*: states in a list, views of them, and a tab for each question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QComboBox,
    QDockWidget,
    QHBoxLayout,
    QHeaderView,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_tesm.gui.dock import WIDTH, share_place
from napari_tesm.gui.panels.entry_guard import guard_entries
from napari_tesm.gui.panels.widgets import ScrolledArea, Words, button, choice_box, laid_out, single_shot
from napari_tesm.gui.volumes.classes_tab import ClassesTab
from napari_tesm.gui.volumes.layers import MAPS
from napari_tesm.gui.volumes.lines import SectionLines
from napari_tesm.gui.volumes.opening import OpeningForm
from napari_tesm.gui.volumes.profile_tab import ProfileTab
from napari_tesm.gui.volumes.scene import VolumeScene
from napari_tesm.gui.volumes.state import VolumeState
from napari_tesm.gui.volumes.states_tab import StatesTab
from napari_tesm.gui.volumes.surfaces_tab import SurfacesTab
from napari_tesm.gui.volumes.tasks import Task
from napari_tesm.gui.volumes.work import VolumeWork

if TYPE_CHECKING:
    import napari

_VIEWS: Final = {
    "x": ("x–z", "Upright section along x, with both surfaces; its slider is y"),
    "y": ("y–z", "Upright section along y, with both surfaces; its slider is x"),
    "above": ("x–y", "Slices from above"),
    "map": ("Map", "Thickness, surfaces or the section that follows the collector, from above"),
    "solid": ("3-D", "The volume as a whole"),
}
_COLUMNS: Final = ("State", "Thickness (µm)", "± sd", "Error")
_TIPS: Final = (
    "Double-click to give it another name",
    "Mean over the field",
    "Standard deviation over the field: the electrode's heterogeneity",
    "Standard error of the mean",
)


class VolumePanel(QWidget):
    """The dock.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.scene: VolumeScene = VolumeScene.of(viewer)
        self._listening = False
        self._refreshing = False
        self.work = VolumeWork(self, self.scene, self._show_task)
        self.lines = SectionLines(self, self.scene)
        self._refresh_timer = single_shot(self, 0, self.refresh)
        self._width_timer = single_shot(self, 0, self._leave_room)
        self.opening = OpeningForm(self.scene.viewer)
        self.opening.opened.connect(self.work.add)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.remove_button = button("Remove", "Take this state and its layers away", self.remove)
        self.views = QButtonGroup(self)
        self.view_buttons: dict[str, QPushButton] = {}
        self.map_box: QComboBox = choice_box(
            "Which map", lambda: self.show_view("map"), [(title, kind) for kind, title in MAPS.items()]
        )
        self.surfaces = SurfacesTab(self.work)
        self.profile = ProfileTab(self.work)
        self.classes = ClassesTab(self.work)
        self.states = StatesTab(self.work)
        self.tabs = QTabWidget()
        self.words = Words(whole=True)
        self.work.said.connect(self.words.show_if_any)
        self.progress = QProgressBar()
        self.cancel_button = button("Cancel", "Stop what is being done", self.work.tasks.cancel)
        self._lay_out()
        guard_entries(self)

    def _lay_out(self) -> None:
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        for column, tip in enumerate(_TIPS):
            item = self.table.horizontalHeaderItem(column)
            assert item is not None
            item.setToolTip(tip)
        header = self.table.horizontalHeader()
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().setVisible(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setFixedHeight(112)
        self.table.itemSelectionChanged.connect(self._row_chosen)
        self.table.itemChanged.connect(self._renamed)
        views = QHBoxLayout()
        for name, (text, tip) in _VIEWS.items():
            made = button(text, tip)
            made.clicked.connect(lambda _=False, name=name: self.show_view(name))
            made.setMinimumWidth(44)
            self.view_buttons[name] = made
            self.views.addButton(made)
            views.addWidget(made)
        views.addWidget(self.map_box, 1)
        views.setSpacing(2)
        for tab, title in (
            (self.surfaces, "Surfaces"), (self.profile, "Profile and section"), (self.classes, "Classes"),
            (self.states, "States"),
        ):  # fmt: skip
            self.tabs.addTab(ScrolledArea(tab), title)
        running = laid_out(QHBoxLayout(), (self.progress, 1), self.cancel_button, spacing=4)
        table = laid_out(QHBoxLayout(), (self.table, 1))
        under = laid_out(QHBoxLayout(), views, self.remove_button, spacing=8)
        laid_out(
            QVBoxLayout(self),
            self.opening,
            table,
            under,
            (self.tabs, 1),
            self.words,
            running,
            spacing=4,
            margin=4,
        )
        self.words.hide()
        self.progress.setRange(0, 100)
        self.progress.hide()
        self.cancel_button.hide()
        self.setMinimumWidth(430)

    # What somebody wants

    def show_view(self, view: str) -> None:
        """Look from elsewhere."""
        scene = self.scene
        if scene.current is None:
            self.work.tell("there is no volume to look at: open one first")
            self.refresh()
            return
        self.work.tell("")
        scene.show(view, self.map_box.currentData())
        if view == "map" and scene.current.surfaces is None:
            self.work.tell(f"there is no map of {scene.current.name} yet: find its surfaces first")

    def remove(self) -> None:
        """Take the state that is looked at away."""
        if self.scene.current is not None:
            self.scene.remove(self.scene.current)

    # What is shown

    def refresh(self) -> None:
        """Show the present state of everything."""
        scene = self.scene
        self._refreshing = True
        try:
            self.table.setRowCount(len(scene.states))
            for row, state in enumerate(scene.states):
                for column, text in enumerate(_cells(state)):
                    item = self.table.item(row, column)
                    if item is None:
                        item = QTableWidgetItem()
                        if column:
                            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                        self.table.setItem(row, column, item)
                    if item.text() != text:
                        item.setText(text)
            if scene.current is not None:
                self.table.selectRow(scene.states.index(scene.current))
            for name, made in self.view_buttons.items():
                made.setChecked(bool(scene.states) and name == scene.view)
            self.map_box.setCurrentIndex(self.map_box.findData(scene.map))
            self.remove_button.setEnabled(scene.current is not None)
        finally:
            self._refreshing = False
        self.opening.show_hint(wanted=not scene.states)
        self.surfaces.refresh(scene.current)
        self.profile.refresh(scene.current)
        self.classes.refresh(scene.current)
        self.states.refresh()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Listen, and show what has happened in the meantime."""
        super().showEvent(event)
        if self._listening:
            return
        self._listening = True
        self.scene.attach()
        self.scene.changed.connect(self._changed)
        self.scene.moved.connect(self.lines.follow)
        self.scene.removed.connect(self.work.give_up)
        self.scene.viewer.events.theme.connect(self._changed)
        self.refresh()
        self.lines.follow()
        self._width_timer.start()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Stop listening."""
        super().hideEvent(event)
        if not self._listening:
            return
        self._listening = False
        for tab in (self.profile, self.states):
            tab.plot_menu.bring_back()
        self._refresh_timer.stop()
        self.scene.changed.disconnect(self._changed)
        self.scene.moved.disconnect(self.lines.follow)
        self.scene.removed.disconnect(self.work.give_up)
        self.scene.viewer.events.theme.disconnect(self._changed)
        self.scene.detach()

    def _leave_room(self) -> None:
        """Let the volume have what the forms do not need: napari gives a new dock half of the window."""
        dock = self.parentWidget()
        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parentWidget()
        if dock is not None:
            share_place(dock)
        if dock is not None and isinstance(window := dock.window(), QMainWindow) and dock.width() > WIDTH:
            window.resizeDocks([dock], [WIDTH], Qt.Orientation.Horizontal)
            if self.scene.states:
                # The canvas takes its new size when Qt gets to it; only then is it known what fits.
                single_shot(self, 50, lambda: self.scene.viewer.reset_view(reset_camera_angle=False)).start()

    def _changed(self, event: Any = None) -> None:
        # One refresh for a burst of events.
        self._refresh_timer.start()
        if self.scene.view == "solid":
            self.work.prepare_solids()

    def _row_chosen(self) -> None:
        rows = {index.row() for index in self.table.selectedIndexes()}
        if not self._refreshing and len(rows) == 1:
            self.scene.choose(self.scene.states[rows.pop()])

    def _renamed(self, item: QTableWidgetItem) -> None:
        if not self._refreshing and item.column() == 0:
            self.scene.rename(self.scene.states[item.row()], item.text())

    def _show_task(self, task: Task | None, fraction: float, words: str) -> None:
        self.progress.setVisible(task is not None)
        self.cancel_button.setVisible(task is not None and task.asked)
        if task is not None:
            self.progress.setValue(round(100 * fraction))
            stopping = words == "stopping"
            self.progress.setFormat(f"{'stopping: ' if stopping else ''}{task.words} %p %")


def _cells(state: VolumeState) -> tuple[str, str, str, str]:
    thickness = state.thickness
    if thickness is None:
        return state.name, "", "", ""
    if state.no_electrode:
        return state.name, "none", "", ""
    if not thickness.known:
        return state.name, "not known", "", ""
    mean, sd, error = (f"{value * 1e6:.3f}" for value in (thickness.mean, thickness.sd, thickness.mean_error))
    return state.name, mean, sd, error
