"""The section of the noise: its parts, independent samples and nuisances, against noise and drift that were put in."""

import numpy as np
import pytest
from examples import exponential_traces, lock_in_noise
from plotting_checks import agg_figure, assert_legible
from report_examples import example_data, fitted

from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.interface import fit
from napari_tesm.noise.autocorrelation import autocorrelation_from_residuals
from napari_tesm.noise.correlation import NoiseModel, Residuals
from napari_tesm.noise.processes import Process
from napari_tesm.report.data import InputFile, ReportScan
from napari_tesm.report.sections import noise

TIME = np.arange(400) * 5e-5
SHAPE = (14, 20)


def scan_of(*, samples, drift=0.0, recipe=None, seed=0):
    """Return a fitted scan of exponentials, SNR 20, in noise behind one stage of so many samples."""
    rng = np.random.default_rng(seed)
    traces = exponential_traces(TIME, 3e-3, 2e-3, np.ones(SHAPE)) + drift * TIME / TIME[-1]
    traces = traces + 0.05 * lock_in_noise(rng, traces.shape, samples=samples)
    dataset = dataset_from_traces(
        [traces], time=TIME, x=1e-6 + np.arange(SHAPE[1]) * 0.4e-6, y=np.arange(SHAPE[0]) * 0.25e-6,
        voltage=[-3.0], unit="V", protocol=PulseProtocol(pulse_start=0.0, pulse_duration=10e-3, tip_radius=25e-9),
    )  # fmt: skip
    recipe = recipe or Recipe()
    evaluation = Evaluation.of(dataset, recipe)
    return ReportScan(
        "scan", evaluation.dataset, file=InputFile("scan.gwy", ""), recipe=evaluation.recipe,
        maps=fit(dataset, recipe=recipe),
    )  # fmt: skip


@pytest.fixture(scope="module")
def slow():
    """Noise of 8 samples, 0.4 ms."""
    return scan_of(samples=8.0)


def row_of(section, table=0):
    found = section.tables[table]
    return dict(zip([column.title for column in found.heads], found.rows[0], strict=True))


def test_parts_and_independent_samples_are_those_that_were_put_in(slow):
    section = noise.section_from_data(example_data(slow, chosen=False))
    row = row_of(section)
    shares = section.numbers["scans"][0]["noise"][0]["shares"]
    assert shares["slow"] + shares.get("fast", 0.0) > 0.95
    assert row["slow (1/f) (%)"] == 100 * shares["slow"]
    assert row["samples, window 1"] == row["samples, window 2"] == 200
    # Towards slow curves n samples of an autoregressive process count as n·(1−φ)/(1+φ): 200 as 12.5.
    assert 9 < row["count as, window 1"] < 18
    (warning,) = section.warnings
    assert "Fewer than 30 independent samples in window 1 and window 2" in warning
    assert "200 samples of window 1 count as" in section.paragraphs[0]


def test_white_noise_has_one_part_and_no_warning():
    section = noise.section_from_data(example_data(scan_of(samples=0), chosen=False))
    row = row_of(section)
    assert row["white (%)"] == 100
    assert row["count as, window 1"] == row["samples, window 1"]
    assert section.warnings == []
    assert section.paragraphs[0] == "scan (-3 V): white."


def test_the_table_of_nuisances_names_a_drift_and_its_size():
    recipe = Recipe(kernel="clamped", nuisance="auto", threshold=0.0)
    scan = scan_of(samples=0, drift=0.15, recipe=recipe)
    section = noise.section_from_data(example_data(scan, chosen=False))
    rows = {row[1]: row for row in section.tables[1].rows}
    assert {name.partition(" ")[0] for name in rows} == {"drift", "step", "mains"}
    entry = {test["text"]: test for test in section.numbers["scans"][0]["nuisances"]}["drift"]
    # Exponentials are no clamped tip, which is said.
    assert rows["drift"][3:] == [True, entry["significance"], 100 * entry["size"], entry["bias"]]
    fitted_texts = section.numbers["scans"][0]["fitted"].split(",")
    assert [row[1] for row in section.tables[1].rows if row[2]] == [
        text.replace(":", " ") for text in fitted_texts if text != "none"
    ]


def test_a_result_that_says_nothing_of_its_noise_has_no_section():
    _, maps = fitted()
    scan = ReportScan("old", file=InputFile("old.gwy", ""), maps=maps.assign_attrs(instrument="nonsense"))
    assert noise.section_from_data(example_data(scan, chosen=False)) is None


def test_the_autocorrelation_of_known_noise_lies_on_its_model():
    rng = np.random.default_rng(3)
    values = lock_in_noise(rng, (4000, 120), samples=6.0)
    values -= values.mean(axis=1, keepdims=True)
    time = np.arange(120) * 5e-5
    window = Residuals(time, values, np.zeros(4000, dtype=np.intp), [np.ones((120, 1))])
    found = autocorrelation_from_residuals(window, NoiseModel({Process("slow", 6 * 5e-5): 1.0}, 4000))
    np.testing.assert_allclose(found.measured, found.modelled, atol=0.02)
    # Less the mean: ρ − v over 1 − v, with v the variance of the mean of n samples.
    lag = np.arange(-119, 120)
    mean = np.sum((1 - np.abs(lag) / 120) * np.exp(-np.abs(lag) / 6)) / 120
    assert found.lags[:2] == pytest.approx([5e-5, 1e-4])
    assert found.measured[0] == pytest.approx((np.exp(-1 / 6) - mean) / (1 - mean), abs=0.02)
    white = autocorrelation_from_residuals(window, NoiseModel())
    assert abs(white.modelled).max() < 0.02


def test_the_figure_is_legible_and_shows_both(slow):
    section = noise.section_from_data(example_data(slow, chosen=False))
    (figure,) = section.figures
    drawn = agg_figure(tuple(100 * side for side in figure.size))
    figure.fill(drawn)
    assert_legible(drawn)
    for axes in drawn.axes:
        points, line = (one for one in axes.lines if len(one.get_xdata()) > 2)
        # As residuals have it: half a window of them.
        assert np.abs(points.get_ydata() - line.get_ydata())[:20].max() < 0.1
        assert points.get_ydata()[0] > 0.8
