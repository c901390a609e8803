"""What was entered for a scan is taken back and done again: form, windows, points, whole recipes."""

import json

import pytest
from examples import example_dataset

from napari_tesm import fit, save
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gui.models.entries import EntryModel
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.trace import TraceModel


@pytest.fixture
def scan():
    return Scan("example", example_dataset(shape=(5, 8)))


def test_digits_of_one_number_are_one_action_and_another_entry_is_another(scan):
    entries, form = EntryModel.of(scan), FitModel(scan)
    for text in ("2 nm", "25 nm", "25.5 nm"):
        form.set(tip_radius=text)
    form.set(kernel="stretched")
    assert entries.undo()
    assert (scan.recipe.kernel, scan.recipe.tip_radius) == ("exponential", pytest.approx(25.5e-9))
    assert entries.undo()
    assert scan.recipe == Recipe()
    assert not entries.undo()
    assert entries.redo()
    assert entries.redo()
    assert (scan.recipe.kernel, scan.recipe.tip_radius) == ("stretched", pytest.approx(25.5e-9))
    assert not entries.redo()


def test_an_entry_that_was_left_begins_anew(scan):
    entries, form = EntryModel.of(scan), FitModel(scan)
    form.set(threshold="20 %")
    entries.part()
    form.set(threshold="30 %")
    entries.undo()
    assert scan.recipe.threshold == pytest.approx(0.2)


def test_windows_points_and_form_are_taken_back_in_the_order_they_were_made(scan):
    entries, traces = EntryModel.of(scan), TraceModel(scan)
    for stop in (9e-3, 8e-3, 7e-3):  # one drag
        traces.set_window(1, 0.0, stop)
    entries.part()
    first = scan.pin((1, 2))
    scan.pin((3, 6))
    entries.undo()
    assert scan.points == [first]
    entries.undo()
    assert scan.points == []
    assert scan.recipe.window1.stop == pytest.approx(7e-3)
    entries.undo()
    assert scan.recipe.window1 is None
    entries.redo()
    scan.pin((0, 0))
    assert not entries.history.can_redo, "what was done since cannot be done again over it"


def test_defaults_leave_points_and_what_opened_the_file(scan):
    scan.set_recipe(Recipe(kernel="flux-pulse", threshold=0.3, time_unit="ms"))
    point = scan.pin((2, 2))
    entries = EntryModel.of(scan)
    entries.take_defaults()
    assert scan.recipe == Recipe(time_unit="ms")
    assert scan.points == [point]
    entries.undo()
    assert scan.recipe.kernel == "flux-pulse"


def test_a_recipe_goes_from_a_result_file_and_from_json_to_another_scan(scan, tmp_path):
    source = example_dataset(shape=(4, 6))
    save(tmp_path / "done.gwy", source, fit(source, kernel="stretched", tip_radius="31 nm"))
    entries = EntryModel.of(scan)
    entries.take_file(tmp_path / "done.gwy")
    assert (scan.recipe.kernel, scan.recipe.tip_radius) == ("stretched", pytest.approx(31e-9))
    entries.save_recipe(tmp_path / "mine.json")
    assert json.loads((tmp_path / "mine.json").read_text())["kernel"] == "stretched"
    other = Scan("other", example_dataset(shape=(3, 7), seed=3))
    EntryModel.of(other).take_file(tmp_path / "mine.json")
    assert other.recipe == scan.recipe


def test_what_is_no_recipe_changes_nothing(scan, tmp_path):
    entries = EntryModel.of(scan)
    (tmp_path / "no.json").write_text('{"version": 1, "kernel": "cubic"}')
    with pytest.raises(ValueError, match="cubic"):
        entries.take_file(tmp_path / "no.json")
    with pytest.raises(OSError):
        entries.take_file(tmp_path / "missing.json")
    assert scan.recipe == Recipe()
    assert not entries.history.can_undo
