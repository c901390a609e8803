"""The model of one scan: what it knows, what it announces, without a screen."""

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("psygnal")

from napari_tesm import fit
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.trace import TraceModel
from napari_tesm.quantities.status import INCONSISTENT


def scan_of(dataset):
    return Scan("example", dataset, [dataset["topography"]])


def test_traces_are_the_mean_and_standard_deviation_of_the_neighbourhood():
    dataset = example_dataset(shape=(6, 9))
    sample = scan_of(dataset).traces_at((2, 4), size=3)
    block = dataset["displacement"].values[:, 1:4, 3:6].reshape(2, 9, -1)
    assert sample.pixels == 9
    assert np.allclose(sample.mean, block.mean(axis=1), rtol=1e-13, atol=0)
    assert np.allclose(sample.spread, block.std(axis=1, ddof=1), rtol=1e-12, atol=0)


def test_a_neighbourhood_ends_at_the_edge_of_the_image():
    dataset = example_dataset(shape=(6, 9))
    sample = scan_of(dataset).traces_at((0, 8), size=5)
    assert sample.pixels == 9
    assert np.allclose(sample.mean, dataset["displacement"].values[:, :3, 6:].mean(axis=(1, 2)), atol=0)


def test_missing_samples_of_a_neighbour_are_left_out():
    dataset = example_dataset(shape=(3, 3), noise=0)
    values = np.array(dataset["displacement"].values)
    values[:, 0, 0] = np.nan
    values[0, :, :, 5] = np.nan
    dataset["displacement"] = dataset["displacement"].copy(data=values)
    sample = scan_of(dataset).traces_at((1, 1), size=3)
    assert np.isnan(sample.mean[0, 5])
    assert np.isfinite(np.delete(sample.mean[0], 5)).all()
    assert np.allclose(sample.mean[1], np.nanmean(values[1], axis=(0, 1)), atol=0)


def test_fits_of_a_place_are_those_of_the_whole_map():
    dataset = example_dataset(shape=(5, 7), noise=0.02)
    scan = scan_of(dataset)
    scan.set_results(fit(dataset))
    model = TraceModel(scan)
    for row in range(5):
        for column in range(7):
            here = scan.maps.isel(y=row, x=column)
            for pulse, trace in enumerate(model.fits_of(scan.traces_at((row, column)))):
                assert trace.height == pytest.approx(float(here["H"][pulse]), rel=1e-12)
                for number, window in trace.windows.items():
                    assert window.status == int(here[f"status{number}"][pulse])
                    if window.ok:
                        assert window.values["tau"] == pytest.approx(
                            float(here[f"tau{number}"][pulse]), rel=1e-9
                        )
                        diffusion = float(here[f"D{number}"][pulse])
                        assert abs(window.values["D"] / diffusion - 1) < 1e-9
                        error = float(here[f"D{number}_stderr"][pulse])
                        assert window.values["D_stderr"] == pytest.approx(error, rel=1e-6)


def test_a_pixel_of_a_sign_the_map_does_not_show_is_judged_as_on_the_map():
    dataset = example_dataset(shape=(9, 12))
    traces = dataset["displacement"].values.copy()
    traces[:, 4, 5] *= -1
    dataset["displacement"] = dataset["displacement"].copy(data=traces)
    scan = scan_of(dataset)
    scan.set_results(fit(dataset))
    assert (scan.maps["status2"].values[:, 4, 5] == INCONSISTENT).all()
    model = TraceModel(scan)
    for place, expected in (((4, 5), INCONSISTENT), ((4, 6), 0)):
        for trace in model.fits_of(scan.traces_at(place)):
            assert [window.status for window in trace.windows.values()] == [expected] * 2


def test_residuals_and_curve_add_up_to_the_data():
    scan = scan_of(example_dataset(shape=(2, 2)))
    sample = scan.traces_at((0, 1))
    for pulse, trace in enumerate(TraceModel(scan).fits_of(sample)):
        for window in trace.windows.values():
            first = int(np.searchsorted(scan.dataset["time"].values, window.time[0]))
            data = sample.mean[pulse, first : first + window.time.size]
            assert np.allclose(window.curve + window.residuals, data, atol=1e-15)
            assert window.residuals.std(ddof=3) == pytest.approx(0.004, rel=0.35)  # the noise that was put in


def test_what_is_missing_is_named_and_what_is_entered_is_kept():
    dataset = example_dataset(protocol=PulseProtocol(), voltage=(np.nan, np.nan))
    scan = scan_of(dataset)
    assert scan.missing() == ["pulse_start", "pulse_duration", "voltage"]
    assert "voltage unknown" in scan.summary()
    heard = []
    scan.dataset_changed.connect(lambda: heard.append(scan.missing()))
    scan.enter(voltage=[3.0, -3.0], pulse_start=2e-3, pulse_duration=10e-3)
    assert heard == [[]]
    assert scan.labels == ["(+3 V)", "(-3 V)"]
    assert scan.dataset["time"].values[0] == pytest.approx(-2e-3)


def test_without_pulse_timing_the_fitter_says_what_to_do():
    scan = scan_of(example_dataset(protocol=PulseProtocol()))
    model = TraceModel(scan)
    assert all(not trace.windows for trace in model.fits_of(scan.traces_at((0, 0))))
    assert "when the pulse was on" in scan.fit_problem


def test_a_window_in_the_recipe_changes_the_next_fit():
    scan = scan_of(example_dataset())
    model = TraceModel(scan)
    before = model.fits_of(scan.traces_at((1, 1)))[0].windows[2]
    scan.set_recipe(Recipe(window2=Window(12e-3)))
    after = model.fits_of(scan.traces_at((1, 1)))[0].windows[2]
    assert before.time[0] == pytest.approx(10e-3)
    assert after.time[0] == pytest.approx(12e-3)


def test_pins_take_the_lowest_free_number_and_keep_their_colour():
    model = TraceModel(scan_of(example_dataset()))
    scan = model.scan
    for pixel in ((0, 0), (1, 2), (3, 4)):
        scan.look_at(pixel)
        model.pin_probe()
    colour = scan.points[2].colour
    model.remove(2)
    assert [point.number for point in scan.points] == [1, 3]
    assert scan.points[1].colour == colour
    scan.look_at((5, 5))
    assert model.pin_probe().number == 2
    assert len({point.colour for point in scan.points}) == 3


def test_pinning_the_same_pixel_twice_selects_it():
    model = TraceModel(scan_of(example_dataset()))
    model.scan.look_at((2, 3))
    first = model.pin_probe()
    model.select(None)
    assert model.pin_probe() == first
    assert model.selected == first.number
    assert len(model.scan.points) == 1


def test_arrows_move_the_selected_point_and_stop_at_the_edge():
    model = TraceModel(scan_of(example_dataset(shape=(6, 9))))
    scan = model.scan
    scan.look_at((0, 7))
    model.pin_probe()
    model.move(-1, 5)
    point = scan.points[0]
    assert scan.pixel_of(point.x, point.y) == (0, 8)
    model.select(None)
    model.move(1, 0)
    assert scan.probe == (1, 8)
    assert scan.pixel_of(scan.points[0].x, scan.points[0].y) == (0, 8)


def test_a_dragged_window_with_too_few_samples_is_not_taken():
    model = TraceModel(scan_of(example_dataset()))
    model.set_window(2, 24.8e-3, None)
    assert model.scan.recipe.window2 is None
    model.set_window(2, 11e-3, 26e-3)
    assert model.scan.recipe.window2 == Window(11e-3)  # its end lies beyond the record: open
    model.set_window(1, 5e-3, 1e-3)
    assert model.scan.recipe.window1 is None


def test_csv_holds_the_curves_and_the_numbers(tmp_path):
    dataset = example_dataset(shape=(6, 9))
    model = TraceModel(scan_of(dataset))
    model.scan.look_at((2, 3))
    model.pin_probe(size=3)
    model.scan.look_at((4, 5))
    lines = model.csv_text().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert sum("point 1" in line for line in comments) == 2
    assert any("tau2=" in line for line in comments)
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    assert rows[0][-1] == "recipe"
    assert {row[-1] for row in rows[1:]} == {model.scan.evaluation.recipe.digest}
    table = np.genfromtxt([line for line in lines if not line.startswith("#")], delimiter=",", names=True)
    assert np.array_equal(table["time_s"], dataset["time"].values)
    names = table.dtype.names
    probe = next(name for name in names if name.startswith("pixel_4_5") and "fit" not in name)
    assert np.array_equal(table[probe], dataset["displacement"].values[0, 4, 5])
    mean = next(
        name for name in names if name.startswith("point_1") and "fit" not in name and "dev" not in name
    )
    assert np.allclose(
        table[mean], dataset["displacement"].values[0, 1:4, 2:5].mean(axis=(0, 1)), rtol=1e-12, atol=0
    )


def test_hidden_pulse_settings_are_left_out_and_an_empty_choice_shows_all():
    model = TraceModel(scan_of(example_dataset()))
    model.show_pulses({1})
    assert model.pulses == [1]
    model.show_pulses(set())
    assert model.pulses == [0, 1]


def test_settings_are_told_apart_without_brackets():
    scan = scan_of(example_dataset(voltage=(-3.0, -3.0, -3.0), direction=("trace", "trace", "retrace")))
    assert scan.summary().endswith("-3 V trace / -3 V trace #2 / -3 V retrace")


def test_a_scan_in_one_line_says_width_before_height():
    assert "9 × 6 px" in scan_of(example_dataset()).summary()
    assert "3.6 × 1.5 µm" in scan_of(example_dataset()).summary()
