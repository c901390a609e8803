"""What the tabs of regions, profiles and histograms share: they follow what is drawn, and save what they show."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_tesm.gui.layers.region_layer import RegionLayerLink
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.canvas import PlotCanvas
from napari_tesm.gui.panels.panel import Connection, Panel, button_with_tip
from napari_tesm.gui.panels.region_choices import write_text

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

    EXPORTED: ClassVar[tuple[str, str]]
    """What the file is, as the dialog's title says it, and the name that is suggested."""

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self.link: RegionLayerLink = RegionLayerLink.of(self.session)
        self._refresh_timer.setInterval(_REDRAW_EVERY)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Take over what was drawn in the meantime."""
        was_listening = self._listening
        super().showEvent(event)
        if not was_listening:
            self.link.attach()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Leave the layer to itself."""
        if self._listening:
            self.link.detach()
        super().hideEvent(event)

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
                (signal, self.refresh_soon) for signal in (scan.results_changed, scan.dataset_changed)
            ]
            connections += [
                (signal, self._regions_changed)
                for signal in (scan.regions_changed, regions.selection_changed, regions.settled)
            ]
        return connections

    def csv_text(self) -> str | None:
        """Return what is shown as comma-separated text in SI units, None where nothing is."""
        raise NotImplementedError

    def tell(self, sentence: str) -> None:
        """Show a sentence."""
        raise NotImplementedError

    def export_to(self, path: Path) -> None:
        """Write what is shown as CSV, in SI units."""
        text = self.csv_text()
        if text is not None:
            self.tell(write_text(path, text))

    def _ask_and_export(self) -> None:
        caption, suggested = self.EXPORTED
        name, _ = QFileDialog.getSaveFileName(self, caption, suggested, "CSV (*.csv)")
        if name:
            self.export_to(Path(name))

    def _regions_changed(self, *_: Any) -> None:
        self.refresh_soon()


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
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.export_button = button_with_tip("CSV…", tip)
        self.export_button.clicked.connect(self._ask_and_export)

    def tell(self, sentence: str) -> None:
        """Show a sentence below the plot."""
        self.words.setText(sentence)

    def _chosen(self, *_: Any) -> None:
        """Take over what was chosen in the boxes."""

    def _lay_out(self, choices: Mapping[QWidget, int]) -> None:
        """Lay the widgets out: choices with their shares of the row, the plot, and what is below."""
        row = QHBoxLayout()
        row.setSpacing(3)
        for widget, share in choices.items():
            if isinstance(widget, QComboBox):
                widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
                widget.activated.connect(self._chosen)
            row.addWidget(widget, share)
        below = QHBoxLayout()
        below.addWidget(self.words, 1)
        below.addWidget(self.export_button, 0, Qt.AlignmentFlag.AlignBottom)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self.canvas, 1)
        layout.addLayout(below)
