"""Regions drawn with a real mouse in a real window, and the tab that tells of them."""

import numpy as np
import pytest
import xarray as xr
from canvas_mouse import CanvasMouse
from examples import drawn, example_dataset, placed, world

from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.scan import Scan
from napari_tesm.interface import fit
from napari_tesm.regions.shapes import Region

pytestmark = pytest.mark.display

BOX = drawn("rectangle", ((2, 2.5), (8, 2.5), (8, 6.25), (2, 6.25)), "grain 1", "grain")
FAR = drawn("ellipse", ((100, 100), (200, 100), (200, 200), (100, 200)), "region 1", "other")
LINE = drawn("line", ((10, 2.5), (15, 7.5)), "step 1", "step", 0.8e-6)
TRIANGLE = ((2, 2.5), (8, 2.5), (8, 7.5))


def at(row, column):
    """Return where on the canvas a place lies that is given in pixels from the corner of the image."""
    return tuple(world((row, column))[0])


@pytest.fixture(scope="module")
def fitted():
    dataset = example_dataset(shape=(12, 16))
    return dataset, fit(dataset, tip_radius="25 nm", threshold=0.0)


@pytest.fixture
def scan(fitted):
    dataset, maps = fitted
    return Scan("example", dataset, [dataset["topography"]], maps=maps)


@pytest.fixture
def panel(viewer, scan, qtbot):
    from napari_tesm.gui.panels.regions import RegionPanel

    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    panel = RegionPanel(viewer)
    viewer.window.add_dock_widget(panel, area="right", name="regions")
    qtbot.waitUntil(lambda: panel.quantity_box.count() > 0)
    return panel


@pytest.fixture
def mouse(viewer, panel):
    return CanvasMouse(viewer)


def _settled(qtbot, panel):
    """Wait until the tab shows the regions as they are."""
    qtbot.waitUntil(lambda: panel._listening and not panel._refresh_timer.isActive())
    regions = [] if panel.table is None else panel.table.model.regions
    assert sum(row.index >= 0 for row in panel.view.shown.rows) == len(regions)


def _cells(panel, column):
    shown = panel.view.shown
    return [shown.index(row, column).data() for row in range(shown.rowCount())]


def choose_class(panel, name):
    panel.class_box.setCurrentText(name)
    panel.class_box.activated.emit(panel.class_box.currentIndex())


def test_a_rectangle_a_line_and_a_polygon_are_drawn_with_the_mouse(panel, mouse, scan, qtbot):
    followed = []
    scan.regions_changed.connect(lambda: followed.append(scan.regions))
    choose_class(panel, "grain")
    panel.tool_buttons["add_rectangle"].click()
    mouse.drag(at(2.25, 3), at(7.25, 10))
    assert len(followed) >= 4, "the region follows the mouse"
    panel.tool_buttons["add_line"].click()
    mouse.drag(at(1.25, 11), at(10, 15))
    panel.width_box.setValue(1.25)
    panel.tool_buttons["add_polygon"].click()
    for place in ((8.75, 1), (8.75, 6), (11.25, 6)):
        mouse.click(at(*place))
    mouse.double_click(at(11.25, 1))
    box, line, polygon = scan.regions
    assert [region.kind for region in scan.regions] == ["rectangle", "line", "polygon"]
    assert [region.name for region in scan.regions] == ["grain 1", "line 1", "region 1"]
    np.testing.assert_allclose(box.xy().min(axis=0), placed((3, 2.25))[0], atol=4e-8)
    np.testing.assert_allclose(box.xy().max(axis=0), placed((10, 7.25))[0], atol=4e-8)
    np.testing.assert_allclose(line.xy(), placed((11, 1.25), (15, 10)), atol=4e-8)
    assert line.width == 1.25e-6
    assert len(polygon.vertices) == 4
    _settled(qtbot, panel)
    assert _cells(panel, 0) == ["grain 1", "line 1", "region 1"], "what has no class is in none"
    inside = int(_cells(panel, 2)[0].split("/")[1])
    assert inside == 35, "7 columns and 5 rows"


def test_a_dragged_vertex_moves_the_numbers_and_is_one_action(panel, mouse, scan, qtbot):
    scan.set_regions([drawn("polygon", TRIANGLE, name="a")])
    before = scan.regions
    panel.tool_buttons["direct"].click()
    mouse.click(at(3.125, 7))
    pixels = []
    mouse.move(at(2.5, 2))
    mouse.press(at(2.5, 2))
    for x in (4.8, 3.8, 1.8, 0.3):  # far enough apart that a pixel of the screen decides nothing
        mouse.drag_to(at(3.75, x))
        panel.refresh()
        pixels.append(panel.view.shown.rows[0].pixels)
    mouse.release(at(3.75, 0.3))
    assert pixels == sorted(pixels)
    assert len(set(pixels)) > 2, "the table follows the vertex"
    np.testing.assert_allclose(scan.regions[0].xy()[0], placed((0.3, 3.75))[0], atol=4e-8)
    np.testing.assert_allclose(scan.regions[0].xy()[1:], before[0].xy()[1:], rtol=1e-6)
    qtbot.keyClick(panel.view, "Z", modifier=_control())
    assert scan.regions == before
    qtbot.keyClick(panel.view, "Z", modifier=_control() | _shift())
    np.testing.assert_allclose(scan.regions[0].xy()[0], placed((0.3, 3.75))[0], atol=4e-8)


def test_a_click_without_a_drag_leaves_nothing(panel, mouse, scan):
    for tool in ("add_rectangle", "add_ellipse", "add_line", "add_polygon", "add_polyline"):
        panel.tool_buttons[tool].click()
        mouse.click(at(6.25, 5))
        panel.tool_buttons["select"].click()
        assert scan.regions == []
        assert panel.link.layer.nshapes == 0
        assert not panel.table.model.history.can_undo


def test_moving_and_deleting_with_napari_s_own_tools(panel, mouse, scan, viewer, qtbot):
    scan.set_regions([BOX, LINE])
    panel.tool_buttons["select"].click()
    mouse.click(at(4.375, 5))
    assert panel.table.model.selection == {0}
    mouse.drag(at(4.375, 5), at(5.625, 6))
    np.testing.assert_allclose(scan.regions[0].xy(), BOX.moved(0.4e-6, 0.3125e-6).xy(), atol=4e-8)
    panel.link.layer.remove_selected()
    assert scan.regions == [LINE]
    panel.undo_button.click()
    panel.undo_button.click()
    assert scan.regions == [BOX, LINE]
    _settled(qtbot, panel)
    assert not panel.redo_button.isHidden()
    assert panel.redo_button.isEnabled()


def test_removing_vertices_until_a_shape_is_gone_keeps_the_others_names(panel, mouse, scan):
    triangle = drawn("polygon", TRIANGLE, name="gone")
    scan.set_regions([triangle, LINE, BOX])
    layer = panel.link.layer
    panel.link.draw("vertex_remove")
    layer.selected_data = {0}
    mouse.click(at(2.5, 2))
    assert [region.name for region in scan.regions] == ["step 1", "grain 1"]
    assert [region.region_class for region in scan.regions] == ["step", "grain"]
    assert len(layer.features) == layer.nshapes == len(layer.edge_color) == 2
    panel.undo()
    assert scan.regions == [triangle, LINE, BOX]


def test_names_and_classes_are_edited_in_the_table(panel, scan, qtbot):
    scan.set_regions([BOX, LINE])
    _settled(qtbot, panel)
    shown = panel.view.shown
    assert shown.setData(shown.index(0, 0), "the big one")
    assert shown.setData(shown.index(1, 1), "crack")
    assert [(r.name, r.region_class) for r in scan.regions] == [("the big one", "grain"), ("step 1", "crack")]
    assert list(panel.link.layer.features["class"]) == ["grain", "crack"]
    panel.undo()
    assert scan.regions[1].region_class == "step"


def test_rows_and_shapes_are_selected_together(panel, scan, qtbot):
    scan.set_regions([BOX, LINE, FAR])
    _settled(qtbot, panel)
    place = panel.view.visualRect(panel.view.shown.index(1, 3)).center()
    qtbot.mouseClick(panel.view.viewport(), _left(), pos=place)
    assert set(panel.link.layer.selected_data) == {1}
    assert panel.width_box.value() == pytest.approx(0.8)
    panel.width_box.setValue(1.2)
    assert scan.regions[1].width == 1.2e-6
    assert panel.link.layer.edge_width[1] == pytest.approx(1.2)
    panel.link.layer.selected_data = {0, 2}
    assert panel.view.selected_regions() == [0, 2]
    panel.delete_button.click()
    assert scan.regions == [Region("line", LINE.vertices, "step 1", "step", 1.2e-6)]


def test_the_class_box_is_for_selected_shapes_and_for_what_was_just_drawn(panel, scan, mouse, qtbot):
    scan.set_regions([BOX])
    panel.tool_buttons["select"].click()
    mouse.click(at(4.375, 5))
    choose_class(panel, "other")
    assert scan.regions[0].region_class == "other"
    panel.tool_buttons["add_rectangle"].click()
    mouse.drag(at(7.5, 2), at(10, 6))
    assert [region.region_class for region in scan.regions] == ["other", ""], (
        "no drawing takes the last class"
    )
    choose_class(panel, "step")
    assert [region.region_class for region in scan.regions] == ["other", "step"]


def test_a_region_outside_the_image_says_so(panel, scan, qtbot):
    scan.set_regions([FAR])
    _settled(qtbot, panel)
    assert _cells(panel, 3) == ["no pixels"]


def test_the_layer_may_be_deleted_while_the_tab_is_open(panel, scan, viewer, mouse, qtbot):
    scan.set_regions([BOX])
    viewer.layers.remove(panel.link.layer)
    _settled(qtbot, panel)
    assert "deleted" in panel.message.text()
    assert scan.regions == [BOX]
    panel.tool_buttons["add_line"].click()
    mouse.drag(at(1.25, 11), at(10, 15))
    assert [region.kind for region in scan.regions] == ["rectangle", "line"]
    _settled(qtbot, panel)
    assert panel.message.isHidden()


def test_all_layers_may_be_deleted_while_the_tab_is_open(panel, scan, viewer, qtbot):
    scan.set_regions([BOX])
    viewer.layers.clear()
    _settled(qtbot, panel)
    assert "Open a scan" in panel.message.text()
    panel.draw("add_line")
    panel.undo()
    panel.find_steps()
    panel.copy_table()
    assert viewer.layers == []


def test_the_table_is_copied_and_exported_in_si_units(panel, scan, qtbot, tmp_path):
    from qtpy.QtGui import QGuiApplication

    scan.set_regions([BOX, LINE])
    panel.quantity_box.setCurrentIndex(panel.quantity_box.findData("channel:topography"))
    panel._quantity_chosen()
    panel.copy_table()
    head, first, *_ = QGuiApplication.clipboard().text().splitlines()
    columns = dict(zip(head.split("\t"), first.split("\t"), strict=True))
    y, x = np.meshgrid(scan.dataset["y"], scan.dataset["x"], indexing="ij")
    (left, top), (right, bottom) = placed((2, 2.5), (8, 6.25))
    inside = (x > left) & (x < right) & (y > top - 1e-9) & (y < bottom)
    values = scan.dataset["topography"].values[inside]
    assert int(columns["pixels"]) == values.size
    assert float(columns["Topography median (m)"]) == pytest.approx(np.median(values))
    assert float(columns["Topography mean (m)"]) == pytest.approx(values.mean(), rel=1e-8)
    panel.export_to(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text("utf-8").startswith(head.replace("\t", ","))
    panel.export_to(tmp_path)
    assert "Not saved" in panel.message.text()


def test_steps_are_found_and_can_be_taken_back(panel, scan, qtbot):
    topography = scan.channels[0]
    image = np.zeros((48, 64))
    image[:, 30:] = 5e-9
    axes = {axis: (axis, (np.arange(n) + 0.5) * 2.5e-9, {"units": "m"}) for axis, n in (("y", 48), ("x", 64))}
    panel.find_button.click()
    assert "no step stands out" in panel.message.text().lower()
    scan.channels[0] = xr.DataArray(
        image + 1e-11 * np.random.default_rng(0).standard_normal(image.shape),
        dims=("y", "x"), coords=axes, name="topography", attrs=topography.attrs,
    )  # fmt: skip
    panel.find_button.click()
    assert [region.region_class for region in scan.regions] == ["step"]
    assert panel.link.layer.shape_type == ["path"]
    assert "Ctrl+Z" in panel.message.text()
    _settled(qtbot, panel)
    panel.undo_button.click()
    assert scan.regions == []
    assert panel.link.layer.nshapes == 0


def test_opening_and_closing_twenty_times_leaves_no_callback(viewer, scan, qtbot):
    from napari_tesm.gui.layers.session import Session
    from napari_tesm.gui.panels.regions import RegionPanel

    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    session = Session.of(viewer)
    regions = session.layers_of(scan, "regions")[0]

    def count():
        emitters = [*viewer.layers.events.emitters.values(), *viewer.events.emitters.values()]
        for layer in viewer.layers:
            emitters += layer.events.emitters.values()
        signals = (session.scan_changed, session.layers_changed, scan.regions_changed, scan.results_changed)
        return [
            sum(len(emitter.callbacks) for emitter in emitters),
            len(regions.selected_data.events.items_changed),
            len(viewer.mouse_move_callbacks),
            len(viewer.mouse_drag_callbacks),
            len(regions.mouse_drag_callbacks),
            *(len(signal) for signal in signals),
        ]

    panel = RegionPanel(viewer)
    dock = viewer.window.add_dock_widget(panel, area="right", name="regions")
    qtbot.waitUntil(lambda: panel.link.layer is regions)
    panel.draw("add_line")  # napari gives a layer that was ever in another mode a callback that does nothing
    panel.draw("add_line")
    dock.hide()
    qtbot.wait(50)
    before = count()
    for _ in range(20):
        dock.show()
        panel.draw("add_line")
        panel.draw("add_line")  # once more goes back to moving the picture
        dock.hide()
    assert count() == before
    dock.show()
    assert count() != before
    dock.hide()


def _control():
    from qtpy.QtCore import Qt

    return Qt.KeyboardModifier.ControlModifier


def _left():
    from qtpy.QtCore import Qt

    return Qt.MouseButton.LeftButton


def _shift():
    from qtpy.QtCore import Qt

    return Qt.KeyboardModifier.ShiftModifier


@pytest.mark.parametrize("clicks", [2, 3])
def test_taking_back_a_polygon_while_it_is_drawn_leaves_the_layer_sound(panel, mouse, scan, qtbot, clicks):
    scan.set_regions([BOX, LINE])
    panel.tool_buttons["add_polygon"].click()
    for place in ((1.25, 1), (1.25, 6), (5, 6))[:clicks]:
        mouse.click(at(*place))
    panel.undo()
    layer = panel.link.layer
    assert scan.regions == [BOX, LINE]
    assert layer.nshapes == len(layer.features) == len(layer.edge_color) == 2
    mouse.drag(at(7.5, 6), at(7.625, 6.1))
    _settled(qtbot, panel)
    assert list(layer.features["name"])[:2] == [BOX.name, LINE.name]


def test_a_class_chosen_while_a_polygon_is_drawn_is_that_polygon_s(panel, mouse, scan):
    panel.tool_buttons["add_polygon"].click()
    for place in ((1.25, 1), (1.25, 6), (5, 6)):
        mouse.click(at(*place))
    choose_class(panel, "grain")
    mouse.double_click(at(5, 1))
    assert [region.region_class for region in scan.regions] == ["grain"]


def test_a_deleted_layer_is_said_also_after_another_sentence(panel, viewer, scan, qtbot):
    scan.set_regions([BOX])
    panel.tell("the table is on the clipboard")
    viewer.layers.remove(panel.link.layer)
    _settled(qtbot, panel)
    assert "deleted" in panel.message.text()
