"""Regions, points and their curves as Gwyddion itself sees them, and after it has saved the file anew."""

import os
import subprocess

import numpy as np
import pytest
from examples import CORNER, SPACING, example_dataset

from gwyddion import digest
from napari_tesm import fit, open_dataset, save
from napari_tesm.gwy import put, read_container, write_container
from napari_tesm.gwy.selections import Selection
from napari_tesm.io.gwy.annotations import annotations_from_container
from napari_tesm.regions.shapes import PinnedPoint, Region, mask_from_region

pytestmark = pytest.mark.gwyddion

TOP, LEFT = CORNER
"""Offset of the image, which Gwyddion's selections do not know."""
ACROSS, DOWN = SPACING[1] / 10, SPACING[0] / 8
"""Shapes are written in tenths of a pixel across and eighths down."""


def place(x, y):
    return x * ACROSS + LEFT, y * DOWN + TOP


def shifted(kind, pairs, *arguments):
    return Region(kind, tuple(place(x, y) for x, y in pairs), *arguments)


REGIONS = [
    shifted("rectangle", [(10, 8), (50, 8), (50, 30), (10, 30)], 'a "<b>&"\n²', "grain"),
    shifted("line", [(5, 40), (80, 12)], "Stufe 1 – č", "step", 0.48e-6),
    shifted("ellipse", [(10, 10), (40, 10), (40, 40), (10, 40)], "", "my own"),
    shifted("rectangle", [(30, 5), (50, 25), (30, 45), (10, 25)], "turned", "other"),
    shifted("path", [(3, 3), (30, 20), (85, 22)], "", "step", 0.8e-6),
    shifted("polygon", [(60, 5), (200, 6), (70, 40)], "beyond the border", "other"),
]
POINTS = [
    PinnedPoint(1, *place(45, 20), 1, "#3c78d2"),
    PinnedPoint(4, *place(15, 36), 3, ""),
]


@pytest.fixture(scope="module")
def scan():
    return example_dataset()


@pytest.fixture(scope="module")
def saved(scan, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "out.gwy"
    save(path, scan, fit(scan), regions=REGIONS, points=POINTS)
    return path


@pytest.fixture(scope="module")
def resaved(saved, tmp_path_factory):
    folder = tmp_path_factory.mktemp("resaved")
    subprocess.run(
        ["gwyddion", f"--convert-to-gwy={folder / 'out.gwy'}", str(saved)],
        check=True, timeout=120, capture_output=True, env=os.environ | {"HOME": str(folder)},
    )  # fmt: skip
    return folder / "out.gwy"


def found_in(path, scan):
    return annotations_from_container(read_container(path), scan["y"], scan["x"])


def test_gwyddion_sees_what_selections_can_show_counted_from_the_corner(saved, gwyoracle, gwyddion_check):
    view = gwyoracle(saved)
    assert view.problems == []
    assert gwyddion_check(saved) == ""
    expected = {
        "point": ("GwySelectionPoint", [45, 20, 15, 36]),
        "line": ("GwySelectionLine", [5, 40, 80, 12]),
        "rectangle": ("GwySelectionRectangle", [10, 8, 50, 30]),
        "ellipse": ("GwySelectionEllipse", [10, 10, 40, 40]),
        "path": ("GwySelectionPath", [3, 3, 30, 20, 85, 22]),
    }
    assert {key for key in view.items if "/select/" in key} == {f"/0/select/{kind}" for kind in expected}
    for kind, (name, numbers) in expected.items():
        seen = view.items[f"/0/select/{kind}"]
        assert seen["type"] == name
        np.testing.assert_allclose(
            np.reshape(seen["data"], (-1, 2)),
            np.reshape(numbers, (-1, 2)) * [ACROSS, DOWN],
            rtol=0,
            atol=1e-15,
        )
    assert view.items["/0/select/path"]["closed"] is False
    assert view.items["/0/select/path"]["slackness"] == 0


def test_gwyddion_sees_a_channel_of_zeros_and_ones_for_each_class(scan, saved, gwyoracle):
    items = gwyoracle(saved).items
    channels = {
        items[f"{key}/title"]: value
        for key, value in items.items()
        if key.endswith("/data") and items.get(f"{key}/title", "").startswith("Region: ")
    }
    assert list(channels) == ["Region: grain", "Region: step", "Region: my own", "Region: other"]
    for title, seen in channels.items():
        mask = np.zeros((scan.sizes["y"], scan.sizes["x"]), dtype=bool)
        for region in REGIONS:
            if f"Region: {region.region_class}" == title:
                mask |= mask_from_region(region, scan["x"], scan["y"])
        assert seen["data"] == digest(mask)
        assert (seen["xoff"], seen["unit_xy"]) == (pytest.approx(LEFT), "m")


def test_gwyddion_sees_a_graph_for_each_point_with_the_trace_in_it(scan, saved, gwyoracle):
    items = gwyoracle(saved, values=True).items
    graphs = [
        value for value in items.values() if isinstance(value, dict) and value["type"] == "GwyGraphModel"
    ]
    assert len(graphs) == len(POINTS)
    assert [graph["x_unit"] for graph in graphs] == ["s", "s"]
    assert [graph["y_unit"] for graph in graphs] == ["V", "V"]
    single, mean = (graph["curves"][0] for graph in graphs)
    np.testing.assert_array_equal(single["y"]["values"], scan["displacement"].values[0, 2, 4])
    np.testing.assert_allclose(
        mean["y"]["values"],
        scan["displacement"].values[0, 3:6, 0:3].mean(axis=(0, 1)),
        rtol=1e-12,
        atol=1e-15,
    )


def test_regions_and_points_survive_that_gwyddion_saves_the_file(scan, resaved):
    annotations = found_in(resaved, scan)
    assert annotations.regions == REGIONS
    assert annotations.points == POINTS
    assert annotations.notes == []
    assert list(open_dataset(resaved).data_vars) == ["displacement", "topography"]


def test_what_gwyddion_has_saved_is_replaced_and_not_piled_up(
    scan, resaved, tmp_path, gwyoracle, gwyddion_check
):
    dataset = open_dataset(resaved)
    save(tmp_path / "fewer.gwy", dataset, fit(dataset), regions=REGIONS[:2], points=POINTS[1:])
    view = gwyoracle(tmp_path / "fewer.gwy")
    assert view.problems == []
    assert gwyddion_check(tmp_path / "fewer.gwy") == ""
    titles = [value for key, value in view.items.items() if key.endswith("/data/title")]
    assert [title for title in titles if title.startswith("Region")] == ["Region: grain", "Region: step"]
    kinds = [value["type"] for value in view.items.values() if isinstance(value, dict)]
    assert kinds.count("GwyGraphModel") == 1
    annotations = found_in(tmp_path / "fewer.gwy", scan)
    assert (annotations.regions, annotations.points) == (REGIONS[:2], POINTS[1:])


def test_a_drawing_on_any_map_arrives_and_is_saved_as_a_region(scan, resaved, tmp_path, gwyoracle):
    container = read_container(resaved)
    drawn = Selection("ellipse", np.array([[2.4e-6, 0.9e-6, 0.8e-6, 0.3e-6]]))
    put(container, "/7/select/ellipse", drawn.to_object(), "o")
    write_container(tmp_path / "drawn.gwy", container)
    annotations = found_in(tmp_path / "drawn.gwy", scan)
    assert annotations.regions[:-1] == REGIONS
    assert (annotations.regions[-1].kind, annotations.regions[-1].name) == ("ellipse", "ellipse 1")
    dataset = open_dataset(tmp_path / "drawn.gwy")
    save(tmp_path / "again.gwy", dataset, fit(dataset))
    assert gwyoracle(tmp_path / "again.gwy").problems == []
    assert found_in(tmp_path / "again.gwy", scan).regions == annotations.regions


def test_gwyddion_reads_regions_and_points_without_an_image_of_the_scan(
    scan, tmp_path, gwyoracle, gwyddion_check
):
    bare = scan.drop_vars("topography")
    save(tmp_path / "maps.gwy", bare, fit(bare), maps_only=True, regions=REGIONS, points=POINTS)
    save(tmp_path / "points.gwy", bare, points=POINTS)
    save(tmp_path / "images.gwy", None, source=tmp_path / "maps.gwy", regions=REGIONS[:1])
    for name in ("maps", "points", "images"):
        path = tmp_path / f"{name}.gwy"
        assert gwyoracle(path).problems == []
        assert gwyddion_check(path) == ""
        assert found_in(path, scan).points == POINTS
