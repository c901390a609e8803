"""The menu of what has no tab of its own."""

from typing import Any, Final

from qtpy.QtWidgets import QMenu, QToolButton, QWidget

from napari_tesm.gui.models.findings import PAGES
from napari_tesm.gui.panels.findings_window import FindingsWindow
from napari_tesm.gui.panels.help_window import open_help

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
    """

    def __init__(self, viewer: Any, workspace: QWidget) -> None:
        super().__init__()
        self.setText("More")
        self._viewer, self._workspace = viewer, workspace
        self._windows: dict[str, FindingsWindow] = {}
        self.setToolTip("Lock-in phase, controls, cycling curves, pure diffusion, keys")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")  # it would lie over the word
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for page, title in PAGES.items():
            action = menu.addAction(f"{title}…")
            action.setToolTip(_TIPS[page])
            action.triggered.connect(lambda _=False, page=page: self.open_page(page))
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
