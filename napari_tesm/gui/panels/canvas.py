"""A matplotlib figure inside a panel, in the colours of napari's theme."""

from typing import Any

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtWidgets import QSizePolicy

from napari_tesm.plotting.theme import PlotTheme, theme_from_colours


class PlotCanvas(FigureCanvasQTAgg):
    """Canvas of a figure without layout engine: plots place their axes themselves, which keeps drawing fast."""

    def __init__(self, *, height: int = 220) -> None:
        super().__init__(Figure())  # type: ignore[no-untyped-call]
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(height)
        self.setMinimumWidth(280)

    def shape_on_paper(self, width: float) -> float:
        """Return height in parts of the width, in points, that the plot is printed at: about as on the screen."""
        on_screen = self.figure.get_size_inches()
        return float(min(max(on_screen[1] / on_screen[0], 0.5), 1.0))


def theme_of(viewer: Any) -> PlotTheme:
    """Return the plot colours that go with the viewer's theme."""
    from napari.utils.theme import get_theme

    theme = get_theme(viewer.theme)
    return theme_from_colours(background=theme.background.as_hex(), text=theme.text.as_hex())
