"""Several scans as objects of the window: one is seen, all can be fitted, copied to, saved and closed."""

import gc
from weakref import ref

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("qtpy")
from qtpy.QtCore import Qt

from napari_tesm import open_dataset
from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.scan import Scan, role_of
from napari_tesm.regions.shapes import Region

pytestmark = pytest.mark.display


def add_scan(viewer, name, *, shape=(6, 9), seed=1, **options):
    scan = Scan(name, dataset := example_dataset(shape=shape, seed=seed, **options), [dataset["topography"]])
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    return scan


def layers_of(viewer, scan):
    return [layer for layer in viewer.layers if role_of(layer.metadata).get("scan") is scan]


def seen(viewer, scan):
    return {layer for layer in layers_of(viewer, scan) if layer.visible}


@pytest.fixture
def opened(viewer, qtbot):
    """Viewer, workspace and three scans of different shapes, the Scans tab open."""
    scans = [add_scan(viewer, "first"), add_scan(viewer, "second", shape=(7, 5), seed=2)]
    workspace = open_workspace(viewer)
    scans.append(add_scan(viewer, "third", seed=3))
    workspace.tabs.setCurrentWidget(workspace.panels["Scans"])
    qtbot.wait(80)
    return viewer, workspace, scans


def choose(workspace, number, qtbot):
    workspace.panels["Scans"].table.setCurrentCell(number, 0)
    qtbot.wait(40)


def test_the_chosen_scan_is_seen_as_it_was_left_and_no_other(opened, qtbot):
    viewer, workspace, scans = opened
    assert workspace.scan is scans[2]
    assert seen(viewer, scans[2])
    assert not seen(viewer, scans[0]) | seen(viewer, scans[1])
    left = {layer.name for layer in seen(viewer, scans[2])}
    hidden = min(seen(viewer, scans[2]), key=lambda layer: layer.name)
    hidden.visible = False
    for number in (0, 1, 0):
        choose(workspace, number, qtbot)
        assert workspace.scan is scans[number]
        for scan in scans:
            assert bool(seen(viewer, scan)) == (scan is scans[number])
        active = viewer.layers.selection.active
        assert role_of(active.metadata)["scan"] is scans[number], "napari's controls are of what is seen"
    choose(workspace, 2, qtbot)
    assert {layer.name for layer in seen(viewer, scans[2])} == left - {hidden.name}


def test_layers_are_called_after_their_scan_while_there_are_several(opened, qtbot):
    viewer, workspace, scans = opened
    for scan in scans:
        assert all(layer.name.endswith(f" · {scan.name}") for layer in layers_of(viewer, scan))
    mine = layers_of(viewer, scans[1])[0]
    mine.name = "my own name"
    workspace.panels["Scans"].table.item(0, 0).setText("reference")
    qtbot.wait(60)
    assert scans[0].name == "reference"
    assert all(layer.name.endswith(" · reference") for layer in layers_of(viewer, scans[0]))
    assert mine.name == "my own name"
    for scan in (scans[2], scans[1]):
        workspace.views.close(scan)
    qtbot.wait(60)
    assert {"Points", "Regions", "H (-3 V)"} <= {layer.name for layer in layers_of(viewer, scans[0])}


def test_form_regions_and_points_go_to_the_others(opened, qtbot):
    _, workspace, scans = opened
    panel, source = workspace.panels["Scans"], scans[2]
    source.set_regions([Region("line", ((0.0, 0.0), (2e-8, 1e-8)), "step 1", "step", 5e-9)])
    source.pin((2, 3))
    workspace.fit_panel.model.set(kernel="stretched", tip_radius="17 nm", window1="0 ms : 8 ms")
    for what in ("form", "regions", "points"):
        panel.copy(what)
    for scan in scans[:2]:
        assert scan.recipe == source.recipe
        assert scan.regions == source.regions
        assert scan.points == source.points
    assert "2 other scans" in panel.words.text()


def test_all_scans_are_fitted_with_one_form_and_a_bad_one_stops_none(opened, qtbot):
    viewer, workspace, scans = opened
    scans[1].enter(pulse_start=0.5)  # after its record has ended
    choose(workspace, 0, qtbot)
    panel = workspace.panels["Scans"]
    FitModel(scans[0]).set(tip_radius="17 nm")
    qtbot.mouseClick(panel.fit_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not panel._worker.running and not panel._queue, timeout=60000)
    assert [scan.maps is not None for scan in scans] == [True, False, True]
    assert "second" in panel.words.text()
    for scan in (scans[0], scans[2]):
        assert scan.recipe.tip_radius == pytest.approx(17e-9)
    assert any("log10 D" in layer.name for layer in seen(viewer, scans[0]))
    assert workspace.scan is scans[0]
    choose(workspace, 2, qtbot)
    assert any("log10 D" in layer.name for layer in seen(viewer, scans[2]))
    states = [panel.table.item(row, 3).text() for row in range(3)]
    assert states == ["fitted", "not fitted", "fitted"]


def test_all_unsaved_scans_are_saved_in_one_folder_over_none_that_is_there(opened, tmp_path, qtbot):
    _, workspace, scans = opened
    panel = workspace.panels["Scans"]
    for scan in (scans[0], scans[2]):
        scan.pin((1, 1))
    (tmp_path / "third_D.gwy").write_text("mine")
    panel.save_scans(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first_D.gwy", "third_D.gwy"]
    assert (tmp_path / "third_D.gwy").read_text() == "mine"
    assert "third" in panel.words.text()
    np.testing.assert_allclose(
        open_dataset(tmp_path / "first_D.gwy")["displacement"].values,
        scans[0].dataset["displacement"].values,
        rtol=1e-6,
    )
    assert [bool(scan.unsaved()) for scan in scans] == [False, False, True]


def test_closing_asks_about_unsaved_work_and_leaves_nothing_behind(opened, qtbot, monkeypatch):
    from napari_tesm.gui.panels import scans as module

    viewer, workspace, scans = opened
    panel = workspace.panels["Scans"]
    scans[2].pin((1, 1))
    answers = ["", "discard"]
    asked = []
    monkeypatch.setattr(
        module, "ask_before_closing", lambda *args, **_: (asked.append(args[1]), answers.pop(0))[1]
    )
    panel.close_scan()
    assert scans[2] in workspace.session.scans
    panel.close_scan()
    qtbot.wait(60)
    assert workspace.session.scans == scans[:2]
    assert "third" in asked[0]
    assert seen(viewer, workspace.scan)
    gone = ref(scans.pop())
    qtbot.wait(60)
    gc.collect()
    assert gone() is None, "nothing holds a scan that was closed"


def test_fitting_twice_keeps_earlier_maps_under_what_was_different(viewer, qtbot):
    scan = add_scan(viewer, "only")
    workspace = open_workspace(viewer)
    panel = workspace.fit_panel

    def fit_with(**values):
        panel.model.set(**values)
        panel.fit_all()
        qtbot.waitUntil(lambda: not panel._fit_worker.running, timeout=60000)
        qtbot.wait(40)

    fit_with(tip_radius="17 nm")
    fit_with(tip_radius="17 nm")
    names = [layer.name for layer in layers_of(viewer, scan)]
    assert len(names) == len(set(names))
    assert not [name for name in names if "[" in name], "the same fit once more is no other map"
    fit_with(tip_radius="31 nm")
    names = [layer.name for layer in layers_of(viewer, scan)]
    assert "log10 D2 (-3 V)" in names
    assert "log10 D2 (-3 V) · tip radius 17 nm" in names
    assert not [name for name in names if "[" in name]


def test_h_of_a_fit_takes_the_place_of_another_h_from_before(viewer, qtbot):
    scan = add_scan(viewer, "only")
    workspace = open_workspace(viewer)
    before = next(layer for layer in layers_of(viewer, scan) if layer.name == "H (-3 V)")
    before.data = 1.1 * before.data  # as with other clean-up than that of the fit
    workspace.fit_panel.fit_all()
    qtbot.waitUntil(lambda: scan.maps is not None, timeout=60000)
    qtbot.wait(40)
    names = [layer.name for layer in layers_of(viewer, scan)]
    assert not [name for name in names if "[" in name]
    (after,) = [layer for layer in layers_of(viewer, scan) if layer.name == "H (-3 V)"]
    factor = after.metadata["tesm"]["factor"]
    np.testing.assert_allclose(after.data * factor, scan.maps["H"].values[1], rtol=1e-5)


def test_a_name_that_is_taken_is_numbered_everywhere(opened, qtbot):
    viewer, workspace, scans = opened
    panel = workspace.panels["Scans"]
    panel.table.item(0, 0).setText("third")
    qtbot.wait(80)
    assert [scan.name for scan in scans] == ["third [1]", "second", "third"]
    assert [panel.table.item(row, 0).text() for row in range(3)] == ["third [1]", "second", "third"]
    assert [workspace.scan_box.itemText(row) for row in range(3)] == ["third [1]", "second", "third"]
    for scan in scans:
        assert {layer.name.split(" · ")[-1] for layer in layers_of(viewer, scan)} == {scan.name}
    panel.table.item(1, 0).setText("  ")
    qtbot.wait(60)
    assert panel.table.item(1, 0).text() == "second", "an empty name is none"
    same = add_scan(viewer, "second", seed=9)
    qtbot.wait(80)
    assert same.name == "second [1]"
