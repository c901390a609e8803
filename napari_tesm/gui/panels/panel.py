"""What every panel of the workspace shares: it listens while it is on screen and is deaf while it is not.

Closing a dock in napari only hides it. A panel therefore connects when it is shown and disconnects when it is hidden,
so that no callback survives and none draws on a canvas that is gone.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QWidget

from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.canvas import PlotCanvas, theme_of
from napari_tesm.gui.panels.focus_ring import FocusRing
from napari_tesm.gui.panels.plot_menu import PlotMenu
from napari_tesm.gui.panels.widgets import path_to_save, single_shot
from napari_tesm.plotting.theme import PlotTheme

Connection = tuple[Any, Callable[..., Any]]


class Panel(QWidget):
    """Base of the panels; subclasses fill in `refresh` and `connections`.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    EXPORTED: ClassVar[tuple[str, str]]
    """Of panels that save what they show: what the file is, as the dialog says it, and the name that is suggested."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session: Session = Session.of(viewer)
        self._connected: list[Connection] = []
        self._scan: Scan | None = None
        self._listening = False
        self.plot_menu: PlotMenu | None = None
        self._focus_ring: FocusRing | None = None
        # One redraw for a burst of events, drawn when Qt is idle.
        self._refresh_timer = single_shot(self, 0, self._refresh_if_shown)

    @property
    def viewer(self) -> Any:
        """The viewer model."""
        return self.session.viewer

    @property
    def scan(self) -> Scan | None:
        """The scan that is looked at."""
        return self.session.scan

    def refresh(self) -> None:
        """Show the present state of the scan."""

    def connections(self, scan: Scan | None) -> Iterable[Connection]:
        """Return the signals to listen to while `scan` is looked at, each with what it calls."""
        return ()

    def export_to(self, path: Path) -> None:
        """Write what is shown as CSV, in SI units."""
        raise NotImplementedError

    def ask_and_export(self) -> None:
        """Ask for a file name and write what is shown."""
        if path := path_to_save(self, *self.EXPORTED):
            self.export_to(path)

    def refresh_soon(self, *_: Any) -> None:
        """Ask for a refresh when the present burst of events is over."""
        if self._listening:
            self._refresh_timer.start()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Listen, and show what has happened in the meantime."""
        super().showEvent(event)
        if not self._listening:
            self._listening = True
            self.session.attach()
            self.session.scan_changed.connect(self._scan_changed)
            self._follow(self.session.scan)
            self.refresh_soon()
            self.come()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Stop listening, but for a plot that is looked at in a window of its own."""
        super().hideEvent(event)
        if self.plot_menu is None or not self.plot_menu.is_enlarged:
            self._stop_listening()

    def add_plot_menu(
        self, canvas: PlotCanvas, restyle: Callable[[PlotTheme], Any], title: str, *, exported: bool = True
    ) -> None:
        """Let the plot of this panel be saved, copied and enlarged.

        Parameters
        ----------
        canvas, restyle, title
            As in `PlotMenu`.
        exported : bool
            Whether `ask_and_export` writes the numbers behind it.
        """
        export = self.ask_and_export if exported else None
        self.plot_menu = PlotMenu(canvas, restyle, lambda: theme_of(self.viewer), title, export)
        self.plot_menu.brought_back.connect(self._plot_came_back)

    def add_focus_ring(self) -> None:
        """Show in here where the focus is, when it is moved by Tab: for what is a window or a dock by itself."""
        self._focus_ring = FocusRing(self, lambda: theme_of(self.viewer).foreground)

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002 (Qt's name)
        """Move the focus by Tab, and show where it goes."""
        if self._focus_ring is not None:
            self._focus_ring.by_key()
        return bool(super().focusNextPrevChild(next))

    def _plot_came_back(self) -> None:
        if not self.isVisible():
            self._stop_listening()

    def _stop_listening(self) -> None:
        if self._listening:
            self.leave()
            self._listening = False
            self._refresh_timer.stop()
            self._follow(None, leave=True)
            self.session.scan_changed.disconnect(self._scan_changed)
            self.session.detach()

    def come(self) -> None:
        """Do what is to be done when the panel has come on screen."""

    def leave(self) -> None:
        """Do what is to be done before the panel is deaf."""

    def _scan_changed(self, scan: Scan | None) -> None:
        self._follow(scan)
        self.refresh_soon()

    def _follow(self, scan: Scan | None, *, leave: bool = False) -> None:
        for signal, slot in self._connected:
            signal.disconnect(slot)
        self._connected = [] if leave else list(self.connections(scan))
        for signal, slot in self._connected:
            signal.connect(slot)

    def _refresh_if_shown(self) -> None:
        if self._listening:
            self.refresh()
