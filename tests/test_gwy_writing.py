"""Writing .gwy bytes: the right type codes, sizes known beforehand, large arrays streamed."""

import io
import os
import struct
import time
import tracemalloc
from pathlib import Path, PurePosixPath

import gwyfile
import numpy as np
import pytest
from gwyfile.objects import GwyContainer, GwyDataField, GwyObject
from hypothesis import given
from hypothesis import strategies as st
from test_gwy_reading import CONTAINERS, EVERYTHING, FIXED_FOLDER, same

from napari_tesm.files.atomic import AtomicOutputs
from napari_tesm.files.errors import FileChangedError, GwySizeError
from napari_tesm.gwy import (
    LazyArray,
    new_object,
    put,
    read_container,
    size_of,
    write_container,
    write_container_to,
)
from napari_tesm.gwy.writing import LARGEST_BODY


def container_of(value, typecode=None, key="/key"):
    container = GwyContainer()
    container[key] = value
    if typecode:
        container.typecodes[key] = typecode
    return container


def written(tmp_path, value, typecode=None):
    """What a value is after writing and reading: type code and value."""
    path = tmp_path / "file.gwy"
    write_container(path, container_of(value, typecode), overwrite=True)
    container = read_container(path)
    return container.typecodes["/key"], container["/key"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("value", "typecode", "expected"),
    [
        ("x", "s", "x"),  # gwyfile takes one character for a number
        ("", "s", ""),
        ("µ \udcb5", "s", "µ \udcb5"),
        (PurePosixPath("a/b.gwy"), "s", "a/b.gwy"),
        (True, "b", True),
        (np.bool_(True), "b", True),
        (2**31 - 1, "i", 2**31 - 1),
        (2**31, "q", 2**31),
        (-(2**31), "i", -(2**31)),
        (np.int64(7), "i", 7),
        (np.uint8(7), "i", 7),
        (0.1, "d", 0.1),
        (np.float32(0.5), "d", 0.5),
        (np.array(0.25), "d", 0.25),
        (b"ab", "C", [97, 98]),
        (np.array([1, 2], "u1"), "C", [1, 2]),
        (np.array([1, -2], "i2"), "I", [1, -2]),
        (np.array([1, -2], ">i4"), "I", [1, -2]),
        (np.array([1, -2]), "Q", [1, -2]),
        (np.array([1.5], "f4"), "D", [1.5]),
        (np.array([1.5], ">f8"), "D", [1.5]),
        ([1, 2], "Q", [1, 2]),
        ([1, 2.5], "D", [1, 2.5]),
        (["a", "bc"], "S", ["a", "bc"]),
        (("a", "b"), "S", ["a", "b"]),
    ],
)
def test_type_is_inferred(tmp_path, value, typecode, expected):
    inferred, result = written(tmp_path, value)
    assert inferred == typecode
    assert (result.tolist() if isinstance(result, np.ndarray) else result) == expected


@pytest.mark.parametrize(
    ("value", "typecode", "expected"),
    [
        (5, "d", 5.0),
        (np.int64(5), "q", 5),
        (1, "b", True),
        ("A", "c", 65),
        (228, "c", 228),
        (np.array([1, 2]), "I", [1, 2]),
        (np.array([1, 2]), "D", [1, 2]),
        ([0.5, 1], "D", [0.5, 1]),
        ([], "D", []),
        ([], "S", []),
        ([], "O", []),
    ],
)
def test_declared_type_holds(tmp_path, value, typecode, expected):
    inferred, result = written(tmp_path, value, typecode)
    assert inferred == typecode
    assert (result.tolist() if isinstance(result, np.ndarray) else result) == expected


@pytest.mark.parametrize(
    ("value", "typecode"),
    [
        (None, None),
        (1j, None),
        ([], None),
        (["a", 1], None),
        ({}, None),
        (2**63, None),
        (np.array(["a"]), None),
        (np.array([True]), None),
        (np.array([1], "u8"), None),
        (np.array([1.0], "f16"), None),
        (2**31, "i"),
        (1.5, "i"),
        ("1", "i"),
        ("1.5", "d"),
        (1, "s"),
        (256, "c"),
        ("ab", "c"),
        ("", "c"),
        (np.array([2**31]), "I"),
        (np.array([1.5]), "I"),
        (np.array([2**53 + 1]), "D"),
        (np.array(["a"]), "D"),
        ([1], "S"),
        (["a"], "O"),
        ("text", "o"),
        ("text", "x"),
        (LazyArray((2,), list), "I"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(tmp_path, value, typecode):
    with pytest.raises(TypeError) as error:
        written(tmp_path, value, typecode)
    assert "/key" in str(error.value)
    assert "\n" not in str(error.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_no_file_can_hold(tmp_path, text):
    for container in (container_of(text), container_of("x", key=text), container_of([text, "b"])):
        with pytest.raises(ValueError, match="text under"):
            write_container(tmp_path / "file.gwy", container)
    assert names(tmp_path) == []


def test_container_in_itself(tmp_path):
    container = GwyContainer()
    put(container, "/self", container, "o")
    with pytest.raises(ValueError, match="in itself"):
        write_container(tmp_path / "file.gwy", container)


def test_gwyfile_reads_what_we_write(tmp_path):
    """Also the two-dimensional arrays whose length gwyfile itself writes wrongly."""
    values = np.arange(6.0).reshape(2, 3)
    container = container_of(new_object("GwyThing", data=("D", values), turned=("D", values.T)))
    container["/0/data"] = GwyDataField(values)
    write_container(tmp_path / "file.gwy", container)
    read = gwyfile.load(str(tmp_path / "file.gwy"))
    assert read["/key"]["data"].tolist() == [0, 1, 2, 3, 4, 5]
    assert read["/key"]["turned"].tolist() == [0, 3, 1, 4, 2, 5]
    assert read["/0/data"].data.tolist() == values.tolist()


def test_everything_comes_back_bit_for_bit(tmp_path):
    (tmp_path / "in.gwy").write_bytes(EVERYTHING)
    write_container(tmp_path / "out.gwy", read_container(tmp_path / "in.gwy"))
    assert (tmp_path / "out.gwy").read_bytes() == EVERYTHING


def test_real_files_come_back_bit_for_bit(shared_data, tmp_path):
    for source in sorted((shared_data / "gwy").glob("*.gwy")):
        container = read_container(source)
        target = tmp_path / source.name
        write_container(target, container)
        assert size_of(container) == target.stat().st_size
        if source.read_bytes()[:4] == b"GWYP":
            assert target.read_bytes() == source.read_bytes()
        else:
            assert same(read_container(target), container)


@FIXED_FOLDER
@given(CONTAINERS)
def test_size_is_known_beforehand(tmp_path, container):
    write_container(tmp_path / "file.gwy", container, overwrite=True)
    assert (tmp_path / "file.gwy").stat().st_size == size_of(container)


# Large arrays


@FIXED_FOLDER
@given(st.data())
def test_blocks_of_any_size_make_the_same_file(tmp_path, data):
    values = np.arange(60.0).reshape(3, 4, 5)
    cuts = sorted(data.draw(st.lists(st.integers(0, 60), max_size=6)))
    blocks = np.split(values.ravel(), cuts)
    source = LazyArray(values.shape, lambda: blocks)
    assert written(tmp_path, source)[1].tolist() == values.ravel().tolist()


@pytest.mark.parametrize("typecode", "CIQD")
def test_lazy_arrays_of_every_type(tmp_path, typecode):
    source = LazyArray((2, 2), lambda: ([n, n + 1] for n in (1, 3)), typecode)
    inferred, values = written(tmp_path, source)
    assert (inferred, values.tolist()) == (typecode, [1, 2, 3, 4])


@pytest.mark.parametrize(("supplied", "message"), [(3, "supplied 3 of 4"), (5, "more than 4")])
def test_source_that_does_not_keep_its_word(tmp_path, supplied, message):
    source = LazyArray((4,), lambda: ([float(n)] for n in range(supplied)))
    with pytest.raises(ValueError, match=message):
        write_container(tmp_path / "file.gwy", container_of(source))
    assert names(tmp_path) == []


def test_source_that_fails(tmp_path):
    def blocks():
        yield [1.0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_container(tmp_path / "file.gwy", container_of(LazyArray((4,), blocks)))
    assert names(tmp_path) == []


def refuse_to_work():
    raise AssertionError("the size is to be checked before anything is computed")


def test_four_gibibytes_are_the_end(tmp_path):
    # Of the outermost body, the key, type code and length of this array take 10 bytes.
    largest = LazyArray((LARGEST_BODY - 10,), refuse_to_work, "C")
    assert size_of(container_of(largest)) == 4 + len("GwyContainer") + 5 + LARGEST_BODY
    with pytest.raises(AssertionError, match="before anything is computed"):
        write_container(tmp_path / "file.gwy2", container_of(largest))
    for too_large in (
        LazyArray((LARGEST_BODY - 9,), refuse_to_work, "C"),
        LazyArray((1024, 1024, 513), refuse_to_work),
        LazyArray((2**40,), refuse_to_work),
    ):
        container = container_of(too_large)
        assert size_of(container) > 2**32
        with pytest.raises(GwySizeError, match="files of Gwyddion 2 end at 4 GiB"):
            write_container(tmp_path / "file.gwy2", container)
    assert names(tmp_path) == []


def test_many_small_ones_pass_four_gibibytes_together(tmp_path):
    container = GwyContainer()
    for number in range(5):
        put(
            container,
            f"/brick/{number}",
            new_object("GwyBrick", data=("D", LazyArray((2**27,), refuse_to_work))),
            "o",
        )
    with pytest.raises(GwySizeError, match=r"5\.00 GiB"):
        write_container(tmp_path / "file.gwy2", container)


@pytest.mark.parametrize("layout", ["lazy", "planes last", "mapped"])
def test_memory_stays_small(tmp_path, layout):
    shape = (64, 256, 512)  # 67 MB
    if layout == "lazy":
        values = LazyArray(shape, lambda: (np.full(shape[1:], float(n)) for n in range(shape[0])))
    elif layout == "planes last":
        values = np.moveaxis(np.zeros((*shape[1:], shape[0])), -1, 0)
    else:
        values = LazyArray(shape, lambda: (np.full(shape[1:], float(n)) for n in range(shape[0])))
        write_container(tmp_path / "in.gwy", container_of(values, "D"))
        values = read_container(tmp_path / "in.gwy")["/key"]
    tracemalloc.start()
    write_container(tmp_path / "out.gwy", container_of(values, "D"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
    if layout == "mapped":
        assert (tmp_path / "in.gwy").read_bytes() == (tmp_path / "out.gwy").read_bytes()


def test_identical_input_gives_identical_bytes(tmp_path):
    container = container_of(np.arange(5.0))
    put(container, "/b", "later", "s")
    put(container, "/a", "last", "s")
    for name in ("one", "two"):
        write_container(tmp_path / name, container)
    content = (tmp_path / "one").read_bytes()
    assert content == (tmp_path / "two").read_bytes()
    assert content.index(b"/key") < content.index(b"/b") < content.index(b"/a")


# Files that data come from


@pytest.mark.parametrize("way", ["itself", "symbolic", "hard"])
def test_the_file_data_come_from_is_never_replaced(tmp_path, way):
    path = tmp_path / "itself"
    path.write_bytes(EVERYTHING)
    (tmp_path / "symbolic").symlink_to(path)
    (tmp_path / "hard").hardlink_to(path)
    container = read_container(path)
    with pytest.raises(ValueError, match="input file itself"):
        write_container(tmp_path / way, container, overwrite=True)
    assert path.read_bytes() == EVERYTHING
    assert names(tmp_path) == ["hard", "itself", "symbolic"]


def test_input_that_changed_is_noticed(tmp_path):
    path = tmp_path / "in.gwy"
    path.write_bytes(EVERYTHING)
    container = read_container(path)
    os.truncate(path, 50)
    with pytest.raises(FileChangedError, match="50 bytes"):
        write_container(tmp_path / "out.gwy", container)
    assert names(tmp_path) == ["in.gwy"]


def test_input_truncated_while_it_is_streamed(tmp_path):
    """Noticed before the next block: a page beyond the end would kill the process."""
    path = tmp_path / "in.gwy"
    values = LazyArray((4_000_000,), lambda: (np.zeros(1_000_000) for _ in range(4)))
    write_container(path, container_of(values, "D"))
    container = read_container(path)

    class Output(io.BytesIO):
        def write(self, block):
            if len(block) > 1000:
                os.truncate(path, 5000)
                block = b""
            return super().write(block)

    with pytest.raises(FileChangedError, match="5000 bytes"):
        write_container_to(Output(), container)


def test_one_of_several_outputs(tmp_path):
    with AtomicOutputs() as outputs:
        write_container_to(outputs.open(tmp_path / "maps.gwy"), container_of("x"))
        outputs.open_text(tmp_path / "summary.json").write("{}")
    assert read_container(tmp_path / "maps.gwy")["/key"] == "x"


def test_many_keys_take_linear_time(tmp_path):
    container = GwyContainer()
    for number in range(20_000):
        put(container, f"/{number}/meta", new_object("GwyContainer", key=("s", "value")), "o")
    started = time.process_time()
    write_container(tmp_path / "file.gwy", container)
    assert same(read_container(tmp_path / "file.gwy")["/7/meta"]["key"], "value")
    assert time.process_time() - started < 5  # 0.4 s; quadratic would be minutes


def test_layout_of_the_simplest_file(tmp_path):
    write_container(tmp_path / "file.gwy", container_of(GwyObject("A", {"x": 1}), key="/o"))
    inner = b"A\0" + struct.pack("<I", 7) + b"x\0i\1\0\0\0"
    assert (tmp_path / "file.gwy").read_bytes() == (
        b"GWYPGwyContainer\0" + struct.pack("<I", 4 + len(inner)) + b"/o\0o" + inner
    )
    assert Path(tmp_path / "file.gwy").stat().st_size == 4 + 13 + 4 + 4 + len(inner)
