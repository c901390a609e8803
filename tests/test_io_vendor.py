"""Microscopes' own files: the numbers that stand in them, and a converter that may fail in any way."""

import os
import re
import stat
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from napari_tesm.gwy import (
    Curve,
    Field,
    Graph,
    Lawn,
    Spectra,
    new_object,
    put,
    read_container,
    write_container,
)
from napari_tesm.gwy.graphs import DataLine
from napari_tesm.io.content import ContentError
from napari_tesm.io.point_grid import grid_of_points
from napari_tesm.io.vendor import content_from_vendor, is_vendor

pytest.importorskip("gwyddionpy_converter")
posix = pytest.mark.skipif(os.name != "posix", reason="the converter of these tests is a shell script")


@pytest.fixture
def no_leftovers(tmp_path, monkeypatch):
    """Folder for temporary files; empty at the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


# Real files


@pytest.mark.parametrize(
    ("name", "titles", "width"),
    [
        ("P0089OP0027", "Height Amplitude Deflection Phase UserIn0", 2e-6),
        ("spot_1-1000nm", "Height Amplitude Phase NapPotential", 20e-6),
    ],
)
def test_asylum_images_hold_the_numbers_of_the_file(shared_data, no_leftovers, name, titles, width):
    path = shared_data / "ibw" / f"{name}.ibw"
    raw = path.read_bytes()
    assert is_vendor(path, raw[:4096])
    content = content_from_vendor(path)
    assert "igorfile" in content.format
    both = [f"{title}{way}" for title in titles.split() for way in ("Trace", "Retrace")]
    expected = both if name.startswith("spot") else [title for title in both if title.endswith("Retrace")]
    assert [source.name for source in content.sources] == expected
    # An Igor wave of version 5: the numbers follow 384 bytes, x fastest, lines from below.
    numbers = np.frombuffer(raw, "<f4", len(expected) * 256 * 256, 384).reshape(-1, 256, 256)[:, ::-1]
    for source, image in zip(content.sources, numbers, strict=True):
        np.testing.assert_array_equal(source.array, image)
        unit = {"Ph": "deg", "Us": "V", "Na": "V"}.get(source.name[:2], "m")
        assert source.unit == unit
        assert [(axis.name, axis.unit) for axis in source.axes] == [("y", "m"), ("x", "m")]
        # Igor gives the distance of pixels; 255 of them are the scan.
        assert source.axes[1].step * 255 == pytest.approx(width)
        assert source.axes[1].positions()[0] == pytest.approx(source.axes[1].step / 2)
    assert float(content.sources[0].attributes["ScanSize"]) == pytest.approx(width)


def test_a_bruker_image_is_in_metres(shared_data, no_leftovers):
    path = shared_data / "bruker" / "old_bruker.002"
    (source,) = content_from_vendor(path).sources
    raw = np.frombuffer(path.read_bytes(), "<i2", 256 * 256, 40960).reshape(256, 256)[::-1]
    # Its header: 439.9866 V over 16 bits, 15.068 nm/V.
    np.testing.assert_allclose(source.array, raw * (439.9866 / 65536 * 15.068e-9), rtol=1e-5, atol=1e-15)
    assert (source.title, source.unit) == ("Height", "m")
    assert source.axes[0].step * 256 == pytest.approx(15e-6)


def test_curves_on_a_grid_are_a_map(shared_data, no_leftovers):
    content = content_from_vendor(shared_data / "spectra" / "GaAs_map.mdt")
    # The same file, converted by another version of Gwyddion.
    reference = read_container(shared_data / "gwy" / "GaAs_map.mdt.gwy")
    for number, source in enumerate(content.sources[:2]):
        field = Field.from_object(reference[f"/{number}/data"])
        assert source.title == reference[f"/{number}/data/title"]
        np.testing.assert_array_equal(source.array, field.values)
        assert source.unit == field.unit_z == "A"
        assert source.axes[0].step * 256 == pytest.approx(field.y_real)
    spectra = Spectra.from_object(reference["/sps/2"])
    curves = content.sources[2]
    assert (curves.title, curves.unit, curves.shape) == (spectra.title, "A", (5, 5, 6, 587))
    assert [(axis.name, axis.unit) for axis in curves.axes] == [
        ("y", "m"),
        ("x", "m"),
        ("curve", ""),
        ("", "V"),
    ]
    seen = {}
    for (x, y), line in zip(spectra.positions, spectra.curves, strict=True):
        column = int(np.argmin(np.abs(curves.axes[1].positions() - x)))
        row = int(np.argmin(np.abs(curves.axes[0].positions() - y)))
        repeat = seen[row, column] = seen.get((row, column), -1) + 1
        np.testing.assert_array_equal(curves.array[row, column, repeat], line.values)
    assert set(seen.values()) == {5}
    assert curves.axes[3].start == pytest.approx(-2.99985697)
    assert any("6 curves at each of its 5 × 5 points" in note for note in content.notes)


def test_single_force_curves_are_said_to_be_such(shared_data, no_leftovers):
    bruker = content_from_vendor(shared_data / "bruker" / "force_bruker.001")
    assert [(source.name, source.shape, source.unit) for source in bruker.sources] == [
        ("F-Z spectrum/Approach", (512,), "N"), ("F-Z spectrum/Retract", (512,), "N"),
    ]  # fmt: skip
    assert bruker.sources[0].axes[0].unit == "m"
    path = shared_data / "ibw" / "force_ibw.ibw"
    asylum = content_from_vendor(path)
    assert [(source.name, source.unit) for source in asylum.sources] == [
        ("Raw", "m"),
        ("Defl", "m"),
        ("ZSnsr", "m"),
    ]
    numbers = np.frombuffer(path.read_bytes(), "<f4", 3 * 1261, 384).reshape(3, 1261)
    for source, curve in zip(asylum.sources, numbers, strict=True):
        np.testing.assert_array_equal(source.array, curve)
        assert (source.axes[0].name, source.axes[0].unit, source.axes[0].step) == (
            "time",
            "s",
            pytest.approx(5e-4),
        )
    for content in (bruker, asylum):
        assert any("single curves and no map" in note for note in content.notes)


def test_a_jpk_map_is_refused_with_a_reason(shared_data, no_leftovers):
    with pytest.raises(ContentError, match="JPK"):
        content_from_vendor(shared_data / "spectra" / "map2x2.jpk-force-map")


def test_cut_files_of_every_microscope_are_refused_or_read(shared_data, no_leftovers, tmp_path):
    for path in sorted(
        [*shared_data.glob("ibw/*"), *shared_data.glob("bruker/*"), *shared_data.glob("spectra/*")]
    ):
        raw = path.read_bytes()
        for part in (3, 100, len(raw) // 3, len(raw) - 1000):
            cut = tmp_path / path.name
            cut.write_bytes(raw[:part])
            try:
                content_from_vendor(cut)
                message = ""
            except ContentError as refused:
                message = str(refused)
            assert "\n" not in message


# What the converter may give


@pytest.fixture
def converter(tmp_path, monkeypatch):
    """Call with a shell script, of which $2 is the file to write; gives a file to convert."""

    def install(script):
        path = tmp_path / "gwyconvert"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("GWYDDIONPY_CONVERT", str(path))
        data = tmp_path / "scan.xyz"
        data.write_bytes(b"data")
        return data

    return install


@posix
@pytest.mark.parametrize(
    ("script", "word"),
    [
        (
            "echo \"gwyconvert: cannot load 'x': No module can load this file type.\" >&2; exit 1",
            "no format that is known",
        ),
        (
            "echo \"gwyconvert: cannot load 'a b': File is truncated.\nand more\" >&2; exit 1",
            "truncated. and more",
        ),
        (
            "printf '\\n(gwyconvert:7): GwyModule-CRITICAL **: 10:00:00.000: load() is 0\\n** (x:7): WARNING **: no\\n"
            "gwyconvert: cannot load \\047x\\047: File is short.\\n(x:7): Gwy-WARNING **: bad\\n' >&2; exit 1",
            "as a microscope's file: File is short.",
        ),
        ("printf '(gwyconvert:7): GwyModule-CRITICAL **: 10:00:00.000: load() is 0\\n' >&2; exit 1", "fails"),
        ("exit 1", "fails"),
        ("kill -SEGV $$", "fails"),
        ("exit 0", "fails"),
        ("printf GWYP > $2", "microscope's file"),
        ("echo rubbish > $2", "microscope's file"),
        ("printf 'GWYPGwyContainer\\0\\0\\0\\0\\0' > $2", "neither images nor curves"),
        ("yes > $2", "fails"),
    ],
)
def test_a_converter_that_fails_is_a_sentence(converter, no_leftovers, monkeypatch, script, word):
    monkeypatch.setattr("napari_tesm.io.vendor.converter._LARGEST_OUTPUT", 1 << 20)
    path = converter(script)
    with pytest.raises(ContentError, match=r"scan\.xyz") as refused:
        content_from_vendor(path)
    assert word in str(refused.value)
    assert not re.search(r"\n|\*\*|WARNING|CRITICAL", str(refused.value))


@posix
def test_a_converter_that_never_ends_is_stopped_with_all_it_started(
    converter, no_leftovers, monkeypatch, tmp_path
):
    monkeypatch.setattr("napari_tesm.io.vendor.converter._SECONDS", 0.5)
    monkeypatch.setattr("napari_tesm.io.patience.PATIENCE", 1.0)
    alive = tmp_path / "alive"
    path = converter(f"(while :; do touch {alive}; sleep 0.1; done) & sleep 1000")
    started = time.monotonic()
    # It waits, and nothing says that the file is the reason.
    with pytest.raises(ContentError, match=r"scan\.xyz could not be converted in time") as refused:
        content_from_vendor(path)
    assert "damaged" not in str(refused.value)
    assert time.monotonic() - started < 20
    time.sleep(0.3)
    alive.unlink()
    time.sleep(0.5)
    assert not alive.exists()


@posix
@pytest.mark.slow
def test_a_converter_that_computes_without_end_is_stopped(converter, no_leftovers, monkeypatch):
    monkeypatch.setattr("napari_tesm.io.vendor.converter._SECONDS", 0.5)
    monkeypatch.setattr("napari_tesm.io.patience.PATIENCE", 1000.0)
    path = converter("while :; do :; done")
    with pytest.raises(ContentError, match=r"scan\.xyz is damaged: converting it does not come to an end"):
        content_from_vendor(path)


@posix
def test_a_converter_that_waits_for_its_turn_is_given_time(converter, no_leftovers, monkeypatch):
    """On a busy machine a sound file took longer than a minute by the clock, and was called damaged."""
    monkeypatch.setattr("napari_tesm.io.vendor.converter._SECONDS", 0.2)
    monkeypatch.setattr("napari_tesm.io.patience.PATIENCE", 100.0)
    path = converter("sleep 1; echo \"gwyconvert: cannot load 'a': It is sound.\" >&2; exit 1")
    with pytest.raises(ContentError, match="It is sound"):
        content_from_vendor(path)


@posix
@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="only Linux limits the memory of a process")
def test_a_converter_that_wants_all_memory_gets_none(converter, no_leftovers, monkeypatch):
    monkeypatch.setattr("napari_tesm.io.vendor.converter._MEMORY", 200 << 20)
    path = converter('python3 -c "bytearray(1 << 30)" && cp /dev/null $2')
    with pytest.raises(ContentError, match=r"scan\.xyz"):
        content_from_vendor(path)


@posix
def test_everything_in_a_converted_file_is_found(converter, no_leftovers, tmp_path):
    container = new_object("GwyContainer")
    rows, columns = np.indices((2, 3))
    time_curve = np.linspace(0, 1e-3, 4)
    samples = np.stack([np.broadcast_to(time_curve, (2, 3, 4)), np.arange(24.0).reshape(2, 3, 4)], axis=2)
    positions = np.c_[columns.ravel() * 1e-6, rows.ravel() * 2e-6]
    lines = [DataLine(np.arange(5.0) + n, 1.0, 0.5, "V", "A") for n in range(6)]
    items = {
        "/0/data": Field(np.arange(6.0).reshape(2, 3), 3e-6, 2e-6, 1e-6, 0, "m", "V"),
        "/lawn/0": Lawn(samples.ravel(), np.full((2, 3), 4, np.int32), ["s", "m"], ["Time", "Deflection"], unit_xy="m"),
        "/lawn/1": Lawn(np.arange(7.0), np.array([[1, 2, 4]], np.int32), ["m"], ["z"]),
        "/sps/0": Spectra(positions, lines, "I(V)", unit_xy="m"),
        "/sps/1": Spectra(positions[:5], lines[:5], "some", unit_xy="m"),
        "/0/graph/graph/1": Graph([Curve(np.array([0.0, 1, 3]), np.arange(3.0), "up")], "ramp", x_unit="s", y_unit="V"),
    }  # fmt: skip
    for key, item in items.items():
        put(container, key, item.to_object(), "o")
    for key, title in (("/0/data/title", "Height"), ("/lawn/0/title", "Curves"), ("/lawn/1/title", "Uneven")):
        put(container, key, title, "s")
    made = tmp_path / "made.gwy"
    write_container(made, container)
    content = content_from_vendor(converter(f'cp {made} $2; echo \'{{"module": "example"}}\''))
    assert content.format == "microscope file (example)"
    height, curves, spectra, some, ramp = content.sources
    assert (height.name, height.unit, height.axes[1].start) == ("Height", "V", 1.5e-6)
    assert (curves.name, curves.unit, curves.shape) == ("Curves/Deflection", "m", (2, 3, 4))
    np.testing.assert_array_equal(curves.array, samples[:, :, 1])
    np.testing.assert_allclose(curves.axes[2].positions(), time_curve)
    assert curves.axes[2].unit == "s"
    assert (spectra.shape, spectra.axes[3 - 1].start, spectra.axes[0].step) == (
        (2, 3, 5),
        0.5,
        pytest.approx(2e-6),
    )
    assert spectra.array[1, 2].tolist() == [5, 6, 7, 8, 9]
    assert some.shape == (5, 5)
    assert some.attributes["x"].tolist() == positions[:5, 0].tolist()
    assert (ramp.name, ramp.unit, ramp.axes[0].values.tolist()) == ("ramp", "V", [0, 1, 3])
    told = " ".join(content.notes)
    assert "'Uneven' is left out" in told
    assert "'some' is a list of 5 curves" in told
    assert "no map" not in told


# Grids of points


def test_points_that_scatter_by_rounding_are_a_grid_still():
    rows, columns = np.indices((4, 3))
    chance = np.random.default_rng(0).permutation(12)
    exact = np.c_[columns.ravel() * 1e-6 + 5e-6, rows.ravel() * 2e-6][chance]
    y, x, order = grid_of_points(exact + 1e-15 * np.random.default_rng(1).normal(size=exact.shape))
    np.testing.assert_allclose(x, [5e-6, 6e-6, 7e-6])
    np.testing.assert_allclose(y, [0, 2e-6, 4e-6, 6e-6], atol=1e-14)
    np.testing.assert_allclose(exact[order[..., 0], 0], np.broadcast_to(x, (4, 3)))
    np.testing.assert_allclose(exact[order[..., 0], 1], np.broadcast_to(y[:, None], (4, 3)), atol=1e-14)


@pytest.mark.parametrize(
    "points",
    [
        [[0, 0], [1, 0], [0, 1]],
        [[0, 0], [1, 1]],
        [[0, 0], [0, 0]],
        [[np.nan, 0], [1, 0]],
        [[0, 0], [0, 0], [1, 0]],
    ],
)
def test_points_that_are_no_full_grid_are_none(points):
    assert grid_of_points(np.array(points, float)) is None


# Without the converter, and what is none of its business


def test_without_the_converter_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    path = tmp_path / "scan.xyz"
    path.write_bytes(b"data")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("GWYDDIONPY_CONVERT", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "gwyddionpy_converter", None)
    with pytest.raises(ValueError, match=r"pip install 'napari-tesm\[instruments\]'"):
        content_from_vendor(path)
    monkeypatch.setenv("GWYDDIONPY_CONVERT", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="no file"):
        content_from_vendor(path)


def test_pictures_and_gwyddions_own_files_are_not_for_the_converter(tmp_path):
    assert not is_vendor(tmp_path / "a.png", b"\x89PNG\r\n")
    assert not is_vendor(tmp_path / "a.gwy", b"GWYPGwyContainer")
    assert not is_vendor(tmp_path / "empty", b"")
    (tmp_path / "empty").touch()
    with pytest.raises(ContentError, match="empty"):
        content_from_vendor(tmp_path / "empty")
