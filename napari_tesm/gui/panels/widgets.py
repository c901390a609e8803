"""Widgets in a line each: what stands on them, what is said of them under the mouse, and what they call."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QKeySequence, QResizeEvent
from qtpy.QtWidgets import (
    QApplication,
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_tesm.files.atomic import atomic_output
from napari_tesm.files.sentences import Sentence
from napari_tesm.gui.models.form_words import FORMS
from napari_tesm.gui.models.scan import Scan, plain_label

Slot = Callable[..., Any]
Box = TypeVar("Box", bound=QBoxLayout)


_WIDE_TABS, _NARROW_TABS = "QTabBar::tab { padding: 4px 5px; }", "QTabBar::tab { padding: 4px 1px; }"
_ALL_TABS: Final = 72
"""Letters that the titles of all tabs of the workspace take, with what is beside them."""
_NO_LIMIT: Final = 16_777_215
"""Qt's own largest height."""
_NARROWEST: Final = 200
"""Of a label that has been laid out, in pixels."""


class Words(QLabel):
    """A label for sentences: it breaks lines, and spells the fields that a sentence names as the forms call them.

    Parameters
    ----------
    text : str
    narrow : bool
        Whether it may be as narrow as the room that is left.
    whole : bool
        Whether it always keeps the height of all its lines.
    """

    def __init__(self, text: str = "", *, narrow: bool = False, whole: bool = False) -> None:
        super().__init__()
        self._whole = whole
        self.setWordWrap(True)
        if narrow:
            self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.setText(text)

    def setText(self, message: object) -> None:
        """Show a sentence, or what an exception says."""
        super().setText(FORMS(message))
        if self._whole:
            self.keep_lines()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: D102
        super().resizeEvent(event)
        if self._whole:
            self.keep_lines()

    def keep_lines(self, *, at_least: int = 0) -> None:
        """Ask for the height of all lines at the present width, which a layout would take from the neighbours."""
        if self.width() > _NARROWEST:
            least = at_least * self.fontMetrics().height()
            self.setMinimumHeight(max(least, self.heightForWidth(self.width())))

    def show_if_any(self, message: object) -> None:
        """Show a sentence, or take no room where there is none."""
        self.setText(message)
        self.setVisible(bool(self.text()))


class PanelTabs(QTabWidget):
    """Tabs whose pages scroll where there is no room for them, rather than make the window higher than the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.setDocumentMode(True)
        self.setUsesScrollButtons(False)
        self.setElideMode(Qt.TextElideMode.ElideRight)
        self._pages: list[QWidget] = []

    def add_page(self, page: QWidget, title: str, *, scrolls: bool = False) -> None:
        """Add a page, one that scrolls by itself as it is."""
        self._pages.append(page)
        if scrolls:
            shown = page
        else:
            inside = QWidget()
            laid_out(_AsLow(inside), page, spacing=0, margin=0)
            shown = ScrolledArea(inside)
        self.setTabToolTip(self.addTab(shown, title), title)

    def currentWidget(self) -> QWidget | None:
        """Return the page that is seen."""
        return self._pages[self.currentIndex()] if self._pages else None

    def setCurrentWidget(self, page: QWidget | None) -> None:
        """Show a page."""
        if page in self._pages:
            self.setCurrentIndex(self._pages.index(page))

    def take_at_most(self, height: int) -> None:
        """Ask for no more than this height for a page, in pixels."""
        for index in range(self.count()):
            area = self.widget(index)
            if isinstance(area, ScrolledArea):
                area.take_at_most(height)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Take from beside the titles what they need to be seen whole."""
        super().resizeEvent(event)
        style = (
            _WIDE_TABS if self.width() > _ALL_TABS * self.fontMetrics().averageCharWidth() else _NARROW_TABS
        )
        if style != self.styleSheet():
            self.setStyleSheet(style)


class _AsLow(QVBoxLayout):
    """A page as low as it can be: for the height that broken lines would like an area scrolls before it has to."""

    def hasHeightForWidth(self) -> bool:
        return False


class ScrolledArea(QScrollArea):
    """Shows a widget whole where there is room for it, else with a bar to scroll; never wider than it is itself.

    Parameters
    ----------
    widget : QWidget
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self._most = _NO_LIMIT
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(widget)

    def take_at_most(self, height: int) -> None:
        """Ask its neighbours for no more than this height, in pixels."""
        if height != self._most:
            self._most = height
            self.updateGeometry()

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        widget = self.widget()
        wanted = QSize(0, 0) if widget is None else widget.minimumSizeHint()
        bar = self.verticalScrollBar()
        width = wanted.width() + (0 if bar is None else bar.sizeHint().width())
        return QSize(width, min(wanted.height(), self._most))

    def event(self, event: QEvent | None) -> bool:  # noqa: D102
        handled = bool(super().event(event))
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()  # what is shown wants another height
        return handled


def button(text: str, tip: str, clicked: Slot | None = None) -> QPushButton:
    """Return a button; one without a slot is switched on and off by clicks."""
    made = QPushButton(text)
    made.setToolTip(tip)
    if clicked is None:
        made.setCheckable(True)
    else:
        made.clicked.connect(clicked)
    return made


def check_box(text: str, tip: str, clicked: Slot | None = None) -> QCheckBox:
    """Return a box to tick."""
    box = QCheckBox(text)
    box.setToolTip(tip)
    if clicked is not None:
        box.clicked.connect(clicked)
    return box


def choice_box(tip: str, chosen: Slot, items: Iterable[tuple[str, Any]] = ()) -> QComboBox:
    """Return a box to choose from, with the text and data of each item."""
    box = QComboBox()
    box.setToolTip(tip)
    box.activated.connect(chosen)
    fill_box(box, list(items))
    return box


def line_edit(text: str, example: str) -> QLineEdit:
    """Return an entry with an example, grey and never taken as a value, where nothing is entered."""
    entry = QLineEdit(text)
    entry.setPlaceholderText(f"for example {example}")
    return entry


def spin_box(tip: str, largest: float, decimals: int, step: float) -> QDoubleSpinBox:
    """Return a box for a number from 0, which tells a number only when it is entered whole."""
    spin = QDoubleSpinBox()
    spin.setRange(0.0, largest)
    spin.setDecimals(decimals)
    spin.setSingleStep(step)
    spin.setToolTip(tip)
    spin.setKeyboardTracking(False)
    return spin


def single_shot(parent: QWidget, interval: int, slot: Slot) -> QTimer:
    """Return a timer that fires once, some ms after it was last started; it goes with its parent."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(interval)
    timer.timeout.connect(slot)
    return timer


def row_of(*widgets: QWidget) -> QWidget:
    """Return widgets side by side; labels and buttons keep their size, entries share the rest."""
    row = QWidget()
    # A row that gives way cuts through what is written in it: the trace above has room to give.
    row.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        stretch = 0 if isinstance(widget, QLabel | QPushButton | QToolButton) else 1
        layout.addWidget(widget, stretch, Qt.AlignmentFlag.AlignVCenter)
    return row


def laid_out(
    layout: Box,
    *parts: QWidget | QLayout | tuple[QWidget | QLayout, int] | None,
    spacing: int = -1,
    margin: int | None = None,
) -> Box:
    """Return a layout with widgets and other layouts in it, one after the other.

    Parameters
    ----------
    *parts
        Each alone or with its share of the room that is left; None takes that room and leaves it empty.
    spacing, margin : int, optional
        In pixels; the style's by default.
    """
    for part in parts:
        if part is None:
            layout.addStretch(1)
            continue
        item, share = part if isinstance(part, tuple) else (part, 0)
        if isinstance(item, QLayout):
            layout.addLayout(item, share)
        else:
            layout.addWidget(item, share)
    layout.setSpacing(spacing)
    if margin is not None:
        layout.setContentsMargins(margin, margin, margin, margin)
    return layout


def take_style(parent: QWidget) -> None:
    """Let widgets take the style of their window now: what was not shown yet asks for the room of another one."""
    for widget in parent.findChildren(QWidget):
        if not widget.isVisible():
            widget.ensurePolished()
            QApplication.sendEvent(widget, QEvent(QEvent.Type.StyleChange))
    for layout in parent.findChildren(QLayout):
        layout.invalidate()
    parent.updateGeometry()


def clear_form(form: QFormLayout) -> None:
    """Remove all lines of a form, with their widgets."""
    while form.rowCount():
        form.removeRow(0)


def give_way(*widgets: QWidget) -> None:
    """Let widgets be as narrow as the room that is left for them."""
    for widget in widgets:
        widget.setSizePolicy(QSizePolicy.Policy.Ignored, widget.sizePolicy().verticalPolicy())


def narrow(box: QComboBox, letters: int) -> None:
    """Let a box be as narrow as some letters of its longest item; its list shows them whole."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(letters)


def fill_box(box: QComboBox, items: Sequence[tuple[str, Any]], chosen: Any = None) -> None:
    """Put items, each with its text and data, into a box and choose one by its data.

    A box that holds the same items is not filled anew, so that it stays open.
    """
    if [(box.itemText(i), box.itemData(i)) for i in range(box.count())] != list(items):
        box.clear()
        for text, data in items:
            box.addItem(text, data)
    if chosen is not None:
        box.setCurrentIndex(box.findData(chosen))


def fill_pulses(box: QComboBox, scan: Scan | None, chosen: int = 0) -> None:
    """Offer the pulse settings of a scan; where there is only one, there is nothing to choose."""
    labels = [] if scan is None else scan.labels
    fill_box(box, items_of_pulses(labels), chosen)
    box.setVisible(len(labels) > 1)


def items_of_pulses(labels: Sequence[str]) -> list[tuple[str, int]]:
    """Return text and number of each pulse setting."""
    return [(plain_label(label) or f"pulse {number + 1}", number) for number, label in enumerate(labels)]


def path_to_save(parent: QWidget, caption: str, suggested: object, kinds: str = "CSV (*.csv)") -> Path | None:
    """Ask where to save a file; None where the user would rather not."""
    name, _ = QFileDialog.getSaveFileName(parent, caption, str(suggested), kinds)
    return Path(name) if name else None


def path_to_open(parent: QWidget, caption: str, kinds: str) -> Path | None:
    """Ask for a file; None where the user would rather not."""
    name, _ = QFileDialog.getOpenFileName(parent, caption, "", kinds)
    return Path(name) if name else None


def save_text(path: Path, make: Callable[[], str]) -> tuple[bool, str]:
    """Write a text that is made here, whole or not at all; return whether it worked, and how that went in words."""
    try:
        with atomic_output(path, overwrite=True) as file:
            file.write(make().encode())
    except (OSError, ValueError) as error:
        return False, Sentence("Not saved: {error}", error=error)
    return True, f"Saved {path.name}"


def undo_or_redo(event: Any) -> str:
    """Return what a key press asks for; empty where it is another key."""
    if event is None:
        return ""
    if event.matches(QKeySequence.StandardKey.Undo):
        return "undo"
    with_shift = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    is_redo = event.key() == Qt.Key.Key_Z and event.modifiers() == with_shift
    return "redo" if is_redo or event.matches(QKeySequence.StandardKey.Redo) else ""
