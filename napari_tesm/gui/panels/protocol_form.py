"""The form "What the file does not say": a few lines, shown where something is missing."""

from typing import Any

from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_tesm.gui.models.protocol import Question, answer_questions, questions_about
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.widgets import Words, button, clear_form, laid_out, line_edit


class ProtocolForm(QWidget):
    """Asks for what is missing, keeps it with the dataset; the file itself is only changed by a save."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("protocol_form")
        self._scan: Scan | None = None
        self._entries: dict[str, QLineEdit | QComboBox] = {}
        self._questions: list[Question] = []
        self.heading = QLabel("<b>What the file does not say</b>")
        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setVerticalSpacing(2)
        self.message = Words()
        self.apply_button = button(
            "Use these",
            "Kept with the data and written at the next save; the file itself is not changed",
            self.apply,
        )
        row = laid_out(QHBoxLayout(), (self.message, 1), self.apply_button)
        laid_out(QVBoxLayout(self), self.heading, self.form, row, spacing=2, margin=0)

    def show_scan(self, scan: Scan | None) -> None:
        """Ask about another scan, or the same with more known."""
        self._scan = scan
        questions = [] if scan is None else questions_about(scan)
        if questions != self._questions or not self._entries:
            self._questions = questions
            self._build()
        complete = scan is None or not scan.missing()
        self.heading.setText("<b>The pulses</b>" if complete else "<b>What the file does not say</b>")
        self.message.setText("")

    def apply(self) -> None:
        """Take over what is entered."""
        if self._scan is None:
            return
        answers = {
            name: entry.currentText() if isinstance(entry, QComboBox) else entry.text()
            for name, entry in self._entries.items()
        }
        self.message.setText(answer_questions(self._scan, answers))

    def entry(self, name: str) -> Any:
        """Return the line edit or combo box of a question."""
        return self._entries[name]

    def _build(self) -> None:
        clear_form(self.form)
        self._entries = {}
        for question in self._questions:
            entry: QLineEdit | QComboBox
            if question.choices:
                entry = QComboBox()
                entry.addItems(question.choices)
            else:
                entry = line_edit(question.answer, question.example)
                entry.returnPressed.connect(self.apply)
            entry.setObjectName(question.name)
            self._entries[question.name] = entry
            self.form.addRow(question.title, entry)
