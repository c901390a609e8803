"""A frame around the widget that has the focus, where a key has brought it there: napari's style draws none."""

from collections.abc import Callable
from typing import Final

from qtpy.QtCore import QEvent, QObject, QRect, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QApplication, QWidget

_WIDTH: Final = 2


class FocusRing(QWidget):
    """Lies over the focused widget among those of a host, and lets the mouse through.

    Parameters
    ----------
    host : QWidget
        Its `focusNextPrevChild` says `by_key`.
    colour : callable
        Returns what is seen on the present theme.
    """

    def __init__(self, host: QWidget, colour: Callable[[], str]) -> None:
        super().__init__(host)
        self._host, self._colour = host, colour
        self._around: QWidget | None = None
        self._by_key = False
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._focus_changed)

    def by_key(self) -> None:
        """Say that the focus is about to be moved by a key, or stays there after one."""
        self._by_key = True

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setPen(QPen(QColor(self._colour()), _WIDTH))
        painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow the widget when it is moved, and go with it."""
        if event is not None and watched is self._around and self._around is not None:
            if event.type() in (QEvent.Type.Move, QEvent.Type.Resize):
                self.setGeometry(self._around.geometry())
            elif event.type() in (QEvent.Type.Hide, QEvent.Type.MouseButtonPress):
                self._leave()
        return False

    def _focus_changed(self, _: QWidget | None, now: QWidget | None) -> None:
        by_key, self._by_key = self._by_key, False
        self._leave()
        if now is None or not by_key or not self._host.isAncestorOf(now) or now.parentWidget() is None:
            return
        self._around = now
        now.installEventFilter(self)
        # In the same parent: what scrolls or cuts the widget does so with its frame.
        self.setParent(now.parentWidget())
        self.setGeometry(QRect(now.geometry()))
        self.show()
        self.raise_()

    def _leave(self) -> None:
        if self._around is not None:
            self._around.removeEventFilter(self)
            self._around = None
            self.hide()
            self.setParent(self._host)
