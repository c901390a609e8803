"""The table of grains on the screen: classes can be changed in it, and a line chooses the label to paint with."""

from typing import Final

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractItemView, QWidget

from napari_tesm.findings.table import Joined
from napari_tesm.grains.labels import GRAIN, OWN_CLASSES
from napari_tesm.gui.models.grains import GrainModel
from napari_tesm.gui.panels.table_view import ChoiceDelegate, TableModel, TableView

_CLASSES: Final = (GRAIN, *OWN_CLASSES)
_TOOLTIPS: Final = (
    "Label of the grain; click a line to paint with it. * reaches the edge of the image",
    "Grain, cluster (several that cannot be told apart) or defect; double-click to change it",
    "Area",
    "Diameter of a disc of the same area",
    "Mean height",
    "Pixels with a value",
    "Median and quartiles of what is measured",
    "Median at the boundary over that of the interior",
)
_GRAIN: Final = (
    Joined("Id", ("id", "touches_edge"), lambda _, number, edge: f"{number}{' *' * edge}"), "class", "area",
    Joined("Ø", ("diameter",)), Joined("height", ("mean_height",)),
)  # fmt: skip


class _GrainTableModel(TableModel):
    editable = {"class": _CLASSES}  # noqa: RUF012


class GrainTableView(TableView):
    """The table of grains; what is measured takes the room that is left."""

    chosen = Signal(int)
    """The label of the line that was clicked."""
    class_wanted = Signal(int, str)
    """Another class for a label."""

    def __init__(self, parent: QWidget | None = None) -> None:
        shown = _GrainTableModel()
        super().__init__(shown, parent, stretched=6)
        self.setItemDelegateForColumn(1, ChoiceDelegate(_CLASSES, self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.clicked.connect(lambda index: self.chosen.emit(self._label(shown.order[index.row()])))
        shown.edited.connect(lambda row, _, text: self.class_wanted.emit(self._label(row), text))

    def show_model(self, model: GrainModel) -> None:
        """Show the grains with the quantity that is looked at."""
        self.shown.show_table(model.table(), parts_of_grains(model), _TOOLTIPS)

    def _label(self, row: int) -> int:
        return int(str(self.shown.table.values("id")[row]))


def parts_of_grains(model: GrainModel) -> list[str | Joined]:
    """Return which columns of a model's table are shown: those of the quantity that is looked at."""
    name, pulse = model.chosen(), model.chosen_pulse()
    if not name:
        return list(_GRAIN)
    n, median, low, high, ratio = (
        model.value_key(key, name, pulse) for key in ("n", "median", "q25", "q75", "boundary_ratio")
    )
    return [
        *_GRAIN,
        Joined("n", (n,)),
        Joined(name, (median, low, high), "{} ({}…{})"),
        Joined("b/i", (ratio,)),
    ]
