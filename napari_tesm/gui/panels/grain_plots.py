"""Boundaries beside interiors, and the course with the distance, side by side in a panel."""

from typing import Any, Final

from qtpy.QtCore import QSize

from napari_tesm.gui.models.grains import GrainModel
from napari_tesm.gui.panels.canvas import PlotCanvas
from napari_tesm.plotting.axes import size_in_points
from napari_tesm.plotting.grains import draw_against_distance, draw_classes
from napari_tesm.plotting.theme import PlotTheme

_LEFT, _BOTTOM, _TOP, _GAP, _RIGHT = 44.0, 34.0, 14.0, 42.0, 8.0
"""Room around the axes, in points."""
_NARROW: Final = 320.0
"""Points of width below which there is no room for two plots side by side."""


class GrainPlots(PlotCanvas):
    """The two plots of a `GrainModel`."""

    def __init__(self) -> None:
        super().__init__(height=80)
        self.classes, self.course = self.figure.subplots(1, 2)
        self.mpl_connect("resize_event", self._place)  # keeps the room for the labels

    def show_model(self, model: GrainModel | None, theme: PlotTheme) -> None:
        """Draw what is chosen in a model; without one there are no axes."""
        self.figure.set_facecolor(theme.background)
        measure = None if model is None else model.measure()
        values = None if model is None else model.values()
        boundaries = None if model is None else model.boundaries()
        for axes in (self.classes, self.course):
            axes.set_visible(measure is not None)
        if model is not None and measure is not None and values is not None and boundaries is not None:
            shared: dict[str, Any] = {"unit": measure.unit, "log": measure.logarithmic, "theme": theme}
            draw_classes(self.classes, values, boundaries, name=measure.quantity, **shared)
            curve = model.curve()
            draw_against_distance(
                self.course,
                {} if curve is None else {measure.quantity: curve},
                lateral_unit=model.scan.lateral_unit,
                width=boundaries.width,
                **shared,
            )
            self._place()
        self.draw_idle()  # type: ignore[no-untyped-call]

    def sizeHint(self) -> QSize:
        """Return a height that leaves the trace above its room: there are more rows here than in other tabs."""
        return QSize(640, 360)

    def shape_on_paper(self, width: float) -> float:
        """Return the shape of two plots side by side, or of one below the other."""
        return 1.3 if width < _NARROW else 0.4

    def _place(self, _: object = None) -> None:
        width, height = size_in_points(self.figure)
        columns, rows = (1, 2) if width < _NARROW and height > width else (2, 1)
        across = max(0.1, (1 - (_LEFT + (columns - 1) * _GAP + _RIGHT) / width) / columns)
        up = max(0.1, (1 - rows * (_BOTTOM + _TOP) / height) / rows)
        for number, axes in enumerate((self.classes, self.course)):
            column, below = number % columns, rows - 1 - number // columns
            left = _LEFT / width + column * (_GAP / width + across)
            bottom = _BOTTOM / height + below * ((_BOTTOM + _TOP) / height + up)
            axes.set_position((left, bottom, across, up))
