"""What the tabs of regions, profiles and histograms share: they follow what is drawn, and save what they show."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from napari_tesm.gui.layers.region_layer import RegionLayerLink
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.canvas import PlotCanvas, theme_of
from napari_tesm.gui.panels.panel import Connection, Panel
from napari_tesm.gui.panels.region_icons import icon_of
from napari_tesm.gui.panels.widgets import Slot, Words, button, give_way, laid_out, save_text

if TYPE_CHECKING:
    import napari

_REDRAW_EVERY: Final = 30
"""ms between two drawings while a vertex is dragged: faster than the eye, slow enough for large maps."""


class DrawnPanel(Panel):
    """Base of a tab that follows the layer of regions while it is shown.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self.link: RegionLayerLink = RegionLayerLink.of(self.session)
        self.tool_buttons: dict[str, QToolButton] = {}
        """By the mode of the layer that they begin; others by what they do."""
        self._refresh_timer.setInterval(_REDRAW_EVERY)

    def come(self) -> None:
        """Take over what was drawn in the meantime."""
        self.link.attach()
        self._paint_icons()

    def leave(self) -> None:
        """Leave the layer to itself."""
        self.link.detach()

    def draw(self, mode: str) -> None:
        """Start to draw or edit in one of napari's modes; pressed once more, go back to moving the picture."""
        again = self.link.mode == mode and self.viewer.layers.selection.active is self.link.layer
        try:
            self.link.draw("pan_zoom" if again else mode)
        except ValueError as error:
            self.tell(error)
        self._mode_changed(self.link.mode)

    def refresh_soon(self, *_: Any) -> None:
        """Ask for a refresh; a drag does not put it off for ever, as starting the timer anew would."""
        if not self._refresh_timer.isActive():
            super().refresh_soon()

    def connections(self, scan: Scan | None) -> list[Connection]:
        """Listen to results, regions and the theme."""
        connections: list[Connection] = [(self.viewer.events.theme, self.refresh_soon)]
        if scan is not None:
            regions = RegionModel.of(scan)
            connections += [
                (scan.results_changed, self.refresh_soon),
                (scan.dataset_changed, self.refresh_soon),
                (scan.regions_changed, self._regions_changed),
                (regions.selection_changed, self._regions_changed),
                (regions.settled, self._regions_changed),
            ]
        return connections

    def csv_text(self) -> str:
        """Return what is shown of the scan as comma-separated text in SI units."""
        raise NotImplementedError

    def tell(self, sentence: object) -> None:
        """Show a sentence, or what an exception says."""
        raise NotImplementedError

    def export_to(self, path: Path) -> None:
        """Write what is shown as CSV, in SI units."""
        if self.scan is not None:
            self.tell(sentence_for_forms(save_text(path, self.csv_text)[1]))

    def _regions_changed(self, *_: Any) -> None:
        self.refresh_soon()

    def _add_tool(self, name: str, tip: str, clicked: Slot | None = None) -> QToolButton:
        """Return a button with an icon; without anything else to do it begins the mode of its name."""
        self.tool_buttons[name] = tool = QToolButton(self)
        tool.setAutoRaise(True)
        tool.setToolTip(tip)
        tool.setCheckable(clicked is None)
        tool.clicked.connect(clicked or (lambda: self.draw(name)))
        return tool

    def _mode_changed(self, mode: str) -> None:
        for name, tool in self.tool_buttons.items():
            tool.setChecked(name == mode)

    def _paint_icons(self, *_: Any) -> None:
        for name, tool in self.tool_buttons.items():
            tool.setIcon(icon_of(name, theme_of(self.viewer).foreground))


class PlotPanel(DrawnPanel):
    """Base of a tab that is a row of choices, a plot, and words beside a button that saves it.

    Parameters
    ----------
    viewer : napari.Viewer
    height : int
        Least height of the plot, in pixels.
    tip : str
        What the button saves.
    """

    def __init__(
        self, viewer: "napari.viewer.Viewer", parent: QWidget | None, *, height: int, tip: str
    ) -> None:
        super().__init__(viewer, parent)
        self.canvas = PlotCanvas(height=height)
        self.words = Words(whole=True)
        self.export_button = button("CSV…", tip, self.ask_and_export)

    def tell(self, sentence: object) -> None:
        """Show a sentence, or what an exception says, below the plot."""
        self.words.setText(sentence_for_forms(sentence))

    def _lay_out(self, choices: Mapping[QWidget, int], *beside: QWidget) -> None:
        """Lay the widgets out: choices with their shares of the row, the plot, and words with buttons."""
        give_way(*(widget for widget in choices if isinstance(widget, QComboBox)))
        below = laid_out(QHBoxLayout(), (self.words, 1), *beside, self.export_button)
        for each in (*beside, self.export_button):
            below.setAlignment(each, Qt.AlignmentFlag.AlignBottom)
        row = laid_out(QHBoxLayout(), *choices.items(), spacing=3)
        laid_out(QVBoxLayout(self), row, (self.canvas, 1), below, spacing=3, margin=4)
