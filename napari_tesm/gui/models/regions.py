"""What is done with the regions of a scan: drawing, naming, classing, selecting, deleting, and taking all of it back.

Toolkit-free: the Shapes layer (`region_layer`) and the panels are two faces of this.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from psygnal import Signal

from napari_tesm.gui.models.busy import Busy
from napari_tesm.gui.models.companion import ScanModel
from napari_tesm.gui.models.history import History
from napari_tesm.gui.models.scan import Scan
from napari_tesm.regions.shapes import LINE_KINDS, Region

_NAME_OF_CLASS: Final = {"other": "region", "": "region"}


def free_name(region_class: str, taken: Collection[str], *, kind: str = "") -> str:
    """Return the first name of the row ``step 1``, ``step 2`` … that is not taken.

    Without a class it is ``region 1``, or ``line 1`` and ``path 1`` where it is one.

    Examples
    --------
    >>> free_name("step", ["step 1", "grain 2"])
    'step 2'
    """
    alone = not region_class and kind in LINE_KINDS
    stem = kind if alone else _NAME_OF_CLASS.get(region_class, region_class)
    return next(name for n in range(1, len(taken) + 2) if (name := f"{stem} {n}") not in taken)


def round_length(length: float) -> float:
    """Return the nearest of 1, 2, 5, 10, 20, 50 … to a length."""
    if not length > 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(length))
    return min((power * digit for digit in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / length)))


class RegionModel(ScanModel):
    """The regions of one scan as the user works on them.

    Parameters
    ----------
    scan : Scan
        Holds the truth, `scan.regions`; every change goes through it, and its `regions_changed` tells of it.
    """

    selection_changed = Signal()
    settled = Signal()
    """An action is over: there is something to undo, and time for what takes longer than a frame."""
    pen_changed = Signal()
    """Class or width of what is drawn next."""

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan)
        self.history: History[tuple[Region, ...]] = History(tuple(scan.regions))
        self.selection: frozenset[int] = frozenset()
        self.pen_class = ""
        """Class of the next drawing; it has none unless one is given, which then holds for that drawing alone."""
        display = scan.display
        self.pen_width = round_length(5 * max(display.spacing)) * display.factor
        self.is_live = False
        """Whether an action is going on, such as a drag: it becomes one entry of the history when it ends."""

        self._setting = Busy()

    @property
    def regions(self) -> list[Region]:
        """The regions, in the order in which they were drawn."""
        return self.scan.regions

    @property
    def classes(self) -> list[str]:
        """Classes in use, in the order of their first region."""
        return list(dict.fromkeys(region.region_class for region in self.regions if region.region_class))

    @property
    def line_of_interest(self) -> Region | None:
        """The line whose profile is shown: a selected one, else the one drawn last.

        A path of class step lies along the step, not across it: only a selected one is meant.
        """
        chosen = [self.regions[i] for i in sorted(self.selection) if i < len(self.regions)]
        others = [
            region
            for region in reversed(self.regions)
            if region.kind == "line" or region.region_class != "step"
        ]
        wanted = sorted(chosen, key=lambda region: region.kind != "line") + others
        return next((region for region in wanted if region.is_line), None)

    def follow(self, regions: Sequence[Region]) -> None:
        """Take the regions as they are in the middle of an action."""
        self.is_live = True
        self._set(regions)

    def settle(self, regions: Sequence[Region] | None = None, *, merge: str = "") -> None:
        """Take the regions as an action left them; without any, note what was changed elsewhere."""
        was_live, self.is_live = self.is_live, False
        if regions is not None:
            self._set(regions)
        if self.history.settle(tuple(self.regions), merge=merge) or was_live:
            self.settled.emit()

    def note(self) -> None:
        """Note what somebody else made of the regions, a file or another panel, as an action of its own."""
        if not self._setting and not self.is_live:
            self.settle()
            self._keep_selection()

    def undo(self) -> bool:
        """Take the last action back; return whether there was one."""
        self.settle()
        return self._restore(self.history.undo())

    def redo(self) -> bool:
        """Do again what was taken back; return whether there was anything."""
        self.settle()
        return self._restore(self.history.redo())

    def select(self, indices: Iterable[int]) -> None:
        """Select regions by their place in the list; what does not exist is left out."""
        chosen = frozenset(index for index in indices if 0 <= index < len(self.regions))
        if chosen != self.selection:
            self.selection = chosen
            self.selection_changed.emit()

    def add(self, regions: Iterable[Region]) -> None:
        """Put more regions behind those that are there; those without a name, or with one that is taken, get a name."""
        together = list(self.regions)
        for region in regions:
            taken = {other.name for other in together}
            fresh = region.name and region.name not in taken
            together.append(
                region
                if fresh
                else replace(region, name=free_name(region.region_class, taken, kind=region.kind))
            )
        self.settle(together)

    def remove(self, indices: Iterable[int]) -> None:
        """Delete regions."""
        gone = set(indices)
        self.select(())
        self.settle([region for index, region in enumerate(self.regions) if index not in gone])

    def rename(self, index: int, name: str) -> None:
        """Give a region another name; an empty one is not taken."""
        if name.strip():
            self._change([index], name=name.strip())

    def set_class(self, indices: Iterable[int], region_class: str) -> None:
        """Put regions into a class, "step", "grain", "other" or one of the user's own; an empty one takes it away."""
        self._change(indices, region_class=region_class.strip())

    def set_width(self, indices: Iterable[int], width: float) -> None:
        """Set the width, in the dataset's lateral unit, of those of the regions that are lines."""
        lines = [index for index in indices if self.regions[index].is_line]
        self._change(lines, merge=f"width {lines}", width=max(0.0, width))

    def set_pen(self, *, region_class: str | None = None, width: float | None = None) -> None:
        """Choose class and width, in the dataset's lateral unit, of what is drawn next."""
        before = (self.pen_class, self.pen_width)
        self.pen_class = self.pen_class if region_class is None else region_class.strip()
        self.pen_width = self.pen_width if width is None else max(0.0, width)
        if before != (self.pen_class, self.pen_width):
            self.pen_changed.emit()

    def _change(self, indices: Iterable[int], *, merge: str = "", **changes: object) -> None:
        regions = list(self.regions)
        for index in indices:
            if 0 <= index < len(regions):
                regions[index] = replace(regions[index], **changes)  # type: ignore[arg-type]
        self.settle(regions, merge=merge)

    def _restore(self, regions: tuple[Region, ...] | None) -> bool:
        if regions is None:
            return False
        self._set(regions)
        self.settled.emit()
        return True

    def _set(self, regions: Sequence[Region]) -> None:
        with self._setting:
            self.scan.set_regions(regions)
        self._keep_selection()

    def _keep_selection(self) -> None:
        if any(index >= len(self.regions) for index in self.selection):
            self.select(self.selection)
