"""Pieces of arrays that were never written, in Zarr stores and HDF5 files: no zeros are made up for a signal."""

import numpy as np
import pytest

from napari_tesm.io.detection import content_from_file
from napari_tesm.io.hdf5 import content_from_hdf5
from napari_tesm.io.zarr_store import content_from_zarr

ROWS, COLUMNS, SAMPLES = 4, 6, 40
RANDOM = np.random.default_rng(5)
TRACES = RANDOM.normal(3.0, 1.0, (ROWS, COLUMNS, SAMPLES)).astype("f4")
COUNTS = RANDOM.integers(100, 900, 200).astype("i2")


def write_unfinished(group):
    """Write what a recorder leaves that stops half-way through its scan: all arrays are as long as the scan."""
    create = group.create_dataset if group.__module__.startswith("h5py") else group.create_array
    create("traces", shape=TRACES.shape, chunks=(2, 3, SAMPLES), dtype="f4")
    group["traces"][:2] = TRACES[:2]
    group["traces"][2, :3] = TRACES[2, :3]  # half of a piece: the rest of it is zero
    create("X", shape=(200,), chunks=(16,), dtype="i2")
    group["X"][:48], group["X"][80:130] = COUNTS[:48], COUNTS[80:130]
    create("never", shape=(4, 6), chunks=(2, 2), dtype="f8")  # its description alone is in the file


def assert_told_apart(content, kind):
    traces, x = content.source("traces"), content.source("X")
    values = traces.array[...]
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values[:2], TRACES[:2])
    assert np.isnan(values[2:, 3:]).all()
    assert np.isfinite(values[2:, :3]).all()
    # Parts of it are the same parts.
    np.testing.assert_array_equal(traces.array[3:0:-2, 1:, 5::7], values[3:0:-2, 1:, 5::7])
    np.testing.assert_array_equal(traces.array[2, 4], values[2, 4])
    # A row ends with the last piece that is there, and has a hole in which nothing is known.
    assert x.shape == (144,)
    assert np.isnan(x.array[48:80]).all()
    np.testing.assert_array_equal(x.array[:48], COUNTS[:48])
    np.testing.assert_array_equal(x.array[80:130], COUNTS[80:130])
    said = "\n".join(content.notes)
    assert "'traces': 1 of its 4 pieces are not there; what they would hold is left empty." in said
    assert "it is used up to the last that is, 144 of 200 samples" in said
    assert f"none of its 6 {kind} is there" in said
    assert [source.name for source in content.sources] == ["X", "traces"]


@pytest.mark.parametrize("version", [2, 3])
def test_pieces_missing_in_a_zarr_store_are_no_zeros(tmp_path, version):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "scan.zarr", mode="w", zarr_format=version)
    write_unfinished(group)
    assert_told_apart(content_from_zarr(tmp_path / "scan.zarr"), "pieces")


def test_a_trigger_of_which_zarr_left_out_the_zeros_is_whole(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "scan.zarr", mode="w")
    trigger = group.create_array("trigger", shape=(200,), chunks=(16,), dtype="u1")
    pulses = np.zeros(200, "u1")
    pulses[[3, 70, 71, 150]] = 1
    trigger[...] = pulses
    group.create_array("offset", shape=(), dtype="i4")[...] = 0
    content = content_from_file(tmp_path / "scan.zarr")
    np.testing.assert_array_equal(content.source("trigger").array[...], pulses)
    assert content.attributes["offset"] == 0
    assert any("10 of its 13 pieces are not there and count as full of 0" in note for note in content.notes)


def test_chunks_that_hdf5_never_wrote_are_no_zeros(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        write_unfinished(file)
    assert_told_apart(content_from_hdf5(tmp_path / "scan.h5"), "pieces")


def test_what_a_file_calls_missing_is_empty(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["packed"] = np.array([[1, -32768, 3], [4, 5, -9]], "i2")
        file["packed"].attrs.update({"scale_factor": 0.5, "_FillValue": np.array([-32768], "i2")})
        file["z"] = np.array([[1.5, 9.96921e36, 2], [3, 4, -1]], "f4")
        file["z"].attrs["missing_value"] = np.float32(9.96921e36)
    content = content_from_hdf5(tmp_path / "scan.h5")
    np.testing.assert_array_equal(content.source("packed").array[...], [[0.5, np.nan, 1.5], [2, 2.5, -4.5]])
    np.testing.assert_array_equal(content.source("z").array[...], [[1.5, np.nan, 2], [3, 4, -1]])
    assert content.source("z").array.dtype == np.float32
