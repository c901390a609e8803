"""The fit widget's model: entries, previews, counts; and what it copies runs and gives the same numbers."""

import shlex
import subprocess
import sys

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("psygnal")
from napari_tesm import fit, save
from napari_tesm.gui.fit_model import FitModel, counts_in_words, reasons_in_words
from napari_tesm.gui.protocol_model import answer_questions
from napari_tesm.gui.reader import scans_from_path
from napari_tesm.gui.scan import Scan
from napari_tesm.gui.spelling import command_from_scan, python_from_scan
from napari_tesm.io.gwy.reading import read_container
from napari_tesm.io.gwy.results import maps_from_container
from napari_tesm.protocol import PulseProtocol, Window
from napari_tesm.recipe import Recipe


def model_of(**options):
    return FitModel(Scan("example", example_dataset(**options), []))


def test_entries_are_understood_as_people_write_them():
    model = model_of()
    assert model.set(tip_radius="20 nm ± 4 nm")
    assert model.set(threshold="10 %")
    assert model.set(window2="11 ms:")
    recipe = model.recipe
    assert (recipe.tip_radius, recipe.tip_radius_error, recipe.threshold) == (20e-9, 4e-9, 0.1)
    assert recipe.window2 == Window(11e-3)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"tip_radius": "25"}, "unit"),
        ({"tip_radius": "-3 nm"}, "radius"),
        ({"threshold": "150 %"}, "100 %"),
        ({"window1": "5 ms:1 ms"}, "ends before"),
        ({"kernel": "magic"}, "magic"),
        ({"response_level": 2.0}, "probability"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(values, word):
    model = model_of()
    before = model.recipe
    heard = []
    model.changed.connect(lambda: heard.append(model.message))
    assert not model.set(**values)
    assert word in model.message
    assert heard == [model.message]
    assert model.recipe is before
    assert model.set(threshold="20 %")
    assert model.message == ""


def test_an_emptied_entry_goes_back_to_the_files():
    model = model_of()
    model.set(tip_radius="20 nm ± 4 nm", window1="0 ms:9 ms")
    model.set(tip_radius=None)
    model.set(window1=None)
    assert model.recipe == Recipe()
    assert model.tip_radius == (25e-9, 5e-9)


def test_without_a_tip_radius_nothing_is_assumed():
    protocol = PulseProtocol(pulse_start=0.0, pulse_duration=10e-3)
    model = model_of(protocol=protocol)
    assert model.tip_radius == (None, None)
    assert "D1" not in model.preview()
    assert "tau1" in model.preview()


def test_the_preview_of_a_small_map_is_the_whole_fit():
    model = model_of(shape=(10, 12))
    model.set(tip_radius="20 nm", window2="10.5 ms:")
    preview, whole = model.preview(), fit(model.scan.dataset, recipe=model.recipe)
    for name in whole.data_vars:
        assert np.array_equal(preview[name].values, whole[name].values, equal_nan=True), name


def test_a_large_map_is_thinned_and_lies_where_its_pixels_lie(monkeypatch):
    from napari_tesm.gui import fit_model as module

    monkeypatch.setattr(module, "PREVIEW_SAMPLES", 2000)
    model = model_of(shape=(20, 31))
    thinned, step = model.preview_dataset()
    assert step > 1
    assert thinned["displacement"].size < 3 * 2000 * 2
    for axis in ("y", "x"):
        assert set(thinned[axis].values) <= set(model.scan.dataset[axis].values)
        assert np.allclose(np.diff(thinned[axis].values), step * np.diff(model.scan.dataset[axis].values)[0])
    maps = model.preview()
    whole = fit(model.scan.dataset).sel(y=maps["y"], x=maps["x"])
    good = np.isfinite(maps["tau1"].values) & np.isfinite(whole["tau1"].values)
    assert good.mean() > 0.8
    assert np.array_equal(maps["tau1"].values[good], whole["tau1"].values[good])


def test_a_changed_dataset_is_read_anew():
    model = model_of(shape=(4, 5))
    first = model.preview()
    model.scan.enter(pulse_duration=8e-3)
    second = model.preview()
    assert not np.array_equal(first["H"].values, second["H"].values)


def test_counts_say_how_many_and_why_not():
    dataset = example_dataset(shape=(6, 9))
    values = dataset["displacement"].values.copy()
    values[:, 0, :2] = np.nan
    values[:, 1, 0] *= 0.01
    dataset["displacement"] = dataset["displacement"].copy(data=values)
    maps = fit(dataset)
    first, second = ((maps["status1"].values[pulse] == 0).sum() for pulse in (0, 1))
    line = counts_in_words(maps)[0]
    assert (
        line
        == f"window 1: {first} ({100 * first / 54:.0f} %), {second} ({100 * second / 54:.0f} %) of 54 pixels fitted"
    )
    assert "invalid 2" in reasons_in_words(maps)[0]
    assert reasons_in_words(maps)[0].startswith("window 1 (+3 V)")


def commands_agree(scan, tmp_path, **run_options):
    expected = fit(scan.dataset, recipe=scan.recipe)
    words = shlex.split(command_from_scan(scan))
    assert words[:2] == ["tesm", "fit"]
    subprocess.run(
        [sys.executable, "-m", "napari_tesm.cli", *words[1:], "--quiet", "--progress", "none"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    written = maps_from_container(read_container(tmp_path / words[words.index("-o") + 1]))
    code = python_from_scan(scan)
    names = {}
    exec(compile(code.replace("save(", "(lambda *_: None)("), "copied", "exec"), names)
    for name in ("H", "tau1", "tau2", *(["D1", "D2"] if "D1" in expected else [])):
        assert np.array_equal(written[name].values, expected[name].values, equal_nan=True), name
        assert np.array_equal(names["maps"][name].values, expected[name].values, equal_nan=True), name


def test_the_copied_command_and_python_give_the_same_numbers(tmp_path):
    path = tmp_path / "my scan.gwy"
    save(path, example_dataset(shape=(5, 6)))
    (scan,) = scans_from_path(path)
    model = FitModel(scan)
    assert model.set(
        tip_radius="18 nm ± 3 nm", threshold="7.5 %", window2="10.5 ms:24 ms", threshold_of="max"
    )
    assert model.set(geometry="l2/4tau", skip_after_edge="0.2 ms")
    commands_agree(scan, tmp_path)


def test_what_was_entered_by_hand_is_in_the_copy(tmp_path):
    path = tmp_path / "bare.gwy"
    save(path, example_dataset(shape=(4, 5), protocol=PulseProtocol(), voltage=(np.nan,), direction=("",)))
    (scan,) = scans_from_path(path)
    assert (
        answer_questions(scan, {"pulse_start": "0 s", "pulse_duration": "10 ms", "voltage_1": "-3 V"}) == ""
    )
    FitModel(scan).set(tip_radius="25 nm")
    commands_agree(scan, tmp_path)
    assert "--voltage=-3 V" in shlex.split(command_from_scan(scan))


def test_a_real_decay_stack_is_copied_with_the_units_that_were_entered(shared_data, tmp_path):
    (scan,) = scans_from_path(shared_data / "gwy" / "tcspc64_brick.gwy")
    assert answer_questions(scan, {"time_unit": "s", "lateral_unit": "m"}) == ""
    FitModel(scan).set(window1="none", window2="3.3 ns:12 ns")
    words = shlex.split(command_from_scan(scan))
    assert words[words.index("--time-unit") + 1] == "s"
    names = {}
    exec(compile(python_from_scan(scan).replace("save(", "(lambda *_: None)("), "copied", "exec"), names)
    expected = fit(scan.dataset, recipe=scan.recipe)
    assert np.array_equal(names["maps"]["tau2"].values, expected["tau2"].values, equal_nan=True)
    assert np.isfinite(expected["tau2"].values).any()


def test_a_scan_without_a_file_has_no_command():
    with pytest.raises(ValueError, match="save it first"):
        command_from_scan(model_of().scan)


def test_what_only_a_recipe_can_say_is_not_lost_silently(tmp_path):
    save(tmp_path / "a.gwy", example_dataset(shape=(2, 3)))
    (scan,) = scans_from_path(tmp_path / "a.gwy")
    FitModel(scan).set(response_level=0.01)
    with pytest.raises(ValueError, match="recipe file"):
        command_from_scan(scan)
    assert "response_level=0.01" in python_from_scan(scan)
