"""Before napari's window closes: what of the scans is not saved, with a way to save it."""

from typing import Any, Protocol

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QMainWindow, QMessageBox, QWidget

from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan


class SavesScans(Protocol):
    """What the guard asks of the workspace, which is a widget, too."""

    @property
    def session(self) -> Session:
        """Whose scans."""

    def take_up_drawing(self) -> None:
        """Let the scan have what was drawn."""

    def ask_and_save_scan(self, scan: Scan) -> bool:
        """Ask for a file name and save; return whether that was done."""


def sentence_about_unsaved(scans: list[Scan]) -> str:
    """Return what of scans is not saved; empty where everything is."""
    parts = [f"{scan.name}: {', '.join(work)}" for scan in scans if (work := scan.unsaved())]
    return f"Not saved yet: {'; '.join(parts)}." if parts else ""


def ask_before_closing(parent: QWidget, sentence: str, *, title: str = "Close napari") -> str:
    """Ask what becomes of what is not saved; return "save", "discard" or "" for what stays open."""
    buttons = QMessageBox.StandardButton
    box = QMessageBox(QMessageBox.Icon.Warning, title, sentence, parent=parent)
    box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
    box.setDefaultButton(buttons.Save)
    answer = box.exec()
    return {buttons.Save: "save", buttons.Discard: "discard"}.get(buttons(answer), "")


class ClosingGuard(QObject):
    """Asks before a window with unsaved work is closed by hand; a program that closes it is not asked.

    Parameters
    ----------
    window : QMainWindow
        napari's, which it goes with.
    workspace : SavesScans
    """

    def __init__(self, window: QMainWindow, workspace: SavesScans) -> None:
        super().__init__(window)
        self._workspace = workspace
        window.installEventFilter(self)
        # What Ctrl+W and Ctrl+Q call: their event of closing looks like that of a program.
        window.close = self._close_from_menu

    def follow(self, workspace: SavesScans) -> None:
        """Ask about the scans of another workspace: napari makes a new one where its dock was closed."""
        self._workspace = workspace

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stop the window's own button where something is not saved."""
        if event is None or event.type() != QEvent.Type.Close or not event.spontaneous():
            return False
        if not self._unsaved():
            return False
        event.ignore()
        if self._may_close():
            QTimer.singleShot(0, self._close_now)  # napari, too, would ask
        return True

    def _close_from_menu(self, quit_app: bool = False, confirm_need: bool = False) -> Any:
        if confirm_need and self._unsaved():
            if not self._may_close():
                return None
            confirm_need = False  # napari, too, would ask
        return self._close_now(quit_app=quit_app, confirm_need=confirm_need)

    def _close_now(self, **ways: bool) -> Any:
        window: Any = self.parent()
        return type(window).close(window, **ways)

    def _unsaved(self) -> str:
        self._workspace.take_up_drawing()
        return sentence_about_unsaved(self._workspace.session.scans)

    def _may_close(self) -> bool:
        answer = ask_before_closing(self.parent(), self._unsaved())
        if answer == "save":
            scans = [scan for scan in self._workspace.session.scans if scan.unsaved()]
            return all(self._workspace.ask_and_save_scan(scan) for scan in scans)
        return answer == "discard"


def guard_window(widget: QWidget, workspace: SavesScans) -> None:
    """Ask before the window around a workspace's widget closes; once for each window."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QMainWindow):
        parent = parent.parentWidget()
    if parent is None or not hasattr(parent, "_qt_viewer"):
        return  # a dock of its own, or no napari
    if (guard := parent.findChild(ClosingGuard)) is None:
        ClosingGuard(parent, workspace)
    else:
        guard.follow(workspace)
