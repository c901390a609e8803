"""The menu of what can be done with a form as a whole: taken back, put as it was, loaded, saved, copied."""

from collections.abc import Callable
from typing import Any, Final

from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QApplication, QMenu, QPushButton

from napari_tesm.gui.models.entries import EntryModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.spelling import command_from_scan, python_from_scan
from napari_tesm.gui.panels.panel import Panel
from napari_tesm.gui.panels.widgets import path_to_open, path_to_save
from napari_tesm.gui.saying import say

_RECIPES: Final = "Results or recipes (*.gwy *.json);;All files (*)"


class RecipeButton(QPushButton):
    """Opens the menu; it acts on the scan that its panel looks at.

    Parameters
    ----------
    panel : Panel
    put_right : callable
        Writes what holds over an entry that was refused, and returns whether there was one.
    """

    def __init__(self, panel: Panel, put_right: Callable[[], bool]) -> None:
        super().__init__("Recipe")
        self._panel, self._put_right = panel, put_right
        self.setToolTip("Take entries back, put the defaults, load, save or copy the recipe")
        menu = QMenu(self)
        keys = QKeySequence.StandardKey
        self.undo = self._add(menu, "Undo", lambda: self.step("undo"), keys.Undo)
        self.redo = self._add(menu, "Redo", lambda: self.step("redo"), keys.Redo)
        self.defaults = self._add(menu, "Defaults", lambda: self._do(EntryModel.take_defaults))
        menu.addSeparator()
        self.load = self._add(menu, "Load recipe…", self._load)
        self.save = self._add(menu, "Save recipe…", self._save)
        menu.addSeparator()
        self.copy_command = self._add(
            menu, "Copy as command", lambda: self._copy(command_from_scan, "command")
        )
        self.copy_python = self._add(
            menu, "Copy as Python", lambda: self._copy(python_from_scan, "Python code")
        )
        menu.aboutToShow.connect(self._show_steps)
        self.setMenu(menu)

    def step(self, wanted: str) -> None:
        """Take the last entry back ("undo"), or do it again ("redo")."""
        if wanted == "undo" and self._put_right():
            return  # what was typed last was never taken
        step, what = {"undo": (EntryModel.undo, "take back"), "redo": (EntryModel.redo, "do again")}[wanted]

        def take(entries: EntryModel) -> None:
            if not step(entries):
                say(f"There is nothing to {what}")

        self._do(take)

    def _add(
        self, menu: QMenu, text: str, slot: Callable[[], None], keys: QKeySequence.StandardKey | None = None
    ) -> Any:
        action = menu.addAction(text)
        action.triggered.connect(lambda: slot())
        if keys is not None:
            # Shown, not claimed: the workspace has the keys while the focus is in it, else napari.
            action.setText(f"{text}\t{QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)}")
        return action

    @property
    def _entries(self) -> EntryModel | None:
        scan = self._panel.scan
        return None if scan is None else EntryModel.of(scan)

    def _show_steps(self) -> None:
        entries = self._entries
        self.undo.setEnabled(entries is not None and entries.history.can_undo)
        self.redo.setEnabled(entries is not None and entries.history.can_redo)

    def _do(self, change: Callable[[EntryModel], None]) -> None:
        if (entries := self._entries) is not None:
            try:
                change(entries)
            except (ValueError, OSError) as error:
                say(error, warning=True)

    def _load(self) -> None:
        if path := path_to_open(self, "Load a recipe", _RECIPES):
            self._do(lambda entries: entries.take_file(path))

    def _save(self) -> None:
        scan = self._panel.scan
        if scan is None:
            return
        suggested = scan.path_beside("_recipe.json")
        if path := path_to_save(self, "Save the recipe", suggested, "Recipe (*.json)"):
            self._do(lambda entries: entries.save_recipe(path))

    def _copy(self, spell: Callable[[Scan], str], what: str) -> None:
        if self._panel.scan is None:
            return
        try:
            QApplication.clipboard().setText(spell(self._panel.scan))
        except (ValueError, OSError) as error:
            say(error, warning=True)
        else:
            say(f"The {what} is on the clipboard")
