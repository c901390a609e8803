"""MATLAB files: every number scipy reads, in MATLAB's shape, unpacked when asked for, and nothing believed."""

import random
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_tesm.io.content import ContentError
from napari_tesm.io.matlab import content_from_matlab, is_matlab

FIXED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
MADE_BY_MATLAB = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data"
KINDS = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


def taken_apart(name, value, out):
    """Collect the arrays of what scipy reads under the names this project gives them."""
    fields = value.dtype.names if isinstance(value, np.ndarray) else None
    if fields or (isinstance(value, np.ndarray) and value.dtype == object):
        several = sum(size > 1 for size in value.shape) > 1
        for index, element in enumerate(value.ravel(order="F")):
            places = np.unravel_index(index, value.shape, order="F") if several else (index,)
            number = ",".join(str(place + 1) for place in places)
            if fields:
                for field in fields:
                    which = f"({number})" if value.size > 1 else ""
                    taken_apart(f"{name}{which}.{field}", element[field], out)
            else:
                taken_apart(f"{name}{{{number}}}", element, out)
    elif isinstance(value, np.ndarray) and value.size > 1 and value.dtype.kind in "biufc":
        vector = value.ravel() if value.ndim == 2 and 1 in value.shape else value
        parts = {"/real": vector.real, "/imag": vector.imag} if vector.dtype.kind == "c" else {"": vector}
        out.update({name + part: numbers for part, numbers in parts.items()})
    return out


def assert_as_scipy(path):
    content = content_from_matlab(path)
    expected = {}
    for name, value in scipy.io.loadmat(path).items():
        if not name.startswith("__"):
            taken_apart(name, value, expected)
    assert {source.name for source in content.sources} == set(expected)
    for source in content.sources:
        np.testing.assert_array_equal(source.array[...], expected[source.name])
        assert source.array[...].dtype == source.array.dtype
    return content


KINDS_OF_MATLAB = (
    "test3dmatrix", "testcell", "testcellnest", "testcomplex", "testdouble", "testemptycell", "testmatrix", "testmulti",
    "testobject", "testsparse", "teststring", "teststruct", "teststructarr", "teststructnest",
)  # fmt: skip
VERSIONS = ("6.1_SOL2", "6.5.1_GLNX86", "7.1_GLNX86", "7.4_GLNX86")
FILES = [
    path
    for name in KINDS_OF_MATLAB
    for version in VERSIONS
    if (path := MADE_BY_MATLAB / f"{name}_{version}.mat").exists()
]


@pytest.mark.skipif(not FILES, reason="scipy came without its test files")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_of_matlab_itself_are_read_as_scipy_reads_them(path):
    name = path.stem.partition("_")[0]
    assert is_matlab(path, path.read_bytes()[:4096])
    if name != "testsparse":
        assert_as_scipy(path)
    else:
        assert "sparse" in content_from_matlab(path).notes[0]


@FIXED_FOLDER
@given(
    values=st.sampled_from(KINDS).flatmap(
        lambda kind: arrays(kind, array_shapes(min_dims=2, max_dims=4, max_side=4))
    ),
    packed=st.booleans(),
)
def test_any_array_comes_back(tmp_path, values, packed):
    path = tmp_path / "any.mat"
    scipy.io.savemat(path, {"a": values, "s": {"x": values, "y": {"z": values}}}, do_compression=packed)
    content = content_from_matlab(path)
    for name in ("a", "s.x", "s.y.z"):
        if values.size == 1:
            np.testing.assert_equal(content.attributes[name], values.item())
            continue
        array = content.source(name).array
        np.testing.assert_array_equal(
            array[...], values.ravel() if values.ndim == 2 and 1 in values.shape else values
        )
        assert array.dtype == values.dtype


@pytest.mark.parametrize("packed", [False, True])
def test_kinds_of_variables(tmp_path, packed):
    path = tmp_path / "kinds.mat"
    cells = np.empty(3, object)
    cells[:] = [np.arange(3), "text", {"q": np.arange(4)}]
    scans = np.zeros(2, [("x", object), ("rate", object)])
    scans[0], scans[1] = (np.arange(3), 1e4), (np.arange(4), 2e4)
    scipy.io.savemat(
        path,
        {
            "z": np.array([[1 + 2j, np.inf * 1j], [4, 5]]), "on": np.array([True, False]), "name": "µm, sample 3",
            "rows": np.array(["ab", "cde"]), "cells": cells, "scans": scans, "nothing": np.zeros((0, 3)), "n": 3.5,
        },
        do_compression=packed,
    )  # fmt: skip
    content = content_from_matlab(path)
    assert content.format == "MATLAB 5"
    assert {source.name for source in content.sources} == {
        "z/real", "z/imag", "on", "cells{1}", "cells{3}.q", "scans(1).x", "scans(2).x",
    }  # fmt: skip
    assert content.source("z/imag").array[0].tolist() == [2, np.inf]
    assert content.source("on").array.dtype == bool
    assert {key: value for key, value in content.attributes.items() if key != "header"} == {
        "name": "µm, sample 3", "rows": "ab\ncde", "cells{2}": "text", "n": 3.5,
        "scans(1).rate": 1e4, "scans(2).rate": 2e4,
    }  # fmt: skip
    assert [note for note in content.notes if "'nothing'" in note]


def test_unpacked_variables_stay_in_the_file_and_packed_ones_are_left_packed(tmp_path):
    for packed in (False, True):
        path = tmp_path / f"large{packed}.mat"
        scipy.io.savemat(path, {"a": np.zeros((100, 100, 100))}, do_compression=packed)
        tracemalloc.start()
        try:
            source = content_from_matlab(path).source("a")
            if not packed:
                assert source.array[50, ::10, 3].shape == (10,)
            assert tracemalloc.get_traced_memory()[1] < 1e6  # of 8 MB
        finally:
            tracemalloc.stop()
        assert source.array[99, 99, 99] == 0


# Version 7.3


def matlab_7_3(path):
    """A file as MATLAB writes it, after the description of its HDF5 layout."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:

        def put(name, values, kind="double", **attributes):
            file[name] = values
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
            file[name].attrs.update(attributes)
            return file[name]

        put("a", np.arange(24.0).reshape(2, 3, 4).T)
        put("v", np.arange(5.0)[:, None])
        put("n", [[7.5]])
        put("on", np.array([[1, 0]], "u1"), "logical", MATLAB_int_decode=1)
        put("text", np.frombuffer("µm".encode("utf-16-le"), "u2")[:, None], "char", MATLAB_int_decode=2)
        put("empty", np.array([0, 3], "u8"), "double", MATLAB_empty=np.uint8(1))
        pairs = np.zeros((3, 1), [("real", "f8"), ("imag", "f8")])
        pairs["imag"] = 2
        put("z", pairs)
        file.create_group("scan").attrs["MATLAB_class"] = np.bytes_("struct")
        put("scan/x", np.arange(6.0).reshape(2, 3).T)
        put("#refs#/b", np.arange(3.0)[:, None])
        put("#refs#/c", np.frombuffer(b"h\0i\0", "u2")[:, None], "char")
        cells = np.array([[file["#refs#/b"].ref], [file["#refs#/c"].ref]], h5py.ref_dtype)
        put("cells", cells, "cell")
        file.create_group("many").attrs["MATLAB_class"] = np.bytes_("struct")
        file["many/x"] = np.array([[file["#refs#/b"].ref], [file["a"].ref]], h5py.ref_dtype)
        sparse = file.create_group("sparse")
        sparse.attrs.update({"MATLAB_class": np.bytes_("double"), "MATLAB_sparse": np.uint64(3)})
    raw = bytearray(path.read_bytes())
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\0\2IM"
    raw[:128] = header
    path.write_bytes(raw)
    return path


def test_version_7_3_has_the_shapes_of_matlab(tmp_path):
    path = matlab_7_3(tmp_path / "new.mat")
    assert is_matlab(path, path.read_bytes()[:4096])
    content = content_from_matlab(path)
    assert content.format == "MATLAB 7.3"
    np.testing.assert_array_equal(content.source("a").array[...], np.arange(24.0).reshape(2, 3, 4))
    assert content.source("a").array[1, 2, 3] == 23
    np.testing.assert_array_equal(content.source("scan.x").array[...], np.arange(6.0).reshape(2, 3))
    for name, values in (("v", [0, 1, 2, 3, 4]), ("on", [True, False]), ("z/real", [0, 0, 0]), ("z/imag", [2, 2, 2]),
                         ("cells{1}", [0, 1, 2]), ("many(1).x", [0, 1, 2])):  # fmt: skip
        assert content.source(name).array[...].tolist() == values
    assert content.source("many(2).x").shape == (2, 3, 4)
    assert len(content.sources) == 9
    assert content.attributes == {"n": 7.5, "text": "µm", "cells{2}": "hi"}
    assert len(content.notes) == 2


@pytest.mark.skipif(not MADE_BY_MATLAB.is_dir(), reason="scipy came without its test files")
def test_version_7_3_of_matlab_itself():
    pytest.importorskip("h5py")
    (source,) = content_from_matlab(MADE_BY_MATLAB / "testhdf5_7.4_GLNX86.mat").sources
    np.testing.assert_allclose(source.array[...], np.arange(9) * np.pi / 4)


def test_cells_that_hold_each_other_come_to_an_end(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = matlab_7_3(tmp_path / "loop.mat")
    raw = path.read_bytes()
    with h5py.File(path, "r+") as file:
        file["cells"][...] = file["cells"].ref
    path.write_bytes(raw[:512] + path.read_bytes()[512:])
    with pytest.raises(ContentError, match=r"nests|more than"):
        content_from_matlab(path)


# Claims and damage


def header(order="<"):
    return b"MATLAB 5.0 MAT-file".ljust(124) + (b"\0\1IM" if order == "<" else b"\1\0MI")


def part(kind, raw):
    return struct.pack("<II", kind, len(raw)) + raw + bytes(-len(raw) % 8)


def matrix(shape, name=b"a", kind=6, flags=0, body=b""):
    return part(14, part(6, struct.pack("<II", kind | flags << 8, 0)) + part(5, struct.pack(f"<{len(shape)}i", *shape))
                + part(1, name) + body)  # fmt: skip


def packed(raw):
    raw = zlib.compress(raw)
    return struct.pack("<II", 15, len(raw)) + raw


HOSTILE = {
    "more numbers than there are": matrix((10**9, 10**9), body=part(9, bytes(16))),
    "a negative size": matrix((-1, 2), body=part(9, bytes(16))),
    "no sizes": matrix((), body=part(9, bytes(16))),
    "a part longer than the file": struct.pack("<II", 14, 2**32 - 1) + bytes(100),
    "packed: more numbers than there are": packed(matrix((10**9, 10**9), body=part(9, bytes(16)))),
    "packed: an empty part": struct.pack("<II", 15, 0),
    "packed: no zlib": struct.pack("<II", 15, 20) + bytes(20),
    "packed: claims 4 GB": packed(struct.pack("<II", 14, 2**32 - 1) + matrix((2, 2))[8:]),
    "packed: a number type that there is not": packed(matrix((1, 2), body=part(200, bytes(16)))),
    "packed: fewer numbers than its shape says": packed(matrix((2, 2), body=part(9, bytes(16)))),
    "packed: less than it says": packed(matrix((1, 2), body=part(9, bytes(16)))[:40]),
    "a struct of fields without length": matrix(
        (1, 1), kind=2, body=part(5, struct.pack("<i", 0)) + part(1, b"abcd")
    ),
    "a struct of 1e9 elements": matrix(
        (10**9, 10**9), kind=2, body=part(5, struct.pack("<i", 4)) + part(1, b"abcd")
    ),
    "cells of 1e18": matrix((10**9, 10**9), kind=1),
    "half a part": b"\x0e\0\0\0",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_files_are_refused_in_a_sentence(tmp_path, body):
    path = tmp_path / "hostile.mat"
    path.write_bytes(header() + body)
    tracemalloc.start()
    try:
        with pytest.raises(ContentError, match=r"hostile\.mat") as refused:
            content_from_matlab(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
    assert "\n" not in str(refused.value)


def test_cells_in_cells_in_cells_are_refused(tmp_path):
    nested = matrix((1, 2), body=part(9, bytes(16)))
    for _ in range(200):
        nested = matrix((1, 1), kind=1, body=nested)
    path = tmp_path / "nested.mat"
    path.write_bytes(header() + nested)
    with pytest.raises(ContentError, match="deeper"):
        content_from_matlab(path)


def test_damage_in_a_packed_variable_is_noticed_when_it_is_read(tmp_path):
    path = tmp_path / "damaged.mat"
    values = np.random.default_rng(0).normal(size=(100, 100))
    scipy.io.savemat(path, {"a": values}, do_compression=True)
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw)
    source = content_from_matlab(path).source("a")
    with pytest.raises(OSError, match="'a' cannot be read") as refused:
        source.array[0, 0]
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("shape", [(1, 2), (1, 1)])
def test_packed_complex_numbers_of_no_type_end_another_process(tmp_path, shape):
    path = tmp_path / "complex.mat"
    size = 8 * shape[1]
    path.write_bytes(
        header() + packed(matrix(shape, flags=8, body=part(9, bytes(size)) + part(200, bytes(size))))
    )
    with pytest.raises(OSError, match=r"'a' cannot be read.*crashes") as refused:
        content_from_matlab(path).source("a/imag").array[...]
    assert "\n" not in str(refused.value)


def test_packed_variables_of_one_name_keep_their_own_numbers(tmp_path):
    path = tmp_path / "twice.mat"
    path.write_bytes(
        header() + b"".join(packed(matrix((1, 2), body=part(9, struct.pack("<2d", n, 7)))) for n in (1, 2))
    )
    assert [source.array[...].tolist() for source in content_from_matlab(path).sources] == [[1, 7], [2, 7]]


def test_changed_bytes_behind_a_sound_packing_are_read_or_refused(tmp_path):
    path = tmp_path / "repacked.mat"
    raw = matrix((2, 3), body=part(9, np.arange(6.0).tobytes()))
    chance = random.Random(11)
    for _ in range(1500):
        changed = bytearray(raw)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(64)] = chance.choice([0, 1, 9, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        changed[17] &= 0xF7  # complex ones would each start a process
        assert_harmless(path, header() + packed(changed))


@pytest.mark.parametrize("compressed", [False, True])
def test_cut_and_changed_files_are_read_or_refused(tmp_path, compressed):
    path = tmp_path / "fuzzed.mat"
    scipy.io.savemat(
        path,
        {"a": np.arange(6.0).reshape(2, 3), "s": {"x": np.arange(4), "t": "text"}},
        do_compression=compressed,
    )
    raw = path.read_bytes()
    chance = random.Random(7)
    for length in range(0, len(raw), 7):
        assert_harmless(path, raw[:length])
    for _ in range(1500):
        changed = bytearray(raw)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(124, len(raw))
            changed[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        assert_harmless(path, changed)


@pytest.mark.parametrize("compressed", [False, True])
def test_variables_before_a_cut_are_used(tmp_path, compressed):
    path = tmp_path / "cut.mat"
    values = np.random.default_rng(1).standard_normal((7, 30))
    scipy.io.savemat(path, {"a": values, "b": values + 1}, do_compression=compressed)
    path.write_bytes(path.read_bytes()[:-400])
    content = content_from_matlab(path)
    assert [source.name for source in content.sources] == ["a", "b"]
    assert np.array_equal(content.source("a").array[...], values)
    begun = content.source("b").array[...]
    whole = int(np.isfinite(begun).all(axis=0).sum())
    assert 20 < whole < 30
    np.testing.assert_array_equal(begun[:, :whole], values[:, :whole] + 1)
    assert np.isnan(begun[:, whole:]).all()
    assert "was cut" in content.notes[0]


def assert_harmless(path, raw):
    path.write_bytes(raw)
    message = ""
    try:
        for source in content_from_matlab(path).sources:
            assert source.array[...].shape == source.shape
    except (ContentError, OSError) as refused:
        message = str(refused)
    assert "\n" not in message


def test_older_and_other_files_are_refused(tmp_path):
    path = tmp_path / "old.mat"
    scipy.io.savemat(path, {"a": np.eye(3)}, format="4")
    assert not is_matlab(path, path.read_bytes()[:4096])
    with pytest.raises(ContentError, match="no MATLAB file"):
        content_from_matlab(path)
    path.write_bytes(b"")
    with pytest.raises(ContentError, match="empty"):
        content_from_matlab(path)
