"""A mouse on napari's canvas: real Qt events at places given in world coordinates (y, x)."""

from itertools import pairwise
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication


class CanvasMouse:
    """Moves, clicks and drags as a hand would; every event goes through Qt, vispy and napari."""

    def __init__(self, viewer: Any) -> None:
        self.canvas = viewer.window._qt_viewer.canvas
        self.native = self.canvas.native
        QApplication.processEvents()

    def position(self, world: tuple[float, float]) -> QPoint:
        """Return where on the canvas a world position lies."""
        view = self.canvas.view
        origin, right, down = (
            np.array(self.canvas._map_canvas2world(place, view)[-2:], dtype=float)
            for place in ((0, 0), (100, 0), (0, 100))
        )
        axes = np.column_stack([right - origin, down - origin]) / 100
        x, y = np.linalg.solve(axes, np.asarray(world, dtype=float) - origin)
        return QPoint(round(x), round(y))

    def move(self, world: tuple[float, float]) -> None:
        self._send(QMouseEvent.Type.MouseMove, world, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton)

    def press(self, world: tuple[float, float], modifiers: Any = Qt.KeyboardModifier.NoModifier) -> None:
        self._send(
            QMouseEvent.Type.MouseButtonPress,
            world,
            Qt.MouseButton.LeftButton,
            Qt.MouseButton.LeftButton,
            modifiers,
        )

    def drag_to(self, world: tuple[float, float]) -> None:
        self._send(QMouseEvent.Type.MouseMove, world, Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton)

    def release(self, world: tuple[float, float], modifiers: Any = Qt.KeyboardModifier.NoModifier) -> None:
        self._send(
            QMouseEvent.Type.MouseButtonRelease,
            world,
            Qt.MouseButton.LeftButton,
            Qt.MouseButton.NoButton,
            modifiers,
        )

    def click(self, world: tuple[float, float], modifiers: Any = Qt.KeyboardModifier.NoModifier) -> None:
        self.move(world)
        self.press(world, modifiers)
        self.release(world, modifiers)

    def double_click(self, world: tuple[float, float]) -> None:
        self.click(world)
        self._send(
            QMouseEvent.Type.MouseButtonDblClick, world, Qt.MouseButton.LeftButton, Qt.MouseButton.LeftButton
        )
        self.release(world)

    def drag(self, *places: tuple[float, float], steps: int = 4) -> None:
        """Press at the first place, pass by the others in small steps, and release at the last."""
        self.move(places[0])
        self.press(places[0])
        for start, stop in pairwise(places):
            for fraction in np.linspace(0, 1, steps + 1)[1:]:
                here = tuple(np.asarray(start) + fraction * (np.asarray(stop) - np.asarray(start)))
                self.drag_to(here)
        self.release(places[-1])

    def _send(
        self,
        kind: Any,
        world: tuple[float, float],
        button: Any,
        buttons: Any,
        modifiers: Any = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        place = self.position(world)
        event = QMouseEvent(
            kind, QPointF(place), QPointF(self.native.mapToGlobal(place)), button, buttons, modifiers
        )
        QApplication.sendEvent(self.native, event)
        QApplication.processEvents()
