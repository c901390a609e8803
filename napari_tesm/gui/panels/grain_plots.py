"""Boundaries beside interiors, and the course with the distance, side by side in a panel."""

from typing import Any

from qtpy.QtCore import QSize

from napari_tesm.gui.models.grains import GrainModel
from napari_tesm.gui.panels.canvas import PlotCanvas
from napari_tesm.plotting.axes import size_in_points
from napari_tesm.plotting.grains import draw_against_distance, draw_classes
from napari_tesm.plotting.theme import PlotTheme

_LEFT, _BOTTOM, _TOP, _GAP, _RIGHT = 44.0, 34.0, 14.0, 42.0, 8.0
"""Room around the axes, in points."""


class GrainPlots(PlotCanvas):
    """The two plots of a `GrainModel`."""

    def __init__(self) -> None:
        super().__init__(height=120)
        self.classes, self.course = self.figure.subplots(1, 2)

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

    def resizeEvent(self, event: Any) -> None:
        """Keep the room for the labels."""
        super().resizeEvent(event)  # type: ignore[no-untyped-call]
        self._place()

    def _place(self) -> None:
        width, height = size_in_points(self.figure)
        each = max(0.1, (1 - (_LEFT + _GAP + _RIGHT) / width) / 2)
        tall = max(0.1, 1 - (_BOTTOM + _TOP) / height)
        self.classes.set_position((_LEFT / width, _BOTTOM / height, each, tall))
        self.course.set_position(((_LEFT + _GAP) / width + each, _BOTTOM / height, each, tall))
