"""Reading pieces of files: the right bytes, one sentence where a file is cut meanwhile, in other processes, too."""

import copy
import os
import pickle
import random
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest
from examples import example_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tesm import fit, open_dataset, save
from napari_tesm.files import disk
from napari_tesm.files.disk import DiskBytes, DiskFile, read_strided
from napari_tesm.files.errors import FileChangedError
from napari_tesm.io.hdf5 import content_from_hdf5
from napari_tesm.io.matlab import content_from_matlab
from napari_tesm.io.numpy_files import content_from_numpy
from napari_tesm.io.tdms import content_from_tdms
from napari_tesm.io.zarr_store import content_from_zarr

FIXED_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
RNG = np.random.default_rng(3)
RECORDS = np.dtype([("a", "<i8"), ("b", ">i2")])


@st.composite
def keys(draw, shape):
    def index(size):
        inside = st.integers(-size, size - 1)
        lists = st.lists(inside, min_size=1, max_size=4)
        return draw(st.one_of(st.slices(size), inside, lists))

    return tuple(index(size) for size in shape)


@given(data=st.data())
@FIXED_FOLDER
def test_any_part_of_an_array_is_what_numpy_says(tmp_path, data):
    shape = tuple(data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    dtype = data.draw(st.sampled_from(["<i8", ">i4", "u1", RECORDS]))
    by_columns = data.draw(st.booleans())
    raw = RNG.bytes(5 + int(np.prod(shape)) * np.dtype(dtype).itemsize + 3)
    (tmp_path / "raw").write_bytes(raw)
    whole = np.ndarray(shape, dtype, raw, 5, order="F" if by_columns else "C")
    array = DiskFile(tmp_path / "raw").array(shape, dtype, 5, by_columns=by_columns)
    key = data.draw(keys(shape))
    expected = whole
    for axis in reversed(range(len(shape))):
        expected = expected[(slice(None),) * axis + (key[axis],)]
    assert array.outer(key).tolist() == expected.tolist()


@pytest.mark.parametrize(("gap", "stretch"), [(0, 64), (1 << 14, 64), (1 << 14, 1 << 22)])
def test_numbers_at_any_distance(tmp_path, monkeypatch, gap, stretch):
    """The ways to read them, all on the same numbers: one by one, stretch by stretch, at once."""
    monkeypatch.setattr(disk, "_GAP", gap)
    monkeypatch.setattr(disk, "_STRETCH", stretch)
    raw = RNG.bytes(40_000)
    (tmp_path / "raw").write_bytes(raw)
    for shape, strides in [
        ((7, 30), (5000, 8)),
        ((12, 20), (160, 8)),
        ((12, 20), (8, 100)),
        ((3, 5, 4), (9000, 800, 24)),
    ]:
        out = np.empty(shape)
        read_strided(DiskFile(tmp_path / "raw"), 16, strides, out)
        np.testing.assert_array_equal(out.view("u8"), np.ndarray(shape, "u8", raw, 16, strides))


def test_bytes_and_what_is_found_in_them(tmp_path):
    raw = RNG.bytes(300_000) + b"needle" + RNG.bytes(3)
    (tmp_path / "raw").write_bytes(raw)
    opened = DiskFile(tmp_path / "raw")
    for start, stop in [(0, 4), (65_530, 65_540), (10, 250_000), (299_999, None), (5, 2)]:
        assert opened[start:stop] == raw[start:stop]
    assert opened.find(b"needle") == 300_000
    assert opened.find(b"needle", 10, 300_005) == -1
    assert opened.unpacked("<IH", 299_990) == struct.unpack_from("<IH", raw, 299_990)
    pieces = DiskBytes(opened, [slice(3, 10), slice(200_000, 200_100)])
    assert pieces.read() == raw[3:10] + raw[200_000:200_100]


def npy(path):
    np.save(path, RNG.standard_normal((30, 40, 50)))


def npz(path):
    np.savez_compressed(path, a=RNG.standard_normal((30, 40, 50)))


def mat(path):
    from scipy.io import savemat

    savemat(path, {"a": RNG.standard_normal((30, 40, 50)), "z": np.ones((400, 9)) + 2j})


def packed_mat(path):
    from scipy.io import savemat

    savemat(path, {"a": RNG.standard_normal((30, 40, 50))}, do_compression=True)


def h5(path):
    import h5py

    with h5py.File(path, "w") as file:
        file["plain"] = RNG.standard_normal((30, 40, 50))
        packed = file.create_dataset(
            "packed", data=RNG.standard_normal((30, 40, 50)), chunks=(3, 40, 50), compression=1
        )
        packed.attrs["scale_factor"] = 2.0


def tdms(path):
    from nptdms import ChannelObject, TdmsWriter

    with TdmsWriter(path) as file:
        for _ in range(3):
            file.write_segment([ChannelObject("g", name, RNG.standard_normal(20_000)) for name in "abc"])


def zarr(path):
    import zarr

    zarr.create_array(str(path), data=RNG.standard_normal((30, 40, 50)), chunks=(3, 40, 50))


FORMATS = {
    "a.npy": (npy, content_from_numpy),
    "a.npz": (npz, content_from_numpy),
    "a.mat": (mat, content_from_matlab),
    "packed.mat": (packed_mat, content_from_matlab),
    "a.h5": (h5, content_from_hdf5),
    "a.tdms": (tdms, content_from_tdms),
    "a.zarr": (zarr, content_from_zarr),
}


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_reader_gives_goes_to_other_processes(tmp_path, name):
    write, read = FORMATS[name]
    write(tmp_path / name)
    for source in read(tmp_path / name).sources:
        sent = pickle.loads(pickle.dumps(source.array))
        np.testing.assert_array_equal(sent[...], source.array[...])
        np.testing.assert_array_equal(copy.deepcopy(source.array)[...], source.array[...])


@pytest.mark.parametrize("name", [name for name in FORMATS if not name.endswith("zarr")])
def test_every_truncation_while_reading_is_a_sentence(tmp_path, name):
    """A dozen each, with what the unmapped readers met before: a page that is no longer there kills the process."""
    write, read = FORMATS[name]
    path, draw = tmp_path / name, random.Random(4)
    write(path)
    whole = path.read_bytes()
    for _ in range(12):
        path.write_bytes(whole)
        content = read(path)
        os.truncate(path, draw.randrange(len(whole)))
        for source in content.sources:
            with pytest.raises(OSError, match=r"bytes in use|no longer there") as error:
                source.array[...]
            assert "\n" not in str(error.value)


def scan_file(tmp_path):
    path = tmp_path / "scan.gwy"
    dataset = example_dataset(shape=(40, 60))
    save(path, dataset)
    return path, dataset


def test_an_opened_dataset_is_pickled_and_copied(tmp_path):
    path, _ = scan_file(tmp_path)
    dataset = open_dataset(path)
    values = dataset["displacement"].values
    for other in (pickle.loads(pickle.dumps(dataset)), dataset.copy(deep=True), copy.deepcopy(dataset)):
        np.testing.assert_array_equal(other["displacement"].values, values)
        assert other.encoding.get("source") == dataset.encoding["source"]
    assert len(pickle.dumps(dataset)) < values.nbytes / 10
    sent = pickle.dumps(dataset)
    os.utime(path, ns=(0, 0))
    with pytest.raises(FileChangedError, match="was changed while in use"):
        pickle.loads(sent)


def test_a_file_cut_during_a_fit_ends_in_a_sentence(tmp_path, monkeypatch):
    path, _ = scan_file(tmp_path)
    dataset = open_dataset(path)
    read_at, n_reads = DiskFile._read_at, []

    def cut(self, start, view):
        n_reads.append(start)
        if len(n_reads) == 3:
            os.truncate(path, path.stat().st_size // 2)
        return read_at(self, start, view)

    monkeypatch.setattr(DiskFile, "_read_at", cut)
    with pytest.raises(FileChangedError, match=r"scan\.gwy (changed|ends)"):
        fit(dataset)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows does not let a file be cut that is open")
def test_random_moments_of_truncation_in_another_process(tmp_path):
    """The process that reads lives, whenever the file is cut: it says so and ends in order."""
    program = (
        "import sys\nfrom napari_tesm import open_dataset\nds = open_dataset(sys.argv[1])\nprint('open', flush=True)\n"
        "try:\n    while True: ds['displacement'].values\n"
        "except OSError as error:\n    print(error, flush=True)\n"
    )
    path, _ = scan_file(tmp_path)
    whole, draw = path.read_bytes(), random.Random(1)
    for _ in range(2):
        path.write_bytes(whole)
        with subprocess.Popen(
            [sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout.readline() == "open\n"
            threading.Timer(draw.random() / 20, os.truncate, (path, draw.randrange(len(whole)))).start()
            said = process.communicate(timeout=60)[0]
        assert process.returncode == 0
        assert "scan.gwy" in said


def test_without_positioned_reads_of_the_system(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "preadv", raising=False)
    raw = RNG.bytes(200_000)
    (tmp_path / "raw").write_bytes(raw)
    opened = DiskFile(tmp_path / "raw")
    assert opened[1:150_000] == raw[1:150_000]
    np.testing.assert_array_equal(
        opened.array((100, 3), "u1", 7)[4:50:3], np.ndarray((100, 3), "u1", raw, 7)[4:50:3]
    )
