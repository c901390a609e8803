"""Which kernel the data support, asked and answered in the Fit tab: the question runs beside the window."""

from typing import Final

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_tesm.data.maps import labels_from_maps
from napari_tesm.gui.models.fit_counts import grouped
from napari_tesm.gui.models.scan import plain_label
from napari_tesm.gui.panels.widgets import Words, button, give_way, laid_out
from napari_tesm.gui.panels.worker import Worker
from napari_tesm.model_choice.maps import KernelChoice
from napari_tesm.plotting.kernel_choice import colour_of_kernel
from napari_tesm.scan.tables import VOTES_SHOWN, table_of_votes

_CELL: Final = "<td style='padding-right: 12px'>"
_RIGHT: Final = "<td align='right' style='padding-right: 12px'>"


class KernelAdvice(QWidget):
    """Progress while kernels are compared, then the votes, what they come to, D, and a button that takes the advice."""

    asked = Signal()
    wanted = Signal(str)
    """The user wants to fit with this kernel."""
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.worker = Worker(self)
        self.choice: KernelChoice | None = None
        self.put_away: KernelChoice | None = None
        """What the user has read and closed."""
        self.ask_button = button(
            "Which kernel?",
            "Compare kernels on every pixel with a response, and see whether what the best one leaves is noise",
            self.asked.emit,
        )
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setFormat("comparing kernels: %p %")
        self.cancel_button = button("Cancel", "", self.worker.cancel)
        self.verdict, self.averages = Words(narrow=True), Words(narrow=True)
        self.table, self.voters = QLabel(), QLabel()
        self.table.setTextFormat(Qt.TextFormat.RichText)
        self.voters.setToolTip("Traces with a response; noise alone would support any kernel")
        give_way(self.voters)
        self.use_button = button("", "", self._use)
        self.close_button = button("Close", "The layers stay", self._close)
        running = laid_out(QHBoxLayout(), self.progress, self.cancel_button, spacing=4)
        buttons = laid_out(QHBoxLayout(), self.use_button, self.close_button, (self.voters, 1), spacing=4)
        laid_out(
            QVBoxLayout(self), running, self.verdict, self.table, self.averages, buttons, spacing=3, margin=0
        )
        self.clear()

    def show_running(self, running: bool) -> None:
        """Show progress and Cancel, or neither."""
        self.progress.setValue(0)
        self.progress.setVisible(running)
        self.cancel_button.setVisible(running)
        self.ask_button.setEnabled(not running)
        self._hide_when_empty()

    def show_choice(self, choice: KernelChoice, fitted: tuple[str, ...], present: str) -> None:
        """Show what came out.

        Parameters
        ----------
        fitted : tuple of str
            Kernels that can be fitted.
        present : str
            The one that is.
        """
        self.choice = choice
        votes = choice.together
        self.verdict.setText(f"⚠ {choice.sentence()}" if votes.is_doubtful else choice.sentence())
        self.table.setText(table_of_choice(choice) if votes.judged else "")
        self.table.setToolTip(
            "Best in: of the pixels that vote. AICc: of the whole map, above the best. Misfit: the part of what the "
            "kernel leaves that traces of one relaxation time have in common, as noise has not."
        )
        self.voters.setText(
            f"{grouped(votes.judged)} of {grouped(votes.judged + votes.left_out)} traces vote"
        )
        averages = [
            (f"{plain_label(label)}: " if len(choice.votes) > 1 else "", average)
            for pulse, label in enumerate(labels_from_maps(choice.maps))
            for average in choice.averages_of(pulse)
        ]
        self.averages.setText("\n".join(f"{label}{average.line()}" for label, average in averages))
        self.averages.setToolTip("\n".join(f"{label}{average.sentence()}" for label, average in averages))
        for label in (self.verdict, self.table, self.averages, self.voters):
            label.setVisible(bool(label.text()))
        self.show_present(fitted, present)
        self.close_button.setVisible(True)
        self._hide_when_empty()

    def show_present(self, fitted: tuple[str, ...], present: str) -> None:
        """Offer the recommended kernel, unless it is the present one or cannot be fitted."""
        name = None if self.choice is None else self.choice.recommended()
        self.use_button.setVisible(name is not None)
        if name is None or self.choice is None:
            return
        doubtful = self.choice.together.is_doubtful
        self.use_button.setText(f"Use {name}" + (" all the same" if doubtful else ""))
        self.use_button.setEnabled(name in fitted and name != present)
        self.use_button.setToolTip(
            f"{name} is the kernel of the fit" if name == present
            else f"{name} cannot be fitted to maps" if name not in fitted
            else f"Fit with {name} from now on"
        )  # fmt: skip

    def clear(self) -> None:
        """Show nothing."""
        self.choice = None
        self.verdict.setText("")
        self.table.setText("")
        self.averages.setText("")
        for widget in (
            self.verdict,
            self.table,
            self.averages,
            self.voters,
            self.use_button,
            self.close_button,
        ):
            widget.setVisible(False)
        self.show_running(self.worker.running)

    def _hide_when_empty(self) -> None:
        self.setVisible(self.worker.running or self.choice is not None)

    def _use(self) -> None:
        name = None if self.choice is None else self.choice.recommended()
        self._close()
        if name is not None:
            self.wanted.emit(name)

    def _close(self) -> None:
        self.put_away = self.choice
        self.clear()
        self.closed.emit()


def table_of_choice(choice: KernelChoice) -> str:
    """Return the votes of all pulse settings as rich text, with the colours of the map; and who of them differs."""
    votes = choice.together
    name, _, *numbers = table_of_votes(votes).shown(VOTES_SHOWN)
    rows = [f"<td></td>{''.join(f'{_RIGHT}{column.title}</td>' for column in numbers)}"]
    for n, kernel in enumerate(name.texts):
        square = f"<span style='color:{colour_of_kernel(kernel)}'>■</span>&nbsp;{kernel}"
        rows.append(f"{_CELL}{square}</td>{''.join(f'{_RIGHT}{column.texts[n]}</td>' for column in numbers)}")
    table = f"<table cellspacing='0' cellpadding='0'><tr>{'</tr><tr>'.join(rows)}</tr></table>"
    others = []
    for of_pulse, label in zip(choice.votes, labels_from_maps(choice.maps), strict=True):
        if of_pulse.recommended() not in (None, votes.recommended()):
            others.append(f"{plain_label(label)} alone: {of_pulse.recommended()}")
    return table + "; ".join(others)
