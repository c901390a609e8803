"""What the tables and Save have: the recipe of the last fit in short, and in a sentence where the form says another."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QMessageBox, QWidget

from napari_tesm.gui.models.agreement import recipe_in_short, sentence_about_maps
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.widgets import Words, button, laid_out


class FitNotice(QWidget):
    """A line over the tabs."""

    fit_wanted = Signal()
    """The tables are to have what the form says."""

    def __init__(self) -> None:
        super().__init__()
        self.words = Words(narrow=True)
        self.fit_button = button("Fit first", "Fit every pixel with what the form says now", self._clicked)
        laid_out(QHBoxLayout(self), (self.words, 1), self.fit_button, spacing=4, margin=0)
        self.hide()

    def show_scan(self, scan: Scan | None, *, beside_form: bool) -> None:
        """Show what holds for a scan.

        Parameters
        ----------
        beside_form : bool
            Whether the form is on the screen: it is its own recipe, and only a difference is worth a line.
        """
        warning = "" if scan is None else sentence_about_maps(scan)
        recipe = "" if scan is None else recipe_in_short(scan)
        self.words.setText(warning or (f"Fit: {recipe}" if recipe and not beside_form else ""))
        self.words.setToolTip(recipe and f"The maps of the last fit were made with {recipe}.")
        self.words.setStyleSheet("font-weight: bold;" if warning else "")
        self.fit_button.setVisible(bool(warning) and scan is not None and not scan.fit_problem)
        self.setVisible(bool(self.words.text()))
        self.words.keep_lines()

    def tell(self, sentence: object) -> None:
        """Show a sentence in the place of that, until the next one."""
        self.words.setText(sentence)
        self.words.setToolTip("")
        self.words.setStyleSheet("font-weight: bold;")
        self.fit_button.hide()
        self.show()
        self.words.keep_lines()

    def _clicked(self) -> None:
        self.fit_wanted.emit()


def ask_before_saving(parent: QWidget, sentence: str) -> str:
    """Ask what to save where the form says something else than the last fit; return "fit", "save" or ""."""
    box = QMessageBox(QMessageBox.Icon.Question, "Save t-ESM results", sentence, parent=parent)
    fit = box.addButton("Fit first", QMessageBox.ButtonRole.AcceptRole)
    save = box.addButton("Save the last fit", QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(fit)
    box.exec()
    return "fit" if box.clickedButton() is fit else "save" if box.clickedButton() is save else ""
