"""The Shapes layer and the regions of a scan are the same, whoever changed them; without a display."""

import numpy as np
import pytest
from examples import drawn, example_dataset, placed, world

from napari_tesm.gui.layers.region_layer import RegionLayerLink
from napari_tesm.gui.layers.scan_layers import REGION_COLOURS, add_layer, layers_from_scan, regions_layer
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.region_shapes import reading_from_layer
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.regions.shapes import Region

LINE = drawn("line", ((1, 2.5), (9, 8.9)), "step 1", "step", 0.8e-6)
PATH = drawn("path", ((1, 2.5), (9, 8.9), (5, 0.4)), "step 2", "step", 0.0)
BOX = drawn("rectangle", ((2, 2.5), (8, 2.5), (8, 6.25), (2, 6.25)), "grain 1", "grain")
TURNED = Region("rectangle", ((6e-6, -2e-6), (7e-6, -1e-6), (6e-6, 0.0), (5e-6, -1e-6)), "grain 2", "grain")
OVAL = drawn("ellipse", ((2, 2.5), (8, 2.5), (8, 6.25), (2, 6.25)), "region 1", "other")
POLYGON = drawn("polygon", ((0.1, 0.25), (7, 0.4), (3.33, 7.5)), "pore 1", "pore")
ALL = [LINE, PATH, BOX, TURNED, OVAL, POLYGON]


@pytest.fixture
def link(viewer_model, example_scan):
    for layer in layers_from_scan(example_scan):
        add_layer(viewer_model, layer)
    session = Session.of(viewer_model)
    session.attach()
    link = RegionLayerLink.of(session)
    link.attach()
    yield link
    link.detach()
    session.detach()


@pytest.fixture
def scan(example_scan):
    return example_scan


def _near(regions, others):
    assert [(r.kind, r.name, r.region_class, r.width) for r in regions] == [
        (r.kind, r.name, r.region_class, r.width) for r in others
    ]
    for region, other in zip(regions, others, strict=True):
        np.testing.assert_allclose(region.xy(), other.xy(), rtol=1e-6)


def test_shapes_become_regions_of_their_kind(link, scan):
    layer = link.layer
    layer.add(world((2.5, 1), (8.9125, 9)), shape_type="line", edge_width=0.8)
    layer.add(world((2.5, 2), (2.5, 8), (6.25, 8), (6.25, 2)), shape_type="rectangle")
    layer.add(world((2.5, 2), (2.5, 8), (6.25, 8), (6.25, 2)), shape_type="ellipse")
    layer.add(world((0.25, 0.1), (0.375, 7), (7.5, 3.33)), shape_type="polygon")
    layer.add(world((0.25, 0.1), (0.375, 7), (7.5, 3.33)), shape_type="path", edge_width=0.3)
    line, box, oval, polygon, path = scan.regions
    assert [region.kind for region in scan.regions] == ["line", "rectangle", "ellipse", "polygon", "path"]
    np.testing.assert_allclose(line.xy(), placed((1, 2.5), (9, 8.9125)), rtol=1e-6)
    assert (line.width, path.width) == pytest.approx((0.8e-6, 0.3e-6))
    assert {box.width, oval.width, polygon.width} == {0.0}
    np.testing.assert_allclose(polygon.xy()[2:], placed((3.33, 7.5)), rtol=1e-6)
    assert [region.name for region in scan.regions] == [
        "line 1",
        "region 1",
        "region 2",
        "region 3",
        "path 1",
    ]
    assert {region.region_class for region in scan.regions} == {""}


def test_new_shapes_get_class_name_and_colours_of_the_pen(link, scan):
    model = RegionModel.of(scan)
    model.set_pen(region_class="other")
    link.layer.add(world((2.5, 2), (2.5, 8), (6.25, 8), (6.25, 2)), shape_type="rectangle")
    model.set_pen(region_class="grain")
    link.layer.add(world((0.25, 0.1), (0.375, 7), (7.5, 3.33)), shape_type="polygon")
    assert [(r.name, r.region_class) for r in scan.regions] == [("region 1", "other"), ("grain 1", "grain")]
    assert model.pen_class == "", "a class that was given is that drawing's alone"
    layer = link.layer
    assert list(layer.features["name"]) == ["region 1", "grain 1"]
    assert list(layer.features["class"]) == ["other", "grain"]
    for shown, name in zip(layer.edge_color, ("other", "grain"), strict=True):
        expected = [int(REGION_COLOURS[name][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        np.testing.assert_allclose(shown[:3], expected, atol=0.003)
    assert 0 < layer.face_color[0][3] < 0.4
    assert max(layer.edge_width) < 0.02 * max(scan.display.extent())


def test_regions_set_elsewhere_are_drawn_exactly_and_read_back_bit_equal(link, scan):
    scan.set_regions(ALL)
    layer = link.layer
    assert layer.shape_type == [region.kind for region in ALL]
    assert list(layer.features["name"]) == [region.name for region in ALL]
    assert layer.edge_width[0] == pytest.approx(0.8)
    np.testing.assert_allclose(layer.data[5], POLYGON.xy()[:, ::-1] * 1e6, rtol=1e-6)
    assert reading_from_layer(layer, scan.display, before=ALL).regions == ALL
    layer.refresh()
    assert scan.regions == ALL
    scan.set_regions([])
    assert layer.nshapes == 0
    scan.set_regions([BOX])
    assert (layer.nshapes, scan.regions) == (1, [BOX])


def test_what_is_drawn_comes_back_as_drawn(link, scan, viewer_model):
    rng = np.random.default_rng(3)
    for kind, count in (("line", 2), ("path", 5), ("polygon", 7), ("rectangle", 4), ("ellipse", 4)):
        corners = rng.uniform((-2.3, 3.7), (-0.05, 7.3), (count, 2))
        if count == 4:
            low, high = corners.min(axis=0), corners.max(axis=0)
            corners = np.array([low, (low[0], high[1]), high, (high[0], low[1])])
        link.layer.add(corners, shape_type=kind, edge_width=0.49)
    before = [np.array(data) for data in link.layer.data]
    again = [Region.from_feature(region.to_feature()) for region in scan.regions]
    other = Scan("again", scan.dataset, scan.channels, regions=again)
    layer = add_layer(viewer_model, regions_layer(other))
    for data, as_drawn in zip(layer.data, before, strict=True):
        np.testing.assert_array_equal(data, as_drawn)
    assert reading_from_layer(layer, other.display, before=again).regions == again


def test_moving_a_shape_changes_its_region_alone(link, scan):
    scan.set_regions(ALL)
    data = [np.array(vertices) for vertices in link.layer.data]
    data[2] = data[2] + (0.12, -0.1)
    link.layer.data = data
    moved = BOX.moved(-0.1e-6, 0.12e-6)
    np.testing.assert_allclose(scan.regions[2].xy(), moved.xy(), rtol=1e-6)
    assert scan.regions[:2] + scan.regions[3:] == ALL[:2] + ALL[3:]
    RegionModel.of(scan).undo()
    assert scan.regions == ALL
    np.testing.assert_allclose(link.layer.data[2], BOX.xy()[:, ::-1] * 1e6, rtol=1e-6)


def test_the_edge_width_of_a_line_is_its_averaging_width(link, scan):
    scan.set_regions([LINE, BOX])
    link.layer.selected_data = {0, 1}
    for width in (1, 1.2, 1.5):
        link.layer.current_edge_width = width
    assert [region.width for region in scan.regions] == pytest.approx([1.5e-6, 0.0])
    model = RegionModel.of(scan)
    model.undo()
    assert [region.width for region in scan.regions] == [0.8e-6, 0.0]
    model.set_width([0], 2e-6)
    assert link.layer.edge_width[0] == pytest.approx(2)


def test_a_width_of_nothing_stays_nothing(link, scan):
    scan.set_regions([PATH])
    link.layer.refresh()
    assert link.layer.edge_width[0] > 0
    assert scan.regions == [PATH]


def test_names_and_classes_can_be_changed_in_napari_s_feature_table(link, scan):
    scan.set_regions([LINE, BOX])
    link.layer.features = {"name": ["left edge", "grain 1"], "class": ["step", "pore"]}
    assert [(r.name, r.region_class) for r in scan.regions] == [("left edge", "step"), ("grain 1", "pore")]
    RegionModel.of(scan).rename(1, "hole")
    assert list(link.layer.features["name"]) == ["left edge", "hole"]
    link.layer.features = {"name": ["", None], "class": [None, "x"]}
    assert [r.region_class for r in scan.regions] == ["", "x"]
    assert all(region.name for region in scan.regions)


def test_deleting_shapes_deletes_their_regions(link, scan):
    scan.set_regions(ALL)
    link.layer.selected_data = {1, 3}
    link.layer.remove_selected()
    assert scan.regions == [LINE, BOX, OVAL, POLYGON]
    RegionModel.of(scan).undo()
    assert scan.regions == ALL
    assert link.layer.nshapes == 6


def test_pasted_shapes_get_names_of_their_own(link, scan):
    scan.set_regions([LINE, BOX])
    layer = link.layer
    layer.selected_data = {0}
    layer.mode = "select"
    layer._copy_data()
    layer._paste_data()
    assert [region.name for region in scan.regions] == ["step 1", "grain 1", "step 2"]
    assert list(layer.features["name"]) == ["step 1", "grain 1", "step 2"]
    assert scan.regions[2].vertices == LINE.vertices


@pytest.mark.parametrize(
    ("kind", "places"),
    [
        ("line", ((0.6, 0.5), (0.6, 0.5))),
        ("path", ((0.6, 0.5), (0.6, 0.5), (0.6, 0.5))),
        ("rectangle", ((0.6, 0.5), (0.6, 0.5), (0.6, 0.5), (0.6, 0.5))),
        ("ellipse", ((0.6, 0.5), (0.6, 5), (0.6, 5), (0.6, 0.5))),
    ],
)
def test_shapes_without_size_are_no_regions(link, scan, kind, places):
    scan.set_regions([LINE])
    link.layer.add(world(*places), shape_type=kind)
    assert scan.regions == [LINE]
    link.layer.add(world((0.25, 0.1), (0.375, 7), (7.5, 3.33)), shape_type="polygon")
    assert [region.kind for region in scan.regions] == ["line", "polygon"]
    link.layer.selected_data = {2}
    assert RegionModel.of(scan).selection == {1}
    RegionModel.of(scan).select([0])
    assert set(link.layer.selected_data) == {0}


def test_selection_goes_both_ways_and_outlives_a_change(link, scan):
    scan.set_regions(ALL)
    model = RegionModel.of(scan)
    link.layer.selected_data = {2, 4}
    assert model.selection == {2, 4}
    model.select([3])
    assert set(link.layer.selected_data) == {3}
    model.rename(3, "mine")
    assert set(link.layer.selected_data) == {3}
    assert model.selection == {3}
    model.undo()
    assert model.selection == {3}


def test_the_whole_layer_may_have_been_moved(link, scan):
    scan.set_regions([BOX])
    link.layer.affine = np.array([[1.0, 0, 0.4], [0, 1, -0.2], [0, 0, 1]])
    np.testing.assert_allclose(scan.regions[0].xy(), BOX.moved(-0.2e-6, 0.4e-6).xy(), rtol=1e-6)
    RegionModel.of(scan).undo()
    assert scan.regions == [BOX]
    np.testing.assert_allclose(link.layer.affine.affine_matrix, np.eye(3))
    np.testing.assert_allclose(link.layer.data[0], BOX.xy()[:, ::-1] * 1e6, rtol=1e-6)


def test_drawing_while_nobody_listens_is_found_later(viewer_model, scan):
    for layer in layers_from_scan(scan):
        add_layer(viewer_model, layer)
    session = Session.of(viewer_model)
    link = RegionLayerLink.of(session)
    regions = session.layers_of(scan, "regions")[0]
    regions.add(world((0.25, 0.1), (0.375, 7), (7.5, 3.33)), shape_type="polygon", edge_width=0.12)
    assert scan.regions == []
    session.attach()
    link.attach()
    assert [(r.kind, r.name) for r in scan.regions] == [("polygon", "region 1")]
    link.detach()
    regions.add(world((2.5, 1), (8.9125, 9)), shape_type="line", edge_width=0.8)
    assert len(scan.regions) == 1
    link.attach()
    assert [r.kind for r in scan.regions] == ["polygon", "line"]
    link.detach()
    scan.set_regions([BOX])
    link.attach()
    assert (scan.regions, regions.nshapes) == ([BOX], 1)
    assert RegionModel.of(scan).undo()
    assert [r.kind for r in scan.regions] == ["polygon", "line"]
    link.detach()
    session.detach()


def test_a_layer_with_regions_from_a_file_is_not_a_change(viewer_model, scan):
    scan = Scan("file", scan.dataset, scan.channels, regions=ALL)
    for layer in layers_from_scan(scan):
        add_layer(viewer_model, layer)
    session = Session.of(viewer_model)
    link = RegionLayerLink.of(session)
    changes = []
    scan.regions_changed.connect(lambda: changes.append(scan.regions))
    session.attach()
    link.attach()
    assert scan.regions == ALL
    assert not changes
    assert not RegionModel.of(scan).history.can_undo
    link.detach()
    session.detach()


def test_a_deleted_layer_comes_back_when_something_is_drawn(link, scan, viewer_model):
    scan.set_regions([LINE, BOX])
    viewer_model.layers.remove(link.layer)
    assert link.layer is None
    assert scan.regions == [LINE, BOX]
    RegionModel.of(scan).remove([0])
    link.draw("add_polygon")
    assert viewer_model.layers.selection.active is link.layer
    assert link.layer.mode == "add_polygon"
    assert scan.regions == [BOX]
    assert link.layer.nshapes == 1
    assert link.layer.units == viewer_model.layers[0].units


def test_no_scan_and_three_dimensions_are_said(viewer_model, scan):
    session = Session.of(viewer_model)
    link = RegionLayerLink.of(session)
    with pytest.raises(ValueError, match="open a scan first"):
        link.draw("add_line")
    for layer in layers_from_scan(scan):
        add_layer(viewer_model, layer)
    session.attach()
    link.attach()
    viewer_model.dims.ndisplay = 3
    with pytest.raises(ValueError, match="2D view"):
        link.draw("add_line")
    link.detach()
    session.detach()


def test_two_scans_keep_their_own_regions(link, scan, viewer_model):
    scan.set_regions([LINE])
    other = Scan("other", example_dataset(shape=(5, 6)), regions=[BOX])
    layers = [add_layer(viewer_model, layer) for layer in layers_from_scan(other)]
    viewer_model.layers.selection.active = layers[0]
    assert link.model is RegionModel.of(other)
    link.layer.add(world((0.25, 0.1), (0.375, 3), (2.5, 3.33)), shape_type="polygon")
    assert [region.kind for region in other.regions] == ["rectangle", "polygon"]
    assert scan.regions == [LINE]
    viewer_model.layers.selection.active = viewer_model.layers[0]
    RegionModel.of(scan).undo()
    assert (scan.regions, len(other.regions)) == ([], 2)


def test_attaching_twenty_times_leaves_no_callback(viewer_model, scan):
    for layer in layers_from_scan(scan):
        add_layer(viewer_model, layer)
    session = Session.of(viewer_model)
    link = RegionLayerLink.of(session)
    regions = session.layers_of(scan, "regions")[0]

    def count():
        emitters = [*regions.events.emitters.values(), *viewer_model.layers.events.emitters.values()]
        return (
            sum(len(emitter.callbacks) for emitter in emitters),
            len(regions.selected_data.events.items_changed),
            len(regions.mouse_drag_callbacks),
            *(len(signal) for signal in (scan.regions_changed, session.scan_changed, session.layers_changed)),
        )

    before = count()
    for _ in range(20):
        session.attach()
        link.attach()
        link.attach()
        link.detach()
        link.detach()
        session.detach()
    assert count() == before


def test_undo_outlives_the_layer(link, scan, viewer_model):
    scan.set_regions([LINE])
    scan.set_regions([LINE, BOX])
    viewer_model.layers.remove(link.layer)
    link.draw("add_line")
    assert RegionModel.of(scan).undo()
    assert scan.regions == [LINE]
    assert link.layer.nshapes == 1


def test_a_layer_in_the_units_of_before_is_not_read(viewer_model):
    dataset = example_dataset(shape=(12, 16))
    bare = dataset.assign_coords({axis: dataset[axis].copy() for axis in ("x", "y")})
    for axis in ("x", "y"):
        bare[axis].attrs.pop("units", None)
        bare[axis].attrs["units"] = ""
    scan = Scan("bare", bare)
    for layer in layers_from_scan(scan):
        add_layer(viewer_model, layer)
    session = Session.of(viewer_model)
    link = RegionLayerLink.of(session)
    session.attach()
    link.attach()
    assert scan.display.unit == "pixel"
    before = scan.regions
    scan.dataset = dataset
    link.layer.add([[0.0, 0], [1e-6, 1e-6]], shape_type="line")
    assert scan.regions == before == []
    link.detach()
    session.detach()


def test_regions_come_back_from_a_file_as_drawn(link, scan, viewer_model, tmp_path):
    from napari_tesm.gui.models.scan import scans_from_path
    from napari_tesm.scan import save_scan

    scan.set_regions(ALL)
    link.layer.add(world((1.5375, 4.56), (9.8625, 1.23), (6.3125, 6.06)), shape_type="path", edge_width=0.31)
    before = [np.array(data) for data in link.layer.data]
    save_scan(scan, tmp_path / "saved.gwy")
    (again,) = scans_from_path(tmp_path / "saved.gwy")
    assert again.regions == scan.regions
    layer = add_layer(viewer_model, regions_layer(again))
    for data, as_drawn in zip(layer.data, before, strict=True):
        np.testing.assert_array_equal(data, as_drawn)
    assert layer.shape_type == link.layer.shape_type
    assert list(layer.features["name"]) == list(link.layer.features["name"])
    np.testing.assert_allclose(layer.edge_width, link.layer.edge_width)
