"""Reading .gwy bytes: exact values, nothing copied, and no trust in what a file says about itself."""

import os
import stat
import struct
import subprocess
import time
import tracemalloc
from pathlib import Path

import gwyfile
import numpy as np
import pytest
from gwyfile.objects import GwyContainer, GwyDataField, GwyObject, GwySIUnit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tesm.files.disk import DiskArray, DiskFile, disk_file_of
from napari_tesm.files.errors import FileChangedError, GwyFormatError
from napari_tesm.gwy import read_container, write_container
from napari_tesm.gwy.objects import Brick
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.values import MAX_DEPTH
from napari_tesm.io.gwy.description import description_from_file

FIXED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=2000)


# The format written down a second time, so that reader and writer cannot agree on a mistake.


def component(name, typecode, payload):
    return name + b"\0" + typecode + payload


def obj(name, *components):
    body = b"".join(components)
    return name + b"\0" + struct.pack("<I", len(body)) + body


def array(typecode, *values):
    return struct.pack("<I", len(values)) + struct.pack(f"<{len(values)}{typecode}", *values)


def strings(*values):
    return struct.pack("<I", len(values)) + b"".join(value + b"\0" for value in values)


def field_bytes(values=(1.5, -2.5, float("nan"), 0.0, 5e-324, 7.0), xres=3, yres=2):
    return obj(
        b"GwyDataField",
        component(b"xres", b"i", struct.pack("<i", xres)),
        component(b"yres", b"i", struct.pack("<i", yres)),
        component(b"xreal", b"d", struct.pack("<d", 2e-6)),
        component(b"si_unit_xy", b"o", obj(b"GwySIUnit", component(b"unitstr", b"s", b"m\0"))),
        component(b"data", b"D", array("d", *values)),
    )


EVERYTHING = b"GWYP" + obj(
    b"GwyContainer",
    component(b"/0/data", b"o", field_bytes()),
    component(b"/0/base/palette", b"s", b"W\0"),
    component(b"/0/data/visible", b"b", b"\1"),
    component(b"/char", b"c", b"\xe4"),
    component(b"/int", b"i", struct.pack("<i", -(2**31))),
    component(b"/long", b"q", struct.pack("<q", -(2**63))),
    component(b"/double", b"d", struct.pack("<d", -1e-300)),
    component(b"/empty", b"s", b"\0"),
    component(b"/latin-1 \xb5", b"s", b"\xb5m\0"),
    component(
        b"/thing",
        b"o",
        obj(
            b"GwyNobodyKnows",
            component(b"C", b"C", struct.pack("<I", 3) + b"\0\xffa"),
            component(b"I", b"I", array("i", 1, -2, 3)),
            component(b"Q", b"Q", array("q", 2**62, -1)),
            component(b"no D", b"D", array("d")),
            component(b"no S", b"S", strings()),
            component(b"no O", b"O", struct.pack("<I", 0)),
            component(b"S", b"S", strings(b"a", b"", b"\xc2\xb5")),
            component(b"O", b"O", struct.pack("<I", 2) + obj(b"A") + obj(b"B", component(b"x", b"b", b"\0"))),
        ),
    ),
    component(b"/0/meta", b"o", obj(b"GwyContainer", component(b"", b"s", b"nameless\0"))),
)


@pytest.fixture
def read(tmp_path):
    def read_bytes(content):
        path = tmp_path / "file.gwy"
        path.write_bytes(content)
        return read_container(path)

    return read_bytes


def same(first, second):
    """Equal in every bit, with the order of keys."""
    if isinstance(first, GwyObject):
        return (
            type(first) is type(second)
            and first.name == second.name
            and list(first) == list(second)
            and all(first.typecodes[key] == second.typecodes[key] for key in first)
            and all(same(first[key], second[key]) for key in first)
        )
    if isinstance(first, np.ndarray | DiskArray):
        first, second = np.asarray(first), np.asarray(second)
        return (
            first.dtype == second.dtype
            and first.shape == second.shape
            and first.tobytes() == second.tobytes()
        )
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, float):
        return struct.pack("<d", first) == struct.pack("<d", second)
    return type(first) is type(second) and first == second


def test_every_type_code(read):
    container = read(EVERYTHING)
    assert isinstance(container, GwyContainer)
    field, thing = container["/0/data"], container["/thing"]
    assert isinstance(field, GwyDataField)
    assert isinstance(field["si_unit_xy"], GwySIUnit)
    assert field.data.shape == (2, 3)
    assert field["data"].tobytes() == struct.pack("<6d", 1.5, -2.5, float("nan"), 0.0, 5e-324, 7.0)
    assert field.typecodes == {"xres": "i", "yres": "i", "xreal": "d", "si_unit_xy": "o", "data": "D"}
    assert container["/0/base/palette"] == "W"
    assert container.typecodes["/0/base/palette"] == "s"
    assert container["/0/data/visible"] is True
    assert container["/char"] == 0xE4
    assert (container["/int"], container["/long"], container["/double"]) == (-(2**31), -(2**63), -1e-300)
    assert container["/empty"] == ""
    assert container["/latin-1 \udcb5"].encode("utf-8", "surrogateescape") == b"\xb5m"
    assert thing.name == "GwyNobodyKnows"
    assert thing["C"].tobytes() == b"\0\xffa"
    assert thing["I"].tolist() == [1, -2, 3]
    assert thing["Q"].tolist() == [2**62, -1]
    assert (thing["no D"].size, thing["no S"], thing["no O"]) == (0, [], [])
    assert thing["S"] == ["a", "", "µ"]
    assert [item.name for item in thing["O"]] == ["A", "B"]
    assert container["/0/meta"][""] == "nameless"


def test_of_equal_keys_the_last_counts(read, tmp_path, request):
    content = b"GWYP" + obj(
        b"GwyContainer",
        component(b"/0/data", b"o", field_bytes()),
        component(b"/0/data/title", b"i", struct.pack("<i", 1)),
        component(b"/0/data/title", b"s", b"second\0"),
    )
    container = read(content)
    assert container["/0/data/title"] == "second"
    assert container.typecodes["/0/data/title"] == "s"
    view = request.getfixturevalue("gwyoracle")(tmp_path / "file.gwy")
    assert view.items["/0/data/title"] == "second"


def test_bytes_after_the_container_are_ignored(read):
    assert same(read(EVERYTHING + b"garbage"), read(EVERYTHING))


@pytest.mark.parametrize("name", ["GWYP", "GWYO"])
def test_real_files_equal_what_others_read(shared_data, tmp_path, name, request):
    """gwyfile for GWYP; for GWYO, which it refuses, the file Gwyddion itself makes of it."""
    sources = [path for path in (shared_data / "gwy").glob("*.gwy") if path.read_bytes()[:4] == name.encode()]
    assert sources
    if name == "GWYO":
        request.getfixturevalue("gwyoracle")  # skips where Gwyddion is missing
    for path in sources:
        ours = read_container(path)
        if name == "GWYP":
            assert same(ours, gwyfile.load(str(path)))
            continue
        converted = tmp_path / path.name
        subprocess.run(["gwyddion", f"--convert-to-gwy={converted}", str(path)], check=True, timeout=60)
        theirs = gwyfile.load(str(converted))
        assert set(ours) == set(theirs)
        assert ours["/0/base/palette"] == theirs["/0/base/palette"]
        assert ours.typecodes == theirs.typecodes
        for key in ("xres", "yres", "xreal", "yreal", "data"):
            assert same(ours["/0/data"][key], theirs["/0/data"][key]), key


def gwyo_item(gtype, key, payload):
    return struct.pack("<I", gtype) + key + b"\0" + payload


def test_every_type_of_gwyddion_1(read, tmp_path, request):
    content = b"GWYO" + obj(
        b"GwyContainer",
        gwyo_item(80, b"/0/data", field_bytes()),
        gwyo_item(64, b"/0/data/title", b"W\0"),
        gwyo_item(20, b"/0/b", b"\1"),
        gwyo_item(16, b"/0/c", b"A"),
        gwyo_item(24, b"/0/i", struct.pack("<i", -5)),
        gwyo_item(40, b"/0/q", struct.pack("<q", -5)),
        gwyo_item(60, b"/0/d", struct.pack("<d", 0.5)),
        # Only the outermost container is of the old kind.
        gwyo_item(80, b"/0/meta", obj(b"GwyContainer", component(b"k", b"s", b"v\0"))),
    )
    container = read(content)
    expected = {"title": "W", "b": True, "c": 65, "i": -5, "q": -5, "d": 0.5}
    assert [container["/0/data/title"], *(container[f"/0/{key}"] for key in "bciqd")] == list(
        expected.values()
    )
    assert [container.typecodes[f"/0/{key}"] for key in "bciqd"] == list("bciqd")
    assert container["/0/meta"]["k"] == "v"
    seen = request.getfixturevalue("gwyoracle")(tmp_path / "file.gwy").items
    assert [seen["/0/data/title"], *(seen[f"/0/{key}"] for key in "bciqd")] == list(expected.values())
    assert seen["/0/meta"]["items"] == {"k": "v"}


# Trees of any shape. Left out is what gwyfile 0.3 is known to get wrong: C arrays (it reads none), text that
# is not UTF-8, and names of types that are not ASCII (it counts characters in place of bytes).

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
NAMES = st.text("GwyABC_12", max_size=8)
NUMBERS = st.floats(allow_nan=True)
VALUES = {
    "b": st.booleans(),
    "c": st.integers(0, 127).map(chr),
    "i": st.integers(-(2**31), 2**31 - 1),
    "q": st.integers(-(2**63), 2**63 - 1),
    "d": NUMBERS,
    "s": TEXTS,
    "I": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4).map(lambda v: np.array(v, "<i4")),
    "Q": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4).map(lambda v: np.array(v, "<i8")),
    "D": st.lists(NUMBERS, max_size=4).map(lambda v: np.array(v, "<f8")),
    "S": st.lists(TEXTS, max_size=4),
}


def filled(result, items):
    for key, (typecode, value) in items.items():
        result[key] = value
        result.typecodes[key] = typecode
    return result


def items_of(children):
    nested = children.flatmap(lambda child: st.just(("o", child)))
    several = st.lists(children, max_size=3).map(lambda v: ("O", v))
    plain = [strategy.map(lambda v, code=code: (code, v)) for code, strategy in VALUES.items()]
    return st.dictionaries(TEXTS, st.one_of(*plain, nested, several), max_size=5)


OBJECTS = st.deferred(
    lambda: (
        st.builds(lambda name, items: filled(GwyObject(name), items), NAMES, items_of(OBJECTS))
        | st.builds(lambda items: filled(GwyContainer(), items), items_of(OBJECTS))
    )
)
CONTAINERS = st.builds(lambda items: filled(GwyContainer(), items), items_of(OBJECTS))


@FIXED_FOLDER
@given(CONTAINERS)
def test_any_tree_is_the_same_through_gwyfile_and_through_us(tmp_path, container):
    theirs, ours = tmp_path / "theirs.gwy", tmp_path / "ours.gwy"
    container.tofile(str(theirs))
    write_container(ours, container, overwrite=True)
    assert ours.read_bytes() == theirs.read_bytes()
    assert same(read_container(theirs), gwyfile.load(str(theirs)))


# Large arrays


def test_large_arrays_stay_in_the_file(read, tmp_path):
    container = read(EVERYTHING)
    values = container["/0/data"]["data"]
    assert not values.flags.writeable
    disk = container.disk_file
    assert isinstance(disk, DiskFile)
    assert disk_file_of(container) is disk
    assert (disk.path.name, disk.n_bytes) == ("file.gwy", len(EVERYTHING))
    assert disk.mtime_ns == disk.path.stat().st_mtime_ns
    brick_file(tmp_path / "large.gwy", 40, 80, 60)
    container = read_container(tmp_path / "large.gwy")
    stored = container["/brick/0"]["data"]
    assert isinstance(stored, DiskArray)
    assert (
        disk_file_of(stored)
        is disk_file_of(Brick.from_object(container["/brick/0"]).values)
        is container.disk_file
    )


def brick_file(path, planes, rows, columns):
    """A brick of zeros as a sparse file, however large."""
    size = planes * rows * columns * 8
    head = b"".join(
        component(axis + b"res", b"i", struct.pack("<i", n))
        for axis, n in zip((b"x", b"y", b"z"), (columns, rows, planes), strict=True)
    )
    head += b"data\0D" + struct.pack("<I", planes * rows * columns)
    head = b"GwyBrick\0" + struct.pack("<I", len(head) + size) + head
    head = b"/brick/0\0o" + head
    head = b"GWYPGwyContainer\0" + struct.pack("<I", len(head) + size) + head
    path.write_bytes(head)
    os.truncate(path, len(head) + size)
    return size


def test_two_gigabytes_open_at_once_and_cost_nothing(tmp_path):
    path = tmp_path / "large.gwy"
    assert brick_file(path, 1000, 500, 500) == 2_000_000_000
    tracemalloc.start()
    started = time.perf_counter()
    container = read_container(path)
    seconds = time.perf_counter() - started
    # How long this takes is for the disk to say: benchmarks/gwy_files.py measures it.
    trace = container["/brick/0"]["data"].reshape(1000, 500, 500)[:, 250, 250].copy()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert trace.shape == (1000,)
    assert not trace.any()
    assert seconds < 0.5  # 1 to 5 ms; the margin is for a loaded machine
    assert peak < 1e6


class TestChangedUnderneath:
    @pytest.fixture
    def disk(self, tmp_path):
        (tmp_path / "file.gwy").write_bytes(EVERYTHING)
        disk = read_container(tmp_path / "file.gwy").disk_file
        disk.check()
        return disk

    def test_truncated(self, disk):
        os.truncate(disk.path, 20)
        with pytest.raises(FileChangedError, match="to 20 bytes"):
            disk.check()

    def test_written_to(self, disk):
        os.utime(disk.path, ns=(0, disk.mtime_ns + 1))
        with pytest.raises(FileChangedError, match="was written to"):
            disk.check()

    def test_replaced(self, disk):
        other = disk.path.with_name("other")
        other.write_bytes(EVERYTHING)
        os.utime(other, ns=(disk.mtime_ns, disk.mtime_ns))
        other.replace(disk.path)
        with pytest.raises(FileChangedError, match="replaced"):
            disk.check()

    def test_removed(self, disk):
        disk.path.unlink()
        with pytest.raises(FileChangedError, match="no longer there"):
            disk.check()

    def test_a_change_of_folder_does_not_matter(self, tmp_path, monkeypatch):
        (tmp_path / "file.gwy").write_bytes(EVERYTHING)
        monkeypatch.chdir(tmp_path)
        container = read_container("file.gwy")
        monkeypatch.chdir("/")
        container.disk_file.check()


# Hostile input


def refused(path, error=GwyFormatError):
    with pytest.raises(error) as raised:
        read_container(path)
    text = str(raised.value)
    assert "\n" not in text
    assert "Errno" not in text
    text.encode("utf-8")
    assert Path(path).name in text
    return text


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "does not exist" in refused(tmp_path / "none.gwy", FileNotFoundError)
    assert "is a folder" in refused(tmp_path, IsADirectoryError)
    assert "a pipe" in refused(tmp_path / "pipe", OSError)
    assert "a device" in refused("/dev/zero", OSError)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop", OSError)


def test_no_permission(tmp_path, without_privileges):
    path = tmp_path / "locked.gwy"
    path.write_bytes(EVERYTHING)
    path.chmod(stat.S_IWUSR)
    with without_privileges():
        assert "Permission denied" in refused(path, PermissionError)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"G", "is not a Gwyddion file"),
        (b"GWYR" + EVERYTHING[4:], "is not a Gwyddion file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not a Gwyddion file"),
        (b"GWYP", "the name of an object has no end at byte 4"),
        (b"GWYPGwyContainer\0\1", "needs 4 bytes where 1 are left"),
        (b"GWYP" + field_bytes(), "holds a single 'GwyDataField' instead of a container"),
        (b"GWYP" + obj(b"GwyContainer", component(b"/x", b"?", b"")), "unknown type code '?'"),
        (
            b"GWYP" + obj(b"GwyContainer", component(b"/x", b"D", b"\xff\xff\xff\xff")),
            "array of 4294967295 values",
        ),
        (
            b"GWYP" + obj(b"GwyContainer", component(b"/x", b"O", b"\xff\xff\xff\xff")),
            "array of 4294967295 items",
        ),
        (b"GWYP" + obj(b"GwyContainer", component(b"/x", b"S", b"\xff\xff\xff\x7f")), "under '/x'"),
        (b"GWYP" + obj(b"GwyContainer", component(b"/x", b"s", b"abc")), "a string has no end"),
        (b"GWYP" + obj(b"GwyContainer", b"/x\0"), "a type code needs 1 bytes where 0 are left"),
        (b"GWYO" + obj(b"GwyContainer", gwyo_item(28, b"/x", bytes(4))), "unknown type number 28"),
        (b"GWYO" + obj(b"GwyContainer", b"\x50\0"), "a type number needs 4 bytes where 2 are left"),
        (b"GWYP" + obj(b"GwyContainer", component(b"\xff" * 9999, b"?", b"")), "unknown type code"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path, content, message):
    path = tmp_path / "bad.gwy"
    path.write_bytes(content)
    text = refused(path)
    assert message in text
    assert "\\" not in text  # a person reads it
    assert len(text) < 400


def test_an_object_larger_than_its_parent(tmp_path):
    inner = bytearray(obj(b"GwySIUnit", component(b"unitstr", b"s", b"m\0")))
    inner[10] += 1  # the size, one too large, though the file goes on
    path = tmp_path / "bad.gwy"
    path.write_bytes(b"GWYP" + obj(b"GwyContainer", component(b"/u", b"o", bytes(inner))) + bytes(100))
    assert "the object 'GwySIUnit' needs" in refused(path)


def nested(depth):
    content = b""
    for _ in range(depth):
        content = obj(b"GwyContainer", component(b"k", b"o", content) if content else b"")
    return b"GWYP" + content


def test_depth_is_bounded(tmp_path):
    path = tmp_path / "deep.gwy"
    path.write_bytes(nested(MAX_DEPTH + 1))
    container = read_container(path)
    write_container(tmp_path / "copy.gwy", container)
    assert (tmp_path / "copy.gwy").read_bytes() == path.read_bytes()
    path.write_bytes(nested(MAX_DEPTH + 2))
    assert "nested deeper" in refused(path)
    path.write_bytes(nested(20_000))
    assert "nested deeper" in refused(path)


def test_truncated_at_every_byte(tmp_path):
    path = tmp_path / "cut.gwy"
    for length in range(1, len(EVERYTHING)):
        path.write_bytes(EVERYTHING[:length])
        with pytest.raises(GwyFormatError):
            read_container(path)


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "byte", "size", "cut", "insert", "repeat"]),
        st.integers(0, len(EVERYTHING) - 1),
        st.integers(0, 2**32 - 1),
    ),
    min_size=1,
    max_size=4,
)
SIZES = [0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**29, 2**30]


def mutated(content, mutations):
    content = bytearray(content)
    for kind, position, number in mutations:
        position %= max(1, len(content))
        if kind == "cut":
            del content[position : position + 1 + number % 32]
        elif kind == "insert":
            content[position:position] = number.to_bytes(4, "little")
        elif kind == "repeat":
            content[position:position] = content[position : position + 1 + number % 64]
        elif kind == "size":
            content[position : position + 4] = struct.pack("<I", SIZES[number % len(SIZES)])
        elif kind == "byte":
            content[position : position + 1] = bytes([number % 256])
        else:
            content[position : position + 1] = bytes([content[position] ^ 1 << number % 8] if content else [])
    return bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("magic", [b"GWYP", b"GWYO"])
@settings(FIXED_FOLDER, max_examples=400)
@given(mutations=MUTATIONS)
def test_any_damage_is_noticed_or_harmless(tmp_path, magic, mutations):
    start = EVERYTHING
    if magic == b"GWYO":
        start = b"GWYO" + obj(
            b"GwyContainer", gwyo_item(80, b"/0/data", field_bytes()), gwyo_item(64, b"/0/data/title", b"T\0")
        )
    path, copy = tmp_path / "damaged.gwy", tmp_path / "copy.gwy"
    path.write_bytes(start[:4] + mutated(start[4:], mutations))
    tracemalloc.start()
    try:
        container = read_container(path)
    except GwyFormatError:
        refused(path)
        return
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2e6
    # What was read is a sound tree: it can be written, and comes back the same.
    write_container(copy, container, overwrite=True)
    assert same(read_container(copy), container)


def test_the_time_unit_of_a_calibrated_volume_is_that_of_its_calibration(tmp_path):
    """Whose planes lie at unequal times, written in a unit of their own."""
    values = np.zeros((3, 2, 4))
    for number, times in enumerate((None, np.array([0.0, 1.0, 4.0]))):
        brick = Brick(values, 4e-6, 1e-6, 3.0, unit_x="m", unit_y="m", unit_z="V", unit_w="m", calibration=times,
                      calibration_unit="s")  # fmt: skip
        container = GwyContainer()
        put(container, "/brick/0", brick.to_object(), "o")
        write_container(tmp_path / f"{number}.gwy", container)
    (plain,), (calibrated,) = (
        description_from_file(tmp_path / f"{number}.gwy")["volumes"] for number in (0, 1)
    )
    assert (plain["time_unit"], calibrated["time_unit"]) == ("V", "s")
    assert calibrated["time_range"] == [0.0, 4.0]
    assert (calibrated["pixels"], calibrated["size"]) == ([4, 2], [4e-6, 1e-6])
