"""A file finds its reader by its content, whatever its name is; what has none is told so in a sentence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from napari_tesm.files.optional import MissingPackageError
from napari_tesm.io.content import ContentError
from napari_tesm.io.detection import content_from_file, format_of_file

FORMATS = {
    "tdms": "NI TDMS",
    "hdf5": "HDF5",
    "ibw": "microscope",
    "bruker": "microscope",
    "spectra": "microscope",
}
NEEDED = {"tdms": "nptdms", "hdf5": "h5py", "ibw": "gwyddionpy_converter", "zarr": "zarr"}


def real_files(shared_data):
    return [path for folder in FORMATS for path in sorted((shared_data / folder).iterdir())]


@pytest.mark.slow
def test_every_real_file_is_known_and_opens_or_is_refused_with_a_reason(shared_data):
    for path in real_files(shared_data):
        assert format_of_file(path) == FORMATS[path.parent.name], path.name
        if path.suffix == ".jpk-force-map":
            with pytest.raises(ContentError, match="JPK"):
                content_from_file(path)
            continue
        content = content_from_file(path)
        assert content.sources, path.name
        for source in content.sources:
            values = np.asarray(source.array[...])
            assert values.shape == source.shape
            assert values.dtype.kind in "biuf"
            assert np.isfinite(values).any()
        assert len({source.name for source in content.sources}) == len(content.sources)


def test_a_name_changes_nothing(shared_data, tmp_path):
    for path in real_files(shared_data):
        if path.suffix == ".jpk-force-map":
            continue
        renamed = tmp_path / "data.txt"
        shutil.copyfile(path, renamed)
        assert format_of_file(renamed) == FORMATS[path.parent.name], path.name
        renamed.unlink()


def test_made_files_are_known(tmp_path):
    import h5py
    import zarr

    scipy.io.savemat(tmp_path / "a", {"x": np.arange(3)})
    np.save(tmp_path / "b.npy", np.arange(3))
    np.savez(tmp_path / "c.npz", x=np.arange(3))
    zarr.create_array(tmp_path / "d", data=np.arange(3))
    with h5py.File(tmp_path / "e", "w", userblock_size=512) as file:
        file["x"] = np.arange(3)
    (tmp_path / "f").write_text("x (nm)\n0\n1\n2\n")
    expected = {"a": "MATLAB", "b.npy": "NumPy", "c.npz": "NumPy", "d": "Zarr", "e": "HDF5", "f": "text"}
    for name, kind in expected.items():
        assert format_of_file(tmp_path / name) == kind
        (source,) = content_from_file(str(tmp_path / name)).sources
        assert source.array[...].tolist() == [0, 1, 2]


OTHERS = {
    "text": b"some words\n" * 20,
    "table of napari's": b"index,shape-type,vertex-index,axis-0,axis-1\n0,0,0,1.5,2\n0,0,1,3,4\n",
    "points of napari's": b"index,axis-0,axis-1\n0,1.5,2\n1,3,4\n",
    "program": b"#!/bin/sh\necho\n",
    "nothing but zeros": bytes(5000),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "tiff": b"II*\0\x08\0\0\0" + bytes(100),
    "zip": b"PK\x03\x04" + bytes(26) + b"a.txt",
    "one byte": b"x",
    "yaml": b"traces: [X]\n",
}


@pytest.mark.parametrize("raw", OTHERS.values(), ids=list(OTHERS))
def test_other_files_are_nobodys(tmp_path, raw):
    path = tmp_path / "data"
    path.write_bytes(raw)
    # napari asks this of everything that is dropped on it; pictures are for its own readers.
    assert format_of_file(path) == ""
    with pytest.raises(ContentError, match="data") as refused:
        content_from_file(path)
    assert "\n" not in str(refused.value)


def test_what_is_no_file_is_said_in_a_sentence(tmp_path, shared_data):
    (tmp_path / "empty.tdms").touch()
    for name, kind, word in (
        ("none.h5", FileNotFoundError, "does not exist"),
        ("empty.tdms", ContentError, "empty"),
        (".", ContentError, "folder that is neither a Zarr store"),
    ):
        with pytest.raises(kind, match=word) as refused:
            content_from_file(tmp_path / name)
        assert "Errno" not in str(refused.value)
    with pytest.raises(ContentError, match="Gwyddion's own"):
        content_from_file(shared_data / "gwy" / "chip.gwy")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for action in (content_from_file, format_of_file):
        with pytest.raises(OSError, match="pipe"):
            action(tmp_path / "pipe")


def test_a_file_that_may_not_be_read_is_said(tmp_path, without_privileges):
    path = tmp_path / "secret.h5"
    path.write_bytes(b"x")
    path.chmod(0)
    with without_privileges(), pytest.raises(PermissionError, match="cannot be opened") as refused:
        content_from_file(path)
    assert "Errno" not in str(refused.value)


@pytest.mark.parametrize("kind", NEEDED)
def test_a_missing_package_is_named_with_how_to_get_it(shared_data, tmp_path, monkeypatch, kind):
    if kind == "zarr":
        path = tmp_path / "a.zarr"
        path.mkdir()
        (path / ".zgroup").write_text("{}")
    else:
        path = next(iter(sorted((shared_data / kind).iterdir())))
    monkeypatch.setenv("PATH", "")
    for name in [name for name in sys.modules if name.split(".")[0] == NEEDED[kind]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, NEEDED[kind], None)
    with pytest.raises(MissingPackageError, match=r"pip install 'napari-tesm\[instruments\]'") as refused:
        content_from_file(path)
    assert path.name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_asking_for_the_format_loads_no_reader_of_others(shared_data):
    """It is asked of everything that is dropped on napari."""
    path = next(iter(sorted((shared_data / "hdf5").iterdir())))
    code = (
        "import sys; from napari_tesm.io.detection import format_of_file; "
        f"print(format_of_file({str(path)!r}), *{{'h5py', 'nptdms', 'zarr', 'scipy'}} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split() == ["HDF5"]


def test_a_package_of_another_age_is_not_told_as_a_damaged_file(tmp_path, monkeypatch):
    """What our call does not fit is no fault of the file; what a library finds in the file is."""
    np.save(tmp_path / "a.npy", np.ones((3, 4)))
    monkeypatch.setattr("napari_tesm.io.numpy_files._header", lambda raw, *, older: raw)
    with pytest.raises(MissingPackageError, match=r"a\.npy cannot be read with the packages .* -U"):
        content_from_file(tmp_path / "a.npy")
    monkeypatch.setattr("napari_tesm.io.numpy_files._header", lambda raw: 1 / 0)
    with pytest.raises(ContentError, match=r"a\.npy cannot be read: division by zero"):
        content_from_file(tmp_path / "a.npy")
