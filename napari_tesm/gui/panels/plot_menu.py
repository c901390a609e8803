"""What can be done with every plot: saved or copied as for print, enlarged in its own window, its data exported."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from matplotlib.backend_bases import ResizeEvent
from matplotlib.backends.backend_qt import NavigationToolbar2QT
from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QCloseEvent, QImage, QKeyEvent
from qtpy.QtWidgets import QApplication, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_tesm.files.atomic import atomic_output
from napari_tesm.files.sentences import Sentence
from napari_tesm.gui.panels.canvas import PlotCanvas
from napari_tesm.gui.panels.widgets import laid_out, path_to_save, undo_or_redo
from napari_tesm.gui.saying import say
from napari_tesm.plotting.style import FORMATS, FigureStyle, bytes_as_it_is, format_from_name
from napari_tesm.plotting.theme import LIGHT, PlotTheme

_ON_PAPER: Final = replace(LIGHT, font_size=7.0)
_WIDTHS: Final = {"85mm": "one column, 85 mm", "180mm": "two columns, 180 mm"}
_KINDS: Final = ";;".join(f"{kind.upper()} (*.{kind})" for kind in ("pdf", "svg", "png"))
_INCH: Final = 25.4e-3
_SIDE: Final = 20
"""Of the button that opens the menu, in pixels."""
_ENLARGED: Final = (900, 620)
"""Size of a plot's own window, in pixels."""
_NOT_NEEDED: Final = ("Save", "Subplots", "Customize")
"""Tools of matplotlib's: the menu of the plot saves it as for print, and plots place their axes themselves."""


class PlotMenu(QObject):
    """The menu of a plot, by its button or the right mouse key.

    Parameters
    ----------
    canvas : PlotCanvas
        In a layout of its parent.
    restyle : callable
        Draws what the canvas shows in the colours of a theme.
    theme : callable
        Returns the colours that it has on the screen.
    title : str
        What is plotted, for the window and the names of files.
    export : callable, optional
        Asks for a file and writes the numbers behind the plot.
    """

    brought_back = Signal()
    """The plot has come back from a window of its own."""

    def __init__(
        self,
        canvas: PlotCanvas,
        restyle: Callable[[PlotTheme], Any],
        theme: Callable[[], PlotTheme],
        title: str,
        export: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(canvas)
        self._canvas, self._restyle, self._theme, self.title = canvas, restyle, theme, title
        self._window: PlotWindow | None = None
        self.menu = QMenu(canvas)
        self.enlarge_action = self.menu.addAction("Enlarge")
        self.enlarge_action.triggered.connect(self.enlarge)
        self.copy_action = self.menu.addAction("Copy figure")
        self.copy_action.triggered.connect(self.copy)
        for width, words in _WIDTHS.items():
            action = self.menu.addAction(f"Save figure ({words})…")
            action.triggered.connect(lambda _=False, width=width: self._ask_and_save(width))
        if export is not None:
            self.menu.addAction("Save data (CSV)…").triggered.connect(lambda: export())
        self.menu.aboutToShow.connect(lambda: self.enlarge_action.setEnabled(not self.is_enlarged))
        self.button = QToolButton(canvas)
        self.button.setText("⋯")
        self.button.setToolTip("Enlarge, save or copy this plot")
        self.button.setFixedSize(_SIDE, _SIDE)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.clicked.connect(self._open_below_button)
        self.button.hide()
        canvas.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Show the button while the mouse is over the plot, the menu where it is asked for, and let undo through."""
        kind = None if event is None else event.type()
        if kind in (QEvent.Type.Enter, QEvent.Type.Resize):
            self.button.move(self._canvas.width() - _SIDE - 2, self._canvas.height() - _SIDE - 2)
        if kind == QEvent.Type.Enter:
            self.button.show()
        elif kind == QEvent.Type.Leave:
            self.button.hide()
        elif kind == QEvent.Type.ContextMenu:
            self.menu.popup(event.globalPos())  # type: ignore[union-attr]
            return True
        elif kind == QEvent.Type.KeyPress and event is not None and undo_or_redo(event):
            event.ignore()  # the canvas would swallow it
            return True
        return False

    def figure_bytes(self, kind: str, width: str) -> bytes:
        """Return the plot as it is printed, on white and as wide as a journal's column or page.

        Parameters
        ----------
        kind : {"png", "svg", "pdf"}
        width : {"85mm", "180mm"}
        """
        style = FigureStyle.of("paper", width)
        figure = self._canvas.figure
        on_screen = figure.get_size_inches().copy()
        inches = (style.width or 0.0) / _INCH
        shape = self._canvas.shape_on_paper(72 * inches)
        try:
            self._restyle(_ON_PAPER)
            self._resize(inches, inches * shape)
            return bytes_as_it_is(figure, kind, style)
        finally:
            self._resize(*on_screen)
            self._restyle(self._theme())
            self._canvas.draw_idle()  # type: ignore[no-untyped-call]

    def save_to(self, path: Path, width: str) -> None:
        """Write the plot to a file, in the format that its name ends in; a problem is said in a sentence."""
        if path.suffix.lower().lstrip(".") not in FORMATS:
            path = path.with_name(f"{path.name}.pdf")
        try:
            with atomic_output(path, overwrite=True) as file:
                file.write(self.figure_bytes(format_from_name(path.name), width))
        except (OSError, ValueError) as error:
            say(Sentence("Not saved: {error}", error=error), warning=True)
        else:
            say(f"Saved {path.name}")

    def copy(self) -> None:
        """Put the plot on the clipboard, as it is printed."""
        QApplication.clipboard().setImage(QImage.fromData(self.figure_bytes("png", "180mm")))
        say("The figure is on the clipboard")

    @property
    def is_enlarged(self) -> bool:
        """Whether the plot is in a window of its own."""
        return self._window is not None and self._window.holds_canvas

    def enlarge(self) -> None:
        """Move the plot to a window of its own, with tools to zoom and pan; it goes on following the scan."""
        if self._window is None:
            self._window = PlotWindow(self._canvas, self.title)
            self._window.closed.connect(self.brought_back)
        self._window.open()

    def bring_back(self) -> None:
        """Put the plot back into its panel."""
        if self._window is not None:
            self._window.close()

    def _open_below_button(self) -> None:
        self.menu.popup(self.button.mapToGlobal(self.button.rect().bottomLeft()))

    def _ask_and_save(self, width: str) -> None:
        name = f"{self.title.lower().replace(' ', '_')}.pdf"
        if path := path_to_save(self._canvas, "Save the figure", name, _KINDS):
            self.save_to(path, width)

    def _resize(self, width: float, height: float) -> None:
        """Give the figure another size, in inches, as if its widget had it: plots place their axes by that."""
        self._canvas.figure.set_size_inches(width, height, forward=False)
        event = ResizeEvent("resize_event", self._canvas)
        self._canvas.callbacks.process("resize_event", event)


class PlotWindow(QWidget):
    """Holds the canvas of a panel for a while; closing it gives the canvas back.

    Parameters
    ----------
    canvas : PlotCanvas
    title : str
    """

    closed = Signal()

    def __init__(self, canvas: PlotCanvas, title: str) -> None:
        super().__init__(canvas.parentWidget(), Qt.WindowType.Window)
        self.setWindowTitle(title)
        self.resize(*_ENLARGED)
        self.holds_canvas = False
        self._canvas = canvas
        self._stand_in = QPushButton("The plot is in a window of its own: bring it back")
        self._stand_in.setFlat(True)
        self._stand_in.setMinimumHeight(canvas.minimumHeight())
        self._stand_in.setSizePolicy(canvas.sizePolicy())
        self._stand_in.clicked.connect(self.close)
        # Kept, like this window: what it has connected to the canvas would outlive it.
        self._toolbar = NavigationToolbar2QT(canvas, self)  # type: ignore[no-untyped-call]
        for action in self._toolbar.actions():
            if action.text() in _NOT_NEEDED:
                self._toolbar.removeAction(action)
        laid_out(QVBoxLayout(self), self._toolbar, spacing=0, margin=0)

    def open(self) -> None:
        """Take the canvas, and come before other windows."""
        layout = self.layout()
        if not self.holds_canvas and layout is not None:
            self.holds_canvas = True
            _put_in_place_of(self._canvas, self._stand_in)
            layout.addWidget(self._canvas)
            self._canvas.show()
        self.show()
        self.raise_()
        self.activateWindow()

    def event(self, event: QEvent | None) -> bool:
        """Claim the keys for undo and redo: what was dragged in here is taken back by the panel."""
        if event is not None and event.type() == QEvent.Type.ShortcutOverride and undo_or_redo(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Hand undo and redo to the panel: no key leaves a window by itself."""
        panel = self.parentWidget()
        if event is not None and panel is not None and undo_or_redo(event):
            QApplication.sendEvent(panel, event)
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Give the canvas back, with the whole of the plot in sight and no tool switched on."""
        super().closeEvent(event)
        if self.holds_canvas:
            self.holds_canvas = False
            for mode, leave in (("PAN", self._toolbar.pan), ("ZOOM", self._toolbar.zoom)):
                if self._toolbar.mode.name == mode:
                    leave()  # type: ignore[no-untyped-call]
            self._toolbar.home()
            _put_in_place_of(self._stand_in, self._canvas)
            self._canvas.show()
            self.closed.emit()


def _put_in_place_of(there: QWidget, new: QWidget) -> None:
    """Put a widget where another is in the layout of its parent; the other is taken out."""
    parent = there.parentWidget()
    layout = None if parent is None else parent.layout()
    if layout is not None:
        layout.replaceWidget(there, new, Qt.FindChildOption.FindChildrenRecursively)
        there.hide()
        new.show()
