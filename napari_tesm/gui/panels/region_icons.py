"""Icons of the drawing buttons, painted in the colour of the theme's text."""

from typing import Final

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

_SIDE: Final = 64
"""Painted large and shown small, so that lines stay smooth on dense screens."""
_LINES: Final = {
    "add_line": ((10, 54), (54, 10)),
    "add_polyline": ((8, 50), (22, 18), (40, 40), (56, 12)),
    "direct": ((10, 50), (32, 16), (54, 50)),
}
_AREAS: Final = {
    "add_rectangle": ((9, 16), (55, 16), (55, 48), (9, 48)),
    "add_polygon": ((12, 22), (34, 8), (56, 26), (46, 54), (16, 50)),
    "select": ((16, 8), (16, 50), (27, 40), (35, 57), (42, 54), (34, 37), (48, 36)),
}


def icon_of(name: str, colour: str) -> QIcon:
    """Return the icon of a drawing mode of napari's Shapes layer, or of ``undo`` and ``redo``.

    Parameters
    ----------
    colour : str
        ``"#rrggbb"``.
    """
    pixmap = QPixmap(_SIDE, _SIDE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen = QPen(QColor(colour), 5.0)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    _paint(painter, name, QColor(colour))
    painter.end()
    return QIcon(pixmap)


def _paint(painter: QPainter, name: str, colour: QColor) -> None:
    if name == "select":
        painter.setBrush(colour)
    if name in _AREAS:
        painter.drawPolygon(_polygon(_AREAS[name]))
    elif name in _LINES:
        painter.drawPolyline(_polygon(_LINES[name]))
    elif name == "add_ellipse":
        painter.drawEllipse(QRectF(8, 15, 48, 34))
    else:
        _paint_turn(painter, mirrored=name == "redo", colour=colour)
    if name == "direct":
        painter.setBrush(colour)
        for x, y in _LINES[name]:
            painter.drawRect(QRectF(x - 5, y - 5, 10, 10))


def _paint_turn(painter: QPainter, *, mirrored: bool, colour: QColor) -> None:
    """Paint an arrow that turns back to the left, or, mirrored, to the right."""
    if mirrored:
        painter.translate(_SIDE, 0)
        painter.scale(-1, 1)
    path = QPainterPath(QPointF(14, 24))
    path.cubicTo(QPointF(34, 8), QPointF(60, 26), QPointF(46, 52))
    painter.drawPath(path)
    painter.setBrush(colour)
    painter.drawPolygon(_polygon(((10, 10), (10, 30), (29, 29))))


def _polygon(points: tuple[tuple[float, float], ...]) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in points])
