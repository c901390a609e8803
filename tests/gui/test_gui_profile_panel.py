"""The tab of profiles follows the line that is dragged; real mouse, real window."""

import numpy as np
import pytest
from canvas_mouse import CanvasMouse
from examples import drawn, example_dataset, world

from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.profile import ProfileModel
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.interface import fit

pytestmark = pytest.mark.display

LINE = drawn("line", ((1, 6), (15, 6)), "step 1", "step", 0.8e-6)


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
    from napari_tesm.gui.panels.profile import ProfilePanel

    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    panel = ProfilePanel(viewer)
    viewer.window.add_dock_widget(panel, area="right", name="profile")
    qtbot.waitUntil(lambda: panel.width_box.count() > 0)
    return panel


@pytest.fixture
def mouse(viewer, panel):
    return CanvasMouse(viewer)


def _settled(qtbot, panel):
    qtbot.waitUntil(lambda: panel._listening and not panel._refresh_timer.isActive())


def test_a_line_that_is_drawn_becomes_a_profile_at_once(panel, mouse, scan, qtbot):
    wanted, lengths = [], []
    panel.profile_wanted.connect(lambda: wanted.append(len(scan.regions)))
    assert "Draw a line" in panel.words.text()
    panel.draw_button.click()
    mouse.move(at(6.25, 2))
    mouse.press(at(6.25, 2))
    for x in (6, 9, 12):
        mouse.drag_to(at(6.25, x))
        panel.refresh()
        lengths.append(panel.plot.axes[0].get_xlim()[1])
    assert wanted == []
    mouse.release(at(6.25, 12))
    assert wanted == [1]
    assert lengths == sorted(set(lengths)), "the profile follows the line while it is drawn"
    assert lengths[-1] == pytest.approx(4, rel=0.05)
    assert RegionModel.of(scan).selection == {0}
    _settled(qtbot, panel)
    assert len(panel.plot.axes) == 3


def test_a_click_and_an_area_are_no_reason_to_look_at_a_profile(panel, mouse, scan):
    wanted = []
    panel.profile_wanted.connect(lambda: wanted.append(1))
    panel.link.draw("add_line")
    mouse.click(at(6.25, 5))
    panel.link.draw("add_rectangle")
    mouse.drag(at(2.5, 2), at(7.5, 9))
    assert wanted == []
    assert [region.kind for region in scan.regions] == ["rectangle"]


def test_a_line_that_is_moved_takes_its_profile_along(panel, mouse, scan, qtbot):
    scan.set_regions([LINE])
    _settled(qtbot, panel)
    before = panel.plot.axes[0].lines
    assert before
    panel.link.draw("select")
    mouse.click(at(6, 8))
    first = ProfileModel.of(scan).line_view().curves[-1][0].profile.mean
    mouse.drag(at(6, 8), at(8.75, 8))
    _settled(qtbot, panel)
    second = ProfileModel.of(scan).line_view().curves[-1][0].profile.mean
    assert not np.array_equal(first, second)
    RegionModel.of(scan).undo()
    np.testing.assert_array_equal(ProfileModel.of(scan).line_view().curves[-1][0].profile.mean, first)


def test_choices_change_what_is_drawn(panel, scan, qtbot, tmp_path):
    scan.set_regions([LINE])
    _settled(qtbot, panel)
    panel.view_box.setCurrentIndex(1)
    panel._chosen()
    _settled(qtbot, panel)
    assert "D2 (-3 V)" in panel.words.text()
    assert "distance from step 1" in panel.words.text()
    assert len(panel.plot.axes) == 1
    panel.export_to(tmp_path / "profile.csv")
    assert (tmp_path / "profile.csv").read_text("utf-8").startswith("distance (m)")
    panel.export_to(tmp_path / "no" / "such" / "folder.csv")
    assert "Not saved" in panel.words.text()
    panel.view_box.setCurrentIndex(0)
    panel._chosen()
    _settled(qtbot, panel)
    assert panel.width_box.currentText() == "H"
    panel.width_box.setCurrentIndex(panel.width_box.findData("D1"))
    panel._chosen()
    _settled(qtbot, panel)
    assert "D1 (-3 V)" in panel.words.text()
    panel._fill_menu()
    shown = {action.text(): action for action in panel.shown_menu.actions()}
    assert shown["Topography"].isChecked()
    assert not shown["tau1"].isChecked()
    shown["Topography"].trigger()
    shown["tau1"].trigger()
    _settled(qtbot, panel)
    assert {quantity.key for quantity in ProfileModel.of(scan).drawn()} == {"H", "D1", "D2", "tau1"}
    for action in panel.shown_menu.actions():
        action.setChecked(False)
    _settled(qtbot, panel)
    assert "Choose under Show" in panel.words.text()


def test_all_layers_may_go_while_the_tab_is_open(panel, scan, viewer, qtbot):
    scan.set_regions([LINE])
    viewer.layers.remove(panel.link.layer)
    _settled(qtbot, panel)
    assert "step 1" in panel.words.text(), "the region is still there"
    viewer.layers.clear()
    _settled(qtbot, panel)
    assert "Open a scan" in panel.words.text()
    panel.draw_button.click()
    panel.view_box.setCurrentIndex(1)
    panel._chosen()


def test_both_themes_and_twenty_openings(panel, scan, viewer, qtbot):
    scan.set_regions([LINE])
    _settled(qtbot, panel)
    viewer.theme = "light"
    qtbot.waitUntil(lambda: not panel.plot.theme.is_dark)
    dock = panel.parent()
    regions = panel.link.layer

    def count():
        emitters = [*viewer.layers.events.emitters.values(), *viewer.events.emitters.values()]
        for layer in viewer.layers:
            emitters += layer.events.emitters.values()
        signals = (
            scan.regions_changed, scan.results_changed, scan.dataset_changed, panel.link.mode_changed,
            RegionModel.of(scan).selection_changed, RegionModel.of(scan).settled, panel.profile_wanted,
            ProfileModel.of(scan).changed, panel.session.scan_changed, panel.session.layers_changed,
        )  # fmt: skip
        return [
            sum(len(emitter.callbacks) for emitter in emitters),
            len(regions.selected_data.events.items_changed),
            len(regions.mouse_drag_callbacks),
            len(viewer.mouse_move_callbacks),
            *(len(signal) for signal in signals),
        ]

    dock.hide()
    before = count()
    for _ in range(20):
        dock.show()
        dock.hide()
    assert count() == before
    dock.show()
