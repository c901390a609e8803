"""Copy as command and as Python: what is copied runs, and gives the numbers on the screen."""

import shlex
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("psygnal")
from napari_tesm import fit, save
from napari_tesm.cli.parser import parser_for_tesm
from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.protocol import answer_questions
from napari_tesm.gui.models.scan import Scan, scans_from_path
from napari_tesm.gui.models.spelling import command_from_scan, python_from_scan
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.results_reading import maps_from_container


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
    names_of_d = ["D1", "D2", *(["D2_lower"] if scan.recipe.intervals else [])]
    for name in ("H", "tau1", "tau2", *(names_of_d if "D1" in expected else [])):
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
    assert model.set(contact_radius="4 nm ± 0.5 nm")
    assert model.set(geometry="l2/4tau", skip_after_edge="0.2 ms", intervals=True)
    assert model.set(lock_in_time_constant="50 µs", lock_in_order=2)
    commands_agree(scan, tmp_path)


def test_a_threshold_in_units_of_the_noise_is_copied(tmp_path):
    path = tmp_path / "scan.gwy"
    save(path, example_dataset(shape=(5, 6)))
    (scan,) = scans_from_path(path)
    assert FitModel(scan).set(threshold="6.5sigma", sign="any")
    commands_agree(scan, tmp_path)
    assert "threshold='6.5sigma', sign='any'" in python_from_scan(scan)


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
        command_from_scan(Scan("example", example_dataset(shape=(2, 3)), []))


def test_what_only_a_recipe_can_say_is_not_lost_silently(tmp_path):
    save(tmp_path / "a.gwy", example_dataset(shape=(2, 3)))
    (scan,) = scans_from_path(tmp_path / "a.gwy")
    FitModel(scan).set(response_level=0.01)
    with pytest.raises(ValueError, match="recipe file"):
        command_from_scan(scan)
    assert "response_level=0.01" in python_from_scan(scan)


def test_an_option_that_is_not_called_as_its_entry_is_copied_as_the_parser_knows_it(tmp_path):
    save(tmp_path / "a.gwy", example_dataset(shape=(2, 3)))
    (scan,) = scans_from_path(tmp_path / "a.gwy")
    for angle in ("auto", -30.0):
        scan.set_recipe(replace(scan.recipe, phase_rotation=angle))
        options = parser_for_tesm().parse_args(shlex.split(command_from_scan(scan))[1:])
        assert recipe_from_options(options).phase_rotation == angle


def test_noise_and_nuisances_are_spelled(tmp_path):
    path = tmp_path / "scan.gwy"
    save(path, example_dataset(shape=(5, 6)))
    (scan,) = scans_from_path(path)
    assert FitModel(scan).set(noise="white", nuisance="drift")
    words = shlex.split(command_from_scan(scan))
    assert (words[words.index("--noise") + 1], words[words.index("--nuisance") + 1]) == ("white", "drift")
    assert "noise='white', nuisance='drift'" in python_from_scan(scan)
    commands_agree(scan, tmp_path)
