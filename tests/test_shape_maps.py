"""Kernels of two parameters as maps: their names, errors and gates, D, files, and the command line."""

import csv
import json

import numpy as np
import pytest
from examples import PROTOCOL, TIP_RADIUS
from gwyfile.objects import GwyContainer
from scipy.optimize import curve_fit
from scipy.special import gamma

from napari_tesm.cli.entry import main
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.displacement import response_probability
from napari_tesm.fitting import fit_traces
from napari_tesm.gwy import contents
from napari_tesm.gwy.graphs import Graph
from napari_tesm.gwy.reading import read_container
from napari_tesm.interface import fit, save
from napari_tesm.io.gwy.point_graphs import add_point_graphs
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.kernels.named import ALL_KERNELS, fitted_curves
from napari_tesm.quantities.status import NO_RESPONSE, OK
from napari_tesm.regions.shapes import PinnedPoint

TIME = np.arange(500) * 5e-5
WINDOW = np.arange(300) * 5e-5
QUANTITIES = {
    "stretched": ("beta", "tau_mean"),
    "biexponential": ("tau_slow", "share", "tau_mean"),
    "power": ("exponent", "tau_mean"),
}
TRUTH = {
    "stretched": {"tau": 1.2e-3, "beta": 0.6, "tau_mean": 1.2e-3 / 0.6 * gamma(1 / 0.6)},
    "biexponential": {"tau": 0.5e-3, "tau_slow": 4e-3, "share": 0.4, "tau_mean": 0.4 * 0.5e-3 + 0.6 * 4e-3},
    "power": {"tau": 2e-3, "exponent": 2.5, "tau_mean": 2e-3 / 1.5},
}


def relaxation(kernel, time, **changed):
    """Return a curve that starts at one and goes to zero."""
    numbers = {"a": 1.0, "c": 0.0, **TRUTH[kernel], **changed}
    return fitted_curves(ALL_KERNELS[kernel], time, {name: np.array([n]) for name, n in numbers.items()})[0]


def shape_dataset(kernel, *, shape=(5, 8), noise=1e-3, **changed):
    """Return traces that rise during the pulse and fall after it, both with the kernel, at two polarities."""
    pulse = TIME < 10e-3 - 1e-9
    trace = np.where(
        pulse,
        1 - relaxation(kernel, np.where(pulse, TIME, 0.0), **changed),
        relaxation(kernel, np.maximum(TIME - 10e-3, 0.0), **changed),
    )
    rng = np.random.default_rng(3)
    stacks = [sign * 0.1 * (trace + noise * rng.standard_normal((*shape, TIME.size))) for sign in (-1, 1)]
    return dataset_from_traces(
        stacks, time=TIME, x=np.arange(shape[1]) * 1e-8, y=np.arange(shape[0]) * 1e-8, voltage=[3.0, -3.0],
        direction=["trace", "retrace"], unit="V", protocol=PROTOCOL,
    )  # fmt: skip


@pytest.mark.parametrize("kernel", QUANTITIES)
def test_maps_hold_all_parameters_and_d_of_the_mean_time(kernel):
    maps = fit(shape_dataset(kernel), kernel=kernel)
    for number in (1, 2):
        assert (maps[f"status{number}"] == OK).all()
        for name in ("tau", *QUANTITIES[kernel]):
            values, errors = maps[f"{name}{number}"], maps[f"{name}{number}_stderr"]
            pulls = (values - TRUTH[kernel][name]) / errors
            assert 0.7 < float(pulls.std()) < 1.35
            assert abs(float(pulls.median())) < 0.5
        np.testing.assert_allclose(maps[f"D{number}"], TIP_RADIUS**2 / maps[f"tau_mean{number}"])
        np.testing.assert_allclose(
            maps[f"D{number}_stderr"] / maps[f"D{number}"],
            maps[f"tau_mean{number}_stderr"] / maps[f"tau_mean{number}"],
        )
        assert f"b{number}" not in maps  # a rate belongs to one exponential
    assert maps["beta1" if kernel == "stretched" else "tau_mean1"].attrs["long_name"] in (
        "beta1",
        "mean tau1",
    )


@pytest.mark.parametrize("start", [0.0, 2e-4])
@pytest.mark.parametrize("kernel", QUANTITIES)
def test_all_standard_errors_are_those_of_least_squares(kernel, start):
    """Against the covariance of curve_fit; those of means and sums by its gradient."""
    names = ("tau", QUANTITIES[kernel][0])

    def model(t, a, c, log_tau, log_second, b=0.0):
        both = {names[0]: np.exp(log_tau), names[1]: np.exp(log_second)}
        share = {"share": a / (a + b)} if kernel == "biexponential" else {}
        return relaxation(kernel, t, a=a + b, c=c, **both, **share)

    def derived(parameters):
        a, c, log_tau, log_second, *b = parameters
        tau, second = np.exp([log_tau, log_second])
        total, share = a + sum(b), a / (a + sum(b))
        mean = {
            "stretched": tau / second * gamma(1 / second),
            "power": tau / (second - 1),
            "biexponential": share * tau + (1 - share) * second,
        }[kernel]
        return np.array([total, c, tau, second, mean, share])

    guess = [1.0, 0.3, *np.log([TRUTH[kernel][name] for name in names])]
    guess = [0.4, *guess[1:], 0.6] if kernel == "biexponential" else guess
    time = WINDOW + start
    trace = model(time, *guess) + 0.01 * np.random.default_rng(8).standard_normal(time.size)
    best, covariance = curve_fit(model, time, trace, p0=guess, ftol=1e-14, xtol=1e-14)
    steps = np.eye(best.size) * 1e-6
    gradient = np.stack([(derived(best + step) - derived(best - step)) / 2e-6 for step in steps], axis=1)
    errors = np.sqrt(np.einsum("ki,ij,kj->k", gradient, covariance, gradient))

    result = fit_traces(trace, time, kernel=kernel, start=0.0)
    found = ["a", "c", "tau", names[1], "tau_mean", *(["share"] if kernel == "biexponential" else [])]
    for name, value, error in zip(found, derived(best), errors, strict=False):
        assert float(result.values(name)) == pytest.approx(value, abs=1e-3 * error)
        assert float(result.values(f"{name}_stderr")) == pytest.approx(error, rel=2e-3)


def test_threads_do_not_change_a_bit():
    dataset = shape_dataset("stretched", shape=(70, 90))
    one, three = (fit(dataset, kernel="stretched", jobs=jobs) for jobs in (1, 3))
    for name in one.data_vars:
        np.testing.assert_array_equal(one[name], three[name])
    traces = dataset["displacement"].values[0].reshape(-1, TIME.size)[:, 200:]
    one, three = (fit_traces(traces, TIME[200:], kernel="power", jobs=jobs) for jobs in (1, 3))
    np.testing.assert_array_equal(one.extra["exponent"], three.extra["exponent"])


def test_d_has_no_meaning_where_the_mean_time_does_not_exist():
    """A power law that falls as t^-0.8 has an infinite area: tau and exponent are known, D is not."""
    maps = fit(shape_dataset("power", exponent=0.8, noise=3e-4), kernel="power")
    assert (maps["status2"] == OK).mean() > 0.9
    assert np.nanmedian(maps["exponent2"]) == pytest.approx(0.8, rel=0.05)
    known = np.isfinite(maps["D2"].values)
    assert known.mean() < 0.1
    np.testing.assert_array_equal(known, np.isfinite(maps["tau_mean2"].values))


def test_a_mean_time_that_is_hardly_known_leaves_d_out():
    """An exponent just above one: the area is finite, but lies beyond the window."""
    maps = fit(shape_dataset("power", exponent=1.03, noise=6e-3), kernel="power")
    exists = (maps["status2"].values == OK) & (maps["exponent2"].values > 1)
    known = np.isfinite(maps["D2"].values)
    assert (exists & ~known).sum() > 10
    relative = maps["tau_mean2_stderr"].values[known] / maps["tau_mean2"].values[known]
    assert (relative <= 0.5).all()
    np.testing.assert_array_equal(known, np.isfinite(maps["tau_mean2_stderr"].values))
    assert np.isfinite(maps["tau2_stderr"].values[exists]).all()


def test_two_amplitudes_of_opposite_sign_have_no_mean_time():
    trace = relaxation("biexponential", WINDOW, share=-0.8)
    result = fit_traces(
        trace + 1e-3 * np.random.default_rng(0).standard_normal(WINDOW.size), WINDOW, kernel="biexponential"
    )
    assert float(result.extra["share"]) == pytest.approx(-0.8, abs=0.05)
    assert np.isnan(result.extra["tau_mean"])


@pytest.mark.parametrize("kernel", QUANTITIES)
def test_flat_noise_is_no_response(kernel):
    """The F-test counts the parameters: at the level of three, noise would pass several times as often."""
    noise = np.random.default_rng(4).standard_normal((4000, WINDOW.size))
    result = fit_traces(noise, WINDOW, kernel=kernel)
    parameters = ALL_KERNELS[kernel].parameters
    passed = [
        float((response_probability(result.r2, result.samples, parameters=count) < 0.01).mean())
        for count in (parameters, 3)
    ]
    assert passed[0] < 0.035
    assert passed[1] > 1.8 * passed[0]


@pytest.mark.parametrize("kernel", QUANTITIES)
def test_the_gate_of_maps_counts_the_parameters(kernel):
    dataset = shape_dataset(kernel)
    noise = 1e-3 * np.random.default_rng(6).standard_normal(dataset["displacement"].shape)
    dataset = dataset.assign(displacement=dataset["displacement"].copy(data=noise))
    maps = fit(dataset, kernel=kernel, threshold=0, response_level=0.3)
    for number, samples in ((1, 200), (2, 300)):
        r2, status = maps[f"r2_{number}"].values, maps[f"status{number}"].values
        parameters = ALL_KERNELS[kernel].parameters
        refused = response_probability(r2, samples, parameters=parameters) >= 0.3
        np.testing.assert_array_equal(status == NO_RESPONSE, refused)
        assert (refused != (response_probability(r2, samples) >= 0.3)).any()


def test_pixels_that_are_not_ok_have_no_shape():
    dataset = shape_dataset("stretched")
    traces = dataset["displacement"].values.copy()
    traces[:, 0, 0] = np.random.default_rng(0).standard_normal((2, TIME.size)) * 1e-4
    dataset = dataset.assign(displacement=dataset["displacement"].copy(data=traces))
    maps = fit(dataset, kernel="stretched", threshold=0)
    assert (maps["status1"][:, 0, 0] == NO_RESPONSE).all()
    for name in ("tau1", "beta1", "beta1_stderr", "tau_mean1", "D1"):
        assert np.isnan(maps[name][:, 0, 0]).all()
        assert np.isfinite(maps[name][:, 1:]).all()


def test_bounds_and_few_samples():
    traces = relaxation("stretched", WINDOW) + 1e-3 * np.random.default_rng(0).standard_normal((20, 300))
    result = fit_traces(traces, WINDOW, kernel="stretched", bounds=(3e-3, 1e-2))
    assert (result.status != OK).all()  # the truth, 1.2 ms, lies outside
    short = fit_traces(traces[:, :7], WINDOW[:7], kernel="stretched")
    assert (short.status == 5).all()
    assert np.isnan(short.extra["beta"]).all()
    with pytest.raises(ValueError, match="narrow the bounds"):
        fit_traces(traces, WINDOW, kernel="stretched", bounds=(1e-12, 1e6))
    with pytest.raises(ValueError, match="exponential, stretched, biexponential, power, erfc"):
        fit_traces(traces, WINDOW, kernel="lorentzian")


@pytest.mark.slow
@pytest.mark.parametrize("kernel", QUANTITIES)
def test_the_command_line_writes_and_reads_back(kernel, tmp_path, capsys):
    scan, out = tmp_path / "scan.gwy", tmp_path / "out.gwy"
    summary, pixels, figure = tmp_path / "s.json", tmp_path / "p.csv", tmp_path / "f.png"
    save(scan, shape_dataset(kernel))
    words = ["fit", str(scan), "-o", str(out), "--kernel", kernel, "--progress", "none", "--csv", str(pixels)]
    assert main([*words, "--json", str(summary), "--figure", str(figure)]) == 0
    printed = capsys.readouterr().out
    assert "mean tau1  median" in printed
    assert figure.stat().st_size > 10_000
    entry = json.loads(summary.read_text())["pulses"][1]
    with pixels.open() as file:
        row = next(csv.DictReader(file))
    maps = maps_from_container(read_container(out))
    expected = fit(shape_dataset(kernel), kernel=kernel)
    container = read_container(out)
    titles = {value for key, value in container.items() if key.endswith("/data/title")}
    for name in QUANTITIES[kernel]:
        assert entry[f"{name}2"]["median"] == pytest.approx(TRUTH[kernel][name], rel=0.1)
        assert entry[f"{name}2"]["n_ok"] == 40
        assert {f"{name}1", f"{name}2_stderr"} <= row.keys()
        for column in (f"{name}1", f"{name}2", f"{name}2_stderr"):
            np.testing.assert_array_equal(maps[column], expected[column])
    title = {"stretched": "beta1", "biexponential": "slow tau1", "power": "exponent1"}[kernel]
    assert {f"{title} (-3 V)", f"{title} standard error (+3 V)"} <= titles

    once_more = tmp_path / "again.gwy"
    assert main(["fit", str(scan), "-o", str(once_more), "--recipe", str(out), "--jobs", "3", "--quiet"]) == 0
    again = maps_from_container(read_container(once_more))
    for name in expected.data_vars:
        if name in again:
            np.testing.assert_array_equal(again[name], expected[name])


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("kernel", QUANTITIES)
def test_curves_of_points_and_of_the_overview_are_those_of_the_maps(kernel, size):
    """Graphs for Gwyddion know neither a nor c; they and the overview must draw what was fitted."""
    from matplotlib.figure import Figure

    from napari_tesm.plotting.overview import draw_fit

    dataset = shape_dataset(kernel)
    maps = fit(dataset, kernel=kernel)
    container = GwyContainer()
    add_point_graphs(container, dataset, maps, [PinnedPoint(1, 3e-8, 2e-8, size)])
    (number,) = contents.ids(container, contents.GRAPH)
    graph = Graph.from_object(container[contents.object_key(contents.GRAPH, number)])
    curves = {curve.description: curve for curve in graph.curves}
    truth = 0.1 * relaxation(kernel, curves["fit 2 (-3 V)"].x - 10e-3)
    np.testing.assert_allclose(curves["fit 2 (-3 V)"].y, truth, atol=2e-4)

    axis = Figure().add_subplot()
    draw_fit(axis, dataset, maps, 1, 2, 3)
    drawn = axis.lines[2].get_ydata()
    factor = np.ptp(drawn) / np.ptp(truth)
    np.testing.assert_allclose(drawn / factor, truth, atol=4e-4)
    if size == 1:
        line = curves["fit 2 (-3 V)"].y
        np.testing.assert_allclose(drawn * np.ptp(line) / np.ptp(drawn), line, atol=2e-6)


def test_the_gwyddion_module_offers_what_the_engine_knows():
    from pathlib import Path

    from napari_tesm.gwyddion_install import installation

    source = (Path(__file__).parents[1] / "gwyddion_plugin" / "parameters.c").read_text()
    for name in ALL_KERNELS:
        assert f'"{name}"' in source
    assert installation.ALL_KERNELS is ALL_KERNELS


@pytest.mark.parametrize("kernel", list(QUANTITIES))
def test_every_memory_order_gives_the_same_bits(kernel):
    dataset = shape_dataset(kernel)
    rows = np.array(dataset["displacement"].values[0].reshape(-1, dataset.sizes["time"]), np.float64) / 3
    time = dataset["time"].values - dataset["time"].values[0]
    expected = fit_traces(rows, time, kernel=kernel)
    other = np.asfortranarray(rows)
    found = fit_traces(other, time, kernel=kernel)
    np.testing.assert_array_equal(found.tau, expected.tau)
    np.testing.assert_array_equal(found.a, expected.a)
    np.testing.assert_array_equal(other, rows)
