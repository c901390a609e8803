"""A table on the screen: sorted, edited, copied in SI units; a selection stays on its rows."""

import math

import pytest

pytest.importorskip("qtpy")

from qtpy.QtCore import QItemSelectionModel, Qt

from napari_tesm.findings.table import Column, Table
from napari_tesm.gui.panels.table_view import TableModel, TableView


class Edited(TableModel):
    editable = {"class": ("grain", "defect"), "name": ()}  # noqa: RUF012


def table(values=(3e-13, 1e-13, math.nan, 2e-13)):
    rows = [[name, "grain", value] for name, value in zip("abcd", values, strict=True)]
    return Table("", "", ["name", "class", Column("D", "m²/s")], rows)


def names(model):
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_lines_are_sorted_with_missing_values_last_and_put_back():
    model = TableModel()
    model.show_table(table())
    model.sort(2)
    assert names(model) == ["b", "d", "a", "c"]
    model.sort(2, Qt.SortOrder.DescendingOrder)
    assert names(model) == ["a", "d", "b", "c"]
    # New numbers find their places.
    model.show_table(table((1e-13, 5e-13, 2e-13, math.nan)))
    assert names(model) == ["b", "c", "a", "d"]
    model.sort(-1)
    assert names(model) == ["a", "b", "c", "d"]
    assert model.headerData(2, Qt.Orientation.Horizontal) == "D\n10⁻¹³ m²/s"


def test_cells_take_the_words_that_they_may():
    model, edits = Edited(), []
    model.edited.connect(lambda *edit: edits.append(edit))
    model.show_table(table())
    model.sort(2)
    assert model.setData(model.index(0, 1), "defect")
    assert not model.setData(model.index(0, 1), "boulder")
    assert model.setData(model.index(1, 0), "anything")
    assert not model.setData(model.index(0, 2), "1")
    assert edits == [(1, "class", "defect"), (3, "name", "anything")]
    assert model.flags(model.index(0, 0)) & Qt.ItemFlag.ItemIsEditable
    assert not model.flags(model.index(0, 2)) & Qt.ItemFlag.ItemIsEditable


@pytest.mark.display
def test_a_selection_stays_on_its_rows_and_is_copied_in_si_units(qtbot):
    from qtpy.QtGui import QGuiApplication

    view = TableView(TableModel(), stretched=0)
    qtbot.addWidget(view)
    view.shown.show_table(table())
    view.show()
    qtbot.waitExposed(view)
    view.selectionModel().select(
        view.shown.index(0, 0),
        QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows,
    )
    assert view.selected_rows() == [0]
    view.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    assert names(view.shown) == ["b", "d", "a", "c"]
    assert view.selected_rows() == [0]
    qtbot.keyClick(view, Qt.Key.Key_C, modifier=Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "name\tclass\tD (m²/s)\na\tgrain\t3e-13\n"
    view.clearSelection()
    qtbot.keyClick(view, Qt.Key.Key_C, modifier=Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert [line.split("\t")[0] for line in lines[1:]] == ["a", "b", "c", "d"]


@pytest.mark.display
def test_a_stretched_column_stays_readable_where_there_is_no_room_for_all(qtbot):
    view = TableView(TableModel(), stretched=0)
    qtbot.addWidget(view)
    rows = [[f"left step {n}", "grain", 1e-13] for n in range(3)]
    view.resize(600, 200)
    view.show()
    view.shown.show_table(Table("", "", ["name", "class", Column("D", "m²/s")], rows))
    header = view.horizontalHeader()
    total = sum(header.sectionSize(column) for column in range(3))
    assert total == pytest.approx(view.viewport().width(), abs=2), "it takes what is left"
    written = view.sizeHintForColumn(0)
    view.resize(header.sectionSize(1) + header.sectionSize(2) + 30, 200)
    assert header.sectionSize(0) == written, "and keeps its words where nothing is"
    qtbot.waitUntil(lambda: view.horizontalScrollBar().maximum() > 0)
    view.resize(600, 200)
    assert header.sectionSize(0) > written
