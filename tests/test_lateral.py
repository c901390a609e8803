"""D with lateral diffusion taken out, against exact solutions that share nothing with the inversion."""

import json
from dataclasses import replace

import numpy as np
import pytest
from lateral_truth import banded_scan, dataset_of_traces, step_responses
from noises import behind_lock_in, flux_displacement

from napari_tesm import lateral, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.lateral import lateral_in_words, lateral_summary, lateral_warnings
from napari_tesm.inversion.compression import Compression, Nodes
from napari_tesm.inversion.edges import Stiffness
from napari_tesm.inversion.plane import Plane
from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.one_parameter import KERNELS
from napari_tesm.physics.lateral_response import (
    BOUNDARIES,
    CLAMPED,
    FLUX,
    transfer_function,
    uniform_response,
)
from napari_tesm.regions.measures import Part, measures_from_maps


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_slow_wave_of_ln_d_is_a_uniform_change_of_it(boundary):
    time = np.geomspace(1e-2, 100, 9)
    slope = uniform_response(time, np.full(9, 0.0), boundary)[1]
    np.testing.assert_allclose(transfer_function(1e-7, time, boundary), slope, rtol=2e-4)
    step = 1e-5
    above, below = (uniform_response(time, np.full(9, sign * step), boundary)[0] for sign in (1, -1))
    np.testing.assert_allclose((above - below) / (2 * step), slope, rtol=1e-7)


@pytest.mark.parametrize(("boundary", "off"), [(FLUX, 6e-4), (CLAMPED, 2e-3)])
@pytest.mark.parametrize("periods", [4, 14])
def test_a_faint_wave_of_ln_d_shows_as_the_transfer_function_says(boundary, off, periods):
    times = np.geomspace(0.1, 16, 9)
    wave, small = 2 * np.pi * periods / 40, 0.02

    def at_crest(contrast):
        return step_responses(
            lambda x: np.exp(contrast * np.cos(wave * x)),
            times,
            length=40.0,
            count=240,
            clamped=boundary == CLAMPED,
        )[1][120]

    uniform = uniform_response(times, np.zeros(times.size), boundary)[0]
    scale = np.mean(at_crest(0.0) / uniform)
    seen = (at_crest(small) - at_crest(-small)) / (2 * small) / scale
    assert np.abs(seen - transfer_function(wave, times, boundary)).max() < off * uniform.max()


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("low_pass", [None, LowPass(2e-4, 4)])
def test_a_pulse_made_of_the_nodes_is_that_of_the_kernel(boundary, low_pass):
    time, pulse = np.concatenate([np.arange(60) * 1.7e-4 + 1e-4, 0.0103 + np.arange(40) * 4e-4]), 10e-3
    nodes = Nodes(float(time[-1]))
    for rate in (30.0, 3000.0):  # R0²/D
        response = uniform_response(nodes.times * rate, np.zeros(nodes.times.size), boundary)[0]
        curve = response @ nodes.of_pulse(time, pulse, low_pass)
        kernel = replace(KERNELS[boundary], pulse=pulse, low_pass=low_pass)
        expected = kernel.curves(time, np.log([1 / (4 * rate)]))[0][0]
        scale = float(curve @ expected / (expected @ expected))
        assert np.abs(curve - scale * expected).max() < 2e-6 * np.abs(curve).max()


def test_numbers_of_a_trace_hold_all_that_it_says():
    time = np.linspace(1e-4, 25e-3, 90)
    nodes = Nodes(25e-3)
    of_nodes = nodes.of_pulse(time, 10e-3)
    lags = np.abs(time[:, None] - time)
    covariance = 0.5 * np.exp(-lags / 1e-3) + 0.5 * np.eye(90)
    drift = (time / 25e-3)[:, None]
    made = Compression.of(of_nodes, drift, covariance)
    rng = np.random.default_rng(5)
    response = np.sqrt(nodes.times)
    noise = rng.standard_normal((4000, 90)) @ np.linalg.cholesky(covariance).T * 3.0
    numbers, variance = made.compress(7 * response @ of_nodes + noise + 11 + 40 * drift[:, 0])
    np.testing.assert_allclose(variance.mean(), 9.0, rtol=0.02)
    left = numbers - 7 * made.response @ response
    np.testing.assert_allclose(np.cov(left.T), 9 * np.eye(len(left.T)), atol=1.0)
    gap = np.full((1, 90), 1.0)
    gap[0, 7] = np.nan
    assert np.isinf(made.compress(gap)[1][0])


def test_a_narrow_fast_step_is_seen_fast_where_single_pixels_show_it_slow():
    x, diffusion, dataset = banded_scan(12e-9, 2.5, FLUX)
    maps = lateral(dataset, noise="white", nuisance="none").isel(pulse=0)
    inside = np.abs(x) < 6e-9
    outside = np.abs(x) > 66e-9
    joint, alone = (maps[name].values / 4e-13 for name in ("D_lateral", "D"))
    assert np.median(alone[:, inside]) < 1.0
    assert 1.9 < np.median(joint[:, inside]) < 3.3
    assert 0.93 < np.median(joint[:, outside]) < 1.07
    assert np.abs(np.log(joint[:, outside])).max() < np.log(1.25)
    pulls = np.log(joint / (diffusion / 4e-13)) / maps["log_D_lateral_stderr"].values
    assert np.sqrt(np.mean(np.square(pulls))) < 1.15
    found = json.loads(maps.attrs["lateral"])[0]
    assert 0.9 < found["misfit"] < 1.1
    assert found["change"] < 0.02
    assert 3.9e-13 < found["D0"] < 4.6e-13
    assert 4e-9 < found["resolution"] < 60e-9


def test_a_wide_slow_band_under_a_clamped_tip():
    x, _, dataset = banded_scan(60e-9, 0.4, CLAMPED, snr=50.0)
    maps = lateral(dataset, kernel="clamped", noise="white", nuisance="none").isel(pulse=0)
    joint = maps["D_lateral"].values
    outside = np.median(joint[:, np.abs(x) > 90e-9])
    # The truth itself is off by some per cent here: a clamped contact is rough at its edge.
    assert 0.9 < outside / 4e-13 < 1.07
    assert 0.33 < np.median(joint[:, np.abs(x) < 25e-9]) / outside < 0.47
    # The amplitude is that of each pixel, whatever D is.
    amplitude = maps["amplitude_lateral"].values
    expected = np.exp(0.25 * np.random.default_rng(3).standard_normal(amplitude.shape))
    assert np.corrcoef(np.log(amplitude).ravel(), np.log(expected).ravel())[0, 1] > 0.97


def test_a_uniform_sample_shows_no_more_structure_than_its_error_behind_a_lock_in():
    time, radius = (np.arange(125) + 0.5) * 2e-4, 30e-9
    curve = flux_displacement(3e-13, time=time, radius=radius)[0]
    rng = np.random.default_rng(9)
    shape = (12, 40)
    noise = behind_lock_in(rng, shape[0] * shape[1], 3e-4, 4, samples=time.size, step=2e-4)
    traces = curve + noise.reshape(*shape, -1) / 30
    maps = lateral(dataset_of_traces(traces, time, (9e-9, 5e-9), radius=radius)).isel(pulse=0)
    log_d = np.log(maps["D_lateral"].values / 3e-13)
    assert abs(log_d.mean()) < 0.02
    assert np.abs(log_d - log_d.mean()).max() < 3 * maps["log_D_lateral_stderr"].values.max()
    alone = np.log(maps["D"].values / 3e-13)
    assert log_d.std() < 0.8 * np.nanstd(alone)


def test_what_is_missing_is_bridged_near_a_response_and_masked_far_from_any():
    _, _, dataset = banded_scan(60e-9, 2.5, FLUX, rows=24, half=120e-9)
    dataset["displacement"][0, 10, 20] = np.nan
    dataset["displacement"][0, 10:, 40:] = np.nan
    maps = lateral(dataset, noise="white", nuisance="none").isel(pulse=0)
    joint = maps["D_lateral"].values
    assert np.isfinite(joint[10, 20])
    assert abs(np.log(joint[10, 20] / np.median(joint[8:13, 19:22]))) < 0.2
    assert np.isnan(joint[-5:, -5:]).all()
    assert np.isfinite(joint[:8]).all()
    assert json.loads(maps.attrs["lateral"])[0]["n_prior"] == np.isnan(joint).sum()


def test_the_left_edge_knows_nothing_of_the_right_one():
    x, _, dataset = banded_scan(60e-9, 2.5, FLUX, half=250e-9)
    # The band at the right edge of the image.
    cut = dataset.isel(x=np.flatnonzero(x < 30e-9))
    joint = lateral(cut, noise="white", nuisance="none")["D_lateral"].values[0]
    assert np.median(joint[:, -6:]) > 2 * 4e-13
    assert abs(np.log(np.median(joint[:, :6]) / 4e-13)) < 0.1


def test_the_transpose_of_differences_is_their_divergence():
    plane = Plane((7, 9), (0.3, 0.2), 2.0)
    rng = np.random.default_rng(0)
    field, along_y, along_x = (rng.standard_normal(plane.grid) for _ in range(3))
    by_y, by_x = plane.differences(field)
    np.testing.assert_allclose(
        np.vdot(by_y, along_y) + np.vdot(by_x, along_x), np.vdot(field, plane.divergence(along_y, along_x))
    )
    spectrum = plane.shares * plane.roughness * np.abs(plane.transform(field)) ** 2
    energy = np.square(by_y).sum() + np.square(by_x).sum()
    counts = plane.shares / plane.shares.min()
    assert energy == pytest.approx((spectrum / plane.shares * counts).sum() / field.size)


def test_the_prior_makes_of_a_mirrored_ln_d_what_it_makes_of_the_ln_d_mirrored():
    plane = Plane((7, 9), (0.3, 0.2), 2.0)
    rng = np.random.default_rng(0)
    log_ratio, information = rng.standard_normal(plane.grid), np.ones_like(plane.wave_numbers)
    as_it_is = Stiffness.soft(plane).followed(log_ratio, information)
    for axes in (0, 1, (0, 1)):
        # The margin is on the other side then; it wraps around, and so does where the map begins.
        mirrored = np.roll(np.flip(log_ratio, axes), [-place for place in begins(plane, axes)], (0, 1))
        stiffness = Stiffness.soft(plane).followed(mirrored, information)
        back = np.flip(plane.on_map(stiffness.weights), axes)
        np.testing.assert_allclose(back, plane.on_map(as_it_is.weights), rtol=1e-9)
        back = np.flip(plane.on_map(stiffness.resisted(mirrored)), axes)
        np.testing.assert_allclose(back, plane.on_map(as_it_is.resisted(log_ratio)), rtol=1e-9, atol=1e-12)


def begins(plane, axes):
    """Where the map begins in a plane that is mirrored along axes."""
    mirrored = np.atleast_1d(axes)
    return [plane.grid[axis] - plane.shape[axis] if axis in mirrored else 0 for axis in (0, 1)]


@pytest.fixture(scope="module")
def small_scan(tmp_path_factory):
    _, _, dataset = banded_scan(35e-9, 2.5, FLUX, rows=5, half=90e-9)
    path = tmp_path_factory.mktemp("lateral") / "scan.gwy"
    save(path, dataset)
    return path


def test_the_command_writes_what_python_gives_and_reads_it_back(small_scan, tmp_path, capsys):
    output, summary = tmp_path / "out.gwy", tmp_path / "s.json"
    options = ["--noise", "white", "--nuisance", "none", "--json", str(summary)]
    assert main(["lateral", str(small_scan), "-o", str(output), *options]) == 0
    assert "lateral diffusion taken out" in capsys.readouterr().out
    entry = json.loads(summary.read_text())["pulses"][0]
    assert set(entry["lateral"]) >= {"D0", "resolution", "prior", "misfit", "change"}
    assert set(entry["lateral"]["prior"]) >= {"sd", "length"}
    expected = lateral(open_dataset(small_scan), noise="white", nuisance="none")
    assert entry["D_lateral"]["median"] == pytest.approx(float(expected["D_lateral"].median()), rel=1e-12)

    from napari_tesm.scan import scans_from_file

    maps = scans_from_file(output)[0].maps
    for name in ("D_lateral", "log_D_lateral_stderr", "amplitude_lateral"):
        np.testing.assert_array_equal(maps[name].values, expected[name].values)
    from napari_tesm.gwy import contents
    from napari_tesm.gwy.reading import read_container

    container = read_container(output)
    titles = {
        contents.title(container, contents.CHANNEL, n) for n in contents.ids(container, contents.CHANNEL)
    }
    assert titles >= {
        f"{word} (-3 V)"
        for word in ("D lateral", "log10 D lateral", "ln D lateral standard error", "amplitude lateral", "D")
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kernel": "exponential"}, "flux-pulse"),
        ({"prior": "soft"}, "0.5:50nm"),
        ({"prior": "-1:50nm"}, "0.5:50nm"),
        ({"prior": "image:"}, "0.5:50nm"),
        ({"prior": "image:Phase"}, "'Phase', and those on the pixels of the traces are: none"),
    ],
)
def test_what_cannot_be_inverted_is_refused_in_a_sentence(small_scan, change, words):
    with pytest.raises(ValueError, match=words):
        lateral(open_dataset(small_scan), **change)


def test_the_help_names_kernels_that_are_taken(capsys):
    assert main(["lateral", "--help"]) == 0
    words = capsys.readouterr().out
    assert "--kernel flux-pulse|clamped" in words
    assert "exponential" not in words


def test_a_geometry_that_is_asked_for_is_refused_and_that_of_an_earlier_recipe_is_not(
    small_scan, tmp_path, capsys
):
    words = ["lateral", str(small_scan), "-o", str(tmp_path / "out.gwy"), "--noise", "white", "--quiet"]
    assert main([*words, "--geometry", "l2/6tau"]) != 0
    assert "the geometry 'l2/6tau' has no place" in capsys.readouterr().err
    recipe = Recipe(geometry="l2/6tau", threshold=0.2)
    (tmp_path / "recipe.json").write_text(recipe.to_json())
    assert main([*words, "--recipe", str(tmp_path / "recipe.json"), "--json", str(tmp_path / "s.json")]) == 0
    made = json.loads((tmp_path / "s.json").read_text())["recipe"]
    assert (made["kernel"], made["geometry"], made["threshold"]) == ("flux-pulse", "l2/tau", 0.2)


def test_without_a_radius_there_is_no_unit_of_length(small_scan):
    dataset = open_dataset(small_scan)
    del dataset.attrs["tip_radius"]
    with pytest.raises(ValueError, match="25nm"):
        lateral(dataset)


def test_a_given_gaussian_prior_is_taken_as_it_is(small_scan):
    maps = lateral(open_dataset(small_scan), prior="0.6:40nm", noise="white", nuisance="none")
    prior = json.loads(maps.attrs["lateral"])[0]["prior"]
    assert prior["sd"] == pytest.approx(0.6)
    assert prior["length"] == pytest.approx(40e-9)
    assert prior["given"]


def test_a_glitch_in_one_trace_is_no_spot_of_d():
    _, _, dataset = banded_scan(60e-9, 2.5, FLUX, half=120e-9)
    clean = lateral(dataset, noise="white", nuisance="none")["D_lateral"].values[0]
    dataset["displacement"][0, 4, 5, 30:60] += np.float32(2e-4)
    maps = lateral(dataset, noise="white", nuisance="none")
    assert np.abs(np.log(maps["D_lateral"].values[0] / clean)).max() < 0.1
    assert json.loads(maps.attrs["lateral"])[0]["n_outlying"] == 1
    assert maps["misfit_lateral"].values[0, 4, 5] > 10


def test_a_very_slow_sample_in_a_scan_hardly_larger_than_the_tip_comes_out_right():
    time, shape, diffusion = (np.arange(125) + 0.5) * 2e-4, (4, 7), 1e-16
    curve = flux_displacement(diffusion, time=time)[0]
    noise = np.random.default_rng(1).standard_normal((*shape, 125)) * 0.01 * np.abs(curve).max()
    maps = lateral(dataset_of_traces(curve + noise, time, (6e-9, 5e-9)), noise="white", nuisance="none")
    assert np.abs(np.log(maps["D_lateral"].values / diffusion)).max() < 0.05
    assert 0.8 < json.loads(maps.attrs["lateral"])[0]["misfit"] < 1.2


def test_traces_that_do_not_count_are_said_and_why_there_is_no_map():
    _, _, dataset = banded_scan(35e-9, 2.5, FLUX, rows=5, half=60e-9)
    there = dataset["displacement"].values
    there[0, :3, :, 60:80] = np.nan
    entry = lateral_summary(lateral(dataset, noise="white", nuisance="none").isel(pulse=0), 0)
    assert any("87 traces with missing samples" in line for line in lateral_in_words(entry))
    there[0, :, 3:, 60:80] = np.nan
    entry = lateral_summary(lateral(dataset, noise="white", nuisance="none").isel(pulse=0), 0)
    words = "\n".join(lateral_in_words(entry))
    assert "fewer than 16" in words
    assert "139 traces with missing samples" in words


def test_a_few_samples_that_are_missing_cost_no_trace():
    x, _, dataset = banded_scan(35e-9, 2.5, FLUX, rows=5, half=120e-9)
    whole = lateral(dataset, noise="white", nuisance="none")["D_lateral"].values[0]
    values = dataset["displacement"].values
    values[np.random.default_rng(4).random(values.shape) < 0.01] = np.nan
    maps = lateral(dataset, noise="white", nuisance="none")
    assert json.loads(maps.attrs["lateral"])[0]["n_incomplete"] == 0
    with_gaps, error = (maps[name].values[0] for name in ("D_lateral", "log_D_lateral_stderr"))
    assert np.abs(np.log(with_gaps / whole) / error).max() < 1
    assert np.median(with_gaps[:, np.abs(x) < 15e-9]) > 2 * 4e-13
    # What was measured stays as it was.
    assert np.isnan(dataset["displacement"].values).any()


def test_a_record_of_few_samples_gives_d_as_well():
    time, shape, diffusion = (np.arange(16) + 0.5) * 1.5e-3, (6, 12), 3e-13
    curve = flux_displacement(diffusion, time=time)[0]
    noise = np.random.default_rng(1).standard_normal((*shape, 16)) * 0.02
    maps = lateral(dataset_of_traces(curve + noise, time, (9e-9, 5e-9)), noise="white", nuisance="none")
    log_d = np.log(maps["D_lateral"].values / diffusion)
    assert abs(log_d.mean()) < 3 * maps["log_D_lateral_stderr"].values.mean() / np.sqrt(6)
    assert np.abs(log_d).max() < 4 * maps["log_D_lateral_stderr"].values.max()
    assert 0.5 < json.loads(maps.attrs["lateral"])[0]["misfit"] < 1.3


@pytest.mark.parametrize(("present", "wanted"), [(False, "none"), (True, "drift")])
def test_nuisances_are_those_beside_lateral_diffusion(present, wanted):
    """A clamped band: by themselves pixels take what comes from beside them for a step with the voltage."""
    x, diffusion, dataset = banded_scan(100e-9, 2.5, CLAMPED, rows=9)
    time = dataset["time"].values
    size = float(np.abs(dataset["displacement"].values).max())
    of_pixels = 0.3 * size * np.random.default_rng(1).standard_normal((9, x.size, 1)) * present
    traces = dataset["displacement"].values + of_pixels * time / time[-1]
    maps = lateral(dataset.assign(displacement=dataset["displacement"].copy(data=traces)), kernel=CLAMPED)
    found = json.loads(maps.attrs["lateral"])[0]
    by_pixels = json.loads(maps.attrs["instrument"])["fitted"]
    assert "step" in by_pixels
    assert found["nuisance"] == wanted
    words = "\n".join(lateral_in_words(lateral_summary(maps, 0), by_pixels))
    assert f"the traces hold {'drift' if present else 'neither drift, nor step'}" in words
    inside = np.abs(x) < 40e-9
    assert 2.1 < np.median(maps["D_lateral"].values[0][:, inside]) / diffusion.min() < 2.8
    asked = lateral(dataset, kernel=CLAMPED, nuisance="none", noise="white")
    # With what was found stated the rounds begin elsewhere, and end at the same D.
    if not present:
        np.testing.assert_allclose(asked["D_lateral"], maps["D_lateral"], rtol=0.01)


def test_steps_are_compared_with_grains_on_the_lateral_d_too():
    x, _, dataset = banded_scan(35e-9, 2.5, FLUX, rows=5, half=120e-9)
    maps = lateral(dataset, noise="white", nuisance="none")
    inside = np.broadcast_to(np.abs(x) < 15e-9, (5, x.size))
    parts = [Part("region", "step", inside, "step"), Part("outside", "outside", ~inside)]
    medians = {m.quantity: [part.median for part in m.values] for m in measures_from_maps(maps, parts)}
    assert medians["D_lateral"][0] > 2 * medians["D_lateral"][1]
    assert medians["D"][0] < 1.3 * medians["D"][1]


@pytest.mark.parametrize("truth", BOUNDARIES)
def test_the_wrong_boundary_is_named_with_the_d_of_the_other_one(truth):
    """Beside a drift, and noise that leaves the misfit of the wrong one below what is warned of."""
    _, diffusion, dataset = banded_scan(100e-9, 2.5, truth, rows=11, snr=30, half=200e-9)
    time = dataset["time"].values
    drift = 2e-5 * np.random.default_rng(4).standard_normal((11, dataset.sizes["x"], 1)) * time / time[-1]
    dataset = dataset.assign(displacement=dataset["displacement"].copy(data=dataset["displacement"] + drift))
    (wrong,) = set(BOUNDARIES) - {truth}
    for asked in BOUNDARIES:
        maps = lateral(dataset, kernel=asked)
        entry = lateral_summary(maps, 0)
        assert entry["lateral"]["misfit"] < 1.3
        assert entry["lateral"]["other_boundary"]["better"] == (asked == wrong)
        named = [line for line in lateral_warnings(entry["lateral"]) if f"'{truth}' describes" in line]
        assert len(named) == (asked == wrong)
        if asked == wrong:
            there = entry["lateral"]["other_boundary"]["D"]
            assert 0.85 < there / np.median(diffusion) < 1.2
            assert not 0.3 < entry["D_lateral"]["median"] / np.median(diffusion) < 3


def test_an_inversion_that_does_not_settle_gives_no_d_and_says_so():
    """A lock-in is stated whose filter these traces have not passed."""
    _, _, dataset = banded_scan(35e-9, 2.5, FLUX, rows=4, half=50e-9)
    maps = lateral(dataset, lock_in_time_constant=1e-4, lock_in_order=4)
    assert np.isnan(maps["D_lateral"]).all()
    entry = lateral_summary(maps, 0)
    assert entry["lateral"]["resolution"] is None
    assert "does not settle" in "\n".join(lateral_in_words(entry))
    assert json.loads(lateral(dataset).attrs["lateral"])[0]["settled"]
