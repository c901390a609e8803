"""``tesm simulate --model``: diffusion in earnest, and long simulations that go on after an interruption."""

from functools import partial

import numpy as np
import pytest

import napari_tesm.cli.simulate as command
from napari_tesm import open_dataset
from napari_tesm.cli import main
from napari_tesm.io.unfinished import UnfinishedTraces
from napari_tesm.simulation import BoxGrid, TipModel, apparent_diffusion, models, simulate


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
    assert main(["simulate", "-o", str(path), "--model", "magic", "--overwrite"]) == 2
    assert "lateral" in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupted_simulation_goes_on(tmp_path, capsys, monkeypatch):
    coarse = partial(TipModel, grid=BoxGrid(0.25, 1.25, 0.08, 1.25))
    monkeypatch.setattr(models, "TipModel", coarse)
    path, other = tmp_path / "line.gwy", tmp_path / "whole.gwy"
    words = ["--size", "3x1", "--samples", "25", "--model", "lateral", "--progress", "lines", "--jobs", "1"]
    assert main(["simulate", "-o", str(other), *words]) == 0
    assert not list(tmp_path.glob("*.unfinished"))

    store = UnfinishedTraces.store
    calls = []

    def once(self, number, trace):
        store(self, number, trace)
        calls.append(number)
        raise KeyboardInterrupt

    monkeypatch.setattr(UnfinishedTraces, "store", once)
    assert main(["simulate", "-o", str(path), *words]) == 130
    assert not path.exists()
    kept = path.with_name("line.gwy.unfinished")
    assert kept.exists()
    monkeypatch.setattr(
        UnfinishedTraces, "store", lambda self, *what: (calls.append(what[0]), store(self, *what))
    )
    assert main(["simulate", "-o", str(path), *words, "--seed", "1"]) == 1
    assert "another simulation" in capsys.readouterr().err
    assert main(["simulate", "-o", str(path), *words]) == 0
    err = capsys.readouterr().err
    assert "1 of them there" in err
    assert "PROGRESS" in err
    assert sorted(calls) == [0, 1, 2]
    assert not kept.exists()
    one, two = (open_dataset(name)["displacement"].values for name in (path, other))
    np.testing.assert_array_equal(one, two)


def test_a_record_cut_off_is_left_out(tmp_path):
    path = tmp_path / "a.unfinished"
    first = UnfinishedTraces(path, {"seed": 1}, 4)
    for number in (3, 5):
        first.store(number, np.arange(4.0) + number)
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    second = UnfinishedTraces(path, {"seed": 1}, 4)
    assert list(second.traces) == [3]
    second.store(7, np.zeros(4))
    assert list(UnfinishedTraces(path, {"seed": 1}, 4).traces) == [3, 7]
    with pytest.raises(ValueError, match="another"):
        UnfinishedTraces(path, {"seed": 2}, 4)
    path.write_bytes(content[:9])
    assert UnfinishedTraces(path, {"seed": 1}, 4).traces == {}


def test_an_existing_output_is_refused_before_the_work(tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.gwy"
    path.write_bytes(b"mine")
    monkeypatch.setattr(command, "simulate", lambda *a, **k: pytest.fail("worked for nothing"))
    assert main(["simulate", "-o", str(path), "--model", "lateral"]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert path.read_bytes() == b"mine"
