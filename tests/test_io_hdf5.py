"""HDF5 by its structure: NSID, USID and others, lazily, without opening another file, whatever a file claims."""

import random
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from napari_tesm import open_dataset
from napari_tesm.io.content import ContentError
from napari_tesm.io.hdf5 import content_from_hdf5, is_hdf5
from napari_tesm.io.hdf5.content import _content, hdf5_on_disk
from napari_tesm.io.hdf5.usid import grid_from_tables
from napari_tesm.io.mapping.entries import MappingError
from napari_tesm.io.mapping.text import mapping_from_text

h5py = pytest.importorskip("h5py")


def unrehearsed(path):
    """Sound files of a test need no other process to open them first."""
    return _content(path, hdf5_on_disk(path))


# Real files


def test_nsid_images_have_their_titles_units_and_sizes(shared_data):
    path = shared_data / "hdf5" / "PMN28Pt0001.h5"
    assert is_hdf5(path, path.read_bytes()[:4096])
    content = content_from_hdf5(path)
    assert content.format == "HDF5, NSID"
    assert [source.title for source in content.sources] == [
        "HeightRetrace", "AmplitudeRetrace", "DeflectionRetrace", "PhaseRetrace",
    ]  # fmt: skip
    assert [source.unit for source in content.sources] == ["m", "m", "m", "deg"]
    with h5py.File(path) as file:
        for source in content.sources:
            np.testing.assert_array_equal(source.array[...], file[source.name][...])
            assert [(axis.name, axis.size) for axis in source.axes] == [("x", 256), ("y", 256)]
            np.testing.assert_allclose(source.axes[0].positions()[-1], 2e-6)
    # The file itself gives the places of the phase image in degrees.
    assert any("Channel_3" in note and "'deg'" in note for note in content.notes)
    assert content.attributes["Measurement_000/Channel_0/Channel_0/original_metadata/ARUserPanelName"] == ""


def test_an_nsid_loop_per_pixel_keeps_its_loop(shared_data):
    path = shared_data / "hdf5" / "BEPS_PTO_50x50.h5"
    content = content_from_hdf5(path)
    assert content.format == "HDF5, NSID"
    (source,) = content.sources
    assert (source.title, source.unit, source.shape) == ("Piezoresponse", "a.u.", (50, 50, 64))
    assert [(axis.name, axis.unit) for axis in source.axes] == [("X", "m"), ("Y", "m"), ("Voltage", "V")]
    assert source.attributes["dimension_type"] == ["SPATIAL", "SPATIAL", "SPECTRAL"]
    with h5py.File(path) as file:
        group = file["Channel_000/generic"]
        np.testing.assert_array_equal(source.array[7, 9], group["generic"][7, 9])
        np.testing.assert_array_equal(source.array[...], group["generic"][...])
        np.testing.assert_array_equal(source.axes[2].positions(), group["Voltage"][...])
        np.testing.assert_allclose(source.axes[0].positions(), group["X"][...], rtol=1e-12)


def test_usid_images_are_put_into_their_grid(shared_data):
    path = shared_data / "hdf5" / "SingFreqPFM_0003_pyUSID.h5"
    content = content_from_hdf5(path)
    assert content.format == "HDF5, USID"
    assert [source.title for source in content.sources] == [
        "HeightRetrace", "AmplitudeRetrace", "DeflectionRetrace", "PhaseRetrace",
    ]  # fmt: skip
    with h5py.File(path) as file:
        indices = file["Measurement_000/Position_Indices"][...]
        values = file["Measurement_000/Position_Values"][...]
        assert file["Measurement_000/Position_Indices"].attrs["labels"].tolist() == [b"X", b"Y"]
        for source in content.sources:
            flat = file[source.name][:, 0]
            image = source.array[...]
            assert [axis.name for axis in source.axes] == ["Y", "X"]
            np.testing.assert_array_equal(image[indices[:, 1], indices[:, 0]], flat)
            np.testing.assert_allclose(
                source.axes[1].positions()[indices[:, 0]], values[:, 0], atol=1e-6 * values.max()
            )
    assert content.attributes["sample_name"] == "PZT"


def test_a_single_force_curve_is_said_to_be_one(shared_data):
    content = content_from_hdf5(shared_data / "hdf5" / "AFM_Force_Curve.h5")
    assert [(source.title, source.shape, source.unit) for source in content.sources] == [
        ("Raw", (2045,), "m"), ("Defl", (2045,), "m"), ("ZSnsr", (2045,), "m"),
    ]  # fmt: skip
    assert content.sources[0].axes[0].name == "Z"
    assert sum("single curve" in note for note in content.notes) == 3
    with h5py.File(shared_data / "hdf5" / "AFM_Force_Curve.h5") as file:
        for source in content.sources:
            np.testing.assert_array_equal(source.array[...], file[source.name][0])


# Any file


def test_numbers_of_all_kinds_are_arrays_of_their_own(tmp_path):
    path = tmp_path / "any.h5"
    records = np.array([(1, 2.5, b"a"), (2, 3.5, b"b")], [("n", "i2"), ("v", "f4"), ("t", "S1")])
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["big"] = np.arange(6, dtype=">i2").reshape(2, 3)
        file["flags"] = np.array([True, False])
        file["z"] = np.array([1 + 2j, 3 - 4j])
        file["packed"] = np.arange(1000.0)
        file.create_dataset("chunked", data=np.arange(1000.0), chunks=(64,), compression="gzip")
        file["g/records"] = records
        file["text"] = ["a", "b"]
        file["nothing"] = np.zeros((0, 3))
        file["rate"] = 5e4
        file["operator"] = "somebody"
        file.attrs["when"] = "2026-01-01"
        file["g"].attrs["gain"] = np.float32(2)
    assert is_hdf5(path, path.read_bytes()[:4096])
    content = unrehearsed(path)
    assert content.format == "HDF5"
    arrays = {source.name: source.array[...] for source in content.sources}
    assert sorted(arrays) == [
        "big",
        "chunked",
        "flags",
        "g/records/n",
        "g/records/v",
        "packed",
        "z/imag",
        "z/real",
    ]
    np.testing.assert_array_equal(arrays["big"], np.arange(6).reshape(2, 3))
    assert arrays["flags"].tolist() == [True, False]
    assert arrays["z/imag"].tolist() == [2, -4]
    assert arrays["g/records/v"].tolist() == [2.5, 3.5]
    np.testing.assert_array_equal(arrays["packed"], np.arange(1000.0))
    np.testing.assert_array_equal(arrays["chunked"], np.arange(1000.0))
    assert content.source("chunked").array[-1:500:-250].tolist() == [999, 749]
    assert content.attributes == {"when": "2026-01-01", "g/gain": 2.0, "rate": 5e4, "operator": "somebody"}
    assert {note.split("'")[1] for note in content.notes} == {"text", "nothing"}
    assert not content.source("packed").axes[0].known


def test_dimension_scales_are_axes_equally_spaced_or_not(tmp_path):
    path = tmp_path / "scales.h5"
    with h5py.File(path, "w") as file:
        file["signal"] = np.zeros((4, 5, 6))
        for name, values, unit in (
            ("y", [0.0, 2, 4, 6], "um"),
            ("t", [0.0, 1, 3, 7, 9], "s"),
            ("k", [0, 1, np.nan, 3, 4, 5], ""),
        ):
            file[name] = values
            file[name].attrs["units"] = unit
            file[name].make_scale(name)
        for number, name in enumerate("ytk"):
            file["signal"].dims[number].attach_scale(file[name])
        file["signal"].attrs["units"] = "pm"
    content = unrehearsed(path)
    (source,) = content.sources
    y, t, k = source.axes
    assert (y.name, y.unit, y.start, y.step, y.values) == ("y", "um", 0.0, 2.0, None)
    assert (t.name, t.unit, t.values.tolist()) == ("t", "s", [0, 1, 3, 7, 9])
    assert not k.known
    assert any("along 'k'" in note for note in content.notes)
    assert source.unit == "pm"


def test_netcdf_scaling_is_applied(tmp_path):
    path = tmp_path / "scaled.nc"
    with h5py.File(path, "w") as file:
        file["h"] = np.array([0, 1, 2], "i2")
        file["h"].attrs.update({"scale_factor": np.float32(0.5), "add_offset": -1.0, "units": "nm"})
    (source,) = unrehearsed(path).sources
    assert source.array[...].tolist() == [-1, -0.5, 0]
    assert source.array.dtype == np.float64


def usid_file(path, indices, values, shape, labels=("X", "Y")):
    """One main dataset whose rows are at the given places."""
    with h5py.File(path, "w") as file:
        main = file.create_dataset(
            "main", data=np.arange(np.prod(shape), dtype=float).reshape(shape), chunks=(2, 2)
        )
        spectroscopic = np.arange(shape[1])[None]
        for name, table, texts, units in (
            ("Position_Indices", indices, labels, ["um"] * len(labels)),
            ("Position_Values", values, labels, ["um"] * len(labels)),
            ("Spectroscopic_Indices", spectroscopic, ["t"], ["ms"]),
            ("Spectroscopic_Values", spectroscopic * 0.5, ["t"], ["ms"]),
        ):
            file[name] = table
            file[name].attrs["labels"] = [text.encode() for text in texts]
            file[name].attrs["units"] = [unit.encode() for unit in units]
            main.attrs[name] = file[name].ref
    return path


def test_usid_traces_are_a_stack_over_the_image(tmp_path):
    y, x = (axis.ravel() for axis in np.indices((3, 4)))
    path = usid_file(tmp_path / "u.h5", np.c_[x, y], np.c_[x * 0.1, y * 0.2], (12, 5))
    (source,) = unrehearsed(path).sources
    assert source.shape == (3, 4, 5)
    assert [(axis.name, axis.unit, axis.step) for axis in source.axes] == [
        ("Y", "um", pytest.approx(0.2)), ("X", "um", pytest.approx(0.1)), ("t", "ms", 0.5),
    ]  # fmt: skip
    np.testing.assert_array_equal(source.array[...], np.arange(60.0).reshape(3, 4, 5))
    assert source.array[1, 2, 3] == 33
    np.testing.assert_array_equal(
        source.array[::2, 1:3, ::-1], np.arange(60.0).reshape(3, 4, 5)[::2, 1:3, ::-1]
    )


def test_a_usid_scan_that_was_stopped_stays_a_list(tmp_path):
    y, x = (axis.ravel()[:10] for axis in np.indices((3, 4)))
    path = usid_file(tmp_path / "u.h5", np.c_[x, y], np.c_[x, y], (10, 5))
    content = unrehearsed(path)
    assert content.sources[0].shape == (10, 5)
    assert not content.sources[0].axes[0].known
    assert content.sources[0].axes[1].step == 0.5
    assert any("no complete grid" in note for note in content.notes)


@pytest.mark.parametrize("rows", [11, 13])
def test_usid_tables_that_do_not_fit_are_said(tmp_path, rows):
    path = usid_file(tmp_path / "u.h5", np.zeros((rows, 2)), np.zeros((rows, 2)), (12, 5))
    content = unrehearsed(path)
    assert content.sources[0].shape == (12, 5)
    assert any("tables do not fit" in note for note in content.notes)


def test_positions_that_differ_from_line_to_line_are_no_axis():
    y, x = (axis.ravel() for axis in np.indices((3, 4)))
    values = np.c_[x + 0.01 * y, y].astype(float)
    grid = grid_from_tables(np.c_[x, y], values, ["X", "Y"], ["m", "m"])
    assert grid.complete
    assert [(axis.name, axis.size, axis.known) for axis in grid.axes] == [("Y", 3, True), ("X", 4, False)]


def test_serpentine_rows_are_not_taken_for_a_raster():
    y, x = np.indices((3, 4))
    x[1] = x[1, ::-1]
    grid = grid_from_tables(np.c_[x.ravel(), y.ravel()], np.c_[x.ravel(), y.ravel()], ["X", "Y"], ["", ""])
    assert not grid.complete
    assert grid.sizes == (12,)


# Links, claims, damage


def test_links_in_loops_and_to_other_files_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.arange(3)
    path = tmp_path / "links.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(4)
        file["g/back"] = file["/"]
        file["g/again"] = file["a"]
        file["soft"] = h5py.SoftLink("/a")
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/secret")
        file.create_dataset("raw", (3,), "i8", external=[(str(tmp_path / "other.h5"), 0, 24)])
        layout = h5py.VirtualLayout((3,), "i8")
        layout[:] = h5py.VirtualSource("other.h5", "secret", (3,))
        file.create_virtual_dataset("virtual", layout)
    content = unrehearsed(path)
    assert [source.name for source in content.sources] == ["a"]
    told = " ".join(content.notes)
    assert all(f"'{name}'" in told for name in ("elsewhere", "raw", "virtual"))
    assert "dangling" not in told


def test_claims_of_huge_sizes_cost_nothing(tmp_path):
    path = tmp_path / "huge.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("huge", (10**9, 10**9), "f8", chunks=(100, 100))
        file.create_dataset("chunk", (1 << 29,), "i1", chunks=(1 << 29,), compression="gzip")
        file["a"] = np.arange(4)
    tracemalloc.start()
    try:
        content = unrehearsed(path)
        assert [source.name for source in content.sources] == ["a"]
        assert len(content.notes) == 2
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_part_of_a_large_array_takes_little_memory(tmp_path):
    path = tmp_path / "large.h5"
    with h5py.File(path, "w") as file:
        file["packed"] = np.zeros((500, 500, 25), "f4")
        file.create_dataset("chunked", (500, 500, 25), "f4", chunks=(10, 10, 25), compression="gzip")[...] = 1
    tracemalloc.start()
    try:
        for source in unrehearsed(path).sources:
            assert source.array[17:20, ::50].shape == (3, 10, 25)
        assert tracemalloc.get_traced_memory()[1] < 2e6  # of 25 MB each
    finally:
        tracemalloc.stop()


def test_a_file_written_anew_is_read_anew(tmp_path):
    path = tmp_path / "same.h5"
    for values in (np.arange(5.0), np.arange(7.0)):
        with h5py.File(path, "w") as file:
            file.create_dataset("a", data=values, chunks=(2,))
        kept = content = unrehearsed(path)
        assert content.source("a").array[...].tolist() == values.tolist()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(OSError, match="changed"):
        kept.source("a").array[0]


def test_a_damaged_chunk_is_an_error_of_reading(tmp_path):
    path = tmp_path / "chunk.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "a", data=np.random.default_rng(0).normal(size=1000), chunks=(1000,), compression="gzip"
        )
        place = data.id.get_chunk_info(0)
    raw = bytearray(path.read_bytes())
    raw[place.byte_offset + 100 : place.byte_offset + 200] = bytes(100)
    path.write_bytes(raw)
    source = content_from_hdf5(path).source("a")
    with pytest.raises(OSError, match="'/a' cannot be read") as refused:
        source.array[3]
    assert "\n" not in str(refused.value)


def sound_file(path, **options):
    with h5py.File(path, "w", **options) as file:
        file["a"] = np.arange(100.0).reshape(10, 10)
        file.create_dataset("c", data=np.arange(1000.0), chunks=(100,), compression="gzip", shuffle=True)
        file["t"] = np.arange(10.0)
        file["t"].make_scale("t")
        file["a"].dims[0].attach_scale(file["t"])
        file.create_group("g").attrs["a"] = "text"
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(24))
def test_cut_and_changed_files_are_read_or_refused(tmp_path, seed):
    chance = random.Random(seed)
    path = tmp_path / "damaged.h5"
    raw = bytearray(sound_file(path, libver="latest" if seed % 2 else "earliest"))
    if seed % 3 == 0:
        del raw[chance.randrange(9, len(raw)) :]
    else:
        for _ in range(4):
            at = chance.randrange(8, min(3000, len(raw) - 8))
            raw[at : at + 8] = chance.choice([b"\xff" * 8, bytes(8), (10**18).to_bytes(8, "little")])
    path.write_bytes(raw)
    try:
        content = content_from_hdf5(path)
    except (ContentError, OSError) as refused:
        message = str(refused)
    else:
        message = ""
        for source in content.sources:
            assert source.array[(0,) * len(source.shape)] is not None
    assert "\n" not in message


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("chunks", [None, (2, 4, 10)])
def test_what_is_whole_of_a_cut_file_is_used(tmp_path, libver, chunks):
    values = np.arange(6 * 4 * 10, dtype="<f4").reshape(6, 4, 10)
    path = tmp_path / "cut.h5"
    with h5py.File(path, "w", libver=libver) as file:
        file["first"] = np.arange(7.0)
        file.create_dataset("last", data=values, chunks=chunks)
        places = file["last"].id
        if chunks is None:
            end = places.get_offset() + values.nbytes
            keep = end - 4 * (2 * 40 + 13)  # two lines, a trace and 3 samples are missing
        else:
            third = max(places.get_chunk_info(n).byte_offset for n in range(3))
            keep = third + 7
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    content = content_from_hdf5(path)
    assert np.array_equal(content.source("first").array[...], np.arange(7.0))
    note, *left_out = content.notes
    assert note == f"The file was cut: it ends {len(whole) - keep} bytes too early; what was whole is used."
    if left_out:  # the older format keeps the list of chunks behind them
        assert (libver, chunks is None, "'last' is left out" in left_out[0]) == ("earliest", False, True)
        return
    expected = values.astype(float)
    if chunks is None:
        expected.reshape(24, 10)[24 - 10 :] = np.nan
    else:
        expected[4:] = np.nan
    assert np.array_equal(content.source("last").array[...], expected, equal_nan=True)
    assert np.array_equal(content.source("first").array[...], np.arange(7.0))
    assert content.notes == [
        f"The file was cut: it ends {len(whole) - keep} bytes too early; what was whole is used."
    ]


def test_a_file_whose_writer_was_killed_is_read_as_far_as_it_was_written(tmp_path):
    path = tmp_path / "killed.h5"
    code = (
        "import h5py, numpy as np, os, sys\n"
        "file = h5py.File(sys.argv[1], 'w', libver='latest')\n"
        "rows = file.create_dataset('rows', shape=(0,), maxshape=(None,), chunks=(100,), dtype='f8')\n"
        "file.swmr_mode = True\n"
        "for n in range(1, 4):\n"
        "    rows.resize((500 * n,)); rows[-500:] = np.arange(500) + 500 * (n - 1); rows.flush()\n"
        "os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    content = content_from_hdf5(path)
    assert np.array_equal(content.source("rows").array[...], np.arange(1500.0))
    assert any("did not close it" in note for note in content.notes)


def test_a_file_cut_before_its_arrays_is_refused(tmp_path):
    path = tmp_path / "cut.h5"
    raw = sound_file(path)
    path.write_bytes(raw[:60])
    with pytest.raises(ContentError, match=r"cut\.h5"):
        content_from_hdf5(path)
    path.write_bytes(b"")
    with pytest.raises(ContentError, match="empty"):
        content_from_hdf5(path)


@pytest.mark.parametrize(
    "unit", [h5py.Empty("f4"), np.array([1, 2, 3]), 5, np.array([b"V", b"nm"]), "reference"]
)
def test_attributes_that_make_no_sense_cost_the_array_its_unit_and_nothing_else(tmp_path, unit):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        array = file.create_dataset("tr", data=np.arange(60.0).reshape(3, 4, 5))
        scale = file.create_dataset("t", data=np.arange(5.0))
        array.dims[2].attach_scale(scale)
        for item in (array, scale, file):
            for name in ("units", "quantity", "dimension_type"):
                item.attrs[name] = file.ref if isinstance(unit, str) else unit
    trace = next(source for source in content_from_hdf5(tmp_path / "a.h5").sources if source.name == "tr")
    assert (trace.unit, trace.title) == ("", "tr")
    assert np.array_equal(trace.array[...], np.arange(60.0).reshape(3, 4, 5))


@pytest.mark.parametrize(
    ("name", "attributes", "factor"),
    [
        ("time", {"Einheit": "ms"}, 1e3), ("time", {"si_unit": "s"}, 1), ("time", {"units": "msec"}, 1e3),
        ("time", {"units": "Sekunden"}, 1), ("time [ms]", {}, 1e3), ("t_us", {}, 1e6), ("Time (s)", {}, 1),
        ("t in ms", {}, 1e3), ("Time [ms]", {"units": "s"}, 1),
    ],
)  # fmt: skip
def test_the_unit_of_times_is_read_however_it_is_spelled(tmp_path, name, attributes, factor):
    path = tmp_path / "scan.h5"
    times = np.geomspace(1e-4, 2e-2, 40)
    with h5py.File(path, "w") as file:
        file["traces"], file["scale"] = np.ones((3, 4, 40)), factor * times
        file["scale"].attrs.update(attributes)
        file["scale"].make_scale(name)
        file["traces"].dims[2].attach_scale(file["scale"])
        for number, label in enumerate(("y", "x", name)):
            file["traces"].dims[number].label = label
    mapping = mapping_from_text(MAPPING_OF_TRACES)
    np.testing.assert_allclose(taken_at(open_dataset(path, mapping=mapping)), times, rtol=1e-12)


def test_a_unit_of_times_that_nobody_knows_is_asked_for_and_the_file_keeps_its_start(tmp_path):
    """The interval was asked for, and where it was said the times began at zero: tau1 was 2.97 for 2 ms."""
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["traces"], file["time"] = np.ones((3, 4, 40)), np.arange(-10, 30) * 2.0
        file["time"].attrs["units"] = "ticks"
        file["time"].make_scale("time")
        file["traces"].dims[2].attach_scale(file["time"])
        for number, label in enumerate(("y", "x", "time")):
            file["traces"].dims[number].label = label
    with pytest.raises(MappingError, match=r"are in 'ticks', which is no unit that is known"):
        open_dataset(path, mapping=mapping_from_text(MAPPING_OF_TRACES))
    for entry, step in (("{unit: ms}", 2e-3), ("{interval: 0.5 ms}", 0.5e-3)):
        opened = open_dataset(path, mapping=mapping_from_text(f"{MAPPING_OF_TRACES}time: {entry}\n"))
        np.testing.assert_allclose(taken_at(opened), step * np.arange(-10, 30), atol=1e-12)
    opened = open_dataset(path, mapping=mapping_from_text(MAPPING_OF_TRACES), time_unit="us")
    np.testing.assert_allclose(taken_at(opened), 2e-6 * np.arange(-10, 30), atol=1e-15)


def taken_at(opened):
    """Return the times as the file has them: a dataset's begin with its record."""
    return opened["time"].values + opened.attrs["time_origin"]


MAPPING_OF_TRACES = """format: t-ESM mapping 1
traces: [{source: traces, unit: V, voltage: -3 V}]
scan: {width: 80 nm, height: 45 nm}
"""
