"""Examples of fits: numbers as the maps have them, curves and residuals that are those of the fit."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from napari_tesm import fit
from napari_tesm.data.phase import rotated_dataset
from napari_tesm.findings.fit_examples import fit_examples, pixels_by_quality
from napari_tesm.plotting.fit_examples import draw_fit_examples
from napari_tesm.quantities.status import OK
from napari_tesm.simulation import simulate, simulate_series

SIMULATION = simulate(size=(24, 20), samples=125)
SCAN = SIMULATION.dataset


@pytest.fixture(scope="module")
def maps():
    return fit(SCAN)


def test_numbers_are_those_of_the_maps(maps):
    pixels = pixels_by_quality(maps, 1)
    assert [name for name, _, _ in pixels] == [
        "quantile 0.05 of R2 2",
        "quantile 0.5 of R2 2",
        "quantile 0.95 of R2 2",
    ]
    for example in fit_examples(SCAN, maps, 1, pixels):
        here = maps.isel(pulse=1, y=example.row, x=example.column)
        assert example.label == "(-3 V)"
        for window in example.windows:
            n = window.number
            known = {"tau": f"tau{n}", "a": f"a{n}", "c": f"c{n}", "D": f"D{n}", "b": f"b{n}", "r2": f"r2_{n}",
                     "tau_stderr": f"tau{n}_stderr", "D_stderr": f"D{n}_stderr", "rms": f"rms_{n}"}  # fmt: skip
            if window.ok:
                for name, of_map in known.items():
                    assert window.values[name] == pytest.approx(float(here[of_map]), rel=1e-6)
            assert int(here[f"status{n}"]) == window.status


def test_curve_and_residuals_belong_together(maps):
    example = fit_examples(SCAN, maps, 1, pixels_by_quality(maps, 1)[-1:])[0]
    for window in example.windows:
        inside = np.isin(example.time, window.time)
        np.testing.assert_allclose(window.curve + window.residuals, example.trace[inside], atol=1e-15)
        # What the formula of the paper says, and what its residuals come to.
        values = window.values
        start = min(0.0 if window.number == 1 else 10e-3, window.time[0])
        formula = values["a"] * np.exp(-values["b"] * (window.time - start)) + values["c"]
        np.testing.assert_allclose(window.curve, formula, rtol=0, atol=1e-9)
        explained = 1 - window.residuals.var() / example.trace[inside].var()
        assert explained == pytest.approx(values["r2"], abs=1e-6)
        assert np.abs(window.residuals.mean()) < 1e-6


def test_quality_is_in_order(maps):
    pixels = pixels_by_quality(maps, 1, quantiles=(0.0, 0.5, 1.0))
    r2 = [float(maps["r2_2"].values[1, row, column]) for _, row, column in pixels]
    assert r2 == sorted(r2)
    accepted = maps["status2"].values[1] == OK
    assert r2[0] == maps["r2_2"].values[1][accepted].min()
    assert r2[2] == maps["r2_2"].values[1][accepted].max()


def test_a_pixel_that_was_not_accepted_says_why(maps):
    row, column = np.argwhere(maps["status2"].values[1] != OK)[0]
    example = fit_examples(SCAN, maps, 1, [("point 1", int(row), int(column))])[0]
    assert not example.windows[1].ok


def test_turned_traces_are_shown_turned():
    scan = simulate_series(size=(48, 36), samples=60).scan(3.0)
    maps = fit(scan, phase_rotation=8.0)
    example = fit_examples(scan, maps, 1, [("point 1", 5, 6)])[0]
    np.testing.assert_array_equal(example.trace, rotated_dataset(scan, 8.0)["displacement"].values[1, 5, 6])


def test_nothing_accepted_gives_no_pixel():
    flat = fit(simulate("silicon-wafer", size=(10, 8), samples=60).dataset)
    assert pixels_by_quality(flat, 0) == [] or (flat["status2"].values[0] == OK).any()
    figure = Figure()
    draw_fit_examples(figure, [], unit="V")
    assert figure.axes == []


def test_the_drawing_shows_data_fits_and_residuals(maps):
    examples = fit_examples(SCAN, maps, 1, pixels_by_quality(maps, 1))
    figure = Figure(figsize=(10, 4))
    draw_fit_examples(figure, examples, unit="V")
    figure.draw_without_rendering()
    assert len(figure.axes) == 6
    above = figure.axes[0]
    # Data and two fits, in mV.
    assert len(above.lines) == 3
    np.testing.assert_allclose(above.lines[0].get_ydata(), examples[0].trace * 1e3)
    np.testing.assert_allclose(above.lines[1].get_ydata(), examples[0].windows[0].curve * 1e3)
    below = figure.axes[3]
    np.testing.assert_allclose(below.lines[0].get_ydata(), examples[0].windows[0].residuals * 1e3)


def test_kernels_with_a_shape_have_more_numbers():
    found = fit(SCAN, kernel="stretched")
    example = fit_examples(SCAN, found, 1, pixels_by_quality(found, 1)[-1:])[0]
    assert example.windows[1].ok
    for window in example.windows:
        here = found.isel(pulse=1, y=example.row, x=example.column)
        if window.ok:
            assert window.values["beta"] == pytest.approx(float(here[f"beta{window.number}"]), rel=1e-4)
            assert window.values["D"] == pytest.approx(float(here[f"D{window.number}"]), rel=1e-3)
        assert np.isfinite(window.values["beta"])
        explained = 1 - (window.residuals**2).sum() / (
            (window.curve + window.residuals).var() * window.time.size
        )
        assert explained == pytest.approx(window.values["r2"], abs=1e-4)
