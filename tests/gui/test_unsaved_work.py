"""What is on the screen, in the tables and in the file: the last fit, unsaved work, drawings without a class."""

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("qtpy")

from napari_tesm import fit
from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.ending import keep_unsaved_work
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.agreement import recipe_in_short, sentence_about_maps
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.scan import Scan, scans_from_path
from napari_tesm.regions.measures import parts_of_image
from napari_tesm.regions.shapes import Region


@pytest.fixture
def scan():
    dataset = example_dataset(shape=(6, 9))
    return Scan("example", dataset, [dataset["topography"]])


def test_maps_of_another_recipe_are_said_with_what_differs_and_those_of_this_one_are_not(scan):
    model = FitModel(scan)
    assert sentence_about_maps(scan) == recipe_in_short(scan) == ""
    scan.set_results(model.fit())
    assert sentence_about_maps(scan) == ""
    assert recipe_in_short(scan).startswith("exponential · 15 % of the robust maximum")
    model.set(threshold="60%")
    assert sentence_about_maps(scan) == (
        "Tables and Save have the last fit, threshold 15%; the form says 60%."
    )
    model.set(threshold_of="max", window2="11ms:20ms")
    words = sentence_about_maps(scan)
    assert "15 % of the robust maximum" in words
    assert "60 % of the plain maximum" in words
    assert "window 2" in words
    scan.set_results(model.fit())
    assert sentence_about_maps(scan) == ""
    scan.enter(pulse_duration=9e-3)
    assert "9 ms" in sentence_about_maps(scan), "what was entered of the pulse since the fit counts, too"


def test_work_is_unsaved_until_it_is_in_a_file_and_then_read_back(scan, tmp_path):
    assert scan.unsaved() == []
    scan.pin((2, 5))
    corners = ((1e-6, 1e-6), (3e-6, 1e-6), (3e-6, 2e-6), (1e-6, 2e-6))
    scan.set_regions([Region("rectangle", corners, "a"), Region("line", corners[:2], "b", "")])
    scan.set_results(fit(scan.dataset))
    assert scan.unsaved() == ["a fit", "2 regions", "1 pinned point"]
    path = scan.save(tmp_path / "work.gwy")
    assert scan.unsaved() == []
    (again,) = scans_from_path(path)
    assert again.unsaved() == []
    assert [region.region_class for region in again.regions] == ["other", ""]
    again.set_regions([])
    assert again.unsaved() == ["the regions that were deleted"]


def test_a_line_without_a_class_is_a_row_and_part_of_no_class_and_no_comparison():
    x = y = (np.arange(12) + 0.5) * 1e-6
    step = Region("line", ((1e-6, 1e-6), (9e-6, 1e-6)), "s", "step")
    line = Region("line", ((1e-6, 6e-6), (9e-6, 6e-6)), "l", "")
    parts = parts_of_image([step, line], {}, x, y)
    assert [(p.part, p.region_class) for p in parts[:3]] == [
        ("region", "step"),
        ("region", ""),
        ("class", "step"),
    ]
    assert parts[2].mask.sum() == parts[0].mask.sum()


@pytest.mark.display
def test_closing_by_hand_names_what_is_unsaved_and_cancel_keeps_the_window(viewer, scan, qtbot, monkeypatch):
    from napari_tesm.gui.panels import closing

    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    workspace = open_workspace(viewer)
    qtbot.wait(100)
    asked = []
    answers = ["", "save", "discard"]
    monkeypatch.setattr(
        closing, "ask_before_closing", lambda _, words: asked.append(words) or answers[len(asked) - 1]
    )
    monkeypatch.setattr(workspace, "ask_and_save_scan", lambda _: False)
    window = viewer.window._qt_window
    closed = []
    guard = window.findChild(closing.ClosingGuard)
    monkeypatch.setattr(guard, "_close_now", lambda **_: closed.append(True))
    scan.pin((1, 2))
    assert window.close(quit_app=True, confirm_need=True) is None
    assert window.close(confirm_need=True) is None, "a save that was given up keeps the window"
    assert not closed
    window.close(confirm_need=True)
    assert closed == [True]
    assert asked == ["Not saved yet: example: 1 pinned point."] * 3
    window.close()
    assert len(asked) == 3, "a program is not asked"
    monkeypatch.undo()


@pytest.mark.display
def test_unsaved_work_is_kept_beside_the_file_when_nobody_can_be_asked(viewer, scan, qtbot, tmp_path):
    scan.path = tmp_path / "scan.gwy"
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    assert keep_unsaved_work(viewer) == []
    scan.pin((1, 2))
    for name in ("scan_unsaved.gwy", "scan_unsaved_2.gwy"):
        (sentence,) = keep_unsaved_work(viewer)
        assert sentence.endswith(f"1 pinned point kept in {tmp_path / name}")
        (again,) = scans_from_path(tmp_path / name)
        assert [scan.pixel_of(p.x, p.y) for p in again.points] == [(1, 2)]
        scan.pin((3, 4))
        scan.set_points(scan.points[:1])
        scan._saved["pinned point"] = ()


@pytest.mark.display
def test_a_map_hides_colours_below_it_and_leaves_grey_and_what_lies_over_it(viewer, scan, qtbot):
    from napari_tesm.gui.layers.result_layers import add_result_layers, show_one_map
    from napari_tesm.gui.layers.session import Session

    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    maps = fit(scan.dataset)
    session = Session.of(viewer)
    (ground,) = session.layers_of(scan, "channel")
    ground.visible = True
    add_result_layers(session, scan, maps)
    assert not ground.visible
    ground.colormap, ground.visible = "gray", True
    scan.set_results(maps)
    painted = viewer.add_labels(
        np.ones((6, 9), dtype=np.uint8),
        metadata={"tesm": {"scan": scan, "kind": "channel"}},
        scale=ground.scale,
        translate=ground.translate,
    )
    show_one_map(session, scan, "D1", 0)
    assert ground.visible
    assert painted.visible, "it lies over the map"
    viewer.layers.move(viewer.layers.index(painted), 0)
    show_one_map(session, scan, "D2", 0)
    assert not painted.visible
