"""95 % intervals of tau and D: coverage on simulated traces, open ends, and that they reach every output."""

import csv

import numpy as np
import pytest
from examples import PROTOCOL, TIP_RADIUS, example_dataset
from scipy.stats import binom

from napari_tesm import fit, save
from napari_tesm.cli import main
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.summary import lines_from_summary, summary_from_maps
from napari_tesm.fitting import fit_traces, profile_intervals
from napari_tesm.fitting.limits import LINEAR_UP_TO, limits_of_tau
from napari_tesm.gwy import read_container
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.physics.diffusion import diffusion_from_tau
from napari_tesm.quantities.status import NO_RESPONSE, OK, UNRESOLVED_FAST, UNRESOLVED_SLOW

TIME = np.arange(250) * 1e-4
PULSE = 10e-3
RELAXATION = TIME >= PULSE
WINDOW = 15e-3


def noisy_relaxations(kernel, tau, snr, count, *, seed=0):
    """Return the kernel, its times, and traces of unit amplitude with noise."""
    known = kernel_from_name(kernel, pulse=PULSE)
    time = TIME if known.joint else TIME[RELAXATION] - PULSE
    curve, constant = known.curves(time, np.log([tau]))
    curve = curve[0] + constant[0]
    curve /= np.abs(curve).max()
    noise = np.random.default_rng(seed).standard_normal((count, time.size))
    return known, time, curve + noise / snr


def limits(known, time, traces):
    fitted = fit_traces(traces, time, kernel=known)
    return limits_of_tau(
        traces, time, fitted.tau, fitted.log_tau_stderr, fitted.status, kernel=known, start=float(time[0])
    )


@pytest.mark.parametrize(
    ("kernel", "tau", "snr"),
    [
        ("exponential", 1.5e-3, 20),  # the standard error is small: linear
        ("exponential", 10e-3, 10),  # SE 0.15: now the one, now the other
        ("exponential", 20e-3, 10),  # mostly beyond what a slope tells
        ("exponential", 2 * WINDOW, 20),
        ("erfc", 2 * WINDOW, 10),
        ("flux-pulse", 2e-2, 5),
        ("clamped", 1e-3, 5),
    ],
)
def test_95_of_100_intervals_hold_the_truth(kernel, tau, snr):
    count = 2000
    known, time, traces = noisy_relaxations(kernel, tau, snr, count)
    lower, upper = limits(known, time, traces)
    held = ~(lower > tau) & ~(upper < tau)
    # Within what 2000 draws of a 95 % interval give in all but one in 10 000 tries, and half a percent for the rest.
    least, most = binom.ppf([5e-5, 1 - 5e-5], count, [0.945, 0.955])
    assert least <= held.sum() <= most, held.mean()


def test_the_linear_interval_would_not():
    tau = 6 * WINDOW
    known, time, traces = noisy_relaxations("exponential", tau, 10, 2000)
    fitted = fit_traces(traces, time, kernel=known)
    linear = np.abs(np.log(fitted.tau / tau)) <= 1.96 * fitted.log_tau_stderr
    lower, upper = limits(known, time, traces)
    assert linear.mean() < 0.85
    assert (~(lower > tau) & ~(upper < tau)).mean() > 0.93


def test_small_errors_give_the_linear_interval_and_large_ones_the_likelihood_s():
    known, time, traces = noisy_relaxations("exponential", 10e-3, 14, 300)
    fitted = fit_traces(traces, time, kernel=known)
    lower, upper = limits(known, time, traces)
    small = fitted.log_tau_stderr <= LINEAR_UP_TO
    assert 0.05 < small.mean() < 0.95
    np.testing.assert_allclose(
        upper[small], fitted.tau[small] * np.exp(1.96 * fitted.log_tau_stderr[small]), rtol=1e-4
    )
    np.testing.assert_allclose(np.sqrt(lower * upper)[small], fitted.tau[small])
    profile = profile_intervals(traces[~small], time)
    np.testing.assert_array_equal(lower[~small], profile.low)
    np.testing.assert_array_equal(upper[~small], np.where(np.isinf(profile.high), np.nan, profile.high))
    # Not symmetric: the slow side is the long one.
    assert np.nanmedian(np.log(upper * lower / fitted.tau**2)[~small]) > 0.02


def dataset_of_taus(taus, *, noise=0.02):
    """Return a row of pixels that relax with these times after a fast pulse, 10 rows of different noise."""
    rise = 1 - np.exp(-np.clip(TIME, 0, PULSE) / 1e-3)
    decay = np.exp(-np.clip(TIME - PULSE, 0, None) / np.asarray(taus)[:, None])
    traces = rise * decay + noise * np.random.default_rng(2).standard_normal((10, len(taus), TIME.size))
    height, width = traces.shape[:2]
    return dataset_from_traces(
        [traces], time=TIME, x=(np.arange(width) + 0.5) * 1e-8, y=(np.arange(height) + 0.5) * 1e-8, voltage=[-3.0],
        direction=[""], unit="V", protocol=PROTOCOL,
    )  # fmt: skip


def test_what_is_unresolved_has_a_bound_on_one_side():
    slow, fast, still = 40 * WINDOW, 2e-5, 1e6
    dataset = dataset_of_taus([2e-3, slow, fast, still])
    maps = fit(dataset, intervals=True, window1="none")
    status = maps["status2"].values[0]
    lower, upper = (maps[name].values[0] for name in ("D2_lower", "D2_upper"))
    assert (status[:, 0] == OK).all()
    d = maps["D2"].values[0]
    assert ((lower < d) & (d < upper))[:, 0].all()
    is_slow = status == UNRESOLVED_SLOW
    assert is_slow[:, 1].sum() > 5
    assert np.isnan(lower[is_slow]).mean() > 0.9  # D may be anything below …
    bound = diffusion_from_tau(np.array([slow]), TIP_RADIUS)[0]
    assert (upper[is_slow & (np.arange(4) == 1)] > bound).mean() > 0.8  # … this, which holds the truth
    is_fast = status[:, 2] == UNRESOLVED_FAST
    assert is_fast.sum() > 5
    assert np.isfinite(lower[:, 2][is_fast]).all()
    without = ~np.isin(status, (OK, UNRESOLVED_SLOW, UNRESOLVED_FAST))
    assert without.any()
    assert np.isnan(lower[without]).all()
    assert np.isnan(upper[without]).all()
    assert (status[:, 3] == NO_RESPONSE).sum() > 5
    # Without them everything else is the same, bit for bit.
    plain = fit(dataset, window1="none")
    assert "D2_lower" not in plain
    for name in plain.data_vars:
        np.testing.assert_array_equal(plain[name], maps[name], err_msg=name)


def test_the_summary_counts_limits_on_either_side():
    """Of 40 pixels some relax too slowly for a lower limit of D, some too fast for an upper one."""
    maps = fit(dataset_of_taus([2e-3, 40 * WINDOW, 30 * WINDOW, 2e-5]), intervals=True, window1="none")
    lower, upper = (np.isfinite(maps[f"D2_{side}"].values[0]) for side in ("lower", "upper"))
    expected = {
        "n_both": np.sum(lower & upper), "n_only_upper": np.sum(upper & ~lower), "n_only_lower": np.sum(lower & ~upper),
    }  # fmt: skip
    # Slow ones are bounded above alone; of these there are twice as many.
    assert expected["n_only_upper"] > expected["n_only_lower"] > 0
    summary = summary_from_maps(maps)
    limits_of_d = summary["pulses"][0]["D2"]["limits"]
    assert {key: limits_of_d[key] for key in expected} == expected
    said = " ".join(lines_from_summary(summary, maps))
    assert f"95 % interval of D2 in {expected['n_both']} pixels" in said
    assert (
        f"only an upper limit in {expected['n_only_upper']}, only a lower one in {expected['n_only_lower']}"
        in said
    )


@pytest.mark.parametrize("kernel", ["exponential", "flux-pulse"])
def test_limits_reach_all_outputs_and_come_back(kernel, tmp_path, capsys):
    scan, out, pixels = tmp_path / "scan.gwy", tmp_path / "out.gwy", tmp_path / "pixels.csv"
    dataset = example_dataset(shape=(4, 5), noise=0.02)
    save(scan, dataset)
    assert (
        main(["fit", str(scan), "-o", str(out), "--csv", str(pixels), "--intervals", "--kernel", kernel]) == 0
    )
    assert "95 %" in capsys.readouterr().out
    maps = fit(dataset, kernel=kernel, intervals=True)
    name = "D" if kernel == "flux-pulse" else "D1"
    back = maps_from_container(read_container(out))
    for ending in ("lower", "upper"):
        np.testing.assert_allclose(back[f"{name}_{ending}"], maps[f"{name}_{ending}"], rtol=1e-12)
        assert back[f"{name}_{ending}"].attrs["long_name"] == f"{name} {ending}"
    rows = list(csv.DictReader(pixels.read_text().splitlines()))
    found = [float(row[f"{name}_upper"] or "nan") for row in rows]
    np.testing.assert_allclose(found, maps[f"{name}_upper"].values.ravel(), rtol=1e-12)
    # The output is a recipe that gives the same limits.
    again = tmp_path / "again.gwy"
    assert main(["fit", str(scan), "-o", str(again), "--recipe", str(out), "--jobs", "2"]) == 0
    np.testing.assert_array_equal(
        maps_from_container(read_container(again))[f"{name}_lower"], back[f"{name}_lower"]
    )


def test_without_a_radius_tau_has_limits():
    dataset = example_dataset(shape=(2, 3))
    for name in ("tip_radius", "tip_radius_error"):
        dataset.attrs.pop(name)
    maps = fit(dataset, intervals=True)
    assert (maps["tau1_lower"] < maps["tau1"]).all()
    assert (maps["tau1_upper"] > maps["tau1"]).all()
    assert "D1_lower" not in maps


def test_bounds_of_the_search_are_no_limits():
    dataset = dataset_of_taus([40 * WINDOW])
    narrow = fit(dataset, window1="none", intervals=True, tau_bounds=(1e-3, 2e-3))
    wide = fit(dataset, window1="none", intervals=True)
    assert np.isnan(wide["D2_lower"].values).mean() > 0.9
    # At a bound of the search everything is unresolved, and the likelihood says the same as before.
    known = np.isfinite(narrow["D2_upper"].values)
    assert known.sum() > 3
    np.testing.assert_allclose(narrow["D2_upper"].values[known], wide["D2_upper"].values[known], rtol=0.02)


def test_kernels_with_a_shape_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="'stretched' has a shape beside its time"):
        fit(example_dataset(shape=(2, 3)), kernel="stretched", intervals=True)
    with pytest.raises(ValueError, match="true or false"):
        Recipe.from_dict({"version": 1, "intervals": 1})


def test_a_kernel_that_is_over_before_the_first_sample_is_no_trouble():
    traces = np.random.default_rng(0).standard_normal((3, 150)) * 0.01 + np.exp(-TIME[:150] / 5e-3)
    found = profile_intervals(traces, TIME[:150] + 20e-3, start=0.0, bounds=(1e-6, 1.0))
    assert np.isfinite(found.low).all()
    assert (found.low > 1e-6).all()
