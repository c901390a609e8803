"""The form "What the file does not say": a few lines, shown where something is missing."""

from typing import Any

from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_tesm.gui.models.protocol import Question, answer_questions, questions_about
from napari_tesm.gui.models.scan import Scan


class ProtocolForm(QWidget):
    """Asks for what is missing, keeps it with the dataset; the file itself is only changed by a save."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("protocol_form")
        self._scan: Scan | None = None
        self._entries: dict[str, QLineEdit | QComboBox] = {}
        self._questions: list[Question] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.heading = QLabel("<b>What the file does not say</b>")
        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setVerticalSpacing(2)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.apply_button = QPushButton("Use these")
        self.apply_button.setToolTip(
            "Kept with the data and written at the next save; the file itself is not changed"
        )
        self.apply_button.clicked.connect(self.apply)
        row = QHBoxLayout()
        row.addWidget(self.message, 1)
        row.addWidget(self.apply_button)
        layout.addWidget(self.heading)
        layout.addLayout(self.form)
        layout.addLayout(row)

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
        answers = {name: _text_of(entry) for name, entry in self._entries.items()}
        problem = answer_questions(self._scan, answers)
        self.message.setText(problem)

    def entry(self, name: str) -> Any:
        """Return the line edit or combo box of a question."""
        return self._entries[name]

    def _build(self) -> None:
        while self.form.rowCount():
            self.form.removeRow(0)
        self._entries = {}
        for question in self._questions:
            entry: QLineEdit | QComboBox
            if question.choices:
                entry = QComboBox()
                entry.addItems(question.choices)
            else:
                entry = QLineEdit(question.answer)
                entry.setPlaceholderText(f"for example {question.example}")
                entry.returnPressed.connect(self.apply)
            entry.setObjectName(question.name)
            self._entries[question.name] = entry
            self.form.addRow(question.title, entry)


def _text_of(entry: QLineEdit | QComboBox) -> str:
    return str(entry.currentText() if isinstance(entry, QComboBox) else entry.text())
