"""Side by side while other things happen: a fit, deleted layers, a colour bar, 3D."""

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("qtpy")
from napari_tesm import fit
from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.layers.result_layers import add_result_layers
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan

pytestmark = pytest.mark.display


@pytest.fixture
def fitted(viewer, qtbot):
    """Viewer, workspace and scan with a D map and its colour bar on screen, the Compare tab open."""
    dataset = example_dataset(shape=(12, 16))
    scan = Scan("example", dataset, [dataset["topography"]])
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    workspace = open_workspace(viewer)
    qtbot.wait(60)
    add_maps(viewer, scan)
    workspace.tabs.setCurrentWidget(workspace.panels["Compare"])
    qtbot.waitUntil(lambda: seen(viewer)[-1].colorbar.visible)
    return viewer, workspace, scan


def add_maps(viewer, scan, **options):
    maps = fit(scan.dataset, tip_radius="25 nm", **options)
    layers = add_result_layers(Session.of(viewer), scan, maps)
    scan.set_results(maps)
    return layers


def seen(viewer):
    return [layer for layer in viewer.layers if layer.visible and "map" in layer.metadata.get("tesm", {})]


def press(workspace, qtbot):
    workspace.panels["Compare"].side_button.click()
    qtbot.wait(120)


def test_the_colour_bar_of_a_map_that_was_hidden_comes_back(fitted, qtbot):
    viewer, workspace, _ = fitted
    (before,) = seen(viewer)
    press(workspace, qtbot)
    assert [layer.metadata["tesm"]["map"] for layer in seen(viewer)] == ["H", "H"]
    press(workspace, qtbot)
    assert seen(viewer) == [before]
    assert before.colorbar.visible


def test_a_levelled_image_is_what_the_canvas_tells_of_and_a_refusal_stands_below_the_tabs(fitted, qtbot):
    viewer, workspace, _ = fitted
    (before,) = seen(viewer)
    workspace.more_button.level("rows")
    made = viewer.layers["Topography (rows levelled)"]
    qtbot.waitUntil(lambda: made.colorbar.visible and not before.colorbar.visible)
    assert viewer.canvas.overlays["tesm_map"].text.startswith("Topography (rows levelled)   ")
    assert seen(viewer) == []
    before.visible = True  # a map that is chosen afterwards lies over it
    qtbot.waitUntil(lambda: before.colorbar.visible and not made.colorbar.visible)
    crop = next(action for action in workspace.more_button.menu().actions() if action.text() == "Crop")
    crop.trigger()
    assert "rectangle" in workspace.notice.words.text()
    assert workspace.notice.isVisibleTo(workspace)


def test_maps_of_a_fit_end_it_and_are_what_is_seen(fitted, qtbot):
    viewer, workspace, _ = fitted
    press(workspace, qtbot)
    workspace.tabs.setCurrentWidget(workspace.fit_panel)
    # A preview that is computed meanwhile would lie over maps that come from elsewhere than the form.
    workspace.fit_panel.form.preview.value = False
    new = add_maps(viewer, fitted[2], threshold=0.3)
    qtbot.wait(120)
    assert not workspace.panels["Compare"].side_button.isChecked()
    assert not viewer.canvas.grid.enabled
    assert seen(viewer) == [layer for layer in new if layer.visible] != []
    assert not any(layer.name.startswith("probe") for layer in viewer.layers)
    assert [layer.name for layer in viewer.layers][-2:] == ["Regions", "Points"]


def test_it_ends_when_everything_is_deleted(fitted, qtbot):
    viewer, workspace, _ = fitted
    press(workspace, qtbot)
    viewer.layers.clear()
    qtbot.wait(60)
    assert not viewer.canvas.grid.enabled
    assert not workspace.panels["Compare"].side_button.isChecked()


def test_no_pixel_is_under_the_cursor_in_3d(fitted):
    viewer, workspace, scan = fitted
    session = workspace.session
    place = np.array([0.0, *scan.display.origin])
    assert session.pixel_under(place) == (0, 0)
    viewer.dims.ndisplay = 3
    assert session.pixel_under(place) is None
    viewer.dims.ndisplay = 2


def test_the_colour_bar_is_left_alone_once_the_dock_is_gone(fitted, qtbot):
    viewer, workspace, _ = fitted
    session = workspace.session
    viewer.window.remove_dock_widget(workspace)
    qtbot.wait(30)
    assert len(session.visible_changed) == len(session.layers_changed) == 0


def test_a_map_that_is_shown_by_its_eye_is_the_one_that_is_seen_and_has_the_colour_bar(fitted, qtbot):
    viewer, _, scan = fitted
    (before,) = seen(viewer)
    height = next(layer for layer in Session.of(viewer).layers_of(scan, "map") if layer is not before)
    height.visible = True
    assert seen(viewer) == [height]
    qtbot.waitUntil(lambda: height.colorbar.visible and not before.visible)
