"""Files that `tesm fit` writes, judged by Gwyddion itself; what the input held is carried over bit-equal."""

from pathlib import Path

import numpy as np
import pytest
from examples import CORNER, PROTOCOL, SPACING, example_dataset, exponential_traces

from napari_tesm import fit, open_dataset, save
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.files.disk import DiskArray
from napari_tesm.files.errors import GwySizeError
from napari_tesm.gwy import metadata_entries, read_container, size_of
from napari_tesm.io.gwy.results import field_on_grid, is_result
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.io.gwy.saving import carried_container, check_output_size

SAMPLE = Path(__file__).parents[1] / "sample_data" / "si_c_step.gwy"


@pytest.mark.parametrize("maps_only", [False, True])
def test_gwyddion_reads_a_result_without_a_warning(tmp_path, gwyoracle, gwyddion_check, maps_only):
    out = tmp_path / "out.gwy"
    dataset = open_dataset(SAMPLE)
    save(out, dataset, fit(dataset), maps_only=maps_only)
    assert gwyoracle(out).problems == []
    assert gwyddion_check(out) == ""


def test_negative_control_reads_without_a_warning(tmp_path, gwyoracle, gwyddion_check):
    rng = np.random.default_rng(0)
    traces = rng.standard_normal((4, 6, 100))
    dataset = dataset_from_traces(
        [traces], time=np.arange(100) * 25e-5, x=np.arange(6) * 1e-8, y=np.arange(4) * 1e-8, voltage=[-3.0],
        unit="a.u.", protocol=PROTOCOL,
    )  # fmt: skip
    out = tmp_path / "out.gwy"
    save(out, dataset, fit(dataset))
    assert gwyoracle(out).problems == []
    assert gwyddion_check(out) == ""


def test_what_gwyddion_resaves_gives_the_same_maps(tmp_path, gwyoracle):
    """A user opens and saves the file in Gwyddion; the traces and the protocol must survive that."""
    import os
    import subprocess

    resaved = tmp_path / "resaved.gwy"
    subprocess.run(
        ["gwyddion", f"--convert-to-gwy={resaved}", str(SAMPLE)],
        check=True, timeout=120, capture_output=True, env=os.environ | {"HOME": str(tmp_path)},
    )  # fmt: skip
    before, after = fit(open_dataset(SAMPLE)), fit(open_dataset(resaved))
    for name in ("H", "tau1", "tau2", "status1", "status2"):
        np.testing.assert_array_equal(before[name].values, after[name].values)


def test_input_content_is_carried_over_bit_equal(tmp_path, shared_data):
    sources = [SAMPLE, shared_data / "gwy/tcspc64_brick.gwy"]
    for number, source in enumerate(sources):
        out = tmp_path / f"{number}.gwy"
        dataset = open_dataset(source, time_unit=None if source == SAMPLE else "s")
        maps = fit(dataset) if source == SAMPLE else fit(dataset, window1="none", window2="3.3 ns:12 ns")
        save(out, dataset, maps)
        before, after = read_container(source), read_container(out)
        results = {
            key.split("/")[1]
            for key, value in after.items()
            if key.endswith("/meta") and is_result(metadata_entries(value))
        }
        kept = [key for key in after if key.split("/")[1] not in results]
        assert kept == list(before)
        for key in kept:
            _assert_same(before[key], after[key])


def _assert_same(first, second):
    assert type(first) is type(second)
    if isinstance(first, np.ndarray | DiskArray):
        assert np.asarray(first).tobytes() == np.asarray(second).tobytes()
    elif isinstance(first, dict):
        assert list(first) == list(second)
        assert first.typecodes == second.typecodes
        for key in first:
            _assert_same(first[key], second[key])
    elif isinstance(first, list):
        assert len(first) == len(second)
        for before, after in zip(first, second, strict=True):
            _assert_same(before, after)
    else:
        assert first == second


def test_maps_read_back_are_those_written(tmp_path):
    dataset = example_dataset(noise=0.05)
    maps = fit(dataset)
    assert np.isnan(maps["D2"].values).any()
    save(tmp_path / "out.gwy", dataset, maps)
    back = maps_from_container(read_container(tmp_path / "out.gwy"))
    for name in back.data_vars:
        np.testing.assert_array_equal(back[name].values, maps[name].values)
    np.testing.assert_allclose(back["x"].values, maps["x"].values, rtol=1e-12)
    assert back["voltage"].values.tolist() == [3.0, -3.0]


def test_traces_and_protocol_survive_saving(tmp_path):
    dataset = example_dataset(shape=(4, 7))
    save(tmp_path / "a.gwy", dataset)
    back = open_dataset(tmp_path / "a.gwy")
    np.testing.assert_array_equal(back["displacement"].values, dataset["displacement"].values)
    np.testing.assert_allclose(back["time"].values, dataset["time"].values, atol=1e-15)
    np.testing.assert_array_equal(back["topography"].values, dataset["topography"].values)
    for name in (
        "pulse_start",
        "pulse_duration",
        "ac_amplitude",
        "ac_frequency",
        "tip_radius",
        "tip_radius_error",
    ):
        assert back.attrs[name] == dataset.attrs[name]
    assert back["direction"].values.tolist() == ["trace", "retrace"]


def test_a_map_on_a_grid_without_metres_keeps_its_unit():
    dataset = example_dataset(shape=(4, 7))
    like = dataset["topography"].assign_coords(
        {name: dataset[name].assign_attrs(units=unit) for name, unit in (("y", "V"), ("x", "V"))}
    )
    field = field_on_grid(np.zeros((4, 7)), like, "m²/s")
    assert (field.unit_xy, field.unit_z) == ("V", "m²/s")
    assert (field.x_real, field.y_real) == pytest.approx((7 * SPACING[1], 4 * SPACING[0]))
    assert (field.x_offset, field.y_offset) == pytest.approx(CORNER[::-1])


def test_non_uniform_times_survive_as_a_calibration(tmp_path, gwyoracle):
    time = np.concatenate([np.arange(50) * 1e-4, 5e-3 + np.arange(80) * 2.5e-4])
    tau = np.full((3, 5), 1.5e-3)
    dataset = dataset_from_traces(
        [exponential_traces(time, tau, tau, 0.1 + 0 * tau)], time=time, x=np.arange(5) * 1e-8,
        y=np.arange(3) * 1e-8, voltage=[-3.0], unit="V", protocol=PROTOCOL,
    )  # fmt: skip
    save(tmp_path / "a.gwy", dataset)
    assert gwyoracle(tmp_path / "a.gwy").problems == []
    back = open_dataset(tmp_path / "a.gwy")
    np.testing.assert_array_equal(back["time"].values, time)
    np.testing.assert_allclose(fit(back)["tau2"].values, 1.5e-3, rtol=1e-6)


def test_arbitrary_units_survive(tmp_path):
    save(tmp_path / "a.gwy", example_dataset(unit="a.u."))
    back = open_dataset(tmp_path / "a.gwy")
    assert back["displacement"].attrs["units"] == "a.u."
    maps = fit(back)
    save(tmp_path / "b.gwy", back, maps)
    assert maps_from_container(read_container(tmp_path / "b.gwy"))["H"].attrs["units"] == "a.u."


@pytest.mark.slow
def test_too_large_an_output_is_refused_before_fitting(tmp_path):
    huge = np.broadcast_to(np.float64(0), (4096, 4096, 33))
    dataset = dataset_from_traces(
        [huge], time=np.arange(33) * 1e-3, x=np.arange(4096.0), y=np.arange(4096.0), voltage=[-3.0],
        unit="V", protocol=PROTOCOL,
    )  # fmt: skip
    assert size_of(carried_container(dataset)) > 2**32
    with pytest.raises(
        GwySizeError, match=r"leave the traces out with maps_only=True, or end its name in \.gwy3"
    ):
        check_output_size(dataset, maps_only=False, path="out.gwy2")


def test_a_file_that_changes_while_open_is_noticed(tmp_path):
    path = tmp_path / "a.gwy"
    save(path, example_dataset())
    dataset = open_dataset(path)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(OSError, match=r"changed from \d+ to \d+ bytes"):
        fit(dataset)


def test_a_channel_with_missing_pixels_is_saved_with_them_marked(tmp_path, gwyddion_check):
    dataset = example_dataset(shape=(4, 5))
    values = dataset["topography"].values.copy()
    values[1, 2], values[3, 0] = np.nan, np.inf
    dataset["topography"] = dataset["topography"].copy(data=values)
    out = tmp_path / "out.gwy"
    save(out, dataset)
    again = open_dataset(out)
    good = np.isfinite(values)
    assert np.array_equal(again["topography"].values[good], values[good])
    assert np.array_equal(again["topography_mask"].values, ~good)
    assert gwyddion_check(out) == ""


@pytest.mark.parametrize(("shape", "size"), [((1, 40), (0.4e-6, 0.4e-6)), ((40, 1), (0.25e-6, 0.25e-6))])
def test_a_single_line_is_saved_as_square_pixels(tmp_path, shape, size):
    save(tmp_path / "line.gwy", example_dataset(shape=shape))
    again = open_dataset(tmp_path / "line.gwy")
    assert [again[axis].attrs["spacing"] for axis in ("y", "x")] == pytest.approx(size)
