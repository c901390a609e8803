"""Turning the lock-in's phase: traces computed when read, the angle found, and a recipe that gives the same again."""

import json

import numpy as np
import pytest
import xarray as xr

from napari_tesm import fit, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.phase import (
    complex_displacement,
    in_phase_and_quadrature,
    response_axis,
    rotated_dataset,
)
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.pipeline import run
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.values import recipe_from_values
from napari_tesm.gwy.reading import read_container

TIME = np.arange(125) * 2e-4 - 1e-3
PULSE = Window(0.0, 10e-3)


def turned_scan(degrees, *, height=0.2, noise=0.01, seed=0, size=(14, 18), signals=("X", "Y")):
    """Traces of +3 and -3 V whose response lies at an angle to X, with noise in both; and X as it would be without."""
    rng = np.random.default_rng(seed)
    rise = -np.expm1(-np.clip(TIME, 0, 10e-3) / 2e-3) * np.exp(-np.clip(TIME - 10e-3, 0, None) / 2e-3)
    pure = np.stack([sign * height * rng.uniform(0.5, 1, size)[..., None] * rise for sign in (-1, 1)])
    angle = np.deg2rad(degrees)
    x, y = (part * pure + noise * rng.standard_normal(pure.shape) for part in (np.cos(angle), np.sin(angle)))
    parts = {"X": x, "Y": y, "R": np.hypot(x, y), "phase": np.rad2deg(np.arctan2(y, x))}
    return dataset_from_traces(
        {name: list(parts[name]) for name in signals},
        time=TIME, x=np.arange(size[1]) * 6e-9, y=np.arange(size[0]) * 6e-9, voltage=[3.0, -3.0],
        direction=["trace", "retrace"], unit="V",
        protocol=PulseProtocol(pulse_start=1e-3, pulse_duration=10e-3, tip_radius=25e-9),
    )  # fmt: skip


def test_the_sign_of_x_alone_is_turned_round_by_half_a_turn_and_recorded():
    scan = turned_scan(0.0, signals=("X",))
    turned = rotated_dataset(scan, 180.0)
    np.testing.assert_array_equal(turned["displacement"].values, -scan["displacement"].values)
    assert turned.attrs["phase_rotation"] == 180.0
    evaluation = Evaluation.of(scan, Recipe(phase_rotation=180.0))
    heights = displacement_maps(evaluation)["H"].values
    np.testing.assert_allclose(heights, -displacement_maps(Evaluation.of(scan))["H"].values, rtol=1e-12)
    assert evaluation.recipe.phase_rotation == 180.0
    with pytest.raises(ValueError, match="all but 180"):
        rotated_dataset(scan, 90.0)


@pytest.mark.parametrize("degrees", [0.0, 8.0, -35.0, 70.0, 89.0])
def test_the_axis_of_the_response_is_found(degrees):
    found = response_axis(complex_displacement(turned_scan(degrees), PULSE))
    assert (found - degrees + 90) % 180 - 90 == pytest.approx(0, abs=0.5)


def test_hot_pixels_do_not_turn_the_axis():
    scan = turned_scan(20.0)
    x = scan["displacement"].values.copy()
    x[:, 3, 4, 40:] += 50.0
    found = response_axis(
        complex_displacement(scan.assign(displacement=scan["displacement"].copy(data=x)), PULSE)
    )
    assert found == pytest.approx(20.0, abs=0.5)


def test_noise_of_h_is_that_of_two_means():
    """H is the mean of the last 2 of 50 samples in the pulse less that of 5 before it."""
    scan = turned_scan(20.0, noise=0.03, size=(60, 70))
    found = complex_displacement(scan, PULSE)
    assert found.noise == pytest.approx(0.03 * np.sqrt(1 / 2 + 1 / 5), rel=0.05)
    flat = complex_displacement(turned_scan(20.0, height=0.0, noise=0.03, size=(60, 70)), PULSE)
    assert flat.in_phase.std() == pytest.approx(flat.noise, rel=0.05)


def test_noise_has_no_phase():
    with pytest.raises(ValueError, match="no phase to turn by"):
        response_axis(complex_displacement(turned_scan(20.0, height=0.0, size=(40, 40)), PULSE))


@pytest.mark.parametrize("signals", [("X", "Y"), ("X", "R", "phase")])
def test_turned_traces_are_what_the_formula_says(signals):
    scan = turned_scan(30.0, signals=signals)
    both = turned_scan(30.0)
    angle = np.deg2rad(30.0)
    x, y = both["displacement"].values, both["displacement_quadrature"].values
    turned = rotated_dataset(scan, 30.0)
    expected = x * np.cos(angle) + y * np.sin(angle)
    np.testing.assert_allclose(turned["displacement"].values, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        turned["displacement_quadrature"].values, y * np.cos(angle) - x * np.sin(angle), rtol=0, atol=1e-14
    )
    # The response is in X now, and noise alone in Y.
    assert np.abs(displacement_maps(Evaluation.of(turned))["H"].values).min() > 0.07
    assert turned["displacement_quadrature"].values.std() == pytest.approx(0.01, rel=0.05)
    assert turned["displacement"].attrs == scan["displacement"].attrs
    assert "displacement_phase" not in turned


def test_pixels_are_turned_when_they_are_read():
    asked = []

    class Counted:
        shape, dtype = (14, 18, TIME.size), np.dtype(float)

        def outer(self, key):
            asked.append(
                tuple(
                    len(range(size)[k]) if isinstance(k, slice) else np.size(k)
                    for size, k in zip(self.shape, key, strict=True)
                )
            )
            return np.ones(self.shape)[key[0]][:, key[1]][..., key[2]]

    scan = dataset_from_traces(
        {"X": [Counted()], "Y": [Counted()]}, time=TIME, x=np.arange(18.0), y=np.arange(14.0),
        protocol=PulseProtocol(pulse_start=1e-3, pulse_duration=10e-3),
    )  # fmt: skip
    turned = rotated_dataset(scan, 90.0)
    assert asked == []
    values = turned["displacement"].isel(pulse=0, y=slice(2, 4), x=slice(None)).values
    assert values.shape == (2, 18, TIME.size)
    assert asked == [(2, 18, TIME.size)] * 2
    np.testing.assert_allclose(values, 1.0)


def test_an_angle_is_the_whole_angle():
    scan = turned_scan(30.0)
    once = rotated_dataset(scan, 40.0)
    assert rotated_dataset(once, 40.0) is once
    back = rotated_dataset(once, 0.0)
    np.testing.assert_allclose(back["displacement"].values, scan["displacement"].values, rtol=0, atol=1e-14)
    recipe = Recipe(phase_rotation=40.0)
    twice = Evaluation.of(Evaluation.of(scan, recipe).dataset, recipe).dataset
    np.testing.assert_array_equal(twice["displacement"].values, once["displacement"].values)


def test_a_turned_fit_finds_what_x_alone_has_lost():
    scan = turned_scan(80.0, height=0.1, noise=0.012)
    plain, turned = fit(scan), fit(scan, phase_rotation="auto")
    assert (plain["status2"].values == 0).mean() < 0.5
    assert (turned["status2"].values == 0).mean() > 0.9
    assert np.nanmedian(turned["tau2"].values) == pytest.approx(2e-3, rel=0.05)


def test_the_recipe_of_an_automatic_run_gives_the_same_bits():
    scan = turned_scan(25.0)
    found = fit(scan, phase_rotation="auto")
    recipe = Recipe.from_json(found.attrs["recipe"])
    assert recipe.phase_rotation == pytest.approx(25.0, abs=0.5)
    again = run(Evaluation.of(scan, recipe), jobs=2)
    xr.testing.assert_identical(found, again)
    assert Evaluation.of(scan, recipe).recipe == recipe
    alone = displacement_maps(Evaluation.of(scan, recipe_from_values(phase_rotation="auto")))
    np.testing.assert_array_equal(alone["H"].values, found["H"].values)
    assert Recipe.from_json(alone.attrs["recipe"]).phase_rotation == recipe.phase_rotation


def test_x_alone_cannot_be_turned():
    scan = turned_scan(25.0, signals=("X",))
    for angle in (10.0, "auto"):
        with pytest.raises(ValueError, match="lock-in X alone"):
            fit(scan, phase_rotation=angle)
    with pytest.raises(ValueError, match="lock-in X alone"):
        in_phase_and_quadrature(scan)


def test_the_command_turns_and_says_so(tmp_path, capsys):
    source, out, again = (tmp_path / name for name in ("a.gwy", "b.gwy", "c.gwy"))
    recipe = tmp_path / "r.json"
    save(source, turned_scan(25.0))
    assert (
        main(["fit", str(source), "-o", str(out), "--rotate-phase", "auto", "--save-recipe", str(recipe)])
        == 0
    )
    angle = json.loads(recipe.read_text())["phase_rotation"]
    assert angle == pytest.approx(25.0, abs=0.5)
    assert main(["fit", str(source), "-o", str(again), "--recipe", str(out)]) == 0
    assert out.read_bytes() == again.read_bytes()
    container = read_container(out)
    metas = [dict(container[key]) for key in container if key.endswith("/meta")]
    assert any(meta.get("Phase rotation") == f"{angle} deg" for meta in metas)
    # What the file held is carried over as it was.
    np.testing.assert_array_equal(
        open_dataset(out)["displacement"].values, open_dataset(source)["displacement"].values
    )
    assert main(["fit", str(source), "-o", str(again), "--overwrite", "--rotate-phase", "-12.5"]) == 0
    assert main(["fit", str(source), "-o", str(again), "--rotate-phase", "12 mm"]) == 2
    assert "is not an angle" in capsys.readouterr().err


@pytest.mark.parametrize("angle", [25.0, "auto"])
def test_the_workspace_shows_what_it_evaluates(angle):
    pytest.importorskip("psygnal")
    from napari_tesm.gui.models.fit import FitModel
    from napari_tesm.gui.models.scan import Scan

    traces = turned_scan(25.0)
    scan = Scan("turned", traces, [], recipe=Recipe(phase_rotation=angle))
    model = FitModel(scan)
    whole = model.fit()
    xr.testing.assert_equal(model.preview(), whole)
    used = Recipe.from_json(whole.attrs["recipe"]).phase_rotation
    shown = scan.traces_at((3, 4)).mean
    np.testing.assert_array_equal(shown, rotated_dataset(traces, used)["displacement"].values[:, 3, 4])
    scan.set_recipe(Recipe())
    np.testing.assert_array_equal(scan.traces_at((3, 4)).mean, traces["displacement"].values[:, 3, 4])
