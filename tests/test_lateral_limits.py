"""What lateral D says, or refuses, where traces, pixels and map cannot tell it."""

import json
import time as clock

import numpy as np
import pytest
from lateral_truth import banded_scan, dataset_of_traces, gaussian_line

from napari_tesm import lateral, save
from napari_tesm.cli import main
from napari_tesm.data.lateral import Inversion, inversion_of_maps
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.lateral import (
    lateral_in_words,
    lateral_sentences,
    lateral_summary,
    lateral_warnings,
)
from napari_tesm.inversion.requirements import check_lateral
from napari_tesm.physics.lateral_response import BOUNDARIES, CLAMPED, FLUX

AS_STATED = {"noise": "white", "nuisance": "none"}


@pytest.mark.parametrize(("boundary", "snr"), [(FLUX, 25), (CLAMPED, 100)])
def test_exponentials_have_no_lateral_d(boundary, snr):
    """Those of the paper: one time in the pulse, another after it, amplitudes and times of every pixel its own."""
    time, pulse, shape = (np.arange(90) + 0.5) * 2.7e-4, 10e-3, (9, 13, 1)
    rng = np.random.default_rng(2)
    rise, fall = (tau * np.exp(0.2 * rng.standard_normal(shape)) for tau in (3e-3, 1.4e-3))
    after = np.maximum(time - pulse, 0)
    traces = -np.expm1(-np.minimum(time, pulse) / rise) * np.exp(-after / fall)
    traces = traces * np.exp(0.2 * rng.standard_normal(shape)) + rng.standard_normal((9, 13, 90)) / snr
    maps = lateral(dataset_of_traces(traces, time, (9e-9, 6e-9)), kernel=boundary, **AS_STATED)
    assert np.isnan(maps["D_lateral"]).all()
    # What was found beside D stays to be looked at.
    assert np.isfinite(maps["misfit_lateral"]).all()
    entry = lateral_summary(maps, 0)
    assert 0.8 < entry["lateral"]["exponentials"]["misfit"] < 1.2
    assert entry["lateral"]["resolution"] is None
    assert entry["lateral"]["curve"] is None
    words = "\n".join(lateral_in_words(entry))
    assert "none: exponentials of each pixel by itself describe these traces" in words
    assert list(lateral_warnings(entry["lateral"])) == []


@pytest.mark.parametrize(("boundary", "snr"), [(FLUX, 300), (CLAMPED, 10)])
def test_diffusion_is_not_taken_for_exponentials(boundary, snr):
    _, _, dataset = banded_scan(35e-9, 2.5, boundary, rows=5, half=90e-9, snr=snr)
    maps = lateral(dataset, kernel=boundary, **AS_STATED)
    found = json.loads(maps.attrs["lateral"])[0]["exponentials"]
    assert not found["better"]
    assert found["own_misfit"] < found["misfit"] + 0.1
    assert np.isfinite(maps["D_lateral"]).all()


def test_pixels_in_micrometres_are_as_far_apart_as_in_metres():
    _, _, dataset = banded_scan(35e-9, 2.5, FLUX, rows=5, half=60e-9)

    def spacing(unit, factor):
        axes = {axis: (axis, dataset[axis].values * factor, {"units": unit}) for axis in ("y", "x")}
        return check_lateral(Evaluation.of(dataset.assign_coords(axes), Recipe(kernel=FLUX)))

    assert spacing("µm", 1e6) == pytest.approx((12e-9, 25e-9 / 6), rel=1e-6)
    assert spacing("nm", 1e9) == pytest.approx((12e-9, 25e-9 / 6), rel=1e-6)
    with pytest.raises(ValueError, match="'V' along y is no unit of length"):
        spacing("V", 1.0)
    with pytest.raises(ValueError, match="lateral_unit"):
        spacing("", 1.0)


def test_a_map_that_is_tiny_against_the_tip_is_refused_at_once():
    _, _, dataset = banded_scan(35e-9, 2.5, FLUX, rows=5, half=60e-9)
    begun = clock.process_time()
    with pytest.raises(ValueError, match=r"121 nm × 60 nm tells no D under a tip with a radius of 500 nm"):
        lateral(dataset, tip_radius="500 nm", **AS_STATED)
    assert clock.process_time() - begun < 1.0


def test_where_nearly_all_pixels_are_dead_it_is_said_how_many_are_left():
    _, _, dataset = banded_scan(60e-9, 2.5, FLUX, rows=24, half=120e-9)
    values = dataset["displacement"].values
    alive = np.zeros(values.shape[:3], dtype=bool)
    alive[:, ::5, ::5] = True
    values[~alive] = np.nan
    maps = lateral(dataset, **AS_STATED)
    assert np.isnan(maps["D_lateral"]).all()
    (first, *_) = lateral_in_words(lateral_summary(maps, 0))
    assert f"none: {alive.sum()} of {alive.size} pixels count, and they lie too far apart to tell" in first


def test_a_resolution_is_that_which_pixels_and_map_can_show():
    found = {"resolution": 5e-9, "pixel": [9e-9, 6e-9], "size": [90e-9, 120e-9], "radius": 25e-9}
    diffusion = {"n_ok": 9, "median": 4e-13, "q25": 3e-13, "q75": 5e-13, "ratio": None}

    def words(**change):
        return "\n".join(lateral_sentences({"lateral": found | change, "D_lateral": diffusion}))

    assert "finer than the pixels can show, 18 nm" in words()
    assert "comes back at 30 nm" in words(resolution=30e-9)
    assert "no structure can be resolved" in words(resolution=70e-9)
    # A single line has no distance across it.
    assert "finer than the pixels can show, 12 nm" in words(pixel=[None, 6e-9], size=[None, 120e-9])
    # Written by an earlier version.
    assert "comes back at 5 nm" in words(pixel=None, size=None)


def test_pixels_larger_than_the_contact_are_warned_of():
    assert list(lateral_warnings({"radius": 25e-9, "pixel": [12e-9, 6e-9]})) == []
    (line,) = lateral_warnings({"radius": 8e-9, "pixel": [12e-9, 6e-9]})
    assert "pixels of 12 nm are larger than the contact, whose radius is 8 nm" in line


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("snr", [100, 20])
def test_the_standard_error_is_that_of_fields_as_the_prior_has_them(boundary, snr):
    """Lines of exact traces, ln D drawn from the prior that is stated."""
    pulls = []
    for seed in range(2):
        log_ratio, time, traces = gaussian_line(seed, boundary)
        rng = np.random.default_rng(seed)
        noisy = np.exp(0.2 * rng.standard_normal((120, 1))) * traces + rng.standard_normal((120, 60)) / snr
        dataset = dataset_of_traces(noisy[None], time, (5e-9, 5e-9))
        maps = lateral(dataset, kernel=boundary, prior="0.5:50nm", **AS_STATED).isel(pulse=0)
        off = np.log(maps["D_lateral"].values[0] / 4e-13) - log_ratio
        pulls.append(off / maps["log_D_lateral_stderr"].values[0])
    assert 0.85 < np.sqrt(np.mean(np.square(pulls))) < 1.15


def test_a_crop_shows_the_d_of_the_whole_map():
    """Beyond its edges a crop knows nothing; what it shows is moved by less than its error."""
    x, _, dataset = banded_scan(35e-9, 2.5, FLUX, rows=5, half=130e-9)
    inside = np.flatnonzero(np.abs(x + 20e-9) < 75e-9)
    whole = lateral(dataset, **AS_STATED)["D_lateral"].values[0][:, inside]
    maps = lateral(dataset.isel(x=inside), **AS_STATED).isel(pulse=0)
    moved = np.log(maps["D_lateral"].values / whole)
    assert np.sqrt(np.mean(np.square(moved / maps["log_D_lateral_stderr"].values))) < 0.6
    assert np.abs(moved).max() < 0.25
    assert np.abs(moved[:, 5:-5]).max() < 0.12


def test_ctrl_c_while_inverting_leaves_nothing(tmp_path, monkeypatch, capsys):
    _, _, dataset = banded_scan(35e-9, 2.5, FLUX, rows=5, half=60e-9)
    save(tmp_path / "scan.gwy", dataset)

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_tesm.inversion.lateral.solve", interrupted)
    options = ["--json", str(tmp_path / "s.json"), "--figure", str(tmp_path / "f.png")]
    assert main(["lateral", str(tmp_path / "scan.gwy"), "-o", str(tmp_path / "out.gwy"), *options]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["scan.gwy"]


def test_the_edges_of_an_image_say_how_wide_a_step_is_and_those_without_a_change_of_d_free_nothing():
    x, _, dataset = banded_scan(12e-9, 2.5, FLUX, rows=10, snr=20.0, half=120e-9)
    inside, aside = np.abs(x) < 6e-9, np.abs(x - 60e-9) < 10e-9
    heights = np.where(np.abs(x) < 6e-9, 40e-9, 0.0) + 0.2 * x
    noise = 1e-9 * np.random.default_rng(2).standard_normal((10, x.size))
    dataset["topography"] = ("y", "x"), heights + noise, {"units": "m", "long_name": "Topography"}
    dataset["mask"] = ("y", "x"), np.tile(aside, (10, 1)).astype(float), {"long_name": "Elsewhere"}
    found, kept, words = {}, {}, {}
    for prior in ("auto", "image:Topography", "image:elsewhere"):
        maps = lateral(dataset, prior=prior, noise="white", nuisance="none")
        found[prior] = np.median(np.log(maps["D_lateral"].values[0] / 4e-13), axis=0)
        words[prior] = "\n".join(lateral_in_words(lateral_summary(maps.isel(pulse=0), 0)))
        kept[prior] = inversion_of_maps(maps), json.loads(maps.attrs["lateral"])[0]["prior"].get("edges")
    true = np.log(2.5)
    steps = {prior: float(np.median(values[inside])) for prior, values in found.items()}
    assert steps["auto"] < 0.75 * true
    assert abs(steps["image:Topography"] - true) < 0.15
    assert np.abs(found["image:Topography"][np.abs(x) > 18e-9]).max() < 0.2
    assert np.abs(found["image:elsewhere"] - found["auto"]).max() < 0.03
    assert kept["auto"] == (Inversion(), None)
    assert kept["image:Topography"][0] == Inversion("Topography")
    assert kept["image:Topography"][1] == pytest.approx(2 * 10 / (10 * (x.size - 1) + 9 * x.size))
    assert kept["image:elsewhere"][1] == 0
    assert "at the edges" not in words["auto"]
    assert "at the edges of 'Topography' ln D may step freely" in words["image:Topography"]
    assert "at the edges of 'elsewhere' the traces show no change" in words["image:elsewhere"]
