"""What the tabs of regions, profiles and histograms share: boxes to choose from, files to write, keys to undo."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QComboBox

from napari_tesm.files.atomic import atomic_output
from napari_tesm.gui.models.form_words import FORMS, sentence_for_forms
from napari_tesm.gui.models.scan import Scan, plain_label


def fill_box(box: QComboBox, items: list[tuple[str, Any]]) -> None:
    """Put items, each with its text and data, into a box; it is left alone where they are the same."""
    if [(box.itemText(i), box.itemData(i)) for i in range(box.count())] != items:
        box.clear()
        for text, data in items:
            box.addItem(text, data)


def fill_pulses(box: QComboBox, scan: Scan | None) -> None:
    """Offer the pulse settings of a scan; where there is only one, there is nothing to choose."""
    labels = [] if scan is None else scan.labels
    fill_box(box, [(plain_label(label) or str(number + 1), number) for number, label in enumerate(labels)])
    box.setVisible(len(labels) > 1)


def write_text(path: Path, text: str) -> str:
    """Write a text file, whole or not at all, and return in a sentence how that went."""
    try:
        with atomic_output(path, overwrite=True) as file:
            file.write(text.encode())
    except (OSError, ValueError) as error:
        return sentence_for_forms(f"Not saved: {FORMS(error)}")
    return f"Saved {path.name}."


def undo_or_redo(event: Any) -> str:
    """Return what a key press asks for; empty where it is another key."""
    if event is None:
        return ""
    if event.matches(QKeySequence.StandardKey.Undo):
        return "undo"
    with_shift = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    is_redo = event.key() == Qt.Key.Key_Z and event.modifiers() == with_shift
    return "redo" if is_redo or event.matches(QKeySequence.StandardKey.Redo) else ""
