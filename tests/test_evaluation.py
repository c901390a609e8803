"""One evaluation behind every door: what is put in where, and that an angle that is to be found is measured once."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from examples import example_dataset

from napari_tesm import fit, kernel_choice, open_dataset, pure_diffusion, save
from napari_tesm.cli import main
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.evaluation.evaluation import Evaluation, LastEvaluation
from napari_tesm.evaluation.pipeline import run
from napari_tesm.evaluation.recipe import AUTO, Recipe
from napari_tesm.findings.fit_examples import fit_examples
from napari_tesm.gwy.contents import GRAPH, ids, object_key
from napari_tesm.gwy.reading import read_container
from napari_tesm.model_choice.maps import choice_of_kernels
from napari_tesm.model_choice.null_bands import null_bands_from_evaluation
from napari_tesm.regions.shapes import PinnedPoint

ANGLE = 25.0
TIME = np.arange(125) * 2e-4 - 1e-3
SIZE = (9, 12)
OF_H = 5 + 2
"""Samples before the pulse, and in its last 5 %."""
ONE_MEASUREMENT = 2 * 2 * SIZE[0] * SIZE[1] * OF_H
"""Of X and Y, of two pulse settings."""


class Counted:
    """Traces of one pulse setting that count how many samples are read of them."""

    def __init__(self, values, count):
        self.values, self.count = values, count
        self.shape, self.dtype = values.shape, values.dtype

    def outer(self, key):
        part = self.values[..., key[2]][:, key[1]][key[0]]
        self.count[0] += part.size
        return part


def turned_scan(*, protocol=None, count=None):
    """Traces of +3 and -3 V whose response lies 25° off X, little noise in both; `count[0]` counts samples read."""
    rng = np.random.default_rng(3)
    rise = -np.expm1(-np.clip(TIME, 0, 10e-3) / 2e-3) * np.exp(-np.clip(TIME - 10e-3, 0, None) / 3e-3)
    pure = np.stack([sign * rng.uniform(0.1, 0.2, SIZE)[..., None] * rise for sign in (-1, 1)])
    angle = np.deg2rad(ANGLE)
    parts = [part * pure + 5e-3 * rng.standard_normal(pure.shape) for part in (np.cos(angle), np.sin(angle))]
    counter = [0] if count is None else count
    return dataset_from_traces(
        {name: [Counted(pulse, counter) for pulse in part] for name, part in zip("XY", parts, strict=True)},
        time=TIME if protocol is None else TIME - TIME[0],
        x=np.arange(SIZE[1]) * 6e-9, y=np.arange(SIZE[0]) * 5e-9, voltage=[3.0, -3.0],
        direction=["trace", "retrace"], unit="V",
        protocol=protocol or PulseProtocol(pulse_start=1e-3, pulse_duration=10e-3, tip_radius=25e-9),
    )  # fmt: skip


def samples_read(make):
    """Return how many samples something reads of a fresh scan."""
    count = [0]
    scan = turned_scan(count=count)
    make(scan)
    return count[0]


@pytest.fixture
def measurements(monkeypatch):
    """Return a list that grows by one for each time an angle is measured."""
    from napari_tesm.evaluation import evaluation as module

    seen, measure = [], module.complex_displacement
    monkeypatch.setattr(module, "complex_displacement", lambda *of: (seen.append(1), measure(*of))[1])
    return seen


def found_angle(scan=None):
    return Evaluation.of(
        turned_scan() if scan is None else scan, Recipe(phase_rotation=AUTO)
    ).recipe.phase_rotation


@pytest.mark.parametrize(
    "door",
    [
        lambda scan, recipe: fit(scan, recipe=recipe),
        lambda scan, recipe: displacement_maps(Evaluation.of(scan, recipe)),
        lambda scan, recipe: kernel_choice(scan, recipe=recipe, kernels=("exponential", "clamped")),
        lambda scan, recipe: fit_examples(scan, fit(scan, recipe=recipe), 1, [("one", 3, 4), ("two", 5, 6)]),
        lambda scan, recipe: null_bands_from_evaluation(Evaluation.of(scan, recipe)),
        lambda scan, recipe: pure_diffusion(scan, fit(scan, recipe=recipe)),
    ],
    ids=["fit", "displacement", "kernels", "examples", "null", "null of a result"],
)  # fmt: skip
def test_the_angle_is_measured_once_by_every_door_of_python(door):
    measured = samples_read(lambda scan: door(scan, Recipe(phase_rotation=AUTO)))
    given = samples_read(lambda scan: door(scan, Recipe(phase_rotation=found_angle())))
    assert measured - given == ONE_MEASUREMENT


def test_what_is_resolved_reads_no_traces_again():
    def look(scan):
        evaluation = Evaluation.of(scan, Recipe(phase_rotation=AUTO))
        for _ in range(10):
            assert evaluation.settings is evaluation.settings
            assert (evaluation.pulse, evaluation.settings.windows[2]) == (
                Window(0, 10e-3),
                Window(10e-3, None),
            )

    assert samples_read(look) == ONE_MEASUREMENT


def test_a_scan_of_napari_measures_once_however_often_it_is_asked():
    pytest.importorskip("psygnal")
    from napari_tesm.gui.models.fit import FitModel
    from napari_tesm.gui.models.scan import Scan

    count = [0]
    scan = Scan("turned", turned_scan(count=count), [], recipe=Recipe(phase_rotation=AUTO))
    model = FitModel(scan)
    for _ in range(10):
        assert (model.problem, scan.fit_problem, model.is_stale) == ("", "", False)
    assert count[0] == ONE_MEASUREMENT
    evaluation = scan.evaluation
    scan.set_recipe(Recipe(phase_rotation=AUTO, threshold=0.3))
    assert model.problem == ""
    assert scan.evaluation is not evaluation
    assert scan.evaluation.recipe.threshold == 0.3
    assert scan.evaluation.dataset is evaluation.dataset
    assert count[0] == ONE_MEASUREMENT
    scan.set_recipe(Recipe(phase_rotation=AUTO, pulse_duration=8e-3))
    assert model.problem == ""
    assert count[0] > ONE_MEASUREMENT


def test_what_cannot_be_turned_is_not_tried_again():
    pytest.importorskip("psygnal")
    from napari_tesm.gui.models.fit import FitModel
    from napari_tesm.gui.models.scan import Scan

    count = [0]
    flat = turned_scan(count=count)
    for stack in (flat["displacement"], flat["displacement_quadrature"]):
        for source in stack.variable._data.array.sources:
            source.values = np.zeros_like(source.values)
    model = FitModel(Scan("flat", flat, [], recipe=Recipe(phase_rotation=AUTO)))
    assert {model.problem for _ in range(10)} == {
        "No pixel responds clearly in X or Y: there is no phase to turn by."
    }
    assert count[0] == ONE_MEASUREMENT


def test_the_last_evaluation_is_the_same_object_until_something_changes():
    last, scan, recipe = LastEvaluation(), example_dataset(), Recipe(tip_radius=25e-9)
    first = last.of(scan, recipe)
    assert last.of(scan, replace(recipe)) is first
    assert last.of(scan, replace(recipe, threshold=0.2)) is not first
    copy = scan.copy()
    assert last.of(copy, replace(recipe, threshold=0.2)).source is copy
    with pytest.raises(ValueError, match="pulses of"):
        last.of(copy, replace(recipe, voltage=1.0))
    assert last.of(copy, recipe).settings.length.value == 25e-9


@pytest.mark.parametrize(
    "changed",
    [
        {"threshold": 0.4}, {"kernel": "clamped"}, {"window2": Window(12e-3, 20e-3)}, {"pulse_start": 2e-3},
        {"pulse_duration": 8e-3}, {"lock_in_time_constant": 1e-4}, {"phase_rotation": 10.0}, {"phase_rotation": AUTO},
        {"phase_rotation": AUTO, "pulse_duration": 5e-3},
    ],
)  # fmt: skip
def test_an_updated_evaluation_is_one_made_anew(changed):
    scan, recipe = turned_scan(), Recipe(tip_radius=25e-9)
    updated, anew = (
        evaluation(replace(recipe, **changed))
        for evaluation in (Evaluation.of(scan, recipe).updated, lambda recipe: Evaluation.of(scan, recipe))
    )
    assert (updated.recipe, updated.settings) == (anew.recipe, anew.settings)
    xr.testing.assert_identical(updated.dataset, anew.dataset)
    back = updated.updated(recipe)
    xr.testing.assert_identical(back.dataset, Evaluation.of(scan, recipe).dataset)


def test_another_pulse_of_the_recipe_has_another_angle():
    # A file that does not say when the pulse was: the window is all there is to measure the angle on.
    scan = turned_scan(protocol=PulseProtocol())
    first = Recipe(window1=Window(1e-3, 11e-3), phase_rotation=AUTO)
    second = replace(first, window1=Window(1e-3, 4e-3))
    updated = Evaluation.of(scan, first).updated(second)
    assert updated.recipe == Evaluation.of(scan, second).recipe != Evaluation.of(scan, first).recipe


def test_displacement_can_be_had_where_a_fit_cannot():
    scan = example_dataset()
    evaluation = Evaluation.of(scan, Recipe(window2=Window(1.0, 2.0)))
    with pytest.raises(ValueError, match="holds 0 samples"):
        run(evaluation)
    np.testing.assert_array_equal(displacement_maps(evaluation)["H"].values, fit(scan)["H"].values)


# What left a step out


def times_unknown(**protocol):
    """A scan whose file does not say that the pulse began after 1 ms, and the recipe that does."""
    scan = turned_scan(protocol=PulseProtocol(tip_radius=25e-9, **protocol))
    return scan, Recipe(pulse_start=1e-3, pulse_duration=10e-3)


def test_null_bands_know_the_start_of_the_pulse_that_the_recipe_says():
    scan, recipe = times_unknown()
    told, known = fit(scan, recipe=recipe), turned_scan()
    bands = pure_diffusion(scan, told)
    expected = pure_diffusion(known, fit(known))
    assert bands.ratios.keys() == expected.ratios.keys() == {"flux-pulse", "clamped"}
    for name, band in bands.ratios.items():
        assert band == pytest.approx(expected.ratios[name], rel=1e-9)


def test_point_graphs_hold_the_traces_that_were_fitted(tmp_path):
    scan = turned_scan()
    maps = fit(scan, phase_rotation=AUTO)
    place = {"x": float(scan["x"][4]), "y": float(scan["y"][3])}
    points = [PinnedPoint(1, **place), PinnedPoint(2, **place, size=3)]
    save(tmp_path / "out.gwy", scan, maps, points=points)
    container = read_container(tmp_path / "out.gwy")
    turned = Evaluation.of_maps(scan, maps).dataset["displacement"].values
    graphs = [container[object_key(GRAPH, number)] for number in ids(container, GRAPH)]
    assert len(graphs) == 2
    for graph, mean in zip(
        graphs, (turned[:, 3, 4], turned[:, 2:5, 3:6].reshape(2, 9, -1).mean(axis=1)), strict=True
    ):
        for pulse in range(2):
            data, first, second = graph["curves"][3 * pulse : 3 * pulse + 3]
            np.testing.assert_allclose(data["ydata"], mean[pulse], rtol=1e-6, atol=1e-9)
            # The curve lies on the data: it is one of what was fitted.
            inside = np.searchsorted(TIME, second["xdata"] - 1e-6)
            assert np.std(second["ydata"] - mean[pulse][inside]) < 8e-3
            assert first["xdata"][0] == pytest.approx(0, abs=1e-6)


def test_kernels_say_the_angle_they_were_compared_at(tmp_path, measurements, capsys):
    source, recipe = tmp_path / "a.gwy", tmp_path / "r.json"
    save(source, turned_scan())
    recipe.write_text(Recipe(phase_rotation=AUTO).to_json())
    assert main(["kernels", str(source), "--recipe", str(recipe), "--json", "-"]) == 0
    said = json.loads(capsys.readouterr().out)["recipe"]["phase_rotation"]
    assert len(measurements) == 1
    assert said == found_angle(open_dataset(source)) == pytest.approx(ANGLE, abs=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["fit", "displacement", "null"])
def test_commands_measure_once(command, tmp_path, measurements):
    source, recipe = tmp_path / "a.gwy", tmp_path / "r.json"
    save(source, turned_scan())
    recipe.write_text(Recipe(phase_rotation=AUTO).to_json())
    output = [] if command == "null" else ["-o", str(tmp_path / "b.gwy"), "--figure", str(tmp_path / "b.png")]
    assert main([command, str(source), "--recipe", str(recipe), *output]) == 0
    assert len(measurements) == 1


def test_regions_of_a_turned_fit_have_its_traces_without_measuring(tmp_path, measurements):
    source, fitted, graphs = (tmp_path / name for name in ("a.gwy", "b.gwy", "c.gwy"))
    save(source, turned_scan())
    save(fitted, scan := open_dataset(source), fit(scan, phase_rotation=AUTO))
    measurements.clear()
    assert main(["regions", str(fitted), "-o", str(graphs)]) == 0
    assert measurements == []


def test_a_report_of_a_file_measures_once_and_lists_the_angle(measurements):
    from napari_tesm.report.data import InputFile, ReportScan
    from napari_tesm.report.gathering import fit_scan

    scan = ReportScan(
        "turned", turned_scan(), file=InputFile("a.gwy", ""), recipe=Recipe(phase_rotation=AUTO)
    )
    fit_scan(scan)
    assert scan.settings is not None
    fit_examples(scan.dataset, scan.maps, 0, [("here", 3, 4)])
    choice_of_kernels(Evaluation.of(scan.dataset, scan.recipe), kernels=("exponential", "clamped"))
    assert len(measurements) == 1
    assert scan.recipe.phase_rotation == found_angle()
    xr.testing.assert_equal(scan.maps, fit(turned_scan(), phase_rotation=AUTO))
