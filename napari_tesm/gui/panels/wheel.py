"""The mouse wheel scrolls a form; it turns a value only where that has the focus."""

from typing import Final, TypeGuard

from qtpy.QtCore import QChildEvent, QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget

_TURNED: Final = (QAbstractSpinBox, QComboBox, QAbstractSlider)
"""What Qt changes under a wheel that merely passes."""


class _WheelGuard(QObject):
    """Lets no wheel reach an entry without the focus, whenever that was put into the watched widget."""

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
        elif event.type() == QEvent.Type.Wheel and _is_turned(watched) and not watched.hasFocus():
            event.ignore()  # so that what is around it scrolls
            return True
        return False


def _is_turned(widget: QObject | None) -> TypeGuard[QWidget]:
    return isinstance(widget, _TURNED) and not isinstance(widget, QScrollBar)


def turn_only_in_focus(widget: QWidget) -> None:
    """Keep the wheel from changing any entry in a widget, present or to come, that does not have the focus."""
    _WheelGuard(widget).watch(widget)
