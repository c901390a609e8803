"""The tab with the grey values of a volume, its surfaces and its thickness."""

from __future__ import annotations

from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_tesm.gui.panels.widgets import Words, button, laid_out, path_to_save
from napari_tesm.gui.volumes.state import GREYS, VolumeState, save_channels
from napari_tesm.gui.volumes.work import VolumeWork

_TIPS = {
    "air": "Most frequent grey value of the highest slices; 0 of the attenuation",
    "collector": "Most frequent grey value of the lowest slices; 1 of the attenuation",
    "electrode": "Typical grey value of the electrode, whose end is looked for. Empty: found with the surfaces",
}


class SurfacesTab(QWidget):
    """Shows and edits what the surfaces are found by.

    Parameters
    ----------
    work : VolumeWork
    """

    def __init__(self, work: VolumeWork) -> None:
        super().__init__()
        self._work = work
        self.greys: dict[str, QLineEdit] = {}
        grid = QGridLayout()
        for column, name in enumerate(GREYS):
            self.greys[name] = entry = QLineEdit()
            entry.setToolTip(_TIPS[name])
            entry.setMinimumWidth(60)
            entry.editingFinished.connect(self._edited)
            grid.addWidget(QLabel(name.capitalize()), 0, column)
            grid.addWidget(entry, 1, column)
        self.again_button = button(
            "Find", "Look for the three grey values in the volume once more", self.find_greys
        )
        grid.addWidget(self.again_button, 1, 3)
        self.find_button = button(
            "Find surfaces",
            "The surfaces of collector and electrode in every column, and the thickness between",
            self.find,
        )
        self.save_button = button(
            "Save .gwy…",
            "Surfaces and thickness as channels that Gwyddion and this plugin open",
            self.ask_and_save,
        )
        self.numbers = Words(whole=True)
        buttons = laid_out(QHBoxLayout(), self.find_button, self.save_button, None)
        laid_out(QVBoxLayout(self), grid, buttons, self.numbers, None, spacing=4, margin=4)

    def refresh(self, state: VolumeState | None) -> None:
        """Show what is known of a state."""
        for name, entry in self.greys.items():
            text = "" if state is None else state.grey_text(name)
            if not entry.hasFocus() or not entry.isModified():
                entry.setText(text)
            entry.setEnabled(state is not None)
        self.again_button.setEnabled(state is not None)
        self.find_button.setEnabled(state is not None)
        self.save_button.setEnabled(state is not None)
        lines = [] if state is None else state.numbers()
        if state is not None and state.problem:
            lines.append(state.problem)
        self.numbers.show_if_any("\n".join(lines))

    def find_greys(self) -> None:
        """Look for the grey values once more."""
        if state := self._work.state:
            self._work.look_for_greys(state)

    def find(self) -> None:
        """Find the surfaces of the state that is looked at."""
        if state := self._work.state:
            self._work.find_surfaces([state])

    def ask_and_save(self) -> None:
        """Ask for a file and write surfaces and thickness."""
        state = self._work.state
        if state is None:
            return
        surfaces = state.surfaces
        if surfaces is None:
            self._work.tell(f"the surfaces of {state.name} are not known yet: find them first")
        elif path := path_to_save(
            self, "Save surfaces and thickness", f"{state.name}_surfaces.gwy", "Gwyddion (*.gwy)"
        ):
            self._work.save(path, lambda: save_channels(path, list(surfaces.data_vars.values())))

    def _edited(self) -> None:
        state = self._work.state
        if state is None:
            return
        try:
            state.edit_greys({name: entry.text() for name, entry in self.greys.items()})
        except ValueError as error:
            self._work.tell(error)
            return
        self._work.tell("")
        for entry in self.greys.values():
            entry.setModified(False)
        self.refresh(state)
