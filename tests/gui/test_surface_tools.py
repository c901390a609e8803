"""Level, crop, measure, 3-D and Gwyddion: against planes, pixels and triangles that are known."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("psygnal")
from napari_tesm.gui.gwyddion import opener_in_gwyddion
from napari_tesm.gui.models.profile import ProfileModel
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan, scans_from_path
from napari_tesm.gui.models.surface_tools import area_to_crop, cropped_scan, levelled_image
from napari_tesm.regions.levelling import without_line_levels, without_plane
from napari_tesm.regions.shapes import PinnedPoint, Region


def scan_of(shape=(12, 16), heights=None):
    dataset = example_dataset(shape=shape)
    if heights is not None:
        dataset["topography"] = dataset["topography"].copy(data=heights)
    return Scan("example", dataset, [dataset["topography"]])


def box(scan, rows, columns):
    """Return a rectangle a little inside the edges of these pixels, both ends with them."""
    (y0, y1), (x0, x1) = ((float(a[n[0]]), float(a[n[1]])) for a, n in ((scan.y, rows), (scan.x, columns)))
    dy, dx = (0.3 * step for step in scan.spacing)
    x0, x1, y0, y1 = x0 - dx, x1 + dx, y0 - dy, y1 + dy
    return Region("rectangle", ((x0, y0), (x1, y0), (x1, y1), (x0, y1)), "part", "")


def test_a_plane_goes_whole_and_what_stands_on_it_stays():
    rows, columns = np.indices((30, 40))
    plane = 1e-6 + 3e-9 * rows - 2e-9 * columns
    holes = plane.copy()
    holes[3:5, 6:9] = np.nan
    flat = without_plane(holes)
    assert np.abs(flat[np.isfinite(flat)]).max() < 1e-20
    assert np.array_equal(np.isnan(flat), np.isnan(holes))
    wave = 1e-9 * np.cos(2 * np.pi * columns / 20) * np.cos(2 * np.pi * rows / 15)  # its plane is level
    assert without_plane(plane + wave) == pytest.approx(wave, abs=2e-11)
    with pytest.raises(ValueError, match="line"):
        without_plane(np.where(rows == 4, 1.0, np.nan))


def test_rows_have_one_median_and_keep_their_shape():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(20, 31))
    lines = image + 10 * rng.normal(size=(20, 1))
    lines[7] = np.nan
    level = without_line_levels(lines)
    kept = np.arange(20) != 7
    assert np.median(level[kept], axis=1) == pytest.approx(np.nanmedian(lines))
    assert np.diff(level[kept], axis=1) == pytest.approx(np.diff(image[kept], axis=1))
    assert np.isnan(level[7]).all()


def test_a_levelled_image_is_saved_beside_its_own(tmp_path):
    scan = scan_of()
    scan.save(tmp_path / "scan.gwy")
    (opened,) = scans_from_path(tmp_path / "scan.gwy")
    assert not opened.unsaved()
    made = levelled_image(opened, "Topography", "plane")
    levelled_image(opened, "Topography", "plane")  # once more is the same one
    assert opened.unsaved() == ["levelled image"]
    opened.save(tmp_path / "level.gwy")
    (again,) = scans_from_path(tmp_path / "level.gwy")
    assert list(again.images) == ["Topography", "Topography (plane levelled)"]
    assert np.array_equal(again.images["Topography"].values, opened.images["Topography"].values)
    assert np.array_equal(again.images["Topography (plane levelled)"].values, made.values)
    assert np.array_equal(again.dataset["displacement"].values, scan.dataset["displacement"].values)
    with pytest.raises(ValueError, match="topography"):
        levelled_image(opened, "", "rows")


def test_a_crop_is_these_pixels_and_a_file_of_its_own(tmp_path):
    scan = scan_of()
    scan.save(tmp_path / "scan.gwy")
    (scan,) = scans_from_path(tmp_path / "scan.gwy")
    with pytest.raises(ValueError, match="rectangle"):
        area_to_crop(scan)
    regions = RegionModel.of(scan)
    inside, outside = (PinnedPoint(n, *scan.xy_of(pixel)) for n, pixel in ((1, (4, 5)), (2, (0, 0))))
    scan.set_points([inside, outside])
    step = Region("polygon", box(scan, (2, 5), (4, 6)).vertices, "step 1", "step")
    regions.add([step, box(scan, (3, 8), (2, 9))])
    made = cropped_scan(scan, area_to_crop(scan))
    there = {"y": slice(3, 9), "x": slice(2, 10)}
    assert made.dataset.identical(scan.dataset.isel(there)) or np.array_equal(
        made.dataset["displacement"].values, scan.dataset["displacement"].isel(there).values
    )
    assert np.array_equal(made.x, scan.x[2:10])
    assert made.images["Topography"].shape == (6, 8)
    assert made.points == [inside]
    assert [region.name for region in made.regions] == ["step 1"]
    with pytest.raises((OSError, ValueError)):
        made.save(tmp_path / "scan.gwy", overwrite=True)  # its traces are read from there
    made.save(tmp_path / "crop.gwy")
    (again,) = scans_from_path(tmp_path / "crop.gwy")
    assert np.array_equal(again.dataset["displacement"].values, made.dataset["displacement"].values)
    assert again.x == pytest.approx(made.x, rel=1e-12)
    with pytest.raises(ValueError, match="fewer than"):
        cropped_scan(scan, box(scan, (3, 3), (2, 9)))


def test_a_line_is_measured_with_units():
    rows, columns = np.indices((12, 16))
    scan = scan_of(heights=1e-9 * (2 * columns - rows))
    dy, dx = scan.spacing
    start, end = scan.xy_of((9, 2)), scan.xy_of((3, 10))
    RegionModel.of(scan).add([Region("line", (start, end), "cut", "")])
    words = ProfileModel.of(scan).line_view().words
    across, up = 8 * dx, 6 * dy
    length = 1e9 * np.hypot(across, up)
    assert f"Cut: {length:.3g} nm" in words or f"Cut: {length / 1e3:.3g} µm" in words
    assert f"{np.degrees(np.arctan2(up, across)):.1f}° to the horizontal" in words
    assert "Topography +22 nm" in words  # 2 nm for each of 8 columns, 1 nm for each of 6 rows


def test_the_relief_is_the_topography_as_high_as_it_was_asked_for(viewer_model):
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
    from napari_tesm.gui.layers.session import Session
    from napari_tesm.gui.layers.surface_layers import Relief

    rng = np.random.default_rng(2)
    heights = rng.normal(scale=2e-9, size=(12, 16))
    scan = scan_of(heights=heights)
    for layer in layers_from_scan(scan):
        add_layer(viewer_model, layer)
    map_layer = next(
        one for one in viewer_model.layers if one.metadata["tesm"].get("map") == "H" and one.visible
    )
    map_layer.data = np.where(np.arange(12)[:, None] < 4, np.nan, map_layer.data)
    seen = [one for one in viewer_model.layers if one.visible]
    session = Session.of(viewer_model)
    session.scan = scan
    relief = Relief(session)
    relief.show(scan)
    relief.exaggerate(7.0)
    ground, draped = (one for one in viewer_model.layers if one.metadata["tesm"]["kind"] == "relief")
    assert viewer_model.dims.ndisplay == 3
    assert not any(one.visible for one in seen)
    display = scan.display
    vertices, faces, values = draped.data
    assert vertices[:, 0] == pytest.approx(-7 * (heights - np.median(heights)).ravel() / display.factor)
    assert vertices.reshape(12, 16, 3)[5, 3, 1:] == pytest.approx(
        [display.origin[0] + 5 * display.spacing[0], display.origin[1] + 3 * display.spacing[1]]
    )
    # Two triangles for each square, those with a pixel without a value in grey.
    assert len(faces) == 2 * 7 * 15
    assert len(ground.data[1]) == 2 * 4 * 15
    assert values.reshape(12, 16)[4:] == pytest.approx(map_layer.data[4:])
    relief.clear()
    assert viewer_model.dims.ndisplay == 2
    assert [one for one in viewer_model.layers if one.visible] == seen
    assert not relief.is_shown


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands for the program")
def test_gwyddion_gets_the_scans_own_file_or_what_is_open(tmp_path, monkeypatch):
    programs, asked = tmp_path / "bin", tmp_path / "asked"
    programs.mkdir()
    program = programs / "gwyddion"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo "Gwyddion 2.63"; else echo "$1" > {asked}; fi\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}/bin{os.pathsep}/usr/bin")
    scan_of().save(tmp_path / "scan.gwy")
    (scan,) = scans_from_path(tmp_path / "scan.gwy")
    assert opener_in_gwyddion(scan)() == tmp_path / "scan.gwy"
    scan.set_points([PinnedPoint(1, *scan.xy_of((2, 3)))])
    written = opener_in_gwyddion(scan)()
    assert written != tmp_path / "scan.gwy"
    assert len(scans_from_path(written)[0].points) == 1
    for _ in range(200):
        if asked.exists() and asked.read_text().strip() == str(written):
            break
        time.sleep(0.05)
    assert Path(asked.read_text().strip()) == written
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="no Gwyddion"):
        opener_in_gwyddion(scan)()
