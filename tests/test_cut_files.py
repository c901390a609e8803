"""Files that were cut on their way: what was whole is used, and a refusal says that the file was cut."""

import io

import numpy as np
import pytest
from scipy.io import savemat
from test_channel_times import hdf5, mapped, matlab_5, matlab_7_3, npz
from test_time_bases import COLUMNS, LINE, PERIOD, ROWS, assert_truth, recording

from napari_tesm import open_dataset
from napari_tesm.cli import main
from napari_tesm.io.detection import content_from_file
from napari_tesm.io.mapping.entries import MappingError

INTERVAL = "time: {interval: 0.1 ms}"


def arrays():
    return dict(zip(("line", "dc", "X"), recording()[::-1], strict=True))


def cut(path, n_bytes):
    path.write_bytes(path.read_bytes()[:-n_bytes])
    return path


@pytest.mark.parametrize("lost", [100, 8 * LINE, 8 * LINE * 3 + 5])
def test_the_arrays_of_an_archive_are_used_as_far_as_they_go(tmp_path, lost):
    path = npz(tmp_path, arrays())
    # Of the archive's own list there is nothing left; X is its last array.
    directory = path.read_bytes().index(b"PK\x01\x02")
    path.write_bytes(path.read_bytes()[: directory - lost])
    content = content_from_file(path)
    samples = content.source("X").shape[0]
    assert samples == ROWS * LINE - (lost + 7) // 8
    assert "The file was cut" in content.notes[0]
    dataset = open_dataset(path, mapping=mapped(npz, INTERVAL))
    lines, rest = divmod(samples, LINE)
    pixels = lines * COLUMNS + min(COLUMNS, (rest + 5) // PERIOD)
    assert_truth(dataset, missing=ROWS * COLUMNS - pixels)


@pytest.mark.parametrize(
    ("write", "lost"), [("npz", 300), ("npz", 25_000), ("mat", 25_000), ("unpacked mat", 6000)]
)
def test_arrays_of_archives_and_of_matlab_are_used_as_far_as_they_go(tmp_path, write, lost):
    packed, path = io.BytesIO(), tmp_path / f"a.{write[-3:]}"
    if write == "npz":
        np.savez_compressed(packed, **arrays())
    else:
        savemat(packed, arrays(), do_compression=write == "mat")
    whole = packed.getvalue()
    end = whole.index(b"PK\x01\x02") if write == "npz" else len(whole)
    path.write_bytes(whole[: end - lost])
    content = content_from_file(path)
    there = content.source("X").array[...]
    samples = there.size
    assert ROWS * LINE - 1.2 * lost / 8 - 100 < samples <= ROWS * LINE - lost / 8
    np.testing.assert_array_equal(there, arrays()["X"][:samples])
    np.testing.assert_array_equal(content.source("dc").array[...], arrays()["dc"])
    lack = ROWS * LINE - samples
    of_x = "" if write == "npz" else " of 'X'"
    words = f"{lack} of its {ROWS * LINE} numbers ({100 * lack / (ROWS * LINE):.3g} %){of_x} are missing"
    assert [words in note for note in content.notes] == [True]
    lines, rest = divmod(samples, LINE)
    dataset = open_dataset(path, mapping=mapped(npz, INTERVAL))
    assert_truth(dataset, missing=(ROWS - lines) * COLUMNS - min(COLUMNS, (rest + 5) // PERIOD))


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_of_traces_that_was_packed_and_cut_lacks_its_last_ones(tmp_path, order):
    traces = np.asarray(np.random.default_rng(4).normal(size=(5, 7, 40)), order=order)
    packed, path = io.BytesIO(), tmp_path / "a.npz"
    np.savez_compressed(packed, traces=traces)
    path.write_bytes(packed.getvalue()[:6000])
    read = content_from_file(path).source("traces").array[...]
    here = np.isfinite(read)
    assert 0.4 < here.mean() < 0.7
    np.testing.assert_array_equal(read[here], traces[here])
    along = 2 if order == "C" else 0
    np.testing.assert_array_equal(here.any(axis=along), here.all(axis=along))


def test_a_packed_array_that_is_damaged_and_not_cut_is_left_out(tmp_path):
    packed, path = io.BytesIO(), tmp_path / "a.npz"
    np.savez_compressed(packed, dc=arrays()["dc"], X=arrays()["X"])
    damaged = bytearray(packed.getvalue()[:-200])
    damaged[-30_000:-29_000] = bytes(1000)
    path.write_bytes(damaged)
    content = content_from_file(path)
    assert [source.name for source in content.sources] == ["dc"]
    assert any("'X' is left out: it is damaged" in note for note in content.notes)


def test_a_cut_archive_is_unpacked_to_a_bound(tmp_path, monkeypatch):
    """A few packed bytes may come to any number of zeros, which would be held from the opening on."""
    packed, path = io.BytesIO(), tmp_path / "a.npz"
    np.savez_compressed(packed, dc=arrays()["dc"], zeros=np.zeros(200_000))
    path.write_bytes(packed.getvalue()[:-150])
    monkeypatch.setattr("napari_tesm.io.numpy_files.LARGEST_UNPACKED", 1_000_000)
    content = content_from_file(path)
    assert [source.name for source in content.sources] == ["dc"]
    assert any("'zeros' is left out: the file was cut, and it is larger" in note for note in content.notes)


def test_an_archive_cut_between_two_arrays_says_so(tmp_path):
    path = npz(tmp_path, arrays())
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"PK\x03\x04")])
    assert content_from_file(path).notes == [
        "The file was cut between two arrays, or its list of them is damaged: those found are used."
    ]
    with pytest.raises(
        MappingError, match=r"there is no 'X' in a\.npz; .*\(The file was cut between two arrays"
    ):
        open_dataset(path, mapping=mapped(npz, INTERVAL))


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("block", [0, 512, 2048])
def test_hdf5_behind_a_block_of_the_users_is_read_as_far_as_it_goes(tmp_path, block, libver):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / ("a.mat" if block == 512 else "a.h5")
    with h5py.File(path, "w", userblock_size=block, libver=libver) as file:
        for name, values in arrays().items():
            file[name] = values[:, None].T if block == 512 else values
    if block == 512:
        with path.open("r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM")
    content = content_from_file(cut(path, 8 * LINE))
    assert any("The file was cut: it ends 19200 bytes too early" in note for note in content.notes)
    dataset = open_dataset(path, mapping=mapped(hdf5, INTERVAL))
    assert_truth(dataset, missing=COLUMNS)


@pytest.mark.parametrize("write", [matlab_5, matlab_7_3])
def test_a_channel_that_is_lost_is_missed_with_the_reason(tmp_path, write):
    path = write(tmp_path, arrays())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    with pytest.raises(MappingError, match=r"there is no 'X' in [ab]\.mat; .*\(The file was cut"):
        open_dataset(path, mapping=mapped(write, INTERVAL))


def test_a_mapping_given_for_a_file_is_recognized(tmp_path, capsys):
    mapping = tmp_path / "Scan_A.yaml"
    mapping.write_text("format: t-ESM mapping 1\ntraces: []\n", encoding="utf-8")
    assert main(["info", "--mapping", str(mapping)]) == 1
    assert "Scan_A.yaml is a mapping, which says what is what in another file" in capsys.readouterr().err
