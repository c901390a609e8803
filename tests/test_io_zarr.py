"""A dataset as Zarr: what comes back is what was written; nothing is half-written or replaced by accident."""

import json
import tracemalloc
import warnings

import numpy as np
import pytest
import xarray as xr
from examples import example_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm import open_dataset
from napari_tesm.cli import main
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.io.content import ContentError
from napari_tesm.io.detection import content_from_file
from napari_tesm.io.zarr_store import dataset_from_zarr, is_dataset_store, save_zarr

pytest.importorskip("zarr")


def same(a, b):
    assert set(a.variables) == set(b.variables)
    for name in a.variables:
        assert a[name].dims == b[name].dims
        assert a[name].dtype == b[name].dtype, name
        assert np.array_equal(a[name].values, b[name].values, equal_nan=a[name].dtype.kind == "f"), name
        assert a[name].attrs == b[name].attrs, name
    assert a.attrs == b.attrs


def test_everything_comes_back_and_opens_by_content(tmp_path):
    dataset = example_dataset(shape=(6, 5))
    save_zarr(tmp_path / "scan.zarr", dataset)
    assert is_dataset_store(tmp_path / "scan.zarr")
    same(open_dataset(tmp_path / "scan.zarr"), dataset)
    assert [path.name for path in tmp_path.iterdir()] == ["scan.zarr"]


@pytest.mark.slow
@settings(max_examples=30)
@given(data=st.data())
def test_any_traces_are_the_same_to_the_last_bit(tmp_path_factory, data):
    dtype = data.draw(st.sampled_from(["f4", "f8", "i2"]))
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(2, 5)))
    pulses = data.draw(st.integers(1, 3))
    values = (
        np.random.default_rng(data.draw(st.integers(0, 99))).integers(-99, 99, (pulses, *shape)).astype(dtype)
    )
    if dtype != "i2":
        values[0, 0, 0, 0] = data.draw(st.sampled_from([np.nan, np.inf, -0.0, 1e-300]))
    dataset = dataset_from_traces(
        list(values),
        time=np.sort(np.random.default_rng(0).uniform(size=shape[2])),
        x=np.arange(shape[1]),
        y=np.arange(shape[0]),
        voltage=data.draw(st.lists(st.sampled_from([3.0, -3.0, np.nan]), min_size=pulses, max_size=pulses)),
        direction=data.draw(
            st.lists(st.sampled_from(["", "trace", "retrace"]), min_size=pulses, max_size=pulses)
        ),
        unit=data.draw(st.sampled_from(["m", "V", "a.u."])),
        protocol=PulseProtocol(pulse_start=0.1, tip_radius=25e-9),
    )
    path = tmp_path_factory.mktemp("zarr") / "a.zarr"
    save_zarr(path, dataset)
    same(dataset_from_zarr(path), dataset)


def test_images_of_other_grids_come_along(tmp_path):
    dataset = example_dataset(shape=(4, 4))
    image = xr.DataArray(
        np.arange(6.0).reshape(2, 3),
        dims=("y", "x"),
        coords={
            "y": ("y", [0.0, 1.0], {"units": "m", "spacing": 1.0}),
            "x": ("x", [0.0, 1.0, 2.0], {"units": "m", "spacing": 1.0}),
        },
        name="height",
        attrs={"units": "m", "long_name": "Height (coarse)"},
    )
    dataset.encoding["other_channels"] = [image]
    save_zarr(tmp_path / "a.zarr", dataset)
    (back,) = dataset_from_zarr(tmp_path / "a.zarr").encoding["other_channels"]
    xr.testing.assert_identical(back, image)


def test_rows_are_read_when_they_are_asked_for_and_written_in_blocks(tmp_path):
    values = np.broadcast_to(np.float32(1.5), (400, 300, 250))  # 120 MB that are nowhere
    dataset = dataset_from_traces([values], time=np.arange(250), x=np.arange(300), y=np.arange(400))
    tracemalloc.start()
    save_zarr(tmp_path / "a.zarr", dataset)
    written = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    opened = dataset_from_zarr(tmp_path / "a.zarr")
    assert (opened["displacement"].isel(pulse=0, y=3, x=7).values == 1.5).all()
    read = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written < 100e6
    assert read < 30e6


def test_nothing_is_replaced_that_is_no_dataset(tmp_path):
    dataset = example_dataset(shape=(3, 3))
    folder = tmp_path / "thesis.zarr"
    folder.mkdir()
    (folder / "chapter.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(FileExistsError):
            save_zarr(folder, dataset, overwrite=overwrite)
    assert (folder / "chapter.txt").read_text() == "years of work"
    save_zarr(tmp_path / "a.zarr", dataset)
    with pytest.raises(FileExistsError, match=r"allow overwriting \(overwrite=True\)\.$"):
        save_zarr(tmp_path / "a.zarr", dataset)
    other = example_dataset(shape=(2, 2))
    save_zarr(tmp_path / "a.zarr", other, overwrite=True)
    same(dataset_from_zarr(tmp_path / "a.zarr"), other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "thesis.zarr"]


def test_a_failure_on_the_way_leaves_nothing(tmp_path):
    class Failing:
        shape, dtype = (3, 3, 5), np.dtype("f8")

        def __getitem__(self, key):
            raise OSError("the disk is gone")

    dataset = dataset_from_traces([Failing()], time=np.arange(5), x=np.arange(3), y=np.arange(3))
    with pytest.raises(OSError, match="the disk is gone"):
        save_zarr(tmp_path / "a.zarr", dataset)
    assert list(tmp_path.iterdir()) == []


def test_damaged_stores_are_said_in_a_sentence(tmp_path):
    path = tmp_path / "a.zarr"
    save_zarr(path, example_dataset(shape=(3, 3)))
    meta = path / "displacement" / ".zarray"
    text = meta.read_text()
    for damage in ("{", text.replace("<f8", "|O"), text.replace('"shape"', '"shapes"')):
        meta.write_text(damage)
        with pytest.raises(ContentError, match=r"a\.zarr"):
            dataset_from_zarr(path)["displacement"].isel(pulse=0, y=0, x=0).load()
    meta.unlink()
    with pytest.raises(ContentError, match=r"a\.zarr"):
        dataset_from_zarr(path)


@pytest.mark.parametrize(
    "name", [".zarray", ".zattrs", "displacement/.zarray", "displacement/.zattrs", "time/.zarray"]
)
def test_a_description_that_is_a_folder_is_damage_and_no_warning(tmp_path, capsys, name):
    """zarr passed over the array with a warning, and the command said that all was well."""
    path = tmp_path / "a.zarr"
    save_zarr(path, example_dataset(shape=(3, 5)))
    (path / "notes.txt").write_text("What lies beside the arrays is nobody's business.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dataset_from_zarr(path).sizes["x"] == 5
        assert main(["info", str(path)]) == 0
        (path / name).unlink(missing_ok=True)
        (path / name).mkdir()
        for read in (dataset_from_zarr, content_from_file):
            with pytest.raises(ContentError, match=rf"a\.zarr is damaged: '{name}' is a folder"):
                read(path)
        capsys.readouterr()
        for words in (["info", str(path)], ["fit", str(path), "-o", str(tmp_path / "D.gwy")]):
            assert main(words) == 1
            said = capsys.readouterr()
            assert said.out == ""
            assert said.err.count("\n") == 1
            assert f"'{name}' is a folder where a file should be" in said.err


def test_any_other_store_is_described(tmp_path):
    import zarr

    group = zarr.open_group(tmp_path / "b.zarr", mode="w", zarr_format=2)
    array = group.create_array("data", data=np.ones((2, 3, 4), "f4"), attributes={"units": "mV"})
    array.attrs["_ARRAY_DIMENSIONS"] = ["y", "x", "time"]
    group.create_array("time", data=np.arange(4.0), attributes={"units": "ms", "_ARRAY_DIMENSIONS": ["time"]})
    content = content_from_file(tmp_path / "b.zarr")
    source = content.source("data")
    assert source.unit == "mV"
    assert [axis.name for axis in source.axes] == ["y", "x", "time"]
    assert source.axes[2].known
    assert source.axes[2].unit == "ms"
    assert not source.axes[0].known
    (tmp_path / "b.zarr" / "data" / ".zarray").write_text(json.dumps({"zarr_format": 2}))
    with pytest.raises(ContentError, match=r"b\.zarr is no sound Zarr store"):
        content_from_file(tmp_path / "b.zarr")
