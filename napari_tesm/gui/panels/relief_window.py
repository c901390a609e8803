"""The small window beside the topography in 3-D: how many times as high it is drawn."""

from typing import Any, Final

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_tesm.gui.layers.surface_layers import Relief
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.panels.widgets import button, laid_out, spin_box
from napari_tesm.gui.saying import say

_HIGHEST: Final = 1e5


class ReliefWindow(QWidget):
    """Shows the relief while it is open.

    Parameters
    ----------
    session : Session
    parent : QWidget
    """

    def __init__(self, session: Any, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self.setWindowTitle("t-ESM: 3-D")
        self._session = session
        self.relief = Relief(session)
        self.box = spin_box("Heights are drawn this many times as high as they are", _HIGHEST, 2, 1.0)
        self.box.valueChanged.connect(self.relief.exaggerate)
        off = button("Off", "Look at the maps from above again", self.close)
        anew = button("Take the map on top", "Drape the map over it that is visible now", self.open)
        laid_out(QHBoxLayout(self), QLabel("Vertical exaggeration ×"), self.box, anew, off)

    def open(self) -> bool:
        """Drape the map on top over the topography; return whether there is one."""
        scan = self._session.scan
        try:
            if scan is None:
                raise ValueError("open a scan first")
            shown = self.relief.show(scan)
        except ValueError as error:
            say(sentence_for_forms(error), warning=True)
            return False
        with QSignalBlocker(self.box):
            self.box.setValue(shown)
        self.show()
        self.raise_()
        return True

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Take the relief off the canvas."""
        self.relief.clear()
        super().closeEvent(event)
