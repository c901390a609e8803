"""The menu of what has no tab of its own."""

from collections.abc import Callable
from typing import Any, Final

from qtpy.QtWidgets import QMenu, QToolButton, QWidget

from napari_tesm.files.sentences import Sentence, sentence_begun
from napari_tesm.gui.gwyddion import opener_in_gwyddion
from napari_tesm.gui.layers.drawing import take_up_drawing
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.layers.surface_layers import image_to_level, show_levelled
from napari_tesm.gui.models.findings import PAGES
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.surface_tools import area_to_crop, cropped_scan, levelled_image
from napari_tesm.gui.panels.findings_window import FindingsWindow
from napari_tesm.gui.panels.help_window import open_help
from napari_tesm.gui.panels.relief_window import ReliefWindow
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.gui.saying import say

_TIPS: Final = {
    "signal": "How much of the response lock-in X holds, and X and Y turned by an angle",
    "controls": "What scans of samples say that should not respond",
    "cycling": "Capacity and voltage of the cells, as a cycler has written them",
    "null": "What this recipe shows where there is nothing but diffusion, and the way back",
}


class MoreButton(QToolButton):
    """Opens the menu; its windows lie above the workspace, one of each.

    Parameters
    ----------
    viewer : napari.Viewer
    workspace : QWidget
    measure : callable
        Starts to draw a line whose length and angle are told.
    tell : callable
        Shows why something was not done, in a sentence.
    """

    def __init__(
        self, viewer: Any, workspace: QWidget, measure: Callable[[], None], tell: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.setText("More")
        self._viewer, self._workspace, self._measure, self._tell = viewer, workspace, measure, tell
        self._session = Session.of(viewer)
        self._windows: dict[str, FindingsWindow] = {}
        self._worker = Worker(self)
        self.relief_window = ReliefWindow(self._session, workspace)
        self.setToolTip(
            "Lock-in phase, controls, cycling, pure diffusion; level, crop, measure, 3-D, Gwyddion; keys"
        )
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")  # it would lie over the word
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for page, title in PAGES.items():
            action = menu.addAction(f"{title}…")
            action.setToolTip(_TIPS[page])
            action.triggered.connect(lambda _=False, page=page: self.open_page(page))
        menu.addSeparator()
        for title, tip, slot in (
            (
                "Level by a plane",
                "Take the tilt off the image that is chosen among the layers, else off the topography",
                lambda: self.level("plane"),
            ),
            ("Level by rows", "Give all lines of that image one median", lambda: self.level("rows")),
            (
                "Crop",
                "The selected area, else the last rectangle of Regions, as a scan of its own",
                self.crop,
            ),
            ("Measure", "Draw a line: its length, its angle and the height along it", self.measure),
            ("3-D", "The topography as a relief, with the map on top draped over it", self.show_relief),
            ("Open in Gwyddion", "The scan with all that was done on it", self.open_in_gwyddion),
        ):
            action = menu.addAction(title)
            action.setToolTip(tip)
            action.triggered.connect(lambda _=False, slot=slot: self._try(slot))
        menu.addSeparator()
        menu.addAction("Keys").triggered.connect(lambda: open_help(workspace, "Keys"))
        self.setMenu(menu)

    def open_page(self, page: str) -> FindingsWindow:
        """Open a page of `napari_tesm.gui.models.findings.PAGES`, or bring it to the front."""
        if page not in self._windows:
            self._windows[page] = FindingsWindow(self._viewer, page, self._workspace)
        window = self._windows[page]
        window.show()
        window.raise_()
        window.activateWindow()
        return window

    def close_pages(self) -> None:
        """Close what is open."""
        for window in self._windows.values():
            window.close()
        self.relief_window.close()

    def level(self, way: str) -> None:
        """Add the image that is chosen, else the topography, levelled; a save writes it."""
        scan = self._scan()
        show_levelled(self._session, scan, levelled_image(scan, image_to_level(self._session, scan), way))

    def crop(self) -> None:
        """Open the area that is selected, else the last rectangle, as a scan of its own."""
        take_up_drawing(self._session)
        scan = self._scan()
        made = cropped_scan(scan, area_to_crop(scan))
        with self._session.viewer.layers.batched_update():
            for layer in layers_from_scan(made):
                add_layer(self._session.viewer, layer)
        self._session.choose(made)

    def measure(self) -> None:
        """Start to draw a line in the tab Profile, which says how long it is and where it goes."""
        self._measure()

    def show_relief(self) -> None:
        """Show the topography in 3-D."""
        self.relief_window.open()

    def open_in_gwyddion(self) -> None:
        """Start Gwyddion with the scan, beside the window."""
        if self._worker.running:
            return
        take_up_drawing(self._session)
        opener = opener_in_gwyddion(self._scan())
        self._worker.start(
            lambda _: opener(),
            done=lambda path: say(f"Gwyddion opens {path.name}"),
            failed=lambda error: say(Sentence("Not opened in Gwyddion: {error}", error=error), warning=True),
        )

    def _scan(self) -> Scan:
        if self._session.scan is None:
            raise ValueError("open a scan first")
        return self._session.scan

    def _try(self, slot: Callable[[], None]) -> None:
        try:
            slot()
        except (ValueError, OSError) as error:
            self._tell(sentence_begun(sentence_for_forms(error)))
