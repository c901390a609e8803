"""``tesm simulate --model``: diffusion in earnest, and what a long one says before it begins."""

import numpy as np
import pytest

import napari_tesm.cli.simulate as command
from napari_tesm import open_dataset
from napari_tesm.cli import main
from napari_tesm.simulation import TipModel, apparent_diffusion, models, simulate
from napari_tesm.simulation.scene import STEP_ANGLE


@pytest.mark.parametrize(("model", "boundary"), [("flux-pulse", "flux"), ("clamped", "clamped")])
def test_pixels_relax_by_diffusion_with_the_coefficient_of_the_truth(model, boundary):
    simulation = simulate("si-c-step", size=(10, 8), model=model, seed=3)
    trace = simulation.dataset["displacement"]
    tip = TipModel(lambda x, y: 1.0, time=trace["time"].values, boundary=boundary)
    found = apparent_diffusion(trace.isel(pulse=1).values, tip, expected=4e-13)
    truth = simulation.truth["D"].values
    assert "D1" not in simulation.truth
    good = np.isfinite(truth) & (simulation.truth["pixel_class"].values < 2)
    # A noise of 3 to 5 % of the trace leaves this much.
    assert np.median(np.log(found / truth)[good]) == pytest.approx(0, abs=0.1)


def test_the_model_is_named_in_the_file(tmp_path, capsys):
    path = tmp_path / "a.gwy"
    assert main(["simulate", "-o", str(path), "--size", "6x4", "--model", "clamped"]) == 0
    assert "clamped" in capsys.readouterr().out
    assert open_dataset(path)["displacement"].sizes["x"] == 6
    assert main(["simulate", "-o", str(path), "--size", "6x4", "--overwrite", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["simulate", "-o", str(path), "--model", "magic", "--overwrite"]) == 2
    assert "lateral" in capsys.readouterr().err


@pytest.mark.parametrize(("model", "boundary"), [("lateral", "flux"), ("lateral-clamped", "clamped")])
def test_ions_cross_the_pixels_of_a_simulated_scan_and_what_is_beyond_it(
    tmp_path, capsys, monkeypatch, model, boundary
):
    asked = []

    def map_traces(D, x, y, *, time, **options):
        asked.append((D, x, y, options))
        return np.zeros((len(y), len(x), len(time)))

    monkeypatch.setattr(models, "map_traces", map_traces)
    path = tmp_path / "map.gwy"
    words = ["--size", "70x40", "--samples", "25", "--model", model, "--jobs", "3", "--seed", "4"]
    assert main(["simulate", "-o", str(path), *words]) == 0
    said = capsys.readouterr()
    assert "2800 tip positions: about" in said.err
    assert f"model {model}" in said.out
    (D, x, y, options), truth = asked[0], simulate(size=(70, 40), seed=4, model="clamped").truth
    assert (options["boundary"], options["jobs"], options["pulse"]) == (boundary, 3, 10e-3)
    truth = truth["D"].where(truth["pixel_class"] < 2)
    drawn = D(*np.meshgrid(x, y))
    np.testing.assert_array_equal(drawn[truth.notnull()], truth.values[truth.notnull()])
    # Along the first step, 300 nm above and 200 nm below the scan, and beside it there.
    along = np.array([-0.42e-6, 0.32e-6])
    middle = 0.4 * 70 * 6e-9 + along * np.cos(STEP_ANGLE), 0.5 * 40 * 6e-9 - along * np.sin(STEP_ANGLE)
    np.testing.assert_allclose(D(*middle), 1e-12)
    assert (D(middle[0] - 40e-9, middle[1]) < 9e-13).all()


def test_an_existing_output_is_refused_before_the_work(tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.gwy"
    path.write_bytes(b"mine")
    monkeypatch.setattr(command, "simulate", lambda *a, **k: pytest.fail("worked for nothing"))
    assert main(["simulate", "-o", str(path), "--model", "lateral"]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert path.read_bytes() == b"mine"
