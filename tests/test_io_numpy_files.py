"""NumPy's files: every number, in place where it can be, and no object is ever unpickled."""

import pickle
import random
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_tesm.io.content import ContentError
from napari_tesm.io.numpy_files import content_from_numpy, is_numpy

FIXED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
KINDS = ["f8", ">f4", "i1", "u1", "<i2", ">u4", "i8", "?"]


class Trap:
    """Unpickling it leaves a trace."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was loaded')",))


@FIXED_FOLDER
@given(
    values=st.sampled_from(KINDS).flatmap(lambda kind: arrays(kind, array_shapes(max_dims=4, max_side=4))),
    by_columns=st.booleans(),
)
def test_any_array_comes_back(tmp_path, values, by_columns):
    values = np.asfortranarray(values) if by_columns else values
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "plain.npz", a=values, b=values[:1])
    np.savez_compressed(tmp_path / "packed.npz", a=values, b=values[:1])
    for name in ("a.npy", "plain.npz", "packed.npz"):
        path = tmp_path / name
        assert is_numpy(path, path.read_bytes()[:4096])
        content = content_from_numpy(path)
        assert len(content.sources) == (1 if name == "a.npy" else 2)
        source = content.source("a")
        np.testing.assert_array_equal(source.array[...], values)
        assert source.array.dtype == values.dtype
        assert source.shape == values.shape
        assert not any(axis.known for axis in source.axes)


def test_records_complex_numbers_and_scalars(tmp_path):
    records = np.array([(1, 2 + 3j), (4, 5 + 6j)], [("n", "i2"), ("z", "c8")])
    np.savez(
        tmp_path / "r.npz", r=records, rate=np.float64(5e4), text=np.array(["a"]), empty=np.zeros((0, 2))
    )
    content = content_from_numpy(tmp_path / "r.npz")
    assert {source.name: source.array[...].tolist() for source in content.sources} == {
        "r/n": [1, 4], "r/z/real": [2, 5], "r/z/imag": [3, 6],
    }  # fmt: skip
    assert content.attributes == {"rate": 5e4, "text": "a"}
    assert [note.split("'")[1] for note in content.notes] == ["empty"]


@pytest.mark.parametrize("name", ["stream.yaml", "stream.npy.yaml"])
def test_a_sidecar_is_reported(tmp_path, name):
    np.save(tmp_path / "stream.npy", np.arange(3))
    assert "sidecar" not in content_from_numpy(tmp_path / "stream.npy").attributes
    (tmp_path / name).write_text("rate: 1 kHz\n")
    assert content_from_numpy(tmp_path / "stream.npy").attributes["sidecar"] == str(tmp_path / name)


def test_a_large_file_stays_where_it_is(tmp_path):
    values = np.zeros((200, 200, 100), "f4")
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "a.npz", a=values)
    tracemalloc.start()
    try:
        for name in ("a.npy", "a.npz"):
            array = content_from_numpy(tmp_path / name).source("a").array
            assert array[100, ::50].shape == (4, 100)
        assert tracemalloc.get_traced_memory()[1] < 2e6  # of 16 MB each
    finally:
        tracemalloc.stop()


def test_a_packed_member_is_unpacked_only_when_it_is_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1_000_000), b=np.arange(3))
    tracemalloc.start()
    try:
        content = content_from_numpy(tmp_path / "a.npz")
        assert content.source("b").array[2] == 2
        assert tracemalloc.get_traced_memory()[1] < 1e6  # of 8 MB
    finally:
        tracemalloc.stop()
    assert content.source("a").array[-1] == 0


def test_pickled_objects_are_never_loaded(tmp_path):
    trap = np.empty(1, object)
    trap[0] = Trap()
    np.save(tmp_path / "trap.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "trap.npz", trap=trap, a=np.arange(2))
    with pytest.raises(ContentError, match="never loaded"):
        content_from_numpy(tmp_path / "trap.npy")
    content = content_from_numpy(tmp_path / "trap.npz")
    assert [source.name for source in content.sources] == ["a"]
    assert "never loaded" in content.notes[0]
    (tmp_path / "bare.npy").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ContentError):
        content_from_numpy(tmp_path / "bare.npy")


def npy(header, data=bytes(16)):
    raw = header.encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(raw)) + raw + data


HOSTILE = {
    "1e18 numbers": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10**18,)}"),
    "1e18 numbers, written out": npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**18},)}}"),
    "a negative size": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"),
    "a size that is a text": npy("{'descr': '<f8', 'fortran_order': False, 'shape': ('a',)}"),
    "a call": npy("{'descr': exit(), 'fortran_order': False, 'shape': (2,)}"),
    "an object": npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}"),
    "no header": b"\x93NUMPY\1\0\xff\xff",
    "another version": b"\x93NUMPY\x09\0\x04\0{}\n ",
    "brackets without end": npy("{'descr': " + "[" * 60000),
}


@pytest.mark.slow
@pytest.mark.parametrize("raw", HOSTILE.values(), ids=list(HOSTILE))
@pytest.mark.parametrize("form", ["npy", "npz", "packed"])
def test_hostile_arrays_are_refused(tmp_path, raw, form):
    path = tmp_path / f"hostile.{form}"
    if form == "npy":
        path.write_bytes(raw)
        with pytest.raises(ContentError, match="hostile") as refused:
            content_from_numpy(path)
        assert "\n" not in str(refused.value)
        return
    with zipfile.ZipFile(
        path, "w", zipfile.ZIP_DEFLATED if form == "packed" else zipfile.ZIP_STORED
    ) as archive:
        archive.writestr("a.npy", raw)
    content = content_from_numpy(path)
    assert content.sources == []
    assert len(content.notes) == 1
    assert "\n" not in content.notes[0]


def test_an_archive_that_would_fill_the_memory_is_left_packed(tmp_path):
    path = tmp_path / "bomb.npz"
    head = npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({4_000_000},)}}", b"")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", head + bytes(32_000_000))
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        at = raw.find(mark) + place
        raw[at : at + 4] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(raw)
    content = content_from_numpy(path)
    assert content.sources == []
    assert "unpacked" in content.notes[0]


def test_cut_and_changed_files_are_read_or_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(20.0).reshape(4, 5))
    np.savez(tmp_path / "p.npz", a=np.arange(20.0), b=np.arange(3))
    np.savez_compressed(tmp_path / "c.npz", a=np.arange(20.0), b=np.arange(3))
    chance = random.Random(3)
    for path in sorted(tmp_path.iterdir()):
        raw = path.read_bytes()
        for length in range(0, len(raw), 5):
            content = harmless(path, raw[:length])
            if path.suffix == ".npy" and length >= 128 + 5 * 8:  # a row is whole
                assert "was cut" in content.notes[0], length
            elif path.suffix == ".npy":
                assert content is None, (path.name, length)
            elif content is not None:  # arrays, packed or not, are used as far as they go
                assert "was cut" in " ".join(content.notes), length
        for _ in range(600):
            changed = bytearray(raw)
            for _ in range(chance.randint(1, 3)):
                at = chance.randrange(len(raw))
                changed[at : at + 4] = chance.choice(
                    [bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f", chance.randbytes(2)]
                )
            harmless(path, changed)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("code", ["<f8", ">f4", "<i2"])
def test_what_is_whole_of_a_cut_array_is_used(tmp_path, order, code):
    values = np.arange(3 * 4 * 5).reshape(3, 4, 5).astype(code)
    np.save(tmp_path / "a.npy", np.asarray(values, order=order))
    raw = (tmp_path / "a.npy").read_bytes()
    contiguous = values if order == "C" else values.T
    for missing in (1, 7, 13, 29, 50):
        (tmp_path / "a.npy").write_bytes(raw[: len(raw) - missing * values.itemsize - 1])
        content = content_from_numpy(tmp_path / "a.npy")
        rows = contiguous.reshape(-1, contiguous.shape[-1])
        expected = rows.astype(np.float64)
        expected[(values.size - missing - 1) // rows.shape[1] :] = np.nan
        expected = expected.reshape(contiguous.shape)
        expected = expected if order == "C" else expected.T
        array = content.sources[0].array
        assert np.array_equal(array[...], expected, equal_nan=True)
        assert np.array_equal(array[1:, ::2, 3], expected[1:, ::2, 3], equal_nan=True)
        assert f"{missing + 1} of its 60 numbers" in content.notes[0]


def harmless(path, raw):
    path.write_bytes(raw)
    message = ""
    try:
        content = content_from_numpy(path)
        for source in content.sources:
            assert source.array[...].shape == source.shape
    except (ContentError, OSError) as refused:
        message = str(refused)
    else:
        return content
    assert message
    assert "\n" not in message
    return None


def test_other_zip_files_are_not_taken_for_archives_of_arrays(tmp_path):
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "text")
    assert not is_numpy(path, path.read_bytes()[:4096])
    assert not is_numpy(path, b"PK")
    assert not is_numpy(path, b"")
