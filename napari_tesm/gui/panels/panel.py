"""What every panel of the workspace shares: it listens while it is on screen and is deaf while it is not.

Closing a dock in napari only hides it. A panel therefore connects when it is shown and disconnects when it is hidden,
so that no callback survives and none draws on a canvas that is gone.
"""

from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QPushButton, QWidget

from napari_tesm.files.sentences import sentence_begun
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan

Connection = tuple[Any, Callable[..., Any]]


class Panel(QWidget):
    """Base of the panels; subclasses fill in `refresh` and `connections`.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session: Session = Session.of(viewer)
        self._connected: list[Connection] = []
        self._scan: Scan | None = None
        self._listening = False
        # One redraw for a burst of events, drawn when Qt is idle; a child timer dies with the panel.
        self._refresh_timer = QTimer(self)
        self._refresh_timer.setSingleShot(True)
        self._refresh_timer.setInterval(0)
        self._refresh_timer.timeout.connect(self._refresh_if_shown)

    @property
    def viewer(self) -> Any:
        """The viewer model."""
        return self.session.viewer

    @property
    def scan(self) -> Scan | None:
        """The scan that is looked at."""
        return self.session.scan

    def refresh(self) -> None:
        """Show the present state of the scan."""

    def connections(self, scan: Scan | None) -> Iterable[Connection]:
        """Return the signals to listen to while `scan` is looked at, each with what it calls."""
        return ()

    def refresh_soon(self, *_: Any) -> None:
        """Ask for a refresh when the present burst of events is over."""
        if self._listening:
            self._refresh_timer.start()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Listen, and show what has happened in the meantime."""
        super().showEvent(event)
        if not self._listening:
            self._listening = True
            self.session.attach()
            self.session.scan_changed.connect(self._scan_changed)
            self._follow(self.session.scan)
            self.refresh_soon()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Stop listening."""
        super().hideEvent(event)
        if self._listening:
            self._listening = False
            self._refresh_timer.stop()
            self._follow(None, leave=True)
            self.session.scan_changed.disconnect(self._scan_changed)
            self.session.detach()

    def _scan_changed(self, scan: Scan | None) -> None:
        self._follow(scan)
        self.refresh_soon()

    def _follow(self, scan: Scan | None, *, leave: bool = False) -> None:
        for signal, slot in self._connected:
            signal.disconnect(slot)
        self._connected = [] if leave else list(self.connections(scan))
        for signal, slot in self._connected:
            signal.connect(slot)

    def _refresh_if_shown(self) -> None:
        if self._listening:
            self.refresh()


def say(viewer: Any, text: str, *, warning: bool = False) -> None:
    """Tell the user something in a sentence, without stopping her."""
    from napari.utils.notifications import show_info, show_warning

    (show_warning if warning else show_info)(sentence_begun(text))


def button_with_tip(text: str, tip: str) -> QPushButton:
    """Return a button that says what it does under the mouse."""
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
