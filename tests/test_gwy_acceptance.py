"""Gwyddion itself reads everything we write, without a complaint and with the same numbers."""

import subprocess

import numpy as np
import pytest
from gwyddion import digest
from gwyfile.objects import GwyContainer

from napari_tesm.gwy import (
    Brick,
    Curve,
    DataLine,
    Field,
    Graph,
    Lawn,
    LazyArray,
    Spectra,
    checked_unit,
    mask_field,
    metadata_container,
    new_object,
    put,
    read_container,
    si_unit,
    unit_text,
    write_container,
)
from napari_tesm.gwy.selections import Selection

pytestmark = pytest.mark.gwyddion

RNG = np.random.default_rng(3)
IMAGE = RNG.normal(size=(5, 7)) * 1e-9
TRACES = RNG.normal(size=(11, 5, 7)) * 1e-12
TIME = np.linspace(0, 0.025, 11) ** 1.1


def field(values=IMAGE, **changes):
    geometry = {
        "x_real": 2e-6,
        "y_real": 1.5e-6,
        "x_offset": 3e-6,
        "y_offset": -1e-6,
        "unit_xy": "m",
        "unit_z": "m",
    }
    return Field(values, **(geometry | changes))


@pytest.fixture(scope="module")
def accepted(gwyoracle, gwyddion_check, tmp_path_factory):
    """Write items of a container and return what Gwyddion sees, once it is sure it complains of nothing."""
    folder = tmp_path_factory.mktemp("accepted")

    def see(items, **options):
        container = GwyContainer()
        for key, (value, typecode) in items.items():
            put(container, key, value, typecode)
        path = folder / "file.gwy"
        write_container(path, container, overwrite=True)
        view = gwyoracle(path, **options)
        assert view.problems == []
        assert gwyddion_check(path) == ""
        return view.items

    return see


def test_channel_with_all_that_belongs_to_it(accepted):
    marked = IMAGE > 0
    items = accepted(
        {
            "/3/data": (field().to_object(), "o"),
            "/3/data/title": ("D1 (-3 V)", "s"),
            "/3/data/visible": (True, "b"),
            "/3/data/realsquare": (True, "b"),
            "/3/base/palette": ("W", "s"),
            "/3/base/range-type": (1, "i"),
            "/3/base/min": (np.float64(-1e-9), "d"),
            "/3/base/max": (1e-9, "d"),
            "/3/mask": (mask_field(marked, field()), "o"),
            "/3/mask/alpha": (0.5, "d"),
            "/3/show": (field(unit_z="").to_object(), "o"),
            "/3/meta": (metadata_container({"Regions": '{"µ": [1, 2]}', "Tip radius": "25 nm"}), "o"),
            "/3/data/log": (new_object("GwyStringList", strings=("S", ["t-ESM fit", "x"])), "o"),
        }
    )
    assert items["/3/data"] == {
        "type": "GwyDataField",
        "xres": 7,
        "yres": 5,
        "xreal": 2e-6,
        "yreal": 1.5e-6,
        "xoff": 3e-6,
        "yoff": -1e-6,
        "unit_xy": "m",
        "unit_z": "m",
        "data": digest(IMAGE),
    }
    assert items["/3/mask"]["data"] == digest(marked)
    assert items["/3/mask"]["unit_z"] == ""
    assert items["/3/meta"]["items"] == {"Regions": '{"µ": [1, 2]}', "Tip radius": "25 nm"}
    assert items["/3/data/log"]["strings"] == ["t-ESM fit", "x"]
    assert items["/3/base/palette"] == "W"  # one character, yet a string
    assert items["/3/base/min"] == -1e-9


@pytest.mark.parametrize(
    "values",
    [
        TRACES,
        np.moveaxis(np.ascontiguousarray(np.moveaxis(TRACES, 0, -1)), -1, 0),
        LazyArray(TRACES.shape, lambda: iter(TRACES)),
    ],
    ids=["in memory", "time last in memory", "plane by plane"],
)
def test_brick_is_in_z_y_x_order(accepted, values):
    brick = Brick(values, 2e-6, 1.5e-6, 0.025, 1e-6, 2e-6, -0.01, "m", "m", "s", "m")
    items = accepted({"/brick/2": (brick.to_object(), "o"), "/brick/2/preview": (field().to_object(), "o")})
    assert items["/brick/2"] == {
        "type": "GwyBrick",
        "xres": 7,
        "yres": 5,
        "zres": 11,
        "xreal": 2e-6,
        "yreal": 1.5e-6,
        "zreal": 0.025,
        "xoff": 1e-6,
        "yoff": 2e-6,
        "zoff": -0.01,
        "unit_x": "m",
        "unit_y": "m",
        "unit_z": "s",
        "unit_w": "m",
        "data": digest(TRACES),
        "calibration": None,
    }


def test_brick_with_nonuniform_sampling(accepted):
    brick = Brick(TRACES, z_real=0.025, unit_z="s", unit_w="V", calibration=TIME)
    items = accepted({"/brick/0": (brick.to_object(), "o")})
    assert items["/brick/0"]["calibration"]["data"] == digest(TIME)
    assert items["/brick/0"]["calibration"]["unit_y"] == "s"


def lawn(**changes):
    lengths = np.arange(6, dtype=np.int32).reshape(2, 3)
    segments = np.stack(
        [np.stack([lengths * 0, lengths // 2], -1), np.stack([lengths // 2, lengths], -1)], -2
    )
    parts = {
        "data": RNG.normal(size=2 * 15),
        "lengths": lengths,
        "units": ["s", "m"],
        "labels": ["Time", "Displacement"],
        "x_real": 3e-6,
        "y_real": 2e-6,
        "x_offset": 1e-6,
        "unit_xy": "m",
        "segments": segments,
        "segment_labels": ["pulse", "relaxation"],
    }
    return Lawn(**(parts | changes))


def test_empty_collections(accepted):
    """Gwyddion drops an object with an empty array and everything after it, so none is ever written."""
    items = accepted(
        {
            "/0/graph/graph/1": (Graph([], "empty").to_object(), "o"),
            "/sps/0": (Spectra(np.empty((0, 2)), []).to_object(), "o"),
            "/0/data/log": (new_object("GwyStringList"), "o"),
            "/0/meta": (metadata_container({}), "o"),
            "/0/data": (field().to_object(), "o"),
        }
    )
    assert items["/0/graph/graph/1"]["curves"] == items["/sps/0"]["curves"] == []
    assert items["/0/data/log"]["strings"] == []
    assert items["/0/meta"]["items"] == {}
    assert items["/0/data"]["data"] == digest(IMAGE)


def test_lawn_with_curves_of_all_lengths(accepted):
    written = lawn()
    items = accepted({"/lawn/0": (written.to_object(), "o"), "/lawn/0/title": ("Traces", "s")})
    seen = items["/lawn/0"]
    assert seen["data"] == digest(written.data)
    assert seen["lengths"] == digest(written.lengths, "<i4")
    assert seen["segments"] == digest(written.segments, "<i4")
    assert seen["segment_labels"] == ["pulse", "relaxation"]
    assert seen["curves"] == [{"label": "Time", "unit": "s"}, {"label": "Displacement", "unit": "m"}]
    assert (seen["xreal"], seen["yreal"], seen["xoff"], seen["unit_xy"]) == (3e-6, 2e-6, 1e-6, "m")


def test_graph(accepted):
    graph = Graph(
        [Curve(TIME, TRACES[:, 2, 3], "trace", style=1), Curve(TIME, TIME, "fit", colour=(0.5, 0.25, 1.0))],
        *("Pixel (2, 3)", "Time", "Displacement", "s", "m"),
    )
    items = accepted({"/0/graph/graph/1": (graph.to_object(), "o"), "/0/graph/lastid": (1, "i")}, values=True)
    seen = items["/0/graph/graph/1"]
    first, second = seen["curves"]
    assert (seen["title"], seen["x_label"], seen["y_label"]) == ("Pixel (2, 3)", "Time", "Displacement")
    assert (seen["x_unit"], seen["y_unit"]) == ("s", "m")
    assert first["x"]["values"] == TIME.tolist()
    assert first["y"]["values"] == TRACES[:, 2, 3].tolist()
    assert (first["description"], first["mode"], second["colour"]) == ("trace", 1, [0.5, 0.25, 1.0])


def test_spectra(accepted):
    positions = np.array([[1e-7, 2e-7], [6e-7, 4e-7]])
    lines = [DataLine(TRACES[:, 0, 0], 0.025, -0.01, "s", "m"), DataLine(TRACES[:, 1, 2], 0.025, 0, "s", "m")]
    items = accepted({"/sps/4": (Spectra(positions, lines, "Points", "t", "u", "m").to_object(), "o")})
    seen = items["/sps/4"]
    assert (seen["title"], seen["x_label"], seen["y_label"], seen["unit_xy"]) == ("Points", "t", "u", "m")
    assert seen["positions"] == positions.ravel().tolist()
    assert [line["data"] for line in seen["curves"]] == [digest(line.values) for line in lines]
    assert (seen["curves"][0]["off"], seen["curves"][0]["unit_x"]) == (-0.01, "s")


@pytest.mark.parametrize(
    ("kind", "items"),
    [
        ("point", [[1e-7, 2e-7], [3e-7, 4e-7], [5e-7, 6e-7]]),
        ("line", [[1e-7, 2e-7, 3e-7, 4e-7], [0, 0, 1e-6, 1e-6]]),
        ("rectangle", [[1e-7, 2e-7, 3e-7, 4e-7]]),
        ("ellipse", [[1e-7, 2e-7, 3e-7, 4e-7]]),
        ("lattice", [[2e-7, 0, 0, 2e-7]]),
        ("path", [[1e-7, 2e-7], [3e-7, 4e-7], [5e-7, 1e-7]]),
        ("point", np.empty((0, 2))),
    ],
)
def test_selection(accepted, kind, items):
    selection = Selection(kind, np.array(items), closed=kind == "path", slackness=0.25)
    seen = accepted(
        {"/0/data": (field().to_object(), "o"), f"/0/select/{kind}": (selection.to_object(), "o")}
    )[f"/0/select/{kind}"]
    assert seen["type"] == f"GwySelection{kind.capitalize()}"
    assert seen["data"] == np.ravel(items).tolist()
    if kind == "path":
        assert (seen["closed"], seen["slackness"]) == (True, 0.25)


UNITS = [
    *(
        "",
        "m",
        "g",
        "s",
        "A",
        "K",
        "mol",
        "cd",
        "rad",
        "sr",
        "Hz",
        "N",
        "Pa",
        "J",
        "W",
        "C",
        "V",
        "F",
        "Ohm",
        "Ω",
    ),
    *(
        "S",
        "Wb",
        "T",
        "H",
        "lm",
        "lx",
        "Bq",
        "Gy",
        "Sv",
        "eV",
        "deg",
        "°",
        "m^2/s",
        "m²/s",
        "m² s⁻¹",
        "m/V",
        "1/s",
    ),
    *(
        "m^-1",
        "A/V^2",
        "m/s/s",
        "V s",
        "m·s",
        "V*s",
        "m^3 s^-1 V^-1",
        "V m^-1 s^-1",
        "N/m",
        "m/s/K",
        "s^-1 m",
    ),
]


def test_units_are_understood_as_they_were_meant(accepted):
    items = accepted({f"/{n}/data": (field(unit_z=unit).to_object(), "o") for n, unit in enumerate(UNITS)})
    for n, unit in enumerate(UNITS):
        assert items[f"/{n}/data"]["unit_z"] == checked_unit(unit), unit
        # What Gwyddion is certain of, a refused spelling included, is what `unit_text` says too.
        assert unit_text(si_unit(unit)) == checked_unit(unit)


def test_units_in_files_are_read_as_gwyddion_reads_them(accepted):
    in_files = [
        "nm",
        "um^2/s",
        "µm",
        "μm",
        "pm/V",
        "mrad",
        "kHz",
        "mm",
        "Pm",
        "kg",
        "Å",
        "\udcb5m",
        "m2/s",
        "MPa",
    ]
    objects = [field().to_object() for _ in in_files]
    for obj, unit in zip(objects, in_files, strict=True):
        obj["si_unit_z"]["unitstr"] = unit
    items = accepted({f"/{n}/data": (obj, "o") for n, obj in enumerate(objects)})
    for n, unit in enumerate(in_files):
        assert unit_text(objects[n]["si_unit_z"]) == items[f"/{n}/data"]["unit_z"], ascii(unit)


def gwy_files(folder):
    return sorted((folder / "gwy").glob("*.gwy"))


def test_real_files_carried_over_look_the_same_to_gwyddion(shared_data, gwyoracle, gwyddion_check, tmp_path):
    for source in gwy_files(shared_data):
        target = tmp_path / source.name
        write_container(target, read_container(source))
        assert gwyoracle(target) == gwyoracle(source), source.name
        complaints = gwyddion_check(target).replace(str(target), "")
        assert complaints == gwyddion_check(source).replace(str(source), ""), source.name


def test_gwyddion_saves_what_it_read_of_ours(gwyoracle, tmp_path):
    """A lawn with half its units would be saved corrupt: ours come out as they went in."""
    container = GwyContainer()
    put(container, "/lawn/0", lawn().to_object(), "o")
    put(container, "/brick/0", Brick(TRACES, unit_z="s", calibration=TIME).to_object(), "o")
    write_container(tmp_path / "ours.gwy", container)
    command = ["gwyddion", f"--convert-to-gwy={tmp_path / 'theirs.gwy'}", str(tmp_path / "ours.gwy")]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    ours, theirs = gwyoracle(tmp_path / "ours.gwy"), gwyoracle(tmp_path / "theirs.gwy")
    assert theirs.problems == []
    # Gwyddion makes the previews we left out.
    assert ours.items == {key: value for key, value in theirs.items.items() if not key.endswith("/preview")}


def test_the_judge_notices(gwyoracle, tmp_path):
    """A negative control: what is known to be wrong is called a problem."""
    container = GwyContainer()
    put(container, "/0/data", field().to_object(), "o")
    put(container, "/0/nonsense", 1, "i")
    write_container(tmp_path / "file.gwy", container)
    assert len(gwyoracle(tmp_path / "file.gwy").problems) == 1
    container["/0/data"]["xres"] = 8
    write_container(tmp_path / "file.gwy", container, overwrite=True)
    with pytest.raises(AssertionError, match="cannot read"):
        gwyoracle(tmp_path / "file.gwy")
