"""Files of Gwyddion 3: what 3.12 wrote is read as its twins for Gwyddion 2, and written as 3.12 writes it."""

import io
import struct

import numpy as np
import pytest
from gwyfile.objects import GwyContainer, GwyObject
from test_gwy_reading import component

from napari_tesm.cli import main
from napari_tesm.files.disk import DiskArray
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.gwy import LazyArray, contents, metadata_container, read_container, write_container
from napari_tesm.gwy.graphs import POINTS, Graph, Spectra
from napari_tesm.gwy.objects import Brick, Field, mask_field
from napari_tesm.gwy.parts import new_object, put
from napari_tesm.gwy.selections import Selection
from napari_tesm.gwy.writing import write_container_to
from napari_tesm.io.gwy.description import description_from_file
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.scan import scans_from_file

TWINS = {
    "small": "gwy3/small.gwyp",
    "small_D": "gwy3/small_D.gwyp",
    "SingFreqPFM_0003": "gwy/SingFreqPFM_0003.gwy",
    "file_landscape": "gwy/file_landscape.gwy",
    "BEPS_lawn_32x32": "gwy/BEPS_lawn_32x32.gwy",
}
NOT_CARRIED = {"/filename", "/lawn/0/preview"}
"""3.12 writes a name of its own, and no preview of a curve map that it makes anew."""


def differences(first, second, where=""):
    """Return what differs; an offset of 0 and a unit of none may be left out."""
    if isinstance(first, GwyObject) and isinstance(second, GwyObject):
        found = [] if first.name == second.name else [f"{where}: {first.name}, {second.name}"]
        for key in {**first, **second}:
            if key not in first or key not in second:
                only = first[key] if key in first else second[key]
                found += (
                    [] if only in (0.0, "") and key in ("xoff", "yoff", "unitstr") else [f"{where}/{key}"]
                )
            else:
                found += differences(first[key], second[key], f"{where}/{key}")
        return found
    if isinstance(first, np.ndarray | DiskArray):
        first, second = np.asarray(first), np.asarray(second)
        return [] if first.dtype == second.dtype and first.tobytes() == second.tobytes() else [where]
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        pairs = enumerate(zip(first, second, strict=True))
        return [word for n, pair in pairs for word in differences(*pair, f"{where}/{n}")]
    return [] if first == second else [where]


@pytest.mark.parametrize("name", TWINS)
def test_a_file_of_gwyddion_3_is_read_as_its_twin(shared_data, tmp_path, name):
    source = shared_data / "gwy3" / f"{name}.gwyq"
    ours, twin = read_container(source), read_container(shared_data / TWINS[name])
    for key in NOT_CARRIED:
        ours.pop(key, None), twin.pop(key, None)
    assert differences(ours, twin) == []
    assert type(ours) is GwyContainer
    # Written in its own form again, the bytes are those of 3.12.
    whole = read_container(source)
    write_container(tmp_path / "again.gwy3", whole)
    assert (tmp_path / "again.gwy3").read_bytes() == source.read_bytes()


def test_results_of_a_fit_survive_gwyddion_3(shared_data, tmp_path, capsys):
    """Gwyddion 3 saved a result: the same maps, nothing held for changed, and a fit of it gives every bit again."""
    three, two = shared_data / "gwy3" / "small_D.gwyq", shared_data / "gwy3" / "small_D.gwyp"
    (scan,), (twin,) = scans_from_file(three), scans_from_file(two)
    assert scan.maps.identical(twin.maps)
    assert scan.notes == twin.notes
    assert np.isnan(scan.maps["D1"].values).any()
    assert scan.dataset["displacement"].isel(y=3, x=5).values.tobytes() == (
        twin.dataset["displacement"].isel(y=3, x=5).values.tobytes()
    )
    out, of_two = tmp_path / "out.gwy3", tmp_path / "out.gwy"
    for source, target in ((three, out), (two, of_two)):
        assert main(["fit", str(source), "-o", str(target), "--recipe", str(source), "--quiet"]) == 0
    assert out.read_bytes().startswith(b"GWYQGwyFile")
    again, expected = (maps_from_container(read_container(path)) for path in (out, of_two))
    for name, values in expected.items():
        assert again[name].values.tobytes() == values.values.tobytes(), name
    assert main(["info", str(three)]) == 0
    assert "Gwyddion 3 file (GWYQ)" in capsys.readouterr().out
    assert description_from_file(three)["traces"] == description_from_file(two)["traces"]


# The form written down a second time, so that reader and writer cannot agree on a mistake.


def obj(name, *components):
    body = b"".join(components)
    return name + b"\0" + struct.pack("<Q", len(body)) + body


def array(typecode, *values):
    return struct.pack("<Q", len(values)) + struct.pack(f"<{len(values)}{typecode}", *values)


def unit(key, text):
    return component(key, b"o", obj(b"GwyUnit", component(b"unitstr", b"s", text + b"\0")))


def number(key, value):
    return component(key, b"d", struct.pack("<d", value))


def whole(key, value):
    return component(key, b"i", struct.pack("<i", value))


def rgba(key, *parts):
    return component(key, b"r", obj(b"GwyRGBA", *map(number, (b"r", b"g", b"b", b"a"), parts)))


SIZE = whole(b"xres", 3) + whole(b"yres", 2)
FIELD = component(
    b"/image/7", b"o",
    obj(b"GwyField", SIZE, number(b"xreal", 3e-6), number(b"yreal", 2e-6), number(b"xoff", 1e-6),
        unit(b"unit_xy", b"m"), unit(b"unit_z", b"V"), component(b"data", b"D", array("d", 1, 2, 3, 4, 5, 6))),
)  # fmt: skip
CURVE = obj(
    b"GwyGraphCurveModel", component(b"xdata", b"D", array("d", 0, 1)), component(b"ydata", b"D", array("d", 5, 6)),
    component(b"description", b"s", b"a curve\0"), rgba(b"color", 0.25, 0.5, 0.75, 1.0), whole(b"mode", POINTS),
    whole(b"point-type", 3), number(b"point-size", 8.0), whole(b"line-style", 1), number(b"line-width", 2.0),
)  # fmt: skip
LINE_OF_SPECTRA = obj(
    b"GwyLine", whole(b"res", 2), number(b"real", 1.0), unit(b"unit_x", b"s"), unit(b"unit_y", b"A"),
    component(b"data", b"D", array("d", 7, 8)),
)  # fmt: skip
EVERYTHING = b"GWYQ" + obj(
    b"GwyFile",
    component(b"/graph/4", b"o", obj(b"GwyGraphModel", component(b"title", b"s", b"of two\0"), unit(b"x_unit", b"s"),
              component(b"curves", b"O", struct.pack("<Q", 1) + CURVE))),
    FIELD,
    whole(b"/image/7/color-mapping", 1),
    component(b"/image/7/mask", b"o", obj(b"GwyNield", SIZE, component(b"data", b"I", array("i", 0, 1, 2, 0, -1, 3)))),
    rgba(b"/image/7/mask-color", 0.0, 0.5, 1.0, 0.25),
    component(b"/image/7/meta", b"o", obj(b"GwyDict", component(b"Pulse start", b"s", b"0 s\0"))),
    component(b"/image/7/palette", b"s", b"Gold\0"),
    number(b"/image/7/range/min", -2.0),
    component(b"/image/7/selection/point", b"o",
              obj(b"GwySelectionPoint", whole(b"max", 1), component(b"data", b"D", array("d", 1e-6, 1e-6)))),
    component(b"/image/7/title", b"s", b"Height\0"),
    component(b"/narrow", b"o", obj(b"GwyOfTomorrow", component(b"f", b"f", struct.pack("<f", 0.5)),
              component(b"h", b"h", struct.pack("<h", -7)), component(b"F", b"F", array("f", 0.5, 1.5)),
              component(b"H", b"H", array("h", -1, 2)))),
    component(b"/sps/0", b"o", obj(b"GwySpectra", component(b"coords", b"D", array("d", 1e-6, 2e-6)),
              component(b"data", b"O", struct.pack("<Q", 1) + LINE_OF_SPECTRA), unit(b"unit_xy", b"m"))),
    component(b"/xyz/0", b"o", obj(b"GwyScatter", whole(b"nvalues", 1), unit(b"unit_xy", b"m"),
              component(b"xy", b"D", array("d", 1, 2, 4, 5)), component(b"data", b"D", array("d", 3, 6)),
              component(b"units_data", b"O", struct.pack("<Q", 1) + obj(b"GwyUnit")))),
    component(b"/xyz/1", b"o", obj(b"GwyScatter", whole(b"nvalues", 2), component(b"xy", b"D", array("d", 1, 2)),
              component(b"data", b"D", array("d", 3, 6)))),
)  # fmt: skip


def test_everything_is_read_and_comes_back(tmp_path):
    path = tmp_path / "all.gwy3"
    path.write_bytes(EVERYTHING)
    container = read_container(path)
    field = Field.from_object(container["/7/data"])
    assert field.values.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert (field.x_real, field.y_real, field.x_offset, field.unit_xy, field.unit_z) == (
        3e-6,
        2e-6,
        1e-6,
        "m",
        "V",
    )
    # In Gwyddion 3 a mask numbers its grains, and a number below 1 is none.
    assert contents.mask(container, 7).tolist() == [[False, True, True], [False, False, True]]
    assert Field.from_object(container["/7/mask"]).x_offset == 1e-6
    assert [container[f"/7/mask/{name}"] for name in ("red", "green", "blue", "alpha")] == [
        0.0,
        0.5,
        1.0,
        0.25,
    ]
    assert contents.title(container, contents.CHANNEL, 7) == "Height"
    assert contents.texts_of_channel(container, 7) == {"Pulse start": "0 s"}
    assert (container["/7/base/palette"], container["/7/base/range-type"], container["/7/base/min"]) == (
        "Gold",
        1,
        -2,
    )
    assert Selection.from_object(contents.selections(container, 7)["point"]).items.tolist() == [[1e-6, 1e-6]]
    (curve,) = Graph.from_object(container["/0/graph/graph/4"]).curves
    assert (curve.description, curve.style, curve.colour) == ("a curve", POINTS, (0.25, 0.5, 0.75))
    assert container["/0/graph/graph/4"]["curves"][0]["line_size"] == 2
    assert Spectra.from_object(container["/sps/0"]).curves[0].unit_y == "A"
    assert container["/surface/0"]["data"].tolist() == [1, 2, 3, 4, 5, 6]
    narrow = container["/narrow"]
    assert (narrow["f"], narrow["h"], narrow["F"].tolist(), narrow["H"].tolist()) == (
        0.5,
        -7,
        [0.5, 1.5],
        [-1, 2],
    )

    write_container(tmp_path / "three.gwy3", container)
    assert differences(read_container(tmp_path / "three.gwy3"), container) == []
    write_container(tmp_path / "two.gwy2", container)
    # Gwyddion 2 loses all that follows an object of a type that it does not know.
    del container["/surface/1"]
    assert differences(read_container(tmp_path / "two.gwy2"), container) == []
    written = (tmp_path / "two.gwy2").read_bytes()
    assert written.startswith(b"GWYPGwyContainer\0")
    assert not any(
        name in written for name in (b"GwyNield", b"GwyRGBA", b"GwyField", b"GwyDict", b"GwyScatter")
    )


def test_a_file_that_ends_early_or_lies_about_sizes_is_refused(tmp_path):
    path = tmp_path / "hostile.gwy3"
    for size in range(5, len(EVERYTHING), 7):
        path.write_bytes(EVERYTHING[:size])
        with pytest.raises(GwyFormatError, match="damaged or incomplete"):
            read_container(path)
    for count in (2**63, 2**64 - 1, 2**61):
        for typecode in b"DIQHFSOC":
            item = component(
                b"/image/0",
                b"o",
                obj(b"GwyField", component(b"data", bytes([typecode]), struct.pack("<Q", count))),
            )
            path.write_bytes(b"GWYQ" + obj(b"GwyFile", item))
            with pytest.raises(GwyFormatError, match="damaged or incomplete"):
                read_container(path)
        path.write_bytes(b"GWYQGwyFile\0" + struct.pack("<Q", count))
        with pytest.raises(GwyFormatError, match="damaged or incomplete"):
            read_container(path)
    path.write_bytes(b"GWYQ" + obj(b"GwyContainer"))
    with pytest.raises(GwyFormatError, match="holds a single 'GwyContainer'"):
        read_container(path)
    # What Gwyddion 2 calls by these names must not come in the place of what Gwyddion 3 means.
    swapped = component(b"/image/7/title", b"s", b"theirs\0") + component(b"/7/data/title", b"s", b"ours\0")
    path.write_bytes(b"GWYQ" + obj(b"GwyFile", component(b"/7/data/title", b"s", b"first\0"), FIELD, swapped))
    assert read_container(path)["/7/data/title"] == "theirs"


def test_beyond_four_gibibytes(tmp_path):
    """A trace of a file of 5 GiB, nearly all of it a hole, is read in its place; none of it is taken into memory."""
    planes, rows, columns = 40, 4096, 4096
    path = tmp_path / "large.gwy3"
    sizes = whole(b"xres", columns) + whole(b"yres", rows) + whole(b"zres", planes)
    n_bytes = 8 * planes * rows * columns
    brick = sizes + unit(b"unit_z", b"s") + b"data\0D" + struct.pack("<Q", n_bytes // 8)
    inside = b"GwyBrick\0" + struct.pack("<Q", len(brick) + n_bytes) + brick
    after = component(b"/volume/0/title", b"s", b"Traces\0")
    body = b"/volume/0\0o" + inside
    with path.open("wb") as file:
        file.write(b"GWYQGwyFile\0" + struct.pack("<Q", len(body) + n_bytes + len(after)) + body)
        start = file.tell()
        file.seek(start + 8 * (rows * columns * (planes - 1) + 5 * columns + 6))
        file.write(struct.pack("<d", 0.75))
        file.seek(start + n_bytes)
        file.write(after)
    container = read_container(path)
    assert contents.title(container, contents.BRICK, 0) == "Traces"
    values = Brick.from_object(container["/brick/0"]).values
    assert isinstance(values, DiskArray)
    assert values[:, 5, 6].tolist() == [0.0] * (planes - 1) + [0.75]


class Head(io.BytesIO):
    """A file whose disk ends after the first bytes."""

    def write(self, data):
        super().write(data)
        if self.tell() > 200:
            raise OSError("full")
        return len(data)


@pytest.mark.parametrize(
    ("name", "form"), [("a.gwy", b"GWYQGwyFile"), ("a.gwy3", b"GWYQGwyFile"), ("", b"GWYQGwyFile")]
)
def test_what_passes_four_gibibytes_gets_the_form_of_gwyddion_3(name, form):
    large = LazyArray((2**29,), lambda: iter([np.zeros(100)]))
    container = GwyContainer()
    put(container, "/brick/0", new_object("GwyBrick", data=("D", large)), "o")
    file = Head()
    with pytest.raises(OSError, match="full"):
        write_container_to(file, container, name)
    assert file.getvalue().startswith(form)
    assert struct.pack("<Q", 2**29) in file.getvalue()


def test_small_ones_have_the_form_their_names_ask_for(tmp_path):
    field = Field(np.arange(6.0).reshape(2, 3), 3e-6, 2e-6, unit_xy="m", unit_z="V")
    container = GwyContainer()
    put(container, "/0/data", field.to_object(), "o")
    put(container, "/0/mask", mask_field(field.values > 3, field), "o")
    put(container, "/0/meta", metadata_container({"a": "b"}), "o")
    for name, magic in (
        ("a.gwy", b"GWYPGwyContainer"),
        ("a.GWY2", b"GWYPGwyContainer"),
        ("a.gwy3", b"GWYQGwyFile"),
    ):
        write_container(tmp_path / name, container)
        assert (tmp_path / name).read_bytes().startswith(magic)
        assert differences(read_container(tmp_path / name), container) == []
    written = (tmp_path / "a.gwy3").read_bytes()
    assert (
        component(
            b"/image/0/mask",
            b"o",
            obj(b"GwyNield", SIZE, component(b"data", b"I", array("i", 0, 0, 0, 0, 1, 1))),
        )
        in written
    )
    assert component(b"/image/0/meta", b"o", obj(b"GwyDict", component(b"a", b"s", b"b\0"))) in written
