"""What a user entered for a scan: its form, its windows and its points, with all of it to be taken back."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from psygnal import Signal

from napari_tesm.data.lateral import Inversion
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.atomic import atomic_output
from napari_tesm.gui.models.busy import Busy
from napari_tesm.gui.models.companion import ScanModel
from napari_tesm.gui.models.history import History
from napari_tesm.gui.models.scan import Scan
from napari_tesm.io.recipe_file import recipe_from_file
from napari_tesm.regions.shapes import PinnedPoint

_OF_THE_FILE: Final = ("traces", "time_unit", "lateral_unit")
"""Fields of a recipe that say how the file is opened: those of another file are nothing to this one."""


@dataclass(frozen=True)
class Entries:
    """What stands in the form of a scan and which points are pinned."""

    recipe: Recipe
    lateral: Inversion | None
    points: tuple[PinnedPoint, ...]

    def changed(self, other: "Entries") -> set[str]:
        """Return the names of what differs from others."""
        names = {
            entry.name
            for entry in fields(Recipe)
            if getattr(self.recipe, entry.name) != getattr(other.recipe, entry.name)
        }
        return names | {name for name in ("lateral", "points") if getattr(self, name) != getattr(other, name)}


class EntryModel(ScanModel):
    """The entries of one scan, and those that were there before.

    Parameters
    ----------
    scan : Scan
        Holds the truth; whoever changes its recipe, lateral diffusion or points, this notes it.
    """

    changed = Signal()
    """There is something else to take back, or to do again."""

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan)
        self.history = History(self._present())
        self._restoring = Busy()
        self._changing: set[str] = set()
        """What the action that is going on has changed so far: a radius comes with its error."""
        scan.recipe_changed.connect(self._note)
        scan.points_changed.connect(self._note)

    def part(self) -> None:
        """End the action that is going on: a drag, or a number that was typed digit by digit."""
        self._changing = set()
        self.history.part()

    def undo(self) -> bool:
        """Take the last action back; return whether there was one.

        Raises
        ------
        ValueError
            If what was there before does not go with the traces any more.
        """
        return self._restore(self.history.undo())

    def redo(self) -> bool:
        """Do again what was taken back; return whether there was anything.

        Raises
        ------
        ValueError
            If it does not go with the traces any more.
        """
        return self._restore(self.history.redo())

    def take_defaults(self) -> None:
        """Put the whole form, the windows too, as it is for a scan that was just opened."""
        self.take(Recipe())

    def take(self, recipe: Recipe) -> None:
        """Take a recipe of another scan for this one; what says how a file is opened stays.

        Raises
        ------
        ValueError
            If it does not go with the traces.
        """
        own = {name: getattr(self.scan.recipe, name) for name in _OF_THE_FILE}
        self.part()
        self.scan.set_recipe(replace(recipe, **own))
        self.part()

    def take_file(self, path: Path) -> None:
        """Take the recipe of a JSON file or of an earlier output.

        Raises
        ------
        OSError, ValueError
            If the file holds none, or one that does not go with the traces.
        """
        self.take(recipe_from_file(path))

    def save_recipe(self, path: Path) -> None:
        """Write the recipe as JSON, for other scans and for the command line.

        Raises
        ------
        OSError
            If it cannot be written; nothing is left behind then.
        """
        with atomic_output(path, overwrite=True) as file:
            file.write(self.scan.recipe.to_json().encode() + b"\n")

    def _present(self) -> Entries:
        scan = self.scan
        return Entries(scan.recipe, scan.lateral, tuple(scan.points))

    def _note(self, *_: object) -> None:
        if self._restoring:
            return
        present = self._present()
        changed = present.changed(self.history.now)
        if "points" in changed or not changed & self._changing:
            self.part()  # points are pinned one by one; a window or a number changes many times on its way
        self._changing |= changed
        if self.history.settle(present, merge="entry"):
            self.changed.emit()

    def _restore(self, entries: Entries | None) -> bool:
        if entries is None:
            return False
        self.part()
        with self._restoring:
            self.scan.set_recipe(entries.recipe)
            self.scan.set_lateral(entries.lateral)
            self.scan.set_points(entries.points)
        self.changed.emit()
        return True
