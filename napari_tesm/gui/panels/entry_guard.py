"""Keeps from the entries of a form what is not meant for them: a wheel that passes, and keys that undo other things."""

from typing import Final, TypeGuard

from qtpy.QtCore import QChildEvent, QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QScrollBar, QWidget

from napari_tesm.gui.panels.widgets import undo_or_redo

_TURNED: Final = (QAbstractSpinBox, QComboBox, QAbstractSlider)
"""What Qt changes under a wheel that merely passes."""


class _EntryGuard(QObject):
    """Watches a widget and all that is in it, whenever that was put there."""

    def watch(self, widget: QWidget) -> None:
        for child in (widget, *widget.findChildren(QWidget)):
            child.installEventFilter(self)
            if _is_turned(child):
                child.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # else the wheel itself would give the focus

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None:
            return False
        if event.type() == QEvent.Type.ChildPolished and isinstance(event, QChildEvent):
            child = event.child()
            if isinstance(child, QWidget) and not child.isWindow():
                self.watch(child)
        elif (event.type() == QEvent.Type.Wheel and _is_turned(watched) and not watched.hasFocus()) or (
            event.type() == QEvent.Type.KeyPress and _has_nothing_to_step(watched, undo_or_redo(event))
        ):
            event.ignore()  # so that what is around it has it
            return True
        return False


def _is_turned(widget: QObject | None) -> TypeGuard[QWidget]:
    return isinstance(widget, _TURNED) and not isinstance(widget, QScrollBar)


def _has_nothing_to_step(widget: QObject | None, wanted: str) -> bool:
    """Whether keys for undo or redo reach an entry of which no typing can be taken back: Qt would swallow them."""
    entry = widget.lineEdit() if isinstance(widget, QAbstractSpinBox) else widget
    if not wanted or not isinstance(entry, QLineEdit):
        return False
    return not (entry.isUndoAvailable() if wanted == "undo" else entry.isRedoAvailable())


def guard_entries(widget: QWidget) -> None:
    """Let a wheel turn, and undo keys change, only the entry of a widget that is being worked on."""
    _EntryGuard(widget).watch(widget)
