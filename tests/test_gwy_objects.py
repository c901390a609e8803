"""Objects of .gwy files: what is built comes back, what Gwyddion would misread is refused."""

import numpy as np
import pytest
from gwyfile.objects import GwyContainer, GwyDataField, GwyObject
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm.files.disk import DiskArray
from napari_tesm.files.errors import GwyFormatError
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
    metadata_entries,
    new_object,
    put,
    read_container,
    si_unit,
    unit_text,
    write_container,
)
from napari_tesm.gwy import contents as gwy_contents
from napari_tesm.gwy.selections import Selection

RNG = np.random.default_rng(5)


def through_a_file(obj, tmp_path):
    container = GwyContainer()
    put(container, "/o", obj, "o")
    write_container(tmp_path / "file.gwy", container, overwrite=True)
    return read_container(tmp_path / "file.gwy")["/o"]


def assert_same(first, second):
    for name in first.__dataclass_fields__:
        left, right = getattr(first, name), getattr(second, name)
        if isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right, name)
        elif isinstance(left, (list, tuple)) and not left:
            assert not right, name
        elif isinstance(left, (list, tuple)) and hasattr(left[0], "__dataclass_fields__"):
            for item, other_item in zip(left, right, strict=True):
                assert_same(item, other_item)
        else:
            assert left == right, name


LENGTHS = np.array([[0, 2, 1], [3, 0, 5]], np.int32)
SEGMENTS = np.stack([np.stack([LENGTHS * 0, LENGTHS // 2], -1), np.stack([LENGTHS // 2, LENGTHS], -1)], -2)

EXAMPLES = [
    Field(RNG.normal(size=(3, 5)), 2e-6, 1e-6, -1e-6, 3e-6, "m", "m^2/s"),
    Field(np.zeros((1, 1))),
    DataLine(RNG.normal(size=4), 0.5, -1.0, "s", "V"),
    Brick(RNG.normal(size=(4, 3, 2)), 1.0, 2.0, 3.0, 4.0, 5.0, -6.0, "m", "m", "s", "V"),
    Brick(np.full((2, 1, 1), np.nan), unit_z="s", calibration=np.array([0.0, 3.0]), calibration_unit="s"),
    Lawn(RNG.normal(size=22), LENGTHS, ["s", "m"], ["t", "u"], 1.0, 2.0, 3.0, 4.0, "m", SEGMENTS, ["a", "b"]),
    Lawn(RNG.normal(size=11), LENGTHS, [""], ["counts"]),
    Graph([Curve(np.arange(3.0), np.ones(3), "fit", 1, (0.5, 0.0, 1.0))], "T", "x", "y", "s", "m"),
    Graph([]),
    Spectra(RNG.normal(size=(2, 2)), [DataLine(np.ones(2)), DataLine(np.zeros(3))], "T", "x", "y", "m"),
    Spectra(np.empty((0, 2)), []),
    Selection("line", RNG.normal(size=(2, 4))),
    Selection("path", RNG.normal(size=(3, 2)), closed=True, slackness=0.5),
    Selection("point", np.empty((0, 2))),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_what_is_written_is_read(tmp_path, example):
    kind = type(example)
    assert_same(kind.from_object(example.to_object()), example)
    assert_same(kind.from_object(through_a_file(example.to_object(), tmp_path)), example)


def test_field_is_what_gwyfile_makes():
    field = Field(np.arange(6.0).reshape(2, 3), 2.0, 3.0, 0.5, 0.25, "m", "V").to_object()
    theirs = GwyDataField(np.arange(6.0).reshape(2, 3), 2.0, 3.0, 0.5, 0.25, si_unit("m"), si_unit("V"))
    assert isinstance(field, GwyDataField)
    assert field.data.tolist() == theirs.data.tolist()
    assert (field.xreal, field.yreal, field.xoff, field.yoff) == (2.0, 3.0, 0.5, 0.25)
    assert set(field) == set(theirs)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_field_with_nan(bad):
    with pytest.raises(ValueError, match="mark them in the mask"):
        Field(np.array([[1.0, bad]])).to_object()


def test_mask_fits_its_channel():
    field = Field(np.zeros((2, 3)), 2e-6, 1e-6, 1.0, 2.0, "m", "V")
    mask = Field.from_object(mask_field([[0, 1, 0], [True, False, 2]], field))
    assert mask.values.tolist() == [[0, 1, 0], [1, 0, 1]]
    assert (mask.x_real, mask.x_offset, mask.unit_xy, mask.unit_z) == (2e-6, 1.0, "m", "")
    with pytest.raises(ValueError, match="does not fit"):
        mask_field(np.zeros((3, 2)), field)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Field(np.zeros(3)), "two dimensions"),
        (lambda: Field(np.zeros((0, 3))), "at least one pixel"),
        (lambda: Field(np.zeros((1, 1)), x_real=0.0), "x_real must be a positive"),
        (lambda: Field(np.zeros((1, 1)), y_real=np.nan), "y_real must be a positive"),
        (lambda: Field(np.zeros((1, 1)), x_offset=np.inf), "x_offset must be a finite"),
        (lambda: Field(np.zeros((1, 1)), unit_z="nm"), "prefix"),
        (lambda: DataLine(np.zeros((1, 1))), "one dimension"),
        (lambda: DataLine(np.zeros(2), real=-1.0), "real must be"),
        (lambda: Brick(np.zeros((2, 2))), "three dimensions"),
        (lambda: Brick(LazyArray((0, 2, 2), list)), "at least one voxel"),
        (lambda: Brick(np.zeros((2, 2, 2)), calibration=np.zeros(3)), "2 finite values"),
        (lambda: Brick(np.zeros((2, 1, 1)), calibration=np.array([0, np.nan])), "2 finite values"),
        (lambda: Brick(np.zeros((2, 2, 2)), z_real=0.0), "z_real"),
        (lambda: Lawn(np.zeros(22), LENGTHS, ["s", ""], ["t", "u"]), "every curve a unit"),
        (lambda: Lawn(np.zeros(22), LENGTHS, ["s", "a.u."], ["t", "u"]), "cannot be stored"),
        (lambda: Lawn(np.zeros(21), LENGTHS, ["s", "m"], ["t", "u"]), "add up to 22"),
        (lambda: Lawn(np.zeros(0), LENGTHS * 0, ["s"], ["t"]), "without a single sample"),
        (lambda: Lawn(np.zeros(22), LENGTHS, ["s", "m"], ["t"]), "2 units and 1 labels"),
        (lambda: Lawn(np.zeros(11), LENGTHS - 1, ["s"], ["t"]), "number of samples"),
        (
            lambda: Lawn(
                np.zeros(11), LENGTHS, ["s"], ["t"], segments=SEGMENTS + 1, segment_labels=["a", "b"]
            ),
            "outside",
        ),
        (
            lambda: Lawn(np.zeros(11), LENGTHS, ["s"], ["t"], segments=SEGMENTS, segment_labels=["a"]),
            "do not fit",
        ),
        (lambda: Graph([Curve(np.zeros(2), np.zeros(3))]), "as many x as y"),
        (lambda: Graph([Curve(np.zeros(0), np.zeros(0))]), "at least one"),
        (
            lambda: Graph([Curve(np.zeros(1), np.array([np.nan]), "fit")]),
            "'fit' holds values that are not finite",
        ),
        (lambda: Graph([], x_unit="ms"), "prefix"),
        (lambda: Spectra(np.zeros((1, 2)), []), "0 spectra"),
        (lambda: Selection("polygon", np.zeros((1, 2))), "no selections of kind"),
        (lambda: Selection("line", np.zeros((1, 2))), "4 finite numbers"),
        (lambda: Selection("point", np.array([[0, np.nan]])), "2 finite numbers"),
    ],
)
def test_what_gwyddion_would_misread_is_refused(build, message):
    with pytest.raises(ValueError, match=message) as error:
        build().to_object()
    assert "\n" not in str(error.value)


# Units


@pytest.mark.parametrize(
    "unit", ["nm", "um^2/s", "pm/V", "µm", "μm", "kHz", "kg", "m²/ms", "mrad", "MPa", "dam"]
)
def test_prefixes_are_refused_with_the_unit_to_use(unit):
    with pytest.raises(ValueError, match="write values in") as error:
        checked_unit(unit)
    assert checked_unit(str(error.value).rsplit("'", 2)[1])


@pytest.mark.parametrize(
    "unit", ["a.u.", "%", "arb", "log10(m^2/s)", "counts", "min", "K^0.5", "m/√Hz", "m//s", "/", "m/"]
)
def test_what_is_no_unit_is_refused(unit):
    with pytest.raises(ValueError, match="metadata"):
        si_unit(unit)


def test_one_spelling_of_each_unit():
    assert {checked_unit(text) for text in ("m^2/s", "m²/s", "m2/s", " m^2 / s ", "m²·s⁻¹", "m*m/s")} == {
        "m^2/s"
    }
    assert {checked_unit(text) for text in ("Ohm", "Ω", "\u2126")} == {"Ω"}
    assert {checked_unit(text) for text in ("", " ", "1", "m/m")} == {""}


@pytest.mark.parametrize(
    ("text", "meant"), [("a.u.", "a.u."), ("nm", "m"), ("\udcb5m", "m"), (" LSB ", "LSB"), ("%", "%")]
)
def test_units_in_files(text, meant):
    assert unit_text(new_object("GwySIUnit", unitstr=("s", text))) == meant


def test_no_unit_at_all():
    assert unit_text(None) == unit_text(GwyObject("GwySIUnit")) == ""
    for wrong in ("m", GwyObject("GwyDataLine"), new_object("GwySIUnit", unitstr=("i", 1))):
        with pytest.raises(GwyFormatError, match="/0/data should be a unit"):
            unit_text(wrong, "/0/data")


@pytest.mark.slow
@given(st.text(max_size=12))
def test_any_text_is_a_unit_or_refused(text):
    try:
        unit = checked_unit(text)
    except ValueError:
        return
    assert checked_unit(unit) == unit == unit_text(si_unit(text))


# Reading what others wrote


def raw_field(**changes):
    parts = {"xres": ("i", 3), "yres": ("i", 2), "data": ("D", np.arange(6.0))}
    return new_object("GwyDataField", **(parts | changes))


def test_missing_or_senseless_extents():
    """Gwyddion leaves missing ones to chance, takes 1 for 0 and drops the sign."""
    assert Field.from_object(raw_field()).x_real == 1.0
    assert Field.from_object(raw_field(xreal=("d", 0.0))).x_real == 1.0
    assert Field.from_object(raw_field(xreal=("d", -2.0))).x_real == 2.0
    assert Field.from_object(raw_field(xreal=("d", np.nan))).x_real == 1.0
    assert Field.from_object(raw_field(xoff=("d", np.inf))).x_offset == 0.0


def part(name, **components):
    return new_object(name, **components)


@pytest.mark.parametrize(
    ("kind", "obj", "message"),
    [
        (Field, "text", "should be a GwyDataField and is a str"),
        (Field, part("GwyBrick"), "is a GwyBrick"),
        (Field, raw_field(xres=("i", 4)), r"6 values under 'data' where its dimensions \(2, 4\) need 8"),
        (Field, raw_field(xres=("i", -3)), "xres = -3"),
        (Field, raw_field(xres=("s", "3")), "xres = '3'"),
        (Field, part("GwyDataField"), "xres = None"),
        (Field, raw_field(data=("I", np.arange(6, dtype=np.int32))), "no array of doubles"),
        (Field, raw_field(si_unit_z=("s", "m")), "should be a unit"),
        (Brick, part("GwyBrick", xres=("i", 1), yres=("i", 1)), "zres = None"),
        (
            Brick,
            part(
                "GwyBrick",
                **dict.fromkeys(("xres", "yres", "zres"), ("i", 1)),
                data=("D", np.zeros(1)),
                calibration=("O", [DataLine(np.zeros(2)).to_object()]),
            ),
            "has 2 values for 1 planes",
        ),
        (
            Lawn,
            part(
                "GwyLawn",
                xres=("i", 1),
                yres=("i", 1),
                ncurves=("i", 1),
                curvelengths=("I", np.array([-1], "i4")),
            ),
            "negative length",
        ),
        (Lawn, part("GwyLawn", xres=("i", 1), yres=("i", 1), ncurves=("i", 1)), "curvelengths"),
        (
            Lawn,
            part(
                "GwyLawn",
                xres=("i", 1),
                yres=("i", 1),
                ncurves=("i", 2**30),
                curvelengths=("I", np.array([2**30], "i4")),
            ),
            "no array of doubles",
        ),
        (Graph, part("GwyGraphModel", curves=("O", [part("GwyBrick")])), "GwyGraphCurveModel"),
        (Graph, part("GwyGraphModel", curves=("s", "no list")), "should hold a list"),
        (
            Graph,
            part(
                "GwyGraphModel",
                curves=(
                    "O",
                    [part("GwyGraphCurveModel", xdata=("D", np.zeros(2)), ydata=("D", np.zeros(1)))],
                ),
            ),
            "1 values under 'ydata'",
        ),
        (Spectra, part("GwySpectra", data=("O", [DataLine(np.zeros(2)).to_object()])), "coords"),
        (Spectra, part("GwySpectra", data=("s", "no list")), "should hold a list"),
        (Selection, part("GwySelectionQuad"), "no selection"),
        (Selection, part("GwySelectionLine", data=("D", np.zeros(5))), "4 coordinates"),
    ],
)
def test_objects_that_contradict_themselves(kind, obj, message):
    with pytest.raises(GwyFormatError, match=message) as error:
        kind.from_object(obj, "/0/data")
    assert "/0/data" in str(error.value)
    assert "\n" not in str(error.value)


COMPONENTS = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.integers(2**30, 2**31 - 1),
    st.floats(),
    st.text(max_size=3),
    st.booleans(),
    st.lists(st.text(max_size=2), max_size=2),
    st.lists(st.floats(), max_size=6).map(lambda v: np.array(v, "<f8")),
    st.lists(st.integers(-3, 3), max_size=6).map(lambda v: np.array(v, "<i4")),
    st.sampled_from([GwyObject("GwySIUnit"), GwyObject("GwyDataLine"), [GwyObject("GwyDataLine")]]),
)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.sampled_from(EXAMPLES), st.data())
def test_any_component_may_be_wrong(example, data):
    obj = example.to_object()
    key = data.draw(st.sampled_from(list(obj)))
    value = data.draw(COMPONENTS)
    if value is None:
        del obj[key]
    else:
        obj[key] = value
    try:
        type(example).from_object(obj, "/key")
    except GwyFormatError:
        return


def test_brick_and_its_abscissa():
    brick = Brick(np.zeros((5, 1, 1)), z_real=0.025, z_offset=-0.005)
    np.testing.assert_allclose(brick.z, [-0.005, 0.0, 0.005, 0.01, 0.015], atol=1e-18)
    times = np.array([0, 1, 2, 4, 8]) * 1e-3
    assert Brick(np.zeros((5, 1, 1)), calibration=times).z.tolist() == times.tolist()


def test_a_calibration_keeps_a_unit_of_its_own(tmp_path):
    given_ = Brick(
        np.zeros((3, 1, 2)),
        unit_z="s",
        calibration=np.array([0.0, 1.0, 4.0]),
        calibration_unit="V",
        unit_w="m",
    )
    back = Brick.from_object(through_a_file(given_.to_object(), tmp_path))
    assert (back.unit_z, back.calibration_unit, back.unit_w) == ("s", "V", "m")


def test_large_volumes_and_curve_maps_stay_in_the_file(tmp_path):
    values = RNG.standard_normal((41, 70, 60))
    brick = Brick.from_object(through_a_file(Brick(values).to_object(), tmp_path))
    assert isinstance(brick.values, DiskArray)
    turned = brick.values.transposed((1, 2, 0))
    pixels = (slice(3, 60, 7), [1, 5, 6, 59], slice(40, None, -3))
    np.testing.assert_array_equal(turned.outer(pixels), values.transpose(1, 2, 0)[pixels])
    samples = values.reshape(70, 60, 1, 41)
    given_ = Lawn(samples.reshape(-1), np.full((70, 60), 41, np.int32), ["m"], ["x"])
    curves = Lawn.from_object(through_a_file(given_.to_object(), tmp_path)).regular_curves()
    assert isinstance(curves, DiskArray)
    np.testing.assert_array_equal(curves.at(2, 0)[10:70:9, -1, 5], samples[10:70:9, -1, 0, 5])


def test_regular_curves_are_a_view():
    data = np.arange(2 * 3 * 2 * 4.0)
    curves = Lawn(data, np.full((2, 3), 4, np.int32), ["s", "m"], ["t", "u"]).regular_curves()
    assert curves.shape == (2, 3, 2, 4)
    assert curves.base is data
    assert curves[1, 2, 0].tolist() == data[40:44].tolist()
    assert EXAMPLES[5].regular_curves() is None  # of several lengths


def test_labels_and_units_may_be_missing():
    obj = EXAMPLES[5].to_object()
    del obj["curve_labels"], obj["si_units_curves"], obj["segment_labels"]
    lawn = Lawn.from_object(obj)
    assert (lawn.labels, lawn.units, lawn.segment_labels) == (["", ""], ["", ""], ["", ""])


def test_real_volume_and_curve_maps(shared_data):
    lawn = Lawn.from_object(read_container(shared_data / "gwy" / "BEPS_lawn_32x32.gwy")["/lawn/0"])
    assert lawn.regular_curves().shape == (32, 32, 2, 64)
    assert list(lawn.labels) == ["Voltage", "PFM"]
    assert lawn.segments[0, 0].tolist() == [[0, 32], [32, 64]]
    brick = Brick.from_object(read_container(shared_data / "gwy" / "tcspc64_brick.gwy")["/brick/0"])
    assert brick.values.shape == (64, 64, 64)
    assert brick.z[1] == 1.25e-8 / 64
    spectra = Spectra.from_object(read_container(shared_data / "gwy" / "GaAs_map.mdt.gwy")["/sps/2"])
    assert spectra.positions.shape == (150, 2)
    assert spectra.curves[0].values.size == 587
    field = Field.from_object(read_container(shared_data / "gwy" / "bipm.gwy")["/0/data"])
    assert field.unit_xy == field.unit_z == "m"  # "µm" and "nm" in the file, as labels only
    assert field.x_real == pytest.approx(5e-6)


def test_metadata():
    entries = {"Pulse voltage": "-3 V", "n": 3}
    assert metadata_entries(metadata_container(entries)) == {"Pulse voltage": "-3 V", "n": "3"}
    assert metadata_entries(None) == {}


# Contents


@pytest.fixture
def container():
    result = GwyContainer()
    field, brick = Field(np.zeros((1, 1))).to_object(), Brick(np.zeros((1, 1, 1))).to_object()
    for key, value in {
        "/12/data": field,
        "/3/data": field,
        "/007/data": field,
        "/5/data": brick,
        "/3/mask": field,
        "/brick/4": brick,
        "/brick/4/preview": field,
        "/lawn/0": EXAMPLES[5].to_object(),
        "/0/graph/graph/2": Graph([], "curve").to_object(),
        "/sps/1": Spectra(np.empty((0, 2)), [], "points").to_object(),
        "/3/select/line": Selection("line", np.zeros((1, 4))).to_object(),
        "/3/select/pointer": Selection("point", np.zeros((1, 2))).to_object(),
        "/3/select/odd": field,
    }.items():
        put(result, key, value, "o")
    put(result, "/3/data/title", "Topography", "s")
    put(result, "/30/data/title", "no channel", "s")
    put(result, "/brick/4/title", "Traces (-3 V)", "s")
    put(result, "/0/graph/lastid", 7, "i")
    return result


def test_ids_need_not_start_at_zero(container):
    kinds = ("channel", "brick", "lawn", "graph", "spectra")
    assert [gwy_contents.ids(container, kind) for kind in kinds] == [[3, 12], [4], [0], [2], [1]]
    assert [gwy_contents.ids(GwyContainer(), kind) for kind in kinds] == [[]] * 5


def test_next_ids_meet_nothing_that_is_there(container):
    kinds = ("channel", "brick", "lawn", "graph", "spectra")
    assert [gwy_contents.next_id(container, kind) for kind in kinds] == [31, 5, 1, 8, 2]
    assert [gwy_contents.next_id(GwyContainer(), kind) for kind in kinds] == [0] * 5
    only_graph = GwyContainer({"/0/graph/graph/1": GwyObject("GwyGraphModel")})
    assert gwy_contents.next_id(only_graph, gwy_contents.CHANNEL) == 0


def test_titles(container):
    assert gwy_contents.title(container, "channel", 3) == "Topography"
    assert gwy_contents.title(container, "channel", 12) == ""
    assert gwy_contents.title(container, "brick", 4) == "Traces (-3 V)"
    assert gwy_contents.title(container, "graph", 2) == "curve"
    assert gwy_contents.title(container, "spectra", 1) == "points"


def test_selections_of_a_channel(container):
    selections = gwy_contents.selections(container, 3)
    assert list(selections) == ["line", "pointer"]
    assert Selection.from_object(selections["pointer"]).kind == "point"
    assert gwy_contents.selections(container, 12) == {}


def test_keys_that_belong_together(container):
    assert gwy_contents.keys_of(container, "channel", 3) == [
        "/3/data",
        "/3/mask",
        "/3/select/line",
        "/3/select/pointer",
        "/3/select/odd",
        "/3/data/title",
    ]
    assert gwy_contents.keys_of(container, "brick", 4) == ["/brick/4", "/brick/4/preview", "/brick/4/title"]
    assert gwy_contents.keys_of(container, "channel", 0) == []


def test_an_array_in_the_place_of_a_number_is_refused_in_one_line():
    from gwyfile.objects import GwyObject

    from napari_tesm.gwy.parts import positive_int

    damaged = GwyObject("GwyBrick", {"xres": np.linspace(0.0, 1.0, 40), "yres": "x" * 5000})
    for component, shown in (("xres", "an array"), ("yres", "'xxx")):
        with pytest.raises(ValueError, match=f"/0/data has {component} = {shown}") as error:
            positive_int(damaged, component, "/0/data")
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 160
