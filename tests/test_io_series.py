"""Several recordings of one area as one dataset with many pulse settings."""

import numpy as np
import pytest
from examples import example_dataset

from napari_tesm import fit, open_dataset, open_series, save
from napari_tesm.data.protocol import PulseProtocol


def voltages(value, **options):
    return example_dataset(shape=(5, 6), voltage=(value, -value), **options)


def moved(dataset, distance):
    """The same with another origin of x; its attributes are kept, whatever xarray does by default."""
    x = dataset["x"]
    return dataset.assign_coords(x=(x + distance).assign_attrs(x.attrs))


def test_pulse_settings_follow_one_another_and_images_keep_their_file(tmp_path):
    datasets = [voltages(value) for value in (1.0, 2.0, 3.0)]
    paths = [tmp_path / f"scan{number}.gwy" for number in (1, 2, 3)]
    for path, dataset in zip(paths, datasets, strict=True):
        save(path, dataset)
    series = open_series(paths)
    assert series["voltage"].values.tolist() == [1.0, -1.0, 2.0, -2.0, 3.0, -3.0]
    expected = np.concatenate([dataset["displacement"].values for dataset in datasets])
    assert np.array_equal(series["displacement"].values, expected)
    assert np.array_equal(
        series["displacement"].isel(pulse=[5, 0], y=2, x=slice(1, 4)).values, expected[[5, 0], 2, 1:4]
    )
    assert [str(array.attrs["long_name"]) for array in series.data_vars.values() if array.dims == ("y", "x")] == [
        "Topography", "Topography (scan2)", "Topography (scan3)",
    ]  # fmt: skip
    maps = fit(series, tip_radius="25 nm")
    single = fit(open_dataset(paths[2]), tip_radius="25 nm")
    assert np.array_equal(maps["D1"].values[4:], single["D1"].values, equal_nan=True)
    save(tmp_path / "series.gwy", series)
    again = open_dataset(tmp_path / "series.gwy")
    assert np.array_equal(again["displacement"].values, expected)


def test_traces_stay_in_their_files(tmp_path):
    paths = []
    for number in (1, 2):
        paths.append(tmp_path / f"{number}.gwy")
        save(paths[-1], voltages(float(number)))
    series = open_series(paths)
    assert not isinstance(series["displacement"].variable._data, np.ndarray)
    save(paths[1], voltages(5.0), overwrite=True)
    assert series["displacement"].isel(pulse=0, y=0, x=0).shape == (series.sizes["time"],)
    with pytest.raises(OSError, match=r"2\.gwy"):
        series["displacement"].isel(pulse=2, y=0, x=0).load()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: example_dataset(shape=(5, 7)), "7 × 5 pixels, not 6 × 5"),
        (lambda: moved(voltages(3.0), 1e-6), "other places"),
        (lambda: voltages(3.0).isel(time=slice(0, 100)), "100 samples"),
        (
            lambda: voltages(3.0, protocol=PulseProtocol(pulse_start=0.0, pulse_duration=0.008)),
            "another duration",
        ),
    ],
)
def test_what_does_not_go_together_is_named(tmp_path, other, words):
    save(tmp_path / "a.gwy", voltages(3.0))
    save(tmp_path / "b.gwy", other())
    with pytest.raises(ValueError, match=rf"b\.gwy does not go with a\.gwy: .*{words}"):
        open_series([tmp_path / "a.gwy", tmp_path / "b.gwy"])


def test_one_file_is_a_series_and_none_is_not(tmp_path):
    save(tmp_path / "a.gwy", voltages(3.0))
    assert open_series([tmp_path / "a.gwy"]).sizes["pulse"] == 2
    with pytest.raises(ValueError, match="at least one file"):
        open_series([])
