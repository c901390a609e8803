"""Maps whose pixels are slower or faster than can be told: what is left of them is not taken for the whole."""

import json

import numpy as np
import pytest
from examples import example_dataset

from napari_tesm import compare_histograms, fit, save
from napari_tesm.cli import main
from napari_tesm.data.maps import limited_values
from napari_tesm.findings.summary import lines_from_summary, summary_from_maps
from napari_tesm.regions.measures import measures_from_maps, parts_of_image
from napari_tesm.regions.shapes import Region
from napari_tesm.statistics.description import description_from_values, quartiles
from napari_tesm.statistics.modes import mode_from_map
from napari_tesm.statistics.ranks import comparison_from_values

SHAPE = (24, 33)


def scan_of(diffusion, *, noise=0.1, seed=0):
    """Return a scan of one D, or of one for each column, relaxing towards the surface it was pulled from."""
    dataset = example_dataset(shape=SHAPE, noise=0.0)
    time = dataset["time"].values
    tau = (25e-9) ** 2 / np.broadcast_to(diffusion, SHAPE)[..., None]
    up = np.clip(time, 0, 10e-3)
    traces = (1 - np.exp(-up / tau)) * np.exp(-np.clip(time - 10e-3, 0, None) / tau)
    traces *= 0.1 / traces.max(axis=-1, keepdims=True)
    rng = np.random.default_rng(seed)
    both = np.stack([-traces, traces]) + 0.1 * noise * rng.standard_normal((2, *traces.shape))
    dataset["displacement"] = dataset["displacement"].copy(data=both)
    return dataset


@pytest.mark.parametrize(("diffusion", "word"), [(1e-14, "slower"), (2e-14, "slower"), (2e-11, "faster")])
def test_a_map_beyond_what_can_be_told_has_no_median_and_no_mode(diffusion, word):
    maps = fit(scan_of(diffusion))
    summary = summary_from_maps(maps)
    lines = list(lines_from_summary(summary, maps))
    for entry in summary["pulses"]:
        for number in (1, 2):
            assert entry[f"D{number}"]["median"] is None
            assert entry[f"D{number}"]["mode_log10"] is None
    named = [line for line in lines if line.startswith(("  tau", "  D"))]
    assert any(word in line for line in named)
    first = next(place for place, line in enumerate(lines) if f"are {word} than can be told" in line)
    median = [
        place for place, line in enumerate(lines) if "median" in line and line.startswith(("  tau", "  D"))
    ]
    assert all(first < place for place in median)
    assert not any("e-1" in line for line in named)


def test_where_a_third_is_too_slow_the_median_is_that_of_the_whole():
    maps = fit(scan_of(4e-14))
    for entry in summary_from_maps(maps)["pulses"]:
        for number in (1, 2):
            beyond = entry[f"tau{number}"]["n_above"] / (SHAPE[0] * SHAPE[1])
            assert 0.1 < beyond < 0.5
            # The median of a few hundred pixels of 25 % scatter is known to 2 %.
            assert entry[f"D{number}"]["median"] == pytest.approx(4e-14, rel=0.05, abs=0)
            accepted = maps[f"D{number}"].values
            assert np.nanmedian(accepted) > 1.1 * 4e-14  # what is left is faster


def test_regions_count_slow_pixels_in_median_and_test():
    columns = np.where(np.arange(SHAPE[1]) < 16, 1e-14, 3e-13)
    scan = scan_of(columns)
    maps = fit(scan)
    y, x = scan["y"].values, scan["x"].values
    edge = (x[15] + x[16]) / 2
    left = np.array([[x[0], y[0]], [edge, y[0]], [edge, y[-1]], [x[0], y[-1]]])
    regions = [Region("polygon", left, "slow half", "step")]
    parts = parts_of_image(regions, {}, x, y)
    (measure,) = [m for m in measures_from_maps(maps, parts) if m.quantity == "D2" and m.pulse == 0]
    slow, outside = measure.values[0], measure.values[-1]
    assert slow.median == -np.inf
    assert slow.n_below > 0.8 * (slow.n + slow.n_below)
    assert outside.median == pytest.approx(3e-13, rel=0.03, abs=0)
    (comparison,) = measure.comparisons
    assert comparison.cliffs_delta < -0.85
    assert comparison.significant
    assert np.isnan(comparison.ratio)
    assert "lower in step" in comparison.sentence_about("D2")
    assert any(problem.startswith("slow half: of 3") and " lower" in problem for problem in measure.problems)


def test_histograms_say_it_first_and_give_no_mode(tmp_path, capsys):
    scan = scan_of(1e-14)
    maps = fit(scan)
    lines = compare_histograms(scan, maps).sentences()
    assert lines[0].startswith("D1: of ")
    assert "lower than can be told" in lines[0]
    assert "too many pixels are limits" in next(line for line in lines if line.startswith("Mode over"))
    save(tmp_path / "slow.gwy", scan, maps)
    assert main(["regions", str(tmp_path / "slow.gwy"), "--json", str(tmp_path / "r.json")]) == 0
    entries = json.loads((tmp_path / "r.json").read_text())["parts"][0]["statistics"]
    (d2,) = [entry for entry in entries if entry["quantity"] == "D2" and entry["pulse"] == 1]
    assert d2["median"] is None
    assert d2["n_below"] == int((limited_values(maps, "D2", 0) == -np.inf).sum())
    assert "lower than can be told" in capsys.readouterr().out


def test_limits_keep_the_median_of_a_censored_sample():
    rng = np.random.default_rng(5)
    values = np.exp(rng.standard_normal(40_000))
    censored = np.where(values < np.quantile(values, 0.3), -np.inf, values)
    assert quartiles(censored)[1:] == pytest.approx(quartiles(values)[1:], rel=1e-12)
    assert quartiles(censored)[0] == -np.inf
    sample = description_from_values(censored)
    assert (sample.n_below, sample.n_above, sample.n) == (12_000, 0, 28_000)
    assert np.isnan([sample.mean, sample.std]).all()
    assert mode_from_map(censored.reshape(200, 200)) is None
    few = np.where(values < np.quantile(values, 0.1), -np.inf, values)
    assert np.isfinite(description_from_values(few).mean)


def test_ranks_and_ratio_know_what_limits_say():
    rng = np.random.default_rng(6)
    first, second = 2 * np.exp(0.3 * rng.standard_normal(400)), np.exp(0.3 * rng.standard_normal(500))
    whole = comparison_from_values(first, second)
    cut = np.where(second < np.quantile(second, 0.1), -np.inf, second)
    limited = comparison_from_values(first, cut)
    assert limited.ratio == whole.ratio
    assert (limited.ratio_low, limited.ratio_high) == pytest.approx(
        (whole.ratio_low, whole.ratio_high), rel=0.02
    )
    assert limited.cliffs_delta == pytest.approx(whole.cliffs_delta, abs=0.02)
    most = comparison_from_values(first, np.where(second < np.quantile(second, 0.7), -np.inf, second))
    assert np.isnan(most.ratio)
    assert most.cliffs_delta > 0.8
    assert most.significant
